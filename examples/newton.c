/* SPDX-License-Identifier: MIT
 *
 * Newton's method in one dimension, the second derivative by a second backward.
 *
 * With create_graph the gradient is a value with a graph of its own: backward of it gives the
 * second derivative. A gradient adds up over sweeps, so it is cleared before each use.
 */
#include <math.h>
#include <stdio.h>

#include <tinypytorch.h>

/* x⁴ − 2x², with a minimum at 1 */
static tp_var *f(tp_var *x)
{
    return tp_sub(tp_pow(x, 4), tp_mul(2, tp_pow(x, 2)));
}

/* x ← x − f'(x) / f''(x) */
static void newton_step(tp_var *x)
{
    TP_SCOPE();
    tp_cleargrad(x);
    tp_backward(f(x), .create_graph = true);
    tp_var *gx = tp_grad(x);
    tp_cleargrad(x);
    tp_backward(gx);
    tp_sub_(x, tp_div(gx, tp_grad(x)));
}

/* x ← x − 0.01 f'(x) */
static void descent_step(tp_var *x)
{
    TP_SCOPE();
    tp_cleargrad(x);
    tp_backward(f(x));
    tp_sub_(x, tp_mul(0.01, tp_grad(x)));
}

static int steps_to_minimum(void (*step)(tp_var *x))
{
    tp_var *x = tp_variable(2.0);
    int n = 0;
    while (n < 1000 && fabs(tp_item(x) - 1) > 1e-3) {
        step(x);
        n++;
    }
    return n;
}

int main(void)
{
    tp_var *x = tp_variable(2.0);
    tp_backward(f(x), .create_graph = true);
    tp_var *gx = tp_grad(x);
    printf("at 2: f' = %.17g, f'' = %.17g\n", tp_item(gx), tp_item(tp_gradient(gx, x)));

    for (int i = 0; i < 7; i++) {
        newton_step(x);
        printf("iter %d: x = %.17g\n", i, tp_item(x));
    }

    printf("steps to within 1e-3 of the minimum: Newton %d, gradient descent %d\n",
           steps_to_minimum(newton_step), steps_to_minimum(descent_step));
    return tp_check();
}
