/* SPDX-License-Identifier: MIT
 *
 * Reductions as plainly as they can be written, in any type and over any axes: the oracle that
 * tests hold fold.c to. It shares no code with it, so that a mistake in one is not one in the
 * other.
 *
 * The axes fall in two kinds. Each place of the kept ones is a result; the reduced ones are walked
 * from its first element on, in row-major order, by offsets in bytes. Sums are pairwise, in double
 * for floating types (float32 rounds once), in 64 bits for integers.
 */
#ifndef TEST_PLAIN_REDUCE_H
#define TEST_PLAIN_REDUCE_H

#include "base/dtype.h"
#include "base/node.h"
#include "kernels/fold.h"

enum { REDUCE_LEAF = 128 };

/* Axes of one kind, kept or reduced, with strides in bytes, and a place in them: index, which
 * reduce_seek sets and reduce_next moves on. */
typedef struct reduce_axes {
    int ndim;
    int64_t shape[TP_MAX_NDIM], step[TP_MAX_NDIM], index[TP_MAX_NDIM], size;
} reduce_axes;

static inline void reduce_select(reduce_axes *axes, const tp_var *x, unsigned mask)
{
    *axes = (reduce_axes){.size = 1};
    for (int i = 0; i < x->ndim; i++) {
        if (!(mask >> i & 1))
            continue;
        axes->shape[axes->ndim] = tp__shape(x)[i];
        axes->step[axes->ndim++] = tp__strides(x)[i] * (int64_t)tp__dtype_size(x->dtype);
        axes->size *= tp__shape(x)[i];
    }
}

/* The byte offset of the element with this row-major number; index is left there. */
static inline int64_t reduce_seek(reduce_axes *axes, int64_t number)
{
    int64_t offset = 0;
    for (int i = axes->ndim - 1; i >= 0; i--) {
        axes->index[i] = number % axes->shape[i];
        number /= axes->shape[i];
        offset += axes->index[i] * axes->step[i];
    }
    return offset;
}

/* The step in bytes from the element at index to the next. */
static inline int64_t reduce_next(reduce_axes *axes)
{
    int64_t step = 0;
    for (int i = axes->ndim - 1; i >= 0; i--) {
        step += axes->step[i];
        if (++axes->index[i] < axes->shape[i])
            break;
        step -= axes->shape[i] * axes->step[i];
        axes->index[i] = 0;
    }
    return step;
}

/* Halves the elements until few are left: the rounding error then grows with the logarithm of their
 * number, and so does the depth of the calls. The sum starts with the first element, not with 0,
 * which would make +0 of a sum of −0. */
static inline double reduce_sum(reduce_axes *axes, tp_dtype dtype, const char *base, int64_t from,
                                int64_t n)
{
    if (n > REDUCE_LEAF) {
        int64_t half = n / 2 / REDUCE_LEAF * REDUCE_LEAF;
        half = half ? half : REDUCE_LEAF;
        double low = reduce_sum(axes, dtype, base, from, half);
        return low + reduce_sum(axes, dtype, base, from + half, n - half);
    }
    const char *at = base + (n ? reduce_seek(axes, from) : 0);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum = i ? sum + tp__read_element(dtype, at) : tp__read_element(dtype, at);
        at += reduce_next(axes);
    }
    return sum;
}

static inline int64_t reduce_integer(const char *at, tp_dtype dtype)
{
    return dtype == TP_I64 ? *(const int64_t *)at : *(const uint8_t *)at;
}

static inline int64_t reduce_integers(tp__reduction kind, reduce_axes *axes, tp_dtype dtype,
                                      const char *at)
{
    if (axes->size == 0)
        return 0;
    at += reduce_seek(axes, 0);
    int64_t result = reduce_integer(at, dtype);
    for (int64_t i = 1; i < axes->size; i++) {
        at += reduce_next(axes);
        int64_t x = reduce_integer(at, dtype);
        if (kind == TP__SUM)
            result = (int64_t)((uint64_t)result + (uint64_t)x);
        else if (kind == TP__MAX ? x > result : x < result)
            result = x;
    }
    return result;
}

/* Ends at the first NaN, which is the result. */
static inline double reduce_extreme(tp__reduction kind, reduce_axes *axes, tp_dtype dtype,
                                    const char *at)
{
    at += reduce_seek(axes, 0);
    double result = tp__read_element(dtype, at);
    for (int64_t i = 1; i < axes->size && result == result; i++) {
        at += reduce_next(axes);
        double x = tp__read_element(dtype, at);
        if (x != x || (kind == TP__MAX ? x > result : x < result))
            result = x;
    }
    return result;
}

/* result ← reduction of x over the axes whose bit is set. result is contiguous, holds one element
 * for each place of the axes that stay, and has x's type, or int64 for sums of integers. TP__MAX
 * and TP__MIN need something to reduce. */
static inline void plain_reduce(tp__reduction kind, tp_var *result, const tp_var *x, unsigned axes)
{
    reduce_axes kept, reduced;
    reduce_select(&kept, x, ~axes);
    reduce_select(&reduced, x, axes);
    tp_dtype dtype = (tp_dtype)x->dtype;
    size_t item = tp__dtype_size(result->dtype);
    const char *from = x->data;
    char *to = result->data;
    for (int64_t i = 0; i < kept.size; i++, to += item) {
        const char *at = from + reduce_seek(&kept, i);
        if (!tp__is_float(dtype)) {
            int64_t value = reduce_integers(kind, &reduced, dtype, at);
            if (result->dtype == TP_I64)
                *(int64_t *)to = value;
            else
                *(uint8_t *)to = (uint8_t)value;
            continue;
        }
        tp__write_element(result->dtype, to,
                          kind == TP__SUM ? reduce_sum(&reduced, dtype, at, 0, reduced.size)
                                          : reduce_extreme(kind, &reduced, dtype, at));
    }
}

#endif
