/* SPDX-License-Identifier: MIT
 *
 * A gradient penalty: a loss that contains a gradient.
 *
 * y = Σ tanh(xW) stands for a network with weights W. The loss (‖dy/dx‖ − 1)² asks that its slope
 * for the input be 1, as in Wasserstein GANs (Gulrajani et al. 2017). Training needs the gradient
 * of this loss for W, a second derivative of the network.
 */
#include <stdio.h>

#include <tinypytorch.h>

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
    const double input[] = {0.1, -0.2, 0.3}, weights[] = {0.5, -1, 2};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 3), input));
    tp_var *w = tp_variable(tp_array(TP_F64, TP_SHAPE(3, 1), weights));

    tp_var *y = tp_sum(tp_tanh(tp_matmul(x, w)));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    tp_var *norm = tp_sqrt(tp_sum(tp_square(g)));
    tp_var *penalty = tp_square(tp_sub(norm, 1));
    tp_backward(penalty);

    printf("y: %.17g\n", tp_item(y));
    print_numbers("dy/dx:", g);
    printf("penalty: %.17g\n", tp_item(penalty));
    print_numbers("gradient of the penalty for W:", tp_grad(w));
    return tp_check();
}
