/* SPDX-License-Identifier: MIT
 *
 * The type that operands of several types have in common. As in PyTorch, operands fall in three
 * classes: arrays with dimensions, 0-d arrays, plain (weak) numbers. A class changes the type
 * decided by those before it only if its own is of a higher kind: bool, then integers, then
 * floating types.
 */
#ifndef TP_PROMOTE_H
#define TP_PROMOTE_H

#include "base/node.h"

/* The common type of n operands; float64 when all are weak. */
tp_dtype tp__promote(tp_var *const *in, int n);

/* Says once a process that call computes in float64, at double the cost, since float32 and float64
 * arrays are among its n operands. */
void tp__warn_of_mixed(const char *call, tp_var *const *in, int n);

/* Checks that the plain numbers among n operands, which promote to the integer type *dtype, are
 * numbers of that type: 300 is none of uint8. Otherwise an error; but where `grows`, which is for
 * operations whose result has another type (comparisons), *dtype becomes int64. */
bool tp__check_weak(const char *call, tp_var *const *in, int n, bool grows, tp_dtype *dtype);

#endif
