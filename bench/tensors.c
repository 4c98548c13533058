/* SPDX-License-Identifier: MIT
 *
 * tensors: how near arrays come to the machine's speed. This library against libtorch and against
 * what limits both, in one process, alternating.
 *
 * Before anything is timed, both sides' results are compared with those derived by hand and with
 * each other's. A disagreement ends the run with status 1. A target that is not reached does not:
 * times depend on the machine.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "tensors.h"
#include "machine.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tinypytorch.h>
#include <unistd.h>

#ifdef BENCH_WITH_TORCH
static const bool tensors_have_torch = true;
#else
static const bool tensors_have_torch = false;
const tensors_side *tensors_torch(const tensors_row *row)
{
    (void)row;
    return NULL;
}
#endif

typedef struct tensors_options {
    const char *rows, *json, *markdown, *peak, *side;
    int rounds;
    bool one, two, check, bits, help;
} tensors_options;

/* --- A row's race --- */

typedef struct tensors_contestant {
    const tensors_side *side;
    void *state;
    int threads;
} tensors_contestant;

static void tensors_do_step(void *contestant)
{
    const tensors_contestant *who = contestant;
    who->side->step(who->state, NULL);
}

/* A pause lets the threads of the one before go to sleep: OpenBLAS's look out for work for 2²⁶
 * ticks of the processor's clock, some 30 ms, and another library's second thread would share its
 * core with them. */
static void tensors_prepare(void *contestant)
{
    const tensors_contestant *who = contestant;
    const struct timespec pause = {.tv_nsec = 40000000};
    nanosleep(&pause, NULL);
    if (who->side->threads)
        who->side->threads(who->threads);
}

static double tensors_better(const bench_race *race, const int *at)
{
    int torch = at[TENSORS_TORCH];
    if (at[TENSORS_TORCH_TWO] >= 0 &&
        (torch < 0 || race->entry[at[TENSORS_TORCH_TWO]].median < race->entry[torch].median))
        torch = at[TENSORS_TORCH_TWO];
    if (torch < 0 || at[TENSORS_OURS_TWO] < 0)
        return (double)NAN;
    return bench_ratio(race, torch, at[TENSORS_OURS_TWO]);
}

static double tensors_ratio(const bench_race *race, int a, int b)
{
    return a < 0 || b < 0 ? (double)NAN : bench_ratio(race, a, b);
}

static void tensors_time(const tensors_row *row, const tensors_options *options,
                         tensors_outcome *outcome)
{
    const tensors_side *ours = tensors_ours(row), *torch = tensors_torch(row);
    const tensors_side *limit = tensors_limit();
    void *a = ours->open(row), *b = torch ? torch->open(row) : NULL, *c = limit->open(row);
    tensors_contestant who[TENSORS_CONTESTANTS] = {
        [TENSORS_OURS] = {ours, options->one ? a : NULL, 1},
        [TENSORS_TORCH] = {torch, b, 1},
        [TENSORS_OURS_TWO] = {ours, options->two ? a : NULL, 2},
        [TENSORS_TORCH_TWO] = {torch, options->two ? b : NULL, 2},
        [TENSORS_LIMIT] = {limit, options->one ? c : NULL, 1}};

    bench_race race = {.title = row->name};
    int at[TENSORS_CONTESTANTS];
    for (int i = 0; i < TENSORS_CONTESTANTS; i++) {
        at[i] = who[i].state ? race.count : -1;
        if (who[i].state)
            bench_enter_step(&race, who[i].side->name, tensors_do_step, tensors_prepare, &who[i]);
    }
    bench_run(&race, &(bench_plan){.rounds = options->rounds, .sample_ns = 15e6});
    for (int i = 0; i < TENSORS_CONTESTANTS; i++)
        outcome->ns[i] = at[i] < 0 ? (double)NAN : race.entry[at[i]].median;
    outcome->faster = tensors_ratio(&race, at[TENSORS_TORCH], at[TENSORS_OURS]);
    outcome->faster_two = tensors_better(&race, at);
    outcome->share = tensors_ratio(&race, at[TENSORS_LIMIT], at[TENSORS_OURS]);
    ours->close(a);
    if (b)
        torch->close(b);
    if (c)
        limit->close(c);
}

/* --- All rows --- */

static bool tensors_is_right(const tensors_row *row)
{
    const tensors_side *torch = tensors_torch(row);
    tensors_results ours, plain, other;
    tensors_first_steps(row, tensors_ours(row), &ours);
    tensors_first_steps(row, tensors_plain(row), &plain);
    bool right = tensors_agree(row, &ours, &plain);
    if (torch) {
        tensors_first_steps(row, torch, &other);
        right &= tensors_agree(row, &other, &plain) && tensors_agree(row, &ours, &other);
        tensors_free_results(&other);
    }
    tensors_free_results(&ours);
    tensors_free_results(&plain);
    right &= !tp_check();
    tp_clear_error();
    return right;
}

static int tensors_select(const char *pattern, const tensors_row **selected)
{
    regex_t regex;
    int n = 0;
    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB)) {
        fprintf(stderr, "error: '%s' is no regular expression\n", pattern);
        return 0;
    }
    for (int i = 0; i < tensors_row_count; i++)
        if (!regexec(&regex, tensors_rows[i].name, 0, NULL, 0))
            selected[n++] = &tensors_rows[i];
    regfree(&regex);
    if (!n)
        fprintf(stderr, "error: no row is called like '%s'\n", pattern);
    return n;
}

static int tensors_write(const char *path, const tensors_outcome *outcome, int n,
                         void (*write)(const tensors_outcome *, int, FILE *))
{
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!path)
        return 0;
    if (!file) {
        perror(path);
        return 1;
    }
    write(outcome, n, file);
    bool failed = ferror(file);
    if (fclose(file) || failed) {
        perror(path);
        return 1;
    }
    return 0;
}

static int tensors_run(const tensors_options *options, const tensors_row **row, int n)
{
    static tensors_outcome outcome[64];
    tensors_print_head();
    for (int i = 0; i < n; i++) {
        if (!tensors_is_right(row[i]))
            return 1;
        outcome[i].row = row[i];
        tensors_time(row[i], options, &outcome[i]);
        outcome[i].peak[0] = tensors_peak(row[i], tensors_ours(row[i]));
        outcome[i].peak[1] =
            tensors_have_torch ? tensors_peak(row[i], tensors_torch(row[i])) : (double)NAN;
        tensors_print(&outcome[i]);
    }
    tensors_print_targets(outcome, n);
    return tensors_write(options->json, outcome, n, tensors_write_json) ||
           tensors_write(options->markdown, outcome, n, tensors_write_markdown) || tp_check();
}

static int tensors_check(const tensors_row **row, int n)
{
    int wrong = 0;
    for (int i = 0; i < n; i++)
        wrong += !tensors_is_right(row[i]);
    printf("%d of %d rows agree with those derived by hand%s\n", n - wrong, n,
           tensors_have_torch ? " and with libtorch" : "");
    return wrong > 0;
}

/* True if ours records the same bits with one, two and four threads. */
static bool tensors_same_bits(const tensors_row *row)
{
    static const int threads[] = {1, 2, 4};
    const tensors_side *ours = tensors_ours(row);
    tensors_results results[3];
    bool same = true;
    for (int i = 0; i < 3; i++) {
        ours->threads(threads[i]);
        tensors_first_steps(row, ours, &results[i]);
        same &= results[i].count > 0 && results[i].count == results[0].count;
        for (int a = 0; same && a < results[i].count; a++) {
            const struct tensors_result *one = &results[0].array[a], *more = &results[i].array[a];
            if (one->n != more->n || memcmp(one->at, more->at, (size_t)one->n * sizeof *one->at)) {
                fprintf(stderr, "error: %s: %s (%d) has other bits with %d threads\n", row->name,
                        one->name, a, threads[i]);
                same = false;
            }
        }
    }
    for (int i = 0; i < 3; i++)
        tensors_free_results(&results[i]);
    return same;
}

static int tensors_check_bits(const tensors_row **row, int n)
{
    int wrong = 0;
    for (int i = 0; i < n; i++)
        wrong += !tensors_same_bits(row[i]);
    printf("%d of %d rows have the same bits with 1, 2 and 4 threads\n", n - wrong, n);
    return wrong > 0 || tp_check();
}

/* --- The program --- */

static void tensors_print_machine(void)
{
    const tensors_side *torch = tensors_torch(NULL);
    bench_print_machine();
    printf("contestants: TinyPytorch %s", TP_VERSION);
    if (torch)
        printf(", %s %s\n", torch->name, torch->version);
    else
        puts("\nlibtorch: not built (install libtorch-dev)");
    bench_print_rates(stdout);
}

/* Runs the measurement that tensors_peak asks for. */
static int tensors_answer_peak(const tensors_options *options)
{
    for (int i = 0; i < tensors_row_count; i++) {
        const tensors_row *row = &tensors_rows[i];
        const tensors_side *torch = tensors_torch(row);
        bool other = torch && options->side && !strcmp(options->side, torch->name);
        if (!strcmp(options->peak, row->name))
            return tensors_peak_child(row, other ? torch : tensors_ours(row));
    }
    return 2;
}

static int tensors_usage(const char *program, int status)
{
    fprintf(
        status ? stderr : stdout,
        "usage: %s [--rows PATTERN] [--rounds N] [--threads 1|2|both] [--json FILE]\n"
        "       %*s [--markdown FILE] [--check] [--bits]\n"
        "Times arrays: this library, libtorch (where built in) and what limits both.\n"
        "  --rows PATTERN        only rows whose name matches this extended regular expression\n"
        "  --rounds N            1 to %d, 15 if not given\n"
        "  --threads 1|2|both    what to compare: one thread, two, or both (default)\n"
        "  --json FILE           the results as JSON too\n"
        "  --markdown FILE       the results as a table in Markdown too\n"
        "  --check               compares results, times nothing\n"
        "  --bits                compares the bits of ours with 1, 2 and 4 threads\n",
        program, (int)strlen(program), "", BENCH_MAX_ROUNDS);
    return status;
}

static bool tensors_parse(int argc, char **argv, tensors_options *options)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!strcmp(name, "--help")) {
            options->help = true;
            continue;
        }
        if (!strcmp(name, "--check")) {
            options->check = true;
            continue;
        }
        if (!strcmp(name, "--bits")) {
            options->bits = true;
            continue;
        }
        if (!value)
            return false;
        i++;
        if (!strcmp(name, "--rows"))
            options->rows = value;
        else if (!strcmp(name, "--rounds"))
            options->rounds = atoi(value);
        else if (!strcmp(name, "--json"))
            options->json = value;
        else if (!strcmp(name, "--markdown"))
            options->markdown = value;
        else if (!strcmp(name, "--peak"))
            options->peak = value;
        else if (!strcmp(name, "--side"))
            options->side = value;
        else if (!strcmp(name, "--threads"))
            options->one = strcmp(value, "2") != 0, options->two = strcmp(value, "1") != 0;
        else
            return false;
    }
    return options->rounds >= 1 && options->rounds <= BENCH_MAX_ROUNDS;
}

int main(int argc, char **argv)
{
    tensors_options options = {.rows = "", .rounds = 15, .one = true, .two = true};
    if (!tensors_parse(argc, argv, &options))
        return tensors_usage(argv[0], 2);
    if (options.help)
        return tensors_usage(argv[0], 0);
    bench_one_thread(argv);
    if (options.peak)
        return tensors_answer_peak(&options);

    const tensors_row *row[64];
    int n = tensors_select(options.rows, row);
    if (!n)
        return 2;
    if (options.check)
        return tensors_check(row, n);
    if (options.bits)
        return tensors_check_bits(row, n);
    tensors_print_machine();
    printf("%d alternating rounds, samples of 15 ms or more; columns named 2: two threads\n",
           options.rounds);
    return tensors_run(&options, row, n);
}
