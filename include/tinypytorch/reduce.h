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
 *     tp_sum(x, .axes = 1)                                   over axis 1
 *     tp_sum(x, .axes = TP_AXES(0, -1), .keepdims = true)    over the first and the last axis
 *
 * keepdims leaves a size of 1 where an axis was summed over. */
#define TP__DEFAULTS_tp_reduce_options(_) _ axes = TP__ONE(TP_ALL_AXES),
typedef struct tp_reduce_options {
    TP__OPTIONS(tp_reduce_options)
    tp_axes axes;  /* TP_ALL_AXES */
    bool keepdims; /* default: axes go */
} TP__BY_NAME tp_reduce_options;

/* Sum, pairwise; integers in int64. Mean: integers give float64, an empty one NaN. */
TP_API tp_var *tp_sum(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_mean(tp_var *x, const tp_reduce_options *options);

/* Largest and smallest; NaN wins, and among zeros either sign may; an empty reduction is an error.
 * Ties share the gradient, NaN too. */
TP_API tp_var *tp_max(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_min(tp_var *x, const tp_reduce_options *options);

/* Product; integers in int64; 1 of nothing. Derivatives of every order are right with zeros. */
TP_API tp_var *tp_prod(tp_var *x, const tp_reduce_options *options);

/* How many elements are not 0 (int64); whether any, whether all are (uint8). */
TP_API tp_var *tp_count_nonzero(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_any(tp_var *x, const tp_reduce_options *options);
TP_API tp_var *tp_all(tp_var *x, const tp_reduce_options *options);

/* ln Σ eˣ without overflow. Of nothing, or nothing but −inf, it is −inf, with derivative 0. With
 * +inf it is that, whose gradient those that are +inf share. */
TP_API tp_var *tp_logsumexp(tp_var *x, const tp_reduce_options *options);

/* (Σ |x|ᵖ)^(1/p); p = ±inf: the largest or smallest |x|; 0: how many are not 0. With p < 0 an
 * element that is 0 makes it 0. Where it is 0, and for elements that are, derivatives of every
 * order are taken as 0. Powers do not over- or underflow where the norm does not. Of infinite
 * elements with p > 0 the norm is infinite, and they share its gradient; the others have none. */
TP_API tp_var *tp_norm(tp_var *x, double p, const tp_reduce_options *options);

#define TP__DEFAULTS_tp_var_options(_) _ axes = TP__ONE(TP_ALL_AXES),
typedef struct tp_var_options {
    TP__OPTIONS(tp_var_options)
    tp_axes axes;  /* TP_ALL_AXES */
    bool keepdims; /* default: axes go */
    bool biased;   /* divide by n; default: by n − 1 (Bessel's correction) */
} TP__BY_NAME tp_var_options;

/* Σ (x − mean)² / (n − 1), PyTorch's var, and its root. One element gives NaN unless biased. The
 * derivatives of std where it is 0 are taken as 0. */
TP_API tp_var *tp_variance(tp_var *x, const tp_var_options *options);
TP_API tp_var *tp_std(tp_var *x, const tp_var_options *options);

/* --- Along one axis; that of a 0-d array, of one element, is 0 or −1 --- */

/* Sums and products of the elements up to each, in float64 and rounded once; integers in int64.
 * Derivatives of every order are right with zeros. */
TP_API tp_var *tp_cumsum(tp_var *x, int axis);
TP_API tp_var *tp_cumprod(tp_var *x, int axis);

/* Where the largest and the smallest element is (int64): the first of equals, or the first NaN if
 * there is one, in both. The axis goes; an empty one is an error. */
TP_API tp_var *tp_argmax(tp_var *x, int axis);
TP_API tp_var *tp_argmin(tp_var *x, int axis);

/* The positions (int64) that bring x in ascending or descending order; equal elements stay in their
 * order, and NaN is larger than all. */
TP_API tp_var *tp_argsort(tp_var *x, int axis, bool descending);

/* x in order; its k largest or smallest elements, in order; the middle one of an axis, which goes,
 * the lower of two, NaN if there is one. *positions, if not NULL, gets where they were. Gradients
 * go to where the elements came from. */
TP_API tp_var *tp_sort(tp_var *x, int axis, bool descending, tp_var **positions);
TP_API tp_var *tp_topk(tp_var *x, int64_t k, int axis, bool largest, tp_var **positions);
TP_API tp_var *tp_median(tp_var *x, int axis);

#ifdef __cplusplus
}
#endif

#ifdef TP__V
#define TP__REDUCE(function, x, ...)                                                               \
    TP__WITH(tp_reduce_options, function, (TP__V(x), ), __VA_ARGS__)
#define tp_sum(...) TP__REDUCE(tp_sum, __VA_ARGS__, )
#define tp_mean(...) TP__REDUCE(tp_mean, __VA_ARGS__, )
#define tp_max(...) TP__REDUCE(tp_max, __VA_ARGS__, )
#define tp_min(...) TP__REDUCE(tp_min, __VA_ARGS__, )
#define tp_prod(...) TP__REDUCE(tp_prod, __VA_ARGS__, )
#define tp_count_nonzero(...) TP__REDUCE(tp_count_nonzero, __VA_ARGS__, )
#define tp_any(...) TP__REDUCE(tp_any, __VA_ARGS__, )
#define tp_all(...) TP__REDUCE(tp_all, __VA_ARGS__, )
#define tp_logsumexp(...) TP__REDUCE(tp_logsumexp, __VA_ARGS__, )
#define TP__NORM(function, x, p, ...)                                                              \
    TP__WITH(tp_reduce_options, function, (TP__V(x), p, ), __VA_ARGS__)
#define tp_norm(...) TP__NORM(tp_norm, __VA_ARGS__, )
#define TP__VAR(function, x, ...) TP__WITH(tp_var_options, function, (TP__V(x), ), __VA_ARGS__)
#define tp_variance(...) TP__VAR(tp_variance, __VA_ARGS__, )
#define tp_std(...) TP__VAR(tp_std, __VA_ARGS__, )
#endif

#endif
