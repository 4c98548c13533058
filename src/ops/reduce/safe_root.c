/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/reduce/safe_root.h"

#include <math.h>

#include "array/array.h"
#include "base/dtype.h"

/* So are derivatives of roots to the second order: powers −3/2 of a sum. */
static bool range_holds(tp_dtype dtype, double sum)
{
    double most = dtype == TP_F32 ? 1e24 : 1e200;
    return isnan(sum) || (sum >= 1 / most && sum <= most);
}

static bool range_all_hold(const tp_var *sums)
{
    tp_dtype dtype = (tp_dtype)sums->dtype;
    size_t item = tp__dtype_size(dtype);
    for (int64_t i = 0; i < sums->size; i++)
        if (!range_holds(dtype, tp__read_element(dtype, (char *)sums->data + (size_t)i * item)))
            return false;
    return true;
}

/* Quotients of float64's smallest and largest numbers by it, to the power 2 p, are in range. */
static double range_power(double size, double p)
{
    int room = p > 0 ? (int)fmin(500 / p, 400) : 0;
    return ldexp(1, (int)fmax(-1074 + room, fmin(ilogb(size), 1023 - room)));
}

/* False if no sum needs a scale. */
static bool range_write(tp_var *scale, const tp_var *largest, double p, const tp_var *sums)
{
    tp_dtype dtype = (tp_dtype)sums->dtype;
    size_t item = tp__dtype_size(dtype);
    bool any = false;
    for (int64_t i = 0; i < sums->size; i++) {
        size_t at = (size_t)i * item;
        double size = tp__read_element(dtype, (const char *)largest->data + at), power = 1;
        double sum = tp__read_element(dtype, (const char *)sums->data + at);
        bool out = size > 0 && !range_holds(dtype, sum);
        if (out && isfinite(size))
            power = range_power(size, p);
        any |= out;
        tp__write_element(dtype, (char *)scale->data + at, power);
    }
    return any;
}

tp_var *tp__range_scale(tp_var *x, double p, tp_var *sums, const tp_reduce_options *options)
{
    if (tp_is_poison(sums))
        return sums;
    tp_var *plain = tp__plain(tp_detach(sums));
    if (tp_is_poison(plain))
        return plain;
    if (x->size == 0 || range_all_hold(plain))
        return NULL;
    tp_reduce_options kept = *options;
    kept.keepdims = true;
    tp_var *largest = tp__plain((tp_max)(tp_abs(tp_detach(x)), &kept));
    if (tp_is_poison(largest))
        return largest;
    tp_var *scale = tp__empty((tp_dtype)largest->dtype, largest->ndim, tp__shape(largest));
    if (!tp_is_poison(scale) && !range_write(scale, largest, p, plain))
        return NULL;
    return scale;
}

tp_var *tp__range_restore(tp_var *y, tp_var *scale)
{
    return tp_is_poison(y) ? y : tp_mul(y, tp_reshape(scale, y->ndim, tp__shape(y)));
}

tp_var *tp__safe_root(tp_var *s)
{
    tp_var *zero = tp_eq(s, 0);
    return tp_where(zero, 0, tp_sqrt(tp_where(zero, 1, s)));
}

tp_var *tp__range_unbounded(tp_var *x, double p, const tp_reduce_options *options,
                            tp_var *(*norm)(tp_var *x, double p, const tp_reduce_options *options))
{
    tp_var *infinite = tp_isinf(tp_detach(x)), *some = (tp_any)(infinite, NULL);
    if (tp_is_poison(some))
        return some;
    if (tp_item(some) == 0)
        return NULL;
    tp_var *most = (tp_max)(tp_abs(x), options), *rest = norm(tp_where(infinite, 0, x), p, options);
    return tp_where(tp_eq(most, HUGE_VAL), most, rest);
}

static tp_var *range_root_of_squares(tp_var *x, double p, const tp_reduce_options *options)
{
    (void)p;
    return tp__root_of_squares(x, options);
}

tp_var *tp__root_of_squares(tp_var *x, const tp_reduce_options *options)
{
    tp_var *squares = (tp_sum)(tp_square(x), options);
    tp_var *scale = tp__range_scale(x, 2, squares, options);
    if (!scale)
        return tp__safe_root(squares);
    TP__RANGE_WIDE(scale, x, tp__root_of_squares(x, options));
    if (tp_is_poison(scale))
        return scale;
    tp_var *unbounded = tp__range_unbounded(x, 2, options, range_root_of_squares);
    if (unbounded)
        return unbounded;
    tp_var *root = tp__safe_root((tp_sum)(tp_square(tp_div(x, scale)), options));
    return tp__range_restore(root, scale);
}
