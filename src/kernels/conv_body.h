/* SPDX-License-Identifier: MIT
 *
 * The inner loops of convolutions (conv.h), written once and compiled for each instruction set
 * (conv_baseline.c, conv_avx2.c, conv_avx512.c), which define
 *     CONV(name)       name with the instruction set's suffix
 *     CONV_BYTES       of a register
 *     CONV_ROWS        of a tile: with three vectors each they fill the registers
 *     CONV_FMA_float(a, b, c), CONV_FMA_double(a, b, c)    a b + c
 *     CONV_HOLD(v)     keeps v in a register, where a compiler might read it again for each use
 *     CONV_AFTER(w, v) optional: reads through w only once v is computed, where a compiler might
 *                      read early and run out of registers
 *     CONV_ADD_float, CONV_ADD_double    optional: the functions of CONV_ADD below
 */
#include <string.h>

#include "kernels/conv.h"

typedef float CONV(floats) __attribute__((vector_size(CONV_BYTES)));
typedef double CONV(doubles) __attribute__((vector_size(CONV_BYTES)));
typedef int32_t CONV(ints) __attribute__((vector_size(CONV_BYTES)));

#define CONV_OF_float CONV(floats)
#define CONV_OF_double CONV(doubles)

#if defined(__clang__)
#define CONV_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define CONV_UNROLL _Pragma("GCC unroll 8")
#else
#define CONV_UNROLL
#endif

#if !defined(CONV_AFTER)
#define CONV_AFTER(w, v) (void)0
#endif

/* --- Tiles --- */

/* Sums in registers; the last elements of a strip, and rows that are not wanted, go by memory. */
#define CONV_TILE(Type)                                                                            \
    TP_INLINE void CONV(conv_sums_##Type)(const tp__conv_tile *t, const int rows,                  \
                                          const int vectors)                                       \
    {                                                                                              \
        const int lanes = CONV_BYTES / sizeof(Type);                                               \
        const Type *w = (const Type *)(const void *)t->w, *x = (const Type *)(const void *)t->x;   \
        const int64_t *offset = t->offset;                                                         \
        const Type *bias = (const Type *)(const void *)t->bias;                                    \
        CONV_OF_##Type sum[CONV_ROWS][TP__CONV_VECTORS];                                           \
        CONV_UNROLL                                                                                \
        for (int r = 0; r < rows; r++) {                                                           \
            CONV_UNROLL                                                                            \
            for (int v = 0; v < vectors; v++)                                                      \
                sum[r][v] = bias[r] - (CONV_OF_##Type){0};                                         \
        }                                                                                          \
        for (int64_t k = 0; k < t->depth; k++, w += rows) {                                        \
            const Type *from = x + offset[k];                                                      \
            CONV_OF_##Type b[TP__CONV_VECTORS];                                                    \
            CONV_UNROLL                                                                            \
            for (int v = 0; v < vectors; v++)                                                      \
                memcpy(&b[v], from + v * lanes, sizeof b[v]);                                      \
            CONV_UNROLL                                                                            \
            for (int r = 0; r < rows; r++) {                                                       \
                const CONV_OF_##Type a = w[r] - (CONV_OF_##Type){0};                               \
                CONV_UNROLL                                                                        \
                for (int v = 0; v < vectors; v++) {                                                \
                    sum[r][v] = CONV_FMA_##Type(a, b[v], sum[r][v]);                               \
                    CONV_AFTER(w, sum[r][v]);                                                      \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        Type *y = (Type *)(void *)t->y;                                                            \
        if (t->n_rows == rows && t->left >= vectors * lanes) {                                     \
            CONV_UNROLL                                                                            \
            for (int r = 0; r < rows; r++) {                                                       \
                CONV_UNROLL                                                                        \
                for (int v = 0; v < vectors; v++)                                                  \
                    memcpy(y + r * t->y_row + v * lanes, &sum[r][v], sizeof sum[r][v]);            \
            }                                                                                      \
            return;                                                                                \
        }                                                                                          \
        Type ends[CONV_ROWS][TP__CONV_VECTORS * CONV_BYTES / sizeof(Type)];                        \
        CONV_UNROLL                                                                                \
        for (int r = 0; r < rows; r++) {                                                           \
            CONV_UNROLL                                                                            \
            for (int v = 0; v < vectors; v++)                                                      \
                memcpy(&ends[r][v * lanes], &sum[r][v], sizeof sum[r][v]);                         \
        }                                                                                          \
        const int64_t n = t->left < vectors * lanes ? t->left : vectors * lanes;                   \
        for (int r = 0; r < t->n_rows; r++)                                                        \
            memcpy(y + r * t->y_row, ends[r], (size_t)n * sizeof(Type));                           \
    }                                                                                              \
                                                                                                   \
    static void CONV(conv_tile_##Type)(const tp__conv_tile *t)                                     \
    {                                                                                              \
        if (t->rows == CONV_ROWS && t->vectors == 3)                                               \
            CONV(conv_sums_##Type)(t, CONV_ROWS, 3);                                               \
        else if (t->rows == CONV_ROWS && t->vectors == 2)                                          \
            CONV(conv_sums_##Type)(t, CONV_ROWS, 2);                                               \
        else if (t->rows == CONV_ROWS)                                                             \
            CONV(conv_sums_##Type)(t, CONV_ROWS, 1);                                               \
        else if (CONV_ROWS / 2 > TP__CONV_LEAST_ROWS && t->rows == CONV_ROWS / 2)                  \
            CONV(conv_sums_##Type)(t, CONV_ROWS / 2, TP__CONV_VECTORS);                            \
        else                                                                                       \
            CONV(conv_sums_##Type)(t, TP__CONV_LEAST_ROWS, TP__CONV_VECTORS);                      \
    }

CONV_TILE(float)
CONV_TILE(double)

/* --- Dot products --- */

/* Adds the sum of each register's lanes to one element. */
#define CONV_ADD(Type)                                                                             \
    static void CONV(conv_add_##Type)(Type * to, const CONV_OF_##Type *v)                          \
    {                                                                                              \
        for (int r = 0; r < CONV_ROWS; r++) {                                                      \
            Type lane[CONV_BYTES / sizeof(Type)];                                                  \
            memcpy(lane, &v[r], sizeof lane);                                                      \
            for (size_t n = CONV_BYTES / sizeof(Type) / 2; n > 0; n /= 2)                          \
                for (size_t i = 0; i < n; i++)                                                     \
                    lane[i] += lane[i + n];                                                        \
            to[r] += lane[0];                                                                      \
        }                                                                                          \
    }

#if defined(CONV_ADD_float)
CONV_ADD_float CONV_ADD_double
#else
CONV_ADD(float)
CONV_ADD(double)
#endif

#define CONV_DOTS(Type)                                                                            \
    static void CONV(conv_dots_##Type)(const tp__conv_dots *d)                                     \
    {                                                                                              \
        const int lanes = CONV_BYTES / sizeof(Type);                                               \
        CONV_OF_##Type sum[CONV_ROWS][TP__CONV_VECTORS] = {{{0}}};                                 \
        for (int64_t unit = 0; unit < d->units; unit++) {                                          \
            const Type *y = (const Type *)(const void *)d->y + unit * d->y_unit;                   \
            const Type *x = (const Type *)(const void *)d->x + unit * d->x_unit;                   \
            const Type *keep = (const Type *)(const void *)d->keep;                                \
            const Type *from[TP__CONV_VECTORS];                                                    \
            for (int j = 0; j < TP__CONV_VECTORS; j++)                                             \
                from[j] = x + d->offset[j];                                                        \
            for (int64_t i = 0; i < d->vectors * lanes; i += lanes) {                              \
                CONV(ints) kept, b[TP__CONV_VECTORS];                                              \
                memcpy(&kept, keep + i, sizeof kept);                                              \
                CONV_UNROLL                                                                        \
                for (int j = 0; j < TP__CONV_VECTORS; j++) {                                       \
                    memcpy(&b[j], from[j] + i, sizeof b[j]);                                       \
                    b[j] &= kept;                                                                  \
                }                                                                                  \
                CONV_UNROLL                                                                        \
                for (int r = 0; r < CONV_ROWS; r++) {                                              \
                    CONV_OF_##Type a;                                                              \
                    memcpy(&a, y + r * d->y_row + i, sizeof a);                                    \
                    CONV_HOLD(a);                                                                  \
                    CONV_UNROLL                                                                    \
                    for (int j = 0; j < TP__CONV_VECTORS; j++)                                     \
                        sum[r][j] = CONV_FMA_##Type(a, (CONV_OF_##Type)b[j], sum[r][j]);           \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        CONV_UNROLL                                                                                \
        for (int j = 0; j < TP__CONV_VECTORS; j++) {                                               \
            CONV_OF_##Type column[CONV_ROWS];                                                      \
            CONV_UNROLL                                                                            \
            for (int r = 0; r < CONV_ROWS; r++)                                                    \
                column[r] = sum[r][j];                                                             \
            CONV(conv_add_##Type)((Type *)(void *)d->sum + j * CONV_ROWS, column);                 \
        }                                                                                          \
    }

CONV_DOTS(float) CONV_DOTS(double)

/* --- Copies --- */

/* Blocks of a constant size, the last one of which ends with the line. */
#define CONV_LINES(block)                                                                          \
    if (bytes >= (block)) {                                                                        \
        for (int64_t i = 0; i < n; i++, from += from_step, to += to_step) {                        \
            for (size_t at = 0; at + (block) < bytes; at += (block))                               \
                memcpy(to + at, from + at, block);                                                 \
            memcpy(to + bytes - (block), from + bytes - (block), block);                           \
        }                                                                                          \
        return;                                                                                    \
    }

    static void CONV(conv_lines)(int64_t n, size_t bytes, const char *from, int64_t from_step,
                                 char *to, int64_t to_step){
        CONV_LINES(64) CONV_LINES(32) CONV_LINES(16) CONV_LINES(8) CONV_LINES(4)}

/* --- Table --- */

#include "kernels/pool_body.h"

#define CONV_KERNELS(Type, cost_)                                                                  \
    {                                                                                              \
        .item = sizeof(Type), .rows = CONV_ROWS, .lanes = CONV_BYTES / sizeof(Type),               \
        .cost = cost_, .tile = CONV(conv_tile_##Type), .dots = CONV(conv_dots_##Type),             \
        .lines = CONV(conv_lines)                                                                  \
    }

tp__conv_table CONV(tp__conv) = {CONV_KERNELS(float, 1.0 / CONV_BYTES),
                                 CONV_KERNELS(double, 2.0 / CONV_BYTES)};
tp__pool_table CONV(tp__pool) = {{CONV(pool_largest_float), CONV(pool_spread_float)},
                                 {CONV(pool_largest_double), CONV(pool_spread_double)}};
