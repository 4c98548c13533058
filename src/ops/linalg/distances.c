/* SPDX-License-Identifier: MIT
 *
 * Squared distances of points, from differences, so that near points keep their digits in every
 * order of derivative. Three records are closed under differentiation, with products that no digit
 * is lost in:
 *
 *     D(a, b)[i, j]    = Σₖ (a[i, k] − b[j, k])²
 *     P(g, a, b)[i, k] = Σⱼ g[i, j] (a[i, k] − b[j, k])      what pulls at point i of a
 *     Q(p, a, b)[i, j] = Σₖ p[i, k] (a[i, k] − b[j, k])      how points near each other along p
 *
 * All compute in double, of one matrix of a batch after the other, with threads taking rows. The
 * second points lie in strips (kernels/distance.h).
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/series.h"
#include "kernels/distance.h"
#include "ops/families.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

enum { DISTANCE_ROWS = 32, DISTANCE_TERMS = 64 };

/* The rows of a (m, d) beside those of b (n, d), of one matrix of the batch. */
typedef struct distance_job {
    const tp__distance_kernels *kernels;
    int64_t m, n, d, strips; /* strips: of the points that lie in them */
    const double *a, *b, *p;
    double *strip, *sums; /* sums: (m, d), of pulls */
    tp_dtype dtype;
    void *to; /* (m, n), of measures */
    const char *g;
    int64_t g_row, g_column; /* steps in bytes */
} distance_job;

static const tp__distance_kernels *distance_kernels(void)
{
    static const tp__distance_kernels *const levels[TP__LEVELS] = {
        TP__BY_LEVEL(&tp__distance_baseline, tp__distance)};
    return levels[tp__level];
}

/* v's elements in double, in row-major order, in the current scope; poison on error. */
static tp_var *distance_doubles(tp_var *v)
{
    tp__thread *t = tp__here();
    return v->dtype == TP_F64 ? tp__plain(v) : tp__own(t, tp__copy_as(t, v, TP_F64));
}

/* The strips of n points. */
static void distance_strips(int64_t n, int64_t d, const double *from, double *strip)
{
    for (int64_t j = 0; j < n; j += TP__STRIP, strip += d * TP__STRIP)
        for (int64_t k = 0; k < d; k++)
            for (int64_t i = 0; i < TP__STRIP; i++)
                strip[k * TP__STRIP + i] = j + i < n ? from[(j + i) * d + k] : 0;
}

/* --- D and Q --- */

static void distance_put(const distance_job *job, int64_t at, int64_t n, const double *from)
{
    if (job->dtype == TP_F64)
        memcpy((double *)job->to + at, from, (size_t)n * sizeof *from);
    else
        for (int64_t j = 0; j < n; j++)
            ((float *)job->to)[at + j] = (float)from[j];
}

static void distance_measure_task(void *ctx, int64_t task)
{
    const distance_job *job = ctx;
    double to[TP__STRIP];
    int64_t first = task * DISTANCE_ROWS, end = first + DISTANCE_ROWS, d = job->d;
    end = end < job->m ? end : job->m;
    for (int64_t s = 0; s < job->strips; s++) {
        int64_t from = s * TP__STRIP, some = job->n - from;
        for (int64_t i = first; i < end; i++) {
            job->kernels->measure(d, job->a + i * d, job->p ? job->p + i * d : NULL,
                                  job->strip + from * d, to);
            distance_put(job, i * job->n + from, some < TP__STRIP ? some : TP__STRIP, to);
        }
    }
}

/* --- P --- */

/* Weights of a strip's points, of which there are n: where they lie, or a copy in `room`. */
static const double *distance_weights(const distance_job *job, const char *from, int64_t step,
                                      int64_t n, double *room)
{
    if (n >= TP__STRIP && job->dtype == TP_F64 && step == sizeof *room)
        return (const double *)(const void *)from;
    for (int64_t j = 0; j < TP__STRIP; j++, from += step)
        room[j] = j < n ? tp__read_element(job->dtype, from) : 0;
    return room;
}

/* Rows of g are those of a: b lies in strips. */
static void distance_pull_task(void *ctx, int64_t task)
{
    const distance_job *job = ctx;
    double g[TP__STRIP];
    int64_t end = (task + 1) * DISTANCE_ROWS, d = job->d;
    for (int64_t i = task * DISTANCE_ROWS; i < end && i < job->m; i++)
        for (int64_t s = 0; s < job->strips; s++) {
            int64_t from = s * TP__STRIP;
            const char *at = job->g + i * job->g_row + from * job->g_column;
            const double *weights = distance_weights(job, at, job->g_column, job->n - from, g);
            job->kernels->pull(d, weights, job->a + i * d, job->strip + from * d,
                               job->sums + i * d);
        }
}

/* Rows of g are those of b: a lies in strips, and behind these the sums and the last terms of each.
 */
static void distance_push_task(void *ctx, int64_t task)
{
    const distance_job *job = ctx;
    double g[TP__STRIP];
    int64_t size = job->d * TP__STRIP, from = task * TP__STRIP, d = job->d, terms = 0;
    const double *strip = job->strip + task * size;
    double *sum = job->strip + (job->strips + 2 * task) * size, *last = sum + size;
    for (int64_t i = 0; i < job->n; i++) {
        const char *at = job->g + i * job->g_row + from * job->g_column;
        const double *weights = distance_weights(job, at, job->g_column, job->m - from, g);
        terms += job->kernels->push(d, weights, job->b + i * d, strip, last);
        if (terms == DISTANCE_TERMS || (terms && i == job->n - 1)) {
            for (int64_t k = 0; k < size; k++)
                sum[k] += last[k];
            memset(last, 0, (size_t)size * sizeof *last);
            terms = 0;
        }
    }
    for (int64_t j = 0; j < TP__STRIP && from + j < job->m; j++)
        for (int64_t k = 0; k < d; k++)
            job->sums[(from + j) * d + k] = sum[k * TP__STRIP + j];
}

/* --- All --- */

/* The distance in bytes to matrix number i of v's batch. */
static int64_t distance_offset(const tp_var *v, int64_t i)
{
    int64_t offset = 0;
    for (int k = v->ndim - 3; k >= 0; i /= tp__shape(v)[k--])
        offset += i % tp__shape(v)[k] * tp__strides(v)[k];
    return offset * (int64_t)tp__dtype_size((tp_dtype)v->dtype);
}

static int64_t distance_batch(const tp_var *v)
{
    int64_t n = 1;
    for (int k = 0; k < v->ndim - 2; k++)
        n *= tp__shape(v)[k];
    return n;
}

/* Points a beside points b, in the current scope; of P the weights g, of Q the directions p. The
 * result is written to out, of measures, or to sums. */
typedef struct distance_run {
    tp_var *a, *b, *p, *g, *out, *sums;
    bool turned; /* rows of g are those of b */
} distance_run;

static bool distance_all(const distance_run *run)
{
    const tp_var *a = run->a, *b = run->b;
    int64_t m = tp__shape(a)[a->ndim - 2], n = tp__shape(b)[b->ndim - 2];
    int64_t d = tp__shape(a)[a->ndim - 1], inside = run->turned ? m : n;
    distance_job job = {.kernels = distance_kernels(), .m = m, .n = n, .d = d};
    job.strips = (inside + TP__STRIP - 1) / TP__STRIP;
    size_t room = (size_t)(job.strips * d * TP__STRIP) * (run->turned ? 3 : 1) + 1;
    job.strip = tp__alloc(room * sizeof *job.strip);
    for (int64_t i = 0; job.strip && i < distance_batch(a); i++) {
        job.a = (double *)a->data + i * m * d;
        job.b = (double *)b->data + i * n * d;
        memset(job.strip, 0, room * sizeof *job.strip);
        distance_strips(inside, d, run->turned ? job.a : job.b, job.strip);
        int64_t rows = (m + DISTANCE_ROWS - 1) / DISTANCE_ROWS;
        double cost = (double)m * (double)n * (double)d * 0.2;
        if (run->g) {
            const int64_t *step = tp__strides(run->g) + run->g->ndim - 2;
            job.dtype = (tp_dtype)run->g->dtype;
            int64_t item = (int64_t)tp__dtype_size(job.dtype);
            job.g = (char *)run->g->data + distance_offset(run->g, i);
            job.g_row = step[0] * item, job.g_column = step[1] * item;
            job.sums = (double *)run->sums->data + i * m * d;
            tp__parallel(run->turned ? job.strips : rows, cost,
                         run->turned ? distance_push_task : distance_pull_task, &job);
        } else {
            job.p = run->p ? (double *)run->p->data + i * m * d : NULL;
            job.dtype = (tp_dtype)run->out->dtype;
            job.to = (char *)run->out->data + (size_t)(i * m * n) * tp__dtype_size(job.dtype);
            tp__parallel(rows, cost, distance_measure_task, &job);
        }
    }
    tp__free(job.strip);
    return job.strip;
}

static bool distance_measure(tp__call *call, tp_var *p, tp_var *a, tp_var *b)
{
    if (call->out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    distance_run run = {.a = distance_doubles(a), .b = distance_doubles(b), .out = call->out};
    run.p = p ? distance_doubles(p) : NULL;
    bool good = !tp__here()->code && distance_all(&run);
    tp_scope_end(scope);
    return good;
}

static bool distance_forward(tp__call *call)
{
    return distance_measure(call, NULL, call->in[0], call->in[1]);
}

static bool distance_along_forward(tp__call *call)
{
    return distance_measure(call, call->in[0], call->in[1], call->in[2]);
}

static bool distance_pull_forward(tp__call *call)
{
    tp_var *out = call->out, *g = call->in[0];
    if (out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    distance_run run = {.a = distance_doubles(call->in[1]),
                        .b = distance_doubles(call->in[2]),
                        .g = g,
                        .sums = out->dtype == TP_F64 ? out
                                                     : tp__empty(TP_F64, out->ndim, tp__shape(out)),
                        .turned = call->attr.integer};
    bool good = !tp__here()->code && tp__evaluate(g);
    if (good) {
        memset(run.sums->data, 0, (size_t)run.sums->size * sizeof(double));
        good = distance_all(&run);
    }
    if (good && run.sums != out)
        tp__copy_elements(out, run.sums);
    tp_scope_end(scope);
    return good;
}

/* --- Rules --- */

static const tp__op distance_pull_op, distance_along_op;

/* Rows of g are a's points, or, turned, b's. */
static tp_var *distance_pull(tp_var *g, tp_var *a, tp_var *b, bool turned)
{
    tp_var *in[] = {g, a, b};
    return tp__apply(&distance_pull_op, in, 3, (tp__attr){.integer = turned}, -1, NULL);
}

static tp_var *distance_along(tp_var *p, tp_var *a, tp_var *b)
{
    return tp__apply(&distance_along_op, (tp_var *[]){p, a, b}, 3, (tp__attr){0}, -1, NULL);
}

static bool distance_infer(tp__call *call)
{
    const tp_var *a = call->in[call->n_in - 2], *b = call->in[call->n_in - 1];
    call->dtype = (tp_dtype)a->dtype;
    call->ndim = a->ndim;
    memcpy(call->shape, tp__shape(a), a->ndim * sizeof *call->shape);
    call->shape[a->ndim - 1] = tp__shape(b)[b->ndim - 2];
    return true;
}

static bool distance_pull_infer(tp__call *call)
{
    const tp_var *a = call->in[1];
    call->dtype = (tp_dtype)a->dtype;
    call->ndim = a->ndim;
    memcpy(call->shape, tp__shape(a), a->ndim * sizeof *call->shape);
    return true;
}

static void distance_gradient(const tp__pull *pull)
{
    for (int i = 0; i < 2; i++)
        if (pull->wanted[i])
            pull->gx[i] = tp_mul(2, distance_pull(pull->gy, pull->x[i], pull->x[1 - i], i == 1));
}

static void distance_pull_gradient(const tp__pull *pull)
{
    tp_var *g = pull->x[0], *a = pull->x[1], *b = pull->x[2], *gy = pull->gy;
    bool turned = pull->y->attr.integer;
    if (pull->wanted[0]) {
        tp_var *along = distance_along(gy, a, b);
        pull->gx[0] = turned ? tp__transposed(along) : along;
    }
    if (pull->wanted[1]) {
        tp_var *sum = tp__sum_over(g, turned ? -2 : -1, true);
        pull->gx[1] = tp_mul(gy, turned ? tp__transposed(sum) : sum);
    }
    if (pull->wanted[2])
        pull->gx[2] = tp_neg(tp_matmul(turned ? g : tp__transposed(g), gy));
}

static void distance_along_gradient(const tp__pull *pull)
{
    tp_var *p = pull->x[0], *gy = pull->gy;
    if (pull->wanted[0])
        pull->gx[0] = distance_pull(gy, pull->x[1], pull->x[2], false);
    if (pull->wanted[1])
        pull->gx[1] = tp_mul(p, tp__sum_over(gy, -1, true));
    if (pull->wanted[2])
        pull->gx[2] = tp_neg(tp_matmul(tp__transposed(gy), p));
}

/* --- Series --- */

/* Coefficient i of operand x, as zeros where it is none. */
static tp_var *distance_coefficient(const tp__jet *jet, int x, int i)
{
    tp_var *c = jet->x[x][i], *like = jet->x[x][0];
    return c ? c : tp_zeros((tp_dtype)like->dtype, like->ndim, tp__shape(like));
}

/* Of points u = (a, b) that move: y[k] = Σ (u[i] as a distance, along u[k − i]). */
static void distance_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        for (int i = 0; 2 * i <= k; i++) {
            tp_var *term = NULL, *const *a = jet->x[0], *const *b = jet->x[1];
            if (!(a[i] || b[i]) || !(a[k - i] || b[k - i]))
                continue;
            tp_var *near[] = {distance_coefficient(jet, 0, i), distance_coefficient(jet, 1, i)};
            if (2 * i == k)
                term = tp__apply_again(jet->node, near);
            if (2 * i < k && a[k - i])
                term = tp_mul(2, distance_along(a[k - i], near[0], near[1]));
            if (2 * i < k && b[k - i])
                term = tp__series_add(
                    term, tp_mul(2, tp__transposed(distance_along(b[k - i], near[1], near[0]))));
            jet->y[k] = tp__series_add(jet->y[k], term);
        }
}

/* Of what is linear in the first operand, and in the other two together. */
static void distance_product_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        for (int i = 0; i <= k; i++)
            if (jet->x[0][i] && (jet->x[1][k - i] || jet->x[2][k - i]))
                jet->y[k] = tp__series_add(
                    jet->y[k],
                    tp__apply_again(jet->node,
                                    (tp_var *[]){jet->x[0][i], distance_coefficient(jet, 1, k - i),
                                                 distance_coefficient(jet, 2, k - i)}));
}

/* --- Records --- */

static const tp__op distance_pull_op = {
    .label = "Pull",
    .name = "cdist_squared_pull",
    .n_in = 3,
    .reads = {TP__READS_1 | TP__READS_2, TP__READS_0, TP__READS_0},
    .infer = distance_pull_infer,
    .forward = distance_pull_forward,
    .gradient = distance_pull_gradient,
    .taylor = distance_product_taylor,
    .formula = "Σ g[i, j] (a[i] − b[j])",
};

static const tp__op distance_along_op = {
    .label = "Along",
    .name = "cdist_squared_along",
    .n_in = 3,
    .reads = {TP__READS_1 | TP__READS_2, TP__READS_0, TP__READS_0},
    .infer = distance_infer,
    .forward = distance_along_forward,
    .gradient = distance_along_gradient,
    .taylor = distance_product_taylor,
    .formula = "p[i] (a[i] − b[j])",
};

static tp_var *distance_sample(tp_var *const *x)
{
    return tp_cdist_squared(x[0], x[1]);
}

#define DISTANCE_TORCH "(x0.unsqueeze(-2) - x1.unsqueeze(-3)).square().sum(-1)"

static const tp__op distance_op = {
    .label = "CdistSquared",
    .name = "cdist_squared",
    .n_in = 2,
    .reads = {TP__READS_0 | TP__READS_1, TP__READS_0 | TP__READS_1},
    .infer = distance_infer,
    .forward = distance_forward,
    .gradient = distance_gradient,
    .taylor = distance_taylor,
    .formula = "|a[i] − b[j]|²",
    .rule = "a: 2 Σ gy (a[i] − b[j]); b: 2 Σ gy (b[j] − a[i])",
    .samples = (const tp__sample[]){{"2,3; 4,3", distance_sample, DISTANCE_TORCH},
                                    {"2,2,1; 3,1", distance_sample, DISTANCE_TORCH},
                                    {0}},
};

tp_var *tp_cdist_squared(tp_var *a, tp_var *b)
{
    TP__CALL("cdist_squared");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_cdist_squared(a, b), &a, &b);
    if (!tp__check_points("cdist_squared", &a, &b))
        return tp__poison();
    if (!tp__common_batch("cdist_squared", &a, &b))
        return tp__poison();
    return tp__apply(&distance_op, (tp_var *[]){a, b}, 2, (tp__attr){0}, -1, NULL);
}

static const tp__op *const distances_ops[] = {&distance_op, NULL};

const tp__family tp__family_distances = {"distances", "squared distances", distances_ops};
