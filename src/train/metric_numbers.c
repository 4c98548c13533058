/* SPDX-License-Identifier: MIT
 *
 * Metrics of numbers. The spread of targets is added up by Welford's recurrence (1962), which keeps
 * its digits when all are far from 0.
 */
#include "base/features.h"

#include "train/metric.h"

#include <math.h>
#include <stdlib.h>

#include "array/array.h"
#include "base/alloc.h"

static bool r2_update(tp_metric *m, const tp__metric_batch *rows)
{
    for (int64_t i = 0; i < rows->n; i++) {
        double y = rows->target[i], error = y - rows->score[i], off = y - m->mean;
        m->n++;
        m->mean += off / (double)m->n;
        m->squares += off * (y - m->mean);
        m->sum += error * error;
    }
    return true;
}

static double r2_result(const tp_metric *m)
{
    if (m->n < 2)
        return (double)NAN;
    return m->squares != 0 ? 1 - m->sum / m->squares : m->sum == 0 ? 1 : 0;
}

static const tp__metric_record r2_record = {
    .name = "r2_score", .update = r2_update, .result = r2_result};

tp_metric *tp_r2_score_new(void)
{
    return tp__metric_new(&r2_record, 0);
}

static bool absolute_update(tp_metric *m, const tp__metric_batch *rows)
{
    m->n += rows->n;
    for (int64_t i = 0; i < rows->n; i++)
        m->sum += fabs(rows->target[i] - rows->score[i]);
    return true;
}

static double absolute_result(const tp_metric *m)
{
    return m->sum / (double)m->n;
}

static const tp__metric_record absolute_record = {.name = "mean_absolute_error",
                                                  .minimize = true,
                                                  .update = absolute_update,
                                                  .result = absolute_result};

tp_metric *tp_mean_absolute_error_new(void)
{
    return tp__metric_new(&absolute_record, 0);
}

/* --- Area under the ROC curve --- */

static bool auc_fits(const tp__metric_batch *rows)
{
    for (int64_t i = 0; i < rows->n; i++) {
        double t = rows->target[i], p = rows->score[i];
        if ((t == 0 || t == 1) && !isnan(p))
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "metric_update: auc of score %g and target %g, number %lld, %s",
                p, t, (long long)i, "expected a score and 0 or 1");
        return false;
    }
    return true;
}

static bool auc_room(tp_metric *m, int64_t n)
{
    if (n <= m->room)
        return true;
    int64_t room = n > 2 * m->room ? n : 2 * m->room;
    double *pairs = tp__realloc(m->pairs, (size_t)room * 2 * sizeof *pairs);
    if (!pairs)
        return false;
    m->pairs = pairs;
    m->room = room;
    return true;
}

static bool auc_update(tp_metric *m, const tp__metric_batch *rows)
{
    if (!auc_fits(rows) || !auc_room(m, m->n + rows->n))
        return false;
    for (int64_t i = 0; i < rows->n; i++, m->n++) {
        m->pairs[2 * m->n] = rows->score[i];
        m->pairs[2 * m->n + 1] = rows->target[i];
    }
    return true;
}

static int auc_order(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* Pairs in ascending order of scores: a group of equal ones wins over the zeros before it, and half
 * over its own. */
static double auc_result(const tp_metric *m)
{
    double zeros = 0, ones = 0, won = 0;
    qsort(m->pairs, (size_t)m->n, 2 * sizeof *m->pairs, auc_order);
    for (int64_t i = 0; i < m->n;) {
        double group[2] = {0, 0}, score = m->pairs[2 * i];
        for (; i < m->n && m->pairs[2 * i] == score; i++)
            group[m->pairs[2 * i + 1] > 0]++;
        won += group[1] * (zeros + group[0] / 2);
        zeros += group[0];
        ones += group[1];
    }
    return zeros > 0 && ones > 0 ? won / (zeros * ones) : (double)NAN;
}

static const tp__metric_record auc_record = {
    .name = "auc", .update = auc_update, .result = auc_result};

tp_metric *tp_auc_new(void)
{
    return tp__metric_new(&auc_record, 0);
}
