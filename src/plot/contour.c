/* SPDX-License-Identifier: MIT
 *
 * Lines of equal z by marching squares (Lorensen & Cline 1987, in two dimensions). A grid point is
 * above a level or not, never on it; a level crosses an edge of the grid whose ends differ. Each
 * cell has 0, 2 or 4 crossed edges and pairs them (the mean of its corners decides in a saddle),
 * so every crossing lies on exactly one line. A line is followed from cell to cell: first those
 * that begin at the rim of the usable cells, then what is left, which are loops.
 *
 * The corners of a cell (i, j) are numbered (i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1), and
 * side s joins corner s to the next one: below, right, above, left.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <math.h>

#include "base/alloc.h"

/* One byte a grid point (i, j): about its cell and the edges that start there. */
enum {
    PLOT_CELL = 1,  /* all four corners are usable */
    PLOT_RIM = 2,   /* and some neighbour is not such a cell */
    PLOT_RIGHT = 4, /* the crossing between (i, j) and (i + 1, j) was visited */
    PLOT_UP = 8     /* the one between (i, j) and (i, j + 1) was visited */
};

typedef struct plot_contour_walk {
    const tp__plot_item *grid;
    const tp__plot_sink *sink;
    unsigned char *flags;
    double level;
} plot_contour_walk;

static const size_t plot_corner_x[] = {0, 1, 1, 0}, plot_corner_y[] = {0, 0, 1, 1};

static double plot_contour_z(const tp__plot_item *grid, size_t i, size_t j, unsigned corner)
{
    return grid->z[(j + plot_corner_y[corner]) * grid->n_x + i + plot_corner_x[corner]];
}

static bool plot_contour_usable(const tp__plot_item *grid, size_t i, size_t j)
{
    bool usable = tp__plot_usable(grid->x[i]) && tp__plot_usable(grid->x[i + 1]) &&
                  tp__plot_usable(grid->y[j]) && tp__plot_usable(grid->y[j + 1]);
    for (unsigned corner = 0; corner < 4; corner++)
        usable = usable && tp__plot_usable(plot_contour_z(grid, i, j, corner));
    return usable;
}

/* Moves (i, j) across a side; false if there is no usable cell. Going below 0 wraps around. */
static bool plot_contour_cross(const plot_contour_walk *walk, unsigned side, size_t *i, size_t *j)
{
    const tp__plot_item *grid = walk->grid;
    *i += side == 1 ? 1 : side == 3 ? SIZE_MAX : 0;
    *j += side == 2 ? 1 : side == 0 ? SIZE_MAX : 0;
    return *i < grid->n_x - 1 && *j < grid->n_y - 1 && walk->flags[*j * grid->n_x + *i] & PLOT_CELL;
}

static void plot_contour_flag_cells(plot_contour_walk *walk)
{
    const tp__plot_item *grid = walk->grid;
    for (size_t j = 0; j < grid->n_y - 1; j++) {
        for (size_t i = 0; i < grid->n_x - 1; i++)
            walk->flags[j * grid->n_x + i] = plot_contour_usable(grid, i, j) ? PLOT_CELL : 0;
    }
    for (size_t j = 0; j < grid->n_y - 1; j++) {
        for (size_t i = 0; i < grid->n_x - 1; i++) {
            for (unsigned side = 0; side < 4; side++) {
                size_t next_i = i, next_j = j;
                if (!plot_contour_cross(walk, side, &next_i, &next_j))
                    walk->flags[j * grid->n_x + i] |= PLOT_RIM;
            }
        }
    }
}

/* Bit c is set if corner c is above the level. */
static unsigned plot_contour_above(const plot_contour_walk *walk, size_t i, size_t j)
{
    unsigned above = 0;
    for (unsigned corner = 0; corner < 4; corner++)
        above |= (unsigned)(plot_contour_z(walk->grid, i, j, corner) > walk->level) << corner;
    return above;
}

static bool plot_contour_crossed(unsigned above, unsigned side)
{
    return (above >> side & 1) != (above >> (side + 1) % 4 & 1);
}

/* Where the line that enters a cell by one side leaves it. */
static unsigned plot_contour_exit(const plot_contour_walk *walk, size_t i, size_t j, unsigned side)
{
    unsigned above = plot_contour_above(walk, i, j);
    if (above == 5 || above == 10) {
        double sum = 0;
        for (unsigned corner = 0; corner < 4; corner++)
            sum += plot_contour_z(walk->grid, i, j, corner);
        bool joins_corner_0 = (sum / 4 > walk->level) == (above & 1);
        return joins_corner_0 ? side ^ 1 : 3 - side;
    }
    for (unsigned out = 0; out < 4; out++) {
        if (out != side && plot_contour_crossed(above, out))
            return out;
    }
    return side;
}

/* The flag of a side's edge, and the grid point that keeps it. */
static unsigned char *plot_contour_edge(const plot_contour_walk *walk, size_t i, size_t j,
                                        unsigned side, unsigned char *bit)
{
    *bit = side % 2 ? PLOT_UP : PLOT_RIGHT;
    return &walk->flags[(j + (side == 2)) * walk->grid->n_x + i + (side == 1)];
}

/* Visits the crossing on a side; false if it had been visited. */
static bool plot_contour_visit(const plot_contour_walk *walk, size_t i, size_t j, unsigned side,
                               bool start)
{
    const tp__plot_item *grid = walk->grid;
    unsigned from = side, to = (side + 1) % 4;
    double z = plot_contour_z(grid, i, j, from);
    double t = (walk->level - z) / (plot_contour_z(grid, i, j, to) - z);
    double x = grid->x[i + plot_corner_x[from]], y = grid->y[j + plot_corner_y[from]];
    walk->sink->point(walk->sink->ctx, x + t * (grid->x[i + plot_corner_x[to]] - x),
                      y + t * (grid->y[j + plot_corner_y[to]] - y), start);
    unsigned char bit, *flags = plot_contour_edge(walk, i, j, side, &bit);
    bool fresh = !(*flags & bit);
    *flags |= bit;
    return fresh;
}

/* Follows the line that enters the cell by this side, if it is crossed and was not visited. */
static void plot_contour_follow(const plot_contour_walk *walk, size_t i, size_t j, unsigned side)
{
    unsigned char bit, *flags = plot_contour_edge(walk, i, j, side, &bit);
    if (*flags & bit || !plot_contour_crossed(plot_contour_above(walk, i, j), side))
        return;
    plot_contour_visit(walk, i, j, side, true);
    for (;;) {
        side = plot_contour_exit(walk, i, j, side);
        if (!plot_contour_visit(walk, i, j, side, false) || !plot_contour_cross(walk, side, &i, &j))
            return;
        side ^= 2;
    }
}

static void plot_contour_level(const plot_contour_walk *walk)
{
    const tp__plot_item *grid = walk->grid;
    for (size_t k = 0; k < grid->n_x * grid->n_y; k++)
        walk->flags[k] &= PLOT_CELL | PLOT_RIM;
    for (size_t j = 0; j < grid->n_y - 1; j++) {
        for (size_t i = 0; i < grid->n_x - 1; i++) {
            if (!(walk->flags[j * grid->n_x + i] & PLOT_RIM))
                continue;
            for (unsigned side = 0; side < 4; side++) {
                size_t next_i = i, next_j = j;
                if (walk->flags[j * grid->n_x + i] & PLOT_CELL &&
                    !plot_contour_cross(walk, side, &next_i, &next_j))
                    plot_contour_follow(walk, i, j, side);
            }
        }
    }
    for (size_t j = 0; j < grid->n_y - 1; j++) {
        for (size_t i = 0; i < grid->n_x - 1; i++) {
            if (walk->flags[j * grid->n_x + i] & PLOT_CELL) {
                plot_contour_follow(walk, i, j, 0);
                plot_contour_follow(walk, i, j, 3);
            }
        }
    }
}

bool tp__plot_trace(const tp__plot_item *item, const tp__plot_sink *sink)
{
    if (item->n_x < 2 || item->n_y < 2)
        return true;
    plot_contour_walk walk = {item, sink, tp__alloc_zero(item->n_x, item->n_y), 0};
    if (!walk.flags)
        return false;
    plot_contour_flag_cells(&walk);
    for (size_t k = 0; k < item->n_levels; k++) {
        walk.level = item->levels[k];
        plot_contour_level(&walk);
        sink->done(sink->ctx, k);
    }
    tp__free(walk.flags);
    return true;
}

static void plot_level_bounds(const double *at, size_t n, bool log, tp__plot_range *range)
{
    *range = (tp__plot_range){HUGE_VAL, -HUGE_VAL};
    for (size_t k = 0; k < n; k++) {
        if (tp__plot_usable(at[k]) && (!log || at[k] > 0)) {
            range->low = fmin(range->low, at[k]);
            range->high = fmax(range->high, at[k]);
        }
    }
}

bool tp__plot_choose_levels(tp__plot_item *item)
{
    tp__plot_range range;
    plot_level_bounds(item->z, item->n_x * item->n_y, item->log, &range);
    item->levels = tp__alloc(TP__PLOT_TICKS * sizeof(double));
    if (!item->levels || range.low > range.high)
        return item->levels;
    if (item->log) {
        double low = log(range.low), high = log(range.high);
        item->n_levels = 10;
        for (size_t k = 0; k < item->n_levels; k++)
            item->levels[k] = exp(low + (high - low) * (double)(k + 1) / 11);
        return true;
    }
    tp__plot_ticks ticks;
    tp__plot_widen(&range);
    tp__plot_linear_ticks(&range, 12, &ticks);
    item->n_levels = (size_t)ticks.n;
    for (int k = 0; k < ticks.n; k++)
        item->levels[k] = ticks.at[k];
    return true;
}

void tp__plot_level_range(const tp__plot_item *item, tp__plot_range *range)
{
    plot_level_bounds(item->levels, item->n_levels, item->log, range);
}

double tp__plot_level_place(const tp__plot_item *item, const tp__plot_range *range, double level)
{
    if (range->low >= range->high)
        return 0.5;
    if (item->log)
        return log(level / range->low) / log(range->high / range->low);
    return (level - range->low) / (range->high - range->low);
}
