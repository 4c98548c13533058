/* SPDX-License-Identifier: MIT
 *
 * Records of one operand that say how their result changes with it (`tangent`): derivatives of
 * every order follow from it.
 */
#ifndef TP_TANGENT_H
#define TP_TANGENT_H

#include "graph/op.h"

/* The gradient rule of such a record: the transpose of the map from dx to dy. */
void tp__tangent_gradient(const tp__pull *pull);

/* dx's elements as a recorded value, so far above y that what is made of y and its operands without
 * dx is below it. Poison on error. */
tp_var *tp__tangent_seed(tp_var *y, tp_var *dx);

#endif
