/* SPDX-License-Identifier: MIT
 *
 * Powers: with a constant exponent, which is an attribute, and with one that is an operand.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* --- pow with a number as exponent --- */

#define POW_EXACT (INT64_C(1) << 53) /* integers that the attribute, a double, holds exactly */

static double pow_value(double x, double c)
{
    return c == 2 ? x * x : c == 1 ? x : c == -1 ? 1 / x : pow(x, c);
}

static uint64_t pow_integer(uint64_t x, uint64_t c)
{
    uint64_t y = 1;
    for (; c; c >>= 1, x *= x)
        if (c & 1)
            y *= x;
    return y;
}

static tp__slopes pow_constant_slope(double gy, double x, double c, double y)
{
    (void)y;
    return (tp__slopes){c == 0 ? 0 : c * pow_value(x, c - 1) * gy, 0};
}

static void pow_constant_gradient(const tp__pull *pull)
{
    tp_var *x = pull->x[0], *gy = pull->gy;
    double c = pull->y->attr.number;
    if (c == 0)
        pull->gx[0] = tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    else if (c == 1)
        pull->gx[0] = gy;
    else
        pull->gx[0] = tp_mul(tp_mul(c, c == 2 ? x : tp_pow_number(x, c - 1)), gy);
}

/* p ← p q or, with q NULL, p². */
static bool pow_multiply(tp_var **p, tp_var **q, int order)
{
    tp_var **product = tp__series_new(order + 1);
    if (!product)
        return false;
    for (int k = 0; k <= order; k++)
        product[k] = q ? tp__series_cauchy(p, q, k, 0, k) : tp__series_square(p, k);
    for (int k = 0; k <= order; k++)
        p[k] = product[k];
    tp__free(product);
    return true;
}

/* power ← xᶜ, c ≥ 1, by repeated squaring: right at x = 0 too. */
static bool pow_series(tp_var *const *x, int order, uint64_t c, tp_var **power)
{
    tp_var **base = tp__series_new(order + 1);
    bool good = base != NULL, begun = false;
    for (int k = 0; k <= order && good; k++)
        base[k] = x[k];
    for (; c && good; c >>= 1) {
        if (c & 1) {
            good = !begun || pow_multiply(power, base, order);
            for (int k = 0; k <= order && !begun; k++)
                power[k] = base[k];
            begun = true;
        }
        good = good && (c == 1 || pow_multiply(base, NULL, order));
    }
    tp__free(base);
    return good;
}

static void pow_integer_taylor(const tp__jet *jet, double c)
{
    tp_var **power = tp__series_new(jet->order + 1), **y = jet->y;
    if (power && pow_series(jet->x[0], jet->order, (uint64_t)fabs(c), power))
        for (int k = 1; k <= jet->order; k++) {
            if (c > 0) {
                y[k] = power[k];
                continue;
            }
            tp_var *rest = tp__series_cauchy(y, power, k, 0, k - 1);
            y[k] = rest ? tp_neg(tp_div(rest, power[0])) : NULL;
        }
    tp__free(power);
}

/* y' x = c x' y, which divides by x. c is constant along the path. */
static void pow_recurrence(const tp__jet *jet, tp_var *c)
{
    tp_var *const *x = jet->x[0], **y = jet->y;
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = NULL;
        for (int j = 1; j <= k; j++)
            if (x[j] && y[k - j]) {
                tp_var *weight = tp_sub(tp_mul(c, j), k - j);
                sum = tp__series_add(sum, tp_mul(weight, tp__series_mul(x[j], y[k - j])));
            }
        y[k] = sum ? tp_div(sum, tp_mul(x[0], k)) : NULL;
    }
}

/* y' = c x' x^(c − 1), with the series of x^(c − 1) made in the same way from x^(c − 2) and so on:
 * O(n³), but what is finite at x = 0 comes out finite. */
static void pow_chain(const tp__jet *jet, tp_var *c)
{
    int n = jet->order;
    tp_var **slope = tp__series_new(3 * n + 2);
    if (!slope)
        return;
    tp_var **lower = slope + n, **power = lower + n + 1;
    tp__series_slope(jet->x[0], n, slope);
    for (int m = n; m >= 0; m--) {
        tp_var *exponent = tp_sub(c, m), *zero = tp_eq(exponent, 0);
        power[0] = m ? (tp_pow)(jet->x[0][0], exponent) : jet->node;
        for (int k = 1; k <= n - m; k++) {
            tp_var *term = tp__series_integral(slope, lower, k);
            power[k] = term ? tp_where(zero, 0, tp_mul(exponent, term)) : NULL;
        }
        for (int k = 0; k <= n - m; k++)
            lower[k] = power[k];
    }
    for (int k = 1; k <= n; k++)
        jet->y[k] = power[k];
    tp__free(slope);
}

/* 1 where x is a number and not 0, nor so small that it has lost digits. */
static tp_var *pow_regular(tp_var *x)
{
    tp_var *size = tp_abs(tp_detach(x));
    double least = x->dtype == TP_F64 ? DBL_MIN : (double)FLT_MIN;
    return tp_mul(tp_ge(size, least), tp_lt(size, HUGE_VAL));
}

/* Where x or the power y is 0, infinite or NaN: there y / x is no derivative, although there may be
 * one. NULL if nowhere, poison on error. */
static tp_var *pow_ends(tp_var *x, tp_var *y)
{
    TP_NO_GRAD();
    tp_var *ends = tp_logical_not(tp_mul(pow_regular(x), pow_regular(y)));
    tp_var *some = (tp_any)(ends, NULL);
    return tp_is_poison(some) || tp_item(some) != 0 ? ends : NULL;
}

/* y[k] of the jet, but from the chain at the ends: what is at an element does not depend on others.
 */
static void pow_at_ends(const tp__jet *jet, tp_var *c, tp_var *ends)
{
    int n = jet->order;
    tp_var **plain = ends ? tp__series_new(n + 1) : NULL, **y = jet->y;
    if (!plain)
        return;
    for (int k = 1; k <= n; k++)
        plain[k] = y[k];
    pow_chain(jet, c);
    for (int k = 1; k <= n; k++)
        if (plain[k] && y[k])
            y[k] = tp_where(ends, y[k], plain[k]);
    tp__free(plain);
}

static void pow_constant_exponent(const tp__jet *jet, tp_var *c)
{
    pow_recurrence(jet, c);
    pow_at_ends(jet, c, pow_ends(jet->x[0][0], jet->y[0]));
}

static void pow_constant_taylor(const tp__jet *jet)
{
    double c = jet->node->attr.number;
    if (c == 0)
        return;
    tp_var *exponent = tp_full((tp_dtype)jet->x[0][0]->dtype, 0, NULL, c);
    if (c != floor(c) || fabs(c) > INT32_MAX) {
        pow_constant_exponent(jet, exponent);
        return;
    }
    pow_integer_taylor(jet, c);
    if (c < 0)
        pow_at_ends(jet, exponent, pow_ends(jet->x[0][0], jet->y[0]));
}

static void pow_constant_f64(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(double *)(at[0] + i * step[0]) =
            pow_value(*(const double *)(at[1] + i * step[1]), attr->number);
}

static void pow_constant_f32(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(float *)(at[0] + i * step[0]) =
            (float)pow_value((double)*(const float *)(at[1] + i * step[1]), attr->number);
}

static void pow_constant_i64(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(int64_t *)(at[0] + i * step[0]) = (int64_t)pow_integer(
            (uint64_t) * (const int64_t *)(at[1] + i * step[1]), (uint64_t)attr->number);
}

static void pow_constant_u8(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    for (int64_t i = 0; i < n; i++)
        *(uint8_t *)(at[0] + i * step[0]) =
            (uint8_t)pow_integer(*(const uint8_t *)(at[1] + i * step[1]), (uint64_t)attr->number);
}

static tp_var *pow_sample_cube(tp_var *const *x)
{
    return tp_pow_number(x[0], 3);
}

static tp_var *pow_sample_one(tp_var *const *x)
{
    return tp_pow_number(x[0], 1);
}

static tp_var *pow_sample_zero(tp_var *const *x)
{
    return tp_pow_number(x[0], 0);
}

static tp_var *pow_sample_inverse_square(tp_var *const *x)
{
    return tp_pow_number(x[0], -2);
}

static tp_var *pow_sample_root(tp_var *const *x)
{
    return tp_pow_number(tp_abs(x[0]), 2.5);
}

static const tp__op pow_constant_op = {
    .label = "Pow",
    .name = "pow",
    .n_in = 1,
    .flags = TP__ELEMENTWISE | TP__COSTLY,
    .reads = {TP__READS_0},
    .loop = {[TP_F32] = pow_constant_f32,
             [TP_F64] = pow_constant_f64,
             [TP_I64] = pow_constant_i64,
             [TP_U8] = pow_constant_u8},
    .fast = TP__FAST_POWER,
    .number = pow_value,
    .number_gradient = pow_constant_slope,
    .gradient = pow_constant_gradient,
    .taylor = pow_constant_taylor,
    .formula = "xᶜ, of a constant c",
    .rule = "c · x^(c − 1) · gy, 0 for c = 0",
    .domain = TP__NOT_ZERO,
    .samples = (const tp__sample[]){{"2,3", pow_sample_cube, "x0 ** 3"},
                                    {"3", pow_sample_one, "x0 ** 1"},
                                    {"3", pow_sample_zero, "x0 ** 0"},
                                    {"3", pow_sample_inverse_square, "x0 ** -2"},
                                    {"2,2", pow_sample_root, "x0.abs() ** 2.5"},
                                    {0}},
};

tp_var *tp_pow_number(tp_var *x, double exponent)
{
    if (TP_UNLIKELY(x && !tp__is_float((tp_dtype)x->dtype)))
        x = tp_to(x, TP_F64);
    return tp__apply_1(&pow_constant_op, x, (tp__attr){.number = exponent});
}

tp_var *tp_pow_integer(tp_var *x, int64_t exponent)
{
    if (TP_UNLIKELY(x && !tp__is_float((tp_dtype)x->dtype) && exponent < 0))
        return tp_fail(TP_ERROR_ARGUMENT, "pow: an integer to the power %lld, expected 0 or more",
                       (long long)exponent);
    if (TP_UNLIKELY(exponent > POW_EXACT || exponent < -POW_EXACT))
        return tp_fail(TP_ERROR_ARGUMENT, "pow: exponent %lld is beyond 2^53", (long long)exponent);
    return tp__apply_1(&pow_constant_op, x, (tp__attr){.number = (double)exponent});
}

/* --- pow with a variable exponent --- */

static tp_var *pow_base_rule(tp_var *gy, tp_var *a, tp_var *b)
{
    tp_var *slope = tp_mul(b, tp_pow(a, tp_sub(b, 1)));
    return tp_where(tp_eq(b, 0), 0, tp_mul(gy, slope));
}

/* True where a = 0 and b ≥ 0: there aᵇ does not change with b. */
static tp_var *pow_vanishes(tp_var *a, tp_var *b)
{
    return tp_mul(tp_eq(a, 0), tp_ge(b, 0));
}

static tp_var *pow_exponent_rule(tp_var *gy, tp_var *a, tp_var *b, tp_var *y)
{
    tp_var *vanishes = pow_vanishes(a, b), *slope = tp_mul(y, tp_log(tp_where(vanishes, 1, a)));
    return tp_where(vanishes, 0, tp_mul(gy, slope));
}

/* y = exp(w) with w = b log a; where log a does not matter (a = 0, b ≥ 0) it counts as 0. */
static void pow_exponential(const tp__jet *jet)
{
    int n = jet->order;
    tp_var **log_a = tp__series_new(3 * n + 2);
    if (!log_a)
        return;
    tp_var **w = log_a + n + 1, **slope = w + n + 1;
    log_a[0] = tp_log(tp_where(pow_vanishes(jet->x[0][0], jet->x[1][0]), 1, jet->x[0][0]));
    tp__series_log(jet->x[0], n, log_a);
    for (int k = 1; k <= n; k++)
        w[k] = tp__series_cauchy(jet->x[1], log_a, k, 0, k);
    tp__series_slope(w, n, slope);
    for (int k = 1; k <= n; k++)
        jet->y[k] = tp__series_integral(slope, jet->y, k);
    tp__free(log_a);
}

static bool pow_is_constant(const tp__jet *jet, int operand)
{
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[operand][k])
            return false;
    return true;
}

static void pow_taylor(const tp__jet *jet)
{
    tp_var *a = jet->x[0][0], *b = jet->x[1][0], *a1 = jet->x[0][1], *b1 = jet->x[1][1];
    if (pow_is_constant(jet, 1)) {
        pow_constant_exponent(jet, b);
        return;
    }
    pow_exponential(jet);
    tp_var *ends = a1 ? pow_ends(a, jet->y[0]) : NULL;
    if (ends) {
        tp_var *by_rule = tp__series_add(pow_base_rule(a1, a, b),
                                         b1 ? pow_exponent_rule(b1, a, b, jet->y[0]) : NULL);
        jet->y[1] = jet->y[1] && by_rule ? tp_where(ends, by_rule, jet->y[1]) : by_rule;
    }
}

static void pow_integers(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++)
        *(int64_t *)(at[0] + i * step[0]) =
            (int64_t)pow_integer((uint64_t) * (const int64_t *)(at[1] + i * step[1]),
                                 (uint64_t) * (const int64_t *)(at[2] + i * step[2]));
}

static void pow_bytes(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)
{
    (void)attr;
    for (int64_t i = 0; i < n; i++)
        *(uint8_t *)(at[0] + i * step[0]) = (uint8_t)pow_integer(
            *(const uint8_t *)(at[1] + i * step[1]), *(const uint8_t *)(at[2] + i * step[2]));
}

TP__BINARY_PARTS(tp_pow, pow(a, b), b == 0 ? 0 : gy * (b * pow(a, b - 1)), pow_base_rule(gy, a, b),
                 a == 0 && b >= 0 ? 0 : gy * (y * log(a)), pow_exponent_rule(gy, a, b, y))

static bool pow_infer(tp__call *call)
{
    tp_var *b = call->in[1];
    bool signless = b->dtype == TP_U8 || b->dtype == TP_BOOL;
    if (tp__is_float(call->dtype) || b->size == 0 || signless)
        return true;
    tp_var *least = (tp_min)(tp_detach(b), NULL);
    if (!tp_is_poison(least) && tp_item(least) < 0)
        tp_fail(TP_ERROR_ARGUMENT, "pow: an integer to a negative integer power");
    return !tp__here()->code;
}

static const tp__op pow_op = {
    .label = "Pow",
    .name = "pow",
    .n_in = 2,
    .flags = TP__ELEMENTWISE | TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1 | TP__READS_OUT},
    .infer = pow_infer,
    .loop = {[TP_F32] = tp_pow_f32,
             [TP_F64] = tp_pow_f64,
             [TP_I64] = pow_integers,
             [TP_U8] = pow_bytes},
    .fast = TP__FAST_POW,
    .number = tp_pow_in_numbers,
    .number_gradient = tp_pow_slope_in_numbers,
    .gradient = tp_pow_gradient,
    .taylor = pow_taylor,
    .formula = "aᵇ",
    .rule = "a: gy · b · a^(b − 1); b: gy · y · log(a), 0 where a = 0 and b ≥ 0",
    .domain = TP__BASE_POSITIVE,
    .call_2 = tp_pow,
};

tp_var *(tp_pow)(tp_var *a, tp_var *b)
{
    if (!b || (b->flags & (TP__WEAK | TP__NUMBER)) != (TP__WEAK | TP__NUMBER))
        return tp__apply_2(&pow_op, a, b);
    double exponent = tp__number(b);
    return b->flags & TP__WEAK_INT ? tp_pow_integer(a, (int64_t)exponent)
                                   : tp_pow_number(a, exponent);
}

static const tp__op *const pow_ops[] = {&pow_constant_op, &pow_op, NULL};

const tp__family tp__family_pow = {"pow", "powers", pow_ops};
