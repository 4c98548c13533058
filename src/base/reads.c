/* SPDX-License-Identifier: MIT
 *
 * Each consumer has one reference to each of its inputs, and `unread` says how many of a node's
 * references are of consumers that do not read it. So when it equals refs, no handle and no reader
 * is left. A consumer is counted when it is recorded and taken off when it goes; a last sweep in
 * between makes it one that reads nothing. Some nodes have no count (TP__UNCOUNTED); a record among
 * these alone has nothing to count or to let go of.
 */
#include "base/features.h"

#include "base/reads.h"

#include "base/node.h"

void tp__reads_settle(tp_var *v)
{
    uint32_t refs = atomic_load_explicit(&v->refs, memory_order_relaxed);
    if ((v->flags & (TP__UNCOUNTED | TP__NUMBER)) || refs != v->unread || !v->storage ||
        (v->reads & TP__READS_OUT) || (!v->op && (v->flags & TP__NEEDS_GRAD)))
        return;
    tp__node_empty(v);
}

/* Counts y among those that do not read an input: of the inputs that its rule reads (read), or of
 * the others. */
TP_INLINE void reads_add(tp_var *y, bool read)
{
    tp_var **inputs = tp__inputs(y);
    const uint32_t reads = y->reads, n = y->n_in;
    for (uint32_t i = 0; i < n; i++) {
        tp_var *in = inputs[i];
        if ((in->flags & TP__UNCOUNTED) || tp__reads_input(reads, i) != read)
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
    y->flags |= TP__PARTS;
    y->reads |= TP__CONSUMED;
    if (!(y->reads & TP__COUNTED))
        return;
    bool result = y->reads & TP__READS_OUT;
    reads_add(y, true);
    y->reads = TP__COUNTED | TP__CONSUMED;
    for (uint32_t i = 0; i < y->n_in; i++)
        tp__reads_settle(tp__inputs(y)[i]);
    if (result)
        tp__reads_settle(y);
}

static void reads_need_one(tp_var *v, bool needed)
{
    if (v->storage && !v->storage->data)
        v->storage->needed = needed;
}

void tp__reads_need(tp_var *y, bool needed)
{
    tp_var **inputs = tp__inputs(y);
    if (y->reads & TP__READS_OUT)
        reads_need_one(y, needed);
    for (uint32_t i = 0; i < y->n_in; i++)
        if (tp__reads_input(y->reads, i))
            reads_need_one(inputs[i], needed);
}

void tp__reads_uncount(tp_var *y)
{
    tp_var **inputs = tp__inputs(y);
    const uint32_t reads = y->reads, n = y->n_in;
    for (uint32_t i = 0; i < n; i++)
        if (!(inputs[i]->flags & TP__UNCOUNTED) && !tp__reads_input(reads, i))
            inputs[i]->unread--;
}
