/* SPDX-License-Identifier: MIT
 *
 * Views: what shares elements, and sizes at the limits of integers.
 */
#include "harness.h"

#include "base/alloc.h"

#include <time.h>

static double element(tp_var *v, int64_t i)
{
    return ((const double *)tp_data(v))[i];
}

TEST(select_and_squeeze_are_views_along_every_axis)
{
    for (int axis = 0; axis < 3; axis++) {
        tp_var *x = tp_zeros(TP_F64, TP_SHAPE(2, 3, 4));
        tp_copy_(tp_select(x, axis, 1), 5);
        CHECK_BITS(tp_item(tp_sum(x)), 5.0 * 24 / (2 + axis));
        tp_copy_(tp_squeeze(tp_unsqueeze(tp_select(x, axis, -1), 1), 1), 7);
        CHECK_BITS(tp_item(tp_max(x)), 7);
    }
}

TEST(reshape_is_a_view_where_strides_allow)
{
    tp_var *x = tp_zeros(TP_F64, TP_SHAPE(4, 6));
    tp_copy_(tp_reshape(tp_slice(x, 0, 0, 4, 2), TP_SHAPE(2, 2, 3)), 1);
    CHECK_BITS(tp_item(tp_sum(x)), 12);
    tp_copy_(tp_reshape(tp_slice(x, 1, 0, 3, 1), TP_SHAPE(2, 2, 3)), 2);
    CHECK_BITS(tp_item(tp_sum(x)), 24 + 6);
    tp_var *copy = tp_reshape(tp_transpose(x, 0, 1), TP_SHAPE(24));
    tp_copy_(copy, 9);
    CHECK_BITS(tp_item(tp_max(x)), 2);
}

/* Against a reshape of a contiguous copy, for every order of axes and all factorings of 24. */
TEST(reshape_keeps_the_order_of_elements)
{
    const int64_t orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    tp_var *x = tp_reshape(tp_arange(TP_F64, 0, 24, 1), TP_SHAPE(2, 3, 4));
    for (int o = 0; o < 6; o++)
        for (int64_t a = 1; a <= 24; a++)
            for (int64_t b = 1; 24 % a == 0 && b <= 24 / a; b++) {
                if (24 / a % b)
                    continue;
                tp_var *v = tp_permute(x, 3, orders[o]), *y = tp_reshape(v, TP_SHAPE(a, b, -1));
                const double *plain = tp_data(v), *shaped = tp_data(y);
                for (int i = 0; i < 24; i++)
                    CHECK_BITS(shaped[i], plain[i]);
            }
}

TEST(huge_sizes_and_steps_are_harmless)
{
    tp_var *empty = tp_zeros(TP_F64, TP_SHAPE(0)), *x = tp_arange(TP_F64, 0, 8, 1);
    tp_var *v = tp_reshape(empty, TP_SHAPE(0, INT64_C(1) << 62, INT64_C(1) << 62));
    CHECK(tp_is_poison(v) == (tp_error() != NULL));
    tp_clear_error();
    v = tp_slice(tp_reshape(x, TP_SHAPE(2, 4)), 0, 0, INT64_MAX, INT64_MAX);
    CHECK_INT(tp_len(v), 1);
    CHECK_BITS(element(v, 3), 3);
    tp_pow_integer(tp_arange(TP_I64, 0, 3, 1), INT64_MAX);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "pow: exponent");
}

TEST(a_number_may_be_reduced_over_its_missing_axis)
{
    tp_var *x = tp_variable(2.0);
    CHECK_BITS(tp_item(tp_sum(x, .axes = TP_AXES(0))), 2);
    CHECK_BITS(tp_item(tp_max(x, .axes = TP_AXES(-1))), 2);
    tp_sum(x, .axes = TP_AXES(1));
    CHECK_ERROR(TP_ERROR_SHAPE, "sum: axis 1");
}

TEST(leaves_are_listed)
{
    tp_var *x = tp_variable(1.0), *w = tp_variable(2.0), *y = tp_mul(tp_add(x, w), x), *out[3];
    CHECK_INT(tp_leaves(y, 0, NULL), 2);
    CHECK_INT(tp_leaves(y, 3, out), 2);
    CHECK((out[0] == x && out[1] == w) || (out[0] == w && out[1] == x));
    CHECK_INT(tp_leaves(tp_scalar(1), 3, out), 0);
    CHECK_INT(tp_leaves(y, 5, NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "leaves: out is NULL");
}

TEST(an_error_may_quote_the_one_before)
{
    tp_fail(TP_ERROR_FILE, "file broke");
    const char *message = tp_error();
    tp_clear_error();
    tp_fail(TP_ERROR_FILE, "while loading: %s", message);
    CHECK_ERROR(TP_ERROR_FILE, "while loading: file broke");
}

/* --- Many slices of one array --- */

/* Slices of x, steps and overlaps among them, beside a use of all of it. */
static tp_var *sum_of_slices(tp_var *x)
{
    tp_var *y = tp_sum(tp_square(tp_slice(x, 1, 1, 6, 2)));
    for (int i = 0; i < 4; i++) {
        tp_var *part = tp_slice(tp_select(x, 0, i), 0, i, i + 3, 1);
        y = tp_add(y, tp_mul(i + 1, tp_sum(tp_exp(part))));
        y = tp_add(y, tp_sum(tp_mul(part, tp_slice(tp_select(x, 0, 3 - i), 0, 0, 5, 2))));
    }
    return tp_add(tp_sum(tp_sin(x)), y);
}

static tp_var *gradient_within(void *ctx, tp_var *gradient)
{
    tp_var *x = ctx; /* the outer sweep has added to x already */
    bool mode = tp_set_grad_enabled(true);
    tp_var *inner = tp_gradient(sum_of_slices(x), x);
    tp_set_grad_enabled(mode);
    return tp_add(gradient, tp_slice(inner, 0, 0, 1, 1));
}

static void check_equal(tp_var *a, tp_var *b, double tolerance)
{
    double most = tp_item(tp_max(tp_abs(b))), off = tp_item(tp_max(tp_abs(tp_sub(a, b))));
    test_check(off <= tolerance * most, __FILE__, __LINE__, "off by %g of %g", off, most);
}

/* A sweep that records nothing adds parts in place, one that records does not. */
static void check_slices(tp_dtype dtype, double tolerance)
{
    TP_SCOPE();
    tp_var *grid = tp_reshape(tp_linspace(TP_F64, -1, 1, 28), TP_SHAPE(4, 7));
    tp_var *leaf = tp_variable(tp_to(grid, dtype));
    tp_var *of[] = {leaf, tp_mul(leaf, leaf), tp_transpose(tp_transpose(leaf, 0, 1), 0, 1)};
    for (int i = 0; i < 3; i++) {
        tp_var *y = sum_of_slices(of[i]);
        check_equal(tp_gradient(y, leaf), tp_gradient(y, leaf, .create_graph = true), tolerance);
    }
    tp_var *first = tp_slice(leaf, 0, 0, 1, 1), *y = tp_add(tp_sum(first), sum_of_slices(leaf));
    tp_register_hook(first, gradient_within, leaf);
    check_equal(tp_gradient(y, leaf), tp_gradient(y, leaf, .create_graph = true), tolerance);
    tp_backward(sum_of_slices(leaf)), tp_backward(sum_of_slices(leaf)); /* what is stored adds up */
    tp_var *once = tp_gradient(sum_of_slices(leaf), leaf);
    check_equal(tp_grad(leaf), tp_add(once, once), tolerance);
}

TEST(gradients_of_slices_add_up)
{
    check_slices(TP_F64, 1e-14);
    check_slices(TP_F32, 1e-6);
    check_slices(TP_F16, 4e-3);
    check_slices(TP_BF16, 4e-2);
}

/* One array of zeros for each slice would take minutes. */
TEST(many_slices_take_time_in_proportion)
{
    int64_t n = test_short() ? 1000 : 200000;
    tp_var *x = tp_variable(tp_linspace(TP_F64, 0, 1, n)), *y = tp_num(0);
    for (int64_t i = 0; i < n; i++)
        y = tp_add(y, tp_square(tp_select(x, 0, i)));
    clock_t start = clock();
    tp_var *g = tp_gradient(y, x);
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 10);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(g, tp_mul(2, x))))) == 0);
}

/* --- Parts of an array, one after the other --- */

/* Rows of x, of which each sum reads one. */
static tp_var *each_row(tp_var *x, int64_t n)
{
    tp_var *y = tp_num(0);
    for (int64_t i = 0; i < n; i++)
        y = tp_add(y, tp_sum(tp_square(tp_select(x, 0, i))));
    return y;
}

static tp_var *each_row_by_index(tp_var *x, int64_t n)
{
    tp_var *y = tp_num(0);
    for (int64_t i = 0; i < n; i++) {
        tp_var *row = tp_index_select(x, 0, tp_array(TP_I64, TP_SHAPE(1), &i));
        y = tp_add(y, tp_sum(tp_square(row)));
    }
    return y;
}

/* The sweep has a gradient of all of x, which waits, before it comes to the rows. */
static tp_var *rows_and_whole(tp_var *x, int64_t n)
{
    tp_var *rows = each_row(x, n);
    return tp_add(rows, tp_sum(tp_cos(tp_sin(x))));
}

/* The first row, and the rest, of which the same is asked. */
static tp_var *first_and_rest(tp_var *x, int64_t n)
{
    tp_var *y = tp_num(0);
    for (int64_t i = 0; i < n; i++, x = tp_slice(x, 0, 1, INT64_MAX, 1))
        y = tp_add(y, tp_sum(tp_square(tp_select(x, 0, 0))));
    return y;
}

/* Elements of a row that lies across, of every other row from the third on, and of the whole. */
static tp_var *parts_of_parts(tp_var *x, int64_t n)
{
    tp_var *part = tp_transpose(tp_slice(x, 0, 2, INT64_MAX, 2), 0, 1), *y = tp_num(0);
    for (int64_t i = 0; i < n; i++) {
        tp_var *line = tp_slice(tp_select(part, 0, i % 5), 0, i % 2, INT64_MAX, 1);
        y = tp_add(y,
                   tp_mul(tp_select(line, 0, 0), tp_sin(tp_select(tp_select(x, 0, i % 6), 0, 1))));
        y = tp_add(
            y, tp_mul(i, tp_sum(tp_square(tp_reshape(tp_select(part, 1, 0), TP_SHAPE(-1, 1))))));
    }
    return tp_add(y, tp_sum(tp_exp(part)));
}

/* Zeros in a gradient that picking made stay zeros where a slope is infinite. */
static tp_var *parts_picked(tp_var *x, int64_t n)
{
    tp_var *y = tp_num(0);
    for (int64_t i = 0; i < n; i++) {
        tp_var *row = tp_slice(tp_slice(tp_sqrt(tp_relu(x)), 0, i, i + 1, 1), 1, 1, 3, 1);
        y = tp_add(y, tp_sum(tp_where(tp_gt(row, 0.5), row, 0)));
    }
    return y;
}

typedef tp_var *parts_function(tp_var *x, int64_t n);

static parts_function *const parts_functions[] = {each_row,       each_row_by_index, rows_and_whole,
                                                  first_and_rest, parts_of_parts,    parts_picked};

enum { PARTS_FUNCTIONS = sizeof parts_functions / sizeof *parts_functions, PARTS_LINEAR = 4 };

/* So many rows that an array of x's size for each of them would take minutes. Gradients that are
 * recorded are differentiated again. */
TEST(gradients_of_parts_take_time_in_proportion)
{
    static parts_function *const recorded[] = {each_row, rows_and_whole, first_and_rest};
    int64_t n = test_short() ? 1000 : 40000;
    for (int i = 0; i < PARTS_LINEAR + 3; i++) {
        TP_SCOPE();
        bool record = i >= PARTS_LINEAR;
        tp_var *leaf = tp_variable(tp_full(TP_F64, TP_SHAPE(n, 16), 0.5)), *x = tp_mul(leaf, 1);
        tp_var *y = record ? recorded[i - PARTS_LINEAR](x, n) : parts_functions[i](x, n);
        clock_t start = clock();
        tp_var *g = tp_gradient(y, leaf, .create_graph = record);
        tp_data(record ? tp_gradient(tp_sum(tp_square(g)), leaf) : g);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        test_check(seconds < 10, __FILE__, __LINE__, "way %d took %g s", i, seconds);
    }
}

/* What is added in place is what recorded operations give. */
TEST(gradients_of_parts_are_those_of_recorded_sweeps)
{
    static const tp_dtype types[] = {TP_F64, TP_F32, TP_F16, TP_BF16};
    static const double tolerances[] = {1e-14, 1e-6, 4e-3, 4e-2};
    for (int i = 0; i < PARTS_FUNCTIONS; i++)
        for (int k = 0; k < 4; k++) {
            TP_SCOPE();
            tp_var *grid = tp_reshape(tp_linspace(TP_F64, -1, 1, 30), TP_SHAPE(6, 5));
            tp_var *leaf = tp_variable(tp_to(grid, types[k])), *x = tp_mul(leaf, leaf);
            tp_var *y = tp_add(parts_functions[i](x, 6), parts_functions[i](leaf, 5));
            tp_var *expected = tp_gradient(y, leaf, .create_graph = true);
            check_equal(tp_gradient(y, leaf), expected, tolerances[k]);
            tp_backward(y), tp_backward(y);
            check_equal(tp_grad(leaf), tp_mul(2, expected), tolerances[k]);
            tp_cleargrad(
                leaf); /* with the gradients of all parts kept, each goes the way of rules */
            tp_backward(y, .retain_grad = true);
            check_equal(tp_grad(leaf), expected, tolerances[k]);
        }
}

/* Each request for memory failing in turn: an error and no result, or the right one. */
static bool parts_fail_at(size_t n, bool record)
{
    TP_SCOPE();
    tp_var *leaf = tp_variable(tp_reshape(tp_linspace(TP_F64, -1, 1, 30), TP_SHAPE(6, 5)));
    tp_var *y = tp_add(parts_of_parts(leaf, 5), first_and_rest(tp_mul(leaf, leaf), 6));
    tp__alloc_fail_at(n);
    tp_var *g = tp_gradient(y, leaf, .create_graph = record);
    bool more = tp__alloc_fail_at(0) >= n;
    CHECK(tp_is_poison(g) == (tp_error() != NULL));
    tp_clear_error();
    return more;
}

TEST(gradients_of_parts_fail_whole)
{
    for (int record = 0; record < 2; record++)
        for (size_t n = 1; parts_fail_at(n, record); n++)
            ;
}
