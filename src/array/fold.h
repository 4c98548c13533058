/* SPDX-License-Identifier: MIT
 *
 * Reductions over any axes and strides. kernels/fold.h says which numbers are added to which; sums
 * of tp__reduce, the oracle, may differ in their last digits. A result of zero from max and min is
 * +0.
 */
#ifndef TP_FOLD_H
#define TP_FOLD_H

#include "array/reduce.h"

/* result ← the reduction of x over the axes whose bit is set, as in tp__reduce, and divided by
 * divisor if it is a floating sum. x->data is valid. False, with an error, when out of memory. */
bool tp__fold(tp__reduction kind, tp_var *result, const tp_var *x, unsigned axes, double divisor);

#endif
