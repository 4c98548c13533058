/* SPDX-License-Identifier: MIT
 *
 * Reductions over any axes and strides. kernels/fold.h says which numbers are added to which.
 */
#ifndef TP_FOLD_H
#define TP_FOLD_H

#include "base/node.h"
#include "kernels/fold.h"

/* result ← the reduction of x over the axes whose bit is set, divided by divisor if it is a
 * floating sum. result is contiguous, holds one element for each place of the axes that stay, and
 * has x's type, or int64 for sums of integers. TP__MAX and TP__MIN need something to reduce.
 * x->data is valid. False, with an error, when out of memory. */
bool tp__fold(tp__reduction kind, tp_var *result, const tp_var *x, unsigned axes, double divisor);

#endif
