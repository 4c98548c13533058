/* SPDX-License-Identifier: MIT
 *
 * A physics-informed network (Raissi, Perdikaris & Karniadakis 2019): a net u(x), 1-32-32-1 with
 * tanh, learns to solve u'' = −sin x with u(0) = u(π) = 0, whose solution is sin x. The loss holds
 * the second derivative of the net, and training needs the gradient of the loss: a third.
 *
 * Each layer is a function with a scope of its own, so that only what the gradients read stays;
 * the sweep that is the last one says so (.consume), and lets go of arrays behind it.
 */
#include <math.h>
#include <stdio.h>

#include <tinypytorch.h>

enum { POINTS = 64, WIDTH = 32, LAYERS = 3, PARAMS = 2 * LAYERS, STEPS = 2000 };

static tp_var *param[PARAMS], *mean[PARAMS], *square[PARAMS];

static void make_layer(int layer, int64_t in, int64_t out)
{
    TP_SCOPE();
    tp_var *w = tp_mul(tp_randn(TP_F64, TP_SHAPE(in, out)), 1 / sqrt((double)in));
    param[2 * layer] = tp_keep(tp_variable(w));
    param[2 * layer + 1] = tp_keep(tp_variable(tp_zeros(TP_F64, TP_SHAPE(out))));
    for (int i = 2 * layer; i < 2 * layer + 2; i++) {
        mean[i] = tp_keep(tp_zeros(TP_F64, tp_ndim(param[i]), tp_shape(param[i])));
        square[i] = tp_keep(tp_zeros(TP_F64, tp_ndim(param[i]), tp_shape(param[i])));
    }
}

static tp_var *dense(tp_var *x, int layer)
{
    TP_SCOPE();
    tp_var *y = tp_add(tp_matmul(x, param[2 * layer]), param[2 * layer + 1]);
    return tp_leave(layer + 1 < LAYERS ? tp_tanh(y) : y);
}

static tp_var *net(tp_var *x)
{
    for (int layer = 0; layer < LAYERS; layer++)
        x = dense(x, layer);
    return x;
}

static double train(tp_var *x, tp_var *ends, int step)
{
    TP_SCOPE();
    tp_var *u = net(x);
    tp_var *slope = tp_gradient(u, x, .create_graph = true);
    tp_var *residual = tp_add(tp_gradient(slope, x, .create_graph = true), tp_sin(x));
    tp_var *loss = tp_add(tp_mean(tp_square(residual)), tp_sum(tp_square(net(ends))));
    for (int i = 0; i < PARAMS; i++)
        tp_cleargrad(param[i]);
    tp_backward(loss, .consume = true);
    tp_adam_step(param, mean, square, PARAMS, step, .lr = 0.005 / (1 + step * 0.005));
    return tp_item(loss);
}

int main(void)
{
    const double pi = 3.14159265358979323846, both_ends[] = {0, pi};
    tp_manual_seed(1);
    make_layer(0, 1, WIDTH), make_layer(1, WIDTH, WIDTH), make_layer(2, WIDTH, 1);
    tp_var *x = tp_variable(tp_reshape(tp_linspace(TP_F64, 0, pi, POINTS), TP_SHAPE(POINTS, 1)));
    tp_var *ends = tp_array(TP_F64, TP_SHAPE(2, 1), both_ends);

    for (int step = 1; step <= STEPS; step++) {
        double loss = train(x, ends, step);
        if (step == 1 || step % 500 == 0)
            printf("step %4d: loss %.2e\n", step, loss);
    }
    tp_var *error = tp_max(tp_abs(tp_sub(net(x), tp_sin(x))));
    printf("largest error: %.2e\n", tp_item(error));
    for (int i = 0; i < PARAMS; i++)
        tp_free(param[i]), tp_free(mean[i]), tp_free(square[i]);
    return tp_check();
}
