/* SPDX-License-Identifier: MIT
 *
 * Element types: names, single elements as double, and half types in bits.
 *
 * tp__read_element and tp__write_element know every type: they are the general way, and kernels for
 * a type the fast one. Reading an int64 beyond 2⁵³ rounds it. Writing rounds once, to nearest in
 * floating types and towards 0 in integers.
 *
 * Half types are converted by the bits of floats, without instructions that a processor may lack.
 */
#include "base/features.h"

#include "base/dtype.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "tinypytorch/array.h"

/* The bounds are powers of two, which a double holds; the largest int64 it does not, so the upper
 * ones are excluded. */
bool tp__dtype_fits(tp_dtype dtype, double value)
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
    if (tp__dtype_fits(dtype, value))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %.17g is not a number of %s", call, value,
            tp_dtype_name(dtype));
    return false;
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

/* Rounds to nearest, ties to even. Below the smallest normal half (0x38800000, 2⁻¹⁴) by adding 0.5,
 * a float whose last bit is worth as much as the half's; above by adding to the bits that are cut
 * off almost half of their range, and one more if the last one kept is odd. A carry into the
 * exponent is right: the next number has that exponent. From 0x477ff000 on (65,520) it is infinity.
 */
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

/* A bfloat16 is the upper half of a float, rounded in the same way. */
static uint16_t dtype_write_bfloat(float value)
{
    uint32_t bits = dtype_bits_of(value);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The float next to value on the side of 0, with its last bit set if it is not value itself. So it
 * is a tie between two halves only if value is one, and rounding it to a half gives what rounding
 * value itself would. */
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
