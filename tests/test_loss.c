/* SPDX-License-Identifier: MIT
 *
 * Losses at their edges, over images, and with targets that are wrong.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "elements.h"

/* 2 (1 + 2 + 3) / (√12 √14): of the vectors (2, 2, 2) and (1, 2, 3). */
TEST(options_of_another_loss_are_errors)
{
    tp_var *x = tp_zeros(TP_F64, TP_SHAPE(1, 2)), *target = tp_zeros(TP_I64, TP_SHAPE(1));
    tp_nll_loss(x, target, .label_smoothing = 0.1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "nll_loss: label_smoothing is for cross_entropy");
}

TEST(cosines_are_of_broadcast_vectors)
{
    tp_var *a = tp_array(TP_F64, TP_SHAPE(1, 1), ((double[]){2}));
    tp_var *b = tp_array(TP_F64, TP_SHAPE(1, 3), ((double[]){1, 2, 3}));
    CHECK_CLOSE(tp_item(tp_cosine_similarity(a, b, 1)), 12 / sqrt(12 * 14.0), 1e-15);
}

TEST(classes_of_images_are_picked)
{
    tp_manual_seed(2);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(2, 3, 2, 2)));
    int64_t classes[] = {0, 2, 1, 1, 2, 0, 0, 1};
    tp_var *target = tp_array(TP_I64, TP_SHAPE(2, 2, 2), classes);
    tp_var *loss = tp_cross_entropy(x, target, .reduction = TP_NO_REDUCTION);
    tp_var *logs = tp_log_softmax(x, 1);
    CHECK_SHAPE(loss, 2, 2, 2);
    for (int i = 0; i < 8; i++) {
        tp_var *place = tp_select(tp_select(tp_select(logs, 0, i / 4), 1, i / 2 % 2), 1, i % 2);
        CHECK_CLOSE(at(loss, i), -at(place, classes[i]), 1e-15);
    }
    tp_var *g = tp_gradient(loss, x);
    CHECK_CLOSE(tp_item(tp_max(tp_abs(tp_sum(g, .axes = TP_AXES(1))))), 0, 1e-15);
}

static char told[2][300];
static int times_told;

static void tell(const char *line)
{
    snprintf(told[times_told++ % 2], sizeof *told, "%s", line);
}

/* PyTorch warns wherever the sizes differ, once a place; here operands may broadcast. */
TEST(losses_of_all_pairs_are_told_once)
{
    tp_var *line = tp_zeros(TP_F32, TP_SHAPE(4)), *column = tp_ones(TP_F32, TP_SHAPE(4, 1));
    tp_var *square = tp_zeros(TP_F32, TP_SHAPE(4, 4));
    tp_set_log(tell);
    tp_mse_loss(line, 0);
    tp_l1_loss(line, square);
    tp_huber_loss(square, column, 1);
    tp_kl_div(tp_zeros(TP_F32, TP_SHAPE(1, 1)), line);
    CHECK_INT(times_told, 0);
    CHECK_SHAPE(tp_smooth_l1_loss(line, column, 1, .reduction = TP_NO_REDUCTION), 4, 4);
    tp_mse_loss(column, line);
    tp_cosine_embedding_loss(square, square, column, 0);
    tp_set_log(NULL);
    CHECK_INT(times_told, 1);
    CHECK(strstr(told[0], "smooth_l1_loss: x of shape (4,) and target of shape (4, 1) broadcast to "
                          "(4, 4)") != NULL);
}

/* PyTorch: F.cross_entropy(tensor([1., 2, 4]), tensor(1), label_smoothing=0.3), weight = [1, 2, 3].
 */
TEST(one_row_needs_no_batch)
{
    double sum = log(exp(1) + exp(2) + exp(4));
    tp_var *x = tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, 2, 4}));
    tp_var *one = tp_to(tp_scalar(1), TP_I64);
    CHECK_CLOSE(tp_item(tp_cross_entropy(x, one)), sum - 2, 1e-15);
    CHECK_CLOSE(tp_item(tp_nll_loss(x, one)), -2, 0);
    CHECK_CLOSE(tp_item(tp_cross_entropy(x, one, .label_smoothing = 0.3)),
                0.7 * (sum - 2) + 0.1 * (3 * sum - 7), 1e-15);
    tp_cross_entropy(x, one, .weight = tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "weight has shape (2,), expected (3,): one for each class");
}

TEST(targets_that_do_not_fit_are_named)
{
    tp_var *x = tp_zeros(TP_F64, TP_SHAPE(2, 3));
    tp_var *target = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){0, 3}));
    CHECK(tp_is_poison(tp_cross_entropy(x, target)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "target 3 is out of range for 3 classes");
    CHECK(tp_is_poison(tp_cross_entropy(x, x)));
    CHECK_ERROR(TP_ERROR_DTYPE, "cross_entropy: the target is float64, expected classes");
    CHECK(tp_is_poison(tp_nll_loss(x, tp_zeros(TP_I64, TP_SHAPE(3)))));
    CHECK_ERROR(TP_ERROR_SHAPE, "nll_loss: x (2, 3) and target (3,) do not fit");
    tp_cross_entropy(x, tp_zeros(TP_I64, TP_SHAPE(2)), .weight = tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_SHAPE,
                "cross_entropy: weight has shape (2,), expected (3,): one for each class");
    tp_huber_loss(x, x, 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "huber_loss: delta is 0, expected more than 0");
}

TEST(certain_predictions_have_finite_losses)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 1})));
    tp_var *target = tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, 0}));
    tp_var *loss = tp_binary_cross_entropy(x, target),
           *g = tp_gradient(loss, x, .create_graph = true);
    CHECK_BITS(tp_item(loss), 100);
    CHECK_ELEMENTS(g, 0, 0);
    tp_var *large = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){1e4, -1e4})));
    CHECK_BITS(tp_item(tp_binary_cross_entropy_with_logits(large, target)), 0);
    CHECK_BITS(tp_item(tp_binary_cross_entropy_with_logits(large, tp_sub(1, target))), 1e4);
    tp_var *logits = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 3), ((double[]){1e4, -HUGE_VAL, 0})));
    tp_var *hard = tp_cross_entropy(logits, tp_zeros(TP_I64, TP_SHAPE(1)));
    CHECK_BITS(tp_item(hard), 0);
    tp_var *h = tp_gradient(hard, logits, .create_graph = true);
    CHECK_ELEMENTS(h, 0, 0, 0);
    CHECK_ELEMENTS(tp_gradient(tp_sum(tp_square(h)), logits), 0, 0, 0);
}

TEST(ignored_targets_do_not_count)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){0, 0, 5, 9})));
    tp_var *target = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){1, 7}));
    tp_var *loss = tp_cross_entropy(x, target, .ignore_index = 7);
    CHECK_CLOSE(tp_item(loss), log(2), 1e-15);
    CHECK_ELEMENTS(tp_gradient(loss, x), 0.5, -0.5, 0, 0);
}

TEST(ignored_targets_hide_infinities)
{
    const double inf = HUGE_VAL, bad[] = {-HUGE_VAL, (double)NAN, HUGE_VAL};
    for
        EACH(i, bad)
        {
            TP_SCOPE();
            const double logits[] = {bad[i], 0, 1, 2};
            tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2, 2), logits));
            tp_var *target = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){-100, 1}));
            tp_var *loss = tp_cross_entropy(x, target), *g = tp_gradient(loss, x);
            const double p = 1 / (1 + exp(1));
            CHECK_CLOSE(tp_item(loss), log1p(exp(-1)), 1e-15);
            CHECK_BITS(at(g, 0), 0);
            CHECK_BITS(at(g, 1), 0);
            CHECK_CLOSE(at(g, 2), p, 1e-15);
            CHECK_CLOSE(at(g, 3), -p, 1e-15);
            tp_var *recorded = tp_gradient(loss, x, .create_graph = true);
            CHECK_BITS(at(recorded, 0), 0);
            CHECK_CLOSE(at(recorded, 3), -p, 1e-15);
            CHECK_CLOSE(tp_item(tp_nll_loss(x, target)), -2, 1e-15);
            CHECK_ELEMENTS(tp_gradient(tp_nll_loss(x, target), x), 0, 0, 0, -1);
        }
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 2), ((double[]){1, inf})));
    tp_var *none = tp_cross_entropy(x, tp_full(TP_I64, TP_SHAPE(1), -100));
    CHECK(isnan(tp_item(none)));
    CHECK_ELEMENTS(tp_gradient(none, x), 0, 0);
    CHECK_ELEMENTS(tp_gradient(none, x, .create_graph = true), 0, 0);
    CHECK_BITS(tp_item(tp_jvp(none, x, tp_ones(TP_F64, TP_SHAPE(1, 2)))), 0);
}

TEST(nothing_times_infinity_is_nothing)
{
    tp_var *logits =
        tp_variable(tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){0, -HUGE_VAL, 1, 2})));
    tp_var *classes = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){1, 0}));
    tp_var *weight = tp_array(TP_F64, TP_SHAPE(2), ((double[]){2, 0}));
    tp_var *weighted = tp_cross_entropy(logits, classes, .weight = weight);
    CHECK_CLOSE(tp_item(weighted), log1p(exp(1)), 1e-15);
    tp_var *g = tp_gradient(weighted, logits);
    CHECK(at(g, 0) == 0 && at(g, 1) == 0);
    CHECK_CLOSE(at(g, 2), -1 / (1 + exp(-1)), 1e-15);
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){-HUGE_VAL, -1})));
    tp_var *target = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 0.5}));
    tp_var *kl = tp_kl_div(x, target, .reduction = TP_SUM);
    CHECK_CLOSE(tp_item(kl), 0.5 * log(0.5) + 0.5, 1e-15);
    CHECK_ELEMENTS(tp_gradient(kl, x), 0, -0.5);
    static const double ends[][3] = {{-HUGE_VAL, 0, 0}, {HUGE_VAL, 1, 0}, {HUGE_VAL, 0, HUGE_VAL}};
    for
        EACH(i, ends)
        {
            tp_var *v = tp_variable(ends[i][0]);
            tp_var *loss = tp_binary_cross_entropy_with_logits(v, ends[i][1]);
            CHECK_BITS(tp_item(loss), ends[i][2]);
            CHECK_BITS(tp_item(tp_gradient(loss, v)), i == 2);
        }
}

/* Of a certain and right prediction: −e⁻⁴⁰, not a difference of 1 and 1. */
TEST(certain_predictions_keep_their_gradients)
{
    for (int target = 0; target < 2; target++) {
        double sign = target ? 1 : -1, expected = exp(-40) / (1 + exp(-40));
        tp_var *x = tp_variable(40 * sign), *t = tp_scalar(target);
        tp_var *loss = tp_binary_cross_entropy_with_logits(x, t);
        CHECK_CLOSE(tp_item(loss) / log1p(exp(-40)), 1, 1e-14);
        CHECK_CLOSE(tp_item(tp_gradient(loss, x)) / (-sign * expected), 1, 1e-14);
        tp_var *soft = tp_variable(0.25 + 0.5 * target),
               *y = tp_binary_cross_entropy_with_logits(x, soft);
        CHECK_CLOSE(tp_item(y), 10, 1e-14);
        CHECK_CLOSE(tp_item(tp_gradient(y, soft)), -40 * sign, 1e-14);
    }
}

/* --- CTC --- */

static tp_var *ctc_integers(int64_t a, int64_t b)
{
    return tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){a, b}));
}

/* Two rows of uniform probabilities over three classes: a way of T steps has probability 3^−T, and
 * the ways are counted: aa, a-, -a of two steps to a; ab only to ab; none of one step to ab. */
TEST(ctc_counts_ways)
{
    tp_var *logs = tp_log_softmax(tp_zeros(TP_F64, TP_SHAPE(2, 2, 3)), 2);
    tp_var *targets = tp_array(TP_I64, TP_SHAPE(2, 2), ((int64_t[]){1, 0, 1, 2}));
    tp_var *row = tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){1, 1, 2}));
    tp_var *losses = tp_ctc_loss(logs, targets, ctc_integers(2, 2), ctc_integers(1, 2),
                                 .reduction = TP_NO_REDUCTION);
    tp_var *flat = tp_ctc_loss(logs, row, ctc_integers(2, 2), ctc_integers(1, 2),
                               .reduction = TP_NO_REDUCTION);
    const double *loss = tp_data(losses), *other = tp_data(flat);
    CHECK_CLOSE(loss[0], log(9) - log(3), 1e-14);
    CHECK_CLOSE(loss[1], log(9), 1e-14);
    CHECK(loss[0] == other[0] && loss[1] == other[1]);
    losses = tp_ctc_loss(logs, targets, ctc_integers(1, 1), ctc_integers(0, 2),
                         .reduction = TP_NO_REDUCTION);
    loss = tp_data(losses);
    CHECK_CLOSE(loss[0], log(3), 1e-14);
    CHECK(isinf(loss[1]));
    CHECK_CLOSE(tp_item(tp_ctc_loss(logs, targets, ctc_integers(1, 1), ctc_integers(0, 2),
                                    .reduction = TP_SUM, .zero_infinity = true)),
                log(3), 1e-14);
}

TEST(ctc_has_finite_gradients)
{
    tp_var *x = tp_variable(tp_zeros(TP_F64, TP_SHAPE(1, 2, 3)));
    tp_var *targets = tp_array(TP_I64, TP_SHAPE(2, 2), ((int64_t[]){1, 0, 1, 2}));
    tp_var *loss =
        tp_ctc_loss(tp_log_softmax(x, 2), targets, ctc_integers(1, 1), ctc_integers(1, 2));
    tp_var *g = tp_gradient(loss, x, .create_graph = true);
    CHECK(isinf(tp_item(loss)) && tp_item(tp_all(tp_isfinite(g))) == 1);
    CHECK_CLOSE(tp_item(tp_select(tp_select(tp_select(g, 0, 0), 0, 0), 0, 1)), (1 / 3.0 - 1) / 2,
                1e-14);
    CHECK(tp_item(tp_all(tp_isfinite(tp_gradient(tp_sum(tp_square(g)), x)))) == 1);
}

TEST(ctc_errors)
{
    tp_var *logs = tp_zeros(TP_F64, TP_SHAPE(2, 2, 3)), *two = ctc_integers(2, 2);
    tp_var *targets = tp_array(TP_I64, TP_SHAPE(2, 1), ((int64_t[]){1, 3}));
    tp_ctc_loss(logs, targets, two, ctc_integers(1, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ctc_loss: row 1 of the targets has class 3");
    tp_ctc_loss(logs, targets, ctc_integers(2, 3), ctc_integers(1, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ctc_loss: row 1 has 3 steps");
    tp_ctc_loss(logs, targets, two, two);
    CHECK_ERROR(TP_ERROR_SHAPE, "ctc_loss: targets (2, 1) do not hold 2 rows");
    tp_ctc_loss(logs, targets, two, ctc_integers(1, 1), .blank = 3);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ctc_loss: blank 3 of 3 classes");
    tp_ctc_loss(tp_select(logs, 0, 0), targets, two, two);
    CHECK_ERROR(TP_ERROR_SHAPE, "ctc_loss: log_probs have shape (2, 3)");
    tp_ctc_loss(logs, tp_zeros(TP_F64, TP_SHAPE(2, 1)), two, ctc_integers(1, 1));
    CHECK_ERROR(TP_ERROR_DTYPE, "ctc_loss: targets are float64");
    tp_ctc_loss(logs, targets, tp_num(1), two);
    CHECK_ERROR(TP_ERROR_DTYPE, "ctc_loss: input_lengths are float64");
}

/* As PyTorch has it: a margin that is met exactly still pushes. */
TEST(margins_have_a_slope_where_they_are_met)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.5, 1, 2})));
    tp_var *apart = tp_full(TP_F64, TP_SHAPE(3), -1);
    CHECK_ELEMENTS(tp_gradient(tp_hinge_embedding_loss(x, apart, 1, .reduction = TP_SUM), x), -1,
                   -1, 0);
}

TEST(types_of_losses_do_not_depend_on_targets)
{
    static const tp_dtype types[] = {TP_F32, TP_F64, TP_F16, TP_I64};
    for
        EACH(i, types)
        {
            tp_var *x = tp_zeros(TP_F32, TP_SHAPE(2)), *hard = tp_ones(types[i], TP_SHAPE(2));
            tp_dtype soft = types[i] == TP_I64 ? TP_F32 : types[i];
            tp_var *half = tp_full(soft, TP_SHAPE(2), 0.25);
            CHECK_INT(tp_dtype_of(tp_binary_cross_entropy_with_logits(x, hard)),
                      tp_dtype_of(tp_binary_cross_entropy_with_logits(x, half)));
            CHECK_INT(tp_dtype_of(tp_binary_cross_entropy_with_logits(x, half)),
                      types[i] == TP_F64 ? TP_F64 : TP_F32);
        }
}
