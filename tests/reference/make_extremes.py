#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes first and second derivatives of elementwise functions at extreme points, by mpmath.

    python3 tests/reference/make_extremes.py > tests/reference/extremes.txt

Points are numbers of the type, those of float16 and bfloat16 small integers, derivatives those of the exact function there, from closed forms with
60 digits. A line of one operand: type, operation, x, f', f''. Of two: type, operation, a, b, then
the derivatives for a, b, aa, ab, bb. At infinities first derivatives are limits, and second ones,
which are 0 times infinity in places, are "nan".
"""
import struct

import mpmath as mp

mp.mp.dps = 60

ONE = mp.mpf(1)


def sech2(x):
    e = mp.exp(-2 * abs(x))
    return 4 * e / (1 + e) ** 2


def sigmoid(x):
    e = mp.exp(-abs(x))
    return (1 if x >= 0 else e) / (1 + e)


def bell(x):
    return sigmoid(x) * sigmoid(-x)


def tangent(x):
    """sigmoid's second derivative."""
    return -bell(x) * mp.tanh(x / 2)


def normal(x):
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def below(x):
    """The normal distribution."""
    if abs(x) > 1e10:
        return ONE if x > 0 else mp.mpf(0)
    return mp.erfc(-x / mp.sqrt(2)) / 2


def softplus(x):
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def gelu_tanh(x):
    """x σ(u), with u = 2 √(2/π) (x + 0.044715 x³), the constants as doubles."""
    c, k = 2 * mp.mpf(0.7978845608028654), mp.mpf(0.044715)
    u, u1, u2 = c * (x + k * x**3), c * (1 + 3 * k * x * x), 6 * c * k * x
    s, s1, s2 = sigmoid(u), bell(u), tangent(u)
    return s + x * s1 * u1, 2 * s1 * u1 + x * (s2 * u1 * u1 + s1 * u2)


def mish(x):
    """x t, with t = tanh p, p = softplus x; 1 − t² = sech² p."""
    p, p1, p2 = softplus(x), sigmoid(x), bell(x)
    t, s = mp.tanh(p), sech2(p)
    t1, t2 = s * p1, s * p2 - 2 * t * s * p1 * p1
    return t + x * t1, 2 * t1 + x * t2


def silu(x):
    return sigmoid(x) + x * bell(x), 2 * bell(x) + x * tangent(x)


def exponential(alpha, scale=ONE):
    """elu's derivatives: 1 above 0, α eˣ below."""
    return lambda x: (scale, mp.mpf(0)) if x > 0 else (scale * alpha * mp.exp(x),) * 2


def erfinv(x):
    y = mp.erfinv(x)
    slope = mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
    return slope, 2 * y * slope * slope


def logarithm(base):
    return lambda x: (1 / (x * mp.log(base)), -1 / (x * x * mp.log(base)))


def of(f1, f2):
    return lambda x: (f1(x), f2(x))


SELU, SELU_ALPHA = mp.mpf(1.0507009873554805), mp.mpf(1.6732632423543772)

TAILS = "0 -0.0 20 -20 40 -40"
SMALL = {"f32": "1e-22 -1e-22 1e-30", "f64": "1e-22 1e-154 -1e-154 1e-200"}
LARGE = {"f32": "1e22 -1e22 1e30 -1e30", "f64": "1e22 1e154 -1e154 1e200 -1e200"}
POSITIVE = {"f32": "1e-30 1e-22 20 1e22 1e30", "f64": "1e-200 1e-154 1e-22 20 1e22 1e154 1e200"}
NEAR = {"f32": "0.99999994 -0.99999994 0.9999 1e-22 -1e-30 0 0.5",
        "f64": "0.9999999999999999 -0.9999999999999999 0.99999999 1e-154 -1e-200 0 0.5"}


def everywhere(kind):
    return " ".join([TAILS, SMALL[kind], LARGE[kind], "17 -17 5 -5 10"])


def tails(kind):
    return " ".join([TAILS, SMALL[kind], "17 -17 5 -5 10"])


def positive(kind):
    return POSITIVE[kind]


def nonzero(kind):
    return " ".join([POSITIVE[kind], "-40", "-1e22"])


def near(kind):
    return NEAR[kind]


def fraction(kind):
    return {"f32": "1e-30 1e-17 0.99999994 0.25", "f64": "1e-150 1e-17 0.9999999999999999 0.25"}[kind]


def above_one(kind):
    return {"f32": "1.0000001 1.001 20 1e22 1e30", "f64": "1.0000000000000002 20 1e22 1e154 1e200"}[kind]


def above_minus_one(kind):
    return {"f32": "-0.99999994 1e-22 20 1e22 1e30",
            "f64": "-0.9999999999999999 1e-22 1e-200 20 1e22 1e154 1e200"}[kind]


UNARY = {
    "sqrt": (positive, of(lambda x: 1 / (2 * mp.sqrt(x)), lambda x: -1 / (4 * x * mp.sqrt(x)))),
    "rsqrt": (positive, of(lambda x: -1 / (2 * x * mp.sqrt(x)), lambda x: 3 / (4 * x * x * mp.sqrt(x)))),
    "reciprocal": (nonzero, of(lambda x: -1 / x**2, lambda x: 2 / x**3)),
    "square": (everywhere, of(lambda x: 2 * x, lambda x: mp.mpf(2))),
    "neg": (everywhere, of(lambda x: -ONE, lambda x: mp.mpf(0))),
    "exp": (tails, of(mp.exp, mp.exp)),
    "exp2": (tails, of(lambda x: 2**x * mp.log(2), lambda x: 2**x * mp.log(2) ** 2)),
    "expm1": (tails, of(mp.exp, mp.exp)),
    "log": (positive, logarithm(mp.e)),
    "log2": (positive, logarithm(2)),
    "log10": (positive, logarithm(10)),
    "log1p": (above_minus_one, of(lambda x: 1 / (1 + x), lambda x: -1 / (1 + x) ** 2)),
    "sin": (tails, of(mp.cos, lambda x: -mp.sin(x))),
    "cos": (tails, of(lambda x: -mp.sin(x), lambda x: -mp.cos(x))),
    "tan": (tails, of(lambda x: mp.sec(x) ** 2, lambda x: 2 * mp.tan(x) * mp.sec(x) ** 2)),
    "sinh": (tails, of(mp.cosh, mp.sinh)),
    "cosh": (tails, of(mp.sinh, mp.cosh)),
    "tanh": (everywhere, of(sech2, lambda x: -2 * mp.tanh(x) * sech2(x))),
    "sigmoid": (everywhere, of(bell, tangent)),
    "asin": (near, of(lambda x: 1 / mp.sqrt((1 - x) * (1 + x)), lambda x: x / ((1 - x) * (1 + x)) ** 1.5)),
    "acos": (near, of(lambda x: -1 / mp.sqrt((1 - x) * (1 + x)), lambda x: -x / ((1 - x) * (1 + x)) ** 1.5)),
    "atan": (everywhere, of(lambda x: 1 / (1 + x * x), lambda x: -2 * x / (1 + x * x) ** 2)),
    "asinh": (everywhere, of(lambda x: 1 / mp.sqrt(1 + x * x), lambda x: -x / (1 + x * x) ** 1.5)),
    "acosh": (above_one, of(lambda x: 1 / mp.sqrt((x - 1) * (x + 1)),
                            lambda x: -x / ((x - 1) * (x + 1)) ** 1.5)),
    "atanh": (near, of(lambda x: 1 / ((1 - x) * (1 + x)), lambda x: 2 * x / ((1 - x) * (1 + x)) ** 2)),
    "sinc": (everywhere, lambda x: (sinc_derivative(x, 1), sinc_derivative(x, 2))),
    "erf": (everywhere, of(lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
                           lambda x: -4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x))),
    "erfc": (everywhere, of(lambda x: -2 / mp.sqrt(mp.pi) * mp.exp(-x * x),
                            lambda x: 4 * x / mp.sqrt(mp.pi) * mp.exp(-x * x))),
    "erfinv": (near, erfinv),
    "lgamma": (positive, lambda x: (digamma(x), trigamma(x))),
    "polygamma": (positive, lambda x: (trigamma(x), tetragamma(x))),
    "logit": (fraction, of(lambda x: 1 / (x * (1 - x)), lambda x: (2 * x - 1) / (x * (1 - x)) ** 2)),
    "softplus": (everywhere, of(sigmoid, bell)),
    "logsigmoid": (everywhere, of(lambda x: sigmoid(-x), lambda x: -bell(x))),
    "silu": (everywhere, silu),
    "gelu": (everywhere, of(lambda x: below(x) + x * normal(x), lambda x: (2 - x * x) * normal(x))),
    "gelu_tanh": (everywhere, gelu_tanh),
    "mish": (everywhere, mish),
    "elu": (everywhere, exponential(mp.mpf(1.5))),
    "celu": (everywhere, lambda x: (ONE, mp.mpf(0)) if x > 0 else
             (mp.exp(x / mp.mpf(1.5)), mp.exp(x / mp.mpf(1.5)) / mp.mpf(1.5))),
    "selu": (everywhere, exponential(SELU_ALPHA, SELU)),
    "softsign": (everywhere, of(lambda x: 1 / (1 + abs(x)) ** 2, lambda x: -2 * mp.sign(x) / (1 + abs(x)) ** 3)),
    "leaky_relu": (nonzero, of(lambda x: ONE if x > 0 else mp.mpf(0.1), lambda x: mp.mpf(0))),
    "relu": (nonzero, of(lambda x: ONE if x > 0 else mp.mpf(0), lambda x: mp.mpf(0))),
    "abs": (nonzero, of(mp.sign, lambda x: mp.mpf(0))),
    "pow": (nonzero, of(lambda x: 3 * x * x, lambda x: 6 * x)),
}


def sinc_derivative(x, n):
    """Of sin(πx) / (πx): by its power series near 0, otherwise by the product rule."""
    if abs(x) < 1e-6:
        return [0, -mp.pi**2 * x / 3, -mp.pi**2 / 3 + mp.pi**4 * x * x / 10][n]
    z = mp.pi * x
    with mp.workdps(300):
        s, c, z = mp.sinpi(x), mp.cospi(x), mp.pi * x
        first = (c - s / z) / x
        return first if n == 1 else -mp.pi * s / x - 2 * first / x


def digamma(x):
    return mp.digamma(x) if x < 1e15 else mp.log(x) - 1 / (2 * x)


def trigamma(x):
    if x < 1e-10:
        return 1 / (x * x) + mp.pi**2 / 6
    return mp.polygamma(1, x) if x < 1e15 else 1 / x + 1 / (2 * x * x)


def tetragamma(x):
    if x < 1e-10:
        return -2 / x**3 - 2 * mp.zeta(3)
    return mp.polygamma(2, x) if x < 1e15 else -1 / (x * x) - 1 / x**3


def atan2(a, b):
    r = a * a + b * b
    return b / r, -a / r, -2 * a * b / r**2, (a * a - b * b) / r**2, 2 * a * b / r**2


def hypot(a, b):
    h = mp.sqrt(a * a + b * b)
    return a / h, b / h, b * b / h**3, -a * b / h**3, a * a / h**3


def logaddexp(a, b):
    s = bell(a - b)
    return sigmoid(a - b), sigmoid(b - a), s, -s, s


def xlogy(a, b):
    if a == 0 and b == 0:
        return (mp.mpf(0),) * 5
    return mp.log(b), a / b, mp.mpf(0), 1 / b, -a / (b * b)


def power(a, b):
    y, log = a**b, mp.log(a)
    return (b * a ** (b - 1), y * log, b * (b - 1) * a ** (b - 2),
            a ** (b - 1) * (1 + b * log), y * log * log)


def choice(larger):
    def chosen(a, b):
        takes = ONE if (a > b) == larger else mp.mpf(0)
        return takes, 1 - takes, mp.mpf(0), mp.mpf(0), mp.mpf(0)
    return chosen


def corners(kind):
    sizes = {"f32": "1e-23 1e-15 1e15 1e20", "f64": "1e-162 1e-100 1e100 1e154"}[kind].split()
    return [(s, s) for s in sizes] + [(sizes[0], "-" + sizes[0]), (sizes[-1], "-" + sizes[-1]),
                                      ("3", "4"), ("-2", "7")]


def far_apart(kind):
    return [("20", "-20"), ("-20", "20"), ("40", "0"), ("0", "40"), ("-100", "-60"), ("17", "0")]


def bases(kind):
    return {"f32": [("1e-22", "0.5"), ("1e22", "-0.5"), ("1e22", "0.5"), ("1e-10", "3")],
            "f64": [("1e-154", "0.5"), ("1e154", "-0.5"), ("1e200", "0.5"), ("1e-100", "3")]}[kind]


def entropies(kind):
    return {"f32": [("1e-30", "1e-30"), ("1e22", "1e22"), ("0", "0"), ("0", "1e-22")],
            "f64": [("1e-200", "1e-200"), ("1e154", "1e154"), ("0", "0"), ("0", "1e-154")]}[kind]


BINARY = {
    "add": (corners, lambda a, b: (ONE, ONE, mp.mpf(0), mp.mpf(0), mp.mpf(0))),
    "sub": (corners, lambda a, b: (ONE, -ONE, mp.mpf(0), mp.mpf(0), mp.mpf(0))),
    "mul": (corners, lambda a, b: (b, a, mp.mpf(0), ONE, mp.mpf(0))),
    "div": (corners, lambda a, b: (1 / b, -a / b**2, mp.mpf(0), -1 / b**2, 2 * a / b**3)),
    "maximum": (far_apart, choice(True)),
    "minimum": (far_apart, choice(False)),
    "atan2": (corners, atan2),
    "hypot": (corners, hypot),
    "logaddexp": (far_apart, logaddexp),
    "xlogy": (entropies, xlogy),
    "pow": (bases, power),
}


# First derivatives at +∞ and −∞, where functions have limits; None where they are not defined.
ENDS = {
    "tanh": (0, 0), "sigmoid": (0, 0), "exp": (None, 0), "exp2": (None, 0), "expm1": (None, 0),
    "log": (0, None), "log1p": (0, None), "log2": (0, None), "log10": (0, None), "sqrt": (0, None),
    "rsqrt": (0, None), "reciprocal": (0, 0), "atan": (0, 0), "asinh": (0, 0), "acosh": (0, None),
    "erf": (0, 0), "erfc": (0, 0), "softplus": (1, 0), "logsigmoid": (0, 1), "softsign": (0, 0),
    "relu": (1, 0), "abs": (1, -1), "elu": (1, 0), "celu": (1, 0), "selu": (SELU, 0),
    "leaky_relu": (1, mp.mpf(0.1)), "neg": (-1, -1),
}

# Of two operands, for a and b.
BINARY_ENDS = {
    "logaddexp": [("inf", "0", 1, 0), ("-inf", "0", 0, 1), ("1", "inf", 0, 1), ("inf", "inf", 0.5, 0.5),
                  ("-inf", "-inf", 0.5, 0.5)],
    "maximum": [("inf", "0", 1, 0), ("-inf", "0", 0, 1), ("inf", "inf", 0.5, 0.5)],
    "minimum": [("inf", "0", 0, 1), ("-inf", "0", 1, 0)],
    "add": [("inf", "0", 1, 1)],
}


def halves(kind):
    return "20 -20 17 5 -5 10 2 1 -1 0"


HALF = ("tanh sigmoid softplus logsigmoid silu gelu gelu_tanh mish expm1 elu celu selu softsign erf atan "
        "asinh").split()


def rounded(kind, text):
    value = float(text)
    return struct.unpack("f", struct.pack("f", value))[0] if kind == "f32" else value


def text(v):
    """Infinite or 0 where a double is."""
    if abs(v) > mp.mpf("1e310"):
        return "inf" if v > 0 else "-inf"
    return mp.nstr(mp.mpf(v), 18, min_fixed=0, max_fixed=0) if abs(v) > mp.mpf("1e-330") else "0"


def main():
    print("# Written by make_extremes.py.")
    for kind in ("f16", "bf16"):
        for name in HALF:
            for point in halves(kind).split():
                print(kind, name, point, *map(text, UNARY[name][1](mp.mpf(point))))
    for kind in ("f32", "f64"):
        for name, (points, f) in UNARY.items():
            for point in points(kind).split():
                x = rounded(kind, point)
                print(kind, name, repr(x), *map(text, f(mp.mpf(x))))
        for name, limits in ENDS.items():
            for point, limit in zip(("inf", "-inf"), limits):
                if limit is not None:
                    print(kind, name, point, text(limit), "nan")
        for name, ends in BINARY_ENDS.items():
            for a, b, *limits in ends:
                print(kind, name, a, b, *map(text, limits), "nan nan nan")
        for name, (points, f) in BINARY.items():
            for pair in points(kind):
                a, b = (rounded(kind, p) for p in pair)
                print(kind, name, repr(a), repr(b), *map(text, f(mp.mpf(a), mp.mpf(b))))


main()
