/* SPDX-License-Identifier: MIT
 *
 * Plots: curves, points and contour lines in one pair of axes, saved as png, svg or pdf.
 *
 *     tp_plot *plot = tp_plot_new(.title = "sin and its derivative", .x_label = "x", .grid = true);
 *     tp_plot_line(plot, x, y, .label = "y");
 *     tp_plot_line(plot, x, gx, .label = "y'");
 *     tp_plot_save(plot, "sin.png");
 *     tp_plot_free(plot);
 *
 * 1. A plot copies the numbers it is given: arrays of any element type, free to change or die
 *    afterwards. What is added later is drawn on top.
 * 2. Limits, ticks and margins follow from the data: everything added is visible. NaN, infinities
 *    and magnitudes above 1e300 are gaps in a line and holes in a contour, and do not count for
 *    the limits. Empty arrays draw nothing.
 * 3. Errors are sticky as everywhere: a call that fails adds nothing, a NULL plot is an error
 *    and no crash, and tp_plot_save writes nothing while an error is pending.
 *
 * Options are zero by default. Lengths are pixels of an 800 x 600 picture; in a larger picture
 * text and lines grow with it. Texts are one line of UTF-8. Colors are names (black, gray, white,
 * red, orange, yellow, green, blue, cyan, purple, magenta, pink, brown) or "#rrggbb"; NULL takes
 * the next of a cycle that color-blind readers can tell apart (Okabe & Ito 2008).
 */
#ifndef TINYPYTORCH_PLOT_H
#define TINYPYTORCH_PLOT_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tp_plot tp_plot;

/* Where the legend is. It lists the curves that have a label; without one there is none. */
typedef enum tp_legend {
    TP_LEGEND_AUTO, /* where it covers no curve, if need be right of the axes */
    TP_LEGEND_OFF,
    TP_LEGEND_TOP_RIGHT,
    TP_LEGEND_TOP_LEFT,
    TP_LEGEND_BOTTOM_LEFT,
    TP_LEGEND_BOTTOM_RIGHT
} tp_legend;

typedef enum tp_marker {
    TP_MARKER_DEFAULT, /* none for lines, a dot for points */
    TP_MARKER_DOT,
    TP_MARKER_STAR
} tp_marker;

typedef enum tp_palette {
    TP_PALETTE_VIRIDIS, /* dark blue, green, yellow: even steps of lightness */
    TP_PALETTE_RAINBOW  /* blue, cyan, green, yellow, red */
} tp_palette;

typedef struct tp_plot_options {
    const char *title, *x_label, *y_label;
    int width, height; /* pixels; 0: 800 x 600 */
    bool grid;
    tp_legend legend;
    size_t size; /* set by the macro: sizeof(tp_plot_options) */
} tp_plot_options;

typedef struct tp_curve_options {
    const char *label; /* for the legend */
    const char *color;
    tp_marker marker;
    double line_width;  /* 0: 1.8 */
    double marker_size; /* diameter; 0: 5 for dots, 16 for stars */
    size_t size;        /* set by the macro: sizeof(tp_curve_options) */
} tp_curve_options;

typedef struct tp_contour_options {
    tp_var *levels;     /* the values to draw lines at; NULL: about ten in the range of z */
    bool log;           /* the colors' scale is logarithmic; levels must be positive */
    tp_palette palette; /* runs from the smallest level to the largest */
    bool color_bar;     /* draw the scale beside the axes … */
    const char *label;  /* … with this text */
    double line_width;  /* 0: 1.2 */
    size_t size;        /* set by the macro: sizeof(tp_contour_options) */
} tp_contour_options;

/* An empty plot; goes with tp_plot_free, which ignores NULL. NULL, with an error, when out of
 * memory or when an option is out of range. */
TP_API tp_plot *tp_plot_new(const tp_plot_options *options);
TP_API void tp_plot_free(tp_plot *plot);

/* A line through the points (x[i], y[i]). x and y are 1-d and equally long; numbers count as one
 * point. */
TP_API void tp_plot_line(tp_plot *plot, tp_var *x, tp_var *y, const tp_curve_options *options);

/* The same points as markers only. */
TP_API void tp_plot_points(tp_plot *plot, tp_var *x, tp_var *y, const tp_curve_options *options);

/* Lines of equal z over a grid. z[j][i] is the value at (x[i], y[j]): its shape is
 * (len(y), len(x)). Between grid points z is taken as linear along the grid's edges. */
TP_API void tp_plot_contour(tp_plot *plot, tp_var *x, tp_var *y, tp_var *z,
                            const tp_contour_options *options);

/* Draws the plot to a file; the extension picks the format: png, svg or pdf. A plot can be saved
 * any number of times, also before more is added. False, with an error, if the library was built
 * without cairo, the format is unknown, or writing fails. */
TP_API bool tp_plot_save(const tp_plot *plot, const char *to_file);

#ifdef __cplusplus
}
#endif

/* Options by name, as in sugar.h. (tp_plot_new)(NULL) is the plain function. */
#if !defined(__cplusplus) && defined(__GNUC__) && !defined(TP_NO_SUGAR)

#define tp_plot_new(...)                                                                           \
    tp_plot_new(&(tp_plot_options){.size = sizeof(tp_plot_options), __VA_ARGS__})

#define TP__PLOT_LINE(plot, x, y, ...) tp_plot_line(plot, x, y, &(tp_curve_options){__VA_ARGS__})
#define tp_plot_line(...) TP__PLOT_LINE(__VA_ARGS__, .size = sizeof(tp_curve_options))

#define TP__PLOT_POINTS(plot, x, y, ...)                                                           \
    tp_plot_points(plot, x, y, &(tp_curve_options){__VA_ARGS__})
#define tp_plot_points(...) TP__PLOT_POINTS(__VA_ARGS__, .size = sizeof(tp_curve_options))

#define TP__PLOT_CONTOUR(plot, x, y, z, ...)                                                       \
    tp_plot_contour(plot, x, y, z, &(tp_contour_options){__VA_ARGS__})
#define tp_plot_contour(...) TP__PLOT_CONTOUR(__VA_ARGS__, .size = sizeof(tp_contour_options))

#endif

#endif
