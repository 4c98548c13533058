/* SPDX-License-Identifier: MIT
 *
 * Text that grows. A zeroed tp__text is empty; it keeps a terminating 0. When memory runs out it
 * is marked failed, further appends do nothing, and taking it gives NULL: one check at the end.
 */
#ifndef TP_TEXT_H
#define TP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "tinypytorch/base.h"

typedef struct tp__text {
    char *at;
    size_t length, capacity;
    bool failed;
} tp__text;

void tp__text_add(tp__text *text, const char *bytes, size_t length);
void tp__text_put(tp__text *text, const char *string);
void tp__text_format(tp__text *text, const char *format, ...) TP_PRINTF(2, 3);

/* The text, which the caller frees, or NULL if memory ran out. The tp__text is empty again. */
char *tp__text_take(tp__text *text);

/* Frees what is held. */
void tp__text_drop(tp__text *text);

#endif
