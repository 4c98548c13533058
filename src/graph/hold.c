/* SPDX-License-Identifier: MIT
 *
 * Two kinds of zero are restored after a rule has run: where gy is exactly zero, which an infinite
 * slope makes NaN; and below a hold, where the result itself is a factor of exactly zero. Both only
 * replace a NaN, so that a recorded gradient keeps its links everywhere else.
 */
#include "base/features.h"

#include "graph/hold.h"

#include <math.h>

#include "array/array.h"
#include "array/deferred.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/remake.h"
#include "graph/structural.h"
#include "tinypytorch.h"

static tp_var *hold_record(tp_var *v);

static void hold_gradient(const tp__pull *pull)
{
    pull->gx[0] = pull->gy;
}

static void hold_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *c = jet->x[0][k];
        if (c && tp__has_nan(c))
            c = tp__without_nan(jet->x[0][0], jet->x[0][0], c);
        jet->y[k] = c ? hold_record(c) : NULL;
    }
}

static const tp__op hold_op = {
    .label = "Hold",
    .name = "hold",
    .n_in = 1,
    .flags = TP__MOVES | TP__SELECTS | TP__HOLDS,
    .reads = {TP__READS_0},
    .infer = tp__alias_infer,
    .gradient = hold_gradient,
    .taylor = hold_taylor,
    .rule = "gy",
};

static tp_var *hold_record(tp_var *v)
{
    bool recorded = (v->flags & TP__NEEDS_GRAD) && tp_is_grad_enabled();
    return recorded ? tp__recorded_as(&hold_op, &v) : v;
}

/* Only what is NaN becomes 0: elsewhere a recorded gradient stays linked to gy, also where gy is 0.
 * A NaN that came from above stays. Where nothing is recorded, large gradients, which may be
 * waiting, are not searched for NaN: choosing is as cheap. */
void tp__hold_zeros(const tp__pull *pull)
{
    tp_var *y = pull->y;
    if (y->op->flags & TP__LINEAR)
        return;
    tp__map known = {0};
    bool held = (y->sweep_below & TP__HOLDS) && tp__can_read(y, &known);
    tp__map_drop(&known);
    tp_var *factor = held ? y : pull->gy;
    for (uint32_t i = 0; i < y->n_in; i++) {
        tp_var *gx = pull->wanted[i] ? pull->gx[i] : NULL;
        if (!gx || gx == pull->gy)
            continue;
        if (!pull->record && gx->size >= tp__defer_from && !(y->sweep_below & TP__HOLDS))
            gx = tp__zero_where_zero(pull->gy, gx);
        else if (tp__has_nan(gx))
            gx = tp__without_nan(pull->gy, factor, gx);
        pull->gx[i] = hold_record(gx);
    }
}

void tp__hold_numbers(const tp_var *y, tp__slopes *gradient)
{
    double gy = y->adjoint.number;
    bool zero = (y->sweep_below & TP__HOLDS) && tp__number(y) == 0 && !isnan(gy);
    if (gy == 0 || (zero && isnan(gradient->a)))
        gradient->a = 0;
    if (gy == 0 || (zero && isnan(gradient->b)))
        gradient->b = 0;
}
