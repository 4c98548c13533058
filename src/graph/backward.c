/* SPDX-License-Identifier: MIT
 *
 * Storing the gradients of a sweep in the variables, in three phases: the sweep with all hooks,
 * which are the caller's code; choosing what to store, which may fail; storing, which cannot. So a
 * sweep that fails leaves every gradient as it was.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/sweep.h"
#include "graph/watch.h"

/* A gradient to be stored. In a sweep that records nothing it is added to the plain gradient that x
 * has; otherwise, and when x has none, `value` (one reference) takes the place. */
typedef struct backward_store {
    tp_var *x, *value;
    double number;
    bool add;
} backward_store;

static bool backward_owns_grad(const tp_var *x)
{
    return tp__grad_of(x) && !(x->flags & TP__GRAPH_GRAD);
}

/* A gradient that was shared between threads is replaced, not edited. */
static bool backward_adds(const tp_var *x)
{
    const tp_var *grad = tp__grad_of(x);
    return backward_owns_grad(x) && !(grad->flags & TP__SHARED) &&
           !(grad->storage && grad->storage->read_only);
}

/* A lease ends: its variable forgets the gradient, unless a later one took its place. */
static void backward_end_lease(tp_var *lease)
{
    tp_var *x = lease->in.few[0], *gradient = lease->in.few[1];
    if (tp__grad_of(x) == gradient && (x->flags & TP__GRAPH_GRAD)) {
        *tp__grad_place(x) = NULL;
        x->flags &= (uint16_t)~TP__GRAPH_GRAD;
    }
}

static const tp__op lease_op = {
    .head = {backward_end_lease},
    .label = "Lease",
    .name = "lease",
    .n_in = 2,
};

/* Holds (x, gradient) in the current scope. */
static bool backward_lease(tp__thread *t, tp_var *x, tp_var *gradient)
{
    tp_var *lease = tp__node_number(t, 0);
    if (!lease)
        return false;
    lease->op = &lease_op;
    lease->flags = (lease->flags & TP__SMALL) | TP__PARTS;
    lease->n_in = 2;
    tp__record_input(lease, 0, x);
    tp__record_input(lease, 1, gradient);
    return !tp_is_poison(tp__own(t, lease));
}

/* A constant gradient is copied unless only the sweep holds it: no other value may change with it.
 * It does not wait, since it would hold what the graph lets go. Those of a sweep are one plan. */
static tp_var *backward_own(tp__sweep *s, tp_var *gradient)
{
    if (!(gradient->flags & TP__NEEDS_GRAD))
        return tp__evaluate(gradient) ? tp__sole(s->t, gradient) : NULL;
    tp__ref(gradient);
    return gradient;
}

/* Fills in a store for this gradient. Runs no code of the caller's. */
static bool backward_choose(tp__sweep *s, backward_store *store, tp_var *gradient)
{
    tp_var *x = store->x, *grad = tp__grad_of(x);
    if (x->n_in && !tp__extra_of(x))
        return false;
    store->add = !s->record && backward_adds(x);
    size_t scope = s->record ? 0 : tp_scope_begin();
    gradient = tp__narrow(gradient, (tp_dtype)x->dtype);
    tp_var *sum = grad && !store->add ? (tp_add)(grad, gradient) : gradient;
    if (store->add && !(tp__evaluate(gradient) && tp__edit(grad)))
        sum = tp__poison();
    if (!tp_is_poison(sum) && sum != gradient) {
        tp__ref(sum);
        store->value = sum;
    } else if (!tp_is_poison(sum)) {
        store->value = backward_own(s, sum);
    }
    if (!s->record)
        tp_scope_end(scope);
    return store->value && (!s->record || backward_lease(s->t, x, store->value));
}

/* The same for a leaf, whose gradient is in its node. */
static bool backward_choose_leaf(tp__sweep *s, backward_store *store)
{
    tp_var *x = store->x, *grad = x->in.grad;
    if (!tp__sweep_numeric(s, x))
        return backward_choose(s, store, x->adjoint.var);
    store->number = x->adjoint.number;
    store->add = backward_adds(x);
    if (grad && !store->add && !tp__evaluate(grad))
        return false;
    if (grad && !store->add)
        store->number += tp__number(grad);
    store->value = store->add ? NULL : tp__node_number(s->t, store->number);
    return store->add || store->value;
}

/* Cannot fail: the sum is added to the gradient that is there, or takes its place. A recorded one
 * is held by its lease, and x only points at it. */
static void backward_commit(tp__sweep *s, backward_store *store)
{
    tp_var *x = store->x, **grad = tp__grad_place(x);
    if (store->add && store->value) {
        tp__accumulate(*grad, store->value);
        tp__drop(store->value);
    } else if (store->add) {
        *(double *)(*grad)->data += store->number;
        tp__edited(*grad);
    } else {
        if (backward_owns_grad(x))
            tp__drop(*grad);
        *grad = store->value;
        if (!s->record)
            store->value->flags |= TP__UNRECORDED;
        x->flags = s->record ? x->flags | TP__GRAPH_GRAD
                             : (x->flags & (uint16_t)~TP__GRAPH_GRAD) | TP__PARTS;
        if (s->record)
            tp__drop(store->value);
    }
}

static size_t backward_count(tp__sweep *s)
{
    size_t n = s->kept.n;
    for (const tp_var *v = s->leaves; v; v = v->link)
        n++;
    return n;
}

/* Leaves have their gradients in their nodes; those of results that retain_grad asked for are in
 * the sweep's map. */
static bool backward_choose_all(tp__sweep *s, backward_store *stores, size_t *n)
{
    for (tp_var *v = s->leaves; v; v = v->link) {
        stores[(*n)++] = (backward_store){.x = v};
        if (!backward_choose_leaf(s, &stores[*n - 1]))
            return false;
    }
    for (size_t i = 0; i < s->kept.n; i++) {
        tp__map_entry *entry = &tp__map_at(&s->kept)[i];
        stores[(*n)++] = (backward_store){.x = (tp_var *)entry->key};
        tp_var *gradient = entry->value.var;
        entry->value.var = NULL;
        bool good = backward_choose(s, &stores[*n - 1], gradient);
        tp__drop(gradient);
        if (!good)
            return false;
    }
    return true;
}

static void backward_store_all(tp__sweep *s)
{
    backward_store few[8], *stores = few;
    size_t count = backward_count(s), n = 0;
    if (count > sizeof few / sizeof *few)
        stores = tp__alloc(count * sizeof *stores);
    if (!stores)
        return;
    bool good = backward_choose_all(s, stores, &n);
    for (size_t i = 0; i < n; i++) {
        if (good)
            backward_commit(s, &stores[i]);
        else if (stores[i].value)
            tp__drop(stores[i].value);
    }
    if (stores != few)
        tp__free(stores);
}

static bool backward_check(tp_var *y, const tp_backward_options *options)
{
    char name[64];
    if (tp__here()->code || !tp__check_named("backward", "y", y) ||
        (!options->create_graph && !tp__may_read("backward", y)))
        return false;
    if (!tp__may_differentiate("backward", y))
        return false;
    if (!(y->flags & TP__NEEDS_GRAD)) {
        tp_fail(TP_ERROR_GRAPH,
                "backward: the value%s depends on no variable, so nothing gets a gradient",
                tp__name_text(name, y));
        return false;
    }
    return tp__sweep_check_start("backward", y, options->gradient);
}

void tp_backward(tp_var *y, const tp_backward_options *given)
{
    TP__CALL("backward");
    tp_backward_options options = TP_OPTIONS(tp_backward_options);
    if (given && given->size == sizeof options)
        options = *given;
    else if (!tp__take_options("backward", &options, sizeof options, given))
        return;
    if (!backward_check(y, &options))
        return;
    tp__sweep s;
    if (tp__sweep_begin(&s, "backward", y, 0, options.create_graph)) {
        if (options.retain_grad)
            tp__sweep_watch(&s, &tp__watch_retain);
        if (options.consume)
            tp__sweep_watch(&s, &tp__watch_consume);
        if (tp__sweep_run(&s, y, options.gradient))
            backward_store_all(&s);
    }
    tp__sweep_end(&s);
}

tp_var *tp_grad(tp_var *x)
{
    if (!tp__check_operand("grad", x))
        return tp__poison();
    tp_var *grad = tp__grad_of(x);
    if (!grad)
        return NULL;
    tp__ref(grad);
    return tp__own(tp__here(), grad);
}

void tp_cleargrad(tp_var *x)
{
    if (!x) {
        tp_fail(TP_ERROR_ARGUMENT, "cleargrad: the value is NULL");
        return;
    }
    if ((x->flags & TP__WATCHED) && !tp__refuse_named("cleargrad", "the value", x))
        return;
    if (x->flags & (TP__POISON | TP__SHARED))
        return;
    tp_var **grad = tp__grad_place(x);
    if (backward_owns_grad(x))
        tp__drop(*grad);
    if (grad)
        *grad = NULL;
    x->flags &= (uint16_t)~TP__GRAPH_GRAD;
}
