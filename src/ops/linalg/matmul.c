/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "graph/apply.h"
#include "graph/few.h"
#include "graph/half.h"
#include "graph/series.h"
#include "kernels/gemm.h"
#include "ops/families.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

static const tp__op matmul_op;

/* --- matmul: (…, m, k) × (…, k, n) → (…, m, n), leading axes equal, or none in the second --- */

static bool matmul_fails(const tp_var *a, const tp_var *b, const char *why)
{
    char a_shape[TP__SHAPE_TEXT], b_shape[TP__SHAPE_TEXT], a_name[64], b_name[64];
    tp_fail(TP_ERROR_SHAPE, "matmul: shapes %s%s and %s%s do not fit: %s",
            tp__shape_text(a_shape, a->ndim, tp__shape(a)), tp__name_text(a_name, a),
            tp__shape_text(b_shape, b->ndim, tp__shape(b)), tp__name_text(b_name, b), why);
    return false;
}

static bool matmul_infer(tp__call *call)
{
    const tp_var *a = call->in[0], *b = call->in[1];
    call->dtype = call->given = (tp_dtype)call->attr.integer;
    call->ndim = a->ndim;
    memcpy(call->shape, tp__shape(a), a->ndim * sizeof *call->shape);
    call->shape[a->ndim - 1] = tp__shape(b)[b->ndim - 1];
    return true;
}

/* Where the matrices of an operand lie: its first element and distances along leading axes. */
static char *matmul_matrices_of(tp_var *v, int64_t *row, int64_t *column, int ndim, int64_t *step)
{
    *row = tp__strides(v)[v->ndim - 2];
    *column = tp__strides(v)[v->ndim - 1];
    for (int i = 0; i < ndim; i++)
        step[i] = v->ndim > 2 && tp__shape(v)[i] > 1 ? tp__strides(v)[i] : 0;
    return v->data;
}

/* Leading axes of a are rows of one matrix when b has none and a's strides allow it. */
static void matmul_fold(tp__gemm_batch *batch, const tp_var *a, const tp_var *b)
{
    int64_t strides[2], rows = batch->count * batch->first.m;
    if (batch->ndim == 0 || b->ndim > 2 || rows > INT32_MAX || a->size != rows * batch->first.k ||
        !tp__reshape_strides(a, 2, (int64_t[]){rows, batch->first.k}, strides))
        return;
    batch->first.m = rows;
    batch->first.a_row = strides[0];
    batch->first.a_column = strides[1];
    batch->count = 1;
    batch->ndim = 0;
}

/* The type of v's elements in a job. */
static uint8_t matmul_type(const tp_var *v)
{
    return tp__is_half((tp_dtype)v->dtype) ? (uint8_t)v->dtype : 0;
}

/* What runs a product of which no operand is of a half type. */
static const tp__gemm_backend *matmul_backend(const tp__gemm *job, tp_dtype dtype)
{
    bool large = job->m > INT32_MAX || job->n > INT32_MAX || job->k > INT32_MAX;
    const tp__gemm_backend *outer =
        job->k == 1 && job->b_column == 1 ? tp__gemm_outer(dtype) : NULL;
    return outer ? outer : large ? tp__gemm_reference(dtype) : tp__gemm_best(dtype);
}

static void matmul_run(tp__call *call, const tp__gemm_backend *backend, tp_var *a, tp_var *b,
                       tp_var *y)
{
    tp__gemm_batch batch = {.count = 1, .ndim = call->ndim - 2};
    tp__gemm *job = &batch.first;
    job->m = call->shape[call->ndim - 2];
    job->n = job->c_row = call->shape[call->ndim - 1];
    job->k = tp__shape(a)[a->ndim - 1];
    for (int i = 0; i < batch.ndim; i++)
        batch.count *= batch.shape[i] = call->shape[i];
    job->a = matmul_matrices_of(a, &job->a_row, &job->a_column, batch.ndim, batch.a_step);
    job->b = matmul_matrices_of(b, &job->b_row, &job->b_column, batch.ndim, batch.b_step);
    job->c = y->data;
    job->a_type = matmul_type(a);
    job->b_type = matmul_type(b);
    job->c_type = matmul_type(y);
    matmul_fold(&batch, a, b);
    call->flops = 2 * (double)y->size * (double)job->k;
    bool half = job->a_type | job->b_type | job->c_type;
    tp__gemm_run(half ? backend : matmul_backend(job, (tp_dtype)y->dtype), &batch);
}

/* With wide copies, where there are plain loops only. */
static bool matmul_run_wide(tp__call *call, const tp__gemm_backend *backend)
{
    tp__thread *t = tp__here();
    tp_var *a = tp__copy_as(t, call->in[0], TP_F32), *b = tp__copy_as(t, call->in[1], TP_F32);
    tp_var *y = a && b ? tp__node_array(t, TP_F32, call->ndim, call->shape) : NULL;
    if (y) {
        matmul_run(call, backend, a, b, y);
        tp__copy_elements(call->out, y);
        tp__drop(y);
    }
    if (a)
        tp__drop(a);
    if (b)
        tp__drop(b);
    return y != NULL;
}

static bool matmul_forward(tp__call *call)
{
    tp_var *a = call->in[0], *b = call->in[1];
    int64_t k = tp__shape(a)[a->ndim - 1];
    const int64_t *last = call->shape + call->ndim - 2;
    bool large = last[0] > INT32_MAX || last[1] > INT32_MAX || k > INT32_MAX;
    tp_dtype work = tp__working_type(call->dtype);
    const tp__gemm_backend *backend = large ? tp__gemm_reference(work) : tp__gemm_best(work);
    if ((matmul_type(a) | matmul_type(b) | matmul_type(call->out)) && !backend->halves)
        return matmul_run_wide(call, backend);
    matmul_run(call, backend, a, b, call->out);
    return true;
}

/* The product of matrices, of two or more dimensions and of leading axes that are alike or missing
 * in b. */
static tp_var *matmul_apply(tp_var *a, tp_var *b, tp_dtype dtype)
{
    return tp__apply(&matmul_op, (tp_var *[]){a, b}, 2, (tp__attr){.integer = dtype}, -1, NULL);
}

/* v with its leading axes as rows. */
static tp_var *matmul_rows(tp_var *v)
{
    int64_t columns = tp__shape(v)[v->ndim - 1], rows = 1;
    for (int i = 0; i < v->ndim - 1; i++)
        rows *= tp__shape(v)[i];
    return tp_reshape(v, TP_SHAPE(rows, columns));
}

static bool matmul_is_turned(const tp_var *v)
{
    const int64_t *strides = tp__strides(v) + v->ndim - 2;
    return strides[0] == 1 && strides[1] > 1;
}

/* x y as it lies best for v, whose gradient it is: for one that is turned, as the transpose of
 * yᵀ xᵀ, so that it need not be turned by a copy. */
static tp_var *matmul_like(const tp_var *v, tp_var *x, tp_var *y)
{
    if (matmul_is_turned(v) && x->ndim == y->ndim)
        return tp_transpose(
            tp__matmul_as(tp_transpose(y, -1, -2), tp_transpose(x, -1, -2), (tp_dtype)v->dtype), -1,
            -2);
    return tp__matmul_as(x, y, (tp_dtype)v->dtype);
}

static int64_t matmul_side(const tp__side *side, int axis, int64_t *step)
{
    const tp_var *v = side->v;
    axis = (side->turned ? 1 - axis : axis) - (2 - v->ndim);
    *step = axis < 0 ? v->size : tp__strides(v)[axis];
    return axis < 0 ? 1 : tp__shape(v)[axis];
}

void tp__multiply(tp_var *y, tp__side a, tp__side b)
{
    tp__gemm_batch batch = {.count = 1};
    tp__gemm *job = &batch.first;
    job->m = matmul_side(&a, 0, &job->a_row);
    job->k = matmul_side(&a, 1, &job->a_column);
    matmul_side(&b, 0, &job->b_row);
    job->n = job->c_row = matmul_side(&b, 1, &job->b_column);
    job->a = a.v->data;
    job->b = b.v->data;
    job->c = y->data;
    tp__gemm_run(matmul_backend(job, (tp_dtype)y->dtype), &batch);
}

/* A constant, with one reference; NULL on error. */
static tp_var *matmul_at_once(tp__thread *t, tp__side a, tp__side b)
{
    int64_t unused, shape[] = {matmul_side(&a, 0, &unused), matmul_side(&b, 1, &unused)};
    tp_var *y = tp__node_array(t, (tp_dtype)a.v->dtype, 2, shape);
    if (y)
        tp__multiply(y, a, b);
    return y;
}

/* Two matrices with elements, of one floating type that is computed in, and nothing unusual to do:
 * then the steps of tp__apply are none. */
static bool matmul_is_plain(tp__thread *t, const tp_var *a, const tp_var *b)
{
    return a->ndim == 2 && b->ndim == 2 && a->size > 0 && b->size > 0 && tp__few_take(t, a, b);
}

/* aᵀ b or a bᵀ, in a sweep that records nothing. */
static tp_var *matmul_gradient_of(tp__side a, tp__side b)
{
    tp__thread *t = tp__here();
    tp_var *y = tp__own(t, matmul_at_once(t, a, b));
    if (!(y->flags & TP__POISON))
        y->flags |= TP__UNRECORDED;
    return y;
}

static void matmul_gradient(const tp__pull *pull)
{
    tp_var *a = pull->x[0], *b = pull->x[1], *gy = pull->gy;
    tp__thread *t = tp__here();
    bool plain = !pull->record && gy->ndim == 2;
    if (pull->wanted[0])
        pull->gx[0] = plain && !matmul_is_turned(a) && matmul_is_plain(t, gy, b)
                          ? matmul_gradient_of((tp__side){gy, false}, (tp__side){b, true})
                          : matmul_like(a, gy, tp_transpose(b, -1, -2));
    if (!pull->wanted[1])
        return;
    if (a->ndim > b->ndim)
        a = matmul_rows(a), gy = matmul_rows(gy);
    pull->gx[1] = plain && !matmul_is_turned(b) && matmul_is_plain(t, a, gy)
                      ? matmul_gradient_of((tp__side){a, true}, (tp__side){gy, false})
                      : matmul_like(b, tp_transpose(a, -1, -2), gy);
}

/* Coefficients of half types are rounded once. */
static void matmul_taylor(const tp__jet *jet)
{
    tp_dtype dtype = (tp_dtype)jet->node->dtype;
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = NULL;
        for (int i = 0; i <= k; i++)
            if (jet->x[0][i] && jet->x[1][k - i])
                sum = tp__series_add(
                    sum, matmul_apply(jet->x[0][i], jet->x[1][k - i], tp__working_type(dtype)));
        jet->y[k] = sum ? tp_to(sum, dtype) : NULL;
    }
}

static tp_var *matmul_sample(tp_var *const *x)
{
    return tp_matmul(x[0], x[1]);
}

static const tp__op matmul_op = {
    .label = "MatMul",
    .name = "matmul",
    .n_in = 2,
    .flags = TP__BILINEAR | TP__HALVES,
    .reads = {TP__READS_1, TP__READS_0},
    .infer = matmul_infer,
    .forward = matmul_forward,
    .gradient = matmul_gradient,
    .taylor = matmul_taylor,
    .formula = "Σ a[i, k] b[k, j] over k",
    .rule = "a: matmul(gy, bᵀ); b: matmul(aᵀ, gy), leading axes of a that b lacks as rows",
    .samples = (const tp__sample[]){{"2,3; 3,4", matmul_sample, "x0 @ x1"},
                                    {"2,2,3; 2,3,2", matmul_sample, "x0 @ x1"},
                                    {"2,2,3; 3,2", matmul_sample, "x0 @ x1"},
                                    {"2,1,2,3; 3,3,2", matmul_sample, "x0 @ x1"},
                                    {"3; 3,2", matmul_sample, "x0 @ x1"},
                                    {"2,3; 3", matmul_sample, "x0 @ x1"},
                                    {"3; 3", matmul_sample, "x0 @ x1"},
                                    {0}},
};

/* v with its leading axes broadcast to those of shape: of a half type widened before, so that its
 * gradient is a sum of float32. */
static tp_var *matmul_batch(tp_var *v, int ndim, const int64_t *batch)
{
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, batch, (size_t)(ndim - 2) * sizeof *shape);
    memcpy(shape + ndim - 2, tp__shape(v) + v->ndim - 2, 2 * sizeof *shape);
    return tp__same_shape(v, ndim, shape) ? v : tp_broadcast_to(tp__addend(v), ndim, shape);
}

static bool matmul_check(const tp_var *a, const tp_var *b)
{
    if (a->ndim == 0 || b->ndim == 0)
        return matmul_fails(a, b, "an operand is 0-d");
    int64_t columns = tp__shape(a)[a->ndim - 1];
    int64_t rows = tp__shape(b)[b->ndim > 1 ? b->ndim - 2 : 0];
    if (columns == rows)
        return true;
    char why[64];
    snprintf(why, sizeof why, "%lld != %lld", (long long)columns, (long long)rows);
    return matmul_fails(a, b, why);
}

/* The product of operands of two or more dimensions. */
static tp_var *matmul_matrices(tp_var *a, tp_var *b, tp_dtype dtype)
{
    int64_t batch[TP_MAX_NDIM];
    int ndim = a->ndim - 2;
    memcpy(batch, tp__shape(a), (size_t)ndim * sizeof *batch);
    if (b->ndim == 2)
        return matmul_apply(a, b, dtype);
    if (!tp__broadcast_shape(&ndim, batch, b->ndim - 2, tp__shape(b))) {
        matmul_fails(a, b, "leading axes do not broadcast");
        return tp__poison();
    }
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    a = matmul_batch(a, ndim + 2, batch);
    b = matmul_batch(b, ndim + 2, batch);
    t->recording.marks = marks;
    return matmul_apply(a, b, dtype);
}

/* An operand as a matrix of the type in which a product of that type is computed, or of a half type
 * as it is. */
static tp_var *matmul_operand(tp_var *v, tp_dtype dtype, int axis)
{
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    dtype = tp__working_type(dtype);
    if (dtype != TP_F32 || !tp__is_half((tp_dtype)v->dtype))
        v = tp_to(v, dtype);
    v = !tp_is_poison(v) && v->ndim == 1 ? tp_unsqueeze(v, axis) : v;
    t->recording.marks = marks;
    return v;
}

tp_var *tp__matmul_as(tp_var *a, tp_var *b, tp_dtype dtype)
{
    tp_var *left = matmul_operand(a, dtype, 0), *right = matmul_operand(b, dtype, 1);
    if (tp_is_poison(left) || tp_is_poison(right))
        return tp__poison();
    tp_var *y = matmul_matrices(left, right, dtype);
    if (!tp_is_poison(y) && b->ndim == 1)
        y = tp_squeeze(y, -1);
    if (!tp_is_poison(y) && a->ndim == 1)
        y = tp_squeeze(y, b->ndim == 1 ? -1 : -2);
    return y;
}

tp_var *tp_matmul(tp_var *a, tp_var *b)
{
    tp_var *operands[] = {a, b};
    for (int i = 0; i < 2; i++)
        if (!operands[i] || tp_is_poison(operands[i])) {
            tp__refuse_operand("matmul", operands[i], i, 2);
            return tp__poison();
        }
    if (!matmul_check(a, b))
        return tp__poison();
    tp__thread *t = tp__here();
    if (matmul_is_plain(t, a, b)) {
        tp_var *y = matmul_at_once(t, (tp__side){a, false}, (tp__side){b, false});
        tp__attr attr = {.integer = a->dtype};
        return tp__few_result(t, y, &matmul_op, operands, 2, attr);
    }
    tp__warn_of_mixed("matmul", operands, 2);
    tp_dtype dtype = tp__promote(operands, 2);
    return tp__matmul_as(a, b, tp__is_float(dtype) ? dtype : TP_I64);
}

static const tp__op *const linalg_ops[] = {&matmul_op, NULL};

const tp__family tp__family_matmul = {"matmul", "linear algebra", linalg_ops};
