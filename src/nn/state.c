/* SPDX-License-Identifier: MIT
 *
 * Modules and state dicts. The dict of m shares m's values; loading compares every name before it
 * copies the first value, so that a dict of another network changes nothing.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "nn/module.h"

static bool put_values(tp__walk_module *walk, tp_module *m)
{
    char name[2 * TP__NAME_BYTES];
    for (int i = 0; i < m->n_held; i++) {
        if (!m->held[i].v)
            continue;
        snprintf(name, sizeof name, "%s%s", walk->prefix, m->held[i].name);
        tp_state_dict_set(walk->arg, name, m->held[i].v);
    }
    return !tp__here()->code;
}

tp_state_dict *tp_module_state_dict(tp_module *m)
{
    if (!tp__module_usable("module_state_dict", m) || tp__here()->code)
        return NULL;
    tp_state_dict *d = tp_state_dict_new();
    tp__walk_module walk = {.f = put_values, .arg = d};
    if (d && tp__module_walk(&walk, m))
        return d;
    tp_state_dict_free(d);
    return NULL;
}

/* --- Differences --- */

typedef struct comparison {
    tp__text text;
    tp_load_options allowed;
    int n;
    char first[200];
} comparison;

/* "(2, 3) float32", or "–" for NULL. */
static void put_kind(char *text, size_t size, const tp_var *v)
{
    char shape[TP__SHAPE_TEXT];
    if (v)
        snprintf(text, size, "%s %s", tp__shape_text(shape, v->ndim, tp__shape(v)),
                 tp_dtype_name((tp_dtype)v->dtype));
    else
        snprintf(text, size, "-");
}

static void compare(comparison *c, const char *name, const tp_var *own, const tp_var *other)
{
    char left[160], right[160];
    bool both = own && other;
    if (both ? tp__same_shape(own, other->ndim, tp__shape(other)) &&
                   (own->dtype == other->dtype || c->allowed.convert)
             : c->allowed.partial)
        return;
    put_kind(left, sizeof left, own);
    put_kind(right, sizeof right, other);
    if (!c->n++)
        snprintf(c->first, sizeof c->first, "%.60s is %.40s here and %.40s there", name, left,
                 right);
    tp__text_format(&c->text, "%-40s %-28s %s\n", name, left, right);
}

static bool compare_all(comparison *c, tp_state_dict *own, const tp_state_dict *d)
{
    tp__text_format(&c->text, "%-40s %-28s %s\n", "name", "in the module", "in the dict");
    for (int64_t i = 0; i < tp_state_dict_len(own); i++) {
        const char *name = tp_state_dict_name(own, i);
        compare(c, name, tp_state_dict_at(own, i), tp_state_dict_get(d, name));
    }
    for (int64_t i = 0; i < tp_state_dict_len(d); i++) {
        const char *name = tp_state_dict_name(d, i);
        if (!tp_state_dict_get(own, name))
            compare(c, name, NULL, tp_state_dict_at(d, i));
    }
    return !tp__here()->code && !c->text.failed;
}

char *tp_module_differences(tp_module *m, const tp_state_dict *d)
{
    comparison c = {.allowed = {.partial = false}};
    tp_state_dict *own = tp_module_state_dict(m);
    bool good = own && compare_all(&c, own, d);
    tp_state_dict_free(own);
    if (good && c.n)
        return tp__text_take(&c.text);
    tp__text_drop(&c.text);
    return NULL;
}

static void log_lines(char *text)
{
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        tp__log("%s", line);
}

static bool refuse(comparison *c)
{
    tp_fail(TP_ERROR_SHAPE, "module_load_state_dict: %d value%s not fit: %s", c->n,
            c->n == 1 ? " does" : "s do", c->first);
    log_lines(c->text.at);
    return false;
}

static bool load(tp_state_dict *own, const tp_state_dict *d, const tp_load_options *allowed)
{
    comparison c = {.allowed = *allowed};
    bool good = compare_all(&c, own, d) && (!c.n || refuse(&c));
    size_t scope = tp_scope_begin();
    for (int64_t i = 0; i < tp_state_dict_len(own) && good; i++) {
        tp_var *v = tp_state_dict_get(d, tp_state_dict_name(own, i));
        if (v)
            tp_copy_(tp_state_dict_at(own, i), v);
        good = !tp__here()->code;
    }
    tp_scope_end(scope);
    tp__text_drop(&c.text);
    return good;
}

bool(tp_module_load_state_dict)(tp_module *m, const tp_state_dict *d,
                                const tp_load_options *options)
{
    tp_load_options o = TP_OPTIONS(tp_load_options);
    if (!tp__take_options("module_load_state_dict", &o, sizeof o, options) || tp__here()->code)
        return false;
    tp_state_dict *own = tp_module_state_dict(m);
    bool good = own && load(own, d, &o);
    tp_state_dict_free(own);
    return good;
}
