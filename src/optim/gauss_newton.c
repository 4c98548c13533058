/* SPDX-License-Identifier: MIT
 *
 * Gauss–Newton steps without matrices (Martens 2010): with J the Jacobian of a network's outputs
 * and H the Hessian of the loss for the outputs, d solves (Jᵀ H J + damping I) d = −g by conjugate
 * gradients. A product with Jᵀ H J is three sweeps over what was recorded once: Jᵀ u is recorded as
 * a function of u, so that its sweep for u gives J v; then H times that, and back by Jᵀ.
 *
 * The damping follows Levenberg and Marquardt: what a step gains over what the quadratic model
 * promised tells whether it falls or rises, and a step that gains nothing is taken back. It is an
 * option of the group, so groups' states have it.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/vector.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "tinypytorch/array.h"
#include "tinypytorch/calculus.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/reduce.h"

enum { GAUSS_VECTORS = 6 };

static const double gauss_good = 0.75, gauss_bad = 0.25; /* parts of what was promised */

/* Room that stays from step to step, behind the struct. */
typedef struct gauss_memory {
    int64_t n;
    double *x, *g, *d, *rest, *way, *product;
    tp_var **pulled, **list; /* one for each parameter */
} gauss_memory;

typedef struct gauss_job {
    tp_optimizer *o;
    gauss_memory *m;
    tp_gauss_newton_new_options *options;
    tp_var *const *params;
    int n_params;
    tp_var *outputs, *slope; /* and the loss's gradient for them, recorded */
    tp_var *seed;            /* u, of which m->pulled is Jᵀ u */
} gauss_job;

static void gauss_forget(tp_optimizer *o)
{
    tp__free(o->memory);
    o->memory = NULL;
}

static gauss_memory *gauss_make(const tp_optimizer *o)
{
    const size_t n = (size_t)tp__vector_size(o), params = (size_t)o->n_params;
    gauss_memory *m = tp__alloc_zero(1, sizeof *m + 2 * params * sizeof *m->list +
                                            GAUSS_VECTORS * n * sizeof(double));
    if (!m)
        return NULL;
    double *at = (double *)(void *)(m + 1);
    double **const parts[GAUSS_VECTORS] = {&m->x, &m->g, &m->d, &m->rest, &m->way, &m->product};
    for (int i = 0; i < GAUSS_VECTORS; i++, at += n)
        *parts[i] = at;
    m->n = (int64_t)n;
    m->pulled = (tp_var **)(void *)at;
    m->list = m->pulled + params;
    return m;
}

/* --- Products --- */

/* The part of a vector that belongs to a parameter, in its shape and type. */
static tp_var *gauss_part(const tp_var *p, const double *at)
{
    return tp_to(tp_array(TP_F64, p->ndim, tp__shape(p), at), (tp_dtype)p->dtype);
}

/* J v, in the current scope. */
static tp_var *gauss_push(const gauss_job *job, const double *v)
{
    tp_var *sum = NULL;
    for (int i = 0; i < job->n_params; i++) {
        tp_var *p = job->params[i],
               *part = tp_sum(tp_mul(job->m->pulled[i], gauss_part(p, v)), NULL);
        part = tp_to(part, (tp_dtype)job->outputs->dtype);
        sum = sum ? tp_add(sum, part) : part;
        v += p->size;
    }
    return tp_gradient(sum, job->seed, NULL);
}

/* to ← Jᵀ H J v + damping v */
static bool gauss_times(const gauss_job *job, const double *v, double *to)
{
    gauss_memory *m = job->m;
    TP_SCOPE();
    tp_var *pushed = gauss_push(job, v);
    TP_NO_GRAD();
    tp_gradient_options options = TP_OPTIONS(tp_gradient_options);
    options.gradient = tp_vjp(job->slope, job->outputs, pushed);
    tp_gradients(job->outputs, job->params, job->n_params, m->list, &options);
    if (tp__here()->code || !tp__vector_take(job->params, m->list, job->n_params, to))
        return false;
    tp__vector_add(m->n, to, job->options->damping, v);
    return true;
}

/* m->d ← a solution for −g, m->rest ← what is left of the equation. False with an error. */
static bool gauss_solve(const gauss_job *job)
{
    gauss_memory *m = job->m;
    const int64_t n = m->n;
    for (int64_t i = 0; i < n; i++) {
        m->d[i] = 0;
        m->rest[i] = m->way[i] = -m->g[i];
    }
    const double enough = job->options->cg_tolerance * sqrt(tp__vector_dot(n, m->g, m->g));
    double square = tp__vector_dot(n, m->rest, m->rest);
    for (int k = 0; k < job->options->cg_iterations && sqrt(square) > enough; k++) {
        if (!gauss_times(job, m->way, m->product))
            return false;
        const double bend = tp__vector_dot(n, m->way, m->product);
        if (!(bend > 0))
            break;
        tp__vector_add(n, m->d, square / bend, m->way);
        tp__vector_add(n, m->rest, -square / bend, m->product);
        const double next = tp__vector_dot(n, m->rest, m->rest);
        for (int64_t i = 0; i < n; i++)
            m->way[i] = m->rest[i] + next / square * m->way[i];
        square = next;
    }
    if (tp__vector_largest(n, m->d) == 0)
        tp__vector_add(n, m->d, 1, m->way);
    return true;
}

/* --- The step --- */

/* What lr d is to gain by the quadratic model. */
static double gauss_promise(const gauss_job *job)
{
    const gauss_memory *m = job->m;
    const double lr = job->o->groups[0].lr, slope = tp__vector_dot(m->n, m->g, m->d);
    const double damped = -slope - tp__vector_dot(m->n, m->rest, m->d);
    const double bend = damped - job->options->damping * tp__vector_dot(m->n, m->d, m->d);
    return -(lr * slope + lr * lr * bend / 2);
}

/* Records what products need. False with an error. */
static bool gauss_record(gauss_job *job, tp_var *loss)
{
    if (!job->outputs || !tp_requires_grad(job->outputs)) {
        tp_fail(TP_ERROR_ARGUMENT,
                "optimizer_step_with: gauss_newton needs what the loss was computed from: the "
                "closure sets *outputs");
        return false;
    }
    if (!tp__check_named("optimizer_step_with", "the output", job->outputs))
        return false;
    tp_gradient_options options = TP_OPTIONS(tp_gradient_options);
    options.create_graph = true;
    job->slope = tp_gradient(loss, job->outputs, &options);
    job->seed = tp_variable(
        tp_zeros((tp_dtype)job->outputs->dtype, job->outputs->ndim, tp__shape(job->outputs)));
    options.gradient = job->seed;
    tp_gradients(job->outputs, job->params, job->n_params, job->m->pulled, &options);
    return !tp__here()->code;
}

/* The loss at the parameters as they are, without a graph. */
static double gauss_value(tp_closure *closure, void *ctx)
{
    TP_SCOPE();
    TP_NO_GRAD();
    TP__CALLER();
    tp_var *outputs = NULL;
    tp_var *loss = closure(ctx, &outputs);
    return loss ? tp_item(loss) : (double)NAN;
}

/* Takes the step back if it gained nothing, and adapts the damping. */
static bool gauss_judge(gauss_job *job, double before, double promise, double after)
{
    tp_gauss_newton_new_options *o = job->options;
    if (o->fixed_damping)
        return true;
    const double gain = (before - after) / promise;
    if (!(after < before)) {
        o->damping = o->damping > 0 ? 4 * o->damping : 1e-3;
        return tp__vector_move(job->o, job->m->x, 0, job->m->d);
    }
    if (gain > gauss_good)
        o->damping /= 3;
    else if (gain < gauss_bad)
        o->damping *= 2;
    return true;
}

static double gauss_step(gauss_job *job, tp_closure *closure, void *ctx)
{
    gauss_memory *m = job->m;
    tp_var *loss = tp__optimizer_loss(job->o, closure, ctx, &job->outputs);
    const double before = tp_item(loss);
    if (tp__here()->code || !tp__vector_gradient(job->o, m->g) || !gauss_record(job, loss) ||
        !gauss_solve(job) || !tp__vector_read(job->o, m->x))
        return (double)NAN;
    if (tp__vector_largest(m->n, m->g) == 0)
        return before;
    const double promise = gauss_promise(job);
    if (!tp__vector_move(job->o, m->x, job->o->groups[0].lr, m->d))
        return (double)NAN;
    const double after = job->options->fixed_damping ? before : gauss_value(closure, ctx);
    if (!tp__here()->code)
        return gauss_judge(job, before, promise, after) ? before : (double)NAN;
    tp__vector_move(job->o, m->x, 0, m->d);
    return (double)NAN;
}

static double gauss_search(tp_optimizer *o, tp_closure *closure, void *ctx)
{
    if (!tp__vector_check(o) || (!o->memory && !(o->memory = gauss_make(o))))
        return (double)NAN;
    gauss_job job = {.o = o,
                     .m = o->memory,
                     .options = o->groups[0].options,
                     .params = o->groups[0].params,
                     .n_params = o->groups[0].n};
    bool recorded = tp_set_grad_enabled(true);
    const double loss = gauss_step(&job, closure, ctx);
    tp_set_grad_enabled(recorded);
    return loss;
}

static const tp__option gauss_list[] = {
    TP__NUMBER_OPTION(tp_gauss_newton_new_options, damping, 0, 0),
    TP__NUMBER_OPTION(tp_gauss_newton_new_options, cg_tolerance, 0, 0),
    TP__COUNT_OPTION(tp_gauss_newton_new_options, cg_iterations, 1),
    TP__SWITCH_OPTION(tp_gauss_newton_new_options, fixed_damping),
};

static const tp_gauss_newton_new_options gauss_defaults = TP_OPTIONS(tp_gauss_newton_new_options);

static const tp__optimizer_record gauss_record_of = {
    .name = "gauss_newton",
    .defaults = &gauss_defaults,
    .size = sizeof gauss_defaults,
    .options = gauss_list,
    .n_options = sizeof gauss_list / sizeof *gauss_list,
    .search = gauss_search,
    .forget = gauss_forget,
};

tp_optimizer *tp_gauss_newton_new(tp_var *const *params, int n, double lr,
                                  const tp_gauss_newton_new_options *options)
{
    return tp__optimizer_new("gauss_newton_new", &gauss_record_of, params, n, lr, options);
}
