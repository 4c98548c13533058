/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/optimizer.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "tinypytorch/array.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/scope.h"

/* --- Options by name --- */

double tp__option_read(const tp__option *option, const void *options)
{
    const char *at = (const char *)options + option->at;
    if (option->kind == TP__OPTION_SWITCH)
        return *(const bool *)(const void *)at;
    if (option->kind == TP__OPTION_COUNT)
        return *(const int *)(const void *)at;
    return *(const double *)(const void *)at;
}

void tp__option_write(const tp__option *option, void *options, double value)
{
    char *at = (char *)options + option->at;
    if (option->kind == TP__OPTION_SWITCH)
        *(bool *)(void *)at = value != 0;
    else if (option->kind == TP__OPTION_COUNT)
        *(int *)(void *)at = (int)value;
    else
        *(double *)(void *)at = value;
}

static const tp__option *optimizer_option(const tp__optimizer_record *record, const char *name)
{
    for (int i = 0; i < record->n_options; i++)
        if (!strcmp(record->options[i].name, name))
            return &record->options[i];
    return NULL;
}

bool tp__optimizer_check(const char *call, const tp__optimizer_record *record, const void *options)
{
    for (int i = 0; i < record->n_options; i++) {
        const tp__option *option = &record->options[i];
        if (option->kind != TP__OPTION_SWITCH &&
            !tp__step_option(call, option->name, tp__option_read(option, options), option->from,
                             option->to))
            return false;
    }
    return !record->check || record->check(call, options);
}

bool tp__optimizer_has_option(const tp_optimizer *o, const char *name)
{
    return optimizer_option(o->record, name) != NULL;
}

/* Options of a group, in the order of its struct. */
#define GROUP_NUMBER(name) TP__NUMBER_OPTION(tp_optimizer_group_options, name, 0, 0)
#define GROUP_SWITCH(name) TP__COUNT_OPTION(tp_optimizer_group_options, name, 0)
static const tp__option optimizer_group_options[] = {
    GROUP_NUMBER(weight_decay),   GROUP_NUMBER(momentum),
    GROUP_NUMBER(dampening),      GROUP_NUMBER(beta1),
    GROUP_NUMBER(beta2),          GROUP_NUMBER(eps),
    GROUP_NUMBER(alpha),          GROUP_NUMBER(rho),
    GROUP_NUMBER(lr_decay),       GROUP_NUMBER(initial_accumulator_value),
    GROUP_NUMBER(momentum_decay), GROUP_SWITCH(nesterov),
    GROUP_SWITCH(maximize),       GROUP_SWITCH(amsgrad),
    GROUP_SWITCH(centered),       GROUP_SWITCH(decoupled_weight_decay),
};
#undef GROUP_NUMBER
#undef GROUP_SWITCH

/* Writes what a caller gave over the options of a group. */
static bool optimizer_take_group(const char *call, const tp__optimizer_record *record,
                                 const tp_optimizer_group_options *given, void *options)
{
    const int n = (int)(sizeof optimizer_group_options / sizeof *optimizer_group_options);
    for (int i = 0; i < n; i++) {
        const tp__option *option = &optimizer_group_options[i];
        double value = tp__option_read(option, given);
        if (value == (option->kind == TP__OPTION_NUMBER ? TP_AUTO : -1))
            continue;
        const tp__option *own = optimizer_option(record, option->name);
        if (!own) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: %s has no option %s", call, record->name, option->name);
            return false;
        }
        tp__option_write(own, options, value);
    }
    return tp__optimizer_check(call, record, options);
}

/* --- Groups --- */

static void optimizer_drop_list(tp_var **list, int n)
{
    for (int i = 0; list && i < n; i++)
        if (list[i])
            tp__drop(list[i]);
}

void tp__optimizer_group_end(tp__optimizer_group *group)
{
    for (int i = 0; group->params && i < group->n; i++)
        tp_free(group->params[i]);
    optimizer_drop_list(group->masters, group->n);
    for (int k = 0; k < TP__STEP_STATES; k++)
        optimizer_drop_list(group->states[k], group->n);
    tp__free(group->params);
    tp__free(group->scalars);
    tp__free(group->options);
}

/* Room for what is known of n parameters: values in one block, numbers in another. */
static bool optimizer_group_room(const tp__optimizer_record *record, tp__optimizer_group *group,
                                 int n)
{
    const size_t lists = 2 + TP__STEP_STATES, count = (size_t)n + 1; /* one more: never 0 bytes */
    const size_t numbers = sizeof *group->scalars + sizeof *group->steps + sizeof *group->fresh;
    group->options = tp__alloc_zero(1, record->size);
    group->params = tp__alloc_zero(count * lists, sizeof *group->params);
    group->scalars = tp__alloc_zero(count, numbers);
    if (!group->options || !group->params || !group->scalars)
        return false;
    group->masters = group->params + count;
    for (int k = 0; k < TP__STEP_STATES; k++)
        group->states[k] = group->params + count * (size_t)(2 + k);
    group->steps = (int64_t *)(void *)(group->scalars + count);
    group->fresh = (bool *)(void *)(group->steps + count);
    return true;
}

static bool optimizer_holds(const tp_optimizer *o, const tp_var *p)
{
    for (int g = 0; g < o->n_groups; g++)
        for (int i = 0; i < o->groups[g].n; i++)
            if (o->groups[g].params[i] == p)
                return true;
    return false;
}

/* Fills a group with parameters, each of which nobody else has. */
static bool optimizer_group_fill(const char *call, const tp_optimizer *o,
                                 tp__optimizer_group *group, tp_var *const *params, int n)
{
    const tp__step step = {.name = call, .params = params, .masters = group->masters, .n = n};
    for (int i = 0; i < n; i++) {
        if (!tp__step_may_move(&step, i))
            return false;
        bool again = optimizer_holds(o, params[i]);
        for (int j = 0; j < i && !again; j++)
            again = params[j] == params[i];
        if (again) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: parameter %d is among the parameters already", call, i);
            return false;
        }
        group->params[group->n++] = tp_keep(params[i]);
        group->scalars[i] = o->record->scalar_start;
    }
    return true;
}

bool tp__optimizer_group_like(const tp_optimizer *o, const tp__optimizer_group *like,
                              tp__optimizer_group *group)
{
    group->first = like->first;
    if (!optimizer_group_room(o->record, group, like->n))
        return false;
    memcpy(group->options, like->options, o->record->size);
    for (; group->n < like->n; group->n++) {
        group->params[group->n] = tp_keep(like->params[group->n]);
        group->scalars[group->n] = o->record->scalar_start;
    }
    return true;
}

/* Room for one more group and n more parameters. */
static bool optimizer_more(tp_optimizer *o, int n)
{
    size_t total = (size_t)o->n_params + (size_t)n + 1;
    tp__optimizer_group *groups =
        tp__realloc(o->groups, ((size_t)o->n_groups + 1) * sizeof *groups);
    if (!groups)
        return false;
    o->groups = groups;
    tp__step *runs = tp__realloc(o->runs, total * sizeof *runs);
    if (!runs)
        return false;
    o->runs = runs;
    double *after = tp__realloc(o->after, total * sizeof *after);
    if (!after)
        return false;
    o->after = after;
    return true;
}

static bool optimizer_add(const char *call, tp_optimizer *o, tp_var *const *params, int n,
                          double lr, const void *options)
{
    tp__optimizer_group group = {.lr = lr, .initial_lr = (double)NAN, .first = o->n_params};
    if (n < 0 || (n > 0 && !params)) {
        tp_fail(TP_ERROR_ARGUMENT,
                n < 0 ? "%s: %d parameters" : "%s: the list of %d parameters is NULL", call, n);
        return false;
    }
    if (!tp__step_option(call, "lr", lr, 0, 0) || !optimizer_more(o, n))
        return false;
    if (!optimizer_group_room(o->record, &group, n) ||
        !optimizer_group_fill(call, o, &group, params, n)) {
        tp__optimizer_group_end(&group);
        return false;
    }
    memcpy(group.options, options, o->record->size);
    o->groups[o->n_groups++] = group;
    o->n_params += n;
    return true;
}

bool tp__optimizer_is(const char *call, const tp_optimizer *o)
{
    if (tp__here()->code)
        return false;
    if (!o)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the optimizer is NULL", call);
    return o != NULL;
}

bool tp__optimizer_has_group(const char *call, const tp_optimizer *o, int group)
{
    if (!tp__optimizer_is(call, o))
        return false;
    if (group < 0 || group >= o->n_groups)
        tp_fail(TP_ERROR_ARGUMENT, "%s: group %d of %d", call, group, o->n_groups);
    return group >= 0 && group < o->n_groups;
}

tp_var *tp__optimizer_param(const tp_optimizer *o, int i)
{
    int g = 0;
    while (i >= o->groups[g].first + o->groups[g].n)
        g++;
    return o->groups[g].params[i - o->groups[g].first];
}

/* --- Making --- */

tp_optimizer *tp__optimizer_new(const char *call, const tp__optimizer_record *record,
                                tp_var *const *params, int n, double lr, const void *options)
{
    if (tp__here()->code)
        return NULL;
    tp_optimizer *o = tp__alloc_zero(1, sizeof *o);
    if (!o)
        return NULL;
    o->record = record;
    o->unscale = 1;
    bool good = (o->defaults = tp__alloc(record->size)) != NULL;
    if (good)
        memcpy(o->defaults, record->defaults, record->size);
    good = good && tp__take_options(call, o->defaults, record->size, options) &&
           tp__optimizer_check(call, record, o->defaults);
    if (good && n == 0)
        tp_fail(TP_ERROR_ARGUMENT, "%s: no parameters", call);
    if (good && n != 0 && optimizer_add(call, o, params, n, lr, o->defaults))
        return o;
    tp_optimizer_free(o);
    return NULL;
}

void tp_optimizer_add_group(tp_optimizer *o, tp_var *const *params, int n, double lr,
                            const tp_optimizer_group_options *options)
{
    const char *call = "optimizer_add_group";
    tp_optimizer_group_options given = TP_OPTIONS(tp_optimizer_group_options);
    if (!tp__optimizer_is(call, o) || !tp__take_options(call, &given, sizeof given, options))
        return;
    if (o->record->search) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s has one group of parameters", call, o->record->name);
        return;
    }
    void *own = tp__alloc(o->record->size);
    if (!own)
        return;
    memcpy(own, o->defaults, o->record->size);
    if (optimizer_take_group(call, o->record, &given, own))
        optimizer_add(call, o, params, n, lr, own);
    tp__free(own);
}

void tp_optimizer_free(tp_optimizer *o)
{
    if (!o)
        return;
    if (o->record->forget)
        o->record->forget(o);
    for (int g = 0; g < o->n_groups; g++)
        tp__optimizer_group_end(&o->groups[g]);
    tp__free(o->groups);
    tp__free(o->runs);
    tp__free(o->after);
    tp__free(o->defaults);
    tp__free(o);
}

/* --- Reading and changing --- */

int tp_optimizer_groups(const tp_optimizer *o)
{
    return tp__optimizer_is("optimizer_groups", o) ? o->n_groups : 0;
}

double tp_optimizer_lr(const tp_optimizer *o, int group)
{
    return tp__optimizer_has_group("optimizer_lr", o, group) ? o->groups[group].lr : (double)NAN;
}

void tp_optimizer_set_lr(tp_optimizer *o, int group, double lr)
{
    if (tp__optimizer_has_group("optimizer_set_lr", o, group) &&
        tp__step_option("optimizer_set_lr", "lr", lr, 0, 0))
        o->groups[group].lr = lr;
}

static const tp__option *optimizer_find(const char *call, const tp_optimizer *o, int group,
                                        const char *name)
{
    if (!tp__optimizer_has_group(call, o, group))
        return NULL;
    const tp__option *option = name ? optimizer_option(o->record, name) : NULL;
    if (!option)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s has no option %s", call, o->record->name,
                name ? name : "NULL");
    return option;
}

double tp_optimizer_option(const tp_optimizer *o, int group, const char *name)
{
    const tp__option *option = optimizer_find("optimizer_option", o, group, name);
    return option ? tp__option_read(option, o->groups[group].options) : (double)NAN;
}

void tp_optimizer_set_option(tp_optimizer *o, int group, const char *name, double value)
{
    const char *call = "optimizer_set_option";
    const tp__option *option = optimizer_find(call, o, group, name);
    const double to = option && option->kind == TP__OPTION_COUNT ? INT32_MAX : DBL_MAX;
    if (!option || !tp__check_within(call, name, value, -to, to))
        return;
    void *options = o->groups[group].options;
    double before = tp__option_read(option, options);
    tp__option_write(option, options, value);
    if (!tp__optimizer_check(call, o->record, options))
        tp__option_write(option, options, before);
}

void tp_optimizer_zero_grad(tp_optimizer *o)
{
    if (!tp__optimizer_is("optimizer_zero_grad", o))
        return;
    for (int g = 0; g < o->n_groups; g++)
        for (int i = 0; i < o->groups[g].n; i++)
            tp_cleargrad(o->groups[g].params[i]);
}

/* --- A step --- */

unsigned tp__optimizer_uses(const tp__optimizer_record *record, const void *options)
{
    unsigned all = 0;
    for (int k = 0; k < TP__STEP_STATES; k++)
        all |= record->states[k] ? 1u << k : 0;
    return record->uses ? record->uses(options) : all;
}

/* A constant that is kept, NULL with an error. */
static tp_var *optimizer_make(tp_dtype dtype, const tp_var *like, double value)
{
    TP_SCOPE();
    tp_var *v = value != 0 ? tp_full(dtype, like->ndim, tp__shape(like), value)
                           : tp_zeros(dtype, like->ndim, tp__shape(like));
    if (v->flags & TP__POISON)
        return NULL;
    tp__ref(v);
    return v;
}

static bool optimizer_is_half(const tp_var *p)
{
    return p->dtype == TP_F16 || p->dtype == TP_BF16;
}

/* Makes what parameter i lacks to be moved. */
static bool optimizer_ready(const tp__optimizer_record *record, tp__optimizer_group *group,
                            unsigned uses, int i)
{
    tp_var *p = group->params[i];
    const bool half = optimizer_is_half(p);
    const tp_dtype dtype = half ? TP_F32 : (tp_dtype)p->dtype;
    for (int k = 0; k < TP__STEP_STATES; k++) {
        if (!(uses >> k & 1) || group->states[k][i])
            continue;
        group->states[k][i] =
            optimizer_make(dtype, p, record->start ? record->start(group->options) : 0);
        if (!group->states[k][i])
            return false;
        group->fresh[i] = true;
    }
    if (half && !group->masters[i])
        group->masters[i] = tp__copy_as(tp__here(), p, TP_F32);
    return !half || group->masters[i];
}

static bool optimizer_moves(const tp_var *p)
{
    return tp__grad_of(p) != NULL;
}

static bool optimizer_alike(const tp__optimizer_group *group, int i, int j)
{
    return group->steps[i] == group->steps[j] && group->fresh[i] == group->fresh[j] &&
           group->scalars[i] == group->scalars[j];
}

/* One more run of the walk, from parameter i of the group on. */
static tp__step *optimizer_run(tp_optimizer *o, tp__optimizer_group *group, unsigned uses, int i,
                               int number)
{
    tp__step *run = &o->runs[number];
    tp__moment now = {.options = group->options,
                      .lr = group->lr,
                      .step = group->steps[i] + 1,
                      .fresh = group->fresh[i],
                      .scalar = group->scalars[i]};
    *run = (tp__step){.name = "optimizer_step",
                      .params = group->params + i,
                      .masters = group->masters + i,
                      .state_names = o->record->states,
                      .uses = uses,
                      .first = group->first + i,
                      .numbers = {.times = 1, .keep = 1}};
    for (int k = 0; k < TP__STEP_STATES; k++)
        run->states[k] = group->states[k] + i;
    o->record->prepare(&now, run);
    run->numbers.times *= o->unscale;
    o->after[number] = now.scalar;
    return run;
}

/* The runs of a group: parameters that follow one another and are alike, but for those between them
 * that have no gradient. False, with an error, when out of memory. */
static bool optimizer_runs(tp_optimizer *o, tp__optimizer_group *group, int *n_runs)
{
    const unsigned uses = tp__optimizer_uses(o->record, group->options);
    tp__step *run = NULL;
    for (int i = 0, start = 0; i < group->n; i++) {
        if (!optimizer_moves(group->params[i]))
            continue;
        if (!optimizer_ready(o->record, group, uses, i))
            return false;
        if (!run || !optimizer_alike(group, start, i)) {
            start = i;
            run = optimizer_run(o, group, uses, i, (*n_runs)++);
        }
        run->n = i - start + 1;
    }
    return true;
}

/* The runs were made: their parameters have one step more. */
static void optimizer_count(tp_optimizer *o, int n_runs)
{
    int g = 0;
    for (int r = 0; r < n_runs; r++) {
        const tp__step *run = &o->runs[r];
        while (run->first >= o->groups[g].first + o->groups[g].n)
            g++;
        tp__optimizer_group *group = &o->groups[g];
        for (int i = run->first - group->first, k = 0; k < run->n; i++, k++) {
            if (!optimizer_moves(group->params[i]))
                continue;
            group->steps[i]++;
            group->fresh[i] = false;
            group->scalars[i] = o->after[r];
        }
    }
}

static void optimizer_step(tp_optimizer *o)
{
    int n_runs = 0;
    for (int g = 0; g < o->n_groups; g++)
        if (!optimizer_runs(o, &o->groups[g], &n_runs))
            return;
    if (tp__step_run(o->runs, n_runs, o->n_params))
        optimizer_count(o, n_runs);
}

void tp_optimizer_step(tp_optimizer *o)
{
    if (!tp__optimizer_is("optimizer_step", o))
        return;
    if (o->record->search)
        tp_fail(TP_ERROR_ARGUMENT,
                "optimizer_step: %s evaluates the loss itself: call tp_optimizer_step_with",
                o->record->name);
    else
        optimizer_step(o);
}

tp_var *tp__optimizer_loss(const tp_optimizer *o, tp_closure *closure, void *ctx, tp_var **outputs)
{
    for (int g = 0; g < o->n_groups; g++)
        for (int i = 0; i < o->groups[g].n; i++)
            tp_cleargrad(o->groups[g].params[i]);
    bool recorded = tp_set_grad_enabled(true);
    tp_var *loss = NULL;
    {
        TP__CALLER();
        loss = closure(ctx, outputs);
    }
    if (!tp__here()->code && tp__check_named("optimizer_step_with", "the loss", loss)) {
        if (loss->size != 1)
            tp__refuse_shape("optimizer_step_with", "the loss", loss, "one element");
        else
            tp_backward(loss, NULL);
    }
    tp_set_grad_enabled(recorded);
    return tp__here()->code ? tp__poison() : loss;
}

double tp_optimizer_step_with(tp_optimizer *o, tp_closure *closure, void *ctx)
{
    if (!tp__optimizer_is("optimizer_step_with", o))
        return (double)NAN;
    if (!closure) {
        tp_fail(TP_ERROR_ARGUMENT, "optimizer_step_with: the closure is NULL");
        return (double)NAN;
    }
    TP_SCOPE();
    if (o->record->search)
        return o->record->search(o, closure, ctx);
    tp_var *loss = tp__optimizer_loss(o, closure, ctx, NULL);
    double value = tp_item(loss);
    if (!tp__here()->code)
        optimizer_step(o);
    return value;
}
