/* SPDX-License-Identifier: MIT
 *
 * Powers and the exponential of matrices.
 *
 * A series x[0] + x[1] t + … of matrices, cut off, is the block-triangular Toeplitz matrix with
 * x[k] in its k-th diagonal of blocks: sums and products of series are those of such matrices, and
 * so the exponential of one has the coefficients of the exponential of the series (N. Higham,
 * "Functions of Matrices", 2008, ch. 3; A. Al-Mohy and N. Higham, 2009). That is both the Taylor
 * rule and, with two blocks, the gradient.
 */
#include "base/features.h"

#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "ops/families.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

static tp_var *matrix_zeros(const tp_var *like)
{
    return tp_zeros((tp_dtype)like->dtype, like->ndim, tp__shape(like));
}

/* The Toeplitz matrix of n coefficients (NULL: zero). Poison on error. */
static tp_var *matrix_toeplitz(tp_var *const *x, int n)
{
    tp_var **rows = tp__alloc((size_t)n * 2 * sizeof *rows);
    if (!rows)
        return tp__poison();
    tp_var **row = rows + n;
    tp_var *zeros = matrix_zeros(x[0]);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < n; j++)
            row[j] = j >= i && x[j - i] ? x[j - i] : zeros;
        rows[i] = tp_concatenate(row, n, -1);
    }
    tp_var *y = tp_concatenate(rows, n, -2);
    tp__free(rows);
    return y;
}

/* Block k of the first row of blocks. */
static tp_var *matrix_block(tp_var *toeplitz, const tp_var *like, int k)
{
    const int64_t n = tp__shape(like)[like->ndim - 1];
    return tp_slice(tp_slice(toeplitz, -2, 0, n, 1), -1, k * n, (k + 1) * n, 1);
}

/* --- matrix_exp ---
 *
 * e^x = (e^(x / 2ˢ))^(2ˢ), s such that the Padé approximant of degree 13 is exact to rounding (N.
 * Higham, "The scaling and squaring method for the matrix exponential revisited", 2005). Each
 * matrix has an s of its own. Everything in float64. */

static tp_var *matrix_exp_largest(tp_var *x)
{
    tp_reduce_options options = {.axes.one = -1, .keepdims = true, .size = sizeof options};
    return (tp_max)(x, &options);
}

/* 2⁻ˢ for each matrix of x, its shape (…, 1, 1); *most is the largest s. */
static tp_var *matrix_exp_scales(tp_var *x, int *most)
{
    const double largest = 5.371920351148152; /* norm that needs no scaling */
    tp_var *norm = matrix_exp_largest(tp__sum_over(tp_abs(x), -2, true));
    const double *from = tp__elements(norm);
    if (!from)
        return tp__poison();
    tp_var *scales = tp__empty(TP_F64, norm->ndim, tp__shape(norm));
    if (tp_is_poison(scales))
        return scales;
    double *to = scales->data;
    for (int64_t i = 0; i < scales->size; i++) {
        double s = ceil(log2(from[i] / largest));
        s = s > 0 && isfinite(s) ? s : 0;
        *most = s > *most ? (int)s : *most;
        to[i] = ldexp(1, -(int)s);
    }
    return scales;
}

/* b[0] I + b[2] x² + b[4] x⁴ + … + b[12] x¹², from I, x², x⁴ and x⁶. */
static tp_var *matrix_exp_half(tp_var *const *powers, const double *b)
{
    tp_var *low = tp_mul(b[0], powers[0]), *high = tp_mul(b[8], powers[1]);
    for (int i = 1; i < 4; i++)
        low = tp_add(low, tp_mul(b[2 * i], powers[i]));
    for (int i = 2; i < 4; i++)
        high = tp_add(high, tp_mul(b[6 + 2 * i], powers[i]));
    return tp_add(low, tp_matmul(powers[3], high));
}

/* (v − u)⁻¹ (v + u), u and v the odd and the even half of the approximant's numerator. */
static tp_var *matrix_exp_pade(tp_var *x)
{
    static const double b[] = {64764752532480000,
                               32382376266240000,
                               7771770303897600,
                               1187353796428800,
                               129060195264000,
                               10559470521600,
                               670442572800,
                               33522128640,
                               1323241920,
                               40840800,
                               960960,
                               16380,
                               182,
                               1};
    tp_var *x2 = tp_matmul(x, x), *x4 = tp_matmul(x2, x2), *x6 = tp_matmul(x4, x2);
    tp_var *powers[] = {tp_eye(TP_F64, tp_shape(x)[tp_ndim(x) - 1]), x2, x4, x6};
    tp_var *u = tp_matmul(x, matrix_exp_half(powers, b + 1));
    tp_var *v = matrix_exp_half(powers, b);
    return tp_solve(tp_sub(v, u), tp_add(v, u));
}

static bool matrix_exp_forward(tp__call *call)
{
    int most = 0;
    if (call->out->size == 0)
        return true;
    TP_SCOPE();
    TP_NO_GRAD();
    tp_var *x = tp_to(tp_detach(call->in[0]), TP_F64), *scales = matrix_exp_scales(x, &most);
    if (tp_is_poison(scales))
        return false;
    tp_var *y = matrix_exp_pade(tp_mul(x, scales));
    for (int i = 0; i < most && !tp_is_poison(y); i++) {
        TP_SCOPE();
        tp_var *scaled = tp_lt(tp_mul(scales, ldexp(1, i)), 1);
        y = tp_leave(tp_where(scaled, tp_matmul(y, y), y));
    }
    if (tp_is_poison(y) || !tp__evaluate(y))
        return false;
    tp__copy_elements(call->out, y);
    return true;
}

/* A matrix' large gradient is scaled down, so that it does not decide how often is squared. */
static void matrix_exp_gradient(const tp__pull *pull)
{
    tp_var *x = tp__transposed(pull->x[0]), *gy = pull->gy, *scale = NULL;
    if (gy->size) {
        tp_reduce_options rows = {.axes.one = -2, .keepdims = true, .size = sizeof rows};
        scale = (tp_max)(matrix_exp_largest(tp_abs(tp_detach(gy))), &rows);
        scale = tp_maximum(scale, 1);
        gy = tp_div(gy, scale);
    }
    tp_var *toeplitz = matrix_toeplitz((tp_var *[]){x, gy}, 2);
    tp_var *y = tp__apply(pull->y->op, &toeplitz, 1, (tp__attr){0}, -1, NULL);
    tp_var *block = tp_is_poison(y) ? y : matrix_block(y, x, 1);
    pull->gx[0] = scale ? tp_mul(block, scale) : block;
}

static void matrix_exp_taylor(const tp__jet *jet)
{
    tp_var *toeplitz = matrix_toeplitz(jet->x[0], jet->order + 1);
    tp_var *y = tp__apply(jet->node->op, &toeplitz, 1, (tp__attr){0}, -1, NULL);
    for (int k = 1; k <= jet->order && !tp_is_poison(y); k++)
        jet->y[k] = matrix_block(y, jet->node, k);
}

static tp_var *matrix_exp_sample(tp_var *const *x)
{
    return tp_matrix_exp(x[0]);
}

static const tp__op matrix_exp_op = {
    .label = "MatrixExp",
    .name = "matrix_exp",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0},
    .infer = tp__infer_alike,
    .forward = matrix_exp_forward,
    .gradient = matrix_exp_gradient,
    .taylor = matrix_exp_taylor,
    .formula = "Σ xᵏ / k! over k",
    .rule = "the upper right block of matrix_exp([[xᵀ, gy], [0, xᵀ]])",
    .samples = (const tp__sample[]){{"3,3", matrix_exp_sample, "torch.linalg.matrix_exp(x0)"},
                                    {"2,2,2", matrix_exp_sample, "torch.linalg.matrix_exp(x0)"},
                                    {0}},
};

tp_var *tp_matrix_exp(tp_var *a)
{
    TP__CALL("matrix_exp");
    TP__OPERANDS(a);
    a = tp__matrices("matrix_exp", a, true);
    return tp__apply(&matrix_exp_op, &a, 1, (tp__attr){0}, -1, NULL);
}

/* --- matrix_power --- */

static tp_var *matrix_power_sample(tp_var *const *x)
{
    return tp_matrix_power(x[0], 5);
}

static tp_var *matrix_power_sample_zero(tp_var *const *x)
{
    return tp_add(tp_matrix_power(x[0], 0), tp_matrix_power(x[0], 1));
}

static const tp__op matrix_power_op = {
    .label = "MatrixPower",
    .name = "matrix_power",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "x x … x, n times; inverses for negative n",
    .rule = "through products",
    .samples =
        (const tp__sample[]){
            {"3,3", matrix_power_sample, "torch.linalg.matrix_power(x0, 5)"},
            {"2,2,2", matrix_power_sample_zero,
             "torch.linalg.matrix_power(x0, 0) + torch.linalg.matrix_power(x0, 1)"},
            {0}},
};

tp_var *tp_matrix_power(tp_var *a, int64_t n)
{
    TP__CALL("matrix_power");
    TP__OPERANDS(a);
    TP__IN_FLOAT32(tp_matrix_power(a, n), &a);
    const tp_var *given = a;
    a = tp__square("matrix_power", a);
    a = n < 0 ? tp_inverse(a) : a;
    if (tp_is_poison(a))
        return a;
    a = tp__is_float((tp_dtype)a->dtype) ? a : tp_to(a, TP_I64);
    uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    tp_var *y = NULL;
    for (; left; left >>= 1) {
        if (left & 1)
            y = y ? tp_matmul(y, a) : a;
        if (left > 1)
            a = tp_matmul(a, a);
    }
    return y ? tp__fresh(y, given)
             : tp_where(1, tp_eye(tp_dtype_of(a), tp_shape(a)[tp_ndim(a) - 1]), a);
}

static const tp__op *const matrix_function_ops[] = {&matrix_power_op, &matrix_exp_op, NULL};

const tp__family tp__family_matrix_function = {"matrix_function", "functions of matrices",
                                               matrix_function_ops};
