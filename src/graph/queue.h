/* SPDX-License-Identifier: MIT
 *
 * The nodes that wait in a sweep. The last one recorded comes out first, which leaves no consumer
 * behind, and follows memory: nodes are mostly recorded one beside the other.
 *
 * Mostly what comes in is above nearly all that waits, since a graph is walked down along a branch
 * before the next one. So the highest nodes stand in a sorted list, `near`. What does not belong
 * into its first few places goes to a heap, and with it what is below; all in the heap is below
 * `near`.
 *
 * The heap (a radix heap) rests on what comes in never being above what came out last. A node lies
 * in a list by the highest of sixteen hexadecimal digits in which its key differs from a key that
 * nothing in the heap is above, and by its own digit there. The next one is in the list of the
 * lowest place and of the highest digit in it; if it has company there, it takes that key's place,
 * and its company is sorted into lower places.
 *
 * Nothing needs memory: lists go by the nodes' links.
 */
#ifndef TP_QUEUE_H
#define TP_QUEUE_H

#include "base/node.h"

enum { TP__QUEUE_PLACES = 16, TP__QUEUE_DIGITS = 16, TP__QUEUE_STEPS = 6 };

typedef struct tp__queue {
    tp_var *near;                      /* from the highest key down */
    uint64_t out;                      /* the key that came out last */
    uint64_t top;                      /* nothing that the heap gets is above it … */
    uint64_t bound;                    /* … and nothing that is in the heap above this */
    uint32_t places;                   /* those with a list that is not empty … */
    uint16_t digits[TP__QUEUE_PLACES]; /* … and the digits of these */
    tp_var *lists[TP__QUEUE_PLACES][TP__QUEUE_DIGITS];
} tp__queue;

/* No input's key is above its consumer's: see order in base/node.h. */
TP_INLINE uint64_t tp__queue_key(const tp_var *v)
{
    return (uint64_t)v->order << 32 | v->generation;
}

TP_INLINE void tp__queue_begin(tp__queue *q)
{
    q->near = NULL;
    q->places = 0;
    q->out = UINT64_MAX;
}

/* Adds v to the heap, behind the nodes from *rest of `near` on, which go there too. */
void tp__queue_put(tp__queue *q, tp_var **rest, tp_var *v);

/* Takes the highest out of the heap, which is not empty. */
tp_var *tp__queue_get(tp__queue *q);

TP_INLINE void tp__queue_add(tp__queue *q, tp_var *v)
{
    const uint64_t key = tp__queue_key(v);
    tp_var **at = &q->near;
    for (int i = 0; *at && tp__queue_key(*at) > key; i++) {
        if (i == TP__QUEUE_STEPS) {
            tp__queue_put(q, at, v);
            return;
        }
        at = &(*at)->link;
    }
    if (!*at && q->places && key <= q->bound) {
        tp__queue_put(q, at, v);
        return;
    }
    v->link = *at;
    *at = v;
}

/* Takes out the last one recorded; NULL: none waits. */
TP_INLINE tp_var *tp__queue_take(tp__queue *q)
{
    tp_var *v = q->near;
    if (TP_LIKELY(v != NULL))
        q->near = v->link;
    else if (!q->places)
        return NULL;
    else
        v = tp__queue_get(q);
    q->out = tp__queue_key(v);
    return v;
}

#endif
