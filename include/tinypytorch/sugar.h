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
#include "equations.h"
#include "graph.h"
#include "ops.h"

#if !defined(__cplusplus) && defined(__GNUC__) && !defined(TP_NO_SUGAR)

#define tp_variable(value) tp_variable(TP__V(value))

#define tp_add_(target, value) tp_add_(target, TP__V(value))
#define tp_sub_(target, value) tp_sub_(target, TP__V(value))
#define tp_mul_(target, value) tp_mul_(target, TP__V(value))
#define tp_div_(target, value) tp_div_(target, TP__V(value))
#define tp_copy_(target, value) tp_copy_(target, TP__V(value))

#define TP__BACKWARD(y, ...) tp_backward(y, &(tp_backward_options){__VA_ARGS__})
#define tp_backward(...) TP__BACKWARD(__VA_ARGS__, .size = sizeof(tp_backward_options))

#define TP__SGD_STEP(params, velocity, n, ...)                                                     \
    tp_sgd_step(params, velocity, n, &(tp_sgd_options){__VA_ARGS__})
#define tp_sgd_step(...) TP__SGD_STEP(__VA_ARGS__, .size = sizeof(tp_sgd_options))

#define TP__ADAM_STEP(params, m, v, n, step, ...)                                                  \
    tp_adam_step(params, m, v, n, step, &(tp_adam_options){__VA_ARGS__})
#define tp_adam_step(...) TP__ADAM_STEP(__VA_ARGS__, .size = sizeof(tp_adam_options))

#define TP__GRADIENT(y, x, ...) tp_gradient(y, x, &(tp_gradient_options){__VA_ARGS__})
#define tp_gradient(...) TP__GRADIENT(__VA_ARGS__, .size = sizeof(tp_gradient_options))

#define TP__GRADIENTS(y, xs, n, out, ...)                                                          \
    tp_gradients(y, xs, n, out, &(tp_gradient_options){__VA_ARGS__})
#define tp_gradients(...) TP__GRADIENTS(__VA_ARGS__, .size = sizeof(tp_gradient_options))

#define TP__GRADCHECK(f, ctx, x, n, ...)                                                           \
    tp_gradcheck(f, ctx, x, n, &(tp_gradcheck_options){__VA_ARGS__})
#define tp_gradcheck(...) TP__GRADCHECK(__VA_ARGS__, .size = sizeof(tp_gradcheck_options))

#define TP__MINIMIZE(f, ctx, start, minimum, ...)                                                  \
    tp_minimize(f, ctx, start, minimum, &(tp_minimize_options){__VA_ARGS__})
#define tp_minimize(...) TP__MINIMIZE(__VA_ARGS__, .size = sizeof(tp_minimize_options))

#define TP__CHECKPOINT_SEQUENCE(f, ctx, n, x, ...)                                                 \
    tp_checkpoint_sequence(f, ctx, n, x, &(tp_checkpoint_options){__VA_ARGS__})
#define tp_checkpoint_sequence(...)                                                                \
    TP__CHECKPOINT_SEQUENCE(__VA_ARGS__, .size = sizeof(tp_checkpoint_options))

#define TP__LEAST_SQUARES(f, ctx, start, fit, ...)                                                 \
    tp_least_squares(f, ctx, start, fit, &(tp_least_squares_options){__VA_ARGS__})
#define tp_least_squares(...)                                                                      \
    TP__LEAST_SQUARES(__VA_ARGS__, .size = sizeof(tp_least_squares_options))

#define TP__FIND_ROOT(f, ctx, start, root, ...)                                                    \
    tp_find_root(f, ctx, start, root, &(tp_root_options){__VA_ARGS__})
#define tp_find_root(...) TP__FIND_ROOT(__VA_ARGS__, .size = sizeof(tp_root_options))

#endif

#endif
