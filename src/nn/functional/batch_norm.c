/* SPDX-License-Identifier: MIT
 *
 * Batch norm with buffers of what was seen in training. The buffers' new elements are computed
 * first, all of them, and only then put where the old ones are, so that an error leaves both.
 */
#include "base/features.h"

#include <float.h>

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "nn/functional/functional.h"
#include "ops/network/rows.h"
#include "tinypytorch.h"

static const char batch_call[] = "batch_norm_";

/* What a batch's channels have: means, and variances that divide by n − 1. */
typedef struct batch_statistics {
    tp_var *mean, *variance;
} batch_statistics;

/* From what y keeps, unless ε has taken the variance's digits. */
static bool batch_from_kept(const tp_var *x, tp_var *y, double epsilon, batch_statistics *to)
{
    const double *kept = tp__batch_norm_kept(y);
    int64_t channels = tp__shape(x)[1];
    double n = (double)(x->size / channels);
    if (!kept)
        return false;
    to->mean = tp_zeros(TP_F64, 1, &channels);
    to->variance = tp_zeros(TP_F64, 1, &channels);
    double *mean = tp_is_poison(to->mean) ? NULL : tp_data_(to->mean);
    double *variance = tp_is_poison(to->variance) ? NULL : tp_data_(to->variance);
    for (int64_t c = 0; mean && variance && c < channels; c++) {
        double scale = kept[channels + c], biased = 1 / (scale * scale) - epsilon;
        if (!(biased > epsilon) || !(biased <= DBL_MAX))
            return false;
        mean[c] = kept[c];
        variance[c] = biased * (n / (n - 1));
    }
    return mean && variance;
}

static batch_statistics batch_statistics_of(tp_var *x, tp_var *y, double epsilon)
{
    batch_statistics own;
    if (batch_from_kept(x, y, epsilon, &own))
        return own;
    tp_axes axes = {.n = 0};
    for (int i = 0; i < x->ndim; i++)
        if (i != 1)
            axes.at[axes.n++] = i;
    tp_var *exact = tp__floating(tp__addend(tp_detach(x)));
    own.mean = tp_mean(exact, .axes = axes);
    own.variance = tp_variance(exact, .axes = axes);
    return own;
}

/* (1 − share) old + share new, in the wider type, as old's. */
static tp_var *batch_mixed(tp_var *old, tp_var *new, double share)
{
    tp_var *mixed = tp_add(tp_mul(1 - share, tp_detach(old)), tp_mul(share, new));
    return tp_is_poison(mixed) ? mixed : tp_to(mixed, (tp_dtype)old->dtype);
}

static void batch_update(tp_var *x, tp_var *y, tp_var *mean, tp_var *variance,
                         const tp_batch_options *o)
{
    tp_var *count = o->num_batches_tracked;
    double share = o->momentum;
    if (o->cumulative)
        share = 1 / (tp_item(count) + 1);
    batch_statistics new = batch_statistics_of(x, y, o->eps);
    tp_var *buffers[] = {mean, variance, count};
    tp_var *elements[] = {batch_mixed(mean, new.mean, share),
                          batch_mixed(variance, new.variance, share),
                          count ? tp_add(count, tp_num_int(1)) : NULL};
    int n = count ? 3 : 2;
    for (int i = 0; i < n; i++)
        if (tp_is_poison(elements[i]) || !tp__edit(buffers[i]))
            return;
    if (tp__evaluate_all(elements, n))
        for (int i = 0; i < n; i++)
            tp_copy_(buffers[i], elements[i]); /* takes no memory any more */
}

/* True if v can be a buffer of x's channels. */
static bool batch_buffer(const char *what, const tp_var *v, const tp_var *x)
{
    if (!tp__check_named(batch_call, what, v))
        return false;
    if (!tp__is_float((tp_dtype)v->dtype) || tp_requires_grad(v)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %s, expected a constant of a floating type",
                batch_call, what,
                tp_requires_grad(v) ? "a variable" : tp_dtype_name((tp_dtype)v->dtype));
        return false;
    }
    if (tp__same_shape(v, 1, tp__shape(x) + 1))
        return true;
    tp__refuse_shape(batch_call, what, v, "(%lld,): one for each channel",
                     (long long)tp__shape(x)[1]);
    return false;
}

static bool batch_options(const tp_batch_options *given, tp_batch_options *o)
{
    if (!tp__take_options(batch_call, o, sizeof *o, given) ||
        !tp__check_within(batch_call, "eps", o->eps, 0, DBL_MAX) ||
        !tp__check_within(batch_call, "momentum", o->momentum, 0, 1))
        return false;
    const tp_var *count = o->num_batches_tracked;
    if (!count && o->cumulative) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: cumulative needs num_batches_tracked", batch_call);
        return false;
    }
    if (!count)
        return true;
    if (!tp__check_named(batch_call, "num_batches_tracked", count))
        return false;
    if (count->size == 1 && count->dtype == TP_I64)
        return true;
    tp_fail(TP_ERROR_ARGUMENT,
            "%s: num_batches_tracked is %lld elements of %s, expected one of int64", batch_call,
            (long long)count->size, tp_dtype_name((tp_dtype)count->dtype));
    return false;
}

tp_var *(tp_batch_norm_)(tp_var *x, tp_var *running_mean, tp_var *running_var, tp_var *weight,
                         tp_var *bias, const tp_batch_options *options)
{
    TP__CALL("batch_norm_");
    TP__OPERANDS(x);
    TP__OPTIONAL(running_mean, running_var, weight, bias);
    tp_batch_options o = TP_OPTIONS(tp_batch_options);
    if (!tp__check_operand(batch_call, x) || !batch_options(options, &o))
        return tp__poison();
    const tp_normalization_options norm = {.size = sizeof norm, .eps = o.eps};
    if (x->ndim < 2 || tp__shape(x)[1] == 0)
        return tp__refuse_shape(batch_call, "x", x, "(N, C, …)");
    if (!running_mean != !running_var)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "%s: expected both running_mean and running_var, or neither", batch_call);
    bool buffers = running_mean != NULL;
    if (buffers && (!batch_buffer("running_mean", running_mean, x) ||
                    !batch_buffer("running_var", running_var, x)))
        return tp__poison();
    if (buffers && !o.training)
        return (tp_batch_norm)(x, running_mean, running_var, weight, bias, &norm);
    if (o.training && x->size == tp__shape(x)[1])
        return tp__refuse_shape(batch_call, "x", x, "more than one element a channel in training");
    tp_var *y = (tp_batch_norm)(x, NULL, NULL, weight, bias, &norm);
    if (buffers && x->size > 0 && !tp_is_poison(y) && !tp__here()->code) {
        size_t scope = tp_scope_begin();
        batch_update(x, y, running_mean, running_var, &o);
        tp_scope_end(scope);
    }
    return tp__here()->code ? tp__poison() : y;
}

/* --- Record, for tests and the list of operations --- */

static tp_var *batch_norm_buffers_sample(tp_var *const *x)
{
    tp_var *mean = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0.5, -0.5}));
    tp_var *variance = tp_array(TP_F64, TP_SHAPE(2), ((double[]){2, 0.5}));
    return tp_batch_norm_(x[0], mean, variance, tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1);
}

static tp_var *batch_norm_training_sample(tp_var *const *x)
{
    tp_var *mean = tp_zeros(TP_F64, TP_SHAPE(2)), *variance = tp_ones(TP_F64, TP_SHAPE(2));
    return tp_batch_norm_(x[0], mean, variance, tp_add(x[1], 0), tp_add(x[2], 0), .eps = 0.1,
                          .training = true);
}

static const tp__op batch_norm_layer_op = {
    .label = "BatchNormLayer",
    .name = "batch_norm_",
    .n_in = 3,
    .flags = TP__COMPOSITE,
    .formula = "batch_norm; training edits what evaluation goes by",
    .rule = "that of batch_norm",
    .domain = TP__DISTINCT,
    .samples =
        (const tp__sample[]){
            {"3,2,4; 2; 2", batch_norm_training_sample,
             "F.batch_norm(x0, torch.zeros(2).to(x0), torch.ones(2).to(x0), x1, x2, True, 0.1, "
             "0.1)"},
            {"3,2; 2; 2", batch_norm_buffers_sample,
             "F.batch_norm(x0, torch.tensor([0.5, -0.5]).to(x0), torch.tensor([2., 0.5]).to(x0), "
             "x1, x2, False, 0.1, 0.1)"},
            {0}},
};

static const tp__op *const batch_ops[] = {&batch_norm_layer_op, NULL};

const tp__family tp__family_batch_norm = {"batch_norm", "batch norm with buffers", batch_ops};
