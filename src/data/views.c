/* SPDX-License-Identifier: MIT
 *
 * Datasets made of others: subsets, splits, concatenations, transforms.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "data/dataset.h"
#include "data/order.h"

static bool view_check(const char *call, const tp_dataset *d)
{
    if (!d)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the dataset is NULL", call);
    return d;
}

/* --- Subsets --- */

typedef struct subset {
    tp_dataset base;
    tp_dataset *of;
    int64_t *indices;
} subset;

static void subset_get(tp_dataset *d, int64_t index, tp_var **out)
{
    const subset *own = (subset *)d;
    own->of->kind->get(own->of, own->indices[index], out);
}

static bool subset_gather(tp_dataset *d, const int64_t *indices, int64_t n, tp__batch *batch)
{
    const subset *own = (subset *)d;
    int64_t *inner = tp__alloc((size_t)n * sizeof *inner);
    if (!inner)
        return false;
    for (int64_t i = 0; i < n; i++)
        inner[i] = own->indices[indices[i]];
    bool good = own->of->kind->gather(own->of, inner, n, batch);
    tp__free(inner);
    return good;
}

static void subset_free(tp_dataset *d)
{
    const subset *own = (subset *)d;
    tp_dataset_free(own->of);
    tp__free(own->indices);
}

static tp_dataset *subset_make(const char *call, tp_dataset *d, int64_t n, const int64_t *indices)
{
    static const tp__dataset_kind kind = {
        .name = "subset", .get = subset_get, .gather = subset_gather, .free = subset_free};
    for (int64_t i = 0; i < n; i++)
        if (indices[i] < 0 || indices[i] >= d->n) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: index %lld of %lld examples", call,
                    (long long)indices[i], (long long)d->n);
            return NULL;
        }
    size_t bytes = (size_t)(n > 0 ? n : 0) * sizeof *indices;
    int64_t *copy = tp__alloc(bytes);
    subset *own = copy ? (subset *)tp__dataset_make(&kind, sizeof *own, n, d->arrays) : NULL;
    if (!own) {
        tp__free(copy);
        return NULL;
    }
    if (bytes)
        memcpy(copy, indices, bytes);
    own->base.gathers = d->gathers;
    own->of = tp__dataset_hold(d);
    own->indices = copy;
    return &own->base;
}

tp_dataset *tp_subset_new(tp_dataset *d, int64_t n, const int64_t *indices)
{
    if (!view_check("subset_new", d))
        return NULL;
    if (n < 0 || (n > 0 && !indices)) {
        tp_fail(TP_ERROR_ARGUMENT, "subset_new: %lld indices%s", (long long)n,
                indices ? "" : " at NULL");
        return NULL;
    }
    return subset_make("subset_new", d, n, indices);
}

static bool split_check(const tp_dataset *d, int n, const int64_t *lengths)
{
    int64_t left = d->n;
    for (int i = 0; i < n && left >= 0; i++)
        left = lengths[i] < 0 || lengths[i] > left ? -1 : left - lengths[i];
    if (left)
        tp_fail(TP_ERROR_ARGUMENT,
                "random_split: the %d lengths do not add up to the dataset's %lld", n,
                (long long)d->n);
    return left == 0;
}

bool tp_random_split(tp_dataset *d, int n, const int64_t *lengths, uint64_t seed, tp_dataset **out)
{
    if (n < 1 || !lengths || !out) {
        tp_fail(TP_ERROR_ARGUMENT, "random_split: %d lengths", n);
        return false;
    }
    for (int i = 0; i < n; i++)
        out[i] = NULL;
    if (!view_check("random_split", d) || !split_check(d, n, lengths))
        return false;
    int64_t *order = tp__alloc((size_t)d->n * sizeof *order), at = 0;
    bool good = order;
    if (good)
        tp__order_shuffle(order, d->n, tp__data_word(0, seed));
    for (int i = 0; i < n && good; at += lengths[i++]) {
        out[i] = subset_make("random_split", d, lengths[i], order + at);
        good = out[i];
    }
    for (int i = 0; i < n && !good; i++) {
        tp_dataset_free(out[i]);
        out[i] = NULL;
    }
    tp__free(order);
    return good;
}

/* --- Concatenations --- */

typedef struct concat {
    tp_dataset base;
    int n;
    tp_dataset **of;
} concat;

static void concat_get(tp_dataset *d, int64_t index, tp_var **out)
{
    const concat *own = (concat *)d;
    int i = 0;
    while (index >= own->of[i]->n)
        index -= own->of[i++]->n;
    own->of[i]->kind->get(own->of[i], index, out);
}

static void concat_free(tp_dataset *d)
{
    const concat *own = (concat *)d;
    for (int i = 0; i < own->n; i++)
        tp_dataset_free(own->of[i]);
    tp__free(own->of);
}

static bool concat_check(int n, tp_dataset *const *datasets, int64_t *total)
{
    if (n < 1 || !datasets) {
        tp_fail(TP_ERROR_ARGUMENT, "concat_dataset_new: %d datasets", n);
        return false;
    }
    *total = 0;
    for (int i = 0; i < n; i++) {
        if (!view_check("concat_dataset_new", datasets[i]))
            return false;
        if (datasets[i]->arrays != datasets[0]->arrays) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "concat_dataset_new: dataset %d has examples of %d arrays, dataset 0 of %d", i,
                    datasets[i]->arrays, datasets[0]->arrays);
            return false;
        }
        if (__builtin_add_overflow(*total, datasets[i]->n, total)) {
            tp_fail(TP_ERROR_ARGUMENT, "concat_dataset_new: more than 2⁶³ examples");
            return false;
        }
    }
    return true;
}

tp_dataset *tp_concat_dataset_new(int n, tp_dataset *const *datasets)
{
    static const tp__dataset_kind kind = {
        .name = "concat_dataset", .get = concat_get, .free = concat_free};
    int64_t total;
    if (!concat_check(n, datasets, &total))
        return NULL;
    tp_dataset **of = tp__alloc((size_t)n * sizeof(tp_dataset *));
    concat *own =
        of ? (concat *)tp__dataset_make(&kind, sizeof *own, total, datasets[0]->arrays) : NULL;
    if (!own) {
        tp__free(of);
        return NULL;
    }
    for (int i = 0; i < n; i++)
        of[i] = tp__dataset_hold(datasets[i]);
    own->n = n;
    own->of = of;
    return &own->base;
}

/* --- Transforms --- */

typedef struct mapped {
    tp_dataset base;
    tp_dataset *of;
    tp_transform *f;
    void *arg;
} mapped;

static void mapped_get(tp_dataset *d, int64_t index, tp_var **out)
{
    const mapped *own = (mapped *)d;
    tp_var *in[TP_MAX_ARRAYS];
    own->of->kind->get(own->of, index, out);
    if (tp__here()->code)
        return;
    memcpy(in, out, (size_t)d->arrays * sizeof(tp_var *));
    own->f(own->arg, in, out);
}

static void mapped_free(tp_dataset *d)
{
    tp_dataset_free(((mapped *)d)->of);
}

tp_dataset *tp_map_dataset_new(tp_dataset *d, tp_transform *f, void *arg)
{
    static const tp__dataset_kind kind = {
        .name = "map_dataset", .get = mapped_get, .free = mapped_free};
    if (!view_check("map_dataset_new", d))
        return NULL;
    if (!f) {
        tp_fail(TP_ERROR_ARGUMENT, "map_dataset_new: the function is NULL");
        return NULL;
    }
    mapped *own = (mapped *)tp__dataset_make(&kind, sizeof *own, d->n, d->arrays);
    if (!own)
        return NULL;
    own->of = tp__dataset_hold(d);
    own->f = f;
    own->arg = arg;
    return &own->base;
}
