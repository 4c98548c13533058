/* SPDX-License-Identifier: MIT
 *
 * Elements that were dropped are made again when somebody reads them: the recorded operation is
 * applied once more to the recorded operands, and to what is missing below these first. What a
 * sweep reads never goes; a Taylor series may read more, and gets it so.
 *
 * Lost are only constants whose handle is gone and which no rule reads, outputs of users'
 * functions, and results for which one of these is needed. Values that lie in a checkpoint
 * (TP__REMADE) keep what they are made of, so dropping their elements is safe at any time.
 */
#ifndef TP_REMAKE_H
#define TP_REMAKE_H

#include "base/map.h"
#include "base/node.h"

/* Computes v's elements, which were dropped, and what is needed for them. False, with an error, if
 * a constant that is needed is gone too, if an operand was edited since, or out of memory. */
bool tp__remake(tp_var *v);

/* True if v's elements, which were dropped, can be made again. A walk keeps in `known` what was
 * found of each dropped node, so that it looks at each once. */
bool tp__can_remake(tp_var *v, tp__map *known);

TP_INLINE bool tp__can_read(tp_var *v, tp__map *known)
{
    return TP_LIKELY(!(v->flags & TP__DROPPED)) || tp__can_remake(v, known);
}

/* Drops the elements of a v that lies in a checkpoint, if that is worth it. */
void tp__forget(tp_var *v);

/* The operands that a value to be made again reads, though its gradient rule may not: those that
 * cannot be made again. */
unsigned tp__remake_reads(tp_var *v);

/* Of v's elements. */
size_t tp__remake_bytes(const tp_var *v);

#endif
