/* SPDX-License-Identifier: MIT
 *
 * Plots: curves, points, contour lines, histograms and training curves in one pair of axes, or
 * images side by side; saved as png, svg, pdf or html. Sparklines for the terminal.
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
 * 4. On a logarithmic axis numbers that are not positive are left out like NaN, and bins of a
 *    histogram are equally wide on the paper.
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

/* The first two and gray keep their order for color-blind readers and in black and white. */
typedef enum tp_palette {
    TP_PALETTE_VIRIDIS,  /* dark blue, green, yellow: even steps of lightness */
    TP_PALETTE_RAINBOW,  /* blue, cyan, green, yellow, red */
    TP_PALETTE_CIVIDIS,  /* dark blue, gray, yellow (Nuñez, Anderton & Renslow 2018) */
    TP_PALETTE_GRAY,     /* black to white */
    TP_PALETTE_DIVERGING /* blue, white, red: for values on both sides of a middle */
} tp_palette;

typedef struct tp_plot_options {
    const char *title, *x_label, *y_label;
    int width, height; /* pixels; 0: 800 x 600 */
    bool grid;
    tp_legend legend;
    bool log_x, log_y; /* logarithmic axes */
    size_t size;       /* set by the macro: sizeof(tp_plot_options) */
} tp_plot_options;

typedef struct tp_curve_options {
    const char *label; /* for the legend */
    const char *color;
    tp_marker marker;
    double line_width;  /* 0: 1.8 */
    double marker_size; /* diameter; 0: 5 for dots, 16 for stars */
    double opacity;     /* of lines and dots, to 1; 0: 1 */
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

typedef struct tp_histogram_options {
    const char *label, *color;
    int bins;         /* 0: as narrow as the narrower of Freedman & Diaconis' 2 IQR / ∛n and
                       * Sturges' range / (1 + log₂ n), at most 200; NumPy's "auto" */
    double low, high; /* where the bins begin and end; both 0: least and greatest value */
    bool density;     /* heights are counts / (n width), and add up to an area of 1 */
    size_t size;      /* set by the macro: sizeof(tp_histogram_options) */
} tp_histogram_options;

typedef struct tp_training_options {
    const char *label, *color;
    double smooth; /* steps over which the bold line averages; 0: a fiftieth of all; 1: none */
    double first;  /* the step of the first value; 0: 1 */
    double every;  /* steps between values; 0: 1 */
    size_t size;   /* set by the macro: sizeof(tp_training_options) */
} tp_training_options;

typedef struct tp_images_options {
    const char *const *captions; /* n_captions texts, one below each image; NULL: none */
    int n_captions;
    int columns; /* 0: so that the grid has the picture's proportions */
    tp_palette palette;
    double low, high; /* what the palette's ends stand for; both 0: least and greatest value, or
                       * 0 and 255 for uint8 */
    size_t size;      /* set by the macro: sizeof(tp_images_options) */
} tp_images_options;

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

/* How often values (any shape; NaN does not count) lie in each of some bins of equal width. A bin
 * holds its lower edge, the last one its upper edge too. */
TP_API void tp_plot_histogram(tp_plot *plot, tp_var *values, const tp_histogram_options *options);

/* A loss or another figure over the steps of a training, 1-d: the values as they are, faint, and
 * on them in bold their mean over `smooth` steps around each, fewer towards the ends, which passes
 * NaN and infinities over. Call it again for the next curve; .log_y of the plot suits
 * losses. */
TP_API void tp_plot_training(tp_plot *plot, tp_var *values, const tp_training_options *options);

/* Images in a grid, without axes, alone in their plot: (h, w) is one, (n, h, w) are n, painted by
 * the palette (NaN: red); a last axis of 3 after h and w makes them red, green and blue, 0 to 1 or
 * uint8. Row 0 is on top. A pixel is a square, however large. Errors: other shapes, a plot that is
 * not empty, fewer or more captions than images. */
TP_API void tp_plot_images(tp_plot *plot, tp_var *images, const tp_images_options *options);

/* Draws the plot to a file; the extension picks the format: png, svg, pdf, or html, a page that
 * needs no network: the wheel zooms, dragging moves, a double click goes back, and the pointer's
 * place is written in the axes' numbers. A plot can be saved any number of times, also before more
 * is added. False, with an error, if the library was built without cairo, the format is unknown, or
 * writing fails. */
TP_API bool tp_plot_save(const tp_plot *plot, const char *to_file);

/* The values as a line of blocks, "▁▂▄█▆▃", for a terminal: the least is ▁, the greatest █, NaN and
 * infinities are spaces; values all alike are ▄. More than `width` (0: 60) values are drawn as
 * means of equal parts. free() the text; NULL, with an error, out of memory. */
TP_API char *tp_sparkline(tp_var *values, int width);

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

#define TP__PLOT_HISTOGRAM(plot, values, ...)                                                      \
    tp_plot_histogram(plot, values, &(tp_histogram_options){__VA_ARGS__})
#define tp_plot_histogram(...) TP__PLOT_HISTOGRAM(__VA_ARGS__, .size = sizeof(tp_histogram_options))

#define TP__PLOT_TRAINING(plot, values, ...)                                                       \
    tp_plot_training(plot, values, &(tp_training_options){__VA_ARGS__})
#define tp_plot_training(...) TP__PLOT_TRAINING(__VA_ARGS__, .size = sizeof(tp_training_options))

#define TP__PLOT_IMAGES(plot, images, ...)                                                         \
    tp_plot_images(plot, images, &(tp_images_options){__VA_ARGS__})
#define tp_plot_images(...) TP__PLOT_IMAGES(__VA_ARGS__, .size = sizeof(tp_images_options))

#endif

#endif
