/* SPDX-License-Identifier: MIT
 *
 * Distributions by their moments (within five standard errors, for fixed seeds), derivatives of
 * reparameterised ones by their formulas, and arguments that make no sense.
 */
#include <math.h>

#include "elements.h"

enum { DRAWS = 20000 };

static void check_moments(tp_var *v, double mean, double variance, double fourth)
{
    double n = (double)tp_size(v), m = tp_item(tp_mean(tp_to(v, TP_F64)));
    double s = tp_item(tp_variance(tp_to(v, TP_F64)));
    CHECK_CLOSE((m - mean) / sqrt(variance / n) / 5, 0, 1);
    CHECK_CLOSE((s - variance) / sqrt((fourth - variance * variance) / n) / 5, 0, 1);
}

/* Variance and fourth central moment of the normal: σ², 3 σ⁴; exponential: 1, 9; uniform: 1 / 12,
 * 1 / 80; gamma: a, 3 a² + 6 a. */
TEST(moments_are_those_of_the_distributions)
{
    tp_manual_seed(11);
    tp_var *zeros = tp_zeros(TP_F64, TP_SHAPE(DRAWS));
    check_moments(tp_normal(tp_add(zeros, 3), 2), 3, 4, 48);
    check_moments(tp_uniform(zeros, 1), 0.5, 1.0 / 12, 1.0 / 80);
    check_moments(tp_exponential(tp_add(zeros, 1)), 1, 1, 9);
    check_moments(tp_bernoulli(tp_add(zeros, 0.25)), 0.25, 0.1875, 0.25 * 0.75 * 0.4375);
    check_moments(tp_gamma(tp_add(zeros, 2.5)), 2.5, 2.5, 3 * 6.25 + 15);
    check_moments(tp_gamma(tp_add(zeros, 0.5)), 0.5, 0.5, 0.75 + 3);
    check_moments(tp_randint(-2, 3, TP_SHAPE(DRAWS)), 0, 2, 6.8);
}

TEST(parameters_of_smooth_draws_have_derivatives)
{
    tp_manual_seed(12);
    tp_var *mean = tp_variable(1.0), *std = tp_variable(2.0);
    tp_var *y = tp_normal(mean, std);
    CHECK_BITS(tp_item(tp_gradient(y, mean)), 1);
    CHECK_CLOSE(tp_item(tp_gradient(y, std)), (tp_item(y) - 1) / 2, 1e-15);
    tp_var *rate = tp_variable(4.0), *z = tp_exponential(rate);
    CHECK_CLOSE(tp_item(tp_gradient(z, rate)), -tp_item(z) / 4, 1e-15);
    CHECK(tp_is_poison(tp_gamma(rate)));
    CHECK_ERROR(TP_ERROR_GRAPH, "gamma: the draw has no derivative");
}

/* The share of elements of v, of n, for which holds is not 0, within five standard errors. */
static void check_share(tp_var *holds, double p)
{
    double n = (double)tp_size(holds), share = tp_item(tp_count_nonzero(holds)) / n;
    CHECK_CLOSE((share - p) / sqrt(fmax(p * (1 - p), 1 / n) / n) / 5, 0, 1);
}

/* Draws are compared before they are rounded: uniforms are below 1, and p = 0.996 is not 1. */
TEST(draws_of_half_types_keep_their_odds)
{
    for (int i = 0; i < 2; i++) {
        TP_SCOPE();
        tp_manual_seed(15);
        tp_dtype half = i ? TP_BF16 : TP_F16;
        tp_var *ones = tp_ones(half, TP_SHAPE(200000)), *u = tp_rand(half, TP_SHAPE(200000));
        CHECK_BITS(tp_item(tp_sum(tp_to(tp_ge(u, 1), TP_F32))), 0);
        CHECK_CLOSE(tp_item(tp_mean(tp_to(u, TP_F64))), 0.5 - (i ? 0x1p-9 : 0x1p-12), 4e-3);
        CHECK_BITS(tp_item(tp_count_nonzero(tp_bernoulli(ones))), 200000);
        tp_var *p = tp_full(half, TP_SHAPE(200000), 0.996);
        check_share(tp_bernoulli(p), tp_item(tp_select(p, 0, 0)));
        check_share(tp_dropout(ones, 0.999, true), 0.001);
        CHECK_BITS(tp_item(tp_count_nonzero(tp_isinf(tp_exponential(ones)))), 0);
        CHECK_INT(tp_dtype_of(tp_normal(ones, ones)), half);
    }
}

TEST(dropout_keeps_the_mean)
{
    tp_manual_seed(13);
    tp_var *x = tp_variable(tp_ones(TP_F32, TP_SHAPE(DRAWS))), *y = tp_dropout(x, 0.25, true);
    check_moments(y, 1, 1.0 / 3, 0.25 + 0.75 / 81);
    CHECK_BITS(tp_item(tp_sum(tp_abs(tp_sub(tp_gradient(y, x), y)))), 0);
    CHECK(tp_dropout(x, 0.25, false) == x);
    tp_var *infinite = tp_full(TP_F64, TP_SHAPE(), HUGE_VAL);
    CHECK_BITS(tp_item(tp_dropout(infinite, 1, true)), 0);
    CHECK_BITS(tp_item(tp_dropout(infinite, 0, true)), HUGE_VAL);
    CHECK_BITS(tp_item(tp_sum(tp_dropout(x, 1, true))), 0);
    tp_dropout(x, 1.5, true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "dropout: p is 1.5, expected 0 to 1");
}

/* The type of a number's parameters is not decided by plain numbers beside it. */
TEST(single_numbers_stay_single)
{
    tp_var *x = tp_full(TP_F32, TP_SHAPE(), 0.5);
    CHECK_INT(tp_dtype_of(tp_normal(x, 2)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_normal(1, x)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_uniform(x, 2)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_uniform(-1, x)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_lerp(x, 2, 0.25)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_lerp(1, x, 0.25)), TP_F32);
    CHECK_INT(tp_dtype_of(tp_lerp(1, 2, x)), TP_F32);
    CHECK_BITS(tp_item(tp_lerp(x, 2, 0.25)), 0.875);
    CHECK_INT(tp_dtype_of(tp_binary_cross_entropy(x, tp_num(1))), TP_F32);
    CHECK_INT(tp_dtype_of(tp_binary_cross_entropy_with_logits(x, tp_num(1))), TP_F32);
    CHECK_INT(tp_dtype_of(tp_binary_cross_entropy_with_logits(x, tp_num(0.5))), TP_F32);
}

TEST(permutations_have_every_number_once)
{
    tp_manual_seed(14);
    tp_var *p = tp_randperm(100);
    CHECK_INT(tp_dtype_of(p), TP_I64);
    tp_var *sorted = tp_sort(p, 0, false, NULL);
    CHECK_BITS(tp_item(tp_sum(tp_abs(tp_sub(sorted, tp_arange(TP_I64, 0, 100, 1))))), 0);
    CHECK(tp_item(tp_sum(tp_ne(p, sorted))) > 50);
    CHECK_SHAPE(tp_randperm(0), 0);
}

/* Neither memory nor time for classes × draws: these would be 10¹⁰. */
TEST(as_many_draws_as_classes)
{
    int64_t n = 100000;
    tp_manual_seed(16);
    tp_var *picked = tp_multinomial(tp_arange(TP_F32, 0, (double)n, 1), n, true);
    CHECK_SHAPE(picked, n);
    CHECK(tp_item(tp_min(picked)) > 0);
    double mean = tp_item(tp_mean(tp_to(picked, TP_F64))) / (double)n; /* 2/3, variance 1/18 */
    CHECK_CLOSE((mean - 2.0 / 3) / sqrt(1 / 18.0 / (double)n) / 5, 0, 1);
    tp_var *rows = tp_multinomial(tp_eye(TP_F64, 3), 2, true);
    CHECK_ELEMENTS(rows, 0, 0, 1, 1, 2, 2);
    CHECK_SHAPE(tp_multinomial(tp_eye(TP_F64, 3), 0, true), 3, 0);
    CHECK_SHAPE(tp_multinomial(tp_ones(TP_F64, TP_SHAPE(1, 1, 1, 1, 1, 1, 2, 3)), 4, true), 1, 1, 1,
                1, 1, 1, 2, 4);
}

TEST(classes_come_in_proportion)
{
    tp_manual_seed(15);
    tp_var *weights = tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, 0, 3}));
    tp_var *again = tp_multinomial(weights, DRAWS, true);
    double first = tp_item(tp_mean(tp_to(tp_eq(again, 0), TP_F64)));
    CHECK_CLOSE((first - 0.25) / sqrt(0.1875 / (double)DRAWS) / 5, 0, 1);
    CHECK_BITS(tp_item(tp_sum(tp_eq(again, 1))), 0);
    tp_var *rows = tp_broadcast_to(weights, TP_SHAPE(DRAWS, 3));
    tp_var *once = tp_multinomial(rows, 2, false);
    CHECK_BITS(tp_item(tp_sum(tp_eq(once, 1))), 0);
    tp_var *leads = tp_eq(tp_select(once, 1, 0), 0);
    CHECK_CLOSE((tp_item(tp_mean(tp_to(leads, TP_F64))) - 0.25) / sqrt(0.1875 / (double)DRAWS) / 5,
                0, 1);
    tp_multinomial(weights, 4, false);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "multinomial: 4 of 3 classes");
    tp_multinomial(tp_neg(weights), 1, true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "multinomial: a weight is -1");
    tp_randint(3, 3, TP_SHAPE(1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "randint: from 3 to less than 3");
}
