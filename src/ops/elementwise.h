/* SPDX-License-Identifier: MIT
 *
 * Elementwise operations in one line each.
 *
 * TP__FLOAT_UNARY(Label, name, formula, value, slope, rule, reads, domain) declares y = value(x),
 * which `formula` tells to people. `slope` is the gradient in numbers gy, x, y; `rule` is the same
 * in public operations; both round alike. Taylor series follow from the rule; TP__SERIES_UNARY has
 * a recurrence instead, name_taylor, that stands before it. TP__UNARY is for operations that keep
 * integers; its loops name_i64 and name_u8 stand before it too.
 *
 * TP__BINARY does the same for y = value(a, b), with a slope, a rule and what it reads for each
 * operand, and a function that checks operands or NULL.
 */
#ifndef TP_ELEMENTWISE_H
#define TP_ELEMENTWISE_H

#include "graph/apply.h"
#include "graph/series.h"

/* The gradient of a unary operation from a = gy and b, which is what its rule reads. */
#define TP__SLOPE_OF(name_, expression)                                                            \
    TP__LOOP2(name_##_slope_f64, double, double, double, expression)                               \
    TP__LOOP2(name_##_slope_f32, float, float, float, expression)                                  \
    static tp__kernel *name_##_slope_fast[4];                                                      \
    static const tp__op name_##_slope_op = {                                                       \
        .label = #name_ " gradient",                                                               \
        .name = #name_ "_slope",                                                                   \
        .n_in = 2,                                                                                 \
        .flags = TP__ELEMENTWISE | TP__SLOPE,                                                      \
        .loop = {[TP_F32] = name_##_slope_f32, [TP_F64] = name_##_slope_f64},                      \
        .fast = name_##_slope_fast,                                                                \
    };

#define TP__UNARY_DEFINE(label_, name_, formula_, value, number_slope, rule_, text_, reads_,       \
                         domain_, flags_, i64, u8, taylor_, slope_, torch_)                        \
    static double name_##_number(double x, double attr)                                            \
    {                                                                                              \
        (void)attr;                                                                                \
        return value;                                                                              \
    }                                                                                              \
    static void name_##_number_gradient(double gy, double x, double b, double y, double *gx,       \
                                        double *gb)                                                \
    {                                                                                              \
        (void)gy, (void)x, (void)b, (void)y, (void)gb;                                             \
        *gx = number_slope;                                                                        \
    }                                                                                              \
    TP__LOOP1(name_##_f64, double, double, double, value)                                          \
    TP__LOOP1(name_##_f32, float, float, double, value)                                            \
    static void name_##_gradient(const tp__pull *pull)                                             \
    {                                                                                              \
        tp_var *x = pull->x[0], *y = pull->y, *gy = pull->gy;                                      \
        (void)x, (void)y, (void)gy;                                                                \
        pull->gx[0] = rule_;                                                                       \
    }                                                                                              \
    static tp__kernel *name_##_fast[4];                                                            \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 1,                                                                                 \
        .flags = TP__ELEMENTWISE | flags_,                                                         \
        .reads = {reads_},                                                                         \
        .loop = {[TP_F32] = name_##_f32, [TP_F64] = name_##_f64, [TP_I64] = i64, [TP_U8] = u8},    \
        .fast = name_##_fast,                                                                      \
        .number = name_##_number,                                                                  \
        .number_gradient = name_##_number_gradient,                                                \
        .gradient = name_##_gradient,                                                              \
        .slope = slope_,                                                                           \
        .taylor = taylor_,                                                                         \
        .formula = formula_,                                                                       \
        .rule = text_,                                                                             \
        .domain = domain_,                                                                         \
        .torch = torch_,                                                                           \
        .call_1 = tp_##name_,                                                                      \
    };                                                                                             \
    tp_var *tp_##name_(tp_var *x)                                                                  \
    {                                                                                              \
        return tp__apply_1(&name_##_op, x, (tp__attr){0});                                         \
    }

/* The rule's text is taken here: one macro further down it would be expanded. */
#define TP__UNARY_RECORD(label_, name_, formula_, value, slope, rule_, reads_, domain_, flags_,    \
                         i64, u8, taylor_, slope_op_)                                              \
    TP__UNARY_DEFINE(label_, name_, formula_, value, slope, rule_, #rule_, reads_, domain_,        \
                     flags_, i64, u8, taylor_, slope_op_, NULL)

#define TP__FLOAT_UNARY(label_, name_, formula_, value, slope, rule_, reads_, domain_)             \
    TP__UNARY_DEFINE(label_, name_, formula_, value, slope, rule_, #rule_, reads_, domain_,        \
                     TP__FLOATING | TP__COSTLY, NULL, NULL, NULL, NULL, NULL)

/* Of PyTorch's name torch_. */
#define TP__FLOAT_UNARY_NAMED(label_, name_, torch_, formula_, value, slope, rule_, reads_,        \
                              domain_)                                                             \
    TP__UNARY_DEFINE(label_, name_, formula_, value, slope, rule_, #rule_, reads_, domain_,        \
                     TP__FLOATING | TP__COSTLY, NULL, NULL, NULL, NULL, torch_)

#define TP__SERIES_UNARY(label_, name_, formula_, value, slope, rule_, reads_, domain_)            \
    TP__UNARY_DEFINE(label_, name_, formula_, value, slope, rule_, #rule_, reads_, domain_,        \
                     TP__FLOATING | TP__COSTLY, NULL, NULL, name_##_taylor, NULL, NULL)

/* With TP__SLOPE_OF(name_, …) before it. */
#define TP__SLOPE_UNARY(label_, name_, formula_, value, slope, rule_, reads_, domain_)             \
    TP__UNARY_DEFINE(label_, name_, formula_, value, slope, rule_, #rule_, reads_, domain_,        \
                     TP__FLOATING | TP__COSTLY, NULL, NULL, name_##_taylor, &name_##_slope_op,     \
                     NULL)

#define TP__UNARY(label_, name_, formula_, value, slope, rule_, reads_, domain_)                   \
    TP__UNARY_DEFINE(label_, name_, formula_, value, slope, rule_, #rule_, reads_, domain_, 0,     \
                     name_##_i64, name_##_u8, name_##_taylor, NULL, NULL)

/* The functions of a binary record. */
#define TP__BINARY_PARTS(name_, value, slope_a, rule_a, slope_b, rule_b)                           \
    static double name_##_number(double a, double b)                                               \
    {                                                                                              \
        return value;                                                                              \
    }                                                                                              \
    static void name_##_number_gradient(double gy, double a, double b, double y, double *ga,       \
                                        double *gb)                                                \
    {                                                                                              \
        (void)a, (void)b, (void)y;                                                                 \
        *ga = slope_a;                                                                             \
        *gb = slope_b;                                                                             \
    }                                                                                              \
    TP__LOOP2(name_##_f64, double, double, double, value)                                          \
    TP__LOOP2(name_##_f32, float, float, double, value)                                            \
    static void name_##_gradient(const tp__pull *pull)                                             \
    {                                                                                              \
        tp_var *a = pull->x[0], *b = pull->x[1], *y = pull->y, *gy = pull->gy;                     \
        (void)a, (void)b, (void)y;                                                                 \
        if (pull->wanted[0])                                                                       \
            pull->gx[0] = rule_a;                                                                  \
        if (pull->wanted[1])                                                                       \
            pull->gx[1] = rule_b;                                                                  \
    }

#define TP__BINARY(label_, name_, formula_, value, slope_a, rule_a, reads_a, slope_b, rule_b,      \
                   reads_b, domain_, flags_, i64, u8, taylor_, infer_)                             \
    TP__BINARY_PARTS(name_, value, slope_a, rule_a, slope_b, rule_b)                               \
    static tp__kernel *name_##_fast[4];                                                            \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 2,                                                                                 \
        .flags = TP__ELEMENTWISE | flags_,                                                         \
        .infer = infer_,                                                                           \
        .reads = {reads_a, reads_b},                                                               \
        .loop = {[TP_F32] = name_##_f32, [TP_F64] = name_##_f64, [TP_I64] = i64, [TP_U8] = u8},    \
        .fast = name_##_fast,                                                                      \
        .number = name_##_number,                                                                  \
        .number_gradient = name_##_number_gradient,                                                \
        .gradient = name_##_gradient,                                                              \
        .taylor = taylor_,                                                                         \
        .formula = formula_,                                                                       \
        .rule = "a: " #rule_a "; b: " #rule_b,                                                     \
        .domain = domain_,                                                                         \
        .call_2 = tp_##name_,                                                                      \
    };                                                                                             \
    tp_var *(tp_##name_)(tp_var * a, tp_var * b)                                                   \
    {                                                                                              \
        return tp__apply_2(&name_##_op, a, b);                                                     \
    }

/* Truth of operands of any type, as uint8; without a gradient. */
#define TP__PREDICATE_RECORD(label_, name_, formula_, n_, call_)                                   \
    static bool name_##_infer(tp__call *call)                                                      \
    {                                                                                              \
        call->dtype = TP_U8;                                                                       \
        return true;                                                                               \
    }                                                                                              \
    static tp__kernel *name_##_fast[4];                                                            \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = n_,                                                                                \
        .flags = TP__ELEMENTWISE,                                                                  \
        .infer = name_##_infer,                                                                    \
        .loop = {[TP_F32] = name_##_f32,                                                           \
                 [TP_F64] = name_##_f64,                                                           \
                 [TP_I64] = name_##_i64,                                                           \
                 [TP_U8] = name_##_u8},                                                            \
        .fast = name_##_fast,                                                                      \
        .formula = formula_,                                                                       \
        .rule = "none",                                                                            \
        .call_ = tp_##name_,                                                                       \
    };

#define TP__PREDICATE1(label_, name_, formula_, truth)                                             \
    TP__LOOP1(name_##_f64, uint8_t, double, double, truth)                                         \
    TP__LOOP1(name_##_f32, uint8_t, float, float, truth)                                           \
    TP__LOOP1(name_##_i64, uint8_t, int64_t, int64_t, truth)                                       \
    TP__LOOP1(name_##_u8, uint8_t, uint8_t, uint8_t, truth)                                        \
    TP__PREDICATE_RECORD(label_, name_, formula_, 1, call_1)                                       \
    tp_var *tp_##name_(tp_var *x)                                                                  \
    {                                                                                              \
        return tp__apply(&name_##_op, &x, 1, (tp__attr){0}, -1, NULL);                             \
    }

#define TP__PREDICATE2(label_, name_, formula_, truth)                                             \
    TP__LOOP2(name_##_f64, uint8_t, double, double, truth)                                         \
    TP__LOOP2(name_##_f32, uint8_t, float, float, truth)                                           \
    TP__LOOP2(name_##_i64, uint8_t, int64_t, int64_t, truth)                                       \
    TP__LOOP2(name_##_u8, uint8_t, uint8_t, uint8_t, truth)                                        \
    TP__PREDICATE_RECORD(label_, name_, formula_, 2, call_2)                                       \
    tp_var *(tp_##name_)(tp_var * a, tp_var * b)                                                   \
    {                                                                                              \
        return tp__apply(&name_##_op, (tp_var *[]){a, b}, 2, (tp__attr){0}, -1, NULL);             \
    }

/* The record of a function that only calls others. */
#define TP__COMPOSITE_UNARY(label_, name_, torch_, formula_, domain_)                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 1,                                                                                 \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = "from its formula",                                                                \
        .domain = domain_,                                                                         \
        .torch = torch_,                                                                           \
        .call_1 = tp_##name_,                                                                      \
    };

#endif
