/* SPDX-License-Identifier: MIT
 *
 * Functions over gather and scatter_add: what differs is only which indices they make. Gradients of
 * every order follow.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "ops/families.h"
#include "ops/shape/index.h"
#include "tinypytorch.h"

/* --- By numbers in row-major order --- */

/* index in one axis, in which numbers that count from the end of size elements count from 0. */
static tp_var *pick_places(tp_var *index, int64_t size)
{
    tp_var *from = tp__plain(tp_to(index, TP_I64));
    if (tp_is_poison(from) || from->size == 0 || tp_item(tp_min(from)) >= 0)
        return tp_reshape(from, TP_SHAPE(tp_size(from)));
    tp_var *to = tp__empty(TP_I64, TP_SHAPE(from->size));
    if (tp_is_poison(to))
        return to;
    const int64_t *at = from->data;
    for (int64_t i = 0; i < from->size; i++)
        ((int64_t *)to->data)[i] = at[i] + (at[i] < 0 && at[i] >= -size ? size : 0);
    return to;
}

tp_var *tp_take(tp_var *x, tp_var *index)
{
    TP__CALL("take");
    TP__OPERANDS(x, index);
    if (!tp__check_operand("take", x) || !tp__check_operand("take", index))
        return tp__poison();
    tp_var *flat = tp_reshape(x, TP_SHAPE(x->size));
    tp_var *places = tp__is_float((tp_dtype)index->dtype) ? tp_reshape(index, TP_SHAPE(index->size))
                                                          : pick_places(index, x->size);
    if (tp_is_poison(places))
        return places;
    tp_var *y = tp_gather(flat, 0, places);
    return tp_is_poison(y) ? y : tp_reshape(y, index->ndim, tp__shape(index));
}

/* A byte for each element, 0 where it is 0; how many are not. */
static tp_var *pick_truth(tp_var *x, int64_t *count)
{
    x = tp_detach(x);
    tp_var *truth = tp__plain(tp__dtype_size((tp_dtype)x->dtype) == 1 ? x : tp_ne(x, 0));
    if (!tp_is_poison(truth))
        *count = (int64_t)tp_item((tp_count_nonzero)(truth, NULL));
    return truth;
}

/* Writes the place of each true element of a line of n, and goes on to the next row of `to` behind
 * it, without asking first. There are `left` of them, here and in the lines that follow. */
static int64_t pick_line(int64_t n, const uint8_t *truth, int64_t left, int64_t first, int64_t row,
                         int64_t *to)
{
    int64_t found = 0;
    for (int64_t i = 0; i < n && found < left; i++) {
        to[found * row] = first + i;
        found += truth[i] != 0;
    }
    return found;
}

/* The row-major numbers of elements that are not 0. */
static tp_var *pick_nonzero(tp_var *x)
{
    size_t scope = tp_scope_begin();
    int64_t count = 0;
    tp_var *truth = pick_truth(x, &count), *y = truth;
    if (!tp_is_poison(truth)) {
        y = tp__empty(TP_I64, TP_SHAPE(count));
        if (!tp_is_poison(y))
            pick_line(truth->size, truth->data, count, 0, 1, y->data);
        y = tp_leave(y);
    }
    tp_scope_end(scope);
    return y;
}

/* Lines along the last axis; the other places of the elements found in one are those of the line.
 */
static void pick_places_of(const tp_var *truth, int64_t count, int64_t *to)
{
    const int64_t *shape = tp__shape(truth);
    const int last = truth->ndim - 1;
    int64_t place[TP_MAX_NDIM] = {0}, size = shape[last];
    const uint8_t *line = truth->data;
    for (; count > 0; line += size) {
        int64_t some = pick_line(size, line, count, 0, last + 1, to + last);
        count -= some;
        for (; some > 0; some--, to += last + 1)
            for (int d = 0; d < last; d++)
                to[d] = place[d];
        for (int d = last - 1; d >= 0 && ++place[d] == shape[d]; d--)
            place[d] = 0;
    }
}

tp_var *tp_nonzero(tp_var *x)
{
    TP__CALL("nonzero");
    TP__OPERANDS(x);
    if (!tp__check_operand("nonzero", x))
        return tp__poison();
    size_t scope = tp_scope_begin();
    int64_t count = 0;
    tp_var *truth = pick_truth(x, &count), *y = truth;
    if (!tp_is_poison(truth)) {
        y = tp__empty(TP_I64, TP_SHAPE(count, truth->ndim));
        if (!tp_is_poison(y) && truth->ndim)
            pick_places_of(truth, count, y->data);
        y = tp_leave(y);
    }
    tp_scope_end(scope);
    return y;
}

tp_var *tp_masked_select(tp_var *x, tp_var *mask)
{
    TP__CALL("masked_select");
    TP__OPERANDS(x, mask);
    if (!tp__check_operand("masked_select", x) || !tp__check_operand("masked_select", mask))
        return tp__poison();
    int ndim = x->ndim;
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    if (!tp__broadcast_shape(&ndim, shape, mask->ndim, tp__shape(mask))) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "masked_select: shapes %s and %s do not broadcast",
                       tp__shape_text(a, x->ndim, tp__shape(x)),
                       tp__shape_text(b, mask->ndim, tp__shape(mask)));
    }
    tp_var *chosen = pick_nonzero(tp_broadcast_to(mask, ndim, shape));
    if (tp_is_poison(chosen))
        return chosen;
    tp_var *wide = tp_broadcast_to(x, ndim, shape);
    return tp_is_poison(wide) ? wide : tp_gather(tp_reshape(wide, TP_SHAPE(wide->size)), 0, chosen);
}

/* --- Along an axis --- */

tp_var *tp_index_add(tp_var *x, int axis, tp_var *index, tp_var *part)
{
    TP__CALL("index_add");
    TP__OPERANDS(x, index, part);
    if (!tp__check_operand("index_add", x) || !tp__check_operand("index_add", index) ||
        !tp__check_operand("index_add", part) ||
        (axis = tp__check_axis("index_add", axis, x, x->ndim)) < 0)
        return tp__poison();
    tp_var *wide = tp__index_of_rows("index_add", x, axis, index);
    return tp_is_poison(wide) ? wide : tp_scatter_add(x, axis, wide, part);
}

/* The place that stands for one outside of an axis of n elements. */
static int64_t pick_inside(tp_pad_mode mode, int64_t i, int64_t n)
{
    if (mode == TP_PAD_CIRCULAR)
        return (i % n + n) % n;
    if (mode == TP_PAD_REPLICATE)
        return i < 0 ? 0 : i >= n ? n - 1 : i;
    return i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i;
}

tp_var *tp_pad_by(tp_var *x, int axis, int64_t before, int64_t after, tp_pad_mode mode)
{
    TP__CALL("pad_by");
    TP__OPERANDS(x);
    if (!tp__check_operand("pad_by", x) || (axis = tp__check_axis("pad_by", axis, x, x->ndim)) < 0)
        return tp__poison();
    int64_t n = tp__shape(x)[axis];
    int64_t most = mode == TP_PAD_REFLECT ? n - 1 : mode == TP_PAD_CIRCULAR ? n : INT32_MAX;
    if (before < 0 || after < 0 || before > most || after > most || n == 0)
        return tp_fail(
            TP_ERROR_ARGUMENT,
            "pad_by: %lld before and %lld after axis %d of size %lld do not fit its mode",
            (long long)before, (long long)after, axis, (long long)n);
    tp_var *index = tp_zeros(TP_I64, TP_SHAPE(before + n + after));
    int64_t *at = tp_data_(index);
    for (int64_t i = 0; at && i < index->size; i++)
        at[i] = pick_inside(mode, i - before, n);
    return tp_index_select(x, axis, index);
}

/* --- Diagonals --- */

/* The numbers of the elements on diagonal k of an (m, n) matrix. */
static tp_var *pick_diagonal(int64_t m, int64_t n, int64_t k)
{
    k = k < -m ? -m : k > n ? n : k;
    int64_t row = k < 0 ? -k : 0, column = k > 0 ? k : 0;
    int64_t length = m - row < n - column ? m - row : n - column;
    length = length > 0 ? length : 0;
    tp_var *step = tp_mul(tp_arange(TP_I64, 0, (double)length, 1), n + 1);
    return tp_add(step, row * n + column);
}

/* x with its last two axes as one. */
static tp_var *pick_flat_matrices(tp_var *x)
{
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, tp__shape(x), (size_t)(x->ndim - 2) * sizeof *shape);
    shape[x->ndim - 2] = tp__shape(x)[x->ndim - 2] * tp__shape(x)[x->ndim - 1];
    return tp_reshape(x, x->ndim - 1, shape);
}

tp_var *tp_diagonal(tp_var *x, int64_t k)
{
    TP__CALL("diagonal");
    TP__OPERANDS(x);
    if (!tp__check_operand("diagonal", x))
        return tp__poison();
    if (x->ndim < 2)
        return tp__refuse_shape("diagonal", "x", x, "2 axes or more");
    const int64_t *last = tp__shape(x) + x->ndim - 2;
    return tp_index_select(pick_flat_matrices(x), -1, pick_diagonal(last[0], last[1], k));
}

tp_var *tp_diag_embed(tp_var *x, int64_t k)
{
    TP__CALL("diag_embed");
    TP__OPERANDS(x);
    if (!tp__check_operand("diag_embed", x))
        return tp__poison();
    if (x->ndim < 1 || x->ndim >= TP_MAX_NDIM)
        return tp__refuse_shape("diag_embed", "x", x, "1 to %d axes", TP_MAX_NDIM - 1);
    int64_t shape[TP_MAX_NDIM], n = tp__shape(x)[x->ndim - 1];
    if (k < -INT32_MAX || k > INT32_MAX || n > INT32_MAX)
        return tp_fail(TP_ERROR_ARGUMENT,
                       "diag_embed: %lld elements on diagonal %lld, expected at "
                       "most %d of each",
                       (long long)n, (long long)k, INT32_MAX);
    n += k < 0 ? -k : k;
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    shape[x->ndim - 1] = n * n;
    tp_var *flat = tp_zeros((tp_dtype)x->dtype, x->ndim, shape);
    tp_var *y = tp_index_add(flat, -1, pick_diagonal(n, n, k), x);
    shape[x->ndim - 1] = shape[x->ndim] = n;
    return tp_is_poison(y) ? y : tp_reshape(y, x->ndim + 1, shape);
}

/* --- Records, for tests and the list of operations --- */

static tp_var *pick_index(void)
{
    return tp_array(TP_I64, TP_SHAPE(2, 2), ((int64_t[]){3, 0, 5, 3}));
}

static tp_var *pick_row_index(void)
{
    return tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){2, 0, 2}));
}

#define PICK_RECORD(label_, name_, operands, formula_, rule_, shapes, call_, torch_)               \
    static tp_var *name_##_sample(tp_var *const *x)                                                \
    {                                                                                              \
        return call_;                                                                              \
    }                                                                                              \
    static const tp__op name_##_op = {                                                             \
        .label = #label_,                                                                          \
        .name = #name_,                                                                            \
        .n_in = operands,                                                                          \
        .flags = TP__COMPOSITE,                                                                    \
        .formula = formula_,                                                                       \
        .rule = rule_,                                                                             \
        .domain = TP__NOT_ZERO,                                                                    \
        .samples = (const tp__sample[]){{shapes, name_##_sample, torch_}, {0}},                    \
    };

/* clang-format off */
PICK_RECORD(Take, take, 1, "elements by their row-major number", "gy added where each came from", "2,3", tp_take(x[0], pick_index()), "x0.take(torch.tensor([[3, 0], [5, 3]]))")
PICK_RECORD(MaskedSelect, masked_select, 1, "the elements where mask, in a row", "gy where they came from", "2,3", tp_masked_select(x[0], tp_gt(tp_detach(x[0]), 0)), "x0.masked_select(x0 > 0)")
PICK_RECORD(IndexAdd, index_add, 2, "x with rows of part added to rows by number", "x: gy; part: index_select(gy)", "4,2; 3,2", tp_index_add(x[0], 0, pick_row_index(), x[1]), "x0.index_add(0, torch.tensor([2, 0, 2]), x1)")
PICK_RECORD(PadBy, pad_by, 1, "x with its own elements around it", "gy added where each came from", "2,4", tp_pad_by(x[0], 1, 2, 1, TP_PAD_REFLECT), "torch.cat((x0.narrow(1, 1, 2).flip(1), x0, x0.narrow(1, x0.size(1) - 2, 1)), 1)")
PICK_RECORD(Diagonal, diagonal, 1, "the elements of diagonal k of the last two axes", "gy on the diagonal, 0 elsewhere", "3,4", tp_diagonal(x[0], 1), "x0.diagonal(1, -2, -1)")
PICK_RECORD(DiagEmbed, diag_embed, 1, "x on diagonal k, 0 elsewhere", "diagonal(gy, k)", "2,3", tp_diag_embed(x[0], -1), "torch.diag_embed(x0, -1)")
/* clang-format on */

static const tp__op *const pick_ops[] = {&take_op,     &masked_select_op, &index_add_op, &pad_by_op,
                                         &diagonal_op, &diag_embed_op,    NULL};

const tp__family tp__family_take = {"take", "picking over gather and scatter_add", pick_ops};
