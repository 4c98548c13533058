/* SPDX-License-Identifier: MIT
 *
 * Operations that make one element of many: reductions over axes, scans, sorting.
 */
#ifndef TINYPYTORCH_REDUCE_H
#define TINYPYTORCH_REDUCE_H

#include "number.h"

#ifdef __cplusplus
extern "C" {
#endif

/* --- Reductions over axes ---
 *
 *     tp_sum(x)                                              over everything, to a number
 *     tp_sum(x, .axes = TP_AXES(0, -1), .keepdims = true)    over the first and the last axis
 *
 * keepdims leaves a size of 1 where an axis was summed over. */
typedef struct tp_reduce_options {
    tp_axes axes;  /* none: all */
    bool keepdims; /* default: axes go */
    size_t size;   /* set by the macro: sizeof(tp_reduce_options) */
} tp_reduce_options;

/* Sum, pairwise; integers in int64. Mean: integers give float64, an empty one NaN. */
TP_API tp_var *tp_sum(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_mean(tp_var *x, const tp_reduce_options *options);

/* Largest and smallest; NaN wins; an empty reduction is an error. Ties share the gradient. */
TP_API tp_var *tp_max(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_min(tp_var *x, const tp_reduce_options *options);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__REDUCE(function, x, ...) function(x, &(tp_reduce_options){__VA_ARGS__})
#define tp_sum(...) TP__REDUCE(tp_sum, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#define tp_mean(...) TP__REDUCE(tp_mean, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#define tp_max(...) TP__REDUCE(tp_max, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#define tp_min(...) TP__REDUCE(tp_min, __VA_ARGS__, .size = sizeof(tp_reduce_options))
#endif

#endif
