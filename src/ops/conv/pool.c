/* SPDX-License-Identifier: MIT
 *
 * Pooling. The largest of each window is chosen by value; its place is looked for again where a
 * gradient or a Taylor series needs it: by the fused gradient, or as indices, for pool_take and
 * pool_put, which are linear in their first operand and each other's gradients. Means are linear:
 * avg_pool and avg_pool_back are each other's gradients.
 */
#include "base/features.h"

#include "array/array.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "ops/conv/pool.h"
#include "ops/families.h"
#include "tinypytorch.h"

static const tp__pool_attr *pool_attr_of(const tp__attr *attr)
{
    return attr->block;
}

/* --- The largest --- */

static bool max_pool_indices_infer(tp__call *call)
{
    tp__pool_infer(call);
    call->dtype = TP_I64;
    return true;
}

static const tp__op max_pool_op, max_pool_indices_op, pool_take_op, pool_put_op, avg_pool_op,
    avg_pool_back_op;

static tp_var *pool_indices(tp_var *x, const tp__pool_attr *attr)
{
    x = tp_detach(x);
    return tp__pool_apply(&max_pool_indices_op, &x, 1, attr);
}

static void max_pool_gradient(const tp__pull *pull)
{
    const tp__pool_attr *attr = pool_attr_of(&pull->y->attr);
    tp_var *x = pull->x[0];
    if (!pull->record) {
        pull->gx[0] = tp__max_pool_spread(x, pull->gy, attr);
        return;
    }
    tp_var *in[] = {pull->gy, pool_indices(x, attr)};
    pull->gx[0] = tp__pool_apply(&pool_put_op, in, 2, attr);
}

static void max_pool_taylor(const tp__jet *jet)
{
    const tp__pool_attr *attr = pool_attr_of(&jet->node->attr);
    tp_var *index = pool_indices(jet->x[0][0], attr);
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[0][k])
            jet->y[k] = tp__pool_apply(&pool_take_op, (tp_var *[]){jet->x[0][k], index}, 2, attr);
}

static void pool_indexed_gradient(const tp__pull *pull, const tp__op *back)
{
    tp_var *in[] = {pull->gy, pull->x[1]};
    pull->gx[0] = tp__pool_apply(back, in, 2, pool_attr_of(&pull->y->attr));
}

static void pool_take_gradient(const tp__pull *pull)
{
    pool_indexed_gradient(pull, &pool_put_op);
}

static void pool_put_gradient(const tp__pull *pull)
{
    pool_indexed_gradient(pull, &pool_take_op);
}

static void pool_indexed_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[0][k])
            jet->y[k] = tp__apply_again(jet->node, (tp_var *[]){jet->x[0][k], jet->x[1][0]});
}

/* --- Means --- */

static void avg_pool_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp__pool_apply(&avg_pool_back_op, &pull->gy, 1, pool_attr_of(&pull->y->attr));
}

static void avg_pool_back_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp__pool_apply(&avg_pool_op, &pull->gy, 1, pool_attr_of(&pull->y->attr));
}

/* --- Calls --- */

static tp_var *pool_floating(tp_var *x)
{
    return x && !tp_is_poison(x) && !tp__is_float((tp_dtype)x->dtype) ? tp_to(x, TP_F64) : x;
}

static tp_var *max_pool_call(const char *name, int ndim, tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options)
{
    tp__pool_attr attr;
    bool asked = options && options->size >= sizeof *options && options->indices;
    if (asked)
        *options->indices = tp__poison();
    if (!tp__pool_check(name, ndim, x, n, kernel, options, &attr))
        return tp__poison();
    if (!attr.padding_counts || attr.divisor != TP_AUTO)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: exclude_padding and divisor are for averages", name);
    x = pool_floating(x);
    tp_var *y = tp__pool_apply(&max_pool_op, &x, 1, &attr);
    if (asked)
        *options->indices = pool_indices(x, &attr);
    return y;
}

static tp_var *avg_pool_call(const char *name, int ndim, tp_var *x, int n, const int64_t *kernel,
                             const tp_pool_options *options)
{
    tp__pool_attr attr;
    if (!tp__pool_check(name, ndim, x, n, kernel, options, &attr))
        return tp__poison();
    if (options && options->size >= sizeof *options && options->indices)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: indices are for the largest elements", name);
    for (int i = 0; i < ndim; i++)
        if (attr.dilation[i] != 1)
            return tp_fail(TP_ERROR_ARGUMENT, "%s: dilation is for the largest elements", name);
    x = pool_floating(x);
    return tp__pool_apply(&avg_pool_op, &x, 1, &attr);
}

static tp_var *adaptive_call(const char *name, const tp__op *op, int ndim, tp_var *x, int n,
                             const int64_t *size)
{
    tp__pool_attr attr;
    if (!tp__pool_check_adaptive(name, ndim, x, n, size, &attr))
        return tp__poison();
    x = pool_floating(x);
    return tp__pool_apply(op, &x, 1, &attr);
}

#define POOL_CALL(function, kind, ndim)                                                            \
    tp_var *(function)(tp_var * x, int n, const int64_t *kernel, const tp_pool_options *options)   \
    {                                                                                              \
        return kind##_pool_call(TP__AFTER_PREFIX(#function), ndim, x, n, kernel, options);         \
    }

POOL_CALL(tp_max_pool1d, max, 1)
POOL_CALL(tp_max_pool2d, max, 2)
POOL_CALL(tp_max_pool3d, max, 3)
POOL_CALL(tp_avg_pool1d, avg, 1)
POOL_CALL(tp_avg_pool2d, avg, 2)
POOL_CALL(tp_avg_pool3d, avg, 3)

#define POOL_ADAPTIVE(function, op, ndim)                                                          \
    tp_var *function(tp_var *x, int n, const int64_t *size)                                        \
    {                                                                                              \
        return adaptive_call(TP__AFTER_PREFIX(#function), &op, ndim, x, n, size);                  \
    }

POOL_ADAPTIVE(tp_adaptive_avg_pool1d, avg_pool_op, 1)
POOL_ADAPTIVE(tp_adaptive_avg_pool2d, avg_pool_op, 2)
POOL_ADAPTIVE(tp_adaptive_max_pool1d, max_pool_op, 1)
POOL_ADAPTIVE(tp_adaptive_max_pool2d, max_pool_op, 2)

/* --- Records --- */

static tp_var *max_pool_sample_1(tp_var *const *x)
{
    return tp_max_pool1d(x[0], TP_SHAPE(3), .stride = TP_SIZES(2), .padding = TP_SIZES(1));
}

static tp_var *max_pool_sample_2(tp_var *const *x)
{
    return tp_max_pool2d(x[0], TP_SHAPE(2));
}

static tp_var *max_pool_sample_ceil(tp_var *const *x)
{
    return tp_max_pool2d(x[0], TP_SHAPE(2, 3), .stride = TP_SIZES(2, 1), .dilation = TP_SIZES(1, 2),
                         .padding = TP_SIZES(1, 1), .ceil_mode = true);
}

static tp_var *max_pool_sample_3(tp_var *const *x)
{
    return tp_max_pool3d(x[0], TP_SHAPE(2, 1, 2), .stride = TP_SIZES(1));
}

static tp_var *max_pool_sample_adaptive(tp_var *const *x)
{
    return tp_adaptive_max_pool2d(x[0], TP_SHAPE(2, 3));
}

static tp_var *max_pool_indices_sample(tp_var *const *x)
{
    tp_var *index;
    tp_max_pool2d(x[0], TP_SHAPE(2), .stride = TP_SIZES(1), .indices = &index);
    return index;
}

static tp_var *pool_take_sample(tp_var *const *x)
{
    tp__pool_attr attr;
    if (!tp__pool_check("pool_take", 2, x[0], TP_SHAPE(2), NULL, &attr))
        return tp__poison();
    tp_var *given = pool_floating(x[0]);
    return tp__pool_apply(&pool_take_op, (tp_var *[]){given, pool_indices(given, &attr)}, 2, &attr);
}

static tp_var *pool_put_sample(tp_var *const *x)
{
    tp__pool_attr attr;
    tp_var *y = pool_take_sample(x);
    if (tp_is_poison(y) || !tp__pool_check("pool_put", 2, x[0], TP_SHAPE(2), NULL, &attr))
        return tp__poison();
    tp_var *in[] = {y, pool_indices(pool_floating(x[0]), &attr)};
    return tp__pool_apply(&pool_put_op, in, 2, &attr);
}

static tp_var *avg_pool_sample_1(tp_var *const *x)
{
    return tp_avg_pool1d(x[0], TP_SHAPE(3), .stride = TP_SIZES(2), .padding = TP_SIZES(1),
                         .ceil_mode = true);
}

static tp_var *avg_pool_sample_2(tp_var *const *x)
{
    return tp_avg_pool2d(x[0], TP_SHAPE(2, 3), .stride = TP_SIZES(1, 2), .padding = TP_SIZES(1),
                         .exclude_padding = true);
}

static tp_var *avg_pool_sample_divisor(tp_var *const *x)
{
    return tp_avg_pool2d(x[0], TP_SHAPE(2), .divisor = 3);
}

static tp_var *avg_pool_sample_3(tp_var *const *x)
{
    return tp_avg_pool3d(x[0], TP_SHAPE(1, 2, 2), .padding = TP_SIZES(0, 1, 0));
}

static tp_var *avg_pool_sample_adaptive(tp_var *const *x)
{
    return tp_adaptive_avg_pool2d(x[0], TP_SHAPE(2, 3));
}

static tp_var *avg_pool_sample_shared(tp_var *const *x)
{
    return tp_adaptive_avg_pool1d(x[0], TP_SHAPE(3));
}

static tp_var *avg_pool_back_sample(tp_var *const *x)
{
    tp__pool_attr attr;
    tp_var *y = (tp_avg_pool2d)(x[0], TP_SHAPE(2), NULL);
    if (tp_is_poison(y) || !tp__pool_check("avg_pool_back", 2, x[0], TP_SHAPE(2), NULL, &attr))
        return tp__poison();
    return tp__pool_apply(&avg_pool_back_op, &y, 1, &attr);
}

static const tp__op max_pool_op = {
    .label = "MaxPool",
    .name = "max_pool",
    .n_in = 1,
    .flags = TP__SELECTS,
    .reads = {TP__READS_0},
    TP__OWNS_BLOCK(tp__pool_attr),
    .infer = tp__pool_infer,
    .forward = tp__max_pool,
    .gradient = max_pool_gradient,
    .taylor = max_pool_taylor,
    .formula = "the largest of each window",
    .rule = "gy at the first largest element, else 0",
    .domain = TP__DISTINCT,
    .torch = "F.max_pool1d, F.max_pool2d, F.max_pool3d, F.adaptive_max_pool1d, "
             "F.adaptive_max_pool2d",
    .samples =
        (const tp__sample[]){
            {"2,1,6", max_pool_sample_1, "F.max_pool1d(x0, 3, 2, 1)"},
            {"2,3,4,5", max_pool_sample_2, "F.max_pool2d(x0, 2)"},
            {"1,4,5", max_pool_sample_ceil, "F.max_pool2d(x0, (2, 3), (2, 1), 1, (1, 2), True)"},
            {"1,1,3,2,4", max_pool_sample_3, "F.max_pool3d(x0, (2, 1, 2), 1)"},
            {"1,5,4", max_pool_sample_adaptive, "F.adaptive_max_pool2d(x0, (2, 3))"},
            {0}},
};

static const tp__op max_pool_indices_op = {
    .label = "MaxPoolIndices",
    .name = "max_pool_indices",
    .n_in = 1,
    TP__OWNS_BLOCK(tp__pool_attr),
    .infer = max_pool_indices_infer,
    .forward = tp__max_pool_indices,
    .formula = "the first largest element's place in the plane",
    .rule = "none",
    .domain = TP__DISTINCT,
    .torch = "F.max_pool2d(…, return_indices=True)",
    .samples = (const tp__sample[]){{"2,4,3", max_pool_indices_sample,
                                     "F.max_pool2d(x0, 2, 1, return_indices=True)[1]"},
                                    {0}},
};

static const tp__op pool_take_op = {
    .label = "PoolTake",
    .name = "pool_take",
    .n_in = 2,
    .flags = TP__SELECTS,
    .reads = {TP__READS_1},
    TP__OWNS_BLOCK(tp__pool_attr),
    .infer = tp__pool_infer,
    .forward = tp__pool_take,
    .gradient = pool_take_gradient,
    .taylor = pool_indexed_taylor,
    .formula = "x[index], in each plane",
    .rule = "pool_put(gy, index)",
    .domain = TP__DISTINCT,
    .torch = "torch.gather",
    .samples = (const tp__sample[]){{"2,4,3", pool_take_sample, "F.max_pool2d(x0, 2)"}, {0}},
};

static const tp__op pool_put_op = {
    .label = "PoolPut",
    .name = "pool_put",
    .n_in = 2,
    .flags = TP__SELECTS,
    .reads = {TP__READS_1},
    TP__OWNS_BLOCK(tp__pool_attr),
    .infer = tp__pool_infer_back,
    .forward = tp__pool_put,
    .gradient = pool_put_gradient,
    .taylor = pool_indexed_taylor,
    .formula = "zeros, with x added at index, in each plane",
    .rule = "pool_take(gy, index)",
    .domain = TP__DISTINCT,
    .torch = "F.max_unpool2d",
    .samples =
        (const tp__sample[]){{"2,4,6", pool_put_sample,
                              "F.max_unpool2d(*F.max_pool2d(x0, 2, return_indices=True), 2)"},
                             {0}},
};

static const tp__op avg_pool_op = {
    .label = "AvgPool",
    .name = "avg_pool",
    .n_in = 1,
    .flags = TP__LINEAR,
    TP__OWNS_BLOCK(tp__pool_attr),
    .infer = tp__pool_infer,
    .forward = tp__avg_pool,
    .gradient = avg_pool_gradient,
    .formula = "the mean of each window",
    .rule = "avg_pool_back(gy)",
    .torch = "F.avg_pool1d, F.avg_pool2d, F.avg_pool3d, F.adaptive_avg_pool1d, "
             "F.adaptive_avg_pool2d",
    .samples =
        (const tp__sample[]){
            {"2,1,6", avg_pool_sample_1, "F.avg_pool1d(x0, 3, 2, 1, True)"},
            {"2,4,5", avg_pool_sample_2,
             "F.avg_pool2d(x0, (2, 3), (1, 2), 1, count_include_pad=False)"},
            {"1,2,3,4", avg_pool_sample_divisor, "F.avg_pool2d(x0, 2, divisor_override=3)"},
            {"1,1,2,3,4", avg_pool_sample_3, "F.avg_pool3d(x0, (1, 2, 2), padding=(0, 1, 0))"},
            {"1,5,4", avg_pool_sample_adaptive, "F.adaptive_avg_pool2d(x0, (2, 3))"},
            {"3,1,4", avg_pool_sample_shared, "F.adaptive_avg_pool1d(x0, 3)"},
            {0}},
};

static const tp__op avg_pool_back_op = {
    .label = "AvgPoolBack",
    .name = "avg_pool_back",
    .n_in = 1,
    .flags = TP__LINEAR,
    TP__OWNS_BLOCK(tp__pool_attr),
    .infer = tp__pool_infer_back,
    .forward = tp__avg_pool_back,
    .gradient = avg_pool_back_gradient,
    .formula = "x shared out among each window's elements",
    .rule = "avg_pool(gy)",
    .samples = (const tp__sample[]){{"1,1,4,6", avg_pool_back_sample,
                                     "F.interpolate(F.avg_pool2d(x0, 2), scale_factor=2) / 4"},
                                    {0}},
};

static const tp__op *const pool_ops[] = {&max_pool_op, &max_pool_indices_op, &pool_take_op,
                                         &pool_put_op, &avg_pool_op,         &avg_pool_back_op,
                                         NULL};

const tp__family tp__family_pool = {"pool", "pooling", pool_ops};
