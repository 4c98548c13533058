/* SPDX-License-Identifier: MIT
 *
 * Where the time goes. Code that may be profiled stands between
 *     uint64_t start = tp__profile_start();
 *     tp__profile_stop(start, "matmul", bytes, flops);
 * which cost one load each when nothing is profiled. Names are copied.
 *
 * Operations on numbers do not look at it: they take their long way in a thread of which a mode
 * (TP__PROFILED) says so, the one that began the profile and those that start while it runs.
 */
#ifndef TP_PROFILE_H
#define TP_PROFILE_H

#include "base/features.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern atomic_bool tp__profiling;

/* For the functions below only: they pair each start with its stop. */
uint64_t tp__profile_clock(void); /* nanoseconds, never 0 */
void tp__profile_note(uint64_t start, const char *name, double bytes, double flops);

/* Measures the peak of one core, in GFLOP/s, by a product of 256 x 256 float32 matrices. Set by the
 * kernels for products when they are first chosen; NULL, or a result of 0: unknown. */
extern double (*_Atomic tp__profile_peak)(void);

TP_INLINE uint64_t tp__profile_start(void)
{
    return TP_UNLIKELY(atomic_load_explicit(&tp__profiling, memory_order_relaxed))
               ? tp__profile_clock()
               : 0;
}

TP_INLINE void tp__profile_stop(uint64_t start, const char *name, double bytes, double flops)
{
    if (TP_UNLIKELY(start != 0))
        tp__profile_note(start, name, bytes, flops);
}

/* tp__profile_note of an operation that is computed by itself, not in a plan with others: its flops
 * count for tp__profile_flops, so that the sum does not depend on what waits. */
void tp__profile_operation(uint64_t start, const char *name, double bytes, double flops);

/* Has operations noted, also without a profile; and how many flops this thread's had so far. */
void tp__profile_count(bool on);
double tp__profile_flops(void);

#endif
