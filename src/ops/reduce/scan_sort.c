/* SPDX-License-Identifier: MIT
 *
 * Scans and sorting along an axis. Positions are records of their own, without a gradient; sorted
 * values are gathered by them.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/compose.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "kernels/fold.h"
#include "kernels/sort.h"
#include "ops/families.h"
#include "ops/line.h"
#include "tinypytorch.h"

/* --- Lines: the elements along one axis --- */

typedef struct order_lines {
    int64_t length, stride; /* of a line, in elements */
    int64_t inner, count;   /* lines that lie side by side; all lines */
} order_lines;

/* The lines of a row-major array. */
static order_lines order_lines_of(int ndim, const int64_t *shape, int axis)
{
    order_lines lines = {.length = shape[axis], .stride = 1, .count = 1};
    for (int i = 0; i < ndim; i++) {
        lines.stride *= i > axis ? shape[i] : 1;
        lines.count *= i != axis ? shape[i] : 1;
    }
    lines.inner = lines.stride;
    return lines;
}

/* The first element of line i. */
static int64_t order_first(const order_lines *lines, int64_t i)
{
    return i / lines->inner * lines->inner * lines->length + i % lines->inner;
}

/* --- Sums and products up to each element --- */

/* The attribute is the axis, and this where lines are gone through from their ends. */
enum { SCAN_BACKWARDS = 8 };

/* Lines that lie side by side are gone through together, so many of them. */
enum { SCAN_SIDE = 1024 };

typedef struct scan_job {
    tp__scan *scan;
    tp__partial none; /* the sum or the product of nothing */
    const char *from;
    char *to;
    int64_t item, length, inner, lines; /* elements of a line; lines side by side; all lines */
    int64_t units, runs; /* of the lines side by side, that are a unit of work each */
    bool backwards;
} scan_job;

static void scan_side(const scan_job *job, int64_t unit)
{
    tp__partial sums[SCAN_SIDE];
    int64_t row = job->inner * job->item, first = job->inner * (unit % job->runs) / job->runs;
    int64_t width = job->inner * (unit % job->runs + 1) / job->runs - first;
    int64_t start = unit / job->runs * job->length * row + first * job->item;
    start += job->backwards ? (job->length - 1) * row : 0;
    row = job->backwards ? -row : row;
    for (int64_t j = 0; j < width; j++)
        sums[j] = job->none;
    job->scan(job->length, width, job->from + start, row, 0, sums, job->to + start);
}

static void scan_lines(const scan_job *job, int64_t unit)
{
    tp__partial none = job->none;
    int64_t line = job->length * job->item, first = unit * TP__SCAN_LINES;
    int64_t left = job->lines - first, at = first * line;
    at += job->backwards ? line - job->item : 0;
    job->scan(job->length, left < TP__SCAN_LINES ? left : TP__SCAN_LINES, job->from + at,
              job->backwards ? -job->item : job->item, line, &none, job->to + at);
}

static void scan_task(void *ctx, int64_t unit)
{
    const scan_job *job = ctx;
    if (job->inner > 1)
        scan_side(job, unit);
    else
        scan_lines(job, unit);
}

static bool scan_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_I64;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

/* Elements that lie in order, in the result's type, are read where they are. */
static bool scan_forward(tp__call *call, bool product)
{
    tp_var *x = call->in[0], *y = call->out;
    if (y->size == 0)
        return true;
    bool there = (x->flags & TP__CONTIGUOUS) && x->dtype == y->dtype;
    if (!there)
        tp__copy_elements(y, x);
    int axis = (int)call->attr.integer & (SCAN_BACKWARDS - 1);
    order_lines lines = order_lines_of(call->ndim, call->shape, axis);
    const tp__fold_kernels *kernels = tp__fold_choose(TP__SUM, call->dtype);
    scan_job job = {.scan = product ? kernels->scan_product : kernels->scan_sum,
                    .from = there ? x->data : y->data,
                    .to = y->data,
                    .item = (int64_t)tp__dtype_size(call->dtype),
                    .length = lines.length,
                    .inner = lines.inner,
                    .lines = lines.count,
                    .runs = (lines.inner + SCAN_SIDE - 1) / SCAN_SIDE,
                    .backwards = call->attr.integer & SCAN_BACKWARDS};
    if (product && call->dtype == TP_I64)
        job.none.integer = 1;
    else
        job.none.real = product;
    job.units = lines.inner > 1 ? lines.count / lines.inner * job.runs
                                : (lines.count + TP__SCAN_LINES - 1) / TP__SCAN_LINES;
    tp__parallel(job.units, (double)y->size * 0.5, scan_task, &job);
    return true;
}

/* --- cumsum; backwards it is its own gradient --- */

static bool cumsum_forward(tp__call *call)
{
    return scan_forward(call, false);
}

static tp_var *cumsum_apply(tp_var *x, int64_t attr);

static void cumsum_gradient(const tp__pull *pull)
{
    pull->gx[0] = cumsum_apply(pull->gy, pull->y->attr.integer ^ SCAN_BACKWARDS);
}

static tp_var *cumsum_sample(tp_var *const *x)
{
    return tp_cumsum(x[0], 1);
}

static tp_var *cumsum_sample_first(tp_var *const *x)
{
    return tp_cumsum(x[0], 0);
}

static const tp__op cumsum_op = {
    .label = "CumSum",
    .name = "cumsum",
    .n_in = 1,
    .flags = TP__LINEAR,
    .infer = scan_infer,
    .forward = cumsum_forward,
    .gradient = cumsum_gradient,
    .formula = "y[i] = x[0] + … + x[i], along an axis",
    .rule = "the sums of gy from the other end",
    .samples = (const tp__sample[]){{"2,3", cumsum_sample, "x0.cumsum(1)"},
                                    {"3,2", cumsum_sample_first, "x0.cumsum(0)"},
                                    {0}},
};

static tp_var *cumsum_apply(tp_var *x, int64_t attr)
{
    return tp__apply(&cumsum_op, &x, 1, (tp__attr){.integer = attr}, -1, NULL);
}

tp_var *tp_cumsum(tp_var *x, int axis)
{
    TP__CALL("cumsum");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_cumsum(x, axis));
    if (!tp__check_operand("cumsum", x) || (axis = tp__check_axis("cumsum", axis, x, x->ndim)) < 0)
        return tp__poison();
    return cumsum_apply(x, axis);
}

/* --- cumprod --- */

static bool cumprod_forward(tp__call *call)
{
    return scan_forward(call, true);
}

/* Each doubling of the reach multiplies by the array moved on: derivatives are right with zeros. */
static tp_var *cumprod_compose(const tp_var *y, tp_var *const *x)
{
    int axis = (int)y->attr.integer;
    tp_var *product = x[0];
    int64_t n = tp__shape(product)[axis];
    for (int64_t reach = 1; reach < n && !tp_is_poison(product); reach *= 2) {
        tp_var *moved =
            tp_mul(tp_slice(product, axis, reach, n, 1), tp_slice(product, axis, 0, n - reach, 1));
        product =
            tp_concatenate((tp_var *[]){tp_slice(product, axis, 0, reach, 1), moved}, 2, axis);
    }
    return product;
}

static tp_var *cumprod_sample(tp_var *const *x)
{
    return tp_cumprod(x[0], 1);
}

static const tp__op cumprod_op = {
    .label = "CumProd",
    .name = "cumprod",
    .n_in = 1,
    .reads = {TP__READS_0},
    .infer = scan_infer,
    .forward = cumprod_forward,
    .compose = cumprod_compose,
    .gradient = tp__compose_gradient,
    .formula = "y[i] = x[0] · … · x[i], along an axis",
    .rule = "of products of parts that double",
    .domain = TP__DISTINCT,
    .samples = (const tp__sample[]){{"2,4", cumprod_sample, "x0.cumprod(1)"}, {0}},
};

tp_var *tp_cumprod(tp_var *x, int axis)
{
    TP__CALL("cumprod");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_cumprod(x, axis));
    if (!tp__check_operand("cumprod", x) ||
        (axis = tp__check_axis("cumprod", axis, x, x->ndim)) < 0)
        return tp__poison();
    return tp__apply(&cumprod_op, &x, 1, (tp__attr){.integer = axis}, -1, NULL);
}

/* --- argsort: of each line (kernels/sort.h) --- */

/* The attribute is the axis, whether the order is descending, and above these how many positions
 * are wanted, and one more, or 0 for all. */
enum { ARGSORT_DESCENDING = 8, ARGSORT_FIRST = 16 };

typedef struct argsort_job {
    tp__sorting sorting;
    order_lines from, to;
    const char *x;
    size_t item, room_bytes;
    int64_t *positions, tasks;
    char *room;
} argsort_job;

static bool argsort_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = TP_I64;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    if (call->attr.integer >= ARGSORT_FIRST)
        call->shape[call->attr.integer & (ARGSORT_DESCENDING - 1)] =
            call->attr.integer / ARGSORT_FIRST - 1;
    return true;
}

/* Each task has its own room. */
static void argsort_task(void *ctx, int64_t task)
{
    const argsort_job *job = ctx;
    for (int64_t i = task; i < job->from.count; i += job->tasks)
        tp__sort_line(&job->sorting, job->x + (size_t)order_first(&job->from, i) * job->item,
                      job->positions + order_first(&job->to, i),
                      job->room + (size_t)task * job->room_bytes);
}

static bool argsort_run(tp__call *call, const tp_var *x)
{
    int axis = (int)call->attr.integer & (ARGSORT_DESCENDING - 1), threads = tp_num_threads();
    argsort_job job = {.from = order_lines_of(x->ndim, tp__shape(x), axis),
                       .to = order_lines_of(call->ndim, call->shape, axis),
                       .x = x->data,
                       .item = tp__dtype_size(x->dtype),
                       .positions = call->out->data};
    job.sorting = (tp__sorting){.dtype = (tp_dtype)x->dtype,
                                .descending = call->attr.integer & ARGSORT_DESCENDING,
                                .n = job.from.length,
                                .first = job.to.length,
                                .step = job.from.stride * (int64_t)job.item,
                                .to_step = job.to.stride};
    job.tasks = job.from.count < threads ? job.from.count : threads;
    job.room_bytes = tp__sort_room(&job.sorting);
    job.room = tp__alloc((size_t)job.tasks * job.room_bytes);
    if (!job.room)
        return false;
    tp__parallel(job.tasks, (double)x->size * 10, argsort_task, &job);
    tp__free(job.room);
    return true;
}

static bool argsort_forward(tp__call *call)
{
    if (call->out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    tp_var *plain = tp__plain(call->in[0]);
    bool good = !tp_is_poison(plain) && argsort_run(call, plain);
    tp_scope_end(scope);
    return good;
}

static tp_var *argsort_sample(tp_var *const *x)
{
    return tp_argsort(x[0], 1, false);
}

static tp_var *argsort_sample_descending(tp_var *const *x)
{
    return tp_argsort(x[0], 0, true);
}

static const tp__op argsort_op = {
    .label = "ArgSort",
    .name = "argsort",
    .n_in = 1,
    .infer = argsort_infer,
    .forward = argsort_forward,
    .formula = "the positions that sort x along an axis",
    .rule = "none",
    .domain = TP__DISTINCT,
    .samples = (const tp__sample[]){{"2,3", argsort_sample, "x0.sort(dim=1, stable=True)[1]"},
                                    {"3,2", argsort_sample_descending,
                                     "x0.sort(dim=0, descending=True, stable=True)[1]"},
                                    {0}},
};

tp_var *tp_argsort(tp_var *x, int axis, bool descending)
{
    TP__CALL("argsort");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_argsort(x, axis, descending));
    if (!tp__check_operand("argsort", x) ||
        (axis = tp__check_axis("argsort", axis, x, x->ndim)) < 0)
        return tp__poison();
    tp__attr attr = {.integer = axis | (descending ? ARGSORT_DESCENDING : 0)};
    return tp__apply(&argsort_op, &x, 1, attr, -1, NULL);
}

tp_var *tp_sort(tp_var *x, int axis, bool descending, tp_var **positions)
{
    TP__CALL("sort");
    TP__OPERANDS(x);
    if (tp__has_axes(x, 0)) {
        tp_var *y = tp__as_number(tp_sort(tp_reshape(x, TP_SHAPE(1)), axis, descending, positions));
        if (positions)
            *positions = tp__as_number(*positions);
        return y;
    }
    tp_var *order = tp_argsort(x, axis, descending);
    if (positions)
        *positions = order;
    return tp_is_poison(order) ? order : tp_gather(x, axis, order);
}

tp_var *tp_topk(tp_var *x, int64_t k, int axis, bool largest, tp_var **positions)
{
    TP__CALL("topk");
    TP__OPERANDS(x);
    if (k == 1 && tp__has_axes(x, 0)) {
        tp_var *y = tp__as_number(tp_topk(tp_reshape(x, TP_SHAPE(1)), 1, axis, largest, positions));
        if (positions)
            *positions = tp__as_number(*positions);
        return y;
    }
    if (positions)
        *positions = tp__poison();
    if (!tp__check_operand("topk", x) || (axis = tp__check_axis("topk", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (k < 0 || k > tp__shape(x)[axis])
        return tp_fail(TP_ERROR_ARGUMENT, "topk: %lld elements of axis %d of size %lld",
                       (long long)k, axis, (long long)tp__shape(x)[axis]);
    tp__attr attr = {.integer =
                         axis | (largest ? ARGSORT_DESCENDING : 0) | (k + 1) * ARGSORT_FIRST};
    tp_var *first = tp__apply(&argsort_op, &x, 1, attr, -1, NULL);
    if (positions)
        *positions = first;
    return tp_is_poison(first) ? first : tp_gather(x, axis, first);
}

tp_var *tp_median(tp_var *x, int axis)
{
    TP__CALL("median");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_median(x, axis));
    if (!tp__check_operand("median", x) || (axis = tp__check_axis("median", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__shape(x)[axis] == 0)
        return tp__refuse_shape("median", "x", x, "elements along axis %d", axis);
    int64_t n = tp__shape(x)[axis];
    tp_var *sorted = tp_sort(x, axis, false, NULL);
    tp_var *middle = tp_select(sorted, axis, (n - 1) / 2);
    if (tp_is_poison(middle) || !tp__is_float((tp_dtype)x->dtype))
        return middle;
    tp_var *last = tp_select(sorted, axis, n - 1); /* NaN if there is one */
    return tp_where(tp_isnan(last), last, middle);
}

/* --- Records, for tests and the list of operations --- */

#define ORDER_RECORD(label_, name_, formula_, shapes, call_, torch_)                               \
    static tp_var *name_##_sample(tp_var *const *x)                                                \
    {                                                                                              \
        return call_;                                                                              \
    }                                                                                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 1,                                                                                 \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = "from its formula",                                                                \
        .domain = TP__DISTINCT,                                                                    \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

/* clang-format off */
ORDER_RECORD(Sort, sort, "x in ascending order along an axis", "2,3", tp_sort(x[0], 1, false, NULL), "x0.sort(dim=1, stable=True)[0]")
ORDER_RECORD(TopK, topk, "the k largest along an axis, in order", "2,4", tp_topk(x[0], 1, 1, true, NULL), "x0.topk(1, 1)[0]")
ORDER_RECORD(Median, median, "the middle of x in order, the lower of two", "2,4", tp_median(x[0], 1), "x0.sort(dim=1, stable=True)[0].select(1, (x0.size(1) - 1) // 2)")
/* clang-format on */

static const tp__op *const order_ops[] = {&cumsum_op, &cumprod_op, &argsort_op, &sort_op,
                                          &topk_op,   &median_op,  NULL};

const tp__family tp__family_scan_sort = {"scan_sort", "scans and sorting", order_ops};
