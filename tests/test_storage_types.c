/* SPDX-License-Identifier: MIT
 *
 * float16, bfloat16, int32 and bool: rounding, printing, promotion, arithmetic, gradients. Values
 * are IEEE 754's, NumPy's and PyTorch's.
 */
#include "elements.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "base/settings.h"

static double through(tp_dtype dtype, double value)
{
    TP_SCOPE();
    return tp_item(tp_to(tp_scalar(value), dtype));
}

TEST(float16_rounds_to_nearest_even)
{
    static const double pairs[][2] = {
        {0.1, 0.0999755859375},
        {1 + 0x1p-11, 1},
        {1 + 3 * 0x1p-11, 1 + 0x1p-9},
        {65504, 65504},
        {65519.99, 65504},
        {65520, HUGE_VAL},
        {-1e9, -HUGE_VAL},
        {0x1p-14, 0x1p-14},
        {0x1p-24, 0x1p-24},
        {0x1p-25, 0},
        {0x1.8p-25, 0x1p-24},
        {3 * 0x1p-25, 2 * 0x1p-24},
        {0x1p-14 - 0x1p-26, 0x1p-14},
        {-0x1p-24, -0x1p-24},
        {HUGE_VAL, HUGE_VAL},
    };
    for
        EACH(i, pairs)
    CHECK_BITS(through(TP_F16, pairs[i][0]), pairs[i][1]);
    CHECK(isnan(through(TP_F16, (double)NAN)));
    CHECK(signbit(through(TP_F16, -0.0)));
}

/* Every float16 is read as what its bits mean, and written back as itself. */
TEST(every_float16_survives)
{
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        TP_SCOPE();
        uint16_t half = (uint16_t)bits;
        int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
        double size = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent == 31)
            size = fraction ? (double)NAN : HUGE_VAL;
        tp_var *v = tp_array(TP_F16, TP_SHAPE(), &half);
        CHECK_BITS(tp_item(v), bits & 0x8000 ? -size : size);
        const uint16_t *back = tp_data(tp_to(tp_to(v, TP_F64), TP_F16));
        CHECK(back && (*back == half || isnan(size)));
    }
}

TEST(bfloat16_rounds_to_nearest_even)
{
    CHECK_BITS(through(TP_BF16, 1 + 0x1p-8), 1);
    CHECK_BITS(through(TP_BF16, 1 + 3 * 0x1p-8), 1 + 0x1p-6);
    CHECK_BITS(through(TP_BF16, 0.1), 0.10009765625);
    CHECK_BITS(through(TP_BF16, 3.5e38), HUGE_VAL);
    CHECK(isnan(through(TP_BF16, (double)NAN)));
}

/* A float64 a little beyond the middle of two float16 or bfloat16 numbers is, as a float, the
 * middle. */
TEST(float64_is_rounded_to_half_types_once)
{
    CHECK_BITS(through(TP_F16, 1 + 0x1p-11 + 0x1p-40), 1 + 0x1p-10);
    CHECK_BITS(through(TP_F16, 1 + 0x1.8p-10 - 0x1p-40), 1 + 0x1p-10);
    CHECK_BITS(through(TP_F16, -0x1p-25 - 0x1p-60), -0x1p-24);
    CHECK_BITS(through(TP_F16, 65520 - 0x1p-30), 65504);
    CHECK_BITS(through(TP_BF16, 1 + 0x1p-8 + 0x1p-40), 1 + 0x1p-7);
    CHECK_BITS(through(TP_BF16, -1 - 0x1.8p-7 + 0x1p-40), -1 - 0x1p-7);
    CHECK_BITS(through(TP_BF16, 0x1p-134 + 0x1p-170), 0x1p-133);
    CHECK_BITS(through(TP_BF16, 0x1.ffp127 - 0x1p80), 0x1.fep127);
    CHECK_BITS(through(TP_BF16, 1e300), HUGE_VAL);
    tp_var *x = tp_full(TP_F16, TP_SHAPE(2), 1);
    tp_add_(x, 0x1p-11 + 0x1p-30);
    CHECK_ELEMENTS(x, 1, 1);
    tp_mul_(x, tp_full(TP_F64, TP_SHAPE(2), 1 + 0x1p-11 + 0x1p-40));
    CHECK_ELEMENTS(x, 1 + 0x1p-10, 1 + 0x1p-10);
    tp_var *y = tp_full(TP_I32, TP_SHAPE(1), 2147483647);
    tp_mul_(y, y);
    CHECK_ELEMENTS(y, 1);
}

/* Arrays are converted by vectors, single elements are not. */
static bool same_float(const void *at, double expected)
{
    double is = tp__read_element(TP_F32, at);
    return isnan(expected) ? isnan(is) : memcmp(&is, &expected, sizeof is) == 0;
}

static void arrays_widen(tp_dtype half, int64_t n)
{
    uint16_t *all = malloc(65536 * sizeof *all);
    for (int i = 0; i < 65536; i++)
        all[i] = (uint16_t)i;
    for (int64_t first = 0; first < 65536; first += n) {
        const float *wide = tp_data(tp_to(tp_array(half, TP_SHAPE(n), all + first), TP_F32));
        for (int64_t i = 0; i < n; i++)
            if (!same_float(wide + i, tp__read_element(half, all + first + i)))
                CHECK_INT(first + i, -1);
    }
    free(all);
}

/* Every number of a half type, those halfway to the next, and the floats beside both. */
static void arrays_narrow(tp_dtype half)
{
    float *x = malloc(6 * 65536 * sizeof *x);
    for (int i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i, next = (uint16_t)(i + 1);
        float a = (float)tp__read_element(half, &bits), b = (float)tp__read_element(half, &next);
        float between = isfinite(b) ? a / 2 + b / 2 : 2 * a;
        x[6 * i] = a, x[6 * i + 1] = nextafterf(a, 0), x[6 * i + 2] = nextafterf(a, a * 2);
        x[6 * i + 3] = between, x[6 * i + 4] = nextafterf(between, 0);
        x[6 * i + 5] = nextafterf(between, between * 2);
    }
    const uint16_t *narrow = tp_data(tp_to(tp_array(TP_F32, TP_SHAPE(6 * 65536), x), half));
    for (int i = 0; i < 6 * 65536; i++) {
        uint16_t expected;
        tp__write_element(half, &expected, (double)x[i]);
        if (isnan(x[i]) ? !isnan(tp__read_element(half, narrow + i)) : narrow[i] != expected)
            CHECK_INT(i, -1);
    }
    free(x);
}

TEST(arrays_of_half_types_are_converted_as_their_elements_are)
{
    tp__instructions best = tp__level;
    for (tp__level = TP__REFERENCE; tp__level < best; tp__level++)
        for (int i = 0; i < 2; i++) {
            TP_SCOPE();
            arrays_widen(i ? TP_BF16 : TP_F16, i ? 65536 : 1024);
            arrays_narrow(i ? TP_BF16 : TP_F16);
        }
    tp__level = best;
    arrays_widen(TP_F16, 65536);
    arrays_widen(TP_BF16, 8192);
    arrays_narrow(TP_F16);
    arrays_narrow(TP_BF16);
}

/* What an integer type cannot hold is refused; arrays wrap, as do sums and products. */
TEST(numbers_that_do_not_fit_are_errors)
{
    tp_var *bytes = tp_full(TP_U8, TP_SHAPE(2), 200), *truth = tp_ones(TP_BOOL, TP_SHAPE(2));
    tp_clamp(bytes, NULL, 300);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "300 is not a number of uint8");
    tp_add(bytes, -1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add: -1 is not a number of uint8");
    tp_maximum(tp_full(TP_I32, TP_SHAPE(1), 1), INT64_MAX);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "maximum");
    tp_masked_fill(truth, truth, 2);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "2 is not a number of bool");
    tp_pad(tp_ones(TP_I64, TP_SHAPE(2)), 0, 1, 1, 9.5);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "pad: 9.5 is not a number of int64");
    tp_pad(bytes, 0, 1, 1, -1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "pad: -1 is not a number of uint8");
    tp_full(TP_I32, TP_SHAPE(1), 0x1p31);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "full");
    tp_add_(bytes, 256);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "add_: 256 is not a number of uint8");
    tp_copy_(bytes, -1);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "copy_: -1 is not a number of uint8");
    tp_div_(bytes, 2);
    CHECK_ERROR(TP_ERROR_DTYPE, "div_: a uint8 target cannot hold quotients");
    CHECK_ELEMENTS(bytes, 200, 200);
    CHECK_ELEMENTS(tp_lt(bytes, 300), 1, 1);
    CHECK_ELEMENTS(tp_gt(-1, bytes), 0, 0);
    CHECK_ELEMENTS(tp_add(bytes, 100), 44, 44);
    CHECK_ELEMENTS(tp_add(bytes, tp_full(TP_U8, TP_SHAPE(2), 100)), 44, 44);
    CHECK_INT(tp_dtype_of(tp_add(truth, 5)), TP_I64);
}

/* As PyTorch's of int64. */
TEST(bounds_keep_integers)
{
    tp_var *x = tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){-7, 1, 9}));
    CHECK_INT(tp_dtype_of(tp_hardtanh(x)), TP_I64);
    CHECK_ELEMENTS(tp_hardtanh(x), -1, 1, 1);
    CHECK_ELEMENTS(tp_relu6(x), 0, 1, 6);
    tp_var *bytes = tp_full(TP_U8, TP_SHAPE(1), 200);
    CHECK_INT(tp_dtype_of(tp_relu6(bytes)), TP_U8);
    CHECK_BITS(tp_item(tp_relu6(bytes)), 6);
    CHECK_BITS(tp_item(tp_hardtanh(bytes)), 1);
    CHECK_INT(tp_dtype_of(tp_hardtanh(tp_ones(TP_BOOL, TP_SHAPE(1)))), TP_BOOL);
}

static int said_lines;

static void said(const char *line)
{
    said_lines += strstr(line, "computed in float64") != NULL;
}

TEST(mixed_precision_is_said_once)
{
    tp_var *single = tp_ones(TP_F32, TP_SHAPE(2, 2)), *full = tp_ones(TP_F64, TP_SHAPE(2, 2));
    tp_set_log(said);
    CHECK_INT(tp_dtype_of(tp_matmul(single, full)), TP_F64);
    CHECK_INT(tp_dtype_of(tp_matmul(single, full)), TP_F64);
    tp_conv1d(single, tp_ones(TP_F64, TP_SHAPE(1, 2, 1)), NULL);
    tp_set_log(NULL);
    CHECK_INT(said_lines, 1);
}

TEST(bool_stays_bool_where_elements_are_chosen)
{
    tp_var *all = tp_ones(TP_BOOL, TP_SHAPE(2, 2)), *q = tp_ones(TP_F64, TP_SHAPE(2, 1));
    tp_var *v = tp_reshape(tp_arange(TP_F64, 0, 2, 1), TP_SHAPE(2, 1)), *mask = tp_tril(all, 0);
    CHECK_INT(tp_dtype_of(mask), TP_BOOL);
    CHECK_ELEMENTS(mask, 1, 0, 1, 1);
    CHECK_ELEMENTS(tp_scaled_dot_product_attention(q, q, v, .mask = mask), 0, 0.5);
    CHECK_INT(tp_dtype_of(tp_triu(all, 0)), TP_BOOL);
    CHECK_INT(tp_dtype_of(tp_where(mask, all, 0)), TP_BOOL);
    CHECK_INT(tp_dtype_of(tp_masked_fill(all, mask, 0)), TP_BOOL);
    CHECK_INT(tp_dtype_of(tp_clamp(all, 0, 1)), TP_BOOL);
    CHECK_INT(tp_dtype_of(tp_where(mask, 2, 3)), TP_F64);
}

TEST(int32_wraps_and_bool_is_zero_or_one)
{
    CHECK_BITS(through(TP_I32, 2147483648.0), -2147483648.0);
    CHECK_BITS(through(TP_I32, -2.9), -2);
    CHECK_BITS(through(TP_BOOL, 0.25), 1);
    CHECK_BITS(through(TP_BOOL, -0.0), 0);
    tp_var *large = tp_full(TP_I32, TP_SHAPE(2), 2147483647);
    CHECK_INT(tp_dtype_of(tp_add(large, 1)), TP_I32);
    CHECK_ELEMENTS(tp_add(large, 1), -2147483648.0, -2147483648.0);
    CHECK_INT(tp_dtype_of(tp_sum(large)), TP_I64);
    CHECK_BITS(tp_item(tp_sum(large)), 4294967294.0);
    tp_var *wide = tp_to(tp_num_int((INT64_C(1) << 53) + 1), TP_I64);
    CHECK_BITS(tp_item(tp_to(wide, TP_I32)), 1);
    CHECK_BITS(tp_item(tp_to(wide, TP_BOOL)), 1);
}

TEST(they_print_as_numpy_does)
{
    char *text = tp_repr(tp_to(tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.1, 2, -3.25})), TP_F16));
    CHECK_TEXT(text, "variable([ 0.1   2.   -3.25])");
    free(text);
    text = tp_repr(tp_to(tp_arange(TP_F64, 0, 3, 1), TP_BOOL));
    CHECK_TEXT(text, "variable([False  True  True])");
    free(text);
    text = tp_repr(tp_to(tp_scalar(1), TP_BOOL));
    CHECK_TEXT(text, "variable(True)");
    free(text);
    text = tp_repr(tp_to(tp_arange(TP_F64, -1, 2, 1), TP_I32));
    CHECK_TEXT(text, "variable([-1  0  1])");
    free(text);
    text = tp_repr(tp_to(tp_scalar(0.1), TP_F16));
    CHECK_TEXT(text, "variable(0.1)");
    free(text);
}

TEST(gradients_have_the_variables_type)
{
    const tp_dtype types[] = {TP_F16, TP_BF16};
    for
        EACH(i, types)
        {
            TP_SCOPE();
            tp_var *x = tp_variable(tp_full(types[i], TP_SHAPE(3), 2));
            tp_backward(tp_mul(x, x));
            tp_backward(tp_mul(x, x));
            CHECK_INT(tp_dtype_of(tp_grad(x)), types[i]);
            CHECK_ELEMENTS(tp_grad(x), 8, 8, 8);
            tp_sub_(x, tp_grad(x));
            CHECK_ELEMENTS(x, -6, -6, -6);
            tp_var *y = tp_sum(tp_pow(x, 3)), *g = tp_gradient(y, x, .create_graph = true);
            CHECK_INT(tp_dtype_of(y), types[i]);
            CHECK_ELEMENTS(tp_gradient(g, x), -36, -36, -36);
            tp_var *mixed = tp_mul(x, tp_full(TP_F32, TP_SHAPE(3), 0.5));
            CHECK_INT(tp_dtype_of(mixed), TP_F32);
            CHECK_INT(tp_dtype_of(tp_gradient(mixed, x)), types[i]);
        }
}

TEST(matrices_multiply_in_float32)
{
    tp_var *a = tp_variable(tp_full(TP_F16, TP_SHAPE(2, 300), 0.1));
    tp_var *y = tp_matmul(a, tp_transpose(a, 0, 1));
    CHECK_INT(tp_dtype_of(y), TP_F16);
    CHECK_BITS(tp_item(tp_select(tp_select(y, 0, 0), 0, 1)), 2.998046875);
    CHECK_INT(tp_dtype_of(tp_matmul(tp_full(TP_I32, TP_SHAPE(2, 2), 3), tp_eye(TP_I32, 2))),
              TP_I64);
}

TEST(elements_of_two_bytes_move)
{
    tp_var *x = tp_reshape(tp_to(tp_arange(TP_F64, 0, 12, 1), TP_BF16), TP_SHAPE(3, 4));
    CHECK_ELEMENTS(tp_slice(tp_transpose(x, 0, 1), 0, 0, 4, 3), 0, 4, 8, 3, 7, 11);
    CHECK_ELEMENTS(tp_concatenate(((tp_var *[]){tp_select(x, 0, 2), tp_select(x, 1, 1)}), 2, 0), 8,
                   9, 10, 11, 1, 5, 9);
    CHECK_ELEMENTS(tp_full(TP_F16, TP_SHAPE(2, 3), 1.5), 1.5, 1.5, 1.5, 1.5, 1.5, 1.5);
    CHECK_ELEMENTS(tp_eye(TP_BOOL, 2), 1, 0, 0, 1);
}

/* Losses and norms, whose steps would leave the range or the digits of a half type. */
TEST(composites_of_half_types_keep_float32_inside)
{
    for (int i = 0; i < 2; i++) {
        TP_SCOPE();
        tp_dtype half = i ? TP_BF16 : TP_F16;
        tp_var *logits = tp_variable(tp_zeros(half, TP_SHAPE(70000, 2)));
        tp_var *loss = tp_cross_entropy(logits, tp_zeros(TP_I64, TP_SHAPE(70000)));
        CHECK_BITS(tp_item(loss), tp_item(tp_to(tp_scalar(0.6931471805599453), half)));
        tp_var *g = tp_select(tp_gradient(tp_mul(loss, 1024), logits), 0, 69999);
        double slope = tp_item(tp_to(tp_scalar(0.5 * 1024 / 70000), half));
        CHECK_ELEMENTS(g, -slope, slope);
        /* ε = 1e-8 is more than the variance 1e-10 of these, and less than float16 has. */
        tp_var *x = tp_full(half, TP_SHAPE(1, 2), 1);
        CHECK_ELEMENTS(tp_group_norm(x, 1, NULL, NULL, .eps = 1e-8), 0, 0);
        CHECK_ELEMENTS(
            tp_batch_norm(tp_full(half, TP_SHAPE(2, 1), 3), NULL, NULL, NULL, NULL, .eps = 1e-8), 0,
            0);
        /* Sums of squares are above 65504. */
        tp_var *large = tp_full(half, TP_SHAPE(4), 512);
        CHECK_BITS(tp_item(tp_norm(large, 2)), 1024);
        CHECK_BITS(tp_item(tp_norm(large, 4)), tp_item(tp_to(tp_scalar(512 * sqrt(2)), half)));
        CHECK_BITS(tp_item(tp_cosine_similarity(large, large, 0)), 1);
        CHECK_BITS(tp_item(tp_std(tp_mul(large, tp_arange(half, -1.5, 2.5, 1)))),
                   tp_item(tp_to(tp_scalar(512 * sqrt(5.0 / 3)), half)));
        tp_var *a = tp_full(half, TP_SHAPE(1, 1), 300), *b = tp_full(half, TP_SHAPE(1, 1), 0.0);
        CHECK_BITS(tp_item(tp_cdist(a, b)), tp_item(a));
        CHECK_BITS(tp_item(tp_addmm(tp_full(half, TP_SHAPE(1, 1), -60000), a, a, 1, 1)),
                   tp_item(tp_to(
                       tp_sub(tp_square(tp_to(a, TP_F32)), tp_item(tp_to(tp_scalar(60000), half))),
                       half)));
    }
}

enum { PLACES = 5000 };

static tp_var *same_gradient(void *ctx, tp_var *gradient)
{
    *(double *)ctx = tp_item(gradient);
    return NULL;
}

/* y = Σ 5000 times x; float16 and bfloat16 hold 5000 and 4992, and 1 more than 2048 and 256 not. */
TEST(gradients_of_many_uses_are_rounded_once)
{
    for (int i = 0; i < 2; i++) {
        TP_SCOPE();
        tp_dtype half = i ? TP_BF16 : TP_F16;
        double total = i ? 4992 : 5000, seen = 0;
        tp_var *x = tp_variable(tp_ones(half, TP_SHAPE(1))), *many[PLACES];
        tp_var *shared = tp_variable(tp_ones(half, TP_SHAPE(1)));
        tp_var *inner = tp_mul(x, 1);
        tp_register_hook(inner, same_gradient, &seen);
        for (int k = 0; k < PLACES; k++)
            many[k] = inner;
        tp_var *y = tp_sum(tp_concatenate(many, PLACES, 0));
        tp_var *g = tp_gradient(y, x), *recorded = tp_gradient(y, x, .create_graph = true);
        CHECK_BITS(tp_item(g), total);
        CHECK_BITS(tp_item(recorded), total);
        CHECK(tp_dtype_of(g) == half && tp_dtype_of(recorded) == half);
        CHECK_BITS(seen, total);
        tp_backward(y, .retain_grad = true);
        CHECK_BITS(tp_item(tp_grad(inner)), total);
        CHECK_BITS(tp_item(tp_grad(x)), total);
        tp_backward(y);
        CHECK_BITS(tp_item(tp_grad(x)), 2 * total);
        CHECK(tp_dtype_of(tp_grad(x)) == half);
        tp_share(shared);
        for (int k = 0; k < PLACES; k++)
            many[k] = k % 2 ? x : shared;
        tp_var *both[] = {x, shared}, *gradients[2];
        tp_gradients(tp_sum(tp_concatenate(many, PLACES, 0)), both, 2, gradients);
        for (int k = 0; k < 2; k++) {
            CHECK_BITS(tp_item(gradients[k]), 2 * tp_item(tp_to(tp_scalar(1250), half)));
            CHECK(tp_dtype_of(gradients[k]) == half);
        }
    }
}
