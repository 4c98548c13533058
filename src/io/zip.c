/* SPDX-License-Identifier: MIT
 *
 * Reading zip archives (zip.h). All numbers are little-endian. From the end of the file: the end
 * record, which tells where the directory is, with a zip64 record before it if a number has no room
 * there; the directory, one record for each entry, with the numbers that have no room in an extra
 * field; and before them the entries, each behind a local header, which repeats what the directory
 * says and may be longer than that.
 */
#include "base/features.h"

#include "io/zip.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(TP_WITH_ZLIB)
#include <zlib.h>
#endif

#include "base/alloc.h"
#include "base/call.h"
#include "io/crc.h"
#include "io/formats.h"
#include "tinypytorch/error.h"

enum {
    ZIP_LOCAL = 0x04034b50, /* signatures, and sizes of what follows them too */
    ZIP_LOCAL_SIZE = 30,
    ZIP_DIRECTORY = 0x02014b50,
    ZIP_DIRECTORY_SIZE = 46,
    ZIP_END = 0x06054b50,
    ZIP_END_SIZE = 22,
    ZIP_END64 = 0x06064b50,
    ZIP_END64_SIZE = 56,
    ZIP_LOCATOR = 0x07064b50,
    ZIP_LOCATOR_SIZE = 20,
    ZIP_COMMENT = 0xFFFF,  /* at most, behind the end record */
    ZIP_MOST = 1032,       /* what deflate makes of a byte, at most */
    ZIP_ENCRYPTED = 1 << 0 /* a flag of an entry */
};

static uint64_t zip_number(const unsigned char *at, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++)
        number |= (uint64_t)at[i] << 8 * i;
    return number;
}

/* The record that has this signature at byte number `at`, if there is room for it; else NULL. */
static const unsigned char *zip_record(const tp__zip *zip, uint64_t at, uint32_t signature,
                                       size_t size)
{
    const tp__blob *blob = zip->blob;
    if (at > blob->size || size > blob->size - (size_t)at ||
        zip_number(blob->at + at, 4) != signature)
        return NULL;
    return blob->at + at;
}

static bool zip_fail(const tp__zip *zip, const char *what)
{
    return tp__format_fail(zip->call, zip->path, "not a sound zip archive: %s", what);
}

/* --- The directory --- */

typedef struct zip_directory {
    uint64_t n, size, begin;
} zip_directory;

/* The end record is the last one whose comment ends with the file. */
static bool zip_find_end(const tp__zip *zip, size_t *at)
{
    size_t size = zip->blob->size;
    for (size_t comment = 0; comment <= ZIP_COMMENT && comment + ZIP_END_SIZE <= size; comment++) {
        *at = size - ZIP_END_SIZE - comment;
        const unsigned char *end = zip_record(zip, *at, ZIP_END, ZIP_END_SIZE);
        if (end && zip_number(end + 20, 2) == comment)
            return true;
    }
    return zip_fail(zip, "there is no end record");
}

static bool zip_find_directory(const tp__zip *zip, zip_directory *directory)
{
    size_t at = 0;
    if (!zip_find_end(zip, &at))
        return false;
    const unsigned char *end = zip->blob->at + at, *locator = NULL, *end64 = NULL;
    *directory =
        (zip_directory){zip_number(end + 10, 2), zip_number(end + 12, 4), zip_number(end + 16, 4)};
    if (at >= ZIP_LOCATOR_SIZE)
        locator = zip_record(zip, at - ZIP_LOCATOR_SIZE, ZIP_LOCATOR, ZIP_LOCATOR_SIZE);
    if (locator) {
        end64 = zip_record(zip, zip_number(locator + 8, 8), ZIP_END64, ZIP_END64_SIZE);
        if (!end64)
            return zip_fail(zip, "the zip64 record is missing");
        *directory = (zip_directory){zip_number(end64 + 32, 8), zip_number(end64 + 40, 8),
                                     zip_number(end64 + 48, 8)};
    }
    if (directory->begin > at || directory->size > at - directory->begin ||
        directory->n > directory->size / ZIP_DIRECTORY_SIZE)
        return zip_fail(zip, "the directory does not fit into the file");
    return true;
}

/* Takes from the extra field of zip64 the numbers that have no room in the record, in their order.
 */
static bool zip_take_large(const unsigned char *extra, size_t length, uint64_t *const *numbers)
{
    while (length >= 4) {
        size_t size = (size_t)zip_number(extra + 2, 2);
        if (size > length - 4)
            return false;
        if (zip_number(extra, 2) == 1) {
            const unsigned char *at = extra + 4;
            for (int i = 0; i < 3; i++)
                if (*numbers[i] == UINT32_MAX) {
                    if (size < 8)
                        return false;
                    *numbers[i] = zip_number(at, 8);
                    at += 8;
                    size -= 8;
                }
            return true;
        }
        extra += 4 + size;
        length -= 4 + size;
    }
    return true;
}

/* Where the entry's bytes begin: behind its local header, whose name must be the directory's. */
static bool zip_find_bytes(const tp__zip *zip, tp__zip_entry *entry, uint64_t header, size_t length)
{
    const unsigned char *local = zip_record(zip, header, ZIP_LOCAL, ZIP_LOCAL_SIZE + length);
    if (!local || zip_number(local + 26, 2) != length ||
        memcmp(local + ZIP_LOCAL_SIZE, entry->name, length) != 0)
        return zip_fail(zip, "an entry is not where the directory says");
    entry->header = (size_t)header;
    entry->begin = (size_t)header + ZIP_LOCAL_SIZE + length + (size_t)zip_number(local + 28, 2);
    if (entry->begin > zip->blob->size || entry->stored > zip->blob->size - entry->begin)
        return zip_fail(zip, "an entry ends behind the file");
    return true;
}

/* Checks method and sizes. */
static bool zip_check_entry(const tp__zip *zip, const tp__zip_entry *entry, unsigned flags,
                            unsigned method, uint64_t stored, uint64_t size)
{
    if (flags & ZIP_ENCRYPTED)
        return tp__format_fail(zip->call, zip->path, "%.100s is encrypted", entry->name);
    if (method != 0 && method != 8)
        return tp__format_fail(zip->call, zip->path,
                               "%.100s is compressed by method %u, expected stored or deflated",
                               entry->name, method);
    if (stored > zip->blob->size || (method == 0 && size != stored) || size / ZIP_MOST > stored ||
        size > PTRDIFF_MAX)
        return tp__format_fail(zip->call, zip->path,
                               "%.100s cannot have %llu bytes, of which %llu are stored",
                               entry->name, (unsigned long long)size, (unsigned long long)stored);
    return true;
}

/* Reads one record of the directory, of which `room` bytes are left; its length, or 0 with an
 * error. */
static size_t zip_read_record(tp__zip *zip, const unsigned char *at, size_t room)
{
    if (room < ZIP_DIRECTORY_SIZE || zip_number(at, 4) != ZIP_DIRECTORY)
        return zip_fail(zip, "the directory is damaged");
    size_t length = (size_t)zip_number(at + 28, 2), extra = (size_t)zip_number(at + 30, 2);
    size_t all = ZIP_DIRECTORY_SIZE + length + extra + (size_t)zip_number(at + 32, 2);
    uint64_t stored = zip_number(at + 20, 4), size = zip_number(at + 24, 4),
             header = zip_number(at + 42, 4);
    const unsigned char *name = at + ZIP_DIRECTORY_SIZE;
    if (all > room ||
        !zip_take_large(name + length, extra, (uint64_t *[]){&size, &stored, &header}))
        return zip_fail(zip, "the directory is damaged");
    if (!tp__format_is_text((const char *)name, length))
        return zip_fail(zip, "the name of an entry is not UTF-8");
    tp__text text = {0};
    tp__text_add(&text, (const char *)name, length);
    if (text.failed)
        return 0;
    size_t before = zip->names.n;
    const tp__names_entry *named = tp__names_add(&zip->names, text.at);
    tp__zip_entry *entry = &zip->entries[zip->n];
    bool twice = named && zip->names.n == before;
    if (twice)
        tp__format_fail(zip->call, zip->path, "%.100s is there twice", text.at);
    tp__text_drop(&text);
    if (!named || twice)
        return 0;
    *entry = (tp__zip_entry){.name = named->name, .crc = (uint32_t)zip_number(at + 16, 4)};
    unsigned method = (unsigned)zip_number(at + 10, 2);
    if (!zip_check_entry(zip, entry, (unsigned)zip_number(at + 8, 2), method, stored, size))
        return 0;
    entry->deflated = method == 8;
    entry->stored = (size_t)stored;
    entry->size = (size_t)size;
    zip->n++;
    return zip_find_bytes(zip, entry, header, length) ? all : 0;
}

static int zip_compare(const void *a, const void *b)
{
    const tp__zip_entry *x = *(tp__zip_entry *const *)a, *y = *(tp__zip_entry *const *)b;
    return (x->header > y->header) - (x->header < y->header);
}

/* Entries that share bytes would let a small file be a large one many times. */
static bool zip_is_apart(const tp__zip *zip)
{
    const tp__zip_entry **order = tp__alloc(zip->n * sizeof *order);
    if (!order)
        return false;
    for (size_t i = 0; i < zip->n; i++)
        order[i] = &zip->entries[i];
    qsort(order, zip->n, sizeof *order, zip_compare);
    bool good = true;
    for (size_t i = 1; i < zip->n && good; i++)
        good = order[i]->header >= order[i - 1]->begin + order[i - 1]->stored;
    tp__free(order);
    return good || zip_fail(zip, "entries share bytes");
}

bool tp__zip_open(tp__zip *zip, const char *call, const char *path, tp__blob *blob)
{
    zip_directory directory;
    *zip = (tp__zip){.call = call, .path = path, .blob = blob};
    if (!zip_find_directory(zip, &directory))
        return false;
    zip->entries = tp__alloc((size_t)directory.n * sizeof *zip->entries);
    const unsigned char *at = blob->at + directory.begin;
    size_t room = (size_t)directory.size, length;
    if (!zip->entries)
        return false;
    for (uint64_t i = 0; i < directory.n; i++, at += length, room -= length) {
        length = zip_read_record(zip, at, room);
        if (!length)
            return false;
    }
    return zip_is_apart(zip);
}

void tp__zip_close(tp__zip *zip)
{
    tp__names_drop(&zip->names);
    tp__free(zip->entries);
    zip->entries = NULL;
}

const tp__zip_entry *tp__zip_find(const tp__zip *zip, const char *name)
{
    const tp__names_entry *found = tp__names_find(&zip->names, name);
    return found ? &zip->entries[found - zip->names.entries] : NULL;
}

/* --- Entries --- */

#if defined(TP_WITH_ZLIB)

static void *zip_alloc(void *context, unsigned count, unsigned bytes)
{
    (void)context;
    return tp__alloc_zero(count, bytes);
}

static void zip_free(void *context, void *block)
{
    (void)context;
    tp__free(block);
}

/* Inflates exactly `size` bytes. zlib counts in pieces of an unsigned. */
static bool zip_inflate(const tp__zip *zip, const tp__zip_entry *entry, unsigned char *to)
{
    z_stream stream = {.zalloc = zip_alloc, .zfree = zip_free};
    size_t in = entry->stored, out = entry->size;
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK)
        return zip_fail(zip, "zlib does not start");
    stream.next_in = zip->blob->at + entry->begin;
    stream.next_out = to;
    int status = Z_OK;
    while (status == Z_OK) {
        unsigned piece_in = in < UINT32_MAX / 2 ? (unsigned)in : UINT32_MAX / 2,
                 piece_out = out < UINT32_MAX / 2 ? (unsigned)out : UINT32_MAX / 2;
        stream.avail_in = piece_in;
        stream.avail_out = piece_out;
        status = inflate(&stream, Z_NO_FLUSH);
        in -= piece_in - stream.avail_in;
        out -= piece_out - stream.avail_out;
    }
    inflateEnd(&stream);
    if (status == Z_STREAM_END && out == 0 && in == 0)
        return true;
    return tp__format_fail(zip->call, zip->path, "%.100s does not inflate to its %zu bytes",
                           entry->name, entry->size);
}

#else

static bool zip_inflate(const tp__zip *zip, const tp__zip_entry *entry, unsigned char *to)
{
    (void)to;
    tp_fail(TP_ERROR_MISSING,
            "%s: %s: %.100s is compressed, and the library was built without zlib; install it "
            "(Debian: zlib1g-dev) and build again, or save without compression",
            zip->call, zip->path, entry->name);
    return false;
}

#endif

tp__blob *tp__zip_read(const tp__zip *zip, const tp__zip_entry *entry, bool check, size_t *begin)
{
    tp__blob *blob;
    *begin = entry->deflated ? 0 : entry->begin;
    if (entry->deflated) {
        unsigned char *bytes = tp__alloc_aligned(entry->size + 1);
        if (bytes && !zip_inflate(zip, entry, bytes)) {
            tp__free(bytes);
            return NULL;
        }
        blob = tp__blob_wrap(bytes, entry->size);
    } else {
        blob = tp__blob_ref(zip->blob);
    }
    if (blob && check && tp__crc(0, blob->at + *begin, entry->size) != entry->crc) {
        tp__format_fail(zip->call, zip->path, "%.100s is damaged: its check sum is another",
                        entry->name);
        tp__blob_drop(blob);
        return NULL;
    }
    return blob;
}
