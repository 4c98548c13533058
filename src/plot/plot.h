/* SPDX-License-Identifier: MIT
 *
 * A plot as data. Drawing only reads it, in three steps that know nothing of each other:
 *
 *     axes.c       limits and ticks from the numbers
 *     contour.c    levels and lines from a grid
 *     render.c     everything onto a page (page.h) and into a file
 *
 * Only the last step needs cairo. An item is complete when it enters the list, so whatever fails
 * while one is made leaves the plot as it was. A new kind of item is one more tp__plot_kind: its
 * limits in axes.c, its drawing in render.c.
 */
#ifndef TP_PLOT_PLOT_H
#define TP_PLOT_PLOT_H

#include <string.h>

#include "tinypytorch/plot.h"

typedef struct tp__plot_rgb {
    double r, g, b; /* 0 … 1 */
} tp__plot_rgb;

typedef enum tp__plot_kind {
    TP__PLOT_CURVE,
    TP__PLOT_CONTOUR,
    TP__PLOT_BARS,
    TP__PLOT_IMAGES
} tp__plot_kind;

/* Arrays are owned by the item. n_x is the length of x; n_y that of y. On a logarithmic axis both
 * are logarithms to base 10. */
typedef struct tp__plot_item {
    struct tp__plot_item *next;
    tp__plot_kind kind;
    char *label; /* may be NULL */
    double line_width;
    size_t n_x, n_y;
    double *x, *y;

    /* A curve: n_x = n_y. Bars: x are the n_y + 1 edges, y the heights. */
    tp__plot_rgb color;
    bool line;
    tp_marker marker; /* TP_MARKER_DEFAULT: none */
    double marker_size, opacity;

    /* A contour: z has n_y rows of n_x. levels are usable, and positive if log. */
    double *z, *levels;
    size_t n_levels;
    bool log, color_bar;
    tp_palette palette;

    /* Images: n_images of n_y rows of n_x pixels, 0x00rrggbb. */
    uint32_t *pixels;
    size_t n_images;
    int columns;
    char **captions; /* n_images texts, or NULL */
} tp__plot_item;

struct tp_plot {
    char *title, *x_label, *y_label; /* may be NULL */
    int width, height;
    bool grid, log_x, log_y;
    tp_legend legend;
    size_t n_cycled; /* how many curves took their color from the cycle */
    tp__plot_item *first, **end;
};

typedef struct tp__plot_range {
    double low, high; /* low < high, unless said */
} tp__plot_range;

enum { TP__PLOT_TICKS = 16 };

/* Places with their texts. factor says what the texts leave out: "×10⁶", "+ 123456789", or both;
 * else it is empty. */
typedef struct tp__plot_ticks {
    int n;
    double at[TP__PLOT_TICKS];
    char text[TP__PLOT_TICKS][40];
    char factor[64];
} tp__plot_ticks;

enum { TP__PLOT_LARGEST = 16384 }; /* pixels of a side, and of any length */

/* --- items.c --- */

/* A copy of text, which may be NULL, as one line of UTF-8. False when out of memory. */
bool tp__plot_copy_text(char **to, const char *text);

void tp__plot_item_free(tp__plot_item *item);

/* An item with a label, not yet in the list; NULL, with an error, if there is no plot. */
tp__plot_item *tp__plot_item_new(const char *call, const tp_plot *plot, tp__plot_kind kind,
                                 const char *label);
void tp__plot_item_add(tp_plot *plot, tp__plot_item *item);

/* A color's name, or NULL for the next of the cycle. False, with an error, if there is none. */
bool tp__plot_item_color(const char *call, tp_plot *plot, const char *name, tp__plot_rgb *color);

/* False, with an error that names the operand, for NULL and poison. */
bool tp__plot_is_value(const char *call, const char *name, tp_var *v);

/* The elements as doubles; NULL, with an error, if there is no memory. */
double *tp__plot_copy_elements(tp_var *v);

/* Their logarithms, in place. */
void tp__plot_to_log(double *values, size_t n);

/* The elements of a 1-d array or a number, or their logarithms. */
bool tp__plot_copy_row(const char *call, const char *name, tp_var *v, bool log, double **to,
                       size_t *n);

/* --- axes.c --- */

/* True for a plot of images, which has no axes. */
bool tp__plot_is_bare(const tp_plot *plot);

/* Whether v can be drawn: finite and not so large that differences overflow. */
bool tp__plot_usable(double v);

/* The limits of the axes: the contours' grids, and the curves with a margin. */
void tp__plot_limits(const tp_plot *plot, tp__plot_range *x, tp__plot_range *y);

/* Makes low ≤ high a range that can be divided by. */
void tp__plot_widen(tp__plot_range *range);

/* At most `most` ticks (3 … TP__PLOT_TICKS) at multiples of 1, 2 or 5 times a power of ten. */
void tp__plot_linear_ticks(const tp__plot_range *range, int most, tp__plot_ticks *ticks);

/* The same on a logarithmic scale, from logarithms to logarithms: powers of ten, or linear ticks
 * when there are few of those. */
void tp__plot_log_ticks(const tp__plot_range *logs, int most, tp__plot_ticks *ticks);

/* --- color.c --- */

/* False if the text is neither a known name nor "#rrggbb". */
bool tp__plot_color(const char *text, tp__plot_rgb *color);
void tp__plot_cycle(size_t index, tp__plot_rgb *color);
void tp__plot_palette(tp_palette palette, double t, tp__plot_rgb *color); /* t in 0 … 1 */

/* False, with an error, if there is no such palette. */
bool tp__plot_is_palette(const char *call, tp_palette palette);

/* --- contour.c --- */

/* Levels for a contour that was given none. False when out of memory. */
bool tp__plot_choose_levels(tp__plot_item *item);

/* The smallest and the largest level; low > high if there are none, low = high if there is one. */
void tp__plot_level_range(const tp__plot_item *item, tp__plot_range *range);

/* Where a level lies in that range, 0 … 1, on the item's scale. */
double tp__plot_level_place(const tp__plot_item *item, const tp__plot_range *range, double level);

/* Calls for every point of every line of equal z, from one end to the other; a closed line ends
 * with its first point. Lines of level k begin with start; done(ctx, k) follows the last one. */
typedef struct tp__plot_sink {
    void (*point)(void *ctx, double x, double y, bool start);
    void (*done)(void *ctx, size_t k);
    void *ctx;
} tp__plot_sink;

/* False when out of memory. */
bool tp__plot_trace(const tp__plot_item *item, const tp__plot_sink *sink);

/* --- render.c --- */

typedef enum tp__plot_format {
    TP__PLOT_PNG,
    TP__PLOT_SVG,
    TP__PLOT_PDF,
    TP__PLOT_HTML
} tp__plot_format;

/* True if letters that a font lacks are taken from another one. */
bool tp__plot_has_fallback_fonts(void);

bool tp__plot_render(const tp_plot *plot, tp__plot_format format, const char *to_file);

#endif
