#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what PyTorch says about each case of the table test, in float64.

    build/release/tests/list_samples | python3 tests/reference/make_reference.py DIRECTORY [FAMILY…]

scripts/reference runs it after an operation or a sample was added. Each family of operations gets
a file in DIRECTORY. Made with PyTorch 1.13.

For a case y = f(x0, x1 …), with w, v0, v1 … the first elements of weight sets 0, 1, 2 …: the shape
and value of y; gradient i, that of sum(w y) for xi; second i, that of the sum of all
sum(vj gradient j) for xi, or "once" where PyTorch has no second derivative. Or "error". types.txt has the element types of a + b. An expression may use
torch, F (torch.nn.functional) and math.
"""
import math
import os
import sys

import torch
import torch.nn.functional as F

SET = 64  # weights in a set


def numbers(tensor):
    return " ".join(repr(v.item()) for v in tensor.detach().double().flatten())


def weighted(tensors, weights, first):
    """Each tensor times its set of weights, all added up."""
    total = 0
    for i, t in enumerate(tensors, first):
        total = total + (weights[i * SET:i * SET + t.numel()].reshape(t.shape) * t).sum()
    return total


def gradients(y, xs):
    """dy/dx for each x, zeros where y does not depend on it."""
    if not y.requires_grad:
        return [torch.zeros_like(x) for x in xs]
    found = torch.autograd.grad(y, xs, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for g, x in zip(found, xs)]


def report(case, weights):
    """The lines of one case."""
    shapes = [[int(s) for s in part.split(",") if s.strip()] for part in case["shapes"].split(";")]
    xs = [torch.tensor(v, dtype=torch.float64).reshape(s).requires_grad_()
          for v, s in zip(case["operands"], shapes)]
    names = {"x%d" % i: x for i, x in enumerate(xs)}
    try:
        y = eval(case["torch"], {"torch": torch, "F": F, "math": math, **names})
    except (RuntimeError, IndexError, ValueError):
        return ["error"]
    except (AttributeError, NameError, SyntaxError, TypeError) as reason:
        sys.exit(f"{case['case']} of {case['family']}: PyTorch cannot run {case['torch']!r}: {reason}.\n"
                 "Give the record's sample an expression of x0, x1 … in torch, F and math, "
                 "x0 / (1 + x0.abs()), or its .torch (TP__FLOAT_UNARY_NAMED) a function: "
                 "F.softsign, (lambda x: x / (1 + x.abs()))")
    first = gradients(weighted([y], weights, 0), xs)
    lines = ["shape " + ",".join(map(str, y.shape)), "value " + numbers(y)]
    lines += ["gradient%d %s" % (i, numbers(g)) for i, g in enumerate(first)]
    if case["orders"] == "1":
        return lines
    try:
        second = gradients(weighted(first, weights, 1), xs)
    except RuntimeError as error:
        if "is not implemented" not in str(error):
            raise
        return lines + ["once"]
    lines += ["second%d %s" % (i, numbers(g)) for i, g in enumerate(second)]
    return lines


def read(lines):
    """The weights and the list of cases."""
    cases, weights, family = [], None, None
    for line in lines:
        word, _, rest = line.rstrip("\n").partition(" ")
        if word == "weights":
            weights = torch.tensor([float.fromhex(v) for v in rest.split()], dtype=torch.float64)
        elif word == "family":
            family = rest
        elif word == "case":
            cases.append({"case": rest, "family": family, "operands": []})
        elif word == "operand":
            cases[-1]["operands"].append([float.fromhex(v) for v in rest.split()])
        else:
            cases[-1][word] = rest
    return weights, cases


def promotions():
    """type and ndim of a, of b, and the type of a + b."""
    types = (torch.float32, torch.float64, torch.int64, torch.uint8, torch.int32, torch.bool,
             torch.float16, torch.bfloat16)
    name = lambda dtype: str(dtype).replace("torch.", "")
    for a in types:
        for b in types:
            for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
                result = torch.result_type(torch.zeros([2] * i, dtype=a),
                                           torch.zeros([2] * j, dtype=b))
                yield "promote %s %d %s %d %s" % (name(a), i, name(b), j, name(result))


def main():
    directory, wanted = sys.argv[1], sys.argv[2:]
    weights, cases = read(sys.stdin)
    families = {case["family"] for case in cases}
    unknown = [name for name in wanted if name not in families]
    if unknown:
        sys.exit("no family %s; there are %s" % (", ".join(unknown), ", ".join(sorted(families))))
    files = {"types": list(promotions())}
    for case in cases:
        if wanted and case["family"] not in wanted:
            continue
        lines = files.setdefault(case["family"], [])
        lines.append("case %s: %s: %s" % (case["case"], case["shapes"], case["torch"]))
        lines += [line.rstrip() for line in report(case, weights)]
    for name, lines in files.items():
        with open(os.path.join(directory, name + ".txt"), "w") as file:
            file.write("# Written by make_reference.py.\n" + "\n".join(lines) + "\n")


main()
