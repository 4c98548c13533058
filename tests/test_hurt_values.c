/* SPDX-License-Identifier: MIT
 *
 * Numbers that hurt: functions that saturate, kinks, branches not taken, powers at 0. Expected
 * values are closed forms. For large x, with s = ±1 for the two sides,
 *
 *     tanh⁽ⁿ⁾(s x) = sⁿ⁺¹ 2 Σₖ (−1)ᵏ (−2k)ⁿ e^(−2kx)      σ⁽ⁿ⁾(s x) = sⁿ⁺¹ Σₖ (−1)ᵏ (−k)ⁿ e^(−kx)
 */
#include "harness.h"

#include <math.h>

enum { HIGHEST = 16 };

typedef tp_var *unary(tp_var *x);

static double at(tp_var *v, int64_t i)
{
    const double *data = tp_data(v);
    return data ? data[i] : -12345;
}

/* Derivative n > 0 of tanh (scale 2) or sigmoid (scale 1) at x, |x| ≥ 10. */
static double saturated(int scale, int n, double x)
{
    double sum = 0, side = x < 0 && n % 2 == 0 ? -1 : 1;
    for (int k = 12; k > 0; k--)
        sum += (k % 2 ? -1 : 1) * pow(-scale * k, n) * exp(-scale * k * fabs(x));
    return side * scale * sum;
}

static void check_relative(const char *what, int n, double x, double value, double expected,
                           double tolerance)
{
    bool good = isfinite(value) && fabs(value - expected) <= tolerance * fabs(expected) + 1e-307;
    test_check(good, __FILE__, __LINE__, "%s, order %d at %g: %.17g, expected %.17g", what, n, x,
               value, expected);
}

static const double saturating[] = {20, -20, 40, -40, 400, -400, 10, -10};

/* The reverse rules are exact to an ulp of 1, and of the magnitude of their factors. */
static void check_saturated_nested(unary *f, int scale)
{
    for (size_t i = 0; i < sizeof saturating / sizeof *saturating; i++) {
        TP_SCOPE();
        double number = saturating[i];
        tp_var *x = tp_variable(number), *g = f(x);
        for (int n = 1; n <= 4; n++) {
            g = tp_gradient(g, x, .create_graph = true);
            double value = tp_item(g), expected = saturated(scale, n, number);
            test_check(isfinite(value) && fabs(value - expected) <= pow(4, n) * 0x1p-53, __FILE__,
                       __LINE__, "order %d at %g: %.17g, expected %.17g", n, number, value,
                       expected);
            CHECK(value == 0 || expected == 0 || fabs(expected) < pow(4, n) * 0x1p-53 ||
                  (value < 0) == (expected < 0));
        }
        tp_backward(f(x));
        CHECK(fabs(tp_item(tp_grad(x)) - saturated(scale, 1, number)) <= 0x1p-51);
    }
}

static void check_saturated_taylor(const char *what, unary *f, int scale, double tolerance)
{
    for (size_t i = 0; i < sizeof saturating / sizeof *saturating; i++) {
        TP_SCOPE();
        double number = saturating[i];
        tp_var *x = tp_variable(number), *out[HIGHEST];
        tp_derivatives(f(x), x, HIGHEST, out);
        for (int n = 1; n <= HIGHEST; n++)
            check_relative(what, n, number, tp_item(out[n - 1]), saturated(scale, n, number),
                           tolerance);
    }
}

TEST(hurt_saturated_tanh_nested)
{
    check_saturated_nested(tp_tanh, 2);
}

TEST(hurt_saturated_sigmoid_nested)
{
    check_saturated_nested(tp_sigmoid, 1);
}

TEST(hurt_saturated_tanh_taylor)
{
    check_saturated_taylor("tanh", tp_tanh, 2, 1e-13);
}

TEST(hurt_saturated_sigmoid_taylor)
{
    check_saturated_taylor("sigmoid", tp_sigmoid, 1, 1e-13);
}

TEST(hurt_saturated_infinity)
{
    static const double ends[] = {(double)INFINITY, (double)-INFINITY, 1e308, -1e308};
    for (int i = 0; i < 4; i++) {
        tp_var *x = tp_variable(ends[i]);
        CHECK_BITS(tp_item(tp_tanh(x)), ends[i] > 0 ? 1 : -1);
        CHECK_BITS(tp_item(tp_sigmoid(x)), ends[i] > 0);
        CHECK_BITS(tp_item(tp_gradient(tp_tanh(x), x)), 0);
        CHECK_BITS(tp_item(tp_gradient(tp_sigmoid(x), x)), 0);
    }
}

TEST(hurt_saturated_float32)
{
    const float ends[] = {20, -20, 40, -40, 100, -100};
    tp_var *x = tp_variable(tp_array(TP_F32, TP_SHAPE(6), ends)), *g = tp_tanh(x);
    tp_var *h = tp_sigmoid(x);
    for (int n = 1; n <= 4; n++) {
        g = tp_gradient(g, x, .create_graph = true);
        h = tp_gradient(h, x, .create_graph = true);
        for (int i = 0; i < 6; i++) {
            CHECK(fabs(at(tp_to(g, TP_F64), i)) < 1e-6);
            CHECK(fabs(at(tp_to(h, TP_F64), i)) < 1e-6);
        }
    }
}

/* --- Branches not taken --- */

static tp_var *reciprocal(tp_var *x)
{
    return tp_div(1, x);
}

static tp_var *root_power(tp_var *x)
{
    return tp_pow(x, 0.5);
}

static tp_var *variable_power(tp_var *x)
{
    return tp_pow(x, tp_scalar(0.5));
}

static tp_var *overflow(tp_var *x)
{
    return tp_exp(tp_mul(x, 1000));
}

static tp_var *log_of_square(tp_var *x)
{
    return tp_log(tp_square(x));
}

static tp_var *normalised(tp_var *x)
{
    return tp_div(x, tp_sqrt(tp_square(x)));
}

typedef struct branch {
    const char *name;
    unary *f;
    double x; /* where f or a derivative of it is NaN or infinite */
} branch;

static const branch branches[] = {
    {"log", tp_log, -1},
    {"log", tp_log, 0},
    {"sqrt", tp_sqrt, 0},
    {"sqrt", tp_sqrt, -1},
    {"reciprocal", reciprocal, 0},
    {"pow 0.5", root_power, 0},
    {"pow 0.5", root_power, -1},
    {"variable pow", variable_power, 0},
    {"variable pow", variable_power, -1},
    {"exp", overflow, 5},
    {"log of square", log_of_square, 0},
    {"x / |x|", normalised, 0},
};

/* y = x² where the branch is not taken: derivatives 2x and 2, as if f were not there. */
static void check_untaken(const branch *b, bool array, bool second)
{
    TP_SCOPE();
    tp_var *x = tp_variable(array ? tp_full(TP_F64, TP_SHAPE(9), b->x) : tp_num(b->x));
    tp_var *bad = tp_ne(x, b->x), *square = tp_square(x), *f = b->f(x), *out[2];
    tp_var *y = second ? tp_where(tp_eq(x, b->x), square, f) : tp_where(bad, f, square);
    CHECK_BITS(at(y, 0), b->x * b->x);
    double plain = at(tp_gradient(y, x), 0);
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    double one = at(g, 0), two = at(tp_gradient(g, x), 0);
    tp_derivatives(y, x, 2, out);
    test_check(plain == 2 * b->x && one == 2 * b->x && two == 2, __FILE__, __LINE__,
               "%s untaken at %g%s: gradient %g, recorded %g, second order %g", b->name, b->x,
               array ? " (array)" : "", plain, one, two);
    test_check(at(out[0], 0) == 2 * b->x && at(out[1], 0) == 2, __FILE__, __LINE__,
               "%s untaken at %g%s: Taylor %g, %g", b->name, b->x, array ? " (array)" : "",
               at(out[0], 0), at(out[1], 0));
}

TEST(hurt_branches_not_taken)
{
    for (size_t i = 0; i < sizeof branches / sizeof *branches; i++)
        for (int form = 0; form < 4; form++)
            check_untaken(&branches[i], form & 1, form & 2);
}

/* Values, not made by a function of x: nothing but where itself can spoil the gradient. */
TEST(hurt_untaken_values_that_are_not_finite)
{
    static const double bad[] = {(double)NAN, (double)INFINITY, (double)-INFINITY};
    for (int i = 0; i < 3; i++) {
        tp_var *x = tp_variable(3.0), *a = tp_variable(bad[i]), *xs[] = {x, a}, *g[2];
        tp_var *y = tp_where(1, tp_square(x), tp_mul(2, a));
        tp_gradients(y, xs, 2, g, .create_graph = true);
        CHECK_BITS(tp_item(y), 9);
        CHECK_BITS(tp_item(g[0]), 6);
        CHECK_BITS(tp_item(g[1]), 0);
        CHECK_BITS(tp_item(tp_gradient(g[0], x)), 2);
    }
}

/* --- Kinks --- */

static void check_orders(const char *what, unary *f, double number, const double *expected, int n)
{
    for (int array = 0; array < 2; array++) {
        TP_SCOPE();
        tp_var *x = tp_variable(array ? tp_full(TP_F64, TP_SHAPE(9), number) : tp_num(number));
        tp_var *y = f(x), *g = y, *out[HIGHEST];
        tp_backward(y);
        check_relative(what, 1, number, at(tp_grad(x), 0), expected[0], 0);
        tp_derivatives(y, x, n, out);
        for (int k = 1; k <= n; k++) {
            g = tp_gradient(g, x, .create_graph = true);
            check_relative(what, k, number, at(g, 0), expected[k - 1], 0);
            check_relative("Taylor", k, number, at(out[k - 1], 0), expected[k - 1], 0);
        }
    }
}

static tp_var *power_0(tp_var *x)
{
    return tp_pow(x, 0);
}

static tp_var *power_1(tp_var *x)
{
    return tp_pow(x, 1);
}

static tp_var *power_2(tp_var *x)
{
    return tp_pow(x, 2);
}

static tp_var *power_3(tp_var *x)
{
    return tp_pow(x, 3.0);
}

static tp_var *power_3_of_shifted(tp_var *x)
{
    return tp_pow(tp_sub(x, 0), 3);
}

TEST(hurt_powers_at_zero)
{
    static const double expected[][5] = {
        {0, 0, 0, 0, 0}, {1, 0, 0, 0, 0}, {0, 2, 0, 0, 0}, {0, 0, 6, 0, 0}};
    check_orders("x^0", power_0, 0, expected[0], 5);
    check_orders("x^1", power_1, 0, expected[1], 5);
    check_orders("x^2", power_2, 0, expected[2], 5);
    check_orders("x^3", power_3, 0, expected[3], 5);
    check_orders("x^3", power_3_of_shifted, 0, expected[3], 5);
    check_orders("x²", tp_square, 0, expected[2], 5);
    check_orders("x^0", power_0, -0.0, expected[0], 5);
    check_orders("x^3", power_3, -0.0, expected[3], 5);
}

TEST(hurt_abs_and_relu_at_zero)
{
    static const double none[] = {0, 0, 0, 0}, one[] = {1, 0, 0, 0}, minus[] = {-1, 0, 0, 0};
    check_orders("abs", tp_abs, 0, none, 4);
    check_orders("abs", tp_abs, -0.0, none, 4);
    check_orders("abs", tp_abs, -2, minus, 4);
    check_orders("relu", tp_relu, 0, none, 4);
    check_orders("relu", tp_relu, -0.0, none, 4);
    check_orders("relu", tp_relu, 3, one, 4);
    check_orders("relu", tp_relu, -3, none, 4);
    tp_var *x = tp_variable(-2.0);
    CHECK_BITS(tp_item(tp_gradient(tp_sign(x), x)), 0);
}

TEST(hurt_sqrt_at_zero_is_infinite)
{
    tp_var *x = tp_variable(0.0), *v = tp_variable(tp_zeros(TP_F64, TP_SHAPE(9))), *out[1];
    CHECK_BITS(tp_item(tp_gradient(tp_sqrt(x), x)), (double)INFINITY);
    CHECK_BITS(at(tp_gradient(tp_sqrt(v), v), 8), (double)INFINITY);
    CHECK_BITS(tp_item(tp_gradient(tp_sqrt(x), x, .create_graph = true)), (double)INFINITY);
    tp_derivatives(tp_sqrt(x), x, 1, out);
    CHECK_BITS(tp_item(out[0]), (double)INFINITY);
    CHECK_BITS(tp_item(tp_gradient(tp_pow(x, 0.5), x)), (double)INFINITY);
}

TEST(hurt_ties_share)
{
    static const double numbers[] = {1, 3, 3, 2, 3, 0};
    tp_var *v = tp_variable(tp_array(TP_F64, TP_SHAPE(6), numbers)), *g;
    g = tp_gradient(tp_max(v), v);
    for (int i = 0; i < 6; i++)
        CHECK_CLOSE(at(g, i), numbers[i] == 3 ? 1.0 / 3 : 0, 1e-16);
    tp_var *m = tp_reshape(v, TP_SHAPE(2, 3));
    g = tp_gradient(tp_sum(tp_max(m, .axes = TP_AXES(1))), v);
    CHECK_BITS(at(g, 1), 0.5);
    CHECK_BITS(at(g, 2), 0.5);
    CHECK_BITS(at(g, 4), 1);
    g = tp_gradient(tp_min(tp_neg(v)), v, .create_graph = true);
    CHECK_CLOSE(at(g, 1), -1.0 / 3, 1e-16);
    CHECK_BITS(at(tp_gradient(g, v), 1), 0);
}

TEST(hurt_maximum_of_equals)
{
    for (int array = 0; array < 2; array++) {
        tp_var *start = array ? tp_full(TP_F64, TP_SHAPE(9), 2) : tp_num(2);
        tp_var *a = tp_variable(start), *b = tp_variable(start), *xs[] = {a, b}, *g[2];
        tp_gradients(tp_maximum(a, b), xs, 2, g, .create_graph = true);
        CHECK_BITS(at(g[0], 0), 0.5);
        CHECK_BITS(at(g[1], 0), 0.5);
        CHECK_BITS(at(tp_gradient(tp_minimum(a, a), a), 0), 1);
        CHECK_BITS(at(tp_gradient(tp_square(tp_maximum(a, 2)), a), 0), 2);
        tp_var *nan = tp_variable((double)NAN);
        CHECK(isnan(at(tp_maximum(a, nan), 0)) && isnan(at(tp_minimum(nan, a), 0)));
    }
}

/* The exponent is differentiated only if it is a variable. */
TEST(hurt_variable_exponent_at_zero)
{
    static const double exponents[] = {0, 1, 2, 3};
    for (int i = 0; i < 4; i++) {
        TP_SCOPE();
        tp_var *a = tp_variable(0.0), *b = tp_variable(exponents[i]), *xs[] = {a, b}, *g[2];
        tp_gradients(tp_pow(a, b), xs, 2, g);
        CHECK_BITS(tp_item(g[0]), i == 1);
        CHECK_BITS(tp_item(g[1]), 0);
        tp_var *c = tp_scalar(exponents[i]), *y = tp_pow(a, c), *v = a;
        CHECK_BITS(tp_item(tp_gradient(y, v)), i == 1);
        tp_var *m = tp_variable(-1.5);
        CHECK_CLOSE(tp_item(tp_gradient(tp_pow(m, exponents[i]), m)), i ? i * pow(-1.5, i - 1) : 0,
                    1e-15);
    }
}

/* Softplus and log-cosh written so that nothing overflows keep their derivatives far out. */
TEST(hurt_stable_forms_far_out)
{
    static const double numbers[] = {-400, -40, 0, 40, 400};
    for (int i = 0; i < 5; i++) {
        TP_SCOPE();
        tp_var *x = tp_variable(numbers[i]);
        tp_var *y = tp_add(tp_maximum(x, 0), tp_log(tp_add(1, tp_exp(tp_neg(tp_abs(x))))));
        double expected = numbers[i] > 0 ? 1 : numbers[i] < 0 ? 0 : 0.5;
        CHECK_CLOSE(tp_item(tp_gradient(y, x)), expected, 1e-15);
        CHECK(isfinite(tp_item(tp_gradient(tp_gradient(y, x, .create_graph = true), x))));
    }
}
