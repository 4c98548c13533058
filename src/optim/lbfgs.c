/* SPDX-License-Identifier: MIT
 *
 * L-BFGS as torch.optim.LBFGS has it: one step is up to max_iter iterations, each along a direction
 * from the pairs of the last history_size ones, with a fixed step or one that satisfies the strong
 * Wolfe conditions. All parameters are one vector of float64 here, whatever their types are;
 * gradients and the loss come from the closure.
 *
 * What stays from step to step lies in one block: the pairs in a ring, the direction, the last
 * gradient. It is made at the first step.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/vector.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "optim/state.h"
#include "tinypytorch/array.h"

enum { LBFGS_SEARCHES = 25 };

static const double lbfgs_c1 = 1e-4, lbfgs_c2 = 0.9, lbfgs_change = 1e-9;

typedef struct lbfgs_memory {
    int64_t n;
    int history, pairs, first; /* room of the ring, how many it has, where the oldest is */
    int64_t iterations, calls; /* of all steps */
    double t, scale;           /* the last step's length; the diagonal to begin with */
    double *block;
    double *y, *s, *rho, *alpha;         /* the ring: n numbers or one each */
    double *d, *last_g;                  /* kept: direction and gradient of the last iteration */
    double *x, *g, *bracket_g[2], *next; /* of an iteration */
} lbfgs_memory;

typedef struct lbfgs_point {
    double t, f, slope;
} lbfgs_point;

/* One call of the search. */
typedef struct lbfgs_job {
    tp_optimizer *o;
    lbfgs_memory *m;
    const tp_lbfgs_new_options *options;
    tp_closure *closure;
    void *ctx;
    double loss;
    int calls;
} lbfgs_job;

static void lbfgs_forget(tp_optimizer *o)
{
    lbfgs_memory *m = o->memory;
    if (m)
        tp__free(m->block);
    tp__free(m);
    o->memory = NULL;
}

/* Room for the optimiser's vectors; NULL, with an error, when out of memory. */
static lbfgs_memory *lbfgs_make(const tp_optimizer *o)
{
    const tp_lbfgs_new_options *options = o->groups[0].options;
    const size_t n = (size_t)tp__vector_size(o), h = (size_t)options->history_size;
    lbfgs_memory *m = tp__alloc_zero(1, sizeof *m);
    if (!m)
        return NULL;
    m->n = (int64_t)n;
    m->history = options->history_size;
    m->block = h < SIZE_MAX / 64 / (n + 1) ? tp__alloc_zero((2 * h + 7) * n + 2 * h, sizeof(double))
                                           : tp__alloc(SIZE_MAX / 2);
    if (!m->block) {
        tp__free(m);
        return NULL;
    }
    double *at = m->block;
    double **const parts[] = {&m->d,   &m->last_g, &m->x, &m->g, &m->bracket_g[0], &m->bracket_g[1],
                              &m->next};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++, at += n)
        *parts[i] = at;
    m->y = at;
    m->s = m->y + h * n;
    m->rho = m->s + h * n;
    m->alpha = m->rho + h;
    m->scale = 1;
    return m;
}

/* The loss, and its gradient in g, at the parameters as they are; false with an error. */
static bool lbfgs_evaluate(lbfgs_job *job, double *g)
{
    TP_SCOPE();
    tp_var *loss = tp__optimizer_loss(job->o, job->closure, job->ctx, NULL);
    job->loss = tp_item(loss);
    job->calls++;
    job->m->calls++;
    return !tp__here()->code && tp__vector_gradient(job->o, g);
}

/* --- The direction --- */

static int lbfgs_place(const lbfgs_memory *m, int i)
{
    return (m->first + i) % m->history;
}

/* Takes in the pair of the last iteration, if it tells of positive curvature. */
static void lbfgs_remember(lbfgs_memory *m)
{
    const int64_t n = m->n;
    double *y = m->next, ys = 0, yy = 0;
    for (int64_t i = 0; i < n; i++) {
        y[i] = m->g[i] - m->last_g[i];
        ys += y[i] * (m->d[i] * m->t);
        yy += y[i] * y[i];
    }
    if (!(ys > 1e-10))
        return;
    if (m->pairs == m->history)
        m->first = (m->first + 1) % m->history;
    else
        m->pairs++;
    const int last = lbfgs_place(m, m->pairs - 1);
    memcpy(m->y + last * n, y, (size_t)n * sizeof *y);
    for (int64_t i = 0; i < n; i++)
        m->s[last * n + i] = m->d[i] * m->t;
    m->rho[last] = 1 / ys;
    m->scale = ys / yy;
}

/* d ← −h g by the two loops over pairs. */
static void lbfgs_combine(lbfgs_memory *m)
{
    const int64_t n = m->n;
    for (int64_t i = 0; i < n; i++)
        m->d[i] = -m->g[i];
    for (int k = m->pairs - 1; k >= 0; k--) {
        const int at = lbfgs_place(m, k);
        m->alpha[at] = tp__vector_dot(n, m->s + at * n, m->d) * m->rho[at];
        tp__vector_add(n, m->d, -m->alpha[at], m->y + at * n);
    }
    for (int64_t i = 0; i < n; i++)
        m->d[i] *= m->scale;
    for (int k = 0; k < m->pairs; k++) {
        const int at = lbfgs_place(m, k);
        const double beta = tp__vector_dot(n, m->y + at * n, m->d) * m->rho[at];
        tp__vector_add(n, m->d, m->alpha[at] - beta, m->s + at * n);
    }
}

/* --- The line search --- */

/* Where the cubic through two points with slopes is least, within bounds. */
static double lbfgs_cubic(const lbfgs_point *a, const lbfgs_point *b, double low, double high)
{
    const double d1 = a->slope + b->slope - 3 * (a->f - b->f) / (a->t - b->t);
    const double square = d1 * d1 - a->slope * b->slope;
    if (!(square >= 0))
        return (low + high) / 2;
    const double d2 = sqrt(square);
    const double at =
        a->t <= b->t
            ? b->t - (b->t - a->t) * ((b->slope + d2 - d1) / (b->slope - a->slope + 2 * d2))
            : a->t - (a->t - b->t) * ((a->slope + d2 - d1) / (a->slope - b->slope + 2 * d2));
    return fmin(fmax(at, low), high);
}

/* The point at t along d, its gradient in m->next; false with an error. */
static bool lbfgs_try(lbfgs_job *job, double t, lbfgs_point *at)
{
    lbfgs_memory *m = job->m;
    if (!tp__vector_move(job->o, m->x, t, m->d) || !lbfgs_evaluate(job, m->next))
        return false;
    *at = (lbfgs_point){t, job->loss, tp__vector_dot(m->n, m->next, m->d)};
    return true;
}

static void lbfgs_hold(lbfgs_memory *m, int side)
{
    memcpy(m->bracket_g[side], m->next, (size_t)m->n * sizeof(double));
}

/* Finds two points with an acceptable one between them, or one (true in *done), in
 * bracket[0 … 1] with their gradients. The number of searches left, −1 with an error. */
static int lbfgs_bracket(lbfgs_job *job, double t, const lbfgs_point *start, lbfgs_point bracket[2],
                         bool *done)
{
    lbfgs_memory *m = job->m;
    lbfgs_point last = *start, now;
    memcpy(m->bracket_g[0], m->g, (size_t)m->n * sizeof(double));
    if (!lbfgs_try(job, t, &now))
        return -1;
    for (int i = 0; i < LBFGS_SEARCHES; i++) {
        bool high =
            now.f > start->f + lbfgs_c1 * now.t * start->slope || (i > 1 && now.f >= last.f);
        *done = !high && fabs(now.slope) <= -lbfgs_c2 * start->slope;
        if (high || *done || now.slope >= 0) {
            bracket[0] = *done ? now : last;
            bracket[1] = now;
            lbfgs_hold(m, 1);
            if (*done)
                lbfgs_hold(m, 0);
            return LBFGS_SEARCHES - i;
        }
        const double low = now.t + 0.01 * (now.t - last.t);
        t = lbfgs_cubic(&last, &now, low, now.t * 10);
        last = now;
        lbfgs_hold(m, 0);
        if (!lbfgs_try(job, t, &now))
            return -1;
    }
    bracket[0] = *start;
    bracket[1] = now;
    memcpy(m->bracket_g[0], m->g, (size_t)m->n * sizeof(double));
    lbfgs_hold(m, 1);
    return 0;
}

/* Where to try next between the points of a bracket, and not too near to either again and again. */
static double lbfgs_between(const lbfgs_point bracket[2], bool *insufficient)
{
    const double low = fmin(bracket[0].t, bracket[1].t), high = fmax(bracket[0].t, bracket[1].t);
    const double margin = 0.1 * (high - low);
    double t = lbfgs_cubic(&bracket[0], &bracket[1], low, high);
    if (!(fmin(high - t, t - low) < margin)) {
        *insufficient = false;
        return t;
    }
    if (!*insufficient && t < high && t > low) {
        *insufficient = true;
        return t;
    }
    *insufficient = false;
    return fabs(t - high) < fabs(t - low) ? high - margin : low + margin;
}

/* Narrows the bracket. Which of its points is the lower one; −1 with an error. */
static int lbfgs_zoom(lbfgs_job *job, int left, double largest, const lbfgs_point *start,
                      lbfgs_point bracket[2])
{
    lbfgs_memory *m = job->m;
    int low = bracket[0].f <= bracket[1].f ? 0 : 1;
    bool done = false, insufficient = false;
    for (; left > 0 && !done; left--) {
        if (fabs(bracket[1].t - bracket[0].t) * largest < lbfgs_change)
            break;
        lbfgs_point now;
        if (!lbfgs_try(job, lbfgs_between(bracket, &insufficient), &now))
            return -1;
        if (now.f > start->f + lbfgs_c1 * now.t * start->slope || now.f >= bracket[low].f) {
            bracket[1 - low] = now;
            lbfgs_hold(m, 1 - low);
            low = bracket[0].f <= bracket[1].f ? 0 : 1;
            continue;
        }
        done = fabs(now.slope) <= -lbfgs_c2 * start->slope;
        if (!done && now.slope * (bracket[1 - low].t - bracket[low].t) >= 0) {
            bracket[1 - low] = bracket[low];
            memcpy(m->bracket_g[1 - low], m->bracket_g[low], (size_t)m->n * sizeof(double));
        }
        bracket[low] = now;
        lbfgs_hold(m, low);
    }
    return low;
}

/* Goes along d to a point of the strong Wolfe conditions; g is its gradient then. */
static bool lbfgs_search_line(lbfgs_job *job, double *t, double slope)
{
    lbfgs_memory *m = job->m;
    const lbfgs_point start = {0, job->loss, slope};
    lbfgs_point bracket[2];
    bool done = false;
    int left = lbfgs_bracket(job, *t, &start, bracket, &done);
    int low = left < 0 ? -1
              : done   ? 0
                       : lbfgs_zoom(job, left, tp__vector_largest(m->n, m->d), &start, bracket);
    if (low < 0)
        return false;
    *t = bracket[low].t;
    job->loss = bracket[low].f;
    memcpy(m->g, m->bracket_g[low], (size_t)m->n * sizeof(double));
    return tp__vector_move(job->o, m->x, *t, m->d);
}

/* --- A step --- */

/* One iteration; false when the step is over, or with an error, which leaves the parameters where
 * the iteration began. */
static bool lbfgs_iterate(lbfgs_job *job, int number)
{
    lbfgs_memory *m = job->m;
    const tp_lbfgs_new_options *o = job->options;
    const double lr = job->o->groups[0].lr, before = job->loss;
    double sum = 0;
    m->iterations++;
    if (m->iterations > 1)
        lbfgs_remember(m);
    lbfgs_combine(m);
    for (int64_t i = 0; i < m->n; i++)
        sum += fabs(m->g[i]);
    memcpy(m->last_g, m->g, (size_t)m->n * sizeof(double));
    m->t = m->iterations == 1 ? fmin(1, 1 / sum) * lr : lr;
    const double slope = tp__vector_dot(m->n, m->g, m->d);
    if (slope > -o->tolerance_change)
        return false;
    if (!tp__vector_read(job->o, m->x))
        return false;
    if (!(o->strong_wolfe ? lbfgs_search_line(job, &m->t, slope)
                          : tp__vector_move(job->o, m->x, m->t, m->d) &&
                                (number == o->max_iter || lbfgs_evaluate(job, m->g)))) {
        tp__vector_move(job->o, m->x, 0, m->d);
        return false;
    }
    const int most = o->max_eval >= 0 ? o->max_eval : o->max_iter + o->max_iter / 4;
    return number < o->max_iter && job->calls < most &&
           !(tp__vector_largest(m->n, m->g) <= o->tolerance_grad) &&
           !(tp__vector_largest(m->n, m->d) * fabs(m->t) <= o->tolerance_change) &&
           !(fabs(job->loss - before) < o->tolerance_change);
}

static double lbfgs_search(tp_optimizer *o, tp_closure *closure, void *ctx)
{
    const tp_lbfgs_new_options *options = o->groups[0].options;
    const lbfgs_memory *old = o->memory;
    if (old && old->history != options->history_size)
        lbfgs_forget(o);
    if (!tp__vector_check(o) || (!o->memory && !(o->memory = lbfgs_make(o))))
        return (double)NAN;
    lbfgs_job job = {.o = o, .m = o->memory, .options = options, .closure = closure, .ctx = ctx};
    if (!lbfgs_evaluate(&job, job.m->g))
        return (double)NAN;
    const double first = job.loss;
    if (!(tp__vector_largest(job.m->n, job.m->g) <= job.options->tolerance_grad))
        for (int number = 1; lbfgs_iterate(&job, number); number++)
            ;
    return tp__here()->code ? (double)NAN : first;
}

/* --- State --- */

static void lbfgs_store(const tp_optimizer *o, tp_state_dict *d)
{
    const lbfgs_memory *m = o->memory;
    if (!m)
        return;
    tp__state_put(d, (double)m->iterations, "state.0.n_iter");
    tp__state_put(d, (double)m->calls, "state.0.func_evals");
    tp__state_put(d, m->t, "state.0.t");
    tp__state_put(d, m->scale, "state.0.H_diag");
    tp__state_put_numbers(d, m->n, m->d, "state.0.d");
    tp__state_put_numbers(d, m->n, m->last_g, "state.0.prev_flat_grad");
    tp__state_put(d, m->pairs, "state.0.pairs");
    for (int k = 0; k < m->pairs; k++) {
        const int at = lbfgs_place(m, k);
        tp__state_put_numbers(d, m->n, m->y + at * m->n, "state.0.old_dirs.%d", k);
        tp__state_put_numbers(d, m->n, m->s + at * m->n, "state.0.old_stps.%d", k);
        tp__state_put(d, m->rho[at], "state.0.ro.%d", k);
    }
}

static bool lbfgs_take(const char *call, lbfgs_memory *m, const tp_state_dict *d)
{
    double iterations, calls, pairs;
    if (!tp__state_take(call, d, &iterations, "state.0.n_iter") ||
        !tp__state_take(call, d, &calls, "state.0.func_evals") ||
        !tp__state_take(call, d, &m->t, "state.0.t") ||
        !tp__state_take(call, d, &m->scale, "state.0.H_diag") ||
        !tp__state_take(call, d, &pairs, "state.0.pairs") ||
        !tp__check_within(call, "state.0.pairs", pairs, 0, m->history) ||
        !tp__check_within(call, "state.0.n_iter", iterations, 0, 0x1p53) ||
        !tp__check_within(call, "state.0.func_evals", calls, 0, 0x1p53) ||
        !tp__state_take_numbers(call, d, m->n, m->d, "state.0.d") ||
        !tp__state_take_numbers(call, d, m->n, m->last_g, "state.0.prev_flat_grad"))
        return false;
    m->iterations = (int64_t)iterations;
    m->calls = (int64_t)calls;
    for (; m->pairs < (int)pairs; m->pairs++)
        if (!tp__state_take_numbers(call, d, m->n, m->y + m->pairs * m->n, "state.0.old_dirs.%d",
                                    m->pairs) ||
            !tp__state_take_numbers(call, d, m->n, m->s + m->pairs * m->n, "state.0.old_stps.%d",
                                    m->pairs) ||
            !tp__state_take(call, d, &m->rho[m->pairs], "state.0.ro.%d", m->pairs))
            return false;
    return true;
}

static bool lbfgs_load(tp_optimizer *o, const tp_state_dict *d)
{
    const char *call = "optimizer_load_state";
    const tp_lbfgs_new_options *options = o->groups[0].options;
    double history;
    if (!tp__state_take(call, d, &history, "param_groups.0.history_size"))
        return false;
    if (history != options->history_size) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: history_size is %g in the state, %d here", call, history,
                options->history_size);
        return false;
    }
    lbfgs_memory *old = o->memory, *m = NULL;
    bool good = true;
    if (tp_state_dict_get(d, "state.0.n_iter"))
        good = (m = lbfgs_make(o)) != NULL && lbfgs_take(call, m, d);
    o->memory = good ? old : m;
    lbfgs_forget(o);
    o->memory = good ? m : old;
    return good;
}

#define LBFGS_COUNT(name, from) TP__COUNT_OPTION(tp_lbfgs_new_options, name, from)
#define LBFGS_NUMBER(name) TP__NUMBER_OPTION(tp_lbfgs_new_options, name, 0, 0)
static const tp__option lbfgs_list[] = {
    LBFGS_COUNT(max_iter, 1),       LBFGS_COUNT(max_eval, -1),
    LBFGS_COUNT(history_size, 1),   LBFGS_NUMBER(tolerance_grad),
    LBFGS_NUMBER(tolerance_change), TP__SWITCH_OPTION(tp_lbfgs_new_options, strong_wolfe),
};
#undef LBFGS_COUNT
#undef LBFGS_NUMBER

static const tp_lbfgs_new_options lbfgs_defaults = TP_OPTIONS(tp_lbfgs_new_options);

static const tp__optimizer_record lbfgs_record = {
    .name = "lbfgs",
    .defaults = &lbfgs_defaults,
    .size = sizeof lbfgs_defaults,
    .options = lbfgs_list,
    .n_options = sizeof lbfgs_list / sizeof *lbfgs_list,
    .search = lbfgs_search,
    .store = lbfgs_store,
    .load = lbfgs_load,
    .forget = lbfgs_forget,
};

tp_optimizer *tp_lbfgs_new(tp_var *const *params, int n, double lr,
                           const tp_lbfgs_new_options *options)
{
    return tp__optimizer_new("lbfgs_new", &lbfgs_record, params, n, lr, options);
}
