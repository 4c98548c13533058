/* SPDX-License-Identifier: MIT
 *
 * Greedy colorings in the order of the columns: mark[c] is the column that color c was last
 * forbidden for.
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

bool tp__color_columns(const tp__pattern *rows, const tp__pattern *columns, uint32_t *color,
                       int64_t *n)
{
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

/* Forbids for v, beside w, the colors that would make a path of two colors through w. */
static void color_paths(const tp__pattern *p, const uint32_t *color, int64_t v, uint32_t w,
                        int64_t *mark)
{
    for (int64_t k = p->start[w]; k < p->start[w + 1]; k++) {
        uint32_t x = p->index[k];
        if (x == v || x == w || color[x] == color_none)
            continue;
        bool forbidden = color[w] == color_none;
        for (int64_t l = p->start[x]; !forbidden && l < p->start[x + 1]; l++) {
            uint32_t y = p->index[l];
            forbidden = y != w && y != x && color[y] == color[w];
        }
        if (forbidden)
            mark[color[x]] = v;
    }
}

bool tp__color_star(const tp__pattern *p, uint32_t *color, int64_t *n)
{
    int64_t *mark = color_begin(color, p->rows);
    *n = 0;
    for (int64_t v = 0; mark && v < p->rows; v++) {
        for (int64_t k = p->start[v]; k < p->start[v + 1]; k++) {
            uint32_t w = p->index[k];
            if (w == v)
                continue;
            if (color[w] != color_none)
                mark[color[w]] = v;
            color_paths(p, color, v, w, mark);
        }
        color_take(color, mark, v, n);
    }
    tp__free(mark);
    return mark != NULL;
}
