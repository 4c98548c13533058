/* SPDX-License-Identifier: MIT
 *
 * From a result to gradients. tp__sweep_run puts y's gradient into y and takes nodes from the last
 * recorded down (sweep_pass). A visit finishes a node's gradient, asks who watches, and
 * runs the rule of its operation: the numeric one between plain numbers (tp__sweep_number_rule),
 * else `gradient` of its record, in a scope of its own (sweep_pull). What the rule gives for an
 * operand is added into that operand (sweep_add), which so comes to wait in its list.
 *
 * Of tanh(x) of an array: tp__sweep_run, sweep_pass, sweep_pull, then what the record in
 * ops/elementwise/sigmoid.c names: tp_tanh_gradient (by TP__UNARY_DEFINE) in a sweep that is
 * recorded, else `slope`, the same as one step (sweep_apply_rule chooses).
 */
#include "base/features.h"

#include "graph/sweep.h"

#include "array/array.h"
#include "array/deferred.h"
#include "base/alloc.h"
#include "base/marks.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/few.h"
#include "graph/half.h"
#include "graph/hold.h"
#include "graph/hook.h"
#include "graph/outputs.h"
#include "graph/sweep_number.h"
#include "graph/through.h"
#include "graph/versions.h"
#include "tinypytorch.h"

enum { SWEEP_FEW_INPUTS = 4 };

/* --- Adding into a gradient --- */

tp_var *tp__sweep_numbers(tp__sweep *s, tp_var *v)
{
    if (s->record || !(v->flags & TP__NEEDS_GRAD))
        return v;
    return tp__own(s->t, tp__copy_as(s->t, v, (tp_dtype)v->dtype));
}

bool tp__sweep_add_into(tp__sweep *s, tp_var **sum, tp_var *gradient)
{
    if (*sum && TP_UNLIKELY(tp__is_half((tp_dtype)gradient->dtype)))
        gradient = tp__addend(gradient);
    if (*sum && !s->record && tp__sweep_owns(*sum, gradient) &&
        tp__same_shape(gradient, (*sum)->ndim, tp__shape(*sum))) {
        tp__accumulate(*sum, gradient);
        return true;
    }
    tp_var *total = tp__sweep_numbers(s, *sum ? tp_add(*sum, gradient) : gradient);
    if (total->flags & TP__POISON)
        return false;
    /* A sum is a gradient, and no step of the rule that gave its last part. */
    if (s->record && total->op && !(total->flags & TP__SHARED))
        total->marks &= (uint16_t)~TP__STEP;
    if (!s->record)
        tp__defer_gradient(s->t, total);
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
        return tp__sweep_add_into(s, &entry->value.var, gradient);
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
        return tp__evaluate(gradient) && tp__sweep_add_number(s, v, tp__number(gradient));
    if (!tp__sweep_met(s, v)) {
        tp_var *first = NULL;
        if (!tp__sweep_add_into(s, &first, gradient))
            return false;
        if (!tp__sweep_enter(s, v)) {
            tp__drop(first);
            return false;
        }
        v->adjoint.var = first;
        return true;
    }
    return tp__sweep_add_into(s, &v->adjoint.var, gradient);
}

/* The same, from v to its operand x, or past it to what it is a part of. */
TP_INLINE bool sweep_add_past(tp__sweep *s, const tp_var *v, tp_var *x, tp_var *gradient)
{
    bool picked = v->sweep_below || (v->op->flags & TP__SELECTS);
    if (TP_UNLIKELY(tp__through_shows(x)) && !picked && !tp__sweep_numeric(s, x) &&
        (tp__through_add(s, x, gradient) || s->t->code))
        return !s->t->code;
    return sweep_add(s, x, gradient);
}

/* --- Visiting a node --- */

/* The gradient of a record with a slope, of gy, of what its rule reads, and of x to help. */
static tp_var *sweep_slope(tp_var *v, tp_var *gy)
{
    tp_var *x = tp__inputs(v)[0], *read = v->op->reads[0] & TP__READS_OUT ? v : x;
    const tp__op *slope = v->op->slope;
    tp_var *few = tp__few_slope(tp__here(), slope, gy, read, x);
    return few ? few
               : tp__apply(slope, (tp_var *[]){gy, read, x}, slope->n_in, (tp__attr){0}, -1, NULL);
}

/* Runs v's rule. What it records is hidden in drawings (TP__IMPLICIT) when v is. */
TP_INLINE void sweep_apply_rule(tp__sweep *s, tp_var *v, tp__pull *pull)
{
    tp__thread *t = s->t;
    uint16_t marks = t->recording.marks;
    t->recording.marks = (marks & (uint16_t)~TP__IMPLICIT) | (v->marks & TP__IMPLICIT);
    const tp__op *op = v->op;
    if (TP_LIKELY(s->record ? !op->compose : !op->slope))
        op->gradient(pull);
    else if (s->record)
        tp__compose_gradient(pull);
    else
        pull->gx[0] = sweep_slope(v, pull->gy);
    if (v->sweep_below && (v->op->flags & TP__ELEMENTWISE) && !t->code)
        tp__hold_zeros(pull);
    t->recording.marks = marks;
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

/* Asks v's record for the gradients that are wanted and adds them into the operands. This is done
 * in a scope of its own, with which whatever else the rule made goes. */
static bool sweep_pull(tp__sweep *s, tp_var *v, tp__pull *pull, bool *wanted)
{
    tp__thread *t = s->t;
    bool outputs = v->op->flags & TP__OUTPUTS;
    const uint32_t n = v->n_in;
    for (uint32_t i = 0; i < n; i++) {
        pull->gx[i] = NULL;
        wanted[i] = tp__sweep_wanted(s, pull->x[i]);
    }
    size_t scope = tp_scope_begin();
    pull->gys = outputs ? v->adjoint.outputs : NULL;
    pull->gy = outputs ? NULL : tp__sweep_gradient(s, v);
    if (TP_UNLIKELY(s->record && ((t->recording.modes & TP__SCOPED) || tp__scope_of(v))))
        sweep_apply_in_scope(s, v, pull);
    else
        sweep_apply_rule(s, v, pull);
    bool good = !t->code;
    for (uint32_t i = 0; i < n && good; i++)
        good = !wanted[i] || !pull->gx[i] || sweep_add_past(s, v, pull->x[i], pull->gx[i]);
    tp__hold_pass(v);
    if (v->storage && !v->storage->data)
        tp__reads_need(v, false);
    tp_scope_end(scope);
    return good && !t->code;
}

static bool sweep_rule(tp__sweep *s, tp_var *v)
{
    tp_var *few_gradients[SWEEP_FEW_INPUTS];
    bool few_wanted[SWEEP_FEW_INPUTS];
    tp__pull pull = {.y = v,
                     .x = tp__inputs(v),
                     .gx = few_gradients,
                     .wanted = few_wanted,
                     .record = s->record,
                     .sweep = s};
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

static bool sweep_ask(tp__sweep *s, tp_var *v, bool after)
{
    for (int i = 0; i < s->n_watchers; i++) {
        const tp__watcher *watcher = s->watchers[i];
        bool (*look)(tp__sweep *, tp_var *) = after ? watcher->after : watcher->before;
        if (look && !look(s, v))
            return false;
    }
    return true;
}

TP_INLINE bool sweep_watch(tp__sweep *s, tp_var *v, bool after)
{
    return v->generation > s->watched || sweep_ask(s, v, after);
}

/* What is left to be added to v's gradient is added, and hooks run. */
TP_INLINE bool sweep_finish(tp__sweep *s, tp_var *v)
{
    return (!s->through || tp__through_settle(s, v)) &&
           (!v->extra || !v->extra->hooks || tp__hooks_run(s, v));
}

/* All consumers of v have been visited. */
TP_INLINE bool sweep_visit(tp__sweep *s, tp_var *v)
{
    bool good;
    if (!sweep_finish(s, v) || !sweep_watch(s, v, false))
        return false;
    if (!v->op || tp__sweep_ends_at(s, v))
        return true;
    if (v->op->flags & TP__OUTPUT)
        return tp__outputs_add(s, v);
    if (TP_UNLIKELY(v->reads & TP__CONSUMED))
        return tp__refuse_consumed(s, v);
    return tp__sweep_number_rule(s, v, &good)
               ? good
               : (tp__versions_as_recorded(v) || tp__versions_hold(s, v)) && sweep_rule(s, v);
}

/* Visits v, which no longer waits. */
static bool sweep_pass(tp__sweep *s, tp_var *v)
{
    if (!sweep_visit(s, v)) {
        v->link = s->leaves;
        s->leaves = v;
        return false;
    }
    tp__sweep_leave(s, v);
    return sweep_watch(s, v, true);
}

/* y waits with the gradient that the caller gave, or with ones. */
static bool sweep_start(tp__sweep *s, tp_var *y, tp_var *gradient)
{
    if (!gradient && tp__sweep_numeric(s, y) && !(y->flags & TP__SHARED))
        return tp__sweep_add_number(s, y, 1);
    size_t scope = tp_scope_begin();
    if (!gradient)
        gradient = tp_ones((tp_dtype)y->dtype, y->ndim, tp__shape(y));
    bool good = !(gradient->flags & TP__POISON) && sweep_add(s, y, gradient);
    tp_scope_end(scope);
    return good;
}

static bool sweep_leaf_hooks(tp__sweep *s)
{
    for (tp_var *v = s->leaves; v; v = v->link)
        if (!sweep_finish(s, v))
            return false;
    return true;
}

/* Leaves are visited by selective sweeps alone, which keep the gradients of those asked for; else
 * they stay in their list, for who called. */
bool tp__sweep_run(tp__sweep *s, tp_var *y, tp_var *gradient)
{
    if (y->generation < s->floor)
        return true;
    s->wanted = s->selective && s->floor < 2 ? 2 : s->floor;
    s->whole = s->simple ? s->watched : UINT32_MAX;
    if (!sweep_start(s, y, gradient))
        return false;
    for (tp_var *v; (v = tp__queue_take(&s->waiting));)
        if (!tp__sweep_pass_number(s, v) && !sweep_pass(s, v))
            return false;
    if (!s->selective)
        return sweep_leaf_hooks(s);
    while (s->leaves) {
        tp_var *v = s->leaves;
        s->leaves = v->link;
        if (!sweep_pass(s, v))
            return false;
    }
    return true;
}
