/* SPDX-License-Identifier: MIT
 *
 * Attention apart from nodes: y = softmax(q kᵀ scale + mask) v for many heads, in tiles of some
 * queries and some keys. What is kept from forward to backward is one number a query, the logarithm
 * of the sum that its weights are divided by, so memory grows with the length and not its square
 * (Dao, Fu, Ermon, Rudra & Ré 2022). Backward computes each tile of weights again.
 *
 * A query that sees no key has y = 0, gets and gives no gradient, and keeps +∞.
 */
#ifndef TP_ATTEND_H
#define TP_ATTEND_H

#include "kernels/gemm.h"

/* Scores of `rows` queries for `columns` keys, in lines `pitch` apart, which is a multiple of
 * TP__ATTEND_LANES. Row r sees the first `seen` + r keys of the tile, at most all. */
typedef struct tp__attend_tile {
    int64_t rows, columns, pitch, seen;
    char *scores;     /* become weights, zeros up to a multiple of TP__ATTEND_LANES */
    char *change;     /* backward: gradients of weights, become those of scores */
    const char *mask; /* added to scaled scores; NULL: none */
    int64_t mask_row, mask_column;
    double scale;
    double change_scale; /* what changes are multiplied by when they are pulled: scale, or 1 where
                          * the mask wants them before that */
    char *largest, *sum; /* of the scores so far, of e^(score − largest); backward: of the tile's
                          * weights, of its changes */
    char *keep;          /* what earlier sums are to be multiplied by */
    const char *log_sum; /* backward: of each row; dot: Σ y gy of each row */
    char *dot;
} tp__attend_tile;

enum { TP__ATTEND_LANES = 16 };

typedef struct tp__attend_kernels {
    double cost;                                /* of a weight, in nanoseconds, about */
    void (*weigh)(const tp__attend_tile *tile); /* scores ← e^(score − largest) */
    void (*pull)(const tp__attend_tile *tile); /* scores ← weights; change ← (change − dot) weight
                                                * change_scale, summed where the weight is not 0 */
    /* a[r] ← a[r] factor[r]; dot[r] ← Σ a[r] b[r], of lines with n elements */
    void (*multiply)(int64_t rows, int64_t n, char *a, int64_t a_row, const char *factor);
    void (*dots)(int64_t rows, int64_t n, const char *a, int64_t a_row, const char *b,
                 int64_t b_row, char *dot);
} tp__attend_kernels;

/* Of float32 and float64. */
typedef const tp__attend_kernels tp__attend_table[2];
TP__AT_LEVELS(tp__attend_table, tp__attend);

const tp__attend_kernels *tp__attend_kernels_of(tp_dtype dtype);

typedef enum tp__attend_array {
    TP__ATTEND_Q,
    TP__ATTEND_K,
    TP__ATTEND_V,
    TP__ATTEND_MASK,
    TP__ATTEND_Y,
    TP__ATTEND_GY,
    TP__ATTEND_GQ,
    TP__ATTEND_GK,
    TP__ATTEND_GV,
    TP__ATTEND_GMASK,
    TP__ATTEND_ARRAYS
} tp__attend_array;

/* Matrices, one for each head; distances in elements. Columns lie side by side, but for the mask's.
 */
typedef struct tp__attend_lines {
    char *at; /* NULL: there is none */
    int64_t row, column, step[TP_MAX_NDIM];
} tp__attend_lines;

/* Weights that are dropped: those for which the uniform number of float32 at the score's row-major
 * place, in the stream of a seed from a block on (tinypytorch/random.h), is less than p. Others are
 * multiplied by 1 / (1 − p). */
typedef struct tp__attend_drop {
    double p; /* 0: none is */
    uint64_t seed, block;
} tp__attend_drop;

/* The factors of n scores from a place on. */
void tp__attend_factors(const tp__attend_drop *drop, int64_t from, int64_t n, tp_dtype dtype,
                        char *to);

typedef struct tp__attend {
    const tp__gemm_backend *gemm;
    const tp__attend_kernels *kernels;
    tp_dtype dtype;
    int ndim; /* of the heads, whose row-major number is also the place of their log_sum */
    int64_t shape[TP_MAX_NDIM], heads;
    int64_t queries, keys, width, value_width;
    double scale;
    bool causal; /* query i sees keys 0 … i + offset */
    int64_t offset;
    tp__attend_drop drop;
    tp__attend_lines lines[TP__ATTEND_ARRAYS];
    char *log_sum;
} tp__attend;

/* y and log_sum; then gradients, those that are there, which begin as zeros. False, with an
 * error, when out of memory. */
bool tp__attend_forward(const tp__attend *attend);
bool tp__attend_backward(const tp__attend *attend);

#endif
