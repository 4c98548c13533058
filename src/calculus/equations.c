/* SPDX-License-Identifier: MIT
 *
 * Least squares as methods of minimising Σ r². At the point reached are r and the Jacobian's QR
 * factor; a step solves for p with R p = −Qᵀr, or with a multiple of a diagonal D below R
 * (Levenberg–Marquardt). What lies below row m of the Jacobian, where there are fewer residuals
 * than unknowns, is zero.
 */
#include "base/features.h"

#include "tinypytorch/equations.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "calculus/implicit.h"
#include "calculus/minimize.h"
#include "calculus/triangle.h"

#define EQUATIONS_ROUNDING 1e-15 /* relative changes below it are none */
#define EQUATIONS_NOTHING 1e-90  /* of a sum of squares */
#define EQUATIONS_DAMPING 1e-12  /* of the step that is asked what it promises, if J is singular */

typedef struct equations_fit {
    int64_t m, rows; /* residuals; rows of a: n at least */
    double *r,
        *next;     /* (rows) residuals of the point reached and of the one tried; zeros below m */
    double *a;     /* (rows, n) by columns: the Jacobian, then its factor */
    double *q;     /* (rows) Qᵀ r */
    double *stack; /* (2 n, n) by columns: the factor over √λ D, then its factor */
    double *b;     /* (2 n) */
    double *scale; /* (n) D */
    double radius, damping;
    tp_var *x, *y; /* the point tried and its residuals, in the scope of the try */
    double memory[];
} equations_fit;

static equations_fit *equations_of(const tp__minimize *job)
{
    return job->block;
}

/* --- Evaluating --- */

static bool equations_begin(tp__minimize *job);
static bool equations_begin_square(tp__minimize *job);

/* Checks what f gave, against what it gave at the start if this is not the start. */
static bool equations_check(const tp__minimize *job, const tp_var *y)
{
    const equations_fit *fit = equations_of(job);
    bool square = job->method->begin == equations_begin_square;
    int64_t wanted = fit ? fit->m : square ? job->n : y->size;
    char text[TP__SHAPE_TEXT];
    if (tp_is_poison(y))
        return false;
    if (y->size == 0) {
        tp_fail(TP_ERROR_SHAPE, "%s: the function gave shape %s, expected at least one value",
                job->call, tp__shape_text(text, y->ndim, tp__shape(y)));
        return false;
    }
    if (y->dtype != TP_F64)
        tp_fail(TP_ERROR_DTYPE, "%s: the function gave %s, expected float64", job->call,
                tp_dtype_name((tp_dtype)y->dtype));
    else if (y->size != wanted)
        tp_fail(TP_ERROR_SHAPE, "%s: the function gave shape %s, expected %lld values %s",
                job->call, tp__shape_text(text, y->ndim, tp__shape(y)), (long long)wanted,
                fit ? "as at the start" : "like x");
    return !tp__here()->code;
}

static bool equations_room(tp__minimize *job, int64_t m)
{
    int64_t n = job->n, rows = m > n ? m : n;
    if (rows > INT32_MAX || n > INT32_MAX / 4) {
        tp_fail(TP_ERROR_MEMORY, "%s: %lld values of %lld numbers are too many", job->call,
                (long long)m, (long long)n);
        return false;
    }
    size_t numbers = (size_t)(rows * n + 3 * rows + 2 * n * n + 3 * n);
    equations_fit *fit = tp__alloc_zero(1, sizeof *fit + numbers * sizeof *fit->memory);
    if (!fit)
        return false;
    fit->m = m;
    fit->rows = rows;
    fit->r = fit->memory;
    fit->next = fit->r + rows;
    fit->q = fit->next + rows;
    fit->a = fit->q + rows;
    fit->stack = fit->a + rows * n;
    fit->b = fit->stack + 2 * n * n;
    fit->scale = fit->b + 2 * n;
    job->block = fit;
    return true;
}

/* Σ r² at next_x, r in next; x and y = r(x) stay in the current scope. NaN on an error. */
static double equations_at(tp__minimize *job)
{
    tp_var *x = tp__minimize_variable(job, job->next_x), *y = tp__minimize_value(job, x);
    bool good = equations_check(job, y) && (job->block || equations_room(job, y->size));
    equations_fit *fit = equations_of(job);
    const double *from = good ? tp_data(tp_detach(y)) : NULL;
    if (from)
        memcpy(fit->next, from, (size_t)fit->m * sizeof *from);
    if (!good || tp__here()->code) {
        job->stop = TP_STOP_ERROR;
        return (double)NAN;
    }
    fit->x = x;
    fit->y = y;
    return tp__dot(fit->m, fit->next, fit->next);
}

/* The Jacobian at next_x, by columns, into a; the gradient of Σ r² into next_g. */
static bool equations_jacobian(tp__minimize *job)
{
    equations_fit *fit = equations_of(job);
    int64_t n = job->n, rows = fit->rows;
    memset(fit->a, 0, (size_t)(rows * n) * sizeof *fit->a);
    bool mode = tp_set_grad_enabled(false), zero = true;
    tp_var *jacobian = tp_jacobian(fit->y, fit->x);
    const double *from = tp_is_poison(jacobian) ? NULL : tp_data(jacobian);
    tp_set_grad_enabled(mode);
    for (int64_t i = 0; from && i < fit->m; i++)
        for (int64_t k = 0; k < n; k++) {
            fit->a[k * rows + i] = from[i * n + k];
            zero = zero && from[i * n + k] == 0;
        }
    if (!from || (zero && !tp__minimize_depends(job, fit->y, fit->x)))
        return false;
    for (int64_t k = 0; k < n; k++)
        job->next_g[k] = 2 * tp__dot(fit->m, fit->a + k * rows, fit->next);
    return !tp__here()->code;
}

/* Makes next_x, where the residuals were just taken, the point reached. */
static bool equations_accept(tp__minimize *job, double value)
{
    equations_fit *fit = equations_of(job);
    double *r = fit->r;
    if (!equations_jacobian(job))
        return false;
    fit->r = fit->next;
    fit->next = r;
    job->residual = 0;
    for (int64_t i = 0; i < fit->m; i++)
        job->residual = fmax(job->residual, fabs(fit->r[i]));
    tp__minimize_accept(job, value);
    for (int64_t k = 0; k < job->n; k++) {
        const double *column = fit->a + k * fit->rows;
        fit->scale[k] = fmax(fit->scale[k], sqrt(tp__dot(fit->rows, column, column)));
    }
    memcpy(fit->q, fit->r, (size_t)fit->rows * sizeof *fit->q);
    tp__triangle_factor(fit->rows, job->n, fit->a, fit->q);
    return true;
}

/* Goes to next_x if Σ r² there, *value, is at most `most`. */
static bool equations_try(tp__minimize *job, double most, double *value)
{
    size_t scope = tp_scope_begin();
    *value = equations_at(job);
    bool good = *value <= most && equations_accept(job, *value);
    tp_scope_end(scope);
    return good;
}

static bool equations_begin(tp__minimize *job)
{
    memcpy(job->next_x, job->x, (size_t)job->n * sizeof *job->x);
    double value = equations_at(job);
    return !tp__here()->code && equations_accept(job, value);
}

static bool equations_begin_square(tp__minimize *job)
{
    return equations_begin(job);
}

/* --- Steps --- */

/* |D v| */
static double equations_length(const tp__minimize *job, const double *v)
{
    const double *scale = equations_of(job)->scale;
    double sum = 0;
    for (int64_t i = 0; i < job->n; i++) {
        double s = scale[i] > 0 ? scale[i] * v[i] : v[i];
        sum += s * s;
    }
    return sqrt(sum);
}

/* d ← −(JᵀJ + λ D²)⁻¹ Jᵀ r, leaving the factor of R over √λ D in stack. */
static void equations_damped(tp__minimize *job, double damping)
{
    equations_fit *fit = equations_of(job);
    int64_t n = job->n, rows = fit->rows;
    memset(fit->stack, 0, (size_t)(2 * n * n) * sizeof *fit->stack);
    for (int64_t k = 0; k < n; k++) {
        memcpy(fit->stack + 2 * k * n, fit->a + k * rows, (size_t)(k + 1) * sizeof *fit->a);
        fit->stack[2 * k * n + n + k] = sqrt(damping) * (fit->scale[k] > 0 ? fit->scale[k] : 1);
        fit->b[k] = -fit->q[k];
        fit->b[n + k] = 0;
    }
    tp__triangle_factor(2 * n, n, fit->stack, fit->b);
    tp__triangle_solve(2 * n, n, fit->stack, fit->b, job->d);
}

/* d ← −R⁻¹ Qᵀ r, as Newton's method has it; false if R is singular. */
static bool equations_undamped(tp__minimize *job)
{
    equations_fit *fit = equations_of(job);
    if (!tp__triangle_is_regular(fit->rows, job->n, fit->a))
        return false;
    tp__triangle_solve(fit->rows, job->n, fit->a, fit->q, job->d);
    for (int64_t i = 0; i < job->n; i++)
        job->d[i] = -job->d[i];
    return true;
}

/* How fast |D d| falls as the damping grows, relative to itself. */
static double equations_slope(tp__minimize *job, double length)
{
    equations_fit *fit = equations_of(job);
    int64_t n = job->n;
    for (int64_t i = 0; i < n; i++) {
        double s = fit->scale[i] > 0 ? fit->scale[i] : 1;
        fit->b[i] = s * s * job->d[i] / length;
    }
    tp__triangle_solve_transposed(2 * n, n, fit->stack, fit->b, fit->b);
    return tp__dot(n, fit->b, fit->b);
}

/* d ← the step whose scaled length is the radius, to a tenth, or the undamped one if that is
 * shorter. The equation for λ is solved by Newton's method, within an interval (Moré 1978). */
static void equations_region(tp__minimize *job)
{
    equations_fit *fit = equations_of(job);
    double radius = fit->radius, low = 0, high = 0;
    if (equations_undamped(job) && equations_length(job, job->d) <= 1.1 * radius) {
        fit->damping = 0;
        return;
    }
    for (int64_t i = 0; i < job->n; i++) {
        double g = job->g[i] / 2 / (fit->scale[i] > 0 ? fit->scale[i] : 1);
        high += g * g;
    }
    high = sqrt(high) / radius;
    double damping = fit->damping > 0 ? fmin(fit->damping, high) : 1e-3 * high;
    for (int i = 0; i < 40; i++) {
        fit->damping = damping;
        equations_damped(job, damping);
        double length = equations_length(job, job->d), off = length - radius;
        if (fabs(off) <= 0.1 * radius || high - low <= 1e-12 * high)
            return;
        low = off > 0 ? fmax(low, damping) : low;
        high = off < 0 ? fmin(high, damping) : high;
        damping += off / radius / equations_slope(job, length);
        if (!(damping > low && damping < high))
            damping = fmax(sqrt(low * high), 1e-3 * high);
    }
}

/* next_x ← x + step d; false if that is x. */
static bool equations_move(tp__minimize *job, double step)
{
    bool moved = false;
    for (int64_t i = 0; i < job->n; i++) {
        job->next_x[i] = job->x[i] + step * job->d[i];
        moved = moved || job->next_x[i] != job->x[i];
    }
    return moved;
}

static bool equations_stop(tp__minimize *job)
{
    job->stop = TP_STOP_SEARCH;
    return false;
}

/* What Σ r² loses along d in the linear model: |R d|² + 2 λ |D d|², the latter by the equation that
 * d solves. */
static double equations_promise(const tp__minimize *job)
{
    const equations_fit *fit = equations_of(job);
    double length = equations_length(job, job->d), sum = 2 * fit->damping * length * length;
    for (int64_t i = 0; i < job->n; i++) {
        double row = 0;
        for (int64_t k = i; k < job->n; k++)
            row += fit->a[k * fit->rows + i] * job->d[k];
        sum += row * row;
    }
    return sum;
}

/* |J e[k]| */
static double equations_column(const equations_fit *fit, int64_t k)
{
    const double *column = fit->a + k * fit->rows;
    return sqrt(tp__dot(k + 1 < fit->rows ? k + 1 : fit->rows, column, column));
}

/* Rounding of r: residuals are differences of numbers about as large as J x. */
static double equations_noise(const tp__minimize *job)
{
    double noise = 0;
    for (int64_t k = 0; k < job->n; k++)
        noise = hypot(noise, equations_column(equations_of(job), k) * job->x[k]);
    return 2 * DBL_EPSILON * noise;
}

/* What was promised is less than the last digit of Σ r², and what became of it no more than its
 * rounding: its change is r · Δr. */
static bool equations_hidden(const tp__minimize *job, double promise, double change)
{
    double none = EQUATIONS_ROUNDING * job->value;
    return promise <= none &&
           fabs(change) <= 10 * fmax(none, equations_noise(job) * sqrt(job->value));
}

/* The next radius after a step of this length, which changed Σ r² by `change` where its slope was
 * that, and gained so much of what was promised. */
static void equations_adapt(equations_fit *fit, double gain, double length, double slope,
                            double change, double before)
{
    if (gain > 0.25) {
        if (fit->damping == 0 || gain >= 0.75) {
            fit->radius = 2 * length;
            fit->damping /= 2;
        }
        return;
    }
    double cut = change > 0 ? slope / (2 * (slope - change)) : 0.5;
    cut = cut >= 0.1 && change < 99 * before ? fmin(cut, 0.5) : 0.1;
    fit->radius = cut * fmin(fit->radius, 10 * length);
    fit->damping /= cut;
}

static bool equations_levenberg_step(tp__minimize *job)
{
    equations_fit *fit = equations_of(job);
    if (job->iteration == 0) {
        double length = equations_length(job, job->x);
        fit->radius = 100 * (length > 0 ? length : sqrt(job->value));
    }
    for (int tries = 0; tries < 200; tries++) {
        equations_region(job);
        double length = equations_length(job, job->d), promise = equations_promise(job);
        if (!equations_move(job, 1))
            return equations_stop(job);
        fit->radius = job->iteration || tries ? fit->radius : fmin(fit->radius, length);
        double value, before = job->value, slope = tp__dot(job->n, job->g, job->d);
        bool accepted = equations_try(job, before - 1e-4 * promise, &value);
        if (tp__here()->code)
            return false;
        double change = isnan(value) ? HUGE_VAL : value - before;
        equations_adapt(fit, -change / promise, length, slope, change, before);
        if (accepted)
            return true;
        if (equations_hidden(job, promise, change))
            break;
    }
    return equations_stop(job);
}

/* A step along d that lowers Σ r² (Armijo), shortened by the parabola through what is known. */
static bool equations_search(tp__minimize *job)
{
    double slope = tp__dot(job->n, job->g, job->d), step = 1;
    for (int tries = 0; tries < 60 && slope < 0; tries++) {
        if (!equations_move(job, step))
            break;
        double value;
        if (equations_try(job, job->value + 1e-4 * step * slope, &value))
            return true;
        if (tp__here()->code)
            return false;
        double least = -slope * step / (2 * ((value - job->value) / step - slope));
        step = least >= 0.1 * step ? fmin(least, 0.5 * step) : 0.1 * step;
    }
    return equations_stop(job);
}

/* Where the Jacobian is singular, a little damping makes a direction. */
static bool equations_newton_step(tp__minimize *job)
{
    if (!equations_undamped(job))
        equations_damped(job, EQUATIONS_DAMPING);
    return equations_search(job);
}

/* --- Arriving --- */

/* d ← the step that Newton's method would take; what it promises. */
static double equations_whole_step(tp__minimize *job)
{
    equations_fit *fit = equations_of(job);
    double damping = fit->damping;
    bool regular = equations_undamped(job);
    fit->damping = regular ? 0 : EQUATIONS_DAMPING;
    if (!regular)
        equations_damped(job, EQUATIONS_DAMPING);
    double promise = equations_promise(job);
    fit->damping = damping;
    return promise;
}

/* The largest |d[k] / x[k]|; if d promises little, an element near 0 is measured by the whole,
 * scaled. */
static double equations_far(const tp__minimize *job, double promise)
{
    const equations_fit *fit = equations_of(job);
    double whole = job->options.step_tolerance * equations_length(job, job->x), far = 0;
    whole = tp__model_is_little(job, promise) ? whole : 0;
    for (int64_t k = 0; k < job->n; k++) {
        double least = fit->scale[k] > 0 ? whole / fit->scale[k] : 0, d = fabs(job->d[k]);
        double size = fmax(fabs(job->x[k]), least);
        far = d > 0 ? fmax(far, size > 0 ? d / size : HUGE_VAL) : isnan(d) ? d : far;
    }
    return far;
}

/* A variable has no influence any more that had some. */
static bool equations_flat(const tp__minimize *job)
{
    const equations_fit *fit = equations_of(job);
    for (int64_t k = 0; k < job->n; k++) {
        double length = equations_column(fit, k), x = fabs(job->x[k]);
        if (x > 0 && length * x <= 1e-24 * sqrt(job->value) && length <= 1e-8 * fit->scale[k])
            return true;
    }
    return false;
}

/* Nothing but what rounding leaves of a promise, or of Σ r². */
static bool equations_rounded(const tp__minimize *job, double promise)
{
    double noise = equations_noise(job);
    return promise <= 64 * noise * noise || promise <= noise * sqrt(job->value);
}

/* What is left of a claim: JᵀJ never bends down, but Σ r² may. */
static tp_stop equations_verdict(tp__minimize *job, double promise)
{
    tp_stop claim = job->stop;
    if (!tp__model_make(job))
        return TP_STOP_ERROR;
    job->model.fades = false;
    job->model.decrease = promise;
    job->stop = claim;
    return tp__model_verdict(job);
}

/* Where the search is stuck, the whole Hessian decides: with large residuals JᵀJ is not enough. */
static bool equations_fitted(tp__minimize *job, bool stuck)
{
    job->stop = TP_STOP_RESIDUAL;
    if (job->residual <= job->enough)
        return true;
    double promise = equations_whole_step(job), far = equations_far(job, promise);
    bool claims = tp__minimize_claim(job, promise, far, stuck);
    if (!claims && stuck && equations_rounded(job, promise)) {
        job->stop = TP_STOP_ROUNDING;
        claims = true;
    }
    if ((claims || stuck) && equations_flat(job))
        job->stop = TP_STOP_FLAT;
    else if (claims)
        claims = (job->stop = equations_verdict(job, promise)) != TP_STOP_SEARCH;
    else if (stuck && job->model.hessian)
        claims = tp__model_make(job) && tp__model_claims(job, true);
    return claims || job->stop == TP_STOP_FLAT;
}

/* A root is where Newton's step is small, whatever the values there, or where they are 0: as good
 * as 0 beside those at the start. Where the search is stuck, half of the digits of x are enough, as
 * at a double root. */
static bool equations_solved(tp__minimize *job, bool stuck)
{
    job->stop = TP_STOP_RESIDUAL;
    if (job->residual <= job->enough || job->value <= EQUATIONS_NOTHING * job->first)
        return true;
    double promise = equations_whole_step(job), far = equations_far(job, 0);
    job->stop = promise <= DBL_EPSILON * job->value     ? TP_STOP_NO_ROOT
                : far <= job->options.step_tolerance    ? TP_STOP_STEP
                : stuck && far <= 4 * sqrt(DBL_EPSILON) ? TP_STOP_ROUNDING
                                                        : TP_STOP_SEARCH;
    return job->stop != TP_STOP_SEARCH;
}

static const tp__method equations_levenberg = {.name = "Levenberg-Marquardt",
                                               .step = equations_levenberg_step,
                                               .begin = equations_begin,
                                               .arrived = equations_fitted};
static const tp__method equations_gauss_newton = {.name = "Gauss-Newton",
                                                  .step = equations_newton_step,
                                                  .begin = equations_begin,
                                                  .arrived = equations_fitted};
static const tp__method equations_newton = {.name = "Newton",
                                            .step = equations_levenberg_step,
                                            .begin = equations_begin_square,
                                            .arrived = equations_solved};

/* --- Calls --- */

static bool equations_option(const tp__minimize *job)
{
    return tp__check_within(job->call, "residual", job->enough, 0, DBL_MAX);
}

bool(tp_least_squares)(tp_objective *f, void *ctx, tp_var *start, tp_minimize_result *fit,
                       const tp_least_squares_options *given)
{
    tp_least_squares_options o = TP_OPTIONS(tp_least_squares_options);
    tp__minimize job = {.call = "least_squares", .f = f, .ctx = ctx, .start = start};
    if (!tp__minimize_start(job.call, fit) || !tp__take_options(job.call, &o, sizeof o, given))
        return false;
    job.method = o.gauss_newton ? &equations_gauss_newton : &equations_levenberg;
    job.options = (tp_minimize_options){.iterations = o.iterations,
                                        .tolerance = o.tolerance,
                                        .step_tolerance = o.step_tolerance,
                                        .value_tolerance = o.value_tolerance,
                                        .implicit = o.implicit,
                                        .callback = o.callback,
                                        .callback_ctx = o.callback_ctx,
                                        .path = o.path};
    job.enough = o.residual;
    return tp__minimize_check(&job) && equations_option(&job) && tp__minimize_run(&job, fit) &&
           tp__implicit_record(&job, TP__IMPLICIT_SQUARES, fit);
}

bool(tp_find_root)(tp_objective *f, void *ctx, tp_var *start, tp_minimize_result *root,
                   const tp_root_options *given)
{
    tp_root_options o = TP_OPTIONS(tp_root_options);
    tp__minimize job = {.call = "find_root", .f = f, .ctx = ctx, .start = start};
    if (!tp__minimize_start(job.call, root) || !tp__take_options(job.call, &o, sizeof o, given))
        return false;
    job.method = &equations_newton;
    job.options = (tp_minimize_options){.iterations = o.iterations,
                                        .tolerance = o.tolerance,
                                        .callback = o.callback,
                                        .callback_ctx = o.callback_ctx,
                                        .path = o.path,
                                        .implicit = o.implicit};
    job.enough = o.residual;
    if (!tp__minimize_check(&job) || !equations_option(&job))
        return false;
    job.options.step_tolerance = o.tolerance;
    tp__minimize_run(&job, root);
    root->stop = root->stop == TP_STOP_SEARCH ? TP_STOP_NO_ROOT : root->stop;
    root->message = tp_stop_text(root->stop);
    return tp__stop_is_convergence(root->stop) &&
           tp__implicit_record(&job, TP__IMPLICIT_ROOT, root);
}
