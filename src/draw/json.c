/* SPDX-License-Identifier: MIT
 *
 * Nodes are written in the order of their generations, so that inputs come before what uses them.
 */
#include "base/features.h"

#include "draw/json.h"

#include <math.h>
#include <stdlib.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/escape.h"
#include "base/map.h"
#include "base/marks.h"
#include "base/node.h"
#include "graph/function.h"
#include "tinypytorch.h"

typedef struct json_writer {
    tp__text *text;
    tp__map ids, scopes; /* of nodes; of scopes, whose addresses serve as keys */
    tp_var **sorted;
    bool failed;
} json_writer;

/* --- Collecting --- */

static void json_add(json_writer *w, const tp_var *v)
{
    bool added;
    w->failed = !tp__map_add(&w->ids, v, &added) || w->failed;
}

static uint32_t json_inputs(const tp_var *v)
{
    if (v->op != &tp__op_call)
        return v->n_in;
    return (uint32_t)((const tp__function_call *)v->attr.block)->function.n_in;
}

static void json_collect(json_writer *w, const tp_var *y)
{
    json_add(w, y);
    for (size_t at = 0; at < w->ids.n && !w->failed; at++) {
        tp_var *v = (tp_var *)tp__map_at(&w->ids)[at].key;
        for (uint32_t i = 0; i < json_inputs(v); i++)
            json_add(w, tp__inputs(v)[i]);
        if (v->op != &tp__op_call)
            continue;
        const tp__output_table *outputs = v->attr.block;
        for (uint32_t i = 0; i < outputs->n; i++)
            if (outputs->living[i])
                json_add(w, outputs->living[i]);
    }
}

/* Where a generation's nodes go next, after counting them. */
static void json_sort(json_writer *w)
{
    uint32_t last = 0;
    const tp__map_entry *entries = tp__map_at(&w->ids);
    for (size_t i = 0; i < w->ids.n; i++)
        last = entries[i].key->generation > last ? entries[i].key->generation : last;
    size_t *start = tp__alloc_zero(last + 2u, sizeof *start);
    w->sorted = tp__alloc((w->ids.n + 1) * sizeof(tp_var *));
    w->failed = !start || !w->sorted;
    for (size_t i = 0; i < w->ids.n && !w->failed; i++)
        start[entries[i].key->generation + 1]++;
    for (uint32_t g = 1; g <= last && !w->failed; g++)
        start[g] += start[g - 1];
    for (size_t i = 0; i < w->ids.n && !w->failed; i++) {
        tp__map_entry *entry = &tp__map_at(&w->ids)[i];
        entry->value.number = start[entry->key->generation]++;
        w->sorted[entry->value.number] = (tp_var *)entry->key;
    }
    tp__free(start);
}

/* Scopes, an outer one before those inside it. */
static void json_collect_scope(json_writer *w, const tp__name_scope *scope)
{
    const tp__name_scope *chain[TP__NAME_SCOPES];
    int n = 0;
    for (; scope && !tp__map_find(&w->scopes, (const void *)scope); scope = scope->outer)
        chain[n++] = scope;
    while (n-- > 0 && !w->failed) {
        bool added;
        tp__map_entry *entry = tp__map_add(&w->scopes, (const void *)chain[n], &added);
        w->failed = !entry;
        if (entry)
            entry->value.number = w->scopes.n - 1;
    }
}

/* --- Writing --- */

static void json_element(tp__text *text, tp_dtype dtype, const void *at)
{
    double x = tp__read_element(dtype, at);
    if (dtype == TP_I64)
        tp__text_format(text, "%lld", (long long)*(const int64_t *)at);
    else
        tp__text_format(text, isfinite(x) ? "%.17g" : isnan(x) ? "\"nan\"" : "\"%g\"", x);
}

static void json_value(tp__text *text, tp_var *v)
{
    tp__text_put(text, ", \"shape\": [");
    for (int i = 0; i < v->ndim; i++)
        tp__text_format(text, "%s%lld", i ? ", " : "", (long long)tp__shape(v)[i]);
    tp__text_format(text, "], \"dtype\": \"%s\"", tp_dtype_name((tp_dtype)v->dtype));
    if (v->size > TP__JSON_ELEMENTS || (v->flags & TP__DROPPED) || !(v->flags & TP__CONTIGUOUS))
        return;
    if (!tp__evaluate(v)) {
        text->failed = true;
        return;
    }
    tp__text_put(text, ", \"data\": [");
    for (int64_t i = 0; i < v->size; i++) {
        tp__text_put(text, i ? ", " : "");
        json_element(text, (tp_dtype)v->dtype,
                     (const char *)v->data + (size_t)i * tp__dtype_size(v->dtype));
    }
    tp__text_put(text, "]");
}

static void json_flags(json_writer *w, const tp_var *v)
{
    int order = tp__order(v);
    if (order)
        tp__text_format(w->text, ", \"order\": %d", order);
    if (tp__scope_of(v))
        tp__text_format(w->text, ", \"scope\": %zu",
                        tp__map_find(&w->scopes, (const void *)tp__scope_of(v))->value.number);
    if (v->marks & TP__STEP)
        tp__text_put(w->text, ", \"step\": true");
    if (v->marks & TP__IMPLICIT)
        tp__text_put(w->text, ", \"implicit\": true");
    if (!v->op && (v->flags & TP__NEEDS_GRAD))
        tp__text_put(w->text, ", \"differentiable\": true");
}

static void json_made_by(json_writer *w, const tp_var *v)
{
    const tp__function_call *block = v->attr.block;
    if (v->op == &tp__op_call) {
        tp__text_put(w->text, ", \"function\": ");
        tp__escape_json(w->text, block->function.name);
        tp__text_format(w->text, ", \"outputs\": %u", block->outputs.n);
    } else if (v->op == &tp__op_output) {
        tp__text_format(w->text, ", \"output\": %lld", (long long)v->attr.integer);
    } else {
        tp__text_format(w->text, ", \"op\": \"%s\", \"label\": \"%s\"", v->op->name, v->op->label);
    }
    tp__text_put(w->text, ", \"inputs\": [");
    for (uint32_t i = 0; i < json_inputs(v); i++)
        tp__text_format(w->text, "%s%zu", i ? ", " : "",
                        tp__map_find(&w->ids, tp__inputs((tp_var *)v)[i])->value.number);
    tp__text_put(w->text, "]");
}

static void json_node(json_writer *w, size_t id)
{
    tp_var *v = w->sorted[id];
    tp__text_format(w->text, "%s{\"id\": %zu", id ? ",\n" : "", id);
    if (v->extra && v->extra->name) {
        tp__text_put(w->text, ", \"name\": ");
        tp__escape_json(w->text, v->extra->name);
    }
    if (v->op)
        json_made_by(w, v);
    if (v->op != &tp__op_call)
        json_value(w->text, v);
    json_flags(w, v);
    tp__text_put(w->text, "}");
}

static void json_scopes(json_writer *w)
{
    for (size_t i = 0; i < w->scopes.n; i++) {
        const tp__name_scope *scope = (const void *)tp__map_at(&w->scopes)[i].key;
        tp__text_put(w->text, i ? ",\n{\"name\": " : "{\"name\": ");
        tp__escape_json(w->text, scope->name);
        if (scope->outer)
            tp__text_format(w->text, ", \"outer\": %zu",
                            tp__map_find(&w->scopes, (const void *)scope->outer)->value.number);
        tp__text_put(w->text, "}");
    }
}

bool tp__json_text(tp__text *text, tp_var *y)
{
    json_writer w = {.text = text};
    json_collect(&w, y);
    if (!w.failed)
        json_sort(&w);
    for (size_t i = 0; i < w.ids.n && !w.failed; i++)
        json_collect_scope(&w, tp__scope_of(w.sorted[i]));
    if (!w.failed) {
        tp__text_format(text,
                        "{\"format\": \"tinypytorch graph\", \"version\": 1, \"result\": %zu,\n"
                        "\"scopes\": [",
                        tp__map_find(&w.ids, y)->value.number);
        json_scopes(&w);
        tp__text_put(text, "],\n\"nodes\": [\n");
        for (size_t i = 0; i < w.ids.n && !text->failed; i++)
            json_node(&w, i);
        tp__text_put(text, "\n]}\n");
    }
    tp__free(w.sorted);
    tp__map_drop(&w.ids);
    tp__map_drop(&w.scopes);
    return !w.failed && !text->failed;
}
