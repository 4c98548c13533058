/* SPDX-License-Identifier: MIT
 *
 * The thread's pending error. It is *told* once the program has asked for it, or a line about it
 * has been written; one that was never told is written when the thread ends, by the process in
 * which it arose.
 */
#ifndef TP_ERROR_H
#define TP_ERROR_H

#include "base/thread.h"
#include "tinypytorch/error.h"

/* Writes the pending error to the log after the words `when`, if it was not told. */
void tp__error_tell(tp__thread *t, const char *when);

/* The same before NULL is given out, since a program that reads through it dies before it asks. A
 * program that has survived ten times does look at what it gets, and nothing more is written.
 * Returns NULL. */
void *tp__error_null(void);

/* Adds text to the pending error's message: where in the program's data it arose. */
void tp__error_add(tp__thread *t, const char *format, ...) TP_PRINTF(2, 3);

#endif
