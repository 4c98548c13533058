/* SPDX-License-Identifier: MIT
 *
 * While a part runs, the thread's `checkpoint` is set, and what is recorded is flagged as
 * TP__REMADE. Its result loses the flag, unless it lies in an outer checkpoint, and so ends what is
 * made again together.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/checkpoint.h"

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/map.h"
#include "base/marks.h"
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

/* What is made again below y and above bottom, both left out: bytes that are held; forgets them if
 * asked. */
static bool checkpoint_walk(tp_var *y, const tp_var *bottom, bool forget, size_t *bytes)
{
    tp__map met = {0};
    bool added, good = tp__map_add(&met, y, &added) != NULL;
    *bytes = 0;
    for (size_t at = 0; at < met.n && good; at++) {
        tp_var *node = (tp_var *)tp__map_at(&met)[at].key;
        for (uint32_t i = 0; i < node->n_in && good; i++) {
            tp_var *in = tp__inputs(node)[i];
            if (in != bottom && (in->flags & TP__REMADE))
                good = tp__map_add(&met, in, &added) != NULL;
        }
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
        y->flags = (y->flags & (uint16_t)~TP__REMADE) |
                   (t->recording.modes & TP__CHECKPOINT ? TP__REMADE : 0);
    return true;
}

/* f's result, with a handle in the caller's scope. */
static tp_var *checkpoint_result(tp__thread *t, const char *call, size_t scope, tp_var *y)
{
    if (!y)
        y = tp_fail(TP_ERROR_ARGUMENT, "%s: the function gave NULL", call);
    tp_leave(y);
    tp_scope_end(scope);
    return t->code ? tp__poison() : y;
}

/* What the thread goes back to. */
typedef struct checkpoint_outer {
    bool mode;
    uint16_t marks;
} checkpoint_outer;

/* What is recorded from here on can be made again. Returns what to leave with. */
static checkpoint_outer checkpoint_begin(tp__thread *t)
{
    return (checkpoint_outer){tp__set_mode(t, TP__CHECKPOINT, true), tp__mark(t, TP__REMAKES)};
}

static void checkpoint_leave(tp__thread *t, checkpoint_outer outer)
{
    tp__set_mode(t, TP__CHECKPOINT, outer.mode);
    t->recording.marks = outer.marks;
}

static tp_var *checkpoint_call(tp_array_function *f, void *ctx, tp_var *const *x)
{
    TP__CALLER();
    return f(ctx, x);
}

tp_var *tp_checkpoint(tp_array_function *f, void *ctx, tp_var *const *x, int n)
{
    tp__thread *t = tp__here();
    if (!f || n < 0 || (n && !x))
        return tp_fail(TP_ERROR_ARGUMENT, "checkpoint: expected a function and n ≥ 0 arrays");
    for (int i = 0; i < n; i++)
        if (!tp__check_operand_of("checkpoint", x[i], i, n))
            return tp__poison();
    if (t->code)
        return tp__poison();
    size_t scope = tp_scope_begin(), bytes;
    checkpoint_outer outer = checkpoint_begin(t);
    tp_var *y = checkpoint_call(f, ctx, x);
    checkpoint_leave(t, outer);
    y = checkpoint_result(t, "checkpoint", scope, y);
    if ((y->flags & TP__POISON) || !(y->flags & TP__REMADE))
        return y;
    return checkpoint_walk(y, NULL, true, &bytes) && checkpoint_end(t, y) ? y : tp__poison();
}

/* --- Chains ---
 *
 * The result of every spacing-th stage is kept, and the last one's; spacings are powers of two.
 * What each would need is summed up as stages run, so that a stage takes the same time however many
 * came before. */

enum { CHAIN_SPACINGS = 32 };

typedef struct chain_stage {
    tp_var *y;
    size_t own, result; /* bytes of intermediate values, of y */
} chain_stage;

/* What a sweep holds at most: all results that are kept, and one segment between them. */
typedef struct chain_sum {
    size_t results, segment, largest; /* segment: since the last result that is kept */
    size_t need, most;                /* now, the last result kept; and at most since the start */
} chain_sum;

typedef struct chain {
    const char *call;
    chain_stage *stages;
    int n;     /* that have run */
    int whole; /* the first stage whose intermediate values are held */
    int level; /* the spacing is 1 << level */
    int levels;
    size_t budget, held;
    bool over; /* no spacing meets the budget: the rest runs only to say which one would do */
    chain_sum sums[CHAIN_SPACINGS];
} chain;

static bool chain_keeps(const chain *c, int i)
{
    return (i + 1) % (1 << c->level) == 0 || i == c->n - 1;
}

static size_t chain_larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Adds the last stage to the sums. */
static void chain_count(chain *c)
{
    const chain_stage *last = &c->stages[c->n - 1];
    for (int level = 0; level < c->levels; level++) {
        chain_sum *sum = &c->sums[level];
        size_t segment = sum->segment + last->own;
        bool keeps = c->n % (1 << level) == 0;
        sum->need = sum->results + last->result + chain_larger(sum->largest, segment);
        sum->most = chain_larger(sum->most, sum->need);
        sum->largest = chain_larger(sum->largest, keeps ? segment : segment + last->result);
        sum->segment = keeps ? 0 : segment + last->result;
        sum->results += keeps ? last->result : 0;
    }
}

/* Lets go of the result of stage i unless it is kept. */
static void chain_thin(chain *c, int i)
{
    tp_var *y = c->stages[i].y;
    if (chain_keeps(c, i) || !y->op || (y->flags & (TP__SHARED | TP__REMADE)))
        return;
    c->held -= c->stages[i].result;
    y->flags |= TP__REMADE;
    tp__forget(y);
}

/* Finds the least spacing that the budget allows, from the present one on; the widest if none. */
static void chain_space(chain *c)
{
    int before = c->level;
    while (!c->over && c->sums[c->level].need > c->budget) {
        c->over = c->level == c->levels - 1;
        c->level += !c->over;
    }
    for (int i = 0; c->level > before && i < c->n - 1; i++)
        chain_thin(c, i);
}

/* Brings what is held within the budget: first the earliest stages' intermediate values go. */
static bool chain_fit(chain *c)
{
    size_t bytes;
    chain_count(c);
    if (c->n > 1)
        chain_thin(c, c->n - 2);
    if (c->budget)
        chain_space(c);
    for (; c->whole < c->n && (c->over || c->held > c->budget); c->whole++) {
        const chain_stage *stage = &c->stages[c->whole];
        c->held -= stage->own;
        if (!checkpoint_walk(stage->y, c->whole ? stage[-1].y : NULL, true, &bytes))
            return false;
    }
    return true;
}

/* Stage i on x; its result belongs to the current scope. Poison on error. */
static tp_var *chain_run(chain *c, int i, tp_stage *f, void *ctx, tp_var *x)
{
    tp__thread *t = tp__here();
    size_t scope = tp_scope_begin();
    checkpoint_outer outer = checkpoint_begin(t);
    tp_var *y = f(ctx, i, x);
    checkpoint_leave(t, outer);
    y = checkpoint_result(t, c->call, scope, y);
    if ((y->flags & TP__POISON) || !(y->flags & TP__REMADE) || outer.mode)
        return y;
    chain_stage *stage = &c->stages[c->n++];
    *stage = (chain_stage){.y = y, .result = tp__remake_bytes(y)};
    if (!checkpoint_walk(y, c->n > 1 ? stage[-1].y : NULL, false, &stage->own))
        return tp__poison();
    c->held += stage->own + stage->result;
    return chain_fit(c) && checkpoint_end(t, y) ? y : tp__poison();
}

/* With a budget of the least `most`, that spacing fits after every stage. */
static tp_var *chain_over(const chain *c)
{
    size_t least = SIZE_MAX;
    for (int level = 0; level < c->levels; level++)
        least = c->sums[level].most < least ? c->sums[level].most : least;
    return tp_fail(TP_ERROR_MEMORY,
                   "%s: a budget of %zu bytes is too small for these %d stages; %zu will do",
                   c->call, c->budget, c->n, least);
}

static chain chain_new(int n, size_t budget)
{
    chain c = {.call = "checkpoint_sequence", .budget = budget, .levels = 1};
    while (c.levels < CHAIN_SPACINGS - 1 && 1 << (c.levels - 1) < n)
        c.levels++;
    c.stages = tp__alloc((size_t)n * sizeof *c.stages);
    return c;
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
    chain c = chain_new(n, o.budget);
    if (!c.stages)
        return tp__poison();
    size_t scope = tp_scope_begin();
    for (int i = 0; i < n && !(x->flags & TP__POISON); i++)
        x = chain_run(&c, i, f, ctx, x);
    if (c.over && !(x->flags & TP__POISON))
        x = chain_over(&c);
    tp_leave(x);
    tp_scope_end(scope);
    tp__free(c.stages);
    return x;
}
