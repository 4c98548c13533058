/* SPDX-License-Identifier: MIT
 *
 * A storage is a header in a block of memory. Small elements lie behind it in the same block;
 * larger ones have a block of their own, which another storage can take over without copying them
 * (tp__storage_give), as can elements that a plan has computed (tp__storage_settle). Of memory that
 * the caller gave there is only the header, and `release` is called when it is freed.
 */
#include "base/features.h"

#include "base/storage.h"

#include "base/alloc.h"

enum { STORAGE_HEADER = 64, STORAGE_APART = 4096 };
_Static_assert(sizeof(tp__storage) <= STORAGE_HEADER, "data follows the header, aligned");

static tp__storage *storage_make(size_t block)
{
    tp__storage *storage = tp__block_take(tp__here(), block);
    if (!storage)
        return NULL;
    *storage = (tp__storage){0};
    atomic_init(&storage->refs, 1);
    return storage;
}

/* Where elements lie that share the header's block. */
static void *storage_behind(tp__storage *storage)
{
    return (char *)storage + STORAGE_HEADER;
}

/* Large elements have a block of their own, so that another storage can take it over. */
tp__storage *tp__storage_new(size_t bytes)
{
    bool apart = bytes >= STORAGE_APART;
    tp__storage *storage = storage_make(apart ? STORAGE_HEADER : STORAGE_HEADER + bytes);
    if (!storage)
        return NULL;
    storage->bytes = bytes;
    storage->data = apart ? tp__block_take(tp__here(), bytes) : storage_behind(storage);
    if (storage->data)
        return storage;
    tp__block_put(tp__here(), storage, STORAGE_HEADER);
    return NULL;
}

tp__storage *tp__storage_wrap(void *data, void (*release)(void *arg), void *arg)
{
    tp__storage *storage = storage_make(STORAGE_HEADER);
    if (storage) {
        storage->data = data;
        storage->how.release = release;
        storage->arg = arg;
        storage->open = true;
    }
    return storage;
}

tp__storage *tp__storage_defer(size_t bytes, tp__deferred *deferred)
{
    tp__storage *storage = storage_make(STORAGE_HEADER);
    if (storage) {
        storage->bytes = bytes;
        storage->how.deferred = deferred;
    }
    return storage;
}

/* The storage has its elements before its recipe goes, which may free other storages in turn. */
void tp__storage_settle(tp__storage *storage, void *data)
{
    tp__deferred *deferred = storage->how.deferred;
    storage->how.deferred = NULL;
    storage->data = data;
    deferred->drop(deferred);
}

void *tp__storage_give(tp__storage *storage)
{
    if (storage->data == storage_behind(storage))
        return NULL;
    void *data = storage->data;
    storage->data = NULL;
    return data;
}

/* In this order: elements that were never computed, elements behind the header, in a block of their
 * own, or the caller's. A storage whose elements were taken away has nothing but its header. */
void tp__storage_free(tp__storage *storage)
{
    tp__thread *t = tp__here();
    size_t block = STORAGE_HEADER;
    if (!storage->data && storage->how.deferred)
        storage->how.deferred->drop(storage->how.deferred);
    else if (storage->data == storage_behind(storage))
        block += storage->bytes;
    else if (storage->data && storage->bytes)
        tp__block_put(t, storage->data, storage->bytes);
    else if (storage->data && storage->how.release)
        storage->how.release(storage->arg);
    tp__block_put(t, storage, block);
}
