/* SPDX-License-Identifier: MIT
 *
 * Every operation inside a scope that has closed: what its gradient does not read is gone, and each
 * call of calculus.h gives the same as where nothing is gone. Such a call leaves no elements behind
 * that were gone before it.
 *
 * A layer adds to each operand, applies the operation, and the hyperbolic tangent to its result,
 * whose series read more than its gradient. What is added is a number, so that operands can be made
 * again; or, in a *lost* layer, half of the operand as an array, which is gone too. Sizes are those
 * of the sample twice, where the operation takes them: arrays of up to 32 bytes are never dropped.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "base/map.h"
#include "base/node.h"
#include "table_check.h"

enum { CLOSED_ORDER = 3, CLOSED_ENTRIES = 40 };

/* A layer of x[i], or of base + t · direction for a number t. */
typedef struct layer {
    const table_case *c;
    tp_dtype dtype;
    bool lost;
    tp_var *x[TABLE_OPERANDS], *t;
} layer;

static tp_var *layer_operand(const layer *l, int i)
{
    tp_var *all = table_constant(l->c, i, l->dtype);
    if (l->t)
        return tp_add(all, tp_mul(l->t, table_weights(all, i + 1)));
    return l->lost ? tp_add(l->x[i], tp_mul(all, 0.5)) : tp_add(l->x[i], 0.25);
}

static tp_var *layer_run(const layer *l)
{
    tp_var *h[TABLE_OPERANDS];
    for (int i = 0; i < l->c->n; i++)
        h[i] = layer_operand(l, i);
    tp_manual_seed(1);
    tp_var *y = table_call(l->c, h);
    return tp_requires_grad(y) ? tp_tanh(y) : y;
}

static tp_var *layer_closed(const layer *l)
{
    TP_SCOPE();
    return tp_leave(layer_run(l));
}

/* Σ w · y, and four times as many elements as y. */
static tp_var *number_of(tp_var *y)
{
    TP_SCOPE();
    return tp_leave(table_weighted(&y, 1, 0));
}

static tp_var *taller(tp_var *y)
{
    TP_SCOPE();
    tp_var *flat = tp_reshape(y, TP_SHAPE(tp_size(y)));
    return tp_leave(tp_concatenate(((tp_var *[]){flat, tp_mul(flat, -2), flat, flat}), 4, 0));
}

static void layer_variables(layer *l)
{
    for (int i = 0; i < l->c->n; i++) {
        tp_var *all = table_constant(l->c, i, l->dtype);
        l->x[i] = tp_variable(l->lost ? tp_mul(all, 0.5) : tp_sub(all, 0.25));
    }
}

/* The case with all sizes twice, if the operation takes it so. */
static table_case grown(const table_case *c)
{
    table_case twice = *c;
    for (int i = 0; i < c->n; i++)
        for (int d = 0; d < c->ndim[i]; d++)
            twice.shape[i][d] *= 2;
    TP_SCOPE();
    tp_var *x[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++)
        x[i] = table_constant(&twice, i, TP_F64);
    bool good = !tp_is_poison(table_call(&twice, x)) && !tp_error();
    tp_clear_error();
    return good ? twice : *c;
}

/* --- Calls, with x an operand of y --- */

typedef tp_var *closed_call(tp_var *y, tp_var *x);

static tp_var *call_jvp(tp_var *y, tp_var *x)
{
    return tp_jvp(y, x, table_weights(x, 1));
}

static tp_var *call_taylor(tp_var *y, tp_var *x)
{
    tp_var *out[CLOSED_ORDER];
    tp_taylor(y, x, table_weights(x, 1), CLOSED_ORDER, out);
    return tp_is_poison(out[0]) ? out[0] : tp_stack(out, CLOSED_ORDER, 0);
}

static tp_var *call_derivatives(tp_var *y, tp_var *x)
{
    tp_var *out[CLOSED_ORDER];
    tp_derivatives(y, x, CLOSED_ORDER, out);
    return tp_is_poison(out[0]) ? out[0] : tp_stack(out, CLOSED_ORDER, 0);
}

static tp_var *call_wide(tp_var *y, tp_var *x)
{
    return tp_jacobian(number_of(y), x);
}

static tp_var *call_tall(tp_var *y, tp_var *x)
{
    return tp_jacobian(taller(y), x);
}

static tp_var *call_hvp(tp_var *y, tp_var *x)
{
    return tp_hvp(number_of(y), x, table_weights(x, 1));
}

static tp_var *call_hessian(tp_var *y, tp_var *x)
{
    return tp_hessian(number_of(y), x);
}

static tp_var *call_laplacian(tp_var *y, tp_var *x)
{
    return tp_laplacian(y, x);
}

static tp_var *call_mixed(tp_var *y, tp_var *x)
{
    const int64_t index[] = {0, tp_size(x) - 1, 0};
    return tp_mixed(y, x, 3, index);
}

static tp_var *call_biharmonic(tp_var *y, tp_var *x)
{
    return tp_size(x) <= 8 ? tp_biharmonic(y, x) : tp_num(0);
}

static tp_var *call_sparse_jacobian(tp_var *y, tp_var *x)
{
    tp_sparsity *pattern = tp_jacobian_sparsity(y, x);
    tp_var *values = pattern ? tp_sparse_jacobian(y, x, pattern) : tp_num(0);
    tp_sparsity_free(pattern);
    return values;
}

static tp_var *call_sparse_hessian(tp_var *y, tp_var *x)
{
    tp_var *number = number_of(y);
    tp_sparsity *pattern = tp_hessian_sparsity(number, x);
    tp_var *values = pattern ? tp_sparse_hessian(number, x, pattern) : tp_num(0);
    tp_sparsity_free(pattern);
    return values;
}

static tp_var *call_linear_map(tp_var *y, tp_var *x)
{
    tp_linear_map *map = tp_linearize(y, x);
    tp_var *image = tp_linear_map_apply(map, table_weights(x, 1));
    tp_var *back = tp_linear_map_transpose(map, image);
    tp_linear_map_free(map);
    return back;
}

static const struct {
    const char *name;
    closed_call *run;
    bool dense; /* takes long where there are many elements */
} calls[] = {
    {"jvp", call_jvp, false},
    {"taylor", call_taylor, false},
    {"hvp", call_hvp, false},
    {"linear map", call_linear_map, false},
    {"mixed", call_mixed, false},
    {"wide jacobian", call_wide, false},
    {"tall jacobian", call_tall, true},
    {"hessian", call_hessian, true},
    {"laplacian", call_laplacian, true},
    {"biharmonic", call_biharmonic, true},
    {"sparse jacobian", call_sparse_jacobian, true},
    {"sparse hessian", call_sparse_hessian, true},
};

/* --- Tests --- */

/* The arrays of more than 32 bytes that y's graph holds. */
static size_t arrays_held(tp_var *y)
{
    tp__map met = {0};
    bool added;
    size_t held = 0;
    tp__map_add(&met, y, &added);
    for (size_t at = 0; at < met.n; at++) {
        tp_var *v = (tp_var *)tp__map_at(&met)[at].key;
        size_t bytes = (size_t)v->size * tp__dtype_size((tp_dtype)v->dtype);
        held += v->storage && bytes > TP__INLINE_BYTES;
        for (uint32_t i = 0; i < v->n_in; i++)
            tp__map_add(&met, tp__inputs(v)[i], &added);
    }
    tp__map_drop(&met);
    return held;
}

/* What the call gives for y and for closed. */
static void compare_call(const table_case *c, const char *name, closed_call *run, tp_var *y,
                         tp_var *x, tp_var *closed, tp_var *closed_x, double tolerance)
{
    TP_SCOPE();
    tp_var *expected = run(y, x);
    if (!table_no_error(c, name))
        return;
    size_t before = arrays_held(closed);
    {
        TP_SCOPE();
        tp_var *value = run(closed, closed_x);
        if (table_no_error(c, name))
            table_equal(c, name, value, expected, tolerance);
    }
    CASE_CHECK(c, arrays_held(closed) == before, "%s: %zu arrays are held, %zu were before", name,
               arrays_held(closed), before);
}

static void compare_layers(const table_case *c, bool lost)
{
    TP_SCOPE();
    layer open = {.c = c, .dtype = TP_F64, .lost = lost}, closed = open;
    layer_variables(&open);
    layer_variables(&closed);
    tp_var *y = layer_run(&open), *z = layer_closed(&closed);
    if (!table_no_error(c, "layer") || !tp_requires_grad(y))
        return;
    for (int i = 0; i < c->n; i++)
        for (size_t k = 0; k < sizeof calls / sizeof *calls; k++)
            if (!calls[k].dense || tp_size(open.x[i]) <= (test_short() ? 8 : CLOSED_ENTRIES))
                compare_call(c, calls[k].name, calls[k].run, y, open.x[i], z, closed.x[i], 1e-9);
}

CASE_TEST(calculus_does_not_need_an_open_scope)
{
    table_case twice = grown(c);
    compare_layers(&twice, false);
    compare_layers(&twice, true);
}

CASE_TEST(derivatives_do_not_need_an_open_scope)
{
    table_case twice = grown(c);
    layer l = {.c = &twice, .dtype = TP_F64, .t = tp_variable(0.0)};
    tp_var *y = layer_run(&l), *z = layer_closed(&l);
    if (table_no_error(c, "layer") && tp_requires_grad(y))
        compare_call(&twice, "derivatives", call_derivatives, y, l.t, z, l.t, 1e-9);
}

/* Conversions that the library inserts are made again like any other operation. */
static void compare_narrow(const table_case *c, tp_dtype dtype, double tolerance)
{
    TP_SCOPE();
    layer open = {.c = c, .dtype = dtype}, closed = open;
    layer_variables(&open);
    layer_variables(&closed);
    tp_var *y = layer_run(&open), *z = layer_closed(&closed);
    bool good = !tp_error() && tp_requires_grad(y);
    tp_clear_error();
    for (int i = 0; good && i < c->n; i++) {
        compare_call(c, "jvp", call_jvp, y, open.x[i], z, closed.x[i], tolerance);
        compare_call(c, "hvp", call_hvp, y, open.x[i], z, closed.x[i], tolerance);
    }
}

CASE_TEST(narrow_types_do_not_need_an_open_scope)
{
    table_case twice = grown(c);
    compare_narrow(&twice, TP_F32, 1e-5);
    compare_narrow(&twice, TP_F16, 2e-2);
    compare_narrow(&twice, TP_BF16, 1e-1);
}
