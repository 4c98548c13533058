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
            },
    };
    return &ours;
}
