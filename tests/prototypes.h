/* SPDX-License-Identifier: MIT
 *
 * The public headers, read by tests that hold every function to something: prototypes and the
 * structs of options. Only the form of this project's headers is understood.
 */
#ifndef TP_PROTOTYPES_H
#define TP_PROTOTYPES_H

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct prototype_text {
    char *at;
    size_t n;
} prototype_text;

static void prototypes_append(prototype_text *text, const char *path)
{
    FILE *file = fopen(path, "r");
    for (int c; file && (c = getc(file)) != EOF;) {
        char *grown = text->n % 4096 ? text->at : realloc(text->at, text->n + 4097);
        if (!grown)
            break;
        text->at = grown;
        text->at[text->n++] = (char)c;
        text->at[text->n] = 0;
    }
    if (file)
        fclose(file);
}

static void prototypes_drop_comments(char *text)
{
    for (char *end; (text = strstr(text, "/*")) && (end = strstr(text, "*/"));)
        memset(text, ' ', (size_t)(end + 2 - text));
}

/* All headers in a directory, one after the other, without comments; free() it. */
static char *prototypes_read(const char *directory)
{
    prototype_text text = {NULL, 0};
    DIR *headers = opendir(directory);
    for (struct dirent *entry; headers && (entry = readdir(headers));) {
        char path[1024];
        const char *end = strrchr(entry->d_name, '.');
        if (!end || strcmp(end, ".h"))
            continue;
        snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        prototypes_append(&text, path);
    }
    if (headers)
        closedir(headers);
    if (text.at)
        prototypes_drop_comments(text.at);
    return text.at;
}

/* The next prototype at or after *at, of which *at then passes the end: its name and what stands in
 * its parentheses. False when there is none. */
static bool prototypes_next(char **at, char name[64], char parameters[600])
{
    char *start = strstr(*at, "TP_API "), *open = start ? strchr(start, '(') : NULL;
    char *end = open ? strchr(open, ';') : NULL, *first = open;
    if (!end)
        return false;
    while (first > start && (isalnum((unsigned char)first[-1]) || first[-1] == '_'))
        first--;
    snprintf(name, 64, "%.*s", (int)(open - first), first);
    snprintf(parameters, 600, "%.*s", (int)(end - open), open);
    *at = end;
    return true;
}

static inline bool prototypes_has_word(const char *text, const char *words)
{
    char copy[200];
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) {
        size_t n = strlen(word);
        for (const char *found = text; (found = strstr(found, word)); found += n) {
            bool begins = found == text || !(isalnum((unsigned char)found[-1]) || found[-1] == '_');
            if (begins && !isalnum((unsigned char)found[n]) && found[n] != '_')
                return true;
        }
    }
    return false;
}

/* Whether one of the parts of text between separators is of one of the types, and no pointer. */
static inline bool prototypes_takes(const char *text, const char *types)
{
    while (*text) {
        size_t n = strcspn(text, ",;");
        char part[200];
        snprintf(part, sizeof part, "%.*s", (int)n, text);
        if (!strchr(part, '*') && prototypes_has_word(part, types))
            return true;
        text += n + (text[n] != 0);
    }
    return false;
}

#endif
