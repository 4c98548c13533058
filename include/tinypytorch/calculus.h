/* SPDX-License-Identifier: MIT
 *
 * Derivatives in one call each, over backward (graph.h) and Taylor series (taylor.h).
 *
 *     tp_jacobian(y, x)       every derivative of every element of y
 *     tp_hessian(y, x)        second derivatives of a number
 *     tp_hvp(y, x, v)         the Hessian times v, without the Hessian
 *     tp_gradcheck(f, …)      a function's derivatives against differences
 *
 * Results are recorded, so that any of these can be applied to them again; within TP_NO_GRAD();
 * they are constants and cheaper. x is a variable or a recorded value that y is computed from;
 * where y does not depend on it, derivatives are zeros.
 */
#ifndef TINYPYTORCH_CALCULUS_H
#define TINYPYTORCH_CALCULUS_H

#include "graph.h"
#include "taylor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The derivative of sum(v · y) for x, of x's shape: v times the Jacobian. v has y's shape and type.
 * (Its counterpart, the Jacobian times a direction, is tp_jvp in taylor.h.) */
TP_API tp_var *tp_vjp(tp_var *y, tp_var *x, tp_var *v);

/* dy / dx, of y's shape followed by x's. As many sweeps as y has elements, backwards, or forwards
 * as x has: whichever are fewer. Errors: more than TP_MAX_NDIM axes. */
TP_API tp_var *tp_jacobian(tp_var *y, tp_var *x);

/* The Jacobian of the gradient of y, a number, of x's shape twice. */
TP_API tp_var *tp_hessian(tp_var *y, tp_var *x);

/* The Hessian of sum(y) times v, of x's shape: forwards over backwards (Pearlmutter 1994), about
 * the cost of two gradients. */
TP_API tp_var *tp_hvp(tp_var *y, tp_var *x, tp_var *v);

/* The sum of second derivatives of sum(y) along each element of x: the trace of the Hessian, one
 * Taylor series an element. */
TP_API tp_var *tp_laplacian(tp_var *y, tp_var *x);

/* --- Checking --- */

typedef struct tp_gradcheck_options {
    int orders;       /* of derivatives to check: 1 */
    int directions;   /* random ones for each order: 3 */
    double step;      /* of the widest difference: 1e-2 of a direction of length 1 */
    double tolerance; /* of |difference| ≤ tolerance · max(1, |derivative|): 1e-6 */
    uint64_t seed;
    size_t size; /* set by the macro: sizeof(tp_gradcheck_options) */
} tp_gradcheck_options;

/* A function of n arrays, for tp_gradcheck: any operations on x[0 … n). */
typedef tp_var *tp_array_function(void *ctx, tp_var *const *x);

/* True if the derivatives of f at the float64 arrays x agree with differences: along random
 * directions, the derivative of order k by a backward sweep (and for the first order by a series
 * too) against central differences of order k − 1, extrapolated twice (Richardson 1911). A
 * disagreement is reported on stderr with order, direction, both numbers; errors of f stay pending
 * and give false. */
TP_API bool tp_gradcheck(tp_array_function *f, void *ctx, tp_var *const *x, int n,
                         const tp_gradcheck_options *options);

#ifdef __cplusplus
}
#endif

#endif
