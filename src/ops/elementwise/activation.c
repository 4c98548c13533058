/* SPDX-License-Identifier: MIT
 *
 * Activation functions and other formulas over elementwise operations. On arrays they run in one
 * pass over memory without records of their own.
 */
#include "base/features.h"

#include <float.h>

#include "graph/elementwise.h"

#include <math.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* --- Bounds --- */

/* y, but NaN where the bound is. */
static tp_var *activation_bound(tp_var *y, tp_var *bound)
{
    if (!bound || tp_is_poison(y) || !tp__is_float((tp_dtype)bound->dtype) ||
        (bound->flags & TP__WEAK && !isnan(tp_item(bound))))
        return y;
    return tp_where(tp_isnan(bound), bound, y);
}

/* A bound takes the place of what is beyond it; at the bound itself x stays, so the derivative
 * there is 1. */
#define ACTIVATION_BOUND(name_, beyond, compare_, fast_, label_)                                   \
    TP__BINARY_PARTS(name_, a beyond b || b != b ? b : a, a beyond b ? 0 : gy,                     \
                     tp_where(compare_(a, b), 0, gy), a beyond b ? gy : 0,                         \
                     tp_where(compare_(a, b), gy, 0))                                              \
    TP__LOOP2(name_##_i64, int64_t, int64_t, int64_t, a beyond b ? b : a)                          \
    TP__LOOP2(name_##_u8, uint8_t, uint8_t, uint8_t, a beyond b ? b : a)                           \
    static const tp__op name_##_op = {                                                             \
        .label = label_,                                                                           \
        .name = #name_,                                                                            \
        .n_in = 2,                                                                                 \
        .flags = TP__ELEMENTWISE | TP__SELECTS,                                                    \
        .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1},                           \
        .loop = {name_##_f32, name_##_f64, name_##_i64, name_##_u8},                               \
        .fast = fast_,                                                                             \
        .number = name_##_in_numbers,                                                              \
        .number_gradient = name_##_slope_in_numbers,                                               \
        .gradient = name_##_gradient,                                                              \
        .rule = "gy to what was taken",                                                            \
    };

ACTIVATION_BOUND(clamp_low, <, tp_lt, TP__FAST_MAXIMUM, "ClampLow")
ACTIVATION_BOUND(clamp_high, >, tp_gt, TP__FAST_MINIMUM, "ClampHigh")

/* A plain integer that bounds bool becomes one, as beside bool nowhere else but in where. */
static tp_var *activation_clamp(const tp__op *op, tp_var *x, tp_var *bound)
{
    if (x->dtype != TP_BOOL)
        return tp__apply_any_2(op, x, bound);
    tp_var *beyond = op == &clamp_low_op ? tp_lt(x, bound) : tp_gt(x, bound);
    return tp_where(beyond, bound, x);
}

tp_var *(tp_clamp)(tp_var *x, tp_var *low, tp_var *high)
{
    TP__CALL("clamp");
    TP__OPERANDS(x);
    TP__OPTIONAL(low, high);
    TP__IN_FLOAT32((tp_clamp)(x, low, high), &x, &low, &high);
    if (!low && !high)
        return tp_fail(TP_ERROR_ARGUMENT, "clamp: expected a lower or an upper bound");
    if (!tp__check_operand("clamp", x))
        return tp__poison();
    tp_var *y = low ? activation_clamp(&clamp_low_op, x, low) : x;
    y = high && !tp_is_poison(y) ? activation_clamp(&clamp_high_op, y, high) : y;
    return activation_bound(activation_bound(y, low), high);
}

tp_var *tp__rest(tp_var *v)
{
    return v->flags & TP__WEAK ? tp_num(1 - tp_item(v)) : tp_sub(1, v);
}

/* A plain number as one of a type, beside another that would give float64. */
static tp_var *activation_number(tp_var *v, tp_dtype dtype)
{
    return v->flags & TP__WEAK ? tp_full(dtype, 0, NULL, tp_item(v)) : v;
}

tp_var *(tp_lerp)(tp_var *a, tp_var *b, tp_var *weight)
{
    TP__CALL("lerp");
    TP__OPERANDS(a, b, weight);
    TP__IN_FLOAT32((tp_lerp)(a, b, weight), &a, &b, &weight);
    if (!tp__check_operand("lerp", a) || !tp__check_operand("lerp", b) ||
        !tp__check_operand("lerp", weight))
        return tp__poison();
    tp_dtype dtype = tp__promote((tp_var *[]){a, b, weight}, 3);
    a = activation_number(a, dtype);
    b = activation_number(b, dtype);
    return tp_add(tp_mul(tp__rest(weight), a), tp_mul(weight, b));
}

/* --- Activations --- */

tp_var *tp_silu(tp_var *x)
{
    TP__CALL("silu");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_silu(x), &x);
    return tp_mul(x, tp_sigmoid(x));
}

/* (1 + erf u) / 2 and (1 + tanh u) / 2 keep their digits below 0 as erfc(−u) / 2 and σ(2u). */
#define GELU_UNIT (-0.7071067811865476)
#define GELU_DENSITY 0.3989422804014327 /* 1 / √(2π) */

/* gy (Φ(x) + x φ(x)) */
static double gelu_pull(double gy, double x)
{
    return gy * (0.5 * erfc(GELU_UNIT * x) + x * (GELU_DENSITY * exp(-0.5 * (x * x))));
}

static tp_var *gelu_slope(tp_var *x)
{
    tp_var *density = tp_mul(GELU_DENSITY, tp_exp(tp_mul(-0.5, tp_square(x))));
    return tp_add(tp_mul(0.5, tp_erfc(tp_mul(GELU_UNIT, x))), tp_mul(x, density));
}

TP__LOOP2(gelu_slope_f64, double, double, double, gelu_pull(a, b))
TP__LOOP2(gelu_slope_f32, float, float, double, gelu_pull(a, b))

static const tp__op gelu_slope_op = {
    .label = "gelu gradient",
    .name = "gelu_slope",
    .n_in = 2,
    .flags = TP__ELEMENTWISE | TP__SLOPE,
    .loop = {[TP_F32] = gelu_slope_f32, [TP_F64] = gelu_slope_f64},
    .fast = TP__FAST_GELU_SLOPE,
};

/* clang-format off */
TP__UNARY(tp_gelu, 0.5 * x * erfc(GELU_UNIT * x), gelu_pull(gy, x), tp_mul(gy, gelu_slope(x)),
          .label = "Gelu", .formula = "x (1 + erf(x / √2)) / 2", .torch = "F.gelu", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_GELU, .slope = &gelu_slope_op)
/* clang-format on */

#define GELU_FAR 900 /* of x²: beyond, σ is 0 or 1 in any type */

tp_var *tp_gelu_tanh(tp_var *x)
{
    TP__CALL("gelu_tanh");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_gelu_tanh(x), &x);
    if (!tp__check_operand("gelu_tanh", x))
        return tp__poison();
    x = tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
    tp_var *square = tp_minimum(tp_square(x), GELU_FAR);
    tp_var *cubic = tp_mul(x, tp_add(1, tp_mul(0.044715, square)));
    return tp_mul(x, tp_sigmoid(tp_mul(1.5957691216057308, cubic)));
}

tp_var *tp_elu(tp_var *x, double alpha)
{
    TP__CALL("elu");
    TP__OPERANDS(x);
    if (!tp__check_within("elu", "alpha", alpha, -DBL_MAX, DBL_MAX))
        return tp__poison();
    TP__IN_FLOAT32(tp_elu(x, alpha), &x);
    return tp_where(tp_gt(x, 0), x, tp_mul(alpha, tp_expm1(x)));
}

tp_var *tp_celu(tp_var *x, double alpha)
{
    TP__CALL("celu");
    TP__OPERANDS(x);
    if (!tp__check_within("celu", "alpha", alpha, -DBL_MAX, DBL_MAX))
        return tp__poison();
    if (alpha == 0)
        return tp_fail(TP_ERROR_ARGUMENT, "celu: alpha is 0, by which x is divided");
    TP__IN_FLOAT32(tp_celu(x, alpha), &x);
    return tp_where(tp_gt(x, 0), x, tp_mul(alpha, tp_expm1(tp_div(x, alpha))));
}

tp_var *tp_selu(tp_var *x)
{
    TP__CALL("selu");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_selu(x), &x);
    return tp_mul(1.0507009873554805, tp_elu(x, 1.6732632423543772));
}

tp_var *tp_leaky_relu(tp_var *x, double slope)
{
    TP__CALL("leaky_relu");
    TP__OPERANDS(x);
    if (!tp__check_within("leaky_relu", "slope", slope, -DBL_MAX, DBL_MAX))
        return tp__poison();
    TP__IN_FLOAT32(tp_leaky_relu(x, slope), &x);
    return tp_where(tp_gt(x, 0), x, tp_mul(slope, x));
}

tp_var *(tp_prelu)(tp_var *x, tp_var *slope)
{
    TP__CALL("prelu");
    TP__OPERANDS(x, slope);
    TP__IN_FLOAT32((tp_prelu)(x, slope), &x, &slope);
    int64_t channels[TP_MAX_NDIM];
    if (!tp__check_operand("prelu", x) || !tp__check_operand("prelu", slope))
        return tp__poison();
    for (int i = 0; i < x->ndim; i++)
        channels[i] = i == 1 ? slope->size : 1;
    if (slope->ndim > 1 || (slope->size != 1 && (x->ndim < 2 || tp__shape(x)[1] != slope->size))) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE,
                       "prelu: x %s and slope %s do not fit, expected one slope or one for each "
                       "channel, axis 1 of x",
                       tp__shape_text(a, x->ndim, tp__shape(x)),
                       tp__shape_text(b, slope->ndim, tp__shape(slope)));
    }
    if (slope->ndim == 1)
        slope =
            slope->size == 1 ? tp_reshape(slope, 0, NULL) : tp_reshape(slope, x->ndim, channels);
    return tp_where(tp_gt(x, 0), x, tp_mul(slope, x));
}

/* Unlike a clamp's, the derivative at a bound is 0. Integers stay as they are: of bytes none is
 * below 0, of bool none above 1. */
static tp_var *activation_cut(const char *call, tp_var *x, int low, int high)
{
    if (!tp__check_operand(call, x))
        return tp__poison();
    tp_var *y = x->dtype == TP_BOOL ? tp_clone(x) : tp_where(tp_ge(x, high), high, x);
    return x->dtype == TP_BOOL || x->dtype == TP_U8 ? y : tp_where(tp_le(x, low), low, y);
}

tp_var *tp_hardtanh(tp_var *x)
{
    TP__CALL("hardtanh");
    TP__OPERANDS(x);
    return activation_cut("hardtanh", x, -1, 1);
}

tp_var *tp_relu6(tp_var *x)
{
    TP__CALL("relu6");
    TP__OPERANDS(x);
    return activation_cut("relu6", x, 0, 6);
}

tp_var *tp_hardsigmoid(tp_var *x)
{
    TP__CALL("hardsigmoid");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_hardsigmoid(x), &x);
    return tp_div(tp_relu6(tp_add(x, 3)), 6);
}

tp_var *tp_hardswish(tp_var *x)
{
    TP__CALL("hardswish");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_hardswish(x), &x);
    return tp_mul(x, tp_hardsigmoid(x));
}

tp_var *tp_mish(tp_var *x)
{
    TP__CALL("mish");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_mish(x), &x);
    return tp_mul(x, tp_tanh(tp_softplus(x)));
}

tp_var *tp_logsigmoid(tp_var *x)
{
    TP__CALL("logsigmoid");
    TP__OPERANDS(x);
    TP__IN_FLOAT32(tp_logsigmoid(x), &x);
    return tp_neg(tp_softplus(tp_mul(-1.0, x)));
}

/* --- Records, for tests and the list of operations --- */

static tp_var *clamp_sample(tp_var *const *x)
{
    return tp_clamp(x[0], -0.5, 0.5);
}

static tp_var *clamp_sample_arrays(tp_var *const *x)
{
    return tp_clamp(x[0], tp_sub(x[1], 0.3), tp_add(x[1], 0.4));
}

static tp_var *clamp_sample_below(tp_var *const *x)
{
    return tp_clamp(x[0], NULL, 0.5);
}

static const tp__op clamp_op = {
    .label = "Clamp",
    .name = "clamp",
    .n_in = 3,
    .flags = TP__COMPOSITE,
    .formula = "x, but low where x < low and high where x > high",
    .rule = "gy to what was taken",
    .domain = TP__DISTINCT,
    .samples = (const tp__sample[]){{"2,3", clamp_sample, "x0.clamp(-0.5, 0.5)"},
                                    {"2,3", clamp_sample_below, "x0.clamp(max=0.5)"},
                                    {"2,3; 3", clamp_sample_arrays, "x0.clamp(x1 - 0.3, x1 + 0.4)"},
                                    {0}},
};

static tp_var *lerp_sample(tp_var *const *x)
{
    return tp_lerp(x[0], x[1], x[2]);
}

static tp_var *lerp_sample_number(tp_var *const *x)
{
    return tp_lerp(x[0], x[1], 0.25);
}

static const tp__op lerp_op = {
    .label = "Lerp",
    .name = "lerp",
    .n_in = 3,
    .flags = TP__COMPOSITE,
    .formula = "(1 − weight) a + weight b",
    .rule = "from its formula",
    .samples = (const tp__sample[]){{"2,3; 3; 2,3", lerp_sample, "torch.lerp(x0, x1, x2)"},
                                    {"3; 3", lerp_sample_number, "torch.lerp(x0, x1, 0.25)"},
                                    {0}},
};

/* name_sample calls it with its default parameter. */
#define ACTIVATION_RECORD(label_, name_, operands, shapes, call_, torch_, formula_)                \
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
        .domain = TP__NOT_ZERO,                                                                    \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

/* clang-format off */
TP__COMPOSITE_UNARY(tp_silu, .label = "Silu", .formula = "x / (1 + e⁻ˣ)", .torch = "F.silu")
ACTIVATION_RECORD(GeluTanh, gelu_tanh, 1, "2,3", tp_gelu_tanh(x[0]), "F.gelu(x0, approximate='tanh')", "x (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2")
ACTIVATION_RECORD(Elu, elu, 1, "2,3", tp_elu(x[0], 1.5), "F.elu(x0, 1.5)", "x where x > 0, else α (eˣ − 1)")
ACTIVATION_RECORD(Celu, celu, 1, "2,3", tp_celu(x[0], 1.5), "F.celu(x0, 1.5)", "x where x > 0, else α (e^(x/α) − 1)")
TP__COMPOSITE_UNARY(tp_selu, .label = "Selu", .formula = "1.0507 elu(x, 1.67326)", .torch = "F.selu", .domain = TP__NOT_ZERO)
ACTIVATION_RECORD(LeakyRelu, leaky_relu, 1, "2,3", tp_leaky_relu(x[0], 0.1), "F.leaky_relu(x0, 0.1)", "x where x > 0, else slope x")
ACTIVATION_RECORD(PRelu, prelu, 2, "2,3,2; 3", tp_prelu(x[0], x[1]), "F.prelu(x0, x1)", "x where x > 0, else slope x")
TP__COMPOSITE_UNARY(tp_hardtanh, .label = "Hardtanh", .formula = "clamp(x, −1, 1)", .torch = "F.hardtanh", .domain = TP__DISTINCT)
TP__COMPOSITE_UNARY(tp_relu6, .label = "Relu6", .formula = "clamp(x, 0, 6)", .torch = "F.relu6", .domain = TP__NOT_ZERO)
ACTIVATION_RECORD(Hardsigmoid, hardsigmoid, 1, "2,3", tp_hardsigmoid(x[0]), "(x0 / 6 + 0.5).clamp(0, 1)", "clamp(x / 6 + 1/2, 0, 1)")
ACTIVATION_RECORD(Hardswish, hardswish, 1, "2,3", tp_hardswish(x[0]), "x0 * (x0 / 6 + 0.5).clamp(0, 1)", "x hardsigmoid(x)")
ACTIVATION_RECORD(Mish, mish, 1, "2,3", tp_mish(x[0]), "x0 * torch.tanh(F.softplus(x0))", "x tanh(softplus(x))")
TP__COMPOSITE_UNARY(tp_logsigmoid, .label = "LogSigmoid", .formula = "−softplus(−x)", .torch = "F.logsigmoid")
/* clang-format on */

static tp_var *activation_over_square(tp_var *gy, tp_var *size)
{
    return tp_div(tp_div(gy, size), size);
}

#define SOFTSIGN_SIZE (1 + fabs(x))

/* clang-format off */
TP__UNARY(tp_softsign, x / SOFTSIGN_SIZE, gy / SOFTSIGN_SIZE / SOFTSIGN_SIZE, activation_over_square(gy, tp_add(1, tp_abs(x))),
          .label = "Softsign", .formula = "x / (1 + |x|)", .torch = "F.softsign", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .domain = TP__NOT_ZERO)
/* clang-format on */

static const tp__op *const activation_ops[] = {&clamp_op,       &lerp_op,          &tp_silu_op,
                                               &tp_gelu_op,     &gelu_tanh_op,     &elu_op,
                                               &celu_op,        &tp_selu_op,       &leaky_relu_op,
                                               &prelu_op,       &tp_hardtanh_op,   &tp_relu6_op,
                                               &hardsigmoid_op, &hardswish_op,     &mish_op,
                                               &tp_softsign_op, &tp_logsigmoid_op, NULL};

const tp__family tp__family_activation = {"activation", "activations and bounds", activation_ops};
