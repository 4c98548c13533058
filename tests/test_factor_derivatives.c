/* SPDX-License-Identifier: MIT
 *
 * Derivatives of factorisations and of what is made of them: second orders by differences, laws,
 * series with closed forms.
 */
#include "matrices.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static tp_var *factor_log(tp_var *x)
{
    return tp_logdet(x);
}

static tp_var *factor_weighted(tp_var *y)
{
    int64_t n = tp_size(y);
    tp_var *w = tp_reshape(tp_sin(tp_arange(TP_F64, 1, (double)n + 1, 1)), tp_ndim(y), tp_shape(y));
    return tp_sum(tp_mul(w, y));
}

static tp_var *factor_cholesky(tp_var *x)
{
    return factor_weighted(tp_cholesky(x));
}

static tp_var *factor_inverse(tp_var *x)
{
    return factor_weighted(tp_inverse(x));
}

static tp_var *factor_solve(tp_var *x)
{
    return factor_weighted(tp_solve(x, tp_square(tp_slice(x, -1, 0, 2, 1))));
}

static tp_var *factor_eigh(tp_var *x)
{
    tp_var *w, *v;
    tp_eigh(x, &w, &v);
    return tp_add(factor_weighted(tp_square(w)), factor_weighted(tp_square(v)));
}

static tp_var *factor_svd(tp_var *x)
{
    tp_var *u, *s, *vh;
    tp_svd(x, &u, &s, &vh);
    return tp_add(factor_weighted(s),
                  tp_add(factor_weighted(tp_square(u)), factor_weighted(tp_square(vh))));
}

static tp_var *factor_qr(tp_var *x)
{
    tp_var *q, *r;
    tp_qr(x, &q, &r);
    return tp_add(factor_weighted(tp_square(q)), factor_weighted(tp_square(r)));
}

static tp_var *factor_exp(tp_var *x)
{
    return factor_weighted(tp_matrix_exp(tp_div(x, 3)));
}

static tp_var *factor_einsum(tp_var *x)
{
    return factor_weighted(tp_einsum("ij,jk,ki,ii->k", (tp_var *[]){x, x, x, x}, 4));
}

LAPACK_TEST(second_order_by_differences)
{
    tp_var *a = tp_div(random_positive(TP_F64, TP_SHAPE(5, 5)), 5);
    tp_var *spread = tp_add(a, tp_mul(tp_arange(TP_F64, 0, 15, 3), tp_eye(TP_F64, 5)));
    CHECK_SECOND_ORDER(factor_log, a, 1e-7);
    CHECK_SECOND_ORDER(factor_cholesky, a, 1e-7);
    CHECK_SECOND_ORDER(factor_inverse, a, 1e-7);
    CHECK_SECOND_ORDER(factor_solve, a, 1e-7);
    CHECK_SECOND_ORDER(factor_eigh, spread, 1e-6);
    CHECK_SECOND_ORDER(factor_exp, a, 1e-7);
    CHECK_SECOND_ORDER(factor_einsum, a, 1e-7);
    CHECK_SECOND_ORDER(factor_svd, tp_add(spread, tp__triangle(TP_F64, 5, 0, 0, 0.7)), 1e-6);
    tp_var *tall = tp_concatenate((tp_var *[]){spread, tp_slice(a, 0, 0, 2, 1)}, 2, 0);
    CHECK_SECOND_ORDER(factor_qr, tall, 1e-6);
    CHECK_SECOND_ORDER(factor_qr, turned(tall), 1e-6);
    CHECK_SECOND_ORDER(factor_svd, tall, 1e-6);
    CHECK_SECOND_ORDER(factor_svd, turned(tall), 1e-6);
}

LAPACK_TEST(gradients_of_symmetric_functions_are_symmetric)
{
    tp_var *v = tp_variable(tp_div(random_positive(TP_F64, TP_SHAPE(2, 6, 6)), 6));
    tp_var *values[] = {tp_cholesky(v), tp_eigvalsh(v), NULL, NULL};
    tp_eigh(v, &values[2], &values[3]);
    for (int i = 0; i < 4; i++) {
        tp_var *g = tp_gradient(factor_weighted(values[i]), v);
        CHECK_NEAR(g, turned(g), 1e-13);
    }
}

/* log det (1 + t a) has the derivatives (−1)ᵏ⁻¹ (k − 1)! tr(aᵏ) at 0. */
LAPACK_TEST(series_of_a_determinant)
{
    enum { ORDERS = 6 };
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(4, 4)), *t = tp_variable(0.0), *d[ORDERS];
    tp_derivatives(tp_logdet(tp_add(tp_eye(TP_F64, 4), tp_mul(t, a))), t, ORDERS, d);
    for (int k = 1; k <= ORDERS; k++) {
        double sign = k % 2 ? 1 : -1;
        CHECK_CLOSE(tp_item(d[k - 1]), sign * tgamma(k) * tp_item(tp_trace(tp_matrix_power(a, k))),
                    1e-11);
    }
}

/* Eigenvalues ±√(1 + t²) of [[1, t], [t, −1]]; singular values √(1 + t²) of (1, t). */
LAPACK_TEST(series_of_eigenvalues)
{
    const double root[] = {0, 1, 0, -3, 0, 45};
    tp_var *t = tp_variable(0.0), *d[6], *w, *v;
    tp_var *one = tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){1, 0, 0, -1});
    tp_var *off = tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){0, 1, 1, 0});
    tp_eigh(tp_add(one, tp_mul(t, off)), &w, &v);
    tp_derivatives(w, t, 6, d);
    for (int k = 0; k < 6; k++) {
        CHECK_CLOSE(at(d[k], 0), -root[k], 1e-12);
        CHECK_CLOSE(at(d[k], 1), root[k], 1e-12);
    }
    tp_var *row = tp_add(tp_slice(one, 0, 0, 1, 1), tp_mul(t, tp_slice(off, 0, 0, 1, 1)));
    tp_derivatives(tp_svdvals(row), t, 6, d);
    for (int k = 0; k < 6; k++)
        CHECK_CLOSE(at(d[k], 0), root[k], 1e-12);
}

/* d/dt e^(t a) = a e^(t a), of every order. */
LAPACK_TEST(series_of_an_exponential)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(3, 3)), *t = tp_variable(0.3), *d[5];
    tp_var *y = tp_matrix_exp(tp_mul(t, a));
    tp_derivatives(y, t, 5, d);
    for (int k = 0; k < 5; k++)
        CHECK_NEAR(d[k], tp_matmul(tp_matrix_power(a, k + 1), y), 1e-12);
    tp_var *x = tp_variable(rotation_generator(2)), *big = tp_full(TP_F64, TP_SHAPE(2, 2), 1e8);
    tp_var *g = tp_gradient(tp_matrix_exp(x), x, .gradient = big);
    tp_var *small =
        tp_gradient(tp_matrix_exp(x), x, .gradient = tp_full(TP_F64, TP_SHAPE(2, 2), 1));
    CHECK_NEAR(tp_div(g, 1e8), small, 1e-14);
}

LAPACK_TEST(equal_values_have_derivatives_where_vectors_have_none)
{
    tp_var *v = tp_variable(tp_eye(TP_F64, 3)), *w, *vectors;
    CHECK_NEAR(tp_gradient(tp_eigvalsh(v), v), tp_eye(TP_F64, 3), 1e-15);
    CHECK_NEAR(tp_gradient(tp_sum(tp_svdvals(v)), v), tp_eye(TP_F64, 3), 1e-15);
    tp_eigh(v, &w, &vectors);
    CHECK(!isfinite(at(tp_gradient(tp_sum(vectors), v), 1)));
    CHECK_NEAR(tp_gradient(factor_weighted(tp_pinv(v)), v),
               tp_neg(tp_reshape(tp_sin(tp_arange(TP_F64, 1, 10, 1)), TP_SHAPE(3, 3))), 1e-14);
}
