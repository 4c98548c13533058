/* SPDX-License-Identifier: MIT
 *
 * What is common to datasets: holding them, examples, and batches of examples. And those of a
 * class of the caller's.
 */
#include "base/features.h"

#include "data/dataset.h"

#include <string.h>

#include "base/alloc.h"
#include "base/call.h"
#include "base/random.h"
#include "tinypytorch/random.h"

tp_dataset *tp__dataset_make(const tp__dataset_kind *kind, size_t bytes, int64_t n, int arrays)
{
    if (n < 0 || arrays < 1 || arrays > TP_MAX_ARRAYS) {
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: %lld examples of %d arrays, expected examples of 1 to %d arrays", kind->name,
                (long long)n, arrays, TP_MAX_ARRAYS);
        return NULL;
    }
    tp_dataset *d = tp__alloc_zero(1, bytes);
    if (d)
        *d = (tp_dataset){.kind = kind, .n = n, .arrays = arrays, .refs = 1};
    return d;
}

tp_dataset *tp__dataset_hold(tp_dataset *d)
{
    d->refs++;
    return d;
}

void tp_dataset_free(tp_dataset *d)
{
    if (!d || --d->refs)
        return;
    d->kind->free(d);
    tp__free(d);
}

int64_t tp_dataset_len(const tp_dataset *d)
{
    if (!d)
        tp_fail(TP_ERROR_ARGUMENT, "dataset_len: the dataset is NULL");
    return d ? d->n : 0;
}

int tp_dataset_arrays(const tp_dataset *d)
{
    if (!d)
        tp_fail(TP_ERROR_ARGUMENT, "dataset_arrays: the dataset is NULL");
    return d ? d->arrays : 0;
}

/* --- Examples --- */

/* out is filled, with poison where there is an error. */
static bool dataset_example(tp_dataset *d, int64_t index, tp_var **out)
{
    for (int k = 0; k < d->arrays; k++)
        out[k] = tp__poison();
    d->kind->get(d, index, out);
    for (int k = 0; k < d->arrays && !tp__here()->code; k++)
        if (!out[k] || tp_is_poison(out[k]))
            tp_fail(TP_ERROR_ARGUMENT, "%s: example %lld has no array %d", d->kind->name,
                    (long long)index, k);
    for (int k = 0; k < d->arrays && tp__here()->code; k++)
        out[k] = tp__poison();
    return !tp__here()->code;
}

bool tp_dataset_get(tp_dataset *d, int64_t index, tp_var **out)
{
    if (!d || !out) {
        tp_fail(TP_ERROR_ARGUMENT, "dataset_get: the %s NULL", d ? "place is" : "dataset is");
        return false;
    }
    for (int k = 0; k < d->arrays; k++)
        out[k] = tp__poison();
    if (index < 0 || index >= d->n) {
        tp_fail(TP_ERROR_ARGUMENT, "dataset_get: example %lld of %lld", (long long)index,
                (long long)d->n);
        return false;
    }
    return !tp__here()->code && dataset_example(d, index, out);
}

/* --- Batches --- */

uint64_t tp__data_word(uint64_t i, uint64_t key)
{
    uint32_t word[4];
    tp__philox(i, key, word);
    return word[0] | (uint64_t)word[1] << 32;
}

/* An example with a stream of random numbers of its own. */
static bool dataset_draw(tp_dataset *d, int64_t index, const tp__collation *how, tp_var **out)
{
    tp__thread *t = tp__here();
    uint64_t seed = t->random.seed, block = t->random.block;
    if (how->seeded)
        tp_manual_seed(tp__data_word((uint64_t)index, how->stream));
    bool good = dataset_example(d, index, out);
    if (how->seeded) {
        t->random.seed = seed;
        t->random.block = block;
    }
    return good;
}

/* Writes v's elements to row i of array k, which the first example makes. */
static bool dataset_row(tp__batch *batch, int k, int64_t i, int64_t n, int64_t index, tp_var *v)
{
    tp__batch_array *array = &batch->at[k];
    const void *from = tp__elements(v);
    if (!from)
        return false;
    int64_t shape[TP_MAX_NDIM] = {n};
    for (int a = 0; a < v->ndim && a + 1 < TP_MAX_NDIM; a++)
        shape[a + 1] = tp__shape(v)[a];
    if (i == 0 && !tp__batch_room(batch, k, (tp_dtype)v->dtype, v->ndim + 1, shape))
        return false;
    if (array->dtype != (tp_dtype)v->dtype ||
        !tp__same_shape(v, array->ndim - 1, array->shape + 1)) {
        char ours[TP__SHAPE_TEXT], first[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE,
                "loader_next: array %d of example %lld is %s of shape %s, expected %s of shape %s "
                "as the first one of its batch; .collate makes batches of what differs",
                k, (long long)index, tp_dtype_name((tp_dtype)v->dtype),
                tp__shape_text(ours, v->ndim, tp__shape(v)), tp_dtype_name(array->dtype),
                tp__shape_text(first, array->ndim - 1, array->shape + 1));
        return false;
    }
    size_t bytes = (size_t)v->size * tp__dtype_size(array->dtype);
    memcpy((char *)array->data + (size_t)i * bytes, from, bytes);
    return true;
}

static bool dataset_stack(tp_dataset *d, const int64_t *indices, int64_t n,
                          const tp__collation *how, tp__batch *batch)
{
    bool good = true;
    for (int64_t i = 0; i < n && good; i++) {
        tp_var *out[TP_MAX_ARRAYS];
        size_t mark = tp_scope_begin();
        good = dataset_draw(d, indices[i], how, out);
        for (int k = 0; k < d->arrays && good; k++)
            good = dataset_row(batch, k, i, n, indices[i], out[k]);
        tp_scope_end(mark);
    }
    return good;
}

static bool dataset_collate(tp_dataset *d, const int64_t *indices, int64_t n,
                            const tp__collation *how, tp__batch *batch)
{
    tp_var *out[TP_MAX_ARRAYS];
    tp_var **examples = tp__alloc_zero((size_t)n * (size_t)d->arrays, sizeof(tp_var *));
    bool good = examples;
    size_t mark = tp_scope_begin();
    for (int64_t i = 0; i < n && good; i++)
        good = dataset_draw(d, indices[i], how, examples + i * d->arrays);
    for (int k = 0; k < how->arrays; k++)
        out[k] = NULL;
    if (good)
        how->collate(how->arg, n, d->arrays, examples, out);
    for (int k = 0; k < how->arrays && good; k++) {
        if (!tp__here()->code && (!out[k] || tp_is_poison(out[k])))
            tp_fail(TP_ERROR_ARGUMENT, "loader_next: .collate made no array %d", k);
        good = !tp__here()->code && tp__batch_put(batch, k, out[k]);
    }
    tp_scope_end(mark);
    tp__free(examples);
    return good;
}

bool tp__dataset_batch(tp_dataset *d, const int64_t *indices, int64_t n, const tp__collation *how,
                       tp__batch *batch)
{
    TP__CALLER();
    if (how->collate)
        return dataset_collate(d, indices, n, how, batch);
    if (d->gathers)
        return d->kind->gather(d, indices, n, batch);
    return dataset_stack(d, indices, n, how, batch);
}

/* --- The caller's own --- */

typedef struct dataset_own {
    tp_dataset base;
    tp_dataset_class class;
    void *self;
} dataset_own;

static void dataset_own_get(tp_dataset *d, int64_t index, tp_var **out)
{
    const dataset_own *own = (dataset_own *)d;
    own->class.get(own->self, index, out);
}

static void dataset_own_free(tp_dataset *d)
{
    const dataset_own *own = (dataset_own *)d;
    if (own->class.free)
        own->class.free(own->self);
}

tp_dataset *tp_dataset_new(const tp_dataset_class *c, void *self)
{
    static const tp__dataset_kind kind = {
        .name = "dataset", .get = dataset_own_get, .free = dataset_own_free};
    dataset_own *own = NULL;
    if (!c || !c->len || !c->get)
        tp_fail(TP_ERROR_ARGUMENT, "dataset_new: the class has no len or no get");
    else
        own = (dataset_own *)tp__dataset_make(&kind, sizeof *own, c->len(self), c->arrays);
    if (own) {
        own->class = *c;
        own->self = self;
    } else if (c && c->free) {
        c->free(self);
    }
    return (tp_dataset *)own;
}
