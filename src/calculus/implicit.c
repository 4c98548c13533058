/* SPDX-License-Identifier: MIT
 *
 * Implicit differentiation. Let F(x, p) = 0 hold at the result x of a search, whatever variables p
 * the caller's function reads besides: F is f for a root, ∇f for a minimum, ∇ Σ f² for least
 * squares. Then the gradient of p is −(∂F/∂p)ᵀ λ, with Jᵀ λ = gx, J = ∂F/∂x.
 *
 * x is recorded as a function of the leaves p. Its rule calls f again, on x itself, so that under
 * create_graph the gradient depends on x as well as on p and any order follows. ∂F/∂p is a partial
 * derivative, while x leads to p too: F is therefore taken of an alias of x, a *gate*, whose rule
 * passes nothing on while ∂F/∂p is computed.
 */
#include "base/features.h"

#include "calculus/implicit.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/scope.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/op.h"

typedef struct implicit_search {
    const char *call;
    tp_objective *f;
    void *ctx;
    tp__implicit_kind kind;
} implicit_search;

/* --- Records --- */

static void implicit_gradient(const tp__pull *pull);

static void implicit_gate_gradient(const tp__pull *pull)
{
    if (!pull->y->attr.integer)
        pull->gx[0] = pull->gy;
}

static const tp__op implicit_gate_op = {
    .label = "Alias",
    .name = "alias",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = tp__alias_infer,
    .gradient = implicit_gate_gradient,
    .rule = "gy",
};

static const tp__op implicit_op = {
    .label = "Implicit",
    .name = "implicit",
    .reads = {TP__READS_ALL | TP__READS_OUT, TP__READS_ALL | TP__READS_OUT,
              TP__READS_ALL | TP__READS_OUT},
    TP__OWNS_BLOCK(implicit_search),
    .gradient = implicit_gradient,
    .rule = "−(∂F/∂p)ᵀ (∂F/∂x)⁻ᵀ gy",
};

static tp_var *implicit_gate(tp_var *x)
{
    tp_var *gate = tp__recorded_as(&implicit_gate_op, &x);
    if (!tp_is_poison(gate))
        gate->attr.integer = 0;
    return gate;
}

/* --- Equations --- */

static tp_var *implicit_call(const implicit_search *search, tp_var *x)
{
    TP__CALLER();
    return search->f(search->ctx, x);
}

/* F(x, p), as many numbers as x has, recorded. */
static tp_var *implicit_equations(const implicit_search *search, tp_var *x)
{
    tp_gradient_options recorded = TP_OPTIONS(tp_gradient_options);
    recorded.create_graph = true;
    tp_var *y = implicit_call(search, x);
    if (!y)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: the function gave NULL", search->call);
    if (tp_is_poison(y))
        return y;
    if (search->kind == TP__IMPLICIT_SQUARES)
        y = tp_sum(tp_square(y), NULL);
    if (search->kind != TP__IMPLICIT_ROOT && !tp_is_poison(y))
        y = tp_gradient(y, x, &recorded);
    if (!tp_is_poison(y) && y->size != x->size) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "%s: the function gave shape %s, other than at first",
                       search->call, tp__shape_text(text, y->ndim, tp__shape(y)));
    }
    return tp_is_poison(y) ? y : tp_reshape(y, 1, &x->size);
}

/* −λ with Jᵀ λ = gx. */
static tp_var *implicit_multipliers(tp_var *equations, tp_var *x, tp_var *gx)
{
    int64_t n = x->size, square[] = {n, n};
    tp_var *jacobian = tp_jacobian(equations, x);
    if (tp_is_poison(jacobian))
        return jacobian;
    tp_var *transposed = tp_transpose(tp_reshape(jacobian, 2, square), 0, 1);
    return tp_neg(tp_solve(transposed, tp_reshape(gx, 1, &n)));
}

static void implicit_pull(const tp__pull *pull, tp_var **out)
{
    const implicit_search *search = pull->y->attr.block;
    tp_gradient_options options = TP_OPTIONS(tp_gradient_options);
    options.create_graph = pull->record;
    bool mode = tp_set_grad_enabled(true);
    tp_var *x = pull->record ? implicit_gate(pull->y) : tp_variable(pull->y);
    tp_var *equations = tp_is_poison(x) ? x : implicit_equations(search, x);
    tp_set_grad_enabled(pull->record);
    tp_var *multipliers =
        tp_is_poison(equations) ? equations : implicit_multipliers(equations, x, pull->gy);
    if (!tp_is_poison(multipliers)) {
        options.gradient = multipliers;
        x->attr.integer = 1;
        tp_gradients(equations, pull->x, (int)pull->y->n_in, out, &options);
        x->attr.integer = 0;
        for (uint32_t i = 0; i < pull->y->n_in; i++)
            pull->gx[i] = pull->wanted[i] ? out[i] : NULL;
    }
    tp_set_grad_enabled(mode);
}

static void implicit_gradient(const tp__pull *pull)
{
    tp_var **out = tp__alloc((size_t)pull->y->n_in * sizeof *out);
    if (out)
        implicit_pull(pull, out);
    tp__free(out);
}

/* --- Recording --- */

bool tp__implicit_others(tp_var *y, const tp_var *x)
{
    tp_var *one = NULL;
    size_t n = tp_leaves(y, 1, &one);
    return n > 1 || (n == 1 && one != x);
}

/* x becomes the result of the search's record on n leaves. */
static bool implicit_attach(const implicit_search *search, tp_var *x, tp_var *const *leaves, int n)
{
    implicit_search *block = tp__alloc(sizeof *block);
    if (!block || !tp__record(x, &implicit_op, leaves, n)) {
        tp__free(block);
        return false;
    }
    *block = *search;
    x->attr.block = block;
    x->flags &= (uint16_t) ~(TP__NUMBER | TP__UNRECORDED);
    return true;
}

/* The leaves among n that are not x, first. */
static int implicit_without(tp_var **leaves, size_t n, const tp_var *x)
{
    int kept = 0;
    for (size_t i = 0; i < n; i++)
        if (leaves[i] != x)
            leaves[kept++] = leaves[i];
    return kept;
}

static bool implicit_record(const implicit_search *search, tp_var *result)
{
    tp_var *x = tp_variable(result), *y = tp_is_poison(x) ? x : implicit_equations(search, x);
    size_t n = tp_is_poison(y) ? 0 : tp_leaves(y, 0, NULL);
    tp_var **leaves = tp__alloc((n + 1) * sizeof *leaves);
    if (leaves && n)
        tp_leaves(y, n, leaves);
    int others = leaves ? implicit_without(leaves, n, x) : 0;
    bool good =
        leaves && !tp__here()->code && (!others || implicit_attach(search, result, leaves, others));
    tp__free(leaves);
    return good;
}

bool tp__implicit_record(const tp__minimize *job, tp__implicit_kind kind,
                         tp_minimize_result *minimum)
{
    const implicit_search search = {job->call, job->f, job->ctx, kind};
    if (!job->options.implicit || !tp_is_grad_enabled())
        return true;
    size_t scope = tp_scope_begin();
    if (job->options.lower || job->options.upper)
        tp_fail(TP_ERROR_ARGUMENT, "%s: .implicit is not for searches with bounds", job->call);
    bool good = !tp__here()->code && implicit_record(&search, minimum->x);
    tp_scope_end(scope);
    if (!good) {
        minimum->x = tp__poison();
        minimum->stop = TP_STOP_ERROR;
        minimum->message = tp_stop_text(TP_STOP_ERROR);
    }
    return good;
}
