/* SPDX-License-Identifier: MIT
 *
 * Color bars right of the axes: what level a contour line of a color stands for.
 */
#include "base/features.h"

#include "plot/page.h"

#ifdef TP_WITH_CAIRO

#include <math.h>

/* Lengths in units. */
#define PLOT_BAR_GAP 18
#define PLOT_BAR_WIDTH 20
#define PLOT_BAR_TICK 4

typedef struct plot_bar {
    const tp__plot_item *item;
    tp__plot_range levels; /* what the colors stand for */
    tp__plot_range scale;  /* the same, wide enough for ticks */
    tp__plot_ticks ticks;
    double text, width; /* of the widest tick text, of everything; pixels */
} plot_bar;

static void plot_bar_log_ticks(const tp__plot_range *scale, int most, tp__plot_ticks *ticks)
{
    tp__plot_range logs = {log10(scale->low), log10(scale->high)};
    tp__plot_log_ticks(&logs, most, ticks);
    for (int k = 0; k < ticks->n; k++)
        ticks->at[k] = pow(10, ticks->at[k]);
}

/* False if the item has none. */
static bool plot_bar_plan(const tp__plot_page *page, const tp__plot_item *item, plot_bar *bar)
{
    if (item->kind != TP__PLOT_CONTOUR || !item->color_bar || !item->n_levels)
        return false;
    bar->item = item;
    tp__plot_level_range(item, &bar->levels);
    bar->scale = bar->levels;
    tp__plot_widen(&bar->scale);
    int most = (int)fmax(3, fmin(10, (page->bottom - page->top) / (40 * page->unit)));
    if (item->log)
        plot_bar_log_ticks(&bar->scale, most, &bar->ticks);
    else
        tp__plot_linear_ticks(&bar->scale, most, &bar->ticks);
    bar->text = tp__plot_text_widest(page, &bar->ticks);
    bar->width = bar->text + (PLOT_BAR_GAP + PLOT_BAR_WIDTH + 2 * PLOT_BAR_TICK) * page->unit;
    if (item->label)
        bar->width += tp__plot_text_height(page, TP__PLOT_NORMAL) + PLOT_BAR_TICK * page->unit;
    return true;
}

double tp__plot_bars_width(const tp__plot_page *page)
{
    double width = 0;
    plot_bar bar;
    for (const tp__plot_item *item = page->plot->first; item; item = item->next) {
        if (plot_bar_plan(page, item, &bar))
            width += bar.width;
    }
    return width;
}

static double plot_bar_y(const tp__plot_page *page, const plot_bar *bar, double level)
{
    double t = tp__plot_level_place(bar->item, &bar->scale, level);
    return page->bottom - t * (page->bottom - page->top);
}

static void plot_bar_fill(const tp__plot_page *page, const plot_bar *bar, double left, double width)
{
    enum { STOPS = 64 };
    cairo_pattern_t *colors = cairo_pattern_create_linear(0, page->bottom, 0, page->top);
    for (int k = 0; k <= STOPS; k++) {
        double t = (double)k / (double)STOPS;
        tp__plot_rgb c;
        bool single = bar->levels.low == bar->levels.high;
        tp__plot_palette(bar->item->palette, single ? 0.5 : t, &c);
        cairo_pattern_add_color_stop_rgb(colors, t, c.r, c.g, c.b);
    }
    cairo_rectangle(page->cr, left, page->top, width, page->bottom - page->top);
    cairo_set_source(page->cr, colors);
    cairo_fill_preserve(page->cr);
    cairo_pattern_destroy(colors);
    tp__plot_page_ink(page, &tp__plot_page_dark, 1);
    cairo_set_line_width(page->cr, 0.8 * page->unit);
    cairo_stroke(page->cr);
}

/* Short ticks at 2 … 9 times a power of ten, where powers of ten are the ticks. */
static void plot_bar_minor(const tp__plot_page *page, const plot_bar *bar, double right)
{
    const tp__plot_ticks *ticks = &bar->ticks;
    if (!bar->item->log || ticks->n < 3 || fabs(ticks->at[1] / ticks->at[0] - 10) > 1e-6)
        return;
    double decade = ticks->at[0] / 10;
    for (int k = 0; k <= ticks->n; k++, decade *= 10) {
        for (int m = 2; m <= 9; m++) {
            double level = m * decade, y = plot_bar_y(page, bar, level);
            if (level > bar->scale.low && level < bar->scale.high)
                tp__plot_page_stroke(page, right, y, right + 2 * page->unit, y);
        }
    }
}

static void plot_bar_draw(const tp__plot_page *page, const plot_bar *bar, double x)
{
    double unit = page->unit, left = tp__plot_page_snap(x + PLOT_BAR_GAP * unit);
    double right = tp__plot_page_snap(left + PLOT_BAR_WIDTH * unit);
    double end = right + 2 * PLOT_BAR_TICK * unit + bar->text;
    const tp__plot_ticks *ticks = &bar->ticks;
    plot_bar_fill(page, bar, left, right - left);
    for (int k = 0; k < ticks->n; k++) {
        double y = plot_bar_y(page, bar, ticks->at[k]);
        tp__plot_page_stroke(page, right, y, right + PLOT_BAR_TICK * unit, y);
        tp__plot_anchor anchor = {right + (PLOT_BAR_TICK + 3) * unit, y, 0, 0.5, 0};
        tp__plot_text(page, ticks->text[k], TP__PLOT_SMALL, &anchor);
    }
    plot_bar_minor(page, bar, right);
    tp__plot_anchor factor = {end, page->top - 4 * unit, 1, 1, end - left};
    if (ticks->factor[0])
        tp__plot_text(page, ticks->factor, TP__PLOT_SMALL, &factor);
    tp__plot_anchor label = {end + PLOT_BAR_TICK * unit, (page->top + page->bottom) / 2, 0.5, 0,
                             page->bottom - page->top};
    if (bar->item->label)
        tp__plot_text_up(page, bar->item->label, TP__PLOT_NORMAL, &label);
}

void tp__plot_draw_bars(const tp__plot_page *page)
{
    double x = page->right;
    plot_bar bar;
    for (const tp__plot_item *item = page->plot->first; item; item = item->next) {
        if (plot_bar_plan(page, item, &bar)) {
            plot_bar_draw(page, &bar, x);
            x += bar.width;
        }
    }
}

#endif
