/* SPDX-License-Identifier: MIT
 *
 * Products of half types, as float32: operands are widened where others are copied, piece by piece,
 * so that no more than a cache holds is ever wide; sums that are to be rounded stand in memory of
 * their own until they are complete. Every sum is taken in the order in which gemm_fast.c takes it
 * of wide operands, whatever the pieces are, so the bits are the same. Without memory pieces are
 * small enough for the stack.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "kernels/gemm_parts.h"
#include "kernels/vector.h"

enum {
    HALF_ROWS = 256, /* of a piece, at most, and columns */
    HALF_COLUMNS = 256,
    HALF_FEW = 1024,  /* sums of dot products at a time */
    HALF_LINE = 512,  /* columns of a product with one row at a time */
    HALF_SMALL = 8192 /* floats of a piece without memory */
};

static int64_t half_item(uint8_t type)
{
    return tp__gemm_is_half(type) ? 2 : (int64_t)sizeof(float);
}

static void half_widen_line(uint8_t type, int64_t n, const char *from, int64_t element, char *to)
{
    uint16_t near[256];
    int64_t item = half_item(type), some = element == 1 ? n : (int64_t)(sizeof near / sizeof *near);
    for (int64_t i = 0; i < n;
         i += some, from += some * element * item, to += some * (int64_t)sizeof(float)) {
        int64_t now = tp__gemm_least(some, n - i);
        const char *at = from;
        if (item == sizeof(float)) {
            tp__copy_run(sizeof(float), now, element * item, at, to);
            continue;
        }
        if (element != 1) {
            tp__copy_run(sizeof *near, now, element * item, at, (char *)near);
            at = (const char *)near;
        }
        tp__fast_widen((tp_dtype)type)(now, (char *const[]){to, (char *)(uintptr_t)at}, NULL, NULL);
    }
}

void tp__gemm_widen(uint8_t type, int64_t n, int64_t length, const char *from, int64_t line,
                    int64_t element, char *to)
{
    if (element == 1 && line == length) {
        half_widen_line(type, n * length, from, 1, to);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        half_widen_line(type, length, from, element, to);
        from += line * half_item(type);
        to += length * (int64_t)sizeof(float);
    }
}

/* Rounds sums, which lie one row after the other, into their places in c. */
static void half_narrow(const tp__gemm *job, int64_t rows, int64_t columns, const char *sums,
                        char *c)
{
    tp__loop *narrow = tp__fast_narrow((tp_dtype)job->c_type);
    if (columns == job->c_row) {
        columns *= rows;
        rows = 1;
    }
    for (int64_t i = 0; i < rows; i++) {
        narrow(columns, (char *const[]){c, (char *)(uintptr_t)sums}, NULL, NULL);
        c += job->c_row * 2;
        sums += columns * (int64_t)sizeof(float);
    }
}

/* --- Matrices --- */

/* Pieces of c, and where their parts are: copies of b, of a, and sums. */
typedef struct half_pieces {
    const tp__gemm_kernels *kernels;
    const tp__gemm *job;
    int64_t rows, columns, depth;
    char *room, *a, *sums;
    bool in_rows; /* a's copy, however a lies */
} half_pieces;

static void half_piece(const half_pieces *pieces, int64_t i, int64_t j)
{
    const tp__gemm *job = pieces->job;
    tp__gemm piece = *job;
    int64_t item = half_item(job->a_type);
    char *c = job->c + (i * job->c_row + j) * half_item(job->c_type);
    bool rounds = tp__gemm_is_half(job->c_type);
    bool lies = !tp__gemm_is_half(job->a_type) && !pieces->in_rows;
    bool columns = job->a_row == 1 && job->a_column != 1 && !pieces->in_rows;
    piece.m = tp__gemm_least(pieces->rows, job->m - i);
    piece.n = tp__gemm_least(pieces->columns, job->n - j);
    piece.c = rounds ? pieces->sums : c;
    piece.c_row = rounds ? piece.n : job->c_row;
    for (int64_t k = 0; k < job->k; k += pieces->depth) {
        const char *from = job->a + (i * job->a_row + k * job->a_column) * item;
        piece.k = tp__gemm_least(pieces->depth, job->k - k);
        piece.a = lies ? from : pieces->a;
        if (columns && !lies) {
            tp__gemm_widen(job->a_type, piece.k, piece.m, from, job->a_column, 1, pieces->a);
            piece.a_column = piece.m;
        } else if (!lies) {
            tp__gemm_widen(job->a_type, piece.m, piece.k, from, job->a_row, job->a_column,
                           pieces->a);
            piece.a_row = piece.k;
            piece.a_column = 1;
        }
        piece.b = job->b + (k * job->b_row + j * job->b_column) * half_item(job->b_type);
        piece.add = job->add || k > 0;
        tp__gemm_large(pieces->kernels, &piece, pieces->depth, pieces->room);
    }
    if (rounds)
        half_narrow(job, piece.m, piece.n, pieces->sums, c);
}

/* Sizes of at most `most`, nearly the same, a multiple of `of`. */
static int64_t half_part(int64_t size, int64_t most, int64_t of)
{
    int64_t parts = tp__gemm_quotient(size - 1, most) + 1;
    return tp__gemm_quotient(tp__gemm_quotient(size - 1, parts), of) * of + of;
}

static void half_all(const half_pieces *pieces)
{
    for (int64_t j = 0; j < pieces->job->n; j += pieces->columns)
        for (int64_t i = 0; i < pieces->job->m; i += pieces->rows)
            half_piece(pieces, i, j);
}

static __attribute__((noinline)) void half_without_memory(half_pieces *pieces)
{
    _Alignas(64) float room[HALF_SMALL];
    pieces->rows = pieces->kernels->rows;
    pieces->columns = pieces->kernels->lanes;
    pieces->room = (char *)room;
    pieces->a = (char *)(room + pieces->columns * pieces->depth);
    pieces->sums = (char *)(room + (pieces->columns + pieces->rows) * pieces->depth);
    pieces->in_rows = true;
    half_all(pieces);
}

/* By tiles, `depth` terms at a time. */
static void half_tiles(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth)
{
    half_pieces pieces = {.kernels = kernels,
                          .job = job,
                          .rows = half_part(job->m, HALF_ROWS, kernels->rows),
                          .columns = half_part(job->n, HALF_COLUMNS, kernels->lanes),
                          .depth = tp__gemm_least(depth, job->k)};
    size_t item = sizeof(float), b = tp__gemm_large_room(kernels, pieces.columns, pieces.depth);
    size_t a = (size_t)(pieces.rows * pieces.depth) * item;
    size_t sums = tp__gemm_is_half(job->c_type) ? (size_t)(pieces.rows * pieces.columns) * item : 0;
    pieces.room = tp__alloc_spare(b + a + sums);
    if (pieces.room) {
        pieces.a = pieces.room + b;
        pieces.sums = pieces.a + a;
        half_all(&pieces);
        tp__free(pieces.room);
    } else {
        half_without_memory(&pieces);
    }
}

/* --- Dot products --- */

/* Some rows of tp__gemm_dots, all terms. c is wide. */
static void half_some_dots(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    _Alignas(64) char columns[TP__GEMM_DOTS_ROOM], wide[TP__GEMM_NEAR];
    const int64_t item = sizeof(float);
    int64_t terms = tp__gemm_dot_terms(kernels, job->n), a_item = half_item(job->a_type);
    for (int64_t k = 0; k < job->k; k += terms) {
        tp__gemm_line line = {
            .k = tp__gemm_least(terms, job->k - k), .c_step = job->c_row, .add = job->add || k > 0};
        int64_t rows = tp__gemm_near_rows(line.k * item);
        tp__gemm_widen(job->b_type, job->n, line.k,
                       job->b + k * job->b_row * half_item(job->b_type), job->b_column, job->b_row,
                       columns);
        for (int64_t i = 0; i < job->m; i += rows) {
            const char *from = job->a + (i * job->a_row + k) * a_item;
            line.n = tp__gemm_least(rows, job->m - i);
            line.b = a_item == item ? from : wide;
            line.b_step = a_item == item ? job->a_row : line.k;
            if (a_item != item)
                tp__gemm_widen(job->a_type, line.n, line.k, from, job->a_row, 1, wide);
            for (int64_t j = 0; j < job->n; j++) {
                line.a = columns + j * line.k * item;
                line.c = job->c + (i * job->c_row + j) * item;
                kernels->dots(&line);
            }
        }
    }
}

static void half_dots(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    _Alignas(64) char sums[HALF_FEW * sizeof(float)];
    if (!tp__gemm_is_half(job->c_type)) {
        half_some_dots(kernels, job);
        return;
    }
    tp__gemm some = *job;
    some.c = sums;
    some.c_row = job->n;
    int64_t rows = HALF_FEW / job->n / 4 * 4;
    for (int64_t i = 0; i < job->m; i += rows) {
        some.m = tp__gemm_least(rows, job->m - i);
        half_some_dots(kernels, &some);
        half_narrow(job, some.m, job->n, sums, job->c + i * job->c_row * 2);
        some.a += rows * job->a_row * half_item(job->a_type);
    }
}

/* --- One row --- */

/* n columns, a multiple of a vector's lanes, of a b whose rows lie side by side. */
static void half_rows_of(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t n)
{
    _Alignas(64) char wide[TP__GEMM_ROWS * HALF_LINE * sizeof(float)];
    _Alignas(64) char sums[HALF_LINE * sizeof(float)];
    float factors[TP__GEMM_ROWS];
    bool rounds = tp__gemm_is_half(job->c_type);
    for (int64_t j = 0; j < n; j += HALF_LINE) {
        char *c = job->c + j * half_item(job->c_type);
        tp__gemm_line line = {.n = tp__gemm_least(HALF_LINE, n - j),
                              .a = (const char *)factors,
                              .a_step = 1,
                              .b = wide,
                              .c = rounds ? sums : c};
        line.b_step = line.n;
        for (int64_t k = 0; k < job->k; k += TP__GEMM_ROWS) {
            line.k = tp__gemm_least(TP__GEMM_ROWS, job->k - k);
            line.add = job->add || k > 0;
            tp__gemm_widen(job->a_type, 1, line.k,
                           job->a + k * job->a_column * half_item(job->a_type), 0, job->a_column,
                           (char *)factors);
            tp__gemm_widen(job->b_type, line.k, line.n,
                           job->b + (k * job->b_row + j) * half_item(job->b_type), job->b_row, 1,
                           wide);
            kernels->rows_of(&line);
        }
        if (rounds)
            half_narrow(job, 1, line.n, sums, c);
    }
}

static void half_vector(const tp__gemm_kernels *kernels, tp__gemm job)
{
    if (job.b_row == 1) {
        tp__gemm turned = tp__gemm_turned(&job);
        turned.c_row = 1;
        half_dots(kernels, &turned);
        return;
    }
    int64_t whole = job.b_column == 1 ? tp__gemm_whole(kernels, job.n) : 0;
    if (whole > 0)
        half_rows_of(kernels, &job, whole);
    job.n -= whole;
    job.b += whole * half_item(job.b_type);
    job.c += whole * half_item(job.c_type);
    if (job.n > 0)
        half_tiles(kernels, &job, kernels->depth);
}

/* --- Everything --- */

static void half_matrix(const tp__gemm_kernels *kernels, tp__gemm job)
{
    int64_t few = tp__gemm_few(kernels, &job), n = job.n - few;
    if (n > 0) {
        tp__gemm part = job;
        part.n = n;
        bool large = job.large && n >= kernels->lanes;
        half_tiles(kernels, &part, large ? kernels->deeper : kernels->depth);
    }
    if (few > 0) {
        job.b += n * job.b_column * half_item(job.b_type);
        job.c += n * half_item(job.c_type);
        job.n = few;
        half_dots(kernels, &job);
    }
}

void tp__gemm_half(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    if (job->k == 0) {
        for (int64_t i = 0; i < job->m && !job->add; i++)
            memset(job->c + i * job->c_row * half_item(job->c_type), 0,
                   (size_t)(job->n * half_item(job->c_type)));
    } else if (job->n == 1 && job->m > 1) {
        half_vector(kernels, tp__gemm_turned(job));
    } else if (job->m == 1) {
        half_vector(kernels, *job);
    } else {
        half_matrix(kernels, *job);
    }
}
