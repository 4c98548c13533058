/* SPDX-License-Identifier: MIT
 *
 * The place of the largest and the smallest along an axis: the first of equals, and NaN before all.
 *
 * Lines that lie side by side in memory are gone through together, row by row, and the places so
 * far are kept beside the best elements so far. So are lines of a few elements, some of which are
 * turned into columns first. Of a long line that lies in one piece the best block is found by the
 * kernels of max and min, and the element in that.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "kernels/fold.h"
#include "kernels/loop.h"
#include "ops/families.h"
#include "ops/line.h"
#include "tinypytorch.h"

enum {
    PLACE_TASK = 32768, /* elements, about */
    PLACE_RUN = 1024,   /* columns that are gone through together */
    PLACE_ROWS = 64,    /* rows given to a kernel at once */
    PLACE_SHORT = 32,   /* elements of a line that is turned, at most */
    PLACE_TURNED = 64   /* lines turned at a time */
};

/* Elements are (outer, length, inner) in row-major order. */
typedef struct place_job {
    const tp__fold_kernels *kernels;
    tp__reduction kind;
    tp_dtype dtype;
    const char *from;
    int64_t *to, length, inner;
    int64_t units, chunk; /* of work, and of these in a task: lines, or runs of columns */
    int64_t runs;         /* of the columns of one place of the outer axes */
    size_t item;
} place_job;

/* --- Columns --- */

static void place_write(const place_job *job, int64_t n, const void *at, int64_t *to)
{
    if (job->dtype != TP_F32)
        memcpy(to, at, (size_t)n * sizeof *to);
    else
        for (int64_t j = 0; j < n; j++)
            to[j] = ((const int32_t *)at)[j];
}

static void place_columns(const place_job *job, int64_t unit)
{
    double best[PLACE_RUN];
    int64_t at[PLACE_RUN], outer = unit / job->runs, row_bytes = job->inner * (int64_t)job->item;
    int64_t first = job->inner * (unit % job->runs) / job->runs;
    int64_t width = job->inner * (unit % job->runs + 1) / job->runs - first;
    const char *x = job->from + outer * job->length * row_bytes + first * (int64_t)job->item;
    for (int64_t i = 0; i < job->length; i += PLACE_ROWS) {
        const void *row[PLACE_ROWS];
        int64_t rows = job->length - i < PLACE_ROWS ? job->length - i : PLACE_ROWS;
        for (int64_t k = 0; k < rows; k++)
            row[k] = x + (i + k) * row_bytes;
        job->kernels->places(rows, row, width, i, job->kind == TP__MIN, best, at);
    }
    place_write(job, width, at, job->to + outer * job->inner + first);
}

static void place_columns_task(void *ctx, int64_t task)
{
    const place_job *job = ctx;
    int64_t end = (task + 1) * job->chunk;
    for (int64_t unit = task * job->chunk; unit < end && unit < job->units; unit++)
        place_columns(job, unit);
}

/* --- Lines --- */

static void place_turned_task(void *ctx, int64_t task)
{
    const place_job *job = ctx;
    double turned[PLACE_SHORT * PLACE_TURNED], best[PLACE_TURNED];
    int64_t at[PLACE_TURNED], row_bytes = PLACE_TURNED * (int64_t)job->item;
    int64_t line = job->length * (int64_t)job->item, end = (task + 1) * job->chunk;
    const void *row[PLACE_SHORT];
    for (int64_t i = 0; i < job->length; i++)
        row[i] = (char *)turned + i * row_bytes;
    end = end < job->units ? end : job->units;
    for (int64_t i = task * job->chunk; i < end; i += PLACE_TURNED) {
        int64_t some = end - i < PLACE_TURNED ? end - i : PLACE_TURNED;
        tp__copy_turned(job->item, job->length, some, job->from + i * line, line, (char *)turned,
                        row_bytes);
        job->kernels->places(job->length, row, some, 0, job->kind == TP__MIN, best, at);
        place_write(job, some, at, job->to + i);
    }
}

/* The largest or smallest of so many elements, at most a block's. */
static tp__partial place_best(const place_job *job, int64_t n, const char *x)
{
    if (job->kernels->block)
        return (tp__partial){.real = job->kernels->block(n, x)};
    return (tp__partial){.integer = job->kernels->integers(n, x)};
}

/* True if a comes before b though it stands behind it. */
static bool place_passes(const place_job *job, tp__partial a, tp__partial b)
{
    if (!job->kernels->block)
        return job->kind == TP__MAX ? a.integer > b.integer : a.integer < b.integer;
    if (isnan(a.real) || isnan(b.real))
        return !isnan(b.real);
    return job->kind == TP__MAX ? a.real > b.real : a.real < b.real;
}

static int64_t place_line(const place_job *job, const char *x)
{
    int64_t first = 0, all = job->length, item = (int64_t)job->item;
    tp__partial best = place_best(job, all < TP__FOLD_BLOCK ? all : TP__FOLD_BLOCK, x);
    for (int64_t i = TP__FOLD_BLOCK; i < all; i += TP__FOLD_BLOCK) {
        int64_t some = all - i < TP__FOLD_BLOCK ? all - i : TP__FOLD_BLOCK;
        tp__partial value = place_best(job, some, x + i * item);
        if (place_passes(job, value, best)) {
            best = value;
            first = i;
        }
    }
    int64_t some = all - first < TP__FOLD_BLOCK ? all - first : TP__FOLD_BLOCK;
    return first + job->kernels->find(some, x + first * item, best);
}

static void place_lines_task(void *ctx, int64_t task)
{
    const place_job *job = ctx;
    int64_t end = (task + 1) * job->chunk;
    for (int64_t i = task * job->chunk; i < end && i < job->units; i++)
        job->to[i] = place_line(job, job->from + i * job->length * (int64_t)job->item);
}

/* --- Both --- */

static bool place_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = TP_I64;
    call->ndim = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != call->attr.integer)
            call->shape[call->ndim++] = tp__shape(x)[i];
    return true;
}

/* x is contiguous. */
static void place_run(tp__call *call, const tp_var *x, int axis, tp__reduction kind)
{
    int64_t inner = 1, length = tp__shape(x)[axis];
    for (int i = axis + 1; i < x->ndim; i++)
        inner *= tp__shape(x)[i];
    tp_dtype dtype = (tp_dtype)x->dtype;
    place_job job = {.kernels = tp__fold_choose(kind, dtype),
                     .kind = kind,
                     .dtype = dtype,
                     .from = x->data,
                     .to = call->out->data,
                     .length = length,
                     .inner = inner,
                     .units = call->out->size,
                     .runs = (inner + PLACE_RUN - 1) / PLACE_RUN,
                     .item = tp__dtype_size(dtype)};
    bool few = length <= PLACE_SHORT && job.item >= sizeof(float);
    int64_t elements = length;
    if (inner > 1) {
        elements *= (inner + job.runs - 1) / job.runs;
        job.units = job.units / inner * job.runs;
    }
    job.chunk = PLACE_TASK / elements + 1;
    job.chunk = inner == 1 && few ? (job.chunk / PLACE_TURNED + 1) * PLACE_TURNED : job.chunk;
    tp__parallel((job.units - 1) / job.chunk + 1, (double)x->size * 0.2,
                 inner > 1 ? place_columns_task
                 : few     ? place_turned_task
                           : place_lines_task,
                 &job);
}

/* A few columns are brought to lie one after the other, and so are those whose places an int32 does
 * not hold. */
static bool place_forward(tp__call *call, tp__reduction kind)
{
    if (call->out->size == 0)
        return true;
    tp_var *x = call->in[0];
    int64_t order[TP_MAX_NDIM], inner = 1;
    int axis = (int)call->attr.integer, last = x->ndim - 1, n = 0;
    for (int i = 0; i <= last; i++) {
        inner *= i > axis ? tp__shape(x)[i] : 1;
        if (i != axis)
            order[n++] = i;
    }
    order[last] = axis;
    bool lines =
        inner < TP__FOLD_NARROW || tp__shape(x)[axis] > INT32_MAX || tp__strides(x)[axis] == 1;
    size_t scope = tp_scope_begin();
    tp_var *plain = tp__plain(lines ? tp_permute(x, last + 1, order) : x);
    bool good = !tp_is_poison(plain);
    if (good)
        place_run(call, plain, lines ? last : axis, kind);
    tp_scope_end(scope);
    return good;
}

static tp_var *place_apply(const tp__op *op, tp_var *x, int axis)
{
    TP__OF_LINE(x, place_apply(op, x, axis));
    if (!tp__check_operand(op->name, x) || (axis = tp__check_axis(op->name, axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__shape(x)[axis] == 0)
        return tp__refuse_shape(op->name, "x", x, "elements along axis %d", axis);
    return tp__apply(op, &x, 1, (tp__attr){.integer = axis}, -1, NULL);
}

#define PLACE(function, label_, KIND, formula_, torch_)                                            \
    static bool function##_forward(tp__call *call)                                                 \
    {                                                                                              \
        return place_forward(call, KIND);                                                          \
    }                                                                                              \
                                                                                                   \
    static tp_var *function##_sample(tp_var *const *x)                                             \
    {                                                                                              \
        return function(x[0], 1);                                                                  \
    }                                                                                              \
                                                                                                   \
    static const tp__op function##_op = {                                                          \
        .label = label_,                                                                           \
        .name = TP__AFTER_PREFIX(#function),                                                       \
        .n_in = 1,                                                                                 \
        .infer = place_infer,                                                                      \
        .forward = function##_forward,                                                             \
        .formula = formula_,                                                                       \
        .rule = "none",                                                                            \
        .domain = TP__DISTINCT,                                                                    \
        .samples = (const tp__sample[]){{"2,3", function##_sample, torch_}, {0}},                  \
    };                                                                                             \
                                                                                                   \
    tp_var *function(tp_var *x, int axis)                                                          \
    {                                                                                              \
        TP__CALL(TP__AFTER_PREFIX(#function));                                                     \
        TP__OPERANDS(x);                                                                           \
        return place_apply(&function##_op, x, axis);                                               \
    }

PLACE(tp_argmax, "ArgMax", TP__MAX, "the place of the largest along an axis", "x0.argmax(1)")
PLACE(tp_argmin, "ArgMin", TP__MIN, "the place of the smallest along an axis", "x0.argmin(1)")

static const tp__op *const place_ops[] = {&tp_argmax_op, &tp_argmin_op, NULL};

const tp__family tp__family_place = {"place", "places of extremes", place_ops};
