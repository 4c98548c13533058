/* SPDX-License-Identifier: MIT
 *
 * Arrays that are large enough to wait, and what tests ask of them.
 */
#ifndef TP_MANY_H
#define TP_MANY_H

#include <math.h>
#include <string.h>

#include "harness.h"

#include "array/deferred.h"

enum { MANY = 9001 };

static inline tp_var *many(tp_dtype dtype, uint64_t seed)
{
    tp_manual_seed(seed);
    return tp_randn(dtype, TP_SHAPE(MANY));
}

static inline bool waits(const tp_var *v)
{
    return !v->data && !v->storage->data;
}

static inline bool same_bits(tp_var *a, tp_var *b)
{
    size_t item = tp_dtype_of(a) == TP_F32 ? 4 : 8;
    return tp_size(a) == tp_size(b) && !memcmp(tp_data(a), tp_data(b), (size_t)tp_size(a) * item);
}

static inline double at(tp_var *v, int64_t i)
{
    const void *data = tp_data(v);
    if (!data)
        return (double)NAN;
    return tp_dtype_of(v) == TP_F32 ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

#endif
