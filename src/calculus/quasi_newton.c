/* SPDX-License-Identifier: MIT
 *
 * Methods that learn second derivatives from the gradients they meet.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#include <math.h>
#include <string.h>

/* --- BFGS: work is the inverse Hessian (n, n), or within bounds the Hessian and room for its
 * factor, then vectors. Only a Hessian has parts: as variables meet bounds and leave them, the
 * curvature of the others stays. --- */

static void bfgs_unit(double *h, int64_t n, double scale)
{
    memset(h, 0, (size_t)(n * n) * sizeof *h);
    for (int64_t i = 0; i < n; i++)
        h[i * n + i] = scale;
}

static void bfgs_times(const double *h, int64_t n, const double *v, double *to)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = tp__dot(n, h + i * n, v);
}

#define BFGS_LESS 0.4

/* Where the curvature met is much less than was thought, all of it is taken to be (Al-Baali 1998):
 * it began with the largest that there is. */
static double bfgs_tau(double sy, double sbs)
{
    return sy > 0 && sy < BFGS_LESS * sbs ? sy / sbs : 1;
}

/* h ← h / τ, then (I − ρ s yᵀ) h (I − ρ y sᵀ) + ρ s sᵀ */
static void bfgs_update_inverse(double *h, int64_t n, double tau, const double *s, const double *y,
                                double *hy)
{
    double sy = tp__dot(n, s, y);
    for (int64_t i = 0; tau != 1 && i < n * n; i++)
        h[i] /= tau;
    bfgs_times(h, n, y, hy);
    double scale = (1 + tp__dot(n, y, hy) / sy) / sy;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            h[i * n + j] += scale * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
}

/* b ← τ b, then b − b s sᵀ b / (s b s) + y yᵀ / (s y); y is drawn towards b s where there is too
 * little curvature, as beyond a kink (Powell 1978). */
static void bfgs_update_hessian(double *b, int64_t n, const double *s, double *y, double *bs)
{
    bfgs_times(b, n, s, bs);
    double sy = tp__dot(n, s, y), sbs = tp__dot(n, s, bs);
    if (!(sbs > 0))
        return;
    double part = sy < 0.01 * sbs ? 0.99 * sbs / (sbs - sy) : 1;
    for (int64_t i = 0; i < n; i++)
        y[i] = part * y[i] + (1 - part) * bs[i];
    sy = tp__dot(n, s, y);
    double tau = bfgs_tau(sy, sbs);
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            b[i * n + j] = tau * (b[i * n + j] - bs[i] * bs[j] / sbs) + y[i] * y[j] / sy;
}

/* s b s after a step s along d, where b d = −g. */
static double bfgs_bend(const tp__minimize *job, const double *s)
{
    const double *d = job->d, *g = job->next_g;
    return -tp__dot(job->n, s, d) / tp__dot(job->n, d, d) * tp__dot(job->n, s, g);
}

static void bfgs_update(tp__minimize *job, double *h, double *s, bool anew)
{
    int64_t n = job->n;
    double *y = s + n;
    for (int64_t i = 0; i < n; i++) {
        s[i] = job->x[i] - job->next_x[i];
        y[i] = job->g[i] - job->next_g[i];
    }
    double sy = tp__dot(n, s, y), yy = tp__dot(n, y, y);
    if (anew && yy > 0 && sy != 0)
        bfgs_unit(h, n, job->lower ? yy / fabs(sy) : fabs(sy) / yy);
    if (job->lower)
        bfgs_update_hessian(h, n, s, y, y + n);
    else if (sy > 1e-12 * sqrt(tp__dot(n, s, s) * yy))
        bfgs_update_inverse(h, n, anew ? 1 : bfgs_tau(sy, bfgs_bend(job, s)), s, y, y + n);
}

static bool bfgs_step(tp__minimize *job)
{
    int64_t n = job->n;
    double *h = job->work, *factor = h + n * n, *s = factor + n * n;
    bool restarted, first = h[0] == 0;
    if (first)
        bfgs_unit(h, n, 1);
    if (job->lower) {
        tp__quadratic_step(job, h, factor, s, job->d);
    } else {
        bfgs_times(h, n, job->g, job->d);
        for (int64_t i = 0; i < n; i++)
            job->d[i] = -job->d[i];
    }
    if (!tp__descent_search(job, first ? tp__descent_first(job) : 1, 0.9, &restarted))
        return false;
    bfgs_update(job, h, s, restarted || first);
    return true;
}

static int64_t bfgs_room(int64_t n)
{
    return n > INT32_MAX / 2 ? -1 : 2 * n * n + 3 * n;
}

const tp__method tp__method_bfgs = {.name = "BFGS", .room = bfgs_room, .step = bfgs_step};

/* --- L-BFGS: work is pairs of s and y in a ring, then their number --- */

enum { LBFGS_PAIRS = 20 };

static double *lbfgs_pair(const tp__minimize *job, int64_t number, bool y)
{
    return job->work + (2 * (number % LBFGS_PAIRS) + y) * job->n;
}

/* Among variables that are not held. */
static double lbfgs_dot(const tp__minimize *job, const double *a, const double *b)
{
    double sum = 0;
    if (!job->lower)
        return tp__dot(job->n, a, b);
    for (int64_t i = 0; i < job->n; i++)
        sum += job->held[i] != 0 ? 0 : a[i] * b[i];
    return sum;
}

/* d ← −h g by the two loops. A pair without positive curvature among free variables is left out. */
static void lbfgs_direction(tp__minimize *job, int64_t pairs)
{
    double alpha[LBFGS_PAIRS] = {0}, curvature[LBFGS_PAIRS] = {0}, scale = 1;
    int64_t n = job->n, first = pairs > LBFGS_PAIRS ? pairs - LBFGS_PAIRS : 0;
    tp__descent_steepest(job);
    for (int64_t k = pairs - 1; k >= first; k--) {
        const double *s = lbfgs_pair(job, k, false), *y = lbfgs_pair(job, k, true);
        double sy = curvature[k % LBFGS_PAIRS] = lbfgs_dot(job, s, y);
        if (!(sy > 0))
            continue;
        scale = scale == 1 ? sy / lbfgs_dot(job, y, y) : scale;
        double a = alpha[k % LBFGS_PAIRS] = lbfgs_dot(job, s, job->d) / sy;
        for (int64_t i = 0; i < n; i++)
            job->d[i] -= a * y[i];
    }
    for (int64_t i = 0; i < n; i++)
        job->d[i] *= scale;
    for (int64_t k = first; k < pairs; k++) {
        const double *s = lbfgs_pair(job, k, false), *y = lbfgs_pair(job, k, true);
        double sy = curvature[k % LBFGS_PAIRS];
        double b = sy > 0 ? alpha[k % LBFGS_PAIRS] - lbfgs_dot(job, y, job->d) / sy : 0;
        for (int64_t i = 0; i < n; i++)
            job->d[i] += b * s[i];
    }
}

/* The same within bounds: what the direction takes to a bound is held there, and the others'
 * direction is found again, without it. */
static void lbfgs_bounded(tp__minimize *job, int64_t pairs)
{
    lbfgs_direction(job, pairs);
    tp__bounds_lead(job, job->d);
    while (tp__bounds_meet(job, job->d, 1)) {
        for (int64_t i = 0; i < job->n; i++)
            job->reduced[i] = job->held[i] != 0 ? 0 : job->g[i];
        lbfgs_direction(job, pairs);
        tp__bounds_lead(job, job->d);
    }
    if (!job->lower || tp__dot(job->n, job->g, job->d) < 0)
        return;
    tp__bounds_hold(job);
    lbfgs_direction(job, pairs);
    tp__bounds_lead(job, job->d);
}

static bool lbfgs_step(tp__minimize *job)
{
    int64_t n = job->n;
    double *count = job->work + 2 * LBFGS_PAIRS * n;
    bool restarted;
    lbfgs_bounded(job, (int64_t)*count);
    if (!tp__descent_search(job, *count > 0 ? 1 : tp__descent_first(job), 0.9, &restarted))
        return false;
    if (restarted)
        *count = 0;
    double *s = lbfgs_pair(job, (int64_t)*count, false),
           *y = lbfgs_pair(job, (int64_t)*count, true);
    for (int64_t i = 0; i < n; i++) {
        s[i] = job->x[i] - job->next_x[i];
        y[i] = job->g[i] - job->next_g[i];
    }
    if (tp__dot(n, s, y) > 1e-12 * sqrt(tp__dot(n, s, s) * tp__dot(n, y, y)))
        ++*count;
    return true;
}

static int64_t lbfgs_room(int64_t n)
{
    return 2 * LBFGS_PAIRS * n + 1;
}

const tp__method tp__method_lbfgs = {.name = "L-BFGS", .room = lbfgs_room, .step = lbfgs_step};
