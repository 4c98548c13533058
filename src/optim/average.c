/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/average.h"

#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "optim/optim.h"
#include "optim/state.h"
#include "tinypytorch/array.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/graph.h"

struct tp_ema {
    double decay; /* NaN: equal weights */
    int n;
    int64_t updates;
    bool swapped;
    tp_var **params, **averages, **before; /* n each; before: the parameters, while swapped */
};

static bool ema_is(const char *call, const tp_ema *e)
{
    if (tp__here()->code)
        return false;
    if (!e)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the average is NULL", call);
    return e != NULL;
}

static bool ema_unswapped(const char *call, const tp_ema *e)
{
    if (!ema_is(call, e))
        return false;
    if (e->swapped)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the parameters are swapped: tp_ema_swap first", call);
    return !e->swapped;
}

static tp_dtype ema_dtype(const tp_var *p)
{
    return p->dtype == TP_F16 || p->dtype == TP_BF16 ? TP_F32 : (tp_dtype)p->dtype;
}

void tp_ema_free(tp_ema *e)
{
    if (!e)
        return;
    for (int i = 0; i < e->n; i++)
        tp_free(e->params[i]);
    for (int i = 0; i < 2 * e->n; i++)
        if (e->averages[i])
            tp__drop(e->averages[i]);
    tp__free(e->params);
    tp__free(e);
}

static bool ema_fill(const char *call, tp_ema *e, tp_var *const *params)
{
    const tp__step step = {.name = call, .params = params, .masters = e->averages, .n = e->n};
    for (int i = 0; i < e->n; i++) {
        if (!tp__step_may_move(&step, i) || !tp__evaluate(params[i]))
            return false;
        e->params[i] = tp_keep(params[i]);
        if (!(e->averages[i] = tp__copy_as(tp__here(), params[i], ema_dtype(params[i]))))
            return false;
    }
    return true;
}

static tp_ema *ema_make(const char *call, tp_var *const *params, int n, double decay)
{
    if (tp__here()->code)
        return NULL;
    if (n < 0 || (n > 0 && !params)) {
        tp_fail(TP_ERROR_ARGUMENT,
                n < 0 ? "%s: %d parameters" : "%s: the list of %d parameters is NULL", call, n);
        return NULL;
    }
    tp_ema *e = tp__alloc_zero(1, sizeof *e);
    if (!e)
        return NULL;
    e->decay = decay;
    if (!(e->params = tp__alloc_zero(3 * (size_t)n + 1, sizeof *e->params))) {
        tp__free(e);
        return NULL;
    }
    e->n = n;
    e->averages = e->params + n;
    e->before = e->averages + n;
    if (ema_fill(call, e, params))
        return e;
    tp_ema_free(e);
    return NULL;
}

tp_ema *tp_ema_new(tp_var *const *params, int n, double decay)
{
    if (tp__here()->code || !tp__check_within("ema_new", "decay", decay, 0, 1))
        return NULL;
    return ema_make("ema_new", params, n, decay);
}

tp_ema *tp_swa_new(tp_var *const *params, int n)
{
    return ema_make("swa_new", params, n, (double)NAN);
}

void tp_ema_update(tp_ema *e)
{
    const char *call = "ema_update";
    if (!ema_unswapped(call, e))
        return;
    TP__CALL(call);
    TP_NO_GRAD();
    const double part = e->updates == 0   ? 1
                        : isnan(e->decay) ? 1 / (double)(e->updates + 1)
                                          : 1 - e->decay;
    for (int i = 0; i < e->n && !tp__here()->code; i++) {
        TP_SCOPE();
        tp_var *a = e->averages[i], *p = tp_to(tp_detach(e->params[i]), (tp_dtype)a->dtype);
        if (part == 1)
            tp_copy_(a, p);
        else
            tp_add_(a, tp_mul(tp_num(part), tp_sub(p, a)));
    }
    if (!tp__here()->code)
        e->updates++;
}

static void ema_copy(tp_var *const *from, tp_var *const *to, int n)
{
    TP_NO_GRAD();
    for (int i = 0; i < n && !tp__here()->code; i++) {
        TP_SCOPE();
        tp_copy_(to[i], tp_to(tp_detach(from[i]), (tp_dtype)to[i]->dtype));
    }
}

void tp_ema_copy_to(tp_ema *e)
{
    if (!ema_unswapped("ema_copy_to", e))
        return;
    TP__CALL("ema_copy_to");
    ema_copy(e->averages, e->params, e->n);
}

void tp_ema_swap(tp_ema *e)
{
    if (!ema_is("ema_swap", e))
        return;
    TP__CALL("ema_swap");
    if (e->swapped) {
        ema_copy(e->before, e->params, e->n);
        e->swapped = tp__here()->code != 0;
        return;
    }
    for (int i = 0; i < e->n; i++) {
        tp_var *p = e->params[i];
        if (!e->before[i] && !(e->before[i] = tp__copy_as(tp__here(), p, (tp_dtype)p->dtype)))
            return;
    }
    ema_copy(e->params, e->before, e->n);
    if (!tp__here()->code) {
        e->swapped = true;
        ema_copy(e->averages, e->params, e->n);
    }
}

tp_var *tp_ema_at(const tp_ema *e, int i)
{
    if (!ema_is("ema_at", e))
        return NULL;
    if (i >= 0 && i < e->n)
        return e->averages[i];
    tp_fail(TP_ERROR_ARGUMENT, "ema_at: average %d of %d", i, e->n);
    return NULL;
}

tp_state_dict *tp_ema_state(const tp_ema *e)
{
    char key[40];
    if (!ema_unswapped("ema_state", e))
        return NULL;
    tp_state_dict *d = tp_state_dict_new();
    tp__state_put(d, (double)e->updates, "n_averaged");
    for (int i = 0; i < e->n; i++) {
        snprintf(key, sizeof key, "module.%d", i);
        tp_state_dict_set(d, key, e->averages[i]);
    }
    return tp__state_end(d);
}

void tp_ema_load_state(tp_ema *e, const tp_state_dict *d)
{
    const char *call = "ema_load_state";
    double updates;
    char key[40];
    if (!ema_unswapped(call, e) || !tp__state_take(call, d, &updates, "n_averaged") ||
        !tp__check_within(call, "n_averaged", updates, 0, 0x1p53))
        return;
    snprintf(key, sizeof key, "module.%d", e->n);
    if (tp_state_dict_get(d, key)) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the state has more than %d averages", call, e->n);
        return;
    }
    for (int i = 0; i < e->n; i++) {
        snprintf(key, sizeof key, "module.%d", i);
        tp_var *v = tp_state_dict_get(d, key);
        if (!v)
            tp_fail(TP_ERROR_ARGUMENT, "%s: %s is missing", call, key);
        if (!v || !tp__check_like(call, key, v, "its average", e->averages[i]))
            return;
    }
    TP__CALL(call);
    for (int i = 0; i < e->n && !tp__here()->code; i++) {
        snprintf(key, sizeof key, "module.%d", i);
        tp_copy_(e->averages[i], tp_state_dict_get(d, key));
    }
    if (!tp__here()->code)
        e->updates = (int64_t)updates;
}
