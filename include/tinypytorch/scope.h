/* SPDX-License-Identifier: MIT
 *
 * Who owns a value.
 *
 * 1. A result belongs to the innermost open scope of its thread. TP_SCOPE(); is a declaration:
 *    what is made below it dies at the closing brace, through break, continue and return alike.
 *    Outside every scope a result belongs to the thread's root scope and lives as long as the
 *    thread; a warning is logged once when it reaches 100,000 values, or 1 GiB in 16 arrays or
 *    more that are not variables.
 * 2. To outlive a scope: `return tp_leave(v);` hands v to the scope outside, or tp_keep(v) now
 *    and tp_free(v) later. What tp_NOUN_new made goes with tp_NOUN_free.
 * 3. Underneath are reference counts, and there are no cycles: a graph node holds its inputs, a
 *    scope holds its results, nothing holds a node from below. Dropping the last handle on a
 *    result frees its graph at once.
 * 4. Threads share nothing but what they are told to share (tp_share). Scopes, errors, recording
 *    mode and random state are thread-local. One thread's graph never needs a lock.
 *
 * A value used after its last handle went is a bug like any use after free. Until another value
 * takes its place in memory it is an error; from then on it is that other value, silently. So is an
 * unshared value used by two threads a bug, and silent. TP_DEBUG=1 in the environment, or
 * tp_set_debug, finds both for certain and makes them errors that name the value, where it was made
 * and where it went:
 *
 *     add: operand 1 of 2 is used after it went: the value (y) of shape () was made at train.c:12,
 *     and its last handle, of a scope or of tp_keep, went at train.c:14
 *
 * Memory that tp_data gave is beyond it; for that compile the library into the program with
 * -fsanitize=address or, for valgrind, with -DTP_PLAIN_NODES.
 *
 * Functions that return text for the caller (tp_repr, tp_get_dot_graph …) return memory from
 * malloc: free() it.
 */
#ifndef TINYPYTORCH_SCOPE_H
#define TINYPYTORCH_SCOPE_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a scope and returns its mark. */
TP_API size_t tp_scope_begin(void);

/* Closes the scope with this mark and every scope opened inside it. A mark already closed is
 * ignored. */
TP_API void tp_scope_end(size_t mark);

/* Gives v one more handle, in the scope outside the innermost one, and returns v. It closes
 * nothing; it works for several results, and for values that the scope does not own. */
TP_API tp_var *tp_leave(tp_var *v);

/* Gives v one more handle, owned by the caller until tp_free. Returns v. */
TP_API tp_var *tp_keep(tp_var *v);

/* Gives back one handle taken with tp_keep. NULL and poison are ignored. A value that was not kept
 * is an error, and stays: its scope releases it. */
TP_API void tp_free(tp_var *v);

/* Makes v readable by every thread from here on and returns v. v must be a leaf or a detached
 * value. It becomes read-only: in-place edits and accumulating a gradient into it are errors
 * (take gradients with tp_gradients). Hand the pointer over by a means that orders memory, such
 * as pthread_create or a mutex. Each thread that keeps it beyond the sharing thread's scope takes
 * its own handle with tp_keep. */
TP_API tp_var *tp_share(tp_var *v);

/* The debug mode, of this thread; returns the old mode. Values made from here on are watched, and
 * the last 100,000 that went are not used again: some microseconds and a kilobyte each. */
TP_API bool tp_set_debug(bool enabled);

/* How many unshared nodes this thread has alive, and how many shared ones exist at all: a test
 * for leaks. A graph that is dropped brings the count back to where it was. */
TP_API size_t tp_live(void);
TP_API size_t tp_live_shared(void);

#if defined(__GNUC__)
static inline void tp__scope_close(const size_t *mark)
{
    tp_scope_end(*mark);
}
#define TP_SCOPE()                                                                                 \
    __attribute__((cleanup(tp__scope_close), unused)) const size_t TP__UNIQUE(tp__scope_) =        \
        tp_scope_begin()
#endif

#ifdef __cplusplus
}
#endif

#endif
