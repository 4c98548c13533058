/* SPDX-License-Identifier: MIT
 *
 * Where in the caller's program a call was made, as addresses on the stack, turned into a file and
 * a line only when somebody asks.
 */
#ifndef TP_SITE_H
#define TP_SITE_H

#include <stddef.h>

enum { TP__SITE_FRAMES = 16, TP__SITE_TEXT = 256 };

typedef struct tp__site {
    int n;
    void *frames[TP__SITE_FRAMES]; /* innermost first */
} tp__site;

/* The stack of this call. */
void tp__site_take(tp__site *site);

/* "file.c:12" of the innermost frame outside the library; without line numbers "program(f+0x1a)";
 * "" where nothing is known. */
const char *tp__site_text(char text[TP__SITE_TEXT], const tp__site *site);

#endif
