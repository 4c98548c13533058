/* SPDX-License-Identifier: MIT
 *
 * Named parts of a program: tp_name_scope and its end.
 *
 * Scopes inside one another form a list from the innermost outwards; the thread holds the
 * innermost, and each holds the one around it. A scope that was left lives as long as a node made
 * in it, which may be in another thread: hence the atomic counts. Its mark is its depth, so closing
 * a scope closes those inside that were left open.
 */
#include "base/features.h"

#include "base/name_scope.h"

#include <string.h>

#include "base/alloc.h"
#include "base/node.h"
#include "base/thread.h"
#include "tinypytorch/draw.h"

void tp__name_scope_ref(tp__name_scope *scope)
{
    atomic_fetch_add_explicit(&scope->refs, 1, memory_order_relaxed);
}

/* A scope that goes gives back its reference to the one around it, in a loop. */
void tp__name_scope_drop(tp__name_scope *scope)
{
    while (scope && atomic_fetch_sub_explicit(&scope->refs, 1, memory_order_acq_rel) == 1) {
        tp__name_scope *outer = scope->outer;
        tp__free(scope);
        scope = outer;
    }
}

tp__name_scope *tp__name_scope_new(const char *name, tp__name_scope *outer)
{
    if (outer && outer->depth == TP__NAME_SCOPES) {
        tp_fail(TP_ERROR_ARGUMENT, "name_scope: more than %d scopes inside one another",
                TP__NAME_SCOPES);
        return NULL;
    }
    size_t length = strlen(name) + 1;
    tp__name_scope *scope = tp__alloc(sizeof *scope + length);
    if (!scope)
        return NULL;
    scope->outer = outer;
    atomic_init(&scope->refs, 1);
    scope->depth = outer ? outer->depth + 1 : 1;
    memcpy(scope->name, name, length);
    if (outer)
        tp__name_scope_ref(outer);
    return scope;
}

size_t tp_name_scope(const char *name)
{
    tp__thread *t = tp__here();
    if (!name || !name[0]) {
        tp_fail(TP_ERROR_ARGUMENT, "name_scope: the name is %s", name ? "empty" : "NULL");
        return 0;
    }
    tp__name_scope *scope = tp__name_scope_new(name, t->recording.name_scope);
    if (!scope)
        return 0;
    tp__name_scope_drop(tp__name_scope_swap(t, scope)); /* the new one holds the old one */
    return scope->depth;
}

void tp_name_scope_end(size_t mark)
{
    tp__thread *t = tp__here();
    while (mark && t->recording.name_scope && t->recording.name_scope->depth >= mark) {
        tp__name_scope *outer = t->recording.name_scope->outer;
        if (outer)
            tp__name_scope_ref(outer);
        tp__name_scope_drop(tp__name_scope_swap(t, outer));
    }
}
