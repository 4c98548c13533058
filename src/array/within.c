/* SPDX-License-Identifier: MIT
 *
 * Checks that numbers, or all elements of an array, lie between bounds; and the search for NaN.
 *
 * The bounds choose the words of the message, so callers write them by the constants that
 * within_refuse lists. Comparisons are written so that NaN lies outside of any bounds.
 */
#include "base/features.h"

#include "array/array.h"

#include <float.h>
#include <math.h>

#include "base/dtype.h"
#include "base/scope.h"
#include "tinypytorch/scope.h"

/* from = −DBL_MAX and to = DBL_MAX: any finite number; from = DBL_TRUE_MIN: more than 0; to =
 * HUGE_VAL: without an end; to ≤ 1: a share or a probability. */
static bool within_refuse(const char *call, const char *what, double value, double from, double to)
{
    bool finite = to <= DBL_MAX;
    if (from < 0 && finite)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %g, expected a finite number", call, what, value);
    else if (to <= 1)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %g, expected %g to %g", call, what, value, from, to);
    else
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %g, expected %s%s", call, what, value,
                from > 0 ? "more than 0" : "0 or more", finite ? " and finite" : "");
    return false;
}

bool tp__check_within(const char *call, const char *what, double value, double from, double to)
{
    return (value >= from && value <= to) || within_refuse(call, what, value, from, to);
}

/* The first element outside the bounds; if there is none, `to`, which is inside. The commonest
 * types are read without a switch for each element. */
static double within_outside(const tp_var *v, double from, double to)
{
    const float *few = v->data;
    const double *many = v->data;
    size_t item = tp__dtype_size((tp_dtype)v->dtype);
    for (int64_t i = 0; i < v->size; i++) {
        double value =
            v->dtype == TP_F64 ? many[i]
            : v->dtype == TP_F32
                ? (double)few[i]
                : tp__read_element((tp_dtype)v->dtype, (const char *)v->data + (size_t)i * item);
        if (!(value >= from && value <= to))
            return value;
    }
    return to;
}

bool tp__check_elements(const char *call, const char *what, tp_var *v, double from, double to)
{
    if (!tp__check_operand(call, v))
        return false;
    size_t scope = tp_scope_begin();
    tp_var *plain = tp__plain(v);
    bool good = !tp_is_poison(plain);
    double value = good ? within_outside(plain, from, to) : to;
    tp_scope_end(scope);
    return good && ((value >= from && value <= to) || within_refuse(call, what, value, from, to));
}

/* No early exit, so that the compiler can use vector instructions. */
#define WITHIN_HAS_NAN(name, Type)                                                                 \
    static bool name(int64_t n, const Type *x)                                                     \
    {                                                                                              \
        bool any = false;                                                                          \
        for (int64_t i = 0; i < n; i++)                                                            \
            any |= x[i] != x[i];                                                                   \
        return any;                                                                                \
    }

WITHIN_HAS_NAN(within_has_nan_f32, float)
WITHIN_HAS_NAN(within_has_nan_f64, double)

bool tp__has_nan(tp_var *v)
{
    size_t scope = tp_scope_begin();
    const tp_var *plain = tp__plain(v);
    bool any = tp_is_poison(plain)      ? false
               : plain->dtype == TP_F32 ? within_has_nan_f32(plain->size, plain->data)
               : plain->dtype == TP_F64
                   ? within_has_nan_f64(plain->size, plain->data)
                   : isnan(within_outside(plain, -(double)INFINITY, (double)INFINITY));
    tp_scope_end(scope);
    return any;
}
