/* SPDX-License-Identifier: MIT
 *
 * Reductions for AVX2.
 */
#include "base/features.h"

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/begin_avx2.h"

#define FOLD_BYTES 32

#define FOLD_REAL float
#define FOLD_PLACE int32_t
#define FOLD(name) name##_f32_avx2
#define FOLD_DOUBLES(v) (FOLD(doubles)) _mm256_cvtps_pd(v)
#define FOLD_MAX(a, b) (FOLD(wide)) _mm256_max_ps(a, b)
#define FOLD_MIN(a, b) (FOLD(wide)) _mm256_min_ps(a, b)
#define FOLD_NAN(a, b) (FOLD(masks)) _mm256_cmp_ps(a, b, _CMP_UNORD_Q)
#include "kernels/fold_body.h"

#define FOLD_REAL double
#define FOLD_PLACE int64_t
#define FOLD(name) name##_f64_avx2
#define FOLD_DOUBLES(v) (v)
#define FOLD_MAX(a, b) (FOLD(wide)) _mm256_max_pd(a, b)
#define FOLD_MIN(a, b) (FOLD(wide)) _mm256_min_pd(a, b)
#define FOLD_NAN(a, b) (FOLD(masks)) _mm256_cmp_pd(a, b, _CMP_UNORD_Q)
#include "kernels/fold_body.h"

#define FOLD_INTEGER int64_t
#define FOLD(name) name##_i64_avx2
#include "kernels/fold_integers_body.h"

#define FOLD_INTEGER uint8_t
#define FOLD_BYTE
#define FOLD(name) name##_u8_avx2
#include "kernels/fold_integers_body.h"

#include "kernels/end_level.h"

#endif
