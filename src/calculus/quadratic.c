/* SPDX-License-Identifier: MIT
 *
 * The least g·d + d·h d / 2 within the bounds, nearly. h is scaled to a diagonal of 1 and shifted
 * until it is positive definite. Where the solution would leave the bounds, the variables that do
 * are held at theirs, and the others are solved for again.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#include <math.h>

typedef struct quadratic_job {
    const tp__minimize *job;
    const double *h;
    double *factor, *scale, *slope;
    double noise;
} quadratic_job;

/* 0 for a variable without any influence, which is left out. */
static void quadratic_scale(const quadratic_job *q)
{
    int64_t n = q->job->n;
    for (int64_t i = 0; i < n; i++) {
        const double *row = q->h + i * n;
        double largest = fabs(row[i]);
        for (int64_t k = 0; k < n && row[i] == 0; k++)
            largest = fmax(largest, fabs(row[k]));
        q->scale[i] = largest > 0 ? 1 / sqrt(largest) : q->job->g[i] != 0 ? 1 : 0;
    }
}

static double quadratic_element(const quadratic_job *q, int64_t i, int64_t k)
{
    const tp__minimize *job = q->job;
    if (tp__bounds_is_held(job, i) || tp__bounds_is_held(job, k) || q->scale[i] == 0 ||
        q->scale[k] == 0)
        return i == k;
    return q->scale[i] * q->scale[k] * q->h[i * job->n + k];
}

/* The lower factor with a shift; false if that is not positive definite. */
static bool quadratic_factor(const quadratic_job *q, double shift)
{
    int64_t n = q->job->n;
    double *l = q->factor;
    for (int64_t k = 0; k < n; k++) {
        double pivot = quadratic_element(q, k, k) + shift - tp__dot(k, l + k * n, l + k * n);
        if (!(pivot > 0 && pivot < HUGE_VAL))
            return false;
        l[k * n + k] = sqrt(pivot);
        for (int64_t i = k + 1; i < n; i++)
            l[i * n + k] =
                (quadratic_element(q, i, k) - tp__dot(k, l + i * n, l + k * n)) / l[k * n + k];
    }
    return true;
}

/* Factors with a shift that is no larger than needed, but for a factor of 2.5. */
static double quadratic_shift(const quadratic_job *q)
{
    double low = 0, high = 0;
    while (!quadratic_factor(q, high) && high < 1e300) {
        low = high;
        high = high > 0 ? 16 * high : 1e-14;
    }
    while (high > TP__QUADRATIC_NOISE && high > 2.5 * low) {
        double middle = sqrt(low * high);
        if (quadratic_factor(q, middle))
            high = middle;
        else
            low = middle;
    }
    if (high > TP__QUADRATIC_NOISE)
        quadratic_factor(q, high);
    return high;
}

/* d for the free variables, as the held ones go to their bounds. The shift. */
static double quadratic_solve(const quadratic_job *q, double *d)
{
    int64_t n = q->job->n;
    tp__bounds_slope(q->job, q->h, d, q->slope);
    double shift = quadratic_shift(q);
    for (int64_t i = 0; i < n; i++)
        q->slope[i] *= q->scale[i];
    tp__solve_factored(n, q->factor, q->slope, d);
    for (int64_t i = 0; i < n; i++)
        d[i] *= q->scale[i];
    tp__bounds_lead(q->job, d);
    return shift;
}

/* d is lower by the shifted model, which what went to bounds all at once may not be. */
static bool quadratic_is_lower(const quadratic_job *q, double shift, const double *d)
{
    int64_t n = q->job->n;
    double bend = tp__quadratic_bend(n, q->h, d), slope = tp__dot(n, q->job->g, d);
    for (int64_t i = 0; i < n; i++)
        bend += q->scale[i] > 0 ? shift * (d[i] / q->scale[i]) * (d[i] / q->scale[i]) : 0;
    return slope < 0 && slope + bend / 2 < 0;
}

bool tp__quadratic_step(tp__minimize *job, const double *h, double *factor, double *room, double *d)
{
    int64_t n = job->n;
    const quadratic_job q = {job, h, factor, room, room + n, TP__QUADRATIC_NOISE * (double)(n + 9)};
    double shift;
    quadratic_scale(&q);
    do
        shift = quadratic_solve(&q, d);
    while (tp__bounds_meet(job, d, 1));
    if (job->lower && !quadratic_is_lower(&q, shift, d)) {
        tp__bounds_hold(job);
        shift = quadratic_solve(&q, d);
    }
    return shift <= q.noise;
}

double tp__quadratic_bend(int64_t n, const double *h, const double *d)
{
    double bend = 0;
    for (int64_t i = 0; i < n; i++)
        bend += d[i] * tp__dot(n, h + i * n, d);
    return bend;
}
