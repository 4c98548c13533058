/* SPDX-License-Identifier: MIT
 *
 * A stack of another size, this process's number, and a clock. Under TP_NO_THREADS the first is the
 * caller's own and the second is 0.
 *
 * tp__call_on_stack starts a thread and waits for it. What runs there should not touch values,
 * which belong to the thread that waits.
 */
#include "base/features.h"

#include "base/system.h"

#include <time.h>

#if defined(TP_NO_THREADS)

int tp__call_on_stack(size_t bytes, void *(*f)(void *argument), void *argument)
{
    (void)bytes;
    f(argument);
    return 0;
}

long tp__process(void)
{
    return 0;
}

#else

#include <unistd.h>

int tp__call_on_stack(size_t bytes, void *(*f)(void *argument), void *argument)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    int error = pthread_attr_setstacksize(&attributes, bytes);
    error = error ? error : pthread_create(&thread, &attributes, f, argument);
    pthread_attr_destroy(&attributes);
    return error ? error : pthread_join(thread, NULL);
}

long tp__process(void)
{
    return (long)getpid();
}

#endif

int64_t tp__clock(void)
{
    struct timespec t;
#if defined(CLOCK_MONOTONIC)
    clock_gettime(CLOCK_MONOTONIC, &t);
#else
    timespec_get(&t, TIME_UTC);
#endif
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}
