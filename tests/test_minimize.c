/* SPDX-License-Identifier: MIT
 *
 * Problems of Moré, Garbow & Hillstrom (1981) by every method with searches; problems of Hock &
 * Schittkowski (1981) with bounds; every method on Rosenbrock; stopping, reporting, errors.
 */
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "elements.h"
#include "mgh.h"

static tp_var *rosenbrock(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(mgh_rosenbrock(NULL, x)));
}

static void solve(const mgh_problem *p, tp_method method, const char *name)
{
    TP_SCOPE();
    tp_minimize_result m;
    tp_minimize(mgh_squares, (void *)p, mgh_start(p), &m, .method = method, .tolerance = 1e-6);
    test_check(!tp_error() && mgh_is_least(p, m.value), __FILE__, __LINE__,
               "%s by %s: %.10g after %d iterations, %s %s", p->name, name, m.value, m.iterations,
               m.message, tp_error() ? tp_error() : "");
    tp_clear_error();
}

TEST(published_minima_are_reached)
{
    for
        EACH(i, mgh_problems)
        {
            solve(&mgh_problems[i], TP_NEWTON, "Newton");
            solve(&mgh_problems[i], TP_LBFGS, "L-BFGS");
            solve(&mgh_problems[i], TP_TRUST_REGION, "trust region");
            solve(&mgh_problems[i], TP_BFGS, "BFGS");
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

static tp_var *chained_rosenbrock(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = tp_slice(x, 0, 0, -1, 1), *b = tp_slice(x, 0, 1, INT64_MAX, 1);
    return tp_sum(tp_add(tp_mul(100, tp_square(tp_sub(b, tp_square(a)))), tp_square(tp_sub(1, a))));
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
    CHECK(m.value < 1e-18 && m.iterations <= 30);
}

/* Σ (xᵢ² − 1)²: its Hessian is negative near 0. */
static tp_var *minimize_wells(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(tp_sub(tp_square(x), 1)));
}

TEST(a_trust_region_leaves_a_hill)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.1, -0.2, 0.05}));
    CHECK(tp_minimize(minimize_wells, NULL, start, &m, .method = TP_TRUST_REGION));
    CHECK(m.value < 1e-18 && m.iterations <= 20);
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

static tp_var *nothing(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(x));
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
    CHECK(!tp_minimize(nothing, NULL, tp_zeros(TP_F64, TP_SHAPE(0)), &m));
    CHECK_ERROR(TP_ERROR_SHAPE,
                "minimize: the start has shape (0,), expected at least one element");
}

/* --- Bounds: problems of Hock & Schittkowski (1981), by number --- */

static tp_var *hs_1(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    return tp_add(tp_mul(100, tp_square(tp_sub(b, tp_square(a)))), tp_square(tp_sub(1, a)));
}

static tp_var *hs_3(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    return tp_add(b, tp_mul(1e-5, tp_square(tp_sub(b, a))));
}

static tp_var *hs_4(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_add(tp_div(tp_pow(tp_add(mgh_part(x, 0), 1), 3), 3), mgh_part(x, 1));
}

static tp_var *hs_5(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1);
    tp_var *line = tp_add(tp_sub(tp_mul(2.5, b), tp_mul(1.5, a)), 1);
    return tp_add(tp_add(tp_sin(tp_add(a, b)), tp_square(tp_sub(a, b))), line);
}

static tp_var *hs_38(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *a = mgh_part(x, 0), *b = mgh_part(x, 1), *c = mgh_part(x, 2), *d = mgh_part(x, 3);
    tp_var *first =
        tp_add(tp_mul(100, tp_square(tp_sub(b, tp_square(a)))), tp_square(tp_sub(1, a)));
    tp_var *second =
        tp_add(tp_mul(90, tp_square(tp_sub(d, tp_square(c)))), tp_square(tp_sub(1, c)));
    tp_var *e = tp_sub(b, 1), *f = tp_sub(d, 1);
    tp_var *third = tp_mul(10.1, tp_add(tp_square(e), tp_square(f)));
    return tp_add(tp_add(first, second), tp_add(third, tp_mul(19.8, tp_mul(e, f))));
}

static tp_var *hs_45(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sub(2, tp_div(tp_prod(x), 120));
}

static tp_var *hs_110(void *ctx, tp_var *x)
{
    (void)ctx;
    tp_var *logs = tp_add(tp_square(tp_log(tp_sub(x, 2))), tp_square(tp_log(tp_sub(10, x))));
    return tp_sub(tp_sum(logs), tp_pow(tp_prod(x), 0.2));
}

typedef struct bounded {
    const char *name;
    tp_objective *f;
    int n;
    double start[10], lower[10], upper[10], least;
} bounded;

#define NONE HUGE_VAL
#define TEN(v)                                                                                     \
    {                                                                                              \
        v, v, v, v, v, v, v, v, v, v                                                               \
    }

static const bounded bounded_problems[] = {
    {"HS1", hs_1, 2, {-2, 1}, {-NONE, -1.5}, {NONE, NONE}, 0},
    {"HS2", hs_1, 2, {-2, 1}, {-NONE, 1.5}, {NONE, NONE}, 0.0504261879},
    {"HS3", hs_3, 2, {10, 1}, {-NONE, 0}, {NONE, NONE}, 0},
    {"HS4", hs_4, 2, {1.125, 0.125}, {1, 0}, {NONE, NONE}, 8.0 / 3},
    {"HS5", hs_5, 2, {0, 0}, {-1.5, -3}, {4, 3}, -1.91322295498},
    {"HS38", hs_38, 4, {-3, -1, -3, -1}, TEN(-10), TEN(10), 0},
    {"HS45", hs_45, 5, {2, 2, 2, 2, 2}, {0}, {1, 2, 3, 4, 5}, 1},
    {"HS110", hs_110, 10, TEN(9), TEN(2.001), TEN(9.999), -45.77846971},
};

static tp_var *array_of(int n, const double *values)
{
    return tp_array(TP_F64, 1, (int64_t[]){n}, values);
}

/* HS2 has a local minimum at 4.94122932. */
static bool is_bounded_least(const bounded *p, double value)
{
    return fabs(value - p->least) <= 1e-7 * fmax(1, fabs(p->least)) ||
           (p->f == hs_1 && p->least > 0 && fabs(value - 4.94122932) <= 1e-7);
}

TEST(published_minima_within_bounds)
{
    static const tp_method methods[] = {TP_LBFGS,     TP_BFGS,         TP_NEWTON,
                                        TP_NEWTON_CG, TP_TRUST_REGION, TP_CONJUGATE};
    for
        EACH(i, bounded_problems)
        {
            const bounded *p = &bounded_problems[i];
            for
                EACH(k, methods)
                {
                    TP_SCOPE();
                    tp_minimize_result m;
                    bool good = tp_minimize(p->f, NULL, array_of(p->n, p->start), &m,
                                            .method = methods[k], .lower = array_of(p->n, p->lower),
                                            .upper = array_of(p->n, p->upper));
                    test_check(good && is_bounded_least(p, m.value), __FILE__, __LINE__,
                               "%s by method %d: %.10g after %d iterations, %d evaluations, %s %s",
                               p->name, (int)methods[k], m.value, m.iterations, m.evaluations,
                               m.message, tp_error() ? tp_error() : "");
                    tp_clear_error();
                    for (int j = 0; j < p->n; j++)
                        CHECK(at(m.x, j) >= p->lower[j] && at(m.x, j) <= p->upper[j]);
                }
        }
}

/* Not below its bounds: the logarithm would be NaN. */
TEST(nothing_is_evaluated_outside)
{
    tp_minimize_result m;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(10), ((double[])TEN(100)));
    CHECK(tp_minimize(hs_110, NULL, start, &m, .lower = tp_num(2.001), .upper = tp_num(9.999)));
    CHECK_CLOSE(m.value, -45.77846971, 1e-9);
    static const tp_method fixed[] = {TP_GRADIENT_DESCENT, TP_MOMENTUM, TP_ADAM};
    for
        EACH(i, fixed)
        {
            start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-5, 9}));
            tp_minimize(hs_4, NULL, start, &m, .method = fixed[i],
                        .lower = tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, 0})), .rate = 1e-2);
            CHECK_CLOSE(m.value, 8.0 / 3, 1e-12);
            CHECK(m.stop == TP_STOP_GRADIENT);
        }
}

static bool count_calls(void *ctx, const tp_iteration *now)
{
    *(int *)ctx += now->n > 0;
    return true;
}

TEST(bounds_that_are_none)
{
    tp_minimize_result m;
    int calls = 0;
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-1.2, 1}));
    tp_var *high = tp_array(TP_F64, TP_SHAPE(2), ((double[]){0, 2}));
    CHECK(!tp_minimize(rosenbrock, NULL, start, &m, .lower = high, .upper = tp_num(1)));
    CHECK_ERROR(TP_ERROR_ARGUMENT,
                "minimize: element 1: the lower bound 2 is above the upper bound 1");
    CHECK(!tp_minimize(rosenbrock, NULL, start, &m, .lower = tp_num((double)NAN),
                       .callback = count_calls, .callback_ctx = &calls));
    CHECK(m.stop == TP_STOP_ERROR && calls == 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: element 0: the lower bound nan");
    CHECK(!tp_minimize(rosenbrock, NULL, start, &m, .upper = tp_zeros(TP_F64, TP_SHAPE(3))));
    CHECK_ERROR(TP_ERROR_SHAPE, "minimize: the upper bound is float64 (3,), expected float64 () or "
                                "(2,)");
    CHECK(tp_minimize(rosenbrock, NULL, start, &m, .lower = high, .upper = high));
    CHECK_INT(m.iterations, 0);
    CHECK_CLOSE(m.value, 401, 1e-12);
}

/* Flat along x² = y, beside which the function is looked at before it is left at that. */
static tp_var *bent_valley(void *ctx, tp_var *v)
{
    (void)ctx;
    tp_var *x = tp_select(v, 0, 0), *y = tp_select(v, 0, 1);
    return tp_add(4, tp_square(tp_sub(y, tp_square(x))));
}

static void fail_in_turn(tp_objective *f, double x, double y, tp_method method, double lower)
{
    bool more = true;
    for (size_t n = 1; more; n += n < 60 ? 1 : 37) {
        TP_SCOPE();
        tp_minimize_result m;
        tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){x, y}));
        tp_var *bound = isnan(lower) ? NULL : tp_scalar(lower);
        tp__alloc_fail_at(n);
        tp_minimize(f, NULL, start, &m, .method = method, .iterations = 2, .lower = bound);
        more = tp__alloc_fail_at(0) >= n;
        CHECK(!more || tp_status() == TP_OK || tp_status() == TP_ERROR_MEMORY);
        tp_clear_error();
    }
}

TEST(each_allocation_fails_in_turn)
{
    static const tp_method methods[] = {TP_LBFGS, TP_NEWTON, TP_NEWTON_CG, TP_TRUST_REGION};
    for
        EACH(i, methods)
    fail_in_turn(rosenbrock, 0, 2, methods[i], i % 2 ? -5 : (double)NAN);
    fail_in_turn(bent_valley, 0, 0, TP_NEWTON, (double)NAN);
    fail_in_turn(bent_valley, 0, 0, TP_NEWTON, -5);
}
