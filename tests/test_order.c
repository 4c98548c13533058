/* SPDX-License-Identifier: MIT
 *
 * Scans and sorting: stability, NaN, zeros, long lines. Expected orders are NumPy's, kind = stable.
 */
#include <math.h>
#include <stdlib.h>

#include "elements.h"

TEST(products_of_zeros_have_derivatives)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(4), ((double[]){2, 0, 3, 0})));
    CHECK_ELEMENTS(tp_cumprod(x, 0), 2, 0, 0, 0);
    tp_var *g = tp_gradient(tp_cumprod(x, 0), x, .create_graph = true);
    CHECK_ELEMENTS(g, 1, 8, 0, 0);
    CHECK_ELEMENTS(tp_gradient(tp_select(g, 0, 1), x), 4, 0, 2, 6);
    CHECK_ELEMENTS(tp_cumsum(tp_full(TP_U8, TP_SHAPE(3), 200), 0), 200, 400, 600);
    CHECK_ELEMENTS(tp_cumprod(tp_full(TP_U8, TP_SHAPE(3), 20), 0), 20, 400, 8000);
}

TEST(equal_elements_keep_their_order)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(6), ((double[]){2, 1, 2, (double)NAN, 1, 2}));
    CHECK_ELEMENTS(tp_argsort(x, 0, false), 1, 4, 0, 2, 5, 3);
    CHECK_ELEMENTS(tp_argsort(x, 0, true), 3, 0, 2, 5, 1, 4);
    CHECK_BITS(tp_item(tp_argmax(x, 0)), 3);
    tp_var *y = tp_slice(x, 0, 0, 3, 1);
    CHECK_BITS(tp_item(tp_argmax(y, 0)), 0);
    CHECK_BITS(tp_item(tp_argmin(y, 0)), 1);
}

/* Above 2⁵³ neighbours are one float64. */
TEST(large_integers_are_told_apart)
{
    const int64_t at[] = {(INT64_C(1) << 53) + 1, INT64_C(1) << 53, INT64_MIN, INT64_MAX,
                          INT64_MAX - 1};
    tp_var *x = tp_array(TP_I64, TP_SHAPE(5), at), *places;
    CHECK_ELEMENTS(tp_argsort(x, 0, false), 2, 1, 0, 4, 3);
    CHECK_ELEMENTS(tp_argsort(x, 0, true), 3, 4, 0, 1, 2);
    CHECK(((const int64_t *)tp_data(tp_median(x, 0)))[0] == at[0]);
    const int64_t *top = tp_data(tp_topk(x, 2, 0, true, &places));
    CHECK(top[0] == at[3] && top[1] == at[4]);
    CHECK_ELEMENTS(places, 3, 4);
    CHECK_BITS(tp_item(tp_argmax(x, 0)), 3);
    tp_var *zeros = tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.0, -0.0, -1}));
    CHECK_ELEMENTS(tp_argsort(zeros, 0, false), 2, 0, 1);
}

/* Exact in every type: sums of small integers, by their closed form. */
TEST(sums_of_lines_of_every_length_and_number)
{
    static const int64_t shapes[][2] = {{1, 7}, {5, 120}, {6, 121}, {9, 500}, {300, 3}, {40, 1100}};
    for
        EACH(s, shapes)
    for
        EACH(d, element_types)
    for (int axis = 0; axis < 2; axis++) {
        TP_SCOPE();
        tp_dtype dtype = element_types[d];
        int64_t n = shapes[s][0], m = shapes[s][1];
        tp_var *row = tp_reshape(tp_arange(TP_I64, 0, (double)m, 1), TP_SHAPE(1, m));
        tp_var *column = tp_reshape(tp_arange(TP_I64, 0, (double)n, 1), TP_SHAPE(n, 1));
        tp_var *one = axis ? column : row, *x = tp_to(tp_add(tp_mul(one, 0), 1), dtype);
        x = tp_broadcast_to(x, 2, shapes[s]);
        tp_var *y = tp_cumsum(x, axis);
        for (int64_t i = 0; i < n * m; i++)
            CHECK_BITS(at(y, i), (double)(axis ? i % m : i / m) + 1);
        if (dtype != TP_F32 && dtype != TP_F64)
            continue;
        tp_var *v = tp_variable(x), *g = tp_gradient(tp_cumsum(v, axis), v);
        for (int64_t i = 0; i < n * m; i++)
            CHECK_BITS(at(g, i), (double)(axis ? m - i % m : n - i / m));
    }
}

static int64_t plain_place(tp_var *x, int64_t first, int64_t step, int64_t n, bool largest)
{
    int64_t best = 0;
    for (int64_t k = 1; k < n; k++) {
        double a = at(x, first + k * step), b = at(x, first + best * step);
        best = b == b && (a != a || (largest ? a > b : a < b)) ? k : best;
    }
    return best;
}

TEST(places_of_extremes_are_the_first_of_equals)
{
    static const tp_dtype types[] = {TP_F32,  TP_F64, TP_I64, TP_U8,
                                     TP_BOOL, TP_I32, TP_F16, TP_BF16};
    static const int64_t shapes[][2] = {{1, 1},    {3, 20},   {7, 64},  {2, 700}, {600, 5},
                                        {3, 1030}, {130, 33}, {150, 9}, {70, 600}};
    for
        EACH(s, shapes)
    for
        EACH(d, types)
    for (int nan = 0; nan < 2; nan++) {
        TP_SCOPE();
        int64_t n = shapes[s][0], m = shapes[s][1];
        tp_var *x = tp_to(tp_randint(0, 200, 2, shapes[s]), TP_F32);
        if (nan)
            x = tp_where(tp_eq(x, 77), (double)NAN, x);
        if (nan && types[d] != TP_F32 && types[d] != TP_F64 && types[d] != TP_F16)
            continue;
        x = tp_to(x, types[d]);
        tp_var *places[2][2];
        for (int axis = 0; axis < 2; axis++)
            places[axis][0] = tp_argmin(x, axis), places[axis][1] = tp_argmax(x, axis);
        for (int largest = 0; largest < 2; largest++) {
            for (int64_t i = 0; i < n; i++)
                CHECK_INT(at(places[1][largest], i), plain_place(x, i * m, 1, m, largest));
            for (int64_t j = 0; j < m; j++)
                CHECK_INT(at(places[0][largest], j), plain_place(x, j, m, n, largest));
        }
    }
    tp_var *cube = counting(TP_F64, TP_SHAPE(2, 3, 4));
    CHECK_SHAPE(tp_argmax(cube, 0), 3, 4);
    CHECK_SHAPE(tp_argmax(cube, 1), 2, 4);
    CHECK_ELEMENTS(tp_argmax(tp_sin(cube), 1), 0, 0, 1, 1, 2, 0, 0, 1);
}

/* As in PyTorch, a number is a line of one element where an axis is named. */
TEST(numbers_have_an_axis_of_one_element)
{
    for (int axis = -1; axis < 1; axis++) {
        TP_SCOPE();
        tp_var *x = tp_variable(3.0), *places;
        CHECK_BITS(tp_item(tp_softmax(x, axis)), 1);
        CHECK_BITS(tp_item(tp_log_softmax(x, axis)), 0);
        CHECK_BITS(tp_item(tp_cumsum(x, axis)), 3);
        CHECK_BITS(tp_item(tp_gradient(tp_cumprod(x, axis), x)), 1);
        CHECK_BITS(tp_item(tp_sort(x, axis, true, &places)), 3);
        CHECK_INT(tp_ndim(places), 0);
        CHECK_BITS(tp_item(tp_topk(x, 1, axis, true, &places)), 3);
        CHECK_BITS(tp_item(places), 0);
        CHECK_BITS(tp_item(tp_argsort(x, axis, false)), 0);
        CHECK_BITS(tp_item(tp_median(x, axis)), 3);
        CHECK_BITS(tp_item(tp_argmax(x, axis)), 0);
        CHECK_BITS(tp_item(tp_roll(x, 5, axis)), 3);
        CHECK_BITS(tp_item(tp_squeeze(x, axis)), 3);
        CHECK_BITS(tp_item(tp_transpose(x, axis, axis)), 3);
        CHECK_BITS(tp_item(tp_sum(x, .axes = TP_AXES(axis))), 3);
        CHECK_BITS(tp_item(tp_prod(x, .axes = TP_AXES(axis))), 3);
        CHECK_BITS(tp_item(tp_norm(x, 2, .axes = TP_AXES(axis))), 3);
        CHECK_INT(tp_ndim(tp_softmax(x, axis)), 0);
        tp_softmax(x, 1);
        CHECK_ERROR(TP_ERROR_SHAPE, "softmax: axis 1 is out of range");
    }
    tp_select(tp_scalar(1), 0, 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "select");
}

TEST(places_of_extremes_along_an_axis)
{
    tp_var *x = tp_array(TP_F32, TP_SHAPE(2, 3), ((float[]){1, 5, 5, 7, 0, 2}));
    CHECK_ELEMENTS(tp_argmax(x, 1), 1, 0);
    CHECK_ELEMENTS(tp_argmin(x, 0), 0, 1, 1);
    CHECK_INT(tp_dtype_of(tp_argmax(x, 1)), TP_I64);
    tp_argmax(tp_zeros(TP_F64, TP_SHAPE(2, 0)), 1);
    CHECK_ERROR(TP_ERROR_SHAPE, "argmax: x has shape (2, 0), expected elements along axis 1");
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

TEST(long_lines_are_sorted)
{
    enum { N = 1001 };
    double expected[N];
    tp_manual_seed(4);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(N, 2))), *positions;
    tp_var *y = tp_sort(x, 0, false, &positions);
    for (int column = 0; column < 2; column++) {
        for (int i = 0; i < N; i++)
            expected[i] = at(x, 2 * i + column);
        qsort(expected, N, sizeof *expected, ascending);
        bool same = true;
        for (int i = 0; i < N; i++)
            same = same && at(y, 2 * i + column) == expected[i];
        CHECK(same);
        tp_var *middle = tp_median(x, 0);
        CHECK_BITS(at(middle, column), expected[N / 2]);
    }
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(N, 2)), *g = tp_gradient(tp_mul(w, y), x);
    tp_var *back = tp_gather(g, 0, positions);
    CHECK_BITS(tp_item(tp_sum(tp_abs(tp_sub(back, w)))), 0);
}

/* Wherever it stands, and its gradient says where. */
/* Rounded once, from products in float64; integers wrap. */
TEST(products_of_lines_of_every_length_and_number)
{
    static const int64_t shapes[][2] = {{5, 300}, {300, 5}, {1, 9}, {2, 1100}, {7, 33}, {40, 1100}};
    static const tp_dtype types[] = {TP_F32, TP_F64, TP_I64, TP_U8};
    for
        EACH(s, shapes)
    for
        EACH(d, types)
    for (int axis = 0; axis < 2; axis++) {
        TP_SCOPE();
        const int64_t rows = shapes[s][0], columns = shapes[s][1], n = axis ? columns : rows;
        tp_var *x = tp_to(tp_randint(1, 4, 2, shapes[s]), types[d]);
        if (types[d] <= TP_F64)
            x = tp_mul(x, 0.51);
        tp_var *y = tp_cumprod(x, axis);
        int64_t wrong = 0;
        for (int64_t line = 0; line < rows * columns / n; line++) {
            double product = 1;
            uint64_t whole = 1;
            for (int64_t i = 0; i < n; i++) {
                int64_t k = axis ? line * columns + i : i * columns + line;
                product *= at(x, k);
                whole *= (uint64_t)at(x, k);
                if (types[d] == TP_F32)
                    wrong += at(y, k) != (double)(float)product;
                else if (types[d] == TP_F64)
                    wrong += at(y, k) != product;
                else
                    wrong += ((const uint64_t *)tp_data(y))[k] != whole;
            }
        }
        CHECK_INT(wrong, 0);
    }
}

/* A stable sort by insertion of positions, and what topk takes of it, for lines of every length:
 * with equals, zeros of both signs, NaN, numbers beyond float64's whole ones, along both axes. */
static bool goes_before(tp_var *x, int64_t a, int64_t b, bool descending)
{
    if (tp_dtype_of(x) == TP_I64) {
        const int64_t *v = tp_data(x);
        return descending ? v[a] > v[b] : v[a] < v[b];
    }
    double p = at(x, a), q = at(x, b);
    if (descending)
        return isnan(p) ? !isnan(q) : p > q;
    return isnan(q) ? !isnan(p) : p < q;
}

static void check_order(tp_var *x, int axis, bool descending, int64_t k)
{
    const int64_t rows = tp_shape(x)[0], columns = tp_shape(x)[1], n = axis ? columns : rows;
    const int64_t step = axis ? 1 : columns, lines = axis ? rows : columns;
    tp_var *all = tp_argsort(x, axis, descending), *first;
    tp_topk(x, k, axis, descending, &first);
    int64_t order[4000], wrong = 0;
    for (int64_t line = 0; line < lines; line++) {
        int64_t base = axis ? line * columns : line;
        for (int64_t i = 0; i < n; i++) {
            int64_t j = i;
            for (; j > 0 && goes_before(x, base + i * step, base + order[j - 1] * step, descending);
                 j--)
                order[j] = order[j - 1];
            order[j] = i;
        }
        for (int64_t i = 0; i < n; i++)
            wrong += (int64_t)at(all, base + i * step) != order[i];
        for (int64_t i = 0; i < k; i++)
            wrong += (int64_t)at(first, axis ? line * k + i : i * columns + line) != order[i];
    }
    CHECK_INT(wrong, 0);
}

TEST(lines_of_every_length_and_type_have_an_order)
{
    static const int64_t lengths[] = {1, 2, 3, 47, 48, 49, 64, 200, 513, 1500};
    static const tp_dtype types[] = {TP_F32, TP_F64, TP_I64, TP_U8, TP_I32, TP_F16};
    for
        EACH(s, lengths)
    for
        EACH(d, types)
    for (int descending = 0; descending < 2; descending++) {
        TP_SCOPE();
        const int64_t n = lengths[s];
        tp_var *x = tp_sub(tp_randint(0, d % 2 ? 300 : 40, TP_SHAPE(2, n)), d == 3 ? 0 : 15);
        if (types[d] == TP_I64)
            x = tp_add(x, (INT64_C(1) << 60) * 7);
        else
            x = tp_to(x, types[d]);
        if (types[d] <= TP_F64)
            x = tp_where(tp_eq(x, 5), (double)NAN, tp_where(tp_eq(x, 0), -0.0, x));
        int64_t k = n > 1 ? n / 9 + 1 : 0;
        check_order(x, 1, descending, k);
        check_order(tp_clone(tp_transpose(x, 0, 1)), 0, descending, k > 3 ? n : k);
    }
}

TEST(nan_is_the_median_the_largest_and_the_smallest)
{
    const double nan = (double)NAN;
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, nan, 0})));
    tp_var *y = tp_variable(tp_array(TP_F64, TP_SHAPE(4), ((double[]){1, nan, 3, nan})));
    tp_var *one = tp_ones(TP_F64, TP_SHAPE(4));
    CHECK(isnan(tp_item(tp_median(x, 0))));
    CHECK_ELEMENTS(tp_gradient(tp_median(x, 0), x), 0, 1, 0);
    CHECK(isnan(tp_item(tp_max(y))) && isnan(tp_item(tp_min(y))));
    CHECK_ELEMENTS(tp_gradient(tp_max(y), y), 0, 0.5, 0, 0.5);
    CHECK_ELEMENTS(tp_gradient(tp_min(y), y, .create_graph = true), 0, 0.5, 0, 0.5);
    CHECK_BITS(tp_item(tp_jvp(tp_max(y), y, one)), 1);
    tp_var *rows = tp_reshape(tp_arange(TP_F32, 0, 6, 1), TP_SHAPE(2, 3));
    CHECK_ELEMENTS(tp_median(rows, 1), 1, 4);
}

TEST(the_largest_are_in_order)
{
    tp_var *x = tp_array(TP_I64, TP_SHAPE(5), ((int64_t[]){3, 9, 1, 9, 4})), *positions;
    CHECK_ELEMENTS(tp_topk(x, 3, 0, true, &positions), 9, 9, 4);
    CHECK_ELEMENTS(positions, 1, 3, 4);
    CHECK_ELEMENTS(tp_topk(x, 2, 0, false, NULL), 1, 3);
    CHECK(tp_is_poison(tp_topk(x, 6, 0, true, &positions)) && tp_is_poison(positions));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "topk: 6 elements of axis 0 of size 5");
}
