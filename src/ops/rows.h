/* SPDX-License-Identifier: MIT
 *
 * Softmax and normalisation of rows, apart from nodes: each row is read and written while it is in
 * the cache. Threads take rows; how many is decided by the problem only.
 */
#ifndef TP_ROWS_H
#define TP_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "tinypytorch/base.h"

/* Rows of n elements, one after the other. x and gy are what a sweep back reads of a norm, y and gy
 * of a softmax. Sums for weight and bias are added to; they and `to` may be NULL in a norm's. */
typedef struct tp__rows {
    int64_t rows, n;
    const char *x, *y, *gy, *weight, *bias;
    char *to; /* the result, or the gradient of x */
    char *g_weight, *g_bias;
    double epsilon;
} tp__rows;

typedef struct tp__row_kernels {
    double cost; /* of an element, in nanoseconds, about */
    void (*forward)(const tp__rows *rows), (*backward)(const tp__rows *rows);
} tp__row_kernels;

typedef const tp__row_kernels *tp__row_choice(void);

typedef enum tp__row_kind {
    TP__SOFTMAX,
    TP__LOG_SOFTMAX,
    TP__LAYER_NORM,
    TP__RMS_NORM
} tp__row_kind;

const tp__row_kernels *tp__row_reference(tp__row_kind kind, tp_dtype dtype);

void tp__rows_forward(const tp__row_kernels *kernels, const tp__rows *rows, size_t item);

/* Normalisation of channels: x (images, channels, plane), whose statistics are over all but
 * channels; weight, bias and their gradients have one element a channel. Kernels do channels from
 * `first` to `last`. Of gradients NULL is not wanted. */
typedef struct tp__channels {
    int64_t images, channels, plane, first, last;
    const char *x, *gy, *weight, *bias;
    char *to, *g_weight, *g_bias;
    double epsilon;
} tp__channels;

typedef struct tp__channel_kernels {
    double cost;
    void (*forward)(const tp__channels *channels), (*backward)(const tp__channels *channels);
} tp__channel_kernels;

typedef const tp__channel_kernels *tp__channel_choice(void);

const tp__channel_kernels *tp__channel_reference(tp_dtype dtype);
void tp__channels_run(const tp__channel_kernels *kernels, const tp__channels *channels,
                      bool backward);

/* False, with an error, when out of memory. */
bool tp__rows_backward(const tp__row_kernels *kernels, const tp__rows *rows, tp_dtype dtype);

#endif
