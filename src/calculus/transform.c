/* SPDX-License-Identifier: MIT
 *
 * Jacobians by rows or columns. A row is a backward sweep that starts from one element of y, a
 * column a series along one element of x, which no function without a jvp may be in the way of.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "graph/function.h"

static const tp_gradient_options transform_recorded = {.create_graph = true,
                                                       .size = sizeof transform_recorded};

/* A gradient, recorded unless recording is off. */
static tp_var *transform_gradient(tp_var *y, tp_var *x, tp_var *start)
{
    tp_gradient_options options = transform_recorded;
    options.create_graph = tp_is_grad_enabled();
    options.gradient = start;
    return tp_gradient(y, x, &options);
}

/* Closes scope; its value, if it is one, belongs to the scope outside. */
static tp_var *transform_leave(size_t scope, tp_var *value)
{
    value = tp_is_poison(value) ? value : tp_leave(value);
    tp_scope_end(scope);
    return value;
}

tp_var *tp_vjp(tp_var *y, tp_var *x, tp_var *v)
{
    TP__CALL("vjp");
    if (!tp__check_derivative("vjp", y, x) || !tp__check_like("vjp", "v", v, "y", y))
        return tp__poison();
    return transform_gradient(y, x, v);
}

/* Backwards over backwards: a sweep from g, started by v. A number's sweep takes a fourth of what a
 * series does, and functions of one's own need no jvp. */
tp_var *tp_hvp(tp_var *y, tp_var *x, tp_var *v)
{
    TP__CALL("hvp");
    if (!tp__check_derivative("hvp", y, x) || !tp__check_like("hvp", "v", v, "x", x))
        return tp__poison();
    size_t scope = tp_scope_begin();
    tp_var *g = tp_gradient(y, x, &transform_recorded);
    return transform_leave(scope, tp_is_poison(g) ? g
                                  : tp_requires_grad(g)
                                      ? transform_gradient(g, x, v)
                                      : tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x)));
}

/* 1 at element i, else 0. */
static tp_var *transform_unit(const tp_var *like, int64_t i)
{
    tp_var *unit = tp_zeros((tp_dtype)like->dtype, 1, (int64_t[]){like->size});
    tp_var *one = tp_is_poison(unit) ? unit : tp_ones((tp_dtype)like->dtype, 1, (int64_t[]){1});
    if (!tp_is_poison(one))
        unit = tp_slice_scatter(unit, one, 0, i, i + 1, 1);
    return tp_is_poison(unit) ? unit : tp_reshape(unit, like->ndim, tp__shape(like));
}

static tp_var *transform_flat(tp_var *v, int64_t size)
{
    return tp_is_poison(v) ? v : tp_reshape(v, 1, (int64_t[]){size});
}

/* part i: row i of the Jacobian, (size of x), or its column, (size of y). */
static tp_var *transform_part(tp_var *y, tp_var *x, int64_t i, bool rows)
{
    if (rows)
        return transform_flat(transform_gradient(y, x, transform_unit(y, i)), x->size);
    return transform_flat(tp_jvp(y, x, transform_unit(x, i)), y->size);
}

/* (size of y, size of x), of at least one element each. */
static tp_var *transform_matrix(tp_var *y, tp_var *x)
{
    bool rows = y->size <= x->size || !tp__has_series(y, x);
    int64_t n = rows ? y->size : x->size;
    tp_var **parts = n <= INT32_MAX ? tp__alloc((size_t)n * sizeof *parts) : NULL;
    bool good = parts != NULL;
    for (int64_t i = 0; good && i < n; i++)
        good = !tp_is_poison(parts[i] = transform_part(y, x, i, rows));
    tp_var *matrix = good ? tp_stack(parts, (int)n, rows ? 0 : 1) : tp__poison();
    tp__free(parts);
    return matrix;
}

static tp_var *transform_jacobian(const char *call, tp_var *y, tp_var *x)
{
    int64_t shape[2 * TP_MAX_NDIM];
    int ndim = y->ndim + x->ndim;
    if (ndim > TP_MAX_NDIM)
        return tp_fail(TP_ERROR_SHAPE, "%s: %d axes of y and %d of x are more than %d", call,
                       y->ndim, x->ndim, TP_MAX_NDIM);
    memcpy(shape, tp__shape(y), y->ndim * sizeof *shape);
    memcpy(shape + y->ndim, tp__shape(x), x->ndim * sizeof *shape);
    if (y->size == 0 || x->size == 0 || !tp_requires_grad(y))
        return tp_zeros((tp_dtype)x->dtype, ndim, shape);
    size_t scope = tp_scope_begin();
    tp_var *matrix = transform_matrix(y, x);
    return transform_leave(scope, tp_is_poison(matrix) ? matrix : tp_reshape(matrix, ndim, shape));
}

tp_var *tp_jacobian(tp_var *y, tp_var *x)
{
    TP__CALL("jacobian");
    return tp__check_derivative("jacobian", y, x) ? transform_jacobian("jacobian", y, x)
                                                  : tp__poison();
}

tp_var *tp_hessian(tp_var *y, tp_var *x)
{
    TP__CALL("hessian");
    if (!tp__check_derivative("hessian", y, x))
        return tp__poison();
    if (y->size != 1) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "hessian: y has shape %s, expected one element",
                       tp__shape_text(text, y->ndim, tp__shape(y)));
    }
    size_t scope = tp_scope_begin();
    tp_var *g = tp_gradient(y, x, &transform_recorded);
    return transform_leave(scope, tp_is_poison(g) ? g : transform_jacobian("hessian", g, x));
}

tp_var *tp_laplacian(tp_var *y, tp_var *x)
{
    TP__CALL("laplacian");
    if (!tp__check_derivative("laplacian", y, x))
        return tp__poison();
    size_t scope = tp_scope_begin();
    tp_var *sum = tp_zeros((tp_dtype)y->dtype, 0, NULL);
    for (int64_t i = 0; i < x->size && !tp_is_poison(sum); i++) {
        size_t inner = tp_scope_begin();
        tp_var *unit = transform_unit(x, i), *second[2];
        tp_taylor(y, x, unit, 2, second);
        sum = tp_is_poison(second[1]) ? second[1] : tp_leave(tp_add(sum, tp_sum(second[1], NULL)));
        tp_scope_end(inner);
    }
    return transform_leave(scope, sum);
}
