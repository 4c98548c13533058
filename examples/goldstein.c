/* SPDX-License-Identifier: MIT
 *
 * The Goldstein-Price function: value, gradient and a picture of its graph.
 *
 * However long the formula, one tp_backward gives every derivative of it, and one
 * tp_plot_dot_graph draws it. The extension of the file picks the format.
 */
#include <stdio.h>

#include <tinypytorch.h>

/* (1 + (x+y+1)²(19 − 14x + 3x² − 14y + 6xy + 3y²))
 * (30 + (2x−3y)²(18 − 32x + 12x² + 48y − 36xy + 27y²)) */
static tp_var *goldstein(tp_var *x, tp_var *y)
{
    tp_var *p = tp_sub(19, tp_mul(14, x));
    p = tp_add(p, tp_mul(3, tp_pow(x, 2)));
    p = tp_sub(p, tp_mul(14, y));
    p = tp_add(p, tp_mul(tp_mul(6, x), y));
    p = tp_add(p, tp_mul(3, tp_pow(y, 2)));
    tp_var *a = tp_add(1, tp_mul(tp_pow(tp_add(tp_add(x, y), 1), 2), p));

    tp_var *q = tp_sub(18, tp_mul(32, x));
    q = tp_add(q, tp_mul(12, tp_pow(x, 2)));
    q = tp_add(q, tp_mul(48, y));
    q = tp_sub(q, tp_mul(tp_mul(36, x), y));
    q = tp_add(q, tp_mul(27, tp_pow(y, 2)));
    tp_var *b = tp_add(30, tp_mul(tp_pow(tp_sub(tp_mul(2, x), tp_mul(3, y)), 2), q));

    return tp_mul(a, b);
}

static void draw(tp_var *z, const char *file)
{
    if (tp_plot_dot_graph(z, false, file)) {
        printf("wrote %s\n", file);
    } else if (tp_status() == TP_ERROR_MISSING) {
        printf("%s was not drawn: %s\n", file, tp_error());
        tp_clear_error();
    }
}

int main(void)
{
    const double points[][2] = {{1, 1}, {0, -1}};

    for (int i = 0; i < 2; i++) {
        TP_SCOPE();
        tp_var *x = tp_variable(points[i][0]), *y = tp_variable(points[i][1]);
        tp_var *z = goldstein(x, y);
        tp_backward(z);
        printf("goldstein(%g, %g): value %.17g, gradient %.17g %.17g\n", points[i][0], points[i][1],
               tp_item(z), tp_item(tp_grad(x)), tp_item(tp_grad(y)));
    }

    tp_var *x = tp_variable(1.0), *y = tp_variable(1.0);
    tp_var *z = goldstein(x, y);
    tp_set_name(x, "x");
    tp_set_name(y, "y");
    tp_set_name(z, "z");
    draw(z, "goldstein.dot");
    draw(z, "goldstein.png");
    return tp_check();
}
