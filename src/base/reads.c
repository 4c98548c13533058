/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "base/reads.h"

#include "base/dtype.h"
#include "base/node.h"

void tp__reads_settle(tp_var *v)
{
    uint32_t refs = atomic_load_explicit(&v->refs, memory_order_relaxed);
    if (refs != v->unread || !v->storage || (v->reads & TP__READS_OUT) ||
        (size_t)v->size * tp__dtype_size(v->dtype) <= TP__INLINE_BYTES ||
        (v->flags & (TP__SHARED | TP__NUMBER)) || (!v->op && (v->flags & TP__NEEDS_GRAD)))
        return;
    tp__node_empty(v);
}

/* Counts y as one that does not read those of its inputs that it reads, or does not. */
TP_INLINE void reads_add(tp_var *y, bool read)
{
    tp_var **inputs = tp__inputs(y);
    const uint32_t reads = y->reads, n = y->n_in;
    for (uint32_t i = 0; i < n; i++) {
        tp_var *in = inputs[i];
        if ((in->flags & TP__SHARED) || tp__reads_input(reads, i) != read)
            continue;
        in->unread++;
        in->flags |= TP__UNREAD;
    }
}

void tp__reads_count(tp_var *y)
{
    y->flags |= TP__PARTS;
    y->reads |= TP__COUNTED;
    reads_add(y, false);
}

void tp__reads_consume(tp_var *y)
{
    y->flags |= TP__CONSUMED;
    if (!(y->reads & TP__COUNTED))
        return;
    bool result = y->reads & TP__READS_OUT;
    reads_add(y, true);
    y->reads = TP__COUNTED;
    for (uint32_t i = 0; i < y->n_in; i++)
        tp__reads_settle(tp__inputs(y)[i]);
    if (result)
        tp__reads_settle(y);
}

void tp__reads_uncount(tp_var *y)
{
    tp_var **inputs = tp__inputs(y);
    const uint32_t reads = y->reads, n = y->n_in;
    for (uint32_t i = 0; i < n; i++)
        if (!(inputs[i]->flags & TP__SHARED) && !tp__reads_input(reads, i))
            inputs[i]->unread--;
}
