/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/schedule.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "optim/state.h"

enum { SCHEDULE_PREFIX = 64 };

static bool schedule_is(const char *call, const tp_schedule *s)
{
    if (tp__here()->code)
        return false;
    if (!s)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the schedule is NULL", call);
    return s != NULL;
}

bool tp__schedule_count(const char *call, const char *what, int64_t value, int64_t from)
{
    if (value >= from)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %lld, expected at least %lld", call, what,
            (long long)value, (long long)from);
    return false;
}

tp_schedule *tp__schedule_make(const char *call, const tp__schedule_record *record, tp_optimizer *o)
{
    if (!tp__optimizer_is(call, o))
        return NULL;
    tp_schedule *s = tp__alloc_zero(1, sizeof *s);
    if (!s)
        return NULL;
    s->record = record;
    s->o = o;
    s->n_groups = o->n_groups;
    s->base = tp__alloc_zero((size_t)o->n_groups * 2, sizeof *s->base);
    if (!s->base) {
        tp_schedule_free(s);
        return NULL;
    }
    s->next = s->base + o->n_groups;
    for (int g = 0; g < o->n_groups; g++) {
        const tp__optimizer_group *group = &o->groups[g];
        s->base[g] = isnan(group->initial_lr) ? group->lr : group->initial_lr;
    }
    return s;
}

void tp_schedule_free(tp_schedule *s)
{
    if (!s)
        return;
    for (int i = 0; i < s->n_children; i++)
        tp_schedule_free(s->children[i]);
    tp__free(s->children);
    tp__free(s->milestones);
    tp__free(s->base);
    tp__free(s);
}

bool tp__schedule_apply(tp_schedule *s)
{
    for (int g = 0; g < s->n_groups; g++) {
        s->next[g] = s->record->lr(s, g, s->o->groups[g].lr);
        if (tp__here()->code)
            return false;
        if (!(s->next[g] >= 0 && s->next[g] <= DBL_MAX)) {
            tp_fail(TP_ERROR_ARGUMENT, "schedule_step: %s gives the lr %g at step %lld",
                    s->record->name, s->next[g], (long long)s->epoch);
            return false;
        }
    }
    for (int g = 0; g < s->n_groups; g++) {
        s->o->groups[g].lr = s->next[g];
        if (s->record->momentum)
            s->record->momentum(s, g);
    }
    return true;
}

tp_schedule *tp__schedule_begin(tp_schedule *s)
{
    if (tp__schedule_apply(s)) {
        for (int g = 0; g < s->n_groups; g++)
            s->o->groups[g].initial_lr = s->base[g];
        return s;
    }
    tp_schedule_free(s);
    return NULL;
}

void tp__schedule_restart(tp_schedule *s)
{
    s->epoch = s->place = s->bad = s->cooling = 0;
    s->period = s->length;
    for (int i = 0; i < s->n_children; i++)
        tp__schedule_restart(s->children[i]);
    for (int g = 0; g < s->n_groups; g++)
        s->o->groups[g].lr = s->base[g];
    if (s->record->lr)
        tp__schedule_apply(s);
}

void tp_schedule_step(tp_schedule *s)
{
    if (!schedule_is("schedule_step", s))
        return;
    const int64_t period = s->period, place = s->place;
    s->epoch++;
    if (s->record->step) {
        s->record->step(s);
        return;
    }
    if (s->record->advance)
        s->record->advance(s);
    if (tp__schedule_apply(s))
        return;
    s->epoch--;
    s->period = period;
    s->place = place;
}

void tp_schedule_step_metric(tp_schedule *s, double metric)
{
    if (!schedule_is("schedule_step_metric", s))
        return;
    for (int i = 0; i < s->n_children; i++)
        if (s->children[i]->record->metric)
            s->children[i]->record->metric(s->children[i], metric);
    if (s->record->metric)
        s->record->metric(s, metric);
    tp_schedule_step(s);
}

int64_t tp_schedule_epoch(const tp_schedule *s)
{
    return schedule_is("schedule_epoch", s) ? s->epoch : -1;
}

/* --- State --- */

static void schedule_store(const tp_schedule *s, const char *prefix, tp_state_dict *d)
{
    char key[SCHEDULE_PREFIX + 20];
    snprintf(key, sizeof key, "%sschedule", prefix);
    tp_state_dict_set_text(d, key, s->record->name);
    tp__state_put(d, (double)s->epoch, "%slast_epoch", prefix);
    tp__state_put(d, (double)s->period, "%sT_i", prefix);
    tp__state_put(d, (double)s->place, "%sT_cur", prefix);
    tp__state_put(d, s->best, "%sbest", prefix);
    tp__state_put(d, (double)s->bad, "%snum_bad_epochs", prefix);
    tp__state_put(d, (double)s->cooling, "%scooldown_counter", prefix);
    for (int g = 0; g < s->n_groups; g++)
        tp__state_put(d, s->base[g], "%sbase_lrs.%d", prefix, g);
    for (int i = 0; i < s->n_children; i++) {
        char deeper[SCHEDULE_PREFIX];
        snprintf(deeper, sizeof deeper, "%s%d.", prefix, i);
        schedule_store(s->children[i], deeper, d);
    }
}

tp_state_dict *tp_schedule_state(const tp_schedule *s)
{
    if (!schedule_is("schedule_state", s))
        return NULL;
    tp_state_dict *d = tp_state_dict_new();
    schedule_store(s, "", d);
    return tp__state_end(d);
}

static bool schedule_take_count(const char *call, const tp_state_dict *d, int64_t *to,
                                const char *prefix, const char *name)
{
    double value;
    if (!tp__state_take(call, d, &value, "%s%s", prefix, name) ||
        !tp__check_within(call, name, value, -1, 0x1p53))
        return false;
    if (to)
        *to = (int64_t)value;
    return true;
}

/* Looks at all that s would take from d, and takes it if it is to. */
static bool schedule_load(const char *call, tp_schedule *s, const char *prefix,
                          const tp_state_dict *d, bool takes)
{
    char key[SCHEDULE_PREFIX + 20];
    double best, base;
    snprintf(key, sizeof key, "%sschedule", prefix);
    if (!tp__state_is(call, d, key, s->record->name) ||
        !schedule_take_count(call, d, takes ? &s->epoch : NULL, prefix, "last_epoch") ||
        !schedule_take_count(call, d, takes ? &s->period : NULL, prefix, "T_i") ||
        !schedule_take_count(call, d, takes ? &s->place : NULL, prefix, "T_cur") ||
        !schedule_take_count(call, d, takes ? &s->bad : NULL, prefix, "num_bad_epochs") ||
        !schedule_take_count(call, d, takes ? &s->cooling : NULL, prefix, "cooldown_counter") ||
        !tp__state_take(call, d, &best, "%sbest", prefix))
        return false;
    s->best = takes ? best : s->best;
    for (int g = 0; g < s->n_groups; g++) {
        if (!tp__state_take(call, d, &base, "%sbase_lrs.%d", prefix, g))
            return false;
        s->base[g] = takes ? base : s->base[g];
    }
    for (int i = 0; i < s->n_children; i++) {
        char deeper[SCHEDULE_PREFIX];
        snprintf(deeper, sizeof deeper, "%s%d.", prefix, i);
        if (!schedule_load(call, s->children[i], deeper, d, takes))
            return false;
    }
    return true;
}

void tp_schedule_load_state(tp_schedule *s, const tp_state_dict *d)
{
    const char *call = "schedule_load_state";
    if (schedule_is(call, s) && schedule_load(call, s, "", d, false))
        schedule_load(call, s, "", d, true);
}
