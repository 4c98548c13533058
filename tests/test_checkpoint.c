/* SPDX-License-Identifier: MIT
 *
 * Checkpoints: the same bits as without at orders 1 to 3, less memory, budgets that are kept,
 * errors, edits, memory failures.
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"

/* What layers compute with. */
typedef struct layers {
    tp_var *w, *b;
    bool drops; /* a dropout in each */
    int calls;
} layers;

static tp_var *layer(layers *l, tp_var *h)
{
    l->calls++;
    tp_var *z = tp_add(tp_matmul(h, l->w), l->b);
    tp_var *a = tp_mul(tp_tanh(z), tp_sin(h));
    if (l->drops)
        a = tp_dropout(a, 0.3, true);
    tp_var *wide = tp_concatenate(((tp_var *[]){a, tp_square(tp_transpose(a, 0, 1))}), 2, 0);
    return tp_add(tp_slice(wide, 0, 0, tp_shape(h)[0], 1), tp_mul(tp_mean(wide), tp_exp(z)));
}

static tp_var *one_layer(void *ctx, tp_var *const *x)
{
    return layer(ctx, x[0]);
}

static tp_var *stage(void *ctx, int i, tp_var *x)
{
    (void)i;
    return layer(ctx, x);
}

/* Two layers, a checkpoint inside the checkpoint. */
static tp_var *two_layers(void *ctx, tp_var *const *x)
{
    tp_var *h = layer(ctx, x[0]);
    return tp_checkpoint(one_layer, ctx, &h, 1);
}

typedef enum way { PLAIN, EACH_LAYER, NESTED, SEQUENCE, WAYS } way;

static tp_var *four_layers(layers *l, tp_var *h, way how)
{
    if (how == SEQUENCE)
        return tp_checkpoint_sequence(stage, l, 4, h, .budget = 20000);
    for (int i = 0; i < 4; i += how == NESTED ? 2 : 1)
        h = how == PLAIN    ? layer(l, h)
            : how == NESTED ? tp_checkpoint(two_layers, l, &h, 1)
                            : tp_checkpoint(one_layer, l, &h, 1);
    return h;
}

enum { SIDE = 12 };

/* Derivatives of orders 1 to 3 for x and w: sums of gradients along fixed directions. */
static void derivatives(way how, bool drops, double *to)
{
    TP_SCOPE();
    tp_manual_seed(3);
    tp_var *x = tp_variable(tp_mul(0.5, tp_randn(TP_F64, TP_SHAPE(SIDE, SIDE))));
    layers l = {tp_variable(tp_mul(0.3, tp_randn(TP_F64, TP_SHAPE(SIDE, SIDE)))),
                tp_variable(tp_randn(TP_F64, TP_SHAPE(SIDE))), drops, 0};
    tp_var *d = tp_randn(TP_F64, TP_SHAPE(SIDE, SIDE)), *y;
    {
        tp_var *h = four_layers(&l, x, how);
        y = tp_sum(h);
        *to++ = tp_item(y);
        CHECK_INT(l.calls, 4);
    }
    for (int order = 1; order <= 3; order++) {
        tp_var *g[3];
        tp_gradients(y, ((tp_var *[]){x, l.w, l.b}), 3, g, .create_graph = true);
        for (int64_t i = 0; i < SIDE * SIDE; i++) {
            *to++ = at(g[0], i);
            *to++ = at(g[1], i);
        }
        y = tp_add(tp_sum(tp_mul(d, g[0])), tp_sum(tp_mul(tp_square(g[1]), d)));
    }
    tp_backward(y);
    *to++ = at(tp_grad(x), 5);
    *to++ = at(tp_grad(l.w), 7);
    CHECK_INT(l.calls, 4);
}

enum { NUMBERS = 3 + 6 * SIDE * SIDE };

TEST(the_same_bits_at_every_order)
{
    static double plain[NUMBERS], other[NUMBERS];
    for (int drops = 0; drops < 2; drops++) {
        derivatives(PLAIN, drops, plain);
        CHECK(plain[0] != 0 && isfinite(plain[NUMBERS - 1]));
        for (int how = EACH_LAYER; how < WAYS; how++) {
            derivatives((way)how, drops, other);
            test_check(!memcmp(plain, other, sizeof plain), __FILE__, __LINE__,
                       "way %d, dropout %d: other bits", how, drops);
        }
    }
}

/* --- With other parts of the library --- */

static void cube_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_mul(in[0], tp_square(in[0]));
}

static void cube_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                          tp_var **gin)
{
    (void)ctx, (void)out;
    gin[0] = tp_mul(gout[0], tp_mul(3, tp_square(in[0])));
}

/* sin(exp(x)³), the cube by a function of one's own, in float16 before the end. */
static tp_var *mixed(void *ctx, tp_var *const *x)
{
    static const tp_function cube = {sizeof cube,   "cube",          1,   1, cube_forward,
                                     cube_backward, TP_READS_INPUTS, NULL};
    tp_var *e = tp_exp(tp_mul(x[0], 0.5)), *y;
    (void)ctx;
    tp_apply(&cube, NULL, &e, &y);
    tp_var *half = tp_to(tp_sin(y), TP_F16);
    return tp_sum(tp_mul(tp_to(tp_mul(half, half), TP_F64), tp_tanh(e)));
}

TEST(own_functions_and_other_types)
{
    tp_var *x = tp_variable(tp_div(counting(TP_F64, TP_SHAPE(30)), 40)), *g[2], *second[2];
    for (int k = 0; k < 2; k++) {
        tp_var *y = k ? tp_checkpoint(mixed, NULL, &x, 1) : mixed(NULL, &x);
        g[k] = tp_gradient(y, x, .create_graph = true);
        second[k] = tp_gradient(tp_sum(g[k]), x);
    }
    for (int64_t i = 0; i < 30; i++) {
        CHECK_BITS(at(g[1], i), at(g[0], i));
        CHECK_BITS(at(second[1], i), at(second[0], i));
    }
}

static tp_var *smooth(void *ctx, tp_var *const *x)
{
    (void)ctx;
    return tp_mul(tp_tanh(tp_sin(x[0])), tp_exp(tp_square(x[0])));
}

TEST(taylor_series_pass_through)
{
    tp_var *x = tp_variable(tp_div(counting(TP_F64, TP_SHAPE(9)), 10)), *d[2][5];
    tp_derivatives(smooth(NULL, &x), x, 5, d[0]);
    tp_derivatives(tp_checkpoint(smooth, NULL, &x, 1), x, 5, d[1]);
    for (int k = 0; k < 5; k++)
        for (int64_t i = 0; i < 9; i++)
            CHECK_BITS(at(d[1][k], i), at(d[0][k], i));
}

/* --- Memory --- */

enum { WIDE = 128, STAGES = 32, TILE = WIDE * WIDE * 8 };

/* Peak memory of a forward and backward pass over the stages, above what was there. */
static size_t peak(int how, size_t budget, double *gradient)
{
    TP_SCOPE();
    tp_manual_seed(4);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(WIDE, WIDE)));
    layers l = {tp_variable(tp_mul(0.05, tp_randn(TP_F64, TP_SHAPE(WIDE, WIDE)))),
                tp_variable(tp_zeros(TP_F64, TP_SHAPE(WIDE, WIDE))), false, 0};
    size_t before = tp_memory_stats().in_use;
    tp_reset_peak();
    tp_var *y;
    {
        TP_SCOPE();
        tp_var *h = x;
        if (how == SEQUENCE)
            h = tp_checkpoint_sequence(stage, &l, STAGES, h, .budget = budget);
        for (int i = 0; how != SEQUENCE && i < STAGES; i++) {
            size_t scope = tp_scope_begin();
            h = tp_leave(how == PLAIN ? layer(&l, h) : tp_checkpoint(one_layer, &l, &h, 1));
            tp_scope_end(scope);
        }
        y = tp_leave(tp_sum(h));
    }
    tp_backward(y);
    size_t most = tp_memory_stats().peak - before;
    if (gradient)
        *gradient = at(tp_grad(l.w), 3);
    return most;
}

TEST(memory_is_less)
{
    double plain, each;
    size_t without = peak(PLAIN, 0, &plain), with = peak(EACH_LAYER, 0, &each);
    CHECK_BITS(each, plain);
    test_check(with < without / 3, __FILE__, __LINE__, "%zu bytes with, %zu without", with,
               without);
}

/* The stage that runs and its gradients need this much themselves: one stage without others. */
TEST(budgets_are_kept)
{
    double plain, value;
    size_t without = peak(PLAIN, 0, &plain), working = 12 * TILE;
    for (size_t budget = 30 * TILE; budget < without; budget = budget * 3 / 2) {
        size_t most = peak(SEQUENCE, budget, &value);
        CHECK_BITS(value, plain);
        test_check(most <= budget + working, __FILE__, __LINE__, "budget %zu, peak %zu", budget,
                   most);
    }
    CHECK(peak(SEQUENCE, 0, &value) < without / 3);
    CHECK_BITS(value, plain);
    peak(SEQUENCE, 2 * TILE, NULL);
    CHECK_ERROR(TP_ERROR_MEMORY, "checkpoint_sequence: a budget of 262144 bytes is too small for");
}

/* Stages of unlike sizes: x is halved after the tenth, and the eleventh has much between. */
static tp_var *uneven(void *ctx, int i, tp_var *x)
{
    (void)ctx;
    TP_SCOPE();
    for (int k = 0; k < (i == 11 ? 9 : 1 + i % 3); k++)
        x = tp_sin(tp_tanh(x));
    return tp_leave(i == 10 ? tp_narrow(x, 0, 0, tp_size(x) / 2) : tp_mul(x, x));
}

TEST(the_message_names_a_budget_that_works)
{
    for (int n = 1; n <= 33; n += 4) {
        TP_SCOPE();
        tp_var *x = tp_variable(tp_div(counting(TP_F64, TP_SHAPE(100)), 100));
        CHECK(tp_is_poison(tp_checkpoint_sequence(uneven, NULL, n, x, .budget = 1)));
        const char *named = strstr(tp_error() ? tp_error() : "", "stages; ");
        size_t budget = named ? strtoul(named + strlen("stages; "), NULL, 10) : 0;
        CHECK_ERROR(TP_ERROR_MEMORY, "will do");
        tp_var *y = tp_checkpoint_sequence(uneven, NULL, n, x, .budget = budget);
        CHECK(!tp_error() && budget > 0);
        tp_var *plain = x;
        for (int i = 0; i < n; i++)
            plain = uneven(NULL, i, plain);
        CHECK_BITS(at(tp_gradient(y, x), 7), at(tp_gradient(plain, x), 7));
    }
}

static tp_var *short_stage(void *ctx, int i, tp_var *x)
{
    (void)i;
    return tp_mul(tp_sin(x), ctx);
}

/* As long as a program that steps through time: twice the stages, twice the requests for memory. */
TEST(stages_take_the_same_however_many)
{
    int n = test_short() ? 2000 : 50000;
    size_t requests[2];
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(9))), *w = tp_variable(1.0001);
    for (int k = 0; k < 2; k++) {
        TP_SCOPE();
        size_t before = tp_memory_stats().requests;
        tp_var *y = tp_checkpoint_sequence(short_stage, w, (k + 1) * n, x, .budget = 1000000);
        tp_data(tp_gradient(y, x));
        requests[k] = tp_memory_stats().requests - before;
    }
    CHECK(requests[1] < 3 * requests[0]);
}

/* --- What may go wrong --- */

static tp_var *gives(void *ctx, tp_var *const *x)
{
    (void)x;
    return ctx;
}

static tp_var *fails(void *ctx, tp_var *const *x)
{
    (void)ctx;
    return tp_matmul(x[0], tp_zeros(TP_F64, TP_SHAPE(7)));
}

static tp_var *powers(void *ctx, tp_var *const *x)
{
    tp_var *inner = tp_exp(tp_mul(x[0], x[1]));
    if (ctx)
        *(tp_var **)ctx = tp_keep(inner);
    return tp_sum(tp_square(tp_sin(inner)));
}

TEST(errors)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(20))), *c = tp_scalar(3);
    CHECK(tp_is_poison(tp_checkpoint(gives, NULL, &x, 1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "checkpoint: the function gave NULL");
    CHECK(tp_checkpoint(gives, x, &x, 1) == x && tp_checkpoint(gives, c, &x, 1) == c);
    tp_checkpoint(fails, NULL, &x, 1);
    CHECK_ERROR(TP_ERROR_SHAPE, "matmul");
    tp_checkpoint(NULL, NULL, &x, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "checkpoint: expected a function and n ≥ 0 arrays");
    tp_checkpoint(gives, c, ((tp_var *[]){x, NULL}), 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "checkpoint: operand 2 of 2 is NULL");
    tp_checkpoint_sequence(stage, NULL, 0, x);
    CHECK_ERROR(TP_ERROR_ARGUMENT,
                "checkpoint_sequence: expected a function and n ≥ 1 stages, got 0");
    tp_var *y = tp_square(x);
    CHECK_INT(tp_item(tp_sum(tp_gradient(tp_sum(y), x))), 40);
}

TEST(values_can_be_read_and_edits_are_found)
{
    tp_var *x[] = {tp_variable(tp_full(TP_F64, TP_SHAPE(20), 0.5)),
                   tp_variable(tp_full(TP_F64, TP_SHAPE(20), 2))},
           *inner;
    tp_var *y = tp_checkpoint(powers, &inner, x, 2);
    CHECK_CLOSE(at(inner, 3), exp(1), 1e-15);
    tp_var *g = tp_gradient(y, x[0]);
    CHECK_CLOSE(at(g, 19), sin(2 * exp(1)) * exp(1) * 2, 1e-14);
    CHECK_CLOSE(at(inner, 4), exp(1), 1e-15);
    tp_gradient(y, x[1]);
    tp_add_(x[0], 1);
    tp_gradient(y, x[0]);
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place since it was recorded");
    tp_free(inner);
}

/* How many values the gradient of 40 rows makes that is recorded. */
static size_t values_of_picks(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(40, 3))), *sum = tp_scalar(0);
    for (int i = 0; i < 40; i++)
        sum = tp_add(sum, tp_sum(tp_pow(tp_select(x, 0, i), 3)));
    size_t before = tp_live();
    tp_gradient(sum, x, .create_graph = true);
    return tp_live() - before;
}

static tp_var *recorded_here(void *ctx, tp_var *const *x)
{
    *(size_t *)ctx = values_of_picks();
    return tp_sin(tp_exp(x[0]));
}

/* Where nothing can be made again, nobody looks for it; below, somebody does. */
TEST(other_graphs_are_swept_as_before)
{
    size_t before = values_of_picks(), inside;
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(50), 0.5));
    tp_var *y = tp_checkpoint(recorded_here, &inside, &x, 1);
    tp_var *further = tp_square(tp_mul(y, 1));
    CHECK_INT(values_of_picks(), before);
    CHECK(inside > before);
    CHECK_CLOSE(at(tp_gradient(further, x), 0), 2 * sin(exp(0.5)) * cos(exp(0.5)) * exp(0.5),
                1e-14);
    tp_backward(further);
    CHECK_INT(values_of_picks(), before);
}

/* The whole graph is dropped before its values were made again, or after. */
TEST(graphs_end_anywhere)
{
    for (int k = 0; k < 3; k++) {
        TP_SCOPE();
        tp_var *x[] = {tp_variable(tp_ones(TP_F64, TP_SHAPE(50))), tp_ones(TP_F64, TP_SHAPE(50))};
        tp_var *y = tp_checkpoint(powers, NULL, x, 2);
        if (k == 1)
            tp_backward(y);
        if (k == 2)
            tp_backward(y, .consume = true);
        CHECK(k == 0 || tp_grad(x[0]));
    }
}

static void walk_failures(bool sequence)
{
    bool more = true;
    for (size_t n = 1; more; n += n < 100 ? 1 : 7) {
        TP_SCOPE();
        tp_manual_seed(5);
        tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(6, 6)));
        layers l = {tp_variable(tp_randn(TP_F64, TP_SHAPE(6, 6))),
                    tp_variable(tp_zeros(TP_F64, TP_SHAPE(6))), false, 0};
        tp__alloc_fail_at(n);
        tp_var *y = sequence ? tp_checkpoint_sequence(stage, &l, 5, x, .budget = 8000)
                             : tp_checkpoint(two_layers, &l, &x, 1);
        tp_gradient(tp_sum(tp_gradient(tp_sum(y), x, .create_graph = true)), l.w);
        more = tp__alloc_fail_at(0) >= n;
        CHECK(!more || tp_status() == TP_OK || tp_status() == TP_ERROR_MEMORY);
        CHECK(more || tp_status() == TP_OK);
        tp_clear_error();
    }
}

TEST(each_allocation_fails_in_turn)
{
    walk_failures(false);
    walk_failures(true);
}
