/* SPDX-License-Identifier: MIT
 *
 * Which half type a result is rounded to follows from all operands, those of other types included:
 * float16 with bfloat16 is float32. The conversions are nodes that drawings pass over.
 */
#include "base/features.h"

#include "graph/half.h"

#include "array/promote.h"
#include "base/dtype.h"
#include "base/marks.h"
#include "tinypytorch/array.h"

/* Operands of a call that are looked at together; more than any function with TP__IN_FLOAT32 has.
 */
enum { HALF_OPERANDS = 8 };

/* A conversion that drawings pass over. */
static tp_var *half_convert(tp_var *v, tp_dtype dtype)
{
    tp__thread *t = tp__here();
    uint16_t marks = tp__mark(t, TP__IMPLICIT);
    v = tp_to(v, dtype);
    t->recording.marks = marks;
    return v;
}

static bool half_is(const tp_var *v)
{
    return v && tp__is_half((tp_dtype)v->dtype);
}

bool tp__widen(tp_var **const *in, int n, tp_dtype *narrow)
{
    tp_var *present[HALF_OPERANDS];
    bool any = false;
    int count = 0;
    for (int i = 0; i < n; i++) {
        any |= half_is(*in[i]);
        if (*in[i])
            present[count++] = *in[i];
    }
    if (!any)
        return false;
    *narrow = tp__promote(present, count);
    for (int i = 0; i < n; i++)
        if (half_is(*in[i]))
            *in[i] = half_convert(*in[i], TP_F32);
    return true;
}

tp_var *tp__narrow_other(tp_var *y, tp_dtype narrow)
{
    return y->dtype == TP_F32 && tp__is_half(narrow) ? half_convert(y, narrow) : y;
}

tp_var *tp__addend(tp_var *v)
{
    return half_is(v) ? half_convert(v, TP_F32) : v;
}
