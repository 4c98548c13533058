/* SPDX-License-Identifier: MIT
 *
 * Sparse Jacobians and Hessians: a few sweeps instead of one for each row.
 *
 *     tp_sparsity *pattern = tp_hessian_sparsity(loss, x);       once for a program
 *     tp_var *values = tp_sparse_hessian(loss, x, pattern);      at every point
 *
 * 1. The *pattern* says which entries of the matrix may be other than zero. It is found from the
 *    recorded graph, and holds for every point at which the program does the same operations. An
 *    element depends
 *      - through an operation by element on the same element of each operand;
 *      - through one that moves, picks or adds elements on those that it takes;
 *      - through a reduction on those that are reduced to it;
 *      - through any other operation on all elements of its operands, which may be too many.
 *    Indices (of tp_gather, a sort, a median) count as part of the program. Values are compared
 *    with one more sweep, along a line; an entry that the pattern misses is an error.
 * 2. Columns that share no row get one *color*, and one sweep gives all columns of a color (Curtis,
 *    Powell & Reid 1974). Where that takes fewer sweeps, rows are colored, and sweeps go back; so
 *    they do where a function of one's own has no jvp. A symmetric matrix needs fewer colors still
 *    (star colors: Gebremedhin, Manne & Pothen 2005).
 * 3. Entries are ordered by row, then by column: compressed sparse rows. Time and memory grow with
 *    the number of entries and of colors. y and x have fewer than 2³² elements each.
 */
#ifndef TINYPYTORCH_SPARSE_H
#define TINYPYTORCH_SPARSE_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a matrix has entries, and its colors. It does not hold the graph. tp_sparsity_free ends it,
 * and ignores NULL. */
typedef struct tp_sparsity tp_sparsity;

/* The pattern of dy / dx, with a row for each element of y and a column for each of x; and that of
 * the second derivatives of y, which has one element. NULL on errors, which are those of
 * tp_gradient (graph.h): x is a constant, or y was computed without recording. */
TP_API tp_sparsity *tp_jacobian_sparsity(tp_var *y, tp_var *x);
TP_API tp_sparsity *tp_hessian_sparsity(tp_var *y, tp_var *x);
TP_API void tp_sparsity_free(tp_sparsity *pattern);

TP_API int64_t tp_sparsity_rows(const tp_sparsity *pattern);
TP_API int64_t tp_sparsity_columns(const tp_sparsity *pattern);
TP_API int64_t tp_sparsity_entries(const tp_sparsity *pattern);
TP_API int64_t tp_sparsity_colors(const tp_sparsity *pattern); /* how many sweeps are needed */

/* Constants of type int64. starts, (rows + 1): row i has the entries starts[i] … starts[i + 1] − 1.
 * row_of and column_of, (entries): the row and the column of each entry. */
TP_API tp_var *tp_sparsity_starts(const tp_sparsity *pattern);
TP_API tp_var *tp_sparsity_row_of(const tp_sparsity *pattern);
TP_API tp_var *tp_sparsity_column_of(const tp_sparsity *pattern);

/* The values of the entries, (entries). y and x are of the program that the pattern was made for.
 * They are recorded, unless recording is off, so that they can be differentiated again. Errors:
 * those of tp_gradient; other sizes than the pattern's; a pattern of the other kind. */
TP_API tp_var *tp_sparse_jacobian(tp_var *y, tp_var *x, const tp_sparsity *pattern);
TP_API tp_var *tp_sparse_hessian(tp_var *y, tp_var *x, const tp_sparsity *pattern);

/* The matrix itself, (rows, columns), with these values in its entries; and its product with a
 * vector v, (columns), which gives (rows) without making the matrix. Both are differentiable. */
TP_API tp_var *tp_sparse_to_dense(const tp_sparsity *pattern, tp_var *values);
TP_API tp_var *tp_sparse_product(const tp_sparsity *pattern, tp_var *values, tp_var *v);

#ifdef __cplusplus
}
#endif

#endif
