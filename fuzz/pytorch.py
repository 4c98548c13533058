# SPDX-License-Identifier: MIT
"""A program's calls in PyTorch: in its own types, in float64, with operands that are off."""
import functools
import math
import random
import re
import warnings

import torch
import torch.nn.functional as F

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

TYPES = {name: getattr(torch, name) for name in
         ("float32", "float64", "int64", "uint8", "int32", "bool", "float16", "bfloat16")}
NAMES = {dtype: name for name, dtype in TYPES.items()}
HALF = (torch.float16, torch.bfloat16)
ULP = {torch.float64: 2**-52, torch.float32: 2**-23, torch.float16: 2**-10, torch.bfloat16: 2**-7}
# PyTorch's functions of some names exist for fewer types or take no numbers: nothing to compare.
UNABLE = re.compile("not implemented|not supported|unsupported|does not support|must be Tensor|"
                    "received an invalid combination|object has no attribute|expected Tensor|"
                    "Expected .*(scalar type|dtype)|expected scalar type|same dtype|"
                    "Input type|only support|expected m1 and m2|low precision|must match the weight|"
                    "mixed dtype|only.*floating|floating point|must be tensor|expected dtype|"
                    "INTERNAL ASSERT|can't be cast|cannot do hardtanh|expected a tensor .* of float|"
                    "the same scalar type|dtypes to match|view size is not compatible|"
                    "returned an invalid gradient")
MOVES = 256  # a flag of op.h


class Unable(Exception):
    """PyTorch cannot say."""


def weights(which, n):
    """The first n weights of a set, as table.h has them."""
    multiples = ((which * 64 + k + 1) * 0.6180339887498949 for k in range(n))
    return torch.tensor([(2 * math.floor(64 * (u - math.floor(u))) - 63) / 64 for u in multiples])


def weighted(tensors, first):
    total = 0
    for i, t in enumerate(tensors, first):
        dtype = t.dtype if t.dtype.is_floating_point else torch.float64
        total = total + (weights(i, t.numel()).to(dtype).reshape(t.shape) * t).sum()
    return total


class Run:
    """A program in PyTorch. double: all floating values in float64; copies: operations read copies
    of their operands, so that later edits do not matter; nudge: operands and results off by ulps."""

    def __init__(self, double=False, copies=False, nudge=0):
        self.double, self.copies, self.nudge = double, copies, nudge
        self.values, self.variables, self.ulp = [], [], 2**-52

    def run(self, steps):
        for step in steps:
            try:
                self.step(step)
            except (RuntimeError, IndexError, ValueError, TypeError, Unable):
                if step.kind != "edit":
                    self.values.append(None)
        return self

    def step(self, step):
        value = getattr(self, step.kind)(step)
        if step.cast and value.dtype != step.cast and not (
                self.double and step.cast.is_floating_point):
            value = value.to(step.cast)
        if step.kind != "edit":
            self.values.append(value)
        return value

    def leaf(self, step):
        dtype = torch.float64 if self.double and step.dtype.is_floating_point else step.dtype
        data = torch.tensor(step.numbers, dtype=step.dtype).reshape(step.shape).to(dtype).clone()
        self.ulp = max(self.ulp, ULP.get(step.dtype, 0))
        if self.nudge and dtype.is_floating_point:
            generator = random.Random(self.nudge)
            shift = {n: 1 + generator.choice((-2, -1, 1, 2)) * ULP[step.dtype]
                     for n in sorted(set(v for v in step.numbers if v == v))}
            data = data * torch.tensor([shift.get(v, 1) for v in step.numbers]).reshape(
                step.shape).to(dtype)
        if step.variable:
            self.variables.append(data.requires_grad_())
        return data

    def number(self, step):
        return step.value

    def call(self, step):
        xs = [self.values[i] for i in step.operands]
        tensors = [x for x in xs if isinstance(x, torch.Tensor)]
        moves = step.case.flags & MOVES  # as they are, and perhaps as a view
        half = [x.dtype for x in tensors if x.dtype in HALF and not moves]
        if step.case.typed and not all(x.dtype.is_floating_point for x in tensors):
            raise Unable("the expression mixes types")
        if any(x.dtype == torch.uint8 for x in tensors) and re.search(r"-x\d", step.case.torch):
            raise Unable("PyTorch's bytes wrap where the expression negates them")
        if "torch._VF" in step.case.torch and any(x.numel() == 0 for x in tensors):
            raise Unable("PyTorch's cells read beyond what is empty, and crash")
        if self.copies or self.nudge:
            xs = [x.clone() if isinstance(x, torch.Tensor) else x for x in xs]
        if half and not self.double:
            y = self.view_of(step.case, xs)
            if y is not None:
                return y
            xs = [x.double() if isinstance(x, torch.Tensor) and x.dtype in HALF else x for x in xs]
        y = self.evaluate(step.case, xs)
        if self.nudge and y.dtype.is_floating_point and not moves:
            y = y * self.rounding(y.detach())
        if half and not self.double and y.dtype == torch.float64:
            y = y.to(self.half_type(step.case, [self.values[i] for i in step.operands]))
        return y

    def view_of(self, case, xs):
        """The result if it shares elements with an operand, and so computes nothing."""
        try:
            y = self.evaluate(case, xs)
        except (RuntimeError, IndexError, ValueError, Unable):
            return None
        places = [x.storage().data_ptr() for x in xs if isinstance(x, torch.Tensor)]
        return y if y.numel() and y.storage().data_ptr() in places else None

    def rounding(self, y):
        """Factors as far from 1 as what rounding a result does to it; 1 where it is whole."""
        generator = torch.Generator().manual_seed(self.nudge * 1000 + len(self.values))
        sign = 2 * torch.randint(0, 2, y.shape, generator=generator) - 1
        shift = self.ulp * (sign * torch.randint(1, 3, y.shape, generator=generator)).to(y.dtype)
        return torch.where(y == y.round(), torch.zeros_like(y), shift) + 1

    def half_type(self, case, xs):
        """The type that PyTorch gives, if it can be asked, or that of the operands together."""
        try:
            with torch.no_grad():
                return self.evaluate(case, xs).dtype
        except (RuntimeError, IndexError, ValueError, Unable):
            floats = [x for x in xs if isinstance(x, torch.Tensor) and x.dtype.is_floating_point]
            arrays = [x for x in floats if x.dim() > 0]
            return functools.reduce(torch.promote_types, [x.dtype for x in arrays or floats])

    @staticmethod
    def evaluate(case, xs):
        names = {"torch": torch, "F": F, "math": math}
        names.update(("x%d" % i, x) for i, x in enumerate(xs))
        try:
            y = eval(case.code, names)
        except (TypeError, AttributeError) as error:
            raise Unable(str(error))
        except (RuntimeError, IndexError, ValueError) as error:
            if UNABLE.search(str(error)):
                raise Unable(str(error))
            raise
        return y if isinstance(y, torch.Tensor) else torch.tensor(y)

    def view(self, step):
        x = self.values[step.operands[0]]
        y = step.view(x)
        return y.double() if self.double and y.dtype.is_floating_point else y

    def edit(self, step):
        target, source = (self.values[i] for i in step.operands)
        with torch.no_grad():
            getattr(target, step.what + "_")(source)
        return target

    def gradients(self, y):
        """First and second derivatives for the variables, or what it says."""
        first = second = None
        try:
            first = self.sweep(weighted([self.values[y]], 0))
            second = self.sweep(weighted(first, 1))
        except RuntimeError as error:
            return first, second, str(error)
        return first, second, None

    def sweep(self, total):
        if not isinstance(total, torch.Tensor) or not total.requires_grad:
            return [torch.zeros_like(x) for x in self.variables]
        found = torch.autograd.grad(total, self.variables, create_graph=True, allow_unused=True)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, self.variables)]

    def jvp(self, y, i):
        """The derivative of a value along a variable's direction; None if PyTorch cannot say."""
        try:
            return self.along(y, i)
        except RuntimeError as error:
            if UNABLE.search(str(error)):
                return None
            raise

    def along(self, y, i):
        y, x = self.values[y], self.variables[i]
        v = weights(1, x.numel()).to(x.dtype).reshape(x.shape)
        u = torch.ones_like(y, requires_grad=True)  # some rules drop a NaN beside 0
        g = torch.autograd.grad(y, x, u, create_graph=True, allow_unused=True)[0]
        if g is None or not g.requires_grad:
            return torch.zeros_like(y)
        d = torch.autograd.grad(g, u, v, allow_unused=True)[0]
        return torch.zeros_like(y) if d is None else d
