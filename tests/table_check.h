/* SPDX-License-Identifier: MIT
 *
 * Checks on a case of the table: a failure says which case, what was compared, and both values.
 */
#ifndef TP_TABLE_CHECK_H
#define TP_TABLE_CHECK_H

#include "harness.h"
#include "table.h"

/* CASE_TEST(name) { … } registers a test that runs for each case c, each in a scope of its own;
 * EDGE_TEST runs for edges too, VARIANT_TEST for all variants. */
#define CASE_TEST(name) TABLE__TEST(name, !c->variant)
#define EDGE_TEST(name) TABLE__TEST(name, !c->variant || c->edge)
#define VARIANT_TEST(name) TABLE__TEST(name, true)

#define TABLE__TEST(name, chosen)                                                                  \
    static void name##_case(const table_case *c);                                                  \
    TEST(name)                                                                                     \
    {                                                                                              \
        for (const table_case *c = table_cases(); c->op; c++) {                                    \
            TP_SCOPE();                                                                            \
            if (chosen)                                                                            \
                name##_case(c);                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void name##_case(const table_case *c)

#define CASE_CHECK(c, good, ...) table_check(c, good, __FILE__, __LINE__, __VA_ARGS__)

bool table_check(const table_case *c, bool good, const char *file, int line, const char *format,
                 ...) TP_PRINTF(5, 6);

/* True if no error is pending; otherwise the check fails with its message, and it is cleared. */
bool table_no_error(const table_case *c, const char *what);

/* |a − b| ≤ tolerance · max(1, |b|). */
bool table_close(const table_case *c, const char *what, double a, double b, double tolerance);

/* The same for all elements of two arrays of one shape. */
bool table_equal(const table_case *c, const char *what, tp_var *a, tp_var *b, double tolerance);

bool table_same_shape(const tp_var *a, const tp_var *b);

/* Element k in row-major order, of any type; NaN for poison. */
double table_element(tp_var *v, int64_t k);

/* y, the gradients of sum(w · y) for x, and those of Σ sum(w · gradient): two orders. Gradients
 * for operands that are constants are NULL. */
typedef struct table_orders {
    tp_var *value, *gradient[TABLE_OPERANDS], *second[TABLE_OPERANDS];
} table_orders;

table_orders table_differentiate(const table_case *c, tp_var *const *x);

/* Both have the same value and, where both are there, the same gradients. */
void table_same_orders(const table_case *c, const char *what, const table_orders *a,
                       const table_orders *b, double tolerance);

#endif
