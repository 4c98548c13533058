/* SPDX-License-Identifier: MIT
 *
 * Sparse Jacobians and Hessians: a few sweeps instead of one for each row.
 *
 *     tp_sparsity *pattern = tp_hessian_sparsity(loss, x);       once for a program
 *     tp_var *values = tp_sparse_hessian(loss, x, pattern);      at every point
 *
 * 1. The pattern is found from the recorded graph: which elements of x each element depends on. It
 *    holds every entry that can be other than zero at any point of the same program. After
 *    operations by element, those that move or pick elements or add picked ones, and reductions it
 *    has no other; after any other operation each element counts as depending on all of the
 * operands. Indices belong to the program, also those of a sort or a median: values are checked
 * along one line, by one sweep more, and where an entry is missing it is an error.
 * 2. Columns that share no row have one color, and a sweep along all columns of a color gives them
 *    all (Curtis, Powell & Reid 1974); rows and sweeps back, where these are fewer. Colors of a
 *    symmetric matrix are of stars (Gebremedhin, Manne & Pothen 2005).
 * 3. Entries are ordered by row, then by column: compressed sparse rows. Time and memory grow with
 *    the number of entries and colors; x has fewer than 2³² elements.
 */
#ifndef TINYPYTORCH_SPARSE_H
#define TINYPYTORCH_SPARSE_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Where a matrix has entries, and its colors; it does not hold the graph. Goes with
 * tp_sparsity_free, which ignores NULL. */
typedef struct tp_sparsity tp_sparsity;

/* That of dy / dx, a row for each element of y; of the second derivatives of y, a number, which is
 * symmetric. NULL, with an error, if y or x cannot be used. */
TP_API tp_sparsity *tp_jacobian_sparsity(tp_var *y, tp_var *x);
TP_API tp_sparsity *tp_hessian_sparsity(tp_var *y, tp_var *x);
TP_API void tp_sparsity_free(tp_sparsity *pattern);

TP_API int64_t tp_sparsity_rows(const tp_sparsity *pattern);
TP_API int64_t tp_sparsity_columns(const tp_sparsity *pattern);
TP_API int64_t tp_sparsity_entries(const tp_sparsity *pattern);
TP_API int64_t tp_sparsity_colors(const tp_sparsity *pattern); /* how many sweeps are needed */

/* Constants in int64: (rows + 1), where each row's entries begin, and how many there are; and the
 * row and the column of each entry. */
TP_API tp_var *tp_sparsity_starts(const tp_sparsity *pattern);
TP_API tp_var *tp_sparsity_row_of(const tp_sparsity *pattern);
TP_API tp_var *tp_sparsity_column_of(const tp_sparsity *pattern);

/* The entries' values, (entries), for y and x of the same program as the pattern's. Recorded,
 * unless recording is off, so that they can be differentiated again. Errors: other sizes than the
 * pattern's, a pattern of the other kind. */
TP_API tp_var *tp_sparse_jacobian(tp_var *y, tp_var *x, const tp_sparsity *pattern);
TP_API tp_var *tp_sparse_hessian(tp_var *y, tp_var *x, const tp_sparsity *pattern);

/* The matrix, (rows, columns), with these values in its entries; and its product with a vector v
 * (columns), (rows), without it. Differentiable. */
TP_API tp_var *tp_sparse_to_dense(const tp_sparsity *pattern, tp_var *values);
TP_API tp_var *tp_sparse_product(const tp_sparsity *pattern, tp_var *values, tp_var *v);

#ifdef __cplusplus
}
#endif

#endif
