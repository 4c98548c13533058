/* SPDX-License-Identifier: MIT
 *
 * Numbers mixed with variables, and optional arguments by name, as macros over the real functions
 * of the same names:
 *
 *     tp_mul(2, x)    tp_sub(1, x)    tp_pow(x, 3)    tp_variable(2.0)
 *     tp_sum(x, .axes = TP_AXES(0), .keepdims = true)
 *     tp_backward(y, .create_graph = true)
 *
 * An argument is bound once, so nesting costs the preprocessor nothing. Not in C++, without GNU
 * extensions, or under TP_NO_SUGAR: there tp_num(2) wraps a number and options are passed by
 * pointer, NULL for the defaults. In parentheses, (tp_add)(a, b), a name is always the function.
 */
#ifndef TINYPYTORCH_SUGAR_H
#define TINYPYTORCH_SUGAR_H

#include "array.h"
#include "calculus.h"
#include "checkpoint.h"
#include "elementwise.h"
#include "equations.h"
#include "graph.h"

#if !defined(__cplusplus) && defined(__GNUC__) && !defined(TP_NO_SUGAR)

#define tp_variable(value) tp_variable(TP__V(value))

#define tp_add_(target, value) tp_add_(target, TP__V(value))
#define tp_sub_(target, value) tp_sub_(target, TP__V(value))
#define tp_mul_(target, value) tp_mul_(target, TP__V(value))
#define tp_div_(target, value) tp_div_(target, TP__V(value))
#define tp_copy_(target, value) tp_copy_(target, TP__V(value))

#define TP__BACKWARD(function, y, ...) TP__WITH(tp_backward_options, function, (y, ), __VA_ARGS__)
#define tp_backward(...) TP__BACKWARD(tp_backward, __VA_ARGS__, )
#define TP__GRADIENT(function, y, x, ...)                                                          \
    TP__WITH(tp_gradient_options, function, (y, x, ), __VA_ARGS__)
#define tp_gradient(...) TP__GRADIENT(tp_gradient, __VA_ARGS__, )
#define TP__GRADIENTS(function, y, xs, n, out, ...)                                                \
    TP__WITH(tp_gradient_options, function, (y, xs, n, out, ), __VA_ARGS__)
#define tp_gradients(...) TP__GRADIENTS(tp_gradients, __VA_ARGS__, )
#define TP__GRADCHECK(function, f, ctx, x, n, ...)                                                 \
    TP__WITH(tp_gradcheck_options, function, (f, ctx, x, n, ), __VA_ARGS__)
#define tp_gradcheck(...) TP__GRADCHECK(tp_gradcheck, __VA_ARGS__, )
#define TP__MINIMIZE(function, f, ctx, start, minimum, ...)                                        \
    TP__WITH(tp_minimize_options, function, (f, ctx, start, minimum, ), __VA_ARGS__)
#define tp_minimize(...) TP__MINIMIZE(tp_minimize, __VA_ARGS__, )
#define TP__CHECKPOINT_SEQUENCE(function, f, ctx, n, x, ...)                                       \
    TP__WITH(tp_checkpoint_options, function, (f, ctx, n, x, ), __VA_ARGS__)
#define tp_checkpoint_sequence(...) TP__CHECKPOINT_SEQUENCE(tp_checkpoint_sequence, __VA_ARGS__, )
#define TP__SUM_BLOCKS(function, f, ctx, x, n, block, ...)                                         \
    TP__WITH(tp_blocks_options, function, (f, ctx, x, n, block, ), __VA_ARGS__)
#define tp_sum_blocks(...) TP__SUM_BLOCKS(tp_sum_blocks, __VA_ARGS__, )
#define TP__LEAST_SQUARES(function, f, ctx, start, fit, ...)                                       \
    TP__WITH(tp_least_squares_options, function, (f, ctx, start, fit, ), __VA_ARGS__)
#define tp_least_squares(...) TP__LEAST_SQUARES(tp_least_squares, __VA_ARGS__, )
#define TP__FIND_ROOT(function, f, ctx, start, root, ...)                                          \
    TP__WITH(tp_root_options, function, (f, ctx, start, root, ), __VA_ARGS__)
#define tp_find_root(...) TP__FIND_ROOT(tp_find_root, __VA_ARGS__, )
#endif

#endif
