/* SPDX-License-Identifier: MIT
 *
 * Files that are written whole or not at all. What is written goes to a name of its own in the same
 * directory, is flushed to the disk, and takes the other name at the end, so a full disk, an error
 * or a signal leave the old file as it was. A process that is killed leaves .tinypytorch-… behind.
 * So the directory must be writable; if it is not, the error names it. What is no plain file (a
 * device, a pipe), or the process has open already (/dev/stdout), is written directly. A link
 * stays, and what it leads to is replaced, by a file of the same permissions.
 */
#ifndef TP_FILE_H
#define TP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct tp__file {
    FILE *stream;    /* to write to */
    int error;       /* the system's number of what failed first, 0: nothing */
    char *path;      /* what to replace: links were followed */
    char *temporary; /* the name until then; NULL: written directly */
} tp__file;

/* Sets file->error if it cannot be written; tp__file_end is to be called in any case. */
void tp__file_begin(tp__file *file, const char *path);

/* Writes bytes, unless an error was met before. */
void tp__file_write(tp__file *file, const void *bytes, size_t length);

/* Puts the file in its place if `keep`, else leaves the old one. Returns file->error. */
int tp__file_end(tp__file *file, bool keep);

/* All three for bytes in memory. False, with an error "call: cannot write path: reason". */
bool tp__file_save(const char *call, const char *path, const void *bytes, size_t length);

/* Records that error; true if error is 0. */
bool tp__file_good(const char *call, const char *path, int error);

#endif
