/* SPDX-License-Identifier: MIT
 *
 * Factorisations. A record's result packs the factors, one after the other along a last axis; the
 * public functions give its parts. The rules are differentials: M. Giles, "Collected matrix
 * derivative results for forward and reverse mode algorithmic differentiation" (2008), for Cholesky
 * factors and eigenvalues; S. Walter and L. Lehmann, "Algorithmic differentiation of linear algebra
 * functions" (2010), for QR; J. Townsend, "Differentiating the singular value decomposition"
 * (2016); G. Golub and V. Pereyra (1973) for pinv.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "graph/apply.h"
#include "graph/tangent.h"
#include "ops/families.h"
#include "ops/linalg/lapack_batch.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

/* Rows, columns, the smaller of them. */
typedef struct factor_size {
    int64_t m, n, k;
} factor_size;

static factor_size factor_of(const tp_var *x)
{
    const int64_t *size = tp__shape(x) + x->ndim - 2;
    return (factor_size){size[0], size[1], size[0] < size[1] ? size[0] : size[1]};
}

/* The result's leading axes are the operand's; the last one holds `size` elements. */
static bool factor_packs(tp__call *call, int64_t size)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim - 1;
    memcpy(call->shape, tp__shape(x), (size_t)call->ndim * sizeof *call->shape);
    call->shape[call->ndim - 1] = size;
    return true;
}

static bool factor_run(tp__call *call, double times, const char *why)
{
    factor_size size = factor_of(call->in[0]);
    return tp__lapack_run(call, 0, times * (double)size.m * (double)size.n * (double)size.k, why);
}

static tp_var *factor_apply(const tp__op *op, tp_var *x, bool square)
{
    x = tp__matrices(op->name, x, square);
    return tp__apply(op, &x, 1, (tp__attr){0}, -1, NULL);
}

static tp_var *factor_identity(const tp_var *like, int64_t n)
{
    return tp__triangle((tp_dtype)like->dtype, n, 0, 1, 0);
}

/* The diagonals of matrices. */
static tp_var *factor_diagonal(tp_var *x)
{
    return tp__sum_over(tp_mul(x, factor_identity(x, tp_shape(x)[tp_ndim(x) - 1])), -1, false);
}

/* 1 / (w[j] − w[i]) or 1 / (w[j] + w[i]) off the diagonal, 0 on it. */
static tp_var *factor_inverses(tp_var *w, bool sums)
{
    int64_t n = tp_shape(w)[tp_ndim(w) - 1];
    tp_var *row = tp_unsqueeze(w, -2), *column = tp_unsqueeze(w, -1);
    tp_var *off = tp__triangle((tp_dtype)w->dtype, n, 1, 0, 1);
    tp_var *gap = sums ? tp_mul(off, tp_add(row, column)) : tp_sub(row, column);
    return tp_div(off, tp_add(gap, factor_identity(w, n)));
}

/* f x, where f is infinite for vectors that have no derivative. Who takes values alone gives these
 * a gradient of 0, which the choice keeps. */
static tp_var *factor_times(tp_var *f, tp_var *x)
{
    tp_var *product = tp_mul(f, x), *infinite = tp_isinf(tp_detach(f));
    bool none = tp_is_poison(infinite) || tp_item(tp_any(infinite)) == 0;
    return none ? product : tp_where(infinite, product, product);
}

static tp_var *factor_symmetric(tp_var *x)
{
    return tp_mul(0.5, tp_add(x, tp__transposed(x)));
}

/* For samples: x xᵀ + 2 I, and x + xᵀ + diag(0, 4, 8 …). */
static tp_var *factor_sample_positive(tp_var *x)
{
    return tp_ndim(x) < 2 ? x : tp__shifted(tp_matmul(x, tp__transposed(x)), 2);
}

static tp_var *factor_sample_symmetric(tp_var *x)
{
    if (tp_ndim(x) < 2)
        return x;
    int64_t n = tp_shape(x)[tp_ndim(x) - 1];
    tp_var *floating = tp__shifted(x, 0), *identity = tp__shifted(tp_mul(floating, 0), 4);
    return tp_add(tp_add(floating, tp__transposed(floating)),
                  tp_mul(tp_arange(TP_I64, 0, (double)n, 1), identity));
}

#define FACTOR_SYMMETRIC                                                                           \
    "(x0 + x0.mT + torch.diag(torch.arange(0, 4 * x0.shape[-1], 4, dtype=torch.float64)))"

/* --- cholesky: y yᵀ = x --- */

static bool cholesky_forward(tp__call *call)
{
    return factor_run(call, 0.1, "is not positive definite");
}

/* The lower triangle with half of the diagonal. */
static tp_var *cholesky_half(tp_var *x)
{
    return tp_mul(x, tp__triangle((tp_dtype)x->dtype, tp_shape(x)[tp_ndim(x) - 1], 1, 0.5, 0));
}

static void cholesky_gradient(const tp__pull *pull)
{
    tp_var *y = pull->y, *t = tp__transposed(y);
    tp_var *half = cholesky_half(tp_matmul(t, pull->gy));
    tp_var *left = tp__solve_triangle(t, half, TP__LAPACK_UPPER);
    tp_var *both = tp__solve_triangle(t, tp__transposed(left), TP__LAPACK_UPPER);
    pull->gx[0] = factor_symmetric(both);
}

static tp_var *cholesky_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    (void)x;
    tp_var *left = tp__solve_triangle(y, factor_symmetric(dx), 0);
    tp_var *both = tp__solve_triangle(y, tp__transposed(left), 0);
    return tp_matmul(y, cholesky_half(both));
}

static tp_var *cholesky_sample(tp_var *const *x)
{
    return tp_cholesky(factor_sample_positive(x[0]));
}

static const tp__op cholesky_op = {
    .label = "Cholesky",
    .name = "cholesky",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_OUT},
    .infer = tp__infer_alike,
    .forward = cholesky_forward,
    .fast = TP__LAPACK_CHOLESKY,
    .gradient = cholesky_gradient,
    .tangent = cholesky_tangent,
    .formula = "the lower triangular L with L Lᵀ = x",
    .rule = "the symmetric part of y⁻ᵀ h y⁻¹, h the lower half of yᵀ gy",
    .samples =
        (const tp__sample[]){{"3,3", cholesky_sample,
                              "torch.linalg.cholesky(x0 @ x0.mT + 2 * torch.eye(x0.shape[-2]))"},
                             {"2,2,3", cholesky_sample,
                              "torch.linalg.cholesky(x0 @ x0.mT + 2 * torch.eye(x0.shape[-2]))"},
                             {0}},
};

tp_var *tp_cholesky(tp_var *a)
{
    return factor_apply(&cholesky_op, a, true);
}

/* --- qr: x = Q R, packed Q (m, k), R (k, n) --- */

static bool qr_infer(tp__call *call)
{
    factor_size size = factor_of(call->in[0]);
    return factor_packs(call, (size.m + size.n) * size.k);
}

static bool qr_forward(tp__call *call)
{
    return factor_run(call, 0.5, "has no QR factors");
}

static const bool qr_matrices[] = {true, true};

static tp_var *qr_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    factor_size size = factor_of(x);
    tp_var *q = tp__unpack(y, 0, size.m, size.k);
    tp_var *r = tp__unpack(y, size.m * size.k, size.k, size.n), *square = r, *front = dx;
    if (size.n > size.k) {
        square = tp_slice(r, -1, 0, size.k, 1);
        front = tp_slice(dx, -1, 0, size.k, 1);
    }
    tp_var *scaled = tp__transposed(
        tp__solve_triangle(tp__transposed(square), tp__transposed(front), 0)); /* dx R⁻¹ */
    tp_var *inner = tp_matmul(tp__transposed(q), scaled);
    tp_var *low = tp_mul(inner, tp__triangle((tp_dtype)x->dtype, size.k, 1, 0, 0));
    tp_var *turn = tp_sub(low, tp__transposed(low)); /* Qᵀ dQ */
    tp_var *dr = tp_sub(tp_matmul(tp__transposed(q), dx), tp_matmul(turn, r));
    tp_var *dq = tp_matmul(q, turn);
    if (size.m > size.k)
        dq = tp_add(dq, tp_sub(scaled, tp_matmul(q, inner)));
    return tp__pack((tp_var *[]){dq, dr}, qr_matrices, 2);
}

/* For a square or tall x; q and gq (m, n), r and gr (n, n). */
static tp_var *qr_pull(tp_var *q, tp_var *r, tp_var *gq, tp_var *gr)
{
    tp_dtype dtype = (tp_dtype)r->dtype;
    int64_t n = tp_shape(r)[tp_ndim(r) - 1];
    tp_var *inner = tp_sub(tp_matmul(r, tp__transposed(gr)), tp_matmul(tp__transposed(gq), q));
    tp_var *low = tp_mul(inner, tp__triangle(dtype, n, 1, 0.5, 0));
    tp_var *sum = tp_add(gq, tp_matmul(q, tp_add(low, tp__transposed(low))));
    return tp__transposed(tp__solve_triangle(r, tp__transposed(sum), TP__LAPACK_UPPER));
}

/* The last columns of a wide x are q times those of r. */
static void qr_gradient(const tp__pull *pull)
{
    factor_size size = factor_of(pull->x[0]);
    int64_t m = size.m, n = size.n, k = size.k;
    tp_var *q = tp__unpack(pull->y, 0, m, k), *gq = tp__unpack(pull->gy, 0, m, k);
    tp_var *r = tp__unpack(pull->y, m * k, k, n), *gr = tp__unpack(pull->gy, m * k, k, n);
    if (n == k) {
        pull->gx[0] = qr_pull(q, r, gq, gr);
        return;
    }
    tp_var *last = tp_slice(r, -1, k, n, 1), *given = tp_slice(gr, -1, k, n, 1);
    gq = tp_add(gq, tp_matmul(q, tp_matmul(last, tp__transposed(given))));
    tp_var *parts[] = {qr_pull(q, tp_slice(r, -1, 0, k, 1), gq, tp_slice(gr, -1, 0, k, 1)),
                       tp_matmul(q, given)};
    pull->gx[0] = tp_concatenate(parts, 2, -1);
}

/* Squares do not depend on signs. */
static tp_var *qr_sample(tp_var *const *x)
{
    tp_var *q, *r;
    tp_qr(tp__shifted(x[0], 3), &q, &r);
    return tp_square(tp_concatenate((tp_var *[]){tp__transposed(q), r}, 2, -1));
}

#define QR_TORCH                                                                                   \
    "(lambda q, r: torch.cat((q.mT, r), -1) ** 2)(*torch.linalg.qr(x0 + 3 * "                      \
    "torch.eye(*x0.shape[-2:])))"

static const tp__op qr_op = {
    .label = "Qr",
    .name = "qr",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_OUT},
    .infer = qr_infer,
    .forward = qr_forward,
    .fast = TP__LAPACK_QR,
    .gradient = qr_gradient,
    .tangent = qr_tangent,
    .formula = "Q and R of x = Q R",
    .rule = "(gQ + Q h) R⁻ᵀ, h the lower half of R gRᵀ − gQᵀ Q and its transpose",
    .samples = (const tp__sample[]){{"3,3", qr_sample, QR_TORCH},
                                    {"4,2", qr_sample, QR_TORCH},
                                    {"2,3", qr_sample, QR_TORCH},
                                    {"2,3,2", qr_sample, QR_TORCH},
                                    {0}},
};

void tp_qr(tp_var *a, tp_var **q, tp_var **r)
{
    TP__CALL("qr");
    TP__OPERANDS(a);
    tp_var *unwanted, *y = factor_apply(&qr_op, a, false);
    q = q ? q : &unwanted;
    r = r ? r : &unwanted;
    if (tp_is_poison(y)) {
        *q = *r = y;
        return;
    }
    factor_size size = factor_of(a);
    *q = tp__unpack(y, 0, size.m, size.k);
    *r = tp__unpack(y, size.m * size.k, size.k, size.n);
}

/* --- eigh: x = V diag(w) Vᵀ, packed w (n), V (n, n) --- */

static bool eigh_infer(tp__call *call)
{
    int64_t n = factor_of(call->in[0]).n;
    return factor_packs(call, n + n * n);
}

static bool eigvalsh_infer(tp__call *call)
{
    return factor_packs(call, factor_of(call->in[0]).n);
}

static const char *const factor_diverges = "defeats the iteration for its values";

static bool eigh_forward(tp__call *call)
{
    return factor_run(call, 3, factor_diverges);
}

static bool eigvalsh_forward(tp__call *call)
{
    return factor_run(call, 1, factor_diverges);
}

static const bool eigh_matrices[] = {false, true};

static tp_var *eigh_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    int64_t n = factor_of(x).n;
    tp_var *w = tp__unpack(y, 0, n, -1), *v = tp__unpack(y, n, n, n);
    tp_var *inner = tp_matmul(tp__transposed(v), tp_matmul(factor_symmetric(dx), v));
    tp_var *dv = tp_matmul(v, factor_times(factor_inverses(w, false), inner));
    return tp__pack((tp_var *[]){factor_diagonal(inner), dv}, eigh_matrices, 2);
}

static tp_var *eigvalsh_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    tp_var *w, *v;
    (void)y;
    tp_eigh(x, &w, &v);
    return tp__sum_over(tp_mul(v, tp_matmul(factor_symmetric(dx), v)), -2, false);
}

static tp_var *eigh_sample(tp_var *const *x)
{
    tp_var *w, *v;
    tp_eigh(factor_sample_symmetric(x[0]), &w, &v);
    return tp_concatenate((tp_var *[]){tp_unsqueeze(w, -2), tp_square(v)}, 2, -2);
}

static tp_var *eigvalsh_sample(tp_var *const *x)
{
    return tp_eigvalsh(factor_sample_symmetric(x[0]));
}

#define EIGH_TORCH                                                                                 \
    "(lambda w, v: torch.cat((w.unsqueeze(-2), v ** 2), -2))(*torch.linalg.eigh(" FACTOR_SYMMETRIC \
    "))"

static const tp__op eigh_op = {
    .label = "Eigh",
    .name = "eigh",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_OUT},
    .infer = eigh_infer,
    .forward = eigh_forward,
    .fast = TP__LAPACK_EIGH,
    .gradient = tp__tangent_gradient,
    .tangent = eigh_tangent,
    .formula = "eigenvalues and vectors of a symmetric x",
    .rule =
        "the transpose of dw = diag(Vᵀ dx V), dV = V (f ∘ Vᵀ dx V), f[i, j] = 1 / (w[j] − w[i])",
    .samples = (const tp__sample[]){{"3,3", eigh_sample, EIGH_TORCH},
                                    {"2,2,2", eigh_sample, EIGH_TORCH},
                                    {0}},
};

static const tp__op eigvalsh_op = {
    .label = "Eigvalsh",
    .name = "eigvalsh",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0},
    .infer = eigvalsh_infer,
    .forward = eigvalsh_forward,
    .fast = TP__LAPACK_EIGVALSH,
    .gradient = tp__tangent_gradient,
    .tangent = eigvalsh_tangent,
    .formula = "eigenvalues of a symmetric x",
    .rule = "V diag(gy) Vᵀ",
    .samples =
        (const tp__sample[]){
            {"3,3", eigvalsh_sample, "torch.linalg.eigvalsh(" FACTOR_SYMMETRIC ")"}, {0}},
};

void tp_eigh(tp_var *a, tp_var **w, tp_var **v)
{
    TP__CALL("eigh");
    TP__OPERANDS(a);
    tp_var *unwanted, *y = factor_apply(&eigh_op, a, true);
    w = w ? w : &unwanted;
    v = v ? v : &unwanted;
    if (tp_is_poison(y)) {
        *w = *v = y;
        return;
    }
    int64_t n = factor_of(a).n;
    *w = tp__unpack(y, 0, n, -1);
    *v = tp__unpack(y, n, n, n);
}

tp_var *tp_eigvalsh(tp_var *a)
{
    return factor_apply(&eigvalsh_op, a, true);
}

/* --- svd: x = U diag(S) Vᵀ, packed U (m, k), S (k), Vᵀ (k, n) --- */

static bool svd_infer(tp__call *call)
{
    factor_size size = factor_of(call->in[0]);
    return factor_packs(call, (size.m + 1 + size.n) * size.k);
}

static bool svdvals_infer(tp__call *call)
{
    return factor_packs(call, factor_of(call->in[0]).k);
}

static bool svd_forward(tp__call *call)
{
    return factor_run(call, 6, factor_diverges);
}

static bool svdvals_forward(tp__call *call)
{
    return factor_run(call, 2, factor_diverges);
}

static const bool svd_matrices[] = {true, false, true};

static void svd_parts(tp_var *y, factor_size size, tp_var **u, tp_var **s, tp_var **vh)
{
    *u = tp__unpack(y, 0, size.m, size.k);
    *s = tp__unpack(y, size.m * size.k, size.k, -1);
    *vh = tp__unpack(y, (size.m + 1) * size.k, size.k, size.n);
}

/* What of `image` / s lies outside the space that u spans: (image − u inner) / s. */
static tp_var *svd_outside(tp_var *u, tp_var *image, tp_var *inner, tp_var *row)
{
    return factor_times(tp_reciprocal(row), tp_sub(image, tp_matmul(u, inner)));
}

/* Of P = Uᵀ dx V even and odd parts, divided by differences and sums of values, are the sum and the
 * difference of the turns Uᵀ dU and Vᵀ dV: no squares, which would over- or underflow. */
static tp_var *svd_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    factor_size size = factor_of(x);
    tp_var *u, *s, *vh;
    svd_parts(y, size, &u, &s, &vh);
    tp_var *v = tp__transposed(vh), *image = tp_matmul(dx, v);
    tp_var *inner = tp_matmul(tp__transposed(u), image), *turned = tp__transposed(inner);
    tp_var *row = tp_unsqueeze(s, -2);
    tp_var *even = factor_times(factor_inverses(s, false), tp_add(inner, turned));
    tp_var *odd = factor_times(factor_inverses(s, true), tp_sub(inner, turned));
    tp_var *du = tp_matmul(u, tp_mul(0.5, tp_add(even, odd)));
    tp_var *dv = tp_matmul(v, tp_mul(0.5, tp_sub(even, odd)));
    if (size.m > size.k)
        du = tp_add(du, svd_outside(u, image, inner, row));
    if (size.n > size.k)
        dv = tp_add(dv, svd_outside(v, tp_matmul(tp__transposed(dx), u), turned, row));
    return tp__pack((tp_var *[]){du, factor_diagonal(inner), tp__transposed(dv)}, svd_matrices, 3);
}

static tp_var *svdvals_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    tp_var *u, *s, *vh;
    (void)y;
    tp_svd(x, &u, &s, &vh);
    return tp__sum_over(tp_mul(u, tp_matmul(dx, tp__transposed(vh))), -2, false);
}

static tp_var *svd_sample(tp_var *const *x)
{
    tp_var *u, *s, *vh;
    tp_svd(x[0], &u, &s, &vh);
    tp_var *parts[] = {tp_square(tp__transposed(u)), tp_unsqueeze(s, -1), tp_square(vh)};
    return tp_concatenate(parts, 3, -1);
}

static tp_var *svdvals_sample(tp_var *const *x)
{
    return tp_svdvals(x[0]);
}

#define SVD_TORCH                                                                                  \
    "(lambda u, s, v: torch.cat((u.mT ** 2, s.unsqueeze(-1), v ** 2), -1))"                        \
    "(*torch.linalg.svd(x0, full_matrices=False))"

static const tp__op svd_op = {
    .label = "Svd",
    .name = "svd",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_OUT},
    .infer = svd_infer,
    .forward = svd_forward,
    .fast = TP__LAPACK_SVD,
    .gradient = tp__tangent_gradient,
    .tangent = svd_tangent,
    .formula = "U, S and Vᵀ of x = U S Vᵀ",
    .rule = "the transpose of dS = diag(P), P = Uᵀ dx V, dU = U (f ∘ (P S + S Pᵀ)) + …, "
            "f[i, j] = 1 / (s[j]² − s[i]²)",
    .samples = (const tp__sample[]){{"2,2", svd_sample, SVD_TORCH},
                                    {"3,2", svd_sample, SVD_TORCH},
                                    {"2,2,3", svd_sample, SVD_TORCH},
                                    {0}},
};

static const tp__op svdvals_op = {
    .label = "Svdvals",
    .name = "svdvals",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0},
    .infer = svdvals_infer,
    .forward = svdvals_forward,
    .fast = TP__LAPACK_SVDVALS,
    .gradient = tp__tangent_gradient,
    .tangent = svdvals_tangent,
    .formula = "singular values of x",
    .rule = "U diag(gy) Vᵀ",
    .samples = (const tp__sample[]){{"2,3", svdvals_sample, "torch.linalg.svdvals(x0)"}, {0}},
};

void tp_svd(tp_var *a, tp_var **u, tp_var **s, tp_var **vh)
{
    TP__CALL("svd");
    TP__OPERANDS(a);
    tp_var *unwanted, *y = factor_apply(&svd_op, a, false);
    u = u ? u : &unwanted;
    s = s ? s : &unwanted;
    vh = vh ? vh : &unwanted;
    if (tp_is_poison(y)) {
        *u = *s = *vh = y;
        return;
    }
    svd_parts(y, factor_of(a), u, s, vh);
}

tp_var *tp_svdvals(tp_var *a)
{
    return factor_apply(&svdvals_op, a, false);
}

static const tp__op *const factor_ops[] = {&cholesky_op, &qr_op,      &eigh_op, &eigvalsh_op,
                                           &svd_op,      &svdvals_op, NULL};

const tp__family tp__family_factor = {"factor", "factorisations of matrices", factor_ops};
