/* SPDX-License-Identifier: MIT
 *
 * Looking at the function itself beside the point reached, before a claim is made.
 *
 * Second derivatives tell a minimum where they are positive along every direction. Where some
 * direction has none but for rounding, higher derivatives decide (x³, x⁴, −x⁴), and where a kink
 * passes through the point none do (−|x|). So values on both sides are compared, along random
 * directions among those without curvature: the nearest distance at which they differ by more than
 * rounding counts. Rounding is what values differ by a billionth of x away, if that is more than
 * the last digits of the value and what the model promises.
 *
 * A point may be higher along every line and yet no minimum, as (y − x²)(y − 2 x²) at 0: a few
 * steps down from beside must not end lower. Along a direction with hardly any curvature, where
 * others have some, these steps go down across it only, to the floor of a valley that may be bent,
 * and the floor must rise by more than rounding too: what lines show there is how the valley is
 * bent.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/thread.h"

#define PROBE_NEAR 1e-9   /* of x: values differ by rounding only */
#define PROBE_SMOOTH 1e-4 /* of x: the model should hold */
#define PROBE_QUIET 1e-6  /* of the value: rounding that does not hide the function */
#define PROBE_LONG 1e-4   /* of x[i]: a step beyond that has to be seen to end … */
#define PROBE_LEAST 1e-6  /* … not nearer than this, where rounding may hide it, … */
#define PROBE_WHOLE 4     /* … or than this, where f is as good as 0 all the way */
#define PROBE_STIFF 100   /* of the rise along v: what keeps a point of the floor away from x */

enum {
    PROBE_DIRECTIONS = 8,
    PROBE_SEARCHES = 4,
    PROBE_STEPS = 8,
    PROBE_LONG_STEPS = 20,
    PROBE_TURNS = 30
};

static const double probe_far[] = {1e-6, 1e-4, 1e-2, 1e-1};

enum { PROBE_FAR = sizeof probe_far / sizeof *probe_far };

typedef struct probe {
    tp__minimize *job;
    const double *size;
    double *v, *at, *w; /* a direction; a point; room */
    uint64_t state;
    int searches;
    bool valley;  /* v has hardly any curvature, and others have */
    double noise; /* the largest that was met */
} probe;

/* How large x[i] is: where it is nothing beside what it was at the start, as large as that; where
 * it was 0 there, as the largest was. */
static void probe_sizes(const tp__minimize *job, double *size)
{
    double whole = 0;
    for (int64_t i = 0; i < job->n; i++)
        whole = fmax(whole, fabs(job->origin[i]));
    for (int64_t i = 0; i < job->n; i++) {
        double x = fabs(job->x[i]), origin = fabs(job->origin[i]);
        double least = origin > 0 ? origin : whole > 0 ? whole : 1;
        size[i] = x > DBL_EPSILON * least ? x : least;
    }
}

static probe probe_of(tp__minimize *job)
{
    double *room = job->model.beside;
    probe_sizes(job, room);
    return (probe){job, room, room + job->n, room + 2 * job->n, room + 3 * job->n, 1, 0, false, 0};
}

/* --- Directions --- */

static bool probe_has_influence(const tp__minimize *job, int64_t i)
{
    bool any = tp__bounds_is_held(job, i);
    for (int64_t k = 0; k < job->n && !any; k++)
        any = job->model.hessian[i * job->n + k] != 0;
    return any;
}

static bool probe_has_curvature(const tp__minimize *job)
{
    bool any = false;
    for (int64_t i = 0; i < job->n && !any; i++)
        any = !tp__bounds_is_held(job, i) && probe_has_influence(job, i);
    return any;
}

bool tp__probe_all_matter(const tp__minimize *job)
{
    for (int64_t i = 0; job->model.hessian && i < job->n; i++)
        if (!probe_has_influence(job, i))
            return false;
    return true;
}

double tp__probe_weakness(const tp__minimize *job)
{
    const tp__model *m = &job->model;
    int64_t n = job->n;
    double *unit = m->beside, *column = unit + n, trace = 0;
    for (int64_t k = 0; m->hessian && k < n; k++) {
        memset(unit, 0, (size_t)n * sizeof *unit);
        unit[k] = 1;
        tp__solve_lower(n, m->factor, unit, column);
        trace += probe_has_influence(job, k) ? tp__dot(n, column, column) : HUGE_VAL;
    }
    return trace;
}

bool tp__probe_is_flat(const tp__minimize *job)
{
    return tp__probe_weakness(job) * TP__QUADRATIC_NOISE * (double)(job->n + 9) >= 1;
}

/* v ← a multiple whose largest element beside x is 1. */
static void probe_stretch(const probe *p)
{
    double most = 0;
    for (int64_t i = 0; i < p->job->n; i++)
        most = fmax(most, fabs(p->v[i]) / p->size[i]);
    for (int64_t i = 0; i < p->job->n && most > 0; i++)
        p->v[i] /= most;
}

static void probe_any(probe *p)
{
    for (int64_t i = 0; i < p->job->n; i++)
        p->v[i] = tp__bounds_is_held(p->job, i) ? 0 : tp__random(&p->state) * p->size[i];
}

/* v ← a random direction among those with the least curvature, by inverse iteration with the
 * model's factor; nothing if it shows none that is weak, and `bent` is not asked for. */
static void probe_least(probe *p, bool bent)
{
    const tp__model *m = &p->job->model;
    int64_t n = p->job->n;
    double *u = p->v, length = 1;
    for (int64_t i = 0; i < n; i++)
        u[i] = probe_has_influence(p->job, i) ? tp__random(&p->state) : 0;
    for (int turn = 0; turn < (bent ? PROBE_TURNS : 2) && length > 0; turn++) {
        length = sqrt(tp__dot(n, u, u));
        for (int64_t i = 0; i < n; i++)
            p->w[i] = length > 0 ? u[i] / length : 0;
        tp__solve_factored(n, m->factor, p->w, u);
        if (turn == 0 && !bent && sqrt(tp__dot(n, u, u)) * TP__MODEL_WEAK < 1e-2)
            length = 0;
    }
    for (int64_t i = 0; i < n; i++)
        u[i] = length > 0 && !tp__bounds_is_held(p->job, i) ? m->scale[i] * u[i] : 0;
    probe_stretch(p);
    for (int64_t i = 0; i < n && !bent; i++)
        if (!probe_has_influence(p->job, i))
            p->v[i] = tp__random(&p->state) * p->size[i];
    probe_stretch(p);
}

/* --- Values beside --- */

/* f(x + t v) − f(x); HUGE_VAL if that is no number, or not within the bounds. */
static double probe_rise(const probe *p, double t)
{
    tp__minimize *job = p->job;
    bool moved = false;
    for (int64_t i = 0; i < job->n; i++)
        p->at[i] = job->x[i] + t * p->v[i];
    tp__bounds_project(job, p->at);
    for (int64_t i = 0; i < job->n; i++)
        moved = moved || (p->at[i] != job->x[i] && p->v[i] != 0);
    double rise = moved ? tp__minimize_at(job, p->at, NULL, NULL) - job->value : HUGE_VAL;
    return isnan(rise) ? HUGE_VAL : rise;
}

/* What steps down from x + t v lead to, beside x. */
static tp__descent probe_descent(const probe *p, double t, const double *across, double stiff)
{
    tp__minimize *job = p->job;
    tp__descent descent = {p->at, across, stiff, across ? PROBE_LONG_STEPS : PROBE_STEPS, 0, 0};
    for (int64_t i = 0; i < job->n; i++)
        p->at[i] = job->x[i] + t * p->v[i];
    job->descend(job, &descent);
    descent.value -= job->value;
    return descent;
}

/* Steps down from x + t v end lower than x by more than `noise`. */
static bool probe_descends(probe *p, double t, double noise)
{
    if (p->searches++ >= PROBE_SEARCHES || tp__here()->code)
        return false;
    return probe_descent(p, t, NULL, 0).value < -noise;
}

/* What a value that is lower has to be lower by: the last digits; more than the model promises;
 * more than there is above 0, where that is as good as 0. */
static double probe_noise(const tp__minimize *job)
{
    double known = job->model.decrease, last = 16 * DBL_EPSILON * fabs(job->value);
    last = tp__model_is_zero(job) ? fmax(last, fabs(job->value)) : last;
    return known > 0 && known < HUGE_VAL ? fmax(last, 4 * known) : last;
}

/* rise is more than noise: twice and four times as far it is the more. */
static bool probe_grows(const probe *p, double t, double rise)
{
    for (int k = 0; k < 2; k++) {
        double before = rise;
        t *= 2;
        rise = probe_rise(p, t);
        if (before != -HUGE_VAL && !(rise / before >= 1.5))
            return false;
    }
    return true;
}

/* The value on one side differs by more than noise: −1, 0 or 1. */
static int probe_side(const probe *p, double t, double rise, double noise)
{
    if (rise == HUGE_VAL)
        return 1;
    bool seen = rise < -noise || rise > 4 * noise;
    return seen && probe_grows(p, t, rise) ? (rise < 0 ? -1 : 1) : 0;
}

/* The same of the floor at x + t v, the least value across v. What steps down may still gain does
 * not count. */
static int probe_floor(const probe *p, double t, double noise)
{
    tp__minimize *job = p->job;
    double rise = probe_rise(p, t), whole = 0;
    if (rise == HUGE_VAL)
        return 1;
    for (int64_t i = 0; i < job->n; i++)
        whole += p->v[i] / p->size[i] * (p->v[i] / p->size[i]);
    for (int64_t i = 0; i < job->n; i++)
        p->w[i] = p->v[i] / p->size[i] / p->size[i] / whole;
    double stiff = PROBE_STIFF * fmax(fabs(rise), noise) / (t * t);
    tp__descent floor = probe_descent(p, t, p->w, stiff);
    return floor.value < -noise ? -1 : floor.value - 2 * floor.left > 4 * noise;
}

/* What is left of values that are higher along v, on both sides, from probe_far[k] on. Where
 * nothing tells a curvature from rounding the floor has to rise too: a valley that is bent rises
 * along every line. Else steps down from x + t v, the lower side, must not end lower. */
static tp__beside probe_confirm(probe *p, size_t k, double t, double noise)
{
    bool seen[2] = {false, false};
    if (!p->valley)
        return probe_descends(p, t, noise) ? TP__BESIDE_LOWER : TP__BESIDE_HIGHER;
    if (p->searches++ >= PROBE_SEARCHES)
        return TP__BESIDE_HIGHER;
    for (; k < PROBE_FAR && !tp__here()->code; k++)
        for (int i = 0; i < 2 && !(seen[0] && seen[1]); i++) {
            int side = seen[i] ? 1 : probe_floor(p, (i ? 1 : -1) * probe_far[k], noise);
            if (side < 0)
                return TP__BESIDE_LOWER;
            seen[i] = side > 0;
        }
    return seen[0] && seen[1] ? TP__BESIDE_HIGHER : TP__BESIDE_SAME;
}

/* The values along v, on both sides. */
static tp__beside probe_line(probe *p)
{
    double noise = probe_noise(p->job);
    bool seen[2] = {false, false};
    for (int side = -1; side <= 1; side += 2) {
        double rise = fabs(probe_rise(p, side * PROBE_NEAR));
        noise = rise < HUGE_VAL ? fmax(noise, 4 * rise) : noise;
    }
    p->noise = fmax(p->noise, noise);
    for (size_t k = 0; k < PROBE_FAR && !tp__here()->code; k++) {
        double t = probe_far[k], rise[2] = {probe_rise(p, -t), probe_rise(p, t)};
        for (int i = 0; i < 2; i++) {
            int side = probe_side(p, i ? t : -t, rise[i], noise);
            if (side < 0)
                return TP__BESIDE_LOWER;
            seen[i] = seen[i] || side > 0;
        }
        if (seen[0] && seen[1])
            return probe_confirm(p, k, rise[0] < rise[1] ? -t : t, noise);
    }
    return TP__BESIDE_SAME;
}

static bool probe_agrees(double sum, double expected, double noise)
{
    return fabs(sum - expected) <= 0.1 * sum + noise;
}

/* Along a random direction the value rises with the square of the distance, but for rounding, as
 * second derivatives say, or as it does twice as far away: no kink passes through. */
static bool probe_is_smooth(probe *p, double noise)
{
    const double *h = p->job->model.hessian;
    probe_any(p);
    double t = PROBE_SMOOTH, left = probe_rise(p, -t), right = probe_rise(p, t), sum = left + right;
    if (fmin(left, right) < -noise)
        return false;
    if (h && probe_agrees(sum, t * t * tp__quadratic_bend(p->job->n, h, p->v), noise))
        return true;
    left = probe_rise(p, -2 * t);
    right = probe_rise(p, 2 * t);
    return fmin(left, right) >= -noise && probe_agrees(sum, (left + right) / 4, noise);
}

/* v ← a step of every variable to that side whose derivative there says that f falls: beyond kinks
 * that are each of one variable. False if there is none. */
static bool probe_falling(probe *p, int side)
{
    tp__minimize *job = p->job;
    bool any = false;
    for (int64_t i = 0; i < job->n; i++) {
        p->v[i] = tp__bounds_is_held(job, i) ? 0 : side * p->size[i];
        p->at[i] = job->x[i] + *probe_far * p->v[i];
    }
    tp__bounds_project(job, p->at);
    tp__minimize_at(job, p->at, p->w, NULL);
    for (int64_t i = 0; i < job->n; i++) {
        p->v[i] = p->w[i] * p->v[i] < 0 ? p->v[i] : 0;
        any = any || p->v[i] != 0;
    }
    return any && !tp__here()->code;
}

static tp__beside probe_worse(tp__beside a, tp__beside b)
{
    return a > b ? a : b;
}

tp__beside tp__probe(tp__minimize *job, bool flat, bool bent, const double *along)
{
    probe p = probe_of(job);
    p.valley = flat && probe_has_curvature(job);
    tp__beside found = TP__BESIDE_HIGHER;
    int64_t few = job->n < TP__MODEL_WHOLE ? job->n : TP__MODEL_WHOLE;
    if (along) {
        memcpy(p.v, along, (size_t)job->n * sizeof *along);
        probe_stretch(&p);
        found = probe_line(&p);
    }
    if (!flat && !bent && probe_is_smooth(&p, probe_noise(job)))
        return found;
    for (int64_t i = 0; i < few + PROBE_DIRECTIONS && found != TP__BESIDE_LOWER; i++) {
        if (flat || bent)
            probe_least(&p, bent);
        else
            probe_any(&p);
        if (tp__dot(job->n, p.v, p.v) > 0)
            found = probe_worse(found, probe_line(&p));
        if (tp__here()->code)
            break;
    }
    for (int side = -1; side <= 1 && !flat && found != TP__BESIDE_LOWER; side += 2)
        if (probe_falling(&p, side))
            found = probe_worse(found, probe_line(&p));
    bool quiet = p.noise <= PROBE_QUIET * (fabs(job->value) + fabs(job->first));
    return found == TP__BESIDE_SAME && !flat && !bent && !along && quiet ? TP__BESIDE_HIGHER
                                                                         : found;
}

/* --- Where a step ends --- */

/* f(x + t v) falls no more along v: its slope is not what it was, `slope`, but of the other sign,
 * or a bound is met. */
static bool probe_rises(const probe *p, double t, double slope)
{
    tp__minimize *job = p->job;
    bool met = false;
    for (int64_t i = 0; i < job->n; i++)
        p->at[i] = job->x[i] + t * p->v[i];
    tp__bounds_project(job, p->at);
    for (int64_t i = 0; i < job->n; i++)
        met = met || p->at[i] != job->x[i] + t * p->v[i];
    if (met)
        return true;
    tp__minimize_at(job, p->at, p->w, NULL);
    return tp__dot(job->n, p->w, p->v) > -0.1 * slope;
}

bool tp__probe_turns(tp__minimize *job)
{
    probe p = probe_of(job);
    double slope = 0, most = 0, t = 2;
    for (int64_t i = 0; i < job->n; i++) {
        double d = job->model.step[i];
        bool far = fabs(d) > PROBE_LONG * fabs(job->x[i]) && !tp__bounds_is_held(job, i);
        p.v[i] = far ? d : 0;
        slope += p.v[i] * job->g[i];
        most = fmax(most, fabs(p.v[i]) / p.size[i]);
    }
    bool turns = !(slope < 0);
    double least = tp__model_is_zero(job) ? PROBE_WHOLE : PROBE_LEAST;
    for (; (t <= 128 || t * most <= least) && !turns && !tp__here()->code; t *= 4)
        turns = probe_rises(&p, t, slope);
    return turns;
}
