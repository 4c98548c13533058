/* SPDX-License-Identifier: MIT
 *
 * Element types: order, names and promotion. As in PyTorch, operands fall in three classes: arrays
 * with dimensions, 0-d arrays, plain (weak) numbers. A class changes the type decided by those
 * before it only by being floating where that is not.
 */
#ifndef TP_DTYPE_H
#define TP_DTYPE_H

#include "base/node.h"

TP_INLINE bool tp__is_float(tp_dtype dtype)
{
    return dtype == TP_F32 || dtype == TP_F64;
}

/* The common type of n operands; float64 when all are weak. */
tp_dtype tp__promote(tp_var *const *in, int n);

/* True, or an error that names call. */
bool tp__check_dtype(const char *call, tp_dtype dtype);

double tp__read_element(tp_dtype dtype, const void *at);
void tp__write_element(tp_dtype dtype, void *at, double value);

#endif
