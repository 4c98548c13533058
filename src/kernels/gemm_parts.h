/* SPDX-License-Identifier: MIT
 *
 * What the files of products in tiles share: gemm_fast.c, gemm_large.c, gemm_half.c.
 */
#ifndef TP_GEMM_PARTS_H
#define TP_GEMM_PARTS_H

#include "base/features.h"
#include "kernels/gemm.h"
#include "kernels/gemm_tile.h"

/* Bytes of operands that the first-level cache keeps beside others; terms of a dot product at a
 * time, and bytes of the columns that they are of. */
enum { TP__GEMM_NEAR = 16 << 10, TP__GEMM_DOT = 1024, TP__GEMM_DOTS_ROOM = 12 << 10 };

TP_INLINE int64_t tp__gemm_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* a / b, quicker for what is not huge. */
TP_INLINE int64_t tp__gemm_quotient(int64_t a, int64_t b)
{
    return (a | b) >> 32 ? a / b : (int64_t)((uint32_t)a / (uint32_t)b);
}

/* Panels have nearly the same number of vectors, at most `most`, the last one the most. */
typedef struct tp__gemm_panels {
    int64_t n, least, narrow;
} tp__gemm_panels;

TP_INLINE tp__gemm_panels tp__gemm_panels_of(int64_t vectors, int64_t most)
{
    tp__gemm_panels panels = {.n = 1 + tp__gemm_quotient(vectors - 1, most)};
    panels.least = tp__gemm_quotient(vectors, panels.n);
    panels.narrow = panels.n - (vectors - panels.least * panels.n);
    return panels;
}

/* Rows of so many bytes that are computed together, as four dot products at a time. */
TP_INLINE int64_t tp__gemm_near_rows(int64_t bytes)
{
    int64_t rows = TP__GEMM_NEAR / bytes / 4 * 4;
    return rows ? rows : 4;
}

/* Computes job, `depth` terms at a time, with copies in room. b may be of a half type. */
void tp__gemm_large(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth,
                    char *room);

/* Bytes of room for n columns. */
size_t tp__gemm_large_room(const tp__gemm_kernels *kernels, int64_t n, int64_t depth);

/* A few columns where a's columns, so the terms of its rows, lie side by side. */
void tp__gemm_dots(const tp__gemm_kernels *kernels, const tp__gemm *job);

/* Terms that are computed at a time, of n columns. */
TP_INLINE int64_t tp__gemm_dot_terms(const tp__gemm_kernels *kernels, int64_t n)
{
    return tp__gemm_least(TP__GEMM_DOT, TP__GEMM_DOTS_ROOM / kernels->item / n);
}

/* How many of the last columns are dot products. */
int64_t tp__gemm_few(const tp__gemm_kernels *kernels, const tp__gemm *job);

/* How many columns of a product with one row, whose b has its rows side by side, go through
 * rows_of; the others are a tile's. */
TP_INLINE int64_t tp__gemm_whole(const tp__gemm_kernels *kernels, int64_t n)
{
    int64_t whole = n / kernels->lanes - (n % kernels->lanes > 0);
    return n > kernels->vectors * kernels->lanes ? whole * kernels->lanes : 0;
}

/* The transpose of a product. */
tp__gemm tp__gemm_turned(const tp__gemm *job);

/* Computes job, `depth` terms at a time, in panels of at most `most` vectors, whose rows of b are
 * copied on the stack. b may be of a half type. */
void tp__gemm_small(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth,
                    int64_t most);

/* Copies rows of b, from there on, next to each other, widened if they are of a half type. */
void tp__gemm_pack(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t k, int64_t width,
                   const char *from, char *to);

/* n lines of so many elements, as float32 one after the other. Distances are in elements. */
void tp__gemm_widen(uint8_t type, int64_t n, int64_t length, const char *from, int64_t line,
                    int64_t element, char *to);

/* Whether the processor, at this level of instructions, multiplies pairs of bfloat16. */
bool tp__gemm_has_pairs(void);

/* What pairs need: float32 sums of this many rows and columns, and for two terms a word of 32 bits
 * for each row of a and each column of b. */
TP_INLINE int64_t tp__gemm_pair_rows(int64_t m)
{
    return (m + 3) & -4;
}

TP_INLINE int64_t tp__gemm_pair_columns(int64_t n)
{
    return (n + 15) & -16;
}

/* c = a b, or c += a b, of bfloat16, c of bfloat16 or float32, `depth` terms at a time, to the last
 * bit what widened operands would give. False, and c is as it was: there may be subnormal numbers.
 */
bool tp__gemm_pairs(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth, char *a,
                    char *b, char *sums);

/* A product with a half type among its types: to the last bit what widened operands would give,
 * rounded once. */
void tp__gemm_half(const tp__gemm_kernels *kernels, const tp__gemm *job);

#endif
