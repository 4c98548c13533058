/* SPDX-License-Identifier: MIT
 *
 * The rows with this library, through its public header and as its users write them: each layer in
 * a scope of its own, graphs consumed by the sweep.
 */
#include "tensors_layers.h"

#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

typedef struct tensors_ours_state {
    tensors_row row;
    tp_dtype dtype;
    int inputs;
    tp_var *in[TENSORS_INPUTS];
    tp_var **param; /* in + 2 */
    tp_var *m[TENSORS_PARAMS], *v[TENSORS_PARAMS];
    int64_t step;
} tensors_ours_state;

/* --- Inputs and state --- */

void tensors_ours_threads(int n)
{
    tp_set_num_threads(n);
}

tp_var *tensors_ours_input(const tensors_input *input, int i, tensors_type type)
{
    TP_SCOPE();
    size_t item = type == TENSORS_F32 ? sizeof(float) : sizeof(double), bytes = item;
    for (int axis = 0; axis < input->ndim; axis++)
        bytes *= (size_t)input->shape[axis];
    void *data = malloc(bytes);
    if (!data)
        abort();
    tensors_fill(input, i, type, data);
    tp_var *v = tp_array(type == TENSORS_F32 ? TP_F32 : TP_F64, input->ndim, input->shape, data);
    free(data);
    return tp_keep(input->differentiable ? tp_variable(v) : v);
}

void tensors_ours_trim(void)
{
    tp_trim_memory();
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

static void *ours_open(const tensors_row *row)
{
    TP_SCOPE();
    tensors_ours_state *ours = calloc(1, sizeof *ours);
    if (!ours)
        return NULL;
    tensors_input input[TENSORS_INPUTS];
    ours->row = *row;
    ours->inputs = tensors_describe(row, input);
    for (int i = 0; i < ours->inputs; i++)
        ours->in[i] = tensors_ours_input(&input[i], i, row->type);

    ours->dtype = tp_dtype_of(ours->in[0]);
    ours->param = ours->in + 2;
    if (row->kind == TENSORS_MLP || row->kind == TENSORS_PHYSICS)
        for (int i = 0; i < TENSORS_PARAMS; i++) {
            const tensors_input *like = &input[2 + i];
            ours->m[i] = tp_keep(tp_zeros(ours->dtype, like->ndim, like->shape));
            ours->v[i] = tp_keep(tp_zeros(ours->dtype, like->ndim, like->shape));
        }
    tensors_ours_trim();
    return ours;
}

static void ours_close(void *state)
{
    tensors_ours_state *ours = state;
    for (int i = 0; i < ours->inputs; i++)
        tp_free(ours->in[i]);
    for (int i = 0; i < TENSORS_PARAMS; i++)
        tp_free(ours->m[i]), tp_free(ours->v[i]);
    free(ours);
}

/* Reads v, whether or not it is wanted: an array may be waiting to be computed. */
static void ours_record(const tensors_ours_state *ours, tensors_results *results, const char *name,
                        tp_var *v)
{
    const void *data = tp_data(v);
    if (data)
        tensors_record(results, name, ours->row.type, tp_size(v), data);
}

/* --- Elementwise, reductions, products --- */

static void ours_chain(tensors_ours_state *ours, tensors_results *results)
{
    tp_var *x = ours->in[0];
    tp_cleargrad(x);
    tp_var *bump = tp_tanh(tp_mul(tp_sin(x), tp_exp(tp_neg(tp_square(x)))));
    tp_var *y = tp_sum(tp_add(bump, tp_div(tp_square(x), 2)));
    tp_backward(y);
    ours_record(ours, results, "value", y);
    ours_record(ours, results, "gradient", tp_grad(x));
}

static tp_var *ours_reduced(const tensors_ours_state *ours, const char *how)
{
    tp_axes axes = {.one = TP_ALL_AXES};
    for (; *how; how++)
        axes.at[axes.n++] = *how - '0';
    if (ours->row.kind == TENSORS_MAX)
        return tp_max(ours->in[0], .axes = axes);
    return tp_sum(ours->in[0], .axes = axes);
}

static tp_var *ours_product(tp_var *a, tp_var *b, const char *how)
{
    if (how[0] == 'T')
        a = tp_transpose(a, 0, 1);
    if (how[1] == 'T')
        b = tp_transpose(b, 0, 1);
    return tp_matmul(a, b);
}

static void ours_row_gradient(tensors_ours_state *ours, tensors_results *results)
{
    tp_var *b = ours->in[1];
    tp_cleargrad(b);
    tp_var *y = tp_add(ours->in[0], b);
    tp_backward(y, .gradient = ours->in[2]);
    ours_record(ours, results, "value", y);
    ours_record(ours, results, "gradient", tp_grad(b));
}

/* --- Networks --- */

static tp_var *ours_layer(tp_var *x, tp_var *const *param, tp_var *(*activation)(tp_var *))
{
    TP_SCOPE();
    tp_var *h = tp_add(tp_matmul(x, param[0]), param[1]);
    return tp_leave(activation ? activation(h) : h);
}

static tp_var *ours_network(tp_var *x, tp_var *const *param, tp_var *(*activation)(tp_var *))
{
    TP_SCOPE();
    tp_var *h = ours_layer(x, param, activation);
    h = ours_layer(h, param + 2, activation);
    return tp_leave(ours_layer(h, param + 4, NULL));
}

/* mean(log(sum(exp z)) − z[label]), shifted by the largest element of each line. */
tp_var *tensors_ours_cross_entropy(tp_var *h, tp_var *one_hot)
{
    TP_SCOPE();
    tp_var *shift = tp_max(tp_detach(h), .axes = TP_AXES(1), .keepdims = true);
    tp_var *z = tp_sub(h, shift);
    tp_var *log_sum = tp_log(tp_sum(tp_exp(z), .axes = TP_AXES(1)));
    tp_var *picked = tp_sum(tp_mul(z, one_hot), .axes = TP_AXES(1));
    return tp_leave(tp_mean(tp_sub(log_sum, picked)));
}

/* mean((u'' + sin x)²) + the sum of u² at both ends. */
static tp_var *ours_physics_loss(const tensors_ours_state *ours)
{
    TP_SCOPE();
    tp_var *x = ours->in[0];
    tp_var *u = ours_network(x, ours->param, tp_tanh);
    tp_var *u1 = tp_gradient(u, x, .create_graph = true);
    tp_var *u2 = tp_gradient(u1, x, .create_graph = true);
    tp_var *residual = tp_add(u2, tp_sin(x));
    tp_var *ends = ours_network(ours->in[1], ours->param, tp_tanh);
    return tp_leave(tp_add(tp_mean(tp_square(residual)), tp_sum(tp_square(ends))));
}

static tp_var *ours_loss(const tensors_ours_state *ours)
{
    if (ours->row.kind == TENSORS_PHYSICS)
        return ours_physics_loss(ours);
    return tensors_ours_cross_entropy(ours_network(ours->in[0], ours->param, tp_relu), ours->in[1]);
}

static void ours_train(tensors_ours_state *ours, tensors_results *results)
{
    for (int i = 0; i < ours->inputs; i++)
        tp_cleargrad(ours->in[i]);
    tp_var *loss = ours_loss(ours);
    tp_backward(loss, .consume = true);
    ours_record(ours, results, "loss", loss);
    if (results)
        for (int i = 0; i < TENSORS_PARAMS; i++)
            ours_record(ours, results, "gradient", tp_grad(ours->param[i]));
    ours->step++;
    tp_adam_step(ours->param, ours->m, ours->v, TENSORS_PARAMS, ours->step,
                 .lr = tensors_rate(ours->step));
}

static void ours_step(void *state, tensors_results *results)
{
    TP_SCOPE();
    tensors_ours_state *ours = state;
    tp_var **in = ours->in;
    switch (ours->row.kind) {
    case TENSORS_CHAIN:
        ours_chain(ours, results);
        break;
    case TENSORS_GEMM:
        ours_record(ours, results, "product", ours_product(in[0], in[1], ours->row.how));
        break;
    case TENSORS_SUM:
    case TENSORS_MAX:
        ours_record(ours, results, "reduced", ours_reduced(ours, ours->row.how));
        break;
    case TENSORS_ADD_ROW:
        ours_record(ours, results, "sum", tp_add(in[0], in[1]));
        break;
    case TENSORS_MUL_COLUMN:
        ours_record(ours, results, "product", tp_mul(in[0], in[1]));
        break;
    case TENSORS_ROW_GRADIENT:
        ours_row_gradient(ours, results);
        break;
    case TENSORS_MLP:
    case TENSORS_PHYSICS:
        ours_train(ours, results);
        break;
    default:
        break;
    }
}

const tensors_side *tensors_ours(const tensors_row *row)
{
    static const tensors_side side = {.name = "TinyPytorch",
                                      .version = TP_VERSION,
                                      .threads = tensors_ours_threads,
                                      .open = ours_open,
                                      .step = ours_step,
                                      .close = ours_close};
    return tensors_is_cnn(row)     ? tensors_cnn_ours()
           : tensors_is_text(row)  ? tensors_text_ours()
           : tensors_is_layer(row) ? tensors_layer_ours()
                                   : &side;
}
