/* SPDX-License-Identifier: MIT
 *
 * Name scopes drawn as one node each, and structure that repeats.
 *
 * Nodes repeat each other when the operations that lead to them are the same up to a number of
 * steps back: a partition refined once a step, each node by what its inputs were the step before
 * (bisimulation, Paige & Tarjan 1987, bounded).
 */
#include "base/features.h"

#include "draw/simplify.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/node.h"
#include "graph/op.h"

/* --- Name scopes --- */

/* True if name is one of those in list, which commas separate, or list is "*". */
static bool alike_listed(const char *list, const char *name)
{
    size_t length = strlen(name);
    if (!strcmp(list, "*"))
        return true;
    for (const char *at = list; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (!strncmp(at, name, length) && (at[length] == ',' || !at[length]))
            return true;
    }
    return false;
}

/* The outermost scope around a node that is to be collapsed, or NULL. */
static const tp__name_scope *alike_collapsed(const char *list, const tp__name_scope *scope)
{
    const tp__name_scope *found = NULL;
    for (; scope; scope = scope->outer)
        if (alike_listed(list, scope->name))
            found = scope;
    return found;
}

/* The first node of a scope stands for it; with orders told apart, for what has its order. */
void tp__simplify_scopes(tp__picture *p, uint32_t *into)
{
    tp__map first[TP__PICTURE_ORDERS] = {{0}};
    for (uint32_t i = 0; i < p->n; i++)
        into[i] = i;
    for (uint32_t i = 1; i < p->n && !p->failed; i++) {
        tp__picture_node *node = &p->nodes[i];
        const tp__name_scope *scope = alike_collapsed(p->options->collapse, node->scope);
        if (!scope)
            continue;
        bool added;
        tp__map *map = &first[p->options->orders ? node->order : 0];
        tp__map_entry *entry = tp__map_add(map, (const void *)scope, &added);
        p->failed = !entry;
        if (entry && added)
            entry->value.number = i;
        if (entry)
            into[i] = (uint32_t)entry->value.number;
        if (!entry || !added)
            continue;
        node->function = true;
        node->scope = scope->outer;
        node->label = tp__picture_new_label(p);
        tp__text_put(&p->labels, scope->name);
    }
    for (int i = 0; i < TP__PICTURE_ORDERS; i++)
        tp__map_drop(&first[i]);
}

/* --- What repeats --- */

typedef struct alike_entry {
    uint64_t hash;
    uint32_t node;
} alike_entry;

static uint64_t alike_mix(uint64_t hash, uint64_t more)
{
    hash = (hash ^ more) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

/* A function is its label, a variable its name, whatever else the label says. */
static uint64_t alike_first(const tp__picture *p, uint32_t i)
{
    const tp__picture_node *node = &p->nodes[i];
    const char *name = node->var->extra ? node->var->extra->name : NULL;
    const char *text = node->function ? tp__picture_label(p, i) : name ? name : "";
    bool constant = !node->function && !node->var->op;
    uint64_t hash = alike_mix(node->order, (uint64_t)node->function << 1 | constant);
    hash = alike_mix(hash, (uintptr_t)node->scope);
    while (*text)
        hash = alike_mix(hash, (unsigned char)*text++);
    return alike_mix(hash, i == 0);
}

static void alike_refine(const tp__picture *p, const tp__picture_links *in, alike_entry *entries,
                         uint64_t *before)
{
    for (uint32_t i = 0; i < p->n; i++)
        before[i] = entries[i].hash;
    for (uint32_t i = 0; i < p->n; i++)
        for (uint32_t j = in->at[i]; j < in->at[i + 1]; j++)
            entries[i].hash = alike_mix(entries[i].hash, before[in->to[j]]);
}

/* As many steps back as there are: once for each node, after its inputs. ready has room for all
 * nodes, and so has left, of inputs that are not done. */
static void alike_refine_all(const tp__picture *p, const tp__picture_links *in,
                             const tp__picture_links *out, alike_entry *entries, uint64_t *left,
                             uint32_t *ready)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if ((left[i] = in->at[i + 1] - in->at[i]) == 0)
            ready[n++] = i;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t i = ready[k];
        for (uint32_t j = in->at[i]; j < in->at[i + 1]; j++)
            entries[i].hash = alike_mix(entries[i].hash, entries[in->to[j]].hash);
        for (uint32_t j = out->at[i]; j < out->at[i + 1]; j++)
            if (--left[out->to[j]] == 0)
                ready[n++] = out->to[j];
    }
}

/* Hashes that are equal where nodes are alike up to `repeats` steps of the program back. */
static bool alike_hashes(const tp__picture *p, alike_entry *entries)
{
    tp__picture_links in, out;
    bool in_linked = tp__picture_link(&in, p, true), out_linked = tp__picture_link(&out, p, false);
    uint64_t *numbers = tp__alloc((p->n + 1u) * sizeof *numbers);
    uint32_t *ready = tp__alloc((p->n + 1u) * sizeof *ready);
    bool good = in_linked && out_linked && numbers && ready;
    int64_t steps = 2 * (int64_t)p->options->repeats;
    for (uint32_t i = 0; i < p->n; i++)
        entries[i] = (alike_entry){alike_first(p, i), i};
    if (good && steps >= p->n)
        alike_refine_all(p, &in, &out, entries, numbers, ready);
    for (int64_t step = 0; step < steps && steps < p->n && good; step++)
        alike_refine(p, &in, entries, numbers);
    tp__free(in_linked ? in.at : NULL);
    tp__free(out_linked ? out.at : NULL);
    tp__free(numbers);
    tp__free(ready);
    return good;
}

static int alike_by_hash(const void *a, const void *b)
{
    const alike_entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/* Merges the entries [0, n), which are alike, into the first. */
static void alike_merge(tp__picture *p, const alike_entry *entries, uint32_t n, uint32_t *into)
{
    uint32_t first = entries[0].node;
    for (uint32_t i = 0; i < n; i++)
        into[entries[i].node] = first;
    if (n < 2)
        return;
    size_t label = tp__picture_new_label(p);
    tp__simplify_copy_label(p, first);
    bool empty = p->labels.length == label;
    tp__text_format(&p->labels, "%s\xC3\x97 %lu", empty ? "" : " ", (unsigned long)n);
    p->nodes[first].label = label;
}

void tp__simplify_repeats(tp__picture *p, uint32_t *into)
{
    alike_entry *entries = tp__alloc((p->n + 1u) * sizeof *entries);
    p->failed = !entries || !alike_hashes(p, entries);
    if (!p->failed)
        qsort(entries, p->n, sizeof *entries, alike_by_hash);
    for (uint32_t i = 0, n; i < p->n && !p->failed; i += n) {
        for (n = 1; i + n < p->n && entries[i + n].hash == entries[i].hash;)
            n++;
        alike_merge(p, entries + i, n, into);
    }
    tp__free(entries);
}
