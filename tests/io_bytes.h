/* SPDX-License-Identifier: MIT
 *
 * Files of bytes that a test writes, and what loading them says.
 */
#ifndef TEST_IO_BYTES_H
#define TEST_IO_BYTES_H

#include "harness.h"

#include <stdio.h>
#include <stdlib.h>

static inline void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (!CHECK(file && fwrite(bytes, 1, n, file) == n))
        abort();
    fclose(file);
}

/* The bytes of a file, to be freed. */
static inline char *read_bytes(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    char *bytes = calloc(1, 1 << 20);
    *n = file && bytes ? fread(bytes, 1, 1 << 20, file) : 0;
    if (file)
        fclose(file);
    return bytes;
}

/* True if both have the same type, shape and bytes. */
static inline bool same_value(tp_var *a, tp_var *b)
{
    static const size_t size[] = {4, 8, 8, 1, 4, 1, 2, 2};
    if (!a || !b || tp_dtype_of(a) != tp_dtype_of(b) || tp_ndim(a) != tp_ndim(b) ||
        memcmp(tp_shape(a), tp_shape(b), (size_t)tp_ndim(a) * sizeof(int64_t)) != 0)
        return false;
    return tp_size(a) == 0 ||
           !memcmp(tp_data(a), tp_data(b), (size_t)tp_size(a) * size[tp_dtype_of(a)]);
}

static inline bool same_dict(const tp_state_dict *a, const tp_state_dict *b)
{
    bool same = a && b && tp_state_dict_len(a) == tp_state_dict_len(b);
    for (int64_t i = 0; same && i < tp_state_dict_len(a); i++)
        same = !strcmp(tp_state_dict_name(a, i), tp_state_dict_name(b, i)) &&
               same_value(tp_state_dict_at(a, i), tp_state_dict_at(b, i));
    return same;
}

/* Values of every type, among them what is easily lost: signs of zeros, NaNs, the largest. */
static inline tp_state_dict *every_type(void)
{
    static const uint64_t bits[3] = {0x8000000000000000, 0x7FF8000000000123, 0x0123456789ABCDEF};
    static const uint8_t bools[3] = {1, 0, 1};
    tp_state_dict *d = tp_state_dict_new();
    for (int dtype = 0; dtype < TP_DTYPES; dtype++)
        tp_state_dict_set(d, tp_dtype_name((tp_dtype)dtype),
                          tp_array((tp_dtype)dtype, TP_SHAPE(3, 1),
                                   dtype == TP_BOOL ? (const void *)bools : (const void *)bits));
    tp_state_dict_set(d, "number", tp_scalar(0.1));
    tp_state_dict_set(d, "empty", tp_zeros(TP_F32, TP_SHAPE(2, 0, 3)));
    tp_state_dict_set(d, "strided", tp_transpose(tp_arange(TP_F32, 0, 3, 1), 0, 0));
    tp_state_dict_set(d, "n\303\244me \"<&\\\n", tp_arange(TP_I64, 0, 5, 1));
    return d;
}

#endif
