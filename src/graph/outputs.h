/* SPDX-License-Identifier: MIT
 *
 * Calls with several outputs. Each output is a node with the call as its input; the call's gradient
 * is a table of those of its outputs, NULL for one that nobody used.
 */
#ifndef TP_OUTPUTS_H
#define TP_OUTPUTS_H

#include "graph/sweep.h"

/* Adds the gradient of output v to its call's, which waits from here on. False, with an error
 * pending, when out of memory. */
bool tp__outputs_add(tp__sweep *s, tp_var *v);

/* Drops a call's table. */
void tp__outputs_drop(tp_var *call);

#endif
