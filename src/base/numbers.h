/* SPDX-License-Identifier: MIT
 *
 * Numbers as text. A program that chose a locale writes 0,75 with printf and reads no 0.75 with
 * strtod; everything in this library writes and reads through these, which do as in C's own locale.
 */
#ifndef TP_NUMBERS_H
#define TP_NUMBERS_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include "tinypytorch/base.h"

/* snprintf, vsnprintf and fprintf. */
int tp__format(char *to, size_t size, const char *format, ...) TP_PRINTF(3, 4);
int tp__format_list(char *to, size_t size, const char *format, va_list arguments);
int tp__print(FILE *file, const char *format, ...) TP_PRINTF(2, 3);

/* strtod; end may be NULL. */
double tp__read_number(const char *text, char **end);

/* The system's words for an error number, in English. */
void tp__error_text(char *to, size_t size, int error);

/* Around calls of libraries that write or read numbers: this thread is in C's locale between them.
 * The first returns what the second is given. */
void *tp__locale_enter(void);
void tp__locale_leave(void *before);

#endif
