/* SPDX-License-Identifier: MIT
 *
 * The graph as an indented tree. A map counts how often each value is used; what is used several
 * times gets a number when it is written.
 */
#include "base/features.h"

#include <stdio.h>
#include <stdlib.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/escape.h"
#include "base/map.h"
#include "base/node.h"
#include "base/text.h"
#include "draw/picture.h"
#include "draw/statistics.h"
#include "draw/walk.h"
#include "graph/function.h"
#include "graph/op.h"
#include "tinypytorch.h"

enum { TREE_DEEPEST = 40 };

/* A value that is yet to be written. */
typedef struct tree_item {
    tp_var *v;
    uint32_t depth;
    bool last; /* among the inputs of one operation */
} tree_item;

/* uses: how often a value is an input, then TREE_WRITTEN with its number. */
typedef struct tree_state {
    tp__text text;
    tp__map uses;
    tree_item *items;
    size_t n, capacity;
    size_t shared; /* numbers given */
    bool more[TREE_DEEPEST + 1];
    bool failed;
} tree_state;

#define TREE_WRITTEN (~(SIZE_MAX >> 1))

/* The inputs that are shown: those of the call for an output of it. */
static tp_var **tree_inputs(tp_var *v, uint32_t *n)
{
    tp_var *made = v->op == &tp__op_output ? v->in.few[0] : v;
    *n = made->n_in;
    if (made->op == &tp__op_call)
        *n = (uint32_t)((const tp__function_call *)made->attr.block)->function.n_in;
    return tp__inputs(made);
}

static void tree_count(tree_state *t, tp_var *y)
{
    bool added;
    t->failed = !tp__map_add(&t->uses, y, &added);
    for (size_t at = 0; at < t->uses.n && !t->failed; at++) {
        uint32_t n;
        tp_var **in = tree_inputs((tp_var *)tp__map_at(&t->uses)[at].key, &n);
        for (uint32_t i = 0; i < n && !t->failed; i++) {
            tp__map_entry *entry = tp__map_add(&t->uses, tp__walk_shown(in[i]), &added);
            t->failed = !entry;
            if (entry)
                entry->value.number++;
        }
    }
}

static void tree_push(tree_state *t, tree_item item)
{
    if (t->n == t->capacity && !t->failed) {
        size_t capacity = 2 * t->capacity + 16;
        tree_item *grown = tp__realloc(t->items, capacity * sizeof *grown);
        t->failed = !grown;
        if (!grown)
            return;
        t->items = grown;
        t->capacity = capacity;
    }
    if (!t->failed)
        t->items[t->n++] = item;
}

static void tree_indent(tree_state *t, const tree_item *item)
{
    if (item->depth > TREE_DEEPEST) {
        tp__text_format(&t->text, "[%lu] ", (unsigned long)item->depth);
        return;
    }
    t->more[item->depth] = !item->last;
    for (uint32_t k = 1; k < item->depth; k++)
        tp__text_put(&t->text, t->more[k] ? "\xE2\x94\x82  " : "   ");
    if (item->depth)
        tp__text_put(&t->text,
                     item->last ? "\xE2\x94\x94\xE2\x94\x80 " : "\xE2\x94\x9C\xE2\x94\x80 ");
}

static void tree_line(tree_state *t, const tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    const char *name = v->extra ? v->extra->name : NULL;
    if (name) {
        tp__picture_line line = tp__picture_next_line(&name);
        tp__escape_plain(&t->text, line.at, line.length);
        tp__text_put(&t->text, line.cut || name ? "\xE2\x80\xA6: " : ": ");
    }
    tp__text_format(&t->text, "%s %s", tp__shape_text(shape, v->ndim, tp__shape(v)),
                    tp_dtype_name((tp_dtype)v->dtype));
    if (v->size == 1 && v->data) {
        tp__statistics s = tp__statistics_of((tp_var *)v);
        t->text.failed = t->text.failed || s.failed;
        tp__text_format(&t->text, " = %.6g", s.nan ? s.mean : s.min);
    }
    if (v->op == &tp__op_output) {
        const tp__function_call *call = v->in.few[0]->attr.block;
        tp__text_put(&t->text, " \xE2\x86\x90 ");
        tp__escape_plain(&t->text, call->function.name, SIZE_MAX);
    } else if (v->op) {
        tp__text_format(&t->text, " \xE2\x86\x90 %s", v->op->label);
    }
}

/* Writes an item; true if its inputs are to follow. */
static bool tree_write(tree_state *t, const tree_item *item)
{
    tp__map_entry *entry = tp__map_find(&t->uses, item->v);
    bool again = entry->value.number & TREE_WRITTEN, shared = entry->value.number > 1;
    tree_indent(t, item);
    if (again) {
        tp__text_format(&t->text, "#%zu\n", entry->value.number & ~TREE_WRITTEN);
        return false;
    }
    tree_line(t, item->v);
    if (shared) {
        entry->value.number = ++t->shared | TREE_WRITTEN;
        tp__text_format(&t->text, "  #%zu", t->shared);
    }
    tp__text_put(&t->text, "\n");
    return true;
}

static void tree_walk(tree_state *t, tp_var *y)
{
    tree_push(t, (tree_item){y, 0, true});
    while (t->n && !t->failed && !t->text.failed) {
        tree_item item = t->items[--t->n];
        if (!tree_write(t, &item))
            continue;
        uint32_t n;
        tp_var **in = tree_inputs(item.v, &n);
        for (uint32_t i = n; i-- > 0;)
            tree_push(t, (tree_item){tp__walk_shown(in[i]), item.depth + 1, i + 1 == n});
    }
}

char *tp_get_graph_tree(tp_var *y)
{
    tree_state t = {.failed = false};
    if (!tp__check_operand("get_graph_tree", y) || !y)
        return NULL;
    tree_count(&t, y);
    if (!t.failed)
        tree_walk(&t, y);
    tp__map_drop(&t.uses);
    tp__free(t.items);
    if (!t.failed)
        return tp__text_take(&t.text);
    tp__text_drop(&t.text);
    return NULL;
}

void tp_print_graph(tp_var *y)
{
    char *text = tp_get_graph_tree(y);
    fputs(text ? text : "", stdout);
    free(text);
}
