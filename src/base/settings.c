/* SPDX-License-Identifier: MIT
 *
 * Reads TP_CPU and TP_DEFER_FROM, and asks the processor what it can do.
 *
 * Both are read once, before any value is made, and never change: kernels and the rule of what
 * waits may rely on them without a lock. A setting that makes no sense is logged and left out.
 */
#include "base/features.h"

#include "base/settings.h"

#include <stdlib.h>
#include <string.h>

#if TP__HAS_AVX
#include <cpuid.h>
#endif

#include "base/log.h"

tp__instructions tp__level = TP__BASELINE;
int64_t tp__defer_from = 4096;

#if TP__HAS_AVX
/* Not every compiler knows this one by name. */
static bool settings_has_f16c(void)
{
    unsigned a, b, c = 0, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C) != 0;
}
#endif

static tp__instructions settings_processor(void)
{
#if TP__HAS_AVX
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return TP__AVX512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && settings_has_f16c())
        return TP__AVX2;
#endif
    return TP__BASELINE;
}

/* TP_CPU can only lower the level: what the processor cannot run is not chosen. */
static tp__instructions settings_level(void)
{
    static const char *const names[TP__LEVELS] = {"reference", "baseline", "avx2", "avx512"};
    tp__instructions best = settings_processor();
    const char *wish = getenv("TP_CPU");
    for (tp__instructions i = TP__REFERENCE; wish && i < TP__LEVELS; i++)
        if (!strcmp(wish, names[i]))
            return i < best ? i : best;
    if (wish && *wish)
        tp__log("TP_CPU is \"%s\", expected reference, baseline, avx2 or avx512", wish);
    return best;
}

static int64_t settings_defer_from(void)
{
    const char *wish = getenv("TP_DEFER_FROM");
    if (!wish || !*wish)
        return tp__defer_from;
    char *end;
    long long size = strtoll(wish, &end, 10);
    if (!*end && size >= 0)
        return size;
    tp__log("TP_DEFER_FROM is \"%s\", expected a number of elements", wish);
    return tp__defer_from;
}

void tp__settings_read(void)
{
    tp__defer_from = settings_defer_from();
    tp__level = settings_level();
}
