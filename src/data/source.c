/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "data/source.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#if defined(TP_WITH_ZLIB)
#include <zlib.h>
#endif

#include "base/alloc.h"
#include "base/numbers.h"
#include "tinypytorch/error.h"

enum { SOURCE_FIRST = 1 << 16, SOURCE_PIECE = 1 << 30 };

static bool source_fail(const char *call, const char *path, const char *reason)
{
    tp_fail(TP_ERROR_FILE, "%s: cannot read %s: %s", call, path, reason);
    return false;
}

static bool source_fail_system(const char *call, const char *path, int error)
{
    char reason[120];
    tp__error_text(reason, sizeof reason, error ? error : EIO);
    return source_fail(call, path, reason);
}

/* Room for more bytes and the 0 behind them. */
static bool source_grow(tp__bytes *bytes, size_t *capacity)
{
    if (bytes->n + 1 < *capacity)
        return true;
    size_t more =
        *capacity ? *capacity < PTRDIFF_MAX / 2 ? 2 * *capacity : PTRDIFF_MAX : SOURCE_FIRST;
    char *at = tp__realloc(bytes->at, more);
    if (at) {
        bytes->at = at;
        *capacity = more;
    }
    return at;
}

static bool source_plain(const char *call, const char *path, FILE *file, tp__bytes *bytes)
{
    size_t capacity = 0, n;
    do {
        if (!source_grow(bytes, &capacity))
            return false;
        errno = 0;
        n = fread(bytes->at + bytes->n, 1, capacity - 1 - bytes->n, file);
        bytes->n += n;
    } while (n);
    return ferror(file) ? source_fail_system(call, path, errno) : true;
}

#if defined(TP_WITH_ZLIB)
static bool source_unzip(const char *call, const char *path, FILE *file, tp__bytes *bytes)
{
    (void)file;
    gzFile zipped = gzopen(path, "rb");
    if (!zipped)
        return source_fail_system(call, path, errno);
    size_t capacity = 0;
    int n = 0;
    bool good = true;
    do {
        good = source_grow(bytes, &capacity);
        size_t room = good ? capacity - 1 - bytes->n : 0;
        n = good ? gzread(zipped, bytes->at + bytes->n,
                          (unsigned)(room < SOURCE_PIECE ? room : SOURCE_PIECE))
                 : 0;
        bytes->n += n > 0 ? (size_t)n : 0;
    } while (n > 0);
    int code;
    const char *reason = gzerror(zipped, &code);
    size_t named = strlen(path); /* zlib puts the name and a colon before its words */
    reason += strncmp(reason, path, named) == 0 && reason[named] == ':' ? named + 2 : 0;
    if (good && (code != Z_OK && code != Z_STREAM_END))
        good = source_fail(call, path, code == Z_ERRNO ? "the system's error" : reason);
    if (gzclose(zipped) != Z_OK && good)
        good = source_fail(call, path, "the gzip file is cut off");
    return good;
}
#else
static bool source_unzip(const char *call, const char *path, FILE *file, tp__bytes *bytes)
{
    (void)file, (void)bytes;
    tp_fail(TP_ERROR_MISSING,
            "%s: %s is compressed, and the library was built without zlib: install zlib (Debian: "
            "zlib1g-dev) and build again, or decompress the file",
            call, path);
    return false;
}
#endif

bool tp__source_read(const char *call, const char *path, tp__bytes *bytes)
{
    *bytes = (tp__bytes){0};
    if (!path) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the path is NULL", call);
        return false;
    }
    errno = 0;
    FILE *file = fopen(path, "rb");
    if (!file)
        return source_fail_system(call, path, errno);
    int first = getc(file), second = getc(file);
    bool good = fseek(file, 0, SEEK_SET) == 0 ? true : source_fail_system(call, path, errno);
    if (good)
        good = (first == 0x1F && second == 0x8B ? source_unzip : source_plain)(call, path, file,
                                                                               bytes);
    fclose(file);
    if (good)
        bytes->at[bytes->n] = 0;
    else
        tp__free(bytes->at);
    return good;
}

bool tp__source_exists(const char *path)
{
    FILE *file = fopen(path, "rb");
    bool there = file != NULL;
    if (file)
        fclose(file);
    return there;
}
