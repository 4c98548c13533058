/* SPDX-License-Identifier: MIT
 *
 * The kernels of distance.h, after vector_body.h in the same file and with what that one needs.
 * Sums are of at most DISTANCE_TERMS terms, and of such sums.
 */
#include "kernels/distance.h"

enum {
    VECTOR(DISTANCE_LANES) = VECTOR_BYTES / sizeof(double),
    VECTOR(DISTANCE_VECTORS) = TP__STRIP / VECTOR(DISTANCE_LANES),
    VECTOR(DISTANCE_HELD) = 8, /* vectors of sums that stay in registers */
    VECTOR(DISTANCE_TERMS) = 64
};

typedef double VECTOR(distance_doubles) __attribute__((vector_size(VECTOR_BYTES)));
typedef int64_t VECTOR(distance_masks) __attribute__((vector_size(VECTOR_BYTES)));

TP_INLINE VECTOR(distance_doubles) VECTOR(distance_take)(const double *x, int v)
{
    VECTOR(distance_doubles) taken;
    memcpy(&taken, x + v * VECTOR(DISTANCE_LANES), sizeof taken);
    return taken;
}

/* sum ← the terms from k to end of DISTANCE_HELD vectors. */
TP_INLINE void VECTOR(distance_terms)(int64_t k, int64_t end, const double *a, const double *p,
                                      const double *b, VECTOR(distance_doubles) * sum)
{
    for (; k < end; k++)
        for (int v = 0; v < VECTOR(DISTANCE_HELD); v++) {
            const VECTOR(distance_doubles) far = a[k] - VECTOR(distance_take)(b + k * TP__STRIP, v);
            sum[v] += p ? far * p[k] : far * far;
        }
}

TP_INLINE void VECTOR(distance_sums)(int64_t d, const double *a, const double *p, const double *b,
                                     double *to)
{
    VECTOR(distance_doubles) sum[VECTOR(DISTANCE_HELD)] = {{0}};
    VECTOR(distance_terms)
    (0, d < VECTOR(DISTANCE_TERMS) ? d : VECTOR(DISTANCE_TERMS), a, p, b, sum);
    for (int64_t k = VECTOR(DISTANCE_TERMS); k < d; k += VECTOR(DISTANCE_TERMS)) {
        VECTOR(distance_doubles) more[VECTOR(DISTANCE_HELD)] = {{0}};
        int64_t end = k + VECTOR(DISTANCE_TERMS);
        VECTOR(distance_terms)(k, end < d ? end : d, a, p, b, more);
        for (int v = 0; v < VECTOR(DISTANCE_HELD); v++)
            sum[v] += more[v];
    }
    memcpy(to, sum, sizeof sum);
}

static void VECTOR(distance_measure)(int64_t d, const double *a, const double *p, const double *b,
                                     double *to)
{
    for (int j = 0; j < TP__STRIP; j += VECTOR(DISTANCE_HELD) * VECTOR(DISTANCE_LANES))
        if (p)
            VECTOR(distance_sums)(d, a, p, b + j, to + j);
        else
            VECTOR(distance_sums)(d, a, NULL, b + j, to + j);
}

/* g (a − b) where g is not 0. */
TP_INLINE VECTOR(distance_doubles)
    VECTOR(distance_weigh)(VECTOR(distance_doubles) g, VECTOR(distance_doubles) far)
{
    return (VECTOR(distance_doubles))((VECTOR(distance_masks))(g * far) &
                                      (VECTOR(distance_masks))(g != 0.0));
}

TP_INLINE bool VECTOR(distance_any)(const double *g)
{
    VECTOR(distance_masks) any = {0};
    int64_t lane[VECTOR(DISTANCE_LANES)], some = 0;
    for (int v = 0; v < VECTOR(DISTANCE_VECTORS); v++)
        any |= VECTOR(distance_take)(g, v) != 0.0;
    memcpy(lane, &any, sizeof lane);
    for (int i = 0; i < VECTOR(DISTANCE_LANES); i++)
        some |= lane[i];
    return some;
}

static void VECTOR(distance_pull)(int64_t d, const double *g, const double *a, const double *b,
                                  double *to)
{
    d = VECTOR(distance_any)(g) ? d : 0;
    for (int64_t k = 0; k < d; k++) {
        VECTOR(distance_doubles) sum = {0};
        double lane[VECTOR(DISTANCE_LANES)];
        for (int v = 0; v < VECTOR(DISTANCE_VECTORS); v++)
            sum += VECTOR(distance_weigh)(VECTOR(distance_take)(g, v),
                                          a[k] - VECTOR(distance_take)(b + k * TP__STRIP, v));
        memcpy(lane, &sum, sizeof lane);
        for (int half = VECTOR(DISTANCE_LANES) / 2; half > 0; half /= 2)
            for (int i = 0; i < half; i++)
                lane[i] += lane[i + half];
        to[k] += lane[0];
    }
}

static bool VECTOR(distance_push)(int64_t d, const double *g, const double *a, const double *b,
                                  double *to)
{
    if (!VECTOR(distance_any)(g))
        return false;
    for (int64_t k = 0; k < d; k++, b += TP__STRIP, to += TP__STRIP)
        for (int v = 0; v < VECTOR(DISTANCE_VECTORS); v++) {
            const VECTOR(distance_doubles) sum =
                VECTOR(distance_take)(to, v) +
                VECTOR(distance_weigh)(VECTOR(distance_take)(g, v),
                                       VECTOR(distance_take)(b, v) - a[k]);
            memcpy(to + v * VECTOR(DISTANCE_LANES), &sum, sizeof sum);
        }
    return true;
}

const tp__distance_kernels VECTOR(tp__distance) = {VECTOR(distance_measure), VECTOR(distance_pull),
                                                   VECTOR(distance_push)};
