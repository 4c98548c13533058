/* SPDX-License-Identifier: MIT
 *
 * A gradient inside a formula.
 *
 * With create_graph dy/dx is a value like any other. Here it becomes part of z, and z is
 * differentiated through it: y = x², g = dy/dx = 2x, z = g³ + y = 8x³ + x², dz/dx = 24x² + 2x.
 */
#include <stdio.h>

#include <tinypytorch.h>

int main(void)
{
    tp_var *x = tp_variable(2.0);
    tp_var *y = tp_pow(x, 2);

    tp_backward(y, .create_graph = true);
    tp_var *g = tp_grad(x);
    tp_cleargrad(x); /* or the next sweep would add to g */

    tp_var *z = tp_add(tp_pow(g, 3), y);
    tp_backward(z);

    printf("dy/dx = %.17g\n", tp_item(g));
    printf("z = %.17g\n", tp_item(z));
    printf("dz/dx = %.17g\n", tp_item(tp_grad(x)));
    return tp_check();
}
