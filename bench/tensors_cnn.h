/* SPDX-License-Identifier: MIT
 *
 * Convolutions and pooling: rows of their own in tensors. And what these take from the other rows.
 */
#ifndef BENCH_TENSORS_CNN_H
#define BENCH_TENSORS_CNN_H

#include "tensors.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { TENSORS_CLASSES = 10 };

/* row may be NULL. */
bool tensors_is_cnn(const tensors_row *row);

int tensors_cnn_list(const tensors_row *row, tensors_input *input);

const tensors_side *tensors_cnn_ours(void);
const tensors_side *tensors_cnn_torch(void (*threads)(int n));
const tensors_side *tensors_cnn_limit(void);

/* Records the first step derived by hand from all inputs. */
void tensors_cnn_reference(const tensors_row *row, double *const *in, tensors_results *results);

/* --- Of tensors_ours.c --- */
void tensors_ours_threads(int n);
struct tp_var *tensors_ours_input(const tensors_input *input, int i, tensors_type type);
struct tp_var *tensors_ours_cross_entropy(struct tp_var *h, struct tp_var *one_hot);

/* --- Of tensors_limit.c --- */
void *tensors_limit_array(int64_t n); /* of n doubles, or NULL */
void tensors_limit_read(const void *data, size_t bytes);
void tensors_limit_copy(float *y, const float *x, int64_t n);

/* c (m, n) = a (m, k) × b (k, n), size {m, k, n}; 'T' for what is stored transposed. */
void tensors_limit_product(tensors_type type, const char *how, const int64_t *size, const void *a,
                           const void *b, void *c);

#ifdef __cplusplus
}
#endif

#endif
