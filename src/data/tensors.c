/* SPDX-License-Identifier: MIT
 *
 * Datasets of rows of arrays. An alias of each array is kept, of which only the elements are read,
 * so that workers may do it; a batch is gathered row by row, and converted on the way where it is
 * one of images.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "data/dataset.h"

typedef struct tensors_array {
    tp_var *alias;
    const char *data;
    tp_dtype from, to; /* uint8 to float32 is divided by 255, integers become int64 */
    int ndim;          /* of a row */
    int64_t shape[TP_MAX_NDIM];
    int64_t size; /* elements of a row */
} tensors_array;

typedef struct tensors {
    tp_dataset base;
    tensors_array at[TP_MAX_ARRAYS];
} tensors;

static int64_t tensors_integer(tp_dtype dtype, const char *at)
{
    int32_t narrow;
    int64_t wide;
    switch (dtype) {
    case TP_I32:
        memcpy(&narrow, at, sizeof narrow);
        return narrow;
    case TP_I64:
        memcpy(&wide, at, sizeof wide);
        return wide;
    default:
        return (unsigned char)*at;
    }
}

static void tensors_copy_row(const tensors_array *a, int64_t index, void *to)
{
    size_t size = tp__dtype_size(a->from);
    const char *from = a->data + (size_t)index * (size_t)a->size * size;
    if (a->from == a->to)
        memcpy(to, from, (size_t)a->size * size);
    else if (a->to == TP_F32)
        for (int64_t i = 0; i < a->size; i++)
            ((float *)to)[i] = (float)((const unsigned char *)from)[i] / 255.0f;
    else
        for (int64_t i = 0; i < a->size; i++)
            ((int64_t *)to)[i] = tensors_integer(a->from, from + (size_t)i * size);
}

static bool tensors_gather(tp_dataset *d, const int64_t *indices, int64_t n, tp__batch *batch)
{
    const tensors *own = (tensors *)d;
    for (int k = 0; k < d->arrays; k++) {
        const tensors_array *a = &own->at[k];
        int64_t shape[TP_MAX_NDIM] = {n};
        for (int i = 0; i < a->ndim; i++)
            shape[i + 1] = a->shape[i];
        char *to = tp__batch_room(batch, k, a->to, a->ndim + 1, shape);
        if (!to)
            return false;
        size_t bytes = (size_t)a->size * tp__dtype_size(a->to);
        for (int64_t i = 0; i < n; i++)
            tensors_copy_row(a, indices[i], to + (size_t)i * bytes);
    }
    return true;
}

static void tensors_get(tp_dataset *d, int64_t index, tp_var **out)
{
    const tensors *own = (tensors *)d;
    for (int k = 0; k < d->arrays; k++) {
        const tensors_array *a = &own->at[k];
        out[k] = tp__empty(a->to, a->ndim, a->shape);
        if (tp_is_poison(out[k]))
            return;
        tensors_copy_row(a, index, out[k]->data);
    }
}

static void tensors_free(tp_dataset *d)
{
    const tensors *own = (tensors *)d;
    for (int k = 0; k < d->arrays; k++)
        if (own->at[k].alias)
            tp__drop(own->at[k].alias);
}

static bool tensors_take(tensors_array *a, tp_var *v)
{
    size_t mark = tp_scope_begin();
    tp_var *plain = tp__plain(v); /* a copy of what is not row-major */
    a->alias = tp_is_poison(plain) ? NULL : tp__alias(tp__here(), plain);
    tp_scope_end(mark);
    if (!a->alias)
        return false;
    a->data = a->alias->data;
    a->from = a->to = (tp_dtype)v->dtype;
    a->ndim = v->ndim - 1;
    a->size = 1;
    for (int i = 0; i < a->ndim; i++) {
        a->shape[i] = tp__shape(v)[i + 1];
        a->size *= a->shape[i];
    }
    return true;
}

static bool tensors_check(const char *call, int n, tp_var *const *arrays)
{
    if (n < 1 || n > TP_MAX_ARRAYS || !arrays) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d arrays, expected 1 to %d", call, n, TP_MAX_ARRAYS);
        return false;
    }
    for (int k = 0; k < n; k++) {
        if (!tp__check_operand_of(call, arrays[k], k, n) || tp__here()->code)
            return false;
        if (arrays[k]->ndim < 1) {
            tp__refuse_shape(call, "an array", arrays[k], "a first axis, over the examples");
            return false;
        }
        if (tp__shape(arrays[k])[0] != tp__shape(arrays[0])[0]) {
            tp_fail(TP_ERROR_SHAPE, "%s: array %d has %lld rows, and array 0 has %lld", call, k,
                    (long long)tp__shape(arrays[k])[0], (long long)tp__shape(arrays[0])[0]);
            return false;
        }
    }
    return true;
}

static tensors *tensors_make(const char *call, int n, tp_var *const *arrays)
{
    static const tp__dataset_kind kind = {.name = "tensor_dataset",
                                          .get = tensors_get,
                                          .gather = tensors_gather,
                                          .free = tensors_free};
    if (!tensors_check(call, n, arrays))
        return NULL;
    tensors *own = (tensors *)tp__dataset_make(&kind, sizeof *own, tp__shape(arrays[0])[0], n);
    if (!own)
        return NULL;
    own->base.gathers = true;
    for (int k = 0; k < n; k++)
        if (!tensors_take(&own->at[k], arrays[k])) {
            tp_dataset_free(&own->base);
            return NULL;
        }
    return own;
}

tp_dataset *tp_tensor_dataset_new(int n, tp_var *const *arrays)
{
    return (tp_dataset *)tensors_make("tensor_dataset_new", n, arrays);
}

tp_dataset *tp_image_dataset_new(tp_var *images, tp_var *classes)
{
    tp_var *const arrays[] = {images, classes};
    tensors *own = tensors_make("image_dataset_new", 2, arrays);
    if (!own)
        return NULL;
    bool fits = own->at[0].from == TP_U8 && !tp__is_float(own->at[1].from) && !own->at[1].ndim;
    if (!fits) {
        tp_fail(TP_ERROR_DTYPE,
                "image_dataset_new: images of %s and classes of %s with %d axes, expected uint8 "
                "and integers with one axis",
                tp_dtype_name(own->at[0].from), tp_dtype_name(own->at[1].from),
                own->at[1].ndim + 1);
        tp_dataset_free(&own->base);
        return NULL;
    }
    own->at[0].to = TP_F32;
    own->at[1].to = TP_I64;
    return &own->base;
}
