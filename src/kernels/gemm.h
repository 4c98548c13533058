/* SPDX-License-Identifier: MIT
 *
 * Products of matrices, apart from nodes: (m, k) × (k, n) → (m, n), many of one shape at a time.
 * Each is cut into blocks of the result, and threads take blocks. What the blocks are depends on
 * the shapes only, and each is one call of a one-thread kernel, so the bits are the same for any
 * number of threads.
 */
#ifndef TP_GEMM_H
#define TP_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

/* One product, or a block of one. Distances are in elements; c's columns lie side by side. */
typedef struct tp__gemm {
    int64_t m, n, k;
    const char *a, *b;
    char *c;
    int64_t a_row, a_column, b_row,
        b_column; /* from a row to the next, from a column to the next */
    int64_t c_row;
    bool add;   /* c += a b; not with a half type in c */
    bool large; /* a block of a product that is more than a cache holds: cut says so */
    uint8_t a_type, b_type, c_type; /* TP_F16 or TP_BF16, if the backend takes them; otherwise 0,
                                     * the backend's own. A single column of c lies in order then */
} tp__gemm;

TP_INLINE bool tp__gemm_is_half(uint8_t type)
{
    return type == TP_F16 || type == TP_BF16;
}

typedef struct tp__gemm_backend {
    size_t item; /* bytes of an element */
    double cost; /* of a multiplication and an addition, in nanoseconds, about */
    bool halves; /* operands and results may be of half types, sums are of float32 */
    void (*cut)(tp__gemm *whole, int64_t *rows, int64_t *columns); /* size of the blocks */
    void (*run)(const tp__gemm *block);
} tp__gemm_backend;

/* count products; matrix number i lies at the row-major place i of shape. */
typedef struct tp__gemm_batch {
    tp__gemm first;
    int64_t count;
    int ndim;
    int64_t shape[TP_MAX_NDIM], a_step[TP_MAX_NDIM], b_step[TP_MAX_NDIM];
} tp__gemm_batch;

void tp__gemm_run(const tp__gemm_backend *backend, const tp__gemm_batch *batch);

/* What matmul uses for matrices of up to INT32_MAX rows and columns. */
const tp__gemm_backend *tp__gemm_best(tp_dtype dtype);

/* The plain loops, for operands of any strides. */
const tp__gemm_backend *tp__gemm_reference(tp_dtype dtype);

/* For k = 1, n ≥ 1 and b's elements one after the other: no product has less to compute for what it
 * writes. NULL: none was registered. */
const tp__gemm_backend *tp__gemm_outer(tp_dtype dtype);

/* Their blocks, of float32 and float64. */
typedef void (*const tp__outer_table[2])(const tp__gemm *block);
TP__AT_LEVELS(tp__outer_table, tp__outer);

#endif
