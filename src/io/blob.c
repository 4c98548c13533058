/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "io/blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(TP_NO_THREADS)
#include <sys/mman.h>
#endif

#include "base/alloc.h"
#include "base/numbers.h"
#include "tinypytorch/error.h"

enum { BLOB_PIECE = 1 << 16 };

tp__blob *tp__blob_wrap(void *bytes, size_t size)
{
    tp__blob *blob = bytes ? tp__alloc(sizeof *blob) : NULL;
    if (!blob) {
        tp__free(bytes);
        return NULL;
    }
    atomic_init(&blob->refs, 1);
    blob->at = bytes;
    blob->size = size;
    blob->mapped = false;
    return blob;
}

tp__blob *tp__blob_ref(tp__blob *blob)
{
    atomic_fetch_add_explicit(&blob->refs, 1, memory_order_relaxed);
    return blob;
}

#if defined(TP_NO_THREADS)

static bool blob_map(tp__blob *blob, int descriptor)
{
    (void)blob, (void)descriptor;
    return false;
}

static void blob_unmap(const tp__blob *blob)
{
    (void)blob;
}

#else

static bool blob_map(tp__blob *blob, int descriptor)
{
    void *at = mmap(NULL, blob->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    if (at == MAP_FAILED)
        return false;
    blob->at = at;
    return blob->mapped = true;
}

static void blob_unmap(const tp__blob *blob)
{
    (void)munmap(blob->at, blob->size);
}

#endif

void tp__blob_drop(void *p)
{
    tp__blob *blob = p;
    if (!blob || atomic_fetch_sub_explicit(&blob->refs, 1, memory_order_acq_rel) != 1)
        return;
    if (blob->mapped)
        blob_unmap(blob);
    else
        tp__free(blob->at);
    tp__free(blob);
}

/* Reads on to the file's end into a block that is doubled when it is full; at first it has room for
 * what the file says that it holds, and a byte more, by which the end is noticed. False with errno,
 * or with a pending error when out of memory. */
static bool blob_read(tp__blob *blob, int descriptor, size_t capacity)
{
    blob->size = 0;
    for (;;) {
        if (!blob->at || blob->size == capacity) {
            size_t room = blob->at ? 2 * capacity : capacity;
            unsigned char *grown = tp__alloc_aligned(room);
            if (!grown)
                return false;
            if (blob->size)
                memcpy(grown, blob->at, blob->size);
            tp__free(blob->at);
            blob->at = grown;
            capacity = room;
        }
        ssize_t n = read(descriptor, blob->at + blob->size, capacity - blob->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        blob->size += (size_t)n;
    }
}

/* Fills blob from an open file. False as above. */
static bool blob_fill(tp__blob *blob, int descriptor)
{
    struct stat about;
    if (fstat(descriptor, &about) != 0)
        return false;
    if (S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return false;
    }
    bool plain = S_ISREG(about.st_mode) && about.st_size > 0;
    if (plain && (uintmax_t)about.st_size >= PTRDIFF_MAX) {
        errno = EFBIG;
        return false;
    }
    blob->size = plain ? (size_t)about.st_size : 0;
    return (plain && blob_map(blob, descriptor)) ||
           blob_read(blob, descriptor, plain ? blob->size + 1 : BLOB_PIECE);
}

tp__blob *tp__blob_open(const char *call, const char *path)
{
    tp__blob *blob = tp__alloc_zero(1, sizeof *blob);
    if (!blob)
        return NULL;
    atomic_init(&blob->refs, 1);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    bool good = descriptor >= 0 && blob_fill(blob, descriptor);
    if (!good) {
        char reason[120];
        tp__error_text(reason, sizeof reason, errno);
        tp_fail(TP_ERROR_FILE, "%s: cannot read %s: %s", call, path, reason);
        tp__blob_drop(blob);
    }
    if (descriptor >= 0)
        close(descriptor);
    return good ? blob : NULL;
}
