/* SPDX-License-Identifier: MIT
 *
 * Bounds of variables, by projection and a set of held ones (Bertsekas 1982, "Projected Newton
 * methods for optimization problems with simple constraints").
 */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <string.h>

#include "array/array.h"

/* --- Reading --- */

static bool bounds_fill(const tp__minimize *job, const char *which, tp_var *bound, double none,
                        double *to)
{
    for (int64_t i = 0; i < job->n; i++)
        to[i] = none;
    if (!bound)
        return true;
    if (!tp__check_named(job->call, which, bound))
        return false;
    const tp_var *x = job->start;
    if (bound->dtype != TP_F64 || (bound->ndim && !tp__same_shape(bound, x->ndim, tp__shape(x)))) {
        char ours[TP__SHAPE_TEXT], theirs[TP__SHAPE_TEXT];
        tp_code code = bound->dtype != TP_F64 ? TP_ERROR_DTYPE : TP_ERROR_SHAPE;
        tp_fail(code, "%s: the %s bound is %s %s, expected float64 () or %s", job->call, which,
                tp_dtype_name((tp_dtype)bound->dtype),
                tp__shape_text(theirs, bound->ndim, tp__shape(bound)),
                tp__shape_text(ours, x->ndim, tp__shape(x)));
        return false;
    }
    const double *from = tp__elements(tp_detach(bound));
    for (int64_t i = 0; from && i < job->n; i++)
        to[i] = from[bound->ndim ? i : 0];
    return from != NULL;
}

bool tp__bounds_take(tp__minimize *job)
{
    const tp_minimize_options *o = &job->options;
    if (!bounds_fill(job, "lower", o->lower, -HUGE_VAL, job->lower) ||
        !bounds_fill(job, "upper", o->upper, HUGE_VAL, job->upper))
        return false;
    for (int64_t i = 0; i < job->n; i++)
        if (job->lower[i] == HUGE_VAL || job->upper[i] == -HUGE_VAL) {
            bool lower = job->lower[i] == HUGE_VAL;
            tp_fail(TP_ERROR_ARGUMENT, "%s: element %lld: the %s bound is %s", job->call,
                    (long long)i, lower ? "lower" : "upper", lower ? "inf" : "-inf");
            return false;
        } else if (!(job->lower[i] <= job->upper[i])) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "%s: element %lld: the lower bound %g is above the upper bound %g", job->call,
                    (long long)i, job->lower[i], job->upper[i]);
            return false;
        }
    return true;
}

/* --- Using --- */

static double bounds_clip(const tp__minimize *job, int64_t i, double x)
{
    return fmin(fmax(x, job->lower[i]), job->upper[i]);
}

void tp__bounds_project(const tp__minimize *job, double *x)
{
    for (int64_t i = 0; job->lower && i < job->n; i++)
        if (!isnan(x[i]))
            x[i] = bounds_clip(job, i, x[i]);
}

double tp__bounds_measure(const tp__minimize *job)
{
    double largest = 0;
    for (int64_t i = 0; i < job->n; i++) {
        double g = job->g[i];
        double move = job->lower ? job->x[i] - bounds_clip(job, i, job->x[i] - g) : g;
        if (isnan(g) || fabs(move) > largest)
            largest = isnan(g) ? g : fabs(move);
        if (isnan(largest))
            break;
    }
    return largest;
}

void tp__bounds_hold(tp__minimize *job)
{
    if (!job->lower) {
        job->reduced = job->g;
        return;
    }
    double hair = fmin(job->hair, tp__bounds_measure(job)); /* nearer as the search converges */
    for (int64_t i = 0; i < job->n; i++) {
        double g = job->g[i], x = job->x[i];
        job->held[i] = g > 0 && x <= job->lower[i] + hair ? -1 : g < 0 && x >= job->upper[i] - hair;
        job->reduced[i] = job->held[i] != 0 ? 0 : g;
    }
}

bool tp__bounds_is_held(const tp__minimize *job, int64_t i)
{
    return job->lower && job->held[i] != 0;
}

void tp__bounds_lead(const tp__minimize *job, double *d)
{
    for (int64_t i = 0; job->lower && i < job->n; i++)
        if (job->held[i] != 0)
            d[i] = (job->held[i] < 0 ? job->lower[i] : job->upper[i]) - job->x[i];
}

bool tp__bounds_meet(tp__minimize *job, const double *d, double part)
{
    bool met = false;
    for (int64_t i = 0; job->lower && i < job->n; i++) {
        double to = job->x[i] + part * d[i];
        if (job->held[i] != 0 || (to >= job->lower[i] && to <= job->upper[i]) || isnan(to))
            continue;
        job->held[i] = to < job->lower[i] ? -1 : 1;
        met = true;
    }
    return met;
}

void tp__bounds_slope(const tp__minimize *job, const double *hessian, double *d, double *slope)
{
    int64_t n = job->n;
    tp__bounds_lead(job, d);
    for (int64_t i = 0; i < n; i++) {
        slope[i] = tp__bounds_is_held(job, i) ? 0 : job->g[i];
        for (int64_t k = 0; job->lower && job->held[i] == 0 && k < n; k++)
            slope[i] += job->held[k] != 0 ? hessian[i * n + k] * d[k] : 0;
    }
}

void tp__bounds_reduce(const tp__minimize *job, double *hessian)
{
    int64_t n = job->n;
    for (int64_t i = 0; job->lower && i < n; i++) {
        if (job->held[i] == 0)
            continue;
        double diagonal = fabs(hessian[i * n + i]);
        for (int64_t k = 0; k < n; k++)
            hessian[i * n + k] = hessian[k * n + i] = 0;
        hessian[i * n + i] = diagonal > 0 ? diagonal : 1;
    }
}
