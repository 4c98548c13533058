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

/* The operands that a value to be made again reads, though its gradient rule may not: those that
 * cannot be made again. */
unsigned tp__remake_reads(tp_var *v);

/* Of v's elements. */
size_t tp__remake_bytes(const tp_var *v);

#endif
