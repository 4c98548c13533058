/* SPDX-License-Identifier: MIT
 *
 * What linalg.h says of NaN, of the triangle that is not read, of vectors as right sides, and of
 * operands with different numbers of axes.
 */
#include "matrices.h"

#include <math.h>

#include "elements.h"

static tp_var *matrix(double a, double b, double c, double d)
{
    return tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){a, b, c, d}));
}

static tp_var *vector(double a, double b)
{
    return tp_array(TP_F64, TP_SHAPE(2), ((double[]){a, b}));
}

LAPACK_TEST(nan_in_the_other_triangle_does_no_harm)
{
    tp_var *a = tp_variable(matrix(4, (double)NAN, 1, 3)), *w, *v;
    tp_var *values = tp_eigvalsh(a);
    CHECK_CLOSE(tp_item(tp_sum(values)), 7, 1e-14);
    CHECK_CLOSE(tp_item(tp_prod(values)), 11, 1e-13);
    CHECK_CLOSE(tp_item(tp_trace(tp_gradient(tp_sum(values), a))), 2, 1e-14);
    tp_eigh(a, &w, &v);
    CHECK_CLOSE(tp_item(tp_sum(w)), 7, 1e-14);
    tp_var *l = tp_cholesky(a);
    CHECK_BITS(tp_item(tp_sum(tp_select(l, 0, 0))), 2);
    CHECK_ELEMENTS(tp_solve_triangular(a, vector(4, 7)), 1, 2);
}

LAPACK_TEST(solutions_and_determinants_pass_nan_on)
{
    tp_var *a = matrix(4, 1, 1, (double)NAN), *b = vector(1, 2), *sign, *size;
    CHECK(isnan(tp_item(tp_sum(tp_inverse(a)))));
    CHECK(isnan(tp_item(tp_sum(tp_solve(a, b)))));
    CHECK(isnan(tp_item(tp_sum(tp_solve_triangular(a, b)))));
    CHECK(isnan(tp_item(tp_sum(tp_cholesky_solve(b, a)))));
    CHECK(isnan(tp_item(tp_det(a))));
    CHECK(isnan(tp_item(tp_logdet(a))));
    tp_slogdet(a, &sign, &size);
    CHECK(isnan(tp_item(size)));
    CHECK(isnan(tp_item(tp_sum(tp_matrix_exp(a)))));
}

/* Gradients of what a triangle does not read are 0, and directions there do not count. */
LAPACK_TEST(nan_stays_out_of_the_other_triangle)
{
    tp_var *l = tp_variable(matrix(2, 0, 1, 3)), *weights = vector((double)NAN, 1);
    tp_var *b = vector(4, 7), *y[] = {tp_solve_triangular(l, b), tp_cholesky_solve(b, l)};
    for
        EACH(i, y)
        {
            tp_var *g = tp_gradient(y[i], l, .gradient = weights);
            CHECK(at(g, 1) == 0 && isnan(at(g, 0)));
            tp_var *d = tp_jvp(y[i], l, matrix(0, (double)NAN, 1, 0));
            CHECK(isfinite(at(d, 0)) && isfinite(at(d, 1)));
        }
}

/* Factorisations, and what goes by them, of (2, 2, 2). */
static void factorise(int which, tp_var *a)
{
    tp_var *u, *s, *v;
    which == 0   ? (void)tp_cholesky(a)
    : which == 1 ? tp_qr(a, &u, &v)
    : which == 2 ? tp_qr(a, NULL, &v)
    : which == 3 ? tp_eigh(a, &s, &v)
    : which == 4 ? (void)tp_eigvalsh(a)
    : which == 5 ? tp_svd(a, &u, &s, &v)
    : which == 6 ? (void)tp_svdvals(a)
    : which == 7 ? (void)tp_lstsq(a, tp_ones(TP_F64, TP_SHAPE(2, 1)))
    : which == 8 ? (void)tp_lstsq(tp_slice(a, -2, 0, 1, 1), tp_ones(TP_F64, TP_SHAPE(1, 1)))
    : which == 9 ? (void)tp_pinv(a)
                 : (void)tp_matrix_rank(a);
}

LAPACK_TEST(factorisations_refuse_what_is_not_finite)
{
    const double bad[] = {(double)NAN, HUGE_VAL, -HUGE_VAL};
    for (int which = 0; which < 11; which++)
        for
            EACH(i, bad)
            {
                tp_var *both[] = {matrix(4, 1, 1, 3), matrix(bad[i], 1, 1, 4)};
                factorise(which, tp_stack(both, 2, 0));
                CHECK_ERROR(TP_ERROR_ARGUMENT, "matrix 1 has an element that is not finite");
                factorise(which, both[0]);
                CHECK(!tp_error());
            }
}

/* l = [[2, 0], [1, 3]], so l lᵀ = [[4, 2], [2, 10]]. */
LAPACK_TEST(right_sides_may_be_vectors)
{
    tp_var *l = tp_variable(matrix(2, 0, 1, 3)), *b = tp_variable(vector(8, 22));
    tp_var *y = tp_cholesky_solve(b, l);
    CHECK_ELEMENTS(y, 1, 2);
    CHECK_INT(tp_ndim(tp_gradient(y, b)), 1);
    tp_var *z = tp_solve_triangular(l, vector(2, 7));
    CHECK_ELEMENTS(z, 1, 2);
    CHECK_ELEMENTS(tp_solve_triangular(matrix(1, 5, 0, 1), vector(6, 1), .upper = true), 1, 1);
    tp_solve_triangular(l, tp_ones(TP_F64, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "solve_triangular");
}

TEST(cross_wants_as_many_axes)
{
    tp_cross(tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_ones(TP_F64, TP_SHAPE(3)), -1);
    CHECK_ERROR(TP_ERROR_SHAPE, "cross: shapes (2, 3) and (3,) do not fit: different numbers");
    CHECK_INT(
        tp_size(tp_cross(tp_ones(TP_F64, TP_SHAPE(1, 3)), tp_ones(TP_F64, TP_SHAPE(2, 3)), -1)), 6);
}

/* Its gradient is 0 and not none, and its type counts. */
TEST(addmm_with_beta_0_still_knows_its_input)
{
    tp_var *a = tp_ones(TP_F32, TP_SHAPE(2, 1)), *b = tp_ones(TP_F32, TP_SHAPE(1, 2));
    tp_var *input = tp_variable(tp_full(TP_F64, TP_SHAPE(2), (double)NAN));
    tp_var *y = tp_addmm(input, a, b, 0, 1);
    CHECK_INT(tp_dtype_of(y), TP_F64);
    CHECK_ELEMENTS(y, 1, 1, 1, 1);
    tp_backward(y);
    CHECK_ELEMENTS(tp_grad(input), 0, 0);
}

TEST(comparisons_are_constants)
{
    tp_var *x = tp_variable(1.0);
    CHECK_BITS(tp_item(tp_gradient(tp_gt(x, 0), x)), 0);
    tp_backward(tp_gt(x, 0));
    CHECK_ERROR(TP_ERROR_GRAPH, "depends on no variable");
    tp_backward(tp_sign(x));
    CHECK_BITS(tp_item(tp_grad(x)), 0);
}

TEST(integers_to_negative_powers)
{
    tp_var *two = tp_full(TP_I64, TP_SHAPE(1), 2), *minus = tp_full(TP_I64, TP_SHAPE(1), -1);
    CHECK_BITS(tp_item(tp_pow(two, -1.0)), 0.5);
    CHECK_BITS(tp_item(tp_pow(tp_scalar(2), minus)), 0.5);
    static const tp_dtype types[] = {TP_I64, TP_I32, TP_U8, TP_BOOL};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 2; k++)
            for (int ndim = 0; ndim < 2; ndim++) {
                tp_pow(tp_to(two, types[i]), tp_full(types[k], ndim, (const int64_t[]){1}, -1));
                CHECK_ERROR(TP_ERROR_ARGUMENT, "negative integer power");
                tp_var *three = tp_full(types[k], ndim, (const int64_t[]){1}, 3);
                CHECK_BITS(tp_item(tp_pow(tp_full(types[i % 3], TP_SHAPE(1), 2), three)), 8);
            }
    tp_var *x = tp_variable(0.0);
    CHECK_BITS(tp_item(tp_gradient(tp_pow(x, -2), x)), -HUGE_VAL);
    CHECK_BITS(tp_item(tp_gradient(tp_pow(x, 3), x)), 0);
}

TEST(places_of_nan)
{
    tp_var *x = tp_array(TP_F64, TP_SHAPE(4), ((double[]){1, (double)NAN, 5, (double)NAN}));
    CHECK_BITS(tp_item(tp_argmax(x, 0)), 1);
    CHECK_BITS(tp_item(tp_argmin(x, 0)), 1);
    tp_var *line = tp_variable(tp_reshape(x, TP_SHAPE(1, 1, 4))), *place;
    CHECK(isnan(tp_item(tp_max_pool1d(line, TP_SHAPE(4), .indices = &place))));
    CHECK_BITS(tp_item(place), 3);
    CHECK_ELEMENTS(tp_gradient(tp_max_pool1d(line, TP_SHAPE(4)), line), 0, 0, 0, 1);
}
