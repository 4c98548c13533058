/* SPDX-License-Identifier: MIT
 *
 * Gradients as values: a sweep that stores nothing in variables. The values asked for stand in the
 * sweep's map from the start (gradient_aim), and no generation below the lowest of them is visited.
 * A gradient that is a constant and shares its elements with something is copied, so that the
 * caller may edit it.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/scope.h"
#include "graph/half.h"
#include "graph/op.h"
#include "graph/sweep.h"
#include "graph/watch.h"

/* --- Gradients as values --- */

static bool gradient_check(tp_var *y, tp_var *const *xs, int n, bool record, tp_var *gradient)
{
    char name[64];
    if (tp__here()->code || !tp__check_named("gradient", "y", y) ||
        !tp__may_differentiate("gradient", y) || (!record && !tp__may_read("gradient", y)))
        return false;
    for (int i = 0; i < n; i++) {
        if (!(n == 1 ? tp__check_named("gradient", "x", xs[i])
                     : tp__check_operand_of("gradient", xs[i], i, n)))
            return false;
        if (!(xs[i]->flags & TP__NEEDS_GRAD)) {
            tp_fail(TP_ERROR_GRAPH,
                    "gradient: x%s is a constant; make it with tp_variable or tp_requires_grad_ to "
                    "differentiate for it",
                    tp__name_text(name, xs[i]));
            return false;
        }
    }
    return tp__sweep_check_start("gradient", y, gradient);
}

/* The lowest generation of what is asked for. */
static uint32_t gradient_floor(tp_var *const *xs, int n)
{
    uint32_t floor = UINT32_MAX;
    for (int i = 0; i < n; i++)
        floor = xs[i]->generation < floor ? xs[i]->generation : floor;
    return n ? floor : 0;
}

static bool gradient_aim(tp__sweep *s, tp_var *const *xs, int n)
{
    bool added, good = true;
    s->selective = true;
    tp__sweep_watch(s, &tp__watch_kept);
    s->kept_top = 0;
    for (int i = 0; i < n && good; i++) {
        good = tp__map_add(&s->kept, xs[i], &added) != NULL;
        s->kept_top = xs[i]->generation > s->kept_top ? xs[i]->generation : s->kept_top;
    }
    if (s->n_watchers == 1)
        s->watched = s->kept_top;
    return good;
}

/* A constant result is one that nobody else holds. */
static tp_var *gradient_result(tp__sweep *s, tp_var *found)
{
    bool graph = found->flags & TP__NEEDS_GRAD;
    tp_var *result = graph ? found : tp__sole(s->t, found);
    if (graph)
        tp__ref(found);
    else if (result && !s->record)
        result->flags |= TP__UNRECORDED;
    return tp__own(s->t, result);
}

static bool gradient_sweep(tp__sweep *s, tp_var *y, tp_var *const *xs, int n, tp_var **out,
                           tp_var *gradient)
{
    if (!gradient_aim(s, xs, n) || ((y->flags & TP__NEEDS_GRAD) && !tp__sweep_run(s, y, gradient)))
        return false;
    for (int i = 0; i < n; i++) {
        tp_var *found = tp__map_find(&s->kept, xs[i])->value.var;
        if (found) {
            out[i] = gradient_result(s, tp__narrow(found, (tp_dtype)xs[i]->dtype));
        } else {
            out[i] = tp_zeros((tp_dtype)xs[i]->dtype, xs[i]->ndim, tp__shape(xs[i]));
        }
        if (tp_is_poison(out[i]))
            return false;
    }
    return true;
}

void tp_gradients(tp_var *y, tp_var *const *xs, int n, tp_var **out,
                  const tp_gradient_options *given)
{
    TP__CALL("gradients");
    tp_gradient_options options = TP_OPTIONS(tp_gradient_options);
    bool good = false, taken = tp__take_options("gradients", &options, sizeof options, given);
    if (n < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "gradients: n is %d", n);
    } else if (n > 0 && (!xs || !out)) {
        tp_fail(TP_ERROR_ARGUMENT, "gradients: %s is NULL", xs ? "out" : "xs");
    } else if (taken && gradient_check(y, xs, n, options.create_graph, options.gradient) && n > 0) {
        tp__sweep s;
        good = tp__sweep_begin(&s, "gradient", y, gradient_floor(xs, n), options.create_graph) &&
               gradient_sweep(&s, y, xs, n, out, options.gradient);
        tp__sweep_end(&s);
    }
    for (int i = 0; out && i < n && !good; i++)
        out[i] = tp__poison();
}

tp_var *tp_gradient(tp_var *y, tp_var *x, const tp_gradient_options *options)
{
    TP__CALL("gradient");
    tp_var *out;
    tp_gradients(y, &x, 1, &out, options);
    return out;
}

/* --- The leaves of a graph --- */

size_t tp_leaves(tp_var *y, size_t n, tp_var **out)
{
    if (n && !out) {
        tp_fail(TP_ERROR_ARGUMENT, "leaves: out is NULL");
        return 0;
    }
    if (!tp__check_operand("leaves", y) || !(y->flags & TP__NEEDS_GRAD))
        return 0;
    size_t found = 0;
    tp__map met = {0};
    bool added;
    if (!tp__map_add(&met, y, &added))
        return 0;
    for (size_t at = 0; at < met.n; at++) {
        tp_var *v = (tp_var *)tp__map_at(&met)[at].key;
        if (!v->op && found++ < n)
            out[found - 1] = v;
        for (uint32_t i = 0; i < v->n_in; i++) {
            tp_var *in = tp__inputs(v)[i];
            if ((in->flags & TP__NEEDS_GRAD) && !tp__map_add(&met, in, &added)) {
                tp__map_drop(&met);
                return 0;
            }
        }
    }
    tp__map_drop(&met);
    return found;
}

/* --- Recording --- */

tp_var *tp_detach(tp_var *v)
{
    if (!tp__check_operand("detach", v))
        return tp__poison();
    tp__thread *t = tp__here();
    return tp__own(t, tp__alias(t, v));
}

bool tp_requires_grad(const tp_var *v)
{
    return v && (v->flags & TP__NEEDS_GRAD);
}

uint32_t tp_generation(const tp_var *v)
{
    return v ? v->generation : 0;
}

bool tp_set_grad_enabled(bool enabled)
{
    return !tp__set_mode(tp__here(), TP__NO_GRAD, !enabled);
}

bool tp_is_grad_enabled(void)
{
    return !(tp__here()->recording.modes & TP__NO_GRAD);
}
