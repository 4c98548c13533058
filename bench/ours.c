/* SPDX-License-Identifier: MIT
 *
 * The tasks with this library, through its public header and as its users write them.
 */
#include "peers.h"

#include <tinypytorch.h>

static tp_var *ours_rosenbrock_value(tp_var *x0, tp_var *x1)
{
    return tp_add(tp_mul(100, tp_pow(tp_sub(x1, tp_pow(x0, 2)), 2)), tp_pow(tp_sub(x0, 1), 2));
}

static void ours_rosenbrock(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x0 = tp_variable(at), *x1 = tp_variable(2.0);
    for (int i = 0; i < n; i++) {
        TP_SCOPE();
        tp_cleargrad(x0), tp_cleargrad(x1);
        tp_backward(ours_rosenbrock_value(x0, x1));
        tp_sub_(x0, tp_mul(1e-3, tp_grad(x0)));
        tp_sub_(x1, tp_mul(1e-3, tp_grad(x1)));
    }
    out[0] = tp_item(x0), out[1] = tp_item(x1);
}

static void ours_newton(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at);
    for (int i = 0; i < n; i++) {
        TP_SCOPE();
        tp_cleargrad(x);
        tp_var *y = tp_sub(tp_pow(x, 4), tp_mul(2, tp_pow(x, 2)));
        tp_backward(y, .create_graph = true);
        tp_var *gx = tp_grad(x);
        tp_cleargrad(x);
        tp_backward(gx);
        tp_sub_(x, tp_div(gx, tp_grad(x)));
    }
    out[0] = tp_item(x);
}

static void ours_nested(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at);
    tp_var *y = tp_tanh(x);
    for (int i = 0; i < n; i++) {
        y = tp_gradient(y, x, .create_graph = true);
        out[i] = tp_item(y);
    }
}

static void ours_taylor_recorded(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at), *order[BENCH_MAX_RESULTS];
    tp_derivatives(tp_tanh(x), x, n, order);
    for (int i = 0; i < n; i++)
        out[i] = tp_item(order[i]);
}

static void ours_taylor(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at), *order[BENCH_MAX_RESULTS];
    tp_var *y = tp_tanh(x);
    TP_NO_GRAD();
    tp_derivatives(y, x, n, order);
    for (int i = 0; i < n; i++)
        out[i] = tp_item(order[i]);
}

static void ours_chain(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at), *y = x;
    for (int i = 0; i < n; i++)
        y = tp_mul(y, x);
    tp_backward(y);
    out[0] = tp_item(tp_grad(x));
}

static void ours_elements(int n, double at, double *out)
{
    TP_SCOPE();
    double start[10];
    for (int i = 0; i < 10; i++)
        start[i] = at - 0.25 * i;
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(10), start));
    for (int i = 0; i < n; i++) {
        TP_SCOPE();
        tp_cleargrad(x);
        tp_var *bell = tp_exp(tp_neg(tp_square(x)));
        tp_var *bump = tp_tanh(tp_mul(tp_sin(x), bell));
        tp_var *y = tp_sum(tp_add(bump, tp_div(tp_square(x), 2)));
        tp_backward(y);
        out[0] = tp_item(y);
    }
    out[1] = tp_item(tp_sum(tp_grad(x)));
}

enum { OURS_LAYERS = 3, OURS_UNITS = 64 };

/* Weight and bias of a layer into to[0] and to[1]. */
static void ours_layer(int outputs, int inputs, tp_var **to)
{
    float start[OURS_UNITS * OURS_UNITS];
    for (int k = 0; k < outputs * inputs; k++)
        start[k] = bench_network_weight(inputs, k);
    to[0] = tp_variable(tp_array(TP_F32, TP_SHAPE(outputs, inputs), start));
    to[1] = tp_variable(tp_zeros(TP_F32, TP_SHAPE(outputs)));
}

static void ours_network(int n, double at, double *out)
{
    TP_SCOPE();
    const int units = (int)at, sizes[] = {4, units, units, 2};
    tp_var *p[2 * OURS_LAYERS];
    for (int i = 0; i < OURS_LAYERS; i++)
        ours_layer(sizes[i + 1], sizes[i], p + 2 * i);
    tp_var *input = tp_cos(tp_reshape(tp_arange(TP_F32, 0, 4, 1), TP_SHAPE(1, 4)));
    tp_var *target = tp_array(TP_F32, TP_SHAPE(1, 2), (const float[]){0.5f, -0.5f});
    for (int i = 0; i < n; i++) {
        TP_SCOPE();
        for (int k = 0; k < 2 * OURS_LAYERS; k++)
            tp_cleargrad(p[k]);
        tp_var *x = tp_tanh(tp_linear(input, p[0], p[1]));
        x = tp_tanh(tp_linear(x, p[2], p[3]));
        tp_var *loss = tp_mse_loss(tp_linear(x, p[4], p[5]), target);
        tp_backward(loss);
        tp_sgd_step(p, NULL, 2 * OURS_LAYERS, .lr = 0.01);
        out[0] = tp_item(loss);
    }
    out[1] = tp_item(tp_sum(p[0]));
    out[2] = tp_item(tp_sum(p[4]));
}

const bench_contestant *bench_ours(void)
{
    static const bench_contestant ours = {
        .name = "TinyPytorch",
        .version = TP_VERSION,
        .chain = 100000,
        .work =
            {
                [BENCH_ROSENBROCK] = ours_rosenbrock,
                [BENCH_NEWTON] = ours_newton,
                [BENCH_NESTED] = ours_nested,
                [BENCH_TAYLOR] = ours_taylor,
                [BENCH_TAYLOR_RECORDED] = ours_taylor_recorded,
                [BENCH_CHAIN] = ours_chain,
                [BENCH_ELEMENTS] = ours_elements,
                [BENCH_NETWORK] = ours_network,
            },
    };
    return &ours;
}
