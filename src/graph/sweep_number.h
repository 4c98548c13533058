/* SPDX-License-Identifier: MIT
 *
 * Visits of plain numbers in a sweep that records nothing. Their gradients are numbers too, and
 * their rules the numeric ones of the records. Most are a line of arithmetic
 * (tp__sweep_pass_number); where somebody looks, or something was edited, shared or picked, the
 * visit is as any other's (sweep.c), and only the rule is numeric.
 */
#ifndef TP_SWEEP_NUMBER_H
#define TP_SWEEP_NUMBER_H

#include "graph/aim.h"
#include "graph/apply.h"
#include "graph/hold.h"
#include "graph/versions.h"

enum { TP__SWEEP_AHEAD = 16 * TP__SMALL_NODE };

TP_INLINE bool tp__sweep_add_number(tp__sweep *s, tp_var *v, double gradient)
{
    if (tp__sweep_met(s, v)) {
        v->adjoint.number += gradient;
        return true;
    }
    if (!tp__sweep_enter(s, v))
        return false;
    v->adjoint.number = gradient;
    return true;
}

/* Runs v's numeric rule if it has one for its operands; false if it has not. */
TP_INLINE bool tp__sweep_number_rule(tp__sweep *s, tp_var *v, bool *good)
{
    if (!v->op->number_gradient || !tp__sweep_numeric(s, v))
        return false;
    tp_var *a = v->in.few[0], *b = v->n_in > 1 ? v->in.few[1] : a;
    if (((a->flags & b->flags & TP__NUMBER) == 0) || ((a->flags | b->flags) & TP__SHARED))
        return false;
    *good = tp__versions_hold_number(s, v, a, b);
    if (!*good)
        return true;
    tp__slopes gradient =
        v->op->number_gradient(v->adjoint.number, tp__number(a),
                               v->n_in > 1 ? tp__number(b) : v->attr.number, tp__number(v));
    if (TP_UNLIKELY(v->sweep_below))
        tp__hold_numbers(v, &gradient);
    if (tp__sweep_wanted(s, a))
        *good = tp__sweep_add_number(s, a, gradient.a);
    if (v->n_in > 1 && tp__sweep_wanted(s, b))
        *good = *good && tp__sweep_add_number(s, b, gradient.b);
    tp__hold_pass(v);
    return true;
}

TP_INLINE void tp__sweep_pass_to(tp__sweep *s, tp_var *v, double gradient)
{
    if (!(v->flags & TP__NEEDS_GRAD) ||
        (TP_UNLIKELY(v->generation < s->wanted) && !tp__sweep_wanted(s, v)))
        return;
    if (v->sweep_depth) {
        v->adjoint.number += gradient;
        return;
    }
    v->adjoint.number = gradient;
    tp__sweep_wait(s, v);
}

/* A visit of a number that has nothing but its inputs, numbers too, in a sweep with nothing but the
 * numeric rule to run. False if something else may have to be done: then nothing is done. */
TP_INLINE bool tp__sweep_pass_number(tp__sweep *s, tp_var *v)
{
    const tp__op *op = v->op;
    if (v->generation <= s->whole || (v->flags & (TP__PARTS | TP__NUMBER)) != TP__NUMBER ||
        v->sweep_below || !op->number_gradient || (op->flags & TP__SELECTS))
        return false;
    const uint32_t last = v->n_in - 1;
    tp_var *a = v->in.few[0], *b = v->in.few[last];
    if (!tp__are_plain((a->flags ^ TP__NUMBER) | (b->flags ^ TP__NUMBER)) ||
        a->version != v->few_versions[0] || b->version != v->few_versions[last])
        return false;
    __builtin_prefetch((const void *)((uintptr_t)v - TP__SWEEP_AHEAD), 1);
    __builtin_prefetch((const void *)((uintptr_t)v - TP__SWEEP_AHEAD + 64), 0);
    tp__slopes gradient =
        op->number_gradient(v->adjoint.number, a->value.number[0],
                            last ? b->value.number[0] : v->attr.number, v->value.number[0]);
    v->sweep_depth = 0;
    tp__sweep_pass_to(s, a, gradient.a);
    if (last)
        tp__sweep_pass_to(s, b, gradient.b);
    return true;
}

#endif
