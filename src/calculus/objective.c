/* SPDX-License-Identifier: MIT
 *
 * What methods, models and probes of a search ask of it: the objective's value and derivatives at
 * a point, and to go there.
 */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "calculus/implicit.h"

double tp__dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

double tp__random(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ldexp((double)(*state >> 11), -52) - 1;
}

void tp__minimize_to_units(const tp__minimize *job, const double *v, double *to)
{
    for (int64_t i = 0; i < job->n; i++)
        to[i] = job->unit ? job->unit[i] * v[i] : v[i];
}

tp_var *tp__minimize_variable(const tp__minimize *job, const double *v)
{
    tp__minimize_to_units(job, v, job->shown);
    return tp_variable(tp_array(TP_F64, job->start->ndim, tp__shape(job->start), job->shown));
}

tp_var *tp__minimize_value(tp__minimize *job, tp_var *x)
{
    job->evaluations++;
    tp_var *y = tp_is_poison(x) ? x : job->f(job->ctx, x);
    if (!y)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the function gave NULL", job->call);
    if (!tp_is_poison(y) && !job->method->begin && y->size != 1) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "%s: the function gave shape %s, expected one number",
                       job->call, tp__shape_text(text, y->ndim, tp__shape(y)));
    }
    if (!tp_is_poison(y) && job->evaluations == 1)
        job->others = tp__implicit_others(y, x);
    return y;
}

bool tp__minimize_depends(const tp__minimize *job, tp_var *y, tp_var *x)
{
    const tp_gradient_options options = {.size = sizeof options};
    size_t n = tp_leaves(y, 0, NULL), at = 0;
    tp_var **leaves = tp__alloc((n + 1) * sizeof *leaves);
    if (!leaves || tp_leaves(y, n, leaves) < n) /* out of memory */
        n = 0;
    while (at < n && leaves[at] != x)
        at++;
    bool found = at < n;
    tp__free(leaves);
    if (!found && !tp__here()->code && !tp_is_poison(tp_gradient(y, x, &options)))
        tp_fail(TP_ERROR_GRAPH,
                "%s: what the function gave does not depend on its x: it was computed from another "
                "value, or from x without recording (tp_detach, TP_NO_GRAD, integers)",
                job->call);
    return !tp__here()->code;
}

void tp__objective_copy(tp_var *v, int64_t n, double *to)
{
    const double *from = tp_is_poison(v) ? NULL : tp_data(v);
    if (from)
        memcpy(to, from, (size_t)n * sizeof *to);
}

static void objective_gradient(tp__minimize *job, tp_var *y, tp_var *x, double *gradient)
{
    const tp_gradient_options options = {.size = sizeof options};
    bool zero = true;
    tp__objective_copy(tp_gradient(y, x, &options), job->n, gradient);
    for (int64_t i = 0; i < job->n && !tp__here()->code; i++)
        zero = zero && gradient[i] == 0;
    if (!tp__here()->code && (!zero || tp__minimize_depends(job, y, x)))
        tp__minimize_to_units(job, gradient, gradient);
}

static void objective_hessian(tp__minimize *job, tp_var *y, tp_var *x, double *hessian)
{
    int64_t n = job->n;
    bool mode = tp_set_grad_enabled(false);
    tp__objective_copy(tp_hessian(y, x), n * n, hessian);
    tp_set_grad_enabled(mode);
    for (int64_t i = 0; job->unit && i < n * n; i++)
        hessian[i] *= job->unit[i / n] * job->unit[i % n];
}

double tp__minimize_at(tp__minimize *job, const double *x, double *gradient, double *hessian)
{
    size_t scope = tp_scope_begin();
    tp_var *at = tp__minimize_variable(job, x), *y = tp__minimize_value(job, at);
    if (!tp_is_poison(y) && job->method->begin)
        y = tp_sum(tp_square(y), NULL);
    if (!tp_is_poison(y) && gradient)
        objective_gradient(job, y, at, gradient);
    if (!tp_is_poison(y) && hessian)
        objective_hessian(job, y, at, hessian);
    double value = tp_is_poison(y) ? (double)NAN : tp_item(y);
    tp_scope_end(scope);
    if (tp__here()->code) {
        job->stop = TP_STOP_ERROR;
        return (double)NAN;
    }
    return value;
}

void tp__minimize_accept(tp__minimize *job, double value)
{
    double *x = job->x, *g = job->g;
    job->x = job->next_x;
    job->g = job->next_g;
    job->next_x = x;
    job->next_g = g;
    job->before = job->value;
    job->value = value;
}

/* --- Why a search ended --- */

const char *tp_stop_text(tp_stop stop)
{
    static const char *const texts[] = {
        [TP_STOP_GRADIENT] = "converged: the gradient is within tolerance",
        [TP_STOP_STEP] = "converged: a further step would not change x beyond tolerance",
        [TP_STOP_ITERATIONS] = "stopped at the number of iterations allowed",
        [TP_STOP_CALLBACK] = "stopped by the callback",
        [TP_STOP_NOT_FINITE] = "the function is not finite at the start",
        [TP_STOP_SEARCH] = "no lower point was found, but the gradient is not zero",
        [TP_STOP_ERROR] = "an error is pending",
        [TP_STOP_RESIDUAL] = "converged: the residuals are within tolerance",
        [TP_STOP_NO_ROOT] = "the residuals are least here, but not zero",
        [TP_STOP_VALUE] = "converged: a further step would not lower the value beyond tolerance",
        [TP_STOP_ROUNDING] = "converged: as far as rounding allows",
        [TP_STOP_FLAT] =
            "the gradient is within tolerance, but the function is flat along some direction",
        [TP_STOP_SADDLE] = "the gradient is zero, but this is no minimum",
        [TP_STOP_UNBOUNDED] = "the function falls without end",
    };
    return (unsigned)stop <= TP_STOP_UNBOUNDED ? texts[stop] : "unknown";
}

bool tp__stop_is_convergence(tp_stop stop)
{
    return stop == TP_STOP_GRADIENT || stop == TP_STOP_STEP || stop == TP_STOP_RESIDUAL ||
           stop == TP_STOP_VALUE || stop == TP_STOP_ROUNDING;
}
