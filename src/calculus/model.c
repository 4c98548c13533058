/* SPDX-License-Identifier: MIT
 *
 * The quadratic model at the point reached, and what may be claimed from it. Newton's step d solves
 * H d = −g. It promises −g·d / 2, whatever the units of x: relative to |f| that is the square of a
 * relative gradient, for sums of squares of the cosine between the residuals and the columns of
 * their Jacobian. Neither it nor |d[i]| / |x[i]| knows any scale.
 *
 * Where there are many variables, d comes from products with H.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/scope.h"

#define MODEL_TINY (DBL_EPSILON * DBL_EPSILON * DBL_EPSILON * DBL_EPSILON)

#define MODEL_NOISE 1e-13 /* in the elements of a scaled Hessian */
#define MODEL_ZERO 1e-20  /* of the value at the start: as good as 0, for a sum of squares */

enum { MODEL_PRODUCTS = 100 };

/* --- The Hessian --- */

/* Where x[i] ± a little lies, within bounds; how far apart the two are. */
static double model_beside(const tp__minimize *job, int64_t i, double sign, double *at)
{
    double largest = 0;
    for (int64_t k = 0; k < job->n; k++)
        largest = fmax(largest, fabs(job->x[k]));
    double size = job->x[i] != 0 ? fabs(job->x[i]) : largest > 0 ? largest : 1;
    memcpy(at, job->x, (size_t)job->n * sizeof *at);
    at[i] += sign * 6e-6 * size;
    tp__bounds_project(job, at);
    return at[i];
}

static bool model_differences(tp__minimize *job)
{
    int64_t n = job->n;
    double *at = job->model.spare, *low = at + n, *high = low + n, *h = job->model.hessian;
    for (int64_t i = 0; i < n && !tp__here()->code; i++) {
        double from = model_beside(job, i, -1, at);
        tp__minimize_at(job, at, low, NULL);
        double width = model_beside(job, i, 1, at) - from;
        tp__minimize_at(job, at, high, NULL);
        for (int64_t k = 0; k < n; k++)
            h[i * n + k] = width > 0 ? (high[k] - low[k]) / width : 0;
    }
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < i; k++)
            h[i * n + k] = h[k * n + i] = (h[i * n + k] + h[k * n + i]) / 2;
    return !tp__here()->code;
}

/* The error of a function whose second derivative nobody gave is no error of the search. */
static bool model_lacks_second(tp__minimize *job)
{
    if (tp_status() != TP_ERROR_GRAPH)
        return false;
    tp_clear_error();
    return job->model.differences = true;
}

bool tp__model_hessian(tp__minimize *job)
{
    tp__model *m = &job->model;
    if (m->known == job->iteration)
        return true;
    if (!m->differences)
        tp__minimize_at(job, job->x, NULL, m->hessian);
    if (m->differences || model_lacks_second(job))
        model_differences(job);
    if (tp__here()->code)
        return false;
    for (int64_t i = 0; i < job->n * job->n; i++)
        if (!isfinite(m->hessian[i])) {
            job->stop = TP_STOP_SEARCH;
            return false;
        }
    m->known = job->iteration;
    return true;
}

/* --- Newton's step by a factor of the Hessian, scaled to a diagonal of 1 --- */

static bool model_is_held(const tp__minimize *job, int64_t i)
{
    return job->lower && job->held[i] > 0;
}

/* 0 for a variable without any influence, which is left out. */
static void model_scale(const tp__minimize *job, double *scale)
{
    int64_t n = job->n;
    for (int64_t i = 0; i < n; i++) {
        const double *row = job->model.hessian + i * n;
        double largest = fabs(row[i]);
        for (int64_t k = 0; k < n && row[i] == 0; k++)
            largest = fmax(largest, fabs(row[k]));
        scale[i] = largest > 0 ? 1 / sqrt(largest) : job->reduced[i] != 0 ? 1 : 0;
    }
}

static double model_element(const tp__minimize *job, const double *scale, int64_t i, int64_t k)
{
    if (model_is_held(job, i) || model_is_held(job, k) || scale[i] == 0 || scale[k] == 0)
        return i == k;
    return scale[i] * scale[k] * job->model.hessian[i * job->n + k];
}

/* The lower factor of the scaled Hessian with a shift; false if that is not positive definite. */
static bool model_factor(const tp__minimize *job, const double *scale, double shift)
{
    int64_t n = job->n;
    double *l = job->model.factor;
    for (int64_t k = 0; k < n; k++) {
        double pivot = model_element(job, scale, k, k) + shift - tp__dot(k, l + k * n, l + k * n);
        if (!(pivot > 0 && pivot < HUGE_VAL))
            return false;
        l[k * n + k] = sqrt(pivot);
        for (int64_t i = k + 1; i < n; i++)
            l[i * n + k] =
                (model_element(job, scale, i, k) - tp__dot(k, l + i * n, l + k * n)) / l[k * n + k];
    }
    return true;
}

/* Factors with a shift that is no larger than needed, but for a factor of 2. */
static double model_shift(const tp__minimize *job, const double *scale)
{
    double low = 0, high = 0;
    while (!model_factor(job, scale, high) && high < 1e300) {
        low = high;
        high = high > 0 ? 16 * high : 1e-14;
    }
    while (high > MODEL_NOISE && high > 2.5 * low) {
        double middle = sqrt(low * high);
        if (model_factor(job, scale, middle))
            high = middle;
        else
            low = middle;
    }
    if (high > MODEL_NOISE)
        model_factor(job, scale, high);
    return high;
}

static void model_solve(tp__minimize *job)
{
    tp__model *m = &job->model;
    int64_t n = job->n;
    double *scale = m->spare, *g = scale + n;
    model_scale(job, scale);
    double shift = model_shift(job, scale);
    m->convex = shift <= MODEL_NOISE * (double)(n + 9);
    for (int64_t i = 0; i < n; i++)
        g[i] = scale[i] * job->reduced[i];
    tp__solve_factored(n, m->factor, g, m->step);
    for (int64_t i = 0; i < n; i++)
        m->step[i] *= scale[i];
}

/* |d[i] / x[i]|; an element near 0 is measured by the whole, each as its curvature weighs it. */
static double model_far(const tp__minimize *job)
{
    const tp__model *m = &job->model;
    int64_t n = job->n;
    double whole = 0, far = 0;
    for (int64_t i = 0; i < n; i++) {
        double weight = m->hessian ? sqrt(fabs(m->hessian[i * n + i])) : 1;
        whole = hypot(whole, weight * job->x[i]);
    }
    for (int64_t i = 0; i < n; i++) {
        double weight = m->hessian ? sqrt(fabs(m->hessian[i * n + i])) : 1;
        double least = weight > 0 ? job->options.step_tolerance * whole / weight : 0;
        double size = fmax(fabs(job->x[i]), least), d = fabs(m->step[i]);
        far = d > 0 ? fmax(far, size > 0 ? d / size : HUGE_VAL) : isnan(d) ? d : far;
    }
    return far;
}

/* A variable has no influence any more that had some. */
static bool model_fades(tp__minimize *job)
{
    tp__model *m = &job->model;
    bool fades = false;
    for (int64_t i = 0; i < job->n; i++) {
        double bend = fabs(m->hessian[i * job->n + i]), x = job->x[i];
        bool none = x != 0 && bend * x * x <= 1e-24 * fabs(job->value);
        fades = fades || (none && bend <= 1e-16 * m->curvature[i] && !model_is_held(job, i));
        m->curvature[i] = fmax(m->curvature[i], bend);
    }
    return fades;
}

/* What the step promises; held variables go to their bounds. */
static double model_promise(tp__minimize *job)
{
    tp__model *m = &job->model;
    double promise = 0;
    for (int64_t i = 0; i < job->n; i++) {
        bool held = model_is_held(job, i);
        if (held)
            m->step[i] = (job->g[i] > 0 ? job->lower[i] : job->upper[i]) - job->x[i];
        promise -= (held ? 1 : 0.5) * job->g[i] * m->step[i];
    }
    return promise;
}

static bool model_by_products(tp__minimize *job)
{
    tp__products products;
    tp__model *m = &job->model;
    size_t scope = tp_scope_begin();
    double size = fabs(job->value), tolerance = job->options.tolerance;
    double enough = fmax(tolerance * tolerance, job->options.value_tolerance) * size;
    m->convex = tp__products_begin(job, &products) &&
                tp__products_solve(job, &products, 1e-3, enough, MODEL_PRODUCTS, m->step, m->spare);
    tp_scope_end(scope);
    if (model_lacks_second(job))
        memset(m->step, 0, (size_t)job->n * sizeof *m->step);
    return !tp__here()->code;
}

bool tp__model_make(tp__minimize *job)
{
    tp__model *m = &job->model;
    m->fades = m->convex = false;
    m->decrease = m->far = HUGE_VAL;
    if (m->hessian) {
        if (!tp__model_hessian(job))
            return !tp__here()->code;
        model_solve(job);
        m->fades = model_fades(job);
    } else if (!model_by_products(job)) {
        return false;
    }
    m->decrease = model_promise(job);
    m->far = model_far(job);
    return true;
}

/* --- Claims --- */

bool tp__minimize_claim(tp__minimize *job, double decrease, double far, bool stuck)
{
    const tp_minimize_options *o = &job->options;
    double size = fabs(job->value) + MODEL_TINY * fabs(job->first);
    job->stop = !(decrease >= 0)                                     ? TP_STOP_SEARCH
                : decrease <= o->tolerance * o->tolerance * size     ? TP_STOP_GRADIENT
                : far <= o->step_tolerance                           ? TP_STOP_STEP
                : decrease <= o->value_tolerance * size              ? TP_STOP_VALUE
                : stuck && decrease <= 64 * DBL_EPSILON * job->value ? TP_STOP_ROUNDING
                                                                     : TP_STOP_SEARCH;
    return job->stop != TP_STOP_SEARCH;
}

static bool model_is_stationary(const tp__minimize *job)
{
    for (int64_t i = 0; i < job->n; i++)
        if (job->reduced[i] != 0)
            return false;
    return true;
}

/* Some direction has no curvature but for rounding: an element of the inverse is that large. */
static bool model_is_flat(const tp__minimize *job)
{
    const tp__model *m = &job->model;
    int64_t n = job->n;
    double *unit = m->spare, *column = unit + n;
    for (int64_t k = 0; m->hessian && k < n; k++) {
        memset(unit, 0, (size_t)n * sizeof *unit);
        unit[k] = 1;
        tp__solve_lower(n, m->factor, unit, column);
        if (tp__dot(n, column, column) * MODEL_NOISE * (double)(n + 9) >= 1)
            return true;
    }
    return false;
}

/* A sum of squares that is 0 but for rounding, where no curvature is left to tell the way. */
static bool model_has_sunk(const tp__minimize *job)
{
    double gain = job->before - job->value;
    return job->iteration > 0 && fabs(job->value) <= MODEL_ZERO * fabs(job->first) &&
           gain <= 1e-2 * fabs(job->value);
}

bool tp__model_claims(tp__minimize *job, bool stuck)
{
    const tp__model *m = &job->model;
    bool claims = isfinite(job->value) && tp__minimize_claim(job, m->decrease, m->far, stuck);
    job->next_look = job->iteration + 1 + (job->method->fixed_rate ? job->iteration / 5 : 0);
    if (m->convex && model_has_sunk(job) && model_is_flat(job)) {
        job->stop = TP_STOP_ROUNDING;
        return true;
    }
    if (claims && m->convex) {
        bool zero = fabs(job->value) <= MODEL_ZERO * fabs(job->first);
        job->stop = m->fades || (!zero && model_is_flat(job)) ? TP_STOP_FLAT : job->stop;
        return true;
    }
    job->stop = !m->convex && model_is_stationary(job) ? TP_STOP_SADDLE : TP_STOP_SEARCH;
    return job->stop == TP_STOP_SADDLE;
}

/* The last step, or what it gained, was small. */
static bool model_is_near(const tp__minimize *job)
{
    bool small = job->iteration > 0;
    for (int64_t i = 0; i < job->n && small; i++)
        small = fabs(job->x[i] - job->next_x[i]) <= 1e-4 * fabs(job->x[i]);
    return small || (job->iteration > 0 && job->before - job->value <= 1e-8 * fabs(job->value));
}

bool tp__model_is_due(const tp__minimize *job)
{
    if (job->model.known == job->iteration || job->method->whole)
        return true;
    return job->iteration >= job->next_look && (model_is_near(job) || model_is_stationary(job));
}

bool tp__model_step(tp__minimize *job)
{
    if (job->method->fixed_rate || job->method->whole || !(job->model.decrease > 0) ||
        job->model.decrease == HUGE_VAL)
        return false;
    memcpy(job->d, job->model.step, (size_t)job->n * sizeof *job->d);
    return tp__line_search(job, 1, 0.9);
}
