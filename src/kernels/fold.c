/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/fold.h"

#include <string.h>

/* --- Integers --- */

#define FOLD_INTEGER_ROW(name, Type, expression)                                                   \
    static int64_t fold_##name(int64_t n, const void *from)                                        \
    {                                                                                              \
        const Type *x = from;                                                                      \
        int64_t a = x[0];                                                                          \
        for (int64_t i = 1; i < n; i++) {                                                          \
            const int64_t b = x[i];                                                                \
            a = expression;                                                                        \
        }                                                                                          \
        return a;                                                                                  \
    }

#define FOLD_INTEGER_COLUMNS(name, Type, expression)                                               \
    static void fold_##name##_columns(int64_t n, const void *const *row, int64_t width,            \
                                      tp__partial *to)                                             \
    {                                                                                              \
        for (int64_t j = 0; j < width; j++)                                                        \
            to[j].integer = ((const Type *)row[0])[j];                                             \
        for (int64_t i = 1; i < n; i++)                                                            \
            for (int64_t j = 0; j < width; j++) {                                                  \
                const int64_t a = to[j].integer, b = ((const Type *)row[i])[j];                    \
                to[j].integer = expression;                                                        \
            }                                                                                      \
    }

#define FOLD_INTEGERS(name, Type, expression)                                                      \
    FOLD_INTEGER_ROW(name, Type, expression)                                                       \
    FOLD_INTEGER_COLUMNS(name, Type, expression)

#define FOLD_WRAPPED_SUM (int64_t)((uint64_t)a + (uint64_t)b)
FOLD_INTEGERS(sum_i64, int64_t, FOLD_WRAPPED_SUM)
FOLD_INTEGER_ROW(sum_few_u8, uint8_t, FOLD_WRAPPED_SUM)
FOLD_INTEGER_COLUMNS(sum_u8, uint8_t, FOLD_WRAPPED_SUM)
FOLD_INTEGERS(max_i64, int64_t, a > b ? a : b)
FOLD_INTEGERS(max_u8, uint8_t, a > b ? a : b)
FOLD_INTEGERS(min_i64, int64_t, a < b ? a : b)
FOLD_INTEGERS(min_u8, uint8_t, a < b ? a : b)

typedef uint64_t fold_words __attribute__((vector_size(16)));

/* Bytes are added in pairs to 16 bits each, which TP__FOLD_BLOCK of them do not fill. */
static int64_t fold_sum_u8(int64_t n, const void *from)
{
    const uint8_t *x = from;
    const fold_words low = {0x00ff00ff00ff00ff, 0x00ff00ff00ff00ff};
    fold_words sum = {0, 0};
    int64_t i = 0, total = 0;
    for (; n - i >= (int64_t)sizeof sum; i += (int64_t)sizeof sum) {
        fold_words v;
        memcpy(&v, x + i, sizeof v);
        sum += (v & low) + (v >> 8 & low);
    }
    for (int k = 0; k < 2; k++)
        for (int shift = 0; shift < 64; shift += 16)
            total += (int64_t)(sum[k] >> shift & 0xffff);
    return i == n ? total : total + fold_sum_few_u8(n - i, x + i);
}

#define FOLD_INTEGER_KERNELS(type)                                                                 \
    {                                                                                              \
        [TP__SUM] = {.integers = fold_sum_##type,                                                  \
                     .columns = fold_sum_##type##_columns,                                         \
                     .join = fold_sum_partials},                                                   \
        [TP__MAX] = {.integers = fold_max_##type,                                                  \
                     .columns = fold_max_##type##_columns,                                         \
                     .join = fold_max_partials},                                                   \
        [TP__MIN] = {.integers = fold_min_##type,                                                  \
                     .columns = fold_min_##type##_columns,                                         \
                     .join = fold_min_partials},                                                   \
    }

#define FOLD_JOIN(name, expression)                                                                \
    static void fold_##name##_partials(int64_t n, const tp__partial *from_a,                       \
                                       const tp__partial *from_b, tp__partial *to)                 \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const int64_t a = from_a[i].integer, b = from_b[i].integer;                            \
            to[i].integer = expression;                                                            \
        }                                                                                          \
    }

FOLD_JOIN(sum, FOLD_WRAPPED_SUM)
FOLD_JOIN(max, a > b ? a : b)
FOLD_JOIN(min, a < b ? a : b)

static tp__fold_table fold_i64 = FOLD_INTEGER_KERNELS(i64);
static tp__fold_table fold_u8 = FOLD_INTEGER_KERNELS(u8);

/* --- All --- */

const tp__fold_kernels *tp__fold_choose(tp__reduction kind, tp_dtype dtype)
{
    static tp__fold_table *const f32[] = {TP__BY_LEVEL(&tp__fold_f32_baseline, tp__fold_f32)};
    static tp__fold_table *const f64[] = {TP__BY_LEVEL(&tp__fold_f64_baseline, tp__fold_f64)};
    if (dtype == TP_F32)
        return &(*f32[tp__level])[kind];
    if (dtype == TP_F64)
        return &(*f64[tp__level])[kind];
    return dtype == TP_I64 ? &fold_i64[kind] : &fold_u8[kind];
}

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
