/* SPDX-License-Identifier: MIT
 *
 * Reductions. The attribute is a mask of the axes that go, and REDUCE_KEEP.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "array/deferred.h"
#include "array/fold.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/few.h"
#include "kernels/fold.h"
#include "ops/families.h"
#include "tinypytorch.h"

enum { REDUCE_KEEP = 1 << TP_MAX_NDIM, REDUCE_FEW = 256 };

static bool reduce_takes(const tp__attr *attr, int axis)
{
    return attr->integer >> axis & 1;
}

static bool reduce_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = 0;
    for (int i = 0; i < x->ndim; i++)
        if (!reduce_takes(&call->attr, i))
            call->shape[call->ndim++] = tp__shape(x)[i];
        else if (call->attr.integer & REDUCE_KEEP)
            call->shape[call->ndim++] = 1;
    return true;
}

static int64_t reduce_count(const tp_var *x, const tp__attr *attr)
{
    int64_t n = 1;
    for (int i = 0; i < x->ndim; i++)
        n *= reduce_takes(attr, i) ? tp__shape(x)[i] : 1;
    return n;
}

/* g, of the shape of a reduction of x, repeated over x's shape. */
static tp_var *reduce_spread(tp_var *g, const tp_var *x, const tp__attr *attr)
{
    int64_t shape[TP_MAX_NDIM];
    bool leading = true;
    for (int i = 0; i < x->ndim; i++) {
        bool taken = reduce_takes(attr, i);
        shape[i] = taken ? 1 : tp__shape(x)[i];
        leading = leading && (!taken || i == 0 || reduce_takes(attr, i - 1));
    }
    bool fits = (attr->integer & REDUCE_KEEP) || leading || g->ndim == 0;
    return tp_broadcast_to(fits ? g : tp_reshape(g, x->ndim, shape), x->ndim, tp__shape(x));
}

static unsigned reduce_mask(const tp__attr *attr)
{
    return (unsigned)attr->integer & (REDUCE_KEEP - 1);
}

static unsigned reduce_folds(const tp_var *y)
{
    return reduce_mask(&y->attr);
}

/* --- sum and mean --- */

/* True if the elements of a result follow each other in row-major order. */
static bool sum_takes_last(const tp_var *x, const tp__attr *attr)
{
    bool kept = false;
    for (int i = x->ndim - 1; i >= 0; i--) {
        if (kept && reduce_takes(attr, i) && tp__shape(x)[i] != 1)
            return false;
        kept = kept || (!reduce_takes(attr, i) && tp__shape(x)[i] != 1);
    }
    return true;
}

/* Such sums may be taken where the elements are computed. */
static void sum_divides(tp__call *call, double divisor)
{
    const tp_var *x = call->in[0];
    bool folds = (tp__is_float(call->dtype) || tp__dtype_size((tp_dtype)x->dtype) == 1) &&
                 x->size > 0 && sum_takes_last(x, &call->attr);
    call->divisor = divisor;
    call->folds = folds ? reduce_count(x, &call->attr) : 0;
}

static bool sum_infer(tp__call *call)
{
    reduce_infer(call);
    if (!tp__is_float(call->dtype))
        call->dtype = TP_I64;
    sum_divides(call, 1);
    return true;
}

static bool mean_infer(tp__call *call)
{
    reduce_infer(call);
    sum_divides(call, (double)reduce_count(call->in[0], &call->attr));
    return true;
}

static bool reduce_fold(tp__call *call, tp__reduction kind, double divisor)
{
    call->flops = (double)call->in[0]->size;
    return tp__fold(kind, call->out, call->in[0], reduce_mask(&call->attr), divisor);
}

static bool sum_forward(tp__call *call)
{
    return reduce_fold(call, TP__SUM, call->divisor);
}

/* The gradient of a sum over all of x: written out, so that what is next on the way finds it in
 * order. NULL if x is not of few elements, or the sweep records. */
static tp_var *sum_gradient_few(const tp__pull *pull, double divisor)
{
    const tp_var *x = pull->x[0], *gy = pull->gy;
    tp_dtype dtype = (tp_dtype)x->dtype;
    if (pull->record || x->size > REDUCE_FEW || x->size == 0 || gy->size != 1 || !gy->data ||
        gy->dtype != dtype || !(dtype == TP_F32 || dtype == TP_F64))
        return NULL;
    tp_var *gx = tp__empty(dtype, x->ndim, tp__shape(x));
    if (!tp_is_poison(gx)) {
        tp__write_element(dtype, gx->data, tp__read_element(dtype, gy->data) / divisor);
        tp__repeat_element(gx->data, gx->size, tp__dtype_size(dtype));
        gx->flags |= TP__UNRECORDED;
    }
    return gx;
}

static void sum_gradient(const tp__pull *pull)
{
    tp_var *few = sum_gradient_few(pull, 1);
    pull->gx[0] = few ? few : reduce_spread(pull->gy, pull->x[0], &pull->y->attr);
}

static void mean_gradient(const tp__pull *pull)
{
    const tp__attr *attr = &pull->y->attr;
    double n = (double)reduce_count(pull->x[0], attr);
    tp_var *few = sum_gradient_few(pull, n);
    pull->gx[0] = few ? few : reduce_spread(tp_div(pull->gy, n), pull->x[0], attr);
}

/* --- max and min --- */

static bool extreme_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    char text[TP__SHAPE_TEXT];
    if (reduce_count(x, &call->attr) > 0)
        return reduce_infer(call);
    tp_fail(TP_ERROR_SHAPE, "%s: nothing to choose from in shape %s", call->op->name,
            tp__shape_text(text, x->ndim, tp__shape(x)));
    return false;
}

static bool max_forward(tp__call *call)
{
    return reduce_fold(call, TP__MAX, 1);
}

static bool min_forward(tp__call *call)
{
    return reduce_fold(call, TP__MIN, 1);
}

/* 1 where an element of x is the one chosen; how many there are for each result. NaN is before all.
 */
static tp_var *extreme_chosen(const tp_var *node, tp_var *x, tp_var *y)
{
    tp_var *equal = tp_eq(x, reduce_spread(tp_detach(y), x, &node->attr));
    return tp__is_float((tp_dtype)x->dtype) ? tp_logical_or(equal, tp_ne(x, x)) : equal;
}

static tp_var *reduce_sum_like(const tp_var *node, const tp_var *x, tp_var *values)
{
    tp_reduce_options options = {.keepdims = node->attr.integer & REDUCE_KEEP,
                                 .size = sizeof options};
    for (int i = 0; i < x->ndim; i++)
        if (reduce_takes(&node->attr, i))
            options.axes.at[options.axes.n++] = i;
    return x->ndim ? (tp_sum)(values, &options) : values;
}

/* gy shared by the elements chosen, in public operations. */
static tp_var *extreme_share(const tp_var *node, tp_var *gy, tp_var *x, tp_var *y)
{
    tp_var *chosen = extreme_chosen(node, x, y);
    tp_var *share = tp_div(gy, tp_to(reduce_sum_like(node, x, chosen), (tp_dtype)x->dtype));
    return tp_where(chosen, reduce_spread(share, x, &node->attr), 0);
}

/* Of more elements the operations' threads are quicker. */
enum { EXTREME_ROW = 65536, EXTREME_TASK = 32768 };

typedef struct extreme_job {
    const tp__fold_kernels *kernels;
    tp_dtype dtype;
    const char *x, *y, *g;
    char *to;
    int64_t n, rows, chunk; /* chunk: rows in a task */
} extreme_job;

static void extreme_task(void *ctx, int64_t task)
{
    const extreme_job *job = ctx;
    int64_t item = (int64_t)tp__dtype_size(job->dtype), end = (task + 1) * job->chunk;
    for (int64_t i = task * job->chunk; i < end && i < job->rows; i++)
        job->kernels->share(
            job->n, job->x + i * job->n * item, tp__read_element(job->dtype, job->y + i * item),
            tp__read_element(job->dtype, job->g + i * item), job->to + i * job->n * item);
}

/* The same by a kernel, where the elements of each result lie one after the other and are not many;
 * else NULL. */
static tp_var *extreme_share_rows(const tp_var *node, tp_var *gy, tp_var *x, tp_var *y)
{
    unsigned mask = reduce_mask(&node->attr);
    int kept = x->ndim;
    while (kept > 0 && (mask >> (kept - 1) & 1))
        kept--;
    tp_dtype dtype = (tp_dtype)x->dtype;
    if ((mask & ((1u << kept) - 1)) || !(dtype == TP_F32 || dtype == TP_F64) || !y->size)
        return NULL;
    extreme_job job = {.dtype = dtype, .n = x->size / y->size, .rows = y->size};
    if (job.n > EXTREME_ROW)
        return NULL;
    tp_var *to = tp__empty(dtype, x->ndim, tp__shape(x));
    x = tp__plain(x), y = tp__plain(y), gy = tp__plain(gy);
    if (tp_is_poison(to) || tp_is_poison(x) || tp_is_poison(y) || tp_is_poison(gy))
        return tp__poison();
    job.kernels = tp__fold_choose(TP__MAX, dtype);
    job.x = x->data, job.y = y->data, job.g = gy->data, job.to = to->data;
    job.chunk = EXTREME_TASK / job.n + 1;
    tp__parallel((job.rows - 1) / job.chunk + 1, (double)x->size * 0.3, extreme_task, &job);
    return to;
}

static void extreme_gradient(const tp__pull *pull)
{
    tp_var *x = tp_detach(pull->x[0]), *y = pull->y, *gy = pull->gy;
    bool constant = !(gy->flags & TP__NEEDS_GRAD);
    pull->gx[0] = constant ? extreme_share_rows(y, gy, x, y) : NULL;
    if (!pull->gx[0])
        pull->gx[0] = extreme_share(y, gy, x, y);
}

static void extreme_taylor(const tp__jet *jet)
{
    tp_var *x = jet->x[0][0], *y = jet->node;
    tp_var *chosen = extreme_chosen(y, tp_detach(x), y);
    tp_var *count = tp_to(reduce_sum_like(y, x, chosen), (tp_dtype)x->dtype);
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[0][k])
            jet->y[k] = tp_div(reduce_sum_like(y, x, tp_where(chosen, jet->x[0][k], 0)), count);
}

/* --- Records --- */

#define REDUCE_SAMPLES(name)                                                                       \
    static tp_var *name##_sample_all(tp_var *const *x)                                             \
    {                                                                                              \
        return tp_##name(x[0]);                                                                    \
    }                                                                                              \
    static tp_var *name##_sample_axis(tp_var *const *x)                                            \
    {                                                                                              \
        return tp_##name(x[0], .axes = TP_AXES(-1));                                               \
    }                                                                                              \
    static tp_var *name##_sample_keep(tp_var *const *x)                                            \
    {                                                                                              \
        return tp_##name(x[0], .axes = TP_AXES(0, 2), .keepdims = true);                           \
    }

REDUCE_SAMPLES(sum)
REDUCE_SAMPLES(mean)
REDUCE_SAMPLES(max)
REDUCE_SAMPLES(min)

#define REDUCE_RECORD(label_, name_, formula_, torch_, flags_, reads_, infer_, forward_,           \
                      gradient_, taylor_, rule_, domain_)                                          \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 1,                                                                                 \
        .flags = flags_,                                                                           \
        .reads = {reads_},                                                                         \
        .infer = infer_,                                                                           \
        .forward = forward_,                                                                       \
        .folds = reduce_folds,                                                                     \
        .gradient = gradient_,                                                                     \
        .taylor = taylor_,                                                                         \
        .formula = formula_,                                                                       \
        .rule = rule_,                                                                             \
        .domain = domain_,                                                                         \
        .samples = (const tp__sample[]){{"", name_##_sample_all, "x0." #torch_ "()"},              \
                                        {"2,3", name_##_sample_all, "x0." #torch_ "()"},           \
                                        {"2,3", name_##_sample_axis, "x0." #torch_ "(-1)"},        \
                                        {"2,3,2", name_##_sample_keep,                             \
                                         "x0." #torch_ "((0, 2), keepdim=True)"},                  \
                                        {0}},                                                      \
    };

REDUCE_RECORD(Sum, sum, "Σ x over axes", sum, TP__LINEAR, 0, sum_infer, sum_forward, sum_gradient,
              NULL, "gy repeated over x's shape", TP__ANYWHERE)
REDUCE_RECORD(Mean, mean, "Σ x / n over axes", mean, TP__LINEAR, 0, mean_infer, sum_forward,
              mean_gradient, NULL, "gy / n repeated over x's shape", TP__ANYWHERE)
REDUCE_RECORD(Max, max, "the largest of x over axes", amax, TP__SELECTS,
              TP__READS_0 | TP__READS_OUT, extreme_infer, max_forward, extreme_gradient,
              extreme_taylor, "gy / ties where x = y, else 0", TP__DISTINCT)
REDUCE_RECORD(Min, min, "the smallest of x over axes", amin, TP__SELECTS,
              TP__READS_0 | TP__READS_OUT, extreme_infer, min_forward, extreme_gradient,
              extreme_taylor, "gy / ties where x = y, else 0", TP__DISTINCT)

/* --- Calls --- */

/* The sum or mean over all of an array of few elements, without the steps of tp__apply; NULL if it
 * takes these, or it is another reduction. */
static tp_var *reduce_few(const tp__op *op, tp_var *x, tp__attr attr)
{
    tp__thread *t = tp__here();
    if ((op != &sum_op && op != &mean_op) || x->ndim == 0 || x->size > REDUCE_FEW || x->size == 0 ||
        attr.integer != (1 << x->ndim) - 1 || !tp__few_take(t, x, x))
        return NULL;
    tp_var *y = tp__node_array(t, (tp_dtype)x->dtype, 0, NULL);
    if (y)
        tp__fold(TP__SUM, y, x, reduce_mask(&attr), op == &mean_op ? (double)x->size : 1);
    return tp__few_result(t, y, op, &x, 1, attr);
}

static tp_var *reduce_apply(const tp__op *op, tp_var *x, const tp_reduce_options *given)
{
    tp_reduce_options options = TP_OPTIONS(tp_reduce_options);
    if (!tp__check_operand(op->name, x))
        return tp__poison();
    if (!tp__take_options(op->name, &options, sizeof options, given))
        return tp__poison();
    unsigned mask;
    if (!tp__take_axes(op->name, &options.axes, x, &mask))
        return tp__poison();
    tp__attr attr = {.integer = (int64_t)mask | (options.keepdims ? REDUCE_KEEP : 0)};
    tp_var *few = reduce_few(op, x, attr);
    return few ? few : tp__apply(op, &x, 1, attr, -1, NULL);
}

tp_var *(tp_sum)(tp_var *x, const tp_reduce_options *options)
{
    return reduce_apply(&sum_op, x, options);
}

tp_var *(tp_mean)(tp_var *x, const tp_reduce_options *options)
{
    if (x && !tp__is_float((tp_dtype)x->dtype))
        x = tp_to(x, TP_F64);
    return reduce_apply(&mean_op, x, options);
}

tp_var *(tp_max)(tp_var *x, const tp_reduce_options *options)
{
    return reduce_apply(&max_op, x, options);
}

tp_var *(tp_min)(tp_var *x, const tp_reduce_options *options)
{
    return reduce_apply(&min_op, x, options);
}

static const tp__op *const reduce_ops[] = {&sum_op, &mean_op, &max_op, &min_op, NULL};

const tp__family tp__family_reduce = {"reduce", "reductions", reduce_ops};
