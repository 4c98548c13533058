/* SPDX-License-Identifier: MIT
 *
 * Results do not depend on how operands lie in memory, and follow from their element types as
 * PyTorch promotes them.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>

#include "base/dtype.h"
#include "table_check.h"
#include "table_reference.h"

/* --- Layouts --- */

typedef enum layout { TRANSPOSED, STRIDED, REPEATED, BACKWARD, LAYOUTS } layout;

static const char *const layout_names[] = {"transposed", "strided", "repeated", "backward"};

/* v's axes in the opposite order. */
static tp_var *reversed_axes(tp_var *v)
{
    int64_t order[TP_MAX_NDIM];
    for (int i = 0; i < tp_ndim(v); i++)
        order[i] = tp_ndim(v) - 1 - i;
    return tp_permute(v, tp_ndim(v), order);
}

/* Every second element of the last axis of a larger variable. */
static tp_var *strided(tp_var *v)
{
    tp_var *row = tp_ndim(v) ? v : tp_reshape(v, TP_SHAPE(1));
    int64_t shape[TP_MAX_NDIM], last = tp_ndim(row) - 1;
    memcpy(shape, tp_shape(row), (size_t)tp_ndim(row) * sizeof *shape);
    shape[last] = 2 * shape[last] + 1;
    tp_var *around = tp_full(TP_F64, tp_ndim(row), shape, 9);
    tp_var *wide = tp_variable(tp_slice_scatter(around, row, -1, 1, INT64_MAX, 2));
    return tp_ndim(v) ? tp_slice(wide, -1, 1, INT64_MAX, 2) : tp_select(wide, 0, 1);
}

/* The first element along the first axis, for all of it. */
static tp_var *repeated(tp_var *v)
{
    if (tp_ndim(v) == 0)
        return tp_variable(v);
    tp_var *first = tp_variable(tp_slice(v, 0, 0, 1, 1));
    return tp_broadcast_to(first, tp_ndim(v), tp_shape(v));
}

/* A constant whose first element lies last in memory. */
static tp_var *backward(tp_var *v)
{
    int64_t strides[TP_MAX_NDIM], stride = -1, n = tp_size(v);
    double *memory = malloc((size_t)(n + 1) * sizeof *memory);
    for (int i = tp_ndim(v) - 1; i >= 0; stride *= tp_shape(v)[i--])
        strides[i] = stride;
    for (int64_t k = 0; memory && k < n; k++)
        memory[n - 1 - k] = table_element(v, k);
    return tp_from_memory(TP_F64, tp_ndim(v), tp_shape(v), strides, memory + n - 1, free, memory);
}

/* v in another layout: a view of a variable, or, for BACKWARD, a constant. */
static tp_var *laid_out(tp_var *v, layout how)
{
    switch (how) {
    case TRANSPOSED:
        return reversed_axes(tp_variable(reversed_axes(v)));
    case STRIDED:
        return strided(v);
    case REPEATED:
        return repeated(v);
    default:
        return backward(v);
    }
}

/* Layouts differ by operand when mixed is set. */
static void compare_layout(const table_case *c, layout how, bool mixed)
{
    TP_SCOPE();
    tp_var *x[TABLE_OPERANDS], *copy[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++) {
        int own = mixed ? ((int)how + i) % LAYOUTS : (int)how;
        x[i] = laid_out(table_constant(c, i, TP_F64), (layout)own);
        copy[i] = tp_variable(x[i]);
        if (!tp_requires_grad(x[i]))
            copy[i] = tp_detach(copy[i]);
    }
    table_orders views = table_differentiate(c, x), copies = table_differentiate(c, copy);
    table_no_error(c, layout_names[how]);
    table_same_orders(c, layout_names[how], &views, &copies, 1e-14);
}

CASE_TEST(views_give_what_copies_give)
{
    for (int how = 0; how < LAYOUTS; how++) {
        compare_layout(c, (layout)how, false);
        if (c->n > 1)
            compare_layout(c, (layout)how, true);
    }
}

/* The gradient that comes from above may be a view too. */
CASE_TEST(gradients_of_views_are_pulled_back)
{
    for (int how = 0; how < LAYOUTS; how++) {
        TP_SCOPE();
        tp_var *x[TABLE_OPERANDS], *from_view[TABLE_OPERANDS], *from_copy[TABLE_OPERANDS];
        table_variables(c, TP_F64, x);
        tp_var *y = table_call(c, x);
        if (!tp_requires_grad(y))
            continue;
        tp_var *gy = tp_detach(laid_out(table_weights(y, 0), (layout)how));
        tp_var *copy = tp_detach(tp_variable(gy));
        tp_gradients(y, x, c->n, from_view, .gradient = gy, .create_graph = true);
        tp_gradients(y, x, c->n, from_copy, .gradient = copy, .create_graph = true);
        for (int i = 0; i < c->n; i++)
            table_equal(c, layout_names[how], from_view[i], from_copy[i], 1e-14);
        table_no_error(c, layout_names[how]);
    }
}

/* --- Element types --- */

static const tp_dtype floating[] = {TP_F32, TP_F64, TP_F16, TP_BF16};
enum { FLOATING = 4 };

/* Rounding to the type at every step of a sample. */
static const double type_tolerance[TP_DTYPES] = {
    [TP_F32] = 1e-6, [TP_F16] = 0x1p-8, [TP_BF16] = 0x1p-5};

/* The type of a + b in PyTorch. */
static tp_dtype promoted(const tp_var *a, const tp_var *b)
{
    char line[80];
    snprintf(line, sizeof line, "promote %s %d %s %d", tp_dtype_name(tp_dtype_of(a)),
             tp_ndim(a) > 0, tp_dtype_name(tp_dtype_of(b)), tp_ndim(b) > 0);
    const char *name = table_reference_line(line);
    for (tp_dtype dtype = TP_F32; name && dtype < TP_DTYPES; dtype++) {
        size_t length = strlen(tp_dtype_name(dtype));
        if (!strncmp(name + 1, tp_dtype_name(dtype), length) && name[length + 1] == '\n')
            return dtype;
    }
    test_check(false, __FILE__, __LINE__, "types.txt has no line \"%s\"", line);
    return TP_F64;
}

/* The type in which an elementwise operation computes operands that promote to dtype; that of its
 * result. */
static tp_dtype working_type(const tp__op *op, tp_dtype dtype)
{
    return (op->flags & TP__FLOATING) && !tp__is_float(dtype) ? TP_F64 : dtype;
}

static tp_dtype result_type(const tp__op *op, tp_dtype dtype)
{
    bool own = op->gradient || (op->flags & TP__COMPOSITE);
    return own ? working_type(op, dtype) : TP_U8;
}

/* A number of C's double as one of dtype: integers wrap around. */
static double wrapped(double value, tp_dtype dtype)
{
    return tp__is_float(dtype) ? value : tp__rounded_to(dtype, value);
}

/* y against the same computed in float64 from the same numbers, taken as dtype. */
static void compare_types(const table_case *c, const char *what, tp_var *const *x, tp_dtype dtype,
                          tp_var *y)
{
    tp_var *wide[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++)
        wide[i] = tp_to(tp_to(x[i], dtype), TP_F64);
    tp_var *expected = table_call(c, wide);
    double tolerance = type_tolerance[tp_dtype_of(y)];
    if (!table_no_error(c, what))
        return;
    for (int64_t k = 0; k < tp_size(y); k++)
        table_close(c, what, table_element(y, k),
                    wrapped(table_element(expected, k), tp_dtype_of(y)), tolerance);
}

/* Samples have types of their own; this much all have in common. */
static bool type_is_plausible(const table_case *c, tp_dtype from, tp_dtype to)
{
    if (!c->op->gradient && !(c->op->flags & TP__COMPOSITE))
        return to == TP_U8 || to == TP_I64;
    return to == from || to == TP_F64 || (to == TP_I64 && !tp__is_float(from));
}

CASE_TEST(integers_and_float32_give_what_float64_gives)
{
    for (tp_dtype dtype = TP_F32; dtype < TP_DTYPES; dtype++) {
        TP_SCOPE();
        tp_var *x[TABLE_OPERANDS];
        for (int i = 0; i < c->n; i++)
            x[i] = table_constant(c, i, dtype);
        tp_var *y = table_call(c, x);
        CASE_CHECK(c, type_is_plausible(c, dtype, tp_dtype_of(y)), "%s gives %s",
                   tp_dtype_name(dtype), tp_dtype_name(tp_dtype_of(y)));
        compare_types(c, tp_dtype_name(dtype), x, dtype, y);
    }
}

CASE_TEST(functions_of_one_operand_keep_or_widen_its_type)
{
    bool record = c->op->call_1 && !(c->op->flags & TP__COMPOSITE);
    for (tp_dtype dtype = TP_F32; record && dtype < TP_DTYPES; dtype++) {
        TP_SCOPE();
        tp_dtype type = tp_dtype_of(c->op->call_1(table_constant(c, 0, dtype)));
        CASE_CHECK(c, type == result_type(c->op, dtype), "%s gives %s", tp_dtype_name(dtype),
                   tp_dtype_name(type));
    }
}

CASE_TEST(two_operands_are_promoted_as_in_pytorch)
{
    for (int d = 0; c->op->call_2 && d < TP_DTYPES * TP_DTYPES; d++) {
        TP_SCOPE();
        tp_var *x[] = {table_constant(c, 0, (tp_dtype)(d / TP_DTYPES)),
                       table_constant(c, 1, (tp_dtype)(d % TP_DTYPES))};
        tp_var *y = table_call(c, x);
        tp_dtype common = promoted(x[0], x[1]), expected = result_type(c->op, common);
        char what[40];
        snprintf(what, sizeof what, "%s and %s", tp_dtype_name(tp_dtype_of(x[0])),
                 tp_dtype_name(tp_dtype_of(x[1])));
        CASE_CHECK(c, tp_dtype_of(y) == expected, "%s give %s, expected %s", what,
                   tp_dtype_name(tp_dtype_of(y)), tp_dtype_name(expected));
        compare_types(c, what, x, working_type(c->op, common), y);
    }
}

VARIANT_TEST(gradients_have_their_operands_type_and_shape)
{
    for (int d = 0; d < FLOATING; d++) {
        TP_SCOPE();
        tp_var *x[TABLE_OPERANDS];
        for (int i = 0; i < c->n; i++)
            x[i] = tp_variable(table_constant(c, i, floating[(d + i) % FLOATING]));
        tp_var *y = table_call(c, x);
        bool refused = tp_is_poison(y);
        for (int i = 0; i < c->n && !refused; i++) {
            tp_var *g = tp_gradient(table_weighted(&y, 1, 0), x[i]);
            CASE_CHECK(c, tp_dtype_of(g) == tp_dtype_of(x[i]), "gradient %d is %s", i,
                       tp_dtype_name(tp_dtype_of(g)));
            CASE_CHECK(c, table_same_shape(g, x[i]), "gradient %d has another shape", i);
            table_no_error(c, "gradient of mixed types");
        }
        if (refused)
            tp_clear_error();
    }
}
