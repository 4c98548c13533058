/* SPDX-License-Identifier: MIT
 *
 * sin and its first three derivatives, as curves.
 *
 * x is an array here. The derivative of an array is that of its sum, and since each y depends on
 * its own x alone, that is the derivative at each point. Every sweep is recorded, so that the next
 * one can differentiate what it gave.
 */
#include <stdio.h>

#include <tinypytorch.h>

int main(void)
{
    const char *labels[] = {"y = sin(x)", "y'", "y''", "y'''"};
    tp_var *x = tp_variable(tp_linspace(TP_F64, -7, 7, 200));
    tp_var *y = tp_sin(x);
    tp_plot *plot = tp_plot_new(.title = "sin and its derivatives", .x_label = "x", .grid = true);

    printf("%-10s %12s %12s\n", "", "at -7", "at 7");
    for (int i = 0; i < 4; i++) {
        if (i > 0) {
            tp_cleargrad(x);
            tp_backward(y, .create_graph = true);
            y = tp_grad(x);
        }
        printf("%-10s %12.8f %12.8f\n", labels[i], tp_item(tp_select(y, 0, 0)),
               tp_item(tp_select(y, 0, -1)));
        tp_plot_line(plot, x, y, .label = labels[i]);
    }

    if (tp_plot_save(plot, "sin.png")) {
        printf("wrote sin.png\n");
    } else if (tp_status() == TP_ERROR_MISSING) {
        printf("sin.png was not drawn: %s\n", tp_error());
        tp_clear_error();
    }
    tp_plot_free(plot);
    return tp_check();
}
