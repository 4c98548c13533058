/* SPDX-License-Identifier: MIT
 *
 * small_graphs: what one pays for automatic differentiation when the graphs are tiny and rebuilt
 * at each step, so that overhead is everything. This library against libtorch and ADOL-C, with
 * the derivative written by hand as the limit; one thread, one process, alternating.
 *
 * Before anything is timed, every contestant's results are compared with those derived by hand.
 * A wrong one ends the run with status 1. A target that is not reached does not: times depend on
 * the machine.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "machine.h"
#include "peers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tinypytorch.h>

enum {
    SMALL_ROSENBROCK,
    SMALL_NEWTON,
    SMALL_NESTED,
    SMALL_TAYLOR = 5,
    SMALL_CHAIN,
    SMALL_ELEMENTS,
    SMALL_NETWORK,
    SMALL_RACES = 11
};

static const double small_tolerance = 1e-10;
static const double small_float_tolerance = 1e-4; /* after hundreds of steps in float32 */
static const double small_chain_at = 1.00001;     /* its 100,000th power is e */

static const bench_contestant *small_who[4];
static int small_count;
static bench_race small_race[SMALL_RACES];

static void small_list_contestants(void)
{
    small_who[small_count++] = bench_ours();
#ifdef BENCH_WITH_TORCH
    small_who[small_count++] = bench_torch();
#else
    puts("libtorch: not built (install libtorch-dev)");
#endif
#ifdef BENCH_WITH_ADOLC
    small_who[small_count++] = bench_adolc();
#else
    puts("ADOL-C: not built (install libadolc-dev)");
#endif
    small_who[small_count++] = bench_plain();

    fputs("contestants:", stdout);
    for (int i = 0; i < small_count; i++) {
        if (small_who[i]->start)
            small_who[i]->start();
        printf("%s %s%s%s", i ? "," : "", small_who[i]->name, small_who[i]->version[0] ? " " : "",
               small_who[i]->version);
    }
    putchar('\n');
}

/* --- Are the results right? --- */

typedef struct small_check {
    bench_task task;
    const char *name;
    int n; /* 0: the contestant's length of chain */
    double at;
    int results;
    bool floats; /* in float32 */
} small_check;

static const small_check small_checks[] = {
    {BENCH_ROSENBROCK, "Rosenbrock, 1000 updates", 1000, 0, 2, false},
    {BENCH_NEWTON, "Newton, 3 steps", 3, 2, 1, false},
    {BENCH_NEWTON, "Newton, 10 steps", 10, 2, 1, false},
    {BENCH_NESTED, "tanh, nested", 9, 1, 9, false},
    {BENCH_LAST, "tanh, 9th alone", 9, 1, 1, false},
    {BENCH_LAST_RECORDED, "tanh, 9th alone, recorded", 9, 1, 1, false},
    {BENCH_TAYLOR, "tanh, Taylor", 9, 1, 9, false},
    {BENCH_TAYLOR_RECORDED, "tanh, Taylor, recorded", 9, 1, 9, false},
    {BENCH_CHAIN, "chain", 0, small_chain_at, 1, false},
    {BENCH_ELEMENTS, "ten elements", 3, 1, 2, false},
    {BENCH_NETWORK, "network, 16 units", 100, 16, 3, true},
    {BENCH_NETWORK, "network, 32 units", 100, 32, 3, true},
    {BENCH_NETWORK, "network, 64 units", 100, 64, 3, true},
};

static bool small_is_right(const bench_contestant *who, const small_check *check)
{
    if (!who->work[check->task])
        return true;

    double got[BENCH_MAX_RESULTS], expected[BENCH_MAX_RESULTS];
    int n = check->n ? check->n : who->chain;
    for (int i = 0; i < check->results; i++)
        got[i] = (double)NAN;
    who->work[check->task](n, check->at, got);
    bench_plain()->work[check->task](n, check->at, expected);

    bool right = true;
    const double tolerance = check->floats ? small_float_tolerance : small_tolerance;
    for (int i = 0; i < check->results; i++)
        if (!(fabs(got[i] - expected[i]) <= tolerance * fmax(1, fabs(expected[i])))) {
            fprintf(stderr, "error: %s: %s: result %d is %.17g, by hand %.17g\n", who->name,
                    check->name, i, got[i], expected[i]);
            right = false;
        }
    return right;
}

static bool small_all_right(const bench_contestant *who)
{
    bool right = true;
    for (size_t i = 0; i < sizeof small_checks / sizeof *small_checks; i++)
        right &= small_is_right(who, &small_checks[i]);
    return right;
}

/* --- The races --- */

static void small_enter_all(bench_race *race, bench_task task, int n, double at, double units)
{
    for (int i = 0; i < small_count; i++)
        bench_enter(race, small_who[i]->name, small_who[i]->work[task], n, at, units);
}

/* libtorch has no Taylor series: beside them stand its nested sweeps, the ninth alone and all. */
static void small_enter_taylor(bench_race *race)
{
    bench_enter(race, "TinyPytorch", bench_ours()->work[BENCH_TAYLOR], 9, 1, 1);
    bench_enter(race, "TinyPytorch, recorded", bench_ours()->work[BENCH_TAYLOR_RECORDED], 9, 1, 1);
    for (int i = 1; i < small_count; i++) {
        bench_work *const *work = small_who[i]->work;
        bench_enter(race, small_who[i]->name, work[BENCH_TAYLOR], 9, 1, 1);
        if (work == bench_plain()->work)
            continue;
        bench_enter(race, "libtorch, nested 9th alone", work[BENCH_LAST], 9, 1, 1);
        bench_enter(race, "libtorch, the same recorded", work[BENCH_LAST_RECORDED], 9, 1, 1);
        bench_enter(race, "libtorch, nested 1 to 9", work[BENCH_NESTED], 9, 1, 1);
    }
}

static void small_enter(void)
{
    static const char *const nested[] = {
        "tanh at 1, orders 1 to 5 by nested sweeps (plain C: series)",
        "tanh at 1, orders 1 to 7 by nested sweeps (plain C: series)",
        "tanh at 1, orders 1 to 9 by nested sweeps (plain C: series)"};
    bench_race *race = small_race;

    race[SMALL_ROSENBROCK].title = "Rosenbrock descent: value, gradient and step";
    race[SMALL_ROSENBROCK].unit = "one update";
    small_enter_all(&race[SMALL_ROSENBROCK], BENCH_ROSENBROCK, 1000, 0, 1000);

    race[SMALL_NEWTON].title = "Newton on x^4 - 2x^2: derivative of a derivative";
    race[SMALL_NEWTON].unit = "ten steps";
    small_enter_all(&race[SMALL_NEWTON], BENCH_NEWTON, 10, 2, 1);

    for (int i = 0; i < 3; i++) {
        race[SMALL_NESTED + i].title = nested[i];
        race[SMALL_NESTED + i].unit = "all of them";
        small_enter_all(&race[SMALL_NESTED + i], BENCH_NESTED, 5 + 2 * i, 1, 1);
    }

    race[SMALL_TAYLOR].title = "tanh at 1, orders 1 to 9 by Taylor series";
    race[SMALL_TAYLOR].unit = "all of them";
    small_enter_taylor(&race[SMALL_TAYLOR]);

    race[SMALL_CHAIN].title = "Chain of y = y x: recorded, swept and freed";
    race[SMALL_CHAIN].unit = "one operation";
    for (int i = 0; i < small_count; i++)
        bench_enter(&race[SMALL_CHAIN], small_who[i]->name, small_who[i]->work[BENCH_CHAIN],
                    small_who[i]->chain, small_chain_at, small_who[i]->chain);

    race[SMALL_ELEMENTS].title = "Ten elements: value and gradient of ten operations";
    race[SMALL_ELEMENTS].unit = "one gradient";
    small_enter_all(&race[SMALL_ELEMENTS], BENCH_ELEMENTS, 1000, 1, 1000);

    static const char *const network[] = {"Network of 4-16-16-2, batch 1: loss, gradient and step",
                                          "Network of 4-32-32-2, batch 1: loss, gradient and step",
                                          "Network of 4-64-64-2, batch 1: loss, gradient and step"};
    for (int i = 0; i < 3; i++) {
        race[SMALL_NETWORK + i].title = network[i];
        race[SMALL_NETWORK + i].unit = "one step";
        small_enter_all(&race[SMALL_NETWORK + i], BENCH_NETWORK, 1000, 16 << i, 1000);
    }
}

/* --- Targets --- */

static void small_target(const char *what, const char *wanted, double reached, const char *verdict)
{
    printf("  %-46s%-24s%8.*f  %s\n", what, wanted, reached < 100 ? 1 : 0, reached, verdict);
}

/* least: 0 for a line that is no target. */
static void small_faster(const char *what, const char *wanted, double least, const bench_race *race,
                         const char *slow, const char *quick)
{
    int i = bench_find(race, slow), j = bench_find(race, quick);
    if (i < 0 || j < 0) {
        printf("  %-46s%-24s%8s  libtorch not built\n", what, wanted, "-");
        return;
    }
    double ratio = bench_ratio(race, i, j);
    small_target(what, wanted, ratio, least <= 0 ? "" : ratio >= least ? "met" : "not met");
}

static void small_print_targets(void)
{
    printf("\n  %-46s%-24s%8s\n", "target", "wanted", "reached");
    small_faster("Rosenbrock: times faster than libtorch", "at least 120, aim 250", 120,
                 &small_race[SMALL_ROSENBROCK], "libtorch", "TinyPytorch");
    double ns = small_race[SMALL_CHAIN].entry[0].median;
    small_target("chain: ns an operation", "at most 60", ns, ns <= 60 ? "met" : "not met");
    small_faster("Taylor: times faster than nested 9th alone", "at least 2000", 2000,
                 &small_race[SMALL_TAYLOR], "libtorch, nested 9th alone", "TinyPytorch");
    small_faster("Taylor: the same, both recorded", "at least 2000", 2000,
                 &small_race[SMALL_TAYLOR], "libtorch, the same recorded", "TinyPytorch, recorded");
    small_faster("Taylor: times faster than nested 1 to 9", "(for comparison)", 0,
                 &small_race[SMALL_TAYLOR], "libtorch, nested 1 to 9", "TinyPytorch, recorded");
}

/* --- The program --- */

static int small_usage(const char *program, int status)
{
    fprintf(status ? stderr : stdout,
            "usage: %s [--quick] [--json FILE] [--markdown FILE]\n"
            "Times tiny graphs: this library, libtorch and ADOL-C (where built in), plain C.\n"
            "  --quick          fewer and shorter samples: a few seconds\n"
            "  --json FILE      the results as JSON too\n"
            "  --markdown FILE  the results as tables in Markdown too\n",
            program);
    return status;
}

int main(int argc, char **argv)
{
    bench_plan plan = {.rounds = 31, .sample_ns = 12e6};
    const char *json = NULL, *markdown = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help"))
            return small_usage(argv[0], 0);
        if (!strcmp(argv[i], "--quick"))
            plan = (bench_plan){.rounds = 7, .sample_ns = 3e6};
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            json = argv[++i];
        else if (!strcmp(argv[i], "--markdown") && i + 1 < argc)
            markdown = argv[++i];
        else
            return small_usage(argv[0], 2);
    }
    bench_one_thread(argv);

    double memory[3] = {bench_peak_mib()};
    bench_print_machine();
    bench_print_rates(stdout);
    small_list_contestants();
    printf("one thread, %d alternating rounds, samples of %g ms or more\n", plan.rounds,
           plan.sample_ns / 1e6);

    bool right = true;
    for (int i = 0; i < small_count; i++) {
        right &= small_all_right(small_who[i]);
        if (i == 0)
            memory[1] = bench_peak_mib();
    }
    if (tp_check() || !right)
        return 1;
    puts("all results agree with those derived by hand");

    small_enter();
    for (int i = 0; i < SMALL_RACES; i++) {
        bench_run(&small_race[i], &plan);
        bench_print(&small_race[i]);
    }
    small_print_targets();
    memory[2] = bench_peak_mib();
    printf("\npeak memory: %.0f MiB when loaded, %.0f after TinyPytorch did every task once, "
           "%.0f at the end\n",
           memory[0], memory[1], memory[2]);
    bool written = bench_write(json, markdown, small_race, SMALL_RACES);
    return !written || tp_check();
}
