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
    HALF_NEAR = 256,      /* elements that are gathered at a time */
    HALF_WIDE = 16 << 10, /* bytes that are widened at a time before they are turned */
    HALF_FEW = 1024,      /* sums of dot products at a time */
    HALF_LINE = 512,      /* columns of a product with one row at a time, and terms that are */
    HALF_TERMS = TP__GEMM_ROWS, /* widened: as many as rows_of takes together */
    HALF_SMALL = 9 << 10,       /* bytes of a piece without memory */
    HALF_STACK = 12 << 10       /* bytes of pieces that stand on the stack, at most */
};

static int64_t half_item(uint8_t type)
{
    return tp__gemm_is_half(type) ? 2 : (int64_t)sizeof(float);
}

/* Of the type's kernels. */
static int half_place(uint8_t type)
{
    return type == TP_F16 ? 1 : type == TP_BF16 ? 2 : 0;
}

/* Single elements, widened. */
static void half_gather(uint8_t type, int64_t n, const char *from, int64_t element, char *to)
{
    uint16_t near[HALF_NEAR];
    for (int64_t i = 0; i < n; i += HALF_NEAR) {
        int64_t some = tp__gemm_least(HALF_NEAR, n - i);
        tp__copy_run(sizeof *near, some, element * 2, from + i * element * 2, (char *)near);
        tp__half_lines((tp_dtype)type, TP_F32)(1, some, (const char *)near, 0,
                                               to + i * (int64_t)sizeof(float), 0);
    }
}

void tp__gemm_widen(uint8_t type, int64_t n, int64_t length, const char *from, int64_t line,
                    int64_t element, char *to)
{
    const int64_t item = half_item(type), wide = sizeof(float);
    if (element == 1 && item != wide) {
        bool one = line == length;
        tp__half_lines((tp_dtype)type, TP_F32)(one ? 1 : n, one ? n * length : length, from,
                                               line * item, to, length * wide);
        return;
    }
    for (int64_t i = 0; i < n; i++, from += line * item, to += length * wide)
        if (item == wide)
            tp__copy_run(sizeof(float), length, element * item, from, to);
        else
            half_gather(type, length, from, element, to);
}

void tp__gemm_pack(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t k, int64_t width,
                   const char *from, char *to)
{
    const int64_t item = sizeof(float);
    if (!tp__gemm_is_half(job->b_type)) {
        kernels->pack(k, width, from, job->b_row, job->b_column, to);
    } else if (job->b_row != 1 || job->b_column == 1) {
        tp__gemm_widen(job->b_type, k, width, from, job->b_row, job->b_column, to);
    } else {
        _Alignas(64) char wide[HALF_WIDE];
        int64_t terms = HALF_WIDE / item / width;
        for (int64_t i = 0; i < k; i += terms, from += terms * 2, to += terms * width * item) {
            int64_t some = tp__gemm_least(terms, k - i);
            tp__gemm_widen(job->b_type, width, some, from, job->b_column, 1, wide);
            kernels->pack(some, width, wide, 1, some, to);
        }
    }
}

/* Rounds sums, which lie one row after the other, into their places in c. */
static void half_narrow(const tp__gemm *job, int64_t rows, int64_t columns, const char *sums,
                        char *c)
{
    bool one = columns == job->c_row;
    tp__half_lines(TP_F32, (tp_dtype)job->c_type)(one ? 1 : rows, one ? rows * columns : columns,
                                                  sums, columns * (int64_t)sizeof(float), c,
                                                  job->c_row * 2);
}

/* --- Matrices --- */

/* Pieces of c, and where their parts are: copies of b, of a, sums, and b's words for pairs, if
 * these are taken. */
typedef struct half_pieces {
    const tp__gemm_kernels *kernels;
    const tp__gemm *job;
    int64_t rows, columns, depth;
    int64_t most; /* vectors of a panel */
    bool large;
    char *room, *a, *sums, *words;
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
        if (pieces->large)
            tp__gemm_large(pieces->kernels, &piece, pieces->depth, pieces->room);
        else
            tp__gemm_small(pieces->kernels, &piece, pieces->depth, pieces->most);
    }
    if (rounds)
        half_narrow(job, piece.m, piece.n, pieces->sums, c);
}

/* The same by pairs; false: as above, then. */
static bool half_pairs(const half_pieces *pieces, int64_t i, int64_t j)
{
    const tp__gemm *job = pieces->job;
    tp__gemm piece = *job;
    piece.m = tp__gemm_least(pieces->rows, job->m - i);
    piece.n = tp__gemm_least(pieces->columns, job->n - j);
    piece.a += i * job->a_row * 2;
    piece.b += j * job->b_column * 2;
    piece.c += (i * job->c_row + j) * half_item(job->c_type);
    return tp__gemm_pairs(pieces->kernels, &piece, pieces->depth, pieces->a, pieces->words,
                          pieces->sums);
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
            if (!pieces->words || !half_pairs(pieces, i, j))
                half_piece(pieces, i, j);
}

static TP_NOINLINE void half_without_memory(half_pieces *pieces)
{
    _Alignas(64) char room[HALF_SMALL];
    pieces->rows = pieces->kernels->rows;
    pieces->columns = pieces->kernels->lanes;
    pieces->most = 1;
    pieces->large = false;
    pieces->a = room;
    pieces->sums = room + pieces->rows * pieces->depth * (int64_t)sizeof(float);
    pieces->in_rows = true;
    half_all(pieces);
    pieces->a = pieces->sums = NULL;
}

/* Bytes of the parts of pieces, each a multiple of a vector's. */
typedef struct half_room {
    size_t b, a, sums, words;
} half_room;

static void half_with(half_pieces *pieces, const half_room *size, char *room)
{
    pieces->room = room;
    pieces->a = room + size->b;
    pieces->sums = pieces->a + size->a;
    pieces->words = size->words ? pieces->sums + size->sums : NULL;
    half_all(pieces);
    pieces->room = pieces->a = pieces->sums = pieces->words = NULL;
}

static TP_NOINLINE void half_on_stack(half_pieces *pieces, const half_room *size)
{
    _Alignas(64) char room[HALF_STACK];
    half_with(pieces, size, room);
}

static half_room half_sizes(const half_pieces *pieces, bool pairs)
{
    const tp__gemm *job = pieces->job;
    int64_t rows = tp__gemm_pair_rows(tp__gemm_least(pieces->rows, job->m));
    int64_t columns = tp__gemm_pair_columns(tp__gemm_least(pieces->columns, job->n));
    const size_t item = sizeof(float), line = TP__GEMM_BYTES;
    half_room size = {.a = ((size_t)(rows * pieces->depth) * item + line - 1) / line * line};
    if (pieces->large)
        size.b = tp__gemm_large_room(pieces->kernels, pieces->columns, pieces->depth);
    if (pairs || tp__gemm_is_half(job->c_type))
        size.sums = (size_t)(rows * columns) * item;
    if (pairs)
        size.words = (size_t)(columns * ((pieces->depth + 1) / 2)) * item;
    return size;
}

/* By tiles, `depth` terms at a time. */
static TP_NOINLINE void half_tiles(const tp__gemm_kernels *kernels, const tp__gemm *job, bool large)
{
    half_pieces pieces = {
        .kernels = kernels,
        .job = job,
        .rows = half_part(job->m, HALF_ROWS, kernels->rows),
        .columns = half_part(job->n, HALF_COLUMNS, kernels->lanes),
        .depth = tp__gemm_least(large ? kernels->deeper : kernels->depth, job->k),
        .most = kernels->vectors,
        .large = large,
    };
    bool pairs = job->a_type == TP_BF16 && job->b_type == TP_BF16 && job->c_type != TP_F16 &&
                 tp__gemm_has_pairs();
    half_room size = half_sizes(&pieces, pairs);
    size_t bytes = size.b + size.a + size.sums + size.words;
    if (bytes <= HALF_STACK) {
        half_on_stack(&pieces, &size);
        return;
    }
    char *room = tp__alloc_spare(bytes);
    if (room)
        half_with(&pieces, &size, room);
    else
        half_without_memory(&pieces);
    tp__free(room);
}

/* --- Dot products --- */

/* Some rows of tp__gemm_dots, all terms. c is wide. */
static void half_some_dots(const tp__gemm_kernels *kernels, const tp__gemm *job)
{
    _Alignas(64) char columns[TP__GEMM_DOTS_ROOM], wide[TP__GEMM_NEAR];
    const int64_t item = sizeof(float), a_item = half_item(job->a_type);
    int64_t terms = tp__gemm_dot_terms(kernels, job->n);
    int place = half_place(job->a_type);
    bool reads = kernels->dots[place] != NULL; /* a as it lies */
    tp__gemm_line line = {.m = job->n, .b_step = job->a_row, .c_step = job->c_row};
    for (int64_t k = 0; k < job->k; k += terms) {
        line.k = tp__gemm_least(terms, job->k - k);
        line.add = job->add || k > 0;
        tp__gemm_widen(job->b_type, job->n, line.k,
                       job->b + k * job->b_row * half_item(job->b_type), job->b_column, job->b_row,
                       columns);
        int64_t rows = reads && job->n == 1 ? job->m : tp__gemm_near_rows(line.k * item);
        for (int64_t i = 0; i < job->m; i += rows) {
            line.n = tp__gemm_least(rows, job->m - i);
            line.b = job->a + (i * job->a_row + k) * a_item;
            if (!reads) {
                tp__gemm_widen(job->a_type, line.n, line.k, line.b, job->a_row, 1, wide);
                line.b = wide;
                line.b_step = line.k;
            }
            line.a = columns;
            line.a_step = line.k;
            line.c = job->c + i * job->c_row * item;
            kernels->dots[reads ? place : 0](&line);
        }
    }
}

static TP_NOINLINE void half_dots(const tp__gemm_kernels *kernels, const tp__gemm *job)
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
    _Alignas(64) char sums[HALF_LINE * sizeof(float)];
    _Alignas(64) char wide[HALF_TERMS * HALF_LINE * sizeof(float)];
    float factors[HALF_NEAR];
    bool rounds = tp__gemm_is_half(job->c_type), reads = kernels->rows_of[half_place(job->b_type)];
    int64_t a_item = half_item(job->a_type), terms = reads ? HALF_NEAR : HALF_TERMS;
    for (int64_t j = 0; j < n; j += HALF_LINE) {
        char *c = job->c + j * half_item(job->c_type);
        tp__gemm_line line = {.n = tp__gemm_least(HALF_LINE, n - j),
                              .a = (const char *)factors,
                              .a_step = 1,
                              .b_step = job->b_row,
                              .c = rounds ? sums : c};
        for (int64_t k = 0; k < job->k; k += terms) {
            line.k = tp__gemm_least(terms, job->k - k);
            line.b = job->b + (k * job->b_row + j) * half_item(job->b_type);
            line.add = job->add || k > 0;
            tp__gemm_widen(job->a_type, 1, line.k, job->a + k * job->a_column * a_item, 0,
                           job->a_column, (char *)factors);
            if (!reads) {
                tp__gemm_widen(job->b_type, line.k, line.n, line.b, job->b_row, 1, wide);
                line.b = wide;
                line.b_step = line.n;
            }
            kernels->rows_of[reads ? half_place(job->b_type) : 0](&line);
        }
        if (rounds)
            half_narrow(job, 1, line.n, sums, c);
    }
}

static TP_NOINLINE void half_vector(const tp__gemm_kernels *kernels, tp__gemm job)
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
        half_tiles(kernels, &job, false);
}

/* --- Everything --- */

static void half_matrix(const tp__gemm_kernels *kernels, tp__gemm job)
{
    int64_t few = tp__gemm_few(kernels, &job), n = job.n - few;
    if (n > 0) {
        tp__gemm part = job;
        part.n = n;
        half_tiles(kernels, &part, job.large && n >= kernels->lanes);
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
