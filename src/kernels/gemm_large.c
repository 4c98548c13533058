/* SPDX-License-Identifier: MIT
 *
 * Large products. All panels' rows of b are copied first, which stay in the second-level cache, and
 * then the tiles beside each other are computed, which share rows of a; these are copied too where
 * they lie by columns.
 */
#include "base/features.h"

#include "kernels/gemm_parts.h"

enum {
    LARGE_STRIP = 8, /* tiles whose rows of a are copied at once, and terms */
    LARGE_TERMS = 16
};

typedef struct gemm_large {
    const tp__gemm_kernels *kernels;
    const tp__gemm *job;
    tp__gemm_panels panels;
    int64_t tiles, rows, larger; /* below each other, of so many rows, or one more */
    int64_t k, depth;            /* first term, and how many */
    char *a, *b;                 /* copies; of a: of a strip, some tiles' rows */
} gemm_large;

static void large_panels(const gemm_large *large)
{
    const tp__gemm *job = large->job;
    int64_t item = large->kernels->item, lanes = large->kernels->lanes;
    int64_t b_item = tp__gemm_is_half(job->b_type) ? 2 : item;
    const char *from = job->b + large->k * job->b_row * b_item;
    char *to = large->b;
    for (int64_t i = 0, j = 0; i < large->panels.n; i++) {
        int64_t some = large->panels.least + (i >= large->panels.narrow);
        int64_t width = tp__gemm_least(some * lanes, job->n - j);
        tp__gemm_pack(large->kernels, job, large->depth, width, from + j * job->b_column * b_item,
                      to);
        to += large->depth * width * item;
        j += width;
    }
}

/* The rows of tile number t begin here; beyond the last tile, m. */
static int64_t large_row(const gemm_large *large, int64_t t)
{
    return t * large->rows + tp__gemm_least(t, large->larger);
}

/* Copies the rows of a from tile t to tile end: some terms of all, then the next, so that what lies
 * in one page is read together. */
static void large_strip(const gemm_large *large, int64_t t, int64_t end)
{
    const tp__gemm *job = large->job;
    int64_t item = large->kernels->item, first = large_row(large, t);
    for (int64_t k = 0; k < large->depth; k += LARGE_TERMS)
        for (int64_t u = t; u < end; u++) {
            int64_t i = large_row(large, u), rows = large_row(large, u + 1) - i;
            const char *from = job->a + (i * job->a_row + (large->k + k) * job->a_column) * item;
            large->kernels->pack(tp__gemm_least(LARGE_TERMS, large->depth - k), rows, from,
                                 job->a_column, job->a_row,
                                 large->a + ((i - first) * large->depth + k * rows) * item);
        }
}

/* The tiles beside each other of number t, whose rows of a are copied, or lie in order. */
static void large_tiles(const gemm_large *large, int64_t t, const char *copied)
{
    const tp__gemm *job = large->job;
    int64_t item = large->kernels->item, lanes = large->kernels->lanes;
    int64_t i = large_row(large, t), rows = large_row(large, t + 1) - i;
    const char *lies = job->a + (i * job->a_row + large->k * job->a_column) * item;
    tp__gemm_tile tile = {.tiles = 1,
                          .k = large->depth,
                          .a = copied ? copied : lies,
                          .b = large->b,
                          .c = job->c + i * job->c_row * item,
                          .a_row = copied ? 1 : job->a_row,
                          .a_column = copied ? rows : job->a_column,
                          .c_row = job->c_row,
                          .add = job->add || large->k > 0};
    for (int64_t p = 0, j = 0; p < large->panels.n; p++) {
        int64_t some = large->panels.least + (p >= large->panels.narrow);
        int64_t width = tp__gemm_least(some * lanes, job->n - j);
        bool thin = width < lanes;
        tile.b_row = width;
        tile.last = thin ? width : width - lanes;
        large->kernels->tile[thin ? 0 : some][rows - 1](&tile);
        tile.b += large->depth * width * item;
        tile.c += width * item;
        j += width;
    }
}

static void large_terms(const gemm_large *large)
{
    int64_t item = large->kernels->item;
    large_panels(large);
    for (int64_t t = 0; t < large->tiles; t += LARGE_STRIP) {
        int64_t end = tp__gemm_least(t + LARGE_STRIP, large->tiles), first = large_row(large, t);
        bool copy = large->job->a_column != 1;
        if (copy)
            large_strip(large, t, end);
        for (int64_t u = t; u < end; u++) {
            int64_t at = (large_row(large, u) - first) * large->depth * item;
            large_tiles(large, u, copy ? large->a + at : NULL);
        }
    }
}

size_t tp__gemm_large_room(const tp__gemm_kernels *kernels, int64_t n, int64_t depth)
{
    return (size_t)((n + LARGE_STRIP * kernels->rows) * depth * kernels->item);
}

void tp__gemm_large(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth, char *room)
{
    int64_t vectors = 1 + tp__gemm_quotient(job->n - 1, kernels->lanes);
    gemm_large large = {.kernels = kernels,
                        .job = job,
                        .panels = tp__gemm_panels_of(vectors, kernels->vectors),
                        .tiles = 1 + tp__gemm_quotient(job->m - 1, kernels->rows),
                        .a = room + job->n * depth * kernels->item,
                        .b = room};
    large.rows = tp__gemm_quotient(job->m, large.tiles);
    large.larger = job->m - large.rows * large.tiles;
    for (; large.k < job->k; large.k += depth) {
        large.depth = tp__gemm_least(depth, job->k - large.k);
        large_terms(&large);
    }
}
