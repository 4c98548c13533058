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
#define FOLD_PLACE int32_t
#define FOLD(name) name##_f32_baseline
#if defined(__SSE2__)
#define FOLD_MAX(a, b) (FOLD(wide)) _mm_max_ps(a, b)
#define FOLD_MIN(a, b) (FOLD(wide)) _mm_min_ps(a, b)
#define FOLD_NAN(a, b) (FOLD(masks)) _mm_cmpunord_ps(a, b)
#endif
#include "kernels/fold_body.h"

#define FOLD_REAL double
#define FOLD_PLACE int64_t
#define FOLD(name) name##_f64_baseline
#define FOLD_DOUBLES(v) (v)
#if defined(__SSE2__)
#define FOLD_MAX(a, b) (FOLD(wide)) _mm_max_pd(a, b)
#define FOLD_MIN(a, b) (FOLD(wide)) _mm_min_pd(a, b)
#define FOLD_NAN(a, b) (FOLD(masks)) _mm_cmpunord_pd(a, b)
#endif
#include "kernels/fold_body.h"

#define FOLD_INTEGER int64_t
#define FOLD(name) name##_i64_baseline
#include "kernels/fold_integers_body.h"

#define FOLD_INTEGER uint8_t
#define FOLD_BYTE
#define FOLD(name) name##_u8_baseline
#include "kernels/fold_integers_body.h"

#include "kernels/end_level.h"
