/* SPDX-License-Identifier: MIT
 *
 * tp_train: it is the loop of train.h to the last bit, and ends as it says. What losses are follows
 * from running that loop here.
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "train_case.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>

#include "train/train.h"

static void check_same_values(tp_module *a, tp_module *b)
{
    tp_state_dict *da = tp_module_state_dict(a), *db = tp_module_state_dict(b);
    CHECK_INT(tp_state_dict_len(da), tp_state_dict_len(db));
    for (int64_t i = 0; i < tp_state_dict_len(da); i++)
        for (int64_t k = 0; k < tp_size(tp_state_dict_at(da, i)); k++)
            CHECK_BITS(at(tp_state_dict_at(da, i), k), at(tp_state_dict_at(db, i), k));
    tp_state_dict_free(da), tp_state_dict_free(db);
}

/* The loop of the header. Returns the last epoch's mean loss. */
static double plain_loop(train_case *c, int epochs, double clip)
{
    double sum = 0, count = 0;
    tp_var *params[8];
    int n = tp_parameters(c->net, 8, params);
    for (int epoch = 0; epoch < epochs; epoch++) {
        sum = count = 0;
        for (;;) {
            TP_SCOPE();
            tp_var *batch[TP_MAX_ARRAYS], *prediction = NULL;
            if (!tp_loader_next(c->loader, batch))
                break;
            tp_optimizer_zero_grad(c->optimizer);
            tp_var *loss = case_loss(NULL, c->net, batch, &prediction);
            sum += tp_item(loss) * (double)tp_len(batch[0]), count += (double)tp_len(batch[0]);
            tp_backward(loss);
            if (clip > 0)
                tp_clip_grad_norm_(params, n, clip);
            tp_optimizer_step(c->optimizer);
        }
        if (clip > 0)
            tp_schedule_step(c->schedule);
    }
    return sum / count;
}

TEST(a_training_is_the_plain_loop)
{
    train_case a = case_new(5), b = case_new(5);
    tp_manual_seed(1);
    double last = plain_loop(&a, 3, 0);
    tp_manual_seed(1);
    tp_train_report r =
        tp_train(b.net, case_loss, b.optimizer, b.loader, .epochs = 3, .silent = true);
    check_same_values(a.net, b.net);
    CHECK(r.end == TP_TRAIN_DONE);
    CHECK_INT(r.epoch, 3);
    CHECK_INT(r.step, 3 * CASE_BATCHES);
    CHECK_BITS(r.loss, last);
    CHECK_BITS(r.lr, 0.02);
    CHECK(isnan(r.validation_loss) && isnan(r.metric) && isfinite(r.best));
    case_free(&a), case_free(&b);
}

TEST(clipping_and_a_schedule_are_lines_between)
{
    train_case a = case_new(5), b = case_new(5);
    plain_loop(&a, 3, 0.05);
    tp_manual_seed(7);
    train_case again = case_new(5);
    tp_train_report r = tp_train(again.net, case_loss, again.optimizer, again.loader, .epochs = 3,
                                 .clip_norm = 0.05, .schedule = again.schedule, .silent = true);
    check_same_values(a.net, again.net);
    CHECK_BITS(r.lr, 0.01);
    case_free(&a), case_free(&b), case_free(&again);
}

/* --- Callbacks --- */

typedef struct watch {
    int steps, epochs;
    int64_t stop_at;
    double loss[64];
    bool evaluating;
} watch;

static bool watch_it(void *arg, const tp_train_report *now)
{
    watch *w = arg;
    CHECK(now->end == TP_TRAIN_RUNNING && now->batches == CASE_BATCHES);
    if (now->epoch_ended) {
        CHECK_INT(now->epoch, ++w->epochs);
        CHECK_INT(now->batch, CASE_BATCHES);
        return true;
    }
    w->loss[w->steps++] = now->batch_loss;
    CHECK_INT(now->step, w->steps);
    CHECK_INT(now->batch, (w->steps - 1) % CASE_BATCHES + 1);
    return now->step != w->stop_at;
}

TEST(a_callback_sees_every_step_and_may_stop)
{
    train_case c = case_new(4);
    watch w = {.stop_at = 9};
    tp_module_train(c.net, false);
    tp_train_report r = tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = 3,
                                 .callback = watch_it, .callback_arg = &w, .silent = true);
    CHECK(r.end == TP_TRAIN_STOPPED && w.steps == 9 && w.epochs == 1);
    CHECK_INT(r.epoch, 1);
    CHECK_INT(r.batch, 3);
    CHECK_BITS(r.batch_loss, w.loss[8]);
    CHECK_CLOSE(r.loss, (w.loss[6] + w.loss[7] + w.loss[8]) / 3, 1e-14); /* of 4 points each */
    CHECK(!tp_module_training(c.net));
    case_free(&c);
}

/* --- Validation --- */

TEST(validation_is_in_evaluation_mode)
{
    train_case c = case_new(4);
    tp_train_report r =
        tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = 2, .validation = c.validation,
                 .metrics = &c.metric, .n_metrics = 1, .silent = true);
    tp_module_train(c.net, false);
    tp_var *all[2];
    tp_loader *whole = tp_loader_new(c.d, CASE_POINTS);
    CHECK(tp_loader_next(whole, all));
    tp_var *y = tp_forward(c.net, all[0]);
    CHECK_CLOSE(r.validation_loss, tp_item(tp_mse_loss(y, all[1])), 1e-13);
    CHECK_CLOSE(r.metric, tp_item(tp_l1_loss(y, all[1])), 1e-13);
    CHECK(r.best <= r.metric || r.best_epoch == 2);
    tp_loader_free(whole);
    case_free(&c);
}

/* A loss whose value is 1 and whose gradient is 0: nothing gets better after the first epoch. */
static tp_var *flat_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg;
    *prediction = tp_forward(net, batch[0]);
    return tp_add(tp_mul(tp_mean(*prediction), 0), 1);
}

TEST(patience_ends)
{
    train_case c = case_new(4);
    tp_train_report r = tp_train(c.net, flat_loss, c.optimizer, c.loader, .epochs = 9,
                                 .patience = 2, .silent = true);
    CHECK(r.end == TP_TRAIN_PATIENCE);
    CHECK_INT(r.epoch, 3);
    CHECK_INT(r.best_epoch, 1);
    CHECK_BITS(r.best, 1);
    case_free(&c);
}

/* --- What is not finite --- */

/* From the third step on, the logarithm of a number below 0. */
static tp_var *bad_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    int *step = arg;
    tp_var *loss = case_loss(NULL, net, batch, prediction);
    if (*step >= 2)
        loss = tp_log(tp_sub(tp_mul(0, loss), 1));
    return loss;
}

static bool count_steps(void *arg, const tp_train_report *now)
{
    *(int *)arg = (int)now->step;
    return true;
}

TEST(a_nan_names_step_and_operation_and_moves_nothing)
{
    train_case a = case_new(4), b = case_new(4);
    int step = 0;
    tp_manual_seed(1);
    tp_train(a.net, case_loss, a.optimizer, a.loader, .silent = true, .callback = watch_it,
             .callback_arg = &(watch){.stop_at = 2});
    tp_manual_seed(1);
    tp_train_report r = tp_train(b.net, bad_loss, b.optimizer, b.loader, .silent = true,
                                 .arg = &step, .callback = count_steps, .callback_arg = &step);
    CHECK(r.end == TP_TRAIN_FAILED);
    CHECK_INT(r.step, 2);
    CHECK(!tp_is_anomaly_enabled());
    CHECK_ERROR(TP_ERROR_ANOMALY, "train: the loss is nan in epoch 1, step 3 (batch 3): log: ");
    tp_var *pa[8], *pb[8];
    int n = tp_parameters(a.net, 8, pa);
    tp_parameters(b.net, 8, pb);
    for (int i = 0; i < n; i++)
        for (int64_t k = 0; k < tp_size(pa[i]); k++)
            CHECK_BITS(at(pa[i], k), at(pb[i], k));
    case_free(&a), case_free(&b);
}

/* Finite, with an infinite gradient: the root at 0. */
static tp_var *steep_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    return tp_sqrt(tp_mul(0, case_loss(arg, net, batch, prediction)));
}

TEST(a_norm_that_is_not_finite_is_an_error)
{
    train_case c = case_new(4), same = case_new(4);
    tp_train_report r =
        tp_train(c.net, steep_loss, c.optimizer, c.loader, .clip_norm = 1, .silent = true);
    CHECK(r.end == TP_TRAIN_FAILED && r.step == 0);
    CHECK_ERROR(TP_ERROR_ANOMALY, "train: the gradients' norm is nan in epoch 1, step 1");
    CHECK_BITS(at(tp_module_get(c.net, "0.weight"), 0), at(tp_module_get(same.net, "0.weight"), 0));
    case_free(&c), case_free(&same);
}

static tp_var *wrong_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg, (void)prediction;
    return tp_forward(net, tp_transpose(batch[0], 0, 1));
}

static tp_var *long_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg, (void)prediction;
    return tp_forward(net, batch[0]);
}

TEST(errors_say_where)
{
    train_case c = case_new(4);
    tp_train(c.net, wrong_loss, c.optimizer, c.loader, .silent = true);
    CHECK_ERROR(TP_ERROR_SHAPE, "in epoch 1, step 1 (batch 1)");
    tp_train(c.net, long_loss, c.optimizer, c.loader, .silent = true);
    CHECK_ERROR(TP_ERROR_SHAPE, "in epoch 1, step 1 (batch 2)");
    tp_train(NULL, case_loss, c.optimizer, c.loader);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "train: the module is NULL");
    tp_train(c.net, case_loss, NULL, c.loader);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "train: the optimizer is NULL");
    tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = -1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "log_every are -1, 0, 0 and 0");
    tp_train(c.net, case_loss, c.optimizer, c.loader, .metrics = &c.metric, .n_metrics = 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "a .validation");
    tp_train(c.net, case_loss, c.optimizer, c.loader, .validation = c.loader);
    CHECK_ERROR(TP_ERROR_ARGUMENT, ".validation is the training's loader");
    tp_train(c.net, case_loss, c.optimizer, c.loader, .clip_norm = (double)NAN);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "clip_norm is nan");
    case_free(&c);
}

/* --- Ctrl-C --- */

static volatile sig_atomic_t outer;

static void note_signal(int number)
{
    (void)number;
    outer++;
}

static bool interrupt_at_5(void *arg, const tp_train_report *now)
{
    (void)arg;
    if (now->step == 5)
        raise(SIGINT);
    return true;
}

TEST(an_interrupt_ends_after_the_step)
{
    train_case c = case_new(4);
    signal(SIGINT, note_signal);
    tp_train_report r = tp_train(c.net, case_loss, c.optimizer, c.loader, .silent = true,
                                 .interruptible = true, .callback = interrupt_at_5);
    CHECK(r.end == TP_TRAIN_INTERRUPTED && r.step == 5 && !outer);
    raise(SIGINT);
    CHECK_INT(outer, 1);
    signal(SIGINT, SIG_DFL);
    case_free(&c);
}

/* --- Lines --- */

static char logged[2000];

static void keep_line(const char *line)
{
    size_t length = strlen(logged);
    snprintf(logged + length, sizeof logged - length, "%.300s\n", line);
}

TEST(a_line_for_each_epoch)
{
    train_case c = case_new(4);
    tp_set_log(keep_line);
    logged[0] = 0;
    tp_train(c.net, flat_loss, c.optimizer, c.loader, .epochs = 2, .validation = c.validation);
    tp_set_log(NULL);
    CHECK(!strncmp(logged, "epoch 1/2: loss 1, validation loss 1, lr 0.02, ", 47));
    CHECK(strstr(logged, " s\nepoch 2/2: loss 1, validation loss 1, lr 0.02, "));
    case_free(&c);
}

TEST(the_line_on_a_terminal)
{
    char text[256];
    tp__run run = {.now = {.epoch = 1,
                           .epochs = 5,
                           .step = 150,
                           .batch = 50,
                           .batches = 100,
                           .loss = 0.25,
                           .metric = (double)NAN,
                           .lr = 0.001}};
    tp__train_bar(&run, 60, text, sizeof text); /* 2.5 steps a second, 350 are left: 140 s */
    text[strcspn(text, "M")] = 0;
    CHECK(!strncmp(text,
                   "epoch 2/5 [==========>         ] 50/100, 2.5/s, 2:20 left, loss 0.25, "
                   "lr 0.001, ",
                   80));
    tp__train_bar(&run, 60, text, 20);
    CHECK_TEXT(text, "epoch 2/5 [========");
}
