/* SPDX-License-Identifier: MIT
 *
 * The table of operations: one family a file, each ending with the array of its records.
 */
#ifndef TP_FAMILIES_H
#define TP_FAMILIES_H

#include "graph/op.h"

extern const tp__family tp__family_pow, tp__family_unary, tp__family_sigmoid,
    tp__family_exponential, tp__family_trigonometric, tp__family_special, tp__family_piecewise,
    tp__family_activation, tp__family_comparison, tp__family_logic;
extern const tp__family tp__family_reduce, tp__family_statistics, tp__family_scan_sort,
    tp__family_place;
extern const tp__family tp__family_views, tp__family_slices, tp__family_gather,
    tp__family_rearrange, tp__family_take, tp__family_triangles;
extern const tp__family tp__family_matmul;
extern const tp__family tp__family_products, tp__family_einsum, tp__family_solve, tp__family_factor,
    tp__family_least_squares, tp__family_matrix_function, tp__family_distances;
extern const tp__family tp__family_conv, tp__family_pool, tp__family_resize, tp__family_unfold;
extern const tp__family tp__family_attention, tp__family_positions, tp__family_cells,
    tp__family_recurrent, tp__family_ctc, tp__family_softmax, tp__family_normalization,
    tp__family_linear, tp__family_loss;

/* All families; ends with NULL. */
extern const tp__family *const tp__families[];

/* 1 − v; of a plain number a plain number, so that it does not decide a type. */
tp_var *tp__rest(tp_var *v);

#endif
