/* SPDX-License-Identifier: MIT
 *
 * Elements live as long as somebody may read them: whoever has a handle, a consumer whose gradient
 * rule reads this input, or the node's own rule. `reads` of a recorded node says what its rule
 * does; `unread` of a node counts the consumers that do not read it. When only these are left its
 * storage goes (TP__DROPPED). Variables keep theirs. Who reads such elements after all has them
 * computed again (graph/remake.h).
 */
#ifndef TP_READS_H
#define TP_READS_H

#include "base/features.h"

#include <stdbool.h>
#include <stdint.h>

#include "tinypytorch/base.h"

/* What a gradient rule reads. */
enum {
    TP__READS_0 = 1,
    TP__READS_1 = 2,
    TP__READS_2 = 4,
    TP__READS_OUT = 8,
    TP__READS_MORE = 16, /* every operand from the fourth on */
    TP__READS_ALL = 16 + 7,
    TP__READING = 3,

    /* Of a node: */
    TP__COUNTED = 32, /* its inputs' `unread` count what it does not read */
    TP__CONSUMED = 64 /* a sweep has been here that said it would be the last */
};

/* True if a rule that reads this much reads input i. */
TP_INLINE bool tp__reads_input(unsigned reads, uint32_t i)
{
    return reads & (i < TP__READING ? 1u << i : (unsigned)TP__READS_MORE);
}

/* Notes that y, just recorded, reads only some of its inputs; or that it will read none from here
 * on, since a sweep has passed that was the last; or that it goes. */
void tp__reads_count(tp_var *y);
void tp__reads_consume(tp_var *y);
void tp__reads_uncount(tp_var *y);

/* Notes that the rule of y, which waits, is to read what waits of its operands and result, or that
 * a sweep has passed it. */
void tp__reads_need(tp_var *y, bool needed);

/* Drops v's elements if nobody will read them. */
void tp__reads_settle(tp_var *v);

#endif
