/* SPDX-License-Identifier: MIT
 *
 * Lines and markers. A light color gets a thin dark edge around the whole curve, or it could not
 * be seen on white. Points that fall onto each other are drawn once, so the size of a file is
 * bounded by what can be seen of the data, not by how much there is.
 */
#include "base/features.h"

#include "plot/page.h"

#ifdef TP_WITH_CAIRO

#include <math.h>

#define PLOT_EDGE 0.7        /* units of dark edge around a light color */
#define PLOT_LINE_STEP 0.15  /* pixels between points of a line, at least */
#define PLOT_LONELY 5        /* units of a point without neighbours on a line, at least */
#define PLOT_MARKER_STEP 0.5 /* and between markers */

void tp__plot_pen_lift(tp__plot_pen *pen)
{
    if (pen->held)
        cairo_line_to(pen->cr, pen->held_x, pen->held_y);
    pen->held = false;
}

void tp__plot_pen_move(tp__plot_pen *pen, double x, double y)
{
    tp__plot_pen_lift(pen);
    cairo_move_to(pen->cr, x, y);
    pen->x = x;
    pen->y = y;
}

void tp__plot_pen_line(tp__plot_pen *pen, double x, double y)
{
    pen->held = fabs(x - pen->x) + fabs(y - pen->y) < pen->least;
    pen->held_x = x;
    pen->held_y = y;
    if (pen->held)
        return;
    cairo_line_to(pen->cr, x, y);
    pen->x = x;
    pen->y = y;
}

static bool plot_curve_point(const tp__plot_page *page, const tp__plot_item *item, size_t i,
                             double *x, double *y)
{
    if (!tp__plot_usable(item->x[i]) || !tp__plot_usable(item->y[i]))
        return false;
    *x = tp__plot_page_x(page, item->x[i]);
    *y = tp__plot_page_y(page, item->y[i]);
    return true;
}

/* A dot is the round cap of a line without length: small in a file. */
static void plot_curve_dot(const tp__plot_page *page, double x, double y)
{
    cairo_move_to(page->cr, x, y);
    cairo_line_to(page->cr, x, y);
}

/* Dots for points of a line that has no other point beside them. */
static void plot_curve_lonely(const tp__plot_page *page, const tp__plot_item *item, double edge)
{
    double x, y, next_x, next_y;
    bool before = false, usable = plot_curve_point(page, item, 0, &x, &y);
    for (size_t i = 0; i < item->n_x; i++) {
        bool after = i + 1 < item->n_x && plot_curve_point(page, item, i + 1, &next_x, &next_y);
        if (usable && !before && !after)
            plot_curve_dot(page, x, y);
        before = usable;
        usable = after;
        if (after)
            x = next_x, y = next_y;
    }
    cairo_set_line_width(page->cr, (fmax(item->line_width, PLOT_LONELY) + 2 * edge) * page->unit);
    cairo_stroke(page->cr);
}

static void plot_curve_line(const tp__plot_page *page, const tp__plot_item *item, double edge)
{
    tp__plot_pen pen = {.cr = page->cr, .least = PLOT_LINE_STEP};
    bool down = false;
    for (size_t i = 0; i < item->n_x; i++) {
        double x, y;
        bool usable = plot_curve_point(page, item, i, &x, &y);
        if (usable && down)
            tp__plot_pen_line(&pen, x, y);
        else if (usable)
            tp__plot_pen_move(&pen, x, y);
        down = usable;
    }
    tp__plot_pen_lift(&pen);
    cairo_set_line_width(page->cr, (item->line_width + 2 * edge) * page->unit);
    cairo_stroke(page->cr);
    if (item->n_x > 0)
        plot_curve_lonely(page, item, edge);
}

/* Five points on a circle of radius r, joined through the corners of the inner pentagon. */
static void plot_curve_star(const tp__plot_page *page, double x, double y, double r)
{
    const double turn = 2 * acos(-1) / 10, inner = 0.42;
    cairo_new_sub_path(page->cr);
    for (int k = 0; k < 10; k++) {
        double radius = k % 2 ? inner * r : r;
        cairo_line_to(page->cr, x + radius * sin(k * turn), y - radius * cos(k * turn));
    }
    cairo_close_path(page->cr);
}

static void plot_curve_markers(const tp__plot_page *page, const tp__plot_item *item, double edge)
{
    double last_x = -1, last_y = -1, x, y;
    for (size_t i = 0; i < item->n_x; i++) {
        if (!plot_curve_point(page, item, i, &x, &y) ||
            fabs(x - last_x) + fabs(y - last_y) < PLOT_MARKER_STEP)
            continue;
        last_x = x;
        last_y = y;
        if (item->marker == TP_MARKER_STAR)
            plot_curve_star(page, x, y, item->marker_size / 2 * page->unit);
        else
            plot_curve_dot(page, x, y);
    }
    if (item->marker == TP_MARKER_STAR) {
        cairo_set_line_width(page->cr, 2 * edge * page->unit);
        edge > 0 ? cairo_stroke(page->cr) : cairo_fill(page->cr);
    } else {
        cairo_set_line_width(page->cr, (item->marker_size + 2 * edge) * page->unit);
        cairo_stroke(page->cr);
    }
}

static void plot_curve_pass(const tp__plot_page *page, const tp__plot_item *item,
                            const tp__plot_rgb *color, double edge)
{
    tp__plot_page_ink(page, color, item->opacity);
    if (item->line)
        plot_curve_line(page, item, edge);
    if (item->marker != TP_MARKER_DEFAULT)
        plot_curve_markers(page, item, edge);
}

void tp__plot_draw_curve(const tp__plot_page *page, const tp__plot_item *item)
{
    const tp__plot_rgb *c = &item->color;
    cairo_set_line_cap(page->cr, CAIRO_LINE_CAP_ROUND);
    cairo_set_line_join(page->cr, CAIRO_LINE_JOIN_ROUND);
    if (0.21 * c->r + 0.72 * c->g + 0.07 * c->b > 0.7) {
        tp__plot_rgb dark = {0.45 * c->r, 0.45 * c->g, 0.45 * c->b};
        plot_curve_pass(page, item, &dark, PLOT_EDGE);
    }
    plot_curve_pass(page, item, c, 0);
}

void tp__plot_draw_sample(const tp__plot_page *page, const tp__plot_item *item, double x0,
                          double x1, double y)
{
    if (item->kind == TP__PLOT_BARS) {
        tp__plot_page_ink(page, &item->color, item->opacity);
        cairo_rectangle(page->cr, x0, y - 5 * page->unit, x1 - x0, 10 * page->unit);
        cairo_fill(page->cr);
        return;
    }
    double line_x[] = {0, 1}, line_y[] = {0.5, 0.5}, middle[] = {0.5};
    tp__plot_page box = *page;
    box.left = x0;
    box.right = x1;
    box.top = y - page->unit;
    box.bottom = y + page->unit;
    box.x = box.y = (tp__plot_range){0, 1};
    tp__plot_item sample = *item;
    sample.n_x = 2;
    sample.x = line_x;
    sample.y = line_y;
    sample.line_width = fmin(item->line_width, 8);
    sample.marker = TP_MARKER_DEFAULT;
    if (item->line)
        tp__plot_draw_curve(&box, &sample);
    sample = *item;
    sample.n_x = 1;
    sample.x = sample.y = middle;
    sample.line = false;
    sample.marker_size = fmin(item->marker_size, 18);
    tp__plot_draw_curve(&box, &sample);
}

#endif
