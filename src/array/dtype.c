/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "array/dtype.h"

#include <math.h>

#include "tinypytorch/array.h"

static const int dtype_rank[] = {[TP_U8] = 0, [TP_I64] = 1, [TP_F32] = 2, [TP_F64] = 3};

static tp_dtype dtype_larger(tp_dtype a, tp_dtype b)
{
    return dtype_rank[a] > dtype_rank[b] ? a : b;
}

tp_dtype tp__promote(tp_var *const *in, int n)
{
    bool present[3] = {false, false, false};
    tp_dtype best[3] = {TP_U8, TP_U8, TP_U8};
    for (int i = 0; i < n; i++) {
        int class = in[i]->flags & TP__WEAK ? 2 : in[i]->ndim ? 0 : 1;
        tp_dtype dtype = in[i]->flags & TP__WEAK_INT ? TP_I64 : (tp_dtype)in[i]->dtype;
        present[class] = true;
        best[class] = dtype_larger(best[class], dtype);
    }
    if (!present[0] && !present[1])
        return TP_F64;
    tp_dtype result = present[0] ? best[0] : best[1];
    for (int class = 1; class < 3; class ++)
        if (present[class] && tp__is_float(best[class]) && !tp__is_float(result))
            result = best[class];
    return result;
}

bool tp__check_dtype(const char *call, tp_dtype dtype)
{
    if ((unsigned)dtype <= TP_U8)
        return true;
    tp_fail(TP_ERROR_DTYPE, "%s: %d is not an element type", call, (int)dtype);
    return false;
}

const char *tp_dtype_name(tp_dtype dtype)
{
    static const char *const names[] = {
        [TP_F32] = "float32", [TP_F64] = "float64", [TP_I64] = "int64", [TP_U8] = "uint8"};
    return (unsigned)dtype <= TP_U8 ? names[dtype] : "unknown";
}

double tp__read_element(tp_dtype dtype, const void *at)
{
    switch (dtype) {
    case TP_F32:
        return (double)*(const float *)at;
    case TP_F64:
        return *(const double *)at;
    case TP_I64:
        return (double)*(const int64_t *)at;
    default:
        return *(const uint8_t *)at;
    }
}

/* Out of range and NaN have no meaning in C; they become the smallest integer, as on x86. */
static int64_t dtype_truncate(double value)
{
    return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

void tp__write_element(tp_dtype dtype, void *at, double value)
{
    switch (dtype) {
    case TP_F32:
        *(float *)at = (float)value;
        break;
    case TP_F64:
        *(double *)at = value;
        break;
    case TP_I64:
        *(int64_t *)at = dtype_truncate(value);
        break;
    default:
        *(uint8_t *)at = (uint8_t)(uint64_t)dtype_truncate(value);
    }
}
