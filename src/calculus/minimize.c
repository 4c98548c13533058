/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "calculus/implicit.h"

static const tp__method *const minimize_methods[] = {
    [TP_LBFGS] = &tp__method_lbfgs,
    [TP_BFGS] = &tp__method_bfgs,
    [TP_NEWTON] = &tp__method_newton,
    [TP_NEWTON_CG] = &tp__method_newton_cg,
    [TP_TRUST_REGION] = &tp__method_trust_region,
    [TP_CONJUGATE] = &tp__method_conjugate,
    [TP_GRADIENT_DESCENT] = &tp__method_gradient_descent,
    [TP_MOMENTUM] = &tp__method_momentum,
    [TP_ADAM] = &tp__method_adam,
};

enum { MINIMIZE_METHODS = sizeof minimize_methods / sizeof *minimize_methods };

const char *tp_method_name(tp_method method)
{
    return (unsigned)method < MINIMIZE_METHODS ? minimize_methods[method]->name : NULL;
}

static bool minimize_option(const tp__minimize *job, const char *name, double value)
{
    if (value >= 0 && value < HUGE_VAL)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %g, expected a finite number, 0 or more", job->call, name,
            value);
    return false;
}

bool tp__minimize_check(tp__minimize *job)
{
    tp_minimize_options *o = &job->options;
    if (!job->f) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the function is NULL", job->call);
        return false;
    }
    if (!tp__check_named(job->call, "the start", job->start))
        return false;
    if (o->iterations < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d iterations", job->call, o->iterations);
        return false;
    }
    if (job->start->dtype != TP_F64) {
        tp_fail(TP_ERROR_DTYPE, "%s: the start is %s, expected float64", job->call,
                tp_dtype_name((tp_dtype)job->start->dtype));
        return false;
    }
    if (job->start->size == 0) {
        char text[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE, "%s: the start has shape %s, expected at least one element",
                job->call, tp__shape_text(text, job->start->ndim, tp__shape(job->start)));
        return false;
    }
    return minimize_option(job, "tolerance", o->tolerance) &&
           minimize_option(job, "step_tolerance", o->step_tolerance) &&
           minimize_option(job, "value_tolerance", o->value_tolerance) &&
           minimize_option(job, "rate", o->rate);
}

static bool minimize_prepare(tp__minimize *job, const tp_minimize_options *given)
{
    tp_minimize_options *o = &job->options;
    *o = (tp_minimize_options)TP_OPTIONS(tp_minimize_options);
    if (!tp__take_options(job->call, o, sizeof *o, given))
        return false;
    if ((unsigned)o->method >= MINIMIZE_METHODS) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: method %d", job->call, (int)o->method);
        return false;
    }
    job->method = minimize_methods[o->method];
    if (o->iterations == -1)
        o->iterations = job->method->fixed_rate ? 10000 : 1000;
    return tp__minimize_check(job);
}

/* Numbers for the model: the Hessian only where it is small, or asked for. */
static int64_t minimize_model_room(const tp__minimize *job)
{
    int64_t n = job->n;
    if (job->method->begin)
        return n > TP__MODEL_WHOLE ? 10 * n : 2 * n * n + 10 * n;
    bool whole = n <= TP__MODEL_WHOLE || job->method->whole;
    return !whole ? 10 * n : n > INT32_MAX / 2 ? -1 : 2 * n * n + 10 * n;
}

static double *minimize_take(double **room, int64_t n)
{
    double *taken = *room;
    *room += n;
    return taken;
}

/* Room for everything, in one block that begins at job->x's first place. */
static double *minimize_room(tp__minimize *job)
{
    const tp_minimize_options *o = &job->options;
    int64_t n = job->n, own = job->method->room ? job->method->room(n) : 0;
    int64_t model = minimize_model_room(job);
    if (own < 0 || model < 0 || own + model > INT64_MAX / 16 - 12 * n) {
        tp_fail(TP_ERROR_MEMORY, "%s: %s of %lld numbers is too large", job->call,
                job->method->name, (long long)n);
        return NULL;
    }
    double *room = tp__alloc_zero((size_t)(12 * n + own + model + 1), sizeof *room), *at = room;
    if (!room)
        return NULL;
    bool bounds = o->lower || o->upper;
    double **vectors[] = {&job->x,     &job->g,       &job->next_x, &job->next_g,
                          &job->d,     &job->reduced, &job->held,   &job->lower,
                          &job->upper, &job->shown,   &job->origin};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = minimize_take(&at, n);
    job->lower = bounds ? job->lower : NULL;
    job->upper = bounds ? job->upper : NULL;
    double *unit = minimize_take(&at, n);
    job->unit = job->method->begin || job->method->fixed_rate ? NULL : unit;
    job->work = minimize_take(&at, own);
    job->model.step = minimize_take(&at, n);
    job->model.curvature = minimize_take(&at, n);
    job->model.spare = minimize_take(&at, 3 * n);
    job->model.scale = minimize_take(&at, n);
    job->model.beside = minimize_take(&at, 4 * n);
    job->model.hessian = model > 10 * n ? minimize_take(&at, n * n) : NULL;
    job->model.factor = model > 10 * n ? minimize_take(&at, n * n) : NULL;
    return room;
}

/* The largest |gradient|, or with bounds |x − P(x − g)|, in the caller's units. */
static double minimize_largest(const tp__minimize *job)
{
    double largest = 0;
    for (int64_t i = 0; i < job->n; i++) {
        double unit = job->unit ? job->unit[i] : 1, g = job->g[i] / unit;
        if (job->lower) {
            double x = job->x[i] * unit, to = x - g;
            to = fmin(fmax(to, job->lower[i] * unit), job->upper[i] * unit);
            g = isnan(g) ? g : x - to;
        }
        if (isnan(g))
            return g;
        largest = fmax(largest, fabs(g));
    }
    return largest;
}

/* Tells the callback and the path of the point reached; false to stop. */
static bool minimize_report(tp__minimize *job, double **path)
{
    tp__minimize_to_units(job, job->x, job->shown);
    if (*path) {
        memcpy(*path, job->shown, (size_t)job->n * sizeof **path);
        *path += job->n;
    }
    const tp_iteration at = {job->iteration, job->value, minimize_largest(job), job->shown, job->n};
    if (!job->options.callback || job->options.callback(job->options.callback_ctx, &at))
        return true;
    job->stop = TP_STOP_CALLBACK;
    return false;
}

/* The value and gradient at the start; false if they cannot be had. */
static bool minimize_begin(tp__minimize *job)
{
    job->model.known = -1;
    for (int64_t i = 0; job->unit && i < job->n; i++)
        job->unit[i] = 1;
    if (job->lower && !tp__bounds_take(job))
        return false;
    tp__objective_copy(tp_detach(job->start), job->n, job->x);
    tp__bounds_project(job, job->x);
    if (tp__here()->code)
        return false;
    if (!job->method->begin)
        job->value = tp__minimize_at(job, job->x, job->g, NULL);
    else if (!job->method->begin(job))
        return false;
    job->stop = TP_STOP_NOT_FINITE;
    if (tp__here()->code || !isfinite(job->value))
        return false;
    job->first = job->value;
    if (job->unit && !tp__units_choose(job))
        return false;
    job->hair = 1e-3 * tp__bounds_measure(job);
    memcpy(job->origin, job->x, (size_t)job->n * sizeof *job->x);
    return true;
}

/* True if the search ends at the point reached; whether a model of it was made. */
static bool minimize_arrived(tp__minimize *job, bool stuck, bool *made)
{
    *made = false;
    if (job->method->arrived)
        return job->method->arrived(job, stuck) || tp__here()->code;
    if (!stuck && !tp__model_is_due(job))
        return false;
    *made = true;
    return !tp__model_make(job) || tp__model_claims(job, stuck);
}

/* A step of the method, or where the search seemed to have arrived and had not, or is stuck, one
 * along the model's. False: the search ends. */
static bool minimize_step(tp__minimize *job)
{
    bool made;
    if (minimize_arrived(job, false, &made))
        return false;
    if (job->iteration == job->options.iterations) {
        job->stop = TP_STOP_ITERATIONS;
        return false;
    }
    bool tried = made && job->iteration > 0;
    if (tried && tp__model_step(job))
        return true;
    if (!job->method->whole)
        tp__bounds_hold(job);
    if (tp__here()->code || job->method->step(job))
        return !tp__here()->code;
    tp_stop why = job->stop;
    if (tp__here()->code || why == TP_STOP_UNBOUNDED || minimize_arrived(job, true, &made))
        return false;
    bool moved = made && !tried && tp__model_step(job);
    job->stop = moved || job->stop == TP_STOP_UNBOUNDED ? job->stop : why;
    return moved;
}

static void minimize_steps(tp__minimize *job, double *path)
{
    for (;; job->iteration++) {
        tp__bounds_hold(job);
        if (!minimize_report(job, &path) || !minimize_step(job))
            return;
    }
}

/* The rows of the path that were written, as an array. */
static tp_var *minimize_path(const tp__minimize *job, const double *rows)
{
    return tp_array(TP_F64, 2, (int64_t[]){job->iteration + 1, job->n}, rows);
}

static void minimize_results(const tp__minimize *job, tp_minimize_result *minimum,
                             const double *rows)
{
    minimum->value = job->value;
    minimum->gradient = minimize_largest(job);
    minimum->iterations = job->iteration;
    minimum->evaluations = job->evaluations;
    tp__minimize_to_units(job, job->x, job->shown);
    minimum->x = tp_array(TP_F64, job->start->ndim, tp__shape(job->start), job->shown);
    if (job->options.path)
        *job->options.path = minimize_path(job, rows);
    if (!job->others)
        return;
    minimum->x->flags |= TP__UNRECORDED;
    if (job->options.path)
        (*job->options.path)->flags |= TP__UNRECORDED;
}

/* The whole search with its memory. */
static void minimize_descend(tp__minimize *job, tp__descent *descent);

static void minimize_search(tp__minimize *job, tp_minimize_result *minimum)
{
    job->descend = minimize_descend;
    job->n = job->start->size;
    double *room = minimize_room(job), *rows = NULL;
    size_t points = (size_t)job->options.iterations + 1;
    if (room && job->options.path)
        rows = tp__alloc((points * (size_t)job->n + 1) * sizeof *rows);
    if (room && (rows || !job->options.path)) {
        bool mode = tp_set_grad_enabled(true);
        size_t scope = tp_scope_begin();
        if (minimize_begin(job))
            minimize_steps(job, rows);
        tp_scope_end(scope);
        tp_set_grad_enabled(mode);
        if (!tp__here()->code)
            minimize_results(job, minimum, rows);
    }
    tp__free(job->block);
    tp__free(rows);
    tp__free(room);
}

/* --- From beside --- */

typedef struct minimize_beside {
    tp__minimize *job;
    tp_var *from, *across; /* NULL: nothing is held */
    double stiff;
} minimize_beside;

/* The function of a search as one number, with what holds it. */
static tp_var *minimize_number(void *ctx, tp_var *x)
{
    const minimize_beside *beside = ctx;
    const tp__minimize *job = beside->job;
    tp_var *y = job->f(job->ctx, x);
    if (y && job->method->begin)
        y = tp_sum(tp_square(y), NULL);
    if (!y || !beside->across)
        return y;
    tp_var *off = tp_sum(tp_mul(beside->across, tp_sub(x, beside->from)), NULL);
    return tp_add(y, tp_mul(tp_num(beside->stiff), tp_square(off)));
}

static tp_var *minimize_across(const tp__minimize *job, const double *across)
{
    for (int64_t i = 0; i < job->n; i++)
        job->shown[i] = job->unit ? across[i] / job->unit[i] : across[i];
    return tp_array(TP_F64, job->start->ndim, tp__shape(job->start), job->shown);
}

static void minimize_descend(tp__minimize *job, tp__descent *descent)
{
    size_t scope = tp_scope_begin();
    tp_var *from = tp_detach(tp__minimize_variable(job, descent->x));
    tp_minimize_result found;
    minimize_beside beside = {job, from, NULL, descent->stiff};
    tp__minimize inner = {
        .call = job->call,
        .f = minimize_number,
        .ctx = &beside,
        .method = job->model.hessian ? &tp__method_newton : &tp__method_lbfgs,
        .start = from,
        .options = TP_OPTIONS(tp_minimize_options),
        .enough = -1,
        .beside = true,
    };
    if (descent->across)
        beside.across = minimize_across(job, descent->across);
    inner.options.iterations = descent->steps;
    inner.options.lower = job->options.lower;
    inner.options.upper = job->options.upper;
    if (!tp__here()->code)
        minimize_search(&inner, &found);
    tp_scope_end(scope);
    job->evaluations += inner.evaluations;
    descent->value = tp__here()->code ? (double)NAN : inner.value;
    descent->left = job->model.hessian ? inner.model.decrease : 0;
}

bool tp__minimize_run(tp__minimize *job, tp_minimize_result *minimum)
{
    minimize_search(job, minimum);
    if (tp__here()->code && job->options.path)
        *job->options.path = tp__poison();
    minimum->stop = tp__here()->code ? TP_STOP_ERROR : job->stop;
    minimum->message = tp_stop_text(minimum->stop);
    return tp__stop_is_convergence(minimum->stop);
}

bool tp__minimize_start(const char *call, tp_minimize_result *minimum)
{
    if (!minimum) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: no room for the minimum", call);
        return false;
    }
    *minimum = (tp_minimize_result){
        .x = tp__poison(), .stop = TP_STOP_ERROR, .message = tp_stop_text(TP_STOP_ERROR)};
    return !tp__here()->code;
}

bool tp_minimize(tp_objective *f, void *ctx, tp_var *start, tp_minimize_result *minimum,
                 const tp_minimize_options *given)
{
    tp__minimize job = {.call = "minimize", .f = f, .ctx = ctx, .start = start, .enough = -1};
    return tp__minimize_start("minimize", minimum) && minimize_prepare(&job, given) &&
           tp__minimize_run(&job, minimum) &&
           tp__implicit_record(&job, TP__IMPLICIT_MINIMUM, minimum);
}
