/* SPDX-License-Identifier: MIT
 *
 * Ctrl-C sets a flag while a training runs that asked for it. The handler takes itself away, so
 * that a second one does what it did before. A system without signals has none.
 */
#include "base/features.h"

#include "train/train.h"

#if defined(TP_NO_THREADS)

void tp__interrupt_begin(void)
{
}

bool tp__interrupt_came(void)
{
    return false;
}

void tp__interrupt_end(void)
{
}

#else

#include <signal.h>

static volatile sig_atomic_t interrupt_came;
static struct sigaction interrupt_before;

static void interrupt_handle(int signal)
{
    (void)signal;
    interrupt_came = 1;
    sigaction(SIGINT, &interrupt_before, NULL);
}

void tp__interrupt_begin(void)
{
    struct sigaction action = {.sa_handler = interrupt_handle, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    interrupt_came = 0;
    sigaction(SIGINT, NULL, &interrupt_before);
    sigaction(SIGINT, &action, NULL);
}

bool tp__interrupt_came(void)
{
    return interrupt_came;
}

void tp__interrupt_end(void)
{
    sigaction(SIGINT, &interrupt_before, NULL);
}

#endif
