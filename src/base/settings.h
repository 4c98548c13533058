/* SPDX-License-Identifier: MIT
 *
 * What the environment says about the whole process, read once, when its first thread starts.
 */
#ifndef TP_SETTINGS_H
#define TP_SETTINGS_H

#include <stdint.h>

/* Kernels are written once and compiled for several levels of instructions; the processor runs all
 * up to one of them, which TP_CPU=reference, baseline, avx2 or avx512 lowers. The reference kernels
 * are plain loops, the oracles of the others. Above the baseline there are levels on x86-64 only,
 * and none there with -DTP_NO_AVX, for a library that is smaller by a fifth. */
typedef enum tp__instructions {
    TP__REFERENCE,
    TP__BASELINE,
    TP__AVX2,
    TP__AVX512,
    TP__LEVELS
} tp__instructions;

extern tp__instructions tp__level;

#if defined(__x86_64__) && defined(__GNUC__) && !defined(TP_NO_AVX)
#define TP__HAS_AVX 1
#else
#define TP__HAS_AVX 0
#endif

/* Results of fewer elements are computed at once. 4096, unless the environment's TP_DEFER_FROM says
 * otherwise: 0 makes all that can wait do so, so that tests run what is for large arrays on small
 * ones. */
extern int64_t tp__defer_from;

void tp__settings_read(void);

#endif
