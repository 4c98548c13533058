/* SPDX-License-Identifier: MIT
 *
 * A composition is recorded on aliases of the operands: one operand may lead to another, and only
 * the partial derivatives are wanted here.
 */
#include "base/features.h"

#include "graph/compose.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "graph/apply.h"
#include "tinypytorch.h"

static void alias_gradient(const tp__pull *pull)
{
    pull->gx[0] = pull->gy;
}

bool tp__alias_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    call->view = true;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    memcpy(call->strides, tp__strides(x), x->ndim * sizeof *call->strides);
    return true;
}

static const tp__op tp__op_alias = {
    .label = "Alias",
    .name = "alias",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = tp__alias_infer,
    .gradient = alias_gradient,
    .rule = "gy",
};

/* The second operand only says what the result is above. */
static const tp__op tp__op_above = {
    .label = "Alias",
    .name = "alias",
    .n_in = 2,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = tp__alias_infer,
    .gradient = alias_gradient,
    .rule = "gy",
};

tp_var *tp__recorded_as(const tp__op *op, tp_var *const *in)
{
    tp__thread *t = tp__here();
    tp_var *v = in[0], *alias = NULL;
    if (v->op && (v->flags & TP__NUMBER)) /* which nobody edits, so that a copy shows the same */
        alias = tp__node_number(t, tp__number(v));
    else if (!(v->flags & TP__POISON))
        alias = tp__alias(t, v);
    if (alias && !tp__record(alias, op, in, op->n_in)) {
        tp__drop(alias);
        alias = NULL;
    }
    if (alias) {
        alias->flags |= TP__NEEDS_GRAD;
        alias->marks |= TP__IMPLICIT;
    }
    return tp__own(t, alias);
}

tp_var *tp__recorded_alias(tp_var *v)
{
    return tp__recorded_as(&tp__op_alias, &v);
}

tp_var *tp__recorded_above(tp_var *v, tp_var *below)
{
    return tp__recorded_as(&tp__op_above, (tp_var *[]){v, below});
}

/* Aliases of the operands that gradients are wanted of; the others themselves where the gradients
 * will be differentiated again, since they depend on these too. */
static bool compose_operands(const tp__pull *pull, tp_var **x, tp_var **targets, int *n)
{
    *n = 0;
    for (uint32_t i = 0; i < pull->y->n_in; i++) {
        x[i] = pull->wanted[i] ? tp__recorded_alias(pull->x[i])
               : pull->record  ? pull->x[i]
                               : tp_detach(pull->x[i]);
        if (tp_is_poison(x[i]))
            return false;
        if (pull->wanted[i])
            targets[(*n)++] = x[i];
    }
    return true;
}

static void compose_sweep(const tp__pull *pull, tp_var **x, tp_var **targets, tp_var **gradients)
{
    int n;
    bool mode = tp_set_grad_enabled(true);
    if (compose_operands(pull, x, targets, &n)) {
        tp_var *y = pull->y->op->compose(pull->y, x);
        tp_gradient_options options = {.create_graph = pull->record, .gradient = pull->gy};
        options.size = sizeof options;
        (tp_gradients)(y, targets, n, gradients, &options);
        for (uint32_t i = 0; i < pull->y->n_in; i++)
            if (pull->wanted[i])
                pull->gx[i] = *gradients++;
    }
    tp_set_grad_enabled(mode);
}

void tp__compose_gradient(const tp__pull *pull)
{
    size_t n = pull->y->n_in;
    tp_var **room = tp__alloc(3 * n * sizeof *room);
    if (room)
        compose_sweep(pull, room, room + n, room + 2 * n);
    tp__free(room);
}
