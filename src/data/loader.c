/* SPDX-License-Identifier: MIT
 *
 * The loader. An epoch's order is made when its first batch is asked for, in the loader's thread,
 * while no worker reads the order before. `started` says that order and workers are those of the
 * loader's place; a seek and an epoch's end take it back.
 */
#include "base/features.h"

#include "tinypytorch/data.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "data/order.h"
#include "data/workers.h"

enum { LOADER_WORKERS = 64 };

struct tp_loader {
    tp_dataset *d;
    tp_loader_options o;
    tp__collation how; /* its stream is the epoch's */
    int64_t batch_size, samples, len;
    int64_t epoch, batch;
    double *cumulative; /* of the weights, NULL for none */
    int64_t *order;     /* of an epoch, of all ranks; NULL: the dataset's own */
    bool started;
    tp__workers *workers;
};

/* --- Making --- */

static bool loader_options(const tp_dataset *d, int64_t batch_size, const tp_loader_options *o)
{
    if (!d)
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: the dataset is NULL");
    else if (batch_size < 1)
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: batch size is %lld, expected at least 1",
                (long long)batch_size);
    else if (o->workers < 0 || o->workers > LOADER_WORKERS)
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: workers is %d, expected 0 to %d", o->workers,
                LOADER_WORKERS);
    else if (o->world_size < 1 || o->rank < 0 || o->rank >= o->world_size)
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: rank is %d of world_size %d", o->rank,
                o->world_size);
    else if (o->samples < 0 || (o->samples && !o->weights))
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: samples is %lld, %s", (long long)o->samples,
                o->weights ? "expected none below 0" : "which only .weights draw");
    else if (o->weights && o->shuffle)
        tp_fail(TP_ERROR_ARGUMENT,
                "loader_new: .weights draw at random already, and .shuffle is set");
    else if (o->collate_arrays < 0 || o->collate_arrays > TP_MAX_ARRAYS ||
             (o->collate_arrays && !o->collate))
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: collate_arrays is %d, %s", o->collate_arrays,
                o->collate ? "expected at most 16" : "and there is no .collate");
    else
        return true;
    return false;
}

static bool loader_weigh(tp_loader *l, tp_var *weights)
{
    int64_t n = l->d->n;
    double sum = 0;
    tp_var *wide = tp_to(weights, TP_F64);
    const double *w = tp__elements(wide);
    if (!w)
        return false;
    if (wide->ndim != 1 || wide->size != n) {
        tp__refuse_shape("loader_new", "weights", wide, "(%lld,), one for each example",
                         (long long)n);
        return false;
    }
    l->cumulative = tp__alloc((size_t)n * sizeof *l->cumulative);
    for (int64_t i = 0; i < n && l->cumulative; i++) {
        if (!(w[i] >= 0 && isfinite(w[i]))) {
            tp_fail(TP_ERROR_ARGUMENT, "loader_new: weight %lld is %g, expected at least 0",
                    (long long)i, w[i]);
            return false;
        }
        l->cumulative[i] = sum += w[i];
    }
    if (l->cumulative && !(sum > 0 && isfinite(sum))) {
        tp_fail(TP_ERROR_ARGUMENT, "loader_new: the sum of the weights is %g", sum);
        return false;
    }
    return l->cumulative;
}

static bool loader_measure(tp_loader *l)
{
    size_t mark = tp_scope_begin();
    bool good = !l->o.weights || loader_weigh(l, l->o.weights);
    tp_scope_end(mark);
    if (!good)
        return false;
    int64_t all = l->o.samples ? l->o.samples : l->d->n, world = l->o.world_size;
    l->samples = all / world + (all % world != 0);
    l->len = l->samples / l->batch_size + (!l->o.drop_last && l->samples % l->batch_size);
    if (!l->o.shuffle && !l->o.weights)
        return true;
    if (all > PTRDIFF_MAX / 8) {
        tp_fail(TP_ERROR_MEMORY, "loader_new: an order of %lld examples", (long long)all);
        return false;
    }
    l->order = tp__alloc((size_t)all * sizeof *l->order);
    return l->order;
}

/* --- Batches --- */

/* Where the i-th example of this rank's epoch stands in the dataset. */
static int64_t loader_index(const tp_loader *l, int64_t i)
{
    int64_t all = l->o.samples ? l->o.samples : l->d->n;
    uint64_t place = (uint64_t)i * (uint64_t)l->o.world_size + (uint64_t)l->o.rank;
    place %= (uint64_t)all;
    return l->order ? l->order[place] : (int64_t)place;
}

static bool loader_make(void *arg, int64_t b, tp__batch *batch)
{
    const tp_loader *l = arg;
    int64_t from = b * l->batch_size, n = l->samples - from;
    n = n < l->batch_size ? n : l->batch_size;
    if (n > PTRDIFF_MAX / 8) {
        tp_fail(TP_ERROR_MEMORY, "loader_next: a batch of %lld examples", (long long)n);
        return false;
    }
    int64_t *indices = tp__alloc((size_t)n * sizeof *indices);
    if (!indices)
        return false;
    for (int64_t i = 0; i < n; i++)
        indices[i] = loader_index(l, from + i);
    bool good = tp__dataset_batch(l->d, indices, n, &l->how, batch);
    tp__free(indices);
    return good;
}

static void loader_start(tp_loader *l)
{
    uint64_t key = tp__data_word((uint64_t)l->epoch, l->o.seed);
    tp__workers_rest(l->workers);
    l->how.stream = key + 1;
    if (l->cumulative)
        tp__order_draw(l->order, l->o.samples ? l->o.samples : l->d->n, l->cumulative, l->d->n,
                       key);
    else if (l->order)
        tp__order_shuffle(l->order, l->d->n, key);
    tp__workers_begin(l->workers, l->batch, l->len);
    l->started = true;
}

tp_loader *(tp_loader_new)(tp_dataset *d, int64_t batch_size, const tp_loader_options *options)
{
    tp_loader_options o = TP_OPTIONS(tp_loader_options);
    if (tp__here()->code || !tp__take_options("loader_new", &o, sizeof o, options) ||
        !loader_options(d, batch_size, &o))
        return NULL;
    tp_loader *l = tp__alloc_zero(1, sizeof *l);
    if (!l)
        return NULL;
    l->d = tp__dataset_hold(d);
    l->o = o;
    l->batch_size = batch_size;
    l->how = (tp__collation){.collate = o.collate,
                             .arg = o.collate_arg,
                             .arrays = o.collate_arrays ? o.collate_arrays : d->arrays,
                             .seeded = true};
    if (loader_measure(l) && tp__workers_start(&l->workers, o.workers, loader_make, l))
        return l;
    tp_loader_free(l);
    return NULL;
}

void tp_loader_free(tp_loader *l)
{
    if (!l)
        return;
    tp__workers_free(l->workers);
    tp_dataset_free(l->d);
    tp__free(l->cumulative);
    tp__free(l->order);
    tp__free(l);
}

static bool loader_give(tp_loader *l, tp_var **out)
{
    if (l->workers)
        return tp__workers_take(l->workers, out);
    tp__batch batch = {0};
    bool good = loader_make(l, l->batch, &batch) && tp__batch_give(&batch, out);
    tp__batch_drop(&batch);
    return good;
}

bool tp_loader_next(tp_loader *l, tp_var **batch)
{
    if (!l || !batch) {
        tp_fail(TP_ERROR_ARGUMENT, "loader_next: the %s is NULL", l ? "place" : "loader");
        return false;
    }
    for (int k = 0; k < l->how.arrays; k++)
        batch[k] = tp__poison();
    if (tp__here()->code)
        return false;
    if (!l->started)
        loader_start(l);
    if (l->batch >= l->len) {
        l->epoch++;
        l->batch = 0;
        l->started = false;
        return false;
    }
    bool good = loader_give(l, batch);
    l->batch++;
    for (int k = 0; k < l->how.arrays && !good; k++)
        batch[k] = tp__poison();
    return good;
}

/* --- Place --- */

static bool loader_check(const char *call, const tp_loader *l)
{
    if (!l)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the loader is NULL", call);
    return l;
}

int64_t tp_loader_len(const tp_loader *l)
{
    return loader_check("loader_len", l) ? l->len : 0;
}

int tp_loader_arrays(const tp_loader *l)
{
    return loader_check("loader_arrays", l) ? l->how.arrays : 0;
}

int64_t tp_loader_epoch(const tp_loader *l)
{
    return loader_check("loader_epoch", l) ? l->epoch : 0;
}

int64_t tp_loader_batch(const tp_loader *l)
{
    return loader_check("loader_batch", l) ? l->batch : 0;
}

bool tp_loader_seek(tp_loader *l, int64_t epoch, int64_t batch)
{
    if (!loader_check("loader_seek", l))
        return false;
    if (epoch < 0 || epoch > INT64_MAX / 2 || batch < 0 || batch > l->len) {
        tp_fail(TP_ERROR_ARGUMENT,
                "loader_seek: epoch %lld, batch %lld, expected an epoch from 0 on and one of %lld "
                "batches",
                (long long)epoch, (long long)batch, (long long)l->len);
        return false;
    }
    tp__workers_rest(l->workers);
    l->epoch = epoch;
    l->batch = batch;
    l->started = false;
    return true;
}
