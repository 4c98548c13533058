/* SPDX-License-Identifier: MIT
 *
 * Normalization as layers: weight and bias, ones and zeros at the beginning, and what batch norm
 * has seen in training.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/layers.h"

#include <stdio.h>
#include <string.h>

#include "nn/layer.h"
#include "tinypytorch/functional.h"

enum { WEIGHT, BIAS, RUNNING_MEAN, RUNNING_VAR, BATCHES };

typedef struct norm {
    int ndim; /* of the axes at the end, or 0 */
    int64_t groups, channels;
    tp_normalization_options options;
    tp_batch_options batch;
} norm;

static void describe(const tp_module *m, char *text, size_t size)
{
    const norm *self = tp_module_self(m);
    if (self->groups)
        snprintf(text, size, "%lld in %lld groups", (long long)self->channels,
                 (long long)self->groups);
    else
        snprintf(text, size, "%lld", (long long)self->channels);
}

static tp_var *layer_forward(tp_module *m, tp_var *x)
{
    const norm *self = tp_module_self(m);
    return tp_layer_norm(x, self->ndim, tp__module_held(m, WEIGHT), tp__module_held(m, BIAS),
                         &self->options);
}

static tp_var *rms_forward(tp_module *m, tp_var *x)
{
    const norm *self = tp_module_self(m);
    return tp_rms_norm(x, self->ndim, tp__module_held(m, WEIGHT), &self->options);
}

static tp_var *group_forward(tp_module *m, tp_var *x)
{
    const norm *self = tp_module_self(m);
    return tp_group_norm(x, self->groups, tp__module_held(m, WEIGHT), tp__module_held(m, BIAS),
                         &self->options);
}

static tp_var *instance_forward(tp_module *m, tp_var *x)
{
    const norm *self = tp_module_self(m);
    return tp_instance_norm(x, tp__module_held(m, WEIGHT), tp__module_held(m, BIAS),
                            &self->options);
}

static tp_var *batch_forward(tp_module *m, tp_var *x)
{
    const norm *self = tp_module_self(m);
    tp_batch_options o = self->batch;
    o.training = !m->eval;
    o.num_batches_tracked = tp__module_held(m, BATCHES);
    return tp_batch_norm_(x, tp__module_held(m, RUNNING_MEAN), tp__module_held(m, RUNNING_VAR),
                          tp__module_held(m, WEIGHT), tp__module_held(m, BIAS), &o);
}

static bool take(const char *call, tp_norm_layer_options *o, const tp_norm_layer_options *given)
{
    return tp__take_options(call, o, sizeof *o, given) && tp__layer_dtype(call, o->dtype) &&
           tp__check_within(call, ".eps", o->eps, 0, 1e300);
}

static bool add_affine(tp_module *m, const tp_norm_layer_options *o, int ndim, const int64_t *shape,
                       bool bias)
{
    bool good = o->affine ? tp__layer_filled(m, "weight", o->dtype, ndim, shape, 1)
                          : tp__layer_without(m, "weight");
    if (!good || !bias)
        return good;
    return o->affine ? tp__layer_filled(m, "bias", o->dtype, ndim, shape, 0)
                     : tp__layer_without(m, "bias");
}

static tp_module *norm_new(const tp_module_class *is, const tp_norm_layer_options *o, int ndim,
                           const int64_t *shape, bool bias)
{
    tp_module *m = tp_module_new(is);
    if (!m)
        return NULL;
    norm *self = tp_module_self(m);
    const tp_normalization_options defaults = TP_OPTIONS(tp_normalization_options);
    self->ndim = ndim;
    self->options = defaults;
    self->options.eps = o->eps;
    self->channels = 1;
    for (int i = 0; i < ndim; i++)
        self->channels *= shape[i];
    return tp__layer_done(m, add_affine(m, o, ndim, shape, bias));
}

static tp_module *by_shape(const char *call, const tp_module_class *is, int ndim,
                           const int64_t *shape, bool bias, const tp_norm_layer_options *options)
{
    tp_norm_layer_options o = TP_OPTIONS(tp_norm_layer_options);
    if (!take(call, &o, options) || !tp__check_shape(call, ndim, shape))
        return NULL;
    int64_t n = 1;
    bool counted = ndim > 0;
    for (int i = 0; i < ndim && counted; i++)
        counted = !__builtin_mul_overflow(n, shape[i], &n);
    if (!counted) {
        tp_fail(TP_ERROR_SHAPE, "%s: %s", call,
                ndim ? "more elements than can be counted" : "no axes, expected 1 at least");
        return NULL;
    }
    return norm_new(is, &o, ndim, shape, bias);
}

tp_module *(tp_layer_norm_new)(int ndim, const int64_t *shape, const tp_norm_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "LayerNorm",
                                       .self = sizeof(norm),
                                       .forward = layer_forward,
                                       .describe = describe};
    return by_shape("layer_norm_new", &is, ndim, shape, true, options);
}

tp_module *(tp_rms_norm_new)(int ndim, const int64_t *shape, const tp_norm_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "RMSNorm",
                                       .self = sizeof(norm),
                                       .forward = rms_forward,
                                       .describe = describe};
    return by_shape("rms_norm_new", &is, ndim, shape, false, options);
}

static tp_module *by_channels(const char *call, const tp_module_class *is, int64_t groups,
                              int64_t channels, const tp_norm_layer_options *options)
{
    tp_norm_layer_options o = TP_OPTIONS(tp_norm_layer_options);
    if (!take(call, &o, options) || !tp__layer_count(call, "channels", channels))
        return NULL;
    tp_module *m = norm_new(is, &o, 1, &channels, true);
    if (m)
        ((norm *)tp_module_self(m))->groups = groups;
    return m;
}

tp_module *(tp_group_norm_new)(int64_t groups, int64_t channels,
                               const tp_norm_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "GroupNorm",
                                       .self = sizeof(norm),
                                       .forward = group_forward,
                                       .describe = describe};
    if (!tp__layer_count("group_norm_new", "groups", groups))
        return NULL;
    if (channels % groups) {
        tp_fail(TP_ERROR_ARGUMENT, "group_norm_new: %lld channels do not fall in %lld groups",
                (long long)channels, (long long)groups);
        return NULL;
    }
    return by_channels("group_norm_new", &is, groups, channels, options);
}

tp_module *(tp_instance_norm_new)(int64_t channels, const tp_norm_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "InstanceNorm",
                                       .self = sizeof(norm),
                                       .forward = instance_forward,
                                       .describe = describe};
    return by_channels("instance_norm_new", &is, 0, channels, options);
}

static bool add_buffer(tp_module *m, const char *name, tp_var *v)
{
    return !tp_is_poison(tp_module_add_buffer(m, name, v));
}

tp_module *(tp_batch_norm_new)(int64_t channels, const tp_norm_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "BatchNorm",
                                       .self = sizeof(norm),
                                       .forward = batch_forward,
                                       .describe = describe};
    tp_norm_layer_options o = TP_OPTIONS(tp_norm_layer_options);
    if (!take("batch_norm_new", &o, options) ||
        (o.momentum != TP_AUTO &&
         !tp__check_within("batch_norm_new", ".momentum", o.momentum, 0, 1)))
        return NULL;
    tp_module *m = by_channels("batch_norm_new", &is, 0, channels, &o);
    if (!m)
        return NULL;
    norm *self = tp_module_self(m);
    const tp_batch_options defaults = TP_OPTIONS(tp_batch_options);
    self->batch = defaults;
    self->batch.eps = o.eps;
    self->batch.cumulative = o.momentum == TP_AUTO;
    if (!self->batch.cumulative)
        self->batch.momentum = o.momentum;
    size_t scope = tp_scope_begin();
    bool good = add_buffer(m, "running_mean", tp_zeros(o.dtype, 1, &channels)) &&
                add_buffer(m, "running_var", tp_ones(o.dtype, 1, &channels)) &&
                add_buffer(m, "num_batches_tracked", tp_zeros(TP_I64, 0, NULL));
    tp_scope_end(scope);
    return tp__layer_done(m, good);
}
