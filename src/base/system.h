/* SPDX-License-Identifier: MIT
 *
 * What the library needs of a system beyond C's library and files. TP_NO_THREADS stands for one
 * that has a single thread and a single process: a lock is then nothing, what is done once is done
 * at its first call, and there is no other stack than the caller's.
 */
#ifndef TP_SYSTEM_H
#define TP_SYSTEM_H

#include "base/features.h"

#include <stddef.h>
#include <stdint.h>

#if defined(TP_NO_THREADS)

#include <stdbool.h>

#define TP__THREAD_LOCAL
#define TP__MUTEX_START 0
#define TP__ONCE_START false

typedef char tp__mutex;
typedef bool tp__once;

TP_INLINE void tp__lock(tp__mutex *mutex)
{
    (void)mutex;
}

TP_INLINE void tp__unlock(tp__mutex *mutex)
{
    (void)mutex;
}

TP_INLINE void tp__call_once(tp__once *once, void (*f)(void))
{
    bool done = *once;
    *once = true;
    if (!done)
        f();
}

#else

#include <pthread.h>

#define TP__THREAD_LOCAL __thread
#define TP__MUTEX_START PTHREAD_MUTEX_INITIALIZER
#define TP__ONCE_START PTHREAD_ONCE_INIT

typedef pthread_mutex_t tp__mutex;
typedef pthread_once_t tp__once;

TP_INLINE void tp__lock(tp__mutex *mutex)
{
    pthread_mutex_lock(mutex);
}

TP_INLINE void tp__unlock(tp__mutex *mutex)
{
    pthread_mutex_unlock(mutex);
}

TP_INLINE void tp__call_once(tp__once *once, void (*f)(void))
{
    pthread_once(once, f);
}

#endif

/* Runs f(argument) on a stack of that many bytes. 0, or the system's error number. */
int tp__call_on_stack(size_t bytes, void *(*f)(void *argument), void *argument);

/* The number of this process; 0 where there are none. */
long tp__process(void);

/* Nanoseconds since some moment. */
int64_t tp__clock(void);

#endif
