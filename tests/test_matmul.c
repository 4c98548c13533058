/* SPDX-License-Identifier: MIT
 *
 * Products of matrices against a double loop in double, in every layout; and what a backend must
 * keep: NaN and infinity, no look at old elements, the same bits for any number of threads.
 */
#include "harness.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"

/* --- The judge --- */

/* shape ← the leading axes of v, in ndim of them, broadcast; then its matrix. */
static tp_var *matmul_spread(tp_var *v, int ndim, const int64_t *lead)
{
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, lead, (size_t)ndim * sizeof *shape);
    memcpy(shape + ndim, tp_shape(v) + tp_ndim(v) - 2, 2 * sizeof *shape);
    return tp_broadcast_to(v, ndim + 2, shape);
}

/* Element number i of the product; *bound is the sum of the magnitudes. */
static double matmul_element(tp_var *y, const void *a, const void *b, int64_t k, int64_t i,
                             double *bound)
{
    tp_dtype dtype = tp_dtype_of(y);
    int64_t n = tp_shape(y)[tp_ndim(y) - 1], m = tp_shape(y)[tp_ndim(y) - 2];
    int64_t matrix = i / (m * n), row = i / n % m, column = i % n;
    double sum = 0;
    *bound = 0;
    for (int64_t p = 0; p < k; p++) {
        double term = element(dtype, a, (matrix * m + row) * k + p) *
                      element(dtype, b, (matrix * k + p) * n + column);
        sum += term;
        *bound += fabs(term);
    }
    return sum;
}

/* tp_matmul(a, b) of two or more dimensions is right, up to k roundings; of large ones, some
 * elements. */
static bool matmul_is_right(tp_var *a, tp_var *b)
{
    TP_SCOPE();
    tp_var *y = tp_matmul(a, b);
    int ndim = tp_ndim(y) - 2;
    tp_dtype dtype = tp_dtype_of(y);
    int64_t k = tp_shape(a)[tp_ndim(a) - 1], size = tp_size(y);
    const void *rows = tp_data(matmul_spread(tp_to(a, dtype), ndim, tp_shape(y)));
    const void *columns = tp_data(matmul_spread(tp_to(b, dtype), ndim, tp_shape(y)));
    const void *data = tp_data(y);
    double ulp = dtype == TP_F32 ? (double)FLT_EPSILON : dtype == TP_F64 ? DBL_EPSILON : 0;
    int64_t step =
        (double)size * (double)k > 3e5 ? 1 + (int64_t)((double)size * (double)k / 3e5) : 1;
    for (int64_t i = 0; data && i < size; i += step) {
        double bound, expected = matmul_element(y, rows, columns, k, i, &bound);
        double difference = fabs(element(dtype, data, i) - expected);
        if (!(difference <= ulp * (double)(k + 2) * bound))
            return test_check(false, __FILE__, __LINE__, "element %lld is %.17g, expected %.17g",
                              (long long)i, element(dtype, data, i), expected);
    }
    return CHECK(data || size == 0);
}

/* --- Layouts --- */

enum { MATMUL_POOL = 1 << 20 };

static float matmul_f32[MATMUL_POOL];
static double matmul_f64[MATMUL_POOL];
static int64_t matmul_i64[MATMUL_POOL];
static uint8_t matmul_u8[MATMUL_POOL];

static double matmul_random(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (double)(state >> 33) / (double)(UINT64_C(1) << 30) - 1;
}

static char *matmul_pool(tp_dtype dtype)
{
    static bool filled;
    for (int i = 0; !filled && i < MATMUL_POOL; i++) {
        matmul_f32[i] = (float)matmul_random();
        matmul_f64[i] = matmul_random();
        matmul_i64[i] = (int64_t)(1000 * matmul_random());
        matmul_u8[i] = (uint8_t)(128 + 127 * matmul_random());
    }
    filled = true;
    return dtype == TP_F32   ? (char *)matmul_f32
           : dtype == TP_F64 ? (char *)matmul_f64
           : dtype == TP_I64 ? (char *)matmul_i64
                             : (char *)matmul_u8;
}

enum {
    ROWS,
    COLUMNS,
    WIDE,
    TALL,
    STEPS,
    BACKWARDS,
    COLUMNS_BACKWARDS,
    SAME_ROW,
    SAME_COLUMN,
    SAME_ELEMENT,
    OVERLAPPING,
    LAYOUTS
};

static tp_var *matmul_matrix(tp_dtype dtype, int64_t rows, int64_t columns, int layout)
{
    const int64_t strides[LAYOUTS][2] = {
        [ROWS] = {columns, 1},      [COLUMNS] = {1, rows},
        [WIDE] = {columns + 7, 1},  [TALL] = {1, rows + 5},
        [STEPS] = {2 * columns, 2}, [BACKWARDS] = {-columns, -1},
        [SAME_ROW] = {0, 1},        [COLUMNS_BACKWARDS] = {1, -rows},
        [SAME_COLUMN] = {1, 0},     [SAME_ELEMENT] = {0, 0},
        [OVERLAPPING] = {1, 1},
    };
    const size_t size = dtype == TP_F32 ? 4 : dtype == TP_U8 ? 1 : 8;
    const int64_t *stride = strides[layout];
    int64_t start = 13;
    if (stride[0] < 0)
        start -= (rows - 1) * stride[0];
    if (stride[1] < 0)
        start -= (columns - 1) * stride[1];
    return tp_from_memory(dtype, TP_SHAPE(rows, columns), stride,
                          matmul_pool(dtype) + (size_t)start * size, NULL, NULL);
}

static void matmul_all_layouts(tp_dtype dtype, const int64_t *size)
{
    for (int i = 0; i < LAYOUTS; i++)
        for (int j = test_short() ? i % 3 : 0; j < LAYOUTS; j += test_short() ? 3 : 1) {
            TP_SCOPE();
            tp_var *a = matmul_matrix(dtype, size[0], size[2], i);
            tp_var *b = matmul_matrix(dtype, size[2], size[1], j);
            if (!CHECK(matmul_is_right(a, b))) {
                fprintf(stderr, "    type %d, m, n, k %lld, %lld, %lld, layouts %d, %d\n", dtype,
                        (long long)size[0], (long long)size[1], (long long)size[2], i, j);
                return;
            }
        }
}

TEST(layouts_and_sizes)
{
    static const int64_t sizes[][3] = {
        {1, 1, 1},    {2, 2, 2},    {2, 3, 4},    {3, 3, 3},    {1, 7, 5},    {7, 1, 5},
        {5, 6, 1},    {1, 1, 40},   {1, 40, 1},   {40, 1, 1},   {33, 1, 40},  {1, 40, 33},
        {17, 19, 23}, {48, 64, 16}, {49, 65, 33}, {31, 90, 70}, {2, 33, 100},
    };
    for
        EACH(type, element_types)
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i += test_short() ? 4 : 1)
        matmul_all_layouts(element_types[type], sizes[i]);
}

TEST(layouts_of_large_matrices)
{
    static const int64_t sizes[][3] = {
        {101, 101, 101}, {130, 70, 300}, {97, 129, 400}, {3, 600, 600}, {20, 30, 1700},
        {600, 3, 600},   {1, 500, 700},  {500, 1, 700},  {520, 530, 9},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i += test_short() ? 4 : 1) {
        matmul_all_layouts(TP_F32, sizes[i]);
        if (!test_short())
            matmul_all_layouts(TP_F64, sizes[i]);
    }
}

TEST(slices_and_transposes)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(60, 80)), *y = tp_randn(TP_F64, TP_SHAPE(80, 60));
    tp_var *odd = tp_slice(tp_slice(x, 0, 1, INT64_MAX, 2), 1, 3, 70, 3);
    tp_var *part = tp_slice(tp_slice(y, 0, 5, 28, 1), 1, 0, INT64_MAX, 1);
    CHECK(matmul_is_right(odd, part));
    CHECK(matmul_is_right(tp_transpose(part, 0, 1), tp_transpose(odd, 0, 1)));
    CHECK(matmul_is_right(odd, tp_slice(tp_transpose(x, 0, 1), 0, 0, 23, 1)));
    CHECK(matmul_is_right(tp_broadcast_to(tp_select(x, 0, 3), TP_SHAPE(5, 80)), y));
    CHECK(matmul_is_right(tp_broadcast_to(tp_scalar(2), TP_SHAPE(5, 80)), y));
}

/* --- Empty, exact, special --- */

TEST(an_empty_sum_is_zero)
{
    for
        EACH(type, element_types)
        {
            tp_dtype dtype = element_types[type];
            {
                TP_SCOPE();
                tp_full(dtype == TP_U8 ? TP_I64 : dtype, TP_SHAPE(30, 40), 7);
            }
            tp_var *y =
                tp_matmul(tp_zeros(dtype, TP_SHAPE(30, 0)), tp_zeros(dtype, TP_SHAPE(0, 40)));
            for (int64_t i = 0; i < 1200; i++)
                CHECK_BITS(at(y, i), 0);
            CHECK_INT(
                tp_size(tp_matmul(tp_zeros(dtype, TP_SHAPE(0, 3)), tp_ones(dtype, TP_SHAPE(3, 4)))),
                0);
            CHECK_INT(tp_size(tp_matmul(tp_zeros(dtype, TP_SHAPE(0, 5, 3)),
                                        tp_ones(dtype, TP_SHAPE(3, 4)))),
                      0);
            y = tp_matmul(tp_zeros(dtype, TP_SHAPE(2, 3, 0)), tp_ones(dtype, TP_SHAPE(0, 2)));
            CHECK_INT(tp_size(y), 12);
            for (int64_t i = 0; i < 12; i++)
                CHECK_BITS(at(y, i), 0);
        }
}

TEST(integers_wrap)
{
    int64_t big[] = {INT64_MAX, INT64_MAX}, factors[] = {2, 4};
    tp_var *y =
        tp_matmul(tp_array(TP_I64, TP_SHAPE(1, 2), big), tp_array(TP_I64, TP_SHAPE(2, 1), factors));
    CHECK_INT(*(const int64_t *)tp_data(y), -6);
}

/* The kind of a number: what NaN and infinity become does not depend on the kernel. */
static int matmul_kind(double x)
{
    return isnan(x) ? 2 : isinf(x) ? (x > 0 ? 1 : -1) : 0;
}

static void matmul_special(tp_dtype dtype, int64_t m, int64_t n, int64_t k, bool transposed)
{
    TP_SCOPE();
    tp_var *a = tp_ones(dtype, TP_SHAPE(m, k));
    tp_var *b = transposed ? tp_ones(dtype, TP_SHAPE(n, k)) : tp_ones(dtype, TP_SHAPE(k, n));
    const double specials[] = {0, HUGE_VAL, (double)NAN, -HUGE_VAL};
    for (int i = 0; i < 4; i++) {
        TP_SCOPE();
        int64_t row = i * (m - 1) / 3, column = (3 - i) * (n - 1) / 3, at_k = i * (k - 1) / 3;
        tp_var *row_a = tp_select(a, 0, row), *b_k = tp_select(b, transposed ? 1 : 0, at_k);
        tp_copy_(tp_slice(row_a, 0, at_k, at_k + 1, 1), i % 2 ? specials[i] : 0);
        tp_copy_(tp_slice(b_k, 0, column, column + 1, 1), specials[3 - i]);
    }
    tp_var *right = transposed ? tp_transpose(b, 0, 1) : b, *y = tp_matmul(a, right);
    const void *rows = tp_data(a), *columns = tp_data(right), *data = tp_data(y);
    for (int64_t i = 0; i < m * n; i++) {
        double bound, expected = matmul_element(y, rows, columns, k, i, &bound);
        if (!CHECK(matmul_kind(element(dtype, data, i)) == matmul_kind(expected)))
            return;
    }
}

TEST(nan_and_infinity_pass_on)
{
    static const int64_t sizes[][3] = {{2, 2, 2},    {3, 4, 5},     {1, 40, 50},    {40, 1, 50},
                                       {40, 50, 1},  {40, 40, 40},  {130, 120, 90}, {150, 150, 300},
                                       {1, 20, 900}, {300, 2, 1500}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i += test_short() ? 2 : 1)
        for (int transposed = 0; transposed < 2; transposed++) {
            matmul_special(TP_F32, sizes[i][0], sizes[i][1], sizes[i][2], transposed);
            matmul_special(TP_F64, sizes[i][0], sizes[i][1], sizes[i][2], transposed);
        }
}

TEST(old_elements_are_not_looked_at)
{
    static const int64_t sizes[][3] = {{1, 300, 20}, {300, 1, 20},    {20, 30, 40},
                                       {90, 90, 90}, {130, 120, 300}, {300, 300, 2}};
    for
        EACH(i, sizes)
        {
            int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
            for (int type = 0; type < 2; type++) {
                TP_SCOPE();
                tp_dtype dtype = element_types[type];
                tp_var *a = tp_ones(dtype, TP_SHAPE(m, k)), *b = tp_ones(dtype, TP_SHAPE(k, n));
                {
                    TP_SCOPE();
                    tp_full(dtype, TP_SHAPE(m, n), (double)NAN);
                }
                tp_var *y = tp_matmul(a, b);
                for (int64_t e = 0; e < m * n; e++)
                    if (at(y, e) != (double)k) {
                        CHECK_BITS(at(y, e), (double)k);
                        break;
                    }
            }
        }
}

/* --- Batches --- */

TEST(batches)
{
    for (int type = 0; type < 3; type++) {
        TP_SCOPE();
        tp_dtype dtype = element_types[type];
        tp_var *a = tp_to(tp_mul(10, tp_randn(TP_F64, TP_SHAPE(3, 4, 5, 6))), dtype);
        tp_var *b = tp_to(tp_mul(10, tp_randn(TP_F64, TP_SHAPE(3, 4, 6, 7))), dtype);
        CHECK(matmul_is_right(a, b));
        CHECK(matmul_is_right(a, tp_select(b, 0, 1)));
        CHECK(matmul_is_right(tp_select(a, 0, 1), b));
        CHECK(matmul_is_right(a, tp_slice(b, 1, 2, 3, 1)));
        CHECK(matmul_is_right(tp_slice(a, 0, 2, 3, 1), tp_slice(b, 1, 2, 3, 1)));
        CHECK(matmul_is_right(tp_select(tp_select(a, 0, 1), 0, 2), b));
        CHECK(matmul_is_right(tp_transpose(b, -1, -2), tp_transpose(a, -1, -2)));
        CHECK(matmul_is_right(tp_slice(a, 3, 0, INT64_MAX, 2), tp_slice(b, 2, 1, INT64_MAX, 2)));
        CHECK(matmul_is_right(tp_transpose(tp_transpose(a, 0, 2), 0, 2), b));
        tp_var *turned = tp_permute(a, 4, (int64_t[]){2, 3, 0, 1}); /* (5, 6, 3, 4) */
        CHECK(matmul_is_right(turned, tp_to(tp_randn(TP_F64, TP_SHAPE(5, 6, 4, 2)), dtype)));
        tp_var *steps =
            tp_broadcast_to(tp_slice(tp_select(a, 0, 0), 2, 0, 6, 2), TP_SHAPE(9, 4, 5, 3));
        CHECK(matmul_is_right(steps, tp_slice(tp_select(b, 0, 0), 1, 0, 3, 1)));
    }
}

TEST(batches_of_large_and_of_many_matrices)
{
    tp_var *a = tp_randn(TP_F32, TP_SHAPE(3, 90, 130)),
           *b = tp_randn(TP_F32, TP_SHAPE(3, 130, 110));
    CHECK(matmul_is_right(a, b));
    CHECK(matmul_is_right(tp_transpose(b, 1, 2), tp_transpose(a, 1, 2)));
    a = tp_randn(TP_F64, TP_SHAPE(1500, 3, 4)), b = tp_randn(TP_F64, TP_SHAPE(1500, 4, 2));
    CHECK(matmul_is_right(a, b));
}

TEST(a_matrix_for_all_of_a_batch)
{
    for (int type = 0; type < 3; type++) {
        TP_SCOPE();
        tp_dtype dtype = element_types[type];
        tp_var *a = tp_to(tp_mul(10, tp_randn(TP_F64, TP_SHAPE(3, 4, 5, 6))), dtype);
        tp_var *b = tp_to(tp_mul(10, tp_randn(TP_F64, TP_SHAPE(6, 7))), dtype);
        CHECK(matmul_is_right(a, b));
        CHECK(matmul_is_right(tp_transpose(a, 0, 1), b));
        CHECK(matmul_is_right(tp_transpose(a, 1, 2), b));
        CHECK(matmul_is_right(tp_slice(a, 2, 1, INT64_MAX, 2), b));
        CHECK(matmul_is_right(tp_slice(a, 3, 1, INT64_MAX, 2), tp_slice(b, 0, 1, INT64_MAX, 2)));
        CHECK(matmul_is_right(tp_broadcast_to(tp_select(a, 0, 0), TP_SHAPE(8, 4, 5, 6)), b));
        CHECK(matmul_is_right(tp_slice(a, 2, 0, 1, 1), b));
        CHECK(
            matmul_is_right(tp_transpose(tp_slice(a, 3, 0, 5, 1), 2, 3), tp_slice(b, 0, 0, 5, 1)));
    }
}

TEST(a_batch_times_a_matrix_is_one_product_in_the_drawing)
{
    tp_var *a = tp_variable(tp_randn(TP_F64, TP_SHAPE(3, 4, 5)));
    tp_var *b = tp_variable(tp_randn(TP_F64, TP_SHAPE(5, 2)));
    char *text = tp_get_dot_graph(tp_matmul(a, b), false);
    int boxes = 0;
    for (const char *at = text; at && (at = strstr(at, "shape=box")); at++)
        boxes++;
    CHECK_INT(boxes, 1);
    free(text);
}

/* --- Gradients --- */

static double matmul_loss(tp_var *a, tp_var *b, tp_var *weights)
{
    TP_SCOPE();
    return tp_item(tp_sum(tp_mul(tp_matmul(a, b), weights)));
}

/* The gradient of a bilinear function by central differences has no error but rounding. */
static void matmul_difference(tp_var *x, tp_var *gradient, tp_var *a, tp_var *b, tp_var *weights)
{
    for (int64_t i = 0; i < tp_size(x); i++) {
        TP_SCOPE();
        double old = at(x, i);
        ((double *)tp_data_(x))[i] = old + 0.5;
        double above = matmul_loss(a, b, weights);
        ((double *)tp_data_(x))[i] = old - 0.5;
        double below = matmul_loss(a, b, weights);
        ((double *)tp_data_(x))[i] = old;
        CHECK_CLOSE(at(gradient, i), above - below, 1e-12);
    }
}

static void matmul_gradients(tp_var *a, tp_var *b)
{
    TP_SCOPE();
    a = tp_variable(a), b = tp_variable(b);
    tp_var *y = tp_matmul(a, b), *weights = tp_randn(TP_F64, tp_ndim(y), tp_shape(y));
    tp_backward(tp_sum(tp_mul(y, weights)));
    matmul_difference(a, tp_grad(a), a, b, weights);
    matmul_difference(b, tp_grad(b), a, b, weights);
}

TEST(gradients_are_differences)
{
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(3, 4)), tp_randn(TP_F64, TP_SHAPE(4, 5)));
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(2, 3, 4)), tp_randn(TP_F64, TP_SHAPE(4, 5)));
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(2, 1, 3, 4)), tp_randn(TP_F64, TP_SHAPE(4, 2)));
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(2, 3, 4)), tp_randn(TP_F64, TP_SHAPE(4)));
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(3, 4)), tp_randn(TP_F64, TP_SHAPE(2, 4, 5)));
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(2, 3, 4)), tp_randn(TP_F64, TP_SHAPE(2, 4, 5)));
    matmul_gradients(tp_randn(TP_F64, TP_SHAPE(3, 1, 2, 4)), tp_randn(TP_F64, TP_SHAPE(2, 4, 2)));
}

/* The penalty sum(g²), g the gradient for a, has gradients again. */
TEST(second_gradients_are_differences)
{
    tp_var *a = tp_variable(tp_randn(TP_F64, TP_SHAPE(2, 3, 4)));
    tp_var *b = tp_variable(tp_randn(TP_F64, TP_SHAPE(4, 5)));
    tp_var *g = tp_gradient(tp_sum(tp_square(tp_matmul(a, b))), b, .create_graph = true);
    tp_var *gb = tp_gradient(tp_sum(tp_square(g)), b);
    /* g = 2 Aᵀ A b with A the rows of a, so the gradient of sum(g²) is 8 (Aᵀ A)² b. */
    tp_var *rows = tp_reshape(a, TP_SHAPE(6, 4)),
           *square = tp_matmul(tp_transpose(rows, 0, 1), rows);
    tp_var *expected = tp_mul(8, tp_matmul(square, tp_matmul(square, b)));
    for (int64_t i = 0; i < 20; i++)
        CHECK_CLOSE(at(gb, i), at(expected, i), 1e-12);
}

/* --- Threads, memory --- */

static bool matmul_same_bits(tp_var *a, tp_var *b)
{
    TP_SCOPE();
    tp_set_num_threads(1);
    tp_var *one = tp_matmul(a, b);
    size_t bytes = (size_t)tp_size(one) * (tp_dtype_of(one) == TP_F32 ? 4 : 8);
    for (int threads = 2; threads <= 4; threads += 2) {
        tp_set_num_threads(threads);
        tp_var *more = tp_matmul(a, b);
        if (!CHECK(!memcmp(tp_data(one), tp_data(more), bytes)))
            return false;
    }
    return true;
}

TEST(the_same_bits_for_any_number_of_threads)
{
    static const int64_t sizes[][3] = {
        {1, 1, 70000},   {1, 3000, 800},  {3000, 1, 800},  {1200, 1100, 1}, {130, 130, 130},
        {127, 131, 137}, {128, 256, 784}, {128, 784, 256}, {256, 784, 128}, {32, 256, 784},
        {48, 64, 1000},  {49, 65, 1001},  {33, 31, 977},   {5, 7, 30000},   {400, 390, 410},
        {600, 610, 50},  {513, 100, 511}, {1030, 300, 90}, {90, 1030, 500}, {700, 210, 1},
        {3, 40000, 1},   {40000, 3, 1},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int layout = 0; layout < 4; layout++)
            for (int type = 0; type < (layout == (int)i % 4 ? 2 : 1); type++) {
                TP_SCOPE();
                int64_t m = sizes[i][0], n = sizes[i][1], k = sizes[i][2];
                tp_dtype dtype = element_types[type];
                if (test_short() && (m * n * k > 4000000 || m * k + k * n + m * n > 200000))
                    continue;
                tp_var *a = layout & 1 ? tp_transpose(tp_randn(dtype, TP_SHAPE(k, m)), 0, 1)
                                       : tp_randn(dtype, TP_SHAPE(m, k));
                tp_var *b = layout & 2 ? tp_transpose(tp_randn(dtype, TP_SHAPE(n, k)), 0, 1)
                                       : tp_randn(dtype, TP_SHAPE(k, n));
                if (!CHECK(matmul_same_bits(a, b)) || !CHECK(matmul_is_right(a, b)))
                    fprintf(stderr, "    type %d, m, n, k %lld, %lld, %lld, layout %d\n", dtype,
                            (long long)m, (long long)n, (long long)k, layout);
            }
    tp_set_num_threads(2);
}

TEST(the_same_bits_of_batches)
{
    int64_t many = test_short() ? 300 : 3000;
    for (int type = 0; type < 2; type++) {
        TP_SCOPE();
        tp_dtype dtype = element_types[type];
        tp_var *a = tp_randn(dtype, TP_SHAPE(5, 100, 120)),
               *b = tp_randn(dtype, TP_SHAPE(5, 120, 110));
        CHECK(matmul_same_bits(a, b));
        CHECK(matmul_same_bits(a, tp_select(b, 0, 0)));
        CHECK(matmul_same_bits(tp_transpose(b, 1, 2), tp_transpose(a, 1, 2)));
        CHECK(matmul_same_bits(tp_randn(dtype, TP_SHAPE(many, 8, 9)),
                               tp_randn(dtype, TP_SHAPE(many, 9, 10))));
    }
    tp_set_num_threads(4);
    tp_var *a = tp_to(tp_mul(50, tp_randn(TP_F64, TP_SHAPE(90, 80))), TP_I64);
    CHECK(matmul_is_right(a, tp_transpose(a, 0, 1)));
    tp_set_num_threads(2);
}

TEST(out_of_memory)
{
    tp_var *a = matmul_matrix(TP_F64, 30, 40, STEPS), *b = matmul_matrix(TP_F64, 40, 30, SAME_ROW);
    for (int n = 1;; n++) {
        TP_SCOPE();
        tp_trim_memory();
        tp__alloc_fail_at((size_t)n);
        tp_var *y = tp_matmul(a, b);
        tp__alloc_fail_at(0);
        if (!tp_is_poison(y))
            break;
        CHECK_ERROR(TP_ERROR_MEMORY, "");
        if (!CHECK(n < 100))
            break;
    }
}

TEST(a_broadcast_operand_with_leading_axes)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(4, 5, 6)));
    tp_var *w = tp_variable(tp_ones(TP_F64, TP_SHAPE(6, 7)));
    tp_backward(tp_sum(tp_matmul(x, w)));
    const double *g = tp_data(tp_grad(x));
    for (int i = 0; i < 4 * 5 * 6; i++)
        CHECK_BITS(g[i], 7);
    tp_var *rows = tp_slice(tp_ones(TP_F64, TP_SHAPE(5, 12)), 1, 0, 12, 2);
    const double *y = tp_data(tp_matmul(tp_broadcast_to(rows, TP_SHAPE(4, 5, 6)), w));
    for (int i = 0; i < 4 * 5 * 7; i++)
        CHECK_BITS(y[i], 6);
}
