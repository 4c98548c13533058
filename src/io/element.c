/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "io/element.h"

#include <string.h>

#include "array/array.h"
#include "base/dtype.h"
#include "tinypytorch/array.h"
#include "tinypytorch/error.h"

size_t tp__element_size(int element)
{
    static const uint8_t bytes[] = {1, 2, 2, 4, 1, 1};
    return element < TP_DTYPES ? tp__dtype_size((tp_dtype)element) : bytes[element - TP_DTYPES];
}

tp_dtype tp__element_dtype(int element)
{
    static const uint8_t dtype[] = {TP_I32, TP_I32, TP_I32, TP_I64, TP_F16, TP_F16};
    return element < TP_DTYPES ? (tp_dtype)element : (tp_dtype)dtype[element - TP_DTYPES];
}

bool tp__element_count(const tp__element_array *array, int64_t *elements, size_t *bytes)
{
    size_t item = tp__element_size(array->element),
           ours = tp__dtype_size(tp__element_dtype(array->element));
    int64_t n = 1, most = (int64_t)(PTRDIFF_MAX / (ours > item ? ours : item)), product = 1;
    bool good = true;
    for (int i = 0; i < array->ndim && good; i++) {
        int64_t size = array->shape[i];
        good = size >= 0 && (size == 0 || product <= most / size);
        product *= good && size ? size : 1;
        n *= good ? (size ? 1 : 0) : 1;
    }
    if (!good) {
        char text[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_FILE, "%s: %s: \"%s\" has the shape %s, of which there is no array",
                array->call, array->path, array->name,
                tp__shape_text(text, array->ndim, array->shape));
        return false;
    }
    n = n ? product : 0;
    if (elements)
        *elements = n;
    if (bytes)
        *bytes = (size_t)n * item;
    return true;
}

/* --- Copies --- */

/* sign, 4 bits of exponent with bias 7, 3 of mantissa; all exponents but NaN's are numbers. */
static double element_e4m3(uint8_t bits)
{
    static const double scale[] = {0x1p-9, 0x1p-9, 0x1p-8, 0x1p-7, 0x1p-6, 0x1p-5, 0x1p-4, 0x1p-3,
                                   0x1p-2, 0x1p-1, 0x1p0,  0x1p1,  0x1p2,  0x1p3,  0x1p4,  0x1p5};
    int exponent = bits >> 3 & 15, mantissa = bits & 7;
    double value = (mantissa + (exponent ? 8 : 0)) * scale[exponent];
    return bits & 0x80 ? -value : value;
}

/* One element of a type that we lack, in this machine's order of bytes, as ours. */
static void element_convert(int element, const unsigned char *from, unsigned char *to)
{
    uint16_t two = 0;
    uint32_t four = 0;
    if (tp__element_size(element) == 2)
        memcpy(&two, from, sizeof two);
    else if (tp__element_size(element) == 4)
        memcpy(&four, from, sizeof four);
    int32_t small = element == TP__ELEMENT_I8    ? (int8_t)*from
                    : element == TP__ELEMENT_I16 ? (int16_t)two
                                                 : (int32_t)two;
    int64_t large = four;
    if (element == TP__ELEMENT_E5M2)
        two = (uint16_t)(*from << 8);
    else if (element == TP__ELEMENT_E4M3 && (*from & 0x7F) == 0x7F)
        two = (uint16_t)(*from & 0x80 ? 0xFE00 : 0x7E00);
    else if (element == TP__ELEMENT_E4M3)
        tp__write_element(TP_F16, &two, element_e4m3(*from));
    if (tp__element_dtype(element) == TP_F16)
        memcpy(to, &two, sizeof two);
    else if (tp__element_dtype(element) == TP_I32)
        memcpy(to, &small, sizeof small);
    else
        memcpy(to, &large, sizeof large);
}

/* One element of the file as one of ours. */
static void element_take(const tp__element_array *array, const unsigned char *from,
                         unsigned char *to)
{
    size_t size = tp__element_size(array->element);
    unsigned char ordered[8];
    for (size_t i = 0; i < size; i++)
        ordered[i] = from[array->swapped ? size - 1 - i : i];
    if (array->element == TP_BOOL)
        *to = *from != 0;
    else if (array->element < TP_DTYPES)
        memcpy(to, ordered, size);
    else
        element_convert(array->element, ordered, to);
}

/* Copies all n elements, in row-major order, from where the file has them. */
static void element_copy(const tp__element_array *array, const unsigned char *from, int64_t n,
                         unsigned char *to)
{
    size_t item = tp__element_size(array->element),
           ours = tp__dtype_size(tp__element_dtype(array->element));
    bool same = array->element < TP_DTYPES && array->element != TP_BOOL && !array->swapped;
    int64_t strides[TP_MAX_NDIM], index[TP_MAX_NDIM] = {0}, step = 1, at = 0;
    if (same && !array->columns) {
        memcpy(to, from, (size_t)n * item);
        return;
    }
    for (int i = 0; i < array->ndim; i++) {
        int axis = array->columns ? i : array->ndim - 1 - i;
        strides[axis] = step;
        step *= array->shape[axis];
    }
    for (int64_t k = 0; k < n; k++, to += ours) {
        element_take(array, from + (size_t)at * item, to);
        for (int axis = array->ndim - 1; axis >= 0; axis--) {
            at += strides[axis];
            if (++index[axis] < array->shape[axis])
                break;
            at -= strides[axis] * array->shape[axis];
            index[axis] = 0;
        }
    }
}

/* --- Values --- */

/* True if the bytes can be ours as they lie: a bool is 0 or 1, and no other byte. */
static bool element_is_ours(const tp__element_array *array, const unsigned char *at, int64_t n)
{
    size_t size = tp__element_size(array->element);
    bool good = array->element < TP_DTYPES && n > 0 && (!array->swapped || size == 1) &&
                (!array->columns || array->ndim < 2) && (uintptr_t)at % size == 0;
    for (int64_t i = 0; good && array->element == TP_BOOL && i < n; i++)
        good = at[i] <= 1;
    return good;
}

tp_var *tp__element_value(const tp__element_array *array, tp__blob *blob, size_t offset)
{
    int64_t n;
    size_t bytes;
    tp_dtype dtype = tp__element_dtype(array->element);
    if (!tp__element_count(array, &n, &bytes))
        return tp__poison();
    if (offset > blob->size || bytes > blob->size - offset)
        return tp_fail(TP_ERROR_FILE,
                       "%s: %s: \"%s\" takes %zu bytes from byte %zu on, and there are %zu",
                       array->call, array->path, array->name, bytes, offset, blob->size);
    unsigned char *at = blob->at + offset;
    if (element_is_ours(array, at, n)) {
        tp_var *v = tp_from_memory(dtype, array->ndim, array->shape, NULL, at, tp__blob_drop,
                                   tp__blob_ref(blob));
        if (!tp_is_poison(v))
            v->storage->open = false; /* nobody else writes there */
        return v;
    }
    tp_var *v = tp__empty(dtype, array->ndim, array->shape);
    if (!tp_is_poison(v) && n)
        element_copy(array, at, n, v->data);
    return v;
}
