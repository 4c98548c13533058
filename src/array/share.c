/* SPDX-License-Identifier: MIT
 *
 * tp_share: a value for several threads.
 *
 * Such a value never changes again. Its elements are ready and its storage is read-only, it has no
 * record, no gradient and no hooks, so that threads read it without a lock, and only its counts of
 * references are atomic. The checks refuse values that have any of these.
 */
#include "base/features.h"

#include "array/array.h"

#include "tinypytorch/scope.h"

tp_var *tp_share(tp_var *v)
{
    if (!v)
        return tp_fail(TP_ERROR_ARGUMENT, "share: the value is NULL");
    if (v->flags & (TP__POISON | TP__SHARED))
        return v;
    if (v->op)
        return tp_fail(TP_ERROR_GRAPH,
                       "share: only a leaf or a detached value can be shared, not a "
                       "recorded result");
    if (tp__grad_of(v) || (v->extra && v->extra->hooks))
        return tp_fail(TP_ERROR_GRAPH,
                       "share: a value with a gradient or a hook cannot be shared: clear it first");
    if (!tp__evaluate(v))
        return tp__poison();
    tp__node_share(v);
    return v;
}
