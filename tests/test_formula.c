/* SPDX-License-Identifier: MIT
 *
 * Formulas against closed forms and the walkthrough's figures; their derivatives; every elementwise
 * record by its name. Errors and unusual texts are in test_formula_text.c.
 */
#include <math.h>
#include <stdlib.h>

#include "elements.h"
#include "ops/families.h"

static const char rosenbrock[] = "100*(x1 - x0^2)^2 + (x0 - 1)^2";
static const char *const names[] = {"x0", "x1"};

/* Of variables x and y at 0.5 and 2. */
static double value(const char *text)
{
    TP_SCOPE();
    const char *const xy[] = {"x", "y"};
    tp_var *x[] = {tp_scalar(0.5), tp_scalar(2)};
    return tp_item(tp_formula(text, xy, x, 2));
}

typedef struct formula_case {
    const char *text;
    double expected;
} formula_case;

static void check_cases(const formula_case *cases, size_t n, double tolerance)
{
    for (size_t i = 0; i < n; i++) {
        double y = value(cases[i].text);
        test_check(test_close(y, cases[i].expected, tolerance), __FILE__, __LINE__,
                   "%s = %.17g, expected %.17g", cases[i].text, y, cases[i].expected);
    }
}

#define CHECK_CASES(cases, tolerance) check_cases(cases, sizeof cases / sizeof *cases, tolerance)

static const formula_case closed_forms[] = {
    {"1", 1},
    {".5", 0.5},
    {"1.", 1},
    {"1e3", 1000},
    {"2.5E-1", 0.25},
    {"x", 0.5},
    {" x\t+\ny ", 2.5},
    {"x - y - 1", -2.5},
    {"x / y / 2", 0.125},
    {"x / (y / 2)", 0.5},
    {"1 + 2 * 3", 7},
    {"2 * 3 + 1", 7},
    {"(1 + 2) * 3", 9},
    {"2^3^2", 512},
    {"(2^3)^2", 64},
    {"y**3", 8},
    {"-y^2", -4},
    {"(-y)^2", 4},
    {"y^-1", 0.5},
    {"y^-x*y", 1.4142135623730951},
    {"--y", 2},
    {"-+-y", 2},
    {"3 - -y", 5},
    {"-2*-3", 6},
    {"x^(1/2)", 0.70710678118654757},
    {"x < y", 1},
    {"x >= y", 0},
    {"1 + 1 == y", 1},
    {"x != 0.5", 0},
    {"(x < y) + (y < 3)", 2},
    {"sin(x)^2 + cos(x)^2", 1},
    {"exp(log(y))", 2},
    {"sin(pi/6)", 0.5},
    {"log(e)", 1},
    {"atan2(1, 1)*4", 3.14159265358979312},
    {"pow(y, 3)", 8},
    {"-inf", -(double)INFINITY},
    {"nan", (double)NAN},
    {"max(x, y)", 2},
    {"min(x, y, -3, 4)", -3},
    {"where(x > 1, 1, 7)", 7},
    {"clamp(y, 0, 1)", 1},
    {"lerp(1, 3, x)", 2},
    {"polygamma(1, 1)", 1.6449340668482264},
    {"sinc(y/4)", 0.63661977236758134},
    {"gelu_tanh(y/4)", 0.34571400982514394},
    {"hardsigmoid(y/4)", 0.58333333333333337},
    {"hardswish(y/4)", 0.29166666666666669},
    {"mish(y/4)", 0.37524521130489509},
    {"prelu(-y, x)", -1},
    {"prelu(y, x)", 2},
    {"celu(-y)", -0.86466471676338730},
    {"celu(-x, 0.25)", -0.21616617919084682},
    {"elu(-y)", -0.86466471676338730},
    {"elu(-y, 2)", -1.7293294335267746},
    {"leaky_relu(-y)", -0.02},
    {"leaky_relu(-y, 0.25)", -0.5},
    {"sum([x, y, 1])", 3.5},
    {"mean([1, 2, 6])", 3},
    {"prod([x, y, 3])", 3},
    {"max([1, 5, y])", 5},
    {"min([1, 5, y])", 1},
    {"norm([3, 4])", 5},
    {"norm([3, -4], 1)", 7},
    {"norm([3, -4], inf)", 4},
    {"dot([1, 2, 3], [x, y, 1])", 7.5},
    {"[7, 8, 9][1]", 8},
    {"[7, 8, 9][-1]^2", 81},
    {"[[1, 2], [3, 4]][1, 0]", 3},
    {"[[1, 2], [3, 4]][0][1]", 2},
    {"sum([1, 2] * [[1], [10]])", 33},
    {"sum(2*[x, y] + 1)", 7},
};

TEST(values_are_those_of_closed_forms)
{
    CHECK_CASES(closed_forms, 1e-15);
}

static const char *arguments_of(const tp__op *op)
{
    static const char *const usual[] = {"", "x", "x, y", "x, 0.2, 0.3"};
    bool constant_power = !strcmp(op->name, "pow") && op->n_in == 1;
    return !strcmp(op->name, "polygamma") ? "2, x" : constant_power ? "x, 2" : usual[op->n_in];
}

TEST(every_elementwise_record_is_a_function)
{
    for (const tp__family *const *family = tp__families; *family; family++)
        for (const tp__op *const *at = (*family)->ops; *at; at++) {
            TP_SCOPE();
            char text[80];
            const tp__op *op = *at;
            bool of_formulas = !strcmp((*family)->name, "activation") || op->call_1 || op->call_2 ||
                               (op->flags & TP__ELEMENTWISE);
            bool step = (op->flags & TP__ELEMENTWISE) && op->n_in == 2 && !op->call_2;
            if (!of_formulas || step) /* of a gradient: no call makes it */
                continue;
            const char *arguments = arguments_of(op);
            const char *const xy[] = {"x", "y"};
            tp_var *x[] = {tp_scalar(0.25), tp_scalar(0.75)};
            snprintf(text, sizeof text, "%s(%s)", op->name, arguments);
            double y = tp_item(tp_formula(text, xy, x, 2));
            double expected = op->call_1   ? tp_item(op->call_1(x[0]))
                              : op->call_2 ? tp_item(op->call_2(x[0], x[1]))
                                           : y;
            test_check(test_close(y, expected, 0), __FILE__, __LINE__, "%s = %.17g, expected %.17g",
                       text, y, expected);
            test_check(tp_status() == TP_OK, __FILE__, __LINE__, "%s: %s", text, tp_error());
            tp_clear_error();
        }
}

/* --- Graphs and derivatives --- */

static size_t nodes(tp_var *y)
{
    size_t n = 0;
    char *dot = tp_get_dot_graph(y, false);
    for (const char *at = dot; at && (at = strstr(at, "[label=")); at++)
        n++;
    free(dot);
    return n;
}

TEST(rosenbrock_is_that_of_the_walkthrough)
{
    tp_var *x[] = {tp_variable(0.0), tp_variable(2.0)}, *g[2];
    tp_var *y = tp_formula(rosenbrock, names, x, 2);
    CHECK_BITS(tp_item(y), 401);
    CHECK_INT(nodes(y), 18);
    tp_gradients(y, x, 2, g, .create_graph = true);
    CHECK_BITS(tp_item(g[0]), -2);
    CHECK_BITS(tp_item(g[1]), 400);
    CHECK_BITS(tp_item(tp_gradient(g[0], x[0])), -798);
    CHECK_BITS(tp_item(tp_gradient(g[0], x[1])), 0);
    CHECK_BITS(tp_item(tp_gradient(g[1], x[1])), 200);
}

TEST(goldstein_price_is_that_of_the_walkthrough)
{
    static const char text[] = "(1 + (x + y + 1)^2*(19 - 14*x + 3*x^2 - 14*y + 6*x*y + 3*y^2)) * "
                               "(30 + (2*x - 3*y)^2*(18 - 32*x + 12*x^2 + 48*y - 36*x*y + 27*y^2))";
    static const char *const order[] = {"x", "y"};
    tp_expression *f = tp_expression_new(text, order, 2);
    tp_var *x[] = {tp_variable(1.0), tp_variable(1.0)};
    CHECK_INT(tp_expression_size(f), 2);
    CHECK_TEXT(tp_expression_variable(f, 0), "x");
    CHECK_TEXT(tp_expression_variable(f, 1), "y");
    CHECK(tp_expression_variable(f, 2) == NULL);
    tp_var *y = tp_expression_apply(f, x);
    CHECK_BITS(tp_item(y), 1876);
    CHECK_BITS(tp_item(tp_gradient(y, x[0])), -5376);
    CHECK_BITS(tp_item(tp_gradient(y, x[1])), 8064);
    CHECK_INT(nodes(y), 95);
    tp_expression_free(f);
}

TEST(derivatives_of_tanh)
{
    static const double expected[] = {0.41997434161402607, -0.6397000084492245, 0.6216266807712963,
                                      0.6650910447505017,  -5.55689355847372,   13.624075441312104,
                                      12.288367894320364,  -277.062135603031,   1183.4218675111372,
                                      366.41479668582724,  -39870.110111755236, 262013.36984267976};
    const char *const x[] = {"x"};
    for
        EACH(i, expected)
        {
            char text[40];
            snprintf(text, sizeof text, "d(tanh(x), x, %d)", (int)i + 1);
            tp_var *constant = tp_scalar(1), *variable = tp_variable(1.0);
            CHECK_CLOSE(tp_item(tp_formula(text, x, &constant, 1)), expected[i], 1e-12);
            CHECK(!tp_requires_grad(tp_formula(text, x, &constant, 1)));
            tp_var *y = tp_formula(text, x, &variable, 1);
            if (i + 1 < sizeof expected / sizeof *expected)
                CHECK_CLOSE(tp_item(tp_gradient(y, variable)), expected[i + 1], 1e-12);
        }
}

TEST(derivatives_against_closed_forms)
{
    static const formula_case cases[] = {
        {"d(3, x)", 0},
        {"d(y, x)", 0},
        {"d(x, x)", 1},
        {"d(x < y, x)", 0},
        {"d(x^3, x, 3)", 6},
        {"d(x^3, x, 4)", 0},
        {"d(d(x^3*y^2, x), y)", 3},
        {"d(d(d(sin(x*y), x), y), x)", -4.4464885509678655},
        {"x + d(x*y, x)*y", 4.5},
        {"d(x*d(x^2, x), x)", 2},
        {"d(exp(2*x), x, 8) / exp(2*x)", 256},
        {"sum(d([x, x^2, x^3], x))", 2.75},
        {"d(sum([x, x^2, x^3]), x)", 2.75},
        {"d([x, x^2, x^3], x, 2)[2]", 3},
        {"d(where(x > 0, sqrt(x), nan), x)", 0.70710678118654757},
    };
    CHECK_CASES(cases, 1e-13);
}

TEST(derivatives_for_arrays)
{
    const char *const v[] = {"v"};
    tp_var *x = tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, 2, 3}));
    CHECK_ELEMENTS(tp_formula("d(v^3, v)", v, &x, 1), 3, 12, 27);
    CHECK_ELEMENTS(tp_formula("d(v^3, v, 2)", v, &x, 1), 6, 12, 18);
    CHECK_ELEMENTS(tp_formula("d(v^3, v, 4)", v, &x, 1), 0, 0, 0);
    CHECK_ELEMENTS(tp_formula("d(sum(v)^2, v)", v, &x, 1), 12, 12, 12);
    CHECK_ELEMENTS(tp_formula("d(sum(v)^2, v, 2)", v, &x, 1), 6, 6, 6);
    CHECK_ELEMENTS(tp_formula("d(v[1]^2, v)", v, &x, 1), 0, 4, 0);
    CHECK_ELEMENTS(tp_formula("d(3, v)", v, &x, 1), 0, 0, 0);
    CHECK_ELEMENTS(tp_formula("d(d(sum(v^4), v), v)", v, &x, 1), 12, 48, 108);
}

/* y = x² was computed outside: within d(…, x) it is held, for gradients from outside it is not. */
TEST(derivatives_are_partial)
{
    const char *const xy[] = {"x", "y"};
    tp_var *x = tp_variable(3.0), *both[] = {x, tp_square(x)}, *same[] = {x, x};
    tp_var *y = tp_formula("d(x*y, x)", xy, both, 2);
    CHECK_BITS(tp_item(y), 9);
    CHECK_BITS(tp_item(tp_gradient(y, x)), 6);
    CHECK_BITS(tp_item(tp_formula("d(x*y, y)", xy, both, 2)), 3);
    CHECK_BITS(tp_item(tp_formula("d(x*y, x)", xy, same, 2)), 3);
    TP_NO_GRAD();
    CHECK_BITS(tp_item(tp_formula("d(x*y, x)", xy, both, 2)), 9);
    CHECK(!tp_is_grad_enabled());
}

TEST(derivatives_of_what_was_not_recorded_are_refused)
{
    const char *const names_x[] = {"x"};
    tp_var *v = tp_variable(3.0), *x;
    {
        TP_NO_GRAD();
        x = tp_square(v);
    }
    tp_var *y = tp_formula("d(x^2, x)", names_x, &x, 1);
    CHECK_BITS(tp_item(y), 18);
    CHECK(tp_is_poison(tp_gradient(y, v)));
    CHECK_ERROR(TP_ERROR_GRAPH, "");
}

TEST(recording_is_as_before_after_an_error_in_a_derivative)
{
    const char *const x[] = {"x"};
    tp_var *v = tp_ones(TP_F64, TP_SHAPE(2));
    TP_NO_GRAD();
    CHECK(tp_is_poison(tp_formula("d(d(x + [1, 2, 3], x), x)", x, &v, 1)));
    CHECK_ERROR(TP_ERROR_SHAPE, "add: shapes (2,) and (3,) do not broadcast\n"
                                "  d(d(x + [1, 2, 3], x), x)\n"
                                "        ^");
    CHECK(!tp_is_grad_enabled());
}

TEST(expressions_are_functions_for_others)
{
    tp_expression *f = tp_expression_new(rosenbrock, names, 2);
    tp_var *x[] = {tp_scalar(0.3), tp_scalar(-0.5)};
    CHECK(tp_gradcheck(tp_expression_function, f, x, 2, .orders = 2));
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 2}));
    tp_minimize_result minimum;
    CHECK(tp_minimize(tp_expression_objective, f, start, &minimum, .method = TP_NEWTON));
    CHECK_CLOSE(at(minimum.x, 0), 1, 1e-9);
    CHECK_CLOSE(at(minimum.x, 1), 1, 1e-9);
    tp_var *three = tp_ones(TP_F64, TP_SHAPE(3));
    CHECK(tp_is_poison(tp_expression_objective(f, three)));
    CHECK_ERROR(TP_ERROR_SHAPE, "formula: an array of shape (3,) for 2 variables");
    tp_expression_free(f);

    f = tp_expression_new("sum((v - [1, 2, 3])^2)", NULL, 0);
    CHECK(tp_minimize(tp_expression_objective, f, three, &minimum, .method = TP_BFGS));
    CHECK_CLOSE(at(minimum.x, 2), 3, 1e-8);
    tp_expression_free(f);
}

/* --- Signs beyond ASCII, functions under other names --- */

static double value_at(const char *text, double x, double y)
{
    static const char *const order[] = {"x", "y", "x₁"};
    tp_var *values[] = {tp_scalar(x), tp_scalar(y), tp_scalar(7)};
    return tp_item(tp_formula(text, order, values, 3));
}

TEST(signs_as_people_write_them)
{
    static const struct {
        const char *text;
        double expected;
    } cases[] = {{"x−1", 2},
                 {"−x", -3},
                 {"x × y", 6},
                 {"x·y", 6},
                 {"x⋅y", 6},
                 {"x÷y", 1.5},
                 {"x²", 9},
                 {"−x²", -9},
                 {"x⁻¹", 1.0 / 3},
                 {"y¹⁰", 1024},
                 {"2^x²", 512},
                 {"y²^3", 64},
                 {"(x+1)²", 16},
                 {"√(x+1)", 2},
                 {"√4·x", 6},
                 {"√√16", 2},
                 {"x ≤ 3", 1},
                 {"x ≥ 4", 0},
                 {"x ≠ y", 1},
                 {"2·π", 6.283185307179586},
                 {"x\u00A0+ y", 5},
                 {"x\u202F+\u2009y", 5},
                 {"1e−3", 1e-3},
                 {"min(x, ∞)", 3},
                 {"x₁ − x", 4},
                 {"[x, y][−1]", 2},
                 {"7 % 3", 1},
                 {"−7 % x", 2},
                 {"2·x % 4·y", 4},
                 {"−∞", -HUGE_VAL},
                 {"sin(x)²", 0.019914856674817}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        test_check(test_close(value_at(cases[i].text, 3, 2), cases[i].expected, 1e-14), __FILE__,
                   __LINE__, "%s = %.17g, expected %.17g: %s", cases[i].text,
                   value_at(cases[i].text, 3, 2), cases[i].expected, tp_error() ? tp_error() : "");
}

/* Closed forms: Γ(5) = 24, Γ(−½) = −2√π, Γ' = Γ ψ; the cube root at both sides of 0 and at it. */
TEST(functions_under_their_usual_names)
{
    const double pi = 3.14159265358979323846, euler = 0.57721566490153286;
    CHECK_BITS(value_at("ln(x)", 3, 0), log(3));
    CHECK_BITS(value_at("gamma(5)", 0, 0), 24);
    CHECK_CLOSE(value_at("gamma(-1/2)", 0, 0), -2 * sqrt(pi), 1e-15);
    CHECK_CLOSE(value_at("d(gamma(x), x)", 1, 0), -euler, 1e-14);
    CHECK_CLOSE(value_at("d(gamma(x), x, 2)", 1, 0), euler * euler + pi * pi / 6, 1e-13);
    CHECK_CLOSE(value_at("d(gamma(x), x)", -0.5, 0), -2 * sqrt(pi) * 0.03648997397857652, 1e-13);
    CHECK_CLOSE(value_at("cbrt(x)", 64, 0), 4, 2e-16);
    CHECK_CLOSE(value_at("cbrt(x)", -27, 0), -3, 2e-16);
    CHECK_CLOSE(value_at("d(cbrt(x), x)", -8, 0), 1.0 / 12, 1e-15);
    CHECK_CLOSE(value_at("d(cbrt(x), x, 2)", -8, 0), 2.0 / 9 / 32, 1e-15);
    CHECK_BITS(value_at("cbrt(x)", 0, 0), 0);
    CHECK_BITS(value_at("d(cbrt(x), x)", 0, 0), HUGE_VAL);
    tp_var *v = tp_array(TP_F32, TP_SHAPE(2), (float[]){3, -1.5F});
    const char *const name[] = {"v"};
    tp_var *y = tp_formula("gamma(v)", name, &v, 1);
    CHECK_INT(tp_dtype_of(y), TP_F32);
    CHECK_CLOSE(tp_item(tp_select(y, 0, 1)), 4 * sqrt(pi) / 3, 1e-6);
}
