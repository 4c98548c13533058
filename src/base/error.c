/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "tinypytorch/error.h"

#include <stdarg.h>
#include <string.h>

#include "base/node.h"
#include "base/numbers.h"
#include "base/thread.h"

tp_var *tp_fail(tp_code code, const char *format, ...)
{
    tp__thread *t = tp__here();
    if (t->code == TP_OK) {
        t->code = code == TP_OK ? TP_ERROR_ARGUMENT : code;
        char message[sizeof t->message]; /* arguments may point into the old one */
        va_list arguments;
        va_start(arguments, format);
        tp__format_list(message, sizeof message, format, arguments);
        va_end(arguments);
        memcpy(t->message, message, sizeof message);
    }
    return tp__poison();
}

const char *tp_error(void)
{
    tp__thread *t = tp__here();
    return t->code ? t->message : NULL;
}

tp_code tp_status(void)
{
    return tp__here()->code;
}

void tp_clear_error(void)
{
    tp__here()->code = TP_OK;
}

int tp_check(void)
{
    const char *message = tp_error();
    if (message)
        fprintf(stderr, "tinypytorch: error: %s\n", message);
    return message != NULL;
}

bool tp_is_poison(const tp_var *v)
{
    return v && (v->flags & TP__POISON);
}

const char *tp_version(void)
{
    return TP_VERSION;
}
