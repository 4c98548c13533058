/* SPDX-License-Identifier: MIT
 *
 * Softmax and normalisation of rows, apart from nodes: each row is read and written while it is in
 * the cache. Threads take rows; how many is decided by the problem only.
 */
#ifndef TP_ROWS_H
#define TP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

/* Rows of n elements, one after the other. x and gy are what a sweep back reads of a norm, y and gy
 * of a softmax. Sums for weight and bias are added to; they and `to` may be NULL in a norm's. */
typedef struct tp__rows {
    int64_t rows, n;
    const char *x, *y, *gy, *weight, *bias;
    char *to; /* the result, or the gradient of x */
    char *g_weight, *g_bias;
    double epsilon;
    bool past; /* a norm's result goes past the caches, which are too small for it */

    /* Of logarithms of sums one element a row: the result, and its gradient. With classes `at` it
     * is a cross-entropy, 0 in rows of the class `none`. */
    char *each;
    const char *g_each;
    const int64_t *at;
    int64_t none;
} tp__rows;

typedef struct tp__row_kernels {
    double cost; /* of an element, in nanoseconds, about */
    void (*forward)(const tp__rows *rows), (*backward)(const tp__rows *rows);
} tp__row_kernels;

typedef enum tp__row_kind {
    TP__SOFTMAX,
    TP__LOG_SOFTMAX,
    TP__LAYER_NORM,
    TP__RMS_NORM,
    TP__LOG_SUM,
    TP__ROW_KINDS
} tp__row_kind;

/* Of float32 and float64. */
typedef const tp__row_kernels tp__row_table[TP__ROW_KINDS][2];
TP__AT_LEVELS(tp__row_table, tp__rows);

const tp__row_kernels *tp__row_kernels_of(tp__row_kind kind, tp_dtype dtype);

void tp__rows_forward(const tp__row_kernels *kernels, const tp__rows *rows, size_t item);

/* Normalisation of channels: x (images, channels, plane), whose statistics are over all but
 * channels; weight, bias and their gradients have one element a channel. Kernels do channels from
 * `first` to `last`. Of gradients NULL is not wanted. Forward keeps each channel's mean, then each
 * one's 1 / √(variance + ε), for the sweep back. */
typedef struct tp__channels {
    int64_t images, channels, plane, first, last;
    const char *x, *gy, *weight, *bias;
    char *to, *g_weight, *g_bias;
    double *kept;
    double epsilon;
    bool past;
} tp__channels;

/* --- Where plain sums lose digits, for kernels of all kinds; item is 4 or 8, the type's bytes ---
 */

/* One probability y near 1: its gradient is the sum over the others, not a difference from 1. */
#define TP__ROWS_NEAR 0.75
#define TP__ROWS_LOG_NEAR (-0.28768207245178096) /* its logarithm */

typedef struct tp__row_end {
    int64_t at;
    double gradient;
} tp__row_end;

extern const tp__row_end tp__row_no_end;

tp__row_end tp__softmax_end(size_t item, int64_t n, const char *y, const char *gy);
tp__row_end tp__log_softmax_end(size_t item, int64_t n, const char *y, const char *gy);

/* The gradient of ln Σ eˣ where the sum is not a positive number: g shared by infinite elements. */
void tp__log_sum_end(size_t item, int64_t n, const char *x, double g, char *to);

/* ln(ones + rest), of powers of which so many are 1. */
double tp__log_of_powers(double ones, double rest);

/* Elements whose spread is measured: runs of plane elements, stride apart. */
typedef struct tp__spread {
    size_t item;
    int64_t runs, stride, plane;
    bool centred; /* otherwise the mean is taken for 0 */
    const char *x;
    double epsilon;
} tp__spread;

tp__spread tp__spread_of(const tp__channels *channels, size_t item, int64_t channel);

/* True if a sum of squares is a number of the type and its terms were no subnormal ones, or NaN. */
bool tp__square_holds(size_t item, double square);

/* 1 / √(variance + ε), of elements divided by a power of two first. */
double tp__spread_scale(const tp__spread *spread, double *mean);

typedef struct tp__channel_kernels {
    double cost;
    void (*forward)(const tp__channels *channels), (*backward)(const tp__channels *channels);
} tp__channel_kernels;

typedef const tp__channel_kernels tp__channel_table[2];
TP__AT_LEVELS(tp__channel_table, tp__channels);

const tp__channel_kernels *tp__channel_kernels_of(tp_dtype dtype);
void tp__channels_run(const tp__channel_kernels *kernels, const tp__channels *channels, size_t item,
                      bool backward);

/* With an error when out of memory. */
void tp__rows_backward(const tp__row_kernels *kernels, const tp__rows *rows, tp_dtype dtype);

#endif
