/* SPDX-License-Identifier: MIT
 *
 * Convolutions for AVX2.
 */
#include "base/features.h"

#include "base/settings.h"

#if TP__HAS_AVX

#include <immintrin.h>
#include <string.h>

#include "kernels/begin_avx2.h"

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

#include "kernels/end_level.h"

#endif
