/* SPDX-License-Identifier: MIT
 *
 * A graph written as JSON and read again: the same drawings in every way, and for every other text
 * an error that tells the place.
 */
#define _POSIX_C_SOURCE 200809L
#include "elements.h"
#include "harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"

static tp_var *named(tp_var *v, const char *name)
{
    tp_set_name(v, name);
    return v;
}

static void pair_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_sin(in[0]);
    out[1] = tp_cos(in[0]);
}

static void pair_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                          tp_var **gin)
{
    (void)ctx, (void)out, (void)in;
    gin[0] = gout[0] ? gout[0] : gout[1];
}

/* A graph with all that the format knows: types, a function of two outputs, scopes, orders,
 * conversions, attributes, NaN. */
static tp_var *rich_graph(void)
{
    static const tp_function pair = {.size = sizeof pair,
                                     .name = "Pair",
                                     .n_in = 1,
                                     .n_out = 2,
                                     .forward = pair_forward,
                                     .backward = pair_backward};
    double elements[] = {1, (double)NAN, (double)INFINITY, -0.1, 1e-300, 5};
    tp_var *x = named(tp_variable(tp_array(TP_F64, TP_SHAPE(2, 3), elements)), "x"), *out[2];
    int64_t large[] = {INT64_MAX, INT64_MIN, 3};
    tp_var *n = named(tp_array(TP_I64, TP_SHAPE(3), large), "n");
    tp_var *w = named(tp_variable(tp_ones(TP_F32, TP_SHAPE(100))), "w");
    tp_var *y, *z;
    {
        TP_NAME_SCOPE("outer");
        TP_NAME_SCOPE("inner");
        tp_apply(&pair, NULL, &x, out);
        y = tp_add(tp_pow(out[0], 2), tp_mul(tp_transpose(tp_transpose(out[1], 0, 1), 0, 1), n));
    }
    z = tp_mul(tp_slice(w, 0, 1, 4, 1), tp_sum(y));
    tp_var *v = named(tp_variable(0.5), "v");
    tp_var *g = tp_gradient(tp_tanh(v), v, .create_graph = true);
    return named(tp_add(tp_sum(z), tp_gradient(g, v, .create_graph = true)), "result");
}

static void check_same(tp_var *a, tp_var *b, const char *format, const tp_draw_options *options)
{
    char *first = (tp_draw_graph_to_memory)(a, format, NULL, options);
    char *second = (tp_draw_graph_to_memory)(b, format, NULL, options);
    CHECK(first && second && !strcmp(first, second));
    free(first), free(second);
}

TEST(every_drawing_is_the_same)
{
    tp_var *y = rich_graph();
    char *json = tp_draw_graph_to_memory(y, "json", NULL);
    tp_var *again = tp_read_graph_json(json);
    tp_draw_options all = {
        .shapes = true, .orders = true, .scopes = true, .layout = "layers", .size = sizeof all};
    check_same(y, again, "dot", NULL);
    check_same(y, again, "dot", &all);
    check_same(y, again, "svg", &all);
    check_same(y, again, "json", NULL);
    all.fold_constants = all.hide_rules = true, all.collapse = "inner", all.repeats = 1;
    check_same(y, again, "dot", &all);
    char *first = tp_get_graph_tree(y), *second = tp_get_graph_tree(again);
    CHECK_TEXT(second, first);
    free(first), free(second), free(json);
}

TEST(elements_come_back)
{
    double elements[] = {1, (double)NAN, -(double)INFINITY, -0.1, 1e-300, 5e300};
    int64_t large[] = {INT64_MAX, INT64_MIN};
    for (int dtype = 0; dtype < TP_DTYPES; dtype++) {
        tp_var *v = tp_to(tp_array(TP_F64, TP_SHAPE(3), elements + 3), (tp_dtype)dtype);
        char *json = tp_draw_graph_to_memory(v, "json", NULL);
        tp_var *again = tp_read_graph_json(json);
        CHECK_INT(tp_dtype_of(again), dtype);
        CHECK(tp_data(again) &&
              !memcmp(tp_data(again), tp_data(v), 3 * (size_t)(dtype == TP_F64 ? 8 : 1)));
        free(json);
    }
    char *json = tp_draw_graph_to_memory(tp_array(TP_F64, TP_SHAPE(2, 3), elements), "json", NULL);
    const double *back = tp_data(tp_read_graph_json(json));
    for (int i = 0; back && i < 6; i++)
        CHECK_BITS(back[i], elements[i]);
    free(json);
    elements[1] = copysign((double)NAN, -1);
    json = tp_draw_graph_to_memory(tp_array(TP_F64, TP_SHAPE(2), elements), "json", NULL);
    CHECK(json && strstr(json, "[1, \"nan\"]"));
    free(json);
    json = tp_draw_graph_to_memory(tp_array(TP_I64, TP_SHAPE(2), large), "json", NULL);
    const int64_t *integers = tp_data(tp_read_graph_json(json));
    CHECK(integers && integers[0] == INT64_MAX && integers[1] == INT64_MIN);
    free(json);
    json = tp_draw_graph_to_memory(tp_ones(TP_F64, TP_SHAPE(65)), "json", NULL);
    tp_var *unknown = tp_read_graph_json(json);
    CHECK_INT(tp_size(unknown), 65);
    CHECK(isnan(tp_item(tp_select(unknown, 0, 7))));
    free(json);
}

TEST(what_was_read_is_not_computed_with)
{
    tp_var *x = named(tp_variable(2.0), "x");
    char *json = tp_draw_graph_to_memory(tp_mul(x, x), "json", NULL);
    tp_var *y = tp_read_graph_json(json), *leaf = NULL;
    CHECK_BITS(tp_item(y), 4);
    CHECK(!tp_requires_grad(y));
    tp_backward(y);
    CHECK(tp_status() == TP_ERROR_GRAPH);
    tp_clear_error();
    CHECK(tp_is_poison(tp_gradient(tp_mul(y, x), y)));
    CHECK(tp_status() != TP_OK);
    tp_clear_error();
    CHECK_INT(tp_leaves(y, 1, &leaf), 0);
    free(json);
}

#define HEAD                                                                                       \
    "{\"format\": \"tinypytorch graph\", \"version\": 1, \"result\": 0, \"scopes\": [], "          \
    "\"nodes\": ["
#define LEAF "{\"shape\": [], \"dtype\": \"float64\"}"

TEST(unknown_keys_and_operations_are_no_error)
{
    static const char text[] =
        " {\"more\": {\"a\": [1, {\"b\": \"]}\"}, null, true]}, \"format\": \"tinypytorch graph\", "
        "\"version\": 1, \"result\": 1, \"nodes\": [" LEAF
        ", {\"op\": \"new\", \"label\": \"New\", "
        "\"inputs\": [0], \"shape\": [2], \"dtype\": \"float32\", \"name\": "
        "\"\\u00e9\\ud83d\\ude00\\"
        "u0000\\udc00\", \"later\": -1.5e3}]}";
    tp_var *y = tp_read_graph_json(text);
    CHECK_TEXT(tp_name(y), "\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD");
    char *tree = tp_get_graph_tree(y), *dot = tp_get_dot_graph(y, true);
    CHECK(tree && strstr(tree, "(2,) float32 \xE2\x86\x90 New"));
    CHECK(dot && strstr(dot, "label=\"New\", color=lightblue"));
    free(tree), free(dot);
}

TEST(other_texts_are_errors)
{
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "{",
        "{}",
        "{\"format\": \"tinypytorch graph\"}",
        "\xFF",
        "{\"nodes\": 1}",
        HEAD "]}",
        HEAD "{}]}",
        HEAD LEAF,
        HEAD LEAF "]",
        "{\"format\": \"another\", \"version\": 1, \"result\": 0, \"nodes\": [" LEAF "]}",
        "{\"format\": \"tinypytorch graph\", \"version\": 2, \"result\": 0, \"nodes\": [" LEAF "]}",
        "{\"format\": \"tinypytorch graph\", \"version\": 1, \"result\": 1, \"nodes\": [" LEAF "]}",
        HEAD "{\"shape\": [-1], \"dtype\": \"float64\"}]}",
        HEAD "{\"shape\": [1,1,1,1,1,1,1,1,1], \"dtype\": \"float64\"}]}",
        HEAD "{\"shape\": [2], \"dtype\": \"float65\"}]}",
        HEAD "{\"shape\": [2], \"dtype\": \"float64\", \"data\": [1]}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"data\": [\"x\"]}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"scope\": 0}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"order\": 12}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"inputs\": [0]}]}",
        HEAD "{\"op\": \"sin\", \"label\": \"Sin\", \"inputs\": [0], \"shape\": []}]}",
        HEAD "{\"function\": \"f\", \"outputs\": 1, \"inputs\": []}]}",
        HEAD "{\"function\": \"f\", \"outputs\": 99999999, \"inputs\": []}, " LEAF "]}",
        HEAD LEAF ", {\"output\": 0, \"inputs\": [0], \"shape\": []}]}",
        HEAD LEAF ", {\"function\": \"f\", \"outputs\": 1, \"inputs\": [0]}, {\"output\": 1, "
                  "\"inputs\": [1], \"shape\": []}]}",
        HEAD LEAF
        ", {\"function\": \"f\", \"outputs\": 1, \"inputs\": [0]}, {\"output\": 0, "
        "\"inputs\": [1], \"shape\": []}, {\"output\": 0, \"inputs\": [1], \"shape\": []}]}",
        HEAD LEAF ", {\"function\": \"f\", \"outputs\": 1, \"inputs\": [0]}, {\"op\": \"sin\", "
                  "\"label\": \"Sin\", \"inputs\": [1], \"shape\": []}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"name\": \"\\x\"}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"name\": \"\\u00g0\"}]}",
        HEAD "{\"shape\": [], \"dtype\": \"float64\", \"step\": 1}]}",
        HEAD "{\"shape\": [9223372036854775807, 2], \"dtype\": \"float64\"}]}",
    };
    for
        EACH(i, texts)
        {
            tp_var *v = tp_read_graph_json(texts[i]);
            test_check(tp_is_poison(v) && tp_status() != TP_OK, __FILE__, __LINE__, "case %d: %s",
                       (int)i, texts[i]);
            tp_clear_error();
        }
    CHECK(tp_is_poison(tp_read_graph_json(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "text is NULL");
    tp_read_graph_json(HEAD "{\"shape\": 3}]}");
    CHECK_ERROR(TP_ERROR_ARGUMENT, "expected \"[\" at byte");
}

TEST(depth_needs_no_stack)
{
    size_t n = 2000000;
    char *text = malloc(n + 100);
    strcpy(text, "{\"deep\": ");
    memset(text + 9, '[', n);
    text[n + 9] = 0;
    CHECK(tp_is_poison(tp_read_graph_json(text)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "expected a value");
    free(text);
}

/* Draws what was read, if it was; an error is fine, a crash is not. */
static void try_to_read(const char *text)
{
    TP_SCOPE();
    tp_var *v = tp_read_graph_json(text);
    if (!tp_is_poison(v)) {
        tp_draw_options all = {.values = true,
                               .orders = true,
                               .scopes = true,
                               .fold_constants = true,
                               .hide_rules = true,
                               .size = sizeof all};
        free((tp_draw_graph_to_memory)(v, "html", NULL, &all));
        free(tp_get_graph_tree(v));
        tp_backward(v);
    }
    tp_clear_error();
}

TEST(hurt_texts_do_no_harm)
{
    char *json = tp_draw_graph_to_memory(rich_graph(), "json", NULL);
    size_t n = json ? strlen(json) : 0;
    char *hurt = malloc(n + 1);
    uint64_t random = 1;
    for (size_t i = 0; i < n; i += test_short() ? 37 : 3) {
        memcpy(hurt, json, n + 1);
        hurt[i] = 0;
        try_to_read(hurt);
    }
    for (int round = 0; round < (test_short() ? 300 : 5000); round++) {
        memcpy(hurt, json, n + 1);
        for (int k = 0; k < 3; k++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            static const char bytes[] = "0123456789,:[]{}\"-e";
            hurt[(random >> 33) % n] = bytes[(random >> 20) % (sizeof bytes - 1)];
        }
        try_to_read(hurt);
    }
    free(hurt), free(json);
}

TEST(without_memory_reading_is_an_error)
{
    char *json = tp_draw_graph_to_memory(rich_graph(), "json", NULL);
    tp_var *v = NULL;
    for (size_t n = 1; n < 5000; n++) {
        TP_SCOPE();
        tp__alloc_fail_at(n);
        v = tp_read_graph_json(json);
        tp__alloc_fail_at(0);
        if (tp_status() == TP_OK)
            break;
        CHECK_ERROR(TP_ERROR_MEMORY, "out of memory");
    }
    CHECK(v != NULL);
    free(json);
}

/* The sample of docs/graph-json.md, and what it says of keys that are left out. */
TEST(the_manual_says_what_is_written_and_read)
{
    static const char sample[] =
        "{\"format\": \"tinypytorch graph\", \"version\": 1, \"result\": 2,\n\"scopes\": [],\n"
        "\"nodes\": [\n"
        "{\"id\": 0, \"shape\": [], \"dtype\": \"float64\", \"data\": [2]},\n"
        "{\"id\": 1, \"name\": \"x\", \"shape\": [], \"dtype\": \"float64\", \"data\": [0.5], "
        "\"differentiable\": true},\n"
        "{\"id\": 2, \"name\": \"y\", \"op\": \"mul\", \"label\": \"Mul\", \"inputs\": [0, 1], "
        "\"shape\": [], \"dtype\": \"float64\", \"data\": [1]}\n]}\n";
    tp_var *x = named(tp_variable(0.5), "x"), *y = named(tp_mul(2, x), "y");
    char *text = tp_draw_graph_to_memory(y, "json", NULL);
    CHECK(text && !strcmp(text, sample));
    free(text);

    static const struct {
        const char *node;
        bool good;
    } nodes[] = {{"{\"shape\": [2, 2], \"data\": [1, 2, 3, 4], \"differentiable\": false}", true},
                 {"{\"shape\": [2], \"dtype\": \"bool\", \"data\": [0, 1]}", true},
                 {"{\"shape\": [], \"order\": 11, \"step\": false, \"other\": [{}]}", true},
                 {"{\"shape\": [], \"order\": 12}", false},
                 {"{\"dtype\": \"float64\"}", false},
                 {"{\"shape\": [2, 2], \"data\": [[1, 2], [3, 4]]}", false},
                 {"{\"shape\": [], \"step\": 1}", false}};
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++) {
        char whole[200];
        snprintf(whole, sizeof whole,
                 "{\"result\": 0, \"nodes\": [%s], \"format\": \"tinypytorch graph\"}",
                 nodes[i].node);
        bool read = !tp_is_poison(tp_read_graph_json(whole));
        test_check(read == nodes[i].good, __FILE__, __LINE__, "%s", nodes[i].node);
        tp_clear_error();
    }
}
