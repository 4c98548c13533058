/* SPDX-License-Identifier: MIT
 *
 * The operations that applying and sweeping insert themselves: gradients are added up; shapes and
 * element types are brought together and back; zeros stay zero (hold.h).
 */
#ifndef TP_STRUCTURAL_H
#define TP_STRUCTURAL_H

#include "graph/op.h"

extern const tp__op tp__op_broadcast_to, tp__op_sum_to, tp__op_to;
extern const tp__family tp__family_structural, tp__family_arithmetic;

/* y, or a copy of it if it shares elements with x: for functions that some operands leave nothing
 * to do, so that what an edit in place reaches does not depend on operands. */
tp_var *tp__fresh(tp_var *y, const tp_var *x);

/* x, but 0 where a is 0, whatever x is there; linear in x. */
tp_var *tp__zero_where_zero(tp_var *a, tp_var *x);

/* x, but 0 where it is NaN and a is 0, or b is and a is not NaN: a factor of zero made the NaN. */
tp_var *tp__without_nan(tp_var *a, tp_var *b, tp_var *x);

#endif
