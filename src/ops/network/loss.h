/* SPDX-License-Identifier: MIT
 *
 * What all losses share: how they end, and their records.
 */
#ifndef TP_LOSS_H
#define TP_LOSS_H

#include "graph/op.h"
#include "tinypytorch/network.h"

/* The losses' mean, their sum, or what they are. */
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
