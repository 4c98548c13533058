/* SPDX-License-Identifier: MIT
 *
 * Elements in another order, repeated, joined and masked. flip is a view that walks backwards; the
 * rest is made of other operations.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/structural.h"
#include "ops/families.h"
#include "ops/line.h"
#include "tinypytorch.h"

/* --- flip --- */

static bool flip_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->view = true;
    call->ndim = x->ndim;
    for (int i = 0; i < x->ndim; i++) {
        bool turns = call->attr.integer >> i & 1;
        int64_t size = tp__shape(x)[i], stride = tp__strides(x)[i];
        call->shape[i] = size;
        call->strides[i] = turns ? -stride : stride;
        call->offset += turns && x->size ? (size - 1) * stride : 0;
    }
    return true;
}

static tp_var *flip_axes(tp_var *x, int64_t mask);

static void flip_gradient(const tp__pull *pull)
{
    pull->gx[0] = flip_axes(pull->gy, pull->y->attr.integer);
}

static tp_var *flip_sample(tp_var *const *x)
{
    return tp_flip(x[0], TP_SHAPE(0));
}

static tp_var *flip_sample_two(tp_var *const *x)
{
    return tp_flip(x[0], TP_SHAPE(0, 1));
}

static const tp__op flip_op = {
    .label = "Flip",
    .name = "flip",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = flip_infer,
    .gradient = flip_gradient,
    .formula = "x backwards along axes",
    .rule = "flip(gy)",
    .samples = (const tp__sample[]){{"3", flip_sample, "x0.flip(0)"},
                                    {"2,3", flip_sample_two, "x0.flip(0, 1)"},
                                    {0}},
};

static tp_var *flip_axes(tp_var *x, int64_t mask)
{
    return tp__apply(&flip_op, &x, 1, (tp__attr){.integer = mask}, -1, NULL);
}

tp_var *tp_flip(tp_var *x, int n, const int64_t *axes)
{
    TP__CALL("flip");
    TP__OPERANDS(x);
    int64_t mask = 0;
    if (!tp__check_operand("flip", x))
        return tp__poison();
    if (n < 0 || n > TP_MAX_NDIM || (n && !axes))
        return tp_fail(TP_ERROR_ARGUMENT, "flip: %d axes, expected 0 to %d", n, TP_MAX_NDIM);
    for (int i = 0; i < n; i++) {
        int axis = tp__check_axis("flip", axes[i], x, x->ndim ? x->ndim : 1);
        if (axis < 0)
            return tp__poison();
        mask |= x->ndim ? INT64_C(1) << axis : 0;
    }
    return flip_axes(x, n ? mask : (INT64_C(1) << x->ndim) - 1);
}

/* --- Joining --- */

tp_var *tp_stack(tp_var *const *xs, int n, int axis)
{
    TP__CALL("stack");
    if (n < 1 || !xs)
        return tp_fail(TP_ERROR_ARGUMENT, "stack: nothing to join");
    tp_var **rows = tp__alloc((size_t)n * sizeof *rows);
    bool good = rows != NULL;
    for (int i = 0; good && i < n; i++) {
        good = tp__check_operand_of("stack", xs[i], i, n);
        if (good && !tp__same_shape(xs[i], xs[0]->ndim, tp__shape(xs[0]))) {
            char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
            tp_fail(TP_ERROR_SHAPE, "stack: shapes %s and %s (operand %d) differ",
                    tp__shape_text(a, xs[0]->ndim, tp__shape(xs[0])),
                    tp__shape_text(b, xs[i]->ndim, tp__shape(xs[i])), i);
            good = false;
        }
        if (good && i == 0)
            good = (axis = tp__check_axis("stack", axis, xs[0], xs[0]->ndim + 1)) >= 0;
        if (good)
            good = !tp_is_poison(rows[i] = tp_unsqueeze(xs[i], axis));
    }
    tp_var *y = good ? tp_concatenate(rows, n, axis) : tp__poison();
    tp__free(rows);
    return y;
}

/* (before, axes after) → (before, n, axes after), as a view, then with the axes of shape. */
static tp_var *arrange_copies(tp_var *x, int64_t before, int64_t n, int ndim, const int64_t *shape)
{
    int64_t after = before ? x->size / before : 0;
    tp_var *rows = tp_reshape(x, TP_SHAPE(before, 1, after));
    tp_var *copies = tp_broadcast_to(rows, TP_SHAPE(before, n, after));
    return tp_is_poison(copies) ? copies : tp_reshape(copies, ndim, shape);
}

/* shape[i] times as much, if an array can be so large. */
static bool arrange_grow(const char *call, int n, int64_t *shape, int i, int64_t times)
{
    int64_t size = 1;
    bool good = times >= 0 && !__builtin_mul_overflow(shape[i], times, &shape[i]);
    for (int d = 0; d < n && good; d++)
        good = shape[d] == 0 || !__builtin_mul_overflow(size, shape[d], &size);
    if (!good)
        tp_fail(TP_ERROR_ARGUMENT, "%s: axis %d %lld times is no size of an array", call, i,
                (long long)times);
    return good;
}

tp_var *tp_repeat(tp_var *x, int n, const int64_t *times)
{
    TP__CALL("repeat");
    TP__OPERANDS(x);
    int64_t shape[TP_MAX_NDIM] = {0}, before = 1;
    if (!tp__check_operand("repeat", x) || !tp__check_shape("repeat", n, times))
        return tp__poison();
    if (n < x->ndim)
        return tp__refuse_shape("repeat", "x", x, "at most %d axes for %d counts", n, n);
    for (int i = 0; i < n; i++)
        shape[i] = i < n - x->ndim ? 1 : tp__shape(x)[i - (n - x->ndim)];
    tp_var *y = tp_reshape(x, n, shape);
    for (int i = 0; i < n && !tp_is_poison(y); before *= shape[i++]) {
        if (!arrange_grow("repeat", n, shape, i, times[i]))
            return tp__poison();
        if (times[i] != 1)
            y = arrange_copies(y, before, times[i], n, shape);
    }
    return tp__fresh(y, x);
}

tp_var *tp_tile(tp_var *x, int n, const int64_t *times)
{
    TP__CALL("tile");
    TP__OPERANDS(x);
    int64_t all[TP_MAX_NDIM] = {1, 1, 1, 1, 1, 1, 1, 1};
    if (!tp__check_operand("tile", x) || !tp__check_shape("tile", n, times))
        return tp__poison();
    if (n >= x->ndim)
        return tp_repeat(x, n, times);
    for (int i = 0; i < n; i++)
        all[x->ndim - n + i] = times[i];
    return tp_repeat(x, x->ndim, all);
}

tp_var *tp_repeat_interleave(tp_var *x, int64_t times, int axis)
{
    TP__CALL("repeat_interleave");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_repeat_interleave(x, times, axis));
    int64_t shape[TP_MAX_NDIM] = {0}, before = 1;
    if (!tp__check_operand("repeat_interleave", x) ||
        (axis = tp__check_axis("repeat_interleave", axis, x, x->ndim)) < 0)
        return tp__poison();
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    for (int i = 0; i <= axis; i++)
        before *= shape[i];
    if (times < 0)
        return tp_fail(TP_ERROR_ARGUMENT, "repeat_interleave: %lld times, expected 0 or more",
                       (long long)times);
    if (!arrange_grow("repeat_interleave", x->ndim, shape, axis, times))
        return tp__poison();
    return tp__fresh(arrange_copies(x, before, times, x->ndim, shape), x);
}

tp_var *tp_roll(tp_var *x, int64_t shift, int axis)
{
    TP__CALL("roll");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_roll(x, shift, axis));
    if (!tp__check_operand("roll", x) || (axis = tp__check_axis("roll", axis, x, x->ndim)) < 0)
        return tp__poison();
    int64_t size = tp__shape(x)[axis];
    shift = size ? (shift % size + size) % size : 0;
    if (shift == 0)
        return tp_clone(x);
    tp_var *parts[] = {tp_slice(x, axis, size - shift, size, 1),
                       tp_slice(x, axis, 0, size - shift, 1)};
    return tp_concatenate(parts, 2, axis);
}

tp_var *tp_pad(tp_var *x, int axis, int64_t before, int64_t after, double value)
{
    TP__CALL("pad");
    TP__OPERANDS(x);
    int64_t shape[TP_MAX_NDIM];
    if (!tp__check_operand("pad", x) || (axis = tp__check_axis("pad", axis, x, x->ndim)) < 0)
        return tp__poison();
    int64_t size = tp__shape(x)[axis];
    if (before < -size || after < -size ||
        -(before < 0 ? before : 0) - (after < 0 ? after : 0) > size)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "pad: %lld before and %lld after cut more off than axis %d of size %lld has",
                       (long long)before, (long long)after, axis, (long long)size);
    if (before < 0 || after < 0) {
        x = tp_slice(x, axis, before < 0 ? -before : 0, size + (after < 0 ? after : 0), 1);
        before = before < 0 ? 0 : before;
        after = after < 0 ? 0 : after;
    }
    if (tp_is_poison(x))
        return x;
    if (!tp__check_number("pad", (tp_dtype)x->dtype, value))
        return tp__poison();
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    shape[axis] = before;
    tp_var *left = tp_full((tp_dtype)x->dtype, x->ndim, shape, value);
    shape[axis] = after;
    tp_var *right = tp_full((tp_dtype)x->dtype, x->ndim, shape, value);
    return tp_concatenate((tp_var *[]){left, x, right}, 3, axis);
}

/* --- Splitting --- */

int64_t tp_split(tp_var *x, int64_t size, int axis, tp_var **out, int64_t n)
{
    TP__CALL("split");
    TP__OPERANDS(x);
    if (!tp__check_operand("split", x) || (axis = tp__check_axis("split", axis, x, x->ndim)) < 0)
        return 0;
    if (size < 1 || n < 0 || (n && !out)) {
        tp_fail(TP_ERROR_ARGUMENT, "split: parts of %lld, expected 1 or more, and room for them",
                (long long)size);
        return 0;
    }
    int64_t length = tp__shape(x)[axis], parts = length / size + (length % size != 0);
    for (int64_t i = 0; i < parts && i < n; i++) {
        int64_t left = length - i * size;
        out[i] = tp_slice(x, axis, i * size, i * size + (left < size ? left : size), 1);
    }
    return parts;
}

int64_t tp_chunk(tp_var *x, int64_t chunks, int axis, tp_var **out, int64_t n)
{
    TP__CALL("chunk");
    TP__OPERANDS(x);
    if (!tp__check_operand("chunk", x) || (axis = tp__check_axis("chunk", axis, x, x->ndim)) < 0)
        return 0;
    if (chunks < 1) {
        tp_fail(TP_ERROR_ARGUMENT, "chunk: %lld chunks, expected 1 or more", (long long)chunks);
        return 0;
    }
    if (n < 0 || (n && !out)) {
        tp_fail(TP_ERROR_ARGUMENT, "chunk: expected room for the views");
        return 0;
    }
    int64_t length = tp__shape(x)[axis], size = length / chunks + (length % chunks != 0);
    if (length > 0)
        return tp_split(x, size, axis, out, n);
    for (int64_t i = 0; i < chunks && i < n; i++) /* as PyTorch: so many of none */
        out[i] = tp_slice(x, axis, 0, 0, 1);
    return chunks;
}

int64_t tp_unbind(tp_var *x, int axis, tp_var **out, int64_t n)
{
    TP__CALL("unbind");
    TP__OPERANDS(x);
    if (!tp__check_operand("unbind", x) || (axis = tp__check_axis("unbind", axis, x, x->ndim)) < 0)
        return 0;
    if (n < 0 || (n && !out)) {
        tp_fail(TP_ERROR_ARGUMENT, "unbind: expected room for the views");
        return 0;
    }
    for (int64_t i = 0; i < tp__shape(x)[axis] && i < n; i++)
        out[i] = tp_select(x, axis, i);
    return tp__shape(x)[axis];
}

tp_var *tp_narrow(tp_var *x, int axis, int64_t start, int64_t length)
{
    TP__CALL("narrow");
    TP__OPERANDS(x);
    if (!tp__check_operand("narrow", x) || (axis = tp__check_axis("narrow", axis, x, x->ndim)) < 0)
        return tp__poison();
    int64_t size = tp__shape(x)[axis];
    int64_t first = start < 0 && start >= -size ? start + size : start;
    if (first < 0 || length < 0 || first > size - length)
        return tp_fail(TP_ERROR_ARGUMENT, "narrow: %lld elements from %lld of axis %d of size %lld",
                       (long long)length, (long long)start, axis, (long long)size);
    start = first;
    return tp_slice(x, axis, start, start + length, 1);
}

tp_var *tp_flatten(tp_var *x)
{
    TP__CALL("flatten");
    TP__OPERANDS(x);
    return tp__check_operand("flatten", x) ? tp_reshape(x, TP_SHAPE(x->size)) : tp__poison();
}

/* --- Masks --- */

tp_var *(tp_masked_fill)(tp_var *x, tp_var *mask, tp_var *value)
{
    TP__CALL("masked_fill");
    TP__OPERANDS(x, mask, value);
    return (tp_where)(mask, value, x);
}

/* Row and column numbers compared: 1 where column − row ≥ k, or > k if strictly. */
static tp_var *arrange_above(const char *call, const tp_var *x, int64_t k, bool strictly)
{
    if (!tp__check_operand(call, x))
        return tp__poison();
    if (x->ndim < 2)
        return tp__refuse_shape(call, "x", x, "2 axes or more");
    const int64_t *last = tp__shape(x) + x->ndim - 2;
    k = k < -last[0] ? -last[0] : k > last[1] ? last[1] : k; /* beyond, nothing changes */
    tp_var *row = tp_add(tp_unsqueeze(tp_arange(TP_F64, 0, (double)last[0], 1), 1), k);
    tp_var *column = tp_arange(TP_F64, 0, (double)last[1], 1);
    return strictly ? tp_gt(column, row) : tp_ge(column, row);
}

tp_var *tp_triu(tp_var *x, int64_t k)
{
    TP__CALL("triu");
    TP__OPERANDS(x);
    tp_var *above = arrange_above("triu", x, k, false);
    return tp_is_poison(above) ? above : tp_where(above, x, 0);
}

tp_var *tp_tril(tp_var *x, int64_t k)
{
    TP__CALL("tril");
    TP__OPERANDS(x);
    tp_var *above = arrange_above("tril", x, k, true);
    return tp_is_poison(above) ? above : tp_where(above, 0, x);
}

tp_var *tp_one_hot(tp_var *index, int64_t classes)
{
    TP__CALL("one_hot");
    TP__OPERANDS(index);
    if (!tp__check_operand("one_hot", index))
        return tp__poison();
    if (tp__is_float((tp_dtype)index->dtype))
        return tp_fail(TP_ERROR_DTYPE, "one_hot: the index is %s, expected integers",
                       tp_dtype_name((tp_dtype)index->dtype));
    if (classes < 1)
        return tp_fail(TP_ERROR_ARGUMENT, "one_hot: %lld classes, expected 1 or more",
                       (long long)classes);
    tp_var *column = tp_unsqueeze(index, -1);
    return tp_to(tp_eq(column, tp_arange(TP_I64, 0, (double)classes, 1)), TP_I64);
}

/* --- Records, for tests and the list of operations --- */

#define ARRANGE_RECORD(label_, name_, operands, formula_, rule_, shapes, call_, torch_)            \
    static tp_var *name_##_sample(tp_var *const *x)                                                \
    {                                                                                              \
        return call_;                                                                              \
    }                                                                                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = operands,                                                                          \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = rule_,                                                                             \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

/* clang-format off */
ARRANGE_RECORD(Stack, stack, 2, "arrays of one shape along an axis of their own", "each its part of gy", "2,3; 2,3", tp_stack((tp_var *[]){x[0], x[1]}, 2, 1), "torch.stack((x0, x1), 1)")
ARRANGE_RECORD(Repeat, repeat, 1, "x side by side", "the sum of gy over the copies", "2,3", tp_repeat(x[0], TP_SHAPE(2, 1, 3)), "x0.repeat(2, 1, 3)")
ARRANGE_RECORD(Tile, tile, 1, "x side by side", "the sum of gy over the copies", "2,3", tp_tile(x[0], TP_SHAPE(2)), "x0.tile(2)")
ARRANGE_RECORD(RepeatInterleave, repeat_interleave, 1, "each element several times", "gy added up", "2,3", tp_repeat_interleave(x[0], 2, 1), "x0.repeat_interleave(2, 1)")
ARRANGE_RECORD(Roll, roll, 1, "x[i − shift], around the end", "roll(gy, −shift)", "2,3", tp_roll(x[0], -4, 1), "x0.roll(-4, 1)")
ARRANGE_RECORD(Pad, pad, 1, "x with numbers before and after it", "the part of gy where x is", "2,3", tp_pad(x[0], 1, 1, 2, 1), "F.pad(x0, (0, 0) * (x0.dim() - 2) + (1, 2), value=1)")
ARRANGE_RECORD(Narrow, narrow, 1, "length elements of an axis from start", "slice_scatter(zeros, gy)", "3,2", tp_narrow(x[0], 0, 1, 2), "x0.narrow(0, 1, 2)")
ARRANGE_RECORD(Flatten, flatten, 1, "all elements in one axis", "reshape(gy, shape of x)", "2,3", tp_flatten(x[0]), "x0.reshape(-1)")
ARRANGE_RECORD(MaskedFill, masked_fill, 1, "value where mask, else x", "gy where not mask", "2,3", tp_masked_fill(x[0], tp_gt(tp_detach(x[0]), 0), 1), "x0.masked_fill(x0 > 0, 1)")
ARRANGE_RECORD(Triu, triu, 1, "x from diagonal k up, else 0", "triu(gy, k)", "3,4", tp_triu(x[0], 1), "x0.triu(1)")
ARRANGE_RECORD(Tril, tril, 1, "x up to diagonal k, else 0", "tril(gy, k)", "3,4", tp_tril(x[0], -1), "x0.tril(-1)")
/* clang-format on */

static const tp__op *const arrange_ops[] = {
    &flip_op, &stack_op, &repeat_op, &tile_op,    &repeat_interleave_op,
    &roll_op, &pad_op,   &narrow_op, &flatten_op, &masked_fill_op,
    &triu_op, &tril_op,  NULL};

const tp__family tp__family_rearrange = {"rearrange", "other orders, copies, masks", arrange_ops};
