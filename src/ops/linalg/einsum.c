/* SPDX-License-Identifier: MIT
 *
 * Sums of products in index notation. Operands are joined two at a time, the cheapest pair first,
 * each join a batched product of matrices, or an elementwise one if nothing is summed over. A
 * composite: gradients are sums of products again.
 *
 * Sets of labels (ops/linalg/einsum_text.h) are bits of one number. Between joins no operand has an
 * axis of size 1 for a label that is longer elsewhere, or a label twice.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/structural.h"
#include "ops/families.h"
#include "ops/linalg/einsum_text.h"
#include "ops/linalg/matrices.h"
#include "tinypytorch.h"

/* --- Diagonals: axes of one label --- */

/* attr: axis a, which stays in its place, and axis b, which goes. */
static bool einsum_diagonal_infer(tp__call *call)
{
    const tp_var *x = call->in[0];
    int64_t a = call->attr.integer & 15, b = call->attr.integer >> 4;
    call->dtype = (tp_dtype)x->dtype;
    call->view = true;
    call->ndim = 0;
    for (int i = 0; i < x->ndim; i++)
        if (i != b) {
            call->shape[call->ndim] = tp__shape(x)[i];
            call->strides[call->ndim++] = tp__strides(x)[i] + (i == a ? tp__strides(x)[b] : 0);
        }
    return true;
}

/* The operand is the diagonal; the result, of a shape that is told, is zero elsewhere. */
static bool einsum_spread_infer(tp__call *call)
{
    call->dtype = (tp_dtype)call->in[0]->dtype;
    return true;
}

static bool einsum_spread_forward(tp__call *call)
{
    int64_t a = call->attr.integer & 15, b = call->attr.integer >> 4;
    int64_t strides[TP_MAX_NDIM];
    tp_var *y = call->out, *x = call->in[0];
    memset(y->data, 0, (size_t)y->size * tp__dtype_size(y->dtype));
    for (int i = 0, n = 0; i < y->ndim; i++)
        if (i != b)
            strides[n++] = tp__strides(y)[i] + (i == a ? tp__strides(y)[b] : 0);
    tp_var *places = tp__node_view(tp__here(), y, x->ndim, tp__shape(x), strides, 0);
    if (!places)
        return false;
    tp__copy_elements(places, x);
    tp__drop(places);
    return true;
}

static void einsum_diagonal_gradient(const tp__pull *pull);
static void einsum_spread_gradient(const tp__pull *pull);

static tp_var *einsum_sample_diagonal(tp_var *const *x)
{
    return tp_einsum("iji->ij", x, 1);
}

static tp_var *einsum_sample_spread(tp_var *const *x);

static const tp__op einsum_diagonal_op = {
    .label = "Diagonal",
    .name = "einsum_diagonal",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = einsum_diagonal_infer,
    .gradient = einsum_diagonal_gradient,
    .formula = "the elements of x where axes have one index",
    .rule = "gy on the diagonal, 0 elsewhere",
    .samples =
        (const tp__sample[]){{"3,2,3", einsum_sample_diagonal, "torch.einsum('iji->ij', x0)"}, {0}},
};

static const tp__op einsum_spread_op = {
    .label = "DiagonalScatter",
    .name = "einsum_spread",
    .n_in = 1,
    .flags = TP__LINEAR | TP__MOVES,
    .infer = einsum_spread_infer,
    .forward = einsum_spread_forward,
    .gradient = einsum_spread_gradient,
    .formula = "x on the diagonal of repeated axes, 0 elsewhere",
    .rule = "the diagonal of gy",
    .samples = (const tp__sample[]){{"2,3", einsum_sample_spread, "torch.diag_embed(x0)"}, {0}},
};

/* The last axis twice. */
static tp_var *einsum_sample_spread(tp_var *const *x)
{
    int64_t shape[TP_MAX_NDIM + 1], n = tp_ndim(x[0]);
    if (n == 0)
        return tp__check_operand("einsum_spread", x[0])
                   ? tp_fail(TP_ERROR_SHAPE, "einsum_spread: x has no axis")
                   : tp__poison();
    for (int64_t i = 0; i < n; i++)
        shape[i] = shape[n] = tp_shape(x[0])[i];
    return tp__apply(&einsum_spread_op, x, 1, (tp__attr){.integer = (n - 1) | n << 4}, (int)n + 1,
                     shape);
}

static void einsum_diagonal_gradient(const tp__pull *pull)
{
    const tp_var *x = pull->x[0];
    pull->gx[0] = tp__apply(&einsum_spread_op, &pull->gy, 1, pull->y->attr, x->ndim, tp__shape(x));
}

static void einsum_spread_gradient(const tp__pull *pull)
{
    pull->gx[0] = tp__apply(&einsum_diagonal_op, &pull->gy, 1, pull->y->attr, -1, NULL);
}

/* --- Terms --- */

static uint64_t einsum_set(const tp__einsum_term *term)
{
    uint64_t set = 0;
    for (int i = 0; i < term->n; i++)
        set |= UINT64_C(1) << term->label[i];
    return set;
}

static bool einsum_has(uint64_t set, int label)
{
    return set >> label & 1;
}

static void einsum_forget(tp__einsum_term *term, int axis)
{
    term->n--;
    memmove(term->label + axis, term->label + axis + 1, (size_t)(term->n - axis));
}

/* One axis a label, and none of size 1 where others are longer. */
static void einsum_simplify(const tp__einsum_text *e, tp__einsum_term *term)
{
    for (int b = term->n - 1; b > 0; b--)
        for (int a = 0; a < b; a++)
            if (term->label[a] == term->label[b] && !tp_is_poison(term->v)) {
                term->v = tp__apply(&einsum_diagonal_op, &term->v, 1,
                                    (tp__attr){.integer = a | b << 4}, -1, NULL);
                einsum_forget(term, b);
                break;
            }
    for (int i = term->n - 1; i >= 0 && !tp_is_poison(term->v); i--)
        if (tp__shape(term->v)[i] == 1 && e->size[term->label[i]] != 1) {
            term->v = tp_squeeze(term->v, i);
            einsum_forget(term, i);
        }
}

/* Sums over the labels that are not in keep. */
static void einsum_sum(tp__einsum_term *term, uint64_t keep)
{
    tp_reduce_options options = {.size = sizeof options};
    for (int i = term->n - 1; i >= 0; i--)
        if (!einsum_has(keep, term->label[i])) {
            options.axes.at[options.axes.n++] = i;
            einsum_forget(term, i);
        }
    if (options.axes.n)
        term->v = (tp_sum)(tp__addend(term->v), &options);
}

/* Appends the labels of a term that are in set. */
static void einsum_pick(const tp__einsum_term *term, uint64_t set, tp__einsum_term *out)
{
    for (int i = 0; i < term->n; i++)
        if (einsum_has(set, term->label[i]))
            out->label[out->n++] = term->label[i];
}

/* The term's value with its axes in this order. */
static tp_var *einsum_ordered(const tp__einsum_term *term, const tp__einsum_term *order)
{
    int64_t axes[TP_MAX_NDIM] = {0};
    bool same = true;
    for (int i = 0; i < order->n; i++) {
        for (int j = 0; j < term->n; j++)
            if (term->label[j] == order->label[i])
                axes[i] = j;
        same = same && axes[i] == i;
    }
    return same ? term->v : tp_permute(term->v, order->n, axes);
}

static tp_var *einsum_shaped(tp_var *v, int ndim, const int64_t *shape)
{
    return tp_is_poison(v) || tp__same_shape(v, ndim, shape) ? v : tp_reshape(v, ndim, shape);
}

/* --- Joining two terms --- */

/* The labels of two terms: in both and kept, in both and summed over, in one only; and the type of
 * a product of matrices. */
typedef struct einsum_join {
    const tp__einsum_text *text;
    tp_dtype dtype;
    tp__einsum_term batch, inner, left, right;
} einsum_join;

/* Sizes of a group's labels appended to a shape; as ones; as one axis. */
static void einsum_sizes(const einsum_join *j, const tp__einsum_term *group, int64_t *shape, int *n)
{
    for (int i = 0; i < group->n; i++)
        shape[(*n)++] = j->text->size[group->label[i]];
}

static void einsum_ones(const tp__einsum_term *group, int64_t *shape, int *n)
{
    for (int i = 0; i < group->n; i++)
        shape[(*n)++] = 1;
}

static int64_t einsum_product(const einsum_join *j, const tp__einsum_term *group)
{
    int64_t size = 1;
    for (int i = 0; i < group->n; i++)
        size *= j->text->size[group->label[i]];
    return size;
}

static tp__einsum_term einsum_order(const tp__einsum_term *first, const tp__einsum_term *second,
                                    const tp__einsum_term *third)
{
    tp__einsum_term order = {0};
    einsum_pick(first, UINT64_MAX, &order);
    einsum_pick(second, UINT64_MAX, &order);
    einsum_pick(third, UINT64_MAX, &order);
    return order;
}

static tp_var *einsum_multiply(const einsum_join *j, const tp__einsum_term *a,
                               const tp__einsum_term *b)
{
    static const tp__einsum_term none;
    int64_t left[TP_MAX_NDIM], right[TP_MAX_NDIM];
    int m = 0, n = 0;
    tp__einsum_term a_order = einsum_order(&j->batch, &j->left, &none);
    tp__einsum_term b_order = einsum_order(&j->batch, &j->right, &none);
    einsum_sizes(j, &j->batch, left, &m);
    einsum_sizes(j, &j->left, left, &m);
    einsum_ones(&j->right, left, &m);
    einsum_sizes(j, &j->batch, right, &n);
    einsum_ones(&j->left, right, &n);
    einsum_sizes(j, &j->right, right, &n);
    return tp_mul(tp__addend(einsum_shaped(einsum_ordered(a, &a_order), m, left)),
                  tp__addend(einsum_shaped(einsum_ordered(b, &b_order), n, right)));
}

/* Axes of the batch are one where a matrix's two would be too many. */
static tp_var *einsum_matrices(const einsum_join *j, const tp__einsum_term *term,
                               const tp__einsum_term *rows, const tp__einsum_term *columns)
{
    int64_t shape[TP_MAX_NDIM];
    int n = 0;
    tp__einsum_term order = einsum_order(&j->batch, rows, columns);
    if (j->batch.n + 2 > TP_MAX_NDIM)
        shape[n++] = einsum_product(j, &j->batch);
    else
        einsum_sizes(j, &j->batch, shape, &n);
    shape[n++] = einsum_product(j, rows);
    shape[n++] = einsum_product(j, columns);
    return einsum_shaped(einsum_ordered(term, &order), n, shape);
}

static tp_var *einsum_matmul(const einsum_join *j, const tp__einsum_term *a,
                             const tp__einsum_term *b)
{
    int64_t shape[TP_MAX_NDIM];
    int n = 0;
    tp_var *y = tp__matmul_as(einsum_matrices(j, a, &j->left, &j->inner),
                              einsum_matrices(j, b, &j->inner, &j->right), j->dtype);
    if (tp_is_poison(y))
        return y;
    einsum_sizes(j, &j->batch, shape, &n);
    einsum_sizes(j, &j->left, shape, &n);
    einsum_sizes(j, &j->right, shape, &n);
    return einsum_shaped(y, n, shape);
}

/* Whether the result has an axis of b alone before those of a alone: then a b is the other way
 * round, so that the product need not be turned. */
static bool einsum_is_backwards(const tp__einsum_term *out, const tp__einsum_term *a,
                                const tp__einsum_term *b)
{
    uint64_t in_a = einsum_set(a), in_b = einsum_set(b);
    for (int i = 0; i < out->n; i++)
        if (einsum_has(in_a ^ in_b, out->label[i]))
            return einsum_has(in_b, out->label[i]);
    return false;
}

static bool einsum_joined(const tp__einsum_text *e, tp__einsum_term *a, tp__einsum_term *b,
                          uint64_t keep, tp_dtype dtype)
{
    einsum_sum(a, keep | einsum_set(b));
    einsum_sum(b, keep | einsum_set(a));
    uint64_t in_a = einsum_set(a), in_b = einsum_set(b);
    einsum_join j = {.text = e, .dtype = dtype};
    einsum_pick(a, in_b & keep, &j.batch);
    einsum_pick(a, in_b & ~keep, &j.inner);
    einsum_pick(a, ~in_b, &j.left);
    einsum_pick(b, ~in_a, &j.right);
    if (j.batch.n + j.left.n + j.right.n > TP_MAX_NDIM)
        return tp__einsum_fails(e, TP_ERROR_SHAPE, e->text,
                                "a product on the way has more than 8 axes");
    tp_var *y = j.inner.n ? einsum_matmul(&j, a, b) : einsum_multiply(&j, a, b);
    *a = einsum_order(&j.batch, &j.left, &j.right);
    a->v = y;
    return !tp_is_poison(y);
}

/* What terms other than i and k, and the result, need. */
static uint64_t einsum_needed(const tp__einsum_term *terms, int n, int i, int k, uint64_t keep)
{
    for (int at = 0; at < n; at++)
        if (at != i && at != k)
            keep |= einsum_set(&terms[at]);
    return keep;
}

static double einsum_cost(const tp__einsum_text *e, uint64_t set)
{
    double cost = 1;
    for (int label = 0; label < TP__EINSUM_LABELS; label++)
        cost *= einsum_has(set, label) ? (double)e->size[label] : 1;
    return cost;
}

/* Products are of the working type, the last one is the result. */
static bool einsum_join_all(const tp__einsum_text *e, tp__einsum_term *terms, int n,
                            const tp__einsum_term *out, tp_dtype dtype)
{
    for (; n > 1; n--) {
        int first = 0, second = 1;
        double least = -1;
        for (int i = 0; i < n; i++)
            for (int k = i + 1; k < n; k++) {
                double cost = einsum_cost(e, einsum_set(&terms[i]) | einsum_set(&terms[k]));
                if (least < 0 || cost < least) {
                    least = cost;
                    first = i;
                    second = k;
                }
            }
        if (einsum_is_backwards(out, &terms[first], &terms[second])) {
            tp__einsum_term other = terms[first];
            terms[first] = terms[second];
            terms[second] = other;
        }
        if (!einsum_joined(e, &terms[first], &terms[second],
                           einsum_needed(terms, n, first, second, einsum_set(out)),
                           n > 2 ? tp__working_type(dtype) : dtype))
            return false;
        memmove(terms + second, terms + second + 1, (size_t)(n - 1 - second) * sizeof *terms);
    }
    return true;
}

/* --- The call --- */

static tp_var *einsum_run(tp__einsum_text *e, tp__einsum_term *terms, int n, tp_dtype dtype)
{
    tp__einsum_term out = {0};
    if (!tp__einsum_read(e, terms, n, &out))
        return tp__poison();
    for (int i = 0; i < n; i++) {
        einsum_simplify(e, &terms[i]);
        if (tp_is_poison(terms[i].v))
            return terms[i].v;
    }
    if (!einsum_join_all(e, terms, n, &out, dtype))
        return tp__poison();
    einsum_sum(&terms[0], einsum_set(&out));
    return tp_is_poison(terms[0].v) ? terms[0].v : einsum_ordered(&terms[0], &out);
}

/* One or two operands of half types are widened where they are added or multiplied; gradients of
 * more would be sums of what is rounded already. */
static tp_var *einsum_operand(tp_var *v, tp_dtype work, int n)
{
    return n <= 2 && work == TP_F32 && tp__is_half((tp_dtype)v->dtype) ? v : tp_to(v, work);
}

tp_var *tp_einsum(const char *equation, tp_var *const *xs, int n)
{
    TP__CALL("einsum");
    if (!equation || !xs || n < 1)
        return tp_fail(TP_ERROR_ARGUMENT, "einsum: no %s", equation ? "operands" : "text");
    for (int i = 0; i < n; i++)
        if (!tp__check_operand_of("einsum", xs[i], i, n))
            return tp__poison();
    tp__einsum_term *terms = tp__alloc_zero((size_t)n, sizeof *terms);
    if (!terms)
        return tp__poison();
    tp__einsum_text e = {.text = equation};
    size_t scope = tp_scope_begin();
    tp__warn_of_mixed("einsum", xs, n);
    tp_dtype dtype = tp__promote(xs, n);
    dtype = tp__is_float(dtype) ? dtype : TP_I64;
    for (int i = 0; i < n; i++)
        terms[i].v = einsum_operand(xs[i], tp__working_type(dtype), n);
    tp_var *y = tp__narrow(einsum_run(&e, terms, n, dtype), dtype);
    for (int i = 0; i < n; i++)
        y = tp__fresh(y, xs[i]);
    y = tp_leave(y);
    tp_scope_end(scope);
    tp__free(terms);
    return y;
}

/* --- The record --- */

#define EINSUM_SAMPLE(name, equation, n)                                                           \
    static tp_var *einsum_sample_##name(tp_var *const *x)                                          \
    {                                                                                              \
        return tp_einsum(equation, x, n);                                                          \
    }

EINSUM_SAMPLE(product, "ij,jk", 2)
EINSUM_SAMPLE(turned, "kj , ki -> ij", 2)
EINSUM_SAMPLE(batch, "bij,bjk->bik", 2)
EINSUM_SAMPLE(heads, "bqhd,bkhd->bhqk", 2)
EINSUM_SAMPLE(dots, "...ij,j...->...i", 2)
EINSUM_SAMPLE(trace, "ii", 1)
EINSUM_SAMPLE(order, "cab", 1)
EINSUM_SAMPLE(outer, "i,j->ji", 2)
EINSUM_SAMPLE(hadamard, "ij,ij->", 2)
EINSUM_SAMPLE(chain, "ij,jk,kl->il", 3)
EINSUM_SAMPLE(diagonals, "iij,jkk->ik", 2)
EINSUM_SAMPLE(repeated, "ij,ij->i", 2)
EINSUM_SAMPLE(alone, "ij,k->k", 2)

static const tp__op einsum_op = {
    .label = "Einsum",
    .name = "einsum",
    .flags = TP__COMPOSITE,
    .formula = "the sum over indices that the result has not of the product of the operands",
    .rule = "each operand: einsum of gy and the other operands",
    .samples =
        (const tp__sample[]){
            {"2,3; 3,2", einsum_sample_product, "torch.einsum('ij,jk', x0, x1)"},
            {"3,2; 3,4", einsum_sample_turned, "torch.einsum('kj,ki->ij', x0, x1)"},
            {"2,2,3; 2,3,2", einsum_sample_batch, "torch.einsum('bij,bjk->bik', x0, x1)"},
            {"2,2,2,2; 2,3,2,2", einsum_sample_heads, "torch.einsum('bqhd,bkhd->bhqk', x0, x1)"},
            {"2,1,2,3; 3,4", einsum_sample_dots, "torch.einsum('...ij,j...->...i', x0, x1)"},
            {"3,3", einsum_sample_trace, "torch.einsum('ii', x0)"},
            {"2,3,4", einsum_sample_order, "torch.einsum('cab', x0)"},
            {"2; 3", einsum_sample_outer, "torch.einsum('i,j->ji', x0, x1)"},
            {"2,3; 2,1", einsum_sample_hadamard, "torch.einsum('ij,ij->', x0, x1)"},
            {"2,3; 3,4; 4,2", einsum_sample_chain, "torch.einsum('ij,jk,kl->il', x0, x1, x2)"},
            {"2,2,3; 3,4,4", einsum_sample_diagonals, "torch.einsum('iij,jkk->ik', x0, x1)"},
            {"2,3; 2,3", einsum_sample_repeated, "torch.einsum('ij,ij->i', x0, x1)"},
            {"2,3; 2", einsum_sample_alone, "torch.einsum('ij,k->k', x0, x1)"},
            {0}},
};

static const tp__op *const einsum_ops[] = {&einsum_op, &einsum_diagonal_op, &einsum_spread_op,
                                           NULL};

const tp__family tp__family_einsum = {"einsum", "sums of products", einsum_ops};
