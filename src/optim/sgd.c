/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/optim.h"

#include <float.h>

#include "array/array.h"
#include "optim/optimizer.h"

static bool sgd_nesterov(const char *call, bool nesterov, double momentum, double dampening)
{
    if (!nesterov || (momentum != 0 && dampening == 0))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: nesterov needs momentum and takes no dampening", call);
    return false;
}

static bool sgd_options(tp_sgd_options *options, const tp_sgd_options *given)
{
    if (!tp__take_options("sgd_step", options, sizeof *options, given))
        return false;
    if (!tp__step_option("sgd_step", "lr", options->lr, 0, 0) ||
        !tp__step_option("sgd_step", "momentum", options->momentum, 0, 0) ||
        !tp__step_option("sgd_step", "weight_decay", options->weight_decay, 0, 0))
        return false;
    if (!tp__check_within("sgd_step", "dampening", options->dampening, -DBL_MAX, DBL_MAX))
        return false;
    return sgd_nesterov("sgd_step", options->nesterov, options->momentum, options->dampening);
}

void tp_sgd_step(tp_var *const *params, tp_var *const *velocity, int n,
                 const tp_sgd_options *options)
{
    tp_sgd_options o = TP_OPTIONS(tp_sgd_options);
    if (tp__here()->code || !sgd_options(&o, options))
        return;
    bool moves = o.momentum != 0;
    const char *const names[TP__STEP_STATES] = {"velocity"};
    tp__step step = {
        .name = "sgd_step",
        .kind = moves ? TP__MOMENTUM : TP__SGD,
        .params = params,
        .states = {velocity},
        .state_names = names,
        .uses = moves,
        .n = n,
        .numbers = {.rate = o.lr,
                    .times = 1,
                    .decay = o.weight_decay,
                    .momentum = o.first ? 0 : o.momentum,
                    .fresh = o.first ? 1 : 1 - o.dampening,
                    .look = o.nesterov ? o.momentum : 0},
        .flops = moves ? 8 : 4,
    };
    tp__step_run(&step, 1, n);
}

/* --- The optimiser --- */

#define SGD_NUMBER(name, from) TP__NUMBER_OPTION(tp_sgd_new_options, name, from, 0)
#define SGD_SWITCH(name) TP__SWITCH_OPTION(tp_sgd_new_options, name)
static const tp__option sgd_list[] = {
    SGD_NUMBER(momentum, 0),     SGD_NUMBER(dampening, -DBL_MAX),
    SGD_NUMBER(weight_decay, 0), SGD_SWITCH(nesterov),
    SGD_SWITCH(maximize),
};
#undef SGD_NUMBER
#undef SGD_SWITCH

static bool sgd_check(const char *call, const void *options)
{
    const tp_sgd_new_options *o = options;
    return sgd_nesterov(call, o->nesterov, o->momentum, o->dampening);
}

static unsigned sgd_uses(const void *options)
{
    return ((const tp_sgd_new_options *)options)->momentum != 0;
}

static void sgd_prepare(tp__moment *now, tp__step *step)
{
    const tp_sgd_new_options *o = now->options;
    tp__step_numbers *k = &step->numbers;
    step->kind = o->momentum != 0 ? TP__MOMENTUM : TP__SGD;
    step->flops = o->momentum != 0 ? 8 : 4;
    k->rate = now->lr;
    k->times = o->maximize ? -1 : 1;
    k->decay = o->weight_decay;
    k->momentum = now->fresh ? 0 : o->momentum;
    k->fresh = now->fresh ? 1 : 1 - o->dampening;
    k->look = o->nesterov ? o->momentum : 0;
}

static const tp_sgd_new_options sgd_defaults = TP_OPTIONS(tp_sgd_new_options);

static const tp__optimizer_record sgd_record = {
    .name = "sgd",
    .defaults = &sgd_defaults,
    .size = sizeof sgd_defaults,
    .options = sgd_list,
    .n_options = sizeof sgd_list / sizeof *sgd_list,
    .states = {"momentum_buffer"},
    .check = sgd_check,
    .uses = sgd_uses,
    .prepare = sgd_prepare,
};

tp_optimizer *tp_sgd_new(tp_var *const *params, int n, double lr, const tp_sgd_new_options *options)
{
    return tp__optimizer_new("sgd_new", &sgd_record, params, n, lr, options);
}
