/* SPDX-License-Identifier: MIT
 *
 * Watchers that keep gradients, let go of elements or take the time. A gradient that is kept is
 * added to s->kept when its node is visited, and so includes what hooks made of it. A call with
 * several outputs has no gradient of its own; its outputs have.
 */
#include "base/features.h"

#include "graph/watch.h"

#include <stdio.h>

#include "base/profile.h"
#include "graph/op.h"
#include "tinypytorch/scope.h"

static bool watch_is_call(const tp_var *v)
{
    return v->op && (v->op->flags & TP__OUTPUTS);
}

static bool watch_add(tp__sweep *s, tp_var *v, tp__map_entry *entry)
{
    size_t scope = tp_scope_begin();
    bool good = tp__sweep_add_into(s, &entry->value.var, tp__sweep_gradient(s, v));
    tp_scope_end(scope);
    return good;
}

static bool watch_kept(tp__sweep *s, tp_var *v)
{
    if (v->generation > s->kept_top || watch_is_call(v))
        return true;
    tp__map_entry *entry = tp__map_find(&s->kept, v);
    return !entry || watch_add(s, v, entry);
}

static bool watch_retain(tp__sweep *s, tp_var *v)
{
    if (watch_is_call(v))
        return true;
    bool added;
    tp__map_entry *entry = tp__map_add(&s->kept, v, &added);
    return entry && watch_add(s, v, entry);
}

static bool watch_consume(tp__sweep *s, tp_var *v)
{
    (void)s;
    if (v->op && !tp__is_output(v))
        tp__reads_consume(v);
    return true;
}

static bool watch_start(tp__sweep *s, tp_var *v)
{
    s->started = v->op && (v->flags & TP__NUMBER) ? tp__profile_start() : 0;
    return true;
}

static bool watch_stop(tp__sweep *s, tp_var *v)
{
    char name[64];
    if (s->started)
        snprintf(name, sizeof name, "%s_gradient", v->op->name);
    tp__profile_stop(s->started, name, 0, 0);
    return true;
}

const tp__watcher tp__watch_kept = {.before = watch_kept};
const tp__watcher tp__watch_retain = {.before = watch_retain};
const tp__watcher tp__watch_consume = {.after = watch_consume};
const tp__watcher tp__watch_profile = {watch_start, watch_stop};
