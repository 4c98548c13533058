/* SPDX-License-Identifier: MIT
 *
 * A small network with its second derivative in the loss, as graphs one can look at: who computed
 * what, and which sweep. Nothing here needs Graphviz.
 */
#include <stdio.h>
#include <stdlib.h>

#include <tinypytorch.h>

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

static tp_var *layer(tp_var *x, int from, int to, const char *name)
{
    TP_NAME_SCOPE(name); /* what is computed below belongs to this layer */
    tp_var *w = named(tp_variable(tp_randn(TP_F64, TP_SHAPE(from, to))), "W");
    tp_var *b = named(tp_variable(tp_zeros(TP_F64, TP_SHAPE(to))), "b");
    return tp_add(tp_matmul(x, w), b);
}

/* u'' + u = 0 at a few points: the residual's graph holds two backward sweeps. */
static tp_var *residual(tp_var *x)
{
    tp_var *u = named(layer(tp_tanh(layer(x, 1, 8, "hidden")), 8, 1, "output"), "u");
    tp_var *du = named(tp_gradient(u, x, .create_graph = true), "u'");
    tp_var *ddu = named(tp_gradient(du, x, .create_graph = true), "u''");
    return named(tp_mean(tp_pow(tp_add(ddu, u), 2)), "loss");
}

static int nodes(const char *dot)
{
    int n = 0;
    for (; *dot; dot++)
        n += dot[0] == '[' && dot[1] == 'l';
    return n;
}

int main(void)
{
    tp_manual_seed(1);
    tp_var *x = named(tp_variable(tp_linspace(TP_F64, 0, 3, 5)), "x");
    tp_var *loss = residual(tp_reshape(x, TP_SHAPE(5, 1)));

    tp_draw_graph(loss, "orders.svg", .orders = true, .layout = "layers");
    tp_draw_graph(loss, "scopes.svg", .scopes = true, .shapes = true, .layout = "layers");
    tp_draw_graph(loss, "summary.svg", .orders = true, .fold_constants = true, .hide_rules = true,
                  .collapse = "hidden,output", .layout = "layers");
    tp_draw_graph(loss, "page.html", .orders = true, .scopes = true, .shapes = true);
    tp_draw_graph(loss, "graph.json");

    char *whole = tp_draw_graph_to_memory(loss, "dot", NULL);
    char *few = tp_draw_graph_to_memory(loss, "dot", NULL, .fold_constants = true,
                                        .hide_rules = true, .collapse = "hidden,output");
    char *json = tp_draw_graph_to_memory(loss, "json", NULL);
    if (whole && few && json) {
        char *again = tp_get_dot_graph(tp_read_graph_json(json), false);
        printf("%d nodes, summarised %d, read back %d\n", nodes(whole), nodes(few),
               again ? nodes(again) : 0);
        free(again);
    }
    free(whole), free(few), free(json);

    tp_var *a = named(tp_variable(3.0), "a");
    tp_print_graph(named(tp_add(tp_mul(a, a), tp_sin(a)), "y"));
    return tp_check();
}
