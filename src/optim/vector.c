/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#define TP_NO_SUGAR
#include "optim/vector.h"

#include <math.h>

#include "array/array.h"
#include "base/dtype.h"
#include "tinypytorch/array.h"
#include "tinypytorch/graph.h"

bool tp__vector_check(const tp_optimizer *o)
{
    const tp__optimizer_group *group = &o->groups[0];
    const tp__step step = {.name = "optimizer_step_with",
                           .params = group->params,
                           .masters = group->masters,
                           .n = group->n};
    for (int i = 0; i < group->n; i++)
        if (!tp__step_may_move(&step, i))
            return false;
    return true;
}

int64_t tp__vector_size(const tp_optimizer *o)
{
    int64_t n = 0;
    for (int i = 0; i < o->n_params; i++)
        n += tp__optimizer_param(o, i)->size;
    return n;
}

/* v's elements, zeros for NULL. */
static bool vector_take(tp_var *v, int64_t n, double *to)
{
    TP_SCOPE();
    tp_var *plain = v ? tp__plain(v) : NULL;
    if (plain && (plain->flags & TP__POISON))
        return false;
    for (int64_t i = 0; i < n; i++)
        to[i] = plain ? tp__read_element((tp_dtype)plain->dtype,
                                         (const char *)plain->data +
                                             (size_t)i * tp__dtype_size((tp_dtype)plain->dtype))
                      : 0;
    return true;
}

bool tp__vector_read(const tp_optimizer *o, double *x)
{
    for (int i = 0; i < o->n_params; i++) {
        tp_var *p = tp__optimizer_param(o, i);
        if (!vector_take(p, p->size, x))
            return false;
        x += p->size;
    }
    return true;
}

bool tp__vector_take(tp_var *const *params, tp_var *const *values, int n, double *to)
{
    for (int i = 0; i < n; to += params[i++]->size)
        if (!vector_take(values[i], params[i]->size, to))
            return false;
    return true;
}

bool tp__vector_gradient(const tp_optimizer *o, double *g)
{
    for (int i = 0; i < o->n_params; i++) {
        TP_SCOPE();
        tp_var *p = tp__optimizer_param(o, i);
        if (!vector_take(tp_grad(p), p->size, g))
            return false;
        g += p->size;
    }
    return true;
}

bool tp__vector_move(const tp_optimizer *o, const double *x, double t, const double *d)
{
    for (int i = 0; i < o->n_params; i++)
        if (!tp__evaluate(tp__optimizer_param(o, i)) || !tp__edit(tp__optimizer_param(o, i)))
            return false;
    for (int i = 0; i < o->n_params; i++) {
        tp_var *p = tp__optimizer_param(o, i);
        const size_t item = tp__dtype_size((tp_dtype)p->dtype);
        for (int64_t k = 0; k < p->size; k++)
            tp__write_element((tp_dtype)p->dtype, (char *)p->data + (size_t)k * item,
                              t != 0 ? x[k] + t * d[k] : x[k]);
        tp__edited(p);
        x += p->size;
        d += p->size;
    }
    return true;
}

double tp__vector_dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

double tp__vector_largest(int64_t n, const double *a)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        most = fabs(a[i]) <= most || most != most ? most : fabs(a[i]);
    return most;
}

void tp__vector_add(int64_t n, double *to, double factor, const double *a)
{
    for (int64_t i = 0; i < n; i++)
        to[i] += factor * a[i];
}
