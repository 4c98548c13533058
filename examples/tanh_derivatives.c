/* SPDX-License-Identifier: MIT
 *
 * The n-th derivative of tanh, in two ways, and its graph.
 *
 * Differentiating the gradient again and again works to any order, but its graph grows by a factor
 * of nearly three each time: tanh_1.png … tanh_8.svg show it. tp_derivatives pushes a truncated
 * Taylor series through the graph of y instead and gets all orders in one sweep.
 */
#include <stdio.h>

#include <tinypytorch.h>

enum { NESTED = 8, TAYLOR = 12, LAST_PNG = 5 };

/* The graph of y's n-th derivative: as a png while one can read it, then as an svg to zoom into. */
static void draw(tp_var *gx, int n)
{
    char file[32];
    snprintf(file, sizeof file, "tanh_%d.%s", n, n <= LAST_PNG ? "png" : "svg");
    if (tp_plot_dot_graph(gx, false, file)) {
        printf("wrote %s\n", file);
    } else if (tp_status() == TP_ERROR_MISSING) {
        printf("%s was not drawn: %s\n", file, tp_error());
        tp_clear_error();
    }
}

static void nested(double *values)
{
    TP_SCOPE();
    tp_var *x = tp_variable(1.0);
    tp_var *y = tp_tanh(x);
    tp_set_name(x, "x");
    tp_set_name(y, "y");

    tp_var *gx = y;
    for (int n = 1; n <= NESTED; n++) {
        char name[16];
        tp_cleargrad(x);
        tp_backward(gx, .create_graph = true);
        gx = tp_grad(x);
        snprintf(name, sizeof name, "gx%d", n);
        tp_set_name(gx, name);
        values[n - 1] = tp_item(gx);
        draw(gx, n);
    }
}

static void taylor(double *values)
{
    TP_SCOPE();
    tp_var *x = tp_variable(1.0), *out[TAYLOR];
    tp_derivatives(tp_tanh(x), x, TAYLOR, out);
    for (int n = 1; n <= TAYLOR; n++)
        values[n - 1] = tp_item(out[n - 1]);
}

int main(void)
{
    double by_nesting[NESTED], by_taylor[TAYLOR];

    nested(by_nesting);
    taylor(by_taylor);
    for (int n = 1; n <= NESTED; n++)
        printf("order %d nested: %.17g\n", n, by_nesting[n - 1]);
    for (int n = 1; n <= TAYLOR; n++)
        printf("order %d Taylor: %.17g\n", n, by_taylor[n - 1]);
    return tp_check();
}
