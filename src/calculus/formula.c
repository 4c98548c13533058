/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "calculus/formula.h"

#include <string.h>

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include "array/array.h"
#include "base/alloc.h"

enum { FORMULA_FEW = 32 }; /* values for which the stack needs no allocation */

tp_expression *tp_expression_new(const char *text, const char *const *names, int n)
{
    if (!text || n < 0 || (n > 0 && !names)) {
        tp_fail(TP_ERROR_ARGUMENT, "formula: %s", text ? "no names" : "the text is NULL");
        return NULL;
    }
    tp_expression *f = tp__here()->code ? NULL : tp__alloc_zero(1, sizeof *f);
    if (!f)
        return NULL;
    f->text = tp__copy_text(text);
    if (f->text && tp__formula_parse(f, names, n))
        return f;
    tp_expression_free(f);
    return NULL;
}

void tp_expression_free(tp_expression *f)
{
    if (!f)
        return;
    tp__formula_names_free(&f->names);
    tp__free(f->steps);
    tp__free(f->text);
    tp__free(f);
}

int tp_expression_size(const tp_expression *f)
{
    return f ? f->names.n : 0;
}

const char *tp_expression_variable(const tp_expression *f, int i)
{
    return f && i >= 0 && i < f->names.n ? f->names.at[i] : NULL;
}

static bool formula_check(const tp_expression *f, tp_var *const *x)
{
    if (tp__here()->code != TP_OK)
        return false;
    if (!f || (f->names.n && !x)) {
        tp_fail(TP_ERROR_ARGUMENT, "formula: %s",
                f ? "the values are NULL" : "the expression is NULL");
        return false;
    }
    if (f->names.n > 1 && !f->ordered) {
        tp_fail(TP_ERROR_ARGUMENT,
                "formula: in which order are its %d variables? Give their names to "
                "tp_expression_new",
                f->names.n);
        return false;
    }
    for (int i = 0; i < f->names.n; i++)
        if (!x[i] || tp_is_poison(x[i])) {
            tp_fail(x[i] ? TP_ERROR_GRAPH : TP_ERROR_ARGUMENT, "formula: variable %.60s is %s",
                    f->names.at[i], x[i] ? "poison" : "NULL");
            return false;
        }
    return true;
}

static tp_var *formula_run(const tp_expression *f, tp__formula_machine *m)
{
    const tp__formula_step *step = f->steps, *end = step + f->n_steps;
    const tp__thread *t = tp__here();
    for (; step < end && !t->code; step++)
        step->run(m, step);
    if (!t->code)
        return m->stack[0];
    tp__formula_show(f->text, step[-1].at);
    if (m->n_derivatives)
        tp_set_grad_enabled(m->derivatives[0].recording);
    return tp__poison();
}

tp_var *tp_expression_apply(const tp_expression *f, tp_var *const *x)
{
    if (!formula_check(f, x))
        return tp__poison();
    tp_var *few[FORMULA_FEW], **room = few;
    size_t needed = f->depth + (size_t)f->names.n;
    if (needed > FORMULA_FEW && !(room = tp__alloc(needed * sizeof *room)))
        return tp__poison();
    *room = NULL;
    tp__formula_machine m = {.stack = room, .x = room + f->depth, .n = f->names.n};
    for (int i = 0; i < f->names.n; i++)
        m.x[i] = x[i];
    size_t scope = tp_scope_begin();
    tp_var *y = tp_leave(formula_run(f, &m));
    tp_scope_end(scope);
    if (room != few)
        tp__free(room);
    return y;
}

tp_var *tp_formula(const char *text, const char *const *names, tp_var *const *x, int n)
{
    static const char *const none[] = {NULL};
    tp_expression *f = tp_expression_new(text, names || n ? names : none, n);
    tp_var *y = f ? tp_expression_apply(f, x) : tp__poison();
    tp_expression_free(f);
    return y;
}

tp_var *tp_expression_function(void *expression, tp_var *const *x)
{
    return tp_expression_apply(expression, x);
}

tp_var *tp_expression_objective(void *expression, tp_var *x)
{
    const tp_expression *f = expression;
    if (!f || f->names.n == 1)
        return tp_expression_apply(f, &x);
    if (!tp__check_operand("formula", x))
        return tp__poison();
    if (x->ndim != 1 || tp__shape(x)[0] != f->names.n) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "formula: an array of shape %s for %d variables",
                       tp__shape_text(text, x->ndim, tp__shape(x)), f->names.n);
    }
    tp_var **elements = tp__alloc(((size_t)f->names.n + 1) * sizeof *elements);
    if (!elements)
        return tp__poison();
    size_t scope = tp_scope_begin();
    for (int i = 0; i < f->names.n; i++)
        elements[i] = tp_select(x, 0, i);
    tp_var *y = tp_leave(tp_expression_apply(f, elements));
    tp_scope_end(scope);
    tp__free(elements);
    return y;
}
