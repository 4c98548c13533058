/* SPDX-License-Identifier: MIT
 *
 * Matrices in tests: LAPACK_TEST(name) { … } is a test that is skipped in builds without LAPACK.
 */
#ifndef TP_TEST_MATRICES_H
#define TP_TEST_MATRICES_H

#include "elements.h"
#include "ops/linalg/lapack_batch.h"
#include "ops/linalg/matrices.h"

#define LAPACK_TEST(name)                                                                          \
    static void name##_with_lapack(void);                                                          \
    TEST(name)                                                                                     \
    {                                                                                              \
        if (tp__lapack_is_there())                                                                 \
            name##_with_lapack();                                                                  \
        else                                                                                       \
            test_skip("the library was built without LAPACK");                                     \
    }                                                                                              \
    static void name##_with_lapack(void)

/* The largest |a − b|, and the largest |b|; NaN if there is one. */
static inline double largest_difference(tp_var *a, tp_var *b, double *size)
{
    double largest = 0;
    const void *left = tp_data(a), *right = tp_data(b);
    *size = 0;
    for (int64_t i = 0; left && right && i < tp_size(b); i++) {
        double value = element(tp_dtype_of(a), left, i), other = element(tp_dtype_of(b), right, i);
        double difference = fabs(value - other);
        largest = difference <= largest ? largest : difference;
        *size = fabs(other) <= *size ? *size : fabs(other);
    }
    return largest;
}

static inline bool near_to(const char *file, int line, const char *what, tp_var *a, tp_var *b,
                           double tolerance)
{
    TP_SCOPE();
    double size;
    bool same = tp_ndim(a) == tp_ndim(b) &&
                !memcmp(tp_shape(a), tp_shape(b), (size_t)tp_ndim(a) * sizeof(int64_t));
    if (!test_check(same && !tp_error(), file, line, "%s: another shape, or an error: %s", what,
                    tp_error() ? tp_error() : ""))
        return false;
    double difference = largest_difference(a, b, &size);
    return test_check(difference <= tolerance * (1 + size), file, line, "%s: off by %g of %g", what,
                      difference, size);
}

/* a = b up to tolerance times the largest element. */
#define CHECK_NEAR(a, b, tolerance) near_to(__FILE__, __LINE__, #a, a, b, tolerance)

static inline tp_var *turned(tp_var *x)
{
    return tp_transpose(x, -1, -2);
}

/* I (n, n), broadcast to a batch of matrices of like's. */
static inline tp_var *identity_like(tp_var *like)
{
    int64_t n = tp_shape(like)[tp_ndim(like) - 1];
    return tp_broadcast_to(tp_eye(tp_dtype_of(like), n), tp_ndim(like), tp_shape(like));
}

/* x xᵀ + n I of a random x (…, n, n). */
static inline tp_var *random_positive(tp_dtype dtype, int ndim, const int64_t *shape)
{
    tp_var *x = tp_randn(dtype, ndim, shape);
    double n = (double)shape[ndim - 1];
    return tp_add(tp_matmul(x, turned(x)), tp_mul(n, identity_like(x)));
}

/* Of f at x along d: y'' from gradients at both sides, and from the gradient of the gradient. */
typedef tp_var *matrix_function(tp_var *x);

static inline double slope_along(matrix_function *f, tp_var *x, tp_var *d, double step)
{
    TP_SCOPE();
    tp_var *v = tp_variable(tp_add(x, tp_mul(step, d)));
    return tp_item(tp_sum(tp_mul(tp_gradient(f(v), v), d)));
}

static inline double value_along(matrix_function *f, tp_var *x, tp_var *d, double step)
{
    TP_SCOPE();
    return tp_item(f(tp_add(x, tp_mul(step, d))));
}

static inline void check_second_order(const char *file, int line, matrix_function *f, tp_var *x,
                                      double tolerance)
{
    TP_SCOPE();
    const double h = 1e-3;
    tp_var *d = tp_randn(TP_F64, tp_ndim(x), tp_shape(x));
    if (tp_ndim(x) > 1 && tp_shape(x)[tp_ndim(x) - 1] == tp_shape(x)[tp_ndim(x) - 2])
        d = tp_add(d, turned(d));
    tp_var *v = tp_variable(x), *y = f(v);
    double first = tp_item(tp_sum(tp_mul(tp_gradient(y, v), d)));
    double differences = (8 * (value_along(f, x, d, h) - value_along(f, x, d, -h)) -
                          (value_along(f, x, d, 2 * h) - value_along(f, x, d, -2 * h))) /
                         (12 * h);
    test_check(fabs(first - differences) <= tolerance * (1 + fabs(first)), file, line,
               "first order: %.12g, differences %.12g", first, differences);
    tp_var *g = tp_gradient(y, v, .create_graph = true);
    double second = tp_item(tp_sum(tp_mul(tp_gradient(tp_sum(tp_mul(g, d)), v), d)));
    differences = (8 * (slope_along(f, x, d, h) - slope_along(f, x, d, -h)) -
                   (slope_along(f, x, d, 2 * h) - slope_along(f, x, d, -2 * h))) /
                  (12 * h);
    test_check(fabs(second - differences) <= tolerance * (1 + fabs(second)), file, line,
               "second order: %.12g, differences %.12g", second, differences);
    tp_var *t = tp_variable(0.0), *series[2];
    tp_derivatives(f(tp_add(x, tp_mul(t, d))), t, 2, series);
    test_check(test_close(tp_item(series[0]), first, 1e-9) &&
                   test_close(tp_item(series[1]), second, 1e-9),
               file, line, "Taylor: %.12g, %.12g, expected %.12g, %.12g", tp_item(series[0]),
               tp_item(series[1]), first, second);
}

/* Gradient against differences, gradient of the gradient against differences, Taylor against
 * both; f gives a number. Symmetric directions for square matrices. */
#define CHECK_SECOND_ORDER(f, x, tolerance) check_second_order(__FILE__, __LINE__, f, x, tolerance)

/* What the exponential turns into a rotation by the angle. */
static inline tp_var *rotation_generator(double angle)
{
    return tp_array(TP_F64, TP_SHAPE(2, 2), (double[]){0, -angle, angle, 0});
}

#endif
