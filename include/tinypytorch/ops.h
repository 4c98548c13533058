/* SPDX-License-Identifier: MIT
 *
 * Operations. Names and meaning are PyTorch's. Here: elementwise ones. Others have headers of their
 * own: reduce.h, shape.h, linalg.h, network.h, random.h.
 *
 * Every operation takes variables of any element type unless said, broadcasts its operands to a
 * common shape as NumPy does (elementwise ones), and promotes element types as PyTorch does: a
 * plain number takes the array's type, a floating number beside an integer array gives float64,
 * and a function with non-integer values of an integer array computes in float64. Results belong
 * to the current scope. When an operand depends on a variable and recording is on, the result is
 * recorded and has derivatives of every order; comparisons and sign have derivative zero.
 *
 * Errors: NULL or poison operands, shapes that do not fit, axes out of range. Below, gy is the
 * gradient of the result y.
 */
#ifndef TINYPYTORCH_OPS_H
#define TINYPYTORCH_OPS_H

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

/* a to the power b. The gradient for b is gy y log a, taken as 0 where a = 0 and b ≥ 0
 * (there Taylor series of order 2 and up are NaN if both change). Where b is
 * a weak number, it is tp_pow_number or tp_pow_integer. Integers to a negative power are an error.
 */
TP_API tp_var *tp_pow(tp_var *a, tp_var *b);

/* x to a constant power, which is an attribute of the operation and not an input: x⁰ has derivative
 * 0 and x¹ has 1 everywhere, and integer exponents are finite at 0 at every order. An integer x
 * stays one under tp_pow_integer, whose exponent then is not negative; tp_pow_number gives float64.
 */
TP_API tp_var *tp_pow_number(tp_var *x, double exponent);
TP_API tp_var *tp_pow_integer(tp_var *x, int64_t exponent);

/* --- Elementwise functions of one variable; the gradient is gy times what is said --- */
TP_API tp_var *tp_square(tp_var *x);  /* x²; 2x */
TP_API tp_var *tp_sqrt(tp_var *x);    /* √x; 1 / 2y, infinite at 0 */
TP_API tp_var *tp_exp(tp_var *x);     /* eˣ; y */
TP_API tp_var *tp_log(tp_var *x);     /* natural logarithm; 1 / x */
TP_API tp_var *tp_sin(tp_var *x);     /* cos x */
TP_API tp_var *tp_cos(tp_var *x);     /* −sin x */
TP_API tp_var *tp_tan(tp_var *x);     /* 1 + y² */
TP_API tp_var *tp_tanh(tp_var *x);    /* 1 − y² */
TP_API tp_var *tp_sigmoid(tp_var *x); /* 1 / (1 + e⁻ˣ); y (1 − y) */
TP_API tp_var *tp_relu(tp_var *x);    /* max(x, 0); 1 for x > 0, else 0 */
TP_API tp_var *tp_abs(tp_var *x);     /* |x|; sign x, 0 at 0 */
TP_API tp_var *tp_sign(tp_var *x);    /* −1, 0 or 1; 0 */

/* --- Choosing --- */

/* The larger and the smaller of a and b; NaN wins. Where a = b each gets half of the gradient. */
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

#define TP__POW_BY(v)                                                                              \
    _Generic(v, tp_var *: tp_pow, void *: tp__pow_of_pointer, float: tp__pow_of_float,                \
             double: tp_pow_number, long double: tp__pow_of_long_double,                           \
             unsigned long: tp__pow_of_unsigned, unsigned long long: tp__pow_of_unsigned,          \
             bool: tp_pow_integer, char: tp_pow_integer, signed char: tp_pow_integer,              \
             unsigned char: tp_pow_integer, short: tp_pow_integer, unsigned short: tp_pow_integer, \
             int: tp_pow_integer, unsigned: tp_pow_integer, long: tp_pow_integer,                  \
             long long: tp_pow_integer)
#define TP__POW(x, exponent, name)                                                                 \
    __extension__({                                                                                \
        __auto_type name = (exponent);                                                             \
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

#endif

#endif
