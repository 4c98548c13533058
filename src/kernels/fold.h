/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of reductions.
 *
 * Which numbers are added to which depends on nothing but how many there are, so a sum has the same
 * bits in every layout, on every processor, for any number of threads. The elements that become one
 * result, in row-major order, are cut in blocks of TP__FOLD_BLOCK. Of each 64 elements of a block,
 * fours that lie 16 apart are added in their own type, (0 + 16) + (32 + 48). These 16 sums are
 * added to 16 lanes of double; at the end of the block the upper half of the lanes is added to the
 * lower until one is left. Blocks are added in pairs, pairs in pairs. A missing element is −0. A
 * float32 sum is rounded at the end; before that it is off by at most 2⁻²³ of the sum of
 * magnitudes. In max and min NaN wins. Sums of integers wrap at 64 bits.
 *
 * A partial result is a double for floating types, an int64_t for
 * integers. Kernels over rows reduce elements that lie one after the other to one partial. Kernels
 * over columns reduce rows of width elements to width partials: rows come in panels of up to
 * TP__FOLD_PANEL, all panels of a block but its last full, into accumulators of TP__FOLD_LANES rows
 * of width.
 */
#ifndef TP_KERNELS_FOLD_H
#define TP_KERNELS_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "tinypytorch/base.h"

typedef enum tp__reduction { TP__SUM, TP__MAX, TP__MIN } tp__reduction;

enum { TP__FOLD_BLOCK = 512 };

/* Reduces 1 to TP__FOLD_BLOCK floating elements that lie one after the other. */
typedef double tp__fold_block(int64_t n, const void *x);

enum { TP__FOLD_LANES = 16, TP__FOLD_PANEL = 64 };

typedef union tp__partial {
    double real;
    int64_t integer;
} tp__partial;

typedef struct tp__fold_kernels {
    tp__fold_block *block; /* NULL for integers */
    int64_t (*integers)(int64_t n, const void *x);
    /* first: no panel of this block came before */
    void (*panel)(bool first, int64_t n, const void *const *row, int64_t width, tp__partial *to);
    /* after the last panel of a block of n rows: the results lie in to[0 … width) */
    void (*finish)(int64_t n, int64_t width, tp__partial *to);
    /* to ← a and b, n times */
    void (*join)(int64_t n, const tp__partial *a, const tp__partial *b, tp__partial *to);
} tp__fold_kernels;

/* By kind and type: for every processor, and for this one. */
extern const tp__fold_kernels tp__fold_baseline[3][4];
const tp__fold_kernels *tp__fold_choose(tp__reduction kind, tp_dtype dtype);

tp__fold_block *tp__fold_kernel(tp__reduction kind, tp_dtype dtype);

/* The sum of n block sums, which are overwritten. */
double tp__fold_pairwise(double *sums, int64_t n);

#endif
