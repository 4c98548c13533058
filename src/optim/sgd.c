/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/optim.h"

#include <float.h>

#include "array/array.h"
#include "optim/optim.h"

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
    if (options->nesterov && (options->momentum == 0 || options->dampening != 0)) {
        tp_fail(TP_ERROR_ARGUMENT, "sgd_step: nesterov needs momentum and takes no dampening");
        return false;
    }
    return true;
}

void tp_sgd_step(tp_var *const *params, tp_var *const *velocity, int n,
                 const tp_sgd_options *options)
{
    tp_sgd_options o = TP_OPTIONS(tp_sgd_options);
    if (tp__here()->code || !sgd_options(&o, options))
        return;
    bool moves = o.momentum != 0;
    tp__step step = {
        .name = "sgd_step",
        .kind = moves ? TP__MOMENTUM : TP__SGD,
        .params = params,
        .states = {velocity},
        .state_names = {"velocity"},
        .n = n,
        .n_states = moves,
        .numbers = {.rate = o.lr,
                    .decay = o.weight_decay,
                    .momentum = o.first ? 0 : o.momentum,
                    .fresh = o.first ? 1 : 1 - o.dampening,
                    .look = o.nesterov ? o.momentum : 0},
        .flops = moves ? 8 : 4,
    };
    tp__step_run(&step);
}
