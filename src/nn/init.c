/* SPDX-License-Identifier: MIT
 *
 * Initial values. Drawn in float64 or float32, and converted to v's type once, at the end.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include <float.h>
#include <math.h>

#include "base/alloc.h"
#include "base/call.h"
#include "nn/module.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/random.h"
#include "tinypytorch/scope.h"
#include "tinypytorch/shape.h"

static bool may_fill(const char *call, const tp_var *v)
{
    if (!tp__check_operand(call, v) || tp__here()->code)
        return false;
    if (!tp__is_float((tp_dtype)v->dtype))
        tp_fail(TP_ERROR_DTYPE, "%s: a value of %s, expected a floating type", call,
                tp_dtype_name((tp_dtype)v->dtype));
    return !tp__here()->code;
}

static bool is_finite(const char *call, const char *what, double value)
{
    return tp__check_within(call, what, value, -DBL_MAX, DBL_MAX);
}

static tp_dtype drawn_as(const tp_var *v)
{
    return v->dtype == TP_F64 ? TP_F64 : TP_F32;
}

/* v ← scale · drawn + shift, in a scope that ends here. */
static tp_var *put(tp_var *v, size_t scope, tp_var *drawn, double scale, double shift)
{
    tp_mul_(drawn, tp_num(scale));
    tp_add_(drawn, tp_num(shift));
    tp_copy_(v, drawn);
    tp_scope_end(scope);
    return tp__here()->code ? tp__poison() : v;
}

static tp_var *uniform(const char *call, tp_var *v, double low, double high)
{
    if (!may_fill(call, v) || !is_finite(call, "low", low) || !is_finite(call, "high", high))
        return tp__poison();
    if (low > high)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: no interval from %g to %g", call, low, high);
    size_t scope = tp_scope_begin();
    return put(v, scope, tp_rand(drawn_as(v), v->ndim, tp__shape(v)), high - low, low);
}

static tp_var *normal(const char *call, tp_var *v, double mean, double std)
{
    if (!may_fill(call, v))
        return tp__poison();
    if (!is_finite(call, "mean", mean) || !tp__check_within(call, "std", std, 0, DBL_MAX))
        return tp__poison();
    size_t scope = tp_scope_begin();
    return put(v, scope, tp_randn(drawn_as(v), v->ndim, tp__shape(v)), std, mean);
}

tp_var *tp_uniform_(tp_var *v, double low, double high)
{
    return uniform("uniform_", v, low, high);
}

tp_var *tp_normal_(tp_var *v, double mean, double std)
{
    return normal("normal_", v, mean, std);
}

static double normal_distribution(double x)
{
    return erfc(-x / 1.4142135623730951) / 2;
}

/* By the inverse of the distribution: a uniform draw between its values at both ends. */
tp_var *tp_trunc_normal_(tp_var *v, double mean, double std, double low, double high)
{
    const char *call = "trunc_normal_";
    if (!may_fill(call, v) || !is_finite(call, "mean", mean) ||
        !tp__check_within(call, "std", std, DBL_TRUE_MIN, DBL_MAX) ||
        !tp__check_within(call, "low", low, -(double)INFINITY, (double)INFINITY) ||
        !tp__check_within(call, "high", high, -(double)INFINITY, (double)INFINITY))
        return tp__poison();
    if (low >= high)
        return tp_fail(TP_ERROR_ARGUMENT, "trunc_normal_: nothing lies between %g and %g", low,
                       high);
    double from = normal_distribution((low - mean) / std);
    double to = normal_distribution((high - mean) / std);
    size_t scope = tp_scope_begin();
    tp_var *u = tp_rand(TP_F64, v->ndim, tp__shape(v));
    tp_mul_(u, tp_num(2 * (to - from)));
    tp_add_(u, tp_num(2 * from - 1));
    tp_var *x = tp_mul(tp_erfinv(u), tp_num(std * 1.4142135623730951));
    x = tp_add(x, tp_num(mean));
    tp_copy_(v, tp_minimum(tp_maximum(x, tp_num(low)), tp_num(high)));
    tp_scope_end(scope);
    return tp__here()->code ? tp__poison() : v;
}

tp_var *tp_fill_(tp_var *v, double value)
{
    if (!tp__check_operand("fill_", v) || tp__here()->code)
        return tp__poison();
    size_t scope = tp_scope_begin();
    TP__CALL("fill_");
    tp_copy_(v, tp_num(value));
    tp_scope_end(scope);
    return tp__here()->code ? tp__poison() : v;
}

/* --- By the numbers of connections --- */

static bool count_fans(const char *call, const tp_var *v, double *in, double *out)
{
    if (!may_fill(call, v))
        return false;
    char text[TP__SHAPE_TEXT];
    const int64_t *shape = tp__shape(v);
    if (v->ndim < 2) {
        tp_fail(TP_ERROR_SHAPE, "%s: a value of shape %s, expected a weight (out, in, ...)", call,
                tp__shape_text(text, v->ndim, shape));
        return false;
    }
    double taps = 1;
    for (int i = 2; i < v->ndim; i++)
        taps *= (double)shape[i];
    *in = (double)shape[1] * taps;
    *out = (double)shape[0] * taps;
    return true;
}

tp_var *tp_xavier_uniform_(tp_var *v, double gain)
{
    double in, out;
    if (!is_finite("xavier_uniform_", "gain", gain) || !count_fans("xavier_uniform_", v, &in, &out))
        return tp__poison();
    double bound = v->size ? fabs(gain) * sqrt(6 / (in + out)) : 0;
    return uniform("xavier_uniform_", v, -bound, bound);
}

tp_var *tp_xavier_normal_(tp_var *v, double gain)
{
    double in, out;
    if (!is_finite("xavier_normal_", "gain", gain) || !count_fans("xavier_normal_", v, &in, &out))
        return tp__poison();
    return normal("xavier_normal_", v, 0, v->size ? fabs(gain) * sqrt(2 / (in + out)) : 0);
}

tp_var *tp_kaiming_uniform_(tp_var *v, double gain, bool by_fan_out)
{
    double in, out;
    if (!is_finite("kaiming_uniform_", "gain", gain) ||
        !count_fans("kaiming_uniform_", v, &in, &out))
        return tp__poison();
    double bound = v->size ? fabs(gain) * sqrt(3 / (by_fan_out ? out : in)) : 0;
    return uniform("kaiming_uniform_", v, -bound, bound);
}

tp_var *tp_kaiming_normal_(tp_var *v, double gain, bool by_fan_out)
{
    double in, out;
    if (!is_finite("kaiming_normal_", "gain", gain) || !count_fans("kaiming_normal_", v, &in, &out))
        return tp__poison();
    return normal("kaiming_normal_", v, 0, v->size ? fabs(gain) / sqrt(by_fan_out ? out : in) : 0);
}

double tp_leaky_relu_gain(double slope)
{
    return sqrt(2 / (1 + slope * slope));
}

/* --- Matrices --- */

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* Makes rows of n orthonormal in their order (Gram & Schmidt), with each projection taken twice,
 * which is enough (Giraud et al. 2005). Rows are no more than n. */
static void orthonormalize(double *at, int64_t rows, int64_t n)
{
    for (int64_t i = 0; i < rows; i++) {
        double *row = at + i * n;
        for (int64_t j = 0; j < 2 * i; j++) {
            const double *other = at + j % i * n;
            double share = dot(row, other, n);
            for (int64_t k = 0; k < n; k++)
                row[k] -= share * other[k];
        }
        double length = sqrt(dot(row, row, n));
        for (int64_t k = 0; k < n; k++)
            row[k] /= length;
    }
}

tp_var *tp_orthogonal_(tp_var *v, double gain)
{
    double in, out;
    if (!is_finite("orthogonal_", "gain", gain) || !count_fans("orthogonal_", v, &in, &out) ||
        !v->size)
        return tp__here()->code ? tp__poison() : v;
    int64_t rows = tp__shape(v)[0], columns = v->size / rows;
    bool tall = rows > columns;
    int64_t few = tall ? columns : rows, many = tall ? rows : columns;
    size_t scope = tp_scope_begin();
    tp_var *drawn = tp_randn(TP_F64, 2, (int64_t[]){few, many});
    double *at = tp_data_(drawn);
    if (at)
        orthonormalize(at, few, many);
    tp_var *whole = tall ? tp_transpose(drawn, 0, 1) : drawn;
    tp_copy_(v, tp_mul(tp_reshape(whole, v->ndim, tp__shape(v)), tp_num(gain)));
    tp_scope_end(scope);
    return tp__here()->code ? tp__poison() : v;
}

static tp_var *put_eye(const char *call, tp_var *v, int ndim)
{
    if (!may_fill(call, v))
        return tp__poison();
    char text[TP__SHAPE_TEXT];
    if (ndim ? v->ndim != ndim : v->ndim < 3)
        return tp_fail(TP_ERROR_SHAPE, "%s: a value of shape %s, expected %s", call,
                       tp__shape_text(text, v->ndim, tp__shape(v)),
                       ndim ? "a matrix" : "a convolution's weight (out, in, kernel ...)");
    size_t scope = tp_scope_begin();
    tp_var *zeros = tp_zeros(TP_F64, v->ndim, tp__shape(v));
    double *at = tp_data_(zeros);
    int64_t middle = 0, taps = 1;
    for (int i = 2; i < v->ndim; i++) {
        taps *= tp__shape(v)[i];
        middle = middle * tp__shape(v)[i] + tp__shape(v)[i] / 2;
    }
    for (int64_t i = 0; at && v->size && i < tp__shape(v)[0] && i < tp__shape(v)[1]; i++)
        at[(i * tp__shape(v)[1] + i) * taps + middle] = 1;
    tp_copy_(v, zeros);
    tp_scope_end(scope);
    return tp__here()->code ? tp__poison() : v;
}

tp_var *tp_eye_(tp_var *v)
{
    return put_eye("eye_", v, 2);
}

tp_var *tp_dirac_(tp_var *v)
{
    return put_eye("dirac_", v, 0);
}

tp_var *tp_sparse_(tp_var *v, double sparsity, double std)
{
    double in, out;
    if (!tp__check_within("sparse_", "sparsity", sparsity, 0, 1) ||
        !tp__check_within("sparse_", "std", std, 0, DBL_MAX) ||
        !count_fans("sparse_", v, &in, &out))
        return tp__poison();
    if (v->ndim != 2)
        return tp_fail(TP_ERROR_SHAPE, "sparse_: a value of %d dimensions, expected a matrix",
                       v->ndim);
    int64_t rows = tp__shape(v)[0], columns = tp__shape(v)[1];
    int64_t zeros = (int64_t)ceil(sparsity * (double)rows);
    size_t scope = tp_scope_begin();
    tp_var *drawn = tp_randn(TP_F64, 2, tp__shape(v));
    double *at = tp_data_(drawn);
    for (int64_t j = 0; at && j < columns; j++) {
        const int64_t *order = tp_data(tp_randperm(rows));
        for (int64_t i = 0; order && i < zeros; i++)
            at[order[i] * columns + j] = 0;
    }
    return put(v, scope, drawn, std, 0);
}
