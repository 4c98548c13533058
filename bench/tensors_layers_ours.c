/* SPDX-License-Identifier: MIT
 *
 * Parts of networks with this library.
 */
#include "tensors_layers.h"

#include <stdlib.h>
#include <tinypytorch.h>

typedef struct layer_ours {
    tensors_row row;
    int inputs;
    tp_var *in[TENSORS_INPUTS], *index;
} layer_ours;

/* Where the ones are. */
static tp_var *layer_index(const tensors_input *input, int number)
{
    int64_t rows = input->shape[0], n = input->shape[1];
    float *one_hot = malloc((size_t)input->n * sizeof *one_hot);
    int64_t *index = calloc((size_t)rows, sizeof *index);
    if (!one_hot || !index)
        abort();
    tensors_fill(input, number, TENSORS_F32, one_hot);
    for (int64_t i = 0; i < input->n; i++)
        if (one_hot[i] > 0)
            index[i / n] = i % n;
    tp_var *v = tp_keep(tp_array(TP_I64, TP_SHAPE(rows), index));
    free(one_hot);
    free(index);
    return v;
}

static void *layer_open(const tensors_row *row)
{
    TP_SCOPE();
    layer_ours *ours = calloc(1, sizeof *ours);
    if (!ours)
        return NULL;
    tensors_input input[TENSORS_INPUTS];
    ours->row = *row;
    ours->inputs = tensors_describe(row, input);
    for (int i = 0; i < ours->inputs; i++)
        if (input[i].content == TENSORS_ONE_HOT)
            ours->index = layer_index(&input[i], i);
        else
            ours->in[i] = tensors_ours_input(&input[i], i, row->type);
    tensors_ours_trim();
    return ours;
}

static void layer_close(void *state)
{
    layer_ours *ours = state;
    for (int i = 0; i < ours->inputs; i++)
        tp_free(ours->in[i]);
    tp_free(ours->index);
    free(ours);
}

static void layer_record(tensors_results *results, const char *name, tp_var *v)
{
    const void *data = tp_data(v);
    if (data)
        tensors_record(results, name, TENSORS_F32, tp_size(v), data);
}

static tp_var *layer_value(const layer_ours *ours)
{
    tp_var *const *in = ours->in;
    if (tensors_layer_is(&ours->row, "softmax"))
        return tp_softmax(in[0], 1);
    if (tensors_layer_is(&ours->row, "cross_entropy"))
        return tp_cross_entropy(in[0], ours->index);
    if (tensors_layer_is(&ours->row, "layer_norm"))
        return tp_layer_norm(in[0], 1, in[1], in[2], .eps = 1e-5);
    if (tensors_layer_is(&ours->row, "rms_norm"))
        return tp_rms_norm(in[0], 1, in[1], .eps = 1e-5);
    if (tensors_layer_is(&ours->row, "batch_norm"))
        return tp_batch_norm(in[0], NULL, NULL, in[1], in[2], .eps = 1e-5);
    if (tensors_layer_is(&ours->row, "embedding"))
        return tp_embedding(ours->index, in[0]);
    return tp_scaled_dot_product_attention(in[0], in[1], in[2], .causal = true);
}

static void layer_step(void *state, tensors_results *results)
{
    TP_SCOPE();
    layer_ours *ours = state;
    tp_var *y = layer_value(ours), *targets[TENSORS_INPUTS], *g[TENSORS_INPUTS];
    int n = 0;
    for (int i = 0; i < ours->inputs; i++)
        if (ours->in[i] && tp_requires_grad(ours->in[i]) &&
            !(i == 2 && tensors_layer_is(&ours->row, "rms_norm")))
            targets[n++] = ours->in[i];
    layer_record(results, "value", y);
    tp_var *start = tp_size(y) > 1 ? ours->in[ours->inputs - 1] : NULL;
    tp_gradients(y, targets, n, g, .gradient = start);
    for (int i = 0; i < n; i++)
        layer_record(results, "gradient", g[i]);
}

const tensors_side *tensors_layer_ours(void)
{
    static const tensors_side side = {.name = "TinyPytorch",
                                      .version = TP_VERSION,
                                      .threads = tensors_ours_threads,
                                      .open = layer_open,
                                      .step = layer_step,
                                      .close = layer_close};
    return &side;
}
