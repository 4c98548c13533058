/* SPDX-License-Identifier: MIT
 *
 * Functions of the elements along one axis, of numbers: a 0-d array counts as a line of one element
 * then, as in PyTorch.
 */
#ifndef TP_LINE_H
#define TP_LINE_H

#include "array/array.h"
#include "tinypytorch/shape.h"

/* At the head of such a function: returns call, which is one of itself, for a 0-d x as a line. */
#define TP__OF_LINE(x, call)                                                                       \
    do {                                                                                           \
        if (TP_UNLIKELY(tp__has_axes(x, 0))) {                                                     \
            (x) = tp_reshape(x, 1, (const int64_t[]){1});                                          \
            return tp__as_number(call);                                                            \
        }                                                                                          \
    } while (0)

/* y, of one element, as a 0-d array. */
tp_var *tp__as_number(tp_var *y);

#endif
