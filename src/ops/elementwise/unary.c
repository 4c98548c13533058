/* SPDX-License-Identifier: MIT
 *
 * Functions of one variable. Taylor rules are recurrences for a series u along which the function
 * satisfies a differential equation (Griewank & Walther 2008, table 13.2).
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <math.h>

#include "base/alloc.h"
#include "graph/half.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* y² = u */
static void sqrt_taylor(const tp__jet *jet)
{
    tp_var **y = jet->y, *twice = tp_mul(2, y[0]);
    for (int k = 1; k <= jet->order; k++) {
        tp_var *rest = tp__series_sub(jet->x[0][k], tp__series_cauchy(y, y, k, 1, k - 1));
        y[k] = rest ? tp_div(rest, twice) : NULL;
    }
}

/* y u = 1 */
static void reciprocal_taylor(const tp__jet *jet)
{
    tp_var **y = jet->y, *first = tp_neg(y[0]);
    for (int k = 1; k <= jet->order; k++)
        y[k] = tp__series_mul(first, tp__series_cauchy(jet->x[0], y, k, 1, k));
}

/* y' = u' y */
static void exp_taylor(const tp__jet *jet)
{
    tp_var **slope = tp__series_new(jet->order);
    if (slope) {
        tp__series_slope(jet->x[0], jet->order, slope);
        for (int k = 1; k <= jet->order; k++)
            jet->y[k] = tp__series_integral(slope, jet->y, k);
    }
    tp__free(slope);
}

static void log_taylor(const tp__jet *jet)
{
    tp__series_log(jet->x[0], jet->order, jet->y);
}

/* y' = ± u' z and z' = ± u' y, z = other at first: sine and cosine, circular and hyperbolic. */
static void unary_pair(const tp__jet *jet, tp_var *other, bool minus_y, bool minus_z)
{
    int n = jet->order;
    tp_var **slope = tp__series_new(2 * n + 1);
    if (!slope)
        return;
    tp_var **partner = slope + n;
    partner[0] = other;
    tp__series_slope(jet->x[0], n, slope);
    for (int k = 1; k <= n; k++) {
        tp_var *to_y = tp__series_integral(slope, partner, k);
        tp_var *to_partner = tp__series_integral(slope, jet->y, k);
        jet->y[k] = minus_y ? tp__series_sub(NULL, to_y) : to_y;
        partner[k] = minus_z ? tp__series_sub(NULL, to_partner) : to_partner;
    }
    tp__free(slope);
}

static void sin_taylor(const tp__jet *jet)
{
    unary_pair(jet, tp_cos(jet->x[0][0]), false, true);
}

static void cos_taylor(const tp__jet *jet)
{
    unary_pair(jet, tp_sin(jet->x[0][0]), true, false);
}

static void sinh_taylor(const tp__jet *jet)
{
    unary_pair(jet, tp_cosh(jet->x[0][0]), false, false);
}

static void cosh_taylor(const tp__jet *jet)
{
    unary_pair(jet, tp_sinh(jet->x[0][0]), false, false);
}

/* y' = u' w, where w is a polynomial of y: w[0] is given, w[k] = linear y[k] + square (y²)[k]. */
static void unary_riccati(const tp__jet *jet, tp_var *w0, double linear, double square)
{
    int n = jet->order;
    tp_var **slope = tp__series_new(2 * n + 1);
    if (!slope)
        return;
    tp_var **w = slope + n;
    w[0] = w0;
    tp__series_slope(jet->x[0], n, slope);
    for (int k = 1; k <= n; k++) {
        jet->y[k] = tp__series_integral(slope, w, k);
        if (k == n)
            break;
        tp_var *squared = tp__series_square(jet->y, k);
        w[k] = square > 0 ? squared : tp__series_sub(linear != 0 ? jet->y[k] : NULL, squared);
    }
    tp__free(slope);
}

static void tan_taylor(const tp__jet *jet)
{
    unary_riccati(jet, tp_add(1, tp_square(jet->y[0])), 0, 1);
}

/* sech² x = 4 σ(2x) σ(−2x) keeps its digits where 1 − tanh² x loses them. */
static void tanh_taylor(const tp__jet *jet)
{
    tp_var *twice = tp_mul(2, jet->x[0][0]);
    tp_var *sech2 = tp_mul(tp_mul(4, tp_sigmoid(twice)), tp_sigmoid(tp_neg(twice)));
    unary_riccati(jet, sech2, 0, -1);
}

static void sigmoid_taylor(const tp__jet *jet)
{
    unary_riccati(jet, tp_mul(jet->y[0], tp_sigmoid(tp_neg(jet->x[0][0]))), 1, -1);
}

static double unary_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

/* --- The slopes of tanh and sigmoid ---
 *
 * 1 − y² and y (1 − y) have no digits left where y is nearly 1, so there x gives them. On arrays
 * and near 1 they are records of two operands, functions of y that x only helps: their gradient
 * goes to y alone. A number that is not near 1 takes the formula in operations. */

static bool unary_tanh_is_near(double y)
{
    return y * y > 0.75;
}

static bool unary_sigmoid_is_near(double y)
{
    return y > 0.75;
}

/* (1 + |y|)² e^−2|x| = sech² x */
static double unary_tanh_slope(double y, double x)
{
    if (!unary_tanh_is_near(y))
        return 1 - y * y;
    double twice = 1 + fabs(y);
    return exp(-2 * fabs(x)) * (twice * twice);
}

/* y² e^−x = σ(x) σ(−x) */
static double unary_sigmoid_slope(double y, double x)
{
    return unary_sigmoid_is_near(y) ? exp(-x) * (y * y) : y * (1 - y);
}

/* The product with gy, for sweeps that record nothing, and the record. */
#define UNARY_SLOPE_LOOP(name_, Type)                                                              \
    static void name_##_slope_##Type(int64_t n, char *const *at, const int64_t *step,              \
                                     const tp__attr *attr)                                         \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const double gy = (double)*(const Type *)(at[1] + i * step[1]);                        \
            const double y = (double)*(const Type *)(at[2] + i * step[2]);                         \
            const double x = (double)*(const Type *)(at[3] + i * step[3]);                         \
            *(Type *)(at[0] + i * step[0]) = (Type)(gy * unary_##name_##_slope(y, x));             \
        }                                                                                          \
    }

#define UNARY_SLOPE(label_, name_, NAME_, formula_, torch_, slope, rule_)                          \
    static void name_##_derivative_number_gradient(double gy, double y, double x, double s,        \
                                                   double *g_y, double *g_x)                       \
    {                                                                                              \
        (void)x, (void)s;                                                                          \
        *g_y = slope;                                                                              \
        *g_x = 0;                                                                                  \
    }                                                                                              \
    static void name_##_derivative_gradient(const tp__pull *pull)                                  \
    {                                                                                              \
        tp_var *y = pull->x[0], *gy = pull->gy;                                                    \
        if (pull->wanted[0])                                                                       \
            pull->gx[0] = rule_;                                                                   \
    }                                                                                              \
    TP__LOOP2(name_##_derivative_f64, double, double, double, unary_##name_##_slope(a, b))         \
    TP__LOOP2(name_##_derivative_f32, float, float, double, unary_##name_##_slope(a, b))           \
    UNARY_SLOPE_LOOP(name_, float)                                                                 \
    UNARY_SLOPE_LOOP(name_, double)                                                                \
    static tp_var *name_##_derivative_sample(tp_var *const *x);                                    \
    static const tp__op name_##_derivative_op = {                                                  \
        .label = #label_,                                                                          \
        .name = #name_ "_derivative",                                                              \
        .n_in = 2,                                                                                 \
        .flags = TP__ELEMENTWISE | TP__FLOATING,                                                   \
        .reads = {TP__READS_0},                                                                    \
        .loop = {[TP_F32] = name_##_derivative_f32, [TP_F64] = name_##_derivative_f64},            \
        .fast = TP__FAST_##NAME_##_DERIVATIVE,                                                     \
        .number = unary_##name_##_slope,                                                           \
        .number_gradient = name_##_derivative_number_gradient,                                     \
        .gradient = name_##_derivative_gradient,                                                   \
        .formula = formula_ " of y = " #name_ " x and x: what its gradient multiplies by",         \
        .rule = "y: " #rule_,                                                                      \
        .samples = (const tp__sample[]){{"2,3", name_##_derivative_sample, torch_}, {0}},          \
    };                                                                                             \
    static tp_var *name_##_derivative_at(tp_var *x)                                                \
    {                                                                                              \
        TP__IN_FLOAT32(name_##_derivative_at(x), &x);                                              \
        return tp__apply_2(&name_##_derivative_op, tp_##name_(x), x);                              \
    }                                                                                              \
    static tp_var *name_##_derivative_sample(tp_var *const *x)                                     \
    {                                                                                              \
        return name_##_derivative_at(x[0]);                                                        \
    }                                                                                              \
    static const tp__op name_##_slope_op = {                                                       \
        .label = #name_ " gradient",                                                               \
        .name = #name_ "_slope",                                                                   \
        .n_in = 3,                                                                                 \
        .flags = TP__ELEMENTWISE | TP__SLOPE,                                                      \
        .loop = {[TP_F32] = name_##_slope_float, [TP_F64] = name_##_slope_double},                 \
        .fast = TP__FAST_##NAME_##_SLOPE,                                                          \
    };

/* clang-format off */
UNARY_SLOPE(TanhDerivative, tanh, TANH, "1 − y²", "1 - torch.tanh(x0).square()", gy * (-2 * y), tp_mul(gy, tp_mul(-2, y)))
UNARY_SLOPE(SigmoidDerivative, sigmoid, SIGMOID, "y (1 − y)", "torch.sigmoid(x0) * torch.sigmoid(-x0)", gy * (1 - 2 * y), tp_mul(gy, tp_sub(1, tp_mul(2, y))))
/* clang-format on */

static tp_var *unary_tanh_rule(tp_var *y, tp_var *x)
{
    if ((y->flags & TP__NUMBER) && !unary_tanh_is_near(tp__number(y)))
        return tp_sub(1, tp_mul(y, y));
    return tp__apply_2(&tanh_derivative_op, y, x);
}

static tp_var *unary_sigmoid_rule(tp_var *y, tp_var *x)
{
    if ((y->flags & TP__NUMBER) && !unary_sigmoid_is_near(tp__number(y)))
        return tp_mul(y, tp_sub(1, y));
    return tp__apply_2(&sigmoid_derivative_op, y, x);
}

/* clang-format off */
TP__UNARY(tp_sqrt, sqrt(x), gy / (2 * y), tp_div(gy, tp_mul(2, y)),
          .label = "Sqrt", .formula = "√x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .fast = TP__FAST_SQRT, .taylor = sqrt_taylor, .domain = TP__POSITIVE)
TP__UNARY_SLOPED(tp_reciprocal, 1 / x, -(gy * y * y), tp_neg(tp_mul(tp_mul(gy, y), y)), TP__FAST_RECIPROCAL_SLOPE,
                 .label = "Reciprocal", .formula = "1 / x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .fast = TP__FAST_RECIPROCAL, .taylor = reciprocal_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_rsqrt, 1 / sqrt(x), -0.5 * gy * y * y * y, tp_mul(tp_mul(tp_mul(tp_mul(-0.5, gy), y), y), y),
          .label = "Rsqrt", .formula = "1 / √x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .domain = TP__POSITIVE)
TP__UNARY(tp_exp, exp(x), gy * y, tp_mul(gy, y),
          .label = "Exp", .formula = "eˣ", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .fast = TP__FAST_EXP, .taylor = exp_taylor)
TP__UNARY(tp_log, log(x), gy / x, tp_div(gy, x),
          .label = "Log", .formula = "ln x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_LOG, .taylor = log_taylor, .domain = TP__POSITIVE)
TP__UNARY(tp_sin, sin(x), gy * cos(x), tp_mul(gy, tp_cos(x)),
          .label = "Sin", .formula = "sin x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_SIN, .taylor = sin_taylor)
TP__UNARY(tp_cos, cos(x), gy * -sin(x), tp_mul(gy, tp_neg(tp_sin(x))),
          .label = "Cos", .formula = "cos x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_COS, .taylor = cos_taylor)
TP__UNARY(tp_tan, tan(x), gy * (1 + y * y), tp_mul(gy, tp_add(1, tp_mul(y, y))),
          .label = "Tan", .formula = "tan x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .fast = TP__FAST_TAN, .taylor = tan_taylor)
TP__UNARY(tp_sinh, sinh(x), gy * cosh(x), tp_mul(gy, tp_cosh(x)),
          .label = "Sinh", .formula = "(eˣ − e⁻ˣ) / 2", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_SINH, .taylor = sinh_taylor)
TP__UNARY(tp_cosh, cosh(x), gy * sinh(x), tp_mul(gy, tp_sinh(x)),
          .label = "Cosh", .formula = "(eˣ + e⁻ˣ) / 2", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_COSH, .taylor = cosh_taylor)
TP__UNARY(tp_tanh, tanh(x), gy * unary_tanh_slope(y, x), tp_mul(gy, unary_tanh_rule(y, x)),
          .label = "Tanh", .formula = "tanh x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT | TP__READS_0}, .fast = TP__FAST_TANH, .taylor = tanh_taylor, .slope = &tanh_slope_op)
TP__UNARY(tp_sigmoid, unary_sigmoid(x), gy * unary_sigmoid_slope(y, x), tp_mul(gy, unary_sigmoid_rule(y, x)),
          .label = "Sigmoid", .formula = "1 / (1 + e⁻ˣ)", .flags = TP__FUNCTION, .reads = {TP__READS_OUT | TP__READS_0}, .fast = TP__FAST_SIGMOID, .taylor = sigmoid_taylor, .slope = &sigmoid_slope_op)
/* clang-format on */

static const tp__op *const unary_ops[] = {&tp_sqrt_op,
                                          &tp_rsqrt_op,
                                          &tp_reciprocal_op,
                                          &tp_exp_op,
                                          &tp_log_op,
                                          &tp_sin_op,
                                          &tp_cos_op,
                                          &tp_tan_op,
                                          &tp_sinh_op,
                                          &tp_cosh_op,
                                          &tp_tanh_op,
                                          &tp_sigmoid_op,
                                          &tanh_derivative_op,
                                          &sigmoid_derivative_op,
                                          NULL};

const tp__family tp__family_unary = {"unary", "functions of one variable", unary_ops};
