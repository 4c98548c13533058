/* SPDX-License-Identifier: MIT
 *
 * The loop. A step reads its loss before the parameters move, so that a NaN leaves them as they
 * were. An epoch's end is validation, what is monitored, schedule, patience, in this order. The
 * checkpoint is the last file to be written: what a training that is killed before it has done
 * since the one before, other files included, is done again.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "train/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/error.h"
#include "tinypytorch/anomaly.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/random.h"

/* --- A step --- */

/* Runs the batch once more, looking at every result, and makes the error. */
static void train_refuse(tp__run *run, tp_var *const *batch, const uint64_t *random,
                         const char *what, double value)
{
    char why[512];
    tp_var *prediction = NULL;
    bool before = tp_set_anomaly(true);
    tp_set_random_state(random);
    tp_optimizer_zero_grad(run->optimizer);
    tp_backward(run->loss(run->o.arg, run->net, batch, &prediction), NULL);
    tp_set_anomaly(before);
    snprintf(why, sizeof why, "%s", tp_error() ? tp_error() : "no operation of its batch made it");
    if (tp__here()->code && tp__here()->code != TP_ERROR_ANOMALY)
        return;
    tp_clear_error();
    tp_optimizer_zero_grad(run->optimizer);
    const tp_train_report *now = &run->now;
    const char *number = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
    tp_fail(TP_ERROR_ANOMALY, "train: the %s is %s in epoch %lld, step %lld (batch %lld): %s", what,
            number, (long long)(now->epoch + 1), (long long)(now->step + 1), (long long)now->batch,
            why);
}

static bool train_clip(tp__run *run, tp_var *const *batch, const uint64_t *random)
{
    if (!(run->o.clip_norm > 0))
        return true;
    double norm = tp_clip_grad_norm_(run->params, run->n_params, run->o.clip_norm);
    if (!isfinite(norm) && !tp__here()->code)
        train_refuse(run, batch, random, "gradients' norm", norm);
    return !tp__here()->code;
}

/* Loss, sweep and step; false, with an error, before the parameters move. */
static bool train_batch(tp__run *run, tp_var *const *batch)
{
    tp_var *prediction = NULL;
    uint64_t random[2];
    tp_random_state(random);
    tp_optimizer_zero_grad(run->optimizer);
    tp_var *loss = run->loss(run->o.arg, run->net, batch, &prediction);
    double value = tp__here()->code ? (double)NAN : tp_item(loss);
    if (tp__here()->code) {
        tp__train_tell_where(run, "", run->now.batch);
        return false;
    }
    if (!isfinite(value)) {
        train_refuse(run, batch, random, "loss", value);
        return false;
    }
    tp__train_draw(run, loss);
    tp_backward(loss, NULL);
    if (!train_clip(run, batch, random))
        return false;
    run->now.lr = tp_optimizer_lr(run->optimizer, 0);
    tp_optimizer_step(run->optimizer);
    if (tp__here()->code) {
        tp__train_tell_where(run, "", run->now.batch);
        return false;
    }
    double n = (double)(tp_ndim(batch[0]) ? tp_len(batch[0]) : 1);
    run->loss_sum += n * value;
    run->loss_count += n;
    run->now.batch_loss = value;
    run->now.loss = run->loss_sum / run->loss_count;
    run->now.step++;
    return true;
}

static bool train_call(tp__run *run, bool epoch_ended)
{
    if (!run->o.callback || tp__here()->code)
        return !tp__here()->code;
    size_t scope = tp_scope_begin();
    run->now.epoch_ended = epoch_ended;
    bool more = run->o.callback(run->o.callback_arg, &run->now);
    tp_scope_end(scope);
    if (!more && run->now.end == TP_TRAIN_RUNNING)
        run->now.end = TP_TRAIN_STOPPED;
    return !tp__here()->code;
}

static bool train_after_step(tp__run *run)
{
    if (run->o.schedule && run->o.schedule_every_step)
        tp_schedule_step_metric(run->o.schedule, run->now.batch_loss);
    tp__train_show_step(run);
    if (tp__here()->code || !train_call(run, false))
        return false;
    if (run->o.interruptible && tp__interrupt_came() && run->now.end == TP_TRAIN_RUNNING)
        run->now.end = TP_TRAIN_INTERRUPTED;
    if (run->o.log_every && run->now.step % run->o.log_every == 0 && !tp__train_add_row(run, false))
        return false;
    bool save = run->o.checkpoint_every ? run->now.step % run->o.checkpoint_every == 0 : false;
    if (save || run->now.end != TP_TRAIN_RUNNING)
        return tp__train_write_log(run) && tp__train_save(run);
    return true;
}

/* --- An epoch --- */

/* What is monitored; *maximize tells which way is better. */
static double train_monitored(const tp__run *run, bool *maximize)
{
    *maximize = run->o.n_metrics && tp_metric_maximize(run->o.metrics[0]);
    return run->o.n_metrics    ? run->now.metric
           : run->o.validation ? run->now.validation_loss
                               : run->now.loss;
}

/* Compares with the best; true if this epoch is. */
static bool train_compare(tp__run *run, double value, bool maximize)
{
    double gain = maximize ? value - run->now.best : run->now.best - value;
    bool better = isnan(run->now.best) ? !isnan(value) : gain > run->o.min_delta;
    run->waited = better ? 0 : run->waited + 1;
    if (better) {
        run->now.best = value;
        run->now.best_epoch = run->now.epoch;
    }
    return better;
}

static bool train_end_epoch(tp__run *run)
{
    bool maximize;
    if (!tp__train_validate(run))
        return false;
    run->now.epoch++;
    double value = train_monitored(run, &maximize);
    if (train_compare(run, value, maximize) && !tp__train_save_best(run))
        return false;
    if (run->o.schedule && !run->o.schedule_every_step)
        tp_schedule_step_metric(run->o.schedule, value);
    tp__train_show_epoch(run);
    if (tp__here()->code || !train_call(run, true) || !tp__train_add_row(run, true))
        return false;
    run->now.batch = 0;
    run->loss_sum = run->loss_count = 0;
    return tp__train_write_log(run) && tp__train_report(run) && tp__train_save(run);
}

static bool train_run(tp__run *run)
{
    bool more = true, good = true;
    tp_var *batch[TP_MAX_ARRAYS];
    while (good && more && run->now.end == TP_TRAIN_RUNNING) {
        size_t scope = tp_scope_begin();
        more = tp_loader_next(run->loader, batch);
        run->now.batch += more;
        good = !tp__here()->code && (!more || train_batch(run, batch));
        tp_scope_end(scope);
        good = good && !tp__here()->code && (!more || train_after_step(run));
    }
    return good && (more || train_end_epoch(run));
}

/* --- The whole --- */

static bool train_options(const tp__run *run)
{
    const tp_train_options *o = &run->o;
    if (!run->net || !run->loss || !run->optimizer || !run->loader)
        tp_fail(TP_ERROR_ARGUMENT, "train: the %s is NULL",
                !run->net         ? "module"
                : !run->loss      ? "loss"
                : !run->optimizer ? "optimizer"
                                  : "loader");
    else if (o->epochs < 0 || o->patience < 0 || o->checkpoint_every < 0 || o->log_every < 0)
        tp_fail(TP_ERROR_ARGUMENT,
                "train: epochs, patience, checkpoint_every and log_every are %lld, %lld, %lld and "
                "%lld, expected none below 0",
                (long long)o->epochs, (long long)o->patience, (long long)o->checkpoint_every,
                (long long)o->log_every);
    else if ((o->resume || o->checkpoint_every) && !o->checkpoint)
        tp_fail(TP_ERROR_ARGUMENT, "train: there is no .checkpoint to %s",
                o->resume ? "resume" : "write");
    else if (!(o->clip_norm >= 0) || !(o->min_delta >= 0))
        tp_fail(TP_ERROR_ARGUMENT, "train: clip_norm is %g and min_delta %g, expected none below 0",
                o->clip_norm, o->min_delta);
    else if (o->n_metrics < 0 || o->n_metrics > TP__TRAIN_METRICS ||
             (o->n_metrics && (!o->metrics || !o->validation)))
        tp_fail(TP_ERROR_ARGUMENT, "train: %d metrics, expected %s", o->n_metrics,
                o->n_metrics > 0 && o->n_metrics <= TP__TRAIN_METRICS
                    ? "a list of them and a .validation"
                    : "0 to 16");
    else if (o->validation == run->loader)
        tp_fail(TP_ERROR_ARGUMENT, "train: .validation is the training's loader");
    else if (tp_loader_len(run->loader) < 1)
        tp_fail(TP_ERROR_ARGUMENT, "train: the loader has no batches");
    for (int i = 0; i < o->n_metrics && !tp__here()->code; i++)
        if (!o->metrics[i])
            tp_fail(TP_ERROR_ARGUMENT, "train: metric %d is NULL", i);
    return !tp__here()->code && tp__train_check_log(run);
}

static bool train_start(tp__run *run)
{
    run->n_params = tp_parameters(run->net, 0, NULL);
    run->params =
        run->n_params >= 0 ? tp__alloc_zero((size_t)run->n_params + 1, sizeof(tp_var *)) : NULL;
    if (!run->params)
        return false;
    tp_parameters(run->net, run->n_params, run->params);
    run->now.epochs = run->o.epochs;
    run->now.batches = tp_loader_len(run->loader);
    run->now.batch = tp_loader_batch(run->loader);
    if (tp__here()->code || !tp__train_resume(run))
        return false;
    if (run->o.events && !(run->events = tp_event_writer_new(run->o.events, run->now.step)))
        return false;
    run->began = tp__clock();
    run->first_step = run->now.step;
    return true;
}

static void train_loop(tp__run *run)
{
    bool good = true;
    while (good && run->now.end == TP_TRAIN_RUNNING) {
        if (run->o.patience && run->waited >= run->o.patience)
            run->now.end = TP_TRAIN_PATIENCE;
        else if (run->now.epoch >= run->o.epochs)
            run->now.end = TP_TRAIN_DONE;
        else
            good = train_run(run);
    }
    tp__train_show_end(run);
    if (good)
        tp__train_report(run);
}

tp_train_report(tp_train)(tp_module *net, tp_batch_loss *loss, tp_optimizer *optimizer,
                          tp_loader *loader, const tp_train_options *options)
{
    const double none = (double)NAN;
    tp__run run = {.net = net, .loss = loss, .optimizer = optimizer, .loader = loader};
    run.o = (tp_train_options)TP_OPTIONS(tp_train_options);
    run.now = (tp_train_report){.batch_loss = none,
                                .loss = none,
                                .lr = none,
                                .validation_loss = none,
                                .metric = none,
                                .best = none};
    if (!tp__here()->code && tp__take_options("train", &run.o, sizeof run.o, options) &&
        train_options(&run) && train_start(&run)) {
        bool training = tp_module_training(net);
        if (run.o.interruptible)
            tp__interrupt_begin();
        tp_module_train(net, true);
        train_loop(&run);
        tp_module_train(net, training);
        if (run.o.interruptible)
            tp__interrupt_end();
    }
    tp_event_writer_free(run.events);
    tp__free(run.params);
    tp__free(run.rows);
    free(run.graph);
    if (tp__here()->code)
        run.now.end = TP_TRAIN_FAILED;
    return run.now;
}
