/* SPDX-License-Identifier: MIT
 *
 * Elements do not see each other: what an elementwise operation gives at an element, value,
 * gradient and series, is what it gives there alone, whatever numbers lie beside it (infinite, NaN,
 * zeros, huge ones). And forwards and backwards say the same there. Nor does a matrix of a batch
 * see the others.
 */
#define _POSIX_C_SOURCE 200809L
#include <float.h>
#include <math.h>
#include <string.h>

#include "table_check.h"

enum { ALONE_ORDERS = 3, ALONE_KINDS = ALONE_ORDERS + 2, ALONE_MOST = 256 };

static const double points[] = {0.0,  -0.0,  1.0,   -1.0,   0.5,       -2.5,     2.0,        3.25,
                                1e30, -1e30, 1e-30, 1e-200, -HUGE_VAL, HUGE_VAL, (double)NAN};
enum { POINTS = sizeof points / sizeof *points };

static const char *const kinds[ALONE_KINDS] = {"value", "gradient", "series 1", "series 2",
                                               "series 3"};

/* Operands of n elements that take the points from `from` on, two of them in all pairs. */
static void alone_operands(const table_case *c, int from, int n, tp_var **x)
{
    double numbers[2][ALONE_MOST];
    for (int k = 0; k < n; k++) {
        numbers[0][k] = points[(from + k) % POINTS];
        numbers[1][k] = points[(from + k) / POINTS % POINTS];
    }
    for (int i = 0; i < c->n; i++)
        x[i] = tp_variable(tp_array(TP_F64, TP_SHAPE(n), numbers[i]));
}

/* All that is compared, for operand i; false if the operation has no derivative. */
static bool alone_run(const table_case *c, int i, int from, int n, tp_var **out)
{
    tp_var *x[2], *series[ALONE_ORDERS];
    alone_operands(c, from, n, x);
    tp_var *y = table_call(c, x);
    if (!tp_requires_grad(y) || tp_dtype_of(y) != TP_F64 || tp_size(y) != n)
        return false;
    tp_taylor(y, x[i], tp_ones(TP_F64, TP_SHAPE(n)), ALONE_ORDERS, series);
    out[0] = y;
    out[1] = tp_gradient(tp_sum(y), x[i]);
    for (int k = 0; k < ALONE_ORDERS; k++)
        out[2 + k] = series[k];
    return table_no_error(c, "alone");
}

/* The rule of a power takes a to the power b − 1, whose sign is lost where that is not a number. */
static bool alone_is_rounded(const table_case *c, double a, double b)
{
    return !strcmp(c->op->name, "pow") && c->n == 2 && a < 0 && (b - 1 == b || (b - 1) + 1 != b);
}

/* By digits, however small they are. */
static bool alone_close(double a, double b)
{
    return test_close(a, b, 1e-12) &&
           (isnan(b) || isinf(b) || fabs(a - b) <= 1e-9 * fabs(b) + DBL_MIN);
}

static void alone_elements(const table_case *c, int i, int n)
{
    TP_SCOPE();
    tp_var *all[ALONE_KINDS], *one[ALONE_KINDS];
    if (!alone_run(c, i, 0, n, all))
        return;
    for (int k = 0; k < n; k++) {
        TP_SCOPE();
        double a = points[k % POINTS], b = c->n == 2 ? points[k / POINTS] : 0;
        if (!alone_run(c, i, k, 1, one))
            return;
        for (int kind = 0; kind < ALONE_KINDS; kind++) {
            double beside = table_element(all[kind], k), alone = table_element(one[kind], 0);
            CASE_CHECK(c, test_close(beside, alone, 1e-12),
                       "%s of operand %d at %g, %g: %.17g beside others, alone %.17g", kinds[kind],
                       i, a, b, beside, alone);
        }
        double back = table_element(one[1], 0), forth = table_element(one[2], 0);
        CASE_CHECK(c, alone_close(forth, back) || alone_is_rounded(c, a, b),
                   "operand %d at %g, %g: forwards %.17g, backwards %.17g", i, a, b, forth, back);
    }
}

/* Shapes do not matter here: elementwise records take one case, samples each. */
CASE_TEST(elements_do_not_see_each_other)
{
    bool first = c == table_cases() || c[-1].op != c->op;
    if (!((c->op->call_1 || c->op->call_2) && first) &&
        !(c->call && (c->op->flags & TP__ELEMENTWISE) && c->n <= 2))
        return;
    for (int i = 0; i < c->n; i++)
        alone_elements(c, i, c->n == 2 ? POINTS * POINTS : POINTS);
}

/* The gradient of operand i at point k by an infinite one that comes in: of numbers, or of arrays
 * of an element. */
static double alone_infinite(const table_case *c, int i, int k, bool numbers)
{
    const double at[] = {points[k % POINTS], points[k / POINTS]};
    tp_var *x[2];
    for (int j = 0; j < c->n; j++)
        x[j] = tp_variable(tp_full(TP_F64, numbers ? 0 : 1, (const int64_t[]){1}, at[j]));
    tp_var *y = table_call(c, x);
    return table_element(
        tp_gradient(y, x[i], .gradient = tp_full(TP_F64, tp_ndim(y), tp_shape(y), HUGE_VAL)), 0);
}

CASE_TEST(infinite_gradients_of_numbers_are_those_of_arrays)
{
    bool first = c == table_cases() || c[-1].op != c->op;
    if (!first || !c->op->number_gradient || !(c->op->call_1 || c->op->call_2))
        return;
    for (int k = 0; k < (c->n == 2 ? POINTS * POINTS : POINTS); k++)
        for (int i = 0; i < c->n; i++) {
            TP_SCOPE();
            double number = alone_infinite(c, i, k, true), array = alone_infinite(c, i, k, false);
            CASE_CHECK(c, test_close(number, array, 1e-12),
                       "gradient of operand %d at %g, %g: %.17g of numbers, %.17g of arrays", i,
                       points[k % POINTS], points[k / POINTS], number, array);
        }
}

/* --- Matrices --- */

static tp_var *alone_gradient(const table_case *c, tp_var *const *x, int i)
{
    tp_var *y = table_call(c, x);
    return tp_requires_grad(y) ? tp_gradient(tp_sum(tp_square(y)), x[i]) : NULL;
}

/* x, and over it other matrices in a batch. */
static tp_var *alone_batch(tp_var *x, double factor)
{
    tp_var *both[] = {tp_unsqueeze(x, 0), tp_unsqueeze(tp_mul(x, factor), 0)};
    return tp_variable(tp_concatenate(both, 2, 0));
}

static void alone_matrices(const table_case *c, double factor)
{
    TP_SCOPE();
    tp_var *one[TABLE_OPERANDS], *batch[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++) {
        one[i] = tp_variable(table_constant(c, i, TP_F64));
        batch[i] = alone_batch(tp_detach(one[i]), factor);
    }
    tp_var *y = table_call(c, one), *both = table_call(c, batch);
    if (tp_is_poison(both) || tp_ndim(both) != tp_ndim(y) + 1 || tp_shape(both)[0] != 2) {
        tp_clear_error(); /* what is not finite may be refused */
        return;
    }
    table_equal(c, "value in a batch", tp_select(both, 0, 0), y, 1e-12);
    for (int i = 0; i < c->n; i++) {
        tp_var *alone = alone_gradient(c, one, i), *beside = alone_gradient(c, batch, i);
        if (alone && beside)
            table_equal(c, "gradient in a batch", tp_select(beside, 0, 0), alone, 1e-9);
    }
    table_no_error(c, "batch");
}

CASE_TEST(matrices_of_a_batch_do_not_see_each_other)
{
    static const char *const families[] = {"factor",          "least_squares", "linalg",
                                           "matrix_function", "products",      "solve"};
    bool fits = false;
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        fits |= !strcmp(c->family, families[i]);
    for (int i = 0; i < c->n; i++)
        fits &= c->ndim[i] == 2;
    if (!fits)
        return;
    alone_matrices(c, (double)NAN);
    alone_matrices(c, 1e30);
}
