/* SPDX-License-Identifier: MIT
 *
 * How a sweep begins and ends. Its state in a node is the fields sweep_depth, sweep_below, adjoint
 * and link; what it holds besides is in tp__sweep. tp__sweep_end undoes everything, in whatever
 * state a rule that failed left it: gradients that still wait are dropped, nodes that an outer
 * sweep was using get their outer state back, and the thread's modes are what they were.
 *
 * A sweep that is recorded marks what it makes with an order of derivative, one above that of y,
 * for drawings and for what a forgotten create_graph is told from.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "graph/op.h"
#include "graph/outputs.h"
#include "graph/sweep.h"
#include "graph/through.h"
#include "graph/watch.h"

enum { SWEEP_DEEPEST = 255 };

bool tp__sweep_check_start(const char *call, const tp_var *y, const tp_var *gradient)
{
    return !gradient || tp__check_like(call, "gradient", gradient, "y", y);
}

/* What a recorded sweep from y makes is one order above y. What a rule or hook records in a sweep
 * of its own counts as the outer sweep's. */
static uint16_t sweep_marks(const tp__thread *t, const tp_var *y, bool record)
{
    if (!record || (t->recording.sweep_depth && (t->recording.marks & TP__ORDERS)))
        return t->recording.marks;
    unsigned order = ((y->marks & TP__ORDERS) << 1 | TP__ORDER) & TP__ORDERS;
    return (uint16_t)((t->recording.marks & ~(unsigned)TP__ORDERS) | order | TP__STEP);
}

void tp__sweep_watch(tp__sweep *s, const tp__watcher *watcher)
{
    s->watchers[s->n_watchers++] = watcher;
    s->watched = UINT32_MAX;
}

bool tp__sweep_begin(tp__sweep *s, const char *call, tp_var *y, uint32_t floor, bool record)
{
    tp__thread *t = tp__here();
    s->t = t;
    s->call = call;
    s->record = record;
    s->selective = s->remade = false;
    s->n_watchers = 0;
    s->watched = 0;
    if (TP_UNLIKELY(t->recording.modes & TP__ANOMALY))
        tp__sweep_watch(s, &tp__watch_anomaly);
    if (TP_UNLIKELY(y->marks & TP__REMAKES))
        tp__sweep_watch(s, &tp__watch_remade);
    if (TP_UNLIKELY(t->recording.modes & TP__PROFILED))
        tp__sweep_watch(s, &tp__watch_profile);
    s->marks = t->recording.marks;
    t->recording.marks = sweep_marks(t, y, record);
    s->floor = floor;
    s->kept.n = s->kept.capacity = s->kept.slots = 0;
    s->kept.entries = NULL;
    s->kept.table = NULL;
    s->kept_top = 0;
    s->through = NULL;
    s->join = NULL;
    s->aside = NULL;
    s->n_aside = 0;
    tp__queue_begin(&s->waiting);
    s->leaves = NULL;
    s->no_grad = tp__set_mode(t, TP__NO_GRAD, !record);
    s->depth = ++t->recording.sweep_depth;
    s->simple = !record && s->depth == 1;
    s->y = y;
    tp__ref(y);
    if (TP_LIKELY(s->depth != SWEEP_DEEPEST))
        return true;
    tp_fail(TP_ERROR_GRAPH, "%s: sweeps inside sweeps more than %d deep", call, SWEEP_DEEPEST - 1);
    return false;
}

bool tp__sweep_set_aside(tp__sweep *s, tp_var *v)
{
    if ((s->n_aside & (s->n_aside + 1)) == 0) {
        size_t capacity = 2 * s->n_aside + 1;
        tp__sweep_aside *grown = tp__realloc(s->aside, capacity * sizeof *grown);
        if (!grown)
            return false;
        s->aside = grown;
    }
    tp__sweep_aside *entry = &s->aside[s->n_aside++];
    entry->node = v;
    entry->state.sweep_depth = v->sweep_depth;
    entry->state.sweep_below = v->sweep_below;
    entry->state.adjoint = v->adjoint;
    entry->state.link = v->link;
    return true;
}

/* One reference to sum, or to a copy of it, that nobody else has and that is ready to be edited;
 * zeros for NULL. */
static tp_var *sweep_sole_sum(tp__thread *t, const tp_var *x, tp_var *sum)
{
    tp_dtype dtype = tp__working_type((tp_dtype)x->dtype);
    if (!sum) {
        tp_var *zeros = tp__node_array(t, dtype, x->ndim, tp__shape(x));
        if (zeros)
            memset(zeros->data, 0, (size_t)zeros->size * tp__dtype_size(dtype));
        return zeros;
    }
    tp_var *sole = sum->dtype == dtype ? tp__sole(t, sum) : tp__copy_as(t, sum, dtype);
    if (sole && !(tp__evaluate(sole) && tp__edit(sole))) {
        tp__drop(sole);
        return NULL;
    }
    return sole;
}

tp_var *tp__sweep_sum_of(tp__sweep *s, tp_var *x)
{
    bool met = tp__sweep_met(s, x);
    tp_var *before = met ? x->adjoint.var : NULL, *sum = sweep_sole_sum(s->t, x, before);
    if (sum && !met && !tp__sweep_enter(s, x)) {
        tp__drop(sum);
        return NULL;
    }
    if (sum)
        x->adjoint.var = sum;
    if (sum && before)
        tp__drop(before);
    return sum;
}

tp_var *tp__sweep_sum(const tp__pull *pull, uint32_t i)
{
    tp__sweep *s = pull->sweep;
    tp_var *x = pull->x[i];
    if (!s || s->record || !pull->wanted[i] || (x->flags & (TP__SHARED | TP__NUMBER)) ||
        !tp__evaluate(pull->gy))
        return NULL;
    return tp__sweep_sum_of(s, x);
}

void tp__sweep_drop(tp_var *v)
{
    if (v->op && (v->op->flags & TP__OUTPUTS))
        tp__outputs_drop(v);
    else if (v->adjoint.var)
        tp__drop(v->adjoint.var);
}

void tp__sweep_end(tp__sweep *s)
{
    for (tp_var *v; (v = tp__queue_take(&s->waiting));)
        tp__sweep_leave(s, v);
    for (tp_var *v = s->leaves, *next; v; v = next) {
        next = v->link;
        tp__sweep_leave(s, v);
    }
    if (s->through)
        tp__through_end(s);
    for (size_t i = 0; i < s->kept.n; i++)
        if (tp__map_at(&s->kept)[i].value.var)
            tp__drop(tp__map_at(&s->kept)[i].value.var);
    tp__map_drop(&s->kept);
    while (s->n_aside) {
        tp__sweep_aside *entry = &s->aside[--s->n_aside];
        entry->node->sweep_depth = entry->state.sweep_depth;
        entry->node->sweep_below = entry->state.sweep_below;
        entry->node->adjoint = entry->state.adjoint;
        entry->node->link = entry->state.link;
    }
    if (s->aside)
        tp__free(s->aside);
    tp__set_mode(s->t, TP__NO_GRAD, s->no_grad);
    s->t->recording.marks = s->marks;
    s->t->recording.sweep_depth--;
    tp__drop(s->y);
}
