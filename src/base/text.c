/* SPDX-License-Identifier: MIT
 *
 * Text that grows by doubling, so that any number of small pieces costs time in proportion to the
 * whole. After a failure `failed` stays set, also when there is memory again, until the text is
 * taken or dropped: a text with a piece missing is never given out.
 */
#include "base/features.h"

#include "base/text.h"

#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/numbers.h"

/* Room for so many bytes and the 0 behind them. */
static bool text_reserve(tp__text *text, size_t more)
{
    if (text->failed)
        return false;
    if (text->length + more < text->capacity)
        return true;
    size_t capacity = 2 * (text->length + more) + 64;
    char *grown = tp__realloc(text->at, capacity);
    if (!grown) {
        text->failed = true;
        return false;
    }
    text->at = grown;
    text->capacity = capacity;
    return true;
}

void tp__text_add(tp__text *text, const char *bytes, size_t length)
{
    if (!text_reserve(text, length))
        return;
    memcpy(text->at + text->length, bytes, length);
    text->length += length;
    text->at[text->length] = 0;
}

void tp__text_put(tp__text *text, const char *string)
{
    tp__text_add(text, string, strlen(string));
}

/* Writes into what room there is, at least 64 bytes. The length that comes back says what the text
 * takes; if that was more, the second round has it. */
void tp__text_format(tp__text *text, const char *format, ...)
{
    int length = 0;
    for (size_t room = 64; text_reserve(text, room); room = (size_t)length) {
        va_list arguments;
        va_start(arguments, format);
        length = tp__format_list(text->at + text->length, room + 1, format, arguments);
        va_end(arguments);
        if (length <= (int)room) {
            text->length += length > 0 ? (size_t)length : 0;
            return;
        }
    }
}

char *tp__text_take(tp__text *text)
{
    char *taken = NULL;
    if (text_reserve(text, 0)) {
        text->at[text->length] = 0;
        taken = text->at;
        text->at = NULL;
    }
    tp__text_drop(text);
    return taken;
}

void tp__text_drop(tp__text *text)
{
    tp__free(text->at);
    *text = (tp__text){0};
}
