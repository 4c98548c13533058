/* SPDX-License-Identifier: MIT
 *
 * Elementwise operations in one line each.
 *
 * TP__FLOAT_UNARY(Label, name, value, slope, rule, reads, domain) declares y = value(x). `slope` is
 * the gradient in numbers gy, x, y; `rule` is the same in public operations; both round alike. The
 * Taylor rule name_taylor stands before it. TP__UNARY is for operations that keep integers; its
 * loops name_i64 and name_u8 stand before it too.
 *
 * TP__BINARY does the same for y = value(a, b), with a slope, a rule and what it reads for each
 * operand.
 */
#ifndef TP_ELEMENTWISE_H
#define TP_ELEMENTWISE_H

#include "graph/apply.h"
#include "graph/series.h"

#define TP__UNARY_RECORD(label_, name_, value, slope, rule_, reads_, domain_, flags_, i64, u8)     \
    static double name_##_number(double x, double attr)                                            \
    {                                                                                              \
        (void)attr;                                                                                \
        return value;                                                                              \
    }                                                                                              \
    static void name_##_number_gradient(double gy, double x, double b, double y, double *gx,       \
                                        double *gb)                                                \
    {                                                                                              \
        (void)gy, (void)x, (void)b, (void)y, (void)gb;                                             \
        *gx = slope;                                                                               \
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
        .taylor = name_##_taylor,                                                                  \
        .rule = #rule_,                                                                            \
        .domain = domain_,                                                                         \
        .call_1 = tp_##name_,                                                                      \
    };                                                                                             \
    tp_var *tp_##name_(tp_var *x)                                                                  \
    {                                                                                              \
        return tp__apply_1(&name_##_op, x, (tp__attr){0});                                         \
    }

#define TP__FLOAT_UNARY(label_, name_, value, slope, rule_, reads_, domain_)                       \
    TP__UNARY_RECORD(label_, name_, value, slope, rule_, reads_, domain_,                          \
                     TP__FLOATING | TP__COSTLY, NULL, NULL)

#define TP__UNARY(label_, name_, value, slope, rule_, reads_, domain_)                             \
    TP__UNARY_RECORD(label_, name_, value, slope, rule_, reads_, domain_, 0, name_##_i64,          \
                     name_##_u8)

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

#define TP__BINARY(label_, name_, value, slope_a, rule_a, reads_a, slope_b, rule_b, reads_b,       \
                   domain_, flags_, i64, u8)                                                       \
    TP__BINARY_PARTS(name_, value, slope_a, rule_a, slope_b, rule_b)                               \
    static tp__kernel *name_##_fast[4];                                                            \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 2,                                                                                 \
        .flags = TP__ELEMENTWISE | flags_,                                                         \
        .reads = {reads_a, reads_b},                                                               \
        .loop = {[TP_F32] = name_##_f32, [TP_F64] = name_##_f64, [TP_I64] = i64, [TP_U8] = u8},    \
        .fast = name_##_fast,                                                                      \
        .number = name_##_number,                                                                  \
        .number_gradient = name_##_number_gradient,                                                \
        .gradient = name_##_gradient,                                                              \
        .taylor = name_##_taylor,                                                                  \
        .rule = "a: " #rule_a "; b: " #rule_b,                                                     \
        .domain = domain_,                                                                         \
        .call_2 = tp_##name_,                                                                      \
    };                                                                                             \
    tp_var *(tp_##name_)(tp_var * a, tp_var * b)                                                   \
    {                                                                                              \
        return tp__apply_2(&name_##_op, a, b);                                                     \
    }

#endif
