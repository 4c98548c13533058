/* SPDX-License-Identifier: MIT
 *
 * All orders in one sweep. Nesting reverse sweeps multiplies the graph at each order; pushing a
 * truncated Taylor series through the recorded graph costs O(n²) for all orders up to n
 * (Griewank & Walther 2008, ch. 13). The coefficients are made by operations: they are recorded,
 * can be drawn and can be differentiated again (TP_NO_GRAD turns that off).
 *
 * Values that an operation on the way reads must still be as they were when it was recorded; an
 * edit in place since is an error.
 */
#ifndef TINYPYTORCH_TAYLOR_H
#define TINYPYTORCH_TAYLOR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out[k − 1] ← dᵏ/dtᵏ y(x + t·1) at t = 0, for k = 1 … n: for a number x, or y elementwise in x,
 * the k-th derivative. Each has y's shape; zeros where y does not depend on x. x is a variable
 * or a recorded value; a constant is an error. n is at most 170, for float32 at most 33: beyond, k!
 * is too large for the type. On an error every out is poison. */
TP_API void tp_derivatives(tp_var *y, tp_var *x, int n, tp_var **out);

/* out[k − 1] ← dᵏ/dtᵏ y(x + t · direction) at t = 0, for k = 1 … n: all directional derivatives
 * along a line. direction has x's shape and type. */
TP_API void tp_taylor(tp_var *y, tp_var *x, tp_var *direction, int n, tp_var **out);

/* The directional derivative of y for x along direction (x's shape): Jacobian times vector, of
 * y's shape. Forward mode, which is a Taylor series of order one. */
TP_API tp_var *tp_jvp(tp_var *y, tp_var *x, tp_var *direction);

#ifdef __cplusplus
}
#endif

#endif
