/* SPDX-License-Identifier: MIT
 *
 * What goes wrong goes wrong in the open: poison and NULL give errors, an edit in place gives an
 * error exactly when a rule reads the value, and a failing allocation gives an error or the right
 * result and leaves no trace.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "base/alloc.h"
#include "graph/op.h"
#include "table_check.h"

/* --- Poison and NULL --- */

static void check_bad_operand(const table_case *c, int i, tp_var *bad)
{
    TP_SCOPE();
    const char *what = bad ? "poison" : "NULL";
    tp_var *x[TABLE_OPERANDS];
    table_variables(c, TP_F64, x);
    x[i] = bad;
    tp_var *y = table_call(c, x);
    CASE_CHECK(c, tp_is_poison(y), "operand %d is %s: the result is not poison", i, what);
    if (!CASE_CHECK(c, tp_error(), "operand %d is %s: no error is pending", i, what))
        return;
    CASE_CHECK(c, tp_status() == (bad ? TP_ERROR_GRAPH : TP_ERROR_ARGUMENT),
               "operand %d is %s: error %d: %s", i, what, (int)tp_status(), tp_error());
    CASE_CHECK(c,
               c->call || (c->op->flags & TP__COMPOSITE) ||
                   !strncmp(tp_error(), c->op->name, strlen(c->op->name)),
               "operand %d is %s: the message names no operation: %s", i, what, tp_error());
    tp_clear_error();
}

VARIANT_TEST(poison_and_null_give_errors)
{
    tp_var *poison = tp_fail(TP_ERROR_ARGUMENT, "on purpose");
    tp_clear_error();
    for (int i = 0; i < c->n; i++) {
        check_bad_operand(c, i, poison);
        check_bad_operand(c, i, NULL);
    }
}

/* A pending error stays the first one, and poison passes through. */
CASE_TEST(poison_passes_through)
{
    tp_var *x[TABLE_OPERANDS];
    table_variables(c, TP_F64, x);
    x[0] = tp_fail(TP_ERROR_FILE, "on purpose");
    CASE_CHECK(c, tp_is_poison(table_call(c, x)), "poison does not pass through");
    CASE_CHECK(c, test_error(TP_ERROR_FILE, "on purpose"), "the first error is lost");
}

/* --- Edits in place: records tell the truth about what they read --- */

static bool shares_elements(const tp_var *a, const tp_var *b)
{
    return a == b || (a->storage && a->storage == b->storage);
}

/* True if some rule between x and y says that it, or its recorded form, reads x's elements. */
static bool is_read(tp_var *y, const tp_var *x, bool record)
{
    unsigned reads = !y->n_in ? 0 : record ? tp__reads(y) : tp__reads_of_rule(y);
    for (uint32_t i = 0; i < y->n_in; i++) {
        tp_var *in = tp__inputs(y)[i];
        if ((tp__reads_input(reads, i) && shares_elements(in, x)) || is_read(in, x, record))
            return true;
    }
    return false;
}

static void check_edit(const table_case *c, int i, bool record)
{
    TP_SCOPE();
    tp_var *x[TABLE_OPERANDS], *right[TABLE_OPERANDS], *after[TABLE_OPERANDS];
    table_variables(c, TP_F64, x);
    tp_var *y = table_call(c, x), *gy = tp_requires_grad(y) ? table_weights(y, 0) : NULL;
    bool read = is_read(y, x[i], record);
    tp_gradients(y, x, c->n, right, .gradient = gy);
    tp_add_(x[i], 0.5);
    tp_gradients(y, x, c->n, after, .gradient = gy, .create_graph = record);
    CASE_CHECK(c, (tp_error() != NULL) == read, "operand %d edited, which the rule %s: %s", i,
               read ? "reads" : "does not read", tp_error() ? tp_error() : "no error");
    if (tp_error())
        CASE_CHECK(c, test_error(TP_ERROR_GRAPH, "edited in place"), "another error");
    else
        for (int j = 0; j < c->n && !read; j++)
            table_equal(c, "gradient after an edit", after[j], right[j], 1e-14);
}

CASE_TEST(an_edit_is_an_error_where_the_rule_reads)
{
    for (int i = 0; i < c->n; i++) {
        check_edit(c, i, false);
        check_edit(c, i, true);
    }
}

/* The result has a buffer that no operand sees. */
static bool owns_elements(tp_var *y)
{
    for (uint32_t i = 0; i < y->n_in; i++)
        if (shares_elements(y, tp__inputs(y)[i]))
            return false;
    return true;
}

static void overwrite(tp_var *v, double value)
{
    double *at = (double *)tp_data(v);
    for (int64_t k = 0; k < tp_size(v); k++)
        at[k] = value;
}

/* A result that the rule does not read may go before the sweep. */
CASE_TEST(a_result_that_is_not_read_is_not_needed)
{
    tp_var *x[TABLE_OPERANDS], *right[TABLE_OPERANDS], *after[TABLE_OPERANDS];
    table_variables(c, TP_F64, x);
    tp_var *y = table_call(c, x);
    if (!tp_requires_grad(y) || (tp__reads(y) & TP__READS_OUT) || !owns_elements(y))
        return;
    tp_var *gy = table_weights(y, 0);
    tp_gradients(y, x, c->n, right, .gradient = gy);
    overwrite(y, (double)NAN);
    tp_gradients(y, x, c->n, after, .gradient = gy, .create_graph = true);
    for (int j = 0; j < c->n; j++)
        table_equal(c, "gradient without the result", after[j], right[j], 1e-14);
    table_no_error(c, "gradient without the result");
}

/* --- Each allocation failing in turn --- */

enum { FAILURE_ORDERS = 2, FAILURE_NUMBERS = 1 + 2 * TABLE_OPERANDS + FAILURE_ORDERS };

static double number_or_zero(tp_var *v)
{
    return v ? tp_item(table_weighted(&v, 1, 0)) : 0;
}

/* Takes the gradients out of x; they stay NULL where the sweep did not come. */
static void take_gradients(const table_case *c, tp_var *const *x, tp_var **g)
{
    for (int i = 0; i < c->n; i++) {
        g[i] = tp_grad(x[i]);
        tp_cleargrad(x[i]);
    }
}

/* Two sweeps, the second through the graph of the first. */
static void two_sweeps(const table_case *c, tp_var *const *x, double *out)
{
    tp_var *g[TABLE_OPERANDS], *y = table_call(c, x), *sum = table_weighted(&y, 1, 0), *z = NULL;
    out[0] = tp_item(sum);
    if (!tp_requires_grad(sum))
        return;
    tp_backward(sum, .create_graph = true);
    take_gradients(c, x, g);
    for (int i = 0; i < c->n; i++) {
        out[1 + i] = number_or_zero(g[i]);
        if (g[i])
            z = z ? tp_add(z, table_weighted(&g[i], 1, i + 1)) : table_weighted(&g[i], 1, i + 1);
    }
    if (!z || !tp_requires_grad(z))
        return;
    tp_backward(z);
    take_gradients(c, x, g);
    for (int i = 0; i < c->n; i++)
        out[1 + TABLE_OPERANDS + i] = number_or_zero(g[i]);
}

static void one_series(const table_case *c, tp_var *const *x, double *out)
{
    tp_var *moved[TABLE_OPERANDS], *derivatives[FAILURE_ORDERS], *t = tp_variable(0.0);
    for (int i = 0; i < c->n; i++)
        moved[i] = tp_add(x[i], tp_mul(t, table_weights(x[i], i + 1)));
    tp_derivatives(table_call(c, moved), t, FAILURE_ORDERS, derivatives);
    for (int k = 0; k < FAILURE_ORDERS; k++)
        out[1 + 2 * TABLE_OPERANDS + k] = number_or_zero(derivatives[k]);
}

static void run_program(const table_case *c, tp_var *const *x, double *out)
{
    TP_SCOPE();
    memset(out, 0, FAILURE_NUMBERS * sizeof *out);
    two_sweeps(c, x, out);
    one_series(c, x, out);
}

static void compare_programs(const table_case *c, const char *what, size_t n, const double *out,
                             const double *right)
{
    for (int i = 0; i < FAILURE_NUMBERS; i++)
        CASE_CHECK(c, test_close(out[i], right[i], 0), "%s %zu: number %d is %.17g, expected %.17g",
                   what, n, i, out[i], right[i]);
}

/* One run with request n failing; false when there are fewer. */
static bool fail_once(const table_case *c, tp_var *const *x, size_t n, const double *right)
{
    double out[FAILURE_NUMBERS];
    size_t live = tp_live();
    tp__alloc_fail_at(n);
    run_program(c, x, out);
    size_t requests = tp__alloc_fail_at(0);
    tp_code code = tp_status();
    tp_clear_error();
    CASE_CHECK(c, code == TP_OK || (code == TP_ERROR_MEMORY && requests >= n),
               "request %zu failed: error %d", n, (int)code);
    CASE_CHECK(c, tp_live() == live, "request %zu failed: %zu nodes are left", n, tp_live() - live);
    if (code == TP_OK)
        compare_programs(c, "no error with request", n, out, right);
    for (int i = 0; i < c->n; i++) {
        CASE_CHECK(c, !tp_grad(x[i]), "request %zu failed: operand %d has a gradient", n, i);
        tp_cleargrad(x[i]);
    }
    return requests >= n;
}

/* In short, fewer and fewer of those that come late; where it is quick, all. */
CASE_TEST(each_allocation_fails_in_turn)
{
    tp_var *x[TABLE_OPERANDS];
    double right[FAILURE_NUMBERS], again[FAILURE_NUMBERS];
    table_variables(c, TP_F64, x);
    run_program(c, x, right);
    table_no_error(c, "before a failure");
    for (size_t n = 1; fail_once(c, x, n, right); n += test_short() ? 1 + n / 16 : 1) {
        run_program(c, x, again);
        table_no_error(c, "after a failure");
        compare_programs(c, "after a failure of request", n, again, right);
    }
}
