/* SPDX-License-Identifier: MIT
 *
 * Products of matrices for every machine: SSE2 on x86-64, NEON on aarch64.
 */
#include "base/features.h"

#include <stdint.h>
#include <string.h>

#if defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "kernels/begin_baseline.h"

#define GEMM(name) name##_baseline
#define GEMM_BYTES 16
#define GEMM_ROWS 6
#define GEMM_VECTORS 2
#define GEMM_DEPTH 256
#define GEMM_DEEPER 256

#if defined(__aarch64__)
#define GEMM_HALVES
#define GEMM_FMA_float(a, b, c)                                                                    \
    (gemm_floats) vfmaq_f32((float32x4_t)(c), (float32x4_t)(a), (float32x4_t)(b))
#define GEMM_FMA_double(a, b, c)                                                                   \
    (gemm_doubles) vfmaq_f64((float64x2_t)(c), (float64x2_t)(a), (float64x2_t)(b))
#else
#define GEMM_FMA_float(a, b, c) ((a) * (b) + (c))
#define GEMM_FMA_double(a, b, c) ((a) * (b) + (c))
#endif

typedef float gemm_floats __attribute__((vector_size(GEMM_BYTES)));
typedef double gemm_doubles __attribute__((vector_size(GEMM_BYTES)));

#define GEMM_PARTS(Type)                                                                           \
    static TP_NOINLINE gemm_##Type##s gemm_load_##Type(const Type *p, int64_t n)                   \
    {                                                                                              \
        gemm_##Type##s v = {0};                                                                    \
        memcpy(&v, p, (size_t)n * sizeof *p);                                                      \
        return v;                                                                                  \
    }                                                                                              \
                                                                                                   \
    static TP_NOINLINE void gemm_store_##Type(Type *p, int64_t n, gemm_##Type##s v)                \
    {                                                                                              \
        memcpy(p, &v, (size_t)n * sizeof *p);                                                      \
    }                                                                                              \
                                                                                                   \
    static inline Type gemm_total_##Type(gemm_##Type##s v)                                         \
    {                                                                                              \
        Type lane[GEMM_BYTES / sizeof(Type)], sum = 0;                                             \
        memcpy(lane, &v, sizeof lane);                                                             \
        for (size_t i = 0; i < GEMM_BYTES / sizeof(Type); i++)                                     \
            sum += lane[i];                                                                        \
        return sum;                                                                                \
    }                                                                                              \
                                                                                                   \
    static inline void gemm_totals_##Type(gemm_##Type##s a, gemm_##Type##s b, gemm_##Type##s c,    \
                                          gemm_##Type##s d, Type *to)                              \
    {                                                                                              \
        to[0] = gemm_total_##Type(a);                                                              \
        to[1] = gemm_total_##Type(b);                                                              \
        to[2] = gemm_total_##Type(c);                                                              \
        to[3] = gemm_total_##Type(d);                                                              \
    }                                                                                              \
                                                                                                   \
    static inline void gemm_turn_##Type(const Type *from, int64_t step, Type *to, int64_t width)   \
    {                                                                                              \
        for (int i = 0; i < 4; i++)                                                                \
            for (int j = 0; j < 4; j++)                                                            \
                to[i * width + j] = from[i + j * step];                                            \
    }

GEMM_PARTS(float)
GEMM_PARTS(double)

#define GEMM_LOAD_float gemm_load_float
#define GEMM_LOAD_double gemm_load_double
#define GEMM_STORE_float gemm_store_float
#define GEMM_STORE_double gemm_store_double
#define GEMM_TOTALS_float gemm_totals_float
#define GEMM_TOTALS_double gemm_totals_double
#define GEMM_TURN_float gemm_turn_float
#define GEMM_TURN_double gemm_turn_double
#define GEMM_TURN_DEEP_float 4
#define GEMM_TURN_WIDE_float 4
#define GEMM_TURN_DEEP_double 4
#define GEMM_TURN_WIDE_double 4
#include "kernels/gemm_body.h"

#include "kernels/end_level.h"
