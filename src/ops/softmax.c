/* SPDX-License-Identifier: MIT
 *
 * Softmax and normalisation. Along rows they are operations of their own (rows.h), whose
 * derivatives of higher order go through others, a softmax's reading its result only; normalisation
 * of channels is others throughout. The largest element drops out of a softmax; where it is
 * infinite 0 is taken instead, so that masked elements do no harm.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "kernels/rows.h"
#include "ops/families.h"
#include "ops/line.h"
#include "ops/range.h"
#include "tinypytorch.h"

/* --- Records of rows: the last axis, or of a norm the last ones --- */

static const tp__op softmax_op, log_softmax_op, layer_norm_op, rms_norm_op;

static tp__row_kind rows_kind(const tp__op *op)
{
    return op == &softmax_op       ? TP__SOFTMAX
           : op == &log_softmax_op ? TP__LOG_SOFTMAX
           : op == &layer_norm_op  ? TP__LAYER_NORM
                                   : TP__RMS_NORM;
}

static const tp__row_kernels *rows_kernels(const tp__op *op, tp_dtype dtype)
{
    return tp__row_kernels_of(rows_kind(op), dtype);
}

static bool rows_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

/* How many rows of how many elements x is; weight may be NULL. */
static void rows_size(tp__rows *rows, const tp_var *x, const tp_var *weight)
{
    rows->n = weight ? weight->size : x->ndim ? tp__shape(x)[x->ndim - 1] : 1;
    rows->rows = rows->n ? x->size / rows->n : 0;
}

static bool rows_forward(tp__call *call)
{
    size_t scope = tp_scope_begin();
    tp_var *in[3] = {NULL};
    bool good = true;
    for (int i = 0; i < call->n_in; i++) {
        in[i] = tp__plain(call->in[i]);
        good = good && !tp_is_poison(in[i]);
    }
    if (good && in[0]) {
        tp__rows rows = {.x = in[0]->data, .to = call->out->data, .epsilon = call->attr.number};
        rows_size(&rows, in[0], in[1]);
        rows.weight = in[1] ? in[1]->data : NULL;
        rows.bias = in[2] ? in[2]->data : NULL;
        tp__rows_forward(rows_kernels(call->op, call->dtype), &rows, tp__dtype_size(call->dtype));
    }
    tp_scope_end(scope);
    return good;
}

/* The gradient of operand i, if that is wanted: zeros to add to; NULL if it is not. */
static char *rows_room(const tp__pull *pull, int i)
{
    if (i >= (int)pull->y->n_in || !pull->wanted[i])
        return NULL;
    const tp_var *x = pull->x[i];
    pull->gx[i] = i ? tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x))
                    : tp__empty((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    return tp__evaluate(pull->gx[i]) ? pull->gx[i]->data : NULL;
}

static void rows_gradient(const tp__pull *pull)
{
    const tp__op *op = pull->y->op;
    tp_dtype dtype = (tp_dtype)pull->y->dtype;
    bool norm = op->n_in > 1;
    tp_var *gy = tp__plain(pull->gy), *read = tp__plain(norm ? pull->x[0] : pull->y);
    tp_var *weight = norm ? tp__plain(pull->x[1]) : NULL;
    if (tp_is_poison(gy) || tp_is_poison(read) || (weight && tp_is_poison(weight)))
        return;
    tp__rows rows = {.gy = gy->data, .epsilon = pull->y->attr.number};
    rows_size(&rows, pull->y, weight);
    *(norm ? &rows.x : &rows.y) = read->data;
    rows.weight = weight ? weight->data : NULL;
    rows.to = rows_room(pull, 0);
    rows.g_weight = rows_room(pull, 1);
    rows.g_bias = rows_room(pull, 2);
    if (!tp__here()->code)
        tp__rows_backward(rows_kernels(op, dtype), &rows, dtype);
}

/* --- softmax --- */

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
        rows_gradient(pull);
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
        rows_gradient(pull);
        return;
    }
    tp_var *own = softmax_largest(y), *all = (tp_sum)(gy, &softmax_row);
    tp_var *rest = (tp_sum)(tp_where(own, 0, gy), &softmax_row);
    y = tp_where(tp_mul(tp_isnan(y), tp_eq(all, 0)), -HUGE_VAL, y);
    tp_var *kept = tp_mul(tp_neg(tp_expm1(y)), gy), *power = tp_exp(y);
    pull->gx[0] = tp_sub(tp_where(own, kept, gy), tp_mul(power, tp_where(own, rest, all)));
}

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

/* --- Normalisation --- */

static bool normalise_options(const char *call, const tp_normalization_options *given, double *eps)
{
    tp_normalization_options options = TP_OPTIONS(tp_normalization_options);
    if (!tp__take_options(call, &options, sizeof options, given))
        return false;
    *eps = options.eps;
    if (options.eps >= 0 && options.eps <= DBL_MAX)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: eps is %g, expected a number from 0", call, options.eps);
    return false;
}

/* x / √(mean of x² + ε) over rows; where that is out of range x and √ε are divided by a scale. */
static tp_var *normalise_size(tp_var *x, const tp_reduce_options *rows, double epsilon)
{
    tp_var *square = tp_add((tp_mean)(tp_square(x), rows), epsilon);
    tp_var *scale = tp__range_scale(x, square, rows);
    if (!scale)
        return tp_div(x, tp_sqrt(square));
    x = tp_div(x, scale);
    tp_var *rest = tp_div(tp_div(epsilon, scale), scale);
    return tp_div(x, tp_sqrt(tp_add((tp_mean)(tp_square(x), rows), rest)));
}

/* (x − mean) / √(variance + ε) over axes. */
static tp_var *normalise_over(tp_var *x, const tp_axes *axes, double epsilon)
{
    const tp_reduce_options rows = {.size = sizeof rows, .axes = *axes, .keepdims = true};
    return normalise_size(tp_sub(x, (tp_mean)(x, &rows)), &rows, epsilon);
}

static tp_var *normalise_scale(tp_var *x, tp_var *weight, tp_var *bias)
{
    x = weight && !tp_is_poison(x) ? tp_mul(x, weight) : x;
    return bias && !tp_is_poison(x) ? tp_add(x, bias) : x;
}

/* True if a weight or bias that may be NULL has the shape that is expected. */
static bool normalise_check(const char *call, const char *what, const tp_var *v, int ndim,
                            const int64_t *shape)
{
    if (!v)
        return true;
    if (!tp__check_operand(call, v))
        return false;
    if (tp__same_shape(v, ndim, shape))
        return true;
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: the %s has shape %s, expected %s", call, what,
            tp__shape_text(a, v->ndim, tp__shape(v)), tp__shape_text(b, ndim, shape));
    return false;
}

/* The last n axes. */
static bool normalise_last(const char *call, const tp_var *x, int n, tp_axes *axes)
{
    if (!tp__check_operand(call, x))
        return false;
    if (n < 1 || n > x->ndim) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: over the last %d axes, expected 1 to %d", call, n, x->ndim);
        return false;
    }
    axes->n = n;
    for (int i = 0; i < n; i++)
        axes->at[i] = i - n;
    return true;
}

static tp_axes normalise_axes(const tp_var *weight)
{
    tp_axes axes = {.n = weight->ndim};
    for (int i = 0; i < axes.n; i++)
        axes.at[i] = i - axes.n;
    return axes;
}

static tp_var *layer_norm_compose(const tp_var *y, tp_var *const *x)
{
    const tp_axes axes = normalise_axes(x[1]);
    return normalise_scale(normalise_over(x[0], &axes, y->attr.number), x[1], x[2]);
}

static tp_var *rms_norm_compose(const tp_var *y, tp_var *const *x)
{
    const tp_reduce_options rows = {
        .size = sizeof rows, .axes = normalise_axes(x[1]), .keepdims = true};
    return tp_mul(normalise_size(x[0], &rows, y->attr.number), x[1]);
}

/* Applies a record to x and a weight and bias of this shape, of one floating type; NULL: ones and
 * zeros. */
static tp_var *normalise_by(const tp__op *op, int n, const int64_t *shape, tp_var *const *given,
                            double epsilon)
{
    tp_var *in[3], *present[3];
    int count = 0;
    for (int i = 0; i < op->n_in; i++)
        if (given[i])
            present[count++] = given[i];
    tp_dtype dtype = tp__promote(present, count);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    for (int i = 0; i < op->n_in; i++) {
        in[i] = given[i] ? tp_to(given[i], dtype)
                : i == 1 ? tp_ones(dtype, n, shape)
                         : tp_zeros(dtype, n, shape);
        if (tp_is_poison(in[i]))
            return in[i];
    }
    tp__attr attr = {.number = epsilon};
    return tp__apply(op, in, op->n_in, attr, -1, NULL);
}

tp_var *(tp_layer_norm)(tp_var *x, int n, tp_var *weight, tp_var *bias,
                        const tp_normalization_options *options)
{
    TP__CALL("layer_norm");
    TP__OPERANDS(x);
    TP__OPTIONAL(weight, bias);
    double epsilon;
    tp_axes axes;
    if (!normalise_last("layer_norm", x, n, &axes) ||
        !normalise_options("layer_norm", options, &epsilon))
        return tp__poison();
    const int64_t *shape = tp__shape(x) + x->ndim - n;
    if (!normalise_check("layer_norm", "weight", weight, n, shape) ||
        !normalise_check("layer_norm", "bias", bias, n, shape))
        return tp__poison();
    return normalise_by(&layer_norm_op, n, shape, (tp_var *[]){x, weight, bias}, epsilon);
}

tp_var *(tp_rms_norm)(tp_var *x, int n, tp_var *weight, const tp_normalization_options *options)
{
    TP__CALL("rms_norm");
    TP__OPERANDS(x);
    TP__OPTIONAL(weight);
    double epsilon;
    tp_axes axes;
    if (!normalise_last("rms_norm", x, n, &axes) ||
        !normalise_options("rms_norm", options, &epsilon) ||
        !normalise_check("rms_norm", "weight", weight, n, tp__shape(x) + x->ndim - n))
        return tp__poison();
    return normalise_by(&rms_norm_op, n, tp__shape(x) + x->ndim - n, (tp_var *[]){x, weight},
                        epsilon);
}

/* v (C) as (C, 1 …) beside (N, C, …). */
static tp_var *normalise_channel(tp_var *v, const tp_var *x)
{
    int64_t shape[TP_MAX_NDIM];
    if (!v)
        return NULL;
    for (int i = 0; i + 1 < x->ndim; i++)
        shape[i] = i == 0 ? tp__shape(x)[1] : 1;
    return tp_reshape(v, x->ndim - 1, shape);
}

static bool normalise_channels(const char *call, const tp_var *x, tp_var *const *v, int n)
{
    static const char *const names[] = {"weight", "bias", "mean", "variance"};
    if (!tp__check_operand(call, x))
        return false;
    if (x->ndim < 2) {
        tp__refuse_shape(call, "x", x, "(N, C, …)");
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!normalise_check(call, names[i], v[i], 1, tp__shape(x) + 1))
            return false;
    return true;
}

/* --- Batch norm by its own statistics: one operation where planes are not too small for it --- */

enum { BATCH_NORM_PLANE = 16 };

static const tp__op batch_norm_op;

/* Statistics over all axes but the second. */
static tp_var *batch_norm_composed(tp_var *x, tp_var *weight, tp_var *bias, double epsilon)
{
    tp_axes axes = {.n = 0};
    for (int i = 0; i < x->ndim; i++)
        if (i != 1)
            axes.at[axes.n++] = i;
    tp_var *y = normalise_over(x, &axes, epsilon);
    return normalise_scale(y, normalise_channel(weight, x), normalise_channel(bias, x));
}

static tp_var *batch_norm_compose(const tp_var *y, tp_var *const *x)
{
    return batch_norm_composed(x[0], x[1], x[2], y->attr.number);
}

static void channels_describe(tp__channels *channels, tp_var *x, tp_var *weight, double epsilon)
{
    const int64_t *shape = tp__shape(x);
    *channels = (tp__channels){.images = shape[0],
                               .channels = shape[1],
                               .plane = x->size / (shape[0] * shape[1]),
                               .x = x->data,
                               .weight = weight->data,
                               .epsilon = epsilon};
}

static const tp__channel_kernels *channels_kernels(tp_dtype dtype)
{
    return tp__channel_kernels_of(dtype);
}

static bool batch_norm_forward(tp__call *call)
{
    size_t scope = tp_scope_begin();
    tp_var *x = tp__plain(call->in[0]), *weight = tp__plain(call->in[1]);
    tp_var *bias = tp__plain(call->in[2]);
    bool good = !tp_is_poison(x) && !tp_is_poison(weight) && !tp_is_poison(bias);
    if (good) {
        tp__channels channels;
        channels_describe(&channels, x, weight, call->attr.number);
        channels.bias = bias->data;
        channels.to = call->out->data;
        tp__channels_run(channels_kernels(call->dtype), &channels, false);
    }
    tp_scope_end(scope);
    return good;
}

static void batch_norm_gradient(const tp__pull *pull)
{
    tp_dtype dtype = (tp_dtype)pull->y->dtype;
    tp_var *gy = tp__plain(pull->gy), *x = tp__plain(pull->x[0]), *weight = tp__plain(pull->x[1]);
    if (tp_is_poison(gy) || tp_is_poison(x) || tp_is_poison(weight))
        return;
    tp__channels channels;
    channels_describe(&channels, x, weight, pull->y->attr.number);
    channels.gy = gy->data;
    channels.to = rows_room(pull, 0);
    channels.g_weight = rows_room(pull, 1);
    channels.g_bias = rows_room(pull, 2);
    if (!tp__here()->code)
        tp__channels_run(channels_kernels(dtype), &channels, true);
}

tp_var *(tp_batch_norm)(tp_var *x, tp_var *mean, tp_var *variance, tp_var *weight, tp_var *bias,
                        const tp_normalization_options *options)
{
    TP__CALL("batch_norm");
    TP__OPERANDS(x);
    TP__OPTIONAL(mean, variance, weight, bias);
    double epsilon;
    TP__IN_FLOAT32((tp_batch_norm)(x, mean, variance, weight, bias, options), &x, &mean, &variance,
                   &weight, &bias);
    if (!normalise_channels("batch_norm", x, (tp_var *[]){weight, bias, mean, variance}, 4) ||
        !normalise_options("batch_norm", options, &epsilon))
        return tp__poison();
    if (!mean != !variance)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "batch_norm: expected both mean and variance, or neither");
    const int64_t *shape = tp__shape(x);
    if (shape[1] == 0)
        return tp__refuse_shape("batch_norm", "x", x, "a channel or more");
    if (mean) {
        tp_var *scale = tp_rsqrt(tp_add(variance, epsilon));
        tp_var *y = tp_mul(tp_sub(x, normalise_channel(mean, x)), normalise_channel(scale, x));
        return normalise_scale(y, normalise_channel(weight, x), normalise_channel(bias, x));
    }
    if (x->size < BATCH_NORM_PLANE * shape[0] * shape[1] || x->size == 0)
        return batch_norm_composed(x, weight, bias, epsilon);
    return normalise_by(&batch_norm_op, 1, shape + 1, (tp_var *[]){x, weight, bias}, epsilon);
}

tp_var *(tp_group_norm)(tp_var *x, int64_t groups, tp_var *weight, tp_var *bias,
                        const tp_normalization_options *options)
{
    TP__CALL("group_norm");
    TP__OPERANDS(x);
    TP__OPTIONAL(weight, bias);
    double epsilon;
    TP__IN_FLOAT32((tp_group_norm)(x, groups, weight, bias, options), &x, &weight, &bias);
    if (!normalise_channels("group_norm", x, (tp_var *[]){weight, bias}, 2) ||
        !normalise_options("group_norm", options, &epsilon))
        return tp__poison();
    int64_t channels = tp__shape(x)[1], rows = tp__shape(x)[0];
    if (groups < 1 || channels % groups != 0)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "group_norm: %lld channels are not %lld groups of one size",
                       (long long)channels, (long long)groups);
    if (x->size == 0)
        return normalise_scale(x, normalise_channel(weight, x), normalise_channel(bias, x));
    tp_var *flat = tp_reshape(x, TP_SHAPE(rows, groups, x->size / (rows * groups)));
    if (tp_is_poison(flat))
        return flat;
    const tp_axes last = {.one = -1};
    tp_var *y = tp_reshape(normalise_over(flat, &last, epsilon), x->ndim, tp__shape(x));
    return normalise_scale(y, normalise_channel(weight, x), normalise_channel(bias, x));
}

/* --- Records, for tests and the list of operations. A NULL operand is an error to tests --- */

#define ROWS_RECORD(label_, name_, operands, reads_, rules_, formula_, rule_, shapes, call_,       \
                    torch_)                                                                        \
    static tp_var *name_##_sample(tp_var *const *x)                                                \
    {                                                                                              \
        return call_;                                                                              \
    }                                                                                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = operands,                                                                          \
        .flags = TP__COSTLY,                                                                       \
        .reads = reads_,                                                                           \
        .infer = rows_infer,                                                                       \
        .forward = rows_forward,                                                                   \
        rules_,                                                                                    \
        .formula = formula_,                                                                       \
        .rule = rule_,                                                                             \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

#define ROWS_CHANGE(name) .gradient = name##_gradient, .tangent = name##_tangent
#define ROWS_COMPOSE(name) .gradient = rows_gradient, .compose = name##_compose

#define ROWS_READS(...)                                                                            \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#define SOFTMAX_RECORD(label_, name_, operands, formula_, shapes, call_, torch_)                   \
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
        .rule = "from its formula",                                                                \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

/* clang-format off */
ROWS_RECORD(Softmax, softmax, 1, ROWS_READS(TP__READS_OUT), ROWS_CHANGE(softmax), "eˣ / Σ eˣ", "y (gy − Σ gy y)", "2,3", tp_softmax(x[0], 1), "x0.softmax(1)")
ROWS_RECORD(LogSoftmax, log_softmax, 1, ROWS_READS(TP__READS_OUT), ROWS_CHANGE(log_softmax), "x − ln Σ eˣ", "gy − e^y Σ gy", "3,2", tp_log_softmax(x[0], 0), "x0.log_softmax(0)")
ROWS_RECORD(LayerNorm, layer_norm, 3, ROWS_READS(TP__READS_0 | TP__READS_1, TP__READS_0), ROWS_COMPOSE(layer_norm), "(x − mean) / √(variance + ε) · weight + bias",
            "with h = (x − mean) / √(variance + ε), g = gy weight: x: (g − mean g − h mean(g h)) / √…; weight: Σ gy h; bias: Σ gy", "2,4; 4; 4",
               tp_layer_norm(x[0], 1, tp_add(x[1], 0), tp_add(x[2], 0)),
               "F.layer_norm(x0, x0.shape[-1:], x1, x2)")
ROWS_RECORD(RmsNorm, rms_norm, 2, ROWS_READS(TP__READS_0 | TP__READS_1, TP__READS_0), ROWS_COMPOSE(rms_norm), "x / √(mean of x² + ε) · weight",
            "with h = x / √(mean of x² + ε), g = gy weight: x: (g − h mean(g h)) / √…; weight: Σ gy h", "2,4; 4",
               tp_rms_norm(x[0], 1, tp_add(x[1], 0), .eps = 0.1),
               "x0 * (x0.square().mean(-1, keepdim=True) + 0.1).rsqrt() * x1")
SOFTMAX_RECORD(GroupNorm, group_norm, 3, "batch_norm of groups of channels, a row at a time", "3,4; 4; 4",
               tp_group_norm(x[0], 2, tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1),
               "F.group_norm(x0, 2, x1, x2, 0.1)")
/* clang-format on */

static tp_var *batch_norm_sample(tp_var *const *x)
{
    return tp_batch_norm(x[0], NULL, NULL, tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1);
}

#define BATCH_NORM_TORCH "F.batch_norm(x0, None, None, x1, x2, True, eps=0.1)"

static const tp__op batch_norm_op = {
    .label = "BatchNorm",
    .name = "batch_norm",
    .n_in = 3,
    .flags = TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_1, TP__READS_0},
    .infer = rows_infer,
    .forward = batch_norm_forward,
    .gradient = batch_norm_gradient,
    .compose = batch_norm_compose,
    .formula = "(x − mean) / √(variance + ε) · weight + bias, a channel at a time",
    .rule = "that of layer_norm, with means over all axes but the channels'",
    .samples = (const tp__sample[]){{"3,2; 2; 2", batch_norm_sample, BATCH_NORM_TORCH},
                                    {"3,2,17; 2; 2", batch_norm_sample, BATCH_NORM_TORCH},
                                    {0}},
};

static const tp__op *const softmax_ops[] = {&softmax_op,  &log_softmax_op, &layer_norm_op,
                                            &rms_norm_op, &batch_norm_op,  &group_norm_op,
                                            NULL};

const tp__family tp__family_softmax = {"softmax", "softmax and normalisation", softmax_ops};
