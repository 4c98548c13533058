/* SPDX-License-Identifier: MIT
 *
 * What every other header stands on: the opaque variable, element types, shapes and axes.
 *
 * Functions have PyTorch's names and the order of its arguments: the axis comes before an index,
 * tp_select(x, axis, index), tp_narrow, tp_slice, tp_gather, and after a count, tp_topk(x, k,
 * axis), tp_roll, tp_split, tp_repeat_interleave. A place for a result, tp_var **, may be NULL
 * when the result is not wanted.
 */
#ifndef TINYPYTORCH_BASE_H
#define TINYPYTORCH_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "options.h"

#define TP_VERSION "0.1.0"
#define TP_MAX_NDIM 8 /* the largest number of dimensions of an array */

#if defined(__GNUC__)
#define TP_API __attribute__((visibility("default")))
#define TP_PRINTF(string, first) __attribute__((format(printf, string, first)))
#else
#define TP_API
#define TP_PRINTF(string, first)
#endif

#define TP__CAT_(a, b) a##b
#define TP__CAT(a, b) TP__CAT_(a, b)
#define TP__UNIQUE(name) TP__CAT(name, __COUNTER__)

#ifdef __cplusplus
extern "C" {
#endif

/* A value in the computational graph: an n-d array (0-d for a number), an optional name, a
 * gradient, and the operation that made it. Always handled by pointer. */
typedef struct tp_var tp_var;

/* Element types. Comparisons give uint8, 0 and 1. The last four are for storage: operations compute
 * float16 and bfloat16 in float32, to their end, and round once; int32 in int64 and bool in uint8.
 * Likewise a gradient is summed over all uses of a value in float32, and rounded once.
 * The results of floating operands and of elementwise operations have the operands' type again;
 * sums, matrix products and what is made of them (einsum, inner, trace) are int64 for integers.
 *
 * Integers wrap around in sums, differences and products. A plain number that is not one of the
 * integer type beside it (300 or 0.5 of uint8) is an error; comparisons compare it as it is. */
typedef enum tp_dtype {
    TP_F32,
    TP_F64,
    TP_I64,
    TP_U8,
    TP_I32,
    TP_BOOL,
    TP_F16,
    TP_BF16,
    TP_DTYPES /* how many there are */
} tp_dtype;

/* Axes, as an option: one, a list, or all. Negative ones count from the end.
 *
 *     .axes = 1    .axes = TP_AXES(0, -1)    .axes = TP_ALL_AXES    (filled with zeros: axis 0)
 *
 * In C++, where o is a struct of options (options.h):
 *
 *     o.axes.one = 1;    o.axes = TP_AXES(0, -1);    o.axes.one = TP_ALL_AXES;
 *
 * A tp_sizes is the same thing for sizes: one for every axis, or one for each. */
#define TP_ALL_AXES INT64_MIN
typedef struct tp_axes {
    int64_t one; /* where n is 0 */
    TP__POSITIONAL
    int n;
    int64_t at[TP_MAX_NDIM];
} tp_axes;
typedef tp_axes tp_sizes;

/* "0.1.0", of the library that is linked. */
TP_API const char *tp_version(void);

#ifdef __cplusplus
}
#endif

/* TP_SHAPE(2, 3) stands for two arguments, a number of integers and these: the sizes of a shape,
 * TP_SHAPE() for that of a number, or a list of axes. TP_AXES(0, -1) is a tp_axes of these axes,
 * TP_SIZES(2, 1) a tp_sizes of one size for each axis. */
#ifdef __cplusplus
struct tp__dims {
    int64_t at[TP_MAX_NDIM + 1];
    template <class... Size> tp__dims(Size... size) : at{static_cast<int64_t>(size)...}
    {
    }
};
template <class... Size> char (&tp__count(Size...))[sizeof...(Size) + 1]; /* only for sizeof */
#define TP__COUNT(...) static_cast<int>(sizeof(tp__count(__VA_ARGS__)) - 1)
#define TP_SHAPE(...) TP__COUNT(__VA_ARGS__), tp__dims(__VA_ARGS__).at
#define TP_AXES(...)                                                                               \
    tp_axes                                                                                        \
    {                                                                                              \
        TP_ALL_AXES, TP__COUNT(__VA_ARGS__),                                                       \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#else
#define TP_SHAPE(...)                                                                              \
    (int)(sizeof((const int64_t[]){-1, __VA_ARGS__}) / sizeof(int64_t) - 1),                       \
        ((const int64_t[]){-1, __VA_ARGS__}) + 1
#define TP_AXES(...)                                                                               \
    ((tp_axes){.one = TP_ALL_AXES,                                                                 \
               .n = (int)(sizeof((const int64_t[]){-1, __VA_ARGS__}) / sizeof(int64_t) - 1),       \
               .at = {__VA_ARGS__}})
#endif
#define TP_SIZES(...) TP_AXES(__VA_ARGS__)

#endif
