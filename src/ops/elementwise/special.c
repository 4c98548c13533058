/* SPDX-License-Identifier: MIT
 *
 * Special functions. The derivatives of ln Γ are the polygamma functions, one record whose order is
 * the attribute.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "base/call.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* --- The error function --- */

#define SPECIAL_SLOPE 1.1283791670955126 /* 2 / √π */
#define SPECIAL_INVERSE_SLOPE 0.886226925452758

/* A rational start (Winitzki 2008) and Newton's method on erf, on erfc in the tails, where erf has
 * no digits left. Third-order steps (Halley). */
static double special_erfinv(double x)
{
    double size = fabs(x);
    if (!(size < 1))
        return size == 1 ? copysign(HUGE_VAL, x) : (double)NAN;
    const double a = 0.147, pi = 3.141592653589793;
    double log_rest = log1p(-size * size), t = 2 / (pi * a) + log_rest / 2;
    double y = sqrt(sqrt(t * t - log_rest / a) - t);
    for (int i = 0; i < 3; i++) {
        double miss = size < 0.5 ? erf(y) - size : (1 - size) - erfc(y);
        double step = miss / (SPECIAL_SLOPE * exp(-y * y));
        y -= step / (1 + y * step);
    }
    return copysign(y, x);
}

/* clang-format off */
TP__UNARY(tp_erf, erf(x), gy * (SPECIAL_SLOPE * exp(-(x * x))), tp_mul(gy, tp_mul(SPECIAL_SLOPE, tp_exp(tp_neg(tp_square(x))))),
          .label = "Erf", .formula = "2 / √π ∫ e^(−t²) dt from 0 to x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ERF)
TP__UNARY(tp_erfc, erfc(x), -(gy * (SPECIAL_SLOPE * exp(-(x * x)))), tp_neg(tp_mul(gy, tp_mul(SPECIAL_SLOPE, tp_exp(tp_neg(tp_square(x)))))),
          .label = "Erfc", .formula = "1 − erf(x)", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ERFC)
TP__UNARY(tp_erfinv, special_erfinv(x), gy * (SPECIAL_INVERSE_SLOPE * exp(y * y)), tp_mul(gy, tp_mul(SPECIAL_INVERSE_SLOPE, tp_exp(tp_square(y)))),
          .label = "Erfinv", .formula = "the y with erf(y) = x", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .domain = TP__INSIDE)
/* clang-format on */

/* --- ln Γ and its derivatives --- */

static const double special_bernoulli[] = {1.0 / 6,       -1.0 / 30,      1.0 / 42, -1.0 / 30,
                                           5.0 / 66,      -691.0 / 2730,  7.0 / 6,  -3617.0 / 510,
                                           43867.0 / 798, -174611.0 / 330};
enum { SPECIAL_BERNOULLI = sizeof special_bernoulli / sizeof *special_bernoulli };

static double special_lgamma(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

/* The asymptotic series above 12, reached by ψ(x) = ψ(x + 1) − 1 / x. */
static double special_digamma_positive(double x)
{
    double sum = 0, power = 1;
    while (x < 12) {
        sum -= 1 / x;
        x++;
    }
    double series = log(x) - 0.5 / x;
    for (int k = 0; k < SPECIAL_BERNOULLI; k++) {
        power /= x * x;
        series -= special_bernoulli[k] * power / (2 * k + 2);
    }
    return sum + series;
}

/* ψ(1 − x) − ψ(x) = π cot πx; the cotangent of the nearest integer's distance keeps its digits. */
static double special_digamma(double x)
{
    if (x > 0 || isnan(x))
        return x == HUGE_VAL ? x : special_digamma_positive(x);
    if (x == 0)
        return copysign(HUGE_VAL, -x);
    double distance = x - rint(x);
    if (distance == 0 || isinf(x))
        return (double)NAN;
    const double pi = 3.141592653589793;
    return special_digamma_positive(1 - x) - pi / tan(pi * distance);
}

/* The Hurwitz zeta function Σ (x + k)^−s, s ≥ 2, x > 0, by the formula of Euler and Maclaurin,
 * times unitˢ. */
static double special_zeta(double s, double x, double unit)
{
    double sum = 0, start = 12 + s / 2;
    while (x < start) {
        double term = pow(x / unit, -s);
        sum += term;
        if (term <= 0x1p-60 * sum)
            return sum;
        x++;
    }
    double power = pow(x / unit, -s), rise = s / x;
    sum += unit * pow(x / unit, 1 - s) / (s - 1) + 0.5 * power;
    for (int k = 0; k < SPECIAL_BERNOULLI; k++) {
        sum += special_bernoulli[k] / ((2 * k + 1) * (2 * k + 2)) * power * rise;
        rise *= (s + 2 * k + 1) * (s + 2 * k + 2) / ((2 * k + 1) * (2 * k + 2) * x * x);
    }
    return sum;
}

/* Σ (unit / (x + k))ˢ. Below 0 terms are added until x is positive; where they are many, as the
 * difference of two sums. */
static double special_polygamma_sum(double s, double x, double unit)
{
    double sum = 0, part = x - floor(x);
    if (x < -64) {
        double below = special_zeta(s, 1 - part, unit) - special_zeta(s, 1 - x, unit);
        return special_zeta(s, part, unit) + (fmod(s, 2) == 0 ? below : -below);
    }
    while (x < 0) {
        sum += pow(x / unit, -s);
        x++;
    }
    return sum + special_zeta(s, x, unit);
}

/* (−1)ⁿ⁺¹ n! Σ (x + k)^−(n + 1). Where factors leave the range that the product is in, terms are
 * taken in the unit of the largest and the product by logarithms. */
static double special_polygamma(double x, double order)
{
    if (order == 0)
        return special_digamma(x);
    if (x == 0)
        return fmod(order, 2) == 1 ? HUGE_VAL : -HUGE_VAL;
    if (isnan(x) || x == -HUGE_VAL)
        return (double)NAN;
    if (x <= 0 && x == floor(x))
        return fmod(order, 2) == 1 ? HUGE_VAL : (double)NAN;
    if (x == HUGE_VAL)
        return 0;
    double s = order + 1, sign = fmod(order, 2) == 1 ? 1 : -1, size = exp(special_lgamma(s));
    if (order < 20)
        size = rint(size);
    double sum = special_polygamma_sum(s, x, 1), value = size * sum;
    if (isfinite(value) && fabs(sum) >= DBL_MIN)
        return sign * value;
    double unit = x > 0 ? x : fabs(x - rint(x));
    sum = special_polygamma_sum(s, x, unit);
    return copysign(exp(special_lgamma(s) - s * log(unit) + log(fabs(sum))), sign * sum);
}

static void polygamma_f64(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(double *)(at[0] + i * step[0]) =
            special_polygamma(*(const double *)(at[1] + i * step[1]), attr->number);
}

static void polygamma_f32(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(float *)(at[0] + i * step[0]) =
            (float)special_polygamma((double)*(const float *)(at[1] + i * step[1]), attr->number);
}

static tp_var *polygamma_of(double order, tp_var *x);

static void polygamma_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp_mul(pull->gy, polygamma_of(pull->y->attr.number + 1, pull->x[0]));
}

static tp_var *polygamma_sample_0(tp_var *const *x)
{
    return tp_digamma(x[0]);
}

static tp_var *polygamma_sample_2(tp_var *const *x)
{
    return tp_polygamma(2, x[0]);
}

static tp_var *polygamma_sample_below(tp_var *const *x)
{
    return tp_polygamma(1, tp_sub(0.25, x[0]));
}

static const tp__op polygamma_op = {
    .label = "Polygamma",
    .name = "polygamma",
    .n_in = 1,
    .flags = TP__ELEMENTWISE | TP__FLOATING | TP__COSTLY,
    .reads = {TP__READS_0},
    .loop = {[TP_F32] = polygamma_f32, [TP_F64] = polygamma_f64},
    .number = special_polygamma,
    .gradient = polygamma_gradient,
    .formula = "derivative n of ψ = (ln Γ)'; digamma is n = 0",
    .rule = "gy · polygamma(n + 1, x)",
    .domain = TP__POSITIVE,
    .samples = (const tp__sample[]){{"2,3", polygamma_sample_0, "torch.digamma(x0)"},
                                    {"3", polygamma_sample_2, "torch.polygamma(2, x0)"},
                                    {"3", polygamma_sample_below, "torch.polygamma(1, 0.25 - x0)"},
                                    {0}},
};

static tp_var *polygamma_of(double order, tp_var *x)
{
    return tp__apply_1(&polygamma_op, x, (tp__attr){.number = order});
}

tp_var *tp_polygamma(int n, tp_var *x)
{
    TP__CALL("polygamma");
    TP__OPERANDS(x);
    if (n < 0)
        return tp_fail(TP_ERROR_ARGUMENT, "polygamma: order %d, expected 0 or more", n);
    return polygamma_of(n, x);
}

tp_var *tp_digamma(tp_var *x)
{
    TP__CALL("digamma");
    TP__OPERANDS(x);
    return polygamma_of(0, x);
}

/* clang-format off */
TP__UNARY(tp_lgamma, special_lgamma(x), gy * special_digamma(x), tp_mul(gy, tp_digamma(x)),
          .label = "Lgamma", .formula = "ln |Γ(x)|", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .domain = TP__POSITIVE)
/* clang-format on */

/* --- Logarithms of sums and odds --- */

/* ln(eᵃ + eᵇ) from the larger one; equal infinities have no difference. */
static double special_logaddexp(double a, double b)
{
    if (a == b)
        return a + 0.6931471805599453;
    return fmax(a, b) + log1p(exp(-fabs(a - b)));
}

static double special_difference(double a, double b)
{
    return a == b ? 0 : a - b;
}

/* a − b, and 0 where both are the same infinity. */
static tp_var *logaddexp_difference(tp_var *a, tp_var *b)
{
    tp_var *same = tp_logical_and(tp_isinf(a), tp_eq(a, b));
    return tp_where(same, 0, tp_sub(a, b));
}

static double special_sigmoid(double x)
{
    return x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
}

static double special_xlogy(double a, double b)
{
    return a == 0 && !isnan(b) ? 0 : a * log(b);
}

static double xlogy_slope(double gy, double a, double b)
{
    return a == 0 && b <= 0 ? 0 : gy * log(b);
}

static double xlogy_other_slope(double gy, double a, double b)
{
    return a == 0 && b <= 0 ? 0 : gy * (a / b);
}

/* Where a = 0 and b is outside the logarithm's domain, nothing has a derivative but 0. */
static tp_var *xlogy_nothing(tp_var *a, tp_var *b)
{
    return tp_logical_and(tp_eq(a, 0), tp_le(b, 0));
}

static tp_var *xlogy_rule(tp_var *gy, tp_var *a, tp_var *b)
{
    tp_var *nothing = xlogy_nothing(a, b);
    return tp_where(nothing, 0, tp_mul(gy, tp_log(tp_where(nothing, 1, b))));
}

static tp_var *xlogy_other_rule(tp_var *gy, tp_var *a, tp_var *b)
{
    tp_var *nothing = xlogy_nothing(a, b);
    return tp_where(nothing, 0, tp_mul(gy, tp_div(a, tp_where(nothing, 1, b))));
}

/* clang-format off */
TP__BINARY(tp_logaddexp, special_logaddexp(a, b), gy * special_sigmoid(special_difference(a, b)), tp_mul(gy, tp_sigmoid(logaddexp_difference(a, b))), gy * special_sigmoid(special_difference(b, a)), tp_mul(gy, tp_sigmoid(logaddexp_difference(b, a))),
           .label = "LogAddExp", .formula = "ln(eᵃ + eᵇ)", .flags = TP__FUNCTION, .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1})
TP__BINARY(tp_xlogy, special_xlogy(a, b), xlogy_slope(gy, a, b), xlogy_rule(gy, a, b), xlogy_other_slope(gy, a, b), xlogy_other_rule(gy, a, b),
           .label = "XLogY", .formula = "a ln b, 0 where a = 0", .flags = TP__FUNCTION, .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1}, .domain = TP__POSITIVE)
TP__UNARY(tp_logit, log(x / (1 - x)), gy / x + gy / (1 - x), tp_add(tp_div(gy, x), tp_div(gy, tp_sub(1, x))),
          .label = "Logit", .formula = "ln(x / (1 − x))", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .domain = TP__FRACTION)
/* clang-format on */

tp_var *tp_softplus(tp_var *x)
{
    TP__CALL("softplus");
    TP__OPERANDS(x);
    return tp_logaddexp(x, 0);
}

TP__COMPOSITE_UNARY(tp_softplus, .label = "Softplus", .formula = "ln(1 + eˣ)",
                    .torch = "F.softplus")

static const tp__op *const special_ops[] = {
    &tp_erf_op,   &tp_erfc_op,     &tp_erfinv_op,    &tp_lgamma_op, &polygamma_op,
    &tp_logit_op, &tp_softplus_op, &tp_logaddexp_op, &tp_xlogy_op,  NULL};

const tp__family tp__family_special = {"special", "special functions", special_ops};
