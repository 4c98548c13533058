/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/kernels.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "array/loops.h"
#include "base/backend.h"
#include "base/log.h"
#include "base/profile.h"
#include "ops/families.h"
#include "ops/gemm.h"

enum { TABLE_REFERENCE = -1, TABLE_BASELINE, TABLE_AVX2, TABLE_AVX512 };

static void table_fit(const tp__op *op, const tp__override *entry)
{
    if (op->fast && op->n_in == entry->n_in && !strcmp(op->name, entry->op))
        op->fast[entry->dtype] = entry->kernel;
}

static void table_install(const tp__override *table)
{
    for (const tp__override *entry = table; entry->op; entry++) {
        if (!strcmp(entry->op, "cast"))
            tp__cast_override((tp_dtype)entry->n_in, entry->dtype, (tp__loop *)entry->kernel);
        else if (!strcmp(entry->op, "outer product"))
            tp__gemm_outer_override(entry->dtype, (void (*)(const tp__gemm *))entry->kernel);
        else if (entry->n_in == 2)
            tp__inplace_override(entry->op, entry->dtype, (tp__loop *)entry->kernel);
        for (const tp__family *const *family = tp__families; *family; family++)
            for (const tp__op *const *op = (*family)->ops; *op; op++) {
                table_fit(*op, entry);
                if ((*op)->slope)
                    table_fit((*op)->slope, entry);
            }
    }
}

static int table_processor(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return TABLE_AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return TABLE_AVX2;
#endif
    return TABLE_BASELINE;
}

static int table_level(void)
{
    static const char *const names[] = {"reference", "baseline", "avx2", "avx512"};
    int best = table_processor();
    const char *wish = getenv("TP_CPU");
    for (int i = 0; wish && i < 4; i++)
        if (!strcmp(wish, names[i]))
            return i - 1 < best ? i - 1 : best;
    if (wish && *wish)
        tp__log("TP_CPU is \"%s\", expected reference, baseline, avx2 or avx512", wish);
    return best;
}

static void table_defer_from(void)
{
    const char *wish = getenv("TP_DEFER_FROM");
    if (!wish || !*wish)
        return;
    char *end;
    long long size = strtoll(wish, &end, 10);
    if (*end || size < 0)
        tp__log("TP_DEFER_FROM is \"%s\", expected a number of elements", wish);
    else
        tp__defer_from = size;
}

void tp__choose_kernels(void)
{
    table_defer_from();
    int level = table_level();
    table_install(tp__kernels_lapack);
    if (level == TABLE_REFERENCE)
        return;
    static const tp__override *const tables[][4] = {
        [TABLE_BASELINE] = {tp__kernels_baseline, tp__conv_kernels_baseline,
                            tp__sequence_kernels_baseline, tp__row_kernels_baseline},
        [TABLE_AVX2] = {tp__kernels_avx2, tp__conv_kernels_avx2, tp__sequence_kernels_avx2,
                        tp__row_kernels_avx2},
        [TABLE_AVX512] = {tp__kernels_avx512, tp__conv_kernels_avx512, tp__sequence_kernels_avx512,
                          tp__row_kernels_avx512}};
    for (int i = TABLE_BASELINE; i <= level; i++)
        for (int k = 0; k < 4; k++)
            table_install(tables[i][k]);
    table_install(tp__kernels_blas);
#if defined(TP_WITH_BLAS)
    tp__profile_peak = tp__blas_peak;
#endif
}
