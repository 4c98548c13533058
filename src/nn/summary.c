/* SPDX-License-Identifier: MIT
 *
 * Modules as text: the tree alone, and the table of what a forward does, for which each module is
 * watched from when it begins until its result is there. Rows come in the order in which modules
 * begin; a module that runs twice has two.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/map.h"
#include "base/numbers.h"
#include "base/profile.h"
#include "base/text.h"
#include "nn/module.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/scope.h"

/* --- The tree --- */

static void put_tree(tp__text *text, const char *name, const tp_module *m, int depth)
{
    char what[128] = "";
    if (m->is.describe)
        m->is.describe(m, what, sizeof what);
    tp__text_format(text, "%*s%s%s%s(%s)\n", 2 * depth, "", name, *name ? ": " : "", m->is.name,
                    what);
    for (int i = 0; i < m->n_children; i++)
        put_tree(text, m->children[i].name, m->children[i].m, depth + 1);
}

char *tp_module_repr(tp_module *m)
{
    tp__text text = {0};
    if (!tp__module_usable("module_repr", m))
        return NULL;
    put_tree(&text, "", m, 0);
    return tp__text_take(&text);
}

/* --- The table --- */

typedef struct row {
    const tp_module *m;
    int depth;
    bool done;
    double flops;
    char shape[TP__SHAPE_TEXT];
} row;

typedef struct table {
    row *rows;
    int n, capacity, depth;
} table;

static void begin(void *arg, tp_module *m)
{
    table *t = arg;
    if (t->n == t->capacity) {
        int capacity = t->capacity ? 2 * t->capacity : 64;
        row *grown = tp__realloc(t->rows, (size_t)capacity * sizeof *grown);
        if (!grown)
            return;
        t->rows = grown;
        t->capacity = capacity;
    }
    t->rows[t->n++] = (row){.m = m, .depth = t->depth++, .flops = tp__profile_flops()};
}

/* Results are computed now: what waits would count where it is read. */
static void end(void *arg, tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var *const *out)
{
    table *t = arg;
    (void)n_in;
    (void)in;
    tp__evaluate_all(out, n_out);
    for (int i = t->n; i-- > 0;) {
        row *r = t->rows + i;
        if (r->m != m || r->done)
            continue;
        r->done = true;
        r->flops = tp__profile_flops() - r->flops;
        tp__shape_text(r->shape, out[0]->ndim, tp__shape(out[0]));
        t->depth = r->depth;
        return;
    }
}

typedef struct watch {
    tp_module *m;
    void (*before)(void *arg, tp_module *m);
    tp_module_hook *hook;
    void *arg;
    bool eval;
} watch;

typedef struct watches {
    table *t;
    watch *at;
    int n;
    tp__map met;
} watches;

static bool count_module(tp__walk_module *walk, tp_module *m)
{
    watches *w = walk->arg;
    bool added;
    return tp__map_add(&w->met, (const tp_var *)(const void *)m, &added) != NULL;
}

static bool begin_watching(watches *w, tp_module *m)
{
    tp__walk_module walk = {.f = count_module, .arg = w};
    if (!tp__module_walk(&walk, m) || !(w->at = tp__alloc_zero(w->met.n, sizeof *w->at)))
        return false;
    for (size_t i = 0; i < w->met.n; i++) {
        tp_module *each = (tp_module *)(uintptr_t)tp__map_at(&w->met)[i].key;
        w->at[w->n++] = (watch){each, each->before, each->hook, each->hook_arg, each->eval};
        each->eval = true;
        each->before = begin;
        each->hook = end;
        each->hook_arg = w->t;
    }
    return true;
}

static void end_watching(watches *w)
{
    for (int i = 0; i < w->n; i++) {
        w->at[i].m->before = w->at[i].before;
        w->at[i].m->hook = w->at[i].hook;
        w->at[i].m->hook_arg = w->at[i].arg;
        w->at[i].m->eval = w->at[i].eval;
    }
    tp__free(w->at);
    tp__map_drop(&w->met);
}

/* A forward of m as evaluation, watched. */
static bool run(table *t, tp_module *m, int n_in, tp_var *const *in)
{
    watches w = {.t = t};
    tp_var *result;
    bool good = begin_watching(&w, m);
    size_t scope = tp_scope_begin();
    bool grad = tp_set_grad_enabled(false);
    if (good) {
        tp__profile_count(true);
        tp_forward_n(m, n_in, in, 1, &result);
        tp__profile_count(false);
    }
    tp_set_grad_enabled(grad);
    tp_scope_end(scope);
    end_watching(&w);
    return good && !tp__here()->code;
}

static int64_t own_numbers(const tp_module *m, size_t *bytes)
{
    int64_t n = 0;
    for (int i = 0; i < m->n_held; i++) {
        const tp_var *v = m->held[i].v;
        if (!v || m->held[i].buffer)
            continue;
        n += v->size;
        *bytes += (size_t)v->size * tp__dtype_size((tp_dtype)v->dtype);
    }
    return n;
}

/* The name of a row: two spaces a level, what the module is called there, its class. */
static void put_row(tp__text *text, const row *r)
{
    char name[128];
    size_t bytes = 0;
    int64_t n = own_numbers(r->m, &bytes);
    const char *called = r->depth && r->m->called ? r->m->called : "";
    snprintf(name, sizeof name, "%*s%s%s%s", 2 * r->depth, "", called, *called ? ": " : "",
             r->m->is.name);
    tp__text_format(text, "%-36s %-22s %12lld %12zu %14.0f\n", name, r->shape, (long long)n, bytes,
                    r->flops);
}

static void put_table(tp__text *text, const table *t, tp_module *m)
{
    tp__text_format(text, "%-36s %-22s %12s %12s %14s\n", "layer", "result", "parameters", "bytes",
                    "flops");
    for (int i = 0; i < t->n; i++)
        put_row(text, t->rows + i);
    tp__text_format(text, "%-36s %-22s %12lld %12s %14.0f\n", "all", "",
                    (long long)tp_parameter_count(m), "", t->n ? t->rows[0].flops : 0.0);
}

char *tp_module_summary(tp_module *m, int n_in, tp_var *const *in)
{
    table t = {0};
    tp__text text = {0};
    if (!tp__module_usable("module_summary", m) || tp__here()->code)
        return NULL;
    if (run(&t, m, n_in, in))
        put_table(&text, &t, m);
    tp__free(t.rows);
    return tp__here()->code ? (tp__text_drop(&text), NULL) : tp__text_take(&text);
}
