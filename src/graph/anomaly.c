/* SPDX-License-Identifier: MIT
 *
 * Anomaly mode asks at two places: tp__apply shows each result (tp__anomaly_result), and a sweep
 * shows each gradient that a rule added to (the watcher). A result that is not finite is an error
 * if its operands are finite, or if it is NaN at all: an infinity that only passes on what came in
 * is not where it began. The message has the operation, its operands, the name scopes and the line
 * of the call; a node keeps the addresses for its gradient (tp__anomaly_place), and turning
 * addresses into a line is left to the message.
 */
#include "base/features.h"

#include "graph/anomaly.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "array/array.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "base/numbers.h"
#include "base/site.h"
#include "graph/watch.h"
#include "tinypytorch/anomaly.h"
#include "tinypytorch/array.h"

enum { ANOMALY_NAN = 1, ANOMALY_INFINITE = 2, ANOMALY_TEXT = 512 };

/* What was found in an array: the first element of the worst kind. */
typedef struct anomaly_find {
    int kinds; /* ANOMALY_NAN | ANOMALY_INFINITE */
    int64_t at;
    double value;
} anomaly_find;

bool tp_set_anomaly(bool enabled)
{
    return tp__set_mode(tp__here(), TP__ANOMALY, enabled);
}

bool tp_is_anomaly_enabled(void)
{
    return tp__here()->recording.modes & TP__ANOMALY;
}

/* --- Looking --- */

static void anomaly_note(anomaly_find *find, double value, int64_t i)
{
    int kind = isnan(value) ? ANOMALY_NAN : ANOMALY_INFINITE;
    if (!find->kinds || (kind == ANOMALY_NAN && !(find->kinds & ANOMALY_NAN))) {
        find->at = i;
        find->value = value;
    }
    find->kinds |= kind;
}

static anomaly_find anomaly_look(tp_var *v)
{
    anomaly_find find = {0};
    tp__thread *t = tp__here();
    if (!tp__is_float((tp_dtype)v->dtype) || !tp__evaluate(v))
        return find;
    bool plain = v->flags & TP__CONTIGUOUS;
    tp_var *copy = plain ? v : tp__copy_as(t, v, (tp_dtype)v->dtype);
    if (!copy)
        return find;
    size_t item = tp__dtype_size((tp_dtype)v->dtype);
    for (int64_t i = 0; i < v->size; i++) {
        const char *at = (const char *)copy->data + (size_t)i * item;
        double value = v->dtype == TP_F64   ? *(const double *)(const void *)at
                       : v->dtype == TP_F32 ? (double)*(const float *)(const void *)at
                                            : tp__read_element((tp_dtype)v->dtype, at);
        if (!isfinite(value))
            anomaly_note(&find, value, i);
    }
    if (!plain)
        tp__drop(copy);
    return find;
}

/* --- Telling --- */

static void anomaly_add(char text[ANOMALY_TEXT], const char *format, ...) TP_PRINTF(2, 3);

static void anomaly_add(char text[ANOMALY_TEXT], const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    tp__format_list(text + length, ANOMALY_TEXT - length, format, arguments);
    va_end(arguments);
}

static const char *anomaly_value(double value)
{
    return isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/* " x (2, 3)" */
static void anomaly_add_value(char text[ANOMALY_TEXT], const tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    while ((v->marks & TP__IMPLICIT) && v->op)
        v = v->in.few[0];
    anomaly_add(text, "%s%s %s", v->extra && v->extra->name ? " " : "",
                v->extra && v->extra->name ? v->extra->name : "",
                tp__shape_text(shape, v->ndim, tp__shape(v)));
}

static void anomaly_add_scopes(char text[ANOMALY_TEXT], const tp__name_scope *scope)
{
    if (!scope)
        return;
    const tp__name_scope *path[TP__NAME_SCOPES];
    int n = 0;
    for (; scope && n < TP__NAME_SCOPES; scope = scope->outer)
        path[n++] = scope;
    anomaly_add(text, "; in scope ");
    while (n--)
        anomaly_add(text, "%s%s", path[n]->name, n ? "/" : "");
}

static void anomaly_add_site(char text[ANOMALY_TEXT], const char *what, const tp__site *site)
{
    char place[TP__SITE_TEXT];
    if (site && tp__site_text(place, site)[0])
        anomaly_add(text, "; %s at %s", what, place);
}

static bool anomaly_report(const char *text)
{
    tp_fail(TP_ERROR_ANOMALY, "%s", text);
    return false;
}

/* --- Results --- */

static const char *anomaly_kind(int kinds)
{
    return kinds & ANOMALY_NAN ? "with nan" : kinds ? "with inf" : "finite";
}

bool tp__anomaly_result(const tp__op *op, tp_var *y, tp_var *const *in, int n)
{
    tp__thread *t = tp__here();
    char text[ANOMALY_TEXT], shape[TP__SHAPE_TEXT];
    if (t->recording.sweep_depth || (y->flags & TP__POISON))
        return true;
    anomaly_find find = anomaly_look(y);
    if (t->code || !find.kinds)
        return !t->code;
    for (int i = 0; i < n && !(find.kinds & ANOMALY_NAN); i++)
        if (anomaly_look(in[i]).kinds)
            return true;
    snprintf(text, sizeof text, "%s: its result %s has %s at element %lld", op->name,
             tp__shape_text(shape, y->ndim, tp__shape(y)), anomaly_value(find.value),
             (long long)find.at);
    for (int i = 0; i < n && i < 4; i++) {
        anomaly_add(text, i ? "," : n > 1 ? "; operands" : "; operand");
        anomaly_add_value(text, in[i]);
        anomaly_add(text, " %s", anomaly_kind(anomaly_look(in[i]).kinds));
    }
    tp__site site;
    tp__site_take(&site);
    anomaly_add_scopes(text, t->recording.name_scope);
    anomaly_add_site(text, "called", &site);
    return anomaly_report(text);
}

void tp__anomaly_place(tp_var *y)
{
    tp__extra *extra = tp__extra_of(y);
    if (extra && !extra->site)
        extra->site = tp__alloc(sizeof *extra->site);
    if (extra && extra->site)
        tp__site_take(extra->site);
}

/* --- Gradients --- */

static bool anomaly_gradient(const tp__sweep *s, const tp_var *v, tp_var *in)
{
    char text[ANOMALY_TEXT];
    anomaly_find find = {0};
    if (!tp__sweep_numeric(s, in))
        find = anomaly_look(in->adjoint.var);
    else if (!isfinite(in->adjoint.number))
        anomaly_note(&find, in->adjoint.number, 0);
    if (s->t->code || !find.kinds)
        return !s->t->code;
    snprintf(text, sizeof text, "%s: the gradient rule of %s gives its operand", s->call,
             v->op->name);
    anomaly_add_value(text, in);
    anomaly_add(text, " %s at element %lld", anomaly_value(find.value), (long long)find.at);
    anomaly_add_scopes(text, tp__scope_of(v));
    anomaly_add_site(text, "recorded", v->extra ? v->extra->site : NULL);
    return anomaly_report(text);
}

static bool anomaly_gradients(tp__sweep *s, tp_var *v)
{
    bool good = true;
    for (uint32_t i = 0; i < v->n_in && !tp__is_output(v) && good; i++) {
        tp_var *in = tp__inputs(v)[i];
        if (!(in->flags & TP__SHARED) && in->sweep_depth == s->depth)
            good = anomaly_gradient(s, v, in);
    }
    return good;
}

const tp__watcher tp__watch_anomaly = {.after = anomaly_gradients};
