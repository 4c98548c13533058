/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "draw/json_parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "base/numbers.h"
#include "tinypytorch/error.h"

void tp__json_fail(tp__json *json, const char *expected)
{
    if (!json->failed)
        tp_fail(json->path ? TP_ERROR_FILE : TP_ERROR_ARGUMENT,
                "%s: %s%snot %s: expected %s at byte %zu", json->call, json->path ? json->path : "",
                json->path ? ": " : "", json->what, expected, (size_t)(json->at - json->start));
    json->failed = true;
}

static void json_parse_space(tp__json *json)
{
    json->at += strspn(json->at, " \t\r\n");
}

bool tp__json_next(tp__json *json, char c)
{
    json_parse_space(json);
    if (json->failed || *json->at != c)
        return false;
    json->at++;
    return true;
}

void tp__json_expect(tp__json *json, char c)
{
    char expected[] = {'"', c, '"', 0};
    if (!tp__json_next(json, c))
        tp__json_fail(json, expected);
}

bool tp__json_more(tp__json *json, char end, bool *first)
{
    if (json->failed || tp__json_next(json, end))
        return false;
    if (!*first)
        tp__json_expect(json, ',');
    *first = false;
    return !json->failed;
}

void tp__json_key(tp__json *json, char *key, size_t size)
{
    tp__text text = {0};
    tp__json_string(json, &text);
    snprintf(key, size, "%s", text.at ? text.at : "");
    json->failed = json->failed || text.failed;
    tp__text_drop(&text);
    tp__json_expect(json, ':');
}

/* --- Strings --- */

static unsigned json_parse_hex(tp__json *json)
{
    unsigned value = 0;
    for (int i = 0; i < 4; i++) {
        static const char digits[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = *json->at ? strchr(digits, *json->at) : NULL;
        if (!digit) {
            tp__json_fail(json, "four hexadecimal digits");
            return 0;
        }
        value = value << 4 | (unsigned)((digit - digits) & 15);
        json->at++;
    }
    return value;
}

static void json_parse_utf8(tp__json *json, tp__text *text, unsigned c)
{
    if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
        if (json->strict)
            tp__json_fail(json, "a character that text can hold before this");
        c = 0xFFFD;
    }
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    char bytes[4];
    for (int i = n - 1; i > 0; i--, c >>= 6)
        bytes[i] = (char)(0x80 | (c & 0x3F));
    bytes[0] = (char)(lead[n] | c);
    tp__text_add(text, bytes, (size_t)n);
}

static void json_parse_escape(tp__json *json, tp__text *text)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *found = *json->at ? strchr(from, *json->at) : NULL;
    if (found) {
        tp__text_add(text, to + (found - from), 1);
        json->at++;
        return;
    }
    if (*json->at != 'u') {
        tp__json_fail(json, "an escape");
        return;
    }
    json->at++;
    unsigned c = json_parse_hex(json);
    if (c >= 0xD800 && c < 0xDC00 && json->at[0] == '\\' && json->at[1] == 'u') {
        json->at += 2;
        unsigned low = json_parse_hex(json);
        c = low >= 0xDC00 && low < 0xE000 ? 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00) : 0;
    }
    json_parse_utf8(json, text, c);
}

/* How many bytes stand in the string as they are. */
static size_t json_parse_plain(tp__json *json)
{
    size_t n = strcspn(json->at, "\"\\"), length = 1;
    for (size_t i = 0; json->strict && i < n && length; i += length) {
        length = (unsigned char)json->at[i] < ' ' ? 0 : tp__escape_utf8(json->at + i);
        n = length ? n : i;
    }
    return n;
}

void tp__json_string(tp__json *json, tp__text *text)
{
    tp__text_add(text, "", 0);
    tp__json_expect(json, '"');
    while (!json->failed && *json->at != '"') {
        size_t plain = json_parse_plain(json);
        tp__text_add(text, json->at, plain);
        json->at += plain;
        if (!*json->at)
            tp__json_fail(json, "the end of a string");
        else if (*json->at == '\\') {
            json->at++;
            json_parse_escape(json, text);
        } else if (*json->at != '"') {
            tp__json_fail(json, "a character of UTF-8 that is no control character");
        }
    }
    json->at += !json->failed;
    json->failed = json->failed || text->failed;
}

/* --- Other values --- */

bool tp__json_bool(tp__json *json)
{
    json_parse_space(json);
    size_t n = strspn(json->at, "abcdefghijklmnopqrstuvwxyz");
    bool yes = n == 4 && !strncmp(json->at, "true", 4);
    if (!yes && !(n == 5 && !strncmp(json->at, "false", 5)))
        tp__json_fail(json, "true or false");
    json->at += json->failed ? 0 : n;
    return yes;
}

int64_t tp__json_integer(tp__json *json, int64_t least, int64_t most)
{
    char *end, expected[80];
    json_parse_space(json);
    errno = 0;
    long long value = strtoll(json->at, &end, 10);
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)least,
             (long long)most);
    if (end == json->at || errno || value < least || value > most) {
        tp__json_fail(json, expected);
        return least;
    }
    json->at = end;
    return value;
}

double tp__json_number(tp__json *json)
{
    char *end;
    bool quoted = tp__json_next(json, '"');
    double value = tp__read_number(json->at, &end);
    if (end == json->at)
        tp__json_fail(json, "a number");
    json->at = end;
    if (quoted)
        tp__json_expect(json, '"');
    return value;
}

void tp__json_skip(tp__json *json)
{
    size_t depth = 0;
    do {
        json_parse_space(json);
        char c = *json->at;
        if (c == '"') {
            tp__text text = {0};
            tp__json_string(json, &text);
            tp__text_drop(&text);
            continue;
        }
        size_t n = strspn(json->at, "+-.0123456789abcdefghijklmnopqrstuvwxyzE");
        if (c == '[' || c == '{')
            depth++;
        else if ((c == ']' || c == '}') && depth)
            depth--;
        else if (n == 0 && !((c == ',' || c == ':') && depth))
            tp__json_fail(json, "a value");
        json->at += json->failed ? 0 : n ? n : 1;
    } while (depth && !json->failed);
}

void tp__json_end(tp__json *json, const char *end)
{
    json_parse_space(json);
    if (json->at != end)
        tp__json_fail(json, "nothing but spaces");
}
