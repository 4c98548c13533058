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
 * 1. A plot copies the numbers it is given: arrays of any element type, which may change or go
 *    afterwards. What is added later is drawn on top.
 * 2. Limits, ticks and margins follow from the data: everything added is visible. NaN, infinities
 *    and magnitudes above 1e300 are gaps in a line and holes in a contour, and do not count for
 *    the limits. Empty arrays draw nothing.
 * 3. Errors are sticky as everywhere: a call that fails adds nothing, a NULL plot is an error
 *    and no crash, and tp_plot_save writes nothing while an error is pending.
 * 4. On a logarithmic axis numbers that are not positive are left out like NaN, and bins of a
 *    histogram are equally wide on the paper.
 *
 * An option that is not named has the default that stands beside it, else 0. Lengths are pixels of
 * an 800 x 600 picture; in a larger picture text and lines grow with it. Texts are one line of
 * UTF-8: newlines and tabs become spaces, and bytes that are no UTF-8 become U+FFFD. Letters that
 * the font (DejaVu Sans) lacks, as Chinese ones, come from other fonts if the library was built
 * with Pango. Colors are names (black, gray, white, red, orange, yellow, green, blue, cyan, purple,
 * magenta, pink, brown) or "#rrggbb"; NULL takes the next of a cycle that color-blind readers can
 * tell apart (Okabe & Ito 2008).
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
    TP_LEGEND_AUTO, /* where it covers no curve, if need be right of the axes or below them */
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

/* The shades of viridis, cividis and gray keep their order for color-blind readers and in black and
 * white. */
typedef enum tp_palette {
    TP_PALETTE_VIRIDIS,  /* dark blue, green, yellow: even steps of lightness */
    TP_PALETTE_RAINBOW,  /* blue, cyan, green, yellow, red */
    TP_PALETTE_CIVIDIS,  /* dark blue, gray, yellow (Nuñez, Anderton & Renslow 2018) */
    TP_PALETTE_GRAY,     /* black to white */
    TP_PALETTE_DIVERGING /* blue, white, red: for values on both sides of a middle */
} tp_palette;

#define TP__DEFAULTS_tp_plot_options(_) _ width = 800, _ height = 600,
typedef struct tp_plot_options {
    TP__OPTIONS(tp_plot_options)
    const char *title, *x_label, *y_label;
    int width, height; /* pixels: 800 x 600 */
    bool grid;
    tp_legend legend;
    bool log_x, log_y; /* logarithmic axes */
} TP__BY_NAME tp_plot_options;

#define TP__DEFAULTS_tp_curve_options(_) _ line_width = 1.8, _ marker_size = TP_AUTO, _ opacity = 1,
typedef struct tp_curve_options {
    TP__OPTIONS(tp_curve_options)
    const char *label; /* for the legend */
    const char *color;
    tp_marker marker;
    double line_width;  /* 1.8 */
    double marker_size; /* diameter; TP_AUTO: 5 for dots, 16 for stars */
    double opacity;     /* of lines and dots, from 0 to 1: 1 */
} TP__BY_NAME tp_curve_options;

#define TP__DEFAULTS_tp_contour_options(_) _ line_width = 1.2,
typedef struct tp_contour_options {
    TP__OPTIONS(tp_contour_options)
    tp_var *levels;     /* the values to draw lines at; NULL: about ten in the range of z */
    bool log;           /* the colors' scale is logarithmic; levels must be positive */
    tp_palette palette; /* runs from the smallest level to the largest */
    bool color_bar;     /* draw the scale beside the axes … */
    const char *label;  /* … with this text */
    double line_width;  /* 1.2 */
} TP__BY_NAME tp_contour_options;

#define TP__DEFAULTS_tp_histogram_options(_) _ bins = -1, _ low = TP_AUTO, _ high = TP_AUTO,
typedef struct tp_histogram_options {
    TP__OPTIONS(tp_histogram_options)
    const char *label, *color;
    int bins;         /* −1: as narrow as the narrower of Freedman & Diaconis' 2 IQR / ∛n and
                       * Sturges' range / (1 + log₂ n), at most 200; NumPy's "auto" */
    double low, high; /* where the bins begin and end; TP_AUTO: least and greatest value */
    bool density;     /* heights are counts / (n width), and add up to an area of 1 */
} TP__BY_NAME tp_histogram_options;

#define TP__DEFAULTS_tp_training_options(_) _ smooth = TP_AUTO, _ first = 1, _ every = 1,
typedef struct tp_training_options {
    TP__OPTIONS(tp_training_options)
    const char *label, *color;
    double smooth; /* values that the bold line averages; TP_AUTO: a fiftieth of all; 1: no mean */
    double first;  /* the step of the first value: 1 */
    double every;  /* steps between values: 1 */
} TP__BY_NAME tp_training_options;

#define TP__DEFAULTS_tp_images_options(_) _ columns = -1, _ low = TP_AUTO, _ high = TP_AUTO,
typedef struct tp_images_options {
    TP__OPTIONS(tp_images_options)
    const char *const *captions; /* n_captions texts, one below each image; NULL: none */
    int n_captions;
    int columns; /* −1: so that the grid has the picture's proportions */
    tp_palette palette;
    double low, high; /* what the palette's ends stand for; TP_AUTO: least and greatest value, or
                       * 0 and 255 for uint8 */
} TP__BY_NAME tp_images_options;

/* An empty plot; goes with tp_plot_free, which ignores NULL. NULL, with an error, when out of
 * memory or when an option is out of range. */
TP_API tp_plot *tp_plot_new(const tp_plot_options *options);
TP_API void tp_plot_free(tp_plot *plot);

/* A line through the points (x[i], y[i]). x and y are 1-d and equally long; numbers count as one
 * point. A point with no other one beside it is a dot. Points next to each other are joined
 * whatever is between them: a NaN breaks the line, at a pole for example. */
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
 * on them in bold the mean of the `smooth` values around each (itself and smooth / 2 on each side,
 * rounded down; near the ends, those that there are). NaN and infinities do not count. Call it
 * again for the next curve; .log_y of the plot suits losses. */
TP_API void tp_plot_training(tp_plot *plot, tp_var *values, const tp_training_options *options);

/* Images in a grid, without axes, alone in their plot. (h, w) is one image, (n, h, w) and
 * (n, h, w, 1) are n of them, painted by the palette (NaN: red). (h, w, 3) is one image of red,
 * green and blue, 0 to 1 or uint8, and (n, h, w, 3) are n of them; but (n, 3, 3) are n images of 3
 * x 3 by the palette: (1, n, 3, 3) is one in color. Row 0 is on top. A pixel is a square with sharp
 * edges, however large. Errors: other shapes, a plot that is not empty, fewer or more captions than
 * images; and for all other calls a plot that has images. */
TP_API void tp_plot_images(tp_plot *plot, tp_var *images, const tp_images_options *options);

/* Draws the plot to a file; the extension picks the format: png, svg, pdf, or html, a page that
 * needs no network: the wheel zooms, dragging moves, a double click goes back, and the pointer's
 * place is written in the axes' numbers. A plot can be saved any number of times, also before more
 * is added, and gives the same bytes each time. A file that is there is replaced when the new one
 * is complete. False, with an error, if the library was built without cairo, the format is unknown,
 * or writing fails. The libraries that draw (cairo, Pango, fontconfig) may end
 * the process when they find no memory. */
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

#define tp_plot_new(...) TP__WITH(tp_plot_options, tp_plot_new, (), __VA_ARGS__)
#define TP__CURVE(function, plot, x, y, ...)                                                       \
    TP__WITH(tp_curve_options, function, (plot, TP__V(x), TP__V(y), ), __VA_ARGS__)
#define tp_plot_line(...) TP__CURVE(tp_plot_line, __VA_ARGS__, )
#define tp_plot_points(...) TP__CURVE(tp_plot_points, __VA_ARGS__, )
#define TP__PLOT_CONTOUR(function, plot, x, y, z, ...)                                             \
    TP__WITH(tp_contour_options, function, (plot, TP__V(x), TP__V(y), TP__V(z), ), __VA_ARGS__)
#define tp_plot_contour(...) TP__PLOT_CONTOUR(tp_plot_contour, __VA_ARGS__, )
#define TP__PLOT_HISTOGRAM(function, plot, values, ...)                                            \
    TP__WITH(tp_histogram_options, function, (plot, TP__V(values), ), __VA_ARGS__)
#define tp_plot_histogram(...) TP__PLOT_HISTOGRAM(tp_plot_histogram, __VA_ARGS__, )
#define TP__PLOT_TRAINING(function, plot, values, ...)                                             \
    TP__WITH(tp_training_options, function, (plot, TP__V(values), ), __VA_ARGS__)
#define tp_plot_training(...) TP__PLOT_TRAINING(tp_plot_training, __VA_ARGS__, )
#define TP__PLOT_IMAGES(function, plot, images, ...)                                               \
    TP__WITH(tp_images_options, function, (plot, TP__V(images), ), __VA_ARGS__)
#define tp_plot_images(...) TP__PLOT_IMAGES(tp_plot_images, __VA_ARGS__, )
#endif

#endif
