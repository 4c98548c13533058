/* SPDX-License-Identifier: MIT
 *
 * Windows as columns and back. Tap (i, j) of every window is a slice of the padded image, one
 * element in `stride`; unfold puts these side by side, and fold adds them where they were.
 */
#include "base/features.h"

#include "array/array.h"
#include "base/alloc.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
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
    tp__refuse_shape(call, "x", x, "%d axes", ndim);
    return false;
}

/* How many windows there are along each axis of padded images, 0 where none fits. */
static void unfold_windows(const unfold_plan *plan, const int64_t *size, int64_t *windows)
{
    for (int i = 0; i < 2; i++) {
        int64_t reach = plan->dilation[i] * (plan->kernel[i] - 1) + 1;
        int64_t room = size[i] + 2 * plan->padding[i] - reach;
        windows[i] = room < 0 ? 0 : room / plan->stride[i] + 1;
    }
}

/* Where tap k of all windows lies along axis i, as a slice's start; its stop is *stop. */
static int64_t unfold_tap(const unfold_plan *plan, int i, int64_t k, const int64_t *windows,
                          int64_t *stop)
{
    int64_t start = k * plan->dilation[i];
    *stop = start + (windows[i] - 1) * plan->stride[i] + 1;
    return start;
}

/* A slice of each tap, or, given columns, an image with the tap's column where the slice is. */
static tp_var *unfold_tap_of(const unfold_plan *plan, tp_var *image, tp_var *column, int64_t tap,
                             const int64_t *windows)
{
    int64_t y_stop, x_stop;
    int64_t y = unfold_tap(plan, 0, tap / plan->kernel[1], windows, &y_stop);
    int64_t x = unfold_tap(plan, 1, tap % plan->kernel[1], windows, &x_stop);
    tp_var *rows = tp_slice(image, 2, y, y_stop, plan->stride[0]);
    if (!column || tp_is_poison(rows))
        return tp_is_poison(rows) ? rows : tp_slice(rows, 3, x, x_stop, plan->stride[1]);
    tp_var *placed = tp_slice_scatter(rows, column, 3, x, x_stop, plan->stride[1]);
    return tp_is_poison(placed) ? placed
                                : tp_slice_scatter(image, placed, 2, y, y_stop, plan->stride[0]);
}

static tp_var *unfold_padded(const unfold_plan *plan, tp_var *x, int sign)
{
    for (int i = 0; i < 2; i++) {
        int64_t padding = sign * plan->padding[i];
        x = tp_is_poison(x) || !padding ? x : tp_pad(x, 2 + i, padding, padding, 0);
    }
    return x;
}

/* y of one image, which came without the first axis. */
static tp_var *unfold_single(tp_var *y)
{
    return tp_is_poison(y) ? y : tp_squeeze(y, 0);
}

tp_var *(tp_unfold)(tp_var *x, int n, const int64_t *kernel, const tp_conv_options *options)
{
    TP__CALL("unfold");
    TP__OPERANDS(x);
    if (tp__has_axes(x, 3))
        return unfold_single((tp_unfold)(tp_unsqueeze(x, 0), n, kernel, options));
    unfold_plan plan;
    int64_t windows[2];
    if (!unfold_begin("unfold", x, 4, n, kernel, options, &plan))
        return tp__poison();
    const int64_t *shape = tp__shape(x);
    int64_t images = shape[0], channels = shape[1], taps = plan.kernel[0] * plan.kernel[1];
    unfold_windows(&plan, shape + 2, windows);
    if (channels == 0 || shape[2] == 0 || shape[3] == 0)
        return tp__refuse_shape("unfold", "x", x, "images with elements");
    if (windows[0] == 0 || windows[1] == 0 || taps > INT32_MAX)
        return tp_fail(TP_ERROR_SHAPE,
                       "unfold: the kernel reaches over more than the padded image");
    tp_var *padded = unfold_padded(&plan, tp__is_float(x->dtype) ? x : tp_to(x, TP_F64), 1);
    tp_var **columns = tp__alloc_zero((size_t)taps, sizeof *columns), *y = tp__poison();
    for (int64_t k = 0; columns && k < taps; k++)
        columns[k] = tp_is_poison(padded) ? padded : unfold_tap_of(&plan, padded, NULL, k, windows);
    if (columns && !tp_is_poison(padded))
        y = tp_stack(columns, (int)taps, 2);
    tp__free(columns);
    return tp_is_poison(y)
               ? y
               : tp_reshape(y, TP_SHAPE(images, channels * taps, windows[0] * windows[1]));
}

/* The sum of all taps' columns where they are in padded images of zeros. */
static tp_var *fold_taps(const unfold_plan *plan, tp_var *x, const int64_t *shape,
                         const int64_t *windows)
{
    int64_t taps = plan->kernel[0] * plan->kernel[1];
    tp_var *zeros = tp_zeros((tp_dtype)x->dtype, 4, shape), *sum = zeros;
    tp_var *wide = tp_reshape(x, TP_SHAPE(shape[0], shape[1], taps, windows[0], windows[1]));
    for (int64_t k = 0; k < taps && !tp_is_poison(sum); k++) {
        tp_var *column = tp_is_poison(wide) ? wide : tp_select(wide, 2, k);
        tp_var *image =
            tp_is_poison(column) ? column : unfold_tap_of(plan, zeros, column, k, windows);
        sum = k && !tp_is_poison(image) ? tp_add(sum, image) : image;
    }
    return unfold_padded(plan, sum, -1);
}

tp_var *(tp_fold)(tp_var *x, int64_t height, int64_t width, int n, const int64_t *kernel,
                  const tp_conv_options *options)
{
    TP__CALL("fold");
    TP__OPERANDS(x);
    if (tp__has_axes(x, 2))
        return unfold_single((tp_fold)(tp_unsqueeze(x, 0), height, width, n, kernel, options));
    TP__IN_FLOAT32((tp_fold)(x, height, width, n, kernel, options), &x);
    unfold_plan plan;
    int64_t windows[2];
    if (!unfold_begin("fold", x, 3, n, kernel, options, &plan))
        return tp__poison();
    if (height < 1 || width < 1 || height > INT32_MAX || width > INT32_MAX)
        return tp_fail(TP_ERROR_ARGUMENT, "fold: height is %lld and width %lld, expected 1 to %d",
                       (long long)height, (long long)width, INT32_MAX);
    unfold_windows(&plan, (int64_t[]){height, width}, windows);
    const int64_t *shape = tp__shape(x);
    int64_t taps = plan.kernel[0] * plan.kernel[1], count = windows[0] * windows[1];
    if (count != shape[2] || shape[2] == 0 || shape[1] % taps || !shape[1]) {
        char text[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE,
                       "fold: x %s does not fit %lld windows of %lld elements in each channel",
                       tp__shape_text(text, 3, shape), (long long)count, (long long)taps);
    }
    const int64_t padded[] = {shape[0], shape[1] / taps, height + 2 * plan.padding[0],
                              width + 2 * plan.padding[1]};
    return fold_taps(&plan, tp__is_float(x->dtype) ? x : tp_to(x, TP_F64), padded, windows);
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
