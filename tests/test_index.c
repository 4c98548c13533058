/* SPDX-License-Identifier: MIT
 *
 * Picking by index: bad indices, repeated ones, types. Expected values are NumPy's take_along_axis
 * and add.at.
 */
#include "elements.h"

static tp_var *indices(int n, const int64_t *values)
{
    return tp_array(TP_I64, TP_SHAPE(n), values);
}

/* Sums of many parts keep float32's digits, as the gradients of embeddings and of picked rows. */
TEST(many_parts_of_one_place_are_added_up)
{
    enum { MANY = 3000000 };
    tp_var *x = tp_variable(tp_ones(TP_F32, TP_SHAPE(1))),
           *parts = tp_full(TP_F32, TP_SHAPE(MANY), 0.1);
    tp_var *picked = tp_index_select(x, 0, tp_zeros(TP_I64, TP_SHAPE(MANY)));
    double sum = (double)MANY * (double)0.1f;
    CHECK_CLOSE(tp_item(tp_gradient(picked, x, .gradient = parts)) / sum, 1, 1e-7);
    tp_var *weight = tp_variable(tp_ones(TP_BF16, TP_SHAPE(2, 1)));
    tp_var *rows = tp_embedding(tp_zeros(TP_I64, TP_SHAPE(1000)), weight);
    CHECK_ELEMENTS(tp_gradient(rows, weight), 1000, 0);
}

/* Single elements, in pieces that threads take: against a plain loop. */
TEST(gathered_elements_are_those_of_the_index)
{
    static const int64_t shape[] = {40, 90, 30}, picked[] = {40, 60, 30};
    static const tp_dtype types[] = {TP_F32, TP_F64, TP_I64, TP_U8, TP_I32, TP_BF16};
    for (int axis = 0; axis < 3; axis++)
        for
            EACH(d, types)
            {
                TP_SCOPE();
                tp_var *x = tp_to(tp_randint(0, 250, 3, shape), types[d]);
                tp_var *index = tp_randint(0, shape[axis], 3, picked);
                tp_var *y = tp_gather(x, axis, index);
                const int64_t *k = tp_data(index);
                int wrong = 0;
                for (int64_t i = 0; i < tp_size(y); i++) {
                    int64_t place[] = {i / 30 / 60, i / 30 % 60, i % 30};
                    place[axis] = k[i];
                    wrong += at(y, i) != at(x, (place[0] * 90 + place[1]) * 30 + place[2]);
                }
                CHECK_INT(wrong, 0);
            }
}

TEST(repeated_rows_add_their_gradients)
{
    tp_var *weight = tp_variable(counting(TP_F64, TP_SHAPE(3, 2)));
    tp_var *rows = tp_embedding(indices(4, (int64_t[]){2, 0, 2, 2}), weight);
    CHECK_ELEMENTS(rows, 5, 6, 1, 2, 5, 6, 5, 6);
    CHECK_ELEMENTS(tp_gradient(rows, weight), 1, 1, 0, 0, 3, 3);
    tp_var *g = tp_gradient(tp_square(rows), weight, .create_graph = true);
    CHECK_ELEMENTS(g, 2, 4, 0, 0, 30, 36);
    CHECK_ELEMENTS(tp_gradient(g, weight), 2, 2, 0, 0, 6, 6);
}

TEST(indices_out_of_range_are_errors)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(3));
    CHECK(tp_is_poison(tp_gather(x, 0, indices(2, (int64_t[]){0, 3}))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "gather: index 3 is out of range for axis 0 of size 3");
    CHECK(tp_is_poison(
        tp_scatter_add(x, 0, indices(1, (int64_t[]){-1}), tp_ones(TP_F64, TP_SHAPE(1)))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "scatter_add: index -1 is out of range for axis 0 of size 3");
    CHECK(tp_is_poison(tp_gather(x, 0, tp_zeros(TP_F64, TP_SHAPE(1)))));
    CHECK_ERROR(TP_ERROR_DTYPE, "gather: the index is float64, expected integers");
    CHECK(tp_is_poison(tp_gather(x, 0, tp_zeros(TP_I64, TP_SHAPE(1, 1)))));
    CHECK_ERROR(TP_ERROR_SHAPE, "gather: an index of shape (1, 1) does not fit shape (3,)");
    CHECK(tp_is_poison(
        tp_scatter_add(x, 0, indices(1, (int64_t[]){0}), tp_ones(TP_F64, TP_SHAPE(2)))));
    CHECK_ERROR(TP_ERROR_SHAPE, "scatter_add: the part has shape (2,), expected the index's, (1,)");
    CHECK(tp_is_poison(tp_index_select(x, 1, indices(1, (int64_t[]){0}))));
    CHECK_ERROR(TP_ERROR_SHAPE, "index_select: axis 1");
}

/* NumPy: zeros((3, 0)).take([3], 0) is an IndexError. */
TEST(rows_without_elements_have_numbers_too)
{
    tp_var *x = tp_variable(tp_zeros(TP_F64, TP_SHAPE(3, 0))),
           *good = indices(2, (int64_t[]){2, 0});
    tp_var *bad = indices(2, (int64_t[]){0, 3}), *narrow = tp_zeros(TP_F32, TP_SHAPE(0, 2, 4));
    CHECK(tp_is_poison(tp_index_select(x, 0, bad)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "index_select: index 3 is out of range for axis 0 of size 3");
    CHECK(tp_is_poison(tp_index_select(narrow, -2, tp_neg(good))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "index_select: index -2 is out of range for axis 1 of size 2");
    CHECK(tp_is_poison(tp_embedding(tp_reshape(bad, TP_SHAPE(2, 1)), x)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "embedding: index 3 is out of range for axis 0 of size 3");
    CHECK(tp_is_poison(tp_index_add(x, 0, bad, tp_zeros(TP_F64, TP_SHAPE(2, 0)))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "index_add: index 3 is out of range for axis 0 of size 3");
    CHECK(tp_is_poison(tp_index_select(x, 0, tp_ones(TP_F64, TP_SHAPE(1)))));
    CHECK_ERROR(TP_ERROR_DTYPE, "the index is float64, expected integers");
    CHECK_SHAPE(tp_index_select(x, 0, good), 2, 0);
    CHECK_SHAPE(tp_index_select(x, 1, indices(0, NULL)), 3, 0);
    CHECK_SHAPE(tp_embedding(tp_reshape(good, TP_SHAPE(2, 1)), x), 2, 1, 0);
    CHECK_SHAPE(tp_index_add(x, 0, good, tp_zeros(TP_F64, TP_SHAPE(2, 0))), 3, 0);
}

TEST(the_last_of_several_parts_stays)
{
    tp_var *x = tp_variable(tp_zeros(TP_F64, TP_SHAPE(3))),
           *part = tp_variable(counting(TP_F64, TP_SHAPE(3)));
    tp_var *y = tp_scatter(x, 0, indices(3, (int64_t[]){1, 0, 1}), part);
    CHECK_ELEMENTS(y, 2, 3, 0);
    CHECK_ELEMENTS(tp_gradient(y, x), 0, 0, 1);
    tp_var *g = tp_gradient(tp_square(y), part, .create_graph = true);
    CHECK_ELEMENTS(g, 0, 4, 6);
    CHECK_ELEMENTS(tp_gradient(g, part), 0, 2, 2);
}

TEST(any_type_is_gathered)
{
    for (tp_dtype dtype = TP_F32; dtype < TP_DTYPES; dtype++) {
        tp_var *x = tp_to(tp_arange(TP_F64, 0, 4, 1), dtype);
        tp_var *y = tp_gather(x, 0, tp_to(indices(3, (int64_t[]){1, 0, 1}), TP_I32));
        CHECK_INT(tp_dtype_of(y), dtype);
        CHECK_ELEMENTS(y, 1, 0, 1);
        tp_var *z = tp_scatter_add(tp_zeros(dtype, TP_SHAPE(2)), 0, indices(2, (int64_t[]){1, 1}),
                                   tp_ones(dtype, TP_SHAPE(2)));
        CHECK_INT(tp_dtype_of(z), dtype);
        CHECK_ELEMENTS(z, 0, dtype == TP_BOOL ? 1 : 2);
    }
}

TEST(large_tables_are_gathered_by_rows)
{
    enum { ROWS = 300, COLUMNS = 40, PICKED = 500 };
    int64_t picked[PICKED];
    for (int i = 0; i < PICKED; i++)
        picked[i] = (int64_t)i * 7919 % ROWS;
    tp_var *x = counting(TP_F32, TP_SHAPE(ROWS, COLUMNS));
    tp_var *y = tp_index_select(tp_transpose(x, 0, 1), 1, indices(PICKED, picked));
    CHECK_SHAPE(y, COLUMNS, PICKED);
    const float *at = tp_data(y);
    bool same = true;
    for (int c = 0; c < COLUMNS; c++)
        for (int i = 0; i < PICKED; i++)
            same = same && at[c * PICKED + i] == (float)(picked[i] * COLUMNS + c + 1);
    CHECK(same);
}

/* Sums over rows, picked one by one or taken as slices. */
static tp_var *rows_one_by_one(tp_var *x, int64_t n, bool picked)
{
    tp_var *sum = NULL;
    for (int64_t i = 0; i < n; i++) {
        int64_t at = i * 7 % tp_shape(x)[0];
        tp_var *row = picked ? tp_index_select(x, 0, tp_array(TP_I64, TP_SHAPE(1), &at))
                             : tp_slice(x, 0, at, at + 1, 1);
        tp_var *term = tp_sum(tp_mul(tp_sin(row), (double)(i + 1)));
        sum = sum ? tp_add(sum, term) : term;
    }
    return sum;
}

TEST(rows_picked_one_by_one_to_three_orders)
{
    static const int64_t counts[] = {1, 3, 4, 9, 40};
    for
        EACH(c, counts)
        {
            TP_SCOPE();
            tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(12, 3))), *y[2];
            for (int way = 0; way < 2; way++) {
                y[way] = rows_one_by_one(x, counts[c], way);
                for (int order = 0; order < 3; order++)
                    y[way] = tp_gradient(tp_sum(tp_mul(y[way], 2)), x, .create_graph = true);
            }
            CHECK(tp_item(tp_max(tp_abs(tp_sub(y[0], y[1])))) < 1e-9);
            CHECK(tp_item(tp_max(tp_abs(y[0]))) > 0);
        }
    /* Along another axis, of an index that repeats itself, beside a use of all elements. */
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(4, 40))), *sum = tp_sum(tp_pow(x, 3));
    int64_t places[][2] = {{3, 3}, {39, 0}, {3, 7}, {8, 8}, {1, 39}};
    double times[40] = {0};
    for
        EACH(p, places)
        {
            tp_var *index = tp_array(TP_I64, TP_SHAPE(2), places[p]);
            sum = tp_add(sum, tp_sum(tp_pow(tp_index_select(x, 1, index), 2)));
            times[places[p][0]]++, times[places[p][1]]++;
        }
    tp_var *g = tp_gradient(sum, x, .create_graph = true), *h = tp_gradient(g, x);
    for (int64_t i = 0; i < 160; i++) {
        CHECK_CLOSE(at(g, i), 3 * at(x, i) * at(x, i) + 2 * times[i % 40] * at(x, i), 1e-13);
        CHECK_CLOSE(at(h, i), 6 * at(x, i) + 2 * times[i % 40], 1e-13);
    }
}

/* An array of x's size for each row would be 128 MB. */
TEST(a_recorded_row_takes_no_array_of_all_rows)
{
    enum { ROWS = 2000 };
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(ROWS, 4)));
    tp_var *y = rows_one_by_one(x, ROWS, true);
    size_t before = tp_memory_stats().in_use;
    tp_reset_peak();
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    CHECK_CLOSE(at(g, 28), cos(1) * 2, 1e-15);
    CHECK(tp_memory_stats().peak - before < 16000000);
}
