/* SPDX-License-Identifier: MIT
 *
 * Truth of elements.
 */
#include "base/features.h"

#include "ops/elementwise.h"

#include <math.h>

#include "ops/families.h"
#include "tinypytorch.h"

/* clang-format off */
TP__PREDICATE1(IsNan, isnan, "x is not a number", isnan((double)x) != 0)
TP__PREDICATE1(IsInf, isinf, "x is infinite", isinf((double)x) != 0)
TP__PREDICATE1(IsFinite, isfinite, "x is finite", isfinite((double)x) != 0)
TP__PREDICATE1(LogicalNot, logical_not, "x = 0", x == 0)
TP__PREDICATE2(LogicalAnd, logical_and, "a ≠ 0 and b ≠ 0", a != 0 && b != 0)
TP__PREDICATE2(LogicalOr, logical_or, "a ≠ 0 or b ≠ 0", a != 0 || b != 0)
TP__PREDICATE2(LogicalXor, logical_xor, "one of a and b is 0", (a != 0) != (b != 0))
/* clang-format on */

static const tp__op *const logic_ops[] = {
    &isnan_op,       &isinf_op,      &isfinite_op,    &logical_not_op,
    &logical_and_op, &logical_or_op, &logical_xor_op, NULL};

const tp__family tp__family_logic = {"logic", "logic", logic_ops};
