/* SPDX-License-Identifier: MIT
 *
 * Sums of a function over blocks of rows, each a checkpoint. They are added in pairs, and pairs in
 * pairs: sum[i] is that of 2ⁱ blocks, or NULL. Each is kept by a reference of its own, so that of
 * what a block made nothing stays but its result.
 */
#include "base/features.h"

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "tinypytorch.h"

enum { BLOCKS_LEVELS = 64 };

typedef struct blocks_sum {
    tp_var *sum[BLOCKS_LEVELS];
    const tp_var *first;
} blocks_sum;

static bool blocks_check(tp_array_function *f, tp_var *const *x, int n, int64_t block)
{
    if (!f || n < 1 || !x || block < 1) {
        tp_fail(TP_ERROR_ARGUMENT,
                "sum_blocks: expected a function, n ≥ 1 arrays and blocks of 1 or more rows");
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (!tp__check_operand_of("sum_blocks", x[i], i, n))
            return false;
        if (x[i]->ndim < 1 || tp__shape(x[i])[0] != tp__shape(x[0])[0] || !tp__shape(x[i])[0]) {
            tp__refuse_shape("sum_blocks", "an array", x[i],
                             "1 or more rows, as many as the first array has");
            return false;
        }
    }
    return !tp__here()->code;
}

/* Adds y, whose elements are ready, or, at the end, what is there. */
static tp_var *blocks_add(blocks_sum *s, tp_var *y, bool end)
{
    for (int i = 0; i < BLOCKS_LEVELS && !tp_is_poison(y); i++) {
        tp_var *before = s->sum[i];
        if (!before && !end) {
            s->sum[i] = tp_keep(y);
            break;
        }
        s->sum[i] = NULL;
        if (before) {
            y = y ? tp_add(before, y) : tp_clone(before);
            tp_free(before);
        }
        if (before && !tp__evaluate(y))
            return tp__poison();
    }
    return y;
}

/* f of rows from … from + count − 1 of the arrays; false, with an error pending, if that failed. */
static bool blocks_run(blocks_sum *s, tp_array_function *f, void *ctx, tp_var *const *x,
                       tp_var **part, int n, int64_t from, int64_t count)
{
    size_t scope = tp_scope_begin();
    for (int i = 0; i < n; i++)
        part[i] = tp_slice(x[i], 0, from, from + count, 1);
    tp_var *y = tp__here()->code ? tp__poison() : tp_checkpoint(f, ctx, part, n);
    bool good = !tp_is_poison(y) && tp__evaluate(y);
    if (good && s->first)
        good = tp__check_like("sum_blocks", "a block's result", y, "the first block's", s->first);
    else if (good)
        s->first = tp_keep(y);
    if (good)
        good = !tp_is_poison(blocks_add(s, y, false));
    tp_scope_end(scope);
    return good;
}

static bool blocks_go_on(const tp_blocks_options *o, int64_t done, int64_t rows)
{
    TP__CALLER();
    if (!o->callback || done == rows || o->callback(o->callback_ctx, done, rows))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "sum_blocks: the callback stopped it after %lld of %lld rows",
            (long long)done, (long long)rows);
    return false;
}

tp_var *(tp_sum_blocks)(tp_array_function *f, void *ctx, tp_var *const *x, int n, int64_t block,
                        const tp_blocks_options *given)
{
    TP__CALL("sum_blocks");
    tp_blocks_options o = TP_OPTIONS(tp_blocks_options);
    if (!blocks_check(f, x, n, block) || !tp__take_options("sum_blocks", &o, sizeof o, given))
        return tp__poison();
    int64_t rows = tp__shape(x[0])[0];
    blocks_sum s = {{NULL}, NULL};
    tp_var **part = tp__alloc((size_t)n * sizeof *part);
    bool good = part != NULL;
    for (int64_t i = 0, count; i < rows && good; i += count) {
        count = block < rows - i ? block : rows - i;
        good = blocks_run(&s, f, ctx, x, part, n, i, count);
        good = good && blocks_go_on(&o, i + count, rows);
    }
    tp_var *y = good ? blocks_add(&s, NULL, true) : tp__poison();
    for (int i = 0; i < BLOCKS_LEVELS; i++)
        tp_free(s.sum[i]);
    tp_free((tp_var *)s.first);
    tp__free(part);
    return y ? y : tp__poison();
}
