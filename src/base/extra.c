/* SPDX-License-Identifier: MIT
 *
 * A block beside the node, made when something is first to be put there, so that nodes stay small.
 * It owns the name, the hooks and the site, and has a reference to the name scope; the watch is
 * taken out by the debug mode before the node goes.
 */
#include "base/features.h"

#include "base/extra.h"

#include "base/alloc.h"
#include "base/node.h"

tp__extra *tp__extra_of(tp_var *v)
{
    if (!v->extra) {
        v->extra = tp__alloc_zero(1, sizeof *v->extra);
        v->flags |= TP__PARTS;
    }
    return v->extra;
}

void tp__extra_enter_scope(tp__thread *t, tp_var *v)
{
    tp__extra *extra = tp__extra_of(v);
    if (!extra)
        return;
    tp__name_scope_ref(t->recording.name_scope);
    extra->scope = t->recording.name_scope;
}

void tp__extra_free(tp__extra *extra)
{
    tp__name_scope_drop(extra->scope);
    tp__free(extra->hooks);
    tp__free(extra->name);
    tp__free(extra->site);
    tp__free(extra);
}
