/* SPDX-License-Identifier: MIT
 *
 * Reductions over any axes at the speed of memory. tp__reduce is their oracle.
 *
 * Which numbers are added to which depends on nothing but how many there are, so a sum has the same
 * bits in every layout, on every processor, for any number of threads. The elements that become one
 * result, in row-major order, are cut in blocks of TP__FOLD_BLOCK. Of each 64 elements of a block,
 * fours that lie 16 apart are added in their own type, (0 + 16) + (32 + 48). These 16 sums are
 * added to 16 lanes of double; at the end of the block the upper half of the lanes is added to the
 * lower until one is left. Blocks are added in pairs, pairs in pairs. A missing element is −0. A
 * float32 sum is rounded at the end; before that it is off by at most 2⁻²³ of the sum of
 * magnitudes.
 *
 * In max and min NaN wins, and a result of zero is +0. Sums of integers wrap at 64 bits.
 */
#ifndef TP_FOLD_H
#define TP_FOLD_H

#include "array/reduce.h"

enum { TP__FOLD_BLOCK = 512 };

/* result ← the reduction of x over the axes whose bit is set, as in tp__reduce, and divided by
 * divisor if it is a floating sum. x->data is valid. False, with an error, when out of memory. */
bool tp__fold(tp__reduction kind, tp_var *result, const tp_var *x, unsigned axes, double divisor);

/* Reduces 1 to TP__FOLD_BLOCK floating elements that lie one after the other. */
typedef double tp__fold_block(int64_t n, const void *x);

tp__fold_block *tp__fold_kernel(tp__reduction kind, tp_dtype dtype);

/* The sum of n block sums, which are overwritten. */
double tp__fold_pairwise(double *sums, int64_t n);

#endif
