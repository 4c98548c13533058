/* SPDX-License-Identifier: MIT
 *
 * Errors of formulas with their carets; long, deep and random texts; failing allocations.
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/text.h"
#include "elements.h"

/* --- Errors --- */

static void check_error(const char *text, const char *message)
{
    CHECK(tp_expression_new(text, NULL, 0) == NULL);
    test_check(tp_error() && !strcmp(tp_error(), message), __FILE__, __LINE__,
               "%s gives:\n%s\nexpected:\n%s", text, tp_error(), message);
    tp_clear_error();
}

TEST(errors_show_the_place)
{
    check_error("", "formula: expected a number, a name, \"(\" or \"[\"\n  \n  ^");
    check_error("100*(x1 - x0^)^2", "formula: expected a number, a name, \"(\" or \"[\"\n"
                                    "  100*(x1 - x0^)^2\n"
                                    "               ^");
    check_error("sin(1", "formula: expected an operator, \",\" or \")\"\n  sin(1\n       ^");
    check_error("(1", "formula: expected an operator or \")\"\n  (1\n    ^");
    check_error("(1, 2)", "formula: expected an operator or \")\"\n  (1, 2)\n    ^");
    check_error("[1)", "formula: expected an operator, \",\" or \"]\"\n  [1)\n    ^");
    check_error("1 2", "formula: expected an operator or the end\n  1 2\n    ^");
    check_error("x = 1", "formula: expected an operator or the end\n  x = 1\n    ^");
    check_error("x)", "formula: expected an operator or the end\n  x)\n   ^");
    check_error("sine(x)", "formula: unknown function\n  sine(x)\n  ^");
    check_error("sin(x, y)", "formula: sin takes 1 operand, got 2\n  sin(x, y)\n  ^");
    check_error("1 + atan2(x)", "formula: atan2 takes 2 operands, got 1\n  1 + atan2(x)\n      ^");
    check_error("where(x)", "formula: where takes 3 operands, got 1\n  where(x)\n  ^");
    check_error("norm(x, 1, 2)", "formula: norm takes 2 operands at most, got 3\n"
                                 "  norm(x, 1, 2)\n"
                                 "  ^");
    check_error("1 < x < 2",
                "formula: a second comparison; use parentheses\n  1 < x < 2\n        ^");
    check_error("v[x]", "formula: expected an integer\n  v[x]\n    ^");
    check_error("v[1;", "formula: expected \",\" or \"]\"\n  v[1;\n     ^");
    check_error("d(x)", "formula: expected an operator or \",\"\n  d(x)\n     ^");
    check_error("d(x, 2)", "formula: expected the name of a variable\n  d(x, 2)\n       ^");
    check_error("d(x, pi)", "formula: a constant, not a variable\n  d(x, pi)\n       ^");
    check_error("d(x, x, 171)", "formula: expected an order from 1 to 170\n"
                                "  d(x, x, 171)\n"
                                "          ^");
    check_error("d(x, x^2)", "formula: expected \")\"\n  d(x, x^2)\n        ^");
    check_error("1 +\n\t2 $ 3\n+ 4", "formula: expected an operator or the end in line 2\n"
                                     "   2 $ 3\n"
                                     "     ^");
    check_error("θ*é €", "formula: the character \"€\" (U+20AC) has no meaning here\n"
                         "  θ*é €\n"
                         "      ^");
    check_error("1 \xff\x01", "formula: a byte that is no UTF-8, 0xFF\n"
                              "  1 \xEF\xBF\xBD\xEF\xBF\xBD\n"
                              "    ^");
}

TEST(signs_without_a_meaning_are_shown)
{
    check_error("2 ± x",
                "formula: the character \"±\" (U+00B1) has no meaning here\n  2 ± x\n    ^");
    check_error("∂x", "formula: the character \"∂\" (U+2202) has no meaning here\n  ∂x\n  ^");
    check_error("x‘", "formula: the character \"‘\" (U+2018) has no meaning here\n  x‘\n   ^");
    check_error("x（1）",
                "formula: the character \"（\" (U+FF08) has no meaning here\n  x（1）\n   ^");
    check_error("½*x", "formula: the character \"½\" (U+00BD) has no meaning here\n  ½*x\n  ^");
    check_error("x\u200By", "formula: an invisible character, U+200B\n  x\u200By\n   ^");
    check_error("x⁻", "formula: expected a raised integer\n  x⁻\n    ^");
    check_error("√x^2", "formula: a power of a root or the root of a power? Write sqrt(x)^2 or "
                        "sqrt(x^2)\n  √x^2\n    ^");
    check_error("√x²", "formula: a power of a root or the root of a power? Write sqrt(x)^2 or "
                       "sqrt(x^2)\n  √x²\n    ^");
    check_error("d(x, e)", "formula: a constant, not a variable\n  d(x, e)\n       ^");
}

TEST(a_constant_is_no_variable)
{
    const char *const names[] = {"x", "e"};
    tp_var *x[] = {tp_scalar(2), tp_scalar(3)};
    CHECK(tp_is_poison(tp_formula("x*e", names, x, 2)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: \"e\" is a constant, not a variable");
}

TEST(variables_without_an_order_are_not_given_one)
{
    tp_var *x[] = {tp_scalar(0), tp_scalar(2)};
    tp_expression *f = tp_expression_new("x1 - x0", NULL, 0);
    CHECK_TEXT(tp_expression_variable(f, 0), "x1");
    CHECK(tp_is_poison(tp_expression_apply(f, x)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: in which order are its 2 variables? Give their names");
    CHECK(tp_is_poison(tp_expression_objective(f, tp_ones(TP_F64, TP_SHAPE(2)))));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: in which order are its 2 variables? Give their names");
    tp_expression_free(f);
}

TEST(errors_in_long_lines_show_a_window)
{
    char text[300];
    memset(text, '+', sizeof text - 1);
    text[sizeof text - 1] = 0;
    memcpy(text + 140, "1 ? 23456789", 12);
    check_error(text,
                "formula: expected an operator or the end\n"
                "  …++++++++++++++++++++++++++++++++++++++++++++++1 ? 23456789++++++++++++++…\n"
                "                                                   ^");
}

TEST(errors_of_calls)
{
    const char *const two[] = {"x", "x"}, *bad[] = {"a b"}, *constant[] = {"pi"};
    tp_var *x = tp_scalar(1), *none = NULL, *poison = tp_fail(TP_ERROR_ARGUMENT, "none");
    tp_clear_error();
    CHECK(!tp_expression_new(NULL, NULL, 0));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: the text is NULL");
    CHECK(!tp_expression_new("x", two, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: two variables are called \"x\"");
    CHECK(!tp_expression_new("x", bad, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: no variable can be called \"a b\"");
    CHECK(!tp_expression_new("x", constant, 1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: \"pi\" is a constant, not a variable");
    CHECK(tp_is_poison(tp_formula("1 + z", two, &x, 1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: unknown name\n  1 + z\n      ^");
    CHECK(tp_is_poison(tp_formula("1 + z", NULL, NULL, 0)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: unknown name\n  1 + z\n      ^");
    CHECK(tp_is_poison(tp_formula("x", two, &none, 1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: variable x is NULL");
    CHECK(tp_is_poison(tp_formula("x", two, &poison, 1)));
    CHECK_ERROR(TP_ERROR_GRAPH, "formula: variable x is poison");
    CHECK(tp_is_poison(tp_expression_apply(NULL, &x)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "formula: the expression is NULL");
    x = tp_variable(1.0);
    CHECK(tp_is_poison(tp_formula("elu(2, x)", two, &x, 1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "elu: operand 2 is not a constant number\n  elu(2, x)\n  ^");
}

/* One operand fewer than the least, one more than the most. */
TEST(functions_take_so_many_operands)
{
    static const struct {
        const char *name;
        int least, most;
    } functions[] = {
        {"ln", 1, 1},          {"gamma", 1, 1},     {"cbrt", 1, 1},      {"sum", 1, 1},
        {"mean", 1, 1},        {"prod", 1, 1},      {"max", 1, 9},       {"min", 1, 9},
        {"norm", 1, 2},        {"dot", 2, 2},       {"where", 3, 3},     {"clamp", 3, 3},
        {"lerp", 3, 3},        {"sinc", 1, 1},      {"gelu_tanh", 1, 1}, {"mish", 1, 1},
        {"hardsigmoid", 1, 1}, {"hardswish", 1, 1}, {"elu", 1, 2},       {"celu", 1, 2},
        {"leaky_relu", 1, 2},  {"prelu", 2, 2},     {"polygamma", 2, 2}, {"sin", 1, 1},
        {"atan2", 2, 2},       {"pow", 2, 2}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        for (int n = 0; n < 9; n++) {
            char text[80];
            int length = snprintf(text, sizeof text, "%s(", functions[i].name);
            for (int k = 0; k < n; k++)
                length +=
                    snprintf(text + length, sizeof text - (size_t)length, "%s1", k ? ", " : "");
            snprintf(text + length, sizeof text - (size_t)length, ")");
            tp_expression *expression = tp_expression_new(text, NULL, 0);
            bool taken = n >= functions[i].least && n <= functions[i].most;
            test_check(!expression == !taken, __FILE__, __LINE__, "%s", text);
            tp_expression_free(expression);
            tp_clear_error();
        }
}

/* --- Long, deep and random texts --- */

/* text repeated n times, between a start and an end. */
static char *repeated(const char *start, const char *text, size_t n, const char *end)
{
    size_t length = strlen(text), at = strlen(start);
    char *whole = malloc(at + n * length + strlen(end) + 1);
    memcpy(whole, start, at);
    for (size_t i = 0; i < n; i++, at += length)
        memcpy(whole + at, text, length);
    strcpy(whole + at, end);
    return whole;
}

TEST(long_and_deep_formulas)
{
    const char *const names_x[] = {"x"};
    size_t n = test_short() ? 10000 : 200000;
    tp_var *x = tp_variable(1.0);
    const struct {
        const char *start, *text, *end;
        double expected;
    } cases[] = {{"0", " + x*1", "", (double)n},
                 {"0", " + x", "", (double)n},
                 {"1", "^x", "", 1},
                 {"", "-", "x", n % 2 ? -1 : 1},
                 {"sum([x", ", 1", "])", (double)n + 1},
                 {"max(x", ", 2", ")", 2},
                 {"", "abs(", "x", (double)NAN},
                 {"", "(", "1", (double)NAN},
                 {"1", " - x^2/2", "", 1 - (double)n * 0.5},
                 {"", "d(", "x", (double)NAN}};
    for
        EACH(i, cases)
        {
            char *text = repeated(cases[i].start, cases[i].text, n, cases[i].end);
            tp_var *y = tp_formula(text, names_x, &x, 1);
            CHECK_CLOSE(tp_item(y), cases[i].expected, 1e-9);
            CHECK(!isnan(cases[i].expected) || test_error(TP_ERROR_ARGUMENT, "formula: "));
            free(text);
        }
    char *open = repeated("", "(", n, "x"), *both = repeated(open, ")", n, "");
    CHECK_BITS(tp_item(tp_formula(both, names_x, &x, 1)), 1);
    free(open);
    free(both);
}

TEST(many_variables)
{
    tp__text text = {0};
    int n = 5000;
    tp_var **x = malloc((size_t)n * sizeof *x);
    for (int i = 0; i < n; i++) {
        tp__text_format(&text, "%sx%d", i ? "+" : "", n - i);
        x[i] = tp_scalar(1);
    }
    tp_expression *f = tp_expression_new(text.at, NULL, 0);
    CHECK_INT(tp_expression_size(f), n);
    CHECK_TEXT(tp_expression_variable(f, 0), "x5000");
    CHECK_TEXT(tp_expression_variable(f, n - 1), "x1");
    const char **names = malloc((size_t)n * sizeof *names);
    for (int i = 0; i < n; i++)
        names[i] = tp_expression_variable(f, i);
    tp_expression *ordered = tp_expression_new(text.at, names, n);
    CHECK_BITS(tp_item(tp_expression_apply(ordered, x)), n);
    tp_expression_free(ordered);
    tp_expression_free(f);
    free(names);
    tp__text_drop(&text);
    free(x);
}

static uint32_t random_state = 1;

static uint32_t pick(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (random_state >> 8) % n;
}

TEST(random_bytes_are_refused_or_read)
{
    static const char *const tokens[] = {"x",    "y",    "1",   ".5",  "1e9",  "(",  ")",
                                         "[",    "]",    ",",   "+",   "-",    "*",  "/",
                                         "^",    "<",    "==",  "sin", "sin(", "d(", "max(",
                                         ", x)", "sum(", "[0]", "[-1", " ",    "\n", "\xc3"};
    for (int round = 0; round < (test_short() ? 2000 : 40000); round++) {
        TP_SCOPE();
        char text[80];
        size_t length = 0, bytes = pick(2);
        text[0] = 0;
        while (length < 60 && pick(20)) {
            const char *token = tokens[pick(sizeof tokens / sizeof *tokens)];
            if (bytes)
                text[length++] = (char)(1 + pick(255));
            else
                length += (size_t)snprintf(text + length, sizeof text - length, "%s", token);
            text[length] = 0;
        }
        tp_expression *f = tp_expression_new(text, NULL, 0);
        tp_var *x[64];
        for (int i = 0; i < 64; i++)
            x[i] = tp_variable(0.5);
        if (f && tp_expression_size(f) <= 1)
            tp_expression_apply(f, x);
        test_check(!tp_error() || strstr(tp_error(), "^"), __FILE__, __LINE__,
                   "\"%s\" gives no caret: %s", text, tp_error());
        CHECK(f || tp_error());
        tp_clear_error();
        tp_expression_free(f);
    }
}

/* Appends a random formula of x and y and returns its value. */
static double random_formula(tp__text *text, int depth, double x, double y)
{
    static const char *const leaves[] = {"x", "y", "2", "0.5", "pi", "(-3)"};
    const double values[] = {x, y, 2, 0.5, 3.14159265358979323846, -3};
    uint32_t kind = depth ? pick(8) : 0;
    if (kind < 2) {
        uint32_t leaf = pick(6);
        tp__text_put(text, leaves[leaf]);
        return values[leaf];
    }
    if (kind < 6) {
        tp__text_put(text, "(");
        double a = random_formula(text, depth - 1, x, y);
        tp__text_format(text, ") %c (", "+-*/"[kind - 2]);
        double b = random_formula(text, depth - 1, x, y);
        tp__text_put(text, ")");
        return kind == 2 ? a + b : kind == 3 ? a - b : kind == 4 ? a * b : a / b;
    }
    tp__text_put(text, kind == 6 ? "tanh(" : "-(");
    double a = random_formula(text, depth - 1, x, y);
    tp__text_put(text, ")");
    return kind == 6 ? tanh(a) : -a;
}

TEST(random_formulas_have_their_values)
{
    for (int round = 0; round < (test_short() ? 300 : 5000); round++) {
        TP_SCOPE();
        tp__text text = {0};
        const char *const xy[] = {"x", "y"};
        tp_var *x[] = {tp_variable(0.7), tp_variable(-1.3)};
        double expected = random_formula(&text, 6, 0.7, -1.3);
        double y = tp_item(tp_formula(text.at, xy, x, 2));
        test_check(test_close(y, expected, 1e-12), __FILE__, __LINE__, "%s = %.17g, expected %.17g",
                   text.at, y, expected);
        tp__text_drop(&text);
    }
}

static void check_failing(const char *text, tp_code code)
{
    bool done = false;
    for (size_t n = 1; !done && n < 2000; n++) {
        TP_SCOPE();
        tp_var *x[] = {tp_variable(1.0), tp_variable(2.0)};
        tp__alloc_fail_at(n);
        tp_var *y = tp_formula(text, (const char *const[]){"x0", "x1"}, x, 2);
        done = tp__alloc_fail_at(0) < n;
        CHECK(tp_is_poison(y) == (tp_status() != TP_OK));
        CHECK(tp_status() == TP_ERROR_MEMORY || tp_status() == code);
        tp_clear_error();
    }
    CHECK(done);
}

TEST(every_allocation_may_fail)
{
    check_failing("sum([x0, 2*x1, d(tanh(x0)*sin(x1), x0, 3)]) + max(x0, x1, 3)", TP_OK);
    check_failing("x0 + [x1, 2][2]", TP_ERROR_ARGUMENT);
    check_failing("x0 + 1 + )", TP_ERROR_ARGUMENT);
}
