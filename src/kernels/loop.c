/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/loop.h"

#include <string.h>

/* --- Registers --- */

typedef uint32_t loop_four __attribute__((vector_size(16)));
typedef uint64_t loop_two __attribute__((vector_size(16)));

#define LOOP_MIX(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

TP_INLINE loop_four loop_load_uint32_t(const char *from)
{
    loop_four v;
    memcpy(&v, from, sizeof v);
    return v;
}

TP_INLINE void loop_store_uint32_t(char *to, loop_four v)
{
    memcpy(to, &v, sizeof v);
}

TP_INLINE loop_two loop_load_uint64_t(const char *from)
{
    loop_two v;
    memcpy(&v, from, sizeof v);
    return v;
}

TP_INLINE void loop_store_uint64_t(char *to, loop_two v)
{
    memcpy(to, &v, sizeof v);
}

/* --- Runs --- */

/* memcpy of a constant size is a single move, and may be used at any type. */
#define LOOP_COPY(bytes)                                                                           \
    case bytes:                                                                                    \
        for (int64_t i = 0; i < n; i++)                                                            \
            memcpy(to + i * to_step, from + i * step, bytes);                                      \
        break;

enum { LOOP_PIECE = 1024, LOOP_LINE = 64 };

/* One byte of each line of the cache. */
static void loop_read(const char *from, const char *to)
{
    char any = 0;
    for (; from < to; from += LOOP_LINE)
        any |= *from;
    __asm__ volatile("" : : "r"(any));
}

/* The last elements first, as many as fill registers; returns how many. Memory likes to be read
 * forwards: pieces are, before they are read backwards in the cache. */
static int64_t loop_copy_back(size_t item, int64_t n, const char *from, char *to)
{
    const int64_t width = (int64_t)item, some = 16 / width, whole = n / some * some;
    for (int64_t i = 0; i < whole; i += some) {
        const char *at = from - (i + some - 1) * width;
        if (i % LOOP_PIECE == 0)
            loop_read(from - ((whole - i < LOOP_PIECE ? whole : i + LOOP_PIECE) - 1) * width,
                      from - i * width);
        if (item == sizeof(uint32_t)) {
            const loop_four v = loop_load_uint32_t(at);
            loop_store_uint32_t(to + i * width, LOOP_MIX(v, v, 3, 2, 1, 0));
        } else {
            const loop_two v = loop_load_uint64_t(at);
            loop_store_uint64_t(to + i * width, LOOP_MIX(v, v, 1, 0));
        }
    }
    return whole;
}

void tp__copy_steps(size_t item, int64_t n, int64_t step, const char *from, int64_t to_step,
                    char *to)
{
    if (step == (int64_t)item && to_step == step) {
        memcpy(to, from, (size_t)n * item);
        return;
    }
    if (step == -(int64_t)item && to_step == (int64_t)item && item >= sizeof(uint32_t)) {
        const int64_t done = loop_copy_back(item, n, from, to);
        n -= done, from += done * step, to += done * to_step;
    }
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

/* --- Each element several times --- */

/* A register may reach beyond its row, into those that follow. */
#define LOOP_SPREAD(Type, Vector)                                                                  \
    static int64_t loop_spread_##Type(int64_t n, int64_t step, const char *from, int64_t times,    \
                                      char *to)                                                    \
    {                                                                                              \
        const int64_t some = 16 / (int64_t)sizeof(Type), reach = (times + some - 1) / some * some; \
        int64_t i = 0;                                                                             \
        for (; i * times + reach <= n * times; i++) {                                              \
            const Vector v = *(const Type *)(const void *)(from + i * step) - (Vector){0};         \
            char *const row = to + i * times * (int64_t)sizeof(Type);                              \
            for (int64_t k = 0; k < times; k += some)                                              \
                memcpy(row + k * (int64_t)sizeof(Type), &v, sizeof v);                             \
        }                                                                                          \
        return i;                                                                                  \
    }

LOOP_SPREAD(uint32_t, loop_four)
LOOP_SPREAD(uint64_t, loop_two)

/* Twice each, of elements that lie one after the other. */
static int64_t loop_spread_twice(size_t item, int64_t n, const char *from, char *to)
{
    const int64_t width = (int64_t)item, some = 16 / width, whole = n / some * some;
    for (int64_t i = 0; i < whole; i += some, from += 16, to += 32)
        if (item == sizeof(uint32_t)) {
            const loop_four v = loop_load_uint32_t(from);
            loop_store_uint32_t(to, LOOP_MIX(v, v, 0, 0, 1, 1));
            loop_store_uint32_t(to + 16, LOOP_MIX(v, v, 2, 2, 3, 3));
        } else {
            const loop_two v = loop_load_uint64_t(from);
            loop_store_uint64_t(to, LOOP_MIX(v, v, 0, 0));
            loop_store_uint64_t(to + 16, LOOP_MIX(v, v, 1, 1));
        }
    return whole;
}

void tp__copy_spread(size_t item, int64_t n, int64_t step, const char *from, int64_t times,
                     char *to)
{
    const int64_t row = times * (int64_t)item;
    const bool twice = times == 2 && step == (int64_t)item && item >= sizeof(uint32_t);
    int64_t i = twice                      ? loop_spread_twice(item, n, from, to)
                : item == sizeof(uint32_t) ? loop_spread_uint32_t(n, step, from, times, to)
                : item == sizeof(uint64_t) ? loop_spread_uint64_t(n, step, from, times, to)
                                           : 0;
    for (int64_t k = 0; k < times && i < n; k++)
        tp__copy_steps(item, n - i, step, from + i * step, row, to + i * row + k * (int64_t)item);
}

/* --- Rows as columns --- */

enum { LOOP_TILE = 16 };

/* Turns what fills a register of 16 bytes each way. */
TP_INLINE void loop_turn_uint32_t(const char *from, int64_t from_step, char *to, int64_t to_step)
{
    const loop_four v0 = loop_load_uint32_t(from), v1 = loop_load_uint32_t(from + from_step);
    const loop_four v2 = loop_load_uint32_t(from + 2 * from_step);
    const loop_four v3 = loop_load_uint32_t(from + 3 * from_step);
    const loop_four a = LOOP_MIX(v0, v1, 0, 4, 1, 5), b = LOOP_MIX(v2, v3, 0, 4, 1, 5);
    const loop_four c = LOOP_MIX(v0, v1, 2, 6, 3, 7), d = LOOP_MIX(v2, v3, 2, 6, 3, 7);
    loop_store_uint32_t(to, LOOP_MIX(a, b, 0, 1, 4, 5));
    loop_store_uint32_t(to + to_step, LOOP_MIX(a, b, 2, 3, 6, 7));
    loop_store_uint32_t(to + 2 * to_step, LOOP_MIX(c, d, 0, 1, 4, 5));
    loop_store_uint32_t(to + 3 * to_step, LOOP_MIX(c, d, 2, 3, 6, 7));
}

TP_INLINE void loop_turn_uint64_t(const char *from, int64_t from_step, char *to, int64_t to_step)
{
    const loop_two v0 = loop_load_uint64_t(from), v1 = loop_load_uint64_t(from + from_step);
    loop_store_uint64_t(to, LOOP_MIX(v0, v1, 0, 2));
    loop_store_uint64_t(to + to_step, LOOP_MIX(v0, v1, 1, 3));
}

/* A tile's lines of `from` are copied as a whole first where it is a full one: their distance may
 * be a power of two, and few of them then stay in the cache beside each other. At its edge a
 * register may begin in the one before. */
#define LOOP_TURN(Type)                                                                            \
    static void loop_turn_tile_##Type(int64_t rows, int64_t columns, const char *from,             \
                                      int64_t from_step, char *to, int64_t to_step)                \
    {                                                                                              \
        const int64_t item = sizeof(Type), some = 16 / item;                                       \
        Type tile[LOOP_TILE][LOOP_TILE];                                                           \
        if (rows == LOOP_TILE) {                                                                   \
            for (int64_t j = 0; j < columns; j++)                                                  \
                memcpy(tile[j], from + j * from_step, sizeof tile[j]);                             \
            from = (const char *)tile;                                                             \
            from_step = sizeof tile[0];                                                            \
        }                                                                                          \
        if (rows < some || columns < some) {                                                       \
            for (int64_t i = 0; i < rows; i++)                                                     \
                tp__copy_steps(sizeof(Type), columns, from_step, from + i * item, item,            \
                               to + i * to_step);                                                  \
            return;                                                                                \
        }                                                                                          \
        for (int64_t i = 0; i < rows; i += some) {                                                 \
            const int64_t row = i < rows - some ? i : rows - some;                                 \
            for (int64_t j = 0; j < columns; j += some) {                                          \
                const int64_t column = j < columns - some ? j : columns - some;                    \
                loop_turn_##Type(from + row * item + column * from_step, from_step,                \
                                 to + row * to_step + column * item, to_step);                     \
            }                                                                                      \
        }                                                                                          \
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
                bool more = i + tile <= rows && j + 3 * tile <= columns;                           \
                for (int64_t k = 0; k < tile && more; k++) {                                       \
                    __builtin_prefetch(a + (2 * tile + k) * from_step, 0, 2);                      \
                    __builtin_prefetch(b + k * to_step + 2 * tile * item, 1, 3);                   \
                }                                                                                  \
                loop_turn_tile_##Type(rows - i < tile ? rows - i : tile,                           \
                                      columns - j < tile ? columns - j : tile, a, from_step, b,    \
                                      to_step);                                                    \
            }                                                                                      \
    }

LOOP_TURN(uint32_t)
LOOP_TURN(uint64_t)

/* A few rows, which columns of a few elements lie close together for. Two or three rows of words
 * are turned with what follows in memory, the column behind them at most. */
#define LOOP_FEW(Type)                                                                             \
    static void loop_turn_few_##Type(int64_t rows, int64_t columns, const char *from,              \
                                     int64_t from_step, char *to, int64_t to_step)                 \
    {                                                                                              \
        const int64_t item = sizeof(Type), some = 16 / item;                                       \
        int64_t j = 0;                                                                             \
        for (; rows >= some && j + some <= columns; j += some) {                                   \
            const char *a = from + j * from_step;                                                  \
            char *b = to + j * item;                                                               \
            for (int64_t i = 0; i < rows - some; i += some)                                        \
                loop_turn_##Type(a + i * item, from_step, b + i * to_step, to_step);               \
            loop_turn_##Type(a + (rows - some) * item, from_step, b + (rows - some) * to_step,     \
                             to_step);                                                             \
        }                                                                                          \
        for (; rows < some && from_step >= 8 && j + some < columns; j += some) {                   \
            char tile[4 * 16];                                                                     \
            loop_turn_##Type(from + j * from_step, from_step, tile, 16);                           \
            for (int64_t i = 0; i < rows; i++)                                                     \
                memcpy(to + i * to_step + j * item, tile + i * 16, 16);                            \
        }                                                                                          \
        for (int64_t i = 0; i < rows && j < columns; i++)                                          \
            tp__copy_steps(sizeof(Type), columns - j, from_step, from + j * from_step + i * item,  \
                           item, to + i * to_step + j * item);                                     \
    }

LOOP_FEW(uint32_t)
LOOP_FEW(uint64_t)

bool tp__copy_turned(size_t item, int64_t rows, int64_t columns, const char *from,
                     int64_t from_step, char *to, int64_t to_step)
{
    if (item == sizeof(uint32_t) && rows < LOOP_TILE)
        loop_turn_few_uint32_t(rows, columns, from, from_step, to, to_step);
    else if (item == sizeof(uint64_t) && rows < LOOP_TILE)
        loop_turn_few_uint64_t(rows, columns, from, from_step, to, to_step);
    else if (item == sizeof(uint32_t))
        loop_turn_all_uint32_t(rows, columns, from, from_step, to, to_step);
    else if (item == sizeof(uint64_t))
        loop_turn_all_uint64_t(rows, columns, from, from_step, to, to_step);
    else
        return false;
    return true;
}
