/* SPDX-License-Identifier: MIT
 *
 * Newton's method for 200,000 variables: the Hessian of the chained Rosenbrock function has three
 * entries in a row, and three sweeps give them all. The linear systems are solved by conjugate
 * gradients, which need products with the Hessian only.
 */
#include <math.h>
#include <stdio.h>

#include <tinypytorch.h>

enum { VARIABLES = 200000, STEPS = 6, PRODUCTS = 200 };

static tp_var *chained_rosenbrock(tp_var *x)
{
    int64_t n = tp_size(x);
    tp_var *a = tp_narrow(x, 0, 0, n - 1), *b = tp_narrow(x, 0, 1, n - 1);
    tp_var *steep = tp_mul(100, tp_square(tp_sub(b, tp_square(a))));
    return tp_sum(tp_add(steep, tp_square(tp_sub(a, 1))));
}

static double dot(tp_var *a, tp_var *b)
{
    return tp_item(tp_sum(tp_mul(a, b)));
}

/* The x with H x = g. */
static tp_var *solve(const tp_sparsity *pattern, tp_var *hessian, tp_var *g)
{
    TP_SCOPE();
    tp_var *x = tp_zeros(TP_F64, TP_SHAPE(VARIABLES)), *rest = tp_add(g, 0), *way = tp_add(g, 0);
    double size = dot(rest, rest), start = size;
    for (int i = 0; i < PRODUCTS && size > 1e-16 * start; i++) {
        TP_SCOPE();
        tp_var *along = tp_sparse_product(pattern, hessian, way);
        double step = size / dot(way, along), old = size;
        tp_add_(x, tp_mul(step, way));
        tp_sub_(rest, tp_mul(step, along));
        size = dot(rest, rest);
        tp_copy_(way, tp_add(rest, tp_mul(size / old, way)));
    }
    return tp_leave(x);
}

int main(void)
{
    tp_var *x = tp_variable(tp_add(1, tp_mul(0.1, tp_sin(tp_arange(TP_F64, 0, VARIABLES, 1)))));
    tp_sparsity *pattern = NULL;
    for (int i = 0; i <= STEPS; i++) {
        TP_SCOPE();
        tp_var *y = chained_rosenbrock(x);
        if (!pattern) {
            pattern = tp_hessian_sparsity(y, x);
            printf("%d variables, %lld entries, %lld colors\n", VARIABLES,
                   (long long)tp_sparsity_entries(pattern), (long long)tp_sparsity_colors(pattern));
        }
        tp_var *g = tp_gradient(y, x, .create_graph = true);
        printf("step %d: f %.3e, |gradient| %.3e\n", i, tp_item(y), sqrt(dot(g, g)));
        TP_NO_GRAD();
        tp_sub_(x, solve(pattern, tp_sparse_hessian(y, x, pattern), tp_detach(g)));
    }
    tp_sparsity_free(pattern);
    return tp_check();
}
