/* SPDX-License-Identifier: MIT
 *
 * Softmax. Its derivatives of higher order go through other operations and read its result only.
 * The largest element drops out of it; where that is infinite 0 is taken instead, so that masked
 * elements do no harm.
 */
#include "base/features.h"

#include <math.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "ops/families.h"
#include "ops/line.h"
#include "ops/network/rows.h"
#include "tinypytorch.h"

TP__ROWS_OF(softmax, TP__SOFTMAX)
TP__ROWS_OF(log_softmax, TP__LOG_SOFTMAX)

static const tp_reduce_options softmax_row = {
    .size = sizeof(tp_reduce_options), .axes.one = -1, .keepdims = true};

/* 1 at each row's largest element, the first of equal ones. */
static tp_var *softmax_largest(tp_var *y)
{
    int64_t n = y->ndim ? tp__shape(y)[y->ndim - 1] : 1;
    if (y->size == 0)
        return tp_zeros(TP_BOOL, y->ndim, tp__shape(y));
    tp_var *at = tp_unsqueeze(tp_argmax(tp_detach(y), -1), -1);
    return tp_reshape(tp_eq(at, tp_arange(TP_I64, 0, (double)n, 1)), y->ndim, tp__shape(y));
}

/* d less what it is at the largest element: with a probability p near 1 there, what is left are the
 * others' parts, and nothing is subtracted from 1 − p. */
static tp_var *softmax_beside(tp_var *y, tp_var *d)
{
    tp_var *own = (tp_sum)(tp_where(softmax_largest(y), d, 0), &softmax_row);
    return tp_sub(d, tp_where(tp_isfinite(own), own, 0));
}

/* By how much y changes with x by d; the map is its own transpose, so that gradients take it too.
 */
static tp_var *softmax_change(tp_var *y, tp_var *d)
{
    d = softmax_beside(y, d);
    return tp_mul(y, tp_sub(d, (tp_sum)(tp_mul(y, d), &softmax_row)));
}

static tp_var *softmax_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    (void)x;
    return softmax_change(y, dx);
}

static void softmax_gradient(const tp__pull *pull)
{
    if (pull->record)
        pull->gx[0] = softmax_change(pull->y, pull->gy);
    else
        softmax_rows(pull);
}

static tp_var *log_softmax_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    (void)x;
    dx = softmax_beside(y, dx);
    return tp_sub(dx, (tp_sum)(tp_mul(tp_exp(y), dx), &softmax_row));
}

/* gy − e^y Σ gy, whose part of itself the largest element has with 1 − e^y. A row of NaN that gets
 * nothing, for it is ignored, gives nothing. */
static void log_softmax_gradient(const tp__pull *pull)
{
    tp_var *y = pull->y, *gy = pull->gy;
    if (!pull->record) {
        log_softmax_rows(pull);
        return;
    }
    tp_var *own = softmax_largest(y), *all = (tp_sum)(gy, &softmax_row);
    tp_var *rest = (tp_sum)(tp_where(own, 0, gy), &softmax_row);
    y = tp_where(tp_mul(tp_isnan(y), tp_eq(all, 0)), -HUGE_VAL, y);
    tp_var *kept = tp_mul(tp_neg(tp_expm1(y)), gy), *power = tp_exp(y);
    pull->gx[0] = tp_sub(tp_where(own, kept, gy), tp_mul(power, tp_where(own, rest, all)));
}

static tp_var *softmax_sample(tp_var *const *x)
{
    return tp_softmax(x[0], 1);
}

static const tp__op softmax_op = {
    .label = "Softmax",
    .name = "softmax",
    .n_in = 1,
    .flags = TP__COSTLY,
    .reads = {TP__READS_OUT},
    .infer = tp__rows_infer,
    .forward = softmax_forward,
    .gradient = softmax_gradient,
    .tangent = softmax_tangent,
    .formula = "eˣ / Σ eˣ",
    .rule = "y (gy − Σ gy y)",
    .samples = (const tp__sample[]){{"2,3", softmax_sample, "x0.softmax(1)"}, {0}},
};

static tp_var *log_softmax_sample(tp_var *const *x)
{
    return tp_log_softmax(x[0], 0);
}

static const tp__op log_softmax_op = {
    .label = "LogSoftmax",
    .name = "log_softmax",
    .n_in = 1,
    .flags = TP__COSTLY,
    .reads = {TP__READS_OUT},
    .infer = tp__rows_infer,
    .forward = log_softmax_forward,
    .gradient = log_softmax_gradient,
    .tangent = log_softmax_tangent,
    .formula = "x − ln Σ eˣ",
    .rule = "gy − e^y Σ gy",
    .samples = (const tp__sample[]){{"3,2", log_softmax_sample, "x0.log_softmax(0)"}, {0}},
};

static tp_var *softmax_along(const tp__op *op, tp_var *x, int axis)
{
    TP__OF_LINE(x, softmax_along(op, x, axis));
    if (!tp__check_operand(op->name, x) || (axis = tp__check_axis(op->name, axis, x, x->ndim)) < 0)
        return tp__poison();
    x = tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
    int last = x->ndim - 1;
    if (!tp_is_poison(x) && axis != last)
        x = tp_transpose(x, axis, last);
    x = tp__apply(op, &x, 1, (tp__attr){0}, -1, NULL);
    return tp_is_poison(x) || axis == last ? x : tp_transpose(x, axis, last);
}

tp_var *tp_softmax(tp_var *x, int axis)
{
    TP__CALL("softmax");
    TP__OPERANDS(x);
    return softmax_along(&softmax_op, x, axis);
}

tp_var *tp_log_softmax(tp_var *x, int axis)
{
    TP__CALL("log_softmax");
    TP__OPERANDS(x);
    return softmax_along(&log_softmax_op, x, axis);
}

static const tp__op *const softmax_ops[] = {&softmax_op, &log_softmax_op, NULL};

const tp__family tp__family_softmax = {"softmax", "softmax", softmax_ops};
