/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "optim/optim.h"

#include <float.h>
#include <string.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "array/array.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "base/profile.h"
#include "base/scope.h"
#include "kernels/vector.h"
#include "tinypytorch/array.h"

enum {
    OPTIM_BLOCK = 32768,                /* elements */
    OPTIM_HALVES = 1024,                /* elements of half types that are widened at once */
    OPTIM_FEW = 16,                     /* parameters whose items need no memory */
    OPTIM_MASTER = 1 + TP__STEP_STATES, /* as a list of ranges, after those of states */
    OPTIM_LISTS = 2 + TP__STEP_STATES,
    OPTIM_NO_DENORMALS = 1 << 15 | 1 << 6 /* of x86's control register: flush, and read as, zero */
};

static const double optim_bytes_per_ns = 60;

/* A parameter with a gradient: where its elements, its gradient's and its states' lie. */
typedef struct optim_item {
    const tp__step *step;
    void *at[TP__STEP_ARRAYS];
    char *half; /* the parameter itself, if at[0] is its master */
    int64_t size, first_task;
    tp__step_kernel *kernel;
    size_t item;
    tp_dtype dtype; /* of the parameter and its gradient */
} optim_item;

/* A run of bytes that the step writes: of a parameter (list 0), of one of its states, or of its
 * master. */
typedef struct optim_range {
    uintptr_t start, end;
    const tp__step *step;
    int list, i;
} optim_range;

typedef struct optim_job {
    const tp__step *steps;
    optim_item *items;
    optim_range *ranges;
    int n_steps, n, n_ranges;
    int64_t n_tasks;
    double bytes, elements, flops;
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
        snprintf(which, sizeof which, "%s %d", what, step->first + i);
        if (!tp__refuse_named(step->name, which, v))
            return false;
    }
    if (!v)
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s %d of %d is NULL", step->name, what, step->first + i,
                step->first + step->n);
    else if (v->flags & TP__POISON)
        tp_fail(TP_ERROR_GRAPH,
                "%s: %s %d of %d is poison, the result of a call that failed before the error was "
                "cleared",
                step->name, what, step->first + i, step->first + step->n);
    else if (v->op)
        tp_fail(TP_ERROR_GRAPH, "%s: %s %d%s is a recorded result, expected a leaf", step->name,
                what, step->first + i, tp__name_text(name, v));
    else if ((v->flags & TP__SHARED) || (v->storage && v->storage->read_only))
        tp_fail(TP_ERROR_GRAPH, "%s: %s %d%s is shared between threads and read-only", step->name,
                what, step->first + i, tp__name_text(name, v));
    else if (!(v->flags & TP__CONTIGUOUS))
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s %d%s is not contiguous", step->name, what,
                step->first + i, tp__name_text(name, v));
    else
        return true;
    return false;
}

static bool optim_is_half(const tp_var *p)
{
    return p->dtype == TP_F16 || p->dtype == TP_BF16;
}

bool tp__step_may_move(const tp__step *step, int i)
{
    const tp_var *p = step->params[i];
    char name[64];
    if (!optim_editable(step, "parameter", step->params, i))
        return false;
    bool known = p->dtype == TP_F32 || p->dtype == TP_F64 || (step->masters && optim_is_half(p));
    if (known && ((p->flags & TP__NEEDS_GRAD) || step->masters))
        return true;
    if (known)
        tp_fail(TP_ERROR_GRAPH,
                "%s: parameter %d%s is a constant; make it with tp_variable or "
                "tp_requires_grad_",
                step->name, step->first + i, tp__name_text(name, p));
    else
        tp_fail(TP_ERROR_DTYPE, "%s: parameter %d%s is %s, expected %s", step->name,
                step->first + i, tp__name_text(name, p), tp_dtype_name((tp_dtype)p->dtype),
                step->masters ? "a floating type" : "float32 or float64");
    return false;
}

/* What is remembered of parameter i, which messages call what, fits it. */
static bool optim_state(const tp__step *step, const char *what, tp_var *const *list, int i)
{
    const tp_var *p = step->params[i], *v = list[i];
    const tp_dtype dtype = optim_is_half(p) ? TP_F32 : (tp_dtype)p->dtype;
    char has[TP__SHAPE_TEXT], wants[TP__SHAPE_TEXT];
    if (!optim_editable(step, what, list, i))
        return false;
    if (v->dtype != dtype)
        tp_fail(TP_ERROR_DTYPE, "%s: %s %d is %s, its parameter %s", step->name, what,
                step->first + i, tp_dtype_name((tp_dtype)v->dtype),
                tp_dtype_name((tp_dtype)p->dtype));
    else if (!tp__same_shape(v, p->ndim, tp__shape(p)))
        tp_fail(TP_ERROR_SHAPE, "%s: %s %d has shape %s, its parameter %s", step->name, what,
                step->first + i, tp__shape_text(has, v->ndim, tp__shape(v)),
                tp__shape_text(wants, p->ndim, tp__shape(p)));
    else
        return true;
    return false;
}

static bool optim_works(const tp_var *p)
{
    return tp__grad_of(p) && p->size > 0;
}

/* Parameter i and what is remembered of it can be moved. One of an optimiser (with masters) that
 * has no gradient is not looked at: it may be frozen, or shared. */
static bool optim_fits(const tp__step *step, int i)
{
    if (step->masters && !optim_works(step->params[i]))
        return true;
    if (!tp__step_may_move(step, i))
        return false;
    for (int k = 0; k < TP__STEP_STATES; k++)
        if ((step->uses >> k & 1) && !optim_state(step, step->state_names[k], step->states[k], i))
            return false;
    return !optim_is_half(step->params[i]) || optim_state(step, "master", step->masters, i);
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
    for (int k = 0; k < TP__STEP_STATES && step->n > 0; k++)
        if ((step->uses >> k & 1) && !step->states[k]) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: %s is NULL", step->name, step->state_names[k]);
            return false;
        }
    for (int i = 0; i < step->n; i++)
        if (!optim_fits(step, i))
            return false;
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

static bool optim_writable(optim_job *job, const tp__step *step, tp_var *v, int list, int i)
{
    if (!tp__edit(v))
        return false;
    uintptr_t start = (uintptr_t)v->data;
    uintptr_t bytes = (uintptr_t)v->size * tp__dtype_size((tp_dtype)v->dtype);
    job->ranges[job->n_ranges++] = (optim_range){start, start + bytes, step, list, i};
    return true;
}

/* Parameter i and what is remembered of it, to be written; fills in where these lie. */
static bool optim_places(optim_job *job, const tp__step *step, optim_item *item, int i)
{
    tp_var *p = step->params[i];
    if (!optim_writable(job, step, p, 0, i))
        return false;
    item->at[0] = p->data;
    if (optim_is_half(p)) {
        if (!optim_writable(job, step, step->masters[i], OPTIM_MASTER, i))
            return false;
        item->at[0] = step->masters[i]->data;
        item->half = p->data;
    }
    for (int k = 0; k < TP__STEP_STATES; k++) {
        item->at[2 + k] = item->at[0];
        if (!(step->uses >> k & 1))
            continue;
        if (!optim_writable(job, step, step->states[k][i], 1 + k, i))
            return false;
        item->at[2 + k] = step->states[k][i]->data;
    }
    return true;
}

static int optim_n_states(const tp__step *step)
{
    int n = 0;
    for (int k = 0; k < TP__STEP_STATES; k++)
        n += (step->uses >> k & 1) != 0;
    return n;
}

/* Fills the item of parameter i, but for its gradient. */
static bool optim_add(optim_job *job, const tp__step *step, int i)
{
    const tp_var *p = step->params[i];
    const tp_dtype works = optim_is_half(p) ? TP_F32 : (tp_dtype)p->dtype;
    optim_item *item = &job->items[job->n++];
    item->step = step;
    item->half = NULL;
    item->size = p->size;
    item->dtype = (tp_dtype)p->dtype;
    item->item = tp__dtype_size(works);
    item->kernel = tp__step_choose(step->kind, works);
    item->first_task = job->n_tasks;
    job->n_tasks += (p->size + OPTIM_BLOCK - 1) / OPTIM_BLOCK;
    job->elements += (double)p->size;
    job->flops += (double)p->size * step->flops;
    job->bytes += (double)(3 + 2 * optim_n_states(step)) * (double)p->size * (double)item->item;
    return optim_places(job, step, item, i);
}

/* Gradients may still have to read parameters, so they all come before any edit. */
static bool optim_gather(optim_job *job)
{
    int n = 0;
    for (const tp__step *s = job->steps; s < job->steps + job->n_steps; s++)
        for (int i = 0; i < s->n; i++)
            if (optim_works(s->params[i]) && !optim_gradient(s, &job->items[n++], s->params[i]))
                return false;
    for (const tp__step *s = job->steps; s < job->steps + job->n_steps; s++)
        for (int i = 0; i < s->n; i++)
            if (optim_works(s->params[i]) && !optim_add(job, s, i))
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

static const char *optim_list_name(const optim_range *range)
{
    return range->list == 0              ? "parameter"
           : range->list == OPTIM_MASTER ? "master"
                                         : range->step->state_names[range->list - 1];
}

static bool optim_apart(optim_job *job)
{
    optim_sort(job->ranges, job->n_ranges);
    for (int r = 1; r < job->n_ranges; r++) {
        const optim_range *a = &job->ranges[r - 1], *b = &job->ranges[r];
        if (b->start >= a->end)
            continue;
        tp_fail(TP_ERROR_ARGUMENT, "%s: %s %d and %s %d share elements", job->steps->name,
                optim_list_name(a), a->step->first + a->i, optim_list_name(b),
                b->step->first + b->i);
        return false;
    }
    return true;
}

/* --- The step --- */

static void optim_convert(int64_t n, tp_dtype from, const char *a, tp_dtype to, char *b)
{
    tp__lines *lines = tp__half_lines(from, to);
    const size_t a_item = tp__dtype_size(from), b_item = tp__dtype_size(to);
    if (lines)
        lines(1, n, a, 0, b, 0);
    for (int64_t i = 0; i < n && !lines; i++)
        tp__write_element(to, b + (size_t)i * b_item,
                          tp__read_element(from, a + (size_t)i * a_item));
}

/* A master stands for its parameter as long as it rounds to it; where somebody else wrote the
 * parameter, it begins anew. */
static void optim_follow(const optim_item *item, int64_t n, float *master, const char *half)
{
    const size_t small = tp__dtype_size(item->dtype);
    uint16_t rounded[OPTIM_HALVES];
    optim_convert(n, TP_F32, (const char *)master, item->dtype, (char *)rounded);
    if (!memcmp(rounded, half, (size_t)n * small))
        return;
    for (int64_t i = 0; i < n; i++)
        if (memcmp(rounded + i, half + (size_t)i * small, small) != 0)
            master[i] = (float)tp__read_element(item->dtype, half + (size_t)i * small);
}

/* Elements of a half type, from number `from` on: the gradient is widened, the master moved, and
 * the parameter rounded, in parts that stay in the cache. */
static void optim_halves(const optim_item *item, int64_t from, int64_t n)
{
    const size_t small = tp__dtype_size(item->dtype);
    float gradient[OPTIM_HALVES];
    for (int64_t i = from; i < from + n; i += OPTIM_HALVES) {
        int64_t part = from + n - i < OPTIM_HALVES ? from + n - i : OPTIM_HALVES;
        void *at[TP__STEP_ARRAYS];
        for (int k = 0; k < TP__STEP_ARRAYS; k++)
            at[k] = (char *)item->at[k] + (k == 1 ? 0 : (size_t)i * item->item);
        optim_convert(part, item->dtype, (const char *)item->at[1] + (size_t)i * small, TP_F32,
                      (char *)gradient);
        at[1] = gradient;
        optim_follow(item, part, at[0], item->half + (size_t)i * small);
        item->kernel(part, at, &item->step->numbers);
        optim_convert(part, TP_F32, at[0], item->dtype, item->half + (size_t)i * small);
    }
}

static void optim_elements(const optim_item *item, int64_t from, int64_t n)
{
    void *at[TP__STEP_ARRAYS];
    for (int k = 0; k < TP__STEP_ARRAYS; k++)
        at[k] = (char *)item->at[k] + (size_t)from * item->item;
    item->kernel(n, at, &item->step->numbers);
}

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
    n = n < OPTIM_BLOCK ? n : OPTIM_BLOCK;
#if defined(__SSE__)
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | OPTIM_NO_DENORMALS);
#endif
    if (item->half)
        optim_halves(item, from, n);
    else
        optim_elements(item, from, n);
#if defined(__SSE__)
    _mm_setcsr(mode);
#endif
}

static void optim_note_edits(const tp__step *step)
{
    for (int i = 0; i < step->n; i++) {
        if (!optim_works(step->params[i]))
            continue;
        tp__edited(step->params[i]);
        if (optim_is_half(step->params[i]))
            tp__edited(step->masters[i]);
        for (int k = 0; k < TP__STEP_STATES; k++)
            if (step->uses >> k & 1)
                tp__edited(step->states[k][i]);
    }
}

static void optim_apply(optim_job *job)
{
    uint64_t start = tp__profile_start();
    tp__parallel(job->n_tasks, job->bytes / optim_bytes_per_ns, optim_task, job);
    tp__profile_stop(start, job->steps->name, job->bytes, job->flops);
    for (int k = 0; k < job->n_steps; k++)
        optim_note_edits(&job->steps[k]);
}

bool tp__step_run(const tp__step *steps, int n, int total)
{
    tp__thread *t = tp__here();
    if (n == 0)
        return true;
    for (int k = 0; k < n; k++)
        if (t->code || !optim_check(&steps[k]))
            return false;
    optim_item few[OPTIM_FEW];
    optim_range few_ranges[OPTIM_FEW * OPTIM_LISTS];
    optim_job job = {.steps = steps, .n_steps = n, .items = few, .ranges = few_ranges};
    size_t items = (size_t)total * sizeof *job.items;
    size_t bytes = items + (size_t)total * OPTIM_LISTS * sizeof *job.ranges;
    if (total > OPTIM_FEW) {
        if (!(job.items = tp__block_take(t, bytes)))
            return false;
        job.ranges = (optim_range *)(void *)((char *)job.items + items);
    }
    size_t scope = tp_scope_begin();
    bool good = scope && optim_gather(&job) && optim_apart(&job);
    if (good)
        optim_apply(&job);
    tp_scope_end(scope);
    if (total > OPTIM_FEW)
        tp__block_put(t, job.items, bytes);
    return good;
}
