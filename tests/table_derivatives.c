/* SPDX-License-Identifier: MIT
 *
 * Derivatives hold together: reverse mode against finite differences, forward mode against
 * reverse, Taylor series against nested sweeps, single precision against double, the numeric rule
 * for numbers against the rule in operations.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "table_check.h"

/* --- Reverse sweeps, orders 1 to 3, against finite differences ---
 *
 * D0(x) = sum(w · f(x)), and D_k is the derivative of D_(k−1) along a fixed direction d_k. */

/* Weights of sets before DIRECTION have other uses. */
enum { ORDERS = 3, DIRECTION = TABLE_OPERANDS + 1 };

/* Operand i moved by step · d_k. */
static tp_var *moved(const table_case *c, tp_dtype dtype, int i, int k, double step)
{
    tp_var *v = table_constant(c, i, dtype);
    return step == 0 ? v : tp_add(v, tp_mul(step, table_weights(v, DIRECTION * k + i)));
}

/* D_order at x + step · d_along. */
static double slope(const table_case *c, tp_dtype dtype, int order, int along, double step)
{
    TP_SCOPE();
    tp_var *x[TABLE_OPERANDS], *g[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++)
        x[i] = tp_variable(moved(c, dtype, i, along, step));
    tp_var *y = table_call(c, x), *d = table_weighted(&y, 1, 0);
    for (int k = 1; k <= order; k++) {
        tp_gradients(d, x, c->n, g, .create_graph = true);
        d = table_weighted(g, c->n, DIRECTION * k);
    }
    return tp_item(d);
}

static double central_difference(const table_case *c, int order, double h)
{
    return (slope(c, TP_F64, order, order + 1, h) - slope(c, TP_F64, order, order + 1, -h)) /
           (2 * h);
}

/* Richardson's extrapolation of the derivative of D_order: error O(h⁶). */
static double extrapolated(const table_case *c, int order, double h)
{
    double wide = central_difference(c, order, h), half = central_difference(c, order, h / 2);
    double quarter = central_difference(c, order, h / 4);
    double first = (4 * half - wide) / 3, second = (4 * quarter - half) / 3;
    return (16 * second - first) / 15;
}

CASE_TEST(gradients_are_limits_of_differences)
{
    for (int order = 1; order <= ORDERS; order++) {
        char what[40];
        snprintf(what, sizeof what, "derivative of order %d", order);
        double expected = extrapolated(c, order - 1, 0x1p-8);
        table_close(c, what, slope(c, TP_F64, order, 0, 0), expected, 2e-8);
        table_no_error(c, what);
    }
}

CASE_TEST(float32_agrees_with_float64)
{
    for (int order = 0; order <= ORDERS; order++) {
        char what[60];
        snprintf(what, sizeof what, "float32, derivative of order %d", order);
        double expected = slope(c, TP_F64, order, 0, 0);
        table_close(c, what, slope(c, TP_F32, order, 0, 0), expected, 1e-5);
        table_no_error(c, what);
    }
}

/* --- Taylor series and forward mode --- */

enum { TAYLOR_ORDERS = 4 };

/* f(x + t · d) for a variable t = 0. */
static tp_var *on_a_line(const table_case *c, tp_var *t)
{
    tp_var *x[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++) {
        tp_var *v = table_constant(c, i, TP_F64);
        x[i] = tp_add(v, tp_mul(t, table_weights(v, DIRECTION + i)));
    }
    return table_call(c, x);
}

/* At edges, where reverse mode may give infinities, only finite derivatives have to agree. */
static void compare_modes(const table_case *c, const char *what, tp_var *v, tp_var *expected,
                          double tolerance)
{
    if (!c->edge || isfinite(tp_item(expected)))
        table_close(c, what, tp_item(v), tp_item(expected), tolerance);
}

/* Each coefficient is also the derivative of the one before. */
/* aᵇ with both changing has no second derivative at a = 0. */
static bool smooth_at_edges(const table_case *c)
{
    return c->op->domain != TP__BASE_POSITIVE || !c->edge;
}

EDGE_TEST(taylor_series_agrees_with_nested_sweeps)
{
    tp_var *t = tp_variable(0.0), *taylor[TAYLOR_ORDERS];
    tp_var *y = on_a_line(c, t), *nested = table_weighted(&y, 1, 0), *before = nested;
    tp_derivatives(y, t, TAYLOR_ORDERS, taylor);
    for (int k = 0; k < TAYLOR_ORDERS; k++) {
        char what[40];
        snprintf(what, sizeof what, "Taylor, order %d", k + 1);
        nested = tp_gradient(nested, t, .create_graph = true);
        before = tp_gradient(before, t);
        tp_var *series = table_weighted(&taylor[k], 1, 0);
        if (k > 0 && !smooth_at_edges(c))
            break;
        compare_modes(c, what, series, nested, 1e-11);
        compare_modes(c, what, before, series, 1e-11);
        before = series;
    }
    table_no_error(c, "Taylor");
}

/* ⟨u, J v⟩ = ⟨Jᵀ u, v⟩ for the Jacobian J of each operand. */
EDGE_TEST(forward_mode_is_adjoint_to_reverse_mode)
{
    for (int i = 0; i < c->n; i++) {
        TP_SCOPE();
        tp_var *x[TABLE_OPERANDS];
        table_variables(c, TP_F64, x);
        tp_var *y = table_call(c, x), *v = table_weights(x[i], DIRECTION);
        tp_var *pushed = tp_jvp(y, x[i], v);
        tp_var *pulled = tp_gradient(table_weighted(&y, 1, 0), x[i]);
        tp_var *forward = table_weighted(&pushed, 1, 0);
        tp_var *reverse = table_weighted(&pulled, 1, DIRECTION);
        compare_modes(c, "forward mode", forward, reverse, 1e-13);
        table_no_error(c, "forward mode");
    }
}

/* --- Each operand's gradient does not depend on which others are wanted --- */

CASE_TEST(a_gradient_is_the_same_alone)
{
    for (int i = 0; i < c->n; i++) {
        TP_SCOPE();
        tp_var *all[TABLE_OPERANDS], *one[TABLE_OPERANDS];
        table_variables(c, TP_F64, all);
        for (int j = 0; j < c->n; j++)
            one[j] = j == i ? all[j] : tp_detach(all[j]);
        tp_var *y = table_call(c, all), *z = table_call(c, one);
        tp_var *joint = tp_gradient(table_weighted(&y, 1, 0), all[i]);
        tp_var *alone = tp_gradient(table_weighted(&z, 1, 0), all[i]);
        table_equal(c, "gradient with the other operands constant", alone, joint, 0);
        table_no_error(c, "gradient alone");
    }
}

/* f(x, x): the gradient is the sum of both. */
CASE_TEST(one_variable_in_both_places_gets_both_gradients)
{
    if (!c->op->call_2 || strcmp(c->shapes, "3; 3"))
        return;
    tp_var *a = tp_variable(table_constant(c, 0, TP_F64)), *x[] = {a, tp_variable(a)}, *two[2];
    tp_var *y = c->op->call_2(a, a), *z = table_call(c, x);
    tp_var *sum = tp_gradient(table_weighted(&y, 1, 0), a);
    tp_gradients(table_weighted(&z, 1, 0), x, 2, two);
    table_equal(c, "gradient of f(x, x)", sum, tp_add(two[0], two[1]), 1e-15);
    table_no_error(c, "gradient of f(x, x)");
}

/* --- Numbers: the numeric rule against the rule in operations, 0-d against arrays --- */

static const double points[] = {0.0,  -0.0,  1.0,    -1.0,  0.5,       -2.5,     2.0,        3.0,
                                40.0, -40.0, 1e-300, 1e300, -HUGE_VAL, HUGE_VAL, (double)NAN};
enum { POINTS = sizeof points / sizeof *points };

/* Equal, up to what vector functions (4 units in the last place, of 1 for 1 − y²) make of a
 * product, or both NaN. */
static bool nearly_equal(double a, double b)
{
    return (isnan(a) && isnan(b)) || a == b || nextafter(a, b) == b ||
           fabs(a - b) <= 0x1p-49 * fabs(b) + 0x1p-51;
}

static void compare_numbers(const table_case *c, const char *what, const double *x, double a,
                            double b)
{
    CASE_CHECK(c, nearly_equal(a, b), "%s at %g, %g: %.17g, expected %.17g", what, x[0], x[1], a,
               b);
}

/* A gradient by a sweep that records nothing, which uses the numeric rule, by one that records,
 * and by the rule on arrays of one element. */
static void compare_rules(const table_case *c, const double *at)
{
    TP_SCOPE();
    tp_var *x[2], *one[2], *plain[2], *recorded[2], *array[2], *gy = tp_scalar(0.7);
    for (int i = 0; i < c->n; i++) {
        x[i] = tp_variable(at[i]);
        one[i] = tp_variable(tp_full(TP_F64, TP_SHAPE(1), at[i]));
    }
    tp_var *y = table_call(c, x), *z = table_call(c, one);
    compare_numbers(c, "value", at, tp_item(z), tp_item(y));
    if (!tp_requires_grad(y))
        return;
    tp_gradients(y, x, c->n, plain, .gradient = gy);
    tp_gradients(y, x, c->n, recorded, .gradient = gy, .create_graph = true);
    tp_gradients(z, one, c->n, array, .gradient = tp_full(TP_F64, TP_SHAPE(1), 0.7));
    for (int i = 0; i < c->n; i++) {
        compare_numbers(c, i ? "numeric gradient 1" : "numeric gradient 0", at, tp_item(plain[i]),
                        tp_item(recorded[i]));
        compare_numbers(c, i ? "array gradient 1" : "array gradient 0", at, tp_item(array[i]),
                        tp_item(recorded[i]));
    }
}

/* Shapes do not matter here: elementwise records take one case, samples each. */
CASE_TEST(numeric_rules_agree_with_rules)
{
    bool first = c == table_cases() || c[-1].op != c->op;
    if (!c->op->number || !(c->call || first))
        return;
    for (int i = 0; i < POINTS; i++)
        for (int j = 0; j < (c->n == 2 ? POINTS : 1); j++)
            compare_rules(c, (double[]){points[i], points[j]});
    table_no_error(c, "numeric rule");
}
