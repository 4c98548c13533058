/* SPDX-License-Identifier: MIT
 *
 * Zip archives, as NumPy and PyTorch write them: entries that are stored or deflated, of any size
 * (zip64). Reading goes by the directory at the end, and trusts none of it: entries lie inside the
 * file, share no bytes, have a name each, and no two the same. What is deflated needs zlib
 * (TP_WITH_ZLIB) and gets no memory for more than deflate can hold.
 *
 * Writing stores entries, each of whose bytes begin at a multiple of 64, so that arrays in them can
 * be mapped.
 */
#ifndef TP_ZIP_H
#define TP_ZIP_H

#include "base/file.h"
#include "base/text.h"
#include "io/blob.h"
#include "io/names.h"

typedef struct tp__zip_entry {
    const char *name; /* UTF-8, of the map */
    bool deflated;
    uint32_t crc;
    size_t begin, stored, size; /* where its bytes are; how many there, and how many in all */
    size_t header;              /* where its local header is */
} tp__zip_entry;

/* `entries` stand in the directory's order; `names` finds them. */
typedef struct tp__zip {
    const char *call, *path; /* for messages */
    tp__blob *blob;
    tp__zip_entry *entries;
    size_t n;
    tp__names names;
} tp__zip;

/* False, with an error; tp__zip_close is to be called in any case. */
bool tp__zip_open(tp__zip *zip, const char *call, const char *path, tp__blob *blob);
void tp__zip_close(tp__zip *zip);

/* NULL, and no error, if there is none of this name. */
const tp__zip_entry *tp__zip_find(const tp__zip *zip, const char *name);

/* The bytes of an entry: *begin and the entry's size in the blob that is returned with one
 * reference, which is the archive's or a new one. If `check`, their sum is compared with what the
 * directory says. NULL, with an error. */
tp__blob *tp__zip_read(const tp__zip *zip, const tp__zip_entry *entry, bool check, size_t *begin);

/* An archive that is being written; what goes wrong with the file is kept by that. */
typedef struct tp__zip_writer {
    tp__file *file;
    uint64_t at;
    tp__text directory;
    size_t n;
} tp__zip_writer;

/* A piece of an entry. */
typedef struct tp__zip_piece {
    const void *bytes;
    size_t size;
} tp__zip_piece;

/* Writes an entry of a few pieces. */
void tp__zip_add(tp__zip_writer *zip, const char *name, const tp__zip_piece *pieces, int n);

/* Writes the directory. False, with an error, if there was no memory for it. */
bool tp__zip_end(tp__zip_writer *zip);

#endif
