/* SPDX-License-Identifier: MIT
 *
 * The reverse sweep. Nodes wait in a queue (queue.h), leaves in a list; the one that was recorded
 * last is visited first, so each is visited once, after all its consumers. A visit finishes the
 * node's gradient (hooks), keeps it if somebody asked, and runs the node's rule, which adds into
 * the gradients of the inputs.
 *
 * State lives in the nodes (see node.h). A sweep that runs inside a rule or hook of another and
 * meets a node in use sets the outer state aside and puts it back at its end. Shared nodes are
 * leaves and are never written: their gradients live in `kept`.
 *
 * Below an operation that picks elements (where, maximum …) a gradient of exactly zero stays zero
 * (hold.h). Nodes know what they are below (sweep_below: TP__SELECTS, TP__HOLDS), other branches
 * are not touched.
 *
 * In a sweep that records nothing the gradient of a 0-d float64 is a plain number
 * (tp__sweep_numeric), and operations on such values use their numeric rule.
 */
#ifndef TP_SWEEP_H
#define TP_SWEEP_H

#include "base/map.h"
#include "base/node.h"
#include "base/scope.h"
#include "graph/half.h"
#include "graph/queue.h"

enum { TP__WATCHERS = 5 };

typedef struct tp__sweep_aside {
    tp_var *node, state; /* the outer sweep's state, in the same fields */
} tp__sweep_aside;

typedef struct tp__sweep tp__sweep;

/* The sum of n parts put into zeros of root's shape: index has the places of their elements there,
 * numbers in row-major order, of one part after the other. */
typedef tp_var *tp__join(const tp_var *root, tp_var *const *parts, int n, tp_var *index);

/* Who looks at each node on the way: before its rule, when its gradient is complete, and after it,
 * when what the rule gave has been added and its own gradient is gone. Either may be NULL; false,
 * with an error pending, ends the sweep. */
typedef struct tp__watcher {
    bool (*before)(tp__sweep *s, tp_var *v);
    bool (*after)(tp__sweep *s, tp_var *v);
} tp__watcher;

struct tp__sweep {
    tp__thread *t;
    tp_var *y;        /* held, whatever rules and hooks drop */
    const char *call; /* for messages */
    bool record;
    bool selective;              /* of leaves, only those in kept are wanted */
    bool simple;                 /* nothing is recorded, and no outer sweep has state in nodes */
    bool remade;                 /* the last value passed can be made again */
    bool no_grad;                /* the mode to restore */
    uint16_t marks;              /* likewise */
    uint8_t depth;               /* of this sweep in the thread's, from 1 */
    uint32_t floor;              /* generations below lead to no kept node */
    uint32_t wanted;             /* of generations from here on, all that need a gradient are */
    tp__queue waiting;           /* what was recorded */
    tp_var *leaves;              /* what was not, and what a visit failed at */
    tp__map kept;                /* node → gradient, one reference each, or NULL */
    uint32_t kept_top;           /* no node of a higher generation is kept */
    struct tp__through *through; /* gradients of parts of arrays, or NULL: through.h */
    tp__join *join;              /* how many of them become one, if recorded; NULL: not known */
    tp__sweep_aside *aside;
    size_t n_aside;
    const tp__watcher *watchers[TP__WATCHERS];
    int n_watchers;
    uint64_t started; /* the rule that tp__watch_profile looks at */
    uint32_t watched; /* no watcher looks at nodes of a higher generation */
    uint32_t whole;   /* numbers of higher generations need no more than their numeric rule */
};

/* True if gradient is NULL or can start a sweep from y; otherwise an error in call's name. */
bool tp__sweep_check_start(const char *call, const tp_var *y, const tp_var *gradient);

/* Prepares a sweep from y down to generation floor; false, with an error pending, if it cannot be.
 * To be followed by tp__sweep_end in either case. */
bool tp__sweep_begin(tp__sweep *s, const char *call, tp_var *y, uint32_t floor, bool record);

/* Watchers are asked in the order in which they were added. */
void tp__sweep_watch(tp__sweep *s, const tp__watcher *watcher);

/* Runs it, starting from gradient (NULL: ones). Leaves stay in their list unless the
 * sweep is selective. False, with an error pending, if a rule failed. */
bool tp__sweep_run(tp__sweep *s, tp_var *y, tp_var *gradient);

/* Lets go of all that the sweep still holds. */
void tp__sweep_end(tp__sweep *s);

/* True if v's gradient is a number here. */
TP_INLINE bool tp__sweep_numeric(const tp__sweep *s, const tp_var *v)
{
    return !s->record && (v->flags & TP__NUMBER);
}

/* Takes v's state out of the node; a gradient that is no number is dropped. */
void tp__sweep_drop(tp_var *v);

TP_INLINE void tp__sweep_leave(const tp__sweep *s, tp_var *v)
{
    v->sweep_depth = 0;
    if (!tp__sweep_numeric(s, v))
        tp__sweep_drop(v);
}

/* --- For what a visit does besides --- */

/* v's gradient so far, as a variable of the current scope or held by the node. */
TP_INLINE tp_var *tp__sweep_gradient(tp__sweep *s, tp_var *v)
{
    if (!tp__sweep_numeric(s, v))
        return tp__narrow(v->adjoint.var, (tp_dtype)v->dtype);
    return tp__own(s->t, tp__node_number(s->t, v->adjoint.number));
}

/* v; in a sweep that records nothing a constant copy of a v that needs a gradient. */
tp_var *tp__sweep_numbers(tp__sweep *s, tp_var *v);

/* True if sum is an array that only its sweep, which records nothing, holds, so that what is of
 * gradient's type can be added to it in place. */
TP_INLINE bool tp__sweep_owns(const tp_var *sum, const tp_var *gradient)
{
    return !sum->op && sum->data && gradient->data && sum->size > 1 &&
           (sum->flags & TP__CONTIGUOUS) && sum->dtype == gradient->dtype &&
           atomic_load_explicit(&sum->refs, memory_order_relaxed) == 1 &&
           (!sum->storage || (tp__storage_refs(sum->storage) == 1 && !sum->storage->open));
}

/* *sum ← *sum + gradient, or gradient if there is none yet. Sums of half types are of float32 until
 * they are read. */
bool tp__sweep_add_into(tp__sweep *s, tp_var **sum, tp_var *gradient);

/* In a sweep that records nothing: the sum of x's gradients so far, zeros if there were none, as an
 * array that nobody else sees, of x's working type. x waits from here on. NULL, with an error, when
 * out of memory. */
tp_var *tp__sweep_sum_of(tp__sweep *s, tp_var *x);

/* Puts the state that an outer sweep has in v aside. */
bool tp__sweep_set_aside(tp__sweep *s, tp_var *v);

/* v, which no sweep has state in, waits from here on; its adjoint is the caller's to set. */
TP_INLINE void tp__sweep_wait(tp__sweep *s, tp_var *v)
{
    v->sweep_depth = s->depth;
    v->sweep_below = 0;
    if (v->generation) {
        TP_PREFETCH(v->in.few[0]);
        TP_PREFETCH(v->in.few[1]);
        tp__queue_add(&s->waiting, v);
    } else {
        v->link = s->leaves;
        s->leaves = v;
    }
}

/* The same for a v that an outer sweep may have state in. */
TP_INLINE bool tp__sweep_enter(tp__sweep *s, tp_var *v)
{
    if (TP_UNLIKELY(v->sweep_depth) && !tp__sweep_set_aside(s, v))
        return false;
    tp__sweep_wait(s, v);
    return true;
}

TP_INLINE bool tp__sweep_met(const tp__sweep *s, const tp_var *v)
{
    return v->sweep_depth == s->depth;
}

#endif
