/* SPDX-License-Identifier: MIT
 *
 * Functions of networks over the operations of src/ops: their families of records, which go on
 * where tp__families ends, and what they share.
 */
#ifndef TP_FUNCTIONAL_H
#define TP_FUNCTIONAL_H

#include "graph/op.h"
#include "tinypytorch/network.h"

extern const tp__family tp__family_functional, tp__family_margins, tp__family_bags,
    tp__family_batch_norm, tp__family_recurrent_net, tp__family_rnn;

/* All families; ends with NULL. */
extern const tp__family *const tp__network_families[];

/* x as a floating array: of float64 if it is not floating. */
tp_var *tp__floating(tp_var *x);

/* The losses' mean, their sum or what they are. */
tp_var *tp__reduced(tp_var *losses, tp_reduction reduction);

/* True if it is a reduction; otherwise an error of the call. */
bool tp__check_reduction(const char *call, tp_reduction reduction);

/* A record of a function over others; its sample is name_sample. */
#define TP__FUNCTION_RECORD(label_, name_, operands, formula_, domain_, shapes, call_, torch_)     \
    static tp_var *name_##_sample(tp_var *const *x)                                                \
    {                                                                                              \
        return call_;                                                                              \
    }                                                                                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = operands,                                                                          \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = "from its formula",                                                                \
        .domain = domain_,                                                                         \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

#endif
