/* SPDX-License-Identifier: MIT
 *
 * Pooling of windows of 2 × 2 (pool.h), as conv_body.h for each instruction set.
 */
#include "kernels/pool.h"

#if defined(__clang__)
#define POOL_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define POOL_LOOP _Pragma("GCC ivdep")
#else
#define POOL_LOOP
#endif

/* r: the larger of a and b, the first of equals; NaN wins. In two choices, not one of a
 * disjunction, which gcc 12 does not vectorise. */
#define POOL_LARGER(Type, r, a, b)                                                                 \
    const Type r##_number = (b) > (a) ? (b) : (a);                                                 \
    const Type r = (b) != (b) ? (b) : r##_number

#define POOL_WINS(a, b) (((b) > (a) ? -1 : 0) | ((b) != (b) ? -1 : 0))

/* Windows from number i on, of two lines. */
#define POOL_QUADS(Type, Int)                                                                      \
    TP_INLINE void CONV(pool_largest_some_##Type)(                                                 \
        int64_t i, const int count, const Type *restrict top, const Type *restrict low,            \
        const Type *restrict g, Type *restrict to, Type *restrict unused)                          \
    {                                                                                              \
        (void)g, (void)unused;                                                                     \
        POOL_LOOP                                                                                  \
        for (int64_t j = i; j < i + count; j++) {                                                  \
            const Type a = top[2 * j], b = top[2 * j + 1], c = low[2 * j], d = low[2 * j + 1];     \
            POOL_LARGER(Type, upper, a, b);                                                        \
            POOL_LARGER(Type, lower, c, d);                                                        \
            POOL_LARGER(Type, both, upper, lower);                                                 \
            to[j] = both;                                                                          \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_spread_some_##Type)(                                                  \
        int64_t i, const int count, const Type *restrict top, const Type *restrict low,            \
        const Type *restrict g, Type *restrict to_top, Type *restrict to_low)                      \
    {                                                                                              \
        POOL_LOOP                                                                                  \
        for (int64_t j = i; j < i + count; j++) {                                                  \
            const Type a = top[2 * j], b = top[2 * j + 1], c = low[2 * j], d = low[2 * j + 1];     \
            POOL_LARGER(Type, upper, a, b);                                                        \
            POOL_LARGER(Type, lower, c, d);                                                        \
            const Int right_above = POOL_WINS(a, b), right_below = POOL_WINS(c, d);                \
            const Int is_below = POOL_WINS(upper, lower);                                          \
            const Type above = is_below ? 0 : g[j], below = is_below ? g[j] : 0;                   \
            to_top[2 * j] = right_above ? 0 : above;                                               \
            to_top[2 * j + 1] = right_above ? above : 0;                                           \
            to_low[2 * j] = right_below ? 0 : below;                                               \
            to_low[2 * j + 1] = right_below ? below : 0;                                           \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    POOL_LINES(largest, Type)                                                                      \
    POOL_LINES(spread, Type)

/* Windows in blocks of a constant size of at most two vectors, the last one of which begins where
 * it ends with the line. */
#define POOL_BLOCKS(Type, function, count)                                                         \
    if (n >= (count) && ((count) == 1 || (count) * sizeof(Type) <= 2 * CONV_BYTES)) {              \
        for (int64_t i = 0; i + (count) <= n; i += (count))                                        \
            function(i, count, line[0], line[1], g, to[0], to[1]);                                 \
        if (n % (count))                                                                           \
            function(n - (count), count, line[0], line[1], g, to[0], to[1]);                       \
        return;                                                                                    \
    }

#define POOL_LINES(name, Type)                                                                     \
    static void CONV(pool_##name##_##Type)(int64_t n, const void *const line[2], const void *g,    \
                                           void *const to[2])                                      \
    {                                                                                              \
        POOL_BLOCKS(Type, CONV(pool_##name##_some_##Type), 16)                                     \
        POOL_BLOCKS(Type, CONV(pool_##name##_some_##Type), 8)                                      \
        POOL_BLOCKS(Type, CONV(pool_##name##_some_##Type), 4)                                      \
        POOL_BLOCKS(Type, CONV(pool_##name##_some_##Type), 1)                                      \
    }

POOL_QUADS(float, int32_t)
POOL_QUADS(double, int64_t)
