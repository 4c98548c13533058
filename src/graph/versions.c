/* SPDX-License-Identifier: MIT
 *
 * The messages name what the caller wrote: a conversion that was put in (TP__IMPLICIT) is passed by
 * for the operand it was made of.
 */
#include "base/features.h"

#include "graph/versions.h"

#include <stdio.h>

#include "array/array.h"
#include "base/marks.h"

static bool versions_refuse(const tp__sweep *s, tp_var *v, const tp_var *read)
{
    char label[80], name[64], which[40] = "its result";
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__inputs(v)[i] == read)
            snprintf(which, sizeof which, "operand %u of %u", i + 1, v->n_in);
    while ((read->marks & TP__IMPLICIT) && read->op)
        read = read->in.few[0];
    tp__name_text(name, v);
    snprintf(label, sizeof label, "%s%s", v->op->name, name);
    tp_fail(TP_ERROR_GRAPH,
            "%s: the gradient of %s needs %s%s, which was edited in place since it was recorded",
            s->call, label, which, tp__name_text(name, read));
    return false;
}

bool tp__versions_hold(const tp__sweep *s, tp_var *v)
{
    unsigned reads = tp__sweep_reads(s, v);
    tp_var **in = tp__inputs(v);
    const uint32_t *versions = tp__input_versions(v);
    for (uint32_t i = 0; i < v->n_in; i++)
        if (tp__reads_input(reads, i) && tp__version(in[i]) != versions[i])
            return versions_refuse(s, v, in[i]);
    if ((reads & TP__READS_OUT) && tp__version(v) != 0)
        return versions_refuse(s, v, v);
    return true;
}

bool tp__refuse_consumed(const tp__sweep *s, const tp_var *v)
{
    char name[64];
    tp_fail(TP_ERROR_GRAPH, "%s: %s%s was consumed by an earlier backward (.consume = true)",
            s->call, v->op->name, tp__name_text(name, v));
    return false;
}
