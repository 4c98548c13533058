/* SPDX-License-Identifier: MIT
 *
 * The state of a thread: made at its first call, closed at its end.
 *
 * A thread that ends is told of by pthread's keys, which call thread_end. The main thread ends
 * without that when main returns: there a destructor of the library does it. State comes from
 * calloc, since tp__alloc needs it; if there is none, a thread shares one that every call finds in
 * error.
 */
#include "base/features.h"

#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/debug.h"
#include "base/error.h"
#include "base/log.h"
#include "base/node.h"
#include "base/profile.h"
#include "base/scope.h"
#include "base/settings.h"
#include "tinypytorch/draw.h"

TP__THREAD_LOCAL tp__thread *tp__thread_current TP__TLS_MODEL;

/* Here, since a thread looks at it when it starts, and profile.c needs threads. */
atomic_bool tp__profiling;

static tp__once thread_once = TP__ONCE_START;

/* Serves threads that cannot even get their own state. It starts with an error that says so. */
static tp__thread thread_without_memory;

/* The order matters. Handles go first, since their values free others. What the program kept lives
 * on, so what waits is computed, while blocks can still be had. Only then is there no error to come
 * any more, and an untold one is told. The debug mode gives its nodes to the free list, which is
 * handed on. */
static void thread_end(void *state)
{
    tp__thread *t = state;
    tp__thread_current = t;
    tp__scope_close_all(t);
    tp_name_scope_end(1);
    if (t->waiting.finish)
        t->waiting.finish(t);
    tp__error_tell(t, "a thread ends, and nobody asked for its ");
    tp__debug_end(t);
    tp__node_give_back(t);
    tp__block_trim(t);
    free(t->scopes.handles);
    free(t->scopes.open);
    if (t != &thread_without_memory)
        free(t);
    tp__thread_current = NULL;
}

/* thread_watch(t) has pthread call thread_end(t) when the thread ends. The one that ends the
 * process is seen to below. */
#if defined(TP_NO_THREADS)

static void thread_watch_any(void)
{
}

static void thread_watch(tp__thread *t)
{
    (void)t;
}

#else

static pthread_key_t thread_key;

static void thread_watch_any(void)
{
    pthread_key_create(&thread_key, thread_end);
}

static void thread_watch(tp__thread *t)
{
    pthread_setspecific(thread_key, t);
}

#endif

static void thread_prepare(void)
{
    thread_watch_any();
    tp__settings_read();
}

#if defined(__GNUC__)
/* The main thread's key destructor does not run when main returns. */
__attribute__((destructor)) static void thread_end_of_process(void)
{
    tp__thread *t = tp__thread_current;
    if (!t)
        return;
    tp_set_log(NULL); /* what it called may be gone */
    thread_watch(NULL);
    thread_end(t);
}
#endif

tp__thread *tp__thread_start(void)
{
    tp__call_once(&thread_once, thread_prepare);
    tp__thread *t = calloc(1, sizeof *t);
    if (!t) {
        t = &thread_without_memory;
        t->code = TP_ERROR_MEMORY;
        snprintf(t->error.message, sizeof t->error.message,
                 "out of memory: no state for this thread");
    }
    const char *anomaly = getenv("TP_ANOMALY");
    tp__set_mode(t, TP__ANOMALY, anomaly && anomaly[0] && strcmp(anomaly, "0") != 0);
    tp__set_mode(t, TP__PROFILED, atomic_load(&tp__profiling));
    tp__thread_current = t;
    thread_watch(t);
    const char *debug = getenv("TP_DEBUG");
    if (debug && debug[0] && strcmp(debug, "0") != 0)
        tp__debug_begin(t);
    return t;
}
