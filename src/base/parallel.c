/* SPDX-License-Identifier: MIT
 *
 * One pool for the process. Each thread of a job has a lane: as many of its tasks, side by side, as
 * any other. It does those first, then what is left in other lanes. So what a thread wrote in one
 * job it mostly reads in the next, and its cache need not be asked by another processor (two
 * threads that write 6 MB in turns take 0.7 ms, each its half 0.1; virtual machine, Zen 4).
 *
 * Tasks have tickets, numbers that grow for as long as the process lives; a thread takes a task by
 * moving a lane's ticket on by one. A worker that wakes late therefore finds its job's tickets
 * gone, whatever runs by then, and sleeps again; the caller never waits for it, only for tasks that
 * have been taken.
 *
 * Going to sleep and waking takes 18 to 30 µs (measured), which is as long as many jobs take. So a
 * worker without a job, and a caller whose last tasks others are finishing, look out for that long
 * before they sleep. For jobs that follow each other closely, workers then wake only once.
 *
 * Workers are kept off the caller's processor: left to itself, Linux often wakes one on the very
 * processor that its caller keeps busy, with another one idle (seen on virtual machines; jobs of
 * 160 µs every 300 µs then take 167 µs, not 100).
 *
 * A caller that goes to sleep says so, then looks once more; a worker counts its tasks, then looks
 * whether anyone sleeps. Both first steps are read-modify-write: QEMU 7's aarch64 lets a load pass
 * a sequentially consistent store (seen 5,158 times in 10⁶), and a wake-up would be lost.
 *
 * Workers start at the first job that wants them. After fork() the child has none and starts its
 * own. At the end of the process, or when the library is unloaded, they finish what they are at and
 * are joined.
 */
#include "base/features.h"

#include "base/parallel.h"

#include <stdbool.h>

#include "base/log.h"
#include "tinypytorch/engine.h"
#include "tinypytorch/error.h"

enum { PARALLEL_MAX_THREADS = 64 };

static bool parallel_can_be(int n)
{
    if (n < 1 || n > PARALLEL_MAX_THREADS)
        tp_fail(TP_ERROR_ARGUMENT, "set_num_threads: %d threads, expected 1 to %d", n,
                PARALLEL_MAX_THREADS);
    return n >= 1 && n <= PARALLEL_MAX_THREADS;
}

#if defined(TP_NO_THREADS)

int tp_num_threads(void)
{
    return 1;
}

void tp_set_num_threads(int n)
{
    parallel_can_be(n);
}

void tp__parallel(int64_t n, double cost, void (*task)(void *ctx, int64_t i), void *ctx)
{
    (void)cost;
    for (int64_t i = 0; i < n; i++)
        task(ctx, i);
}

#else

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/system.h"

/* In nanoseconds: a thread is woken for this much work or not at all. */
static const double parallel_worth_waking = 20e3;

#if defined(__x86_64__) || defined(__i386__)
#define PARALLEL_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PARALLEL_PAUSE() __asm__ volatile("yield")
#else
#define PARALLEL_PAUSE() ((void)0)
#endif

/* What a thread needs in order to take part: a copy, since the job may be over before it looks. */
typedef struct parallel_job {
    void (*task)(void *ctx, int64_t i);
    void *ctx;
    int64_t first, n; /* the first ticket of each lane; tasks of all */
    int lanes;
} parallel_job;

/* Under the lock. Workers sleep on `work` while there is no seat; the caller of a job sleeps on
 * `done`. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    parallel_job job; /* the newest */
    int seats;        /* how many more threads may join it */
    pthread_t workers[PARALLEL_MAX_THREADS - 1];
    int n_workers, n_placed, caller; /* n_placed of them are kept off the processor caller */
    int refused;                     /* so many workers were asked for, and the system gave fewer */
    bool ending, knows_fork;
} parallel_pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
                   .work = PTHREAD_COND_INITIALIZER,
                   .done = PTHREAD_COND_INITIALIZER};

/* A line of the cache each. */
static struct {
    _Alignas(64) _Atomic int64_t ticket;
} parallel_lanes[PARALLEL_MAX_THREADS];
static int64_t parallel_next; /* under the lock: no job had this ticket or a greater one */
static _Atomic int64_t parallel_newest; /* the first ticket of the newest job */
static _Atomic int64_t parallel_helped; /* how many of its tasks workers have finished */
static atomic_bool parallel_asleep;     /* its caller waits for them */
static atomic_bool parallel_busy;       /* it has not ended */
static atomic_int parallel_threads;     /* 0: not yet known */

/* --- How many threads --- */

static int parallel_processors(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return CPU_COUNT(&set);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > PARALLEL_MAX_THREADS ? PARALLEL_MAX_THREADS : (int)n;
}

static int parallel_default(void)
{
    int n = parallel_processors();
    n = n > PARALLEL_MAX_THREADS ? PARALLEL_MAX_THREADS : n;
    const char *text = getenv("TP_NUM_THREADS");
    if (!text || !*text)
        return n;
    char *end;
    errno = 0;
    long given = strtol(text, &end, 10);
    if (*end || errno || given < 1 || given > PARALLEL_MAX_THREADS) {
        tp__log("TP_NUM_THREADS is '%s', expected 1 to %d: using %d", text, PARALLEL_MAX_THREADS,
                n);
        return n;
    }
    return (int)given;
}

int tp_num_threads(void)
{
    int n = atomic_load_explicit(&parallel_threads, memory_order_relaxed);
    if (TP_UNLIKELY(n == 0)) {
        int start = parallel_default();
        if (atomic_compare_exchange_strong(&parallel_threads, &n, start))
            n = start;
    }
    return n;
}

void tp_set_num_threads(int n)
{
    if (parallel_can_be(n))
        atomic_store(&parallel_threads, n);
}

/* --- Workers --- */

/* Takes a lane's tasks until there are none; returns how many. The ticket's order is relaxed since
 * it only says whose a task is: the job came through the lock, and what the tasks wrote is seen by
 * whoever reads parallel_helped. */
static int64_t parallel_take_lane(const parallel_job *job, int lane)
{
    _Atomic int64_t *next = &parallel_lanes[lane].ticket;
    int64_t start = job->n * lane / job->lanes, taken = 0;
    int64_t end = job->first + job->n * (lane + 1) / job->lanes - start;
    int64_t ticket = atomic_load_explicit(next, memory_order_relaxed);
    while (ticket < end) {
        if (!atomic_compare_exchange_weak_explicit(next, &ticket, ticket + 1, memory_order_relaxed,
                                                   memory_order_relaxed))
            continue;
        job->task(job->ctx, start + ticket - job->first);
        taken++;
        ticket = atomic_load_explicit(next, memory_order_relaxed);
    }
    return taken;
}

/* The same in all lanes, from this one on. */
static int64_t parallel_take(const parallel_job *job, int lane)
{
    int64_t taken = 0;
    for (int i = 0; i < job->lanes; i++)
        taken += parallel_take_lane(job, (lane + i) % job->lanes);
    return taken;
}

/* Looks until *value is not old, for as long as a wake-up takes; returns what it is then. */
static int64_t parallel_look(_Atomic int64_t *value, int64_t old)
{
    int64_t now = atomic_load(value);
    double end = (double)tp__clock() + parallel_worth_waking;
    while (now == old && (double)tp__clock() < end)
        for (int i = 0; i < 16 && now == old; i++) {
            PARALLEL_PAUSE();
            now = atomic_load(value);
        }
    return now;
}

/* Joins a job; false when the process ends. */
static bool parallel_join(parallel_job *job)
{
    pthread_mutex_lock(&parallel_pool.lock);
    while (parallel_pool.seats == 0 && !parallel_pool.ending)
        pthread_cond_wait(&parallel_pool.work, &parallel_pool.lock);
    bool joined = !parallel_pool.ending;
    if (joined) {
        parallel_pool.seats--;
        *job = parallel_pool.job;
    }
    pthread_mutex_unlock(&parallel_pool.lock);
    return joined;
}

/* The caller takes lane 0, workers in the order of their number the others. */
static void *parallel_worker(void *number)
{
    int index = (int)(intptr_t)number;
    parallel_job job;
    while (parallel_join(&job)) {
        int64_t taken = parallel_take(&job, 1 + index % (job.lanes - 1));
        /* With a task taken, the job cannot have ended before this line. */
        atomic_fetch_add(&parallel_helped, taken);
        if (taken > 0 && atomic_load(&parallel_asleep)) {
            pthread_mutex_lock(&parallel_pool.lock);
            pthread_cond_signal(&parallel_pool.done);
            pthread_mutex_unlock(&parallel_pool.lock);
        }
        parallel_look(&parallel_newest, job.first);
    }
    return NULL;
}

/* fork() copies the pool but none of its workers. The lock is held meanwhile, so that the copy is
 * whole; the child then has a pool without workers, and without a job, whose caller is not there.
 */
static void parallel_before_fork(void)
{
    pthread_mutex_lock(&parallel_pool.lock);
}

static void parallel_after_fork(void)
{
    pthread_mutex_unlock(&parallel_pool.lock);
}

static void parallel_in_child(void)
{
    parallel_pool.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    parallel_pool.work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    parallel_pool.done = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    parallel_pool.n_workers = parallel_pool.n_placed = parallel_pool.refused = parallel_pool.seats =
        0;
    atomic_store(&parallel_busy, false);
}

/* Brings the pool to n workers if the system lets it; returns how many there are. Signals go to the
 * program's own threads. */
static int parallel_staff(int n)
{
    if (parallel_pool.n_workers >= n || parallel_pool.ending || parallel_pool.refused == n)
        return parallel_pool.n_workers;
    if (!parallel_pool.knows_fork)
        parallel_pool.knows_fork =
            pthread_atfork(parallel_before_fork, parallel_after_fork, parallel_in_child) == 0;
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (parallel_pool.n_workers < n && parallel_pool.knows_fork &&
           pthread_create(&parallel_pool.workers[parallel_pool.n_workers], NULL, parallel_worker,
                          (void *)(intptr_t)parallel_pool.n_workers) == 0)
        parallel_pool.n_workers++;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    parallel_pool.refused = parallel_pool.n_workers < n ? n : 0;
    return parallel_pool.n_workers;
}

/* Keeps the workers off the processor that the caller runs on now, if that changed. */
static void parallel_place(void)
{
#if defined(__linux__)
    int caller = sched_getcpu(), n = parallel_pool.n_workers;
    if (caller < 0 || (caller == parallel_pool.caller && n == parallel_pool.n_placed))
        return;
    parallel_pool.caller = caller;
    parallel_pool.n_placed = n;
    cpu_set_t set;
    if (caller >= CPU_SETSIZE || sched_getaffinity(0, sizeof set, &set) != 0)
        return;
    CPU_CLR((size_t)caller, &set);
    for (int i = 0; i < n && CPU_COUNT(&set) > 0; i++)
        pthread_setaffinity_np(parallel_pool.workers[i], sizeof set, &set);
#endif
}

__attribute__((destructor)) static void parallel_end(void)
{
    pthread_mutex_lock(&parallel_pool.lock);
    parallel_pool.ending = true;
    int n = parallel_pool.n_workers;
    parallel_pool.n_workers = 0;
    pthread_cond_broadcast(&parallel_pool.work);
    pthread_mutex_unlock(&parallel_pool.lock);
    for (int i = 0; i < n; i++)
        pthread_join(parallel_pool.workers[i], NULL);
}

/* --- Jobs --- */

/* How many threads besides the caller's are worth waking. */
static int parallel_helpers(int64_t n, double cost)
{
    int most = tp_num_threads() - 1;
    if (most > n - 1)
        most = (int)(n - 1);
    double worth = cost / parallel_worth_waking - 1;
    return worth < most ? (int)worth : most;
}

/* Gives the job its tickets, which follow those of all before, and offers it to so many workers. */
static void parallel_post(parallel_job *job, int64_t n, int helpers)
{
    pthread_mutex_lock(&parallel_pool.lock);
    int staff = parallel_staff(helpers);
    parallel_place();
    helpers = helpers < staff ? helpers : staff;
    *job = (parallel_job){job->task, job->ctx, parallel_next, n, helpers + 1};
    for (int i = 0; i < job->lanes; i++)
        atomic_store_explicit(&parallel_lanes[i].ticket, job->first, memory_order_relaxed);
    parallel_next += n;
    atomic_store(&parallel_helped, 0);
    parallel_pool.job = *job;
    parallel_pool.seats = helpers;
    pthread_mutex_unlock(&parallel_pool.lock);
    atomic_store(&parallel_newest, job->first);
    for (int i = 0; i < helpers; i++)
        pthread_cond_signal(&parallel_pool.work);
}

/* Returns when workers have finished n tasks of the job: looks out as long as it gets on, then
 * sleeps. Nobody joins any more. */
static void parallel_wait(int64_t n)
{
    for (int64_t before = -1, helped = 0; helped != before && helped < n;) {
        before = helped;
        helped = parallel_look(&parallel_helped, before);
    }
    pthread_mutex_lock(&parallel_pool.lock);
    parallel_pool.seats = 0;
    atomic_exchange(&parallel_asleep, true);
    while (atomic_load(&parallel_helped) < n)
        pthread_cond_wait(&parallel_pool.done, &parallel_pool.lock);
    atomic_store(&parallel_asleep, false);
    pthread_mutex_unlock(&parallel_pool.lock);
}

/* One job at a time: a call during another thread's job, or from inside a task, does its tasks
 * alone. */
void tp__parallel(int64_t n, double cost, void (*task)(void *ctx, int64_t i), void *ctx)
{
    int helpers = cost < 2 * parallel_worth_waking || n < 2 ? 0 : parallel_helpers(n, cost);
    if (helpers > 0 && !atomic_exchange_explicit(&parallel_busy, true, memory_order_acquire)) {
        parallel_job job = {.task = task, .ctx = ctx};
        parallel_post(&job, n, helpers);
        parallel_wait(n - parallel_take(&job, 0));
        atomic_store_explicit(&parallel_busy, false, memory_order_release);
        return;
    }
    for (int64_t i = 0; i < n; i++)
        task(ctx, i);
}

#endif
