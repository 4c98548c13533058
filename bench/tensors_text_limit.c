/* SPDX-License-Identifier: MIT
 *
 * What nobody can leave out of networks over characters: the products at the BLAS's rate, a step's
 * or a head's at a time where they are; of what lies between them, one pass over memory for each of
 * the arrays that a sweep back reads; for training, one over parameters. Functions cost nothing.
 */
#include "tensors_text.h"

#include <stdlib.h>

enum { TEXT_ARRAYS = 3 };

typedef struct text_limit {
    tensors_row row;
    int64_t params;
    void *array[TEXT_ARRAYS];
} text_limit;

static void text_close(void *state)
{
    text_limit *limit = state;
    for (int i = 0; i < TEXT_ARRAYS; i++)
        free(limit->array[i]);
    free(limit);
}

static void *text_open(const tensors_row *row)
{
    tensors_input input[TENSORS_INPUTS];
    int inputs = tensors_describe(row, input);
    text_limit *limit = calloc(1, sizeof *limit);
    if (!limit)
        return NULL;
    limit->row = *row;
    const int64_t *size = row->size;
    bool lstm = row->kind == TENSORS_LSTM;
    int64_t room = lstm ? size[0] * size[1] * 4 * size[2] : size[3] * size[4] * 4 * size[1];
    for (int i = 2; i < inputs; i++)
        limit->params += input[i].n;
    room = limit->params > room ? limit->params : room;
    for (int i = 0; i < TEXT_ARRAYS; i++)
        if (!(limit->array[i] = tensors_limit_array(room))) {
            text_close(limit);
            return NULL;
        }
    return limit;
}

static void text_product(const text_limit *limit, const char *how, int64_t m, int64_t k, int64_t n)
{
    tensors_limit_product(TENSORS_F32, how, (int64_t[]){m, k, n}, limit->array[0], limit->array[1],
                          limit->array[2]);
}

/* Forward and both gradients. */
static void text_linear(const text_limit *limit, int64_t lines, int64_t in, int64_t out)
{
    text_product(limit, "NT", lines, in, out);
    text_product(limit, "NN", lines, out, in);
    text_product(limit, "TN", out, lines, in);
}

static void text_pass(const text_limit *limit, int64_t n)
{
    tensors_limit_copy(limit->array[2], limit->array[0], n);
}

static void text_lstm(const text_limit *limit)
{
    int64_t steps = limit->row.size[0], batch = limit->row.size[1], width = limit->row.size[2];
    int64_t lines = steps * batch;
    text_linear(limit, lines, width, 4 * width);
    for (int64_t t = 0; t < steps; t++) {
        text_product(limit, "NT", batch, width, 4 * width);
        text_product(limit, "NN", batch, 4 * width, width);
    }
    text_product(limit, "TN", 4 * width, lines, width);
    text_linear(limit, lines, width, TENSORS_CHARACTERS);
    text_pass(limit, 4 * lines * width); /* gates, forwards and backwards */
    text_pass(limit, 4 * lines * width);
}

static void text_gpt(const text_limit *limit)
{
    const int64_t *size = limit->row.size;
    int64_t width = size[1], heads = size[2], steps = size[3], lines = steps * size[4];
    for (int64_t layer = 0; layer < size[0]; layer++) {
        text_linear(limit, lines, width, 3 * width);
        text_linear(limit, lines, width, width);
        text_linear(limit, lines, width, 4 * width);
        text_linear(limit, lines, 4 * width, width);
        for (int64_t head = 0; head < heads * size[4]; head++) {
            text_linear(limit, steps, width / heads, steps);
            text_linear(limit, steps, steps, width / heads);
        }
        for (int i = 0; i < 2; i++) { /* two norms, the wide layer's function */
            text_pass(limit, lines * width);
            text_pass(limit, lines * width);
            text_pass(limit, 4 * lines * width);
        }
    }
    text_linear(limit, lines, width, TENSORS_CHARACTERS);
}

static void text_step(void *state, tensors_results *results)
{
    (void)results;
    const text_limit *limit = state;
    if (limit->row.kind == TENSORS_LSTM)
        text_lstm(limit);
    else
        text_gpt(limit);
    text_pass(limit, limit->params);
}

const tensors_side *tensors_text_limit(void)
{
    static const tensors_side side = {
        .name = "limit", .version = "", .open = text_open, .step = text_step, .close = text_close};
    return &side;
}
