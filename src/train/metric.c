/* SPDX-License-Identifier: MIT
 *
 * What all metrics share: making, batches as numbers, and those that count single targets.
 */
#include "base/features.h"

#include "train/metric.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "tinypytorch/graph.h"

enum { METRIC_IGNORED = -100, METRIC_CLASSES = 1 << 15 };

tp_metric *tp__metric_new(const tp__metric_record *is, int64_t classes)
{
    if (classes < 0 || classes > METRIC_CLASSES) {
        tp_fail(TP_ERROR_ARGUMENT, "%s_new: there are %lld classes, expected 1 to %d", is->name,
                (long long)classes, METRIC_CLASSES);
        return NULL;
    }
    if (tp__here()->code)
        return NULL;
    tp_metric *m = tp__alloc_zero(1, sizeof *m);
    if (!m)
        return NULL;
    m->is = is;
    m->classes = classes;
    snprintf(m->name, sizeof m->name, "%s", is->name);
    if (classes)
        m->counts = tp__alloc_zero((size_t)(classes * classes), sizeof *m->counts);
    if (!classes || m->counts)
        return m;
    tp_metric_free(m);
    return NULL;
}

void tp_metric_free(tp_metric *m)
{
    if (!m)
        return;
    tp__free(m->counts);
    tp__free(m->pairs);
    tp__free(m);
}

static bool metric_there(const char *call, const tp_metric *m)
{
    if (!m && !tp__here()->code)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the metric is NULL", call);
    return m;
}

const char *tp_metric_name(const tp_metric *m)
{
    return metric_there("metric_name", m) ? m->name : NULL;
}

bool tp_metric_maximize(const tp_metric *m)
{
    return metric_there("metric_maximize", m) && !m->is->minimize;
}

void tp_metric_reset(tp_metric *m)
{
    if (!metric_there("metric_reset", m))
        return;
    m->n = m->right = 0;
    m->sum = m->mean = m->squares = 0;
    if (m->counts)
        memset(m->counts, 0, (size_t)(m->classes * m->classes) * sizeof *m->counts);
}

double tp_metric_result(const tp_metric *m)
{
    return metric_there("metric_result", m) && m->n ? m->is->result(m) : (double)NAN;
}

int64_t tp__metric_classes(const tp_metric *m)
{
    return m->classes;
}

tp_var *tp_metric_matrix(const tp_metric *m)
{
    if (!metric_there("metric_matrix", m))
        return tp__poison();
    if (!m->counts)
        return tp_fail(TP_ERROR_ARGUMENT, "metric_matrix: %s counts no classes", m->name);
    return tp_array(TP_I64, 2, (int64_t[]){m->classes, m->classes}, m->counts);
}

/* --- Batches --- */

/* True if scores (N, C, …) fit targets (N, …). */
static bool metric_scores_fit(const tp_var *scores, const tp_var *target)
{
    bool fit = scores->ndim == target->ndim + 1 && target->ndim > 0 && tp__shape(scores)[1] > 0;
    for (int i = 0; i < target->ndim && fit; i++)
        fit = tp__shape(scores)[i ? i + 1 : 0] == tp__shape(target)[i];
    return fit;
}

/* Fills rows with v and target as float64, in the current scope. */
static bool metric_rows(const tp_metric *m, tp_var *v, tp_var *target, tp__metric_batch *rows)
{
    char has[TP__SHAPE_TEXT], wants[TP__SHAPE_TEXT];
    bool classes = m->is->of_classes && tp__is_float((tp_dtype)v->dtype);
    if (classes ? !metric_scores_fit(v, target) : v->size != target->size) {
        tp_fail(TP_ERROR_SHAPE, "metric_update: %s of predictions %s and targets %s, expected %s",
                m->name, tp__shape_text(has, v->ndim, tp__shape(v)),
                tp__shape_text(wants, target->ndim, tp__shape(target)),
                classes ? "scores (N, C, …) and classes (N, …)" : "as many of both");
        return false;
    }
    *rows = (tp__metric_batch){.n = target->size, .inner = 1};
    if (classes) {
        rows->classes = tp__shape(v)[1];
        for (int i = 1; i < target->ndim; i++)
            rows->inner *= tp__shape(target)[i];
    }
    rows->score = tp_data(tp_to(v, TP_F64));
    rows->target = tp_data(tp_to(target, TP_F64));
    return !tp__here()->code;
}

/* The number of classes that a target or prediction may be, 0: any. */
static int64_t metric_limit(const tp_metric *m, const tp__metric_batch *rows)
{
    return rows->classes && (!m->classes || rows->classes < m->classes) ? rows->classes
                                                                        : m->classes;
}

static bool metric_in_range(const tp_metric *m, const tp__metric_batch *rows)
{
    double limit = (double)metric_limit(m, rows);
    if (m->classes && rows->classes > m->classes) {
        tp_fail(TP_ERROR_SHAPE, "metric_update: %s for %lld classes, scores are of %lld", m->name,
                (long long)m->classes, (long long)rows->classes);
        return false;
    }
    for (int64_t i = 0; i < rows->n; i++) {
        double t = rows->target[i], p = rows->classes ? 0 : rows->score[i];
        double wrong = t >= 0 && (!(limit > 0) || t < limit) ? p : t;
        if (t == METRIC_IGNORED ||
            (wrong == p && p >= 0 && (!(limit > 0) || p < limit) && t == floor(t)))
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "metric_update: %s: class %g of target %lld is out of range",
                m->name, wrong, (long long)i);
        return false;
    }
    return true;
}

void tp_metric_update(tp_metric *m, tp_var *prediction, tp_var *target)
{
    if (!metric_there("metric_update", m) ||
        !tp__check_named("metric_update", "prediction", prediction) ||
        !tp__check_named("metric_update", "target", target) || tp__here()->code)
        return;
    tp__metric_batch rows;
    size_t scope = tp_scope_begin();
    bool grad = tp_set_grad_enabled(false);
    if (metric_rows(m, prediction, target, &rows) &&
        (!m->is->of_classes || metric_in_range(m, &rows)))
        m->is->update(m, &rows);
    tp_set_grad_enabled(grad);
    tp_scope_end(scope);
}

static double rows_score(const tp__metric_batch *rows, int64_t i, int64_t c)
{
    return rows->score[(i / rows->inner * rows->classes + c) * rows->inner + i % rows->inner];
}

/* How many classes stand before class c in target i's order of scores. */
static int64_t rows_rank(const tp__metric_batch *rows, int64_t i, int64_t c)
{
    double own = rows_score(rows, i, c);
    int64_t rank = 0;
    for (int64_t j = 0; j < rows->classes; j++) {
        double other = rows_score(rows, i, j);
        bool equal = other == own || (isnan(other) && isnan(own));
        rank += equal ? j < c : isnan(other) || other > own;
    }
    return rank;
}

static int64_t rows_class(const tp__metric_batch *rows, int64_t i)
{
    if (!rows->classes)
        return (int64_t)rows->score[i];
    int64_t best = 0;
    for (int64_t c = 1; c < rows->classes && !isnan(rows_score(rows, i, best)); c++) {
        double s = rows_score(rows, i, c);
        best = isnan(s) || s > rows_score(rows, i, best) ? c : best;
    }
    return best;
}

/* --- Right ones --- */

static bool accuracy_update(tp_metric *m, const tp__metric_batch *rows)
{
    if (m->k > 1 && !rows->classes) {
        tp_fail(TP_ERROR_DTYPE, "metric_update: %s needs scores, not classes", m->name);
        return false;
    }
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->target[i] == METRIC_IGNORED)
            continue;
        int64_t is = (int64_t)rows->target[i], taken = m->k > 1 ? 0 : rows_class(rows, i);
        m->n++;
        m->right += m->k > 1 ? rows_rank(rows, i, is) < m->k : taken == is;
        if (m->counts)
            m->counts[is * m->classes + taken]++;
    }
    return true;
}

static double accuracy_result(const tp_metric *m)
{
    return (double)m->right / (double)m->n;
}

static const tp__metric_record accuracy_record = {
    .name = "accuracy", .of_classes = true, .update = accuracy_update, .result = accuracy_result};

tp_metric *tp_accuracy_new(void)
{
    return tp__metric_new(&accuracy_record, 0);
}

static const tp__metric_record top_k_record = {.name = "top_k_accuracy",
                                               .of_classes = true,
                                               .update = accuracy_update,
                                               .result = accuracy_result};

tp_metric *tp_top_k_accuracy_new(int64_t k)
{
    if (k < 1) {
        tp_fail(TP_ERROR_ARGUMENT, "top_k_accuracy_new: k is %lld, expected 1 at least",
                (long long)k);
        return NULL;
    }
    tp_metric *m = tp__metric_new(&top_k_record, 0);
    if (m) {
        m->k = k;
        snprintf(m->name, sizeof m->name, "top_%lld_accuracy", (long long)k);
    }
    return m;
}

/* --- Counts of classes --- */

static const tp__metric_record confusion_record = {.name = "confusion_matrix",
                                                   .of_classes = true,
                                                   .update = accuracy_update,
                                                   .result = accuracy_result};

static tp_metric *class_metric(const tp__metric_record *is, int64_t classes, tp_average average)
{
    if (classes < 1 || average > TP_BINARY || (average == TP_BINARY && classes != 2)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s_new: %lld classes, expected %s", is->name,
                (long long)classes,
                average == TP_BINARY  ? "2 for TP_BINARY"
                : average > TP_BINARY ? "a tp_average"
                                      : "1 at least");
        return NULL;
    }
    tp_metric *m = tp__metric_new(is, classes);
    if (m)
        m->average = average;
    return m;
}

tp_metric *tp_confusion_matrix_new(int64_t classes)
{
    return class_metric(&confusion_record, classes, TP_MICRO);
}

/* Of class c, or of all together: right ones, those taken for it, those that are it. */
typedef struct class_counts {
    double right, taken, are;
} class_counts;

static class_counts count_class(const tp_metric *m, int64_t c)
{
    class_counts n = {(double)m->counts[c * m->classes + c], 0, 0};
    for (int64_t j = 0; j < m->classes; j++) {
        n.taken += (double)m->counts[j * m->classes + c];
        n.are += (double)m->counts[c * m->classes + j];
    }
    return n;
}

static double class_average(const tp_metric *m, double (*score)(class_counts n))
{
    double sum = 0, weight = 0;
    if (m->average == TP_MICRO)
        return score((class_counts){(double)m->right, (double)m->n, (double)m->n});
    if (m->average == TP_BINARY)
        return score(count_class(m, 1));
    for (int64_t c = 0; c < m->classes; c++) {
        class_counts n = count_class(m, c);
        double w = m->average == TP_WEIGHTED ? n.are : n.taken + n.are > 0;
        sum += w * score(n);
        weight += w;
    }
    return sum / weight;
}

static double ratio(double a, double b)
{
    return b > 0 ? a / b : 0;
}

static double class_precision(class_counts n)
{
    return ratio(n.right, n.taken);
}

static double class_recall(class_counts n)
{
    return ratio(n.right, n.are);
}

static double class_f1(class_counts n)
{
    return ratio(2 * n.right, n.taken + n.are);
}

static double precision_result(const tp_metric *m)
{
    return class_average(m, class_precision);
}

static double recall_result(const tp_metric *m)
{
    return class_average(m, class_recall);
}

static double f1_result(const tp_metric *m)
{
    return class_average(m, class_f1);
}

static const tp__metric_record precision_record = {
    .name = "precision", .of_classes = true, .update = accuracy_update, .result = precision_result};

static const tp__metric_record recall_record = {
    .name = "recall", .of_classes = true, .update = accuracy_update, .result = recall_result};

static const tp__metric_record f1_record = {
    .name = "f1", .of_classes = true, .update = accuracy_update, .result = f1_result};

tp_metric *tp_precision_new(int64_t classes, tp_average average)
{
    return class_metric(&precision_record, classes, average);
}

tp_metric *tp_recall_new(int64_t classes, tp_average average)
{
    return class_metric(&recall_record, classes, average);
}

tp_metric *tp_f1_new(int64_t classes, tp_average average)
{
    return class_metric(&f1_record, classes, average);
}

/* --- Perplexity --- */

static double row_cross_entropy(const tp__metric_batch *rows, int64_t i)
{
    double most = rows_score(rows, i, rows_class(rows, i)), sum = 0;
    int64_t c = 0;
    do
        sum += exp(rows_score(rows, i, c) - most);
    while (++c < rows->classes);
    return log(sum) - (rows_score(rows, i, (int64_t)rows->target[i]) - most);
}

static bool perplexity_update(tp_metric *m, const tp__metric_batch *rows)
{
    if (!rows->classes) {
        tp_fail(TP_ERROR_DTYPE, "metric_update: perplexity needs scores, not classes");
        return false;
    }
    for (int64_t i = 0; i < rows->n; i++)
        if (rows->target[i] != METRIC_IGNORED) {
            m->n++;
            m->sum += row_cross_entropy(rows, i);
        }
    return true;
}

static double perplexity_result(const tp_metric *m)
{
    return exp(m->sum / (double)m->n);
}

static const tp__metric_record perplexity_record = {.name = "perplexity",
                                                    .of_classes = true,
                                                    .minimize = true,
                                                    .update = perplexity_update,
                                                    .result = perplexity_result};

tp_metric *tp_perplexity_new(void)
{
    return tp__metric_new(&perplexity_record, 0);
}
