/* SPDX-License-Identifier: MIT
 *
 * Gradients of many parameters looked at, and edited, as one.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/optim.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "base/call.h"
#include "tinypytorch/elementwise.h"
#include "tinypytorch/graph.h"
#include "tinypytorch/reduce.h"

static bool clip_check(const char *call, tp_var *const *params, int n)
{
    if (tp__here()->code)
        return false;
    if (n < 0 || (n > 0 && !params)) {
        tp_fail(TP_ERROR_ARGUMENT,
                n < 0 ? "%s: %d parameters" : "%s: the list of %d parameters is NULL", call, n);
        return false;
    }
    for (int i = 0; i < n; i++)
        if (!tp__check_operand_of(call, params[i], i, n))
            return false;
    return true;
}

/* The sum of squares in float64, scaled by the largest so that nothing over- or underflows. */
static double clip_norm(tp_var *const *params, int n)
{
    double scale = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        TP_SCOPE();
        tp_var *g = tp_grad(params[i]);
        if (!g || g->size == 0)
            continue;
        tp_reduce_options all = TP_OPTIONS(tp_reduce_options);
        all.axes.one = TP_ALL_AXES;
        double norm = tp_item(tp_norm(tp_to(tp_detach(g), TP_F64), 2, &all));
        if (!(norm <= DBL_MAX))
            return norm;
        if (norm > scale) {
            sum = sum * (scale / norm) * (scale / norm) + 1;
            scale = norm;
        } else if (norm > 0) {
            sum += norm / scale * (norm / scale);
        }
    }
    return scale * sqrt(sum);
}

double tp_clip_grad_norm_(tp_var *const *params, int n, double max_norm)
{
    const char *call = "clip_grad_norm_";
    if (!clip_check(call, params, n) || !tp__check_within(call, "max_norm", max_norm, 0, DBL_MAX))
        return (double)NAN;
    TP__CALL(call);
    TP_NO_GRAD();
    const double norm = clip_norm(params, n), factor = max_norm / (norm + 1e-6);
    for (int i = 0; i < n && !tp__here()->code && !(factor >= 1); i++) {
        TP_SCOPE();
        tp_var *g = tp_grad(params[i]);
        if (g)
            tp_mul_(g, tp_num(factor));
    }
    return tp__here()->code ? (double)NAN : norm;
}

void tp_clip_grad_value_(tp_var *const *params, int n, double clip_value)
{
    const char *call = "clip_grad_value_";
    if (!clip_check(call, params, n) ||
        !tp__check_within(call, "clip_value", clip_value, 0, DBL_MAX))
        return;
    TP__CALL(call);
    TP_NO_GRAD();
    for (int i = 0; i < n && !tp__here()->code; i++) {
        TP_SCOPE();
        tp_var *g = tp_grad(params[i]);
        if (g)
            tp_copy_(g, tp_clamp(tp_detach(g), tp_num(-clip_value), tp_num(clip_value)));
    }
}
