/* SPDX-License-Identifier: MIT
 *
 * Convolutions for AVX-512. Compiled with -mavx512f and its like, and empty without.
 */
#include "base/features.h"

#include "kernels/kernels.h"

#if defined(__AVX512F__)

#include <immintrin.h>

#define CONV(name) name##_avx512
#define CONV_BYTES 64
#define CONV_ROWS 8
#define CONV_FMA_float(a, b, c)                                                                    \
    (CONV(floats)) _mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c))
#define CONV_FMA_double(a, b, c)                                                                   \
    (CONV(doubles)) _mm512_fmadd_pd((__m512d)(a), (__m512d)(b), (__m512d)(c))
#define CONV_TOTAL_float(v) _mm512_reduce_add_ps((__m512)(v))
#define CONV_TOTAL_double(v) _mm512_reduce_add_pd((__m512d)(v))
#define CONV_PACKS 1
#define CONV_LANES(n, most) ((n) < (most) ? (1u << (n)) - 1 : (1u << (most)) - 1)
#define CONV_PACK_float(to, mask, n, v)                                                            \
    _mm512_mask_storeu_ps(to, (__mmask16)CONV_LANES(n, __builtin_popcount(mask)),                  \
                          _mm512_maskz_compress_ps((__mmask16)(mask), (__m512)(v)))
#define CONV_PACK_double(to, mask, n, v)                                                           \
    _mm512_mask_storeu_pd(to, (__mmask8)CONV_LANES(n, __builtin_popcount(mask)),                   \
                          _mm512_maskz_compress_pd((__mmask8)(mask), (__m512d)(v)))
#include "kernels/conv_body.h"

#else

const tp__override tp__conv_kernels_avx512[] = {{NULL, 0, TP_F32, NULL}};

#endif
