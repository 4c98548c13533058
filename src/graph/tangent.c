/* SPDX-License-Identifier: MIT
 *
 * The map from dx to dy is linear, so dx itself may be anything: zeros here. A sweep to dx visits
 * generations from dx's on, and so leaves out all that does not depend on dx.
 */
#include "base/features.h"

#include "graph/tangent.h"

#include "array/array.h"
#include "graph/compose.h"
#include "tinypytorch.h"

enum { TANGENT_ABOVE = 64 };

tp_var *tp__tangent_seed(tp_var *y, tp_var *dx)
{
    tp_var *seed = tp__recorded_above(dx, y);
    if (!tp_is_poison(seed))
        seed->generation += TANGENT_ABOVE;
    return seed;
}

void tp__tangent_gradient(const tp__pull *pull)
{
    tp_var *y = pull->y, *x = pull->x[0], *to = y;
    unsigned reads = tp__reads(y);
    bool mode = tp_set_grad_enabled(true);
    if (!pull->record && (reads & TP__READS_OUT))
        y = tp_detach(y);
    if (!pull->record && (reads & TP__READS_0))
        x = tp_detach(x);
    tp_var *dx = tp__tangent_seed(to, tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x)));
    tp_var *dy = tp_is_poison(dx) ? dx : to->op->tangent(y, x, dx);
    tp_gradient_options options = {
        .gradient = pull->gy, .create_graph = pull->record, .size = sizeof options};
    (tp_gradients)(dy, &dx, 1, pull->gx, &options);
    tp_set_grad_enabled(mode);
}
