/* SPDX-License-Identifier: MIT
 *
 * The operations that applying and sweeping insert themselves: gradients are added up; shapes and
 * element types are brought together and back; zeros stay zero (hold.h).
 */
#ifndef TP_STRUCTURAL_H
#define TP_STRUCTURAL_H

#include "graph/op.h"

extern const tp__op tp__op_broadcast_to, tp__op_sum_to, tp__op_to, tp__op_zero;
extern const tp__family tp__family_structural, tp__family_arithmetic;

/* y, or a copy of it if it shares elements with x: for functions that some operands leave nothing
 * to do, so that what an edit in place reaches does not depend on operands. */
tp_var *tp__fresh(tp_var *y, const tp_var *x);

#endif
