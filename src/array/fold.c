/* SPDX-License-Identifier: MIT
 *
 * Brings the elements of reductions over any axes to the kernels (kernels/fold.h), in an order that
 * memory likes, and spreads the work over threads.
 *
 * The axes of the operand fall in two kinds: each place of the kept ones is a result, and the
 * reduced ones hold the elements that become it. They are cut into blocks of TP__FOLD_BLOCK. A
 * kernel makes a partial result of a block, and the partials of a result are joined at the end, in
 * an order that the number of blocks decides. So a result has the same bits whichever way the work
 * is cut here:
 *
 * By rows, a unit of work is one result or, of large ones, one block of it. Where its elements do
 * not lie one after the other, they are gathered first. By columns, which serves when a kept axis
 * lies innermost in memory, a unit is one block of a run of results along that axis: rows of
 * memory, of which each element belongs to another result, are added to each other. Of results of
 * a few elements that lie one after the other some are turned into columns first. Units are
 * numbered, and a task for a thread is a run of units.
 */
#include "base/features.h"

#include "array/fold.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "array/loops.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "kernels/fold.h"
#include "tinypytorch/engine.h"

enum {
    FOLD_TASK = 32768, /* elements in a task, about */
    FOLD_RUN = 512,    /* results in a unit by columns, at most */
    FOLD_WHOLE = 16,   /* blocks of a result that are one unit, at most */
    FOLD_ROWS = 64,    /* results stored at once */
    FOLD_FEW = 512,    /* accumulators that fit on the stack */
    FOLD_SLOTS = 64,   /* bits of free_slots */
    FOLD_SHORT = 32,   /* elements of a result that are turned, at most … */
    FOLD_TURNED = 64,  /* … of so many results at a time */
    FOLD_MANY = 16     /* results that are worth it */
};

/* How fast one core reads memory, roughly, for tp__parallel's cost. */
static const double fold_bytes_per_ns = 15;

/* Axes of one kind, kept or reduced, with steps in bytes. Axes of size 1 are left out, and
 * neighbours that one step passes are merged. */
typedef struct fold_axes {
    int ndim;
    int64_t shape[TP_MAX_NDIM], step[TP_MAX_NDIM], size;
} fold_axes;

/* A place in them, and its distance in bytes from the first. */
typedef struct fold_place {
    int64_t index[TP_MAX_NDIM], offset;
} fold_place;

/* Units by rows are whole results or blocks of them. */
typedef enum fold_way { FOLD_BY_RESULTS, FOLD_BY_TURNS, FOLD_BY_BLOCKS, FOLD_BY_COLUMNS } fold_way;

typedef struct fold_job {
    tp__reduction kind;
    const tp__fold_kernels *kernels;
    const char *from;
    tp_var *result;
    double divisor;
    size_t item;
    bool real;
    fold_axes kept, reduced;
    int64_t block, blocks; /* elements of a block, and blocks of a result */
    tp__partial *partials; /* [blocks][results], if there is more than one block */
    int64_t units, task_units;

    fold_way way;
    bool solid;    /* a result's elements lie one after the other */
    bool pieces;   /* or in pieces of whole panels, and are summed */
    bool joined;   /* one sum: a task adds up its blocks, a power of two of them, in pairs */
    int64_t group; /* by blocks: so many of a result, then of the next one, and so on */

    /* By columns: the axis has `width` places, from each to the next it is `stride` results, and so
     * many runs of them make a unit each. */
    int64_t width, stride, runs;
    tp__partial *scratch; /* `slot` accumulators for each task that runs; bits: free ones */
    size_t slot;
    atomic_ullong free_slots;
} fold_job;

/* --- Axes --- */

static void fold_select(fold_axes *axes, const tp_var *x, unsigned mask)
{
    const int64_t *shape = tp__shape(x), *strides = tp__strides(x);
    int64_t item = (int64_t)tp__dtype_size((tp_dtype)x->dtype);
    axes->ndim = 0;
    axes->size = 1;
    for (int i = 0; i < x->ndim; i++) {
        if (!(mask >> i & 1) || shape[i] == 1)
            continue;
        int last = axes->ndim - 1;
        int64_t step = strides[i] * item;
        if (last >= 0 && axes->step[last] == shape[i] * step) {
            axes->shape[last] *= shape[i];
            axes->step[last] = step;
        } else {
            axes->shape[axes->ndim] = shape[i];
            axes->step[axes->ndim++] = step;
        }
        axes->size *= shape[i];
    }
}

/* To the place with this row-major number. The outermost axis takes what is left, without a
 * division. */
static void fold_seek(const fold_axes *axes, fold_place *place, int64_t number)
{
    place->offset = 0;
    for (int i = axes->ndim - 1; i >= 0; i--) {
        place->index[i] = i ? number % axes->shape[i] : number;
        number = i ? number / axes->shape[i] : 0;
        place->offset += place->index[i] * axes->step[i];
    }
}

/* Goes n elements on, at most to the end of the innermost axis. */
static void fold_advance(const fold_axes *axes, fold_place *place, int64_t n)
{
    int i = axes->ndim - 1;
    if (i < 0)
        return;
    place->index[i] += n;
    place->offset += n * axes->step[i];
    for (; i > 0 && place->index[i] == axes->shape[i]; i--) {
        place->offset += axes->step[i - 1] - axes->shape[i] * axes->step[i];
        place->index[i] = 0;
        place->index[i - 1]++;
    }
}

/* How many places are left on the innermost axis, this one included. */
static int64_t fold_ahead(const fold_axes *axes, const fold_place *place)
{
    int last = axes->ndim - 1;
    return last < 0 ? 1 : axes->shape[last] - place->index[last];
}

/* The smallest and the largest step; INT64_MAX and 0 if there is none. */
static void fold_steps(const fold_axes *axes, int64_t *least, int64_t *most)
{
    *least = INT64_MAX;
    *most = 0;
    for (int i = 0; i < axes->ndim; i++) {
        int64_t step = axes->step[i] < 0 ? -axes->step[i] : axes->step[i];
        *least = step < *least ? step : *least;
        *most = step > *most ? step : *most;
    }
}

/* --- By rows --- */

/* n reduced elements from number on, of the result whose elements start at `from`, one after the
 * other: where they lie in memory, or a copy in buffer. */
static const char *fold_elements(const fold_job *job, const char *from, int64_t number, int64_t n,
                                 char *buffer)
{
    const fold_axes *axes = &job->reduced;
    int last = axes->ndim - 1;
    int64_t step = last < 0 ? 0 : axes->step[last];
    fold_place place;
    fold_seek(axes, &place, number);
    if (n == 1 || (step == (int64_t)job->item && fold_ahead(axes, &place) >= n))
        return from + place.offset;
    for (int64_t done = 0; done < n;) {
        int64_t run = fold_ahead(axes, &place);
        run = run < n - done ? run : n - done;
        tp__copy_run(job->item, run, step, from + place.offset, buffer + (size_t)done * job->item);
        fold_advance(axes, &place, run);
        done += run;
    }
    return buffer;
}

/* The sum of the same elements where they lie, in pieces. */
static double fold_pieces(const fold_job *job, const char *from, int64_t number, int64_t n)
{
    enum { MOST = TP__FOLD_BLOCK / TP__FOLD_PANEL };
    const void *x[MOST];
    int64_t size[MOST], pieces = 0;
    fold_place place;
    fold_seek(&job->reduced, &place, number);
    for (; n > 0; n -= size[pieces++]) {
        x[pieces] = from + place.offset;
        size[pieces] = fold_ahead(&job->reduced, &place);
        size[pieces] = size[pieces] < n ? size[pieces] : n;
        fold_advance(&job->reduced, &place, size[pieces]);
    }
    return job->kernels->pieces(pieces, size, x);
}

static tp__partial fold_block_of(const fold_job *job, int64_t n, const char *x)
{
    if (job->kernels->block)
        return (tp__partial){.real = job->kernels->block(n, x)};
    return (tp__partial){.integer = job->kernels->integers(n, x)};
}

static tp__partial fold_block_at(const fold_job *job, const char *from, int64_t number, int64_t n,
                                 double *buffer)
{
    if (job->pieces)
        return (tp__partial){.real = fold_pieces(job, from, number, n)};
    return fold_block_of(job, n, fold_elements(job, from, number, n, (char *)buffer));
}

/* --- Results --- */

/* Of max and min every NaN is the same one, and adding 0 makes +0 of −0, so that it does not show
 * which of several a kernel found. */
#define FOLD_STORE(Type)                                                                           \
    static void fold_store_##Type(const fold_job *job, Type *to, int64_t stride, int64_t n,        \
                                  const tp__partial *values)                                       \
    {                                                                                              \
        if (job->kind == TP__SUM && job->divisor == 1 && stride == 1)                              \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i] = (Type)values[i].real;                                                      \
        else if (job->kind == TP__SUM)                                                             \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * stride] = (Type)(values[i].real / job->divisor);                            \
        else                                                                                       \
            for (int64_t i = 0; i < n; i++)                                                        \
                to[i * stride] = isnan(values[i].real) ? (Type)NAN : (Type)(values[i].real + 0.0); \
    }

#include "kernels/begin_baseline.h"
FOLD_STORE(float)
FOLD_STORE(double)
#include "kernels/end_level.h"

/* Stores n results, the first of them the result's element `at`, the next ones stride apart. */
static void fold_store(const fold_job *job, int64_t at, int64_t stride, int64_t n,
                       const tp__partial *values)
{
    void *to = job->result->data;
    tp_dtype dtype = (tp_dtype)job->result->dtype;
    if (dtype == TP_F32)
        fold_store_float(job, (float *)to + at, stride, n, values);
    else if (dtype == TP_F64)
        fold_store_double(job, (double *)to + at, stride, n, values);
    else
        for (int64_t i = 0; i < n; i++, at += stride)
            if (dtype == TP_I64)
                ((int64_t *)to)[at] = values[i].integer;
            else
                ((uint8_t *)to)[at] = (uint8_t)values[i].integer;
}

/* The same for their partials of one block, which are the results if there is no other block. */
static void fold_put(const fold_job *job, int64_t block, int64_t at, int64_t stride, int64_t n,
                     const tp__partial *values)
{
    if (job->blocks == 1) {
        fold_store(job, at, stride, n, values);
        return;
    }
    tp__partial *to = job->partials + block * job->result->size + at;
    for (int64_t i = 0; i < n; i++)
        to[i * stride] = values[i];
}

static int64_t fold_block_size(const fold_job *job, int64_t block)
{
    int64_t rest = job->reduced.size - block * job->block;
    return rest < job->block ? rest : job->block;
}

/* One result of up to FOLD_WHOLE blocks, whose elements start at from. */
static tp__partial fold_result(const fold_job *job, const char *from)
{
    tp__partial values[FOLD_WHOLE];
    double buffer[TP__FOLD_BLOCK];
    for (int64_t block = 0; block < job->blocks; block++) {
        int64_t n = fold_block_size(job, block), number = block * job->block;
        values[block] = job->solid ? fold_block_of(job, n, from + number * (int64_t)job->item)
                                   : fold_block_at(job, from, number, n, buffer);
    }
    for (int64_t n = job->blocks; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; i++)
            job->kernels->join(1, values + 2 * i, values + 2 * i + 1, values + i);
        if (n % 2)
            values[n / 2] = values[n - 1];
    }
    return values[0];
}

static void fold_results(const fold_job *job, int64_t from, int64_t to)
{
    tp__partial values[FOLD_ROWS];
    fold_place place;
    fold_seek(&job->kept, &place, from);
    while (from < to) {
        int64_t rows = to - from < FOLD_ROWS ? to - from : FOLD_ROWS;
        for (int64_t i = 0; i < rows; i++) {
            values[i] = fold_result(job, job->from + place.offset);
            fold_advance(&job->kept, &place, 1);
        }
        fold_store(job, from, 1, rows, values);
        from += rows;
    }
}

/* Results along the innermost kept axis, FOLD_TURNED of them at a time. */
static void fold_turns(const fold_job *job, int64_t from, int64_t to)
{
    const fold_axes *kept = &job->kept;
    const int64_t n = job->reduced.size, item = (int64_t)job->item;
    double turned[FOLD_SHORT * FOLD_TURNED];
    tp__partial lanes[TP__FOLD_LANES * FOLD_TURNED];
    const void *row[FOLD_SHORT];
    fold_place place;
    fold_seek(kept, &place, from);
    while (from < to) {
        int64_t some = fold_ahead(kept, &place);
        some = some < to - from ? some : to - from;
        some = some < FOLD_TURNED ? some : FOLD_TURNED;
        for (int64_t i = 0; i < n; i++) {
            row[i] = (char *)turned + i * FOLD_TURNED * item;
            if (some < TP__FOLD_NARROW)
                memset((char *)turned + i * FOLD_TURNED * item, 0, TP__FOLD_NARROW * job->item);
        }
        tp__copy_turned(job->item, n, some, job->from + place.offset, kept->step[kept->ndim - 1],
                        (char *)turned, FOLD_TURNED * item);
        job->kernels->columns(n, row, some < TP__FOLD_NARROW ? TP__FOLD_NARROW : some, lanes);
        fold_store(job, from, 1, some, lanes);
        fold_advance(kept, &place, some);
        from += some;
    }
}

/* Blocks of the only result, whose elements lie one after the other. */
static void fold_line(const fold_job *job, int64_t from, int64_t to)
{
    for (int64_t block = from; block < to; block++)
        job->partials[block] = fold_block_of(job, fold_block_size(job, block),
                                             job->from + block * job->block * (int64_t)job->item);
}

static void fold_blocks(const fold_job *job, int64_t from, int64_t to)
{
    int64_t results = job->result->size;
    double buffer[TP__FOLD_BLOCK];
    for (int64_t unit = from; unit < to; unit++) {
        int64_t group = unit / job->group, result = group % results;
        int64_t block = group / results * job->group + unit % job->group;
        fold_place place;
        fold_seek(&job->kept, &place, result);
        int64_t n = fold_block_size(job, block), number = block * job->block;
        tp__partial value = fold_block_at(job, job->from + place.offset, number, n, buffer);
        fold_put(job, block, result, 1, 1, &value);
    }
}

static void fold_rows_task(void *ctx, int64_t task)
{
    const fold_job *job = ctx;
    int64_t from = task * job->task_units, to = from + job->task_units;
    to = to < job->units ? to : job->units;
    if (job->way == FOLD_BY_RESULTS)
        fold_results(job, from, to);
    else if (job->way == FOLD_BY_TURNS)
        fold_turns(job, from, to);
    else if (job->solid && job->result->size == 1)
        fold_line(job, from, to);
    else
        fold_blocks(job, from, to);
    if (job->joined)
        (void)tp__fold_pairwise(&job->partials[from].real, to - from);
}

/* --- By columns --- */

/* A unit's number is made of outer, run and block, the last counting fastest. outer is a place of
 * the kept axes without the axis: outer / stride before it, outer % stride behind it. `at` is the
 * unit's first result. */
static void fold_columns_unit(const fold_job *job, int64_t unit, tp__partial *lanes)
{
    int64_t block = unit % job->blocks, run = unit / job->blocks % job->runs;
    int64_t outer = unit / job->blocks / job->runs, first = job->width * run / job->runs;
    int64_t width = job->width * (run + 1) / job->runs - first;
    int64_t at = outer / job->stride * job->stride * job->width + outer % job->stride;
    at += first * job->stride;
    fold_place kept, place;
    fold_seek(&job->kept, &kept, at);
    fold_seek(&job->reduced, &place, block * TP__FOLD_BLOCK);
    const void *row[TP__FOLD_BLOCK];
    int64_t n = fold_block_size(job, block);
    for (int64_t i = 0; i < n; i++) {
        row[i] = job->from + kept.offset + place.offset;
        fold_advance(&job->reduced, &place, 1);
    }
    job->kernels->columns(n, row, width, lanes);
    fold_put(job, block, at, job->stride, width, lanes);
}

/* Takes a free slot of scratch by taking its bit out of the word, unless another thread changed
 * that meanwhile, and puts the bit back at its end. */
static void fold_columns_task(void *ctx, int64_t task)
{
    fold_job *job = ctx;
    unsigned long long open, bit;
    do {
        open = atomic_load(&job->free_slots);
        bit = open & (0 - open);
    } while (!bit || !atomic_compare_exchange_weak(&job->free_slots, &open, open & ~bit));
    tp__partial *lanes = job->scratch + (size_t)__builtin_ctzll(bit) * job->slot;
    int64_t from = task * job->task_units, to = from + job->task_units;
    for (int64_t unit = from; unit < to && unit < job->units; unit++)
        fold_columns_unit(job, unit, lanes);
    atomic_fetch_or(&job->free_slots, bit);
}

/* --- Both --- */

static int64_t fold_tasks(const fold_job *job)
{
    return (job->units + job->task_units - 1) / job->task_units;
}

/* Joins the partials in pairs, the results in pairs again, in place; an odd last one waits for the
 * next round. */
static void fold_join(const fold_job *job)
{
    int64_t results = job->result->size;
    tp__partial *p = job->partials;
    if (job->joined) {
        for (int64_t i = 1; i < fold_tasks(job); i++)
            p[i] = p[i * job->task_units];
        p->real = tp__fold_pairwise(&p->real, fold_tasks(job));
    } else {
        for (int64_t n = job->blocks; n > 1; n = (n + 1) / 2) {
            for (int64_t i = 0; i < n / 2; i++)
                job->kernels->join(results, p + 2 * i * results, p + (2 * i + 1) * results,
                                   p + i * results);
            if (n % 2)
                memmove(p + n / 2 * results, p + (n - 1) * results, (size_t)results * sizeof *p);
        }
    }
    fold_store(job, 0, 1, results, p);
}

static int64_t fold_task_units(int64_t unit_elements)
{
    int64_t units = FOLD_TASK / (unit_elements > 0 ? unit_elements : 1);
    return units > 0 ? units : 1;
}

static double fold_cost(const fold_job *job)
{
    double elements = (double)job->result->size * (double)job->reduced.size;
    return elements * (double)job->item / fold_bytes_per_ns;
}

static void fold_by_rows(fold_job *job)
{
    bool whole = job->way != FOLD_BY_BLOCKS;
    job->units = job->result->size * (whole ? 1 : job->blocks);
    job->task_units = fold_task_units(whole ? job->reduced.size : job->block);
    job->joined = !whole && job->real && job->kind == TP__SUM && job->units == job->blocks &&
                  (job->task_units & (job->task_units - 1)) == 0;
    tp__parallel(fold_tasks(job), fold_cost(job), fold_rows_task, job);
}

static bool fold_by_columns(tp__thread *t, fold_job *job)
{
    int64_t n = fold_block_size(job, 0);
    job->runs = (job->width + FOLD_RUN - 1) / FOLD_RUN;
    int64_t run = (job->width + job->runs - 1) / job->runs;
    job->units = job->result->size / job->width * job->runs * job->blocks;
    job->task_units = fold_task_units(n * run);
    job->slot = (size_t)tp__fold_room(n, run);
    int64_t tasks = fold_tasks(job), slots = tp_num_threads();
    slots = slots < tasks ? slots : tasks;
    slots = slots < FOLD_SLOTS ? slots : FOLD_SLOTS;
    atomic_init(&job->free_slots, slots == 64 ? ~0ull : (1ull << slots) - 1);
    tp__partial few[FOLD_FEW];
    size_t bytes = (size_t)slots * job->slot * sizeof *few;
    job->scratch = bytes <= sizeof few ? few : tp__block_take(t, bytes);
    if (!job->scratch)
        return false;
    tp__parallel(tasks, fold_cost(job), fold_columns_task, job);
    if (job->scratch != few)
        tp__block_put(t, job->scratch, bytes);
    return true;
}

/* Finds the kept axis that lies innermost in memory, if there is one and it is wide enough. */
static bool fold_finds_columns(fold_job *job)
{
    const fold_axes *kept = &job->kept;
    job->stride = 1;
    for (int i = kept->ndim - 1; i >= 0; i--) {
        if (kept->step[i] == (int64_t)job->item && kept->shape[i] >= TP__FOLD_NARROW) {
            job->width = kept->shape[i];
            return true;
        }
        job->stride *= kept->shape[i];
    }
    return false;
}

/* True if results are so many, and so small, that it pays to turn them. */
static bool fold_is_turned(const fold_job *job)
{
    int last = job->kept.ndim - 1;
    return job->item >= sizeof(float) && job->reduced.size > 1 && job->reduced.size <= FOLD_SHORT &&
           last >= 0 && job->kept.shape[last] >= FOLD_MANY;
}

/* Where results lie closer together than the elements of one, some blocks of every result are
 * taken, as many as lie one after the other, then the next ones of every result, and so on. */
static void fold_choose_way(fold_job *job)
{
    const fold_axes *reduced = &job->reduced;
    int64_t kept_least, kept_most, least, most, item = (int64_t)job->item;
    fold_steps(&job->kept, &kept_least, &kept_most);
    fold_steps(reduced, &least, &most);
    bool columns = least != item && fold_finds_columns(job);
    bool exact = !job->real || job->kind != TP__SUM;
    job->solid = !reduced->ndim || (reduced->ndim == 1 && reduced->step[0] == item);
    job->block = !columns && exact && (job->solid || item == 1) ? TP__FOLD_EXACT : TP__FOLD_BLOCK;
    job->blocks = (reduced->size + job->block - 1) / job->block;
    job->pieces = !job->solid && job->kernels->pieces && least == item &&
                  reduced->step[reduced->ndim - 1] == item &&
                  reduced->shape[reduced->ndim - 1] % TP__FOLD_PANEL == 0;
    job->group = job->blocks;
    if (columns) {
        job->way = FOLD_BY_COLUMNS;
    } else if (job->solid && fold_is_turned(job)) {
        job->way = FOLD_BY_TURNS;
    } else if (job->blocks == 1 || (job->blocks <= FOLD_WHOLE && kept_least >= most)) {
        job->way = FOLD_BY_RESULTS;
    } else {
        job->way = FOLD_BY_BLOCKS;
        int64_t inner = reduced->shape[reduced->ndim - 1];
        if (kept_least < most)
            job->group = inner % job->block == 0 ? inner / job->block : 1;
    }
}

static bool fold_run(tp__thread *t, fold_job *job)
{
    if (job->way == FOLD_BY_COLUMNS)
        return fold_by_columns(t, job);
    fold_by_rows(job);
    return true;
}

/* False if there is nothing to reduce: sums are then 0. */
static bool fold_begin(fold_job *job, const tp_var *x, unsigned axes)
{
    job->from = x->data;
    job->item = tp__dtype_size((tp_dtype)x->dtype);
    job->real = tp__is_float((tp_dtype)x->dtype);
    job->kernels = tp__fold_choose(job->kind, (tp_dtype)x->dtype);
    fold_select(&job->kept, x, ~axes);
    fold_select(&job->reduced, x, axes);
    fold_choose_way(job);
    return job->blocks > 0;
}

/* The sum of all elements of an array that is one block, in order. */
static void fold_one_block(fold_job *job, const tp_var *x)
{
    job->kernels = tp__fold_choose(TP__SUM, (tp_dtype)x->dtype);
    tp__partial sum = fold_block_of(job, x->size, x->data);
    fold_store(job, 0, 1, 1, &sum);
}

bool tp__fold(tp__reduction kind, tp_var *result, const tp_var *x, unsigned axes, double divisor)
{
    fold_job job;
    job.kind = kind, job.result = result;
    job.divisor = divisor, job.joined = false;
    if (result->size == 0)
        return true;
    if (kind == TP__SUM && result->size == 1 && (x->flags & TP__CONTIGUOUS) && x->size > 0 &&
        x->size <= TP__FOLD_BLOCK) {
        fold_one_block(&job, x);
        return true;
    }
    if (!fold_begin(&job, x, axes)) {
        static const tp__partial nothing;
        for (int64_t i = 0; i < result->size; i++)
            fold_store(&job, i, 1, 1, &nothing);
        return true;
    }
    if (job.blocks == 1 || job.way == FOLD_BY_RESULTS)
        return fold_run(tp__here(), &job);
    tp__thread *t = tp__here();
    size_t bytes = (size_t)job.blocks * (size_t)result->size * sizeof *job.partials;
    job.partials = tp__block_take(t, bytes);
    if (!job.partials)
        return false;
    bool good = fold_run(t, &job);
    if (good)
        fold_join(&job);
    tp__block_put(t, job.partials, bytes);
    return good;
}
