/* SPDX-License-Identifier: MIT
 *
 * The bytes of a file, which arrays read from it share without a copy: a private mapping, so that
 * an edit in place changes the memory and not the file, and a page that nobody touches is never
 * read. Where there is no mmap, and for what is no plain file, the bytes are read at once. They go
 * when the last reference does, from whatever thread.
 */
#ifndef TP_BLOB_H
#define TP_BLOB_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct tp__blob {
    _Atomic size_t refs;
    unsigned char *at; /* aligned to at least 64 */
    size_t size;
    bool mapped;
} tp__blob;

/* One reference belongs to the caller. NULL, with an error "call: cannot read path: reason". */
tp__blob *tp__blob_open(const char *call, const char *path);

/* Takes bytes that tp__alloc_aligned gave, also if it fails. */
tp__blob *tp__blob_wrap(void *bytes, size_t size);

tp__blob *tp__blob_ref(tp__blob *blob);

/* NULL is ignored. Of a type that tp_from_memory takes for its release. */
void tp__blob_drop(void *blob);

#endif
