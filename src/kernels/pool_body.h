/* SPDX-License-Identifier: MIT
 *
 * Pooling of windows of 2 × 2 (pool.h), for each instruction set as conv_body.h, in vectors: of two
 * lines the even and the odd elements, so that a window is one lane of four vectors. Lines of fewer
 * windows than a register has lanes go in shorter vectors, single windows in scalars.
 */
#include "kernels/pool.h"

#define POOL_EVEN_2 0, 2
#define POOL_EVEN_4 POOL_EVEN_2, 4, 6
#define POOL_EVEN_8 POOL_EVEN_4, 8, 10, 12, 14
#define POOL_EVEN_16 POOL_EVEN_8, 16, 18, 20, 22, 24, 26, 28, 30
#define POOL_ODD_2 1, 3
#define POOL_ODD_4 POOL_ODD_2, 5, 7
#define POOL_ODD_8 POOL_ODD_4, 9, 11, 13, 15
#define POOL_ODD_16 POOL_ODD_8, 17, 19, 21, 23, 25, 27, 29, 31
#define POOL_FIRST_2 0, 2
#define POOL_FIRST_4 0, 4, 1, 5
#define POOL_FIRST_8 0, 8, 1, 9, 2, 10, 3, 11
#define POOL_FIRST_16 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define POOL_LAST_2 1, 3
#define POOL_LAST_4 2, 6, 3, 7
#define POOL_LAST_8 4, 12, 5, 13, 6, 14, 7, 15
#define POOL_LAST_16 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31

/* All bits where b is taken for the larger of a and b, which is the first of equals, or NaN. */
#define POOL_WINS(a, b) (((b) > (a)) | ((b) != (b)))
#define POOL_CHOOSE(V, I, which, a, b) (V)(((I)(b) & (which)) | ((I)(a) & ~(which)))

/* `lanes` windows of two lines, from number i on. */
#define POOL_VECTORS(Type, Int, lanes)                                                             \
    typedef Type CONV(pool_##Type##lanes) __attribute__((vector_size(lanes * sizeof(Type))));      \
    typedef Int CONV(pool_mask_##Type##lanes) __attribute__((vector_size(lanes * sizeof(Type))));  \
                                                                                                   \
    /* Even and odd elements of a line, and the larger ones; returns where these are odd. */       \
    TP_INLINE CONV(pool_mask_##Type##lanes)                                                        \
        CONV(pool_pairs_##Type##lanes)(const Type *line, CONV(pool_##Type##lanes) * larger)        \
    {                                                                                              \
        typedef CONV(pool_##Type##lanes) V;                                                        \
        typedef CONV(pool_mask_##Type##lanes) I;                                                   \
        V a, b;                                                                                    \
        memcpy(&a, line, sizeof a);                                                                \
        memcpy(&b, line + lanes, sizeof b);                                                        \
        const V even = __builtin_shufflevector(a, b, POOL_EVEN_##lanes);                           \
        const V odd = __builtin_shufflevector(a, b, POOL_ODD_##lanes);                             \
        const I wins = POOL_WINS(even, odd);                                                       \
        *larger = POOL_CHOOSE(V, I, wins, even, odd);                                              \
        return wins;                                                                               \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_largest_##Type##lanes)(int64_t i, const Type *top, const Type *low,   \
                                                    const Type *g, Type *to, Type *unused)         \
    {                                                                                              \
        typedef CONV(pool_##Type##lanes) V;                                                        \
        typedef CONV(pool_mask_##Type##lanes) I;                                                   \
        (void)g, (void)unused;                                                                     \
        V upper, lower;                                                                            \
        (void)CONV(pool_pairs_##Type##lanes)(top + 2 * i, &upper);                                 \
        (void)CONV(pool_pairs_##Type##lanes)(low + 2 * i, &lower);                                 \
        const I wins = POOL_WINS(upper, lower);                                                    \
        const V both = POOL_CHOOSE(V, I, wins, upper, lower);                                      \
        memcpy(to + i, &both, sizeof both);                                                        \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_put_##Type##lanes)(CONV(pool_##Type##lanes) g,                        \
                                                CONV(pool_mask_##Type##lanes) odd, Type * to)      \
    {                                                                                              \
        typedef CONV(pool_##Type##lanes) V;                                                        \
        typedef CONV(pool_mask_##Type##lanes) I;                                                   \
        const V even = (V)((I)g & ~odd), other = (V)((I)g & odd);                                  \
        const V first = __builtin_shufflevector(even, other, POOL_FIRST_##lanes);                  \
        const V last = __builtin_shufflevector(even, other, POOL_LAST_##lanes);                    \
        memcpy(to, &first, sizeof first);                                                          \
        memcpy(to + lanes, &last, sizeof last);                                                    \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_spread_##Type##lanes)(int64_t i, const Type *top, const Type *low,    \
                                                   const Type *g, Type *to_top, Type *to_low)      \
    {                                                                                              \
        typedef CONV(pool_##Type##lanes) V;                                                        \
        typedef CONV(pool_mask_##Type##lanes) I;                                                   \
        V upper, lower, from;                                                                      \
        const I odd_above = CONV(pool_pairs_##Type##lanes)(top + 2 * i, &upper);                   \
        const I odd_below = CONV(pool_pairs_##Type##lanes)(low + 2 * i, &lower);                   \
        const I below = POOL_WINS(upper, lower);                                                   \
        memcpy(&from, g + i, sizeof from);                                                         \
        CONV(pool_put_##Type##lanes)((V)((I)from & ~below), odd_above, to_top + 2 * i);            \
        CONV(pool_put_##Type##lanes)((V)((I)from & below), odd_below, to_low + 2 * i);             \
    }

/* --- One window --- */

#define POOL_LARGER(Type, r, a, b) const Type r = POOL_WINS(a, b) ? (b) : (a)

#define POOL_ONE(Type)                                                                             \
    TP_INLINE void CONV(pool_largest_##Type##1)(int64_t i, const Type *top, const Type *low,       \
                                                const Type *g, Type *to, Type *unused)             \
    {                                                                                              \
        (void)g, (void)unused;                                                                     \
        POOL_LARGER(Type, upper, top[2 * i], top[2 * i + 1]);                                      \
        POOL_LARGER(Type, lower, low[2 * i], low[2 * i + 1]);                                      \
        to[i] = POOL_WINS(upper, lower) ? lower : upper;                                           \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_spread_##Type##1)(int64_t i, const Type *top, const Type *low,        \
                                               const Type *g, Type *to_top, Type *to_low)          \
    {                                                                                              \
        POOL_LARGER(Type, upper, top[2 * i], top[2 * i + 1]);                                      \
        POOL_LARGER(Type, lower, low[2 * i], low[2 * i + 1]);                                      \
        const bool below = POOL_WINS(upper, lower),                                                \
                   odd_above = POOL_WINS(top[2 * i], top[2 * i + 1]),                              \
                   odd_below = POOL_WINS(low[2 * i], low[2 * i + 1]);                              \
        to_top[2 * i] = below || odd_above ? 0 : g[i];                                             \
        to_top[2 * i + 1] = !below && odd_above ? g[i] : 0;                                        \
        to_low[2 * i] = below && !odd_below ? g[i] : 0;                                            \
        to_low[2 * i + 1] = below && odd_below ? g[i] : 0;                                         \
    }

/* --- Lines --- */

/* Windows in blocks, the last one of which begins where it ends with the line. */
#define POOL_BLOCKS(name, Type, lanes)                                                             \
    if (n >= (lanes)) {                                                                            \
        for (int64_t i = 0; i + (lanes) <= n; i += (lanes))                                        \
            CONV(pool_##name##_##Type##lanes)(i, line[0], line[1], g, to[0], to[1]);               \
        if (n % (lanes))                                                                           \
            CONV(pool_##name##_##Type##lanes)(n - (lanes), line[0], line[1], g, to[0], to[1]);     \
        return;                                                                                    \
    }

#define POOL_LINES(name, Type, BLOCKS)                                                             \
    static void CONV(pool_##name##_##Type)(int64_t n, const void *const line[2], const void *g,    \
                                           void *const to[2])                                      \
    {                                                                                              \
        BLOCKS(name, Type)                                                                         \
        POOL_BLOCKS(name, Type, 1)                                                                 \
    }

#if CONV_BYTES >= 64
POOL_VECTORS(float, int32_t, 16)
POOL_VECTORS(double, int64_t, 8)
#define POOL_WIDEST_float(name, Type) POOL_BLOCKS(name, Type, 16)
#define POOL_WIDEST_double(name, Type) POOL_BLOCKS(name, Type, 8)
#else
#define POOL_WIDEST_float(name, Type)
#define POOL_WIDEST_double(name, Type)
#endif
#if CONV_BYTES >= 32
POOL_VECTORS(float, int32_t, 8)
POOL_VECTORS(double, int64_t, 4)
#define POOL_WIDE_float(name, Type) POOL_WIDEST_float(name, Type) POOL_BLOCKS(name, Type, 8)
#define POOL_WIDE_double(name, Type) POOL_WIDEST_double(name, Type) POOL_BLOCKS(name, Type, 4)
#else
#define POOL_WIDE_float(name, Type)
#define POOL_WIDE_double(name, Type)
#endif
POOL_VECTORS(float, int32_t, 4)
POOL_VECTORS(double, int64_t, 2)
#define POOL_BLOCKS_float(name, Type) POOL_WIDE_float(name, Type) POOL_BLOCKS(name, Type, 4)
#define POOL_BLOCKS_double(name, Type) POOL_WIDE_double(name, Type) POOL_BLOCKS(name, Type, 2)

POOL_ONE(float)
POOL_ONE(double)
POOL_LINES(largest, float, POOL_BLOCKS_float)
POOL_LINES(spread, float, POOL_BLOCKS_float)
POOL_LINES(largest, double, POOL_BLOCKS_double)
POOL_LINES(spread, double, POOL_BLOCKS_double)
