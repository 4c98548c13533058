/* SPDX-License-Identifier: MIT
 *
 * What a plan computes along and what it keeps, so that nothing is computed over and over.
 */
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "many.h"
#include "profile_read.h"

TEST(what_another_result_waits_to_read_is_kept)
{
    tp_var *x = many(TP_F64, 11), *h = tp_mul(tp_add(tp_mul(x, 2), 1), x);
    tp_var *a = tp_sub(h, 1), *b = tp_add(h, 1);
    tp_data(a);
    CHECK(!waits(h) && waits(b));
    double v = at(x, 7), expected = (v * 2 + 1) * v;
    CHECK_BITS(at(b, 7), expected + 1);
    tp_var *cheap = tp_mul(x, 2), *c = tp_sub(cheap, 1), *d = tp_add(cheap, 1);
    tp_data(c);
    CHECK(waits(cheap) && waits(d));
    CHECK_BITS(at(d, 7), 2 * v + 1);
}

TEST(what_only_a_handle_holds_is_kept_the_second_time)
{
    tp_var *x = many(TP_F64, 11), *h = tp_exp(x);
    tp_data(tp_sub(h, 1));
    CHECK(waits(h));
    tp_data(tp_add(h, 1));
    CHECK(!waits(h));
}

TEST(what_a_recorded_rule_will_read_is_kept)
{
    tp_var *x = tp_variable(many(TP_F64, 11)), *e = tp_exp(x), *s = tp_sum(e);
    double expected = tp_item(s);
    CHECK(!waits(e));
    CHECK(same_bits(tp_gradient(s, x), e));
    tp_var *again = tp_exp(x), *sum = tp_sum(again), *g = tp_gradient(sum, x);
    CHECK_BITS(tp_item(sum), expected);
    CHECK(waits(again) && !waits(g) && same_bits(g, e));
}

TEST(operands_of_a_call_are_computed_together)
{
    tp_var *x = many(TP_F64, 12), *h = tp_exp(x), *parts[] = {tp_sub(h, 1), tp_add(h, 1), h};
    tp_concatenate(parts, 2, 0);
    CHECK(!waits(parts[0]) && !waits(parts[1]) && waits(h));
    tp_var *all = tp_concatenate(parts, 3, 0);
    for (int i = 0; i < MANY; i += 97)
        CHECK_CLOSE(at(all, 2 * MANY + i), exp(at(x, i)), 1e-14);
}

/* Of so many elements results go past the caches; rows of odd lengths, so that blocks end anywhere.
 */
TEST(a_plan_too_large_for_caches_has_the_bits_of_small_ones)
{
    const int64_t shape[] = {4099, 1023}, some = 241;
    for (tp_dtype dtype = TP_F32; dtype <= TP_F64; dtype++) {
        TP_SCOPE();
        tp_var *x = tp_randn(dtype, 2, shape), *line = tp_randn(dtype, 1, shape + 1);
        tp_var *y = tp_mul(tp_add(x, line), x), *parts[] = {y, tp_neg(y), tp_gt(y, line)};
        tp_concatenate(parts, 3, 0);
        CHECK(!waits(parts[0]) && !waits(parts[1]) && !waits(parts[2]));
        for (int64_t i = 0; i < shape[0]; i += some) {
            TP_SCOPE();
            int64_t to = i + some < shape[0] ? i + some : shape[0];
            tp_var *few = tp_slice(x, 0, i, to, 1), *z = tp_mul(tp_add(few, line), few);
            CHECK(same_bits(z, tp_clone(tp_slice(parts[0], 0, i, to, 1))));
            CHECK(same_bits(tp_neg(z), tp_clone(tp_slice(parts[1], 0, i, to, 1))));
            CHECK(same_bits(tp_to(tp_gt(z, line), TP_F64),
                            tp_to(tp_slice(parts[2], 0, i, to, 1), TP_F64)));
        }
    }
}

/* The table of the profile that began before, the caller's to free. */
static char *profile(void)
{
    tp_profile_end("test_plan_profile", NULL);
    char *table = read_all("test_plan_profile");
    remove("test_plan_profile");
    return table;
}

/* How many operations the profile counts, where what runs together is one. */
static long operations(void)
{
    char *table = profile();
    long calls = find_row(table, "total").calls;
    free(table);
    return calls;
}

TEST(results_of_a_sweep_are_computed_together)
{
    tp_var *x = tp_variable(many(TP_F64, 13)), *y = tp_variable(many(TP_F64, 14)), *g[2];
    tp_var *z = tp_sum(tp_tanh(tp_mul(tp_sin(x), y)));
    tp_profile_begin();
    tp_gradients(z, ((tp_var *[]){x, y}), 2, g);
    CHECK(waits(g[0]) && waits(g[1]) && waits(z));
    tp_data(g[0]);
    CHECK(!waits(g[0]) && !waits(g[1]) && !waits(z));
    CHECK_INT(operations(), 1);
    tp_profile_begin();
    tp_backward(z);
    CHECK(!waits(tp_grad(x)) && !waits(tp_grad(y)));
    CHECK_INT(operations(), 1);
    CHECK(same_bits(tp_grad(x), g[0]) && same_bits(tp_grad(y), g[1]));
    for (int i = 0; i < MANY; i += 97) {
        double s = sin(at(x, i)), t = tanh(s * at(y, i));
        CHECK_CLOSE(at(g[0], i), (1 - t * t) * cos(at(x, i)) * at(y, i), 1e-14);
        CHECK_CLOSE(at(g[1], i), (1 - t * t) * s, 1e-14);
    }
}

/* Operations whose gradients need most of them. */
static tp_var *wide(tp_var *const *x, tp_var **other, bool read)
{
    tp_var *sum = x[0], *product = x[1];
    for (int i = 0; i < 4; i++) {
        sum = tp_add(tp_mul(sum, x[i % 4]), tp_sin(product));
        product = tp_mul(tp_tanh(sum), x[(i + 1) % 4]);
        if (read)
            tp_data(sum), tp_data(product);
    }
    *other = tp_mul(product, x[2]);
    return tp_add(product, x[3]);
}

TEST(gradients_of_two_values_of_large_arrays_are_one_plan)
{
    const int64_t n = 40000;
    tp_var *x[4], *g[2][8], *y[2];
    for (int i = 0; i < 4; i++)
        x[i] = tp_variable(tp_randn(TP_F64, 1, &n));
    for (int read = 0; read < 2; read++) {
        y[0] = wide(x, &y[1], read);
        tp_profile_begin();
        for (int k = 0; k < 2; k++)
            tp_gradients(y[k], x, 4, g[read] + 4 * k);
        for (int i = 0; i < 8; i++) {
            tp_data(g[read][i]);
            CHECK(read || !waits(g[read][7]));
        }
        CHECK(operations() == 1 || read);
    }
    for (int i = 0; i < 8; i++)
        CHECK(same_bits(g[0][i], g[1][i]));
}

/* Rules that must have their elements at every step, as a view's must, do not make the sums of
 * gradients be added up from their beginning again: no plan adds more than the parts of a step. */
TEST(gradients_that_grow_along_a_loop_are_added_once)
{
    enum { STEPS = 20 };
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(MANY), 0.5));
    tp_var *y = tp_ones(TP_F64, TP_SHAPE(MANY));
    for (int i = 0; i < STEPS; i++)
        y = tp_add(y, tp_mul(x, tp_flip(y, 1, (const int64_t[]){0})));
    tp_profile_begin();
    tp_var *g = tp_gradient(tp_sum(y), x);
    CHECK_CLOSE(at(g, 7), (double)STEPS * pow(1.5, STEPS - 1), 1e-13);
    char *table = profile();
    CHECK(strstr(table, "add·mul") && !strstr(table, "add·add·add·add") &&
          !strstr(table, "mul·add·mul·add·mul·add·mul"));
    free(table);
}

/* Two values that compute the same share a step. When it becomes an output, the other goes on
 * waiting, and so nobody takes over what that one will read. */
TEST(a_value_that_is_computed_elsewhere_too_keeps_its_sources)
{
    tp_var *one, *other;
    {
        TP_SCOPE();
        tp_var *u = tp_neg(many(TP_F64, 5));
        one = tp_leave(tp_exp(u));
        other = tp_leave(tp_exp(u));
    }
    double seen = at(many(TP_F64, 5), 3);
    CHECK_CLOSE(at(tp_add(one, 1), 3), exp(-seen) + 1, 1e-14);
    CHECK_CLOSE(at(tp_add(one, other), 3), 2 * exp(-seen), 1e-14);
    CHECK_CLOSE(at(other, 3), exp(-seen), 1e-14);
}

/* A value that is asked for has elements of its own, even if another computes the same. */
TEST(equal_values_that_are_asked_for_together)
{
    tp_var *x = many(TP_F64, 6), *parts[] = {tp_exp(x), tp_exp(x), tp_neg(tp_exp(x))};
    tp_var *all = tp_concatenate(parts, 3, 0);
    CHECK(!waits(parts[0]) && !waits(parts[1]) && !waits(parts[2]));
    CHECK(parts[0]->data != parts[1]->data && same_bits(parts[0], parts[1]));
    CHECK_BITS(at(all, 2 * MANY + 5), -at(parts[0], 5));
}

/* Each allocation failing in turn: everything waits as before, and can be read afterwards. */
TEST(a_plan_of_several_results_fails_whole)
{
    for (size_t k = 1; k < 40; k++) {
        TP_SCOPE();
        tp_var *x = many(TP_F64, 7), *y = many(TP_F64, 8);
        tp_var *t = tp_tanh(x), *e = tp_exp(tp_mul(t, y)), *parts[] = {tp_mul(e, t), tp_mul(e, y)};
        tp_trim_memory();
        tp__alloc_fail_at(k);
        tp_concatenate(parts, 2, 0);
        bool failed = tp_error() != NULL;
        tp__alloc_fail_at(0);
        if (failed)
            CHECK(test_error(TP_ERROR_MEMORY, "out of memory"));
        double u = tanh(at(x, 9)), v = at(y, 9);
        CHECK_CLOSE(at(parts[0], 9), exp(u * v) * u, 1e-14);
        CHECK_CLOSE(at(parts[1], 9), exp(u * v) * v, 1e-14);
        if (!failed)
            break;
    }
}
