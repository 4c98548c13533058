/* SPDX-License-Identifier: MIT
 *
 * Training: what goes around a network, an optimiser and a loader.
 */
#ifndef TINYPYTORCH_TRAIN_H
#define TINYPYTORCH_TRAIN_H

#include "data.h"
#include "nn.h"
#include "optim.h"

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

#ifdef __cplusplus
}
#endif

#endif
