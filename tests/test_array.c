/* SPDX-License-Identifier: MIT
 *
 * Making and reading arrays: array.h, sentence by sentence. test_inplace.c does the editing.
 */
#include "elements.h"

static const int64_t sizes[] = {1, 4, 5, 100};

/* --- Making --- */

TEST(constants_of_every_type)
{
    for
        EACH(d, element_types)
        {
            tp_dtype dtype = element_types[d];
            CHECK_ELEMENTS(tp_zeros(dtype, TP_SHAPE(2, 3)), 0, 0, 0, 0, 0, 0);
            CHECK_ELEMENTS(tp_ones(dtype, TP_SHAPE(3)), 1, 1, 1);
            CHECK_ELEMENTS(tp_full(dtype, TP_SHAPE(), 7), 7);
            CHECK_ELEMENTS(tp_full(dtype, TP_SHAPE(1, 2, 1), 7), 7, 7);
            CHECK_ELEMENTS(tp_eye(dtype, 2), 1, 0, 0, 1);
            CHECK_INT(tp_size(tp_eye(dtype, 0)), 0);
            CHECK_INT(tp_dtype_of(tp_eye(dtype, 3)), dtype);
            tp_var *large = tp_full(dtype, TP_SHAPE(100, 100), 200);
            CHECK(at(large, 0) == 200 && at(large, 9999) == 200);
            tp_var *empty = tp_ones(dtype, TP_SHAPE(2, 0, 4));
            CHECK_SHAPE(empty, 2, 0, 4);
            CHECK_INT(tp_size(empty), 0);
            tp_var *deep = tp_ones(dtype, TP_SHAPE(1, 2, 1, 1, 2, 1, 1, 2));
            CHECK_INT(tp_ndim(deep), TP_MAX_NDIM);
            CHECK_INT(tp_size(deep), 8);
            CHECK(!tp_requires_grad(deep));
        }
}

TEST(creation_refuses_bad_shapes_and_types)
{
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    CHECK(tp_is_poison(tp_zeros(TP_F64, 9, nine)));
    CHECK_ERROR(TP_ERROR_SHAPE, "zeros: 9 dimensions");
    CHECK(tp_is_poison(tp_ones(TP_F64, -1, nine)));
    CHECK_ERROR(TP_ERROR_SHAPE, "ones: -1 dimensions");
    CHECK(tp_is_poison(tp_full(TP_F64, TP_SHAPE(2, -3), 1)));
    CHECK_ERROR(TP_ERROR_SHAPE, "full: shape (2, -3) has a negative size");
    CHECK(tp_is_poison(tp_eye(TP_F64, -1)));
    CHECK_ERROR(TP_ERROR_SHAPE, "eye");
    CHECK(tp_is_poison(tp_zeros(TP_F64, 2, NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "shape is NULL");
    CHECK(tp_is_poison(tp_zeros((tp_dtype)TP_DTYPES, TP_SHAPE(2))));
    CHECK_ERROR(TP_ERROR_DTYPE, "8 is not an element type");
    CHECK(tp_is_poison(tp_array(TP_F64, TP_SHAPE(2), NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "array: data is NULL");
    CHECK_INT(tp_size(tp_array(TP_F64, TP_SHAPE(0), NULL)), 0);
    CHECK(tp_is_poison(tp_zeros(TP_F64, TP_SHAPE(INT64_MAX / 2, 4))));
    CHECK_ERROR(TP_ERROR_MEMORY, "larger than memory");
}

TEST(array_copies)
{
    for
        EACH(s, sizes)
        {
            double data[100];
            for (int i = 0; i < 100; i++)
                data[i] = i + 0.5;
            tp_var *v = tp_array(TP_F64, TP_SHAPE(sizes[s]), data);
            memset(data, 0, sizeof data);
            for (int64_t i = 0; i < sizes[s]; i++)
                CHECK_BITS(at(v, i), (double)i + 0.5);
        }
    CHECK_ELEMENTS(tp_array(TP_U8, TP_SHAPE(2), (const uint8_t[]){3, 255}), 3, 255);
    CHECK_ELEMENTS(tp_array(TP_F32, TP_SHAPE(2), (const float[]){0.1f, -2}), (double)0.1f, -2);
    tp_var *big = tp_array(TP_I64, TP_SHAPE(2), (const int64_t[]){INT64_MIN, INT64_MAX});
    const int64_t *integers = tp_data(big);
    CHECK(integers[0] == INT64_MIN && integers[1] == INT64_MAX);
}

TEST(variable_copies_and_needs_a_floating_type)
{
    for
        EACH(s, sizes)
        {
            tp_var *from = counting(TP_F32, TP_SHAPE(sizes[s])), *x = tp_variable(from);
            tp_mul_(from, 10);
            CHECK_BITS(at(x, 0), 1);
            CHECK_INT(tp_dtype_of(x), TP_F32);
            CHECK(tp_requires_grad(x) && !tp_requires_grad(from));
            tp_var *y = tp_variable(tp_mul(x, 3));
            CHECK_INT(tp_generation(y), 0);
            tp_backward(y);
            CHECK(tp_grad(x) == NULL);
            CHECK_BITS(at(tp_grad(y), 0), 1);
        }
    tp_var *turned = tp_variable(tp_transpose(counting(TP_F64, TP_SHAPE(2, 3)), 0, 1));
    CHECK_ELEMENTS(turned, 1, 4, 2, 5, 3, 6);
    CHECK(tp_data_(turned) != NULL);
    CHECK_INT(tp_dtype_of(tp_variable(2)), TP_F64);
    CHECK_INT(tp_dtype_of(tp_variable(2.5f)), TP_F64);
    tp_variable(tp_zeros(TP_I64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_DTYPE, "variable: a value of int64");
    tp_variable(tp_zeros(TP_U8, TP_SHAPE()));
    CHECK_ERROR(TP_ERROR_DTYPE, "variable: a value of uint8");
    TP_NO_GRAD();
    CHECK(tp_requires_grad(tp_variable(1.0)));
}

TEST(numbers_weak_and_not)
{
    tp_var *single = tp_full(TP_F32, TP_SHAPE(), 2);
    CHECK_INT(tp_dtype_of(tp_add(single, tp_num(1))), TP_F32);
    CHECK_INT(tp_dtype_of(tp_add(single, tp_num_int(1))), TP_F32);
    CHECK_INT(tp_dtype_of(tp_add(single, tp_scalar(1))), TP_F64);
    CHECK_INT(tp_dtype_of(tp_add(tp_num_int(1), tp_num_int(1))), TP_F64);
    CHECK_INT(tp_ndim(tp_num(1)), 0);
    tp_var *zero = tp_zeros(TP_I64, TP_SHAPE(1));
    const int64_t exact[] = {INT64_MAX, INT64_MIN, (INT64_C(1) << 53) + 1, -3};
    for
        EACH(i, exact)
        {
            tp_var *sum = tp_add(zero, tp_num_int(exact[i]));
            CHECK(*(const int64_t *)tp_data(sum) == exact[i]);
            CHECK(*(const int64_t *)tp_data(tp_to(tp_num_int(exact[i]), TP_I64)) == exact[i]);
        }
}

/* Lengths and values that NumPy 1.24 gives. */
TEST(arange_steps_from_start)
{
    static const struct {
        double start, stop, step;
        int64_t n;
        double last;
    } cases[] = {{0, 1, 0.1, 10, 0.9}, {0.1, 1, 0.1, 9, 0.9},
                 {5, 0, -1.5, 4, 0.5}, {-2, 2, 0.3, 14, 1.9},
                 {1, 2, 0.1, 10, 1.9}, {0, 0.3, 0.1, 3, 0.2},
                 {0, 0, 1, 0, 0},      {1, 0, 1, 0, 0},
                 {0, 1, -1, 0, 0},     {0, 1e6, 1, 1000000, 999999}};
    for
        EACH(c, cases)
        {
            TP_SCOPE();
            double start = cases[c].start, step = cases[c].step;
            tp_var *v = tp_arange(TP_F64, start, cases[c].stop, step);
            CHECK_INT(tp_len(v), cases[c].n);
            const double *x = tp_data(v);
            for (int64_t i = 0; i < tp_len(v); i += 1 + tp_len(v) / 20)
                CHECK_BITS(x[i], start + (double)i * step);
            if (tp_len(v))
                CHECK_CLOSE(x[tp_len(v) - 1], cases[c].last, 1e-15);
        }
    CHECK_ELEMENTS(tp_arange(TP_I64, 5, -5, -3), 5, 2, -1, -4);
    CHECK_ELEMENTS(tp_arange(TP_U8, 250, 255, 2), 250, 252, 254);
    CHECK_ELEMENTS(tp_arange(TP_F32, 0, 0.4, 0.1), 0, (double)0.1f, (double)0.2f,
                   (double)(float)(3 * 0.1));
}

TEST(arange_refuses_what_has_no_end)
{
    const double bad[][3] = {{0, 1, 0},           {0, 0, 0},           {0, HUGE_VAL, 1},
                             {(double)NAN, 1, 1}, {0, 1, (double)NAN}, {0, 1, 1e-300}};
    for
        EACH(i, bad)
        {
            CHECK(tp_is_poison(tp_arange(TP_F64, bad[i][0], bad[i][1], bad[i][2])));
            CHECK_ERROR(TP_ERROR_ARGUMENT, "arange");
        }
}

TEST(linspace_holds_both_ends)
{
    CHECK_ELEMENTS(tp_linspace(TP_F64, 0, 1, 11), 0.0, 0.1, 0.2, 0.30000000000000004, 0.4, 0.5,
                   0.6000000000000001, 0.7000000000000001, 0.8, 0.9, 1.0);
    CHECK_ELEMENTS(tp_linspace(TP_F64, -1, 1, 6), -1.0, -0.6, -0.19999999999999996,
                   0.20000000000000018, 0.6000000000000001, 1.0);
    CHECK_ELEMENTS(tp_linspace(TP_F64, 5, -5, 3), 5, 0, -5);
    CHECK_ELEMENTS(tp_linspace(TP_F64, 2, 3, 1), 2);
    CHECK_INT(tp_len(tp_linspace(TP_F64, 2, 3, 0)), 0);
    tp_var *wide = tp_linspace(TP_F64, -7, 7, 200);
    CHECK_BITS(at(wide, 1), -6.9296482412060305);
    CHECK_BITS(at(wide, 197), 6.859296482412061);
    CHECK_BITS(at(wide, 199), 7);
    CHECK_ELEMENTS(tp_linspace(TP_F32, 0, 1, 7), 0.0, 0.1666666716337204, 0.3333333432674408, 0.5,
                   0.6666666865348816, 0.8333333134651184, 1.0);
    CHECK_ELEMENTS(tp_linspace(TP_I64, 0, 10, 4), 0, 3, 6, 10);
    tp_linspace(TP_F64, 0, 1, -1);
    CHECK_ERROR(TP_ERROR_SHAPE, "linspace");
}

/* --- Wrapping memory --- */

static void count_release(void *arg)
{
    ++*(int *)arg;
}

TEST(from_memory_shares_the_elements)
{
    double memory[12];
    int released = 0;
    for (int i = 0; i < 12; i++)
        memory[i] = i;
    {
        TP_SCOPE();
        tp_var *v = tp_from_memory(TP_F64, TP_SHAPE(3, 4), NULL, memory, count_release, &released);
        CHECK(tp_data(v) == memory && tp_data_(v) == memory);
        memory[5] = 50;
        CHECK_BITS(tp_item(tp_select(tp_select(v, 0, 1), 0, 1)), 50);
        tp_add_(v, 1);
        CHECK_BITS(memory[11], 12);
        CHECK_BITS(tp_item(tp_sum(v)), 66 + 45 + 12);
        CHECK_INT(released, 0);
    }
    CHECK_INT(released, 1);
}

/* A buffer of the caller's becomes a parameter: it is read, differentiated and stepped where it
 * lies. PyTorch's requires_grad_ has the same refusals; turning an array on that was used is
 * possible there, and then without a gradient from what was recorded before. */
TEST(memory_becomes_a_variable_in_place)
{
    double memory[] = {1, 2, 3};
    int released = 0;
    {
        TP_SCOPE();
        tp_var *v = tp_from_memory(TP_F64, TP_SHAPE(3), NULL, memory, count_release, &released);
        CHECK(tp_requires_grad_(v, true) == v && tp_requires_grad(v));
        {
            TP_SCOPE();
            tp_backward(tp_sum(tp_square(v)));
            CHECK_ELEMENTS(tp_grad(v), 2, 4, 6);
            tp_sub_(v, tp_mul(0.25, tp_grad(v)));
            CHECK(tp_data(v) == memory && memory[0] == 0.5 && memory[1] == 1 && memory[2] == 1.5);
            tp_var *cubes = tp_pow(v, 3), *gradient = tp_gradient(cubes, v, .create_graph = true);
            CHECK_ELEMENTS(tp_gradient(gradient, v), 3, 6, 9);
            tp_cleargrad(v);
        }
        CHECK(tp_requires_grad_(v, false) == v && !tp_requires_grad(v));
        CHECK(!tp_requires_grad(tp_square(v)));
        CHECK_INT(released, 0);
    }
    CHECK_INT(released, 1);
}

TEST(any_leaf_of_a_floating_type_becomes_a_variable)
{
    tp_var *number = tp_requires_grad_(tp_num_int(2), true);
    CHECK_BITS(tp_item(tp_gradient(tp_pow(number, 3), number)), 12);
    CHECK_INT(tp_dtype_of(tp_add(number, tp_ones(TP_F32, TP_SHAPE()))), TP_F64);
    tp_var *x = tp_variable(tp_ones(TP_F32, TP_SHAPE(5000))), *y;
    {
        TP_NO_GRAD();
        y = tp_mul(3, x);
    }
    tp_requires_grad_(y, true);
    CHECK_BITS(at(tp_gradient(tp_square(y), y), 4999), 6);
    tp_var *half = tp_slice(tp_full(TP_BF16, TP_SHAPE(4), 2), 0, 0, 4, 2);
    CHECK_ELEMENTS(tp_gradient(tp_square(tp_requires_grad_(half, true)), half), 4, 4);
    tp_var *copy = tp_requires_grad_(tp_keep(tp_detach(x)), true);
    CHECK_BITS(at(tp_gradient(tp_mul(copy, x), copy), 7), 1);
    tp_free(copy);
}

TEST(what_does_not_become_a_variable)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(3))), *c = tp_ones(TP_F64, TP_SHAPE(3));
    tp_requires_grad_(tp_square(x), false);
    CHECK_ERROR(TP_ERROR_GRAPH, "requires_grad_: a value that a recorded operation made");
    tp_requires_grad_(tp_slice(x, 0, 0, 2, 1), true);
    CHECK_ERROR(TP_ERROR_GRAPH, "such as a view of a variable");
    tp_var *counts = tp_ones(TP_I64, TP_SHAPE(3)); /* a constant is none of the errors */
    CHECK(tp_requires_grad_(counts, false) == counts);
    tp_requires_grad_(counts, true);
    CHECK_ERROR(TP_ERROR_DTYPE, "a value of int64 cannot be differentiated");
    tp_var *shared = tp_share(tp_ones(TP_F64, TP_SHAPE(3)));
    tp_requires_grad_(shared, true);
    CHECK_ERROR(TP_ERROR_GRAPH, "is shared between threads");
    tp_var *y = tp_mul(x, c);
    tp_set_name(c, "c");
    CHECK(tp_is_poison(tp_requires_grad_(c, true)));
    CHECK_ERROR(TP_ERROR_GRAPH, "recorded operations have taken a value (c) as it was");
    CHECK_ELEMENTS(tp_gradient(y, x), 1, 1, 1);
    CHECK(tp_requires_grad_(x, true) == x);
    tp_requires_grad_(NULL, true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "requires_grad_");
}

TEST(from_memory_takes_any_strides)
{
    double memory[] = {0, 1, 2, 3, 4, 5};
    tp_var *columns =
        tp_from_memory(TP_F64, TP_SHAPE(3, 2), (const int64_t[]){1, 3}, memory, NULL, NULL);
    CHECK_ELEMENTS(columns, 0, 3, 1, 4, 2, 5);
    tp_var *back =
        tp_from_memory(TP_F64, TP_SHAPE(6), (const int64_t[]){-1}, memory + 5, NULL, NULL);
    CHECK_ELEMENTS(back, 5, 4, 3, 2, 1, 0);
    CHECK_ELEMENTS(tp_slice(back, 0, 1, 6, 2), 4, 2, 0);
    tp_var *twice =
        tp_from_memory(TP_F64, TP_SHAPE(2, 3), (const int64_t[]){0, 1}, memory, NULL, NULL);
    CHECK_ELEMENTS(twice, 0, 1, 2, 0, 1, 2);
    CHECK_BITS(tp_item(tp_sum(twice)), 6);
    tp_var *window =
        tp_from_memory(TP_F64, TP_SHAPE(5, 2), (const int64_t[]){1, 1}, memory, NULL, NULL);
    CHECK_ELEMENTS(tp_sub(tp_select(window, 1, 1), tp_select(window, 1, 0)), 1, 1, 1, 1, 1);
    CHECK(tp_data_(back) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "contiguous");
    tp_mul_(back, tp_arange(TP_F64, 0, 6, 1));
    CHECK(memory[5] == 0 && memory[4] == 4 && memory[3] == 6 && memory[0] == 0);
    tp_add_(twice, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add_");
    uint8_t bytes[] = {1, 2, 3};
    CHECK_ELEMENTS(tp_from_memory(TP_U8, TP_SHAPE(2), (const int64_t[]){-2}, bytes + 2, NULL, NULL),
                   3, 1);
    tp_var *none = tp_from_memory(TP_F64, TP_SHAPE(0, 3), NULL, memory, NULL, NULL);
    CHECK_INT(tp_size(none), 0);
    CHECK_BITS(tp_item(tp_sum(none)), 0);
}

TEST(from_memory_releases_after_the_last_user)
{
    for (int kind = 0; kind < 5; kind++) {
        float memory[] = {1, 2, 3, 4, 5, 6};
        int released = 0;
        tp_var *user;
        {
            TP_SCOPE();
            tp_var *v =
                tp_from_memory(TP_F32, TP_SHAPE(2, 3), NULL, memory, count_release, &released);
            user = kind == 0   ? tp_transpose(v, 0, 1)
                   : kind == 1 ? tp_detach(v)
                   : kind == 2 ? tp_mul(tp_variable(v), v)
                   : kind == 3 ? tp_select(tp_select(v, 0, 0), 0, 1)
                               : v;
            tp_keep(user);
        }
        CHECK_INT(released, 0);
        tp_free(user);
        CHECK_INT(released, 1);
    }
}

TEST(from_memory_releases_at_once_on_an_error)
{
    double memory[1] = {0};
    int released = 0;
    CHECK(
        tp_is_poison(tp_from_memory(TP_F64, TP_SHAPE(-1), NULL, memory, count_release, &released)));
    CHECK_ERROR(TP_ERROR_SHAPE, "from_memory");
    CHECK_INT(released, 1);
    tp_from_memory(TP_F64, TP_SHAPE(1), NULL, NULL, count_release, &released);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "from_memory: data is NULL");
    CHECK_INT(released, 2);
    tp_from_memory((tp_dtype)-1, TP_SHAPE(1), NULL, memory, count_release, &released);
    CHECK_ERROR(TP_ERROR_DTYPE, "from_memory");
    CHECK_INT(released, 3);
    tp_from_memory(TP_F64, 1, NULL, NULL, memory, count_release, &released);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "from_memory: shape is NULL");
    CHECK_INT(released, 4);
    tp_from_memory(TP_F64, 9, NULL, NULL, memory, NULL, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "from_memory: 9 dimensions");
}

/* --- Reading --- */

TEST(item_is_the_only_element)
{
    for
        EACH(d, element_types)
        {
            CHECK_BITS(tp_item(tp_full(element_types[d], TP_SHAPE(), 3)), 3);
            CHECK_BITS(tp_item(tp_full(element_types[d], TP_SHAPE(1, 1, 1), 3)), 3);
        }
    CHECK_BITS(tp_item(tp_select(counting(TP_F64, TP_SHAPE(9)), 0, 4)), 5);
    CHECK(isnan(tp_item(tp_zeros(TP_F64, TP_SHAPE(2)))));
    CHECK_ERROR(TP_ERROR_SHAPE, "item: shape (2,) has 2 elements");
    CHECK(isnan(tp_item(tp_zeros(TP_F64, TP_SHAPE(0)))));
    CHECK_ERROR(TP_ERROR_SHAPE, "item: shape (0,)");
}

TEST(data_of_views_is_row_major)
{
    for
        EACH(d, element_types)
        {
            tp_var *v = counting(element_types[d], TP_SHAPE(2, 3));
            CHECK(tp_data(v) == tp_data(v));
            CHECK_ELEMENTS(tp_transpose(v, 0, 1), 1, 4, 2, 5, 3, 6);
            CHECK_ELEMENTS(tp_slice(v, 1, 0, 3, 2), 1, 3, 4, 6);
            CHECK_ELEMENTS(tp_slice(v, 0, 1, 2, 1), 4, 5, 6);
            CHECK_ELEMENTS(tp_select(v, 1, -1), 3, 6);
            CHECK_ELEMENTS(tp_broadcast_to(tp_select(v, 0, 0), TP_SHAPE(2, 3)), 1, 2, 3, 1, 2, 3);
            CHECK_ELEMENTS(tp_permute(tp_unsqueeze(v, 0), TP_SHAPE(2, 0, 1)), 1, 4, 2, 5, 3, 6);
        }
}

TEST(data_of_a_strided_view_belongs_to_the_scope)
{
    tp_var *turned = tp_transpose(counting(TP_F64, TP_SHAPE(20, 30)), 0, 1);
    size_t live = tp_live();
    {
        TP_SCOPE();
        tp_data(turned);
        CHECK_INT(tp_live(), live + 1);
    }
    CHECK_INT(tp_live(), live);
}

TEST(sizes_and_types)
{
    tp_var *v = tp_zeros(TP_U8, TP_SHAPE(4, 2, 3));
    CHECK_SHAPE(v, 4, 2, 3);
    CHECK_INT(tp_ndim(v), 3);
    CHECK_INT(tp_size(v), 24);
    CHECK_INT(tp_dtype_of(v), TP_U8);
    CHECK_INT(tp_len(v), 4);
    CHECK_INT(tp_len(tp_zeros(TP_F64, TP_SHAPE(0, 3))), 0);
    tp_len(tp_scalar(1));
    CHECK_ERROR(TP_ERROR_SHAPE, "len");
    CHECK_TEXT(tp_dtype_name(TP_F32), "float32");
    CHECK_TEXT(tp_dtype_name(TP_F64), "float64");
    CHECK_TEXT(tp_dtype_name(TP_I64), "int64");
    CHECK_TEXT(tp_dtype_name(TP_U8), "uint8");
    CHECK_TEXT(tp_version(), TP_VERSION);
}

TEST(to_converts_elements)
{
    const double values[] = {-1.9, 2.9, 257.9, -3, 0, 1e10};
    tp_var *v = tp_array(TP_F64, TP_SHAPE(6), values);
    CHECK_ELEMENTS(tp_to(v, TP_I64), -1, 2, 257, -3, 0, 1e10);
    CHECK_ELEMENTS(tp_to(v, TP_U8), 255, 2, 1, 253, 0, (double)(10000000000 % 256));
    CHECK_ELEMENTS(tp_to(v, TP_F32), (double)-1.9f, (double)2.9f, (double)257.9f, -3, 0, 1e10);
    CHECK_ELEMENTS(tp_to(tp_array(TP_I64, TP_SHAPE(2), (const int64_t[]){-1, 511}), TP_U8), 255,
                   255);
    tp_var *strange = tp_array(TP_F64, TP_SHAPE(3), ((double[]){(double)NAN, HUGE_VAL, -1e30}));
    CHECK_ELEMENTS(tp_to(strange, TP_I64), (double)INT64_MIN, (double)INT64_MIN, (double)INT64_MIN);
    CHECK_ELEMENTS(tp_to(strange, TP_I32), 0, 0, 0);
    CHECK_ELEMENTS(tp_to(strange, TP_U8), 0, 0, 0);
    CHECK_ELEMENTS(tp_to(strange, TP_BOOL), 1, 1, 1);
    CHECK(tp_to(v, TP_F64) == v);
    tp_var *same = tp_scalar(1), *plain = tp_num(1);
    CHECK(tp_to(same, TP_F64) == same && tp_to(plain, TP_F64) != plain);
    CHECK_INT(tp_dtype_of(tp_add(tp_to(tp_num(1), TP_F64), tp_full(TP_F32, TP_SHAPE(), 1))),
              TP_F64);
    CHECK_ELEMENTS(tp_to(tp_transpose(counting(TP_I64, TP_SHAPE(2, 2)), 0, 1), TP_F32), 1, 3, 2, 4);
    tp_to(v, TP_DTYPES);
    CHECK_ERROR(TP_ERROR_DTYPE, "to");
    tp_var *x = tp_variable(v);
    tp_var *y = tp_to(tp_mul(tp_to(x, TP_F32), 2), TP_F64), *g = tp_gradient(y, x);
    CHECK_INT(tp_dtype_of(g), TP_F64);
    CHECK_ELEMENTS(g, 2, 2, 2, 2, 2, 2);
    CHECK(!tp_requires_grad(tp_to(x, TP_I64)));
}

TEST(names_are_copied)
{
    char text[] = "weight";
    tp_var *x = tp_variable(1.0);
    CHECK(tp_name(x) == NULL);
    tp_set_name(x, text);
    text[0] = 'W';
    CHECK_TEXT(tp_name(x), "weight");
    CHECK(tp_name(tp_detach(x)) == NULL);
    tp_set_name(x, "");
    CHECK_TEXT(tp_name(x), "");
    tp_set_name(x, tp_name(x));
    tp_set_name(x, "weight");
    tp_set_name(x, tp_name(x));
    CHECK_TEXT(tp_name(x), "weight");
    tp_set_name(x, NULL);
    CHECK(tp_name(x) == NULL);
}

TEST(wrapped_memory_larger_than_can_be_counted_is_an_error)
{
    double memory = 1;
    tp_var *v = tp_from_memory(TP_F64, TP_SHAPE(INT64_C(1) << 40, INT64_C(1) << 40),
                               (const int64_t[]){0, 0}, &memory, NULL, NULL);
    CHECK(tp_is_poison(v));
    CHECK(tp_status() != TP_OK);
    tp_clear_error();
    v = tp_broadcast_to(tp_scalar(1), TP_SHAPE(INT64_C(1) << 40, INT64_C(1) << 40));
    CHECK(tp_is_poison(v));
    CHECK(tp_status() != TP_OK);
    tp_clear_error();
}

/* NumPy: np.arange(1, 1.3, 0.1) has 4 elements, the last 1.3; np.arange(2**53, 2**53 + 4). */
TEST(arange_counts_as_numpy_does)
{
    tp_var *v = tp_arange(TP_F64, 1, 1.3, 0.1), *w = tp_arange(TP_I64, 0x1p53, 0x1p53 + 4, 1);
    CHECK_INT(tp_size(v), 4);
    CHECK_CLOSE(((const double *)tp_data(v))[3], 1.3, 1e-15);
    CHECK_INT(((const int64_t *)tp_data(w))[1], (INT64_C(1) << 53) + 1);
    CHECK_INT(((const int64_t *)tp_data(w))[3], (INT64_C(1) << 53) + 3);
    w = tp_arange(TP_I64, -0x1p62, 0x1p62 + 0x1p52, 0x1p63);
    CHECK_INT(tp_size(w), 2);
    CHECK_INT(((const int64_t *)tp_data(w))[1], INT64_C(1) << 62);
    tp_arange(TP_U8, 250, 260, 1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "arange: 259 is not a number of uint8");
}

TEST(linspace_is_finite_between_finite_ends)
{
    const double expected[] = {-1e308, -0.5e308, 0, 0.5e308, 1e308};
    const double *v = tp_data(tp_linspace(TP_F64, -1e308, 1e308, 5));
    for (int i = 0; i < 5; i++)
        CHECK(fabs(v[i] - expected[i]) <= 1e293);
    CHECK_BITS(v[0], -1e308);
    CHECK_BITS(v[4], 1e308);
    tp_linspace(TP_F64, 0, (double)INFINITY, 3);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "linspace: from 0 to inf, expected finite numbers");
}

TEST(memory_is_aligned_for_its_type)
{
    static double memory[3];
    int released = 0;
    tp_from_memory(TP_F64, TP_SHAPE(2), NULL, (char *)memory + 2, count_release, &released);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "is no address of float64, expected a multiple of ");
    CHECK_INT(released, 1);
    CHECK(!tp_is_poison(tp_from_memory(TP_F32, TP_SHAPE(2), NULL, (char *)memory + 4, NULL, NULL)));
}
