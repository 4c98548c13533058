/* SPDX-License-Identifier: MIT
 *
 * Datasets and batches, inside the library.
 *
 * A dataset is of a kind and begins with a tp_dataset. It is held by its maker and by what was made
 * of it, all of one thread, and goes with the last of them. Workers only call get and gather, in
 * several threads at once, and count nothing.
 *
 * A *batch* is arrays that are filled in place: of nodes with one reference, where they will be
 * values of this thread; of memory that is used again and again, where a worker fills them for
 * another thread, which copies them into values of its own.
 */
#ifndef TP_DATASET_H
#define TP_DATASET_H

#include "array/array.h"
#include "tinypytorch/data.h"

typedef struct tp__batch_array {
    tp_dtype dtype;
    int ndim;
    int64_t shape[TP_MAX_NDIM];
    tp_var *var;
    void *data;
    size_t capacity; /* of memory without a node */
} tp__batch_array;

typedef struct tp__batch {
    bool for_another; /* thread: memory, not nodes */
    int n;
    tp__batch_array at[TP_MAX_ARRAYS];
} tp__batch;

/* Makes array k of a batch, whose elements are then to be written; NULL, with an error, when out of
 * memory. */
void *tp__batch_room(tp__batch *batch, int k, tp_dtype dtype, int ndim, const int64_t *shape);

/* Copies v to array k. */
bool tp__batch_put(tp__batch *batch, int k, tp_var *v);

/* Gives the arrays, with one reference each, to the current scope; copies of them, if they are for
 * another thread. Poison on error. */
bool tp__batch_give(tp__batch *batch, tp_var **out);

void tp__batch_drop(tp__batch *batch);

typedef struct tp__dataset_kind {
    const char *name;
    /* Fills out, which holds poison, with values; errors are recorded. */
    void (*get)(tp_dataset *d, int64_t index, tp_var **out);
    /* Fills all arrays of a batch; only called where `gathers` is set. */
    bool (*gather)(tp_dataset *d, const int64_t *indices, int64_t n, tp__batch *batch);
    void (*free)(tp_dataset *d);
} tp__dataset_kind;

struct tp_dataset {
    const tp__dataset_kind *kind;
    int64_t n;
    int arrays, refs;
    bool gathers; /* batches need not be made of examples */
};

/* A zeroed dataset of so many bytes; NULL, with an error, if memory or the number of arrays does
 * not allow it. */
tp_dataset *tp__dataset_make(const tp__dataset_kind *kind, size_t bytes, int64_t n, int arrays);

/* One more holder of d. */
tp_dataset *tp__dataset_hold(tp_dataset *d);

/* How examples become a batch. */
typedef struct tp__collation {
    tp_collate *collate; /* NULL: each array gets a first axis */
    void *arg;
    int arrays;      /* of a batch */
    bool seeded;     /* each example draws by a stream of its own … */
    uint64_t stream; /* … under this key */
} tp__collation;

/* Fills batch with the examples of d that are meant. False, with an error. */
bool tp__dataset_batch(tp_dataset *d, const int64_t *indices, int64_t n, const tp__collation *how,
                       tp__batch *batch);

/* u₀ of block i under a key, as data.h has it. */
uint64_t tp__data_word(uint64_t i, uint64_t key);

#endif
