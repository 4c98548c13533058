/* SPDX-License-Identifier: MIT
 *
 * Convolutions apart from nodes. With x (images, groups · channels, in…), w (groups · rows,
 * channels, kernel…) and y (images, groups · rows, out…) there is one sum of products,
 *
 *     y[out] w[tap] x[out · stride + tap · dilation − padding],   x zero outside,
 *
 * and leaving out one factor gives the three operations: y from x and w (convolution), x from y and
 * w (transposed convolution), w from x and y. Always three spatial axes, the first ones of size 1
 * where there are fewer.
 */
#ifndef TP_CONV_H
#define TP_CONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/level.h"
#include "tinypytorch/base.h"

enum { TP__CONV_AXES = 3 };

typedef enum tp__conv_factor { TP__CONV_Y, TP__CONV_X, TP__CONV_W } tp__conv_factor;

typedef struct tp__conv_axis {
    int64_t in, out, kernel, stride, padding, dilation;
} tp__conv_axis;

/* The elements of the three factors are contiguous; that of `result` is written. */
typedef struct tp__conv {
    tp__conv_factor result;
    int64_t images, groups, rows, channels;
    tp__conv_axis axis[TP__CONV_AXES];
    char *x, *w, *y;
    const char *bias; /* added to each channel of the result y, or NULL */
} tp__conv;

/* --- Kernels of a level ---
 *
 * A tile is `rows` rows of up to TP__CONV_VECTORS vectors of `lanes` elements. */
enum { TP__CONV_VECTORS = 3, TP__CONV_LEAST_ROWS = 2 };

/* y[r][i] = bias[r] + Σ_k w[k · rows + r] x[offset[k] + i], for the first n_rows rows, y_row apart,
 * and i < left: less than the vectors hold at a strip's end. rows is the kernels' number of rows,
 * half of it or TP__CONV_LEAST_ROWS; with fewer than all rows, x is read as far as
 * TP__CONV_VECTORS. */
typedef struct tp__conv_tile {
    int64_t depth;
    const int64_t *offset;
    const char *w, *x, *bias;
    char *y;
    int vectors, rows, n_rows;
    int64_t y_row, left;
} tp__conv_tile;

/* sum[j · rows + r] += Σ over units and i < vectors · lanes of y[r · y_row + i]
 * x[offset[j] + i], x taken as zero where keep, all bits or none of an element, is. Units lie
 * y_unit and x_unit apart. */
typedef struct tp__conv_dots {
    int64_t units, vectors;
    const char *x, *y, *keep;
    int64_t x_unit, y_unit, y_row, offset[TP__CONV_VECTORS];
    char *sum;
} tp__conv_dots;

/* n lines of so many bytes, from_step and to_step bytes apart. */
typedef void tp__conv_lines(int64_t n, size_t bytes, const char *from, int64_t from_step, char *to,
                            int64_t to_step);

typedef struct tp__conv_kernels {
    size_t item;
    int rows, lanes;
    double cost; /* of a multiplication and an addition, in nanoseconds, about */
    void (*tile)(const tp__conv_tile *tile);
    void (*dots)(const tp__conv_dots *dots);
    tp__conv_lines *lines;
} tp__conv_kernels;

/* Of float32 and float64. */
typedef const tp__conv_kernels tp__conv_table[2];
TP__AT_LEVELS(tp__conv_table, tp__conv);

/* NULL at the reference level: then there is the plain one. */
const tp__conv_kernels *tp__conv_kernels_of(tp_dtype dtype);

/* Both compute the result of conv; false, with an error, when out of memory. The plain one works in
 * double and takes any floating type. */
bool tp__conv_plain(const tp__conv *conv, tp_dtype dtype);
bool tp__conv_fast(const tp__conv *conv, const tp__conv_kernels *kernels);

#endif
