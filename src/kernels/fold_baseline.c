/* SPDX-License-Identifier: MIT
 *
 * Reductions for every machine: SSE2 on x86-64.
 */
#include "base/features.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#include <math.h>
#include <string.h>

#include "kernels/begin_baseline.h"

#define FOLD_BYTES 16

#define FOLD_REAL float
#define FOLD(name) name##_f32_baseline
#if defined(__SSE2__)
#define FOLD_MAX(a, b) (FOLD(wide)) _mm_max_ps(a, b)
#define FOLD_MIN(a, b) (FOLD(wide)) _mm_min_ps(a, b)
#define FOLD_NAN(a, b) (FOLD(masks)) _mm_cmpunord_ps(a, b)
#endif
#include "kernels/fold_body.h"

#define FOLD_REAL double
#define FOLD(name) name##_f64_baseline
#define FOLD_DOUBLES(v) (v)
#if defined(__SSE2__)
#define FOLD_MAX(a, b) (FOLD(wide)) _mm_max_pd(a, b)
#define FOLD_MIN(a, b) (FOLD(wide)) _mm_min_pd(a, b)
#define FOLD_NAN(a, b) (FOLD(masks)) _mm_cmpunord_pd(a, b)
#endif
#include "kernels/fold_body.h"

#include "kernels/end_level.h"
