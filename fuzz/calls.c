/* SPDX-License-Identifier: MIT
 *
 * Carries out calls that it reads, one a line, for compare.py, which makes the same of PyTorch.
 *
 *     cases                                  the operations of the table, a line each, then "end"
 *     program                                forgets all values
 *     number i|f VALUE                       a weak number
 *     constant|variable TYPE SHAPE VALUE …   SHAPE is 2x3, or - for a number
 *     call CASE A B …                        case CASE of the list, on values A, B …
 *     to TYPE A   transpose A I J   reshape A SHAPE   expand A SHAPE   slice A AXIS START STOP STEP
 *     select A AXIS INDEX   squeeze A AXIS   unsqueeze A AXIS   detach A
 *     edit add|sub|mul|div|copy TARGET SOURCE
 *     gradients Y X0 X1 …                    of Σ wY, then of Σ of Σ vi · gradient i
 *     jvp Y X                                along set 1 of weights
 *     show A
 *
 * Values are numbered from 0 in the order in which they are made. The reply is a line for each
 * value, "value TYPE SHAPE NUMBER …", or "error MESSAGE"; numbers are hexadecimal, weights
 * table.h's.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/dtype.h"
#include "table.h"

enum { CALLS_VALUES = 256, CALLS_LINE = 1 << 20 };

static tp_var *calls_value[CALLS_VALUES];
static int calls_n;
static char *calls_rest; /* of the line that is read */

/* --- Words --- */

static const char *calls_word(void)
{
    const char *word = strtok_r(NULL, " \n", &calls_rest);
    return word ? word : "";
}

static int64_t calls_integer(void)
{
    return strtoll(calls_word(), NULL, 10);
}

static tp_var *calls_operand(const char *word)
{
    int i = *word ? atoi(word) : -1;
    return i >= 0 && i < calls_n ? calls_value[i] : NULL;
}

static tp_dtype calls_type(void)
{
    const char *word = calls_word();
    int dtype = 0;
    while (dtype < TP_DTYPES && strcmp(word, tp_dtype_name((tp_dtype)dtype)))
        dtype++;
    return (tp_dtype)dtype;
}

static int calls_shape(int64_t *shape)
{
    const char *word = calls_word();
    int n = 0;
    for (char *end; *word && strcmp(word, "-") && n < TP_MAX_NDIM; word = *end ? end + 1 : end)
        shape[n++] = strtoll(word, &end, 10);
    return n;
}

/* --- Replies --- */

static double calls_element(tp_var *v, const void *data, int64_t i)
{
    tp_dtype dtype = tp_dtype_of(v);
    return tp__read_element(dtype, (const char *)data + (size_t)i * tp__dtype_size(dtype));
}

/* True, after "error …", if there is one. */
static bool calls_failed(void)
{
    const char *message = tp_error();
    if (message)
        printf("error %s\n", message);
    tp_clear_error();
    return message != NULL;
}

static void calls_show(tp_var *v)
{
    const void *data = tp_data(v);
    if (calls_failed())
        return;
    printf("value %s ", tp_dtype_name(tp_dtype_of(v)));
    for (int d = 0; d < tp_ndim(v); d++)
        printf("%s%lld", d ? "x" : "", (long long)tp_shape(v)[d]);
    printf("%s", tp_ndim(v) ? "" : "-");
    for (int64_t i = 0; i < tp_size(v); i++)
        printf(" %a", calls_element(v, data, i));
    printf("\n");
}

static void calls_made(tp_var *v)
{
    calls_value[calls_n++] = tp_is_poison(v) ? NULL : v;
    calls_show(v);
}

/* --- Calls --- */

static const table_case *calls_case(int64_t number)
{
    const table_case *c = table_cases();
    while (c->op && number-- > 0)
        c++;
    return c;
}

static void calls_list(void)
{
    for (const table_case *c = table_cases(); c->op; c++)
        printf("%d|%s|%s|%u|%d|%d|%s\n", (int)(c - table_cases()), c->op->name, c->shapes,
               c->op->flags, (int)c->op->domain, c->call == NULL, c->torch);
    printf("end\n");
}

static tp_var *calls_array(bool variable)
{
    int64_t shape[TP_MAX_NDIM];
    tp_dtype dtype = calls_type();
    int ndim = calls_shape(shape);
    tp_var *v = tp_zeros(dtype, ndim, shape);
    char *data = tp_data_(v);
    for (int64_t i = 0; data && i < tp_size(v); i++)
        tp__write_element(dtype, data + (size_t)i * tp__dtype_size(dtype),
                          strtod(calls_word(), NULL));
    return variable ? tp_variable(v) : v;
}

static tp_var *calls_number(void)
{
    bool whole = *calls_word() == 'i';
    return whole ? tp_num_int(calls_integer()) : tp_num(strtod(calls_word(), NULL));
}

static tp_var *calls_call(void)
{
    const table_case *c = calls_case(calls_integer());
    tp_var *x[TABLE_OPERANDS] = {NULL};
    for (int i = 0; i < TABLE_OPERANDS; i++)
        x[i] = calls_operand(calls_word());
    return c->op ? table_call(c, x) : tp_fail(TP_ERROR_ARGUMENT, "call: no such case");
}

static tp_var *calls_view(const char *what)
{
    if (!strcmp(what, "to")) {
        tp_dtype dtype = calls_type();
        return tp_to(calls_operand(calls_word()), dtype);
    }
    tp_var *x = calls_operand(calls_word());
    if (!strcmp(what, "detach"))
        return tp_detach(x);
    if (!strcmp(what, "reshape") || !strcmp(what, "expand")) {
        int64_t shape[TP_MAX_NDIM];
        int ndim = calls_shape(shape);
        return *what == 'r' ? tp_reshape(x, ndim, shape) : tp_expand(x, ndim, shape);
    }
    int axis = (int)calls_integer();
    int64_t a = calls_integer(), b = calls_integer(), step = calls_integer();
    return !strcmp(what, "transpose")   ? tp_transpose(x, axis, (int)a)
           : !strcmp(what, "slice")     ? tp_slice(x, axis, a, b, step)
           : !strcmp(what, "select")    ? tp_select(x, axis, a)
           : !strcmp(what, "squeeze")   ? tp_squeeze(x, axis)
           : !strcmp(what, "unsqueeze") ? tp_unsqueeze(x, axis)
                                        : tp_fail(TP_ERROR_ARGUMENT, "%s: no such call", what);
}

static void calls_edit(void)
{
    const char *what = calls_word();
    tp_var *target = calls_operand(calls_word()), *source = calls_operand(calls_word());
    void (*edit)(tp_var *, tp_var *) = !strcmp(what, "add")   ? (tp_add_)
                                       : !strcmp(what, "sub") ? (tp_sub_)
                                       : !strcmp(what, "mul") ? (tp_mul_)
                                       : !strcmp(what, "div") ? (tp_div_)
                                                              : (tp_copy_);
    edit(target, source);
    if (!calls_failed())
        calls_show(target);
}

/* --- Derivatives --- */

static void calls_gradients(void)
{
    tp_var *y = calls_operand(calls_word()), *x[TABLE_OPERANDS], *g[TABLE_OPERANDS];
    int n = 0;
    for (const char *word = calls_word(); *word && n < TABLE_OPERANDS; word = calls_word())
        x[n++] = calls_operand(word);
    TP_SCOPE();
    const tp_gradient_options recorded = {.create_graph = true, .size = sizeof recorded};
    (tp_gradients)(table_weighted(&y, 1, 0), x, n, g, &recorded);
    if (calls_failed())
        return;
    for (int i = 0; i < n; i++)
        calls_show(g[i]);
    tp_var *sum = table_weighted(g, n, 1);
    tp_var *second[TABLE_OPERANDS];
    (tp_gradients)(sum, x, n, second, NULL);
    if (calls_failed())
        return;
    for (int i = 0; i < n; i++)
        calls_show(second[i]);
}

static void calls_jvp(void)
{
    tp_var *y = calls_operand(calls_word()), *x = calls_operand(calls_word());
    TP_SCOPE();
    TP_NO_GRAD();
    calls_show(tp_jvp(y, x, table_weights(x, 1)));
}

static bool calls_line(const char *what)
{
    if (!strcmp(what, "cases"))
        calls_list();
    else if (!strcmp(what, "number"))
        calls_made(calls_number());
    else if (!strcmp(what, "constant") || !strcmp(what, "variable"))
        calls_made(calls_array(*what == 'v'));
    else if (!strcmp(what, "call"))
        calls_made(calls_call());
    else if (!strcmp(what, "edit"))
        calls_edit();
    else if (!strcmp(what, "gradients"))
        calls_gradients();
    else if (!strcmp(what, "jvp"))
        calls_jvp();
    else if (!strcmp(what, "show"))
        calls_show(calls_operand(calls_word()));
    else if (!strcmp(what, "program"))
        return false;
    else
        calls_made(calls_view(what));
    return true;
}

int main(void)
{
    static char line[CALLS_LINE];
    size_t scope = tp_scope_begin();
    while (fgets(line, sizeof line, stdin)) {
        const char *what = strtok_r(line, " \n", &calls_rest);
        if (what && (!calls_line(what) || calls_n == CALLS_VALUES)) {
            tp_scope_end(scope);
            scope = tp_scope_begin();
            calls_n = 0;
        }
        printf("done\n");
        fflush(stdout);
    }
    tp_scope_end(scope);
    return 0;
}
