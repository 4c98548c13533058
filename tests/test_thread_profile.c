/* SPDX-License-Identifier: MIT
 *
 * The profiler is told of work whose calls, bytes and flops are known, by one thread, by several
 * and by the library's operations; the table and the trace must say the same. Times are only held
 * to laws: parts add up.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/profile.h"
#include "profile_read.h"

enum { THREADS = 4 };

static void profile_call(const char *name, double bytes, double flops)
{
    uint64_t start = tp__profile_start();
    tp__profile_stop(start, name, bytes, flops);
}

static void profile_calls(int n, const char *name, double bytes, double flops)
{
    for (int i = 0; i < n; i++)
        profile_call(name, bytes, flops);
}

static uint64_t profile_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void profile_wait(unsigned us)
{
    for (uint64_t start = profile_time(); profile_time() < start + 1000 * us;)
        ;
}

/* An operation of that many microseconds. */
static void profile_spin(const char *name, unsigned us)
{
    uint64_t start = tp__profile_start();
    profile_wait(us);
    tp__profile_stop(start, name, 0, 0);
}

static const char trace_file[] = "trace.json";

static char *end_table(const char *trace)
{
    tp_profile_end("table.txt", trace);
    return read_all("table.txt");
}

static char *end_trace(void)
{
    tp_profile_end(NULL, trace_file);
    return read_all(trace_file);
}

/* --- One thread --- */

static double peak_of_test(void)
{
    return 50;
}

/* First, since the machine is measured once. */
TEST(peak_from_backend)
{
    double (*peak)(void) = tp__profile_peak;
    tp__profile_peak = peak_of_test;
    tp_profile_begin();
    profile_call("op", 0, 100);
    char *table = end_table(NULL);
    CHECK(strstr(table, " 50.0 GFLOP/s (product of 256 x 256 float32 matrices)") != NULL);
    free(table);
    tp__profile_peak = peak;
}

TEST(off_by_default)
{
    CHECK(tp__profile_start() == 0);
    profile_calls(10, "before", 1, 1);
    tp_profile_begin();
    CHECK(tp__profile_start() != 0);
    char *table = end_table(NULL);
    CHECK(tp__profile_start() == 0);
    CHECK_INT(find_row(table, "before").calls, 0);
    CHECK_INT(find_row(table, "total").calls, 0);
    free(table);
}

TEST(exact_counts)
{
    tp_profile_begin();
    profile_calls(3, "add", 100, 7);
    profile_calls(5, "matmul", 0, 2e6);
    profile_calls(2, "add", 50, 0);
    char *table = end_table(trace_file), *trace = read_all(trace_file);
    CHECK_INT(find_row(table, "add").calls, 5);
    CHECK_INT(find_row(table, "matmul").calls, 5);
    CHECK_INT(find_row(table, "total").calls, 10);
    CHECK_CLOSE(find_row(table, "add").bytes, 400, 1e-9);
    CHECK_CLOSE(find_row(table, "matmul").bytes, -1, 0);
    CHECK_CLOSE(find_row(table, "total").bytes, 400, 1e-9);
    check_trace(trace, "add", 5, 10);
    check_trace(trace, "matmul", 5, 10);
    const char *event = trace;
    double bytes = 0, flops = 0;
    for (; (event = next_event(event, "add")); event++) {
        bytes += event_number(event, "bytes");
        flops += event_number(event, "flops");
    }
    CHECK_CLOSE(bytes, 400, 0);
    CHECK_CLOSE(flops, 21, 0);
    free(table);
    free(trace);
}

/* Rates and shares follow from each other and from the speeds in the line about the limit. */
/* Percents are printed to tenths. */
TEST(rates_and_limit)
{
    tp_profile_begin();
    uint64_t start = tp__profile_start();
    profile_spin("other", 3000);
    profile_wait(4000);
    tp__profile_stop(start, "moves", 12345678, 1000);
    start = tp__profile_start();
    profile_spin("other", 1000);
    tp__profile_stop(start, "computes", 8, 1e9);
    char *table = end_table(NULL);
    row moves = find_row(table, "moves"), computes = find_row(table, "computes");
    row other = find_row(table, "other"), total = find_row(table, "total");
    CHECK_INT(other.calls, 2);
    CHECK(other.limit < 0 && other.gb_s < 0 && other.gflop_s < 0);
    CHECK_CLOSE(moves.gb_s, 12345678 / moves.ns, 0.02);
    CHECK_CLOSE(total.ns / (moves.ns + computes.ns + other.ns), 1, 0.02);
    double share = 100 * moves.ns / total.ns;
    CHECK(fabs(moves.share - share) <= 0.051 + 0.02 * share);
    CHECK_CLOSE(total.share, 100, 0);

    const char *limit = strstr(table, "limit: one core, ");
    if (CHECK(limit != NULL)) {
        limit += strlen("limit: one core, ");
        double bandwidth = read_number(&limit);
        limit = strchr(limit, ')') + 2;
        double peak = read_number(&limit);
        CHECK(bandwidth > 0.01 && bandwidth < 1e4);
        CHECK(peak > 0.001 && peak < 1e5);
        double moving = 100 * 12345678 / bandwidth / moves.ns;
        double computing = 100 * 1e9 / peak / computes.ns;
        CHECK(fabs(moves.limit - moving) <= 0.051 + 0.03 * moving);
        CHECK(fabs(computes.limit - computing) <= 0.051 + 0.03 * computing);
    }
    free(table);
}

/* What ran inside is not counted twice: all times together are those of the outermost. */
TEST(nested_operations)
{
    tp_profile_begin();
    for (int i = 0; i < 3; i++) {
        uint64_t outer = tp__profile_start(), middle = tp__profile_start();
        profile_spin("inner", 500);
        tp__profile_start(); /* an operation that failed */
        profile_spin("inner", 500);
        tp__profile_stop(middle, "middle", 0, 0);
        tp__profile_stop(outer, "outer", 0, 0);
    }
    for (int i = 0; i < 100; i++)
        tp__profile_start();
    profile_spin("last", 500);
    char *table = end_table(trace_file), *trace = read_all(trace_file);
    CHECK_INT(find_row(table, "inner").calls, 6);
    CHECK_INT(find_row(table, "middle").calls, 3);
    double us = event_number(next_event(trace, "last"), "dur");
    for (const char *event = trace; (event = next_event(event, "outer")); event++)
        us += event_number(event, "dur");
    CHECK_CLOSE(1e3 * us / find_row(table, "total").ns, 1, 0.01);
    CHECK(find_row(table, "inner").ns >= 2.99e6);
    free(table);
    free(trace);
}

TEST(sorted_by_time)
{
    tp_profile_begin();
    profile_spin("short", 200);
    profile_spin("a name that is longer than others", 5000);
    char *table = end_table(NULL);
    const char *first = strstr(table, "a name"), *second = strstr(table, "short");
    CHECK(first && second && first < second && strstr(table, "total") > second);
    size_t width = strcspn(table, "\n");
    for (const char *line = table; strncmp(line, "from", 4) != 0; line = strchr(line, '\n') + 1)
        CHECK_INT(strcspn(line, "\n"), width);
    free(table);
}

TEST(names_are_escaped)
{
    static const char *const names[] = {"a \"quoted\" name", "back\\slash", "two\nlines\x01\t",
                                        "sin·mul·sum", ""};
    tp_profile_begin();
    for (int i = 0; i < 5; i++)
        profile_calls(i + 1, names[i], 1, 1);
    char *trace = end_trace();
    for (int i = 0; i < 5; i++)
        check_trace(trace, names[i], i + 1, 15);
    free(trace);
}

TEST(names_are_copied)
{
    char name[20];
    tp_profile_begin();
    for (int i = 0; i < 600; i++) {
        snprintf(name, sizeof name, "x%03d", i % 300);
        profile_call(name, 1, 1);
    }
    char *table = end_table(NULL);
    CHECK_INT(find_row(table, "x000").calls, 2);
    CHECK_INT(find_row(table, "x299").calls, 2);
    CHECK_INT(find_row(table, "total").calls, 600);
    free(table);
}

TEST(begin_starts_anew)
{
    tp_profile_begin();
    uint64_t early = tp__profile_start();
    profile_calls(4, "first", 1, 1);
    tp_profile_begin();
    tp__profile_stop(early, "early", 1, 1);
    profile_calls(2, "second", 1, 1);
    uint64_t late = tp__profile_start();
    char *trace = end_trace();
    tp__profile_stop(late, "late", 1, 1);
    check_trace(trace, "second", 2, 2);
    free(trace);

    trace = end_trace(); /* of nothing */
    check_trace(trace, "late", 0, 0);
    free(trace);
    char *table = end_table(NULL);
    CHECK_INT(find_row(table, "total").calls, 0);
    CHECK(strstr(table, "from begin to end: 0.00 ns\n") != NULL);
    free(table);
}

/* --- What goes wrong --- */

TEST(unwritable_file)
{
    tp_profile_begin();
    profile_call("op", 1, 1);
    char *table = end_table("no/such/directory.json");
    CHECK_ERROR(TP_ERROR_FILE, "profile_end: cannot write no/such/directory.json: No such file");
    CHECK_INT(find_row(table, "op").calls, 1);
    free(table);

    if (access("/dev/full", W_OK) == 0) {
        tp_profile_begin();
        profile_calls(1000, "op", 1, 1);
        tp_profile_end(NULL, "/dev/full");
        CHECK_ERROR(TP_ERROR_FILE, "profile_end: cannot write /dev/full");
    }
}

static char logged[300];

static void keep_log(const char *line)
{
    snprintf(logged, sizeof logged, "%s", line);
}

/* Requests of memory: the lines, the name, the events. None of them makes an operation fail. */
TEST(without_memory)
{
    static const int counted[] = {0, 0, 1}, kept[] = {0, 0, 0};
    tp_set_log(keep_log);
    for (size_t i = 0; i < 3; i++) {
        logged[0] = 0;
        tp_profile_begin();
        tp__alloc_fail_at(i + 1);
        profile_call("op", 1, 1);
        tp__alloc_fail_at(0);
        CHECK(tp_error() == NULL);
        char *table = end_table(trace_file), *trace = read_all(trace_file);
        CHECK_INT(find_row(table, "op").calls, counted[i]);
        CHECK((strstr(table, "for want of memory: 1 calls") != NULL) == !counted[i]);
        check_trace(trace, "op", kept[i], kept[i]);
        CHECK((strstr(logged, "1 events are not in trace.json") != NULL) == (kept[i] < counted[i]));
        free(table);
        free(trace);
    }
    tp_set_log(NULL);

    tp_fail(TP_ERROR_ARGUMENT, "an earlier error");
    tp_profile_begin();
    tp__alloc_fail_at(1);
    profile_call("op", 1, 1);
    tp__alloc_fail_at(0);
    tp_profile_end(NULL, NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "an earlier error");
}

TEST(too_many_events)
{
    enum { KEPT = 1 << 20, MORE = 1234 };
    if (test_short()) {
        test_skip("a million calls");
        return;
    }
    logged[0] = 0;
    tp_set_log(keep_log);
    tp_profile_begin();
    profile_calls(KEPT + MORE, "op", 1, 1);
    char *table = end_table("/dev/null");
    tp_set_log(NULL);
    CHECK_INT(find_row(table, "op").calls, KEPT + MORE);
    CHECK_TEXT(logged, "profile: 1234 events are not in /dev/null, which has the first 1048576");
    free(table);
}

/* --- Threads --- */

static atomic_bool stopped;

static void *thread_calls(void *name)
{
    for (int i = 0; i < 1000; i++) {
        uint64_t outer = tp__profile_start();
        profile_call("inner", 8, 2);
        tp__profile_stop(outer, name, 0, 0);
    }
    return NULL;
}

static void *thread_calls_until_stopped(void *name)
{
    while (!atomic_load(&stopped))
        profile_call(name, 1, 1);
    return NULL;
}

static void start_threads(pthread_t *threads, void *(*run)(void *), char (*names)[20])
{
    for (int i = 0; i < THREADS; i++) {
        snprintf(names[i], sizeof names[i], "name%d", i);
        if (!CHECK(pthread_create(&threads[i], NULL, run, names[i]) == 0))
            abort();
    }
}

static void join_threads(const pthread_t *threads)
{
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

TEST(several_threads)
{
    pthread_t threads[THREADS];
    char names[THREADS][20];
    tp_profile_begin();
    start_threads(threads, thread_calls, names);
    join_threads(threads);
    char *table = end_table(trace_file), *trace = read_all(trace_file);
    CHECK_INT(find_row(table, "inner").calls, 1000 * THREADS);
    CHECK_CLOSE(find_row(table, "inner").bytes, 8000.0 * (double)THREADS, 0);
    double id[THREADS];
    for (int i = 0; i < THREADS; i++) {
        check_trace(trace, names[i], 1000, 2000 * THREADS);
        const char *event = next_event(trace, names[i]);
        id[i] = event_number(event, "tid");
        int other = 0;
        for (; (event = next_event(event, names[i])); event++)
            other += event_number(event, "tid") != id[i];
        CHECK_INT(other, 0);
        for (int j = 0; j < i; j++)
            CHECK(id[i] != id[j]);
    }
    free(table);
    free(trace);
}

TEST(begin_and_end_while_others_work)
{
    pthread_t threads[THREADS];
    char names[THREADS][20];
    atomic_store(&stopped, false);
    start_threads(threads, thread_calls_until_stopped, names);
    for (int i = 0; i < 20; i++) {
        tp_profile_begin();
        profile_calls(10, "here", 1, 1);
        if (i % 3)
            continue;
        char *trace = end_trace();
        json j = read_json(trace, "here");
        CHECK(!j.wrong);
        CHECK_INT(j.found, 10);
        free(trace);
    }
    atomic_store(&stopped, true);
    join_threads(threads);
    tp_profile_end(NULL, NULL);
}

/* --- Operations of the library --- */

TEST(operations_on_arrays)
{
    enum { N = 64, CALLS = 3 };
    tp_var *a = tp_ones(TP_F32, TP_SHAPE(N, N)), *few = tp_ones(TP_F64, TP_SHAPE(10));
    tp_profile_begin();
    for (int i = 0; i < CALLS; i++) {
        TP_SCOPE();
        tp_data(tp_matmul(a, a));
        tp_data(tp_mul(few, few));
        tp_data(tp_mul(few, few));
    }
    char *table = end_table(NULL);
    CHECK_INT(find_row(table, "matmul").calls, CALLS);
    CHECK_CLOSE(find_row(table, "matmul").bytes / (CALLS * 3 * N * N * 4), 1, 0.005);
    CHECK_INT(find_row(table, "mul").calls, 2 * CALLS);
    CHECK_CLOSE(find_row(table, "mul").bytes / (2 * CALLS * 3 * 10 * 8), 1, 0.005);
    CHECK_INT(find_row(table, "total").calls, 3 * CALLS);
    free(table);
}

/* A chain that ran in one pass is one line. */
TEST(chains_of_operations)
{
    enum { N = 100000 };
    tp_var *x = tp_ones(TP_F32, TP_SHAPE(N));
    tp_profile_begin();
    tp_data(tp_sqrt(tp_exp(tp_sin(x))));
    char *table = end_table(NULL);
    row r = find_row(table, "sin·exp·sqrt");
    CHECK_INT(r.calls, 1);
    CHECK(r.bytes > 0.995 * (double)(2 * 4 * N));
    CHECK_INT(find_row(table, "total").calls, 1);
    free(table);
}

/* In each profile anew: one that has ended leaves nothing behind. */
TEST(plain_numbers_are_listed_and_so_are_their_rules)
{
    static const char *const names[] = {"add",          "div",          "mul",
                                        "tanh",         "add_gradient", "div_gradient",
                                        "mul_gradient", "tanh_gradient"};
    for (int round = 0; round < 2; round++) {
        tp_profile_begin();
        tp_var *x = tp_variable(2.0);
        for (int i = 0; i < 3; i++)
            tp_backward(tp_tanh(tp_mul(tp_add(x, 1), tp_div(x, 3))));
        char *table = end_table(NULL);
        for (int i = 0; i < 8; i++)
            CHECK_INT(find_row(table, names[i]).calls, 3);
        CHECK_INT(find_row(table, "total").calls, 3 * 8);
        free(table);
        tp_backward(tp_mul(x, x));
    }
}

/* --- The environment --- */

/* What the next test profiles in a process of its own. */
TEST(work_of_environment)
{
    profile_calls(7, "told by the environment", 1, 1);
}

/* Runs that test with TP_PROFILE=value, stderr into err.txt. False if programs cannot be run. */
static bool run_with_environment(const char *value)
{
    char self[1000] = "";
    if (readlink("/proc/self/exe", self, sizeof self - 1) <= 0)
        return false;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (!freopen("err.txt", "w", stderr) || !freopen("/dev/null", "w", stdout))
            _exit(126);
        setenv("TP_PROFILE", value, 1);
        execl(self, self, "work_of_environment", (char *)NULL);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
        return false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return false;
    return CHECK(status == 0);
}

TEST(environment)
{
    if (!run_with_environment("")) {
        test_skip("no program can be run from here");
        return;
    }
    char *table = read_all("err.txt");
    CHECK_TEXT(table, "");
    free(table);

    run_with_environment("0");
    table = read_all("err.txt");
    CHECK_TEXT(table, "");
    free(table);

    run_with_environment("1");
    table = read_all("err.txt");
    CHECK_INT(find_row(table, "told by the environment").calls, 7);
    free(table);

    remove(trace_file);
    run_with_environment(trace_file);
    table = read_all("err.txt");
    CHECK_INT(find_row(table, "told by the environment").calls, 7);
    free(table);
    char *trace = read_all(trace_file);
    CHECK(read_json(trace, "told by the environment").found == 7);
    free(trace);

    run_with_environment("no/such/directory.json");
    table = read_all("err.txt");
    CHECK(strstr(table, "profile: cannot write no/such/directory.json: No such file") != NULL);
    free(table);
}
