/* SPDX-License-Identifier: MIT
 *
 * Pictures in their formats: valid whatever names hold, with every node of the graph, in memory as
 * in files, at sizes where other engines give up. What an XML, an HTML or a JSON parser says counts
 * where there is one.
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/numbers.h"
#include "draw/picture.h"

static const char *const hostile[] = {
    "say \"hi\"",
    "it's; `touch hurt` $(touch hurt) | & < > \\ % %s %n",
    "back\\slash ends in \\",
    "first\nsecond\r\n\tthird",
    "<script>document.title = 'hurt'</script>",
    "</script><script>document.title = 'hurt'</script>",
    "</title></style></text></svg>",
    "]]> --> <!-- <![CDATA[ <!DOCTYPE x [<!ENTITY y \"z\">]>",
    "&amp; &lt; &#65; &bogus; &",
    "\"); document.title = 'hurt'; (\"",
    "${document.title = 'hurt'} {{7*7}} <%= 1 %>",
    "\xC3\xA9\xE6\x97\xA5\xF0\x9F\x98\x80 \xE2\x80\xA8\xE2\x80\xA9 \xE2\x80\xAE reversed",
    "\xFF\xC0\xAF\xED\xA0\x80\xF4\x90\x80\x80\xEF\xBF\xBE\x01\x1B[31m\x7F half \xC3",
    "\\n \\N \\G \\u0041 \\\"",
    "subgraph cluster_0 { a -> b }",
    "__proto__",
};

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

static void hurt_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                          tp_var **gin)
{
    (void)ctx, (void)in, (void)out;
    gin[0] = gout[0];
}

static void hurt_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_mul(in[0], 1);
}

/* A graph with this name on a leaf, a result, a name scope and a function. */
static tp_var *graph_named(const char *name)
{
    tp_function f = {.size = sizeof f,
                     .name = name,
                     .n_in = 1,
                     .n_out = 1,
                     .forward = hurt_forward,
                     .backward = hurt_backward};
    TP_NAME_SCOPE(name);
    tp_var *x = named(tp_variable(1.0), name), *y;
    tp_apply(&f, NULL, &x, &y);
    return named(tp_tanh(tp_mul(y, named(tp_num(2), name))), name);
}

static void write_file(const char *path, const char *bytes, size_t length)
{
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, length, file) == length);
    if (file)
        fclose(file);
}

/* True if command succeeds, or its program is not there. */
static bool accepts(const char *program, const char *command)
{
    char test[100];
    snprintf(test, sizeof test, "command -v %s >/dev/null 2>&1", program);
    return system(test) != 0 || system(command) == 0;
}

static int count(const char *text, const char *part)
{
    size_t length = strlen(part);
    int n = 0;
    for (const char *at = text; at && *at; at++)
        n += *at == *part && !strncmp(at, part, length);
    return n;
}

/* Draws in memory; NULL and skipped where this needs Graphviz and there is none. */
static char *drawn(tp_var *y, const char *format, size_t *length, const tp_draw_options *options)
{
    char *picture = (tp_draw_graph_to_memory)(y, format, length, options);
    if (picture || tp_status() != TP_ERROR_MISSING)
        return picture;
    CHECK_ERROR(TP_ERROR_MISSING, "libgraphviz-dev");
    test_skip("built without Graphviz");
    return NULL;
}

/* --- Hostile names --- */

static const tp_draw_options everything = {.shapes = true,
                                           .values = true,
                                           .gradients = true,
                                           .bytes = true,
                                           .orders = true,
                                           .scopes = true,
                                           .layout = "layers",
                                           .size = sizeof everything};

static void check_svg(const char *name)
{
    size_t length;
    char *svg = drawn(graph_named(name), "svg", &length, &everything);
    CHECK(svg && strlen(svg) == length);
    CHECK(!strstr(svg, "<script") && !strstr(svg, "<![CDATA") && !strstr(svg, "<!"));
    CHECK_INT(count(svg, "<ellipse"), 5);
    write_file("hostile.svg", svg, length);
    CHECK(accepts("xmllint", "xmllint --nonet --noout hostile.svg"));
    free(svg);
}

static void check_page(const char *name)
{
    size_t length;
    char *page = drawn(graph_named(name), "html", &length, &everything);
    CHECK(page && strlen(page) == length);
    CHECK_INT(count(page, "<script"), 2);
    CHECK_INT(count(page, "</script"), 2);
    CHECK_INT(count(page, "<!--"), 0);
    CHECK(!strstr(page, "http:") && !strstr(page, "https:") && !strstr(page, "src="));
    write_file("hostile.html", page, length);
    CHECK(accepts("python3", "sed -n '/id=\"data\"/,/<\\/script>/p' hostile.html | sed '1d;$d' | "
                             "python3 -c 'import json, sys; json.load(sys.stdin)'"));
    free(page);
}

static void check_json(const char *name)
{
    size_t length;
    char *json = drawn(graph_named(name), "json", &length, NULL);
    CHECK(json && !strchr(json, '<'));
    write_file("hostile.json", json, length);
    CHECK(accepts("python3", "python3 -m json.tool hostile.json >/dev/null"));
    tp_var *again = tp_read_graph_json(json);
    char *twice = tp_draw_graph_to_memory(again, "json", NULL);
    CHECK_TEXT(twice, json);
    free(json), free(twice);
}

static void check_dot(const char *name)
{
    size_t length;
    char *dot = drawn(graph_named(name), "dot", &length, &everything);
    write_file("hostile.dot", dot, length);
    CHECK(accepts("nop", "nop hostile.dot >/dev/null"));
    free(dot);
    char *tree = tp_get_graph_tree(graph_named(name));
    CHECK(tree && !strchr(tree, '\x1B') && !strchr(tree, '\r'));
    free(tree);
}

TEST(hostile_names_in_every_format)
{
    for
        EACH(i, hostile)
        {
            TP_SCOPE();
            check_svg(hostile[i]);
            check_page(hostile[i]);
            check_json(hostile[i]);
            check_dot(hostile[i]);
        }
    CHECK(access("hurt", F_OK) != 0);
}

TEST(names_of_ten_thousand_bytes)
{
    static char name[10001];
    for (size_t i = 0; i + 1 < sizeof name; i++)
        name[i] = "ab\"\\<&c"[i % 7];
    check_svg(name);
    check_page(name);
    check_json(name);
    check_dot(name);
}

TEST(hostile_file_names)
{
    static const char *const paths[] = {"; touch hurt #.svg", "$(touch hurt).html", "'\"`|& .json",
                                        "-o.svg", "two.ext.html"};
    tp_var *y = tp_tanh(tp_variable(1.0));
    for
        EACH(i, paths)
        {
            CHECK(tp_draw_graph(y, paths[i], .layout = "layers"));
            CHECK(unlink(paths[i]) == 0);
        }
    CHECK(access("hurt", F_OK) != 0);
}

/* --- Formats --- */

TEST(a_file_holds_what_memory_does)
{
    static const char *const formats[] = {"svg", "html", "json", "dot"};
    static char bytes[200000];
    tp_var *y = graph_named("x");
    for
        EACH(i, formats)
        {
            char path[20];
            size_t length;
            snprintf(path, sizeof path, "g.%s", formats[i]);
            char *memory = drawn(y, formats[i], &length, &everything);
            CHECK((tp_draw_graph)(y, path, &everything));
            FILE *file = fopen(path, "rb");
            size_t n = file ? fread(bytes, 1, sizeof bytes, file) : 0;
            CHECK(n == length && !memcmp(bytes, memory, n));
            if (file)
                fclose(file);
            free(memory);
            unlink(path);
        }
}

TEST(formats_of_graphviz_with_our_layout)
{
    static const struct {
        const char *format, *begin;
    } cases[] = {{"png", "\x89PNG\r\n"}, {"pdf", "%PDF"}};
    for
        EACH(i, cases)
        {
            size_t length = 0;
            char *picture = drawn(graph_named("x"), cases[i].format, &length, &everything);
            if (!picture)
                return;
            CHECK(length > 500 && !memcmp(picture, cases[i].begin, strlen(cases[i].begin)));
            free(picture);
        }
    CHECK((tp_draw_graph_to_memory)(graph_named("x"), "nonsense", NULL, &everything) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "nonsense");
    tp_draw_options unknown = {.layout = "nonsense", .size = sizeof unknown};
    CHECK((tp_draw_graph_to_memory)(graph_named("x"), "png", NULL, &unknown) == NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "nonsense");
}

/* At 8 points a character, however long the longest line. */
TEST(nodes_are_wider_than_their_text)
{
    static const char *const labels[] = {"x", "ten bytes!", "short\nand a line of twenty-eight b",
                                         "four\nlines\nof\ntext"};
    for (size_t i = 0; i < 8; i++) {
        char text[64];
        size_t longest = 0, lines = 0, start = 0;
        snprintf(text, sizeof text, "%s", labels[i / 2]);
        for (size_t k = 0; k <= strlen(text); k++)
            if (!text[k] || text[k] == '\n') {
                longest = k - start > longest ? k - start : longest;
                start = k + 1;
                lines++;
            }
        tp__picture p = {.labels = {.at = text}};
        tp__picture_node node = {.function = i % 2};
        tp__picture_measure(&p, &node);
        CHECK(node.width > 8 * (float)longest && node.width < 60 + 12 * (float)longest);
        CHECK(node.height > 10 * (float)lines && node.height < 20 + 24 * (float)lines);
    }
}

/* A path "M… C…" from each ellipse or rectangle to the next: no node stands on another. */
TEST(nodes_do_not_overlap)
{
    typedef struct node {
        double x, y, rx, ry;
    } node;
    static node nodes[2000];
    tp_var *x = tp_variable(1.0), *y = tp_tanh(x);
    for (int k = 0; k < 6; k++)
        y = tp_gradient(y, x, .create_graph = true);
    char *svg = drawn(y, "svg", NULL, &everything);
    int n = 0;
    void *before = tp__locale_enter();
    for (const char *at = svg; (at = strstr(at, "<ellipse")); at++)
        n += sscanf(at, "<ellipse cx=\"%lf\" cy=\"%lf\" rx=\"%lf\" ry=\"%lf\"", &nodes[n].x,
                    &nodes[n].y, &nodes[n].rx, &nodes[n].ry) == 4;
    for (const char *at = svg; (at = strstr(at, "<g><rect")); at++) {
        node r;
        if (sscanf(at, "<g><rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf\"", &r.x, &r.y,
                   &r.rx, &r.ry) == 4)
            nodes[n++] = (node){r.x + r.rx / 2, r.y + r.ry / 2, r.rx / 2, r.ry / 2};
    }
    tp__locale_leave(before);
    CHECK_INT(n, 685);
    int overlaps = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            double dx = nodes[i].x - nodes[j].x, dy = nodes[i].y - nodes[j].y;
            overlaps += dx * dx < (nodes[i].rx + nodes[j].rx) * (nodes[i].rx + nodes[j].rx) &&
                        dy * dy < (nodes[i].ry + nodes[j].ry) * (nodes[i].ry + nodes[j].ry);
        }
    CHECK_INT(overlaps, 0);
    free(svg);
}

/* --- Size --- */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

TEST(a_derivative_of_ninth_order_takes_no_time)
{
    static const char *const formats[] = {"svg", "html", "json"};
    tp_var *x = named(tp_variable(1.0), "x"), *y = tp_tanh(x);
    int orders = test_short() ? 6 : 9;
    for (int k = 0; k < orders; k++)
        y = tp_gradient(y, x, .create_graph = true);
    for
        EACH(i, formats)
        {
            size_t length;
            double start = seconds();
            char *picture = drawn(y, formats[i], &length,
                                  &(tp_draw_options){.orders = true, .size = sizeof everything});
            CHECK(picture && seconds() - start < 10);
            free(picture);
        }
}

TEST(a_long_chain_needs_no_stack)
{
    int n = test_short() ? 5000 : 100000;
    tp_var *y = tp_variable(0.5);
    for (int i = 0; i < n; i++)
        y = tp_sin(y);
    double start = seconds();
    char *svg = drawn(y, "svg", NULL, NULL), *page = drawn(y, "html", NULL, NULL);
    char *json = drawn(y, "json", NULL, NULL);
    CHECK_INT(count(svg, ">Sin</text>"), n);
    tp_var *again = tp_read_graph_json(json);
    CHECK_INT(tp_generation(again), n);
    CHECK(seconds() - start < 60);
    free(svg), free(page), free(json);
}

/* --- Memory --- */

TEST(without_memory_a_drawing_is_an_error)
{
    static const char *const formats[] = {"svg", "html", "json", "dot"};
    tp_draw_options options = everything;
    options.fold_constants = options.hide_rules = true;
    options.collapse = "x", options.repeats = 2, options.steps = 50;
    tp_var *y = graph_named("x");
    options.around = y;
    for
        EACH(i, formats)
        {
            char *whole = drawn(y, formats[i], NULL, &options), *picture = NULL;
            for (size_t n = 1; !picture; n++) {
                tp__alloc_fail_at(n);
                picture = (tp_draw_graph_to_memory)(y, formats[i], NULL, &options);
                tp__alloc_fail_at(0);
                CHECK(picture || test_error(TP_ERROR_MEMORY, "out of memory"));
                CHECK(!picture || tp_status() == TP_OK);
                tp_clear_error();
                if (n > 5000)
                    break;
            }
            CHECK_TEXT(picture, whole);
            free(whole), free(picture);
        }
}
