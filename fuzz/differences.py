# SPDX-License-Identifier: MIT
"""What differs from PyTorch, and why.

PYTORCH_WRONG: PyTorch's number is wrong. Each entry has a proof: a closed form, or mpmath, beside what
PyTorch says (1.13, Debian's); scripts/compare-pytorch --proofs prints them.
CHOSEN: both are right in their own way, and the header says what TinyPytorch does.

An entry is the names of operations in the program, the kind of disagreement, and what its text or the
program must be: all regular expressions but the last, which is a function of the program.
"""
import math
import re

import mpmath
import torch

mpmath.mp.dps = 40


class Difference:
    def __init__(self, names, kinds, reason, text="", when=lambda program: True, proof=None):
        self.names, self.kinds, self.text = names, kinds, text
        self.reason, self.when, self.proof = reason, when, proof

    def fits(self, names, kind, text, program):
        return (any(re.fullmatch(self.names, name) for name in names) and
                re.fullmatch(self.kinds, kind) and re.search(self.text, text) and
                self.when(program))


def derivative(f, x, order=1):
    """Of a PyTorch function of one number."""
    x = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    y = f(x)
    for _ in range(order):
        y, = torch.autograd.grad(y, x, create_graph=True)
    return y.item()


# --- Proofs: what is right, what PyTorch says ---

def prove_sinc():
    """sin(πx) / (πx) = 1 − (πx)² / 6 + …"""
    return -math.pi**2 / 3, derivative(torch.sinc, 0.0, 2)


def prove_trigamma():
    """ψ′(1.3)"""
    return float(mpmath.polygamma(1, mpmath.mpf(1.3))), derivative(torch.lgamma, 1.3, 2)


def prove_pole():
    """ψ′ near −1 is 1 / (x + 1)², at −1 infinite"""
    return math.inf, derivative(torch.lgamma, -1.0, 2)


def prove_polygamma():
    """ψ″(0.3)"""
    return (float(mpmath.polygamma(2, mpmath.mpf(0.3))),
            torch.polygamma(2, torch.tensor(0.3, dtype=torch.float64)).item())


def prove_atan2():
    """∂ atan2(1, x) / ∂x = −1 / (1 + x²), at 1; PyTorch negates the byte 1 to 255"""
    x = torch.ones(1, dtype=torch.float64, requires_grad=True)
    torch.atan2(torch.ones(1, dtype=torch.uint8), x).backward()
    return -0.5, x.grad.item()


def prove_kron():
    """∂ kron([a], [b]) / ∂b = a = 1 when it was computed; a was edited to 10 since, and PyTorch does
    not notice"""
    a, b = (torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    y = torch.kron(a, b)
    with torch.no_grad():
        a.mul_(10)
    y.backward()
    return 1.0, b.grad.item()


def prove_cosine_embedding():
    """1 − cosine of a vector and itself"""
    a = torch.tensor([[0.01, 0.0]], dtype=torch.float64)
    return 0.0, torch.nn.functional.cosine_embedding_loss(
        a, a, torch.ones(1, dtype=torch.float64)).item()


def prove_cumprod():
    """∂ x₀ / ∂x₀ of cumprod's first element, at ∞"""
    x = torch.tensor([math.inf, 1.0], dtype=torch.float64, requires_grad=True)
    torch.cumprod(x, 0)[0].backward()
    return 1.0, x.grad[0].item()


def prove_cumprod_of_small():
    """The first row of the Hessian of x + xy + xyz + xyzw, summed, at (1e-200, -1e30, 0.84, 1e30):
    1 + y + z + yz + yw + zw"""
    x = torch.tensor([1e-200, -1e30, 0.84375, 1e30], dtype=torch.float64, requires_grad=True)
    g, = torch.autograd.grad(torch.cumprod(x, 0).sum(), x, create_graph=True)
    return -1e60, torch.autograd.grad(g.sum(), x)[0][0].item()


def prove_prod_of_zeros():
    """∂² (x y z) / ∂x ∂y = z = 2 at (0, 0, 2)"""
    x = torch.tensor([0.0, 0.0, 2.0], dtype=torch.float64)
    return 2.0, torch.autograd.functional.hessian(torch.prod, x)[0, 1].item()


def prove_prod_of_small():
    """∂² (x y z) / ∂z² at (−0.1875, 710, 1e-30)"""
    x = torch.tensor([-0.1875, 710.0, 1e-30], dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda x: torch.prod(x, 0), x)
    return 0.0, hessian[2, 2].item()


def prove_sinc_of_whole():
    """sin(4π) / (4π)"""
    return 0.0, torch.sinc(torch.tensor(4.0, dtype=torch.float64)).item()


def prove_tanh():
    """tanh″ = −2 tanh (1 − tanh²) at 14"""
    t = mpmath.tanh(14)
    return float(-2 * t * mpmath.sech(14)**2), derivative(torch.tanh, 14.0, 2)


def prove_root():
    """(−∞)^0.5 is ∞ by IEEE 754, as in C and NumPy; PyTorch takes the square root"""
    return math.inf, torch.pow(torch.tensor(-math.inf), 0.5).item()


def prove_convolution():
    """How many channels a convolution of no channels has whose weight has one to give"""
    y = torch.nn.functional.conv1d(torch.zeros(1, 0, 3), torch.zeros(1, 0, 1))
    return 1, y.shape[1]


def prove_prelu():
    """The slope's derivative where it takes no part"""
    x = torch.tensor(math.inf, dtype=torch.float64)
    return 0.0, derivative(lambda a: torch.where(x > 0, x, a * x), 0.5)


def prove_remainder():
    """2 mod x of a variable x has derivatives, −⌊2 / x⌋; PyTorch records a function that cannot be
    differentiated, and so does not see that x is edited"""
    x = torch.tensor([0.75], dtype=torch.float64, requires_grad=True)
    try:
        torch.remainder(2, x).sum().backward()
    except RuntimeError as error:
        return -2.0, str(error).split("\n")[0]
    return -2.0, x.grad.item()


def prove_clamp():
    """clamp(x, a, a) is a"""
    return 1.0, derivative(lambda a: torch.clamp(torch.tensor(0.0).double(), a, a), 1.0)


def prove_sigmoid():
    """σ′(40) = e⁻⁴⁰ / (1 + e⁻⁴⁰)²"""
    return (float(mpmath.exp(-40) / (1 + mpmath.exp(-40))**2), derivative(torch.sigmoid, 40.0))


def prove_softmax():
    """∂ softmax(x)₀ / ∂x₀ = p₀ p₁ at (40, 0)"""
    return (float(mpmath.exp(-40) / (1 + mpmath.exp(-40))**2),
            derivative(lambda x: torch.softmax(torch.stack((x, x * 0)), 0)[0], 40.0))


def prove_layer_norm():
    """(x − mean) / √variance of {1e200, −1e200}"""
    x = torch.tensor([1e200, -1e200], dtype=torch.float64)
    return 1.0, torch.nn.functional.layer_norm(x, (2,))[0].item()


def prove_cdist():
    """∂ |x − 1e200| / ∂x at 0, of the formula with squares and a root"""
    return -1.0, derivative(lambda x: (x - 1e200).square().sqrt(), 0.0)


def prove_pinv():
    """∂ (A⁻¹)₁₀ / ∂A₀₀ = c / (a² d) of A = (a, 0; c, d) at (−2.0625, 0; 710, 2)"""
    return 710 / (2.0625**2 * 2), derivative(lambda x: torch.linalg.pinv(torch.stack((
        torch.stack((x, 0 * x)), torch.stack((0 * x + 710, 0 * x + 2)))))[1, 0], -2.0625)


def prove_edit():
    """(1, 2; 3, 4) minus its first row, in place: the last element"""
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    return 2.0, x.sub_(x[0].expand(2, 2))[1, 1].item()


def prove_hypot():
    """√(x² + 1e-400)″ + √(x² + 0.84²)″ at 1e-30: 1 / 0.84 and almost 0"""
    b = torch.tensor([1e-200, 0.84], dtype=torch.float64)
    return 1 / 0.84, derivative(lambda x: torch.hypot(x, b).sum(), 1e-30, 2)


def prove_acosh():
    """acosh′(x) = 1 / √(x² − 1), 1e-200 at 1e200, where x² is infinite"""
    return 1e-200, derivative(torch.acosh, 1e200)


def prove_prod():
    """∂ (x y) / ∂x = y at x = ∞"""
    x = torch.tensor([math.inf, 2.0], dtype=torch.float64, requires_grad=True)
    torch.prod(x).backward()
    return 2.0, x.grad[0].item()


def prove_polygamma_far():
    """ψ″(x) is between −1 / x² − 2 / x³ and −1 / x² for large x: 0 at ∞"""
    return 0.0, torch.polygamma(2, torch.tensor(math.inf, dtype=torch.float64)).item()


def prove_softsign():
    """softsign′(x) = 1 / (1 + |x|)², at 1e30; at ∞ PyTorch says NaN"""
    return 1e-60, derivative(torch.nn.functional.softsign, 1e30)


def prove_cosine():
    """The cosine of a vector and itself, whose squares overflow"""
    a = torch.tensor([1e200, 1.0], dtype=torch.float64)
    return 1.0, torch.nn.functional.cosine_similarity(a, a, 0).item()


def prove_logaddexp():
    """∂² ln(eˣ + eᵇ) / ∂x² = σ(x − b) σ(b − x), 0 for b = 1e200"""
    return 0.0, derivative(lambda x: torch.logaddexp(x, torch.tensor(1e200)), 0.0, 2)


def prove_gelu_tail():
    """x Φ(x) at −7"""
    x = mpmath.mpf(-7)
    return float(x * mpmath.ncdf(x)), torch.nn.functional.gelu(torch.tensor(-7.0).double()).item()


def prove_gelu():
    """(x Φ(x))″ = (2 − x²) φ(x), at 1e200"""
    x = mpmath.mpf(1e200)
    return float((2 - x * x) * mpmath.npdf(x)), derivative(torch.nn.functional.gelu, 1e200, 2)


def prove_logsumexp():
    """∂ ln(eˣ + eʸ) / ∂x is 1/2 where x = y, and that of y as well"""
    x = torch.full((2,), 1e200, dtype=torch.float64, requires_grad=True)
    torch.logsumexp(x, 0).backward()
    return 0.5, x.grad[0].item()


def prove_interpolate():
    """Linear interpolation at the place of a pixel, −∞ beside 1, is that pixel"""
    x = torch.tensor([[[[-math.inf, 1.0]]]], dtype=torch.float64)
    return -math.inf, torch.nn.functional.interpolate(
        x, (1, 3), mode="bilinear", align_corners=True)[0, 0, 0, 0].item()


def prove_less():
    """Whether 1 < −2"""
    return False, torch.lt(torch.tensor(1, dtype=torch.uint8), -2).item()


def prove_vander():
    """(1 + x + x² + x³)″ = 2 + 6 x at 1e-30"""
    return 2.0, derivative(lambda x: torch.linalg.vander(x.reshape(1), N=4).sum(), 1e-30, 2)


PYTORCH_WRONG = [
    Difference("sinc", "second|jvp", "the second derivative of sinc at 0", "PyTorch -?(nan|0)",
               proof=prove_sinc),
    Difference("lgamma|digamma|polygamma", "second|gradient|value|jvp|alias",
               "polygamma is good to 10 digits only", proof=prove_polygamma,
               when=lambda program: program.close(1e-8)),
    Difference("lgamma", "second", "the second derivative of lgamma is good to 10 digits only",
               proof=prove_trigamma, when=lambda program: program.close(1e-8)),
    Difference("lgamma|digamma|polygamma", "second|gradient|value|jvp",
               "poles of polygamma are large numbers of either sign", "is -?inf, PyTorch -?[0-9]",
               proof=prove_pole),
    Difference("atan2", "gradient|second|jvp", "the derivative of atan2 beside a uint8",
               proof=prove_atan2,
               when=lambda program: program.holds(torch.uint8)),
    Difference("kron", "derivative refused", "kron's gradient after an edit of its operand",
               "edited", proof=prove_kron),
    Difference("cosine_embedding_loss", "value|gradient|second|jvp|alias",
               "cosine_embedding_loss adds 1e-12 to squared norms", proof=prove_cosine_embedding,
               when=lambda program: program.close(1e-7) or program.wild and program.extreme()),
    Difference("cumprod", "second", "cumprod's second derivatives divide by products",
               "is -?[0-9]", proof=prove_cumprod_of_small,
               when=lambda program: program.wild and program.extreme()),
    Difference("cumprod|vander", "gradient|second|jvp", "cumprod's gradient at infinity",
               "PyTorch nan", proof=prove_cumprod, when=lambda program: program.strange()),
    Difference("vander", "second", "vander's second derivative divides by x", proof=prove_vander,
               when=lambda program: program.wild and (program.extreme() or program.has(0))),
    Difference("polygamma|digamma|lgamma", "value|gradient|second|jvp", "polygamma at infinity",
               "is -?0, PyTorch nan", proof=prove_polygamma_far,
               when=lambda program: program.wild),
    Difference("softsign", "gradient|second|jvp", "softsign's derivatives in the tail",
               "PyTorch (nan|-?0)", proof=prove_softsign, when=lambda program: program.wild),
    Difference("cosine_similarity", "value|gradient|second|jvp", "cosines of what is huge",
               proof=prove_cosine, when=lambda program: program.wild and program.extreme()),
    Difference("logaddexp", "gradient|second|jvp", "logaddexp's derivatives in the tail",
               "is -?[0-9].*PyTorch (nan|-?0)", proof=prove_logaddexp, when=lambda program: program.wild),
    Difference("gelu", "value|alias", "gelu loses digits in the tail", proof=prove_gelu_tail,
               when=lambda program: len(program.names()) > 1 and program.close(1e-3)),
    Difference("gelu.*", "gradient|second|jvp", "gelu's derivatives in the tail",
               "is -?[0-9].*PyTorch nan", proof=prove_gelu, when=lambda program: program.wild),
    Difference("logsumexp", "gradient|second|jvp", "the shares of equal numbers that are huge",
               proof=prove_logsumexp,
               when=lambda program: program.wild and program.ties() and program.extreme()),
    Difference("interpolate", "value", "what has the weight 0 beside an infinity", "PyTorch nan",
               proof=prove_interpolate, when=lambda program: program.wild),
    Difference("lt|le|gt|ge|eq|ne", "value", "bytes beside a negative number", proof=prove_less,
               when=lambda program: any("number i -" in step.line for step in program.steps)),
    Difference("remainder", "derivative.*", "remainder of a number and a variable",
               proof=prove_remainder),
    Difference("clamp", "gradient|second|jvp", "clamp's gradient for bounds that are equal",
               "PyTorch -?0", proof=prove_clamp, when=lambda program: program.wild),
    Difference("sigmoid|lstm.*|gru.*|silu|tanh", "gradient|second|jvp", "sigmoid's derivatives in the tail",
               "PyTorch -?0", proof=prove_sigmoid, when=lambda program: program.wild),
    Difference("softmax|.*attention", "gradient|second|jvp",
               "softmax's derivatives in the tail: its own element's, beside what is huge",
               proof=prove_softmax, when=lambda program: program.wild and program.extreme()),
    Difference("rms_norm|group_norm|batch_norm|layer_norm", "gradient|second|jvp|value",
               "variances that overflow or underflow", "is -?[0-9]", proof=prove_layer_norm,
               when=lambda program: program.wild and program.extreme()),
    Difference("hypot", "second", "hypot's second derivatives lose what is small beside 1 / x",
               "PyTorch -?0,", proof=prove_hypot,
               when=lambda program: program.wild and program.extreme()),
    Difference("pinv|lstsq", "gradient|second|jvp", "pinv's gradient loses digits", proof=prove_pinv,
               when=lambda program: program.close(1e-6)),
    Difference("(add|sub|mul|div|copy)_", "value|alias|gradient|second|jvp",
               "an edit by a view of its target reads what it has written", proof=prove_edit,
               when=lambda program: program.overlaps()),
    Difference("cdist", "gradient|second|jvp", "distances whose squares overflow", "is -?[0-9]",
               proof=prove_cdist, when=lambda program: program.wild and program.extreme()),
    Difference("acosh|asinh|std|norm|cdist|atan2",
               "gradient|second|jvp|value", "squares that overflow or underflow",
               "is -?[0-9].*PyTorch (-?nan|-?inf|-?0,)", proof=prove_acosh,
               when=lambda program: program.wild and program.extreme()),
    Difference("prod", "gradient|second|jvp", "prod of two zeros loses its derivatives",
               "PyTorch -?0,", proof=prove_prod_of_zeros, when=lambda program: program.has(0)),
    Difference("prod", "second", "prod's second derivatives divide by elements",
               proof=prove_prod_of_small, when=lambda program: program.wild and program.extreme()),
    Difference("sinc", "value|gradient|second|jvp", "sinc of whole numbers is a rounding error",
               proof=prove_sinc_of_whole,
               when=lambda program: len(program.names()) > 1 and program.whole()),
    Difference("tanh|sigmoid|lstm.*|gru.*|rnn.*|silu", "second|gradient|jvp",
               "tanh's and sigmoid's derivatives lose digits in the tail",
               proof=prove_tanh, when=lambda program: program.close(1e-9)),
    Difference("pow", "value", "powers 0.5 of -inf", "is inf, PyTorch nan", proof=prove_root),
    Difference("prod", "gradient|second|jvp", "prod's gradient at infinity", "PyTorch -?nan",
               proof=prove_prod, when=lambda program: program.wild),
    Difference("conv", "value shape", "a convolution of no channels loses those of its weight",
               "PyTorch [0-9]+x0", proof=prove_convolution),
    Difference("prelu|where", "gradient|second|jvp", "the branch that where does not take",
               "PyTorch -?nan", proof=prove_prelu, when=lambda program: program.wild),
]

# --- Choices ---

CHOSEN = [
    Difference(".*", "jvp|gradient|second", "the mean of nothing is NaN, also along a direction",
               "is -?nan, PyTorch -?0", when=lambda program: program.empty()),
    Difference("sum_to", "call refused", "sums to the same shape are new values too (shape.h)",
               "a recorded result"),
    Difference("flip", "alias", "flip is a view (shape.h)"),
    Difference("flip", "derivative refused", "flip is a view (shape.h)", "edited in place",
               when=lambda program: program.edited),
    Difference(".*", "derivative refused", "an edit of what has no elements is one", "edited in place",
               when=lambda program: program.edited and program.empty()),
    Difference("cosine_similarity", "value|alias|gradient|second|jvp",
               "beyond 1, where domains end, a rounded cosine of 1 may lie or not", "nan",
               when=lambda program: {"acosh", "acos", "asin", "atanh", "log", "logit", "sqrt", "erfinv"} &
               set(program.names())),
    Difference("sign", "value|alias", "the sign of NaN is NaN, as in NumPy", "is nan, PyTorch 0"),
    Difference("logit", "gradient|second|jvp", "outside of (0, 1) logit's derivative follows its formula",
               "PyTorch -?(nan|0|[0-9.]+e-3)"),
    Difference("lerp", "value|gradient|second|jvp", "lerp is (1 − w) a + w b", "nan",
               when=lambda program: program.wild),
    Difference("elu|selu|celu|hardswish|hardsigmoid|prelu|leaky_relu", "second|jvp",
               "second derivatives at a kink", when=lambda program: program.has(0)),
    Difference("elu|selu|celu|l1_loss|abs|norm", "gradient|second|jvp", "the gradient at NaN is NaN",
               "is -?nan", when=lambda program: program.strange()),
    Difference("hardtanh|relu6|hardsigmoid|hardswish|hinge_embedding_loss|cosine_embedding_loss",
               "gradient|second|jvp",
               "the gradient of NaN passes, as through relu (elementwise.h); PyTorch's passes relu only",
               "PyTorch -?0", when=lambda program: program.strange()),
    Difference("max|min", "gradient|second|jvp",
               "elements that are NaN share the gradient of a NaN (reduce.h)", "PyTorch nan",
               when=lambda program: program.wild),
    Difference("logsumexp|logaddexp|cross_entropy|ctc_loss", "gradient|second|jvp",
               "infinite elements share the gradient (elementwise.h, reduce.h)", "PyTorch nan",
               when=lambda program: program.wild),
    Difference("norm|cdist", "gradient|second|jvp",
               "infinite elements share the gradient of a norm, others have none (reduce.h)",
               "is -?[0-9].*PyTorch -?nan", when=lambda program: program.wild),
    Difference("ctc_loss", "value", "a loss beyond 5e29 is infinite (network.h)", "is inf",
               when=lambda program: program.wild),
    Difference("conv.*", "value|gradient|second|jvp",
               "beside a padding of zeros weights and gradients that are not finite give NaN (conv.h)",
               "nan", when=lambda program: program.wild),
    Difference("batch_norm|layer_norm|group_norm|variance|rnn.*|gru.*|lstm.*", "value|gradient|second|jvp",
               "sums of what is not finite are taken in another order", "nan|inf",
               when=lambda program: program.strange()),
    Difference(".*attention", "second", "what saturates beside 1e30 is a difference of huge numbers",
               when=lambda program: program.wild and program.extreme()),
    Difference("cross_entropy", "value", "a class of weight 0 takes no part, at −∞ too",
               "PyTorch nan", when=lambda program: program.wild),
    Difference("prelu", "second|jvp", "the slope of NaN is a constant times it",
               "is -?[0-9].*PyTorch -?(nan|0,)",
               when=lambda program: program.strange()),
    Difference("cosine_similarity", "second",
               "the divisor is at least 1e-8 (network.h), PyTorch's each norm of the two",
               when=lambda program: program.has(0)),
    Difference("pow", "second", "what is not picked by ceil's slope of 0 gets 0, beside a NaN too",
               "is -?[0-9].*PyTorch -?nan",
               when=lambda program: {"ceil", "floor", "round", "trunc"} & set(program.names())),
    Difference("reciprocal", "gradient|second|jvp", "an infinite gradient meets what is 0",
               "is -?nan, PyTorch -?inf", when=lambda program: program.has(0)),
    Difference("fmod|remainder|pow", "gradient|jvp|second", "where the value is NaN derivatives are",
               "is -?nan", when=lambda program: program.strange()),
    Difference(".*", "value|alias|gradient|second|jvp",
               "half types are computed in float32, whose range products leave", "is -?(nan|inf)",
               when=lambda program: program.wild and program.extreme() and
               (program.holds(torch.bfloat16) or program.holds(torch.float16))),
    Difference(".*", "value|alias|gradient|second|jvp",
               "sums of what is beyond the type's range may be NaN",
               "is -?nan, PyTorch -?inf|is -?inf, PyTorch -?nan", when=lambda program: program.wild and program.extreme()),
    Difference("min|max|minimum|maximum|relu|elu|selu|celu|masked_fill|where|floor|smooth_l1_loss"
               "|huber_loss",
               "gradient|second|jvp",
               "what is not picked gets 0, beside a slope of NaN too (elementwise.h)",
               "is -?[0-9].*PyTorch -?(nan|inf)",
               when=lambda program: program.strange()),
    Difference("pow", "gradient|second|jvp", "derivatives for the exponent are 0 at 0 (elementwise.h)",
               "is -?0, PyTorch -?nan", when=lambda program: program.has(0)),
    Difference("hardsigmoid|hardswish", "gradient|second|jvp",
               "its slope at the bounds is 0, as PyTorch's own function has it; the expression's is not",
               when=lambda program: program.has(3) or program.has(-3)),
    Difference("addmm", "type", "0.5 times integers is float64", "^float64"),
    Difference("where", "type", "squares have their operand's type", "^(bool|uint8|int32)"),
    Difference("conv.*|pool.*|avg_pool|pad", "call accepted", "empty axes may be padded",
               "Only zero batch or zero channel|non-empty|negative output size|index 0 out of range",
               when=lambda program: program.empty()),
    Difference("max_pool", "call refused", "pooling nothing is an error", "has no elements",
               when=lambda program: program.empty()),
    Difference("conv.*", "call refused", "a kernel without elements is an error", "over -1 elements"),
    Difference("solve.*|inverse|lstsq|qr", "derivative refused", "matrices of what is huge or not finite",
               "singular|zero on its diagonal", when=lambda program: program.wild),
    Difference(".*", "derivative refused", "a copy of a value to itself counts as an edit",
               "edited in place", when=lambda program: any(
                   step.kind == "edit" and step.what == "copy" and len(set(step.operands)) == 1
                   for step in program.steps)),
    Difference("prod|cumprod", "value|gradient|second|jvp",
               "partial products that over- or underflow depend on the order",
               "nan|inf", when=lambda program: program.wild),
    Difference("binary_cross_entropy.*", "value|gradient|second|jvp",
               "a probability of 0 or 1 beside 0 · ∞ counts as its limit (network.h)", "PyTorch -?nan",
               when=lambda program: program.has(0) or program.wild),
    Difference("silu|sigmoid|tanh|selu|elu|sqrt", "gradient|second|jvp",
               "an infinite gradient meets a factor of 0", "is -?nan|is -?0, PyTorch -?nan",
               when=lambda program: program.strange() or program.has(0)),
    Difference("to|copy_", "value|alias", "NaN and infinities are 0 in small integers (array.h)",
               "is 0, PyTorch -2147483648"),
    Difference("fmod|remainder|.*", "call refused",
               "a plain number that the type cannot hold is an error (elementwise.h)", "is not a number of"),
    Difference("slice_scatter|select_scatter|diagonal_scatter", "type|value",
               "operands of mixed types are promoted", when=lambda program: program.mixed()),
    Difference("index_add|scatter.*", "call refused",
               "the part has the index's shape; PyTorch's later versions say so of index_add too",
               "the part has shape"),
    Difference("copy_", "call refused", "a broadcast value is not even copied to itself",
               "several places", when=lambda program: len(set(program.steps[-1].operands)) == 1),
    Difference("diagonal", "alias|value|gradient|second|jvp",
               "the diagonal is a new array (linalg.h)", when=lambda program: program.edited),
    Difference("norm", "type", "the norm of integers is float64"),
    Difference("slogdet|logdet|det", "derivative accepted",
               "determinants of singular matrices have derivatives (linalg.h)", "singular"),
    Difference("prelu|.*_loss", "call accepted|derivative accepted", "operands of mixed types are promoted",
               when=lambda program: program.mixed()),
    Difference("svd", "gradient|second|jvp", "vectors of a singular value of 0 have any sign",
               when=lambda program: program.ties()),
    Difference("squeeze|reshape", "call refused", "an axis of another size than 1 cannot go (shape.h)",
               "squeeze"),
    Difference("index_add|index_select|scatter.*|embedding", "call accepted",
               "indices of rows without elements are not looked at",
               when=lambda program: program.empty()),
    Difference(".*", "jvp|gradient|second", "a value of no elements moves nothing", "PyTorch -?nan",
               when=lambda program: program.empty()),
    Difference("pow", "type", "the sample's exponent is a double", "^float64"),
    Difference("pow", "call accepted", "the sample's exponent is a double", "negative integer"),
    Difference("square|vander", "type", "squares have their operand's type"),
    Difference("atan2|hypot", "gradient|second|jvp", "derivatives at the origin are 0 (elementwise.h)",
               "is -?[0-9].*, PyTorch -?nan", when=lambda program: program.has(0)),
    Difference("polygamma|digamma|lgamma", "value|alias|gradient|second|jvp",
               "poles of polygamma are infinite or NaN (elementwise.h)", "PyTorch -?inf"),
    Difference("hypot|svdvals|.*attention|tanh.*|sigmoid.*|expm1|lstm.*"
               "|gru.*|ctc_loss|rms_norm|cosine_similarity|erfinv", "derivative refused",
               "its gradient reads the operand, to keep its digits; PyTorch's something it kept",
               "edited in place"),
    Difference("acos|asin|atanh|acosh|erfinv", "gradient|second|jvp",
               "beyond the ends of their domain derivatives are NaN, as values are", "is -?nan"),
    Difference("matmul|mv|mm|bmm|inner|einsum.*|tensordot|linear|conv.*|solve_.*|.*_norm|.*_loss|prelu|.*attention",
               "type|call accepted|derivative accepted", "operands of mixed types are promoted",
               when=lambda program: program.mixed()),
    Difference("median", "value|gradient|second|jvp", "the median of NaN is NaN", "is -?nan",
               when=lambda program: program.strange()),
    Difference("zero_where_zero", "type|derivative refused|call refused",
               "a step of gradients: of floating types, reads its operand; PyTorch's keeps the mask",
               "^b?float|edited in place|a recorded result"),
    Difference("xlogy|kl_div", "gradient|second|jvp|value",
               "beside 0 the logarithm of what is not positive is NaN or takes no part (elementwise.h)",
               "nan|inf|is -?0,",
               when=lambda program: program.has(0)),
    Difference("xlogy", "gradient|second|jvp", "a gradient of 0 times a logarithm of NaN is NaN, as log's is",
               "is -?nan, PyTorch -?0,", when=lambda program: program.strange()),
    Difference("svd|qr|lstsq|matrix_exp|cholesky.*|solve.*|inverse|pinv|eig.*|.*det|matrix_power",
               "value|alias|gradient|second|jvp|call.*", "matrices of what is not finite",
               when=lambda program: program.wild and not program.finite()),
    Difference("svd|qr|lstsq|matrix_exp|cholesky.*|solve.*|inverse|pinv|eig.*|.*det|matrix_power",
               "value|alias|gradient|second|jvp", "beside what is huge float32 overflows or loses all digits",
               when=lambda program: program.wild and program.extreme() and
               any(program.holds(d) for d in (torch.float32, torch.float16, torch.bfloat16))),
    Difference("cholesky|qr|svd|solve.*|inverse|lstsq|pinv|eig.*", "alias",
               "PyTorch's results of LAPACK lie in columns, so that reshape copies",
               when=lambda program: "reshape" in program.names()),
    Difference("cholesky_solve", "value|alias|gradient|second|jvp",
               "the expression for PyTorch squares l", when=lambda program: program.wild and program.extreme()),
    Difference("lstsq", "value|alias|gradient|second|jvp",
               "the expression for PyTorch, pinv, takes small singular values for 0",
               when=lambda program: program.wild and program.extreme()),
    Difference("det|slogdet|logdet|eigh", "value|gradient|second|jvp",
               "derivatives of determinants and eigenvalues of what is huge are numbers (linalg.h)",
               "is -?[0-9].*PyTorch -?(nan|inf|0,)",
               when=lambda program: program.wild and program.extreme()),
    Difference("det|slogdet|logdet", "second",
               "second derivatives of determinants lose what is small beside products of 2 elements",
               when=lambda program: program.wild and (
                   program.extreme() or program.holds(torch.float32))),
    Difference("svd|eigh", "value|alias", "vectors of equal singular values",
               when=lambda program: program.ties()),
    Difference("topk|sort|median|argsort|max_pool", "gradient|second|jvp",
               "which of equal elements is taken", when=lambda program: program.ties()),
    Difference("argsort", "value|alias", "which of equal elements comes first",
               when=lambda program: program.ties()),
    Difference("linear|dot|mv|mm|bmm|matmul|tensordot|matrix_power|outer|inner|kron|einsum.*", "type",
               "products of integers are int64 (base.h)", "^int64"),
    Difference("log_softmax|softmax|avg_pool.*|linear|conv.*|interpolate.*|.*_norm", "type",
               "networks compute integers in float64 (conv.h)", "^float64"),
    Difference("matrix_exp", "value|gradient|second|jvp",
               "what is small beside the matrix' norm has errors of the norm's size",
               when=lambda program: program.wild),
    Difference("div|hypot", "second", "the derivatives of x / x are 0, or rounding errors",
               when=lambda program: program.wild and program.extreme() and program.twice()),
    Difference("div", "second", "where 1 / x² leaves the type's range 0 times it is NaN",
               "is -?nan, PyTorch -?0,", when=lambda program: program.wild and program.extreme()),
    Difference("matmul", "derivative refused",
               "PyTorch copies a batch that is broadcast, so that an edit does not matter",
               "edited in place", when=lambda program: program.edited),
    Difference("fmod|remainder", "call refused", "an integer divided by zero, beside no elements too",
               "divided by zero", when=lambda program: program.empty()),
    Difference("pinv|lstsq", "second", "of matrices with 710 and 0 float32 loses all digits; PyTorch's too",
               when=lambda program: program.wild and program.holds(torch.float32)),
    Difference("matrix_exp|pinv", "value|alias|gradient|second|jvp",
               "zeros of a triangular matrix become rounding errors", "PyTorch -?(nan|inf|0,)",
               when=lambda program: program.has(0)),
    Difference("matrix_exp", "gradient|second", "PyTorch gives other numbers each time for a gradient of NaN",
               "is -?nan", when=lambda program: program.strange()),
    Difference("cholesky|qr|.*det", "value|alias|gradient|second|jvp|call refused",
               "products leave the range of float16, or its digits", "is -?(inf|nan)|not positive definite",
               when=lambda program: program.wild and program.holds(torch.float16)),
    Difference(".*", "call refused", "factorisations refuse what is not finite", "not finite"),
    Difference("binary_cross_entropy", "call refused",
               "probabilities outside of [0, 1] are an error, as in PyTorch's own function",
               "expected 0 to 1"),
    Difference("ctc_loss", "call refused", "classes out of range are an error", "class"),
    Difference("tensordot", "call refused", "tensordot does not broadcast", "do not fit"),
    Difference("cdist|norm|std|hypot", "gradient|second|jvp",
               "derivatives at distance 0 are 0 (linalg.h, reduce.h)", "is -?[0-9].*, PyTorch -?nan",
               when=lambda program: program.finite()),
    Difference("cross_entropy|nll_loss", "gradient|second|jvp", "targets that are ignored take no part",
               "is -?0, PyTorch -?nan", when=lambda program: program.wild),
    Difference(".*attention", "value|gradient|second|jvp",
               "what a mask hides, NaN too, does not reach the result; a query that sees no key gives 0 "
               "(sequence.h)", "PyTorch -?nan", when=lambda program: program.wild),
    Difference(".*attention", "value|gradient|second|jvp",
               "under a mask a query that sees a key that is not finite gives NaN (sequence.h)",
               "is -?nan", when=lambda program: program.wild),
    Difference("softmax", "value", "+∞ has the probability 1", "PyTorch nan",
               when=lambda program: program.wild),
    Difference("log_softmax", "value", "beside +∞ logarithms of probabilities are −∞",
               "is -inf, PyTorch nan", when=lambda program: program.wild),
    Difference("softplus", "value|gradient|second|jvp|alias",
               "softplus is exact above 20 too (elementwise.h)", when=lambda program: program.close(1e-8)),
    Difference("logdet|slogdet", "gradient|second|jvp", "log det of a negative determinant is NaN",
               "PyTorch -?0"),
    Difference("qr", "second", "beside a small element of R float32 loses digits; PyTorch's does in others",
               when=lambda program: program.close(2e-3) and program.holds(torch.float32)),
    Difference("qr", "gradient|second|jvp", "qr's derivatives need independent columns (linalg.h)",
               when=lambda program: program.dependent()),
    Difference("svdvals", "gradient|second|jvp", "singular values of 0 have a kink",
               when=lambda program: program.ties()),
    Difference("remainder|fmod", "gradient", "the gradient for an infinite divisor is 0", "is -?0",
               when=lambda program: program.wild),
    Difference("pow", "call refused",
               "integers to negative powers are an error, as in NumPy (elementwise.h)", "negative integer power"),
    Difference("cosine_embedding_loss", "gradient|second|jvp",
               "the cosine with a vector of zeros has the slope 1e8, PyTorch's 1e6",
               when=lambda program: program.has(0)),
    Difference(".*_back|avg_pool|rotary|batch_norm|rnn.*|lstm.*|gru.*|.*attention|cdist|rms_norm|linear|cosine_.*"
               "|pixel_.*|cholesky_solve|lstsq|conv_weight|conv_bias|pool_.*|solve.*|inverse",
               "call (refused|accepted)|value shape",
               "the expression for PyTorch says something else for shapes that do not fit"),
    Difference(".*_back|eig.*|cosine_.*", "value|gradient|second|jvp",
               "the expression for PyTorch says something else for shapes that do not fit",
               when=lambda program: program.misfit()),
]


def known(names, kind, text, program):
    for difference in PYTORCH_WRONG + CHOSEN:
        if difference.fits(names, kind, text, program):
            whose = "PyTorch is wrong" if difference in PYTORCH_WRONG else "chosen"
            return "%s: %s" % (whose, difference.reason)
    return None


def print_proofs():
    for difference in PYTORCH_WRONG:
        right, theirs = difference.proof()
        print("%s: %s\n    right %r, PyTorch %r" % (
            difference.reason, difference.proof.__doc__.replace("\n    ", " "), right, theirs))
