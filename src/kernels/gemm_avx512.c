/* SPDX-License-Identifier: MIT
 *
 * Products of matrices for AVX-512.
 */
#include "base/features.h"

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <stdint.h>

#include "kernels/begin_avx512.h"

#define GEMM(name) name##_avx512
#define GEMM_AVX
#define GEMM_HALVES
#define GEMM_BYTES 64
#define GEMM_ROWS 8
#define GEMM_VECTORS 3
#define GEMM_DEPTH 128
#define GEMM_DEEPER 256
#define GEMM_FMA_float(a, b, c)                                                                    \
    (GEMM(floats)) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define GEMM_FMA_double(a, b, c)                                                                   \
    (GEMM(doubles)) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#define GEMM_LOAD_float(p, n) (GEMM(floats)) _mm512_maskz_loadu_ps((__mmask16)((1u << (n)) - 1), p)
#define GEMM_LOAD_double(p, n) (GEMM(doubles)) _mm512_maskz_loadu_pd((__mmask8)((1u << (n)) - 1), p)
#define GEMM_STORE_float(p, n, v)                                                                  \
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << (n)) - 1), (__m512)(v))
#define GEMM_STORE_double(p, n, v)                                                                 \
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << (n)) - 1), (__m512d)(v))
#define GEMM_HALF_float(v)                                                                         \
    _mm256_add_ps(_mm512_castps512_ps256((__m512)(v)), _mm512_extractf32x8_ps((__m512)(v), 1))
#define GEMM_HALF_double(v)                                                                        \
    _mm256_add_pd(_mm512_castpd512_pd256((__m512d)(v)), _mm512_extractf64x4_pd((__m512d)(v), 1))
#define GEMM_WORDS(x) (GEMM(words)) _mm512_cvtepu16_epi32((__m256i)(x))
#define GEMM_WIDE_f16(x) (GEMM(floats)) _mm512_cvtph_ps((__m256i)(x))
#include "kernels/gemm_body.h"

#include "kernels/end_level.h"

#endif
