/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "draw/walk.h"

#include "base/map.h"
#include "base/marks.h"
#include "graph/function.h"
#include "graph/op.h"

typedef struct walk_state {
    const tp__walk *walk;
    tp__map ids;
    size_t last_id;
    bool failed;
} walk_state;

/* The number of node v, which is new to the walk or known to it; 0 when out of memory. */
static size_t walk_id(walk_state *w, const tp_var *v)
{
    bool added;
    tp__map_entry *entry = tp__map_add(&w->ids, v, &added);
    if (!entry) {
        w->failed = true;
        return 0;
    }
    if (added)
        entry->value.number = w->last_id++;
    return entry->value.number;
}

tp_var *tp__walk_shown(tp_var *v)
{
    while ((v->marks & TP__IMPLICIT) && v->op && !(v->extra && v->extra->name))
        v = tp__inputs(v)[0];
    return v;
}

static void walk_inputs(walk_state *w, size_t id, tp_var *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        w->walk->edge(w->walk->to, walk_id(w, tp__walk_shown(tp__inputs(v)[i])), id);
}

static void walk_call(walk_state *w, size_t id, tp_var *call)
{
    const tp__function_call *block = call->attr.block;
    w->walk->function(w->walk->to, id, block->function.name, call);
    walk_inputs(w, id, call, (uint32_t)block->function.n_in);
    for (uint32_t i = 0; i < block->outputs.n; i++)
        if (block->outputs.living[i])
            w->walk->edge(w->walk->to, id, walk_id(w, block->outputs.living[i]));
}

static void walk_visit(walk_state *w, size_t id, tp_var *v)
{
    if (v->op == &tp__op_call) {
        walk_call(w, id, v);
        return;
    }
    w->walk->variable(w->walk->to, id, v);
    if (v->op == &tp__op_output) {
        walk_id(w, v->in.few[0]);
    } else if (v->op) {
        size_t function = w->last_id++;
        w->walk->function(w->walk->to, function, v->op->label, v);
        walk_inputs(w, function, v, v->n_in);
        w->walk->edge(w->walk->to, function, id);
    }
}

bool tp__walk_graph(const tp__walk *walk, tp_var *y)
{
    walk_state w = {.walk = walk};
    walk_id(&w, y);
    for (size_t at = 0; at < w.ids.n && !w.failed; at++) {
        const tp__map_entry *entry = &tp__map_at(&w.ids)[at];
        walk_visit(&w, entry->value.number, (tp_var *)entry->key);
        w.failed = w.failed || !walk->go_on(walk->to);
    }
    tp__map_drop(&w.ids);
    return !w.failed;
}
