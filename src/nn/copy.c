/* SPDX-License-Identifier: MIT
 *
 * Other values in the place of a module's: converted ones, and those of a copy. New values are made
 * before anything changes. Addresses of what was replaced may lie in tp_module_self of any module:
 * whole aligned words that equal one become the new one.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "nn/module.h"

/* From old to new addresses, of values and of modules. */
typedef struct replaced {
    tp__map values, modules;
    tp_dtype dtype;
    bool convert; /* floating values, to dtype; otherwise all are copied */
} replaced;

static tp_var *new_value(const replaced *r, tp_var *v)
{
    bool floating = tp__is_float((tp_dtype)v->dtype);
    if (r->convert && (!floating || v->dtype == r->dtype))
        return tp_keep(v);
    tp__thread *t = tp__here();
    tp_var *copy = tp__copy_as(t, v, r->convert ? r->dtype : (tp_dtype)v->dtype);
    if (!copy)
        return NULL;
    size_t scope = tp_scope_begin();
    tp__own(t, copy);
    if (v->flags & TP__NEEDS_GRAD)
        tp_requires_grad_(copy, true);
    bool good = !t->code;
    if (good)
        tp_keep(copy);
    tp_scope_end(scope);
    return good ? copy : NULL;
}

static bool make_values(tp__walk_module *walk, tp_module *m)
{
    replaced *r = walk->arg;
    for (int i = 0; i < m->n_held; i++) {
        bool added = false;
        if (!m->held[i].v)
            continue;
        tp__map_entry *entry = tp__map_add(&r->values, m->held[i].v, &added);
        if (!entry)
            return false;
        if (added && !(entry->value.var = new_value(r, m->held[i].v)))
            return false;
    }
    return true;
}

/* Padding between a struct's members is looked at too, written or not: none of it is an address. */
#if defined(__clang__)
__attribute__((no_sanitize("memory")))
#endif
static void
replace_words(replaced *r, tp_module *m)
{
    char *at = (char *)m->self;
    for (size_t i = 0; i + sizeof(void *) <= m->is.self; i += sizeof(void *)) {
        const tp_var *word;
        memcpy(&word, at + i, sizeof word);
        tp__map_entry *entry = tp__map_find(&r->values, word);
        if (!entry)
            entry = tp__map_find(&r->modules, word);
        if (entry && word)
            memcpy(at + i, &entry->value.var, sizeof word);
    }
}

static bool put_values(tp__walk_module *walk, tp_module *m)
{
    replaced *r = walk->arg;
    for (int i = 0; i < m->n_held; i++) {
        tp__map_entry *entry = m->held[i].v ? tp__map_find(&r->values, m->held[i].v) : NULL;
        if (!entry)
            continue;
        tp_keep(entry->value.var);
        tp_free(m->held[i].v);
        m->held[i].v = entry->value.var;
    }
    replace_words(r, m);
    return true;
}

static void drop(replaced *r)
{
    for (size_t i = 0; i < r->values.n; i++)
        tp_free(tp__map_at(&r->values)[i].value.var);
    tp__map_drop(&r->values);
    tp__map_drop(&r->modules);
}

void tp_module_to(tp_module *m, tp_dtype dtype)
{
    replaced r = {.dtype = dtype, .convert = true};
    tp__walk_module make = {.f = make_values, .arg = &r}, put = {.f = put_values, .arg = &r};
    if (!tp__module_usable("module_to", m) || tp__here()->code)
        return;
    if ((unsigned)dtype >= TP_DTYPES || !tp__is_float(dtype)) {
        tp_fail(TP_ERROR_DTYPE, "module_to: %s is no floating type",
                (unsigned)dtype < TP_DTYPES ? tp_dtype_name(dtype) : "this");
        return;
    }
    if (tp__module_walk(&make, m))
        tp__module_walk(&put, m);
    drop(&r);
}

static tp_module *copy_module(replaced *r, tp_module *m);

static bool clone_parts(replaced *r, tp_module *m, tp_module *copy)
{
    memcpy(copy->self, m->self, m->is.self);
    copy->eval = m->eval;
    copy->scopes = m->scopes;
    for (int i = 0; i < m->n_held; i++) {
        tp__map_entry *entry = m->held[i].v ? tp__map_find(&r->values, m->held[i].v) : NULL;
        tp_var *v = entry ? entry->value.var : NULL;
        if (!tp__module_hold(copy, m->held[i].name, v ? tp_keep(v) : NULL, m->held[i].buffer))
            return false;
    }
    for (int i = 0; i < m->n_children; i++) {
        tp_module *child = copy_module(r, m->children[i].m);
        if (!child || !tp_module_add(copy, m->children[i].name, child))
            return false;
    }
    return true;
}

/* A handle on the copy of m, made if this is the first time that m is met. */
static tp_module *copy_module(replaced *r, tp_module *m)
{
    bool added = false;
    tp__map_entry *entry = tp__map_add(&r->modules, (const tp_var *)(const void *)m, &added);
    if (!entry)
        return NULL;
    if (!added)
        return tp_module_keep((tp_module *)(void *)entry->value.var);
    if (m->is.free) {
        tp_fail(TP_ERROR_ARGUMENT, "module_copy: %s has memory of its own", m->is.name);
        return NULL;
    }
    tp_module *copy = tp_module_new(&m->is);
    if (!copy)
        return NULL;
    entry->value.var = (tp_var *)(void *)copy;
    if (clone_parts(r, m, copy))
        return copy;
    tp_module_free(copy);
    return NULL;
}

static bool put_words(tp__walk_module *walk, tp_module *m)
{
    replace_words(walk->arg, m);
    return true;
}

tp_module *tp_module_copy(tp_module *m)
{
    replaced r = {.convert = false};
    tp__walk_module make = {.f = make_values, .arg = &r}, put = {.f = put_words, .arg = &r};
    tp_module *copy = NULL;
    if (tp__module_usable("module_copy", m) && !tp__here()->code && tp__module_walk(&make, m))
        copy = copy_module(&r, m);
    if (copy)
        tp__module_walk(&put, copy);
    drop(&r);
    return copy;
}
