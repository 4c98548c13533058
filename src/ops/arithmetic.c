/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/elementwise.h"

#include "ops/families.h"
#include "tinypytorch.h"

static void sub_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        jet->y[k] = tp__series_sub(jet->x[0][k], jet->x[1][k]);
}

static void mul_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        jet->y[k] = tp__series_cauchy(jet->x[0], jet->x[1], k, 0, k);
}

/* y b = a */
static void div_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *rest =
            tp__series_sub(jet->x[0][k], tp__series_cauchy(jet->y, jet->x[1], k, 0, k - 1));
        jet->y[k] = rest ? tp_div(rest, jet->x[1][0]) : NULL;
    }
}

static void neg_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        jet->y[k] = tp__series_sub(NULL, jet->x[0][k]);
}

static void square_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        jet->y[k] = tp__series_square(jet->x[0], k);
}

TP__LOOP2(sub_i64, int64_t, int64_t, uint64_t, a - b)
TP__LOOP2(sub_u8, uint8_t, uint8_t, uint8_t, a - b)
TP__LOOP2(mul_i64, int64_t, int64_t, uint64_t, a *b)
TP__LOOP2(mul_u8, uint8_t, uint8_t, unsigned, a *b)
TP__LOOP1(neg_i64, int64_t, int64_t, uint64_t, -x)
TP__LOOP1(neg_u8, uint8_t, uint8_t, uint8_t, -x)
TP__LOOP1(square_i64, int64_t, int64_t, uint64_t, x *x)
TP__LOOP1(square_u8, uint8_t, uint8_t, unsigned, x *x)

TP__SLOPE_OF(square, 2 * b * a)

/* clang-format off */
TP__BINARY(Sub, sub, "a − b", a - b,
           gy, gy, 0,
           -gy, tp_neg(gy), 0, TP__ANYWHERE, TP__LINEAR, sub_i64, sub_u8, sub_taylor, NULL)
TP__BINARY(Mul, mul, "a b", a * b,
           gy * b, tp_mul(gy, b), TP__READS_1,
           gy * a, tp_mul(gy, a), TP__READS_0, TP__ANYWHERE, 0, mul_i64, mul_u8, mul_taylor, NULL)
TP__BINARY(Div, div, "a / b", a / b,
           gy / b, tp_div(gy, b), TP__READS_1,
           -(gy / b * y), tp_neg(tp_mul(tp_div(gy, b), y)), TP__READS_1 | TP__READS_OUT,
           TP__NOT_ZERO, TP__FLOATING, NULL, NULL, div_taylor, NULL)
TP__UNARY_RECORD(Neg, neg, "−x", -x, -gy, tp_neg(gy), 0, TP__ANYWHERE, TP__LINEAR, neg_i64, neg_u8, neg_taylor, NULL)
TP__UNARY_RECORD(Square, square, "x²", x * x, 2 * x * gy, tp_mul(tp_mul(2, x), gy), TP__READS_0, TP__ANYWHERE, 0, square_i64, square_u8, square_taylor, &square_slope_op)
/* clang-format on */

static const tp__op *const arithmetic_ops[] = {&sub_op, &mul_op,    &div_op,
                                               &neg_op, &square_op, NULL};

const tp__family tp__family_arithmetic = {"arithmetic", "arithmetic", arithmetic_ops};
