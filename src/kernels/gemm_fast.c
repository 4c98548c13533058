/* SPDX-License-Identifier: MIT
 *
 * c is computed in panels, as wide as a tile, and these in tiles from top to bottom, which share
 * `depth` rows of b that stay in the first-level cache. b is read where it lies if its rows lie
 * side by side and few tiles share them, or the cache holds them as they are; otherwise they are
 * copied next to each other first, at most 24 KiB on the stack. a is read where it lies: a tile
 * takes single elements of it.
 *
 * Large products copy more (gemm_large.c). Without memory for that they go as above, in narrower
 * panels. The bits are the same. The last columns of one, if they are fewer than a vector's, are no
 * large product. Half types are widened in the copies (gemm_half.c).
 *
 * Columns that are left over, fewer than a vector's, would cost as much as a whole one. Where a's
 * columns lie side by side, and are enough, they are dot products of its rows; where its rows do,
 * they are computed as the rows of the transposed product, and turned. Both read a where it lies.
 *
 * A product with a vector reads the matrix once, in the order in which it lies.
 */
#include "base/features.h"

#include "kernels/gemm_fast.h"

#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "kernels/gemm_parts.h"

enum {
    FAST_ROWS = 48,         /* of c, that repay a copy of rows of b */
    FAST_SHORT = 128,       /* rows of a block, at least: each copies rows of b */
    FAST_BLOCK = 256 << 10, /* bytes of what is read over and over, at most */
    FAST_LARGE = 3 << 19,   /* bytes of a large product, at least */
    FAST_SIDE = 256,        /* rows and columns of a large product, at least */
    FAST_TALL = 512,        /* rows of its blocks, each of which copies its columns of b */
    FAST_WIDE = 512 << 10,  /* bytes of the rows of b that are copied for one */
    FAST_TASK = 1000000,    /* multiplications that are worth a task */
    FAST_TASKS = 32,
    FAST_SPREAD = 256, /* elements of a result that are put in their places at a time */
    FAST_FEW = 12,     /* last columns that are computed as rows, at most */
    FAST_DEEP = 32,    /* terms and rows of a matrix whose last columns are dot products, */
    FAST_DOTS = 8      /* at least */
};

static const tp__gemm_kernels *fast_kernels(tp_dtype dtype)
{
    static tp__gemm_table *const levels[TP__LEVELS] = {TP__BY_LEVEL(NULL, tp__gemm_kernels)};
    return &(*levels[tp__level])[dtype];
}

/* --- Matrices --- */

/* The tiles of a panel: as few as there can be, of nearly the same size. */
static void fast_rows(const tp__gemm_kernels *kernels, tp__gemm_tile *tile, int vectors, int64_t m)
{
    int64_t tiles = 1, rows = m, larger = 0;
    if (m > kernels->rows) {
        tiles = tp__gemm_quotient(m - 1, kernels->rows) + 1;
        rows = tp__gemm_quotient(m, tiles);
        larger = m - rows * tiles;
    }
    tile->a_tile = (rows + 1) * tile->a_row;
    if (larger > 0) {
        tile->tiles = larger;
        kernels->tile[vectors][rows](tile);
        tile->a += larger * (rows + 1) * tile->a_row * kernels->item;
        tile->c += larger * (rows + 1) * tile->c_row * kernels->item;
    }
    tile->tiles = tiles - larger;
    tile->a_tile = rows * tile->a_row;
    kernels->tile[vectors][rows - 1](tile);
}

/* Rows of b as they are, or copied. */
static void fast_panel(const tp__gemm_kernels *kernels, const tp__gemm *job, const char *b,
                       int64_t width, tp__gemm_tile *tile, char *room)
{
    bool near = job->m < FAST_ROWS || tile->k * job->b_row * kernels->item <= TP__GEMM_NEAR;
    tile->b = b;
    tile->b_row = job->b_row;
    if (job->b_column == 1 && near && !job->b_type)
        return;
    if (job->b_type)
        tp__gemm_pack(kernels, job, tile->k, width, b, room);
    else
        kernels->pack(tile->k, width, b, job->b_row, job->b_column, room);
    tile->b = room;
    tile->b_row = width;
}

/* `depth` terms of the elements of some columns. */
static void fast_columns(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t k,
                         int64_t depth, int64_t j, int64_t width, int vectors, char *room)
{
    int64_t item = kernels->item;
    tp__gemm_tile tile = {.k = depth,
                          .a = job->a + k * job->a_column * item,
                          .c = job->c + j * item,
                          .a_row = job->a_row,
                          .a_column = job->a_column,
                          .c_row = job->c_row,
                          .last = vectors ? width - kernels->lanes : width,
                          .add = job->add || k > 0};
    int64_t b_item = job->b_type ? 2 : item;
    fast_panel(kernels, job, job->b + (k * job->b_row + j * job->b_column) * b_item, width, &tile,
               room);
    fast_rows(kernels, &tile, vectors, job->m);
}

/* Elements of c that lie apart, from elements that lie side by side. */
#define FAST_SPREAD_OUT(Type)                                                                      \
    static void fast_spread_##Type(const tp__gemm *job, const char *from, int64_t c_step)          \
    {                                                                                              \
        const Type *x = (const Type *)(const void *)from;                                          \
        Type *c = (Type *)(void *)job->c;                                                          \
        for (int64_t i = 0; i < job->n; i++)                                                       \
            c[i * c_step] = job->add ? c[i * c_step] + x[i] : x[i];                                \
    }

FAST_SPREAD_OUT(float)
FAST_SPREAD_OUT(double)

static void fast_spread(const tp__gemm_kernels *kernels, const tp__gemm *job, const char *from,
                        int64_t c_step)
{
    (kernels->item == sizeof(float) ? fast_spread_float : fast_spread_double)(job, from, c_step);
}

/* The last columns, fewer than a vector's, of a product of many rows: the rows of the transposed
 * product, whose vectors are full. Its elements are put into their places afterwards. */
static void fast_few_columns(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t k,
                             int64_t depth, int64_t j, int64_t most, char *room)
{
    _Alignas(64) char turned[FAST_FEW * TP__GEMM_VECTORS * TP__GEMM_BYTES];
    int64_t item = kernels->item, width = job->n - j;
    tp__gemm_panels panels =
        tp__gemm_panels_of(1 + tp__gemm_quotient(job->m - 1, kernels->lanes), most);
    tp__gemm piece = {.m = width,
                      .a = job->b + (k * job->b_row + j * job->b_column) * item,
                      .a_row = job->b_column,
                      .a_column = job->b_row,
                      .b = job->a + k * job->a_column * item,
                      .b_row = job->a_column,
                      .b_column = job->a_row,
                      .c = turned};
    tp__gemm column = {.c = job->c + j * item, .add = job->add || k > 0};
    for (int64_t p = 0, left = job->m; p < panels.n; p++, left -= piece.n) {
        int64_t some = panels.least + (p >= panels.narrow);
        column.n = piece.n = piece.c_row = tp__gemm_least(some * kernels->lanes, left);
        fast_columns(kernels, &piece, 0, depth, 0, piece.n,
                     piece.n < kernels->lanes ? 0 : (int)some, room);
        for (int64_t i = 0; i < width; i++, column.c += item)
            fast_spread(kernels, &column, turned + i * piece.n * item, job->c_row);
        column.c += (piece.n * job->c_row - width) * item;
        piece.b += piece.n * job->a_row * item;
    }
}

/* Whether a's rows lie side by side, so that this reads them where they are. */
static bool fast_turns(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    return job->a_row == 1 && job->a_column != 1 && job->m >= kernels->lanes && !job->b_type;
}

/* `depth` terms of each element, or fewer, in panels of at most `most` vectors. */
static void fast_terms(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t k,
                       int64_t depth, int64_t most, char *room)
{
    int64_t rest = job->n & (kernels->lanes - 1), n = job->n;
    if (rest > 0 && rest <= FAST_FEW && fast_turns(kernels, job)) {
        n -= rest;
        fast_few_columns(kernels, job, k, depth, n, most, room);
    }
    if (n == 0)
        return;
    int64_t vectors = 1 + tp__gemm_quotient(n - 1, kernels->lanes);
    if (vectors <= most) {
        fast_columns(kernels, job, k, depth, 0, n, n < kernels->lanes ? 0 : (int)vectors, room);
        return;
    }
    tp__gemm_panels panels = tp__gemm_panels_of(vectors, most);
    for (int64_t i = 0, j = 0; i < panels.n; i++) {
        int64_t some = panels.least + (i >= panels.narrow), width = some * kernels->lanes;
        width = tp__gemm_least(width, n - j);
        fast_columns(kernels, job, k, depth, j, width, width < kernels->lanes ? 0 : (int)some,
                     room);
        j += width;
    }
}

void tp__gemm_small(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth,
                    int64_t most)
{
    _Alignas(64) char room[TP__GEMM_ROOM];
    for (int64_t k = 0; k < job->k; k += depth)
        fast_terms(kernels, job, k, tp__gemm_least(depth, job->k - k), most, room);
}

/* --- Dot products --- */

/* A few columns where a's columns, so the terms of its rows, lie side by side: some rows at a time,
 * which stay in the cache, and some terms, whose factors in b are copied to lie so too. */
void tp__gemm_dots(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    _Alignas(64) char room[TP__GEMM_DOTS_ROOM];
    int64_t item = kernels->item, terms = tp__gemm_dot_terms(kernels, job->n);
    tp__gemm_line line = {.m = job->n, .b_step = job->a_row, .c_step = job->c_row};
    for (int64_t k = 0; k < job->k; k += terms) {
        const char *vectors = job->b + k * job->b_row * item;
        int64_t apart = job->b_column, rows = job->m;
        line.k = tp__gemm_least(terms, job->k - k);
        line.add = job->add || k > 0;
        if (job->b_row != 1) {
            for (int64_t j = 0; j < job->n; j++)
                kernels->pack(1, line.k, vectors + j * apart * item, 0, job->b_row,
                              room + j * line.k * item);
            vectors = room;
            apart = line.k;
        }
        if (job->n > 1)
            rows = tp__gemm_near_rows(line.k * item);
        line.a = vectors;
        line.a_step = apart;
        for (int64_t i = 0; i < job->m; i += rows) {
            line.n = tp__gemm_least(rows, job->m - i);
            line.b = job->a + (i * job->a_row + k) * item;
            line.c = job->c + i * job->c_row * item;
            kernels->dots[0](&line);
        }
    }
}

/* How many of the last columns are dot products: those that fill a small part of a vector, if their
 * terms are enough to repay adding up the lanes: of four rows a vector of terms takes as long as 6
 * terms of a tile, on the average of how rows lie, or 5 where two columns are computed together,
 * and the sums as 16. */
int64_t tp__gemm_few(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    int64_t lanes = kernels->lanes, few = job->n & (lanes - 1);
    if (job->a_column != 1 || job->m < FAST_DOTS || job->k < FAST_DEEP)
        return 0;
    int64_t terms = (job->k + lanes - 1) & -lanes;
    return few * (6 * terms + 16 * lanes) < 4 * job->k * lanes ? few : 0;
}

static void fast_whole(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    if (!job->large || job->n < kernels->lanes) {
        tp__gemm_small(kernels, job, kernels->depth, kernels->vectors);
        return;
    }
    char *room = tp__alloc_spare(tp__gemm_large_room(kernels, job->n, kernels->deeper));
    if (room)
        tp__gemm_large(kernels, job, kernels->deeper, room);
    else
        tp__gemm_small(kernels, job, kernels->deeper, 1);
    tp__free(room);
}

/* Whether a few tiles are all, with b where it lies; then they are computed without further ado. */
static bool fast_tiny(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    int64_t lanes = kernels->lanes, n = job->n;
    if (job->m >= FAST_ROWS || job->k >= FAST_DEEP || n > kernels->vectors * lanes ||
        job->b_column != 1)
        return false;
    int vectors = n < lanes ? 0 : 1 + (n > lanes) + (n > 2 * lanes);
    tp__gemm_tile tile = {.k = job->k,
                          .a = job->a,
                          .b = job->b,
                          .c = job->c,
                          .a_row = job->a_row,
                          .a_column = job->a_column,
                          .b_row = job->b_row,
                          .c_row = job->c_row,
                          .last = vectors ? n - lanes : n,
                          .add = job->add};
    fast_rows(kernels, &tile, vectors, job->m);
    return true;
}

static void fast_matrix(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    if (fast_tiny(kernels, job))
        return;
    int64_t few = tp__gemm_few(kernels, job);
    if (few == 0) {
        fast_whole(kernels, job);
        return;
    }
    tp__gemm part = *job;
    part.n -= few;
    if (part.n > 0)
        fast_whole(kernels, &part);
    part.b += part.n * part.b_column * kernels->item;
    part.c += part.n * kernels->item;
    part.n = few;
    tp__gemm_dots(kernels, &part);
}

/* --- Vectors --- */

/* c (1, n) = a (1, k) b (k, n) with b's rows side by side. */
static void fast_vector_rows(const tp__gemm_kernels *kernels, tp__gemm job)
{
    int64_t whole = tp__gemm_whole(kernels, job.n);
    if (whole > 0)
        kernels->rows_of[0](&(tp__gemm_line){.n = whole,
                                             .k = job.k,
                                             .a = job.a,
                                             .b = job.b,
                                             .c = job.c,
                                             .a_step = job.a_column,
                                             .b_step = job.b_row,
                                             .add = job.add});
    job.n -= whole;
    job.b += whole * kernels->item;
    job.c += whole * kernels->item;
    if (job.n > 0)
        fast_matrix(kernels, &job);
}

/* The rest, and elements of c that lie apart: computed a few at a time, side by side. */
static void fast_vector_line(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    if (job->b_column == 1 && job->n >= kernels->lanes)
        fast_vector_rows(kernels, *job);
    else
        fast_matrix(kernels, job);
}

static void fast_vector_apart(const tp__gemm_kernels *kernels, tp__gemm job, int64_t c_step)
{
    _Alignas(64) char room[FAST_SPREAD * sizeof(double)];
    for (int64_t left = job.n; left > 0; left -= FAST_SPREAD) {
        job.n = left < FAST_SPREAD ? left : FAST_SPREAD;
        tp__gemm part = job;
        part.c = room;
        part.add = false;
        fast_vector_line(kernels, &part);
        fast_spread(kernels, &job, room, c_step);
        job.b += FAST_SPREAD * job.b_column * kernels->item;
        job.c += FAST_SPREAD * c_step * kernels->item;
    }
}

/* The transpose of a product. */
tp__gemm tp__gemm_turned(const tp__gemm *job)
{
    tp__gemm turned = *job;
    turned.m = job->n;
    turned.n = job->m;
    turned.a = job->b;
    turned.a_row = job->b_column;
    turned.a_column = job->b_row;
    turned.b = job->a;
    turned.b_row = job->a_column;
    turned.b_column = job->a_row;
    turned.a_type = job->b_type;
    turned.b_type = job->a_type;
    return turned;
}

/* (1, k) × (k, n) */
static void fast_vector(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t c_step)
{
    if (job->b_row == 1) {
        tp__gemm turned = tp__gemm_turned(job);
        turned.c_row = c_step;
        tp__gemm_dots(kernels, &turned);
    } else if (c_step == 1) {
        fast_vector_line(kernels, job);
    } else {
        fast_vector_apart(kernels, *job, c_step);
    }
}

/* --- Blocks --- */

static int64_t fast_part(int64_t size, int64_t parts, int64_t multiple)
{
    return ((size - 1) / parts / multiple + 1) * multiple;
}

/* No second-level cache holds it. */
static bool fast_is_large(const tp__gemm_kernels *kernels, const tp__gemm *whole)
{
    double m = (double)whole->m, n = (double)whole->n, k = (double)whole->k;
    return whole->m >= FAST_SIDE && whole->n >= FAST_SIDE &&
           (m * n + m * k + k * n) * (double)kernels->item >= (double)FAST_LARGE;
}

/* About as many blocks as there are tasks' worth of work, each side in a power of two of parts, so
 * that two or four threads end together. Columns are cut first: blocks beside each other copy
 * different parts of b. */
static void fast_cut(const tp__gemm_kernels *kernels, tp__gemm *whole, int64_t *rows,
                     int64_t *columns)
{
    double work = (double)whole->m * (double)whole->n * (double)whole->k;
    int64_t parts = 1, across = 1, down = 1, width = kernels->lanes * kernels->vectors;
    int64_t tall = FAST_BLOCK / kernels->item / kernels->depth, height = FAST_SHORT;
    double task = whole->m == 1 || whole->n == 1 ? FAST_TASK / 4 : FAST_TASK; /* those read more */
    while (parts < FAST_TASKS && (double)parts * task * 2 < work)
        parts *= 2;
    whole->large = fast_is_large(kernels, whole);
    if (whole->large) {
        height = FAST_TALL;
        width = FAST_WIDE / kernels->deeper / kernels->item;
        while (across * width < whole->n)
            across *= 2;
    } else {
        if (whole->m == 1)
            width = kernels->lanes * 16;
        while (down * tall < whole->m && whole->n > 1)
            down *= 2;
        while (across * down < parts && across * 2 * width <= whole->n)
            across *= 2;
    }
    while (across * down < parts && down * 2 * height <= whole->m)
        down *= 2;
    if (whole->large && across * down == 1)
        down = 2;
    *rows = fast_part(whole->m, down, kernels->rows);
    *columns = fast_part(whole->n, across, kernels->lanes);
}

static void fast_clear(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    for (int64_t i = 0; i < job->m && !job->add; i++)
        memset(job->c + i * job->c_row * kernels->item, 0, (size_t)(job->n * kernels->item));
}

static void fast_run(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    if (job->m == 0 || job->n == 0)
        return;
    if (TP_UNLIKELY(job->a_type | job->b_type | job->c_type)) {
        tp__gemm_half(kernels, job);
    } else if (job->k == 0) {
        fast_clear(kernels, job);
    } else if (job->n == 1 && job->m > 1) {
        tp__gemm turned = tp__gemm_turned(job);
        fast_vector(kernels, &turned, job->c_row);
    } else if (job->m == 1) {
        fast_vector(kernels, job, 1);
    } else {
        fast_matrix(kernels, job);
    }
}

#define FAST_BACKEND(name, dtype)                                                                  \
    static void fast_run_##name(const tp__gemm *job)                                               \
    {                                                                                              \
        fast_run(fast_kernels(dtype), job);                                                        \
    }                                                                                              \
                                                                                                   \
    static void fast_cut_##name(tp__gemm *whole, int64_t *rows, int64_t *columns)                  \
    {                                                                                              \
        fast_cut(fast_kernels(dtype), whole, rows, columns);                                       \
    }

FAST_BACKEND(f32, TP_F32)
FAST_BACKEND(f64, TP_F64)

const tp__gemm_backend *tp__gemm_fast(tp_dtype dtype)
{
    static const tp__gemm_backend backends[] = {
        [TP_F32] = {sizeof(float), 0.02, true, fast_cut_f32, fast_run_f32},
        [TP_F64] = {sizeof(double), 0.04, false, fast_cut_f64, fast_run_f64},
    };
    bool known = dtype == TP_F32 || dtype == TP_F64;
    return known && tp__level > TP__REFERENCE ? &backends[dtype] : NULL;
}
