/* SPDX-License-Identifier: MIT
 *
 * Layers with state against PyTorch's (reference/make_networks.py): batch norm and its buffers;
 * attention with dropout, shared heads and a cache against its formula.
 */
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "elements.h"
#include "reference/network_cases.h"

/* The rule of make_networks.py. */
static tp_var *fill(int ndim, const int64_t *shape, int64_t seed)
{
    tp_var *v = tp_zeros(TP_F64, ndim, shape);
    double *at = tp_data_(v);
    for (int64_t k = 0; at && k < tp_size(v); k++)
        at[k] = (double)((37 * k + 11 * seed + k * k % 13) % 101 - 50) / 64;
    return v;
}

static void check_near(const char *what, tp_var *v, const double *expected, double tolerance)
{
    const double *data = tp_data(tp_to(v, TP_F64));
    double worst = data ? 0 : (double)INFINITY;
    for (int64_t i = 0; data && i < tp_size(v); i++) {
        double size = fabs(expected[i]) > 1 ? fabs(expected[i]) : 1;
        double off = fabs(data[i] - expected[i]) / size;
        worst = off > worst || off != off ? off : worst;
    }
    test_check(worst <= tolerance, __FILE__, __LINE__, "%s: off by %g", what, worst);
}

/* --- Batch norm --- */

typedef struct batch_case {
    bool cumulative;
    int ndim;
    const double *mean, *variance, *y, *gx;
} batch_case;

static const batch_case batch_cases[] = {
    {false, 2, batch_decay_2d_mean, batch_decay_2d_var, batch_decay_2d_y, batch_decay_2d_gx},
    {false, 4, batch_decay_4d_mean, batch_decay_4d_var, batch_decay_4d_y, batch_decay_4d_gx},
    {true, 2, batch_mean_2d_mean, batch_mean_2d_var, batch_mean_2d_y, batch_mean_2d_gx},
    {true, 4, batch_mean_4d_mean, batch_mean_4d_var, batch_mean_4d_y, batch_mean_4d_gx},
};

typedef struct batch_layer {
    tp_var *mean, *variance, *count, *weight, *bias;
} batch_layer;

static batch_layer batch_new(tp_dtype dtype)
{
    return (batch_layer){tp_zeros(dtype, TP_SHAPE(3)), tp_ones(dtype, TP_SHAPE(3)),
                         tp_zeros(TP_I64, TP_SHAPE()), tp_variable(fill(TP_SHAPE(3), 1)),
                         tp_variable(fill(TP_SHAPE(3), 2))};
}

static tp_var *batch_run(batch_layer *l, const batch_case *c, tp_var *x, bool training)
{
    return tp_batch_norm_(x, l->mean, l->variance, l->weight, l->bias,
                          .num_batches_tracked = l->count, .cumulative = c->cumulative,
                          .training = training);
}

TEST(batch_norm_keeps_pytorchs_statistics)
{
    for
        EACH(i, batch_cases)
        {
            TP_SCOPE();
            const batch_case *c = &batch_cases[i];
            const int64_t wide[] = {2, 3, 5, 4}, flat[] = {4, 3},
                          *shape = c->ndim == 2 ? flat : wide;
            batch_layer l = batch_new(TP_F64);
            for (int step = 0; step < 3; step++)
                batch_run(&l, c, tp_mul(step + 1, fill(c->ndim, shape, 3 + step)), true);
            check_near("mean", l.mean, c->mean, 1e-14);
            check_near("variance", l.variance, c->variance, 1e-14);
            CHECK_BITS(tp_item(l.count), 3);
            tp_var *x = tp_variable(fill(c->ndim, shape, 9)), *y = batch_run(&l, c, x, false);
            tp_var *g = tp_gradient(tp_sum(tp_mul(y, fill(c->ndim, shape, 10))), x);
            check_near("y", y, c->y, 1e-13);
            check_near("gradient", g, c->gx, 1e-13);
            check_near("mean after evaluation", l.mean, c->mean, 1e-14);
        }
}

/* The variance of so small numbers is lost beside ε, but not in the buffer: that of 1e-9 (0 … 19)
 * is 35e-18. */
TEST(small_variances_keep_their_digits)
{
    tp_var *x =
        tp_variable(tp_mul(1e-9, tp_reshape(tp_arange(TP_F64, 0, 20, 1), TP_SHAPE(1, 1, 20))));
    tp_var *mean = tp_zeros(TP_F64, TP_SHAPE(1)), *variance = tp_zeros(TP_F64, TP_SHAPE(1));
    tp_batch_norm_(x, mean, variance, NULL, NULL, .momentum = 1, .training = true);
    CHECK_CLOSE(tp_item(variance), 35e-18, 1e-28);
    CHECK_CLOSE(tp_item(mean), 9.5e-9, 1e-22);
}

TEST(buffers_are_no_part_of_the_graph)
{
    batch_layer l = batch_new(TP_F32);
    tp_var *x = tp_variable(fill(TP_SHAPE(2, 3, 20), 3));
    tp_var *y = batch_run(&l, &batch_cases[0], x, true);
    CHECK(!tp_requires_grad(l.mean) && !tp_requires_grad(l.variance));
    batch_run(&l, &batch_cases[0], x, true); /* edits again before the sweep */
    tp_var *g = tp_gradient(tp_sum(tp_square(y)), x, .create_graph = true);
    tp_gradient(tp_sum(tp_square(g)), x);
    CHECK(tp_check() == 0);
    tp_var *half = tp_to(fill(TP_SHAPE(2, 3, 20), 3), TP_BF16);
    CHECK(tp_dtype_of(batch_run(&l, &batch_cases[0], half, true)) == TP_F64);
    CHECK(tp_dtype_of(tp_batch_norm_(half, l.mean, l.variance, NULL, NULL)) == TP_F32);
    CHECK(tp_dtype_of(tp_batch_norm_(half, l.mean, l.variance, NULL, NULL, .training = true)) ==
          TP_BF16);
}

static void check_kept(batch_layer *l, const double *before, const char *what)
{
    tp_clear_error();
    const double *mean = tp_data(l->mean);
    test_check(mean && !memcmp(mean, before, sizeof(double[3])), __FILE__, __LINE__,
               "%s: a buffer was edited", what);
    CHECK_BITS(tp_item(l->count), 0);
}

TEST(an_error_leaves_the_buffers)
{
    const double zeros[3] = {0};
    batch_layer l = batch_new(TP_F64);
    const batch_case *c = &batch_cases[0];
    batch_run(&l, c, tp_ones(TP_F64, TP_SHAPE(1, 3)), true);
    CHECK_ERROR(TP_ERROR_SHAPE, "batch_norm_: x has shape (1, 3), expected more than one element");
    check_kept(&l, zeros, "one element a channel");
    tp_var *good = fill(TP_SHAPE(2, 3, 20), 3);
    tp_fail(TP_ERROR_ARGUMENT, "on purpose");
    batch_run(&l, c, good, true);
    check_kept(&l, zeros, "a pending error");
    tp_batch_norm_(tp_ones(TP_F64, TP_SHAPE(2, 3)), l.weight, l.variance, NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "batch_norm_: running_mean is a variable, expected a constant");
    for (size_t n = 1; n < 400; n++) {
        TP_SCOPE();
        tp_var *x = tp_variable(fill(TP_SHAPE(2, 3, 20), 3));
        tp__alloc_fail_at(n);
        batch_run(&l, c, x, true);
        if (tp__alloc_fail_at(0) < n)
            return;
        CHECK(tp_status() == TP_ERROR_MEMORY);
        check_kept(&l, zeros, "an allocation");
    }
    CHECK(false);
}

/* --- Attention --- */

enum { DROP_SEED = 11 };

/* softmax(q kᵀ / 2) times 0 or 1 / (1 − p) by the numbers of tp_rand, v. */
static tp_var *dropped_formula(void *ctx, tp_var *const *x)
{
    (void)ctx;
    tp_var *weights = tp_softmax(tp_mul(0.5, tp_matmul(x[0], tp_transpose(x[1], -1, -2))), -1);
    tp_manual_seed(DROP_SEED);
    tp_var *u = tp_rand(TP_F32, tp_ndim(weights), tp_shape(weights));
    weights = tp_where(tp_lt(u, 0.25), 0, tp_mul(weights, 1 / 0.75));
    return tp_sum(tp_square(tp_matmul(weights, x[2])));
}

static tp_var *dropped_attention(void *ctx, tp_var *const *x)
{
    (void)ctx;
    tp_manual_seed(DROP_SEED);
    return tp_sum(tp_square(
        tp_scaled_dot_product_attention(x[0], x[1], x[2], .scale = 0.5, .dropout = 0.25)));
}

static void check_same(const char *what, tp_var *a, tp_var *b)
{
    double off = tp_item(tp_max(tp_abs(tp_sub(a, b)))), size = tp_item(tp_max(tp_abs(b)));
    test_check(off <= 1e-11 * (1 + size), __FILE__, __LINE__, "%s: off by %g of %g", what, off,
               size);
}

static void attention_operands(tp_var **x, int64_t queries, int64_t keys)
{
    x[0] = tp_variable(fill(TP_SHAPE(3, queries, 4), 1));
    x[1] = tp_variable(fill(TP_SHAPE(3, keys, 4), 2));
    x[2] = tp_variable(fill(TP_SHAPE(3, keys, 2), 3));
}

TEST(attention_drops_what_its_random_numbers_say)
{
    const int64_t sizes[][2] = {{5, 7}, {70, 300}};
    for
        EACH(i, sizes)
        {
            TP_SCOPE();
            tp_var *x[3], *g[2][3];
            attention_operands(x, sizes[i][0], sizes[i][1]);
            tp_var *y[] = {dropped_attention(NULL, x), dropped_formula(NULL, x)};
            check_same("value", y[0], y[1]);
            for (int k = 0; k < 2; k++)
                tp_gradients(y[k], x, 3, g[k]);
            for (int k = 0; k < 3; k++)
                check_same("gradient", g[0][k], g[1][k]);
        }
    tp_var *x[3];
    attention_operands(x, 2, 3);
    CHECK(tp_gradcheck(dropped_attention, NULL, x, 3, .orders = 3));
    tp_manual_seed(DROP_SEED);
    tp_scaled_dot_product_attention(x[0], x[1], x[2], .dropout = 0.25);
    tp_var *after = tp_rand(TP_F32, TP_SHAPE(4));
    tp_manual_seed(DROP_SEED);
    tp_rand(TP_F32, TP_SHAPE(3, 2, 3));
    CHECK(!memcmp(tp_data(after), tp_data(tp_rand(TP_F32, TP_SHAPE(4))), 4 * sizeof(float)));
    CHECK_BITS(tp_item(tp_sum(tp_scaled_dot_product_attention(x[0], x[1], x[2], .dropout = 1))), 0);
}

TEST(heads_that_share_keys_are_those_with_copies)
{
    tp_var *q = fill(TP_SHAPE(2, 6, 3, 4), 1), *k = fill(TP_SHAPE(2, 2, 5, 4), 2);
    tp_var *v = fill(TP_SHAPE(2, 2, 5, 3), 3), *mask = fill(TP_SHAPE(6, 3, 5), 4);
    tp_var *y = tp_scaled_dot_product_attention(q, k, v, .enable_gqa = true, .mask = mask);
    tp_var *copies = tp_scaled_dot_product_attention(q, tp_repeat_interleave(k, 3, 1),
                                                     tp_repeat_interleave(v, 3, 1), .mask = mask);
    check_same("grouped", y, copies);
    tp_scaled_dot_product_attention(fill(TP_SHAPE(2, 5, 3, 4), 1), k, v, .enable_gqa = true);
    CHECK_ERROR(TP_ERROR_SHAPE, "scaled_dot_product_attention: q of shape (2, 5, 3, 4)");
    tp_scaled_dot_product_attention(q, k, v, .offset = 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "scaled_dot_product_attention: offset is 1, expected 0 or more");
}

/* A sequence in pieces, with keys and values in a buffer, is the sequence at once; for tiles of
 * many keys too. */
TEST(a_cache_gives_what_the_whole_sequence_gives)
{
    const int64_t lengths[] = {1, 3, 1, 90, 200}, all = 295;
    tp_var *q = fill(TP_SHAPE(2, all, 4), 1), *k = fill(TP_SHAPE(2, all, 4), 2);
    tp_var *v = fill(TP_SHAPE(2, all, 3), 3), *parts[5];
    tp_var *whole = tp_scaled_dot_product_attention(q, k, v, .causal = true);
    tp_var *keys = tp_zeros(TP_F64, TP_SHAPE(2, 400, 4)),
           *values = tp_zeros(TP_F64, TP_SHAPE(2, 400, 3));
    int64_t at = 0;
    for
        EACH(i, lengths)
        {
            int64_t n = lengths[i];
            tp_copy_(tp_narrow(keys, 1, at, n), tp_narrow(k, 1, at, n));
            tp_copy_(tp_narrow(values, 1, at, n), tp_narrow(v, 1, at, n));
            parts[i] = tp_scaled_dot_product_attention(
                tp_narrow(q, 1, at, n), tp_narrow(keys, 1, 0, at + n),
                tp_narrow(values, 1, 0, at + n), .causal = true, .offset = at);
            at += n;
        }
    check_same("pieces", tp_concatenate(parts, 5, 1), whole);
}
