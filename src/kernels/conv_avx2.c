/* SPDX-License-Identifier: MIT
 *
 * Convolutions for AVX2. Compiled with -mavx2 -mfma, and empty without.
 */
#include "base/features.h"

#include "kernels/kernels.h"

#if defined(__AVX2__) && defined(__FMA__)

#include <immintrin.h>

#define CONV(name) name##_avx2
#define CONV_BYTES 32
#define CONV_ROWS 4
#define CONV_HOLD(a) __asm__("" : "+x"(a))
#define CONV_AFTER(w, v) __asm__("" : "+r"(w), "+x"(v))
#define CONV_FMA_float(a, b, c)                                                                    \
    (CONV(floats)) _mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c))
#define CONV_FMA_double(a, b, c)                                                                   \
    (CONV(doubles)) _mm256_fmadd_pd((__m256d)(a), (__m256d)(b), (__m256d)(c))
#include "kernels/conv_body.h"

#else

const tp__override tp__conv_kernels_avx2[] = {{NULL, 0, TP_F32, NULL}};

#endif
