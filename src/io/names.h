/* SPDX-License-Identifier: MIT
 *
 * A map from names to a pointer each, in order of insertion. A zeroed tp__names is empty. Names are
 * copies of their own; what the pointers lead to is the owner's to free. Nothing is taken out.
 *
 * Names come from files, which may choose them so that a known hash puts all into one slot: the
 * hash begins with a number that no file knows, the address of the map.
 */
#ifndef TP_NAMES_H
#define TP_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tp__names_entry {
    char *name;
    void *value;
} tp__names_entry;

typedef struct tp__names {
    size_t n, capacity, slots;
    tp__names_entry *entries;
    uint32_t *table; /* entry index + 1, 0 for free; at least half of the slots are */
} tp__names;

/* The entry of that name, or NULL. */
tp__names_entry *tp__names_find(const tp__names *names, const char *name);

/* The entry of that name, made with value NULL if it is new. NULL, with an error, when out of
 * memory. Adding moves entries, but not their names. */
tp__names_entry *tp__names_add(tp__names *names, const char *name);

/* Frees the names, and not what the pointers lead to. */
void tp__names_drop(tp__names *names);

#endif
