/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/optim.h"

#include <math.h>

#include "array/array.h"
#include "optim/optimizer.h"

static bool adam_options(tp_adam_options *options, const tp_adam_options *given)
{
    if (!tp__take_options("adam_step", options, sizeof *options, given))
        return false;
    return tp__step_option("adam_step", "lr", options->lr, 0, 0) &&
           tp__step_option("adam_step", "beta1", options->beta1, 0, 1) &&
           tp__step_option("adam_step", "beta2", options->beta2, 0, 1) &&
           tp__step_option("adam_step", "eps", options->eps, 0, 0) &&
           tp__step_option("adam_step", "weight_decay", options->weight_decay, 0, 0);
}

void tp_adam_step(tp_var *const *params, tp_var *const *m, tp_var *const *v, int n, int64_t step,
                  const tp_adam_options *options)
{
    tp_adam_options o = TP_OPTIONS(tp_adam_options);
    if (tp__here()->code || !adam_options(&o, options))
        return;
    if (step < 1) {
        tp_fail(TP_ERROR_ARGUMENT, "adam_step: step is %lld, expected at least 1", (long long)step);
        return;
    }
    const char *const names[TP__STEP_STATES] = {"m", "v"};
    tp__step run = {
        .name = "adam_step",
        .kind = TP__ADAM,
        .params = params,
        .states = {m, v},
        .state_names = names,
        .uses = 3,
        .n = n,
        .numbers = {.rate = o.lr / (1 - pow(o.beta1, (double)step)),
                    .times = 1,
                    .decay = o.decoupled ? 0 : o.weight_decay,
                    .keep = o.decoupled ? 1 - o.lr * o.weight_decay : 1,
                    .beta1 = o.beta1,
                    .fresh1 = 1 - o.beta1,
                    .beta2 = o.beta2,
                    .fresh2 = 1 - o.beta2,
                    .scale = 1 / sqrt(1 - pow(o.beta2, (double)step)),
                    .eps = o.eps},
        .flops = 14,
    };
    tp__step_run(&run, 1, n);
}
