/* SPDX-License-Identifier: MIT
 *
 * Calls of convolutions: options, checks, images and bias.
 */
#include "base/features.h"

#include <stdio.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/call.h"
#include "base/dtype.h"
#include "graph/half.h"
#include "ops/conv/conv_op.h"
#include "tinypytorch.h"

typedef struct conv_call {
    const char *name;
    const tp__op *op;
    int ndim;
} conv_call;

static bool conv_options_to_attr(const conv_call *call, const tp_conv_options *options,
                                 tp__conv_attr *attr)
{
    *attr = (tp__conv_attr){.ndim = call->ndim, .groups = options->groups};
    if (attr->groups < 1 || attr->groups > INT32_MAX) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: groups is %lld, expected 1 or more", call->name,
                (long long)attr->groups);
        return false;
    }
    return tp__take_sizes(call->name, "stride", &options->stride, call->ndim, 1, attr->stride) &&
           tp__take_sizes(call->name, "padding", &options->padding, call->ndim, 0, attr->padding) &&
           tp__take_sizes(call->name, "dilation", &options->dilation, call->ndim, 1,
                          attr->dilation);
}

static bool conv_misfits(const conv_call *call, const tp_var *x, const tp_var *w, const char *why)
{
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT], a_name[64], b_name[64];
    tp_fail(TP_ERROR_SHAPE, "%s: x %s%s and weight %s%s do not fit: %s", call->name,
            tp__shape_text(a, x->ndim, tp__shape(x)), tp__name_text(a_name, x),
            tp__shape_text(b, w->ndim, tp__shape(w)), tp__name_text(b_name, w), why);
    return false;
}

/* x, with images in front, and w: their axes and channels. */
static bool conv_check_channels(const conv_call *call, const tp_var *x, const tp_var *w,
                                int64_t groups)
{
    char why[160];
    bool back = call->op == &tp__conv_transpose_op;
    int64_t channels = tp__shape(x)[1], first = tp__shape(w)[0];
    int64_t expected = back ? first : tp__shape(w)[1] * groups;
    if (first % groups || first == 0)
        snprintf(why, sizeof why, "weight's axis 0 of size %lld does not make %lld groups",
                 (long long)first, (long long)groups);
    else if (channels != expected)
        snprintf(why, sizeof why, "x has %lld channels (axis %d), weight and %lld groups want %lld",
                 (long long)channels, -call->ndim - 1, (long long)groups, (long long)expected);
    else
        return true;
    return conv_misfits(call, x, w, why);
}

/* Sizes of the result along spatial axes, and padding if it follows from them. */
static bool conv_result_sizes(const conv_call *call, const tp_var *x, const tp_var *w, bool same,
                              tp__conv_attr *attr)
{
    char why[160];
    for (int i = 0; i < attr->ndim; i++) {
        int64_t in = tp__shape(x)[2 + i], kernel = tp__shape(w)[2 + i];
        int64_t reach = attr->dilation[i] * (kernel - 1);
        if (same)
            attr->padding[i] = reach / 2;
        int64_t padded = in + (same ? reach : 2 * attr->padding[i]);
        attr->size[i] = (padded - reach - 1) / attr->stride[i] + 1;
        if (kernel > 0 && padded > reach)
            continue;
        snprintf(why, sizeof why,
                 "along axis %d the kernel reaches over %lld elements, padded x has %lld",
                 i - attr->ndim, (long long)reach + 1, (long long)padded);
        return conv_misfits(call, x, w, why);
    }
    return true;
}

static bool conv_transpose_sizes(const conv_call *call, const tp_var *x, const tp_var *w,
                                 const int64_t *more, tp__conv_attr *attr)
{
    char why[160];
    for (int i = 0; i < attr->ndim; i++) {
        int64_t in = tp__shape(x)[2 + i], kernel = tp__shape(w)[2 + i];
        attr->size[i] = (in - 1) * attr->stride[i] - 2 * attr->padding[i] +
                        attr->dilation[i] * (kernel - 1) + more[i] + 1;
        if (more[i] >= attr->stride[i] && more[i] >= attr->dilation[i]) {
            tp_fail(
                TP_ERROR_ARGUMENT,
                "%s: output_padding is %lld along axis %d, expected less than the stride (%lld) "
                "or the dilation (%lld)",
                call->name, (long long)more[i], i - attr->ndim, (long long)attr->stride[i],
                (long long)attr->dilation[i]);
            return false;
        }
        if (kernel > 0 && in > 0 && attr->size[i] > 0)
            continue;
        snprintf(why, sizeof why, "the result's size along axis %d is %lld", i - attr->ndim,
                 (long long)attr->size[i]);
        return conv_misfits(call, x, w, why);
    }
    return true;
}

static bool conv_check_bias(const conv_call *call, const tp_var *bias, int64_t channels)
{
    char text[TP__SHAPE_TEXT], name[64];
    if (!bias || (bias->ndim == 1 && bias->size == channels))
        return true;
    tp_fail(TP_ERROR_SHAPE, "%s: bias%s has shape %s, expected (%lld,)", call->name,
            tp__name_text(name, bias), tp__shape_text(text, bias->ndim, tp__shape(bias)),
            (long long)channels);
    return false;
}

static bool conv_operands(const conv_call *call, tp_var *const *in, int n)
{
    for (int i = 0; i < n; i++)
        if (!tp__check_operand_of(call->name, in[i], i, n))
            return false;
    int ndim = call->ndim;
    const tp_var *x = in[0], *w = in[1];
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
    if ((x->ndim == ndim + 1 || x->ndim == ndim + 2) && w->ndim == ndim + 2)
        return true;
    tp_fail(TP_ERROR_SHAPE,
            "%s: x %s and weight %s, expected (images, channels and %d more axes), images or not, "
            "and a weight of %d axes",
            call->name, tp__shape_text(a, x->ndim, tp__shape(x)),
            tp__shape_text(b, w->ndim, tp__shape(w)), ndim, ndim + 2);
    return false;
}

/* Options that would have no effect are errors. */
static bool conv_options_go_together(const conv_call *call, const tp_conv_options *options,
                                     const tp__conv_attr *attr, const int64_t *more)
{
    bool back = call->op == &tp__conv_transpose_op;
    if (options->same && back) {
        tp_fail(TP_ERROR_ARGUMENT, "%s: same is for convolutions only", call->name);
        return false;
    }
    for (int i = 0; i < attr->ndim; i++) {
        if (options->same && attr->stride[i] != 1)
            tp_fail(TP_ERROR_ARGUMENT, "%s: same wants a stride of 1, not %lld", call->name,
                    (long long)attr->stride[i]);
        else if (options->same && attr->padding[i] != 0)
            tp_fail(TP_ERROR_ARGUMENT, "%s: same decides the padding, which is given as %lld",
                    call->name, (long long)attr->padding[i]);
        else if (!back && more[i] != 0)
            tp_fail(TP_ERROR_ARGUMENT, "%s: output_padding is for transposed convolutions only",
                    call->name);
        else
            continue;
        return false;
    }
    return true;
}

/* x and w of one type and a whole number of images. */
static tp_var *conv_images(const conv_call *call, tp_var *x, tp_var *w, tp_var *bias,
                           const tp_conv_options *options)
{
    tp__conv_attr attr;
    int64_t more[TP__CONV_AXES];
    bool back = call->op == &tp__conv_transpose_op, same = options->same && !back;
    if (!conv_options_to_attr(call, options, &attr) ||
        !tp__take_sizes(call->name, "output_padding", &options->output_padding, call->ndim, 0,
                        more) ||
        !conv_check_channels(call, x, w, attr.groups))
        return tp__poison();
    if (!conv_options_go_together(call, options, &attr, more))
        return tp__poison();
    if (back ? !conv_transpose_sizes(call, x, w, more, &attr)
             : !conv_result_sizes(call, x, w, same, &attr))
        return tp__poison();
    int64_t channels = back ? tp__shape(w)[1] * attr.groups : tp__shape(w)[0];
    if (!conv_check_bias(call, bias, channels))
        return tp__poison();
    tp_var *in[] = {x, w, bias};
    if (bias && !back)
        return tp__conv_apply(&tp__conv_bias_op, in, &attr);
    tp_var *y = tp__conv_apply(call->op, in, &attr);
    return bias ? tp__conv_add_bias(y, bias) : y;
}

static tp_var *conv_call_with(const conv_call *call, tp_var *x, tp_var *w, tp_var *bias,
                              const tp_conv_options *given)
{
    if (bias && call->op == &tp__conv_transpose_op) /* the bias is added to the result */
        TP__IN_FLOAT32(conv_call_with(call, x, w, bias, given), &x, &w, &bias);
    tp_conv_options options = TP_OPTIONS(tp_conv_options);
    tp_var *in[] = {x, w, bias};
    if (!conv_operands(call, in, bias ? 3 : 2) ||
        !tp__take_options(call->name, &options, sizeof options, given))
        return tp__poison();
    tp__warn_of_mixed(call->name, in, bias ? 3 : 2);
    tp_dtype dtype = tp__promote(in, bias ? 3 : 2);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    bool single = x->ndim == call->ndim + 1;
    x = tp_to(single ? tp_unsqueeze(x, 0) : x, dtype);
    w = tp_to(w, dtype);
    if (tp_is_poison(x) || tp_is_poison(w))
        return tp__poison();
    tp_var *y = conv_images(call, x, w, bias ? tp_to(bias, dtype) : NULL, &options);
    return single && !tp_is_poison(y) ? tp_squeeze(y, 0) : y;
}

#define CONV_CALL(function, op_, ndim_)                                                            \
    tp_var *(function)(tp_var * x, tp_var * weight, tp_var * bias, const tp_conv_options *options) \
    {                                                                                              \
        static const conv_call call = {TP__AFTER_PREFIX(#function), &op_, ndim_};                  \
        return conv_call_with(&call, x, weight, bias, options);                                    \
    }

CONV_CALL(tp_conv1d, tp__conv_op, 1)
CONV_CALL(tp_conv2d, tp__conv_op, 2)
CONV_CALL(tp_conv3d, tp__conv_op, 3)
CONV_CALL(tp_conv_transpose1d, tp__conv_transpose_op, 1)
CONV_CALL(tp_conv_transpose2d, tp__conv_transpose_op, 2)
CONV_CALL(tp_conv_transpose3d, tp__conv_transpose_op, 3)
