/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/linalg/matrices.h"

#include <stdio.h>
#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "ops/linalg/lapack_batch.h"
#include "tinypytorch.h"

/* --- Operands --- */

tp_var *tp__misfit(const char *call, const tp_var *a, const tp_var *b, const char *why)
{
    char a_shape[TP__SHAPE_TEXT], b_shape[TP__SHAPE_TEXT], a_name[64], b_name[64];
    return tp_fail(TP_ERROR_SHAPE, "%s: shapes %s%s and %s%s do not fit: %s", call,
                   tp__shape_text(a_shape, a->ndim, tp__shape(a)), tp__name_text(a_name, a),
                   tp__shape_text(b_shape, b->ndim, tp__shape(b)), tp__name_text(b_name, b), why);
}

bool tp__same_size(const char *call, const tp_var *a, int64_t size, const tp_var *b, int64_t other)
{
    char why[64];
    if (size == other)
        return true;
    snprintf(why, sizeof why, "%lld != %lld", (long long)size, (long long)other);
    tp__misfit(call, a, b, why);
    return false;
}

bool tp__check_two(const char *call, const tp_var *a, const tp_var *b)
{
    return tp__check_operand_of(call, a, 0, 2) && tp__check_operand_of(call, b, 1, 2);
}

bool tp__check_points(const char *call, tp_var **a, tp_var **b)
{
    const char *why = NULL;
    if (!tp__check_two(call, *a, *b))
        return false;
    if ((*a)->ndim < 2 || (*b)->ndim < 2)
        why = "expected (…, m, d) and (…, n, d)";
    else if (tp__shape(*a)[(*a)->ndim - 1] != tp__shape(*b)[(*b)->ndim - 1])
        why = "points of different dimensions";
    if (why)
        tp__misfit(call, *a, *b, why);
    else if (!tp__is_float(tp__promote((tp_var *[]){*a, *b}, 2)))
        *a = tp_to(*a, TP_F64);
    return !why;
}

bool tp__infer_alike(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

bool tp__is_vectors(const tp_var *a, const tp_var *b)
{
    return b->ndim == 1 || (b->ndim == a->ndim - 1 && tp__same_shape(b, a->ndim - 1, tp__shape(a)));
}

static tp_var *matrices_operand(const char *call, tp_var *x, bool square)
{
    char shape[TP__SHAPE_TEXT], name[64];
    if (!tp__check_operand(call, x))
        return tp__poison();
    const int64_t *size = tp__shape(x) + x->ndim - 2;
    if (x->ndim < 2)
        return tp_fail(TP_ERROR_SHAPE, "%s: shape %s%s, expected matrices (…, m, n)", call,
                       tp__shape_text(shape, x->ndim, tp__shape(x)), tp__name_text(name, x));
    if (square && size[0] != size[1])
        return tp_fail(TP_ERROR_SHAPE,
                       "%s: shape %s%s, expected square matrices (…, n, n): %lld != %lld", call,
                       tp__shape_text(shape, x->ndim, tp__shape(x)), tp__name_text(name, x),
                       (long long)size[0], (long long)size[1]);
    return x;
}

tp_var *tp__check_matrices(const char *call, tp_var *x)
{
    return matrices_operand(call, x, false);
}

tp_var *tp__square(const char *call, tp_var *x)
{
    return matrices_operand(call, x, true);
}

tp_var *tp__matrices(const char *call, tp_var *x, bool square)
{
    x = matrices_operand(call, x, square);
    if (!tp_is_poison(x) && !tp__lapack_needed(call))
        return tp__poison();
    return tp_is_poison(x) || tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
}

/* v with these leading axes. */
static tp_var *matrices_broadcast(tp_var *v, int ndim, const int64_t *lead)
{
    int64_t shape[TP_MAX_NDIM + 2];
    memcpy(shape, lead, (size_t)ndim * sizeof *shape);
    memcpy(shape + ndim, tp__shape(v) + v->ndim - 2, 2 * sizeof *shape);
    return tp__same_shape(v, ndim + 2, shape) ? v : tp_broadcast_to(v, ndim + 2, shape);
}

bool tp__common_batch(const char *call, tp_var **a, tp_var **b)
{
    int64_t lead[TP_MAX_NDIM];
    int ndim = (*a)->ndim - 2;
    memcpy(lead, tp__shape(*a), (size_t)ndim * sizeof *lead);
    if (!tp__broadcast_shape(&ndim, lead, (*b)->ndim - 2, tp__shape(*b))) {
        tp__misfit(call, *a, *b, "leading axes do not broadcast");
        return false;
    }
    tp_dtype dtype = tp__promote((tp_var *[]){*a, *b}, 2);
    *a = matrices_broadcast(tp_to(*a, dtype), ndim, lead);
    *b = matrices_broadcast(tp_to(*b, dtype), ndim, lead);
    return !tp_is_poison(*a) && !tp_is_poison(*b);
}

/* --- Parts of rules --- */

tp_var *tp__sum_over(tp_var *x, int64_t axis, bool keepdims)
{
    tp_reduce_options options = {.axes.one = axis, .keepdims = keepdims, .size = sizeof options};
    return (tp_sum)(x, &options);
}

tp_var *tp__transposed(tp_var *x)
{
    return tp_transpose(x, -1, -2);
}

tp_var *tp__triangle(tp_dtype dtype, int64_t n, double below, double on, double above)
{
    tp_var *v = tp__empty(dtype, 2, (int64_t[]){n, n});
    if (tp_is_poison(v))
        return v;
    size_t item = tp__dtype_size(dtype);
    char *at = v->data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++, at += item)
            tp__write_element(dtype, at, j < i ? below : j == i ? on : above);
    return v;
}

tp_var *tp__shifted(tp_var *x, double shift)
{
    if (tp_ndim(x) < 2 || tp_is_poison(x))
        return x;
    const int64_t *size = tp__shape(x) + x->ndim - 2;
    tp_dtype dtype = tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_F64;
    tp_var *identity = tp_eye(dtype, size[0] > size[1] ? size[0] : size[1]);
    identity = tp_slice(tp_slice(identity, 0, 0, size[0], 1), 1, 0, size[1], 1);
    return tp_add(x, tp_mul(shift, identity));
}

tp_var *tp__unpack(tp_var *packed, int64_t from, int64_t rows, int64_t columns)
{
    int64_t shape[TP_MAX_NDIM + 1];
    if (!tp__check_operand("unpack", packed))
        return tp__poison();
    int lead = packed->ndim - 1;
    memcpy(shape, tp__shape(packed), (size_t)lead * sizeof *shape);
    shape[lead] = rows;
    shape[lead + 1] = columns;
    int64_t size = columns < 0 ? rows : rows * columns;
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    tp_var *part = tp_slice(packed, -1, from, from + size, 1);
    if (columns >= 0)
        part = tp_reshape(part, lead + 2, shape);
    t->recording.marks = marks;
    return part;
}

tp_var *tp__pack(tp_var *const *parts, const bool *is_matrix, int n)
{
    tp_var *flat[3];
    for (int i = 0; i < n; i++) {
        int64_t shape[TP_MAX_NDIM];
        tp_var *part = parts[i];
        if (tp_is_poison(part))
            return part;
        memcpy(shape, tp__shape(part), part->ndim * sizeof *shape);
        if (is_matrix[i])
            shape[part->ndim - 2] *= shape[part->ndim - 1];
        flat[i] = is_matrix[i] ? tp_reshape(part, part->ndim - 1, shape) : part;
    }
    return tp_concatenate(flat, n, -1);
}
