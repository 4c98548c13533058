/* SPDX-License-Identifier: MIT
 *
 * Reference reductions over any axes. Sums are pairwise over the reduced elements in row-major
 * order, in double for floating types (float32 rounds once), in 64 bits for integers.
 */
#ifndef TP_REDUCE_H
#define TP_REDUCE_H

#include "base/node.h"
#include "kernels/fold.h"

/* result ← reduction of x over the axes whose bit is set. result is contiguous, holds one element
 * for each place of the axes that stay, and has x's type, or int64 for sums of integers. TP__MAX
 * and TP__MIN need something to reduce. */
void tp__reduce(tp__reduction kind, tp_var *result, const tp_var *x, unsigned axes);

#endif
