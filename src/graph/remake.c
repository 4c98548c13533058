/* SPDX-License-Identifier: MIT
 *
 * To make v again, what was dropped below it is listed with the number of readers each has
 * (remake_list), and computed in order of generation. Elements that no rule reads go again when the
 * last reader in the list has had them. A value whose operand was edited since is not made from the
 * new elements: that is an error.
 */
#include "base/features.h"

#include "graph/remake.h"

#include <stdlib.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/versions.h"
#include "graph/watch.h"
#include "tinypytorch/scope.h"

unsigned tp__remake_reads(tp_var *v)
{
    unsigned reads = 0;
    for (uint32_t i = 0; i < v->n_in; i++)
        if (!(tp__inputs(v)[i]->flags & TP__REMADE))
            reads |= i < TP__READING ? 1u << i : (unsigned)TP__READS_MORE;
    return reads;
}

size_t tp__remake_bytes(const tp_var *v)
{
    return (size_t)v->size * tp__dtype_size((tp_dtype)v->dtype);
}

/* Constants and outputs of users' functions cannot be made by applying an operation. */
static bool remake_has_operation(const tp_var *v)
{
    return v->op && !(v->op->flags & (TP__OUTPUT | TP__OUTPUTS));
}

/* What the caller has a pointer to stays where it is. */
void tp__forget(tp_var *v)
{
    if ((v->flags & TP__REMADE) && remake_has_operation(v) && v->storage && !v->storage->pinned &&
        !v->storage->open && tp__remake_bytes(v) > TP__INLINE_BYTES && !(v->flags & TP__SHARED))
        tp__node_empty(v);
}

static bool remake_stale(const tp_var *v)
{
    tp_var *const *in = tp__inputs((tp_var *)v);
    const uint32_t *versions = tp__input_versions((tp_var *)v);
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__version(in[i]) != versions[i]) {
            char name[64];
            tp_fail(TP_ERROR_GRAPH,
                    "the result of %s cannot be computed again: operand %u of %u%s was edited in "
                    "place since it was recorded",
                    v->op->name, i + 1, v->n_in, tp__name_text(name, in[i]));
            return true;
        }
    return false;
}

/* Computes v from operands that have their elements. */
static bool remake_one(tp_var *v)
{
    if (remake_stale(v))
        return false;
    size_t scope = tp_scope_begin();
    tp_var *again = tp__apply_again(v, tp__inputs(v));
    bool good = !(again->flags & TP__POISON);
    if (good) {
        tp__storage_ref(again->storage);
        v->storage = again->storage;
        v->data = again->data;
        v->flags = (v->flags & (uint16_t) ~(TP__DROPPED | TP__CONTIGUOUS)) |
                   (again->flags & TP__CONTIGUOUS);
        memcpy(tp__strides(v), tp__strides(again), v->ndim * sizeof(int64_t));
    }
    tp_scope_end(scope);
    return good;
}

/* v and what below it was dropped too, with the number of those that will read each. False if one
 * of these is *lost, or out of memory. */
static bool remake_list(tp_var *v, tp__map *list, const tp_var **lost)
{
    bool added;
    bool good = tp__map_add(list, v, &added) != NULL;
    for (size_t at = 0; at < list->n && good; at++) {
        tp_var *node = (tp_var *)tp__map_at(list)[at].key;
        if (!remake_has_operation(node)) {
            *lost = node;
            return false;
        }
        for (uint32_t i = 0; i < node->n_in && good; i++) {
            tp_var *in = tp__inputs(node)[i];
            if (!(in->flags & TP__DROPPED))
                continue;
            tp__map_entry *entry = tp__map_add(list, in, &added);
            good = entry != NULL;
            if (good)
                entry->value.number++;
        }
    }
    return good;
}

static int remake_compare(const void *a, const void *b)
{
    const tp_var *first = *(tp_var *const *)a, *second = *(tp_var *const *)b;
    return (first->generation > second->generation) - (first->generation < second->generation);
}

/* The nodes of a list, those with lower generations first. NULL when out of memory. */
static tp_var **remake_sorted(tp__map *list)
{
    tp_var **order = tp__alloc(list->n * sizeof *order);
    if (!order)
        return NULL;
    for (size_t i = 0; i < list->n; i++)
        order[i] = (tp_var *)tp__map_at(list)[i].key;
    qsort(order, list->n, sizeof *order, remake_compare);
    return order;
}

/* v and what below it was dropped and is not known yet. */
static bool remake_unknown(const tp_var *v, tp__map *list, tp__map *known)
{
    bool added;
    bool good = tp__map_add(list, v, &added) != NULL;
    for (size_t at = 0; at < list->n && good; at++) {
        tp_var *node = (tp_var *)tp__map_at(list)[at].key;
        for (uint32_t i = 0; i < node->n_in && good; i++) {
            const tp_var *in = tp__inputs(node)[i];
            if ((in->flags & TP__DROPPED) && !tp__map_find(known, in))
                good = tp__map_add(list, in, &added) != NULL;
        }
    }
    return good;
}

/* Adds a node, whose dropped operands are known. */
static bool remake_learn(tp_var *node, tp__map *known)
{
    bool added, good = remake_has_operation(node);
    for (uint32_t i = 0; i < node->n_in && good; i++) {
        const tp_var *in = tp__inputs(node)[i];
        const tp__map_entry *entry = in->flags & TP__DROPPED ? tp__map_find(known, in) : NULL;
        good = !(in->flags & TP__DROPPED) || (entry && entry->value.number);
    }
    tp__map_entry *entry = tp__map_add(known, node, &added);
    if (entry)
        entry->value.number = good;
    return entry != NULL;
}

bool tp__can_remake(tp_var *v, tp__map *known)
{
    tp__map list = {0};
    tp_var **order = NULL;
    const tp__map_entry *entry = tp__map_find(known, v);
    if (!entry && remake_unknown(v, &list, known))
        order = remake_sorted(&list);
    for (size_t i = 0; order && i < list.n; i++)
        if (!remake_learn(order[i], known))
            break;
    tp__free(order);
    tp__map_drop(&list);
    entry = entry ? entry : tp__map_find(known, v);
    return entry && entry->value.number;
}

static void remake_lost(const tp_var *v, const tp_var *lost)
{
    char name[64];
    tp_fail(TP_ERROR_GRAPH,
            "read after drop: the elements of a value%s are gone: no handle was left, and no "
            "gradient reads them%s (keep its scope open)",
            tp__name_text(name, v),
            lost == v ? "" : "; nor can they be computed again, since a constant is gone too");
}

/* An operand lets go of elements that no rule reads once all in the list have read it. */
static void remake_settle(tp__map *list, tp_var *node)
{
    for (uint32_t i = 0; i < node->n_in; i++) {
        tp__map_entry *entry = tp__map_find(list, tp__inputs(node)[i]);
        if (entry && --entry->value.number == 0)
            tp__reads_settle(tp__inputs(node)[i]);
    }
}

static bool remake_run(tp_var *v, tp__map *list)
{
    tp_var **order = remake_sorted(list);
    bool good = order != NULL;
    for (size_t i = 0; i < list->n && good; i++) {
        good = remake_one(order[i]);
        if (good && order[i] != v)
            remake_settle(list, order[i]);
    }
    tp__free(order);
    return good && tp__evaluate(v);
}

bool tp__remake(tp_var *v)
{
    tp__thread *t = tp__here();
    const char *guard = tp__guard(t, NULL);
    bool no_grad = tp__set_mode(t, TP__NO_GRAD, true);
    bool anomaly = tp__set_mode(t, TP__ANOMALY, false);
    tp__map list = {0};
    const tp_var *lost = NULL;
    t->waiting.remade++;
    bool good = remake_list(v, &list, &lost) && remake_run(v, &list);
    if (lost)
        remake_lost(v, lost);
    tp__set_mode(t, TP__ANOMALY, anomaly);
    tp__set_mode(t, TP__NO_GRAD, no_grad);
    tp__guard(t, guard);
    tp__map_drop(&list);
    return good;
}

/* Rules count on finding elements, and all but elementwise ones on their not waiting, as when v was
 * computed. */
static bool remake_reads(tp__sweep *s, tp_var *v)
{
    unsigned reads = tp__sweep_reads(s, v);
    bool waits = v->op->flags & TP__ELEMENTWISE;
    for (uint32_t i = 0; i < v->n_in; i++) {
        tp_var *in = tp__inputs(v)[i];
        bool again = tp__reads_input(reads, i) && (in->flags & TP__REMADE);
        if (again && !(waits && in->storage) && !tp__evaluate(in))
            return false;
    }
    bool again = (reads & TP__READS_OUT) && (v->flags & TP__REMADE);
    return !again || (waits && v->storage) || tp__evaluate(v);
}

static bool remake_before(tp__sweep *s, tp_var *v)
{
    uint32_t flags = v->flags;
    tp_var *const *in = tp__inputs(v);
    for (uint32_t i = 0; i < v->n_in; i++)
        flags |= in[i]->flags;
    return !(flags & TP__REMADE) || tp__is_output(v) || remake_reads(s, v);
}

/* Elements that can be made again go. What still waits for such elements is computed when the sweep
 * has left the part of the graph that they lie in. */
static bool remake_after(tp__sweep *s, tp_var *v)
{
    bool left = s->remade && !(v->flags & TP__REMADE);
    s->remade = v->flags & TP__REMADE;
    tp__forget(v);
    return !left || tp__evaluate_waiting(s->t);
}

const tp__watcher tp__watch_remade = {remake_before, remake_after};
