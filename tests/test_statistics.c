/* SPDX-License-Identifier: MIT
 *
 * Delicate points of reductions: zeros in products, norms at 0, logsumexp of infinities.
 */
#include <math.h>

#include "elements.h"

static tp_var *row(int n, const double *values)
{
    return tp_variable(tp_array(TP_F64, TP_SHAPE(n), values));
}

/* d²/dx_i dx_j of x0 x1 x2 is the product of the others. */
TEST(products_with_two_zeros_have_a_hessian)
{
    tp_var *x = row(4, (double[]){0, 3, 0, 5});
    tp_var *g = tp_gradient(tp_prod(x), x, .create_graph = true);
    CHECK_ELEMENTS(g, 0, 0, 0, 0);
    CHECK_ELEMENTS(tp_gradient(tp_select(g, 0, 0), x), 0, 0, 15, 0);
    CHECK_ELEMENTS(tp_gradient(tp_select(g, 0, 2), x), 15, 0, 0, 0);
    tp_var *one = row(3, (double[]){2, 0, 5});
    CHECK_ELEMENTS(tp_gradient(tp_prod(one), one), 0, 10, 0);
    CHECK_ELEMENTS(tp_prod(tp_zeros(TP_F64, TP_SHAPE(2, 0)), .axes = TP_AXES(1)), 1, 1);
    CHECK_INT(tp_dtype_of(tp_prod(tp_full(TP_U8, TP_SHAPE(3), 100))), TP_I64);
    CHECK_BITS(tp_item(tp_prod(tp_full(TP_U8, TP_SHAPE(3), 100))), 1000000);
}

TEST(norms_at_zero_have_derivatives)
{
    static const double ps[] = {2, 1, 3, 1.5, HUGE_VAL};
    for
        EACH(i, ps)
        {
            TP_SCOPE();
            tp_var *x = row(2, (double[]){0, 0});
            tp_var *g = tp_gradient(tp_norm(x, ps[i]), x, .create_graph = true);
            CHECK_ELEMENTS(g, 0, 0);
            CHECK_ELEMENTS(tp_gradient(tp_sum(tp_square(g)), x), 0, 0);
        }
    tp_var *x = row(2, (double[]){3, -4});
    CHECK_BITS(tp_item(tp_norm(x, 2)), 5);
    CHECK_BITS(tp_item(tp_norm(x, 0)), 2);
    CHECK_BITS(tp_item(tp_norm(x, -HUGE_VAL)), 3);
    tp_norm(x, (double)NAN);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "norm: p is not a number");
}

/* The limit of x / |x| where one element grows; several that grow alike share. */
TEST(norms_of_infinities_have_derivatives)
{
    static const double ps[] = {2, 3, 1.5, HUGE_VAL};
    const double inf = HUGE_VAL;
    for
        EACH(i, ps)
        {
            TP_SCOPE();
            tp_var *x = row(3, (double[]){-inf, 1, 2}), *y = tp_norm(x, ps[i]);
            CHECK_BITS(tp_item(y), inf);
            CHECK_ELEMENTS(tp_gradient(y, x), -1, 0, 0);
            CHECK_BITS(tp_item(tp_jvp(y, x, row(3, (double[]){3, 1, 1}))), -3);
            x = row(3, (double[]){inf, 1, inf});
            CHECK_ELEMENTS(tp_gradient(tp_norm(x, ps[i]), x), 0.5, 0, 0.5);
            x = row(3, (double[]){inf, (double)NAN, 1});
            CHECK(isnan(tp_item(tp_norm(x, ps[i]))));
        }
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){inf, 1, 4, 0})));
    tp_var *origin = tp_zeros(TP_F64, TP_SHAPE(1, 2));
    CHECK_ELEMENTS(tp_gradient(tp_sum(tp_cdist(x, origin)), x), 1, 0, 1, 0);
}

TEST(logsumexp_of_infinities_is_finite_in_its_derivatives)
{
    tp_var *x = row(2, (double[]){-HUGE_VAL, -HUGE_VAL});
    tp_var *y = tp_logsumexp(x), *g = tp_gradient(y, x, .create_graph = true);
    CHECK(tp_item(y) == -HUGE_VAL);
    CHECK_ELEMENTS(g, 0, 0);
    CHECK_ELEMENTS(tp_gradient(tp_sum(g), x), 0, 0);
    tp_var *mixed = row(3, (double[]){-HUGE_VAL, 1000, 1000});
    tp_var *z = tp_logsumexp(mixed), *h = tp_gradient(z, mixed, .create_graph = true);
    CHECK_CLOSE(tp_item(z), 1000 + log(2), 1e-15);
    CHECK_ELEMENTS(h, 0, 0.5, 0.5);
    CHECK_ELEMENTS(tp_gradient(tp_select(h, 0, 1), mixed), 0, 0.25, -0.25);
    CHECK(tp_item(tp_logsumexp(tp_zeros(TP_F64, TP_SHAPE(0)))) == -HUGE_VAL);
}

/* As logaddexp has it: what is infinite has the gradient, equals share it. */
/* Of {40, 0, 1}, by mpmath: derivatives for the first of order 2 and 3, and for first and second.
 */
TEST(logsumexp_of_a_share_near_1)
{
    static const double own = 1.57965784283e-17, beside = -4.24835425529e-18;
    static const tp_dtype types[] = {TP_F64, TP_F32};
    for
        EACH(i, types)
        {
            TP_SCOPE();
            const double tolerance = types[i] == TP_F64 ? 1e-11 : 1e-5;
            tp_var *x = tp_variable(tp_to(row(3, (double[]){40, 0, 1}), types[i])), *series[3];
            tp_var *first = tp_to(row(3, (double[]){1, 0, 0}), types[i]);
            tp_var *y = tp_logsumexp(x), *g = tp_gradient(y, x, .create_graph = true);
            tp_var *second[] = {tp_gradient(tp_select(g, 0, 0), x), tp_hvp(y, x, first)};
            tp_taylor(y, x, first, 3, series);
            for (int k = 0; k < 2; k++) {
                CHECK_CLOSE(tp_item(tp_select(second[k], 0, 0)) / own, 1, tolerance);
                CHECK_CLOSE(tp_item(tp_select(second[k], 0, 1)) / beside, 1, tolerance);
            }
            CHECK_CLOSE(tp_item(series[1]) / own, 1, tolerance);
            CHECK_CLOSE(tp_item(series[2]) / -own, 1, tolerance);
        }
}

TEST(logsumexp_of_plus_infinity)
{
    static const struct {
        double at[2], gradient[2];
    } cases[] = {{{HUGE_VAL, 0}, {1, 0}},
                 {{1, HUGE_VAL}, {0, 1}},
                 {{HUGE_VAL, HUGE_VAL}, {0.5, 0.5}},
                 {{HUGE_VAL, -HUGE_VAL}, {1, 0}}};
    for
        EACH(i, cases)
        {
            TP_SCOPE();
            tp_var *x = row(2, cases[i].at), *a = tp_variable(cases[i].at[0]);
            tp_var *b = tp_variable(cases[i].at[1]), *y = tp_logaddexp(a, b);
            CHECK(tp_item(tp_logsumexp(x)) == HUGE_VAL && tp_item(y) == HUGE_VAL);
            const double *g = cases[i].gradient;
            CHECK_ELEMENTS(tp_gradient(tp_logsumexp(x), x), g[0], g[1]);
            CHECK_ELEMENTS(tp_gradient(tp_logsumexp(x), x, .create_graph = true), g[0], g[1]);
            CHECK_BITS(tp_item(tp_jvp(tp_logsumexp(x), x, tp_ones(TP_F64, TP_SHAPE(2)))), 1);
            CHECK_BITS(tp_item(tp_gradient(y, a)), g[0]);
            CHECK_BITS(tp_item(tp_gradient(y, b, .create_graph = true)), g[1]);
        }
    const double rows[] = {HUGE_VAL, 0, 1, 1};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2, 2), rows));
    tp_var *y = tp_logsumexp(x, .axes = 1);
    CHECK_CLOSE(at(y, 1), 1 + log(2), 1e-15);
    CHECK_ELEMENTS(tp_gradient(y, x), 1, 0, 0.5, 0.5);
}

/* (1/3 + 1/4)⁻¹ = 12/7, but an element that is 0 makes it 0. */
TEST(norms_of_negative_powers)
{
    tp_var *x = row(3, (double[]){3, -4, 0}), *y = row(2, (double[]){3, -4});
    CHECK_BITS(tp_item(tp_norm(x, -1)), 0);
    CHECK_CLOSE(tp_item(tp_norm(y, -1)), 12 / 7.0, 1e-15);
    CHECK_ELEMENTS(tp_gradient(tp_norm(x, -1), x), 0, 0, 0);
    tp_var *g = tp_gradient(tp_norm(y, -1), y);
    CHECK_CLOSE(at(g, 0), 16 / 49.0, 1e-15);
    CHECK_CLOSE(at(g, 1), -9 / 49.0, 1e-15);
}

TEST(a_constant_has_no_spread)
{
    tp_var *x = row(3, (double[]){2, 2, 2});
    CHECK_BITS(tp_item(tp_std(x)), 0);
    CHECK_ELEMENTS(tp_gradient(tp_std(x), x), 0, 0, 0);
    CHECK(isnan(tp_item(tp_variance(row(1, (double[]){2})))));
    CHECK_BITS(tp_item(tp_variance(row(1, (double[]){2}), .biased = true)), 0);
}

/* What does not depend on its operand's elements has the gradient 0, whatever these are. */
TEST(constants_have_zero_gradients)
{
    tp_var *none = tp_variable(tp_zeros(TP_F64, TP_SHAPE(2, 0)));
    tp_var *one = tp_prod(none, .axes = TP_AXES(1));
    CHECK_ELEMENTS(one, 1, 1);
    CHECK(tp_requires_grad(one));
    CHECK_SHAPE(tp_gradient(one, none), 2, 0);
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(2, 2), (double)NAN));
    CHECK_ELEMENTS(tp_matrix_power(x, 0), 1, 0, 0, 1);
    CHECK_ELEMENTS(tp_gradient(tp_matrix_power(x, 0), x), 0, 0, 0, 0);
    tp_var *v = row(3, (double[]){HUGE_VAL, 0, (double)NAN}), *count = tp_norm(v, 0);
    CHECK_BITS(tp_item(count), 2);
    CHECK_ELEMENTS(tp_gradient(count, v), 0, 0, 0);
    CHECK_INT(tp_dtype_of(tp_matrix_power(tp_ones(TP_U8, TP_SHAPE(2, 2)), 1)), TP_I64);
}

/* Bytes that are no truth values, values that wait, and nothing. One element in 256 is 0, the first
 * is, and no row has two of them; of `odd` one in 4 is. */
TEST(truth_of_many_elements)
{
    enum { ROWS = 300, COLUMNS = 70 };
    tp_var *x = tp_remainder(tp_mul(tp_arange(TP_I64, 0, ROWS * COLUMNS, 1), 7919), 256);
    tp_var *odd = tp_gt(tp_remainder(x, 4), 0), *zeros = tp_zeros(TP_U8, TP_SHAPE(ROWS, COLUMNS));
    int64_t counts[2] = {0};
    for (int64_t i = 0; i < ROWS * COLUMNS; i++)
        counts[0] += i * 7919 % 256 != 0, counts[1] += i * 7919 % 4 != 0;
    for (int kind = 0; kind < 3; kind++) {
        tp_var *y = kind == 0 ? tp_to(x, TP_U8) : kind == 1 ? tp_to(x, TP_F32) : odd;
        y = tp_reshape(y, TP_SHAPE(ROWS, COLUMNS));
        CHECK_BITS(tp_item(tp_count_nonzero(y)), (double)counts[kind == 2]);
        CHECK_BITS(tp_item(tp_any(y)), 1);
        CHECK_BITS(tp_item(tp_all(y)), 0);
        CHECK_BITS(tp_item(tp_all(tp_ge(y, 0))), 1);
        CHECK_BITS(tp_item(tp_any(tp_gt(tp_to(y, TP_F32), 255))), 0);
        CHECK_BITS(tp_item(tp_sum(tp_any(y, .axes = TP_AXES(0)))), COLUMNS);
        CHECK_BITS(tp_item(tp_sum(tp_all(y, .axes = TP_AXES(1)))), kind == 2 ? 0 : ROWS - 83);
        tp_var *whole = tp_all(
            tp_concatenate(
                (tp_var *[]){tp_add(tp_mul(tp_to(y, TP_F32), 0), 3), tp_to(zeros, TP_F32)}, 2, 0),
            .axes = TP_AXES(1));
        CHECK_BITS(tp_item(tp_sum(whole)), ROWS);
    }
    CHECK_BITS(tp_item(tp_any(zeros)), 0);
    CHECK_BITS(tp_item(tp_any(tp_zeros(TP_U8, TP_SHAPE(0, 2)))), 0);
    CHECK_BITS(tp_item(tp_all(tp_zeros(TP_U8, TP_SHAPE(0, 2)))), 1);
    CHECK_BITS(tp_item(tp_sum(tp_all(tp_zeros(TP_U8, TP_SHAPE(0, 2)), .axes = TP_AXES(0)))), 2);
    tp_any(zeros, .axes = TP_AXES(2));
    CHECK_ERROR(TP_ERROR_SHAPE, "any: axis 2");
}

TEST(truth_of_many)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){0, 1, 0, (double)NAN}));
    CHECK_ELEMENTS(tp_any(x, .axes = TP_AXES(0)), 0, 1);
    CHECK_ELEMENTS(tp_all(x, .axes = TP_AXES(0)), 0, 1);
    CHECK_BITS(tp_item(tp_count_nonzero(x)), 2);
    CHECK_INT(tp_dtype_of(tp_any(x)), TP_U8);
    tp_var *none = tp_zeros(TP_I64, TP_SHAPE(0));
    CHECK_BITS(tp_item(tp_any(none)), 0);
    CHECK_BITS(tp_item(tp_all(none)), 1);
}
