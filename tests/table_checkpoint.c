/* SPDX-License-Identifier: MIT
 *
 * Every operation, its operands and its result inside a checkpoint: computed again, derivatives of
 * two orders have the same bits.
 */
#include "table_check.h"

/* x · 1 in its place, and the square of the result: all three are values between. */
static tp_var *between(void *ctx, tp_var *const *x)
{
    const table_case *c = ctx;
    tp_var *h[TABLE_OPERANDS];
    for (int i = 0; i < c->n; i++)
        h[i] = tp_requires_grad(x[i]) ? tp_mul(x[i], 1.0) : x[i];
    tp_var *y = table_call(c, h);
    return tp_requires_grad(y) ? tp_sum(tp_square(y)) : y;
}

/* Gradients for all operands, then of their weighted sum, into out[0 … 2 n). */
static bool two_orders(const table_case *c, tp_var *y, tp_var **x, tp_var **out)
{
    if (!tp_requires_grad(y))
        return false;
    tp_gradients(y, x, c->n, out, .create_graph = true);
    tp_var *z = table_weighted(out, c->n, 1);
    if (!tp_requires_grad(z))
        return false;
    tp_gradients(z, x, c->n, out + c->n);
    return true;
}

CASE_TEST(checkpoints_change_no_bit)
{
    tp_var *x[TABLE_OPERANDS], *plain[2 * TABLE_OPERANDS], *again[2 * TABLE_OPERANDS];
    table_variables(c, TP_F64, x);
    tp_manual_seed(1);
    tp_var *y = between((void *)c, x);
    tp_manual_seed(1);
    tp_var *kept = tp_checkpoint(between, (void *)c, x, c->n);
    if (!table_equal(c, "value", kept, y, 0) || !two_orders(c, y, x, plain)) {
        tp_clear_error();
        return;
    }
    CASE_CHECK(c, two_orders(c, kept, x, again), "second order");
    for (int i = 0; i < 2 * c->n; i++)
        table_equal(c, i < c->n ? "gradient" : "second gradient", again[i], plain[i], 0);
    table_no_error(c, "checkpoint");
}
