/* SPDX-License-Identifier: MIT
 *
 * What a sweep is wanted for. One that is asked for some gradients only is selective: it leaves out
 * leaves that nobody asked for, and what is made of such leaves alone, the transpose of a weight, a
 * bias that was broadcast. It ends at values that were asked for, unless it is asked for something
 * that they are made of: inputs given as values in between have a history of their own, which is
 * none of its business.
 */
#ifndef TP_AIM_H
#define TP_AIM_H

#include "graph/sweep.h"

/* True if v, a leaf or made of leaves alone, or one of these, is asked for, or a hook wants it. */
bool tp__sweep_leads_on(tp__sweep *s, tp_var *v);

/* True if the sweep has use for a gradient of v. */
TP_INLINE bool tp__sweep_wanted(tp__sweep *s, tp_var *v)
{
    if (!(v->flags & TP__NEEDS_GRAD) || v->generation < s->floor)
        return false;
    return !s->selective || v->generation > 1 || tp__sweep_leads_on(s, v);
}

/* True if v was asked for, and is made of nothing for which the sweep has use: its rule need not
 * run. tp__sweep_ends_in is the same where s may have been asked for v. */
bool tp__sweep_ends_in(tp__sweep *s, tp_var *v);

TP_INLINE bool tp__sweep_ends_at(tp__sweep *s, tp_var *v)
{
    return TP_UNLIKELY(v->generation <= s->kept_top) && tp__sweep_ends_in(s, v);
}

#endif
