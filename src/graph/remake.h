/* SPDX-License-Identifier: MIT
 *
 * Values that can be made again (TP__REMADE): recorded by an operation whose operands stay, or can
 * be made again themselves. Dropping their elements is safe at any time.
 */
#ifndef TP_REMAKE_H
#define TP_REMAKE_H

#include "base/node.h"

/* Drops v's elements if they can be made again and are worth it. */
void tp__forget(tp_var *v);

/* Computes again what v's rule, which reads this much, will read. Rules count on finding it, and
 * all but elementwise ones on its not waiting, as when v was computed. */
bool tp__remake_read(tp_var *v, unsigned reads);

/* The operands that a value to be made again reads, though its gradient rule may not: those that
 * cannot be made again. */
unsigned tp__remake_reads(tp_var *v);

/* Of v's elements. */
size_t tp__remake_bytes(const tp_var *v);

#endif
