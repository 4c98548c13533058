/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/optimizer.h"

#include <float.h>

/* What all of this file have in common. */
static void adagrad_begin(const tp__moment *now, tp__step *step, double weight_decay, bool maximize)
{
    step->numbers.rate = now->lr;
    step->numbers.times = maximize ? -1 : 1;
    step->numbers.decay = weight_decay;
}

/* --- Adagrad --- */

static const tp__option adagrad_list[] = {
    TP__NUMBER_OPTION(tp_adagrad_new_options, lr_decay, 0, 0),
    TP__NUMBER_OPTION(tp_adagrad_new_options, weight_decay, 0, 0),
    TP__NUMBER_OPTION(tp_adagrad_new_options, initial_accumulator_value, 0, 0),
    TP__NUMBER_OPTION(tp_adagrad_new_options, eps, 0, 0),
    TP__SWITCH_OPTION(tp_adagrad_new_options, maximize),
};

static double adagrad_start(const void *options)
{
    return ((const tp_adagrad_new_options *)options)->initial_accumulator_value;
}

static void adagrad_prepare(tp__moment *now, tp__step *step)
{
    const tp_adagrad_new_options *o = now->options;
    adagrad_begin(now, step, o->weight_decay, o->maximize);
    step->kind = TP__ADAGRAD;
    step->flops = 8;
    step->numbers.rate = now->lr / (1 + (double)(now->step - 1) * o->lr_decay);
    step->numbers.eps = o->eps;
}

static const tp_adagrad_new_options adagrad_defaults = TP_OPTIONS(tp_adagrad_new_options);

static const tp__optimizer_record adagrad_record = {
    .name = "adagrad",
    .defaults = &adagrad_defaults,
    .size = sizeof adagrad_defaults,
    .options = adagrad_list,
    .n_options = sizeof adagrad_list / sizeof *adagrad_list,
    .states = {"sum"},
    .start = adagrad_start,
    .prepare = adagrad_prepare,
};

tp_optimizer *tp_adagrad_new(tp_var *const *params, int n, double lr,
                             const tp_adagrad_new_options *options)
{
    return tp__optimizer_new("adagrad_new", &adagrad_record, params, n, lr, options);
}

/* --- Adadelta --- */

static const tp__option adadelta_list[] = {
    TP__NUMBER_OPTION(tp_adadelta_new_options, rho, 0, 1 + DBL_EPSILON),
    TP__NUMBER_OPTION(tp_adadelta_new_options, eps, 0, 0),
    TP__NUMBER_OPTION(tp_adadelta_new_options, weight_decay, 0, 0),
    TP__SWITCH_OPTION(tp_adadelta_new_options, maximize),
};

static void adadelta_prepare(tp__moment *now, tp__step *step)
{
    const tp_adadelta_new_options *o = now->options;
    adagrad_begin(now, step, o->weight_decay, o->maximize);
    step->kind = TP__ADADELTA;
    step->flops = 15;
    step->numbers.beta2 = o->rho;
    step->numbers.fresh2 = 1 - o->rho;
    step->numbers.eps = o->eps;
}

static const tp_adadelta_new_options adadelta_defaults = TP_OPTIONS(tp_adadelta_new_options);

static const tp__optimizer_record adadelta_record = {
    .name = "adadelta",
    .defaults = &adadelta_defaults,
    .size = sizeof adadelta_defaults,
    .options = adadelta_list,
    .n_options = sizeof adadelta_list / sizeof *adadelta_list,
    .states = {"square_avg", "acc_delta"},
    .prepare = adadelta_prepare,
};

tp_optimizer *tp_adadelta_new(tp_var *const *params, int n, double lr,
                              const tp_adadelta_new_options *options)
{
    return tp__optimizer_new("adadelta_new", &adadelta_record, params, n, lr, options);
}

/* --- RMSprop --- */

static const tp__option rmsprop_list[] = {
    TP__NUMBER_OPTION(tp_rmsprop_new_options, alpha, 0, 0),
    TP__NUMBER_OPTION(tp_rmsprop_new_options, eps, 0, 0),
    TP__NUMBER_OPTION(tp_rmsprop_new_options, weight_decay, 0, 0),
    TP__NUMBER_OPTION(tp_rmsprop_new_options, momentum, 0, 0),
    TP__SWITCH_OPTION(tp_rmsprop_new_options, centered),
    TP__SWITCH_OPTION(tp_rmsprop_new_options, maximize),
};

static unsigned rmsprop_uses(const void *options)
{
    const tp_rmsprop_new_options *o = options;
    return 1u | (o->centered ? 2u : 0) | (o->momentum > 0 ? 4u : 0);
}

static void rmsprop_prepare(tp__moment *now, tp__step *step)
{
    static const tp__step_kind kinds[2][2] = {{TP__RMSPROP, TP__RMSPROP_MOMENTUM},
                                              {TP__RMSPROP_CENTERED, TP__RMSPROP_BOTH}};
    const tp_rmsprop_new_options *o = now->options;
    adagrad_begin(now, step, o->weight_decay, o->maximize);
    step->kind = kinds[o->centered][o->momentum > 0];
    step->flops = 10 + (o->centered ? 5 : 0) + (o->momentum > 0 ? 2 : 0);
    step->numbers.momentum = o->momentum;
    step->numbers.beta2 = o->alpha;
    step->numbers.fresh2 = 1 - o->alpha;
    step->numbers.eps = o->eps;
}

static const tp_rmsprop_new_options rmsprop_defaults = TP_OPTIONS(tp_rmsprop_new_options);

static const tp__optimizer_record rmsprop_record = {
    .name = "rmsprop",
    .defaults = &rmsprop_defaults,
    .size = sizeof rmsprop_defaults,
    .options = rmsprop_list,
    .n_options = sizeof rmsprop_list / sizeof *rmsprop_list,
    .states = {"square_avg", "grad_avg", "momentum_buffer"},
    .uses = rmsprop_uses,
    .prepare = rmsprop_prepare,
};

tp_optimizer *tp_rmsprop_new(tp_var *const *params, int n, double lr,
                             const tp_rmsprop_new_options *options)
{
    return tp__optimizer_new("rmsprop_new", &rmsprop_record, params, n, lr, options);
}
