/* SPDX-License-Identifier: MIT
 *
 * What a plot holds, before anything is drawn, against NumPy 1.24's numbers (histogram,
 * histogram_bin_edges); limits and ticks; what cannot be drawn; each request for memory failing in
 * turn. Files are test_plot_files.c's.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/numbers.h"
#include "plot/plot.h"

static tp_var *swinging(void)
{
    tp_var *i = tp_arange(TP_F64, 0, 200, 1);
    return tp_div(tp_mul(tp_sin(i), i), 10);
}

static bool counts_are(const tp_plot *plot, size_t n, const double *expected)
{
    const tp__plot_item *item = plot->first;
    if (!CHECK(item) || !CHECK(item->n_y == n && item->n_x == n + 1))
        return false;
    for (size_t i = 0; i < n; i++)
        CHECK_CLOSE(item->y[i], expected[i], 1e-14);
    return true;
}

#define COUNTS(plot, ...)                                                                          \
    counts_are(plot, sizeof((double[]){__VA_ARGS__}) / sizeof(double), (double[]){__VA_ARGS__})

TEST(bins_are_numpys)
{
    tp_plot *plot = tp_plot_new();
    tp_plot_histogram(plot, swinging());
    COUNTS(plot, 7, 10, 13, 19, 27, 46, 28, 18, 14, 10, 8);
    CHECK_CLOSE(plot->first->x[0], -18.88421189020678, 1e-14);
    CHECK_CLOSE(plot->first->x[11], 18.9581862949314, 1e-14);
    tp_plot_free(plot);

    plot = tp_plot_new();
    tp_plot_histogram(plot, swinging(), .bins = 5, .low = -10, .high = 10);
    COUNTS(plot, 18, 30, 55, 27, 21);
    tp_plot_free(plot);

    plot = tp_plot_new();
    tp_plot_histogram(plot, swinging(), .bins = 4, .density = true);
    COUNTS(plot, 0.014798216467684875, 0.03805255663118968, 0.039109572093167164,
           0.013741201005707377);
    tp_plot_free(plot);
}

TEST(edges_belong_to_the_bin_above)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(10), (double[]){1, 2, 2, 3, 3, 3, 4, 4, 4, 4});
    tp_plot *plot = tp_plot_new();
    tp_plot_histogram(plot, x, .bins = 3);
    COUNTS(plot, 1, 2, 7);
    tp_plot_free(plot);
    plot = tp_plot_new();
    tp_plot_histogram(plot, x);
    COUNTS(plot, 1, 2, 0, 3, 4);
    tp_plot_free(plot);
    plot = tp_plot_new();
    tp_plot_histogram(plot, tp_num(7));
    COUNTS(plot, 1);
    CHECK(plot->first->x[0] == 6.5 && plot->first->x[1] == 7.5);
    tp_plot_free(plot);
}

/* The quarters of so few values decide how many bins there are. */
TEST(bins_of_few_values)
{
    tp_plot *plot = tp_plot_new();
    tp_plot_histogram(plot, tp_array(TP_F64, TP_SHAPE(6), (double[]){20, 22, 23, 47, 9, 24}));
    COUNTS(plot, 1, 0, 0, 2, 2, 0, 0, 0, 0, 0, 1);
    tp_plot_free(plot);
}

TEST(what_is_no_number_does_not_count)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(5),
                         (double[]){1, (double)NAN, 2, (double)INFINITY, -(double)INFINITY});
    tp_plot *plot = tp_plot_new();
    tp_plot_histogram(plot, x, .bins = 2);
    COUNTS(plot, 1, 1);
    tp_plot_free(plot);
    plot = tp_plot_new(.log_x = true);
    tp_plot_histogram(plot, tp_array(TP_F64, TP_SHAPE(4), (double[]){-1, 0, 1, 100}), .bins = 2);
    COUNTS(plot, 1, 1);
    CHECK_CLOSE(plot->first->x[1], 1, 1e-15);
    tp_plot_free(plot);
    plot = tp_plot_new();
    tp_plot_histogram(plot, tp_zeros(TP_F64, TP_SHAPE(0)));
    COUNTS(plot, 0);
    tp_plot_free(plot);
}

TEST(bars_stand_on_zero)
{
    tp_plot *plot = tp_plot_new();
    tp__plot_range x, y;
    tp_plot_histogram(plot, swinging(), .bins = 4);
    tp__plot_limits(plot, &x, &y);
    CHECK(y.low == 0 && y.high > plot->first->y[1] && x.low < plot->first->x[0]);
    tp_plot_free(plot);
}

TEST(logarithmic_axes)
{
    tp_plot *plot = tp_plot_new(.log_y = true);
    tp_plot_line(plot, tp_arange(TP_F64, 0, 3, 1),
                 tp_array(TP_F64, TP_SHAPE(3), (double[]){0.01, -5, 1000}));
    tp__plot_range x, y;
    tp__plot_limits(plot, &x, &y);
    CHECK_CLOSE(y.low, -2.25, 1e-14); /* a margin of a twentieth of five decades */
    CHECK_CLOSE(y.high, 3.25, 1e-14);
    tp__plot_ticks ticks;
    tp__plot_log_ticks(&(tp__plot_range){-2, 3}, 10, &ticks);
    CHECK(ticks.n == 6 && ticks.at[0] == -2 && !strcmp(ticks.text[5], "10³"));
    tp__plot_log_ticks(&(tp__plot_range){0, 2}, 10, &ticks);
    CHECK(ticks.n == 3 && ticks.at[1] == 1 && !strcmp(ticks.text[2], "10²"));
    tp__plot_log_ticks(&(tp__plot_range){log10(0.015), log10(1.2)}, 10, &ticks);
    CHECK(ticks.n == 6 && !strcmp(ticks.text[0], "0.02") && !strcmp(ticks.text[5], "1"));
    tp_plot_free(plot);
}

TEST(lines_are_joined_and_points_are_not)
{
    tp_plot *plot = tp_plot_new();
    tp_var *x = tp_linspace(TP_F64, 0, 1, 3);
    tp_plot_line(plot, x, x);
    tp_plot_points(plot, x, x);
    CHECK(plot->first->line && plot->first->marker == TP_MARKER_DEFAULT);
    CHECK(!plot->first->next->line && plot->first->next->marker == TP_MARKER_DOT);
    tp_plot_free(plot);
}

/* --- Contours --- */

typedef struct contour {
    double x[40], y[40];
    bool start[40];
    int n, n_levels, n_below[8]; /* points up to the end of each level */
} contour;

static void contour_point(void *ctx, double x, double y, bool start)
{
    contour *c = ctx;
    if (c->n < 40) {
        c->x[c->n] = x;
        c->y[c->n] = y;
        c->start[c->n++] = start;
    }
}

static void contour_done(void *ctx, size_t k)
{
    contour *c = ctx;
    CHECK_INT(k, c->n_levels);
    if (c->n_levels < 8)
        c->n_below[c->n_levels++] = c->n;
}

static contour contour_of(size_t n, double *at, double *z, size_t n_levels, double *levels)
{
    contour c = {0};
    tp__plot_item item = {
        .n_x = n, .n_y = n, .x = at, .y = at, .z = z, .levels = levels, .n_levels = n_levels};
    tp__plot_sink sink = {contour_point, contour_done, &c};
    CHECK(tp__plot_trace(&item, &sink));
    return c;
}

/* Of z = x: the line x = level for each of the levels. */
TEST(contours_of_a_plane)
{
    double z[] = {0, 1, 2, 0, 1, 2, 0, 1, 2}, levels[] = {0.25, 0.5, 1.75};
    contour c = contour_of(3, (double[]){0, 1, 2}, z, 3, levels);
    CHECK_INT(c.n_levels, 3);
    for (int i = 0; i < c.n; i++)
        CHECK_BITS(c.x[i], levels[i / 3]);
    CHECK(c.n == 9 && c.n_below[0] == 3 && c.n_below[1] == 6);
}

/* High at (0, 0) and (1, 1), or at the other corners. Where the mean of the corners is above the
 * level, lines cut off what is low, otherwise what is high: the ends of a line are those beside one
 * of the corners. */
TEST(contours_of_a_saddle)
{
    for (int turned = 0; turned < 2; turned++)
        for (int high = 0; high < 2; high++) {
            double z[] = {!turned, turned, turned, !turned}, level = high ? 0.6 : 0.4;
            contour c = contour_of(2, (double[]){0, 1}, z, 1, &level);
            if (!CHECK(c.n == 4 && c.start[0] && !c.start[1] && c.start[2] && !c.start[3]))
                return;
            for (int i = 0; i < 4; i += 2) {
                double x = (c.x[i] + c.x[i + 1]) / 2, y = (c.y[i] + c.y[i + 1]) / 2;
                bool at_high = ((x < 0.5) == (y < 0.5)) == !turned;
                CHECK(at_high == high);
                CHECK_CLOSE(fabs(c.x[i] - c.x[i + 1]), 0.4, 1e-15);
                CHECK_CLOSE(fabs(c.y[i] - c.y[i + 1]), 0.4, 1e-15);
            }
        }
}

/* The largest numbers of a double, with the axis's margin beyond them, and the smallest. */
TEST(logarithmic_axes_to_the_end)
{
    static const struct {
        double low, high;
        int least;
        const char *text;
    } cases[] = {{290, 308.2, 5, "10³⁰⁰"}, {-323.3, -300, 5, "10⁻³⁰⁰"}, {-340, 340, 5, "1"},
                 {308, 308.24, 3, "1.2"},  {307.5, 308.6, 2, "10³⁰⁸"},  {-0.1, 0.05, 3, "1.00"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tp__plot_ticks ticks;
        bool found = false;
        tp__plot_log_ticks(&(tp__plot_range){cases[i].low, cases[i].high}, 10, &ticks);
        CHECK(ticks.n >= cases[i].least);
        for (int k = 0; k < ticks.n; k++) {
            found = found || !strcmp(ticks.text[k], i == 2 ? "10⁰" : cases[i].text);
            CHECK(ticks.at[k] >= cases[i].low - 1e-8 && ticks.at[k] <= cases[i].high + 1e-8);
        }
        test_check(found, __FILE__, __LINE__, "no tick %s", cases[i].text);
    }
}

TEST(ticks_of_numbers_that_agree_in_most_digits)
{
    static const tp__plot_range cases[] = {{123456789.00001, 123456789.00004},
                                           {-1e9 - 0.2, -1e9},
                                           {0.123456701, 0.123456703},
                                           {1e200, 1.0000001e200}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tp__plot_ticks ticks;
        tp__plot_linear_ticks(&cases[i], 8, &ticks);
        CHECK(ticks.n >= 3 && strlen(ticks.factor) > 4);
        for (int k = 0; k < ticks.n; k++) {
            CHECK(strlen(ticks.text[k]) <= 8);
            CHECK(k == 0 || strcmp(ticks.text[k], ticks.text[k - 1]));
            CHECK(ticks.at[k] >= cases[i].low * (1 - 1e-15 * (cases[i].low > 0 ? 1 : -1)));
        }
    }
    tp__plot_ticks ticks;
    tp__plot_linear_ticks(&cases[0], 8, &ticks);
    CHECK(!strcmp(ticks.factor, "×10⁻⁵ + 123456789") && !strcmp(ticks.text[0], "1.0"));
}

TEST(bars_without_values)
{
    tp_plot *plot = tp_plot_new();
    tp__plot_range x, y;
    tp_plot_histogram(plot, tp_full(TP_F64, TP_SHAPE(3), (double)NAN));
    tp__plot_limits(plot, &x, &y);
    CHECK(y.low == 0 && y.high == 1);
    tp_plot_free(plot);
}

TEST(texts_are_lines_of_utf8)
{
    tp_plot *plot = tp_plot_new(.title = "two\nlines\t\xff", .x_label = "漢字");
    CHECK(plot && !strcmp(plot->title, "two lines \xEF\xBF\xBD") && !strcmp(plot->x_label, "漢字"));
    tp_plot_free(plot);
}

TEST(training_is_two_curves)
{
    tp_plot *plot = tp_plot_new();
    tp_var *loss = tp_array(TP_F32, TP_SHAPE(5), (float[]){1, 5, NAN, 3, 7});
    tp_plot_training(plot, loss, .smooth = 3, .first = 10, .every = 2, .label = "loss");
    const tp__plot_item *raw = plot->first, *mean = raw ? raw->next : NULL;
    CHECK(raw && mean);
    if (!raw || !mean)
        return;
    CHECK(!raw->label && !strcmp(mean->label, "loss") && !mean->next);
    CHECK(raw->opacity < 1 && mean->opacity == 1 && raw->color.r == mean->color.r);
    CHECK(raw->x[0] == 10 && raw->x[4] == 18 && isnan(raw->y[2]));
    CHECK(mean->y[0] == 3 && mean->y[1] == 3 && mean->y[2] == 4 && mean->y[3] == 5 &&
          mean->y[4] == 5);
    tp_plot_training(plot, loss, .smooth = 1);
    CHECK(mean->next && !mean->next->next);
    tp_plot_free(plot);
}

/* Of i, i + 1, … the mean is the middle one; a value that is far larger than its neighbours is
 * forgotten where it is out of sight; a million values take no longer for a wide window. */
TEST(training_means_of_any_width)
{
    enum { MANY = 1000000, WIDE = 500001 };
    for (int n = 1; n <= 24; n++)
        for (int half = 0; half <= n; half++) {
            tp_plot *plot = tp_plot_new();
            tp_var *loss = tp_arange(TP_F64, 0, n, 1);
            tp_plot_training(plot, loss, .smooth = 2 * half + 1);
            const double *mean = half ? plot->first->next->y : plot->first->y;
            for (int i = 0; i < n; i++) {
                int from = i > half ? i - half : 0, to = i + half < n ? i + half : n - 1;
                CHECK_CLOSE(mean[i], (from + to) / 2.0, 1e-15);
            }
            tp_plot_free(plot);
        }
    tp_var *values = tp_zeros(TP_F64, TP_SHAPE(MANY));
    double *value = tp_data_(values);
    value[0] = 1e300;
    for (int i = 1; i < MANY; i++)
        value[i] = i % 2;
    tp_plot *plot = tp_plot_new();
    tp_plot_training(plot, values, .smooth = WIDE);
    const double *mean = plot->first->next->y;
    CHECK_CLOSE(mean[0], 1e300 / (WIDE / 2 + 1), 1e-14);
    CHECK_CLOSE(mean[WIDE / 2 + 1], (WIDE / 2 + 1) / (double)WIDE, 1e-12);
    tp_plot_free(plot);
}

TEST(images_become_colors)
{
    tp_plot *plot = tp_plot_new();
    tp_plot_images(plot, tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){0, 1, (double)NAN, 9}),
                   .palette = TP_PALETTE_GRAY, .high = 2);
    const uint32_t *pixel = plot->first->pixels;
    CHECK(pixel[0] == 0 && pixel[1] == 0x808080 && pixel[2] == 0xd62728 && pixel[3] == 0xffffff);
    tp_plot_free(plot);
    plot = tp_plot_new();
    tp_plot_images(plot, tp_array(TP_U8, TP_SHAPE(1, 1, 2, 3), (uint8_t[]){255, 0, 128, 1, 2, 3}));
    pixel = plot->first->pixels;
    CHECK(plot->first->n_images == 1 && pixel[0] == 0xff0080 && pixel[1] == 0x010203);
    tp_plot_free(plot);
}

TEST(shapes_of_images)
{
    static const struct {
        int ndim;
        int64_t shape[4];
        size_t n, height, width;
    } cases[] = {{2, {4, 5}, 1, 4, 5},      {3, {2, 4, 5}, 2, 4, 5},    {3, {4, 5, 3}, 1, 4, 5},
                 {3, {6, 3, 3}, 6, 3, 3},   {4, {2, 4, 3, 1}, 2, 4, 3}, {4, {2, 4, 5, 3}, 2, 4, 5},
                 {4, {1, 3, 3, 3}, 1, 3, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tp_plot *plot = tp_plot_new();
        tp_plot_images(plot, tp_ones(TP_F64, cases[i].ndim, cases[i].shape));
        const tp__plot_item *item = plot->first;
        CHECK(item && item->n_images == cases[i].n && item->n_y == cases[i].height &&
              item->n_x == cases[i].width);
        tp_plot_free(plot);
    }
}

TEST(images_are_alone)
{
    tp_plot *plot = tp_plot_new();
    tp_var *x = tp_arange(TP_F64, 0, 4, 1);
    tp_plot_images(plot, tp_ones(TP_F64, TP_SHAPE(2, 2)));
    tp_plot_line(plot, x, x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_line: the plot has images, which are alone in theirs");
    CHECK(!plot->first->next);
    tp_plot_free(plot);
}

TEST(errors)
{
    tp_plot *plot = tp_plot_new();
    tp_var *x = tp_arange(TP_F64, 0, 4, 1);
    tp_plot_histogram(plot, x, .low = 3, .high = 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_histogram: bins cannot go from low 3 to high 1");
    tp_plot_histogram(plot, x, .bins = 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_histogram: 0 bins");
    tp_plot_histogram(plot, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "values is NULL");
    tp_plot_histogram(NULL, x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the plot is NULL");
    tp_plot_training(plot, tp_ones(TP_F64, TP_SHAPE(2, 2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "plot_training: values has 2 dimensions");
    tp_plot_training(plot, x, .smooth = 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_training: smooth 0.5");
    tp_plot_training(NULL, x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_training: the plot is NULL");
    tp_plot_images(plot, x);
    CHECK_ERROR(TP_ERROR_SHAPE, "plot_images: images of shape (4,); expected (h, w)");
    tp_plot_images(plot, tp_ones(TP_F64, TP_SHAPE(2, 0, 3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "plot_images: 1 images of 2 x 0");
    tp_plot_images(plot, tp_ones(TP_F64, TP_SHAPE(2, 2)), .palette = (tp_palette)9);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "there is no palette 9");
    tp_plot_images(plot, tp_ones(TP_F64, TP_SHAPE(2, 2)), .captions = (const char *[]){"a", "b"},
                   .n_captions = 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_images: 2 captions for 1 images");
    tp_plot_line(plot, x, x, .opacity = 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_line: opacity is 2");
    CHECK(!plot->first);
    tp_plot_line(plot, x, x);
    tp_plot_images(plot, tp_ones(TP_F64, TP_SHAPE(2, 2)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_images: the plot has something in it already");
    CHECK(!tp_plot_save(plot, "plot.gif"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, ".png, .svg, .pdf or .html");
    tp_plot_free(plot);
}

/* --- Sparklines --- */

static bool sparkline_is(tp_var *values, int width, const char *expected)
{
    char *text = tp_sparkline(values, width);
    bool same = text && !strcmp(text, expected);
    free(text);
    return same;
}

TEST(sparklines)
{
    CHECK(sparkline_is(tp_arange(TP_F64, 0, 8, 1), 0, "▁▂▃▄▅▆▇█"));
    CHECK(sparkline_is(tp_arange(TP_F64, 0, 16, 1), 8, "▁▂▃▄▅▆▇█"));
    CHECK(sparkline_is(tp_ones(TP_F32, TP_SHAPE(3)), 0, "▄▄▄"));
    CHECK(sparkline_is(tp_array(TP_F64, TP_SHAPE(3), (double[]){0, (double)NAN, 1}), 0, "▁ █"));
    CHECK(sparkline_is(tp_array(TP_F64, TP_SHAPE(2), (double[]){(double)NAN, (double)INFINITY}), 0,
                       "  "));
    CHECK(sparkline_is(tp_zeros(TP_F64, TP_SHAPE(0)), 0, ""));
    CHECK(sparkline_is(tp_num(3), 5, "▄"));
    CHECK(!tp_sparkline(tp_num(3), -1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sparkline: width is -1");
    CHECK(!tp_sparkline(NULL, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sparkline: values is NULL");
}

/* --- Memory --- */

static bool make_all(tp_var *x, tp_var *images)
{
    tp_plot *plot = tp_plot_new(.title = "t", .x_label = "x", .log_x = true);
    tp_plot_histogram(plot, x, .label = "h");
    tp_plot_training(plot, x, .label = "l");
    tp_plot *other = tp_plot_new();
    tp_plot_images(other, images, .captions = (const char *[]){"a", "b"}, .n_captions = 2);
    char *line = tp_sparkline(x, 4);
    bool good = line && !tp_error();
    if (good && !tp_plot_save(plot, "memory.html") && tp_status() == TP_ERROR_MISSING)
        tp_clear_error();
    free(line);
    tp_plot_free(plot);
    tp_plot_free(other);
    return good && !tp_error();
}

TEST(out_of_memory)
{
    tp_var *x = tp_arange(TP_F64, 1, 20, 1), *images = tp_ones(TP_F32, TP_SHAPE(2, 3, 3));
    bool good = false;
    for (size_t n = 1; n < 1000 && !good; n++) {
        TP_SCOPE();
        tp_trim_memory();
        tp__alloc_fail_at(n);
        good = make_all(x, images);
        tp__alloc_fail_at(0);
        if (!good)
            CHECK_ERROR(TP_ERROR_MEMORY, "");
    }
    CHECK(good);
}
