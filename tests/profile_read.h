/* SPDX-License-Identifier: MIT
 *
 * Reads a profile's table, a line by its name, and its trace: a strict reader of the JSON that it
 * may contain, and the numbers of one event.
 */
#ifndef TP_PROFILE_READ_H
#define TP_PROFILE_READ_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"

#include "base/numbers.h"

static inline char *read_all(const char *path)
{
    FILE *file = fopen(path, "r");
    if (!CHECK(file != NULL))
        return calloc(1, 1);
    fseek(file, 0, SEEK_END);
    size_t n = (size_t)ftell(file);
    rewind(file);
    char *text = calloc(n + 1, 1);
    CHECK(text && fread(text, 1, n, file) == n);
    fclose(file);
    return text;
}

typedef struct row {
    long calls;
    double ns, share, bytes, gb_s, gflop_s, limit; /* −1: none */
} row;

static inline double read_number(const char **at)
{
    while (**at == ' ')
        ++*at;
    if (**at == '-') {
        ++*at;
        return -1;
    }
    char *end;
    double x = tp__read_number(*at, &end);
    *at = end;
    return x;
}

/* A number and its unit, if it has one of those. */
static inline double read_quantity(const char **at)
{
    static const struct {
        const char *name;
        double factor;
    } unit[] = {{" ns", 1},   {" us", 1e3}, {" ms", 1e6}, {" s ", 1e9},  {" B ", 1},
                {" kB", 1e3}, {" MB", 1e6}, {" GB", 1e9}, {" TB", 1e12}, {" %", 1}};
    double x = read_number(at);
    for (size_t i = 0; x >= 0 && i < sizeof unit / sizeof *unit; i++)
        if (!strncmp(*at, unit[i].name, strlen(unit[i].name))) {
            *at += strlen(unit[i].name);
            return x * unit[i].factor;
        }
    return x;
}

/* The line of that name; calls are 0 if there is none. */
static inline row find_row(const char *table, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = table; at; at = strchr(at, '\n') ? strchr(at, '\n') + 1 : NULL) {
        if (strncmp(at, name, n) != 0 || at[n] != ' ')
            continue;
        at += n;
        row r = {.calls = (long)read_number(&at)};
        r.ns = read_quantity(&at);
        double mean = read_quantity(&at);
        CHECK_CLOSE(mean * (double)r.calls, r.ns, 0.01);
        r.share = read_quantity(&at);
        r.bytes = read_quantity(&at);
        r.gb_s = read_number(&at);
        r.gflop_s = read_number(&at);
        r.limit = read_quantity(&at);
        return r;
    }
    return (row){0};
}

/* A strict reader of JSON that only counts: objects, and strings equal to a given text. */
typedef struct json {
    const char *at, *wanted;
    int objects, found, depth;
    bool wrong;
} json;

static inline void json_value(json *j);

static inline bool json_take(json *j, char c)
{
    while (*j->at && strchr(" \n\r\t", *j->at))
        j->at++;
    if (*j->at != c)
        return false;
    j->at++;
    return true;
}

static inline void json_expect(json *j, char c)
{
    if (!json_take(j, c))
        j->wrong = true;
}

static inline char json_escape(json *j)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = *j->at++;
    if (c == 'u') {
        char hex[5] = {0};
        for (int i = 0; i < 4 && isxdigit((unsigned char)*j->at); i++)
            hex[i] = *j->at++;
        j->wrong |= strlen(hex) != 4;
        return (char)strtol(hex, NULL, 16);
    }
    const char *which = c ? strchr(from, c) : NULL;
    j->wrong |= !which;
    return which ? to[which - from] : c;
}

static inline void json_string(json *j)
{
    char text[200];
    size_t n = 0;
    json_expect(j, '"');
    while (!j->wrong && *j->at != '"') {
        unsigned char c = (unsigned char)*j->at++;
        j->wrong |= c < 0x20 || n + 1 == sizeof text;
        if (c == '\\')
            c = (unsigned char)json_escape(j);
        if (!j->wrong)
            text[n++] = (char)c;
    }
    text[n] = 0;
    json_expect(j, '"');
    j->found += !strcmp(text, j->wanted);
}

static inline void json_number(json *j)
{
    size_t whole = strspn(j->at, "0123456789");
    j->wrong |= whole == 0 || (whole > 1 && *j->at == '0');
    j->at += whole;
    if (*j->at == '.') {
        size_t part = strspn(++j->at, "0123456789");
        j->wrong |= part == 0;
        j->at += part;
    }
}

static inline void json_items(json *j, char close, bool keys)
{
    if (json_take(j, close))
        return;
    do {
        if (keys) {
            while (*j->at == ' ' || *j->at == '\n')
                j->at++;
            json_string(j);
            json_expect(j, ':');
        }
        json_value(j);
    } while (!j->wrong && json_take(j, ','));
    json_expect(j, close);
}

static inline void json_value(json *j)
{
    j->wrong |= ++j->depth > 8;
    if (j->wrong) {
        return;
    } else if (json_take(j, '[')) {
        json_items(j, ']', false);
    } else if (json_take(j, '{')) {
        j->objects++;
        json_items(j, '}', true);
    } else if (json_take(j, '"')) {
        j->at--;
        json_string(j);
    } else {
        json_number(j);
    }
    j->depth--;
}

/* How often the string occurs in the text, which must be JSON; −1 if it is not. */
static inline json read_json(const char *text, const char *wanted)
{
    json j = {.at = text, .wanted = wanted};
    json_value(&j);
    j.wrong |= j.at[strspn(j.at, " \n")] != 0;
    return j;
}

static inline void check_trace(const char *text, const char *name, int calls, int events)
{
    json j = read_json(text, name);
    CHECK(!j.wrong);
    CHECK_INT(j.found, calls);
    CHECK_INT(j.objects, 2 * events); /* each has its args */
}

/* The number after "key": in the event, from its '{'. */
static inline double event_number(const char *event, const char *key)
{
    char pattern[200];
    snprintf(pattern, sizeof pattern, "\"%s\": ", key);
    const char *at = strstr(event, pattern);
    return CHECK(at != NULL) ? tp__read_number(at + strlen(pattern), NULL) : 0;
}

static inline const char *next_event(const char *at, const char *name)
{
    char pattern[200];
    snprintf(pattern, sizeof pattern, "{\"name\": \"%s\"", name);
    return strstr(at, pattern);
}

#endif
