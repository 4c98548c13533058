/* SPDX-License-Identifier: MIT
 *
 * Parts of networks, each with its gradient: rows of their own in tensors. `how` names the part,
 * the first sizes are x's:
 *
 *     softmax, cross_entropy    (rows, classes)
 *     layer_norm, rms_norm      (rows, width)
 *     batch_norm                (images, channels, side)
 *     embedding                 (places, width, words)
 *     attention                 (heads, length, width), causal
 */
#ifndef BENCH_TENSORS_LAYERS_H
#define BENCH_TENSORS_LAYERS_H

#include "tensors_text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* row may be NULL. */
bool tensors_is_layer(const tensors_row *row);
bool tensors_layer_is(const tensors_row *row, const char *how);

/* Inputs: x, what it goes with, and last the gradient of the result. */
int tensors_layer_list(const tensors_row *row, tensors_input *input);

const tensors_side *tensors_layer_ours(void);
const tensors_side *tensors_layer_torch(void (*threads)(int n));

/* Records the value. */
void tensors_layer_reference(const tensors_row *row, double *const *in, tensors_results *results);

#ifdef __cplusplus
}
#endif

#endif
