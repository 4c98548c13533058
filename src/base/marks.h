/* SPDX-License-Identifier: MIT
 *
 * What drawings, messages and sweeps tell of a recorded node besides its operation: its marks. They
 * are given where it is recorded (graph/apply.h, graph/apply.c): those that its thread has at that
 * time, and of its inputs' those that are inherited. No result depends on them.
 */
#ifndef TP_MARKS_H
#define TP_MARKS_H

#include "base/node.h"
#include "base/thread.h"

enum {
    TP__IMPLICIT = 1 << 0, /* a conversion the library inserted: not drawn */
    TP__STEP = 1 << 1,     /* made by a gradient rule on its way to a gradient */
    TP__ORDER = 1 << 2,    /* the first of TP__ORDERS: a derivative of order k has k of them, so
                            * the order of what several values lead to is their union */
    TP__ORDERS = 0x7FF << 2,
    TP__REMAKES = 1 << 13, /* made from values of checkpoints, or one: a sweep from here on looks
                            * for elements that went (graph/remake.c) */
    TP__INHERITED = TP__ORDERS | TP__REMAKES
};

/* Adds to the marks of what the thread records, until the caller gives it back those returned. */
TP_INLINE uint16_t tp__mark(tp__thread *t, unsigned marks)
{
    uint16_t old = t->recording.marks;
    t->recording.marks = (uint16_t)(old | marks);
    return old;
}

/* What order of derivative v is; 0 for a value. */
TP_INLINE uint8_t tp__order(const tp_var *v)
{
    uint8_t order = 0;
    for (unsigned bits = v->marks & TP__ORDERS; bits; bits &= bits - 1)
        order++;
    return order;
}

#endif
