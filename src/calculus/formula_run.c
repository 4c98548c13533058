/* SPDX-License-Identifier: MIT
 *
 * Running a formula's steps. Within a derivative its variable stands for a value that nothing
 * outside was computed from: derivatives are partial.
 */
#include "base/features.h"

#include "calculus/formula.h"

#include <math.h>

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include "base/node.h"

#define FORMULA_EXACT 0x1p53 /* a double holds every integer below */

static void formula_push(tp__formula_machine *m, tp_var *v)
{
    m->stack[m->top++] = v;
}

void tp__formula_number(tp__formula_machine *m, const tp__formula_step *step)
{
    double number = step->of.number;
    bool integer = fabs(number) < FORMULA_EXACT && (double)(int64_t)number == number &&
                   !(number == 0 && signbit(number));
    formula_push(m, integer ? tp_num_int((int64_t)number) : tp_num(number));
}

void tp__formula_variable(tp__formula_machine *m, const tp__formula_step *step)
{
    formula_push(m, m->x[step->n]);
}

void tp__formula_op(tp__formula_machine *m, const tp__formula_step *step)
{
    m->top -= (size_t)step->n;
    tp_var **in = m->stack + m->top;
    formula_push(m, step->n == 1 ? step->of.op->call_1(in[0]) : step->of.op->call_2(in[0], in[1]));
}

void tp__formula_call(tp__formula_machine *m, const tp__formula_step *step)
{
    m->top -= (size_t)step->n;
    formula_push(m, step->of.word->call(m->stack + m->top, step->n));
}

void tp__formula_index(tp__formula_machine *m, const tp__formula_step *step)
{
    formula_push(m, tp_select(m->stack[--m->top], 0, step->of.index));
}

void tp__formula_list(tp__formula_machine *m, const tp__formula_step *step)
{
    m->top -= (size_t)step->n;
    formula_push(m, tp_stack(m->stack + m->top, step->n, 0));
}

/* --- Derivatives --- */

/* True if no other variable can have been computed from variable i. */
static bool formula_alone(const tp__formula_machine *m, int i)
{
    for (int k = 0; k < m->n; k++)
        if (k != i && (m->x[k] == m->x[i] || tp_generation(m->x[k]) > 0))
            return false;
    return true;
}

void tp__formula_begin(tp__formula_machine *m, const tp__formula_step *step)
{
    int i = step->n;
    tp_var *x = m->x[i];
    m->derivatives[m->n_derivatives++] = (tp__formula_derivative){i, x, tp_set_grad_enabled(true)};
    if (!tp_requires_grad(x))
        m->x[i] = tp_variable(x);
    else if (!formula_alone(m, i))
        m->x[i] = tp_reshape(x, x->ndim, tp__shape(x));
}

static tp_var *formula_zeros(const tp_var *like)
{
    return tp_zeros((tp_dtype)like->dtype, like->ndim, tp__shape(like));
}

static tp_var *formula_derive(tp_var *y, tp_var *x, int order)
{
    const tp_gradient_options recorded = {.create_graph = true, .size = sizeof recorded};
    tp_var *out[TP__FORMULA_ORDER];
    if (!tp_requires_grad(y))
        return formula_zeros(x->ndim ? x : y);
    if (x->ndim == 0 && (order > 1 || y->ndim > 0)) {
        tp_derivatives(y, x, order, out);
        return out[order - 1];
    }
    y = y->ndim ? tp_sum(y, NULL) : y;
    if (order > 1) {
        tp_derivatives(y, x, order - 1, out);
        y = out[order - 2];
    }
    if (tp_is_poison(y) || tp_requires_grad(y))
        return tp_gradient(y, x, &recorded);
    return formula_zeros(x);
}

/* y without its graph, if no variable has one; still marked if one was made without recording. */
static tp_var *formula_detach(const tp__formula_machine *m, tp_var *y)
{
    uint32_t flags = 0;
    for (int i = 0; i < m->n; i++)
        flags |= m->x[i]->flags;
    if (flags & TP__NEEDS_GRAD)
        return y;
    y = tp_detach(y);
    if (!tp_is_poison(y))
        y->flags |= flags & TP__UNRECORDED;
    return y;
}

void tp__formula_end(tp__formula_machine *m, const tp__formula_step *step)
{
    tp__formula_derivative *derivative = &m->derivatives[--m->n_derivatives];
    tp_var **y = &m->stack[m->top - 1], **x = &m->x[derivative->variable];
    *y = formula_derive(*y, *x, step->n);
    *x = derivative->x;
    tp_set_grad_enabled(derivative->recording);
    *y = formula_detach(m, *y);
}
