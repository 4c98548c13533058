/* SPDX-License-Identifier: MIT
 *
 * Running modules. What a forward makes on its way goes with the scope that is opened here; its
 * results are left to the caller's. An error that arises in a module says in which, from the inside
 * out: "linear: …, in Linear (fc1) of Net".
 */
#include "base/features.h"

#include "base/call.h"
#include "base/error.h"
#include "nn/module.h"
#include "tinypytorch/draw.h"
#include "tinypytorch/scope.h"

static void refuse_result(const tp_module *m, int i)
{
    tp_fail(TP_ERROR_ARGUMENT, "forward: %s gave no result %d", m->is.name, i);
}

static void tell_where(tp__thread *t, const tp_module *m)
{
    if (m->called)
        tp__error_add(t, ", in %s (%s)", m->is.name, m->called);
    else
        tp__error_add(t, ", in %s", m->is.name);
}

static bool fits(const tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var *const *out)
{
    if (n_in < 1 || n_out < 1 || !in || !out) {
        tp_fail(TP_ERROR_ARGUMENT, "forward: %d values and %d results of %s, expected 1 at least",
                n_in, n_out, m->is.name);
        return false;
    }
    if (m->is.forward && (n_in != 1 || n_out != 1)) {
        tp_fail(TP_ERROR_ARGUMENT, "forward: %s makes 1 result of 1 value, not %d of %d",
                m->is.name, n_out, n_in);
        return false;
    }
    return true;
}

static void run(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out)
{
    TP__CALLER();
    if (m->before)
        m->before(m->hook_arg, m);
    if (m->is.forward)
        out[0] = m->is.forward(m, in[0]);
    else
        m->is.forward_n(m, n_in, in, n_out, out);
    for (int i = 0; i < n_out; i++)
        if (!out[i])
            refuse_result(m, i);
    if (m->hook && !tp__here()->code)
        m->hook(m->hook_arg, m, n_in, in, n_out, out);
}

void tp_forward_n(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out)
{
    tp__thread *t = tp__here();
    for (int i = 0; i < n_out && out; i++)
        out[i] = NULL;
    bool had_error = t->code != TP_OK;
    if (tp__module_usable("forward", m) && fits(m, n_in, in, n_out, out)) {
        size_t scope = tp_scope_begin();
        size_t name = m->scopes ? tp_name_scope(m->called ? m->called : m->is.name) : 0;
        run(m, n_in, in, n_out, out);
        if (name)
            tp_name_scope_end(name);
        for (int i = 0; i < n_out && !t->code; i++)
            tp_leave(out[i]);
        tp_scope_end(scope);
        if (t->code && !had_error)
            tell_where(t, m);
    }
    for (int i = 0; i < n_out && t->code && out; i++)
        out[i] = tp__poison();
}

tp_var *tp_forward(tp_module *m, tp_var *x)
{
    tp_var *y;
    tp_forward_n(m, 1, &x, 1, &y);
    return y;
}

void tp_module_on_forward(tp_module *m, tp_module_hook *f, void *arg)
{
    if (tp__module_usable("module_on_forward", m)) {
        m->hook = f;
        m->hook_arg = arg;
    }
}

/* --- Modes of all modules --- */

static bool set_mode(tp__walk_module *walk, tp_module *m)
{
    m->eval = !*(const bool *)walk->arg;
    return true;
}

void tp_module_train(tp_module *m, bool training)
{
    tp__walk_module walk = {.f = set_mode, .arg = &training};
    if (tp__module_usable("module_train", m))
        tp__module_walk(&walk, m);
}

bool tp_module_training(const tp_module *m)
{
    return tp__module_usable("module_training", m) && !m->eval;
}

static bool set_scopes(tp__walk_module *walk, tp_module *m)
{
    m->scopes = *(const bool *)walk->arg;
    return true;
}

void tp_module_name_scopes(tp_module *m, bool enabled)
{
    tp__walk_module walk = {.f = set_scopes, .arg = &enabled};
    if (tp__module_usable("module_name_scopes", m))
        tp__module_walk(&walk, m);
}
