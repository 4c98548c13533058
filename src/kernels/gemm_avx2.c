/* SPDX-License-Identifier: MIT
 *
 * Products of matrices for AVX2.
 */
#include "base/features.h"

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <stdint.h>

#include "kernels/begin_avx2.h"

#define GEMM(name) name##_avx2
#define GEMM_AVX
#define GEMM_HALVES
#define GEMM_BYTES 32
#define GEMM_ROWS 6
#define GEMM_VECTORS 2
#define GEMM_DEPTH 256
#define GEMM_DEEPER 256
#define GEMM_FMA_float(a, b, c)                                                                    \
    (GEMM(floats)) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define GEMM_FMA_double(a, b, c)                                                                   \
    (GEMM(doubles)) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#define GEMM_MASK_float(n)                                                                         \
    _mm256_cmpgt_epi32(_mm256_set1_epi32((int)(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))
#define GEMM_MASK_double(n)                                                                        \
    _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3))
#define GEMM_LOAD_float(p, n) (GEMM(floats)) _mm256_maskload_ps(p, GEMM_MASK_float(n))
#define GEMM_LOAD_double(p, n) (GEMM(doubles)) _mm256_maskload_pd(p, GEMM_MASK_double(n))
#define GEMM_STORE_float(p, n, v) _mm256_maskstore_ps(p, GEMM_MASK_float(n), (__m256)(v))
#define GEMM_STORE_double(p, n, v) _mm256_maskstore_pd(p, GEMM_MASK_double(n), (__m256d)(v))
#define GEMM_HALF_float(v) (__m256)(v)
#define GEMM_HALF_double(v) (__m256d)(v)
#define GEMM_WORDS(x) (GEMM(words)) _mm256_cvtepu16_epi32((__m128i)(x))
#define GEMM_WIDE_f16(x) (GEMM(floats)) _mm256_cvtph_ps((__m128i)(x))
#include "kernels/gemm_body.h"

#include "kernels/end_level.h"

#endif
