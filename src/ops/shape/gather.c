/* SPDX-License-Identifier: MIT
 *
 * Elements picked by index along an axis, and added back: gather and scatter_add are each other's
 * gradients. Indices are int64 constants; they are checked before anything is computed.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "ops/families.h"
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

static bool index_check(const tp__call *call, const tp_var *x, tp_var *index)
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

/* Puts the parts to `to`, along axis. */
static bool index_put(tp_var *to, int axis, tp_var *index, tp_var *part,
                      void (*move)(const index_job *job, int64_t number, int64_t offset))
{
    size_t scope = tp_scope_begin();
    part = tp__plain(part);
    bool good = !tp_is_poison(part);
    if (good) {
        index_job job = {.move = move,
                         .from = part->data,
                         .to = to->data,
                         .item = tp__dtype_size(part->dtype),
                         .dtype = (tp_dtype)part->dtype};
        good = index_run(&job, to, index, axis, true);
    }
    tp_scope_end(scope);
    return good;
}

/* So many parts to an element, on the average, that sums of float32 are kept in float64. */
enum { INDEX_MANY = 16 };

static bool index_many(const tp_var *to, const tp_var *part)
{
    return to->dtype == TP_F32 && part->size / INDEX_MANY >= to->size;
}

/* --- gather --- */

static bool gather_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *index = call->in[1];
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = index->ndim;
    memcpy(call->shape, tp__shape(index), index->ndim * sizeof *call->shape);
    return index_check(call, x, call->in[1]);
}

static bool gather_forward(tp__call *call)
{
    const tp_var *x = call->in[0];
    index_job job = {.move = index_take_line,
                     .takes = true,
                     .from = x->data,
                     .to = call->out->data,
                     .item = tp__dtype_size(x->dtype)};
    return index_run(&job, x, call->in[1], (int)call->attr.integer, false);
}

static tp_var *index_zeros(const tp_var *x)
{
    return tp_zeros((tp_dtype)x->dtype, x->ndim, tp__shape(x));
}

/* A few elements are added to the gradients of x that are there. */
static void gather_gradient(const tp__pull *pull)
{
    tp_var *x = pull->x[0], *index = pull->x[1];
    int axis = (int)pull->y->attr.integer;
    tp_var *sum = index_many(x, pull->gy) ? NULL : tp__sweep_sum(pull, 0);
    if (sum)
        index_put(sum, axis, index, tp__addend(pull->gy), index_add_line);
    else
        pull->gx[0] = tp_scatter_add(index_zeros(x), axis, index, pull->gy);
}

static void gather_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++)
        if (jet->x[0][k])
            jet->y[k] = tp__apply_again(jet->node, (tp_var *[]){jet->x[0][k], jet->x[1][0]});
}

static tp_var *gather_sample_index(void)
{
    return tp_array(TP_I64, TP_SHAPE(2, 2), ((int64_t[]){2, 0, 1, 2}));
}

static tp_var *gather_sample(tp_var *const *x)
{
    return tp_gather(x[0], 1, gather_sample_index());
}

static tp_var *scatter_add_sample(tp_var *const *x)
{
    return tp_scatter_add(x[0], 1, gather_sample_index(), x[1]);
}

#define INDEX_TORCH "torch.tensor([[2, 0], [1, 2]])"

static const tp__op gather_op = {
    .label = "Gather",
    .name = "gather",
    .n_in = 2,
    .flags = TP__MOVES,
    .reads = {TP__READS_1},
    .infer = gather_infer,
    .forward = gather_forward,
    .gradient = gather_gradient,
    .taylor = gather_taylor,
    .formula = "y[i, j, k] = x[i, index[i, j, k], k], along axis 1",
    .rule = "scatter_add(zeros, axis, index, gy)",
    .samples = (const tp__sample[]){{"3,3", gather_sample, "x0.gather(1, " INDEX_TORCH ")"}, {0}},
};

tp_var *tp_gather(tp_var *x, int axis, tp_var *index)
{
    TP__CALL("gather");
    TP__OPERANDS(x, index);
    if (!tp__check_operand("gather", x) || !tp__check_operand("gather", index) ||
        (axis = tp__check_axis("gather", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__is_float((tp_dtype)index->dtype))
        return tp_fail(TP_ERROR_DTYPE, "gather: the index is %s, expected integers",
                       tp_dtype_name((tp_dtype)index->dtype));
    tp_var *in[] = {x, tp_to(index, TP_I64)};
    return tp__apply(&gather_op, in, 2, (tp__attr){.integer = axis}, -1, NULL);
}

/* --- scatter_add --- */

static bool scatter_add_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *part = call->in[2];
    tp_var *index = call->in[1];
    if (!tp__same_shape(part, index->ndim, tp__shape(index))) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE, "%s: the part has shape %s, expected the index's, %s",
                call->op->name, tp__shape_text(a, part->ndim, tp__shape(part)),
                tp__shape_text(b, index->ndim, tp__shape(index)));
        return false;
    }
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return index_check(call, x, index);
}

static bool scatter_add_forward(tp__call *call)
{
    tp_var *x = call->in[0], *index = call->in[1], *part = call->in[2], *out = call->out;
    int axis = (int)call->attr.integer;
    if (!index_many(out, part)) {
        tp__copy_elements(out, x);
        return index_put(out, axis, index, part, index_add_line);
    }
    tp_var *sums = tp__copy_as(tp__here(), x, TP_F64);
    bool good = sums && index_put(sums, axis, index, part, index_add_wide_line);
    if (good)
        tp__copy_elements(out, sums);
    if (sums)
        tp__drop(sums);
    return good;
}

static void scatter_add_gradient(const tp__pull *pull)
{
    if (pull->wanted[0])
        pull->gx[0] = pull->gy;
    if (pull->wanted[2])
        pull->gx[2] = tp_gather(pull->gy, (int)pull->y->attr.integer, pull->x[1]);
}

static void scatter_add_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *x = jet->x[0][k], *part = jet->x[2][k];
        if (!x && !part)
            continue;
        x = x ? x : index_zeros(jet->x[0][0]);
        part = part ? part : index_zeros(jet->x[2][0]);
        jet->y[k] = tp__apply_again(jet->node, (tp_var *[]){x, jet->x[1][0], part});
    }
}

static const tp__op scatter_add_op = {
    .label = "ScatterAdd",
    .name = "scatter_add",
    .n_in = 3,
    .flags = TP__ADDS,
    .reads = {0, 0, TP__READS_1},
    .infer = scatter_add_infer,
    .forward = scatter_add_forward,
    .gradient = scatter_add_gradient,
    .taylor = scatter_add_taylor,
    .formula = "x, and part[i, j, k] is added to y[i, index[i, j, k], k], along axis 1",
    .rule = "x: gy; part: gather(gy, axis, index)",
    .samples =
        (const tp__sample[]){
            {"3,4; 2,2", scatter_add_sample, "x0.scatter_add(1, " INDEX_TORCH ", x1)"}, {0}},
};

static tp_var *index_put_apply(const tp__op *op, tp_var *x, int axis, tp_var *index, tp_var *part)
{
    if (!tp__check_named(op->name, "x", x) || !tp__check_named(op->name, "index", index) ||
        !tp__check_named(op->name, "part", part) ||
        (axis = tp__check_axis(op->name, axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__is_float((tp_dtype)index->dtype))
        return tp_fail(TP_ERROR_DTYPE, "%s: the index is %s, expected integers", op->name,
                       tp_dtype_name((tp_dtype)index->dtype));
    tp_dtype dtype = tp__promote((tp_var *[]){x, part}, 2);
    tp_var *in[] = {tp_to(x, dtype), tp_to(index, TP_I64), tp_to(part, dtype)};
    return tp_to(tp__apply(op, in, 3, (tp__attr){.integer = axis}, -1, NULL), dtype);
}

tp_var *tp_scatter_add(tp_var *x, int axis, tp_var *index, tp_var *part)
{
    return index_put_apply(&scatter_add_op, x, axis, index, part);
}

/* --- scatter: the last of several parts with one place is the one that stays --- */

static bool scatter_forward(tp__call *call)
{
    tp__copy_elements(call->out, call->in[0]);
    return index_put(call->out, (int)call->attr.integer, call->in[1], call->in[2], index_put_line);
}

/* 1 where a part stays. */
static tp_var *scatter_stays(const tp_var *x, int axis, tp_var *index)
{
    tp_var *number =
        tp_reshape(tp_arange(TP_I64, 0, (double)index->size, 1), index->ndim, tp__shape(index));
    tp_var *none = tp_zeros(TP_I64, x->ndim, tp__shape(x));
    return tp_eq(tp_gather(tp_scatter(none, axis, index, number), axis, index), number);
}

static void scatter_gradient(const tp__pull *pull)
{
    int axis = (int)pull->y->attr.integer;
    tp_var *index = pull->x[1];
    if (pull->wanted[0])
        pull->gx[0] = tp_scatter(pull->gy, axis, index, index_zeros(pull->x[2]));
    if (pull->wanted[2])
        pull->gx[2] =
            tp_where(scatter_stays(pull->x[0], axis, index), tp_gather(pull->gy, axis, index), 0);
}

static tp_var *scatter_sample(tp_var *const *x)
{
    return tp_scatter(x[0], 1, gather_sample_index(), x[1]);
}

static const tp__op scatter_op = {
    .label = "Scatter",
    .name = "scatter",
    .n_in = 3,
    .reads = {TP__READS_1, 0, TP__READS_1},
    .infer = scatter_add_infer,
    .forward = scatter_forward,
    .gradient = scatter_gradient,
    .taylor = scatter_add_taylor,
    .formula = "x, but y[i, index[i, j, k], k] = part[i, j, k], along axis 1",
    .rule = "x: scatter(gy, axis, index, 0); part: gather(gy, axis, index) where it stays, else 0",
    .samples =
        (const tp__sample[]){{"3,4; 2,2", scatter_sample, "x0.scatter(1, " INDEX_TORCH ", x1)"},
                             {0}},
};

tp_var *tp_scatter(tp_var *x, int axis, tp_var *index, tp_var *part)
{
    return index_put_apply(&scatter_op, x, axis, index, part);
}

/* --- Whole rows --- */

tp_var *tp_index_select(tp_var *x, int axis, tp_var *index)
{
    TP__CALL("index_select");
    TP__OPERANDS(x, index);
    if (!tp__check_operand("index_select", x) || !tp__check_operand("index_select", index) ||
        (axis = tp__check_axis("index_select", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (index->ndim != 1)
        return tp__refuse_shape("index_select", "the index", index, "one axis");
    int64_t column[TP_MAX_NDIM], shape[TP_MAX_NDIM];
    for (int d = 0; d < x->ndim; d++) {
        column[d] = d == axis ? index->size : 1;
        shape[d] = d == axis ? index->size : tp__shape(x)[d];
    }
    tp_var *wide = tp_broadcast_to(tp_reshape(index, x->ndim, column), x->ndim, shape);
    return tp_gather(x, axis, wide);
}

tp_var *tp_embedding(tp_var *index, tp_var *weight)
{
    TP__CALL("embedding");
    TP__OPERANDS(index, weight);
    if (!tp__check_operand("embedding", index) || !tp__check_operand("embedding", weight))
        return tp__poison();
    if (weight->ndim != 2)
        return tp__refuse_shape("embedding", "the weight", weight, "2 axes");
    if (index->ndim >= TP_MAX_NDIM)
        return tp__refuse_shape("embedding", "the index", index, "at most %d axes",
                                TP_MAX_NDIM - 1);
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, tp__shape(index), index->ndim * sizeof *shape);
    shape[index->ndim] = tp__shape(weight)[1];
    tp_var *flat = tp_reshape(index, TP_SHAPE(index->size));
    return tp_reshape(tp_index_select(weight, 0, flat), index->ndim + 1, shape);
}

static tp_var *index_select_sample(tp_var *const *x)
{
    return tp_index_select(x[0], 1, tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){2, 0, 2, 1})));
}

static tp_var *embedding_sample(tp_var *const *x)
{
    return tp_embedding(gather_sample_index(), x[0]);
}

static const tp__op index_select_op = {
    .label = "IndexSelect",
    .name = "index_select",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "rows of x by number, along an axis",
    .rule = "each row's gradients added up",
    .samples =
        (const tp__sample[]){
            {"2,3", index_select_sample, "x0.index_select(1, torch.tensor([2, 0, 2, 1]))"}, {0}},
};

static const tp__op embedding_op = {
    .label = "Embedding",
    .name = "embedding",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "weight[index]",
    .rule = "each row's gradients added up",
    .samples =
        (const tp__sample[]){{"3,2", embedding_sample, "F.embedding(" INDEX_TORCH ", x0)"}, {0}},
};

static const tp__op *const index_ops[] = {&gather_op,       &scatter_add_op, &scatter_op,
                                          &index_select_op, &embedding_op,   NULL};

const tp__family tp__family_gather = {"gather", "picking by index", index_ops};
