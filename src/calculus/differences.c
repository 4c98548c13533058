/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "calculus/differences.h"

#include <math.h>
#include <stdbool.h>

enum {
    DIFFERENCES_PAIRS = 8,
    DIFFERENCES_TERMS = 3,
    DIFFERENCES_NARROWER = 8, /* widths */
    DIFFERENCES_WIDER = 6
};

static const double differences_deviations = 25; /* of five degrees of freedom: exceeded once in a
                                                  * million */
static const double differences_roundings = 64;  /* of values, at least */

static const double differences_ratio = 30, differences_rounding = 1e4;

/* y ≈ Σ coefficient[j] t^power[j] by Gram and Schmidt's orthogonal columns. Returns the coefficient
 * of the first power, and in *error its standard error. */
static double differences_fit(const double t[DIFFERENCES_PAIRS], double y[DIFFERENCES_PAIRS],
                              const int power[DIFFERENCES_TERMS], double *error)
{
    double first = 0, variance = 0, left = 0, q[DIFFERENCES_TERMS][DIFFERENCES_PAIRS];
    /* the last column to begin with, so that the first coefficient needs no substitution */
    for (int j = DIFFERENCES_TERMS - 1; j >= 0; j--) {
        double length = 0, dot = 0;
        for (int k = 0; k < DIFFERENCES_PAIRS; k++)
            q[j][k] = pow(t[k], power[j]);
        for (int i = DIFFERENCES_TERMS - 1; i > j; i--) {
            double along = 0;
            for (int k = 0; k < DIFFERENCES_PAIRS; k++)
                along += q[i][k] * q[j][k];
            for (int k = 0; k < DIFFERENCES_PAIRS; k++)
                q[j][k] -= along * q[i][k];
        }
        for (int k = 0; k < DIFFERENCES_PAIRS; k++)
            length += q[j][k] * q[j][k];
        length = sqrt(length);
        for (int k = 0; k < DIFFERENCES_PAIRS; k++) {
            q[j][k] /= length;
            dot += q[j][k] * y[k];
        }
        for (int k = 0; k < DIFFERENCES_PAIRS; k++)
            y[k] -= dot * q[j][k];
        first = dot / length;
        variance = 1 / (length * length);
    }
    for (int k = 0; k < DIFFERENCES_PAIRS; k++)
        left += y[k] * y[k];
    *error = sqrt(variance * left / (DIFFERENCES_PAIRS - DIFFERENCES_TERMS));
    return first;
}

/* What width h tells. Values are fitted over t / h. */
static tp__slope differences_at(const tp__differences *job, double h)
{
    static const int odd[] = {1, 3, 5}, even[] = {1, 2, 4};
    double t[DIFFERENCES_PAIRS] = {1}, turned[DIFFERENCES_PAIRS], bent[DIFFERENCES_PAIRS];
    tp__slope s = {.error = (double)INFINITY, .kink_error = (double)INFINITY};
    s.largest = fabs(job->at_0);
    for (int k = 0; k < DIFFERENCES_PAIRS; k++) {
        if (k)
            t[k] = t[k - 1] * 0.8;
        double right = job->f(job->ctx, h * t[k]), left = job->f(job->ctx, -h * t[k]);
        double change = fmax(fabs(right - job->at_0), fabs(left - job->at_0));
        if (!isfinite(right) || !isfinite(left) || !isfinite(job->at_0))
            return s;
        turned[k] = right / 2 - left / 2;
        bent[k] = (right / 2 - job->at_0 / 2) + (left / 2 - job->at_0 / 2);
        s.secant = fmax(s.secant, change / (h * t[k]));
        s.largest = fmax(s.largest, fmax(fabs(right), fabs(left)));
    }
    double floor = differences_roundings * job->epsilon * fmax(s.largest / h, s.secant), error;
    s.value = differences_fit(t, turned, odd, &error) / h;
    s.error = differences_deviations * error / h + floor;
    s.kink = differences_fit(t, bent, even, &error) / h;
    s.kink_error = differences_deviations * error / h + floor;
    return s;
}

/* A width that f is constant over, though not over wider ones, is lost in rounding. */
static tp__slope differences_narrower(const tp__differences *job, const tp__slope *wide, double h)
{
    tp__slope s = differences_at(job, h);
    if (s.secant == 0 && wide->secant > 0)
        s.error = s.kink_error = (double)INFINITY;
    return s;
}

static bool differences_near(const tp__differences *job, const tp__slope *s)
{
    return fabs(job->expected - s->value) <= job->tolerance * fabs(s->value) + s->error;
}

/* True if s alone shows that the expected slope is right. */
static bool differences_settle(const tp__differences *job, const tp__slope *s)
{
    bool constant = s->secant == 0 && job->expected == 0 && isfinite(s->error);
    return constant || (s->error <= job->tolerance * fabs(s->value) && differences_near(job, s));
}

/* True if a tells more than b: has the smaller error, where `all` widths are looked at for what is
 * wrong relative to how f changes there. */
static bool differences_better(const tp__differences *job, const tp__slope *a, const tp__slope *b,
                               bool all)
{
    double size_a = all ? fmax(fmax(fabs(a->value), a->secant), job->size) : 1,
           size_b = all ? fmax(fmax(fabs(b->value), b->secant), job->size) : 1;
    return isfinite(a->error) && (!isfinite(b->error) || a->error * size_b < b->error * size_a);
}

/* Goes from the first width to others, by factors `ratio`, as long as they tell more, or all the
 * way. True if one settles it. */
static bool differences_walk(const tp__differences *job, double ratio, int widths, bool all,
                             tp__slope *best, double *width)
{
    const tp__slope first = *best;
    double h = job->width;
    for (int i = 0; i < widths; i++) {
        h *= ratio;
        tp__slope s = ratio < 1 ? differences_narrower(job, &first, h) : differences_at(job, h);
        bool settled = differences_settle(job, &s), better = differences_better(job, &s, best, all);
        if (better || settled) {
            *best = s;
            *width = h;
        }
        if (settled)
            return true;
        if (!better && !all && isfinite(best->error))
            return false;
    }
    return false;
}

/* A kink that differences of width h show is none if it goes away at narrower ones. */
static bool differences_is_kink(const tp__differences *job, const tp__slope *s, double h)
{
    double size = job->tolerance * fmax(fabs(s->value), s->secant);
    if (!(fabs(s->kink) > s->kink_error + size))
        return false;
    for (int i = 0; i < DIFFERENCES_NARROWER; i++) {
        h /= differences_ratio;
        tp__slope n = differences_narrower(job, s, h);
        if (!(n.kink_error < fabs(s->kink) / 2))
            return true;
        if (fabs(n.kink) < fabs(s->kink) / 2)
            return false;
    }
    return true;
}

static tp__verdict differences_judge(const tp__differences *job, const tp__slope *s, bool settled)
{
    if (s->kink != 0) {
        double between = fabs(s->kink) + s->error + s->kink_error;
        return fabs(job->expected - s->value) <= between ? TP__UNDECIDED : TP__DIFFERS;
    }
    if (settled)
        return TP__AGREES;
    double size = fmax(fmax(fabs(s->value), s->secant), job->size);
    if (differences_near(job, s))
        return isfinite(s->error) && s->error <= job->tolerance * size ? TP__AGREES : TP__UNDECIDED;
    /* what is not finite may be right where slopes grow without end */
    bool told = isfinite(job->expected) ? isfinite(s->error) : s->error <= fabs(s->value) / 10;
    return told ? TP__DIFFERS : TP__UNDECIDED;
}

tp__verdict tp__differences_compare(const tp__differences *job, tp__slope *found)
{
    double width = job->width;
    tp__slope best = differences_at(job, width);
    bool settled = differences_settle(job, &best);
    settled = settled || differences_walk(job, 1 / differences_ratio, DIFFERENCES_NARROWER, false,
                                          &best, &width);
    if (!settled && width == job->width &&
        best.error * width <= differences_rounding * job->epsilon * best.largest)
        settled = differences_walk(job, differences_ratio, DIFFERENCES_WIDER, false, &best, &width);
    if (!settled && !differences_near(job, &best))
        settled =
            differences_walk(job, 1 / differences_ratio, DIFFERENCES_NARROWER, true, &best, &width);
    if (!differences_is_kink(job, &best, width))
        best.kink = 0;
    *found = best;
    return differences_judge(job, &best, settled);
}
