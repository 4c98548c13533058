/* SPDX-License-Identifier: MIT
 *
 * Names in the languages of pictures. Whatever bytes a name holds, what is written is valid UTF-8
 * that reads back as that name, but for bytes that the format cannot hold: these become U+FFFD.
 */
#ifndef TP_ESCAPE_H
#define TP_ESCAPE_H

#include "base/text.h"

/* The length of the UTF-8 character at s; 0 if it is none. */
size_t tp__escape_utf8(const char *s);

/* The length of the UTF-8 character at s; 0 if there is none or no picture can show it: a control
 * character, or one that XML forbids. */
size_t tp__escape_character(const char *s);

/* Inside a quoted string of DOT; a newline starts a line of the label. */
void tp__escape_dot(tp__text *text, const char *name);

/* Inside an element or a quoted attribute of XML, length bytes of name. */
void tp__escape_xml(tp__text *text, const char *name, size_t length);

/* A quoted JSON string that may stand inside a script of HTML. */
void tp__escape_json(tp__text *text, const char *name);

/* For a terminal, length bytes of name: no control characters. */
void tp__escape_plain(tp__text *text, const char *name, size_t length);

#endif
