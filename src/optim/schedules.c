/* SPDX-License-Identifier: MIT
 *
 * The schedules, each a record and the call that makes it.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/schedule.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"

static const double schedules_pi = 3.14159265358979323846;

static double schedules_stay(const tp_schedule *s, int group, double now)
{
    (void)s, (void)group;
    return now;
}

/* --- Steps --- */

static double schedules_step(const tp_schedule *s, int group, double now)
{
    (void)group;
    return s->epoch == 0 || s->epoch % s->length != 0 ? now : now * s->gamma;
}

static double schedules_multi_step(const tp_schedule *s, int group, double now)
{
    int times = 0;
    (void)group;
    for (int i = 0; i < s->n_milestones; i++)
        times += s->milestones[i] == s->epoch;
    return times ? now * pow(s->gamma, times) : now;
}

static const tp__schedule_record schedules_step_record = {.name = "StepLR", .lr = schedules_step};
static const tp__schedule_record schedules_exponential_record = {.name = "ExponentialLR",
                                                                 .lr = schedules_step};
static const tp__schedule_record schedules_multi_record = {.name = "MultiStepLR",
                                                           .lr = schedules_multi_step};

static tp_schedule *schedules_make_step(const char *call, const tp__schedule_record *record,
                                        tp_optimizer *o, int64_t length, double gamma)
{
    if (!tp__optimizer_is(call, o) || !tp__schedule_count(call, "step_size", length, 1) ||
        !tp__check_within(call, "gamma", gamma, 0, DBL_MAX))
        return NULL;
    tp_schedule *s = tp__schedule_make(call, record, o);
    if (!s)
        return NULL;
    s->length = length;
    s->gamma = gamma;
    return tp__schedule_begin(s);
}

tp_schedule *tp_step_lr_new(tp_optimizer *o, int64_t step_size,
                            const tp_step_lr_new_options *options)
{
    tp_step_lr_new_options own = TP_OPTIONS(tp_step_lr_new_options);
    if (tp__here()->code || !tp__take_options("step_lr_new", &own, sizeof own, options))
        return NULL;
    return schedules_make_step("step_lr_new", &schedules_step_record, o, step_size, own.gamma);
}

tp_schedule *tp_exponential_lr_new(tp_optimizer *o, double gamma)
{
    return schedules_make_step("exponential_lr_new", &schedules_exponential_record, o, 1, gamma);
}

/* A copy of n ascending milestones; false, with an error, if they are not. */
static bool schedules_milestones(const char *call, tp_schedule *s, const int64_t *milestones, int n)
{
    if (n < 0 || (n > 0 && !milestones)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d milestones", call, n);
        return false;
    }
    for (int i = 0; i < n; i++)
        if (milestones[i] < (i ? milestones[i - 1] : 0)) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: milestone %d is %lld, expected ascending ones from 0",
                    call, i, (long long)milestones[i]);
            return false;
        }
    s->milestones = tp__alloc_zero((size_t)n + 1, sizeof *s->milestones);
    if (!s->milestones)
        return false;
    if (n)
        memcpy(s->milestones, milestones, (size_t)n * sizeof *milestones);
    s->n_milestones = n;
    return true;
}

tp_schedule *tp_multi_step_lr_new(tp_optimizer *o, const int64_t *milestones, int n,
                                  const tp_step_lr_new_options *options)
{
    const char *call = "multi_step_lr_new";
    tp_step_lr_new_options own = TP_OPTIONS(tp_step_lr_new_options);
    if (!tp__optimizer_is(call, o) || !tp__take_options(call, &own, sizeof own, options) ||
        !tp__check_within(call, "gamma", own.gamma, 0, DBL_MAX))
        return NULL;
    tp_schedule *s = tp__schedule_make(call, &schedules_multi_record, o);
    if (s && !schedules_milestones(call, s, milestones, n)) {
        tp_schedule_free(s);
        return NULL;
    }
    if (!s)
        return NULL;
    s->gamma = own.gamma;
    return tp__schedule_begin(s);
}

/* --- Factors --- */

static double schedules_constant(const tp_schedule *s, int group, double now)
{
    const tp_factor_lr_new_options *o = &s->options.factor;
    (void)group;
    if (s->epoch == 0)
        now *= o->factor;
    return s->epoch == o->total_iters && s->epoch > 0 ? now * (1 / o->factor) : now;
}

static double schedules_linear(const tp_schedule *s, int group, double now)
{
    const tp_factor_lr_new_options *o = &s->options.factor;
    const double rise = o->end_factor - o->start_factor;
    (void)group;
    if (s->epoch == 0)
        return now * o->start_factor;
    if (s->epoch > o->total_iters)
        return now;
    return now *
           (1 + rise / ((double)o->total_iters * o->start_factor + (double)(s->epoch - 1) * rise));
}

static double schedules_polynomial(const tp_schedule *s, int group, double now)
{
    const tp_factor_lr_new_options *o = &s->options.factor;
    const double n = (double)o->total_iters, t = (double)s->epoch;
    (void)group;
    if (s->epoch == 0 || s->epoch > o->total_iters)
        return now;
    return now * pow((1 - t / n) / (1 - (t - 1) / n), o->power);
}

static const tp__schedule_record schedules_constant_record = {.name = "ConstantLR",
                                                              .lr = schedules_constant};
static const tp__schedule_record schedules_linear_record = {.name = "LinearLR",
                                                            .lr = schedules_linear};
static const tp__schedule_record schedules_polynomial_record = {.name = "PolynomialLR",
                                                                .lr = schedules_polynomial};

static tp_schedule *schedules_make_factor(const char *call, const tp__schedule_record *record,
                                          tp_optimizer *o, const tp_factor_lr_new_options *options)
{
    tp_factor_lr_new_options own = TP_OPTIONS(tp_factor_lr_new_options);
    if (!tp__optimizer_is(call, o) || !tp__take_options(call, &own, sizeof own, options) ||
        !tp__check_within(call, "factor", own.factor, DBL_TRUE_MIN, 1) ||
        !tp__check_within(call, "start_factor", own.start_factor, DBL_TRUE_MIN, 1) ||
        !tp__check_within(call, "end_factor", own.end_factor, 0, 1) ||
        !tp__check_within(call, "power", own.power, 0, DBL_MAX) ||
        !tp__schedule_count(call, "total_iters", own.total_iters, 1))
        return NULL;
    tp_schedule *s = tp__schedule_make(call, record, o);
    if (!s)
        return NULL;
    s->options.factor = own;
    return tp__schedule_begin(s);
}

tp_schedule *tp_constant_lr_new(tp_optimizer *o, const tp_factor_lr_new_options *options)
{
    return schedules_make_factor("constant_lr_new", &schedules_constant_record, o, options);
}

tp_schedule *tp_linear_lr_new(tp_optimizer *o, const tp_factor_lr_new_options *options)
{
    return schedules_make_factor("linear_lr_new", &schedules_linear_record, o, options);
}

tp_schedule *tp_polynomial_lr_new(tp_optimizer *o, const tp_factor_lr_new_options *options)
{
    return schedules_make_factor("polynomial_lr_new", &schedules_polynomial_record, o, options);
}

/* --- Cosines --- */

static double schedules_cosine(const tp_schedule *s, int group, double now)
{
    const double least = s->options.cosine.eta_min, n = (double)s->length, t = (double)s->epoch;
    if (s->epoch == 0)
        return now;
    if (s->epoch % (2 * s->length) == (s->length + 1) % (2 * s->length))
        return now + (s->base[group] - least) * (1 - cos(schedules_pi / n)) / 2;
    return (1 + cos(schedules_pi * t / n)) / (1 + cos(schedules_pi * (t - 1) / n)) * (now - least) +
           least;
}

static double schedules_restarts(const tp_schedule *s, int group, double now)
{
    const double least = s->options.cosine.eta_min;
    (void)now;
    return least + (s->base[group] - least) *
                       (1 + cos(schedules_pi * (double)s->place / (double)s->period)) / 2;
}

static void schedules_advance(tp_schedule *s)
{
    if (++s->place < s->period)
        return;
    s->place -= s->period;
    s->period = s->period > INT64_MAX / s->options.cosine.T_mult
                    ? INT64_MAX
                    : s->period * s->options.cosine.T_mult;
}

static const tp__schedule_record schedules_cosine_record = {.name = "CosineAnnealingLR",
                                                            .lr = schedules_cosine};
static const tp__schedule_record schedules_restarts_record = {
    .name = "CosineAnnealingWarmRestarts", .lr = schedules_restarts, .advance = schedules_advance};

static tp_schedule *schedules_make_cosine(const char *call, const char *what,
                                          const tp__schedule_record *record, tp_optimizer *o,
                                          int64_t length, const tp_cosine_lr_new_options *options)
{
    tp_cosine_lr_new_options own = TP_OPTIONS(tp_cosine_lr_new_options);
    if (!tp__optimizer_is(call, o) || !tp__take_options(call, &own, sizeof own, options) ||
        !tp__schedule_count(call, what, length, 1) ||
        !tp__schedule_count(call, "T_mult", own.T_mult, 1) ||
        !tp__check_within(call, "eta_min", own.eta_min, 0, DBL_MAX))
        return NULL;
    if (length > INT64_MAX / 4) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %lld, which is too many", call, what,
                (long long)length);
        return NULL;
    }
    tp_schedule *s = tp__schedule_make(call, record, o);
    if (!s)
        return NULL;
    s->options.cosine = own;
    s->length = s->period = length;
    return tp__schedule_begin(s);
}

tp_schedule *tp_cosine_annealing_lr_new(tp_optimizer *o, int64_t T_max,
                                        const tp_cosine_lr_new_options *options)
{
    return schedules_make_cosine("cosine_annealing_lr_new", "T_max", &schedules_cosine_record, o,
                                 T_max, options);
}

tp_schedule *tp_cosine_annealing_warm_restarts_new(tp_optimizer *o, int64_t T_0,
                                                   const tp_cosine_lr_new_options *options)
{
    return schedules_make_cosine("cosine_annealing_warm_restarts_new", "T_0",
                                 &schedules_restarts_record, o, T_0, options);
}

/* --- One cycle: phases by where they end, each from one number to another --- */

enum { CYCLE_PHASES = 3 };

typedef struct cycle_place {
    int from, to; /* of lowest, initial and largest rate: 0, 1, 2 */
    double part;
} cycle_place;

static cycle_place schedules_cycle_place(const tp_schedule *s)
{
    const tp_one_cycle_lr_new_options *o = &s->options.cycle;
    const double last = (double)(s->length - 1), rise = o->pct_start * (double)s->length;
    const double ends[CYCLE_PHASES] = {rise - 1, o->three_phase ? 2 * rise - 2 : last, last};
    const int levels[CYCLE_PHASES + 1] = {1, 2, o->three_phase ? 1 : 0, 0};
    const int n = o->three_phase ? 3 : 2;
    const double t = (double)s->epoch;
    double start = 0;
    int i = 0;
    while (i < n - 1 && t > ends[i])
        start = ends[i++];
    return (cycle_place){levels[i], levels[i + 1], (t - start) / (ends[i] - start)};
}

static double schedules_between(const tp_schedule *s, double from, double to, double part)
{
    if (s->options.cycle.linear)
        return (to - from) * part + from;
    return to + (from - to) / 2 * (1 + cos(schedules_pi * part));
}

static double schedules_cycle(const tp_schedule *s, int group, double now)
{
    const double initial = s->base[group];
    const double rates[] = {initial / s->options.cycle.final_div_factor, initial, s->most};
    (void)now;
    if (s->epoch > s->length) {
        tp_fail(TP_ERROR_ARGUMENT, "schedule_step: step %lld of a cycle of %lld",
                (long long)s->epoch + 1, (long long)s->length);
        return 0;
    }
    cycle_place at = schedules_cycle_place(s);
    return schedules_between(s, rates[at.from], rates[at.to], at.part);
}

static const char *schedules_momentum_name(const tp_optimizer *o)
{
    return tp__optimizer_has_option(o, "momentum") ? "momentum"
           : tp__optimizer_has_option(o, "beta1")  ? "beta1"
                                                   : NULL;
}

static void schedules_cycle_momentum(tp_schedule *s, int group)
{
    const tp_one_cycle_lr_new_options *o = &s->options.cycle;
    const double levels[] = {o->max_momentum, o->max_momentum, o->base_momentum};
    cycle_place at = schedules_cycle_place(s);
    if (o->cycle_momentum)
        tp_optimizer_set_option(s->o, group, schedules_momentum_name(s->o),
                                schedules_between(s, levels[at.from], levels[at.to], at.part));
}

static const tp__schedule_record schedules_cycle_record = {
    .name = "OneCycleLR", .lr = schedules_cycle, .momentum = schedules_cycle_momentum};

static bool schedules_cycle_check(const char *call, const tp_optimizer *optimizer, double max_lr,
                                  int64_t total_steps, const tp_one_cycle_lr_new_options *o)
{
    if (!tp__check_within(call, "max_lr", max_lr, 0, DBL_MAX) ||
        !tp__schedule_count(call, "total_steps", total_steps, 1) ||
        !tp__check_within(call, "pct_start", o->pct_start, 0, 1) ||
        !tp__step_option(call, "base_momentum", o->base_momentum, 0, 1) ||
        !tp__step_option(call, "max_momentum", o->max_momentum, 0, 1) ||
        !tp__check_within(call, "div_factor", o->div_factor, DBL_MIN, DBL_MAX) ||
        !tp__check_within(call, "final_div_factor", o->final_div_factor, DBL_MIN, DBL_MAX))
        return false;
    if (!o->cycle_momentum || schedules_momentum_name(optimizer))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %s has no momentum: .cycle_momentum = false", call,
            optimizer->record->name);
    return false;
}

tp_schedule *tp_one_cycle_lr_new(tp_optimizer *o, double max_lr, int64_t total_steps,
                                 const tp_one_cycle_lr_new_options *options)
{
    const char *call = "one_cycle_lr_new";
    tp_one_cycle_lr_new_options own = TP_OPTIONS(tp_one_cycle_lr_new_options);
    if (!tp__optimizer_is(call, o) || !tp__take_options(call, &own, sizeof own, options) ||
        !schedules_cycle_check(call, o, max_lr, total_steps, &own))
        return NULL;
    tp_schedule *s = tp__schedule_make(call, &schedules_cycle_record, o);
    if (!s)
        return NULL;
    s->options.cycle = own;
    s->length = total_steps;
    s->most = max_lr;
    for (int g = 0; g < s->n_groups; g++)
        s->base[g] = max_lr / own.div_factor;
    return tp__schedule_begin(s);
}

/* --- Plateau --- */

static bool schedules_is_better(const tp_schedule *s, double metric)
{
    const tp_reduce_lr_on_plateau_new_options *o = &s->options.plateau;
    if (o->maximize)
        return metric > (o->absolute ? s->best + o->threshold : s->best * (o->threshold + 1));
    return metric < (o->absolute ? s->best - o->threshold : s->best * (1 - o->threshold));
}

static void schedules_reduce(tp_schedule *s)
{
    const tp_reduce_lr_on_plateau_new_options *o = &s->options.plateau;
    for (int g = 0; g < s->n_groups; g++) {
        double *lr = &s->o->groups[g].lr, less = fmax(*lr * o->factor, o->min_lr);
        *lr = *lr - less > o->eps ? less : *lr;
    }
    s->cooling = o->cooldown;
    s->bad = 0;
}

static void schedules_metric(tp_schedule *s, double metric)
{
    if (schedules_is_better(s, metric)) {
        s->best = metric;
        s->bad = 0;
    } else {
        s->bad++;
    }
    if (s->cooling > 0) {
        s->cooling--;
        s->bad = 0;
    }
    if (s->bad > s->options.plateau.patience)
        schedules_reduce(s);
}

static const tp__schedule_record schedules_plateau_record = {
    .name = "ReduceLROnPlateau", .lr = schedules_stay, .metric = schedules_metric};

tp_schedule *tp_reduce_lr_on_plateau_new(tp_optimizer *o,
                                         const tp_reduce_lr_on_plateau_new_options *options)
{
    const char *call = "reduce_lr_on_plateau_new";
    tp_reduce_lr_on_plateau_new_options own = TP_OPTIONS(tp_reduce_lr_on_plateau_new_options);
    if (!tp__optimizer_is(call, o) || !tp__take_options(call, &own, sizeof own, options) ||
        !tp__step_option(call, "factor", own.factor, 0, 1) ||
        !tp__check_within(call, "threshold", own.threshold, 0, DBL_MAX) ||
        !tp__check_within(call, "min_lr", own.min_lr, 0, DBL_MAX) ||
        !tp__check_within(call, "eps", own.eps, 0, DBL_MAX) ||
        !tp__schedule_count(call, "patience", own.patience, 0) ||
        !tp__schedule_count(call, "cooldown", own.cooldown, 0))
        return NULL;
    tp_schedule *s = tp__schedule_make(call, &schedules_plateau_record, o);
    if (!s)
        return NULL;
    s->options.plateau = own;
    s->best = own.maximize ? -(double)INFINITY : (double)INFINITY;
    return tp__schedule_begin(s);
}

/* --- A function --- */

static double schedules_lambda(const tp_schedule *s, int group, double now)
{
    (void)now;
    TP__CALLER();
    return s->base[group] * s->f(s->ctx, s->epoch);
}

static const tp__schedule_record schedules_lambda_record = {.name = "LambdaLR",
                                                            .lr = schedules_lambda};

tp_schedule *tp_lambda_lr_new(tp_optimizer *o, tp_lr_lambda *f, void *ctx)
{
    if (!tp__optimizer_is("lambda_lr_new", o))
        return NULL;
    if (!f) {
        tp_fail(TP_ERROR_ARGUMENT, "lambda_lr_new: the function is NULL");
        return NULL;
    }
    tp_schedule *s = tp__schedule_make("lambda_lr_new", &schedules_lambda_record, o);
    if (!s)
        return NULL;
    s->f = f;
    s->ctx = ctx;
    return tp__schedule_begin(s);
}

/* --- Several --- */

static void schedules_chained_step(tp_schedule *s)
{
    for (int i = 0; i < s->n_children; i++)
        tp_schedule_step(s->children[i]);
}

static void schedules_sequential_step(tp_schedule *s)
{
    int i = 0;
    while (i < s->n_milestones && s->milestones[i] <= s->epoch)
        i++;
    if (i > 0 && s->milestones[i - 1] == s->epoch)
        tp__schedule_restart(s->children[i]);
    else
        tp_schedule_step(s->children[i]);
}

static const tp__schedule_record schedules_chained_record = {.name = "ChainedScheduler",
                                                             .step = schedules_chained_step};
static const tp__schedule_record schedules_sequential_record = {.name = "SequentialLR",
                                                                .step = schedules_sequential_step};

static bool schedules_check_several(const char *call, tp_schedule *const *schedules, int n)
{
    if (tp__here()->code)
        return false;
    if (n < 1 || !schedules) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d schedules", call, n);
        return false;
    }
    for (int i = 0; i < n; i++) {
        bool again = false;
        for (int j = 0; j < i; j++)
            again = again || schedules[j] == schedules[i];
        if (schedules[i] && schedules[i]->o == schedules[0]->o && !schedules[i]->owned && !again)
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "%s: schedule %d is %s", call, i,
                !schedules[i]                  ? "NULL"
                : again || schedules[i]->owned ? "another's already"
                                               : "of another optimizer");
        return false;
    }
    return true;
}

static tp_schedule *schedules_make_several(const char *call, const tp__schedule_record *record,
                                           tp_schedule *const *schedules, int n,
                                           const int64_t *milestones, int n_milestones)
{
    if (!schedules_check_several(call, schedules, n))
        return NULL;
    tp_schedule *s = tp__schedule_make(call, record, schedules[0]->o);
    if (!s || !schedules_milestones(call, s, milestones, n_milestones) ||
        !(s->children = tp__alloc_zero((size_t)n, sizeof *s->children))) {
        tp_schedule_free(s);
        return NULL;
    }
    for (int i = 0; i < n; i++) {
        schedules[i]->owned = true;
        s->children[s->n_children++] = schedules[i];
    }
    return s;
}

tp_schedule *tp_chained_scheduler_new(tp_schedule *const *schedules, int n)
{
    return schedules_make_several("chained_scheduler_new", &schedules_chained_record, schedules, n,
                                  NULL, 0);
}

tp_schedule *tp_sequential_lr_new(tp_schedule *const *schedules, int n, const int64_t *milestones)
{
    tp_schedule *s = schedules_make_several("sequential_lr_new", &schedules_sequential_record,
                                            schedules, n, milestones, n > 0 ? n - 1 : 0);
    if (s)
        tp__schedule_restart(s->children[0]);
    return s;
}
