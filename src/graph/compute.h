/* SPDX-License-Identifier: MIT
 *
 * The ways to a result's elements. A view shares those of an operand. An elementwise result of few
 * elements is computed by one call of a loop; of more, by a recipe, at once or when somebody reads
 * it (array/deferred.h). The sum of a waiting value waits with it. For everything else operands are
 * evaluated and the record's `forward` fills the result.
 */
#ifndef TP_COMPUTE_H
#define TP_COMPUTE_H

#include "graph/op.h"

/* The result of a call whose operands fit and whose shape and type are known, with one reference;
 * NULL, with an error pending, if it cannot be computed. Of an elementwise operation, of another.
 */
tp_var *tp__compute_elements(tp__thread *t, tp__call *call);
tp_var *tp__compute_other(tp__thread *t, tp__call *call);

#endif
