/* SPDX-License-Identifier: MIT
 *
 * Losses by margins, and the likelihoods of counts and of normal numbers, over other operations.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "nn/functional/functional.h"
#include "tinypytorch.h"

/* A loss's own options, of which only the reduction is one. */
static bool margin_reduction(const char *call, const tp_loss_options *given, tp_reduction *to)
{
    tp_loss_options own = TP_OPTIONS(tp_loss_options);
    if (!tp__take_options(call, &own, sizeof own, given))
        return false;
    *to = own.reduction;
    return tp__check_reduction(call, own.reduction);
}

/* What is above 0. At 0 the slope is 1. */
static tp_var *margin_excess(tp_var *x)
{
    return (tp_clamp)(x, tp_num(0), NULL);
}

/* --- Of pairs and triples --- */

#define MARGIN_DISTANCE_SHIFT 1e-6

static tp_var *margin_distance(tp_var *a, tp_var *b, double p)
{
    const tp_reduce_options last = {.size = sizeof last, .axes.one = -1};
    return (tp_norm)(tp_add(tp__floating(tp_sub(a, b)), MARGIN_DISTANCE_SHIFT), p, &last);
}

tp_var *tp_pairwise_distance(tp_var *a, tp_var *b, double p)
{
    TP__CALL("pairwise_distance");
    TP__OPERANDS(a, b);
    if (!tp__check_within("pairwise_distance", "p", p, DBL_TRUE_MIN, HUGE_VAL))
        return tp__poison();
    TP__IN_FLOAT32(tp_pairwise_distance(a, b, p), &a, &b);
    return margin_distance(a, b, p);
}

tp_var *(tp_margin_ranking_loss)(tp_var *a, tp_var *b, tp_var *target, double margin,
                                 const tp_loss_options *options)
{
    TP__CALL("margin_ranking_loss");
    TP__OPERANDS(a, b, target);
    TP__IN_FLOAT32((tp_margin_ranking_loss)(a, b, target, margin, options), &a, &b, &target);
    tp_reduction reduction;
    if (!margin_reduction("margin_ranking_loss", options, &reduction) ||
        !tp__check_within("margin_ranking_loss", "margin", margin, -DBL_MAX, DBL_MAX))
        return tp__poison();
    tp_var *apart = tp_mul(target, tp__floating(tp_sub(a, b)));
    return tp__reduced(margin_excess(tp_sub(margin, apart)), reduction);
}

tp_var *(tp_triplet_margin_loss)(tp_var *anchor, tp_var *positive, tp_var *negative,
                                 const tp_triplet_options *options)
{
    static const char call[] = "triplet_margin_loss";
    TP__CALL("triplet_margin_loss");
    TP__OPERANDS(anchor, positive, negative);
    TP__IN_FLOAT32((tp_triplet_margin_loss)(anchor, positive, negative, options), &anchor,
                   &positive, &negative);
    tp_triplet_options o = TP_OPTIONS(tp_triplet_options);
    if (!tp__take_options(call, &o, sizeof o, options) || !tp__check_reduction(call, o.reduction) ||
        !tp__check_within(call, "margin", o.margin, -DBL_MAX, DBL_MAX) ||
        !tp__check_within(call, "p", o.p, DBL_TRUE_MIN, HUGE_VAL))
        return tp__poison();
    tp_var *near = margin_distance(anchor, positive, o.p);
    tp_var *far = margin_distance(anchor, negative, o.p);
    if (o.swap)
        far = tp_minimum(far, margin_distance(positive, negative, o.p));
    return tp__reduced(margin_excess(tp_add(o.margin, tp_sub(near, far))), o.reduction);
}

tp_var *(tp_soft_margin_loss)(tp_var *x, tp_var *target, const tp_loss_options *options)
{
    TP__CALL("soft_margin_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_soft_margin_loss)(x, target, options), &x, &target);
    tp_reduction reduction;
    if (!margin_reduction("soft_margin_loss", options, &reduction) ||
        !tp__check_operand("soft_margin_loss", x))
        return tp__poison();
    return tp__reduced(tp_softplus(tp_neg(tp_mul(target, tp__floating(x)))), reduction);
}

/* --- Likelihoods --- */

/* x in the floating type of all n operands, so that functions of it are not rounded to a smaller
 * one. */
static tp_var *margin_as(tp_var *x, tp_var *const *in, int n)
{
    tp_dtype dtype = tp__promote(in, n);
    return tp_to(x, tp__is_float(dtype) ? dtype : TP_F64);
}

/* target ln target − target + ln(2π target) / 2, 0 where target is at most 1. */
static tp_var *margin_stirling(tp_var *target)
{
    tp_var *many = tp_gt(target, 1), *count = tp_where(many, target, 1);
    tp_var *logarithm = tp_log(count);
    tp_var *sum = tp_add(tp_sub(tp_mul(count, logarithm), count),
                         tp_mul(0.5, tp_add(1.8378770664093453, logarithm)));
    return tp_where(many, sum, 0);
}

tp_var *(tp_poisson_nll_loss)(tp_var *x, tp_var *target, const tp_poisson_options *options)
{
    static const char call[] = "poisson_nll_loss";
    TP__CALL("poisson_nll_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_poisson_nll_loss)(x, target, options), &x, &target);
    tp_poisson_options o = TP_OPTIONS(tp_poisson_options);
    if (!tp__take_options(call, &o, sizeof o, options) || !tp__check_reduction(call, o.reduction) ||
        !tp__check_within(call, "eps", o.eps, 0, DBL_MAX) || !tp__check_operand(call, x) ||
        !tp__check_operand(call, target))
        return tp__poison();
    x = margin_as(x, (tp_var *[]){x, target}, 2);
    target = margin_as(target, (tp_var *[]){x, target}, 2);
    tp_var *loss = o.log_input ? tp_sub(tp_exp(x), tp_mul(target, x))
                               : tp_sub(x, tp_mul(target, tp_log(tp_add(x, o.eps))));
    return tp__reduced(o.full ? tp_add(loss, margin_stirling(target)) : loss, o.reduction);
}

tp_var *(tp_gaussian_nll_loss)(tp_var *x, tp_var *target, tp_var *variance,
                               const tp_gaussian_options *options)
{
    static const char call[] = "gaussian_nll_loss";
    TP__CALL("gaussian_nll_loss");
    TP__OPERANDS(x, target, variance);
    TP__IN_FLOAT32((tp_gaussian_nll_loss)(x, target, variance, options), &x, &target, &variance);
    tp_gaussian_options o = TP_OPTIONS(tp_gaussian_options);
    if (!tp__take_options(call, &o, sizeof o, options) || !tp__check_reduction(call, o.reduction) ||
        !tp__check_within(call, "eps", o.eps, DBL_TRUE_MIN, DBL_MAX) ||
        !tp__check_operand(call, x) || !tp__check_operand(call, target) ||
        !tp__check_operand(call, variance) ||
        !tp__check_elements(call, "variance", variance, 0, HUGE_VAL))
        return tp__poison();
    variance = margin_as(variance, (tp_var *[]){x, target, variance}, 3);
    tp_var *lift = tp_detach(tp_sub(o.eps, variance));
    variance = tp_where(tp_lt(variance, o.eps), tp_add(variance, lift), variance);
    tp_var *loss = tp_add(tp_log(variance), tp_div(tp_square(tp_sub(x, target)), variance));
    loss = tp_mul(0.5, loss);
    return tp__reduced(o.full ? tp_add(loss, 0.9189385332046727) : loss, o.reduction);
}

/* --- Of classes --- */

static bool margin_classes(const char *call, const tp_var *x, const tp_var *target, int below)
{
    if (!tp__check_operand(call, x) || !tp__check_operand(call, target))
        return false;
    if (tp__is_float((tp_dtype)target->dtype)) {
        tp_fail(TP_ERROR_DTYPE, "%s: the target is %s, expected classes as integers", call,
                tp_dtype_name((tp_dtype)target->dtype));
        return false;
    }
    if ((x->ndim == 1 || x->ndim == 2) && tp__shape(x)[x->ndim - 1] > 0 &&
        tp__same_shape(target, x->ndim - below, tp__shape(x)))
        return true;
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE,
            "%s: x %s and target %s do not fit: expected (N, C) and (N%s, or (C) and (%s", call,
            tp__shape_text(a, x->ndim, tp__shape(x)),
            tp__shape_text(b, target->ndim, tp__shape(target)), below ? ")" : ", C)",
            below ? ")" : "C)");
    return false;
}

static bool margin_options(const char *call, const tp_var *x, const tp_margin_options *given,
                           tp_margin_options *o)
{
    if (!tp__take_options(call, o, sizeof *o, given) || !tp__check_reduction(call, o->reduction) ||
        !tp__check_within(call, "margin", o->margin, -DBL_MAX, DBL_MAX))
        return false;
    if (o->p != 1 && o->p != 2) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: p is %lld, expected 1 or 2", call, (long long)o->p);
        return false;
    }
    if (!o->weight)
        return true;
    if (!tp__check_named(call, "weight", o->weight))
        return false;
    const int64_t *classes = tp__shape(x) + x->ndim - 1;
    if (tp__same_shape(o->weight, 1, classes))
        return true;
    tp__refuse_shape(call, "weight", o->weight, "(%lld,): one for each class", (long long)*classes);
    return false;
}

tp_var *(tp_multi_margin_loss)(tp_var *x, tp_var *target, const tp_margin_options *options)
{
    static const char call[] = "multi_margin_loss";
    TP__CALL("multi_margin_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_multi_margin_loss)(x, target, options), &x);
    tp_margin_options o = TP_OPTIONS(tp_margin_options);
    if (!margin_classes(call, x, target, 1) || !margin_options(call, x, options, &o))
        return tp__poison();
    x = tp__floating(x);
    const tp_reduce_options last = {.size = sizeof last, .axes.one = -1};
    int64_t classes = tp__shape(x)[x->ndim - 1];
    tp_var *at = tp_unsqueeze(tp_to(target, TP_I64), -1);
    tp_var *apart = tp_relu(tp_add(tp_sub(o.margin, tp_gather(x, -1, at)), x));
    apart = tp_where(tp_one_hot(target, classes), 0, o.p == 2 ? tp_square(apart) : apart);
    tp_var *loss = tp_is_poison(apart) ? apart : tp_div((tp_sum)(apart, &last), (double)classes);
    if (o.weight && !tp_is_poison(loss)) {
        tp_var *weights = tp_to(o.weight, (tp_dtype)x->dtype);
        weights = tp_gather(weights, 0, tp_reshape(at, TP_SHAPE(-1)));
        loss = tp_mul(loss, tp_reshape(weights, loss->ndim, tp__shape(loss)));
    }
    return tp__reduced(loss, o.reduction);
}

tp_var *(tp_multilabel_soft_margin_loss)(tp_var *x, tp_var *target, tp_var *weight,
                                         const tp_loss_options *options)
{
    TP__CALL("multilabel_soft_margin_loss");
    TP__OPERANDS(x, target);
    TP__OPTIONAL(weight);
    TP__IN_FLOAT32((tp_multilabel_soft_margin_loss)(x, target, weight, options), &x, &target,
                   &weight);
    const tp_loss_options each = {.size = sizeof each, .reduction = TP_NO_REDUCTION};
    const tp_reduce_options last = {.size = sizeof last, .axes.one = -1};
    tp_reduction reduction;
    if (!margin_reduction("multilabel_soft_margin_loss", options, &reduction))
        return tp__poison();
    tp_var *loss = (tp_binary_cross_entropy_with_logits)(x, target, &each);
    loss = weight ? tp_mul(loss, weight) : loss;
    return tp_is_poison(loss) ? loss : tp__reduced((tp_mean)(loss, &last), reduction);
}

/* How often each class is among a row's targets, those before the first −1: of target's shape. */
static tp_var *margin_counts(const char *call, const tp_var *x, tp_var *target)
{
    int64_t classes = tp__shape(x)[x->ndim - 1];
    tp_var *plain = tp__plain(tp_to(target, TP_I64));
    tp_var *counts = tp_zeros(TP_F64, x->ndim, tp__shape(x));
    double *to = tp_is_poison(counts) ? NULL : tp_data_(counts);
    if (tp_is_poison(plain) || !to)
        return tp__poison();
    const int64_t *at = plain->data;
    for (int64_t row = 0; row < plain->size; row += classes)
        for (int64_t i = 0; i < classes && at[row + i] != -1; i++) {
            if (at[row + i] < 0 || at[row + i] >= classes)
                return tp_fail(TP_ERROR_ARGUMENT,
                               "%s: target %lld is out of range for %lld classes", call,
                               (long long)at[row + i], (long long)classes);
            to[row + at[row + i]]++;
        }
    return counts;
}

tp_var *(tp_multilabel_margin_loss)(tp_var *x, tp_var *target, const tp_loss_options *options)
{
    static const char call[] = "multilabel_margin_loss";
    TP__CALL("multilabel_margin_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_multilabel_margin_loss)(x, target, options), &x);
    tp_reduction reduction;
    if (!margin_reduction(call, options, &reduction) || !margin_classes(call, x, target, 0))
        return tp__poison();
    x = tp__floating(x);
    const tp_reduce_options pairs = {.size = sizeof pairs, .axes = {.n = 2, .at = {-1, -2}}};
    tp_var *counts = margin_counts(call, x, target);
    tp_var *others = tp_to(tp_eq(counts, 0), (tp_dtype)x->dtype);
    counts = tp_to(counts, (tp_dtype)x->dtype);
    tp_var *apart = tp_relu(tp_add(tp_sub(1, tp_unsqueeze(x, -1)), tp_unsqueeze(x, -2)));
    tp_var *counted = tp_mul(tp_unsqueeze(counts, -1), tp_unsqueeze(others, -2));
    tp_var *sum = tp_mul(counted, apart);
    if (tp_is_poison(sum))
        return sum;
    double classes = (double)tp__shape(x)[x->ndim - 1];
    return tp__reduced(tp_div((tp_sum)(sum, &pairs), classes), reduction);
}

/* --- Records, for tests and the list of operations --- */

static tp_var *margin_signs(void)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, -1, 1}));
}

static tp_var *margin_targets(void)
{
    return tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){2, 0}));
}

static tp_var *margin_labels(void)
{
    return tp_array(TP_I64, TP_SHAPE(2, 3), ((int64_t[]){2, -1, 0, 0, 1, -1}));
}

static tp_var *margin_weights(void)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.5, 1.5, 2}));
}

static tp_var *margin_rates(void)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){0, 1, 3}));
}

#define MARGIN_SIGNS "torch.tensor([1., -1., 1.]).to(x0)"
#define MARGIN_TARGETS "torch.tensor([2, 0])"
#define MARGIN_LABELS "torch.tensor([[2, -1, 0], [0, 1, -1]])"
#define MARGIN_WEIGHTS "torch.tensor([0.5, 1.5, 2.]).to(x0)"
#define MARGIN_RATES "torch.tensor([0., 1., 3.]).to(x0)"

static tp_var *poisson_nll_loss_sample(tp_var *const *x)
{
    return tp_poisson_nll_loss(x[0], margin_rates(), .full = true);
}

static tp_var *poisson_nll_loss_sample_rate(tp_var *const *x)
{
    return tp_poisson_nll_loss(x[0], 2, .log_input = false, .eps = 0.5);
}

static const tp__op poisson_nll_loss_op = {
    .label = "PoissonNllLoss",
    .name = "poisson_nll_loss",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "eˣ − target x, or x − target ln x",
    .rule = "from its formula",
    .domain = TP__POSITIVE,
    .samples = (const tp__sample[]){{"2,3", poisson_nll_loss_sample,
                                     "F.poisson_nll_loss(x0, " MARGIN_RATES ", full=True)"},
                                    {"2,3", poisson_nll_loss_sample_rate,
                                     "F.poisson_nll_loss(x0, torch.full_like(x0, 2), False, "
                                     "eps=0.5)"},
                                    {0}},
};

/* clang-format off */
TP__FUNCTION_RECORD(PairwiseDistance, pairwise_distance, 2, "p-norm of a − b + 1e-6", TP__DISTINCT, "2,3; 2,3", tp_pairwise_distance(x[0], x[1], 3), "F.pairwise_distance(x0, x1, 3.0)")
TP__FUNCTION_RECORD(MarginRankingLoss, margin_ranking_loss, 2, "max(0, margin − target (a − b))", TP__DISTINCT, "2,3; 2,3", tp_margin_ranking_loss(x[0], x[1], margin_signs(), 0.3), "(0.3 - " MARGIN_SIGNS " * (x0 - x1)).clamp(min=0).mean()")
TP__FUNCTION_RECORD(SoftMarginLoss, soft_margin_loss, 1, "ln(1 + e^(−target x))", TP__ANYWHERE, "2,3", tp_soft_margin_loss(x[0], margin_signs()), "F.softplus(-" MARGIN_SIGNS " * x0).mean()")
TP__FUNCTION_RECORD(GaussianNllLoss, gaussian_nll_loss, 3, "(ln variance + (x − target)² / variance) / 2", TP__POSITIVE, "2,3; 2,3; 2,3", tp_gaussian_nll_loss(x[0], x[1], x[2], .full = true, .reduction = TP_SUM), "F.gaussian_nll_loss(x0, x1, x2, full=True, reduction='sum')")
TP__FUNCTION_RECORD(TripletMarginLoss, triplet_margin_loss, 3, "max(0, margin + |anchor − positive| − |anchor − negative|)", TP__DISTINCT, "2,3; 2,3; 2,3", tp_triplet_margin_loss(x[0], x[1], x[2], .swap = true), "(lambda d: (1 + d(x0, x1) - torch.minimum(d(x0, x2), d(x1, x2))).clamp(min=0).mean())(F.pairwise_distance)")
TP__FUNCTION_RECORD(MultiMarginLoss, multi_margin_loss, 1, "weight Σ max(0, margin − x[target] + x[j])ᵖ / C", TP__DISTINCT, "2,3", tp_multi_margin_loss(x[0], margin_targets(), .p = 2, .margin = 0.7, .weight = margin_weights()), "(lambda w, t: (((0.7 - x0.gather(1, t) + x0).clamp(min=0).square().sum(1) - 0.49) * w[t[:, 0]]).mean() / 3)(" MARGIN_WEIGHTS ", " MARGIN_TARGETS "[:, None])")
TP__FUNCTION_RECORD(MultilabelSoftMarginLoss, multilabel_soft_margin_loss, 3, "mean of binary_cross_entropy_with_logits over classes", TP__ANYWHERE, "2,3; 2,3; 3", tp_multilabel_soft_margin_loss(x[0], x[1], tp_add(x[2], 0)), "((F.softplus(x0) - x0 * x1) * x2).mean()")
TP__FUNCTION_RECORD(MultilabelMarginLoss, multilabel_margin_loss, 1, "Σ max(0, 1 − x[t] + x[j]) / C over targets t and other classes j", TP__DISTINCT, "2,3", tp_multilabel_margin_loss(x[0], margin_labels()), "F.multilabel_margin_loss(x0, " MARGIN_LABELS ")")
/* clang-format on */

static const tp__op *const margin_ops[] = {
    &pairwise_distance_op,      &margin_ranking_loss_op,
    &soft_margin_loss_op,       &poisson_nll_loss_op,
    &gaussian_nll_loss_op,      &triplet_margin_loss_op,
    &multi_margin_loss_op,      &multilabel_soft_margin_loss_op,
    &multilabel_margin_loss_op, NULL};

const tp__family tp__family_margins = {"margins", "losses by margins and likelihoods", margin_ops};
