/* SPDX-License-Identifier: MIT
 *
 * A look at what a value is made of takes no more than AIM_LOOKS steps: if that does not suffice,
 * something may be asked for there.
 */
#include "base/features.h"

#include "graph/aim.h"

enum { AIM_LOOKS = 64 };

bool tp__sweep_leads_on(tp__sweep *s, tp_var *v)
{
    if (v->op && v->extra && v->extra->hooks)
        return true;
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__map_find(&s->kept, tp__inputs(v)[i]))
            return true;
    return tp__map_find(&s->kept, v) != NULL;
}

/* True if v, or what it is made of, is asked for, or a hook wants it, or that is not known. */
static bool aim_leads_on(tp__sweep *s, tp_var *v, int *looks)
{
    if (!(v->flags & TP__NEEDS_GRAD) || v->generation < s->floor)
        return false;
    if ((v->op && v->extra && v->extra->hooks) || tp__map_find(&s->kept, v) || --*looks < 0)
        return true;
    for (uint32_t i = 0; i < v->n_in; i++)
        if (aim_leads_on(s, tp__inputs(v)[i], looks))
            return true;
    return false;
}

bool tp__sweep_ends_in(tp__sweep *s, tp_var *v)
{
    if (!tp__map_find(&s->kept, v))
        return false;
    int looks = AIM_LOOKS;
    for (uint32_t i = 0; i < v->n_in; i++)
        if (aim_leads_on(s, tp__inputs(v)[i], &looks))
            return false;
    return true;
}
