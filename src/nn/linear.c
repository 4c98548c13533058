/* SPDX-License-Identifier: MIT
 *
 * Layers that are a product, a choice of rows, another shape, or dropout.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/layers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "nn/layer.h"
#include "tinypytorch/random.h"
#include "tinypytorch/shape.h"

enum { WEIGHT, BIAS };

/* --- Linear --- */

static tp_var *linear_forward(tp_module *m, tp_var *x)
{
    return tp_linear(x, tp__module_held(m, WEIGHT), tp__module_held(m, BIAS));
}

/* "784 → 10" of a weight (out, in). */
static void describe_weight(const tp_module *m, char *text, size_t size)
{
    const int64_t *shape = tp__shape(tp__module_held(m, WEIGHT));
    snprintf(text, size, "%lld → %lld%s", (long long)shape[1], (long long)shape[0],
             tp__module_held(m, BIAS) ? "" : ", no bias");
}

tp_module *(tp_linear_new)(int64_t in, int64_t out, const tp_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "Linear",
                                       .forward = linear_forward,
                                       .describe = describe_weight};
    tp_layer_options o = TP_OPTIONS(tp_layer_options);
    if (!tp__take_options("linear_new", &o, sizeof o, options) ||
        !tp__layer_count("linear_new", "in", in) || !tp__layer_count("linear_new", "out", out) ||
        !tp__layer_dtype("linear_new", o.dtype))
        return NULL;
    double bound = 1 / sqrt((double)in);
    tp_module *m = tp_module_new(&is);
    return tp__layer_done(
        m, m && tp__layer_uniform(m, "weight", o.dtype, 2, (int64_t[]){out, in}, bound) &&
               (o.bias ? tp__layer_uniform(m, "bias", o.dtype, 1, &out, bound)
                       : tp__layer_without(m, "bias")));
}

/* --- Embedding --- */

static tp_var *embedding_forward(tp_module *m, tp_var *x)
{
    return tp_embedding(x, tp__module_held(m, WEIGHT));
}

static void embedding_describe(const tp_module *m, char *text, size_t size)
{
    const int64_t *shape = tp__shape(tp__module_held(m, WEIGHT));
    snprintf(text, size, "%lld of %lld", (long long)shape[0], (long long)shape[1]);
}

tp_module *(tp_embedding_new)(int64_t n, int64_t width, const tp_layer_options *options)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "Embedding",
                                       .forward = embedding_forward,
                                       .describe = embedding_describe};
    tp_layer_options o = TP_OPTIONS(tp_layer_options);
    if (!tp__take_options("embedding_new", &o, sizeof o, options) ||
        !tp__layer_count("embedding_new", "n", n) ||
        !tp__layer_count("embedding_new", "width", width) ||
        !tp__layer_dtype("embedding_new", o.dtype))
        return NULL;
    if (!o.bias) {
        tp_fail(TP_ERROR_ARGUMENT, "embedding_new: an embedding has no .bias");
        return NULL;
    }
    tp_module *m = tp_module_new(&is);
    bool good = m && tp__layer_filled(m, "weight", o.dtype, 2, (int64_t[]){n, width}, 0);
    return tp__layer_done(m, good && !tp_is_poison(tp_normal_(tp__module_held(m, WEIGHT), 0, 1)));
}

/* --- Shapes --- */

static tp_var *identity_forward(tp_module *m, tp_var *x)
{
    (void)m;
    return x;
}

tp_module *tp_identity_new(void)
{
    static const tp_module_class is = {
        .size = sizeof is, .name = "Identity", .forward = identity_forward};
    return tp_module_new(&is);
}

static tp_var *flatten_forward(tp_module *m, tp_var *x)
{
    (void)m;
    if (!tp__check_operand("flatten", x))
        return tp__poison();
    if (x->ndim == 0)
        return tp_fail(TP_ERROR_SHAPE, "flatten: a number, expected rows");
    int64_t rows = tp__shape(x)[0], width = 1;
    for (int i = 1; i < x->ndim; i++)
        width *= tp__shape(x)[i];
    return tp_reshape(x, 2, (int64_t[]){rows, width});
}

tp_module *tp_flatten_new(void)
{
    static const tp_module_class is = {
        .size = sizeof is, .name = "Flatten", .forward = flatten_forward};
    return tp_module_new(&is);
}

typedef struct unflatten {
    int ndim;
    int64_t shape[TP_MAX_NDIM];
} unflatten;

static tp_var *unflatten_forward(tp_module *m, tp_var *x)
{
    const unflatten *to = tp_module_self(m);
    int64_t shape[TP_MAX_NDIM];
    if (!tp__check_operand("unflatten", x))
        return tp__poison();
    if (x->ndim == 0 || x->ndim - 1 + to->ndim > TP_MAX_NDIM)
        return tp_fail(TP_ERROR_SHAPE, "unflatten: the last of %d axes into %d", x->ndim, to->ndim);
    int n = x->ndim - 1;
    memcpy(shape, tp__shape(x), (size_t)n * sizeof *shape);
    memcpy(shape + n, to->shape, (size_t)to->ndim * sizeof *shape);
    return tp_reshape(x, n + to->ndim, shape);
}

tp_module *tp_unflatten_new(int ndim, const int64_t *shape)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "Unflatten",
                                       .self = sizeof(unflatten),
                                       .forward = unflatten_forward};
    if (!tp__check_shape("unflatten_new", ndim, shape))
        return NULL;
    tp_module *m = tp_module_new(&is);
    if (m) {
        unflatten *to = tp_module_self(m);
        to->ndim = ndim;
        memcpy(to->shape, shape, (size_t)ndim * sizeof *shape);
    }
    return m;
}

/* --- Dropout --- */

typedef struct dropout {
    double p;
} dropout;

static tp_var *dropout_forward(tp_module *m, tp_var *x)
{
    const dropout *self = tp_module_self(m);
    return tp_dropout(x, self->p, !m->eval);
}

static void dropout_describe(const tp_module *m, char *text, size_t size)
{
    tp__format(text, size, "p %g", ((const dropout *)tp_module_self(m))->p);
}

tp_module *tp_dropout_new(double p)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "Dropout",
                                       .self = sizeof(dropout),
                                       .forward = dropout_forward,
                                       .describe = dropout_describe};
    if (!tp__check_within("dropout_new", "p", p, 0, 1))
        return NULL;
    tp_module *m = tp_module_new(&is);
    if (m)
        ((dropout *)tp_module_self(m))->p = p;
    return m;
}
