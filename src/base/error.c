/* SPDX-License-Identifier: MIT
 *
 * The pending error of a thread: recording it, telling it, clearing it.
 *
 * There is one error a thread, and it is sticky: the first failure sets the thread's `code`, and it
 * stays until the program clears it. Code inside the library that can do without what failed puts
 * back the code that was. Values that could not be made are poison, a single constant node that
 * holds NaN and is never freed.
 *
 * An error bears the name of the function that the program called (base/call.h) and the stack of
 * that moment (base/site.h), which becomes a file and a line only if somebody asks.
 *
 * The child of fork() inherits the pending error of its parent, but does not tell it: the parent
 * does.
 */
#include "base/features.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/node.h"
#include "base/numbers.h"
#include "base/system.h"
#include "base/thread.h"

enum { ERROR_UNSET = -1, ERROR_NULLS = 10, ERROR_PLACE = TP__SITE_TEXT + 16 };

/* A tp_errors; ERROR_UNSET until it is first wanted, when the environment is asked. */
static _Atomic int error_mode = ERROR_UNSET;

static int error_mode_of_environment(void)
{
    const char *text = getenv("TP_ERRORS");
    if (!text || !text[0])
        return TP_ERRORS_KEEP;
    if (strcmp(text, "print") == 0)
        return TP_ERRORS_PRINT;
    if (strcmp(text, "abort") == 0)
        return TP_ERRORS_ABORT;
    tp__log("TP_ERRORS is \"%.40s\", expected print or abort", text);
    return TP_ERRORS_KEEP;
}

static tp_errors error_mode_now(void)
{
    int mode = atomic_load_explicit(&error_mode, memory_order_relaxed);
    if (mode == ERROR_UNSET) {
        int expected = ERROR_UNSET;
        mode = error_mode_of_environment();
        if (!atomic_compare_exchange_strong(&error_mode, &expected, mode))
            mode = expected;
    }
    return (tp_errors)mode;
}

tp_errors tp_set_errors(tp_errors mode)
{
    tp_errors old = error_mode_now();
    if (mode == TP_ERRORS_KEEP || mode == TP_ERRORS_PRINT || mode == TP_ERRORS_ABORT)
        atomic_store_explicit(&error_mode, mode, memory_order_relaxed);
    else
        tp_fail(TP_ERROR_ARGUMENT, "set_errors: %d is no mode", (int)mode);
    return old;
}

/* "; called at file.c:12", or "" where that is not known or the message says it. */
static const char *error_place(char text[ERROR_PLACE], const tp__thread *t)
{
    char place[TP__SITE_TEXT];
    text[0] = 0;
    if (t->code != TP_ERROR_ANOMALY && tp__site_text(place, &t->error.site)[0])
        snprintf(text, ERROR_PLACE, "; called at %s", place);
    return text;
}

void tp__error_tell(tp__thread *t, const char *when)
{
    char place[ERROR_PLACE];
    if (!t->code || t->error.told || t->error.process != tp__process())
        return;
    t->error.told = true;
    tp__log("%serror: %s%s", when, t->error.message, error_place(place, t));
}

void *tp__error_null(void)
{
    tp__thread *t = tp__here();
    if (t->code && !t->error.told && t->error.nulls_told < ERROR_NULLS) {
        t->error.nulls_told++;
        tp__error_tell(t, "");
    }
    return NULL;
}

/* The text behind "name: ", if it begins so, else the text. */
static const char *error_after_name(const char *text)
{
    size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");
    return length && text[length] == ':' && text[length + 1] == ' ' ? text + length + 2 : text;
}

/* Puts "?" for what is no whole character of UTF-8, as where the message was cut off. */
static void error_mend(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at; at++) {
        int more = *at < 0xC0 ? 0 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3, n = 0;
        while (n < more && (at[n + 1] & 0xC0) == 0x80)
            n++;
        if (n < more || (*at & 0xC0) == 0x80)
            *at = '?';
        else
            at += n;
    }
}

/* message ← text, in the name of the function that the program called. */
static void error_put(tp__thread *t, const char *text)
{
    if (t->call)
        tp__format(t->error.message, sizeof t->error.message, "%s: %s", t->call,
                   error_after_name(text));
    else
        memcpy(t->error.message, text, sizeof t->error.message);
    error_mend(t->error.message);
}

/* The first error is the cause, and those that follow are its effects: they are not recorded. All
 * that fails may therefore report, on its way out of any number of calls. */
tp_var *tp_fail(tp_code code, const char *format, ...)
{
    tp__thread *t = tp__here();
    if (t->code != TP_OK)
        return tp__poison();
    t->code = code == TP_OK ? TP_ERROR_ARGUMENT : code;
    t->error.told = false;
    t->error.process = tp__process();
    char message[sizeof t->error.message]; /* arguments may point into the old one */
    va_list arguments;
    va_start(arguments, format);
    tp__format_list(message, sizeof message, format ? format : "an error without a message",
                    arguments);
    va_end(arguments);
    error_put(t, message);
    tp__site_take(&t->error.site);
    tp_errors mode = error_mode_now();
    if (mode != TP_ERRORS_KEEP)
        tp__error_tell(t, "");
    if (mode == TP_ERRORS_ABORT)
        abort();
    return tp__poison();
}

void tp__error_add(tp__thread *t, const char *format, ...)
{
    size_t length = strlen(t->error.message);
    va_list arguments;
    va_start(arguments, format);
    tp__format_list(t->error.message + length, sizeof t->error.message - length, format, arguments);
    va_end(arguments);
    error_mend(t->error.message);
}

const char *tp_error(void)
{
    tp__thread *t = tp__here();
    t->error.told = true;
    return t->code ? t->error.message : NULL;
}

const char *tp_error_place(void)
{
    tp__thread *t = tp__here();
    return t->code && tp__site_text(t->error.place, &t->error.site)[0] ? t->error.place : NULL;
}

tp_code tp_status(void)
{
    tp__thread *t = tp__here();
    t->error.told = true;
    return t->code;
}

void tp_clear_error(void)
{
    tp__here()->code = TP_OK;
}

int tp_check(void)
{
    tp__thread *t = tp__here();
    char place[ERROR_PLACE];
    if (t->code)
        fprintf(stderr, "tinypytorch: error: %s%s\n", t->error.message, error_place(place, t));
    t->error.told = true;
    return t->code != TP_OK;
}

bool tp_is_poison(const tp_var *v)
{
    return v && (v->flags & TP__POISON);
}

const char *tp_version(void)
{
    return TP_VERSION;
}
