/* SPDX-License-Identifier: MIT
 *
 * A page being drawn with cairo: where the axes are and what the ticks say. Lengths in the source
 * are in units of `unit`, a pixel of an 800 x 600 picture.
 */
#ifndef TP_DRAW_PLOT_PAGE_H
#define TP_DRAW_PLOT_PAGE_H

#include "base/text.h"
#include "plot/plot.h"

#ifdef TP_WITH_CAIRO

#include <cairo.h>

typedef struct tp__plot_page {
    cairo_t *cr;
    const tp_plot *plot;
    double width, height;            /* the picture, in pixels */
    double unit;                     /* pixels */
    double left, top, right, bottom; /* the axes' box */
    double legend_room;              /* right of the axes and color bars, for the legend … */
    double legend_strip;             /* … or below them; both 0: it is inside */
    tp__text *images;                /* in SVG: images to stand at the end; NULL: cairo draws */
    tp__plot_range x, y;             /* the limits of the axes */
    tp__plot_ticks x_ticks, y_ticks;
} tp__plot_page;

/* Sizes of text, in units. */
enum { TP__PLOT_SMALL = 12, TP__PLOT_NORMAL = 14, TP__PLOT_LARGE = 17 };

/* --- page.c --- */

/* Sets the axes' box and the ticks from the limits. */
void tp__plot_page_layout(tp__plot_page *page);

/* The grid below the data; the frame with its ticks, and the title and labels, above them. */
void tp__plot_page_grid(const tp__plot_page *page);
void tp__plot_page_frame(const tp__plot_page *page);
void tp__plot_page_texts(const tp__plot_page *page);

/* Where a point of the data is, in pixels. */
double tp__plot_page_x(const tp__plot_page *page, double x);
double tp__plot_page_y(const tp__plot_page *page, double y);

/* Sets the color; alpha 1 is opaque. */
void tp__plot_page_ink(const tp__plot_page *page, const tp__plot_rgb *color, double alpha);

/* The dark gray of frames and text. */
extern const tp__plot_rgb tp__plot_page_dark;

/* A line from point to point in pixels. */
void tp__plot_page_stroke(const tp__plot_page *page, double x0, double y0, double x1, double y1);

/* The middle of the pixel that v is in: thin lines there are sharp. */
double tp__plot_page_snap(double v);

/* --- text.c --- */

#define TP__PLOT_FONT "DejaVu Sans"

double tp__plot_text_width(const tp__plot_page *page, const char *text, double size);
double tp__plot_text_height(const tp__plot_page *page, double size);
double tp__plot_text_widest(const tp__plot_page *page, const tp__plot_ticks *ticks);

/* Text with the point (across, down) of its box at (x, y): 0, 0 is its top left corner, 1, 1 its
 * bottom right one. It shrinks to fit `room` pixels, if that is not 0. */
typedef struct tp__plot_anchor {
    double x, y, across, down, room;
} tp__plot_anchor;

void tp__plot_text(const tp__plot_page *page, const char *text, double size,
                   const tp__plot_anchor *anchor);

/* The same, running upwards: across is along the text. */
void tp__plot_text_up(const tp__plot_page *page, const char *text, double size,
                      const tp__plot_anchor *anchor);

/* --- curve.c --- */

/* A path that leaves out points nearer than `least` pixels to the last one drawn, but no end of a
 * line. Zeroed but for cr and least it is ready. */
typedef struct tp__plot_pen {
    cairo_t *cr;
    double least, x, y, held_x, held_y;
    bool held;
} tp__plot_pen;

void tp__plot_pen_move(tp__plot_pen *pen, double x, double y);
void tp__plot_pen_line(tp__plot_pen *pen, double x, double y);
void tp__plot_pen_lift(tp__plot_pen *pen); /* at the end of a line */

void tp__plot_draw_curve(const tp__plot_page *page, const tp__plot_item *item);

/* A piece of the curve as the legend shows it, from x0 to x1 at height y in pixels. */
void tp__plot_draw_sample(const tp__plot_page *page, const tp__plot_item *item, double x0,
                          double x1, double y);

/* --- histogram.c, images.c --- */

void tp__plot_draw_bars_of(const tp__plot_page *page, const tp__plot_item *item);
void tp__plot_draw_images(const tp__plot_page *page, const tp__plot_item *item);

/* --- html.c --- */

/* A page around a picture in SVG. */
void tp__plot_html(const tp__plot_page *page, const char *svg, tp__text *text);

/* --- bar.c --- */

/* The width that the color bars take, and the bars, right of the axes. */
double tp__plot_bars_width(const tp__plot_page *page);
void tp__plot_draw_bars(const tp__plot_page *page);

/* --- legend.c --- */

/* Sets the room to keep free for a legend that would cover curves anywhere inside the axes: right
 * of them, or below if it is wide. */
void tp__plot_legend_ask(tp__plot_page *page);

void tp__plot_draw_legend(const tp__plot_page *page);

#endif

#endif
