/* SPDX-License-Identifier: MIT
 *
 * Errors that show a place: the message, the line of the text around it, and a caret. Whatever the
 * text is, all of it fits in an error's message.
 */
#include "base/features.h"

#include <string.h>

#include "base/escape.h"
#include "base/text.h"
#include "base/thread.h"
#include "calculus/formula.h"
#include "tinypytorch/error.h"

enum { PLACE_BEFORE = 48, PLACE_AFTER = 24 };

static bool place_continues(char c)
{
    return ((unsigned char)c & 0xC0) == 0x80;
}

static size_t place_columns(const char *text)
{
    size_t n = 0;
    for (; text && *text; text++)
        n += !place_continues(*text);
    return n;
}

/* Two lines: the part of at's line around it, and the caret. */
static void place_lines(tp__text *out, const char *text, size_t at)
{
    size_t start = at, end = at;
    while (start > 0 && text[start - 1] != '\n' && at - start < PLACE_BEFORE)
        start--;
    while (start < at && place_continues(text[start]))
        start++;
    while (text[end] && text[end] != '\n' && end - at < PLACE_AFTER)
        end++;
    while (place_continues(text[end]))
        end++;
    tp__text before = {0};
    tp__text_put(&before, start > 0 && text[start - 1] != '\n' ? "…" : "");
    tp__escape_plain(&before, text + start, at - start);
    tp__text_put(out, "\n  ");
    tp__text_put(out, before.at ? before.at : "");
    tp__escape_plain(out, text + at, end - at);
    tp__text_put(out, text[end] && text[end] != '\n' ? "…\n  " : "\n  ");
    for (size_t i = place_columns(before.at); i > 0; i--)
        tp__text_put(out, " ");
    tp__text_put(out, "^");
    out->failed = out->failed || before.failed;
    tp__text_drop(&before);
}

/* " in line 3", of a text that has more than one. */
static void place_line_number(tp__text *out, const char *text, size_t at)
{
    size_t line = 1;
    for (size_t i = 0; i < at; i++)
        line += text[i] == '\n';
    if (strchr(text, '\n'))
        tp__text_format(out, " in line %zu", line);
}

static void place_report(tp_code code, const char *message, const char *text, size_t at)
{
    tp__text out = {0};
    tp__text_format(&out, "%.200s", message);
    place_line_number(&out, text, at);
    place_lines(&out, text, at);
    if (!out.failed)
        tp_clear_error();
    tp_fail(code, "%s", out.failed ? message : out.at);
    tp__text_drop(&out);
}

void tp__formula_fail(const char *text, size_t at, const char *message)
{
    char start[200];
    if (tp__here()->code != TP_OK)
        return;
    snprintf(start, sizeof start, "formula: %s", message);
    place_report(TP_ERROR_ARGUMENT, start, text, at);
}

void tp__formula_show(const char *text, size_t at)
{
    char message[512];
    tp_code code = tp__here()->code;
    snprintf(message, sizeof message, "%s", tp__here()->error.message);
    if (code != TP_ERROR_MEMORY)
        place_report(code, message, text, at);
}
