/* SPDX-License-Identifier: MIT
 *
 * Parts of arrays: slices and their opposite, joining.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/sweep.h"
#include "ops/families.h"
#include "ops/shape/index.h"
#include "tinypytorch.h"

/* count elements of axis from start, every step-th. */
typedef struct slice_range {
    int64_t axis, start, step, count;
} slice_range;

static const slice_range *slice_of(const tp__attr *attr)
{
    return attr->block;
}

static void slice_layout(const slice_range *range, const tp_var *x, int64_t *shape,
                         int64_t *strides)
{
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    memcpy(strides, tp__strides(x), x->ndim * sizeof *strides);
    shape[range->axis] = range->count;
    strides[range->axis] *= range->step;
}

static bool slice_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    const slice_range *range = slice_of(&call->attr);
    call->dtype = (tp_dtype)x->dtype;
    call->view = true;
    call->ndim = x->ndim;
    slice_layout(range, x, call->shape, call->strides);
    call->offset = range->count ? range->start * tp__strides(x)[range->axis] : 0;
    return true;
}

static tp_var *slice_apply(const tp__op *op, tp_var *const *in, int n, const slice_range *range);

static tp_var *slice_zeros(const tp_var *like)
{
    return tp_zeros((tp_dtype)like->dtype, like->ndim, tp__shape(like));
}

static void slice_gradient(const tp__pull *pull);
static void slice_scatter_gradient(const tp__pull *pull);
static bool slice_scatter_infer(tp__call *call);
static bool slice_scatter_forward(tp__call *call);

static tp_var *slice_sample(tp_var *const *x)
{
    return tp_slice(x[0], 1, 0, INT64_MAX, 2);
}

static tp_var *slice_sample_negative(tp_var *const *x)
{
    return tp_slice(x[0], -1, -2, -1, 1);
}

static tp_var *select_sample(tp_var *const *x)
{
    return tp_select(x[0], 0, -1);
}

static tp_var *slice_scatter_sample(tp_var *const *x)
{
    return tp_slice_scatter(x[0], x[1], 1, 1, 4, 2);
}

static const tp__op slice_op = {
    .label = "Slice",
    .name = "slice",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    TP__OWNS_BLOCK(slice_range),
    .infer = slice_infer,
    .gradient = slice_gradient,
    .formula = "x[start:stop:step] along an axis",
    .rule = "slice_scatter(zeros, gy)",
    .samples = (const tp__sample[]){{"2,3", slice_sample, "x0[:, ::2]"},
                                    {"2,3", slice_sample_negative, "x0[..., -2:-1]"},
                                    {"3,2", select_sample, "x0[-1]"},
                                    {0}},
};

static const tp__op slice_scatter_op = {
    .label = "SliceScatter",
    .name = "slice_scatter",
    .n_in = 2,
    .flags = TP__LINEAR | TP__MOVES,
    TP__OWNS_BLOCK(slice_range),
    .infer = slice_scatter_infer,
    .forward = slice_scatter_forward,
    .gradient = slice_scatter_gradient,
    .formula = "x with x[start:stop:step] replaced by part",
    .rule = "x: slice_scatter(gy, zeros); part: slice(gy)",
    .samples =
        (const tp__sample[]){
            {"2,4; 2,2", slice_scatter_sample, "torch.slice_scatter(x0, x1, 1, 1, 4, 2)"}, {0}},
};

static bool slice_scatter_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *part = call->in[1];
    int64_t expected[TP_MAX_NDIM], strides[TP_MAX_NDIM];
    slice_layout(slice_of(&call->attr), x, expected, strides);
    if (!tp__same_shape(part, x->ndim, expected)) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE, "slice_scatter: the part has shape %s, expected %s",
                tp__shape_text(a, part->ndim, tp__shape(part)),
                tp__shape_text(b, x->ndim, expected));
        return false;
    }
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

/* Copies or adds part into the places of target that range names. */
static bool slice_write(tp_var *target, tp_var *part, const slice_range *range,
                        void (*write)(tp_var *places, tp_var *part))
{
    int64_t shape[TP_MAX_NDIM], strides[TP_MAX_NDIM];
    slice_layout(range, target, shape, strides);
    int64_t offset = range->count ? range->start * tp__strides(target)[range->axis] : 0;
    tp_var *places = tp__node_view(tp__here(), target, target->ndim, shape, strides, offset);
    if (!places)
        return false;
    write(places, part);
    tp__drop(places);
    return true;
}

static bool slice_scatter_forward(tp__call *call)
{
    tp__copy_elements(call->out, call->in[0]);
    return slice_write(call->out, call->in[1], slice_of(&call->attr), tp__copy_elements);
}

/* Of many slices of one array only the first makes an array of its size. */
static void slice_gradient(const tp__pull *pull)
{
    const slice_range *range = slice_of(&pull->y->attr);
    tp_var *sum = tp__sweep_sum(pull, 0);
    if (sum) {
        slice_write(sum, tp__addend(pull->gy), range, tp__accumulate);
    } else {
        tp_var *in[] = {slice_zeros(pull->x[0]), pull->gy};
        pull->gx[0] = slice_apply(&slice_scatter_op, in, 2, range);
    }
    if (pull->sweep)
        pull->sweep->join = tp__index_join;
}

static void slice_scatter_gradient(const tp__pull *pull)
{
    const slice_range *range = slice_of(&pull->y->attr);
    if (pull->wanted[0])
        pull->gx[0] = slice_apply(&slice_scatter_op,
                                  (tp_var *[]){pull->gy, slice_zeros(pull->x[1])}, 2, range);
    if (pull->wanted[1])
        pull->gx[1] = slice_apply(&slice_op, &pull->gy, 1, range);
}

static tp_var *slice_apply(const tp__op *op, tp_var *const *in, int n, const slice_range *range)
{
    slice_range *block = tp__alloc(sizeof *block);
    if (!block)
        return tp__poison();
    *block = *range;
    return tp__apply(op, in, n, (tp__attr){.block = block}, -1, NULL);
}

static int64_t slice_clip(int64_t position, int64_t size)
{
    if (position < 0)
        position = position < -size ? 0 : position + size;
    return position > size ? size : position;
}

/* Python's meaning of start:stop:step along an axis of x. */
static bool slice_resolve(const char *call, const tp_var *x, int axis, int64_t start, int64_t stop,
                          int64_t step, slice_range *range)
{
    if (!tp__check_operand(call, x) || (axis = tp__check_axis(call, axis, x, x->ndim)) < 0)
        return false;
    if (step < 1) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: step %lld, expected 1 or more", call, (long long)step);
        return false;
    }
    int64_t size = tp__shape(x)[axis];
    start = slice_clip(start, size);
    stop = slice_clip(stop, size);
    int64_t count = stop > start ? (stop - start - 1) / step + 1 : 0;
    *range = (slice_range){axis, start, count > 1 ? step : 1, count};
    return true;
}

tp_var *tp_slice(tp_var *x, int axis, int64_t start, int64_t stop, int64_t step)
{
    slice_range range;
    if (!slice_resolve("slice", x, axis, start, stop, step, &range))
        return tp__poison();
    return slice_apply(&slice_op, &x, 1, &range);
}

tp_var *tp_slice_scatter(tp_var *x, tp_var *part, int axis, int64_t start, int64_t stop,
                         int64_t step)
{
    TP__CALL("slice_scatter");
    TP__OPERANDS(x, part);
    slice_range range;
    if (!slice_resolve("slice_scatter", x, axis, start, stop, step, &range) ||
        !tp__check_operand("slice_scatter", part))
        return tp__poison();
    tp_dtype dtype = tp__promote((tp_var *[]){x, part}, 2);
    return slice_apply(&slice_scatter_op, (tp_var *[]){tp_to(x, dtype), tp_to(part, dtype)}, 2,
                       &range);
}

tp_var *tp_select(tp_var *x, int axis, int64_t index)
{
    TP__CALL("select");
    TP__OPERANDS(x);
    if (!tp__check_operand("select", x) || (axis = tp__check_axis("select", axis, x, x->ndim)) < 0)
        return tp__poison();
    int64_t size = tp__shape(x)[axis], at = index < 0 ? index + size : index;
    if (at < 0 || at >= size)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "select: index %lld is out of range for axis %d of size %lld",
                       (long long)index, axis, (long long)size);
    tp_var *row = tp_slice(x, axis, at, at + 1, 1);
    return tp_is_poison(row) ? row : tp_squeeze(row, axis);
}

/* --- concatenate --- */

static bool concatenate_infer(tp__call *call)
{
    const tp_var *first = call->in[0];
    int64_t axis = call->attr.integer, total = 0;
    for (int i = 0; i < call->n_in; i++) {
        const tp_var *v = call->in[i];
        bool fits = v->ndim == first->ndim;
        for (int d = 0; fits && d < v->ndim; d++)
            fits = d == axis || tp__shape(v)[d] == tp__shape(first)[d];
        if (!fits) {
            char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
            tp_fail(TP_ERROR_SHAPE,
                    "concatenate: shapes %s and %s (operand %d) differ outside axis %d",
                    tp__shape_text(a, first->ndim, tp__shape(first)),
                    tp__shape_text(b, v->ndim, tp__shape(v)), i, (int)axis);
            return false;
        }
        if (__builtin_add_overflow(total, tp__shape(v)[axis], &total)) {
            tp_fail(TP_ERROR_SHAPE, "concatenate: axis %d is longer than an axis can be",
                    (int)axis);
            return false;
        }
    }
    call->dtype = (tp_dtype)first->dtype;
    call->ndim = first->ndim;
    memcpy(call->shape, tp__shape(first), first->ndim * sizeof *call->shape);
    call->shape[axis] = total;
    return true;
}

/* Joined row by row, what lies in front of the axis being the rows: so many parts at most, to rows
 * of so many bytes at least. */
enum { CONCATENATE_PARTS = 16, CONCATENATE_ROW = 256 };

/* True if v's elements from the axis on lie one after the other, and its rows equally far apart:
 * how far. */
static bool concatenate_is_regular(const tp_var *v, int axis, int64_t *step)
{
    const int64_t *shape = tp__shape(v), *strides = tp__strides(v);
    int64_t next = 1;
    bool first = true;
    *step = 0;
    for (int d = v->ndim - 1; d >= 0; d--) {
        if (shape[d] == 1)
            continue;
        if (d < axis && first) {
            first = false;
            next = *step = strides[d];
        }
        if (strides[d] != next)
            return false;
        next *= shape[d];
    }
    return true;
}

/* Loads wait for a store before them to an address with the same last twelve bits. Where that
 * would be each one, pieces are copied, each of which is loaded before it is stored. */
static void concatenate_copy(char *to, const char *from, size_t bytes)
{
    enum { PAGE = 4096, NEAR = 64, PIECE = 256 };
    const size_t ahead = ((uintptr_t)to - (uintptr_t)from) % PAGE;
    if (ahead && ahead < NEAR)
        for (; bytes > PIECE; bytes -= PIECE, to += PIECE, from += PIECE)
            memcpy(to, from, PIECE);
    memcpy(to, from, bytes);
}

typedef struct concatenate_part {
    const char *from;
    int64_t step, bytes; /* from row to row, of a row */
} concatenate_part;

static void concatenate_rows(const concatenate_part *part, int n, int64_t rows, char *to)
{
    for (int64_t r = 0; r < rows; r++)
        for (int i = 0; i < n; to += part[i++].bytes)
            concatenate_copy(to, part[i].from + r * part[i].step, (size_t)part[i].bytes);
}

static bool concatenate_by_rows(const tp__call *call)
{
    const int axis = (int)call->attr.integer;
    const int64_t item = (int64_t)tp__dtype_size(call->dtype);
    concatenate_part part[CONCATENATE_PARTS];
    int64_t rows = 1, row = 0;
    if (call->n_in > CONCATENATE_PARTS || !call->out->size)
        return false;
    for (int d = 0; d < axis; d++)
        rows *= call->shape[d];
    for (int i = 0; i < call->n_in; i++) {
        const tp_var *v = call->in[i];
        if (!concatenate_is_regular(v, axis, &part[i].step))
            return false;
        part[i].from = v->data;
        part[i].step *= item;
        row += part[i].bytes = v->size / rows * item;
    }
    if (rows < 2 || row < CONCATENATE_ROW)
        return false;
    concatenate_rows(part, call->n_in, rows, call->out->data);
    return true;
}

static bool concatenate_forward(tp__call *call)
{
    if (concatenate_by_rows(call))
        return true;
    slice_range range = {.axis = call->attr.integer, .step = 1};
    for (int i = 0; i < call->n_in; i++, range.start += range.count) {
        range.count = tp__shape(call->in[i])[range.axis];
        if (!slice_write(call->out, call->in[i], &range, tp__copy_elements))
            return false;
    }
    return true;
}

static void concatenate_gradient(const tp__pull *pull)
{
    slice_range range = {.axis = pull->y->attr.integer, .step = 1};
    for (uint32_t i = 0; i < pull->y->n_in; i++, range.start += range.count) {
        range.count = tp__shape(pull->x[i])[range.axis];
        if (pull->wanted[i])
            pull->gx[i] = slice_apply(&slice_op, &pull->gy, 1, &range);
    }
}

static tp_var *concatenate_sample(tp_var *const *x)
{
    return tp_concatenate((tp_var *[]){x[0], x[1], x[0]}, 3, -1);
}

static const tp__op concatenate_op = {
    .label = "Concatenate",
    .name = "concatenate",
    .flags = TP__LINEAR | TP__MOVES,
    .infer = concatenate_infer,
    .forward = concatenate_forward,
    .gradient = concatenate_gradient,
    .formula = "arrays joined along an axis",
    .rule = "each its slice of gy",
    .samples =
        (const tp__sample[]){{"2,3; 2,1", concatenate_sample, "torch.cat((x0, x1, x0), -1)"}, {0}},
};

tp_var *tp_concatenate(tp_var *const *xs, int n, int axis)
{
    if (n < 1 || !xs)
        return tp_fail(TP_ERROR_ARGUMENT, "concatenate: nothing to join");
    for (int i = 0; i < n; i++)
        if (!tp__check_operand_of("concatenate", xs[i], i, n))
            return tp__poison();
    axis = tp__check_axis("concatenate", axis, xs[0], xs[0]->ndim);
    tp_var **same = axis < 0 ? NULL : tp__alloc((size_t)n * sizeof *same);
    if (!same)
        return tp__poison();
    tp_dtype dtype = tp__promote(xs, n);
    for (int i = 0; i < n; i++)
        same[i] = tp_to(xs[i], dtype);
    tp_var *y = tp__apply(&concatenate_op, same, n, (tp__attr){.integer = axis}, -1, NULL);
    tp__free(same);
    return y;
}

static const tp__op *const parts_ops[] = {&slice_op, &slice_scatter_op, &concatenate_op, NULL};

const tp__family tp__family_slices = {"slices", "parts of arrays", parts_ops};
