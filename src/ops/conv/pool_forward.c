/* SPDX-License-Identifier: MIT
 *
 * What the records of pooling compute, by the kernels.
 */
#include "base/features.h"

#include "array/array.h"
#include "ops/conv/pool.h"

/* v's elements in order, evaluated, with one more reference; NULL when out of memory. */
static tp_var *pool_contiguous(tp_var *v)
{
    if (!tp__evaluate(v))
        return NULL;
    if (!(v->flags & TP__CONTIGUOUS))
        return tp__copy_as(tp__here(), v, (tp_dtype)v->dtype);
    tp__ref(v);
    return v;
}

static bool pool_compute(tp__pool_kind kind, tp__pool_job *job, const tp__pool_attr *attr,
                         const tp_var *like)
{
    if (!tp__pool_begin(&job->pool, attr, like))
        return false;
    tp__pool_run(kind, (tp_dtype)like->dtype, job);
    tp__pool_end(&job->pool);
    return true;
}

/* A record's forward: from elements, or what belongs to windows, and from indices if there are. */
static bool pool_forward(tp__call *call, tp__pool_kind kind)
{
    tp_var *in = pool_contiguous(call->in[0]);
    tp_var *index = in && call->n_in > 1 ? pool_contiguous(call->in[1]) : NULL;
    bool good = in && (index || call->n_in == 1);
    if (good) {
        tp__pool_job job = {.x = in->data,
                            .g = in->data,
                            .to = call->out->data,
                            .index = index ? index->data : NULL};
        good = pool_compute(kind, &job, call->attr.block, in);
    }
    if (in)
        tp__drop(in);
    if (index)
        tp__drop(index);
    return good;
}

#define POOL_FORWARD(name, kind)                                                                   \
    bool tp__##name(tp__call *call)                                                                \
    {                                                                                              \
        return pool_forward(call, kind);                                                           \
    }

POOL_FORWARD(max_pool, TP__POOL_LARGEST)
POOL_FORWARD(max_pool_indices, TP__POOL_PLACES)
POOL_FORWARD(pool_take, TP__POOL_TAKE)
POOL_FORWARD(pool_put, TP__POOL_PUT)
POOL_FORWARD(avg_pool, TP__POOL_MEAN)
POOL_FORWARD(avg_pool_back, TP__POOL_MEAN_BACK)

tp_var *tp__max_pool_spread(tp_var *x, tp_var *g, const tp__pool_attr *attr)
{
    tp_var *gx = tp__empty((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    tp_var *a = tp_is_poison(gx) ? NULL : pool_contiguous(x), *b = a ? pool_contiguous(g) : NULL;
    bool good = false;
    if (b) {
        tp__pool_job job = {.x = a->data, .g = b->data, .to = gx->data};
        good = pool_compute(TP__POOL_SPREAD, &job, attr, a);
    }
    if (a)
        tp__drop(a);
    if (b)
        tp__drop(b);
    return good ? gx : tp__poison();
}
