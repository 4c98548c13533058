/* SPDX-License-Identifier: MIT
 *
 * Products of vectors, matrices and arrays: laws, delicate points, messages.
 */
#include "matrices.h"

#include <math.h>

TEST(names_for_given_dimensions)
{
    tp_var *v = counting(TP_F64, TP_SHAPE(3)), *a = counting(TP_F64, TP_SHAPE(2, 3));
    CHECK_BITS(tp_item(tp_dot(v, v)), 14);
    CHECK_ELEMENTS(tp_mv(a, v), 14, 32);
    CHECK_ELEMENTS(tp_mm(a, turned(a)), 14, 32, 32, 77);
    CHECK_ELEMENTS(tp_bmm(tp_unsqueeze(a, 0), tp_unsqueeze(turned(a), 0)), 14, 32, 32, 77);
    CHECK_ELEMENTS(tp_outer(tp_slice(v, 0, 0, 2, 1), v), 1, 2, 3, 2, 4, 6);
    CHECK_ELEMENTS(tp_inner(a, v), 14, 32);
    CHECK_INT(tp_dtype_of(tp_dot(counting(TP_I32, TP_SHAPE(3)), counting(TP_U8, TP_SHAPE(3)))),
              TP_I64);
}

TEST(wrong_dimensions_are_named)
{
    tp_var *v = tp_ones(TP_F64, TP_SHAPE(3)), *a = tp_ones(TP_F64, TP_SHAPE(2, 3));
    tp_dot(a, v);
    CHECK_ERROR(TP_ERROR_SHAPE, "dot: shapes (2, 3) and (3,), expected 1 and 1 dimensions");
    tp_mm(a, a);
    CHECK_ERROR(TP_ERROR_SHAPE, "mm: shapes (2, 3) and (2, 3) do not fit: 3 != 2");
    tp_mv(a, tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "mv: shapes (2, 3) and (2,) do not fit: 3 != 2");
    tp_bmm(tp_ones(TP_F64, TP_SHAPE(2, 2, 2)), tp_ones(TP_F64, TP_SHAPE(3, 2, 2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "bmm: shapes (2, 2, 2) and (3, 2, 2) do not fit");
    tp_inner(a, tp_ones(TP_F64, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "inner: shapes (2, 3) and (2,) do not fit: 3 != 2");
    tp_addmm(v, a, tp_ones(TP_F64, TP_SHAPE(3, 2)), 1, 1);
    CHECK_ERROR(TP_ERROR_SHAPE, "addmm: shapes (3,) and (2, 2) do not fit");
    tp_tensordot(a, a, 1, NULL, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE,
                "tensordot: shapes (2, 3) and (2, 3) do not fit: axis 1 and axis 0");
    tp_tensordot(a, a, 3, NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "tensordot: 3 axes of operands with 2 and 2");
    tp_tensordot(a, a, 2, (int64_t[]){0, 0}, (int64_t[]){0, 1});
    CHECK_ERROR(TP_ERROR_SHAPE, "tensordot: axis 0 is named twice");
    tp_tensordot(a, a, 1, (int64_t[]){5}, (int64_t[]){0});
    CHECK_ERROR(TP_ERROR_SHAPE, "tensordot: axis 5");
    tp_trace(v);
    CHECK_ERROR(TP_ERROR_SHAPE, "trace: shape (3,)");
    tp_cross(v, a, -1);
    CHECK_ERROR(TP_ERROR_SHAPE, "cross: shapes (3,) and (2, 3)");
    tp_cross(a, a, 0);
    CHECK_ERROR(TP_ERROR_SHAPE,
                "cross: shapes (2, 3) and (2, 3) do not fit: axis 0 is not of size 3");
    tp_cdist(a, tp_ones(TP_F64, TP_SHAPE(2, 2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "cdist: shapes (2, 3) and (2, 2) do not fit");
    tp_vander(v, 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "vander: 0 powers");
    tp_kron(tp_ones(TP_F64, TP_SHAPE(1, 1, 1, 1, 1)), v);
    CHECK_ERROR(TP_ERROR_SHAPE, "kron: shapes (1, 1, 1, 1, 1) and (3,)");
}

TEST(addmm_leaves_out_what_counts_nothing)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(2, 3)), *b = tp_randn(TP_F64, TP_SHAPE(3, 4));
    tp_var *nan = tp_full(TP_F64, TP_SHAPE(4), (double)NAN), *v = tp_variable(nan);
    CHECK_NEAR(tp_addmm(nan, a, b, 0, 2), tp_mul(2, tp_matmul(a, b)), 0);
    tp_var *c = tp_randn(TP_F64, TP_SHAPE(2, 1));
    CHECK_NEAR(tp_addmm(c, a, b, 3, 1), tp_add(tp_mul(3, c), tp_matmul(a, b)), 1e-15);
    tp_var *w = tp_variable(a);
    CHECK_NEAR(tp_gradient(tp_addmm(v, w, b, 0, 1), v), tp_zeros(TP_F64, TP_SHAPE(4)), 0);
}

/* (a ⊗ b) (c ⊗ d) = a c ⊗ b d. */
TEST(kronecker_products_multiply_by_factor)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(2, 3)), *b = tp_randn(TP_F64, TP_SHAPE(4, 2));
    tp_var *c = tp_randn(TP_F64, TP_SHAPE(3, 2)), *d = tp_randn(TP_F64, TP_SHAPE(2, 5));
    CHECK_NEAR(tp_matmul(tp_kron(a, b), tp_kron(c, d)), tp_kron(tp_matmul(a, c), tp_matmul(b, d)),
               1e-14);
    CHECK_CLOSE(tp_item(tp_trace(tp_kron(tp_matmul(a, c), tp_matmul(turned(b), b)))),
                tp_item(tp_trace(tp_matmul(a, c))) * tp_item(tp_trace(tp_matmul(turned(b), b))),
                1e-13);
}

TEST(cross_products_are_orthogonal_and_antisymmetric)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(3, 5)), *b = tp_randn(TP_F64, TP_SHAPE(3, 5));
    tp_var *c = tp_cross(a, b, 0);
    CHECK_NEAR(tp_sum(tp_mul(a, c), .axes = TP_AXES(0)), tp_zeros(TP_F64, TP_SHAPE(5)), 1e-14);
    CHECK_NEAR(tp_cross(b, a, 0), tp_neg(c), 0);
    tp_var *x = tp_array(TP_F64, TP_SHAPE(3), (double[]){1, 0, 0});
    tp_var *y = tp_array(TP_F64, TP_SHAPE(3), (double[]){0, 1, 0});
    CHECK_ELEMENTS(tp_cross(x, y, -1), 0, 0, 1);
}

TEST(a_distance_of_zero_has_derivative_zero)
{
    tp_var *a = tp_variable(tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){0, 0, 3, 4}));
    tp_var *y = tp_cdist(a, a);
    CHECK_ELEMENTS(y, 0, 5, 5, 0);
    CHECK_NEAR(tp_gradient(tp_cdist(a, tp_detach(a)), a),
               tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){-0.6, -0.8, 0.6, 0.8}), 1e-15);
}

TEST(powers_at_zero)
{
    tp_var *x = tp_variable(tp_zeros(TP_F64, TP_SHAPE(1)));
    CHECK_ELEMENTS(tp_vander(x, 3), 1, 0, 0);
    tp_var *g = tp_gradient(tp_vander(x, 3), x, .create_graph = true);
    CHECK_ELEMENTS(g, 1);
    CHECK_ELEMENTS(tp_gradient(g, x), 2);
}

TEST(tensordot_is_a_product_of_matrices)
{
    tp_var *a = tp_randn(TP_F64, TP_SHAPE(2, 3, 4)), *b = tp_randn(TP_F64, TP_SHAPE(4, 3, 5));
    tp_var *y = tp_tensordot(a, b, TP_SHAPE(1, 2), (int64_t[]){1, 0});
    tp_var *rows = tp_reshape(tp_permute(a, TP_SHAPE(0, 2, 1)), TP_SHAPE(2, 12));
    CHECK_NEAR(y, tp_matmul(rows, tp_reshape(b, TP_SHAPE(12, 5))), 1e-14);
    CHECK_SHAPE(tp_tensordot(a, b, 0, NULL, NULL), 2, 3, 4, 4, 3, 5);
    CHECK_BITS(tp_item(tp_tensordot(tp_ones(TP_F64, TP_SHAPE(2, 3)),
                                    tp_ones(TP_F64, TP_SHAPE(2, 3)), 2, NULL, NULL)),
               6);
}

/* --- Powers --- */

static void check_powers(double x, int64_t n)
{
    TP_SCOPE();
    const double *y = tp_data(tp_vander(tp_array(TP_F64, TP_SHAPE(1), &x), n));
    const float *narrow = tp_data(tp_vander(tp_full(TP_F32, TP_SHAPE(1), (double)(float)x), n));
    const long double base = (long double)x, of_float = (long double)(float)x;
    long double power = 1, of_narrow = 1;
    for (int64_t j = 0; j < n; j++, power *= base, of_narrow *= of_float) {
        double off = fabs((double)(((long double)y[j] - power) / power));
        test_check(off <= (double)j * 0x1p-53, __FILE__, __LINE__, "power %d off by %g", (int)j,
                   off);
        CHECK(narrow[j] == (float)of_narrow);
    }
}

TEST(powers_are_products_of_powers)
{
    for (int64_t n = 1; n < 70; n++)
        check_powers(-0.9375001, n), check_powers(1.1, n);
    int64_t three = 3;
    const int64_t *whole = tp_data(tp_vander(tp_array(TP_I64, TP_SHAPE(1), &three), 40));
    CHECK(whole[0] == 1 && whole[1] == 3 && whole[39] == 4052555153018976267);
    const double edges[] = {0, -HUGE_VAL, (double)NAN};
    const double *y = tp_data(tp_vander(tp_array(TP_F64, TP_SHAPE(3), edges), 3));
    CHECK(y[0] == 1 && y[1] == 0 && y[2] == 0 && y[3] == 1 && y[4] == -HUGE_VAL &&
          y[5] == HUGE_VAL);
    CHECK(y[6] == 1 && y[7] != y[7] && y[8] != y[8]);
}
