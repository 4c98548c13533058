/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "data/workers.h"

#if defined(TP_NO_THREADS)

bool tp__workers_start(tp__workers **workers, int n, tp__workers_job *job, void *arg)
{
    (void)n, (void)job, (void)arg;
    *workers = NULL;
    return true;
}

void tp__workers_rest(tp__workers *workers)
{
    (void)workers;
}

void tp__workers_begin(tp__workers *workers, int64_t b, int64_t end)
{
    (void)workers, (void)b, (void)end;
}

bool tp__workers_take(tp__workers *workers, tp_var **out)
{
    (void)workers, (void)out;
    return false;
}

void tp__workers_free(tp__workers *workers)
{
    (void)workers;
}

#else

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"

typedef struct workers_slot {
    tp__batch batch;
    bool ready;
    tp_code code; /* of the error with which it ended, TP_OK for none */
    char message[512];
} workers_slot;

/* next is the first batch that nobody began, taken the first that the loader did not take. All but
 * a slot that somebody fills or reads is behind the lock. */
struct tp__workers {
    pthread_mutex_t lock;
    pthread_cond_t wanted, done;
    tp__workers_job *job;
    void *arg;
    int n_threads, n_slots, busy;
    int64_t next, taken, end;
    bool stop;
    pthread_t *threads;
    workers_slot *slots;
};

static workers_slot *workers_slot_of(tp__workers *w, int64_t b)
{
    return &w->slots[b % w->n_slots];
}

static void workers_fill(tp__workers *w, int64_t b)
{
    workers_slot *slot = workers_slot_of(w, b);
    bool good = w->job(w->arg, b, &slot->batch);
    slot->code = tp_status();
    if (!good && slot->code == TP_OK)
        slot->code = TP_ERROR_MEMORY;
    const char *error = tp_error();
    size_t length = error ? strlen(error) : 0;
    length = length < sizeof slot->message ? length : sizeof slot->message - 1;
    if (error)
        memcpy(slot->message, error, length);
    slot->message[length] = 0;
    tp_clear_error();
}

static void *workers_run(void *arg)
{
    tp__workers *w = arg;
    pthread_mutex_lock(&w->lock);
    while (!w->stop) {
        if (w->next >= w->end || w->next >= w->taken + w->n_slots) {
            pthread_cond_wait(&w->wanted, &w->lock);
            continue;
        }
        int64_t b = w->next++;
        w->busy++;
        pthread_mutex_unlock(&w->lock);
        workers_fill(w, b);
        pthread_mutex_lock(&w->lock);
        workers_slot_of(w, b)->ready = true;
        w->busy--;
        pthread_cond_broadcast(&w->done);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

/* Signals are the program's threads' to handle. */
static int workers_start_threads(tp__workers *w, int n)
{
    sigset_t all, old;
    int error = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    while (w->n_threads < n && !error) {
        error = pthread_create(&w->threads[w->n_threads], NULL, workers_run, w);
        w->n_threads += !error;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return error;
}

static tp__workers *workers_make(int n)
{
    tp__workers *w = tp__alloc_zero(1, sizeof *w);
    if (!w)
        return NULL;
    w->n_slots = 2 * n;
    w->threads = tp__alloc_zero((size_t)n, sizeof *w->threads);
    w->slots = w->threads ? tp__alloc_zero((size_t)w->n_slots, sizeof *w->slots) : NULL;
    if (!w->slots) {
        tp__free(w->threads);
        tp__free(w);
        return NULL;
    }
    for (int i = 0; i < w->n_slots; i++)
        w->slots[i].batch.for_another = true;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wanted, NULL);
    pthread_cond_init(&w->done, NULL);
    return w;
}

bool tp__workers_start(tp__workers **workers, int n, tp__workers_job *job, void *arg)
{
    *workers = NULL;
    if (n == 0)
        return true;
    tp__workers *w = workers_make(n);
    if (!w)
        return false;
    w->job = job;
    w->arg = arg;
    if (workers_start_threads(w, n)) {
        tp_fail(TP_ERROR_MEMORY, "loader_new: the system starts only %d of %d workers",
                w->n_threads, n);
        tp__workers_free(w);
        return false;
    }
    *workers = w;
    return true;
}

void tp__workers_rest(tp__workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->end = w->next;
    while (w->busy)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
}

void tp__workers_begin(tp__workers *w, int64_t b, int64_t end)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    for (int i = 0; i < w->n_slots; i++)
        w->slots[i].ready = false;
    w->next = w->taken = b;
    w->end = end;
    pthread_cond_broadcast(&w->wanted);
    pthread_mutex_unlock(&w->lock);
}

bool tp__workers_take(tp__workers *w, tp_var **out)
{
    workers_slot *slot = workers_slot_of(w, w->taken);
    pthread_mutex_lock(&w->lock);
    while (!slot->ready)
        pthread_cond_wait(&w->done, &w->lock);
    pthread_mutex_unlock(&w->lock);
    if (slot->code == TP_OK)
        tp__batch_give(&slot->batch, out);
    else
        tp_fail(slot->code, "%s", slot->message);
    pthread_mutex_lock(&w->lock);
    slot->ready = false;
    w->taken++;
    pthread_cond_broadcast(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    return tp__here()->code == TP_OK;
}

void tp__workers_free(tp__workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n_threads; i++)
        pthread_join(w->threads[i], NULL);
    for (int i = 0; i < w->n_slots; i++)
        tp__batch_drop(&w->slots[i].batch);
    pthread_cond_destroy(&w->done);
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    tp__free(w->slots);
    tp__free(w->threads);
    tp__free(w);
}

#endif
