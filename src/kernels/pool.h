/* SPDX-License-Identifier: MIT
 *
 * Kernels of max_pool for windows of 2 × 2 side by side.
 */
#ifndef TP_POOL_KERNELS_H
#define TP_POOL_KERNELS_H

#include "kernels/level.h"
#include "tinypytorch/base.h"

typedef struct tp__pool_kernels {
    /* to[0] ← the largest of each window of two lines; n windows. No g. */
    void (*largest)(int64_t n, const void *const line[2], const void *g, void *const to[2]);
    /* The gradient in each window of lines to: g at its first largest element, else 0. */
    void (*spread)(int64_t n, const void *const line[2], const void *g, void *const to[2]);
} tp__pool_kernels;

/* Of float32 and float64. */
typedef const tp__pool_kernels tp__pool_table[2];
TP__AT_LEVELS(tp__pool_table, tp__pool);

#endif
