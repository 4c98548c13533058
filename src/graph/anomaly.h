/* SPDX-License-Identifier: MIT
 *
 * Looking at results and gradients for NaN and infinities, where the thread's `anomaly` is set.
 */
#ifndef TP_ANOMALY_H
#define TP_ANOMALY_H

#include "graph/op.h"

/* Looks at y, the result of op on n operands. False, with an error, if op made what is not
 * finite. */
bool tp__anomaly_result(const tp__op *op, tp_var *y, tp_var *const *in, int n);

/* Keeps the place in the program where y was recorded. */
void tp__anomaly_place(tp_var *y);

#endif
