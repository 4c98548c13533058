/* SPDX-License-Identifier: MIT
 *
 * A schedule is a record and its numbers. The record says what rate follows from the one that a
 * group has; several schedules in one have a step of their own. All new rates are known and checked
 * before the first one changes.
 */
#ifndef TP_OPTIM_SCHEDULE_H
#define TP_OPTIM_SCHEDULE_H

#include "base/features.h"

#include "optim/optimizer.h"
#include "tinypytorch/schedule.h"

typedef struct tp__schedule_record {
    const char *name;
    /* The rate of a group at s->epoch, whose rate at the step before was now. */
    double (*lr)(const tp_schedule *s, int group, double now);
    void (*advance)(tp_schedule *s);              /* counts beside the epoch; NULL: none */
    void (*momentum)(tp_schedule *s, int group);  /* NULL: stays */
    void (*metric)(tp_schedule *s, double value); /* NULL: ignored */
    void (*step)(tp_schedule *s);                 /* of several schedules, in place of all that */
} tp__schedule_record;

struct tp_schedule {
    const tp__schedule_record *record;
    tp_optimizer *o;
    int64_t epoch;
    int n_groups;
    double *base, *next; /* a rate for each group */
    union {
        tp_factor_lr_new_options factor;
        tp_cosine_lr_new_options cosine;
        tp_one_cycle_lr_new_options cycle;
        tp_reduce_lr_on_plateau_new_options plateau;
    } options;
    double gamma, most;    /* of steps; the largest of a cycle */
    int64_t length;        /* of a period or cycle */
    int64_t period, place; /* of warm restarts: how long the present one is, and where */
    double best;           /* metric so far */
    int64_t bad, cooling;  /* steps without a better one; steps that do not count */
    int64_t *milestones;
    int n_milestones;
    tp_schedule **children; /* that it frees */
    int n_children;
    tp_lr_lambda *f;
    void *ctx;
    bool owned; /* by another */
};

/* A schedule over all groups of o, NULL with an error. Nothing of o changes. */
tp_schedule *tp__schedule_make(const char *call, const tp__schedule_record *record,
                               tp_optimizer *o);

/* Brings the optimiser's rates to step 0 and returns s; frees it and returns NULL on an error. */
tp_schedule *tp__schedule_begin(tp_schedule *s);

/* Sets all rates to what follows at s->epoch; false, with an error, if one is no rate. */
bool tp__schedule_apply(tp_schedule *s);

/* s stands at step 0, over the groups' initial rates. */
void tp__schedule_restart(tp_schedule *s);

bool tp__schedule_count(const char *call, const char *what, int64_t value, int64_t from);

#endif
