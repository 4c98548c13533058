/* SPDX-License-Identifier: MIT
 *
 * A model fitted to data: a damped wave a exp(−b t) cos(c t) + d through noisy points, by
 * Levenberg–Marquardt from a rough guess; then the time at which the wave first crosses d, by
 * Newton's method.
 */
#include <stdio.h>

#include <tinypytorch.h>

typedef struct data {
    tp_var *t, *y;
} data;

static tp_var *wave(tp_var *x, tp_var *t)
{
    tp_var *a = tp_select(x, 0, 0), *b = tp_select(x, 0, 1), *c = tp_select(x, 0, 2);
    tp_var *fall = tp_mul(a, tp_exp(tp_neg(tp_mul(b, t))));
    return tp_add(tp_mul(fall, tp_cos(tp_mul(c, t))), tp_select(x, 0, 3));
}

static tp_var *residuals(void *ctx, tp_var *x)
{
    const data *points = ctx;
    return tp_sub(wave(x, points->t), points->y);
}

static bool show(void *ctx, const tp_iteration *now)
{
    (void)ctx;
    printf("%3d  sum of squares %-12.6g a %7.4f  b %7.4f  c %7.4f  d %7.4f\n", now->number,
           now->value, now->x[0], now->x[1], now->x[2], now->x[3]);
    return true;
}

/* The wave with the parameters ctx, above its middle. */
static tp_var *above(void *ctx, tp_var *t)
{
    tp_var *x = ctx;
    return tp_sub(wave(x, t), tp_select(x, 0, 3));
}

int main(void)
{
    tp_manual_seed(1);
    tp_var *truth = tp_array(TP_F64, TP_SHAPE(4), ((double[]){2, 0.3, 1.5, 0.7}));
    data points = {.t = tp_arange(TP_F64, 0, 8, 0.1)};
    tp_var *noise = tp_mul(0.05, tp_randn(TP_F64, TP_SHAPE(80)));
    points.y = tp_add(wave(truth, points.t), noise);

    tp_minimize_result fit, zero;
    tp_var *guess = tp_array(TP_F64, TP_SHAPE(4), ((double[]){1, 0.1, 1.3, 0}));
    tp_least_squares(residuals, &points, guess, &fit, .callback = show);
    printf("%s after %d evaluations\n", fit.message, fit.evaluations);

    tp_find_root(above, fit.x, tp_scalar(1), &zero);
    printf("crosses its middle at t = %.4f (π / 2c = %.4f): %s\n", tp_item(zero.x),
           1.5707963267948966 / tp_item(tp_select(fit.x, 0, 2)), zero.message);
    return tp_check();
}
