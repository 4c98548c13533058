/* SPDX-License-Identifier: MIT
 *
 * Softmax and normalisation over other operations. The largest element drops out of a softmax and
 * of its derivatives; where it is infinite 0 is taken instead, so that masked elements do no harm.
 */
#include "base/features.h"

#include "array/array.h"
#include "array/dtype.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* --- softmax --- */

static tp_reduce_options softmax_rows(int axis)
{
    return (tp_reduce_options){{1, {axis}}, true, sizeof(tp_reduce_options)};
}

/* x, floating, less its largest elements along axis. Poison on error. */
static tp_var *softmax_shifted(const char *call, tp_var *x, int *axis)
{
    if (!tp__check_operand(call, x) || (*axis = tp__check_axis(call, *axis, x->ndim)) < 0)
        return tp__poison();
    x = tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
    if (tp_is_poison(x) || x->size == 0)
        return x;
    const tp_reduce_options rows = softmax_rows(*axis);
    tp_var *largest = (tp_max)(tp_detach(x), &rows);
    return tp_sub(x, tp_where(tp_isfinite(largest), largest, 0));
}

tp_var *tp_softmax(tp_var *x, int axis)
{
    tp_var *shifted = softmax_shifted("softmax", x, &axis);
    if (tp_is_poison(shifted))
        return tp__poison();
    const tp_reduce_options rows = softmax_rows(axis);
    tp_var *powers = tp_exp(shifted);
    return tp_div(powers, (tp_sum)(powers, &rows));
}

tp_var *tp_log_softmax(tp_var *x, int axis)
{
    tp_var *shifted = softmax_shifted("log_softmax", x, &axis);
    if (tp_is_poison(shifted))
        return tp__poison();
    const tp_reduce_options rows = softmax_rows(axis);
    return tp_sub(shifted, tp_log((tp_sum)(tp_exp(shifted), &rows)));
}

/* --- Normalisation --- */

static double softmax_epsilon(double epsilon)
{
    return epsilon == 0 ? 1e-5 : epsilon;
}

/* (x − mean) / √(variance + ε) over axes. */
static tp_var *normalise_over(tp_var *x, const tp_axes *axes, double epsilon)
{
    const tp_reduce_options rows = {*axes, true, sizeof rows};
    tp_var *centred = tp_sub(x, (tp_mean)(x, &rows));
    tp_var *variance = (tp_mean)(tp_square(centred), &rows);
    return tp_mul(centred, tp_rsqrt(tp_add(variance, softmax_epsilon(epsilon))));
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

tp_var *tp_layer_norm(tp_var *x, int n, tp_var *weight, tp_var *bias, double epsilon)
{
    tp_axes axes;
    if (!normalise_last("layer_norm", x, n, &axes))
        return tp__poison();
    const int64_t *shape = tp__shape(x) + x->ndim - n;
    if (!normalise_check("layer_norm", "weight", weight, n, shape) ||
        !normalise_check("layer_norm", "bias", bias, n, shape))
        return tp__poison();
    return normalise_scale(normalise_over(x, &axes, epsilon), weight, bias);
}

tp_var *tp_rms_norm(tp_var *x, int n, tp_var *weight, double epsilon)
{
    tp_axes axes;
    if (!normalise_last("rms_norm", x, n, &axes) ||
        !normalise_check("rms_norm", "weight", weight, n, tp__shape(x) + x->ndim - n))
        return tp__poison();
    const tp_reduce_options rows = {axes, true, sizeof rows};
    tp_var *square = (tp_mean)(tp_square(x), &rows);
    tp_var *y = tp_mul(x, tp_rsqrt(tp_add(square, softmax_epsilon(epsilon))));
    return normalise_scale(y, weight, NULL);
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
        tp_fail(TP_ERROR_SHAPE, "%s: x has %d dimensions, expected (N, C, …)", call, x->ndim);
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!normalise_check(call, names[i], v[i], 1, tp__shape(x) + 1))
            return false;
    return true;
}

tp_var *tp_batch_norm(tp_var *x, tp_var *mean, tp_var *variance, tp_var *weight, tp_var *bias,
                      double epsilon)
{
    if (!normalise_channels("batch_norm", x, (tp_var *[]){weight, bias, mean, variance}, 4))
        return tp__poison();
    if (!mean != !variance)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "batch_norm: expected both mean and variance, or neither");
    if (tp__shape(x)[1] == 0)
        return tp_fail(TP_ERROR_SHAPE, "batch_norm: x has no channels");
    tp_var *y;
    if (mean) {
        tp_var *scale = tp_rsqrt(tp_add(variance, softmax_epsilon(epsilon)));
        y = tp_mul(tp_sub(x, normalise_channel(mean, x)), normalise_channel(scale, x));
    } else {
        tp_axes axes = {.n = 0};
        for (int i = 0; i < x->ndim; i++)
            if (i != 1)
                axes.at[axes.n++] = i;
        y = normalise_over(x, &axes, epsilon);
    }
    return normalise_scale(y, normalise_channel(weight, x), normalise_channel(bias, x));
}

tp_var *tp_group_norm(tp_var *x, int64_t groups, tp_var *weight, tp_var *bias, double epsilon)
{
    if (!normalise_channels("group_norm", x, (tp_var *[]){weight, bias}, 2))
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
    const tp_axes last = {1, {-1}};
    tp_var *y = tp_reshape(normalise_over(flat, &last, epsilon), x->ndim, tp__shape(x));
    return normalise_scale(y, normalise_channel(weight, x), normalise_channel(bias, x));
}

/* --- Records, for tests and the list of operations. A NULL operand is an error to tests --- */

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
SOFTMAX_RECORD(Softmax, softmax, 1, "eˣ / Σ eˣ", "2,3", tp_softmax(x[0], 1), "x0.softmax(1)")
SOFTMAX_RECORD(LogSoftmax, log_softmax, 1, "x − ln Σ eˣ", "3,2", tp_log_softmax(x[0], 0), "x0.log_softmax(0)")
SOFTMAX_RECORD(LayerNorm, layer_norm, 3, "(x − mean) / √(variance + ε) · weight + bias", "2,4; 4; 4",
               tp_layer_norm(x[0], 1, tp_add(x[1], 0), tp_add(x[2], 0), 0),
               "F.layer_norm(x0, x0.shape[-1:], x1, x2)")
SOFTMAX_RECORD(RmsNorm, rms_norm, 2, "x / √(mean of x² + ε) · weight", "2,4; 4",
               tp_rms_norm(x[0], 1, tp_add(x[1], 0), 0.1),
               "x0 * (x0.square().mean(-1, keepdim=True) + 0.1).rsqrt() * x1")
SOFTMAX_RECORD(BatchNorm, batch_norm, 3, "(x − mean) / √(variance + ε) · weight + bias, a channel at a time", "3,2; 2; 2",
               tp_batch_norm(x[0], NULL, NULL, tp_add(x[1], 0), tp_add(x[2], 0), 0.1),
               "F.batch_norm(x0, None, None, x1, x2, True, eps=0.1)")
SOFTMAX_RECORD(GroupNorm, group_norm, 3, "batch_norm of groups of channels, a row at a time", "3,4; 4; 4",
               tp_group_norm(x[0], 2, tp_add(x[1], 0), tp_add(x[2], 0), 0.1),
               "F.group_norm(x0, 2, x1, x2, 0.1)")
/* clang-format on */

static const tp__op *const softmax_ops[] = {&softmax_op,  &log_softmax_op, &layer_norm_op,
                                            &rms_norm_op, &batch_norm_op,  &group_norm_op,
                                            NULL};

const tp__family tp__family_softmax = {"softmax", "softmax and normalisation", softmax_ops};
