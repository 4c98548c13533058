/* SPDX-License-Identifier: MIT
 *
 * Results as rows of numbers: aligned text, JSON or CSV.
 */
#include "base/features.h"

#include "command.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "array/format.h"
#include "base/alloc.h"
#include "base/escape.h"

enum { TABLE_LABEL = 10, TABLE_NUMBER = 24 };

void command_put(tp__text *text)
{
    if (text->at)
        fwrite(text->at, 1, text->length, stdout);
    tp__text_drop(text);
}

void table_number(tp__text *text, double number, bool json)
{
    const char *quote = json && !isfinite(number) ? "\"" : "";
    tp__text_put(text, quote);
    tp__format_array(text, TP_F64, 0, NULL, &number, 0);
    tp__text_put(text, quote);
}

/* --- Names of columns --- */

static void table_free_names(char **names, int n)
{
    for (int i = 0; names && i < n; i++)
        tp__free(names[i]);
    tp__free(names);
}

static bool table_take_name(char **names, int i, tp__text *text)
{
    names[i] = tp__text_take(text);
    return names[i] != NULL;
}

char **table_names(const char *prefix, tp_var *v)
{
    int n = (int)tp_size(v);
    bool good = true;
    char **names = tp__alloc_zero((size_t)n + 1, sizeof *names);
    for (int i = 0; names && good && i < n; i++) {
        tp__text text = {0};
        tp__text_format(&text, tp_ndim(v) ? "%s[%d]" : "%s", prefix, i);
        good = table_take_name(names, i, &text);
    }
    if (good)
        return names;
    table_free_names(names, n);
    return NULL;
}

char **table_element_names(const command *c, int before, const char *const *first)
{
    int n = before + (int)c->size;
    bool good = true;
    char **names = tp__alloc_zero((size_t)n + 1, sizeof *names);
    for (int i = 0; names && good && i < n; i++) {
        tp__text text = {0};
        if (i < before)
            tp__text_put(&text, first[i]);
        else
            command_element(c, i - before, &text);
        good = table_take_name(names, i, &text);
    }
    if (good)
        return names;
    table_free_names(names, n);
    return NULL;
}

/* --- Rows --- */

static void table_csv_name(tp__text *out, const char *name)
{
    bool quoted = strpbrk(name, ",\"\r\n") != NULL;
    tp__text_put(out, quoted ? "\"" : "");
    for (; *name; name++)
        tp__text_add(out, *name == '"' ? "\"\"" : name, *name == '"' ? 2 : 1);
    tp__text_put(out, quoted ? "\"" : "");
}

/* A cell of aligned text: what has width columns, or more, and two spaces. */
static void table_cell(tp__text *out, const char *cell, int width, bool last)
{
    tp__text plain = {0};
    tp__escape_plain(&plain, cell, strlen(cell));
    tp__text_put(out, plain.at ? plain.at : "");
    for (const char *at = plain.at; at && *at; at++)
        width -= ((unsigned char)*at & 0xC0) != 0x80;
    tp__text_drop(&plain);
    for (; !last && width > -2; width--)
        tp__text_put(out, " ");
    tp__text_put(out, last ? "\n" : "");
}

static int table_width(const command_table *table)
{
    return table->digits ? table->digits + 6 : TABLE_NUMBER;
}

bool table_begin(command_table *table, const command *c, const char *label, char **columns, int n)
{
    tp__text out = {0};
    *table = (command_table){.c = c, .label = label, .columns = columns, .n = n};
    if (!columns) {
        command_fail(c, "out of memory");
        return false;
    }
    if (c->options.json) {
        tp__text_put(&out, "[");
    } else if (c->options.csv) {
        tp__text_put(&out, label);
        for (int i = 0; i < n; i++) {
            tp__text_put(&out, ",");
            table_csv_name(&out, columns[i]);
        }
        tp__text_put(&out, "\n");
    }
    command_put(&out);
    return true;
}

static void table_json_row(command_table *table, tp__text *out, const char *label,
                           const double *values)
{
    tp__text_put(out, table->rows ? ",\n {" : "\n {");
    tp__escape_json(out, table->label);
    tp__text_put(out, ": ");
    if (table->texts)
        tp__escape_json(out, label);
    else
        tp__text_put(out, label);
    for (int i = 0; i < table->n; i++) {
        tp__text_put(out, ", ");
        tp__escape_json(out, table->columns[i]);
        tp__text_put(out, ": ");
        table_number(out, values[i], true);
    }
    tp__text_put(out, "}");
}

static void table_csv_row(const command_table *table, tp__text *out, const char *label,
                          const double *values)
{
    table_csv_name(out, label);
    for (int i = 0; i < table->n; i++) {
        tp__text_put(out, ",");
        table_number(out, values[i], false);
    }
    tp__text_put(out, "\n");
}

/* Titles come with the first row: digits are known by then. */
static void table_text_row(const command_table *table, tp__text *out, const char *label,
                           const double *values)
{
    if (table->rows == 0) {
        table_cell(out, table->label, TABLE_LABEL, table->n == 0);
        for (int i = 0; i < table->n; i++)
            table_cell(out, table->columns[i], table_width(table), i == table->n - 1);
    }
    table_cell(out, label, TABLE_LABEL, table->n == 0);
    for (int i = 0; i < table->n; i++) {
        tp__text number = {0};
        if (table->digits)
            tp__text_format(&number, "%.*g", table->digits, values[i]);
        else
            table_number(&number, values[i], false);
        table_cell(out, number.at ? number.at : "", table_width(table), i == table->n - 1);
        tp__text_drop(&number);
    }
}

void table_row(command_table *table, const char *label, const double *values)
{
    tp__text out = {0};
    if (table->c->options.json)
        table_json_row(table, &out, label, values);
    else if (table->c->options.csv)
        table_csv_row(table, &out, label, values);
    else
        table_text_row(table, &out, label, values);
    table->rows++;
    command_put(&out);
}

void table_end(command_table *table)
{
    if (table->c->options.json)
        printf("%s]%s", table->rows ? "\n" : "", table->inner ? "" : "\n");
    table_free_names(table->columns, table->n);
    table->columns = NULL;
}
