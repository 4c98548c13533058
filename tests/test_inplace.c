/* SPDX-License-Identifier: MIT
 *
 * Editing in place. That an array of few elements lives inside its node must never show, so what
 * could tell is done for 1, 4, 5 and 100 elements.
 */
#include "elements.h"

static const int64_t sizes[] = {1, 4, 5, 100};

/* --- Editing in place --- */

TEST(in_place_operations_broadcast)
{
    for
        EACH(d, element_types)
        {
            tp_var *v = counting(element_types[d], TP_SHAPE(2, 3));
            tp_add_(v, 10);
            CHECK_ELEMENTS(v, 11, 12, 13, 14, 15, 16);
            tp_sub_(v, counting(element_types[d], TP_SHAPE(3)));
            CHECK_ELEMENTS(v, 10, 10, 10, 13, 13, 13);
            tp_mul_(v, counting(element_types[d], TP_SHAPE(2, 1)));
            CHECK_ELEMENTS(v, 10, 10, 10, 26, 26, 26);
            tp_copy_(v, counting(element_types[d], TP_SHAPE(1, 3)));
            CHECK_ELEMENTS(v, 1, 2, 3, 1, 2, 3);
            tp_copy_(v, 9);
            CHECK_ELEMENTS(v, 9, 9, 9, 9, 9, 9);
        }
    tp_var *v = counting(TP_F32, TP_SHAPE(3));
    tp_div_(v, 2);
    CHECK_ELEMENTS(v, 0.5, 1, 1.5);
    tp_div_(v, tp_full(TP_F64, TP_SHAPE(), 0.25));
    CHECK_ELEMENTS(v, 2, 4, 6);
    tp_var *x = tp_variable(3.0);
    tp_add_(x, 1), tp_sub_(x, 2), tp_mul_(x, 6), tp_div_(x, 5);
    CHECK_BITS(tp_item(x), 12.0 / 5);
    tp_copy_(x, 0.5f);
    CHECK_BITS(tp_item(x), 0.5);
    tp_var *column = tp_select(counting(TP_F64, TP_SHAPE(3, 2)), 1, 0);
    tp_mul_(column, 10);
    CHECK_ELEMENTS(column, 10, 30, 50);
    tp_add_(tp_zeros(TP_F64, TP_SHAPE(0, 3)), 1);
}

TEST(in_place_refuses_a_larger_value)
{
    tp_var *v = tp_zeros(TP_F64, TP_SHAPE(2, 3)), *number = tp_scalar(1);
    tp_add_(v, tp_ones(TP_F64, TP_SHAPE(4)));
    CHECK_ERROR(TP_ERROR_SHAPE,
                "add_: a value of shape (4,) does not fit a target of shape (2, 3)");
    tp_sub_(v, tp_ones(TP_F64, TP_SHAPE(1, 2, 3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "sub_");
    tp_mul_(number, tp_ones(TP_F64, TP_SHAPE(1)));
    CHECK_ERROR(TP_ERROR_SHAPE, "mul_");
    tp_copy_(tp_zeros(TP_F64, TP_SHAPE(1, 3)), v);
    CHECK_ERROR(TP_ERROR_SHAPE, "copy_");
    CHECK_ELEMENTS(v, 0, 0, 0, 0, 0, 0);
    CHECK_BITS(tp_item(number), 1);
}

TEST(in_place_keeps_the_type_of_the_target)
{
    tp_var *bytes = tp_full(TP_U8, TP_SHAPE(2), 250), *integers = tp_full(TP_I64, TP_SHAPE(2), 7);
    tp_add_(bytes, tp_full(TP_I64, TP_SHAPE(2), 10));
    CHECK_ELEMENTS(bytes, 4, 4);
    tp_sub_(bytes, 5);
    CHECK_ELEMENTS(bytes, 255, 255);
    tp_copy_(integers, -2.9);
    CHECK_ELEMENTS(integers, -2, -2);
    tp_copy_(integers, tp_num_int(INT64_MAX));
    CHECK(*(const int64_t *)tp_data(integers) == INT64_MAX);
    tp_copy_(bytes, tp_full(TP_F32, TP_SHAPE(), -1));
    CHECK_ELEMENTS(bytes, 255, 255);
    tp_var *single = tp_full(TP_F32, TP_SHAPE(2), 1);
    tp_add_(single, tp_full(TP_F64, TP_SHAPE(2), 0.1));
    CHECK_INT(tp_dtype_of(single), TP_F32);
    CHECK_ELEMENTS(single, (double)(float)(1 + (double)0.1f), (double)(float)(1 + (double)0.1f));
    tp_add_(integers, 0.5);
    CHECK_ERROR(TP_ERROR_DTYPE, "add_: a float64 value does not fit a int64 target");
    tp_mul_(bytes, tp_ones(TP_F32, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_DTYPE, "mul_");
    tp_div_(integers, 2);
    CHECK_ERROR(TP_ERROR_DTYPE, "div_");
}

TEST(in_place_reads_before_it_writes)
{
    const int64_t sides[] = {1, 2, 3, 10};
    for
        EACH(s, sides)
        {
            int64_t n = sides[s];
            tp_var *x = counting(TP_F64, TP_SHAPE(n, n));
            tp_add_(x, tp_transpose(x, 0, 1));
            const double *sum = tp_data(x);
            for (int64_t i = 0; i < n * n; i++)
                CHECK_BITS(sum[i], (double)(i + 1 + i % n * n + i / n + 1));
        }
    for
        EACH(s, sizes)
        {
            int64_t n = sizes[s] + 1;
            tp_var *x = counting(TP_F64, TP_SHAPE(n)), *y = counting(TP_F64, TP_SHAPE(n));
            tp_add_(tp_slice(x, 0, 1, n, 1), tp_slice(x, 0, 0, n - 1, 1));
            CHECK_BITS(at(x, n - 1), (double)(2 * n - 1));
            tp_copy_(tp_slice(y, 0, 1, n, 1), tp_slice(y, 0, 0, n - 1, 1));
            CHECK_BITS(at(y, n - 1), (double)(n - 1));
            tp_mul_(y, tp_select(y, 0, n - 1));
            CHECK_BITS(at(y, 0), (double)(n - 1));
            CHECK_BITS(at(y, n - 1), (double)((n - 1) * (n - 1)));
            tp_add_(y, y);
            CHECK_BITS(at(y, 0), (double)(2 * (n - 1)));
        }
}

TEST(in_place_targets_are_leaves_or_constants)
{
    tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(3))), *y = tp_mul(x, 2);
    tp_set_name(y, "product");
    tp_add_(y, 1);
    CHECK_ERROR(TP_ERROR_GRAPH, "add_: the target (product)");
    CHECK(tp_data_(y) == NULL);
    CHECK_ERROR(TP_ERROR_GRAPH, "data_");
    tp_copy_(tp_slice(x, 0, 0, 1, 1), 1);
    CHECK_ERROR(TP_ERROR_GRAPH, "copy_");
    tp_add_(tp_broadcast_to(tp_ones(TP_F64, TP_SHAPE()), TP_SHAPE(2)), 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "one element");
    tp_add_(tp_broadcast_to(tp_zeros(TP_F64, TP_SHAPE(2, 0)), TP_SHAPE(3, 2, 0)), 1);
    tp_add_(tp_detach(y), 1);
    CHECK_ELEMENTS(y, 3, 5, 7);
    tp_sub_(x, tp_mul(0.5, y));
    CHECK_INT(tp_generation(x), 0);
    CHECK_ELEMENTS(x, -0.5, -0.5, -0.5);
    TP_NO_GRAD();
    tp_var *unrecorded = tp_mul(x, 2);
    tp_add_(unrecorded, 1);
    CHECK_ELEMENTS(unrecorded, 0, 0, 0);
}

TEST(shared_values_are_read_only)
{
    for
        EACH(s, sizes)
        {
            tp_var *v = counting(TP_F64, TP_SHAPE(sizes[s])), *view = tp_slice(v, 0, 0, 1, 1);
            tp_share(v);
            tp_add_(v, 1);
            CHECK_ERROR(TP_ERROR_GRAPH, "shared between threads");
            tp_add_(view, 1);
            CHECK_ERROR(TP_ERROR_GRAPH, "shared between threads");
            CHECK(tp_data_(v) == NULL);
            CHECK_ERROR(TP_ERROR_GRAPH, "data_");
            tp_copy_(tp_detach(v), 5);
            CHECK_ERROR(TP_ERROR_GRAPH, "copy_");
            CHECK_BITS(at(v, 0), 1);
        }
}

/* --- Smallness never shows --- */

TEST(views_and_pointers_see_edits_at_every_size)
{
    for
        EACH(s, sizes)
        for
            EACH(d, element_types)
            {
                tp_var *v = counting(element_types[d], TP_SHAPE(sizes[s]));
                tp_var *before = tp_reshape(v, TP_SHAPE(1, -1)), *last = tp_select(v, 0, -1);
                const void *read = tp_data(v);
                char *written = tp_data_(v);
                CHECK(read == written && tp_data(v) == read && tp_data(before) == read);
                tp_var *after = tp_detach(v);
                tp_copy_(last, 77);
                CHECK_BITS(at(v, sizes[s] - 1), 77);
                CHECK_BITS(at(before, sizes[s] - 1), 77);
                CHECK_BITS(at(after, sizes[s] - 1), 77);
                CHECK_BITS(element(element_types[d], written, sizes[s] - 1), 77);
                memset(written, 0, 1);
                CHECK_BITS(at(after, 0), at(v, 0));
            }
}

TEST(a_pointer_to_a_result_sees_edits_at_every_size)
{
    for
        EACH(s, sizes)
        {
            tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(sizes[s]))), *y = tp_mul(x, 2);
            const double *data = tp_data(y);
            tp_mul_(tp_detach(y), 10);
            CHECK_BITS(data[0], 20);
            CHECK(tp_data(y) == data);
            CHECK_BITS(at(y, 0), 20);
        }
    tp_var *x = tp_variable(1.0), *y = tp_mul(x, 2);
    const double *data = tp_data(y);
    tp_mul_(tp_detach(y), 10);
    CHECK_BITS(data[0], 20);
}

TEST(a_pointer_to_a_gradient_sees_accumulation_at_every_size)
{
    for
        EACH(s, sizes)
        {
            tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(sizes[s]))), *y = tp_mul(x, 3);
            tp_backward(y);
            tp_var *g = tp_grad(x);
            const double *data = tp_data(g);
            tp_backward(y);
            CHECK_BITS(data[0], 6);
            CHECK_BITS(at(g, 0), 6);
            tp_mul_(g, 0.5);
            CHECK_BITS(at(tp_grad(x), 0), 3);
        }
}

/* --- Versions --- */

/* An edit of x after y = square(x) was recorded, by each way there is. */
static void edit(tp_var *x, int way)
{
    if (way == 0)
        tp_add_(x, 1);
    else if (way == 1)
        tp_copy_(tp_select(tp_detach(x), 0, 0), 5);
    else
        *(double *)tp_data_(x) = 5;
}

TEST(a_rule_that_reads_an_edited_value_is_an_error)
{
    for
        EACH(s, sizes)
    for (int way = 0; way < 3; way++) {
        tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(sizes[s]))), *y = tp_square(x);
        tp_set_name(x, "weights"), tp_set_name(y, "squares");
        edit(x, way);
        tp_backward(y);
        CHECK_ERROR(TP_ERROR_GRAPH, "(weights)");
        tp_gradient(y, x);
        CHECK_ERROR(TP_ERROR_GRAPH, "(squares)");
        CHECK(tp_grad(x) == NULL);
        tp_backward(tp_square(x));
        CHECK_BITS(at(tp_grad(x), 0), way ? 10 : 4);
    }
}

TEST(an_edited_result_is_an_error_where_it_is_read)
{
    for
        EACH(s, sizes)
        {
            tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(sizes[s])));
            tp_var *y = tp_exp(x), *z = tp_add(tp_mul(x, 2), 1);
            tp_mul_(tp_detach(y), 2);
            tp_backward(y);
            CHECK_ERROR(TP_ERROR_GRAPH, "exp");
            tp_mul_(tp_detach(z), 2);
            tp_backward(z);
            CHECK_BITS(at(tp_grad(x), 0), 2);
        }
}

TEST(edits_that_no_rule_reads_are_fine)
{
    for
        EACH(s, sizes)
        {
            tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(sizes[s])));
            tp_var *c = counting(TP_F64, TP_SHAPE(sizes[s]));
            tp_mul_(x, 2);
            tp_var *y = tp_add(tp_sum(tp_sub(x, c)), tp_sum(tp_square(x)));
            tp_add_(c, 1);
            tp_backward(y);
            CHECK_BITS(at(tp_grad(x), 0), 5);
            tp_var *r = tp_add(tp_sum(tp_remainder(x, c)), tp_sum(tp_fmod(x, c)));
            tp_cleargrad(x);
            tp_add_(x, 1);
            tp_backward(r);
            CHECK_BITS(at(tp_grad(x), 0), 2);
            tp_cleargrad(x);
            tp_var *z = tp_mul(x, c);
            tp_add_(c, 1);
            tp_backward(z);
            CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
        }
}
