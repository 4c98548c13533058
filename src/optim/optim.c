/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "optim/optim.h"

#include <float.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "base/profile.h"
#include "base/scope.h"
#include "tinypytorch/array.h"

enum {
    OPTIM_BLOCK = 32768, /* elements */
    OPTIM_FEW = 16,      /* parameters whose items need no memory */
    OPTIM_ARRAYS = 2 + TP__STEP_STATES,
    OPTIM_NO_DENORMALS = 1 << 15 | 1 << 6 /* of x86's control register: flush, and read as, zero */
};

static const double optim_bytes_per_ns = 60;

/* A parameter with a gradient: where its elements, its gradient's and its states' lie. */
typedef struct optim_item {
    void *at[OPTIM_ARRAYS];
    int64_t size, first_task;
    tp__step_kernel *kernel;
    size_t item;
} optim_item;

/* A run of bytes that the step writes: of a parameter (list 0) or of one of its states. */
typedef struct optim_range {
    uintptr_t start, end;
    int list, i;
} optim_range;

typedef struct optim_job {
    const tp__step *step;
    optim_item *items;
    optim_range *ranges;
    int n, n_ranges;
    int64_t n_tasks;
    double bytes, elements;
} optim_job;

/* --- Checks --- */

bool tp__step_option(const char *call, const char *option, double value, double from, double to)
{
    if (to == 0)
        return tp__check_within(call, option, value, from, DBL_MAX);
    if (value >= from && value < to)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %s is %g, expected at least %g and less than %g", call, option,
            value, from, to);
    return false;
}

/* True if list[i], which the message calls what, can be edited as a run of elements. */
static bool optim_editable(const tp__step *step, const char *what, tp_var *const *list, int i)
{
    const tp_var *v = list[i];
    char name[64], which[64];
    if (v && (v->flags & TP__WATCHED)) {
        snprintf(which, sizeof which, "%s %d", what, i);
        if (!tp__refuse_named(step->name, which, v))
            return false;
    }
    if (!v)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s %d of %d is NULL", step->name, what, i, step->n);
    else if (v->flags & TP__POISON)
        tp_fail(TP_ERROR_GRAPH,
                "%s: %s %d of %d is poison, the result of a call that failed before the error was "
                "cleared",
                step->name, what, i, step->n);
    else if (v->op)
        tp_fail(TP_ERROR_GRAPH, "%s: %s %d%s is a recorded result, expected a leaf", step->name,
                what, i, tp__name_text(name, v));
    else if ((v->flags & TP__SHARED) || (v->storage && v->storage->read_only))
        tp_fail(TP_ERROR_GRAPH, "%s: %s %d%s is shared between threads and read-only", step->name,
                what, i, tp__name_text(name, v));
    else if (!(v->flags & TP__CONTIGUOUS))
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s %d%s is not contiguous", step->name, what, i,
                tp__name_text(name, v));
    else
        return true;
    return false;
}

static bool optim_param(const tp__step *step, int i)
{
    const tp_var *p = step->params[i];
    char name[64];
    if (!optim_editable(step, "parameter", step->params, i))
        return false;
    bool known = p->dtype == TP_F32 || p->dtype == TP_F64;
    if (known && (p->flags & TP__NEEDS_GRAD))
        return true;
    if (known)
        tp_fail(TP_ERROR_GRAPH,
                "%s: parameter %d%s is a constant; make it with tp_variable or "
                "tp_requires_grad_",
                step->name, i, tp__name_text(name, p));
    else
        tp_fail(TP_ERROR_DTYPE, "%s: parameter %d%s is %s, expected float32 or float64", step->name,
                i, tp__name_text(name, p), tp_dtype_name((tp_dtype)p->dtype));
    return false;
}

static bool optim_state(const tp__step *step, int k, int i)
{
    const tp_var *p = step->params[i], *v = step->states[k][i];
    const char *what = step->state_names[k];
    char has[TP__SHAPE_TEXT], wants[TP__SHAPE_TEXT];
    if (!optim_editable(step, what, step->states[k], i))
        return false;
    if (v->dtype != p->dtype)
        tp_fail(TP_ERROR_DTYPE, "%s: %s %d is %s, its parameter %s", step->name, what, i,
                tp_dtype_name((tp_dtype)v->dtype), tp_dtype_name((tp_dtype)p->dtype));
    else if (!tp__same_shape(v, p->ndim, tp__shape(p)))
        tp_fail(TP_ERROR_SHAPE, "%s: %s %d has shape %s, its parameter %s", step->name, what, i,
                tp__shape_text(has, v->ndim, tp__shape(v)),
                tp__shape_text(wants, p->ndim, tp__shape(p)));
    else
        return true;
    return false;
}

static bool optim_check(const tp__step *step)
{
    if (step->n < 0) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d parameters", step->name, step->n);
        return false;
    }
    if (step->n > 0 && !step->params) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: the list of parameters is NULL", step->name);
        return false;
    }
    for (int k = 0; k < step->n_states && step->n > 0; k++)
        if (!step->states[k]) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: %s is NULL", step->name, step->state_names[k]);
            return false;
        }
    for (int i = 0; i < step->n; i++) {
        if (!optim_param(step, i))
            return false;
        for (int k = 0; k < step->n_states; k++)
            if (!optim_state(step, k, i))
                return false;
    }
    return true;
}

/* --- Gathering --- */

/* Where p's gradient lies. It may still have to read parameters, so this comes before any edit; one
 * that might be a view of a parameter is copied. */
static bool optim_gradient(const tp__step *step, optim_item *item, tp_var *p)
{
    tp_var *g = tp__grad_of(p);
    if (!tp__may_read(step->name, g) || !tp__evaluate(g))
        return false;
    bool others = !g->op || (g->storage && tp__storage_refs(g->storage) > 1);
    if (!(g->flags & TP__CONTIGUOUS) || ((p->flags & TP__GRAPH_GRAD) && others)) {
        tp__thread *t = tp__here();
        g = tp__own(t, tp__copy_as(t, g, (tp_dtype)g->dtype));
        if ((g->flags & TP__POISON) || !tp__evaluate(g))
            return false;
    }
    item->at[1] = g->data;
    return true;
}

static bool optim_writable(optim_job *job, optim_item *item, tp_var *v, int list, int i)
{
    if (!tp__edit(v))
        return false;
    item->at[list ? 1 + list : 0] = v->data;
    uintptr_t start = (uintptr_t)v->data;
    job->ranges[job->n_ranges++] =
        (optim_range){start, start + (uintptr_t)v->size * item->item, list, i};
    return true;
}

/* Fills the item of parameter i, but for its gradient. */
static bool optim_add(const tp__step *step, optim_job *job, int i)
{
    tp_var *p = step->params[i];
    optim_item *item = &job->items[job->n++];
    item->size = p->size;
    item->item = tp__dtype_size((tp_dtype)p->dtype);
    item->kernel = tp__step_choose(step->kind, (tp_dtype)p->dtype);
    item->first_task = job->n_tasks;
    job->n_tasks += (p->size + OPTIM_BLOCK - 1) / OPTIM_BLOCK;
    job->elements += (double)p->size;
    job->bytes += (double)(3 + 2 * step->n_states) * (double)p->size * (double)item->item;
    bool good = optim_writable(job, item, p, 0, i);
    for (int k = 0; k < step->n_states && good; k++)
        good = optim_writable(job, item, step->states[k][i], k + 1, i);
    return good;
}

static bool optim_works(const tp_var *p)
{
    return tp__grad_of(p) && p->size > 0;
}

static bool optim_gather(const tp__step *step, optim_job *job)
{
    int n = 0;
    for (int i = 0; i < step->n; i++)
        if (optim_works(step->params[i]) &&
            !optim_gradient(step, &job->items[n++], step->params[i]))
            return false;
    for (int i = 0; i < step->n; i++)
        if (optim_works(step->params[i]) && !optim_add(step, job, i))
            return false;
    return true;
}

/* --- Parameters and states must not share elements --- */

/* By start, in Shell's way. */
static void optim_sort(optim_range *ranges, int n)
{
    static const int gaps[] = {1750, 701, 301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof gaps / sizeof *gaps; g++)
        for (int i = gaps[g]; i < n; i++) {
            optim_range range = ranges[i];
            int j = i;
            for (; j >= gaps[g] && ranges[j - gaps[g]].start > range.start; j -= gaps[g])
                ranges[j] = ranges[j - gaps[g]];
            ranges[j] = range;
        }
}

static bool optim_apart(const tp__step *step, optim_job *job)
{
    optim_sort(job->ranges, job->n_ranges);
    for (int r = 1; r < job->n_ranges; r++) {
        const optim_range *a = &job->ranges[r - 1], *b = &job->ranges[r];
        if (b->start >= a->end)
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s %d and %s %d share elements", step->name,
                a->list ? step->state_names[a->list - 1] : "parameter", a->i,
                b->list ? step->state_names[b->list - 1] : "parameter", b->i);
        return false;
    }
    return true;
}

/* --- The step --- */

static void optim_task(void *ctx, int64_t i)
{
    const optim_job *job = ctx;
    int low = 0, high = job->n - 1;
    while (low < high) {
        int middle = (low + high + 1) / 2;
        if (job->items[middle].first_task <= i)
            low = middle;
        else
            high = middle - 1;
    }
    const optim_item *item = &job->items[low];
    int64_t from = (i - item->first_task) * OPTIM_BLOCK, n = item->size - from;
    void *at[OPTIM_ARRAYS] = {NULL};
    for (int k = 0; k < 2 + job->step->n_states; k++)
        at[k] = (char *)item->at[k] + (size_t)from * item->item;
#if defined(__SSE__)
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | OPTIM_NO_DENORMALS);
#endif
    item->kernel(n < OPTIM_BLOCK ? n : OPTIM_BLOCK, at, &job->step->numbers);
#if defined(__SSE__)
    _mm_setcsr(mode);
#endif
}

static void optim_apply(const tp__step *step, optim_job *job)
{
    uint64_t start = tp__profile_start();
    tp__parallel(job->n_tasks, job->bytes / optim_bytes_per_ns, optim_task, job);
    tp__profile_stop(start, step->name, job->bytes, job->elements * step->flops);
    for (int i = 0; i < step->n; i++) {
        if (!optim_works(step->params[i]))
            continue;
        tp__edited(step->params[i]);
        for (int k = 0; k < step->n_states; k++)
            tp__edited(step->states[k][i]);
    }
}

void tp__step_run(const tp__step *step)
{
    tp__thread *t = tp__here();
    if (t->code || !optim_check(step))
        return;
    optim_item few[OPTIM_FEW];
    optim_range few_ranges[OPTIM_FEW * (1 + TP__STEP_STATES)];
    optim_job job = {.step = step, .items = few, .ranges = few_ranges};
    size_t items = (size_t)step->n * sizeof *job.items;
    size_t bytes = items + (size_t)step->n * (1 + TP__STEP_STATES) * sizeof *job.ranges;
    if (step->n > OPTIM_FEW) {
        if (!(job.items = tp__block_take(t, bytes)))
            return;
        job.ranges = (optim_range *)(void *)((char *)job.items + items);
    }
    size_t scope = tp_scope_begin();
    if (scope && optim_gather(step, &job) && optim_apart(step, &job))
        optim_apply(step, &job);
    tp_scope_end(scope);
    if (step->n > OPTIM_FEW)
        tp__block_put(t, job.items, bytes);
}
