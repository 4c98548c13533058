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
    return dtype == TP_F32 || dtype == TP_F64 || dtype == TP_F16 || dtype == TP_BF16;
}

/* Kernels know the first four types, the working ones. This one computes for dtype. */
enum { TP__WORKING_TYPES = 4 };

TP_INLINE bool tp__is_working(tp_dtype dtype)
{
    return (int)dtype < TP__WORKING_TYPES;
}

TP_INLINE tp_dtype tp__working_type(tp_dtype dtype)
{
    static const uint8_t working[] = {
        [TP_F32] = TP_F32, [TP_F64] = TP_F64, [TP_I64] = TP_I64, [TP_U8] = TP_U8,
        [TP_I32] = TP_I64, [TP_BOOL] = TP_U8, [TP_F16] = TP_F32, [TP_BF16] = TP_F32};
    return (tp_dtype)working[dtype];
}

/* The common type of n operands; float64 when all are weak. */
tp_dtype tp__promote(tp_var *const *in, int n);

/* Says once a process that call computes in float64, at double the cost, since float32 and float64
 * arrays are among its n operands. */
void tp__warn_of_mixed(const char *call, tp_var *const *in, int n);

/* True, or an error that names call. */
bool tp__check_dtype(const char *call, tp_dtype dtype);

/* True if value is a number of dtype, as every one is of a floating type; or an error that names
 * call. */
bool tp__check_number(const char *call, tp_dtype dtype, double value);

/* The same for the plain numbers among n operands that promote to the integer type *dtype. Where
 * the type grows instead, because the result does not show it, it becomes int64. */
bool tp__check_weak(const char *call, tp_var *const *in, int n, bool grows, tp_dtype *dtype);

double tp__read_element(tp_dtype dtype, const void *at);
void tp__write_element(tp_dtype dtype, void *at, double value);

/* What is read back after value was written. */
double tp__rounded_to(tp_dtype dtype, double value);

#endif
