/* SPDX-License-Identifier: MIT
 *
 * Layers with state against PyTorch's (reference/make_networks.py): batch norm and its buffers;
 * recurrent nets; attention with dropout, shared heads and a cache against its formula.
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

/* --- Recurrent nets --- */

typedef struct recurrent_case {
    const char *name;
    tp_recurrent_kind kind;
    bool projects;
    int sides;
    bool packed;            /* with lengths, and rows first */
    const double *expected; /* y, last states, gradients of x, states and weights */
    size_t n;
} recurrent_case;

#define RECURRENT(kind, name, projects)                                                            \
    {#name, kind, projects, 1, false, name##_1, sizeof name##_1 / sizeof(double)},                 \
        {#name " packed",                                                                          \
         kind,                                                                                     \
         projects,                                                                                 \
         1,                                                                                        \
         true,                                                                                     \
         name##_1_packed,                                                                          \
         sizeof name##_1_packed / sizeof(double)},                                                 \
        {#name " both", kind, projects, 2, false, name##_2, sizeof name##_2 / sizeof(double)},     \
    {                                                                                              \
#name " both packed", kind, projects, 2, true, name##_2_packed,                            \
            sizeof name##_2_packed / sizeof(double)                                                \
    }

static const recurrent_case recurrent_cases[] = {
    RECURRENT(TP_RNN_TANH, recurrent_tanh, false), RECURRENT(TP_RNN_RELU, recurrent_relu, false),
    RECURRENT(TP_LSTM, recurrent_lstm, false), RECURRENT(TP_GRU, recurrent_gru, false),
    RECURRENT(TP_LSTM, recurrent_proj, true)};

enum { RECURRENT_LEAVES = 23, RECURRENT_FIRST = 3 };

typedef struct recurrent_made {
    tp_var *leaves[RECURRENT_LEAVES]; /* x, h, c and weights */
    int n, weights;
    bool cells;
} recurrent_made;

static recurrent_made recurrent_make(const recurrent_case *c)
{
    recurrent_made m = {.n = 2, .cells = c->kind == TP_LSTM};
    const int64_t gates = c->kind == TP_LSTM ? 4 : c->kind == TP_GRU ? 3 : 1;
    const int64_t out = c->projects ? 2 : 4, sides = c->sides;
    m.leaves[0] = tp_variable(c->packed ? fill(TP_SHAPE(4, 5, 3), 1) : fill(TP_SHAPE(5, 4, 3), 1));
    m.leaves[1] = tp_variable(fill(TP_SHAPE(2 * sides, 4, out), 2));
    if (m.cells)
        m.leaves[m.n++] = tp_variable(fill(TP_SHAPE(2 * sides, 4, 4), 3));
    for (int i = 0; i < 2 * c->sides; i++) {
        int64_t from = i < c->sides ? 3 : sides * out;
        tp_var **w = m.leaves + m.n;
        int k = 0;
        w[k++] = fill(TP_SHAPE(4 * gates, from), 20 + m.weights);
        w[k] = fill(TP_SHAPE(4 * gates, out), 20 + m.weights + k);
        k++;
        for (int b = 0; b < 2 && (c->sides == 2 || c->packed); b++, k++)
            w[k] = fill(TP_SHAPE(4 * gates), 20 + m.weights + k);
        if (c->projects) {
            w[k] = fill(TP_SHAPE(2, 4), 20 + m.weights + k);
            k++;
        }
        for (int j = 0; j < k; j++)
            w[j] = tp_variable(w[j]);
        m.weights += k;
        m.n += k;
    }
    return m;
}

static tp_var *recurrent_call(const recurrent_case *c, tp_var *const *leaves, int weights,
                              tp_var **h_n, tp_var **c_n)
{
    bool cells = c->kind == TP_LSTM;
    tp_var *lengths = tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){3, 5, 1, 3}));
    return tp_recurrent(c->kind, leaves[0], leaves[1], cells ? leaves[2] : NULL,
                        leaves + (cells ? 3 : 2), weights, .layers = 2,
                        .bidirectional = c->sides == 2, .batch_first = c->packed,
                        .lengths = c->packed ? lengths : NULL, .h_n = h_n, .c_n = c_n);
}

static tp_var *weighed(tp_var *v, int64_t seed)
{
    return tp_sum(tp_mul(v, fill(tp_ndim(v), tp_shape(v), seed)));
}

static void check_recurrent(const recurrent_case *c)
{
    TP_SCOPE();
    recurrent_made m = recurrent_make(c);
    tp_var *out[3 + RECURRENT_LEAVES];
    int n = m.cells ? 3 : 2;
    out[0] = recurrent_call(c, m.leaves, m.weights, &out[1], m.cells ? &out[2] : NULL);
    tp_var *loss = tp_add(weighed(out[0], 4), weighed(out[1], 5));
    if (m.cells)
        loss = tp_add(loss, weighed(out[2], 6));
    tp_gradients(loss, m.leaves, m.n, out + n);
    const double *expected = c->expected;
    for (int i = 0; i < n + m.n; i++) {
        char what[80];
        snprintf(what, sizeof what, "%s, result %d", c->name, i);
        check_near(what, out[i], expected, 1e-12);
        expected += tp_size(out[i]);
    }
    CHECK((size_t)(expected - c->expected) == c->n);
}

TEST(recurrent_nets_are_pytorchs)
{
    for
        EACH(i, recurrent_cases)
    check_recurrent(&recurrent_cases[i]);
}

static const recurrent_case *differentiated;

static tp_var *recurrent_loss(void *ctx, tp_var *const *x)
{
    tp_var *h, *c;
    bool cells = differentiated->kind == TP_LSTM;
    tp_var *y = recurrent_call(differentiated, x, *(const int *)ctx, &h, cells ? &c : NULL);
    tp_var *loss = tp_add(weighed(y, 4), weighed(h, 5));
    return cells ? tp_add(loss, weighed(c, 6)) : loss;
}

TEST(recurrent_nets_have_derivatives_of_every_order)
{
    for (size_t i = 3; i < sizeof recurrent_cases / sizeof *recurrent_cases; i += 4) {
        TP_SCOPE();
        differentiated = &recurrent_cases[i];
        recurrent_made m = recurrent_make(differentiated);
        test_check(tp_gradcheck(recurrent_loss, &m.weights, m.leaves, m.n, .orders = 3), __FILE__,
                   __LINE__, "%s", differentiated->name);
        CHECK(tp_status() == TP_OK);
        tp_clear_error();
    }
}

TEST(padding_of_rows_is_not_read)
{
    tp_var *x =
        tp_variable(tp_where(tp_lt(fill(TP_SHAPE(5, 1, 1), 0), 10), fill(TP_SHAPE(5, 2, 3), 1), 0));
    tp_var *beyond =
        tp_array(TP_F64, TP_SHAPE(5, 2, 1), ((double[]){0, 0, 0, 0, 0, 1, 0, 1, 1, 1}));
    tp_var *bad = tp_where(beyond, (double)NAN, x);
    tp_var *weights[] = {fill(TP_SHAPE(4, 3), 2), fill(TP_SHAPE(4, 4), 3)};
    tp_var *lengths = tp_array(TP_I32, TP_SHAPE(2), ((int32_t[]){4, 2}));
    tp_var *y = tp_recurrent(TP_RNN_TANH, bad, NULL, NULL, weights, 2, .lengths = lengths);
    CHECK(isfinite(tp_item(tp_sum(y))));
    CHECK_BITS(tp_item(tp_sum(tp_abs(tp_select(y, 0, 4)))), 0);
    CHECK(isfinite(tp_item(tp_sum(tp_gradient(tp_sum(y), x)))));
    tp_var *one = tp_select(x, 1, 0), *h;
    tp_var *alone = tp_recurrent(TP_RNN_TANH, one, NULL, NULL, weights, 2, .h_n = &h);
    CHECK(tp_ndim(alone) == 2 && tp_ndim(h) == 2);
}

TEST(recurrent_nets_drop_between_layers_only)
{
    tp_var *weights[] = {fill(TP_SHAPE(4, 3), 2), fill(TP_SHAPE(4, 4), 3), fill(TP_SHAPE(4, 4), 4),
                         fill(TP_SHAPE(4, 4), 5)};
    tp_var *x = fill(TP_SHAPE(5, 2, 3), 1), *h, *none = tp_zeros(TP_F64, TP_SHAPE(5, 2, 4));
    tp_var *y = tp_recurrent(TP_RNN_TANH, x, NULL, NULL, weights, 4, .layers = 2, .dropout = 1,
                             .training = true, .h_n = &h);
    check_same("first layer", tp_select(h, 0, 0),
               tp_select(tp_recurrent(TP_RNN_TANH, x, NULL, NULL, weights, 2), 0, -1));
    check_same("second layer", y, tp_recurrent(TP_RNN_TANH, none, NULL, NULL, weights + 2, 2));
    check_same("evaluation",
               tp_recurrent(TP_RNN_TANH, x, NULL, NULL, weights, 4, .layers = 2, .dropout = 1),
               tp_recurrent(TP_RNN_TANH, x, NULL, NULL, weights, 4, .layers = 2));
}

TEST(recurrent_nets_refuse_what_does_not_fit)
{
    tp_var *weights[] = {fill(TP_SHAPE(8, 3), 2), fill(TP_SHAPE(8, 2), 3), fill(TP_SHAPE(8), 3),
                         NULL};
    tp_var *x = fill(TP_SHAPE(5, 2, 3), 1);
    tp_recurrent(TP_LSTM, x, NULL, NULL, weights, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "recurrent: 1 weights, expected 2 or, with biases, 4");
    tp_recurrent(TP_LSTM, x, NULL, NULL, weights, 4);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "recurrent: weights[3] is NULL");
    tp_recurrent(TP_GRU, x, NULL, NULL, weights, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "recurrent: w_ih of layer and direction 0 has shape (8, 3)");
    tp_recurrent(TP_LSTM, x, x, NULL, weights, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "recurrent: h has shape (5, 2, 3), expected (1, 2, 2)");
    tp_recurrent(TP_LSTM, x, NULL, NULL, weights, 2, .lengths = tp_zeros(TP_I64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "recurrent: the length 0 of row 0, expected 1 to 5 steps");
    tp_recurrent(TP_LSTM, x, NULL, NULL, weights, 2, .lengths = tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_DTYPE, "recurrent: lengths are float64, expected integers");
}

TEST(each_allocation_of_a_recurrent_net_fails_in_turn)
{
    for (int i = 3; i < 20; i += 8)
        for (size_t n = 1;; n++) {
            TP_SCOPE();
            const recurrent_case *c = &recurrent_cases[i];
            recurrent_made m = recurrent_make(c);
            tp_var *h;
            tp__alloc_fail_at(n);
            tp_var *y = recurrent_call(c, m.leaves, m.weights, &h, NULL);
            bool failed = tp__alloc_fail_at(0) >= n;
            CHECK(!tp_is_poison(y) || tp_status() == TP_ERROR_MEMORY);
            tp_clear_error();
            if (!failed)
                break;
        }
}

/* Biases of bytes are added as numbers, 200 + 100, and not modulo 256. */
TEST(biases_of_integers_do_not_wrap_around)
{
    tp_var *x = fill(TP_SHAPE(3, 2, 4), 1),
           *w[] = {fill(TP_SHAPE(8, 4), 2), fill(TP_SHAPE(8, 2), 3)};
    tp_var *bytes[] = {tp_full(TP_U8, TP_SHAPE(8), 200), tp_full(TP_U8, TP_SHAPE(8), 100)};
    tp_var *wide[] = {tp_full(TP_F64, TP_SHAPE(8), 200), tp_full(TP_F64, TP_SHAPE(8), 100)};
    check_same("lstm", tp_lstm(x, NULL, NULL, w[0], w[1], bytes[0], bytes[1], NULL),
               tp_lstm(x, NULL, NULL, w[0], w[1], wide[0], wide[1], NULL));
    for (int i = 0; i < 2; i++) {
        w[i] = tp_slice(w[i], 0, 0, 6, 1);
        bytes[i] = tp_slice(bytes[i], 0, 0, 6, 1);
        wide[i] = tp_slice(wide[i], 0, 0, 6, 1);
    }
    check_same("gru", tp_gru(x, NULL, w[0], w[1], bytes[0], bytes[1]),
               tp_gru(x, NULL, w[0], w[1], wide[0], wide[1]));
    for (int i = 0; i < 2; i++) {
        w[i] = tp_slice(w[i], 0, 0, 2, 1);
        bytes[i] = tp_slice(bytes[i], 0, 0, 2, 1);
        wide[i] = tp_slice(wide[i], 0, 0, 2, 1);
    }
    check_same("rnn", tp_rnn_tanh(x, NULL, w[0], w[1], bytes[0], bytes[1]),
               tp_rnn_tanh(x, NULL, w[0], w[1], wide[0], wide[1]));
}

/* 1 − tanh² at ±20 is 7e-18 and not 0: gradients are those of the cells. */
TEST(saturated_steps_have_the_slopes_of_cells)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3, 1, 1), ((double[]){20, -18, 3})));
    tp_var *w[] = {tp_ones(TP_F64, TP_SHAPE(1, 1)), tp_full(TP_F64, TP_SHAPE(1, 1), 0.5)},
           *h = NULL;
    tp_var *y = tp_sum(tp_rnn_tanh(x, NULL, w[0], w[1], NULL, NULL)), *sum = tp_num(0);
    for (int t = 0; t < 3; t++)
        sum = tp_add(sum, h = tp_rnn_tanh_cell(tp_select(x, 0, t), h, w[0], w[1], NULL, NULL));
    tp_var *a = tp_gradient(y, x), *b = tp_gradient(tp_sum(sum), x);
    for (int t = 0; t < 3; t++) {
        double expected = at(b, t);
        CHECK(expected != 0);
        CHECK_CLOSE(at(a, t), expected, 1e-12 * fabs(expected));
    }
}
