/* SPDX-License-Identifier: MIT
 *
 * What pictures show on request, read from their DOT text: labels, groups by order of derivative,
 * name scopes, and every simplification with the counts that follow from the graph by hand.
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "harness.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DRAW(y, ...) tp_draw_graph_to_memory(y, "dot", NULL, __VA_ARGS__)

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

/* How often part occurs in text; text is freed by done(). */
static int count(const char *text, const char *part)
{
    size_t length = strlen(part);
    int n = 0;
    for (const char *at = text; at && *at; at++)
        n += *at == *part && !strncmp(at, part, length);
    return n;
}

static int nodes(const char *text)
{
    return count(text, " [label=\"");
}

/* The k-th derivative of tanh at 1, by nested sweeps. */
static tp_var *tanh_order(tp_var *x, int k)
{
    tp_var *y = named(tp_tanh(x), "y");
    for (int i = 0; i < k; i++)
        y = tp_gradient(y, x, .create_graph = true);
    return y;
}

/* --- Labels --- */

TEST(without_options_the_text_is_the_plain_one)
{
    tp_var *x = named(tp_variable(tp_ones(TP_F32, TP_SHAPE(2))), "x");
    tp_var *y = tp_sum(tp_mul(tp_exp(x), 2));
    char *plain = tp_get_dot_graph(y, false), *verbose = tp_get_dot_graph(y, true);
    char *text = tp_draw_graph_to_memory(y, "dot", NULL);
    char *shapes = DRAW(y, .shapes = true);
    char *none = (tp_draw_graph_to_memory)(y, "dot", NULL, NULL);
    CHECK_TEXT(text, plain);
    CHECK_TEXT(none, plain);
    CHECK_TEXT(shapes, verbose);
    free(plain), free(verbose), free(text), free(shapes), free(none);
}

TEST(labels_show_what_was_asked_for)
{
    tp_var *x = named(tp_variable(3.0), "x"), *y = named(tp_mul(x, x), "y");
    tp_backward(y);
    double elements[] = {1, (double)NAN, 3};
    tp_var *a = named(tp_array(TP_F64, TP_SHAPE(3), elements), "a");
    char *all = DRAW(y, .shapes = true, .values = true, .gradients = true, .bytes = true);
    CHECK_INT(count(all, "label=\"x: () float64\\n= 3\\ngrad = 6\\n8 bytes\""), 1);
    CHECK_INT(count(all, "label=\"y: () float64\\n= 9\\n8 bytes\""), 1);
    char *array = DRAW(a, .values = true);
    CHECK_INT(count(array, "label=\"a\\nmin 1 mean 2 max 3 (1 NaN)\""), 1);
    tp_set_name(a, NULL);
    char *unnamed = DRAW(a, .values = true);
    CHECK_INT(count(unnamed, "label=\"min 1 mean 2 max 3 (1 NaN)\""), 1);
    free(all), free(array), free(unnamed);
}

TEST(elements_that_wait_are_computed_and_gone_ones_told)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(5000)));
    tp_var *y = named(tp_exp(tp_mul(x, 2)), "y");
    char *text = DRAW(y, .values = true);
    CHECK_INT(count(text, "label=\"y\\nmin 7.389 mean 7.389 max 7.389\""), 1);
    free(text);
    size_t scope = tp_scope_begin();
    tp_var *sum = tp_leave(tp_sum(tp_add(x, tp_mul(x, 3))));
    tp_item(sum);
    tp_scope_end(scope);
    text = DRAW(sum, .values = true);
    CHECK(count(text, "elements gone") >= 1);
    free(text);
}

/* --- Orders --- */

TEST(orders_are_told_apart)
{
    static const struct {
        int order;
        const char *group, *variable, *function;
    } cases[] = {{1, "first backward", "limegreen", "palegreen"},
                 {2, "second backward", "hotpink", "pink"},
                 {3, "third backward", "mediumpurple", "thistle"}};
    for
        EACH(i, cases)
        {
            tp_var *x = named(tp_variable(1.0), "x"), *g = tanh_order(x, cases[i].order);
            char *text = DRAW(named(g, "g"), .orders = true), line[100];
            snprintf(line, sizeof line, "label=\"g\", color=%s", cases[i].variable);
            CHECK_INT(count(text, line), 1);
            snprintf(line, sizeof line, "label=\"Mul\", color=%s", cases[i].function);
            CHECK(count(text, line) >= 1);
            CHECK_INT(count(text, "label=\"forward\""), 1);
            CHECK_INT(count(text, "label=\"Tanh\", color=lightblue"), 1);
            snprintf(line, sizeof line, "label=\"%s\"", cases[i].group);
            CHECK_INT(count(text, line), 1);
            free(text);
        }
}

/* What a program computes from a gradient has its order, and a sweep from that is one higher. */
TEST(orders_follow_what_a_sweep_starts_from)
{
    tp_var *x = named(tp_variable(2.0), "x"), *y = tp_exp(tp_mul(x, 3));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    tp_var *penalty = named(tp_add(y, tp_mul(g, g)), "penalty");
    tp_var *d = named(tp_gradient(penalty, x, .create_graph = true), "d");
    char *text = DRAW(d, .orders = true), *plain = tp_get_dot_graph(d, false);
    CHECK_INT(count(text, "label=\"d\", color=hotpink"), 1);
    CHECK_INT(count(text, "label=\"x\", color=orange"), 1);
    CHECK_INT(count(text, "label=\"second backward\""), 1);
    CHECK_INT(nodes(text), nodes(plain));
    free(text), free(plain);
    text = DRAW(penalty, .orders = true);
    CHECK_INT(count(text, "label=\"penalty\", color=limegreen"), 1);
    free(text);
}

TEST(beyond_the_eleventh_order_is_one_group)
{
    tp_var *x = tp_variable(0.5), *y = tp_mul(x, x);
    for (int k = 0; k < 14; k++)
        y = tp_add(tp_gradient(y, x, .create_graph = true), tp_mul(x, x));
    char *text = DRAW(y, .orders = true);
    CHECK_INT(count(text, "label=\"eleventh backward and beyond\""), 1);
    free(text);
}

/* Operations recorded outside sweeps have no order, nor have plain gradients' constants. */
TEST(a_program_without_sweeps_is_all_forward)
{
    tp_var *x = tp_variable(1.0), *g;
    tp_backward(tp_mul(x, x));
    g = tp_grad(x);
    char *text = DRAW(tp_mul(x, g), .orders = true);
    CHECK(count(text, "label=\"forward\"") == 1 && count(text, "backward") == 0);
    free(text);
}

/* --- Name scopes --- */

static tp_var *layer(tp_var *x, const char *name)
{
    TP_NAME_SCOPE(name);
    tp_var *w = named(tp_variable(0.5), "w");
    tp_var *z;
    {
        TP_NAME_SCOPE("affine");
        z = tp_add(tp_mul(x, w), named(tp_variable(0.1), "b"));
    }
    return tp_tanh(z);
}

TEST(name_scopes_are_boxes)
{
    tp_var *x = named(tp_variable(1.0), "x");
    tp_var *y = named(tp_mul(layer(layer(x, "one"), "two"), x), "y");
    char *text = DRAW(y, .scopes = true);
    CHECK_INT(count(text, "label=\"one\"\n"), 1);
    CHECK_INT(count(text, "label=\"two\"\n"), 1);
    CHECK_INT(count(text, "label=\"affine\"\n"), 2);
    CHECK_INT(count(text, "{"), count(text, "}"));
    char *plain = tp_get_dot_graph(y, false);
    CHECK_INT(nodes(text), nodes(plain));
    free(text), free(plain);
    text = DRAW(y, .scopes = true, .layout = "dot");
    free(text);
}

/* Rules record into the scope of what they differentiate; a leaf is where its uses are. */
TEST(gradients_stand_with_their_values)
{
    tp_var *x = named(tp_variable(1.0), "x"),
           *g = tp_gradient(layer(x, "one"), x, .create_graph = true);
    char *text = DRAW(g, .scopes = true, .orders = true);
    CHECK_INT(count(text, "label=\"one\"\n"), 2);
    CHECK_INT(count(text, "label=\"affine\"\n"), 2);
    free(text);
}

TEST(scopes_close_at_the_brace_and_in_order)
{
    tp_var *x = tp_variable(1.0);
    size_t outer = tp_name_scope("outer"), inner = tp_name_scope("inner");
    CHECK_INT(outer, 1);
    CHECK_INT(inner, 2);
    tp_name_scope_end(outer);
    tp_name_scope_end(inner);
    char *text = DRAW(tp_mul(x, x), .scopes = true);
    CHECK_INT(count(text, "subgraph"), 0);
    free(text);
    CHECK_INT(tp_name_scope(NULL), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "name_scope: the name is NULL");
    CHECK_INT(tp_name_scope(""), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "name_scope: the name is empty");
    for (int i = 0; i < 64; i++)
        CHECK_INT(tp_name_scope("deep"), i + 1);
    CHECK_INT(tp_name_scope("too deep"), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "more than 64");
    text = DRAW(tp_mul(x, x), .scopes = true, .orders = true);
    CHECK_INT(count(text, "label=\"deep\"\n"), 64);
    free(text);
    tp_name_scope_end(1);
}

TEST(a_scope_outlives_its_brace_with_its_nodes)
{
    tp_var *x = tp_variable(1.0), *y = x;
    for (int i = 0; i < 100; i++) {
        char name[20];
        snprintf(name, sizeof name, "step %d", i);
        TP_NAME_SCOPE(name);
        y = tp_sin(y);
    }
    char *text = DRAW(y, .scopes = true);
    CHECK_INT(count(text, "label=\"step "), 100);
    free(text);
}

static void *end_in_a_scope(void *arg)
{
    (void)arg;
    tp_name_scope("left open");
    tp_name_scope("inside");
    tp_var *x = tp_variable(1.0);
    tp_sin(x);
    return NULL;
}

/* Scopes of a thread go with it, or with the last node that was made in them. */
TEST(a_thread_may_end_inside_a_scope)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, end_in_a_scope, NULL) == 0);
    pthread_join(thread, NULL);
    char *text = DRAW(tp_sin(tp_variable(1.0)), .scopes = true);
    CHECK_INT(count(text, "subgraph"), 0);
    free(text);
}

TEST(scopes_collapse_into_a_box)
{
    tp_var *x = named(tp_variable(1.0), "x"), *y = x;
    y = tp_mul(layer(layer(x, "one"), "two"), 3);
    char *text = DRAW(y, .collapse = "one");
    CHECK_INT(count(text, "label=\"one\", color=lightblue, style=filled, shape=box"), 1);
    CHECK_INT(count(text, "label=\"Tanh\""), 1);
    char *both = DRAW(y, .collapse = "one,two"), *all = DRAW(y, .collapse = "*");
    CHECK_TEXT(all, both);
    CHECK_INT(count(both, "label=\"Tanh\""), 0);
    CHECK_INT(count(both, " of 20 nodes; a collapsed scope is one box"), 1);
    char *none = DRAW(y, .collapse = "on,e,three,");
    CHECK_INT(count(none, "label=\"Tanh\""), 2);
    free(text), free(both), free(all), free(none);
}

/* Names are looked up, not searched for one after the other: that would take minutes. */
TEST(many_scopes_collapse_in_time)
{
    int n = test_short() ? 1000 : 100000;
    char *names = malloc((size_t)n * 12), name[12];
    tp_var *y = tp_variable(1.0);
    size_t at = 0;
    for (int i = 0; i < n; i++) {
        snprintf(name, sizeof name, "%d", i);
        size_t mark = tp_name_scope(name);
        y = tp_sin(tp_exp(y));
        tp_name_scope_end(mark);
        at += (size_t)sprintf(names + at, "%s%s", i ? "," : "", name);
    }
    clock_t start = clock();
    char *text = DRAW(y, .collapse = names);
    CHECK((double)(clock() - start) / CLOCKS_PER_SEC < 20);
    CHECK_INT(count(text, "label=\"Sin\""), 0);
    free(text), free(names);
}

/* --- Fewer nodes --- */

TEST(constants_fold_into_their_operations)
{
    tp_var *x = named(tp_variable(1.0), "x");
    tp_var *c = named(tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 2}), "c");
    tp_var *d = tp_array(TP_F64, TP_SHAPE(2), (double[]){1, 2});
    tp_var *y = tp_add(tp_sub(1, tp_mul(2.5, x)), tp_mul(c, d));
    y = tp_mul(tp_mul(y, d), c);
    char *text = DRAW(y, .fold_constants = true);
    CHECK_INT(count(text, "label=\"Mul(2.5, \xC2\xB7)\""), 1);
    CHECK_INT(count(text, "label=\"Sub(1, \xC2\xB7)\""), 1);
    CHECK_INT(count(text, "label=\"Mul(\xC2\xB7, (2,))\""), 1);
    CHECK_INT(count(text, "label=\"Mul(\xC2\xB7, c)\""), 1);
    CHECK_INT(nodes(text), 1 + 2 * 5);
    free(text);
    text = DRAW(named(tp_num(3), "three"), .fold_constants = true);
    CHECK_INT(nodes(text), 1);
    free(text);
}

/* tanh's rule multiplies, subtracts and multiplies: y·y, 1 − y·y, gy·(1 − y·y). */
TEST(a_rule_is_one_box)
{
    tp_var *x = named(tp_variable(1.0), "x");
    tp_var *g = named(tanh_order(x, 1), "g");
    char *text = DRAW(g, .hide_rules = true, .fold_constants = true);
    CHECK_INT(count(text, "label=\"Mul \xC2\xB7 Sub(1, \xC2\xB7) \xC2\xB7 Mul(1, \xC2\xB7)\""), 1);
    CHECK_INT(nodes(text), 5);
    CHECK_INT(count(text, "label=\"5 of 11 nodes"), 1);
    free(text);
    text = DRAW(tp_mul(tp_mul(x, x), x), .hide_rules = true);
    CHECK(nodes(text) == 5 && count(text, "\xC2\xB7") == 0);
    free(text);
}

TEST(repeats_become_one_node)
{
    tp_var *x = named(tp_variable(1.0), "x"), *sum = tp_mul(x, x);
    for (int i = 0; i < 9; i++)
        sum = tp_add(sum, tp_exp(tp_sin(tp_mul(x, x))));
    char *text = DRAW(named(sum, "sum"), .repeats = 3);
    CHECK_INT(count(text, "label=\"Exp \xC3\x97 9\""), 1);
    CHECK_INT(count(text, "label=\"Sin \xC3\x97 9\""), 1);
    CHECK_INT(count(text, "label=\"Mul \xC3\x97 10\""), 1);
    CHECK_INT(count(text, "label=\"x\", color"), 1);
    CHECK_INT(count(text, "label=\"sum\", color"), 1);
    CHECK_INT(count(text, "same operations up to 3 steps back"), 1);
    free(text);
    tp_var *a = tp_sin(x), *b = tp_cos(tp_sin(x));
    text = DRAW(tp_add(tp_exp(a), tp_exp(b)), .repeats = 1);
    CHECK_INT(count(text, "label=\"Exp\""), 2);
    CHECK_INT(nodes(text), 10); /* as are both sines, both of their and of the results of exp */
    free(text);
}

/* As many passes as steps would be 6 · 10⁹ visits of a node, or 10¹² of scopes in circles. */
TEST(repeats_without_end)
{
    static const int most[] = {3000, 1 << 20, INT_MAX};
    for (int circles = 0; circles < 2; circles++) {
        TP_SCOPE();
        char *first = NULL;
        tp_var *x = named(tp_variable(1.0), "x"), *y = x;
        for (int i = 0; i < 1400; i++) {
            size_t mark = circles ? tp_name_scope(i % 2 ? "odd" : "even") : 0;
            y = i % 3 ? tp_add(tp_sin(x), y) : tp_mul(y, tp_exp(x));
            if (circles)
                tp_name_scope_end(mark);
        }
        for (int k = 0; k < 3; k++) {
            char *text = DRAW(y, .repeats = most[k], .collapse = circles ? "odd" : NULL);
            const char *rest = text ? strchr(text, '"') : NULL; /* a label that tells the steps */
            rest = rest ? strchr(rest, '\n') : NULL;
            if (CHECK(rest != NULL) && first)
                CHECK(!strcmp(first, rest));
            else if (rest)
                first = strdup(rest);
            free(text);
        }
        free(first);
    }
}

TEST(what_is_near_a_value)
{
    tp_var *y = tp_variable(1.0), *middle = NULL;
    for (int i = 0; i < 20; i++) {
        y = tp_sin(y);
        middle = i == 9 ? named(y, "middle") : middle;
    }
    for (int steps = 0; steps < 4; steps++) {
        char *text = DRAW(y, .around = middle, .steps = steps);
        CHECK_INT(nodes(text), 1 + 4 * steps);
        CHECK_INT(count(text, "label=\"middle\""), 1);
        free(text);
    }
    CHECK(DRAW(y, .around = tp_variable(1.0), .steps = 1) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "around is not part of the graph");
}

TEST(simplifications_combine)
{
    tp_var *x = named(tp_variable(1.0), "x"), *h = x;
    for (int i = 0; i < 6; i++)
        h = layer(h, "cell");
    tp_var *g = tp_gradient(h, x, .create_graph = true);
    g = named(tp_gradient(g, x, .create_graph = true), "g");
    char *text = DRAW(g, .orders = true, .scopes = true, .fold_constants = true, .hide_rules = true,
                      .collapse = "affine", .repeats = 2, .values = true);
    char *plain = tp_get_dot_graph(g, false);
    CHECK(text && nodes(text) > 5 && nodes(text) < nodes(plain));
    CHECK_INT(count(text, "{"), count(text, "}"));
    free(text), free(plain);
}

/* --- Errors --- */

TEST(options_are_checked)
{
    tp_var *x = tp_variable(1.0), *y = tp_sin(x);
    CHECK(DRAW(y, .around = y, .steps = -1) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "steps is -1");
    CHECK(DRAW(y, .repeats = -2) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "repeats -2");
    tp_draw_options unset = {.orders = true};
    CHECK((tp_draw_graph_to_memory)(y, "dot", NULL, &unset) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "size is 0");
    CHECK(tp_draw_graph_to_memory(NULL, "dot", NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "draw_graph_to_memory");
    CHECK(tp_draw_graph_to_memory(y, NULL, NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "format is NULL");
    CHECK(!tp_draw_graph(y, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "to_file is NULL");
    CHECK(!tp_draw_graph(y, "no/such/folder/g.html", .orders = true));
    CHECK_ERROR(TP_ERROR_FILE, "no/such/folder/g.html");
}

/* --- The tree --- */

TEST(a_tree_in_the_terminal)
{
    tp_var *x = named(tp_variable(2.0), "x"), *a = tp_mul(x, x);
    tp_var *y = named(tp_add(a, tp_mul(3, a)), "y");
    char *text = tp_get_graph_tree(y);
    CHECK_TEXT(text, "y: () float64 = 16 \xE2\x86\x90 Add\n"
                     "\xE2\x94\x9C\xE2\x94\x80 () float64 = 4 \xE2\x86\x90 Mul  #1\n"
                     "\xE2\x94\x82  \xE2\x94\x9C\xE2\x94\x80 x: () float64 = 2  #2\n"
                     "\xE2\x94\x82  \xE2\x94\x94\xE2\x94\x80 #2\n"
                     "\xE2\x94\x94\xE2\x94\x80 () float64 = 12 \xE2\x86\x90 Mul\n"
                     "   \xE2\x94\x9C\xE2\x94\x80 () float64 = 3\n"
                     "   \xE2\x94\x94\xE2\x94\x80 #1\n");
    free(text);
    CHECK(tp_get_graph_tree(NULL) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "get_graph_tree");
}

TEST(a_deep_tree_stays_narrow)
{
    tp_var *y = tp_variable(1.0);
    for (int i = 0; i < 1000; i++)
        y = tp_sin(y);
    char *text = tp_get_graph_tree(y);
    CHECK(text && strlen(text) < 200000 && count(text, "\n") == 1001 && strstr(text, "[1000] "));
    free(text);
}
