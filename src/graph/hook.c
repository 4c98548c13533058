/* SPDX-License-Identifier: MIT
 *
 * A hook is the caller's code. It runs in a scope of its own, may record, edit gradients, add and
 * remove hooks, even of this value while they run: entries are copied before they are called, the
 * number of hooks is that at the start, and places of removed ones stay empty until no sweep runs
 * through the list. What a hook returns takes the gradient's place if its shape and type fit.
 */
#include "base/features.h"

#include "graph/hook.h"

#include "array/array.h"
#include "base/alloc.h"
#include "tinypytorch/graph.h"

enum { HOOKS_FIRST = 4 };

/* Takes out empty places, if they are worth it; without hooks v has none of this. */
static void hooks_tidy(tp_var *v)
{
    tp__hooks *hooks = v->extra->hooks;
    if (hooks->running || 2 * hooks->alive > hooks->n)
        return;
    uint32_t n = 0;
    for (uint32_t i = 0; i < hooks->n; i++)
        if (hooks->at[i].hook)
            hooks->at[n++] = hooks->at[i];
    hooks->n = n;
    if (n)
        return;
    v->extra->hooks = NULL;
    tp__free(hooks);
}

/* v's hooks, with room for one more; NULL when out of memory. */
static tp__hooks *hooks_room(tp_var *v)
{
    tp__extra *extra = tp__extra_of(v);
    tp__hooks *hooks = extra ? extra->hooks : NULL;
    if (!extra || (hooks && hooks->n < hooks->capacity))
        return hooks;
    uint32_t capacity = hooks ? 2 * hooks->capacity : HOOKS_FIRST;
    tp__hooks *grown = tp__realloc(hooks, sizeof *grown + capacity * sizeof *grown->at);
    if (!grown)
        return NULL;
    if (!hooks)
        grown->n = grown->alive = grown->running = 0;
    grown->capacity = capacity;
    return extra->hooks = grown;
}

uint32_t tp_register_hook(tp_var *v, tp_hook hook, void *ctx)
{
    if (!tp__check_operand("register_hook", v))
        return 0;
    if (!hook || !(v->flags & TP__NEEDS_GRAD) || (v->flags & TP__SHARED)) {
        tp_fail(TP_ERROR_ARGUMENT, "register_hook: %s",
                !hook                          ? "the hook is NULL"
                : !(v->flags & TP__NEEDS_GRAD) ? "a constant has no gradient"
                                               : "the value is shared and read-only");
        return 0;
    }
    tp__hooks *hooks = hooks_room(v);
    if (!hooks)
        return 0;
    uint32_t id = ++v->extra->last_hook;
    hooks->at[hooks->n++] = (tp__hook_entry){.hook = hook, .ctx = ctx, .id = id};
    hooks->alive++;
    return id;
}

void tp_remove_hook(tp_var *v, uint32_t id)
{
    tp__hooks *hooks = v && v->extra ? v->extra->hooks : NULL;
    uint32_t low = 0, high = hooks ? hooks->n : 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hooks->at[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    if (!hooks || low == hooks->n || hooks->at[low].id != id || !hooks->at[low].hook)
        return;
    hooks->at[low].hook = NULL;
    hooks->alive--;
    hooks_tidy(v);
}

bool tp__hooks_run(tp__sweep *s, tp_var *v)
{
    tp__thread *t = s->t;
    size_t scope = tp_scope_begin();
    tp_var *gradient = tp__sweep_gradient(s, v);
    uint32_t n = v->extra->hooks->n;
    v->extra->hooks->running++;
    const char *call = t->call;
    for (uint32_t i = 0; i < n && !t->code; i++) {
        tp__hook_entry entry = v->extra->hooks->at[i];
        if (!entry.hook)
            continue;
        t->call = NULL; /* the caller's code: TP__CALLER */
        tp_var *replacement = entry.hook(entry.ctx, gradient);
        t->call = call;
        tp__set_mode(t, TP__NO_GRAD, !s->record);
        if (!replacement)
            continue;
        if (t->code || !tp__check_like(s->call, "the gradient that a hook returned", replacement,
                                       "its variable", v))
            break;
        gradient = tp__sweep_numbers(s, replacement);
    }
    v->extra->hooks->running--;
    hooks_tidy(v);
    if (!t->code && tp__sweep_numeric(s, v) && tp__evaluate(gradient)) {
        v->adjoint.number = tp__number(gradient);
    } else if (!t->code && !tp__sweep_numeric(s, v) && gradient != v->adjoint.var) {
        tp__ref(gradient);
        tp__drop(v->adjoint.var);
        v->adjoint.var = gradient;
    }
    tp_scope_end(scope);
    return !t->code;
}
