/* SPDX-License-Identifier: MIT
 *
 * Separated values to fields. The text is read once, and each field moved to its beginning without
 * its quotes; so nothing grows, and no field is copied.
 */
#include "base/features.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/numbers.h"
#include "data/table.h"

typedef struct csv {
    tp_table *t;
    const char *path;
    char delimiter;
    char *at, *end, *line_start;
    int64_t line;
    bool failed;
} csv;

static void csv_fail(csv *c, int64_t line, const char *at, const char *what)
{
    if (!c->failed)
        tp_fail(TP_ERROR_FILE, "load_csv: %s, line %lld, column %lld: %s", c->path, (long long)line,
                (long long)(at - c->line_start) + 1, what);
    c->failed = true;
}

static bool csv_at_end(const csv *c)
{
    return c->at == c->end || *c->at == '\n' || *c->at == '\r';
}

/* Steps over the end of a line. */
static void csv_next_line(csv *c)
{
    if (c->at < c->end)
        c->at += *c->at == '\r' && c->at[1] == '\n' ? 2 : 1;
    c->line++;
    c->line_start = c->at;
}

/* What stands between quotes, moved to `to`; returns its end. */
static char *csv_quoted(csv *c, char *to)
{
    int64_t line = c->line;
    const char *begin = c->at - 1;
    for (;;) {
        if (c->at == c->end) {
            c->line_start = line == c->line ? c->line_start : (char *)begin;
            csv_fail(c, line, begin, "a quote without an end");
            return to;
        }
        char letter = *c->at++;
        if (letter == '"' && *c->at != '"')
            break;
        c->at += letter == '"';
        if (letter == '\n' || (letter == '\r' && *c->at != '\n')) {
            c->line++;
            c->line_start = c->at;
        }
        *to++ = letter;
    }
    if (!csv_at_end(c) && *c->at != c->delimiter)
        csv_fail(c, c->line, c->at, "text behind the end of a quote");
    return to;
}

/* A field's beginning. Its end is a 0 in the delimiter's place, which is written when the delimiter
 * has been looked at. */
static char *csv_field(csv *c, char **end)
{
    char *begin = c->at;
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        *end = csv_quoted(c, begin);
        return begin;
    }
    while (!csv_at_end(c) && *c->at != c->delimiter)
        c->at++;
    *end = c->at;
    return begin;
}

static bool csv_keep(tp_table *t, char *field)
{
    if (t->n_fields == t->capacity) {
        size_t more = t->capacity ? 2 * t->capacity : 1024;
        char **fields = more < PTRDIFF_MAX / sizeof *fields
                            ? tp__realloc(t->fields, more * sizeof *fields)
                            : NULL;
        if (!fields)
            return false;
        t->fields = fields;
        t->capacity = more;
    }
    t->fields[t->n_fields++] = field;
    return true;
}

/* Reads a record; the number of its fields. */
static int64_t csv_record(csv *c, bool keep)
{
    for (int64_t n = 1;; n++) {
        char *end, *field = csv_field(c, &end);
        if (c->failed || (keep && !csv_keep(c->t, field))) {
            c->failed = true;
            return 0;
        }
        bool more = c->at < c->end && *c->at == c->delimiter;
        if (more)
            c->at++;
        else
            csv_next_line(c);
        *end = 0;
        if (!more)
            return n;
    }
}

static bool csv_check_text(csv *c)
{
    const char *zero = memchr(c->at, 0, (size_t)(c->end - c->at));
    for (const char *at = c->at; zero && at < zero; at++)
        if (*at == '\n') {
            c->line++;
            c->line_start = (char *)at + 1;
        }
    if (zero)
        csv_fail(c, c->line, zero, "a byte 0, which text has not");
    return !zero;
}

bool tp__csv_cut(tp_table *t, const char *path, char delimiter, int64_t skip, int64_t *records)
{
    csv c = {.t = t, .path = path, .delimiter = delimiter, .line = 1};
    c.at = t->bytes.at;
    c.end = c.at + t->bytes.n;
    c.at += t->bytes.n >= 3 && !memcmp(c.at, "\xEF\xBB\xBF", 3) ? 3 : 0;
    c.line_start = c.at;
    *records = 0;
    bool good = csv_check_text(&c);
    while (good && c.at < c.end) {
        if (csv_at_end(&c)) {
            csv_next_line(&c);
            continue;
        }
        int64_t line = c.line, n = csv_record(&c, *records >= skip);
        if (c.failed)
            return false;
        if (*records == skip)
            t->columns = (int)(n < INT32_MAX ? n : INT32_MAX);
        if (*records >= skip && n != t->columns) {
            tp_fail(TP_ERROR_FILE, "load_csv: %s, line %lld: %lld fields, expected %d as before",
                    path, (long long)line, (long long)n, t->columns);
            return false;
        }
        ++*records;
    }
    return good;
}

bool tp__csv_missing(const char *field)
{
    static const char *const words[] = {"", "?", "NA", "N/A", "nan", "null"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (!strcasecmp(field, words[i]))
            return true;
    return false;
}

/* tp__read_number also takes hexadecimal numbers and NaN's forms, which are text here. */
bool tp__csv_number(const char *field, double *value)
{
    char *end;
    *value = tp__read_number(field, &end);
    return end != field && !end[strspn(end, " \t")] && !strpbrk(field, "xXaA(");
}
