/* SPDX-License-Identifier: MIT
 *
 * Methods that need gradients only.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#include <math.h>
#include <string.h>

#include "base/thread.h"

/* --- Fixed rates --- */

/* Goes to next_x, whatever its value. */
static bool descent_go(tp__minimize *job)
{
    tp__bounds_project(job, job->next_x);
    double value = tp__minimize_at(job, job->next_x, job->next_g, NULL);
    if (tp__here()->code)
        return false;
    tp__minimize_accept(job, value);
    return true;
}

static bool gradient_descent_step(tp__minimize *job)
{
    for (int64_t i = 0; i < job->n; i++)
        job->next_x[i] = job->x[i] - job->options.rate * job->g[i];
    return descent_go(job);
}

static bool momentum_step(tp__minimize *job)
{
    for (int64_t i = 0; i < job->n; i++) {
        job->work[i] = 0.9 * job->work[i] + job->g[i];
        job->next_x[i] = job->x[i] - job->options.rate * job->work[i];
    }
    return descent_go(job);
}

static bool adam_step(tp__minimize *job)
{
    double *m = job->work, *v = m + job->n, t = job->iteration + 1;
    double m_scale = 1 - pow(0.9, t), v_scale = 1 - pow(0.999, t);
    for (int64_t i = 0; i < job->n; i++) {
        m[i] = 0.9 * m[i] + 0.1 * job->g[i];
        v[i] = 0.999 * v[i] + 0.001 * job->g[i] * job->g[i];
        double step = m[i] / m_scale / (sqrt(v[i] / v_scale) + 1e-8);
        job->next_x[i] = job->x[i] - job->options.rate * step;
    }
    return descent_go(job);
}

static int64_t descent_one(int64_t n)
{
    return n;
}

static int64_t descent_two(int64_t n)
{
    return 2 * n;
}

const tp__method tp__method_gradient_descent = {
    .name = "gradient descent", .fixed_rate = true, .step = gradient_descent_step};
const tp__method tp__method_momentum = {
    .name = "momentum", .fixed_rate = true, .room = descent_one, .step = momentum_step};
const tp__method tp__method_adam = {
    .name = "adam", .fixed_rate = true, .room = descent_two, .step = adam_step};

/* --- Searching along a line --- */

static void descent_steepest(tp__minimize *job)
{
    for (int64_t i = 0; i < job->n; i++)
        job->d[i] = -job->reduced[i];
}

/* A first step: in units from curvature −g is about Newton's. Where nothing is known of curvature,
 * one as long as x at most. */
static double descent_first(const tp__minimize *job)
{
    double length = sqrt(tp__dot(job->n, job->reduced, job->reduced));
    double most = sqrt(tp__dot(job->n, job->x, job->x));
    most = most > 0 ? most : 1;
    return job->curved || length <= most ? 1 : most / length;
}

/* Searches along d, and if that fails along the gradient. */
static bool descent_search(tp__minimize *job, double first, double c2, bool *restarted)
{
    *restarted = false;
    if (tp__dot(job->n, job->g, job->d) < 0 && tp__line_search(job, first, c2))
        return true;
    if (tp__here()->code)
        return false;
    *restarted = true;
    tp__bounds_hold(job);
    descent_steepest(job);
    return tp__line_search(job, descent_first(job), c2);
}

/* work: the direction before, then its length of step. */
static bool conjugate_step(tp__minimize *job)
{
    int64_t n = job->n;
    double *before = job->work, *gradient = before + n, *last = gradient + n, beta = 0;
    if (job->iteration > 0) {
        double old = tp__dot(n, gradient, gradient);
        beta =
            fmax((tp__dot(n, job->reduced, job->g) - tp__dot(n, job->reduced, gradient)) / old, 0);
    }
    for (int64_t i = 0; i < n; i++)
        job->d[i] = beta * before[i] - job->reduced[i];
    double slope = tp__dot(n, job->reduced, job->d);
    double first = job->iteration > 0 && slope < 0 ? fmin(2 * *last / slope, 1e10) : 0;
    memcpy(gradient, job->reduced, (size_t)n * sizeof *gradient);
    double value = job->value;
    bool restarted;
    if (!descent_search(job, first > 0 ? first : descent_first(job), 0.1, &restarted))
        return false;
    memcpy(before, job->d, (size_t)n * sizeof *before);
    *last = job->value - value;
    return true;
}

static int64_t conjugate_room(int64_t n)
{
    return 2 * n + 1;
}

const tp__method tp__method_conjugate = {
    .name = "conjugate gradients", .room = conjugate_room, .step = conjugate_step};

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

/* h ← (I − ρ s yᵀ) h (I − ρ y sᵀ) + ρ s sᵀ */
static void bfgs_update_inverse(double *h, int64_t n, const double *s, const double *y, double *hy)
{
    double sy = tp__dot(n, s, y);
    bfgs_times(h, n, y, hy);
    double scale = (1 + tp__dot(n, y, hy) / sy) / sy;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            h[i * n + j] += scale * s[i] * s[j] - (hy[i] * s[j] + s[i] * hy[j]) / sy;
}

/* b ← b − b s sᵀ b / (s b s) + y yᵀ / (s y); y is drawn towards b s where there is too little
 * curvature, as beyond a kink (Powell 1978). */
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
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            b[i * n + j] += y[i] * y[j] / sy - bs[i] * bs[j] / sbs;
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
        bfgs_update_inverse(h, n, s, y, y + n);
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
    if (!descent_search(job, first ? descent_first(job) : 1, 0.9, &restarted))
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

enum { LBFGS_PAIRS = 8 };

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
    descent_steepest(job);
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

static bool lbfgs_step(tp__minimize *job)
{
    int64_t n = job->n;
    double *count = job->work + 2 * LBFGS_PAIRS * n;
    lbfgs_direction(job, (int64_t)*count);
    bool restarted;
    if (!descent_search(job, *count > 0 ? 1 : descent_first(job), 0.9, &restarted))
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
