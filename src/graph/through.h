/* SPDX-License-Identifier: MIT
 *
 * Gradients of parts of arrays: what comes to a slice, a selected element, a part of a part, is
 * passed through to the array that they are parts of, its *root*, past the views between, which the
 * sweep then need not visit. So no array of the root's size is made for a part, and none of a
 * part's size for a part of it.
 *
 * A sweep that records nothing adds in place. One that is recorded keeps the gradients until it
 * visits the root; many small ones are then added to zeros by one operation, a few by the rules of
 * the views. Which operation, the rule of a slice tells the sweep that comes to it: this file
 * stands below operations.
 *
 * This may be left undone at any time: the rules of the views give the same sum. It is left undone
 * for views at which somebody looks (hooks, gradients that are kept), in sweeps with watchers, for
 * numbers, and below operations that pick elements (hold.h), which mark what they are above.
 *
 * What an index names (gather) is no view; a recorded sweep keeps and adds it in the same way.
 */
#ifndef TP_THROUGH_H
#define TP_THROUGH_H

#include "graph/op.h"
#include "graph/sweep.h"

/* True if v may show elements of its operand as they are. */
TP_INLINE bool tp__through_shows(const tp_var *v)
{
    const unsigned all = TP__LINEAR | TP__MOVES | TP__SELECTS | TP__HOLDS;
    return v->op && v->n_in == 1 && (v->op->flags & all) == (TP__LINEAR | TP__MOVES);
}

/* Passes a gradient of v, for which tp__through_shows, on to its root. False if it was left undone,
 * or failed, with an error pending. */
bool tp__through_add(tp__sweep *s, tp_var *v, tp_var *gradient);

/* In a sweep that is recorded: keeps pull->gy, a gradient of elements picked from operand 0, for
 * that operand, of which it is a small part; index has their numbers there in row-major order, or
 * is NULL to ask whether this would be done. False if it was left undone, or failed, with an error
 * pending. */
bool tp__through_pick(const tp__pull *pull, tp_var *index);

/* Adds what was kept for a root into its gradient. False, with an error pending, if that failed. */
bool tp__through_settle(tp__sweep *s, tp_var *root);

void tp__through_end(tp__sweep *s);

#endif
