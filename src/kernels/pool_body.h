/* SPDX-License-Identifier: MIT
 *
 * Pooling of windows of 2 × 2 (ops/pool.h), as conv_body.h for each instruction set.
 */
#include "ops/pool.h"

#if defined(__clang__)
#define POOL_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define POOL_LOOP _Pragma("GCC ivdep")
#else
#define POOL_LOOP
#endif

/* b takes the place of a. */
#define POOL_WINS(a, b) ((b) > (a) || (b) != (b))

#define POOL_QUADS(Type, Int)                                                                      \
    static void CONV(pool_largest_##Type)(int64_t n, const void *const line[2], void *to_)         \
    {                                                                                              \
        const Type *top = (const Type *)line[0], *low = (const Type *)line[1];                     \
        Type *to = (Type *)to_;                                                                    \
        POOL_LOOP                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = top[2 * i], b = top[2 * i + 1], c = low[2 * i], d = low[2 * i + 1];     \
            const Type upper = POOL_WINS(a, b) ? b : a, lower = POOL_WINS(c, d) ? d : c;           \
            to[i] = POOL_WINS(upper, lower) ? lower : upper;                                       \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void CONV(pool_spread_##Type)(int64_t n, const void *const line[2], const void *g_,     \
                                         void *const to[2])                                        \
    {                                                                                              \
        const Type *top = (const Type *)line[0], *low = (const Type *)line[1];                     \
        const Type *g = (const Type *)g_;                                                          \
        Type *to_top = (Type *)to[0], *to_low = (Type *)to[1];                                     \
        POOL_LOOP                                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = top[2 * i], b = top[2 * i + 1], c = low[2 * i], d = low[2 * i + 1];     \
            const Type upper = POOL_WINS(a, b) ? b : a, lower = POOL_WINS(c, d) ? d : c;           \
            const Int right = POOL_WINS(upper, lower) ? POOL_WINS(c, d) : POOL_WINS(a, b);         \
            const Int below = POOL_WINS(upper, lower);                                             \
            const Type at_left = right ? 0 : g[i], at_right = right ? g[i] : 0;                    \
            to_top[2 * i] = below ? 0 : at_left;                                                   \
            to_top[2 * i + 1] = below ? 0 : at_right;                                              \
            to_low[2 * i] = below ? at_left : 0;                                                   \
            to_low[2 * i + 1] = below ? at_right : 0;                                              \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static const tp__pool_kernels *CONV(pool_kernels_##Type)(void)                                 \
    {                                                                                              \
        static const tp__pool_kernels kernels = {CONV(pool_largest_##Type),                        \
                                                 CONV(pool_spread_##Type)};                        \
        return &kernels;                                                                           \
    }

POOL_QUADS(float, int32_t)
POOL_QUADS(double, int64_t)
