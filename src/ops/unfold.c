/* SPDX-License-Identifier: MIT
 *
 * Windows as columns and back: convolutions of each channel by itself with kernels that have a
 * single 1.
 */
#include "base/features.h"

#include "array/array.h"
#include "ops/families.h"
#include "tinypytorch.h"

typedef struct unfold_plan {
    tp_conv_options conv;
    int64_t kernel[2], stride[2], padding[2], dilation[2];
} unfold_plan;

static bool unfold_begin(const char *call, const tp_var *x, int ndim, int n, const int64_t *kernel,
                         const tp_conv_options *given, unfold_plan *plan)
{
    *plan = (unfold_plan){.conv = TP_OPTIONS(tp_conv_options)};
    const tp_sizes sizes = {
        .n = n, .at = {n > 0 && kernel ? kernel[0] : 0, n > 1 && kernel ? kernel[1] : 0}};
    if (!tp__check_operand(call, x) ||
        !tp__take_options(call, &plan->conv, sizeof plan->conv, given) ||
        !tp__take_sizes(call, "kernel", &sizes, 2, 1, plan->kernel) ||
        !tp__take_sizes(call, "stride", &plan->conv.stride, 2, 1, plan->stride) ||
        !tp__take_sizes(call, "padding", &plan->conv.padding, 2, 0, plan->padding) ||
        !tp__take_sizes(call, "dilation", &plan->conv.dilation, 2, 1, plan->dilation))
        return false;
    const tp_sizes *more = &plan->conv.output_padding;
    if (plan->conv.groups != 1 || plan->conv.same || more->n > 0 || more->one != 0) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: groups, same and output_padding are not for windows", call);
        return false;
    }
    if (x->ndim == ndim)
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: x has %d dimensions, expected %d", call, x->ndim, ndim);
    return false;
}

/* (channels · taps, 1, kernel…): tap k of each channel. */
static tp_var *unfold_weight(const unfold_plan *plan, tp_dtype dtype, int64_t channels)
{
    int64_t taps = plan->kernel[0] * plan->kernel[1];
    tp_var *one =
        tp_reshape(tp_eye(dtype, taps), TP_SHAPE(taps, 1, plan->kernel[0], plan->kernel[1]));
    return tp_is_poison(one) ? one : tp_repeat(one, TP_SHAPE(channels, 1, 1, 1));
}

/* y of one image, which came without the first axis. */
static tp_var *unfold_single(tp_var *y)
{
    return tp_is_poison(y) ? y : tp_squeeze(y, 0);
}

tp_var *(tp_unfold)(tp_var *x, int n, const int64_t *kernel, const tp_conv_options *options)
{
    if (x && x->ndim == 3)
        return unfold_single((tp_unfold)(tp_unsqueeze(x, 0), n, kernel, options));
    unfold_plan plan;
    if (!unfold_begin("unfold", x, 4, n, kernel, options, &plan))
        return tp__poison();
    const int64_t *shape = tp__shape(x);
    if (shape[1] == 0 || shape[2] == 0 || shape[3] == 0)
        return tp_fail(TP_ERROR_SHAPE, "unfold: an image has no elements");
    plan.conv.groups = shape[1];
    tp_var *w = unfold_weight(&plan, (tp_dtype)x->dtype, shape[1]);
    tp_var *y = tp_is_poison(w) ? w : (tp_conv2d)(x, w, NULL, &plan.conv);
    if (tp_is_poison(y))
        return y;
    shape = tp__shape(y);
    return tp_reshape(y, TP_SHAPE(shape[0], shape[1], shape[2] * shape[3]));
}

tp_var *(tp_fold)(tp_var *x, int64_t height, int64_t width, int n, const int64_t *kernel,
                  const tp_conv_options *options)
{
    if (x && x->ndim == 2)
        return unfold_single((tp_fold)(tp_unsqueeze(x, 0), height, width, n, kernel, options));
    unfold_plan plan;
    if (!unfold_begin("fold", x, 3, n, kernel, options, &plan))
        return tp__poison();
    int64_t size[] = {height, width}, windows[2], rest[2], taps = plan.kernel[0] * plan.kernel[1];
    for (int i = 0; i < 2; i++) {
        int64_t reach = plan.dilation[i] * (plan.kernel[i] - 1) + 1;
        int64_t room = size[i] + 2 * plan.padding[i] - reach;
        windows[i] = room < 0 ? 0 : room / plan.stride[i] + 1;
        rest[i] = room < 0 ? 0 : room % plan.stride[i];
    }
    const int64_t *shape = tp__shape(x);
    int64_t count = windows[0] * windows[1];
    if (count != shape[2] || shape[2] == 0 || shape[1] % taps || !shape[1]) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE,
                       "fold: x %s does not fit %lld windows of %lld elements in each channel",
                       tp__shape_text(text, 3, shape), (long long)count, (long long)taps);
    }
    plan.conv.groups = shape[1] / taps;
    plan.conv.output_padding = TP_SIZES(rest[0], rest[1]);
    tp_var *w = unfold_weight(&plan, (tp_dtype)x->dtype, plan.conv.groups);
    tp_var *wide = tp_reshape(x, TP_SHAPE(shape[0], shape[1], windows[0], windows[1]));
    if (tp_is_poison(w) || tp_is_poison(wide))
        return tp__poison();
    return (tp_conv_transpose2d)(wide, w, NULL, &plan.conv);
}

/* --- Records, for tests and the list of operations --- */

static tp_var *unfold_sample(tp_var *const *x)
{
    return tp_unfold(x[0], TP_SHAPE(2), .padding = TP_SIZES(1), .stride = TP_SIZES(2, 1));
}

static tp_var *fold_sample(tp_var *const *x)
{
    return tp_fold(x[0], 3, 4, TP_SHAPE(2), .stride = TP_SIZES(1, 2));
}

static const tp__op unfold_op = {
    .label = "Unfold",
    .name = "unfold",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "the windows of x as columns",
    .rule = "fold(gy)",
    .samples =
        (const tp__sample[]){
            {"1,2,3,4", unfold_sample, "F.unfold(x0, 2, padding=1, stride=(2, 1))"}, {0}},
};

static const tp__op fold_op = {
    .label = "Fold",
    .name = "fold",
    .n_in = 1,
    .flags = TP__COMPOSITE,
    .formula = "columns added where their windows are",
    .rule = "unfold(gy)",
    .samples = (const tp__sample[]){{"1,8,4", fold_sample,
                                     "F.fold(x0, (3, 4), 2, stride=(1, 2)) if x0.dim() == 3 "
                                     "else x0[:, :, :, :, 0]"},
                                    {0}},
};

static const tp__op *const unfold_ops[] = {&unfold_op, &fold_op, NULL};

const tp__family tp__family_unfold = {"unfold", "windows", unfold_ops};
