/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "table_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFERENCE_BYTES = 1 << 20 };

static const char *reference_text(void)
{
    static char text[REFERENCE_BYTES];
    FILE *file = *text ? NULL : fopen(TEST_REFERENCE "/table.txt", "r");
    if (file) {
        size_t length = fread(text, 1, sizeof text - 1, file);
        text[length] = 0;
        fclose(file);
    }
    return text;
}

/* The rest of the first line in [at, end) that starts so. */
static const char *find_line(const char *at, const char *end, const char *start)
{
    size_t length = strlen(start);
    while (at && at < end) {
        if (!strncmp(at, start, length) && strchr(" \n", at[length]))
            return at + length;
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    return NULL;
}

static const char *find_block(const table_case *c)
{
    char title[256];
    const char *text = reference_text();
    snprintf(title, sizeof title, "case %s %d: %s: %s", c->op->name, c->number, c->shapes,
             c->torch);
    return find_line(text, text + strlen(text), title);
}

bool table_has_reference(const table_case *c)
{
    return find_block(c) != NULL;
}

const char *table_reference(const table_case *c, const char *word)
{
    const char *block = find_block(c);
    if (!block)
        return NULL;
    const char *end = strstr(block, "\ncase ");
    return find_line(block + 1, end ? end : block + strlen(block), word);
}

const char *table_reference_line(const char *start)
{
    const char *text = reference_text();
    return find_line(text, text + strlen(text), start);
}
