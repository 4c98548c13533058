/* SPDX-License-Identifier: MIT
 *
 * Addition, subtraction, multiplication and negation: what sweeps and series themselves are made
 * of.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include "graph/structural.h"
#include "tinypytorch.h"

static void add_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        jet->y[k] = tp__series_add(jet->x[0][k], jet->x[1][k]);
}

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

TP__LOOP2(add_i64, int64_t, int64_t, uint64_t, a + b)
TP__LOOP2(add_u8, uint8_t, uint8_t, uint8_t, a + b)
TP__LOOP2(sub_i64, int64_t, int64_t, uint64_t, a - b)
TP__LOOP2(sub_u8, uint8_t, uint8_t, uint8_t, a - b)
TP__LOOP2(mul_i64, int64_t, int64_t, uint64_t, a *b)
TP__LOOP2(mul_u8, uint8_t, uint8_t, unsigned, a *b)
TP__LOOP1(neg_i64, int64_t, int64_t, uint64_t, -x)
TP__LOOP1(neg_u8, uint8_t, uint8_t, uint8_t, -x)
TP__LOOP1(square_i64, int64_t, int64_t, uint64_t, x *x)
TP__LOOP1(square_u8, uint8_t, uint8_t, unsigned, x *x)

/* clang-format off */
TP__BINARY(tp_add, a + b, gy, gy, gy, gy,
           .label = "Add", .formula = "a + b", .flags = TP__ELEMENTWISE | TP__LINEAR, .fast = TP__FAST_ADD, .loop[TP_I64] = add_i64, .loop[TP_U8] = add_u8, .taylor = add_taylor)
TP__BINARY(tp_sub, a - b, gy, gy, -gy, tp_neg(gy),
           .label = "Sub", .formula = "a − b", .flags = TP__ELEMENTWISE | TP__LINEAR, .fast = TP__FAST_SUB, .loop[TP_I64] = sub_i64, .loop[TP_U8] = sub_u8, .taylor = sub_taylor)
TP__BINARY(tp_mul, a * b, gy * b, tp_mul(gy, b), gy * a, tp_mul(gy, a),
           .label = "Mul", .formula = "a b", .flags = TP__ELEMENTWISE, .reads = {TP__READS_1, TP__READS_0}, .fast = TP__FAST_MUL, .loop[TP_I64] = mul_i64, .loop[TP_U8] = mul_u8, .taylor = mul_taylor)
TP__BINARY(tp_div, a / b, gy / b, tp_div(gy, b), -(gy * y / b), tp_neg(tp_div(tp_mul(gy, y), b)),
           .label = "Div", .formula = "a / b", .flags = TP__ELEMENTWISE | TP__FLOATING, .reads = {TP__READS_1, TP__READS_1 | TP__READS_OUT}, .fast = TP__FAST_DIV, .taylor = div_taylor, .domain = TP__NOT_ZERO)
TP__UNARY(tp_neg, -x, -gy, tp_neg(gy),
          .label = "Neg", .formula = "−x", .flags = TP__ELEMENTWISE | TP__LINEAR, .fast = TP__FAST_NEG, .loop[TP_I64] = neg_i64, .loop[TP_U8] = neg_u8, .taylor = neg_taylor)
TP__UNARY_SLOPED(tp_square, x * x, 2 * x * gy, tp_mul(tp_mul(2, x), gy), TP__FAST_SQUARE_SLOPE,
                 .label = "Square", .formula = "x²", .flags = TP__ELEMENTWISE, .reads = {TP__READS_0}, .fast = TP__FAST_SQUARE, .loop[TP_I64] = square_i64, .loop[TP_U8] = square_u8, .taylor = square_taylor)
/* clang-format on */

static const tp__op *const arithmetic_ops[] = {&tp_add_op, &tp_sub_op,    &tp_mul_op, &tp_div_op,
                                               &tp_neg_op, &tp_square_op, NULL};

const tp__family tp__family_arithmetic = {"arithmetic", "arithmetic", arithmetic_ops};
