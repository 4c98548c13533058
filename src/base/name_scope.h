/* SPDX-License-Identifier: MIT
 *
 * Named parts of a program, for drawings: see tinypytorch/draw.h. A scope is counted: the thread
 * that is in it, scopes inside it, and nodes made in it hold it. Each opening is a scope of its
 * own.
 */
#ifndef TP_NAME_SCOPE_H
#define TP_NAME_SCOPE_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/thread.h"

enum { TP__NAME_SCOPES = 64 }; /* inside one another, at most */

typedef struct tp__name_scope {
    struct tp__name_scope *outer;
    _Atomic uint32_t refs;
    uint32_t depth; /* 1 for an outermost one */
    char name[];
} tp__name_scope;

/* A scope with one reference, the caller's; it takes one of outer. NULL, with an error, when out of
 * memory or when there are too many inside one another. */
tp__name_scope *tp__name_scope_new(const char *name, tp__name_scope *outer);

void tp__name_scope_ref(tp__name_scope *scope);

/* Gives back one reference; NULL is ignored. */
void tp__name_scope_drop(tp__name_scope *scope);

/* Makes scope the thread's and returns the one that was. */
TP_INLINE tp__name_scope *tp__name_scope_swap(tp__thread *t, tp__name_scope *scope)
{
    tp__name_scope *old = t->recording.name_scope;
    t->recording.name_scope = scope;
    tp__set_mode(t, TP__SCOPED, scope != NULL);
    return old;
}

#endif
