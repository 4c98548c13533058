/* SPDX-License-Identifier: MIT
 *
 * Convolutions for AVX-512.
 */
#include "base/features.h"

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <string.h>

#include "kernels/begin_avx512.h"

#define CONV(name) name##_avx512
#define CONV_BYTES 64
#define CONV_ROWS 8
#define CONV_HOLD(a) __asm__("" : "+v"(a))
#define CONV_FMA_float(a, b, c)                                                                    \
    (CONV(floats)) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define CONV_FMA_double(a, b, c)                                                                   \
    (CONV(doubles)) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#define CONV_ADD_float                                                                             \
    TP_INLINE void conv_add_float_avx512(float *to, const CONV(floats) * v)                        \
    {                                                                                              \
        __m256 half[8];                                                                            \
        for (int r = 0; r < 8; r++)                                                                \
            half[r] = _mm256_add_ps(_mm512_castps512_ps256((__m512)v[r]),                          \
                                    _mm512_extractf32x8_ps((__m512)v[r], 1));                      \
        __m256 a =                                                                                 \
            _mm256_hadd_ps(_mm256_hadd_ps(half[0], half[1]), _mm256_hadd_ps(half[2], half[3]));    \
        __m256 b =                                                                                 \
            _mm256_hadd_ps(_mm256_hadd_ps(half[4], half[5]), _mm256_hadd_ps(half[6], half[7]));    \
        __m256 sum =                                                                               \
            _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31)); \
        _mm256_storeu_ps(to, _mm256_add_ps(_mm256_loadu_ps(to), sum));                             \
    }
#define CONV_ADD_double                                                                            \
    TP_INLINE void conv_add_double_avx512(double *to, const CONV(doubles) * v)                     \
    {                                                                                              \
        for (int r = 0; r < 8; r += 4) {                                                           \
            __m256d half[4];                                                                       \
            for (int i = 0; i < 4; i++)                                                            \
                half[i] = _mm256_add_pd(_mm512_castpd512_pd256((__m512d)v[r + i]),                 \
                                        _mm512_extractf64x4_pd((__m512d)v[r + i], 1));             \
            __m256d a = _mm256_hadd_pd(half[0], half[1]), b = _mm256_hadd_pd(half[2], half[3]);    \
            __m256d sum = _mm256_add_pd(_mm256_permute2f128_pd(a, b, 0x20),                        \
                                        _mm256_permute2f128_pd(a, b, 0x31));                       \
            _mm256_storeu_pd(to + r, _mm256_add_pd(_mm256_loadu_pd(to + r), sum));                 \
        }                                                                                          \
    }
#include "kernels/conv_body.h"

#include "kernels/end_level.h"

#endif
