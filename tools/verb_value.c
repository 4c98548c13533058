/* SPDX-License-Identifier: MIT
 *
 * Verbs that print numbers: eval, grad, hessian, derivatives, check.
 */
#include "base/features.h"

#include "command.h"

#include "array/format.h"
#include "base/alloc.h"

/* --- eval --- */

/* Elements data[0 …) of the axes from `axis` on, as nested lists; returns how many there were. */
static int64_t eval_json(tp__text *out, tp_var *y, int axis, const double *data)
{
    if (axis == tp_ndim(y)) {
        table_number(out, *data, true);
        return 1;
    }
    int64_t done = 0;
    tp__text_put(out, "[");
    for (int64_t i = 0; i < tp_shape(y)[axis]; i++) {
        tp__text_put(out, i ? ", " : "");
        done += eval_json(out, y, axis + 1, data + done);
    }
    tp__text_put(out, "]");
    return done;
}

/* One line for each row of the last axis. */
static void eval_csv(tp__text *out, tp_var *y, const double *data)
{
    int64_t row = tp_ndim(y) ? tp_shape(y)[tp_ndim(y) - 1] : 1;
    for (int64_t i = 0; i < tp_size(y); i++) {
        table_number(out, data[i], false);
        tp__text_put(out, (i + 1) % row ? "," : "\n");
    }
}

static int eval_run(command *c)
{
    if (!command_has_values(c, -1))
        return STATUS_BAD_INPUT;
    tp__text out = {0};
    tp_var *y = tp_expression_apply(c->f, c->x);
    const void *data = command_data(y);
    if (data && (c->options.json || c->options.csv))
        data = command_data(y = tp_to(y, TP_F64));
    if (!data)
        return command_error(c);
    if (c->options.json)
        eval_json(&out, y, 0, data);
    else if (c->options.csv)
        eval_csv(&out, y, data);
    else
        tp__format_array(&out, tp_dtype_of(y), tp_ndim(y), tp_shape(y), data, 0);
    tp__text_put(&out, c->options.csv ? "" : "\n");
    command_put(&out);
    return STATUS_GOOD;
}

const command_verb verb_eval = {
    .name = "eval",
    .arguments = "[--json | --csv] FORMULA [NAME=VALUE...]",
    .summary = "Print the value of a formula",
    .help = "\n"
            "  tinypytorch eval \"sin(x)^2\" x=1\n"
            "  tinypytorch eval \"d(exp(-v^2), v)\" v=0,0.5,1\n"
            "  echo \"pi/4\" | tinypytorch eval -\n",
    .options = OPTION_JSON | OPTION_CSV,
    .run = eval_run,
};

/* --- grad and hessian --- */

/* The formula as one number of all values, or NULL after a message. */
static tp_var *value_of(command *c, tp_var **packed)
{
    if (!command_has_values(c, -1))
        return NULL;
    *packed = command_packed(c);
    tp_var *y = command_at(c, *packed);
    if (tp_is_poison(y))
        command_error(c);
    else if (tp_size(y) != 1)
        command_fail(c, "the formula gives %lld numbers, expected one: use sum(...), or v[0]",
                     (long long)tp_size(y));
    return !tp_is_poison(y) && tp_size(y) == 1 ? y : NULL;
}

static int grad_run(command *c)
{
    tp_var *x, *y = value_of(c, &x);
    if (!y)
        return STATUS_BAD_INPUT;
    const double *data =
        command_data(tp_requires_grad(y) ? tp_gradient(y, x) : tp_zeros(TP_F64, TP_SHAPE(c->size)));
    if (!data)
        return command_error(c);
    command_table table;
    if (!table_begin(&table, c, "variable", table_names("derivative", tp_scalar(0)), 1))
        return STATUS_BAD_INPUT;
    table.texts = true;
    for (int64_t i = 0; i < c->size; i++) {
        tp__text name = {0};
        command_element(c, i, &name);
        table_row(&table, name.at ? name.at : "", data + i);
        tp__text_drop(&name);
    }
    table_end(&table);
    return STATUS_GOOD;
}

const command_verb verb_grad = {
    .name = "grad",
    .arguments = "[--json | --csv] FORMULA NAME=VALUE...",
    .summary = "Print the derivatives for all variables",
    .help = "\n"
            "  tinypytorch grad \"100*(x1 - x0^2)^2 + (x0 - 1)^2\" x0=0 x1=2\n"
            "  tinypytorch grad \"norm(v)\" v=3,4\n",
    .options = OPTION_JSON | OPTION_CSV,
    .run = grad_run,
};

static int hessian_run(command *c)
{
    tp_var *x, *y = value_of(c, &x);
    if (!y)
        return STATUS_BAD_INPUT;
    const double *data =
        command_data(tp_requires_grad(y) ? tp_hessian(tp_reshape(y, TP_SHAPE()), x)
                                         : tp_zeros(TP_F64, TP_SHAPE(c->size, c->size)));
    if (!data)
        return command_error(c);
    command_table table;
    if (!table_begin(&table, c, "variable", table_element_names(c, 0, NULL), (int)c->size))
        return STATUS_BAD_INPUT;
    table.texts = true;
    for (int64_t i = 0; i < c->size; i++)
        table_row(&table, table.columns[i], data + i * c->size);
    table_end(&table);
    return STATUS_GOOD;
}

const command_verb verb_hessian = {
    .name = "hessian",
    .arguments = "[--json | --csv] FORMULA NAME=VALUE...",
    .summary = "Print the matrix of second derivatives",
    .help = "\n"
            "  tinypytorch hessian \"100*(x1 - x0^2)^2 + (x0 - 1)^2\" x0=0 x1=2\n",
    .options = OPTION_JSON | OPTION_CSV,
    .run = hessian_run,
};

/* --- derivatives --- */

enum { DERIVATIVES_MOST = 170 };

static int derivatives_print(const command *c, tp_var **d, int order)
{
    command_table table;
    if (!table_begin(&table, c, "order", table_names("derivative", d[0]), (int)tp_size(d[0])))
        return STATUS_BAD_INPUT;
    for (int k = 0; k <= order; k++) {
        char label[16];
        snprintf(label, sizeof label, "%d", k);
        table_row(&table, label, command_data(d[k]));
    }
    table_end(&table);
    return STATUS_GOOD;
}

static int derivatives_run(command *c)
{
    tp_var *d[DERIVATIVES_MOST + 1];
    int order = c->options.order ? c->options.order : 4, variable = command_variable(c);
    if (variable < 0 || !command_has_values(c, -1))
        return STATUS_BAD_INPUT;
    if (order > DERIVATIVES_MOST)
        return command_fail(c, "--order goes up to %d", DERIVATIVES_MOST);
    tp_var *y = tp_expression_apply(c->f, c->x);
    d[0] = tp_to(y, TP_F64);
    tp_derivatives(d[0], c->x[variable], order, d + 1);
    for (int k = 0; k <= order; k++)
        if (!command_data(d[k]))
            return command_error(c);
    return derivatives_print(c, d, order);
}

const command_verb verb_derivatives = {
    .name = "derivatives",
    .arguments = "[OPTION...] FORMULA NAME=VALUE...",
    .summary = "Print the derivatives up to an order, 4 by default, by Taylor series",
    .help = "Order 0 is the value. For an array they are those along (1, 1, ...).\n\n"
            "  tinypytorch derivatives --order 9 \"tanh(x)\" x=1\n"
            "  tinypytorch derivatives --csv -v t \"exp(-k*t)\" k=2 t=0\n",
    .options = OPTION_ORDER | OPTION_VARIABLE | OPTION_JSON | OPTION_CSV,
    .run = derivatives_run,
};

/* --- check --- */

static tp_var *check_function(void *c, tp_var *const *x)
{
    return command_at(c, x[0]);
}

static int check_run(command *c)
{
    if (!command_has_values(c, -1))
        return STATUS_BAD_INPUT;
    if (c->n == 0)
        return command_fail(c, "there is no variable");
    int order = c->options.order ? c->options.order : 1;
    tp_var *x = command_packed(c);
    double tolerance = c->options.tolerance;
    bool undecided = false;
    bool good = tp_gradcheck(check_function, c, &x, 1, .orders = order, .tolerance = tolerance,
                             .undecided = &undecided);
    if (tp_error())
        return command_error(c);
    printf("derivatives up to order %d %s\n", order,
           good        ? "agree with differences"
           : undecided ? "may be right: differences cannot tell"
                       : "do not agree with differences");
    return good ? STATUS_GOOD : STATUS_NO;
}

const command_verb verb_check = {
    .name = "check",
    .arguments = "[OPTION...] FORMULA NAME=VALUE...",
    .summary = "Compare derivatives with differences",
    .help = "Up to the given order, 1 by default, along random directions.\n\n"
            "  tinypytorch check \"atan2(y, x)\" x=1 y=2\n"
            "  tinypytorch check --order 3 \"exp(sin(x))\" x=1\n",
    .options = OPTION_ORDER | OPTION_TOLERANCE,
    .run = check_run,
};
