/* SPDX-License-Identifier: MIT
 *
 * Patterns of matrices as compressed rows, and their colors.
 */
#ifndef TP_SPARSE_H
#define TP_SPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tinypytorch/sparse.h"

/* Columns of row i: index[start[i] … start[i + 1]), rising. In a set, all rows have those of the
 * only one that is there. */
typedef struct tp__pattern {
    int64_t rows;
    bool set;
    int64_t *start;
    uint32_t *index;
} tp__pattern;

struct tp_sparsity {
    tp__pattern entries;
    int64_t columns, n_colors;
    bool symmetric, by_rows; /* by_rows: colors are of rows, sweeps are backwards */
    uint32_t *color;         /* of each column, or row */
    double rounding;         /* relative error of the values to expect */
    int64_t *from;           /* where each entry is in the sweeps' results, one after the other */
};

static inline int64_t tp__pattern_count(const tp__pattern *p)
{
    return p->start[p->set ? 1 : p->rows];
}

void tp__pattern_free(tp__pattern *p);

/* Which elements of x the elements of y depend on: y->size rows, never a set; and how far the
 * coarsest type on the way rounds, relative. False, with an error, when out of memory. */
bool tp__pattern_find(tp_var *y, tp_var *x, tp__pattern *found, double *rounding);

/* Row by row, what a or b has. */
bool tp__pattern_unite(const tp__pattern *a, const tp__pattern *b, int64_t rows, tp__pattern *to);

/* The most entries of a row: a bound from below for the colors of columns. */
int64_t tp__pattern_longest(const tp__pattern *p);

/* The rows of columns. */
bool tp__pattern_turn(const tp__pattern *p, int64_t columns, tp__pattern *turned);

/* Columns of which no row has two get one color; greedy, in their order. */
bool tp__color_columns(const tp__pattern *rows, const tp__pattern *columns, uint32_t *color,
                       int64_t *n);

/* Neighbours get different colors, and every path of four at least three. */
bool tp__color_star(const tp__pattern *p, uint32_t *color, int64_t *n);

#endif
