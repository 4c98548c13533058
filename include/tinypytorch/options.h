/* SPDX-License-Identifier: MIT
 *
 * Optional arguments are structs of fields by name. What a caller wrote is what is used, zero
 * included; what was not written has the default that the comments of the struct name.
 *
 *     tp_adam_step(params, m, v, n, step, .lr = 1e-4)     C: a macro over the function (sugar.h)
 *
 *     tp_adam_options o = TP_OPTIONS(tp_adam_options);    C++, and C under TP_NO_SUGAR: the
 *     o.lr = 1e-4;                                        defaults, some of which are changed
 *     tp_adam_step(params, m, v, n, step, &o);            NULL in place of &o: all defaults
 *
 * A struct starts with its size, so that it can grow at its end. In C an empty member follows that
 * nothing can initialise, and so a value without a name does not compile: gcc points at it and
 * names tp__write_options_by_name, clang asks for braces there; `.axes = 1` is what is wanted.
 * Behind an option that has its name (`.lr = 0.1, 0.5`) gcc refuses a value too; clang, as C has
 * it, takes it for the field that follows.
 * TP__DEFAULTS_type(_) lists the defaults that are not 0, each name behind the prefix _: a dot in
 * C, where they initialise; nothing in C++, where a constructor assigns them.
 */
#ifndef TINYPYTORCH_OPTIONS_H
#define TINYPYTORCH_OPTIONS_H

#include <stddef.h>
#include <string.h>

/* A double that the call chooses by itself: −2¹⁰²³. */
#define TP_AUTO (-8.98846567431157953865e307)

#ifdef __cplusplus
#define TP__POSITIONAL
#define TP__BY_NAME
#define TP__OPTIONS(type)                                                                          \
    size_t size;                                                                                   \
    type()                                                                                         \
    {                                                                                              \
        memset(static_cast<void *>(this), 0, sizeof *this);                                        \
        TP__DEFAULTS_##type() size = sizeof *this;                                                 \
    }
#define TP__ONE(value)                                                                             \
    tp_axes                                                                                        \
    {                                                                                              \
        (value), 0,                                                                                \
        {                                                                                          \
            0                                                                                      \
        }                                                                                          \
    }
#define TP_OPTIONS(type) type()
#else
#if defined(__GNUC__)
#define TP__POSITIONAL                                                                             \
    __extension__ struct {                                                                         \
    } tp__positional;
#else
#define TP__POSITIONAL
#endif
#if defined(__GNUC__) && !defined(__clang__)
#define TP__BY_NAME __attribute__((designated_init))
#else
#define TP__BY_NAME
#endif
#define TP__OPTIONS(type)                                                                          \
    size_t size;                                                                                   \
    TP__POSITIONAL
#define TP__ONE(value)                                                                             \
    {                                                                                              \
        .one = (value)                                                                             \
    }
#define TP_OPTIONS(type)                                                                           \
    {                                                                                              \
        TP__DEFAULTS_##type(.).size = sizeof(type)                                                 \
    }
#endif

#endif
