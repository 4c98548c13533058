/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "table_reference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { REFERENCE_BYTES = 1 << 22 };

/* The text of one family's file; the last one is kept. */
static const char *reference_text(const char *family)
{
    static char text[REFERENCE_BYTES], last[32];
    char path[512];
    if (!strcmp(family, last))
        return text;
    snprintf(last, sizeof last, "%s", family);
    snprintf(path, sizeof path, "%s/table/%s.txt", TEST_REFERENCE, family);
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    text[length] = 0;
    if (file)
        fclose(file);
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
    static const table_case *last;
    static const char *block;
    char title[400];
    if (c == last)
        return block;
    const char *text = reference_text(c->family);
    snprintf(title, sizeof title, "case %s %d: %s: %s", c->op->name, c->number, c->shapes,
             c->torch);
    last = c;
    block = find_line(text, text + strlen(text), title);
    return block;
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
    static char text[1 << 16];
    FILE *file = *text ? NULL : fopen(TEST_REFERENCE "/table/types.txt", "r");
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = 0;
        fclose(file);
    }
    return find_line(text, text + strlen(text), start);
}
