/* SPDX-License-Identifier: MIT
 *
 * Greedy colorings in the order of the columns: mark[c] is the column that color c was last
 * forbidden for. Where a row is full, or most entries are there, every column has its own color.
 *
 * Of stars: a vertex of far more neighbours than others gets a color of its own first, which can be
 * in no path of two colors, and is passed over from then on. Where vertices have many neighbours,
 * two at a distance of two get different colors, which is a star coloring too, and quicker to find.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "calculus/sparse.h"

static const uint32_t color_none = UINT32_MAX;

bool tp__pattern_turn(const tp__pattern *p, int64_t columns, tp__pattern *turned)
{
    int64_t count = tp__pattern_count(p);
    *turned = (tp__pattern){.rows = columns};
    turned->start = tp__alloc_zero((size_t)columns + 2, sizeof *turned->start);
    turned->index = tp__alloc((size_t)count * sizeof *turned->index + 1);
    if (!turned->start || !turned->index) {
        tp__pattern_free(turned);
        return false;
    }
    int64_t *next = turned->start + 1;
    for (int64_t k = 0; k < count; k++)
        next[p->index[k] + 1]++;
    for (int64_t j = 0; j < columns; j++)
        next[j + 1] += next[j];
    for (int64_t i = 0; i < p->rows; i++)
        for (int64_t k = p->start[i]; k < p->start[i + 1]; k++)
            turned->index[next[p->index[k]]++] = (uint32_t)i;
    return true;
}

/* The least color that was not marked for column j. */
static void color_take(uint32_t *color, const int64_t *mark, int64_t j, int64_t *n)
{
    uint32_t c = 0;
    while (c < *n && mark[c] == j)
        c++;
    color[j] = c;
    *n = c == *n ? *n + 1 : *n;
}

static int64_t *color_begin(uint32_t *color, int64_t columns)
{
    int64_t *mark = tp__alloc(((size_t)columns + 1) * sizeof *mark);
    for (int64_t i = 0; mark && i <= columns; i++)
        mark[i] = -1;
    for (int64_t i = 0; i < columns; i++)
        color[i] = color_none;
    return mark;
}

int64_t tp__pattern_longest(const tp__pattern *p)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < p->rows; i++)
        if (p->start[i + 1] - p->start[i] > longest)
            longest = p->start[i + 1] - p->start[i];
    return longest;
}

static bool color_each(uint32_t *color, int64_t columns, int64_t *n)
{
    for (int64_t j = 0; j < columns; j++)
        color[j] = (uint32_t)j;
    *n = columns;
    return true;
}

bool tp__color_columns(const tp__pattern *rows, const tp__pattern *columns, uint32_t *color,
                       int64_t *n)
{
    if (tp__pattern_longest(rows) == columns->rows)
        return color_each(color, columns->rows, n);
    int64_t *mark = color_begin(color, columns->rows);
    *n = 0;
    for (int64_t j = 0; mark && j < columns->rows; j++) {
        for (int64_t k = columns->start[j]; k < columns->start[j + 1]; k++) {
            int64_t i = columns->index[k];
            for (int64_t l = rows->start[i]; l < rows->start[i + 1]; l++)
                if (color[rows->index[l]] != color_none)
                    mark[color[rows->index[l]]] = j;
        }
        color_take(color, mark, j, n);
    }
    tp__free(mark);
    return mark != NULL;
}

/* --- Stars --- */

/* A vertex is a hub if it has more neighbours than hub. */
typedef struct color_star {
    const tp__pattern *p;
    uint32_t *color;
    int64_t *mark, hub;
    bool distant; /* colors differ at a distance of two */
} color_star;

static int64_t color_degree(const tp__pattern *p, int64_t v)
{
    return p->start[v + 1] - p->start[v];
}

/* Forbids for v, beside w, the colors that would make a path of two colors through w. */
static void color_paths(const color_star *star, int64_t v, uint32_t w)
{
    const tp__pattern *p = star->p;
    const uint32_t *color = star->color;
    for (int64_t k = p->start[w]; k < p->start[w + 1]; k++) {
        uint32_t x = p->index[k];
        if (x == v || x == w || color[x] == color_none || color_degree(p, x) > star->hub)
            continue;
        bool forbidden = star->distant || color[w] == color_none;
        for (int64_t l = p->start[x]; !forbidden && l < p->start[x + 1]; l++) {
            uint32_t y = p->index[l];
            forbidden = y != w && y != x && color[y] == color[w];
        }
        if (forbidden)
            star->mark[color[x]] = v;
    }
}

static void color_vertex(const color_star *star, int64_t v, int64_t *n)
{
    const tp__pattern *p = star->p;
    for (int64_t k = p->start[v]; k < p->start[v + 1]; k++) {
        uint32_t w = p->index[k];
        if (w == v)
            continue;
        if (star->color[w] != color_none)
            star->mark[star->color[w]] = v;
        if (color_degree(p, w) <= star->hub)
            color_paths(star, v, w);
    }
    color_take(star->color, star->mark, v, n);
}

bool tp__color_star(const tp__pattern *p, uint32_t *color, int64_t *n)
{
    const double patience = 1e9;
    double mean = p->rows ? (double)tp__pattern_count(p) / (double)p->rows : 0, work = 0;
    if (p->rows > 64 && mean > (double)p->rows / 2)
        return color_each(color, p->rows, n);
    color_star star = {.p = p, .color = color, .hub = (int64_t)(8 * mean) + 32};
    star.mark = color_begin(color, p->rows);
    *n = 0;
    for (int64_t v = 0; star.mark && v < p->rows; v++) {
        double degree = (double)color_degree(p, v);
        if (color_degree(p, v) > star.hub)
            color[v] = (uint32_t)(*n)++;
        else
            work += degree * degree * degree;
    }
    star.distant = work > patience;
    for (int64_t v = 0; star.mark && v < p->rows; v++)
        if (color[v] == color_none)
            color_vertex(&star, v, n);
    tp__free(star.mark);
    return star.mark != NULL;
}
