/* SPDX-License-Identifier: MIT
 *
 * Piecewise linear functions: each coefficient of a Taylor series is chosen or signed by the value.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <math.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "ops/families.h"
#include "tinypytorch.h"

static void relu_taylor(const tp__jet *jet)
{
    tp_var *nothing = tp_le(jet->y[0], 0);
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[0][k])
            jet->y[k] = tp_where(nothing, 0, jet->x[0][k]);
}

static void abs_taylor(const tp__jet *jet)
{
    tp_var *sign = tp_sign(jet->x[0][0]);
    for (int k = 1; k <= jet->order; k++)
        jet->y[k] = tp__series_mul(sign, jet->x[0][k]);
}

TP__LOOP1(relu_i64, int64_t, int64_t, int64_t, x > 0 ? x : 0)
TP__LOOP1(relu_u8, uint8_t, uint8_t, uint8_t, x)
TP__LOOP1(abs_i64, int64_t, int64_t, int64_t, x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
TP__LOOP1(abs_u8, uint8_t, uint8_t, uint8_t, x)
TP__LOOP1(sign_i64, int64_t, int64_t, int64_t, (x > 0) - (x < 0))
TP__LOOP1(sign_u8, uint8_t, uint8_t, uint8_t, x > 0)

/* NaN passes through relu and sign. */
static double piecewise_relu(double x)
{
    return x < 0 ? 0 : x;
}

static double piecewise_sign(double x)
{
    return x > 0 ? 1 : x < 0 ? -1 : x == 0 ? 0 : x;
}

/* Constant between its steps. */
static void step_taylor(const tp__jet *jet)
{
    (void)jet;
}

#define STEP_I64(name) TP__LOOP1(name##_i64, int64_t, int64_t, int64_t, x)
#define STEP_U8(name) TP__LOOP1(name##_u8, uint8_t, uint8_t, uint8_t, x)
STEP_I64(floor)
STEP_U8(floor)
STEP_I64(ceil)
STEP_U8(ceil)
STEP_I64(round)
STEP_U8(round)
STEP_I64(trunc)
STEP_U8(trunc)
#define sign_taylor step_taylor
#define floor_taylor step_taylor
#define ceil_taylor step_taylor
#define round_taylor step_taylor
#define trunc_taylor step_taylor

static tp_var *piecewise_zeros(const tp_var *x)
{
    return tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
}

/* clang-format off */
TP__UNARY_SLOPED(tp_relu, piecewise_relu(x), y <= 0 ? 0 : gy, tp_where(tp_le(y, 0), 0, gy), TP__FAST_RELU_SLOPE,
                 .label = "Relu", .formula = "max(x, 0)", .flags = TP__ELEMENTWISE | TP__SELECTS, .reads = {TP__READS_OUT}, .fast = TP__FAST_RELU, .loop[TP_I64] = relu_i64, .loop[TP_U8] = relu_u8, .taylor = relu_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_abs, fabs(x), gy * piecewise_sign(x), tp_mul(gy, tp_sign(x)),
          .label = "Abs", .formula = "|x|", .flags = TP__ELEMENTWISE, .reads = {TP__READS_0}, .fast = TP__FAST_ABS, .loop[TP_I64] = abs_i64, .loop[TP_U8] = abs_u8, .taylor = abs_taylor, .domain = TP__NOT_ZERO)

TP__UNARY(tp_sign, piecewise_sign(x), 0, piecewise_zeros(x),
          .label = "Sign", .formula = "−1, 0 or 1", .flags = TP__ELEMENTWISE, .fast = TP__FAST_SIGN, .loop[TP_I64] = sign_i64, .loop[TP_U8] = sign_u8, .taylor = sign_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_floor, floor(x), 0, piecewise_zeros(x),
          .label = "Floor", .formula = "⌊x⌋", .flags = TP__ELEMENTWISE, .fast = TP__FAST_FLOOR, .loop[TP_I64] = floor_i64, .loop[TP_U8] = floor_u8, .taylor = floor_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_ceil, ceil(x), 0, piecewise_zeros(x),
          .label = "Ceil", .formula = "⌈x⌉", .flags = TP__ELEMENTWISE, .fast = TP__FAST_CEIL, .loop[TP_I64] = ceil_i64, .loop[TP_U8] = ceil_u8, .taylor = ceil_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_round, rint(x), 0, piecewise_zeros(x),
          .label = "Round", .formula = "nearest integer, ties to even", .flags = TP__ELEMENTWISE, .fast = TP__FAST_ROUND, .loop[TP_I64] = round_i64, .loop[TP_U8] = round_u8, .taylor = round_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_trunc, trunc(x), 0, piecewise_zeros(x),
          .label = "Trunc", .formula = "x without its fraction", .flags = TP__ELEMENTWISE, .fast = TP__FAST_TRUNC, .loop[TP_I64] = trunc_i64, .loop[TP_U8] = trunc_u8, .taylor = trunc_taylor, .domain = TP__NOT_ZERO)
/* clang-format on */

/* --- Division with remainder: x is linear in a, and in b between its steps --- */

static int64_t remainder_integer(int64_t a, int64_t b)
{
    int64_t r = b == 0 || b == -1 ? 0 : a % b;
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static double remainder_real(double a, double b)
{
    double r = fmod(a, b);
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static bool remainder_has_zero(tp_var *b)
{
    tp_var *none = (tp_min)(tp_ne(tp_detach(b), 0), NULL);
    return !tp_is_poison(none) && tp_item(none) == 0;
}

static bool remainder_divides(tp__call *call)
{
    tp_var *b = call->in[1];
    if (tp__is_float(call->dtype) || b->size == 0 || !remainder_has_zero(b))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: an integer is divided by zero", call->op->name);
    return false;
}

/* The integer (a − y) / b, of which rounding a / b first may miss by one; −1 where y is rounded to
 * b, which may be infinite. */
static double remainder_times(double a, double b, double y)
{
    return b == 0 ? a / b : y == b ? -1 : rint((a - y) / b);
}

static tp_var *remainder_quotient(tp_var *a, tp_var *b, tp_var *y)
{
    a = tp_detach(a), b = tp_detach(b), y = tp_detach(y);
    tp_var *times = tp_where(tp_eq(y, b), -1, tp_round(tp_div(tp_sub(a, y), b)));
    return tp_detach(tp_where(tp_eq(b, 0), tp_div(a, b), times));
}

TP__LOOP2(remainder_i64, int64_t, int64_t, int64_t, remainder_integer(a, b))
TP__LOOP2(remainder_u8, uint8_t, uint8_t, int64_t, remainder_integer(a, b))
TP__LOOP2(fmod_i64, int64_t, int64_t, int64_t, b == 0 || b == -1 ? 0 : a % b)
TP__LOOP2(fmod_u8, uint8_t, uint8_t, int64_t, b == 0 ? 0 : a % b)

/* clang-format off */
TP__BINARY(tp_remainder, remainder_real(a, b), gy, gy, -gy * remainder_times(a, b, y), tp_neg(tp_mul(gy, remainder_quotient(a, b, y))),
           .label = "Remainder", .formula = "a − b ⌊a / b⌋", .flags = TP__ELEMENTWISE, .reads = {0, TP__READS_0 | TP__READS_1 | TP__READS_OUT}, .loop[TP_I64] = remainder_i64, .loop[TP_U8] = remainder_u8, .infer = remainder_divides, .domain = TP__NOT_ZERO)
TP__BINARY(tp_fmod, fmod(a, b), gy, gy, -gy * remainder_times(a, b, y), tp_neg(tp_mul(gy, remainder_quotient(a, b, y))),
           .label = "Fmod", .formula = "a − b trunc(a / b)", .flags = TP__ELEMENTWISE, .reads = {0, TP__READS_0 | TP__READS_1 | TP__READS_OUT}, .loop[TP_I64] = fmod_i64, .loop[TP_U8] = fmod_u8, .infer = remainder_divides, .domain = TP__NOT_ZERO)
/* clang-format on */

tp_var *tp_frac(tp_var *x)
{
    TP__CALL("frac");
    TP__OPERANDS(x);
    return tp_sub(x, tp_trunc(x));
}

TP__COMPOSITE_UNARY(tp_frac, .label = "Frac", .formula = "x − trunc(x)", .domain = TP__NOT_ZERO)

static const tp__op *const piecewise_ops[] = {
    &tp_relu_op,  &tp_abs_op,       &tp_sign_op, &tp_floor_op, &tp_ceil_op, &tp_round_op,
    &tp_trunc_op, &tp_remainder_op, &tp_fmod_op, &tp_frac_op,  NULL};

const tp__family tp__family_piecewise = {"piecewise", "piecewise linear functions", piecewise_ops};
