#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random programs in TinyPytorch and in PyTorch, compared call by call.

A program makes a few values and calls operations on them, one after the other: those of the table
of operations (so that a new record takes part by itself, with the PyTorch expression of its
samples), views, conversions, edits in place. After each call shape, element type and elements are
compared, or whether both refuse; at the end the gradients and second derivatives of a weighted sum
and directional derivatives. calls.c makes the calls, by the protocol at its head.

What is compared with. PyTorch computes each program in its own types. Where elements differ by
more than rounding, it computes it again in float64 (the truth for smaller types; operations on
half types always go through float64, since it does not round them as it says) and with operands
that are off by an ulp: how much the result moves then is what rounding may do to it. An edit that
makes PyTorch refuse a gradient is judged against the same program with copies.

Each program follows from its number. differences.py lists what differs on purpose, and where
PyTorch is wrong, with the reasons.
"""
import argparse
import collections
import math
import random
import re
import subprocess
import sys
import time

import torch

import differences
from pytorch import NAMES, TYPES, ULP, UNABLE, Run, Unable

DOMAINS = ("anywhere", "positive", "not zero", "distinct", "base positive", "inside", "fraction",
           "above one")
SPECIAL = (0.0, -0.0, math.inf, -math.inf, math.nan, 1.0, -1.0, 1e30, -1e30, 1e-30, 1e200, 1e-200,
           0.5, 2.0, 88.0, 710.0)


class Disagreement(Exception):
    """What comes after the first one says nothing."""


# --- TinyPytorch ---

class Reply:
    """One value: dtype and a float64 tensor, or an error."""

    def __init__(self, line):
        word, _, rest = line.partition(" ")
        self.error = rest if word == "error" else None
        if word == "value":
            dtype, shape, *numbers = rest.split()
            self.dtype = TYPES[dtype]
            self.shape = () if shape == "-" else tuple(map(int, shape.split("x")))
            self.elements = torch.tensor([float.fromhex(v) for v in numbers]).reshape(self.shape)


class Calls:
    """The program calls."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        lines = []
        for reply in self.process.stdout:
            if reply == "done\n":
                return lines
            lines.append(reply.rstrip("\n"))
        raise SystemExit("calls ended with status %s after: %s" % (self.process.wait(), line))


class Case:
    """A row of the table, with the shapes of all rows that call the same."""

    def __init__(self, line):
        number, self.name, shapes, flags, domain, elementwise, self.torch = line.split("|", 6)
        self.number = int(number)
        self.domain = DOMAINS[int(domain)]
        self.elementwise = elementwise == "1"
        self.flags = int(flags)
        self.shapes = [self.parse(shapes)]
        self.code = compile(self.torch, self.torch, "eval")
        self.typed = re.search(r"torch\.(eye|tensor|full|arange|ones|zeros|linspace)\(|float64|"
                               r"double\(|float\(", self.torch)

    @staticmethod
    def parse(shapes):
        return [tuple(int(s) for s in part.split(",") if s.strip()) for part in shapes.split(";")]


def read_cases(calls, wanted):
    cases = {}
    for line in calls("cases")[:-1]:
        case = Case(line)
        if wanted and not re.fullmatch(wanted, case.name):
            continue
        known = cases.setdefault((case.name, case.torch), case)
        if known is not case and len(case.shapes[0]) == len(known.shapes[0]):
            known.shapes += case.shapes
    by_name = collections.defaultdict(list)
    for case in cases.values():
        by_name[case.name].append(case)
    return by_name


# --- Programs ---

class Step:
    """One call: its line for calls, and what it is for PyTorch."""

    def __init__(self, line, kind, **rest):
        self.line, self.kind = line, kind
        self.cast = None  # comparisons give uint8, PyTorch's bool: what follows takes the same
        self.__dict__.update(rest)

    def __str__(self):
        return self.line + ("   # " + self.case.torch if self.kind == "call" else "")


def shape_text(shape):
    return "x".join(map(str, shape)) or "-"


class Program:
    """A random program, run in both as it is made."""

    def __init__(self, number, cases, calls, report):
        self.random = random.Random(number)
        self.number, self.cases, self.calls, self.report = number, cases, calls, report
        self.steps, self.native, self.ours = [], Run(), []
        self.wild = self.random.random() < 0.2
        self.edited, self.distance = False, math.inf
        r = self.random.random()
        self.dtypes = ([torch.float64] if r < 0.5 else [torch.float32] if r < 0.75 else
                       [torch.bfloat16] if r < 0.82 else [torch.float16] if r < 0.88 else
                       list(TYPES.values()))

    # Making values

    def numbers(self, n, dtype, domain, i):
        r = self.random
        if dtype == torch.bool:
            return [r.randrange(2) for _ in range(n)]
        if not dtype.is_floating_point:
            low = 0 if dtype == torch.uint8 else -4
            return [r.randrange(low, 6) for _ in range(n)]
        if self.wild:
            pool = [self.rounded(r.choice(SPECIAL), dtype) for _ in range(3)]
            return [r.choice(pool) if r.random() < 0.7 else self.plain(domain, i) for _ in range(n)]
        if r.random() < 0.15:  # ties
            pool = [self.plain(domain, i) for _ in range(2)]
            return [r.choice(pool) for _ in range(n)]
        return [self.plain(domain, i) for _ in range(n)]

    @staticmethod
    def rounded(value, dtype):
        return torch.tensor(value, dtype=dtype).double().item()

    def plain(self, domain, i):
        u = self.random.randrange(1, 64) / 64
        if domain == "positive" or (domain == "base positive" and i == 0):
            return 4 * u
        if domain == "above one":
            return 1 + 3 * u
        if domain == "fraction":
            return u
        if domain == "inside":
            return 2 * u - 1
        value = 6 * u - 3
        return 0.25 if domain in ("not zero", "distinct") and value == 0 else value

    def add(self, step):
        """Runs a step in both; the value's number, or None if either refuses."""
        self.steps.append(step)
        error = None
        try:
            value = self.native.step(step)
        except Unable:
            value, error = None, "unable"
        except (RuntimeError, IndexError, ValueError) as problem:
            value, error = None, "unable" if UNABLE.search(str(problem)) else str(problem)
        if error and step.kind != "edit":
            self.native.values.append(None)
        reply = Reply((self.calls(step.line) or ["error no reply"])[0])
        if step.kind != "edit":
            self.ours.append(reply)
        if step.kind == "number":
            return len(self.ours) - 1
        if error == "unable":
            self.report.count("unable", step)
            if step.kind == "edit":
                raise Disagreement
        elif error or reply.error:
            if bool(error) != bool(reply.error):
                self.report.refusal(self, step, error, reply.error)
        else:
            self.compare(step, "value", reply, value)
            if step.kind != "edit" and reply.dtype != value.dtype:
                step.cast = reply.dtype
                self.native.values[-1] = value.to(reply.dtype)
            return len(self.ours) - 1
        return None

    def leaf(self, shape, domain="anywhere", i=0, dtype=None):
        dtype = dtype or self.random.choice(self.dtypes)
        variable = dtype.is_floating_point and self.random.random() < 0.7 and len(
            self.native.variables) < 6
        numbers = self.numbers(math.prod(shape), dtype, domain, i)
        line = "%s %s %s %s" % ("variable" if variable else "constant", NAMES[dtype],
                                shape_text(shape), " ".join(float(v).hex() for v in numbers))
        return self.add(Step(line, "leaf", dtype=dtype, shape=shape, numbers=numbers,
                             variable=variable))

    def number_value(self):
        whole = self.random.random() < 0.5
        value = self.random.choice(range(-2, 4) if whole else (0.5, -1.5, 2.25, 1e-3))
        return self.add(Step("number %s %r" % ("i" if whole else "f", value), "number", value=value))

    # Choosing

    def existing(self, accepts):
        found = [k for k, v in enumerate(self.native.values)
                 if isinstance(v, torch.Tensor) and accepts(v)]
        return self.random.choice(found[-3:]) if found else None

    def elementwise_shapes(self, n):
        r = self.random
        sizes = (1, 2, 3, 4) if r.random() < 0.9 else (0, 1, 2)
        base = [r.choice(sizes) for _ in range(r.choice((0, 1, 1, 2, 2, 3)))]
        if n == 1 or r.random() < 0.5:
            return [tuple(base)] * n
        shapes = []
        for _ in range(n):
            shape = base[r.choice((0, 0, 0, 1)):]
            shapes.append(tuple(1 if r.random() < 0.2 else s for s in shape))
        return shapes

    def call(self):
        r = self.random
        case = r.choice(self.cases[r.choice(sorted(self.cases))])
        n = len(case.shapes[0])
        shapes = self.elementwise_shapes(n) if case.elementwise else r.choice(case.shapes)
        if not case.elementwise and r.random() < 0.1:
            shapes = [tuple(r.randrange(4) if r.random() < 0.2 else s for s in shape)
                      for shape in shapes]
        operands, numbers = [], False
        for i, shape in enumerate(shapes):
            old = None
            if r.random() < 0.8:
                old = self.existing(lambda v: case.elementwise and v.dim() < 5 and
                                    (not operands or i == 0) or tuple(v.shape) == shape)
            if case.elementwise and n > 1 and not numbers and r.random() < 0.1:
                old = self.number_value()
                numbers = True
            if old is None:
                old = self.leaf(shape, case.domain, i)
            if old is None:
                return None
            operands.append(old)
        line = "call %d %s" % (case.number, " ".join(map(str, operands)))
        return self.add(Step(line, "call", case=case, operands=operands, shapes=list(shapes)))

    def view(self):
        r = self.random
        at = self.existing(lambda v: v.dim() < 5)
        if at is None:
            return self.leaf((2, 3))
        x = self.native.values[at]
        axis = r.randrange(-1, max(x.dim(), 1))
        other = r.randrange(max(x.dim(), 1))
        size = x.shape[axis] if x.dim() else 1
        start, stop, step = r.randrange(-3, 4), r.randrange(-3, 6), r.randrange(1, 3)
        shape = r.choice([(-1,), tuple(x.shape) + (1,), (1,) + tuple(x.shape), tuple(x.shape[::-1])])
        wide = (r.randrange(1, 3),) + tuple(x.shape)
        dtype = r.choice(self.dtypes + [torch.float64])
        name, line, view = r.choice((
            ("transpose", "transpose %d %d %d" % (at, axis, other), lambda v: v.transpose(axis, other)),
            ("slice", "slice %d %d %d %d %d" % (at, axis, start, stop, step),
             lambda v: v[(slice(None),) * (axis % max(v.dim(), 1)) + (slice(start, stop, step),)]),
            ("select", "select %d %d %d" % (at, axis, r.randrange(max(size, 1))), None),
            ("reshape", "reshape %d %s" % (at, shape_text(shape)), lambda v: v.reshape(shape)),
            ("expand", "expand %d %s" % (at, shape_text(wide)), lambda v: v.expand(wide)),
            ("unsqueeze", "unsqueeze %d %d" % (at, axis), lambda v: v.unsqueeze(axis)),
            ("detach", "detach %d" % at, lambda v: v.detach()),
            ("to", "to %s %d" % (NAMES[dtype], at), lambda v: v.to(dtype))))
        if view is None:
            index = int(line.split()[-1])
            view = lambda v: v.select(axis, index)
        if x.dim() == 0 and name in ("slice", "select", "transpose"):
            return at
        return self.add(Step(line, "view", operands=[at], view=view, name=name))

    def edit(self):
        r = self.random
        target = self.existing(lambda v: v.grad_fn is None)
        if target is None:
            return
        shape = tuple(self.native.values[target].shape)
        source = self.existing(lambda v: tuple(v.shape) == shape)
        if source is None or r.random() < 0.5:
            source = self.leaf(shape if r.random() < 0.7 else shape[1:])
        what = r.choice(("add", "sub", "mul", "div", "copy"))
        self.add(Step("edit %s %d %d" % (what, target, source), "edit", what=what,
                      operands=[target, source], name=what + "_"))
        self.edited = True
        for k, v in enumerate(self.native.values):  # whoever shares elements sees the edit
            if isinstance(v, torch.Tensor) and not self.ours[k].error:
                reply = Reply(self.calls("show %d" % k)[0])
                if not reply.error:
                    self.compare(self.steps[-1], "alias", reply, v, k)

    def run(self):
        self.calls("program")
        for _ in range(1 if self.wild else self.random.choice((1, 1, 1, 2, 2, 3, 4, 6))):
            r = self.random.random()
            if r < 0.75:
                self.call()
            elif r < 0.9:
                self.view()
            else:
                self.edit()
        self.derivatives()

    def names(self):
        """What it calls."""
        return [step.case.name if step.kind == "call" else getattr(step, "name", step.kind)
                for step in self.steps if step.kind not in ("leaf", "number")]

    # Comparing

    def derivatives(self):
        known = [k for k, v in enumerate(self.native.values) if isinstance(v, torch.Tensor)
                 and v.dtype.is_floating_point and not self.ours[k].error and v.grad_fn is not None]
        xs = [next(k for k, v in enumerate(self.native.values) if v is x)
              for x in self.native.variables]
        if not known or not xs:
            return
        y, step = known[-1], self.steps[-1]
        first, second, error = self.native.gradients(y)
        replies = [Reply(line) for line in
                   self.calls("gradients %d %s" % (y, " ".join(map(str, xs))))]
        refusal = next((reply.error for reply in replies if reply.error), None)
        replies = [reply for reply in replies if not reply.error]
        if error and UNABLE.search(error):
            error = None
        if self.edited and error:
            first, second, _ = Run(copies=True).run(self.steps).gradients(y)
        elif bool(error) != bool(refusal) and not (error and "derivative" in error):
            self.report.refusal(self, step, error, refusal, "derivative")
        for k in range(len(xs)):
            if first is not None and k < len(replies):
                self.compare(step, "gradient", replies[k], first[k], (y, k))
            if second is not None and k + len(xs) < len(replies):
                self.compare(step, "second", replies[k + len(xs)], second[k], (y, k))
        if not refusal and second is not None and not self.edited:
            for k, x in enumerate(xs):
                reply = Reply(self.calls("jvp %d %d" % (y, x))[0])
                value = self.native.jvp(y, k)
                if reply.error:
                    self.report.refusal(self, step, None, reply.error, "jvp")
                elif value is not None:
                    self.compare(step, "jvp", reply, value, (y, k))

    def finite(self):
        """Whether all that it begins with is."""
        return all(math.isfinite(v) for s in self.steps if s.kind == "leaf" for v in s.numbers)

    def empty(self):
        """Whether some value has no elements."""
        return any(isinstance(v, torch.Tensor) and v.numel() == 0 for v in self.native.values)

    def ties(self):
        """Whether some value has equal elements, or had before an edit."""
        if any(s.kind == "leaf" and len(set(s.numbers)) < len(s.numbers) for s in self.steps):
            return True
        return any(isinstance(v, torch.Tensor) and
                   v.double().nan_to_num(1e300, math.inf, -math.inf).unique().numel() < v.numel()
                   for v in self.native.values)

    def has(self, number):
        """Whether some value has an element of this number."""
        return any(isinstance(v, torch.Tensor) and bool((v == number).any())
                   for v in self.native.values)

    def whole(self):
        """Whether some value has an element that is a whole number and not 0."""
        floats = (v.double() for v in self.native.values
                  if isinstance(v, torch.Tensor) and v.dtype.is_floating_point)
        return any(bool(((v == v.round()) & (v != 0)).any()) for v in floats)

    def strange(self):
        """Whether it has special values, or some value is infinite or NaN."""
        return self.wild or any(isinstance(v, torch.Tensor) and not v.double().isfinite().all()
                                for v in self.native.values)

    def extreme(self):
        """Whether the square of a number that it begins with may over- or underflow."""
        return any(v != 0 and not 1e-15 < abs(v) < 1e15 for s in self.steps if s.kind == "leaf"
                   for v in s.numbers)

    def dependent(self):
        """Whether the first columns of a matrix of qr's, x + 3 (see its sample), are dependent."""
        for step in self.steps:
            if step.kind == "call" and step.case.name == "qr":
                x = self.native.values[step.operands[0]].detach().double()
                r = torch.linalg.qr(x + 3 * torch.eye(*x.shape[-2:]))[1].diagonal(0, -2, -1).abs()
                if bool((r.amin(-1) < 1e-12 * r.amax(-1)).any()):
                    return True
        return False

    def overlaps(self):
        """Whether a value is edited by another view of its elements."""
        for step in self.steps:
            if step.kind == "edit" and len(set(step.operands)) == 2:
                target, source = (self.native.values[i] for i in step.operands)
                if target.storage().data_ptr() == source.storage().data_ptr():
                    return True
        return False

    def twice(self):
        """Whether some call has an operand twice."""
        return any(step.kind == "call" and len(set(step.operands)) < len(step.operands)
                   for step in self.steps)

    def mixed(self):
        """Whether its values have several types."""
        return len({v.dtype for v in self.native.values if isinstance(v, torch.Tensor)}) > 1

    def holds(self, dtype):
        """Whether some value is of this type."""
        return any(isinstance(v, torch.Tensor) and v.dtype == dtype for v in self.native.values)

    def misfit(self):
        """Whether some call has operands of shapes that its samples do not have."""
        return any(step.kind == "call" and not step.case.elementwise and
                   step.shapes not in step.case.shapes for step in self.steps)

    def close(self, tolerance):
        """Whether the disagreement is no larger than that."""
        return self.distance <= tolerance

    def again(self, kind, at, **how):
        """The same number by another run."""
        run = Run(**how).run(self.steps)
        try:
            if kind in ("value", "alias"):
                value = run.values[at]
            elif kind == "jvp":
                value = run.jvp(*at)
            else:
                value = run.gradients(at[0])[kind == "second"][at[1]]
        except (RuntimeError, TypeError, IndexError, AttributeError):
            return None
        return None if value is None else value.detach().double()

    def compare(self, step, kind, reply, value, at=None):
        self.report.compared += 1
        value = value.detach()
        if at is None:
            at = step.operands[0] if step.kind == "edit" else len(self.ours) - 1
        if reply.shape != tuple(value.shape):
            self.report.differ(self, step, kind + " shape", "%s, PyTorch %s" % (
                shape_text(reply.shape), shape_text(value.shape)))
            return
        typed = step.kind == "call" and step.case.typed
        if reply.dtype != value.dtype and kind == "value" and not typed and not (
                {reply.dtype, value.dtype} == {torch.bool, torch.uint8}):
            self.report.differ(self, step, "type", "%s, PyTorch %s" % (
                NAMES[reply.dtype], NAMES[value.dtype]))
        ours, theirs = reply.elements, value.double()
        dtypes = [d for d in self.dtypes if d.is_floating_point] + [reply.dtype]
        ulp = max(ULP.get(d, 2**-52) for d in dtypes)
        tolerance = 2000 * ulp if ulp < 2**-20 else 8 * ulp
        calls = [s for s in self.steps if s.kind == "call"]
        apart = not self.twice()  # x / x cancels
        if len(calls) == len(self.names()) == 1 and calls[0].case.elementwise and apart and (
                kind != "second"):
            scale = theirs.abs() + (1e-300 if ulp < 2**-50 else 1e-35)
        else:
            scale = max([0.01] + theirs[theirs.isfinite()].abs().flatten().tolist())
        bad = self.off(ours, theirs, tolerance * scale)
        if not bad.any():
            return
        runs = [self.again(kind, at, double=True, copies=True)]
        runs += [self.again(kind, at, double=True, copies=True, nudge=n) for n in (1, 2, 3)]
        if any(r is None or r.shape != theirs.shape for r in runs):
            self.report.count("not judged", step)
            return
        truth = runs[0]
        moved = torch.stack([(r - truth).abs() for r in runs[1:]]).amax(0)
        moved = torch.where(moved.isnan() | torch.stack([r.isnan() for r in runs]).any(0) & ~truth.isnan(),
                            math.inf, moved)
        moved = torch.where(truth.isfinite() | (moved == math.inf) & ~truth.isnan(), moved, 0.0)
        room = tolerance * scale + 100 * moved
        if ulp > 2**-50 and not self.wild:  # what PyTorch loses anywhere in the array
            lost = (theirs - truth).abs()
            room = room + 10 * max([0.0] + lost[lost.isfinite()].tolist())
        still = bad & self.off(ours, truth, room)
        if ulp > 2**-50 and not still.any():
            self.report.count("PyTorch rounds more", step)
            return
        if not still.any():
            self.report.count("ill-conditioned", step)
            return
        by = ((ours - theirs).abs() / (1 + theirs.abs())).nan_to_num(math.inf)
        by = torch.where(still, by, -1.0).flatten()
        k = by.argmax().item()
        self.distance = by[k].item()
        self.report.differ(self, step, kind, "element %d is %.17g, PyTorch %.17g, in float64 %.17g" % (
            k, ours.flatten()[k], theirs.flatten()[k], truth.flatten()[k]))

    @staticmethod
    def off(a, b, room):
        same = (a == b) | (a.isnan() & b.isnan())
        near = (a - b).abs() <= room
        return ~(same | near)


class Report:
    def __init__(self, verbose):
        self.verbose, self.compared = verbose, 0
        self.counts = collections.Counter()
        self.seen = collections.Counter()
        self.known = collections.Counter()

    def count(self, what, step):
        self.counts[what] += 1

    def refusal(self, program, step, theirs, ours, what="call"):
        text = "refused: %s" % ours if ours else "accepted; PyTorch: %s" % theirs.split("\n")[0][:200]
        self.differ(program, step, what + (" refused" if ours else " accepted"), text)

    def differ(self, program, step, kind, text):
        names = program.names()
        reason = differences.known(names, kind, text, program)
        if reason:
            self.known[reason] += 1
            raise Disagreement
        key = (names[-1], kind, program.wild)
        self.seen[key] += 1
        if self.seen[key] <= (1000 if self.verbose else 2):
            print("disagreement in program %d: %s, %s: %s" % (
                program.number, ", ".join(names), kind, text))
            for line in program.steps:
                print("    | %s" % str(line)[:300])
            sys.stdout.flush()
        raise Disagreement


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("calls", nargs="?", help="the program calls")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=int(time.time()) * 1000)
    parser.add_argument("--count", type=int, default=0, help="so many programs, whatever the time")
    parser.add_argument("--operation", help="only operations of these names, a regular expression")
    parser.add_argument("--verbose", action="store_true", help="every case of a disagreement")
    parser.add_argument("--proofs", action="store_true", help="where PyTorch is wrong, and stop")
    given = parser.parse_args()
    if given.proofs:
        differences.print_proofs()
        return 0
    calls = Calls(given.calls)
    cases = read_cases(calls, given.operation)
    report = Report(given.verbose)
    print("seed %d" % given.seed)
    end, number = time.time() + 60 * given.minutes, given.seed
    while (number < given.seed + given.count) if given.count else time.time() < end:
        try:
            Program(number, cases, calls, report).run()
        except Disagreement:
            pass
        number += 1
    for what, n in sorted(report.counts.items()):
        print("%8d %s" % (n, what))
    for what, n in sorted(report.known.items()):
        print("%8d known: %s" % (n, what))
    print("%8d comparisons" % report.compared)
    print("%d programs, %d disagreements of %d kinds" % (
        number - given.seed, sum(report.seen.values()), len(report.seen)))
    return 1 if report.seen else 0


if __name__ == "__main__":
    sys.exit(main())
