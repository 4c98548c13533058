/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "calculus/triangle.h"

#include <math.h>

#include "calculus/minimize.h"

#define TRIANGLE_TINY 1e-14

/* column ← column − 2 v (v · column) / (v · v) */
static void triangle_reflect(int64_t n, const double *v, double vv, double *column)
{
    double scale = 2 * tp__dot(n, v, column) / vv;
    for (int64_t i = 0; i < n; i++)
        column[i] -= scale * v[i];
}

/* The length, without overflow on the way. */
static double triangle_length(int64_t n, const double *v)
{
    double largest = 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(v[i]));
    for (int64_t i = 0; largest > 0 && i < n; i++)
        sum += (v[i] / largest) * (v[i] / largest);
    return largest * sqrt(sum);
}

void tp__triangle_factor(int64_t rows, int64_t n, double *a, double *b)
{
    for (int64_t k = 0; k < n; k++) {
        double *v = a + k * rows + k;
        double length = copysign(triangle_length(rows - k, v), -v[0]);
        if (length == 0)
            continue;
        v[0] -= length;
        double vv = tp__dot(rows - k, v, v);
        for (int64_t j = k + 1; vv > 0 && j < n; j++)
            triangle_reflect(rows - k, v, vv, a + j * rows + k);
        if (vv > 0)
            triangle_reflect(rows - k, v, vv, b + k);
        v[0] = length;
    }
}

void tp__triangle_solve(int64_t rows, int64_t n, const double *a, const double *b, double *x)
{
    for (int64_t i = n - 1; i >= 0; i--) {
        double sum = b[i];
        for (int64_t k = i + 1; k < n; k++)
            sum -= a[k * rows + i] * x[k];
        x[i] = sum / a[i * rows + i];
    }
}

void tp__triangle_solve_transposed(int64_t rows, int64_t n, const double *a, const double *b,
                                   double *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = (b[i] - tp__dot(i, a + i * rows, x)) / a[i * rows + i];
}

bool tp__triangle_is_regular(int64_t rows, int64_t n, const double *a)
{
    for (int64_t k = 0; k < n; k++) {
        double length = triangle_length(k + 1, a + k * rows);
        if (!(fabs(a[k * rows + k]) > TRIANGLE_TINY * length))
            return false;
    }
    return true;
}
