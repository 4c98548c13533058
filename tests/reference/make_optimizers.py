# SPDX-License-Identifier: MIT
#
# Writes optimizer_cases.h, what torch.optim makes of three float64 parameters in 50 steps:
#     /usr/bin/python3 tests/reference/make_optimizers.py > tests/reference/optimizer_cases.h
# Parameters and gradients are multiples of 1/16, exact in every type. test_optimizer.c makes the same.
#
# PyTorch 1.13 has no Lion, and no decoupled weight decay and no maximize in RAdam: these are written
# here by the papers' formulas. Its NAdam is wrong: the factor of m is to be 1 − μ₁ … μₜ₊₁ (Dozat 2016,
# and PyTorch from 2.0 on), where 1.13 has mu_product * mu * mu_next with μₜ in mu_product already; so
# NAdam is written here too. All are in float64.
import torch

torch.set_default_dtype(torch.float64)  # of what is remembered as a number

SHAPES = [(3, 4), (2,), ()]
STEPS = 50
MORE = 1e-2
CASES = {
    "sgd": [{}, {"weight_decay": 0.25}, {"momentum": 0.9},
            {"momentum": 0.9, "dampening": 0.5, "weight_decay": 0.125, "maximize": True},
            {"momentum": 0.75, "nesterov": True, "weight_decay": 0.5}],
    "adagrad": [{}, {"lr_decay": 0.01, "weight_decay": 0.25, "initial_accumulator_value": 0.1},
                {"eps": 1e-3, "maximize": True}],
    "adadelta": [{}, {"rho": 0.75, "eps": 1e-4, "weight_decay": 0.25}, {"maximize": True}],
    "rmsprop": [{}, {"centered": True, "weight_decay": 0.25}, {"momentum": 0.9, "alpha": 0.9},
                {"momentum": 0.5, "centered": True, "eps": 1e-3, "maximize": True}],
    "adam": [{}, {"weight_decay": 0.25, "amsgrad": True},
             {"beta1": 0.5, "beta2": 0.75, "eps": 0.01, "maximize": True},
             {"beta1": 0.5, "beta2": 0.6, "amsgrad": True}],
    "adamw": [{}, {"weight_decay": 0.25, "amsgrad": True, "beta2": 0.8},
              {"weight_decay": 0.0, "maximize": True}],
    "adamax": [{}, {"weight_decay": 0.25, "beta2": 0.9}, {"eps": 0.01, "maximize": True}],
    "nadam": [{}, {"weight_decay": 0.25, "momentum_decay": 0.1},
              {"weight_decay": 0.25, "decoupled_weight_decay": True, "maximize": True}],
    "radam": [{}, {"weight_decay": 0.25, "beta2": 0.9},
              {"weight_decay": 0.25, "decoupled_weight_decay": True, "maximize": True}],
    "lion": [{}, {"weight_decay": 0.25, "beta1": 0.5}, {"maximize": True, "beta2": 0.9}],
}
LR = {"adadelta": 1.0}
CLASSES = {"sgd": "SGD", "adagrad": "Adagrad", "adadelta": "Adadelta", "rmsprop": "RMSprop",
           "adam": "Adam", "adamw": "AdamW", "adamax": "Adamax", "radam": "RAdam"}


def parameter(k, size):
    return [((7 * i + 3 * k) % 11 - 5) / 8 for i in range(size)]


def gradient(k, size, step):
    return [((5 * i + 2 * k + 3 * step * step) % 13 - 5) / 16 for i in range(size)]


class NAdam:
    """Dozat 2016, "Incorporating Nesterov Momentum into Adam"."""

    def __init__(self, params, lr, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0,
                 momentum_decay=4e-3):
        self.params, self.lr, self.betas, self.eps = params, lr, betas, eps
        self.decay, self.fade = weight_decay, momentum_decay
        self.state = [[0, 1.0, torch.zeros_like(p), torch.zeros_like(p)] for p in params]

    def step(self):
        for p, state in zip(self.params, self.state):
            if p.grad is None:
                continue
            t, product, m, v = state
            t += 1
            g = p.grad + self.decay * p.data
            mu, after = (self.betas[0] * (1 - 0.5 * 0.96 ** (s * self.fade)) for s in (t, t + 1))
            product *= mu
            m = self.betas[0] * m + (1 - self.betas[0]) * g
            v = self.betas[1] * v + (1 - self.betas[1]) * g * g
            ahead = (1 - mu) / (1 - product) * g + after / (1 - product * after) * m
            root = torch.sqrt(v / (1 - self.betas[1] ** t)) + self.eps
            p.data = p.data - self.lr * ahead / root
            state[:] = t, product, m, v


class Lion:
    """Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2."""

    def __init__(self, params, lr, betas=(0.9, 0.99), weight_decay=0.0, maximize=False):
        self.params, self.lr, self.betas = params, lr, betas
        self.decay, self.sign = weight_decay, -1 if maximize else 1
        self.m = [torch.zeros_like(p) for p in params]

    def step(self):
        for k, p in enumerate(self.params):
            if p.grad is None:
                continue
            g = self.sign * p.grad
            c = self.betas[0] * self.m[k] + (1 - self.betas[0]) * g
            p.data = p.data - self.lr * (torch.sign(c) + self.decay * p.data)
            self.m[k] = self.betas[1] * self.m[k] + (1 - self.betas[1]) * g


def run(kind, options):
    options = {**options}
    if "beta1" in options or "beta2" in options:
        usual = (0.9, 0.99 if kind == "lion" else 0.999)
        options["betas"] = options.pop("beta1", usual[0]), options.pop("beta2", usual[1])
    lr = LR.get(kind, MORE)
    sizes = [torch.Size(shape).numel() for shape in SHAPES]
    params = [torch.nn.Parameter(torch.tensor(parameter(k, size), dtype=torch.float64)
                                 .reshape(SHAPES[k])) for k, size in enumerate(sizes)]
    decoupled = options.pop("decoupled_weight_decay", False)
    decay = options.pop("weight_decay") if decoupled else 0
    sign = -1 if kind in ("nadam", "radam") and options.pop("maximize", False) else 1
    make = {"lion": Lion, "nadam": NAdam}.get(kind) or getattr(torch.optim, CLASSES[kind])
    optimiser = make(params, lr=lr, **options)
    for step in range(1, STEPS + 1):
        for k, size in enumerate(sizes):
            # The second parameter has a gradient only from step 4 on, and none in step 9.
            has = k != 1 or (step > 3 and step != 9)
            params[k].grad = sign * torch.tensor(gradient(k, size, step), dtype=torch.float64) \
                .reshape(SHAPES[k]) if has else None
            if has and decoupled:
                params[k].data *= 1 - lr * decay
        optimiser.step()
    return [value for p in params for value in p.detach().flatten().tolist()]


def value(v):
    return str(v).lower() if isinstance(v, bool) else repr(float(v))


print(f"""/* SPDX-License-Identifier: MIT
 * Generated by tests/reference/make_optimizers.py with torch {torch.__version__.split('+')[0]}. */
/* clang-format off */""")
table = []
for kind, cases in CASES.items():
    for number, options in enumerate(cases):
        name, lr = f"{kind}_{number}", value(LR.get(kind, MORE))
        fields = "".join(f", .{k} = {value(v)}" for k, v in options.items())
        values = ", ".join(f"{v:.17g}" for v in run(kind, options))
        print(f"static tp_optimizer *make_{name}(tp_var *const *params, int n)\n"
              f"{{\n    return tp_{kind}_new(params, n, {lr}{fields});\n}}")
        table.append(f"    {{\"{name}\", make_{name}, {{{values}}}}},")
print("static const optimizer_case optimizer_cases[] = {")
print("\n".join(table))
print("};")

LBFGS = [{"lr": 0.5, "max_iter": 8}, {"lr": 0.25, "max_iter": 4, "history_size": 2},
         {"lr": 1.0, "line_search_fn": "strong_wolfe", "max_iter": 5},
         {"lr": 0.5, "line_search_fn": "strong_wolfe", "max_iter": 3, "history_size": 3},
         {"lr": 4.0, "line_search_fn": "strong_wolfe", "max_iter": 2, "history_size": 3},
         {"lr": 0.25, "max_iter": 10, "max_eval": 3, "tolerance_grad": 1e-3}]


def lbfgs_run(options):
    p = torch.nn.Parameter(torch.tensor(parameter(0, 3)) + 1)
    q = torch.nn.Parameter(torch.tensor(0.5))
    o = torch.optim.LBFGS([p, q], **options)

    def closure():
        o.zero_grad()
        loss = ((p ** 2 + q - torch.tensor([1.0, 2.0, 3.0])) ** 2).sum() \
            + ((p - q) ** 4).sum() / 4 + q ** 2
        loss.backward()
        return loss

    rows = []
    for _ in range(4):
        rows.append([float(o.step(closure))] + p.tolist() + [q.item()])
    return rows


table = []
for number, options in enumerate(LBFGS):
    options = {**options}
    rows = lbfgs_run(options)
    lr = options.pop("lr")
    if options.pop("line_search_fn", None):
        options["strong_wolfe"] = True
    fields = "".join(f", .{k} = {str(v).lower()}" for k, v in options.items())
    print(f"static tp_optimizer *make_lbfgs_{number}(tp_var *const *params)\n"
          f"{{\n    return tp_lbfgs_new(params, 2, {lr}{fields});\n}}")
    table.append(f"    {{make_lbfgs_{number}, {{"
                 + ",\n      ".join("{" + ", ".join(f"{v:.17g}" for v in r) + "}" for r in rows) + "}},")
print("static const lbfgs_case lbfgs_cases[] = {")
print("\n".join(table))
print("};\n/* clang-format on */")
