/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/gemm.h"

#include <stdatomic.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "base/profile.h"
#include "kernels/gemm_fast.h"

/* --- Cutting --- */

/* Multiplications that are one task. */
static const double gemm_few = 30e3;

/* In nanoseconds: a call of a kernel; a byte of an operand or the result; the least that is worth
 * being a task of its own. */
static const double gemm_call = 50, gemm_byte = 0.02, gemm_task = 10e3;

/* A task is one block of one matrix or, when these are small, a group of whole matrices. */
typedef struct gemm_work {
    const tp__gemm_backend *backend;
    const tp__gemm_batch *batch;
    tp__gemm first;
    int64_t rows, columns, blocks, across; /* size and number of blocks; how many side by side */
    int64_t group;
} gemm_work;

/* Bytes of an element. */
static int64_t gemm_item(const tp__gemm_backend *backend, uint8_t type)
{
    return tp__gemm_is_half(type) ? 2 : (int64_t)backend->item;
}

static tp__gemm gemm_matrix(const gemm_work *work, int64_t number)
{
    const tp__gemm_batch *batch = work->batch;
    tp__gemm job = work->first;
    int64_t a_item = gemm_item(work->backend, job.a_type);
    int64_t b_item = gemm_item(work->backend, job.b_type);
    job.c += number * job.m * job.n * gemm_item(work->backend, job.c_type);
    for (int i = batch->ndim - 1; i >= 0; i--) {
        int64_t at = number % batch->shape[i];
        job.a += at * batch->a_step[i] * a_item;
        job.b += at * batch->b_step[i] * b_item;
        number /= batch->shape[i];
    }
    return job;
}

static void gemm_group(void *ctx, int64_t number)
{
    const gemm_work *work = ctx;
    int64_t end = (number + 1) * work->group;
    if (end > work->batch->count)
        end = work->batch->count;
    for (int64_t i = number * work->group; i < end; i++) {
        tp__gemm job = gemm_matrix(work, i);
        work->backend->run(&job);
    }
}

/* Blocks below each other follow each other: they share columns of b, which stay in the cache. */
static void gemm_block(void *ctx, int64_t number)
{
    const gemm_work *work = ctx;
    tp__gemm job = gemm_matrix(work, number / work->blocks);
    int64_t down = work->blocks / work->across;
    int64_t block = number % work->blocks;
    int64_t i = block % down * work->rows, j = block / down * work->columns;
    job.m = job.m - i < work->rows ? job.m - i : work->rows;
    job.n = job.n - j < work->columns ? job.n - j : work->columns;
    job.a += i * job.a_row * gemm_item(work->backend, job.a_type);
    job.b += j * job.b_column * gemm_item(work->backend, job.b_type);
    job.c += (i * job.c_row + j) * gemm_item(work->backend, job.c_type);
    work->backend->run(&job);
}

/* About how long one matrix takes. */
static double gemm_cost(const gemm_work *work)
{
    const tp__gemm *job = &work->batch->first;
    double m = (double)job->m, n = (double)job->n, k = (double)job->k;
    double bytes = (m * k + k * n + m * n) * (double)work->backend->item;
    return work->backend->cost * m * n * k + gemm_byte * bytes + gemm_call * (double)work->blocks;
}

void tp__gemm_run(const tp__gemm_backend *backend, const tp__gemm_batch *batch)
{
    const tp__gemm *first = &batch->first;
    if (batch->count == 0 || first->m == 0 || first->n == 0)
        return;
    if (batch->count == 1 && (double)first->m * (double)first->n * (double)first->k < gemm_few) {
        backend->run(first);
        return;
    }
    gemm_work work = {.backend = backend, .batch = batch, .first = *first};
    backend->cut(&work.first, &work.rows, &work.columns);
    work.across = (first->n - 1) / work.columns + 1;
    work.blocks = ((first->m - 1) / work.rows + 1) * work.across;
    double cost = gemm_cost(&work), total = cost * (double)batch->count;
    if (work.blocks > 1) {
        tp__parallel(work.blocks * batch->count, total, gemm_block, &work);
    } else {
        work.group = cost < gemm_task ? (int64_t)(gemm_task / cost) : 1;
        tp__parallel((batch->count - 1) / work.group + 1, total, gemm_group, &work);
    }
}

/* --- Outer products --- */

enum { GEMM_OUTER = 16384 }; /* elements of the result in a task */

static void gemm_cut_outer(tp__gemm *whole, int64_t *rows, int64_t *columns)
{
    *columns = whole->n < GEMM_OUTER ? whole->n : GEMM_OUTER;
    *rows = GEMM_OUTER / *columns;
}

static void gemm_run_outer(const tp__gemm *block, tp_dtype dtype)
{
    static tp__outer_table *const levels[TP__LEVELS] = {TP__BY_LEVEL(NULL, tp__outer)};
    (*levels[tp__level])[dtype](block);
}

static void gemm_run_outer_f32(const tp__gemm *block)
{
    gemm_run_outer(block, TP_F32);
}

static void gemm_run_outer_f64(const tp__gemm *block)
{
    gemm_run_outer(block, TP_F64);
}

const tp__gemm_backend *tp__gemm_outer(tp_dtype dtype)
{
    static const tp__gemm_backend outer[] = {
        [TP_F32] = {sizeof(float), 0.03, false, gemm_cut_outer, gemm_run_outer_f32},
        [TP_F64] = {sizeof(double), 0.06, false, gemm_cut_outer, gemm_run_outer_f64},
    };
    bool known = dtype == TP_F32 || dtype == TP_F64;
    return known && tp__level > TP__REFERENCE ? &outer[dtype] : NULL;
}

/* --- Reference --- */

#define GEMM_REFERENCE(name, Type, Work)                                                           \
    static void name(const tp__gemm *job)                                                          \
    {                                                                                              \
        const Type *a = (const Type *)(const void *)job->a;                                        \
        const Type *b = (const Type *)(const void *)job->b;                                        \
        Type *c = (Type *)(void *)job->c;                                                          \
        for (int64_t i = 0; i < job->m; i++)                                                       \
            for (int64_t j = 0; j < job->n; j++) {                                                 \
                Work sum = job->add ? (Work)c[i * job->c_row + j] : 0;                             \
                for (int64_t k = 0; k < job->k; k++)                                               \
                    sum += (Work)a[i * job->a_row + k * job->a_column] *                           \
                           (Work)b[k * job->b_row + j * job->b_column];                            \
                c[i * job->c_row + j] = (Type)sum;                                                 \
            }                                                                                      \
    }

GEMM_REFERENCE(gemm_f32, float, double)
GEMM_REFERENCE(gemm_f64, double, double)
GEMM_REFERENCE(gemm_i64, int64_t, uint64_t)

/* A few rows at a time; an element's bits do not depend on how many. */
static void gemm_cut(tp__gemm *whole, int64_t *rows, int64_t *columns)
{
    double row = (double)whole->n * (double)whole->k + 1;
    *columns = whole->n;
    *rows = row < gemm_task ? (int64_t)(gemm_task / row) : 1;
}

const tp__gemm_backend *tp__gemm_reference(tp_dtype dtype)
{
    static const tp__gemm_backend backends[] = {
        [TP_F32] = {sizeof(float), 1, false, gemm_cut, gemm_f32},
        [TP_F64] = {sizeof(double), 1, false, gemm_cut, gemm_f64},
        [TP_I64] = {sizeof(int64_t), 1, false, gemm_cut, gemm_i64},
    };
    return &backends[dtype];
}

/* --- What the processor can do --- */

static double gemm_peak(void)
{
    const int64_t n = 256, times = 8;
    size_t size = (size_t)(n * n);
    float *memory = tp__alloc_zero(3 * size, sizeof *memory);
    if (!memory)
        return 0;
    tp__gemm job = {.m = n, .n = n, .k = n, .a_row = n, .a_column = 1, .b_row = n, .b_column = 1};
    job.a = (const char *)memory;
    job.b = (const char *)(memory + size);
    job.c = (char *)(memory + 2 * size);
    job.c_row = n;
    uint64_t best = UINT64_MAX;
    for (int64_t i = 0; i < times; i++) {
        uint64_t start = tp__profile_clock();
        tp__gemm_best(TP_F32)->run(&job);
        uint64_t took = tp__profile_clock() - start;
        best = took < best ? took : best;
    }
    tp__free(memory);
    return 2 * (double)size * (double)n / (double)best;
}

/* --- The best there is --- */

const tp__gemm_backend *tp__gemm_best(tp_dtype dtype)
{
    const tp__gemm_backend *fast = tp__gemm_fast(dtype);
    atomic_store_explicit(&tp__profile_peak, gemm_peak, memory_order_relaxed);
    return fast ? fast : tp__gemm_reference(dtype);
}
