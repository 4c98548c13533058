/* SPDX-License-Identifier: MIT
 *
 * Equations, inverses and determinants, through LU factors or triangles. Taylor series of solutions
 * have recurrences: X A = I gives X[k] = −X[0] Σ A[i] X[k − i], and A X = B likewise.
 */
#include "base/features.h"

#include <float.h>

#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/series.h"
#include "graph/tangent.h"
#include "ops/families.h"
#include "ops/linalg/cofactors.h"
#include "ops/linalg/lapack_batch.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

static const char *const solve_singular = "is singular";

/* About the time of n³ multiplications, in nanoseconds. */
static double solve_cost(const tp__call *call)
{
    const tp_var *a = call->in[0];
    double n = (double)tp__shape(a)[a->ndim - 1];
    return 0.3 * n * n * n;
}

static bool solve_like(tp__call *call, const tp_var *v, int ndim)
{
    call->dtype = (tp_dtype)v->dtype;
    call->ndim = ndim;
    memcpy(call->shape, tp__shape(v), (size_t)ndim * sizeof *call->shape);
    return true;
}

/* Σ a[i] y[k − i], i = 1 … k, of matrices. */
static tp_var *solve_cauchy(tp_var *const *a, tp_var *const *y, int k)
{
    tp_var *sum = NULL;
    for (int i = 1; i <= k; i++)
        if (a[i] && y[k - i])
            sum = tp__series_add(sum, tp_matmul(a[i], y[k - i]));
    return sum;
}

/* --- inverse --- */

static bool inverse_forward(tp__call *call)
{
    return tp__lapack_run(call, 0, 3 * solve_cost(call), solve_singular);
}

static void inverse_gradient(const tp__pull *pull)
{
    tp_var *t = tp__transposed(pull->y);
    pull->gx[0] = tp_neg(tp_matmul(t, tp_matmul(pull->gy, t)));
}

static void inverse_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = solve_cauchy(jet->x[0], jet->y, k);
        jet->y[k] = sum ? tp_neg(tp_matmul(jet->y[0], sum)) : NULL;
    }
}

static tp_var *inverse_sample(tp_var *const *x)
{
    return tp_inverse(tp__shifted(x[0], 5));
}

static const tp__op inverse_op = {
    .label = "Inverse",
    .name = "inverse",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_OUT},
    .infer = tp__infer_alike,
    .forward = inverse_forward,
    .fast = TP__LAPACK_INVERSE,
    .gradient = inverse_gradient,
    .taylor = inverse_taylor,
    .formula = "x⁻¹",
    .rule = "−yᵀ gy yᵀ",
    .samples =
        (const tp__sample[]){
            {"3,3", inverse_sample, "torch.linalg.inv(x0 + 5 * torch.eye(*x0.shape[-2:]))"},
            {"2,2,2", inverse_sample, "torch.linalg.inv(x0 + 5 * torch.eye(*x0.shape[-2:]))"},
            {0}},
};

tp_var *tp_inverse(tp_var *a)
{
    TP__CALL("inverse");
    TP__OPERANDS(a);
    a = tp__matrices("inverse", a, true);
    return tp__apply(&inverse_op, &a, 1, (tp__attr){0}, -1, NULL);
}

/* --- solve and solve_triangular: operands (…, n, n) and (…, n, r) --- */

static bool solve_infer(tp__call *call)
{
    return solve_like(call, call->in[1], call->in[1]->ndim);
}

/* About the time of one matrix's right sides. */
static double solve_sides(const tp__call *call)
{
    double n = (double)call->shape[call->ndim - 2], r = (double)call->shape[call->ndim - 1];
    return n * n * r;
}

static bool solve_forward(tp__call *call)
{
    return tp__lapack_run(call, 0, solve_sides(call) + solve_cost(call), solve_singular);
}

static bool solve_triangular_forward(tp__call *call)
{
    return tp__lapack_run(call, call->attr.integer, solve_sides(call),
                          "has a zero on its diagonal");
}

static void solve_gradient(const tp__pull *pull)
{
    tp_var *b = tp_solve(tp__transposed(pull->x[0]), pull->gy);
    pull->gx[1] = pull->wanted[1] ? b : NULL;
    if (pull->wanted[0])
        pull->gx[0] = tp_neg(tp_matmul(b, tp__transposed(pull->y)));
}

static void solve_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = solve_cauchy(jet->x[0], jet->y, k);
        tp_var *in[] = {jet->x[0][0], tp__series_sub(jet->x[1][k], sum)};
        jet->y[k] = in[1] ? tp__apply_again(jet->node, in) : NULL;
    }
}

static tp_var *solve_sample(tp_var *const *x)
{
    return tp_solve(tp__shifted(x[0], 5), x[1]);
}

static const tp__op solve_op = {
    .label = "Solve",
    .name = "solve",
    .n_in = 2,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0 | TP__READS_OUT, TP__READS_0},
    .infer = solve_infer,
    .forward = solve_forward,
    .fast = TP__LAPACK_SOLVE,
    .gradient = solve_gradient,
    .taylor = solve_taylor,
    .formula = "the y with a y = b",
    .rule = "b: solve(aᵀ, gy); a: −(that) yᵀ",
    .samples = (const tp__sample[]){{"3,3; 3,2", solve_sample,
                                     "torch.linalg.solve(x0 + 5 * torch.eye(*x0.shape[-2:]), x1)"},
                                    {"2,2; 2", solve_sample,
                                     "torch.linalg.solve(x0 + 5 * torch.eye(*x0.shape[-2:]), x1)"},
                                    {"2,2,2; 2,3", solve_sample,
                                     "torch.linalg.solve(x0 + 5 * torch.eye(*x0.shape[-2:]), x1)"},
                                    {"3,2,2; 3,2", solve_sample,
                                     "torch.linalg.solve(x0 + 5 * torch.eye(*x0.shape[-2:]), x1)"},
                                    {0}},
};

/* v without what its triangle does not read, NaN there too. */
static tp_var *solve_triangle(tp_var *v, int64_t mode)
{
    double on = mode & TP__LAPACK_UNIT ? 0 : 1;
    bool upper = mode & TP__LAPACK_UPPER;
    if (!v || tp_is_poison(v))
        return v;
    return tp_where(tp__triangle(TP_U8, tp__shape(v)[v->ndim - 1], !upper, on, upper), v, 0);
}

static void solve_triangular_gradient(const tp__pull *pull)
{
    int64_t mode = pull->y->attr.integer;
    tp_var *b = tp__solve_triangle(tp__transposed(pull->x[0]), pull->gy, mode ^ TP__LAPACK_UPPER);
    pull->gx[1] = pull->wanted[1] ? b : NULL;
    if (pull->wanted[0])
        pull->gx[0] = solve_triangle(tp_neg(tp_matmul(b, tp__transposed(pull->y))), mode);
}

static void solve_triangular_taylor(const tp__jet *jet)
{
    tp_var **triangles = tp__series_new(jet->order + 1);
    if (!triangles)
        return;
    tp_var **x[] = {triangles, jet->x[1]};
    triangles[0] = jet->x[0][0];
    for (int k = 1; k <= jet->order; k++)
        triangles[k] = solve_triangle(jet->x[0][k], jet->node->attr.integer);
    solve_taylor(&(tp__jet){.node = jet->node, .order = jet->order, .x = x, .y = jet->y});
    tp__free(triangles);
}

static tp_var *solve_lower_sample(tp_var *const *x)
{
    return tp__solve_triangle(tp__shifted(x[0], 5), x[1], 0);
}

static tp_var *solve_upper_sample(tp_var *const *x)
{
    return tp__solve_triangle(x[0], x[1], TP__LAPACK_UPPER | TP__LAPACK_UNIT);
}

static const tp__op solve_triangular_op = {
    .label = "SolveTriangular",
    .name = "solve_triangular",
    .n_in = 2,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0 | TP__READS_OUT, TP__READS_0},
    .infer = solve_infer,
    .forward = solve_triangular_forward,
    .fast = TP__LAPACK_SOLVE_TRIANGULAR,
    .gradient = solve_triangular_gradient,
    .taylor = solve_triangular_taylor,
    .formula = "the y with a y = b, of a triangular a",
    .rule = "b: solve_triangular(aᵀ, gy); a: the triangle of −(that) yᵀ",
    .samples =
        (const tp__sample[]){
            {"3,3; 3,2", solve_lower_sample,
             "torch.linalg.solve_triangular(x0 + 5 * torch.eye(*x0.shape[-2:]), x1, upper=False)"},
            {"2,2; 3,2,1", solve_upper_sample,
             "torch.linalg.solve_triangular(x0, x1, upper=True, unitriangular=True)"},
            {0}},
};

/* One matrix and a batch of right sides, which become columns of one: its factors are found once.
 * The rows of the sides come first meanwhile. */
static tp_var *solve_columns(const tp__op *op, tp_var *a, tp_var *b, int64_t mode)
{
    int64_t order[TP_MAX_NDIM], back[TP_MAX_NDIM], shape[TP_MAX_NDIM];
    int last = b->ndim - 1;
    int64_t rows = tp__shape(b)[last - 1];
    for (int i = 0; i <= last; i++) {
        order[i] = i == 0 ? last - 1 : i == last ? last : i - 1;
        shape[i] = tp__shape(b)[order[i]];
        back[order[i]] = i;
    }
    tp_var *columns =
        tp_reshape(tp_permute(b, last + 1, order), 2, (int64_t[]){rows, b->size / rows});
    tp_var *y = tp__apply(op, (tp_var *[]){a, columns}, 2, (tp__attr){.integer = mode}, -1, NULL);
    return tp_is_poison(y) ? y : tp_permute(tp_reshape(y, last + 1, shape), last + 1, back);
}

static tp_var *solve_apply(const tp__op *op, tp_var *a, tp_var *b, int64_t mode)
{
    TP__IN_FLOAT32(solve_apply(op, a, b, mode), &a, &b);
    if (!tp__check_operand_of(op->name, a, 0, 2) || !tp__check_operand_of(op->name, b, 1, 2))
        return tp__poison();
    a = tp__matrices(op->name, a, true);
    b = tp_is_poison(a) ? a : tp__matrices(op->name, b, false);
    if (tp_is_poison(b))
        return b;
    int64_t n = tp__shape(a)[a->ndim - 1], rows = tp__shape(b)[b->ndim - 2];
    if (!tp__same_size(op->name, a, n, b, rows))
        return tp__poison();
    if (a->ndim == 2 && b->ndim > 2 && b->size && a->dtype == b->dtype)
        return solve_columns(op, a, b, mode);
    tp_var *in[] = {a, b};
    if (!tp__common_batch(op->name, &in[0], &in[1]))
        return tp__poison();
    return tp__apply(op, in, 2, (tp__attr){.integer = mode}, -1, NULL);
}

tp_var *tp__solve_triangle(tp_var *a, tp_var *b, int64_t mode)
{
    return solve_apply(&solve_triangular_op, a, b, mode);
}

tp_var *tp_solve(tp_var *a, tp_var *b)
{
    TP__CALL("solve");
    TP__OPERANDS(a, b);
    a = tp__matrices("solve", a, true);
    if (tp_is_poison(a) || !tp__check_operand("solve", b))
        return tp__poison();
    if (!tp__is_vectors(a, b))
        return solve_apply(&solve_op, a, b, 0);
    tp_var *y = solve_apply(&solve_op, a, tp_unsqueeze(b, -1), 0);
    return tp_is_poison(y) ? y : tp_squeeze(y, -1);
}

/* A solution of one right side that came as a vector. */
static tp_var *solve_vector(tp_var *y)
{
    return tp_is_poison(y) ? y : tp_squeeze(y, -1);
}

tp_var *(tp_solve_triangular)(tp_var *a, tp_var *b, const tp_solve_triangular_options *from)
{
    TP__CALL("solve_triangular");
    TP__OPERANDS(a, b);
    tp_solve_triangular_options options = TP_OPTIONS(tp_solve_triangular_options);
    if (!tp__take_options("solve_triangular", &options, sizeof options, from))
        return tp__poison();
    if (b && b->ndim == 1)
        return solve_vector((tp_solve_triangular)(a, tp_unsqueeze(b, 1), from));
    return tp__solve_triangle(a, b,
                              (options.upper ? TP__LAPACK_UPPER : 0) |
                                  (options.unitriangular ? TP__LAPACK_UNIT : 0));
}

/* --- Determinants --- */

static bool det_infer(tp__call *call)
{
    return solve_like(call, call->in[0], call->in[0]->ndim - 2);
}

static bool slogdet_infer(tp__call *call)
{
    solve_like(call, call->in[0], call->in[0]->ndim - 1);
    call->shape[call->ndim - 1] = 2;
    return true;
}

static bool det_forward(tp__call *call)
{
    return tp__lapack_run(call, 0, solve_cost(call), solve_singular);
}

/* Σ a ∘ dx for each matrix */
static tp_var *det_along(tp_var *a, tp_var *dx)
{
    return tp__sum_over(tp__sum_over(tp_mul(a, dx), -1, false), -1, false);
}

/* tr(x⁻¹ dx) */
static tp_var *det_slope(tp_var *x, tp_var *dx)
{
    return det_along(tp__transposed(tp_inverse(x)), dx);
}

/* 1 where a determinant is 0, infinite or has lost digits: there its inverse gives no gradient. */
static tp_var *det_is_out(tp_var *y)
{
    tp_var *size = tp_abs(tp_detach(y));
    double least = y->dtype == TP_F32 ? (double)FLT_MIN : DBL_MIN;
    return tp_logical_or(tp_lt(size, least), tp_isinf(size));
}

static bool det_any(tp_var *out)
{
    return !tp_is_poison(out) && tp_item(tp_any(out)) != 0;
}

static tp_var *det_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    if (det_any(det_is_out(y)))
        return det_along(tp__cofactors(x), dx);
    return tp_mul(y, det_slope(x, dx));
}

/* The logarithm's slope where det x = 0: infinite where a cofactor is not 0. */
static tp_var *slogdet_steep(tp_var *x, tp_var *dx)
{
    tp_var *cofactors = tp__cofactors(x);
    tp_var *steep = tp_where(tp_eq(cofactors, 0), 0, tp_div(cofactors, 0));
    return det_along(steep, dx);
}

static tp_var *slogdet_slope(tp_var *y, tp_var *x, tp_var *dx)
{
    tp_var *singular = tp_eq(tp_select(tp_detach(y), -1, 0), 0);
    if (!det_any(singular))
        return det_slope(x, dx);
    tp_var *one = tp_eye((tp_dtype)x->dtype, tp__shape(x)[x->ndim - 1]);
    tp_var *regular = tp_where(tp_unsqueeze(tp_unsqueeze(singular, -1), -1), one, x);
    return tp_where(singular, slogdet_steep(x, dx), det_slope(regular, dx));
}

static tp_var *slogdet_tangent(tp_var *y, tp_var *x, tp_var *dx)
{
    tp_var *slope = slogdet_slope(y, x, dx);
    tp_var *log = tp_is_poison(slope) ? slope : tp_unsqueeze(slope, -1);
    tp_var *sign = tp_zeros((tp_dtype)y->dtype, tp_ndim(log), tp_shape(log));
    return tp_is_poison(log) ? log : tp_concatenate((tp_var *[]){sign, log}, 2, -1);
}

static tp_var *det_sample(tp_var *const *x)
{
    return tp_det(tp__shifted(x[0], 2));
}

static tp_var *slogdet_sample(tp_var *const *x)
{
    tp_var *sign, *log;
    tp_slogdet(tp__shifted(x[0], -3), &sign, &log);
    return tp_mul(sign, log);
}

static const tp__op det_op = {
    .label = "Det",
    .name = "det",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0 | TP__READS_OUT},
    .infer = det_infer,
    .forward = det_forward,
    .fast = TP__LAPACK_DET,
    .gradient = tp__tangent_gradient,
    .tangent = det_tangent,
    .formula = "the determinant of x",
    .rule = "gy y inverse(x)ᵀ; gy times the cofactors where y is 0 or out of range",
    .samples =
        (const tp__sample[]){
            {"3,3", det_sample, "torch.linalg.det(x0 + 2 * torch.eye(*x0.shape[-2:]))"},
            {"2,2,2", det_sample, "torch.linalg.det(x0 + 2 * torch.eye(*x0.shape[-2:]))"},
            {0}},
};

static const tp__op slogdet_op = {
    .label = "Slogdet",
    .name = "slogdet",
    .n_in = 1,
    .flags = TP__LAPACK,
    .reads = {TP__READS_0 | TP__READS_OUT},
    .infer = slogdet_infer,
    .forward = det_forward,
    .fast = TP__LAPACK_SLOGDET,
    .gradient = tp__tangent_gradient,
    .tangent = slogdet_tangent,
    .formula = "sign and ln |det x|",
    .rule = "sign: 0; log: gy inverse(x)ᵀ",
    .samples =
        (const tp__sample[]){
            {"3,3", slogdet_sample,
             "math.prod(torch.linalg.slogdet(x0 - 3 * torch.eye(*x0.shape[-2:])))"},
            {"2,2,2", slogdet_sample,
             "math.prod(torch.linalg.slogdet(x0 - 3 * torch.eye(*x0.shape[-2:])))"},
            {0}},
};

tp_var *tp_det(tp_var *a)
{
    TP__CALL("det");
    TP__OPERANDS(a);
    a = tp__matrices("det", a, true);
    return tp__apply(&det_op, &a, 1, (tp__attr){0}, -1, NULL);
}

void tp_slogdet(tp_var *a, tp_var **sign, tp_var **logabsdet)
{
    TP__CALL("slogdet");
    TP__OPERANDS(a);
    a = tp__matrices("slogdet", a, true);
    tp_var *y = tp__apply(&slogdet_op, &a, 1, (tp__attr){0}, -1, NULL);
    if (sign)
        *sign = tp_is_poison(y) ? y : tp_select(y, -1, 0);
    if (logabsdet)
        *logabsdet = tp_is_poison(y) ? y : tp_select(y, -1, 1);
}

/* --- Composites --- */

static tp_var *logdet_sample(tp_var *const *x)
{
    return tp_logdet(tp__shifted(x[0], 4));
}

static tp_var *cholesky_solve_sample(tp_var *const *x)
{
    return tp_cholesky_solve(x[0], tp__shifted(x[1], 3));
}

static const tp__op logdet_op = {
    .label = "Logdet",
    .name = "logdet",
    .n_in = 1,
    .flags = TP__COMPOSITE | TP__LAPACK,
    .formula = "log det a",
    .rule = "gy inverse(a)ᵀ",
    .samples =
        (const tp__sample[]){
            {"2,2", logdet_sample, "torch.logdet(x0 + 4 * torch.eye(*x0.shape[-2:]))"}, {0}},
};

static const tp__op cholesky_solve_op = {
    .label = "CholeskySolve",
    .name = "cholesky_solve",
    .n_in = 2,
    .flags = TP__COMPOSITE | TP__LAPACK,
    .formula = "inverse(l lᵀ) b",
    .rule = "through two triangles",
    .samples = (const tp__sample[]){{"3,2; 3,3", cholesky_solve_sample,
                                     "(lambda l: torch.linalg.inv(l @ l.mT) @ x0)((x1 + 3 * "
                                     "torch.eye(*x1.shape[-2:])).tril())"},
                                    {0}},
};

/* The logarithm of the sign is 0, NaN or −∞. */
tp_var *tp_logdet(tp_var *a)
{
    TP__CALL("logdet");
    TP__OPERANDS(a);
    TP__IN_FLOAT32(tp_logdet(a), &a);
    tp_var *sign, *log;
    tp_slogdet(tp__matrices("logdet", a, true), &sign, &log);
    return tp_add(log, tp_log(sign));
}

tp_var *tp_cholesky_solve(tp_var *b, tp_var *l)
{
    TP__CALL("cholesky_solve");
    TP__OPERANDS(b, l);
    TP__IN_FLOAT32(tp_cholesky_solve(b, l), &b, &l);
    if (b && b->ndim == 1)
        return solve_vector(tp_cholesky_solve(tp_unsqueeze(b, 1), l));
    b = tp__matrices("cholesky_solve", b, false);
    l = tp_is_poison(b) ? b : tp__matrices("cholesky_solve", l, true);
    if (tp_is_poison(l))
        return l;
    return tp__solve_triangle(tp__transposed(l), tp__solve_triangle(l, b, 0), TP__LAPACK_UPPER);
}

static const tp__op *const solve_ops[] = {&inverse_op, &solve_op,  &solve_triangular_op, &det_op,
                                          &slogdet_op, &logdet_op, &cholesky_solve_op,   NULL};

const tp__family tp__family_solve = {"solve", "equations, inverses, determinants", solve_ops};
