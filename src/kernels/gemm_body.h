/* SPDX-License-Identifier: MIT
 *
 * Kernels of products (gemm_tile.h), written once and compiled for each instruction set
 * (gemm_baseline.c, gemm_avx2.c, gemm_avx512.c), which define
 *     GEMM(name)       name with the instruction set's suffix
 *     GEMM_BYTES       of a register
 *     GEMM_ROWS, GEMM_VECTORS    of a tile, 6 or 8 and 2 or 3: both with the vectors of b fill
 *                      the registers
 *     GEMM_FMA_float(a, b, c), GEMM_FMA_double(a, b, c)    a b + c
 *     GEMM_LOAD_float(p, n), GEMM_STORE_float(p, n, v) and of double: the first n lanes, 0 < n;
 *                      lanes that are not loaded are zeros
 *     GEMM_TURN_float(from, step, to, width) and of double: to[i · width + j] = from[i + j · step]
 *                      for a block of GEMM_TURN_DEEP_float, _double i and GEMM_TURN_WIDE_… j
 *     GEMM_TOTALS_float(a, b, c, d, to) and of double: to[0] = the sum of a's lanes, and so on
 * or the last two by GEMM_AVX and GEMM_HALF_float, _double of gemm_avx.h; where lines of half types
 * are read as they lie GEMM_HALVES and, if there are instructions for it,
 *     GEMM_WORDS(x), GEMM_WIDE_f16(x)    half words as words, float16 as float32
 */
#include <string.h>

#include "kernels/gemm_tile.h"

_Static_assert(GEMM_DEPTH *GEMM_VECTORS *GEMM_BYTES <= TP__GEMM_ROOM &&
                   GEMM_DEEPER * GEMM_BYTES <= TP__GEMM_ROOM,
               "a panel's rows of b have room");

typedef float GEMM(floats) __attribute__((vector_size(GEMM_BYTES)));
typedef double GEMM(doubles) __attribute__((vector_size(GEMM_BYTES)));

#if defined(GEMM_AVX)
#include "kernels/gemm_avx.h"
#endif

#define GEMM_OF_float GEMM(floats)
#define GEMM_OF_double GEMM(doubles)

#if defined(__clang__)
#define GEMM_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define GEMM_UNROLL _Pragma("GCC unroll 8")
#else
#define GEMM_UNROLL
#endif

/* --- Tiles --- */

/* X(Type, vectors, rows) for each tile; of 0 vectors is one that is narrower than a register. */
#define GEMM_SIX_ROWS(X, Type, vectors)                                                            \
    X(Type, vectors, 1)                                                                            \
    X(Type, vectors, 2)                                                                            \
    X(Type, vectors, 3)                                                                            \
    X(Type, vectors, 4)                                                                            \
    X(Type, vectors, 5)                                                                            \
    X(Type, vectors, 6)
#if GEMM_ROWS > 6
#define GEMM_EACH_ROW(X, Type, vectors)                                                            \
    GEMM_SIX_ROWS(X, Type, vectors)                                                                \
    X(Type, vectors, 7)                                                                            \
    X(Type, vectors, 8)
#else
#define GEMM_EACH_ROW GEMM_SIX_ROWS
#endif
#define GEMM_TWO_VECTORS(X, Type)                                                                  \
    GEMM_EACH_ROW(X, Type, 0)                                                                      \
    GEMM_EACH_ROW(X, Type, 1)                                                                      \
    GEMM_EACH_ROW(X, Type, 2)
#if GEMM_VECTORS > 2
#define GEMM_EACH_TILE(X, Type)                                                                    \
    GEMM_TWO_VECTORS(X, Type)                                                                      \
    GEMM_EACH_ROW(X, Type, 3)
#else
#define GEMM_EACH_TILE GEMM_TWO_VECTORS
#endif

#define GEMM_TILE(Type)                                                                            \
    TP_INLINE void GEMM(gemm_put_##Type)(Type * c, int64_t last, bool add, const int vectors,      \
                                         const bool thin, const GEMM_OF_##Type *sum)               \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        GEMM_OF_##Type y[GEMM_VECTORS];                                                            \
        GEMM_UNROLL                                                                                \
        for (int v = 0; v < vectors; v++)                                                          \
            y[v] = sum[v];                                                                         \
        if (thin) {                                                                                \
            if (add)                                                                               \
                y[0] += GEMM_LOAD_##Type(c, last);                                                 \
            GEMM_STORE_##Type(c, last, y[0]);                                                      \
            return;                                                                                \
        }                                                                                          \
        if (add) {                                                                                 \
            GEMM_UNROLL                                                                            \
            for (int v = 0; v < vectors; v++) {                                                    \
                GEMM_OF_##Type old;                                                                \
                memcpy(&old, c + (v < vectors - 1 ? v * lanes : last), sizeof old);                \
                y[v] += old;                                                                       \
            }                                                                                      \
        }                                                                                          \
        GEMM_UNROLL                                                                                \
        for (int v = 0; v < vectors; v++)                                                          \
            memcpy(c + (v < vectors - 1 ? v * lanes : last), &y[v], sizeof y[v]);                  \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void GEMM(gemm_tiles_##Type)(const tp__gemm_tile *t, const int rows,                 \
                                           const int vectors, const bool thin)                     \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        const char *a = t->a;                                                                      \
        Type *c = (Type *)(void *)t->c;                                                            \
        const bool add = t->add;                                                                   \
        const int64_t depth = t->k, last = t->last, c_row = t->c_row;                              \
        const ptrdiff_t b_row = (ptrdiff_t)t->b_row * (ptrdiff_t)sizeof(Type);                     \
        const ptrdiff_t a_row = (ptrdiff_t)t->a_row * (ptrdiff_t)sizeof(Type);                     \
        const ptrdiff_t a_tile = (ptrdiff_t)t->a_tile * (ptrdiff_t)sizeof(Type);                   \
        ptrdiff_t a_step = (ptrdiff_t)t->a_column * (ptrdiff_t)sizeof(Type);                       \
        __asm__("" : "+r"(a_step)); /* else there is a second loop for a step of one element */    \
        for (int64_t i = t->tiles; i > 0; i--) {                                                   \
            const char *at = a, *b = t->b;                                                         \
            GEMM_OF_##Type sum[GEMM_ROWS][GEMM_VECTORS];                                           \
            GEMM_UNROLL                                                                            \
            for (int r = 0; r < rows; r++) {                                                       \
                GEMM_UNROLL                                                                        \
                for (int v = 0; v < vectors; v++)                                                  \
                    sum[r][v] = (GEMM_OF_##Type){0};                                               \
            }                                                                                      \
            if (!thin && depth >= 64) {                                                            \
                GEMM_UNROLL                                                                        \
                for (int r = 0; r < rows; r++) {                                                   \
                    GEMM_UNROLL                                                                    \
                    for (int v = 0; v < vectors; v++)                                              \
                        __builtin_prefetch(c + r * c_row + v * lanes, 1);                          \
                }                                                                                  \
            }                                                                                      \
            for (int64_t k = depth; k > 0; k--, b += b_row, at += a_step) {                        \
                const Type *from = (const Type *)(const void *)b;                                  \
                GEMM_OF_##Type x[GEMM_VECTORS];                                                    \
                if (thin) {                                                                        \
                    x[0] = GEMM_LOAD_##Type(from, last);                                           \
                } else {                                                                           \
                    GEMM_UNROLL                                                                    \
                    for (int v = 0; v < vectors; v++)                                              \
                        memcpy(&x[v], from + (v < vectors - 1 ? v * lanes : last), sizeof x[v]);   \
                }                                                                                  \
                GEMM_UNROLL                                                                        \
                for (int r = 0; r < rows; r++) {                                                   \
                    const Type factor = *(const Type *)(const void *)(at + r * a_row);             \
                    const GEMM_OF_##Type factors = factor - (GEMM_OF_##Type){0};                   \
                    GEMM_UNROLL                                                                    \
                    for (int v = 0; v < vectors; v++)                                              \
                        sum[r][v] = GEMM_FMA_##Type(factors, x[v], sum[r][v]);                     \
                }                                                                                  \
            }                                                                                      \
            GEMM_UNROLL                                                                            \
            for (int r = 0; r < rows; r++)                                                         \
                GEMM(gemm_put_##Type)(c + r * c_row, last, add, vectors, thin, sum[r]);            \
            a += a_tile;                                                                           \
            c += rows * c_row;                                                                     \
        }                                                                                          \
    }

GEMM_TILE(float)
GEMM_TILE(double)

#define GEMM_TILE_OF(Type, vectors, rows)                                                          \
    static void GEMM(gemm_##Type##_##vectors##_##rows)(const tp__gemm_tile *t)                     \
    {                                                                                              \
        GEMM(gemm_tiles_##Type)(t, rows, vectors + !vectors, !vectors);                            \
    }

GEMM_EACH_TILE(GEMM_TILE_OF, float)
GEMM_EACH_TILE(GEMM_TILE_OF, double)

/* --- One row of a result --- */

/* Elements of b as they are, or of half types (base/dtype.h), widened: a vector of them, and a part
 * of one. */
#define GEMM_READ(name, Type, Item, Vector, wide)                                                  \
    TP_INLINE GEMM_OF_##Type GEMM(gemm_read_##name)(const Item *from)                              \
    {                                                                                              \
        Vector x;                                                                                  \
        memcpy(&x, from, sizeof x);                                                                \
        return wide(x);                                                                            \
    }
GEMM_READ(float, float, float, GEMM(floats), )
GEMM_READ(double, double, double, GEMM(doubles), )
#define GEMM_PART_float GEMM_LOAD_float
#define GEMM_PART_double GEMM_LOAD_double

/* sum += x times terms of column j + i of b. */
#define GEMM_DOT(name, Type, sum, i, from)                                                         \
    y = GEMM(gemm_read_##name)(b + (i)*b_step + (from));                                           \
    sum = GEMM_FMA_##Type(x, y, sum);
#define GEMM_DOT_PART(name, Type, sum, i)                                                          \
    y = GEMM_PART_##name(b + (i)*b_step + k, some);                                                \
    sum = GEMM_FMA_##Type(x, y, sum);

/* Eight rows of b, whose elements are Items, at a time, once through the result. */
#define GEMM_LINE(name, Type, Item)                                                                \
    TP_INLINE void GEMM(gemm_some_rows_##name)(const tp__gemm_line *l, int64_t k, const int deep)  \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        const Type *a = (const Type *)(const void *)l->a + k * l->a_step;                          \
        const Item *b = (const Item *)(const void *)l->b + k * l->b_step;                          \
        Type *c = (Type *)(void *)l->c;                                                            \
        const bool add = l->add || k > 0;                                                          \
        GEMM_OF_##Type factor[TP__GEMM_ROWS];                                                      \
        const Item *from[TP__GEMM_ROWS];                                                           \
        GEMM_UNROLL                                                                                \
        for (int i = 0; i < deep; i++) {                                                           \
            factor[i] = a[i * l->a_step] - (GEMM_OF_##Type){0};                                    \
            from[i] = b + i * l->b_step;                                                           \
        }                                                                                          \
        for (int64_t j = 0; j < l->n; j += lanes) {                                                \
            GEMM_OF_##Type sum = {0}, x;                                                           \
            GEMM_UNROLL                                                                            \
            for (int i = 0; i < deep; i++) {                                                       \
                x = GEMM(gemm_read_##name)(from[i] + j);                                           \
                sum = GEMM_FMA_##Type(factor[i], x, sum);                                          \
            }                                                                                      \
            if (add) {                                                                             \
                memcpy(&x, c + j, sizeof x);                                                       \
                sum += x;                                                                          \
            }                                                                                      \
            memcpy(c + j, &sum, sizeof sum);                                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void GEMM(gemm_rows_of_##name)(const tp__gemm_line *l)                                  \
    {                                                                                              \
        int64_t k = 0;                                                                             \
        for (; k + TP__GEMM_ROWS <= l->k; k += TP__GEMM_ROWS)                                      \
            GEMM(gemm_some_rows_##name)(l, k, TP__GEMM_ROWS);                                      \
        for (; k < l->k; k++)                                                                      \
            GEMM(gemm_some_rows_##name)(l, k, 1);                                                  \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void GEMM(gemm_four_dots_##name)(const tp__gemm_line *l, int64_t j)                  \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        const Type *a = (const Type *)(const void *)l->a;                                          \
        const Item *b = (const Item *)(const void *)l->b + j * l->b_step;                          \
        const int64_t b_step = l->b_step, depth = l->k;                                            \
        GEMM_OF_##Type s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};                                     \
        GEMM_OF_##Type t0 = {0}, t1 = {0}, t2 = {0}, t3 = {0}, x, y;                               \
        int64_t k = 0;                                                                             \
        for (; k + 2 * lanes <= depth; k += 2 * lanes) {                                           \
            memcpy(&x, a + k, sizeof x);                                                           \
            GEMM_DOT(name, Type, s0, 0, k)                                                         \
            GEMM_DOT(name, Type, s1, 1, k)                                                         \
            GEMM_DOT(name, Type, s2, 2, k)                                                         \
            GEMM_DOT(name, Type, s3, 3, k)                                                         \
            memcpy(&x, a + k + lanes, sizeof x);                                                   \
            GEMM_DOT(name, Type, t0, 0, k + lanes)                                                 \
            GEMM_DOT(name, Type, t1, 1, k + lanes)                                                 \
            GEMM_DOT(name, Type, t2, 2, k + lanes)                                                 \
            GEMM_DOT(name, Type, t3, 3, k + lanes)                                                 \
        }                                                                                          \
        for (; k < depth; k += lanes) {                                                            \
            const int64_t some = depth - k < lanes ? depth - k : lanes;                            \
            x = GEMM_LOAD_##Type(a + k, some);                                                     \
            GEMM_DOT_PART(name, Type, s0, 0)                                                       \
            GEMM_DOT_PART(name, Type, s1, 1)                                                       \
            GEMM_DOT_PART(name, Type, s2, 2)                                                       \
            GEMM_DOT_PART(name, Type, s3, 3)                                                       \
        }                                                                                          \
        Type total[4], *c = (Type *)(void *)l->c + j * l->c_step;                                  \
        GEMM_TOTALS_##Type(s0 + t0, s1 + t1, s2 + t2, s3 + t3, total);                             \
        for (int i = 0; i < 4; i++)                                                                \
            c[i * l->c_step] = l->add ? c[i * l->c_step] + total[i] : total[i];                    \
    }                                                                                              \
                                                                                                   \
    /* The same of two columns of a, whose rows of b are read once. */                             \
    TP_INLINE void GEMM(gemm_eight_dots_##name)(const tp__gemm_line *l, int64_t j)                 \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        const Type *a = (const Type *)(const void *)l->a, *next = a + l->a_step;                   \
        const Item *b = (const Item *)(const void *)l->b + j * l->b_step;                          \
        const int64_t b_step = l->b_step, depth = l->k;                                            \
        GEMM_OF_##Type s[2][4], t[2][4], x[2], y;                                                  \
        GEMM_UNROLL                                                                                \
        for (int i = 0; i < 4; i++)                                                                \
            s[0][i] = s[1][i] = t[0][i] = t[1][i] = (GEMM_OF_##Type){0};                           \
        int64_t k = 0;                                                                             \
        for (; k + 2 * lanes <= depth; k += 2 * lanes) {                                           \
            memcpy(&x[0], a + k, sizeof y);                                                        \
            memcpy(&x[1], next + k, sizeof y);                                                     \
            GEMM_UNROLL                                                                            \
            for (int i = 0; i < 4; i++) {                                                          \
                y = GEMM(gemm_read_##name)(b + i * b_step + k);                                    \
                s[0][i] = GEMM_FMA_##Type(x[0], y, s[0][i]);                                       \
                s[1][i] = GEMM_FMA_##Type(x[1], y, s[1][i]);                                       \
            }                                                                                      \
            memcpy(&x[0], a + k + lanes, sizeof y);                                                \
            memcpy(&x[1], next + k + lanes, sizeof y);                                             \
            GEMM_UNROLL                                                                            \
            for (int i = 0; i < 4; i++) {                                                          \
                y = GEMM(gemm_read_##name)(b + i * b_step + k + lanes);                            \
                t[0][i] = GEMM_FMA_##Type(x[0], y, t[0][i]);                                       \
                t[1][i] = GEMM_FMA_##Type(x[1], y, t[1][i]);                                       \
            }                                                                                      \
        }                                                                                          \
        for (; k < depth; k += lanes) {                                                            \
            const int64_t some = depth - k < lanes ? depth - k : lanes;                            \
            x[0] = GEMM_LOAD_##Type(a + k, some);                                                  \
            x[1] = GEMM_LOAD_##Type(next + k, some);                                               \
            GEMM_UNROLL                                                                            \
            for (int i = 0; i < 4; i++) {                                                          \
                y = GEMM_PART_##name(b + i * b_step + k, some);                                    \
                s[0][i] = GEMM_FMA_##Type(x[0], y, s[0][i]);                                       \
                s[1][i] = GEMM_FMA_##Type(x[1], y, s[1][i]);                                       \
            }                                                                                      \
        }                                                                                          \
        Type total[2][4], *c = (Type *)(void *)l->c + j * l->c_step;                               \
        for (int m = 0; m < 2; m++)                                                                \
            GEMM_TOTALS_##Type(s[m][0] + t[m][0], s[m][1] + t[m][1], s[m][2] + t[m][2],            \
                               s[m][3] + t[m][3], total[m]);                                       \
        for (int i = 0; i < 4; i++, c += l->c_step)                                                \
            for (int m = 0; m < 2; m++)                                                            \
                c[m] = l->add ? c[m] + total[m][i] : total[m][i];                                  \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void GEMM(gemm_one_dot_##name)(const tp__gemm_line *l, int64_t j)                    \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        const Type *a = (const Type *)(const void *)l->a;                                          \
        const Item *b = (const Item *)(const void *)l->b + j * l->b_step;                          \
        const int64_t depth = l->k;                                                                \
        GEMM_OF_##Type sum[4], x, y;                                                               \
        GEMM_UNROLL                                                                                \
        for (int i = 0; i < 4; i++)                                                                \
            sum[i] = (GEMM_OF_##Type){0};                                                          \
        int64_t k = 0;                                                                             \
        for (; k + 4 * lanes <= depth; k += 4 * lanes) {                                           \
            GEMM_UNROLL                                                                            \
            for (int i = 0; i < 4; i++) {                                                          \
                memcpy(&x, a + k + i * lanes, sizeof x);                                           \
                y = GEMM(gemm_read_##name)(b + k + i * lanes);                                     \
                sum[i] = GEMM_FMA_##Type(x, y, sum[i]);                                            \
            }                                                                                      \
        }                                                                                          \
        for (; k < depth; k += lanes) {                                                            \
            const int64_t some = depth - k < lanes ? depth - k : lanes;                            \
            x = GEMM_LOAD_##Type(a + k, some);                                                     \
            y = GEMM_PART_##name(b + k, some);                                                     \
            sum[0] = GEMM_FMA_##Type(x, y, sum[0]);                                                \
        }                                                                                          \
        Type total[4], *c = (Type *)(void *)l->c + j * l->c_step;                                  \
        GEMM_TOTALS_##Type(sum[0], sum[1], sum[2], sum[3], total);                                 \
        total[0] = (total[0] + total[1]) + (total[2] + total[3]);                                  \
        *c = l->add ? *c + total[0] : total[0];                                                    \
    }                                                                                              \
                                                                                                   \
    static void GEMM(gemm_dots_##name)(const tp__gemm_line *columns)                               \
    {                                                                                              \
        tp__gemm_line l = *columns;                                                                \
        for (int64_t m = l.m; m > 0;) {                                                            \
            const bool two =                                                                       \
                GEMM_BYTES == TP__GEMM_BYTES && m > 1; /* there are registers for two */           \
            int64_t j = 0;                                                                         \
            for (; j + 4 <= l.n; j += 4)                                                           \
                if (two)                                                                           \
                    GEMM(gemm_eight_dots_##name)(&l, j);                                           \
                else                                                                               \
                    GEMM(gemm_four_dots_##name)(&l, j);                                            \
            for (int i = 0; i < 1 + two; i++, m--) {                                               \
                for (int64_t rest = j; rest < l.n; rest++)                                         \
                    GEMM(gemm_one_dot_##name)(&l, rest);                                           \
                l.a += l.a_step * (int64_t)sizeof(Type);                                           \
                l.c += sizeof(Type);                                                               \
            }                                                                                      \
        }                                                                                          \
    }

GEMM_LINE(float, float, float)
GEMM_LINE(double, double, double)

#if defined(GEMM_HALVES)
typedef uint16_t GEMM(halves) __attribute__((vector_size(GEMM_BYTES / 2)));
typedef uint32_t GEMM(words) __attribute__((vector_size(GEMM_BYTES)));

#if !defined(GEMM_WORDS)
#define GEMM_WORDS(x) __builtin_convertvector(x, GEMM(words))
#endif

#if !defined(GEMM_WIDE_f16)
TP_INLINE GEMM(floats) GEMM(gemm_wide_f16)(GEMM(halves) half)
{
    const GEMM(words) x = GEMM_WORDS(half), rest = (x & 0x7fff) << 13;
    const GEMM(words) finite = (GEMM(words))((GEMM(floats))rest * 0x1p112f);
    const GEMM(words) is_finite = (GEMM(words))(rest < 0xf800000);
    return (GEMM(floats))((finite & is_finite) | ((rest | 0x7f800000) & ~is_finite) |
                          (x & 0x8000) << 16);
}
#define GEMM_WIDE_f16 GEMM(gemm_wide_f16)
#endif
#define GEMM_WIDE_bf16(x) (GEMM(floats))(GEMM_WORDS(x) << 16)

#define GEMM_READ_HALF(name)                                                                       \
    GEMM_READ(name, float, uint16_t, GEMM(halves), GEMM_WIDE_##name)                               \
                                                                                                   \
    TP_INLINE GEMM(floats) GEMM(gemm_part_##name)(const uint16_t *from, int64_t n)                 \
    {                                                                                              \
        GEMM(halves) x = {0};                                                                      \
        memcpy(&x, from, (size_t)n * sizeof *from);                                                \
        return GEMM_WIDE_##name(x);                                                                \
    }

GEMM_READ_HALF(f16)
GEMM_READ_HALF(bf16)
#define GEMM_PART_f16 GEMM(gemm_part_f16)
#define GEMM_PART_bf16 GEMM(gemm_part_bf16)
GEMM_LINE(f16, float, uint16_t)
GEMM_LINE(bf16, float, uint16_t)
#define GEMM_LINES_OF(name)                                                                        \
    {                                                                                              \
        name(float), name(f16), name(bf16)                                                         \
    }
#else
#define GEMM_LINES_OF(name)                                                                        \
    {                                                                                              \
        name(float)                                                                                \
    }
#endif

/* --- Packing --- */

#define GEMM_NARROW(Type, block)                                                                   \
    if (bytes >= (block)) {                                                                        \
        const size_t rest = bytes - (block);                                                       \
        for (int64_t i = 0; i < k; i++, from += row, to += bytes / sizeof(Type)) {                 \
            memcpy(to, from, block);                                                               \
            memcpy((char *)to + rest, (const char *)from + rest, block);                           \
        }                                                                                          \
        return;                                                                                    \
    }

#define GEMM_PACK(Type)                                                                            \
    static void GEMM(gemm_pack_rows_##Type)(int64_t k, int64_t width, const Type *from,            \
                                            int64_t row, Type *to)                                 \
    {                                                                                              \
        const int lanes = GEMM_BYTES / sizeof(Type);                                               \
        for (int64_t i = 0; i < k; i++, from += row, to += width) {                                \
            GEMM_OF_##Type v;                                                                      \
            for (int64_t j = 0; j + lanes < width; j += lanes) {                                   \
                memcpy(&v, from + j, sizeof v);                                                    \
                memcpy(to + j, &v, sizeof v);                                                      \
            }                                                                                      \
            memcpy(&v, from + width - lanes, sizeof v);                                            \
            memcpy(to + width - lanes, &v, sizeof v);                                              \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    /* Fewer elements than a vector: two copies, which may overlap. */                             \
    static void GEMM(gemm_pack_narrow_##Type)(int64_t k, size_t bytes, const Type *from,           \
                                              int64_t row, Type *to)                               \
    {                                                                                              \
        GEMM_NARROW(Type, 32) GEMM_NARROW(Type, 16) GEMM_NARROW(Type, 8) GEMM_NARROW(Type, 4)      \
    }                                                                                              \
                                                                                                   \
    static void GEMM(gemm_pack_plain_##Type)(int64_t k, int64_t width, const Type *from,           \
                                             int64_t row, int64_t column, Type *to,                \
                                             int64_t to_row)                                       \
    {                                                                                              \
        for (int64_t i = 0; i < k; i++)                                                            \
            for (int64_t j = 0; j < width; j++)                                                    \
                to[i * to_row + j] = from[i * row + j * column];                                   \
    }                                                                                              \
                                                                                                   \
    /* The last block ends with the columns, and overlaps the one before. */                       \
    static void GEMM(gemm_pack_columns_##Type)(int64_t k, int64_t width, const Type *from,         \
                                               int64_t column, Type *to)                           \
    {                                                                                              \
        const int deep = GEMM_TURN_DEEP_##Type, wide = GEMM_TURN_WIDE_##Type;                      \
        const int64_t whole = width < wide ? 0 : k / deep * deep;                                  \
        for (int64_t j = 0; whole && j < width; j += wide) {                                       \
            const int64_t at = j + wide < width ? j : width - wide;                                \
            for (int64_t i = 0; i < whole; i += deep)                                              \
                GEMM_TURN_##Type(from + at * column + i, column, to + i * width + at, width);      \
        }                                                                                          \
        GEMM(gemm_pack_plain_##Type)                                                               \
        (k - whole, width, from + whole, 1, column, to + whole * width, width);                    \
    }                                                                                              \
                                                                                                   \
    static void GEMM(gemm_pack_##Type)(int64_t k, int64_t width, const char *from, int64_t row,    \
                                       int64_t column, char *to)                                   \
    {                                                                                              \
        const Type *at = (const Type *)(const void *)from;                                         \
        Type *into = (Type *)(void *)to;                                                           \
        if (column == 1 && width >= (int64_t)(GEMM_BYTES / sizeof(Type)))                          \
            GEMM(gemm_pack_rows_##Type)(k, width, at, row, into);                                  \
        else if (column == 1)                                                                      \
            GEMM(gemm_pack_narrow_##Type)(k, (size_t)width * sizeof(Type), at, row, into);         \
        else if (row == 1)                                                                         \
            GEMM(gemm_pack_columns_##Type)(k, width, at, column, into);                            \
        else                                                                                       \
            GEMM(gemm_pack_plain_##Type)(k, width, at, row, column, into, width);                  \
    }

GEMM_PACK(float)
GEMM_PACK(double)

/* --- Table --- */

#define GEMM_ENTRY(Type, vectors, rows)                                                            \
    [vectors][(rows)-1] = GEMM(gemm_##Type##_##vectors##_##rows),

#define GEMM_KERNELS(Type, ...)                                                                    \
    {                                                                                              \
        .item = sizeof(Type), .lanes = GEMM_BYTES / sizeof(Type), .vectors = GEMM_VECTORS,         \
        .rows = GEMM_ROWS, .depth = GEMM_DEPTH, .deeper = GEMM_DEEPER,                             \
        .tile = {GEMM_EACH_TILE(GEMM_ENTRY, Type)}, .pack = GEMM(gemm_pack_##Type), __VA_ARGS__    \
    }

#define GEMM_ROWS_OF(name) GEMM(gemm_rows_of_##name)
#define GEMM_DOTS_OF(name) GEMM(gemm_dots_##name)

tp__gemm_table GEMM(tp__gemm_kernels) = {
    GEMM_KERNELS(float, .rows_of = GEMM_LINES_OF(GEMM_ROWS_OF),
                 .dots = GEMM_LINES_OF(GEMM_DOTS_OF)),
    GEMM_KERNELS(double, .rows_of = {GEMM_ROWS_OF(double)}, .dots = {GEMM_DOTS_OF(double)})};
