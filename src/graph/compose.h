/* SPDX-License-Identifier: MIT
 *
 * Records that say what they are in other operations (`compose`): derivatives of every order
 * follow from it.
 */
#ifndef TP_COMPOSE_H
#define TP_COMPOSE_H

#include "graph/op.h"

/* The gradient rule of such a record: composes it and sweeps through what was recorded. A record
 * without kernels for its gradient names this as its rule. */
void tp__compose_gradient(const tp__pull *pull);

/* v's elements as a recorded value of its own, one step above v. Poison on error. */
tp_var *tp__recorded_alias(tp_var *v);

/* The same, one step above both v and another. */
tp_var *tp__recorded_above(tp_var *v, tp_var *below);

/* in[0]'s elements as the recorded result of op, whose infer is tp__alias_infer. */
tp_var *tp__recorded_as(const tp__op *op, tp_var *const *in);
bool tp__alias_infer(tp__call *call);

#endif
