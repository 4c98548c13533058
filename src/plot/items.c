/* SPDX-License-Identifier: MIT
 *
 * What is put into a plot: options are checked and numbers copied here, so that drawing meets
 * nothing wrong.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/escape.h"
#include "base/text.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/scope.h"

bool tp__plot_copy_text(char **to, const char *text)
{
    tp__text shown = {0};
    if (!text)
        return true;
    tp__text_put(&shown, "");
    tp__escape_plain(&shown, text, SIZE_MAX);
    *to = tp__text_take(&shown);
    return *to;
}

void tp__plot_item_free(tp__plot_item *item)
{
    if (!item)
        return;
    tp__free(item->label);
    tp__free(item->x);
    tp__free(item->y);
    tp__free(item->z);
    tp__free(item->levels);
    tp__free(item->pixels);
    for (size_t i = 0; item->captions && i < item->n_images; i++)
        tp__free(item->captions[i]);
    tp__free(item->captions);
    tp__free(item);
}

tp__plot_item *tp__plot_item_new(const char *call, const tp_plot *plot, tp__plot_kind kind,
                                 const char *label)
{
    if (!plot) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the plot is NULL", call);
        return NULL;
    }
    if (tp__plot_is_bare(plot)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the plot has images, which are alone in theirs", call);
        return NULL;
    }
    tp__plot_item *item = tp__alloc_zero(1, sizeof *item);
    if (!item)
        return NULL;
    item->kind = kind;
    if (!tp__plot_copy_text(&item->label, label)) {
        tp__plot_item_free(item);
        return NULL;
    }
    return item;
}

void tp__plot_item_add(tp_plot *plot, tp__plot_item *item)
{
    *plot->end = item;
    plot->end = &item->next;
}

bool tp__plot_is_value(const char *call, const char *name, tp_var *v)
{
    if (!v)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is NULL", call, name);
    else if (tp_is_poison(v))
        tp_fail(TP_ERROR_GRAPH, "%s: %s is the result of a failed call", call, name);
    else
        return true;
    return false;
}

double *tp__plot_copy_elements(tp_var *v)
{
    size_t bytes = (size_t)tp_size(v) * sizeof(double);
    double *copy = tp__alloc(bytes);
    if (!copy)
        return NULL;
    size_t mark = tp_scope_begin();
    const void *data = tp__elements(tp_to(tp_detach(v), TP_F64));
    if (data && bytes)
        memcpy(copy, data, bytes);
    tp_scope_end(mark);
    if (data || !bytes)
        return copy;
    tp__free(copy);
    return NULL;
}

void tp__plot_to_log(double *values, size_t n)
{
    for (size_t i = 0; i < n; i++)
        values[i] = values[i] > 0 ? log10(values[i]) : (double)NAN;
}

bool tp__plot_copy_row(const char *call, const char *name, tp_var *v, bool log, double **to,
                       size_t *n)
{
    if (!tp__plot_is_value(call, name, v))
        return false;
    if (tp_ndim(v) > 1) {
        tp_fail(TP_ERROR_SHAPE, "%s: %s has %d dimensions, not 1", call, name, tp_ndim(v));
        return false;
    }
    *n = (size_t)tp_size(v);
    *to = tp__plot_copy_elements(v);
    if (*to && log)
        tp__plot_to_log(*to, *n);
    return *to;
}

bool tp__plot_item_color(const char *call, tp_plot *plot, const char *name, tp__plot_rgb *color)
{
    if (!name) {
        tp__plot_cycle(plot->n_cycled++, color);
        return true;
    }
    if (tp__plot_color(name, color))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: \"%s\" is no color: \"red\" and \"#ff8000\" are", call, name);
    return false;
}

/* A length option: value ≥ 0, and `otherwise` for 0. */
static bool plot_length(const char *call, const char *name, double value, double otherwise,
                        double *to)
{
    *to = value != TP_AUTO ? value : otherwise;
    if (*to >= 0 && *to <= (double)TP__PLOT_LARGEST)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %g, not in 0 ... %d", call, name, value,
            TP__PLOT_LARGEST);
    return false;
}

static bool plot_curve_style(const char *call, const tp_curve_options *o, bool line,
                             tp__plot_item *item)
{
    if ((unsigned)o->marker > TP_MARKER_STAR) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: there is no marker %d", call, (int)o->marker);
        return false;
    }
    item->opacity = o->opacity;
    if (!(item->opacity >= 0 && item->opacity <= 1)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: opacity is %g, not in 0 ... 1", call, o->opacity);
        return false;
    }
    item->line = line;
    item->marker = o->marker == TP_MARKER_DEFAULT && !line ? TP_MARKER_DOT : o->marker;
    return plot_length(call, "line_width", o->line_width, 1.8, &item->line_width) &&
           plot_length(call, "marker_size", o->marker_size, item->marker == TP_MARKER_STAR ? 16 : 5,
                       &item->marker_size);
}

static bool plot_curve_numbers(const char *call, const tp_plot *plot, tp_var *x, tp_var *y,
                               tp__plot_item *item)
{
    if (!tp__plot_copy_row(call, "x", x, plot->log_x, &item->x, &item->n_x) ||
        !tp__plot_copy_row(call, "y", y, plot->log_y, &item->y, &item->n_y))
        return false;
    if (item->n_x == item->n_y)
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: x has %zu elements, y has %zu", call, item->n_x, item->n_y);
    return false;
}

static void plot_add_curve(const char *call, tp_plot *plot, tp_var *x, tp_var *y,
                           const tp_curve_options *options, bool line)
{
    tp_curve_options o = TP_OPTIONS(tp_curve_options);
    if (!tp__take_options(call, &o, sizeof o, options))
        return;
    tp__plot_item *item = tp__plot_item_new(call, plot, TP__PLOT_CURVE, o.label);
    if (!item)
        return;
    if (plot_curve_style(call, &o, line, item) && plot_curve_numbers(call, plot, x, y, item) &&
        tp__plot_item_color(call, plot, o.color, &item->color))
        tp__plot_item_add(plot, item);
    else
        tp__plot_item_free(item);
}

void(tp_plot_line)(tp_plot *plot, tp_var *x, tp_var *y, const tp_curve_options *options)
{
    plot_add_curve("plot_line", plot, x, y, options, true);
}

void(tp_plot_points)(tp_plot *plot, tp_var *x, tp_var *y, const tp_curve_options *options)
{
    plot_add_curve("plot_points", plot, x, y, options, false);
}

/* Levels that are not finite are dropped. */
static bool plot_contour_levels(const char *call, tp_var *levels, tp__plot_item *item)
{
    if (!levels)
        return tp__plot_choose_levels(item);
    size_t n;
    if (!tp__plot_copy_row(call, "levels", levels, false, &item->levels, &n))
        return false;
    for (size_t k = 0; k < n; k++) {
        double level = item->levels[k];
        if (item->log && level <= 0) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: level %g has no place on a logarithmic scale", call,
                    level);
            return false;
        }
        if (tp__plot_usable(level))
            item->levels[item->n_levels++] = level;
    }
    return true;
}

static bool plot_contour_numbers(const char *call, const tp_plot *plot, tp_var *x, tp_var *y,
                                 tp_var *z, tp__plot_item *item)
{
    if (!tp__plot_copy_row(call, "x", x, plot->log_x, &item->x, &item->n_x) ||
        !tp__plot_copy_row(call, "y", y, plot->log_y, &item->y, &item->n_y) ||
        !tp__plot_is_value(call, "z", z))
        return false;
    const int64_t *shape = tp_shape(z);
    if (tp_ndim(z) != 2) {
        tp_fail(TP_ERROR_SHAPE, "%s: z has %d dimensions, not 2", call, tp_ndim(z));
        return false;
    }
    if ((size_t)shape[0] != item->n_y || (size_t)shape[1] != item->n_x) {
        tp_fail(TP_ERROR_SHAPE,
                "%s: z has shape (%lld, %lld), but y has %zu elements and x has %zu", call,
                (long long)shape[0], (long long)shape[1], item->n_y, item->n_x);
        return false;
    }
    item->z = tp__plot_copy_elements(z);
    return item->z;
}

void(tp_plot_contour)(tp_plot *plot, tp_var *x, tp_var *y, tp_var *z,
                      const tp_contour_options *options)
{
    const char *call = "plot_contour";
    tp_contour_options o = TP_OPTIONS(tp_contour_options);
    if (!tp__take_options(call, &o, sizeof o, options))
        return;
    tp__plot_item *item = tp__plot_item_new(call, plot, TP__PLOT_CONTOUR, o.label);
    if (!item)
        return;
    item->log = o.log;
    item->color_bar = o.color_bar;
    item->palette = o.palette;
    if (tp__plot_is_palette(call, o.palette) &&
        plot_length(call, "line_width", o.line_width, 1.2, &item->line_width) &&
        plot_contour_numbers(call, plot, x, y, z, item) &&
        plot_contour_levels(call, o.levels, item))
        tp__plot_item_add(plot, item);
    else
        tp__plot_item_free(item);
}
