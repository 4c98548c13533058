/* SPDX-License-Identifier: MIT
 *
 * Files that are read: plain ones, and, with zlib, gzip's. The whole of one is brought into memory,
 * which grows as it is read: no number in a file is believed before its bytes are there.
 */
#ifndef TP_SOURCE_H
#define TP_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tp__bytes {
    char *at; /* and a 0 behind them */
    size_t n;
} tp__bytes;

/* The contents of path, to be freed by tp__free(bytes->at). False, with an error in call's name. */
bool tp__source_read(const char *call, const char *path, tp__bytes *bytes);

/* True if there is a file of this name. */
bool tp__source_exists(const char *path);

#endif
