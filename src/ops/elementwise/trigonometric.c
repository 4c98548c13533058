/* SPDX-License-Identifier: MIT
 *
 * Inverse circular and hyperbolic functions, angles, sinc.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "base/call.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* Squares of large numbers overflow, and 1 − x² loses the digits of x near 1: so hypot, quotients
 * one after the other, and the factors of a difference of squares. */
static tp_var *trigonometric_over(tp_var *gy, tp_var *h)
{
    return tp_div(tp_div(gy, h), h);
}

/* clang-format off */
TP__UNARY(tp_asin, asin(x), gy / sqrt((1 - x) * (1 + x)), tp_div(gy, tp_sqrt(tp_mul(tp_sub(1, x), tp_add(1, x)))),
          .label = "Asin", .formula = "arcsin x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ASIN, .domain = TP__INSIDE)
TP__UNARY(tp_acos, acos(x), -(gy / sqrt((1 - x) * (1 + x))), tp_neg(tp_div(gy, tp_sqrt(tp_mul(tp_sub(1, x), tp_add(1, x))))),
          .label = "Acos", .formula = "arccos x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ACOS, .domain = TP__INSIDE)
TP__UNARY(tp_atan, atan(x), gy / hypot(x, 1) / hypot(x, 1), trigonometric_over(gy, tp_hypot(x, 1)),
          .label = "Atan", .formula = "arctan x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ATAN)
TP__UNARY(tp_asinh, asinh(x), gy / hypot(x, 1), tp_div(gy, tp_hypot(x, 1)),
          .label = "Asinh", .formula = "ln(x + √(x² + 1))", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ASINH)
TP__UNARY(tp_acosh, acosh(x), gy / (sqrt(x - 1) * sqrt(x + 1)), tp_div(gy, tp_mul(tp_sqrt(tp_sub(x, 1)), tp_sqrt(tp_add(x, 1)))),
          .label = "Acosh", .formula = "ln(x + √(x² − 1))", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ACOSH, .domain = TP__ABOVE_ONE)
TP__UNARY(tp_atanh, atanh(x), gy / ((1 - x) * (1 + x)), tp_div(gy, tp_mul(tp_sub(1, x), tp_add(1, x))),
          .label = "Atanh", .formula = "ln((1 + x) / (1 − x)) / 2", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_ATANH, .domain = TP__INSIDE)
/* clang-format on */

/* --- Of two variables; at the origin, where they have none, derivatives are 0 --- */

static double angle_number(double numerator, double denominator)
{
    return denominator == 0 ? 0 : numerator / denominator;
}

static tp_var *angle_quotient(tp_var *numerator, tp_var *denominator)
{
    return tp_where(tp_eq(denominator, 0), 0, tp_div(numerator, denominator));
}

/* gy x / y for |x| ≤ y. The quotient comes first, since gy x may overflow; but not where it is too
 * small for its type, which an infinite gy would make NaN, and a large one 0. */
static double angle_times(double gy, double x, double y)
{
    double share = angle_number(x, y);
    return share == 0 && x != 0 ? gy * x / y : gy * share;
}

static tp_var *angle_times_rule(tp_var *gy, tp_var *x, tp_var *y)
{
    tp_var *share = angle_quotient(x, y);
    tp_var *lost = tp_logical_and(tp_eq(tp_detach(share), 0), tp_ne(tp_detach(x), 0));
    tp_var *some = (tp_any)(lost, NULL), *product = tp_mul(gy, share);
    if (tp_is_poison(some))
        return some;
    return tp_item(some) == 0 ? product : tp_where(lost, tp_div(tp_mul(gy, x), y), product);
}

/* gy x / (a² + b²) */
static double angle_slope(double gy, double x, double a, double b)
{
    double h = hypot(a, b);
    return angle_number(angle_times(gy, x, h), h);
}

static tp_var *angle_rule(tp_var *gy, tp_var *x, tp_var *a, tp_var *b)
{
    tp_var *h = tp_hypot(a, b);
    return angle_quotient(angle_times_rule(gy, x, h), h);
}

/* gy x / y for y = √(a² + b²). A subnormal y has lost digits: there it is computed again from large
 * multiples of a and b. */
#define ANGLE_MULTIPLE 0x1p100

static double angle_share(double gy, double x, double a, double b, double y)
{
    if (y >= (double)FLT_MIN || y == 0)
        return angle_times(gy, x, y);
    return angle_times(gy, ANGLE_MULTIPLE * x, hypot(ANGLE_MULTIPLE * a, ANGLE_MULTIPLE * b));
}

static tp_var *angle_share_rule(tp_var *gy, tp_var *x, tp_var *a, tp_var *b, tp_var *y)
{
    tp_var *small = tp_lt(tp_detach(y), y->dtype == TP_F32 ? (double)FLT_MIN : DBL_MIN);
    tp_var *some = (tp_any)(small, NULL);
    if (tp_is_poison(some))
        return some;
    if (tp_item(some) != 0) {
        tp_var *scale = tp_to(tp_where(small, ANGLE_MULTIPLE, 1), (tp_dtype)y->dtype);
        x = tp_mul(x, scale), y = tp_hypot(tp_mul(a, scale), tp_mul(b, scale));
    }
    return angle_times_rule(gy, x, y);
}

/* clang-format off */
TP__BINARY(tp_atan2, atan2(a, b), angle_slope(gy, b, a, b), angle_rule(gy, b, a, b), -angle_slope(gy, a, a, b), tp_neg(angle_rule(gy, a, a, b)),
           .label = "Atan2", .formula = "the angle of the point (b, a), from −π to π", .flags = TP__FUNCTION, .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1}, .fast = TP__FAST_ATAN2, .domain = TP__BASE_POSITIVE)
TP__BINARY(tp_hypot, hypot(a, b), angle_share(gy, a, a, b, y), angle_share_rule(gy, a, a, b, y), angle_share(gy, b, a, b, y), angle_share_rule(gy, b, a, b, y),
           .label = "Hypot", .formula = "√(a² + b²)", .flags = TP__FUNCTION, .reads = {TP__READS_0 | TP__READS_1 | TP__READS_OUT, TP__READS_0 | TP__READS_1 | TP__READS_OUT}, .fast = TP__FAST_HYPOT, .domain = TP__BASE_POSITIVE)
/* clang-format on */

/* --- sinc: a record for each derivative, whose number is the attribute ---
 *
 * S(n) is the n-th derivative of sin(z) / z: ∫ tⁿ cos(z t + n π/2) dt from 0 to 1. Near 0 a power
 * series gives it; elsewhere z S(n) = sin(z + n π/2) − n S(n − 1), which is stable for z ≥ n and
 * loses little from n / 2 on. */

#define SINC_PI 3.141592653589793

static double sinc_quarter(int n, double sine, double cosine)
{
    const double turned[] = {sine, cosine, -sine, -cosine};
    return turned[n & 3];
}

static double sinc_near(int n, double z)
{
    double sum = 0, power = 1;
    for (int m = 0; m < 200; m++) {
        double term = power / (m + n + 1);
        sum += sinc_quarter(m + n + 1, 0, term);
        power *= z / (m + 1);
        if (fabs(power) < 1e-19 * fabs(sum) && m > n)
            break;
    }
    return sum;
}

/* The circle is left before rounding: x − 2k is exact. */
static double sinc_far(int n, double x)
{
    double r = x - 2 * rint(x / 2), sine = sin(SINC_PI * r), cosine = cos(SINC_PI * r);
    double z = SINC_PI * x, s = sine / z;
    for (int k = 1; k <= n; k++)
        s = (sinc_quarter(k, sine, cosine) - k * s) / z;
    return s;
}

static double sinc_value(double x, double attr)
{
    int n = (int)attr;
    double z = SINC_PI * x, limit = n > 6 ? n / 2.0 : 3;
    return pow(SINC_PI, n) * (fabs(z) < limit ? sinc_near(n, z) : sinc_far(n, x));
}

static void sinc_f64(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(double *)(at[0] + i * step[0]) =
            sinc_value(*(const double *)(at[1] + i * step[1]), attr->number);
}

static void sinc_f32(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(float *)(at[0] + i * step[0]) =
            (float)sinc_value((double)*(const float *)(at[1] + i * step[1]), attr->number);
}

static tp_var *sinc_derivative(tp_var *x, double n);

static void sinc_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp_mul(pull->gy, sinc_derivative(pull->x[0], pull->y->attr.number + 1));
}

static tp_var *sinc_sample(tp_var *const *x)
{
    return tp_sinc(x[0]);
}

static tp_var *sinc_sample_far(tp_var *const *x)
{
    return tp_sinc(tp_add(3, x[0]));
}

static const tp__op sinc_op = {
    .label = "Sinc",
    .name = "sinc",
    .n_in = 1,
    .flags = TP__ELEMENTWISE | TP__FLOATING | TP__COSTLY,
    .reads = {TP__READS_0},
    .loop = {[TP_F32] = sinc_f32, [TP_F64] = sinc_f64},
    .number = sinc_value,
    .gradient = sinc_gradient,
    .formula = "sin(πx) / (πx), 1 at 0",
    .rule = "gy times the next derivative of sinc",
    .samples = (const tp__sample[]){{"2,3", sinc_sample, "torch.sinc(x0)"},
                                    {"3", sinc_sample_far, "torch.sinc(3 + x0)"},
                                    {0}},
};

static tp_var *sinc_derivative(tp_var *x, double n)
{
    return tp__apply_1(&sinc_op, x, (tp__attr){.number = n});
}

tp_var *tp_sinc(tp_var *x)
{
    TP__CALL("sinc");
    TP__OPERANDS(x);
    return sinc_derivative(x, 0);
}

static const tp__op *const trigonometric_ops[] = {
    &tp_asin_op,  &tp_acos_op,  &tp_atan_op,  &tp_asinh_op, &tp_acosh_op,
    &tp_atanh_op, &tp_atan2_op, &tp_hypot_op, &sinc_op,     NULL};

const tp__family tp__family_trigonometric = {"trigonometric", "angles and inverse functions",
                                             trigonometric_ops};
