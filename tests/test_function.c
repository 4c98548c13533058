/* SPDX-License-Identifier: MIT
 *
 * Functions of one's own: every order, several outputs, what `reads` shows. What is refused is in
 * test_function_checks.c.
 */
#include "functions.h"

/* --- One output: x⁴, by elements, its slope by operations --- */

static int forward_calls, backward_calls;

FORWARD(quartic_forward)
{
    UNUSED;
    forward_calls++;
    CHECK(!tp_is_grad_enabled());
    const double *x = tp_data(in[0]);
    out[0] = tp_zeros(TP_F64, tp_ndim(in[0]), tp_shape(in[0]));
    double *y = tp_data_(out[0]);
    for (int64_t i = 0; x && y && i < tp_size(in[0]); i++)
        y[i] = x[i] * x[i] * x[i] * x[i];
}

BACKWARD(quartic_backward)
{
    UNUSED;
    backward_calls++;
    CHECK(out[0] == NULL);
    gin[0] = tp_mul(gout[0], tp_mul(4, tp_pow(in[0], 3)));
}

static tp_var *quartic(tp_var *x)
{
    tp_function f = function(1, 1, TP_READS_INPUTS);
    tp_var *y;
    f.forward = quartic_forward;
    f.backward = quartic_backward;
    tp_apply(&f, NULL, &x, &y);
    return y;
}

TEST(behaves_like_a_built_in_operation)
{
    for (int64_t n = 0; n < 7; n += 3) {
        tp_var *x = variable(n), *y = quartic(tp_mul(x, 2));
        forward_calls = backward_calls = 0;
        CHECK_BITS(at(y, 0), 16);
        CHECK(tp_requires_grad(y) && tp_generation(y) > 1);
        tp_backward(y);
        CHECK_BITS(at(tp_grad(x), 0), 64);
        CHECK_INT(backward_calls, 1);
        tp_backward(y);
        CHECK_BITS(at(tp_grad(x), 0), 128);
        tp_var *constant = quartic(tp_detach(x));
        CHECK(!tp_requires_grad(constant));
        CHECK_BITS(at(constant, 0), 1);
        TP_NO_GRAD();
        CHECK(!tp_requires_grad(quartic(x)));
        CHECK_INT(forward_calls, 2);
    }
}

/* Inputs that are values in between have a history of their own, into which a sweep goes only for
 * what is asked for there. */
TEST(a_sweep_ends_at_what_it_is_asked_for)
{
    for (int64_t n = 0; n < 7; n += 3) {
        tp_var *x = variable(n), *w = variable(n), *v = quartic(tp_mul(x, 2)), *g[2];
        tp_var *y = tp_mul(tp_square(v), w), *inner[] = {v, w}, *both[] = {v, x};
        backward_calls = 0;
        tp_gradients(y, inner, 2, g);
        CHECK_BITS(at(g[0], 0), 32);
        CHECK_BITS(at(g[1], 0), 256);
        tp_gradients(y, inner, 2, g, .create_graph = true);
        tp_gradients(g[0], inner, 2, g);
        CHECK_BITS(at(g[1], 0), 32);
        CHECK_INT(backward_calls, 0);
        tp_gradients(y, both, 2, g);
        CHECK_BITS(at(g[0], 0), 32);
        CHECK_BITS(at(g[1], 0), 2048);
        CHECK_INT(backward_calls, 1);
    }
}

TEST(derivatives_to_order_four_with_create_graph)
{
    for (int64_t n = 0; n < 7; n += 3) {
        const double expected[] = {4, 12, 24, 24, 0};
        tp_var *x = variable(n), *y = quartic(x), *z = tp_add(quartic(x), tp_mul(quartic(x), x));
        const double sum[] = {9, 32, 84, 144, 120};
        for (int order = 0; order < 5; order++) {
            y = tp_gradient(y, x, .create_graph = true);
            z = tp_gradient(z, x, .create_graph = true);
            CHECK_BITS(at(y, 0), expected[order]);
            CHECK_BITS(at(z, 0), sum[order]);
        }
    }
}

TEST(double_use_runs_backward_once)
{
    tp_var *x = variable(4), *y = quartic(x);
    backward_calls = 0;
    tp_backward(tp_add(tp_mul(y, 3), tp_square(y)));
    CHECK_INT(backward_calls, 1);
    CHECK_BITS(at(tp_grad(x), 0), 3 * 4 + 2 * 4);
    tp_backward(quartic(quartic(x)));
    CHECK_BITS(at(tp_grad(x), 0), 20 + 16);
}

/* --- Two outputs: x y and x + y --- */

static bool saw[2];

FORWARD(pair_forward)
{
    UNUSED;
    out[0] = tp_mul(in[0], in[1]);
    out[1] = tp_add(in[0], in[1]);
}

BACKWARD(pair_backward)
{
    UNUSED;
    for (int i = 0; i < 2; i++)
        saw[i] = gout[i] != NULL;
    tp_var *product[] = {gout[0] ? tp_mul(gout[0], in[1]) : NULL,
                         gout[0] ? tp_mul(gout[0], in[0]) : NULL};
    for (int i = 0; i < 2; i++)
        gin[i] = product[i] && gout[1] ? tp_add(product[i], gout[1])
                 : product[i]          ? product[i]
                                       : gout[1];
}

static void pair(tp_var *x, tp_var *y, tp_var *out[2])
{
    tp_function f = function(2, 2, TP_READS_INPUTS);
    f.forward = pair_forward;
    f.backward = pair_backward;
    tp_apply(&f, NULL, (tp_var *[]){x, y}, out);
}

TEST(several_outputs_in_one_backward)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int graph = 0; graph < 2; graph++) {
            tp_var *x = variable(n), *y = variable(n), *out[2];
            pair(x, tp_mul(y, 2), out);
            CHECK(at(out[0], 0) == 2 && at(out[1], 0) == 3);
            tp_backward(tp_add(tp_square(out[0]), tp_mul(out[1], 10)), .create_graph = graph);
            CHECK(saw[0] && saw[1]);
            CHECK_BITS(at(tp_grad(x), 0), 4 * 2 + 10);
            CHECK_BITS(at(tp_grad(y), 0), 2 * (4 * 1 + 10));
            tp_var *g[2], *xs[] = {out[0], out[1]};
            tp_gradients(tp_mul(out[0], out[1]), xs, 2, g);
            CHECK(at(g[0], 0) == 3 && at(g[1], 0) == 2);
            pair(x, x, out);
            CHECK_BITS(at(tp_gradient(tp_add(out[0], out[1]), x), 0), 4);
        }
}

TEST(a_dropped_or_unused_output_has_no_gradient)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int kept = 0; kept < 2; kept++) {
            tp_var *x = variable(n), *y = variable(n), *out[2], *one;
            pair(x, y, out);
            tp_backward(tp_mul(out[kept], 5));
            CHECK(saw[kept] && !saw[1 - kept]);
            CHECK_BITS(at(tp_grad(x), 0), 5);
            size_t scope = tp_scope_begin();
            pair(x, y, out);
            one = tp_leave(out[kept]);
            tp_scope_end(scope);
            tp_backward(tp_mul(one, 5), .create_graph = true);
            CHECK(saw[kept] && !saw[1 - kept]);
            CHECK_BITS(at(tp_grad(x), 0), 10);
        }
}

/* --- An output read by backward: exp, and a second output nobody keeps --- */

FORWARD(exponentials_forward)
{
    UNUSED;
    out[0] = tp_exp(in[0]);
    out[1] = tp_exp(tp_neg(in[0]));
}

BACKWARD(exponentials_backward)
{
    UNUSED;
    CHECK(in[0] == NULL && out[0] != NULL && out[1] != NULL);
    tp_var *up = gout[0] ? tp_mul(gout[0], out[0]) : NULL;
    tp_var *down = gout[1] ? tp_neg(tp_mul(gout[1], out[1])) : NULL;
    gin[0] = up && down ? tp_add(up, down) : up ? up : down;
}

static void exponentials(tp_var *x, tp_var *out[2])
{
    tp_function f = function(1, 2, TP_READS_OUTPUTS);
    f.forward = exponentials_forward;
    f.backward = exponentials_backward;
    tp_apply(&f, NULL, &x, out);
}

TEST(an_output_that_backward_reads_has_every_order)
{
    for (int64_t n = 0; n < 7; n += 3)
        for (int kept = 0; kept < 2; kept++) {
            tp_var *x = variable(n), *out[2], *y;
            size_t scope = tp_scope_begin();
            exponentials(x, out);
            y = tp_leave(out[kept]);
            tp_scope_end(scope);
            for (int order = 1; order < 5; order++) {
                y = tp_gradient(y, x, .create_graph = true);
                CHECK_CLOSE(at(y, 0), kept ? (order % 2 ? -1 : 1) * exp(-1) : exp(1), 1e-15);
            }
            exponentials(x, out);
            y = tp_gradient(tp_mul(out[0], out[1]), x, .create_graph = true);
            CHECK_CLOSE(at(y, 0), 0, 1e-15);
            CHECK_CLOSE(at(tp_gradient(y, x), 0), 0, 1e-15);
        }
}

/* --- What reads shows --- */

static bool shown[2];

BACKWARD(looking_backward)
{
    (void)ctx;
    shown[0] = in[0] != NULL;
    shown[1] = out[0] != NULL;
    gin[0] = gout[0];
}

FORWARD(identity_forward)
{
    UNUSED;
    out[0] = in[0];
}

TEST(reads_decides_what_backward_sees)
{
    for (unsigned reads = 0; reads < 4; reads++)
        for (int graph = 0; graph < 2; graph++) {
            tp_function f = function(1, 1, reads);
            tp_var *x = variable(5), *y;
            f.forward = identity_forward;
            f.backward = looking_backward;
            tp_apply(&f, NULL, &x, &y);
            tp_backward(y, .create_graph = graph);
            CHECK(shown[0] == ((reads & TP_READS_INPUTS) != 0));
            CHECK(shown[1] == ((reads & TP_READS_OUTPUTS) != 0));
        }
}

TEST(an_edit_of_what_is_read_is_an_error)
{
    for (unsigned reads = 0; reads < 4; reads++) {
        tp_function f = function(1, 1, reads);
        f.forward = identity_forward;
        f.backward = looking_backward;
        tp_var *x = variable(5), *y;
        tp_apply(&f, NULL, &x, &y);
        tp_add_(x, 1);
        tp_backward(y);
        if (reads)
            CHECK_ERROR(TP_ERROR_GRAPH, "Mine");
        else
            CHECK_BITS(at(tp_grad(x), 0), 1);
    }
}

TEST(a_function_may_return_its_input)
{
    for (int64_t n = 0; n < 7; n += 3) {
        tp_function f = function(1, 1, 0);
        tp_var *x = variable(n), *y;
        f.forward = identity_forward;
        f.backward = looking_backward;
        tp_apply(&f, NULL, &x, &y);
        CHECK(y != x && tp_generation(y) > 0);
        CHECK_BITS(at(y, 0), 1);
        tp_backward(tp_mul(y, x));
        CHECK_BITS(at(tp_grad(x), 0), 2);
        CHECK_BITS(at(tp_gradient(tp_mul(y, y), x), 0), 2);
        CHECK(tp_generation(x) == 0 && tp_requires_grad(x));
    }
}

/* --- Types of outputs --- */

FORWARD(split_forward)
{
    UNUSED;
    out[0] = tp_abs(in[0]);
    out[1] = tp_lt(in[0], 0);
}

BACKWARD(split_backward)
{
    UNUSED;
    CHECK(gout[1] == NULL);
    gin[0] = tp_mul(gout[0], tp_sub(1.0, tp_mul(2.0, out[1])));
}

TEST(integer_outputs_are_constants)
{
    tp_function f = function(1, 2, TP_READS_OUTPUTS);
    f.forward = split_forward;
    f.backward = split_backward;
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), (const double[]){-3, 2})), *out[2];
    tp_apply(&f, NULL, &x, out);
    CHECK_INT(tp_dtype_of(out[1]), TP_U8);
    CHECK_ELEMENTS(out[1], 1, 0);
    CHECK(!tp_requires_grad(out[1]) && tp_requires_grad(out[0]));
    tp_backward(out[0], .create_graph = true);
    CHECK_ELEMENTS(tp_grad(x), -1, 1);
}

/* --- Functions inside functions --- */

static tp_var *apply_1(tp_function f, tp_var *x)
{
    tp_var *y = NULL;
    tp_apply(&f, NULL, &x, &y);
    return y;
}

FORWARD(nesting_forward)
{
    UNUSED;
    out[0] = quartic(tp_mul(in[0], 2));
    CHECK(!tp_requires_grad(out[0]));
}

BACKWARD(nesting_slope_backward)
{
    UNUSED;
    /* 64 x³ = 64 quartic(x) / x */
    gin[0] = tp_mul(gout[0], tp_div(tp_mul(64, quartic(in[0])), in[0]));
}

TEST(functions_may_apply_functions)
{
    tp_function f = function(1, 1, TP_READS_INPUTS);
    f.forward = nesting_forward;
    f.backward = nesting_slope_backward;
    for (int64_t n = 0; n < 7; n += 3) {
        const double expected[] = {64, 192, 384};
        tp_var *x = variable(n), *y = apply_1(f, x);
        CHECK_BITS(at(y, 0), 16);
        for (int order = 0; order < 3; order++) {
            y = tp_gradient(y, x, .create_graph = true);
            CHECK_CLOSE(at(y, 0), expected[order], 1e-14);
        }
    }
}

FORWARD(square_forward)
{
    UNUSED;
    out[0] = tp_square(in[0]);
}

/* gy · d(inner)/dx by a sweep inside backward, as an implicit function would do it. */
BACKWARD(sweeping_backward)
{
    UNUSED;
    bool mode = tp_set_grad_enabled(true);
    tp_var *x = tp_variable(tp_detach(in[0]));
    tp_var *slope = tp_gradient(tp_square(x), x);
    tp_set_grad_enabled(mode);
    gin[0] = tp_mul(gout[0], slope);
}

TEST(a_backward_may_sweep)
{
    tp_function f = function(1, 1, TP_READS_INPUTS);
    f.forward = square_forward;
    f.backward = sweeping_backward;
    for (int64_t n = 0; n < 7; n += 3) {
        tp_var *x = variable(n), *y = tp_add(apply_1(f, tp_mul(x, 3)), x);
        tp_backward(y);
        CHECK_BITS(at(tp_grad(x), 0), 19);
    }
}

/* --- The context --- */

FORWARD(scale_forward)
{
    UNUSED;
    out[0] = tp_mul(in[0], *(const double *)ctx);
}

BACKWARD(scale_backward)
{
    UNUSED;
    gin[0] = tp_mul(gout[0], *(const double *)ctx);
}

TEST(the_context_is_passed_on)
{
    double factor = 7;
    tp_function f = function(1, 1, 0);
    f.forward = scale_forward;
    f.backward = scale_backward;
    tp_var *x = tp_variable(2.0), *y;
    tp_apply(&f, &factor, &x, &y);
    memset(&f, 0, sizeof f);
    CHECK_BITS(tp_item(y), 14);
    tp_backward(y);
    CHECK_BITS(tp_item(tp_grad(x)), 7);
}
