/* SPDX-License-Identifier: MIT
 *
 * Units in which the Hessian at the start has rows of about the same size: each row is divided by
 * the root of its largest element, and each column, again and again (Ruiz 2001). Where there are
 * many variables, rows are measured by products with random signs (Bradley 2010). Powers of 2, so
 * that changing units does not round.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <string.h>

#include "base/scope.h"

enum { UNITS_ROUNDS = 12, UNITS_PRODUCTS = 12, UNITS_ROUGH = 6, UNITS_RANGE = 400 };

static const double units_alike = 256;

/* unit[i] is divided by the root of size[i], where that is a number. */
static void units_divide(double *unit, int64_t n, const double *size)
{
    for (int64_t i = 0; i < n; i++)
        if (size[i] > 0 && isfinite(size[i]))
            unit[i] /= sqrt(size[i]);
}

static void units_by_hessian(const tp__minimize *job, double *unit, double *size)
{
    int64_t n = job->n;
    for (int round = 0; round < UNITS_ROUNDS; round++) {
        for (int64_t i = 0; i < n; i++) {
            size[i] = 0;
            for (int64_t k = 0; k < n; k++)
                size[i] = fmax(size[i], fabs(job->model.hessian[i * n + k]) * unit[i] * unit[k]);
        }
        units_divide(unit, n, size);
    }
}

/* One unit for all, where the units do not differ by more than products with random signs can tell.
 * Where a few stiff directions lie across variables that are alike, as in control, units of their
 * own would spread the curvatures of all other directions. */
static void units_unite(double *unit, int64_t n)
{
    double least = HUGE_VAL, most = 0;
    for (int64_t i = 0; i < n; i++)
        if (unit[i] != 1) {
            least = fmin(least, unit[i]);
            most = fmax(most, unit[i]);
        }
    for (int64_t i = 0; i < n && most <= units_alike * least; i++)
        unit[i] = unit[i] != 1 ? sqrt(least) * sqrt(most) : 1;
}

/* The first rounds find the units roughly, the last ones are averaged. */
static bool units_by_products(tp__minimize *job, double *unit, double *room)
{
    double *v = room, *size = v + job->n, *sum = size + job->n;
    uint64_t state = 1;
    tp__products products;
    size_t scope = tp_scope_begin();
    bool good = tp__products_begin(job, &products);
    memset(sum, 0, (size_t)job->n * sizeof *sum);
    for (int round = 0; round < UNITS_PRODUCTS && good; round++) {
        for (int64_t i = 0; i < job->n; i++)
            v[i] = copysign(unit[i], tp__random(&state));
        good = tp__products_times(job, &products, v, size);
        for (int64_t i = 0; i < job->n && good; i++) {
            size[i] = fabs(size[i]) * unit[i];
            sum[i] += round < UNITS_ROUGH ? 0 : size[i] * size[i] / (UNITS_PRODUCTS - UNITS_ROUGH);
        }
        if (good && round < UNITS_ROUGH)
            units_divide(unit, job->n, size);
    }
    for (int64_t i = 0; i < job->n; i++)
        size[i] = sqrt(sum[i]);
    units_divide(unit, job->n, size);
    units_unite(unit, job->n);
    tp_scope_end(scope);
    return good;
}

/* From the caller's units to those. */
static void units_enter(tp__minimize *job)
{
    int64_t n = job->n;
    for (int64_t i = 0; i < n; i++) {
        double unit = job->unit[i];
        job->x[i] /= unit;
        job->g[i] *= unit;
        if (job->lower) {
            job->lower[i] /= unit;
            job->upper[i] /= unit;
        }
        for (int64_t k = 0; job->model.known >= 0 && k < n; k++)
            job->model.hessian[i * n + k] *= unit * job->unit[k];
    }
}

bool tp__units_choose(tp__minimize *job)
{
    int64_t n = job->n;
    double *unit = job->model.step, *room = job->model.spare;
    bool known = false;
    for (int64_t i = 0; i < n; i++)
        unit[i] = 1;
    if (!job->model.hessian) {
        known = units_by_products(job, unit, room);
    } else if (tp__model_hessian(job)) {
        known = true;
        units_by_hessian(job, unit, room);
    }
    if (tp__here()->code)
        return false;
    for (int64_t i = 0; i < n; i++) {
        int power = 0;
        bool usable = known && unit[i] > 0 && isfinite(unit[i]) && unit[i] != 1;
        double size = usable ? unit[i] : job->x[i] != 0 ? fabs(job->x[i]) : 1;
        frexp(size, &power);
        power = power > UNITS_RANGE ? UNITS_RANGE : power < -UNITS_RANGE ? -UNITS_RANGE : power;
        job->unit[i] = ldexp(1, power);
        job->curved = job->curved || usable;
    }
    units_enter(job);
    return true;
}
