/* SPDX-License-Identifier: MIT
 *
 * Sums of squares and other powers that leave a type's range although the root that is taken of
 * them does not: the norm of 1e20 in float32. Where a sum was seen to over- or underflow, and only
 * there, float32 is computed in float64, and in float64 the elements are divided by a power of two
 * first, which drops out of the result. So results in range keep their bits, and cost nothing but
 * that their sum is looked at.
 */
#ifndef TP_RANGE_H
#define TP_RANGE_H

#include "base/node.h"
#include "tinypytorch.h"

/* NULL if all sums, of powers p, are in range, NaN or of zeros. Otherwise a constant of x's type
 * that divides x, of the shape of a reduction of x by `options` with keepdims, which has as many
 * elements as sums: for each sum out of range a power of two beside the largest size of its
 * elements, otherwise 1. With p > 0 it is so far from the ends of float64 that gradients times it
 * keep their digits, of subnormal elements too; float32 has no such power, and its caller goes on
 * by TP__RANGE_WIDE. Poison on error. */
tp_var *tp__range_scale(tp_var *x, double p, tp_var *sums, const tp_reduce_options *options);

/* Given a scale of x of float32, returns the call, of x in float64, from the function. */
#define TP__RANGE_WIDE(scale, x, call)                                                             \
    do {                                                                                           \
        if (!tp_is_poison(scale) && (x)->dtype == TP_F32) {                                        \
            (x) = tp_to(x, TP_F64);                                                                \
            return tp_to(call, TP_F32);                                                            \
        }                                                                                          \
    } while (0)

/* y times scale, which has as many elements. */
tp_var *tp__range_restore(tp_var *y, tp_var *scale);

/* √s, with the derivative 0 at 0. */
tp_var *tp__safe_root(tp_var *s);

/* √Σ x² over axes. Where it is 0 so are its derivatives; where it is infinite see below. */
tp_var *tp__root_of_squares(tp_var *x, const tp_reduce_options *options);

/* A norm of x over axes, of elements of which some may be infinite: there it is the largest size,
 * whose gradient those that are infinite share; elsewhere norm(x, p, options). NULL if no element
 * is infinite, poison on error. */
tp_var *tp__range_unbounded(tp_var *x, double p, const tp_reduce_options *options,
                            tp_var *(*norm)(tp_var *x, double p, const tp_reduce_options *options));

#endif
