/* SPDX-License-Identifier: MIT
 *
 * A deep network's gradient in less memory: 64 layers as they are, with a checkpoint each, and
 * within budgets. The gradient is the same to the last bit.
 */
#include <stdio.h>

#include <tinypytorch.h>

enum { LAYERS = 64, BATCH = 512, WIDTH = 64 };

static tp_var *weights[LAYERS];

static tp_var *layer(void *ctx, int i, tp_var *h)
{
    (void)ctx;
    tp_var *z = tp_matmul(h, weights[i]);
    return tp_add(h, tp_mul(tp_sigmoid(z), tp_tanh(z)));
}

static tp_var *plain(tp_var *h)
{
    for (int i = 0; i < LAYERS; i++) {
        size_t scope = tp_scope_begin();
        h = tp_leave(layer(NULL, i, h));
        tp_scope_end(scope);
    }
    return h;
}

/* One forward and one backward pass. budget 1: without checkpoints. */
static void pass(const char *what, tp_var *x, size_t budget)
{
    for (int i = 0; i < LAYERS; i++)
        tp_cleargrad(weights[i]);
    tp_reset_peak();
    size_t before = tp_memory_stats().in_use;
    {
        TP_SCOPE();
        tp_var *h = budget == 1 ? plain(x)
                                : tp_checkpoint_sequence(layer, NULL, LAYERS, x, .budget = budget);
        tp_backward(tp_mean(tp_square(h)));
    }
    printf("%-22s %6.1f MB at most, gradient %.17g\n", what,
           (double)(tp_memory_stats().peak - before) / 1e6,
           tp_item(tp_sum(tp_abs(tp_grad(weights[0])))));
}

int main(void)
{
    tp_manual_seed(1);
    tp_var *x = tp_randn(TP_F32, TP_SHAPE(BATCH, WIDTH));
    for (int i = 0; i < LAYERS; i++)
        weights[i] = tp_variable(tp_mul(0.1, tp_randn(TP_F32, TP_SHAPE(WIDTH, WIDTH))));
    pass("all kept", x, 1);
    pass("a checkpoint a layer", x, 0);
    pass("budget of 20 MB", x, 20000000);
    pass("budget of 4.2 MB", x, 4200000);
    return tp_check();
}
