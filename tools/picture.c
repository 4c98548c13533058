/* SPDX-License-Identifier: MIT
 *
 * The picture of a way to a minimum. Of two numbers: contour lines of the function above its least
 * value, at levels spaced evenly in the logarithm, and the points visited. Of one: its curve.
 */
#include "base/features.h"

#include "command.h"

#include <math.h>

#include "base/alloc.h"

enum { PICTURE_GRID = 300, PICTURE_LEVELS = 30 };

typedef struct picture {
    command *c;
    tp_var *x[2]; /* the grid's axes */
    tp_var *way[2];
    double least, most; /* of what was seen; infinities do not count */
} picture;

/* Evenly spaced from a little before the least to a little after the largest of v. */
static tp_var *picture_axis(tp_var *v)
{
    double low = tp_item(tp_min(v)), high = tp_item(tp_max(v)), room = (high - low) / 3;
    room = room > 1e-3 * (1 + fabs(low)) ? room : 1;
    return tp_linspace(TP_F64, low - room, high + room, PICTURE_GRID);
}

static void picture_value(picture *p, double x0, double x1, double *z)
{
    TP_SCOPE();
    double point[] = {x0, x1};
    tp_var *y = command_at(p->c, tp_array(TP_F64, TP_SHAPE(p->c->size), point));
    *z = tp_is_poison(y) ? (double)NAN : tp_item(tp_to(y, TP_F64));
    if (isfinite(*z)) {
        p->least = fmin(p->least, *z);
        p->most = fmax(p->most, *z);
    }
}

/* The function over the grid, above its least value. */
static tp_var *picture_heights(picture *p)
{
    TP_NO_GRAD();
    const double *x0 = command_data(p->x[0]), *x1 = command_data(p->x[1]);
    const double *way0 = command_data(p->way[0]), *way1 = command_data(p->way[1]);
    double *z = tp__alloc(sizeof *z * PICTURE_GRID * PICTURE_GRID), ignored;
    for (int j = 0; z && x0 && x1 && j < PICTURE_GRID; j++)
        for (int i = 0; i < PICTURE_GRID; i++)
            picture_value(p, x0[i], x1[j], &z[j * PICTURE_GRID + i]);
    for (int64_t i = 0; z && way0 && way1 && i < tp_size(p->way[0]); i++)
        picture_value(p, way0[i], way1[i], &ignored);
    tp_var *grid = z ? tp_array(TP_F64, TP_SHAPE(PICTURE_GRID, PICTURE_GRID), z) : tp_scalar(0);
    tp__free(z);
    return tp_sub(grid, p->least);
}

static void picture_contour(picture *p, tp_plot *plot, tp_var *z)
{
    double high = log10(p->most - p->least);
    if (!isfinite(high))
        return;
    tp_var *levels = tp_pow(10, tp_linspace(TP_F64, high - 4, high, PICTURE_LEVELS));
    tp_plot_contour(plot, p->x[0], p->x[1], z, .levels = levels, .log = true, .color_bar = true,
                    .label = "above the least value");
}

static void picture_way(tp_plot *plot, tp_var *x, tp_var *y)
{
    tp_plot_line(plot, x, y, .color = "orange", .marker = TP_MARKER_DOT, .label = "path");
    tp_plot_points(plot, tp_select(x, 0, -1), tp_select(y, 0, -1), .color = "red",
                   .marker = TP_MARKER_STAR, .label = "end");
}

/* The function at each x. */
static tp_var *picture_values(picture *p, tp_var *x)
{
    TP_NO_GRAD();
    int64_t n = tp_size(x);
    const double *at = command_data(x);
    double *z = tp__alloc(sizeof *z * (size_t)n);
    for (int64_t i = 0; z && at && i < n; i++)
        picture_value(p, at[i], 0, &z[i]);
    tp_var *values = z ? tp_array(TP_F64, TP_SHAPE(n), z) : tp_scalar(0);
    tp__free(z);
    return values;
}

static void picture_draw(picture *p, tp_plot *plot)
{
    if (p->c->size == 1) {
        tp_plot_line(plot, p->x[0], picture_values(p, p->x[0]));
        picture_way(plot, p->way[0], picture_values(p, p->way[0]));
    } else {
        picture_contour(p, plot, picture_heights(p));
        picture_way(plot, p->way[0], p->way[1]);
    }
}

bool command_picture(command *c, tp_var *path)
{
    picture p = {.c = c, .least = (double)INFINITY, .most = -(double)INFINITY};
    tp__text names[2] = {{0}};
    for (int k = 0; k < c->size; k++) {
        p.way[k] = tp_select(path, 1, k);
        p.x[k] = picture_axis(p.way[k]);
        command_element(c, k, &names[k]);
    }
    char *title = command_title(c);
    tp_plot *plot =
        tp_plot_new(.title = title, .x_label = names[0].at, .y_label = names[1].at, .grid = true);
    picture_draw(&p, plot);
    bool saved = tp_plot_save(plot, c->options.output);
    tp_plot_free(plot);
    tp__free(title);
    tp__text_drop(&names[0]);
    tp__text_drop(&names[1]);
    return saved || command_error(c) == STATUS_GOOD;
}
