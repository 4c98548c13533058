/* SPDX-License-Identifier: MIT
 *
 * Learning rates against torch.optim.lr_scheduler's (reference/schedule_cases.h), at every step,
 * and with the schedule replaced midway by a new one that takes up its state.
 */
#include "elements.h"

#include <stdlib.h>

enum { CASE_STEPS = 25 };

typedef struct schedule_case {
    const char *name;
    tp_schedule *(*make)(tp_optimizer *o);
    double rates[CASE_STEPS][3];
} schedule_case;

static tp_schedule *multi_step(tp_optimizer *o)
{
    return tp_multi_step_lr_new(o, ((const int64_t[]){2, 5, 5, 11}), 4, .gamma = 0.3);
}

static double hyperbola(void *ctx, int64_t t)
{
    (void)ctx;
    return 1 / (1 + (double)t);
}

static tp_schedule *chained(tp_optimizer *o)
{
    tp_schedule *parts[] = {tp_constant_lr_new(o, .factor = 0.1, .total_iters = 6),
                            tp_exponential_lr_new(o, 0.9), tp_step_lr_new(o, 5)};
    return tp_chained_scheduler_new(parts, 3);
}

static tp_schedule *sequential(tp_optimizer *o)
{
    tp_schedule *parts[] = {tp_linear_lr_new(o, .total_iters = 4),
                            tp_cosine_annealing_lr_new(o, 12), tp_exponential_lr_new(o, 0.8)};
    return tp_sequential_lr_new(parts, 3, (const int64_t[]){4, 16});
}

#include "reference/schedule_cases.h"

static tp_optimizer *two_groups(void)
{
    tp_var *p = tp_variable(0.0), *q = tp_variable(0.0);
    tp_optimizer *o = tp_adam_new(&p, 1, 0.1);
    tp_optimizer_add_group(o, &q, 1, 0.3);
    return o;
}

static void check_rates(const schedule_case *c, const tp_optimizer *o, int t)
{
    const double is[] = {tp_optimizer_lr(o, 0), tp_optimizer_lr(o, 1),
                         tp_optimizer_option(o, 0, "beta1")};
    for (int k = 0; k < 3; k++)
        test_check(fabs(is[k] - c->rates[t][k]) <= 1e-12 * fabs(c->rates[t][k]) + 1e-15, __FILE__,
                   __LINE__, "%s, step %d, number %d: %.17g, expected %.17g", c->name, t, k, is[k],
                   c->rates[t][k]);
}

/* A new optimiser and schedule go on where these stand. */
static void replace(const schedule_case *c, tp_optimizer **o, tp_schedule **s)
{
    tp_state_dict *of_o = tp_optimizer_state(*o), *of_s = tp_schedule_state(*s);
    tp_schedule_free(*s), tp_optimizer_free(*o);
    *o = two_groups();
    *s = c->make(*o);
    tp_optimizer_load_state(*o, of_o), tp_schedule_load_state(*s, of_s);
    tp_state_dict_free(of_o), tp_state_dict_free(of_s);
}

TEST(rates_agree_with_torch)
{
    for (int resumed = 0; resumed < 2; resumed++)
        for
            EACH(i, schedule_cases)
            {
                TP_SCOPE();
                const schedule_case *c = &schedule_cases[i];
                tp_optimizer *o = two_groups();
                tp_schedule *s = c->make(o);
                for (int t = 0; t < CASE_STEPS; t++) {
                    check_rates(c, o, t);
                    CHECK_INT(tp_schedule_epoch(s), t);
                    if (resumed)
                        replace(c, &o, &s);
                    tp_schedule_step_metric(s, schedule_metrics[t]);
                }
                tp_schedule_free(s), tp_optimizer_free(o);
            }
}

TEST(schedules_of_one_optimiser_multiply)
{
    tp_var *p = tp_variable(1.0);
    tp_optimizer *o = tp_sgd_new(&p, 1, 1);
    tp_schedule *a = tp_exponential_lr_new(o, 0.5), *b = tp_step_lr_new(o, 2, .gamma = 0.25);
    for (int t = 0; t < 4; t++)
        tp_schedule_step(a), tp_schedule_step(b);
    CHECK_BITS(tp_optimizer_lr(o, 0), 0.0625 * 0.0625);
    tp_schedule_free(a), tp_schedule_free(b), tp_optimizer_free(o);
}

static double falls(void *ctx, int64_t t)
{
    (void)ctx;
    return 1 - (double)t;
}

TEST(what_is_wrong_is_told_and_changes_no_rate)
{
    tp_var *p = tp_variable(1.0), *q = tp_variable(1.0);
    tp_optimizer *o = tp_adagrad_new(&p, 1, 0.5), *other = tp_sgd_new(&q, 1, 0.5);
    CHECK(!tp_step_lr_new(o, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "step_lr_new: step_size is 0, expected at least 1");
    CHECK(!tp_multi_step_lr_new(o, ((const int64_t[]){5, 2}), 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "multi_step_lr_new: milestone 1 is 2, expected ascending ones");
    CHECK(!tp_one_cycle_lr_new(o, 1, 10));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "one_cycle_lr_new: adagrad has no momentum");
    CHECK(!tp_exponential_lr_new(NULL, 0.5));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "exponential_lr_new: the optimizer is NULL");
    CHECK(!tp_lambda_lr_new(o, NULL, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "lambda_lr_new: the function is NULL");
    CHECK_BITS(tp_optimizer_lr(o, 0), 0.5);

    tp_schedule *lambda = tp_lambda_lr_new(o, falls, NULL);
    tp_schedule_step(lambda);
    CHECK_BITS(tp_optimizer_lr(o, 0), 0);
    tp_schedule_step(lambda);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "schedule_step: LambdaLR gives the lr -0.5 at step 2");
    CHECK_INT(tp_schedule_epoch(lambda), 1);

    tp_schedule *foreign = tp_exponential_lr_new(other, 0.5), *parts[] = {lambda, foreign};
    CHECK(!tp_chained_scheduler_new(parts, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "chained_scheduler_new: schedule 1 is of another optimizer");
    parts[1] = lambda;
    CHECK(!tp_sequential_lr_new(parts, 2, (const int64_t[]){3}));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sequential_lr_new: schedule 1 is another's already");
    CHECK(!tp_sequential_lr_new(parts, 0, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sequential_lr_new: 0 schedules");

    tp_schedule *cycle = tp_one_cycle_lr_new(other, 1, 1, .cycle_momentum = false);
    tp_schedule_step(cycle), tp_schedule_step(cycle);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "schedule_step: step 3 of a cycle of 1");
    tp_state_dict *d = tp_schedule_state(foreign);
    tp_schedule_load_state(lambda, d);
    CHECK_ERROR(TP_ERROR_ARGUMENT,
                "schedule_load_state: the state is of ExponentialLR, expected LambdaLR");
    tp_schedule_step(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "schedule_step: the schedule is NULL");
    tp_state_dict_free(d);
    tp_schedule_free(lambda), tp_schedule_free(foreign), tp_schedule_free(cycle);
    tp_schedule_free(NULL);
    tp_optimizer_free(o), tp_optimizer_free(other);
}
