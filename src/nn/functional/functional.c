/* SPDX-License-Identifier: MIT
 *
 * Activations, dropout of channels, normalisation and the bilinear layer, over other operations.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "nn/functional/functional.h"
#include "tinypytorch.h"

/* --- Activations --- */

tp_var *tp_softmin(tp_var *x, int axis)
{
    TP__CALL("softmin");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_softmin(x, axis), &x);
    return tp__check_operand("softmin", x) ? tp_softmax(tp_neg(tp__floating(x)), axis)
                                           : tp__poison();
}

tp_var *tp_glu(tp_var *x, int axis)
{
    TP__CALL("glu");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_glu(x, axis), &x);
    if (!tp__check_operand("glu", x) || (axis = tp__check_axis("glu", axis, x, x->ndim)) < 0)
        return tp__poison();
    int64_t size = tp__shape(x)[axis];
    if (size % 2 != 0)
        return tp__refuse_shape("glu", "x", x, "an even size of axis %d", axis);
    tp_var *gate = tp_sigmoid(tp_slice(x, axis, size / 2, size, 1));
    return tp_mul(tp_slice(x, axis, 0, size / 2, 1), gate);
}

tp_var *tp_threshold(tp_var *x, double threshold, double value)
{
    TP__CALL("threshold");
    TP__OPERANDS(x);
    if (!tp__check_within("threshold", "threshold", threshold, -HUGE_VAL, HUGE_VAL) ||
        !tp__check_within("threshold", "value", value, -HUGE_VAL, HUGE_VAL))
        return tp__poison();
    TP__IN_FLOAT32(tp_threshold(x, threshold, value), &x);
    return tp_where(tp_le(x, threshold), value, x);
}

tp_var *tp_hardshrink(tp_var *x, double lambda)
{
    TP__CALL("hardshrink");
    TP__OPERANDS(x);
    if (!tp__check_within("hardshrink", "lambda", lambda, 0, HUGE_VAL))
        return tp__poison();
    TP__IN_FLOAT32(tp_hardshrink(x, lambda), &x);
    if (!tp__check_operand("hardshrink", x))
        return tp__poison();
    x = tp__floating(x);
    return tp_where(tp_le(tp_abs(x), lambda), 0, x);
}

tp_var *tp_softshrink(tp_var *x, double lambda)
{
    TP__CALL("softshrink");
    TP__OPERANDS(x);
    if (!tp__check_within("softshrink", "lambda", lambda, 0, DBL_MAX))
        return tp__poison();
    TP__IN_FLOAT32(tp_softshrink(x, lambda), &x);
    if (!tp__check_operand("softshrink", x))
        return tp__poison();
    x = tp__floating(x);
    return tp_sub(x, (tp_clamp)(x, tp_num(-lambda), tp_num(lambda)));
}

tp_var *tp_tanhshrink(tp_var *x)
{
    TP__CALL("tanhshrink");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_tanhshrink(x), &x);
    return tp_sub(x, tp_tanh(x));
}

tp_var *tp_rrelu(tp_var *x, double lower, double upper, bool training)
{
    TP__CALL("rrelu");
    TP__OPERANDS(x);
    if (!tp__check_within("rrelu", "lower", lower, -DBL_MAX, DBL_MAX) ||
        !tp__check_within("rrelu", "upper", upper, lower, DBL_MAX))
        return tp__poison();
    TP__IN_FLOAT32(tp_rrelu(x, lower, upper, training), &x);
    if (!tp__check_operand("rrelu", x))
        return tp__poison();
    x = tp__floating(x);
    if (tp_is_poison(x) || !training)
        return tp_leaky_relu(x, lower / 2 + upper / 2);
    tp_var *u = tp_rand((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    tp_var *slope = tp_add(tp_mul(tp_sub(1, u), lower), tp_mul(u, upper));
    return tp_where(tp_gt(x, 0), x, tp_mul(slope, x));
}

tp_var *tp_normalize(tp_var *x, double p, int axis)
{
    TP__CALL("normalize");
    TP__OPERANDS(x);
    if (!tp__check_within("normalize", "p", p, DBL_TRUE_MIN, HUGE_VAL))
        return tp__poison();
    TP__IN_FLOAT32(tp_normalize(x, p, axis), &x);
    const tp_reduce_options along = {.size = sizeof along, .axes.one = axis, .keepdims = true};
    return tp_div(x, (tp_clamp)((tp_norm)(x, p, &along), tp_num(1e-12), NULL));
}

/* --- Dropout --- */

/* Uniform numbers, one for each of the first `leading` axes of x, which is floating. */
static tp_var *functional_noise(const tp_var *x, int leading)
{
    int64_t shape[TP_MAX_NDIM];
    for (int i = 0; i < x->ndim; i++)
        shape[i] = i < leading ? tp__shape(x)[i] : 1;
    return tp_rand((tp_dtype)x->dtype, x->ndim, shape);
}

/* Channels are the second of `full` axes, or the first of one fewer. */
static tp_var *functional_dropout(const char *call, tp_var *x, double p, bool training, int full)
{
    bool flat = full == 4 && tp__has_axes(x, 3); /* as PyTorch has it: (N, C, L) */
    if (!tp__check_operand(call, x) || !tp__check_within(call, "p", p, 0, 1))
        return tp__poison();
    if (x->ndim != full && x->ndim != full - 1)
        return tp__refuse_shape(call, "x", x, "%d or %d axes", full - 1, full);
    if (!training)
        return x;
    x = tp__floating(x);
    if (p == 0 || p == 1 || tp_is_poison(x))
        return tp_where(p == 1, 0, x);
    tp_var *noise = functional_noise(x, x->ndim == full || flat ? 2 : 1);
    return tp_where(tp_lt(noise, p), 0, tp_mul(x, 1 / (1 - p)));
}

tp_var *tp_dropout1d(tp_var *x, double p, bool training)
{
    TP__CALL("dropout1d");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_dropout1d(x, p, training), &x);
    return functional_dropout("dropout1d", x, p, training, 3);
}

tp_var *tp_dropout2d(tp_var *x, double p, bool training)
{
    TP__CALL("dropout2d");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_dropout2d(x, p, training), &x);
    return functional_dropout("dropout2d", x, p, training, 4);
}

tp_var *tp_dropout3d(tp_var *x, double p, bool training)
{
    TP__CALL("dropout3d");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_dropout3d(x, p, training), &x);
    return functional_dropout("dropout3d", x, p, training, 5);
}

#define FUNCTIONAL_SELU_FLOOR (-1.7580993408473766) /* −λα of selu */

/* With v the floor, m = (1 − p) x̄ + p v and the variance (1 − p) (1 + p v²) are taken back to 0 and
 * 1. */
static tp_var *functional_alpha_dropout(const char *call, tp_var *x, double p, bool training,
                                        int leading)
{
    if (!tp__check_operand(call, x) || !tp__check_within(call, "p", p, 0, 1))
        return tp__poison();
    if (leading > x->ndim)
        return tp__refuse_shape(call, "x", x, "(N, C, …)");
    if (!training)
        return x;
    x = tp__floating(x);
    if (p == 0 || p == 1 || tp_is_poison(x))
        return tp_where(p == 1, 0, x);
    const double floor = FUNCTIONAL_SELU_FLOOR;
    double scale = 1 / sqrt((1 - p) * (1 + p * floor * floor)), shift = -scale * p * floor;
    tp_var *noise = functional_noise(x, leading ? leading : x->ndim);
    return tp_where(tp_lt(noise, p), scale * floor + shift, tp_add(tp_mul(scale, x), shift));
}

tp_var *tp_alpha_dropout(tp_var *x, double p, bool training)
{
    TP__CALL("alpha_dropout");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_alpha_dropout(x, p, training), &x);
    return functional_alpha_dropout("alpha_dropout", x, p, training, 0);
}

tp_var *tp_feature_alpha_dropout(tp_var *x, double p, bool training)
{
    TP__CALL("feature_alpha_dropout");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_feature_alpha_dropout(x, p, training), &x);
    return functional_alpha_dropout("feature_alpha_dropout", x, p, training, 2);
}

/* --- Normalisation --- */

tp_var *(tp_instance_norm)(tp_var *x, tp_var *weight, tp_var *bias,
                           const tp_normalization_options *options)
{
    TP__CALL("instance_norm");
    TP__OPERANDS(x);
    TP__OPTIONAL(weight, bias);
    if (!tp__check_operand("instance_norm", x))
        return tp__poison();
    if (x->ndim < 3)
        return tp__refuse_shape("instance_norm", "x", x, "(N, C, …)");
    int64_t channels = tp__shape(x)[1];
    return (tp_group_norm)(x, channels ? channels : 1, weight, bias, options);
}

tp_var *(tp_local_response_norm)(tp_var *x, int64_t size, const tp_response_options *options)
{
    TP__CALL("local_response_norm");
    TP__OPERANDS(x);
    tp_response_options o = TP_OPTIONS(tp_response_options);
    TP__IN_FLOAT32((tp_local_response_norm)(x, size, options), &x);
    if (!tp__check_operand("local_response_norm", x) ||
        !tp__take_options("local_response_norm", &o, sizeof o, options) ||
        !tp__check_within("local_response_norm", "alpha", o.alpha, -DBL_MAX, DBL_MAX) ||
        !tp__check_within("local_response_norm", "beta", o.beta, -DBL_MAX, DBL_MAX) ||
        !tp__check_within("local_response_norm", "k", o.k, -DBL_MAX, DBL_MAX))
        return tp__poison();
    if (x->ndim < 3)
        return tp__refuse_shape("local_response_norm", "x", x, "(N, C, …)");
    if (size < 1 || size > INT32_MAX)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "local_response_norm: a mean of %lld channels, expected 1 to %d",
                       (long long)size, INT32_MAX);
    int64_t channels = tp__shape(x)[1], before = size / 2, after = (size - 1) / 2;
    tp_var *squares = tp_square(tp__floating(x)), *sum = NULL;
    before = before < channels ? before : channels - 1;
    after = after < channels ? after : channels - 1;
    for (int64_t i = -before; i <= after; i++) {
        tp_var *part = tp_slice(squares, 1, i > 0 ? i : 0, i < 0 ? channels + i : channels, 1);
        part = tp_pad(part, 1, i < 0 ? -i : 0, i > 0 ? i : 0, 0);
        sum = sum ? tp_add(sum, part) : part;
    }
    tp_var *scale = sum ? tp_add(o.k, tp_mul(o.alpha / (double)size, sum)) : squares;
    return tp_div(x, tp_pow_number(scale, o.beta));
}

/* --- Bilinear layer --- */

static bool functional_bilinear_fits(const tp_var *a, const tp_var *b, const tp_var *weight,
                                     const tp_var *bias)
{
    bool fits = weight->ndim == 3 && a->ndim >= 1 && b->ndim == a->ndim &&
                tp__shape(a)[a->ndim - 1] == tp__shape(weight)[1] &&
                tp__shape(b)[b->ndim - 1] == tp__shape(weight)[2] &&
                (!bias || tp__same_shape(bias, 1, tp__shape(weight)));
    for (int i = 0; fits && i + 1 < a->ndim; i++)
        fits = tp__shape(a)[i] == tp__shape(b)[i];
    return fits;
}

tp_var *tp_bilinear(tp_var *a, tp_var *b, tp_var *weight, tp_var *bias)
{
    TP__CALL("bilinear");
    TP__OPERANDS(a, b, weight);
    TP__OPTIONAL(bias);
    TP__IN_FLOAT32(tp_bilinear(a, b, weight, bias), &a, &b, &weight, &bias);
    if (!tp__check_operand("bilinear", a) || !tp__check_operand("bilinear", b) ||
        !tp__check_operand("bilinear", weight) || (bias && !tp__check_operand("bilinear", bias)))
        return tp__poison();
    if (!functional_bilinear_fits(a, b, weight, bias)) {
        char of_a[TP__SHAPE_TEXT], of_b[TP__SHAPE_TEXT], of_weight[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE,
                       "bilinear: a %s, b %s and weight %s do not fit: expected (…, I), (…, J), "
                       "(O, I, J), and a bias (O)",
                       tp__shape_text(of_a, a->ndim, tp__shape(a)),
                       tp__shape_text(of_b, b->ndim, tp__shape(b)),
                       tp__shape_text(of_weight, 3, tp__shape(weight)));
    }
    const tp_reduce_options last = {.size = sizeof last, .axes.one = -1};
    int64_t out = tp__shape(weight)[0], left = tp__shape(weight)[1], right = tp__shape(weight)[2];
    int64_t rows = 1, shape[TP_MAX_NDIM];
    for (int i = 0; i + 1 < a->ndim; i++)
        rows *= shape[i] = tp__shape(a)[i];
    shape[a->ndim - 1] = out;
    tp_var *turned = tp_reshape(tp_transpose(weight, 0, 1), TP_SHAPE(left, out * right));
    tp_var *sides = tp_reshape(tp_matmul(tp_reshape(tp__floating(a), TP_SHAPE(rows, left)), turned),
                               TP_SHAPE(rows, out, right));
    tp_var *y = (tp_sum)(tp_mul(sides, tp_reshape(b, TP_SHAPE(rows, 1, right))), &last);
    y = tp_reshape(y, a->ndim, shape);
    return bias ? tp_add(y, bias) : y;
}

/* --- Records, for tests and the list of operations --- */

/* clang-format off */
TP__FUNCTION_RECORD(Softmin, softmin, 1, "softmax(−x)", TP__ANYWHERE, "2,3", tp_softmin(x[0], 1), "F.softmin(x0, 1)")
TP__FUNCTION_RECORD(Glu, glu, 1, "a sigmoid(b), of the halves a and b of x", TP__ANYWHERE, "2,4", tp_glu(x[0], -1), "F.glu(x0, -1)")
TP__FUNCTION_RECORD(Threshold, threshold, 1, "x where x > threshold, else value", TP__NOT_ZERO, "2,3", tp_threshold(x[0], 0.1, -2), "F.threshold(x0, 0.1, -2)")
TP__FUNCTION_RECORD(Hardshrink, hardshrink, 1, "x where |x| > λ, else 0", TP__NOT_ZERO, "2,3", tp_hardshrink(x[0], 0.3), "F.hardshrink(x0, 0.3)")
TP__FUNCTION_RECORD(Softshrink, softshrink, 1, "x − λ where x > λ, x + λ where x < −λ, else 0", TP__NOT_ZERO, "2,3", tp_softshrink(x[0], 0.3), "F.softshrink(x0, 0.3)")
TP__FUNCTION_RECORD(Tanhshrink, tanhshrink, 1, "x − tanh x", TP__ANYWHERE, "2,3", tp_tanhshrink(x[0]), "F.tanhshrink(x0)")
TP__FUNCTION_RECORD(Rrelu, rrelu, 1, "x where x > 0, else slope x, with a random slope", TP__NOT_ZERO, "2,3", tp_rrelu(x[0], 0.1, 0.3, false), "F.rrelu(x0, 0.1, 0.3)")
TP__FUNCTION_RECORD(Normalize, normalize, 1, "x / max(norm of x, 1e-12)", TP__NOT_ZERO, "2,3", tp_normalize(x[0], 3, 1), "F.normalize(x0, 3.0, 1)")
TP__FUNCTION_RECORD(InstanceNorm, instance_norm, 3, "group_norm with a group for each channel", TP__DISTINCT, "2,3,4; 3; 3", tp_instance_norm(x[0], tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1), "(lambda c: c * (c.square().mean(2, True) + 0.1).rsqrt() * x1[:, None] + x2[:, None])(x0 - x0.mean(2, True))")
TP__FUNCTION_RECORD(LocalResponseNorm, local_response_norm, 1, "x / (k + α mean of neighbouring channels' x²)^β", TP__NOT_ZERO, "2,4,3", tp_local_response_norm(x[0], 3, .alpha = 0.5), "F.local_response_norm(x0, 3, 0.5)")
TP__FUNCTION_RECORD(Bilinear, bilinear, 4, "Σ a weight b + bias", TP__ANYWHERE, "2,3; 2,4; 2,3,4; 2", tp_bilinear(x[0], x[1], x[2], tp_add(x[3], 0)), "torch.einsum('ni,oij,nj->no', x0, x2, x1) + x3.view(x2.size(0))")
/* clang-format on */

static const tp__op *const functional_ops[] = {
    &softmin_op,    &glu_op,   &threshold_op, &hardshrink_op,    &softshrink_op,
    &tanhshrink_op, &rrelu_op, &normalize_op, &instance_norm_op, &local_response_norm_op,
    &bilinear_op,   NULL};

const tp__family tp__family_functional = {"functional", "functions of networks", functional_ops};
