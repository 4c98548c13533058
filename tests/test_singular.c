/* SPDX-License-Identifier: MIT
 *
 * Singular matrices, equal values, and scales at the ends of the range: determinants' gradients by
 * cofactors, values of factorisations whose vectors have no derivative.
 */
#define _POSIX_C_SOURCE 200809L
#include "matrices.h"

/* Σ w y with different weights w. */
static tp_var *singular_weighted(tp_var *y)
{
    int64_t n = tp_size(y);
    tp_var *w = tp_reshape(tp_sin(tp_arange(TP_F64, 1, (double)n + 1, 1)), tp_ndim(y), tp_shape(y));
    return tp_sum(tp_mul(w, y));
}

/* What takes values alone has no part in vectors that have no derivative. */
LAPACK_TEST(values_beside_equal_ones_and_zeros)
{
    static const double points[][6] = {
        {1, 0, 0, 1, 0, 0}, {0, 0, 0, 0, 0, 0}, {3, 0, 0, 0, 0, 0}, {1, 2, 2, 4, 3, 6}};
    for
        EACH(i, points)
        {
            TP_SCOPE();
            tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(3, 2), points[i])), *u, *s, *vh;
            tp_svd(x, &u, &s, &vh);
            tp_var *weights = tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, 0.5}));
            tp_var *g = tp_gradient(s, x, .gradient = weights);
            CHECK_NEAR(g, tp_gradient(tp_svdvals(x), x, .gradient = weights), 1e-14);
            tp_var *square = tp_variable(tp_matmul(turned(tp_detach(x)), tp_detach(x))), *w, *v;
            tp_eigh(square, &w, &v);
            g = tp_gradient(w, square, .gradient = weights, .create_graph = true);
            CHECK_NEAR(g, tp_gradient(tp_eigvalsh(square), square, .gradient = weights), 1e-14);
        }
}

/* U and V do not change with scale, and their derivatives fall with it. */
LAPACK_TEST(factors_of_large_and_small_matrices)
{
    static const double scales[] = {1, 1e200, 1e-200};
    static const double points[] = {1, 2, -1, 0.5, 3, 1.5};
    tp_var *first[3] = {NULL};
    for
        EACH(i, scales)
        {
            tp_var *x = tp_variable(tp_mul(scales[i], tp_array(TP_F64, TP_SHAPE(3, 2), points)));
            tp_var *u, *s, *vh;
            tp_svd(x, &u, &s, &vh);
            tp_var *g[] = {tp_div(s, scales[i]),
                           tp_mul(scales[i], tp_gradient(singular_weighted(tp_square(u)), x)),
                           tp_gradient(singular_weighted(s), x)};
            for (int k = 0; k < 3; k++) {
                first[k] = i ? first[k] : g[k];
                CHECK_NEAR(g[k], first[k], 1e-12);
            }
        }
}

/* --- Determinants of singular matrices --- */

/* The gradient of det is quadratic in a (3, 3), so its slope along b is a central difference. */
static void check_cofactors(tp_var *a, tp_var *expected)
{
    tp_var *b = tp_array(TP_F64, TP_SHAPE(3, 3), ((double[]){3, 1, -2, 1, 4, 1, 0.5, -1, 5}));
    tp_var *x = tp_variable(a), *up = tp_variable(tp_add(a, tp_mul(8, b)));
    tp_var *down = tp_variable(tp_sub(a, tp_mul(8, b)));
    tp_var *g = tp_gradient(tp_det(x), x, .create_graph = true);
    CHECK_NEAR(g, expected, 1e-13);
    CHECK_NEAR(tp_gradient(tp_det(x), x), expected, 1e-13);
    tp_var *slope =
        tp_div(tp_sub(tp_gradient(tp_det(up), up), tp_gradient(tp_det(down), down)), 16);
    CHECK_NEAR(tp_gradient(g, x, .gradient = b), slope, 1e-12);
    CHECK_NEAR(tp_jvp(g, x, b), slope, 1e-12);
    CHECK_CLOSE(tp_item(tp_jvp(tp_det(x), x, b)), tp_item(tp_sum(tp_mul(expected, b))), 1e-12);
}

LAPACK_TEST(determinants_of_singular_matrices_have_derivatives)
{
    const double rank_2[] = {1, 2, 3, 4, 5, 6, 5, 7, 9}, rank_1[] = {1, 2, 3, 2, 4, 6, 3, 6, 9};
    const double cofactors[] = {3, -6, 3, 3, -6, 3, -3, 6, -3};
    check_cofactors(tp_array(TP_F64, TP_SHAPE(3, 3), rank_2),
                    tp_array(TP_F64, TP_SHAPE(3, 3), cofactors));
    check_cofactors(tp_array(TP_F64, TP_SHAPE(3, 3), rank_1), tp_zeros(TP_F64, TP_SHAPE(3, 3)));
    check_cofactors(tp_zeros(TP_F64, TP_SHAPE(3, 3)), tp_zeros(TP_F64, TP_SHAPE(3, 3)));
    tp_var *zero = tp_variable(tp_zeros(TP_F64, TP_SHAPE(1, 1)));
    CHECK_ELEMENTS(tp_gradient(tp_det(zero), zero), 1);
    static const double scales[] = {1e200, 1e-200};
    for
        EACH(i, scales)
        {
            tp_var *x = tp_variable(tp_mul(scales[i], tp_eye(TP_F64, 2)));
            tp_var *g = tp_gradient(tp_det(x), x, .create_graph = true);
            CHECK_ELEMENTS(g, scales[i], 0, 0, scales[i]);
            CHECK_ELEMENTS(
                tp_gradient(tp_select(g, 0, 0), x, .gradient = tp_arange(TP_F64, 1, 3, 1)), 0, 0,
                -2, 1);
        }
    enum { LARGE = 40 }; /* by singular values */
    tp_var *d =
        tp_variable(tp_mul(tp_eye(TP_F64, LARGE), tp_ne(tp_arange(TP_I64, 0, LARGE, 1), 7)));
    tp_var *g = tp_gradient(tp_det(d), d);
    CHECK_CLOSE(at(g, 7 * LARGE + 7), 1, 1e-12);
    CHECK_CLOSE(tp_item(tp_sum(tp_abs(g))), 1, 1e-12);
}

/* Infinite where a cofactor is not 0; the others of a batch are as they were. */
LAPACK_TEST(logarithms_of_determinants_beside_singular_ones)
{
    tp_var *a = tp_array(TP_F64, TP_SHAPE(2, 2, 2), ((double[]){1, 0, 0, 0, 2, 0, 0, 4}));
    tp_var *x = tp_variable(a), *sign, *log;
    tp_slogdet(x, &sign, &log);
    CHECK(at(log, 0) == -HUGE_VAL);
    CHECK_ELEMENTS(tp_gradient(log, x), 0, 0, 0, HUGE_VAL, 0.5, 0, 0, 0.25);
    CHECK_ELEMENTS(tp_gradient(sign, x), 0, 0, 0, 0, 0, 0, 0, 0);
}
