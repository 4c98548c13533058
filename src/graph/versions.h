/* SPDX-License-Identifier: MIT
 *
 * What a rule reads must be what its node was computed from: a node keeps the versions of its
 * inputs (base/node.h), which edits in place count up.
 */
#ifndef TP_VERSIONS_H
#define TP_VERSIONS_H

#include "graph/op.h"
#include "graph/sweep.h"

/* What the sweep reads of v's operands and result. Of a call with several outputs, whose function
 * says what it reads, nothing. */
TP_INLINE unsigned tp__sweep_reads(const tp__sweep *s, tp_var *v)
{
    return v->op->flags & TP__OUTPUTS ? 0 : s->record ? tp__reads(v) : tp__reads_of_rule(v);
}

/* True if all that v's rule reads is as it was when v was recorded; otherwise an error that names
 * both. */
bool tp__versions_hold(const tp__sweep *s, tp_var *v);

/* The same for a number of at most two inputs, quickly. */
TP_INLINE bool tp__versions_hold_number(const tp__sweep *s, tp_var *v, const tp_var *a,
                                        const tp_var *b)
{
    unsigned reads = a->flags & TP__NEEDS_GRAD ? v->op->reads[0] : 0;
    if (v->n_in > 1 && (b->flags & TP__NEEDS_GRAD))
        reads |= v->op->reads[1];
    bool stale = ((reads & TP__READS_0) && tp__version(a) != v->few_versions[0]) ||
                 ((reads & TP__READS_1) && v->n_in > 1 && tp__version(b) != v->few_versions[1]) ||
                 ((reads & TP__READS_OUT) && tp__version(v) != 0);
    return TP_LIKELY(!stale) || tp__versions_hold(s, v);
}

/* True if nothing that v was made of was edited, nor v: the commonest, and quickly. */
TP_INLINE bool tp__versions_as_recorded(const tp_var *v)
{
    return v->n_in > 0 && v->n_in <= 2 && tp__version(v->in.few[0]) == v->few_versions[0] &&
           (v->n_in == 1 || tp__version(v->in.few[1]) == v->few_versions[1]) && tp__version(v) == 0;
}

/* The error of a node whose elements an earlier sweep let go. False. */
bool tp__refuse_consumed(const tp__sweep *s, const tp_var *v);

#endif
