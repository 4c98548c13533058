/* SPDX-License-Identifier: MIT
 *
 * Pooling of windows of 2 × 2 (ops/pool.h), as conv_body.h for each instruction set. A vector holds
 * neighbouring windows; lines of fewer windows than a register has elements take shorter vectors.
 */
#include "ops/pool.h"

#if defined(__clang__) || __GNUC__ >= 12
#define POOL_SHUFFLE(Mask, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define POOL_SHUFFLE(Mask, a, b, ...) __builtin_shuffle(a, b, (Mask){__VA_ARGS__})
#endif

/* Every other one of two vectors' elements, from number f on. */
#define POOL_EVERY_2(f) f, f + 2
#define POOL_EVERY_4(f) POOL_EVERY_2(f), POOL_EVERY_2(f + 4)
#define POOL_EVERY_8(f) POOL_EVERY_4(f), POOL_EVERY_4(f + 8)
#define POOL_EVERY_16(f) POOL_EVERY_8(f), POOL_EVERY_8(f + 16)

/* Elements from number f on of two vectors of n, in turns. */
#define POOL_TURNS_2(f, n) f, f + n
#define POOL_TURNS_4(f, n) POOL_TURNS_2(f, n), POOL_TURNS_2(f + 1, n)
#define POOL_TURNS_8(f, n) POOL_TURNS_4(f, n), POOL_TURNS_4(f + 2, n)
#define POOL_TURNS_16(f, n) POOL_TURNS_8(f, n), POOL_TURNS_8(f + 4, n)

/* Where b is larger than a; the first of equals wins, and NaN. */
#define POOL_WINS(a, b) (((b) > (a)) | ((b) != (b)))
#define POOL_CHOOSE(Vector, Mask, mask, a, b)                                                      \
    ((Vector)(((mask) & (Mask)(a)) | (~(mask) & (Mask)(b))))

/* n windows from number i on, of two lines. */
#define POOL_VECTORS(Type, Int, n)                                                                 \
    typedef Type CONV(pool_##Type##n) __attribute__((vector_size(n * sizeof(Type))));              \
    typedef Int CONV(pool_mask_##Type##n) __attribute__((vector_size(n * sizeof(Type))));          \
                                                                                                   \
    typedef struct CONV(pool_windows_##Type##n) {                                                  \
        CONV(pool_##Type##n) upper, lower;                /* larger ones of each line */           \
        CONV(pool_mask_##Type##n) above, below, is_lower; /* the right one wins; the lower line */ \
    } CONV(pool_windows_##Type##n);                                                                \
                                                                                                   \
    TP_INLINE void CONV(pool_read_##Type##n)(const Type *line, CONV(pool_##Type##n) * larger,      \
                                             CONV(pool_mask_##Type##n) * right)                    \
    {                                                                                              \
        typedef CONV(pool_mask_##Type##n) mask;                                                    \
        CONV(pool_##Type##n) v[2];                                                                 \
        memcpy(v, line, sizeof v);                                                                 \
        const CONV(pool_##Type##n) a = POOL_SHUFFLE(mask, v[0], v[1], POOL_EVERY_##n(0));          \
        const CONV(pool_##Type##n) b = POOL_SHUFFLE(mask, v[0], v[1], POOL_EVERY_##n(1));          \
        *right = (mask)POOL_WINS(a, b);                                                            \
        *larger = POOL_CHOOSE(CONV(pool_##Type##n), mask, *right, b, a);                           \
    }                                                                                              \
                                                                                                   \
    TP_INLINE CONV(pool_windows_##Type##n)                                                         \
        CONV(pool_compare_##Type##n)(const Type *top, const Type *low)                             \
    {                                                                                              \
        CONV(pool_windows_##Type##n) w;                                                            \
        CONV(pool_read_##Type##n)(top, &w.upper, &w.above);                                        \
        CONV(pool_read_##Type##n)(low, &w.lower, &w.below);                                        \
        w.is_lower = (CONV(pool_mask_##Type##n))POOL_WINS(w.upper, w.lower);                       \
        return w;                                                                                  \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_largest_##Type##n)(int64_t i, const Type *top, const Type *low,       \
                                                const Type *g, Type *to, Type *unused)             \
    {                                                                                              \
        (void)g, (void)unused;                                                                     \
        const CONV(pool_windows_##Type##n) w =                                                     \
            CONV(pool_compare_##Type##n)(top + 2 * i, low + 2 * i);                                \
        const CONV(pool_##Type##n) largest = POOL_CHOOSE(                                          \
            CONV(pool_##Type##n), CONV(pool_mask_##Type##n), w.is_lower, w.lower, w.upper);        \
        memcpy(to + i, &largest, sizeof largest);                                                  \
    }                                                                                              \
                                                                                                   \
    /* g, as bits, in the left or the right element of each pair. */                               \
    TP_INLINE void CONV(pool_write_##Type##n)(CONV(pool_mask_##Type##n) g,                         \
                                              CONV(pool_mask_##Type##n) right, Type * to)          \
    {                                                                                              \
        typedef CONV(pool_mask_##Type##n) mask;                                                    \
        const mask a = g & ~right, b = g & right;                                                  \
        const mask v[2] = {POOL_SHUFFLE(mask, a, b, POOL_TURNS_##n(0, n)),                         \
                           POOL_SHUFFLE(mask, a, b, POOL_TURNS_##n(n / 2, n))};                    \
        memcpy(to, v, sizeof v);                                                                   \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_spread_##Type##n)(int64_t i, const Type *top, const Type *low,        \
                                               const Type *from, Type *to_top, Type *to_low)       \
    {                                                                                              \
        CONV(pool_mask_##Type##n) g;                                                               \
        const CONV(pool_windows_##Type##n) w =                                                     \
            CONV(pool_compare_##Type##n)(top + 2 * i, low + 2 * i);                                \
        memcpy(&g, from + i, sizeof g);                                                            \
        CONV(pool_write_##Type##n)(g & ~w.is_lower, w.above, to_top + 2 * i);                      \
        CONV(pool_write_##Type##n)(g & w.is_lower, w.below, to_low + 2 * i);                       \
    }

#define POOL_SINGLE(Type)                                                                          \
    TP_INLINE void CONV(pool_largest_##Type##1)(int64_t i, const Type *top, const Type *low,       \
                                                const Type *g, Type *to, Type *unused)             \
    {                                                                                              \
        (void)g, (void)unused;                                                                     \
        const Type a = top[2 * i], b = top[2 * i + 1], c = low[2 * i], d = low[2 * i + 1];         \
        const Type upper = POOL_WINS(a, b) ? b : a, lower = POOL_WINS(c, d) ? d : c;               \
        to[i] = POOL_WINS(upper, lower) ? lower : upper;                                           \
    }                                                                                              \
                                                                                                   \
    TP_INLINE void CONV(pool_spread_##Type##1)(int64_t i, const Type *top, const Type *low,        \
                                               const Type *g, Type *to_top, Type *to_low)          \
    {                                                                                              \
        const Type a = top[2 * i], b = top[2 * i + 1], c = low[2 * i], d = low[2 * i + 1];         \
        const bool above = POOL_WINS(a, b), below = POOL_WINS(c, d);                               \
        const bool is_lower = POOL_WINS(above ? b : a, below ? d : c);                             \
        to_top[2 * i] = to_top[2 * i + 1] = to_low[2 * i] = to_low[2 * i + 1] = 0;                 \
        *((is_lower ? to_low + below : to_top + above) + 2 * i) = g[i];                            \
    }

/* Windows in vectors, the last one of which begins where it ends with the line. */
#define POOL_BLOCKS(function, count)                                                               \
    if (n >= (count)) {                                                                            \
        for (int64_t i = 0; i + (count) <= n; i += (count))                                        \
            function(i, line[0], line[1], g, to[0], to[1]);                                        \
        if (n % (count))                                                                           \
            function(n - (count), line[0], line[1], g, to[0], to[1]);                              \
        return;                                                                                    \
    }

#define POOL_LINES(name, Type, BLOCKS)                                                             \
    static void CONV(pool_##name##_##Type)(int64_t n, const void *const line[2], const void *g,    \
                                           void *const to[2])                                      \
    {                                                                                              \
        BLOCKS(name, Type)                                                                         \
        POOL_BLOCKS(CONV(pool_##name##_##Type##1), 1)                                              \
    }

#define POOL_KERNELS(Type, BLOCKS)                                                                 \
    POOL_SINGLE(Type)                                                                              \
    POOL_LINES(largest, Type, BLOCKS)                                                              \
    POOL_LINES(spread, Type, BLOCKS)                                                               \
                                                                                                   \
    static const tp__pool_kernels *CONV(pool_kernels_##Type)(void)                                 \
    {                                                                                              \
        static const tp__pool_kernels kernels = {CONV(pool_largest_##Type),                        \
                                                 CONV(pool_spread_##Type)};                        \
        return &kernels;                                                                           \
    }

POOL_VECTORS(float, int32_t, 4)
POOL_VECTORS(double, int64_t, 2)
#define POOL_SHORT_float(name, Type) POOL_BLOCKS(CONV(pool_##name##_##Type##4), 4)
#define POOL_SHORT_double(name, Type) POOL_BLOCKS(CONV(pool_##name##_##Type##2), 2)
#if CONV_BYTES >= 32
POOL_VECTORS(float, int32_t, 8)
POOL_VECTORS(double, int64_t, 4)
#define POOL_MIDDLE_float(name, Type)                                                              \
    POOL_BLOCKS(CONV(pool_##name##_##Type##8), 8)                                                  \
    POOL_SHORT_float(name, Type)
#define POOL_MIDDLE_double(name, Type)                                                             \
    POOL_BLOCKS(CONV(pool_##name##_##Type##4), 4)                                                  \
    POOL_SHORT_double(name, Type)
#endif
#if CONV_BYTES >= 64
POOL_VECTORS(float, int32_t, 16)
POOL_VECTORS(double, int64_t, 8)
#define POOL_LONG_float(name, Type)                                                                \
    POOL_BLOCKS(CONV(pool_##name##_##Type##16), 16)                                                \
    POOL_MIDDLE_float(name, Type)
#define POOL_LONG_double(name, Type)                                                               \
    POOL_BLOCKS(CONV(pool_##name##_##Type##8), 8)                                                  \
    POOL_MIDDLE_double(name, Type)
POOL_KERNELS(float, POOL_LONG_float)
POOL_KERNELS(double, POOL_LONG_double)
#elif CONV_BYTES >= 32
POOL_KERNELS(float, POOL_MIDDLE_float)
POOL_KERNELS(double, POOL_MIDDLE_double)
#else
POOL_KERNELS(float, POOL_SHORT_float)
POOL_KERNELS(double, POOL_SHORT_double)
#endif
