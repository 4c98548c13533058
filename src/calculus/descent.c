/* SPDX-License-Identifier: MIT
 *
 * Methods that need the gradient at hand only, with fixed rates or by searching along lines.
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

void tp__descent_steepest(tp__minimize *job)
{
    for (int64_t i = 0; i < job->n; i++)
        job->d[i] = -job->reduced[i];
}

double tp__descent_first(const tp__minimize *job)
{
    double length = sqrt(tp__dot(job->n, job->reduced, job->reduced));
    double most = sqrt(tp__dot(job->n, job->x, job->x));
    most = most > 0 ? most : 1;
    return job->curved || length <= most ? 1 : most / length;
}

bool tp__descent_search(tp__minimize *job, double first, double c2, bool *restarted)
{
    *restarted = false;
    tp__bounds_lead(job, job->d);
    if (tp__dot(job->n, job->g, job->d) < 0 && tp__line_search(job, first, c2))
        return true;
    if (tp__here()->code)
        return false;
    *restarted = true;
    tp__bounds_hold(job);
    tp__descent_steepest(job);
    return tp__line_search(job, tp__descent_first(job), c2);
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
    if (!tp__descent_search(job, first > 0 ? first : tp__descent_first(job), 0.1, &restarted))
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
