/* SPDX-License-Identifier: MIT
 *
 * The debug mode: values that a program uses after they are gone, or in a thread that they do not
 * belong to. A value is *watched* (TP__WATCHED) from when a scope first owns it: its extra knows
 * where it was made and by which thread. So that every value passes through the slow side of
 * tp__own, a thread in debug mode pretends to have no room for handles. A watched node that goes is
 * not used again but becomes poison, still watched, in a queue of those that went last; an
 * operation that gets it as an operand tells in its error what the value was.
 */
#ifndef TP_DEBUG_H
#define TP_DEBUG_H

#include "base/node.h"

/* A thread in debug mode; lives as long as the process. */
typedef struct tp__debug {
    struct tp__debug *next;
    _Atomic bool alive;
    size_t capacity; /* of the thread's handles */
    size_t queued;
    tp_var *first, *last; /* what went, linked; the first one went first */
} tp__debug;

typedef struct tp__watch {
    tp__debug *owner;
    tp__site made, gone;
    char what[256]; /* of a value that went: its name and shape */
} tp__watch;

void tp__debug_begin(tp__thread *t);
void tp__debug_end(tp__thread *t);

/* Watches v, which the thread's scope is about to own. */
void tp__debug_watch(tp__thread *t, tp_var *v);

/* Writes down what v was, and takes its watch out of its extra. */
tp__watch *tp__debug_part(tp_var *v);

/* Puts v, which is stripped and has its watch in attr, into the queue; true if it need not go there
 * and its memory may be used again. */
bool tp__debug_retire(tp__thread *t, tp_var *v);

/* True if v, which is watched, may be used by this thread; otherwise an error in call's name, which
 * calls v `which`. */
bool tp__debug_may_use(const char *call, const char *which, const tp_var *v);

#endif
