/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "graph/sweep.h"

#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/scope.h"
#include "graph/anomaly.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/half.h"
#include "graph/hold.h"
#include "graph/hook.h"
#include "graph/op.h"
#include "graph/remake.h"
#include "tinypytorch.h"

enum { SWEEP_FEW_INPUTS = 4, SWEEP_DEEPEST = 255 };

bool tp__sweep_check_start(const char *call, const tp_var *y, const tp_var *gradient)
{
    return !gradient || tp__check_like(call, "gradient", gradient, "y", y);
}

/* What a recorded sweep from y makes is one order above y. What a rule or hook records in a sweep
 * of its own counts as the outer sweep's. */
static uint32_t sweep_marks(const tp__thread *t, const tp_var *y, bool record)
{
    if (!record || (t->sweep_depth && (t->marks & TP__ORDERS)))
        return t->marks;
    uint32_t order = ((y->flags & TP__ORDERS) << 1 | TP__ORDER) & TP__ORDERS;
    return (t->marks & ~(uint32_t)TP__ORDERS) | order | TP__STEP;
}

bool tp__sweep_begin(tp__sweep *s, const char *call, tp_var *y, uint32_t floor, bool record)
{
    tp__thread *t = tp__here();
    s->t = t;
    s->call = call;
    s->record = record;
    s->selective = s->retain = s->consume = s->remade = false;
    s->after = t->anomaly || t->remakes;
    s->no_grad = t->no_grad;
    s->marks = t->marks;
    t->marks = sweep_marks(t, y, record);
    s->floor = floor;
    s->top = y->generation > floor ? y->generation : floor;
    s->kept.n = s->kept.capacity = s->kept.slots = 0;
    s->kept.entries = NULL;
    s->kept.table = NULL;
    s->aside = NULL;
    s->n_aside = 0;
    s->waiting = s->few;
    t->no_grad = !record;
    s->depth = ++t->sweep_depth;
    s->y = y;
    tp__ref(y);
    size_t generations = (size_t)(s->top - floor) + 1;
    if (generations <= TP__SWEEP_FEW)
        memset(s->few, 0, generations * sizeof *s->few);
    else
        s->waiting = tp__alloc_zero(generations, sizeof *s->waiting);
    if (t->sweep_depth == SWEEP_DEEPEST)
        tp_fail(TP_ERROR_GRAPH, "%s: sweeps inside sweeps more than %d deep", call,
                SWEEP_DEEPEST - 1);
    return s->waiting && t->sweep_depth < SWEEP_DEEPEST;
}

/* --- The state in the nodes --- */

static bool sweep_set_aside(tp__sweep *s, tp_var *v)
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

TP_INLINE bool sweep_enter(tp__sweep *s, tp_var *v)
{
    if (TP_UNLIKELY(v->sweep_depth) && !sweep_set_aside(s, v))
        return false;
    v->sweep_depth = s->depth;
    v->sweep_below = 0;
    v->link = s->waiting[v->generation - s->floor];
    s->waiting[v->generation - s->floor] = v;
    return true;
}

TP_INLINE bool sweep_met(const tp__sweep *s, const tp_var *v)
{
    return v->sweep_depth == s->depth;
}

static void sweep_drop_outputs(tp_var *v)
{
    const tp__output_table *table = v->attr.block;
    for (uint32_t i = 0; i < table->n; i++)
        if (v->adjoint.outputs[i])
            tp__drop(v->adjoint.outputs[i]);
    tp__free(v->adjoint.outputs);
}

void tp__sweep_leave(tp__sweep *s, tp_var *v)
{
    v->sweep_depth = 0;
    if (tp__sweep_numeric(s, v))
        return;
    if (v->op && (v->op->flags & TP__OUTPUTS))
        sweep_drop_outputs(v);
    else if (v->adjoint.var)
        tp__drop(v->adjoint.var);
}

void tp__sweep_end(tp__sweep *s)
{
    if (s->waiting) {
        for (uint32_t g = 0; g <= s->top - s->floor; g++)
            for (tp_var *v = s->waiting[g], *next; v; v = next) {
                next = v->link;
                tp__sweep_leave(s, v);
            }
        if (s->waiting != s->few)
            tp__free(s->waiting);
    }
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
    s->t->no_grad = s->no_grad;
    s->t->marks = s->marks;
    s->t->sweep_depth--;
    tp__drop(s->y);
}

/* --- Adding into a gradient --- */

/* True if one of v's inputs, all of them leaves, is asked for. */
static bool sweep_leads_on(tp__sweep *s, tp_var *v)
{
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__map_find(&s->kept, tp__inputs(v)[i]))
            return true;
    return tp__map_find(&s->kept, v) != NULL;
}

/* A selective sweep passes by leaves that are not asked for, and by what is made of such leaves
 * alone: the transpose of a weight, a bias that was broadcast. */
TP_INLINE bool sweep_wanted(tp__sweep *s, tp_var *v)
{
    if (!(v->flags & TP__NEEDS_GRAD) || v->generation < s->floor)
        return false;
    if (!s->selective || v->generation > 1 || (v->op && v->extra && v->extra->hooks))
        return true;
    return v->op ? sweep_leads_on(s, v) : tp__map_find(&s->kept, v) != NULL;
}

TP_INLINE bool sweep_add_number(tp__sweep *s, tp_var *v, double gradient)
{
    if (sweep_met(s, v)) {
        v->adjoint.number += gradient;
        return true;
    }
    if (!sweep_enter(s, v))
        return false;
    v->adjoint.number = gradient;
    return true;
}

/* Where nothing is recorded, a value of the graph counts as its numbers. */
static tp_var *sweep_numbers(tp__sweep *s, tp_var *v)
{
    if (s->record || !(v->flags & TP__NEEDS_GRAD))
        return v;
    return tp__own(s->t, tp__copy_as(s->t, v, (tp_dtype)v->dtype));
}

/* True if sum is an array that only this sweep holds, so that it can be added to in place. */
static bool sweep_owns(const tp__sweep *s, const tp_var *sum, const tp_var *gradient)
{
    return !s->record && !sum->op && sum->data && gradient->data && sum->size > 1 &&
           (sum->flags & TP__CONTIGUOUS) && sum->dtype == gradient->dtype &&
           atomic_load_explicit(&sum->refs, memory_order_relaxed) == 1 &&
           (!sum->storage || (tp__storage_refs(sum->storage) == 1 && !sum->storage->open)) &&
           tp__same_shape(gradient, sum->ndim, tp__shape(sum));
}

/* *sum ← *sum + gradient, or gradient if there is none yet. Sums of half types are of float32 until
 * they are read. */
static bool sweep_add_into(tp__sweep *s, tp_var **sum, tp_var *gradient)
{
    if (*sum && TP_UNLIKELY(gradient->dtype >= TP_F16))
        gradient = tp__addend(gradient);
    if (*sum && sweep_owns(s, *sum, gradient)) {
        tp__accumulate(*sum, gradient);
        return true;
    }
    tp_var *total = sweep_numbers(s, *sum ? tp_add(*sum, gradient) : gradient);
    if (total->flags & TP__POISON)
        return false;
    if (s->record && total->op && !(total->flags & TP__SHARED))
        total->flags &= ~(uint32_t)TP__STEP;
    tp__ref(total);
    if (*sum)
        tp__drop(*sum);
    *sum = total;
    return true;
}

static bool sweep_add_shared(tp__sweep *s, tp_var *v, tp_var *gradient)
{
    tp__map_entry *entry = tp__map_find(&s->kept, v);
    if (entry)
        return sweep_add_into(s, &entry->value.var, gradient);
    char name[64];
    tp_fail(TP_ERROR_GRAPH,
            "%s: a variable%s is shared between threads, so no gradient can be stored in it: use "
            "tp_gradients",
            s->call, tp__name_text(name, v));
    return false;
}

static bool sweep_add(tp__sweep *s, tp_var *v, tp_var *gradient)
{
    if (v->flags & TP__SHARED)
        return sweep_add_shared(s, v, gradient);
    if (tp__sweep_numeric(s, v))
        return tp__evaluate(gradient) && sweep_add_number(s, v, tp__number(gradient));
    if (!sweep_met(s, v)) {
        tp_var *first = NULL;
        if (!sweep_add_into(s, &first, gradient))
            return false;
        if (!sweep_enter(s, v)) {
            tp__drop(first);
            return false;
        }
        v->adjoint.var = first;
        return true;
    }
    return sweep_add_into(s, &v->adjoint.var, gradient);
}

/* --- Visiting a node --- */

/* v's gradient so far, as a variable of the current scope or held by the node. */
TP_INLINE tp_var *sweep_gradient(tp__sweep *s, tp_var *v)
{
    if (!tp__sweep_numeric(s, v))
        return tp__narrow(v->adjoint.var, (tp_dtype)v->dtype);
    return tp__own(s->t, tp__node_number(s->t, v->adjoint.number));
}

static bool sweep_hooks(tp__sweep *s, tp_var *v)
{
    size_t scope = tp_scope_begin();
    tp_var *gradient = sweep_gradient(s, v);
    uint32_t n = tp__hooks_begin(v);
    const char *call = s->t->call;
    for (uint32_t i = 0; i < n && !s->t->code; i++) {
        tp__hook_entry entry = v->extra->hooks->at[i];
        s->t->call = NULL; /* the caller's code: TP__CALLER */
        tp_var *replacement = entry.hook ? entry.hook(entry.ctx, gradient) : NULL;
        s->t->call = call;
        s->t->no_grad = !s->record;
        if (!replacement || s->t->code)
            continue;
        if (!tp__check_like(s->call, "the gradient that a hook returned", replacement,
                            "its variable", v))
            break;
        gradient = sweep_numbers(s, replacement);
    }
    tp__hooks_end(v);
    if (!s->t->code && tp__sweep_numeric(s, v) && tp__evaluate(gradient)) {
        v->adjoint.number = tp__number(gradient);
    } else if (!s->t->code && !tp__sweep_numeric(s, v) && gradient != v->adjoint.var) {
        tp__ref(gradient);
        tp__drop(v->adjoint.var);
        v->adjoint.var = gradient;
    }
    tp_scope_end(scope);
    return !s->t->code;
}

static bool sweep_stale(tp__sweep *s, tp_var *v, const tp_var *read)
{
    char label[80], name[64], which[40] = "its result";
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__inputs(v)[i] == read)
            snprintf(which, sizeof which, "operand %u of %u", i + 1, v->n_in);
    while ((read->flags & TP__IMPLICIT) && read->op)
        read = read->in.few[0];
    tp__name_text(name, v);
    snprintf(label, sizeof label, "%s%s", v->op->name, name);
    tp_fail(TP_ERROR_GRAPH,
            "%s: the gradient of %s needs %s%s, which was edited in place since it was recorded",
            s->call, label, which, tp__name_text(name, read));
    return false;
}

/* True if all that v's rule reads is as it was when v was recorded. */
static bool sweep_fresh(tp__sweep *s, tp_var *v)
{
    unsigned reads = v->op->flags & TP__OUTPUTS ? 0
                     : s->record                ? tp__reads(v)
                                                : tp__reads_of_rule(v);
    tp_var **in = tp__inputs(v);
    const uint32_t *versions = tp__input_versions(v);
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__reads_input(reads, i) && tp__version(in[i]) != versions[i])
            return sweep_stale(s, v, in[i]);
    if ((reads & TP__READS_OUT) && tp__version(v) != 0)
        return sweep_stale(s, v, v);
    return TP_LIKELY(!s->after) || tp__remake_read(v, reads);
}

/* The same for a number of at most two inputs, quickly. */
TP_INLINE bool sweep_fresh_number(tp__sweep *s, tp_var *v, const tp_var *a, const tp_var *b)
{
    unsigned reads = a->flags & TP__NEEDS_GRAD ? v->op->reads[0] : 0;
    if (v->n_in > 1 && (b->flags & TP__NEEDS_GRAD))
        reads |= v->op->reads[1];
    bool stale = ((reads & TP__READS_0) && tp__version(a) != v->few_versions[0]) ||
                 ((reads & TP__READS_1) && v->n_in > 1 && tp__version(b) != v->few_versions[1]) ||
                 ((reads & TP__READS_OUT) && tp__version(v) != 0);
    return TP_LIKELY(!stale) || sweep_fresh(s, v);
}

/* What v gave gradients to is below what v is below. */
TP_INLINE void sweep_lower(tp_var *v)
{
    if (TP_LIKELY(!v->sweep_below && !(v->op->flags & TP__SELECTS)))
        return;
    uint32_t below = v->sweep_below | (v->op->flags & (TP__SELECTS | TP__HOLDS));
    for (uint32_t i = 0; i < v->n_in; i++)
        if (!(tp__inputs(v)[i]->flags & TP__SHARED))
            tp__inputs(v)[i]->sweep_below |= (uint8_t)below;
}

/* Runs v's numeric rule if it has one for its operands; false if it has not. */
TP_INLINE bool sweep_number_rule(tp__sweep *s, tp_var *v, bool *good)
{
    if (!v->op->number_gradient || !tp__sweep_numeric(s, v))
        return false;
    tp_var *a = v->in.few[0], *b = v->n_in > 1 ? v->in.few[1] : a;
    if (((a->flags & b->flags & TP__NUMBER) == 0) || ((a->flags | b->flags) & TP__SHARED))
        return false;
    double gradient[2];
    *good = sweep_fresh_number(s, v, a, b);
    if (!*good)
        return true;
    v->op->number_gradient(v->adjoint.number, tp__number(a),
                           v->n_in > 1 ? tp__number(b) : v->attr.number, tp__number(v),
                           &gradient[0], &gradient[1]);
    if (TP_UNLIKELY(v->sweep_below))
        tp__hold_numbers(v, gradient);
    if (sweep_wanted(s, a))
        *good = sweep_add_number(s, a, gradient[0]);
    if (v->n_in > 1 && sweep_wanted(s, b))
        *good = *good && sweep_add_number(s, b, gradient[1]);
    sweep_lower(v);
    return true;
}

static tp_var *sweep_slope(tp_var *v, tp_var *gy)
{
    tp_var *x = tp__inputs(v)[0], *read = v->op->reads[0] & TP__READS_OUT ? v : x;
    const tp__op *slope = v->op->slope;
    return tp__apply(slope, (tp_var *[]){gy, read, x}, slope->n_in, (tp__attr){0}, -1, NULL);
}

/* Runs v's rule. What it records is implicit when v is. */
TP_INLINE void sweep_apply_rule(tp__sweep *s, tp_var *v, tp__pull *pull)
{
    tp__thread *t = s->t;
    uint32_t marks = t->marks;
    t->marks = (marks & ~(uint32_t)TP__IMPLICIT) | (v->flags & TP__IMPLICIT);
    const tp__op *op = v->op;
    if (TP_LIKELY(s->record ? !op->compose : !op->slope))
        op->gradient(pull);
    else if (s->record)
        tp__compose_gradient(pull);
    else
        pull->gx[0] = sweep_slope(v, pull->gy);
    if (v->sweep_below && (v->op->flags & TP__ELEMENTWISE) && !t->code)
        tp__hold_zeros(pull);
    t->marks = marks;
}

/* The same, where what it records belongs to v's name scope. */
static void sweep_apply_in_scope(tp__sweep *s, tp_var *v, tp__pull *pull)
{
    tp__name_scope *scope = tp__scope_of(v);
    if (scope)
        tp__name_scope_ref(scope);
    tp__name_scope *outer = tp__name_scope_swap(s->t, scope);
    sweep_apply_rule(s, v, pull);
    tp__name_scope_drop(tp__name_scope_swap(s->t, outer));
}

static bool sweep_pull(tp__sweep *s, tp_var *v, tp__pull *pull, bool *wanted)
{
    tp__thread *t = s->t;
    bool outputs = v->op->flags & TP__OUTPUTS;
    const uint32_t n = v->n_in;
    for (uint32_t i = 0; i < n; i++) {
        pull->gx[i] = NULL;
        wanted[i] = sweep_wanted(s, pull->x[i]);
    }
    size_t scope = tp_scope_begin();
    pull->gys = outputs ? v->adjoint.outputs : NULL;
    pull->gy = outputs ? NULL : sweep_gradient(s, v);
    if (TP_UNLIKELY(s->record && (t->scoped || tp__scope_of(v))))
        sweep_apply_in_scope(s, v, pull);
    else
        sweep_apply_rule(s, v, pull);
    bool good = !t->code;
    for (uint32_t i = 0; i < n && good; i++)
        good = !wanted[i] || !pull->gx[i] || sweep_add(s, pull->x[i], pull->gx[i]);
    sweep_lower(v);
    tp_scope_end(scope);
    return good && !t->code;
}

static bool sweep_rule(tp__sweep *s, tp_var *v)
{
    tp_var *few_gradients[SWEEP_FEW_INPUTS];
    bool few_wanted[SWEEP_FEW_INPUTS];
    tp__pull pull = {
        .y = v, .x = tp__inputs(v), .gx = few_gradients, .wanted = few_wanted, .record = s->record};
    if (v->n_in <= SWEEP_FEW_INPUTS)
        return sweep_pull(s, v, &pull, few_wanted);
    tp_var **gradients = tp__alloc(v->n_in * sizeof *gradients);
    bool *wanted = tp__alloc(v->n_in * sizeof *wanted);
    pull.gx = gradients;
    pull.wanted = wanted;
    bool good = gradients && wanted && sweep_pull(s, v, &pull, wanted);
    tp__free(gradients);
    tp__free(wanted);
    return good;
}

/* Hands the gradient of one output to its call. */
static bool sweep_deposit(tp__sweep *s, tp_var *v)
{
    tp_var *call = v->in.few[0];
    const tp__output_table *table = call->attr.block;
    if (call->generation < s->floor)
        return true;
    if (!sweep_met(s, call)) {
        tp_var **outputs = tp__alloc_zero(table->n, sizeof *outputs);
        if (!outputs || !sweep_enter(s, call)) {
            tp__free(outputs);
            return false;
        }
        call->adjoint.outputs = outputs;
    }
    size_t scope = tp_scope_begin();
    bool good = sweep_add_into(s, &call->adjoint.outputs[v->attr.integer], sweep_gradient(s, v));
    call->sweep_below |= v->sweep_below;
    tp_scope_end(scope);
    return good;
}

static bool sweep_keep(tp__sweep *s, tp_var *v)
{
    bool added;
    tp__map_entry *entry = s->retain ? tp__map_add(&s->kept, v, &added) : tp__map_find(&s->kept, v);
    if (!entry)
        return !s->retain;
    size_t scope = tp_scope_begin();
    bool good = sweep_add_into(s, &entry->value.var, sweep_gradient(s, v));
    tp_scope_end(scope);
    return good;
}

static bool sweep_consumed(tp__sweep *s, const tp_var *v)
{
    char name[64];
    tp_fail(TP_ERROR_GRAPH, "%s: %s%s was consumed by an earlier backward (.consume = true)",
            s->call, v->op->name, tp__name_text(name, v));
    return false;
}

static bool sweep_visit(tp__sweep *s, tp_var *v)
{
    bool call = v->op && (v->op->flags & TP__OUTPUTS);
    if (!call && v->extra && v->extra->hooks && !sweep_hooks(s, v))
        return false;
    if (!call && (s->kept.n || s->retain) && !sweep_keep(s, v))
        return false;
    if (!v->op)
        return true;
    if (v->flags & TP__OUTPUT)
        return sweep_deposit(s, v);
    if (TP_UNLIKELY(v->flags & TP__CONSUMED))
        return sweep_consumed(s, v);
    bool good;
    if (!sweep_number_rule(s, v, &good))
        good = sweep_fresh(s, v) && sweep_rule(s, v);
    if (good && s->consume)
        tp__node_consume(v);
    return good;
}

/* Elements that can be made again go. What still waits for such elements is computed when the sweep
 * has left the part of the graph that they lie in. */
static bool sweep_after(tp__sweep *s, tp_var *v)
{
    if (s->t->anomaly && !tp__anomaly_gradients(s, v))
        return false;
    bool left = s->remade && !(v->flags & TP__REMADE);
    s->remade = v->flags & TP__REMADE;
    tp__forget(v);
    return !left || tp__evaluate_waiting(s->t);
}

/* Visits v and takes it out of its list. */
static bool sweep_pass(tp__sweep *s, tp_var *v)
{
    if (!sweep_visit(s, v))
        return false;
    s->waiting[v->generation - s->floor] = v->link;
    tp__sweep_leave(s, v);
    return TP_LIKELY(!s->after) || sweep_after(s, v);
}

static bool sweep_start(tp__sweep *s, tp_var *y, tp_var *gradient)
{
    if (!gradient && tp__sweep_numeric(s, y) && !(y->flags & TP__SHARED))
        return sweep_add_number(s, y, 1);
    size_t scope = tp_scope_begin();
    if (!gradient)
        gradient = tp_ones((tp_dtype)y->dtype, y->ndim, tp__shape(y));
    bool good = !(gradient->flags & TP__POISON) && sweep_add(s, y, gradient);
    tp_scope_end(scope);
    return good;
}

static bool sweep_leaf_hooks(tp__sweep *s)
{
    for (tp_var *v = s->waiting[0]; v; v = v->link)
        if (v->extra && v->extra->hooks && !sweep_hooks(s, v))
            return false;
    return true;
}

bool tp__sweep_run(tp__sweep *s, tp_var *y, tp_var *gradient)
{
    if (y->generation < s->floor)
        return true;
    if (!sweep_start(s, y, gradient))
        return false;
    uint32_t lowest = s->selective ? 0 : 1;
    bool watched = s->retain || s->consume || s->kept.n || s->t->anomaly;
    for (uint32_t g = s->top - s->floor; g >= lowest; g--) {
        tp_var *v;
        while ((v = s->waiting[g]) != NULL) {
            bool good, quick = !watched && !v->extra && !(v->flags & TP__CONSUMED) &&
                               sweep_number_rule(s, v, &good);
            if (!(quick ? good : sweep_pass(s, v)))
                return false;
            if (quick) {
                s->waiting[g] = v->link;
                v->sweep_depth = 0;
            }
        }
        if (g == 0)
            break;
    }
    return s->selective || sweep_leaf_hooks(s);
}
