/* SPDX-License-Identifier: MIT
 *
 * Each request for memory of metrics and of training fails in turn (failure.h).
 */
#define _POSIX_C_SOURCE 200809L
#include "failure.h"
#include "train_case.h"

static void find_metric(findings *found, tp_metric *m, tp_var *p, tp_var *t)
{
    if (m)
        for (int i = 0; i < 3; i++)
            tp_metric_update(m, p, t);
    if (m && !tp_error())
        find_number(found, tp_metric_result(m));
    tp_metric_free(m);
}

static void job_metrics(findings *found)
{
    tp_var *p = tp_array(TP_F32, TP_SHAPE(2, 2), ((float[]){1, 2, 4, 3}));
    tp_var *k = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){1, 1}));
    tp_var *t = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 1}));
    find_metric(found, tp_accuracy_new(), p, k);
    find_metric(found, tp_f1_new(2, TP_MACRO), p, k);
    find_metric(found, tp_perplexity_new(), p, k);
    find_metric(found, tp_r2_score_new(), k, t);
    find_metric(found, tp_auc_new(), t, t);
}
FAILURE_TEST(metrics)

static void job_train(findings *found)
{
    train_case c = case_new(3);
    if (!tp_error()) {
        tp_train_report r =
            tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = 2,
                     .validation = c.validation, .metrics = &c.metric, .n_metrics = 1,
                     .schedule = c.schedule, .clip_norm = 1, .silent = true);
        if (r.end == TP_TRAIN_DONE)
            find_number(found, r.metric), find_number(found, r.loss);
    }
    case_free(&c);
}
FAILURE_TEST(train)

static bool stop_in_the_middle(void *arg, const tp_train_report *now)
{
    return *(int *)arg != now->step;
}

static void job_resume(findings *found)
{
    for (int stop = 3; stop >= -1 && !tp_error(); stop -= 4) {
        train_case c = case_new(3);
        tp_train_report r = {.loss = 0};
        if (!tp_error())
            r = tp_train(c.net, case_loss, c.optimizer, c.loader, .epochs = 1, .resume = stop < 0,
                         .schedule = c.schedule, .checkpoint = "failure.safetensors",
                         .log = "failure.csv", .log_every = 1, .silent = true,
                         .callback = stop_in_the_middle, .callback_arg = &stop);
        if (!tp_error())
            find_number(found, r.loss);
        case_free(&c);
    }
}
FAILURE_TEST(resume)

static void job_events(findings *found)
{
    tp_event_writer *w = tp_event_writer_new("failure_events", 1);
    if (w) {
        tp_event_scalar(w, "a", 1, 2);
        tp_event_histogram(w, "b", 1, tp_ones(TP_F32, TP_SHAPE(3)));
    }
    tp_event_writer_free(w);
    find_number(found, tp_error() ? 0 : 1);
}
FAILURE_TEST(events)
