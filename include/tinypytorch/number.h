/* SPDX-License-Identifier: MIT
 *
 * What the macros at the end of other headers are made of, in C with GNU extensions and unless
 * TP_NO_SUGAR is defined. TP__V(v) is a variable, whether v is one or a number of any arithmetic
 * type. TP__WITH(type, function, (arguments, ), options) calls the function with a struct of
 * options, the defaults first and then what the caller wrote. Both bind an argument once.
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

#if defined(__SIZEOF_INT128__)
__extension__ typedef __int128 tp__int128;
static inline tp_var *tp__of_int128(tp__int128 v)
{
    return v >= INT64_MIN && v <= INT64_MAX ? tp_num_int((int64_t)v) : tp_num((double)v);
}
#define TP__INT128_BY(function)                                                                    \
    tp__int128:                                                                                    \
    function,
#else
#define TP__INT128_BY(function)
#endif
#if defined(__FLT16_MANT_DIG__) && (!defined(__clang__) || __clang_major__ >= 15)
__extension__ typedef _Float16 tp__float16;
static inline tp_var *tp__of_float16(tp__float16 v)
{
    return tp_num((double)v);
}
#define TP__FLOAT16_BY(function)                                                                   \
    tp__float16:                                                                                   \
    function,
#else
#define TP__FLOAT16_BY(function)
#endif

/* Bit-fields have types of their own, which only `default` meets, and so would others that are no
 * operands: those are given something that cannot be called. */
#define TP__OF(v)                                                                                  \
    _Generic(v, tp_var *: tp__of_var, void *: tp__of_pointer, float: tp__of_float,                 \
             double: tp_num, long double: tp__of_long_double, unsigned long: tp__of_unsigned,      \
             unsigned long long: tp__of_unsigned, TP__INT128_BY(tp__of_int128)                     \
             TP__FLOAT16_BY(tp__of_float16) const tp_var *: "", float _Complex: "",                  \
             double _Complex: "", long double _Complex: "", default: tp_num_int)(v)
#define TP__BIND(value, name)                                                                      \
    __extension__({                                                                                \
        __auto_type name = ((void)0, (value));                                                     \
        TP__OF(name);                                                                              \
    })
#define TP__V(value) TP__BIND(value, TP__UNIQUE(tp__v))

/* That a default is overridden, and that `.axes = 1` writes only the first member of a struct, is
 * meant. */
#if defined(__clang__)
#define TP__QUIET                                                                                  \
    _Pragma("clang diagnostic push")                                                               \
        _Pragma("clang diagnostic ignored \"-Winitializer-overrides\"")                            \
            _Pragma("clang diagnostic ignored \"-Wmissing-braces\"")                               \
                _Pragma("clang diagnostic ignored \"-Wmissing-field-initializers\"")
#define TP__LOUD _Pragma("clang diagnostic pop")
#else
#define TP__QUIET                                                                                  \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Woverride-init\"")           \
        _Pragma("GCC diagnostic ignored \"-Wmissing-braces\"")                                     \
            _Pragma("GCC diagnostic ignored \"-Wmissing-field-initializers\"")                     \
                _Pragma("GCC diagnostic error \"-Wdesignated-init\"")
#define TP__LOUD _Pragma("GCC diagnostic pop")
#endif
#define TP__UNPACK(...) __VA_ARGS__
#if defined(__cppcheck__) /* which cannot read the other form, nor its arguments */
#define TP__WITH(type, function, arguments, ...) (function)(&(const type){__VA_ARGS__})
#else
#define TP__WITH_AS(name, type, function, arguments, ...)                                          \
    __extension__({                                                                                \
        TP__QUIET                                                                                  \
        const type name = {TP__DEFAULTS_##type(.).size = sizeof(type), __VA_ARGS__};               \
        TP__LOUD                                                                                   \
        function(TP__UNPACK arguments &name);                                                      \
    })
#define TP__WITH(type, function, arguments, ...)                                                   \
    TP__WITH_AS(TP__UNIQUE(tp__write_options_by_name), type, function, arguments, __VA_ARGS__)
#endif

#endif

#endif
