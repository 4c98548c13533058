/* SPDX-License-Identifier: MIT
 *
 * What functions of one's own may not do: errors in forward and backward, and backwards that would
 * make a second derivative silently wrong.
 */
#include "functions.h"

/* --- Errors --- */

static tp_var *apply_1(tp_function f, tp_var *x)
{
    tp_var *y = NULL;
    tp_apply(&f, NULL, &x, &y);
    return y;
}

FORWARD(nothing_forward)
{
    UNUSED;
}

FORWARD(failing_forward)
{
    UNUSED;
    tp_fail(TP_ERROR_FILE, "forward failed");
    out[0] = tp_scalar(1);
}

FORWARD(plain_forward)
{
    UNUSED;
    out[0] = tp_mul(in[0], 2);
}

BACKWARD(nothing_backward)
{
    UNUSED, (void)gout, (void)gin;
}

BACKWARD(failing_backward)
{
    UNUSED, (void)gout;
    gin[0] = tp_fail(TP_ERROR_FILE, "backward failed");
}

BACKWARD(shape_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], tp_ones(TP_F64, TP_SHAPE(3, 3)));
}

BACKWARD(type_backward)
{
    UNUSED;
    gin[0] = tp_to(gout[0], TP_F32);
}

BACKWARD(double_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], 2);
}

TEST(errors_in_forward_give_poison)
{
    for (int constant = 0; constant < 2; constant++) {
        tp_var *x = constant ? tp_scalar(1) : tp_variable(1.0);
        tp_function f = function(1, 1, 0);
        f.forward = nothing_forward;
        f.backward = nothing_backward;
        CHECK(tp_is_poison(apply_1(f, x)));
        CHECK_ERROR(TP_ERROR_ARGUMENT, "Mine: its forward left output 0 unset");
        f.forward = failing_forward;
        CHECK(tp_is_poison(apply_1(f, x)));
        CHECK_ERROR(TP_ERROR_FILE, "forward failed");
        tp_fail(TP_ERROR_FILE, "pending");
        f.forward = plain_forward;
        CHECK(tp_is_poison(apply_1(f, x)));
        tp_clear_error();
        CHECK(tp_is_poison(apply_1(f, NULL)));
        CHECK_ERROR(TP_ERROR_ARGUMENT, "Mine: the operand is NULL");
    }
}

TEST(a_function_must_be_whole)
{
    tp_function whole = function(1, 1, 0);
    whole.forward = plain_forward;
    whole.backward = double_backward;
    tp_var *x = tp_variable(1.0), *y;
    for (int missing = 0; missing < 6; missing++) {
        tp_function f = whole;
        if (missing == 0)
            f.size = 0;
        else if (missing == 1)
            f.name = NULL;
        else if (missing == 2)
            f.forward = NULL;
        else if (missing == 3)
            f.backward = NULL;
        else if (missing == 4)
            f.n_in = 0;
        else
            f.n_out = 0;
        apply_1(f, x);
        CHECK_ERROR(TP_ERROR_ARGUMENT, "apply");
    }
    tp_apply(&whole, NULL, NULL, &y);
    CHECK(tp_is_poison(y));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "apply");
    tp_apply(&whole, NULL, &x, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "apply");
}

TEST(errors_in_backward_change_no_gradient)
{
    static const struct {
        void (*backward)(void *, tp_var *const *, tp_var *const *, tp_var *const *, tp_var **);
        tp_code code;
        const char *text;
    } cases[] = {{failing_backward, TP_ERROR_FILE, "backward failed"},
                 {shape_backward, TP_ERROR_SHAPE, "Mine: its backward gave a gradient"},
                 {type_backward, TP_ERROR_DTYPE, "float32"}};
    for
        EACH(c, cases)
    for (int64_t n = 0; n < 2; n++)
        for (int graph = 0; graph < 2; graph++) {
            tp_function f = function(1, 1, 0);
            f.forward = plain_forward;
            f.backward = cases[c].backward;
            tp_var *x = variable(n), *y = tp_add(apply_1(f, x), tp_mul(x, 3));
            tp_backward(tp_mul(x, 4));
            tp_backward(y, .create_graph = graph);
            CHECK_ERROR(cases[c].code, cases[c].text);
            CHECK_BITS(at(tp_grad(x), 0), 4);
            CHECK(tp_is_poison(tp_gradient(y, x, .create_graph = graph)));
            tp_clear_error();
        }
}

TEST(a_null_gradient_is_zero)
{
    tp_function f = function(1, 1, 0);
    f.forward = plain_forward;
    f.backward = nothing_backward;
    tp_var *x = tp_variable(1.0), *y = apply_1(f, x);
    CHECK_BITS(tp_item(tp_gradient(y, x, .create_graph = true)), 0);
    tp_backward(tp_add(y, tp_mul(x, 3)), .create_graph = true);
    CHECK_BITS(tp_item(tp_grad(x)), 3);
}

/* --- A careless backward, right at first order, is an error when recorded --- */

BACKWARD(item_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], 2 * tp_item(in[0]));
}

BACKWARD(data_backward)
{
    UNUSED;
    const double *x = tp_data(in[0]);
    gin[0] = x ? tp_mul(gout[0], 2 * x[0]) : NULL;
}

BACKWARD(constant_backward)
{
    UNUSED;
    gin[0] = tp_mul(tp_mul(in[0], 2), tp_detach(gout[0]));
}

BACKWARD(captured_backward)
{
    UNUSED, (void)gout;
    gin[0] = tp_mul(in[0], 2);
}

BACKWARD(output_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], 2 * sqrt(tp_item(out[0])));
}

BACKWARD(nested_backward)
{
    UNUSED;
    tp_function f = function(1, 1, 0);
    f.forward = plain_forward;
    f.backward = double_backward;
    gin[0] = tp_mul(apply_1(f, gout[0]), tp_item(in[0]));
}

BACKWARD(gout_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], tp_mul(tp_item(gout[0]), tp_mul(in[0], 2)));
}

FORWARD(square_forward)
{
    UNUSED;
    out[0] = tp_square(in[0]);
}

TEST(a_careless_backward_is_an_error_under_create_graph)
{
    void (*const careless[])(void *, tp_var *const *, tp_var *const *, tp_var *const *,
                             tp_var **) = {item_backward,     data_backward,   constant_backward,
                                           captured_backward, output_backward, nested_backward,
                                           gout_backward};
    for
        EACH(c, careless)
        {
            tp_function f = function(1, 1, TP_READS_INPUTS | TP_READS_OUTPUTS);
            f.forward = square_forward;
            f.backward = careless[c];
            for (int inner = 0; inner < 2; inner++) {
                tp_var *x = tp_variable(3.0), *y = apply_1(f, inner ? tp_mul(x, 1) : x);
                CHECK_BITS(tp_item(tp_gradient(y, x)), 6);
                tp_var *g = tp_gradient(y, x, .create_graph = true);
                test_check(tp_is_poison(g), __FILE__, __LINE__, "careless backward %d passed",
                           (int)c);
                CHECK_ERROR(TP_ERROR_GRAPH, "Mine");
                tp_backward(y, .create_graph = true);
                CHECK_ERROR(TP_ERROR_GRAPH, "Mine");
                CHECK(tp_grad(x) == NULL);
            }
        }
}

/* Numbers of a recorded value taken out by an edit in place. */
BACKWARD(copying_backward)
{
    UNUSED;
    tp_var *slope = tp_zeros(TP_F64, tp_ndim(in[0]), tp_shape(in[0]));
    tp_copy_(slope, in[0]);
    gin[0] = tp_mul(gout[0], tp_mul(slope, 2));
}

BACKWARD(pointing_backward)
{
    UNUSED;
    const double *x = tp_data_(in[0]);
    gin[0] = x ? tp_mul(gout[0], 2 * x[0]) : tp_mul(gout[0], tp_mul(in[0], 2));
}

TEST(a_second_derivative_is_never_silently_wrong)
{
    void (*const careless[])(void *, tp_var *const *, tp_var *const *, tp_var *const *,
                             tp_var **) = {copying_backward, pointing_backward};
    for
        EACH(c, careless)
        {
            tp_function f = function(1, 1, TP_READS_INPUTS);
            f.forward = square_forward;
            f.backward = careless[c];
            tp_var *x = tp_variable(3.0), *y = apply_1(f, x);
            tp_var *g = tp_gradient(y, x, .create_graph = true), *h = tp_gradient(g, x);
            double second = tp_item(h);
            test_check(tp_error() || second == 2, __FILE__, __LINE__,
                       "careless backward %d gave y'' = %g without an error", (int)c, second);
            tp_clear_error();
        }
}

BACKWARD(detached_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], 2 * tp_item(tp_detach(in[0])));
}

TEST(detach_treats_a_value_as_constant_on_purpose)
{
    tp_function f = function(1, 1, TP_READS_INPUTS);
    f.forward = square_forward;
    f.backward = detached_backward;
    tp_var *x = tp_variable(3.0);
    tp_var *g = tp_gradient(apply_1(f, x), x, .create_graph = true);
    CHECK_BITS(tp_item(g), 6);
    CHECK_BITS(tp_item(tp_gradient(g, x)), 0);
}

BACKWARD(unread_backward)
{
    UNUSED;
    gin[0] = tp_mul(in[0], gout[0]);
}

TEST(an_error_inside_backward_names_the_function)
{
    tp_function f = function(1, 1, 0);
    f.forward = square_forward;
    f.backward = unread_backward;
    tp_var *x = tp_variable(3.0), *y = apply_1(f, x);
    tp_backward(y);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "in the backward of Mine, which gets only what its reads names");
    CHECK(!tp_grad(x));
}
