/* SPDX-License-Identifier: MIT
 *
 * Adam and its kin: means of the gradient and of its square, which forget at their own rates.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/optimizer.h"

#include <math.h>

/* What all of them have in common. */
static void moments_begin(const tp__moment *now, tp__step *step, double beta1, double beta2,
                          double eps, bool maximize)
{
    tp__step_numbers *k = &step->numbers;
    k->rate = now->lr;
    k->times = maximize ? -1 : 1;
    k->beta1 = beta1;
    k->fresh1 = 1 - beta1;
    k->beta2 = beta2;
    k->fresh2 = 1 - beta2;
    k->eps = eps;
    step->flops = 14;
}

static void moments_decay(const tp__moment *now, tp__step *step, double decay, bool decoupled)
{
    step->numbers.decay = decoupled ? 0 : decay;
    step->numbers.keep = decoupled ? 1 - now->lr * decay : 1;
}

/* What a mean that began with 0 lacks of its weight. */
static double moments_bias(double beta, const tp__moment *now)
{
    return 1 - pow(beta, (double)now->step);
}

static void moments_adam(const tp__moment *now, tp__step *step, bool amsgrad)
{
    tp__step_numbers *k = &step->numbers;
    step->kind = amsgrad ? TP__AMSGRAD : TP__ADAM;
    k->rate = now->lr / moments_bias(k->beta1, now);
    k->scale = 1 / sqrt(moments_bias(k->beta2, now));
}

#define MOMENTS_OPTIONS(type)                                                                      \
    TP__NUMBER_OPTION(type, beta1, 0, 1), TP__NUMBER_OPTION(type, beta2, 0, 1),                    \
        TP__NUMBER_OPTION(type, eps, 0, 0), TP__NUMBER_OPTION(type, weight_decay, 0, 0),           \
        TP__SWITCH_OPTION(type, maximize)

/* --- Adam --- */

static const tp__option adam_list[] = {
    MOMENTS_OPTIONS(tp_adam_new_options),
    TP__SWITCH_OPTION(tp_adam_new_options, amsgrad),
};

static unsigned adam_uses(const void *options)
{
    return ((const tp_adam_new_options *)options)->amsgrad ? 7 : 3;
}

static void adam_prepare(tp__moment *now, tp__step *step)
{
    const tp_adam_new_options *o = now->options;
    moments_begin(now, step, o->beta1, o->beta2, o->eps, o->maximize);
    moments_decay(now, step, o->weight_decay, false);
    moments_adam(now, step, o->amsgrad);
}

static const tp_adam_new_options adam_defaults = TP_OPTIONS(tp_adam_new_options);

static const tp__optimizer_record adam_record = {
    .name = "adam",
    .defaults = &adam_defaults,
    .size = sizeof adam_defaults,
    .options = adam_list,
    .n_options = sizeof adam_list / sizeof *adam_list,
    .states = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
    .uses = adam_uses,
    .prepare = adam_prepare,
};

tp_optimizer *tp_adam_new(tp_var *const *params, int n, double lr,
                          const tp_adam_new_options *options)
{
    return tp__optimizer_new("adam_new", &adam_record, params, n, lr, options);
}

/* --- AdamW --- */

static const tp__option adamw_list[] = {
    MOMENTS_OPTIONS(tp_adamw_new_options),
    TP__SWITCH_OPTION(tp_adamw_new_options, amsgrad),
};

static unsigned adamw_uses(const void *options)
{
    return ((const tp_adamw_new_options *)options)->amsgrad ? 7 : 3;
}

static void adamw_prepare(tp__moment *now, tp__step *step)
{
    const tp_adamw_new_options *o = now->options;
    moments_begin(now, step, o->beta1, o->beta2, o->eps, o->maximize);
    moments_decay(now, step, o->weight_decay, true);
    moments_adam(now, step, o->amsgrad);
}

static const tp_adamw_new_options adamw_defaults = TP_OPTIONS(tp_adamw_new_options);

static const tp__optimizer_record adamw_record = {
    .name = "adamw",
    .defaults = &adamw_defaults,
    .size = sizeof adamw_defaults,
    .options = adamw_list,
    .n_options = sizeof adamw_list / sizeof *adamw_list,
    .states = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq"},
    .uses = adamw_uses,
    .prepare = adamw_prepare,
};

tp_optimizer *tp_adamw_new(tp_var *const *params, int n, double lr,
                           const tp_adamw_new_options *options)
{
    return tp__optimizer_new("adamw_new", &adamw_record, params, n, lr, options);
}

/* --- Adamax --- */

static const tp__option adamax_list[] = {
    MOMENTS_OPTIONS(tp_adamax_new_options),
};

static void adamax_prepare(tp__moment *now, tp__step *step)
{
    const tp_adamax_new_options *o = now->options;
    moments_begin(now, step, o->beta1, o->beta2, o->eps, o->maximize);
    moments_decay(now, step, o->weight_decay, false);
    step->kind = TP__ADAMAX;
    step->numbers.rate = now->lr / moments_bias(o->beta1, now);
}

static const tp_adamax_new_options adamax_defaults = TP_OPTIONS(tp_adamax_new_options);

static const tp__optimizer_record adamax_record = {
    .name = "adamax",
    .defaults = &adamax_defaults,
    .size = sizeof adamax_defaults,
    .options = adamax_list,
    .n_options = sizeof adamax_list / sizeof *adamax_list,
    .states = {"exp_avg", "exp_inf"},
    .prepare = adamax_prepare,
};

tp_optimizer *tp_adamax_new(tp_var *const *params, int n, double lr,
                            const tp_adamax_new_options *options)
{
    return tp__optimizer_new("adamax_new", &adamax_record, params, n, lr, options);
}

/* --- NAdam: the momentum grows with the steps, and the next one looks ahead --- */

static const tp__option nadam_list[] = {
    MOMENTS_OPTIONS(tp_nadam_new_options),
    TP__NUMBER_OPTION(tp_nadam_new_options, momentum_decay, 0, 0),
    TP__SWITCH_OPTION(tp_nadam_new_options, decoupled_weight_decay),
};

static double nadam_momentum(const tp_nadam_new_options *o, int64_t step)
{
    return o->beta1 * (1 - 0.5 * pow(0.96, (double)step * o->momentum_decay));
}

static void nadam_prepare(tp__moment *now, tp__step *step)
{
    const tp_nadam_new_options *o = now->options;
    const double mu = nadam_momentum(o, now->step), next = nadam_momentum(o, now->step + 1);
    tp__step_numbers *k = &step->numbers;
    now->scalar *= mu;
    moments_begin(now, step, o->beta1, o->beta2, o->eps, o->maximize);
    moments_decay(now, step, o->weight_decay, o->decoupled_weight_decay);
    step->kind = TP__NADAM;
    step->flops = 18;
    k->direct = now->lr * (1 - mu) / (1 - now->scalar);
    k->rate = now->lr * next / (1 - now->scalar * next);
    k->scale = 1 / sqrt(moments_bias(o->beta2, now));
}

static const tp_nadam_new_options nadam_defaults = TP_OPTIONS(tp_nadam_new_options);

static const tp__optimizer_record nadam_record = {
    .name = "nadam",
    .defaults = &nadam_defaults,
    .size = sizeof nadam_defaults,
    .options = nadam_list,
    .n_options = sizeof nadam_list / sizeof *nadam_list,
    .states = {"exp_avg", "exp_avg_sq"},
    .scalar = "mu_product",
    .scalar_start = 1,
    .prepare = nadam_prepare,
};

tp_optimizer *tp_nadam_new(tp_var *const *params, int n, double lr,
                           const tp_nadam_new_options *options)
{
    return tp__optimizer_new("nadam_new", &nadam_record, params, n, lr, options);
}

/* --- RAdam: no division by the root while its variance is too large to be known --- */

static const tp__option radam_list[] = {
    MOMENTS_OPTIONS(tp_radam_new_options),
    TP__SWITCH_OPTION(tp_radam_new_options, decoupled_weight_decay),
};

static void radam_prepare(tp__moment *now, tp__step *step)
{
    const tp_radam_new_options *o = now->options;
    const double left = 1 - moments_bias(o->beta2, now), most = 2 / (1 - o->beta2) - 1;
    const double length = most - 2 * (double)now->step * left / (1 - left);
    tp__step_numbers *k = &step->numbers;
    moments_begin(now, step, o->beta1, o->beta2, o->eps, o->maximize);
    moments_decay(now, step, o->weight_decay, o->decoupled_weight_decay);
    step->kind = TP__RADAM;
    k->rate = now->lr / moments_bias(o->beta1, now);
    k->adapts = length > 5;
    if (k->adapts)
        k->rate *= sqrt((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length)) *
                   sqrt(1 - left);
}

static const tp_radam_new_options radam_defaults = TP_OPTIONS(tp_radam_new_options);

static const tp__optimizer_record radam_record = {
    .name = "radam",
    .defaults = &radam_defaults,
    .size = sizeof radam_defaults,
    .options = radam_list,
    .n_options = sizeof radam_list / sizeof *radam_list,
    .states = {"exp_avg", "exp_avg_sq"},
    .prepare = radam_prepare,
};

tp_optimizer *tp_radam_new(tp_var *const *params, int n, double lr,
                           const tp_radam_new_options *options)
{
    return tp__optimizer_new("radam_new", &radam_record, params, n, lr, options);
}

/* --- Lion: the sign of the mean alone --- */

static const tp__option lion_list[] = {
    TP__NUMBER_OPTION(tp_lion_new_options, beta1, 0, 1),
    TP__NUMBER_OPTION(tp_lion_new_options, beta2, 0, 1),
    TP__NUMBER_OPTION(tp_lion_new_options, weight_decay, 0, 0),
    TP__SWITCH_OPTION(tp_lion_new_options, maximize),
};

static void lion_prepare(tp__moment *now, tp__step *step)
{
    const tp_lion_new_options *o = now->options;
    moments_begin(now, step, o->beta1, o->beta2, 0, o->maximize);
    moments_decay(now, step, o->weight_decay, true);
    step->kind = TP__LION;
    step->flops = 10;
}

static const tp_lion_new_options lion_defaults = TP_OPTIONS(tp_lion_new_options);

#undef MOMENTS_OPTIONS

static const tp__optimizer_record lion_record = {
    .name = "lion",
    .defaults = &lion_defaults,
    .size = sizeof lion_defaults,
    .options = lion_list,
    .n_options = sizeof lion_list / sizeof *lion_list,
    .states = {"exp_avg"},
    .prepare = lion_prepare,
};

tp_optimizer *tp_lion_new(tp_var *const *params, int n, double lr,
                          const tp_lion_new_options *options)
{
    return tp__optimizer_new("lion_new", &lion_record, params, n, lr, options);
}
