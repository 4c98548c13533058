/* SPDX-License-Identifier: MIT
 *
 * What plots become in files: that there are files at all, which bytes, which dots, which letters.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/numbers.h"
#include "plot/plot.h"

static size_t file_length;

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    static char text[1 << 20];
    size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[n] = 0;
    file_length = n;
    if (file)
        fclose(file);
    return text;
}

static tp_plot *everything(void)
{
    tp_plot *plot = tp_plot_new(.title = "</title><script>window.hurt = 1</script>", .grid = true,
                                .log_x = true, .x_label = "<b>", .y_label = "&");
    tp_var *x = tp_linspace(TP_F64, 1, 100, 50);
    tp_plot_line(plot, x, tp_sqrt(x), .label = "]]><script>");
    tp_plot_histogram(plot, x, .label = "x");
    tp_plot_training(plot, x, .color = "red");
    return plot;
}

static bool drawn(const tp_plot *plot, const char *path)
{
    if (tp_plot_save(plot, path))
        return true;
    if (tp_status() != TP_ERROR_MISSING)
        return false;
    CHECK_ERROR(TP_ERROR_MISSING, "built without cairo; install libcairo2-dev");
    test_skip("the library was built without cairo");
    return false;
}

TEST(files)
{
    tp_plot *plot = everything();
    if (drawn(plot, "plot.html")) {
        const char *page = read_file("plot.html");
        CHECK(strstr(page, "<!DOCTYPE html>") == page && strstr(page, "</html>"));
        CHECK(strstr(page, "&lt;/title&gt;") && !strstr(page, "window.hurt = 1</script>"));
        CHECK(strstr(page, "log: true") && !strstr(page, "<?xml"));
        CHECK(tp_plot_save(plot, "plot.svg") && strstr(read_file("plot.svg"), "<svg"));
        CHECK(tp_plot_save(plot, "plot.pdf") && !strncmp(read_file("plot.pdf"), "%PDF", 4));
        CHECK(tp_plot_save(plot, "plot.PNG") && !strncmp(read_file("plot.PNG") + 1, "PNG", 3));
    }
    tp_plot_free(plot);
}

TEST(the_same_bytes_again)
{
    static const char *const names[] = {"again.svg", "again.html", "again.pdf", "again.png"};
    tp_plot *plots[] = {everything(), tp_plot_new()};
    tp_plot_images(plots[1], tp_rand(TP_F32, TP_SHAPE(2, 5, 4)));
    for (size_t i = 0; i < 8; i++) {
        if (!drawn(plots[i % 2], names[i / 2]))
            break;
        static char first[1 << 20];
        memcpy(first, read_file(names[i / 2]), sizeof first);
        size_t length = file_length;
        if (i / 2 == 2) /* a PDF could tell the second */
            nanosleep(&(struct timespec){1, 100000000}, NULL);
        CHECK(tp_plot_save(plots[i % 2], names[i / 2]));
        const char *second = read_file(names[i / 2]);
        CHECK(file_length == length && !memcmp(first, second, length));
    }
    tp_plot_free(plots[0]);
    tp_plot_free(plots[1]);
}

TEST(a_point_without_neighbours_is_seen)
{
    char *pictures[2] = {NULL};
    for (int i = 0; i < 2; i++) {
        tp_plot *plot = tp_plot_new();
        tp_var *x = tp_linspace(TP_F64, 0, 10, 3);
        tp_plot_line(plot, x, x);
        tp_plot_line(plot, tp_scalar(5), tp_scalar(i ? 2.0 : (double)NAN));
        if (drawn(plot, "point.svg"))
            pictures[i] = strdup(read_file("point.svg"));
        tp_plot_free(plot);
    }
    CHECK(!pictures[0] || strcmp(pictures[0], pictures[1]));
    free(pictures[0]);
    free(pictures[1]);
}

static int dots_of(tp_var *x, tp_var *y)
{
    tp_plot *plot = tp_plot_new();
    int dots = 0;
    tp_plot_line(plot, x, y);
    if (drawn(plot, "dots.svg")) {
        const char *at = read_file("dots.svg");
        while ((at = strstr(at, "M "))) { /* M x y L x y: the same text twice */
            size_t point = strcspn(at += 2, "L");
            dots += at[point] == 'L' && !strncmp(at, at + point + 2, point);
        }
    }
    tp_plot_free(plot);
    return dots;
}

/* A dot is a line without length. */
TEST(only_points_without_neighbours_are_dots)
{
    tp_var *x = tp_linspace(TP_F64, 0, 4, 5);
    double nan = (double)NAN;
    CHECK_INT(dots_of(x, x), 0);
    CHECK_INT(dots_of(x, tp_array(TP_F64, TP_SHAPE(5), (double[]){0, 1, nan, 3, 4})), 0);
    tp_plot *plot = tp_plot_new();
    if (drawn(plot, "dots.svg"))
        CHECK_INT(dots_of(x, tp_array(TP_F64, TP_SHAPE(5), (double[]){0, nan, 2, nan, 4})), 3);
    tp_plot_free(plot);
}

TEST(a_wide_legend_is_below)
{
    tp_plot *plot = tp_plot_new();
    tp_var *x = tp_linspace(TP_F64, 0, 30, 400);
    tp_plot_line(plot, x, tp_sin(x),
                 .label = "a label that takes far more than a third of the width");
    if (drawn(plot, "legend.html")) {
        const char *bottom = strstr(read_file("legend.html"), "bottom: ");
        CHECK(bottom && tp__read_number(bottom + strlen("bottom: "), NULL) < 540);
    }
    tp_plot_free(plot);
}

/* The fonts of a PDF are named in it: another one is there for letters that the first lacks. */
TEST(letters_of_other_scripts)
{
    tp_plot *plot = tp_plot_new(.title = "漢字");
    if (system("fc-list :lang=zh 2>/dev/null | grep -q .") != 0) {
        test_skip("there is no font with Chinese letters");
    } else if (drawn(plot, "letters.pdf")) {
        FILE *file = fopen("letters.pdf", "rb");
        char line[1000];
        int fonts = 0, ours = 0;
        while (file && fgets(line, sizeof line, file))
            if (strstr(line, "/FontName")) {
                fonts++;
                ours += strstr(line, "DejaVu") != NULL;
            }
        if (file)
            fclose(file);
        if (fonts == ours && !tp__plot_has_fallback_fonts())
            test_skip("the library was built without Pango");
        else
            CHECK(fonts > ours);
    }
    tp_plot_free(plot);
}

TEST(images_in_files)
{
    tp_plot *plot = tp_plot_new(.title = "images");
    tp_plot_images(plot, tp_rand(TP_F32, TP_SHAPE(7, 5, 4)),
                   .captions = (const char *[]){"a", "b", NULL, "", "<i>", "f", "g"},
                   .n_captions = 7);
    if (drawn(plot, "images.svg"))
        CHECK(strstr(read_file("images.svg"), "image-rendering:pixelated") &&
              !strstr(read_file("images.svg"), "<pattern"));
    if (drawn(plot, "images.html"))
        CHECK(strstr(read_file("images.html"), "bare: true"));
    tp_plot_free(plot);
}

static double attribute(const char *element, const char *name)
{
    const char *at = element ? strstr(element, name) : NULL;
    return at ? tp__read_number(at + strlen(name), NULL) : (double)NAN;
}

/* A PNG's first bytes in base64, and the only letter in the middle below. */
TEST(an_image_and_its_caption)
{
    tp_plot *plot = tp_plot_new();
    tp_plot_images(plot, tp_rand(TP_F32, TP_SHAPE(1, 4, 6)), .captions = (const char *[]){"o"},
                   .n_captions = 1);
    if (drawn(plot, "image.svg")) {
        const char *svg = read_file("image.svg"), *image = strstr(svg, "<image x=");
        const char *letter = strstr(svg, "<use ");
        CHECK(strstr(svg, "data:image/png;base64,iVBORw0KGgo"));
        CHECK(file_length > 7 && !strcmp(svg + file_length - 7, "</svg>\n"));
        double middle = attribute(image, " x=\"") + attribute(image, " width=\"") / 2;
        double below = attribute(image, " y=\"") + attribute(image, " height=\"");
        CHECK(fabs(attribute(letter, " x=\"") - middle) < 10);
        CHECK(attribute(letter, " y=\"") > below);
    }
    tp_plot_free(plot);
}
