/* SPDX-License-Identifier: MIT
 *
 * The reverse sweep. Nodes wait in lists, one a generation; the sweep takes the highest list first,
 * so a node is visited once, after all its consumers. A visit finishes the node's gradient (hooks),
 * keeps it if somebody asked, and runs the node's rule, which adds into the gradients of the
 * inputs.
 *
 * State lives in the nodes (see node.h). A sweep that runs inside a rule or hook of another and
 * meets a node in use sets the outer state aside and puts it back at its end. Shared nodes are
 * leaves and are never written: their gradients live in `kept`.
 *
 * Below an operation that picks elements (where, maximum …) a gradient of exactly zero stays zero
 * (hold.h). Nodes know what they are below (sweep_below: TP__SELECTS, TP__HOLDS), other branches
 * are not touched.
 *
 * In a sweep that records nothing the gradient of a 0-d float64 is a plain number (sweep_numeric),
 * and operations on such values use their numeric rule.
 */
#ifndef TP_SWEEP_H
#define TP_SWEEP_H

#include "base/map.h"
#include "base/node.h"

enum { TP__SWEEP_FEW = 64 };

typedef struct tp__sweep_aside {
    tp_var *node, state; /* the outer sweep's state, in the same fields */
} tp__sweep_aside;

typedef struct tp__sweep {
    tp__thread *t;
    tp_var *y;        /* held, whatever rules and hooks drop */
    const char *call; /* for messages */
    bool record;
    bool selective; /* of leaves, only those in kept are wanted */
    bool consume;   /* the last sweep over these nodes: elements that its rules read go */
    bool retain;    /* keep the gradient of every node that is not a leaf */
    bool after;     /* there is more to do at visits: looking for NaN, making again, forgetting */
    bool remade;    /* the last value passed can be made again */
    bool no_grad;   /* the mode to restore */
    uint32_t marks; /* likewise */
    uint8_t depth;  /* of this sweep in the thread's, from 1 */
    uint32_t floor; /* generations below lead to no kept node */
    uint32_t top;
    tp_var **waiting; /* by generation, floor … top */
    tp_var *few[TP__SWEEP_FEW];
    tp__map kept; /* node → gradient, one reference each, or NULL */
    tp__sweep_aside *aside;
    size_t n_aside;
} tp__sweep;

/* True if gradient is NULL or can start a sweep from y; otherwise an error in call's name. */
bool tp__sweep_check_start(const char *call, const tp_var *y, const tp_var *gradient);

/* Prepares a sweep from y down to generation floor; false, with an error pending, if it cannot be.
 * To be followed by tp__sweep_end in either case. */
bool tp__sweep_begin(tp__sweep *s, const char *call, tp_var *y, uint32_t floor, bool record);

/* Runs it, starting from gradient (NULL: ones). Leaves stay in waiting[0] unless the sweep is
 * selective. False, with an error pending, if a rule failed. */
bool tp__sweep_run(tp__sweep *s, tp_var *y, tp_var *gradient);

/* Lets go of all that the sweep still holds. */
void tp__sweep_end(tp__sweep *s);

/* True if v's gradient is a number here. */
TP_INLINE bool tp__sweep_numeric(const tp__sweep *s, const tp_var *v)
{
    return !s->record && (v->flags & TP__NUMBER);
}

/* Takes v's state out of the node. */
void tp__sweep_leave(tp__sweep *s, tp_var *v);

#endif
