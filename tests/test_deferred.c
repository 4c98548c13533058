/* SPDX-License-Identifier: MIT
 *
 * Elementwise results that wait: nobody can tell. What is computed together has the bits of the
 * operations one by one, edits in place do not reach back, and buffers go when they may.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "many.h"

/* Reads v if asked to, so that it does not wait. */
static tp_var *step(tp_var *v, bool read)
{
    if (read)
        tp_data(v);
    return v;
}

static tp_var *chain(tp_var *x, bool read)
{
    tp_var *e = step(tp_exp(step(tp_neg(step(tp_square(x), read)), read)), read);
    tp_var *t = step(tp_tanh(step(tp_mul(step(tp_sin(x), read), e), read)), read);
    return step(tp_add(t, step(tp_div(step(tp_square(x), read), 2), read)), read);
}

TEST(a_chain_has_the_bits_of_its_operations)
{
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
        tp_var *x = many(dtype, 1), *together = chain(x, false), *apart = chain(x, true);
        CHECK(waits(together) && !waits(apart));
        tp_var *sum = tp_sum(together), *mean = tp_mean(chain(x, false));
        CHECK(waits(sum) && waits(mean));
        CHECK_BITS(tp_item(sum), tp_item(tp_sum(apart)));
        CHECK_BITS(tp_item(mean), tp_item(tp_mean(apart)));
        CHECK(same_bits(together, apart));
    }
}

/* Runs of the last axes, which fill blocks or do not, and rows that are single elements. x goes on
 * waiting, and has no memory. */
TEST(sums_of_runs_have_the_bits_of_sums_of_what_is_read)
{
    static const int64_t lengths[] = {1, 63, 64, 65, 300, 512, 513, 768, 1000, 1024, 1025, 1536};
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++)
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
            TP_SCOPE();
            const int64_t n = lengths[i], rows = 8192 / n + 3;
            tp_var *x = tp_randn(dtype, TP_SHAPE(rows, 1, n)), *mean = tp_randn(dtype, 0, NULL);
            tp_data(x);
            tp_var *apart = step(tp_square(tp_sub(x, mean)), true);
            tp_var *square = tp_square(tp_sub(x, mean));
            CHECK(
                same_bits(tp_sum(square, .axes = TP_AXES(-1)), tp_sum(apart, .axes = TP_AXES(-1))));
            CHECK(same_bits(tp_mean(square, .axes = TP_AXES(1, 2), .keepdims = true),
                            tp_mean(apart, .axes = TP_AXES(1, 2), .keepdims = true)));
            CHECK(same_bits(tp_sum(tp_gt(x, mean), .axes = TP_AXES(-1)),
                            tp_sum(step(tp_gt(x, mean), true), .axes = TP_AXES(-1))));
            CHECK(same_bits(tp_sum(tp_square(x), .axes = TP_AXES(0)),
                            tp_sum(step(tp_square(x), true), .axes = TP_AXES(0))));
            CHECK(waits(square) == (n >= 64 && (n <= 1024 || n % 512 == 0)));
        }
}

TEST(gradients_of_a_chain_are_the_closed_form)
{
    tp_var *x = tp_variable(many(TP_F64, 2));
    tp_var *y = tp_sum(chain(x, false));
    tp_backward(y);
    tp_var *second = tp_gradient(tp_sum(tp_gradient(y, x, .create_graph = true)), x);
    const double *at_x = tp_data(x);
    for (int i = 0; i < MANY; i += 97) {
        double v = at_x[i], e = exp(-v * v), u = sin(v) * e, t = tanh(u);
        double du = (cos(v) - 2 * v * sin(v)) * e;
        double ddu = (-sin(v) - 2 * sin(v) - 2 * v * cos(v)) * e - 2 * v * du;
        CHECK_CLOSE(at(tp_grad(x), i), (1 - t * t) * du + v, 1e-14);
        CHECK_CLOSE(at(second, i), (1 - t * t) * (ddu - 2 * t * du * du) + 1, 1e-13);
    }
}

TEST(any_number_of_threads_gives_the_same_bits)
{
    int before = tp_num_threads();
    int64_t n = 300007;
    tp_var *x = tp_variable(tp_randn(TP_F32, 1, &n)), *sums[3], *gradients[3];
    for (int k = 0; k < 3; k++) {
        tp_set_num_threads(1 << k);
        tp_cleargrad(x);
        sums[k] = tp_sum(chain(x, false));
        tp_backward(sums[k]);
        gradients[k] = tp_grad(x);
        tp_data(sums[k]);
    }
    tp_set_num_threads(before);
    for (int k = 1; k < 3; k++)
        CHECK(same_bits(gradients[k], gradients[0]) && same_bits(sums[k], sums[0]));
}

TEST(an_edit_leaves_the_old_elements_to_who_waits)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(MANY));
    tp_var *y = tp_mul(x, 2), *z = tp_add(y, x);
    tp_add_(x, 1);
    CHECK(waits(y) && waits(z));
    CHECK_BITS(at(z, MANY - 1), 3);
    CHECK_BITS(at(y, 0), 2);
    CHECK_BITS(at(x, 0), 2);
}

TEST(an_edit_through_a_view_leaves_them_too)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(2, MANY)), *row = tp_select(x, 0, 0);
    tp_var *y = tp_mul(x, 2);
    tp_copy_(row, 5);
    CHECK(!waits(y));
    CHECK_BITS(at(y, 0), 2);
    CHECK_BITS(at(x, 0), 5);
    CHECK_BITS(at(x, MANY), 1);
}

TEST(a_pointer_given_out_stays_good)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(MANY));
    const double *seen = tp_data(x);
    tp_var *y = tp_mul(x, 2);
    tp_add_(x, 1);
    CHECK(tp_data(x) == seen);
    CHECK_BITS(seen[3], 2);
    CHECK_BITS(at(y, 3), 2);
}

TEST(memory_of_the_callers_is_read_at_once)
{
    static double memory[MANY];
    memory[7] = 3;
    tp_var *x = tp_from_memory(TP_F64, TP_SHAPE(MANY), NULL, memory, NULL, NULL);
    tp_var *y = tp_mul(x, 2), *z = tp_add(y, 1);
    memory[7] = 4;
    CHECK_BITS(at(y, 7), 6);
    CHECK_BITS(at(z, 7), 7);
    tp_var *w = tp_zeros(TP_F64, TP_SHAPE(MANY)), *before = tp_add(w, 1);
    double *writable = tp_data_(w);
    writable[0] = 10;
    tp_var *after = tp_add(w, 1);
    writable[0] = 20;
    CHECK_BITS(at(before, 0), 1);
    CHECK_BITS(at(after, 0), 11);
}

TEST(an_edit_is_seen_by_the_sweep)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(MANY)));
    tp_var *y = tp_sum(tp_square(x));
    tp_add_(x, 1);
    tp_backward(y);
    CHECK(test_error(TP_ERROR_GRAPH, "edited in place"));
    CHECK_BITS(tp_item(y), MANY);
}

/* Also an edit of what was broadcast, few elements of which nothing waits. */
TEST(an_edit_of_what_was_broadcast_is_seen_by_the_sweep)
{
    for (int waits = 0; waits < 2; waits++) {
        tp_var *x = tp_variable(tp_full(TP_F64, 2, (const int64_t[]){5, 7}, 0.5));
        tp_var *factor =
            tp_sum(tp_cos(tp_full(TP_F64, 2, (const int64_t[]){70, 71}, 0.5)), .keepdims = true);
        CHECK(waits || tp_data(factor));
        tp_var *y = tp_mul(x, factor), *z = tp_add(x, factor);
        tp_sub_(factor, 1.25);
        tp_gradient(y, x);
        CHECK(test_error(TP_ERROR_GRAPH, "edited in place"));
        CHECK_CLOSE(tp_item(tp_sum(tp_gradient(z, x))), 35, 0);
    }
}

TEST(long_chains_and_shared_values_come_out_right)
{
    tp_var *x = tp_full(TP_F64, TP_SHAPE(MANY), 0.5), *y = x, *z = x;
    double expected = 0.5, doubled = 0.5;
    for (int i = 0; i < 300; i++) {
        y = tp_add(tp_mul(y, 0.75), 0.125);
        expected = expected * 0.75 + 0.125;
        z = tp_mul(0.5, tp_add(z, tp_mul(z, z)));
        doubled = 0.5 * (doubled + doubled * doubled);
    }
    CHECK(waits(y) && waits(z));
    CHECK_BITS(at(y, MANY - 1), expected);
    CHECK_BITS(at(z, MANY - 1), doubled);
}

TEST(shapes_mix)
{
    tp_var *x = tp_reshape(tp_arange(TP_F32, 0, 96 * 96, 1), TP_SHAPE(96, 96));
    tp_var *row = tp_arange(TP_F32, 0, 96, 1), *column = tp_reshape(row, TP_SHAPE(96, 1));
    tp_var *y = tp_add(tp_mul(tp_add(x, row), column), tp_transpose(x, 0, 1));
    CHECK(waits(y));
    for (int i = 0; i < 96; i += 5)
        for (int j = 0; j < 96; j += 7)
            CHECK_BITS(at(y, 96 * i + j), (96.0 * i + j + j) * i + 96.0 * j + i);
    tp_var *kept = tp_where(tp_gt(x, 100), tp_to(tp_mul(x, 2), TP_F64), -1);
    CHECK_BITS(at(kept, 100), -1);
    CHECK_BITS(at(kept, 101), 202);
}

/* A transposed array is converted element by element. */
/* Operands of every kind at once: repeated rows and columns, turned, backwards, with gaps; the
 * blocks that a plan brings them in begin and end anywhere in a row. */
TEST(broadcast_and_strided_operands_come_out_right)
{
    static const int64_t shapes[][3] = {{1, 3000, 2}, {1, 1100, 9}, {2, 5, 1000}, {1, 3, 4097},
                                        {3, 700, 17}, {7, 40, 40},  {1, 513, 31}, {1, 64, 1024},
                                        {5, 1000, 1}, {900, 2, 3}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        for (int kind = 0; kind < 8; kind++) {
            const int64_t *n = shapes[i], a = n[0], b = n[1], c = n[2], all = a * b * c;
            tp_dtype dtype = kind % 2 ? TP_F64 : TP_F32;
            tp_var *x =
                tp_add(tp_reshape(tp_arange(dtype, 1, (double)all + 1, 1), TP_SHAPE(a, b, c)), 0);
            tp_var *row = tp_arange(dtype, 0, (double)c, 1);
            tp_var *column = tp_reshape(tp_arange(dtype, 0, (double)(a * b), 1), TP_SHAPE(a, b, 1));
            tp_var *turned = tp_transpose(
                tp_reshape(tp_arange(dtype, 0, (double)all, 1), TP_SHAPE(a, c, b)), 1, 2);
            tp_var *other =
                kind / 2 == 0   ? row
                : kind / 2 == 1 ? column
                : kind / 2 == 2
                    ? turned
                    : tp_flip(tp_slice(tp_concatenate((tp_var *[]){x, x}, 2, 2), 2, 0, 2 * c, 2),
                              TP_SHAPE(2));
            tp_var *y =
                tp_where(tp_ge(tp_sub(x, other), 0), tp_sub(other, x), tp_maximum(other, x));
            bool good = true;
            for (int64_t k = 0; k < all; k++) {
                double p = (double)(k + 1), r = (double)(k % c), line = (double)(k / c);
                int64_t block = k / (b * c), u = k / c % b, v = k % c, w = 2 * (c - 1 - v);
                double q = kind / 2 == 0   ? r
                           : kind / 2 == 1 ? line
                           : kind / 2 == 2 ? (double)(block * b * c + v * b + u)
                                           : (double)(k / c * c + w % c + 1);
                good = good && at(y, k) == (p - q >= 0 ? q - p : q);
            }
            CHECK(good);
        }
}

TEST(conversions_do_not_depend_on_the_layout)
{
    static const tp_dtype types[] = {TP_F32, TP_F64, TP_I64, TP_U8};
    double whole[35];
    for (int i = 0; i < 35; i++)
        whole[i] = (i - 3) * (i - 3) % 199;
    tp_var *x = tp_array(TP_F64, TP_SHAPE(5, 7), whole);
    for (int from = 0; from < 4; from++)
        for (int to = 0; to < 4; to++) {
            tp_var *v = tp_to(x, types[from]);
            tp_var *apart = tp_transpose(tp_to(tp_transpose(v, 0, 1), types[to]), 0, 1);
            const double *a = tp_data(tp_to(tp_to(v, types[to]), TP_F64));
            const double *b = tp_data(tp_to(apart, TP_F64));
            for (int i = 0; i < 35; i++)
                CHECK(a[i] == whole[i] && b[i] == whole[i]);
        }
}

TEST(what_waits_can_be_shared)
{
    tp_var *y = tp_share(tp_mul(many(TP_F32, 3), 2));
    CHECK(!waits(y));
    CHECK(waits(tp_add(y, 1)));
}

TEST(elements_are_taken_over_only_when_nobody_reads_them_again)
{
    enum { SIDE = 100 };
    tp_var *kept, *twice, *folded, *sum, *symmetric, *chosen, *x = many(TP_F64, 5);
    const double *seen = tp_data(x);
    double last = seen[MANY - 1], expected = 0;
    for (int i = 0; i < MANY; i++)
        expected += tanh(seen[i]) * seen[i];
    {
        TP_SCOPE();
        tp_var *y = tp_neg(many(TP_F64, 5));
        kept = tp_leave(tp_sin(y));
        twice = tp_leave(tp_add(kept, tp_sin(y)));
        tp_var *z = many(TP_F64, 5), *t = tp_tanh(z);
        sum = tp_leave(tp_sum(tp_mul(t, z)));
        folded = tp_leave(tp_neg(t));
        tp_var *m = tp_reshape(tp_arange(TP_F64, 0, SIDE * SIDE, 1), TP_SHAPE(SIDE, SIDE));
        symmetric = tp_leave(tp_add(m, tp_transpose(m, 0, 1)));
        tp_var *bytes = tp_to(tp_gt(tp_arange(TP_F64, 0, 8 * MANY, 1), 4 * MANY), TP_U8);
        tp_var *odd = tp_slice(bytes, 0, 0, 8 * MANY, 8);
        chosen = tp_leave(tp_where(odd, many(TP_F64, 5), -9));
    }
    CHECK_CLOSE(at(twice, MANY - 1), 2 * sin(-last), 1e-14);
    CHECK_CLOSE(at(kept, MANY - 1), sin(-last), 1e-14);
    CHECK_CLOSE(at(folded, MANY - 1), -tanh(last), 1e-14);
    CHECK_CLOSE(tp_item(sum), expected, 1e-12);
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            CHECK_BITS(at(symmetric, i * SIDE + j), (SIDE + 1) * (i + j));
    for (int i = 0; i < MANY; i += 7)
        CHECK_BITS(at(chosen, i), 8 * i > 4 * MANY ? seen[i] : -9);
}

TEST(a_sum_of_a_waiting_sum_and_an_edit_of_one_element)
{
    tp_var *sum = tp_sum(tp_mul(tp_ones(TP_F64, TP_SHAPE(MANY)), 2)), *again = tp_mean(sum);
    CHECK_BITS(tp_item(again), 2 * MANY);
    CHECK_BITS(tp_item(sum), 2 * MANY);
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(MANY)), *y = tp_mul(x, 2);
    tp_copy_(tp_select(x, 0, 3), 7);
    CHECK_BITS(at(y, 3), 2);
    CHECK_BITS(at(x, 3), 7);
}

TEST(a_failed_read_can_be_repeated)
{
    for (size_t k = 1; k < 12; k++) {
        tp_var *r, *squares, *sizes;
        {
            TP_SCOPE();
            tp_var *t = tp_exp(tp_ones(TP_F64, TP_SHAPE(MANY)));
            r = tp_leave(tp_neg(t));
            squares = tp_leave(tp_sum(tp_square(t)));
            sizes = tp_leave(tp_mean(tp_abs(t)));
        }
        tp_trim_memory();
        tp__alloc_fail_at(k);
        tp_data(r);
        tp__alloc_fail_at(0);
        tp_clear_error();
        CHECK_CLOSE(at(r, 5), -exp(1), 1e-14);
        CHECK_CLOSE(tp_item(squares), (double)MANY * exp(2), 1e-12);
        CHECK_CLOSE(tp_item(sizes), exp(1), 1e-12);
    }
}

/* Forward over reverse: what a recorded sweep made, only its own rules hold. */
TEST(a_recorded_gradient_keeps_what_taylor_reads)
{
    tp_var *x = tp_variable(many(TP_F64, 8)), *d[1];
    tp_var *y = tp_sum(tp_sin(tp_mul(x, x)));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    tp_derivatives(tp_sum(g), x, 1, d);
    const double *v = tp_data(x);
    double expected = 0;
    for (int i = 0; i < MANY; i++)
        expected += 2 * cos(v[i] * v[i]) - 4 * v[i] * v[i] * sin(v[i] * v[i]);
    CHECK_CLOSE(tp_item(d[0]) / (double)MANY, expected / (double)MANY, 1e-12);
}

TEST(a_shared_gradient_is_not_added_to)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(MANY))), *y = tp_sum(tp_mul(x, 2));
    tp_backward(y);
    tp_var *shared = tp_share(tp_grad(x));
    tp_backward(y);
    CHECK_BITS(at(shared, 0), 2);
    CHECK_BITS(at(tp_grad(x), 0), 4);
}

/* --- Memory --- */

static tp_var *layer(tp_var *x, tp_var *w)
{
    TP_SCOPE();
    return tp_leave(tp_tanh(tp_mul(tp_add(tp_mul(x, w), 1), 0.5)));
}

TEST(buffers_that_no_gradient_reads_go_with_their_scope)
{
    tp_var *w = tp_variable(tp_ones(TP_F64, TP_SHAPE(MANY)));
    size_t one = MANY * sizeof(double) * 5 / 4, before = tp_memory_stats().in_use;
    tp_var *y = many(TP_F64, 4);
    for (int i = 0; i < 10; i++) {
        y = layer(y, w);
        tp_data(y);
    }
    CHECK(tp_memory_stats().in_use - before < 12 * one);
}

TEST(a_consumed_graph_is_let_go)
{
    tp_var *w = tp_variable(tp_ones(TP_F64, TP_SHAPE(MANY)));
    tp_var *y;
    size_t before = tp_memory_stats().in_use;
    {
        TP_SCOPE();
        y = many(TP_F64, 4);
        for (int i = 0; i < 10; i++) {
            y = layer(y, w);
            tp_data(y);
        }
        y = tp_leave(tp_sum(y));
    }
    tp_backward(y, .consume = true);
    CHECK(tp_memory_stats().in_use - before < 3 * MANY * sizeof(double));
    tp_backward(y);
    CHECK(test_error(TP_ERROR_GRAPH, "consumed"));
    tp_var *z = tp_square(tp_variable(2));
    tp_backward(z, .consume = true);
    tp_backward(z);
    CHECK(test_error(TP_ERROR_GRAPH, "consumed"));
}

/* From the variable; from what else is gone only when that can be computed too. */
TEST(a_value_that_was_dropped_is_computed_again)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(MANY))), *y, *hidden;
    size_t before = tp_memory_stats().in_use;
    {
        TP_SCOPE();
        hidden = tp_add(tp_sub(tp_mul(x, 4), 1), 1);
        y = tp_leave(tp_sum(tp_mul(hidden, 3)));
        tp_item(y);
    }
    CHECK(tp_memory_stats().in_use - before < MANY);
    CHECK_BITS(at(hidden, 7), 4);
    tp_mul_(x, 2);
    {
        TP_SCOPE();
        hidden = tp_sub(tp_add(x, 1), 1);
        y = tp_leave(tp_sum(tp_mul(hidden, 3)));
        tp_item(y);
    }
    tp_mul_(x, 2);
    CHECK(tp_data(hidden) == NULL);
    CHECK(test_error(TP_ERROR_GRAPH, "the result of add cannot be computed again"));
}

TEST(a_value_that_is_lost_says_so)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(MANY))), *y, *hidden;
    {
        TP_SCOPE();
        hidden = tp_add(x, tp_ones(TP_F64, TP_SHAPE(MANY)));
        y = tp_leave(tp_sum(tp_mul(hidden, 3)));
    }
    tp_backward(y);
    CHECK_BITS(at(tp_grad(x), 0), 3);
    CHECK(tp_data(hidden) == NULL);
    CHECK(test_error(TP_ERROR_GRAPH, "read after drop"));
    tp_exp(hidden);
    CHECK(test_error(TP_ERROR_GRAPH, "read after drop"));
}

TEST(a_repeated_step_asks_the_system_for_nothing)
{
    tp_var *x = many(TP_F32, 5), *w = tp_variable(many(TP_F32, 6));
    tp_var *m = tp_zeros(TP_F32, TP_SHAPE(MANY)), *v = tp_zeros(TP_F32, TP_SHAPE(MANY));
    size_t requests = 0;
    for (int i = 0; i < 20; i++) {
        TP_SCOPE();
        tp_cleargrad(w);
        tp_backward(tp_mean(tp_square(tp_sub(tp_tanh(tp_mul(x, w)), 0.5))), .consume = true);
        tp_adam_step(&w, &m, &v, 1, i + 1);
        if (i == 5)
            requests = tp_memory_stats().requests;
    }
#if !defined(TP_PLAIN_NODES)
    CHECK_INT(tp_memory_stats().requests, requests);
#else
    CHECK(requests > 0);
#endif
}

TEST(running_out_of_memory_at_a_read_is_an_error_and_passes)
{
    tp_var *x = tp_variable(many(TP_F64, 7));
    double expected = tp_item(tp_sum(chain(x, true)));
    for (size_t n = 1; n < 200; n++) {
        TP_SCOPE();
        tp_trim_memory();
        tp_var *y = tp_sum(chain(x, false));
        tp__alloc_fail_at(n);
        double value = tp_item(y);
        bool failed = tp_error() != NULL;
        tp__alloc_fail_at(0);
        if (failed)
            CHECK(test_error(TP_ERROR_MEMORY, "out of memory"));
        else
            CHECK_BITS(value, expected);
        CHECK_BITS(tp_item(y), expected);
        if (!failed)
            break;
    }
}

TEST(statistics_make_sense)
{
    tp_memory before = tp_memory_stats();
    size_t scope = tp_scope_begin();
    tp_zeros(TP_F64, TP_SHAPE(1000000));
    tp_memory during = tp_memory_stats();
    tp_scope_end(scope);
    tp_memory after = tp_memory_stats();
    CHECK(during.in_use >= before.in_use + 8000000 && during.peak >= during.in_use);
    CHECK_INT(after.in_use, before.in_use);
    CHECK(after.peak >= during.in_use);
    tp_reset_peak();
    CHECK_INT(tp_memory_stats().peak, after.in_use);
    tp_trim_memory();
    CHECK_INT(tp_memory_stats().kept, 0);
}
