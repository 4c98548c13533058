/* SPDX-License-Identifier: MIT
 *
 * The short path of elementwise operations on small arrays: operands of one floating type and
 * shape, in order, with plain numbers among them, need no promotion, no broadcast and no plan.
 */
#ifndef TP_FEW_H
#define TP_FEW_H

#include "graph/op.h"

/* Applies op to a and, if it is not NULL, b, if they are such and nothing unusual is asked for. The
 * result belongs to the current scope; poison on error. NULL: tp__apply has to see to it, nothing
 * was done. */
tp_var *tp__apply_few(tp__thread *t, const tp__op *op, tp_var *a, tp_var *b, tp__attr attr);

#endif
