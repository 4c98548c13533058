/* SPDX-License-Identifier: MIT
 *
 * The debug mode: debug.h says what it finds, and how values come to be watched.
 *
 * A watch points to the tp__debug of the thread that made the value. That thread may end before the
 * value does, so these are never freed; `alive` says whether the thread is still in debug mode.
 * Values of one that is not may be used by any other.
 */
#include "base/features.h"

#include "base/debug.h"

#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/system.h"
#include "tinypytorch/scope.h"

enum { DEBUG_QUEUE = 100000 }; /* how many values that went are remembered */

/* All there ever were, so that leak checkers find them. */
static tp__mutex debug_lock = TP__MUTEX_START;
static tp__debug *debug_threads;

void tp__debug_begin(tp__thread *t)
{
    if (t->debug)
        return;
    tp__debug *debug = calloc(1, sizeof *debug);
    if (!debug)
        return;
    atomic_store(&debug->alive, true);
    tp__lock(&debug_lock);
    debug->next = debug_threads;
    debug_threads = debug;
    tp__unlock(&debug_lock);
    debug->capacity = t->scopes.handle_capacity;
    t->debug = debug;
    t->scopes.handle_capacity = 0;
}

/* Gives up the value that went first: its memory may become another value from here on, and a use
 * of the old one is no longer noticed. */
static void debug_let_go(tp__thread *t, tp__debug *debug)
{
    tp_var *v = debug->first;
    debug->first = v->link;
    debug->queued--;
    free(v->attr.block);
    tp__node_put(t, v);
}

void tp__debug_end(tp__thread *t)
{
    if (!t->debug)
        return;
    while (t->debug->first)
        debug_let_go(t, t->debug);
    atomic_store(&t->debug->alive, false);
    t->scopes.handle_capacity = t->debug->capacity;
    t->debug = NULL;
}

bool tp_set_debug(bool enabled)
{
    tp__thread *t = tp__here();
    bool old = t->debug != NULL;
    if (enabled)
        tp__debug_begin(t);
    else
        tp__debug_end(t);
    return old;
}

/* A watched number is no TP__NUMBER: the short path for numbers does not look at TP__WATCHED. What
 * there is no memory for goes unwatched, and leaves no error behind. */
void tp__debug_watch(tp__thread *t, tp_var *v)
{
    if (v->flags & (TP__WATCHED | TP__POISON | TP__SHARED))
        return;
    tp_code pending = t->code;
    tp__extra *extra = tp__extra_of(v);
    t->code = pending; /* a value that cannot be watched is right all the same */
    tp__watch *watch = extra ? calloc(1, sizeof *watch) : NULL;
    if (!watch)
        return;
    watch->owner = t->debug;
    tp__site_take(&watch->made);
    extra->watch = watch;
    v->flags = (v->flags & (uint16_t)~TP__NUMBER) | TP__WATCHED | TP__PARTS;
}

tp__watch *tp__debug_part(tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    tp__watch *watch = v->extra ? v->extra->watch : NULL;
    if (!watch)
        return NULL;
    v->extra->watch = NULL;
    bool named = v->extra->name != NULL;
    snprintf(watch->what, sizeof watch->what, "%s%.40s%sof shape %s", named ? "(" : "",
             named ? v->extra->name : "", named ? ") " : "",
             tp__shape_text(shape, v->ndim, tp__shape(v)));
    tp__site_take(&watch->gone);
    return watch;
}

/* What stays of v is a NaN like the poison value's, which does no harm where nobody looks at flags.
 * A handle that went with v left room in the stack, which is taken away, or the next value would be
 * pushed there unwatched. */
bool tp__debug_retire(tp__thread *t, tp_var *v)
{
    tp__debug *debug = t->debug;
    if (!debug) {
        free(v->attr.block);
        return true;
    }
    v->op = NULL;
    v->flags = (v->flags & TP__SMALL) | TP__POISON | TP__WATCHED | TP__CONTIGUOUS;
    v->dtype = TP_F64;
    v->ndim = 0;
    v->n_in = 0;
    v->in.grad = NULL;
    v->reads = v->kept = 0;
    v->data = v->value.number;
    v->value.number[0] = tp__poison()->value.number[0];
    v->storage = NULL;
    v->size = 1;
    v->extra = NULL;
    v->link = NULL;
    if (debug->first)
        debug->last->link = v;
    else
        debug->first = v;
    debug->last = v;
    if (++debug->queued > DEBUG_QUEUE)
        debug_let_go(t, debug);
    return false;
}

static const char *debug_at(char text[TP__SITE_TEXT], const tp__site *site)
{
    return tp__site_text(text, site)[0] ? text : "an unknown place";
}

bool tp__debug_may_use(const char *call, const char *which, const tp_var *v)
{
    char made[TP__SITE_TEXT], gone[TP__SITE_TEXT];
    if (v->flags == TP__GONE) {
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: %s is used after it went: its scope closed, or tp_free gave back its last "
                "handle; TP_DEBUG=1 tells where",
                call, which);
        return false;
    }
    if (v->flags & TP__POISON) {
        const tp__watch *watch = v->attr.block;
        tp_fail(TP_ERROR_ARGUMENT,
                "%s: %s is used after it went: the value %s was made at %s, and its last handle, "
                "of a scope or of tp_keep, went at %s",
                call, which, watch->what, debug_at(made, &watch->made),
                debug_at(gone, &watch->gone));
        return false;
    }
    const tp__watch *watch = v->extra ? v->extra->watch : NULL;
    if (!watch || (v->flags & TP__SHARED) || watch->owner == tp__here()->debug ||
        !atomic_load(&watch->owner->alive))
        return true;
    tp_fail(TP_ERROR_ARGUMENT,
            "%s: %s belongs to another thread, which made it at %s: threads share only what "
            "tp_share was told to",
            call, which, debug_at(made, &watch->made));
    return false;
}
