#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the derivatives of smooth functions to order 16, from mpmath 1.2 with 80 digits.

    python3 tests/reference/make_series.py > tests/reference/series.txt

A line: the operation, a point, and its derivatives of orders 1 to 16 there, to 17 digits.
"""
import mpmath as mp

mp.mp.dps = 80
ORDER = 16


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


FUNCTIONS = {
    "sqrt": (mp.sqrt, "0.7 2.5"),
    "rsqrt": (lambda x: 1 / mp.sqrt(x), "0.7 2.5"),
    "reciprocal": (lambda x: 1 / x, "0.7 -2.5"),
    "square": (lambda x: x * x, "0.7 -2.5"),
    "exp": (mp.exp, "0.5 -1.5"),
    "exp2": (lambda x: mp.power(2, x), "0.5 -1.5"),
    "expm1": (mp.expm1, "0.5 -1.5"),
    "log": (mp.log, "0.7 2.5"),
    "log1p": (mp.log1p, "0.25 1.5"),
    "log2": (lambda x: mp.log(x, 2), "0.7 2.5"),
    "log10": (mp.log10, "0.7 2.5"),
    "sin": (mp.sin, "0.5 -2"),
    "cos": (mp.cos, "0.5 -2"),
    "tan": (mp.tan, "0.5 -0.25"),
    "sinh": (mp.sinh, "0.5 -2"),
    "cosh": (mp.cosh, "0.5 -2"),
    "tanh": (mp.tanh, "1 -0.5"),
    "sigmoid": (sigmoid, "1 -0.5"),
    "asin": (mp.asin, "0.25 -0.5"),
    "acos": (mp.acos, "0.25 -0.5"),
    "atan": (mp.atan, "0.5 -1.5"),
    "asinh": (mp.asinh, "0.5 -1.5"),
    "acosh": (mp.acosh, "1.75 3"),
    "atanh": (mp.atanh, "0.25 -0.5"),
    "erf": (mp.erf, "0.5 -1"),
    "erfc": (mp.erfc, "0.5 -1"),
    "softplus": (lambda x: mp.log1p(mp.exp(x)), "0.5 -1"),
    "silu": (lambda x: x * sigmoid(x), "0.5 -1"),
    "gelu": (lambda x: x * (1 + mp.erf(x / mp.sqrt(2))) / 2, "0.5 -1"),
    "logit": (lambda x: mp.log(x / (1 - x)), "0.25 0.5"),
    "logsigmoid": (lambda x: -mp.log1p(mp.exp(-x)), "0.5 -1"),
    "lgamma": (mp.loggamma, "1.5 3"),
}


def main():
    print("# Written by make_series.py.")
    for name, (function, points) in FUNCTIONS.items():
        for point in points.split():
            series = mp.taylor(function, mp.mpf(point), ORDER)
            derivatives = [c * mp.factorial(k) for k, c in enumerate(series)]
            print(name, point, " ".join(mp.nstr(d, 18) for d in derivatives[1:]))


main()
