/* SPDX-License-Identifier: MIT
 *
 * A metric is a record and what it has counted. Metrics of classes see a batch as rows of scores,
 * by tp__metric_batch, the others as pairs of numbers; both look at all of a batch before they
 * count the first, so that a batch that is refused changes nothing.
 */
#ifndef TP_METRIC_H
#define TP_METRIC_H

#include "base/features.h"

#include "tinypytorch/train.h"

/* A batch of n targets. Score c of target i is score[(i / inner · classes + c) · inner + i %
 * inner]; without classes score[i] is the prediction of target i. */
typedef struct tp__metric_batch {
    const double *score, *target;
    int64_t n, classes, inner; /* classes is 0: predictions are as the targets are */
} tp__metric_batch;

typedef struct tp__metric_record {
    const char *name;
    bool of_classes; /* predictions may be scores */
    bool minimize;
    /* Counts a batch; false, with an error, if it is refused. */
    bool (*update)(tp_metric *m, const tp__metric_batch *rows);
    double (*result)(const tp_metric *m);
} tp__metric_record;

struct tp_metric {
    const tp__metric_record *is;
    char name[40];
    int64_t k; /* how many scores count, for top_k_accuracy */
    tp_average average;
    int64_t n, right;          /* targets, and right ones */
    double sum, mean, squares; /* errors; of the targets, their mean and Σ (y − ȳ)² */
    int64_t classes, *counts;  /* (classes, classes); NULL: none */
    double *pairs;             /* score and target, n each; room for `room` */
    int64_t room;
};

/* How many classes m counts, 0: none. */
int64_t tp__metric_classes(const tp_metric *m);

tp_metric *tp__metric_new(const tp__metric_record *is, int64_t classes);

#endif
