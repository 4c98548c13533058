/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/loop.h"

#include <string.h>

/* memcpy of a constant size is a single move, and may be used at any type. */
#define LOOP_COPY(bytes)                                                                           \
    case bytes:                                                                                    \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(to + i * to_step, from + i * step, bytes);                                      \
        break;

void tp__copy_steps(size_t item, int64_t n, int64_t step, const char *from, int64_t to_step,
                    char *to)
{
    if (step == (int64_t)item && to_step == step)
        memcpy(to, from, (size_t)n * item);
    else
        switch (item) {
            LOOP_COPY(1)
            LOOP_COPY(2)
            LOOP_COPY(4)
            LOOP_COPY(8)
        }
}

void tp__copy_run(size_t item, int64_t n, int64_t step, const char *from, char *to)
{
    tp__copy_steps(item, n, n == 1 ? (int64_t)item : step, from, (int64_t)item, to);
}

/* --- Rows as columns --- */

enum { LOOP_TILE = 16 };

/* A tile's lines of from are read as a whole, and so are its lines of to written: where their
 * distance is a power of two, few of them stay in the cache beside each other. */
#define LOOP_TURN(Type)                                                                            \
    TP_INLINE void loop_turn_##Type(int64_t rows, int64_t columns, const char *from,               \
                                    int64_t from_step, char *to, int64_t to_step)                  \
    {                                                                                              \
        Type tile[LOOP_TILE][LOOP_TILE];                                                           \
        for (int64_t j = 0; j < columns; j++)                                                      \
            memcpy(tile[j], from + j * from_step, (size_t)rows * sizeof(Type));                    \
        for (int64_t i = 0; i < rows; i++, to += to_step)                                          \
            for (int64_t j = 0; j < columns; j++)                                                  \
                memcpy(to + j * (int64_t)sizeof(Type), &tile[j][i], sizeof(Type));                 \
    }                                                                                              \
                                                                                                   \
    static void loop_turn_all_##Type(int64_t rows, int64_t columns, const char *from,              \
                                     int64_t from_step, char *to, int64_t to_step)                 \
    {                                                                                              \
        const int64_t item = sizeof(Type), tile = LOOP_TILE;                                       \
        for (int64_t i = 0; i < rows; i += tile)                                                   \
            for (int64_t j = 0; j < columns; j += tile) {                                          \
                const char *a = from + i * item + j * from_step;                                   \
                char *b = to + i * to_step + j * item;                                             \
                for (int64_t k = 0; k < tile && j + 4 * tile <= columns; k++)                      \
                    __builtin_prefetch(a + (3 * tile + k) * from_step, 0, 2);                      \
                if (i + tile <= rows && j + tile <= columns)                                       \
                    loop_turn_##Type(tile, tile, a, from_step, b, to_step);                        \
                else                                                                               \
                    loop_turn_##Type(rows - i < tile ? rows - i : tile,                            \
                                     columns - j < tile ? columns - j : tile, a, from_step, b,     \
                                     to_step);                                                     \
            }                                                                                      \
    }

LOOP_TURN(uint32_t)
LOOP_TURN(uint64_t)

bool tp__copy_turned(size_t item, int64_t rows, int64_t columns, const char *from,
                     int64_t from_step, char *to, int64_t to_step)
{
    if (item == sizeof(uint32_t))
        loop_turn_all_uint32_t(rows, columns, from, from_step, to, to_step);
    else if (item == sizeof(uint64_t))
        loop_turn_all_uint64_t(rows, columns, from, from_step, to, to_step);
    else
        return false;
    return true;
}
