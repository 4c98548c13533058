/* SPDX-License-Identifier: MIT
 *
 * Arithmetic of truncated power series whose coefficients are variables, for Taylor rules
 * (Griewank & Walther 2008, ch. 13). NULL is an exact zero and costs nothing; a factor that is the
 * constant 1 is left out. All is made of public operations, so coefficients are graph nodes.
 */
#ifndef TP_SERIES_H
#define TP_SERIES_H

#include "graph/op.h"

tp_var *tp__series_add(tp_var *a, tp_var *b);
tp_var *tp__series_sub(tp_var *a, tp_var *b);
tp_var *tp__series_mul(tp_var *a, tp_var *b);
tp_var *tp__series_scale(tp_var *a, double factor);

/* Coefficient k of the product a b: Σ a[i] b[k − i], i = first … last. */
tp_var *tp__series_cauchy(tp_var *const *a, tp_var *const *b, int k, int first, int last);

/* Coefficient k of a², each pair of factors once. */
tp_var *tp__series_square(tp_var *const *a, int k);

/* slope[i] ← (i + 1) a[i + 1], i = 0 … order − 1: the series of a's derivative. */
void tp__series_slope(tp_var *const *a, int order, tp_var **slope);

/* Coefficient k of the series whose derivative is slope · factor: their product's coefficient
 * k − 1, divided by k. */
tp_var *tp__series_integral(tp_var *const *slope, tp_var *const *factor, int k);

/* log[1 … order] ← the logarithm of a series a, given log[0]. */
void tp__series_log(tp_var *const *a, int order, tp_var **log);

/* jet->y ← the series of y' = u' w, where w is a polynomial of y: w[0] = w0, and from there
 * w[k] = linear y[k] + square (y²)[k]. linear is 0 or 1, square 1 or −1. */
void tp__series_riccati(const tp__jet *jet, tp_var *w0, double linear, double square);

/* Where a walk over the graph starts: a value whose coefficients 0 … are given. */
typedef struct tp__series_seed {
    const tp_var *at;
    tp_var *const *series;
} tp__series_seed;

/* series[0 … order] ← the coefficients of y, given those of n seeds. False, with an error in call's
 * name, if one of the operations on the way has none. (graph/taylor.c) */
bool tp__series_walk(const char *call, tp_var *y, int order, const tp__series_seed *seeds, size_t n,
                     tp_var **series);

/* Room for n coefficients, all NULL; tp__free it. */
tp_var **tp__series_new(int n);

#endif
