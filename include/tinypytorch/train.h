/* SPDX-License-Identifier: MIT
 *
 * Training: what goes around a network, an optimiser and a loader.
 *
 *     static tp_var *loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
 *     {
 *         *prediction = tp_forward(net, batch[0]);
 *         return tp_cross_entropy(*prediction, batch[1]);
 *     }
 *
 *     tp_train(net, loss, optimizer, loader, .epochs = 5);
 *
 * is these lines, with checks, and options are what one would write between them:
 *
 *     tp_module_train(net, true);
 *     for (int epoch = 0; epoch < 5; epoch++)
 *         for (;;) {
 *             TP_SCOPE();
 *             tp_var *batch[TP_MAX_ARRAYS], *prediction = NULL;
 *             if (!tp_loader_next(loader, batch))
 *                 break;
 *             tp_optimizer_zero_grad(optimizer);
 *             tp_backward(loss(arg, net, batch, &prediction));
 *             tp_optimizer_step(optimizer);
 *         }
 */
#ifndef TINYPYTORCH_TRAIN_H
#define TINYPYTORCH_TRAIN_H

#include "data.h"
#include "nn.h"
#include "optim.h"
#include "schedule.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Metrics ---
 *
 * A metric is told predictions and targets, batch after batch, and gives one number of all of them:
 * what scikit-learn's function of the same name gives of the whole, in any cut into batches.
 *
 *     tp_metric *m = tp_accuracy_new();
 *     while (tp_loader_next(loader, batch))
 *         tp_metric_update(m, tp_forward(net, batch[0]), batch[1]);
 *     printf("%s %g\n", tp_metric_name(m), tp_metric_result(m));
 *     tp_metric_free(m);
 *
 * Metrics of classes take scores (N, C, …) and classes (N, …), as tp_cross_entropy does; the class
 * of a prediction is that of its highest score, the first of equal ones, and a NaN counts as the
 * highest. Predictions of an integer type are classes themselves, of the targets' shape. A target
 * of −100 is left out, as in losses. A class out of range, and shapes that do not fit, are errors,
 * which leave the metric as it was. */
typedef struct tp_metric tp_metric;

/* The part of right ones; right is also a target whose score is among the k highest. */
TP_API tp_metric *tp_accuracy_new(void);
TP_API tp_metric *tp_top_k_accuracy_new(int64_t k);

/* How many of class i were taken for class j, by tp_metric_matrix; its result is the accuracy. */
TP_API tp_metric *tp_confusion_matrix_new(int64_t classes);

/* What is done with the numbers of several classes: their mean over the classes that occur in
 * targets or predictions; the mean weighted by how often each is a target; one number of the counts
 * of all classes; or that of class 1 alone, for two classes. */
typedef enum tp_average { TP_MACRO, TP_WEIGHTED, TP_MICRO, TP_BINARY } tp_average;

/* Of a class: right ones among those taken for it, right ones among those that are it, and 2 right
 * / (taken for it + are it). 0 / 0 is 0. */
TP_API tp_metric *tp_precision_new(int64_t classes, tp_average average);
TP_API tp_metric *tp_recall_new(int64_t classes, tp_average average);
TP_API tp_metric *tp_f1_new(int64_t classes, tp_average average);

/* The area under the ROC curve: the probability that the score of a target 1 is above that of a
 * target 0, where equal ones count half. Scores have as many elements as targets, of 0 and 1, and
 * are not NaN. Keeps all of them. NaN without targets of both kinds. */
TP_API tp_metric *tp_auc_new(void);

/* e to the mean cross-entropy of scores (logits) and classes. */
TP_API tp_metric *tp_perplexity_new(void);

/* Of numbers, as many predictions as targets: 1 − Σ (y − p)² / Σ (y − ȳ)², where the denominator is
 * 0: 1 if the numerator is too, else 0; and the mean of |y − p|. */
TP_API tp_metric *tp_r2_score_new(void);
TP_API tp_metric *tp_mean_absolute_error_new(void);

/* Adds a batch; remembers nothing of the graph. */
TP_API void tp_metric_update(tp_metric *m, tp_var *prediction, tp_var *target);

/* The number of all since the beginning or the last reset; NaN without any, and with an error. */
TP_API double tp_metric_result(const tp_metric *m);
TP_API void tp_metric_reset(tp_metric *m);

/* "accuracy", and whether larger ones are better. */
TP_API const char *tp_metric_name(const tp_metric *m);
TP_API bool tp_metric_maximize(const tp_metric *m);

/* The counts (classes, classes), int64, of a metric that was made for so many classes: row i are
 * the targets i, column j what was taken for j. Poison, with an error, from other metrics. */
TP_API tp_var *tp_metric_matrix(const tp_metric *m);

/* Ignores NULL. A metric that could not be made is NULL, with an error. */
TP_API void tp_metric_free(tp_metric *m);

/* --- Training --- */

/* The loss of a batch, one number. *prediction, which begins as NULL, is for metrics, which compare
 * it with the batch's last array. */
typedef tp_var *tp_batch_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction);

/* Why a training ended. */
typedef enum tp_train_end {
    TP_TRAIN_RUNNING,     /* it has not: what a callback sees */
    TP_TRAIN_DONE,        /* all epochs */
    TP_TRAIN_STOPPED,     /* the callback gave false */
    TP_TRAIN_PATIENCE,    /* no better for .patience epochs */
    TP_TRAIN_INTERRUPTED, /* Ctrl-C */
    TP_TRAIN_FAILED       /* an error is pending */
} tp_train_end;

/* Where a training is, or how it ended. Numbers that there are none of yet are NaN. */
typedef struct tp_train_report {
    tp_train_end end;
    bool epoch_ended;       /* the callback is called behind an epoch, not behind a step */
    int64_t epoch, epochs;  /* epochs that are finished, and that are wanted */
    int64_t step;           /* steps in all */
    int64_t batch, batches; /* batches of this epoch */
    double batch_loss;      /* of the last step */
    double loss;            /* mean of this epoch's so far, weighted by the batches' lengths */
    double lr;              /* of the optimiser's group 0, in the last step */
    double validation_loss; /* after the last epoch, as the mean is */
    double metric;          /* the first of .metrics then */
    double best;            /* the best so far of what is monitored, */
    int64_t best_epoch;     /* after so many epochs */
} tp_train_report;

/* Called after each step, and after each epoch; false ends the training. It may change the learning
 * rate, log, draw, validate; what it makes goes with a scope of its own. */
typedef bool tp_train_callback(void *arg, const tp_train_report *now);

#define TP__DEFAULTS_tp_train_options(_) _ epochs = 1,
typedef struct tp_train_options {
    TP__OPTIONS(tp_train_options)
    int64_t epochs;            /* in all, those before a resume included: 1 */
    void *arg;                 /* for the loss */
    tp_loader *validation;     /* gone through after each epoch, in evaluation mode, without
                                * recording; NULL: none */
    tp_metric *const *metrics; /* n_metrics of them, of .validation */
    int n_metrics;             /* at most 16 */
    bool schedule_every_step;  /* .schedule steps after each step, by its loss, … */
    tp_schedule *schedule;     /* … or after each epoch, by what is monitored */
    double clip_norm;          /* the most that the gradients' 2-norm may be; 0: anything */
    tp_train_callback *callback;
    void *callback_arg;
    int64_t patience; /* ends after so many epochs that were no better than the best; 0: never */
    double min_delta; /* better is what is better by more than this */
    const char *checkpoint;   /* a .safetensors file to continue from; NULL: none */
    int64_t checkpoint_every; /* steps between its writings; 0: written after each epoch. It is also
                               * written when the callback or Ctrl-C ends the training */
    const char *best;         /* gets net's state dict, as .safetensors, whenever it is better */
    const char *log;          /* a .csv or .jsonl file with a row for each epoch … */
    int64_t log_every;        /* … and for each so many steps; 0: for none */
    const char *events;       /* a directory for TensorBoard: the same numbers */
    const char *report;       /* an .html file that needs no network: summary, curves, confusion
                               * matrices, modules, the graph of the first step; written after each
                               * epoch and at the end */
    const char *curves;       /* the losses over the steps as a picture, as tp_plot_save writes */
    bool resume;              /* goes on from .checkpoint, if there is such a file */
    bool interruptible;       /* SIGINT ends it after the step, and a second one the process; on
                               * return the signal does again what it did before */
    bool silent;              /* says nothing of how it goes */
} TP__BY_NAME tp_train_options;

/* Trains net. The module is in training mode for steps, and on return in the mode that it had.
 *
 * What is monitored is the first metric, without metrics the validation's loss, without validation
 * the epoch's loss.
 *
 * A loss that is NaN or infinite, and with .clip_norm a norm that is, end the training before the
 * parameters move. The batch is run once more as in anomaly.h, from the same random numbers, so
 * that the error names epoch, step, batch and the operation that made it:
 *
 *     train: the loss is nan in epoch 2, step 471 (batch 2): log: its result (128,) has -inf at …
 *
 * An error in the loss says where in the same way. On a terminal a line tells how it goes, and is
 * written anew ten times a second; otherwise the log gets a line for each epoch.
 *
 * A checkpoint holds the module's state ("model.…"), the optimiser's ("optimizer.…"), the
 * schedule's ("schedule.…"), where the loader and this thread's random stream stand, the best and
 * the rows of the log ("train.…"). A training that is resumed, from whatever moment, ends with the
 * same bits as one that was not interrupted, if it is called with the same arguments; what else the
 * loss or the callback remember is theirs. Files are whole or not at all (io.h), so whenever a
 * process dies, or the disk is full, which is an error, the last checkpoint is there. One that does
 * not fit the network or optimiser is an error that says what differs.
 *
 * Rows of the log: row ("step" or "epoch"), epoch (from 1), step, lr, loss (of the step or the mean
 * of the epoch), validation_loss, and the metrics by name; nothing, in JSON null, stands for what
 * there is not. */
TP_API tp_train_report tp_train(tp_module *net, tp_batch_loss *loss, tp_optimizer *optimizer,
                                tp_loader *loader, const tp_train_options *options);

/* --- Event files ---
 *
 * What TensorBoard shows: files events.out.tfevents.… in a directory, in which a record of bytes
 * (TFRecord) with checksums (CRC-32C) is an Event of TensorFlow's protocol buffers. A record is
 * written when its call returns; one that a killed process cut off is left out by readers.
 *
 *     tp_event_writer *w = tp_event_writer_new("runs/first", 0);
 *     tp_event_scalar(w, "loss/train", step, loss);
 *     tp_event_histogram(w, "fc1.weight", step, weight);
 *     tp_event_writer_free(w);
 */
typedef struct tp_event_writer tp_event_writer;

/* A new file in the directory, which is made if it is not there (those above it are). What earlier
 * files of the directory say of steps after `step` is to be forgotten: 0 at the beginning, the step
 * that a training is resumed at. NULL, with an error, if it cannot be written. */
TP_API tp_event_writer *tp_event_writer_new(const char *directory, int64_t step);

/* A number, kept as float32, and how often elements of v lie between the limits 0, ±10⁻¹² 1.1ⁿ, as
 * TensorBoard's own writer has them; an element that is not finite is left out. Tags are UTF-8;
 * "a/b" is b in the group a. */
TP_API void tp_event_scalar(tp_event_writer *w, const char *tag, int64_t step, double value);
TP_API void tp_event_histogram(tp_event_writer *w, const char *tag, int64_t step, tp_var *v);

/* Closes the file; an error if the disk did not take it all. Ignores NULL. */
TP_API void tp_event_writer_free(tp_event_writer *w);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__TRAIN(function, net, loss, optimizer, loader, ...)                                     \
    TP__WITH(tp_train_options, function, (net, loss, optimizer, loader, ), __VA_ARGS__)
#define tp_train(...) TP__TRAIN(tp_train, __VA_ARGS__, )
#endif

#endif
