/* SPDX-License-Identifier: MIT
 *
 * Names as they stand in DOT, XML, JSON and on a terminal.
 *
 * Each function goes through a name by the characters of UTF-8. A character that has a meaning in
 * the language is escaped in the language's way, one that it can show is written as it is. Where
 * neither holds, U+FFFD stands for one byte, and the next one is looked at. So whatever a program
 * calls its values, the file around the name stays well-formed.
 */
#include "base/features.h"

#include "base/escape.h"

/* U+FFFD, for bytes that cannot be shown. */
#define ESCAPE_ODD "\xEF\xBF\xBD"

/* By the first byte, then by those that follow; longer forms than needed, surrogates and what lies
 * beyond U+10FFFF are no characters. The terminating 0 is no byte that follows another, so nothing
 * behind it is read. */
size_t tp__escape_utf8(const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    size_t n = s[0] < 0x80                   ? 1
               : s[0] >= 0xC2 && s[0] < 0xE0 ? 2
               : (s[0] & 0xF0) == 0xE0       ? 3
               : s[0] >= 0xF0 && s[0] < 0xF5 ? 4
                                             : 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xC0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xE0 && s[1] < 0xA0) || (s[0] == 0xF0 && s[1] < 0x90);
    bool outside = (s[0] == 0xED && s[1] > 0x9F) || (s[0] == 0xF4 && s[1] > 0x8F);
    return overlong || outside ? 0 : n;
}

/* XML knows neither U+FFFE nor U+FFFF. */
size_t tp__escape_character(const char *name)
{
    const unsigned char *s = (const unsigned char *)name;
    size_t n = tp__escape_utf8(name);
    bool control = n == 1 && (s[0] < 0x20 || s[0] == 0x7F);
    bool late_control = n == 2 && s[0] == 0xC2 && s[1] < 0xA0;
    bool not_xml = n == 3 && s[0] == 0xEF && s[1] == 0xBF && s[2] >= 0xBE;
    return control || late_control || not_xml ? 0 : n;
}

void tp__escape_dot(tp__text *text, const char *name)
{
    while (*name) {
        size_t n = tp__escape_character(name);
        if (*name == '\n')
            tp__text_put(text, "\\n");
        else if (*name == '\t')
            tp__text_put(text, " ");
        else if (n == 0)
            tp__text_put(text, ESCAPE_ODD);
        else if (*name == '"' || *name == '\\')
            tp__text_add(text, *name == '"' ? "\\\"" : "\\\\", 2);
        else if (*name == '&')
            tp__text_put(text, "&amp;");
        else
            tp__text_add(text, name, n);
        name += n ? n : 1;
    }
}

static const char *escape_entity(char c)
{
    return c == '&'                 ? "&amp;"
           : c == '<'               ? "&lt;"
           : c == '>'               ? "&gt;"
           : c == '"'               ? "&quot;"
           : c == '\n' || c == '\t' ? " "
                                    : NULL;
}

void tp__escape_xml(tp__text *text, const char *name, size_t length)
{
    for (size_t at = 0; at < length && name[at];) {
        size_t n = tp__escape_character(name + at);
        const char *entity = escape_entity(name[at]);
        if (entity)
            tp__text_put(text, entity);
        else if (n == 0)
            tp__text_put(text, ESCAPE_ODD);
        else
            tp__text_add(text, name + at, n);
        at += n ? n : 1;
    }
}

void tp__escape_plain(tp__text *text, const char *name, size_t length)
{
    for (size_t at = 0; at < length && name[at];) {
        size_t n = tp__escape_character(name + at);
        if (n)
            tp__text_add(text, name + at, n);
        else
            tp__text_put(text, name[at] == '\n' || name[at] == '\t' ? " " : ESCAPE_ODD);
        at += n ? n : 1;
    }
}

/* "<", ">" and "&" are written by number, so that no tag, comment or entity of HTML can start or
 * end in the string. */
void tp__escape_json(tp__text *text, const char *name)
{
    tp__text_put(text, "\"");
    while (*name) {
        unsigned char c = (unsigned char)*name;
        size_t n = tp__escape_utf8(name);
        if (n == 0)
            tp__text_put(text, ESCAPE_ODD);
        else if (c < 0x20 || c == 0x7F || c == '<' || c == '&' || c == '>')
            tp__text_format(text, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            tp__text_format(text, "\\%c", c);
        else
            tp__text_add(text, name, n);
        name += n ? n : 1;
    }
    tp__text_put(text, "\"");
}
