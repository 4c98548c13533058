/* SPDX-License-Identifier: MIT
 *
 * What minimisers claim: NIST's certified problems by every method, in other units too; objectives
 * that lost their derivative; places where no minimum is; functions from random starts.
 */
#include "base/features.h"

#include <math.h>
#include <stdlib.h>

#include "claims.h"
#include "matrices.h"
#include "places.h"
#include "strd.h"

static const tp_method searches[] = {TP_LBFGS,     TP_BFGS,         TP_NEWTON,
                                     TP_NEWTON_CG, TP_TRUST_REGION, TP_CONJUGATE};

/* --- NIST --- */

static bool strd_open(strd_problem *problems)
{
    bool good = CHECK(strd_read(TEST_REFERENCE "/strd.txt", problems));
    return good;
}

TEST(certified_fits_are_reached)
{
    static strd_problem problems[STRD_PROBLEMS];
    static const double units[] = {1, 1e-9, 1e12};
    strd_open(problems);
    for (int i = 0; i < 6 * STRD_PROBLEMS; i++) {
        TP_SCOPE();
        strd_problem *p = &problems[i / 6];
        tp_minimize_result m;
        p->unit = units[i / 2 % 3];
        bool claim = tp_least_squares(strd_residuals, p, strd_start(p, i % 2), &m);
        double digits = strd_digits(p, m.x);
        /* MINPACK fails there too: the model is flat beyond b2 = 100 */
        bool flat = !strcmp(p->name, "BoxBOD") && i % 2 == 0;
        test_check(flat ? !claim && m.stop == TP_STOP_FLAT : digits >= 6, __FILE__, __LINE__,
                   "%s from start %d in units of %g: %.1f digits, %s", p->name, i % 2 + 1, p->unit,
                   digits, m.message);
        CHECK(!claim || strd_is_true(p, &m));
    }
    strd_free(problems);
}

static bool strd_run(strd_problem *p, tp_var *start, tp_method method, tp_minimize_result *m)
{
    bool claim = tp_minimize(strd_squares, p, start, m, .method = method);
    return test_check(!claim || strd_is_true(p, m), __FILE__, __LINE__,
                      "%s by %s: %.10g, certified %.10g, %s", p->name, tp_method_name(method),
                      m->value, p->squares, m->message);
}

/* All starts by all searches: most runs arrive, and claims are true. */
LAPACK_TEST(certified_fits_by_every_search)
{
    static strd_problem problems[STRD_PROBLEMS];
    strd_open(problems);
    for
        EACH(k, searches)
        {
            int reached = 0;
            for (int i = 0; i < 2 * STRD_PROBLEMS; i++) {
                TP_SCOPE();
                strd_problem *p = &problems[i / 2];
                tp_minimize_result m;
                strd_run(p, strd_start(p, i % 2), searches[k], &m);
                reached += strd_digits(p, m.x) >= 4;
            }
            test_check(reached >= 40, __FILE__, __LINE__, "%s: %d of 54",
                       tp_method_name(searches[k]), reached);
        }
    strd_free(problems);
}

/* Where curvatures are below the rounding of others beside them: from Rat43's first start BFGS goes
 * along a valley that falls without end by less than the last digit of the value, where the Hessian
 * has -5e-13 and 1e-13 beside 4 (scaled), and in Lanczos' fits two of the terms become one. The
 * last bits of the start decide where a search ends there, not what it claims. */
LAPACK_TEST(claims_do_not_hang_on_rounding)
{
    static strd_problem problems[STRD_PROBLEMS];
    int rounds = test_short() ? 4 : 20;
    strd_open(problems);
    for (int i = 0; i < STRD_PROBLEMS * rounds; i++) {
        TP_SCOPE();
        strd_problem *p = &problems[i / rounds];
        tp_minimize_result m;
        int round = i % rounds;
        bool valley = !strcmp(p->name, "Rat43");
        if (!valley && strncmp(p->name, "Lanczos", 7))
            continue;
        tp_manual_seed((uint64_t)round);
        tp_var *off = tp_sub(tp_rand(TP_F64, 1, (int64_t[]){p->n}), 0.5);
        strd_run(p, tp_mul(strd_start(p, valley ? 0 : round % 2), tp_add(1, tp_mul(1e-13, off))),
                 valley          ? TP_BFGS
                 : round / 2 % 2 ? TP_TRUST_REGION
                                 : TP_NEWTON,
                 &m);
    }
    strd_free(problems);
}

/* --- Objectives that lost their derivative --- */

static tp_var *detached(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(tp_sub(tp_detach(x), 3)));
}

static tp_var *unrecorded(void *ctx, tp_var *x)
{
    (void)ctx;
    TP_NO_GRAD();
    return tp_sum(tp_square(tp_sub(x, 3)));
}

static tp_var *cast(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_to(tp_sum(tp_square(tp_sub(tp_to(x, TP_I64), 3))), TP_F64);
}

static tp_var *kept(void *ctx, tp_var *x)
{
    tp_var **first = ctx;
    *first = *first ? *first : tp_keep(tp_sum(tp_square(tp_sub(x, 3))));
    return *first;
}

/* |f'|² without create_graph. */
static tp_var *gradient_norm(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(tp_gradient(tp_sum(tp_exp(x)), x)));
}

TEST(a_lost_derivative_is_an_error)
{
    static tp_objective *const lost[] = {detached, unrecorded, cast, kept, gradient_norm};
    for
        EACH(i, lost)
        {
            for (int method = 0; method <= TP_ADAM + 1; method++) {
                TP_SCOPE();
                tp_minimize_result m;
                tp_var *first = NULL, *start = tp_ones(TP_F64, TP_SHAPE(2));
                bool claim = method > TP_ADAM ? tp_least_squares(lost[i], &first, start, &m)
                                              : tp_minimize(lost[i], &first, start, &m,
                                                            .method = (tp_method)method);
                test_check(!claim && m.stop == TP_STOP_ERROR && tp_is_poison(m.x) &&
                               tp_status() == TP_ERROR_GRAPH,
                           __FILE__, __LINE__, "objective %d by method %d: %s, %s", (int)i, method,
                           m.message, tp_error() ? tp_error() : "no error");
                tp_clear_error();
                if (first)
                    tp_free(first);
            }
        }
}

/* --- Random starts --- */

/* tests/minima does the same from more starts. */
TEST(no_false_claim_from_random_starts)
{
    int starts = test_short() ? 1 : 5;
    for (int i = 0; i < CLAIMS_FUNCTIONS * starts; i++)
        for (int method = 0; method <= TP_ADAM; method++) {
            TP_SCOPE();
            claims_function *f = &claims_functions[i / starts];
            tp_minimize_result m;
            int most = method >= TP_GRADIENT_DESCENT ? 200 : 1000;
            bool claim = tp_minimize(claims_value, f, claims_start(f, i), &m,
                                     .method = (tp_method)method, .iterations = most);
            test_check(!tp_error() && (!claim || claims_is_true(f, &m)), __FILE__, __LINE__,
                       "%s from start %d by %s: %.10g, %s %s", f->name, i,
                       tp_method_name((tp_method)method), m.value, m.message,
                       tp_error() ? tp_error() : "");
            tp_clear_error();
        }
    claims_free();
}

/* The judge knows a minimum from a saddle, a slope and a maximum. */
TEST(the_judge_of_random_starts)
{
    static const double points[][4] = {{1, 1}, {0, 0}, {1.001, 1}, {0, 1}};
    for
        EACH(i, points)
    CHECK(claims_is_stationary(&claims_functions[0], points[i]) == (i == 0));
    CHECK(claims_is_stationary(&claims_functions[2], (const double[]){3, 2}));
    CHECK(!claims_is_stationary(&claims_functions[2], (const double[]){-0.270845, -0.923039}));
    CHECK(!claims_is_stationary(&claims_functions[2], (const double[]){0.0866775, 2.884255}));
}

/* --- Where a claim is easily false --- */

static void visit(const place *p, int method)
{
    TP_SCOPE();
    tp_minimize_result m;
    bool fixed = method >= TP_GRADIENT_DESCENT;
    bool claim =
        tp_minimize(place_value, (void *)p, place_start(p), &m, .method = (tp_method)method,
                    .iterations = !fixed         ? -1
                                  : test_short() ? 30
                                                 : 300);
    test_check(!tp_error() && (claim ? place_is_least(p, m.value) : fixed || !p->arrives), __FILE__,
               __LINE__, "%s from %g by %s: %.10g at %g, %s %s", p->text, p->start[0],
               tp_method_name((tp_method)method), m.value, at(m.x, 0), m.message,
               tp_error() ? tp_error() : "");
    tp_clear_error();
}

TEST(every_place_by_every_method)
{
    for (int i = 0; i < PLACES; i++)
        for (int method = 0; method <= TP_ADAM; method++)
            visit(&places[i], method);
}

TEST(every_place_by_least_squares)
{
    for (int i = 0; i < 2 * PLACE_FITS; i++) {
        TP_SCOPE();
        tp_minimize_result m;
        const place *p = &place_fits[i / 2];
        bool claim =
            tp_least_squares(place_value, (void *)p, place_start(p), &m, .gauss_newton = i % 2);
        test_check(!tp_error() && (claim ? place_is_least(p, m.value) : !p->arrives), __FILE__,
                   __LINE__, "%s from %g by least squares %d: %.10g at %g, %s %s", p->text,
                   p->start[0], i % 2, m.value, at(m.x, 0), m.message,
                   tp_error() ? tp_error() : "");
        tp_clear_error();
    }
}

/* What is lower beyond a bound does not count. */
TEST(places_at_bounds)
{
    static const place cube = {"x^3", 1, {0}, {0, (double)NAN}, true};
    static const place quartic = {"5 - x^4", 1, {0}, {4, (double)NAN}, false};
    static const place valley = {"4 + (y - x^2)^2", 2, {0}, {(double)NAN, (double)NAN}, false};
    for (int method = 0; method <= TP_ADAM; method++) {
        TP_SCOPE();
        tp_minimize_result m;
        CHECK(tp_minimize(place_value, (void *)&cube, place_start(&cube), &m,
                          .method = (tp_method)method, .lower = tp_num(0)));
        CHECK(!tp_minimize(place_value, (void *)&quartic, place_start(&quartic), &m,
                           .method = (tp_method)method, .lower = tp_num(0), .upper = tp_num(1)));
        CHECK(m.stop == TP_STOP_SADDLE);
        CHECK(!tp_minimize(place_value, (void *)&valley, place_start(&valley), &m,
                           .method = (tp_method)method, .lower = tp_num(-5)));
        CHECK(m.stop == TP_STOP_FLAT);
    }
}

/* --- Where no minimum is --- */

static tp_var *far_parabola(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_square(tp_sub(x, 3e17));
}

static tp_var *hill(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_neg(tp_square(x));
}

static tp_var *line_and_pole(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_add(x, tp_div(1, x));
}

static tp_var *wave(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_cos(x);
}

static tp_var *saddle(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_mul(tp_square(x), tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, -1}))));
}

static tp_var *slope(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_add(1, x);
}

TEST(nothing_is_claimed_where_no_minimum_is)
{
    for
        EACH(k, searches)
        {
            TP_SCOPE();
            tp_minimize_result m;
            CHECK(tp_minimize(far_parabola, NULL, tp_scalar(1e17), &m, .method = searches[k]));
            CHECK_CLOSE(tp_item(m.x), 3e17, 1e-15);
            CHECK(!tp_minimize(hill, NULL, tp_scalar(4.6e105), &m, .method = searches[k]));
            test_check(m.stop == TP_STOP_UNBOUNDED, __FILE__, __LINE__, "%s: %s at %g",
                       tp_method_name(searches[k]), m.message, m.value);
            CHECK_TEXT(m.message, "the function falls without end");
            CHECK(
                !tp_minimize(line_and_pole, NULL, tp_scalar(-3.6e233), &m, .method = searches[k]));
            CHECK(!tp_minimize(wave, NULL, tp_scalar(0), &m, .method = searches[k]));
            CHECK(m.stop == TP_STOP_SADDLE);
            CHECK(!tp_minimize(saddle, NULL, tp_array(TP_F64, TP_SHAPE(2), ((double[]){2, 0})), &m,
                               .method = searches[k]));
            CHECK(!tp_minimize(slope, NULL, tp_scalar(0), &m, .method = searches[k]));
        }
}

/* --- More variables than a Hessian is computed for --- */

enum { MANY = 40 };

typedef struct many {
    double value, at, odd; /* the value at the minimum, x there; the weight of one variable */
} many;

/* The value + Σ w y² + Σ y⁴ / 4 with y = x − at and weights of 1 to 40, but for one variable, whose
 * weight is `odd` and which has no fourth power. */
static tp_var *many_value(void *ctx, tp_var *x)
{
    const many *m = ctx;
    double weight[MANY], fourth[MANY];
    for (int i = 0; i < MANY; i++) {
        weight[i] = i == 17 ? m->odd : i + 1;
        fourth[i] = i == 17 ? 0 : 0.25;
    }
    tp_var *y2 = tp_square(tp_sub(x, m->at));
    tp_var *y4 = tp_mul(tp_array(TP_F64, TP_SHAPE(MANY), fourth), tp_square(y2));
    return tp_add(m->value,
                  tp_sum(tp_add(tp_mul(tp_array(TP_F64, TP_SHAPE(MANY), weight), y2), y4)));
}

/* From a point where the odd variable has its place already. */
static tp_var *many_start(const many *m)
{
    double start[MANY];
    for (int i = 0; i < MANY; i++)
        start[i] = m->at + (i == 17 ? 0 : 1 + 0.1 * (i % 7));
    return tp_array(TP_F64, TP_SHAPE(MANY), start);
}

/* By products with the Hessian: minima are claimed, the smallest and those without a scale too,
 * saddles never, be it one direction among 40 that bends down, and by little. */
TEST(claims_of_many_variables)
{
    static const tp_method methods[] = {TP_LBFGS, TP_BFGS, TP_NEWTON_CG, TP_CONJUGATE};
    static const many cases[] = {{1, 1, 20},    {1, 1, 1e-3}, {0, 0, 20},    {1, 1, -20},
                                 {1, 1, -1e-3}, {0, 0, -1},   {5, 2, -1e-9}, {1e3, 1e-3, -1e-2}};
    for
        EACH(i, cases)
    for
        EACH(k, methods)
        {
            TP_SCOPE();
            tp_minimize_result m;
            const many *p = &cases[i];
            bool claim = tp_minimize(many_value, (void *)p, many_start(p), &m, .method = methods[k],
                                     .iterations = 2000);
            test_check(p->odd > 0 ? claim && fabs(m.value - p->value) <= 1e-12
                                  : !claim && m.stop == TP_STOP_SADDLE,
                       __FILE__, __LINE__, "%g at %g, odd %g, by %s: %.17g after %d, %s", p->value,
                       p->at, p->odd, tp_method_name(methods[k]), m.value, m.iterations, m.message);
        }
}

/* --- Units --- */

static tp_var *rosenbrock(void *ctx, tp_var *v)
{
    (void)ctx;
    tp_var *x = tp_select(v, 0, 0), *y = tp_select(v, 0, 1);
    return tp_add(tp_mul(100, tp_square(tp_sub(y, tp_square(x)))), tp_square(tp_sub(1, x)));
}

typedef struct stretch {
    tp_objective *f;
    double value;
    tp_var *units;
} stretch;

static tp_var *stretched(void *ctx, tp_var *x)
{
    const stretch *s = ctx;
    return tp_mul(s->value, s->f(NULL, tp_mul(x, s->units)));
}

/* With powers of 2 the same iterations, to the last bit. */
TEST(units_do_not_matter)
{
    tp_var *start = tp_array(TP_F64, TP_SHAPE(2), ((double[]){-1.2, 1}));
    tp_var *units = tp_array(TP_F64, TP_SHAPE(2), ((double[]){ldexp(1, 40), ldexp(1, -33)}));
    stretch s = {rosenbrock, ldexp(1, -50), units};
    for
        EACH(k, searches)
        {
            TP_SCOPE();
            tp_minimize_result plain, other;
            CHECK(tp_minimize(s.f, NULL, start, &plain, .method = searches[k]));
            CHECK(tp_minimize(stretched, &s, tp_div(start, units), &other, .method = searches[k]));
            CHECK_INT(other.iterations, plain.iterations);
            CHECK_CLOSE(at(other.x, 0) * at(units, 0), 1, 1e-8);
            CHECK_CLOSE(at(other.x, 1) * at(units, 1), 1, 1e-8);
        }
}

static tp_var *small_line(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_mul(1e-12, tp_sub(x, 3));
}

/* x² − 2x + 1: a double root, known to half of the digits. */
static tp_var *double_root(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_add(tp_sub(tp_square(x), tp_mul(2, x)), 1);
}

TEST(roots_in_any_unit)
{
    tp_minimize_result m;
    CHECK(tp_find_root(small_line, NULL, tp_scalar(0), &m));
    CHECK_CLOSE(tp_item(m.x), 3, 1e-15);
    CHECK(tp_find_root(double_root, NULL, tp_scalar(3), &m));
    CHECK_CLOSE(tp_item(m.x), 1, 1e-7);
    CHECK(tp_find_root(small_line, NULL, tp_scalar(0), &m, .residual = 1e-11));
    CHECK(m.stop == TP_STOP_RESIDUAL && m.iterations == 0);
}

/* --- Options --- */

TEST(options_out_of_range)
{
    tp_minimize_result m;
    tp_var *start = tp_scalar(1);
    CHECK(!tp_minimize(hill, NULL, start, &m, .tolerance = (double)NAN));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: tolerance is nan, expected a finite number, 0 or");
    CHECK(!tp_minimize(hill, NULL, start, &m, .rate = (double)NAN));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: rate is nan, expected a finite number, 0 or more");
    CHECK(!tp_minimize(hill, NULL, start, &m, .step_tolerance = -1));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: step_tolerance is -1");
    CHECK(!tp_minimize(hill, NULL, start, &m, .value_tolerance = HUGE_VAL));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: value_tolerance is inf");
    CHECK(!tp_minimize(hill, NULL, start, &m, .lower = tp_num(HUGE_VAL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: element 0: the lower bound is inf");
    CHECK(!tp_minimize(hill, NULL, start, &m, .upper = tp_num(-HUGE_VAL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "minimize: element 0: the upper bound is -inf");
    CHECK(!tp_least_squares(small_line, NULL, start, &m, .tolerance = (double)NAN));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "least_squares: tolerance is nan");
    CHECK(!tp_least_squares(small_line, NULL, start, &m, .residual = (double)NAN));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "least_squares: residual is nan, expected 0 or more");
    CHECK(!tp_find_root(small_line, NULL, start, &m, .tolerance = (double)NAN));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "find_root: tolerance is nan");
    CHECK(tp_minimize(far_parabola, NULL, start, &m, .value_tolerance = 1e-3, .tolerance = 0,
                      .step_tolerance = 0));
}

/* A bound that is met; a callback sees the caller's x, whatever the units of the search. */
static bool sees(void *ctx, const tp_iteration *now)
{
    *(double *)ctx = now->x[0];
    return true;
}

TEST(callbacks_and_paths_are_in_the_callers_units)
{
    tp_minimize_result m;
    double last = 0;
    tp_var *path;
    CHECK(tp_minimize(far_parabola, NULL, tp_scalar(1e17), &m, .callback = sees,
                      .callback_ctx = &last, .path = &path));
    CHECK_BITS(last, tp_item(m.x));
    CHECK_BITS(at(path, 0), 1e17);
    CHECK_BITS(at(path, m.iterations), last);
    CHECK(tp_minimize(far_parabola, NULL, tp_scalar(1e17), &m, .upper = tp_num(2e17)));
    CHECK_BITS(tp_item(m.x), 2e17);
}
