/* SPDX-License-Identifier: MIT
 *
 * Losses over other operations. Each is an array of losses that a common end reduces to their mean
 * (unless asked otherwise), or to a weighted mean where classes have weights.
 */
#include "base/features.h"

#include "ops/network/loss.h"

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "base/log.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "ops/families.h"
#include "ops/network/rows.h"
#include "ops/reduce/safe_root.h"
#include "tinypytorch.h"

tp_var *tp__reduced(tp_var *losses, tp_reduction reduction)
{
    if (tp_is_poison(losses))
        return losses;
    return reduction == TP_MEAN  ? (tp_mean)(losses, NULL)
           : reduction == TP_SUM ? (tp_sum)(losses, NULL)
                                 : losses;
}

bool tp__check_reduction(const char *call, tp_reduction reduction)
{
    if ((unsigned)reduction <= TP_NO_REDUCTION)
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: %d is not a reduction", call, (int)reduction);
    return false;
}

static bool loss_options(const char *call, const tp_var *x, const tp_var *target,
                         const tp_loss_options *given, tp_loss_options *own)
{
    *own = (tp_loss_options)TP_OPTIONS(tp_loss_options);
    if (!tp__check_operand(call, x) || !tp__check_operand(call, target) ||
        !tp__take_options(call, own, sizeof *own, given))
        return false;
    return tp__check_reduction(call, own->reduction);
}

/* Says once that losses of x and target are of all pairs of their elements: a column beside a line
 * is seldom meant, and trains all the same. */
static void loss_warn_of_pairs(const char *call, const tp_var *x, const tp_var *target)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    int ndim = x->ndim;
    int64_t shape[TP_MAX_NDIM], size = 1;
    memcpy(shape, tp__shape(x), x->ndim * sizeof *shape);
    if (!tp__broadcast_shape(&ndim, shape, target->ndim, tp__shape(target)))
        return;
    for (int d = 0; d < ndim; d++)
        size *= shape[d];
    if (size <= x->size || size <= target->size || atomic_flag_test_and_set(&said))
        return;
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT], both[TP__SHAPE_TEXT];
    tp__log("%s: x of shape %s and target of shape %s broadcast to %s, losses of all pairs; "
            "tp_reshape makes them alike (this is said once)",
            call, tp__shape_text(a, x->ndim, tp__shape(x)),
            tp__shape_text(b, target->ndim, tp__shape(target)), tp__shape_text(both, ndim, shape));
}

/* The same for losses of each element of x beside one of target. */
static bool loss_pair_options(const char *call, const tp_var *x, const tp_var *target,
                              const tp_loss_options *given, tp_loss_options *own)
{
    bool good = loss_options(call, x, target, given, own);
    if (good)
        loss_warn_of_pairs(call, x, target);
    return good;
}

/* --- Of differences --- */

tp_var *(tp_mse_loss)(tp_var *x, tp_var *target, const tp_loss_options *given)
{
    TP__CALL("mse_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_mse_loss)(x, target, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("mse_loss", x, target, given, &own))
        return tp__poison();
    return tp__reduced(tp_square(tp_sub(x, target)), own.reduction);
}

tp_var *(tp_l1_loss)(tp_var *x, tp_var *target, const tp_loss_options *given)
{
    TP__CALL("l1_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_l1_loss)(x, target, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("l1_loss", x, target, given, &own))
        return tp__poison();
    return tp__reduced(tp_abs(tp_sub(x, target)), own.reduction);
}

/* d² / 2 near 0, linear from δ on, of one slope there. */
static tp_var *loss_huber(tp_var *difference, double delta)
{
    tp_var *size = tp_abs(difference);
    tp_var *near = tp_mul(0.5, tp_square(difference)),
           *far = tp_mul(delta, tp_sub(size, delta / 2));
    return tp_where(tp_lt(size, delta), near, far);
}

tp_var *(tp_huber_loss)(tp_var *x, tp_var *target, double delta, const tp_loss_options *given)
{
    TP__CALL("huber_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_huber_loss)(x, target, delta, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("huber_loss", x, target, given, &own))
        return tp__poison();
    if (!tp__check_within("huber_loss", "delta", delta, DBL_TRUE_MIN, HUGE_VAL))
        return tp__poison();
    return tp__reduced(loss_huber(tp_sub(x, target), delta), own.reduction);
}

tp_var *(tp_smooth_l1_loss)(tp_var *x, tp_var *target, double beta, const tp_loss_options *given)
{
    TP__CALL("smooth_l1_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_smooth_l1_loss)(x, target, beta, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("smooth_l1_loss", x, target, given, &own))
        return tp__poison();
    if (!tp__check_within("smooth_l1_loss", "beta", beta, DBL_TRUE_MIN, DBL_MAX))
        return tp__poison();
    return tp__reduced(tp_div(loss_huber(tp_sub(x, target), beta), beta), own.reduction);
}

/* --- Of probabilities --- */

/* ln x, but at least −100. */
static tp_var *loss_log(tp_var *x)
{
    tp_var *none = tp_le(x, 3.7200759760208356e-44);
    return tp_where(none, -100, tp_log(tp_where(none, 1, x)));
}

tp_var *(tp_binary_cross_entropy)(tp_var *x, tp_var *target, const tp_loss_options *given)
{
    TP__CALL("binary_cross_entropy");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_binary_cross_entropy)(x, target, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("binary_cross_entropy", x, target, given, &own) ||
        !tp__check_elements("binary_cross_entropy", "an element of x", x, 0, 1))
        return tp__poison();
    tp_var *yes = tp_mul(target, loss_log(x));
    tp_var *no = tp_mul(tp__rest(target), loss_log(tp_sub(1, x)));
    return tp__reduced(tp_neg(tp_add(yes, no)), own.reduction);
}

/* w u, and 0 where w = 0 beside an infinite u. */
static tp_var *loss_product(tp_var *w, tp_var *u)
{
    tp_var *nothing = tp_logical_and(tp_eq(w, 0), tp_isinf(u));
    bool none = tp_is_poison(nothing) || tp_item(tp_any(tp_detach(nothing))) == 0;
    return none ? tp_mul(w, u) : tp_where(nothing, 0, tp_mul(w, u));
}

/* softplus(u) − w u, where u = −x and w = 1 − target for targets from ½ on, otherwise x and target:
 * a target of 0 or 1 leaves softplus(u), which has no digits to lose and is 0 at −∞. */
static tp_var *loss_of_odds(tp_var *x, tp_var *target)
{
    tp_dtype dtype = tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_F64;
    tp_dtype type = tp__promote((tp_var *[]){x, target}, 2);
    target = tp__is_float((tp_dtype)target->dtype) ? target : tp_to(target, dtype);
    tp_var *likely = tp_ge(tp_detach(target), 0.5);
    tp_var *u = tp_mul(tp_to(tp_where(likely, -1, 1), dtype), x);
    tp_var *w = tp_where(likely, tp__rest(target), target), *loss = tp_softplus(u);
    if (tp_is_poison(loss) || tp_is_poison(w))
        return tp__poison();
    bool hard = !tp_requires_grad(w) && tp_item(tp_any(w)) == 0;
    return tp_to(hard ? loss : tp_sub(loss, loss_product(w, u)),
                 tp__is_float(type) ? type : TP_F64);
}

tp_var *(tp_binary_cross_entropy_with_logits)(tp_var *x, tp_var *target,
                                              const tp_loss_options *given)
{
    TP__CALL("binary_cross_entropy_with_logits");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_binary_cross_entropy_with_logits)(x, target, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("binary_cross_entropy_with_logits", x, target, given, &own))
        return tp__poison();
    return tp__reduced(loss_of_odds(x, target), own.reduction);
}

tp_var *(tp_kl_div)(tp_var *x, tp_var *target, const tp_loss_options *given)
{
    TP__CALL("kl_div");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_kl_div)(x, target, given), &x, &target);
    tp_loss_options own;
    if (!loss_pair_options("kl_div", x, target, given, &own))
        return tp__poison();
    return tp__reduced(tp_sub(tp_xlogy(target, target), loss_product(target, x)), own.reduction);
}

/* --- Of classes --- */

static bool loss_take_class(const char *call, const tp_var *x, const tp_var *target,
                            const tp_class_options *given, tp_class_options *own)
{
    *own = (tp_class_options)TP_OPTIONS(tp_class_options);
    if (!tp__check_operand(call, x) || !tp__check_operand(call, target) ||
        !tp__take_options(call, own, sizeof *own, given) ||
        (own->weight && !tp__check_operand(call, own->weight)))
        return false;
    if (tp__is_float((tp_dtype)target->dtype)) {
        tp_fail(TP_ERROR_DTYPE, "%s: the target is %s, expected classes as integers", call,
                tp_dtype_name((tp_dtype)target->dtype));
        return false;
    }
    bool fits = x->ndim >= 1 && target->ndim == x->ndim - 1;
    for (int i = 0, axis = x->ndim > 1; fits && i < target->ndim; i++)
        fits = tp__shape(target)[i] == tp__shape(x)[i < axis ? i : i + 1];
    if (!fits) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        tp_fail(TP_ERROR_SHAPE,
                "%s: x %s and target %s do not fit: expected (N, C, …) and (N, …), or (C) and ()",
                call, tp__shape_text(a, x->ndim, tp__shape(x)),
                tp__shape_text(b, target->ndim, tp__shape(target)));
        return false;
    }
    if (!tp__check_reduction(call, own->reduction) ||
        !tp__check_within(call, "label_smoothing", own->label_smoothing, 0, 1))
        return false;
    if (own->weight)
        own->weight =
            tp_to(own->weight, tp__is_float((tp_dtype)x->dtype) ? (tp_dtype)x->dtype : TP_F64);
    return !own->weight || !tp_is_poison(own->weight);
}

/* Each row's weight: its class's, 0 where it is ignored; *target is a class everywhere then. */
static tp_var *loss_weights(const tp_var *x, const tp_class_options *own, tp_var *counts,
                            tp_var **target)
{
    *target = tp_where(counts, *target, 0);
    tp_var *one = tp_ones((tp_dtype)x->dtype, 0, NULL);
    tp_var *weights = tp_where(counts, one, 0);
    if (!own->weight || tp_is_poison(*target))
        return weights;
    tp_var *flat = tp_reshape(*target, TP_SHAPE(-1));
    tp_var *of_class = tp_gather(own->weight, 0, flat);
    if (tp_is_poison(of_class))
        return of_class;
    return tp_mul(weights, tp_reshape(of_class, (*target)->ndim, tp__shape(*target)));
}

/* −Σ over classes of weight · log probability. */
static tp_var *loss_spread(tp_var *logs, const tp_class_options *own, int axis)
{
    int64_t shape[TP_MAX_NDIM];
    const tp_reduce_options classes = {.size = sizeof classes, .axes.one = axis};
    if (!own->weight)
        return tp_neg((tp_sum)(logs, &classes));
    for (int i = 0; i < logs->ndim; i++)
        shape[i] = i == axis ? own->weight->size : 1;
    tp_var *weighted = loss_product(tp_reshape(own->weight, logs->ndim, shape), logs);
    return tp_is_poison(weighted) ? weighted : tp_neg((tp_sum)(weighted, &classes));
}

static tp_var *loss_counts(tp_var *target, const tp_class_options *own)
{
    return tp_ne(target, own->ignore_index);
}

/* Without ignored targets nothing is chosen, so that nothing below counts as below a choice. */
static bool loss_ignores(tp_var *counts)
{
    const tp_var *plain = tp__plain(counts);
    return !tp_is_poison(plain) && plain->size > 0 &&
           memchr(plain->data, 0, (size_t)plain->size) != NULL;
}

/* Where no target counts the mean is NaN, and its derivatives 0. */
static tp_var *loss_mean(tp_var *loss, tp_var *weights, bool ignores)
{
    tp_var *sum = (tp_sum)(loss, NULL), *total = (tp_sum)(weights, NULL);
    if (!ignores)
        return tp_div(sum, total);
    tp_var *none = tp_eq(total, 0);
    return tp_where(none, (double)NAN, tp_div(sum, tp_where(none, 1, total)));
}

/* True if there is a weight for each class, or none. */
static bool loss_weight_fits(const char *call, const tp_class_options *own, const tp_var *x)
{
    const int64_t *classes = tp__shape(x) + (x->ndim > 1);
    if (!own->weight || tp__same_shape(own->weight, 1, classes))
        return true;
    tp__refuse_shape(call, "weight", own->weight, "(%lld,): one for each class",
                     (long long)*classes);
    return false;
}

/* Reduces losses, from which those that do not count are absent; weights is what the mean is over.
 */
static tp_var *loss_of_rows(tp_var *loss, tp_var *weights, bool ignores, tp_reduction reduction)
{
    if (tp_is_poison(loss) || tp_is_poison(weights))
        return tp__poison();
    return reduction == TP_MEAN ? loss_mean(loss, weights, ignores) : tp__reduced(loss, reduction);
}

/* counts: 1 for targets that are not ignored. */
static tp_var *loss_of_classes(const char *call, tp_var *logs, tp_var *target, tp_var *counts,
                               const tp_class_options *own)
{
    int axis = logs->ndim > 1;
    if (!loss_weight_fits(call, own, logs))
        return tp__poison();
    tp_var *weights = loss_weights(logs, own, counts, &target);
    if (tp_is_poison(weights))
        return weights;
    tp_var *picked = tp_gather(logs, axis, tp_unsqueeze(target, axis));
    if (tp_is_poison(picked))
        return picked;
    bool ignores = loss_ignores(counts);
    picked = tp_squeeze(picked, axis);
    picked = ignores ? tp_where(counts, picked, 0) : picked;
    tp_var *loss = tp_neg(own->weight ? loss_product(weights, picked) : tp_mul(weights, picked));
    if (own->label_smoothing > 0) {
        double classes = (double)tp__shape(logs)[axis], rest = own->label_smoothing;
        tp_var *spread = tp_where(counts, loss_spread(logs, own, axis), 0);
        loss = tp_add(tp_mul(1 - rest, loss), tp_mul(rest / classes, spread));
    }
    return loss_of_rows(loss, weights, ignores, own->reduction);
}

tp_var *(tp_nll_loss)(tp_var *x, tp_var *target, const tp_class_options *given)
{
    TP__CALL("nll_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_nll_loss)(x, target, given), &x);
    tp_class_options own;
    if (!loss_take_class("nll_loss", x, target, given, &own))
        return tp__poison();
    if (own.label_smoothing != 0)
        return tp_fail(TP_ERROR_ARGUMENT, "nll_loss: label_smoothing is for cross_entropy only");
    x = tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
    return loss_of_classes("nll_loss", x, target, loss_counts(target, &own), &own);
}

/* --- Cross-entropy: one operation on rows of classes --- */

static tp_var *loss_classes(void)
{
    return tp_array(TP_I64, TP_SHAPE(4), ((int64_t[]){2, 0, -100, 1}));
}

static tp_var *loss_class_weights(void)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.5, 1.5, 0}));
}

#define LOSS_CLASSES "torch.tensor([2, 0, -100, 1])"

/* Where the target is no class, what may be infinite or NaN has no part. */
static tp_var *cross_entropy_counted(tp_var *x, tp_var *counts, int axis)
{
    return loss_ignores(counts) ? tp_where(tp_unsqueeze(counts, axis), x, 0) : x;
}

static tp_var *cross_entropy_compose(const tp_var *y, tp_var *const *x)
{
    tp_var *target = x[1], *counts = tp_ne(target, y->attr.integer);
    tp_var *logs = tp_log_softmax(cross_entropy_counted(x[0], counts, -1), -1);
    bool ignores = loss_ignores(counts);
    target = ignores ? tp_where(counts, target, 0) : target;
    tp_var *loss = tp_neg(tp_squeeze(tp_gather(logs, -1, tp_unsqueeze(target, -1)), -1));
    return ignores ? tp_where(counts, loss, 0) : loss;
}

static bool cross_entropy_infer(tp__call *call)
{
    const tp_var *x = call->in[0], *target = tp__plain(call->in[1]);
    if (tp_is_poison(target))
        return false;
    int64_t classes = tp__shape(x)[x->ndim - 1];
    const int64_t *at = target->data;
    for (int64_t i = 0; i < target->size; i++)
        if ((uint64_t)at[i] >= (uint64_t)classes && at[i] != call->attr.integer) {
            tp_fail(TP_ERROR_ARGUMENT,
                    "cross_entropy: target %lld is out of range for %lld classes", (long long)at[i],
                    (long long)classes);
            return false;
        }
    call->dtype = (tp_dtype)x->dtype;
    call->ndim = x->ndim - 1;
    memcpy(call->shape, tp__shape(x), (size_t)call->ndim * sizeof *call->shape);
    return true;
}

static tp_var *cross_entropy_sample(tp_var *const *x)
{
    return tp_cross_entropy(x[0], loss_classes(), .weight = loss_class_weights(),
                            .label_smoothing = 0.1);
}

static tp_var *cross_entropy_sample_plain(tp_var *const *x)
{
    return tp_cross_entropy(x[0], loss_classes(), .reduction = TP_SUM);
}

static const tp__op cross_entropy_op = {
    .label = "CrossEntropy",
    .name = "cross_entropy",
    .n_in = 2,
    .flags = TP__COSTLY,
    .reads = {TP__READS_0 | TP__READS_1 | TP__READS_OUT},
    .infer = cross_entropy_infer,
    .forward = tp__rows_log_sum,
    .gradient = tp__rows_log_sum_pull,
    .compose = cross_entropy_compose,
    .formula = "nll_loss of log_softmax x",
    .rule = "gy (softmax x − 1 at the target)",
    .samples = (const tp__sample[]){{"4,3", cross_entropy_sample,
                                     "F.cross_entropy(x0, " LOSS_CLASSES
                                     ", torch.tensor([0.5, 1.5, 0]).to(x0), label_smoothing=0.1)"},
                                    {"4,3", cross_entropy_sample_plain,
                                     "F.cross_entropy(x0, " LOSS_CLASSES ", reduction='sum')"},
                                    {0}},
};

/* x (N, C, …) as (N, …, C). */
static tp_var *cross_entropy_rows(tp_var *x)
{
    int64_t order[TP_MAX_NDIM];
    if (x->ndim < 3)
        return x;
    for (int i = 0; i < x->ndim; i++)
        order[i] = i == 0 ? 0 : i + 1 < x->ndim ? i + 1 : 1;
    return tp_permute(x, x->ndim, order);
}

tp_var *(tp_cross_entropy)(tp_var *x, tp_var *target, const tp_class_options *given)
{
    TP__CALL("cross_entropy");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_cross_entropy)(x, target, given), &x);
    tp_class_options own;
    if (!loss_take_class("cross_entropy", x, target, given, &own) ||
        !loss_weight_fits("cross_entropy", &own, x))
        return tp__poison();
    tp_var *counts = loss_counts(target, &own);
    if (own.label_smoothing > 0) {
        x = cross_entropy_counted(x, counts, x->ndim > 1);
        x = tp_log_softmax(x, x->ndim > 1);
        return tp_is_poison(x) ? x : loss_of_classes("cross_entropy", x, target, counts, &own);
    }
    x = tp__is_float((tp_dtype)x->dtype) ? x : tp_to(x, TP_F64);
    tp_var *in[] = {cross_entropy_rows(x), tp_to(target, TP_I64)};
    tp_var *loss =
        tp__apply(&cross_entropy_op, in, 2, (tp__attr){.integer = own.ignore_index}, -1, NULL);
    if (tp_is_poison(loss))
        return loss;
    tp_var *weights = loss_weights(x, &own, counts, &target);
    loss = own.weight && !tp_is_poison(weights) ? loss_product(weights, loss) : loss;
    return loss_of_rows(loss, weights, loss_ignores(counts), own.reduction);
}

/* --- Of pairs --- */

/* |v| along an axis. If v² is out of range v becomes float64, or is divided by a scale, and so is
 * *least. */
static tp_var *cosine_size(tp_var **v, tp_var **least, const tp_reduce_options *along)
{
    tp_var *squares = (tp_sum)(tp_square(*v), along);
    tp_var *scale = tp__range_scale(*v, 2, squares, along);
    if (!scale)
        return tp__safe_root(squares);
    if (!tp_is_poison(scale) && (*v)->dtype == TP_F32) {
        *v = tp_to(*v, TP_F64);
        return cosine_size(v, least, along);
    }
    *v = tp_div(*v, scale);
    tp_var *size = tp__safe_root((tp_sum)(tp_square(*v), along));
    if (!tp_is_poison(size))
        *least = tp_div(*least, tp_reshape(scale, size->ndim, tp__shape(size)));
    return size;
}

tp_var *tp_cosine_similarity(tp_var *a, tp_var *b, int axis)
{
    TP__CALL("cosine_similarity");
    TP__OPERANDS(a, b);
    TP__IN_FLOAT32(tp_cosine_similarity(a, b, axis), &a, &b);
    if (!tp__check_operand("cosine_similarity", a) || !tp__check_operand("cosine_similarity", b))
        return tp__poison();
    const tp_reduce_options along = {.size = sizeof along, .axes.one = axis};
    if (!tp__is_float(tp__promote((tp_var *[]){a, b}, 2)))
        a = tp_to(a, TP_F64);
    tp_var *product = tp_mul(a, b), *least = tp_num(1e-8);
    if (tp_is_poison(product))
        return product;
    a = tp_broadcast_to(tp_to(a, tp_dtype_of(product)), product->ndim, tp__shape(product));
    b = tp_broadcast_to(tp_to(b, tp_dtype_of(product)), product->ndim, tp__shape(product));
    tp_var *size_a = cosine_size(&a, &least, &along), *size_b = cosine_size(&b, &least, &along);
    tp_var *cosine =
        tp_div((tp_sum)(tp_mul(a, b), &along), tp_maximum(tp_mul(size_a, size_b), least));
    return tp_to(cosine, tp_dtype_of(product));
}

tp_var *(tp_cosine_embedding_loss)(tp_var *a, tp_var *b, tp_var *target, double margin,
                                   const tp_loss_options *given)
{
    TP__CALL("cosine_embedding_loss");
    TP__OPERANDS(a, b, target);
    TP__IN_FLOAT32((tp_cosine_embedding_loss)(a, b, target, margin, given), &a, &b);
    tp_loss_options own;
    if (!tp__check_operand("cosine_embedding_loss", b) ||
        !loss_options("cosine_embedding_loss", a, target, given, &own))
        return tp__poison();
    if (!tp__check_within("cosine_embedding_loss", "margin", margin, -DBL_MAX, DBL_MAX))
        return tp__poison();
    tp_var *cosine = tp_cosine_similarity(a, b, -1);
    loss_warn_of_pairs("cosine_embedding_loss", cosine, target);
    tp_var *apart = (tp_clamp)(tp_sub(cosine, margin), tp_num(0), NULL);
    return tp__reduced(tp_where(tp_gt(target, 0), tp_sub(1, cosine), apart), own.reduction);
}

tp_var *(tp_hinge_embedding_loss)(tp_var *x, tp_var *target, double margin,
                                  const tp_loss_options *given)
{
    TP__CALL("hinge_embedding_loss");
    TP__OPERANDS(x, target);
    TP__IN_FLOAT32((tp_hinge_embedding_loss)(x, target, margin, given), &x);
    tp_loss_options own;
    if (!loss_pair_options("hinge_embedding_loss", x, target, given, &own))
        return tp__poison();
    if (!tp__check_within("hinge_embedding_loss", "margin", margin, -DBL_MAX, DBL_MAX))
        return tp__poison();
    tp_var *apart = (tp_clamp)(tp_sub(margin, x), tp_num(0), NULL);
    return tp__reduced(tp_where(tp_gt(target, 0), x, apart), own.reduction);
}

/* --- Records, for tests and the list of operations --- */

static tp_var *loss_signs(void)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){1, -1, 1}));
}

#define LOSS_SIGNS "torch.tensor([1., -1., 1.])"

/* clang-format off */
TP__FUNCTION_RECORD(MseLoss, mse_loss, 2, "(x − target)²", TP__ANYWHERE, "2,3; 2,3", tp_mse_loss(x[0], x[1]), "(x0 - x1).square().mean()")
TP__FUNCTION_RECORD(L1Loss, l1_loss, 2, "|x − target|", TP__DISTINCT, "2,3; 2,3", tp_l1_loss(x[0], x[1], .reduction = TP_SUM), "(x0 - x1).abs().sum()")
TP__FUNCTION_RECORD(HuberLoss, huber_loss, 2, "d² / 2 for |d| < δ, else δ (|d| − δ / 2), of d = x − target", TP__DISTINCT, "2,3; 2,3", tp_huber_loss(x[0], x[1], 0.7), "F.huber_loss(x0, x1.expand_as(x0 + x1), delta=0.7)")
TP__FUNCTION_RECORD(SmoothL1Loss, smooth_l1_loss, 2, "huber_loss / β, δ = β", TP__DISTINCT, "2,3; 2,3", tp_smooth_l1_loss(x[0], x[1], 0.7), "F.smooth_l1_loss(x0, x1, beta=0.7)")
TP__FUNCTION_RECORD(BinaryCrossEntropy, binary_cross_entropy, 2, "−target ln x − (1 − target) ln(1 − x)", TP__FRACTION, "2,3; 2,3", tp_binary_cross_entropy(x[0], x[1]), "-(x1 * x0.log().clamp(min=-100) + (1 - x1) * (1 - x0).log().clamp(min=-100)).mean()")
TP__FUNCTION_RECORD(BinaryCrossEntropyWithLogits, binary_cross_entropy_with_logits, 2, "binary_cross_entropy of sigmoid x", TP__ANYWHERE, "2,3; 2,3", tp_binary_cross_entropy_with_logits(x[0], x[1]), "(F.softplus(x0) - x0 * x1).mean()")
TP__FUNCTION_RECORD(KlDiv, kl_div, 2, "target (ln target − x)", TP__POSITIVE, "2,3; 2,3", tp_kl_div(x[0], x[1]), "(torch.xlogy(x1, x1) - x1 * x0).mean()")
TP__FUNCTION_RECORD(NllLoss, nll_loss, 1, "−weight[target] x[target]", TP__ANYWHERE, "4,3", tp_nll_loss(x[0], loss_classes()), "F.nll_loss(x0, " LOSS_CLASSES ")")
TP__FUNCTION_RECORD(CosineSimilarity, cosine_similarity, 2, "Σ a b / (|a| |b|)", TP__ANYWHERE, "2,3; 2,3", tp_cosine_similarity(x[0], x[1], 1), "F.cosine_similarity(x0, x1, 1)")
TP__FUNCTION_RECORD(CosineEmbeddingLoss, cosine_embedding_loss, 2, "1 − cosine where target is 1, else max(cosine − margin, 0)", TP__ANYWHERE, "3,2; 3,2", tp_cosine_embedding_loss(x[0], x[1], loss_signs(), 0.2), "F.cosine_embedding_loss(x0, x1, " LOSS_SIGNS ", margin=0.2)")
TP__FUNCTION_RECORD(HingeEmbeddingLoss, hinge_embedding_loss, 1, "x where target is 1, else max(margin − x, 0)", TP__ANYWHERE, "3", tp_hinge_embedding_loss(x[0], loss_signs(), 1), "F.hinge_embedding_loss(x0, " LOSS_SIGNS ")")
/* clang-format on */

static const tp__op *const loss_ops[] = {&mse_loss_op,
                                         &l1_loss_op,
                                         &huber_loss_op,
                                         &smooth_l1_loss_op,
                                         &binary_cross_entropy_op,
                                         &binary_cross_entropy_with_logits_op,
                                         &kl_div_op,
                                         &nll_loss_op,
                                         &cross_entropy_op,
                                         &cosine_similarity_op,
                                         &cosine_embedding_loss_op,
                                         &hinge_embedding_loss_op,
                                         NULL};

const tp__family tp__family_loss = {"loss", "losses", loss_ops};
