/* SPDX-License-Identifier: MIT
 *
 * minima [starts]
 *
 * Prints what minimisers do, in three tables, and how many of their claims were false; the exit
 * status is 1 if any was.
 *
 * 1. The problems of Moré, Garbow & Hillstrom (mgh.h): iterations / evaluations of every method
 *    that searches, and beside Levenberg–Marquardt those of MINPACK's LMDER, Jacobians /
 *    evaluations, where its test program prints them. A star: not the published minimum.
 * 2. NIST's 27 fits (strd.h) from both starts by every method: the digits of the certified
 *    parameters that were reached, the claim, the iterations. Claims: + converged, = flat, s
 * saddle, u falls without end, x no lower point was found, . out of iterations; ! a false "+".
 * 3. Classical functions (claims.h) from random starts, 2,000 of them unless told otherwise, by
 *    every method: how many runs converged, how many of these to the published least value, and the
 *    iterations that they took on average.
 *
 * Methods with a fixed rate get few iterations, at 1 / (the trace of the Hessian at the start),
 * Adam at a hundredth of the largest |x| there; on these problems they seldom arrive.
 */
#include <stdio.h>
#include <stdlib.h>

#include "claims.h"
#include "mgh.h"
#include "strd.h"

enum { METHODS = 6, ALL = TP_ADAM + 1, FIXED_FITS = 1000, FIXED_STARTS = 100, STARTS = 2000 };

static const tp_method methods[METHODS] = {TP_NEWTON, TP_TRUST_REGION, TP_NEWTON_CG,
                                           TP_BFGS,   TP_LBFGS,        TP_CONJUGATE};

/* --- Moré, Garbow & Hillstrom --- */

static void cell(const mgh_problem *p, const tp_minimize_result *m, bool counts)
{
    char text[40] = "";
    if (counts)
        snprintf(text, sizeof text, "%d/%d%s", m->iterations, m->evaluations,
                 mgh_is_least(p, m->value) ? "" : "*");
    printf(" %10s", text);
}

static void row(const mgh_problem *p, bool minima)
{
    TP_SCOPE();
    tp_minimize_result m = {0};
    printf("%-24s", p->name);
    for (int i = 0; i < METHODS; i++) {
        if (minima)
            tp_minimize(mgh_squares, (void *)p, mgh_start(p), &m, .method = methods[i],
                        .tolerance = 1e-6);
        cell(p, &m, minima);
    }
    tp_least_squares(p->residuals, NULL, mgh_start(p), &m, .tolerance = 1e-6);
    cell(p, &m, true);
    char theirs[24] = "";
    if (p->jacobians)
        snprintf(theirs, sizeof theirs, "%d/%d", p->jacobians, p->evaluations);
    printf(" %9s %15.9g %15.9g\n", theirs, m.value, p->least[0]);
}

static void published_minima(void)
{
    printf("%-24s %10s %10s %10s %10s %10s %10s %10s %9s %15s %15s\n", "problem", "Newton",
           "region", "Newton-CG", "BFGS", "L-BFGS", "conjugate", "Lev-Marq", "LMDER", "its f",
           "published");
    for (size_t i = 0; i < sizeof mgh_problems / sizeof *mgh_problems; i++)
        row(&mgh_problems[i], true);
    for (size_t i = 0; i < sizeof mgh_fits / sizeof *mgh_fits; i++)
        row(&mgh_fits[i], false);
}

/* --- One run by any method, those with a fixed rate at one that suits the start --- */

static double rate(tp_objective *f, void *ctx, tp_var *start, int method)
{
    TP_SCOPE();
    if (method < TP_GRADIENT_DESCENT)
        return 1;
    if (method == TP_ADAM)
        return tp_item(tp_max(tp_abs(start))) / 100;
    tp_var *x = tp_variable(start);
    double trace = tp_item(tp_sum(tp_abs(tp_diagonal(tp_hessian(f(ctx, x), x), 0))));
    return trace > 0 && trace < HUGE_VAL ? 1 / trace : 1e-3;
}

static bool run(tp_objective *f, void *ctx, tp_var *start, int method, int few,
                tp_minimize_result *m)
{
    bool fixed = method >= TP_GRADIENT_DESCENT;
    return tp_minimize(f, ctx, start, m, .method = (tp_method)method,
                       .rate = rate(f, ctx, start, method), .iterations = fixed ? few : 1000);
}

static const char *const short_names[ALL + 2] = {"L-BFGS", "BFGS",    "Newton",  "N-CG",
                                                 "region", "conj",    "descent", "momentum",
                                                 "adam",   "Lev-Mar", "Gauss-N"};

/* --- NIST --- */

static char claim_sign(const tp_minimize_result *m, bool claim, bool good)
{
    return claim                           ? (good ? '+' : '!')
           : m->stop == TP_STOP_FLAT       ? '='
           : m->stop == TP_STOP_SADDLE     ? 's'
           : m->stop == TP_STOP_UNBOUNDED  ? 'u'
           : m->stop == TP_STOP_ITERATIONS ? '.'
                                           : 'x';
}

typedef struct fit_count {
    int reached, claims, wrong;
} fit_count;

static void fit(strd_problem *p, int start, int method, fit_count *count)
{
    TP_SCOPE();
    tp_minimize_result m;
    bool claim = method < ALL ? run(strd_squares, p, strd_start(p, start), method, FIXED_FITS, &m)
                              : tp_least_squares(strd_residuals, p, strd_start(p, start), &m,
                                                 .gauss_newton = method > ALL);
    bool good = !claim || strd_is_true(p, &m);
    double digits = isfinite(m.value) ? strd_digits(p, m.x) : 0;
    printf(" %4.1f%c%4d", digits, claim_sign(&m, claim, good), m.iterations);
    count->reached += digits >= 4;
    count->claims += claim;
    count->wrong += !good;
}

static int certified_fits(void)
{
    static strd_problem problems[STRD_PROBLEMS];
    fit_count counts[ALL + 2] = {{0}};
    int wrong = 0;
    if (!strd_read(TEST_REFERENCE "/strd.txt", problems))
        return 1;
    printf("\n%-12s", "fit");
    for (int k = 0; k < ALL + 2; k++)
        printf(" %9s", short_names[k]);
    for (int i = 0; i < 2 * STRD_PROBLEMS; i++) {
        printf("\n%-10s %d", problems[i / 2].name, i % 2 + 1);
        for (int k = 0; k < ALL + 2; k++)
            fit(&problems[i / 2], i % 2, k, &counts[k]);
        fflush(stdout);
    }
    printf("\n%-12s", "4 digits");
    for (int k = 0; k < ALL + 2; k++)
        printf(" %9d", counts[k].reached);
    printf("\n%-12s", "claims");
    for (int k = 0; k < ALL + 2; k++)
        printf(" %9d", counts[k].claims);
    printf("\n%-12s", "false");
    for (int k = 0; k < ALL + 2; k++) {
        printf(" %9d", counts[k].wrong);
        wrong += counts[k].wrong;
    }
    printf("\n");
    strd_free(problems);
    return wrong;
}

/* --- Random starts --- */

typedef struct start_count {
    int claims, least, wrong;
    long iterations;
} start_count;

static void start_run(claims_function *f, int i, int method, start_count *count)
{
    TP_SCOPE();
    tp_minimize_result m;
    bool claim = run(claims_value, f, claims_start(f, i), method, FIXED_STARTS, &m);
    bool good = !claim || claims_is_true(f, &m);
    count->claims += claim;
    count->iterations += claim ? m.iterations : 0;
    count->least += claim && m.value - f->least <= 1e-9;
    count->wrong += !good;
    if (!good)
        printf("\nfalse: %s from start %d by %s: %.10g, %s\n", f->name, i,
               tp_method_name((tp_method)method), m.value, m.message);
}

static int random_starts(int starts)
{
    int wrong = 0, each = (starts + CLAIMS_FUNCTIONS - 1) / CLAIMS_FUNCTIONS;
    printf("\n%-18s%5s", "function", "runs");
    for (int k = 0; k < ALL; k++)
        printf(" %13s", short_names[k]);
    for (int i = 0; i < CLAIMS_FUNCTIONS; i++) {
        int from = i * each < starts ? i * each : starts;
        int to = from + each < starts ? from + each : starts;
        printf("\n%-18s%5d", claims_functions[i].name, to - from);
        for (int k = 0; k < ALL; k++) {
            start_count count = {0};
            for (int at = from; at < to; at++)
                start_run(&claims_functions[i], at, k, &count);
            printf(" %4d/%3d %4.0f", count.claims, count.least,
                   count.claims ? (double)count.iterations / count.claims : 0.0);
            wrong += count.wrong;
        }
        fflush(stdout);
    }
    printf("\n");
    claims_free();
    return wrong;
}

int main(int argc, char **argv)
{
    int starts = argc > 1 ? atoi(argv[1]) : STARTS;
    published_minima();
    int fits = certified_fits(), others = random_starts(starts);
    printf("\nfalse claims: %d in %d runs of fits, %d in %d from random starts\n", fits,
           2 * STRD_PROBLEMS * (ALL + 2), others, starts * ALL);
    return tp_check() || fits || others;
}
