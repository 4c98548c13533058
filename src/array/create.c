/* SPDX-License-Identifier: MIT
 *
 * Making arrays: plain numbers, copies of the caller's data, filled arrays, and arrays over memory
 * of the caller's.
 *
 * What is made here is a constant that the innermost scope owns; tp_variable and tp_requires_grad_
 * alone make what is differentiated. A mistake found after an array was made gives poison, and the
 * array goes with its scope.
 *
 * A plain number is a 0-d float64 node like the result of any operation on numbers, so that it
 * takes their short path. TP__WEAK says that it stands for a number in the caller's code, and
 * TP__WEAK_INT that this was an integer: both matter when types are promoted. Integers beyond 2⁵³,
 * of which a double does not hold every one, are 0-d int64 arrays with the same flags.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/array.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "array/loops.h"
#include "base/dtype.h"

/* A new array in the current scope with unset elements, or poison. The caller's arguments are
 * checked here; tp__empty trusts its own. */
static tp_var *create_array(const char *call, tp_dtype dtype, int ndim, const int64_t *shape)
{
    if (!tp__check_dtype(call, dtype) || !tp__check_shape(call, ndim, shape))
        return tp__poison();
    tp__thread *t = tp__here();
    return tp__own(t, tp__node_array(t, dtype, ndim, shape));
}

tp_var *tp__empty(tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp__thread *t = tp__here();
    return tp__own(t, tp__node_array(t, dtype, ndim, shape));
}

tp_var *tp__plain(tp_var *v)
{
    tp__thread *t = tp__here();
    if (!tp__evaluate(v))
        return tp__poison();
    return v->flags & TP__CONTIGUOUS ? v : tp__own(t, tp__copy_as(t, v, (tp_dtype)v->dtype));
}

tp_var *tp_num(double value)
{
    tp__thread *t = tp__here();
    tp_var *v = tp__node_number(t, value);
    if (TP_LIKELY(v != NULL))
        v->flags |= TP__WEAK;
    return tp__own(t, v);
}

static tp_var *create_large_integer(int64_t value)
{
    tp_var *v = create_array("num_int", TP_I64, 0, NULL);
    if (!tp_is_poison(v)) {
        *(int64_t *)v->data = value;
        v->flags |= TP__WEAK | TP__WEAK_INT;
    }
    return v;
}

tp_var *tp_num_int(int64_t value)
{
    const int64_t exact = INT64_C(1) << 53;
    if (TP_UNLIKELY(value > exact || value < -exact))
        return create_large_integer(value);
    tp__thread *t = tp__here();
    tp_var *v = tp__node_number(t, (double)value);
    if (TP_LIKELY(v != NULL))
        v->flags |= TP__WEAK | TP__WEAK_INT;
    return tp__own(t, v);
}

tp_var *tp_scalar(double value)
{
    tp__thread *t = tp__here();
    return tp__own(t, tp__node_number(t, value));
}

tp_var *tp_variable(tp_var *value)
{
    if (!tp__check_operand("variable", value) || !tp__may_read("variable", value))
        return tp__poison();
    tp__thread *t = tp__here();
    tp_dtype dtype = value->flags & TP__WEAK ? TP_F64 : (tp_dtype)value->dtype;
    if (!tp__is_float(dtype))
        return tp_fail(TP_ERROR_DTYPE,
                       "variable: a value of %s cannot be differentiated, expected a floating type",
                       tp_dtype_name(dtype));
    tp_var *v = value->flags & TP__NUMBER ? tp__node_number(t, tp__number(value))
                                          : tp__copy_as(t, value, dtype);
    if (v)
        v->flags |= TP__NEEDS_GRAD;
    return tp__own(t, v);
}

tp_var *tp_array(tp_dtype dtype, int ndim, const int64_t *shape, const void *data)
{
    tp_var *v = create_array("array", dtype, ndim, shape);
    if (tp_is_poison(v) || v->size == 0)
        return v;
    if (!data)
        return tp_fail(TP_ERROR_ARGUMENT, "array: data is NULL");
    memcpy(v->data, data, (size_t)v->size * tp__dtype_size(dtype));
    return v;
}

static tp_var *create_filled(const char *call, tp_dtype dtype, int ndim, const int64_t *shape,
                             double value)
{
    tp_var *v = create_array(call, dtype, ndim, shape);
    if (!tp_is_poison(v) && v->size) {
        tp__write_element(dtype, v->data, value);
        tp__repeat_element(v->data, v->size, tp__dtype_size(dtype));
    }
    return v;
}

tp_var *tp_zeros(tp_dtype dtype, int ndim, const int64_t *shape)
{
    return create_filled("zeros", dtype, ndim, shape, 0);
}

tp_var *tp_ones(tp_dtype dtype, int ndim, const int64_t *shape)
{
    return create_filled("ones", dtype, ndim, shape, 1);
}

tp_var *tp_full(tp_dtype dtype, int ndim, const int64_t *shape, double value)
{
    tp_var *v = create_filled("full", dtype, ndim, shape, value);
    return tp_is_poison(v) || tp__check_number("full", dtype, value) ? v : tp__poison();
}

static tp_var *create_like(const char *call, tp_var *v, double value)
{
    return tp__check_operand(call, v) && tp__check_number(call, (tp_dtype)v->dtype, value)
               ? create_filled(call, (tp_dtype)v->dtype, v->ndim, tp__shape(v), value)
               : tp__poison();
}

tp_var *tp_zeros_like(tp_var *v)
{
    return create_like("zeros_like", v, 0);
}

tp_var *tp_ones_like(tp_var *v)
{
    return create_like("ones_like", v, 1);
}

tp_var *tp_full_like(tp_var *v, double value)
{
    return create_like("full_like", v, value);
}

tp_var *tp_eye(tp_dtype dtype, int64_t n)
{
    tp_var *v = create_filled("eye", dtype, 2, (const int64_t[]){n, n}, 0);
    if (!tp_is_poison(v))
        for (int64_t i = 0; i < n; i++)
            tp__write_element(dtype,
                              (char *)v->data + (size_t)(i * (n + 1)) * tp__dtype_size(dtype), 1);
    return v;
}

/* True if all numbers from start to last are whole and int64 holds them: they are then computed in
 * int64, where no digit is lost. */
static bool create_steps_whole(tp_dtype dtype, double start, double step, double last)
{
    return dtype == TP_I64 && start == floor(start) && step == floor(step) &&
           fabs(start) < 0x1p63 && fabs(last) < 0x1p63 && fabs(step) < 0x1p63;
}

tp_var *tp_arange(tp_dtype dtype, double start, double stop, double step)
{
    double count = ceil((stop - start) / step), last = start + (count - 1) * step;
    if (!(fabs(count) < 0x1p53))
        return tp_fail(TP_ERROR_ARGUMENT, "arange: %g to %g by %g has no end", start, stop, step);
    int64_t n = count > 0 ? (int64_t)count : 0;
    if (n && !(tp__check_number("arange", dtype, trunc(start)) &&
               tp__check_number("arange", dtype, trunc(last))))
        return tp__poison();
    tp_var *v = create_array("arange", dtype, 1, &n);
    if (tp_is_poison(v))
        return v;
    bool whole = create_steps_whole(dtype, start, step, last);
    for (int64_t i = 0; i < n; i++)
        if (whole)
            ((int64_t *)v->data)[i] = (int64_t)start + i * (int64_t)step;
        else
            tp__write_element(dtype, (char *)v->data + (size_t)i * tp__dtype_size(dtype),
                              start + (double)i * step);
    return v;
}

/* The last value is counted back from stop, so that it is stop exactly. Where stop − start
 * overflows, the step is a difference of quotients, and the upper half of the values is counted
 * back from stop, since n − 1 steps from start would overflow too. */
tp_var *tp_linspace(tp_dtype dtype, double start, double stop, int64_t n)
{
    if (!isfinite(start) || !isfinite(stop))
        return tp_fail(TP_ERROR_ARGUMENT, "linspace: from %g to %g, expected finite numbers", start,
                       stop);
    tp_var *v = create_array("linspace", dtype, 1, &n);
    if (tp_is_poison(v))
        return v;
    double gaps = n > 1 ? (double)(n - 1) : 1, step = (stop - start) / gaps;
    bool wide = !isfinite(step);
    step = wide ? stop / gaps - start / gaps : step;
    for (int64_t i = 0; i < n; i++) {
        bool late = wide ? i > n / 2 : n > 1 && i == n - 1;
        double at = late ? stop - (double)(n - 1 - i) * step : start + (double)i * step;
        tp__write_element(dtype, (char *)v->data + (size_t)i * tp__dtype_size(dtype), at);
    }
    return v;
}

/* What a C array of the type has at least: on 32-bit x86 half the size of a double. */
static size_t create_alignment(tp_dtype dtype)
{
    struct wide {
        char before;
        double number;
    };
    size_t size = tp__dtype_size(dtype);
    return size < offsetof(struct wide, number) ? size : offsetof(struct wide, number);
}

static bool create_check_memory(tp_dtype dtype, int ndim, const int64_t *shape, const void *data)
{
    if (!tp__check_dtype("from_memory", dtype) || !tp__check_shape("from_memory", ndim, shape))
        return false;
    if (!data)
        tp_fail(TP_ERROR_ARGUMENT, "from_memory: data is NULL");
    else if ((uintptr_t)data % create_alignment(dtype))
        tp_fail(TP_ERROR_ARGUMENT,
                "from_memory: data %p is no address of %s, expected a multiple "
                "of %zu",
                data, tp_dtype_name(dtype), create_alignment(dtype));
    else
        return true;
    return false;
}

tp_var *tp_from_memory(tp_dtype dtype, int ndim, const int64_t *shape, const int64_t *strides,
                       void *data, void (*release)(void *arg), void *arg)
{
    tp__thread *t = tp__here();
    tp__storage *storage = NULL;
    if (create_check_memory(dtype, ndim, shape, data))
        storage = tp__storage_wrap(data, release, arg);
    if (!storage) {
        if (release)
            release(arg);
        return tp__poison();
    }
    int64_t contiguous[TP_MAX_NDIM];
    tp__contiguous_strides(ndim, shape, contiguous);
    return tp__own(
        t, tp__node_over(t, storage, data, dtype, ndim, shape, strides ? strides : contiguous));
}

/* True if something but handles holds v: a recorded operation. */
static bool create_is_used(const tp__thread *t, const tp_var *v)
{
    uint32_t refs = atomic_load_explicit(&v->refs, memory_order_relaxed), handles = v->kept;
    for (size_t i = 0; i < t->scopes.n_handles; i++)
        handles += t->scopes.handles[i] == v;
    return refs > handles;
}

tp_var *tp_requires_grad_(tp_var *v, bool requires_grad)
{
    tp__thread *t = tp__here();
    char name[64];
    if (!tp__check_operand("requires_grad_", v) || t->code)
        return tp__poison();
    if (v->op)
        return tp_fail(
            TP_ERROR_GRAPH,
            "requires_grad_: a value%s that a recorded operation made, such as a view of a "
            "variable; expected a leaf: tp_detach gives one",
            tp__name_text(name, v));
    if (requires_grad && !tp__is_float((tp_dtype)v->dtype))
        return tp_fail(TP_ERROR_DTYPE,
                       "requires_grad_: a value%s of %s cannot be differentiated, expected a "
                       "floating type",
                       tp__name_text(name, v), tp_dtype_name((tp_dtype)v->dtype));
    if (v->flags & TP__SHARED)
        return tp_fail(TP_ERROR_GRAPH, "requires_grad_: a value%s is shared between threads",
                       tp__name_text(name, v));
    if (!(v->flags & TP__NEEDS_GRAD) == !requires_grad)
        return v;
    if (create_is_used(t, v))
        return tp_fail(TP_ERROR_GRAPH,
                       "requires_grad_: recorded operations have taken a value%s as it was: call "
                       "this before them",
                       tp__name_text(name, v));
    if (!tp__evaluate(v))
        return tp__poison();
    v->flags &= (uint16_t) ~(TP__WEAK | TP__WEAK_INT | TP__UNRECORDED | TP__NEEDS_GRAD);
    v->flags |= requires_grad ? TP__NEEDS_GRAD : 0;
    return v;
}
