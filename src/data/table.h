/* SPDX-License-Identifier: MIT
 *
 * A table: the text of a file, cut into fields where it lies by zeros at their ends. fields are row
 * by row; numbers tells which columns are.
 */
#ifndef TP_TABLE_H
#define TP_TABLE_H

#include "data/source.h"
#include "tinypytorch/data.h"

struct tp_table {
    tp__bytes bytes;
    int64_t rows;
    int columns;
    char **fields, **names;
    size_t n_fields, capacity; /* fields, and the room for them, while they are read */
    bool *numbers;
    char *numbered; /* names where the file has none */
};

/* Cuts t->bytes into fields, of `records` records, the skipped ones and the header among them.
 * False, with an error. */
bool tp__csv_cut(tp_table *t, const char *path, char delimiter, int64_t skip, int64_t *records);

/* True if a field is one that stands for nothing. */
bool tp__csv_missing(const char *field);

/* True if a field is a number, spaces around it left out; in C's locale (tp__locale_enter). */
bool tp__csv_number(const char *field, double *value);

#endif
