/* SPDX-License-Identifier: MIT
 *
 * Products of bfloat16 by AVX512-BF16, whose instruction adds the products of two pairs to a sum of
 * float32: first that of the upper halves, then that of the lower ones, each as one fused
 * multiplication and addition that rounds to the nearest. Operands are copied as words of a term in
 * the upper half and the next in the lower, so terms are added in their order, and the bits are
 * those of wide operands.
 *
 * The instruction takes subnormal numbers for zeros, in operands and in sums. A product of bfloat16
 * is a multiple of 2^(e + f − 268), e and f its factors' exponents as they are stored, and so are
 * all sums of those that have such exponents or larger ones. Where no sum but zero can so be below
 * 2^−126, and no operand is subnormal, there is none; otherwise this declines.
 */
#include "base/features.h"

#include "kernels/gemm_parts.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <string.h>

#include "base/settings.h"

#if defined(__clang__)
#pragma clang attribute push(                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16"))), apply_to = function)
#else
#pragma GCC push_options
#include "kernels/optimize.h"
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,prefer-vector-width=512")
#endif

enum {
    PAIRS_LANES = 16,
    PAIRS_VECTORS = 3,
    PAIRS_ROWS = 8,    /* of a tile, or half of them */
    PAIRS_TURNED = 32, /* words of columns that are turned into rows at a time */
    PAIRS_EXPONENTS = 142
};

/* --- Tiles --- */

typedef struct pairs_tile {
    int64_t tiles, words; /* below each other; of a row of a */
    const uint32_t *a, *b;
    float *c;
    int64_t a_row, a_column, b_row, c_row;
    bool add;
} pairs_tile;

#if defined(__clang__)
#define PAIRS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define PAIRS_UNROLL _Pragma("GCC unroll 8")
#endif

TP_INLINE void pairs_tiles(const pairs_tile *t, const int rows, const int vectors)
{
    const uint32_t *a = t->a;
    float *c = t->c;
    for (int64_t i = t->tiles; i > 0; i--, a += rows * t->a_row, c += rows * t->c_row) {
        const uint32_t *at = a, *b = t->b;
        __m512 sum[PAIRS_ROWS][PAIRS_VECTORS];
        PAIRS_UNROLL
        for (int r = 0; r < rows; r++) {
            PAIRS_UNROLL
            for (int v = 0; v < vectors; v++)
                sum[r][v] = _mm512_setzero_ps();
        }
        for (int64_t k = t->words; k > 0; k--, b += t->b_row, at += t->a_column) {
            __m512i x[PAIRS_VECTORS];
            PAIRS_UNROLL
            for (int v = 0; v < vectors; v++)
                x[v] = _mm512_loadu_si512(b + v * PAIRS_LANES);
            PAIRS_UNROLL
            for (int r = 0; r < rows; r++) {
                const __m512i factor = _mm512_set1_epi32((int)at[r * t->a_row]);
                PAIRS_UNROLL
                for (int v = 0; v < vectors; v++)
                    sum[r][v] = _mm512_dpbf16_ps(sum[r][v], (__m512bh)factor, (__m512bh)x[v]);
            }
        }
        PAIRS_UNROLL
        for (int r = 0; r < rows; r++) {
            PAIRS_UNROLL
            for (int v = 0; v < vectors; v++) {
                float *to = c + r * t->c_row + v * PAIRS_LANES;
                _mm512_storeu_ps(to, t->add ? _mm512_add_ps(_mm512_loadu_ps(to), sum[r][v])
                                            : sum[r][v]);
            }
        }
    }
}

#define PAIRS_TILES(rows, vectors)                                                                 \
    static void pairs_tiles_##rows##_##vectors(const pairs_tile *t)                                \
    {                                                                                              \
        pairs_tiles(t, rows, vectors);                                                             \
    }

PAIRS_TILES(4, 1)
PAIRS_TILES(4, 2)
PAIRS_TILES(4, 3)
PAIRS_TILES(8, 1)
PAIRS_TILES(8, 2)
PAIRS_TILES(8, 3)

/* Rows of a panel, filled up to a multiple of half a tile's. */
static void pairs_rows(pairs_tile *t, int64_t rows, int64_t vectors)
{
    static void (*const tiles[2][PAIRS_VECTORS])(const pairs_tile *t) = {
        {pairs_tiles_4_1, pairs_tiles_4_2, pairs_tiles_4_3},
        {pairs_tiles_8_1, pairs_tiles_8_2, pairs_tiles_8_3}};
    t->tiles = rows / PAIRS_ROWS;
    tiles[1][vectors - 1](t);
    if (rows % PAIRS_ROWS == 0)
        return;
    t->a += t->tiles * PAIRS_ROWS * t->a_row;
    t->c += t->tiles * PAIRS_ROWS * t->c_row;
    t->tiles = 1;
    tiles[0][vectors - 1](t);
}

/* --- Words --- */

/* Terms of a line that lie side by side. */
static void pairs_line(int64_t terms, const uint16_t *from, uint32_t *to)
{
    for (; terms > 0; terms -= 32, from += 32, to += PAIRS_LANES) {
        __mmask32 some = terms < 32 ? (__mmask32)((1u << terms) - 1) : ~(__mmask32)0;
        __mmask16 words = terms < 32 ? (__mmask16)((1u << ((terms + 1) / 2)) - 1) : (__mmask16)~0;
        __m512i x = _mm512_maskz_loadu_epi16(some, from);
        _mm512_mask_storeu_epi32(to, words, _mm512_rol_epi32(x, 16));
    }
}

/* A term of each of n lines, which lie side by side, and the next, or zeros. */
static void pairs_two(int64_t n, const uint16_t *from, const uint16_t *next, uint32_t *to)
{
    for (; n > 0; n -= PAIRS_LANES, from += PAIRS_LANES, to += PAIRS_LANES) {
        __mmask16 some = n < PAIRS_LANES ? (__mmask16)((1u << n) - 1) : (__mmask16)~0;
        __m512i x = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, from));
        x = _mm512_slli_epi32(x, 16);
        if (next) {
            x = _mm512_or_si512(x, _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(some, next)));
            next += PAIRS_LANES;
        }
        _mm512_mask_storeu_epi32(to, some, x);
    }
}

static uint32_t pairs_word(const uint16_t *from, int64_t term, int64_t left)
{
    return (uint32_t)from[0] << 16 | (left > 1 ? from[term] : 0);
}

/* n lines of so many terms, as words to_line and to_word apart, of which one is 1; further lines up
 * to `all` are zeros. */
typedef struct pairs_copy {
    int64_t n, all, terms, line, term;
    const uint16_t *from;
    uint32_t *to;
    int64_t to_line, to_word;
} pairs_copy;

static void pairs_lines(const pairs_copy *copy)
{
    int64_t words = (copy->terms + 1) / 2;
    if (copy->term == 1 && copy->line == copy->terms && copy->terms == 2 * copy->to_line) {
        pairs_line(copy->n * copy->terms, copy->from, copy->to); /* one after the other */
        words = 0;
    }
    for (int64_t i = 0; i < copy->n && words; i++) {
        const uint16_t *from = copy->from + i * copy->line;
        uint32_t *to = copy->to + i * copy->to_line;
        if (copy->term == 1)
            pairs_line(copy->terms, from, to);
        else
            for (int64_t k = 0; k < words; k++)
                to[k] = pairs_word(from + 2 * k * copy->term, copy->term, copy->terms - 2 * k);
    }
    for (int64_t i = copy->n; i < copy->all; i++)
        memset(copy->to + i * copy->to_line, 0, (size_t)(copy->terms + 1) / 2 * sizeof(uint32_t));
}

static void pairs_columns(const pairs_copy *copy)
{
    size_t rest = (size_t)(copy->all - copy->n) * sizeof(uint32_t);
    for (int64_t k = 0; k < copy->terms; k += 2) {
        const uint16_t *from = copy->from + k * copy->term;
        uint32_t *to = copy->to + k / 2 * copy->to_word;
        if (copy->line == 1)
            pairs_two(copy->n, from, k + 1 < copy->terms ? from + copy->term : NULL, to);
        else
            for (int64_t i = 0; i < copy->n; i++)
                to[i] = pairs_word(from + i * copy->line, copy->term, copy->terms - k);
        if (rest > 0)
            memset(to + copy->n, 0, rest);
    }
}

/* The same of lines whose terms lie side by side. */
static void pairs_turned(const tp__gemm_kernels *kernels, const pairs_copy *copy)
{
    _Alignas(64) uint32_t room[PAIRS_TURNED * PAIRS_LANES * PAIRS_VECTORS];
    pairs_copy some = *copy;
    some.to = room;
    some.to_line = PAIRS_TURNED;
    some.to_word = 1;
    for (int64_t k = 0; k < copy->terms; k += 2 * PAIRS_TURNED) {
        some.terms = tp__gemm_least(2 * PAIRS_TURNED, copy->terms - k);
        some.from = copy->from + k;
        pairs_lines(&some);
        kernels->pack((some.terms + 1) / 2, copy->all, (const char *)room, 1, PAIRS_TURNED,
                      (char *)(copy->to + k / 2 * copy->to_word));
    }
}

/* The smallest exponent of numbers other than zero, 1 or more, or 0: some are subnormal. */
static int pairs_exponent(const uint32_t *words, int64_t n)
{
    const __m512i digits = _mm512_set1_epi16(0x7fff), one = _mm512_set1_epi16(1);
    __m512i least = _mm512_set1_epi16(-1);
    for (int64_t i = 0; i < n; i += PAIRS_LANES) {
        int64_t left = n - i;
        __mmask16 some = left < PAIRS_LANES ? (__mmask16)((1u << left) - 1) : (__mmask16)~0;
        __m512i x = _mm512_maskz_loadu_epi32(some, words + i);
        x = _mm512_sub_epi16(_mm512_and_si512(x, digits), one); /* 0: the largest */
        least = _mm512_min_epu16(least, x);
    }
    __m256i half =
        _mm256_min_epu16(_mm512_castsi512_si256(least), _mm512_extracti64x4_epi64(least, 1));
    __m128i rest = _mm_min_epu16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    return (_mm_extract_epi16(_mm_minpos_epu16(rest), 0) + 1) >> 7;
}

/* --- A piece --- */

typedef struct pairs_piece {
    const tp__gemm_kernels *kernels;
    const tp__gemm *job;
    int64_t rows, columns; /* filled up */
    uint32_t *a, *b;
    float *sums;
} pairs_piece;

/* `depth` terms from k on; false: there may be subnormal numbers. */
static bool pairs_terms(const pairs_piece *piece, int64_t k, int64_t depth)
{
    const tp__gemm *job = piece->job;
    int64_t words = (depth + 1) / 2, rows = piece->rows;
    bool in_columns = job->a_row == 1 && job->a_column != 1;
    pairs_tile tile = {.words = words, .a = piece->a, .c_row = piece->columns};
    tile.add = job->add || k > 0;
    tile.a_row = in_columns ? 1 : words;
    tile.a_column = in_columns ? rows : 1;
    (in_columns ? pairs_columns : pairs_lines)(
        &(pairs_copy){job->m, rows, depth, job->a_row, job->a_column,
                      (const uint16_t *)(const void *)job->a + k * job->a_column, piece->a,
                      tile.a_row, tile.a_column});
    int exponent = pairs_exponent(piece->a, rows * words);
    tp__gemm_panels panels = tp__gemm_panels_of(piece->columns / PAIRS_LANES, PAIRS_VECTORS);
    pairs_copy copy = {.terms = depth, .line = job->b_column, .term = job->b_row};
    copy.from = (const uint16_t *)(const void *)job->b + k * job->b_row;
    copy.to = piece->b;
    copy.to_line = 1;
    for (int64_t p = 0, j = 0; p < panels.n; p++, j += copy.all) {
        copy.all = copy.to_word = (panels.least + (p >= panels.narrow)) * PAIRS_LANES;
        copy.n = tp__gemm_least(copy.all, job->n - j);
        if (copy.term == 1 && copy.line != 1)
            pairs_turned(piece->kernels, &copy);
        else
            pairs_columns(&copy);
        copy.from += copy.n * copy.line;
        copy.to += copy.all * words;
    }
    int other = pairs_exponent(piece->b, piece->columns * words);
    if (exponent == 0 || other == 0 || exponent + other < PAIRS_EXPONENTS)
        return false;
    const uint32_t *b = piece->b;
    for (int64_t p = 0, j = 0; p < panels.n; p++) {
        int64_t vectors = panels.least + (p >= panels.narrow);
        tile.a = piece->a;
        tile.b = b;
        tile.b_row = vectors * PAIRS_LANES;
        tile.c = piece->sums + j;
        pairs_rows(&tile, rows, vectors);
        j += tile.b_row;
        b += tile.b_row * words;
    }
    return true;
}

/* Moves sums between their rows and c's: sums from c; c from sums, rounded if it is of bfloat16.
 * There is no subnormal sum that this would make a zero. */
static void pairs_move(const pairs_piece *piece, bool to_c)
{
    const tp__gemm *job = piece->job;
    for (int64_t i = 0; i < job->m; i++) {
        float *sums = piece->sums + i * piece->columns;
        for (int64_t j = 0; j < job->n; j += PAIRS_LANES, sums += PAIRS_LANES) {
            int64_t left = job->n - j, at = i * job->c_row + j;
            __mmask16 some = left < PAIRS_LANES ? (__mmask16)((1u << left) - 1) : (__mmask16)~0;
            float *c = (float *)(void *)job->c + at;
            if (!to_c)
                _mm512_storeu_ps(sums, _mm512_maskz_loadu_ps(some, c));
            else if (!job->c_type)
                _mm512_mask_storeu_ps(c, some, _mm512_loadu_ps(sums));
            else
                _mm256_mask_storeu_epi16((uint16_t *)(void *)job->c + at, some,
                                         (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(sums)));
        }
    }
}

bool tp__gemm_pairs(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth, char *a,
                    char *b, char *sums)
{
    pairs_piece piece = {.kernels = kernels,
                         .job = job,
                         .rows = tp__gemm_pair_rows(job->m),
                         .columns = tp__gemm_pair_columns(job->n),
                         .a = (uint32_t *)(void *)a,
                         .b = (uint32_t *)(void *)b,
                         .sums = (float *)(void *)sums};
    if (job->add)
        pairs_move(&piece, false);
    for (int64_t k = 0; k < job->k; k += depth)
        if (!pairs_terms(&piece, k, tp__gemm_least(depth, job->k - k)))
            return false;
    pairs_move(&piece, true);
    return true;
}

#include "kernels/end_level.h"

bool tp__gemm_has_pairs(void)
{
    return tp__level == TP__AVX512 && __builtin_cpu_supports("avx512bf16");
}

#else

bool tp__gemm_has_pairs(void)
{
    return false;
}

bool tp__gemm_pairs(const tp__gemm_kernels *kernels, const tp__gemm *job, int64_t depth, char *a,
                    char *b, char *sums)
{
    (void)kernels, (void)job, (void)depth, (void)a, (void)b, (void)sums;
    return false;
}

#endif
