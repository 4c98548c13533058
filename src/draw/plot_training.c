/* SPDX-License-Identifier: MIT
 *
 * Training curves: two ordinary curves of one color, the values and their running mean.
 */
#include "base/features.h"

#include "draw/plot.h"

#include <math.h>

#include "array/array.h"
#include "tinypytorch/array.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/scope.h"

/* The mean of the finite values from i − half to i + half; what lies beyond the ends is missing. */
static void training_mean(const double *value, int64_t n, int64_t half, double *mean)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t from = half < i ? i - half : 0, to = half < n - 1 - i ? i + half : n - 1;
        double sum = 0, count = 0;
        for (; from <= to; from++)
            if (isfinite(value[from])) {
                sum += value[from];
                count++;
            }
        mean[i] = count > 0 ? sum / count : (double)NAN;
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
    if (tp__here()->code)
        return;
    for (int64_t i = 0; i < n; i++)
        step[i] = o->first + (double)i * o->every;
    training_mean(value, n, (int64_t)fmin(smooth / 2, (double)n), mean);

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
