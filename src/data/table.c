/* SPDX-License-Identifier: MIT
 *
 * Tables: columns as numbers, as classes, as a dataset.
 */
#include "base/features.h"

#include "data/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "tinypytorch/array.h"

void tp_table_free(tp_table *t)
{
    if (!t)
        return;
    tp__free(t->bytes.at);
    tp__free(t->fields);
    tp__free(t->names);
    tp__free(t->numbers);
    tp__free(t->numbered);
    tp__free(t);
}

/* --- Making --- */

static const char *table_field(const tp_table *t, int64_t row, int column)
{
    return t->fields[row * t->columns + column];
}

static bool table_name_columns(tp_table *t, bool header)
{
    enum { DIGITS = 24 };
    size_t n = (size_t)t->columns;
    t->names = tp__alloc_zero(n, sizeof *t->names);
    t->numbered = !header && t->names ? tp__alloc_zero(n, DIGITS) : NULL;
    if (!t->names || (!header && !t->numbered))
        return false;
    for (size_t i = 0; i < n; i++) {
        t->names[i] = header ? t->fields[i] : t->numbered + DIGITS * i;
        if (!header)
            snprintf(t->names[i], DIGITS, "%zu", i);
    }
    if (header && t->n_fields > n)
        memmove(t->fields, t->fields + n, (t->n_fields - n) * sizeof *t->fields);
    return true;
}

static bool table_find_numbers(tp_table *t)
{
    t->numbers = tp__alloc_zero((size_t)t->columns, sizeof *t->numbers);
    if (!t->numbers)
        return false;
    for (int column = 0; column < t->columns; column++) {
        bool numbers = t->rows > 0;
        double value;
        for (int64_t row = 0; row < t->rows && numbers; row++) {
            const char *field = table_field(t, row, column);
            numbers = tp__csv_missing(field) || tp__csv_number(field, &value);
        }
        t->numbers[column] = numbers;
    }
    return true;
}

tp_table *(tp_load_csv)(const char *path, const tp_csv_options *options)
{
    tp_csv_options o = TP_OPTIONS(tp_csv_options);
    if (tp_status() || !tp__take_options("load_csv", &o, sizeof o, options))
        return NULL;
    if (!o.delimiter || strchr("\"\r\n", o.delimiter) || o.skip < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "load_csv: skip is %lld and the delimiter's code %d",
                (long long)o.skip, o.delimiter);
        return NULL;
    }
    tp_table *t = tp__alloc_zero(1, sizeof *t);
    if (!t)
        return NULL;
    int64_t records = 0;
    bool good = tp__source_read("load_csv", path, &t->bytes);
    if (!good)
        t->bytes.at = NULL;
    good = good && tp__csv_cut(t, path, o.delimiter, o.skip, &records);
    if (good && records <= o.skip) {
        tp_fail(TP_ERROR_FILE, "load_csv: %s has %lld records, and no data", path,
                (long long)records);
        good = false;
    }
    if (good)
        t->rows = records - o.skip - o.header;
    if (good && table_name_columns(t, o.header) && table_find_numbers(t))
        return t;
    tp_table_free(t);
    return NULL;
}

/* --- Looking --- */

static bool table_check(const char *call, const tp_table *t, int column)
{
    if (!t)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the table is NULL", call);
    else if (column < 0 || column >= t->columns)
        tp_fail(TP_ERROR_ARGUMENT, "%s: column %d of %d", call, column, t->columns);
    else
        return true;
    return false;
}

int64_t tp_table_rows(const tp_table *t)
{
    return table_check("table_rows", t, 0) ? t->rows : 0;
}

int tp_table_columns(const tp_table *t)
{
    return table_check("table_columns", t, 0) ? t->columns : 0;
}

const char *tp_table_name(const tp_table *t, int column)
{
    return table_check("table_name", t, column) ? t->names[column] : NULL;
}

int tp_table_find(const tp_table *t, const char *name)
{
    if (!table_check("table_find", t, 0))
        return -1;
    for (int i = 0; name && i < t->columns; i++)
        if (!strcmp(t->names[i], name))
            return i;
    tp_fail(TP_ERROR_ARGUMENT, "table_find: there is no column %s", name ? name : "NULL");
    return -1;
}

const char *tp_table_text(const tp_table *t, int64_t row, int column)
{
    if (!table_check("table_text", t, column))
        return NULL;
    if (row >= 0 && row < t->rows)
        return table_field(t, row, column);
    tp_fail(TP_ERROR_ARGUMENT, "table_text: row %lld of %lld", (long long)row, (long long)t->rows);
    return NULL;
}

bool tp_table_is_numbers(const tp_table *t, int column)
{
    return table_check("table_is_numbers", t, column) && t->numbers[column];
}

/* --- Numbers and classes --- */

/* NaN stands for a missing one, as it does in the file. */
static void table_read(const tp_table *t, int column, double *to)
{
    for (int64_t row = 0; row < t->rows; row++) {
        const char *field = table_field(t, row, column);
        if (tp__csv_missing(field) || !tp__csv_number(field, &to[row]))
            to[row] = (double)NAN;
    }
}

tp_var *tp_table_numbers(const tp_table *t, int column)
{
    if (!table_check("table_numbers", t, column))
        return tp__poison();
    if (!t->numbers[column])
        return tp_fail(TP_ERROR_DTYPE, "table_numbers: column %s is text", t->names[column]);
    tp_var *v = tp__empty(TP_F64, 1, &t->rows);
    if (!tp_is_poison(v))
        table_read(t, column, v->data);
    return v;
}

typedef struct table_value {
    const char *text; /* NULL: missing */
    double number;
    bool by_number;
    int64_t row;
} table_value;

/* Missing ones come last. */
static int table_compare(const void *left, const void *right)
{
    const table_value *a = left, *b = right;
    if (!a->text || !b->text)
        return (b->text != NULL) - (a->text != NULL);
    if (a->by_number)
        return (a->number > b->number) - (a->number < b->number);
    return strcmp(a->text, b->text);
}

/* The values of a column in order; NULL, with an error, when out of memory. */
static table_value *table_sorted(const tp_table *t, int column)
{
    table_value *values = tp__alloc_zero((size_t)t->rows, sizeof *values);
    if (!values)
        return NULL;
    for (int64_t row = 0; row < t->rows; row++) {
        const char *field = table_field(t, row, column);
        values[row] = (table_value){.text = tp__csv_missing(field) ? NULL : field,
                                    .by_number = t->numbers[column],
                                    .row = row};
        if (values[row].by_number)
            tp__csv_number(field, &values[row].number);
    }
    qsort(values, (size_t)t->rows, sizeof *values, table_compare);
    return values;
}

static bool table_begins_class(const table_value *values, int64_t i)
{
    return values[i].text && (i == 0 || table_compare(&values[i - 1], &values[i]));
}

/* The list of a class's texts and the texts in one block. */
static char **table_class_names(const tp_table *t, const table_value *values)
{
    size_t n = 1, bytes = 0;
    for (int64_t i = 0; i < t->rows; i++)
        if (table_begins_class(values, i)) {
            n++;
            bytes += strlen(values[i].text) + 1;
        }
    char **names = tp__alloc(n * sizeof *names + bytes);
    if (!names)
        return NULL;
    char *at = (char *)(names + n);
    size_t k = 0;
    for (int64_t i = 0; i < t->rows; i++)
        if (table_begins_class(values, i)) {
            size_t length = strlen(values[i].text) + 1;
            names[k++] = memcpy(at, values[i].text, length);
            at += length;
        }
    names[k] = NULL;
    return names;
}

/* Classes of the rows; how many there are. */
static int64_t table_number_classes(const tp_table *t, const table_value *values, int64_t *to)
{
    int64_t k = -1;
    for (int64_t i = 0; i < t->rows; i++) {
        k += table_begins_class(values, i);
        to[values[i].row] = values[i].text ? k : -1;
    }
    return k + 1;
}

tp_var *tp_table_classes(const tp_table *t, int column, char ***names)
{
    if (names)
        *names = NULL;
    if (!table_check("table_classes", t, column))
        return tp__poison();
    table_value *values = table_sorted(t, column);
    tp_var *v = values ? tp__empty(TP_I64, 1, &t->rows) : tp__poison();
    if (!tp_is_poison(v))
        table_number_classes(t, values, v->data);
    if (names && !tp_is_poison(v)) {
        *names = table_class_names(t, values);
        v = *names ? v : tp__poison();
    }
    tp__free(values);
    return v;
}

/* --- A dataset --- */

/* How many features a column becomes: classes of text, in `classes`, or 1. −1 on an error. */
static int64_t table_width(const tp_table *t, int column, int64_t *classes)
{
    if (t->numbers[column])
        return 1;
    table_value *values = table_sorted(t, column);
    int64_t n = values ? table_number_classes(t, values, classes) : -1;
    tp__free(values);
    return n;
}

static tp_var *table_refuse_missing(const tp_table *t, int column)
{
    return tp_fail(TP_ERROR_ARGUMENT, "table_dataset_new: a value of column %s is missing%s",
                   t->names[column],
                   t->numbers[column] ? "; .fill puts the column's mean there" : "");
}

static bool table_prepare(const tp_table *t, int column, double *numbers,
                          const tp_table_dataset_options *o)
{
    double sum = 0, square = 0;
    int64_t n = 0;
    for (int64_t i = 0; i < t->rows; i++)
        if (!isnan(numbers[i]))
            sum += numbers[i], n++;
    double mean = n ? sum / (double)n : 0;
    for (int64_t i = 0; i < t->rows; i++) {
        if (isnan(numbers[i]) && !o->fill)
            return table_refuse_missing(t, column), false;
        numbers[i] = isnan(numbers[i]) ? mean : numbers[i];
        square += (numbers[i] - mean) * (numbers[i] - mean);
    }
    double deviation = t->rows ? sqrt(square / (double)t->rows) : 0;
    for (int64_t i = 0; i < t->rows && o->standardize; i++)
        numbers[i] = (numbers[i] - mean) / (deviation > 0 ? deviation : 1);
    return true;
}

typedef struct table_room {
    double *numbers;
    int64_t *classes, width;
} table_room;

/* Writes a column's features, from place `at` on of each row. */
static bool table_column(const tp_table *t, int column, const tp_table_dataset_options *o,
                         const table_room *room, int64_t at, float *to)
{
    if (t->numbers[column]) {
        table_read(t, column, room->numbers);
        if (!table_prepare(t, column, room->numbers, o))
            return false;
        for (int64_t i = 0; i < t->rows; i++)
            to[i * room->width + at] = (float)room->numbers[i];
        return true;
    }
    if (table_width(t, column, room->classes) < 0)
        return false;
    for (int64_t i = 0; i < t->rows; i++)
        if (room->classes[i] >= 0)
            to[i * room->width + at + room->classes[i]] = 1;
    return true;
}

static tp_var *table_features(const tp_table *t, int target, const tp_table_dataset_options *o,
                              table_room *room)
{
    int64_t at = 0, width;
    for (int column = 0; column < t->columns; column++) {
        width = column == target ? 0 : table_width(t, column, room->classes);
        if (width < 0)
            return tp__poison();
        room->width += width;
    }
    const int64_t shape[] = {t->rows, room->width};
    tp_var *v = tp_zeros(TP_F32, 2, shape);
    for (int column = 0; column < t->columns && !tp_is_poison(v); column++) {
        if (column == target)
            continue;
        if (!table_column(t, column, o, room, at, v->data))
            return tp__poison();
        width = table_width(t, column, room->classes);
        if (width < 0)
            return tp__poison();
        at += width;
    }
    return v;
}

static tp_var *table_target(const tp_table *t, int target, const tp_table_dataset_options *o,
                            double *numbers)
{
    if (o->classes || !t->numbers[target]) {
        tp_var *v = tp_table_classes(t, target, NULL);
        for (int64_t i = 0; i < t->rows && !tp_is_poison(v); i++)
            if (((const int64_t *)v->data)[i] < 0)
                return table_refuse_missing(t, target);
        return v;
    }
    const int64_t shape[] = {t->rows, 1};
    const tp_table_dataset_options plain = {.fill = o->fill};
    tp_var *v = tp__empty(TP_F32, 2, shape);
    table_read(t, target, numbers);
    if (tp_is_poison(v) || !table_prepare(t, target, numbers, &plain))
        return tp__poison();
    for (int64_t i = 0; i < t->rows; i++)
        ((float *)v->data)[i] = (float)numbers[i];
    return v;
}

tp_dataset *(tp_table_dataset_new)(const tp_table *t, int target,
                                   const tp_table_dataset_options *options)
{
    tp_table_dataset_options o = TP_OPTIONS(tp_table_dataset_options);
    if (!table_check("table_dataset_new", t, target) ||
        !tp__take_options("table_dataset_new", &o, sizeof o, options))
        return NULL;
    size_t n = (size_t)t->rows, mark = tp_scope_begin();
    table_room room = {.numbers = tp__alloc_zero(n, sizeof(double))};
    room.classes = room.numbers ? tp__alloc_zero(n, sizeof(int64_t)) : NULL;
    tp_dataset *d = NULL;
    if (room.classes) {
        tp_var *x = table_features(t, target, &o, &room);
        tp_var *y = tp_is_poison(x) ? x : table_target(t, target, &o, room.numbers);
        d = tp_is_poison(y) ? NULL : tp_tensor_dataset_new(2, (tp_var *[]){x, y});
    }
    tp__free(room.classes);
    tp__free(room.numbers);
    tp_scope_end(mark);
    return d;
}
