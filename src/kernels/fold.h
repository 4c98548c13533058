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
 * magnitudes. In max and min NaN wins; which of 0 and −0 does depends on the instructions. Sums of
 * integers wrap at 64 bits.
 *
 * A partial result is a double for floating types, an int64_t for integers. Kernels over rows
 * reduce elements that lie one after the other to one partial. Kernels over columns reduce the rows
 * of a block, of width elements each, to width partials.
 */
#ifndef TP_KERNELS_FOLD_H
#define TP_KERNELS_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

typedef enum tp__reduction { TP__SUM, TP__MAX, TP__MIN } tp__reduction;

/* Integers, max and min have no roundings: they are cut in blocks of TP__FOLD_EXACT where that is
 * quicker. */
enum { TP__FOLD_BLOCK = 512, TP__FOLD_EXACT = 4096 };

/* Reduces floating elements that lie one after the other: 1 to TP__FOLD_BLOCK if they are summed.
 */
typedef double tp__fold_block(int64_t n, const void *x);

enum { TP__SCAN_LINES = 4, TP__FOLD_LANES = 16, TP__FOLD_PANEL = 64, TP__FOLD_NARROW = 8 };

typedef union tp__partial {
    double real;
    int64_t integer;
} tp__partial;

typedef void tp__scan(int64_t n, int64_t width, const char *from, int64_t step, int64_t line,
                      tp__partial *so_far, char *to);

typedef struct tp__fold_kernels {
    tp__fold_block *block; /* NULL for integers */
    int64_t (*integers)(int64_t n, const void *x);
    /* The same of a block in pieces, whose sizes are multiples of TP__FOLD_PANEL; or NULL. */
    double (*pieces)(int64_t pieces, const int64_t *n, const void *const *x);
    /* 1 to TP__FOLD_BLOCK rows of TP__FOLD_NARROW or more elements; the results lie in
     * to[0 … width), which is tp__fold_room long */
    void (*columns)(int64_t n, const void *const *row, int64_t width, tp__partial *to);
    /* to ← a and b, n times */
    void (*join)(int64_t n, const tp__partial *a, const tp__partial *b, tp__partial *to);
    /* The places of the largest, or the least, of width columns: n rows, of which the first has
     * this number. best (of the elements' type) and at (int32_t for float32, otherwise int64_t) are
     * those of the rows before, and are set where there are none. The first of equals counts, NaN
     * before all. */
    void (*places)(int64_t n, const void *const *row, int64_t width, int64_t first, bool least,
                   void *best, void *at);
    /* Adds each of n rows of width elements, step bytes apart, to the sums, and stores these in the
     * same place of `to`, which may be `from`; the products do it with factors. Or, if line is not
     * 0, width lines of n elements, line bytes apart, TP__SCAN_LINES of them together; all begin
     * with the first sum. Not for bytes. */
    tp__scan *scan_sum, *scan_product;
    /* The gradient of the largest or the least of n elements, which is y: g, shared by those that
     * are y, or NaN if y is; 0 elsewhere. NULL for integers. */
    void (*share)(int64_t n, const void *x, double y, double g, void *to);
    /* which of n elements is the first that is this one, or NaN; there is one */
    int64_t (*find)(int64_t n, const void *x, tp__partial best);
} tp__fold_kernels;

TP_INLINE int64_t tp__fold_room(int64_t n, int64_t width)
{
    int64_t lanes = n < 2 ? 2 : n < TP__FOLD_LANES ? n : TP__FOLD_LANES;
    return lanes * ((width + 7) / 8 * 8);
}

/* By kind. */
typedef const tp__fold_kernels tp__fold_table[3];
TP__AT_LEVELS(tp__fold_table, tp__fold_f32);
TP__AT_LEVELS(tp__fold_table, tp__fold_f64);
TP__AT_LEVELS(tp__fold_table, tp__fold_i64);
TP__AT_LEVELS(tp__fold_table, tp__fold_u8);

void tp__fold_sum_integers(int64_t n, const tp__partial *a, const tp__partial *b, tp__partial *to);
void tp__fold_max_integers(int64_t n, const tp__partial *a, const tp__partial *b, tp__partial *to);
void tp__fold_min_integers(int64_t n, const tp__partial *a, const tp__partial *b, tp__partial *to);

/* This processor's. */
const tp__fold_kernels *tp__fold_choose(tp__reduction kind, tp_dtype dtype);

/* The sum of a block of a floating type, or of bytes. */
tp__fold_block *tp__fold_sum_kernel(tp_dtype dtype);

/* The sum of n block sums, which are overwritten. */
double tp__fold_pairwise(double *sums, int64_t n);

#endif
