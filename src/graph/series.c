/* SPDX-License-Identifier: MIT
 *
 * Coefficients are combined by public operations, so under recording they are nodes and can be
 * differentiated themselves. A zero that is known to be one (NULL) and a factor that is the
 * constant 1 never become operations: for most functions half of the products of a Cauchy sum are
 * of this kind.
 */
#include "base/features.h"

#include "graph/series.h"

#include "base/alloc.h"
#include "tinypytorch.h"

static bool series_is_one(const tp_var *v)
{
    return (v->flags & (TP__NUMBER | TP__NEEDS_GRAD)) == TP__NUMBER && tp__number(v) == 1;
}

tp_var *tp__series_add(tp_var *a, tp_var *b)
{
    return !a ? b : !b ? a : tp_add(a, b);
}

tp_var *tp__series_sub(tp_var *a, tp_var *b)
{
    return !b ? a : !a ? tp_neg(b) : tp_sub(a, b);
}

tp_var *tp__series_mul(tp_var *a, tp_var *b)
{
    if (!a || !b)
        return NULL;
    return series_is_one(a) ? b : series_is_one(b) ? a : tp_mul(a, b);
}

tp_var *tp__series_scale(tp_var *a, double factor)
{
    return !a || factor == 1 ? a : tp_mul(a, factor);
}

tp_var *tp__series_cauchy(tp_var *const *a, tp_var *const *b, int k, int first, int last)
{
    tp_var *sum = NULL;
    for (int i = first; i <= last; i++)
        sum = tp__series_add(sum, tp__series_mul(a[i], b[k - i]));
    return sum;
}

tp_var *tp__series_square(tp_var *const *a, int k)
{
    if (k == 0)
        return tp__series_mul(a[0], a[0]);
    tp_var *pairs = tp__series_scale(tp__series_cauchy(a, a, k, 0, (k - 1) / 2), 2);
    return k % 2 ? pairs : tp__series_add(pairs, tp__series_mul(a[k / 2], a[k / 2]));
}

void tp__series_slope(tp_var *const *a, int order, tp_var **slope)
{
    for (int i = 0; i < order; i++)
        slope[i] = tp__series_scale(a[i + 1], i + 1);
}

tp_var *tp__series_integral(tp_var *const *slope, tp_var *const *factor, int k)
{
    tp_var *sum = tp__series_cauchy(slope, factor, k - 1, 0, k - 1);
    return !sum || k == 1 ? sum : tp_div(sum, k);
}

/* log' a = a' */
void tp__series_log(tp_var *const *a, int order, tp_var **log)
{
    for (int k = 1; k <= order; k++) {
        tp_var *sum = NULL;
        for (int j = 1; j < k; j++)
            sum = tp__series_add(sum, tp__series_scale(tp__series_mul(log[j], a[k - j]), j));
        tp_var *rest = tp__series_sub(a[k], sum ? tp_div(sum, k) : NULL);
        log[k] = rest ? tp_div(rest, a[0]) : NULL;
    }
}

void tp__series_riccati(const tp__jet *jet, tp_var *w0, double linear, double square)
{
    int n = jet->order;
    tp_var **slope = tp__series_new(2 * n + 1);
    if (!slope)
        return;
    tp_var **w = slope + n;
    w[0] = w0;
    tp__series_slope(jet->x[0], n, slope);
    for (int k = 1; k <= n; k++) {
        jet->y[k] = tp__series_integral(slope, w, k);
        if (k == n)
            break;
        tp_var *squared = tp__series_square(jet->y, k);
        w[k] = square > 0 ? squared : tp__series_sub(linear != 0 ? jet->y[k] : NULL, squared);
    }
    tp__free(slope);
}

tp_var **tp__series_new(int n)
{
    return tp__alloc_zero((size_t)n, sizeof(tp_var *));
}
