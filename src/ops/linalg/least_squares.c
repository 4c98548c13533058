/* SPDX-License-Identifier: MIT
 *
 * Least squares. Solutions go through QR factors; the pseudo-inverse through singular values, with
 * a differential of its own that does not mind equal ones.
 */
#include "base/features.h"

#include <float.h>

#include "array/array.h"
#include "base/call.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/tangent.h"
#include "ops/families.h"
#include "ops/linalg/lapack_batch.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

/* Singular values s up to this are taken for 0. */
static tp_var *pinv_least(const tp_var *a, tp_var *s)
{
    const int64_t *size = tp__shape(a) + a->ndim - 2;
    double most = (double)(size[0] > size[1] ? size[0] : size[1]);
    double epsilon = s->dtype == TP_F64 ? DBL_EPSILON : (double)FLT_EPSILON;
    tp_reduce_options options = {.axes.one = -1, .keepdims = true, .size = sizeof options};
    return tp_mul(most * epsilon, (tp_max)(s, &options));
}

/* --- pinv --- */

static bool pinv_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    tp__infer_alike(call);
    call->shape[x->ndim - 2] = tp__shape(x)[x->ndim - 1];
    call->shape[x->ndim - 1] = tp__shape(x)[x->ndim - 2];
    return true;
}

static bool pinv_forward(tp__call *call)
{
    tp_var *u, *s, *vh;
    if (call->out->size == 0)
        return true;
    TP_SCOPE();
    TP_NO_GRAD();
    tp_svd(tp_detach(call->in[0]), &u, &s, &vh);
    if (tp_is_poison(s))
        return false;
    tp_var *inverse = tp_where(tp_gt(s, pinv_least(call->in[0], s)), tp_div(1, s), 0);
    tp_var *y = tp_matmul(tp__transposed(vh), tp_mul(tp_unsqueeze(inverse, -1), tp__transposed(u)));
    if (tp_is_poison(y) || !tp__evaluate(y))
        return false;
    tp__copy_elements(call->out, y);
    return true;
}

static tp_var *pinv_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    tp_var *t = tp__transposed(dx), *yt = tp__transposed(y);
    tp_var *inner = tp_matmul(y, tp_matmul(dx, y));
    tp_var *left = tp_sub(t, tp_matmul(tp_matmul(t, x), y));
    tp_var *right = tp_sub(t, tp_matmul(y, tp_matmul(x, t)));
    return tp_sub(tp_add(tp_matmul(y, tp_matmul(yt, left)), tp_matmul(tp_matmul(right, yt), y)),
                  inner);
}

static tp_var *pinv_sample(tp_var *const *x)
{
    return tp_pinv(x[0]);
}

static const tp__op pinv_op = {
    .label = "Pinv",
    .name = "pinv",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0 | TP__READS_OUT},
    .infer = pinv_infer,
    .forward = pinv_forward,
    .gradient = tp__tangent_gradient,
    .tangent = pinv_tangent,
    .formula = "the pseudo-inverse of x",
    .rule = "the transpose of dy = y yᵀ dxᵀ (1 − x y) + (1 − y x) dxᵀ yᵀ y − y dx y",
    .samples = (const tp__sample[]){{"3,2", pinv_sample, "torch.linalg.pinv(x0)"},
                                    {"2,2,3", pinv_sample, "torch.linalg.pinv(x0)"},
                                    {0}},
};

tp_var *tp_pinv(tp_var *a)
{
    TP__CALL("pinv");
    TP__OPERANDS(a);
    a = tp__matrices("pinv", a, false);
    return tp__apply(&pinv_op, &a, 1, (tp__attr){0}, -1, NULL);
}

/* --- lstsq --- */

static tp_var *lstsq_sample(tp_var *const *x)
{
    return tp_lstsq(tp__shifted(x[0], 3), x[1]);
}

static const tp__op lstsq_op = {
    .label = "Lstsq",
    .name = "lstsq",
    .n_in = 2,
    .flags = TP__COMPOSITE | TP__LAPACK,
    .formula = "R⁻¹ Qᵀ b, or Q R⁻ᵀ b with the factors of aᵀ for wide matrices",
    .rule = "through the factors",
    .samples =
        (const tp__sample[]){{"4,2; 4,3", lstsq_sample,
                              "torch.linalg.pinv(x0 + 3 * torch.eye(*x0.shape[-2:])) @ x1"},
                             {"2,3; 2,2", lstsq_sample,
                              "torch.linalg.pinv(x0 + 3 * torch.eye(*x0.shape[-2:])) @ x1"},
                             {"2,3,2; 2,3", lstsq_sample,
                              "(lambda p: p @ x1 if x1.dim() == 3 else (p @ x1[..., None])[..., 0])"
                              "(torch.linalg.pinv(x0 + 3 * torch.eye(*x0.shape[-2:])))"},
                             {0}},
};

/* a (…, m, n) and b (…, m, r) of common leading axes. */
static tp_var *lstsq_matrices(tp_var *a, tp_var *b)
{
    tp_var *q, *r;
    const int64_t *size = tp__shape(a) + a->ndim - 2;
    if (size[0] >= size[1]) {
        tp_qr(a, &q, &r);
        return tp_is_poison(q)
                   ? q
                   : tp__solve_triangle(r, tp_matmul(tp__transposed(q), b), TP__LAPACK_UPPER);
    }
    tp_qr(tp__transposed(a), &q, &r);
    return tp_is_poison(q) ? q : tp_matmul(q, tp__solve_triangle(tp__transposed(r), b, 0));
}

tp_var *tp_lstsq(tp_var *a, tp_var *b)
{
    TP__CALL("lstsq");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_lstsq(a, b), &a, &b);
    a = tp__matrices("lstsq", a, false);
    if (tp_is_poison(a) || !tp__check_operand("lstsq", b))
        return tp__poison();
    bool vector = tp__is_vectors(a, b);
    tp_var *rows = tp__matrices("lstsq", vector ? tp_unsqueeze(b, -1) : b, false);
    if (tp_is_poison(rows))
        return rows;
    int64_t m = tp__shape(a)[a->ndim - 2], given = tp__shape(rows)[rows->ndim - 2];
    if (!tp__same_size("lstsq", a, m, b, given) || !tp__common_batch("lstsq", &a, &rows))
        return tp__poison();
    tp_var *y = lstsq_matrices(a, rows);
    return vector && !tp_is_poison(y) ? tp_squeeze(y, -1) : y;
}

tp_var *tp_matrix_rank(tp_var *a)
{
    TP__CALL("matrix_rank");
    TP__OPERANDS(a);
    tp_var *s = tp_svdvals(tp__matrices("matrix_rank", a, false));
    if (tp_is_poison(s))
        return s;
    if (tp__shape(s)[s->ndim - 1] == 0)
        return tp_to(tp__sum_over(s, -1, false), TP_I64);
    return tp__sum_over(tp_gt(s, pinv_least(a, s)), -1, false);
}

static const tp__op *const least_squares_ops[] = {&pinv_op, &lstsq_op, NULL};

const tp__family tp__family_least_squares = {"least_squares", "least squares", least_squares_ops};
