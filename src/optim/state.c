/* SPDX-License-Identifier: MIT
 *
 * An optimiser's state as named arrays, and back. Loading makes new groups from the dict, beside
 * those that the optimiser has, and takes them in their place when nothing is left that can fail.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/state.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "optim/optimizer.h"
#include "tinypytorch/array.h"
#include "tinypytorch/io.h"

enum { STATE_KEY = 120 };

static const char *state_key(char key[STATE_KEY], const char *format, va_list list)
{
    vsnprintf(key, STATE_KEY, format, list);
    return key;
}

void tp__state_put(tp_state_dict *d, double value, const char *format, ...)
{
    char key[STATE_KEY];
    va_list list;
    va_start(list, format);
    state_key(key, format, list);
    va_end(list);
    size_t scope = tp_scope_begin();
    tp_state_dict_set(d, key, tp_scalar(value));
    tp_scope_end(scope);
}

bool tp__state_take(const char *call, const tp_state_dict *d, double *value, const char *format,
                    ...)
{
    char key[STATE_KEY];
    va_list list;
    va_start(list, format);
    state_key(key, format, list);
    va_end(list);
    tp_var *v = tp_state_dict_get(d, key);
    if (tp__here()->code)
        return false;
    if (!v || v->size != 1) {
        tp_fail(TP_ERROR_ARGUMENT, v ? "%s: %s is not one number" : "%s: %s is missing", call, key);
        return false;
    }
    size_t scope = tp_scope_begin();
    *value = tp_item(v);
    tp_scope_end(scope);
    return !tp__here()->code;
}

void tp__state_put_numbers(tp_state_dict *d, int64_t n, const double *values, const char *format,
                           ...)
{
    char key[STATE_KEY];
    va_list list;
    va_start(list, format);
    state_key(key, format, list);
    va_end(list);
    size_t scope = tp_scope_begin();
    tp_state_dict_set(d, key, tp_array(TP_F64, 1, &n, values));
    tp_scope_end(scope);
}

bool tp__state_take_numbers(const char *call, const tp_state_dict *d, int64_t n, double *values,
                            const char *format, ...)
{
    char key[STATE_KEY];
    va_list list;
    va_start(list, format);
    state_key(key, format, list);
    va_end(list);
    tp_var *v = tp_state_dict_get(d, key);
    if (tp__here()->code)
        return false;
    if (!v || v->dtype != TP_F64 || v->size != n) {
        tp_fail(TP_ERROR_ARGUMENT,
                v ? "%s: %s is not %lld numbers of float64" : "%s: %s is missing", call, key,
                (long long)n);
        return false;
    }
    size_t scope = tp_scope_begin();
    v = tp__plain(v);
    if (!(v->flags & TP__POISON))
        memcpy(values, v->data, (size_t)n * sizeof *values);
    tp_scope_end(scope);
    return !tp__here()->code;
}

bool tp__state_is(const char *call, const tp_state_dict *d, const char *key, const char *name)
{
    const char *has = tp_state_dict_text(d, key);
    if (tp__here()->code)
        return false;
    if (has && !strcmp(has, name))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: the state is of %s, expected %s", call,
            has ? has : "something else", name);
    return false;
}

/* --- Writing --- */

static void state_put_array(tp_state_dict *d, int number, const char *name, tp_var *v)
{
    char key[STATE_KEY];
    snprintf(key, sizeof key, "state.%d.%s", number, name);
    tp_state_dict_set(d, key, v);
}

static void state_put_param(const tp_optimizer *o, const tp__optimizer_group *group, int i,
                            tp_state_dict *d)
{
    const int number = group->first + i;
    if (group->masters[i])
        state_put_array(d, number, "master", group->masters[i]);
    if (group->steps[i] == 0)
        return;
    tp__state_put(d, (double)group->steps[i], "state.%d.step", number);
    if (o->record->scalar)
        tp__state_put(d, group->scalars[i], "state.%d.%s", number, o->record->scalar);
    for (int k = 0; k < TP__STEP_STATES; k++)
        if (group->states[k][i] && !group->fresh[i])
            state_put_array(d, number, o->record->states[k], group->states[k][i]);
}

static void state_put_group(const tp_optimizer *o, int g, tp_state_dict *d)
{
    const tp__optimizer_group *group = &o->groups[g];
    tp__state_put(d, group->n, "param_groups.%d.params", g);
    tp__state_put(d, group->lr, "param_groups.%d.lr", g);
    tp__state_put(d, group->initial_lr, "param_groups.%d.initial_lr", g);
    for (int i = 0; i < o->record->n_options; i++)
        tp__state_put(d, tp__option_read(&o->record->options[i], group->options),
                      "param_groups.%d.%s", g, o->record->options[i].name);
    for (int i = 0; i < group->n; i++)
        state_put_param(o, group, i, d);
}

tp_state_dict *tp__state_end(tp_state_dict *d)
{
    if (!tp__here()->code)
        return d;
    tp_state_dict_free(d);
    return NULL;
}

tp_state_dict *tp_optimizer_state(const tp_optimizer *o)
{
    if (!tp__optimizer_is("optimizer_state", o))
        return NULL;
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set_text(d, "optimizer", o->record->name);
    for (int g = 0; g < o->n_groups; g++)
        state_put_group(o, g, d);
    if (o->record->store)
        o->record->store(o, d);
    return tp__state_end(d);
}

/* --- Reading --- */

/* A copy of an array of the dict, which has to fit like; NULL, with an error, if it does not. */
static tp_var *state_copy(const char *call, const tp_state_dict *d, const char *key,
                          const tp_var *like, tp_dtype dtype)
{
    tp_var *v = tp_state_dict_get(d, key);
    char has[TP__SHAPE_TEXT], wants[TP__SHAPE_TEXT];
    if (tp__here()->code)
        return NULL;
    if (!v)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s is missing", call, key);
    else if (v->dtype != dtype)
        tp_fail(TP_ERROR_DTYPE, "%s: %s is %s, expected %s", call, key,
                tp_dtype_name((tp_dtype)v->dtype), tp_dtype_name(dtype));
    else if (!tp__same_shape(v, like->ndim, tp__shape(like)))
        tp_fail(TP_ERROR_SHAPE, "%s: %s has shape %s, its parameter %s", call, key,
                tp__shape_text(has, v->ndim, tp__shape(v)),
                tp__shape_text(wants, like->ndim, tp__shape(like)));
    else if (tp__evaluate(v))
        return tp__copy_as(tp__here(), v, dtype);
    return NULL;
}

static bool state_take_param(const char *call, const tp_optimizer *o, tp__optimizer_group *group,
                             int i, const tp_state_dict *d)
{
    const tp_var *p = group->params[i];
    const bool half = p->dtype == TP_F16 || p->dtype == TP_BF16;
    const tp_dtype dtype = half ? TP_F32 : (tp_dtype)p->dtype;
    const int number = group->first + i;
    const unsigned uses = tp__optimizer_uses(o->record, group->options);
    char key[STATE_KEY];
    double step = 0;
    snprintf(key, sizeof key, "state.%d.master", number);
    if (half && tp_state_dict_get(d, key) &&
        !(group->masters[i] = state_copy(call, d, key, p, TP_F32)))
        return false;
    snprintf(key, sizeof key, "state.%d.step", number);
    if (!tp_state_dict_get(d, key))
        return true;
    if (!tp__state_take(call, d, &step, "state.%d.step", number) ||
        !tp__check_within(call, key, step, 0, 0x1p53))
        return false;
    group->steps[i] = (int64_t)step;
    if (o->record->scalar &&
        !tp__state_take(call, d, &group->scalars[i], "state.%d.%s", number, o->record->scalar))
        return false;
    for (int k = 0; k < TP__STEP_STATES; k++) {
        if (!(uses >> k & 1))
            continue;
        snprintf(key, sizeof key, "state.%d.%s", number, o->record->states[k]);
        if (!(group->states[k][i] = state_copy(call, d, key, p, dtype)))
            return false;
    }
    return true;
}

static bool state_take_group(const char *call, const tp_optimizer *o, int g,
                             tp__optimizer_group *group, const tp_state_dict *d)
{
    const tp__optimizer_group *old = &o->groups[g];
    double n, value;
    if (!tp__state_take(call, d, &n, "param_groups.%d.params", g))
        return false;
    if (n != old->n) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: group %d has %g parameters in the state, %d here", call, g,
                n, old->n);
        return false;
    }
    if (!tp__state_take(call, d, &group->lr, "param_groups.%d.lr", g) ||
        !tp__state_take(call, d, &group->initial_lr, "param_groups.%d.initial_lr", g) ||
        !tp__step_option(call, "lr", group->lr, 0, 0))
        return false;
    for (int i = 0; i < o->record->n_options; i++) {
        const tp__option *option = &o->record->options[i];
        if (!tp__state_take(call, d, &value, "param_groups.%d.%s", g, option->name) ||
            (option->kind == TP__OPTION_COUNT &&
             !tp__check_within(call, option->name, value, INT32_MIN, INT32_MAX)))
            return false;
        tp__option_write(option, group->options, value);
    }
    if (!tp__optimizer_check(call, o->record, group->options))
        return false;
    for (int i = 0; i < group->n; i++)
        if (!state_take_param(call, o, group, i, d))
            return false;
    return true;
}

static bool state_take_groups(const char *call, const tp_optimizer *o, tp__optimizer_group *groups,
                              int *n, const tp_state_dict *d)
{
    char key[STATE_KEY];
    snprintf(key, sizeof key, "param_groups.%d.lr", o->n_groups);
    if (tp_state_dict_get(d, key)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the state has more than %d groups", call, o->n_groups);
        return false;
    }
    for (; *n < o->n_groups; ++*n)
        if (!tp__optimizer_group_like(o, &o->groups[*n], &groups[*n]) ||
            !state_take_group(call, o, *n, &groups[*n], d)) {
            ++*n;
            return false;
        }
    return true;
}

void tp_optimizer_load_state(tp_optimizer *o, const tp_state_dict *d)
{
    const char *call = "optimizer_load_state";
    if (!tp__optimizer_is(call, o) || !tp__state_is(call, d, "optimizer", o->record->name))
        return;
    tp__optimizer_group *groups = tp__alloc_zero((size_t)o->n_groups, sizeof *groups);
    if (!groups)
        return;
    int n = 0;
    if (state_take_groups(call, o, groups, &n, d) && (!o->record->load || o->record->load(o, d))) {
        tp__optimizer_group *old = o->groups;
        o->groups = groups;
        groups = old;
    }
    for (int g = 0; g < n; g++)
        tp__optimizer_group_end(&groups[g]);
    tp__free(groups);
}
