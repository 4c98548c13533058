/* SPDX-License-Identifier: MIT
 *
 * Operations that applying and sweeping insert themselves, which therefore stand below the table of
 * operations: broadcasting and its opposite, conversion, copying, and zeros that stay zero. `to`
 * and `broadcast_to` are made around an operand by operands.c without a call from outside.
 */
#include "base/features.h"

#include "graph/structural.h"

#include "array/array.h"
#include "array/fold.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/few.h"
#include "tinypytorch.h"

/* --- broadcast_to and sum_to, each other's gradient --- */

static bool broadcast_fails(const char *call, int ndim, const int64_t *shape, int to_ndim,
                            const int64_t *to_shape)
{
    char from[TP__SHAPE_TEXT], to[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: shape %s does not broadcast to %s", call,
            tp__shape_text(from, ndim, shape), tp__shape_text(to, to_ndim, to_shape));
    return false;
}

static bool broadcasts(int ndim, const int64_t *shape, int to_ndim, const int64_t *to_shape)
{
    if (ndim > to_ndim)
        return false;
    for (int i = 0; i < ndim; i++)
        if (shape[i] != 1 && shape[i] != to_shape[to_ndim - ndim + i])
            return false;
    return true;
}

static bool broadcast_to_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    if (!broadcasts(x->ndim, tp__shape(x), call->ndim, call->shape))
        return broadcast_fails("broadcast_to", x->ndim, tp__shape(x), call->ndim, call->shape);
    call->dtype = (tp_dtype)x->dtype;
    call->view = true;
    tp__broadcast_strides(x, call->ndim, call->strides);
    return true;
}

static void broadcast_to_gradient(const tp__pull *pull)
{
    const tp_var *x = pull->x[0], *gy = pull->gy;
    bool alike = !pull->record && gy->size == x->size;
    tp_var *few = alike ? tp__few_copy(tp__here(), gy, x->ndim, tp__shape(x)) : NULL;
    pull->gx[0] = few ? few : tp_sum_to(pull->gy, x->ndim, tp__shape(x));
}

static bool sum_to_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    if (!broadcasts(call->ndim, call->shape, x->ndim, tp__shape(x)))
        return broadcast_fails("sum_to", call->ndim, call->shape, x->ndim, tp__shape(x));
    call->dtype = tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_I64;
    return true;
}

static unsigned sum_to_axes(const tp_var *x, int ndim, const int64_t *shape)
{
    int lead = x->ndim - ndim;
    unsigned axes = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i < lead || shape[i - lead] != tp__shape(x)[i])
            axes |= 1u << i;
    return axes;
}

static bool sum_to_forward(tp__call *call)
{
    const tp_var *x = call->in[0];
    if (x->size == call->out->size) {
        tp__copy_elements(call->out, call->in[0]);
        return true;
    }
    return tp__fold(TP__SUM, call->out, x, sum_to_axes(x, call->ndim, call->shape), 1);
}

static unsigned sum_to_folds(const tp_var *y)
{
    return sum_to_axes(tp__inputs((tp_var *)y)[0], y->ndim, tp__shape(y));
}

static void sum_to_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp_broadcast_to(pull->gy, pull->x[0]->ndim, tp__shape(pull->x[0]));
}

static tp_var *broadcast_to_sample(tp_var *const *x)
{
    return tp_broadcast_to(x[0], TP_SHAPE(2, 2, 3));
}

static tp_var *sum_to_sample(tp_var *const *x)
{
    return tp_sum_to(x[0], TP_SHAPE(2, 1));
}

const tp__op tp__op_broadcast_to = {
    .label = "BroadcastTo",
    .name = "broadcast_to",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = broadcast_to_infer,
    .gradient = broadcast_to_gradient,
    .formula = "x repeated to a larger shape",
    .rule = "sum_to(gy, shape of x)",
    .samples = (const tp__sample[]){{"3", broadcast_to_sample, "x0.expand(2, 2, 3)"},
                                    {"2,1", broadcast_to_sample, "x0.expand(2, 2, 3)"},
                                    {"", broadcast_to_sample, "x0.expand(2, 2, 3)"},
                                    {0}},
};

const tp__op tp__op_sum_to = {
    .label = "SumTo",
    .name = "sum_to",
    .n_in = 1,
    .flags = TP__LINEAR,
    .infer = sum_to_infer,
    .forward = sum_to_forward,
    .folds = sum_to_folds,
    .gradient = sum_to_gradient,
    .formula = "x summed down to a smaller shape",
    .rule = "broadcast_to(gy, shape of x)",
    .samples = (const tp__sample[]){{"2,3", sum_to_sample, "x0.sum_to_size(2, 1)"},
                                    {"4,2,3", sum_to_sample, "x0.sum_to_size(2, 1)"},
                                    {0}},
};

tp_var *tp_broadcast_to(tp_var *x, int ndim, const int64_t *shape)
{
    if (!tp__check_shape("broadcast_to", ndim, shape))
        return tp__poison();
    return tp__apply(&tp__op_broadcast_to, &x, 1, (tp__attr){0}, ndim, shape);
}

tp_var *tp_sum_to(tp_var *x, int ndim, const int64_t *shape)
{
    if (!tp__check_shape("sum_to", ndim, shape))
        return tp__poison();
    return tp__apply(&tp__op_sum_to, &x, 1, (tp__attr){0}, ndim, shape);
}

/* --- to --- */

static bool to_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)call->attr.integer;
    call->ndim = x->ndim;
    for (int i = 0; i < x->ndim; i++)
        call->shape[i] = tp__shape(x)[i];
    return true;
}

static bool to_forward(tp__call *call)
{
    tp__copy_elements(call->out, call->in[0]);
    return true;
}

static void to_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp_to(pull->gy, (tp_dtype)pull->x[0]->dtype);
}

static tp_var *to_sample(tp_var *const *x)
{
    return tp_to(tp_to(x[0], TP_F32), TP_F64);
}

const tp__op tp__op_to = {
    .label = "To",
    .name = "to",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = to_infer,
    .forward = to_forward,
    .gradient = to_gradient,
    .formula = "x as another element type",
    .rule = "to(gy, type of x)",
    .samples = (const tp__sample[]){{"2,3", to_sample, "x0.float().double()"}, {0}},
};

tp_var *tp_to(tp_var *v, tp_dtype dtype)
{
    if (!tp__check_dtype("to", dtype) || !tp__check_operand("to", v))
        return tp__poison();
    if (v->dtype == dtype && !(v->flags & TP__WEAK))
        return v;
    return tp__apply(&tp__op_to, &v, 1, (tp__attr){.integer = dtype}, -1, NULL);
}

/* --- clone --- */

static bool clone_infer(tp__call *call)
{
    call->attr.integer = call->in[0]->dtype;
    return to_infer(call);
}

static void clone_gradient(const tp__pull *pull)
{
    pull->gx[0] = pull->gy;
}

static const tp__op clone_op = {
    .label = "Clone",
    .name = "clone",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = clone_infer,
    .forward = to_forward,
    .gradient = clone_gradient,
    .formula = "a copy of x",
    .rule = "gy",
    .call_1 = tp_clone,
};

tp_var *tp_clone(tp_var *x)
{
    return tp__apply(&clone_op, &x, 1, (tp__attr){0}, -1, NULL);
}

tp_var *tp__fresh(tp_var *y, const tp_var *x)
{
    bool shares = y == x || (y->storage && y->storage == x->storage);
    return shares && !tp_is_poison(y) ? tp_clone(y) : y;
}

/* --- Zero stays zero --- */

static const tp__op zero_op;

tp_var *tp__zero_where_zero(tp_var *a, tp_var *x)
{
    return tp__apply_2(&zero_op, a, x);
}

static double zero_in_numbers(double a, double x)
{
    return a == 0 ? 0 : x;
}

TP__LOOP2(zero_f64, double, double, double, a == 0 ? 0 : b)
TP__LOOP2(zero_f32, float, float, float, a == 0 ? 0 : b)

static void zero_gradient(const tp__pull *pull)
{
    if (pull->wanted[1])
        pull->gx[1] = tp__zero_where_zero(pull->x[0], pull->gy);
}

static void zero_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *c = jet->x[1][k];
        jet->y[k] = c ? tp__zero_where_zero(jet->x[0][0], c) : NULL;
    }
}

static tp_var *zero_sample(tp_var *const *x)
{
    return tp__zero_where_zero(x[0], x[1]);
}

static tp_var *zero_sample_zeros(tp_var *const *x)
{
    return tp_add(tp__zero_where_zero(tp_sub(x[0], x[0]), x[1]), x[1]);
}

static const tp__op zero_op = {
    .label = "Where",
    .name = "zero_where_zero",
    .n_in = 2,
    .flags = TP__ELEMENTWISE | TP__FLOATING | TP__SELECTS,
    .reads = {0, TP__READS_0},
    .loop = {[TP_F32] = zero_f32, [TP_F64] = zero_f64},
    .fast = TP__FAST_ZERO,
    .number = zero_in_numbers,
    .gradient = zero_gradient,
    .taylor = zero_taylor,
    .formula = "b, but 0 where a is 0",
    .rule = "b: gy, but 0 where a is 0",
    .samples =
        (const tp__sample[]){{"2,3; 2,3", zero_sample, "torch.where(x0 == 0, 0, x1)"},
                             {"3; 3", zero_sample_zeros, "torch.where(x0 - x0 == 0, 0, x1) + x1"},
                             {0}},
};

/* 0 where x is NaN and either factor is 0 (the second one not beside a NaN of the first), else 1 */
#define MASK(name, Type)                                                                           \
    static void name(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)        \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = *(const Type *)(at[1] + i * step[1]);                                   \
            const Type b = *(const Type *)(at[2] + i * step[2]);                                   \
            const Type x = *(const Type *)(at[3] + i * step[3]);                                   \
            *(Type *)(at[0] + i * step[0]) = !(x != x && (a == 0 || (b == 0 && a == a)));          \
        }                                                                                          \
    }

MASK(mask_f64, double)
MASK(mask_f32, float)

static const tp__op mask_op = {
    .label = "Where",
    .name = "mask",
    .n_in = 3,
    .flags = TP__ELEMENTWISE,
    .loop = {[TP_F32] = mask_f32, [TP_F64] = mask_f64},
    .rule = "none",
};

tp_var *tp__without_nan(tp_var *a, tp_var *b, tp_var *x)
{
    tp_var *mask = tp__apply(&mask_op, (tp_var *[]){a, b, x}, 3, (tp__attr){0}, -1, NULL);
    return tp__zero_where_zero(mask, x);
}

static const tp__op *const structural_ops[] = {
    &tp__op_broadcast_to, &tp__op_sum_to, &tp__op_to, &zero_op, &clone_op, NULL};

const tp__family tp__family_structural = {"structural", "structure", structural_ops};
