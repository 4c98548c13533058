/* SPDX-License-Identifier: MIT
 *
 * Pooling and resampling beyond the table's small samples: against loops over all elements, in
 * all widths that fast kernels tell apart; ties, NaN and infinity; indices; sizes that are one
 * element; threads; messages; failing allocations.
 */
#include "harness.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"

/* --- The largest of 2 × 2 --- */

/* Whole numbers of a few values, so that many are equal, and some NaN. */
static tp_var *pool_array(tp_dtype dtype, int64_t planes, int64_t height, int64_t width)
{
    tp_var *x = tp_zeros(dtype, TP_SHAPE(planes, height, width));
    tp_var *noise = tp_rand(TP_F64, TP_SHAPE(planes, height, width));
    void *to = tp_data_(x);
    for (int64_t i = 0; i < tp_size(x); i++) {
        double value = floor(6 * at(noise, i)) - 2;
        tp__write_element(dtype, (char *)to + (size_t)i * tp__dtype_size(dtype),
                          value == 3 && i % 3 == 0 ? (double)NAN : value);
    }
    return x;
}

/* PyTorch's order: a later element wins if it is larger or NaN. */
static int64_t pool_judge(tp_var *x, int64_t width, int64_t first)
{
    const int64_t places[] = {first, first + 1, first + width, first + width + 1};
    int64_t best = places[0];
    for (int i = 1; i < 4; i++)
        if (at(x, places[i]) > at(x, best) || isnan(at(x, places[i])))
            best = places[i];
    return best;
}

static bool pool_quads_are_right(tp_dtype dtype, int64_t height, int64_t width)
{
    TP_SCOPE();
    tp_var *x = tp_variable(pool_array(dtype, 2, height, width)), *index;
    tp_var *y = tp_max_pool2d(x, TP_SHAPE(2), .indices = &index);
    tp_var *g = tp_randn(dtype, tp_ndim(y), tp_shape(y));
    tp_backward(y, .gradient = g);
    double *expected = calloc((size_t)tp_size(x), sizeof *expected);
    int64_t lines = height / 2, columns = width / 2;
    bool good = expected && CHECK(!tp_error());
    for (int64_t i = 0; i < tp_size(y) && good; i++) {
        int64_t plane = i / (lines * columns), line = i / columns % lines, column = i % columns;
        int64_t best = pool_judge(x, width, plane * height * width + 2 * line * width + 2 * column);
        expected[best] += at(g, i);
        good = CHECK(test_close(at(y, i), at(x, best), 0)) &&
               CHECK((int64_t)at(index, i) == best - plane * height * width);
    }
    for (int64_t i = 0; i < tp_size(x) && good; i++)
        good = CHECK(test_close(at(tp_grad(x), i), expected[i], 0));
    free(expected);
    if (!good)
        fprintf(stderr, "    %s, %lld × %lld\n", tp_dtype_name(dtype), (long long)height,
                (long long)width);
    return good;
}

TEST(windows_of_two_by_two)
{
    for (int64_t width = 2; width < 75; width += test_short() ? 5 : 1)
        if (!pool_quads_are_right(width % 3 ? TP_F32 : TP_F64, 2 + width % 4, width))
            return;
}

/* The last window of one axis has one line of x, beside an axis that windows fill. */
TEST(windows_of_two_by_two_past_one_edge)
{
    tp_var *tall = tp_variable(counting(TP_F32, TP_SHAPE(2, 3, 2)));
    tp_var *y = tp_max_pool2d(tall, TP_SHAPE(2), .ceil_mode = true);
    CHECK_ELEMENTS(y, 4, 6, 10, 12);
    tp_backward(tp_sum(y));
    CHECK_ELEMENTS(tp_grad(tall), 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1);
    tp_var *wide = tp_variable(counting(TP_F32, TP_SHAPE(2, 2, 3)));
    y = tp_max_pool2d(wide, TP_SHAPE(2), .ceil_mode = true);
    CHECK_ELEMENTS(y, 5, 6, 11, 12);
    tp_backward(tp_sum(y));
    CHECK_ELEMENTS(tp_grad(wide), 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1);
}

TEST(ties_and_nan)
{
    const double elements[] = {1, 1, 1, 1, (double)NAN, 5, 7, (double)NAN};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 2, 4), elements));
    tp_var *y = tp_max_pool1d(x, TP_SHAPE(4));
    CHECK_ELEMENTS(y, 1, (double)NAN);
    tp_backward(y);
    CHECK_ELEMENTS(tp_grad(x), 1, 0, 0, 0, 0, 0, 0, 1);
    tp_var *low = tp_full(TP_F32, TP_SHAPE(1, 2, 2), -HUGE_VAL);
    CHECK_BITS(tp_item(tp_max_pool2d(low, TP_SHAPE(2))), -HUGE_VAL);
}

/* A window that lies half in the padding sees x only. */
TEST(padding_never_wins)
{
    tp_var *x = tp_full(TP_F32, TP_SHAPE(1, 3), -2);
    CHECK_ELEMENTS(tp_max_pool1d(x, TP_SHAPE(2), .padding = TP_SIZES(1)), -2, -2);
}

/* --- Means --- */

TEST(means)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(1, 3, 3));
    CHECK_ELEMENTS(tp_avg_pool2d(x, TP_SHAPE(2), .stride = TP_SIZES(1)), 3, 4, 6, 7);
    CHECK_ELEMENTS(tp_avg_pool2d(x, TP_SHAPE(3), .padding = TP_SIZES(1)), 12.0 / 9);
    CHECK_ELEMENTS(tp_avg_pool2d(x, TP_SHAPE(3), .padding = TP_SIZES(1), .exclude_padding = true),
                   3);
    CHECK_ELEMENTS(tp_avg_pool2d(x, TP_SHAPE(2), .divisor = 1), 12);
    CHECK_ELEMENTS(tp_adaptive_avg_pool2d(x, TP_SHAPE(1)), 5);
    CHECK_ELEMENTS(tp_adaptive_max_pool2d(x, TP_SHAPE(1)), 9);
    CHECK_ELEMENTS(tp_adaptive_avg_pool2d(x, TP_SHAPE(3)), 1, 2, 3, 4, 5, 6, 7, 8, 9);
    CHECK_ELEMENTS(tp_adaptive_avg_pool1d(counting(TP_F64, TP_SHAPE(1, 5)), TP_SHAPE(2)), 2, 4);
}

static double pool_dot(tp_var *a, tp_var *b)
{
    return tp_item(tp_sum(tp_mul(a, b)));
}

/* ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for the linear ones. */
static void pool_is_adjoint(tp_var *x, tp_var *y)
{
    tp_var *g = tp_randn(TP_F64, tp_ndim(y), tp_shape(y));
    CHECK_CLOSE(pool_dot(y, g), pool_dot(x, tp_gradient(y, x, .gradient = g)), 1e-11);
}

TEST(gradients_are_adjoints)
{
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(2, 3, 11, 13)));
    pool_is_adjoint(x, tp_avg_pool2d(x, TP_SHAPE(3, 2), .padding = TP_SIZES(1), .ceil_mode = true));
    pool_is_adjoint(x, tp_adaptive_avg_pool2d(x, TP_SHAPE(4, 7)));
    pool_is_adjoint(x, tp_interpolate(x, .to = TP_SIZES(17, 9), .mode = TP_BILINEAR));
    pool_is_adjoint(
        x, tp_interpolate(x, .to = TP_SIZES(5, 30), .mode = TP_BILINEAR, .align_corners = true));
    pool_is_adjoint(x, tp_interpolate(x, .scale = 1.7));
    pool_is_adjoint(x, tp_pixel_unshuffle(tp_slice(tp_slice(x, 2, 0, 10, 1), 3, 0, 12, 1), 2));
}

/* --- Resampling --- */

TEST(interpolation_keeps_lines)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(1, 1, 5)), *x_2 = counting(TP_F64, TP_SHAPE(1, 1, 2, 2));
    CHECK_ELEMENTS(tp_interpolate(x, .to = TP_SIZES(9), .mode = TP_LINEAR, .align_corners = true),
                   1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5);
    CHECK_ELEMENTS(tp_interpolate(x, .to = TP_SIZES(2)), 1, 3);
    CHECK_ELEMENTS(tp_interpolate(x_2, .scale = 2, .mode = TP_BILINEAR), 1, 1.25, 1.75, 2, 1.5,
                   1.75, 2.25, 2.5, 2.5, 2.75, 3.25, 3.5, 3, 3.25, 3.75, 4);
    CHECK_ELEMENTS(tp_interpolate(x_2, .to = TP_SIZES(1), .mode = TP_BILINEAR), 2.5);
}

/* An element without weight does not matter, even if it is infinite. */
TEST(infinity_stays_where_it_belongs)
{
    const double elements[] = {1, HUGE_VAL, 3};
    tp_var *x = tp_array(TP_F64, TP_SHAPE(1, 1, 3), elements);
    CHECK_ELEMENTS(tp_interpolate(x, .to = TP_SIZES(3), .mode = TP_LINEAR), 1, HUGE_VAL, 3);
}

TEST(shuffling_back_and_forth)
{
    tp_var *x = counting(TP_F32, TP_SHAPE(2, 18, 2, 3));
    tp_var *y = tp_pixel_unshuffle(tp_pixel_shuffle(x, 3), 3);
    CHECK_SHAPE(y, 2, 18, 2, 3);
    for (int64_t i = 0; i < tp_size(x); i++)
        CHECK_BITS(at(y, i), at(x, i));
    CHECK_ELEMENTS(tp_pixel_shuffle(counting(TP_I64, TP_SHAPE(4, 1, 2)), 2), 1, 3, 2, 4, 5, 7, 6,
                   8);
}

/* --- Threads --- */

TEST(any_number_of_threads_gives_the_same_bits)
{
    int before = tp_num_threads();
    tp_var *x = tp_variable(tp_randn(TP_F32, TP_SHAPE(8, 16, 30, 31))), *results[2][4];
    for (int i = 0; i < 2; i++) {
        tp_set_num_threads(i ? 4 : 1);
        tp_var *y = tp_max_pool2d(x, TP_SHAPE(3), .stride = TP_SIZES(2));
        tp_var *z = tp_interpolate(x, .scale = 2, .mode = TP_BILINEAR);
        results[i][0] = y, results[i][1] = tp_gradient(y, x);
        results[i][2] = z, results[i][3] = tp_gradient(z, x);
    }
    tp_set_num_threads(before);
    for (int j = 0; j < 4; j++)
        CHECK(!memcmp(tp_data(results[0][j]), tp_data(results[1][j]),
                      (size_t)tp_size(results[0][j]) * sizeof(float)));
}

/* --- Random calls: a result or an error, never a crash --- */

static uint64_t pool_state = 7;

static int64_t pool_pick(int64_t low, int64_t high)
{
    pool_state = pool_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return low + (int64_t)((pool_state >> 33) % (uint64_t)(high - low + 1));
}

TEST(random_windows)
{
    int answers = 0;
    for (int i = 0; i < (test_short() ? 100 : 1000); i++) {
        TP_SCOPE();
        int64_t height = pool_pick(0, 8), width = pool_pick(1, 8);
        bool plain = pool_pick(0, 2) > 0;
        tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(1, 2, height, width))), *index;
        const tp_pool_options options = {
            .stride = TP_SIZES(pool_pick(0, 3), pool_pick(1, 3)),
            .padding = TP_SIZES(plain ? 0 : pool_pick(0, 2), pool_pick(0, 1)),
            .dilation = TP_SIZES(plain ? 1 : pool_pick(1, 7), pool_pick(1, 2)),
            .ceil_mode = pool_pick(0, 1),
            .divisor = TP_AUTO,
            .indices = &index,
            .size = sizeof options};
        tp_var *y = (tp_max_pool2d)(x, TP_SHAPE(pool_pick(0, 4), pool_pick(1, 4)), &options);
        tp_backward(tp_is_poison(y) ? x : y);
        for (int64_t k = 0; k < tp_size(y) && !tp_error(); k++) {
            int64_t plane = k / (tp_size(y) / 2) * height * width;
            CHECK_BITS(at(y, k), at(x, plane + (int64_t)at(index, k)));
        }
        answers += !tp_error();
        CHECK(!tp_error() || tp_status() == TP_ERROR_SHAPE || tp_status() == TP_ERROR_ARGUMENT);
        tp_clear_error();
    }
    CHECK(answers > 20);
}

/* --- Messages --- */

TEST(messages_name_the_operation_and_the_axis)
{
    tp_var *x = tp_zeros(TP_F32, TP_SHAPE(2, 3, 5, 2)), *index;
    tp_max_pool2d(x, TP_SHAPE(3), .indices = &index);
    CHECK_ERROR(TP_ERROR_SHAPE,
                "max_pool2d: x (2, 3, 5, 2) is smaller than a window along axis -1, "
                "which reaches over 3");
    CHECK(tp_is_poison(index));
    tp_max_pool2d(x, TP_SHAPE(2), .padding = TP_SIZES(0, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "max_pool2d: padding is 2 along axis -1, more than half");
    tp_avg_pool2d(x, TP_SHAPE(2), .stride = TP_SIZES(0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "avg_pool2d: stride is 0 along axis -2, expected 1 or more");
    tp_avg_pool2d(x, TP_SHAPE(2), .dilation = TP_SIZES(2, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "avg_pool2d: dilation is for");
    tp_avg_pool2d(x, TP_SHAPE(2), .indices = &index);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "avg_pool2d: indices are for");
    tp_max_pool2d(x, TP_SHAPE(2), .exclude_padding = true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "max_pool2d: exclude_padding and divisor are for averages");
    tp_max_pool2d(x, TP_SHAPE(2), .divisor = 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "max_pool2d");
    tp_avg_pool1d(x, TP_SHAPE(2));
    CHECK_ERROR(TP_ERROR_SHAPE, "avg_pool1d: x (2, 3, 5, 2) has 4 axes, expected 2 or 3");
    tp_adaptive_max_pool2d(x, TP_SHAPE(1, 2, 3));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "adaptive_max_pool2d: size has 3 numbers, expected 1 or 2");
    tp_interpolate(x, .mode = TP_LINEAR, .scale = 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "interpolate: TP_LINEAR is for 1 axes, x has 2");
    tp_interpolate(x);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "interpolate: one of to and scale is wanted");
    tp_pixel_shuffle(x, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "pixel_shuffle: x (2, 3, 5, 2): axis -3 is no multiple of 4");
}

/* --- Memory --- */

TEST(each_allocation_fails_in_turn)
{
    tp_var *x = tp_variable(tp_randn(TP_F32, TP_SHAPE(2, 4, 12, 12)));
    for (size_t n = 1, requests = 1; requests >= n; n++) {
        TP_SCOPE();
        tp_var *index;
        tp__alloc_fail_at(n);
        tp_var *y = tp_max_pool2d(x, TP_SHAPE(2), .indices = &index);
        tp_backward(tp_interpolate(tp_avg_pool2d(y, TP_SHAPE(2)), .scale = 3));
        requests = tp__alloc_fail_at(0);
        CHECK(tp_status() == TP_OK || (tp_status() == TP_ERROR_MEMORY && requests >= n));
        tp_clear_error();
        tp_cleargrad(x);
    }
}
