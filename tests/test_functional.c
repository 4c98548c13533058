/* SPDX-License-Identifier: MIT
 *
 * Functions of networks where the generic test does not reach: random ones, options, rows without a
 * gradient, errors.
 */
#include <math.h>
#include <string.h>

#include "elements.h"

/* --- Making and taking apart --- */

TEST(like_functions_have_the_shape_and_type)
{
    tp_var *v = tp_zeros(TP_I32, TP_SHAPE(2, 3)), *ones = tp_ones_like(v);
    CHECK(tp_dtype_of(ones) == TP_I32 && tp_size(ones) == 6 && tp_ndim(ones) == 2);
    CHECK_BITS(tp_item(tp_sum(ones)), 6);
    CHECK_BITS(tp_item(tp_sum(tp_full_like(v, -2))), -12);
    CHECK_BITS(tp_item(tp_sum(tp_zeros_like(ones))), 0);
    tp_full_like(v, 0.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "full_like: ");
    tp_manual_seed(3);
    tp_var *a = tp_rand_like(tp_zeros(TP_F32, TP_SHAPE(5)));
    tp_manual_seed(3);
    tp_var *b = tp_rand(TP_F32, TP_SHAPE(5));
    CHECK(!memcmp(tp_data(a), tp_data(b), 5 * sizeof(float)));
    CHECK(tp_dtype_of(tp_randn_like(a)) == TP_F32);
    tp_randn_like(v);
    CHECK_ERROR(TP_ERROR_DTYPE, "randn_like: ");
}

/* torch.arange(5).chunk(4), .chunk(2); torch.zeros(0, 2).chunk(3) gives three. */
TEST(chunks_are_pytorchs)
{
    tp_var *parts[5], *x = tp_arange(TP_F64, 0, 5, 1);
    CHECK(tp_chunk(x, 4, 0, parts, 5) == 3);
    CHECK(tp_size(parts[0]) == 2 && tp_size(parts[1]) == 2 && tp_size(parts[2]) == 1);
    CHECK_BITS(tp_item(parts[2]), 4);
    CHECK(tp_chunk(x, 2, -1, parts, 5) == 2 && tp_size(parts[0]) == 3);
    CHECK(tp_chunk(tp_zeros(TP_F64, TP_SHAPE(0, 2)), 3, 0, parts, 5) == 3);
    CHECK(tp_len(parts[2]) == 0);
    CHECK(tp_unbind(tp_reshape(x, TP_SHAPE(1, 5)), 1, parts, 5) == 5);
    CHECK(tp_ndim(parts[3]) == 1);
    CHECK_BITS(tp_item(parts[3]), 3);
    tp_chunk(x, 0, 0, parts, 5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "chunk: 0 chunks, expected 1 or more");
}

/* --- Rows without a gradient --- */

TEST(padding_has_a_value_and_no_gradient)
{
    tp_var *w = tp_variable(counting(TP_F64, TP_SHAPE(3, 2)));
    tp_var *index = tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){0, 2, 2, 1}));
    tp_var *y = tp_embedding_padded(index, w, -1);
    CHECK_BITS(tp_item(tp_sum(tp_sub(y, tp_embedding(index, w)))), 0);
    tp_var *g = tp_gradient(tp_sum(y), w);
    CHECK_BITS(tp_item(tp_sum(tp_select(g, 0, 2))), 0);
    CHECK_BITS(tp_item(tp_sum(g)), 4);
    tp_embedding_padded(index, w, 3);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding_padded: padding_idx is 3, expected one of 3 rows");
}

TEST(bags_that_cannot_be_cut_are_errors)
{
    tp_var *w = tp_ones(TP_F64, TP_SHAPE(3, 2)), *index = tp_zeros(TP_I64, TP_SHAPE(4));
    tp_embedding_bag(index, w, tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){1, 2})));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding_bag: the offsets do not cut 4 entries");
    tp_embedding_bag(index, w, tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){0, 3, 2})));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding_bag: the offsets do not cut 4 entries");
    tp_embedding_bag(index, w, tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){0, 5})));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding_bag: the offsets do not cut 4 entries");
    tp_embedding_bag(index, w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "embedding_bag: the index has shape (4,)");
    tp_embedding_bag(tp_reshape(index, TP_SHAPE(2, 2)), w, NULL, .weights = w);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding_bag: weights are for a sum");
    tp_embedding_bag(tp_add(index, 3), w, tp_zeros(TP_I64, TP_SHAPE(1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding_bag: ");
}

/* F.embedding_bag(i, w, [0, 3, 4], include_last_offset=True) of two bags. */
TEST(the_last_offset_may_be_the_end)
{
    tp_var *w = counting(TP_F64, TP_SHAPE(3, 1));
    tp_var *index = tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){0, 1, 2, 2}));
    tp_var *y = tp_embedding_bag(index, w, tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){0, 3, 4})),
                                 .mode = TP_BAG_SUM, .include_last_offset = true);
    const double *rows = tp_data(w), *sums = tp_data(y);
    CHECK(tp_len(y) == 2);
    CHECK_BITS(sums[0], rows[0] + rows[1] + rows[2]);
    CHECK_BITS(sums[1], rows[2]);
}

/* --- Randomness --- */

enum { CHANNELS = 400, PLACES = 7 };

static void check_whole_channels(tp_var *y, double kept)
{
    const double *at = tp_data(y);
    int zeros = 0;
    for (int c = 0; c < CHANNELS; c++) {
        zeros += at[c * PLACES] == 0;
        for (int i = 0; i < PLACES; i++)
            CHECK(at[c * PLACES + i] == at[c * PLACES] &&
                  (at[c * PLACES] == 0 || at[c * PLACES] == kept));
    }
    CHECK(zeros > CHANNELS / 8 && zeros < CHANNELS * 3 / 8); /* of 100 expected, ± 5.8 σ */
}

TEST(dropout_of_channels_drops_them_whole)
{
    tp_manual_seed(5);
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(4, 100, 7));
    check_whole_channels(tp_dropout1d(x, 0.25, true), 1 / 0.75);
    check_whole_channels(tp_dropout2d(tp_reshape(x, TP_SHAPE(4, 100, 7, 1)), 0.25, true), 1 / 0.75);
    check_whole_channels(tp_dropout2d(x, 0.25, true), 1 / 0.75);
    check_whole_channels(tp_dropout3d(tp_reshape(x, TP_SHAPE(400, 7, 1, 1)), 0.25, true), 1 / 0.75);
    CHECK(tp_dropout1d(x, 0.25, false) == x);
    CHECK_BITS(tp_item(tp_sum(tp_dropout2d(x, 1, true))), 0);
    tp_dropout3d(x, 0.25, true);
    CHECK_ERROR(TP_ERROR_SHAPE, "dropout3d: x has shape (4, 100, 7), expected 4 or 5 axes");
}

/* Standard normal numbers stay so: mean 0 ± 5 / √n, variance 1 ± 5 √(2.2 / n). What is dropped is
 * one number. */
TEST(alpha_dropout_keeps_mean_and_variance)
{
    tp_manual_seed(6);
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(200, 500)), *y = tp_alpha_dropout(x, 0.3, true);
    CHECK(fabs(tp_item(tp_mean(y))) < 0.016);
    CHECK(fabs(tp_item(tp_variance(y)) - 1) < 0.025);
    CHECK(tp_alpha_dropout(x, 0.3, false) == x);
    tp_var *ones = tp_ones(TP_F64, TP_SHAPE(4, 100, 7));
    tp_var *z = tp_feature_alpha_dropout(ones, 0.25, true);
    tp_var *span = tp_sub(tp_max(z, .axes = -1), tp_min(z, .axes = -1));
    CHECK_BITS(tp_item(tp_max(span)), 0);
    CHECK(tp_item(tp_max(z)) > tp_item(tp_min(z)));
    CHECK_BITS(tp_item(tp_sum(tp_alpha_dropout(ones, 1, true))), 0);
}

TEST(rrelu_draws_slopes_within_its_bounds)
{
    tp_manual_seed(7);
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(2000), -1));
    tp_var *y = tp_rrelu(x, 0.125, 0.25, true);
    CHECK(tp_item(tp_max(y)) <= -0.125 && tp_item(tp_min(y)) >= -0.25);
    CHECK(fabs(tp_item(tp_mean(y)) + 0.1875) < 0.005); /* 6 σ */
    tp_var *g = tp_gradient(tp_sum(y), x);
    CHECK_BITS(tp_item(tp_sum(tp_add(g, y))), 0);
}

/* --- Delicate points --- */

TEST(shrinking_is_flat_at_its_bounds_and_keeps_nan)
{
    const double at[] = {-0.5, 0.5, (double)NAN, 1};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(4), at));
    const double *soft = tp_data(tp_gradient(tp_sum(tp_softshrink(x, 0.5)), x));
    const double *hard = tp_data(tp_gradient(tp_sum(tp_hardshrink(x, 0.5)), x));
    CHECK(soft[0] == 0 && soft[1] == 0 && soft[3] == 1);
    CHECK(hard[0] == 0 && hard[1] == 0 && hard[3] == 1);
    CHECK(isnan(((const double *)tp_data(tp_softshrink(x, 0.5)))[2]));
    CHECK(isnan(((const double *)tp_data(tp_hardshrink(x, 0.5)))[2]));
    CHECK(isnan(((const double *)tp_data(tp_threshold(x, 0.5, 0)))[2]));
}

/* torch's F.gaussian_nll_loss(1, 0, v) with v = 0 counts as 1e-6: (ln 1e-6 + 1e6) / 2, and its
 * gradient for v is (1e6 − 1e12) / 2. */
TEST(a_small_variance_counts_as_eps_and_has_its_derivative)
{
    tp_var *v = tp_variable(0.0), *loss = tp_gaussian_nll_loss(1, 0, v);
    CHECK_CLOSE(tp_item(loss), (log(1e-6) + 1e6) / 2, 1e-8);
    CHECK_CLOSE(tp_item(tp_gradient(loss, v)), (1e6 - 1e12) / 2, 1);
}
