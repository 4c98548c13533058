/* SPDX-License-Identifier: MIT
 *
 * Derivatives beyond the gradient with this library. What is not recorded further is computed
 * within TP_NO_GRAD().
 */
#include "calculus.h"

#include <stdlib.h>
#include <tinypytorch.h>

enum { CALCULUS_ORDERS = 64 };

static tp_var *ours_points(int from, int n)
{
    double *point = malloc((size_t)n * sizeof *point);
    if (!point)
        abort();
    for (int i = 0; i < n; i++)
        point[i] = calculus_at(from + i);
    tp_var *v = tp_array(TP_F64, TP_SHAPE(n), point);
    free(point);
    return v;
}

static tp_var *ours_rosenbrock(tp_var *x)
{
    int64_t n = tp_size(x);
    tp_var *a = tp_narrow(x, 0, 0, n - 1), *b = tp_narrow(x, 0, 1, n - 1);
    tp_var *steep = tp_mul(100, tp_square(tp_sub(b, tp_square(a))));
    return tp_sum(tp_add(steep, tp_square(tp_sub(a, 1))));
}

static tp_var *ours_net(tp_var *x)
{
    int n = (int)tp_size(x);
    tp_var *rows[CALCULUS_ROWS];
    for (int i = 0; i < CALCULUS_ROWS; i++)
        rows[i] = ours_points(7 * i, n);
    return tp_tanh(tp_matmul(tp_stack(rows, CALCULUS_ROWS, 0), x));
}

static void ours_taylor(int n, double at, double *out)
{
    TP_SCOPE();
    tp_var *x = tp_variable(at), *y = tp_tanh(x), *d[CALCULUS_ORDERS];
    TP_NO_GRAD();
    tp_derivatives(y, x, n, d);
    out[0] = tp_item(d[n - 1]);
}

static double ours_element(tp_var *matrix, int64_t row, int64_t column)
{
    return tp_item(tp_select(tp_select(matrix, 0, row), 0, column));
}

static void ours_hessian(int n, double at, double *out)
{
    TP_SCOPE();
    (void)at;
    tp_var *x = tp_variable(ours_points(0, n)), *y = ours_rosenbrock(x);
    TP_NO_GRAD();
    tp_var *hessian = tp_hessian(y, x);
    out[0] = tp_item(tp_sum(hessian)), out[1] = ours_element(hessian, 1, 2);
}

static void ours_product(int n, double at, double *out)
{
    TP_SCOPE();
    (void)at;
    tp_var *x = tp_variable(ours_points(0, n)), *y = ours_rosenbrock(x);
    TP_NO_GRAD();
    tp_var *product = tp_hvp(y, x, tp_ones(TP_F64, TP_SHAPE(n)));
    out[0] = tp_item(tp_sum(product)), out[1] = tp_item(tp_select(product, 0, 2));
}

static void ours_jacobian(int n, double at, double *out)
{
    TP_SCOPE();
    (void)at;
    tp_var *x = tp_variable(ours_points(0, n)), *y = ours_net(x);
    TP_NO_GRAD();
    tp_var *jacobian = tp_jacobian(y, x);
    out[0] = tp_item(tp_sum(jacobian)), out[1] = ours_element(jacobian, 1, 2);
}

static void ours_laplacian(int n, double at, double *out)
{
    TP_SCOPE();
    (void)at;
    tp_var *x = tp_variable(ours_points(0, n)), *y = ours_net(x);
    TP_NO_GRAD();
    out[0] = tp_item(tp_laplacian(y, x));
}

/* The pattern of the last n is kept until the process ends. */
void calculus_sparse(int n, double at, double *out)
{
    static tp_sparsity *pattern;
    TP_SCOPE();
    (void)at;
    tp_var *x = tp_variable(ours_points(0, n)), *y = ours_rosenbrock(x);
    if (tp_sparsity_rows(pattern) != n) {
        tp_sparsity_free(pattern);
        pattern = tp_hessian_sparsity(y, x);
    }
    TP_NO_GRAD();
    tp_var *values = tp_sparse_hessian(y, x, pattern);
    out[0] = tp_item(tp_sum(values)), out[1] = tp_item(tp_select(values, 0, 4));
}

void calculus_pattern(int n, double at, double *out)
{
    TP_SCOPE();
    (void)at;
    tp_var *x = tp_variable(ours_points(0, n));
    tp_sparsity *pattern = tp_hessian_sparsity(ours_rosenbrock(x), x);
    out[0] = (double)tp_sparsity_entries(pattern);
    tp_sparsity_free(pattern);
}

const calculus_side *calculus_ours(void)
{
    static const calculus_side side = {
        .name = "TinyPytorch",
        .work = {ours_taylor, ours_hessian, ours_product, ours_jacobian, ours_laplacian}};
    return &side;
}
