/* SPDX-License-Identifier: MIT
 *
 * Entries stand in an array in order of insertion. The first few are in the tp__map itself and are
 * searched one by one. When more come, all move to an array that grows, and a table beside it finds
 * them: its slots hold the numbers of entries, and a key whose slot is taken is in one of the next.
 * Single entries are never taken out, so no slot becomes free again and a search may end at a free
 * one.
 */
#include "base/features.h"

#include "base/map.h"

#include <string.h>

#include "base/alloc.h"

/* The lowest bits of all addresses are the same. Multiplying spreads the others over the word; the
 * slot is taken from its upper half. */
static size_t map_hash(const tp_var *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key * UINT64_C(0x9E3779B97F4A7C15);
    return (size_t)(h >> 20);
}

/* The slot that holds key, or the free one where it belongs. Half of the slots at least are free,
 * so the search ends. */
static size_t map_slot(const tp__map *map, const tp_var *key)
{
    size_t slot = map_hash(key) & (map->slots - 1);
    while (map->table[slot] && map->entries[map->table[slot] - 1].key != key)
        slot = (slot + 1) & (map->slots - 1);
    return slot;
}

tp__map_entry *tp__map_find(tp__map *map, const tp_var *key)
{
    if (map->table) {
        uint32_t index = map->table[map_slot(map, key)];
        return index ? &map->entries[index - 1] : NULL;
    }
    for (size_t i = 0; i < map->n; i++)
        if (map->small[i].key == key)
            return &map->small[i];
    return NULL;
}

static bool map_grow(tp__map *map)
{
    size_t capacity = map->entries ? 2 * map->capacity : 4 * TP__MAP_SMALL;
    uint32_t *table = tp__alloc_zero(2 * capacity, sizeof *table);
    if (!table)
        return false;
    tp__map_entry *entries = tp__realloc(map->entries, capacity * sizeof *entries);
    if (!entries) {
        tp__free(table);
        return false;
    }
    if (!map->entries)
        memcpy(entries, map->small, sizeof map->small);
    tp__free(map->table);
    map->entries = entries;
    map->capacity = capacity;
    map->table = table;
    map->slots = 2 * capacity;
    for (size_t i = 0; i < map->n; i++)
        table[map_slot(map, entries[i].key)] = (uint32_t)(i + 1);
    return true;
}

tp__map_entry *tp__map_add(tp__map *map, const tp_var *key, bool *added)
{
    tp__map_entry *entry = tp__map_find(map, key);
    *added = !entry;
    if (entry)
        return entry;
    if (map->n == (map->entries ? map->capacity : TP__MAP_SMALL) && !map_grow(map))
        return NULL;
    if (map->table)
        map->table[map_slot(map, key)] = (uint32_t)(map->n + 1);
    entry = &tp__map_at(map)[map->n++];
    *entry = (tp__map_entry){.key = key};
    return entry;
}

void tp__map_drop(tp__map *map)
{
    if (!map->entries) {
        map->n = 0;
        return;
    }
    tp__free(map->entries);
    tp__free(map->table);
    map->entries = NULL;
    map->table = NULL;
    map->n = map->capacity = map->slots = 0;
}
