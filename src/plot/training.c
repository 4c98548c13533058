/* SPDX-License-Identifier: MIT
 *
 * Training curves: two ordinary curves of one color, the values and their running mean.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "tinypytorch/array.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/scope.h"

typedef struct training_total {
    double sum, count;
} training_total;

static training_total training_add(training_total a, double value)
{
    if (isfinite(value))
        a.sum += value, a.count++;
    return a;
}

/* The mean of the finite values from i − half to i + half; what lies beyond the ends is missing.
 * In blocks as long as that window, a window is the end of one block and the beginning of the next:
 * each value is added twice, whatever half is, and nothing is subtracted. ends has room for n. */
static void training_mean(const double *value, int64_t n, int64_t half, training_total *ends,
                          double *mean)
{
    const int64_t block = 2 * half + 1;
    training_total end = {0, 0}, begin = {0, 0};
    for (int64_t i = n - 1; i >= 0; i--) {
        if (i % block == block - 1)
            end = (training_total){0, 0};
        ends[i] = end = training_add(end, value[i]);
    }
    for (int64_t i = 0, read = 0; i < n; i++) {
        int64_t from = i - half, to = half < n - 1 - i ? i + half : n - 1;
        for (; read <= to; read++) {
            if (read % block == 0)
                begin = (training_total){0, 0};
            begin = training_add(begin, value[read]);
        }
        training_total all = from >= 0 ? ends[from] : begin;
        if (from >= 0 && from / block != to / block)
            all.sum += begin.sum, all.count += begin.count;
        mean[i] = all.count > 0 ? all.sum / all.count : (double)NAN;
    }
}

static void training_draw(tp_plot *plot, tp_var *values, const tp_training_options *o)
{
    int64_t n = tp_size(values);
    double smooth = o->smooth != TP_AUTO ? o->smooth : fmax(1, (double)n / 50);
    tp_var *steps = tp_zeros(TP_F64, 1, &n), *means = tp_zeros(TP_F64, 1, &n);
    tp_var *numbers = tp_to(tp_detach(values), TP_F64);
    const double *value = tp__elements(numbers);
    double *step = tp_data_(steps), *mean = tp_data_(means);
    training_total *ends = tp__alloc((size_t)n * sizeof *ends);
    if (!ends || tp__here()->code) {
        tp__free(ends);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        step[i] = o->first + (double)i * o->every;
    training_mean(value, n, (int64_t)fmin(smooth / 2, (double)n), ends, mean);
    tp__free(ends);

    tp_curve_options style = TP_OPTIONS(tp_curve_options);
    style.color = o->color;
    char color[8];
    if (!o->color) {
        tp__plot_rgb next;
        tp__plot_cycle(plot->n_cycled++, &next);
        snprintf(color, sizeof color, "#%02x%02x%02x", (unsigned)(255 * next.r + 0.5),
                 (unsigned)(255 * next.g + 0.5), (unsigned)(255 * next.b + 0.5));
        style.color = color;
    }
    if (smooth > 1) {
        style.opacity = 0.3;
        style.line_width = 1;
        (tp_plot_line)(plot, steps, numbers, &style);
        style.opacity = 1;
        style.line_width = 2.2;
    }
    style.label = o->label;
    (tp_plot_line)(plot, steps, means, &style);
}

void(tp_plot_training)(tp_plot *plot, tp_var *values, const tp_training_options *options)
{
    const char *call = "plot_training";
    tp_training_options o = TP_OPTIONS(tp_training_options);
    if (!tp__take_options(call, &o, sizeof o, options))
        return;
    if (!plot)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the plot is NULL", call);
    if (!plot || !tp__plot_is_value(call, "values", values))
        return;
    if (tp_ndim(values) != 1) {
        tp_fail(TP_ERROR_SHAPE, "%s: values has %d dimensions, not 1", call, tp_ndim(values));
    } else if (!(o.smooth == TP_AUTO || o.smooth >= 1) || !isfinite(o.first) || !(o.every > 0) ||
               !isfinite(o.every)) {
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: smooth %g, first %g, every %g; expected smooth at least 1, every "
                "above 0",
                call, o.smooth, o.first, o.every);
    } else {
        size_t mark = tp_scope_begin();
        training_draw(plot, values, &o);
        tp_scope_end(mark);
    }
}
