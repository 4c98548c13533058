/* SPDX-License-Identifier: MIT
 *
 * The kernels that products of matrices are made of (gemm_fast.c), apart from how they are cut. An
 * element's sum is taken in the order of k, `depth` terms at a time, whatever tile it stands in.
 *
 * Columns of c are vectors of lanes side by side. The last vector of a tile may begin before the
 * one in front of it ends, so that a tile of any width from one vector on reads and writes nothing
 * else; where they overlap both compute the same. Narrower ones are *thin*: a part of one vector.
 */
#ifndef TP_GEMM_TILE_H
#define TP_GEMM_TILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

/* At most, and of a vector; and bytes of a panel's copied rows of b: `depth` rows as wide as a
 * tile, or `deeper` as wide as a vector. */
enum { TP__GEMM_ROWS = 8, TP__GEMM_VECTORS = 3, TP__GEMM_BYTES = 64, TP__GEMM_ROOM = 24 << 10 };

/* Tiles below each other. Distances are in elements; the rows of b and c lie side by side. */
typedef struct tp__gemm_tile {
    int64_t tiles, k;
    const char *a, *b;
    char *c;
    int64_t a_row, a_column, b_row, c_row;
    int64_t a_tile; /* from a tile's a to the next one's */
    int64_t last;   /* where the last vector begins; in a thin tile, how many columns there are */
    bool add;
} tp__gemm_tile;

typedef void tp__gemm_tile_kernel(const tp__gemm_tile *tile);

/* c (n) = a (k) b (k, n), or c += a b; of dots m of them, a_step apart, with results side by side.
 */
typedef struct tp__gemm_line {
    int64_t n, k, m;
    const char *a, *b;
    char *c;
    int64_t a_step, b_step, c_step;
    bool add;
} tp__gemm_line;

typedef struct tp__gemm_kernels {
    int64_t item, lanes, vectors, rows; /* of a tile, at most */
    int64_t depth, deeper;              /* terms at a time; of large products */
    /* By rows − 1 and vectors; [0]: thin. */
    tp__gemm_tile_kernel *tile[TP__GEMM_VECTORS + 1][TP__GEMM_ROWS];
    /* For b as the others, of float16 and of bfloat16, or NULL. Rows of b lie side by side and
     * b_step apart, and so does c; n is a multiple of lanes. */
    void (*rows_of[3])(const tp__gemm_line *line);
    /* Columns of b lie side by side and b_step apart, and so does a. */
    void (*dots[3])(const tp__gemm_line *line);
    /* to[i, j] = from[i · row + j · column], of which one is 1, for i < k and j < width. */
    void (*pack)(int64_t k, int64_t width, const char *from, int64_t row, int64_t column, char *to);
} tp__gemm_kernels;

/* Of float32 and float64. */
typedef const tp__gemm_kernels tp__gemm_table[2];
TP__AT_LEVELS(tp__gemm_table, tp__gemm_kernels);

#endif
