/* SPDX-License-Identifier: MIT
 *
 * Differences of points, summed up in double, apart from nodes. Points of d numbers are taken in
 * *strips* of TP__STRIP: number k of point j of a strip b is b[k · TP__STRIP + j]. What a strip
 * lacks are zeros.
 *
 * A weight of exactly 0 adds nothing, whatever stands beside it, and takes next to no time where
 * all of a strip are.
 */
#ifndef TP_DISTANCE_H
#define TP_DISTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/level.h"

enum { TP__STRIP = 64 };

typedef struct tp__distance_kernels {
    /* to[j] ← Σ (a[k] − b[k, j])², or, with p, Σ p[k] (a[k] − b[k, j]) */
    void (*measure)(int64_t d, const double *a, const double *p, const double *b, double *to);
    /* to[k] ← to[k] + Σ g[j] (a[k] − b[k, j]) */
    void (*pull)(int64_t d, const double *g, const double *a, const double *b, double *to);
    /* to[k, j] ← to[k, j] + g[j] (b[k, j] − a[k]); false if all weights are 0 */
    bool (*push)(int64_t d, const double *g, const double *a, const double *b, double *to);
} tp__distance_kernels;

TP__AT_LEVELS(const tp__distance_kernels, tp__distance);

#endif
