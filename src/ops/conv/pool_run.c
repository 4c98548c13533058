/* SPDX-License-Identifier: MIT
 *
 * What pooling computes: loops over the windows of a plane, which is a task, and over pairs of
 * lines where windows are 2 × 2 and side by side.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/parallel.h"
#include "kernels/pool.h"
#include "ops/conv/pool.h"

/* What a task on a plane needs: elements of the larger side, of the smaller one, indices. */
typedef struct pool_work {
    tp__pool pool;
    const void *x, *g;
    void *to;
    const int64_t *index;
    const tp__pool_kernels *quads; /* if windows are 2 × 2, side by side */
    size_t item;
} pool_work;

/* Nanoseconds for an element of the larger side, about. */
static const double pool_cost = 1;

static void pool_run(const pool_work *work, void (*task)(void *ctx, int64_t plane))
{
    double elements = (double)work->pool.planes * (double)(work->pool.in + work->pool.out);
    tp__parallel(work->pool.planes, elements * pool_cost, task, (void *)work);
}

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

/* --- Walking --- */

/* Calls body for each place of a plane's result, with its number `at` and windows a, b, c. */
#define POOL_PLACES(pool)                                                                          \
    for (int64_t at = 0, i_ = 0; i_ < (pool)->axis[0].out; i_++)                                   \
        for (int64_t j_ = 0; j_ < (pool)->axis[1].out; j_++)                                       \
            for (int64_t k_ = 0; k_ < (pool)->axis[2].out; k_++, at++)

#define POOL_WINDOW(pool, a, b, c)                                                                 \
    const tp__pool_window *a = &(pool)->axis[0].window[i_], *b = &(pool)->axis[1].window[j_],      \
                          *c = &(pool)->axis[2].window[k_]

/* For each element of a window: its number in the plane. */
#define POOL_ELEMENTS(pool, place, a, b, c)                                                        \
    for (int64_t l_ = 0; l_ < (a)->count; l_++)                                                    \
        for (int64_t m_ = 0; m_ < (b)->count; m_++)                                                \
            for (int64_t n_ = 0, place = (((a)->first + l_ * (a)->step) * (pool)->axis[1].in +     \
                                          (b)->first + m_ * (b)->step) *                           \
                                             (pool)->axis[2].in +                                  \
                                         (c)->first;                                               \
                 n_ < (c)->count; n_++, place += (c)->step)

static double pool_share(const tp__pool *pool, const tp__pool_window *a, const tp__pool_window *b,
                         const tp__pool_window *c)
{
    return pool->divisor != TP_AUTO ? pool->divisor : (double)(a->share * b->share * c->share);
}

/* --- Kernels, by type --- */

#define POOL_KERNELS(Type, suffix)                                                                 \
    static int64_t pool_first_##suffix(const tp__pool *pool, const Type *x,                        \
                                       const tp__pool_window *a, const tp__pool_window *b,         \
                                       const tp__pool_window *c)                                   \
    {                                                                                              \
        int64_t best = (a->first * pool->axis[1].in + b->first) * pool->axis[2].in + c->first;     \
        POOL_ELEMENTS(pool, place, a, b, c)                                                        \
        {                                                                                          \
            const int64_t wins = (x[place] > x[best]) | (x[place] != x[place]);                    \
            best ^= (best ^ place) & -wins;                                                        \
        }                                                                                          \
        return best;                                                                               \
    }                                                                                              \
                                                                                                   \
    static void pool_largest_##suffix(void *ctx, int64_t plane)                                    \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const tp__pool *pool = &work->pool;                                                        \
        const Type *x = (const Type *)work->x + plane * pool->in;                                  \
        Type *to = (Type *)work->to + plane * pool->out;                                           \
        POOL_PLACES(pool)                                                                          \
        {                                                                                          \
            POOL_WINDOW(pool, a, b, c);                                                            \
            to[at] = x[pool_first_##suffix(pool, x, a, b, c)];                                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void pool_places_##suffix(void *ctx, int64_t plane)                                     \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const tp__pool *pool = &work->pool;                                                        \
        const Type *x = (const Type *)work->x + plane * pool->in;                                  \
        int64_t *to = (int64_t *)work->to + plane * pool->out;                                     \
        POOL_PLACES(pool)                                                                          \
        {                                                                                          \
            POOL_WINDOW(pool, a, b, c);                                                            \
            to[at] = pool_first_##suffix(pool, x, a, b, c);                                        \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void pool_spread_##suffix(void *ctx, int64_t plane)                                     \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const tp__pool *pool = &work->pool;                                                        \
        const Type *x = (const Type *)work->x + plane * pool->in;                                  \
        const Type *g = (const Type *)work->g + plane * pool->out;                                 \
        Type *to = (Type *)work->to + plane * pool->in;                                            \
        memset(to, 0, (size_t)pool->in * sizeof *to);                                              \
        POOL_PLACES(pool)                                                                          \
        {                                                                                          \
            POOL_WINDOW(pool, a, b, c);                                                            \
            to[pool_first_##suffix(pool, x, a, b, c)] += g[at];                                    \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void pool_take_##suffix(void *ctx, int64_t plane)                                       \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const Type *x = (const Type *)work->x + plane * work->pool.in;                             \
        Type *to = (Type *)work->to + plane * work->pool.out;                                      \
        for (int64_t i = 0; i < work->pool.out; i++)                                               \
            to[i] = x[work->index[plane * work->pool.out + i]];                                    \
    }                                                                                              \
                                                                                                   \
    static void pool_put_##suffix(void *ctx, int64_t plane)                                        \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const Type *g = (const Type *)work->g + plane * work->pool.out;                            \
        Type *to = (Type *)work->to + plane * work->pool.in;                                       \
        memset(to, 0, (size_t)work->pool.in * sizeof *to);                                         \
        for (int64_t i = 0; i < work->pool.out; i++)                                               \
            to[work->index[plane * work->pool.out + i]] += g[i];                                   \
    }                                                                                              \
                                                                                                   \
    static void pool_mean_##suffix(void *ctx, int64_t plane)                                       \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const tp__pool *pool = &work->pool;                                                        \
        const Type *x = (const Type *)work->x + plane * pool->in;                                  \
        Type *to = (Type *)work->to + plane * pool->out;                                           \
        POOL_PLACES(pool)                                                                          \
        {                                                                                          \
            POOL_WINDOW(pool, a, b, c);                                                            \
            double sum = 0;                                                                        \
            POOL_ELEMENTS(pool, place, a, b, c)                                                    \
            sum += (double)x[place];                                                               \
            to[at] = (Type)(sum / pool_share(pool, a, b, c));                                      \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void pool_mean_back_##suffix(void *ctx, int64_t plane)                                  \
    {                                                                                              \
        const pool_work *work = ctx;                                                               \
        const tp__pool *pool = &work->pool;                                                        \
        const Type *g = (const Type *)work->g + plane * pool->out;                                 \
        Type *to = (Type *)work->to + plane * pool->in;                                            \
        memset(to, 0, (size_t)pool->in * sizeof *to);                                              \
        POOL_PLACES(pool)                                                                          \
        {                                                                                          \
            POOL_WINDOW(pool, a, b, c);                                                            \
            Type part = (Type)((double)g[at] / pool_share(pool, a, b, c));                         \
            POOL_ELEMENTS(pool, place, a, b, c)                                                    \
            to[place] += part;                                                                     \
        }                                                                                          \
    }

POOL_KERNELS(float, f32)
POOL_KERNELS(double, f64)

/* --- Windows of 2 × 2, side by side --- */

static bool pool_is_quads(const tp__pool_attr *attr)
{
    bool quads = attr->ndim == 2;
    for (int i = 0; i < attr->ndim; i++)
        quads = quads && attr->kernel[i] == 2 && attr->stride[i] == 2 && attr->padding[i] == 0 &&
                attr->dilation[i] == 1;
    return quads;
}

static const tp__pool_kernels *pool_quads(const tp__pool *pool, const tp__pool_attr *attr,
                                          tp_dtype dtype)
{
    static tp__pool_table *const levels[TP__LEVELS] = {TP__BY_LEVEL(NULL, tp__pool)};
    bool inside =
        2 * pool->axis[1].out <= pool->axis[1].in && 2 * pool->axis[2].out <= pool->axis[2].in;
    return levels[tp__level] && inside && pool_is_quads(attr) ? &(*levels[tp__level])[dtype] : NULL;
}

static void pool_quads_largest(void *ctx, int64_t plane)
{
    const pool_work *work = ctx;
    const tp__pool_axis *axis = work->pool.axis;
    size_t line = (size_t)axis[2].in * work->item, short_line = (size_t)axis[2].out * work->item;
    const char *x = (const char *)work->x + (size_t)(plane * work->pool.in) * work->item;
    char *to = (char *)work->to + (size_t)(plane * work->pool.out) * work->item;
    for (int64_t i = 0; i < axis[1].out; i++, x += 2 * line, to += short_line)
        work->quads->largest(axis[2].out, (const void *const[]){x, x + line}, NULL,
                             (void *const[]){to, NULL});
}

static void pool_quads_spread(void *ctx, int64_t plane)
{
    const pool_work *work = ctx;
    const tp__pool_axis *axis = work->pool.axis;
    size_t line = (size_t)axis[2].in * work->item, short_line = (size_t)axis[2].out * work->item;
    const char *x = (const char *)work->x + (size_t)(plane * work->pool.in) * work->item;
    const char *g = (const char *)work->g + (size_t)(plane * work->pool.out) * work->item;
    char *to = (char *)work->to + (size_t)(plane * work->pool.in) * work->item;
    for (int64_t i = 0; i < axis[1].out; i++, x += 2 * line, g += short_line, to += 2 * line) {
        work->quads->spread(axis[2].out, (const void *const[]){x, x + line}, g,
                            (void *const[]){to, to + line});
        for (int j = 0; j < 2 && axis[2].in % 2; j++)
            memset(to + (size_t)(j + 1) * line - work->item, 0, work->item);
    }
    if (axis[1].in % 2)
        memset(to, 0, line);
}

/* --- Computing --- */

typedef void pool_task(void *ctx, int64_t plane);

typedef struct pool_tasks {
    pool_task *f32, *f64, *quads; /* quads may be NULL */
} pool_tasks;

static bool pool_compute(pool_work *work, const tp__pool_attr *attr, const tp_var *like,
                         const pool_tasks *tasks)
{
    tp_dtype dtype = (tp_dtype)like->dtype;
    if (!tp__pool_begin(&work->pool, attr, like))
        return false;
    work->item = tp__dtype_size(dtype);
    work->quads = tasks->quads ? pool_quads(&work->pool, attr, dtype) : NULL;
    pool_run(work, work->quads ? tasks->quads : dtype == TP_F32 ? tasks->f32 : tasks->f64);
    tp__pool_end(&work->pool);
    return true;
}

/* A record's forward: from elements, or what belongs to windows, and from indices if there are. */
static bool pool_forward(tp__call *call, const pool_tasks *tasks)
{
    tp_var *in = pool_contiguous(call->in[0]);
    tp_var *index = in && call->n_in > 1 ? pool_contiguous(call->in[1]) : NULL;
    bool good = in && (index || call->n_in == 1);
    if (good) {
        pool_work work = {.x = in->data,
                          .g = in->data,
                          .to = call->out->data,
                          .index = index ? index->data : NULL};
        good = pool_compute(&work, call->attr.block, in, tasks);
    }
    if (in)
        tp__drop(in);
    if (index)
        tp__drop(index);
    return good;
}

#define POOL_FORWARD(name, task, quads)                                                            \
    bool tp__##name(tp__call *call)                                                                \
    {                                                                                              \
        static const pool_tasks tasks = {pool_##task##_f32, pool_##task##_f64, quads};             \
        return pool_forward(call, &tasks);                                                         \
    }

POOL_FORWARD(max_pool, largest, pool_quads_largest)
POOL_FORWARD(max_pool_indices, places, NULL)
POOL_FORWARD(pool_take, take, NULL)
POOL_FORWARD(pool_put, put, NULL)
POOL_FORWARD(avg_pool, mean, NULL)
POOL_FORWARD(avg_pool_back, mean_back, NULL)

tp_var *tp__max_pool_spread(tp_var *x, tp_var *g, const tp__pool_attr *attr)
{
    static const pool_tasks tasks = {pool_spread_f32, pool_spread_f64, pool_quads_spread};
    tp_var *gx = tp__empty((tp_dtype)x->dtype, x->ndim, tp__shape(x));
    tp_var *a = tp_is_poison(gx) ? NULL : pool_contiguous(x), *b = a ? pool_contiguous(g) : NULL;
    bool good = false;
    if (b) {
        pool_work work = {.x = a->data, .g = b->data, .to = gx->data};
        good = pool_compute(&work, attr, a, &tasks);
    }
    if (a)
        tp__drop(a);
    if (b)
        tp__drop(b);
    return good ? gx : tp__poison();
}
