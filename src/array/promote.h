/* SPDX-License-Identifier: MIT
 *
 * The type that operands of several types have in common. As in PyTorch, operands fall in three
 * classes: arrays with dimensions, 0-d arrays, plain (weak) numbers. A class changes the type
 * decided by those before it only by being floating where that is not.
 */
#ifndef TP_PROMOTE_H
#define TP_PROMOTE_H

#include "base/node.h"

/* The common type of n operands; float64 when all are weak. */
tp_dtype tp__promote(tp_var *const *in, int n);

/* Says once a process that call computes in float64, at double the cost, since float32 and float64
 * arrays are among its n operands. */
void tp__warn_of_mixed(const char *call, tp_var *const *in, int n);

/* tp__check_number of the plain numbers among n operands that promote to the integer type *dtype.
 * Where the type grows instead, because the result does not show it, it becomes int64. */
bool tp__check_weak(const char *call, tp_var *const *in, int n, bool grows, tp_dtype *dtype);

#endif
