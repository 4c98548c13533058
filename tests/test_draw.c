/* SPDX-License-Identifier: MIT
 *
 * The graph as text and as a picture: the walkthrough's section on drawing and draw.h. Pictures are
 * checked when the library was built with Graphviz; what an SVG then says is read back.
 */
#define _POSIX_C_SOURCE 200809L
#include "dot_parse.h"
#include "elements.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static dot_graph graph;

/* Parses y's graph into `graph`. */
static void draw(tp_var *y, bool verbose)
{
    char *text = tp_get_dot_graph(y, verbose), bad[200] = "";
    bool good = text && dot_parse(&graph, text, bad, sizeof bad);
    test_check(good, __FILE__, __LINE__, "not a graph at: %s", bad);
    free(text);
}

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

/* --- The text --- */

TEST(a_sum_of_two)
{
    tp_var *x0 = named(tp_variable(1.0), "x0"), *x1 = named(tp_variable(1.0), "x1");
    tp_var *y = named(tp_add(x0, x1), "y");
    char *text = tp_get_dot_graph(y, false), *verbose = tp_get_dot_graph(y, true);
    draw(y, false);
    CHECK_INT(graph.n_variables, 3);
    CHECK_INT(graph.n_functions, 1);
    CHECK_INT(graph.n_edges, 3);
    CHECK(dot_edges(&graph, "x0", "Add") == 1 && dot_edges(&graph, "x1", "Add") == 1);
    CHECK(dot_edges(&graph, "Add", "y") == 1);
    int lines = 0;
    for (const char *at = text; *at; at++)
        lines += *at == '\n';
    CHECK_INT(lines, 2 + 4 + 3);
    for (int i = 0; i < graph.n_nodes; i++)
        CHECK(graph.nodes[i].id < 10);
    CHECK(strstr(verbose, "[label=\"x0: () float64\", color=orange, style=filled]\n") != NULL);
    CHECK(strstr(verbose, "[label=\"Add\", color=lightblue, style=filled, shape=box]\n") != NULL);
    free(text), free(verbose);
}

TEST(verbose_labels)
{
    static const struct {
        int ndim;
        int64_t shape[4];
        tp_dtype dtype;
        const char *name, *label, *brief;
    } cases[] = {{0, {0}, TP_F64, NULL, "() float64", ""},
                 {1, {3}, TP_F32, "x", "x: (3,) float32", "x"},
                 {2, {2, 3}, TP_I64, NULL, "(2, 3) int64", ""},
                 {4, {2, 0, 1, 5}, TP_U8, "mask", "mask: (2, 0, 1, 5) uint8", "mask"}};
    for
        EACH(i, cases)
        {
            tp_var *v = tp_zeros(cases[i].dtype, cases[i].ndim, cases[i].shape);
            tp_set_name(v, cases[i].name);
            draw(v, true);
            CHECK_TEXT(graph.nodes[0].label, cases[i].label);
            CHECK(graph.n_nodes == 1 && graph.n_edges == 0 && graph.n_variables == 1);
            draw(v, false);
            CHECK_TEXT(graph.nodes[0].label, cases[i].brief);
        }
}

static tp_var *sphere(tp_var *x, tp_var *y)
{
    return tp_add(tp_pow(x, 2), tp_pow(y, 2));
}

static tp_var *matyas(tp_var *x, tp_var *y)
{
    return tp_sub(tp_mul(0.26, sphere(x, y)), tp_mul(tp_mul(0.48, x), y));
}

static tp_var *rosenbrock(tp_var *x0, tp_var *x1)
{
    return tp_add(tp_mul(100, tp_pow(tp_sub(x1, tp_pow(x0, 2)), 2)), tp_pow(tp_sub(x0, 1), 2));
}

static tp_var *sum(tp_var *x, tp_var *y)
{
    return tp_add(x, y);
}

TEST(node_and_edge_counts_of_the_walkthrough)
{
    static const struct {
        tp_var *(*f)(tp_var *x, tp_var *y);
        int variables, functions, edges, add, mul, pow, sub;
    } cases[] = {{sum, 3, 1, 3, 1, 0, 0, 0},
                 {sphere, 5, 3, 7, 1, 0, 2, 0},
                 {matyas, 11, 7, 19, 1, 3, 2, 1},
                 {rosenbrock, 11, 7, 18, 1, 1, 3, 2}};
    for
        EACH(i, cases)
        {
            tp_var *x = tp_variable(1.0), *y = tp_variable(1.0);
            draw(cases[i].f(x, y), false);
            CHECK_INT(graph.n_variables, cases[i].variables);
            CHECK_INT(graph.n_functions, cases[i].functions);
            CHECK_INT(graph.n_edges, cases[i].edges);
            CHECK_INT(dot_count(&graph, true, "Add"), cases[i].add);
            CHECK_INT(dot_count(&graph, true, "Mul"), cases[i].mul);
            CHECK_INT(dot_count(&graph, true, "Pow"), cases[i].pow);
            CHECK_INT(dot_count(&graph, true, "Sub"), cases[i].sub);
        }
}

TEST(each_node_once_however_often_it_is_used)
{
    tp_var *x = named(tp_variable(1.0), "x"), *a = named(tp_mul(x, x), "a");
    for (int i = 0; i < 20; i++)
        a = named(tp_add(a, a), "a");
    draw(a, false);
    CHECK(graph.n_variables == 22 && graph.n_functions == 21 && graph.n_edges == 63);
    CHECK_INT(dot_edges(&graph, "x", "Mul"), 2);
}

static char *whole_program(void)
{
    TP_SCOPE();
    tp_var *x = named(tp_variable(tp_ones(TP_F32, TP_SHAPE(3))), "x"), *w = tp_variable(2.0);
    tp_var *y = tp_sum(tp_tanh(tp_mul(tp_add(x, w), 3)));
    tp_var *g = tp_gradient(y, w, .create_graph = true);
    return tp_get_dot_graph(tp_add(y, g), true);
}

TEST(the_same_program_prints_the_same_text)
{
    char *first = whole_program();
    for (int i = 0; i < 5; i++) {
        tp_variable((double)i);
        char *again = whole_program();
        CHECK_TEXT(again, first);
        free(again);
    }
    free(first);
}

TEST(drawing_changes_nothing)
{
    tp_var *x = tp_variable(2.0), *y = tp_mul(tp_square(x), 3);
    size_t live = tp_live();
    draw(y, true);
    CHECK_INT(tp_live(), live);
    tp_backward(y);
    CHECK_BITS(tp_item(tp_grad(x)), 12);
}

/* --- What is shown and what is not --- */

TEST(conversions_of_the_library_are_not_shown)
{
    tp_var *x = named(tp_variable(tp_ones(TP_F32, TP_SHAPE(2, 3))), "x");
    tp_var *c = named(tp_ones(TP_I64, TP_SHAPE(3)), "c");
    draw(named(tp_add(x, c), "y"), true);
    CHECK(graph.n_variables == 3 && graph.n_functions == 1 && graph.n_edges == 3);
    CHECK_INT(dot_edges(&graph, "x: (2, 3) float32", "Add"), 1);
    CHECK_INT(dot_edges(&graph, "c: (3,) int64", "Add"), 1);
    CHECK_INT(dot_edges(&graph, "Add", "y: (2, 3) float32"), 1);
    tp_var *row = named(tp_variable(tp_ones(TP_F64, TP_SHAPE(3))), "row");
    tp_var *y = tp_mul(x, tp_mul(row, 2));
    draw(y, true);
    CHECK(graph.n_functions == 2 && dot_count(&graph, false, "row: (3,) float64") == 1);
    tp_var *g = tp_gradient(y, row, .create_graph = true);
    draw(g, true);
    CHECK(dot_count(&graph, true, "SumTo") == 0 && dot_count(&graph, true, "To") == 0);
    CHECK(dot_count(&graph, true, "BroadcastTo") == 0);
    draw(tp_broadcast_to(row, TP_SHAPE(2, 3)), false);
    CHECK_INT(dot_count(&graph, true, "BroadcastTo"), 1);
    draw(tp_to(row, TP_F32), false);
    CHECK_INT(dot_count(&graph, true, "To"), 1);
}

TEST(numbers_are_nodes_and_exponents_are_not)
{
    tp_var *x = tp_variable(2.0);
    draw(tp_mul(2, tp_pow(x, 3)), true);
    CHECK(graph.n_variables == 4 && graph.n_functions == 2 && graph.n_edges == 5);
    CHECK_INT(dot_count(&graph, false, "() float64"), 4);
    draw(tp_add(tp_mul(x, 2), 2), false);
    CHECK_INT(graph.n_variables, 5);
    draw(tp_mul(tp_scalar(2), 3), false);
    CHECK(graph.n_nodes == 1 && graph.n_edges == 0);
}

static void three_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    for (int i = 0; i < 3; i++)
        out[i] = tp_mul(in[0], i + 1);
}

static void three_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                           tp_var **gin)
{
    (void)ctx, (void)in, (void)out;
    gin[0] = gout[0];
}

TEST(a_call_with_several_outputs_is_one_box)
{
    for (unsigned reads = 0; reads < 4; reads++) {
        tp_function f = {.size = sizeof f,
                         .name = "Th\"ree",
                         .n_in = 1,
                         .n_out = 3,
                         .forward = three_forward,
                         .backward = three_backward,
                         .reads = reads};
        tp_var *x = named(tp_variable(1.0), "x"), *out[3];
        size_t scope = tp_scope_begin();
        tp_apply(&f, NULL, &x, out);
        tp_leave(named(out[0], "first")), tp_leave(named(out[2], "last"));
        tp_scope_end(scope);
        draw(tp_add(out[0], out[2]), false);
        CHECK_INT(dot_count(&graph, true, "Th\\\"ree"), 1);
        CHECK(graph.n_functions == 2 && graph.n_variables == 4 && graph.n_edges == 6);
        CHECK_INT(dot_edges(&graph, "x", "Th\\\"ree"), 1);
        CHECK_INT(dot_edges(&graph, "Th\\\"ree", "first"), 1);
        CHECK_INT(dot_edges(&graph, "Th\\\"ree", "last"), 1);
        draw(out[0], false);
        CHECK(graph.n_functions == 1 && graph.n_variables == 3 && graph.n_edges == 3);
    }
}

/* --- Files --- */

static size_t read_file(const char *path, char *bytes, size_t size)
{
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(bytes, 1, size - 1, file) : 0;
    bytes[n] = 0;
    if (file)
        fclose(file);
    return n;
}

TEST(text_goes_to_files_unchanged)
{
    static const char *const paths[] = {
        "plain.dot", "; touch hurt #.dot", "$(touch hurt).dot", "'\"`|& .dot",
        "-o.dot",    "two.ext.dot"};
    tp_var *y = tp_mul(named(tp_variable(2.0), "x"), 3);
    char *text = tp_get_dot_graph(y, true), bytes[5000];
    for
        EACH(i, paths)
        {
            CHECK(tp_plot_dot_graph(y, true, paths[i]));
            read_file(paths[i], bytes, sizeof bytes);
            CHECK_TEXT(bytes, text);
            CHECK(unlink(paths[i]) == 0);
        }
    CHECK(access("hurt", F_OK) != 0);
    FILE *file = tmpfile();
    CHECK(tp_write_dot_graph(y, true, file));
    rewind(file);
    bytes[fread(bytes, 1, sizeof bytes - 1, file)] = 0;
    CHECK_TEXT(bytes, text);
    fclose(file);
    free(text);
}

TEST(a_long_graph_streams_what_get_gives)
{
    tp_var *y = tp_variable(1.0);
    for (int i = 0; i < 3000; i++)
        y = tp_mul(y, 2);
    char *text = tp_get_dot_graph(y, false);
    size_t length = text ? strlen(text) : 0;
    char *bytes = malloc(length + 2);
    FILE *file = tmpfile();
    CHECK(tp_write_dot_graph(y, false, file));
    rewind(file);
    CHECK_INT(fread(bytes, 1, length + 1, file), length);
    CHECK(!memcmp(bytes, text, length));
    fclose(file);
    free(bytes), free(text);
}

TEST(errors_of_files)
{
    tp_var *y = tp_mul(tp_variable(2.0), 3);
    CHECK(!tp_plot_dot_graph(y, false, "no/such/folder/g.dot"));
    CHECK_ERROR(TP_ERROR_FILE, "no/such/folder/g.dot");
    CHECK(tp_draw_graph(y, "large.SVG", .layout = "layers") && tp_draw_graph(y, "large.Json") &&
          tp_draw_graph(y, "large.DOT"));
    CHECK(!tp_plot_dot_graph(y, false, "extensionless"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "extension");
    CHECK(!tp_plot_dot_graph(y, false, "a.b/extensionless"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "extension");
    CHECK(!tp_plot_dot_graph(y, false, ""));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "extension");
    CHECK(!tp_plot_dot_graph(y, false, "g."));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "extension");
    CHECK(!tp_plot_dot_graph(y, false, "g.nonsense"));
    CHECK(tp_status() == TP_ERROR_ARGUMENT || tp_status() == TP_ERROR_MISSING);
    CHECK(strstr(tp_error(), "g.nonsense") && access("g.nonsense", F_OK) != 0);
    tp_clear_error();
    CHECK(!tp_plot_dot_graph(y, false, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "to_file is NULL");
    CHECK(tp_get_dot_graph(NULL, false) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "get_dot_graph");
    CHECK(!tp_plot_dot_graph(NULL, false, "g.dot"));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "plot_dot_graph");
    CHECK(access("g.dot", F_OK) != 0);
    FILE *full = fopen("/dev/full", "w");
    if (full) {
        CHECK(!tp_write_dot_graph(y, false, full));
        CHECK_ERROR(TP_ERROR_FILE, "write_dot_graph");
        fclose(full);
    }
    FILE *closed = fopen("/dev/null", "r");
    if (closed) {
        CHECK(!tp_write_dot_graph(y, false, closed));
        CHECK_ERROR(TP_ERROR_FILE, "write_dot_graph");
        fclose(closed);
    }
}

/* --- Pictures --- */

/* Draws y to path. False, and the test is skipped, where the library has no Graphviz. */
static bool picture(tp_var *y, const char *path)
{
    if (tp_plot_dot_graph(y, false, path))
        return true;
    if (tp_status() == TP_ERROR_MISSING) {
        CHECK(strstr(tp_error(), path) && strstr(tp_error(), "Graphviz"));
        test_skip("built without Graphviz");
    } else {
        CHECK_TEXT(tp_error(), "no error");
    }
    tp_clear_error();
    return false;
}

TEST(pictures_begin_as_their_format_does)
{
    static const struct {
        const char *path, *begin;
    } cases[] = {{"g.png", "\x89PNG\r\n"},
                 {"g.svg", "<?xml"},
                 {"g.pdf", "%PDF"},
                 {"; a $(b) 'c'.png", "\x89PNG\r\n"}};
    tp_var *y = tp_mul(named(tp_variable(2.0), "x"), 3);
    for
        EACH(i, cases)
        {
            char bytes[100];
            if (!picture(y, cases[i].path))
                return;
            CHECK(read_file(cases[i].path, bytes, sizeof bytes) > 50);
            CHECK(!memcmp(bytes, cases[i].begin, strlen(cases[i].begin)));
            unlink(cases[i].path);
        }
    CHECK(!tp_plot_dot_graph(y, false, "no/such/folder/g.png"));
    CHECK_ERROR(TP_ERROR_FILE, "no/such/folder/g.png");
}

/* Appends the character with this number in UTF-8. */
static void append(char **to, unsigned long c)
{
    if (c < 0x80)
        *(*to)++ = (char)c;
    else if (c < 0x800)
        *(*to)++ = (char)(0xC0 | c >> 6), *(*to)++ = (char)(0x80 | (c & 63));
}

/* The text of the first <text> of an SVG, without XML's escapes; a non-breaking space counts as a
 * space. */
static void svg_text(const char *svg, char *to)
{
    static const struct {
        const char *entity;
        char c;
    } entities[] = {{"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}};
    const char *at = strstr(svg, "<text");
    at = at ? strchr(at, '>') + 1 : "";
    while (*at && strncmp(at, "</text>", 7) != 0) {
        char *end;
        size_t i = 0;
        while (i < 4 && strncmp(at, entities[i].entity, strlen(entities[i].entity)) != 0)
            i++;
        if (i < 4) {
            *to++ = entities[i].c;
            at += strlen(entities[i].entity);
        } else if (!strncmp(at, "&#", 2)) {
            unsigned long c = strtoul(at + 2, &end, 10);
            append(&to, c == 160 ? ' ' : c);
            at = end + 1;
        } else {
            *to++ = *at++;
        }
    }
    *to = 0;
}

static bool xml_is_well_formed(const char *path)
{
    char command[100];
    snprintf(command, sizeof command, "xmllint --noout %s 2>&1", path);
    static int available = -1;
    if (available < 0)
        available = system("command -v xmllint >/dev/null 2>&1") == 0;
    return !available || system(command) == 0;
}

#define ODD "\xEF\xBF\xBD"

TEST(hostile_names_read_back_from_the_picture)
{
    static const struct {
        const char *name, *shown; /* NULL: the same */
    } cases[] = {
        {"plain", NULL},
        {"say \"hi\"", NULL},
        {"back\\slash", NULL},
        {"ends in \\", NULL},
        {"\\N \\G \\L \\n \\l \\T \\E \\H", NULL},
        {"\"]; 9 [label=\"evil", NULL},
        {"<b>bold</b>", NULL},
        {"<", NULL},
        {"a & b &amp; c &lt; &#65; &eacute;", NULL},
        {"]]> --> <!-- <![CDATA[", NULL},
        {"{a|b} %s%n $(x) `y` ;", NULL},
        {"\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80", NULL},
        {"tab\there", "tab here"},
        {"\x01\x7F", ODD ODD},
        {"return\r", "return" ODD},
        {"\xFF half \xC3", ODD " half " ODD},
        {"overlong \xC0\xAF", "overlong " ODD ODD},
        {"surrogate \xED\xA0\x80", "surrogate " ODD ODD ODD},
        {"beyond \xF4\x90\x80\x80", "beyond " ODD ODD ODD ODD},
        {"first\nsecond", "first"},
    };
    static char svg[40000], shown[20000];
    for
        EACH(i, cases)
        {
            tp_var *v = named(tp_variable(1.0), cases[i].name);
            draw(v, false);
            CHECK(graph.n_nodes == 1 && graph.n_edges == 0);
            if (!picture(v, "hostile.svg"))
                return;
            read_file("hostile.svg", svg, sizeof svg);
            svg_text(svg, shown);
            CHECK_TEXT(shown, cases[i].shown ? cases[i].shown : cases[i].name);
            CHECK(xml_is_well_formed("hostile.svg"));
        }
    unlink("hostile.svg");
}

TEST(names_of_any_length)
{
    static char name[10001], svg[60000], shown[20000];
    for (size_t i = 0; i + 1 < sizeof name; i++)
        name[i] = "ab\"\\c"[i % 5];
    tp_var *y = named(tp_mul(named(tp_variable(1.0), name), 2), name);
    draw(y, true);
    CHECK(graph.n_nodes == 4 && graph.n_edges == 3);
    char *text = tp_get_dot_graph(y, false);
    CHECK(text && strlen(text) > 2 * (10000 + 4000));
    free(text);
    if (!picture(named(tp_variable(1.0), name), "long.svg"))
        return;
    read_file("long.svg", svg, sizeof svg);
    svg_text(svg, shown);
    bool graphviz = strstr(svg, "Graphviz") || strstr(svg, "graphviz");
    CHECK(graphviz ? !strcmp(shown, name) : !strncmp(shown, name, 48) && strstr(svg, "<title>"));
    unlink("long.svg");
}

TEST(a_name_on_every_node_of_a_verbose_graph)
{
    tp_var *x = named(tp_variable(tp_ones(TP_F64, TP_SHAPE(2))), "\\"), *y = tp_mul(x, 2);
    draw(named(y, "\""), true);
    CHECK_INT(dot_count(&graph, false, "\\\\: (2,) float64"), 1);
    CHECK_INT(dot_count(&graph, false, "\\\": (2,) float64"), 1);
}

/* Graphviz calls windows formats too; they are no files. */
TEST(formats_that_are_windows_are_refused)
{
    static const char *const paths[] = {"g.x11", "g.xlib", "g.gtk"};
    tp_var *y = tp_mul(tp_variable(2.0), 3);
    for
        EACH(i, paths)
        {
            CHECK(!tp_plot_dot_graph(y, false, paths[i]));
            CHECK(tp_status() == TP_ERROR_ARGUMENT || tp_status() == TP_ERROR_MISSING);
            tp_clear_error();
            CHECK(access(paths[i], F_OK) != 0);
        }
}
