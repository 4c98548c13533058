/* SPDX-License-Identifier: MIT
 *
 * All orders in one sweep. Nesting backward sweeps multiplies the graph at each order. Pushing a
 * truncated Taylor series through the recorded graph takes O(n²) operations for all orders up to n
 * (Griewank & Walther 2008, ch. 13).
 *
 * The coefficients are made by operations: they are recorded, can be drawn and can be
 * differentiated again. Within TP_NO_GRAD(); they are constants.
 *
 * On its way a series needs the values that a recorded gradient reads. One of them that was edited
 * in place since it was recorded is an error; other values may be edited. One whose elements were
 * dropped is computed again (graph.h). A function of one's own needs a jvp (tp_function).
 */
#ifndef TINYPYTORCH_TAYLOR_H
#define TINYPYTORCH_TAYLOR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* out[k − 1] ← dᵏ/dtᵏ y(x + t·1) at t = 0, for k = 1 … n. For a number x, and where y is computed
 * element by element from x, this is the k-th derivative. Each has y's shape; where y does not
 * depend on x it is zeros. x is a variable or a recorded value.
 *
 * n is at least 1 and at most 170; 33 where x or y is float32 or bfloat16, 8 where one is float16:
 * beyond, k! is too large for the type. Errors: x is a constant; y was computed without recording.
 * On an error every out is poison. */
TP_API void tp_derivatives(tp_var *y, tp_var *x, int n, tp_var **out);

/* out[k − 1] ← dᵏ/dtᵏ y(x + t · direction) at t = 0, for k = 1 … n: all derivatives along a line.
 * direction has x's shape and type. n and errors are as above. */
TP_API void tp_taylor(tp_var *y, tp_var *x, tp_var *direction, int n, tp_var **out);

/* The derivative of y along direction: the Jacobian times direction, of y's shape. direction has
 * x's shape and type. This is forward mode, a Taylor series of order one. */
TP_API tp_var *tp_jvp(tp_var *y, tp_var *x, tp_var *direction);

#ifdef __cplusplus
}
#endif

#endif
