/* SPDX-License-Identifier: MIT
 *
 * Scans and sorting along an axis. Positions are records of their own, without a gradient; sorted
 * values are gathered by them.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/parallel.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "ops/families.h"
#include "ops/line.h"
#include "tinypytorch.h"

/* --- Lines: the elements along one axis --- */

typedef struct order_lines {
    int64_t length, stride; /* of a line, in elements */
    int64_t inner, count;   /* lines that lie side by side; all lines */
} order_lines;

/* The lines of a row-major array. */
static order_lines order_lines_of(int ndim, const int64_t *shape, int axis)
{
    order_lines lines = {.length = shape[axis], .stride = 1, .count = 1};
    for (int i = 0; i < ndim; i++) {
        lines.stride *= i > axis ? shape[i] : 1;
        lines.count *= i != axis ? shape[i] : 1;
    }
    lines.inner = lines.stride;
    return lines;
}

/* The first element of line i. */
static int64_t order_first(const order_lines *lines, int64_t i)
{
    return i / lines->inner * lines->inner * lines->length + i % lines->inner;
}

/* --- cumsum; backwards it is its own gradient --- */

enum { CUMSUM_BACKWARDS = 8 };

static bool cumsum_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_I64;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

/* Lines that lie side by side, up to CUMSUM_SIDE at a time, are summed together: their sums do not
 * wait for each other, and rows are read as they lie in memory. */
enum { CUMSUM_SIDE = 1024, CUMSUM_AHEAD = 4, CUMSUM_PIECE = 120 };

#define CUMSUM_LINES(name, Type, Sum)                                                              \
    static void name##_side(const order_lines *lines, int64_t width, Type *row, bool backwards)    \
    {                                                                                              \
        const int64_t length = lines->length, step = backwards ? -lines->stride : lines->stride;   \
        Sum sum[CUMSUM_SIDE] = {0};                                                                \
        row += backwards ? (length - 1) * lines->stride : 0;                                       \
        for (int64_t k = 0; k < length; k++, row += step)                                          \
            for (int64_t j = 0; j < width; j++) {                                                  \
                sum[j] += (Sum)row[j];                                                             \
                row[j] = (Type)sum[j];                                                             \
            }                                                                                      \
    }                                                                                              \
                                                                                                   \
    /* Lines one after the other, by way of pieces: elements of lines that are a power of two long \
     * would hinder each other in the cache. */                                                    \
    TP_INLINE void name##_ahead(const order_lines *lines, const int rows, Type *at,                \
                                bool backwards)                                                    \
    {                                                                                              \
        const int64_t length = lines->length;                                                      \
        Sum sum[CUMSUM_AHEAD] = {0};                                                               \
        Type piece[CUMSUM_AHEAD][CUMSUM_PIECE];                                                    \
        for (int64_t done = 0, n; done < length; done += n) {                                      \
            n = length - done < CUMSUM_PIECE ? length - done : CUMSUM_PIECE;                       \
            Type *from = at + (backwards ? length - done - n : done);                              \
            for (int64_t k = 0; k < n; k++) {                                                      \
                int64_t place = backwards ? n - 1 - k : k;                                         \
                for (int j = 0; j < rows; j++) {                                                   \
                    sum[j] += (Sum)from[j * length + place];                                       \
                    piece[j][place] = (Type)sum[j];                                                \
                }                                                                                  \
            }                                                                                      \
            for (int j = 0; j < rows; j++)                                                         \
                memcpy(from + j * length, piece[j], (size_t)n * sizeof(Type));                     \
        }                                                                                          \
    }                                                                                              \
                                                                                                   \
    static void name(const order_lines *lines, void *data, bool backwards)                         \
    {                                                                                              \
        Type *at = data;                                                                           \
        int64_t i = 0, inner = lines->inner, step = inner > 1 ? CUMSUM_SIDE : CUMSUM_AHEAD;        \
        for (int64_t n; i < lines->count; i += n) {                                                \
            int64_t left = inner > 1 ? inner - i % inner : lines->count - i;                       \
            n = left < step ? left : step;                                                         \
            n = inner > 1 || n == CUMSUM_AHEAD ? n : 1;                                            \
            if (inner > 1)                                                                         \
                name##_side(lines, n, at + order_first(lines, i), backwards);                      \
            else if (n > 1)                                                                        \
                name##_ahead(lines, CUMSUM_AHEAD, at + order_first(lines, i), backwards);          \
            else                                                                                   \
                name##_ahead(lines, 1, at + order_first(lines, i), backwards);                     \
        }                                                                                          \
    }

CUMSUM_LINES(cumsum_f32, float, double)
CUMSUM_LINES(cumsum_f64, double, double)
CUMSUM_LINES(cumsum_i64, int64_t, uint64_t)

static bool cumsum_forward(tp__call *call)
{
    tp__copy_elements(call->out, call->in[0]);
    bool backwards = call->attr.integer & CUMSUM_BACKWARDS;
    int axis = (int)call->attr.integer & (CUMSUM_BACKWARDS - 1);
    order_lines lines = order_lines_of(call->ndim, call->shape, axis);
    if (call->dtype == TP_F32)
        cumsum_f32(&lines, call->out->data, backwards);
    else if (call->dtype == TP_F64)
        cumsum_f64(&lines, call->out->data, backwards);
    else
        cumsum_i64(&lines, call->out->data, backwards);
    return true;
}

static tp_var *cumsum_apply(tp_var *x, int64_t attr);

static void cumsum_gradient(const tp__pull *pull)
{
    pull->gx[0] = cumsum_apply(pull->gy, pull->y->attr.integer ^ CUMSUM_BACKWARDS);
}

static tp_var *cumsum_sample(tp_var *const *x)
{
    return tp_cumsum(x[0], 1);
}

static tp_var *cumsum_sample_first(tp_var *const *x)
{
    return tp_cumsum(x[0], 0);
}

static const tp__op cumsum_op = {
    .label = "CumSum",
    .name = "cumsum",
    .n_in = 1,
    .flags = TP__LINEAR,
    .infer = cumsum_infer,
    .forward = cumsum_forward,
    .gradient = cumsum_gradient,
    .formula = "y[i] = x[0] + … + x[i], along an axis",
    .rule = "the sums of gy from the other end",
    .samples = (const tp__sample[]){{"2,3", cumsum_sample, "x0.cumsum(1)"},
                                    {"3,2", cumsum_sample_first, "x0.cumsum(0)"},
                                    {0}},
};

static tp_var *cumsum_apply(tp_var *x, int64_t attr)
{
    return tp__apply(&cumsum_op, &x, 1, (tp__attr){.integer = attr}, -1, NULL);
}

tp_var *tp_cumsum(tp_var *x, int axis)
{
    TP__CALL("cumsum");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_cumsum(x, axis));
    if (!tp__check_operand("cumsum", x) || (axis = tp__check_axis("cumsum", axis, x, x->ndim)) < 0)
        return tp__poison();
    return cumsum_apply(x, axis);
}

/* --- cumprod: each doubling of the reach multiplies by the array moved on; right with zeros --- */

tp_var *tp_cumprod(tp_var *x, int axis)
{
    TP__CALL("cumprod");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_cumprod(x, axis));
    TP__IN_FLOAT32(tp_cumprod(x, axis), &x);
    if (!tp__check_operand("cumprod", x) ||
        (axis = tp__check_axis("cumprod", axis, x, x->ndim)) < 0)
        return tp__poison();
    tp_var *y = tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_I64);
    int64_t n = tp__shape(x)[axis];
    for (int64_t reach = 1; reach < n && !tp_is_poison(y); reach *= 2) {
        tp_var *moved = tp_mul(tp_slice(y, axis, reach, n, 1), tp_slice(y, axis, 0, n - reach, 1));
        y = tp_concatenate((tp_var *[]){tp_slice(y, axis, 0, reach, 1), moved}, 2, axis);
    }
    return tp__fresh(y, x);
}

/* --- argsort: a stable merge sort of each line; NaN is larger than all --- */

enum { ARGSORT_DESCENDING = 8 };

typedef struct argsort_job {
    const int64_t *keys;
    bool descending;
} argsort_job;

/* An integer in the order of the elements: a float's bits are, but for those of negative ones. */
static int64_t argsort_key(tp_dtype dtype, const char *at)
{
    if (dtype == TP_I64)
        return *(const int64_t *)(const void *)at;
    double value = tp__read_element(dtype, at) + 0.0;
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? INT64_MAX : bits < 0 ? bits ^ INT64_MAX : bits;
}

static bool argsort_goes_first(const argsort_job *job, int64_t b, int64_t a)
{
    return job->descending ? job->keys[b] > job->keys[a] : job->keys[b] < job->keys[a];
}

/* Sorts n positions, from and to in turn; the result is in the one returned. */
static int64_t *argsort_line(const argsort_job *job, int64_t n, int64_t *from, int64_t *to)
{
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t start = 0; start < n; start += 2 * width) {
            int64_t middle = start + width < n ? start + width : n;
            int64_t end = middle + width < n ? middle + width : n, a = start, b = middle;
            for (int64_t k = start; k < end; k++) {
                bool second = a == middle || (b < end && argsort_goes_first(job, from[b], from[a]));
                to[k] = second ? from[b++] : from[a++];
            }
        }
        int64_t *other = from;
        from = to;
        to = other;
    }
    return from;
}

static bool argsort_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    call->dtype = TP_I64;
    call->ndim = x->ndim;
    memcpy(call->shape, tp__shape(x), x->ndim * sizeof *call->shape);
    return true;
}

static bool argsort_run(tp__call *call, const tp_var *x)
{
    int axis = (int)call->attr.integer & (ARGSORT_DESCENDING - 1);
    order_lines lines = order_lines_of(call->ndim, call->shape, axis);
    size_t n = (size_t)lines.length;
    int64_t *keys = tp__alloc(3 * n * sizeof *keys);
    if (!keys)
        return false;
    int64_t *room = keys + n, *out = call->out->data;
    argsort_job job = {keys, call->attr.integer & ARGSORT_DESCENDING};
    size_t item = tp__dtype_size(x->dtype);
    for (int64_t i = 0; i < lines.count; i++) {
        int64_t first = order_first(&lines, i);
        for (int64_t k = 0; k < lines.length; k++) {
            const char *at = (const char *)x->data + (size_t)(first + k * lines.stride) * item;
            keys[k] = argsort_key((tp_dtype)x->dtype, at);
            room[k] = k;
        }
        const int64_t *sorted = argsort_line(&job, lines.length, room, room + n);
        for (int64_t k = 0; k < lines.length; k++)
            out[first + k * lines.stride] = sorted[k];
    }
    tp__free(keys);
    return true;
}

static bool argsort_forward(tp__call *call)
{
    if (call->out->size == 0)
        return true;
    size_t scope = tp_scope_begin();
    tp_var *plain = tp__plain(call->in[0]);
    bool good = !tp_is_poison(plain) && argsort_run(call, plain);
    tp_scope_end(scope);
    return good;
}

static tp_var *argsort_sample(tp_var *const *x)
{
    return tp_argsort(x[0], 1, false);
}

static tp_var *argsort_sample_descending(tp_var *const *x)
{
    return tp_argsort(x[0], 0, true);
}

static const tp__op argsort_op = {
    .label = "ArgSort",
    .name = "argsort",
    .n_in = 1,
    .infer = argsort_infer,
    .forward = argsort_forward,
    .formula = "the positions that sort x along an axis",
    .rule = "none",
    .domain = TP__DISTINCT,
    .samples = (const tp__sample[]){{"2,3", argsort_sample, "x0.sort(dim=1, stable=True)[1]"},
                                    {"3,2", argsort_sample_descending,
                                     "x0.sort(dim=0, descending=True, stable=True)[1]"},
                                    {0}},
};

tp_var *tp_argsort(tp_var *x, int axis, bool descending)
{
    TP__CALL("argsort");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_argsort(x, axis, descending));
    if (!tp__check_operand("argsort", x) ||
        (axis = tp__check_axis("argsort", axis, x, x->ndim)) < 0)
        return tp__poison();
    tp__attr attr = {.integer = axis | (descending ? ARGSORT_DESCENDING : 0)};
    return tp__apply(&argsort_op, &x, 1, attr, -1, NULL);
}

tp_var *tp_sort(tp_var *x, int axis, bool descending, tp_var **positions)
{
    TP__CALL("sort");
    TP__OPERANDS(x);
    if (tp__has_axes(x, 0)) {
        tp_var *y = tp__as_number(tp_sort(tp_reshape(x, TP_SHAPE(1)), axis, descending, positions));
        if (positions)
            *positions = tp__as_number(*positions);
        return y;
    }
    tp_var *order = tp_argsort(x, axis, descending);
    if (positions)
        *positions = order;
    return tp_is_poison(order) ? order : tp_gather(x, axis, order);
}

tp_var *tp_topk(tp_var *x, int64_t k, int axis, bool largest, tp_var **positions)
{
    TP__CALL("topk");
    TP__OPERANDS(x);
    if (k == 1 && tp__has_axes(x, 0)) {
        tp_var *y = tp__as_number(tp_topk(tp_reshape(x, TP_SHAPE(1)), 1, axis, largest, positions));
        if (positions)
            *positions = tp__as_number(*positions);
        return y;
    }
    if (positions)
        *positions = tp__poison();
    if (!tp__check_operand("topk", x) || (axis = tp__check_axis("topk", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (k < 0 || k > tp__shape(x)[axis])
        return tp_fail(TP_ERROR_ARGUMENT, "topk: %lld elements of axis %d of size %lld",
                       (long long)k, axis, (long long)tp__shape(x)[axis]);
    tp_var *first = tp_slice(tp_argsort(x, axis, largest), axis, 0, k, 1);
    if (positions)
        *positions = first;
    return tp_is_poison(first) ? first : tp_gather(x, axis, first);
}

tp_var *tp_median(tp_var *x, int axis)
{
    TP__CALL("median");
    TP__OPERANDS(x);
    TP__OF_LINE(x, tp_median(x, axis));
    if (!tp__check_operand("median", x) || (axis = tp__check_axis("median", axis, x, x->ndim)) < 0)
        return tp__poison();
    if (tp__shape(x)[axis] == 0)
        return tp__refuse_shape("median", "x", x, "elements along axis %d", axis);
    int64_t n = tp__shape(x)[axis];
    tp_var *sorted = tp_sort(x, axis, false, NULL);
    tp_var *middle = tp_select(sorted, axis, (n - 1) / 2);
    if (tp_is_poison(middle) || !tp__is_float((tp_dtype)x->dtype))
        return middle;
    tp_var *last = tp_select(sorted, axis, n - 1); /* NaN if there is one */
    return tp_where(tp_isnan(last), last, middle);
}

/* --- Records, for tests and the list of operations --- */

#define ORDER_RECORD(label_, name_, formula_, shapes, call_, torch_)                               \
    static tp_var *name_##_sample(tp_var *const *x)                                                \
    {                                                                                              \
        return call_;                                                                              \
    }                                                                                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = 1,                                                                                 \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = "from its formula",                                                                \
        .domain = TP__DISTINCT,                                                                    \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

/* clang-format off */
ORDER_RECORD(CumProd, cumprod, "y[i] = x[0] · … · x[i], along an axis", "2,4", tp_cumprod(x[0], 1), "x0.cumprod(1)")
ORDER_RECORD(Sort, sort, "x in ascending order along an axis", "2,3", tp_sort(x[0], 1, false, NULL), "x0.sort(dim=1, stable=True)[0]")
ORDER_RECORD(TopK, topk, "the k largest along an axis, in order", "2,4", tp_topk(x[0], 1, 1, true, NULL), "x0.topk(1, 1)[0]")
ORDER_RECORD(Median, median, "the middle of x in order, the lower of two", "2,4", tp_median(x[0], 1), "x0.sort(dim=1, stable=True)[0].select(1, (x0.size(1) - 1) // 2)")
/* clang-format on */

static const tp__op *const order_ops[] = {&cumsum_op, &cumprod_op, &argsort_op, &sort_op,
                                          &topk_op,   &median_op,  NULL};

const tp__family tp__family_scan_sort = {"scan_sort", "scans and sorting", order_ops};
