/* SPDX-License-Identifier: MIT
 *
 * The walkthrough's figures, computed through the public interface, beside the expected ones. Exit
 * status 1 if any differs. Tolerances are relative to max(1, |expected|); 0 asks for the same bits,
 * where only + − × ÷ and small integer powers are used.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tinypytorch.h>

enum { TANH_ORDERS = 12 };

static const double exact = 0, close = 1e-13, nested = 1e-12;
static int differing;

TP_PRINTF(4, 5)
static void row(double tolerance, double ours, double expected, const char *format, ...)
{
    char name[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    bool same = fabs(ours - expected) <= tolerance * fmax(1, fabs(expected));
    printf("%-34s %24.17g %24.17g  %s\n", name, ours, expected, same ? "ok" : "differs");
    differing += !same;
}

typedef tp_var *function(tp_var *x, tp_var *y);

static tp_var *add(tp_var *x, tp_var *y)
{
    return tp_add(x, y);
}

static tp_var *sphere(tp_var *x, tp_var *y)
{
    return tp_add(tp_pow(x, 2), tp_pow(y, 2));
}

static tp_var *matyas(tp_var *x, tp_var *y)
{
    return tp_sub(tp_mul(0.26, tp_add(tp_pow(x, 2), tp_pow(y, 2))), tp_mul(tp_mul(0.48, x), y));
}

static tp_var *rosenbrock(tp_var *x, tp_var *y)
{
    return tp_add(tp_mul(100, tp_pow(tp_sub(y, tp_pow(x, 2)), 2)), tp_pow(tp_sub(x, 1), 2));
}

/* c0 + c1 x + c2 x² + c3 y + c4 xy + c5 y², signs as subtractions. */
static tp_var *goldstein_part(tp_var *x, tp_var *y, const double c[6])
{
    tp_var *terms[] = {tp_mul(fabs(c[1]), x), tp_mul(fabs(c[2]), tp_pow(x, 2)),
                       tp_mul(fabs(c[3]), y), tp_mul(tp_mul(fabs(c[4]), x), y),
                       tp_mul(fabs(c[5]), tp_pow(y, 2))};
    tp_var *sum = tp_num(c[0]);
    for (int i = 0; i < 5; i++)
        sum = c[i + 1] < 0 ? tp_sub(sum, terms[i]) : tp_add(sum, terms[i]);
    return sum;
}

static tp_var *goldstein(tp_var *x, tp_var *y)
{
    tp_var *first = goldstein_part(x, y, (double[]){19, -14, 3, -14, 6, 3});
    tp_var *second = goldstein_part(x, y, (double[]){18, -32, 12, 48, -36, 27});
    tp_var *sum = tp_add(tp_add(x, y), 1), *difference = tp_sub(tp_mul(2, x), tp_mul(3, y));
    return tp_mul(tp_add(1, tp_mul(tp_pow(sum, 2), first)),
                  tp_add(30, tp_mul(tp_pow(difference, 2), second)));
}

/* How often a word occurs in y's graph as text. */
static int occurrences(tp_var *y, const char *word)
{
    char *text = tp_get_dot_graph(y, false);
    int n = 0;
    for (const char *at = text; at && (at = strstr(at, word)); at += strlen(word))
        n++;
    free(text);
    return n;
}

static void size_of_graph(const char *name, function *f, int nodes, int edges)
{
    TP_SCOPE();
    tp_var *z = f(tp_variable(1.0), tp_variable(1.0));
    row(exact, occurrences(z, "label="), nodes, "%s: nodes", name);
    row(exact, occurrences(z, " -> "), edges, "%s: edges", name);
}

/* expected: value, gradient (2), Hessian (2, 2) */
static void at_point(const char *name, function *f, double x0, double x1, const double expected[7])
{
    TP_SCOPE();
    tp_var *x[] = {tp_variable(x0), tp_variable(x1)}, *g[2], *h[2];
    tp_var *z = f(x[0], x[1]);
    row(close, tp_item(z), expected[0], "%s(%g, %g)", name, x0, x1);
    tp_gradients(z, x, 2, g, .create_graph = true);
    for (int i = 0; i < 2; i++) {
        row(close, tp_item(g[i]), expected[1 + i], "%s(%g, %g): gradient %d", name, x0, x1, i);
        tp_gradients(g[i], x, 2, h);
        for (int j = 0; j < 2; j++)
            row(close, tp_item(h[j]), expected[3 + 2 * i + j], "%s(%g, %g): Hessian %d %d", name,
                x0, x1, i, j);
    }
}

static void drawing(void)
{
    size_of_graph("x0 + x1", add, 4, 3);
    size_of_graph("sphere", sphere, 8, 7);
    size_of_graph("matyas", matyas, 18, 19);
    size_of_graph("rosenbrock", rosenbrock, 18, 18);
    size_of_graph("goldstein", goldstein, 95, 108);
    at_point("sphere", sphere, 1, 1, (double[]){2, 2, 2, 2, 0, 0, 2});
    at_point("matyas", matyas, 1, 1,
             (double[]){0.040000000000000036, 0.040000000000000036, 0.040000000000000036, 0.52,
                        -0.48, -0.48, 0.52});
    at_point("goldstein", goldstein, 1, 1,
             (double[]){1876, -5376, 8064, 21228, -25812, -25812, 44748});
    at_point("goldstein", goldstein, 0, -1, (double[]){3, 0, 0, 504, -216, -216, 864});
    at_point("rosenbrock", rosenbrock, 0, 2, (double[]){401, -2, 400, -798, 0, 0, 200});
    at_point("rosenbrock", rosenbrock, 1, 1, (double[]){0, 0, 0, 802, -400, -400, 200});
}

static void descent(void)
{
    static const struct {
        int updates;
        double x0, x1;
    } expected[] = {
        {1, 0.002, 1.6},
        {100, 0.23453003962998273, 0.05207827378949265},
        {1000, 0.6837118569138317, 0.4659526837427042},
        {9999, 0.9944962193480691, 0.9890006333530483},
        {10000, 0.9944984367782456, 0.9890050527419593},
        {50000, 0.9999999993724021, 0.999999998742293},
    };
    TP_SCOPE();
    tp_var *x0 = tp_variable(0.0), *x1 = tp_variable(2.0);

    for (int i = 1, next = 0; i <= 50000; i++) {
        TP_SCOPE();
        tp_cleargrad(x0), tp_cleargrad(x1);
        tp_backward(rosenbrock(x0, x1));
        tp_sub_(x0, tp_mul(0.001, tp_grad(x0)));
        tp_sub_(x1, tp_mul(0.001, tp_grad(x1)));
        if (i != expected[next].updates)
            continue;
        row(exact, tp_item(x0), expected[next].x0, "descent, %d updates: x0", i);
        row(exact, tp_item(x1), expected[next].x1, "descent, %d updates: x1", i);
        next++;
    }
}

/* sin as its series: terms are added until one is below the threshold. Returns their number. */
static int series_of_sin(tp_var *x, double threshold, tp_var **sum)
{
    double factorial = 1;
    *sum = tp_num_int(0);
    for (int i = 0;; i++) {
        if (i)
            factorial *= 2.0 * i * (2.0 * i + 1);
        tp_var *term = tp_mul((i % 2 ? -1 : 1) / factorial, tp_pow(x, 2 * i + 1));
        *sum = tp_add(*sum, term);
        if (!(fabs(tp_item(term)) >= threshold))
            return i + 1;
    }
}

static void taylor(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(acos(-1) / 4), *sum;
    row(exact, series_of_sin(x, 1e-4, &sum), 4, "sin, below 1e-4: terms");
    row(exact, tp_item(sum), 0.7071064695751781, "sin, below 1e-4: value");
    row(exact, tp_item(tp_gradient(sum, x)), 0.7071032148228457, "sin, below 1e-4: derivative");
    row(exact, occurrences(sum, "label="), 30, "sin, below 1e-4: nodes");
    row(exact, series_of_sin(x, 1e-150, &sum), 47, "sin, below 1e-150: terms");
    row(exact, occurrences(sum, "label="), 331, "sin, below 1e-150: nodes");
}

static tp_var *double_well(tp_var *x)
{
    return tp_sub(tp_pow(x, 4), tp_mul(2, tp_pow(x, 2)));
}

/* x ← x − f'/f'', the gradient cleared before each sweep. */
static void newton_step(tp_var *x, double *first, double *second)
{
    TP_SCOPE();
    tp_cleargrad(x);
    tp_backward(double_well(x), .create_graph = true);
    tp_var *gx = tp_grad(x);
    tp_cleargrad(x);
    tp_backward(gx);
    *first = tp_item(gx);
    *second = tp_item(tp_grad(x));
    tp_sub_(x, tp_div(gx, tp_grad(x)));
}

static void newton(void)
{
    static const double expected[] = {1.4545454545454546,
                                      1.1510467893775467,
                                      1.0253259289766978,
                                      1.0009084519430513,
                                      1.0000012353089454,
                                      1.000000000002289,
                                      1.0};
    TP_SCOPE();
    tp_var *x = tp_variable(2.0);
    double first, second;
    int steps = 0;
    for (int i = 0; i < 7; i++) {
        newton_step(x, &first, &second);
        if (i == 0) {
            row(exact, first, 24, "x^4 - 2x^2 at 2: y'");
            row(exact, second, 44, "x^4 - 2x^2 at 2: y''");
        }
        row(exact, tp_item(x), expected[i], "Newton, step %d", i + 1);
        if (!steps && fabs(tp_item(x) - 1) < 1e-3)
            steps = i + 1;
    }
    row(exact, steps, 4, "Newton: steps to 1e-3");

    tp_copy_(x, tp_num(2));
    for (steps = 0; fabs(tp_item(x) - 1) >= 1e-3 && steps < 1000; steps++) {
        TP_SCOPE();
        tp_sub_(x, tp_mul(0.01, tp_gradient(double_well(x), x)));
    }
    row(exact, steps, 70, "descent: steps to 1e-3");
}

static void newton_in_two_dimensions(void)
{
    TP_SCOPE();
    tp_var *x[] = {tp_variable(0.0), tp_variable(2.0)};
    int steps = 0;
    while (tp_item(rosenbrock(x[0], x[1])) >= 1e-25 && steps < 100) {
        TP_SCOPE();
        tp_var *g[2], *h[2][2];
        tp_gradients(rosenbrock(x[0], x[1]), x, 2, g, .create_graph = true);
        for (int i = 0; i < 2; i++)
            tp_gradients(g[i], x, 2, h[i]);
        double a = tp_item(h[0][0]), b = tp_item(h[0][1]), c = tp_item(h[1][1]);
        double g0 = tp_item(g[0]), g1 = tp_item(g[1]), determinant = a * c - b * b;
        tp_sub_(x[0], tp_num((c * g0 - b * g1) / determinant));
        tp_sub_(x[1], tp_num((a * g1 - b * g0) / determinant));
        steps++;
    }
    row(exact, steps, 5, "Newton on rosenbrock: steps");
    row(1e-25, tp_item(rosenbrock(x[0], x[1])), 0, "Newton on rosenbrock: f");
}

static void derivatives_of_tanh(void)
{
    static const double expected[TANH_ORDERS] = {
        0.41997434161402607, -0.6397000084492245, 0.6216266807712963,  0.6650910447505017,
        -5.55689355847372,   13.624075441312104,  12.288367894320364,  -277.062135603031,
        1183.4218675111372,  366.41479668582724,  -39870.110111755236, 262013.36984267976};
    TP_SCOPE();
    tp_var *x = tp_variable(1.0), *y = tp_tanh(x), *at_once[TANH_ORDERS];
    tp_derivatives(y, x, TANH_ORDERS, at_once);
    for (int n = 1; n <= TANH_ORDERS; n++) {
        y = tp_gradient(y, x, .create_graph = n < TANH_ORDERS);
        row(nested, tp_item(y), expected[n - 1], "tanh, derivative %d, nested", n);
        row(nested, tp_item(at_once[n - 1]), expected[n - 1], "tanh, derivative %d, Taylor", n);
    }
}

static void double_backprop(void)
{
    TP_SCOPE();
    tp_var *x = tp_variable(2.0), *y = tp_pow(x, 2);
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    tp_var *z = tp_add(tp_pow(g, 3), y);
    row(exact, tp_item(tp_gradient(z, x)), 100, "double backprop: dz/dx");
}

static void gradient_penalty(void)
{
    static const double expected[] = {-0.020270729550514163, 0.040541459101028327,
                                      -0.015890494847218162};
    TP_SCOPE();
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 3), (double[]){0.1, -0.2, 0.3}));
    tp_var *w = tp_variable(tp_array(TP_F64, TP_SHAPE(3, 1), (double[]){0.5, -1, 2}));
    tp_var *y = tp_sum(tp_tanh(tp_matmul(x, w)));
    tp_var *g = tp_gradient(y, x, .create_graph = true);
    tp_var *penalty = tp_pow(tp_sub(tp_sqrt(tp_sum(tp_square(g))), 1), 2);
    row(close, tp_item(penalty), 0.038817449134907894, "gradient penalty");
    tp_var *gw = tp_gradient(penalty, w);
    for (int i = 0; i < 3; i++)
        row(close, tp_item(tp_select(gw, 0, i)), expected[i], "gradient penalty: for W, %d", i);
}

static void hessian_vector_product(void)
{
    static const double expected[] = {2290, 3284, -1522, 315, 660};
    TP_SCOPE();
    tp_var *x = tp_variable(tp_array(TP_F64, TP_SHAPE(5), (double[]){-1.2, 1, 0.5, -0.3, 2}));
    tp_var *v = tp_array(TP_F64, TP_SHAPE(5), (double[]){1, 2, -1, 0.5, 3});
    tp_var *f = tp_sum(rosenbrock(tp_slice(x, 0, 0, -1, 1), tp_slice(x, 0, 1, INT64_MAX, 1)));
    row(close, tp_item(f), 446.2, "chained rosenbrock");
    tp_var *g = tp_gradient(f, x, .create_graph = true);
    tp_var *hv = tp_gradient(tp_sum(tp_mul(g, v)), x);
    for (int i = 0; i < 5; i++)
        row(close, tp_item(tp_select(hv, 0, i)), expected[i], "Hessian times vector, %d", i);
}

int main(void)
{
    printf("%-34s %24s %24s\n", "figure", "ours", "expected");
    drawing();
    descent();
    taylor();
    newton();
    newton_in_two_dimensions();
    derivatives_of_tanh();
    double_backprop();
    gradient_penalty();
    hessian_vector_product();
    if (differing)
        printf("%d figures differ\n", differing);
    return tp_check() || differing;
}
