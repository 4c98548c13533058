/* SPDX-License-Identifier: MIT
 *
 * Powers of 2 and 10, logarithms to other bases, and both near zero.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <math.h>

#include "ops/families.h"
#include "tinypytorch.h"

#define EXPONENTIAL_LN2 0.6931471805599453
#define EXPONENTIAL_LN10 2.302585092994046

/* clang-format off */
TP__UNARY(tp_exp2, exp2(x), gy * (EXPONENTIAL_LN2 * y), tp_mul(gy, tp_mul(EXPONENTIAL_LN2, y)),
          .label = "Exp2", .formula = "2ˣ", .flags = TP__FUNCTION, .reads = {TP__READS_OUT}, .fast = TP__FAST_EXP2)
TP__UNARY(tp_expm1, expm1(x), gy * exp(x), tp_mul(gy, tp_exp(x)),
          .label = "Expm1", .formula = "eˣ − 1", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_EXPM1)
TP__UNARY(tp_log1p, log1p(x), gy / (x + 1), tp_div(gy, tp_add(x, 1)),
          .label = "Log1p", .formula = "ln(1 + x)", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_LOG1P, .domain = TP__INSIDE)
TP__UNARY(tp_log2, log2(x), gy / (EXPONENTIAL_LN2 * x), tp_div(gy, tp_mul(EXPONENTIAL_LN2, x)),
          .label = "Log2", .formula = "log₂ x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_LOG2, .domain = TP__POSITIVE)
TP__UNARY(tp_log10, log10(x), gy / (EXPONENTIAL_LN10 * x), tp_div(gy, tp_mul(EXPONENTIAL_LN10, x)),
          .label = "Log10", .formula = "log₁₀ x", .flags = TP__FUNCTION, .reads = {TP__READS_0}, .fast = TP__FAST_LOG10, .domain = TP__POSITIVE)
/* clang-format on */

static const tp__op *const exponential_ops[] = {&tp_exp2_op, &tp_expm1_op, &tp_log1p_op,
                                                &tp_log2_op, &tp_log10_op, NULL};

const tp__family tp__family_exponential = {"exponential", "exponentials and logarithms",
                                           exponential_ops};
