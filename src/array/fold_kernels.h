/* SPDX-License-Identifier: MIT
 *
 * The arithmetic of reductions. A partial result is a double for floating types, an int64_t for
 * integers. Kernels over rows reduce elements that lie one after the other to one partial. Kernels
 * over columns reduce rows of width elements to width partials: rows come in panels of up to
 * TP__FOLD_PANEL, all panels of a block but its last full, into accumulators of TP__FOLD_LANES rows
 * of width.
 */
#ifndef TP_FOLD_KERNELS_H
#define TP_FOLD_KERNELS_H

#include "array/fold.h"

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

#endif
