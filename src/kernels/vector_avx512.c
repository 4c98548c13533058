/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX-512.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <stdint.h>

#include "kernels/begin_avx512.h"

#define VECTOR(name) name##_avx512
#define VECTOR_BYTES 64
#define VECTOR_WORDS(x) (VECTOR(words)) _mm512_cvtepu16_epi32((__m256i)(x))
#define VECTOR_HALVES(x) (VECTOR(halves)) _mm512_cvtepi32_epi16((__m512i)(x))
#define VECTOR_WIDE_F16(x) (VECTOR(words)) _mm512_cvtph_ps((__m256i)(x))
#define VECTOR_NARROW_F16(x)                                                                       \
    (VECTOR(halves))                                                                               \
        _mm512_maskz_cvtps_ph(0xffff, (__m512)(x), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)
#define VECTOR_FLOAT1(name) _ZGVeN16v_##name##f
#define VECTOR_FLOAT2(name) _ZGVeN16vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVeN8v_##name
#define VECTOR_DOUBLE2(name) _ZGVeN8vv_##name
#define VECTOR_FMA_float(a, b, c)                                                                  \
    (VECTOR_OF_float) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define VECTOR_LEAST_float(a, b) (VECTOR_OF_float) _mm512_min_ps((__m512)(a), (__m512)(b))
#define VECTOR_MOST_float(a, b) (VECTOR_OF_float) _mm512_max_ps((__m512)(a), (__m512)(b))
#define VECTOR_MOST_double(a, b) (VECTOR_OF_double) _mm512_max_pd((__m512d)(a), (__m512d)(b))
#define VECTOR_SCALE_float(v, n) (VECTOR_OF_float) _mm512_scalef_ps((__m512)(v), (__m512)(n))
#define VECTOR_SOME_float(p, n)                                                                    \
    (VECTOR_OF_float) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define VECTOR_SOME_double(p, n)                                                                   \
    (VECTOR_OF_double) _mm512_maskz_loadu_pd((__mmask8)((1u << (n)) - 1), p)
#define VECTOR_STORE_float(p, n, v)                                                                \
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), (__m512)(v))
#define VECTOR_STORE_double(p, n, v)                                                               \
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << (n)) - 1), (__m512d)(v))

/* Past the caches, in halves, to addresses that are multiples of 32; what comes after waits. */
TP_INLINE void VECTOR(vector_past)(char *to, __m512i v)
{
    _mm256_stream_si256((__m256i *)(void *)to, _mm512_castsi512_si256(v));
    _mm256_stream_si256((__m256i *)(void *)to + 1, _mm512_extracti64x4_epi64(v, 1));
}

#define VECTOR_PAST(to, v) VECTOR(vector_past)(to, (__m512i)(v))
#define VECTOR_PAST_END _mm_sfence()
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#include "kernels/gelu_body.h"

#include "kernels/softmax_norm_body.h"

#include "kernels/distance_body.h"

#include "kernels/end_level.h"

#endif
