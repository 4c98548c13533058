/* SPDX-License-Identifier: MIT
 *
 * Numbers as operands, in C with GNU extensions and unless TP_NO_SUGAR is defined: TP__V(v) is a
 * variable, whether v is one or a number of any arithmetic type. It binds its argument once. The
 * headers of operations end with macros that use it.
 */
#ifndef TINYPYTORCH_NUMBER_H
#define TINYPYTORCH_NUMBER_H

#include "array.h"

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

#endif

#endif
