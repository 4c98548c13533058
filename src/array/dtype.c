/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "array/dtype.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "tinypytorch/array.h"

static const int dtype_rank[] = {[TP_BOOL] = 0, [TP_U8] = 1,   [TP_I32] = 2, [TP_I64] = 3,
                                 [TP_F16] = 4,  [TP_BF16] = 4, [TP_F32] = 5, [TP_F64] = 6};

/* Neither of the two half types holds the other. */
static tp_dtype dtype_larger(tp_dtype a, tp_dtype b)
{
    if (a != b && dtype_rank[a] == dtype_rank[b])
        return TP_F32;
    return dtype_rank[a] > dtype_rank[b] ? a : b;
}

/* bool, then integers, then floating types. */
static int dtype_kind(tp_dtype dtype)
{
    return tp__is_float(dtype) ? 2 : dtype != TP_BOOL;
}

tp_dtype tp__promote(tp_var *const *in, int n)
{
    bool present[3] = {false, false, false};
    tp_dtype best[3] = {TP_BOOL, TP_BOOL, TP_BOOL};
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
        if (present[class] && dtype_kind(best[class]) > dtype_kind(result))
            result = best[class];
    return result;
}

void tp__warn_of_mixed(const char *call, tp_var *const *in, int n)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    bool single = false, full = false;
    for (int i = 0; i < n; i++) {
        single |= in[i]->dtype == TP_F32 && in[i]->ndim > 0;
        full |= in[i]->dtype == TP_F64 && in[i]->ndim > 0;
    }
    if (TP_UNLIKELY(single && full) && !atomic_flag_test_and_set(&said))
        tp__log(
            "%s: float32 and float64 arrays are computed in float64, which takes twice the time "
            "and memory; tp_to brings them to one type (this is said once)",
            call);
}

static bool dtype_fits(tp_dtype dtype, double value)
{
    switch (dtype) {
    case TP_I64:
        return value >= -0x1p63 && value < 0x1p63 && value == floor(value);
    case TP_I32:
        return value >= -0x1p31 && value < 0x1p31 && value == floor(value);
    case TP_U8:
        return value >= 0 && value < 256 && value == floor(value);
    case TP_BOOL:
        return value == 0 || value == 1;
    default:
        return true;
    }
}

bool tp__check_number(const char *call, tp_dtype dtype, double value)
{
    if (dtype_fits(dtype, value))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %.17g is not a number of %s", call, value,
            tp_dtype_name(dtype));
    return false;
}

bool tp__check_weak(const char *call, tp_var *const *in, int n, bool grows, tp_dtype *dtype)
{
    for (int i = 0; i < n; i++) {
        const tp_var *v = in[i];
        if (!(v->flags & TP__WEAK) || (*dtype == TP_I64 && v->dtype == TP_I64))
            continue;
        double value = tp__read_element((tp_dtype)v->dtype, v->data);
        if (grows && !dtype_fits(*dtype, value))
            *dtype = TP_I64;
        else if (!tp__check_number(call, *dtype, value))
            return false;
    }
    return true;
}

bool tp__check_dtype(const char *call, tp_dtype dtype)
{
    if ((unsigned)dtype < TP_DTYPES)
        return true;
    tp_fail(TP_ERROR_DTYPE, "%s: %d is not an element type", call, (int)dtype);
    return false;
}

const char *tp_dtype_name(tp_dtype dtype)
{
    static const char *const names[] = {
        [TP_F32] = "float32", [TP_F64] = "float64", [TP_I64] = "int64",   [TP_U8] = "uint8",
        [TP_I32] = "int32",   [TP_BOOL] = "bool",   [TP_F16] = "float16", [TP_BF16] = "bfloat16"};
    return (unsigned)dtype < TP_DTYPES ? names[dtype] : "unknown";
}

/* --- Half types --- */

static float dtype_float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t dtype_bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A float16's exponent and fraction, moved to a float's place, are its value times 2^-112. */
static float dtype_read_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, rest = (uint32_t)(half & 0x7fff) << 13;
    float size = (half & 0x7c00) == 0x7c00 ? dtype_float_of(rest | 0x7f800000)
                                           : dtype_float_of(rest) * 0x1p112f;
    return dtype_float_of(dtype_bits_of(size) | sign);
}

/* Adding a power of two whose last bit is the half's rounds to nearest, ties to even. */
static uint16_t dtype_write_half(float value)
{
    uint32_t bits = dtype_bits_of(value), sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
    if (size > 0x7f800000)
        return (uint16_t)(sign | 0x7e00);
    if (size >= 0x477ff000)
        return (uint16_t)(sign | 0x7c00);
    if (size < 0x38800000)
        return (uint16_t)(sign | (dtype_bits_of(dtype_float_of(size) + 0.5f) & 0x7ff));
    return (uint16_t)(sign | ((size + 0xfff + (size >> 13 & 1) - 0x38000000) >> 13));
}

static uint16_t dtype_write_bfloat(float value)
{
    uint32_t bits = dtype_bits_of(value);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The float nearest to value on the side of 0, its last bit set if it is not value itself: rounding
 * it to fewer digits rounds value once. */
static float dtype_round_to_odd(double value)
{
    float near = (float)value;
    if (isnan(value) || (double)near == value)
        return near;
    uint32_t bits = dtype_bits_of(near);
    if (fabs((double)near) > fabs(value))
        bits--;
    return dtype_float_of(bits | 1);
}

/* --- Elements --- */

double tp__read_element(tp_dtype dtype, const void *at)
{
    switch (dtype) {
    case TP_F32:
        return (double)*(const float *)at;
    case TP_F64:
        return *(const double *)at;
    case TP_I64:
        return (double)*(const int64_t *)at;
    case TP_I32:
        return *(const int32_t *)at;
    case TP_F16:
        return (double)dtype_read_half(*(const uint16_t *)at);
    case TP_BF16:
        return (double)dtype_float_of((uint32_t) * (const uint16_t *)at << 16);
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
    case TP_I32:
        *(uint32_t *)at = (uint32_t)(uint64_t)dtype_truncate(value);
        break;
    case TP_BOOL:
        *(uint8_t *)at = value != 0;
        break;
    case TP_F16:
        *(uint16_t *)at = dtype_write_half(dtype_round_to_odd(value));
        break;
    case TP_BF16:
        *(uint16_t *)at = dtype_write_bfloat(dtype_round_to_odd(value));
        break;
    default:
        *(uint8_t *)at = (uint8_t)(uint64_t)dtype_truncate(value);
    }
}

double tp__rounded_to(tp_dtype dtype, double value)
{
    char element[sizeof(double)];
    tp__write_element(dtype, element, value);
    return tp__read_element(dtype, element);
}
