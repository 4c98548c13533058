/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "base/storage.h"

#include "base/alloc.h"

enum { STORAGE_HEADER = 64 };
_Static_assert(sizeof(tp__storage) <= STORAGE_HEADER, "data follows the header, aligned");

tp__storage *tp__storage_new(size_t bytes)
{
    tp__storage *storage =
        tp__alloc_aligned(bytes > SIZE_MAX - STORAGE_HEADER ? bytes : STORAGE_HEADER + bytes);
    if (storage) {
        *storage = (tp__storage){.data = (char *)storage + STORAGE_HEADER};
        atomic_init(&storage->refs, 1);
    }
    return storage;
}

tp__storage *tp__storage_wrap(void *data, void (*release)(void *arg), void *arg)
{
    tp__storage *storage = tp__alloc(sizeof *storage);
    if (storage) {
        *storage = (tp__storage){.data = data, .release = release, .arg = arg};
        atomic_init(&storage->refs, 1);
    }
    return storage;
}

void tp__storage_ref(tp__storage *storage)
{
    atomic_fetch_add_explicit(&storage->refs, 1, memory_order_relaxed);
}

void tp__storage_drop(tp__storage *storage)
{
    if (atomic_fetch_sub_explicit(&storage->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (storage->release)
        storage->release(storage->arg);
    tp__free(storage);
}
