/* SPDX-License-Identifier: MIT
 *
 * Optimisers whose every request for memory fails in turn: a step happens whole or not at all.
 */
#define _POSIX_C_SOURCE 200809L
#include "failure.h"

static void job_steps(findings *found)
{
    TP_SCOPE();
    tp_var *p[2] = {tp_variable(tp_ones(TP_F64, TP_SHAPE(20))),
                    tp_variable(tp_to(tp_ones(TP_F64, TP_SHAPE(40)), TP_BF16))};
    tp_optimizer *o = tp_adam_new(&p[0], 1, 0.5, .amsgrad = true);
    tp_optimizer_add_group(o, &p[1], 1, 0.25);
    for (int step = 0; step < 3; step++) {
        TP_SCOPE();
        tp_optimizer_zero_grad(o);
        tp_backward(tp_add(tp_sum(tp_square(p[0])), tp_sum(tp_to(p[1], TP_F64))));
        tp_optimizer_step(o);
    }
    if (!tp_error())
        find(found, p[0]), find(found, p[1]);
    tp_optimizer_free(o);
}
FAILURE_TEST(steps)

static void job_state(findings *found)
{
    TP_SCOPE();
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(20)));
    tp_optimizer *o = tp_adam_new(&p, 1, 0.5), *next = NULL;
    tp_schedule *s = tp_cosine_annealing_lr_new(o, 10);
    tp_backward(tp_sum(tp_square(p)));
    tp_optimizer_step(o), tp_schedule_step(s);
    tp_clip_grad_norm_(&p, 1, 1);
    tp_state_dict *d = tp_optimizer_state(o), *of_s = tp_schedule_state(s);
    next = tp_adam_new(&p, 1, 0.5);
    tp_optimizer_load_state(next, d), tp_schedule_load_state(s, of_s);
    tp_optimizer_step(next), tp_schedule_step(s);
    if (!tp_error())
        find(found, p), find_number(found, tp_optimizer_lr(o, 0));
    tp_state_dict_free(d), tp_state_dict_free(of_s);
    tp_schedule_free(s), tp_optimizer_free(o), tp_optimizer_free(next);
}
FAILURE_TEST(state)

static void job_average(findings *found)
{
    TP_SCOPE();
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(20)));
    tp_ema *e = tp_ema_new(&p, 1, 0.5);
    tp_optimizer *o = tp_sgd_new(&p, 1, 0.5);
    tp_grad_scaler *s = tp_grad_scaler_new();
    for (int i = 0; i < 2; i++) {
        tp_backward(tp_grad_scaler_scale(s, tp_sum(p)));
        tp_grad_scaler_unscale_(s, o), tp_grad_scaler_step(s, o), tp_grad_scaler_update(s);
        tp_ema_update(e);
    }
    tp_ema_swap(e), tp_ema_swap(e);
    tp_state_dict *d = tp_ema_state(e), *of_s = tp_grad_scaler_state(s);
    tp_ema_load_state(e, d), tp_grad_scaler_load_state(s, of_s);
    if (!tp_error())
        find(found, p), find(found, tp_ema_at(e, 0));
    tp_state_dict_free(d), tp_state_dict_free(of_s);
    tp_ema_free(e), tp_optimizer_free(o), tp_grad_scaler_free(s);
}
FAILURE_TEST(average)

static tp_var *failing_loss(void *ctx, tp_var **outputs)
{
    tp_var *y = tp_square(ctx);
    if (outputs)
        *outputs = y;
    return tp_sum(tp_square(tp_sub(y, 2)));
}

static void job_search(findings *found)
{
    TP_SCOPE();
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(20)));
    tp_optimizer *o = tp_lbfgs_new(&p, 1, 1, .strong_wolfe = true, .max_iter = 3), *next = NULL;
    tp_optimizer_step_with(o, failing_loss, p);
    tp_state_dict *d = tp_optimizer_state(o);
    next = tp_lbfgs_new(&p, 1, 1, .strong_wolfe = true, .max_iter = 3);
    tp_optimizer_load_state(next, d);
    tp_optimizer_step_with(next, failing_loss, p);
    if (!tp_error())
        find(found, p);
    tp_state_dict_free(d), tp_optimizer_free(o), tp_optimizer_free(next);
}
FAILURE_TEST(search)

static void job_curvature(findings *found)
{
    TP_SCOPE();
    tp_var *p = tp_variable(tp_ones(TP_F64, TP_SHAPE(20)));
    tp_optimizer *o = tp_gauss_newton_new(&p, 1, 1);
    tp_optimizer_step_with(o, failing_loss, p), tp_optimizer_step_with(o, failing_loss, p);
    if (!tp_error())
        find(found, p);
    tp_optimizer_free(o);
}
FAILURE_TEST(curvature)
