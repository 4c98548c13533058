/* SPDX-License-Identifier: MIT
 *
 * The arrays of a batch: made, filled, handed over (dataset.h).
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "base/scope.h"
#include "data/dataset.h"

static bool batch_bytes(tp_dtype dtype, int ndim, const int64_t *shape, size_t *bytes)
{
    *bytes = tp__dtype_size(dtype);
    for (int i = 0; i < ndim; i++)
        if (__builtin_mul_overflow(*bytes, (size_t)shape[i], bytes) || *bytes > PTRDIFF_MAX) {
            tp_fail(TP_ERROR_MEMORY, "loader_next: a batch is larger than memory can be");
            return false;
        }
    return true;
}

static bool batch_grow(tp__batch_array *array, size_t bytes)
{
    if (array->data && array->capacity >= bytes)
        return true;
    tp__free(array->data);
    array->capacity = 0;
    array->data = tp__alloc_aligned(bytes);
    if (!array->data)
        return false;
    array->capacity = bytes;
    return true;
}

void *tp__batch_room(tp__batch *batch, int k, tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp__batch_array *array = &batch->at[k];
    if (!tp__check_shape("loader_next", ndim, shape))
        return NULL;
    array->dtype = dtype;
    array->ndim = ndim;
    for (int i = 0; i < ndim; i++)
        array->shape[i] = shape[i];
    if (k >= batch->n)
        batch->n = k + 1;
    size_t bytes;
    if (batch->for_another)
        return batch_bytes(dtype, ndim, shape, &bytes) && batch_grow(array, bytes) ? array->data
                                                                                   : NULL;
    if (array->var)
        tp__drop(array->var);
    array->var = tp__node_array(tp__here(), dtype, ndim, shape);
    array->data = array->var ? array->var->data : NULL;
    return array->data;
}

bool tp__batch_put(tp__batch *batch, int k, tp_var *v)
{
    const void *from = tp__elements(v);
    void *to = from ? tp__batch_room(batch, k, (tp_dtype)v->dtype, v->ndim, tp__shape(v)) : NULL;
    if (to)
        memcpy(to, from, (size_t)v->size * tp__dtype_size((tp_dtype)v->dtype));
    return to;
}

/* A value of this thread with the elements that another one left. */
static tp_var *batch_copy(const tp__batch_array *array)
{
    tp_var *v = tp__node_array(tp__here(), array->dtype, array->ndim, array->shape);
    if (v)
        memcpy(v->data, array->data, (size_t)v->size * tp__dtype_size(array->dtype));
    return v;
}

bool tp__batch_give(tp__batch *batch, tp_var **out)
{
    bool good = true;
    for (int k = 0; k < batch->n; k++) {
        tp__batch_array *array = &batch->at[k];
        out[k] = tp__own(tp__here(), batch->for_another ? batch_copy(array) : array->var);
        array->var = NULL;
        good = good && !tp_is_poison(out[k]);
    }
    return good;
}

void tp__batch_drop(tp__batch *batch)
{
    for (int k = 0; k < batch->n; k++) {
        if (batch->at[k].var)
            tp__drop(batch->at[k].var);
        if (batch->for_another)
            tp__free(batch->at[k].data);
    }
    batch->n = 0;
}
