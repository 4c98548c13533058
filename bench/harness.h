/* SPDX-License-Identifier: MIT
 *
 * Timing contestants against each other on a machine that others use too.
 *
 * A *work* is a function that does n steps of something and leaves its result in out. A *race* is
 * a list of works by several contestants that mean the same. Each is calibrated: it is repeated
 * until one sample takes long enough for the clock. Then come rounds: in each, every contestant
 * gives one sample, another one starting each time, so that a slow moment of the machine hits all
 * of them. Times are medians over the rounds. Ratios are medians of the ratios within a round,
 * which is what stays steady when times do not.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stdbool.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { BENCH_MAX_ENTRIES = 8, BENCH_MAX_ROUNDS = 101, BENCH_MAX_RESULTS = 16 };

typedef void bench_work(int n, double at, double *out);
typedef void bench_step(void *context);

typedef struct bench_entry {
    const char *name;
    bench_work *run;
    int n;
    double at;
    bench_step *step, *prepare; /* instead of run: a step, and what comes before each sample */
    void *context;
    double units;                /* how many of the race's units one call does */
    double ns[BENCH_MAX_ROUNDS]; /* measured, one unit, in each round */
    double median, fastest;
} bench_entry;

typedef struct bench_race {
    const char *title, *unit;
    int count, rounds;
    bench_entry entry[BENCH_MAX_ENTRIES]; /* ratios are to the first one */
} bench_race;

typedef struct bench_plan {
    int rounds;       /* at most BENCH_MAX_ROUNDS */
    double sample_ns; /* a sample takes at least this long */
} bench_plan;

/* Adds a contestant. Ignored when run is NULL. */
void bench_enter(bench_race *race, const char *name, bench_work *run, int n, double at,
                 double units);

/* Adds one whose call is a step of one unit. prepare, or NULL, is not timed. */
void bench_enter_step(bench_race *race, const char *name, bench_step *step, bench_step *prepare,
                      void *context);

/* Runs the race and fills in the times. */
void bench_run(bench_race *race, const bench_plan *plan);

/* How many times longer entry a took than entry b: the median over the rounds. */
double bench_ratio(const bench_race *race, int a, int b);

/* The index of the entry with this name, -1 when there is none. */
int bench_find(const bench_race *race, const char *name);

/* The race as aligned text, as a JSON object and as a table in Markdown. */
void bench_print(const bench_race *race);
void bench_write_json(const bench_race *race, FILE *file);
void bench_write_markdown(const bench_race *race, FILE *file);

/* Writes races as a list in JSON, and as tables, to files of these names; NULL: not. False, with a
 * message, if that fails. */
bool bench_write(const char *json, const char *markdown, const bench_race *races, int n);

/* A time with its unit, "46.5 us", of three digits or more. A ratio, "0.0123", "1.23" or "123". */
void bench_format_time(char *text, size_t size, double ns);
void bench_format_ratio(char *text, size_t size, double ratio);

/* The clock, in nanoseconds. */
double bench_now(void);

/* Sees to it that libraries compute on one thread: they read the environment when they are loaded,
 * so the program starts over unless it is set that way. */
void bench_one_thread(char **argv);

/* The largest resident size of this process so far, in MiB. */
double bench_peak_mib(void);

#ifdef __cplusplus
}
#endif

#endif
