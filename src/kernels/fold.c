/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/fold.h"

#include <string.h>

#include "base/settings.h"

enum { FOLD_STEP = 16, FOLD_BEST = 32 };

/* --- Integers --- */

#define FOLD_INTEGERS(name, Type, expression)                                                      \
    static int64_t fold_##name(int64_t n, const void *from)                                        \
    {                                                                                              \
        const Type *x = from;                                                                      \
        int64_t a = x[0];                                                                          \
        for (int64_t i = 1; i < n; i++) {                                                          \
            const int64_t b = x[i];                                                                \
            a = expression;                                                                        \
        }                                                                                          \
        return a;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static void fold_##name##_panel(bool first, int64_t n, const void *const *row, int64_t width,  \
                                    tp__partial *to)                                               \
    {                                                                                              \
        for (int64_t j = 0; first && j < width; j++)                                               \
            to[j].integer = ((const Type *)row[0])[j];                                             \
        for (int64_t i = first ? 1 : 0; i < n; i++)                                                \
            for (int64_t j = 0; j < width; j++) {                                                  \
                const int64_t a = to[j].integer, b = ((const Type *)row[i])[j];                    \
                to[j].integer = expression;                                                        \
            }                                                                                      \
    }

#define FOLD_WRAPPED_SUM (int64_t)((uint64_t)a + (uint64_t)b)
FOLD_INTEGERS(sum_i64, int64_t, FOLD_WRAPPED_SUM)
FOLD_INTEGERS(sum_u8, uint8_t, FOLD_WRAPPED_SUM)
FOLD_INTEGERS(max_i64, int64_t, a > b ? a : b)
FOLD_INTEGERS(max_u8, uint8_t, a > b ? a : b)
FOLD_INTEGERS(min_i64, int64_t, a < b ? a : b)
FOLD_INTEGERS(min_u8, uint8_t, a < b ? a : b)

/* --- Partial results --- */

#define FOLD_JOIN(name, Type, field, expression)                                                   \
    static void fold_join_##name(int64_t n, const tp__partial *from_a, const tp__partial *from_b,  \
                                 tp__partial *to)                                                  \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = from_a[i].field, b = from_b[i].field;                                   \
            to[i].field = expression;                                                              \
        }                                                                                          \
    }

FOLD_JOIN(sums, double, real, a + b)
FOLD_JOIN(maxima, double, real, ((b > a) | (b != b)) ? b : a)
FOLD_JOIN(minima, double, real, ((b < a) | (b != b)) ? b : a)
FOLD_JOIN(integer_sums, int64_t, integer, FOLD_WRAPPED_SUM)
FOLD_JOIN(integer_maxima, int64_t, integer, a > b ? a : b)
FOLD_JOIN(integer_minima, int64_t, integer, a < b ? a : b)

static void fold_finished(int64_t n, int64_t width, tp__partial *to)
{
    (void)n, (void)width, (void)to;
}

/* --- Floating types --- */

#define FOLD_TARGET
#define FOLD_REAL float
#define FOLD(name) fold_##name##_f32_baseline
#include "kernels/fold_body.h"

#define FOLD_REAL double
#define FOLD(name) fold_##name##_f64_baseline
#include "kernels/fold_body.h"
#undef FOLD_TARGET

#define FOLD_REAL_ENTRY(name, joined, last, suffix)                                                \
    {                                                                                              \
        .block = fold_##name##_##suffix, .panel = fold_##name##_panel_##suffix, .finish = last,    \
        .join = fold_join_##joined                                                                 \
    }

#define FOLD_INTEGER_ENTRY(name, joined)                                                           \
    {                                                                                              \
        .integers = fold_##name, .panel = fold_##name##_panel, .finish = fold_finished,            \
        .join = fold_join_integer_##joined                                                         \
    }

#define FOLD_TABLE(variant)                                                                        \
    {                                                                                              \
        [TP__SUM] = {[TP_F32] =                                                                    \
                         FOLD_REAL_ENTRY(sum, sums, fold_sum_finish_f32_##variant, f32_##variant), \
                     [TP_F64] =                                                                    \
                         FOLD_REAL_ENTRY(sum, sums, fold_sum_finish_f64_##variant, f64_##variant), \
                     [TP_I64] = FOLD_INTEGER_ENTRY(sum_i64, sums),                                 \
                     [TP_U8] = FOLD_INTEGER_ENTRY(sum_u8, sums)},                                  \
        [TP__MAX] = {[TP_F32] = FOLD_REAL_ENTRY(max, maxima, fold_finished, f32_##variant),        \
                     [TP_F64] = FOLD_REAL_ENTRY(max, maxima, fold_finished, f64_##variant),        \
                     [TP_I64] = FOLD_INTEGER_ENTRY(max_i64, maxima),                               \
                     [TP_U8] = FOLD_INTEGER_ENTRY(max_u8, maxima)},                                \
        [TP__MIN] = {                                                                              \
            [TP_F32] = FOLD_REAL_ENTRY(min, minima, fold_finished, f32_##variant),                 \
            [TP_F64] = FOLD_REAL_ENTRY(min, minima, fold_finished, f64_##variant),                 \
            [TP_I64] = FOLD_INTEGER_ENTRY(min_i64, minima),                                        \
            [TP_U8] = FOLD_INTEGER_ENTRY(min_u8, minima)                                           \
        }                                                                                          \
    }

const tp__fold_kernels tp__fold_baseline[3][4] = FOLD_TABLE(baseline);

#if TP__HAS_AVX

#define FOLD_TARGET __attribute__((target("avx2")))
#define FOLD_REAL float
#define FOLD(name) fold_##name##_f32_avx2
#include "kernels/fold_body.h"

#define FOLD_REAL double
#define FOLD(name) fold_##name##_f64_avx2
#include "kernels/fold_body.h"
#undef FOLD_TARGET

static const tp__fold_kernels fold_avx2[3][4] = FOLD_TABLE(avx2);

const tp__fold_kernels *tp__fold_choose(tp__reduction kind, tp_dtype dtype)
{
    return tp__level >= TP__AVX2 ? &fold_avx2[kind][dtype] : &tp__fold_baseline[kind][dtype];
}

#else

const tp__fold_kernels *tp__fold_choose(tp__reduction kind, tp_dtype dtype)
{
    return &tp__fold_baseline[kind][dtype];
}

#endif

tp__fold_block *tp__fold_kernel(tp__reduction kind, tp_dtype dtype)
{
    return tp__fold_choose(kind, dtype)->block;
}

double tp__fold_pairwise(double *sums, int64_t n)
{
    for (; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; i++)
            sums[i] = sums[2 * i] + sums[2 * i + 1];
        if (n % 2)
            sums[n / 2] = sums[n - 1];
    }
    return sums[0];
}
