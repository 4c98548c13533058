/* SPDX-License-Identifier: MIT
 *
 * The names of a formula's variables: a list in order, and a hash table of their numbers.
 */
#include "base/features.h"

#include <string.h>

#include "base/alloc.h"
#include "calculus/formula.h"

static uint32_t formula_hash(const char *name, size_t length)
{
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)name[i]) * 16777619u;
    return hash;
}

/* Where the number of a name is, plus one, or would be. */
static int *formula_entry(int *index, size_t room, char *const *names, const char *name,
                          size_t length)
{
    for (size_t at = formula_hash(name, length) & (room - 1);; at = (at + 1) & (room - 1)) {
        const char *there = index[at] ? names[index[at] - 1] : NULL;
        if (!there || (!strncmp(there, name, length) && !there[length]))
            return &index[at];
    }
}

int tp__formula_names_find(const tp__formula_names *names, const char *name, size_t length)
{
    if (!names->index)
        return -1;
    return *formula_entry(names->index, names->room, names->at, name, length) - 1;
}

/* Twice the room, of which at most half is used. */
static bool formula_names_grow(tp__formula_names *names)
{
    size_t room = names->room ? 2 * names->room : 16;
    int *index = tp__alloc_zero(room, sizeof *index);
    char **at = index ? tp__realloc(names->at, room / 2 * sizeof *at) : NULL;
    if (!at) {
        tp__free(index);
        return false;
    }
    for (int i = 0; i < names->n; i++)
        *formula_entry(index, room, at, at[i], strlen(at[i])) = i + 1;
    tp__free(names->index);
    names->at = at;
    names->index = index;
    names->room = room;
    return true;
}

int tp__formula_names_add(tp__formula_names *names, const char *name, size_t length)
{
    if (2 * (size_t)names->n >= names->room && !formula_names_grow(names))
        return -1;
    char *copy = tp__alloc(length + 1);
    if (!copy || !names->index)
        return -1;
    memcpy(copy, name, length);
    copy[length] = 0;
    names->at[names->n++] = copy;
    *formula_entry(names->index, names->room, names->at, copy, length) = names->n;
    return names->n - 1;
}

void tp__formula_names_free(tp__formula_names *names)
{
    for (int i = 0; i < names->n; i++)
        tp__free(names->at[i]);
    tp__free(names->at);
    tp__free(names->index);
}
