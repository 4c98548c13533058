/* SPDX-License-Identifier: MIT
 *
 * Convolutions. Three records, each bilinear, each a gradient of the other two (ops/conv.h says
 * why): conv (x, w) → y, conv_transpose (y, w) → x, conv_weight (x, y) → w. So all orders follow,
 * and Taylor series are Cauchy products.
 */
#include "base/features.h"

#include <string.h>

#include "array/array.h"
#include "array/promote.h"
#include "base/alloc.h"
#include "base/dtype.h"
#include "graph/apply.h"
#include "graph/half.h"
#include "graph/series.h"
#include "ops/conv/conv_op.h"
#include "ops/families.h"
#include "tinypytorch.h"

static const tp__conv_attr *conv_attr_of(const tp__attr *attr)
{
    return attr->block;
}

tp_var *tp__conv_apply(const tp__op *op, tp_var *const *in, const tp__conv_attr *attr)
{
    tp__conv_attr *block = tp__alloc(sizeof *block);
    if (!block)
        return tp__poison();
    *block = *attr;
    return tp__apply(op, in, op->n_in, (tp__attr){.block = block}, -1, NULL);
}

/* The same with a result of other spatial sizes: those of v. */
static tp_var *conv_apply_like(const tp__op *op, tp_var *a, tp_var *b, const tp__attr *attr,
                               const tp_var *v)
{
    tp__conv_attr like = *conv_attr_of(attr);
    memcpy(like.size, tp__shape(v) + 2, (size_t)like.ndim * sizeof *like.size);
    return tp__conv_apply(op, (tp_var *[]){a, b}, &like);
}

static bool conv_result(tp__call *call, int64_t first, int64_t second)
{
    const tp__conv_attr *attr = conv_attr_of(&call->attr);
    call->dtype = (tp_dtype)call->in[0]->dtype;
    call->ndim = attr->ndim + 2;
    call->shape[0] = first;
    call->shape[1] = second;
    memcpy(call->shape + 2, attr->size, (size_t)attr->ndim * sizeof *call->shape);
    return true;
}

static bool conv_infer(tp__call *call)
{
    return conv_result(call, tp__shape(call->in[0])[0], tp__shape(call->in[1])[0]);
}

static bool conv_transpose_infer(tp__call *call)
{
    return conv_result(call, tp__shape(call->in[0])[0],
                       tp__shape(call->in[1])[1] * conv_attr_of(&call->attr)->groups);
}

static bool conv_weight_infer(tp__call *call)
{
    return conv_result(call, tp__shape(call->in[1])[1],
                       tp__shape(call->in[0])[1] / conv_attr_of(&call->attr)->groups);
}

/* --- Computing --- */

static void conv_describe(tp__conv *conv, const tp__conv_attr *attr, const tp_var *y,
                          const tp_var *x, const tp_var *w)
{
    *conv = (tp__conv){.images = tp__shape(x)[0],
                       .groups = attr->groups,
                       .rows = tp__shape(w)[0] / attr->groups,
                       .channels = tp__shape(w)[1],
                       .x = x->data,
                       .w = w->data,
                       .y = y->data};
    int missing = TP__CONV_AXES - attr->ndim;
    for (int i = 0; i < TP__CONV_AXES; i++) {
        int at = i - missing;
        conv->axis[i] = at < 0 ? (tp__conv_axis){1, 1, 1, 1, 0, 1}
                               : (tp__conv_axis){.in = tp__shape(x)[2 + at],
                                                 .out = tp__shape(y)[2 + at],
                                                 .kernel = tp__shape(w)[2 + at],
                                                 .stride = attr->stride[at],
                                                 .padding = attr->padding[at],
                                                 .dilation = attr->dilation[at]};
    }
}

static double conv_products(const tp__conv *conv)
{
    double n = (double)conv->images * (double)conv->groups * (double)conv->rows;
    n *= (double)conv->channels;
    for (int i = 0; i < TP__CONV_AXES; i++)
        n *= (double)conv->axis[i].out * (double)conv->axis[i].kernel;
    return n;
}

static bool conv_compute(tp__call *call, tp__conv *conv, tp_dtype dtype)
{
    double products = conv_products(conv);
    const tp__conv_kernels *kernels = tp__conv_kernels_of(dtype);
    call->flops = 2 * products;
    if (call->out->size == 0)
        return true;
    return kernels && products > 0 ? tp__conv_fast(conv, kernels) : tp__conv_plain(conv, dtype);
}

/* v's elements side by side, of a type that is computed in; for as long as the scope. */
static tp_var *conv_plain(tp_var *v)
{
    return tp__is_half((tp_dtype)v->dtype) ? tp__own(tp__here(), tp__copy_as(tp__here(), v, TP_F32))
                                           : tp__plain(v);
}

/* Half types are wide while this runs, and no longer. */
static bool conv_run(tp__call *call, tp__conv_factor result)
{
    size_t scope = tp_scope_begin();
    bool half = tp__is_half(call->dtype);
    tp_var *out = half ? tp__empty(TP_F32, call->ndim, call->shape) : call->out;
    const tp_var *a = conv_plain(call->in[0]), *b = conv_plain(call->in[1]);
    const tp_var *bias = call->n_in > 2 ? conv_plain(call->in[2]) : NULL;
    bool good =
        !tp_is_poison(out) && !tp_is_poison(a) && !tp_is_poison(b) && !(bias && tp_is_poison(bias));
    if (good) {
        tp__conv conv;
        const tp_var *y = result == TP__CONV_Y ? out : result == TP__CONV_X ? a : b;
        const tp_var *x = result == TP__CONV_X ? out : a, *w = result == TP__CONV_W ? out : b;
        conv_describe(&conv, conv_attr_of(&call->attr), y, x, w);
        conv.result = result;
        conv.bias = bias ? bias->data : NULL;
        good = conv_compute(call, &conv, tp__working_type(call->dtype));
    }
    if (good && half)
        tp__copy_elements(call->out, out);
    tp_scope_end(scope);
    return good;
}

static bool conv_forward(tp__call *call)
{
    return conv_run(call, TP__CONV_Y);
}

static bool conv_transpose_forward(tp__call *call)
{
    return conv_run(call, TP__CONV_X);
}

static bool conv_weight_forward(tp__call *call)
{
    return conv_run(call, TP__CONV_W);
}

/* --- Records --- */

static void conv_gradient(const tp__pull *pull);
static void conv_bias_gradient(const tp__pull *pull);
static void conv_bias_taylor(const tp__jet *jet);
static void conv_taylor(const tp__jet *jet);
static void conv_transpose_gradient(const tp__pull *pull);
static void conv_weight_gradient(const tp__pull *pull);

static tp_var *conv_sample_bias(tp_var *bias)
{
    return tp__check_operand("conv", bias) ? bias : tp__poison();
}

static tp_var *conv_sample_1(tp_var *const *x)
{
    return tp_conv1d(x[0], x[1], conv_sample_bias(x[2]), .stride = TP_SIZES(2),
                     .padding = TP_SIZES(1));
}

static tp_var *conv_sample_2(tp_var *const *x)
{
    return tp_conv2d(x[0], x[1], NULL, .padding = TP_SIZES(1, 0), .dilation = TP_SIZES(1, 2));
}

static tp_var *conv_sample_groups(tp_var *const *x)
{
    return tp_conv2d(x[0], x[1], conv_sample_bias(x[2]), .groups = 2);
}

static tp_var *conv_sample_3(tp_var *const *x)
{
    return tp_conv3d(x[0], x[1], NULL, .stride = TP_SIZES(1, 2, 1), .padding = TP_SIZES(0, 1, 1));
}

static tp_var *conv_sample_same(tp_var *const *x)
{
    return tp_conv2d(x[0], x[1], NULL, .same = true, .dilation = TP_SIZES(3, 1));
}

static tp_var *conv_transpose_sample_1(tp_var *const *x)
{
    return tp_conv_transpose1d(x[0], x[1], conv_sample_bias(x[2]), .stride = TP_SIZES(3),
                               .padding = TP_SIZES(1), .output_padding = TP_SIZES(2),
                               .dilation = TP_SIZES(2));
}

static tp_var *conv_transpose_sample_2(tp_var *const *x)
{
    return tp_conv_transpose2d(x[0], x[1], NULL, .stride = TP_SIZES(2, 1), .groups = 2);
}

static tp_var *conv_transpose_sample_3(tp_var *const *x)
{
    return (tp_conv_transpose3d)(x[0], x[1], NULL, NULL);
}

static tp_var *conv_weight_sample(tp_var *const *x);

const tp__op tp__conv_op = {
    .label = "Conv",
    .name = "conv",
    .n_in = 2,
    .flags = TP__BILINEAR | TP__HALVES,
    .reads = {TP__READS_1, TP__READS_0},
    TP__OWNS_BLOCK(tp__conv_attr),
    .infer = conv_infer,
    .forward = conv_forward,
    .gradient = conv_gradient,
    .taylor = conv_taylor,
    .formula = "y[p] = Σ w[k] x[p stride + k dilation − padding]",
    .rule = "x: conv_transpose(gy, w); w: conv_weight(x, gy)",
    .torch = "F.conv1d, F.conv2d, F.conv3d",
    .samples = (const tp__sample[]){{"1,2,3,4; 2,2,3,2", conv_sample_2,
                                     "F.conv2d(x0, x1, None, padding=(1, 0), dilation=(1, 2))"},
                                    {"1,3,3; 2,1,2,1", conv_sample_2,
                                     "F.conv2d(x0, x1, None, padding=(1, 0), dilation=(1, 2))"},
                                    {"1,2,3,4; 1,2,2,3", conv_sample_same,
                                     "F.conv2d(x0, x1, None, padding='same', dilation=(3, 1))"},
                                    {"1,1,2,3,2; 2,1,2,2,3", conv_sample_3,
                                     "F.conv3d(x0, x1, None, stride=(1, 2, 1), padding=(0, 1, 1))"},
                                    {0}},
};

const tp__op tp__conv_bias_op = {
    .label = "ConvBias",
    .name = "conv_bias",
    .n_in = 3,
    .flags = TP__HALVES,
    .reads = {TP__READS_1, TP__READS_0},
    TP__OWNS_BLOCK(tp__conv_attr),
    .infer = conv_infer,
    .forward = conv_forward,
    .gradient = conv_bias_gradient,
    .taylor = conv_bias_taylor,
    .formula = "conv(x, w) + bias",
    .rule = "x: conv_transpose(gy, w); w: conv_weight(x, gy); bias: gy summed",
    .torch = "F.conv1d, F.conv2d, F.conv3d",
    .samples =
        (const tp__sample[]){
            {"4,2,5; 2,2,3; 2", conv_sample_1, "F.conv1d(x0, x1, x2, stride=2, padding=1)"},
            {"1,2,3,3; 4,1,2,3; 4", conv_sample_groups, "F.conv2d(x0, x1, x2, groups=2)"},
            {0}},
};

const tp__op tp__conv_transpose_op = {
    .label = "ConvTranspose",
    .name = "conv_transpose",
    .n_in = 2,
    .flags = TP__BILINEAR | TP__HALVES,
    .reads = {TP__READS_1, TP__READS_0},
    TP__OWNS_BLOCK(tp__conv_attr),
    .infer = conv_transpose_infer,
    .forward = conv_transpose_forward,
    .gradient = conv_transpose_gradient,
    .taylor = conv_taylor,
    .formula = "y[p stride + k dilation − padding] += w[k] x[p]",
    .rule = "x: conv(gy, w); w: conv_weight(gy, x)",
    .torch = "F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d",
    .samples =
        (const tp__sample[]){
            {"2,3,3; 3,2,2; 2", conv_transpose_sample_1,
             "F.conv_transpose1d(x0, x1, x2, stride=3, padding=1, output_padding=2, dilation=2)"},
            {"1,4,2,3; 4,1,2,2", conv_transpose_sample_2,
             "F.conv_transpose2d(x0, x1, None, stride=(2, 1), groups=2)"},
            {"1,2,1,2,2; 2,1,2,1,2", conv_transpose_sample_3, "F.conv_transpose3d(x0, x1)"},
            {0}},
};

static const tp__op conv_weight_op = {
    .label = "ConvWeight",
    .name = "conv_weight",
    .n_in = 2,
    .flags = TP__BILINEAR | TP__HALVES,
    .reads = {TP__READS_1, TP__READS_0},
    TP__OWNS_BLOCK(tp__conv_attr),
    .infer = conv_weight_infer,
    .forward = conv_weight_forward,
    .gradient = conv_weight_gradient,
    .taylor = conv_taylor,
    .formula = "y[k] = Σ x1[p] x0[p stride + k dilation − padding]",
    .rule = "x0: conv_transpose(x1, gy); x1: conv(x0, gy)",
    .torch = "torch.nn.grad.conv2d_weight",
    .samples =
        (const tp__sample[]){
            {"2,1,4,3; 2,2,4,3", conv_weight_sample,
             "F.conv2d(x0.transpose(0, 1), x1.transpose(0, 1), None, padding=1).transpose(0, 1)"},
            {0}},
};

static tp_var *conv_weight_sample(tp_var *const *x)
{
    if (!tp__check_operand_of("conv_weight", x[0], 0, 2) ||
        !tp__check_operand_of("conv_weight", x[1], 1, 2))
        return tp__poison();
    for (int i = 0; i < 2; i++)
        if (x[i]->ndim != 4 || x[i]->size == 0)
            return tp__refuse_shape("conv_weight", "x", x[i], "four axes with elements");
    for (int i = 0; i < 4; i++)
        if (i != 1 && tp__shape(x[0])[i] != tp__shape(x[1])[i])
            return tp__refuse_shape("conv_weight", "y", x[1], "x's size along axis %d", i);
    tp_dtype dtype = tp__promote(x, 2);
    dtype = tp__is_float(dtype) ? dtype : TP_F64;
    tp__conv_attr attr = {.ndim = 2,
                          .groups = 1,
                          .stride = {1, 1},
                          .dilation = {1, 1},
                          .padding = {1, 1},
                          .size = {3, 3}};
    tp_var *in[] = {tp_to(x[0], dtype), tp_to(x[1], dtype)};
    return tp__conv_apply(&conv_weight_op, in, &attr);
}

static void conv_gradient(const tp__pull *pull)
{
    const tp__attr *attr = &pull->y->attr;
    if (pull->wanted[0])
        pull->gx[0] =
            conv_apply_like(&tp__conv_transpose_op, pull->gy, pull->x[1], attr, pull->x[0]);
    if (pull->wanted[1])
        pull->gx[1] = conv_apply_like(&conv_weight_op, pull->x[0], pull->gy, attr, pull->x[1]);
}

/* A gradient for each channel's number: first of each plane, whose elements lie side by side. */
static tp_var *conv_bias_sum(tp_var *gy)
{
    tp_dtype dtype = (tp_dtype)gy->dtype;
    int64_t shape[2 + TP__CONV_AXES] = {tp__shape(gy)[0], tp__shape(gy)[1], 1, 1, 1};
    gy = tp__addend(gy);
    tp_var *planes = tp_sum_to(gy, gy->ndim, shape);
    if (tp_is_poison(planes))
        return planes;
    shape[0] = 1;
    planes = tp_reshape(tp_sum_to(planes, gy->ndim, shape), 1, shape + 1);
    return tp_is_poison(planes) ? planes : tp__narrow(planes, dtype);
}

static void conv_bias_gradient(const tp__pull *pull)
{
    conv_gradient(pull);
    if (pull->wanted[2])
        pull->gx[2] = conv_bias_sum(pull->gy);
}

tp_var *tp__conv_add_bias(tp_var *y, tp_var *bias)
{
    int64_t shape[1 + TP__CONV_AXES] = {bias->size, 1, 1, 1};
    return tp_is_poison(y) ? y : tp_add(y, tp_reshape(bias, y->ndim - 1, shape));
}

/* Coefficient k of a bilinear record, or NULL for zero: of half types a sum of float32. */
static tp_var *conv_coefficient(const tp__op *op, const tp__jet *jet, int k)
{
    tp_var *sum = NULL;
    for (int i = 0; i <= k; i++)
        if (jet->x[0][i] && jet->x[1][k - i]) {
            tp_var *in[] = {tp__addend(jet->x[0][i]), tp__addend(jet->x[1][k - i])};
            sum = tp__series_add(sum, tp__conv_apply(op, in, conv_attr_of(&jet->node->attr)));
        }
    return sum;
}

static void conv_taylor(const tp__jet *jet)
{
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = conv_coefficient(jet->node->op, jet, k);
        jet->y[k] = sum ? tp_to(sum, (tp_dtype)jet->node->dtype) : NULL;
    }
}

/* Without the bias it is bilinear. */
static void conv_bias_taylor(const tp__jet *jet)
{
    const tp_var *y = jet->node;
    for (int k = 1; k <= jet->order; k++) {
        tp_var *sum = conv_coefficient(&tp__conv_op, jet, k);
        if (jet->x[2][k])
            sum = tp__conv_add_bias(
                sum ? sum : tp_zeros(tp__working_type((tp_dtype)y->dtype), y->ndim, tp__shape(y)),
                tp__addend(jet->x[2][k]));
        jet->y[k] = sum ? tp_to(sum, (tp_dtype)y->dtype) : NULL;
    }
}

static void conv_transpose_gradient(const tp__pull *pull)
{
    const tp__attr *attr = &pull->y->attr;
    if (pull->wanted[0])
        pull->gx[0] = conv_apply_like(&tp__conv_op, pull->gy, pull->x[1], attr, pull->x[0]);
    if (pull->wanted[1])
        pull->gx[1] = conv_apply_like(&conv_weight_op, pull->gy, pull->x[0], attr, pull->x[1]);
}

static void conv_weight_gradient(const tp__pull *pull)
{
    const tp__attr *attr = &pull->y->attr;
    if (pull->wanted[0])
        pull->gx[0] =
            conv_apply_like(&tp__conv_transpose_op, pull->x[1], pull->gy, attr, pull->x[0]);
    if (pull->wanted[1])
        pull->gx[1] = conv_apply_like(&tp__conv_op, pull->x[0], pull->gy, attr, pull->x[1]);
}

static const tp__op *const conv_ops[] = {&tp__conv_op, &tp__conv_bias_op, &tp__conv_transpose_op,
                                         &conv_weight_op, NULL};

const tp__family tp__family_conv = {"conv", "convolutions", conv_ops};
