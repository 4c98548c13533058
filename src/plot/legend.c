/* SPDX-License-Identifier: MIT
 *
 * The legend. It lies inside the axes where it covers no curve; if there is no such place, right of
 * them and of the color bars, or below them if it is wide.
 */
#include "base/features.h"

#include "plot/page.h"

#ifdef TP_WITH_CAIRO

#include <math.h>

/* Lengths in units. */
#define PLOT_LEGEND_PAD 8     /* inside the frame */
#define PLOT_LEGEND_SAMPLE 28 /* the piece of line */
#define PLOT_LEGEND_AWAY 10   /* from the axes */

typedef struct plot_legend_box {
    double x, y, width, height;
} plot_legend_box;

static bool plot_legend_lists(const tp__plot_item *item)
{
    return (item->kind == TP__PLOT_CURVE || item->kind == TP__PLOT_BARS) && item->label;
}

/* Width and height for all entries; height 0 if there are none. */
static void plot_legend_measure(const tp__plot_page *page, plot_legend_box *box)
{
    double widest = 0, row = 1.25 * tp__plot_text_height(page, TP__PLOT_SMALL);
    int n = 0;
    for (const tp__plot_item *item = page->plot->first; item; item = item->next) {
        if (plot_legend_lists(item)) {
            widest = fmax(widest, tp__plot_text_width(page, item->label, TP__PLOT_SMALL));
            n++;
        }
    }
    box->width = widest + (3 * PLOT_LEGEND_PAD + PLOT_LEGEND_SAMPLE) * page->unit;
    box->height = n ? n * row + PLOT_LEGEND_PAD * page->unit : 0;
}

/* Places the box: across and down are 0 for left and top, 1 for right and bottom. */
static void plot_legend_put(const tp__plot_page *page, double across, double down,
                            plot_legend_box *box)
{
    double away = PLOT_LEGEND_AWAY * page->unit;
    box->x = page->left + away + across * (page->right - page->left - 2 * away - box->width);
    box->y = page->top + away + down * (page->bottom - page->top - 2 * away - box->height);
}

/* How much of a curve the box covers, in pixels of line and in markers. */
static double plot_legend_covers(const tp__plot_page *page, const tp__plot_item *item,
                                 const plot_legend_box *box)
{
    double covered = 0, last_x = 0, last_y = 0, margin = 4 * page->unit;
    bool down = false;
    for (size_t i = 0; i < item->n_x; i++) {
        bool usable = tp__plot_usable(item->x[i]) && tp__plot_usable(item->y[i]);
        double x = usable ? tp__plot_page_x(page, item->x[i]) : 0;
        double y = usable ? tp__plot_page_y(page, item->y[i]) : 0;
        double length = down && item->line ? hypot(x - last_x, y - last_y) : 0;
        int steps = usable ? 1 + (int)fmin(length / (4 * page->unit), 500) : 0;
        for (int k = 1; k <= steps; k++) {
            double t = down ? (double)k / steps : 1;
            double at_x = last_x + t * (x - last_x), at_y = last_y + t * (y - last_y);
            if (at_x > box->x - margin && at_x < box->x + box->width + margin &&
                at_y > box->y - margin && at_y < box->y + box->height + margin)
                covered += 1 + length / steps;
        }
        down = usable;
        last_x = x;
        last_y = y;
    }
    return covered;
}

/* The same of bars, in pixels of their tops. */
static double plot_legend_covers_bars(const tp__plot_page *page, const tp__plot_item *item,
                                      const plot_legend_box *box)
{
    double covered = 0;
    for (size_t i = 0; i < item->n_y; i++) {
        if (!tp__plot_usable(item->y[i]) ||
            tp__plot_page_y(page, item->y[i]) > box->y + box->height)
            continue;
        double left = fmax(tp__plot_page_x(page, item->x[i]), box->x);
        double right = fmin(tp__plot_page_x(page, item->x[i + 1]), box->x + box->width);
        covered += fmax(0, right - left);
    }
    return covered;
}

/* Tries the corners, then the middles of the sides. Returns how much the best place covers. */
static double plot_legend_choose(const tp__plot_page *page, plot_legend_box *box)
{
    static const double places[][2] = {{1, 0},   {0, 0},   {0, 1},   {1, 1},
                                       {1, 0.5}, {0, 0.5}, {0.5, 0}, {0.5, 1}};
    plot_legend_box best = *box;
    double least = HUGE_VAL;
    for (size_t k = 0; k < sizeof places / sizeof *places; k++) {
        double covered = 0;
        plot_legend_put(page, places[k][0], places[k][1], box);
        for (const tp__plot_item *item = page->plot->first; item; item = item->next) {
            if (item->kind == TP__PLOT_CURVE)
                covered += plot_legend_covers(page, item, box);
            else if (item->kind == TP__PLOT_BARS)
                covered += plot_legend_covers_bars(page, item, box);
        }
        if (covered < least) {
            least = covered;
            best = *box;
        }
    }
    *box = best;
    return least;
}

/* Makes the unit of a copy of the page so small that the legend fits into the axes. */
static bool plot_legend_fit(const tp__plot_page *page, tp__plot_page *small, plot_legend_box *box)
{
    *small = *page;
    plot_legend_measure(small, box);
    if (page->plot->legend == TP_LEGEND_OFF || box->height <= 0)
        return false;
    double room_x = 0.9 * (page->right - page->left), room_y = 0.9 * (page->bottom - page->top);
    if (page->legend_room > 0)
        room_x = page->legend_room;
    if (page->legend_strip > 0) {
        room_x = page->width - 2 * PLOT_LEGEND_AWAY * page->unit;
        room_y = page->height / 2;
    }
    small->unit *= fmin(1, fmin(room_x / box->width, room_y / box->height));
    plot_legend_measure(small, box);
    return true;
}

void tp__plot_legend_ask(tp__plot_page *page)
{
    tp__plot_page small;
    plot_legend_box box;
    if (page->plot->legend != TP_LEGEND_AUTO || !plot_legend_fit(page, &small, &box) ||
        plot_legend_choose(&small, &box) <= 0)
        return;
    if (box.width <= 0.3 * page->width) {
        page->legend_room = box.width + PLOT_LEGEND_AWAY * page->unit;
        return;
    }
    page->legend_strip = 1;
    plot_legend_fit(page, &small, &box);
    page->legend_strip = box.height + PLOT_LEGEND_AWAY * page->unit;
}

static void plot_legend_place(const tp__plot_page *page, plot_legend_box *box)
{
    static const double corners[][2] = {{1, 0}, {0, 0}, {0, 1}, {1, 1}};
    tp_legend place = page->plot->legend;
    if (page->legend_room > 0) {
        box->x = page->right + tp__plot_bars_width(page) + PLOT_LEGEND_AWAY * page->unit;
        box->y = page->top;
    } else if (page->legend_strip > 0) {
        double end = page->width - box->width - PLOT_LEGEND_AWAY * page->unit;
        box->x = fmax(fmin((page->left + page->right - box->width) / 2, end), 0);
        box->y = page->height - page->legend_strip;
    } else if (place == TP_LEGEND_AUTO) {
        plot_legend_choose(page, box);
    } else {
        const double *corner = corners[place - TP_LEGEND_TOP_RIGHT];
        plot_legend_put(page, corner[0], corner[1], box);
    }
}

static void plot_legend_frame(const tp__plot_page *page, const plot_legend_box *box)
{
    const tp__plot_rgb white = {1, 1, 1}, gray = {0.8, 0.8, 0.8};
    double r = 4 * page->unit, quarter = acos(0);
    double right = box->x + box->width, bottom = box->y + box->height;
    cairo_new_sub_path(page->cr);
    cairo_arc(page->cr, right - r, box->y + r, r, -quarter, 0);
    cairo_arc(page->cr, right - r, bottom - r, r, 0, quarter);
    cairo_arc(page->cr, box->x + r, bottom - r, r, quarter, 2 * quarter);
    cairo_arc(page->cr, box->x + r, box->y + r, r, 2 * quarter, 3 * quarter);
    cairo_close_path(page->cr);
    tp__plot_page_ink(page, &white, 0.85);
    cairo_fill_preserve(page->cr);
    tp__plot_page_ink(page, &gray, 1);
    cairo_set_line_width(page->cr, page->unit);
    cairo_stroke(page->cr);
}

void tp__plot_draw_legend(const tp__plot_page *page)
{
    tp__plot_page small;
    plot_legend_box box;
    if (!plot_legend_fit(page, &small, &box))
        return;
    plot_legend_place(&small, &box);
    plot_legend_frame(&small, &box);
    double pad = PLOT_LEGEND_PAD * small.unit,
           row = 1.25 * tp__plot_text_height(&small, TP__PLOT_SMALL);
    double x = box.x + pad, y = box.y + pad / 2 + row / 2;
    for (const tp__plot_item *item = page->plot->first; item; item = item->next) {
        if (!plot_legend_lists(item))
            continue;
        double end = x + PLOT_LEGEND_SAMPLE * small.unit;
        tp__plot_draw_sample(&small, item, x, end, y);
        tp__plot_page_ink(page, &tp__plot_page_dark, 1);
        tp__plot_anchor anchor = {end + pad, y, 0, 0.5, 0};
        tp__plot_text(&small, item->label, TP__PLOT_SMALL, &anchor);
        y += row;
    }
}

#endif
