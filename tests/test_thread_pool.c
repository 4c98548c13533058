/* SPDX-License-Identifier: MIT
 * The pool behind parallel operations: every task runs exactly once, whoever calls, whatever else
 * goes on. */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/parallel.h"

enum { POOL_TASKS = 1000 };

static const double pool_costly = 1e9;

/* How often each task ran, and a sum that is not atomic where only one thread may write. */
typedef struct pool_work {
    atomic_int runs[POOL_TASKS];
    double results[POOL_TASKS];
    atomic_int strangers; /* tasks that another thread than the caller's ran */
    pthread_t caller;
} pool_work;

static void pool_task(void *ctx, int64_t i)
{
    pool_work *work = ctx;
    atomic_fetch_add(&work->runs[i], 1);
    work->results[i] = (double)i * (double)i;
    if (!pthread_equal(pthread_self(), work->caller))
        atomic_fetch_add(&work->strangers, 1);
}

static void pool_reset(pool_work *work)
{
    for (int i = 0; i < POOL_TASKS; i++) {
        atomic_store(&work->runs[i], 0);
        work->results[i] = -1;
    }
    atomic_store(&work->strangers, 0);
    work->caller = pthread_self();
}

/* True if the first n tasks ran once and the others not. */
static bool pool_ran(const pool_work *work, int64_t n)
{
    for (int64_t i = 0; i < POOL_TASKS; i++) {
        double result = i < n ? (double)i * (double)i : -1;
        if (atomic_load(&work->runs[i]) != (i < n) || work->results[i] != result)
            return false;
    }
    return true;
}

static pool_work pool_shared;

TEST(every_task_runs_once)
{
    for (int threads = 1; threads <= 4; threads++) {
        tp_set_num_threads(threads);
        CHECK_INT(tp_num_threads(), threads);
        for (int64_t n = 0; n <= POOL_TASKS; n += test_short() ? 37 : 1) {
            pool_reset(&pool_shared);
            tp__parallel(n, pool_costly, pool_task, &pool_shared);
            if (!CHECK(pool_ran(&pool_shared, n)))
                return;
            if (threads == 1)
                CHECK_INT(atomic_load(&pool_shared.strangers), 0);
        }
    }
}

static void pool_pause(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
}

/* Tasks that wait for each other, 10 seconds at most; met counts those that saw all. */
typedef struct pool_meeting {
    atomic_int expected, arrived, met;
} pool_meeting;

static void pool_meet(void *ctx, int64_t i)
{
    (void)i;
    pool_meeting *meeting = ctx;
    atomic_fetch_add(&meeting->arrived, 1);
    for (int round = 0; round < 200000; round++) {
        if (atomic_load(&meeting->arrived) == atomic_load(&meeting->expected)) {
            atomic_fetch_add(&meeting->met, 1);
            return;
        }
        pool_pause();
    }
}

/* True if n threads run n tasks at the same time. */
static bool pool_meets(int n)
{
    pool_meeting meeting = {.expected = n};
    tp__parallel(n, pool_costly, pool_meet, &meeting);
    return atomic_load(&meeting.met) == n;
}

TEST(tasks_run_at_the_same_time)
{
    for (int n = 1; n <= 8; n++) {
        tp_set_num_threads(n);
        CHECK(pool_meets(n));
    }
    tp_set_num_threads(2);
    CHECK(pool_meets(2));
}

TEST(cheap_work_stays_on_the_callers_thread)
{
    tp_set_num_threads(4);
    for (int round = 0; round < 100; round++) {
        pool_reset(&pool_shared);
        tp__parallel(POOL_TASKS, 1000, pool_task, &pool_shared);
        CHECK(pool_ran(&pool_shared, POOL_TASKS));
        CHECK_INT(atomic_load(&pool_shared.strangers), 0);
    }
}

enum { NESTED = 10 };

static void pool_inner(void *ctx, int64_t i)
{
    atomic_int *runs = ctx;
    atomic_fetch_add(&runs[i], 1);
}

static void pool_outer(void *ctx, int64_t i)
{
    atomic_int(*runs)[NESTED] = ctx;
    tp__parallel(NESTED, pool_costly, pool_inner, runs[i]);
}

TEST(a_task_may_have_tasks)
{
    tp_set_num_threads(3);
    for (int round = 0; round < 20; round++) {
        static atomic_int runs[NESTED][NESTED];
        memset(runs, 0, sizeof runs);
        tp__parallel(NESTED, pool_costly, pool_outer, runs);
        for (int i = 0; i < NESTED; i++)
            for (int j = 0; j < NESTED; j++)
                CHECK_INT(atomic_load(&runs[i][j]), 1);
    }
}

static atomic_int pool_failures;

static void *pool_client(void *unused)
{
    static __thread pool_work mine; /* not of the heap, where a forked child would lose it */
    pool_work *work = &mine;
    (void)unused;
    for (int round = 0; round < (test_short() ? 20 : 500); round++) {
        int64_t n = (round * 7) % 100;
        pool_reset(work);
        tp__parallel(n, pool_costly, pool_task, work);
        if (!pool_ran(work, n))
            atomic_fetch_add(&pool_failures, 1);
    }
    return NULL;
}

static atomic_bool pool_stop;

static void *pool_changer(void *unused)
{
    (void)unused;
    for (int i = 0; !atomic_load(&pool_stop); i++) {
        tp_set_num_threads(1 + i % 8);
        pool_pause();
    }
    return NULL;
}

TEST(threads_may_call_at_once_while_the_number_changes)
{
    enum { CLIENTS = 4 };
    pthread_t clients[CLIENTS], changer;
    atomic_store(&pool_stop, false);
    CHECK_INT(pthread_create(&changer, NULL, pool_changer, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        CHECK_INT(pthread_create(&clients[i], NULL, pool_client, NULL), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(clients[i], NULL);
    atomic_store(&pool_stop, true);
    pthread_join(changer, NULL);
    CHECK_INT(atomic_load(&pool_failures), 0);
}

/* A child begins without workers and makes its own; the parent's go on. */
static void pool_fork(void)
{
    pid_t child = fork();
    if (child == 0) {
        alarm(60);
        bool good = true;
        for (int round = 0; good && round < 20; round++) {
            pool_reset(&pool_shared);
            tp__parallel(100, pool_costly, pool_task, &pool_shared);
            good = pool_ran(&pool_shared, 100);
        }
        _exit(good && pool_meets(2) ? 0 : 1);
    }
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    CHECK_INT(status, 0);
    pool_reset(&pool_shared);
    tp__parallel(100, pool_costly, pool_task, &pool_shared);
    CHECK(pool_ran(&pool_shared, 100));
}

/* The thread sanitizer and QEMU do not let a child start threads. */
static bool pool_can_fork(void)
{
    if (getenv("TP_TEST_EMULATED"))
        return false;
#if defined(__SANITIZE_THREAD__)
    return false;
#elif defined(__has_feature)
    return !__has_feature(thread_sanitizer);
#else
    return true;
#endif
}

TEST(a_forked_child_has_a_pool_of_its_own)
{
    if (!pool_can_fork()) {
        test_skip("here a child cannot start threads");
        return;
    }
    pthread_t client;
    tp_set_num_threads(2);
    for (int round = 0; round < (test_short() ? 2 : 10); round++)
        pool_fork();

    /* … while another thread uses the parent's. */
    atomic_store(&pool_failures, 0);
    CHECK_INT(pthread_create(&client, NULL, pool_client, NULL), 0);
    for (int round = 0; round < (test_short() ? 2 : 10); round++)
        pool_fork();
    pthread_join(client, NULL);
    CHECK_INT(atomic_load(&pool_failures), 0);
}

TEST(a_number_of_threads_out_of_range_is_an_error)
{
    tp_set_num_threads(3);
    const int bad[] = {0, -1, 65, 1 << 30};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tp_set_num_threads(bad[i]);
        CHECK_ERROR(TP_ERROR_ARGUMENT, "set_num_threads");
        CHECK_INT(tp_num_threads(), 3);
    }
    tp_set_num_threads(64);
    CHECK_INT(tp_num_threads(), 64);
    tp_set_num_threads(2);
}

/* In a process of its own, since the environment is read once. */
static int pool_threads_with(const char *value)
{
    int ends[2];
    char path[4096], count = 0;
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0 || pipe(ends) != 0)
        return -1;
    path[length] = 0;
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 3);
        setenv("TP_NUM_THREADS", value, 1);
        setenv("POOL_REPORT", "1", 1);
        execl(path, path, (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    ssize_t got = read(ends[0], &count, 1);
    close(ends[0]);
    waitpid(child, NULL, 0);
    return got == 1 ? count : -1;
}

static void pool_quiet(const char *line)
{
    (void)line;
}

__attribute__((constructor)) static void pool_report(void)
{
    if (!getenv("POOL_REPORT"))
        return;
    tp_set_log(pool_quiet);
    char count = (char)tp_num_threads();
    _exit(write(3, &count, 1) == 1 ? 0 : 1);
}

TEST(the_environment_says_how_many)
{
    int usual = pool_threads_with("");
    if (usual < 0) {
        test_skip("there is no /proc");
        return;
    }
    CHECK(usual >= 1 && usual <= 64);
    CHECK_INT(pool_threads_with("1"), 1);
    CHECK_INT(pool_threads_with("5"), 5);
    CHECK_INT(pool_threads_with("64"), 64);
    CHECK_INT(pool_threads_with("65"), usual);
    CHECK_INT(pool_threads_with("0"), usual);
    CHECK_INT(pool_threads_with("-2"), usual);
    CHECK_INT(pool_threads_with("many"), usual);
    CHECK_INT(pool_threads_with("4x"), usual);
}
