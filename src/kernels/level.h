/* SPDX-License-Identifier: MIT
 *
 * Tables of kernels by level of instructions (base/settings.h). A kernel that is written once and
 * compiled for every level stands in a constant table of its level, TYPE name_baseline, name_avx2,
 * name_avx512; a table over these, by tp__level, has the reference first:
 *
 *     static TYPE *const levels[TP__LEVELS] = {TP__BY_LEVEL(&reference, name)};
 *
 * So a kernel that is missing at some level does not compile or does not link.
 */
#ifndef TP_LEVEL_H
#define TP_LEVEL_H

#include "base/settings.h"

/* Nobody reads errno after a square root, so it can be one instruction, for vectors too. */
__attribute__((const)) double sqrt(double x);
__attribute__((const)) float sqrtf(float x);

#if TP__HAS_AVX
#define TP__AT_LEVELS(Type, name) extern Type name##_baseline, name##_avx2, name##_avx512
#define TP__BY_LEVEL(reference, name) reference, &name##_baseline, &name##_avx2, &name##_avx512
#else
#define TP__AT_LEVELS(Type, name) extern Type name##_baseline
#define TP__BY_LEVEL(reference, name) reference, &name##_baseline
#endif

/* The same for kernels made of vector mathematics, without which there is the reference only. */
#if defined(TP_WITH_MVEC)
#define TP__BY_MATH_LEVEL(reference, name) TP__BY_LEVEL(reference, name)
#else
#define TP__BY_MATH_LEVEL(reference, name) reference, reference, reference, reference
#endif

#endif
