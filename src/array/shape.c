/* SPDX-License-Identifier: MIT
 *
 * Checks of what a caller passed, and the arithmetic of shapes and strides.
 *
 * A check that fails records an error in the name of the public call: which argument is meant, what
 * it is and what was expected. Its own caller then returns poison and says nothing more, since the
 * first error is the one that stays.
 *
 * A shape lists sizes from the outermost axis to the innermost. A stride is the distance from one
 * element to the next along an axis, counted in elements: 0 where one element stands for all,
 * negative where memory runs backwards. Broadcasting, and reshaping where it can, give new strides
 * over the same elements; tp__reshape_strides says when it cannot.
 */
#include "base/features.h"

#include "array/array.h"

#include <stdarg.h>
#include <string.h>

#include "array/loops.h"
#include "base/debug.h"
#include "base/numbers.h"
#include "tinypytorch/array.h"

bool tp__take_options(const char *call, void *options, size_t bytes, const void *given)
{
    size_t size;
    if (!given)
        return true;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > 4096) {
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: the options' size is %zu: begin with those that TP_OPTIONS gives", call, size);
        return false;
    }
    memcpy(options, given, size < bytes ? size : bytes);
    memcpy(options, &bytes, sizeof bytes);
    return true;
}

bool tp__has_axes(const tp_var *v, int ndim)
{
    return v && !(v->flags & TP__POISON) && v->ndim == ndim;
}

/* axes->n is 0 when axes->one tells which: a single axis, or all. A number's axes 0 and −1 are
 * checked as if it had an axis, and leave no bit in the mask. */
bool tp__take_axes(const char *call, const tp_axes *axes, const tp_var *v, unsigned *mask)
{
    int ndim = v->ndim;
    bool all = axes->n == 0 && axes->one == TP_ALL_AXES;
    int n = axes->n == 0 && !all ? 1 : axes->n;
    const int64_t *at = axes->n == 0 ? &axes->one : axes->at;
    if (n < 0 || n > TP_MAX_NDIM) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d axes, expected 0 to %d", call, n, TP_MAX_NDIM);
        return false;
    }
    *mask = all ? (1u << ndim) - 1 : 0;
    for (int i = 0; i < n; i++) {
        int axis = tp__check_axis(call, at[i], v, ndim ? ndim : 1);
        if (axis < 0)
            return false;
        if (*mask >> axis & 1) {
            tp_fail(TP_ERROR_SHAPE, "%s: axis %d is named twice", call, axis);
            return false;
        }
        *mask |= 1u << axis;
    }
    *mask &= (1u << ndim) - 1;
    return true;
}

bool tp__take_sizes(const char *call, const char *what, const tp_sizes *given, int ndim,
                    int64_t least, int64_t *to)
{
    if (given->n != 0 && given->n != 1 && given->n != ndim) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s has %d numbers, expected 1 or %d", call, what, given->n,
                ndim);
        return false;
    }
    for (int i = 0; i < ndim; i++) {
        to[i] = given->n == 0 ? given->one : given->at[given->n == 1 ? 0 : i];
        if (to[i] >= least && to[i] <= INT32_MAX)
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %lld along axis %d, expected %lld or more", call,
                what, (long long)to[i], i - ndim, (long long)least);
        return false;
    }
    return true;
}

bool tp__check_shape(const char *call, int ndim, const int64_t *shape)
{
    if (ndim < 0 || ndim > TP_MAX_NDIM) {
        tp_fail(TP_ERROR_SHAPE, "%s: %d dimensions, expected 0 to %d", call, ndim, TP_MAX_NDIM);
        return false;
    }
    if (ndim && !shape) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: shape is NULL", call);
        return false;
    }
    for (int i = 0; i < ndim; i++)
        if (shape[i] < 0) {
            char text[TP__SHAPE_TEXT];
            tp_fail(TP_ERROR_SHAPE, "%s: shape %s has a negative size", call,
                    tp__shape_text(text, ndim, shape));
            return false;
        }
    return true;
}

int tp__check_axis(const char *call, int64_t axis, const tp_var *v, int ndim)
{
    char text[TP__SHAPE_TEXT];
    if (axis >= -ndim && axis < ndim)
        return (int)(axis < 0 ? axis + ndim : axis);
    if (ndim == 0)
        tp_fail(TP_ERROR_SHAPE, "%s: axis %lld of an array of shape (), which has none", call,
                (long long)axis);
    else
        tp_fail(TP_ERROR_SHAPE, "%s: axis %lld is out of range for shape %s, expected %d to %d",
                call, (long long)axis, tp__shape_text(text, v->ndim, tp__shape(v)), -ndim,
                ndim - 1);
    return -1;
}

tp_var *tp__refuse_shape(const char *call, const char *what, const tp_var *v, const char *expected,
                         ...)
{
    char text[TP__SHAPE_TEXT], wanted[200];
    va_list arguments;
    va_start(arguments, expected);
    tp__format_list(wanted, sizeof wanted, expected, arguments);
    va_end(arguments);
    return tp_fail(TP_ERROR_SHAPE, "%s: %s has shape %s, expected %s", call, what,
                   tp__shape_text(text, v->ndim, tp__shape(v)), wanted);
}

bool tp__refuse_operand(const char *call, const tp_var *v, int i, int n)
{
    char which[48] = "the operand";
    if (n > 1)
        snprintf(which, sizeof which, "operand %d of %d", i + 1, n);
    return tp__refuse_named(call, which, v);
}

/* names is the text of a macro's arguments, "x, target"; the i-th of them is meant. */
void tp__refuse_among(const char *names, int i, const tp_var *v)
{
    char name[48];
    for (; i > 0; i--)
        names += strcspn(names, ",") + 1;
    names += strspn(names, " ");
    snprintf(name, sizeof name, "%.*s", (int)strcspn(names, ","), names);
    tp__refuse_named(tp__here()->call, name, v);
}

bool tp__refuse_named(const char *call, const char *which, const tp_var *v)
{
    if (v && (v->flags & TP__WATCHED))
        return tp__debug_may_use(call, which, v);
    if (!v)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is NULL (tp_grad gives NULL where there is no gradient)",
                call, which);
    else
        tp_fail(TP_ERROR_GRAPH,
                "%s: %s is poison, the result of a call that failed before the error was cleared",
                call, which);
    return false;
}

bool tp__may_differentiate(const char *call, const tp_var *y)
{
    if ((y->flags & (TP__NEEDS_GRAD | TP__UNRECORDED)) != TP__UNRECORDED)
        return true;
    char name[64];
    tp_fail(TP_ERROR_GRAPH,
            "%s: the value%s to differentiate was computed without recording: if it is a gradient, "
            "pass .create_graph = true to the tp_gradient or tp_backward that made it; if a search "
            "found it, .implicit = true to that; otherwise leave out TP_NO_GRAD",
            call, tp__name_text(name, y));
    return false;
}

bool tp__check_derivative(const char *call, const tp_var *y, const tp_var *x)
{
    if (tp__here()->code || !tp__check_named(call, "y", y) || !tp__check_named(call, "x", x) ||
        !tp__may_differentiate(call, y))
        return false;
    if (x->flags & TP__NEEDS_GRAD)
        return true;
    char name[64];
    tp_fail(TP_ERROR_GRAPH,
            "%s: x%s is a constant; make it with tp_variable or tp_requires_grad_ to differentiate "
            "for it",
            call, tp__name_text(name, x));
    return false;
}

bool tp__check_like(const char *call, const char *what, const tp_var *v, const char *whose,
                    const tp_var *like)
{
    char ours[TP__SHAPE_TEXT], theirs[TP__SHAPE_TEXT];
    if (!tp__check_named(call, what, v))
        return false;
    if (v->dtype == like->dtype && tp__same_shape(v, like->ndim, tp__shape(like)))
        return true;
    tp_code code = v->dtype != like->dtype ? TP_ERROR_DTYPE : TP_ERROR_SHAPE;
    tp_fail(code, "%s: %s is %s %s, expected %s %s like %s", call, what,
            tp_dtype_name((tp_dtype)v->dtype), tp__shape_text(theirs, v->ndim, tp__shape(v)),
            tp_dtype_name((tp_dtype)like->dtype), tp__shape_text(ours, like->ndim, tp__shape(like)),
            whose);
    return false;
}

bool tp__broadcast_shape(int *ndim, int64_t *shape, int b_ndim, const int64_t *b_shape)
{
    int grown = b_ndim - *ndim;
    if (grown > 0) {
        memmove(shape + grown, shape, (size_t)*ndim * sizeof *shape);
        for (int i = 0; i < grown; i++)
            shape[i] = 1;
        *ndim = b_ndim;
    }
    for (int i = 0; i < b_ndim; i++) {
        int64_t *size = &shape[*ndim - b_ndim + i];
        if (*size == 1)
            *size = b_shape[i];
        else if (b_shape[i] != 1 && b_shape[i] != *size)
            return false;
    }
    return true;
}

/* The shape may be larger than memory, which is an error only when its array is made. Until then
 * strides wrap around, and are unsigned for that. A size of 0 counts as 1, as in the node's layout.
 */
void tp__contiguous_strides(int ndim, const int64_t *shape, int64_t *strides)
{
    uint64_t stride = 1;
    for (int i = ndim - 1; i >= 0; i--) {
        strides[i] = (int64_t)stride;
        stride *= (uint64_t)(shape[i] ? shape[i] : 1);
    }
}

/* The axes of v that are longer than 1. */
static int shape_long_axes(const tp_var *v, int64_t *shape, int64_t *strides)
{
    int n = 0;
    for (int i = 0; i < v->ndim; i++)
        if (tp__shape(v)[i] != 1) {
            shape[n] = tp__shape(v)[i];
            strides[n++] = tp__strides(v)[i];
        }
    return n;
}

/* Cuts both shapes into the smallest groups of neighbouring axes that have as many elements in the
 * one as in the other: (4, 6) and (2, 2, 6) into 4 = 2 · 2 and 6 = 6. The elements of a group must
 * follow each other at one distance, as if the old shape had a single axis there; the new axes then
 * divide that axis. */
bool tp__reshape_strides(const tp_var *v, int ndim, const int64_t *shape, int64_t *strides)
{
    int64_t old[TP_MAX_NDIM] = {0}, steps[TP_MAX_NDIM] = {0};
    int n = shape_long_axes(v, old, steps);
    tp__contiguous_strides(ndim, shape, strides);
    if (v->size == 0 || (v->flags & TP__CONTIGUOUS))
        return true;
    for (int from = 0, to = 0; from < n;) {
        int old_end = from + 1, new_end = to + 1;
        int64_t old_size = old[from], new_size = shape[to];
        while (old_size != new_size)
            if (new_size < old_size)
                new_size *= shape[new_end++];
            else
                old_size *= old[old_end++];
        for (int i = from; i + 1 < old_end; i++)
            if (steps[i] != old[i + 1] * steps[i + 1])
                return false;
        int64_t step = steps[old_end - 1];
        for (int i = new_end - 1; i >= to; i--, step *= shape[i + 1])
            strides[i] = step;
        from = old_end;
        to = new_end;
    }
    return true;
}

void tp__broadcast_strides(const tp_var *v, int ndim, int64_t *strides)
{
    int lead = ndim - v->ndim;
    for (int i = 0; i < ndim; i++)
        strides[i] = i < lead || tp__shape(v)[i - lead] == 1 ? 0 : tp__strides(v)[i - lead];
}

tp_var *tp__broadcast_view(tp__thread *t, tp_var *v, int ndim, const int64_t *shape)
{
    int64_t strides[TP_MAX_NDIM];
    if (!tp__evaluate(v))
        return NULL;
    tp__broadcast_strides(v, ndim, strides);
    return tp__node_view(t, v, ndim, shape, strides, 0);
}

tp_var *tp__copy_as(tp__thread *t, tp_var *v, tp_dtype dtype)
{
    tp_var *copy = tp__evaluate(v) ? tp__node_array(t, dtype, v->ndim, tp__shape(v)) : NULL;
    if (copy)
        tp__copy_elements(copy, v);
    return copy;
}

/* v itself serves only if it could be edited in place: a recorded result cannot, and what the
 * caller writes to by a pointer is not ours alone. What waits goes on waiting; recipes that read v
 * are seen to by who edits it. */
tp_var *tp__sole(tp__thread *t, tp_var *v)
{
    if ((v->flags & TP__DROPPED) && !tp__evaluate(v))
        return NULL;
    bool alone = atomic_load_explicit(&v->refs, memory_order_relaxed) == 1 && !v->op &&
                 !(v->flags & TP__SHARED) && (v->flags & TP__CONTIGUOUS) &&
                 (!v->storage ||
                  (tp__storage_refs(v->storage) == v->storage->readers + 1 && !v->storage->open));
    if (!alone)
        return tp__copy_as(t, v, (tp_dtype)v->dtype);
    tp__ref(v);
    return v;
}

/* What waits goes on waiting, with one more node that shows its storage. */
tp_var *tp__alias(tp__thread *t, tp_var *v)
{
    if (v->data || (v->flags & TP__DROPPED))
        return tp__evaluate(v) ? tp__node_view(t, v, v->ndim, tp__shape(v), tp__strides(v), 0)
                               : NULL;
    tp__storage_ref(v->storage);
    return tp__node_holding(t, v->storage, (tp_dtype)v->dtype, v->ndim, tp__shape(v));
}

const char *tp__name_text(char text[64], const tp_var *v)
{
    text[0] = 0;
    if (v->extra && v->extra->name)
        snprintf(text, 64, " (%s)", v->extra->name);
    return text;
}
