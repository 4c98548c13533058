/* SPDX-License-Identifier: MIT
 *
 * Fewer nodes for the same graph. Each simplification says for every node which node it is merged
 * into, or that it goes; one function then does it.
 */
#include "base/features.h"

#include "draw/simplify.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "base/node.h"
#include "graph/op.h"

/* --- Merging --- */

static int simplify_by_ends(const void *a, const void *b)
{
    const tp__picture_edge *e = a, *f = b;
    if (e->from != f->from)
        return e->from < f->from ? -1 : 1;
    return (e->to > f->to) - (e->to < f->to);
}

/* Edges that touch a merged node lose their doubles; others stay, in their order. */
static void simplify_edges(tp__picture *p, tp__picture_edge *merged)
{
    uint32_t n = 0, kept = 0;
    for (uint32_t i = 0; i < p->n_edges; i++) {
        tp__picture_edge e = p->edges[i];
        if (p->nodes[e.from].count > 1 || p->nodes[e.to].count > 1)
            merged[n++] = e;
        else
            p->edges[kept++] = e;
    }
    qsort(merged, n, sizeof *merged, simplify_by_ends);
    for (uint32_t i = 0; i < n; i++)
        if (i == 0 || simplify_by_ends(&merged[i - 1], &merged[i]) != 0)
            p->edges[kept++] = merged[i];
    p->n_edges = kept;
}

static void simplify_apply(tp__picture *p, const uint32_t *into, uint32_t *place)
{
    uint32_t n = 0, edges = 0;
    for (uint32_t i = 0; i < p->n; i++)
        if (into[i] != i && into[i] != TP__PICTURE_NONE)
            p->nodes[into[i]].count += p->nodes[i].count;
    for (uint32_t i = 0; i < p->n; i++) {
        place[i] = n;
        if (into[i] == i)
            p->nodes[n++] = p->nodes[i];
    }
    for (uint32_t i = 0; i < p->n_edges; i++) {
        uint32_t from = into[p->edges[i].from], to = into[p->edges[i].to];
        if (from != TP__PICTURE_NONE && to != TP__PICTURE_NONE && from != to)
            p->edges[edges++] = (tp__picture_edge){place[from], place[to]};
    }
    p->n = n;
    p->n_edges = edges;
}

void tp__picture_merge(tp__picture *p, const uint32_t *into)
{
    uint32_t *place = tp__alloc((p->n + 1u) * sizeof *place);
    tp__picture_edge *merged = tp__alloc((p->n_edges + 1u) * sizeof *merged);
    if (place && merged) {
        simplify_apply(p, into, place);
        simplify_edges(p, merged);
    } else {
        p->failed = true;
    }
    tp__free(place);
    tp__free(merged);
}

/* --- What is near a value --- */

static void simplify_around(tp__picture *p, uint32_t *into)
{
    uint32_t *queue = tp__alloc((p->n + 1u) * sizeof *queue), n = 0, level = 0;
    tp__picture_links out, in;
    bool has_out = tp__picture_link(&out, p, false), has_in = tp__picture_link(&in, p, true);
    for (uint32_t i = 0; i < p->n; i++) {
        into[i] = TP__PICTURE_NONE;
        if (queue && p->nodes[i].var == p->options->around && !p->nodes[i].function)
            queue[n++] = into[i] = i;
    }
    if (!queue || !has_out || !has_in)
        p->failed = true;
    for (uint32_t at = 0, end = n; at < n && !p->failed; at++) {
        if (at == end) {
            level++;
            end = n;
        }
        const tp__picture_links *sides[] = {&out, &in};
        for (int s = 0; s < 2 && level < 2 * (uint32_t)p->options->steps; s++)
            for (uint32_t j = sides[s]->at[queue[at]]; j < sides[s]->at[queue[at] + 1]; j++) {
                uint32_t other = sides[s]->to[j];
                if (into[other] == TP__PICTURE_NONE)
                    queue[n++] = into[other] = other;
            }
    }
    tp__free(queue);
    tp__free(has_out ? out.at : NULL);
    tp__free(has_in ? in.at : NULL);
}

/* --- Constants --- */

static bool simplify_is_constant(const tp__picture *p, uint32_t i)
{
    const tp__picture_node *node = &p->nodes[i];
    return i > 0 && !node->function && !node->var->op && !(node->var->flags & TP__NEEDS_GRAD);
}

/* Appends node i's label to the one that is being written. */
void tp__simplify_copy_label(tp__picture *p, uint32_t i)
{
    size_t length = strlen(tp__picture_label(p, i));
    for (size_t k = 0; k < length; k++) {
        char c = tp__picture_label(p, i)[k];
        tp__text_add(&p->labels, &c, 1);
    }
}

/* What stands for a constant among operands. */
static void simplify_operand(tp__text *text, const tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    if (v->extra && v->extra->name)
        tp__text_put(text, v->extra->name);
    else if (v->size == 1 && v->data)
        tp__text_format(text, "%.6g", tp__read_element((tp_dtype)v->dtype, v->data));
    else
        tp__text_put(text, tp__shape_text(shape, v->ndim, tp__shape(v)));
}

/* "Mul(2, ·)": the operands of a function that uses constants. */
static void simplify_call(tp__picture *p, uint32_t i, const tp__picture_links *in)
{
    bool folds = false;
    for (uint32_t j = in->at[i]; j < in->at[i + 1]; j++)
        folds = folds || simplify_is_constant(p, in->to[j]);
    if (!folds)
        return;
    size_t label = tp__picture_new_label(p);
    tp__simplify_copy_label(p, i);
    for (uint32_t j = in->at[i]; j < in->at[i + 1]; j++) {
        tp__text_put(&p->labels, j == in->at[i] ? "(" : ", ");
        if (simplify_is_constant(p, in->to[j]))
            simplify_operand(&p->labels, p->nodes[in->to[j]].var);
        else
            tp__text_put(&p->labels, "\xC2\xB7");
    }
    tp__text_put(&p->labels, ")");
    p->nodes[i].label = label;
}

static void simplify_constants(tp__picture *p, uint32_t *into)
{
    tp__picture_links in;
    if (!tp__picture_link(&in, p, true)) {
        p->failed = true;
        return;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        into[i] = simplify_is_constant(p, i) ? TP__PICTURE_NONE : i;
        if (p->nodes[i].function)
            simplify_call(p, i, &in);
    }
    tp__free(in.at);
}

/* --- Gradient rules --- */

static uint32_t simplify_root(uint32_t *into, uint32_t i)
{
    while (into[i] != i)
        i = into[i] = into[into[i]];
    return i;
}

static bool simplify_is_step(const tp__picture *p, uint32_t i)
{
    const tp__picture_node *node = &p->nodes[i];
    return i > 0 && !node->function && node->var->op && (node->var->marks & TP__STEP) &&
           !(node->var->extra && node->var->extra->name);
}

/* A step is merged with the function that made it and with those of its order that use it. */
static void simplify_rules(tp__picture *p, uint32_t *into)
{
    for (uint32_t i = 0; i < p->n; i++)
        into[i] = i;
    for (uint32_t i = 0; i < p->n_edges; i++) {
        uint32_t from = p->edges[i].from, to = p->edges[i].to;
        bool made = simplify_is_step(p, to);
        bool used = simplify_is_step(p, from) && p->nodes[to].order == p->nodes[from].order;
        if (!made && !used)
            continue;
        uint32_t a = simplify_root(into, from), b = simplify_root(into, to);
        into[a > b ? a : b] = a < b ? a : b;
    }
    for (uint32_t i = 0; i < p->n; i++)
        simplify_root(into, i);
}

/* Nodes that became one are named after their functions, in the order of computing, which is that
 * of the walk backwards. */
static void simplify_name_rules(tp__picture *p, uint32_t *into)
{
    enum { MOST = 4 };
    uint32_t *last = tp__alloc((p->n + 1u) * sizeof *last), *left;
    uint32_t *next = tp__alloc((p->n + 1u) * sizeof *next);
    if (!last || !next)
        p->failed = true;
    for (uint32_t i = 0; i < p->n && !p->failed; i++)
        last[i] = TP__PICTURE_NONE;
    for (uint32_t i = 0; i < p->n && !p->failed; i++) {
        left = &last[into[i] = simplify_root(into, i)];
        next[i] = *left;
        *left = p->nodes[i].function ? i : *left;
    }
    for (uint32_t i = 0; i < p->n && !p->failed; i++) {
        if (into[i] != i || last[i] == i || last[i] == TP__PICTURE_NONE)
            continue;
        size_t label = tp__picture_new_label(p);
        int n = 0;
        for (uint32_t j = last[i]; j != TP__PICTURE_NONE && n <= MOST; j = next[j], n++) {
            tp__text_put(&p->labels, n == 0 ? "" : n < MOST ? " \xC2\xB7 " : " \xE2\x80\xA6");
            if (n < MOST)
                tp__simplify_copy_label(p, j);
        }
        p->nodes[i].label = label;
        p->nodes[i].function = true;
    }
    tp__free(last);
    tp__free(next);
}

static void simplify_hide_rules(tp__picture *p, uint32_t *into)
{
    simplify_rules(p, into);
    simplify_name_rules(p, into);
}

/* --- All of it --- */

static bool simplify_wanted(const tp_draw_options *options, int step)
{
    const bool wanted[] = {options->around != NULL, options->fold_constants, options->hide_rules,
                           options->collapse != NULL, options->repeats > 0};
    return wanted[step];
}

void tp__picture_simplify(tp__picture *p)
{
    static void (*const steps[])(tp__picture * p, uint32_t * into) = {
        simplify_around, simplify_constants, simplify_hide_rules, tp__simplify_scopes,
        tp__simplify_repeats};
    uint32_t *into = tp__alloc((p->n + 1u) * sizeof *into);
    p->failed = !into;
    for (int i = 0; i < 5 && !p->failed; i++) {
        if (!simplify_wanted(p->options, i))
            continue;
        steps[i](p, into);
        p->failed = p->failed || p->labels.failed;
        if (!p->failed)
            tp__picture_merge(p, into);
    }
    tp__free(into);
}
