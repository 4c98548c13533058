/* SPDX-License-Identifier: MIT
 *
 * What is done to all parameters and buffers of a module. A value that several modules share, or
 * one under several names, is met once: a map from old to new values sees to that.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include <string.h>

#include "base/map.h"
#include "nn/module.h"
#include "tinypytorch/graph.h"

typedef struct collected {
    tp__map met;
    int n, limit;
    tp_var **out;
} collected;

static bool collect(tp__walk_module *walk, tp_module *m)
{
    collected *c = walk->arg;
    for (int i = 0; i < m->n_held; i++) {
        bool added = false;
        if (!m->held[i].v || m->held[i].buffer)
            continue;
        if (!tp__map_add(&c->met, m->held[i].v, &added))
            return false;
        if (added && c->n++ < c->limit)
            c->out[c->n - 1] = m->held[i].v;
    }
    return true;
}

int tp_parameters(tp_module *m, int n, tp_var **out)
{
    collected c = {.limit = out ? n : 0, .out = out};
    tp__walk_module walk = {.f = collect, .arg = &c};
    bool good = tp__module_usable("parameters", m) && tp__module_walk(&walk, m);
    tp__map_drop(&c.met);
    for (int i = good ? c.n : 0; out && i < n; i++)
        out[i] = tp__poison();
    return good ? c.n : -1;
}

/* f of each parameter, once. False as soon as there is an error. */
static bool for_parameters(const char *call, tp_module *m, void (*f)(tp_var *v, void *arg),
                           void *arg)
{
    collected c = {0};
    tp__walk_module walk = {.f = collect, .arg = &c};
    bool good = tp__module_usable(call, m) && tp__module_walk(&walk, m);
    for (size_t i = 0; i < c.met.n && good; i++) {
        f((tp_var *)tp__map_at(&c.met)[i].key, arg);
        good = !tp__here()->code;
    }
    tp__map_drop(&c.met);
    return good;
}

static void count(tp_var *v, void *arg)
{
    *(int64_t *)arg += v->size;
}

int64_t tp_parameter_count(tp_module *m)
{
    int64_t n = 0;
    return for_parameters("parameter_count", m, count, &n) ? n : -1;
}

static void require(tp_var *v, void *arg)
{
    tp_requires_grad_(v, *(const bool *)arg);
}

void tp_module_requires_grad(tp_module *m, bool requires_grad)
{
    for_parameters("module_requires_grad", m, require, &requires_grad);
}

static void clear(tp_var *v, void *arg)
{
    (void)arg;
    tp_cleargrad(v);
}

void tp_module_zero_grad(tp_module *m)
{
    for_parameters("module_zero_grad", m, clear, NULL);
}

void tp_module_set(tp_module *m, const char *name, tp_var *v)
{
    if (!tp__module_usable("module_set", m) || !tp__check_operand("module_set", v))
        return;
    tp__held *own = name ? tp__module_find_held(m, name) : NULL;
    if (!own || !own->v) {
        tp_fail(TP_ERROR_ARGUMENT, "module_set: %s has no parameter and no buffer \"%s\"",
                m->is.name, name ? name : "");
        return;
    }
    if (!tp__check_like("module_set", name, v, "the value in its place", own->v))
        return;
    if (own->buffer ? (v->flags & TP__NEEDS_GRAD) != 0 : v->op != NULL) {
        tp_fail(TP_ERROR_GRAPH, "module_set: the value for \"%s\" is no %s", name,
                own->buffer ? "constant" : "leaf");
        return;
    }
    tp_keep(v);
    tp_free(own->v);
    own->v = v;
}

/* --- Modules one by one --- */

typedef struct visitor {
    void (*f)(void *arg, const char *name, tp_module *module);
    void *arg;
} visitor;

static bool visit(tp__walk_module *walk, tp_module *m)
{
    const visitor *v = walk->arg;
    char name[TP__NAME_BYTES];
    memcpy(name, walk->prefix, walk->length + 1);
    name[walk->length ? walk->length - 1 : 0] = 0;
    v->f(v->arg, name, m);
    return true;
}

void tp_module_each(tp_module *m, void (*f)(void *arg, const char *name, tp_module *module),
                    void *arg)
{
    visitor v = {f, arg};
    tp__walk_module walk = {.f = visit, .arg = &v};
    if (!tp__module_usable("module_each", m))
        return;
    if (f)
        tp__module_walk(&walk, m);
    else
        tp_fail(TP_ERROR_ARGUMENT, "module_each: the function is NULL");
}
