/* SPDX-License-Identifier: MIT
 *
 * Name scopes drawn as one node each, and structure that repeats.
 *
 * Nodes repeat each other when the operations that lead to them are the same up to a number of
 * steps back: a partition refined once a step, each node by what its inputs were the step before
 * (bisimulation, Paige & Tarjan 1987, bounded). Where the bound is no shorter than the longest path
 * one pass from the inputs on does; and a partition that a step leaves as it was stays so.
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

/* The names of a list, which commas separate, in order. */
typedef struct alike_name {
    const char *text;
    size_t length;
} alike_name;

typedef struct alike_names {
    bool all; /* the list is "*" */
    size_t n;
    alike_name *at;
} alike_names;

static int alike_by_name(const void *a, const void *b)
{
    const alike_name *x = a, *y = b;
    int order = memcmp(x->text, y->text, x->length < y->length ? x->length : y->length);
    return order ? order : (x->length > y->length) - (x->length < y->length);
}

/* False when out of memory. */
static bool alike_take_names(alike_names *names, const char *list)
{
    *names = (alike_names){.all = !strcmp(list, "*"), .n = 1};
    for (const char *at = list; *at; at++)
        names->n += *at == ',';
    names->at = tp__alloc(names->n * sizeof *names->at);
    if (!names->at)
        return false;
    for (size_t i = 0; i < names->n; i++) {
        names->at[i] = (alike_name){list, strcspn(list, ",")};
        list += names->at[i].length + 1;
    }
    qsort(names->at, names->n, sizeof *names->at, alike_by_name);
    return true;
}

/* The outermost scope around a node that is to be collapsed, or NULL. */
static const tp__name_scope *alike_collapsed(const alike_names *names, const tp__name_scope *scope)
{
    const tp__name_scope *found = NULL;
    for (; scope; scope = scope->outer) {
        const alike_name name = {scope->name, strlen(scope->name)};
        if (names->all || bsearch(&name, names->at, names->n, sizeof name, alike_by_name))
            found = scope;
    }
    return found;
}

/* The first node of a scope stands for it; with orders told apart, for what has its order. */
void tp__simplify_scopes(tp__picture *p, uint32_t *into)
{
    tp__map first[TP__PICTURE_ORDERS] = {{0}};
    alike_names names;
    for (uint32_t i = 0; i < p->n; i++)
        into[i] = i;
    p->failed |= !alike_take_names(&names, p->options->collapse);
    for (uint32_t i = 1; i < p->n && !p->failed; i++) {
        tp__picture_node *node = &p->nodes[i];
        const tp__name_scope *scope = alike_collapsed(&names, node->scope);
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
    tp__free(names.at);
}

/* --- What repeats --- */

typedef struct alike_entry {
    uint64_t hash;
    uint32_t node;
} alike_entry;

/* Which of the two is which matters: a node and its input swap places from step to step. */
static uint64_t alike_mix(uint64_t hash, uint64_t more)
{
    hash = ((hash << 23 | hash >> 41) ^ more) * UINT64_C(0x9E3779B97F4A7C15);
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

/* Nodes in an order in which inputs come before what uses them. False if there is none, because
 * scopes drawn as one node make circles, or a path is longer than `steps`, or without memory. */
static bool alike_order(tp__picture *p, const tp__picture_links *in, uint32_t steps,
                        uint32_t *order)
{
    tp__picture_links out;
    uint32_t *left = tp__alloc((2 * (size_t)p->n + 1) * sizeof *left),
             *depth = left ? left + p->n : NULL;
    uint32_t n = 0, longest = 0;
    if (!left || !tp__picture_link(&out, p, false)) {
        p->failed = true;
        tp__free(left);
        return false;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        left[i] = in->at[i + 1] - in->at[i];
        depth[i] = 0;
        if (!left[i])
            order[n++] = i;
    }
    for (uint32_t at = 0; at < n; at++)
        for (uint32_t i = order[at], k = out.at[i]; k < out.at[i + 1]; k++) {
            uint32_t to = out.to[k];
            depth[to] = depth[to] > depth[i] + 1 ? depth[to] : depth[i] + 1;
            longest = longest > depth[to] ? longest : depth[to];
            if (--left[to] == 0)
                order[n++] = to;
        }
    tp__free(out.at);
    tp__free(left);
    return n == p->n && longest <= steps;
}

static void alike_refine_once(const tp__picture *p, const tp__picture_links *in,
                              const uint32_t *order, alike_entry *entries)
{
    for (uint32_t k = 0; k < p->n; k++)
        for (uint32_t i = order[k], j = in->at[i]; j < in->at[i + 1]; j++)
            entries[i].hash = alike_mix(entries[i].hash, entries[in->to[j]].hash);
}

static int alike_by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* How many different nodes there are. */
static uint32_t alike_classes(const tp__picture *p, const alike_entry *entries, uint64_t *room)
{
    uint32_t classes = 0;
    for (uint32_t i = 0; i < p->n; i++)
        room[i] = entries[i].hash;
    qsort(room, p->n, sizeof *room, alike_by_number);
    for (uint32_t i = 0; i < p->n; i++)
        classes += i == 0 || room[i] != room[i - 1];
    return classes;
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

/* So many steps, or as many as change something: looked at after 1, 2, 4 … steps. */
static void alike_refine_all(const tp__picture *p, const tp__picture_links *in, uint32_t steps,
                             alike_entry *entries, uint64_t *before)
{
    uint32_t classes = alike_classes(p, entries, before);
    for (uint32_t step = 0, look = 1; step < steps; step++) {
        alike_refine(p, in, entries, before);
        if (step + 1 < look)
            continue;
        uint32_t now = alike_classes(p, entries, before);
        if (now == classes)
            return;
        classes = now;
        look = step + 1 < UINT32_MAX / 2 ? 2 * (step + 1) : UINT32_MAX;
    }
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
    tp__picture_links in;
    bool linked = tp__picture_link(&in, p, true);
    alike_entry *entries = tp__alloc((p->n + 1u) * sizeof *entries);
    uint64_t *before = tp__alloc((p->n + 1u) * sizeof *before);
    uint32_t *order = tp__alloc((p->n + 1u) * sizeof *order);
    uint32_t steps = 2 * (uint32_t)p->options->repeats;
    p->failed = !linked || !entries || !before || !order;
    for (uint32_t i = 0; i < p->n && !p->failed; i++)
        entries[i] = (alike_entry){alike_first(p, i), i};
    if (!p->failed && alike_order(p, &in, steps, order))
        alike_refine_once(p, &in, order, entries);
    else if (!p->failed)
        alike_refine_all(p, &in, steps, entries, before);
    if (!p->failed)
        qsort(entries, p->n, sizeof *entries, alike_by_hash);
    for (uint32_t i = 0, n; i < p->n && !p->failed; i += n) {
        for (n = 1; i + n < p->n && entries[i + n].hash == entries[i].hash;)
            n++;
        alike_merge(p, entries + i, n, into);
    }
    tp__free(linked ? in.at : NULL);
    tp__free(entries);
    tp__free(before);
    tp__free(order);
}
