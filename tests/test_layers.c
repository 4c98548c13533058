/* SPDX-License-Identifier: MIT
 *
 * Layers with state against PyTorch's (reference/make_networks.py): batch norm and its buffers.
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
