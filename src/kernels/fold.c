/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/fold.h"

#include <string.h>

/* --- Integers --- */

#define FOLD_JOIN(name, expression)                                                                \
    void tp__fold_##name##_integers(int64_t n, const tp__partial *from_a,                          \
                                    const tp__partial *from_b, tp__partial *to)                    \
    {                                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const int64_t a = from_a[i].integer, b = from_b[i].integer;                            \
            to[i].integer = expression;                                                            \
        }                                                                                          \
    }

FOLD_JOIN(sum, (int64_t)((uint64_t)a + (uint64_t)b))
FOLD_JOIN(max, a > b ? a : b)
FOLD_JOIN(min, a < b ? a : b)

/* In plans. */
static double fold_count(int64_t n, const void *x)
{
    return (double)tp__fold_choose(TP__SUM, TP_U8)->integers(n, x);
}

/* --- All --- */

const tp__fold_kernels *tp__fold_choose(tp__reduction kind, tp_dtype dtype)
{
    static tp__fold_table *const tables[][TP__LEVELS] = {
        [TP_F32] = {TP__BY_LEVEL(&tp__fold_f32_baseline, tp__fold_f32)},
        [TP_F64] = {TP__BY_LEVEL(&tp__fold_f64_baseline, tp__fold_f64)},
        [TP_I64] = {TP__BY_LEVEL(&tp__fold_i64_baseline, tp__fold_i64)},
        [TP_U8] = {TP__BY_LEVEL(&tp__fold_u8_baseline, tp__fold_u8)},
    };
    bool byte = dtype != TP_F32 && dtype != TP_F64 && dtype != TP_I64;
    return &(*tables[byte ? TP_U8 : dtype][tp__level])[kind];
}

tp__fold_block *tp__fold_sum_kernel(tp_dtype dtype)
{
    tp__fold_block *block = tp__fold_choose(TP__SUM, dtype)->block;
    return block ? block : fold_count;
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
