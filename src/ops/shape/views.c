/* SPDX-License-Identifier: MIT
 *
 * The same elements in another shape or order: views where strides allow.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "graph/apply.h"
#include "ops/families.h"
#include "ops/line.h"
#include "tinypytorch.h"

/* --- reshape --- */

static bool reshape_infer(tp__call *call)
{
    tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->view = true;
    if (tp__reshape_strides(x, call->ndim, call->shape, call->strides))
        return true;
    tp__contiguous_strides(call->ndim, call->shape, call->strides);
    tp__thread *t = tp__here();
    call->base = tp__own(t, tp__copy_as(t, x, call->dtype));
    return !tp_is_poison(call->base);
}

static void reshape_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp_reshape(pull->gy, pull->x[0]->ndim, tp__shape(pull->x[0]));
}

static tp_var *reshape_sample(tp_var *const *x)
{
    return tp_reshape(x[0], TP_SHAPE(3, -1));
}

static tp_var *squeeze_sample(tp_var *const *x)
{
    return tp_squeeze(x[0], 1);
}

static tp_var *unsqueeze_sample(tp_var *const *x)
{
    return tp_unsqueeze(x[0], -1);
}

static const tp__op reshape_op = {
    .label = "Reshape",
    .name = "reshape",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = reshape_infer,
    .gradient = reshape_gradient,
    .formula = "the same elements in another shape",
    .rule = "reshape(gy, shape of x)",
    .samples = (const tp__sample[]){{"2,3", reshape_sample, "x0.reshape(3, -1)"},
                                    {"3,2,2", reshape_sample, "x0.reshape(3, -1)"},
                                    {"2,1,3", squeeze_sample, "x0.squeeze(1)"},
                                    {"2,3", unsqueeze_sample, "x0.unsqueeze(-1)"},
                                    {0}},
};

static tp_var *reshape_fails(const tp_var *x, int ndim, const int64_t *shape)
{
    char from[TP__SHAPE_TEXT], to[TP__SHAPE_TEXT];
    return tp_fail(TP_ERROR_SHAPE, "reshape: shape %s does not fit %s: it has %lld elements",
                   tp__shape_text(to, ndim, shape), tp__shape_text(from, x->ndim, tp__shape(x)),
                   (long long)x->size);
}

tp_var *tp_reshape(tp_var *x, int ndim, const int64_t *shape)
{
    int64_t known[TP_MAX_NDIM] = {0}, size = 1;
    int open = -1;
    if (!tp__check_operand("reshape", x))
        return tp__poison();
    if (ndim < 0 || ndim > TP_MAX_NDIM || (ndim && !shape)) {
        tp__check_shape("reshape", ndim, shape);
        return tp__poison();
    }
    for (int i = 0; i < ndim; i++) {
        known[i] = shape[i];
        if (shape[i] == -1 && open < 0)
            open = i;
        else if (shape[i] < 0 || (shape[i] && size > INT64_MAX / shape[i]))
            return reshape_fails(x, ndim, shape);
        else
            size *= shape[i];
    }
    if (open >= 0) {
        known[open] = size ? x->size / size : 0;
        size *= known[open];
    }
    if (size != x->size || (open >= 0 && size == 0 && known[open] == 0 && x->size))
        return reshape_fails(x, ndim, shape);
    return tp__apply(&reshape_op, &x, 1, (tp__attr){0}, ndim, known);
}

tp_var *tp_squeeze(tp_var *x, int axis)
{
    TP__CALL("squeeze");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_squeeze(x, axis));
    int64_t shape[TP_MAX_NDIM];
    if (!tp__check_operand("squeeze", x) ||
        (axis = tp__check_axis("squeeze", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__shape(x)[axis] != 1) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "squeeze: axis %d of shape %s is not of size 1", axis,
                       tp__shape_text(text, x->ndim, tp__shape(x)));
    }
    for (int i = 0, n = 0; i < x->ndim; i++)
        if (i != axis)
            shape[n++] = tp__shape(x)[i];
    return tp_reshape(x, x->ndim - 1, shape);
}

tp_var *tp_unsqueeze(tp_var *x, int axis)
{
    TP__CALL("unsqueeze");
    TP__OPERANDS(x);
    int64_t shape[TP_MAX_NDIM + 1];
    if (!tp__check_operand("unsqueeze", x) ||
        (axis = tp__check_axis("unsqueeze", axis, x, x->ndim + 1)) < 0)
        return tp__poison();
    for (int i = 0; i <= x->ndim; i++)
        shape[i] = i < axis ? tp__shape(x)[i] : i == axis ? 1 : tp__shape(x)[i - 1];
    return tp_reshape(x, x->ndim + 1, shape);
}

tp_var *tp__as_number(tp_var *y)
{
    return tp_is_poison(y) ? y : tp_reshape(y, 0, NULL);
}

/* --- transpose and permute --- */

/* The attribute packs the order of axes, four bits each. */
static int permute_axis(const tp__attr *attr, int i)
{
    return (int)(attr->integer >> 4 * i & 15);
}

static bool permute_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->view = true;
    call->ndim = x->ndim;
    for (int i = 0; i < x->ndim; i++) {
        int from = permute_axis(&call->attr, i);
        call->shape[i] = tp__shape(x)[from];
        call->strides[i] = tp__strides(x)[from];
    }
    return true;
}

static void permute_gradient(const tp__pull *pull)
{
    int64_t inverse[TP_MAX_NDIM];
    int n = pull->y->ndim;
    for (int i = 0; i < n; i++)
        inverse[permute_axis(&pull->y->attr, i)] = i;
    pull->gx[0] = tp_permute(pull->gy, n, inverse);
}

/* A transposition is its own inverse. */
static void transpose_gradient(const tp__pull *pull)
{
    int a = 0, b, n = pull->y->ndim;
    while (a < n && permute_axis(&pull->y->attr, a) == a)
        a++;
    b = a < n ? permute_axis(&pull->y->attr, a) : 0;
    pull->gx[0] = a < n ? tp_transpose(pull->gy, a, b) : pull->gy;
}

static tp_var *permute_sample(tp_var *const *x)
{
    return tp_permute(x[0], TP_SHAPE(2, 0, -2));
}

static tp_var *transpose_sample(tp_var *const *x)
{
    return tp_transpose(x[0], 0, -1);
}

static const tp__op permute_op = {
    .label = "Permute",
    .name = "permute",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = permute_infer,
    .gradient = permute_gradient,
    .formula = "x with its axes in another order",
    .rule = "permute(gy, inverse order)",
    .samples = (const tp__sample[]){{"2,3,2", permute_sample, "x0.permute(2, 0, 1)"}, {0}},
};

static const tp__op transpose_op = {
    .label = "Transpose",
    .name = "transpose",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = permute_infer,
    .gradient = transpose_gradient,
    .formula = "x with two axes swapped",
    .rule = "transpose(gy, a, b)",
    .samples = (const tp__sample[]){{"2,3", transpose_sample, "x0.transpose(0, -1)"},
                                    {"2,3,4", transpose_sample, "x0.transpose(0, -1)"},
                                    {0}},
};

tp_var *tp_transpose(tp_var *x, int a, int b)
{
    TP__OF_LINE(x, tp_transpose(x, a, b));
    if (!tp__check_operand("transpose", x) ||
        (a = tp__check_axis("transpose", a, x, x->ndim)) < 0 ||
        (b = tp__check_axis("transpose", b, x, x->ndim)) < 0)
        return tp__poison();
    int64_t order = 0;
    for (int i = 0; i < x->ndim; i++)
        order |= (int64_t)(i == a ? b : i == b ? a : i) << 4 * i;
    return tp__apply(&transpose_op, &x, 1, (tp__attr){.integer = order}, -1, NULL);
}

tp_var *tp_permute(tp_var *x, int n, const int64_t *axes)
{
    int64_t order = 0;
    unsigned seen = 0;
    if (!tp__check_operand("permute", x))
        return tp__poison();
    if (n && !axes)
        return tp_fail(TP_ERROR_ARGUMENT, "permute: axes is NULL");
    if (n != x->ndim)
        return tp__refuse_shape("permute", "x", x, "%d axes, as many as are named", n);
    for (int i = 0; i < n; i++) {
        int axis = tp__check_axis("permute", axes[i], x, n);
        if (axis < 0)
            return tp__poison();
        if (seen >> axis & 1)
            return tp_fail(TP_ERROR_SHAPE, "permute: axis %d is named twice", axis);
        seen |= 1u << axis;
        order |= (int64_t)axis << 4 * i;
    }
    return tp__apply(&permute_op, &x, 1, (tp__attr){.integer = order}, -1, NULL);
}

tp_var *tp_expand(tp_var *x, int ndim, const int64_t *shape)
{
    TP__CALL("expand");
    TP__OPERANDS(x);
    int64_t full[TP_MAX_NDIM];
    if (!tp__check_operand("expand", x))
        return tp__poison();
    int lead = ndim - x->ndim;
    for (int i = 0; i < ndim && ndim <= TP_MAX_NDIM && shape; i++)
        full[i] = shape[i] == -1 && i >= lead ? tp__shape(x)[i - lead] : shape[i];
    return tp_broadcast_to(x, ndim, shape ? full : NULL);
}

static const tp__op *const shape_ops[] = {&reshape_op, &transpose_op, &permute_op, NULL};

const tp__family tp__family_views = {"views", "shape", shape_ops};
