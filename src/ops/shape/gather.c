/* SPDX-License-Identifier: MIT
 *
 * Elements picked by index along an axis, and added back: gather and scatter_add are each other's
 * gradients. Indices are int64 constants.
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
#include "graph/structural.h"
#include "graph/sweep.h"
#include "graph/through.h"
#include "ops/families.h"
#include "ops/shape/index.h"
#include "tinypytorch.h"

/* So many parts to an element, on the average, that sums of float32 are kept in float64. */
enum { INDEX_MANY = 16 };

static bool index_many(const tp_var *to, const tp_var *part)
{
    return to->dtype == TP_F32 && part->size / INDEX_MANY >= to->size;
}

/* --- gather --- */

static bool gather_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *index = call->in[1];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = index->ndim;
    memcpy(call->shape, tp__shape(index), index->ndim * sizeof *call->shape);
    return tp__index_check(call, x, index);
}

static bool gather_forward(tp__call *call)
{
    return tp__index_take(call->op->name, call->out, call->in[0], (int)call->attr.integer,
                          call->in[1]);
}

static tp_var *index_zeros(const tp_var *x)
{
    return tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
}

tp_var *tp__index_join(const tp_var *root, tp_var *const *parts, int n, tp_var *index)
{
    tp_var **flat = tp__alloc((size_t)n * sizeof *flat), *zeros, *sum;
    if (!flat)
        return tp__poison();
    for (int i = 0; i < n; i++)
        flat[i] = tp_reshape(parts[i], 1, &parts[i]->size);
    zeros = tp_zeros((tp_dtype)root->dtype, 1, &root->size);
    sum = tp_scatter_add(zeros, 0, index, tp_concatenate(flat, n, 0));
    tp__free(flat);
    return tp_is_poison(sum) ? sum : tp_reshape(sum, root->ndim, tp__shape(root));
}

/* The row-major numbers in x of the elements that index names. */
static tp_var *gather_numbers(const tp_var *x, int axis, tp_var *index)
{
    tp_var *from = tp__plain(index);
    tp_var *numbers = tp_is_poison(from) ? from : tp__empty(TP_I64, TP_SHAPE(from->size));
    int64_t place[TP_MAX_NDIM] = {0}, step[TP_MAX_NDIM], number = 0;
    tp__contiguous_strides(x->ndim, tp__shape(x), step);
    for (int64_t i = 0; !tp_is_poison(numbers) && i < from->size; i++) {
        ((int64_t *)numbers->data)[i] = number + ((const int64_t *)from->data)[i] * step[axis];
        for (int d = x->ndim - 1; d >= 0; d--) {
            int64_t along = d == axis ? 0 : step[d];
            number += along;
            if (++place[d] < tp__shape(from)[d])
                break;
            number -= along * place[d];
            place[d] = 0;
        }
    }
    return numbers;
}

/* A few elements are added to the gradients of x that are there, or, recorded, together with other
 * few. */
static void gather_gradient(const tp__pull *pull)
{
    tp_var *x = pull->x[0], *index = pull->x[1];
    int axis = (int)pull->y->attr.integer;
    if (tp__through_pick(pull, NULL)) {
        tp_var *numbers = gather_numbers(x, axis, index);
        pull->sweep->join = tp__index_join;
        if (tp_is_poison(numbers) || tp__through_pick(pull, numbers) || tp__here()->code)
            return;
    }
    tp_var *sum = index_many(x, pull->gy) ? NULL : tp__sweep_sum(pull, 0);
    if (sum)
        tp__index_put("gather", sum, axis, index, tp__addend(pull->gy), TP__INDEX_ADD);
    else
        pull->gx[0] = tp_scatter_add(index_zeros(x), axis, index, pull->gy);
}

static void gather_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[0][k])
            jet->y[k] = tp__apply_again(jet->node, (tp_var *[]){jet->x[0][k], jet->x[1][0]});
}

static tp_var *gather_sample_index(void)
{
    return tp_array(TP_I64, TP_SHAPE(2, 2), ((int64_t[]){2, 0, 1, 2}));
}

static tp_var *gather_sample(tp_var *const *x)
{
    return tp_gather(x[0], 1, gather_sample_index());
}

static tp_var *scatter_add_sample(tp_var *const *x)
{
    return tp_scatter_add(x[0], 1, gather_sample_index(), x[1]);
}

#define INDEX_TORCH "torch.tensor([[2, 0], [1, 2]])"

static const tp__op gather_op = {
    .label = "Gather",
    .name = "gather",
    .n_in = 2,
    .flags = TP__MOVES,
    .reads = {TP__READS_1},
    .infer = gather_infer,
    .forward = gather_forward,
    .gradient = gather_gradient,
    .taylor = gather_taylor,
    .formula = "y[i, j, k] = x[i, index[i, j, k], k], along axis 1",
    .rule = "scatter_add(zeros, axis, index, gy)",
    .samples = (const tp__sample[]){{"3,3", gather_sample, "x0.gather(1, " INDEX_TORCH ")"}, {0}},
};

tp_var *tp_gather(tp_var *x, int axis, tp_var *index)
{
    TP__CALL("gather");
    TP__OPERANDS(x, index);
    if (!tp__check_operand("gather", x) || !tp__check_operand("gather", index) ||
        (axis = tp__check_axis("gather", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__is_float((tp_dtype)index->dtype))
        return tp_fail(TP_ERROR_DTYPE, "gather: the index is %s, expected integers",
                       tp_dtype_name((tp_dtype)index->dtype));
    tp_var *in[] = {x, tp_to(index, TP_I64)};
    return tp__apply(&gather_op, in, 2, (tp__attr){.integer = axis}, -1, NULL);
}

/* --- scatter_add --- */

static bool scatter_add_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *index = call->in[1], *part = call->in[2];
    if (!tp__same_shape(part, index->ndim, tp__shape(index))) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE, "%s: the part has shape %s, expected the index's, %s",
                call->op->name, tp__shape_text(a, part->ndim, tp__shape(part)),
                tp__shape_text(b, index->ndim, tp__shape(index)));
        return false;
    }
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return tp__index_check(call, x, index);
}

static bool scatter_add_forward(tp__call *call)
{
    tp_var *x = call->in[0], *index = call->in[1], *part = call->in[2], *out = call->out;
    int axis = (int)call->attr.integer;
    if (!index_many(out, part)) {
        tp__copy_elements(out, x);
        return tp__index_put(call->op->name, out, axis, index, part, TP__INDEX_ADD);
    }
    tp_var *sums = tp__copy_as(tp__here(), x, TP_F64);
    bool good = sums && tp__index_put(call->op->name, sums, axis, index, part, TP__INDEX_ADD_WIDE);
    if (good)
        tp__copy_elements(out, sums);
    if (sums)
        tp__drop(sums);
    return good;
}

static void scatter_add_gradient(const tp__pull *pull)
{
    if (pull->wanted[0])
        pull->gx[0] = pull->gy;
    if (pull->wanted[2])
        pull->gx[2] = tp_gather(pull->gy, (int)pull->y->attr.integer, pull->x[1]);
}

static void scatter_add_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *x = jet->x[0][k], *part = jet->x[2][k];
        if (!x && !part)
            continue;
        x = x ? x : index_zeros(jet->x[0][0]);
        part = part ? part : index_zeros(jet->x[2][0]);
        jet->y[k] = tp__apply_again(jet->node, (tp_var *[]){x, jet->x[1][0], part});
    }
}

static const tp__op scatter_add_op = {
    .label = "ScatterAdd",
    .name = "scatter_add",
    .n_in = 3,
    .flags = TP__ADDS,
    .reads = {0, 0, TP__READS_1},
    .infer = scatter_add_infer,
    .forward = scatter_add_forward,
    .gradient = scatter_add_gradient,
    .taylor = scatter_add_taylor,
    .formula = "x, and part[i, j, k] is added to y[i, index[i, j, k], k], along axis 1",
    .rule = "x: gy; part: gather(gy, axis, index)",
    .samples =
        (const tp__sample[]){
            {"3,4; 2,2", scatter_add_sample, "x0.scatter_add(1, " INDEX_TORCH ", x1)"}, {0}},
};

static tp_var *index_put_apply(const tp__op *op, tp_var *x, int axis, tp_var *index, tp_var *part)
{
    if (!tp__check_named(op->name, "x", x) || !tp__check_named(op->name, "index", index) ||
        !tp__check_named(op->name, "part", part) ||
        (axis = tp__check_axis(op->name, axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__is_float((tp_dtype)index->dtype))
        return tp_fail(TP_ERROR_DTYPE, "%s: the index is %s, expected integers", op->name,
                       tp_dtype_name((tp_dtype)index->dtype));
    tp_dtype dtype = tp__promote((tp_var *[]){x, part}, 2);
    tp_var *in[] = {tp_to(x, dtype), tp_to(index, TP_I64), tp_to(part, dtype)};
    return tp_to(tp__apply(op, in, 3, (tp__attr){.integer = axis}, -1, NULL), dtype);
}

tp_var *tp_scatter_add(tp_var *x, int axis, tp_var *index, tp_var *part)
{
    return index_put_apply(&scatter_add_op, x, axis, index, part);
}

/* --- scatter: the last of several parts with one place is the one that stays --- */

static bool scatter_forward(tp__call *call)
{
    tp__copy_elements(call->out, call->in[0]);
    return tp__index_put(call->op->name, call->out, (int)call->attr.integer, call->in[1],
                         call->in[2], TP__INDEX_REPLACE);
}

/* 1 where a part stays. */
static tp_var *scatter_stays(const tp_var *x, int axis, tp_var *index)
{
    tp_var *number =
        tp_reshape(tp_arange(TP_I64, 0, (double)index->size, 1), index->ndim, tp__shape(index));
    tp_var *none = tp_zeros(TP_I64, x->ndim, tp__shape(x));
    return tp_eq(tp_gather(tp_scatter(none, axis, index, number), axis, index), number);
}

static void scatter_gradient(const tp__pull *pull)
{
    int axis = (int)pull->y->attr.integer;
    tp_var *index = pull->x[1];
    if (pull->wanted[0])
        pull->gx[0] = tp_scatter(pull->gy, axis, index, index_zeros(pull->x[2]));
    if (pull->wanted[2])
        pull->gx[2] =
            tp_where(scatter_stays(pull->x[0], axis, index), tp_gather(pull->gy, axis, index), 0);
}

static tp_var *scatter_sample(tp_var *const *x)
{
    return tp_scatter(x[0], 1, gather_sample_index(), x[1]);
}

static const tp__op scatter_op = {
    .label = "Scatter",
    .name = "scatter",
    .n_in = 3,
    .reads = {TP__READS_1, 0, TP__READS_1},
    .infer = scatter_add_infer,
    .forward = scatter_forward,
    .gradient = scatter_gradient,
    .taylor = scatter_add_taylor,
    .formula = "x, but y[i, index[i, j, k], k] = part[i, j, k], along axis 1",
    .rule = "x: scatter(gy, axis, index, 0); part: gather(gy, axis, index) where it stays, else 0",
    .samples =
        (const tp__sample[]){{"3,4; 2,2", scatter_sample, "x0.scatter(1, " INDEX_TORCH ", x1)"},
                             {0}},
};

tp_var *tp_scatter(tp_var *x, int axis, tp_var *index, tp_var *part)
{
    return index_put_apply(&scatter_op, x, axis, index, part);
}

/* --- Whole rows --- */

tp_var *tp_index_select(tp_var *x, int axis, tp_var *index)
{
    TP__CALL("index_select");
    TP__OPERANDS(x, index);
    if (!tp__check_operand("index_select", x) || !tp__check_operand("index_select", index) ||
        (axis = tp__check_axis("index_select", axis, x, x->ndim)) < 0)
        return tp__poison();
    tp_var *wide = tp__index_of_rows("index_select", x, axis, index);
    return tp_is_poison(wide) ? wide : tp_gather(x, axis, wide);
}

tp_var *tp_embedding(tp_var *index, tp_var *weight)
{
    TP__CALL("embedding");
    TP__OPERANDS(index, weight);
    if (!tp__check_operand("embedding", index) || !tp__check_operand("embedding", weight))
        return tp__poison();
    if (weight->ndim != 2)
        return tp__refuse_shape("embedding", "the weight", weight, "2 axes");
    if (index->ndim >= TP_MAX_NDIM)
        return tp__refuse_shape("embedding", "the index", index, "at most %d axes",
                                TP_MAX_NDIM - 1);
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, tp__shape(index), index->ndim * sizeof *shape);
    shape[index->ndim] = tp__shape(weight)[1];
    tp_var *flat = tp_reshape(index, TP_SHAPE(index->size));
    return tp_reshape(tp_index_select(weight, 0, flat), index->ndim + 1, shape);
}

static tp_var *index_select_sample(tp_var *const *x)
{
    return tp_index_select(x[0], 1, tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){2, 0, 2, 1})));
}

static tp_var *embedding_sample(tp_var *const *x)
{
    return tp_embedding(gather_sample_index(), x[0]);
}

static const tp__op index_select_op = {
    .label = "IndexSelect",
    .name = "index_select",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "rows of x by number, along an axis",
    .rule = "each row's gradients added up",
    .samples =
        (const tp__sample[]){
            {"2,3", index_select_sample, "x0.index_select(1, torch.tensor([2, 0, 2, 1]))"}, {0}},
};

static const tp__op embedding_op = {
    .label = "Embedding",
    .name = "embedding",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "weight[index]",
    .rule = "each row's gradients added up",
    .samples =
        (const tp__sample[]){{"3,2", embedding_sample, "F.embedding(" INDEX_TORCH ", x0)"}, {0}},
};

static const tp__op *const index_ops[] = {&gather_op,       &scatter_add_op, &scatter_op,
                                          &index_select_op, &embedding_op,   NULL};

const tp__family tp__family_gather = {"gather", "picking by index", index_ops};
