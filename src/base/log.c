/* SPDX-License-Identifier: MIT
 *
 * One line at a time, to the function that the program chose or to stderr. A line is cut off after
 * 1,023 bytes: what is logged is a message, and a log must work without memory.
 */
#include "base/features.h"

#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>

#include "base/numbers.h"

typedef void log_function(const char *line);

static _Atomic(log_function *) log_chosen;

void tp_set_log(void (*log)(const char *line))
{
    atomic_store(&log_chosen, log);
}

void tp__log(const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    tp__format_list(line, sizeof line, format, arguments);
    va_end(arguments);
    log_function *log = atomic_load(&log_chosen);
    if (log)
        log(line);
    else
        fprintf(stderr, "tinypytorch: %s\n", line);
}
