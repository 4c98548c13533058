/* SPDX-License-Identifier: MIT
 *
 * Formulas: text that becomes operations on variables.
 *
 *     const char *names[] = {"x0", "x1"};
 *     tp_var *y = tp_formula("100*(x1 - x0^2)^2 + (x0 - 1)^2", names, x, 2);
 *
 *     tp_expression *f = tp_expression_new("100*(x1 - x0^2)^2 + (x0 - 1)^2", NULL, 0);
 *     tp_var *y = tp_expression_apply(f, x);    // records a graph, each time it is called
 *     tp_expression_free(f);
 *
 * The language, from loosest to tightest:
 *
 *     a < b   a <= b   a > b   a >= b   a == b   a != b    1 or 0; one of them without parentheses
 *     a + b   a - b
 *     a * b   a / b
 *     -a   +a
 *     a ^ b   a ** b                    from the right: 2^3^2 = 2^9; -x^2 = -(x^2); 2^-x
 *     v[i]   m[i, j]                    elements; i is an integer, negative ones from the end
 *     3   0.5   1e-3   pi   e   inf   nan   x   (a)
 *     [a, b, c]                         an array along a first axis: [1, 2], [[1, 2], [3, 4]]
 *     f(a)   f(a, b) …
 *
 * f is a function of one or two operands that works elementwise, by the name it has in ops.h
 * without tp_ (docs/operations.md lists them): sin, exp, sigmoid, gelu, atan2, hypot, logical_and …
 * Beside these:
 *
 *     sum(v)   mean(v)   prod(v)   max(v)   min(v)   norm(v)   norm(v, p)   dot(u, v)
 *     max(a, b, …)   min(a, b, …)       elementwise: maximum and minimum
 *     where(c, a, b)   clamp(x, low, high)   lerp(a, b, weight)   polygamma(n, x)
 *     elu(x)   celu(x)   elu(x, alpha) …   leaky_relu(x)   leaky_relu(x, slope)   prelu(x, slope)
 *     d(a, x)   d(a, x, n)              the derivative, the n-th derivative (n ≤ 170) for variable
 * x
 *
 * d is partial: other variables are held, whatever they were computed from. For a number x it has
 * a's shape; for an array x it has x's, and is the gradient of sum(a), of d(a, x, n − 1) for n > 1:
 * elementwise derivatives where a is computed element by element. Orders beyond the first go by
 * Taylor series (taylor.h). x may be a constant: within d it counts as a variable. d may be nested,
 * 16 deep.
 *
 * Names are letters, digits, _ and any characters beyond ASCII, not starting with a digit. A name
 * before "(" is a function, so a variable may be called d or sum; not pi, e, inf or nan. Numbers
 * are weak (array.h), and operations on numbers alone are computed when the text is read: x^(1/2)
 * has a constant exponent.
 *
 * Errors, of the text and of operations that it calls, show the place:
 *
 *     formula: expected a number, a name, "(" or "["
 *       100*(x1 - x0^)^2
 *                    ^
 */
#ifndef TINYPYTORCH_FORMULA_H
#define TINYPYTORCH_FORMULA_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The value of a formula whose variables are names[0 … n), with values x[0 … n). Another name is an
 * error. */
TP_API tp_var *tp_formula(const char *text, const char *const *names, tp_var *const *x, int n);

/* A formula that was read. It is not changed by being applied. */
typedef struct tp_expression tp_expression;

/* Reads text, of any length and depth. If names is NULL, its variables are what the text names, in
 * order of appearance; otherwise they are names[0 … n), and another name is an error. NULL, with an
 * error, if text is not a formula. */
TP_API tp_expression *tp_expression_new(const char *text, const char *const *names, int n);
TP_API void tp_expression_free(tp_expression *f);

/* How many variables it has, and what they are called; the text lives as long as f. NULL if there
 * is no such variable. */
TP_API int tp_expression_size(const tp_expression *f);
TP_API const char *tp_expression_variable(const tp_expression *f, int i);

/* The formula at x[0 … size), recorded like any other operations. */
TP_API tp_var *tp_expression_apply(const tp_expression *f, tp_var *const *x);

/* The same as functions for tp_gradcheck and tp_minimize; ctx is the expression. The objective of
 * one array: that is the variable, if there is one; of more, they are its elements. */
TP_API tp_var *tp_expression_function(void *expression, tp_var *const *x);
TP_API tp_var *tp_expression_objective(void *expression, tp_var *x);

#ifdef __cplusplus
}
#endif

#endif
