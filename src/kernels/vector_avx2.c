/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX2.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <stdint.h>

#include "kernels/begin_avx2.h"

#define VECTOR(name) name##_avx2
#define VECTOR_BYTES 32
#define VECTOR_WORDS(x) (VECTOR(words)) _mm256_cvtepu16_epi32((__m128i)(x))
#define VECTOR_WIDE_F16(x) (VECTOR(words)) _mm256_cvtph_ps((__m128i)(x))
#define VECTOR_NARROW_F16(x)                                                                       \
    (VECTOR(halves)) _mm256_cvtps_ph((__m256)(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define VECTOR_HALVES(x)                                                                           \
    (VECTOR(halves)) _mm_packus_epi32(_mm256_castsi256_si128((__m256i)(x)),                        \
                                      _mm256_extracti128_si256((__m256i)(x), 1))
#define VECTOR_FLOAT1(name) _ZGVdN8v_##name##f
#define VECTOR_FLOAT2(name) _ZGVdN8vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVdN4v_##name
#define VECTOR_DOUBLE2(name) _ZGVdN4vv_##name
#define VECTOR_FMA_float(a, b, c)                                                                  \
    (VECTOR_OF_float) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define VECTOR_LEAST_float(a, b) (VECTOR_OF_float) _mm256_min_ps((__m256)(a), (__m256)(b))
#define VECTOR_MOST_float(a, b) (VECTOR_OF_float) _mm256_max_ps((__m256)(a), (__m256)(b))
#define VECTOR_MOST_double(a, b) (VECTOR_OF_double) _mm256_max_pd((__m256d)(a), (__m256d)(b))
/* in halves: 2ⁿ may be no number where the product is one */
#define VECTOR_POWER_float(n) ((VECTOR_OF_float)(((n) + 127) << 23))
#define VECTOR_WHOLE_float(n) ((VECTOR(exponents))_mm256_cvtps_epi32((__m256)(n)))
#define VECTOR_SCALE_float(v, n)                                                                   \
    ((v)*VECTOR_POWER_float(VECTOR_WHOLE_float(n) >> 1) *                                          \
     VECTOR_POWER_float(VECTOR_WHOLE_float(n) - (VECTOR_WHOLE_float(n) >> 1)))
typedef int32_t VECTOR(exponents) __attribute__((vector_size(VECTOR_BYTES)));
/* past the caches, for addresses that are multiples of 32; what comes after waits */
#define VECTOR_PAST(p, v) _mm256_stream_si256((__m256i *)(void *)(p), (__m256i)(v))
#define VECTOR_PAST_END _mm_sfence()
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#include "kernels/gelu_body.h"

#include "kernels/softmax_norm_body.h"

#include "kernels/distance_body.h"

#include "kernels/end_level.h"

#endif
