/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "table_check.h"

#include <math.h>
#include <stdarg.h>

#include "base/dtype.h"

bool table_check(const table_case *c, bool good, const char *file, int line, const char *format,
                 ...)
{
    char text[600];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return test_check(good, file, line, "%s %d, shapes \"%s\", %s: %s", c->op->name, c->number,
                      c->shapes, c->torch, text);
}

bool table_no_error(const table_case *c, const char *what)
{
    bool good = CASE_CHECK(c, !tp_error(), "%s: error: %s", what, tp_error() ? tp_error() : "");
    tp_clear_error();
    return good;
}

bool table_close(const table_case *c, const char *what, double a, double b, double tolerance)
{
    return CASE_CHECK(c, test_close(a, b, tolerance), "%s: %.17g, expected %.17g", what, a, b);
}

double table_element(tp_var *v, int64_t k)
{
    const void *at = tp_data(v);
    if (!at)
        return (double)NAN;
    size_t item = tp__dtype_size(tp_dtype_of(v));
    return tp__read_element(tp_dtype_of(v), (const char *)at + (size_t)k * item);
}

bool table_same_shape(const tp_var *a, const tp_var *b)
{
    size_t bytes = (size_t)tp_ndim(a) * sizeof(int64_t);
    return tp_ndim(a) == tp_ndim(b) && !memcmp(tp_shape(a), tp_shape(b), bytes);
}

bool table_equal(const table_case *c, const char *what, tp_var *a, tp_var *b, double tolerance)
{
    if (!CASE_CHECK(c, table_same_shape(a, b), "%s: the shapes differ", what))
        return false;
    TP_SCOPE();
    for (int64_t k = 0; k < tp_size(a); k++) {
        double left = table_element(a, k), right = table_element(b, k);
        if (!CASE_CHECK(c, test_close(left, right, tolerance),
                        "%s: element %lld is %.17g, expected %.17g", what, (long long)k, left,
                        right))
            return false;
    }
    return true;
}

/* Gradients of y for the variables among x. */
static void pick_gradients(const table_case *c, tp_var *y, tp_var *const *x, tp_var **out)
{
    for (int i = 0; i < c->n; i++)
        out[i] = tp_requires_grad(x[i]) ? tp_gradient(y, x[i], .create_graph = true) : NULL;
}

table_orders table_differentiate(const table_case *c, tp_var *const *x)
{
    table_orders orders = {.value = table_call(c, x)};
    tp_var *y = table_weighted(&orders.value, 1, 0), *z = NULL;
    pick_gradients(c, y, x, orders.gradient);
    for (int i = 0; i < c->n; i++)
        if (orders.gradient[i]) {
            tp_var *part = table_weighted(&orders.gradient[i], 1, i + 1);
            z = z ? tp_add(z, part) : part;
        }
    if (z)
        pick_gradients(c, z, x, orders.second);
    return orders;
}

void table_same_orders(const table_case *c, const char *what, const table_orders *a,
                       const table_orders *b, double tolerance)
{
    char text[100];
    snprintf(text, sizeof text, "%s, value", what);
    table_equal(c, text, a->value, b->value, tolerance);
    for (int i = 0; i < c->n; i++) {
        if (!a->gradient[i] || !b->gradient[i])
            continue;
        snprintf(text, sizeof text, "%s, gradient %d", what, i);
        table_equal(c, text, a->gradient[i], b->gradient[i], tolerance);
        snprintf(text, sizeof text, "%s, second gradient %d", what, i);
        table_equal(c, text, a->second[i], b->second[i], tolerance);
    }
}
