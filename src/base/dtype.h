/* SPDX-License-Identifier: MIT
 *
 * Element types: their sizes and names, and single elements of each.
 */
#ifndef TP_DTYPE_H
#define TP_DTYPE_H

#include "base/features.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tinypytorch/base.h"

TP_INLINE size_t tp__dtype_size(tp_dtype dtype)
{
    static const uint8_t bytes[] = {[TP_F32] = 4, [TP_F64] = 8,  [TP_I64] = 8, [TP_U8] = 1,
                                    [TP_I32] = 4, [TP_BOOL] = 1, [TP_F16] = 2, [TP_BF16] = 2};
    return bytes[dtype];
}

TP_INLINE bool tp__is_float(tp_dtype dtype)
{
    return dtype == TP_F32 || dtype == TP_F64 || dtype == TP_F16 || dtype == TP_BF16;
}

/* Kernels know the first four types, the working ones; elements of another type are converted to
 * the one that works for it, which holds all of its numbers. */
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

/* True, or an error that names call. */
bool tp__check_dtype(const char *call, tp_dtype dtype);

/* True if value is a number of dtype, as every one is of a floating type. */
bool tp__dtype_fits(tp_dtype dtype, double value);

/* The same, or an error that names call. */
bool tp__check_number(const char *call, tp_dtype dtype, double value);

double tp__read_element(tp_dtype dtype, const void *at);
void tp__write_element(tp_dtype dtype, void *at, double value);

/* What is read back after value was written. */
double tp__rounded_to(tp_dtype dtype, double value);

#endif
