/* SPDX-License-Identifier: MIT
 *
 * Rows of a weight by number, of which some do not count, and their sums over bags. Which entry
 * belongs to which bag is worked out in numbers; what follows is picking rows and adding them.
 */
#include "base/features.h"

#include "array/array.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "nn/functional/functional.h"
#include "tinypytorch.h"

/* The row that a possibly negative number means; −1, with an error, if there is none. */
static int64_t bag_padding(const char *call, const tp_var *weight, int64_t padding)
{
    int64_t rows = tp__shape(weight)[0], row = padding < 0 ? padding + rows : padding;
    if (row >= 0 && row < rows)
        return row;
    tp_fail(TP_ERROR_ARGUMENT, "%s: padding_idx is %lld, expected one of %lld rows", call,
            (long long)padding, (long long)rows);
    return -1;
}

static bool bag_operands(const char *call, const tp_var *index, const tp_var *weight)
{
    if (!tp__check_operand(call, index) || !tp__check_operand(call, weight))
        return false;
    if (weight->ndim != 2) {
        tp__refuse_shape(call, "the weight", weight, "2 axes");
        return false;
    }
    if (!tp__is_float((tp_dtype)index->dtype))
        return true;
    tp_fail(TP_ERROR_DTYPE, "%s: the index is %s, expected integers", call,
            tp_dtype_name((tp_dtype)index->dtype));
    return false;
}

tp_var *tp_embedding_padded(tp_var *index, tp_var *weight, int64_t padding_idx)
{
    TP__CALL("embedding_padded");
    TP__OPERANDS(index, weight);
    if (!bag_operands("embedding_padded", index, weight))
        return tp__poison();
    int64_t row = bag_padding("embedding_padded", weight, padding_idx);
    tp_var *y = row < 0 ? tp__poison() : tp_embedding(index, weight);
    if (tp_is_poison(y))
        return y;
    tp_var *padding = tp_unsqueeze(tp_eq(index, row), -1);
    return tp_where(padding, tp_detach(y), y);
}

/* --- Bags --- */

/* The entries that count: how many, their numbers, rows of the weight, and bags. */
typedef struct bag_entries {
    int64_t n, bags;
    tp_var *entry, *row, *bag;
} bag_entries;

/* Where bag b of B ends; false if the offsets are not in order. */
static bool bag_ends(const tp_var *offsets, bool last, int64_t bags, int64_t n, int64_t *ends)
{
    const int64_t *at = offsets->data;
    bool good = offsets->size > 0 ? at[0] == 0 : n == 0;
    for (int64_t b = 0; good && b < bags; b++) {
        ends[b] = b + 1 < offsets->size ? at[b + 1] : n;
        good = ends[b] >= at[b] && ends[b] <= n;
    }
    return good && (!last || bags == 0 || ends[bags - 1] == n);
}

/* The end of each bag, (B) of int64; poison, with an error. */
static tp_var *bag_bounds(tp_var *index, tp_var *offsets, const tp_bag_options *o)
{
    static const char call[] = "embedding_bag";
    if (!offsets) {
        if (index->ndim != 2)
            return tp__refuse_shape(call, "the index", index, "(B, L), or offsets");
        int64_t rows = tp__shape(index)[0], length = tp__shape(index)[1];
        return tp_mul(tp_add(tp_arange(TP_I64, 0, (double)rows, 1), 1), length);
    }
    if (!tp__check_named(call, "offsets", offsets))
        return tp__poison();
    if (tp__is_float((tp_dtype)offsets->dtype))
        return tp_fail(TP_ERROR_DTYPE, "%s: the offsets are %s, expected integers", call,
                       tp_dtype_name((tp_dtype)offsets->dtype));
    if (index->ndim != 1 || offsets->ndim != 1 || (o->include_last_offset && offsets->size == 0)) {
        char of_offsets[TP__SHAPE_TEXT];
        return tp__refuse_shape(call, "the index", index, "(n), and offsets (B): they are %s",
                                tp__shape_text(of_offsets, offsets->ndim, tp__shape(offsets)));
    }
    int64_t bags = offsets->size - (o->include_last_offset ? 1 : 0);
    tp_var *plain = tp__plain(tp_to(offsets, TP_I64)), *ends = tp__empty(TP_I64, 1, &bags);
    if (tp_is_poison(plain) || tp_is_poison(ends))
        return tp__poison();
    if (!bag_ends(plain, o->include_last_offset, bags, index->size, ends->data))
        return tp_fail(TP_ERROR_ARGUMENT,
                       "%s: the offsets do not cut %lld entries into bags: expected 0 first, then "
                       "none below the one before or beyond the entries",
                       call, (long long)index->size);
    return ends;
}

static bool bag_sort(tp_var *index, const tp_var *ends, int64_t padding, bag_entries *to)
{
    const tp_var *plain = tp__plain(tp_to(index, TP_I64));
    ends = tp__plain((tp_var *)ends);
    to->entry = tp__empty(TP_I64, 1, &index->size);
    to->row = tp__empty(TP_I64, 1, &index->size);
    to->bag = tp__empty(TP_I64, 1, &index->size);
    if (tp_is_poison(plain) || tp_is_poison(ends) || tp_is_poison(to->entry) ||
        tp_is_poison(to->row) || tp_is_poison(to->bag))
        return false;
    const int64_t *rows = plain->data, *end = ends->data;
    to->n = 0;
    to->bags = ends->size;
    for (int64_t i = 0, bag = 0; i < index->size; i++) {
        while (bag < to->bags && i >= end[bag])
            bag++;
        if (rows[i] == padding || bag == to->bags)
            continue;
        ((int64_t *)to->entry->data)[to->n] = i;
        ((int64_t *)to->row->data)[to->n] = rows[i];
        ((int64_t *)to->bag->data)[to->n++] = bag;
    }
    to->entry = tp_slice(to->entry, 0, 0, to->n, 1);
    to->row = tp_slice(to->row, 0, 0, to->n, 1);
    to->bag = tp_slice(to->bag, 0, 0, to->n, 1);
    return !tp_is_poison(to->entry) && !tp_is_poison(to->row) && !tp_is_poison(to->bag);
}

/* For each bag and column the number among rows (n, D) of the largest, n where a bag is empty. */
static tp_var *bag_largest(const bag_entries *entries, tp_var *rows)
{
    int64_t width = tp__shape(rows)[1];
    tp_var *best = tp_full(TP_I64, TP_SHAPE(entries->bags, width), (double)entries->n);
    tp_var *plain = tp__plain(tp_to(tp_detach(rows), TP_F64)), *bags = tp__plain(entries->bag);
    int64_t *at = tp_is_poison(best) ? NULL : tp_data_(best);
    if (!at || tp_is_poison(plain) || tp_is_poison(bags))
        return best->size ? tp__poison() : best;
    const double *x = (const double *)(const void *)plain->data;
    for (int64_t i = 0; i < entries->n; i++)
        for (int64_t c = 0; c < width; c++) {
            int64_t *to = at + ((const int64_t *)bags->data)[i] * width + c;
            double most = *to < entries->n ? x[*to * width + c] : 0, own = x[i * width + c];
            if (*to == entries->n || own > most || (own != own && most == most))
                *to = i;
        }
    return best;
}

static tp_var *bag_max(const bag_entries *entries, tp_var *rows)
{
    tp_var *best = bag_largest(entries, rows);
    tp_var *none = tp_zeros((tp_dtype)rows->dtype, TP_SHAPE(1, tp__shape(rows)[1]));
    if (tp_is_poison(best) || tp_is_poison(none))
        return tp__poison();
    return tp_gather(tp_concatenate((tp_var *[]){rows, none}, 2, 0), 0, best);
}

static tp_var *bag_reduce(const bag_entries *entries, tp_var *rows, const tp_bag_options *o)
{
    if (o->mode == TP_BAG_MAX)
        return bag_max(entries, rows);
    if (o->weights) {
        tp_var *factors = tp_reshape(o->weights, TP_SHAPE(o->weights->size));
        factors = tp_index_select(factors, 0, entries->entry);
        rows = tp_mul(rows, tp_unsqueeze(factors, 1));
    }
    if (tp_is_poison(rows))
        return rows;
    tp_dtype dtype = (tp_dtype)rows->dtype;
    tp_var *none = tp_zeros(dtype, TP_SHAPE(entries->bags, tp__shape(rows)[1]));
    tp_var *sum = tp_index_add(none, 0, entries->bag, rows);
    if (o->mode == TP_BAG_SUM)
        return sum;
    tp_var *count = tp_index_add(tp_zeros(dtype, TP_SHAPE(entries->bags)), 0, entries->bag,
                                 tp_ones(dtype, TP_SHAPE(entries->n)));
    return tp_div(sum, tp_unsqueeze((tp_clamp)(count, tp_num(1), NULL), 1));
}

static bool bag_options(const tp_var *index, const tp_bag_options *given, tp_bag_options *o)
{
    static const char call[] = "embedding_bag";
    if (!tp__take_options(call, o, sizeof *o, given))
        return false;
    if ((unsigned)o->mode > TP_BAG_MAX) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: %d is not a mode", call, (int)o->mode);
        return false;
    }
    if (!o->weights)
        return true;
    if (!tp__check_named(call, "weights", o->weights))
        return false;
    if (o->mode != TP_BAG_SUM) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: weights are for a sum", call);
        return false;
    }
    if (tp__same_shape(o->weights, index->ndim, tp__shape(index)))
        return true;
    tp__refuse_shape(call, "weights", o->weights, "the shape of the index");
    return false;
}

tp_var *(tp_embedding_bag)(tp_var *index, tp_var *weight, tp_var *offsets,
                           const tp_bag_options *options)
{
    TP__CALL("embedding_bag");
    TP__OPERANDS(index, weight);
    TP__OPTIONAL(offsets);
    TP__IN_FLOAT32((tp_embedding_bag)(index, weight, offsets, options), &weight);
    tp_bag_options o = TP_OPTIONS(tp_bag_options);
    bag_entries entries;
    if (!bag_operands("embedding_bag", index, weight) || !bag_options(index, options, &o))
        return tp__poison();
    int64_t padding =
        o.padding_idx == INT64_MIN ? -1 : bag_padding("embedding_bag", weight, o.padding_idx);
    if (padding < 0 && o.padding_idx != INT64_MIN)
        return tp__poison();
    tp_var *ends = bag_bounds(index, offsets, &o);
    if (tp_is_poison(ends) || !bag_sort(index, ends, padding, &entries))
        return tp__poison();
    tp_var *rows = tp_index_select(tp__floating(weight), 0, entries.row);
    return tp_is_poison(rows) ? rows : bag_reduce(&entries, rows, &o);
}

/* --- Records, for tests and the list of operations --- */

static tp_var *bag_index(void)
{
    return tp_array(TP_I64, TP_SHAPE(2, 3), ((int64_t[]){0, 2, 2, 1, 0, 1}));
}

static tp_var *bag_numbers(void)
{
    return tp_array(TP_I64, TP_SHAPE(6), ((int64_t[]){0, 2, 2, 1, 0, 1}));
}

static tp_var *bag_offsets(void)
{
    return tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){0, 2, 2, 5}));
}

#define BAG_INDEX "torch.tensor([[0, 2, 2], [1, 0, 1]])"
/* of 2 axes and no more */
#define BAG_ROWS "x0.mm(torch.eye(x0.size(1)).to(x0))"
#define BAG_CUT "torch.tensor([0, 2, 2, 1, 0, 1]), " BAG_ROWS ", torch.tensor([0, 2, 2, 5])"

static tp_var *embedding_bag_sample_mean(tp_var *const *x)
{
    return tp_embedding_bag(bag_numbers(), x[0], bag_offsets(), .padding_idx = 2);
}

static tp_var *embedding_bag_sample_sum(tp_var *const *x)
{
    return tp_embedding_bag(bag_numbers(), x[0], bag_offsets(), .mode = TP_BAG_SUM);
}

static tp_var *embedding_bag_sample_weights(tp_var *const *x)
{
    return tp_embedding_bag(bag_index(), x[0], NULL, .mode = TP_BAG_SUM,
                            .weights = tp_add(x[1], 0));
}

static tp_var *embedding_bag_sample_max(tp_var *const *x)
{
    return tp_embedding_bag(bag_numbers(), x[0], bag_offsets(), .mode = TP_BAG_MAX);
}

static const tp__op embedding_bag_op = {
    .label = "EmbeddingBag",
    .name = "embedding_bag",
    .n_in = 2,
    .flags = TP__COMPOSITE,
    .formula = "mean, sum or largest of each bag's rows of the weight",
    .rule = "from its formula",
    .domain = TP__DISTINCT,
    .samples =
        (const tp__sample[]){
            {"3,2", embedding_bag_sample_mean, "F.embedding_bag(" BAG_CUT ", padding_idx=2)"},
            {"3,2", embedding_bag_sample_sum, "F.embedding_bag(" BAG_CUT ", mode='sum')"},
            {"3,2; 2,3", embedding_bag_sample_weights,
             "(" BAG_ROWS "[" BAG_INDEX "] * x1[..., None]).sum(1)"},
            {"3,2", embedding_bag_sample_max, "F.embedding_bag(" BAG_CUT ", mode='max')"},
            {0}},
};

/* clang-format off */
TP__FUNCTION_RECORD(EmbeddingPadded, embedding_padded, 1, "weight[index], of which one row is constant", TP__ANYWHERE, "4,2", tp_embedding_padded(bag_index(), x[0], -1), "F.embedding(" BAG_INDEX ", " BAG_ROWS ")")
/* clang-format on */

static const tp__op *const bag_ops[] = {&embedding_bag_op, &embedding_padded_op, NULL};

const tp__family tp__family_bags = {"bags", "rows by number", bag_ops};
