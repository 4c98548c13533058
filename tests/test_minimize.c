/* SPDX-License-Identifier: MIT
 *
 * Problems of Moré, Garbow & Hillstrom (1981), each with its number there, its start and its
 * published least values; every method on Rosenbrock; stopping, reporting, errors.
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"

static tp_var *part(tp_var *x, int64_t i)
{
    return tp_select(x, 0, i);
}

static tp_var *squares(tp_var *const *r, int n)
{
    tp_var *sum = tp_square(r[0]);
    for (int i = 1; i < n; i++)
        sum = tp_add(sum, tp_square(r[i]));
    return sum;
}

#define RESIDUALS(...)                                                                             \
    squares((tp_var *[]){__VA_ARGS__}, sizeof((tp_var *[]){__VA_ARGS__}) / sizeof(tp_var *))

#define PROBLEM(name)                                                                              \
    static tp_var *name(void *ctx, tp_var *x)                                                      \
    {                                                                                              \
        (void)ctx;

#define END }

PROBLEM(rosenbrock)
return RESIDUALS(tp_mul(10, tp_sub(part(x, 1), tp_square(part(x, 0)))), tp_sub(1, part(x, 0)));
END

PROBLEM(freudenstein_roth)
tp_var *a = part(x, 0), *b = part(x, 1);
tp_var *first = tp_mul(tp_sub(tp_mul(tp_sub(5, b), b), 2), b);
tp_var *second = tp_mul(tp_sub(tp_mul(tp_add(b, 1), b), 14), b);
return RESIDUALS(tp_add(tp_sub(a, 13), first), tp_add(tp_sub(a, 29), second));
END

PROBLEM(powell_badly_scaled)
tp_var *a = part(x, 0), *b = part(x, 1);
return RESIDUALS(tp_sub(tp_mul(1e4, tp_mul(a, b)), 1),
                 tp_sub(tp_add(tp_exp(tp_neg(a)), tp_exp(tp_neg(b))), 1.0001));
END

PROBLEM(brown_badly_scaled)
tp_var *a = part(x, 0), *b = part(x, 1);
return RESIDUALS(tp_sub(a, 1e6), tp_sub(b, 2e-6), tp_sub(tp_mul(a, b), 2));
END

    PROBLEM(beale) static const double y[] = {1.5, 2.25, 2.625};
tp_var *sum = tp_num(0);
for (int i = 0; i < 3; i++)
    sum = tp_add(sum,
                 tp_square(tp_sub(y[i], tp_mul(part(x, 0), tp_sub(1, tp_pow(part(x, 1), i + 1))))));
return sum;
END

PROBLEM(jennrich_sampson)
tp_var *i = tp_arange(TP_F64, 1, 11, 1);
tp_var *rest = tp_sub(tp_add(2, tp_mul(2, i)),
                      tp_add(tp_exp(tp_mul(i, part(x, 0))), tp_exp(tp_mul(i, part(x, 1)))));
return tp_sum(tp_square(rest));
END

PROBLEM(helical_valley)
tp_var *a = part(x, 0), *b = part(x, 1), *c = part(x, 2);
tp_var *angle = tp_div(tp_atan2(b, a), 6.283185307179586);
tp_var *radius = tp_sqrt(tp_add(tp_square(a), tp_square(b)));
return RESIDUALS(tp_mul(10, tp_sub(c, tp_mul(10, angle))), tp_mul(10, tp_sub(radius, 1)), c);
END

    PROBLEM(bard) static const double y[] = {0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39,
                                             0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39};
tp_var *u = tp_arange(TP_F64, 1, 16, 1), *v = tp_sub(16, u), *w = tp_minimum(u, v);
tp_var *model = tp_add(part(x, 0), tp_div(u, tp_add(tp_mul(v, part(x, 1)), tp_mul(w, part(x, 2)))));
return tp_sum(tp_square(tp_sub(tp_array(TP_F64, TP_SHAPE(15), y), model)));
END

    PROBLEM(gaussian) static const
    double y[] = {0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
                  0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009};
tp_var *t = tp_div(tp_sub(8, tp_arange(TP_F64, 1, 16, 1)), 2);
tp_var *bell = tp_exp(tp_mul(tp_mul(-0.5, part(x, 1)), tp_square(tp_sub(t, part(x, 2)))));
return tp_sum(tp_square(tp_sub(tp_mul(part(x, 0), bell), tp_array(TP_F64, TP_SHAPE(15), y))));
END

PROBLEM(box_3d)
tp_var *t = tp_div(tp_arange(TP_F64, 1, 11, 1), 10);
tp_var *rest = tp_sub(tp_exp(tp_neg(tp_mul(t, part(x, 0)))), tp_exp(tp_neg(tp_mul(t, part(x, 1)))));
tp_var *known = tp_sub(tp_exp(tp_neg(t)), tp_exp(tp_mul(-10, t)));
return tp_sum(tp_square(tp_sub(rest, tp_mul(part(x, 2), known))));
END

PROBLEM(powell_singular)
tp_var *a = part(x, 0), *b = part(x, 1), *c = part(x, 2), *d = part(x, 3);
return RESIDUALS(tp_add(a, tp_mul(10, b)), tp_mul(sqrt(5), tp_sub(c, d)),
                 tp_square(tp_sub(b, tp_mul(2, c))), tp_mul(sqrt(10), tp_square(tp_sub(a, d))));
END

PROBLEM(wood)
tp_var *a = part(x, 0), *b = part(x, 1), *c = part(x, 2), *d = part(x, 3);
return RESIDUALS(tp_mul(10, tp_sub(b, tp_square(a))), tp_sub(1, a),
                 tp_mul(sqrt(90), tp_sub(d, tp_square(c))), tp_sub(1, c),
                 tp_mul(sqrt(10), tp_sub(tp_add(b, d), 2)), tp_div(tp_sub(b, d), sqrt(10)));
END

    PROBLEM(kowalik_osborne) static const double y[] = {
        0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246};
static const double u[] = {4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625};
tp_var *t = tp_array(TP_F64, TP_SHAPE(11), u), *t2 = tp_square(t);
tp_var *above = tp_mul(part(x, 0), tp_add(t2, tp_mul(t, part(x, 1))));
tp_var *below = tp_add(tp_add(t2, tp_mul(t, part(x, 2))), part(x, 3));
return tp_sum(tp_square(tp_sub(tp_array(TP_F64, TP_SHAPE(11), y), tp_div(above, below))));
END

PROBLEM(brown_dennis)
tp_var *t = tp_div(tp_arange(TP_F64, 1, 21, 1), 5);
tp_var *first = tp_sub(tp_add(part(x, 0), tp_mul(t, part(x, 1))), tp_exp(t));
tp_var *second = tp_sub(tp_add(part(x, 2), tp_mul(part(x, 3), tp_sin(t))), tp_cos(t));
return tp_sum(tp_square(tp_add(tp_square(first), tp_square(second))));
END

PROBLEM(variably_dimensioned)
int64_t n = tp_size(x);
tp_var *j = tp_arange(TP_F64, 1, (double)n + 1, 1), *rest = tp_sub(x, 1),
       *sum = tp_sum(tp_mul(j, rest));
return tp_add(tp_sum(tp_square(rest)), tp_add(tp_square(sum), tp_pow(sum, 4)));
END

PROBLEM(trigonometric)
int64_t n = tp_size(x);
tp_var *i = tp_arange(TP_F64, 1, (double)n + 1, 1);
tp_var *rest = tp_sub((double)n, tp_sum(tp_cos(x)));
rest = tp_add(rest, tp_sub(tp_mul(i, tp_sub(1, tp_cos(x))), tp_sin(x)));
return tp_sum(tp_square(rest));
END

PROBLEM(chained_rosenbrock)
tp_var *a = tp_slice(x, 0, 0, -1, 1), *b = tp_slice(x, 0, 1, INT64_MAX, 1);
return tp_sum(tp_add(tp_mul(100, tp_square(tp_sub(b, tp_square(a)))), tp_square(tp_sub(1, a))));
END

    typedef struct problem {
    const char *name;
    tp_objective *f;
    int n;
    double start[10], least[2]; /* the least values published; one may be a local one */
} problem;

static const problem problems[] = {
    {"1 Rosenbrock", rosenbrock, 2, {-1.2, 1}, {0, 0}},
    {"2 Freudenstein and Roth", freudenstein_roth, 2, {0.5, -2}, {0, 48.98425367924}},
    {"3 Powell badly scaled", powell_badly_scaled, 2, {0, 1}, {0, 0}},
    {"4 Brown badly scaled", brown_badly_scaled, 2, {1, 1}, {0, 0}},
    {"5 Beale", beale, 2, {1, 1}, {0, 0}},
    {"6 Jennrich and Sampson", jennrich_sampson, 2, {0.3, 0.4}, {124.36218235561, 124.36218235561}},
    {"7 helical valley", helical_valley, 3, {-1, 0, 0}, {0, 0}},
    {"8 Bard", bard, 3, {1, 1, 1}, {8.2148773065789e-3, 17.42869333}},
    {"9 Gaussian", gaussian, 3, {0.4, 1, 0}, {1.1279327696188e-8, 1.1279327696188e-8}},
    {"12 Box", box_3d, 3, {0, 10, 20}, {0, 0}},
    {"13 Powell singular", powell_singular, 4, {3, -1, 0, 1}, {0, 0}},
    {"14 Wood", wood, 4, {-3, -1, -3, -1}, {0, 0}},
    {"15 Kowalik and Osborne",
     kowalik_osborne,
     4,
     {0.25, 0.39, 0.415, 0.39},
     {3.0750560385e-4, 1.0273e-3}},
    {"16 Brown and Dennis", brown_dennis, 4, {25, 5, -5, -1}, {85822.201626356, 85822.201626356}},
    {"25 variably dimensioned", variably_dimensioned, 5, {0.8, 0.6, 0.4, 0.2, 0}, {0, 0}},
    {"26 trigonometric", trigonometric, 4, {0.25, 0.25, 0.25, 0.25}, {0, 3.0282e-4}},
    {"21 chained Rosenbrock",
     chained_rosenbrock,
     10,
     {-1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1, -1.2, 1},
     {0, 3.9867}},
};

/* To the digits that were published, or 1e-9 where that is 0. */
static bool is_least(const problem *p, double value)
{
    for (int i = 0; i < 2; i++)
        if (fabs(value - p->least[i]) <= 1e-4 * fabs(p->least[i]) + 1e-9)
            return true;
    return false;
}

static void solve(const problem *p, tp_method method, const char *name)
{
    TP_SCOPE();
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(p->n), p->start);
    tp_minimize(p->f, NULL, start, &m, .method = method, .tolerance = 1e-6);
    test_check(!tp_error() && is_least(p, m.value), __FILE__, __LINE__,
               "%s by %s: %.10g after %d iterations, %s %s", p->name, name, m.value, m.iterations,
               m.message, tp_error() ? tp_error() : "");
    tp_clear_error();
}

TEST(published_minima_are_reached)
{
    for
        EACH(i, problems)
        {
            solve(&problems[i], TP_NEWTON, "Newton");
            solve(&problems[i], TP_LBFGS, "L-BFGS");
            solve(&problems[i], TP_TRUST_REGION, "trust region");
            solve(&problems[i], TP_BFGS, "BFGS");
        }
}

TEST(every_method_descends)
{
    static const double reached[] = {
        [TP_LBFGS] = 1e-12,           [TP_BFGS] = 1e-12,         [TP_NEWTON] = 1e-12,
        [TP_NEWTON_CG] = 1e-12,       [TP_TRUST_REGION] = 1e-12, [TP_CONJUGATE] = 1e-12,
        [TP_GRADIENT_DESCENT] = 1e-2, [TP_MOMENTUM] = 1e-3,      [TP_ADAM] = 1e-1};
    for (int method = 0; method <= TP_ADAM; method++) {
        TP_SCOPE();
        tp_minimize_result m;
        tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 2}));
        tp_minimize(rosenbrock, NULL, start, &m, .method = (tp_method)method, .iterations = 5000);
        test_check(m.value <= reached[method], __FILE__, __LINE__, "method %d: %g, %s", method,
                   m.value, m.message);
    }
}

/* The walkthrough's descent, bit for bit: the state after 1,000 updates. */
TEST(gradient_descent_is_the_walkthroughs)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 2})), *path;
    bool converged = tp_minimize(chained_rosenbrock, NULL, start, &m, .method = TP_GRADIENT_DESCENT,
                                 .rate = 1e-3, .iterations = 1000, .path = &path);
    CHECK(!converged && m.stop == TP_STOP_ITERATIONS);
    CHECK_CLOSE(at(m.x, 0), 0.6837118569138317, 1e-13);
    CHECK_CLOSE(at(m.x, 1), 0.4659526837427042, 1e-13);
    CHECK_SHAPE(path, 1001, 2);
    CHECK_CLOSE(at(path, 200), 0.23453003962998273, 1e-13);
}

/* Newton from the walkthrough's start: 5 steps to f below 1e-25. */
TEST(newton_takes_five_steps)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 2}));
    CHECK(tp_minimize(chained_rosenbrock, NULL, start, &m, .method = TP_NEWTON));
    CHECK(m.stop == TP_STOP_GRADIENT && m.value < 1e-18 && m.iterations <= 30);
}

static bool stop_at_three(void *ctx, const tp_iteration *now)
{
    *(int *)ctx += 1;
    return now->number < 3;
}

static tp_var *fails(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_matmul(x, tp_zeros(TP_F64, TP_SHAPE(7)));
}

static tp_var *infinite(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_log(tp_mul(0, x)));
}

TEST(reasons_to_stop)
{
    int calls = 0;
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-1.2, 1}));
    CHECK(!tp_minimize(rosenbrock, NULL, start, &m, .callback = stop_at_three,
                       .callback_ctx = &calls));
    CHECK(m.stop == TP_STOP_CALLBACK && calls == 4 && m.iterations == 3);
    CHECK(!tp_minimize(infinite, NULL, start, &m));
    CHECK(m.stop == TP_STOP_NOT_FINITE);
    CHECK_TEXT(m.message, "the function is not finite at the start");
    CHECK(!tp_minimize(fails, NULL, start, &m) && tp_is_poison(m.x));
    CHECK_ERROR(TP_ERROR_SHAPE, "matmul");
    CHECK(!tp_minimize(rosenbrock, NULL, tp_zeros(TP_F32, TP_SHAPE(2)), &m));
    CHECK_ERROR(TP_ERROR_DTYPE, "minimize: the start is float32, expected float64");
    CHECK(!tp_minimize(rosenbrock, NULL, start, &m, .method = (tp_method)99));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: method 99");
    CHECK(tp_minimize(variably_dimensioned, NULL, tp_zeros(TP_F64, TP_SHAPE(0)), &m));
    CHECK_INT(m.iterations, 0);
}

TEST(each_allocation_fails_in_turn)
{
    static const tp_method methods[] = {TP_LBFGS, TP_NEWTON, TP_NEWTON_CG, TP_TRUST_REGION};
    for
        EACH(i, methods)
        {
            bool more = true;
            for (size_t n = 1; more; n += n < 60 ? 1 : 37) {
                TP_SCOPE();
                tp_minimize_result m;
                tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 2}));
                tp__alloc_fail_at(n);
                tp_minimize(rosenbrock, NULL, start, &m, .method = methods[i], .iterations = 2);
                more = tp__alloc_fail_at(0) >= n;
                CHECK(!more || tp_status() == TP_OK || tp_status() == TP_ERROR_MEMORY);
                tp_clear_error();
            }
        }
}
