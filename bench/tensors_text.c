/* SPDX-License-Identifier: MIT */
#include "tensors_text.h"

#include <math.h>

bool tensors_is_text(const tensors_row *row)
{
    return row && (row->kind == TENSORS_LSTM || row->kind == TENSORS_GPT);
}

static tensors_input text_uniform(int64_t a, int64_t b, double low, double high)
{
    return (tensors_input){
        .low = low, .high = high, .differentiable = true, .ndim = b ? 2 : 1, .shape = {a, b}};
}

static tensors_input text_characters(int64_t n)
{
    return (tensors_input){.content = TENSORS_ONE_HOT, .ndim = 2, .shape = {n, TENSORS_CHARACTERS}};
}

/* Weight and bias as PyTorch's linear layers start. */
static tensors_input *text_linear(tensors_input *to, int64_t in, int64_t out)
{
    double bound = 1 / sqrt((double)in);
    *to++ = text_uniform(out, in, -bound, bound);
    *to++ = text_uniform(out, 0, -bound, bound);
    return to;
}

static tensors_input *text_norm(tensors_input *to, int64_t width)
{
    *to++ = text_uniform(width, 0, 0.9, 1.1);
    *to++ = text_uniform(width, 0, -0.1, 0.1);
    return to;
}

static tensors_input *text_lstm(tensors_input *to, int64_t width)
{
    double bound = 1 / sqrt((double)width);
    *to++ = text_uniform(4 * width, width, -bound, bound);
    *to++ = text_uniform(4 * width, width, -bound, bound);
    *to++ = text_uniform(4 * width, 0, -bound, bound);
    *to++ = text_uniform(4 * width, 0, -bound, bound);
    return text_linear(to, width, TENSORS_CHARACTERS);
}

static tensors_input *text_gpt(tensors_input *to, const int64_t *size)
{
    int64_t width = size[1];
    *to++ = text_uniform(size[3], width, -0.1, 0.1);
    for (int64_t layer = 0; layer < size[0]; layer++) {
        to = text_norm(to, width);
        to = text_linear(to, width, 3 * width);
        to = text_linear(to, width, width);
        to = text_norm(to, width);
        to = text_linear(to, width, 4 * width);
        to = text_linear(to, 4 * width, width);
    }
    to = text_norm(to, width);
    return text_linear(to, width, TENSORS_CHARACTERS);
}

int tensors_text_list(const tensors_row *row, tensors_input *input)
{
    const int64_t *size = row->size;
    bool lstm = row->kind == TENSORS_LSTM;
    int64_t places = lstm ? size[0] * size[1] : size[3] * size[4], width = size[lstm ? 2 : 1];
    input[0] = input[1] = text_characters(places);
    input[2] = text_uniform(TENSORS_CHARACTERS, width, -0.5, 0.5);
    return (int)((lstm ? text_lstm(input + 3, width) : text_gpt(input + 3, size)) - input);
}
