/* SPDX-License-Identifier: MIT
 *
 * Convolutions and pooling as layers: a table says which function each is, over how many axes.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/layers.h"

#include <math.h>
#include <stdio.h>

#include "nn/layer.h"

enum { WEIGHT, BIAS };

/* --- Convolutions --- */

typedef struct conv_kind {
    const char *call;
    tp_module_class is;
    tp_var *(*f)(tp_var *x, tp_var *weight, tp_var *bias, const tp_conv_options *options);
    int axes;
    bool transposed;
} conv_kind;

typedef struct conv {
    const conv_kind *kind;
    tp_conv_options options;
} conv;

static tp_var *conv_forward(tp_module *m, tp_var *x)
{
    const conv *self = tp_module_self(m);
    return self->kind->f(x, tp__module_held(m, WEIGHT), tp__module_held(m, BIAS), &self->options);
}

static void conv_describe(const tp_module *m, char *text, size_t size)
{
    const conv *self = tp_module_self(m);
    const tp_var *weight = tp__module_held(m, WEIGHT);
    const int64_t *shape = tp__shape(weight), groups = self->options.groups;
    bool transposed = self->kind->transposed;
    int n = snprintf(text, size, "%lld → %lld, kernel %lld",
                     (long long)(transposed ? shape[0] : shape[1] * groups),
                     (long long)(transposed ? shape[1] * groups : shape[0]), (long long)shape[2]);
    for (int i = 3; i < weight->ndim && n >= 0 && (size_t)n < size; i++)
        n += snprintf(text + n, size - (size_t)n, " × %lld", (long long)shape[i]);
}

#define CONV(call_, f_, name_, axes_, transposed_)                                                 \
    {                                                                                              \
        .call = call_, .f = f_, .axes = axes_, .transposed = transposed_,                          \
        .is = {.size = sizeof(tp_module_class),                                                    \
               .name = name_,                                                                      \
               .self = sizeof(conv),                                                               \
               .forward = conv_forward,                                                            \
               .describe = conv_describe},                                                         \
    }
static const conv_kind conv_kinds[] = {
    CONV("conv1d_new", tp_conv1d, "Conv1d", 1, false),
    CONV("conv2d_new", tp_conv2d, "Conv2d", 2, false),
    CONV("conv3d_new", tp_conv3d, "Conv3d", 3, false),
    CONV("conv_transpose1d_new", tp_conv_transpose1d, "ConvTranspose1d", 1, true),
    CONV("conv_transpose2d_new", tp_conv_transpose2d, "ConvTranspose2d", 2, true),
    CONV("conv_transpose3d_new", tp_conv_transpose3d, "ConvTranspose3d", 3, true),
};

static bool check_conv(const conv_kind *kind, int64_t in, int64_t out, int64_t kernel,
                       const tp_conv_layer_options *o, int64_t *taps)
{
    const tp_sizes all = {.one = kernel};
    bool by_axis = o->kernel.n || o->kernel.one;
    if (!tp__layer_count(kind->call, "in", in) || !tp__layer_count(kind->call, "out", out) ||
        !tp__layer_count(kind->call, ".groups", o->groups) ||
        !tp__layer_dtype(kind->call, o->dtype))
        return false;
    if (by_axis && kernel) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the kernel is given twice, as %lld and as .kernel",
                kind->call, (long long)kernel);
        return false;
    }
    if (in % o->groups || out % o->groups) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %lld and %lld channels do not fall in %lld groups",
                kind->call, (long long)in, (long long)out, (long long)o->groups);
        return false;
    }
    return tp__take_sizes(kind->call, "kernel", by_axis ? &o->kernel : &all, kind->axes, 1, taps);
}

static tp_module *conv_new(const conv_kind *kind, int64_t in, int64_t out, int64_t kernel,
                           const tp_conv_layer_options *options)
{
    tp_conv_layer_options o = TP_OPTIONS(tp_conv_layer_options);
    int64_t shape[TP_MAX_NDIM];
    if (!tp__take_options(kind->call, &o, sizeof o, options) ||
        !check_conv(kind, in, out, kernel, &o, shape + 2))
        return NULL;
    shape[0] = kind->transposed ? in : out;
    shape[1] = (kind->transposed ? out : in) / o.groups;
    double fan_in = (double)shape[1];
    for (int i = 0; i < kind->axes; i++)
        fan_in *= (double)shape[2 + i];
    tp_module *m = tp_module_new(&kind->is);
    if (!m)
        return NULL;
    conv *self = tp_module_self(m);
    const tp_conv_options defaults = TP_OPTIONS(tp_conv_options);
    self->kind = kind;
    self->options = defaults;
    self->options.stride = o.stride;
    self->options.padding = o.padding;
    self->options.dilation = o.dilation;
    self->options.output_padding = o.output_padding;
    self->options.groups = o.groups;
    self->options.same = o.same;
    double bound = 1 / sqrt(fan_in);
    return tp__layer_done(m,
                          tp__layer_uniform(m, "weight", o.dtype, 2 + kind->axes, shape, bound) &&
                              (o.bias ? tp__layer_uniform(m, "bias", o.dtype, 1, &out, bound)
                                      : tp__layer_without(m, "bias")));
}

tp_module *(tp_conv1d_new)(int64_t in, int64_t out, int64_t kernel,
                           const tp_conv_layer_options *options)
{
    return conv_new(conv_kinds, in, out, kernel, options);
}

tp_module *(tp_conv2d_new)(int64_t in, int64_t out, int64_t kernel,
                           const tp_conv_layer_options *options)
{
    return conv_new(conv_kinds + 1, in, out, kernel, options);
}

tp_module *(tp_conv3d_new)(int64_t in, int64_t out, int64_t kernel,
                           const tp_conv_layer_options *options)
{
    return conv_new(conv_kinds + 2, in, out, kernel, options);
}

tp_module *(tp_conv_transpose1d_new)(int64_t in, int64_t out, int64_t kernel,
                                     const tp_conv_layer_options *options)
{
    return conv_new(conv_kinds + 3, in, out, kernel, options);
}

tp_module *(tp_conv_transpose2d_new)(int64_t in, int64_t out, int64_t kernel,
                                     const tp_conv_layer_options *options)
{
    return conv_new(conv_kinds + 4, in, out, kernel, options);
}

tp_module *(tp_conv_transpose3d_new)(int64_t in, int64_t out, int64_t kernel,
                                     const tp_conv_layer_options *options)
{
    return conv_new(conv_kinds + 5, in, out, kernel, options);
}

/* --- Pooling --- */

typedef struct pool_kind {
    const char *call;
    tp_module_class is;
    tp_var *(*f)(tp_var *x, int n, const int64_t *kernel, const tp_pool_options *options);
    tp_var *(*adaptive)(tp_var *x, int n, const int64_t *size);
    int axes;
} pool_kind;

typedef struct pool {
    const pool_kind *kind;
    int64_t kernel[3];
    tp_pool_options options;
} pool;

static tp_var *pool_forward(tp_module *m, tp_var *x)
{
    const pool *self = tp_module_self(m);
    const pool_kind *kind = self->kind;
    return kind->f ? kind->f(x, kind->axes, self->kernel, &self->options)
                   : kind->adaptive(x, kind->axes, self->kernel);
}

static void pool_describe(const tp_module *m, char *text, size_t size)
{
    const pool *self = tp_module_self(m);
    snprintf(text, size, "%s %lld", self->kind->f ? "kernel" : "size", (long long)self->kernel[0]);
}

#define POOL(call_, f_, adaptive_, name_, axes_)                                                   \
    {                                                                                              \
        .call = call_, .f = f_, .adaptive = adaptive_, .axes = axes_,                              \
        .is = {.size = sizeof(tp_module_class),                                                    \
               .name = name_,                                                                      \
               .self = sizeof(pool),                                                               \
               .forward = pool_forward,                                                            \
               .describe = pool_describe},                                                         \
    }
static const pool_kind pool_kinds[] = {
    POOL("max_pool1d_new", tp_max_pool1d, NULL, "MaxPool1d", 1),
    POOL("max_pool2d_new", tp_max_pool2d, NULL, "MaxPool2d", 2),
    POOL("max_pool3d_new", tp_max_pool3d, NULL, "MaxPool3d", 3),
    POOL("avg_pool1d_new", tp_avg_pool1d, NULL, "AvgPool1d", 1),
    POOL("avg_pool2d_new", tp_avg_pool2d, NULL, "AvgPool2d", 2),
    POOL("avg_pool3d_new", tp_avg_pool3d, NULL, "AvgPool3d", 3),
    POOL("adaptive_avg_pool1d_new", NULL, tp_adaptive_avg_pool1d, "AdaptiveAvgPool1d", 1),
    POOL("adaptive_avg_pool2d_new", NULL, tp_adaptive_avg_pool2d, "AdaptiveAvgPool2d", 2),
    POOL("adaptive_max_pool1d_new", NULL, tp_adaptive_max_pool1d, "AdaptiveMaxPool1d", 1),
    POOL("adaptive_max_pool2d_new", NULL, tp_adaptive_max_pool2d, "AdaptiveMaxPool2d", 2),
};

static tp_module *pool_new(const pool_kind *kind, int64_t kernel, const tp_pool_options *options)
{
    tp_pool_options o = TP_OPTIONS(tp_pool_options);
    if (!tp__take_options(kind->call, &o, sizeof o, options) ||
        !tp__layer_count(kind->call, kind->f ? "the kernel" : "the size", kernel))
        return NULL;
    if (o.indices) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: a layer has one result, and no .indices", kind->call);
        return NULL;
    }
    tp_module *m = tp_module_new(&kind->is);
    if (m) {
        pool *self = tp_module_self(m);
        self->kind = kind;
        self->options = o;
        for (int i = 0; i < kind->axes; i++)
            self->kernel[i] = kernel;
    }
    return m;
}

tp_module *(tp_max_pool1d_new)(int64_t kernel, const tp_pool_options *options)
{
    return pool_new(pool_kinds, kernel, options);
}

tp_module *(tp_max_pool2d_new)(int64_t kernel, const tp_pool_options *options)
{
    return pool_new(pool_kinds + 1, kernel, options);
}

tp_module *(tp_max_pool3d_new)(int64_t kernel, const tp_pool_options *options)
{
    return pool_new(pool_kinds + 2, kernel, options);
}

tp_module *(tp_avg_pool1d_new)(int64_t kernel, const tp_pool_options *options)
{
    return pool_new(pool_kinds + 3, kernel, options);
}

tp_module *(tp_avg_pool2d_new)(int64_t kernel, const tp_pool_options *options)
{
    return pool_new(pool_kinds + 4, kernel, options);
}

tp_module *(tp_avg_pool3d_new)(int64_t kernel, const tp_pool_options *options)
{
    return pool_new(pool_kinds + 5, kernel, options);
}

tp_module *tp_adaptive_avg_pool1d_new(int64_t size)
{
    return pool_new(pool_kinds + 6, size, NULL);
}

tp_module *tp_adaptive_avg_pool2d_new(int64_t size)
{
    return pool_new(pool_kinds + 7, size, NULL);
}

tp_module *tp_adaptive_max_pool1d_new(int64_t size)
{
    return pool_new(pool_kinds + 8, size, NULL);
}

tp_module *tp_adaptive_max_pool2d_new(int64_t size)
{
    return pool_new(pool_kinds + 9, size, NULL);
}
