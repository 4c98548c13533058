/* SPDX-License-Identifier: MIT
 *
 * Methods that use second derivatives: whole Hessians, or products with them.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <string.h>

#include "base/scope.h"

/* --- Factors --- */

bool tp__factor_shifted(int64_t n, const double *a, double shift, double *l)
{
    for (int64_t j = 0; j < n; j++) {
        double d = a[j * n + j] + shift - tp__dot(j, l + j * n, l + j * n);
        if (!(d > 0 && d < HUGE_VAL))
            return false;
        l[j * n + j] = sqrt(d);
        for (int64_t i = j + 1; i < n; i++)
            l[i * n + j] = (a[i * n + j] - tp__dot(j, l + i * n, l + j * n)) / l[j * n + j];
    }
    return true;
}

void tp__solve_lower(int64_t n, const double *l, const double *g, double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (g[i] - tp__dot(i, l + i * n, x)) / l[i * n + i];
}

void tp__solve_factored(int64_t n, const double *l, const double *g, double *x)
{
    tp__solve_lower(n, l, g, x);
    for (int64_t i = n - 1; i >= 0; i--) {
        double sum = x[i];
        for (int64_t k = i + 1; k < n; k++)
            sum -= l[k * n + i] * x[k];
        x[i] = sum / l[i * n + i];
    }
    for (int64_t i = 0; i < n; i++)
        x[i] = -x[i];
}

/* The largest sum of a row's |elements|, which no eigenvalue exceeds; 1 if all are 0. */
static double newton_size(int64_t n, const double *h)
{
    double size = 0;
    for (int64_t i = 0; i < n; i++) {
        double sum = 0;
        for (int64_t k = 0; k < n; k++)
            sum += fabs(h[i * n + k]);
        size = fmax(size, sum);
    }
    return size > 0 ? size : 1;
}

/* --- Newton: as little is added to the diagonal as makes the Hessian positive definite --- */

static bool newton_step(tp__minimize *job)
{
    if (!(job->model.decrease < HUGE_VAL)) {
        job->stop = TP_STOP_SEARCH;
        return false;
    }
    memcpy(job->d, job->model.step, (size_t)job->n * sizeof *job->d);
    return tp__line_search(job, 1, 0.9);
}

const tp__method tp__method_newton = {.name = "Newton", .whole = true, .step = newton_step};

/* --- Products with the Hessian --- */

bool tp__model_lacks_second(tp__minimize *job)
{
    if (tp_status() != TP_ERROR_GRAPH)
        return false;
    tp_clear_error();
    return job->model.differences = true;
}

bool tp__products_begin(tp__minimize *job, tp__products *products)
{
    const tp_gradient_options recorded = {.create_graph = true, .size = sizeof recorded};
    *products = (tp__products){NULL, NULL};
    if (job->model.differences)
        return true;
    tp_var *x = tp__minimize_variable(job, job->x), *y = tp__minimize_value(job, x);
    if (job->method->begin)
        y = tp_sum(tp_square(y), NULL);
    *products = (tp__products){x, tp_is_poison(y) ? y : tp_gradient(y, x, &recorded)};
    return !tp_is_poison(products->g) || tp__model_lacks_second(job);
}

/* By differences of gradients, a little to both sides of x. */
static bool products_differ(tp__minimize *job, const double *v, double *to)
{
    double whole = sqrt(tp__dot(job->n, job->x, job->x)), length = sqrt(tp__dot(job->n, v, v));
    double step = length > 0 ? 6e-6 * (whole > 0 ? whole : 1) / length : 1;
    for (int side = -1; side <= 1; side += 2) {
        for (int64_t i = 0; i < job->n; i++)
            job->next_x[i] = job->x[i] + side * step * v[i];
        tp__bounds_project(job, job->next_x);
        tp__minimize_at(job, job->next_x, side < 0 ? job->next_g : to, NULL);
    }
    for (int64_t i = 0; i < job->n; i++)
        to[i] = (to[i] - job->next_g[i]) / (2 * step);
    return !tp__here()->code;
}

/* By a sweep over the gradient's graph. */
static bool products_sweep(tp__minimize *job, const tp__products *products, const double *v,
                           double *to)
{
    size_t scope = tp_scope_begin();
    tp__minimize_to_units(job, v, job->shown);
    tp_var *direction = tp_array(TP_F64, job->start->ndim, tp__shape(job->start), job->shown);
    bool mode = tp_set_grad_enabled(false);
    tp_var *product = tp_jvp(products->g, products->x, direction);
    tp_set_grad_enabled(mode);
    const double *from = tp_is_poison(product) ? NULL : tp_data(product);
    if (from)
        tp__minimize_to_units(job, from, to);
    tp_scope_end(scope);
    return from != NULL;
}

bool tp__products_times(tp__minimize *job, const tp__products *products, const double *v,
                        double *to)
{
    bool linear = !job->model.differences && !tp_requires_grad(products->g);
    if (linear)
        memset(to, 0, (size_t)job->n * sizeof *to);
    else if (!job->model.differences && !products_sweep(job, products, v, to))
        tp__model_lacks_second(job);
    if (job->model.differences)
        products_differ(job, v, to);
    for (int64_t i = 0; job->lower && i < job->n; i++)
        to[i] = job->held[i] != 0 ? 0 : to[i];
    return !tp__here()->code;
}

bool tp__products_least(tp__minimize *job, const tp__products *products, int64_t most, double *d,
                        double *work)
{
    int64_t n = job->n;
    double *r = work, *hd = r + n, largest = 0, noise = job->model.differences ? 1e-6 : 1e-12;
    uint64_t state = 1;
    for (int64_t i = 0; i < n; i++)
        d[i] = r[i] = tp__bounds_is_held(job, i) ? 0 : tp__random(&state);
    double rr = tp__dot(n, r, r), first = rr;
    for (int64_t k = 0; k < most && k < n && rr > 1e-24 * first; k++) {
        if (!tp__products_times(job, products, d, hd))
            return false;
        double dd = tp__dot(n, d, d), curvature = tp__dot(n, d, hd);
        largest = fmax(largest, fabs(curvature) / dd);
        if (!(curvature > noise * largest * dd))
            return true;
        double before = rr;
        for (int64_t i = 0; i < n; i++)
            r[i] -= rr / curvature * hd[i];
        rr = tp__dot(n, r, r);
        for (int64_t i = 0; i < n; i++)
            d[i] = r[i] + rr / before * d[i];
    }
    return false;
}

/* --- Newton by conjugate gradients: work is r, p and h p --- */

/* Enough is promised, by a step that is not too small to be one: size d. */
static bool products_suffice(const tp__minimize *job, const double *d, double size, double enough)
{
    double far = 0;
    if (!(-size * tp__dot(job->n, job->reduced, d) / 2 > enough))
        return false;
    for (int64_t i = 0; i < job->n; i++)
        far = fmax(far, job->x[i] != 0 ? size * fabs(d[i] / job->x[i]) : 0);
    return far > job->options.step_tolerance;
}

/* d ← size d; what was found. */
static bool products_solved(int64_t n, double *d, double size, bool found)
{
    for (int64_t i = 0; i < n; i++)
        d[i] *= size;
    return found;
}

/* With g / size, a power of 2, since squares of a small g are 0. */
bool tp__products_solve(tp__minimize *job, const tp__products *products, double rest, double enough,
                        int64_t most, double *d, double *work)
{
    int64_t n = job->n;
    double *r = work, *p = r + n, *hp = p + n, size = 0;
    for (int64_t i = 0; i < n; i++)
        size = fmax(size, fabs(job->reduced[i]));
    size = size > 0 && size < HUGE_VAL ? ldexp(1, ilogb(size)) : 1;
    for (int64_t i = 0; i < n; i++) {
        d[i] = 0;
        r[i] = job->reduced[i] / size;
        p[i] = -r[i];
    }
    double rr = tp__dot(n, r, r), least = rest * rest * rr;
    for (int64_t k = 0; k < most && rr > least && !products_suffice(job, d, size, enough); k++) {
        if (!tp__products_times(job, products, p, hp))
            return products_solved(n, d, size, false);
        double curvature = tp__dot(n, p, hp);
        if (!(curvature > 1e-14 * tp__dot(n, p, p))) {
            if (k == 0)
                memcpy(d, p, (size_t)n * sizeof *p);
            return products_solved(n, d, size, false);
        }
        double a = rr / curvature, before = rr;
        for (int64_t i = 0; i < n; i++) {
            d[i] += a * p[i];
            r[i] += a * hp[i];
        }
        rr = tp__dot(n, r, r);
        for (int64_t i = 0; i < n; i++)
            p[i] = rr / before * p[i] - r[i];
    }
    return products_solved(n, d, size, true);
}

#define NEWTON_CG_SOON 0.1 /* of d: what meets a bound later is cut off by the line search */

/* Within bounds: what d soon takes to a bound is held there, and d found again for the others. */
static void newton_cg_bounded(tp__minimize *job, const tp__products *products, double rest)
{
    int64_t n = job->n, most = 2 * n + 10;
    double *slope = job->work + 1;
    tp__products_solve(job, products, rest, HUGE_VAL, most, job->d, slope);
    bool met = false;
    while (!tp__here()->code && tp__bounds_meet(job, job->d, NEWTON_CG_SOON)) {
        met = true;
        for (int64_t i = 0; i < n; i++)
            job->d[i] = 0;
        tp__bounds_lead(job, job->d);
        if (!tp__products_times(job, products, job->d, slope))
            return;
        for (int64_t i = 0; i < n; i++)
            job->reduced[i] = tp__bounds_is_held(job, i) ? 0 : job->g[i] + slope[i];
        tp__products_solve(job, products, rest, HUGE_VAL, most, job->d, slope);
        tp__bounds_lead(job, job->d);
    }
    if (!met || tp__here()->code || tp__dot(n, job->g, job->d) < 0)
        return;
    tp__bounds_hold(job);
    tp__products_solve(job, products, rest, HUGE_VAL, most, job->d, slope);
}

/* The rest is the smaller, the nearer the end seems: |g| relative to what it was. */
static bool newton_cg_step(tp__minimize *job)
{
    tp__products products;
    size_t scope = tp_scope_begin();
    double length = sqrt(tp__dot(job->n, job->reduced, job->reduced)), *first = job->work;
    *first = job->iteration ? fmax(*first, length) : length;
    if (tp__products_begin(job, &products))
        newton_cg_bounded(job, &products, fmin(0.5, sqrt(length / *first)));
    tp_scope_end(scope);
    if (tp__here()->code)
        job->stop = TP_STOP_ERROR;
    return !tp__here()->code && tp__line_search(job, 1, 0.9);
}

static int64_t newton_cg_room(int64_t n)
{
    return 3 * n + 1;
}

const tp__method tp__method_newton_cg = {
    .name = "Newton-CG", .room = newton_cg_room, .step = newton_cg_step};

/* --- Trust region: work is h, its factor, three vectors, and the radius --- */

static int64_t region_room(int64_t n)
{
    return n > INT32_MAX ? -1 : 2 * n * n + 3 * n + 2;
}

static double region_length(int64_t n, const double *v)
{
    return sqrt(tp__dot(n, v, v));
}

/* The least g d + d h d / 2 for |d| ≤ radius, nearly: |d| is within a tenth of the radius, or the
 * step is Newton's. A shift λ of the diagonal brings the length down; below `bottom` the matrix is
 * not positive definite. */
static void region_solve(tp__minimize *job, const double *slope, double radius)
{
    int64_t n = job->n;
    double *h = job->work, *l = h + n * n, *q = l + n * n, shift = 0, bottom = 0;
    double top = newton_size(n, h) + region_length(n, slope) / radius;
    for (int i = 0; i < 60; i++) {
        if (!tp__factor_shifted(n, h, shift, l)) {
            bottom = fmax(bottom, shift);
            shift = fmax(sqrt(bottom * top), 0.5 * bottom + 1e-8 * top);
            continue;
        }
        tp__solve_factored(n, l, slope, job->d);
        double length = region_length(n, job->d);
        if ((shift == 0 && length <= radius) || fabs(length - radius) <= 0.1 * radius)
            return;
        if (length < radius)
            top = fmin(top, shift);
        else
            bottom = fmax(bottom, shift);
        tp__solve_lower(n, l, job->d, q);
        double ratio = length / region_length(n, q);
        double next = shift + ratio * ratio * (length - radius) / radius;
        shift = next > bottom && next < top ? next : bottom + 0.5 * (top - bottom);
        if (top - bottom <= 1e-12 * top)
            return;
    }
}

/* What the quadratic model loses along d. */
static double region_promise(const tp__minimize *job)
{
    return -tp__dot(job->n, job->g, job->d) -
           tp__quadratic_bend(job->n, job->model.hessian, job->d) / 2;
}

/* The solution for what is free; false if it takes more to their bounds. */
static bool region_within(tp__minimize *job, double radius)
{
    int64_t n = job->n;
    double *slope = job->work + 2 * n * n + 2 * n;
    memcpy(job->work, job->model.hessian, (size_t)(n * n) * sizeof *job->work);
    tp__bounds_reduce(job, job->work);
    tp__bounds_slope(job, job->model.hessian, job->d, slope);
    region_solve(job, slope, radius);
    tp__bounds_lead(job, job->d);
    return !tp__bounds_meet(job, job->d, 1);
}

/* next_x ← x + d, within the bounds, where d ends too. False if that is x. */
static bool region_try(tp__minimize *job, double radius)
{
    bool moved = false;
    tp__bounds_hold(job);
    while (!region_within(job, radius))
        continue;
    if (job->lower && !(region_promise(job) > 0)) {
        tp__bounds_hold(job);
        region_within(job, radius);
    }
    for (int64_t i = 0; i < job->n; i++)
        job->next_x[i] = job->x[i] + job->d[i];
    tp__bounds_project(job, job->next_x);
    for (int64_t i = 0; i < job->n; i++) {
        moved = moved || job->next_x[i] != job->x[i];
        if (job->lower)
            job->d[i] = job->next_x[i] - job->x[i];
    }
    return moved;
}

/* Tries steps in smaller and smaller regions until one is worth what the model promised. */
static bool region_step(tp__minimize *job)
{
    int64_t n = job->n;
    double *radius = job->work + 2 * n * n + 3 * n;
    if (!tp__model_hessian(job))
        return false;
    if (job->iteration == 0)
        *radius = fmax(region_length(n, job->x), region_length(n, job->reduced));
    for (int tries = 0; tries < 100; tries++) {
        bool moved = region_try(job, *radius);
        double length = region_length(n, job->d);
        double promise = region_promise(job);
        if (!moved) {
            job->stop = TP_STOP_SEARCH;
            return false;
        }
        double value = tp__minimize_at(job, job->next_x, job->next_g, NULL);
        if (tp__here()->code)
            return false;
        if (value == -HUGE_VAL) {
            job->stop = TP_STOP_UNBOUNDED;
            return false;
        }
        double noise = 1e-15 * fabs(job->value), gain = job->value - value;
        double worth = fabs(promise) <= noise && fabs(gain) <= 10 * noise ? 1 : gain / promise;
        if (!(worth >= 0.25))
            *radius = 0.25 * fmin(length, *radius);
        else if (worth > 0.75 && length > 0.8 * *radius)
            *radius *= 2;
        if (worth > 1e-4) {
            tp__minimize_accept(job, value);
            return true;
        }
    }
    job->stop = TP_STOP_SEARCH;
    return false;
}

const tp__method tp__method_trust_region = {
    .name = "trust region", .whole = true, .room = region_room, .step = region_step};
