/* SPDX-License-Identifier: MIT
 *
 * Metrics. Expected values are those of scikit-learn's definitions, as fractions by hand.
 */
#include "elements.h"

#include <math.h>

/* Six targets of three classes and what was taken for them, the example of scikit-learn's
 * documentation of confusion_matrix: rows (2, 0, 0), (0, 0, 1), (1, 0, 2). */
static const int64_t is_class[] = {2, 0, 2, 2, 0, 1}, taken_for[] = {0, 0, 2, 2, 0, 2};

static tp_var *classes(const int64_t *k, int64_t n)
{
    return tp_array(TP_I64, 1, &n, k);
}

/* Scores whose highest is that class. */
static tp_var *scores(const int64_t *k, int64_t n)
{
    double s[3 * 6];
    for (int64_t i = 0; i < 3 * n; i++)
        s[i] = (i % 3 == k[i / 3]) + 0.1 * (double)(i % 3);
    return tp_array(TP_F64, TP_SHAPE(n, 3), s);
}

/* The result in one batch, in batches of 2 as classes and as scores; frees m. */
static void check_classes(tp_metric *m, double expected)
{
    tp_metric_update(m, classes(taken_for, 6), classes(is_class, 6));
    CHECK_CLOSE(tp_metric_result(m), expected, 1e-15);
    tp_metric_reset(m);
    CHECK(isnan(tp_metric_result(m)));
    for (int i = 0; i < 6; i += 2)
        tp_metric_update(m, scores(taken_for + i, 2), classes(is_class + i, 2));
    CHECK_CLOSE(tp_metric_result(m), expected, 1e-15);
    tp_metric_free(m);
}

TEST(metrics_of_classes_are_scikit_learns)
{
    check_classes(tp_accuracy_new(), 4.0 / 6);
    check_classes(tp_confusion_matrix_new(3), 4.0 / 6);
    check_classes(tp_precision_new(3, TP_MACRO), (2.0 / 3 + 0 + 2.0 / 3) / 3);
    check_classes(tp_recall_new(3, TP_MACRO), (1 + 0 + 2.0 / 3) / 3);
    check_classes(tp_f1_new(3, TP_MACRO), (4.0 / 5 + 0 + 4.0 / 6) / 3);
    check_classes(tp_precision_new(3, TP_WEIGHTED), (2 * 2.0 / 3 + 3 * 2.0 / 3) / 6);
    check_classes(tp_recall_new(3, TP_WEIGHTED), 4.0 / 6);
    check_classes(tp_f1_new(3, TP_WEIGHTED), (2 * 4.0 / 5 + 3 * 4.0 / 6) / 6);
    check_classes(tp_precision_new(3, TP_MICRO), 4.0 / 6);
    check_classes(tp_f1_new(3, TP_MICRO), 4.0 / 6);
    check_classes(tp_f1_new(4, TP_MACRO), (4.0 / 5 + 0 + 4.0 / 6) / 3); /* class 3 never occurs */
}

TEST(a_confusion_matrix_counts_targets_by_rows)
{
    const int64_t expected[] = {2, 0, 0, 0, 0, 1, 1, 0, 2};
    tp_metric *m = tp_confusion_matrix_new(3);
    tp_metric_update(m, classes(taken_for, 6), classes(is_class, 6));
    tp_var *counts = tp_metric_matrix(m);
    CHECK(tp_ndim(counts) == 2 && tp_dtype_of(counts) == TP_I64);
    for (int i = 0; i < 9; i++)
        CHECK_INT(at(counts, i), expected[i]);
    tp_metric_free(m);
}

/* Targets 1 1 1 0 0, taken for 1 1 0 0 1. */
TEST(of_two_classes_the_second_is_meant)
{
    const int64_t is[] = {1, 1, 1, 0, 0}, taken[] = {1, 1, 0, 0, 1};
    tp_metric *m[] = {tp_precision_new(2, TP_BINARY), tp_recall_new(2, TP_BINARY),
                      tp_f1_new(2, TP_BINARY)};
    for (int i = 0; i < 3; i++) {
        tp_metric_update(m[i], classes(taken, 5), classes(is, 5));
        CHECK_CLOSE(tp_metric_result(m[i]), 2.0 / 3, 1e-15);
        tp_metric_free(m[i]);
    }
    tp_metric *none = tp_f1_new(2, TP_BINARY);
    tp_metric_update(none, classes(taken + 3, 1), classes(is + 3, 1));
    CHECK_BITS(tp_metric_result(none), 0);
    tp_metric_free(none);
}

/* scikit-learn's example of top_k_accuracy_score: 0.75 for k = 2, all for k = 3. */
TEST(among_the_k_highest)
{
    static const double s[] = {0.5, 0.2, 0.2, 0.3, 0.4, 0.2, 0.2, 0.4, 0.3, 0.7, 0.2, 0.1};
    const int64_t is[] = {0, 1, 2, 2};
    const double expected[] = {0.5, 0.75, 1};
    for (int k = 1; k <= 3; k++) {
        tp_metric *m = tp_top_k_accuracy_new(k);
        tp_metric_update(m, tp_array(TP_F64, TP_SHAPE(4, 3), s), classes(is, 4));
        CHECK_BITS(tp_metric_result(m), expected[k - 1]);
        CHECK(k != 2 || !strcmp(tp_metric_name(m), "top_2_accuracy"));
        tp_metric_free(m);
    }
}

TEST(equal_scores_nan_and_ignored_targets)
{
    const double s[] = {1, 1, 0, 0, (double)NAN, 5, 0, 0, 1};
    tp_metric *m = tp_accuracy_new();
    tp_metric_update(m, tp_array(TP_F64, TP_SHAPE(3, 3), s), classes((int64_t[]){0, 1, -100}, 3));
    CHECK_BITS(tp_metric_result(m), 1);
    tp_metric_update(m, tp_array(TP_F64, TP_SHAPE(3, 3), s), classes((int64_t[]){1, 2, -100}, 3));
    CHECK_BITS(tp_metric_result(m), 0.5);
    tp_metric_free(m);
}

/* Scores (N, C, T) as tp_cross_entropy takes them. */
TEST(perplexity_is_e_to_the_mean_cross_entropy)
{
    tp_var *x = tp_mul(30, tp_randn(TP_F64, TP_SHAPE(2, 5, 3)));
    const int64_t k[] = {0, 1, 4, -100, 2, 2};
    tp_var *t = tp_array(TP_I64, TP_SHAPE(2, 3), k);
    tp_metric *m = tp_perplexity_new();
    tp_metric_update(m, x, t);
    CHECK_CLOSE(tp_metric_result(m) / exp(tp_item(tp_cross_entropy(x, t))), 1, 1e-13);
    CHECK(!tp_metric_maximize(m));
    tp_metric_reset(m);
    tp_metric_update(m, tp_zeros(TP_F32, TP_SHAPE(7, 4)), tp_zeros(TP_I64, TP_SHAPE(7)));
    CHECK_CLOSE(tp_metric_result(m), 4, 1e-14); /* nothing known of 4 classes */
    tp_metric_free(m);
}

static tp_var *numbers(const double *v, int64_t n)
{
    return tp_array(TP_F64, 1, &n, v);
}

/* Scores .1 .4 .35 .8 of 0 0 1 1: of four pairs three are in order. */
TEST(the_area_under_the_roc_curve)
{
    const double s[] = {0.1, 0.4, 0.35, 0.8, 0.4}, t[] = {0, 0, 1, 1, 1};
    tp_metric *m = tp_auc_new();
    tp_metric_update(m, numbers(s, 2), numbers(t, 2));
    CHECK(isnan(tp_metric_result(m)));
    tp_metric_update(m, numbers(s + 2, 2), numbers(t + 2, 2));
    CHECK_BITS(tp_metric_result(m), 0.75);
    tp_metric_update(m, numbers(s + 4, 1), numbers(t + 4, 1)); /* wins once, and half */
    CHECK_BITS(tp_metric_result(m), 4.5 / 6);
    tp_metric_update(m, numbers((double[]){(double)NAN}, 1), numbers(t, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "auc of score nan and target 0, number 0");
    CHECK_BITS(tp_metric_result(m), 4.5 / 6);
    tp_metric_free(m);
}

/* scikit-learn's examples: r2_score 0.9486…, mean_absolute_error 0.5. */
TEST(metrics_of_numbers)
{
    const double y[] = {3, -0.5, 2, 7}, p[] = {2.5, 0, 2, 8};
    tp_metric *r2 = tp_r2_score_new(), *mae = tp_mean_absolute_error_new();
    for (int i = 0; i < 4; i++) {
        tp_metric_update(r2, numbers(p + i, 1), numbers(y + i, 1));
        tp_metric_update(mae, numbers(p + i, 1), numbers(y + i, 1));
    }
    CHECK_CLOSE(tp_metric_result(r2), 1 - 1.5 / 29.1875, 1e-15);
    CHECK_BITS(tp_metric_result(mae), 0.5);
    tp_metric_reset(r2);
    for (int i = 0; i < 2; i++) /* all targets alike */
        tp_metric_update(r2, numbers(y, 1), numbers(y, 1));
    CHECK_BITS(tp_metric_result(r2), 1);
    tp_metric_update(r2, numbers(p, 1), numbers(y, 1));
    CHECK_BITS(tp_metric_result(r2), 0);
    tp_metric_reset(r2);
    for (int i = 0; i < 4; i++) /* far from 0 */
        tp_metric_update(r2, numbers((double[]){p[i] + 0x1p40}, 1),
                         numbers((double[]){y[i] + 0x1p40}, 1));
    CHECK_CLOSE(tp_metric_result(r2), 1 - 1.5 / 29.1875, 1e-12);
    tp_metric_free(r2), tp_metric_free(mae);
}

TEST(what_metrics_refuse)
{
    tp_metric *m = tp_confusion_matrix_new(3), *a = tp_accuracy_new();
    tp_metric_update(m, classes((int64_t[]){0, 3}, 2), classes((int64_t[]){0, 1}, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "confusion_matrix: class 3 of target 1 is out of range");
    tp_metric_update(m, classes((int64_t[]){0, 1}, 2), classes((int64_t[]){0, -1}, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "class -1 of target 1");
    tp_metric_update(a, scores(taken_for, 2), classes((int64_t[]){0, 3}, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "accuracy: class 3 of target 1");
    tp_metric_update(a, scores(taken_for, 2), classes(is_class, 3));
    CHECK_ERROR(TP_ERROR_SHAPE, "accuracy of predictions (2, 3) and targets (3,)");
    tp_metric_update(a, classes(is_class, 2), classes(is_class, 3));
    CHECK_ERROR(TP_ERROR_SHAPE, "expected as many of both");
    tp_metric_update(m, tp_zeros(TP_F32, TP_SHAPE(1, 4)), classes(is_class, 1));
    CHECK_ERROR(TP_ERROR_SHAPE, "for 3 classes, scores are of 4");
    CHECK(isnan(tp_metric_result(m)) && isnan(tp_metric_result(a)));
    CHECK(!tp_top_k_accuracy_new(0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "k is 0");
    CHECK(!tp_f1_new(3, TP_BINARY));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "2 for TP_BINARY");
    CHECK(tp_is_poison(tp_metric_matrix(a)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "accuracy counts no classes");
    tp_metric_update(NULL, classes(is_class, 1), classes(is_class, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "metric_update: the metric is NULL");
    tp_metric_free(m), tp_metric_free(a), tp_metric_free(NULL);
}
