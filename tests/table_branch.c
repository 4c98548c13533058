/* SPDX-License-Identifier: MIT
 *
 * The branch that is not taken: below where(c, f(x), 2 x) an elementwise f may be anything at the
 * elements that c does not pick (infinite, NaN, at a kink): the derivatives there are exactly 2, 0
 * and 0, and at picked elements those of f. By nested sweeps, series, Hessians, forwards over
 * backwards and backwards over forwards.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>

#include "table_check.h"

enum { BRANCH_SIZE = 5, BRANCH_ORDERS = 3 };

static const double apart[] = {0.0,  -0.0, 1.0,    -1.0,  0.5,       -2.5,     2.0,
                               40.0, 1e3,  1e-300, 1e300, -HUGE_VAL, HUGE_VAL, (double)NAN};
enum { APART = sizeof apart / sizeof *apart };

/* An operation with numbers that are inside its domain at picked elements, and at[i] elsewhere. */
typedef struct branch {
    const table_case *c;
    double at[2];
    tp_var *pick;
} branch;

static tp_var *branch_operand(const branch *b, int i)
{
    double numbers[BRANCH_SIZE];
    for (int k = 0; k < BRANCH_SIZE; k++)
        numbers[k] = k % 2 ? b->at[i] : table_number(b->c, i, i * BRANCH_SIZE + k, false);
    return tp_array(TP_F64, TP_SHAPE(BRANCH_SIZE), numbers);
}

/* Derivative number `order` of sum(y) for x by nested sweeps; all but the last are recorded. */
static tp_var *nested(tp_var *y, tp_var *x, int order)
{
    tp_var *g = tp_sum(y);
    for (int k = 1; k <= order; k++)
        g = k < order ? tp_sum(tp_gradient(g, x, .create_graph = true)) : tp_gradient(g, x);
    return g;
}

/* v is `taken` where something is picked, and `not_taken` elsewhere. */
static void branch_check(const branch *b, const char *what, int order, tp_var *v, tp_var *taken,
                         double not_taken)
{
    for (int k = 0; k < BRANCH_SIZE; k++) {
        double value = table_element(v, k), expected = k % 2 ? not_taken : table_element(taken, k);
        if (!CASE_CHECK(b->c, test_close(value, expected, k % 2 ? 0 : 1e-10),
                        "%s, order %d, not taken at %g, %g: element %d is %.17g, expected %.17g",
                        what, order, b->at[0], b->at[1], k, value, expected))
            return;
    }
}

static void branch_orders(const branch *b, int i, tp_var *const *x, tp_var *y, tp_var *free)
{
    static const double not_taken[] = {2, 0, 0};
    tp_var *ones = tp_ones(TP_F64, TP_SHAPE(BRANCH_SIZE)), *series[BRANCH_ORDERS];
    tp_var *recorded = tp_gradient(tp_sum(y), x[i], .create_graph = true);
    tp_taylor(y, x[i], ones, BRANCH_ORDERS, series);
    for (int order = 1; order <= BRANCH_ORDERS; order++) {
        TP_SCOPE();
        double expected = not_taken[order - 1];
        tp_var *taken = nested(free, x[i], order);
        branch_check(b, "nested sweeps", order, nested(y, x[i], order), taken, expected);
        branch_check(b, "series", order, series[order - 1], taken, expected);
        if (order == 1)
            continue;
        tp_var *slopes[BRANCH_ORDERS];
        tp_taylor(recorded, x[i], ones, order - 1, slopes);
        branch_check(b, "forwards over backwards", order, slopes[order - 2], taken, expected);
        branch_check(b, "backwards over forwards", order, nested(series[order - 2], x[i], 1), taken,
                     expected);
    }
    tp_var *second = nested(free, x[i], 2), *h = tp_hessian(tp_sum(y), x[i]);
    branch_check(b, "hessian", 2, tp_diagonal(h, 0), second, 0);
    branch_check(b, "hvp", 2, tp_hvp(tp_sum(y), x[i], ones), second, 0);
    table_no_error(b->c, "branch");
}

static void branch_at(const table_case *c, double first, double second)
{
    TP_SCOPE();
    branch b = {.c = c, .at = {first, second}};
    static const bool odd[BRANCH_SIZE] = {1, 0, 1, 0, 1};
    tp_var *x[2];
    for (int i = 0; i < c->n; i++)
        x[i] = tp_variable(branch_operand(&b, i));
    tp_var *f = table_call(c, x), *other = tp_mul(x[0], 2);
    if (c->n == 2)
        other = tp_add(other, tp_mul(x[1], 2));
    if (!tp_requires_grad(f) || tp_dtype_of(f) != TP_F64)
        return;
    tp_var *y = tp_where(tp_array(TP_BOOL, TP_SHAPE(BRANCH_SIZE), odd), f, other);
    for (int i = 0; i < c->n; i++)
        branch_orders(&b, i, x, y, f);
}

/* The same for numbers, which have numeric rules. */
static void branch_number(const table_case *c, double first, double second)
{
    TP_SCOPE();
    static const double expected[] = {2, 0, 0};
    const double at[] = {first, second};
    tp_var *x[2] = {tp_variable(first), tp_variable(second)}, *f = table_call(c, x);
    if (!tp_requires_grad(f) || tp_ndim(f) != 0)
        return;
    for (int i = 0; i < c->n; i++)
        for (int order = 1; order <= BRANCH_ORDERS; order++) {
            tp_var *d = nested(tp_where(0, f, tp_mul(x[i], 2)), x[i], order);
            CASE_CHECK(c, tp_item(d) == expected[order - 1],
                       "number, order %d, not taken at %g, %g: %.17g, expected %g", order, at[0],
                       at[1], tp_item(d), expected[order - 1]);
        }
    table_no_error(c, "number");
}

/* Shapes do not matter here: elementwise records take one case, samples each. */
CASE_TEST(the_branch_not_taken_has_no_derivative_of_any_order)
{
    bool first = c == table_cases() || c[-1].op != c->op;
    if (!((c->op->call_1 || c->op->call_2) && first) &&
        !(c->call && (c->op->flags & TP__ELEMENTWISE) && c->n <= 2))
        return;
    for (int i = 0; i < APART; i++)
        for (int j = 0; j < (c->n == 2 ? APART : 1); j++)
            branch_at(c, apart[i], apart[j]), branch_number(c, apart[i], apart[j]);
}

/* sin²(x) / 2 at 0, where the gradient of sin happens to be 0: derivatives 0, 1, 0, −4. */
TEST(a_zero_that_was_not_picked_keeps_its_derivatives)
{
    tp_var *x = tp_variable(0.0), *y = tp_where(1, tp_mul(tp_square(tp_sin(x)), 0.5), 0);
    tp_var *first = tp_gradient(y, x, .create_graph = true);
    tp_var *second = tp_gradient(first, x, .create_graph = true), *along[3];
    tp_var *third = tp_gradient(second, x, .create_graph = true);
    CHECK_BITS(tp_item(first), 0);
    CHECK_BITS(tp_item(second), 1);
    CHECK_BITS(tp_item(third), 0);
    CHECK_BITS(tp_item(tp_gradient(third, x)), -4);
    tp_derivatives(first, x, 3, along);
    CHECK_BITS(tp_item(along[0]), 1);
    CHECK_BITS(tp_item(along[2]), -4);
}
