/* SPDX-License-Identifier: MIT
 *
 * sin as a sum of powers, and the derivative of that sum.
 *
 * The graph is recorded while the program runs, so an ordinary loop with an ordinary break can
 * decide how long the series is: the smaller the threshold, the larger the graph. What is
 * differentiated is the path that was taken.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tinypytorch.h>

/* x − x³/3! + x⁵/5! − …, up to the first term below the threshold */
static tp_var *taylor_sin(tp_var *x, double threshold, int *terms)
{
    tp_var *y = tp_scalar(0.0);
    double factorial = 1;

    for (int i = 0; i < 1000; i++) {
        if (i > 0)
            factorial *= (2.0 * i) * (2.0 * i + 1);
        double c = (i % 2 ? -1.0 : 1.0) / factorial;
        tp_var *term = tp_mul(c, tp_pow(x, 2 * i + 1));
        y = tp_add(y, term);
        *terms = i + 1;
        if (fabs(tp_item(term)) < threshold)
            break;
    }
    return y;
}

/* The number of nodes in a graph: lines of its text that have a label. */
static int count_nodes(tp_var *y)
{
    char *text = tp_get_dot_graph(y, false);
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, " [label=")); at++)
        n++;
    free(text);
    return n;
}

int main(void)
{
    const double thresholds[] = {1e-4, 1e-150};
    const char *files[] = {"taylor_sin.dot", "taylor_sin_150.dot"};

    for (int i = 0; i < 2; i++) {
        TP_SCOPE();
        int terms = 0;
        tp_var *x = tp_variable(0.78539816339744831); /* π / 4 */
        tp_var *y = taylor_sin(x, thresholds[i], &terms);
        tp_set_name(x, "x");
        tp_set_name(y, "y");

        tp_backward(y);
        printf("threshold %g: %d terms, sin = %.17g, derivative %.17g, graph %d nodes\n",
               thresholds[i], terms, tp_item(y), tp_item(tp_grad(x)), count_nodes(y));

        if (tp_plot_dot_graph(y, false, files[i]))
            printf("wrote %s\n", files[i]);
    }
    return tp_check();
}
