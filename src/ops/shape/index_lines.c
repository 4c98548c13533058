/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "ops/shape/index.h"

#include <stdatomic.h>
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

bool tp__index_check(const tp__call *call, const tp_var *x, const tp_var *index)
{
    int axis = (int)call->attr.integer;
    bool fits = index->ndim == x->ndim;
    for (int d = 0; fits && d < x->ndim; d++)
        fits = d == axis || tp__shape(index)[d] <= tp__shape(x)[d];
    return fits || index_misfit(call->op->name, x, index);
}

/* --- Numbers of places --- */

/* Of a number that is negative, or larger than the last one, the highest bit of one of two is set.
 */
static bool index_all_within(int64_t n, const int64_t *at, int64_t size)
{
    typedef uint64_t pair __attribute__((vector_size(16)));
    const uint64_t last = (uint64_t)size - 1;
    pair any = {0}, other = {0}, v, w;
    uint64_t rest = 0;
    for (; n >= 4; n -= 4, at += 4) {
        memcpy(&v, at, sizeof v);
        memcpy(&w, at + 2, sizeof w);
        any |= v | (last - v);
        other |= w | (last - w);
    }
    for (int64_t i = 0; i < n; i++)
        rest |= (uint64_t)at[i] | (last - (uint64_t)at[i]);
    any |= other;
    return !((rest | any[0] | any[1]) >> 63);
}

/* An error for the first number that is not one of an axis of so many. */
static bool index_out_of_range(const char *call, const int64_t *at, int axis, int64_t size)
{
    int64_t i = 0;
    while (at[i] >= 0 && at[i] < size)
        i++;
    tp_fail(TP_ERROR_ARGUMENT, "%s: index %lld is out of range for axis %d of size %lld", call,
            (long long)at[i], axis, (long long)size);
    return false;
}

tp_var *tp__index_of_rows(const char *call, const tp_var *x, int axis, tp_var *index)
{
    if (index->ndim != 1)
        return tp__refuse_shape(call, "the index", index, "one axis");
    int64_t column[TP_MAX_NDIM], shape[TP_MAX_NDIM];
    for (int d = 0; d < x->ndim; d++) {
        column[d] = d == axis ? index->size : 1;
        shape[d] = d == axis ? index->size : tp__shape(x)[d];
    }
    tp_var *wide = tp_broadcast_to(tp_reshape(index, x->ndim, column), x->ndim, shape);
    if (tp_is_poison(wide) || wide->size > 0 || tp__is_float((tp_dtype)index->dtype))
        return wide;
    tp_var *rows = tp__plain(tp_to(index, TP_I64));
    bool good =
        !tp_is_poison(rows) && (index_all_within(rows->size, rows->data, tp__shape(x)[axis]) ||
                                index_out_of_range(call, rows->data, axis, tp__shape(x)[axis]));
    return good ? wide : tp__poison();
}

/* --- Moving lines --- */

/* Elements that lie one after the other are moved together: one, or all along the axes after the
 * one that is picked along, where the index names whole lines. Where lines may meet in one place
 * threads take places, each in the order of the index, so that their number changes no bit; or,
 * where lines are short, columns of all lines. Elsewhere they take lines.
 *
 * Single elements are moved by rows of the index, its elements along the last axis. They meet only
 * in the axis that is picked along: threads that put take whole rows if that is the last, and
 * otherwise columns of all rows. Each checks its numbers while it has them in the cache; what a row
 * picks from, here and there, it reads in order first. */
enum {
    INDEX_TASK = 16384,
    INDEX_SHARES = 4,
    INDEX_LONG = 64,
    INDEX_COLUMNS = 256,
    INDEX_NEAR = 32768 /* bytes of a row that are read in order first, at most */
};

/* Takes or puts n elements of a row: across is how many bytes it is from one to the next in what is
 * picked from, along from one place of the axis to the next. */
typedef void index_row(int64_t n, const int64_t *at, int64_t across, int64_t along, char *picked,
                       char *parts);

typedef struct index_job {
    void (*move)(const struct index_job *job, int64_t number, int64_t offset);
    index_row *row; /* the same for single elements */
    char *picked;   /* what is taken from or put to */
    char *parts;    /* the elements that the index has places for */
    size_t item;
    tp_dtype dtype;
    int64_t first, n; /* columns of a line to move */

    const int64_t *at; /* the index, a number for each line */
    const tp_var *x;   /* what it picks from or puts to */
    int axis, ndim;
    int64_t shape[TP_MAX_NDIM], line, lines;
    int64_t chunk;        /* lines, or columns, in a task */
    int64_t rows, pieces; /* of single elements: rows in a task, and pieces of a row */
    int64_t shares;       /* tasks that share places by their last bits */
    atomic_bool beyond;   /* a number is out of range */
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

/* One element of each line of the cache. */
static void index_read(const char *from, int64_t bytes)
{
    enum { LINE = 64 };
    char any = 0;
    for (int64_t i = 0; i < bytes; i += LINE)
        any |= from[i];
    __asm__ volatile("" : : "r"(any));
}

/* Single elements of rows from `from` to `to`: n of each from the first on. */
static void index_rows(index_job *job, int64_t from, int64_t to, int64_t first, int64_t n)
{
    const int64_t *strides = tp__strides(job->x), item = (int64_t)job->item;
    const int last = job->ndim - 1, axis = job->axis;
    const int64_t size = job->shape[last], unit = (int64_t)tp__dtype_size((tp_dtype)job->x->dtype);
    const int64_t across = axis == last ? 0 : strides[last] * unit, along = strides[axis] * unit;
    const int64_t places = tp__shape(job->x)[axis];
    const bool near = along == unit && places <= 4 * n && places * unit <= INDEX_NEAR;
    int64_t place[TP_MAX_NDIM] = {0}, base = 0, rest = from;
    for (int d = last - 1; d >= 0; d--) {
        place[d] = rest % job->shape[d];
        rest /= job->shape[d];
        base += d == axis ? 0 : place[d] * strides[d];
    }
    for (int64_t i = from * size + first; from < to; from++, i += size) {
        char *picked = job->picked + base * unit + first * across;
        if (!index_all_within(n, job->at + i, places)) {
            atomic_store(&job->beyond, true);
            return;
        }
        if (near)
            index_read(picked, places * unit);
        job->row(n, job->at + i, across, along, picked, job->parts + i * item);
        for (int d = last - 1; d >= 0; d--) {
            int64_t stride = d == axis ? 0 : strides[d];
            base += stride;
            if (++place[d] < job->shape[d])
                break;
            base -= stride * job->shape[d];
            place[d] = 0;
        }
    }
}

static void index_rows_task(void *ctx, int64_t number)
{
    index_job *job = ctx;
    const int64_t size = job->shape[job->ndim - 1], rows = job->lines / size;
    int64_t piece = number % job->pieces, from = number / job->pieces * job->rows;
    int64_t first = size * piece / job->pieces, end = size * (piece + 1) / job->pieces;
    index_rows(job, from, from + job->rows < rows ? from + job->rows : rows, first, end - first);
}

/* meet: elements may have one place. */
static void index_run_rows(index_job *job, bool meet)
{
    const int last = job->ndim - 1;
    const int64_t size = job->shape[last], rows = job->lines / size;
    const int64_t piece = meet ? INDEX_COLUMNS : INDEX_TASK;
    job->pieces = meet && job->axis == last ? 1 : (size - 1) / piece + 1;
    job->rows = meet && job->axis < last ? rows : INDEX_TASK / size + 1;
    tp__parallel(job->pieces * ((rows - 1) / job->rows + 1), (double)job->lines, index_rows_task,
                 job);
}

static void index_lines_task(void *ctx, int64_t number)
{
    const index_job *job = ctx;
    int64_t from = number * job->chunk, to = from + job->chunk;
    index_move(job, from, to < job->lines ? to : job->lines);
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

static void index_run_lines(index_job *job, bool meet)
{
    const int64_t line = job->line;
    job->beyond = !index_all_within(job->lines, job->at, tp__shape(job->x)[job->axis]);
    if (job->beyond)
        return;
    job->shares = tp_num_threads() > 1 ? INDEX_SHARES : 1;
    bool shared = meet && line >= INDEX_LONG && job->lines == job->shape[job->axis];
    job->chunk = !meet ? INDEX_TASK / line + 1 : line > 128 ? line / 2 : 64;
    int64_t tasks = shared ? job->shares : ((meet ? line : job->lines) - 1) / job->chunk + 1;
    tp__parallel(tasks, (double)(job->lines * line) * 0.3,
                 shared ? index_places_task
                 : meet ? index_columns_task
                        : index_lines_task,
                 job);
}

/* Runs the job for an index of x; meet: lines may have one place, and the last one stays. */
static bool index_run(index_job *job, const char *call, const tp_var *x, tp_var *index, int axis,
                      bool meet)
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
        atomic_init(&job->beyond, false);
        (line > 1 ? index_run_lines : index_run_rows)(job, meet);
        good = !job->beyond || index_out_of_range(call, job->at, axis, tp__shape(x)[axis]);
    }
    tp_scope_end(scope);
    return good;
}

/* --- Lines --- */

static void index_take_line(const index_job *job, int64_t number, int64_t offset)
{
    int64_t item = (int64_t)job->item;
    memcpy(job->parts + number * job->line * item, job->picked + offset * item,
           (size_t)job->line * job->item);
}

static void index_put_line(const index_job *job, int64_t number, int64_t offset)
{
    int64_t item = (int64_t)job->item;
    memcpy(job->picked + (offset + job->first) * item,
           job->parts + (number * job->line + job->first) * item, (size_t)job->n * job->item);
}

TP__LOOP2(index_add_f64, double, double, double, a + b)
TP__LOOP2(index_add_f32, float, float, double, a + b)
TP__LOOP2(index_add_i64, int64_t, int64_t, uint64_t, a + b)
TP__LOOP2(index_add_u8, uint8_t, uint8_t, uint8_t, a + b)

static void index_add_line(const index_job *job, int64_t number, int64_t offset)
{
    int64_t item = (int64_t)job->item;
    char *to = job->picked + (offset + job->first) * item;
    char *from = job->parts + (number * job->line + job->first) * item;
    static tp__loop *const plain[] = {index_add_f32, index_add_f64, index_add_i64, index_add_u8};
    tp__loop *fast = tp__fast_loop(TP__FAST_ADD, job->dtype);
    (fast ? fast : plain[job->dtype])(job->n, (char *const[]){to, to, from},
                                      (const int64_t[]){item, item, item}, NULL);
}

/* Of float parts to double sums. */
static void index_add_wide_line(const index_job *job, int64_t number, int64_t offset)
{
    double *to = (double *)(void *)job->picked + offset + job->first;
    const float *from = (const float *)(const void *)job->parts + number * job->line + job->first;
    for (int64_t i = 0; i < job->n; i++)
        to[i] += (double)from[i];
}

/* --- Single elements --- */

#define INDEX_ROW(name, Picked, Part, statement)                                                   \
    static void name(int64_t n, const int64_t *at, int64_t across, int64_t along, char *picked,    \
                     char *parts)                                                                  \
    {                                                                                              \
        Part *part = (Part *)(void *)parts;                                                        \
        for (int64_t k = 0; k < n; k++, picked += across, part++) {                                \
            Picked *const x = (Picked *)(void *)(picked + at[k] * along);                          \
            statement;                                                                             \
        }                                                                                          \
    }

/* Elements of every type are moved as what is as wide. */
#define INDEX_MOVES(bits)                                                                          \
    typedef uint##bits##_t __attribute__((may_alias)) index_##bits;                                \
    INDEX_ROW(index_take_##bits, index_##bits, index_##bits, *part = *x)                           \
    INDEX_ROW(index_put_##bits, index_##bits, index_##bits, *x = *part)

INDEX_MOVES(8)
INDEX_MOVES(16)
INDEX_MOVES(32)
INDEX_MOVES(64)
INDEX_ROW(index_sum_f32, float, const float, *x += *part)
INDEX_ROW(index_sum_f64, double, const double, *x += *part)
INDEX_ROW(index_sum_i64, uint64_t, const uint64_t, *x += *part)
INDEX_ROW(index_sum_u8, uint8_t, const uint8_t, *x = (uint8_t)(*x + *part))
INDEX_ROW(index_sum_wide, double, const float, *x += (double)*part)

static index_row *index_mover(size_t item, bool takes)
{
    static index_row *const movers[][2] = {{index_put_8, index_take_8},
                                           {index_put_16, index_take_16},
                                           {index_put_32, index_take_32},
                                           {index_put_64, index_take_64}};
    return movers[__builtin_ctz((unsigned)item)][takes];
}

/* --- Both --- */

bool tp__index_take(const char *call, tp_var *out, const tp_var *x, int axis, tp_var *index)
{
    const size_t item = tp__dtype_size((tp_dtype)x->dtype);
    index_job job = {.move = index_take_line,
                     .row = index_mover(item, true),
                     .picked = x->data,
                     .parts = out->data,
                     .item = item};
    return index_run(&job, call, x, index, axis, false);
}

bool tp__index_put(const char *call, tp_var *to, int axis, tp_var *index, tp_var *part,
                   tp__index_how how)
{
    static void (*const moves[])(const index_job *job, int64_t number,
                                 int64_t offset) = {[TP__INDEX_REPLACE] = index_put_line,
                                                    [TP__INDEX_ADD] = index_add_line,
                                                    [TP__INDEX_ADD_WIDE] = index_add_wide_line};
    static index_row *const sums[] = {index_sum_f32, index_sum_f64, index_sum_i64, index_sum_u8};
    size_t scope = tp_scope_begin();
    part = tp__plain(part);
    bool good = !tp_is_poison(part);
    if (good) {
        const size_t item = tp__dtype_size((tp_dtype)part->dtype);
        index_job job = {.move = moves[how],
                         .row = how == TP__INDEX_REPLACE ? index_mover(item, false)
                                : how == TP__INDEX_ADD   ? sums[part->dtype]
                                                         : index_sum_wide,
                         .picked = to->data,
                         .parts = part->data,
                         .item = item,
                         .dtype = (tp_dtype)part->dtype};
        good = index_run(&job, call, to, index, axis, true);
    }
    tp_scope_end(scope);
    return good;
}
