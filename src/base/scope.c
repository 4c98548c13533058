/* SPDX-License-Identifier: MIT
 *
 * The stack of handles: owning values, opening and closing scopes, and handles of the program's
 * own.
 *
 * A scope is the part of the stack from its start to the next one's, so closing it closes the
 * scopes inside it, and drops the handles from the last to the first. Marks grow with every scope:
 * one that was closed, by itself or with one around it, is not on the list of open ones and is
 * ignored.
 *
 * Values that belong to no scope live as long as the thread, seldom on purpose. Their number is
 * looked at when the stack grows, their bytes when a thread takes more memory, so that neither
 * costs anything where values are made.
 *
 * tp_keep is a reference that is counted a second time, on its own. So a tp_free too many is an
 * error; otherwise it would take the reference of a scope, and the value would go too early.
 */
#include "base/features.h"

#include "base/scope.h"

#include "base/alloc.h"
#include "base/debug.h"
#include "base/log.h"

enum { SCOPE_ROOT_LIMIT = 100000, SCOPE_ROOT_ARRAYS = 16, SCOPE_AHEAD = 32, SCOPE_FEW = 3 };

static void scope_warn(tp__thread *t)
{
    size_t in_root = t->scopes.n_open ? t->scopes.open[0].start : t->scopes.n_handles;
    if (t->scopes.warned || in_root < SCOPE_ROOT_LIMIT)
        return;
    t->scopes.warned = true;
    tp__log("more than %d values belong to no scope and live as long as their thread: put "
            "TP_SCOPE(); at the top of the loop that makes them",
            SCOPE_ROOT_LIMIT);
}

size_t tp__scope_most_bytes = (size_t)1 << 30;

/* The bytes that v holds of its own; shared between all that hold its storage. Variables are there
 * to stay. */
static size_t scope_bytes(const tp_var *v)
{
    if (!v->storage || !v->storage->data || (!v->op && (v->flags & TP__NEEDS_GRAD)))
        return 0;
    return v->storage->bytes / atomic_load_explicit(&v->storage->refs, memory_order_relaxed);
}

void tp__scope_weigh(tp__thread *t)
{
    size_t in_root = t->scopes.n_open ? t->scopes.open[0].start : t->scopes.n_handles, bytes = 0,
           values = 0;
    t->scopes.weighed = t->memory.bytes.in_use + t->memory.bytes.in_use / 4;
    for (size_t i = 0; i < in_root; i++) {
        size_t own = scope_bytes(t->scopes.handles[i]);
        bytes += own;
        values += own != 0;
    }
    if (t->scopes.warned || bytes < tp__scope_most_bytes || values < SCOPE_ROOT_ARRAYS)
        return;
    t->scopes.warned = true;
    tp__log("%zu arrays of %zu MB belong to no scope and live as long as their thread: put "
            "TP_SCOPE(); at the top of the loop that makes them",
            values, bytes >> 20);
}

/* The room ends once at the limit of the root scope, so that this is called when it is reached, and
 * the usual way of owning a value need not look at it. */
static bool scope_grow(tp__thread *t)
{
    size_t capacity = t->scopes.handle_capacity ? 2 * t->scopes.handle_capacity : 256;
    if (t->scopes.handle_capacity < SCOPE_ROOT_LIMIT && capacity > SCOPE_ROOT_LIMIT)
        capacity = SCOPE_ROOT_LIMIT;
    tp_var **handles = tp__realloc(t->scopes.handles, capacity * sizeof *handles);
    if (!handles)
        return false;
    t->scopes.handles = handles;
    t->scopes.handle_capacity = capacity;
    scope_warn(t);
    return true;
}

/* In debug mode there never is room, so that every value comes here. */
bool tp__scope_room(tp__thread *t, tp_var *v)
{
    if (!t->debug)
        return scope_grow(t);
    tp__debug_watch(t, v);
    t->scopes.handle_capacity = t->debug->capacity;
    bool room = t->scopes.n_handles < t->scopes.handle_capacity || scope_grow(t);
    t->debug->capacity = t->scopes.handle_capacity;
    t->scopes.handle_capacity = 0;
    return room;
}

size_t tp_scope_begin(void)
{
    tp__thread *t = tp__here();
    if (TP_UNLIKELY(t->scopes.n_open == t->scopes.open_capacity)) {
        size_t capacity = t->scopes.open_capacity ? 2 * t->scopes.open_capacity : 32;
        tp__scope_entry *scopes = tp__realloc(t->scopes.open, capacity * sizeof *scopes);
        if (!scopes)
            return 0;
        t->scopes.open = scopes;
        t->scopes.open_capacity = capacity;
    }
    t->scopes.open[t->scopes.n_open++] =
        (tp__scope_entry){++t->scopes.last_mark, t->scopes.n_handles};
    return t->scopes.last_mark;
}

/* --- Closing --- */

/* A head with so many references and with these flags. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SCOPE_HEAD(refs, flags) ((uint64_t)(refs) << 32 | (uint64_t)(flags) << 16)
#else
#define SCOPE_HEAD(refs, flags) ((uint64_t)(flags) << 32 | (uint64_t)(refs))
#endif

TP_INLINE uint64_t scope_head(const tp_var *v)
{
    return atomic_load_explicit(&v->head, memory_order_relaxed);
}

/* Drops a reference to v if it is neither the last nor one of which more than the count is to be
 * looked at. */
TP_INLINE bool scope_drop_one_of_many(tp_var *v)
{
    const uint64_t head = scope_head(v);
    if ((head & SCOPE_HEAD(0, TP__SHARED | TP__POISON | TP__UNREAD)) ||
        (head & SCOPE_HEAD(UINT32_MAX, 0)) <= SCOPE_HEAD(1, 0))
        return false;
    atomic_store_explicit(&v->head, head - SCOPE_HEAD(1, 0), memory_order_relaxed);
    return true;
}

/* True if v is a number without parts that has one reference left, and only in this thread. */
TP_INLINE bool scope_is_last_of_number(const tp_var *v)
{
    const unsigned flags = TP__SMALL | TP__SHARED | TP__POISON | TP__PARTS | TP__UNREAD;
    return (scope_head(v) & SCOPE_HEAD(UINT32_MAX, flags)) == SCOPE_HEAD(1, TP__SMALL);
}

/* Drops the inputs of v, a number, if none of them goes with it. Otherwise false, and nothing is
 * done. */
TP_INLINE bool scope_leaves_inputs(tp_var *v)
{
    if (v->n_in == 0)
        return true;
    if (!scope_drop_one_of_many(v->in.few[0]))
        return false;
    if (v->n_in == 1 || scope_drop_one_of_many(v->in.few[1]))
        return true;
    tp__ref(v->in.few[0]);
    return false;
}

/* Drops a reference of thread t's. Constants without parts, the commonest, go without a call, and
 * numbers whose inputs stay. */
TP_INLINE void scope_drop(tp__thread *t, tp_var *v)
{
    if (!tp__unref(v))
        return;
    if (v->n_in == 0 ? !(v->flags & (TP__PARTS | TP__SHARED))
                     : scope_is_last_of_number(v) && scope_leaves_inputs(v)) {
        t->memory.live--;
        tp__node_put(t, v);
    } else {
        tp__node_free(t, v);
    }
}

/* What goes soon is fetched from memory, first the nodes, then what they hold: many lie far apart.
 */
TP_INLINE void scope_fetch(tp_var *const *last)
{
    const tp_var *soon = last[-SCOPE_AHEAD / 2];
    TP_PREFETCH(last[-SCOPE_AHEAD]);
    TP_PREFETCH(soon->in.few[0]);
    TP_PREFETCH(soon->in.few[1]);
}

/* Drops handles from the last down to start as long as each is one of many references, or the last
 * to a number whose inputs stay: the commonest. What changes with each is in registers meanwhile.
 */
static TP_NOINLINE void scope_drop_numbers(tp__thread *t, size_t start)
{
#if defined(TP_PLAIN_NODES)
    (void)t, (void)start;
#else
    tp_var *const *const handles = t->scopes.handles;
    tp_var *const *last = handles + t->scopes.n_handles;
    tp_var *free = t->memory.free_nodes[true];
    size_t gone = 0;
    for (; last > handles + start; last--) {
        tp_var *v = last[-1];
        if (last > handles + SCOPE_AHEAD)
            scope_fetch(last - 1);
        if (!scope_is_last_of_number(v)) {
            if (!scope_drop_one_of_many(v))
                break;
            continue;
        }
        if (!scope_leaves_inputs(v))
            break;
        v->flags = TP__GONE;
        v->link = free;
        free = v;
        gone++;
    }
    t->memory.free_nodes[true] = free;
    t->memory.live -= gone;
    t->scopes.n_handles = (size_t)(last - handles);
#endif
}

static void scope_drop_down_to(tp__thread *t, size_t start)
{
    while (t->scopes.n_handles > start) {
        const tp_var *last = t->scopes.handles[t->scopes.n_handles - 1];
        if ((last->flags & TP__SMALL) && t->scopes.n_handles > start + SCOPE_FEW)
            scope_drop_numbers(t, start);
        if (t->scopes.n_handles > start)
            scope_drop(t, t->scopes.handles[--t->scopes.n_handles]);
    }
}

void tp_scope_end(size_t mark)
{
    tp__thread *t = tp__here();
    size_t i = t->scopes.n_open;
    while (i > 0 && t->scopes.open[i - 1].mark > mark)
        i--;
    if (i == 0 || t->scopes.open[i - 1].mark != mark)
        return;
    size_t start = t->scopes.open[i - 1].start;
    t->scopes.n_open = i - 1;
    scope_drop_down_to(t, start);
}

void tp__scope_close_all(tp__thread *t)
{
    t->scopes.n_open = 0;
    scope_drop_down_to(t, 0);
}

/* The innermost scope begins one handle later: v's takes the place of its first one, which moves to
 * the end. */
tp_var *tp_leave(tp_var *v)
{
    tp__thread *t = tp__here();
    if (!v)
        return tp_fail(TP_ERROR_ARGUMENT, "leave: the value is NULL");
    tp__ref(v);
    if (tp_is_poison(tp__own(t, v)))
        return tp__poison();
    if (t->scopes.n_open) {
        size_t first = t->scopes.open[t->scopes.n_open - 1].start++;
        tp_var *moved = t->scopes.handles[first];
        t->scopes.handles[first] = v;
        t->scopes.handles[t->scopes.n_handles - 1] = moved;
        scope_warn(t);
    }
    return v;
}

/* Counts a keep more, or one less; false if there was none. The largest count stays for good, and
 * tp_free is then always right. Threads may keep and free a shared value at the same time. */
static bool scope_count_keep(tp_var *v, bool more)
{
    uint16_t kept = __atomic_load_n(&v->kept, __ATOMIC_RELAXED);
    for (;;) {
        if (!more && kept == 0)
            return false;
        if (kept == UINT16_MAX)
            return true;
        uint16_t changed = (uint16_t)(more ? kept + 1 : kept - 1);
        if (!(v->flags & TP__SHARED))
            v->kept = changed;
        else if (!__atomic_compare_exchange_n(&v->kept, &kept, changed, true, __ATOMIC_RELAXED,
                                              __ATOMIC_RELAXED))
            continue;
        return true;
    }
}

tp_var *tp_keep(tp_var *v)
{
    if (!v)
        return tp_fail(TP_ERROR_ARGUMENT, "keep: the value is NULL");
    if ((v->flags & TP__WATCHED) && !tp__debug_may_use("keep", "the value", v))
        return tp__poison();
    if (v->flags & TP__POISON)
        return v;
    tp__ref(v);
    scope_count_keep(v, true);
    return v;
}

void tp_free(tp_var *v)
{
    if (!v || ((v->flags & TP__WATCHED) && !tp__debug_may_use("free", "the value", v)) ||
        (v->flags & TP__POISON))
        return;
    if (scope_count_keep(v, false)) {
        tp__drop(v);
        return;
    }
    char shape[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_ARGUMENT,
            "free: the value%s%s%s of shape %s was not kept: tp_free gives back what tp_keep took, "
            "and a value's scope releases it",
            v->extra && v->extra->name ? " (" : "",
            v->extra && v->extra->name ? v->extra->name : "", v->extra && v->extra->name ? ")" : "",
            tp__shape_text(shape, v->ndim, tp__shape(v)));
}
