/* SPDX-License-Identifier: MIT
 *
 * The graph of a formula or of a derivative. Values that are missing are 1.
 */
#include "base/features.h"

#include "command.h"

#include <string.h>

static tp_var *graph_derivative(const command *c, tp_var *y, tp_var *x)
{
    int order = c->options.order;
    tp_var *d[170];
    if (order > 170)
        return tp_fail(TP_ERROR_ARGUMENT, "--order goes up to 170");
    if (c->options.taylor) {
        tp_derivatives(y, x, order, d);
        return d[order - 1];
    }
    for (int k = 1; k <= order && !tp_is_poison(y); k++) {
        tp__text name = {0};
        y = tp_gradient(y, x, .create_graph = true);
        tp__text_format(&name, "g%s%d", tp_name(x), k);
        tp_set_name(y, name.at);
        tp__text_drop(&name);
    }
    return y;
}

/* "y", or "result" if that is a variable's name. */
static const char *graph_result(const command *c)
{
    for (int i = 0; i < c->n; i++)
        if (!strcmp(tp_expression_variable(c->f, i), "y"))
            return "result";
    return "y";
}

static int graph_run(command *c)
{
    const command_options *o = &c->options;
    int variable = o->order ? command_variable(c) : 0;
    if (variable < 0)
        return STATUS_BAD_INPUT;
    if (o->variable && !o->order)
        return command_fail(c, "--variable goes with --order");
    for (int i = 0; i < c->n; i++) {
        c->x[i] = c->x[i] ? c->x[i] : tp_variable(1.0);
        tp_set_name(c->x[i], tp_expression_variable(c->f, i));
    }
    tp_var *y = tp_expression_apply(c->f, c->x);
    if (!tp_name(y))
        tp_set_name(y, graph_result(c));
    y = o->order ? graph_derivative(c, y, c->x[variable]) : y;
    if (tp_is_poison(y))
        return command_error(c);
    if (!o->output)
        tp_print_graph(y);
    else if (!tp_draw_graph(y, o->output, .orders = o->colors, .shapes = o->shapes,
                            .values = o->values))
        return command_error(c);
    return STATUS_GOOD;
}

const command_verb verb_graph = {
    .name = "graph",
    .arguments = "[OPTION...] FORMULA [NAME=VALUE...]",
    .summary = "Draw the graph of a formula or of its derivative",
    .help = "Without -o it is printed as a tree. FILE ends in .svg .html .dot .json .png .pdf ...\n"
            "Values that are not given are 1.\n\n"
            "  tinypytorch graph \"x0^2 + x1\"\n"
            "  tinypytorch graph \"tanh(x)\" --order 3 --colors -o tanh.svg\n",
    .options = OPTION_ORDER | OPTION_VARIABLE | OPTION_TAYLOR | OPTION_COLORS | OPTION_SHAPES |
               OPTION_VALUES | OPTION_OUTPUT,
    .run = graph_run,
};
