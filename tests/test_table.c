/* SPDX-License-Identifier: MIT
 *
 * The generic test of the table of operations: every record, every sample. Here: records are well
 * formed; values, gradients, second gradients, shapes and errors are PyTorch's. In table_*.c:
 * derivatives against finite differences and each other, layouts and element types, failures.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdlib.h>

#include "base/numbers.h"
#include "ops/linalg/lapack_batch.h"
#include "table_check.h"
#include "table_reference.h"

/* RECORD_TEST(name) { … } registers a test that runs for each record op. */
#define RECORD_TEST(name)                                                                          \
    static void name##_record(const tp__op *op);                                                   \
    TEST(name)                                                                                     \
    {                                                                                              \
        for (const tp__family *const *family = all_families(); *family; family++)                  \
            for (const tp__op *const *op = (*family)->ops; *op; op++)                              \
                name##_record(*op);                                                                \
    }                                                                                              \
    static void name##_record(const tp__op *op)

#define OP_CHECK(op, condition)                                                                    \
    test_check(condition, __FILE__, __LINE__, "record %s: %s", (op)->name ? (op)->name : "?",      \
               #condition)

/* --- Records --- */

#define SMALL "abcdefghijklmnopqrstuvwxyz"
#define LARGE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Text that begins with one of `first` and goes on with `rest`. */
static bool is_word(const char *text, const char *first, const char *rest)
{
    return text && *text && strchr(first, *text) && !text[strspn(text, rest)];
}

RECORD_TEST(records_have_names_a_formula_and_a_rule_as_text)
{
    OP_CHECK(op, is_word(op->name, SMALL, SMALL "0123456789_"));
    OP_CHECK(op, is_word(op->label, LARGE, LARGE SMALL "0123456789"));
    OP_CHECK(op, op->rule && *op->rule);
    OP_CHECK(op, op->formula && *op->formula);
    OP_CHECK(op, op->domain >= TP__ANYWHERE && op->domain < TP__DOMAINS);
    OP_CHECK(op, op->n_in <= TABLE_OPERANDS);
}

RECORD_TEST(records_can_be_called_by_tests)
{
    OP_CHECK(op, op->samples || op->call_1 || op->call_2);
    OP_CHECK(op, !op->call_1 || op->n_in == 1);
    OP_CHECK(op, !op->call_2 || op->n_in == 2);
    OP_CHECK(op, !op->samples || op->samples->call);
    for (const tp__sample *s = op->samples; s && s->call; s++)
        OP_CHECK(op, s->shapes && s->torch && *s->torch);
}

RECORD_TEST(records_with_a_gradient_have_a_taylor_rule)
{
    bool linear = op->flags & TP__LINEAR, bilinear = op->flags & TP__BILINEAR;
    OP_CHECK(op, !op->gradient || op->taylor || linear || bilinear || op->compose || op->tangent ||
                     (op->flags & TP__ELEMENTWISE));
    OP_CHECK(op, !op->compose || op->gradient);
    OP_CHECK(op, !op->tangent || (op->gradient && op->n_in == 1));
    OP_CHECK(op, !(linear && bilinear));
    OP_CHECK(op, !bilinear || op->n_in == 2);
    OP_CHECK(op, !linear || !(op->reads[0] | op->reads[1] | op->reads[2]));
}

RECORD_TEST(records_read_only_operands_they_have)
{
    int n = op->n_in ? op->n_in : TABLE_OPERANDS;
    unsigned operands = n <= TP__READING ? (1u << n) - 1 : (unsigned)TP__READS_ALL;
    for (int i = 0; i < TP__READING; i++) {
        OP_CHECK(op, !(op->reads[i] & ~(operands | TP__READS_OUT)));
        OP_CHECK(op, (op->gradient && i < n) || !op->reads[i]);
    }
}

RECORD_TEST(elementwise_records_have_loops)
{
    bool elementwise = op->flags & TP__ELEMENTWISE;
    bool composite = op->flags & TP__COMPOSITE;
    OP_CHECK(op, !composite || !(op->gradient || op->forward || op->infer || elementwise));
    OP_CHECK(op, elementwise == (op->loop[TP_F64] != NULL));
    OP_CHECK(op, elementwise == (op->loop[TP_F32] != NULL));
    OP_CHECK(op,
             !elementwise || (op->flags & TP__FLOATING) || (op->loop[TP_I64] && op->loop[TP_U8]));
    OP_CHECK(op, !op->number_gradient || op->number);
    OP_CHECK(op, !op->forward || !elementwise);
}

/* --- PyTorch --- */

/* PyTorch's trigamma function, in the derivatives of these, is good to 1e-9; test_special has
 * closed forms. */
static double case_tolerance(const table_case *c)
{
    static const char *const rough[] = {"lgamma", "polygamma"};
    for (size_t i = 0; i < sizeof rough / sizeof *rough; i++)
        if (!strcmp(c->op->name, rough[i]))
            return 1e-8;
    return 1e-12;
}

/* Compares v's elements with numbers in text. At edges PyTorch may give NaN where ours is a number:
 * hypot at the origin. */
static bool equals_text(const table_case *c, const char *what, tp_var *v, const char *text,
                        double tolerance)
{
    for (int64_t k = 0; k < tp_size(v); k++) {
        char *end;
        double expected = tp__read_number(text, &end), value = table_element(v, k);
        if (!CASE_CHECK(c, end != text, "%s: %lld numbers, more than PyTorch's", what,
                        (long long)k + 1) ||
            !CASE_CHECK(c, (c->edge && isnan(expected)) || test_close(value, expected, tolerance),
                        "%s: element %lld is %.17g, PyTorch's %.17g", what, (long long)k, value,
                        expected))
            return false;
        text = end;
    }
    text += strspn(text, " ");
    return CASE_CHECK(c, *text == '\n', "%s: fewer numbers than PyTorch's", what);
}

static void check_array(const table_case *c, const char *word, tp_var *v)
{
    const char *text = table_reference(c, word);
    if (CASE_CHECK(c, text, "no %s in the reference", word))
        equals_text(c, word, v, text, case_tolerance(c));
}

static void check_shape(const table_case *c, const tp_var *y)
{
    char ours[64] = "";
    for (int i = 0; i < tp_ndim(y); i++)
        snprintf(ours + strlen(ours), sizeof ours - strlen(ours), "%s%lld", i ? "," : " ",
                 (long long)tp_shape(y)[i]);
    const char *text = table_reference(c, "shape");
    size_t length = text ? strcspn(text, "\n") : 0;
    CASE_CHECK(c, text && strlen(ours) == length && !strncmp(ours, text, length),
               "shape%s, PyTorch's%.*s", ours, (int)length, text ? text : "");
}

/* "matmul: …"; samples may call other operations. */
static void check_message(const table_case *c)
{
    const char *message = tp_error();
    size_t length = strspn(message, SMALL "0123456789_");
    bool composite = c->op->flags & TP__COMPOSITE;
    bool own = length == strlen(c->op->name) && !strncmp(message, c->op->name, length);
    CASE_CHECK(c, length && message[length] == ':' && (c->call || composite || own),
               "the message names no operation: %s", message);
    CASE_CHECK(c, tp_status() == TP_ERROR_SHAPE || tp_status() == TP_ERROR_ARGUMENT,
               "the error has code %d: %s", (int)tp_status(), message);
}

static void check_refused(const table_case *c, tp_var *y)
{
    CASE_CHECK(c, tp_is_poison(y), "PyTorch raises an error, ours does not");
    if (CASE_CHECK(c, tp_error(), "no error is pending"))
        check_message(c);
    tp_clear_error();
}

static void check_orders(const table_case *c, tp_var *const *x)
{
    table_orders orders = table_differentiate(c, x);
    if (!table_no_error(c, "two orders"))
        return;
    check_shape(c, orders.value);
    check_array(c, "value", orders.value);
    for (int i = 0; i < c->n; i++) {
        char word[24];
        snprintf(word, sizeof word, "gradient%d", i);
        check_array(c, word, orders.gradient[i]);
        if (c->edge || table_reference(c, "once"))
            continue;
        snprintf(word, sizeof word, "second%d", i);
        check_array(c, word, orders.second[i]);
    }
}

/* Says so where records are left out. */
TEST(records_that_need_lapack)
{
    if (!tp__lapack_is_there())
        test_skip("the library was built without LAPACK");
}

VARIANT_TEST(values_gradients_and_errors_are_pytorchs)
{
    tp_var *x[TABLE_OPERANDS];
    table_variables(c, TP_F64, x);
    if (!CASE_CHECK(c, table_has_reference(c), "no reference: run scripts/reference"))
        return;
    if (table_reference(c, "error"))
        check_refused(c, table_call(c, x));
    else
        check_orders(c, x);
}
