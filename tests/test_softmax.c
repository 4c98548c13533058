/* SPDX-License-Identifier: MIT
 *
 * Softmax at its edges, normalisation by its laws and by second differences.
 */
#include <math.h>
#include <string.h>

#include "elements.h"

TEST(masked_elements_have_no_part)
{
    tp_var *x =
        tp_variable(tp_array(TP_F64, TP_SHAPE(4), ((double[]){-HUGE_VAL, 1, 1, -HUGE_VAL})));
    CHECK_ELEMENTS(tp_softmax(x, 0), 0, 0.5, 0.5, 0);
    tp_var *y = tp_select(tp_softmax(x, 0), 0, 1);
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    CHECK_ELEMENTS(g, 0, 0.25, -0.25, 0);
    CHECK_ELEMENTS(tp_gradient(tp_select(g, 0, 1), x), 0, 0, 0, 0);
    tp_var *l = tp_select(tp_log_softmax(x, 0), 0, 2);
    tp_var *h = tp_gradient(l, x, .create_graph = true);
    CHECK_CLOSE(tp_item(l), -log(2), 1e-15);
    CHECK_ELEMENTS(h, 0, -0.5, 0.5, 0);
    CHECK_ELEMENTS(tp_gradient(tp_select(h, 0, 1), x), 0, -0.25, 0.25, 0);
}

/* p (1 − p) for p next to 1, by every mode: softmax of {40, 0} is {1 − q, q}, q = 1 / (1 + e⁴⁰). */
TEST(a_probability_near_1_has_its_derivative)
{
    const double q = 1 / (1 + exp(40)), p = 1 - q;
    static const tp_dtype types[] = {TP_F64, TP_F32};
    for
        EACH(i, types)
        {
            TP_SCOPE();
            double tolerance = types[i] == TP_F64 ? 1e-13 : 1e-5;
            tp_var *x =
                tp_variable(tp_to(tp_array(TP_F64, TP_SHAPE(2), ((double[]){40, 0})), types[i]));
            tp_var *own = tp_to(tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, 0})), types[i]);
            tp_var *y = tp_softmax(x, 0), *l = tp_log_softmax(x, 0);
            tp_var *g[] = {tp_gradient(tp_select(y, 0, 0), x),
                           tp_gradient(tp_select(y, 0, 0), x, .create_graph = true),
                           tp_jvp(y, x, own)};
            for (int k = 0; k < 3; k++) {
                CHECK_CLOSE(at(g[k], 0) / (p * q), 1, tolerance);
                CHECK_CLOSE(at(g[k], 1) / (-p * q), 1, tolerance);
            }
            CHECK_CLOSE(at(tp_gradient(tp_select(g[1], 0, 0), x), 0) / (p * q * (q - p)), 1,
                        tolerance);
            CHECK_CLOSE(at(l, 0) / -q, 1, tolerance);
            tp_var *h = tp_gradient(tp_select(l, 0, 0), x);
            tp_var *recorded = tp_gradient(tp_select(l, 0, 0), x, .create_graph = true);
            CHECK_CLOSE(at(h, 0) / q, 1, tolerance);
            CHECK_CLOSE(at(recorded, 0) / q, 1, tolerance);
            CHECK_CLOSE(at(tp_gradient(tp_select(recorded, 0, 0), x), 0) / (-p * q), 1, tolerance);
        }
    tp_manual_seed(3); /* long rows, one of whose elements leads by far */
    tp_var *x = tp_variable(tp_add(tp_randn(TP_F64, TP_SHAPE(3, 100)),
                                   tp_mul(50, tp_eq(tp_arange(TP_I64, 0, 100, 1), 37))));
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(3, 100));
    tp_var *plain = tp_gradient(tp_softmax(x, 1), x, .gradient = w);
    tp_var *recorded = tp_gradient(tp_softmax(x, 1), x, .gradient = w, .create_graph = true);
    for (int i = 0; i < 300; i++)
        CHECK_CLOSE(at(plain, i) / at(recorded, i), 1, 1e-12);
}

/* e^x / (1 + e^x) and ln(1 + e^x), from the largest to the least of subnormal results. */
TEST(powers_keep_their_digits_down_to_the_last)
{
    enum { MANY = 4001 };
    static float x[2 * MANY];
    for (int i = 0; i < MANY; i++)
        x[2 * i] = (float)(-104.0 * i / (MANY - 1));
    tp_var *rows = tp_array(TP_F32, TP_SHAPE(MANY, 2), x), *y = tp_softmax(rows, 1);
    tp_var *sum = tp_logsumexp(rows, .axes = TP_AXES(1));
    double worst = 0, worst_sum = 0;
    for (int i = 0; i < MANY; i++) {
        double power = exp((double)x[2 * i]), share = power / (1 + power), least = ldexp(1, -149);
        double step = fmax(ldexp(share, -23), least);
        worst = fmax(worst, fabs(at(y, 2 * i) - share) / step);
        step = fmax(ldexp(log1p(power), -23), least);
        worst_sum = fmax(worst_sum, fabs(at(sum, i) - log1p(power)) / step);
    }
    CHECK(worst < 4);
    CHECK(worst_sum < 4);
}

/* Rows longer than a register, and what is left of one: e^x summed by the C library. */
TEST(rows_of_every_length)
{
    tp_manual_seed(9);
    for (int n = 1; n < 150; n++) {
        TP_SCOPE();
        tp_var *x = tp_variable(tp_mul(3, tp_randn(TP_F32, TP_SHAPE(3, n))));
        tp_var *classes = tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){n - 1, -100, n / 2}));
        tp_var *y = tp_logsumexp(x, .axes = TP_AXES(1)), *g = tp_gradient(y, x);
        tp_var *losses = tp_cross_entropy(x, classes, .reduction = TP_NO_REDUCTION);
        tp_var *h = tp_gradient(losses, x);
        for (int r = 0; r < 3; r++) {
            double sum = 0;
            int64_t own = r == 1 ? -1 : r == 0 ? n - 1 : n / 2;
            for (int i = 0; i < n; i++)
                sum += exp(at(x, r * n + i));
            CHECK_CLOSE(at(y, r), log(sum), 2e-6 * fmax(1, fabs(log(sum))));
            CHECK_CLOSE(at(losses, r), own < 0 ? 0 : log(sum) - at(x, r * n + own), 3e-6);
            for (int i = 0; i < n; i++) {
                double share = exp(at(x, r * n + i)) / sum;
                CHECK_CLOSE(at(g, r * n + i), share, 1e-6);
                CHECK_CLOSE(at(h, r * n + i), own < 0 ? 0 : share - (i == own), 1e-6);
            }
        }
    }
}

TEST(infinite_elements_share_the_gradient_of_logsumexp)
{
    const double far = HUGE_VAL;
    tp_var *x = tp_variable(
        tp_array(TP_F64, TP_SHAPE(4, 3),
                 ((double[]){far, 1, far, -far, -far, -far, 2, -far, 2, -far, 0, far})));
    for (int type = TP_F32; type <= TP_F64; type++) {
        tp_var *y = tp_logsumexp(tp_to(x, (tp_dtype)type), .axes = TP_AXES(1));
        CHECK_CLOSE(at(y, 2), 2 + log(2), 1e-6);
        CHECK(at(y, 0) == far && at(y, 1) == -far && at(y, 3) == far);
        for (int record = 0; record < 2; record++)
            CHECK_ELEMENTS(tp_gradient(y, x, .create_graph = record), 0.5, 0, 0.5, 0, 0, 0, 0.5, 0,
                           0.5, 0, 0, 1);
    }
}

TEST(large_numbers_do_not_overflow)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){1e4, -1e4, 1e4})));
    CHECK_ELEMENTS(tp_softmax(x, 0), 0.5, 0, 0.5);
    CHECK_ELEMENTS(tp_gradient(tp_select(tp_log_softmax(x, 0), 0, 1), x), -0.5, 1, -0.5);
    tp_var *single = tp_full(TP_F32, TP_SHAPE(2), 300);
    CHECK_ELEMENTS(tp_softmax(single, 0), 0.5, 0.5);
}

/* Normalised rows do not depend on scale and shift, so gradients are orthogonal to both. */
TEST(normalised_rows_have_no_scale)
{
    tp_manual_seed(5);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(3, 8)));
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(3, 8));
    tp_var *y = tp_layer_norm(x, 1, NULL, NULL, .eps = 1e-14);
    tp_var *g = tp_gradient(tp_mul(w, y), x);
    for (int i = 0; i < 3; i++) {
        tp_var *row = tp_select(g, 0, i);
        CHECK_CLOSE(tp_item(tp_sum(row)), 0, 1e-13);
        CHECK_CLOSE(tp_item(tp_sum(tp_mul(row, tp_detach(tp_select(x, 0, i))))), 0, 1e-12);
        CHECK_CLOSE(tp_item(tp_mean(tp_square(tp_select(y, 0, i)))), 1, 1e-12);
    }
}

static bool same_elements(tp_var *a, tp_var *b)
{
    return tp_size(a) == tp_size(b) &&
           !memcmp(tp_data(a), tp_data(b), (size_t)tp_size(a) * sizeof(float));
}

/* Results too large for the caches are written past them; a part of them alone is not. */
TEST(large_norms_have_the_bits_of_small_ones)
{
    enum { ROWS = 2112, WIDTH = 1024, IMAGES = 33, CHANNELS = 64, FEW = 8 };
    tp_manual_seed(8);
    tp_var *x = tp_variable(tp_randn(TP_F32, TP_SHAPE(ROWS, WIDTH)));
    tp_var *g = tp_randn(TP_F32, TP_SHAPE(ROWS, WIDTH)), *w = tp_randn(TP_F32, TP_SHAPE(WIDTH));
    tp_var *part = tp_variable(tp_slice(x, 0, ROWS - FEW, ROWS, 1));
    tp_var *y = tp_layer_norm(x, 1, w, w), *few = tp_layer_norm(part, 1, w, w);
    CHECK(same_elements(tp_slice(y, 0, ROWS - FEW, ROWS, 1), few));
    tp_var *gx = tp_gradient(y, x, .gradient = g);
    tp_var *gx_few = tp_gradient(few, part, .gradient = tp_slice(g, 0, ROWS - FEW, ROWS, 1));
    CHECK(same_elements(tp_slice(gx, 0, ROWS - FEW, ROWS, 1), gx_few));

    x = tp_variable(tp_reshape(tp_detach(x), TP_SHAPE(IMAGES, CHANNELS, WIDTH)));
    g = tp_reshape(g, TP_SHAPE(IMAGES, CHANNELS, WIDTH));
    part = tp_variable(tp_slice(x, 1, CHANNELS - FEW, CHANNELS, 1));
    y = tp_batch_norm(x, NULL, NULL, NULL, NULL), few = tp_batch_norm(part, NULL, NULL, NULL, NULL);
    CHECK(same_elements(tp_slice(y, 1, CHANNELS - FEW, CHANNELS, 1), few));
    gx = tp_gradient(y, x, .gradient = g);
    gx_few = tp_gradient(few, part, .gradient = tp_slice(g, 1, CHANNELS - FEW, CHANNELS, 1));
    CHECK(same_elements(tp_slice(gx, 1, CHANNELS - FEW, CHANNELS, 1), gx_few));
}

static double slope_at(double step, bool batch)
{
    TP_SCOPE();
    tp_manual_seed(6);
    tp_var *start = tp_randn(TP_F64, TP_SHAPE(4, 3)), *line = tp_randn(TP_F64, TP_SHAPE(4, 3));
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(4, 3));
    tp_var *x = tp_variable(tp_add(start, tp_mul(step, line)));
    tp_var *y = batch ? tp_batch_norm(x, NULL, NULL, NULL, NULL, .eps = 0.01) : tp_softmax(x, 1);
    tp_var *g = tp_gradient(tp_sum(tp_mul(w, tp_square(y))), x, .create_graph = true);
    tp_var *slope = tp_sum(tp_mul(g, line));
    return step == 0 ? tp_item(tp_sum(tp_mul(tp_gradient(slope, x), line))) : tp_item(slope);
}

TEST(second_derivatives_are_limits_of_differences)
{
    for (int batch = 0; batch < 2; batch++) {
        double h = 1e-4, difference = (slope_at(h, batch) - slope_at(-h, batch)) / (2 * h);
        CHECK_CLOSE(slope_at(0, batch), difference, 1e-5);
    }
}

/* Of the numbers 1, 2, … 96 in any order mean and variance are 97 / 2 and (96² − 1) / 12; an offset
 * that float32 holds changes neither deviations nor gradients, whatever the planes' means are. */
TEST(batch_norm_keeps_its_digits_beside_a_large_mean)
{
    enum { COUNT = 96 };
    float element[COUNT];
    for (int i = 0; i < COUNT; i++)
        element[i] = (float)(1 << 20) + (float)(1 + i * 5 % COUNT);
    tp_var *x = tp_variable(tp_array(TP_F32, TP_SHAPE(4, 1, 24), element));
    tp_var *y = tp_batch_norm(x, NULL, NULL, NULL, NULL, .eps = 0);
    double scale = 1 / sqrt((double)(COUNT * COUNT - 1) / 12);
    for (int i = 0; i < COUNT; i++)
        CHECK_CLOSE((double)((const float *)tp_data(y))[i],
                    ((double)element[i] - (1 << 20) - (double)(COUNT + 1) / 2) * scale, 1e-6);
    tp_var *g = tp_gradient(tp_sum(tp_mul(y, tp_square(y))), x);
    double cube = 0, dot = 0, h;
    for (int i = 0; i < COUNT; i++) {
        h = ((double)element[i] - (1 << 20) - (double)(COUNT + 1) / 2) * scale;
        cube += 3 * h * h / (double)COUNT, dot += 3 * h * h * h / (double)COUNT;
    }
    for (int i = 0; i < COUNT; i++) {
        h = ((double)element[i] - (1 << 20) - (double)(COUNT + 1) / 2) * scale;
        CHECK_CLOSE((double)((const float *)tp_data(g))[i], scale * (3 * h * h - cube - h * dot),
                    1e-6);
    }
}

TEST(a_constant_channel_is_normalised_to_zero)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(4, 2, 3), 7));
    tp_var *y = tp_batch_norm(x, NULL, NULL, NULL, NULL);
    CHECK_BITS(tp_item(tp_sum(tp_abs(y))), 0);
    CHECK_CLOSE(tp_item(tp_sum(tp_to(tp_isfinite(tp_gradient(y, x)), TP_F64))), 24, 0);
    tp_var *mean = tp_ones(TP_F64, TP_SHAPE(2)), *variance = tp_full(TP_F64, TP_SHAPE(2), 4 - 1e-5);
    CHECK_CLOSE(tp_item(tp_max(tp_batch_norm(x, mean, variance, NULL, NULL))), 3, 1e-15);
}

TEST(what_does_not_fit_is_named)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(4, 6)), *w = tp_ones(TP_F64, TP_SHAPE(5));
    tp_layer_norm(x, 1, w, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "layer_norm: the weight has shape (5,), expected (6,)");
    tp_layer_norm(x, 3, NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "layer_norm: over the last 3 axes, expected 1 to 2");
    tp_group_norm(x, 4, NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "group_norm: 6 channels are not 4 groups of one size");
    tp_batch_norm(x, w, NULL, NULL, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "batch_norm: the mean has shape (5,), expected (6,)");
    tp_batch_norm(x, tp_ones(TP_F64, TP_SHAPE(6)), NULL, NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "batch_norm: expected both mean and variance, or neither");
    tp_softmax(x, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "softmax: axis 2");
}
