/* SPDX-License-Identifier: MIT
 *
 * Equations and factorisations by what defines them, on matrices larger than those of the table;
 * what is singular, and what LAPACK is needed for. Derivatives: test_factor_derivatives.c.
 */
#include "matrices.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

static const int64_t factor_sizes[] = {1, 2, 3, 7, 20, 65};
static const tp_dtype factor_types[] = {TP_F64, TP_F32};

static double factor_tolerance(tp_dtype dtype)
{
    return dtype == TP_F32 ? 2e-4 : 1e-11;
}

/* --- Without LAPACK --- */

TEST(without_lapack_calls_say_what_is_missing)
{
    if (tp__lapack_is_there())
        return;
    tp_var *a = tp_eye(TP_F64, 3), *q, *r, *s;
    CHECK(tp_is_poison(tp_cholesky(a)));
    CHECK_ERROR(TP_ERROR_MISSING, "cholesky: needs LAPACK; build the library with TP_WITH_LAPACK");
    CHECK(tp_is_poison(tp_solve(a, a)));
    CHECK_ERROR(TP_ERROR_MISSING, "solve: needs LAPACK");
    tp_svd(a, &q, &r, &s);
    CHECK(tp_is_poison(q) && tp_is_poison(r) && tp_is_poison(s));
    CHECK_ERROR(TP_ERROR_MISSING, "svd: needs LAPACK");
    tp_matrix_exp(a);
    CHECK_ERROR(TP_ERROR_MISSING, "matrix_exp: needs LAPACK");
    tp_lstsq(a, a);
    CHECK_ERROR(TP_ERROR_MISSING, "lstsq: needs LAPACK");
    tp_inverse(tp_ones(TP_F64, TP_SHAPE(2, 3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "inverse: shape (2, 3)");
}

/* --- Equations --- */

LAPACK_TEST(an_inverse_times_its_matrix_is_one)
{
    for
        EACH(type, factor_types)
    for
        EACH(i, factor_sizes)
        {
            TP_SCOPE();
            int64_t n = factor_sizes[i];
            tp_var *a = random_positive(factor_types[type], TP_SHAPE(2, n, n));
            tp_var *b =
                tp_sub(a, tp_mul(0.3, turned(tp_randn(factor_types[type], TP_SHAPE(n, n)))));
            CHECK_NEAR(tp_matmul(b, tp_inverse(b)), identity_like(b),
                       factor_tolerance(factor_types[type]));
        }
}

LAPACK_TEST(a_solution_solves)
{
    for
        EACH(type, factor_types)
    for
        EACH(i, factor_sizes)
        {
            TP_SCOPE();
            int64_t n = factor_sizes[i];
            tp_dtype dtype = factor_types[type];
            double tolerance = factor_tolerance(dtype);
            tp_var *a = tp_add(random_positive(dtype, TP_SHAPE(3, 1, n, n)),
                               tp_randn(dtype, TP_SHAPE(n, n)));
            tp_var *b = tp_randn(dtype, TP_SHAPE(2, n, 4)), *v = tp_randn(dtype, TP_SHAPE(n));
            CHECK_NEAR(tp_matmul(a, tp_solve(a, b)), tp_broadcast_to(b, TP_SHAPE(3, 2, n, 4)),
                       tolerance);
            CHECK_NEAR(
                tp_matmul(tp_select(a, 0, 1),
                          tp_unsqueeze(tp_solve(tp_select(a, 0, 1), tp_unsqueeze(v, 0)), -1)),
                tp_reshape(v, TP_SHAPE(1, n, 1)), tolerance);
            CHECK_NEAR(tp_matmul(turned(a), tp_solve(turned(a), b)),
                       tp_broadcast_to(b, TP_SHAPE(3, 2, n, 4)), tolerance);
        }
}

/* One matrix for a batch of right sides is factored once. */
LAPACK_TEST(one_matrix_for_many_sides)
{
    tp_var *a = tp_variable(random_positive(TP_F64, TP_SHAPE(4, 4)));
    tp_var *b = tp_variable(tp_randn(TP_F64, TP_SHAPE(3, 2, 4, 5))), *one[2], *many[2];
    tp_var *x = tp_solve(a, b), *y = tp_solve(tp_broadcast_to(a, TP_SHAPE(3, 2, 4, 4)), b);
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(3, 2, 4, 5)), *in[] = {a, b};
    CHECK_NEAR(x, y, 1e-14);
    tp_gradients(tp_sum(tp_mul(w, x)), in, 2, one);
    tp_gradients(tp_sum(tp_mul(w, y)), in, 2, many);
    CHECK_NEAR(one[0], many[0], 1e-13);
    CHECK_NEAR(one[1], many[1], 1e-13);
    CHECK_NEAR(tp_matmul(a, tp_solve(a, tp_to(b, TP_F32))), tp_to(tp_to(b, TP_F32), TP_F64), 1e-12);
}

/* x with NaN in the triangle above (or below) its diagonal. */
static tp_var *factor_spoilt(tp_var *x, bool above)
{
    int64_t n = tp_shape(x)[tp_ndim(x) - 1];
    tp_var *other = tp__triangle(TP_F64, n, !above, 0, above);
    return tp_where(tp_gt(other, 0), (double)NAN, x);
}

LAPACK_TEST(a_triangle_is_read_alone)
{
    tp_var *a = random_positive(TP_F64, TP_SHAPE(2, 6, 6)), *b = tp_randn(TP_F64, TP_SHAPE(6, 3));
    tp_var *lower = tp_mul(a, tp__triangle(TP_F64, 6, 1, 1, 0)), *upper = turned(lower);
    tp_var *both = tp_broadcast_to(b, TP_SHAPE(2, 6, 3));
    CHECK_NEAR(tp_matmul(lower, tp_solve_triangular(factor_spoilt(lower, true), b)), both, 1e-12);
    CHECK_NEAR(tp_matmul(upper, tp_solve_triangular(factor_spoilt(upper, false), b, .upper = true)),
               both, 1e-12);
    tp_var *unit = tp_add(tp_mul(upper, tp__triangle(TP_F64, 6, 0, 0, 0.1)), tp_eye(TP_F64, 6));
    tp_var *x = tp_solve_triangular(tp_add(unit, tp_eye(TP_F64, 6)), b, .upper = true,
                                    .unitriangular = true);
    CHECK_NEAR(tp_matmul(unit, x), both, 1e-12);
    CHECK_NEAR(tp_cholesky(factor_spoilt(a, true)), tp_cholesky(a), 0);
    CHECK_NEAR(tp_eigvalsh(tp_add(tp_mul(a, tp__triangle(TP_F64, 6, 1, 1, 0)),
                                  tp__triangle(TP_F64, 6, 0, 0, 9))),
               tp_eigvalsh(a), 1e-13);
    CHECK_NEAR(tp_cholesky_solve(b, tp_cholesky(a)), tp_solve(a, b), 1e-12);
}

LAPACK_TEST(determinants)
{
    tp_var *sign, *logarithm, *a = random_positive(TP_F64, TP_SHAPE(5, 5));
    tp_var *l = tp_cholesky(a);
    double half = 0;
    for (int i = 0; i < 5; i++)
        half += log1p(at(l, 6 * i) - 1);
    CHECK_CLOSE(tp_item(tp_logdet(a)), 2 * half, 1e-13);
    CHECK_CLOSE(tp_item(tp_det(a)), exp(2 * half), 1e-10);
    tp_var *swapped = tp_concatenate(
        (tp_var *[]){tp_slice(a, 0, 1, 2, 1), tp_slice(a, 0, 0, 1, 1), tp_slice(a, 0, 2, 5, 1)}, 3,
        0);
    tp_slogdet(swapped, &sign, &logarithm);
    CHECK_BITS(tp_item(sign), -1);
    CHECK_CLOSE(tp_item(logarithm), 2 * half, 1e-13);
    CHECK(isnan(tp_item(tp_logdet(swapped))));
    tp_slogdet(tp_ones(TP_F64, TP_SHAPE(3, 3)), &sign, &logarithm);
    CHECK_BITS(tp_item(sign), 0);
    CHECK_BITS(tp_item(logarithm), -HUGE_VAL);
    CHECK_BITS(tp_item(tp_det(tp_ones(TP_F64, TP_SHAPE(3, 3)))), 0);
    CHECK_BITS(tp_item(tp_logdet(tp_ones(TP_F64, TP_SHAPE(3, 3)))), -HUGE_VAL);
    tp_slogdet(tp_mul(1e-3, tp_eye(TP_F64, 400)), &sign, &logarithm);
    CHECK_CLOSE(tp_item(logarithm), 400 * log(1e-3), 1e-13);
    CHECK_BITS(tp_item(tp_det(tp_zeros(TP_F64, TP_SHAPE(0, 0)))), 1);
    CHECK_ELEMENTS(tp_det(tp_array(TP_I64, TP_SHAPE(2, 2), (int64_t[]){1, 2, 3, 4})), -2);
}

/* --- Factors --- */

static void factor_reconstruct(tp_dtype dtype, int64_t m, int64_t n)
{
    TP_SCOPE();
    double tolerance = factor_tolerance(dtype);
    int64_t k = m < n ? m : n;
    tp_var *a = tp_randn(dtype, TP_SHAPE(2, m, n)), *q, *r, *u, *s, *vh;
    tp_qr(a, &q, &r);
    CHECK_SHAPE(q, 2, m, k);
    CHECK_NEAR(tp_matmul(q, r), a, tolerance);
    tp_var *one = tp_broadcast_to(tp_eye(dtype, k), TP_SHAPE(2, k, k));
    CHECK_NEAR(tp_matmul(turned(q), q), one, tolerance);
    tp_var *low = tp_mul(tp_slice(r, -1, 0, k, 1), tp__triangle(dtype, k, 1, 0, 0));
    CHECK_NEAR(low, tp_zeros(dtype, TP_SHAPE(2, k, k)), 0);
    tp_svd(a, &u, &s, &vh);
    CHECK_NEAR(tp_matmul(tp_mul(u, tp_unsqueeze(s, -2)), vh), a, tolerance);
    CHECK_NEAR(tp_matmul(turned(u), u), one, tolerance);
    CHECK_NEAR(tp_matmul(vh, turned(vh)), one, tolerance);
    CHECK_NEAR(tp_svdvals(a), s, tolerance);
    for (int64_t i = 0; i + 1 < k; i++)
        CHECK(at(s, i) >= at(s, i + 1) && at(s, i + 1) >= 0);
    tp_var *p = tp_pinv(a);
    CHECK_NEAR(tp_matmul(tp_matmul(a, p), a), a, 10 * tolerance);
    CHECK_NEAR(turned(tp_matmul(a, p)), tp_matmul(a, p), 10 * tolerance);
    CHECK_NEAR(turned(tp_matmul(p, a)), tp_matmul(p, a), 10 * tolerance);
}

LAPACK_TEST(factors_multiply_to_their_matrix)
{
    static const int64_t shapes[][2] = {{1, 1},   {4, 4},   {5, 2}, {2, 6},
                                        {40, 33}, {30, 70}, {90, 3}};
    for
        EACH(type, factor_types)
    for
        EACH(i, shapes)
    factor_reconstruct(factor_types[type], shapes[i][0], shapes[i][1]);
}

LAPACK_TEST(symmetric_factors)
{
    for
        EACH(type, factor_types)
    for
        EACH(i, factor_sizes)
        {
            TP_SCOPE();
            int64_t n = factor_sizes[i];
            tp_dtype dtype = factor_types[type];
            double tolerance = factor_tolerance(dtype);
            tp_var *a = random_positive(dtype, TP_SHAPE(2, n, n)), *l = tp_cholesky(a), *w, *v;
            CHECK_NEAR(tp_matmul(l, turned(l)), a, tolerance);
            CHECK_NEAR(tp_mul(l, tp__triangle(dtype, n, 0, 0, 1)), tp_mul(l, 0), 0);
            tp_eigh(a, &w, &v);
            CHECK_NEAR(tp_matmul(tp_mul(v, tp_unsqueeze(w, -2)), turned(v)), a, tolerance);
            CHECK_NEAR(tp_matmul(turned(v), v), identity_like(v), tolerance);
            CHECK_NEAR(tp_eigvalsh(a), w, tolerance);
            for (int64_t k = 0; k + 1 < n; k++)
                CHECK(at(w, k) <= at(w, k + 1));
        }
}

LAPACK_TEST(least_squares)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(3, 9, 4)), *b = tp_randn(TP_F64, TP_SHAPE(9, 2));
    tp_var *x = tp_lstsq(a, b), *rest = tp_sub(tp_matmul(a, x), b);
    CHECK_NEAR(tp_matmul(turned(a), rest), tp_zeros(TP_F64, TP_SHAPE(3, 4, 2)), 1e-12);
    CHECK_NEAR(x, tp_matmul(tp_pinv(a), b), 1e-12);
    tp_var *wide = turned(a), *c = tp_randn(TP_F64, TP_SHAPE(3, 4));
    CHECK_NEAR(tp_lstsq(wide, c), tp_squeeze(tp_matmul(tp_pinv(wide), tp_unsqueeze(c, -1)), -1),
               1e-12);
    tp_var *thin = tp_randn(TP_F64, TP_SHAPE(6, 2));
    tp_var *deficient = tp_matmul(thin, tp_randn(TP_F64, TP_SHAPE(2, 5)));
    CHECK_INT(tp_item(tp_matrix_rank(deficient)), 2);
    CHECK_INT(tp_dtype_of(tp_matrix_rank(deficient)), TP_I64);
    CHECK_NEAR(tp_matmul(deficient, tp_matmul(tp_pinv(deficient), deficient)), deficient, 1e-12);
    CHECK_ELEMENTS(tp_matrix_rank(tp_zeros(TP_F64, TP_SHAPE(2, 3, 3))), 0, 0);
    CHECK_ELEMENTS(tp_matrix_rank(tp_zeros(TP_F64, TP_SHAPE(2, 0, 3))), 0, 0);
    CHECK_NEAR(tp_pinv(tp_zeros(TP_F64, TP_SHAPE(2, 3))), tp_zeros(TP_F64, TP_SHAPE(3, 2)), 0);
}

/* --- Functions of matrices --- */

LAPACK_TEST(exponentials)
{
    const double angles[] = {0, 1e-9, 0.5, 3, 40, 1000};
    tp_var *parts[6];
    for (int i = 0; i < 6; i++)
        parts[i] = tp_unsqueeze(rotation_generator(angles[i]), 0);
    tp_var *y = tp_matrix_exp(tp_concatenate(parts, 6, 0));
    for (int i = 0; i < 6; i++) {
        double tolerance = 1e-14 * (1 + 4 * angles[i]);
        CHECK_CLOSE(at(y, 4 * i), cos(angles[i]), tolerance);
        CHECK_CLOSE(at(y, 4 * i + 2), sin(angles[i]), tolerance);
        CHECK_NEAR(tp_select(y, 0, i), tp_matrix_exp(tp_squeeze(parts[i], 0)), 0);
    }
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(2, 9, 9));
    CHECK_NEAR(tp_matmul(tp_matrix_exp(a), tp_matrix_exp(tp_neg(a))), identity_like(a), 1e-9);
    tp_var *nilpotent = tp__triangle(TP_F64, 3, 0, 0, 1);
    CHECK_NEAR(tp_matrix_exp(nilpotent),
               tp_array(TP_F64, TP_SHAPE(3, 3), (double[]){1, 1, 1.5, 0, 1, 1, 0, 0, 1}), 1e-15);
    CHECK_INT(tp_dtype_of(tp_matrix_exp(tp_to(a, TP_F32))), TP_F32);
    CHECK(isnan(at(tp_matrix_exp(tp_full(TP_F64, TP_SHAPE(2, 2), (double)NAN)), 0)));
}

LAPACK_TEST(powers)
{
    tp_var *a = random_positive(TP_F64, TP_SHAPE(2, 3, 3)), *square = tp_matmul(a, a);
    CHECK_NEAR(tp_matrix_power(a, 2), square, 0);
    CHECK_NEAR(tp_matrix_power(a, 7), tp_matmul(a, tp_matmul(square, tp_matmul(square, square))),
               1e-13);
    CHECK_NEAR(tp_matrix_power(a, -2), tp_inverse(square), 1e-12);
    CHECK_NEAR(tp_matrix_power(a, 0), identity_like(a), 0);
}

/* --- Errors --- */

LAPACK_TEST(singular_matrices_are_named)
{
    tp_var *ones = tp_ones(TP_F64, TP_SHAPE(2, 2)), *one = tp_eye(TP_F64, 2);
    tp_var *both[] = {tp_unsqueeze(one, 0), tp_unsqueeze(ones, 0)};
    tp_var *a = tp_concatenate(both, 2, 0), *w, *v;
    CHECK(tp_is_poison(tp_inverse(a)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "inverse: of shape (2, 2, 2), matrix 1 is singular");
    CHECK(tp_is_poison(tp_solve(a, one)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "solve: of shape (2, 2, 2), matrix 1 is singular");
    CHECK(tp_is_poison(tp_cholesky(tp_neg(a))));
    CHECK_ERROR(TP_ERROR_ARGUMENT,
                "cholesky: of shape (2, 2, 2), matrix 0 is not positive definite");
    CHECK(tp_is_poison(tp_solve_triangular(tp_sub(a, one), one)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "solve_triangular: of shape (2, 2, 2), matrix 0 has a zero");
    tp_eigh(tp_div(a, 0), &w, &v);
    CHECK(tp_is_poison(w) && tp_is_poison(v));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "eigh: of shape (2, 2, 2), matrix 0 has an element that is not");
    tp_svdvals(tp_full(TP_F64, TP_SHAPE(3, 2), (double)NAN));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "svdvals: of shape (3, 2), matrix 0 has an element that is not");
}

LAPACK_TEST(shapes_are_named)
{
    tp_var *wide = tp_ones(TP_F64, TP_SHAPE(2, 3)), *v = tp_ones(TP_F64, TP_SHAPE(3));
    tp_var *square = tp_eye(TP_F64, 3);
    tp_set_name(wide, "w");
    tp_inverse(wide);
    CHECK_ERROR(TP_ERROR_SHAPE,
                "inverse: shape (2, 3) (w), expected square matrices (…, n, n): 2 != 3");
    tp_cholesky(v);
    CHECK_ERROR(TP_ERROR_SHAPE, "cholesky: shape (3,), expected matrices (…, m, n)");
    tp_solve(square, tp_ones(TP_F64, TP_SHAPE(4, 2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "solve: shapes (3, 3) and (4, 2) do not fit: 3 != 4");
    tp_solve(tp_ones(TP_F64, TP_SHAPE(2, 3, 3)), tp_ones(TP_F64, TP_SHAPE(4, 3, 2)));
    CHECK_ERROR(TP_ERROR_SHAPE,
                "solve: shapes (2, 3, 3) and (4, 3, 2) do not fit: leading axes do not");
    tp_lstsq(wide, v);
    CHECK_ERROR(TP_ERROR_SHAPE, "lstsq: shapes (2, 3) (w) and (3,) do not fit: 2 != 3");
    tp_matrix_power(wide, 2);
    CHECK_ERROR(TP_ERROR_SHAPE, "matrix_power: shape (2, 3)");
}

/* One element spread: nothing of that size is written. */
LAPACK_TEST(sizes_beyond_lapack_are_refused)
{
    tp_var *q, *r, *one = tp_ones(TP_F32, TP_SHAPE(1, 1));
    tp_qr(tp_broadcast_to(one, TP_SHAPE(1, 10000001)), &q, &r);
    if (!CHECK(tp_is_poison(q) && tp_is_poison(r)))
        return;
    CHECK_ERROR(TP_ERROR_SHAPE, "qr: shape (1, 10000001) is too large for LAPACK");
    tp_slogdet(tp_broadcast_to(one, TP_SHAPE(20001, 20001)), &q, &r);
    CHECK(tp_is_poison(q) && tp_is_poison(r));
    CHECK_ERROR(TP_ERROR_SHAPE, "slogdet: shape (20001, 20001) is too large for LAPACK");
}

/* --- Drawings, threads, shapes --- */

/* Of diag(2, 3): values 2 and 3, determinant 6. */
LAPACK_TEST(results_that_are_not_wanted_may_be_null)
{
    tp_var *a = tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){2, 0, 0, 3}), *w, *v, *s, *log, *r;
    tp_eigh(a, &w, NULL);
    tp_eigh(a, NULL, &v);
    CHECK_ELEMENTS(w, 2, 3);
    CHECK_ELEMENTS(tp_abs(v), 1, 0, 0, 1);
    tp_svd(a, NULL, &s, NULL);
    CHECK_ELEMENTS(s, 3, 2);
    tp_qr(a, NULL, &r);
    CHECK_ELEMENTS(tp_abs(r), 2, 0, 0, 3);
    tp_slogdet(a, NULL, &log);
    CHECK_CLOSE(tp_item(log), log1p(5), 1e-15);
    tp_slogdet(tp_neg(a), &s, NULL);
    CHECK_BITS(tp_item(s), 1);
}

LAPACK_TEST(a_factorisation_is_one_box)
{
    tp_var *u, *s, *vh;
    tp_svd(tp_variable(tp_eye(TP_F64, 3)), &u, &s, &vh);
    char *text = tp_get_dot_graph(tp_matmul(u, vh), false);
    int boxes = 0;
    for (const char *at = text; at && (at = strstr(at, "shape=box")); at++)
        boxes++;
    CHECK_INT(boxes, 2);
    free(text);
}

/* Everything that this file's calls give, end to end. */
static tp_var *factor_everything(tp_var *a)
{
    tp_var *parts[12];
    tp_qr(a, &parts[0], &parts[1]);
    tp_svd(a, &parts[2], &parts[3], &parts[4]);
    tp_eigh(a, &parts[5], &parts[6]);
    parts[7] = tp_cholesky(a);
    parts[8] = tp_solve(a, a);
    parts[9] = tp_inverse(a);
    parts[10] = tp_det(a);
    parts[11] = tp_matrix_exp(tp_div(a, 10));
    for (int i = 0; i < 12; i++)
        parts[i] = tp_reshape(parts[i], TP_SHAPE(-1));
    return tp_concatenate(parts, 12, 0);
}

LAPACK_TEST(the_same_bits_for_any_number_of_threads)
{
    for
        EACH(type, factor_types)
    for (int64_t n = 3; n <= (test_short() ? 3 : 33); n += 30) {
        TP_SCOPE();
        tp_var *a = random_positive(factor_types[type], TP_SHAPE(n == 3 ? 500 : 20, n, n));
        tp_set_num_threads(1);
        tp_var *one = factor_everything(a);
        size_t bytes = (size_t)tp_size(one) * (factor_types[type] == TP_F32 ? 4 : 8);
        for (int threads = 2; threads <= 4; threads += 2) {
            tp_set_num_threads(threads);
            CHECK(!memcmp(tp_data(factor_everything(a)), tp_data(one), bytes));
        }
    }
    tp_set_num_threads(2);
}

static void factor_call(int which, tp_var *a, tp_var *b)
{
    tp_var *x, *y, *z;
    switch (which) {
    case 0:
        tp_qr(a, &x, &y);
        break;
    case 1:
        tp_svd(a, &x, &y, &z);
        break;
    case 2:
        tp_eigh(a, &x, &y);
        break;
    case 3:
        tp_slogdet(a, &x, &y);
        break;
    case 4:
        x = tp_solve(a, b);
        break;
    case 5:
        x = tp_lstsq(a, b);
        break;
    case 6:
        x = tp_solve_triangular(a, b, .upper = true);
        break;
    default:
        x = which == 7   ? tp_pinv(a)
            : which == 8 ? tp_matrix_exp(a)
            : which == 9 ? tp_cholesky(a)
                         : tp_inverse(a);
    }
    if (!tp_is_poison(x) && tp_requires_grad(x) && tp_requires_grad(a))
        tp_gradient(x, a);
}

TEST(random_shapes_do_no_harm)
{
    uint64_t state = 3;
    for (int i = 0; i < (test_short() ? 500 : 8000); i++) {
        TP_SCOPE();
        int64_t shape[2][4];
        int ndim[2];
        for (int k = 0; k < 2; k++) {
            state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
            ndim[k] = (int)((state >> 40) % 9) / 2;
            for (int d = 0; d < ndim[k]; d++)
                shape[k][d] = (int64_t)(state >> (20 + 3 * d)) % 4;
        }
        tp_var *a = tp_variable(tp_randn(i % 3 ? TP_F64 : TP_F32, ndim[0], shape[0]));
        factor_call(i % 11, a, tp_randn(TP_F64, ndim[1], shape[1]));
        CHECK(!tp_error() || tp_status() == TP_ERROR_SHAPE || tp_status() == TP_ERROR_ARGUMENT ||
              tp_status() == TP_ERROR_MISSING);
        tp_clear_error();
    }
}
