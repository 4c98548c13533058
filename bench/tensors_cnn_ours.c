/* SPDX-License-Identifier: MIT
 *
 * Convolutions and pooling with this library. Gradients of single operations are those of a graph
 * that stays.
 */
#include "tensors_cnn.h"

#include <stdlib.h>
#include <tinypytorch.h>

typedef struct cnn_ours {
    tensors_row row;
    int inputs;
    tp_var *in[TENSORS_INPUTS];
    tp_var *velocity[TENSORS_CNN_PARAMS];
    tp_var *y; /* of a convolution */
    int64_t step;
} cnn_ours;

static tp_var *cnn_conv(tp_var *x, tp_var *w, tp_var *bias)
{
    return tp_conv2d(x, w, bias, .padding = TP_SIZES(1));
}

static void *cnn_open(const tensors_row *row)
{
    TP_SCOPE();
    cnn_ours *ours = calloc(1, sizeof *ours);
    if (!ours)
        return NULL;
    tensors_input input[TENSORS_INPUTS];
    ours->row = *row;
    ours->inputs = tensors_describe(row, input);
    for (int i = 0; i < ours->inputs; i++)
        ours->in[i] = tensors_ours_input(&input[i], i, row->type);
    for (int i = 0; row->kind == TENSORS_CNN && i < TENSORS_CNN_PARAMS; i++)
        ours->velocity[i] = tp_keep(tp_zeros(TP_F32, input[2 + i].ndim, input[2 + i].shape));
    if (row->kind == TENSORS_CONV && row->how[0] != 'f')
        ours->y = tp_keep(cnn_conv(ours->in[0], ours->in[1], NULL));
    tensors_ours_trim();
    return ours;
}

static void cnn_close(void *state)
{
    cnn_ours *ours = state;
    for (int i = 0; i < ours->inputs; i++)
        tp_free(ours->in[i]);
    for (int i = 0; i < TENSORS_CNN_PARAMS; i++)
        tp_free(ours->velocity[i]);
    tp_free(ours->y);
    free(ours);
}

static void cnn_record(tensors_results *results, const char *name, tp_var *v)
{
    const void *data = tp_data(v);
    if (data)
        tensors_record(results, name, TENSORS_F32, tp_size(v), data);
}

static void cnn_single(const cnn_ours *ours, tensors_results *results)
{
    tp_var *const *in = ours->in;
    if (ours->row.kind == TENSORS_POOL) {
        tp_var *y = tp_max_pool2d(in[0], TP_SHAPE(2));
        cnn_record(results, "value", y);
        cnn_record(results, "gradient", tp_gradient(y, in[0], .gradient = in[1]));
    } else if (ours->row.how[0] == 'f') {
        cnn_record(results, "value", cnn_conv(in[0], in[1], NULL));
    } else {
        tp_var *x = in[ours->row.how[0] == 'd' ? 0 : 1];
        cnn_record(results, "gradient", tp_gradient(ours->y, x, .gradient = in[2]));
    }
}

/* --- The network --- */

static tp_var *cnn_filters(tp_var *x, tp_var *const *param)
{
    TP_SCOPE();
    return tp_leave(tp_max_pool2d(tp_relu(cnn_conv(x, param[0], param[1])), TP_SHAPE(2)));
}

static tp_var *cnn_linear(tp_var *x, tp_var *const *param, bool relu)
{
    TP_SCOPE();
    tp_var *h = tp_linear(x, param[0], param[1]);
    return tp_leave(relu ? tp_relu(h) : h);
}

static tp_var *cnn_network(tp_var *x, tp_var *const *param)
{
    TP_SCOPE();
    tp_var *h = cnn_filters(cnn_filters(x, param), param + 2);
    h = cnn_linear(tp_reshape(h, TP_SHAPE(tp_len(x), -1)), param + 4, true);
    return tp_leave(cnn_linear(h, param + 6, false));
}

static void cnn_train(cnn_ours *ours, tensors_results *results)
{
    tp_var **param = ours->in + 2;
    for (int i = 0; i < TENSORS_CNN_PARAMS; i++)
        tp_cleargrad(param[i]);
    tp_var *loss = tensors_ours_cross_entropy(cnn_network(ours->in[0], param), ours->in[1]);
    tp_backward(loss, .consume = true);
    cnn_record(results, "loss", loss);
    for (int i = 0; results && i < TENSORS_CNN_PARAMS; i++)
        cnn_record(results, "gradient", tp_grad(param[i]));
    tp_sgd_step(param, ours->velocity, TENSORS_CNN_PARAMS, .lr = tensors_rate(++ours->step),
                .momentum = 0.9);
    for (int i = 0; results && i < TENSORS_CNN_PARAMS; i++)
        cnn_record(results, "parameter", param[i]);
}

static void cnn_step(void *state, tensors_results *results)
{
    TP_SCOPE();
    cnn_ours *ours = state;
    if (ours->row.kind == TENSORS_CNN)
        cnn_train(ours, results);
    else
        cnn_single(ours, results);
}

const tensors_side *tensors_cnn_ours(void)
{
    static const tensors_side side = {.name = "TinyPytorch",
                                      .version = TP_VERSION,
                                      .threads = tensors_ours_threads,
                                      .open = cnn_open,
                                      .step = cnn_step,
                                      .close = cnn_close};
    return &side;
}
