/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "kernels/gemm.h"
#include "ops/families.h"
#include "tinypytorch.h"

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
    call->dtype = (tp_dtype)a->dtype;
    call->ndim = a->ndim;
    memcpy(call->shape, tp__shape(a), a->ndim * sizeof *call->shape);
    call->shape[a->ndim - 1] = tp__shape(b)[b->ndim - 1];
    return true;
}

/* v with one more reference if a backend takes its matrices as they lie, otherwise a copy, without
 * the leading axes along which v repeats itself. NULL when out of memory. */
static tp_var *matmul_plain(tp__thread *t, tp_var *v)
{
    int64_t shape[TP_MAX_NDIM];
    const int64_t *size = tp__shape(v) + v->ndim - 2, *stride = tp__strides(v) + v->ndim - 2;
    if (tp__gemm_is_plain(size[0], size[1], stride[0], stride[1])) {
        tp__ref(v);
        return v;
    }
    for (int i = 0; i < v->ndim; i++)
        shape[i] = i < v->ndim - 2 && tp__strides(v)[i] == 0 ? 1 : tp__shape(v)[i];
    tp_var *once = tp__node_view(t, v, v->ndim, shape, tp__strides(v), 0);
    tp_var *copy = once ? tp__copy_as(t, once, (tp_dtype)v->dtype) : NULL;
    if (once)
        tp__drop(once);
    return copy;
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
    if (b->ndim > 2 || rows > INT32_MAX || a->size != rows * batch->first.k ||
        !tp__reshape_strides(a, 2, (int64_t[]){rows, batch->first.k}, strides) ||
        !tp__gemm_is_plain(rows, batch->first.k, strides[0], strides[1]))
        return;
    batch->first.m = rows;
    batch->first.a_row = strides[0];
    batch->first.a_column = strides[1];
    batch->count = 1;
    batch->ndim = 0;
}

static void matmul_run(tp__call *call, const tp__gemm_backend *backend, tp_var *a, tp_var *b)
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
    job->c = call->out->data;
    matmul_fold(&batch, a, b);
    call->flops = 2 * (double)call->out->size * (double)job->k;
    bool outer = job->k == 1 && job->b_column == 1 && tp__gemm_outer(call->dtype);
    tp__gemm_run(outer ? tp__gemm_outer(call->dtype) : backend, &batch);
}

static bool matmul_forward(tp__call *call)
{
    tp__thread *t = tp__here();
    tp_var *a = call->in[0], *b = call->in[1];
    int64_t k = tp__shape(a)[a->ndim - 1];
    const int64_t *last = call->shape + call->ndim - 2;
    bool large = last[0] > INT32_MAX || last[1] > INT32_MAX || k > INT32_MAX;
    const tp__gemm_backend *backend =
        large ? tp__gemm_reference(call->dtype) : tp__gemm_best(call->dtype);
    if (!backend->plain) {
        matmul_run(call, backend, a, b);
        return true;
    }
    a = matmul_plain(t, a);
    b = a ? matmul_plain(t, b) : NULL;
    if (b)
        matmul_run(call, backend, a, b);
    if (a)
        tp__drop(a);
    if (b)
        tp__drop(b);
    return b != NULL;
}

/* v with its leading axes as rows. */
static tp_var *matmul_rows(tp_var *v)
{
    int64_t columns = tp__shape(v)[v->ndim - 1], rows = 1;
    for (int i = 0; i < v->ndim - 1; i++)
        rows *= tp__shape(v)[i];
    return tp_reshape(v, TP_SHAPE(rows, columns));
}

/* xᵀ y as it lies best for v, whose gradient it is: for one that is turned, as the transpose of
 * yᵀ x. */
static tp_var *matmul_like(const tp_var *v, tp_var *x, tp_var *y)
{
    const int64_t *strides = tp__strides(v) + v->ndim - 2;
    if (strides[0] == 1 && strides[1] > 1)
        return tp_transpose(tp_matmul(tp_transpose(y, -1, -2), x), -1, -2);
    return tp_matmul(tp_transpose(x, -1, -2), y);
}

static void matmul_gradient(const tp__pull *pull)
{
    tp_var *a = pull->x[0], *b = pull->x[1], *gy = pull->gy;
    if (pull->wanted[0])
        pull->gx[0] = tp_matmul(gy, tp_transpose(b, -1, -2));
    if (pull->wanted[1] && a->ndim > b->ndim)
        pull->gx[1] = matmul_like(b, matmul_rows(a), matmul_rows(gy));
    else if (pull->wanted[1])
        pull->gx[1] = matmul_like(b, a, gy);
}

static tp_var *matmul_sample(tp_var *const *x)
{
    return tp_matmul(x[0], x[1]);
}

static const tp__op matmul_op = {
    .label = "MatMul",
    .name = "matmul",
    .n_in = 2,
    .flags = TP__BILINEAR,
    .reads = {TP__READS_1, TP__READS_0},
    .infer = matmul_infer,
    .forward = matmul_forward,
    .gradient = matmul_gradient,
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

/* v with its leading axes broadcast to those of shape. */
static tp_var *matmul_batch(tp_var *v, int ndim, const int64_t *batch)
{
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, batch, (size_t)(ndim - 2) * sizeof *shape);
    memcpy(shape + ndim - 2, tp__shape(v) + v->ndim - 2, 2 * sizeof *shape);
    return tp__same_shape(v, ndim, shape) ? v : tp_broadcast_to(v, ndim, shape);
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

/* The product of operands of two or more dimensions and one type. */
static tp_var *matmul_matrices(tp_var *a, tp_var *b)
{
    int64_t batch[TP_MAX_NDIM];
    int ndim = a->ndim - 2;
    memcpy(batch, tp__shape(a), (size_t)ndim * sizeof *batch);
    if (b->ndim == 2)
        return tp__apply(&matmul_op, (tp_var *[]){a, b}, 2, (tp__attr){0}, -1, NULL);
    if (!tp__broadcast_shape(&ndim, batch, b->ndim - 2, tp__shape(b))) {
        matmul_fails(a, b, "leading axes do not broadcast");
        return tp__poison();
    }
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    tp_var *in[] = {matmul_batch(a, ndim + 2, batch), matmul_batch(b, ndim + 2, batch)};
    t->recording.marks = marks;
    return tp__apply(&matmul_op, in, 2, (tp__attr){0}, -1, NULL);
}

/* An operand as a matrix of the common type. */
static tp_var *matmul_operand(tp_var *v, tp_dtype dtype, int axis)
{
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    v = tp_to(v, dtype);
    v = !tp_is_poison(v) && v->ndim == 1 ? tp_unsqueeze(v, axis) : v;
    t->recording.marks = marks;
    return v;
}

tp_var *tp_matmul(tp_var *a, tp_var *b)
{
    TP__IN_FLOAT32(tp_matmul(a, b), &a, &b);
    tp_var *operands[] = {a, b};
    for (int i = 0; i < 2; i++)
        if (!operands[i] || tp_is_poison(operands[i])) {
            tp__refuse_operand("matmul", operands[i], i, 2);
            return tp__poison();
        }
    if (!matmul_check(a, b))
        return tp__poison();
    tp__warn_of_mixed("matmul", operands, 2);
    tp_dtype dtype = tp__promote(operands, 2);
    dtype = tp__is_float(dtype) ? dtype : TP_I64;
    tp_var *left = matmul_operand(a, dtype, 0), *right = matmul_operand(b, dtype, 1);
    if (tp_is_poison(left) || tp_is_poison(right))
        return tp__poison();
    tp_var *y = matmul_matrices(left, right);
    if (!tp_is_poison(y) && b->ndim == 1)
        y = tp_squeeze(y, -1);
    if (!tp_is_poison(y) && a->ndim == 1)
        y = tp_squeeze(y, b->ndim == 1 ? -1 : -2);
    return y;
}

static const tp__op *const linalg_ops[] = {&matmul_op, NULL};

const tp__family tp__family_matmul = {"matmul", "linear algebra", linalg_ops};
