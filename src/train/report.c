/* SPDX-License-Identifier: MIT
 *
 * The report of a training: a page that loads nothing, with the summary, curves, confusion
 * matrices, the modules and the graph of the first step's loss. The picture of its curves is a plot
 * of the same rows.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "train/train.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/file.h"
#include "base/text.h"
#include "base/thread.h"
#include "tinypytorch/array.h"
#include "tinypytorch/draw.h"
#include "tinypytorch/plot.h"
#include "tinypytorch/scope.h"
#include "train/metric.h"

enum { CHART_WIDTH = 560, CHART_HEIGHT = 260, CHART_LEFT = 66, CHART_TOP = 30, CHART_BOTTOM = 30 };
enum { CHART_X = CHART_WIDTH - CHART_LEFT - 14, CHART_Y = CHART_HEIGHT - CHART_TOP - CHART_BOTTOM };

typedef enum report_rows { REPORT_STEPS, REPORT_EPOCHS, REPORT_ALL } report_rows;

/* A column over the steps. */
typedef struct report_series {
    const char *name, *color;
    int column;
    report_rows of;
    double width;
} report_series;

typedef struct report_range {
    double low, high;
} report_range;

static const char report_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n<title>Training</title>\n<style>\n"
    "body { font: 14px sans-serif; color: #222; margin: 2em auto; max-width: 1180px; }\n"
    "h1 { font-size: 22px; } h2 { font-size: 17px; margin-top: 2em; }\n"
    "table { border-collapse: collapse; } td, th { padding: 3px 10px; text-align: right; }\n"
    "th { font-weight: normal; color: #666; } .summary td { border-bottom: 1px solid #ddd; }\n"
    ".summary td:first-child { text-align: left; color: #666; }\n"
    "pre { background: #f5f5f5; padding: 1em; overflow: auto; }\n"
    ".graph { overflow: auto; max-height: 700px; border: 1px solid #ddd; }\n"
    "</style>\n</head>\n<body>\n<h1>Training</h1>\n";

/* --- Rows --- */

static const double *report_row(const tp__run *run, int64_t r)
{
    return run->rows + r * tp__train_columns(run);
}

static bool report_has(const report_series *s, const double *row)
{
    bool epoch = row[TP__ROW_EPOCH_ENDED] > 0;
    return isfinite(row[s->column]) && (s->of == REPORT_ALL || (s->of == REPORT_EPOCHS) == epoch);
}

static void report_stretch(report_range *range, double value)
{
    range->low = fmin(range->low, value);
    range->high = fmax(range->high, value);
}

/* --- Charts --- */

static void chart_line(tp__text *text, const tp__run *run, const report_series *s, report_range x,
                       report_range y)
{
    bool first = true;
    tp__text_format(text,
                    "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" "
                    "stroke-linecap=\"round\" stroke-linejoin=\"round\" points=\"",
                    s->color, s->width);
    for (int64_t r = 0; r < run->n_rows; r++) {
        const double *row = report_row(run, r);
        if (!report_has(s, row))
            continue;
        double px = CHART_LEFT + CHART_X * ((row[TP__ROW_STEP] - x.low) / (x.high - x.low));
        double py = CHART_TOP + CHART_Y * (1 - (row[s->column] - y.low) / (y.high - y.low));
        for (int n = first ? 2 : 1; n > 0; n--) /* a point alone is a dot */
            tp__text_format(text, "%.1f,%.1f ", px, py);
        first = false;
    }
    tp__text_put(text, "\"/>\n");
}

static void chart_axes(tp__text *text, report_range x, report_range y)
{
    for (int i = 0; i <= 4; i++) {
        double at = CHART_TOP + CHART_Y * (1 - i / 4.0);
        tp__text_format(text,
                        "<path d=\"M%d %.1fh%d\" stroke=\"#ddd\"/><text x=\"%d\" y=\"%.1f\" "
                        "text-anchor=\"end\">%.4g</text>\n",
                        CHART_LEFT, at, CHART_X, CHART_LEFT - 6, at + 4,
                        y.low + (y.high - y.low) * i / 4);
    }
    tp__text_format(text,
                    "<text x=\"%d\" y=\"%d\">step %.0f</text><text x=\"%d\" y=\"%d\" "
                    "text-anchor=\"end\">%.0f</text>\n",
                    CHART_LEFT, CHART_HEIGHT - 8, x.low, CHART_LEFT + CHART_X, CHART_HEIGHT - 8,
                    x.high);
}

static void report_chart(tp__text *text, const tp__run *run, int n, const report_series *series)
{
    report_range x = {(double)INFINITY, -(double)INFINITY}, y = x;
    int at = CHART_LEFT;
    for (int i = 0; i < n; i++)
        for (int64_t r = 0; r < run->n_rows; r++)
            if (report_has(&series[i], report_row(run, r))) {
                report_stretch(&x, report_row(run, r)[TP__ROW_STEP]);
                report_stretch(&y, report_row(run, r)[series[i].column]);
            }
    if (!(x.low <= x.high))
        return;
    if (x.low == x.high)
        x.low -= 1;
    if (y.low == y.high)
        y.low -= fabs(y.low) / 2 + 0x1p-40, y.high += fabs(y.high) / 2 + 0x1p-40;
    tp__text_format(text, "<svg width=\"%d\" height=\"%d\" font-size=\"12\">\n", CHART_WIDTH,
                    CHART_HEIGHT);
    chart_axes(text, x, y);
    for (int i = 0; i < n; i++) {
        chart_line(text, run, &series[i], x, y);
        tp__text_format(text, "<text x=\"%d\" y=\"18\" fill=\"%s\">", at, series[i].color);
        tp__escape_xml(text, series[i].name, strlen(series[i].name));
        tp__text_put(text, "</text>\n");
        at += 20 + 8 * (int)strlen(series[i].name);
    }
    tp__text_put(text, "</svg>\n");
}

static void report_charts(tp__text *text, const tp__run *run)
{
    const report_series loss[] = {
        {"loss of steps", "#9bbfdd", TP__ROW_LOSS, REPORT_STEPS, 1},
        {"loss of epochs", "#0072b2", TP__ROW_LOSS, REPORT_EPOCHS, 2},
        {"validation loss", "#d55e00", TP__ROW_VALIDATION, REPORT_EPOCHS, 2}};
    const report_series lr = {"learning rate", "#555555", TP__ROW_LR, REPORT_ALL, 2};
    tp__text_put(text, "<h2>Curves</h2>\n");
    report_chart(text, run, run->o.validation ? 3 : 2, loss);
    for (int i = 0; i < run->o.n_metrics; i++)
        report_chart(text, run, 1,
                     &(report_series){tp_metric_name(run->o.metrics[i]), "#009e73",
                                      TP__ROW_METRICS + i, REPORT_EPOCHS, 2});
    report_chart(text, run, 1, &lr);
}

/* --- Tables --- */

static const char *const report_ends[] = {
    "running",     "all epochs", "stopped by the callback", "no better for the epochs of patience",
    "interrupted", "failed"};

static void report_number(tp__text *text, const char *name, double value)
{
    if (isnan(value))
        return;
    tp__text_put(text, "<tr><td>");
    tp__escape_xml(text, name, strlen(name));
    tp__text_format(text, "</td><td>%.8g</td></tr>\n", value);
}

static void report_summary(tp__text *text, const tp__run *run)
{
    const tp_train_report *now = &run->now;
    tp__text_format(text,
                    "<table class=\"summary\">\n<tr><td>end</td><td>%s</td></tr>\n"
                    "<tr><td>epochs</td><td>%lld of %lld</td></tr>\n",
                    report_ends[now->end], (long long)now->epoch, (long long)now->epochs);
    report_number(text, "steps", (double)now->step);
    report_number(text, "parameters", (double)tp_parameter_count(run->net));
    report_number(text, "loss", now->loss);
    report_number(text, "validation loss", now->validation_loss);
    for (int i = 0; i < run->o.n_metrics; i++)
        report_number(text, tp_metric_name(run->o.metrics[i]), run->metrics[i]);
    report_number(text, "best", now->best);
    report_number(text, "best epoch", (double)now->best_epoch);
    report_number(text, "learning rate", now->lr);
    tp__text_put(text, "</table>\n");
}

/* A row for each class; the darker, the larger a part of its row. */
static void report_matrix(tp__text *text, const char *name, const int64_t *counts, int64_t n)
{
    tp__text_put(text, "<h2>Targets (rows) and what they were taken for: ");
    tp__escape_xml(text, name, strlen(name));
    tp__text_put(text, "</h2>\n<table>\n<tr><th></th>");
    for (int64_t j = 0; j < n; j++)
        tp__text_format(text, "<th>%lld</th>", (long long)j);
    for (int64_t i = 0; i < n; i++) {
        double all = 0;
        for (int64_t j = 0; j < n; j++)
            all += (double)counts[i * n + j];
        tp__text_format(text, "</tr>\n<tr><th>%lld</th>", (long long)i);
        for (int64_t j = 0; j < n; j++) {
            double part = all > 0 ? (double)counts[i * n + j] / all : 0;
            tp__text_format(text, "<td style=\"background: rgba(0,114,178,%.2f)\">%lld</td>",
                            0.8 * part, (long long)counts[i * n + j]);
        }
    }
    tp__text_put(text, "</tr>\n</table>\n");
}

enum { REPORT_CLASSES = 100 }; /* a larger table nobody reads */

static void report_matrices(tp__text *text, const tp__run *run)
{
    for (int i = 0; i < run->o.n_metrics; i++) {
        tp_metric *m = run->o.metrics[i];
        const int64_t classes = tp__metric_classes(m);
        if (!classes || classes > REPORT_CLASSES)
            continue;
        size_t scope = tp_scope_begin();
        const int64_t *counts = tp_data(tp_metric_matrix(m));
        if (counts)
            report_matrix(text, tp_metric_name(m), counts, classes);
        tp_scope_end(scope);
    }
}

static void report_network(tp__text *text, const tp__run *run)
{
    char *tree = tp_module_repr(run->net);
    if (tree) {
        tp__text_put(text, "<h2>Modules</h2>\n<pre>");
        for (char *line = strtok(tree, "\n"); line; line = strtok(NULL, "\n")) {
            tp__escape_xml(text, line, strlen(line));
            tp__text_put(text, "\n");
        }
        tp__text_put(text, "</pre>\n");
    }
    free(tree);
    const char *picture = run->graph ? strstr(run->graph, "<svg") : NULL;
    if (picture) {
        tp__text_put(text, "<h2>Graph of the first step's loss</h2>\n<div class=\"graph\">\n");
        tp__text_put(text, picture);
        tp__text_put(text, "</div>\n");
    }
}

/* --- Files --- */

void tp__train_draw(tp__run *run, tp_var *loss)
{
    tp_draw_options o = TP_OPTIONS(tp_draw_options);
    o.shapes = true;
    o.layout = "layers";
    if (run->o.report && !run->graph)
        run->graph = tp_draw_graph_to_memory(loss, "svg", NULL, &o);
}

static bool report_page(const tp__run *run)
{
    tp__text text = {0};
    tp__text_put(&text, report_head);
    report_summary(&text, run);
    report_charts(&text, run);
    report_matrices(&text, run);
    report_network(&text, run);
    tp__text_put(&text, "</body>\n</html>\n");
    bool good = !text.failed && !tp__here()->code &&
                tp__file_save("train", run->o.report, text.at, text.length);
    tp__text_drop(&text);
    return good;
}

static void report_plot_series(tp_plot *plot, const tp__run *run, const report_series *s)
{
    int64_t n = 0;
    for (int64_t r = 0; r < run->n_rows; r++)
        n += report_has(s, report_row(run, r));
    tp_var *x = tp_zeros(TP_F64, 1, &n), *y = tp_zeros(TP_F64, 1, &n);
    double *px = tp_data_(x), *py = tp_data_(y);
    if (tp__here()->code || !n)
        return;
    for (int64_t r = 0; r < run->n_rows; r++)
        if (report_has(s, report_row(run, r))) {
            *px++ = report_row(run, r)[TP__ROW_STEP];
            *py++ = report_row(run, r)[s->column];
        }
    tp_curve_options o = TP_OPTIONS(tp_curve_options);
    o.label = s->name;
    o.color = s->color;
    o.line_width = s->width;
    tp_plot_line(plot, x, y, &o);
}

static bool report_picture(const tp__run *run)
{
    static const report_series series[] = {
        {"loss of steps", "#9bbfdd", TP__ROW_LOSS, REPORT_STEPS, 1},
        {"loss of epochs", "#0072b2", TP__ROW_LOSS, REPORT_EPOCHS, 2},
        {"validation loss", "#d55e00", TP__ROW_VALIDATION, REPORT_EPOCHS, 2}};
    tp_plot_options o = TP_OPTIONS(tp_plot_options);
    o.x_label = "step";
    o.y_label = "loss";
    o.grid = true;
    tp_plot *plot = tp_plot_new(&o);
    size_t scope = tp_scope_begin();
    for (int i = 0; i < 3 && plot; i++)
        report_plot_series(plot, run, &series[i]);
    bool good = plot && tp_plot_save(plot, run->o.curves);
    tp_scope_end(scope);
    tp_plot_free(plot);
    return good;
}

bool tp__train_report(const tp__run *run)
{
    return (!run->o.report || report_page(run)) && (!run->o.curves || report_picture(run));
}
