/* SPDX-License-Identifier: MIT
 *
 * Transforms against closed forms and each other: symmetry, agreement of forwards and backwards,
 * composition; the walkthrough's Hessian-vector product.
 */
#include <math.h>
#include <stdlib.h>

#include "elements.h"

/* Σ 100 (x[i+1] − x[i]²)² + (x[i] − 1)² */
static tp_var *chained(tp_var *x)
{
    tp_var *a = tp_slice(x, 0, 0, -1, 1), *b = tp_slice(x, 0, 1, INT64_MAX, 1);
    tp_var *valley = tp_mul(100, tp_square(tp_sub(b, tp_square(a))));
    return tp_sum(tp_add(valley, tp_square(tp_sub(a, 1))));
}

static tp_var *point(void)
{
    return tp_variable(tp_array(TP_F64, TP_SHAPE(5), ((double[]){-1.2, 1, 0.5, -0.3, 2})));
}

TEST(hessians_are_symmetric_and_agree_with_products)
{
    tp_var *x = point(), *y = chained(x), *h = tp_hessian(y, x);
    tp_var *v = tp_array(TP_F64, TP_SHAPE(5), ((double[]){1, 2, -1, 0.5, 3}));
    CHECK_CLOSE(tp_item(y), 446.2, 1e-13);
    CHECK_SHAPE(h, 5, 5);
    CHECK_BITS(tp_item(tp_sum(tp_abs(tp_sub(h, tp_transpose(h, 0, 1))))), 0);
    CHECK_ELEMENTS(tp_round(tp_hvp(y, x, v)), 2290, 3284, -1522, 315, 660);
    tp_var *product = tp_matmul(h, v);
    CHECK_CLOSE(tp_item(tp_max(tp_abs(tp_sub(product, tp_hvp(y, x, v))))), 0, 1e-11);
    CHECK_CLOSE(tp_item(tp_laplacian(y, x)), tp_item(tp_trace(h)), 1e-12);
}

/* y[i] = Σ_j sin(i x[j]): dy[i]/dx[j] = i cos(i x[j]), by rows for few y, by columns for few x. */
static tp_var *waves(tp_var *x, int64_t n)
{
    tp_var *i = tp_unsqueeze(tp_arange(TP_F64, 1, (double)n + 1, 1), 1);
    return tp_sum(tp_sin(tp_mul(i, x)), .axes = TP_AXES(1));
}

TEST(jacobians_by_rows_and_by_columns)
{
    for (int64_t n = 2; n <= 6; n += 4) {
        tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.1, 0.7, -2})));
        tp_var *j = tp_jacobian(waves(x, n), x);
        CHECK_SHAPE(j, n, 3);
        for (int64_t i = 0; i < n; i++)
            for (int64_t k = 0; k < 3; k++)
                CHECK_CLOSE(at(j, 3 * i + k), (double)(i + 1) * cos((double)(i + 1) * at(x, k)),
                            1e-15);
        tp_var *second = tp_jacobian(tp_sum(j), x);
        for (int64_t k = 0; k < 3; k++) {
            double sum = 0;
            for (int64_t i = 1; i <= n; i++)
                sum -= (double)(i * i) * sin((double)i * at(x, k));
            CHECK_CLOSE(at(second, k), sum, 1e-14);
        }
    }
}

TEST(vjp_and_jvp_are_adjoint)
{
    tp_manual_seed(8);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(3))), *y = waves(x, 4);
    tp_var *u = tp_randn(TP_F64, TP_SHAPE(4)), *v = tp_randn(TP_F64, TP_SHAPE(3));
    double left = tp_item(tp_sum(tp_mul(u, tp_jvp(y, x, v))));
    double right = tp_item(tp_sum(tp_mul(tp_vjp(y, x, u), v)));
    CHECK_CLOSE(left, right, 1e-14);
}

TEST(series_along_a_line)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){0.5, 1}))), *d[4];
    tp_var *direction = tp_array(TP_F64, TP_SHAPE(2), ((double[]){2, -1}));
    tp_taylor(tp_sum(tp_exp(x)), x, direction, 4, d);
    for (int k = 1; k <= 4; k++)
        CHECK_CLOSE(tp_item(d[k - 1]), pow(2, k) * exp(0.5) + pow(-1, k) * exp(1), 1e-14);
    tp_taylor(x, x, tp_scalar(1), 2, d);
    CHECK_ERROR(TP_ERROR_SHAPE, "taylor: direction is float64 (), expected float64 (2,) like x");
}

TEST(what_does_not_depend_has_zeros)
{
    tp_var *x = point(), *other = tp_variable(2.0), *y = tp_square(other);
    CHECK_BITS(tp_item(tp_sum(tp_abs(tp_jacobian(y, x)))), 0);
    CHECK_SHAPE(tp_hessian(tp_sum(tp_mul(3, x)), x), 5, 5);
    CHECK_ELEMENTS(tp_hvp(tp_sum(x), x, x), 0, 0, 0, 0, 0);
    tp_hessian(x, x);
    CHECK_ERROR(TP_ERROR_SHAPE, "hessian: y has shape (5,), expected one element");
    CHECK_SHAPE(tp_jacobian(tp_slice(x, 0, 0, 0, 1), x), 0, 5);
}

/* --- Along lines --- */

/* exp(2 a + 3 b) sin(c): ∂^(i + j + k) = 2^i 3^j exp(2 a + 3 b) sin(c + k π / 2) */
static tp_var *product_of_three(tp_var *x)
{
    tp_var *a = tp_select(x, 0, 0), *b = tp_select(x, 0, 1), *c = tp_select(x, 0, 2);
    return tp_mul(tp_exp(tp_add(tp_mul(2, a), tp_mul(3, b))), tp_sin(c));
}

TEST(mixed_derivatives)
{
    static const int64_t index[][6] = {{0},       {2, 0},       {0, 0, 1},         {0, 1, 2},
                                       {2, 2, 2}, {1, 0, 1, 2}, {0, 1, 2, 2, 1, 0}};
    static const int order[] = {1, 2, 3, 3, 3, 4, 6};
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.1, -0.2, 0.7})));
    for (int i = 0; i < 7; i++) {
        double expected = exp(0.2 - 0.6);
        int sines = 0;
        for (int k = 0; k < order[i]; k++) {
            expected *= index[i][k] == 0 ? 2 : index[i][k] == 1 ? 3 : 1;
            sines += index[i][k] == 2;
        }
        expected *= sin(0.7 + sines * acos(0));
        tp_var *d = tp_mixed(product_of_three(x), x, order[i], index[i]);
        CHECK_CLOSE(tp_item(d), expected, 1e-12);
        tp_var *more = tp_gradient(d, x);
        CHECK_CLOSE(tp_item(tp_select(more, 0, 0)), 2 * expected, 1e-11);
    }
    tp_mixed(x, x, 2, (const int64_t[]){0, 3});
    CHECK_ERROR(TP_ERROR_ARGUMENT, "mixed: index 3, expected 0 to 2");
    tp_mixed(x, x, 2, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "mixed: index is NULL");
    tp_mixed(x, x, 21, index[0]);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "mixed: order 21, expected 1 to 20");
}

/* Δ² of exp(2 a + 3 b) sin c is (4 + 9 − 1)² times itself; of a⁴ b² + c, 24 b² + 48 a². */
TEST(biharmonic_operator)
{
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.1, -0.2, 0.7})));
    tp_var *y = product_of_three(x);
    CHECK_CLOSE(tp_item(tp_biharmonic(y, x)), 144 * tp_item(y), 1e-12);
    CHECK_CLOSE(tp_item(tp_laplacian(y, x)), 12 * tp_item(y), 1e-12);
    tp_var *a = tp_select(x, 0, 0), *b = tp_select(x, 0, 1), *c = tp_select(x, 0, 2);
    y = tp_add(tp_mul(tp_pow(a, 4), tp_pow(b, 2)), c);
    CHECK_CLOSE(tp_item(tp_biharmonic(y, x)), 24 * 0.04 + 48 * 0.01, 1e-13);
    tp_var *g = tp_gradient(tp_biharmonic(y, x), x);
    CHECK_CLOSE(tp_item(tp_select(g, 0, 0)), 9.6, 1e-12);
    CHECK_CLOSE(tp_item(tp_select(g, 0, 1)), -9.6, 1e-12);
}

/* A parameter's gradient of a high derivative: d/dw of the fifth derivative of sin(w t), w⁵ cos. */
TEST(backward_over_series)
{
    tp_var *t = tp_variable(0.3), *w = tp_variable(1.7), *d[5];
    tp_derivatives(tp_sin(tp_mul(w, t)), t, 5, d);
    double angle = 1.7 * 0.3;
    CHECK_CLOSE(tp_item(d[4]), pow(1.7, 5) * cos(angle), 1e-13);
    tp_var *g = tp_gradient(d[4], w, .create_graph = true);
    CHECK_CLOSE(tp_item(g), 5 * pow(1.7, 4) * cos(angle) - pow(1.7, 5) * 0.3 * sin(angle), 1e-13);
    CHECK_CLOSE(tp_item(tp_gradient(g, w)),
                20 * pow(1.7, 3) * cos(angle) - 10 * pow(1.7, 4) * 0.3 * sin(angle) -
                    pow(1.7, 5) * 0.09 * cos(angle),
                1e-12);
}

TEST(linear_maps)
{
    tp_manual_seed(8);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(3))), *v = tp_randn(TP_F64, TP_SHAPE(3));
    tp_var *y = waves(x, 4), *jacobian = tp_jacobian(y, x);
    tp_linear_map *linear = tp_linearize(y, x);
    tp_var *u = tp_randn(TP_F64, TP_SHAPE(4)), *forward = tp_linear_map_apply(linear, v);
    tp_var *backward = tp_linear_map_transpose(linear, u);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(forward, tp_matmul(jacobian, v))))) < 1e-14);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(backward, tp_matmul(u, jacobian))))) < 1e-14);
    tp_linear_map_free(linear);
    CHECK(!tp_linearize(x, tp_num(1)));
    CHECK_ERROR(TP_ERROR_GRAPH, "linearize: x is a constant");
    tp_linear_map_apply(NULL, v);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "linear_map_apply: the linear map is NULL");
}

/* Any of these of any other: a Hessian's rows are the gradient of a directional derivative, a
 * Laplacian's gradient is that of a trace. */
TEST(transforms_of_transforms)
{
    tp_manual_seed(8);
    tp_var *x = tp_variable(tp_randn(TP_F64, TP_SHAPE(3))), *v = tp_randn(TP_F64, TP_SHAPE(3));
    tp_var *y = tp_sum(tp_square(waves(x, 4))), *hessian = tp_hessian(y, x);
    tp_var *row = tp_gradient(tp_jvp(y, x, v), x), *product = tp_matmul(hessian, v);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(row, product)))) < 1e-11);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(tp_hvp(y, x, v), product)))) < 1e-11);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(hessian, tp_transpose(hessian, 0, 1))))) < 1e-11);
    tp_var *along = tp_gradient(tp_trace(hessian), x), *laplacian = tp_laplacian(y, x);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(tp_gradient(laplacian, x), along)))) < 1e-9);
    tp_var *third = tp_jacobian(tp_hvp(y, x, v), x), *other = tp_jvp(hessian, x, v);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(third, other)))) < 1e-9);
}

/* NIST's Misra1b: b₁ (1 − (1 + b₂ x / 2)⁻²), by a layer that closes its scope. Certified values. */
static tp_var *misra(void *ctx, tp_var *b)
{
    static const double x[] = {77.6,  114.9, 141.1, 190.8, 239.9, 289.0, 332.8,
                               378.4, 434.8, 477.3, 536.8, 593.1, 689.1, 760.0},
                        y[] = {10.07, 14.73, 17.94, 23.93, 29.61, 35.18, 40.02,
                               44.82, 50.76, 55.05, 61.01, 66.40, 75.47, 81.78};
    (void)ctx;
    TP_SCOPE();
    tp_var *b1 = tp_select(b, 0, 0), *b2 = tp_select(b, 0, 1);
    tp_var *half = tp_add(1, tp_mul(b2, tp_mul(tp_array(TP_F64, TP_SHAPE(14), x), 0.5)));
    tp_var *model = tp_mul(b1, tp_sub(1, tp_pow(half, -2)));
    return tp_leave(tp_sub(model, tp_array(TP_F64, TP_SHAPE(14), y)));
}

TEST(least_squares_of_a_layer_whose_scope_closed)
{
    const double start[] = {300, 2e-4};
    tp_minimize_result fit;
    tp_least_squares(misra, NULL, tp_array(TP_F64, TP_SHAPE(2), start), &fit);
    CHECK_CLOSE(at(fit.x, 0) / 3.3799746163e+02, 1, 1e-7);
    CHECK_CLOSE(at(fit.x, 1) / 3.9039091287e-04, 1, 1e-7);
    CHECK_CLOSE(fit.value, 7.5464681533e-02, 1e-9);
}
