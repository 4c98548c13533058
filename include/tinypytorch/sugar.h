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
#include "graph.h"
#include "ops.h"

#if !defined(__cplusplus) && defined(__GNUC__) && !defined(TP_NO_SUGAR)

static inline tp_var *tp__of_var(tp_var *v)
{
    return v;
}
static inline tp_var *tp__of_pointer(void *v)
{
    return (tp_var *)v;
}
static inline tp_var *tp__of_float(float v)
{
    return tp_num((double)v);
}
static inline tp_var *tp__of_long_double(long double v)
{
    return tp_num((double)v);
}
static inline tp_var *tp__of_unsigned(unsigned long long v)
{
    return v <= INT64_MAX ? tp_num_int((int64_t)v) : tp_num((double)v);
}

#define TP__OF(v)                                                                                  \
    _Generic(v, tp_var *: tp__of_var, void *: tp__of_pointer, float: tp__of_float, double: tp_num,       \
             long double: tp__of_long_double, unsigned long: tp__of_unsigned,                      \
             unsigned long long: tp__of_unsigned, bool: tp_num_int, char: tp_num_int,              \
             signed char: tp_num_int, unsigned char: tp_num_int, short: tp_num_int,                \
             unsigned short: tp_num_int, int: tp_num_int, unsigned: tp_num_int, long: tp_num_int,  \
             long long: tp_num_int)(v)
#define TP__BIND(value, name)                                                                      \
    __extension__({                                                                                \
        __auto_type name = (value);                                                                \
        TP__OF(name);                                                                              \
    })
#define TP__V(value) TP__BIND(value, TP__UNIQUE(tp__v))

#define tp_variable(value) tp_variable(TP__V(value))

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

#define tp_add_(target, value) tp_add_(target, TP__V(value))
#define tp_sub_(target, value) tp_sub_(target, TP__V(value))
#define tp_mul_(target, value) tp_mul_(target, TP__V(value))
#define tp_div_(target, value) tp_div_(target, TP__V(value))
#define tp_copy_(target, value) tp_copy_(target, TP__V(value))

#define TP__REDUCE(function, x, ...) function(x, &(tp_reduce_options){__VA_ARGS__})
#define tp_sum(...) TP__REDUCE(tp_sum, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#define tp_mean(...) TP__REDUCE(tp_mean, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#define tp_max(...) TP__REDUCE(tp_max, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#define tp_min(...) TP__REDUCE(tp_min, __VA_ARGS__, .size = sizeof(tp_reduce_options))

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

#endif

#endif
