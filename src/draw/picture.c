/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "draw/picture.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/marks.h"
#include "base/node.h"
#include "draw/walk.h"
#include "tinypytorch.h"

/* --- Room --- */

/* items with room for one more than n. */
static void *picture_grow(tp__picture *p, void *items, size_t *capacity, size_t n, size_t item)
{
    if (n < *capacity || p->failed)
        return items;
    size_t more = 2 * n + 64;
    void *grown = n < TP__PICTURE_NONE / 4 ? tp__realloc(items, more * item) : NULL;
    if (!grown) {
        if (n >= TP__PICTURE_NONE / 4)
            tp_fail(TP_ERROR_MEMORY, "draw_graph: more nodes than a picture can hold");
        p->failed = true;
        return items;
    }
    *capacity = more;
    return grown;
}

size_t tp__picture_new_label(tp__picture *p)
{
    tp__text_add(&p->labels, "", 1);
    return p->labels.length;
}

static tp__picture_node *picture_node(tp__picture *p, size_t id)
{
    while (p->n <= id && !p->failed) {
        p->nodes = picture_grow(p, p->nodes, &p->capacity, p->n, sizeof *p->nodes);
        if (!p->failed)
            p->nodes[p->n++] = (tp__picture_node){.box = TP__PICTURE_NONE, .count = 1};
    }
    return p->failed ? NULL : &p->nodes[id];
}

/* --- From the walk --- */

static void picture_add_variable(void *to, size_t id, tp_var *v)
{
    tp__picture *p = to;
    tp__picture_node *node = picture_node(p, id);
    if (!node)
        return;
    node->var = v;
    node->scope = tp__scope_of(v);
    node->order = tp__order(v);
    node->label = tp__picture_new_label(p);
    tp__picture_variable(&p->labels, v, p->options);
}

static void picture_add_function(void *to, size_t id, const char *label, tp_var *of)
{
    tp__picture *p = to;
    tp__picture_node *node = picture_node(p, id);
    if (!node)
        return;
    node->var = of;
    node->scope = tp__scope_of(of);
    node->function = true;
    node->order = tp__order(of);
    node->label = tp__picture_new_label(p);
    tp__text_put(&p->labels, label);
}

static void picture_add_edge(void *to, size_t from, size_t at)
{
    tp__picture *p = to;
    p->edges = picture_grow(p, p->edges, &p->edge_capacity, p->n_edges, sizeof *p->edges);
    if (!p->failed)
        p->edges[p->n_edges++] = (tp__picture_edge){(uint32_t)from, (uint32_t)at};
}

static bool picture_go_on(void *to)
{
    tp__picture *p = to;
    p->failed = p->failed || p->labels.failed;
    return !p->failed;
}

/* --- Leaves --- */

static const tp__name_scope *picture_common(const tp__name_scope *a, const tp__name_scope *b)
{
    while (a != b) {
        if (!a || (b && b->depth >= a->depth))
            b = b ? b->outer : NULL;
        else
            a = a->outer;
        if (!a && !b)
            return NULL;
    }
    return a;
}

static bool picture_is_leaf(const tp__picture_node *node)
{
    return !node->function && !node->var->op;
}

/* A leaf has the lowest order of what uses it and stands in the innermost scope that holds all of
 * that. */
static void picture_settle_leaves(tp__picture *p)
{
    bool *met = tp__alloc_zero(p->n + 1u, sizeof *met);
    if (!met) {
        p->failed = true;
        return;
    }
    for (uint32_t i = 0; i < p->n_edges; i++) {
        tp__picture_node *from = &p->nodes[p->edges[i].from], *to = &p->nodes[p->edges[i].to];
        if (!picture_is_leaf(from))
            continue;
        bool first = !met[p->edges[i].from];
        met[p->edges[i].from] = true;
        from->order = first || to->order < from->order ? to->order : from->order;
        from->scope = first ? to->scope : picture_common(from->scope, to->scope);
    }
    tp__free(met);
}

/* --- Boxes --- */

/* Boxes that are known: a map for each order from scopes, whose addresses serve as keys. */
typedef struct picture_known {
    tp__map of_scope[TP__PICTURE_ORDERS];
    uint32_t group[TP__PICTURE_ORDERS];
} picture_known;

static uint32_t picture_new_box(tp__picture *p, const tp__name_scope *scope, uint8_t order,
                                uint32_t outer)
{
    p->boxes = picture_grow(p, p->boxes, &p->box_capacity, p->n_boxes, sizeof *p->boxes);
    if (p->failed)
        return TP__PICTURE_NONE;
    p->boxes[p->n_boxes] = (tp__picture_box){.scope = scope, .order = order, .outer = outer};
    return p->n_boxes++;
}

static uint32_t picture_group(tp__picture *p, picture_known *known, uint8_t order)
{
    if (p->options->orders && known->group[order] == TP__PICTURE_NONE)
        known->group[order] = picture_new_box(p, NULL, order, TP__PICTURE_NONE);
    return known->group[order];
}

/* The box of a scope and an order, made with those around it if it is new. */
static uint32_t picture_box(tp__picture *p, picture_known *known, const tp__name_scope *scope,
                            uint8_t order)
{
    const tp__name_scope *chain[TP__NAME_SCOPES];
    int n = 0;
    order = p->options->orders ? order : 0;
    uint32_t box = picture_group(p, known, order);
    for (; scope && p->options->scopes; scope = scope->outer) {
        tp__map_entry *entry = tp__map_find(&known->of_scope[order], (const void *)scope);
        if (entry) {
            box = (uint32_t)entry->value.number;
            break;
        }
        chain[n++] = scope;
    }
    while (n-- > 0 && !p->failed) {
        bool added;
        box = picture_new_box(p, chain[n], order, box);
        tp__map_entry *entry = tp__map_add(&known->of_scope[order], (const void *)chain[n], &added);
        if (entry)
            entry->value.number = box;
        p->failed = p->failed || !entry;
    }
    return box;
}

void tp__picture_boxes(tp__picture *p)
{
    picture_known known = {0};
    for (int i = 0; i < TP__PICTURE_ORDERS; i++)
        known.group[i] = TP__PICTURE_NONE;
    p->n_boxes = 0;
    for (uint32_t i = 0; i < p->n && !p->failed; i++)
        p->nodes[i].box = picture_box(p, &known, p->nodes[i].scope, p->nodes[i].order);
    for (int i = 0; i < TP__PICTURE_ORDERS; i++)
        tp__map_drop(&known.of_scope[i]);
}

/* --- The whole --- */

bool tp__picture_make(tp__picture *p, tp_var *y, const tp_draw_options *options)
{
    *p = (tp__picture){.options = options};
    tp__walk walk = {p, picture_add_variable, picture_add_function, picture_add_edge,
                     picture_go_on};
    p->failed = !tp__walk_graph(&walk, y) || p->failed;
    p->whole = p->n;
    if (!p->failed)
        picture_settle_leaves(p);
    if (!p->failed)
        tp__picture_simplify(p);
    if (!p->failed)
        tp__picture_boxes(p);
    return !p->failed;
}

void tp__picture_drop(tp__picture *p)
{
    tp__free(p->nodes);
    tp__free(p->edges);
    tp__free(p->boxes);
    tp__text_drop(&p->labels);
}

bool tp__picture_link(tp__picture_links *links, const tp__picture *p, bool backwards)
{
    links->at = tp__alloc_zero(p->n + 2u + p->n_edges, sizeof *links->at);
    if (!links->at)
        return false;
    uint32_t *at = links->at;
    links->to = at + p->n + 2;
    for (uint32_t i = 0; i < p->n_edges; i++)
        at[(backwards ? p->edges[i].to : p->edges[i].from) + 2]++;
    for (uint32_t i = 2; i < p->n + 2; i++)
        at[i] += at[i - 1];
    for (uint32_t i = 0; i < p->n_edges; i++) {
        const tp__picture_edge *e = &p->edges[i];
        links->to[at[(backwards ? e->to : e->from) + 1]++] = backwards ? e->from : e->to;
    }
    return true;
}
