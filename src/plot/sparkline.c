/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include <math.h>

#include "base/alloc.h"
#include "base/text.h"
#include "plot/plot.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"

enum { SPARKLINE_WIDTH = 60 };

/* The mean of the finite ones of n values; NaN if there are none. */
static double sparkline_mean(const double *value, int64_t n)
{
    double sum = 0;
    int64_t finite = 0;
    for (int64_t i = 0; i < n; i++)
        if (tp__plot_usable(value[i]))
            sum += (value[i] - sum) / (double)++finite;
    return finite ? sum : (double)NAN;
}

static const char *sparkline_block(double v, const tp__plot_range *range)
{
    static const char *const blocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    if (isnan(v))
        return " ";
    double t = range->high > range->low ? (v - range->low) / (range->high - range->low) : 0.4;
    return blocks[(int)fmin(7, 8 * t)];
}

static char *sparkline_write(const double *mean, int64_t width)
{
    tp__plot_range range = {HUGE_VAL, -HUGE_VAL};
    for (int64_t i = 0; i < width; i++) {
        range.low = fmin(range.low, mean[i]);
        range.high = fmax(range.high, mean[i]);
    }
    tp__text text = {0};
    tp__text_put(&text, "");
    for (int64_t i = 0; i < width; i++)
        tp__text_put(&text, sparkline_block(mean[i], &range));
    return tp__text_take(&text);
}

char *tp_sparkline(tp_var *values, int width)
{
    if (!tp__plot_is_value("sparkline", "values", values))
        return NULL;
    if (width < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "sparkline: width is %d, expected at least 0", width);
        return NULL;
    }
    int64_t n = tp_size(values), most = width ? width : SPARKLINE_WIDTH, w = n < most ? n : most;
    double *value = tp__plot_copy_elements(values);
    double *mean = value ? tp__alloc((size_t)w * sizeof *mean) : NULL;
    for (int64_t i = 0; mean && i < w; i++) {
        int64_t from = i * n / w, to = (i + 1) * n / w;
        mean[i] = sparkline_mean(value + from, to - from);
    }
    char *text = mean ? sparkline_write(mean, w) : NULL;
    tp__free(value);
    tp__free(mean);
    return text;
}
