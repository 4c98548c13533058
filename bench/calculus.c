/* SPDX-License-Identifier: MIT
 *
 * calculus: matrices of derivatives, high orders and sparse Hessians: this library against libtorch
 * and ADOL-C, one thread, one process, alternating. Results of all are compared before anything is
 * timed; a difference ends the run with status 1.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "calculus.h"
#include "machine.h"

#include <math.h>
#include <string.h>
#include <tinypytorch.h>

typedef struct calculus_row {
    const char *title;
    calculus_task task;
    int n, results;
    double least; /* times faster than libtorch that are wanted; 0: none */
} calculus_row;

static const calculus_row calculus_rows[] = {
    {"tanh at 1, derivatives 1 to 9 (libtorch: nested)", CALCULUS_TAYLOR, 9, 1, 0},
    {"tanh at 1, derivatives 1 to 16", CALCULUS_TAYLOR, 16, 1, 0},
    {"Hessian of chained Rosenbrock, 100 variables (libtorch: by rows)", CALCULUS_HESSIAN, 100, 2,
     20},
    {"Hessian times a vector, chained Rosenbrock, 1000 variables", CALCULUS_PRODUCT, 1000, 2, 0},
    {"Jacobian of tanh(W x), 8 x 32", CALCULUS_JACOBIAN, 32, 2, 0},
    {"Laplacian of the sum of tanh(W x), 32 variables", CALCULUS_LAPLACIAN, 32, 1, 0},
};

enum {
    CALCULUS_ROW_COUNT = sizeof calculus_rows / sizeof *calculus_rows,
    CALCULUS_SPARSE_SIZES = 4,
    CALCULUS_FIT = 6,
    CALCULUS_RACES = CALCULUS_ROW_COUNT + 2
};

static const calculus_side *calculus_who[3];
static int calculus_count;
static bench_race calculus_race[CALCULUS_RACES];

double calculus_at(int i)
{
    return 0.5 + 0.3 * sin(1.7 * i);
}

static void calculus_list(void)
{
    calculus_who[calculus_count++] = calculus_ours();
#ifdef BENCH_WITH_TORCH
    calculus_who[calculus_count++] = calculus_torch();
#else
    puts("libtorch: not built (install libtorch-dev)");
#endif
#ifdef BENCH_WITH_ADOLC
    calculus_who[calculus_count++] = calculus_adolc();
#else
    puts("ADOL-C: not built (install libadolc-dev)");
#endif
}

/* libtorch's sixteenth derivative would take minutes. */
static bool calculus_takes_part(const calculus_row *row, const calculus_side *who)
{
    return who->work[row->task] &&
           (row->n <= 9 || row->task != CALCULUS_TAYLOR || strcmp(who->name, "libtorch") != 0);
}

static bool calculus_agree(const calculus_row *row)
{
    double first[BENCH_MAX_RESULTS] = {0}, other[BENCH_MAX_RESULTS] = {0};
    calculus_who[0]->work[row->task](row->n, 1, first);
    bool right = true;
    for (int i = 1; i < calculus_count; i++) {
        if (!calculus_takes_part(row, calculus_who[i]))
            continue;
        calculus_who[i]->work[row->task](row->n, 1, other);
        for (int k = 0; k < row->results; k++)
            if (!(fabs(first[k] - other[k]) <= 1e-9 * fmax(1, fabs(other[k])))) {
                fprintf(stderr, "error: %s: result %d is %.17g, %s has %.17g\n", row->title, k,
                        first[k], calculus_who[i]->name, other[k]);
                right = false;
            }
    }
    return right;
}

static void calculus_enter(void)
{
    static const int sizes[CALCULUS_SPARSE_SIZES] = {100, 10000, 100000, 1000000};
    static const char *const values[] = {"100 variables", "10,000", "100,000", "1,000,000"};
    for (int i = 0; i < CALCULUS_ROW_COUNT; i++) {
        const calculus_row *row = &calculus_rows[i];
        bench_race *race = &calculus_race[i];
        race->title = row->title;
        race->unit = "all of it";
        for (int k = 0; k < calculus_count; k++)
            if (calculus_takes_part(row, calculus_who[k]))
                bench_enter(race, calculus_who[k]->name, calculus_who[k]->work[row->task], row->n,
                            1, 1);
        if (row->task == CALCULUS_HESSIAN)
            bench_enter(race, "TinyPytorch, sparse, pattern known", calculus_sparse, row->n, 1, 1);
    }
    bench_race *race = &calculus_race[CALCULUS_ROW_COUNT];
    race[0].title = "Sparse Hessian of chained Rosenbrock: values, pattern known";
    race[1].title = "Sparse Hessian of chained Rosenbrock: pattern and colors";
    race[0].unit = race[1].unit = "all of it";
    for (int i = 0; i < CALCULUS_SPARSE_SIZES; i++) {
        bench_enter(&race[0], values[i], calculus_sparse, sizes[i], 1, 1);
        bench_enter(&race[1], values[i], calculus_pattern, sizes[i], 1, 1);
    }
}

/* Least squares of log t over log n, n = 2 … 64, from quiet repetitions. */
static void calculus_print_fit(void)
{
    double sx = 0, sy = 0, sxx = 0, sxy = 0, out[BENCH_MAX_RESULTS];
    fputs("\ntanh by series, the first n derivatives:", stdout);
    for (int i = 0, n = 2; i < CALCULUS_FIT; i++, n *= 2) {
        bench_race race = {.title = "", .unit = ""};
        bench_enter(&race, "ours", calculus_ours()->work[CALCULUS_TAYLOR], n, 1, 1);
        bench_run(&race, &(bench_plan){.rounds = 7, .sample_ns = 2e6});
        calculus_ours()->work[CALCULUS_TAYLOR](n, 1, out);
        double x = log(n), y = log(race.entry[0].median);
        printf(" %d: %.3g us%s", n, race.entry[0].median / 1e3, i + 1 < CALCULUS_FIT ? "," : "\n");
        sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    double points = CALCULUS_FIT, slope = (points * sxy - sx * sy) / (points * sxx - sx * sx);
    printf("time grows as n^%.2f\n", slope);
}

static void calculus_print_targets(void)
{
    printf("\n  %-70s%8s%10s\n", "times faster than libtorch", "wanted", "reached");
    for (int i = 0; i < CALCULUS_ROW_COUNT; i++) {
        const bench_race *race = &calculus_race[i];
        int torch = bench_find(race, "libtorch");
        if (torch < 0)
            continue;
        double ratio = bench_ratio(race, torch, 0), least = calculus_rows[i].least;
        printf("  %-70s%8.3g%10.3g  %s\n", race->title, least, ratio,
               least <= 0       ? ""
               : ratio >= least ? "met"
                                : "not met");
    }
}

static int calculus_usage(const char *program, int status)
{
    fprintf(status ? stderr : stdout,
            "usage: %s [--quick] [--json FILE] [--markdown FILE]\n"
            "Times derivatives beyond the gradient: this library, libtorch and ADOL-C (where built "
            "in).\n"
            "  --quick          fewer and shorter samples\n"
            "  --json FILE      the results as JSON too\n"
            "  --markdown FILE  the results as tables in Markdown too\n",
            program);
    return status;
}

int main(int argc, char **argv)
{
    bench_plan plan = {.rounds = 15, .sample_ns = 10e6};
    const char *json = NULL, *markdown = NULL;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help"))
            return calculus_usage(argv[0], 0);
        if (!strcmp(argv[i], "--quick"))
            plan = (bench_plan){.rounds = 3, .sample_ns = 2e6};
        else if (!strcmp(argv[i], "--json") && i + 1 < argc)
            json = argv[++i];
        else if (!strcmp(argv[i], "--markdown") && i + 1 < argc)
            markdown = argv[++i];
        else
            return calculus_usage(argv[0], 2);
    }
    bench_one_thread(argv);
    bench_print_machine();
    bench_print_rates(stdout);
    calculus_list();
    tp_set_num_threads(1);
    bool right = true;
    for (int i = 0; i < CALCULUS_ROW_COUNT; i++)
        right &= calculus_agree(&calculus_rows[i]);
    if (tp_check() || !right)
        return 1;
    puts("all results agree");
    calculus_enter();
    for (int i = 0; i < CALCULUS_RACES; i++) {
        bench_run(&calculus_race[i], &plan);
        bench_print(&calculus_race[i]);
    }
    calculus_print_fit();
    calculus_print_targets();
    printf("\npeak memory: %.0f MiB\n", bench_peak_mib());
    bool written = bench_write(json, markdown, calculus_race, CALCULUS_RACES);
    return !written || tp_check();
}
