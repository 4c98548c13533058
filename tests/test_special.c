/* SPDX-License-Identifier: MIT
 *
 * Elementwise functions at points where closed forms are known, and at delicate ones.
 */
#include <math.h>

#include "elements.h"

static const double pi = 3.141592653589793;

static double value(tp_var *(*f)(tp_var *), double x)
{
    TP_SCOPE();
    return tp_item(f(tp_scalar(x)));
}

TEST(polygamma_has_its_closed_forms)
{
    const double euler = 0.5772156649015329, catalan = 0.915965594177219,
                 zeta_3 = 1.2020569031595942;
    CHECK_CLOSE(value(tp_digamma, 1), -euler, 1e-15);
    CHECK_CLOSE(value(tp_digamma, 0.5), -euler - 2 * log(2), 1e-15);
    CHECK_CLOSE(value(tp_digamma, 0.25), -euler - pi / 2 - 3 * log(2), 1e-15);
    CHECK_CLOSE(value(tp_digamma, -0.5), -euler - 2 * log(2) + 2, 1e-14);
    CHECK_CLOSE(tp_item(tp_polygamma(1, tp_scalar(1))), pi * pi / 6, 1e-14);
    CHECK_CLOSE(tp_item(tp_polygamma(1, tp_scalar(0.25))), pi * pi + 8 * catalan, 1e-14);
    CHECK_CLOSE(tp_item(tp_polygamma(1, tp_scalar(-0.5))), pi * pi / 2 + 4, 1e-13);
    CHECK_CLOSE(tp_item(tp_polygamma(2, tp_scalar(1))), -2 * zeta_3, 1e-14);
    CHECK_CLOSE(tp_item(tp_polygamma(3, tp_scalar(1))), pow(pi, 4) / 15, 1e-14);
    CHECK_CLOSE(tp_item(tp_polygamma(5, tp_scalar(0.5))), 8 * pow(pi, 6), 1e-13);
    CHECK(isnan(value(tp_digamma, -2)) && isinf(value(tp_digamma, 0)));
}

/* PyTorch's gradients. */
TEST(nan_passes_gradients_on)
{
    const double nan = (double)NAN;
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){-1, nan, 2})));
    tp_var *zero = tp_variable(tp_zeros(TP_F64, TP_SHAPE(3))), *one = tp_ones(TP_F64, TP_SHAPE(3));
    CHECK_ELEMENTS(tp_gradient(tp_relu(x), x), 0, 1, 1);
    CHECK_ELEMENTS(tp_gradient(tp_relu(x), x, .create_graph = true), 0, 1, 1);
    CHECK_ELEMENTS(tp_jvp(tp_relu(x), x, one), 0, 1, 1);
    CHECK_ELEMENTS(tp_gradient(tp_maximum(x, zero), x), 0, 1, 1);
    CHECK_ELEMENTS(tp_gradient(tp_maximum(x, zero), zero), 1, 1, 0);
    CHECK_ELEMENTS(tp_gradient(tp_minimum(x, zero), x), 1, 1, 0);
    CHECK_ELEMENTS(tp_jvp(tp_minimum(x, zero), zero, one), 0, 1, 1);
    tp_var *v = tp_variable(nan);
    CHECK_BITS(tp_item(tp_gradient(tp_relu(v), v)), 1);
    CHECK_BITS(tp_item(tp_gradient(tp_maximum(0, v), v)), 1);
}

TEST(truth_is_one)
{
    const double ends[] = {-HUGE_VAL, HUGE_VAL, (double)NAN, 3};
    tp_var *x = tp_array(TP_F64, TP_SHAPE(4), ends), *y = tp_to(x, TP_F32);
    CHECK_ELEMENTS(tp_isinf(x), 1, 1, 0, 0);
    CHECK_ELEMENTS(tp_isinf(y), 1, 1, 0, 0);
    CHECK_ELEMENTS(tp_isnan(y), 0, 0, 1, 0);
    CHECK_ELEMENTS(tp_isfinite(y), 0, 0, 0, 1);
    CHECK_BITS(tp_item(tp_sum(tp_isinf(x))), 2);
}

/* 1 = 9 · 0.1 + 0.0999…, since 0.1 is a little more than a tenth. */
TEST(remainders_count_whole_times)
{
    tp_var *a = tp_variable(1.0), *b = tp_variable(0.1), *one = tp_scalar(1);
    tp_var *(*const calls[])(tp_var *, tp_var *) = {(tp_remainder), (tp_fmod)};
    for
        EACH(i, calls)
        {
            tp_var *y = calls[i](a, b);
            CHECK_BITS(tp_item(tp_gradient(y, b)), -9);
            CHECK_BITS(tp_item(tp_gradient(y, b, .create_graph = true)), -9);
            CHECK_BITS(tp_item(tp_jvp(y, b, one)), -9);
            y = calls[i](tp_neg(a), b);
            CHECK_BITS(tp_item(tp_gradient(y, b)), i ? 9 : 10);
        }
    tp_celu(a, 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "celu: alpha is 0");
}

/* −⌊a / b⌋ for b, also where b is infinite: −0.5 is −1 times ∞ and ∞. */
TEST(remainders_of_infinite_divisors_have_gradients)
{
    const double inf = HUGE_VAL;
    tp_var *a = tp_array(TP_F64, TP_SHAPE(4), ((double[]){-0.5, 0.5, -0.5, 0.5}));
    tp_var *b = tp_variable(tp_array(TP_F64, TP_SHAPE(4), ((double[]){inf, inf, -inf, -inf})));
    tp_var *y = tp_remainder(a, b), *one = tp_ones(TP_F64, TP_SHAPE(4));
    CHECK_ELEMENTS(y, inf, 0.5, -0.5, -inf);
    CHECK_ELEMENTS(tp_gradient(y, b), 1, 0, 0, 1);
    CHECK_ELEMENTS(tp_gradient(y, b, .create_graph = true), 1, 0, 0, 1);
    CHECK_ELEMENTS(tp_jvp(y, b, one), 1, 0, 0, 1);
    tp_var *number = tp_variable(inf);
    CHECK_BITS(tp_item(tp_gradient(tp_remainder(-0.5, number), number)), 1);
}

TEST(lgamma_has_derivatives_of_every_order)
{
    tp_var *x = tp_variable(1.0), *d[6];
    tp_derivatives(tp_lgamma(x), x, 6, d);
    CHECK_CLOSE(tp_item(d[1]), pi * pi / 6, 1e-14);
    CHECK_CLOSE(tp_item(d[3]), pow(pi, 4) / 15, 1e-13);
    CHECK_CLOSE(tp_item(d[5]), 8 * pow(pi, 6) / 63, 1e-13);
}

/* Where n! or a power leaves the range and the product does not. mpmath's. */
TEST(polygamma_of_high_orders)
{
    static const double at[][3] = {{200, 20, -2.4540501387981553e+113},
                                   {150, 200, -3.7942152199759103e-85},
                                   {300, 250, -7.2709578534068684e-108},
                                   {171, 2.5, 4.4473019163482665e+240},
                                   {1, 1e200, 1e-200}};
    for (size_t i = 0; i < sizeof at / sizeof *at; i++)
        CHECK_CLOSE(tp_item(tp_polygamma((int)at[i][0], tp_scalar(at[i][1]))) / at[i][2], 1, 1e-11);
    CHECK_BITS(tp_item(tp_polygamma(200, tp_scalar(1.5))), -HUGE_VAL);
}

/* sinc = Σ (−1)^k (πx)^2k / (2k + 1)!. */
TEST(sinc_is_smooth_at_zero)
{
    tp_var *x = tp_variable(0.0), *d[6];
    tp_derivatives(tp_sinc(x), x, 6, d);
    CHECK_CLOSE(tp_item(d[0]), 0, 0);
    CHECK_CLOSE(tp_item(d[1]), -pi * pi / 3, 1e-15);
    CHECK_CLOSE(tp_item(d[3]), pow(pi, 4) / 5, 1e-15);
    CHECK_CLOSE(tp_item(d[5]), -pow(pi, 6) / 7, 1e-15);
    tp_var *g = tp_gradient(tp_sinc(x), x, .create_graph = true);
    CHECK_CLOSE(tp_item(tp_gradient(g, x)), -pi * pi / 3, 1e-15);
}

/* −1 / x² + 1 / (1 − x)², also where that is beyond the type's range. */
TEST(logit_has_a_second_derivative_near_zero)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){0.25, 1e-200})));
    tp_var *g = tp_gradient(tp_sum(tp_logit(x)), x, .create_graph = true);
    CHECK_CLOSE(tp_item(tp_select(g, 0, 0)), 16.0 / 3, 1e-14);
    CHECK_CLOSE(tp_item(tp_select(g, 0, 1)), 1e200, 1e186);
    tp_var *second = tp_gradient(tp_sum(g), x);
    CHECK_CLOSE(tp_item(tp_select(second, 0, 0)), -16 + 16.0 / 9, 1e-13);
    CHECK_BITS(tp_item(tp_select(second, 0, 1)), -HUGE_VAL);
}

TEST(erfinv_inverts)
{
    static const double points[] = {1e-300, 1e-8, 0.1, 0.4999, 0.5001, 0.9, 0.999999, 1 - 1e-15};
    for
        EACH(i, points)
        {
            double y = value(tp_erfinv, points[i]);
            double miss = points[i] < 0.5 ? erf(y) / points[i] - 1 : erfc(y) / (1 - points[i]) - 1;
            CHECK_CLOSE(miss, 0, 1e-13);
            CHECK_BITS(value(tp_erfinv, -points[i]), -y);
        }
    CHECK(isinf(value(tp_erfinv, 1)) && isnan(value(tp_erfinv, 1.5)) && value(tp_erfinv, 0) == 0);
}

TEST(infinities_do_not_become_nan)
{
    tp_var *a = tp_variable(-HUGE_VAL), *b = tp_variable(-HUGE_VAL);
    tp_var *y = tp_logaddexp(a, b);
    CHECK(tp_item(y) == -HUGE_VAL);
    CHECK_BITS(tp_item(tp_gradient(y, a)), 0.5);
    CHECK_BITS(tp_item(tp_logaddexp(1000, 1000)), 1000 + log(2));
    CHECK_BITS(tp_item(tp_softplus(tp_scalar(-1000))), 0);
    CHECK_BITS(tp_item(tp_softplus(tp_scalar(1000))), 1000);
    CHECK_BITS(tp_item(tp_logsigmoid(tp_scalar(-1000))), -1000);
    CHECK_BITS(tp_item(tp_xlogy(0, 0)), 0);
    CHECK_BITS(tp_item(tp_hypot(1e300, 1e300)), hypot(1e300, 1e300));
    tp_var *x = tp_variable(0.0), *z = tp_variable(0.0);
    CHECK_BITS(tp_item(tp_gradient(tp_hypot(x, z), x)), 0);
    CHECK_BITS(tp_item(tp_gradient(tp_atan2(x, z), z)), 0);
}

TEST(integers_are_not_divided_by_zero)
{
    tp_var *a = tp_full(TP_I64, TP_SHAPE(2), -7);
    CHECK_ELEMENTS(tp_remainder(a, 3), 2, 2);
    CHECK_ELEMENTS(tp_fmod(a, 3), -1, -1);
    CHECK_ELEMENTS(tp_remainder(a, -1), 0, 0);
    tp_remainder(a, 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "remainder: an integer is divided by zero");
    tp_fmod(a, tp_full(TP_I64, TP_SHAPE(2), 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "fmod: an integer is divided by zero");
    CHECK(isnan(tp_item(tp_remainder(1.5, tp_scalar(0)))));
}

TEST(a_bound_has_the_slope_of_what_it_bounds)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(4), ((double[]){-2, -1, 0, 3})));
    CHECK_ELEMENTS(tp_clamp(x, -1, 1), -1, -1, 0, 1);
    CHECK_ELEMENTS(tp_gradient(tp_clamp(x, -1, 1), x), 0, 1, 1, 0);
    double nan = (double)NAN;
    tp_var *low = tp_array(TP_F64, TP_SHAPE(4), ((double[]){nan, 0, -9, -9}));
    tp_var *high = tp_array(TP_F64, TP_SHAPE(4), ((double[]){5, 1, nan, 2}));
    CHECK_ELEMENTS(tp_clamp(x, low, high), nan, 0, nan, 2);
    CHECK_ELEMENTS(tp_clamp(x, nan, 2), nan, nan, nan, nan);
    CHECK_ELEMENTS(tp_gradient(tp_clamp(x, NULL, high), x), 1, 1, 0, 0);
    (tp_clamp)(x, NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "clamp: expected a lower or an upper bound");
}

/* n! Σ (x + k)^−(n + 1), added up in 40 digits by mpmath; π² / sin² πx far below 0. */
TEST(polygamma_of_high_order_and_far_below_zero)
{
    CHECK_CLOSE(tp_item(tp_polygamma(200, tp_scalar(100))) * 1e28, -9.12542469109622266, 1e-11);
    CHECK_CLOSE(tp_item(tp_polygamma(171, tp_scalar(3))) / 1e227, 1.06886361465295783, 1e-11);
    CHECK_CLOSE(tp_item(tp_polygamma(300, tp_scalar(500))) * 1e198, -2.7637919479914356, 1e-11);
    CHECK_CLOSE(tp_item(tp_polygamma(171, tp_scalar(1000))) * 1e207, 7.89570365842690709, 1e-11);
    CHECK_CLOSE(tp_item(tp_polygamma(3, tp_scalar(-1000.25))), 1558.54545654204349, 1e-13);
    CHECK_CLOSE(tp_item(tp_polygamma(1, tp_scalar(-70.5))), 9.85552012686349898, 1e-13);
    CHECK_CLOSE(tp_item(tp_polygamma(1, tp_scalar(-1000000000000000.5))), 9.8696044010893586,
                1e-14);
    CHECK(isnan(tp_item(tp_polygamma(1, tp_scalar(-HUGE_VAL)))));
    CHECK_BITS(tp_item(tp_polygamma(1, tp_scalar(HUGE_VAL))), 0);
    CHECK_BITS(tp_item(tp_polygamma(INT32_MAX, tp_scalar(1e9))), 0);
    CHECK_BITS(tp_item(tp_polygamma(200, tp_scalar(-3.25))), (double)INFINITY);
}

/* Derivatives of 0 / x are 0 where 1 / x² leaves the type's range, too, and a gradient of 0 passes.
 */
static void check_zero_over(tp_dtype dtype, double at, int ndim)
{
    TP_SCOPE();
    tp_var *x = tp_variable(tp_full(dtype, ndim, (int64_t[]){3}, at)), *d[3];
    tp_var *y = tp_div(tp_zeros(dtype, TP_SHAPE()), x);
    tp_var *first = tp_gradient(y, x, .create_graph = true);
    CHECK(tp_item(tp_max(tp_abs(first))) == 0);
    CHECK(tp_item(tp_max(tp_abs(tp_gradient(first, x)))) == 0);
    tp_derivatives(y, x, 3, d);
    for (int k = 0; k < 3; k++)
        CHECK(tp_item(tp_max(tp_abs(d[k]))) == 0);
    tp_var *unused =
        tp_gradient(tp_div(1, x), x, .gradient = tp_zeros(dtype, ndim, (int64_t[]){3}));
    CHECK(tp_item(tp_max(tp_abs(unused))) == 0);
}

TEST(zero_over_small_numbers)
{
    for (int ndim = 0; ndim < 2; ndim++) {
        check_zero_over(TP_F64, 1e-155, ndim);
        check_zero_over(TP_F64, -1e-300, ndim);
        check_zero_over(TP_F32, 1e-20, ndim);
        check_zero_over(TP_F32, 1e-37, ndim);
    }
}
