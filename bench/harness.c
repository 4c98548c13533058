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
#include <sys/utsname.h>
#include <time.h>

static double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

/* Nanoseconds that `calls` calls take. */
static double bench_time(const bench_entry *entry, long calls)
{
    double out[BENCH_MAX_RESULTS];
    double start = bench_now();
    for (long i = 0; i < calls; i++)
        entry->run(entry->n, entry->at, out);
    return bench_now() - start;
}

static long bench_calibrate(const bench_entry *entry, double sample_ns)
{
    long calls = 1;
    double ns = bench_time(entry, 1); /* warms up */
    for (;;) {
        ns = bench_time(entry, calls);
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

/* Right-aligned in 12 columns, three digits or more: "46.5 us". */
static void bench_print_time(double ns)
{
    static const char *const unit[] = {"ns", "us", "ms", "s "};
    int i = 0;
    for (; ns >= 1000 && i < 3; i++)
        ns /= 1000;
    printf("%9.*f %s", ns < 10 ? 2 : ns < 100 ? 1 : 0, ns, unit[i]);
}

static void bench_print_ratio(double ratio)
{
    int digits = ratio < 0.1 ? 4 : ratio < 10 ? 2 : ratio < 100 ? 1 : 0;
    printf("%12.*f", digits, ratio);
}

void bench_print(const bench_race *race)
{
    printf("\n%s\n  %-36s%12s%12s%12s\n", race->title, race->unit, "median", "fastest", "ratio");
    for (int i = 0; i < race->count; i++) {
        printf("  %-36s", race->entry[i].name);
        bench_print_time(race->entry[i].median);
        bench_print_time(race->entry[i].fastest);
        bench_print_ratio(bench_ratio(race, i, 0));
        putchar('\n');
    }
    fflush(stdout);
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

void bench_print_machine(void)
{
    char line[256] = "", *model = NULL;
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && !model && fgets(line, sizeof line, info))
        if (!strncmp(line, "model name", 10) && (model = strchr(line, ':')))
            model += 2;
    if (info)
        fclose(info);
    if (model)
        model[strcspn(model, "\n")] = 0;

    struct utsname host;
    if (uname(&host) < 0)
        return;
    printf("machine: %s, %s, %s %s %s\n", host.nodename, model ? model : "unknown processor",
           host.sysname, host.release, host.machine);
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
