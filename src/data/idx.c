/* SPDX-License-Identifier: MIT
 *
 * IDX files: two bytes 0, a code for the type, the number of axes, their sizes as 32-bit integers,
 * the elements; big-endian, row-major. And the datasets that come in them.
 */
#include "base/features.h"

#include <stdio.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/text.h"
#include "data/source.h"
#include "tinypytorch/data.h"
#include "tinypytorch/shape.h"

typedef struct idx_type {
    unsigned char code, bytes;
    tp_dtype dtype;
} idx_type;

static const idx_type *idx_type_of(unsigned code)
{
    static const idx_type types[] = {{0x08, 1, TP_U8},  {0x09, 1, TP_I32}, {0x0B, 2, TP_I32},
                                     {0x0C, 4, TP_I32}, {0x0D, 4, TP_F32}, {0x0E, 8, TP_F64}};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].code == code)
            return &types[i];
    return NULL;
}

static uint64_t idx_big_endian(const unsigned char *at, int n)
{
    uint64_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

static tp_var *idx_fail(const char *path, const char *what, size_t at)
{
    return tp_fail(TP_ERROR_FILE, "load_idx: %s: %s, at byte %zu", path, what, at);
}

static void idx_element(const idx_type *type, const unsigned char *from, char *to)
{
    uint64_t bits = idx_big_endian(from, type->bytes);
    uint32_t narrow = (uint32_t)bits;
    if (type->dtype == TP_I32 && type->bytes < 4) {
        uint32_t sign = (uint32_t)1 << (8 * type->bytes - 1);
        narrow = (narrow ^ sign) - sign;
    }
    if (type->bytes == 8)
        memcpy(to, &bits, 8);
    else if (type->dtype == TP_U8)
        *to = (char)narrow;
    else
        memcpy(to, &narrow, 4);
}

static tp_var *idx_elements(const idx_type *type, const unsigned char *from, tp_var *v)
{
    if (tp_is_poison(v))
        return v;
    size_t size = tp__dtype_size(type->dtype), n = (size_t)v->size;
    if (type->dtype == TP_U8)
        memcpy(v->data, from, n);
    else
        for (size_t i = 0; i < n; i++)
            idx_element(type, from + i * type->bytes, (char *)v->data + i * size);
    return v;
}

static tp_var *idx_parse(const char *path, const tp__bytes *bytes)
{
    const unsigned char *at = (const unsigned char *)bytes->at;
    if (bytes->n < 4 || at[0] || at[1])
        return idx_fail(path, "not an IDX file, which begins with two bytes 0", 0);
    const idx_type *type = idx_type_of(at[2]);
    if (!type)
        return idx_fail(path, "an unknown type of elements", 2);
    int ndim = at[3];
    if (ndim < 1 || ndim > TP_MAX_NDIM)
        return idx_fail(path, "a number of axes that is not 1 to 8", 3);
    size_t head = 4 + 4 * (size_t)ndim, need = type->bytes;
    if (bytes->n < head)
        return idx_fail(path, "the file ends within the shape", bytes->n);
    int64_t shape[TP_MAX_NDIM];
    bool empty = false;
    for (int i = 0; i < ndim; i++) {
        shape[i] = (int64_t)idx_big_endian(at + 4 + 4 * i, 4);
        empty = empty || shape[i] == 0;
    }
    for (int i = 0; i < ndim && !empty; i++)
        if (__builtin_mul_overflow(need, (size_t)shape[i], &need))
            need = SIZE_MAX;
    need = empty ? 0 : need;
    if (bytes->n - head != need) {
        char shape_text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_FILE,
                       "load_idx: %s: %zu bytes of elements, where shape %s needs %zu", path,
                       bytes->n - head, tp__shape_text(shape_text, ndim, shape), need);
    }
    return idx_elements(type, at + head, tp__empty(type->dtype, ndim, shape));
}

tp_var *tp_load_idx(const char *path)
{
    tp__bytes bytes;
    if (!tp__source_read("load_idx", path, &bytes))
        return tp__poison();
    tp_var *v = idx_parse(path, &bytes);
    tp__free(bytes.at);
    return v;
}

/* --- MNIST's kin --- */

static const char idx_debian[] = "/usr/share/datasets/fashion-mnist";

static tp_var *idx_from(const char *directory, const char *name)
{
    tp__text text = {0};
    tp__text_format(&text, "%s/%s", directory, name);
    char *plain = tp__text_take(&text);
    tp__text_format(&text, "%s/%s.gz", directory, name);
    char *zipped = tp__text_take(&text);
    tp_var *v = tp__poison();
    if (plain && zipped && !tp__source_exists(plain) && !tp__source_exists(zipped))
        tp_fail(TP_ERROR_FILE,
                "fashion_mnist: there is neither %s nor %s; Debian's package dataset-fashion-mnist "
                "has the files",
                plain, zipped);
    else if (plain && zipped)
        v = tp_load_idx(tp__source_exists(plain) ? plain : zipped);
    tp__free(plain);
    tp__free(zipped);
    return v;
}

/* (n, rows, columns) → (n, 1, rows, columns) */
static tp_var *idx_channel(tp_var *images)
{
    if (tp_is_poison(images))
        return images;
    if (images->ndim != 3)
        return tp__refuse_shape("fashion_mnist", "the file of images", images, "three axes");
    const int64_t *shape = tp__shape(images);
    const int64_t four[] = {shape[0], 1, shape[1], shape[2]};
    return tp_reshape(images, 4, four);
}

tp_dataset *tp_fashion_mnist(const char *directory, bool train)
{
    directory = directory ? directory : idx_debian;
    size_t mark = tp_scope_begin();
    tp_var *images = idx_channel(
        idx_from(directory, train ? "train-images-idx3-ubyte" : "t10k-images-idx3-ubyte"));
    tp_dataset *d = NULL;
    if (!tp_is_poison(images))
        d = tp_image_dataset_new(images, idx_from(directory, train ? "train-labels-idx1-ubyte"
                                                                   : "t10k-labels-idx1-ubyte"));
    tp_scope_end(mark);
    return d;
}
