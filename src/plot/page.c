/* SPDX-License-Identifier: MIT
 *
 * The axes on a page. Margins are measured: first everything beside the axes is given its room,
 * then the axes get the rest, and ticks as many as fit without touching.
 */
#include "base/features.h"

#include "plot/page.h"

#ifdef TP_WITH_CAIRO

#include <math.h>

/* Lengths in units. */
#define PLOT_PAGE_PAD 12 /* to the picture's edge */
#define PLOT_PAGE_GAP 6  /* between texts */
#define PLOT_PAGE_TICK 4 /* length of a tick */

const tp__plot_rgb tp__plot_page_dark = {0.13, 0.13, 0.13};

double tp__plot_page_x(const tp__plot_page *page, double x)
{
    return page->left +
           (x - page->x.low) / (page->x.high - page->x.low) * (page->right - page->left);
}

double tp__plot_page_y(const tp__plot_page *page, double y)
{
    return page->bottom -
           (y - page->y.low) / (page->y.high - page->y.low) * (page->bottom - page->top);
}

void tp__plot_page_ink(const tp__plot_page *page, const tp__plot_rgb *color, double alpha)
{
    cairo_set_source_rgba(page->cr, color->r, color->g, color->b, alpha);
}

double tp__plot_page_snap(double v)
{
    return floor(v) + 0.5;
}

void tp__plot_page_stroke(const tp__plot_page *page, double x0, double y0, double x1, double y1)
{
    if (x0 == x1)
        x0 = x1 = tp__plot_page_snap(x0);
    if (y0 == y1)
        y0 = y1 = tp__plot_page_snap(y0);
    cairo_move_to(page->cr, x0, y0);
    cairo_line_to(page->cr, x1, y1);
    cairo_set_line_width(page->cr, 0.8 * page->unit);
    cairo_stroke(page->cr);
}

/* Ticks of an axis, in its own numbers: logarithms if it is logarithmic. */
static void plot_page_ticks(const tp__plot_range *range, bool log, int most, tp__plot_ticks *ticks)
{
    if (log)
        tp__plot_log_ticks(range, most, ticks);
    else
        tp__plot_linear_ticks(range, most, ticks);
}

/* Ticks for x, as many as fit side by side. */
static void plot_page_ticks_x(tp__plot_page *page)
{
    double room = page->right - page->left, apart = 1.5 * (double)TP__PLOT_SMALL * page->unit;
    for (int most = 10; most >= 3; most--) {
        plot_page_ticks(&page->x, page->plot->log_x, most, &page->x_ticks);
        if (page->x_ticks.n * (tp__plot_text_widest(page, &page->x_ticks) + apart) <= room)
            return;
    }
}

static void plot_page_ticks_y(tp__plot_page *page)
{
    double most = (page->bottom - page->top) / (45 * page->unit);
    plot_page_ticks(&page->y, page->plot->log_y, (int)fmax(3, fmin(10, most)), &page->y_ticks);
}

/* Where the axes end on the right, and the ticks for x. */
static void plot_page_across(tp__plot_page *page)
{
    double pad = PLOT_PAGE_PAD * page->unit;
    page->right = page->width - fmax(1.5 * pad, tp__plot_bars_width(page) + pad);
    page->right = fmax(page->right - page->legend_room, page->left + 1);
    plot_page_ticks_x(page);
    double half = tp__plot_text_widest(page, &page->x_ticks) / 2;
    page->left = fmax(page->left, pad / 2 + half);
    page->right = fmin(page->right, page->width - pad / 2 - half);
}

/* Without axes: everything but the title's line. */
static void plot_page_bare(tp__plot_page *page)
{
    double pad = PLOT_PAGE_PAD * page->unit;
    page->left = page->top = pad;
    page->right = page->width - pad;
    page->bottom = page->height - pad;
    if (page->plot->title)
        page->top += tp__plot_text_height(page, TP__PLOT_LARGE) + pad / 2;
}

/* The axes between what stands beside them. */
static void plot_page_axes(tp__plot_page *page)
{
    const tp_plot *plot = page->plot;
    double unit = page->unit, pad = PLOT_PAGE_PAD * unit, gap = PLOT_PAGE_GAP * unit;
    double small = tp__plot_text_height(page, TP__PLOT_SMALL);
    double normal = tp__plot_text_height(page, TP__PLOT_NORMAL);
    plot_page_ticks(&page->x, plot->log_x, 10, &page->x_ticks);
    plot_page_ticks(&page->y, plot->log_y, 10, &page->y_ticks);

    page->top = pad + small / 2;
    if (plot->title)
        page->top = pad + tp__plot_text_height(page, TP__PLOT_LARGE) + 1.5 * gap;
    if (page->y_ticks.factor[0])
        page->top += small;
    page->bottom =
        page->height - page->legend_strip - pad - PLOT_PAGE_TICK * unit - small - gap / 2;
    if (plot->x_label || page->x_ticks.factor[0])
        page->bottom -= normal + gap / 2;
    page->bottom = fmax(page->bottom, page->top + 1);
    plot_page_ticks_y(page);

    page->left = pad + PLOT_PAGE_TICK * unit + gap + tp__plot_text_widest(page, &page->y_ticks);
    if (plot->y_label)
        page->left += normal + gap;
    plot_page_across(page);
}

void tp__plot_page_layout(tp__plot_page *page)
{
    if (tp__plot_is_bare(page->plot)) {
        plot_page_bare(page);
        return;
    }
    plot_page_axes(page);
    tp__plot_legend_ask(page);
    if (page->legend_room > 0)
        plot_page_across(page);
    if (page->legend_strip > 0)
        plot_page_axes(page);

    page->top = tp__plot_page_snap(page->top);
    page->left = tp__plot_page_snap(page->left);
    page->bottom = tp__plot_page_snap(fmax(page->bottom, page->top + 1));
    page->right = tp__plot_page_snap(fmax(page->right, page->left + 1));
}

void tp__plot_page_grid(const tp__plot_page *page)
{
    const tp__plot_rgb gray = {0.69, 0.69, 0.69};
    tp__plot_page_ink(page, &gray, 0.6);
    for (int k = 0; k < page->x_ticks.n; k++) {
        double x = tp__plot_page_x(page, page->x_ticks.at[k]);
        tp__plot_page_stroke(page, x, page->top, x, page->bottom);
    }
    for (int k = 0; k < page->y_ticks.n; k++) {
        double y = tp__plot_page_y(page, page->y_ticks.at[k]);
        tp__plot_page_stroke(page, page->left, y, page->right, y);
    }
}

/* Short ticks at 2 … 9 times a power of ten, where these are the ticks. */
static void plot_page_minor(const tp__plot_page *page, bool across)
{
    const tp__plot_ticks *ticks = across ? &page->x_ticks : &page->y_ticks;
    const tp__plot_range *range = across ? &page->x : &page->y;
    if (ticks->n < 2 || fabs(ticks->at[1] - ticks->at[0] - 1) > 1e-9)
        return;
    double tick = PLOT_PAGE_TICK * page->unit / 2;
    for (int decade = (int)floor(range->low); decade <= range->high; decade++)
        for (int m = 2; m <= 9; m++) {
            double at = decade + log10(m);
            if (at <= range->low || at >= range->high)
                continue;
            double x = across ? tp__plot_page_x(page, at) : page->left;
            double y = across ? page->bottom : tp__plot_page_y(page, at);
            tp__plot_page_stroke(page, x, y, across ? x : x - tick, across ? y + tick : y);
        }
}

void tp__plot_page_frame(const tp__plot_page *page)
{
    double tick = PLOT_PAGE_TICK * page->unit, gap = PLOT_PAGE_GAP * page->unit / 2;
    tp__plot_page_ink(page, &tp__plot_page_dark, 1);
    cairo_set_line_cap(page->cr, CAIRO_LINE_CAP_BUTT);
    cairo_set_line_join(page->cr, CAIRO_LINE_JOIN_MITER);
    cairo_set_line_width(page->cr, page->unit);
    cairo_rectangle(page->cr, page->left, page->top, page->right - page->left,
                    page->bottom - page->top);
    cairo_stroke(page->cr);
    for (int k = 0; k < page->x_ticks.n; k++) {
        double x = tp__plot_page_x(page, page->x_ticks.at[k]);
        tp__plot_anchor anchor = {x, page->bottom + tick + gap, 0.5, 0, 0};
        tp__plot_page_stroke(page, x, page->bottom, x, page->bottom + tick);
        tp__plot_text(page, page->x_ticks.text[k], TP__PLOT_SMALL, &anchor);
    }
    if (page->plot->log_x)
        plot_page_minor(page, true);
    if (page->plot->log_y)
        plot_page_minor(page, false);
    for (int k = 0; k < page->y_ticks.n; k++) {
        double y = tp__plot_page_y(page, page->y_ticks.at[k]);
        tp__plot_anchor anchor = {page->left - tick - gap, y, 1, 0.5, 0};
        tp__plot_page_stroke(page, page->left - tick, y, page->left, y);
        tp__plot_text(page, page->y_ticks.text[k], TP__PLOT_SMALL, &anchor);
    }
}

void tp__plot_page_texts(const tp__plot_page *page)
{
    const tp_plot *plot = page->plot;
    double pad = PLOT_PAGE_PAD * page->unit, middle = (page->left + page->right) / 2;
    double factor_width = 0, foot = page->height - page->legend_strip - pad;
    tp__plot_page_ink(page, &tp__plot_page_dark, 1);
    if (page->y_ticks.factor[0]) {
        tp__plot_anchor anchor = {page->left, page->top - pad / 4, 0, 1, 0};
        tp__plot_text(page, page->y_ticks.factor, TP__PLOT_SMALL, &anchor);
    }
    if (page->x_ticks.factor[0]) {
        tp__plot_anchor anchor = {page->right, foot, 1, 1, 0};
        tp__plot_text(page, page->x_ticks.factor, TP__PLOT_SMALL, &anchor);
        factor_width = tp__plot_text_width(page, page->x_ticks.factor, TP__PLOT_SMALL) + pad;
    }
    if (plot->x_label) {
        tp__plot_anchor anchor = {middle, foot, 0.5, 1,
                                  page->right - page->left - 2 * factor_width};
        tp__plot_text(page, plot->x_label, TP__PLOT_NORMAL, &anchor);
    }
    if (plot->y_label) {
        tp__plot_anchor anchor = {pad, (page->top + page->bottom) / 2, 0.5, 0,
                                  page->bottom - page->top};
        tp__plot_text_up(page, plot->y_label, TP__PLOT_NORMAL, &anchor);
    }
    if (plot->title) {
        double room = 2 * fmin(middle, page->width - middle) - 2 * pad;
        tp__plot_anchor anchor = {middle, pad, 0.5, 0, room};
        tp__plot_text(page, plot->title, TP__PLOT_LARGE, &anchor);
    }
}

#endif
