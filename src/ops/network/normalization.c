/* SPDX-License-Identifier: MIT
 *
 * Normalisation. Along rows, and by channel where planes are not too small for it, it is one
 * operation, whose derivatives of higher order go through others; the rest is others throughout.
 */
#include "base/features.h"

#include <float.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "ops/families.h"
#include "ops/network/rows.h"
#include "ops/reduce/safe_root.h"
#include "tinypytorch.h"

TP__ROWS_OF(layer_norm, TP__LAYER_NORM)
TP__ROWS_OF(rms_norm, TP__RMS_NORM)

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
    tp_var *scale = tp__range_scale(x, 2, square, rows);
    if (!scale)
        return tp_div(x, tp_sqrt(square));
    TP__RANGE_WIDE(scale, x, normalise_size(x, rows, epsilon));
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

/* Applies a record to x, a weight and, where it takes one, a bias of this shape, of one floating
 * type; NULL: ones and zeros. A fourth operand is passed as it is. */
static tp_var *normalise_by(const tp__op *op, int n, const int64_t *shape, tp_var *const *given,
                            double epsilon)
{
    tp_var *in[4], *present[3] = {NULL};
    int count = 0, own = op->n_in < 3 ? op->n_in : 3;
    for (int i = 0; i < own; i++)
        if (given[i])
            present[count++] = given[i];
    tp_dtype dtype = tp__promote(present, count);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    for (int i = 0; i < op->n_in; i++) {
        in[i] = i == own   ? given[i]
                : given[i] ? tp_to(given[i], dtype)
                : i == 1   ? tp_ones(dtype, n, shape)
                           : tp_zeros(dtype, n, shape);
        if (tp_is_poison(in[i]))
            return in[i];
    }
    tp__attr attr = {.number = epsilon};
    return tp__apply(op, in, op->n_in, attr, -1, NULL);
}

static tp_var *layer_norm_sample(tp_var *const *x)
{
    return tp_layer_norm(x[0], 1, tp_add(x[1], 0), tp_add(x[2], 0));
}

static const tp__op layer_norm_op = {
    .label = "LayerNorm",
    .name = "layer_norm",
    .n_in = 3,
    .flags = TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_1, TP__READS_0},
    .infer = tp__rows_infer,
    .forward = layer_norm_forward,
    .gradient = layer_norm_rows,
    .compose = layer_norm_compose,
    .formula = "(x − mean) / √(variance + ε) · weight + bias",
    .rule =
        "with h = (x − mean) / √(variance + ε), g = gy weight: x: (g − mean g − h mean(g h)) / √…; "
        "weight: Σ gy h; bias: Σ gy",
    .samples =
        (const tp__sample[]){
            {"2,4; 4; 4", layer_norm_sample, "F.layer_norm(x0, x0.shape[-1:], x1, x2)"}, {0}},
};

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

static tp_var *rms_norm_sample(tp_var *const *x)
{
    return tp_rms_norm(x[0], 1, tp_add(x[1], 0), .eps = 0.1);
}

static const tp__op rms_norm_op = {
    .label = "RmsNorm",
    .name = "rms_norm",
    .n_in = 2,
    .flags = TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_1, TP__READS_0},
    .infer = tp__rows_infer,
    .forward = rms_norm_forward,
    .gradient = rms_norm_rows,
    .compose = rms_norm_compose,
    .formula = "x / √(mean of x² + ε) · weight",
    .rule =
        "with h = x / √(mean of x² + ε), g = gy weight: x: (g − h mean(g h)) / √…; weight: Σ gy h",
    .samples =
        (const tp__sample[]){{"2,4; 4", rms_norm_sample,
                              "x0 * (x0.square().mean(-1, keepdim=True) + 0.1).rsqrt() * x1"},
                             {0}},
};

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

static const tp__op batch_norm_op;

/* The last operand is constant, and filled by forward: what the sweep back reads of each channel
 * (tp__channels), of float64. */

enum { BATCH_NORM_PLANE = 16 };

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

static bool batch_norm_forward(tp__call *call)
{
    size_t scope = tp_scope_begin();
    tp_var *x = tp__plain(call->in[0]), *weight = tp__plain(call->in[1]);
    tp_var *bias = tp__plain(call->in[2]), *kept = tp__plain(call->in[3]);
    bool good = !tp_is_poison(x) && !tp_is_poison(weight) && !tp_is_poison(bias);
    if (good) {
        tp__channels channels;
        channels_describe(&channels, x, weight, call->attr.number);
        channels.bias = bias->data;
        channels.to = call->out->data;
        channels.kept = (double *)(void *)kept->data;
        tp__channels_run(tp__channel_kernels_of(call->dtype), &channels,
                         tp__dtype_size(call->dtype), false);
    }
    tp_scope_end(scope);
    return good;
}

static void batch_norm_gradient(const tp__pull *pull)
{
    tp_dtype dtype = (tp_dtype)pull->y->dtype;
    tp_var *gy = tp__plain(pull->gy), *x = tp__plain(pull->x[0]), *weight = tp__plain(pull->x[1]);
    const tp_var *kept = tp__plain(pull->x[3]);
    if (tp_is_poison(gy) || tp_is_poison(x) || tp_is_poison(weight) || tp_is_poison(kept))
        return;
    tp__channels channels;
    channels_describe(&channels, x, weight, pull->y->attr.number);
    channels.gy = gy->data;
    channels.kept = (double *)(void *)kept->data;
    channels.to = tp__rows_room(pull, 0);
    channels.g_weight = tp__rows_room(pull, 1);
    channels.g_bias = tp__rows_room(pull, 2);
    if (!tp__here()->code)
        tp__channels_run(tp__channel_kernels_of(dtype), &channels, tp__dtype_size(dtype), true);
}

const double *tp__batch_norm_kept(tp_var *y)
{
    if (y->op != &batch_norm_op || !tp__evaluate(y))
        return NULL;
    const tp_var *kept = tp__plain(tp__inputs(y)[3]);
    return tp_is_poison(kept) ? NULL : (const double *)(const void *)kept->data;
}

static tp_var *batch_norm_sample(tp_var *const *x)
{
    return tp_batch_norm(x[0], NULL, NULL, tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1);
}

#define BATCH_NORM_TORCH "F.batch_norm(x0, None, None, x1, x2, True, eps=0.1)"

static const tp__op batch_norm_op = {
    .label = "BatchNorm",
    .name = "batch_norm",
    .n_in = 4,
    .flags = TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_1 | TP__READS_MORE, TP__READS_0 | TP__READS_MORE},
    .infer = tp__rows_infer,
    .forward = batch_norm_forward,
    .gradient = batch_norm_gradient,
    .compose = batch_norm_compose,
    .formula = "(x − mean) / √(variance + ε) · weight + bias, a channel at a time",
    .rule = "that of layer_norm, with means over all axes but the channels'",
    .samples = (const tp__sample[]){{"3,2; 2; 2", batch_norm_sample, BATCH_NORM_TORCH},
                                    {"3,2,17; 2; 2", batch_norm_sample, BATCH_NORM_TORCH},
                                    {0}},
};

static tp_var *normalise_by_channel(tp_var *x, tp_var *weight, tp_var *bias, double epsilon)
{
    const int64_t *shape = tp__shape(x);
    if (x->size < BATCH_NORM_PLANE * shape[0] * shape[1] || x->size == 0)
        return batch_norm_composed(x, weight, bias, epsilon);
    tp_var *kept = tp__empty(TP_F64, 2, (int64_t[]){2, shape[1]});
    return tp_is_poison(kept) ? kept
                              : normalise_by(&batch_norm_op, 1, shape + 1,
                                             (tp_var *[]){x, weight, bias, kept}, epsilon);
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
    return normalise_by_channel(x, weight, bias, epsilon);
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
    tp_var *flat = tp_reshape(x, TP_SHAPE(1, rows * groups, x->size / (rows * groups)));
    if (tp_is_poison(flat))
        return flat;
    flat = normalise_by_channel(flat, NULL, NULL, epsilon); /* a group of a row is one */
    tp_var *y = tp_is_poison(flat) ? flat : tp_reshape(flat, x->ndim, tp__shape(x));
    if (tp_is_poison(y))
        return y;
    return normalise_scale(y, normalise_channel(weight, x), normalise_channel(bias, x));
}

static tp_var *group_norm_sample(tp_var *const *x)
{
    return tp_group_norm(x[0], 2, tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1);
}

static const tp__op group_norm_op = {
    .label = "GroupNorm",
    .name = "group_norm",
    .n_in = 3,
    .flags = TP__COMPOSITE,
    .formula = "batch_norm of groups of channels, a row at a time",
    .rule = "from its formula",
    .samples =
        (const tp__sample[]){
            {"3,4; 4; 4", group_norm_sample, "F.group_norm(x0, 2, x1, x2, 0.1)"},
            {"2,36; 36; 36", group_norm_sample, "F.group_norm(x0, 2, x1, x2, 0.1)"},
            {0}},
};

static const tp__op *const normalization_ops[] = {&layer_norm_op, &rms_norm_op, &batch_norm_op,
                                                  &group_norm_op, NULL};

const tp__family tp__family_normalization = {"normalization", "normalisation", normalization_ops};
