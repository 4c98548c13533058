/* SPDX-License-Identifier: MIT
 *
 * Histograms: values counted into bins when they are added, drawn as bars. On a logarithmic axis
 * the values are logarithms already, and so are edges and heights.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <math.h>
#include <stdlib.h>

#include "array/array.h"
#include "base/alloc.h"
#include "plot/page.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"

enum { HISTOGRAM_BINS = 200, HISTOGRAM_MOST = 100000 };

static int histogram_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value below which a part t of n sorted values lies, between two of them by proportion. */
static double histogram_quantile(const double *sorted, size_t n, double t)
{
    double place = t * (double)(n - 1);
    size_t k = (size_t)place;
    double rest = place - (double)k;
    return k + 1 < n ? sorted[k] + rest * (sorted[k + 1] - sorted[k]) : sorted[k];
}

static size_t histogram_choose_bins(const double *sorted, size_t n, double range)
{
    double spread = histogram_quantile(sorted, n, 0.75) - histogram_quantile(sorted, n, 0.25);
    double narrow = 2 * spread / cbrt((double)n), sturges = range / (log2((double)n) + 1);
    double width = narrow > 0 && narrow < sturges ? narrow : sturges;
    double bins = width > 0 ? ceil(range / width) : 1;
    return (size_t)fmax(1, fmin(bins, HISTOGRAM_BINS));
}

/* The values that can be drawn to the front, sorted; returns how many there are. */
static size_t histogram_sort(double *values, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (tp__plot_usable(values[i]))
            values[kept++] = values[i];
    if (kept > 1)
        qsort(values, kept, sizeof *values, histogram_compare);
    return kept;
}

static void histogram_limit(const tp_plot *plot, double given, double *limit)
{
    *limit = given;
    if (plot->log_x)
        tp__plot_to_log(limit, 1);
}

static bool histogram_limits(const char *call, const tp_plot *plot, const tp_histogram_options *o,
                             const double *sorted, size_t n, tp__plot_range *range)
{
    *range = n ? (tp__plot_range){sorted[0], sorted[n - 1]} : (tp__plot_range){0, 1};
    if (range->low == range->high)
        *range = (tp__plot_range){range->low - 0.5, range->high + 0.5};
    if (o->low != TP_AUTO)
        histogram_limit(plot, o->low, &range->low);
    if (o->high != TP_AUTO)
        histogram_limit(plot, o->high, &range->high);
    if (tp__plot_usable(range->low) && tp__plot_usable(range->high) && range->low < range->high)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: bins cannot go from low %g to high %g%s", call, range->low,
            range->high, plot->log_x ? " on a logarithmic axis" : "");
    return false;
}

/* The last edge not above v: edges as they are written decide, not a division. */
static size_t histogram_bin(const double *edge, size_t bins, double v)
{
    double t = (v - edge[0]) / (edge[bins] - edge[0]) * (double)bins;
    size_t k = t > 0 ? (size_t)t : 0;
    k = k < bins ? k : bins - 1;
    while (k > 0 && v < edge[k])
        k--;
    while (k + 1 < bins && v >= edge[k + 1])
        k++;
    return k;
}

static bool histogram_count(tp__plot_item *item, const double *values, size_t n, size_t bins,
                            const tp__plot_range *range)
{
    item->x = tp__alloc((bins + 1) * sizeof *item->x);
    item->y = tp__alloc_zero(bins, sizeof *item->y);
    if (!item->x || !item->y)
        return false;
    item->n_x = bins + 1;
    item->n_y = bins;
    double width = (range->high - range->low) / (double)bins;
    for (size_t k = 0; k <= bins; k++)
        item->x[k] = k < bins ? range->low + (double)k * width : range->high;
    for (size_t i = 0; i < n; i++)
        if (values[i] >= range->low && values[i] <= range->high)
            item->y[histogram_bin(item->x, bins, values[i])]++;
    return true;
}

static void histogram_density(const tp_plot *plot, tp__plot_item *item)
{
    double n = 0;
    for (size_t k = 0; k < item->n_y; k++)
        n += item->y[k];
    for (size_t k = 0; k < item->n_y && n > 0; k++) {
        double low = item->x[k], high = item->x[k + 1];
        item->y[k] /= n * (plot->log_x ? pow(10, high) - pow(10, low) : high - low);
    }
}

static bool histogram_fill(const char *call, const tp_plot *plot, const tp_histogram_options *o,
                           double *values, size_t n, tp__plot_item *item)
{
    tp__plot_range range;
    if (plot->log_x)
        tp__plot_to_log(values, n);
    n = histogram_sort(values, n);
    if (!histogram_limits(call, plot, o, values, n, &range))
        return false;
    size_t bins = o->bins > 0 ? (size_t)o->bins
                  : n == 0    ? 1
                              : histogram_choose_bins(values, n, range.high - range.low);
    if (!histogram_count(item, values, n, bins, &range))
        return false;
    if (o->density)
        histogram_density(plot, item);
    if (plot->log_y)
        tp__plot_to_log(item->y, item->n_y);
    return true;
}

void(tp_plot_histogram)(tp_plot *plot, tp_var *values, const tp_histogram_options *options)
{
    const char *call = "plot_histogram";
    tp_histogram_options o = TP_OPTIONS(tp_histogram_options);
    if (!tp__take_options(call, &o, sizeof o, options))
        return;
    tp__plot_item *item = tp__plot_item_new(call, plot, TP__PLOT_BARS, o.label);
    if (!item)
        return;
    item->opacity = 0.75;
    bool good = (o.bins == -1 || o.bins > 0) && o.bins <= HISTOGRAM_MOST;
    if (!good)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d bins, expected 1 to %d, or -1", call, o.bins,
                HISTOGRAM_MOST);
    good = good && tp__plot_is_value(call, "values", values);
    double *copy = good ? tp__plot_copy_elements(values) : NULL;
    if (copy && histogram_fill(call, plot, &o, copy, (size_t)tp_size(values), item) &&
        tp__plot_item_color(call, plot, o.color, &item->color))
        tp__plot_item_add(plot, item);
    else
        tp__plot_item_free(item);
    tp__free(copy);
}

#ifdef TP_WITH_CAIRO

void tp__plot_draw_bars_of(const tp__plot_page *page, const tp__plot_item *item)
{
    double foot = page->plot->log_y ? page->bottom : tp__plot_page_y(page, 0);
    bool edges = (page->right - page->left) / (double)item->n_y > 8 * page->unit;
    for (size_t k = 0; k < item->n_y; k++) {
        if (!tp__plot_usable(item->y[k]) || (item->y[k] <= 0 && !page->plot->log_y))
            continue;
        double left = tp__plot_page_x(page, item->x[k]);
        double right = tp__plot_page_x(page, item->x[k + 1]);
        double top = tp__plot_page_y(page, item->y[k]);
        cairo_rectangle(page->cr, left, top, right - left - (edges ? page->unit : 0), foot - top);
    }
    tp__plot_page_ink(page, &item->color, item->opacity);
    cairo_fill(page->cr);
}

#endif
