/* SPDX-License-Identifier: MIT
 *
 * Elements outside a node: counted, 64-byte aligned, possibly shared by several views, possibly
 * memory of the caller's. version counts edits in place; read_only storage, which threads share,
 * is never edited, and only its count is atomic.
 *
 * Elements may be deferred: data is NULL and `deferred` tells how to compute them.
 *
 * Edits. `readers` counts the recipes that wait to read these elements, which an edit sees to first
 * (tp__edit in array/array.h). Memory of the caller's (bytes is 0), and memory to which it has a
 * writable pointer, is `open`: it may be written at any time, so what reads it does not wait.
 * Memory to which the caller has a pointer for reading is `pinned`: the elements stay where they
 * are.
 *
 * Blocks go back to the thread that drops them, for storages to come, in classes of size at most a
 * fourth apart.
 */
#ifndef TP_STORAGE_H
#define TP_STORAGE_H

#include "base/features.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How deferred elements are computed (array/deferred.h): all that is known here is how it is
 * freed, when its storage goes or has its elements. */
typedef struct tp__deferred {
    void (*drop)(struct tp__deferred *deferred);
} tp__deferred;

/* data is the first element: behind this header, in a block of its own, or the caller's. */
typedef struct tp__storage {
    _Atomic uint32_t refs;
    uint32_t version;
    uint32_t readers;
    bool read_only, open, pinned;
    bool computed; /* deferred elements that a plan computed and did not keep */
    void *data;
    size_t bytes;
    union {
        tp__deferred *deferred;     /* while data is NULL */
        void (*release)(void *arg); /* set for the caller's memory */
    } how;
    void *arg;
    uint64_t plan;  /* the last plan that met these elements … */
    uint32_t place; /* … and their place in it */
    bool awaited;   /* deferred elements that a sweep reads, … */
    bool needed;    /* … or a recorded rule that no sweep has come to */
} tp__storage;

/* One reference belongs to the caller; NULL, with an error, when out of memory. */
tp__storage *tp__storage_new(size_t bytes);
tp__storage *tp__storage_wrap(void *data, void (*release)(void *arg), void *arg);

/* A storage whose elements `deferred`, which passes to it, will compute. */
tp__storage *tp__storage_defer(size_t bytes, tp__deferred *deferred);

/* Ends the wait: data, a block of its bytes, holds the elements from here on. */
void tp__storage_settle(tp__storage *storage, void *data);

/* Takes the block of elements out of a storage that nobody will read again; NULL if they have none
 * of their own. */
void *tp__storage_give(tp__storage *storage);

void tp__storage_free(tp__storage *storage);

/* Only threads that share a storage need to count in one step that nobody comes between. Alone, a
 * thread reads and writes, which costs less. */
TP_INLINE void tp__storage_ref(tp__storage *storage)
{
    if (TP_UNLIKELY(storage->read_only)) {
        atomic_fetch_add_explicit(&storage->refs, 1, memory_order_relaxed);
        return;
    }
    uint32_t refs = atomic_load_explicit(&storage->refs, memory_order_relaxed);
    atomic_store_explicit(&storage->refs, refs + 1, memory_order_relaxed);
}

TP_INLINE void tp__storage_drop(tp__storage *storage)
{
    if (TP_UNLIKELY(storage->read_only)) {
        if (atomic_fetch_sub_explicit(&storage->refs, 1, memory_order_acq_rel) == 1)
            tp__storage_free(storage);
        return;
    }
    uint32_t refs = atomic_load_explicit(&storage->refs, memory_order_relaxed);
    atomic_store_explicit(&storage->refs, refs - 1, memory_order_relaxed);
    if (refs == 1)
        tp__storage_free(storage);
}

TP_INLINE uint32_t tp__storage_refs(const tp__storage *storage)
{
    return atomic_load_explicit(&storage->refs, memory_order_relaxed);
}

#endif
