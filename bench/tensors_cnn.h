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

/* Records the first step derived by hand from all inputs. */
void tensors_cnn_reference(const tensors_row *row, double *const *in, tensors_results *results);

/* --- Of tensors_ours.c --- */
void tensors_ours_threads(int n);
struct tp_var *tensors_ours_input(const tensors_input *input, int i, tensors_type type);

/* Gives back what making the inputs left behind. */
void tensors_ours_trim(void);
struct tp_var *tensors_ours_cross_entropy(struct tp_var *h, struct tp_var *one_hot);

#ifdef __cplusplus
}
#endif

#endif
