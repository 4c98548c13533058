/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/pool.h"

#include <string.h>

#include "base/parallel.h"
#include "base/settings.h"

/* Nanoseconds for an element of the larger side, about. */
static const double pool_cost = 1;

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
        const tp__pool_job *work = ctx;                                                            \
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
        const tp__pool_job *work = ctx;                                                            \
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
        const tp__pool_job *work = ctx;                                                            \
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
        const tp__pool_job *work = ctx;                                                            \
        const Type *x = (const Type *)work->x + plane * work->pool.in;                             \
        Type *to = (Type *)work->to + plane * work->pool.out;                                      \
        for (int64_t i = 0; i < work->pool.out; i++)                                               \
            to[i] = x[work->index[plane * work->pool.out + i]];                                    \
    }                                                                                              \
                                                                                                   \
    static void pool_put_##suffix(void *ctx, int64_t plane)                                        \
    {                                                                                              \
        const tp__pool_job *work = ctx;                                                            \
        const Type *g = (const Type *)work->g + plane * work->pool.out;                            \
        Type *to = (Type *)work->to + plane * work->pool.in;                                       \
        memset(to, 0, (size_t)work->pool.in * sizeof *to);                                         \
        for (int64_t i = 0; i < work->pool.out; i++)                                               \
            to[work->index[plane * work->pool.out + i]] += g[i];                                   \
    }                                                                                              \
                                                                                                   \
    static void pool_mean_##suffix(void *ctx, int64_t plane)                                       \
    {                                                                                              \
        const tp__pool_job *work = ctx;                                                            \
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
        const tp__pool_job *work = ctx;                                                            \
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

/* True, with the kernels, if there are kernels and all windows lie inside. */
static bool pool_finds_quads(tp__pool_job *work, tp_dtype dtype)
{
    static tp__pool_table *const levels[TP__LEVELS] = {TP__BY_LEVEL(NULL, tp__pool)};
    const tp__pool_axis *axis = work->pool.axis;
    bool inside = 2 * axis[1].out <= axis[1].in && 2 * axis[2].out <= axis[2].in;
    if (!levels[tp__level] || !work->pool.quads || !inside)
        return false;
    work->item = dtype == TP_F64 ? sizeof(double) : sizeof(float);
    work->quads = &(*levels[tp__level])[dtype];
    return true;
}

static void pool_quads_largest(void *ctx, int64_t plane)
{
    const tp__pool_job *work = ctx;
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
    const tp__pool_job *work = ctx;
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

/* --- All --- */

typedef void pool_task(void *ctx, int64_t plane);

#define POOL_TASKS(name)                                                                           \
    {                                                                                              \
        pool_##name##_f32, pool_##name##_f64                                                       \
    }

void tp__pool_run(tp__pool_kind kind, tp_dtype dtype, tp__pool_job *job)
{
    static pool_task *const tasks[][2] = {[TP__POOL_LARGEST] = POOL_TASKS(largest),
                                          [TP__POOL_PLACES] = POOL_TASKS(places),
                                          [TP__POOL_SPREAD] = POOL_TASKS(spread),
                                          [TP__POOL_TAKE] = POOL_TASKS(take),
                                          [TP__POOL_PUT] = POOL_TASKS(put),
                                          [TP__POOL_MEAN] = POOL_TASKS(mean),
                                          [TP__POOL_MEAN_BACK] = POOL_TASKS(mean_back)};
    const tp__pool *pool = &job->pool;
    pool_task *task = tasks[kind][dtype == TP_F64];
    if ((kind == TP__POOL_LARGEST || kind == TP__POOL_SPREAD) && pool_finds_quads(job, dtype))
        task = kind == TP__POOL_LARGEST ? pool_quads_largest : pool_quads_spread;
    double elements = (double)pool->planes * (double)(pool->in + pool->out);
    tp__parallel(pool->planes, elements * pool_cost, task, job);
}
