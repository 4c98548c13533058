/* SPDX-License-Identifier: MIT
 *
 * Taylor series beyond what the table test sees: orders, types, edits, directions, graphs of the
 * coefficients.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

static double first(tp_var *v)
{
    const void *data = v ? tp_data(v) : NULL;
    if (!data)
        return (double)NAN;
    return tp_dtype_of(v) == TP_F32 ? (double)*(const float *)data : *(const double *)data;
}

TEST(closed_forms_to_order_30)
{
    enum { ORDER = 30 };
    tp_var *x = tp_variable(0.7), *d[ORDER];
    tp_derivatives(tp_exp(tp_mul(2, x)), x, ORDER, d);
    for (int k = 1; k <= ORDER; k++)
        CHECK_CLOSE(tp_item(d[k - 1]) / (exp2(k) * exp(1.4)), 1, 1e-13);
    tp_derivatives(tp_sin(x), x, ORDER, d);
    for (int k = 1; k <= ORDER; k++)
        CHECK_CLOSE(tp_item(d[k - 1]), sin(0.7 + k * acos(-1.0) / 2), 1e-12);
    double expected = 1;
    tp_derivatives(tp_log(x), x, ORDER, d);
    for (int k = 1; k <= ORDER; k++, expected *= -(k - 1))
        CHECK_CLOSE(tp_item(d[k - 1]) / (expected * pow(0.7, -k)), 1, 1e-12);
}

TEST(tanh_to_order_16_where_it_saturates)
{
    enum { ORDER = 16 };
    tp_var *x = tp_variable(20.0), *d[ORDER];
    tp_derivatives(tp_tanh(x), x, ORDER, d);
    for (int k = 1; k <= ORDER; k++) { /* tanh x = 1 − 2e⁻²ˣ + 2e⁻⁴ˣ − …, the rest below 1e-24 */
        double expected = -2 * pow(-2, k) * exp(-40) + 2 * pow(-4, k) * exp(-80);
        CHECK_CLOSE(tp_item(d[k - 1]) / expected, 1, 1e-13);
    }
}

TEST(coefficients_have_the_type_of_the_function)
{
    tp_var *x = tp_variable(tp_to(tp_scalar(3), TP_F32)), *d[2];
    tp_derivatives(tp_pow(x, 2.5), x, 2, d);
    CHECK_INT(tp_dtype_of(d[0]), TP_F32);
    CHECK_INT(tp_dtype_of(d[1]), TP_F32);
    CHECK_CLOSE(first(d[1]), 2.5 * 1.5 * sqrt(3), 1e-6);
    CHECK_INT(tp_dtype_of(tp_jvp(tp_pow(x, 2.5), x, tp_ones(TP_F32, TP_SHAPE()))), TP_F32);
}

TEST(orders_that_float32_can_hold)
{
    enum { ORDER = 33 };
    tp_var *x = tp_variable(tp_zeros(TP_F32, TP_SHAPE(2))), *d[ORDER + 1];
    tp_derivatives(tp_sin(x), x, ORDER, d);
    for (int k = 1; k <= ORDER; k++)
        CHECK_CLOSE(first(d[k - 1]), k % 2 ? (k % 4 == 1 ? 1 : -1) : 0, 1e-5);
    tp_derivatives(tp_sin(x), x, ORDER + 1, d);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "order 34, expected 1 to 33");
}

TEST(an_edited_result_is_an_error)
{
    tp_var *x = tp_variable(1.0), *y = tp_exp(x), *d[2];
    tp_mul_(tp_detach(y), 100);
    tp_derivatives(y, x, 2, d);
    CHECK(tp_is_poison(d[0]) && tp_is_poison(d[1]));
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    tp_jvp(y, x, tp_scalar(1));
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    y = tp_cos(x); /* its gradient reads the operand only, and so can its series */
    tp_mul_(tp_detach(y), 100);
    tp_derivatives(y, x, 2, d);
    CHECK_CLOSE(tp_item(d[0]), -sin(1), 1e-15);
    CHECK_CLOSE(tp_item(d[1]), -cos(1), 1e-15);
}

TEST(an_edited_operand_is_an_error)
{
    tp_var *x = tp_variable(2.0), *y = tp_pow(x, 3), *d[2];
    tp_add_(x, 1);
    tp_derivatives(y, x, 2, d);
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
}

TEST(coefficients_can_be_differentiated)
{
    tp_var *x = tp_variable(0.5), *w = tp_variable(3.0), *d[3];
    tp_derivatives(tp_sin(tp_mul(w, x)), x, 3, d); /* third: −w³ cos wx */
    CHECK_CLOSE(tp_item(tp_gradient(d[2], w)), -27 * cos(1.5) * 1 + 27 * 0.5 * sin(1.5), 1e-13);
    CHECK_CLOSE(tp_item(tp_gradient(d[2], x)), 81 * sin(1.5), 1e-13);
}

TEST(unrecorded_where_recording_is_off)
{
    tp_var *x = tp_variable(0.5), *y = tp_exp(x), *d[2];
    TP_NO_GRAD();
    tp_derivatives(y, x, 2, d);
    CHECK(!tp_requires_grad(d[1]));
    CHECK_CLOSE(tp_item(d[1]), exp(0.5), 1e-15);
    tp_set_grad_enabled(true);
}

TEST(zeros_where_it_does_not_depend)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(3))), *w = tp_variable(2.0), *d[2];
    tp_derivatives(tp_square(x), w, 2, d);
    CHECK_INT(tp_size(d[1]), 3);
    CHECK_BITS(first(d[1]), 0);
    tp_derivatives(tp_mul(x, 2), x, 2, d);
    CHECK_BITS(first(d[0]), 2);
    CHECK_BITS(first(d[1]), 0);
}

TEST(the_ninth_derivative_of_tanh_is_a_small_graph)
{
    tp_var *x = tp_variable(1.0), *d[9];
    tp_derivatives(tp_tanh(x), x, 9, d);
    char *text = tp_get_dot_graph(d[8], false);
    int nodes = 0;
    for (const char *at = text; at && (at = strstr(at, "label=")); at++)
        nodes++;
    free(text);
    CHECK(nodes > 9 && nodes < 300);
}

TEST(orders_and_arguments_are_checked)
{
    tp_var *x = tp_variable(1.0), *y = tp_exp(x), *d[1] = {NULL};
    tp_derivatives(y, x, 0, d);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "derivatives: order 0, expected 1 to 170");
    tp_derivatives(y, x, 1, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "derivatives: out is NULL");
    tp_derivatives(y, tp_scalar(1), 1, d);
    CHECK_ERROR(TP_ERROR_GRAPH, "constant");
    CHECK(tp_is_poison(d[0]));
    tp_jvp(y, x, tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "jvp: direction is float64 (2,), expected float64 () like x");
}
