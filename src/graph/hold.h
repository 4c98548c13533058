/* SPDX-License-Identifier: MIT
 *
 * Zeros that stay zero. An operation that picks elements (where, maximum, relu …) gives those that
 * it does not pick a gradient of exactly zero; below it, an elementwise rule whose slope is
 * infinite or NaN there must add nothing.
 *
 * Of a recorded gradient the same has to hold at the next order: it is zero by a factor of exactly
 * zero, beside which other factors may be infinite, or have infinite slopes. So it passes through a
 * *hold*, which shows its elements and counts as picking them. Below a hold an elementwise rule
 * adds nothing where its gradient is exactly zero, nor, if it makes a NaN, where its result is:
 * there the factor of zero came in. A series through a hold has no NaN where the held value is
 * exactly zero.
 */
#ifndef TP_HOLD_H
#define TP_HOLD_H

#include "graph/op.h"

/* Makes it so for the gradients that the rule of pull->y, which is below such an operation, gave.
 */
void tp__hold_zeros(const tp__pull *pull);

/* The same for the numbers that y's numeric rule gave. */
void tp__hold_numbers(const tp_var *y, tp__slopes *gradient);

/* v has given its operands gradients: they are below v, and so below all that v is below. */
TP_INLINE void tp__hold_pass(tp_var *v)
{
    if (TP_LIKELY(!v->sweep_below && !(v->op->flags & TP__SELECTS)))
        return;
    uint32_t below = v->sweep_below | (v->op->flags & (TP__SELECTS | TP__HOLDS));
    for (uint32_t i = 0; i < v->n_in; i++)
        if (!(tp__inputs(v)[i]->flags & TP__SHARED))
            tp__inputs(v)[i]->sweep_below |= (uint8_t)below;
}

#endif
