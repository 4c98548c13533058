/* SPDX-License-Identifier: MIT
 *
 * Networks over sequences of characters: rows of their own in tensors.
 */
#ifndef BENCH_TENSORS_TEXT_H
#define BENCH_TENSORS_TEXT_H

#include "tensors_cnn.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Inputs 0 and 1 are characters and the ones that follow them, one-hot, a line each; then come
 * parameters: the embedding, then
 *
 *     LSTM   w_ih, w_hh, b_ih, b_hh, head's weight and bias
 *     GPT    positions, TENSORS_LAYER for each layer, the last norm's two, head's two
 *
 * where a layer has its first norm's weight and bias, those of q, k and v together, of the
 * projection, of the second norm, of the wide and of the narrow linear layer. Weights are (out,
 * in). */
enum {
    TENSORS_CHARACTERS = 65,
    TENSORS_LAYER = 12,
    TENSORS_LSTM_PARAMS = 7,
    TENSORS_TEXT_PARAMS = TENSORS_INPUTS - 2
};

/* row may be NULL. */
bool tensors_is_text(const tensors_row *row);

int tensors_text_list(const tensors_row *row, tensors_input *input);

const tensors_side *tensors_text_ours(void);
const tensors_side *tensors_text_torch(void (*threads)(int n));

/* Records the first step's loss. */
void tensors_text_reference(const tensors_row *row, double *const *in, tensors_results *results);

#ifdef __cplusplus
}
#endif

#endif
