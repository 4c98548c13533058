/* SPDX-License-Identifier: MIT
 *
 * One profile for all threads, behind a mutex: a line for each name and, for the trace, an event
 * for each note. Times are of the operation itself: what ran inside it, on the same thread, has
 * counted that time already. For this each thread knows its open starts, the innermost last; an
 * entry whose operation failed before its stop goes when one outside it stops. A note whose
 * start precedes the profile belongs to none and is dropped.
 *
 * The limit of an operation is the time in which one core could move its bytes and do its flops,
 * the longer of the two, at speeds that are measured when the first table is printed. More than
 * 100 % means that the bytes came from caches or that several cores worked.
 *
 * Noting never records an error: without memory a line or an event is lost, and counted.
 */
#include "base/features.h"

#include "base/profile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/numbers.h"
#include "base/system.h"
#include "base/thread.h"
#include "tinypytorch/engine.h"
#include "tinypytorch/error.h"

enum {
    PROFILE_BUCKETS = 256,
    PROFILE_BLOCK = 4096, /* events */
    PROFILE_MAX_EVENTS = 1 << 20,
    PROFILE_DEPTH = 16,
    PROFILE_TRIAD = 3 << 20, /* doubles in each of three arrays: 24 MiB */
    PROFILE_LANES = 48       /* with both factors they fill 16 registers of four */
};

/* What is known of all operations of one name. */
typedef struct profile_line {
    char *name;
    size_t next; /* in its bucket: index + 1 */
    uint64_t calls, ns;
    double bytes, flops;
} profile_line;

/* One operation that ran, for the trace: ns with what ran inside it. */
typedef struct profile_event {
    uint64_t start, ns;
    double bytes, flops;
    uint32_t line, thread; /* its line's index; its thread's number */
} profile_event;

/* Events come in blocks, which are not moved when more are needed. */
typedef struct profile_block {
    struct profile_block *next;
    profile_event event[PROFILE_BLOCK];
} profile_block;

/* A whole profile: lines, found by a table of hashed names, and a list of blocks of events. */
typedef struct profile_data {
    uint64_t begin, end; /* begin: 0 when nothing was begun */
    profile_line *lines;
    size_t n_lines, capacity;
    size_t bucket[PROFILE_BUCKETS]; /* index + 1 of its last line */
    profile_block *first, *last;
    size_t n_events; /* kept; all blocks but the last are full */
    uint64_t lost_events, lost_calls;
} profile_data;

/* An operation that has started in this thread and not stopped. */
typedef struct profile_open {
    uint64_t start, inside; /* inside: nanoseconds of what has stopped within */
} profile_open;

double (*_Atomic tp__profile_peak)(void);

static tp__mutex profile_mutex = TP__MUTEX_START;
static profile_data profile_now; /* under the mutex */
static atomic_uint profile_threads;
static TP__THREAD_LOCAL uint32_t profile_thread; /* this thread's number, from 1 */
static TP__THREAD_LOCAL profile_open profile_stack[PROFILE_DEPTH];
static TP__THREAD_LOCAL int profile_depth;
static TP__THREAD_LOCAL double profile_noted; /* flops */

/* --- Recording --- */

static uint64_t profile_time(void)
{
    return (uint64_t)tp__clock() + 1;
}

/* A full stack is begun anew: what fails outside of all others leaves its entry behind. */
uint64_t tp__profile_clock(void)
{
    if (profile_depth == PROFILE_DEPTH)
        profile_depth = 0;
    uint64_t start = profile_time();
    profile_stack[profile_depth++] = (profile_open){.start = start};
    return start;
}

/* Closes the innermost entry of that start. Returns the nanoseconds of the operation itself. */
static uint64_t profile_close(uint64_t start, uint64_t ns)
{
    int i = profile_depth - 1;
    while (i >= 0 && profile_stack[i].start != start)
        i--;
    if (i < 0)
        return ns;
    uint64_t inside = 0;
    while (profile_depth > i)
        inside += profile_stack[--profile_depth].inside;
    if (i > 0)
        profile_stack[i - 1].inside += ns;
    return inside < ns ? ns - inside : 0;
}

/* block, if any, grown to bytes. NULL without memory, which leaves no error behind. */
static void *profile_alloc(void *block, size_t bytes)
{
    bool pending = tp__here()->code != TP_OK;
    block = block ? tp__realloc(block, bytes) : tp__alloc(bytes);
    if (!block && !pending)
        tp_clear_error();
    return block;
}

/* The FNV-1a hash of the name. */
static size_t profile_bucket(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return (hash ^ hash >> 16) % PROFILE_BUCKETS;
}

static profile_line *profile_add_line(profile_data *p, const char *name, size_t *bucket)
{
    if (p->n_lines == p->capacity) {
        size_t capacity = p->capacity ? 2 * p->capacity : 32;
        profile_line *lines = profile_alloc(p->lines, capacity * sizeof *lines);
        if (!lines)
            return NULL;
        p->lines = lines;
        p->capacity = capacity;
    }
    size_t bytes = strlen(name) + 1;
    char *copy = profile_alloc(NULL, bytes);
    if (!copy)
        return NULL;
    memcpy(copy, name, bytes);
    profile_line *line = &p->lines[p->n_lines++];
    *line = (profile_line){.name = copy, .next = *bucket};
    *bucket = p->n_lines;
    return line;
}

static profile_line *profile_find_line(profile_data *p, const char *name)
{
    size_t *bucket = &p->bucket[profile_bucket(name)];
    for (size_t i = *bucket; i; i = p->lines[i - 1].next)
        if (!strcmp(p->lines[i - 1].name, name))
            return &p->lines[i - 1];
    return profile_add_line(p, name, bucket);
}

static void profile_add_event(profile_data *p, profile_event event)
{
    size_t place = p->n_events % PROFILE_BLOCK;
    if (p->n_events == PROFILE_MAX_EVENTS) {
        p->lost_events++;
        return;
    }
    if (place == 0) {
        profile_block *block = profile_alloc(NULL, sizeof *block);
        if (!block) {
            p->lost_events++;
            return;
        }
        block->next = NULL;
        *(p->first ? &p->last->next : &p->first) = block;
        p->last = block;
    }
    p->last->event[place] = event;
    p->n_events++;
}

void tp__profile_note(uint64_t start, const char *name, double bytes, double flops)
{
    uint64_t all = profile_time() - start, own = profile_close(start, all);
    if (!profile_thread)
        profile_thread = atomic_fetch_add(&profile_threads, 1) + 1;
    tp__lock(&profile_mutex);
    profile_data *p = &profile_now;
    if (p->begin && start >= p->begin) {
        profile_line *line = profile_find_line(p, name);
        if (line) {
            line->calls++;
            line->ns += own;
            line->bytes += bytes;
            line->flops += flops;
            profile_add_event(p, (profile_event){.start = start,
                                                 .ns = all,
                                                 .bytes = bytes,
                                                 .flops = flops,
                                                 .line = (uint32_t)(line - p->lines),
                                                 .thread = profile_thread});
        } else {
            p->lost_calls++;
        }
    }
    tp__unlock(&profile_mutex);
}

static void profile_drop(profile_data *p)
{
    for (profile_block *block = p->first, *next; block; block = next) {
        next = block->next;
        tp__free(block);
    }
    for (size_t i = 0; i < p->n_lines; i++)
        tp__free(p->lines[i].name);
    tp__free(p->lines);
}

void tp__profile_count(bool on)
{
    tp__lock(&profile_mutex);
    atomic_store(&tp__profiling, on || profile_now.begin);
    tp__unlock(&profile_mutex);
}

void tp__profile_operation(uint64_t start, const char *name, double bytes, double flops)
{
    tp__profile_note(start, name, bytes, flops);
    profile_noted += flops;
}

double tp__profile_flops(void)
{
    return profile_noted;
}

/* Ends the profile that runs, if any, and starts another if wanted. The caller drops the old. */
static profile_data profile_exchange(bool begin)
{
    tp__lock(&profile_mutex);
    profile_data old = profile_now;
    memset(&profile_now, 0, sizeof profile_now);
    old.end = profile_time();
    if (begin)
        profile_now.begin = old.end;
    atomic_store(&tp__profiling, begin);
    tp__unlock(&profile_mutex);
    return old;
}

/* --- The machine's limit --- */

static tp__once profile_limit_once = TP__ONCE_START;
static double profile_bandwidth; /* bytes a nanosecond, or GB/s; 0 when unknown */
static double profile_flops;     /* flops a nanosecond, or GFLOP/s */
static bool profile_flops_by_hook;

/* Moves three arrays that are larger than most caches: what memory can do. */
static void profile_triad(double *restrict a, const double *restrict b, const double *restrict c)
{
    for (size_t i = 0; i < PROFILE_TRIAD; i += 4)
        for (size_t j = i; j < i + 4; j++)
            a[j] = b[j] + 3 * c[j];
}

static double profile_measure_bandwidth(void)
{
    size_t bytes = PROFILE_TRIAD * sizeof(double);
    double *a = profile_alloc(NULL, 3 * bytes), best = 0;
    if (!a)
        return 0;
    memset(a, 0, 3 * bytes);
    for (int i = 0; i < 4; i++) {
        uint64_t start = profile_time();
        profile_triad(a, a + PROFILE_TRIAD, a + 2 * PROFILE_TRIAD);
        double speed = 3 * (double)bytes / (double)(profile_time() - start);
        best = speed > best ? speed : best;
    }
    tp__free(a);
    return best;
}

/* Multiplies and adds in as many independent chains as hide the time that each takes: what
 * arithmetic can do. Counted as two flops. */
static void profile_multiply_add(float *lane, int rounds, float factor, float term)
{
    float x[PROFILE_LANES];
    memcpy(x, lane, sizeof x);
    for (int i = 0; i < rounds; i++)
        for (int j = 0; j < PROFILE_LANES; j++)
            x[j] = x[j] * factor + term;
    memcpy(lane, x, sizeof x);
}

static double profile_measure_flops(void)
{
    enum { ROUNDS = 20000 };
    float lane[PROFILE_LANES] = {0};
    double best = 0;
    for (int i = 0; i < 20; i++) {
        uint64_t start = profile_time();
        profile_multiply_add(lane, ROUNDS, 0.5f, (float)i);
        double speed = 2.0 * (double)(ROUNDS * PROFILE_LANES) / (double)(profile_time() - start);
        best = speed > best ? speed : best;
    }
    return lane[0] >= 0 ? best : 0; /* always best: the result is used */
}

/* The matrix product knows the peak of arithmetic better, once there is one (tp__profile_peak). */
static void profile_measure(void)
{
    profile_bandwidth = profile_measure_bandwidth();
    double (*peak)(void) = tp__profile_peak;
    profile_flops = peak ? peak() : 0;
    profile_flops_by_hook = profile_flops > 0;
    if (!profile_flops_by_hook)
        profile_flops = profile_measure_flops();
}

/* The least nanoseconds for the line on one core. */
static double profile_least(const profile_line *line)
{
    double moving = profile_bandwidth > 0 ? line->bytes / profile_bandwidth : 0;
    double computing = profile_flops > 0 ? line->flops / profile_flops : 0;
    return moving > computing ? moving : computing;
}

/* --- The table --- */

typedef struct profile_cell {
    char text[24];
} profile_cell;

/* Three digits: 0.0123, 0.123, 1.23, 12.3, 123, 1234. */
static profile_cell profile_number(double x, const char *unit)
{
    profile_cell cell = {""};
    int digits = x >= 99.95 ? 0 : x >= 9.995 ? 1 : x >= 0.9995 || x <= 0 ? 2 : 3;
    tp__format(cell.text, sizeof cell.text, "%.*f%s", digits, x, unit);
    return cell;
}

static profile_cell profile_scaled(double x, const char *const unit[], int units)
{
    int i = 0;
    for (; x >= 999.5 && i < units - 1; i++)
        x /= 1000;
    return profile_number(x, unit[i]);
}

static profile_cell profile_duration(double ns)
{
    static const char *const unit[] = {" ns", " us", " ms", " s "};
    return profile_scaled(ns, unit, 4);
}

static profile_cell profile_bytes(double bytes)
{
    static const char *const unit[] = {" B ", " kB", " MB", " GB", " TB"};
    return profile_scaled(bytes, unit, 5);
}

static profile_cell profile_rate(double amount, uint64_t ns)
{
    return amount > 0 && ns ? profile_number(amount / (double)ns, "") : (profile_cell){"-"};
}

static profile_cell profile_percent(double part, double whole)
{
    profile_cell cell = {"-"};
    if (part > 0 && whole > 0)
        tp__format(cell.text, sizeof cell.text, "%.1f %%", 100 * part / whole);
    return cell;
}

/* Letters in UTF-8. */
static int profile_width(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static void profile_print_line(FILE *file, const profile_line *line, int width, uint64_t total,
                               double least)
{
    uint64_t calls = line->calls ? line->calls : 1;
    fprintf(file, "%s%*s %9" PRIu64 " %9s %9s %8s %9s %8s %8s %8s\n", line->name,
            width - profile_width(line->name), "", line->calls,
            profile_duration((double)line->ns).text,
            profile_duration((double)line->ns / (double)calls).text,
            profile_percent((double)line->ns, (double)total).text,
            line->bytes > 0 ? profile_bytes(line->bytes).text : "-",
            profile_rate(line->bytes, line->ns).text, profile_rate(line->flops, line->ns).text,
            profile_percent(least, (double)line->ns).text);
}

static void profile_print_notes(FILE *file, const profile_data *p)
{
    fprintf(file, "from begin to end: %s\n",
            profile_duration((double)(p->end - (p->begin ? p->begin : p->end))).text);
    fprintf(file, "limit: one core, %s GB/s (triad over %d MiB), %s GFLOP/s (%s)\n",
            profile_number(profile_bandwidth, "").text, 3 * (PROFILE_TRIAD >> 17),
            profile_number(profile_flops, "").text,
            profile_flops_by_hook ? "product of 256 x 256 float32 matrices"
                                  : "plain loop of float32 multiply-adds, below the true peak");
    if (p->lost_calls)
        fprintf(file, "not counted, for want of memory: %" PRIu64 " calls\n", p->lost_calls);
}

static int profile_compare(const void *a, const void *b)
{
    const profile_line *x = a, *y = b;
    return x->ns != y->ns ? (x->ns < y->ns) - (x->ns > y->ns) : strcmp(x->name, y->name);
}

/* Sorts the lines: events no longer find theirs. */
static void profile_print(FILE *file, profile_data *p)
{
    tp__call_once(&profile_limit_once, profile_measure);
    if (p->n_lines)
        qsort(p->lines, p->n_lines, sizeof *p->lines, profile_compare);
    profile_line total = {.name = (char[]){"total"}};
    double least = 0;
    int width = profile_width("operation");
    for (size_t i = 0; i < p->n_lines; i++) {
        const profile_line *line = &p->lines[i];
        total.calls += line->calls;
        total.ns += line->ns;
        total.bytes += line->bytes;
        total.flops += line->flops;
        least += profile_least(line);
        width = profile_width(line->name) > width ? profile_width(line->name) : width;
    }
    fprintf(file, "%-*s %9s %9s %9s %8s %9s %8s %8s %8s\n", width, "operation", "calls", "time ",
            "mean ", "share", "bytes ", "GB/s", "GFLOP/s", "limit");
    for (size_t i = 0; i < p->n_lines; i++)
        profile_print_line(file, &p->lines[i], width, total.ns, profile_least(&p->lines[i]));
    profile_print_line(file, &total, width, total.ns, least);
    profile_print_notes(file, p);
}

/* --- The trace --- */

static void profile_write_name(FILE *file, const char *name)
{
    for (; *name; name++) {
        unsigned char letter = (unsigned char)*name;
        if (letter < 0x20)
            fprintf(file, "\\u%04x", letter);
        else
            fprintf(file, letter == '"' || letter == '\\' ? "\\%c" : "%c", letter);
    }
}

/* Microseconds, written without the locale's decimal point. */
static void profile_write_time(FILE *file, const char *key, uint64_t ns)
{
    fprintf(file, ", \"%s\": %" PRIu64 ".%03u", key, ns / 1000, (unsigned)(ns % 1000));
}

static void profile_write_event(FILE *file, const profile_data *p, const profile_event *event)
{
    fputs("{\"name\": \"", file);
    profile_write_name(file, p->lines[event->line].name);
    fputs("\", \"ph\": \"X\"", file);
    profile_write_time(file, "ts", event->start - p->begin);
    profile_write_time(file, "dur", event->ns);
    tp__print(file, ", \"pid\": %ld, \"tid\": %u, \"args\": {\"bytes\": %.0f, \"flops\": %.0f}}",
              tp__process(), (unsigned)event->thread, event->bytes, event->flops);
}

/* 0, or the system's error number. */
static int profile_write(const char *path, const profile_data *p)
{
    tp__file to;
    tp__file_begin(&to, path);
    const profile_block *block = p->first;
    tp__file_write(&to, "[\n", 2);
    for (size_t i = 0; i < p->n_events && !to.error; i++) {
        if (i && i % PROFILE_BLOCK == 0)
            block = block->next;
        profile_write_event(to.stream, p, &block->event[i % PROFILE_BLOCK]);
        bool last = i + 1 == p->n_events;
        tp__file_write(&to, last ? "\n" : ",\n", last ? 1 : 2);
    }
    tp__file_write(&to, "]\n", 2);
    int error = tp__file_end(&to, true);
    if (p->lost_events)
        tp__log("profile: %" PRIu64 " events are not in %s, which has the first %zu",
                p->lost_events, path, p->n_events);
    return error;
}

/* --- Beginning and ending --- */

void tp_profile_begin(void)
{
    profile_data old = profile_exchange(true);
    profile_drop(&old);
    if (tp__thread_current)
        tp__set_mode(tp__thread_current, TP__PROFILED, true);
}

static int profile_write_table(const char *path, profile_data *p)
{
    tp__file to;
    if (!strcmp(path, "-")) {
        profile_print(stderr, p);
        return 0;
    }
    tp__file_begin(&to, path);
    if (to.stream)
        profile_print(to.stream, p);
    return tp__file_end(&to, true);
}

/* 0, or the system's number of an error, and the file that it is about. */
static int profile_finish(const char *table, const char *trace, const char **file)
{
    profile_data p = profile_exchange(false);
    int error = trace ? profile_write(trace, &p) : 0;
    int table_error = table ? profile_write_table(table, &p) : 0;
    *file = error ? trace : table;
    profile_drop(&p);
    return error ? error : table_error;
}

void tp_profile_end(const char *table, const char *trace)
{
    const char *file;
    int error = profile_finish(table, trace, &file);
    tp__file_good("profile_end", file, error);
}

/* Ends the profile of a whole run. There is nobody left to look at a pending error, so one of
 * writing the files is logged. */
static void profile_at_exit(void)
{
    const char *trace = getenv("TP_PROFILE");
    if (!atomic_load(&tp__profiling))
        return; /* the program ended the profile itself */
    if (trace && (!*trace || !strcmp(trace, "1")))
        trace = NULL;
    const char *file;
    int error = profile_finish("-", trace, &file);
    char reason[120];
    tp__error_text(reason, sizeof reason, error);
    if (error)
        tp__log("profile: cannot write %s: %s", file, reason);
}

__attribute__((constructor)) static void profile_read_environment(void)
{
    const char *value = getenv("TP_PROFILE");
    if (value && *value && strcmp(value, "0") != 0 && atexit(profile_at_exit) == 0)
        tp_profile_begin();
}
