/* SPDX-License-Identifier: MIT
 *
 * The report of a training and the picture of its curves.
 */
#include "elements.h"

#include <stdio.h>
#include <stdlib.h>

/* Twelve points of three classes, which a line each tells apart. */
static tp_dataset *classes(void)
{
    double x[24];
    int64_t k[12];
    for (int i = 0; i < 12; i++) {
        k[i] = i % 3;
        x[2 * i] = (double)(k[i] == 0) + 0.1 * i;
        x[2 * i + 1] = (double)(k[i] == 1) - 0.1 * i;
    }
    return tp_tensor_dataset_new(
        2, (tp_var *[]){tp_array(TP_F64, TP_SHAPE(12, 2), x), tp_array(TP_I64, TP_SHAPE(12), k)});
}

static tp_var *class_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg;
    *prediction = tp_forward(net, batch[0]);
    return tp_cross_entropy(*prediction, batch[1]);
}

static char *train_with(const char *report, const char *curves, int64_t epochs)
{
    char *text = calloc(1, 1 << 20);
    tp_module *net = tp_sequential_new(TP_MODULES(tp_linear_new(2, 3, .dtype = TP_F64)));
    tp_var *params[2];
    tp_parameters(net, 2, params);
    tp_optimizer *o = tp_sgd_new(params, 2, 0.5);
    tp_dataset *d = classes();
    tp_loader *l = tp_loader_new(d, 4), *v = tp_loader_new(d, 12);
    tp_metric *m[] = {tp_confusion_matrix_new(3), tp_f1_new(3, TP_MACRO)};
    tp_train_report r = tp_train(net, class_loss, o, l, .epochs = epochs, .validation = v,
                                 .metrics = m, .n_metrics = 2, .report = report, .curves = curves,
                                 .log_every = 1, .silent = true);
    CHECK(r.end == TP_TRAIN_DONE || tp_error());
    tp_loader_free(l), tp_loader_free(v), tp_dataset_free(d), tp_optimizer_free(o);
    tp_metric_free(m[0]), tp_metric_free(m[1]), tp_module_free(net);
    FILE *file = report ? fopen(report, "rb") : NULL;
    if (file) {
        CHECK(fread(text, 1, (1 << 20) - 1, file) > 0);
        fclose(file);
    }
    return text;
}

static int times(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        n++;
    return n;
}

TEST(a_report_has_all_in_one_file)
{
    char *text = train_with("report.html", NULL, 3);
    CHECK(strstr(text, "<td>all epochs</td>") && strstr(text, "<td>3 of 3</td>"));
    CHECK(strstr(text, "<td>parameters</td><td>9</td>") &&
          strstr(text, "<td>steps</td><td>9</td>"));
    CHECK_INT(times(text, "<polyline"), 3 + 2 + 1); /* losses, metrics, learning rate */
    CHECK_INT(times(text, "<tr><th>"), 2 * 4);      /* two matrices, 3 classes and a head */
    CHECK(strstr(text, "<pre>Sequential(") && strstr(text, "\n  0: Linear(2 → 3)\n"));
    CHECK(strstr(text, "Linear") && strstr(text, "CrossEntropy"));
    CHECK(!strstr(text, "http://") || times(text, "http://") == times(text, "xmlns=\"http://"));
    CHECK(!strstr(text, "<script") && !strstr(text, "nan") && strstr(text, "</html>"));
    free(text);
    text = train_with("report.html", NULL, 0);
    CHECK(strstr(text, "<td>0 of 0</td>") && !strstr(text, "<polyline"));
    free(text);
}

TEST(curves_are_a_plot)
{
    free(train_with(NULL, "curves.svg", 2));
    if (tp_status() == TP_ERROR_MISSING) {
        tp_clear_error();
        test_skip("no cairo");
        return;
    }
    FILE *file = fopen("curves.svg", "rb");
    CHECK(file);
    if (file)
        fclose(file);
    free(train_with("no/such/report.html", NULL, 1));
    CHECK_ERROR(TP_ERROR_FILE, "cannot write no/such/report.html");
}
