/* SPDX-License-Identifier: MIT
 *
 * Attention of heads that lie side by side, and of heads of queries that share keys and values.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "base/call.h"
#include "ops/sequence/attention.h"
#include "tinypytorch.h"

/* Heads of q in groups, (…, G, H / G, L, E), and a head of k or v for each, (…, G, 1, S, E). */
static tp_var *heads_grouped(const char *call, tp_var *x, int64_t groups, int64_t each)
{
    int64_t shape[TP_MAX_NDIM];
    if (x->ndim == TP_MAX_NDIM)
        return tp__refuse_shape(call, "an operand", x, "at most %d axes", TP_MAX_NDIM - 1);
    int before = x->ndim - 3;
    memcpy(shape, tp__shape(x), (size_t)before * sizeof *shape);
    shape[before] = groups;
    shape[before + 1] = each;
    memcpy(shape + before + 2, tp__shape(x) + before + 1, 2 * sizeof *shape);
    return tp_reshape(x, x->ndim + 1, shape);
}

/* The mask with an axis of groups, where it has one of heads. */
static tp_var *heads_mask(const char *call, tp_var *mask, int64_t groups, int64_t each)
{
    if (!mask || !tp__check_named(call, "the mask", mask) || mask->ndim < 3)
        return mask;
    int64_t heads = tp__shape(mask)[mask->ndim - 3];
    return heads == groups * each ? heads_grouped(call, mask, groups, each)
                                  : tp_unsqueeze(mask, mask->ndim - 3);
}

/* Attention of (…, H, L, E) by (…, G, S, E). */
tp_var *tp__attention_grouped(const char *call, const tp__attention *attr, tp_var **in,
                              tp_var *mask)
{
    if (!tp__attention_check(call, in, 3))
        return tp__poison();
    int64_t heads = tp__shape(in[0])[in[0]->ndim - 3], groups = tp__shape(in[1])[in[1]->ndim - 3];
    if (groups != tp__shape(in[2])[in[2]->ndim - 3] || groups < 1 || heads % groups != 0) {
        tp__attention_fails(call, in[0], "q", in[1], "k",
                            "heads of q are no multiple of those of k, or v has others");
        return tp__poison();
    }
    in[0] = heads_grouped(call, in[0], groups, heads / groups);
    in[1] = heads_grouped(call, in[1], groups, 1);
    in[2] = heads_grouped(call, in[2], groups, 1);
    mask = heads_mask(call, mask, groups, heads / groups);
    if (tp_is_poison(in[0]) || tp_is_poison(in[1]) || tp_is_poison(in[2]) ||
        (mask && tp_is_poison(mask)))
        return tp__poison();
    tp_var *y = tp__attention_apply(call, attr, in, mask);
    if (tp_is_poison(y))
        return y;
    int64_t shape[TP_MAX_NDIM];
    int before = y->ndim - 4;
    memcpy(shape, tp__shape(y), (size_t)before * sizeof *shape);
    shape[before] = heads;
    memcpy(shape + before + 1, tp__shape(y) + before + 2, 2 * sizeof *shape);
    return tp_reshape(y, y->ndim - 1, shape);
}

/* x with its last axis as (heads, what is left). */
static tp_var *heads_split(const char *call, tp_var *x, int64_t heads)
{
    int64_t shape[TP_MAX_NDIM], width = tp__shape(x)[x->ndim - 1];
    if (heads < 1 || width % heads != 0)
        return tp_fail(TP_ERROR_ARGUMENT, "%s: %lld heads do not share an axis of size %lld", call,
                       (long long)heads, (long long)width);
    if (x->ndim == TP_MAX_NDIM)
        return tp__refuse_shape(call, "an operand", x, "at most %d axes", TP_MAX_NDIM - 1);
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    shape[x->ndim - 1] = heads;
    shape[x->ndim] = width / heads;
    return tp_reshape(x, x->ndim + 1, shape);
}

/* How many heads the width of k tells; 0, an error later, if it is no whole number. */
static int64_t heads_of_keys(const char *call, const tp_var *q, const tp_var *k, int64_t heads)
{
    int64_t width = tp__shape(q)[q->ndim - 1], key_width = tp__shape(k)[k->ndim - 1];
    if (heads >= 1 && width % heads == 0 && width > 0 && key_width % (width / heads) == 0)
        return key_width / (width / heads);
    tp__attention_fails(call, q, "q", k, "k", "their heads are of different width");
    return 0;
}

tp_var *(tp_multi_head_attention)(tp_var *q, tp_var *k, tp_var *v, int64_t heads,
                                  const tp_attention_options *options)
{
    TP__CALL("multi_head_attention");
    TP__OPERANDS(q, k, v);
    static const char name[] = "multi_head_attention";
    tp_attention_options o = TP_OPTIONS(tp_attention_options);
    tp_var *in[TP__ATTENTION_OPERANDS] = {q, k, v};
    if (!tp__attention_options(name, &o, options) || !tp__attention_check(name, in, 2))
        return tp__poison();
    tp__attention attr = tp__attention_of(&o);
    int64_t key_heads = o.enable_gqa ? heads_of_keys(name, q, k, heads) : heads;
    for (int i = 0; i < 3; i++)
        if (tp_is_poison(in[i] = heads_split(name, in[i], i ? key_heads : heads)))
            return tp__poison();
    attr.beside = key_heads == heads;
    for (int i = 0; i < 3 && !attr.beside; i++)
        in[i] = tp_transpose(in[i], -2, -3);
    tp_var *y =
        (attr.beside ? tp__attention_apply : tp__attention_grouped)(name, &attr, in, o.mask);
    y = attr.beside || tp_is_poison(y) ? y : tp_transpose(y, -2, -3);
    if (tp_is_poison(y))
        return y;
    int64_t shape[TP_MAX_NDIM];
    memcpy(shape, tp__shape(y), y->ndim * sizeof *shape);
    shape[y->ndim - 2] *= shape[y->ndim - 1];
    return tp_reshape(y, y->ndim - 1, shape);
}

/* --- Record --- */

static tp_var *heads_sample(tp_var *const *x)
{
    return tp_multi_head_attention(x[0], x[1], x[2], 2, .causal = true);
}

static tp_var *heads_sample_grouped(tp_var *const *x)
{
    return tp_multi_head_attention(x[0], x[1], x[2], 4, .enable_gqa = true);
}

const tp__op tp__multi_head_op = {
    .label = "MultiHeadAttention",
    .name = "multi_head_attention",
    .n_in = 3,
    .flags = TP__COMPOSITE,
    .formula = "attention of each head",
    .rule = "that of scaled_dot_product_attention",
    .torch = "F.multi_head_attention_forward",
    .samples = (const tp__sample[]){{"2,4; 3,4; 3,6", heads_sample,
                                     "torch.cat([torch.softmax(q @ k.T / q.size(-1)**0.5 + "
                                     "torch.full((len(q), len(k)), -math.inf).triu(1).to(q), -1) "
                                     "@ v for q, k, v in zip(x0.chunk(2, -1), x1.chunk(2, -1), "
                                     "x2.chunk(2, -1))], -1)"},
                                    {"2,8; 3,4; 3,6", heads_sample_grouped,
                                     "torch.cat([torch.softmax(q @ k.T / q.size(-1)**0.5, -1) @ v "
                                     "for q, k, v in zip(x0.chunk(4, -1), "
                                     "[k for k in x1.chunk(2, -1) for _ in '12'], "
                                     "[v for v in x2.chunk(2, -1) for _ in '12'])], -1)"},
                                    {0}},
};
