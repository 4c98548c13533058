/* SPDX-License-Identifier: MIT
 *
 * Functions of networks over the operations of src/ops: their families of records, which go on
 * where tp__families ends, and what they share.
 */
#ifndef TP_FUNCTIONAL_H
#define TP_FUNCTIONAL_H

#include "graph/op.h"
#include "ops/network/loss.h"

extern const tp__family tp__family_functional, tp__family_margins, tp__family_bags,
    tp__family_batch_norm, tp__family_recurrent_net, tp__family_rnn;

/* All families; ends with NULL. */
extern const tp__family *const tp__network_families[];

/* x as a floating array: of float64 if it is not floating. */
tp_var *tp__floating(tp_var *x);

#endif
