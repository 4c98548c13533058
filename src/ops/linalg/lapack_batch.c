/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/linalg/lapack_batch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "tinypytorch.h"

/* --- Running a kernel over a batch --- */

/* In nanoseconds: the least that is worth being a task of its own. Groups have scratch memory of
 * their own, so there are not many. The sizes of LAPACK's work space are 32-bit. */
enum { LAPACK_TASK = 10000, LAPACK_GROUPS = 64, LAPACK_LARGEST = 20000, LAPACK_LONGEST = 10000000 };

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
    double groups = (double)count * cost / (double)LAPACK_TASK;
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
    int64_t least = job->m < job->n ? job->m : job->n, most = job->m + job->n - least;
    if (least <= LAPACK_LARGEST && most <= LAPACK_LONGEST && job->r <= INT32_MAX)
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
    if (!lapack_fits(call, job))
        return false;
    job->a = lapack_elements(a);
    job->b = b ? lapack_elements(b) : job->a;
    job->out = call->out->data;
    batch->a_step = (size_t)(job->m * job->n) * item;
    batch->b_step = b ? (size_t)(job->m * job->r) * item : 0;
    batch->out_step = (size_t)(call->out->size / batch->count) * item;
    return job->a && job->b && lapack_run_batch(call, batch, cost, why);
}

bool tp__lapack_needed(const char *call)
{
    if (tp__lapack_is_there())
        return true;
    tp_fail(TP_ERROR_MISSING,
            "%s: needs LAPACK; build the library with TP_WITH_LAPACK where LAPACKE is installed "
            "(Debian: liblapacke-dev)",
            call);
    return false;
}

bool tp__lapack_run(tp__call *call, int64_t mode, double cost, const char *why)
{
    lapack_batch batch = {.kernel =
                              tp__lapack_kernel_of((tp__lapack_kind)call->op->fast, call->dtype),
                          .first.mode = mode};
    if (!tp__lapack_needed(call->op->name))
        return false;
    if (call->out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    bool good = lapack_fill(call, &batch, cost + 100, why);
    tp_scope_end(scope);
    return good;
}
