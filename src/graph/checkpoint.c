/* SPDX-License-Identifier: MIT
 *
 * While a part runs, the thread's marks flag what is recorded as TP__REMADE. Its result loses the
 * flag, unless an outer checkpoint has it, and so ends what is made again together.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/checkpoint.h"

#include "array/array.h"
#include "base/alloc.h"
#include "base/map.h"
#include "base/scope.h"
#include "graph/remake.h"
#include "tinypytorch/scope.h"

/* --- Parts of the graph --- */

/* True if v shows the elements of an operand. */
static bool checkpoint_is_view(tp_var *v)
{
    for (uint32_t i = 0; i < v->n_in; i++)
        if (v->storage && tp__inputs(v)[i]->storage == v->storage)
            return true;
    return false;
}

/* What is made again below y, y left out: bytes that are held; forgets them if asked. */
static bool checkpoint_walk(tp_var *y, bool forget, size_t *bytes)
{
    tp__map met = {0};
    bool added, good = tp__map_add(&met, y, &added) != NULL;
    *bytes = 0;
    for (size_t at = 0; at < met.n && good; at++) {
        tp_var *node = (tp_var *)tp__map_at(&met)[at].key;
        for (uint32_t i = 0; i < node->n_in && good; i++)
            if (tp__inputs(node)[i]->flags & TP__REMADE)
                good = tp__map_add(&met, tp__inputs(node)[i], &added) != NULL;
        if (node != y && node->storage && !checkpoint_is_view(node))
            *bytes += tp__remake_bytes(node);
    }
    for (size_t at = 1; at < met.n && good && forget; at++)
        tp__forget((tp_var *)tp__map_at(&met)[at].key);
    tp__map_drop(&met);
    return good;
}

/* Ends what is made again together at y, the result of a part, which keeps its elements. */
static bool checkpoint_end(tp__thread *t, tp_var *y)
{
    if (!tp__evaluate(y))
        return false;
    if (!(y->flags & TP__SHARED))
        y->flags = (y->flags & ~(uint32_t)TP__REMADE) | (t->marks & TP__REMADE);
    return true;
}

/* f's result, with a handle in the caller's scope. */
static tp_var *checkpoint_result(const char *call, size_t scope, tp_var *y)
{
    if (!y)
        y = tp_fail(TP_ERROR_ARGUMENT, "%s: the function gave NULL", call);
    tp_leave(y);
    tp_scope_end(scope);
    return tp__here()->code ? tp__poison() : y;
}

/* What is recorded from here on can be made again. Returns what to leave with. */
static uint32_t checkpoint_begin(tp__thread *t)
{
    uint32_t mark = t->marks & TP__REMADE;
    t->marks |= TP__REMADE;
    t->remakes = true;
    return mark;
}

static void checkpoint_leave(tp__thread *t, uint32_t mark)
{
    t->marks = (t->marks & ~(uint32_t)TP__REMADE) | mark;
}

tp_var *tp_checkpoint(tp_array_function *f, void *ctx, tp_var *const *x, int n)
{
    tp__thread *t = tp__here();
    if (!f || n < 0 || (n && !x))
        return tp_fail(TP_ERROR_ARGUMENT, "checkpoint: expected a function and n ≥ 0 arrays");
    for (int i = 0; i < n; i++)
        if (!x[i] || (x[i]->flags & TP__POISON)) {
            tp__refuse_operand("checkpoint", x[i], i, n);
            return tp__poison();
        }
    if (t->code)
        return tp__poison();
    size_t scope = tp_scope_begin(), bytes;
    uint32_t mark = checkpoint_begin(t);
    tp_var *y = f(ctx, x);
    checkpoint_leave(t, mark);
    y = checkpoint_result("checkpoint", scope, y);
    if ((y->flags & TP__POISON) || !(y->flags & TP__REMADE))
        return y;
    return checkpoint_walk(y, true, &bytes) && checkpoint_end(t, y) ? y : tp__poison();
}

/* --- Chains --- */

typedef struct chain_stage {
    tp_var *y;
    size_t own, result; /* bytes of intermediate values, of y */
    bool whole;         /* intermediate values are held */
} chain_stage;

/* The result of every spacing-th stage is kept, and the last one's. */
typedef struct chain {
    chain_stage *stages;
    int n; /* that have run */
    int spacing;
    size_t budget;
} chain;

static bool chain_keeps(const chain *c, int i, int spacing)
{
    return (i + 1) % spacing == 0 || i == c->n - 1;
}

/* What is held at most in a sweep: all results that are kept, and one segment between them. */
static size_t chain_need(const chain *c, int spacing)
{
    size_t results = 0, segment = 0, largest = 0;
    for (int i = 0; i < c->n; i++) {
        bool keeps = chain_keeps(c, i, spacing);
        segment += c->stages[i].own + (keeps ? 0 : c->stages[i].result);
        results += keeps ? c->stages[i].result : 0;
        largest = segment > largest ? segment : largest;
        segment = keeps ? 0 : segment;
    }
    return results + largest;
}

/* Finds the least spacing that the budget allows. */
static bool chain_space(chain *c)
{
    size_t least = SIZE_MAX;
    for (int spacing = c->spacing;; spacing *= 2) {
        size_t need = chain_need(c, spacing);
        least = need < least ? need : least;
        if (need <= c->budget) {
            c->spacing = spacing;
            return true;
        }
        if (spacing >= c->n)
            break;
    }
    tp_fail(TP_ERROR_MEMORY,
            "checkpoint_sequence: %d stages need %zu bytes at least, the budget is %zu", c->n,
            least, c->budget);
    return false;
}

static bool chain_forget_stage(chain_stage *stage)
{
    size_t bytes;
    stage->whole = false;
    return checkpoint_walk(stage->y, true, &bytes);
}

/* Lets go of results between those that are kept. */
static void chain_thin(const chain *c)
{
    for (int i = 0; i < c->n - 1; i++) {
        tp_var *y = c->stages[i].y;
        if (chain_keeps(c, i, c->spacing) || !y->op || (y->flags & TP__SHARED))
            continue;
        y->flags |= TP__REMADE;
        tp__forget(y);
    }
}

/* Brings what is held within the budget: first the earliest stages' intermediate values go. */
static bool chain_fit(chain *c)
{
    if (c->budget && !chain_space(c))
        return false;
    size_t held = 0;
    for (int i = 0; i < c->n; i++) {
        chain_stage *stage = &c->stages[i];
        held +=
            (stage->whole ? stage->own : 0) + (chain_keeps(c, i, c->spacing) ? stage->result : 0);
    }
    for (int i = 0; i < c->n && held > c->budget; i++) {
        chain_stage *stage = &c->stages[i];
        held -= stage->whole ? stage->own : 0;
        if (stage->whole && !chain_forget_stage(stage))
            return false;
    }
    chain_thin(c);
    return true;
}

/* Stage i on x; its result belongs to the current scope. Poison on error. */
static tp_var *chain_run(chain *c, int i, tp_stage *f, void *ctx, tp_var *x)
{
    tp__thread *t = tp__here();
    size_t scope = tp_scope_begin();
    uint32_t mark = checkpoint_begin(t);
    tp_var *y = f(ctx, i, x);
    checkpoint_leave(t, mark);
    y = checkpoint_result("checkpoint_sequence", scope, y);
    if ((y->flags & TP__POISON) || !(y->flags & TP__REMADE) || mark)
        return y;
    chain_stage *stage = &c->stages[c->n++];
    *stage = (chain_stage){.y = y, .result = tp__remake_bytes(y), .whole = true};
    return checkpoint_walk(y, false, &stage->own) && chain_fit(c) && checkpoint_end(t, y)
               ? y
               : tp__poison();
}

tp_var *tp_checkpoint_sequence(tp_stage *f, void *ctx, int n, tp_var *x,
                               const tp_checkpoint_options *given)
{
    tp_checkpoint_options o = TP_OPTIONS(tp_checkpoint_options);
    if (!tp__check_operand("checkpoint_sequence", x) || tp__here()->code ||
        !tp__take_options("checkpoint_sequence", &o, sizeof o, given))
        return tp__poison();
    if (!f || n < 1)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "checkpoint_sequence: expected a function and n ≥ 1 stages, got %d", n);
    chain c = {.spacing = 1, .budget = o.budget};
    c.stages = tp__alloc((size_t)n * sizeof *c.stages);
    if (!c.stages)
        return tp__poison();
    size_t scope = tp_scope_begin();
    for (int i = 0; i < n && !(x->flags & TP__POISON); i++)
        x = chain_run(&c, i, f, ctx, x);
    tp_leave(x);
    tp_scope_end(scope);
    tp__free(c.stages);
    return x;
}
