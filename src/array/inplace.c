/* SPDX-License-Identifier: MIT
 *
 * Editing in place: target ← target op value, on numbers alone, never recorded.
 *
 * The order is: check everything, bring the value to the target's shape and to the type that is
 * computed in, make the target ready (tp__edit), write, count the version. All that can fail comes
 * before the first element is written, so an edit happens whole or not at all.
 *
 * A value that shares memory with the target is copied first, so that no element is read after it
 * was written. Only leaves and constants are edited. A record keeps the versions of its inputs, and
 * tp__edited counts them up, so that a gradient which an edit has falsified is an error when it is
 * asked for.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/array.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "array/loops.h"
#include "array/promote.h"
#include "base/dtype.h"
#include "base/error.h"
#include "kernels/vector.h"

typedef struct inplace_kind {
    const char *name;                     /* of the public call, for messages */
    double (*number)(double a, double b); /* for two plain numbers */
    tp__loop *loop[4];                    /* by working type; NULL: there is no such edit */
    tp__fast fast;                        /* for contiguous arrays */
} inplace_kind;

#define INPLACE(operation, expression, fast_)                                                      \
    static double inplace_##operation##_number(double a, double b)                                 \
    {                                                                                              \
        return expression;                                                                         \
    }                                                                                              \
    TP__LOOP2(inplace_##operation##_f64, double, double, double, expression)                       \
    TP__LOOP2(inplace_##operation##_f32, float, float, double, expression)                         \
    TP__LOOP2(inplace_##operation##_i64, int64_t, int64_t, uint64_t, expression)                   \
    TP__LOOP2(inplace_##operation##_u8, uint8_t, uint8_t, uint8_t, expression)                     \
    static const inplace_kind inplace_##operation = {#operation "_",                               \
                                                     inplace_##operation##_number,                 \
                                                     {[TP_F64] = inplace_##operation##_f64,        \
                                                      [TP_F32] = inplace_##operation##_f32,        \
                                                      [TP_I64] = inplace_##operation##_i64,        \
                                                      [TP_U8] = inplace_##operation##_u8},         \
                                                     fast_};

INPLACE(add, a + b, TP__FAST_ADD)
INPLACE(sub, a - b, TP__FAST_SUB)
INPLACE(mul, a *b, TP__FAST_MUL)
INPLACE(copy, ((void)a, b), TP__FAST_NONE)

TP__LOOP2(inplace_div_f64, double, double, double, a / b)
TP__LOOP2(inplace_div_f32, float, float, double, a / b)
static double inplace_div_number(double a, double b)
{
    return a / b;
}
static const inplace_kind inplace_div = {"div_",
                                         inplace_div_number,
                                         {[TP_F64] = inplace_div_f64, [TP_F32] = inplace_div_f32},
                                         TP__FAST_DIV};

typedef struct inplace_loops {
    tp__loop *plain, *fast;
    int64_t item;
} inplace_loops;

/* A run of elements, by the fast loop if there is one and they lie side by side. */
static void inplace_line(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    const inplace_loops *loops = attr->block;
    bool beside = loops->fast && step[0] == loops->item && step[2] == loops->item;
    (beside ? loops->fast : loops->plain)(n, at, step, NULL);
}

/* target ← target op value, of one shape and the target's type, which is a working one. */
static void inplace_run(const inplace_kind *kind, tp_var *target, tp_var *value)
{
    tp_dtype dtype = (tp_dtype)target->dtype;
    int64_t item = (int64_t)tp__dtype_size(dtype);
    inplace_loops loops = {kind->loop[dtype], tp__fast_loop(kind->fast, dtype), item};
    tp_var *v[] = {target, target, value};
    char *at[] = {target->data, target->data, value->data};
    if (loops.fast && (target->flags & value->flags & TP__CONTIGUOUS))
        loops.fast(target->size, at, (const int64_t[]){item, item, item}, NULL);
    else
        tp__run_loop(inplace_line, &(tp__attr){.block = &loops}, v, 3);
}

void tp__edited(tp_var *target)
{
    if (target->storage)
        target->storage->version++;
    else
        target->version++;
}

/* True if several places of the target show one element: it would be edited once for each. */
static bool inplace_repeats(const tp_var *target)
{
    for (int i = 0; i < target->ndim && target->size > 0; i++)
        if (tp__shape(target)[i] > 1 && tp__strides(target)[i] == 0)
            return true;
    return false;
}

static bool inplace_target(const char *call, const tp_var *target)
{
    char name[64];
    if (!tp__check_named(call, "the target", target))
        return false;
    if (target->op)
        tp_fail(TP_ERROR_GRAPH,
                "%s: the target%s is a recorded result; only a leaf or a constant can be edited in "
                "place",
                call, tp__name_text(name, target));
    else if ((target->flags & TP__SHARED) || (target->storage && target->storage->read_only))
        tp_fail(TP_ERROR_GRAPH, "%s: the target%s is shared between threads and read-only", call,
                tp__name_text(name, target));
    else if (inplace_repeats(target))
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: several places of the target%s are one element (it was broadcast)", call,
                tp__name_text(name, target));
    else
        return true;
    return false;
}

/* The type to compute in: the one that operations would take for the two. */
static tp_dtype inplace_type(tp_var *target, tp_var *value)
{
    if (!tp__is_float((tp_dtype)target->dtype))
        return tp__working_type((tp_dtype)target->dtype);
    return tp__working_type(tp__promote((tp_var *[]){target, value}, 2));
}

/* value as elements of a type, of the target's shape, one reference; NULL with an error pending. */
static tp_var *inplace_value(tp__thread *t, const char *call, tp_var *target, tp_var *value,
                             tp_dtype dtype)
{
    char to[TP__SHAPE_TEXT], from[TP__SHAPE_TEXT];
    int ndim = target->ndim;
    int64_t shape[TP_MAX_NDIM] = {0};
    for (int i = 0; i < ndim; i++)
        shape[i] = tp__shape(target)[i];
    if (value->ndim > ndim || !tp__broadcast_shape(&ndim, shape, value->ndim, tp__shape(value)) ||
        !tp__same_shape(target, ndim, shape)) {
        tp_fail(TP_ERROR_SHAPE, "%s: a value of shape %s does not fit a target of shape %s", call,
                tp__shape_text(from, value->ndim, tp__shape(value)),
                tp__shape_text(to, target->ndim, tp__shape(target)));
        return NULL;
    }
    bool shares = value->storage && value->storage == target->storage;
    if (!shares && value->dtype == dtype && value->ndim == ndim &&
        tp__same_shape(value, ndim, shape)) {
        tp__ref(value);
        return value;
    }
    if (!shares && value->dtype == dtype)
        return tp__broadcast_view(t, value, ndim, shape);
    tp_var *copy = tp__copy_as(t, value, dtype);
    tp_var *view = copy ? tp__broadcast_view(t, copy, ndim, shape) : NULL;
    if (copy)
        tp__drop(copy);
    return view;
}

/* True if a plain number is one of the target's type, else an error. A copy cuts off what is behind
 * the point first, and of bool everything but 0 is 1. */
static bool inplace_holds(const inplace_kind *kind, tp_dtype to, tp_var *value)
{
    if (kind != &inplace_copy)
        return tp__is_float(to) || tp__check_weak(kind->name, &value, 1, false, &to);
    return to == TP_BOOL || value->dtype == TP_I64 ||
           tp__check_number(kind->name, to, trunc(tp_item(value)));
}

static bool inplace_fits(const inplace_kind *kind, tp_var *target, tp_var *value)
{
    tp_dtype from = value->flags & TP__WEAK_INT ? TP_I64 : (tp_dtype)value->dtype;
    tp_dtype to = (tp_dtype)target->dtype;
    if (!kind->loop[tp__working_type(to)])
        tp_fail(TP_ERROR_DTYPE, "%s: a %s target cannot hold quotients", kind->name,
                tp_dtype_name(to));
    else if (kind != &inplace_copy && !tp__is_float(to) && tp__is_float(from))
        tp_fail(TP_ERROR_DTYPE, "%s: a %s value does not fit a %s target", kind->name,
                tp_dtype_name(from), tp_dtype_name(to));
    else
        return !(value->flags & TP__WEAK) || inplace_holds(kind, to, value);
    return false;
}

/* target ← target op value, computed in the value's type and rounded to the target's once. */
static bool inplace_run_as(tp__thread *t, const inplace_kind *kind, tp_var *target, tp_var *value)
{
    tp_var *wide = tp__copy_as(t, target, (tp_dtype)value->dtype);
    if (!wide)
        return false;
    inplace_run(kind, wide, value);
    tp__copy_elements(target, wide);
    tp__drop(wide);
    return true;
}

static bool inplace_edit(tp__thread *t, const inplace_kind *kind, tp_var *target, tp_var *value)
{
    if (!tp__edit(target))
        return false;
    if (kind == &inplace_copy) {
        tp__copy_elements(target, value);
        return true;
    }
    if (value->dtype != target->dtype)
        return inplace_run_as(t, kind, target, value);
    inplace_run(kind, target, value);
    return true;
}

/* Two numbers take a short path, unless recipes wait to read the target's old element. */
static void inplace_apply(const inplace_kind *kind, tp_var *target, tp_var *value)
{
    tp__thread *t = tp__here();
    if (t->code || !inplace_target(kind->name, target) || !tp__check_operand(kind->name, value) ||
        !tp__may_read(kind->name, value) || !tp__evaluate(value))
        return;
    bool waited = target->storage && target->storage->readers;
    if ((target->flags & value->flags & TP__NUMBER) && !waited) {
        *(double *)target->data = kind->number(tp__number(target), tp__number(value));
    } else {
        if (!inplace_fits(kind, target, value))
            return;
        tp_dtype dtype =
            kind == &inplace_copy ? (tp_dtype)target->dtype : inplace_type(target, value);
        tp_var *fitted = inplace_value(t, kind->name, target, value, dtype);
        bool done = fitted && inplace_edit(t, kind, target, fitted);
        if (fitted)
            tp__drop(fitted);
        if (!done)
            return;
    }
    tp__edited(target);
}

void tp_add_(tp_var *target, tp_var *value)
{
    inplace_apply(&inplace_add, target, value);
}

void tp_sub_(tp_var *target, tp_var *value)
{
    inplace_apply(&inplace_sub, target, value);
}

void tp_mul_(tp_var *target, tp_var *value)
{
    inplace_apply(&inplace_mul, target, value);
}

void tp_div_(tp_var *target, tp_var *value)
{
    inplace_apply(&inplace_div, target, value);
}

void tp_copy_(tp_var *target, tp_var *value)
{
    inplace_apply(&inplace_copy, target, value);
}

/* Half types are computed as double and rounded once, element by element: tp__accumulate cannot
 * fail, so it can take no memory for a wider copy. */
static void inplace_add_halves(int64_t n, char *const *at, const int64_t *step,
                               const tp__attr *attr)
{
    tp_dtype dtype = (tp_dtype)attr->integer;
    for (int64_t i = 0; i < n; i++)
        tp__write_element(dtype, at[0] + i * step[0],
                          tp__read_element(dtype, at[1] + i * step[1]) +
                              tp__read_element(dtype, at[2] + i * step[2]));
}

void tp__accumulate(tp_var *target, tp_var *value)
{
    if (tp__is_working(target->dtype))
        inplace_run(&inplace_add, target, value);
    else
        tp__run_loop(inplace_add_halves, &(tp__attr){.integer = target->dtype},
                     (tp_var *[]){target, target, value}, 3);
    tp__edited(target);
}

/* The edit is counted now, before the caller writes. From here on nobody knows when it does, so the
 * storage is open: what would wait to read it runs at once. */
static void *inplace_elements(tp_var *v)
{
    if (tp__here()->code || !inplace_target("data_", v) || !tp__may_read("data_", v))
        return NULL;
    if (!(v->flags & TP__CONTIGUOUS)) {
        tp_fail(TP_ERROR_ARGUMENT, "data_: the array is not contiguous");
        return NULL;
    }
    if (!tp__edit(v) || !tp__node_expose(v))
        return NULL;
    tp__edited(v);
    v->storage->open = true;
    return v->data;
}

void *tp_data_(tp_var *v)
{
    void *data = inplace_elements(v);
    return data ? data : tp__error_null();
}
