/* SPDX-License-Identifier: MIT
 *
 * Least squares on the problems of Moré, Garbow & Hillstrom (1981) and on fits with closed forms;
 * roots of their systems, with the solutions that MINPACK's HYBRJ prints; stopping, errors.
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"
#include "mgh.h"

/* --- Least squares: with at most twice LMDER's evaluations --- */

static void fit(const mgh_problem *p, bool gauss_newton)
{
    TP_SCOPE();
    tp_minimize_result m;
    bool good =
        tp_least_squares(p->residuals, NULL, mgh_start(p), &m, .gauss_newton = gauss_newton);
    test_check(good && mgh_is_least(p, m.value), __FILE__, __LINE__,
               "%s by %s: %.10g after %d iterations, %d evaluations, %s %s", p->name,
               gauss_newton ? "Gauss-Newton" : "Levenberg-Marquardt", m.value, m.iterations,
               m.evaluations, m.message, tp_error() ? tp_error() : "");
    /* The last ones test the claim, which LMDER does not: the Hessian and two values beside. */
    test_check(gauss_newton || !p->evaluations || m.evaluations <= 2 * p->evaluations + 6, __FILE__,
               __LINE__, "%s: %d evaluations, LMDER %d", p->name, m.evaluations, p->evaluations);
    tp_clear_error();
}

TEST(published_minima_are_reached)
{
    for
        EACH(i, mgh_problems) fit(&mgh_problems[i], false);
    for
        EACH(i, mgh_fits) fit(&mgh_fits[i], false);
}

/* Of small residuals; from starts this far it has no guarantee. */
TEST(gauss_newton_where_it_suits)
{
    static const int suited[] = {0, 3, 6, 8, 11, 15, 17};
    for
        EACH(i, suited) fit(&mgh_problems[suited[i]], true);
}

typedef struct line_data {
    tp_var *t, *y;
} line_data;

/* y = a + b t: linear. */
static tp_var *line_rest(void *ctx, tp_var *x)
{
    const line_data *data = ctx;
    return tp_sub(tp_add(mgh_part(x, 0), tp_mul(mgh_part(x, 1), data->t)), data->y);
}

/* The normal equations of t = 0 … 4, y = 1, 3, 2, 5, 4: slope 8 / 10, mean 3 at t = 2; the rest is
 * Σ (y − 3)² − 0.8 · 8 = 3.6. */
TEST(a_line_is_fitted_in_one_step)
{
    line_data data = {tp_arange(TP_F64, 0, 5, 1),
                      tp_array(TP_F64, TP_SHAPE(5), ((double[]){1, 3, 2, 5, 4}))};
    for (int k = 0; k < 2; k++) {
        tp_minimize_result m;
        CHECK(tp_least_squares(line_rest, &data, tp_zeros(TP_F64, TP_SHAPE(2)), &m,
                               .gauss_newton = k));
        CHECK_INT(m.iterations, 1);
        CHECK(m.evaluations <= 7); /* 2, and a look at the claim: a Hessian and four values */
        CHECK_CLOSE(at(m.x, 0), 1.4, 1e-14);
        CHECK_CLOSE(at(m.x, 1), 0.8, 1e-14);
        CHECK_CLOSE(m.value, 3.6, 1e-14);
        CHECK(m.stop == TP_STOP_GRADIENT && m.gradient <= 1e-8);
    }
}

/* y = a exp(b t) through points that lie on it. */
static tp_var *growth_rest(void *ctx, tp_var *x)
{
    const line_data *data = ctx;
    return tp_sub(tp_mul(mgh_part(x, 0), tp_exp(tp_mul(mgh_part(x, 1), data->t))), data->y);
}

TEST(exact_data_gives_its_parameters_back)
{
    tp_var *t = tp_arange(TP_F64, 0, 3, 0.25);
    line_data data = {t, tp_mul(2.5, tp_exp(tp_mul(-1.3, t)))};
    tp_minimize_result m;
    tp_var *path;
    CHECK(tp_least_squares(growth_rest, &data, tp_ones(TP_F64, TP_SHAPE(2)), &m, .path = &path,
                           .residual = 1e-12));
    CHECK_CLOSE(at(m.x, 0), 2.5, 1e-9);
    CHECK_CLOSE(at(m.x, 1), -1.3, 1e-9);
    CHECK(m.stop == TP_STOP_RESIDUAL || m.stop == TP_STOP_STEP);
    CHECK_SHAPE(path, m.iterations + 1, 2);
    CHECK_CLOSE(at(path, 0), 1, 0);
}

/* Two unknowns, one equation: a² + b² = 4 from (3, 0.5). */
static tp_var *circle(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sub(tp_sum(tp_square(x), .keepdims = true), 4);
}

TEST(fewer_residuals_than_unknowns)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){3, 0.5}));
    for (int k = 0; k < 2; k++) {
        CHECK(tp_least_squares(circle, NULL, start, &m, .gauss_newton = k));
        CHECK(m.value <= 1e-16);
        CHECK_CLOSE(at(m.x, 0) * at(m.x, 0) + at(m.x, 1) * at(m.x, 1), 4, 1e-8);
    }
}

/* --- Roots --- */

static tp_var *brown_almost_linear(void *ctx, tp_var *x)
{
    int64_t n = tp_size(x);
    (void)ctx;
    tp_var *most = tp_sub(tp_add(tp_slice(x, 0, 0, -1, 1), tp_sum(x)), (double)n + 1);
    tp_var *last = tp_unsqueeze(tp_sub(tp_prod(x), 1), 0);
    return tp_concatenate(((tp_var *[]){most, last}), 2, 0);
}

/* x[i − 1] and x[i + 1], 0 beyond the ends. */
static tp_var *neighbour(tp_var *x, int64_t by)
{
    tp_var *zero = tp_zeros(TP_F64, TP_SHAPE(1));
    if (by < 0)
        return tp_concatenate(((tp_var *[]){zero, tp_slice(x, 0, 0, -1, 1)}), 2, 0);
    return tp_concatenate(((tp_var *[]){tp_slice(x, 0, 1, INT64_MAX, 1), zero}), 2, 0);
}

static tp_var *discrete_boundary(void *ctx, tp_var *x)
{
    double h = 1 / ((double)tp_size(x) + 1);
    (void)ctx;
    tp_var *t = tp_mul(h, mgh_count(tp_size(x)));
    tp_var *cube = tp_pow(tp_add(tp_add(x, t), 1), 3);
    tp_var *bend = tp_sub(tp_sub(tp_mul(2, x), neighbour(x, -1)), neighbour(x, 1));
    return tp_add(bend, tp_mul(h * h / 2, cube));
}

static tp_var *broyden_tridiagonal(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *own = tp_mul(tp_sub(3, tp_mul(2, x)), x);
    tp_var *sides = tp_add(neighbour(x, -1), tp_mul(2, neighbour(x, 1)));
    return tp_add(tp_sub(own, sides), 1);
}

static tp_var *broyden_banded(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *y = tp_add(tp_mul(x, tp_add(2, tp_mul(5, tp_square(x)))), 1);
    tp_var *v = tp_mul(x, tp_add(1, x)), *below = v;
    for (int k = 0; k < 5; k++) {
        below = neighbour(below, -1);
        y = tp_sub(y, below);
    }
    return tp_sub(y, neighbour(v, 1));
}

typedef struct system {
    const char *name;
    tp_objective *f;
    int n;
    double start[10], root[10];
} system_of_equations;

#define TEN(v)                                                                                     \
    {                                                                                              \
        v, v, v, v, v, v, v, v, v, v                                                               \
    }
#define STEP(i) ((i) / 11.0 * ((i) / 11.0 - 1))

/* In the order and with the solutions of MINPACK's test program. */
static const system_of_equations systems[] = {
    {"Rosenbrock", mgh_rosenbrock, 2, {-1.2, 1}, {1, 1}},
    {"Powell badly scaled", mgh_powell_badly_scaled, 2, {0, 1}, {1.0981593e-05, 9.1061467}},
    {"helical valley", mgh_helical_valley, 3, {-1, 0, 0}, {1, 0, 0}},
    {"discrete boundary value",
     discrete_boundary,
     10,
     {STEP(1), STEP(2), STEP(3), STEP(4), STEP(5), STEP(6), STEP(7), STEP(8), STEP(9), STEP(10)},
     {-4.3164983e-02, -8.1577157e-02, -1.1448571e-01, -1.4097358e-01, -1.5990870e-01,
      -1.6987720e-01, -1.6908998e-01, -1.5524954e-01, -1.2535589e-01, -7.5416534e-02}},
    {"Broyden tridiagonal",
     broyden_tridiagonal,
     10,
     TEN(-1),
     {-5.7072213e-01, -6.8180695e-01, -7.0221008e-01, -7.0551063e-01, -7.0490616e-01,
      -7.0149661e-01, -6.9188932e-01, -6.6579651e-01, -5.9603511e-01, -4.1641226e-01}},
    {"Broyden banded",
     broyden_banded,
     10,
     TEN(-1),
     {-4.2830286e-01, -4.7659642e-01, -5.1965246e-01, -5.5809932e-01, -5.9250616e-01,
      -6.2450368e-01, -6.2323947e-01, -6.2139384e-01, -6.2045360e-01, -5.8646927e-01}},
};

TEST(published_roots_are_found)
{
    for
        EACH(i, systems)
        {
            TP_SCOPE();
            const system_of_equations *s = &systems[i];
            tp_minimize_result m;
            bool good = tp_find_root(s->f, NULL, tp_array(TP_F64, TP_SHAPE(s->n), s->start), &m);
            test_check(good, __FILE__, __LINE__, "%s: %.3g after %d iterations, %s %s", s->name,
                       m.value, m.iterations, m.message, tp_error() ? tp_error() : "");
            tp_clear_error();
            for (int k = 0; k < s->n; k++)
                CHECK_CLOSE(at(m.x, k), s->root[k], 1e-7);
        }
}

/* A singular Jacobian at the root, a product with two solutions. */
TEST(roots_of_other_kinds)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(4), ((double[]){3, -1, 0, 1}));
    CHECK(tp_find_root(mgh_powell_singular, NULL, start, &m));
    CHECK(m.value <= 1e-20);
    CHECK(tp_find_root(brown_almost_linear, NULL, tp_full(TP_F64, TP_SHAPE(10), 0.5), &m));
    double first = at(m.x, 0);
    CHECK(fabs(first - 1) <= 1e-8 || fabs(first - 0.97943030) <= 1e-8);
}

/* cos x = x, of shape (). */
static tp_var *dottie(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sub(tp_cos(x), x);
}

/* arctan: Newton from 2 diverges without damping. */
static tp_var *arctangent(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_atan(x);
}

static tp_var *above_zero(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_add(tp_square(x), 1);
}

TEST(one_equation)
{
    tp_minimize_result m;
    CHECK(tp_find_root(dottie, NULL, tp_scalar(1), &m));
    CHECK_CLOSE(tp_item(m.x), 0.7390851332151607, 1e-15);
    CHECK(m.iterations <= 5);
    CHECK(tp_find_root(arctangent, NULL, tp_scalar(2), &m));
    CHECK_CLOSE(tp_item(m.x), 0, 1e-10);
    CHECK(!tp_find_root(above_zero, NULL, tp_scalar(3), &m));
    CHECK(m.stop == TP_STOP_NO_ROOT);
    CHECK_TEXT(m.message, "the residuals are least here, but not zero");
    CHECK(m.value >= 1 && m.value < 1 + 1e-6);
}

/* --- Stopping, errors --- */

static bool stop_at_once(void *ctx, const tp_iteration *now)
{
    *(int *)ctx = now->number;
    return now->number < 2;
}

static tp_var *grows(void *ctx, tp_var *x)
{
    int *calls = ctx;
    return tp_add(tp_zeros(TP_F64, TP_SHAPE(++*calls + tp_size(x))), tp_sum(x));
}

static tp_var *fails(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_matmul(x, tp_zeros(TP_F64, TP_SHAPE(7)));
}

static tp_var *infinite(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_log(tp_mul(0, x));
}

static tp_var *nothing(void *ctx, tp_var *x)
{
    (void)ctx, (void)x;
    return NULL;
}

static tp_var *constant(void *ctx, tp_var *x)
{
    (void)ctx, (void)x;
    return tp_ones(TP_F64, TP_SHAPE(2));
}

static tp_var *empty(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_slice(x, 0, 0, 0, 1);
}

TEST(reasons_to_stop)
{
    int number = 0;
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-1.2, 1}));
    CHECK(!tp_least_squares(mgh_rosenbrock, NULL, start, &m, .callback = stop_at_once,
                            .callback_ctx = &number));
    CHECK(m.stop == TP_STOP_CALLBACK && number == 2 && m.iterations == 2);
    CHECK(!tp_least_squares(mgh_rosenbrock, NULL, start, &m, .iterations = 3));
    CHECK(m.stop == TP_STOP_ITERATIONS && m.iterations == 3);
    CHECK(!tp_least_squares(infinite, NULL, start, &m) && m.stop == TP_STOP_NOT_FINITE);
}

TEST(errors_say_what_is_wrong)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-1.2, 1}));
    CHECK(!tp_least_squares(fails, NULL, start, &m) && tp_is_poison(m.x));
    CHECK_ERROR(TP_ERROR_SHAPE, "matmul");
    CHECK(!tp_least_squares(nothing, NULL, start, &m));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "least_squares: the function gave NULL");
    CHECK(!tp_least_squares(constant, NULL, start, &m));
    CHECK_ERROR(TP_ERROR_GRAPH, "least_squares: what the function gave does not depend on its x");
    CHECK(!tp_find_root(constant, NULL, start, &m));
    CHECK_ERROR(TP_ERROR_GRAPH, "find_root: what the function gave does not depend on its x");
    CHECK(!tp_least_squares(mgh_trigonometric, NULL, tp_zeros(TP_F64, TP_SHAPE(0)), &m));
    CHECK_ERROR(TP_ERROR_SHAPE, "least_squares: the start has shape (0,), expected at least one");
    CHECK(!tp_least_squares(empty, NULL, start, &m));
    CHECK_ERROR(TP_ERROR_SHAPE, "least_squares: the function gave shape (0,), expected at least");
    int calls = 0;
    CHECK(!tp_least_squares(grows, &calls, start, &m));
    CHECK_ERROR(TP_ERROR_SHAPE, "least_squares: the function gave shape (4,), expected 3 values as "
                                "at the start");
    CHECK(!tp_find_root(mgh_bard, NULL, tp_ones(TP_F64, TP_SHAPE(3)), &m));
    CHECK_ERROR(TP_ERROR_SHAPE, "find_root: the function gave shape (15,), expected 3 values like "
                                "x");
    CHECK(!tp_find_root(dottie, NULL, tp_zeros(TP_F32, TP_SHAPE()), &m));
    CHECK_ERROR(TP_ERROR_DTYPE, "find_root: the start is float32, expected float64");
    CHECK(!tp_least_squares(NULL, NULL, start, &m));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "least_squares: the function is NULL");
    CHECK(!tp_least_squares(mgh_rosenbrock, NULL, start, NULL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "least_squares: no room for the minimum");
    CHECK(!tp_find_root(dottie, NULL, start, &m, .iterations = -1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "find_root: -1 iterations");
}

TEST(each_allocation_fails_in_turn)
{
    for (int k = 0; k < 3; k++) {
        bool more = true;
        for (size_t n = 1; more; n += n < 60 ? 1 : 17) {
            TP_SCOPE();
            tp_minimize_result m;
            tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-1.2, 1})), *path;
            tp__alloc_fail_at(n);
            if (k == 2)
                tp_find_root(mgh_rosenbrock, NULL, start, &m, .iterations = 2, .path = &path);
            else
                tp_least_squares(mgh_rosenbrock, NULL, start, &m, .iterations = 2, .path = &path,
                                 .gauss_newton = k);
            more = tp__alloc_fail_at(0) >= n;
            CHECK(!more || tp_status() == TP_OK || tp_status() == TP_ERROR_MEMORY);
            tp_clear_error();
        }
    }
}
