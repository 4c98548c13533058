/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/lapack.h"

#include <string.h>

#include "array/array.h"
#include "array/dtype.h"
#include "base/alloc.h"
#include "base/parallel.h"
#include "tinypytorch.h"

/* --- Running a kernel over a batch --- */

/* In nanoseconds: the least that is worth being a task of its own. Groups have scratch memory of
 * their own, so there are not many. The sizes of LAPACK's work space are 32-bit. */
enum { LAPACK_TASK = 10000, LAPACK_GROUPS = 64, LAPACK_LARGEST = 20000 };

typedef struct lapack_failure {
    int64_t matrix, info;
} lapack_failure;

typedef struct lapack_batch {
    tp__lapack_kernel *kernel;
    tp__lapack first;
    int64_t count, groups;
    size_t a_step, b_step, out_step, scratch; /* bytes from one matrix to the next; of a group */
    lapack_failure *failures;                 /* the first of each group; info is 0 for none */
} lapack_batch;

static void lapack_group(void *ctx, int64_t number)
{
    const lapack_batch *batch = ctx;
    int64_t end = (number + 1) * batch->count / batch->groups;
    tp__lapack job = batch->first;
    job.work += (size_t)number * batch->scratch;
    for (int64_t i = number * batch->count / batch->groups; i < end; i++) {
        job.a = batch->first.a + (size_t)i * batch->a_step;
        job.b = batch->first.b + (size_t)i * batch->b_step;
        job.out = batch->first.out + (size_t)i * batch->out_step;
        int64_t info = batch->kernel(&job);
        if (info && !batch->failures[number].info)
            batch->failures[number] = (lapack_failure){i, info};
    }
}

static bool lapack_report(const tp__call *call, const lapack_batch *batch, const char *why)
{
    const tp_var *a = call->in[0];
    char shape[TP__SHAPE_TEXT], name[64];
    for (int64_t g = 0; g < batch->groups; g++) {
        const lapack_failure *failure = &batch->failures[g];
        if (!failure->info)
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "%s: of shape %s%s, matrix %lld %s", call->op->name,
                tp__shape_text(shape, a->ndim, tp__shape(a)), tp__name_text(name, a),
                (long long)failure->matrix,
                failure->info == TP__LAPACK_NOT_FINITE ? "has an element that is not finite" : why);
        return false;
    }
    return true;
}

static int64_t lapack_groups(int64_t count, double cost)
{
    double groups = (double)count * cost / LAPACK_TASK;
    int64_t most = count < LAPACK_GROUPS ? count : LAPACK_GROUPS;
    return groups < 1 ? 1 : groups < (double)most ? (int64_t)groups : most;
}

static bool lapack_run_batch(const tp__call *call, lapack_batch *batch, double cost,
                             const char *why)
{
    batch->groups = lapack_groups(batch->count, cost);
    batch->scratch = ((size_t)batch->kernel(&batch->first) + 63) / 64 * 64;
    size_t notes = (size_t)batch->groups * sizeof *batch->failures;
    char *memory = tp__alloc_aligned((size_t)batch->groups * batch->scratch + notes);
    if (!memory)
        return false;
    batch->first.work = memory;
    batch->failures = (lapack_failure *)(void *)(memory + (size_t)batch->groups * batch->scratch);
    memset(batch->failures, 0, notes);
    tp__parallel(batch->groups, (double)batch->count * cost, lapack_group, batch);
    bool good = lapack_report(call, batch, why);
    tp__free(memory);
    return good;
}

static const char *lapack_elements(tp_var *v)
{
    tp_var *plain = tp__plain(v);
    return tp_is_poison(plain) ? NULL : plain->data;
}

static bool lapack_fits(const tp__call *call, const tp__lapack *job)
{
    int64_t least = job->m < job->n ? job->m : job->n;
    if (least <= LAPACK_LARGEST && job->m <= INT32_MAX && job->n <= INT32_MAX &&
        job->r <= INT32_MAX)
        return true;
    char shape[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE, "%s: shape %s is too large for LAPACK", call->op->name,
            tp__shape_text(shape, call->in[0]->ndim, tp__shape(call->in[0])));
    return false;
}

static bool lapack_fill(tp__call *call, lapack_batch *batch, double cost, const char *why)
{
    tp_var *a = call->in[0], *b = call->n_in > 1 ? call->in[1] : NULL;
    const int64_t *size = tp__shape(a) + a->ndim - 2;
    tp__lapack *job = &batch->first;
    size_t item = tp__dtype_size(a->dtype);
    batch->count = 1;
    for (int i = 0; i < a->ndim - 2; i++)
        batch->count *= tp__shape(a)[i];
    job->m = size[0];
    job->n = size[1];
    job->r = b ? tp__shape(b)[b->ndim - 1] : 0;
    job->a = lapack_elements(a);
    job->b = b ? lapack_elements(b) : job->a;
    job->out = call->out->data;
    batch->a_step = (size_t)(job->m * job->n) * item;
    batch->b_step = b ? (size_t)(job->m * job->r) * item : 0;
    batch->out_step = (size_t)(call->out->size / batch->count) * item;
    call->flops = cost * (double)batch->count;
    return job->a && job->b && lapack_fits(call, job) && lapack_run_batch(call, batch, cost, why);
}

bool tp__lapack_run(tp__call *call, int64_t mode, double cost, const char *why)
{
    lapack_batch batch = {.kernel = (tp__lapack_kernel *)call->op->fast[call->dtype],
                          .first.mode = mode};
    if (!batch.kernel) {
        tp_fail(TP_ERROR_MISSING,
                "%s: needs LAPACK; build the library with TP_WITH_LAPACK where LAPACKE is "
                "installed (Debian: liblapacke-dev)",
                call->op->name);
        return false;
    }
    if (call->out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    bool good = lapack_fill(call, &batch, cost + 100, why);
    tp_scope_end(scope);
    return good;
}

/* --- Operands --- */

static tp_var *lapack_operand(const char *call, tp_var *x, bool square)
{
    char shape[TP__SHAPE_TEXT], name[64];
    if (!tp__check_operand(call, x))
        return tp__poison();
    const int64_t *size = tp__shape(x) + x->ndim - 2;
    if (x->ndim < 2)
        return tp_fail(TP_ERROR_SHAPE, "%s: shape %s%s, expected matrices (…, m, n)", call,
                       tp__shape_text(shape, x->ndim, tp__shape(x)), tp__name_text(name, x));
    if (square && size[0] != size[1])
        return tp_fail(TP_ERROR_SHAPE,
                       "%s: shape %s%s, expected square matrices (…, n, n): %lld != %lld", call,
                       tp__shape_text(shape, x->ndim, tp__shape(x)), tp__name_text(name, x),
                       (long long)size[0], (long long)size[1]);
    return x;
}

tp_var *tp__square(const char *call, tp_var *x)
{
    return lapack_operand(call, x, true);
}

tp_var *tp__matrices(const char *call, tp_var *x, bool square)
{
    x = lapack_operand(call, x, square);
    return tp_is_poison(x) || tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
}

/* v with these leading axes. */
static tp_var *lapack_broadcast(tp_var *v, int ndim, const int64_t *lead)
{
    int64_t shape[TP_MAX_NDIM + 2];
    memcpy(shape, lead, (size_t)ndim * sizeof *shape);
    memcpy(shape + ndim, tp__shape(v) + v->ndim - 2, 2 * sizeof *shape);
    return tp__same_shape(v, ndim + 2, shape) ? v : tp_broadcast_to(v, ndim + 2, shape);
}

bool tp__common_batch(const char *call, tp_var **a, tp_var **b)
{
    int64_t lead[TP_MAX_NDIM];
    char a_shape[TP__SHAPE_TEXT], b_shape[TP__SHAPE_TEXT];
    int ndim = (*a)->ndim - 2;
    memcpy(lead, tp__shape(*a), (size_t)ndim * sizeof *lead);
    if (!tp__broadcast_shape(&ndim, lead, (*b)->ndim - 2, tp__shape(*b))) {
        tp_fail(TP_ERROR_SHAPE, "%s: leading axes of shapes %s and %s do not broadcast", call,
                tp__shape_text(a_shape, (*a)->ndim, tp__shape(*a)),
                tp__shape_text(b_shape, (*b)->ndim, tp__shape(*b)));
        return false;
    }
    tp_dtype dtype = tp__promote((tp_var *[]){*a, *b}, 2);
    *a = lapack_broadcast(tp_to(*a, dtype), ndim, lead);
    *b = lapack_broadcast(tp_to(*b, dtype), ndim, lead);
    return !tp_is_poison(*a) && !tp_is_poison(*b);
}

/* --- Parts of rules --- */

tp_var *tp__sum_over(tp_var *x, int64_t axis, bool keepdims)
{
    tp_reduce_options options = {.axes = {1, {axis}}, .keepdims = keepdims, .size = sizeof options};
    return (tp_sum)(x, &options);
}

tp_var *tp__transposed(tp_var *x)
{
    return tp_transpose(x, -1, -2);
}

tp_var *tp__triangle(tp_dtype dtype, int64_t n, double below, double on, double above)
{
    tp_var *v = tp__empty(dtype, 2, (int64_t[]){n, n});
    if (tp_is_poison(v))
        return v;
    size_t item = tp__dtype_size(dtype);
    char *at = v->data;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++, at += item)
            tp__write_element(dtype, at, j < i ? below : j == i ? on : above);
    return v;
}

tp_var *tp__shifted(tp_var *x, double shift)
{
    if (tp_ndim(x) < 2 || tp_is_poison(x))
        return x;
    const int64_t *size = tp__shape(x) + x->ndim - 2;
    tp_dtype dtype = tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_F64;
    tp_var *identity = tp_eye(dtype, size[0] > size[1] ? size[0] : size[1]);
    identity = tp_slice(tp_slice(identity, 0, 0, size[0], 1), 1, 0, size[1], 1);
    return tp_add(x, tp_mul(shift, identity));
}

tp_var *tp__unpack(tp_var *packed, int64_t from, int64_t rows, int64_t columns)
{
    int64_t shape[TP_MAX_NDIM + 1];
    if (!tp__check_operand("unpack", packed))
        return tp__poison();
    int lead = packed->ndim - 1;
    memcpy(shape, tp__shape(packed), (size_t)lead * sizeof *shape);
    shape[lead] = rows;
    shape[lead + 1] = columns;
    int64_t size = columns < 0 ? rows : rows * columns;
    tp_var *part = tp_slice(packed, -1, from, from + size, 1);
    return columns < 0 ? part : tp_reshape(part, lead + 2, shape);
}

tp_var *tp__pack(tp_var *const *parts, const bool *is_matrix, int n)
{
    tp_var *flat[3];
    for (int i = 0; i < n; i++) {
        int64_t shape[TP_MAX_NDIM];
        tp_var *part = parts[i];
        if (tp_is_poison(part))
            return part;
        memcpy(shape, tp__shape(part), part->ndim * sizeof *shape);
        if (is_matrix[i])
            shape[part->ndim - 2] *= shape[part->ndim - 1];
        flat[i] = is_matrix[i] ? tp_reshape(part, part->ndim - 1, shape) : part;
    }
    return tp_concatenate(flat, n, -1);
}
