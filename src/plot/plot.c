/* SPDX-License-Identifier: MIT
 *
 * The plot object: made, freed, saved.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <string.h>
#include <strings.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/thread.h"
#include "tinypytorch/error.h"

tp_plot *(tp_plot_new)(const tp_plot_options *options)
{
    tp_plot_options o = TP_OPTIONS(tp_plot_options);
    if (!tp__take_options("plot_new", &o, sizeof o, options))
        return NULL;
    if (o.width < 1 || o.height < 1 || o.width > TP__PLOT_LARGEST || o.height > TP__PLOT_LARGEST) {
        tp_fail(TP_ERROR_ARGUMENT, "plot_new: size %d x %d is not in 1 ... %d", o.width, o.height,
                TP__PLOT_LARGEST);
        return NULL;
    }
    if ((unsigned)o.legend > TP_LEGEND_BOTTOM_RIGHT) {
        tp_fail(TP_ERROR_ARGUMENT, "plot_new: there is no legend %d", (int)o.legend);
        return NULL;
    }
    tp_plot *plot = tp__alloc_zero(1, sizeof *plot);
    if (!plot)
        return NULL;
    plot->width = o.width;
    plot->height = o.height;
    plot->grid = o.grid;
    plot->log_x = o.log_x;
    plot->log_y = o.log_y;
    plot->legend = o.legend;
    plot->end = &plot->first;
    if (!tp__plot_copy_text(&plot->title, o.title) ||
        !tp__plot_copy_text(&plot->x_label, o.x_label) ||
        !tp__plot_copy_text(&plot->y_label, o.y_label)) {
        tp_plot_free(plot);
        return NULL;
    }
    return plot;
}

void tp_plot_free(tp_plot *plot)
{
    if (!plot)
        return;
    for (tp__plot_item *item = plot->first, *next; item; item = next) {
        next = item->next;
        tp__plot_item_free(item);
    }
    tp__free(plot->title);
    tp__free(plot->x_label);
    tp__free(plot->y_label);
    tp__free(plot);
}

bool tp_plot_save(const tp_plot *plot, const char *to_file)
{
    static const char *const extensions[] = {".png", ".svg", ".pdf", ".html"};
    if (!plot || !to_file) {
        tp_fail(TP_ERROR_ARGUMENT, "plot_save: the %s is NULL", plot ? "file's name" : "plot");
        return false;
    }
    if (tp__here()->code)
        return false;
    const char *dot = strrchr(to_file, '.');
    for (int format = TP__PLOT_PNG; dot && format <= TP__PLOT_HTML; format++) {
        if (!strcasecmp(dot, extensions[format]))
            return tp__plot_render(plot, (tp__plot_format)format, to_file);
    }
    tp_fail(TP_ERROR_ARGUMENT, "plot_save: \"%s\" does not end in .png, .svg, .pdf or .html",
            to_file);
    return false;
}
