/* SPDX-License-Identifier: MIT
 *
 * Functions of one variable; tanh and sigmoid are in sigmoid.c. Taylor rules are recurrences for a
 * series u along which the function satisfies a differential equation (Griewank & Walther 2008,
 * table 13.2).
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <math.h>

#include "base/alloc.h"
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

static void tan_taylor(const tp__jet *jet)
{
    tp__series_riccati(jet, tp_add(1, tp_square(jet->y[0])), 0, 1);
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
/* clang-format on */

static const tp__op *const unary_ops[] = {
    &tp_sqrt_op, &tp_rsqrt_op, &tp_reciprocal_op, &tp_exp_op,  &tp_log_op, &tp_sin_op,
    &tp_cos_op,  &tp_tan_op,   &tp_sinh_op,       &tp_cosh_op, NULL};

const tp__family tp__family_unary = {"unary", "functions of one variable", unary_ops};
