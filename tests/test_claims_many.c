/* SPDX-License-Identifier: MIT
 *
 * What minimisers claim of many variables, where the Hessian is known by products only, and of
 * functions without second derivatives: kinks, medians, functions of one's own.
 */
#include "base/features.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "functions.h"

/* --- Many variables: a formula of v, started at one number but for the first one --- */

typedef struct many_place {
    const char *text;
    double first, start;
    double least, each; /* the value of its minimum is least + each · n; NaN: none */
    bool arrives; /* must; from a start that is alike in all variables a saddle is no failure */
} many_place;

static const many_place many_places[] = {
    {"sum(v^3)", 0, 0, (double)NAN, 0, false},
    {"-sum(v^4)", 0, 0, (double)NAN, 0, false},
    {"3 - sum(v^4)", 0, 0, (double)NAN, 0, false},
    {"sum(v^2) + 2*x^3 - x^2", 0, 0, (double)NAN, 0, false},
    {"sum(v^2) - x^2 - x^4", 0, 1, (double)NAN, 0, false},
    {"7 + sum(v^2) - x^2 - x^4", 0, 1, (double)NAN, 0, false},
    {"sum(v^2) - 2*x^2", 0, 0, (double)NAN, 0, false},
    {"sum(v^2) - 2*x^2", 0, 1, (double)NAN, 0, false},
    {"5 + sum(v^2) - 1.01*x^2", 0, 1, (double)NAN, 0, false},
    {"sum(cos(v))", 0, 0, 0, -1, false},
    {"-exp(-sum(v^2))", 3, 3, -1, 0, false},
    {"1 + sum(exp(-v))", 1, 1, (double)NAN, 0, false},
    {"1 + sum(exp(-v))", 40, 40, (double)NAN, 0, false},
    {"sum(exp(-v)) + x^2", 1, 1, (double)NAN, 0, false},
    {"sum(1/(1 + v^2))", 1, 1, (double)NAN, 0, false},
    {"-sum(abs(v))", 0, 0, (double)NAN, 0, false},
    {"sum(v^2) - abs(x)", 0, 0, -0.25, 0, false},
    {"sum(v^2) + sum(abs(v)) - 2*abs(v[-1])", 0, 0, -0.25, 0, false},
    {"sum(relu(v))", -1, -1, 0, 0, false},
    {"-sum(relu(v))", 0, 0, (double)NAN, 0, false},
    {"sum((v - 1)^2)", 9, 9, 0, 0, true},
    {"2 + sum((v - 1)^2)", 9, 9, 2, 0, true},
    {"sum(cosh(v))", 2, 2, 0, 1, true},
    {"sum(cos(v))", 0.1, 0.1, 0, -1, true},
    {"1 + sum(v^4)", 0, 0, 1, 0, true},
    {"sum(v^2) - x^2 + x^4", 0, 0, 0, 0, true},
    {"sum(abs(v))", 0, 0, 0, 0, true},
    {"(sum(v) - 3)^2", 0, 0, 0, 0, true},
    {"sum((v^2 - 1)^2) + (sum(v) - 5)^2/100", 0.5, 0.5, (double)NAN, (double)NAN, false},
};

static tp_var *many_value(void *ctx, tp_var *v)
{
    static const char *const names[] = {"v", "x"};
    return tp_formula(ctx, names, ((tp_var *[]){v, tp_select(v, 0, 0)}), 2);
}

static tp_var *many_start(const many_place *p, int n)
{
    double *x = calloc((size_t)n, sizeof *x);
    for (int i = 0; x && i < n; i++)
        x[i] = i ? p->start : p->first;
    tp_var *start = tp_array(TP_F64, 1, (int64_t[]){n}, x);
    free(x);
    return start;
}

/* NaN as what each adds: nobody knows the least value; the gradient is asked instead. */
static bool many_is_least(const many_place *p, int n, const tp_minimize_result *m)
{
    double least = p->least + p->each * n;
    return isnan(p->each) ? m->gradient < 1e-4
                          : fabs(m->value - least) <= 1e-9 * fmax(1, fabs(least));
}

static void many_visit(const many_place *p, int n, int method)
{
    TP_SCOPE();
    tp_minimize_result m;
    bool fixed = method >= TP_GRADIENT_DESCENT;
    bool claim = method > TP_ADAM
                     ? tp_least_squares(many_value, (void *)p->text, many_start(p, n), &m)
                     : tp_minimize(many_value, (void *)p->text, many_start(p, n), &m,
                                   .method = (tp_method)method,
                                   .iterations = !fixed         ? -1
                                                 : test_short() ? 10
                                                                : 100);
    test_check(!tp_error() && (claim ? many_is_least(p, n, &m) : fixed || !p->arrives), __FILE__,
               __LINE__, "%s of %d by %d: %.10g at %g, %s %s", p->text, n, method, m.value,
               at(m.x, 0), m.message, tp_error() ? tp_error() : "");
    tp_clear_error();
}

TEST(places_of_many_variables)
{
    for
        EACH(i, many_places)
        {
            for (int method = 0; method <= TP_ADAM; method++)
                many_visit(&many_places[i], 40, method);
            many_visit(&many_places[i], 150, TP_LBFGS);
            many_visit(&many_places[i], 150, TP_NEWTON_CG);
        }
}

/* More unknowns than equations and the reverse; a saddle of the sum of squares. */
TEST(fits_of_many_unknowns)
{
    static const many_place fits[] = {
        {"v^2 - 1", 0, 0, 0, 0, false},
        {"v - 3", 0, 0, 0, 0, true},
        {"[sum(v) - 3, sum(v) - 4]", 0, 0, 0.5, 0, true},
        {"1 + exp(-v)", 30, 30, (double)NAN, 0, false},
    };
    for
        EACH(i, fits)
        {
            TP_SCOPE();
            tp_minimize_result m;
            const many_place *p = &fits[i];
            bool claim = tp_least_squares(many_value, (void *)p->text, many_start(p, 40), &m);
            test_check(claim ? many_is_least(p, 40, &m) : !p->arrives, __FILE__, __LINE__,
                       "%s: %g, %s", p->text, m.value, m.message);
        }
}

/* --- Functions of one's own without a second derivative --- */

/* Σ (x − 3)², or with ctx Σ ± (x − 3)² with a minus for the last element. */
FORWARD(square_forward)
{
    (void)out;
    const double *x = tp_data(in[0]);
    double sum = 0;
    int64_t n = tp_size(in[0]);
    for (int64_t i = 0; x && i < n; i++)
        sum += (ctx && i == n - 1 ? -1 : 1) * (x[i] - 3) * (x[i] - 3);
    out[0] = tp_scalar(sum);
}

BACKWARD(square_backward)
{
    (void)out;
    const double *x = tp_data(in[0]), g = tp_item(gout[0]);
    int64_t n = tp_size(in[0]);
    gin[0] = tp_zeros(TP_F64, 1, &n);
    double *to = tp_data_(gin[0]);
    for (int64_t i = 0; x && to && i < n; i++)
        to[i] = (ctx && i == n - 1 ? -1 : 1) * 2 * g * (x[i] - 3);
}

static tp_var *own_squares(void *ctx, tp_var *x)
{
    tp_function f = function(1, 1, TP_READS_INPUTS);
    tp_var *y;
    f.forward = square_forward;
    f.backward = square_backward;
    tp_apply(&f, ctx, &x, &y);
    return y;
}

TEST(functions_without_second_derivatives)
{
    static const int sizes[] = {1, 3, 40};
    for
        EACH(i, sizes)
        {
            for (int method = 0; method <= TP_ADAM; method++) {
                TP_SCOPE();
                tp_minimize_result m;
                bool fixed = method >= TP_GRADIENT_DESCENT;
                double rate = method == TP_ADAM ? 0.1 : 0.05;
                tp_var *start = tp_ones(TP_F64, TP_SHAPE(sizes[i]));
                bool claim = tp_minimize(own_squares, NULL, start, &m, .method = (tp_method)method,
                                         .rate = rate);
                test_check(claim && m.value < 1e-9 && (fixed || m.iterations < 10), __FILE__,
                           __LINE__, "%d by %s: %g after %d, %s %s", sizes[i],
                           tp_method_name((tp_method)method), m.value, m.iterations, m.message,
                           tp_error() ? tp_error() : "");
                tp_clear_error();
                CHECK(!tp_minimize(own_squares, &m, tp_mul(3, start), &m,
                                   .method = (tp_method)method));
                test_check(m.stop == TP_STOP_SADDLE, __FILE__, __LINE__, "%d by %s: %s %s",
                           sizes[i], tp_method_name((tp_method)method), m.message,
                           tp_error() ? tp_error() : "");
                tp_clear_error();
            }
        }
}

/* --- A Hessian whose diagonal is small beside its other elements --- */

static tp_var *egg_box(void *ctx, tp_var *v)
{
    (void)ctx;
    return tp_prod(tp_sin(v));
}

/* sin x sin y a little beside (10π, 10π). */
TEST(a_hessian_without_a_diagonal)
{
    for (int method = 0; method <= TP_CONJUGATE; method++) {
        TP_SCOPE();
        tp_minimize_result m;
        tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){31.42, 31.43}));
        CHECK(tp_minimize(egg_box, NULL, start, &m, .method = (tp_method)method));
        CHECK_CLOSE(m.value, -1, 1e-9);
    }
}

/* --- Order statistics --- */

/* The median of x − data, squared; data in ctx. */
static tp_var *median_square(void *ctx, tp_var *x)
{
    return tp_square(tp_median(tp_sub(x, (tp_var *)ctx), 0));
}

/* Σ |x − data|: least between the two in the middle. */
static tp_var *deviations(void *ctx, tp_var *x)
{
    return tp_sum(tp_abs(tp_sub(x, (tp_var *)ctx)));
}

TEST(medians)
{
    tp_var *data = tp_array(TP_F64, TP_SHAPE(5), ((double[]){5, 1, 9, 2, 7}));
    tp_var *four = tp_array(TP_F64, TP_SHAPE(4), ((double[]){5, 1, 9, 2}));
    for (int method = 0; method <= TP_CONJUGATE; method++) {
        TP_SCOPE();
        tp_minimize_result m;
        CHECK(tp_minimize(median_square, data, tp_scalar(20), &m, .method = (tp_method)method));
        CHECK_CLOSE(tp_item(m.x), 5, 1e-9);
        /* at the median of an odd number is a kink, where no gradient is 0 but by convention */
        if (tp_minimize(deviations, data, tp_scalar(20), &m, .method = (tp_method)method))
            CHECK_CLOSE(m.value, 13, 1e-9);
        CHECK(tp_minimize(deviations, data, tp_scalar(5), &m, .method = (tp_method)method));
        if (tp_minimize(deviations, four, tp_scalar(20), &m, .method = (tp_method)method))
            CHECK_CLOSE(m.value, 11, 1e-9);
    }
}

/* --- Failures --- */

/* Each allocation of a search that looks beside the point fails in turn. */
TEST(each_allocation_of_a_look_fails_in_turn)
{
    static const many_place quartic = {"1 + sum(v^4)", 0, 0, 1, 0, true};
    static const int sizes[] = {2, 40};
    for
        EACH(i, sizes)
        {
            bool more = true;
            for (size_t k = 1; more; k += test_short() ? 97 : 13) {
                TP_SCOPE();
                tp_minimize_result m;
                tp_var *start = many_start(&quartic, sizes[i]);
                tp__alloc_fail_at(k);
                tp_minimize(many_value, (void *)quartic.text, start, &m);
                more = tp__alloc_fail_at(0) >= k;
                CHECK(more ? tp_status() == TP_ERROR_MEMORY || m.stop == TP_STOP_GRADIENT
                           : m.stop == TP_STOP_GRADIENT);
                tp_clear_error();
            }
        }
}
