/* SPDX-License-Identifier: MIT
 *
 * Powers of 2 and 10, logarithms to other bases, and both near zero.
 */
#include "base/features.h"

#include "ops/elementwise.h"

#include <math.h>

#include "ops/families.h"
#include "tinypytorch.h"

#define EXPONENTIAL_LN2 0.6931471805599453
#define EXPONENTIAL_LN10 2.302585092994046

/* clang-format off */
TP__FLOAT_UNARY(Exp2, exp2, "2ˣ", exp2(x), gy * (EXPONENTIAL_LN2 * y), tp_mul(gy, tp_mul(EXPONENTIAL_LN2, y)), TP__READS_OUT, TP__ANYWHERE)
TP__FLOAT_UNARY(Expm1, expm1, "eˣ − 1", expm1(x), gy * exp(x), tp_mul(gy, tp_exp(x)), TP__READS_0, TP__ANYWHERE)
TP__FLOAT_UNARY(Log1p, log1p, "ln(1 + x)", log1p(x), gy / (x + 1), tp_div(gy, tp_add(x, 1)), TP__READS_0, TP__INSIDE)
TP__FLOAT_UNARY(Log2, log2, "log₂ x", log2(x), gy / (EXPONENTIAL_LN2 * x), tp_div(gy, tp_mul(EXPONENTIAL_LN2, x)), TP__READS_0, TP__POSITIVE)
TP__FLOAT_UNARY(Log10, log10, "log₁₀ x", log10(x), gy / (EXPONENTIAL_LN10 * x), tp_div(gy, tp_mul(EXPONENTIAL_LN10, x)), TP__READS_0, TP__POSITIVE)
/* clang-format on */

static const tp__op *const exponential_ops[] = {&exp2_op, &expm1_op, &log1p_op,
                                                &log2_op, &log10_op, NULL};

const tp__family tp__family_exponential = {"exponential", "exponentials and logarithms",
                                           exponential_ops};
