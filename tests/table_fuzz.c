/* SPDX-License-Identifier: MIT
 *
 * Operands of random shapes and types: each call gives a result whose gradients have their
 * operands' shapes, or an error that names an operation.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>

#include "table_check.h"

static uint64_t fuzz_state;

static uint32_t fuzz_below(uint32_t n)
{
    fuzz_state = fuzz_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(fuzz_state >> 33) % n;
}

/* Up to four axes of 0 to 4, often as the case has them. */
static tp_var *fuzz_operand(const table_case *c, int i)
{
    int64_t shape[TP_MAX_NDIM];
    int ndim = c->ndim[i];
    for (int d = 0; d < ndim; d++)
        shape[d] = c->shape[i][d];
    if (fuzz_below(3) == 0)
        ndim = (int)fuzz_below(5);
    for (int d = 0; d < ndim; d++)
        if (d >= c->ndim[i] || fuzz_below(4) == 0)
            shape[d] = fuzz_below(5);
    tp_dtype dtype = fuzz_below(3) ? TP_F64 : (tp_dtype)fuzz_below(TP_DTYPES);
    tp_var *v = tp_full(dtype, ndim, shape, 1);
    bool floating = dtype != TP_I64 && dtype != TP_I32 && dtype != TP_U8 && dtype != TP_BOOL;
    return floating ? tp_variable(v) : v;
}

static void fuzz_gradients(const table_case *c, tp_var *y, tp_var *const *x)
{
    for (int i = 0; i < c->n && tp_requires_grad(y); i++) {
        if (!tp_requires_grad(x[i]))
            continue;
        tp_var *g = tp_gradient(y, x[i]);
        if (!tp_error())
            CASE_CHECK(c, table_same_shape(g, x[i]) && tp_dtype_of(g) == tp_dtype_of(x[i]),
                       "gradient %d has another shape or type", i);
        tp_clear_error();
    }
}

/* TP_FUZZ_ROUNDS in the environment asks for longer runs. */
static int fuzz_rounds(void)
{
    const char *wanted = getenv("TP_FUZZ_ROUNDS");
    return wanted ? atoi(wanted) : test_short() ? 20 : 100;
}

CASE_TEST(random_shapes_give_results_or_errors)
{
    int rounds = fuzz_rounds();
    fuzz_state = (uint64_t)c->number * 7919 + 1;
    for (int round = 0; round < rounds; round++) {
        TP_SCOPE();
        tp_var *x[TABLE_OPERANDS];
        for (int i = 0; i < c->n; i++)
            x[i] = fuzz_operand(c, i);
        tp_var *y = table_call(c, x);
        const char *message = tp_error();
        CASE_CHECK(c, tp_is_poison(y) == (message != NULL), "poison and error do not agree");
        CASE_CHECK(c, !message || strchr(message, ':'), "the message names no operation: %s",
                   message ? message : "");
        tp_clear_error();
        if (!tp_is_poison(y))
            fuzz_gradients(c, y, x);
    }
}
