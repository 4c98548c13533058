/* SPDX-License-Identifier: MIT
 *
 * Reading JSON that has a known form: the caller says what comes next, and steps over what it does
 * not know. After the first error everything fails; it says where.
 */
#ifndef TP_JSON_PARSE_H
#define TP_JSON_PARSE_H

#include "base/text.h"

typedef struct tp__json {
    const char *start, *at;
    const char *call, *path, *what; /* for messages: "call: path: not what: …"; path may be NULL */
    bool strict;                    /* strings hold UTF-8, and no control characters */
    bool failed;
} tp__json;

/* Records that `expected` is missing at this place. */
void tp__json_fail(tp__json *json, const char *expected);

/* Steps over spaces and the character c if it is next; says whether it was. */
bool tp__json_next(tp__json *json, char c);

/* Steps over c, or fails. */
void tp__json_expect(tp__json *json, char c);

/* One step through a list or an object that was begun with tp__json_expect: true if an element
 * follows. *first is true before the first call. */
bool tp__json_more(tp__json *json, char end, bool *first);

/* A key and its colon, cut to the size of key. */
void tp__json_key(tp__json *json, char *key, size_t size);

/* Appends a string to text; a character 0, which no text can hold, or half a pair, becomes U+FFFD,
 * or is an error where reading is strict. */
void tp__json_string(tp__json *json, tp__text *text);

bool tp__json_bool(tp__json *json);
int64_t tp__json_integer(tp__json *json, int64_t least, int64_t most);

/* A number, or one of the strings "nan", "-nan", "inf", "-inf". */
double tp__json_number(tp__json *json);

/* Steps over any value, however deep. */
void tp__json_skip(tp__json *json);

/* Steps over spaces, and fails unless the text ends there, at `end`. */
void tp__json_end(tp__json *json, const char *end);

#endif
