/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/dtype.h"
#include "graph/apply.h"
#include "ops/families.h"
#include "tinypytorch.h"

/* --- matmul: (…, m, k) × (…, k, n) → (…, m, n), leading axes equal --- */

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
    const tp_var *a = call->in[0];
    call->dtype = (tp_dtype)a->dtype;
    call->ndim = a->ndim;
    memcpy(call->shape, tp__shape(a), a->ndim * sizeof *call->shape);
    call->shape[a->ndim - 1] = tp__shape(call->in[1])[a->ndim - 1];
    return true;
}

/* One matrix of a batch: addresses and strides in bytes. */
typedef struct matmul_job {
    int64_t m, n, k, a_row, a_column, b_row, b_column;
    const char *a, *b;
    char *c;
} matmul_job;

#define MATMUL_KERNEL(name, Type, Work)                                                            \
    static void name(const matmul_job *job)                                                        \
    {                                                                                              \
        Type *c = (Type *)(void *)job->c;                                                          \
        for (int64_t i = 0; i < job->m; i++)                                                       \
            for (int64_t j = 0; j < job->n; j++) {                                                 \
                const char *a = job->a + i * job->a_row, *b = job->b + j * job->b_column;          \
                Work sum = 0;                                                                      \
                for (int64_t k = 0; k < job->k; k++)                                               \
                    sum += (Work) * (const Type *)(a + k * job->a_column) * (Work) *               \
                           (const Type *)(b + k * job->b_row);                                     \
                c[i * job->n + j] = (Type)sum;                                                     \
            }                                                                                      \
    }

MATMUL_KERNEL(matmul_f32, float, double)
MATMUL_KERNEL(matmul_f64, double, double)
MATMUL_KERNEL(matmul_i64, int64_t, uint64_t)

/* The byte offset of a batch's matrix with this row-major number. */
static int64_t matmul_offset(const tp_var *v, int64_t number)
{
    int64_t offset = 0;
    for (int i = v->ndim - 3; i >= 0; i--) {
        offset += number % tp__shape(v)[i] * tp__strides(v)[i];
        number /= tp__shape(v)[i];
    }
    return offset * (int64_t)tp__dtype_size(v->dtype);
}

static bool matmul_forward(tp__call *call)
{
    static void (*const kernels[])(const matmul_job *) = {
        [TP_F32] = matmul_f32, [TP_F64] = matmul_f64, [TP_I64] = matmul_i64};
    const tp_var *a = call->in[0], *b = call->in[1];
    int64_t item = (int64_t)tp__dtype_size(call->dtype);
    const int64_t *a_step = tp__strides(a) + a->ndim - 2, *b_step = tp__strides(b) + b->ndim - 2;
    matmul_job job = {.m = call->shape[call->ndim - 2],
                      .n = call->shape[call->ndim - 1],
                      .k = tp__shape(a)[a->ndim - 1],
                      .a_row = a_step[0] * item,
                      .a_column = a_step[1] * item,
                      .b_row = b_step[0] * item,
                      .b_column = b_step[1] * item,
                      .c = call->out->data};
    int64_t matrix = job.m * job.n, batch = matrix ? call->out->size / matrix : 0;
    for (int64_t i = 0; i < batch; i++, job.c += matrix * item) {
        job.a = (const char *)a->data + matmul_offset(a, i);
        job.b = (const char *)b->data + matmul_offset(b, i);
        kernels[call->dtype](&job);
    }
    return true;
}

static void matmul_gradient(const tp__pull *pull)
{
    if (pull->wanted[0])
        pull->gx[0] = tp_matmul(pull->gy, tp_transpose(pull->x[1], -1, -2));
    if (pull->wanted[1])
        pull->gx[1] = tp_matmul(tp_transpose(pull->x[0], -1, -2), pull->gy);
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
    .rule = "a: matmul(gy, bᵀ); b: matmul(aᵀ, gy)",
    .samples = (const tp__sample[]){{"2,3; 3,4", matmul_sample, "x0 @ x1"},
                                    {"2,2,3; 2,3,2", matmul_sample, "x0 @ x1"},
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
    char why[64];
    snprintf(why, sizeof why, "%lld != %lld", (long long)columns, (long long)rows);
    return columns == rows || matmul_fails(a, b, why);
}

/* The product of operands of two or more dimensions and one type. */
static tp_var *matmul_matrices(tp_var *a, tp_var *b)
{
    int64_t batch[TP_MAX_NDIM];
    int ndim = a->ndim - 2;
    memcpy(batch, tp__shape(a), (size_t)ndim * sizeof *batch);
    if (!tp__broadcast_shape(&ndim, batch, b->ndim - 2, tp__shape(b))) {
        matmul_fails(a, b, "leading axes do not broadcast");
        return tp__poison();
    }
    tp__thread *t = tp__here();
    bool implicit = t->implicit;
    t->implicit = true;
    tp_var *in[] = {matmul_batch(a, ndim + 2, batch), matmul_batch(b, ndim + 2, batch)};
    t->implicit = implicit;
    return tp__apply(&matmul_op, in, 2, (tp__attr){0}, -1, NULL);
}

/* An operand as a matrix of the common type. */
static tp_var *matmul_operand(tp_var *v, tp_dtype dtype, int axis)
{
    tp__thread *t = tp__here();
    bool implicit = t->implicit;
    t->implicit = true;
    v = tp_to(v, dtype);
    v = !tp_is_poison(v) && v->ndim == 1 ? tp_unsqueeze(v, axis) : v;
    t->implicit = implicit;
    return v;
}

tp_var *tp_matmul(tp_var *a, tp_var *b)
{
    if (!tp__check_operand("matmul", a) || !tp__check_operand("matmul", b) || !matmul_check(a, b))
        return tp__poison();
    tp_dtype dtype = tp__promote((tp_var *[]){a, b}, 2);
    dtype = dtype == TP_U8 ? TP_I64 : dtype;
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

const tp__family tp__family_linalg = {"linear algebra", linalg_ops};
