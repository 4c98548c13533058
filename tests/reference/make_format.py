#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/format_cases.h: arrays and the text NumPy's str() gives for them.

    python3 tests/reference/make_format.py > tests/format_cases.h

Made with NumPy 1.24. Values repeat until the shape is full.
"""
import math

import numpy as np

nan, inf = math.nan, math.inf
DTYPES = {"TP_F32": np.float32, "TP_F64": np.float64, "TP_I64": np.int64, "TP_U8": np.uint8}
C_TYPES = {"TP_F32": "float", "TP_F64": "double", "TP_I64": "int64_t", "TP_U8": "uint8_t"}
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
THIRDS = [1 / 3, 2 / 3, 1]

# (title, [(dtype, shape, values)])
CASES = [
    ("numbers: the fewest digits that read back", [
        ("TP_F64", (), [v]) for v in (
            2.0, -0.0, 0.1, 1 / 3, 1e-4, 9.999e-5, 1e-5, 123456.789, 9999999999999998.0, 1e16,
            1.5e300, 2.0**-44, 5e-324, nan, -inf)
    ] + [
        ("TP_F32", (), [v]) for v in (0.1, 1 / 3, 16777216.0, 45446832.0, 1e16, 2.0**-149, inf)
    ] + [
        ("TP_I64", (), [INT64_MIN]), ("TP_U8", (), [255]),
    ]),
    ("positional notation", [
        ("TP_F64", (1,), [2.0]),
        ("TP_F64", (2, 3), [1, 2, 3, 4, 5, 6]),
        ("TP_F64", (3,), THIRDS),
        ("TP_F32", (3,), THIRDS),
        ("TP_F64", (5,), [0, -0.0, -1.5, 100, 0.25]),
        ("TP_F64", (3,), [0.123456785, 0.9999999999, 2.0**-9]),
        ("TP_F64", (2,), [99999999.0, 99999.999]),
        ("TP_F32", (1,), [45446832.0]),
        ("TP_F64", (2,), [0.0, -0.0]),
    ]),
    ("exponents: from 1e8 on, below 1e-4, or where the largest is over 1000 times the smallest", [
        ("TP_F64", (2,), [1e8, 1e6]),
        ("TP_F64", (2,), [0.00009, 0.01]),
        ("TP_F64", (2,), [1000.0, 1.0]),
        ("TP_F64", (2,), [1000.5, 1.0]),
        ("TP_F64", (3,), [1.23456789012, -1e-300, 0.0]),
        ("TP_F64", (2,), [9.9999999999e9, 1e100]),
        ("TP_F32", (3,), [0.1, 1e9, 3.4028234663852886e38]),
        ("TP_F32", (2,), [2.0**-149, 1.0]),
    ]),
    ("not finite", [
        ("TP_F64", (3,), [nan, 1.0, 2.5]),
        ("TP_F64", (3,), [inf, -inf, nan]),
        ("TP_F64", (2,), [nan, inf]),
        ("TP_F64", (3,), [-inf, 0.0, 1.0]),
        ("TP_F64", (3,), [nan, -1e20, inf]),
        ("TP_F32", (2, 2), [nan, -0.125, inf, 3.0]),
    ]),
    ("integers", [
        ("TP_I64", (2, 2), [1, -20, 300, 4]),
        ("TP_I64", (2,), [INT64_MIN, INT64_MAX]),
        ("TP_U8", (2, 3), [0, 255, 7]),
    ]),
    ("empty", [
        ("TP_F64", (0,), []), ("TP_F32", (0, 3), []), ("TP_I64", (2, 0, 4), []),
    ]),
    ("lines of 75 columns", [
        ("TP_F64", (24,), [1.0]), ("TP_F64", (25,), [1.0]),
        ("TP_F64", (30,), [0.5, 1.0]),
        ("TP_F64", (2, 12), [1e10, 1.25]),
        ("TP_I64", (2, 1, 5), [10**17, -(10**17)]),
        ("TP_U8", (40,), [255, 1]),
    ]),
    ("more dimensions", [
        ("TP_F64", (2, 2, 2), [1, 2, 3, 4.5]),
        ("TP_F32", (1, 2, 2, 1), [1, -2]),
        ("TP_U8", (1,) * 8, [9]),
        ("TP_I64", (2,) * 5, [1, 22]),
    ]),
    ("more than 1000 elements: the ends only", [
        ("TP_U8", (1000,), [3]),
        ("TP_F64", (1001,), [1.0, 2.5]),
        ("TP_I64", (8, 200), list(range(-3, 12))),
        ("TP_F32", (5, 300), [0.1, 0.2, 0.3]),
        ("TP_F64", (7, 1, 200), [1e-7, 1.0, nan]),
        ("TP_F64", (1200,), [12345.678901, -0.00012]),
    ]),
]

HEAD = """\
/* SPDX-License-Identifier: MIT
 *
 * Arrays and their text: what NumPy's str() gives, with 9 more spaces after each newline.
 * Written by tests/reference/make_format.py. */
/* clang-format off */
#ifndef TP_FORMAT_CASES_H
#define TP_FORMAT_CASES_H

#include <math.h>
#include <stdint.h>

#include "tinypytorch/base.h"

/* The values repeat until the shape is full. */
typedef struct format_case {
    tp_dtype dtype;
    int ndim;
    int64_t shape[TP_MAX_NDIM];
    int n_values;
    const void *values;
    const char *text;
} format_case;

static const format_case format_cases[] = {"""


def literal(dtype, value):
    """A C constant with exactly this value."""
    if dtype in ("TP_I64", "TP_U8"):
        return "INT64_MIN" if value == INT64_MIN else str(value)
    if math.isnan(value):
        return "NAN" if dtype == "TP_F32" else "(double)NAN"
    if math.isinf(value):
        return ("-" if value < 0 else "") + ("HUGE_VALF" if dtype == "TP_F32" else "HUGE_VAL")
    # The shortest text of the rounded value: single precision has its own.
    return str(np.float32(value)) + "f" if dtype == "TP_F32" else repr(float(value))


def entry(dtype, shape, values):
    array = np.resize(np.array(values, DTYPES[dtype]), shape)
    if shape == ():
        array = np.array(values[0], DTYPES[dtype])
    lines = str(array).replace("\n", "\n" + " " * 9).split("\n")
    text = "\n     ".join(['"%s\\n"' % line for line in lines[:-1]] + ['"%s"' % lines[-1]])
    sizes = ", ".join(map(str, shape)) or "0"
    constants = ", ".join(literal(dtype, v) for v in values)
    data = "(const %s[]){%s}" % (C_TYPES[dtype], constants) if values else "NULL"
    return "    {%s, %d, {%s}, %d, %s,\n     %s}," % (
        dtype, len(shape), sizes, len(values), data, text)


print(HEAD)
for title, cases in CASES:
    print("    /* %s */" % title)
    for case in cases:
        print(entry(*case))
print("};\n\n#endif")
