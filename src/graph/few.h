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

/* The same for a slope (op.h) of gy, what it reads, and, if it takes that too, x, in a sweep that
 * records nothing. */
tp_var *tp__few_slope(tp__thread *t, const tp__op *slope, tp_var *gy, tp_var *read, tp_var *x);

/* For operations with kernels of their own. True if a and b, which may be one, are arrays or
 * numbers of one floating type, whose elements are there, and nothing unusual is asked for. */
bool tp__few_take(tp__thread *t, const tp_var *a, const tp_var *b);

/* Then y, op's result from n operands, is recorded if it has to be, and belongs to the current
 * scope. NULL gives poison. */
tp_var *tp__few_result(tp__thread *t, tp_var *y, const tp__op *op, tp_var *const *in, int n,
                       tp__attr attr);

/* v's elements in another shape of as many, written out as a constant in the current scope, for
 * sweeps that record nothing. NULL: v is not such an array, or has not few elements. */
tp_var *tp__few_copy(tp__thread *t, const tp_var *v, int ndim, const int64_t *shape);

#endif
