/* SPDX-License-Identifier: MIT
 *
 * What an error says: it begins with the name of the function that the program called, whatever
 * was at work inside, and an error of shapes shows a shape.
 */
#define _POSIX_C_SOURCE 200809L
#include <ctype.h>

#include "table_check.h"

/* What samples do to their operands before the call, of which PyTorch's text says nothing. */
static bool sample_prepares(const char *op, const char *name, size_t length)
{
    static const char *const prepared[] = {"where:gt",
                                           "instance_norm:add",
                                           "batch_norm_:add",
                                           "recurrent:add",
                                           "rnn_tanh:add",
                                           "rnn_relu:add",
                                           "embedding_bag:add",
                                           "bilinear:add",
                                           "multilabel_soft_margin_loss:add",
                                           "where:detach",
                                           "masked_fill:detach",
                                           "masked_select:detach",
                                           "slice:select",
                                           "einsum_spread:ndim",
                                           "inverse:ndim",
                                           "solve:ndim",
                                           "det:ndim",
                                           "solve_triangular:ndim",
                                           "slogdet:ndim",
                                           "logdet:ndim",
                                           "cholesky:ndim",
                                           "cholesky_solve:ndim",
                                           "qr:ndim",
                                           "eigh:ndim",
                                           "eigvalsh:ndim",
                                           "lstsq:ndim",
                                           "conv_bias:conv",
                                           "conv_transpose:conv",
                                           "pool_put:pool_take",
                                           "lstm_cell:add",
                                           "gru_cell:add",
                                           "rnn_tanh_cell:add",
                                           "lstm:add",
                                           "gru:add",
                                           "layer_norm:add",
                                           "rms_norm:add",
                                           "batch_norm:add",
                                           "group_norm:add"};
    for (size_t i = 0; i < sizeof prepared / sizeof *prepared; i++) {
        size_t before = strcspn(prepared[i], ":");
        const char *inner = prepared[i] + before + 1;
        if (strlen(op) == before && !memcmp(op, prepared[i], before) && strlen(inner) == length &&
            !memcmp(inner, name, length))
            return true;
    }
    return false;
}

/* True if the sample calls a function of this name: it is the record's, or stands in what PyTorch
 * is told, as a word or an operator. */
static bool sample_calls(const table_case *c, const char *name, size_t length)
{
    static const char *const operators[][2] = {{"add", "+"}, {"sub", "-"},    {"mul", "*"},
                                               {"div", "/"}, {"matmul", "@"}, {"pow", "**"}};
    if (strlen(c->op->name) == length && !memcmp(c->op->name, name, length))
        return true;
    for (const char *at = strstr(c->torch, "."); at; at = strstr(at + 1, "."))
        if (!strncmp(at + 1, name, length) && at[1 + length] == '(')
            return true;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strlen(operators[i][0]) == length && !memcmp(operators[i][0], name, length) &&
            strstr(c->torch, operators[i][1]))
            return true;
    return sample_prepares(c->op->name, name, length);
}

/* "(2, 3)" or "()" somewhere in text. */
static bool shows_a_shape(const char *text)
{
    for (const char *at = strchr(text, '('); at; at = strchr(at + 1, '('))
        if (at[1] == ')' || (isdigit((unsigned char)at[1]) && strpbrk(at + 1, ",)")))
            return true;
    return false;
}

/* What is wrong with an operand is told in other words than what is with another. */
static void check_which(const table_case *c, tp_var **x, tp_var *wrong, const char *what)
{
    char said[TABLE_OPERANDS][200] = {""};
    for (int i = 0; i < c->n; i++) {
        tp_var *right = x[i];
        x[i] = wrong;
        table_call(c, x);
        snprintf(said[i], sizeof said[i], "%s", tp_error() ? tp_error() : "");
        tp_clear_error();
        x[i] = right;
        for (int k = 0; k < i; k++)
            CASE_CHECK(c,
                       !said[i][0] || strcmp(said[i], said[k]) ||
                           sample_prepares(c->op->name, said[i], strcspn(said[i], ":")),
                       "operands %d and %d %s: %s", k, i, what, said[i]);
    }
    CASE_CHECK(c, c->n != 1 || !strstr(said[0], "operand 1 of 2"), "the operand is %s: %s", what,
               said[0]);
}

static void check_message(const table_case *c, tp_var *const *x, const char *what, int i)
{
    table_call(c, x);
    const char *message = tp_error();
    size_t length = message ? strcspn(message, ":") : 0;
    if (!message)
        return;
    CASE_CHECK(c, sample_calls(c, message, length) && message[length] == ':',
               "operand %d %s: the message names another function: %s", i, what, message);
    CASE_CHECK(c, tp_status() != TP_ERROR_SHAPE || shows_a_shape(message),
               "operand %d %s: the message shows no shape: %s", i, what, message);
    tp_clear_error();
}

/* Operand i with one axis more, one less, or its sizes larger. */
static tp_var *of_another_shape(const table_case *c, int i, int kind)
{
    int64_t shape[TP_MAX_NDIM + 1];
    int ndim = c->ndim[i], more = kind == 0 ? 1 : kind == 1 ? -1 : 0;
    if (ndim + more < 0 || ndim + more > TP_MAX_NDIM)
        return NULL;
    for (int k = 0; k < ndim; k++)
        shape[k] = c->shape[i][k] + (kind == 2 ? 2 : 0);
    shape[ndim] = 3;
    return tp_full(TP_F64, ndim + more, shape, 0.5);
}

/* If float64 operands with the same numbers are taken, what is wrong is the type. */
static void check_type(const table_case *c, tp_var **x, int i, tp_var *typed)
{
    x[i] = tp_to(typed, TP_F64);
    table_call(c, x);
    bool others = tp_error() != NULL;
    tp_clear_error();
    x[i] = typed;
    table_call(c, x);
    const char *message = others ? NULL : tp_error(), *name = tp_dtype_name(tp_dtype_of(typed));
    CASE_CHECK(c, !message || (tp_status() == TP_ERROR_DTYPE && strstr(message, name)),
               "operand %d of %s: the error is not one of types: %s", i, name, message);
    tp_clear_error();
}

VARIANT_TEST(messages_name_the_function_called)
{
    static const tp_dtype types[] = {TP_F32, TP_F16, TP_I64, TP_BOOL, TP_U8};
    static const char *const kinds[] = {"of one axis more", "of one axis less", "of larger sizes"};
    tp_var *poison = tp_fail(TP_ERROR_ARGUMENT, "on purpose"), *x[TABLE_OPERANDS];
    tp_clear_error();
    table_variables(c, TP_F64, x);
    check_which(c, x, NULL, "NULL");
    check_which(c, x, poison, "poison");
    for (int i = 0; i < c->n; i++) {
        TP_SCOPE();
        table_variables(c, TP_F64, x);
        tp_var *right = x[i];
        x[i] = NULL;
        check_message(c, x, "NULL", i);
        x[i] = poison;
        check_message(c, x, "poison", i);
        for (int kind = 0; kind < 3; kind++)
            if ((x[i] = of_another_shape(c, i, kind)))
                check_message(c, x, kinds[kind], i);
        for (size_t k = 0; k < sizeof types / sizeof *types; k++) {
            tp_var *typed = tp_to(tp_detach(right), types[k]);
            check_type(c, x, i, typed);
            x[i] = typed;
            check_message(c, x, tp_dtype_name(types[k]), i);
        }
    }
}
