/* SPDX-License-Identifier: MIT
 *
 * Truth of elements.
 */
#include "base/features.h"

#include "graph/elementwise.h"

#include <math.h>

#include "ops/families.h"
#include "tinypytorch.h"

/* clang-format off */
TP__PREDICATE1(tp_isnan, isnan((double)x) != 0, .label = "IsNan", .formula = "x is not a number")
TP__PREDICATE1(tp_isinf, isinf((double)x) != 0, .label = "IsInf", .formula = "x is infinite")
TP__PREDICATE1(tp_isfinite, isfinite((double)x) != 0, .label = "IsFinite", .formula = "x is finite")
TP__PREDICATE1(tp_logical_not, x == 0, .label = "LogicalNot", .formula = "x = 0", .fast = TP__FAST_NOT)
TP__PREDICATE2(tp_logical_and, a != 0 && b != 0, .label = "LogicalAnd", .formula = "a ≠ 0 and b ≠ 0", .fast = TP__FAST_AND)
TP__PREDICATE2(tp_logical_or, a != 0 || b != 0, .label = "LogicalOr", .formula = "a ≠ 0 or b ≠ 0", .fast = TP__FAST_OR)
TP__PREDICATE2(tp_logical_xor, (a != 0) != (b != 0), .label = "LogicalXor", .formula = "one of a and b is 0")
/* clang-format on */

static const tp__op *const logic_ops[] = {
    &tp_isnan_op,       &tp_isinf_op,      &tp_isfinite_op,    &tp_logical_not_op,
    &tp_logical_and_op, &tp_logical_or_op, &tp_logical_xor_op, NULL};

const tp__family tp__family_logic = {"logic", "logic", logic_ops};
