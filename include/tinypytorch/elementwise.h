/* SPDX-License-Identifier: MIT
 *
 * Operations. Names and meaning are PyTorch's. Here: elementwise ones. Others have headers of their
 * own: reduce.h, shape.h, linalg.h, conv.h, network.h, sequence.h, random.h.
 *
 * Every operation takes variables of any element type unless said. Elementwise ones broadcast their
 * operands to a common shape as NumPy does, and promote element types as PyTorch does. A plain
 * number takes the type of the array beside it; but a floating number beside an integer array gives
 * float64, and an integer beside a bool array int64 (in tp_where and tp_clamp it becomes bool). A
 * function whose values are not integers, as sin, computes integers in float64. Results belong to
 * the current scope.
 *
 * When an operand depends on a variable and recording is on, the result is recorded and has
 * derivatives of every order; those of sign and of what rounds are 0. Comparisons and other truths
 * are constants: of what is made of them alone tp_gradient gives zeros, and tp_backward is an
 * error, since nothing would get a gradient.
 *
 * Errors: NULL or poison operands, shapes that do not fit, axes out of range. Below, y is the
 * result and gy its gradient.
 */
#ifndef TINYPYTORCH_ELEMENTWISE_H
#define TINYPYTORCH_ELEMENTWISE_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Arithmetic --- */
TP_API tp_var *tp_add(tp_var *a, tp_var *b); /* a + b */
TP_API tp_var *tp_sub(tp_var *a, tp_var *b); /* a − b */
TP_API tp_var *tp_mul(tp_var *a, tp_var *b); /* a b */
TP_API tp_var *tp_div(tp_var *a, tp_var *b); /* a / b; integers give float64 */
TP_API tp_var *tp_neg(tp_var *x);            /* −x */

/* a to the power b. The gradient for b is gy y ln a, taken as 0 where a = 0 and b ≥ 0 (there Taylor
 * series of order 2 and up are NaN if both a and b change). Where b is a plain number, this is
 * tp_pow_number or tp_pow_integer. An integer to a negative integer power is an error; integers
 * with a floating exponent are computed in float64. */
TP_API tp_var *tp_pow(tp_var *a, tp_var *b);

/* x to a constant power, which is an attribute of the operation and not an input: x⁰ has derivative
 * 0 and x¹ has 1 everywhere, and with an integer exponent from 0 on derivatives of every order are
 * finite at x = 0. tp_pow_integer leaves integers integers, and then a negative exponent is an
 * error; tp_pow_number makes them float64. */
TP_API tp_var *tp_pow_number(tp_var *x, double exponent);
TP_API tp_var *tp_pow_integer(tp_var *x, int64_t exponent);

/* --- Functions of one variable: what they are; their derivative ---
 *
 * Where only one thing is said, it is the derivative. The gradient for x is gy times that. */
TP_API tp_var *tp_square(tp_var *x);     /* x²; 2x */
TP_API tp_var *tp_reciprocal(tp_var *x); /* 1 / x; −y² */
TP_API tp_var *tp_sqrt(tp_var *x);       /* √x; 1 / 2y, infinite at 0 */
TP_API tp_var *tp_rsqrt(tp_var *x);      /* 1 / √x; −y³ / 2 */
TP_API tp_var *tp_exp(tp_var *x);        /* eˣ; y */
TP_API tp_var *tp_exp2(tp_var *x);       /* 2ˣ; y ln 2 */
TP_API tp_var *tp_expm1(tp_var *x);      /* eˣ − 1, with all digits near 0; eˣ */
TP_API tp_var *tp_log(tp_var *x);        /* natural logarithm; 1 / x */
TP_API tp_var *tp_log2(tp_var *x);       /* 1 / (x ln 2) */
TP_API tp_var *tp_log10(tp_var *x);      /* 1 / (x ln 10) */
TP_API tp_var *tp_log1p(tp_var *x);      /* ln(1 + x), with all digits near 0; 1 / (1 + x) */
TP_API tp_var *tp_sin(tp_var *x);        /* cos x */
TP_API tp_var *tp_cos(tp_var *x);        /* −sin x */
TP_API tp_var *tp_tan(tp_var *x);        /* 1 + y² */
TP_API tp_var *tp_asin(tp_var *x);       /* 1 / √(1 − x²), infinite at ±1 */
TP_API tp_var *tp_acos(tp_var *x);       /* −1 / √(1 − x²) */
TP_API tp_var *tp_atan(tp_var *x);       /* 1 / (1 + x²) */
TP_API tp_var *tp_sinh(tp_var *x);       /* cosh x */
TP_API tp_var *tp_cosh(tp_var *x);       /* sinh x */
TP_API tp_var *tp_tanh(tp_var *x);       /* 1 − y², computed from x where y is near ±1 */
TP_API tp_var *tp_asinh(tp_var *x);      /* 1 / √(x² + 1) */
TP_API tp_var *tp_acosh(tp_var *x);      /* 1 / √(x² − 1), infinite at 1 */
TP_API tp_var *tp_atanh(tp_var *x);      /* 1 / (1 − x²), infinite at ±1 */
TP_API tp_var *tp_sinc(tp_var *x); /* sin(πx) / (πx), 1 at 0; (cos(πx) − y) / x, 0 at 0 */
TP_API tp_var *tp_erf(tp_var *x);  /* error function; 2 / √π · e^(−x²) */
TP_API tp_var *
tp_erfc(tp_var *x); /* 1 − erf x, with all digits where that is small; −2 / √π · e^(−x²) */
TP_API tp_var *tp_erfinv(tp_var *x); /* y with erf y = x; √π / 2 · e^(y²) */
TP_API tp_var *tp_lgamma(tp_var *x); /* ln |Γ(x)|; digamma(x) */
TP_API tp_var *
tp_digamma(tp_var *x); /* (ln Γ)', ∓∞ at ±0, NaN at negative integers; polygamma(1, x) */
TP_API tp_var *tp_logit(tp_var *x); /* ln(x / (1 − x)); 1 / (x (1 − x)) */

/* Derivative n of digamma, n ≥ 0: (−1)ⁿ⁺¹ n! Σ (x + k)^−(n + 1) for n > 0, infinite where that is
 * beyond the type's range. At 0 and negative integers it is infinite for odd n; for even n −∞ at 0
 * and NaN below. */
TP_API tp_var *tp_polygamma(int n, tp_var *x);

/* --- Piecewise: what they are; their derivative, also at kinks. Integers stay integers --- */
TP_API tp_var *tp_abs(tp_var *x);   /* |x|; sign x, 0 at 0 */
TP_API tp_var *tp_sign(tp_var *x);  /* −1, 0 or 1; 0 */
TP_API tp_var *tp_floor(tp_var *x); /* ⌊x⌋; 0 */
TP_API tp_var *tp_ceil(tp_var *x);  /* ⌈x⌉; 0 */
TP_API tp_var *tp_round(tp_var *x); /* the nearest integer, ties to even; 0 */
TP_API tp_var *tp_trunc(tp_var *x); /* towards 0; 0 */
TP_API tp_var *tp_frac(tp_var *x);  /* x − trunc x; 1 */

/* x, but low where x < low and high where x > high; either may be NULL, numbers or arrays. The
 * derivative for x at a bound is 1. NaN stays, and a bound that is NaN gives NaN. */
TP_API tp_var *tp_clamp(tp_var *x, tp_var *low, tp_var *high);

/* --- Activations --- */
TP_API tp_var *tp_relu(tp_var *x); /* max(x, 0); 1 where x > 0 or is NaN, else 0 */
TP_API tp_var *
tp_sigmoid(tp_var *x); /* 1 / (1 + e⁻ˣ); y (1 − y), computed from x where y is near 1 */
TP_API tp_var *tp_logsigmoid(tp_var *x);  /* ln sigmoid x, without overflow */
TP_API tp_var *tp_softplus(tp_var *x);    /* ln(1 + eˣ), without overflow; sigmoid x. (PyTorch's is
                                           * x itself above 20, where this is 2e-9 more.) */
TP_API tp_var *tp_silu(tp_var *x);        /* x sigmoid x (swish) */
TP_API tp_var *tp_mish(tp_var *x);        /* x tanh(softplus x) */
TP_API tp_var *tp_gelu(tp_var *x);        /* x Φ(x) (Hendrycks & Gimpel 2016) */
TP_API tp_var *tp_gelu_tanh(tp_var *x);   /* its approximation by tanh */
TP_API tp_var *tp_selu(tp_var *x);        /* self-normalising (Klambauer et al. 2017) */
TP_API tp_var *tp_softsign(tp_var *x);    /* x / (1 + |x|); 1 / (1 + |x|)² */
TP_API tp_var *tp_hardtanh(tp_var *x);    /* x cut to [−1, 1]; 0 at the bounds, 1 at NaN */
TP_API tp_var *tp_relu6(tp_var *x);       /* x cut to [0, 6]; as hardtanh */
TP_API tp_var *tp_hardsigmoid(tp_var *x); /* clamp(x / 6 + 1/2, 0, 1) */
TP_API tp_var *tp_hardswish(tp_var *x);   /* x hardsigmoid x */
TP_API tp_var *tp_elu(tp_var *x, double alpha);        /* x where x > 0, else α (eˣ − 1) */
TP_API tp_var *tp_celu(tp_var *x, double alpha);       /* … else α (e^(x/α) − 1), α ≠ 0 */
TP_API tp_var *tp_leaky_relu(tp_var *x, double slope); /* x where x > 0, else slope x */
/* leaky_relu with a slope to be learnt: one, or one for each channel, which are axis 1 of x. */
TP_API tp_var *tp_prelu(tp_var *x, tp_var *slope);

/* --- Functions of two variables --- */

/* The angle of the point with the abscissa b and the ordinate a, from −π to π. At the origin
 * derivatives are 0. */
TP_API tp_var *tp_atan2(tp_var *a, tp_var *b);

/* √(a² + b²) without overflow. At the origin derivatives are 0. */
TP_API tp_var *tp_hypot(tp_var *a, tp_var *b);

/* ln(eᵃ + eᵇ) without overflow. Of two equal infinities each gets half of the gradient. */
TP_API tp_var *tp_logaddexp(tp_var *a, tp_var *b);

/* a ln b, but 0 where a = 0, unless b is NaN. Where a = 0 and b ≤ 0 all derivatives are 0. */
TP_API tp_var *tp_xlogy(tp_var *a, tp_var *b);

/* What is left of a after division by b: tp_remainder with b's sign (Python's %), tp_fmod with a's
 * (C's fmod). The derivative for a is 1, for b −⌊a / b⌋ or −trunc(a / b) of the exact quotient: for
 * remainder(1, 0.1) it is −9, as the double 0.1 is a little more than a tenth. An integer divided
 * by 0 is an error. */
TP_API tp_var *tp_remainder(tp_var *a, tp_var *b);
TP_API tp_var *tp_fmod(tp_var *a, tp_var *b);

/* (1 − weight) a + weight b. */
TP_API tp_var *tp_lerp(tp_var *a, tp_var *b, tp_var *weight);

/* --- Choosing --- */

/* The larger and the smaller of a and b; NaN wins. Where a = b each gets half of the gradient;
 * where one is NaN both get all of it, as in PyTorch. */
TP_API tp_var *tp_maximum(tp_var *a, tp_var *b);
TP_API tp_var *tp_minimum(tp_var *a, tp_var *b);

/* a where condition is not 0, else b. The branch not taken gets exactly 0, and so do the
 * elementwise operations below it, even if its values or slopes there are infinite or NaN: the
 * gradient of where(x > 0, sqrt(x), 0) is 0 at x ≤ 0. */
TP_API tp_var *tp_where(tp_var *condition, tp_var *a, tp_var *b);

/* 1 where the comparison holds, else 0, as uint8. */
TP_API tp_var *tp_eq(tp_var *a, tp_var *b);
TP_API tp_var *tp_ne(tp_var *a, tp_var *b);
TP_API tp_var *tp_lt(tp_var *a, tp_var *b);
TP_API tp_var *tp_le(tp_var *a, tp_var *b);
TP_API tp_var *tp_gt(tp_var *a, tp_var *b);
TP_API tp_var *tp_ge(tp_var *a, tp_var *b);

/* Truth, 1 or 0 as uint8. To the logical ones an element is true where it is not 0. */
TP_API tp_var *tp_isnan(tp_var *x);
TP_API tp_var *tp_isinf(tp_var *x);
TP_API tp_var *tp_isfinite(tp_var *x);
TP_API tp_var *tp_logical_not(tp_var *x);
TP_API tp_var *tp_logical_and(tp_var *a, tp_var *b);
TP_API tp_var *tp_logical_or(tp_var *a, tp_var *b);
TP_API tp_var *tp_logical_xor(tp_var *a, tp_var *b);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
/* A number as exponent needs no node. */
static inline tp_var *tp__pow_of_pointer(tp_var *x, void *exponent)
{
    return tp_pow(x, (tp_var *)exponent);
}
static inline tp_var *tp__pow_of_float(tp_var *x, float exponent)
{
    return tp_pow_number(x, (double)exponent);
}
static inline tp_var *tp__pow_of_long_double(tp_var *x, long double exponent)
{
    return tp_pow_number(x, (double)exponent);
}
static inline tp_var *tp__pow_of_unsigned(tp_var *x, unsigned long long exponent)
{
    return tp_pow(x, tp__of_unsigned(exponent));
}

#if defined(__SIZEOF_INT128__)
static inline tp_var *tp__pow_of_int128(tp_var *x, tp__int128 exponent)
{
    return tp_pow(x, tp__of_int128(exponent));
}
#endif
#if defined(__FLT16_MANT_DIG__) && (!defined(__clang__) || __clang_major__ >= 15)
static inline tp_var *tp__pow_of_float16(tp_var *x, tp__float16 exponent)
{
    return tp_pow_number(x, (double)exponent);
}
#endif
#define TP__POW_BY(v)                                                                              \
    _Generic(v, tp_var *: tp_pow, void *: tp__pow_of_pointer, float: tp__pow_of_float,             \
             double: tp_pow_number, long double: tp__pow_of_long_double,                           \
             unsigned long: tp__pow_of_unsigned, unsigned long long: tp__pow_of_unsigned,          \
             TP__INT128_BY(tp__pow_of_int128) TP__FLOAT16_BY(tp__pow_of_float16)                     \
             const tp_var *: "", float _Complex: "", double _Complex: "",                          \
             long double _Complex: "", default: tp_pow_integer)
#define TP__POW(x, exponent, name)                                                                 \
    __extension__({                                                                                \
        __auto_type name = ((void)0, (exponent));                                                  \
        TP__POW_BY(name)(TP__V(x), name);                                                          \
    })
#define tp_pow(x, exponent) TP__POW(x, exponent, TP__UNIQUE(tp__v))

#define tp_add(a, b) tp_add(TP__V(a), TP__V(b))
#define tp_sub(a, b) tp_sub(TP__V(a), TP__V(b))
#define tp_mul(a, b) tp_mul(TP__V(a), TP__V(b))
#define tp_div(a, b) tp_div(TP__V(a), TP__V(b))
#define tp_maximum(a, b) tp_maximum(TP__V(a), TP__V(b))
#define tp_minimum(a, b) tp_minimum(TP__V(a), TP__V(b))
#define tp_where(condition, a, b) tp_where(TP__V(condition), TP__V(a), TP__V(b))
#define tp_eq(a, b) tp_eq(TP__V(a), TP__V(b))
#define tp_ne(a, b) tp_ne(TP__V(a), TP__V(b))
#define tp_lt(a, b) tp_lt(TP__V(a), TP__V(b))
#define tp_le(a, b) tp_le(TP__V(a), TP__V(b))
#define tp_gt(a, b) tp_gt(TP__V(a), TP__V(b))
#define tp_ge(a, b) tp_ge(TP__V(a), TP__V(b))
#define tp_logical_and(a, b) tp_logical_and(TP__V(a), TP__V(b))
#define tp_logical_or(a, b) tp_logical_or(TP__V(a), TP__V(b))
#define tp_logical_xor(a, b) tp_logical_xor(TP__V(a), TP__V(b))
#define tp_atan2(a, b) tp_atan2(TP__V(a), TP__V(b))
#define tp_hypot(a, b) tp_hypot(TP__V(a), TP__V(b))
#define tp_logaddexp(a, b) tp_logaddexp(TP__V(a), TP__V(b))
#define tp_xlogy(a, b) tp_xlogy(TP__V(a), TP__V(b))
#define tp_remainder(a, b) tp_remainder(TP__V(a), TP__V(b))
#define tp_fmod(a, b) tp_fmod(TP__V(a), TP__V(b))
#define tp_clamp(x, low, high) tp_clamp(TP__V(x), TP__V(low), TP__V(high))
#define tp_lerp(a, b, weight) tp_lerp(TP__V(a), TP__V(b), TP__V(weight))
#define tp_prelu(x, slope) tp_prelu(TP__V(x), TP__V(slope))

#endif

#endif
