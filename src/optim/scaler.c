/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/scaler.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "optim/optimizer.h"
#include "optim/state.h"
#include "tinypytorch/array.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/reduce.h"

struct tp_grad_scaler {
    tp_grad_scaler_new_options options;
    double scale;
    int64_t tracker; /* steps since the scale changed */
    bool found;      /* an infinity or NaN since the last update */
};

static bool scaler_is(const char *call, const tp_grad_scaler *s)
{
    if (tp__here()->code)
        return false;
    if (!s)
        tp_fail(TP_ERROR_ARGUMENT, "%s: the scaler is NULL", call);
    return s != NULL;
}

static bool scaler_check(const char *call, const tp_grad_scaler_new_options *o)
{
    if (!tp__check_within(call, "init_scale", o->init_scale, DBL_MIN, DBL_MAX) ||
        !tp__check_within(call, "growth_factor", o->growth_factor, 1 + DBL_EPSILON, DBL_MAX) ||
        !tp__step_option(call, "backoff_factor", o->backoff_factor, DBL_MIN, 1))
        return false;
    if (o->growth_interval >= 1)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: growth_interval is %lld, expected at least 1", call,
            (long long)o->growth_interval);
    return false;
}

tp_grad_scaler *tp_grad_scaler_new(const tp_grad_scaler_new_options *options)
{
    const char *call = "grad_scaler_new";
    tp_grad_scaler_new_options own = TP_OPTIONS(tp_grad_scaler_new_options);
    if (tp__here()->code || !tp__take_options(call, &own, sizeof own, options) ||
        !scaler_check(call, &own))
        return NULL;
    tp_grad_scaler *s = tp__alloc_zero(1, sizeof *s);
    if (s) {
        s->options = own;
        s->scale = own.init_scale;
    }
    return s;
}

void tp_grad_scaler_free(tp_grad_scaler *s)
{
    tp__free(s);
}

double tp_grad_scaler_get_scale(const tp_grad_scaler *s)
{
    return scaler_is("grad_scaler_get_scale", s) ? s->scale : (double)NAN;
}

tp_var *tp_grad_scaler_scale(tp_grad_scaler *s, tp_var *loss)
{
    TP__CALL("grad_scaler_scale");
    return scaler_is("grad_scaler_scale", s) ? tp_mul(loss, tp_num(s->scale)) : tp__poison();
}

/* False if a gradient is infinite or NaN, or with an error. */
static bool scaler_is_finite(const tp_optimizer *o)
{
    TP_NO_GRAD();
    for (int i = 0; i < o->n_params; i++) {
        TP_SCOPE();
        tp_var *g = tp_grad(tp__optimizer_param(o, i));
        if (g && g->size > 0 && !isfinite(tp_item(tp_norm(tp_detach(g), (double)INFINITY, NULL))))
            return false;
    }
    return !tp__here()->code;
}

void tp_grad_scaler_unscale_(tp_grad_scaler *s, tp_optimizer *o)
{
    const char *call = "grad_scaler_unscale_";
    if (!scaler_is(call, s) || !tp__optimizer_is(call, o))
        return;
    if (o->unscaled) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the gradients are divided already, since the last step",
                call);
        return;
    }
    TP__CALL(call);
    TP_NO_GRAD();
    const bool finite = scaler_is_finite(o);
    for (int i = 0; i < o->n_params && !tp__here()->code; i++) {
        TP_SCOPE();
        tp_var *g = tp_grad(tp__optimizer_param(o, i));
        if (g)
            tp_mul_(g, tp_num(1 / s->scale));
    }
    if (tp__here()->code)
        return;
    s->found = s->found || !finite;
    o->unscaled = true;
}

bool tp_grad_scaler_step(tp_grad_scaler *s, tp_optimizer *o)
{
    const char *call = "grad_scaler_step";
    if (!scaler_is(call, s) || !tp__optimizer_is(call, o))
        return false;
    const bool finite = scaler_is_finite(o);
    if (tp__here()->code)
        return false;
    o->unscale = o->unscaled ? 1 : 1 / s->scale;
    if (finite)
        tp_optimizer_step(o);
    o->unscale = 1;
    if (tp__here()->code)
        return false;
    o->unscaled = false;
    s->found = s->found || !finite;
    return finite;
}

void tp_grad_scaler_update(tp_grad_scaler *s)
{
    if (!scaler_is("grad_scaler_update", s))
        return;
    if (s->found) {
        s->scale *= s->options.backoff_factor;
        s->tracker = 0;
    } else if (++s->tracker >= s->options.growth_interval) {
        const double grown = s->scale * s->options.growth_factor;
        s->scale = grown <= (double)FLT_MAX ? grown : s->scale;
        s->tracker = 0;
    }
    s->scale = s->scale < DBL_MIN ? DBL_MIN : s->scale;
    s->found = false;
}

tp_state_dict *tp_grad_scaler_state(const tp_grad_scaler *s)
{
    if (!scaler_is("grad_scaler_state", s))
        return NULL;
    tp_state_dict *d = tp_state_dict_new();
    tp__state_put(d, s->scale, "scale");
    tp__state_put(d, s->options.growth_factor, "growth_factor");
    tp__state_put(d, s->options.backoff_factor, "backoff_factor");
    tp__state_put(d, (double)s->options.growth_interval, "growth_interval");
    tp__state_put(d, (double)s->tracker, "_growth_tracker");
    return tp__state_end(d);
}

void tp_grad_scaler_load_state(tp_grad_scaler *s, const tp_state_dict *d)
{
    const char *call = "grad_scaler_load_state";
    double interval, tracker;
    if (!scaler_is(call, s))
        return;
    tp_grad_scaler_new_options o = s->options;
    if (!tp__state_take(call, d, &o.init_scale, "scale") ||
        !tp__state_take(call, d, &o.growth_factor, "growth_factor") ||
        !tp__state_take(call, d, &o.backoff_factor, "backoff_factor") ||
        !tp__state_take(call, d, &interval, "growth_interval") ||
        !tp__state_take(call, d, &tracker, "_growth_tracker") ||
        !tp__check_within(call, "growth_interval", interval, 1, 0x1p53) ||
        !tp__check_within(call, "_growth_tracker", tracker, 0, 0x1p53))
        return;
    o.growth_interval = (int64_t)interval;
    if (!scaler_check(call, &o))
        return;
    s->scale = o.init_scale;
    o.init_scale = s->options.init_scale;
    s->options = o;
    s->tracker = (int64_t)tracker;
    s->found = false;
}
