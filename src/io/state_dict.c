/* SPDX-License-Identifier: MIT
 *
 * State dicts in memory.
 */
#include "base/features.h"

#include "io/state_dict.h"

#include "array/array.h"
#include "base/alloc.h"
#include "base/thread.h"
#include "tinypytorch/error.h"

tp_state_dict *tp_state_dict_new(void)
{
    return tp__alloc_zero(1, sizeof(tp_state_dict));
}

void tp_state_dict_free(tp_state_dict *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->vars.n; i++)
        tp_free(d->vars.entries[i].value);
    for (size_t i = 0; i < d->texts.n; i++)
        tp__free(d->texts.entries[i].value);
    tp__names_drop(&d->vars);
    tp__names_drop(&d->texts);
    tp__free(d);
}

/* True if neither is NULL, whether an error is pending or not: reading goes on then. */
static bool state_dict_there(const char *call, const tp_state_dict *d, const char *what,
                             const void *name)
{
    if (!d || !name)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the %s is NULL", call, d ? what : "dict");
    return d && name;
}

bool tp__state_dict_check(const char *call, const tp_state_dict *d)
{
    return state_dict_there(call, d, "", "") && !tp__here()->code;
}

void tp_state_dict_set(tp_state_dict *d, const char *name, tp_var *v)
{
    if (!state_dict_there("state_dict_set", d, "name", name) || tp__here()->code ||
        !tp__check_named("state_dict_set", "the value", v))
        return;
    tp__names_entry *entry = tp__names_add(&d->vars, name);
    if (!entry)
        return;
    tp_keep(v);
    tp_free(entry->value);
    entry->value = v;
}

tp_var *tp_state_dict_get(const tp_state_dict *d, const char *name)
{
    if (!state_dict_there("state_dict_get", d, "name", name))
        return NULL;
    const tp__names_entry *entry = tp__names_find(&d->vars, name);
    return entry ? entry->value : NULL;
}

int64_t tp_state_dict_len(const tp_state_dict *d)
{
    return state_dict_there("state_dict_len", d, "", "") ? (int64_t)d->vars.n : 0;
}

static const tp__names_entry *state_dict_entry(const char *call, const tp_state_dict *d, int64_t i)
{
    if (!state_dict_there(call, d, "", ""))
        return NULL;
    if (i >= 0 && (uint64_t)i < d->vars.n)
        return &d->vars.entries[i];
    tp_fail(TP_ERROR_ARGUMENT, "%s: there is no value %lld among %zu", call, (long long)i,
            d->vars.n);
    return NULL;
}

const char *tp_state_dict_name(const tp_state_dict *d, int64_t i)
{
    const tp__names_entry *entry = state_dict_entry("state_dict_name", d, i);
    return entry ? entry->name : NULL;
}

tp_var *tp_state_dict_at(const tp_state_dict *d, int64_t i)
{
    const tp__names_entry *entry = state_dict_entry("state_dict_at", d, i);
    return entry ? entry->value : NULL;
}

void tp_state_dict_set_text(tp_state_dict *d, const char *key, const char *text)
{
    if (!state_dict_there("state_dict_set_text", d, "key", key) ||
        !state_dict_there("state_dict_set_text", d, "text", text) || tp__here()->code)
        return;
    char *copy = tp__copy_text(text);
    tp__names_entry *entry = copy ? tp__names_add(&d->texts, key) : NULL;
    if (!entry) {
        tp__free(copy);
        return;
    }
    tp__free(entry->value);
    entry->value = copy;
}

const char *tp_state_dict_text(const tp_state_dict *d, const char *key)
{
    if (!state_dict_there("state_dict_text", d, "key", key))
        return NULL;
    const tp__names_entry *entry = tp__names_find(&d->texts, key);
    return entry ? entry->value : NULL;
}
