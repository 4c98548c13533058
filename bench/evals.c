/* SPDX-License-Identifier: MIT
 *
 * evals: see evals.h. Every way is compared with the derivative by hand before anything is timed; a
 * difference ends the run with status 1.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "evals.h"
#include "machine.h"

#include "harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

static const evals_problem *const evals_all[] = {evals_lse,  evals_llsq, evals_kmeans, evals_gmm,
                                                 evals_lstm, evals_ode,  evals_ba,     evals_det};

enum { EVALS_KINDS = sizeof evals_all / sizeof *evals_all, EVALS_MOST = 16, EVALS_PEERS = 1000 };

static bench_race evals_race[EVALS_MOST];
static int evals_races;

/* --- What problems are made of --- */

static double *evals_numbers(size_t n)
{
    double *numbers = calloc(n ? n : 1, sizeof *numbers);
    if (!numbers)
        abort();
    return numbers;
}

/* splitmix64, Steele, Lea & Flood 2014. */
static void evals_random(double *to, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15u);
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        to[i] = (double)((z ^ z >> 31) >> 11) * 0x1p-53;
    }
}

void evals_input(evals_problem *p, size_t n, size_t n_data, size_t results)
{
    p->n = n;
    p->n_data = n_data;
    p->results = results;
    p->x = evals_numbers(n);
    p->data = evals_numbers(n_data);
    evals_random(p->x, n, 1);
    evals_random(p->data, n_data, 2);
}

tp_var *evals_constant(int ndim, const int64_t *shape, const double *from)
{
    TP_SCOPE();
    return tp_keep(tp_array(TP_F64, ndim, shape, from));
}

tp_var *evals_variable(int ndim, const int64_t *shape, const double *from)
{
    TP_SCOPE();
    return tp_keep(tp_variable(tp_array(TP_F64, ndim, shape, from)));
}

double *evals_put(double *out, tp_var *v)
{
    const double *data = tp_data(v);
    if (!out || !data)
        return NULL;
    memcpy(out, data, (size_t)tp_size(v) * sizeof *out);
    return out + tp_size(v);
}

static void evals_drop(evals_problem *p)
{
    for (int i = 0; i < EVALS_VARIABLES; i++)
        if (p->v[i])
            tp_free(p->v[i]);
    free(p->x);
    free(p->data);
}

/* --- Ways --- */

static int evals_ways(const evals_problem *p, evals_way *ways)
{
    int n = 0;
    for (int i = 0; i < EVALS_WAYS && p->ours[i].work; i++)
        ways[n++] = p->ours[i];
    ways[n++] = (evals_way){"by hand", p->hand};
#ifdef BENCH_WITH_ADOLC
    if (evals_adolc(p))
        ways[n++] = (evals_way){"ADOL-C", evals_adolc(p)};
#endif
#ifdef BENCH_WITH_CODI
    if (evals_codi(p))
        ways[n++] = (evals_way){"CoDiPack", evals_codi(p)};
#endif
    return n;
}

/* The largest difference in units of the largest result. */
static double evals_difference(const double *a, const double *b, size_t n)
{
    double largest = 0, difference = 0;
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(b[i]) <= largest))
            largest = fabs(b[i]);
        if (!(fabs(a[i] - b[i]) <= difference))
            difference = fabs(a[i] - b[i]);
    }
    return largest > 0 ? difference / largest : HUGE_VAL;
}

/* Peers differentiate sums of numbers one after the other, and may so lose more digits. */
static bool evals_agree(const evals_problem *p, const evals_way *ways, int n)
{
    double *expected = evals_numbers(p->results), *got = evals_numbers(p->results);
    bool right = true;
    p->hand(p, expected);
    for (int i = 0; i < n; i++) {
        if (ways[i].work == p->hand)
            continue;
        memset(got, 0, p->results * sizeof *got);
        ways[i].work(p, got);
        double difference = evals_difference(got, expected, p->results);
        printf("%-12s %-30s differs by %.1e\n", p->name, ways[i].name, difference);
        bool ours = i < EVALS_WAYS && p->ours[i].work;
        if (!(difference <= (ours ? 1 : EVALS_PEERS) * p->tolerance)) {
            fprintf(stderr, "error: %s, %s: differs from the derivative by hand by %.3g of it\n",
                    p->title, ways[i].name, difference);
            right = false;
        }
    }
    free(expected);
    free(got);
    return right && !tp_check();
}

typedef struct evals_step {
    const evals_problem *p;
    evals_work *work;
    double *out;
} evals_step;

static void evals_run_step(void *context)
{
    const evals_step *step = context;
    step->work(step->p, step->out);
}

static void evals_time(const evals_problem *p, const evals_way *ways, int n, const bench_plan *plan)
{
    evals_step steps[EVALS_WAYS + 3];
    bench_race *race = &evals_race[evals_races++];
    double *out = evals_numbers(p->results);
    race->title = p->title;
    race->unit = "the derivative";
    for (int i = 0; i < n; i++) {
        bool ours = i < EVALS_WAYS && p->ours[i].work;
        steps[i] = (evals_step){p, ways[i].work, ours ? NULL : out};
        bench_enter_step(race, ways[i].name, evals_run_step, NULL, &steps[i]);
    }
    bench_run(race, plan);
    bench_print(race);
    free(out);
}

/* --- The program --- */

static bool evals_run(const evals_problem *given, const bench_plan *plan)
{
    evals_problem problem = *given;
    evals_way ways[EVALS_WAYS + 3];
    problem.make(&problem);
    int n = evals_ways(&problem, ways);
    bool right = evals_agree(&problem, ways, n);
    if (right && plan)
        evals_time(&problem, ways, n, plan);
    evals_drop(&problem);
    return right;
}

static int evals_usage(const char *program, int status)
{
    fprintf(status ? stderr : stdout,
            "usage: %s [--check | --quick] [--only NAME] [--json FILE] [--markdown FILE]\n"
            "Times the derivatives of GradBench: this library, the derivative by hand and peers "
            "(where built in).\n"
            "  --check          compares results, times nothing\n"
            "  --quick          fewer and shorter samples\n"
            "  --only NAME      one of lse llsq kmeans gmm lstm ode ba det\n"
            "  --json FILE      the results as JSON too\n"
            "  --markdown FILE  the results as tables in Markdown too\n",
            program);
    return status;
}

static bool evals_run_all(const char *only, const bench_plan *plan)
{
    bool right = true, met = false;
    for (int i = 0; i < EVALS_KINDS; i++)
        for (const evals_problem *p = evals_all[i]; p->name; p++)
            if (!only || !strcmp(only, p->name)) {
                right &= evals_run(p, plan);
                met = true;
            }
    if (!met)
        fprintf(stderr, "error: there is no eval named %s\n", only);
    return right && met;
}

int main(int argc, char **argv)
{
    bench_plan thorough = {.rounds = 11, .sample_ns = 10e6},
               quick = {.rounds = 5, .sample_ns = 2e6};
    const bench_plan *plan = &thorough;
    const char *json = NULL, *markdown = NULL, *only = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help"))
            return evals_usage(argv[0], 0);
        if (!strcmp(argv[i], "--quick"))
            plan = &quick;
        else if (!strcmp(argv[i], "--check"))
            plan = NULL;
        else if (!strcmp(argv[i], "--only") && i + 1 < argc)
            only = argv[++i];
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            json = argv[++i];
        else if (!strcmp(argv[i], "--markdown") && i + 1 < argc)
            markdown = argv[++i];
        else
            return evals_usage(argv[0], 2);
    }
    bench_one_thread(argv);
    bench_print_machine();
    bench_print_rates(stdout);
    tp_set_num_threads(1);
    bool right = evals_run_all(only, plan);
    if (right)
        puts(plan ? "" : "all results agree");
    printf("peak memory: %.0f MiB\n", bench_peak_mib());
    bool written = bench_write(json, markdown, evals_race, evals_races);
    return !written || !right || tp_check();
}
