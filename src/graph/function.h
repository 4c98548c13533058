/* SPDX-License-Identifier: MIT
 *
 * Calls of users' functions. A call is a node of its own whose attr.block is a tp__function_call;
 * each output is a node with the call as its input and its number as attr.integer. The call does
 * not hold its outputs; when its rule reads them it holds *shadows* of them as further inputs:
 * constants that share their elements, from which an output that was dropped is made again.
 */
#ifndef TP_FUNCTION_H
#define TP_FUNCTION_H

#include "graph/op.h"
#include "tinypytorch/graph.h"

/* The outputs that are alive, not held. */
typedef struct tp__output_table {
    uint32_t n;
    tp_var **living;
} tp__output_table;

typedef struct tp__function_call {
    tp__output_table outputs;
    tp_function function;
    void *ctx;
} tp__function_call;

extern const tp__op tp__op_call, tp__op_output;

/* True unless a function without a jvp may lie between x and y, so that no series can pass. */
bool tp__has_series(tp_var *y, const tp_var *x);

#endif
