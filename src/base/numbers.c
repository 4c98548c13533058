/* SPDX-License-Identifier: MIT
 *
 * Numbers as text in C's own locale, whatever the program chose.
 *
 * The locale is changed with uselocale, for this thread and for the time of one call: setlocale
 * would change it for the whole program, and under the feet of other threads.
 */
#include "base/features.h"

#include "base/numbers.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include "base/system.h"

/* Made once and kept. If it cannot be made, which no C library should let happen, uselocale changes
 * nothing, and numbers are written as the program's locale has them. */
static locale_t numbers_locale;
static tp__once numbers_once = TP__ONCE_START;

static void numbers_begin(void)
{
    numbers_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

void *tp__locale_enter(void)
{
    tp__call_once(&numbers_once, numbers_begin);
    return uselocale(numbers_locale);
}

void tp__locale_leave(void *before)
{
    uselocale((locale_t)before);
}

int tp__format_list(char *to, size_t size, const char *format, va_list arguments)
{
    void *before = tp__locale_enter();
    int length = vsnprintf(to, size, format, arguments);
    tp__locale_leave(before);
    return length;
}

int tp__format(char *to, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = tp__format_list(to, size, format, arguments);
    va_end(arguments);
    return length;
}

int tp__print(FILE *file, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    void *before = tp__locale_enter();
    int length = vfprintf(file, format, arguments);
    tp__locale_leave(before);
    va_end(arguments);
    return length;
}

double tp__read_number(const char *text, char **end)
{
    void *before = tp__locale_enter();
    double number = strtod(text, end);
    tp__locale_leave(before);
    return number;
}

void tp__error_text(char *to, size_t size, int error)
{
    void *before = tp__locale_enter();
    snprintf(to, size, "%s", strerror(error));
    tp__locale_leave(before);
}
