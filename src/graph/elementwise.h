/* SPDX-License-Identifier: MIT
 *
 * Elementwise operations in one line each: the public function, what it is in numbers, its gradient
 * in numbers and in operations, then the other fields of the record by name.
 *
 *     TP__UNARY(tp_exp, exp(x), gy * y, tp_mul(gy, y),
 *               .label = "Exp", .formula = "eˣ", .flags = TP__FUNCTION, .reads = {TP__READS_OUT})
 *
 * defines tp_exp and its record, tp_exp_op. Both gradients, of gy, x and y, round alike. Taylor
 * series follow from the rule unless the record has a recurrence. Loops of integers are given as
 * .loop[TP_I64] and .loop[TP_U8]. TP__UNARY_SLOPED makes the gradient in numbers a step of its own
 * (op.h, slope) besides; it reads one of x and y.
 *
 * TP__BINARY does the same for y = value(a, b), with a gradient for each operand.
 */
#ifndef TP_ELEMENTWISE_H
#define TP_ELEMENTWISE_H

#include "graph/apply.h"
#include "graph/series.h"

/* Of functions that cost more than reading an element; integers are computed in float64. */
enum { TP__FUNCTION = TP__ELEMENTWISE | TP__FLOATING | TP__COSTLY };

#define TP__UNARY_DEFINE(function, value, slope_, rule_, text_, ...)                               \
    static double function##_in_numbers(double x, double attr)                                     \
    {                                                                                              \
        (void)attr;                                                                                \
        return value;                                                                              \
    }                                                                                              \
    static tp__slopes function##_slope_in_numbers(double gy, double x, double b, double y)         \
    {                                                                                              \
        (void)gy, (void)x, (void)b, (void)y;                                                       \
        return (tp__slopes){slope_, 0};                                                            \
    }                                                                                              \
    TP__LOOP1(function##_f64, double, double, double, value)                                       \
    TP__LOOP1(function##_f32, float, float, double, value)                                         \
    static void function##_gradient(const tp__pull *pull)                                          \
    {                                                                                              \
        tp_var *x = pull->x[0], *y = pull->y, *gy = pull->gy;                                      \
        (void)x, (void)y, (void)gy;                                                                \
        pull->gx[0] = rule_;                                                                       \
    }                                                                                              \
    static const tp__op function##_op = {                                                          \
        .name = TP__AFTER_PREFIX(#function),                                                       \
        .n_in = 1,                                                                                 \
        .loop[TP_F32] = function##_f32,                                                            \
        .loop[TP_F64] = function##_f64,                                                            \
        .number = function##_in_numbers,                                                           \
        .number_gradient = function##_slope_in_numbers,                                            \
        .gradient = function##_gradient,                                                           \
        .rule = text_,                                                                             \
        .call_1 = function,                                                                        \
        __VA_ARGS__,                                                                               \
    };                                                                                             \
    tp_var *function(tp_var *x)                                                                    \
    {                                                                                              \
        return tp__apply_1(&function##_op, x, (tp__attr){0});                                      \
    }

/* The rule's text is taken here: one macro further down it would be expanded. */
#define TP__UNARY(function, value, slope_, rule_, ...)                                             \
    TP__UNARY_DEFINE(function, value, slope_, rule_, #rule_, __VA_ARGS__)

#define TP__SLOPE_LOOP(name, Type, expression)                                                     \
    static void name(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)        \
    {                                                                                              \
        (void)attr;                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type gy = *(const Type *)(at[1] + i * step[1]);                                  \
            const Type x = *(const Type *)(at[2] + i * step[2]), y = x;                            \
            (void)x, (void)y;                                                                      \
            *(Type *)(at[0] + i * step[0]) = expression;                                           \
        }                                                                                          \
    }

#define TP__UNARY_SLOPED(function, value, slope_, rule_, fast_, ...)                               \
    TP__SLOPE_LOOP(function##_slope_f64, double, slope_)                                           \
    TP__SLOPE_LOOP(function##_slope_f32, float, slope_)                                            \
    static const tp__op function##_slope_op = {                                                    \
        .label = TP__AFTER_PREFIX(#function " gradient"),                                          \
        .name = TP__AFTER_PREFIX(#function "_slope"),                                              \
        .n_in = 2,                                                                                 \
        .flags = TP__ELEMENTWISE | TP__SLOPE,                                                      \
        .loop = {[TP_F32] = function##_slope_f32, [TP_F64] = function##_slope_f64},                \
        .fast = fast_,                                                                             \
    };                                                                                             \
    TP__UNARY_DEFINE(function, value, slope_, rule_, #rule_, .slope = &function##_slope_op,        \
                     __VA_ARGS__)

/* The functions of a binary record. */
#define TP__BINARY_PARTS(function, value, slope_a, rule_a, slope_b, rule_b)                        \
    static double function##_in_numbers(double a, double b)                                        \
    {                                                                                              \
        return value;                                                                              \
    }                                                                                              \
    static tp__slopes function##_slope_in_numbers(double gy, double a, double b, double y)         \
    {                                                                                              \
        (void)a, (void)b, (void)y;                                                                 \
        return (tp__slopes){slope_a, slope_b};                                                     \
    }                                                                                              \
    TP__LOOP2(function##_f64, double, double, double, value)                                       \
    TP__LOOP2(function##_f32, float, float, double, value)                                         \
    static void function##_gradient(const tp__pull *pull)                                          \
    {                                                                                              \
        tp_var *a = pull->x[0], *b = pull->x[1], *y = pull->y, *gy = pull->gy;                     \
        (void)a, (void)b, (void)y;                                                                 \
        if (pull->wanted[0])                                                                       \
            pull->gx[0] = rule_a;                                                                  \
        if (pull->wanted[1])                                                                       \
            pull->gx[1] = rule_b;                                                                  \
    }

#define TP__BINARY(function, value, slope_a, rule_a, slope_b, rule_b, ...)                         \
    TP__BINARY_PARTS(function, value, slope_a, rule_a, slope_b, rule_b)                            \
    static const tp__op function##_op = {                                                          \
        .name = TP__AFTER_PREFIX(#function),                                                       \
        .n_in = 2,                                                                                 \
        .loop[TP_F32] = function##_f32,                                                            \
        .loop[TP_F64] = function##_f64,                                                            \
        .number = function##_in_numbers,                                                           \
        .number_gradient = function##_slope_in_numbers,                                            \
        .gradient = function##_gradient,                                                           \
        .rule = "a: " #rule_a "; b: " #rule_b,                                                     \
        .call_2 = function,                                                                        \
        __VA_ARGS__,                                                                               \
    };                                                                                             \
    tp_var *(function)(tp_var * a, tp_var * b)                                                     \
    {                                                                                              \
        return tp__apply_2(&function##_op, a, b);                                                  \
    }

/* Truth of operands of any type, as uint8; without a gradient. */
#define TP__PREDICATE_RECORD(function, n_, call_, ...)                                             \
    static bool function##_infer(tp__call *call)                                                   \
    {                                                                                              \
        call->dtype = TP_U8;                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static const tp__op function##_op = {                                                          \
        .name = TP__AFTER_PREFIX(#function),                                                       \
        .n_in = n_,                                                                                \
        .flags = TP__ELEMENTWISE,                                                                  \
        .infer = function##_infer,                                                                 \
        .loop = {[TP_F32] = function##_f32,                                                        \
                 [TP_F64] = function##_f64,                                                        \
                 [TP_I64] = function##_i64,                                                        \
                 [TP_U8] = function##_u8},                                                         \
        .rule = "none",                                                                            \
        .call_ = function,                                                                         \
        __VA_ARGS__,                                                                               \
    };

#define TP__PREDICATE1(function, truth, ...)                                                       \
    TP__LOOP1(function##_f64, uint8_t, double, double, truth)                                      \
    TP__LOOP1(function##_f32, uint8_t, float, float, truth)                                        \
    TP__LOOP1(function##_i64, uint8_t, int64_t, int64_t, truth)                                    \
    TP__LOOP1(function##_u8, uint8_t, uint8_t, uint8_t, truth)                                     \
    TP__PREDICATE_RECORD(function, 1, call_1, __VA_ARGS__)                                         \
    tp_var *function(tp_var *x)                                                                    \
    {                                                                                              \
        return tp__apply(&function##_op, &x, 1, (tp__attr){0}, -1, NULL);                          \
    }

#define TP__PREDICATE2(function, truth, ...)                                                       \
    TP__LOOP2(function##_f64, uint8_t, double, double, truth)                                      \
    TP__LOOP2(function##_f32, uint8_t, float, float, truth)                                        \
    TP__LOOP2(function##_i64, uint8_t, int64_t, int64_t, truth)                                    \
    TP__LOOP2(function##_u8, uint8_t, uint8_t, uint8_t, truth)                                     \
    TP__PREDICATE_RECORD(function, 2, call_2, __VA_ARGS__)                                         \
    tp_var *(function)(tp_var * a, tp_var * b)                                                     \
    {                                                                                              \
        return tp__apply(&function##_op, (tp_var *[]){a, b}, 2, (tp__attr){0}, -1, NULL);          \
    }

/* The record of a function that only calls others. */
#define TP__COMPOSITE_UNARY(function, ...)                                                         \
    static const tp__op function##_op = {                                                          \
        .name = TP__AFTER_PREFIX(#function),                                                       \
        .n_in = 1,                                                                                 \
        .flags = TP__COMPOSITE,                                                                    \
        .rule = "from its formula",                                                                \
        .call_1 = function,                                                                        \
        __VA_ARGS__,                                                                               \
    };

#endif
