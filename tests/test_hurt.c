/* SPDX-License-Identifier: MIT
 *
 * Where users of such libraries are hurt: leaves and dropped outputs, edits in place that pass
 * unnoticed, names in drawings. Each was a crash or a wrong number somewhere. Sweeps that are
 * disturbed by users' code are in test_hurt_sweep.c, numbers that saturate and kinks in
 * test_hurt_values.c, leaks and deep graphs in test_limits.c.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>

#include <stdio.h>
#include <stdlib.h>

static double first(tp_var *v)
{
    const double *at = v ? tp_data(v) : NULL;
    return at ? at[0] : -12345;
}

/* --- Leaves and constants --- */

TEST(hurt_backward_of_a_leaf_is_one)
{
    tp_var *x = tp_variable(3.0), *v = tp_variable(tp_zeros(TP_F32, TP_SHAPE(2)));
    tp_backward(x);
    CHECK_BITS(tp_item(tp_grad(x)), 1);
    tp_backward(x, .create_graph = true);
    CHECK_BITS(tp_item(tp_grad(x)), 2);
    tp_backward(v, .retain_grad = true);
    CHECK_BITS((double)((const float *)tp_data(tp_grad(v)))[1], 1);
    CHECK_BITS(tp_item(tp_gradient(x, x)), 1);
    CHECK_BITS(tp_item(tp_gradient(tp_gradient(x, x, .create_graph = true), x)), 0);
    tp_var *out[2];
    tp_derivatives(x, x, 2, out);
    CHECK_BITS(tp_item(out[0]), 1);
    CHECK_BITS(tp_item(out[1]), 0);
    CHECK_INT(tp_leaves(x, 0, NULL), 1);
}

TEST(hurt_drawing_a_leaf_is_one_node)
{
    tp_var *x = tp_variable(3.0);
    tp_set_name(x, "x");
    char *text = tp_get_dot_graph(x, true);
    CHECK_TEXT(text, "digraph g {\n0 [label=\"x: () float64\", color=orange, style=filled]\n}\n");
    free(text);
    text = tp_get_dot_graph(tp_ones(TP_I64, TP_SHAPE(2, 3)), true);
    CHECK_TEXT(text, "digraph g {\n0 [label=\"(2, 3) int64\", color=orange, style=filled]\n}\n");
    free(text);
}

TEST(hurt_backward_of_a_constant_is_an_error)
{
    tp_var *c = tp_scalar(2), *x = tp_variable(1.0);
    tp_backward(c);
    CHECK_ERROR(TP_ERROR_GRAPH, "no variable");
    tp_backward(tp_mul(c, 3));
    CHECK_ERROR(TP_ERROR_GRAPH, "no variable");
    tp_backward(tp_detach(tp_exp(x)));
    CHECK_ERROR(TP_ERROR_GRAPH, "no variable");
    tp_backward(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "NULL");
    tp_gradient(tp_exp(x), c);
    CHECK_ERROR(TP_ERROR_GRAPH, "constant");
    CHECK_BITS(tp_item(tp_gradient(c, x)), 0);
    {
        TP_NO_GRAD();
        tp_backward(tp_exp(x));
        CHECK_ERROR(TP_ERROR_GRAPH, "without recording");
    }
    CHECK(!tp_grad(x));
}

/* A forgotten create_graph must not look like a derivative of zero. */
TEST(hurt_a_gradient_without_a_graph_has_no_derivative)
{
    for (int array = 0; array < 2; array++) {
        tp_var *x = tp_variable(array ? tp_full(TP_F64, TP_SHAPE(7), 2) : tp_scalar(2)), *d;
        tp_var *y = tp_pow(x, 3), *g = tp_gradient(y, x);
        tp_gradient(g, x);
        CHECK_ERROR(TP_ERROR_GRAPH, "create_graph");
        tp_gradient(tp_mul(g, 3), x);
        CHECK_ERROR(TP_ERROR_GRAPH, "create_graph");
        tp_derivatives(g, x, 1, &d);
        CHECK_ERROR(TP_ERROR_GRAPH, "create_graph");
        tp_jvp(g, x, g);
        CHECK_ERROR(TP_ERROR_GRAPH, "create_graph");
        tp_backward(y);
        tp_backward(tp_grad(x));
        CHECK_ERROR(TP_ERROR_GRAPH, "create_graph");
        tp_backward(tp_sum(tp_detach(g)));
        CHECK_ERROR(TP_ERROR_GRAPH, "no variable");
        g = tp_gradient(tp_mul(3, x), x, .create_graph = true);
        CHECK_BITS(*(const double *)tp_data(tp_gradient(g, x)), 0);
    }
}

TEST(hurt_create_graph_does_not_leak)
{
    size_t live = tp_live();
    {
        TP_SCOPE();
        tp_var *x = tp_variable(2.0), *y = tp_tanh(x);
        tp_backward(y, .create_graph = true, .retain_grad = true);
        tp_backward(tp_grad(x), .create_graph = true);
        tp_backward(tp_mul(tp_grad(x), tp_grad(y)), .create_graph = true);
    }
    CHECK_INT(tp_live(), live);
}

/* --- Functions with several outputs --- */

static void split_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_sin(in[0]);
    out[1] = tp_square(in[0]);
    out[2] = tp_exp(in[0]);
}

static void split_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                           tp_var **gin)
{
    (void)ctx;
    tp_var *slopes[] = {tp_cos(in[0]), tp_mul(2, in[0]), out[2]};
    for (int i = 0; i < 3; i++)
        if (gout[i]) {
            tp_var *part = tp_mul(gout[i], slopes[i]);
            gin[0] = gin[0] ? tp_add(gin[0], part) : part;
        }
}

static const tp_function split = {
    sizeof(tp_function),
    "Split",
    1,
    3,
    split_forward,
    split_backward,
    TP_READS_INPUTS | TP_READS_OUTPUTS,
    NULL,
};

/* The outputs named by the bits of which, summed; the others are dropped. */
static tp_var *split_sum(tp_var *x, int which)
{
    TP_SCOPE();
    tp_var *out[3], *y = tp_num(0);
    tp_apply(&split, NULL, &x, out);
    for (int i = 0; i < 3; i++)
        if (which >> i & 1)
            y = tp_add(y, out[i]);
    return tp_leave(y);
}

TEST(hurt_dropped_outputs)
{
    tp_var *x = tp_variable(0.5);
    for (int which = 1; which < 8; which++) {
        TP_SCOPE();
        tp_var *y = split_sum(x, which);
        double c = tp_item(tp_cos(x)), s = tp_item(tp_sin(x)), e = tp_item(tp_exp(x));
        double d1 = (which & 1 ? c : 0) + (which & 2 ? 1 : 0) + (which & 4 ? e : 0);
        double d2 = (which & 1 ? -s : 0) + (which & 2 ? 2 : 0) + (which & 4 ? e : 0);
        double d3 = (which & 1 ? -c : 0) + (which & 4 ? e : 0);
        char *text = tp_get_dot_graph(y, false);
        CHECK(text && strstr(text, "label=\"Split\""));
        free(text);
        tp_cleargrad(x);
        tp_backward(y, .retain_grad = true);
        CHECK_CLOSE(tp_item(tp_grad(x)), d1, 1e-15);
        tp_var *g1 = tp_gradient(y, x, .create_graph = true);
        tp_var *g2 = tp_gradient(g1, x, .create_graph = true);
        CHECK_CLOSE(tp_item(g1), d1, 1e-15);
        CHECK_CLOSE(tp_item(g2), d2, 1e-15);
        CHECK_CLOSE(tp_item(tp_gradient(g2, x)), d3, 1e-15);
    }
}

TEST(hurt_all_outputs_dropped)
{
    size_t live = tp_live();
    split_sum(tp_scalar(1), 0);
    tp_var *x = tp_variable(1.0), *y = split_sum(x, 0);
    CHECK_BITS(tp_item(tp_gradient(y, x)), 0);
    CHECK(tp_live() > live);
}

/* --- Edits in place --- */

typedef struct edit_case {
    tp_var *x, *c, *y; /* y = x · c recorded, then c edited somehow */
    double memory[64];
} edit_case;

typedef void edit_step(edit_case *e, tp_var *view);

static void edit_add(edit_case *e, tp_var *view)
{
    (void)view;
    tp_add_(e->c, 1);
}

static void edit_others(edit_case *e, tp_var *view)
{
    (void)view;
    tp_mul_(e->c, 3);
    tp_sub_(e->c, 1);
    tp_div_(e->c, 2);
}

static void edit_copy(edit_case *e, tp_var *view)
{
    (void)view;
    tp_copy_(e->c, 9);
}

static void edit_raw(edit_case *e, tp_var *view)
{
    (void)view;
    double *at = tp_data_(e->c);
    if (CHECK(at != NULL))
        at[0] = 9;
}

static void edit_old_view(edit_case *e, tp_var *view)
{
    (void)e;
    tp_add_(view, 1);
}

static void edit_new_view(edit_case *e, tp_var *view)
{
    (void)view;
    tp_add_(tp_detach(tp_detach(e->c)), 1);
}

static void edit_slice(edit_case *e, tp_var *view)
{
    (void)view;
    tp_var *flat = tp_reshape(tp_detach(e->c), TP_SHAPE(-1));
    tp_mul_(tp_slice(flat, 0, 0, 1, 1), 5);
}

/* Constants that own their elements, wrap memory, are a view, or are the variable itself. */
static void edit_make(edit_case *e, int kind, int64_t n)
{
    int ndim = n ? 1 : 0;
    for (int i = 0; i < 64; i++)
        e->memory[i] = 2;
    e->x = tp_variable(tp_full(TP_F64, ndim, &n, 3));
    if (kind == 0)
        e->c = tp_full(TP_F64, ndim, &n, 2);
    else if (kind == 1)
        e->c = tp_from_memory(TP_F64, ndim, &n, NULL, e->memory, NULL, NULL);
    else if (kind == 2)
        e->c = tp_detach(tp_full(TP_F64, ndim, &n, 2));
    else
        e->c = e->x = tp_variable(tp_full(TP_F64, ndim, &n, 2));
}

static void edit_judge(edit_case *e)
{
    tp_var *out[2];
    tp_backward(e->y);
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    tp_backward(e->y, .create_graph = true);
    CHECK_ERROR(TP_ERROR_GRAPH, "mul");
    CHECK(!tp_grad(e->x));
    CHECK(tp_is_poison(tp_gradient(e->y, e->x)));
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    tp_derivatives(e->y, e->x, 2, out);
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    tp_jvp(e->y, e->x, tp_ones(TP_F64, tp_ndim(e->x), tp_shape(e->x)));
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
    tp_backward(tp_mul(e->x, e->c));
    CHECK(tp_grad(e->x) && !tp_error());
}

TEST(hurt_edits_in_place_are_noticed)
{
    static edit_step *const steps[] = {edit_add,      edit_others,   edit_copy, edit_raw,
                                       edit_old_view, edit_new_view, edit_slice};
    static const int64_t sizes[] = {0, 1, 4, 5, 40};
    for (int kind = 0; kind < 4; kind++)
        for (int s = 0; s < 7; s++)
            for (int n = 0; n < 5; n++) {
                TP_SCOPE();
                edit_case e;
                edit_make(&e, kind, sizes[n]);
                tp_var *view = s == 4 ? tp_detach(e.c) : NULL;
                e.y = tp_mul(e.x, e.c);
                CHECK(first(tp_gradient(e.y, e.x)) == (kind == 3 ? 4 : 2));
                steps[s](&e, view);
                edit_judge(&e);
            }
}

TEST(hurt_edit_of_a_result_through_its_detached_view)
{
    for (int64_t n = 1; n < 10; n += 4) {
        tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(n))), *y = tp_exp(x);
        tp_add_(y, 1);
        CHECK_ERROR(TP_ERROR_GRAPH, "add_");
        tp_add_(tp_detach(y), 1);
        tp_backward(y);
        CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
        CHECK(!tp_grad(x));
    }
}

/* What no rule reads may change; a converted operand keeps the value it had. */
TEST(hurt_harmless_edits_are_allowed)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 2)), *c = tp_ones(TP_F64, TP_SHAPE(6));
    tp_var *y = tp_sum(tp_exp(tp_mul(3, tp_add(x, c)))), *e = tp_exp(x);
    tp_add_(c, 5);
    tp_add_(x, 7);
    CHECK_CLOSE(first(tp_gradient(y, x)) / tp_item(tp_exp(tp_num(9))), 3, 1e-15);
    CHECK_CLOSE(first(tp_gradient(e, x)), tp_item(tp_exp(tp_num(2))), 1e-15);
    tp_var *narrow = tp_full(TP_F32, TP_SHAPE(6), 2), *z = tp_mul(x, narrow);
    tp_add_(narrow, 1);
    CHECK_BITS(first(tp_gradient(z, x)), 2);
}

/* What was broadcast is read through a view of it, where it is small through a copy. */
TEST(hurt_edit_of_a_broadcast_operand)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3))), *c = tp_scalar(2);
    tp_var *row = tp_full(TP_F64, TP_SHAPE(3), 2), *y = tp_mul(tp_mul(x, c), row);
    tp_add_(c, 1);
    tp_var *g = tp_gradient(y, x);
    CHECK(tp_error() || first(g) == 4);
    tp_clear_error();
    y = tp_mul(x, row);
    tp_add_(row, 1);
    g = tp_gradient(y, x);
    CHECK(tp_error() || first(g) == 2);
    tp_clear_error();
    x = tp_variable(tp_ones(TP_F64, TP_SHAPE(200, 3)));
    y = tp_mul(x, row);
    tp_add_(row, 1);
    CHECK(tp_is_poison(tp_gradient(y, x)));
    CHECK_ERROR(TP_ERROR_GRAPH, "edited in place");
}

TEST(hurt_gradient_that_was_added_to)
{
    tp_var *x = tp_variable(tp_full(TP_F64, TP_SHAPE(6), 3));
    tp_backward(tp_mul(x, x));
    tp_var *y = tp_mul(x, tp_grad(x));
    tp_backward(y);
    CHECK_BITS(first(tp_grad(x)), 12);
    tp_backward(y);
    CHECK(tp_error() || first(tp_grad(x)) == 18);
    tp_clear_error();
}

/* --- Drawing --- */

/* Quotes in pairs on each line, every line a node or an edge. */
static void drawn_well(const char *text)
{
    CHECK(text && !strncmp(text, "digraph g {\n", 12));
    for (const char *line = text; line && *line; line = strchr(line, '\n') + 1) {
        int quotes = 0;
        for (const char *at = line; *at && *at != '\n'; at++) {
            if (*at == '\\')
                at++;
            else
                quotes += *at == '"';
        }
        CHECK(quotes == 0 || quotes == 2);
    }
}

TEST(hurt_labels_are_escaped)
{
    static const char *const names[] = {
        "a\"b",        "a\\",      "a\\\"", "line\nline", "\"];} digraph {", "<b>&x", "\\N \\G",
        "caf\xC3\xA9", "\xFF\xFE", "",      "%s%n",       "\r\t\x01"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        TP_SCOPE();
        tp_var *x = tp_variable(1.0), *y = tp_exp(x), *z;
        tp_function named = split;
        named.name = i % 2 ? names[i] : "f";
        named.n_out = 3;
        tp_set_name(x, names[i]);
        tp_set_name(y, "y");
        tp_var *out[3];
        tp_apply(&named, NULL, &y, out);
        z = tp_add(out[0], out[1]);
        char *text = tp_get_dot_graph(z, i & 1);
        drawn_well(text);
        CHECK_TEXT(tp_name(x), names[i]);
        if (i == 0)
            CHECK(strstr(text, "label=\"a\\\"b\"") != NULL);
        if (i == 2)
            CHECK(strstr(text, "label=\"a\\\\\\\"\"") != NULL);
        free(text);
        if (!tp_plot_dot_graph(z, true, "escaped.svg") && tp_status() == TP_ERROR_MISSING)
            tp_clear_error();
        remove("escaped.svg");
    }
}

static bool file_exists(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (file)
        fclose(file);
    return file != NULL;
}

TEST(hurt_no_shell_sees_a_file_name)
{
    static const char *const names[] = {
        "$(touch hurt_x).%s",
        "a b'c\"d;touch hurt_x;.%s",
        "`touch hurt_x`.%s",
        "a|touch hurt_x.%s",
        "-o hurt_x.%s",
        "a\ntouch hurt_x\n.%s",
        "&& touch hurt_x; echo.%s",
        "*?[a].%s",
    };
    tp_var *x = tp_variable(1.0), *y = tp_exp(x);
    remove("hurt_x");
    for (size_t i = 0; i < 2 * sizeof names / sizeof *names; i++) {
        char name[100];
        snprintf(name, sizeof name, names[i / 2], i % 2 ? "svg" : "dot");
        bool drawn = tp_plot_dot_graph(y, false, name);
        if (!drawn && tp_status() == TP_ERROR_MISSING) {
            tp_clear_error();
            continue;
        }
        CHECK(drawn && file_exists(name) && !file_exists("hurt_x"));
        remove(name);
    }
}

TEST(hurt_drawing_that_cannot_be_written)
{
    tp_var *x = tp_variable(1.0);
    CHECK(!tp_plot_dot_graph(x, false, "no/such/folder/x.dot"));
    CHECK_ERROR(TP_ERROR_FILE, "no/such/folder/x.dot");
    CHECK(!tp_plot_dot_graph(x, false, "no.extension/x"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "extension");
    CHECK(!tp_plot_dot_graph(x, false, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "NULL");
    CHECK(!tp_write_dot_graph(x, false, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "nothing to write to");
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        CHECK(!tp_write_dot_graph(x, false, full));
        CHECK_ERROR(TP_ERROR_FILE,
                    "write_dot_graph: cannot write the graph: No space left on device");
        fclose(full);
    }
}

/* gelu_tanh has the second derivative 2 √(2 / π) / 2 at 0, whatever its neighbours are. */
TEST(hurt_second_derivatives_do_not_depend_on_neighbours)
{
    const double beside[] = {1, (double)INFINITY, (double)NAN};
    for (int i = 0; i < 3; i++) {
        tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, beside[i]})));
        tp_var *g = tp_gradient(tp_gelu_tanh(x), x, .create_graph = true);
        CHECK_CLOSE(((const double *)tp_data(tp_gradient(g, x)))[0], 0.79788456080286536, 1e-14);
    }
}
