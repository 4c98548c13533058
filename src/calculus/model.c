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

#define MODEL_ZERO 1e-20 /* of the value at the start: as good as 0, for a sum of squares */

#define MODEL_LITTLE 1e-8 /* of the value */

#define MODEL_NONE 1e-24  /* of the value, along x: no influence … */
#define MODEL_FADED 1e-16 /* … but there was some */

#define MODEL_DOUBT 1e-2 /* of other curvatures: one that a point's place may feign … */
#define MODEL_OTHER 4    /* … and that is less by this a little further */

#define MODEL_SLOW 1e-2 /* what an iteration gains, relative to |f|: progress is slow */
#define MODEL_WORTH 2   /* a Newton step gains this times what the step before did, … */

enum { MODEL_PRODUCTS = 100, MODEL_PAUSE = 8 /* … or the next one waits */ };

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

bool tp__model_hessian(tp__minimize *job)
{
    tp__model *m = &job->model;
    if (m->known == job->iteration)
        return true;
    if (!m->differences)
        tp__minimize_at(job, job->x, NULL, m->hessian);
    if (m->differences || tp__model_lacks_second(job))
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

bool tp__model_is_little(const tp__minimize *job, double decrease)
{
    double size = fabs(job->value) + MODEL_ZERO * fabs(job->first);
    return decrease <= MODEL_LITTLE * size;
}

/* |d[i] / x[i]|; if the step promises little, an element near 0 is measured by the whole, each as
 * its curvature weighs it. */
static double model_far(const tp__minimize *job)
{
    const tp__model *m = &job->model;
    int64_t n = job->n;
    double whole = 0, far = 0;
    for (int64_t i = 0; i < n && tp__model_is_little(job, m->decrease); i++) {
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
        bool none = x != 0 && m->curvature[i] > 0 && bend * x * x <= MODEL_NONE * fabs(job->value);
        fades =
            fades || (none && bend <= MODEL_FADED * m->curvature[i] && !tp__bounds_is_held(job, i));
        m->curvature[i] = fmax(m->curvature[i], bend);
    }
    return fades;
}

/* −g·d − d·H d / 2: half of −g·d where d solves H d = −g, as by products. */
static double model_promise(const tp__minimize *job)
{
    const tp__model *m = &job->model;
    double slope = -tp__dot(job->n, job->g, m->step);
    if (!m->hessian || !m->convex || !job->lower)
        return slope / 2;
    return slope - tp__quadratic_bend(job->n, m->hessian, m->step) / 2;
}

/* By products, along x / size: whether x itself has no influence any more. */
static bool model_fades_along(tp__minimize *job, const tp__products *products)
{
    tp__model *m = &job->model;
    double *v = m->spare, size = 0;
    for (int64_t i = 0; i < job->n; i++)
        size = fmax(size, fabs(job->x[i]));
    for (int64_t i = 0; i < job->n && size > 0; i++)
        v[i] = job->x[i] / size;
    if (!(size > 0) || !tp__products_times(job, products, v, m->scale))
        return false;
    double bend = fabs(tp__dot(job->n, v, m->scale)), whole = tp__dot(job->n, v, v);
    return bend * size * size <= MODEL_NONE * fabs(job->value) && bend <= MODEL_FADED * whole;
}

/* By products: a direction with little curvature or a negative one, into scale, if there seems to
 * be one; not if x fades. */
static bool model_least(tp__minimize *job)
{
    tp__products products;
    tp__model *m = &job->model;
    size_t scope = tp_scope_begin();
    bool good = tp__products_begin(job, &products);
    m->fades = good && model_fades_along(job, &products);
    bool found = good && !m->fades && !tp__here()->code &&
                 tp__products_least(job, &products, MODEL_PRODUCTS, m->scale, m->spare);
    tp_scope_end(scope);
    return found;
}

static bool model_by_products(tp__minimize *job)
{
    tp__products products;
    tp__model *m = &job->model;
    size_t scope = tp_scope_begin();
    double size = fabs(job->value), tolerance = job->options.tolerance;
    double enough = fmax(tolerance * tolerance, job->options.value_tolerance) * size;
    m->convex = tp__products_begin(job, &products) &&
                tp__products_solve(job, &products, 1e-6, enough, MODEL_PRODUCTS, m->step, m->spare);
    tp_scope_end(scope);
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
        m->convex = tp__quadratic_step(job, m->hessian, m->factor, m->spare, m->step);
        memcpy(m->scale, m->spare, (size_t)job->n * sizeof *m->scale);
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
    double size = fabs(job->value) + (job->value >= 0 ? MODEL_TINY * fabs(job->first) : 0);
    job->stop = !(decrease >= 0)                                           ? TP_STOP_SEARCH
                : decrease <= o->tolerance * o->tolerance * size           ? TP_STOP_GRADIENT
                : far <= o->step_tolerance                                 ? TP_STOP_STEP
                : decrease <= o->value_tolerance * size                    ? TP_STOP_VALUE
                : stuck && decrease <= 64 * DBL_EPSILON * fabs(job->value) ? TP_STOP_ROUNDING
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

bool tp__model_is_zero(const tp__minimize *job)
{
    return job->iteration > 0 && job->value >= 0 && job->value <= MODEL_ZERO * fabs(job->first);
}

/* A sum of squares that is 0 but for rounding, where no curvature is left to tell the way. */
static bool model_has_sunk(const tp__minimize *job)
{
    double gain = job->before - job->value;
    return tp__model_is_zero(job) && gain <= 1e-2 * fabs(job->value);
}

/* Where the values beside do not differ, one of many minima is found if f has fallen to 0, or is a
 * fit's; but not far out on a plateau. */
static bool model_is_one_of_many(const tp__minimize *job)
{
    return (tp__model_is_zero(job) || job->method->begin) && tp__probe_all_matter(job);
}

/* The least curvature is not the same where the step leads to that changes nothing else: it is that
 * of a point a little beside the floor of a valley, as y − x² < 0 makes it in (y − x²)². */
static bool model_is_beside(tp__minimize *job)
{
    tp__model *m = &job->model;
    double weakness = tp__probe_weakness(job), *at = m->beside;
    if (m->differences || weakness * MODEL_DOUBT < 1)
        return false;
    for (int64_t i = 0; i < job->n; i++)
        at[i] = job->x[i] + m->step[i];
    tp__bounds_project(job, at);
    m->known = -1;
    tp__minimize_at(job, at, NULL, m->hessian);
    bool convex = tp__quadratic_step(job, m->hessian, m->factor, m->spare, at);
    tp__bounds_hold(job);
    return !tp__here()->code && (!convex || tp__probe_weakness(job) > MODEL_OTHER * weakness);
}

tp_stop tp__model_verdict(tp__minimize *job)
{
    tp__model *m = &job->model;
    tp_stop claim = job->stop;
    bool bent = m->hessian && !m->convex;
    if (job->beside)
        return claim;
    bool flat = m->hessian && m->convex &&
                (tp__probe_weakness(job) * TP__MODEL_WEAK >= 1 || model_is_beside(job));
    const double *along = !m->hessian && model_least(job) ? m->scale : NULL;
    if (m->fades && !(m->hessian && tp__model_is_zero(job)))
        return TP_STOP_FLAT;
    tp__beside beside = tp__probe(job, flat, bent, along);
    if (beside == TP__BESIDE_LOWER)
        return TP_STOP_SADDLE;
    if (beside == TP__BESIDE_SAME && (flat || along) && !model_is_one_of_many(job))
        return TP_STOP_FLAT;
    if (beside == TP__BESIDE_SAME && !flat && !along && !bent)
        return TP_STOP_SEARCH; /* nothing but noise */
    return tp__probe_turns(job) ? claim : TP_STOP_FLAT;
}

/* The last step changed the value by rounding at most. */
static bool model_is_still(const tp__minimize *job)
{
    double gain = fabs(job->before - job->value);
    return job->iteration > 0 && gain <= 2 * DBL_EPSILON * fabs(job->value);
}

bool tp__model_claims(tp__minimize *job, bool stuck)
{
    const tp__model *m = &job->model;
    bool still = stuck || model_is_still(job);
    bool claims = isfinite(job->value) && tp__minimize_claim(job, m->decrease, m->far, still);
    job->next_look = job->iteration + 1 + (job->method->fixed_rate ? job->iteration / 5 : 0);
    if (!claims && m->convex && model_has_sunk(job) && tp__probe_is_flat(job)) {
        job->stop = TP_STOP_ROUNDING;
        claims = true;
    }
    if (claims && m->convex) {
        job->stop = tp__model_verdict(job);
        return job->stop != TP_STOP_SEARCH;
    }
    job->stop = stuck && job->value < -1e300             ? TP_STOP_UNBOUNDED
                : !m->convex && model_is_stationary(job) ? TP_STOP_SADDLE
                                                         : TP_STOP_SEARCH;
    return job->stop != TP_STOP_SEARCH;
}

/* The last step, or what it gained, was small; of few variables, if progress is slow. */
static bool model_is_near(const tp__minimize *job)
{
    bool small = true;
    double gain = job->before - job->value;
    for (int64_t i = 0; i < job->n && small; i++)
        small = fabs(job->x[i] - job->next_x[i]) <= 1e-4 * fabs(job->x[i]);
    return small || gain <= (job->model.hessian ? MODEL_SLOW : 1e-8) * fabs(job->value);
}

bool tp__model_is_due(const tp__minimize *job)
{
    if (job->model.known == job->iteration || job->method->whole)
        return true;
    return job->iteration >= job->next_look &&
           (model_is_stationary(job) || (job->iteration > 0 && model_is_near(job)));
}

bool tp__model_step(tp__minimize *job)
{
    if (job->method->fixed_rate || job->method->whole || !(job->model.decrease > 0) ||
        job->model.decrease == HUGE_VAL)
        return false;
    double usual = job->before - job->value;
    memcpy(job->d, job->model.step, (size_t)job->n * sizeof *job->d);
    if (!tp__line_search(job, 1, 0.9))
        return false;
    if (!(job->before - job->value > MODEL_WORTH * usual))
        job->next_look = job->iteration + MODEL_PAUSE;
    return true;
}
