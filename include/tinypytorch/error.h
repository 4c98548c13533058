/* SPDX-License-Identifier: MIT
 *
 * Errors are sticky. No operation returns NULL or aborts: a call that fails records the thread's
 * first error and returns *poison*, an immortal NaN that every operation accepts and passes on.
 * A whole computation can be written without a check and asked once at its end:
 *
 *     return tp_check();      // prints the error, if any; 0 or 1 as exit status
 *
 * Poison: tp_data is NULL, tp_item is NaN, text is NULL, arrays of results are filled with
 * poison; keep, free, leave, name and share ignore it. While an error is pending, backward and
 * in-place edits do nothing, so no gradient and no parameter is spoilt. An operation, tp_item,
 * tp_data or a function that makes text, given poison when no error is pending (it was cleared too
 * early), records one again. Running out of memory is an error like the others.
 *
 * No error is lost. One that the program does not ask for, by tp_error, tp_status or tp_check, is
 * printed to the log when its thread or the process ends, and before that when tp_data or tp_data_
 * gives NULL because of it, since a program that reads through NULL dies before it asks.
 * To see errors where they happen set TP_ERRORS=print in the environment, or =abort, which then
 * calls abort() for a debugger or a core file (tp_set_errors does the same). What is printed tells
 * the file and line of the call, if the program was compiled with -g and addr2line is at hand
 * (binutils; Linux with glibc), otherwise a symbol and an offset.
 */
#ifndef TINYPYTORCH_ERROR_H
#define TINYPYTORCH_ERROR_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tp_code {
    TP_OK,
    TP_ERROR_ARGUMENT, /* NULL, out of range, or not meant for this call */
    TP_ERROR_SHAPE,    /* shapes that do not fit each other, or a wrong axis */
    TP_ERROR_DTYPE,    /* an element type the call does not take */
    TP_ERROR_GRAPH,    /* no derivative, a value edited since it was recorded, read-only, poison */
    TP_ERROR_MEMORY,   /* the system gave no memory */
    TP_ERROR_FILE,     /* reading or writing a file failed */
    TP_ERROR_MISSING,  /* the library was built without what the call needs */
    TP_ERROR_ANOMALY   /* NaN or an infinity, while they are looked for (anomaly.h) */
} tp_code;

/* The message of the first error since the last tp_clear_error, or NULL:
 * "matmul: shapes (2, 3) and (2, 3) do not fit: 3 != 2". */
TP_API const char *tp_error(void);

/* Its code, TP_OK when there is none. */
TP_API tp_code tp_status(void);

/* Where the program made the call that failed, "train.c:42" or as above; NULL when there is no
 * error or this is not known. Finding a line takes some milliseconds, once. */
TP_API const char *tp_error_place(void);

/* Forgets the pending error. */
TP_API void tp_clear_error(void);

/* Prints the pending error and its place to stderr. Returns 1 if there was one, else 0. */
TP_API int tp_check(void);

/* Records an error from a function of one's own (see tp_function), unless one is pending, and
 * returns poison. Every error of the library passes through here: the place for a breakpoint. */
TP_API tp_var *tp_fail(tp_code code, const char *format, ...) TP_PRINTF(2, 3);

/* What happens to an error at once, in all threads; returns what did so far. It starts as the
 * environment's TP_ERRORS: "print", "abort", or none. */
typedef enum tp_errors {
    TP_ERRORS_KEEP,  /* it stays pending until it is asked for */
    TP_ERRORS_PRINT, /* and is printed to the log */
    TP_ERRORS_ABORT  /* and abort() is called */
} tp_errors;

TP_API tp_errors tp_set_errors(tp_errors mode);

/* True for the poison value. */
TP_API bool tp_is_poison(const tp_var *v);

/* Where warnings go: one line without a newline. NULL restores stderr. For the whole process. */
TP_API void tp_set_log(void (*log)(const char *line));

#ifdef __cplusplus
}
#endif

#endif
