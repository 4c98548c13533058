/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "io/names.h"

#include <string.h>

#include "base/alloc.h"
#include "tinypytorch/error.h"

/* A slot comes from the upper half of the product's bits, each of which depends on all below. */
static size_t names_hash(const tp__names *names, const char *name)
{
    uint64_t h = (uint64_t)(uintptr_t)names;
    for (; *name; name++) {
        h = (h ^ (unsigned char)*name) * UINT64_C(0x9E3779B97F4A7C15);
        h ^= h >> 32;
    }
    return (size_t)h;
}

/* The slot that holds the name, or the free one where it belongs. */
static size_t names_slot(const tp__names *names, const char *name)
{
    size_t slot = names_hash(names, name) & (names->slots - 1);
    while (names->table[slot] && strcmp(names->entries[names->table[slot] - 1].name, name) != 0)
        slot = (slot + 1) & (names->slots - 1);
    return slot;
}

tp__names_entry *tp__names_find(const tp__names *names, const char *name)
{
    uint32_t found = names->n ? names->table[names_slot(names, name)] : 0;
    return found ? &names->entries[found - 1] : NULL;
}

/* Makes room for an entry more: twice as many entries, and two slots for each. */
static bool names_grow(tp__names *names)
{
    size_t capacity = names->capacity ? 2 * names->capacity : 16, slots = 2 * capacity;
    if (names->n < names->capacity)
        return true;
    if (capacity > UINT32_MAX / 2) {
        tp_fail(TP_ERROR_MEMORY, "more than %zu names", names->capacity);
        return false;
    }
    tp__names_entry *entries = tp__realloc(names->entries, capacity * sizeof *entries);
    if (!entries)
        return false;
    names->entries = entries;
    uint32_t *table = tp__alloc_zero(slots, sizeof *table);
    if (!table)
        return false;
    tp__free(names->table);
    names->table = table;
    names->capacity = capacity;
    names->slots = slots;
    for (size_t i = 0; i < names->n; i++)
        table[names_slot(names, entries[i].name)] = (uint32_t)i + 1;
    return true;
}

tp__names_entry *tp__names_add(tp__names *names, const char *name)
{
    tp__names_entry *entry = tp__names_find(names, name);
    if (entry || !names_grow(names))
        return entry;
    entry = &names->entries[names->n];
    *entry = (tp__names_entry){tp__copy_text(name), NULL};
    if (!entry->name)
        return NULL;
    names->table[names_slot(names, name)] = (uint32_t)++names->n;
    return entry;
}

void tp__names_drop(tp__names *names)
{
    for (size_t i = 0; i < names->n; i++)
        tp__free(names->entries[i].name);
    tp__free(names->entries);
    tp__free(names->table);
    *names = (tp__names){0};
}
