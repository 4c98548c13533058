/* SPDX-License-Identifier: MIT
 *
 * How gradients reach the variables: hooks may do anything before, and no stored gradient shares
 * its elements with another value.
 */
#include "harness.h"

static tp_var *ones(void)
{
    return tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3)));
}

static double first(tp_var *v)
{
    return v && tp_data(v) ? *(const double *)tp_data(v) : -1;
}

static tp_var *clear_other(void *other, tp_var *gradient)
{
    (void)gradient;
    tp_cleargrad(other);
    return NULL;
}

static tp_var *backward_other(void *other, tp_var *gradient)
{
    (void)gradient;
    tp_set_grad_enabled(true);
    tp_backward(tp_mul(other, 10));
    return NULL;
}

static tp_var *return_it(void *value, tp_var *gradient)
{
    (void)gradient;
    return value;
}

TEST(a_hook_may_clear_another_gradient)
{
    for (int number = 0; number < 2; number++)
        for (int order = 0; order < 2; order++) {
            tp_var *a = number ? tp_variable(1.0) : ones(), *b = number ? tp_variable(1.0) : ones();
            tp_var *y = order ? tp_add(a, b) : tp_add(b, a);
            tp_backward(y);
            tp_register_hook(b, clear_other, a);
            tp_backward(y);
            CHECK_BITS(first(tp_grad(a)), 1);
            CHECK_BITS(first(tp_grad(b)), 2);
        }
}

TEST(a_hook_may_add_to_another_gradient)
{
    for (int number = 0; number < 2; number++)
        for (int order = 0; order < 2; order++) {
            tp_var *a = number ? tp_variable(1.0) : ones(), *b = number ? tp_variable(1.0) : ones();
            tp_register_hook(b, backward_other, a);
            tp_backward(order ? tp_add(a, b) : tp_add(b, a));
            CHECK_BITS(first(tp_grad(a)), 11);
            CHECK_BITS(first(tp_grad(b)), 1);
        }
}

TEST(a_stored_gradient_may_start_a_sweep)
{
    tp_var *a = ones(), *b = ones(), *y = tp_add(b, a);
    tp_backward(y);
    tp_backward(y, .gradient = tp_grad(a));
    CHECK_BITS(first(tp_grad(a)), 2);
    CHECK_BITS(first(tp_grad(b)), 2);
}

TEST(a_stored_gradient_may_come_back_transposed)
{
    const double g[] = {1, 2, 3, 4};
    tp_var *a = tp_variable(tp_zeros(TP_F64, TP_SHAPE(2, 2)));
    tp_backward(a, .gradient = tp_array(TP_F64, TP_SHAPE(2, 2), g));
    tp_backward(tp_transpose(a, 0, 1), .gradient = tp_grad(a));
    const double *sum = tp_data(tp_grad(a)), expected[] = {2, 5, 5, 8};
    for (int i = 0; i < 4; i++)
        CHECK_BITS(sum[i], expected[i]);
}

TEST(gradients_share_no_elements)
{
    for (int graph = 0; graph < 2; graph++) {
        TP_SCOPE();
        tp_var *a = ones(), *b = ones(), *start = tp_ones(TP_F64, TP_SHAPE(2, 3));
        tp_backward(tp_add(a, b), .create_graph = graph, .gradient = start);
        tp_mul_(tp_grad(a), 5);
        CHECK_BITS(first(tp_grad(a)), 5);
        CHECK_BITS(first(tp_grad(b)), 1);
        CHECK_BITS(first(start), 1);
        tp_var *xs[] = {a, b}, *out[2];
        tp_gradients(tp_add(a, b), xs, 2, out, .create_graph = graph, .gradient = start);
        tp_mul_(out[0], 5);
        CHECK_BITS(first(out[1]), 1);
        CHECK_BITS(first(start), 1);
    }
}

TEST(a_constant_from_a_hook_stays_as_it_is)
{
    tp_var *x = ones(), *constant = tp_ones(TP_F64, TP_SHAPE(2, 3));
    tp_register_hook(x, return_it, constant);
    tp_gradient(tp_mul(x, 2), x);
    CHECK_BITS(first(tp_gradient(tp_sum(constant), x)), 0);
    CHECK(!tp_error());
}

TEST(a_recorded_value_from_a_hook_counts_as_numbers_in_a_plain_sweep)
{
    tp_var *x = ones();
    tp_register_hook(x, return_it, tp_mul(x, 7));
    tp_backward(tp_mul(x, 2));
    CHECK_BITS(first(tp_grad(x)), 7);
    CHECK(!tp_requires_grad(tp_grad(x)));
}

TEST(only_what_a_wanted_gradient_needs_must_be_unedited)
{
    tp_var *x = ones(), *c = tp_ones(TP_F64, TP_SHAPE(2, 3)), *y = tp_mul(x, c);
    tp_sub_(x, 0.5);
    tp_backward(y);
    CHECK(!tp_error());
    CHECK_BITS(first(tp_grad(x)), 1);
    tp_mul_(c, 2);
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    CHECK_BITS(first(tp_grad(x)), 1);
}

TEST(zeros_are_held_below_a_selection_only)
{
    tp_var *a = tp_variable(tp_linspace(TP_F64, 0, 3, 4)), *w = tp_variable(1.0);
    tp_var *other = tp_maximum(tp_exp(tp_exp(tp_exp(w))), 1), *product = tp_mul(tp_sqrt(a), 0);
    double alone = first(tp_gradient(product, a));
    double beside = first(tp_gradient(tp_add(product, other), a));
    CHECK_CLOSE(beside, alone, 0);
    CHECK_BITS(first(tp_gradient(tp_where(tp_gt(a, 0), tp_sqrt(a), 0), a)), 0);
}

TEST(a_target_above_the_result_gets_zeros)
{
    tp_var *x = ones(), *low = tp_mul(x, 2), *high = tp_exp(tp_exp(tp_exp(low)));
    CHECK_BITS(first(tp_gradient(low, high)), 0);
    tp_var *xs[] = {high, x}, *out[2];
    tp_gradients(low, xs, 2, out);
    CHECK_BITS(first(out[0]), 0);
    CHECK_BITS(first(out[1]), 2);
}
