/* SPDX-License-Identifier: MIT
 *
 * Newton's method in two dimensions, the Hessian by differentiating the gradient.
 *
 * tp_gradients returns derivatives as values and touches no variable's own gradient. Recorded with
 * create_graph, each of the two first derivatives can be differentiated again: that gives one row
 * of the Hessian.
 */
#include <stdio.h>

#include <tinypytorch.h>

/* 100 (x1 − x0²)² + (x0 − 1)² */
static tp_var *rosenbrock(tp_var *x0, tp_var *x1)
{
    return tp_add(tp_mul(100, tp_pow(tp_sub(x1, tp_pow(x0, 2)), 2)), tp_pow(tp_sub(x0, 1), 2));
}

/* The value, the gradient g and the Hessian h at x. */
static double derivatives(tp_var *const x[2], double g[2], double h[2][2])
{
    TP_SCOPE();
    tp_var *f = rosenbrock(x[0], x[1]);
    tp_var *first[2], *second[2];

    tp_gradients(f, x, 2, first, .create_graph = true);
    for (int i = 0; i < 2; i++) {
        g[i] = tp_item(first[i]);
        tp_gradients(first[i], x, 2, second);
        h[i][0] = tp_item(second[0]);
        h[i][1] = tp_item(second[1]);
    }
    return tp_item(f);
}

/* x ← x − h⁻¹ g, by Cramer's rule */
static void newton_step(tp_var *const x[2], const double g[2], double h[2][2])
{
    TP_SCOPE();
    double determinant = h[0][0] * h[1][1] - h[0][1] * h[1][0];
    tp_sub_(x[0], (h[1][1] * g[0] - h[0][1] * g[1]) / determinant);
    tp_sub_(x[1], (h[0][0] * g[1] - h[1][0] * g[0]) / determinant);
}

int main(void)
{
    tp_var *x[2] = {tp_variable(0.0), tp_variable(2.0)};
    double g[2], h[2][2];
    double f = derivatives(x, g, h);

    printf("at (0, 2): f = %.17g, gradient %g %g, Hessian [[%g, %g], [%g, %g]]\n", f, g[0], g[1],
           h[0][0], h[0][1], h[1][0], h[1][1]);
    for (int i = 1; i <= 5; i++) {
        newton_step(x, g, h);
        f = derivatives(x, g, h);
        printf("step %d: x0 = %.17g, x1 = %.17g, f = %g\n", i, tp_item(x[0]), tp_item(x[1]), f);
    }
    printf("Hessian there: [[%g, %g], [%g, %g]]\n", h[0][0], h[0][1], h[1][0], h[1][1]);
    return tp_check();
}
