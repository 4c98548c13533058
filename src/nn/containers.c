/* SPDX-License-Identifier: MIT
 *
 * Modules that are made of others, and functions as modules.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/nn.h"

#include <stdio.h>

#include "nn/module.h"
#include "tinypytorch/elementwise.h"

static tp_var *sequential_forward(tp_module *m, tp_var *x)
{
    for (int i = 0; i < m->n_children; i++)
        x = tp_forward(m->children[i].m, x);
    return x;
}

tp_module *tp_sequential_new(int n, tp_module *const *modules)
{
    static const tp_module_class is = {
        .size = sizeof is, .name = "Sequential", .forward = sequential_forward};
    bool whole = n >= 0 && (modules || !n);
    if (!whole)
        tp_fail(TP_ERROR_ARGUMENT, "sequential_new: %d modules%s", n, modules ? "" : ", NULL");
    tp_module *m = whole ? tp_module_new(&is) : NULL;
    for (int i = 0; i < n && whole; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        if (m ? !tp_module_add(m, name, modules[i]) : (tp_module_free(modules[i]), false)) {
            tp_module_free(m);
            m = NULL;
        }
    }
    return m;
}

typedef struct residual {
    tp_module *body, *shortcut;
} residual;

static tp_var *residual_forward(tp_module *m, tp_var *x)
{
    const residual *r = tp_module_self(m);
    tp_var *y = tp_forward(r->body, x);
    return tp_add(r->shortcut ? tp_forward(r->shortcut, x) : x, y);
}

tp_module *tp_residual_new(tp_module *body, tp_module *shortcut)
{
    static const tp_module_class is = {.size = sizeof is,
                                       .name = "Residual",
                                       .self = sizeof(residual),
                                       .forward = residual_forward};
    tp_module *m = tp_module_new(&is);
    if (m) {
        residual *r = tp_module_self(m);
        r->body = tp_module_add(m, "body", body);
        if (shortcut && r->body)
            r->shortcut = tp_module_add(m, "shortcut", shortcut);
        else
            tp_module_free(shortcut);
        if (r->body && (r->shortcut || !shortcut))
            return m;
        tp_module_free(m);
    } else {
        tp_module_free(body);
        tp_module_free(shortcut);
    }
    return NULL;
}

typedef struct lambda {
    tp_var *(*f)(tp_var *x);
} lambda;

static tp_var *lambda_forward(tp_module *m, tp_var *x)
{
    const lambda *self = tp_module_self(m);
    return self->f(x);
}

tp_module *tp_lambda_new(const char *name, tp_var *(*f)(tp_var *x))
{
    const tp_module_class is = {
        .size = sizeof is, .name = name, .self = sizeof(lambda), .forward = lambda_forward};
    if (!f) {
        tp_fail(TP_ERROR_ARGUMENT, "lambda_new: the function is NULL");
        return NULL;
    }
    tp_module *m = tp_module_new(&is);
    if (m)
        ((lambda *)tp_module_self(m))->f = f;
    return m;
}
