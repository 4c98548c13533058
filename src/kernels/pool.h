/* SPDX-License-Identifier: MIT
 *
 * Pooling apart from nodes: over windows of planes, whose axes are always three, the first ones of
 * size 1 where there are fewer. A plane is a task. Where windows are 2 × 2 and side by side, pairs
 * of lines go through kernels of their own.
 */
#ifndef TP_KERNELS_POOL_H
#define TP_KERNELS_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

enum { TP__POOL_AXES = 3 };

/* One place of the result along an axis: elements first, first + step …, count of them; an average
 * counts `share` of them. */
typedef struct tp__pool_window {
    int64_t first, count, step, share;
} tp__pool_window;

typedef struct tp__pool_axis {
    int64_t in, out;
    const tp__pool_window *window; /* of each place */
} tp__pool_axis;

typedef struct tp__pool {
    int64_t planes;
    int64_t in, out; /* elements of a plane */
    tp__pool_axis axis[TP__POOL_AXES];
    tp__pool_window *windows; /* of all axes, one after the other */
    double divisor;           /* of averages; TP_AUTO: how many elements a window has */
    bool quads;               /* windows are 2 × 2, side by side */
} tp__pool;

/* Elements in order. x and, of SPREAD, to belong to elements; g and the rest to windows. */
typedef enum tp__pool_kind {
    TP__POOL_LARGEST,  /* to ← the largest of each window of x */
    TP__POOL_PLACES,   /* to ← its number in the plane */
    TP__POOL_SPREAD,   /* to ← g at the places of the largest of x, else 0 */
    TP__POOL_TAKE,     /* to ← x at the places index */
    TP__POOL_PUT,      /* to ← g at the places index, else 0 */
    TP__POOL_MEAN,     /* to ← the mean of each window of x */
    TP__POOL_MEAN_BACK /* to ← the sum of the shares of g */
} tp__pool_kind;

typedef struct tp__pool_kernels {
    /* to[0] ← the largest of each window of two lines; n windows. No g. */
    void (*largest)(int64_t n, const void *const line[2], const void *g, void *const to[2]);
    /* The gradient in each window of lines to: g at its first largest element, else 0. */
    void (*spread)(int64_t n, const void *const line[2], const void *g, void *const to[2]);
} tp__pool_kernels;

/* Of float32 and float64. */
typedef const tp__pool_kernels tp__pool_table[2];
TP__AT_LEVELS(tp__pool_table, tp__pool);

typedef struct tp__pool_job {
    tp__pool pool;
    const void *x, *g;
    void *to;
    const int64_t *index;
    const tp__pool_kernels *quads; /* the run's own, as what follows */
    size_t item;
} tp__pool_job;

void tp__pool_run(tp__pool_kind kind, tp_dtype dtype, tp__pool_job *job);

#endif
