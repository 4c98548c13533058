/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/shape/index.h"

#include <string.h>

#include "array/array.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "kernels/vector.h"
#include "tinypytorch.h"

static bool index_misfit(const char *call, const tp_var *x, const tp_var *index)
{
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE,
            "%s: an index of shape %s does not fit shape %s: expected as many axes, and no size "
            "larger but along the axis",
            call, tp__shape_text(a, index->ndim, tp__shape(index)),
            tp__shape_text(b, x->ndim, tp__shape(x)));
    return false;
}

/* index without the axes from `first` on along which it repeats itself, in the current scope and
 * ready to be read; poison on error. */
static tp_var *index_once(tp_var *index, int first)
{
    int64_t shape[TP_MAX_NDIM];
    if (!tp__evaluate(index))
        return tp__poison();
    for (int d = 0; d < index->ndim; d++)
        shape[d] = d >= first && tp__strides(index)[d] == 0 && tp__shape(index)[d] > 1
                       ? 1
                       : tp__shape(index)[d];
    tp__thread *t = tp__here();
    tp_var *once = tp__node_view(t, index, index->ndim, shape, tp__strides(index), 0);
    return tp__plain(tp__own(t, once));
}

static bool index_in_range(const char *call, tp_var *index, int axis, int64_t size)
{
    size_t scope = tp_scope_begin();
    tp_var *once = index_once(index, 0);
    const int64_t *at = tp_is_poison(once) ? NULL : once->data;
    bool beyond = false;
    for (int64_t i = 0; at && i < once->size; i++)
        beyond |= (uint64_t)at[i] >= (uint64_t)size;
    for (int64_t i = 0; beyond; i++)
        if (at[i] < 0 || at[i] >= size) {
            tp_fail(TP_ERROR_ARGUMENT, "%s: index %lld is out of range for axis %d of size %lld",
                    call, (long long)at[i], axis, (long long)size);
            break;
        }
    tp_scope_end(scope);
    return !tp__here()->code;
}

bool tp__index_check(const tp__call *call, const tp_var *x, tp_var *index)
{
    int axis = (int)call->attr.integer;
    bool fits = index->ndim == x->ndim;
    for (int d = 0; fits && d < x->ndim; d++)
        fits = d == axis || tp__shape(index)[d] <= tp__shape(x)[d];
    if (!fits)
        return index_misfit(call->op->name, x, index);
    return index_in_range(call->op->name, index, axis, tp__shape(x)[axis]);
}

/* --- Moving lines --- */

/* Elements that lie one after the other are moved together: one, or all along the axes after the
 * one that is picked along, where the index names whole lines. Where lines may meet in one place
 * threads take places, each in the order of the index, so that their number changes no bit; or,
 * where lines are short, columns of all lines. Elsewhere they take lines. */
enum { INDEX_TASK = 16384, INDEX_SHARES = 4, INDEX_LONG = 64 };

typedef struct index_job {
    void (*move)(const struct index_job *job, int64_t number, int64_t offset);
    bool takes; /* rather than puts */
    const char *from;
    char *to;
    size_t item;
    tp_dtype dtype;
    int64_t first, n; /* columns of a line to move */

    const int64_t *at; /* the index, a number for each line */
    const tp_var *x;   /* what it picks from or puts to */
    int axis, ndim;
    int64_t shape[TP_MAX_NDIM], line, lines;
    int64_t chunk;  /* lines, or columns, in a task */
    int64_t shares; /* tasks that share places by their last bits */
} index_job;

/* How many elements are moved together. */
static int64_t index_line(const tp_var *x, const tp_var *index, int axis)
{
    int64_t line = 1;
    for (int d = x->ndim - 1; d > axis; d--) {
        int64_t size = tp__shape(x)[d];
        bool whole = tp__shape(index)[d] == size && (size == 1 || tp__strides(index)[d] == 0);
        if (!whole || (size > 1 && tp__strides(x)[d] != line))
            return 1;
        line *= size;
    }
    return line;
}

/* Moves lines from `from` to `to`, in row-major order. */
static void index_move(const index_job *job, int64_t from, int64_t to)
{
    int64_t place[TP_MAX_NDIM] = {0}, base = 0, rest = from;
    const int64_t *strides = tp__strides(job->x);
    for (int d = job->ndim - 1; d >= 0; d--) {
        place[d] = rest % job->shape[d];
        rest /= job->shape[d];
        base += d == job->axis ? 0 : place[d] * strides[d];
    }
    for (int64_t i = from; i < to; i++) {
        job->move(job, i, base + job->at[i] * strides[job->axis]);
        for (int d = job->ndim - 1; d >= 0; d--) {
            int64_t stride = d == job->axis ? 0 : strides[d];
            base += stride;
            if (++place[d] < job->shape[d])
                break;
            base -= stride * job->shape[d];
            place[d] = 0;
        }
    }
}

/* Takes single elements that are numbered from one place of the innermost axis on: n of them. */
#define INDEX_TAKE(Type)                                                                           \
    static void index_take_##Type(int64_t n, const int64_t *at, const char *from, int64_t across,  \
                                  int64_t along, char *to)                                         \
    {                                                                                              \
        for (int64_t k = 0; k < n; k++) {                                                          \
            Type v;                                                                                \
            memcpy(&v, from + (k * across + at[k] * along) * (int64_t)sizeof v, sizeof v);         \
            memcpy(to + k * (int64_t)sizeof v, &v, sizeof v);                                      \
        }                                                                                          \
    }

INDEX_TAKE(uint32_t)
INDEX_TAKE(uint64_t)

/* index_move for elements of 4 or 8 bytes, row by row of the index. */
static void index_take(const index_job *job, int64_t from, int64_t to)
{
    const int64_t *strides = tp__strides(job->x);
    const int last = job->ndim - 1, axis = job->axis;
    const int64_t size = job->shape[last], along = strides[axis];
    const int64_t across = axis == last ? 0 : strides[last];
    for (int64_t i = from, n; i < to; i += n) {
        int64_t start = i % size, rest = i / size, base = start * across;
        for (int d = last - 1; d >= 0; d--) {
            base += d == axis ? 0 : rest % job->shape[d] * strides[d];
            rest /= job->shape[d];
        }
        n = size - start < to - i ? size - start : to - i;
        const char *x = job->from + base * (int64_t)job->item;
        char *out = job->to + i * (int64_t)job->item;
        if (job->item == sizeof(uint32_t))
            index_take_uint32_t(n, job->at + i, x, across, along, out);
        else
            index_take_uint64_t(n, job->at + i, x, across, along, out);
    }
}

static void index_lines_task(void *ctx, int64_t number)
{
    const index_job *job = ctx;
    int64_t from = number * job->chunk, to = from + job->chunk;
    to = to < job->lines ? to : job->lines;
    if (job->takes && job->line == 1 && job->item >= sizeof(uint32_t))
        index_take(job, from, to);
    else
        index_move(job, from, to);
}

static void index_places_task(void *ctx, int64_t number)
{
    const index_job *job = ctx;
    const int64_t stride = tp__strides(job->x)[job->axis];
    for (int64_t i = 0; i < job->lines; i++)
        if ((job->at[i] & (job->shares - 1)) == number)
            job->move(job, i, job->at[i] * stride);
}

static void index_columns_task(void *ctx, int64_t number)
{
    index_job job = *(const index_job *)ctx;
    job.first = number * job.chunk;
    job.n = job.n - job.first < job.chunk ? job.n - job.first : job.chunk;
    index_move(&job, 0, job.lines);
}

/* Runs the job for an index of x; meet: lines may have one place, and the last one stays. */
static bool index_run(index_job *job, const tp_var *x, tp_var *index, int axis, bool meet)
{
    size_t scope = tp_scope_begin();
    int64_t line = index_line(x, index, axis);
    tp_var *once = line > 1 ? index_once(index, axis + 1) : tp__plain(index);
    bool good = !tp_is_poison(once);
    if (good && index->size > 0) {
        job->at = once->data;
        job->x = x;
        job->axis = axis;
        job->ndim = once->ndim;
        memcpy(job->shape, tp__shape(once), once->ndim * sizeof *job->shape);
        job->line = job->n = line;
        job->lines = once->size;
        job->shares = tp_num_threads() > 1 ? INDEX_SHARES : 1;
        bool shared = meet && line >= INDEX_LONG && once->size == tp__shape(once)[axis];
        job->chunk = !meet ? INDEX_TASK / line + 1 : line > 128 ? line / 2 : 64;
        int64_t tasks = shared ? job->shares : ((meet ? line : job->lines) - 1) / job->chunk + 1;
        tp__parallel(tasks, (double)index->size * (line > 1 ? 0.3 : 3),
                     shared ? index_places_task
                     : meet ? index_columns_task
                            : index_lines_task,
                     job);
    }
    tp_scope_end(scope);
    return good;
}

static void index_take_line(const index_job *job, int64_t number, int64_t offset)
{
    int64_t item = (int64_t)job->item;
    memcpy(job->to + number * job->line * item, job->from + offset * item,
           (size_t)job->line * job->item);
}

static void index_put_line(const index_job *job, int64_t number, int64_t offset)
{
    int64_t item = (int64_t)job->item;
    memcpy(job->to + (offset + job->first) * item,
           job->from + (number * job->line + job->first) * item, (size_t)job->n * job->item);
}

TP__LOOP2(index_add_f64, double, double, double, a + b)
TP__LOOP2(index_add_f32, float, float, double, a + b)
TP__LOOP2(index_add_i64, int64_t, int64_t, uint64_t, a + b)
TP__LOOP2(index_add_u8, uint8_t, uint8_t, uint8_t, a + b)

static void index_add_line(const index_job *job, int64_t number, int64_t offset)
{
    int64_t item = (int64_t)job->item;
    char *to = job->to + (offset + job->first) * item;
    const char *from = job->from + (number * job->line + job->first) * item;
    static tp__loop *const plain[] = {index_add_f32, index_add_f64, index_add_i64, index_add_u8};
    tp__loop *fast = tp__fast_loop(TP__FAST_ADD, job->dtype);
    (fast ? fast : plain[job->dtype])(job->n, (char *const[]){to, to, (char *)from},
                                      (const int64_t[]){item, item, item}, NULL);
}

/* Of float parts to double sums. */
static void index_add_wide_line(const index_job *job, int64_t number, int64_t offset)
{
    double *to = (double *)(void *)job->to + offset + job->first;
    const float *from = (const float *)(const void *)job->from + number * job->line + job->first;
    for (int64_t i = 0; i < job->n; i++)
        to[i] += (double)from[i];
}

bool tp__index_take(tp_var *out, const tp_var *x, int axis, tp_var *index)
{
    index_job job = {.move = index_take_line,
                     .takes = true,
                     .from = x->data,
                     .to = out->data,
                     .item = tp__dtype_size(x->dtype)};
    return index_run(&job, x, index, axis, false);
}

bool tp__index_put(tp_var *to, int axis, tp_var *index, tp_var *part, tp__index_how how)
{
    static void (*const moves[])(const index_job *job, int64_t number,
                                 int64_t offset) = {[TP__INDEX_REPLACE] = index_put_line,
                                                    [TP__INDEX_ADD] = index_add_line,
                                                    [TP__INDEX_ADD_WIDE] = index_add_wide_line};
    size_t scope = tp_scope_begin();
    part = tp__plain(part);
    bool good = !tp_is_poison(part);
    if (good) {
        index_job job = {.move = moves[how],
                         .from = part->data,
                         .to = to->data,
                         .item = tp__dtype_size(part->dtype),
                         .dtype = (tp_dtype)part->dtype};
        good = index_run(&job, to, index, axis, true);
    }
    tp_scope_end(scope);
    return good;
}
