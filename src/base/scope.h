/* SPDX-License-Identifier: MIT
 *
 * The thread's stack of handles. A scope is a range of it; closing one drops its handles from the
 * last to the first.
 */
#ifndef TP_SCOPE_H
#define TP_SCOPE_H

#include "base/node.h"
#include "base/thread.h"
#include "tinypytorch/scope.h"

/* Makes room for v's handle, and watches it in debug mode. */
bool tp__scope_room(tp__thread *t, tp_var *v);
void tp__scope_close_all(tp__thread *t);

/* Warns once if the root scope holds this many bytes in results that are no variables. Called when
 * a thread with so many bytes in use takes more from the system, and has a quarter more in use than
 * the last time. */
extern size_t tp__scope_most_bytes;
void tp__scope_weigh(tp__thread *t);

/* Puts v, whose reference passes to the scope, into the innermost scope, and returns v. When that
 * fails v is dropped and poison returned. NULL gives poison. */
TP_INLINE tp_var *tp__own(tp__thread *t, tp_var *v)
{
    if (TP_UNLIKELY(!v))
        return tp__poison();
    if (TP_UNLIKELY(t->scopes.n_handles >= t->scopes.handle_capacity) && !tp__scope_room(t, v)) {
        tp__drop(v);
        return tp__poison();
    }
    t->scopes.handles[t->scopes.n_handles++] = v;
    return v;
}

#endif
