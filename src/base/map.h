/* SPDX-License-Identifier: MIT
 *
 * A map from addresses to a word each, in order of insertion. Most are of nodes: what a walk over
 * the graph knows of those it met, where it may not write into them. A zeroed tp__map is empty. Up
 * to 8 entries need no memory.
 */
#ifndef TP_MAP_H
#define TP_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tinypytorch/base.h"

enum { TP__MAP_SMALL = 8 };

typedef struct tp__map_entry {
    const tp_var *key;
    union {
        tp_var *var;
        size_t number;
    } value;
} tp__map_entry;

typedef struct tp__map {
    size_t n, capacity, slots;
    tp__map_entry *entries; /* NULL while small serves */
    uint32_t *table;        /* entry index + 1, 0 for free */
    tp__map_entry small[TP__MAP_SMALL];
} tp__map;

/* The entries, in order of insertion: at(map)[0 … n). Adding moves them. */
static inline tp__map_entry *tp__map_at(tp__map *map)
{
    return map->entries ? map->entries : map->small;
}

/* The entry for key, or NULL. */
tp__map_entry *tp__map_find(tp__map *map, const tp_var *key);

/* The entry for key, made with value 0 if new (then *added is true). NULL when out of memory. */
tp__map_entry *tp__map_add(tp__map *map, const tp_var *key, bool *added);

void tp__map_drop(tp__map *map);

#endif
