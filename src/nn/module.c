/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "nn/module.h"

#include <string.h>

#include "base/alloc.h"

bool tp__module_usable(const char *call, const tp_module *m)
{
    if (!m && !tp__here()->code)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the module is NULL", call);
    return m != NULL;
}

tp_module *(tp_module_new)(const tp_module_class *module_class)
{
    tp_module_class is = TP_OPTIONS(tp_module_class);
    if (!tp__take_options("module_new", &is, sizeof is, module_class) || tp__here()->code)
        return NULL;
    if (!is.name || !is.forward == !is.forward_n) {
        tp_fail(TP_ERROR_ARGUMENT, "module_new: %s",
                is.name ? "one of .forward and .forward_n is to be given" : "there is no .name");
        return NULL;
    }
    tp_module *m = tp__alloc_zero(1, sizeof *m + is.self);
    if (m) {
        m->is = is;
        m->refs = 1;
    }
    return m;
}

void tp_module_free(tp_module *m)
{
    if (!m || --m->refs)
        return;
    if (m->is.free)
        m->is.free(m);
    for (int i = 0; i < m->n_held; i++) {
        tp__free(m->held[i].name);
        tp_free(m->held[i].v);
    }
    for (int i = 0; i < m->n_children; i++) {
        tp__free(m->children[i].name);
        tp_module_free(m->children[i].m);
    }
    tp__free(m->held);
    tp__free(m->children);
    tp__free(m->called);
    tp__free(m);
}

tp_module *tp_module_keep(tp_module *m)
{
    if (tp__module_usable("module_keep", m))
        m->refs++;
    return m;
}

void *tp_module_self(const tp_module *m)
{
    return m ? (void *)m->self : NULL;
}

const char *tp_module_name(const tp_module *m)
{
    return tp__module_usable("module_name", m) ? m->is.name : NULL;
}

/* --- Names --- */

static bool is_part(const char *own, const char *name, size_t length)
{
    return !strncmp(own, name, length) && !own[length];
}

static tp__child *child_called(tp_module *m, const char *name, size_t length)
{
    for (int i = 0; i < m->n_children; i++)
        if (is_part(m->children[i].name, name, length))
            return m->children + i;
    return NULL;
}

static tp__held *held_called(tp_module *m, const char *name, size_t length)
{
    for (int i = 0; i < m->n_held; i++)
        if (is_part(m->held[i].name, name, length))
            return m->held + i;
    return NULL;
}

tp__held *tp__module_find_held(tp_module *m, const char *name)
{
    for (const char *dot; (dot = strchr(name, '.')) != NULL; name = dot + 1) {
        tp__child *child = child_called(m, name, (size_t)(dot - name));
        if (!child)
            return NULL;
        m = child->m;
    }
    return held_called(m, name, strlen(name));
}

tp_module *tp_module_child(tp_module *m, const char *name)
{
    if (!tp__module_usable("module_child", m))
        return NULL;
    if (!name) {
        tp_fail(TP_ERROR_ARGUMENT, "module_child: the name is NULL");
        return NULL;
    }
    while (m && *name) {
        size_t length = strcspn(name, ".");
        tp__child *child = child_called(m, name, length);
        m = child ? child->m : NULL;
        name += length + (name[length] == '.');
    }
    return m;
}

tp_var *tp_module_get(tp_module *m, const char *name)
{
    if (!tp__module_usable("module_get", m) || !name)
        return tp_fail(TP_ERROR_ARGUMENT, "module_get: the %s is NULL", m ? "name" : "module");
    tp__held *own = tp__module_find_held(m, name);
    if (own && own->v)
        return own->v;
    return tp_fail(TP_ERROR_ARGUMENT, "module_get: %s has no parameter and no buffer \"%s\"",
                   m->is.name, name);
}

int tp_module_children(const tp_module *m)
{
    return tp__module_usable("module_children", m) ? m->n_children : 0;
}

tp_module *tp_module_at(tp_module *m, int i)
{
    if (!tp__module_usable("module_at", m))
        return NULL;
    if (i >= 0 && i < m->n_children)
        return m->children[i].m;
    tp_fail(TP_ERROR_ARGUMENT, "module_at: child %d of %s, which has %d", i, m->is.name,
            m->n_children);
    return NULL;
}

/* --- Adding --- */

static bool may_be_called(const char *call, tp_module *m, const char *name)
{
    if (!name || !*name || strchr(name, '.')) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: \"%s\" is no name: it is empty or has a dot", call,
                name ? name : "");
        return false;
    }
    size_t length = strlen(name);
    if (child_called(m, name, length) || held_called(m, name, length)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s has a \"%s\" already", call, m->is.name, name);
        return false;
    }
    return true;
}

static bool is_below(const tp_module *m, const tp_module *top)
{
    bool found = m == top;
    for (int i = 0; i < top->n_children && !found; i++)
        found = is_below(m, top->children[i].m);
    return found;
}

tp_module *tp_module_add(tp_module *m, const char *name, tp_module *child)
{
    char *copy = NULL, *called = NULL;
    tp__child *grown = NULL;
    if (!tp__module_usable("module_add", m) || !tp__module_usable("module_add", child) ||
        !may_be_called("module_add", m, name))
        goto refuse;
    if (is_below(m, child)) {
        tp_fail(TP_ERROR_ARGUMENT, "module_add: \"%s\" has %s itself below it", name, m->is.name);
        goto refuse;
    }
    grown = tp__realloc(m->children, (size_t)(m->n_children + 1) * sizeof *grown);
    if (!grown)
        goto refuse;
    m->children = grown;
    copy = tp__copy_text(name);
    called = copy ? tp__copy_text(name) : NULL;
    if (!called)
        goto refuse;
    tp__free(child->called);
    child->called = called;
    m->children[m->n_children++] = (tp__child){copy, child};
    return child;
refuse:
    tp__free(copy);
    tp_module_free(child);
    return NULL;
}

bool tp__module_hold(tp_module *m, const char *name, tp_var *v, bool buffer)
{
    tp__held *grown = tp__realloc(m->held, (size_t)(m->n_held + 1) * sizeof *grown);
    char *copy = NULL;
    if (grown) {
        m->held = grown;
        copy = tp__copy_text(name);
    }
    if (copy)
        m->held[m->n_held++] = (tp__held){copy, v, buffer};
    else
        tp_free(v);
    return copy != NULL;
}

/* The same as a public function gives it. */
static tp_var *hold(tp_module *m, const char *name, tp_var *v, bool buffer)
{
    return tp__module_hold(m, name, v, buffer) ? v : tp__poison();
}

tp_var *tp_module_add_parameter(tp_module *m, const char *name, tp_var *value)
{
    if (!tp__module_usable("module_add_parameter", m) ||
        !may_be_called("module_add_parameter", m, name))
        return tp__poison();
    if (!value)
        return hold(m, name, NULL, false);
    if (!tp__check_named("module_add_parameter", name, value))
        return tp__poison();
    size_t mark = tp_scope_begin();
    if (value->op || !(value->flags & TP__NEEDS_GRAD))
        value = tp_variable(value);
    bool good = !tp_is_poison(value);
    if (good)
        tp_keep(value);
    tp_scope_end(mark);
    return good ? hold(m, name, value, false) : value;
}

tp_var *tp_module_add_buffer(tp_module *m, const char *name, tp_var *value)
{
    if (!tp__module_usable("module_add_buffer", m) || !may_be_called("module_add_buffer", m, name))
        return tp__poison();
    if (!value)
        return hold(m, name, NULL, true);
    if (!tp__check_named("module_add_buffer", name, value))
        return tp__poison();
    if (value->flags & TP__NEEDS_GRAD)
        return tp_fail(TP_ERROR_ARGUMENT, "module_add_buffer: \"%s\" is no constant", name);
    return hold(m, name, tp_keep(value), true);
}

/* --- Walking --- */

static bool enter(tp__walk_module *walk, const char *name)
{
    size_t length = strlen(name);
    if (walk->length + length + 2 > sizeof walk->prefix) {
        tp_fail(TP_ERROR_ARGUMENT, "the name of a module is longer than %d bytes: %s%s",
                TP__NAME_BYTES - 2, walk->prefix, name);
        return false;
    }
    memcpy(walk->prefix + walk->length, name, length);
    walk->length += length;
    memcpy(walk->prefix + walk->length, ".", 2);
    walk->length++;
    return true;
}

bool tp__module_walk(tp__walk_module *walk, tp_module *m)
{
    bool good = walk->f(walk, m);
    for (int i = 0; i < m->n_children && good; i++) {
        size_t length = walk->length;
        good = enter(walk, m->children[i].name) && tp__module_walk(walk, m->children[i].m);
        walk->prefix[walk->length = length] = 0;
    }
    return good;
}
