/* SPDX-License-Identifier: MIT
 *
 * Formulas: text that becomes operations on variables.
 *
 *     const char *names[] = {"x0", "x1"};
 *     tp_var *y = tp_formula("100*(x1 - x0^2)^2 + (x0 - 1)^2", names, x, 2);
 *
 *     tp_expression *f = tp_expression_new("100*(x1 - x0^2)^2 + (x0 - 1)^2", names, 2);
 *     tp_var *y = tp_expression_apply(f, x);    // records a graph, each time it is called
 *     tp_expression_free(f);
 *
 * Both mean the same: names[i] is the variable with the value x[i].
 *
 * The language, from loosest to tightest:
 *
 *     a < b   a <= b   a > b   a >= b   a == b   a != b    1 or 0; a < b < c needs parentheses
 *     a + b   a - b
 *     a * b   a / b   a % b             % is remainder, which has the sign of b: -7 % 3 = 2
 *     -a   +a
 *     a ^ b   a ** b                    from the right: 2^3^2 = 2^9; -x^2 = -(x^2); 2^-x
 *     v[i]   m[i, j]                    elements; i is an integer, negative ones from the end
 *     3   0.5   1e-3   pi   e   inf   nan   x   (a)
 *     [a, b, c]                         an array along a first axis: [1, 2], [[1, 2], [3, 4]]
 *     f(a)   f(a, b) …
 *
 * Signs as people write them are read too: − × · ÷ ≤ ≥ ≠ π ∞ √x, raised digits (x², x⁻¹; they bind
 * tighter than ^: x³^2 = (x³)^2) and the spaces of word processors. √x^2 can be read in two ways
 * and is an error, as is every other sign that is neither ASCII nor a letter; the error shows it.
 *
 * f is a function of one or two operands that works elementwise, by the name it has in
 * elementwise.h without tp_ (docs/operations.md lists them): sin, exp, sigmoid, gelu, atan2, hypot,
 * logical_and … Beside these:
 *
 *     ln(x)   cbrt(x)   gamma(x)        log; the cube root, of negative numbers too; Γ
 *     sum(v)   mean(v)   prod(v)   max(v)   min(v)   norm(v)   norm(v, p)   dot(u, v)
 *     max(a, b, …)   min(a, b, …)       elementwise: maximum and minimum
 *     where(c, a, b)   clamp(x, low, high)   lerp(a, b, weight)   polygamma(n, x)
 *     elu(x)   celu(x)   elu(x, alpha) …   leaky_relu(x)   leaky_relu(x, slope)   prelu(x, slope)
 *     d(a, x)   d(a, x, n)              the derivative, the n-th derivative of a for variable x
 *
 * d is a partial derivative: the other variables stay fixed, even if the caller computed them from
 * x. x is the name of a variable; its value may be a constant, which counts as a variable within d.
 * n is an integer from 1 to 170, to 33 if x is a float32 (the series holds the derivative divided
 * by n!, which must be in range); orders beyond the first go by Taylor series (taylor.h). If x is a
 * number the result has a's shape. If x is an array the result has x's shape: d(a, x) is the
 * gradient of sum(a), and d(a, x, n) is that of sum(d(a, x, n - 1)), so it holds the n-th
 * derivatives element by element where a is computed element by element. d may stand within d, 16
 * deep.
 *
 * Names are letters (of any script), digits and _, not starting with a digit. A name before "(" is
 * a function, so a variable may be called d or sum; pi, π, e, inf and nan are constants, which no
 * variable can be called. Numbers are weak (array.h), and operations on numbers alone are computed
 * when the text is read: x^(1/2) has a constant exponent.
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

/* Reads text, of any length and depth. Its variables are names[0 … n); another name in it is an
 * error. If names is NULL, its variables are what the text names, in order of appearance: this is
 * for finding out what they are. Such an expression can be applied if it has one variable or none;
 * with more, applying it is an error, since the order of values would depend on how the text is
 * written. NULL, with an error, if text is not a formula. */
TP_API tp_expression *tp_expression_new(const char *text, const char *const *names, int n);
TP_API void tp_expression_free(tp_expression *f);

/* How many variables it has, and what they are called; the text lives as long as f. NULL if there
 * is no such variable. */
TP_API int tp_expression_size(const tp_expression *f);
TP_API const char *tp_expression_variable(const tp_expression *f, int i);

/* The formula at x[0 … size), recorded like any other operations. */
TP_API tp_var *tp_expression_apply(const tp_expression *f, tp_var *const *x);

/* The same in the forms that tp_gradcheck and tp_minimize take, with the expression as ctx. The
 * objective has one array x: the value of the only variable, or, if there are several variables, a
 * 1-d array of their values. */
TP_API tp_var *tp_expression_function(void *expression, tp_var *const *x);
TP_API tp_var *tp_expression_objective(void *expression, tp_var *x);

#ifdef __cplusplus
}
#endif

#endif
