/* SPDX-License-Identifier: MIT
 *
 * Half types in functions over several operations. Such a function widens operands of half types
 * when it is entered, computes in float32 to its end, and rounds its result once. Gradients come
 * back through the same conversions, so they are rounded once too. At the head of the function
 *
 *     TP__IN_FLOAT32(tp_cdist(a, b), &a, &b);
 *
 * returns that call of itself, with wide operands, if one of them is of a half type. Operands may
 * be NULL.
 */
#ifndef TP_HALF_H
#define TP_HALF_H

#include "base/node.h"

TP_INLINE bool tp__is_half(tp_dtype dtype)
{
    return dtype == TP_F16 || dtype == TP_BF16;
}

/* True if one of n operands is of a half type. Then all of these are widened, and *narrow is the
 * type that the operands promote to: the result's. */
bool tp__widen(tp_var **const *in, int n, tp_dtype *narrow);

/* v, or as float32 if it is of a half type: what sums are taken of. */
tp_var *tp__addend(tp_var *v);

tp_var *tp__narrow_other(tp_var *y, tp_dtype narrow);

/* y, of float32, as the half type narrow; otherwise y itself. */
TP_INLINE tp_var *tp__narrow(tp_var *y, tp_dtype narrow)
{
    return TP_LIKELY(y->dtype == narrow) ? y : tp__narrow_other(y, narrow);
}

#define TP__IN_FLOAT32(call, ...)                                                                  \
    do {                                                                                           \
        tp_dtype narrow_;                                                                          \
        tp_var **const in_[] = {__VA_ARGS__};                                                      \
        if (TP_UNLIKELY(tp__widen(in_, (int)(sizeof in_ / sizeof *in_), &narrow_)))                \
            return tp__narrow(call, narrow_);                                                      \
    } while (0)

#endif
