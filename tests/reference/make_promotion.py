#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/promotion_cases.h: the element types and values PyTorch gives when it mixes them.

    python3 tests/reference/make_promotion.py > tests/promotion_cases.h

Made with PyTorch 1.13. An operand is a Python number (weak), a 0-d or a 1-d tensor; the default
type is float64, so that a plain floating number beside an integer array gives float64. Two plain
numbers are left out: Python adds them. Truth values count as uint8.
"""
import operator

import torch

torch.set_default_dtype(torch.float64)

DTYPES = {torch.float32: "TP_F32", torch.float64: "TP_F64", torch.int64: "TP_I64",
          torch.uint8: "TP_U8", torch.bool: "TP_U8"}
TYPES = [torch.float32, torch.float64, torch.int64, torch.uint8]
OPERANDS = (["weak_int", "weak_float"] + ["number_" + DTYPES[t][3:].lower() for t in TYPES]
            + ["array_" + DTYPES[t][3:].lower() for t in TYPES])
OPERATIONS = {"add": operator.add, "sub": operator.sub, "mul": operator.mul,
              "div": operator.truediv, "pow": operator.pow, "eq": operator.eq, "lt": operator.lt,
              "maximum": torch.maximum,
              "where": lambda a, b: torch.where(torch.tensor(True), a, b)}
# The left operand is 200, the right one 100 (3 for pow); plain floating ones are 0.5 larger.
LEFT, RIGHT, EXPONENT = 200, 100, 3

HEAD = """\
/* SPDX-License-Identifier: MIT
 *
 * What PyTorch gives when it mixes element types. Written by tests/reference/make_promotion.py. */
/* clang-format off */
#ifndef TP_PROMOTION_CASES_H
#define TP_PROMOTION_CASES_H

#include "tinypytorch/base.h"

enum promotion_operand {
    %s
};

/* The operation on left (%d) and right (%d; %d for pow), which are 0.5 larger when a plain floating
 * number: the result's type and value. */
typedef struct promotion_case {
    const char *operation;
    enum promotion_operand left, right;
    tp_dtype dtype;
    double value;
} promotion_case;

static const promotion_case promotion_cases[] = {"""


def operand(kind, value):
    if kind == "weak_int":
        return value
    if kind == "weak_float":
        return value + 0.5
    shape, name = kind.split("_")
    dtype = next(t for t in TYPES if DTYPES[t][3:].lower() == name)
    return torch.tensor(value if shape == "number" else [value], dtype=dtype)


def case(name, left, right):
    if left.startswith("weak") and right.startswith("weak"):
        return None
    if name in ("maximum", "where") and "weak" in left + right:
        return None
    a, b = operand(left, LEFT), operand(right, EXPONENT if name == "pow" else RIGHT)
    result = OPERATIONS[name](a, b)
    value = float(result.item())
    return '{"%s", %s, %s, %s, %r},' % (name, left, right, DTYPES[result.dtype], value)


print(HEAD % (",\n    ".join(OPERANDS), LEFT, RIGHT, EXPONENT))
for name in OPERATIONS:
    for left in OPERANDS:
        cases = [case(name, left, right) for right in OPERANDS]
        cases = [text for text in cases if text]
        for i in range(0, len(cases), 2):
            print("    " + " ".join(cases[i:i + 2]))
print("};\n\n#endif")
