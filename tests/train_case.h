/* SPDX-License-Identifier: MIT
 *
 * A small training: noisy points of a line and a square, in batches of 4, by a network with dropout
 * and a buffer that changes, so that its state is everything that a state can be.
 */
#ifndef TEST_TRAIN_CASE_H
#define TEST_TRAIN_CASE_H

#include "harness.h"

typedef struct train_case {
    tp_module *net;
    tp_optimizer *optimizer;
    tp_schedule *schedule;
    tp_dataset *d;
    tp_loader *loader, *validation;
    tp_metric *metric;
} train_case;

enum { CASE_POINTS = 22, CASE_BATCHES = 6 };

static inline tp_dataset *case_points(void)
{
    double x[2 * CASE_POINTS], y[CASE_POINTS];
    for (int i = 0; i < CASE_POINTS; i++) {
        x[2 * i] = i * 0.25 - 3;
        x[2 * i + 1] = i % 5 - 2.0;
        y[i] = 0.5 * x[2 * i] * x[2 * i] - x[2 * i + 1];
    }
    return tp_tensor_dataset_new(2, (tp_var *[]){tp_array(TP_F64, TP_SHAPE(CASE_POINTS, 2), x),
                                                 tp_array(TP_F64, TP_SHAPE(CASE_POINTS, 1), y)});
}

/* Adds a tenth of what it was given in training so far, a buffer, to what it is given. */
static inline tp_var *case_count(tp_module *m, tp_var *x)
{
    tp_var *seen = tp_module_get(m, "seen");
    if (tp_module_training(m) && tp_is_grad_enabled())
        tp_add_(seen, tp_mean(tp_detach(x)));
    return tp_add(x, tp_mul(0.1, tp_mul(seen, 1)));
}

static inline tp_module *case_counter(void)
{
    tp_module *m = tp_module_new(.name = "Counter", .forward = case_count);
    if (m)
        tp_module_add_buffer(m, "seen", tp_zeros(TP_F64, TP_SHAPE(1)));
    return m;
}

/* width is the hidden layer's. */
static inline train_case case_new(int64_t width)
{
    train_case c = {0};
    tp_manual_seed(7);
    c.net = tp_sequential_new(TP_MODULES(tp_linear_new(2, width, .dtype = TP_F64), tp_tanh_new(),
                                         tp_dropout_new(0.2), case_counter(),
                                         tp_linear_new(width, 1, .dtype = TP_F64)));
    tp_var *params[8];
    int n = c.net ? tp_parameters(c.net, 8, params) : 0;
    c.optimizer = n > 0 ? tp_adamw_new(params, n, 0.02) : NULL;
    c.schedule = c.optimizer ? tp_step_lr_new(c.optimizer, 2, .gamma = 0.5) : NULL;
    c.d = case_points();
    c.loader = c.d ? tp_loader_new(c.d, 4, .shuffle = true, .seed = 3) : NULL;
    c.validation = c.d ? tp_loader_new(c.d, 8) : NULL;
    c.metric = tp_mean_absolute_error_new();
    return c;
}

static inline void case_free(train_case *c)
{
    tp_schedule_free(c->schedule), tp_optimizer_free(c->optimizer), tp_module_free(c->net);
    tp_loader_free(c->loader), tp_loader_free(c->validation), tp_dataset_free(c->d);
    tp_metric_free(c->metric);
}

static inline tp_var *case_loss(void *arg, tp_module *net, tp_var *const *batch,
                                tp_var **prediction)
{
    (void)arg;
    *prediction = tp_forward(net, batch[0]);
    return tp_mse_loss(*prediction, batch[1]);
}

#endif
