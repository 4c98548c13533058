/* SPDX-License-Identifier: MIT
 *
 * An optimiser is a record and groups of parameters. The record says all in which one differs from
 * another: its options, what it remembers of a parameter, and how the numbers of a step follow from
 * these. Everything else is one engine (optimizer.c): it makes states at a parameter's first step,
 * counts steps, and gives parameters that have the same count to one step of the walk (optim.h).
 *
 * A group has a copy of the record's struct of options, which it reads by the record's list of
 * them; so options have names at run time too: in groups, in schedules and in files.
 */
#ifndef TP_OPTIMIZER_H
#define TP_OPTIMIZER_H

#include "base/features.h"

#include "optim/optim.h"
#include "tinypytorch/optim.h"

/* A field of a struct of options. */
typedef enum tp__option_kind {
    TP__OPTION_NUMBER,
    TP__OPTION_COUNT,
    TP__OPTION_SWITCH
} tp__option_kind;
typedef struct tp__option {
    const char *name;
    size_t at;
    tp__option_kind kind; /* double, int or bool */
    double from, to;      /* at least from and, if to is not 0, less than to */
} tp__option;

#define TP__NUMBER_OPTION(type, name, from, to)                                                    \
    {                                                                                              \
#name, offsetof(type, name), TP__OPTION_NUMBER, from, to                                   \
    }
#define TP__COUNT_OPTION(type, name, from)                                                         \
    {                                                                                              \
#name, offsetof(type, name), TP__OPTION_COUNT, from, 0                                     \
    }
#define TP__SWITCH_OPTION(type, name)                                                              \
    {                                                                                              \
#name, offsetof(type, name), TP__OPTION_SWITCH, 0, 2                                       \
    }

/* A step of some parameters, for the record to look at. */
typedef struct tp__moment {
    const void *options;
    double lr;
    int64_t step;  /* counts from 1 */
    bool fresh;    /* the states were made for this step */
    double scalar; /* what is remembered as one number; the record sets it to what follows */
} tp__moment;

typedef struct tp__optimizer_record {
    const char *name;
    const void *defaults; /* a struct of options, of so many bytes */
    size_t size;
    const tp__option *options;
    int n_options;
    const char *states[TP__STEP_STATES]; /* PyTorch's names */
    const char *scalar;                  /* a number for each parameter, NULL: none */
    double scalar_start;
    /* What the list of options does not say of them; NULL: nothing. */
    bool (*check)(const char *call, const void *options);
    /* Which states there are, as bits; NULL: all that have names. */
    unsigned (*uses)(const void *options);
    /* What the elements of a state begin with; NULL: 0. */
    double (*start)(const void *options);
    /* Sets kind, numbers and flops of a step. */
    void (*prepare)(tp__moment *now, tp__step *step);
    /* Optimisers that need more than a gradient have this in place of `prepare`: it moves the
     * parameters and gives the loss where it began. NaN, with an error pending, if it fails. */
    double (*search)(tp_optimizer *o, tp_closure *closure, void *ctx);
    /* What `search` remembers, in o->memory: to and from a dict, and its end. */
    void (*store)(const tp_optimizer *o, tp_state_dict *d);
    bool (*load)(tp_optimizer *o, const tp_state_dict *d);
    void (*forget)(tp_optimizer *o);
} tp__optimizer_record;

typedef struct tp__optimizer_group {
    double lr, initial_lr;
    void *options;
    int n, first; /* the number of its first parameter in the optimiser */
    tp_var **params, **masters, **states[TP__STEP_STATES]; /* n each; NULL where there is none */
    double *scalars;
    int64_t *steps;
    bool *fresh;
} tp__optimizer_group;

struct tp_optimizer {
    const tp__optimizer_record *record;
    void *defaults; /* the options that it was made with */
    tp__optimizer_group *groups;
    int n_groups, n_params;
    tp__step *runs; /* room for n_params */
    double *after;  /* scalars after each run */
    double unscale; /* what gradients are multiplied by: 1 but within a scaler's step */
    bool unscaled;  /* a scaler has divided the gradients since its last step */
    void *memory;   /* of a search */
};

/* True unless an error is pending or o is NULL, which is one in call's name. */
bool tp__optimizer_is(const char *call, const tp_optimizer *o);
bool tp__optimizer_has_group(const char *call, const tp_optimizer *o, int group);

tp_optimizer *tp__optimizer_new(const char *call, const tp__optimizer_record *record,
                                tp_var *const *params, int n, double lr, const void *options);

/* The gradients of all parameters are forgotten, the loss computed and swept. What it is, NaN with
 * an error; in the caller's scope. */
tp_var *tp__optimizer_loss(const tp_optimizer *o, tp_closure *closure, void *ctx, tp_var **outputs);

double tp__option_read(const tp__option *option, const void *options);
void tp__option_write(const tp__option *option, void *options, double value);

bool tp__optimizer_has_option(const tp_optimizer *o, const char *name);
bool tp__optimizer_check(const char *call, const tp__optimizer_record *record, const void *options);
unsigned tp__optimizer_uses(const tp__optimizer_record *record, const void *options);

/* A group over the parameters of another, with its options, and nothing that is remembered; false,
 * with an error, when out of memory. Either way it is to be ended. */
bool tp__optimizer_group_like(const tp_optimizer *o, const tp__optimizer_group *like,
                              tp__optimizer_group *group);
void tp__optimizer_group_end(tp__optimizer_group *group);

/* Number i of all parameters. */
tp_var *tp__optimizer_param(const tp_optimizer *o, int i);

#endif
