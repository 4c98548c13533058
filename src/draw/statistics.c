/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "draw/statistics.h"

#include <math.h>

#include "array/array.h"
#include "array/deferred.h"
#include "base/dtype.h"

static void statistics_over(tp__statistics *s, const tp_var *v)
{
    double sum = 0;
    int64_t n = 0;
    const char *at = v->data;
    bool uniform = v->size > 1 && tp__is_uniform(v);
    for (int64_t i = 0; i < (uniform ? 1 : v->size); i++) {
        double x = tp__read_element((tp_dtype)v->dtype, at + (size_t)i * tp__dtype_size(v->dtype));
        if (isnan(x)) {
            s->nan++;
            continue;
        }
        s->min = n == 0 || x < s->min ? x : s->min;
        s->max = n == 0 || x > s->max ? x : s->max;
        sum += x;
        n++;
    }
    s->nan = uniform && s->nan ? v->size : s->nan;
    s->mean = n ? sum / (double)n : (double)NAN;
}

tp__statistics tp__statistics_of(tp_var *v)
{
    tp__statistics s = {.min = (double)NAN, .mean = (double)NAN, .max = (double)NAN};
    s.failed = !(v->flags & (TP__DROPPED | TP__POISON)) && !tp__evaluate(v);
    if (s.failed || !v->data)
        return s;
    tp_var *plain = v;
    if ((v->flags & TP__CONTIGUOUS) || tp__is_uniform(v))
        tp__ref(v);
    else
        plain = tp__copy_as(tp__here(), v, (tp_dtype)v->dtype);
    s.failed = !plain;
    if (!plain)
        return s;
    s.known = true;
    statistics_over(&s, plain);
    tp__drop(plain);
    return s;
}
