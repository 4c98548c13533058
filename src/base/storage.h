/* SPDX-License-Identifier: MIT
 *
 * Elements outside a node: counted, 64-byte aligned, possibly shared by several views, possibly
 * memory of the caller's. version counts edits in place; read_only storage, which threads share,
 * is never edited.
 */
#ifndef TP_STORAGE_H
#define TP_STORAGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tp__storage {
    _Atomic uint32_t refs;
    uint32_t version;
    bool read_only;
    void *data;
    void (*release)(void *arg); /* set for the caller's memory */
    void *arg;
} tp__storage;

/* One reference belongs to the caller; NULL, with an error, when out of memory. */
tp__storage *tp__storage_new(size_t bytes);
tp__storage *tp__storage_wrap(void *data, void (*release)(void *arg), void *arg);

void tp__storage_ref(tp__storage *storage);
void tp__storage_drop(tp__storage *storage);

#endif
