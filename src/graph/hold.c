/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "graph/hold.h"

#include <math.h>

#include "array/array.h"
#include "array/deferred.h"
#include "graph/compose.h"
#include "graph/remake.h"
#include "tinypytorch.h"

static bool hold_has_nan(tp_var *v)
{
    return v->size && isnan(tp_item((tp_max)(tp_detach(v), NULL)));
}

static tp_var *hold_record(tp_var *v);

static void hold_gradient(const tp__pull *pull)
{
    pull->gx[0] = pull->gy;
}

static void hold_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *c = jet->x[0][k];
        if (c && hold_has_nan(c))
            c = tp_where(tp_logical_and(tp_eq(jet->x[0][0], 0), tp_isnan(c)), 0, c);
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

/* Where a NaN that y's rule gave is a zero. One that came from above stays. */
static tp_var *hold_where(const tp__pull *pull)
{
    tp_var *y = pull->y, *none = tp_eq(pull->gy, 0);
    if (!(y->sweep_below & TP__HOLDS) || !tp__can_read(y))
        return none;
    return tp_logical_or(none, tp_logical_and(tp_eq(y, 0), tp_logical_not(tp_isnan(pull->gy))));
}

/* Only what is NaN becomes 0: elsewhere a recorded gradient stays linked to gy, also where gy is 0.
 * Where nothing is recorded, large gradients, which may be waiting, are not searched for NaN:
 * choosing is as cheap. */
void tp__hold_zeros(const tp__pull *pull)
{
    if (pull->y->op->flags & TP__LINEAR)
        return;
    for (uint32_t i = 0; i < pull->y->n_in; i++) {
        tp_var *gx = pull->wanted[i] ? pull->gx[i] : NULL;
        if (!gx || gx == pull->gy)
            continue;
        if (!pull->record && gx->size >= tp__defer_from && !(pull->y->sweep_below & TP__HOLDS))
            gx = tp_where(tp_eq(pull->gy, 0), 0, gx);
        else if (hold_has_nan(gx))
            gx = tp_where(tp_logical_and(hold_where(pull), tp_isnan(gx)), 0, gx);
        pull->gx[i] = hold_record(gx);
    }
}

void tp__hold_numbers(const tp_var *y, double *gradient)
{
    double gy = y->adjoint.number;
    bool zero = (y->sweep_below & TP__HOLDS) && tp__number(y) == 0 && !isnan(gy);
    for (uint32_t i = 0; i < y->n_in; i++)
        if (gy == 0 || (zero && isnan(gradient[i])))
            gradient[i] = 0;
}
