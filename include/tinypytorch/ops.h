/* SPDX-License-Identifier: MIT
 *
 * Operations. Names and meaning are PyTorch's.
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

#include "base.h"

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

/* --- Reductions over axes ---
 *
 *     tp_sum(x)                                              over everything, to a number
 *     tp_sum(x, .axes = TP_AXES(0, -1), .keepdims = true)    over the first and the last axis
 *
 * keepdims leaves a size of 1 where an axis was summed over. */
typedef struct tp_reduce_options {
    tp_axes axes;  /* none: all */
    bool keepdims; /* default: axes go */
    size_t size;   /* set by the macro: sizeof(tp_reduce_options) */
} tp_reduce_options;

/* Sum, pairwise; integers in int64. Mean: integers give float64, an empty one NaN. */
TP_API tp_var *tp_sum(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_mean(tp_var *x, const tp_reduce_options *options);

/* Largest and smallest; NaN wins; an empty reduction is an error. Ties share the gradient. */
TP_API tp_var *tp_max(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_min(tp_var *x, const tp_reduce_options *options);

/* --- Shape; the result shares the elements of x where strides allow --- */

/* The same elements in another shape. One size may be -1: what is left. */
TP_API tp_var *tp_reshape(tp_var *x, int ndim, const int64_t *shape);

/* Axes a and b swapped; axes in the order given, TP_SHAPE(2, 0, 1). Negative ones count from the
 * end. */
TP_API tp_var *tp_transpose(tp_var *x, int a, int b);
TP_API tp_var *tp_permute(tp_var *x, int n, const int64_t *axes);

/* Repeats axes of size 1 (and adds leading ones) without a copy. In tp_expand -1 leaves a size as
 * it is. The gradient sums over what was repeated. */
TP_API tp_var *tp_broadcast_to(tp_var *x, int ndim, const int64_t *shape);
TP_API tp_var *tp_expand(tp_var *x, int ndim, const int64_t *shape);

/* Sums x down to a shape that broadcasts to x's: the opposite of tp_broadcast_to. */
TP_API tp_var *tp_sum_to(tp_var *x, int ndim, const int64_t *shape);

/* Removes an axis of size 1; adds one before axis. */
TP_API tp_var *tp_squeeze(tp_var *x, int axis);
TP_API tp_var *tp_unsqueeze(tp_var *x, int axis);

/* --- Parts --- */

/* x[start:stop:step] along axis, as in Python: negative positions count from the end and both
 * are clipped to the axis; INT64_MAX as stop reaches to its end. step ≥ 1. A view. */
TP_API tp_var *tp_slice(tp_var *x, int axis, int64_t start, int64_t stop, int64_t step);

/* x[index] along axis, which goes. A view. Out of range is an error. */
TP_API tp_var *tp_select(tp_var *x, int axis, int64_t index);

/* A copy of x with x[start:stop:step] along axis replaced by part, of the slice's shape. */
TP_API tp_var *tp_slice_scatter(tp_var *x, tp_var *part, int axis, int64_t start, int64_t stop,
                                int64_t step);

/* n ≥ 1 arrays joined along axis; other sizes must agree. */
TP_API tp_var *tp_concatenate(tp_var *const *xs, int n, int axis);

/* --- Products --- */

/* Matrix product: (…, m, k) × (…, k, n) → (…, m, n). Leading axes broadcast. A 1-d operand counts
 * as a row on the left, a column on the right, and its axis goes. Integers multiply in int64. */
TP_API tp_var *tp_matmul(tp_var *a, tp_var *b);

#ifdef __cplusplus
}
#endif

#endif
