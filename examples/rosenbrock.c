/* SPDX-License-Identifier: MIT
 *
 * Gradient descent on the Rosenbrock function, with pictures of the way it takes.
 *
 * Each update builds the graph of the function at the point reached, sweeps it and steps against
 * the gradient. TP_SCOPE frees all of that at the loop's closing brace; only x0 and x1 stay. The
 * contour pictures show the curved valley and the path after 1,000, 10,000 and 50,000 updates.
 */
#include <stdio.h>

#include <tinypytorch.h>

enum { UPDATES = 50000, PRINTED = 1000 };

static double path[2][UPDATES + 1];

/* 100 (x1 − x0²)² + (x0 − 1)². The minimum is at (1, 1). */
static tp_var *rosenbrock(tp_var *x0, tp_var *x1)
{
    return tp_add(tp_mul(100, tp_pow(tp_sub(x1, tp_pow(x0, 2)), 2)), tp_pow(tp_sub(x0, 1), 2));
}

static void save(const tp_plot *plot, const char *file)
{
    if (tp_plot_save(plot, file)) {
        printf("wrote %s\n", file);
    } else if (tp_status() == TP_ERROR_MISSING) {
        printf("%s was not drawn: %s\n", file, tp_error());
        tp_clear_error();
    }
}

/* The function of arrays is the function: a row of x0 and a column of x1 broadcast to the grid. */
static void draw(int updates, const char *file)
{
    TP_SCOPE();
    tp_var *x0 = tp_linspace(TP_F64, -2, 2, 400), *x1 = tp_linspace(TP_F64, -1, 3, 400);
    tp_var *row = tp_reshape(x0, TP_SHAPE(1, 400)), *column = tp_reshape(x1, TP_SHAPE(400, 1));
    tp_var *levels = tp_pow(10, tp_linspace(TP_F64, -1, 3, 30));
    tp_var *path0 = tp_array(TP_F64, TP_SHAPE(updates + 1), path[0]);
    tp_var *path1 = tp_array(TP_F64, TP_SHAPE(updates + 1), path[1]);

    tp_plot *plot = tp_plot_new(.title = "Gradient Descent on Rosenbrock Function", .x_label = "x0",
                                .y_label = "x1", .grid = true);
    tp_plot_contour(plot, x0, x1, rosenbrock(row, column), .levels = levels, .log = true,
                    .palette = TP_PALETTE_RAINBOW);
    tp_plot_line(plot, path0, path1, .color = "yellow", .marker = TP_MARKER_DOT,
                 .label = "Gradient Descent Path");
    tp_plot_points(plot, tp_scalar(1.0), tp_scalar(1.0), .color = "red", .marker = TP_MARKER_STAR,
                   .label = "Minimum (1,1)");
    save(plot, file);
    tp_plot_free(plot);
}

static void report(tp_var *x0, tp_var *x1, int updates, const char *file)
{
    printf("after %d updates: x0 = %.17g, x1 = %.17g\n", updates, tp_item(x0), tp_item(x1));
    draw(updates, file);
}

int main(void)
{
    const double rate = 0.001;
    tp_var *x0 = tp_variable(0.0), *x1 = tp_variable(2.0);
    path[0][0] = tp_item(x0);
    path[1][0] = tp_item(x1);

    for (int i = 0; i < UPDATES; i++) {
        TP_SCOPE();
        tp_cleargrad(x0);
        tp_cleargrad(x1);
        tp_backward(rosenbrock(x0, x1));
        tp_sub_(x0, tp_mul(rate, tp_grad(x0)));
        tp_sub_(x1, tp_mul(rate, tp_grad(x1)));

        path[0][i + 1] = tp_item(x0);
        path[1][i + 1] = tp_item(x1);
        if (i < PRINTED)
            printf("iter %d: x0 = %f, x1 = %f\n", i, path[0][i + 1], path[1][i + 1]);
        if (i + 1 == 1000)
            report(x0, x1, i + 1, "rosenbrock.png");
        if (i + 1 == 10000)
            report(x0, x1, i + 1, "rosenbrock_10000.png");
        if (i + 1 == 50000)
            report(x0, x1, i + 1, "rosenbrock_50000.png");
    }
    return tp_check();
}
