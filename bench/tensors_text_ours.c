/* SPDX-License-Identifier: MIT
 *
 * Networks over characters with this library: each layer in a scope of its own, graphs consumed by
 * the sweep.
 */
#include "tensors_text.h"

#include <stdlib.h>
#include <tinypytorch.h>

typedef struct text_ours {
    tensors_row row;
    int inputs, params;
    tp_var *in[TENSORS_INPUTS], **param; /* in + 2 */
    tp_var *m[TENSORS_TEXT_PARAMS], *v[TENSORS_TEXT_PARAMS];
    tp_var *characters, *next; /* (T, N) or (N, T), and as many in a row */
    int64_t step;
} text_ours;

static void *text_open(const tensors_row *row)
{
    TP_SCOPE();
    text_ours *ours = calloc(1, sizeof *ours);
    if (!ours)
        return NULL;
    tensors_input input[TENSORS_INPUTS];
    ours->row = *row;
    ours->inputs = tensors_describe(row, input);
    ours->params = ours->inputs - 2;
    ours->param = ours->in + 2;
    for (int i = 2; i < ours->inputs; i++)
        ours->in[i] = tensors_ours_input(&input[i], i, row->type);
    for (int i = 0; i < ours->params; i++) {
        ours->m[i] = tp_keep(tp_zeros(TP_F32, input[2 + i].ndim, input[2 + i].shape));
        ours->v[i] = tp_keep(tp_zeros(TP_F32, input[2 + i].ndim, input[2 + i].shape));
    }
    bool lstm = row->kind == TENSORS_LSTM;
    int64_t shape[] = {row->size[lstm ? 0 : 4], row->size[lstm ? 1 : 3]};
    tp_var *one_hot[2];
    for (int i = 0; i < 2; i++)
        one_hot[i] = tensors_ours_input(&input[i], i, row->type);
    ours->characters = tp_keep(tp_reshape(tp_argmax(one_hot[0], 1), 2, shape));
    ours->next = tp_keep(tp_argmax(one_hot[1], 1));
    tp_free(one_hot[0]), tp_free(one_hot[1]);
    tensors_ours_trim();
    return ours;
}

static void text_close(void *state)
{
    text_ours *ours = state;
    for (int i = 0; i < ours->params; i++)
        tp_free(ours->param[i]), tp_free(ours->m[i]), tp_free(ours->v[i]);
    tp_free(ours->characters), tp_free(ours->next);
    free(ours);
}

static void text_record(tensors_results *results, const char *name, tp_var *v)
{
    const void *data = tp_data(v);
    if (data)
        tensors_record(results, name, TENSORS_F32, tp_size(v), data);
}

static tp_var *text_loss(tp_var *h, tp_var *const *head, tp_var *next)
{
    TP_SCOPE();
    tp_var *lines = tp_reshape(h, TP_SHAPE(tp_size(next), -1));
    return tp_leave(tp_cross_entropy(tp_linear(lines, head[0], head[1]), next));
}

static tp_var *text_lstm(const text_ours *ours)
{
    TP_SCOPE();
    tp_var *const *p = ours->param, *x = tp_embedding(ours->characters, p[0]);
    tp_var *h = tp_lstm(x, NULL, NULL, p[1], p[2], p[3], p[4], NULL);
    return tp_leave(text_loss(h, p + 5, ours->next));
}

/* --- GPT --- */

static tp_var *text_norm(tp_var *x, tp_var *const *p)
{
    return tp_layer_norm(x, 1, p[0], p[1], .eps = 1e-5);
}

static tp_var *text_attention(tp_var *x, tp_var *const *p, int64_t heads)
{
    TP_SCOPE();
    int64_t width = tp_shape(x)[2];
    tp_var *qkv = tp_linear(text_norm(x, p), p[2], p[3]);
    tp_var *q = tp_narrow(qkv, 2, 0, width), *k = tp_narrow(qkv, 2, width, width);
    tp_var *y =
        tp_multi_head_attention(q, k, tp_narrow(qkv, 2, 2 * width, width), heads, .causal = true);
    return tp_leave(tp_add(x, tp_linear(y, p[4], p[5])));
}

static tp_var *text_wide(tp_var *x, tp_var *const *p)
{
    TP_SCOPE();
    tp_var *h = tp_gelu(tp_linear(text_norm(x, p), p[2], p[3]));
    return tp_leave(tp_add(x, tp_linear(h, p[4], p[5])));
}

static tp_var *text_gpt(const text_ours *ours)
{
    TP_SCOPE();
    tp_var *const *p = ours->param, *const *layer = p + 2;
    const int64_t *size = ours->row.size;
    tp_var *x = tp_add(tp_embedding(ours->characters, p[0]), p[1]);
    for (int64_t i = 0; i < size[0]; i++, layer += TENSORS_LAYER)
        x = text_wide(text_attention(x, layer, size[2]), layer + 6);
    return tp_leave(text_loss(text_norm(x, layer), layer + 2, ours->next));
}

/* --- Step --- */

static void text_step(void *state, tensors_results *results)
{
    TP_SCOPE();
    text_ours *ours = state;
    for (int i = 0; i < ours->params; i++)
        tp_cleargrad(ours->param[i]);
    tp_var *loss = ours->row.kind == TENSORS_LSTM ? text_lstm(ours) : text_gpt(ours);
    tp_backward(loss, .consume = true);
    text_record(results, "loss", loss);
    for (int i = 0; results && i < ours->params; i++)
        text_record(results, "gradient", tp_grad(ours->param[i]));
    ours->step++;
    tp_adam_step(ours->param, ours->m, ours->v, ours->params, ours->step,
                 .lr = tensors_rate(ours->step));
}

const tensors_side *tensors_text_ours(void)
{
    static const tensors_side side = {.name = "TinyPytorch",
                                      .version = TP_VERSION,
                                      .threads = tensors_ours_threads,
                                      .open = text_open,
                                      .step = text_step,
                                      .close = text_close};
    return &side;
}
