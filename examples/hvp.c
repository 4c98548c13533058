/* SPDX-License-Identifier: MIT
 *
 * The Hessian times a vector, without the Hessian.
 *
 * H v is the derivative of the gradient g along v. Two ways lead there, and neither builds the
 * n × n matrix: H v is the gradient of the number g · v (a reverse sweep of a reverse sweep), and
 * it is the directional derivative of g, which tp_jvp pushes forward through g's own graph.
 */
#include <stdio.h>

#include <tinypytorch.h>

/* Chained Rosenbrock: Σ 100 (x[i+1] − x[i]²)² + (1 − x[i])², over all neighbours at once */
static tp_var *rosenbrock(tp_var *x)
{
    int64_t n = tp_len(x);
    tp_var *left = tp_slice(x, 0, 0, n - 1, 1), *right = tp_slice(x, 0, 1, n, 1);
    tp_var *valley = tp_square(tp_sub(right, tp_square(left)));
    return tp_sum(tp_add(tp_mul(100, valley), tp_square(tp_sub(1, left))));
}

static void print_numbers(const char *label, tp_var *v)
{
    const double *at = tp_data(v);
    printf("%s", label);
    for (int64_t i = 0; at && i < tp_size(v); i++)
        printf(" %.17g", at[i]);
    printf("\n");
}

int main(void)
{
    const double start[] = {-1.2, 1, 0.5, -0.3, 2}, direction[] = {1, 2, -1, 0.5, 3};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(5), start));
    tp_var *v = tp_array(TP_F64, TP_SHAPE(5), direction);

    tp_var *f = rosenbrock(x);
    tp_var *g = tp_gradient(f, x, .create_graph = true);
    tp_var *reverse = tp_gradient(tp_sum(tp_mul(g, v)), x);
    tp_var *forward = tp_jvp(g, x, v);

    printf("f: %.17g\n", tp_item(f));
    print_numbers("gradient:", g);
    printf("slope of f along v: %.17g\n", tp_item(tp_jvp(f, x, v)));
    print_numbers("Hv, reverse over reverse:", reverse);
    print_numbers("Hv, forward over reverse:", forward);
    return tp_check();
}
