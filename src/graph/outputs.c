/* SPDX-License-Identifier: MIT
 *
 * The visit of an output computes nothing: it moves its gradient into the call's table, which takes
 * a place for each output when the first one comes. All outputs are of a higher generation than
 * their call, so the table is complete when the call is visited.
 */
#include "base/features.h"

#include "graph/outputs.h"

#include "base/alloc.h"
#include "graph/function.h"
#include "tinypytorch/scope.h"

bool tp__outputs_add(tp__sweep *s, tp_var *v)
{
    tp_var *call = v->in.few[0];
    const tp__output_table *table = call->attr.block;
    if (call->generation < s->floor)
        return true;
    if (!tp__sweep_met(s, call)) {
        tp_var **outputs = tp__alloc_zero(table->n, sizeof *outputs);
        if (!outputs || !tp__sweep_enter(s, call)) {
            tp__free(outputs);
            return false;
        }
        call->adjoint.outputs = outputs;
    }
    size_t scope = tp_scope_begin();
    bool good =
        tp__sweep_add_into(s, &call->adjoint.outputs[v->attr.integer], tp__sweep_gradient(s, v));
    call->sweep_below |= v->sweep_below;
    tp_scope_end(scope);
    return good;
}

void tp__outputs_drop(tp_var *call)
{
    const tp__output_table *table = call->attr.block;
    for (uint32_t i = 0; i < table->n; i++)
        if (call->adjoint.outputs[i])
            tp__drop(call->adjoint.outputs[i]);
    tp__free(call->adjoint.outputs);
}
