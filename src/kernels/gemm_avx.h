/* SPDX-License-Identifier: MIT
 *
 * What gemm_body.h needs of AVX2 and AVX-512 alike. GEMM_HALF_float(v) and of double is a register
 * of 32 bytes whose lanes have v's sum.
 */

/* Blocks of columns as rows: each register holds parts of two columns, in whose halves four columns
 * of float, or two of double, are exchanged. */
#define GEMM_TURN_DEEP_float 4
#define GEMM_TURN_WIDE_float 8
#define GEMM_TURN_DEEP_double 2
#define GEMM_TURN_WIDE_double 4

TP_INLINE void GEMM(gemm_turn_float)(const float *from, int64_t step, float *to, int64_t width)
{
    __m256 x[4], y[4];
    for (int j = 0; j < 4; j++)
        x[j] = _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(from + j * step)),
                                    _mm_loadu_ps(from + (j + 4) * step), 1);
    for (int j = 0; j < 4; j += 2) {
        y[j] = _mm256_unpacklo_ps(x[j], x[j + 1]);
        y[j + 1] = _mm256_unpackhi_ps(x[j], x[j + 1]);
    }
    for (int i = 0; i < 2; i++) {
        __m256d low = _mm256_castps_pd(y[i]), high = _mm256_castps_pd(y[i + 2]);
        _mm256_storeu_ps(to + 2 * i * width, _mm256_castpd_ps(_mm256_unpacklo_pd(low, high)));
        _mm256_storeu_ps(to + (2 * i + 1) * width, _mm256_castpd_ps(_mm256_unpackhi_pd(low, high)));
    }
}

TP_INLINE void GEMM(gemm_turn_double)(const double *from, int64_t step, double *to, int64_t width)
{
    __m256d x[2];
    for (int j = 0; j < 2; j++)
        x[j] = _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(from + j * step)),
                                    _mm_loadu_pd(from + (j + 2) * step), 1);
    _mm256_storeu_pd(to, _mm256_unpacklo_pd(x[0], x[1]));
    _mm256_storeu_pd(to + width, _mm256_unpackhi_pd(x[0], x[1]));
}

#define GEMM_TURN_float GEMM(gemm_turn_float)
#define GEMM_TURN_double GEMM(gemm_turn_double)

/* The sum of the lanes of each of four registers. */
TP_INLINE void GEMM(gemm_totals_float)(GEMM(floats) a, GEMM(floats) b, GEMM(floats) c,
                                       GEMM(floats) d, float *to)
{
    __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(GEMM_HALF_float(a), GEMM_HALF_float(b)),
                                  _mm256_hadd_ps(GEMM_HALF_float(c), GEMM_HALF_float(d)));
    _mm_storeu_ps(to, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
}

TP_INLINE void GEMM(gemm_totals_double)(GEMM(doubles) a, GEMM(doubles) b, GEMM(doubles) c,
                                        GEMM(doubles) d, double *to)
{
    __m256d x = _mm256_hadd_pd(GEMM_HALF_double(a), GEMM_HALF_double(b));
    __m256d y = _mm256_hadd_pd(GEMM_HALF_double(c), GEMM_HALF_double(d));
    _mm256_storeu_pd(
        to, _mm256_add_pd(_mm256_permute2f128_pd(x, y, 0x20), _mm256_permute2f128_pd(x, y, 0x31)));
}

#define GEMM_TOTALS_float GEMM(gemm_totals_float)
#define GEMM_TOTALS_double GEMM(gemm_totals_double)
