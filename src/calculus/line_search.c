/* SPDX-License-Identifier: MIT
 *
 * The strong Wolfe conditions at a step a along d, φ(a) = f(x + a d): φ(a) ≤ φ(0) + c1 a φ'(0) and
 * |φ'(a)| ≤ c2 |φ'(0)|. Steps grow until an interval holds such a point; then the interval shrinks
 * by cubic interpolation (Nocedal & Wright 2006, algorithms 3.5 and 3.6).
 *
 * With bounds φ(a) is f at the projection of x + a d. It has kinks where a variable meets its
 * bound, so a point where it is flat may not exist: fewer cuts, then the best point found.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#include <math.h>

#include "base/thread.h"

enum { SEARCH_GROWTHS = 40, SEARCH_CUTS = 40, SEARCH_CUTS_BOUNDED = 4 };

#define SEARCH_C1 1e-4

typedef struct search_point {
    double step, value, slope;
} search_point;

typedef struct search_job {
    tp__minimize *job;
    search_point start;
    double c2;
} search_job;

static search_point search_try(const search_job *s, double step)
{
    tp__minimize *job = s->job;
    for (int64_t i = 0; i < job->n; i++)
        job->next_x[i] = job->x[i] + step * job->d[i];
    tp__bounds_project(job, job->next_x);
    double value = tp__minimize_at(job, job->next_x, job->next_g, NULL), slope = 0;
    for (int64_t i = 0; i < job->n; i++)
        if (!job->lower || job->next_x[i] == job->x[i] + step * job->d[i])
            slope += job->next_g[i] * job->d[i];
    return (search_point){step, value, slope};
}

/* Values that differ by less than this count as equal: slopes tell which point is lower. */
static double search_noise(const search_job *s)
{
    return 4e-16 * fabs(s->start.value);
}

/* Not low enough, or no number. */
static bool search_high(const search_job *s, const search_point *p)
{
    double most = s->start.value + SEARCH_C1 * p->step * s->start.slope;
    return !(p->value <= most + search_noise(s));
}

static bool search_flat(const search_job *s, const search_point *p)
{
    return fabs(p->slope) <= -s->c2 * s->start.slope;
}

/* Where the cubic through both points is least, kept away from the interval's ends. */
static double search_between(const search_point *a, const search_point *b)
{
    double width = b->step - a->step, middle = a->step + width / 2;
    double t = a->slope + b->slope - 3 * (b->value - a->value) / width;
    double root = t * t - a->slope * b->slope;
    if (!(root >= 0))
        return middle;
    root = copysign(sqrt(root), width);
    double step = b->step - width * (b->slope + root - t) / (b->slope - a->slope + 2 * root);
    double edge = 0.1 * fabs(width), least = fmin(a->step, b->step) + edge;
    double most = fmax(a->step, b->step) - edge;
    return step >= least && step <= most ? step
           : isnan(step)                 ? middle
           : step < least                ? least
                                         : most;
}

static int search_cuts(const search_job *s, const search_point *low)
{
    return s->job->lower && low->step > 0 ? SEARCH_CUTS_BOUNDED : SEARCH_CUTS;
}

/* The interval is a point, or too short for a difference beyond rounding. */
static bool search_is_over(const search_job *s, const search_point *low, const search_point *high)
{
    double width = fabs(high->step - low->step);
    return width <= 1e-14 * fabs(low->step) || -s->start.slope * width <= 1e-2 * search_noise(s);
}

/* low is the better end of the interval that holds a point. */
static bool search_shrink(const search_job *s, search_point low, search_point high,
                          search_point *found)
{
    for (int i = 0; i < search_cuts(s, &low) && !tp__here()->code; i++) {
        search_point p = search_try(s, search_between(&low, &high));
        *found = p;
        if (search_high(s, &p) || p.value > low.value + search_noise(s)) {
            high = p;
            if (search_is_over(s, &low, &high))
                break;
            continue;
        }
        if (search_flat(s, &p))
            return true;
        if (p.slope * (high.step - low.step) >= 0)
            high = low;
        low = p;
        if (search_is_over(s, &low, &high))
            break;
    }
    *found = low.step > 0 && !tp__here()->code ? search_try(s, low.step) : low;
    return low.step > 0;
}

static bool search_grow(const search_job *s, double first, search_point *found)
{
    search_point before = s->start;
    double step = first;
    for (int i = 0; i < SEARCH_GROWTHS && !tp__here()->code; i++, step *= 2) {
        search_point p = search_try(s, step);
        *found = p;
        if (p.value == -HUGE_VAL)
            return false;
        if (search_high(s, &p) || (i > 0 && p.value > before.value + search_noise(s)))
            return search_shrink(s, before, p, found);
        if (search_flat(s, &p))
            return true;
        if (p.slope >= 0)
            return search_shrink(s, p, before, found);
        before = p;
    }
    return !tp__here()->code;
}

bool tp__line_search(tp__minimize *job, double first, double c2)
{
    tp__bounds_lead(job, job->d);
    search_job s = {job, {0, job->value, tp__dot(job->n, job->g, job->d)}, c2};
    search_point found = s.start;
    job->stop = TP_STOP_SEARCH;
    if (!(s.start.slope < 0) || !search_grow(&s, first, &found) || tp__here()->code) {
        job->stop = found.value == -HUGE_VAL ? TP_STOP_UNBOUNDED : job->stop;
        return false;
    }
    bool moved = false;
    for (int64_t i = 0; i < job->n; i++)
        moved = moved || job->next_x[i] != job->x[i];
    bool flat = search_flat(&s, &found) && found.value <= job->value + search_noise(&s);
    if (!moved || !(found.value < job->value || flat))
        return false;
    tp__minimize_accept(job, found.value);
    return true;
}
