/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "calculus/minimize.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"

/* --- Evaluating --- */

double tp__dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

tp_var *tp__minimize_variable(const tp__minimize *job, const double *x)
{
    return tp_variable(tp_array(TP_F64, job->start->ndim, tp__shape(job->start), x));
}

tp_var *tp__minimize_value(const tp__minimize *job, tp_var *x)
{
    tp_var *y = tp_is_poison(x) ? x : job->f(job->ctx, x);
    if (!y)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the function gave NULL", job->call);
    if (!tp_is_poison(y) && !job->method->begin && y->size != 1) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "%s: the function gave shape %s, expected one number",
                       job->call, tp__shape_text(text, y->ndim, tp__shape(y)));
    }
    return y;
}

static void minimize_copy(tp_var *v, int64_t n, double *to)
{
    const double *from = tp_is_poison(v) ? NULL : tp_data(v);
    if (from)
        memcpy(to, from, (size_t)n * sizeof *to);
}

double tp__minimize_at(tp__minimize *job, const double *x, double *gradient, double *hessian)
{
    const tp_gradient_options options = {.size = sizeof options};
    size_t scope = tp_scope_begin();
    tp_var *at = tp__minimize_variable(job, x), *y = tp__minimize_value(job, at);
    if (!tp_is_poison(y) && gradient) {
        job->evaluations++;
        if (tp_requires_grad(y))
            minimize_copy(tp_gradient(y, at, &options), job->n, gradient);
        else
            memset(gradient, 0, (size_t)job->n * sizeof *gradient);
    }
    if (!tp_is_poison(y) && hessian)
        minimize_copy(tp_hessian(y, at), job->n * job->n, hessian);
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
    job->value = value;
}

/* --- The driver --- */

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

const char *tp_stop_text(tp_stop stop)
{
    static const char *const texts[] = {
        [TP_STOP_GRADIENT] = "converged: the gradient is within tolerance",
        [TP_STOP_STEP] = "converged: steps no longer change x",
        [TP_STOP_ITERATIONS] = "stopped at the number of iterations allowed",
        [TP_STOP_CALLBACK] = "stopped by the callback",
        [TP_STOP_NOT_FINITE] = "the function is not finite at the start",
        [TP_STOP_SEARCH] = "no lower point was found along a direction",
        [TP_STOP_ERROR] = "an error is pending",
        [TP_STOP_RESIDUAL] = "converged: the residuals are within tolerance",
        [TP_STOP_NO_ROOT] = "the residuals are least here, but not zero",
    };
    return (unsigned)stop <= TP_STOP_NO_ROOT ? texts[stop] : "unknown";
}

bool tp__minimize_check(tp__minimize *job)
{
    tp_minimize_options *o = &job->options;
    if (!job->f) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the function is NULL", job->call);
        return false;
    }
    if (!tp__check_operand(job->call, job->start))
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
    return true;
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

/* Room for everything, in one block that begins at job->x's first place. */
static double *minimize_room(tp__minimize *job)
{
    const tp_minimize_options *o = &job->options;
    int64_t n = job->n, own = job->method->room ? job->method->room(n) : 0;
    if (own < 0 || own > INT64_MAX / 16 - 9 * n) {
        tp_fail(TP_ERROR_MEMORY, "%s: %s of %lld numbers is too large", job->call,
                job->method->name, (long long)n);
        return NULL;
    }
    double *room = tp__alloc_zero((size_t)(9 * n + own + 1), sizeof *room);
    if (!room)
        return NULL;
    job->x = room;
    job->g = room + n;
    job->next_x = room + 2 * n;
    job->next_g = room + 3 * n;
    job->d = room + 4 * n;
    job->reduced = room + 5 * n;
    job->held = room + 6 * n;
    job->lower = o->lower || o->upper ? room + 7 * n : NULL;
    job->upper = o->lower || o->upper ? room + 8 * n : NULL;
    job->work = room + 9 * n;
    return room;
}

/* Tells the callback and the path of the point reached; false to stop. */
static bool minimize_report(tp__minimize *job, double largest, double **path)
{
    if (*path) {
        memcpy(*path, job->x, (size_t)job->n * sizeof **path);
        *path += job->n;
    }
    const tp_iteration at = {job->iteration, job->value, largest, job->x, job->n};
    if (!job->options.callback || job->options.callback(job->options.callback_ctx, &at))
        return true;
    job->stop = TP_STOP_CALLBACK;
    return false;
}

/* The value and gradient at the start; false if they cannot be had. */
static bool minimize_begin(tp__minimize *job)
{
    if (job->lower && !tp__bounds_take(job))
        return false;
    minimize_copy(tp_detach(job->start), job->n, job->x);
    tp__bounds_project(job, job->x);
    if (tp__here()->code)
        return false;
    if (!job->method->begin)
        job->value = tp__minimize_at(job, job->x, job->g, NULL);
    else if (!job->method->begin(job))
        return false;
    job->stop = TP_STOP_NOT_FINITE;
    return !tp__here()->code && isfinite(job->value);
}

static void minimize_steps(tp__minimize *job, double *path)
{
    for (;; job->iteration++) {
        double largest = tp__bounds_measure(job);
        if (!minimize_report(job, largest, &path))
            return;
        job->stop = job->residual <= job->enough                ? TP_STOP_RESIDUAL
                    : largest <= job->options.tolerance         ? TP_STOP_GRADIENT
                    : job->iteration == job->options.iterations ? TP_STOP_ITERATIONS
                                                                : TP_STOP_SEARCH;
        if (job->stop != TP_STOP_SEARCH)
            return;
        tp__bounds_hold(job);
        if (!job->method->step(job))
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
    minimum->gradient = tp__bounds_measure(job);
    minimum->iterations = job->iteration;
    minimum->evaluations = job->evaluations;
    minimum->x = tp_array(TP_F64, job->start->ndim, tp__shape(job->start), job->x);
    if (job->options.path)
        *job->options.path = minimize_path(job, rows);
}

/* The whole search with its memory. */
static void minimize_search(tp__minimize *job, tp_minimize_result *minimum)
{
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

bool tp__minimize_run(tp__minimize *job, tp_minimize_result *minimum)
{
    minimize_search(job, minimum);
    if (tp__here()->code && job->options.path)
        *job->options.path = tp__poison();
    minimum->stop = tp__here()->code ? TP_STOP_ERROR : job->stop;
    minimum->message = tp_stop_text(minimum->stop);
    return minimum->stop == TP_STOP_GRADIENT || minimum->stop == TP_STOP_STEP ||
           minimum->stop == TP_STOP_RESIDUAL;
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
           tp__minimize_run(&job, minimum);
}
