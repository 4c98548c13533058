/* SPDX-License-Identifier: MIT
 *
 * Bringing operands together. Types are promoted (array/promote.h) and shapes broadcast by nodes
 * `to` and `broadcast_to` that drawings hide: they have gradients like any other, so that no rule
 * of an operation mentions either. A constant number stays a number, which kernels repeat.
 * Operands of half types become float32, and the result a half again.
 */
#ifndef TP_OPERANDS_H
#define TP_OPERANDS_H

#include "graph/op.h"

/* Brings the operands of an elementwise operation to one type and shape, which are the call's from
 * here on. Conversions are recorded if the result will be. False, with an error, if they do not
 * fit. */
bool tp__operands_meet(tp__call *call, bool record);

/* Brings those of other operations to working types. */
bool tp__operands_widen(tp__call *call, bool record);

/* The result y, owned by the scope, as the type that the operands were given in. */
tp_var *tp__operands_narrow(const tp__call *call, tp_var *y);

#endif
