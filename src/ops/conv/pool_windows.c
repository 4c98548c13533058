/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include <float.h>

#include "ops/conv/pool.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "graph/apply.h"

/* --- Windows --- */

static int64_t pool_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static tp__pool_window pool_window(const tp__pool_attr *attr, int axis, int64_t in, int64_t i)
{
    int64_t out = attr->size[axis], kernel = attr->kernel[axis];
    if (kernel == 0) {
        int64_t first = i * in / out, end = ((i + 1) * in - 1) / out + 1;
        return (tp__pool_window){first, end - first, 1, end - first};
    }
    int64_t padding = attr->padding[axis], step = attr->dilation[axis];
    int64_t first = i * attr->stride[axis] - padding, last = first + (kernel - 1) * step;
    int64_t share = pool_least(last + 1, in + padding) - first;
    while (first < 0)
        first += step;
    last = pool_least(last, in - 1);
    int64_t count = last < first ? 0 : (last - first) / step + 1;
    return (tp__pool_window){first, count, step, attr->padding_counts ? share : count};
}

static bool pool_is_quads(const tp__pool_attr *attr)
{
    bool quads = attr->ndim == 2;
    for (int i = 0; i < attr->ndim; i++)
        quads = quads && attr->kernel[i] == 2 && attr->stride[i] == 2 && attr->padding[i] == 0 &&
                attr->dilation[i] == 1;
    return quads;
}

bool tp__pool_begin(tp__pool *pool, const tp__pool_attr *attr, const tp_var *v)
{
    int64_t places = 0;
    *pool = (tp__pool){
        .planes = 1, .in = 1, .out = 1, .divisor = attr->divisor, .quads = pool_is_quads(attr)};
    for (int i = 0; i < v->ndim - attr->ndim; i++)
        pool->planes *= tp__shape(v)[i];
    for (int i = 0; i < attr->ndim; i++)
        places += attr->size[i];
    pool->windows = tp__alloc((size_t)(places + TP__POOL_AXES) * sizeof *pool->windows);
    tp__pool_window *next = pool->windows;
    for (int i = 0; next && i < TP__POOL_AXES; i++) {
        int at = i - TP__POOL_AXES + attr->ndim;
        tp__pool_axis *axis = &pool->axis[i];
        axis->in = at < 0 ? 1 : attr->whole[at];
        axis->out = at < 0 ? 1 : attr->size[at];
        axis->window = next;
        for (int64_t j = 0; j < axis->out; j++)
            *next++ = at < 0 ? (tp__pool_window){0, 1, 1, 1} : pool_window(attr, at, axis->in, j);
        pool->in *= axis->in;
        pool->out *= axis->out;
    }
    return pool->windows != NULL;
}

void tp__pool_end(tp__pool *pool)
{
    tp__free(pool->windows);
}

/* --- Records --- */

tp_var *tp__pool_apply(const tp__op *op, tp_var *const *in, int n, const tp__pool_attr *attr)
{
    tp__pool_attr *block = tp__alloc(sizeof *block);
    if (!block)
        return tp__poison();
    *block = *attr;
    return tp__apply(op, in, n, (tp__attr){.block = block}, -1, NULL);
}

static bool pool_infer(tp__call *call, int ndim, const int64_t *size)
{
    const tp_var *x = call->in[0];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), (size_t)(x->ndim - ndim) * sizeof *size);
    memcpy(call->shape + x->ndim - ndim, size, (size_t)ndim * sizeof *size);
    return true;
}

bool tp__pool_infer(tp__call *call)
{
    const tp__pool_attr *attr = call->attr.block;
    return pool_infer(call, attr->ndim, attr->size);
}

bool tp__pool_infer_back(tp__call *call)
{
    const tp__pool_attr *attr = call->attr.block;
    return pool_infer(call, attr->ndim, attr->whole);
}

/* --- Checks --- */

static bool pool_refuse(const char *name, const tp_var *x, const char *why)
{
    char text[TP__SHAPE_TEXT], called[64];
    tp_fail(TP_ERROR_SHAPE, "%s: x %s%s %s", name, tp__shape_text(text, x->ndim, tp__shape(x)),
            tp__name_text(called, x), why);
    return false;
}

/* x has channels and the spatial axes, with or without images; only images may be none. */
static bool pool_check_x(const char *name, int ndim, const tp_var *x)
{
    char why[96];
    if (!tp__check_operand(name, x))
        return false;
    snprintf(why, sizeof why, "has %d axes, expected %d or %d", x->ndim, ndim + 1, ndim + 2);
    if (x->ndim != ndim + 1 && x->ndim != ndim + 2)
        return pool_refuse(name, x, why);
    for (int i = x->ndim - ndim - 1; i < x->ndim; i++) {
        snprintf(why, sizeof why, "has no elements along axis %d", i - x->ndim);
        if (tp__shape(x)[i] == 0)
            return pool_refuse(name, x, why);
    }
    return true;
}

/* The sizes of an argument, one for all axes or one for each. */
static bool pool_sizes(const char *name, const char *what, int ndim, int n, const int64_t *given,
                       int64_t *to)
{
    if (n < 1 || !given) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: there is no %s", name, what);
        return false;
    }
    tp_sizes sizes = {.n = n};
    memcpy(sizes.at, given, (size_t)(n < ndim ? n : ndim) * sizeof *given);
    return tp__take_sizes(name, what, &sizes, ndim, 1, to);
}

static bool pool_result_sizes(const char *name, const tp_var *x, bool up, tp__pool_attr *attr)
{
    char why[160];
    for (int i = 0; i < attr->ndim; i++) {
        int64_t in = attr->whole[i], padding = attr->padding[i];
        int64_t stride = attr->stride[i], reach = attr->dilation[i] * (attr->kernel[i] - 1) + 1;
        int64_t room = in + 2 * padding - reach + (up ? stride - 1 : 0);
        if (padding > attr->kernel[i] / 2) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "%s: padding is %lld along axis %d, more than half of the kernel of %lld", name,
                    (long long)padding, i - attr->ndim, (long long)attr->kernel[i]);
            return false;
        }
        if (padding > 0 && attr->dilation[i] > in) {
            snprintf(why, sizeof why, "would be stepped over along axis %d by a dilation of %lld",
                     i - attr->ndim, (long long)attr->dilation[i]);
            return pool_refuse(name, x, why);
        }
        if (room < 0) {
            snprintf(why, sizeof why,
                     "is smaller than a window along axis %d, which reaches over %lld",
                     i - attr->ndim, (long long)reach);
            return pool_refuse(name, x, why);
        }
        attr->size[i] = room / stride + 1;
        if (up && (attr->size[i] - 1) * stride >= in + padding)
            attr->size[i]--;
    }
    return true;
}

bool tp__pool_check(const char *name, int ndim, const tp_var *x, int n_kernel,
                    const int64_t *kernel, const tp_pool_options *given, tp__pool_attr *attr)
{
    tp_pool_options options = TP_OPTIONS(tp_pool_options);
    if (!pool_check_x(name, ndim, x) || !tp__take_options(name, &options, sizeof options, given))
        return false;
    *attr = (tp__pool_attr){.ndim = ndim,
                            .padding_counts = !options.exclude_padding,
                            .divisor = options.divisor,
                            .dilation = {1, 1, 1}};
    memcpy(attr->whole, tp__shape(x) + x->ndim - ndim, (size_t)ndim * sizeof *attr->whole);
    if (options.divisor != TP_AUTO &&
        (!tp__check_within(name, "divisor", options.divisor, -DBL_MAX, DBL_MAX) ||
         options.divisor == 0)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: divisor is 0", name);
        return false;
    }
    if (!pool_sizes(name, "kernel", ndim, n_kernel, kernel, attr->kernel))
        return false;
    bool own = options.stride.n > 0 || options.stride.one != -1;
    memcpy(attr->stride, attr->kernel, sizeof attr->stride);
    return (!own || tp__take_sizes(name, "stride", &options.stride, ndim, 1, attr->stride)) &&
           tp__take_sizes(name, "padding", &options.padding, ndim, 0, attr->padding) &&
           tp__take_sizes(name, "dilation", &options.dilation, ndim, 1, attr->dilation) &&
           pool_result_sizes(name, x, options.ceil_mode, attr);
}

bool tp__pool_check_adaptive(const char *name, int ndim, const tp_var *x, int n_size,
                             const int64_t *size, tp__pool_attr *attr)
{
    *attr = (tp__pool_attr){.ndim = ndim, .divisor = TP_AUTO};
    if (!pool_check_x(name, ndim, x))
        return false;
    memcpy(attr->whole, tp__shape(x) + x->ndim - ndim, (size_t)ndim * sizeof *attr->whole);
    return pool_sizes(name, "size", ndim, n_size, size, attr->size);
}
