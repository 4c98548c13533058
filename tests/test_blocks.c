/* SPDX-License-Identifier: MIT
 *
 * Sums over blocks of rows: the sum at once, to three orders and for every length of the last
 * block; memory; callbacks; errors; memory failures.
 */
#include "base/alloc.h"
#include "elements.h"

typedef struct model {
    tp_var *w;
    int calls;
} model;

static tp_var *error_of(void *ctx, tp_var *const *x)
{
    model *m = ctx;
    m->calls++;
    tp_var *wide = tp_tanh(tp_matmul(x[0], m->w));
    return tp_sum(tp_square(tp_sub(tp_sin(tp_sum(wide, .axes = 1)), x[1])));
}

static bool alike(tp_var *a, tp_var *b)
{
    return tp_item(tp_max(tp_abs(tp_sub(a, b)))) <= 1e-11 * (1 + tp_item(tp_max(tp_abs(b))));
}

static void check_orders(int64_t rows, int64_t block)
{
    TP_SCOPE();
    tp_manual_seed(1);
    tp_var *x[] = {tp_variable(tp_randn(TP_F64, TP_SHAPE(rows, 3))),
                   tp_randn(TP_F64, TP_SHAPE(rows))};
    model m = {.w = tp_variable(tp_randn(TP_F64, TP_SHAPE(3, 4)))};
    tp_var *y[] = {error_of(&m, x), tp_sum_blocks(error_of, &m, x, 2, block)};
    tp_var *xs[] = {m.w, x[0]}, *g[2][2];
    CHECK_INT(m.calls, 1 + (rows + block - 1) / block);
    CHECK(alike(y[1], y[0]));
    for (int order = 1; order <= 3; order++) {
        for (int way = 0; way < 2; way++) {
            tp_gradients(y[way], xs, 2, g[way], .create_graph = true);
            y[way] = tp_add(tp_sum(tp_sin(g[way][0])), tp_sum(tp_cos(g[way][1])));
        }
        CHECK(alike(g[1][0], g[0][0]) && alike(g[1][1], g[0][1]));
    }
}

TEST(blocks_add_up_to_the_whole)
{
    static const int64_t rows[] = {1, 2, 7, 64};
    for
        EACH(r, rows)
    for (int64_t block = 1; block <= 9; block++)
        check_orders(rows[r], block);
}

TEST(memory_is_that_of_one_block)
{
    enum { ROWS = 64000 };
    size_t peak[2];
    for (int way = 0; way < 2; way++) {
        TP_SCOPE();
        tp_var *x[] = {tp_ones(TP_F64, TP_SHAPE(ROWS, 3)), tp_ones(TP_F64, TP_SHAPE(ROWS))};
        model m = {.w = tp_variable(tp_ones(TP_F64, TP_SHAPE(3, 16)))};
        tp_data(x[0]), tp_data(x[1]);
        tp_reset_peak();
        size_t before = tp_memory_stats().in_use;
        tp_var *y = way ? tp_sum_blocks(error_of, &m, x, 2, 1000) : error_of(&m, x);
        tp_data(tp_gradient(y, m.w));
        peak[way] = tp_memory_stats().peak - before;
    }
    CHECK(peak[1] < peak[0] / 10);
}

/* The gradient itself, of a block by a sweep of its own. */
static tp_var *gradient_of(void *ctx, tp_var *const *x)
{
    model *m = ctx;
    return tp_gradient(error_of(ctx, x), m->w);
}

TEST(a_function_may_return_its_gradient)
{
    tp_var *x[] = {tp_randn(TP_F64, TP_SHAPE(10, 3)), tp_randn(TP_F64, TP_SHAPE(10))};
    model m = {.w = tp_variable(tp_randn(TP_F64, TP_SHAPE(3, 2)))};
    tp_var *g = tp_sum_blocks(gradient_of, &m, x, 2, 3);
    CHECK(!tp_requires_grad(g) && alike(g, tp_gradient(error_of(&m, x), m.w)));
}

static bool stop_at(void *ctx, int64_t done, int64_t rows)
{
    CHECK_INT(rows, 10);
    return done < *(int64_t *)ctx;
}

static tp_var *rows_as_they_are(void *ctx, tp_var *const *x)
{
    (void)ctx;
    return x[0];
}

static tp_var *no_result(void *ctx, tp_var *const *x)
{
    (void)ctx, (void)x;
    return NULL;
}

TEST(blocks_that_cannot_be)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(10))), *other = tp_ones(TP_F64, TP_SHAPE(9));
    int64_t last = 6;
    tp_sum_blocks(rows_as_they_are, NULL, &x, 1, 2, .callback = stop_at, .callback_ctx = &last);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "sum_blocks: the callback stopped it after 6 of 10 rows");
    last = 10;
    tp_var *pairs =
        tp_sum_blocks(rows_as_they_are, NULL, &x, 1, 2, .callback = stop_at, .callback_ctx = &last);
    CHECK_ELEMENTS(pairs, 5, 5);
    tp_sum_blocks(rows_as_they_are, NULL, &x, 1, 4);
    CHECK_ERROR(TP_ERROR_SHAPE, "sum_blocks: a block's result");
    tp_sum_blocks(rows_as_they_are, NULL, ((tp_var *[]){x, other}), 2, 4);
    CHECK_ERROR(TP_ERROR_SHAPE, "as many as the first array has");
    tp_sum_blocks(rows_as_they_are, NULL, &x, 1, 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "blocks of 1 or more rows");
    tp_sum_blocks(no_result, NULL, &x, 1, 5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "the function gave NULL");
}

TEST(memory_that_is_refused)
{
    tp_var *x[] = {tp_variable(tp_ones(TP_F64, TP_SHAPE(7, 3))), tp_ones(TP_F64, TP_SHAPE(7))};
    model m = {.w = tp_variable(tp_ones(TP_F64, TP_SHAPE(3, 40)))};
    size_t live = tp_live();
    bool failed = true;
    for (size_t at = 1; failed; at++) {
        TP_SCOPE();
        tp__alloc_fail_at(at);
        tp_var *g = tp_gradient(tp_sum_blocks(error_of, &m, x, 2, 2), x[0]);
        tp__alloc_fail_at(0);
        failed = tp_status() != TP_OK;
        CHECK(!failed || tp_status() == TP_ERROR_MEMORY);
        CHECK(failed == tp_is_poison(g));
        tp_clear_error();
    }
    CHECK_INT((int)tp_live(), (int)live);
}
