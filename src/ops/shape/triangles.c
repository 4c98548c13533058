/* SPDX-License-Identifier: MIT
 *
 * Lower triangles of matrices and the vectors of their elements, row by row: each other's
 * gradients. The attribute is the diagonal up to which a triangle reaches.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "ops/families.h"
#include "tinypytorch.h"

enum { TRIANGLE_TASK = 32768 }; /* elements, about */

/* How many elements the first `rows` rows of an (n, n) triangle up to diagonal k have. */
static int64_t triangle_before(int64_t n, int64_t k, int64_t rows)
{
    int64_t first = k < 0 ? -k : 0, full = n - k - 1 > first ? n - k - 1 : first;
    int64_t end = rows < full ? rows : full;
    int64_t growing = end > first ? (end - first) * (first + end + 2 * k + 1) / 2 : 0;
    return growing + (rows > full ? (rows - full) * n : 0);
}

/* The n of an (n, n) triangle up to diagonal k that has so many elements, −1 if there is none. */
static int64_t triangle_side(int64_t size, int64_t k)
{
    double d = (double)k, beside = 2 * d + 1;
    double more =
        k < 0 ? 8 * (double)size + 1 : beside * beside + 4 * (d * (d + 1) + 2 * (double)size);
    int64_t n = (int64_t)floor((sqrt(more) - (k < 0 ? 1 : beside)) / 2 + 0.5) - (k < 0 ? k : 0);
    bool reaches = n >= (k < 0 ? -k : k);
    return reaches && triangle_before(n, k, n) == size ? n : -1;
}

/* --- Moving rows --- */

typedef struct triangle_job {
    const char *from;
    char *to;
    int64_t n, k, batch, chunk; /* chunk: matrices in a task */
    size_t item;
    bool fills; /* matrices, from vectors; else the other way */
} triangle_job;

static void triangle_move(const triangle_job *job, const char *from, char *to)
{
    const size_t row = (size_t)job->n * job->item;
    for (int64_t i = 0; i < job->n; i++) {
        int64_t length = i + job->k + 1;
        size_t some = (size_t)(length < 0 ? 0 : length < job->n ? length : job->n) * job->item;
        if (some)
            memcpy(to, from, some);
        if (job->fills)
            memset(to + some, 0, row - some);
        to += job->fills ? row : some;
        from += job->fills ? some : row;
    }
}

static void triangle_task(void *ctx, int64_t task)
{
    const triangle_job *job = ctx;
    int64_t matrix = job->n * job->n * (int64_t)job->item, end = (task + 1) * job->chunk;
    int64_t vector = triangle_before(job->n, job->k, job->n) * (int64_t)job->item;
    for (int64_t i = task * job->chunk; i < end && i < job->batch; i++)
        triangle_move(job, job->from + i * (job->fills ? vector : matrix),
                      job->to + i * (job->fills ? matrix : vector));
}

static bool triangle_forward(tp__call *call, bool fills)
{
    const tp_var *matrices = fills ? call->out : call->in[0];
    int64_t n = tp__shape(matrices)[matrices->ndim - 1];
    if (call->out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    tp_var *x = tp__plain(call->in[0]);
    bool good = !tp_is_poison(x);
    if (good) {
        triangle_job job = {.from = x->data,
                            .to = call->out->data,
                            .n = n,
                            .k = call->attr.integer,
                            .batch = matrices->size / (n * n),
                            .chunk = TRIANGLE_TASK / (n * n) + 1,
                            .item = tp__dtype_size((tp_dtype)x->dtype),
                            .fills = fills};
        tp__parallel((job.batch - 1) / job.chunk + 1, (double)matrices->size * 0.3, triangle_task,
                     &job);
    }
    tp_scope_end(scope);
    return good;
}

static bool vec_to_tril_forward(tp__call *call)
{
    return triangle_forward(call, true);
}

static bool tril_to_vec_forward(tp__call *call)
{
    return triangle_forward(call, false);
}

/* --- Records --- */

static bool vec_to_tril_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    int64_t size = tp__shape(x)[x->ndim - 1], n = triangle_side(size, call->attr.integer);
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim + 1;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    call->shape[x->ndim - 1] = call->shape[x->ndim] = n;
    if (n < 0)
        tp__refuse_shape("vec_to_tril_matrix", "x", x,
                         "as many elements in the last axis as a triangle up to diagonal %lld has",
                         (long long)call->attr.integer);
    return n >= 0;
}

static bool tril_to_vec_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    int64_t n = tp__shape(x)[x->ndim - 1];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim - 1;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    call->shape[call->ndim - 1] = triangle_before(n, call->attr.integer, n);
    return true;
}

static const tp__op vec_to_tril_op, tril_to_vec_op;

static void vec_to_tril_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp__apply(&tril_to_vec_op, &pull->gy, 1, pull->y->attr, -1, NULL);
}

static void tril_to_vec_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp__apply(&vec_to_tril_op, &pull->gy, 1, pull->y->attr, -1, NULL);
}

static tp_var *vec_to_tril_sample(tp_var *const *x)
{
    return tp_vec_to_tril_matrix(x[0], 0);
}

static tp_var *vec_to_tril_sample_below(tp_var *const *x)
{
    return tp_vec_to_tril_matrix(x[0], -1);
}

static tp_var *vec_to_tril_sample_above(tp_var *const *x)
{
    return tp_vec_to_tril_matrix(x[0], 1);
}

static tp_var *tril_to_vec_sample(tp_var *const *x)
{
    return tp_tril_matrix_to_vec(x[0], 0);
}

static tp_var *tril_to_vec_sample_below(tp_var *const *x)
{
    return tp_tril_matrix_to_vec(x[0], -2);
}

static tp_var *tril_to_vec_sample_above(tp_var *const *x)
{
    return tp_tril_matrix_to_vec(x[0], 1);
}

#define TRIANGLE_TORCH(name, arguments) "torch.distributions.utils." name "(x0, " arguments ")"

static const tp__op vec_to_tril_op = {
    .label = "VecToTril",
    .name = "vec_to_tril_matrix",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = vec_to_tril_infer,
    .forward = vec_to_tril_forward,
    .gradient = vec_to_tril_gradient,
    .formula = "the lower triangle up to a diagonal whose elements, row by row, are x's",
    .rule = "tril_matrix_to_vec(gy, diagonal)",
    .samples =
        (const tp__sample[]){
            {"6", vec_to_tril_sample, TRIANGLE_TORCH("vec_to_tril_matrix", "0")},
            {"2,6", vec_to_tril_sample_below, TRIANGLE_TORCH("vec_to_tril_matrix", "-1")},
            {"2,1,8", vec_to_tril_sample_above, TRIANGLE_TORCH("vec_to_tril_matrix", "1")},
            {0}},
};

static const tp__op tril_to_vec_op = {
    .label = "TrilToVec",
    .name = "tril_matrix_to_vec",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = tril_to_vec_infer,
    .forward = tril_to_vec_forward,
    .gradient = tril_to_vec_gradient,
    .formula = "the elements of the lower triangle up to a diagonal, row by row",
    .rule = "vec_to_tril_matrix(gy, diagonal)",
    .samples =
        (const tp__sample[]){
            {"3,3", tril_to_vec_sample, TRIANGLE_TORCH("tril_matrix_to_vec", "0")},
            {"2,4,4", tril_to_vec_sample_below, TRIANGLE_TORCH("tril_matrix_to_vec", "-2")},
            {"2,3,3", tril_to_vec_sample_above, TRIANGLE_TORCH("tril_matrix_to_vec", "1")},
            {0}},
};

tp_var *tp_vec_to_tril_matrix(tp_var *x, int64_t diagonal)
{
    if (!tp__check_operand("vec_to_tril_matrix", x))
        return tp__poison();
    if (x->ndim < 1 || x->ndim >= TP_MAX_NDIM)
        return tp__refuse_shape("vec_to_tril_matrix", "x", x, "1 to %d axes", TP_MAX_NDIM - 1);
    if (diagonal < -INT32_MAX || diagonal > INT32_MAX)
        return tp_fail(TP_ERROR_ARGUMENT, "vec_to_tril_matrix: no matrix has a diagonal %lld",
                       (long long)diagonal);
    return tp__apply(&vec_to_tril_op, &x, 1, (tp__attr){.integer = diagonal}, -1, NULL);
}

tp_var *tp_tril_matrix_to_vec(tp_var *x, int64_t diagonal)
{
    if (!tp__check_operand("tril_matrix_to_vec", x))
        return tp__poison();
    if (x->ndim < 2 || tp__shape(x)[x->ndim - 1] != tp__shape(x)[x->ndim - 2])
        return tp__refuse_shape("tril_matrix_to_vec", "x", x, "square matrices (…, n, n)");
    int64_t n = tp__shape(x)[x->ndim - 1];
    if (diagonal < -n || diagonal >= n)
        return tp__refuse_shape("tril_matrix_to_vec", "x", x, "matrices with a diagonal %lld",
                                (long long)diagonal);
    return tp__apply(&tril_to_vec_op, &x, 1, (tp__attr){.integer = diagonal}, -1, NULL);
}

static const tp__op *const triangle_ops[] = {&vec_to_tril_op, &tril_to_vec_op, NULL};

const tp__family tp__family_triangles = {"triangles", "triangles as vectors", triangle_ops};
