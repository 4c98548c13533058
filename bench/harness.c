/* SPDX-License-Identifier: MIT
 *
 * The clock, the rounds and the table. All samples are wall time of CLOCK_MONOTONIC.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Where samples have many steps, one before the clock starts brings its data into the caches. */
static double bench_time_steps(const bench_entry *entry, long calls)
{
    if (entry->prepare)
        entry->prepare(entry->context);
    if (calls > 1)
        entry->step(entry->context);
    double start = bench_now();
    for (long i = 0; i < calls; i++)
        entry->step(entry->context);
    return bench_now() - start;
}

/* Nanoseconds that `calls` calls take. */
static double bench_time(const bench_entry *entry, long calls)
{
    double out[BENCH_MAX_RESULTS];
    if (entry->step)
        return bench_time_steps(entry, calls);
    double start = bench_now();
    for (long i = 0; i < calls; i++)
        entry->run(entry->n, entry->at, out);
    return bench_now() - start;
}

static long bench_calibrate(const bench_entry *entry, double sample_ns)
{
    long calls = 1;
    (void)bench_time(entry, 1); /* warms up */
    for (;;) {
        double ns = bench_time(entry, calls);
        if (ns >= sample_ns)
            return calls;
        double factor = ns > 0 ? 1.2 * sample_ns / ns : 10;
        calls = (long)((double)calls * (factor > 10 ? 10 : factor)) + 1;
    }
}

static int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double bench_median(const double *values, int n)
{
    double sorted[BENCH_MAX_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, bench_compare);
    return n % 2 ? sorted[n / 2] : 0.5 * (sorted[n / 2 - 1] + sorted[n / 2]);
}

void bench_enter(bench_race *race, const char *name, bench_work *run, int n, double at,
                 double units)
{
    if (!run || race->count == BENCH_MAX_ENTRIES)
        return;
    bench_entry *entry = &race->entry[race->count++];
    *entry = (bench_entry){.name = name, .run = run, .n = n, .at = at, .units = units};
}

void bench_enter_step(bench_race *race, const char *name, bench_step *step, bench_step *prepare,
                      void *context)
{
    if (race->count == BENCH_MAX_ENTRIES)
        return;
    bench_entry *entry = &race->entry[race->count++];
    *entry = (bench_entry){
        .name = name, .units = 1, .step = step, .prepare = prepare, .context = context};
}

void bench_run(bench_race *race, const bench_plan *plan)
{
    long calls[BENCH_MAX_ENTRIES];
    for (int i = 0; i < race->count; i++)
        calls[i] = bench_calibrate(&race->entry[i], plan->sample_ns);

    race->rounds = plan->rounds;
    for (int round = 0; round < race->rounds; round++)
        for (int i = 0; i < race->count; i++) {
            int which = (i + round) % race->count;
            bench_entry *entry = &race->entry[which];
            double units = (double)calls[which] * entry->units;
            entry->ns[round] = bench_time(entry, calls[which]) / units;
        }

    for (int i = 0; i < race->count; i++) {
        bench_entry *entry = &race->entry[i];
        entry->median = bench_median(entry->ns, race->rounds);
        entry->fastest = entry->ns[0];
        for (int round = 1; round < race->rounds; round++)
            if (entry->ns[round] < entry->fastest)
                entry->fastest = entry->ns[round];
    }
}

double bench_ratio(const bench_race *race, int a, int b)
{
    double ratio[BENCH_MAX_ROUNDS];
    for (int round = 0; round < race->rounds; round++)
        ratio[round] = race->entry[a].ns[round] / race->entry[b].ns[round];
    return bench_median(ratio, race->rounds);
}

int bench_find(const bench_race *race, const char *name)
{
    for (int i = 0; i < race->count; i++)
        if (!strcmp(race->entry[i].name, name))
            return i;
    return -1;
}

void bench_format_time(char *text, size_t size, double ns)
{
    static const char *const unit[] = {"ns", "us", "ms", "s "};
    int i = 0;
    for (; ns >= 1000 && i < 3; i++)
        ns /= 1000;
    snprintf(text, size, "%.*f %s", ns < 10 ? 2 : ns < 100 ? 1 : 0, ns, unit[i]);
}

void bench_format_ratio(char *text, size_t size, double ratio)
{
    int digits = ratio < 0.1 ? 4 : ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
    snprintf(text, size, "%.*f", digits, ratio);
}

static void bench_cells(const bench_race *race, int i, char cell[3][32])
{
    bench_format_time(cell[0], 32, race->entry[i].median);
    bench_format_time(cell[1], 32, race->entry[i].fastest);
    bench_format_ratio(cell[2], 32, bench_ratio(race, i, 0));
}

void bench_print(const bench_race *race)
{
    printf("\n%s\n  %-36s%12s%12s%12s\n", race->title, race->unit, "median", "fastest", "ratio");
    for (int i = 0; i < race->count; i++) {
        char cell[3][32];
        bench_cells(race, i, cell);
        printf("  %-36s%12s%12s%12s\n", race->entry[i].name, cell[0], cell[1], cell[2]);
    }
    fflush(stdout);
}

void bench_write_markdown(const bench_race *race, FILE *file)
{
    fprintf(file, "### %s\n\n| %s | median | fastest | ratio |\n|---|--:|--:|--:|\n", race->title,
            race->unit);
    for (int i = 0; i < race->count; i++) {
        char cell[3][32];
        bench_cells(race, i, cell);
        fprintf(file, "| %s | %s | %s | %s |\n", race->entry[i].name, cell[0], cell[1], cell[2]);
    }
}

void bench_write_json(const bench_race *race, FILE *file)
{
    fprintf(file, "  {\"title\": \"%s\", \"unit\": \"%s\", \"rounds\": %d, \"entries\": [",
            race->title, race->unit, race->rounds);
    for (int i = 0; i < race->count; i++)
        fprintf(file,
                "%s\n    {\"name\": \"%s\", \"median_ns\": %.6g, \"fastest_ns\": %.6g, "
                "\"ratio\": %.6g}",
                i ? "," : "", race->entry[i].name, race->entry[i].median, race->entry[i].fastest,
                bench_ratio(race, i, 0));
    fprintf(file, "\n  ]}");
}

static void write_all_json(const bench_race *races, int n, FILE *file)
{
    fputs("[\n", file);
    for (int i = 0; i < n; i++) {
        fputs(i ? ",\n" : "", file);
        bench_write_json(&races[i], file);
    }
    fputs("\n]\n", file);
}

static void write_all_markdown(const bench_race *races, int n, FILE *file)
{
    for (int i = 0; i < n; i++) {
        fputs(i ? "\n" : "", file);
        bench_write_markdown(&races[i], file);
    }
}

static bool write_to(const char *path, void (*write)(const bench_race *races, int n, FILE *file),
                     const bench_race *races, int n)
{
    FILE *file = path ? fopen(path, "w") : NULL;
    bool good = !path || file;
    if (file) {
        write(races, n, file);
        good = !ferror(file);
        good = fclose(file) == 0 && good;
    }
    if (!good)
        perror(path);
    return good;
}

bool bench_write(const char *json, const char *markdown, const bench_race *races, int n)
{
    bool good = write_to(json, write_all_json, races, n);
    return write_to(markdown, write_all_markdown, races, n) && good;
}

double bench_peak_mib(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) < 0)
        return 0;
#ifdef __APPLE__
    return (double)usage.ru_maxrss / (1 << 20);
#else
    return (double)usage.ru_maxrss / (1 << 10);
#endif
}

void bench_one_thread(char **argv)
{
    static const char *const names[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"};
    bool changed = false;
    for (int i = 0; i < 2; i++) {
        const char *value = getenv(names[i]);
        if (value && !strcmp(value, "1"))
            continue;
        if (setenv(names[i], "1", 1) < 0)
            return;
        changed = true;
    }
    if (changed)
        execv("/proc/self/exe", argv); /* where there is none, we just go on */
}
