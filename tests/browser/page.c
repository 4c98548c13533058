/* SPDX-License-Identifier: MIT
 *
 * Writes the pages that page.mjs opens: small.html and large.html, of about 100 and 10,000 nodes,
 * scopes.html, of a network with name scopes, hostile.html, whose names are an attack, and
 * plot.html, a curve on logarithmic axes under a hostile title.
 */
#include <stdio.h>
#include <tinypytorch.h>

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

static tp_var *layer(tp_var *x, const char *name, const char *weight)
{
    TP_NAME_SCOPE(name);
    tp_var *w = named(tp_variable(tp_rand(TP_F64, TP_SHAPE(4, 4))), weight);
    return tp_tanh(tp_matmul(x, w));
}

static void draw_orders(const char *path, int order)
{
    tp_var *x = named(tp_variable(1.0), "x"), *y = tp_tanh(x);
    for (int k = 0; k < order; k++)
        y = tp_gradient(y, x, .create_graph = true);
    tp_draw_graph(named(y, "result"), path, .orders = true);
}

static void draw_sum(const char *path, int terms)
{
    tp_var *x = named(tp_variable(1.0), "x"), *sum = x;
    for (int i = 0; i < terms; i++)
        sum = tp_add(sum, tp_sin(tp_mul(x, sum)));
    tp_draw_graph(named(sum, "result"), path, .shapes = true);
}

static void plot(const char *path, const char *title)
{
    tp_plot *p = tp_plot_new(.title = title, .log_x = true, .x_label = title);
    tp_var *x = tp_linspace(TP_F64, 1, 100, 100);
    tp_plot_line(p, x, tp_sin(x), .label = title);
    remove(path);
    if (!tp_plot_save(p, path) && tp_status() == TP_ERROR_MISSING)
        tp_clear_error();
    tp_plot_free(p);
}

int main(void)
{
    static const char *const attacks[] = {"</script><script>window.hurt = 1</script>",
                                          "<img src=x onerror='window.hurt = 1'>",
                                          "\"); window.hurt = 1; (\"",
                                          "]]><!--",
                                          "${window.hurt = 1}",
                                          "\xFF\x01\xC3 half"};
    tp_manual_seed(1);
    draw_orders("small.html", 4);
    draw_sum("large.html", 1700);
    tp_var *x = named(tp_variable(tp_rand(TP_F64, TP_SHAPE(2, 4))), "input");
    tp_var *loss = tp_sum(layer(layer(x, "first layer", "w1"), "second layer", "w2"));
    tp_draw_graph(named(loss, "loss"), "scopes.html", .scopes = true);
    tp_var *y = x;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
        y = named(layer(y, attacks[i], attacks[i]), attacks[i]);
    tp_draw_graph(y, "hostile.html", .scopes = true, .values = true);
    plot("plot.html", attacks[0]);
    return tp_check();
}
