/* SPDX-License-Identifier: MIT
 *
 * Writing zip archives (zip.h). The local header of an entry is filled up by an extra field, so
 * that the entry's bytes begin at a multiple of 64. A number that has no room in a record stands in
 * an extra field of zip64.
 */
#include "base/features.h"

#include "io/zip.h"

#include <stdint.h>
#include <string.h>

#include "io/crc.h"

enum {
    ZIP_WRITE_ALIGNMENT = 64,
    ZIP_WRITE_EXTRA = 4, /* an extra field without its contents: what it is, and its length */
    ZIP_WRITE_PADDING = 0x4246,         /* "FB", as PyTorch's: others step over it */
    ZIP_WRITE_UTF8 = 1 << 11,           /* a flag: the name is UTF-8 */
    ZIP_WRITE_DATE = (1 << 5 | 1) << 16 /* midnight of 1 January 1980: the same bytes each time */
};

static void zip_write_number(tp__text *text, uint64_t number, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        char byte = (char)(number >> 8 * i);
        tp__text_add(text, &byte, 1);
    }
}

static uint32_t zip_write_small(uint64_t number)
{
    return number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
}

/* Versions, flags, method, time and date, check sum, sizes, and the name's length: what both
 * records of an entry have. */
static void zip_write_common(tp__text *text, uint32_t crc, uint64_t size, const char *name)
{
    zip_write_number(text, size < UINT32_MAX ? 20 : 45, 2);
    zip_write_number(text, ZIP_WRITE_UTF8, 2);
    zip_write_number(text, 0, 2);
    zip_write_number(text, ZIP_WRITE_DATE, 4);
    zip_write_number(text, crc, 4);
    zip_write_number(text, zip_write_small(size), 4);
    zip_write_number(text, zip_write_small(size), 4);
    zip_write_number(text, strlen(name), 2);
}

/* The extra field of zip64 with those numbers that need it. */
static void zip_write_large(tp__text *text, uint64_t size, uint64_t header)
{
    bool large = size >= UINT32_MAX, far = header >= UINT32_MAX;
    if (!large && !far)
        return;
    zip_write_number(text, 1, 2);
    zip_write_number(text, (uint64_t)((large ? 16 : 0) + (far ? 8 : 0)), 2);
    if (large) {
        zip_write_number(text, size, 8);
        zip_write_number(text, size, 8);
    }
    if (far)
        zip_write_number(text, header, 8);
}

static void zip_write_local(tp__text *text, const tp__zip_writer *zip, const char *name,
                            uint32_t crc, uint64_t size)
{
    static const char zeros[2 * ZIP_WRITE_ALIGNMENT];
    tp__text extra = {0};
    zip_write_large(&extra, size, 0);
    zip_write_number(text, 0x04034b50, 4);
    zip_write_common(text, crc, size, name);
    uint64_t at = zip->at + text->length + 2 + strlen(name) + extra.length + ZIP_WRITE_EXTRA;
    size_t padding = (size_t)(-at % ZIP_WRITE_ALIGNMENT);
    zip_write_number(&extra, ZIP_WRITE_PADDING, 2);
    zip_write_number(&extra, padding, 2);
    tp__text_add(&extra, zeros, padding);
    zip_write_number(text, extra.length, 2);
    tp__text_put(text, name);
    tp__text_add(text, extra.at ? extra.at : "", extra.length);
    text->failed = text->failed || extra.failed;
    tp__text_drop(&extra);
}

static void zip_write_record(tp__zip_writer *zip, const char *name, uint32_t crc, uint64_t size)
{
    tp__text extra = {0};
    zip_write_large(&extra, size, zip->at);
    zip_write_number(&zip->directory, 0x02014b50, 4);
    zip_write_number(&zip->directory, 45, 2);
    zip_write_common(&zip->directory, crc, size, name);
    zip_write_number(&zip->directory, extra.length, 2);
    zip_write_number(&zip->directory, 0, 2 + 2 + 2);
    zip_write_number(&zip->directory, 0, 4);
    zip_write_number(&zip->directory, zip_write_small(zip->at), 4);
    tp__text_put(&zip->directory, name);
    tp__text_add(&zip->directory, extra.at ? extra.at : "", extra.length);
    zip->directory.failed = zip->directory.failed || extra.failed;
    tp__text_drop(&extra);
}

static void zip_write_bytes(tp__zip_writer *zip, const void *bytes, size_t size)
{
    if (size)
        tp__file_write(zip->file, bytes, size);
    zip->at += size;
}

void tp__zip_add(tp__zip_writer *zip, const char *name, const tp__zip_piece *pieces, int n)
{
    uint32_t crc = 0;
    uint64_t size = 0;
    for (int i = 0; i < n; i++) {
        crc = tp__crc(crc, pieces[i].bytes, pieces[i].size);
        size += pieces[i].size;
    }
    tp__text local = {0};
    zip_write_local(&local, zip, name, crc, size);
    zip_write_record(zip, name, crc, size);
    zip->directory.failed = zip->directory.failed || local.failed;
    if (!zip->directory.failed) {
        zip_write_bytes(zip, local.at, local.length);
        for (int i = 0; i < n; i++)
            zip_write_bytes(zip, pieces[i].bytes, pieces[i].size);
    }
    tp__text_drop(&local);
    zip->n++;
}

bool tp__zip_end(tp__zip_writer *zip)
{
    tp__text end = {0};
    uint64_t begin = zip->at, size = zip->directory.length;
    bool large = begin >= UINT32_MAX || size >= UINT32_MAX || zip->n >= UINT16_MAX;
    if (large) {
        zip_write_number(&end, 0x06064b50, 4);
        zip_write_number(&end, 56 - 12, 8);
        zip_write_number(&end, 45 << 16 | 45, 4);
        zip_write_number(&end, 0, 4 + 4);
        zip_write_number(&end, zip->n, 8);
        zip_write_number(&end, zip->n, 8);
        zip_write_number(&end, size, 8);
        zip_write_number(&end, begin, 8);
        zip_write_number(&end, 0x07064b50, 4);
        zip_write_number(&end, 0, 4);
        zip_write_number(&end, begin + size, 8);
        zip_write_number(&end, 1, 4);
    }
    uint64_t n = zip->n < UINT16_MAX ? zip->n : UINT16_MAX;
    zip_write_number(&end, 0x06054b50, 4);
    zip_write_number(&end, 0, 4);
    zip_write_number(&end, n, 2);
    zip_write_number(&end, n, 2);
    zip_write_number(&end, zip_write_small(size), 4);
    zip_write_number(&end, zip_write_small(begin), 4);
    zip_write_number(&end, 0, 2);
    bool good = !end.failed && !zip->directory.failed;
    if (good) {
        zip_write_bytes(zip, zip->directory.at ? zip->directory.at : "", zip->directory.length);
        zip_write_bytes(zip, end.at, end.length);
    }
    tp__text_drop(&end);
    tp__text_drop(&zip->directory);
    return good;
}
