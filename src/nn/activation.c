/* SPDX-License-Identifier: MIT
 *
 * Functions of elements as layers, and losses.
 */
#include "base/features.h"

#define TP_NO_SUGAR
#include "tinypytorch/layers.h"

#include <float.h>

#include "base/numbers.h"
#include "nn/layer.h"
#include "tinypytorch/elementwise.h"

/* --- Without parameters: lambdas --- */

#define ACTIVATION(name_new, name, f)                                                              \
    tp_module *name_new(void)                                                                      \
    {                                                                                              \
        return tp_lambda_new(name, f);                                                             \
    }

ACTIVATION(tp_relu_new, "ReLU", tp_relu)
ACTIVATION(tp_gelu_new, "GELU", tp_gelu)
ACTIVATION(tp_silu_new, "SiLU", tp_silu)
ACTIVATION(tp_tanh_new, "Tanh", tp_tanh)
ACTIVATION(tp_sigmoid_new, "Sigmoid", tp_sigmoid)
ACTIVATION(tp_softplus_new, "Softplus", tp_softplus)

/* --- With a number --- */

typedef struct scaled {
    tp_var *(*f)(tp_var *x, double by);
    double by;
} scaled;

static tp_var *scaled_forward(tp_module *m, tp_var *x)
{
    const scaled *self = tp_module_self(m);
    return self->f(x, self->by);
}

static void scaled_describe(const tp_module *m, char *text, size_t size)
{
    tp__format(text, size, "%g", ((const scaled *)tp_module_self(m))->by);
}

static tp_module *scaled_new(const char *name, tp_var *(*f)(tp_var *x, double by), double by)
{
    const tp_module_class is = {.size = sizeof is,
                                .name = name,
                                .self = sizeof(scaled),
                                .forward = scaled_forward,
                                .describe = scaled_describe};
    tp_module *m = tp_module_new(&is);
    if (m)
        *(scaled *)tp_module_self(m) = (scaled){f, by};
    return m;
}

tp_module *tp_leaky_relu_new(double slope)
{
    return tp__check_within("leaky_relu_new", "slope", slope, -DBL_MAX, DBL_MAX)
               ? scaled_new("LeakyReLU", tp_leaky_relu, slope)
               : NULL;
}

tp_module *tp_elu_new(double alpha)
{
    return tp__check_within("elu_new", "alpha", alpha, -DBL_MAX, DBL_MAX)
               ? scaled_new("ELU", tp_elu, alpha)
               : NULL;
}

/* --- Along an axis --- */

typedef struct along {
    tp_var *(*f)(tp_var *x, int axis);
    int axis;
} along;

static tp_var *along_forward(tp_module *m, tp_var *x)
{
    const along *self = tp_module_self(m);
    return self->f(x, self->axis);
}

static tp_module *along_new(const char *name, tp_var *(*f)(tp_var *x, int axis), int axis)
{
    const tp_module_class is = {
        .size = sizeof is, .name = name, .self = sizeof(along), .forward = along_forward};
    tp_module *m = tp_module_new(&is);
    if (m)
        *(along *)tp_module_self(m) = (along){f, axis};
    return m;
}

tp_module *tp_softmax_new(int axis)
{
    return along_new("Softmax", tp_softmax, axis);
}

tp_module *tp_log_softmax_new(int axis)
{
    return along_new("LogSoftmax", tp_log_softmax, axis);
}

/* --- Losses --- */

typedef struct loss {
    tp_var *(*plain)(tp_var *x, tp_var *target, const tp_loss_options *options);
    tp_var *(*of_classes)(tp_var *x, tp_var *target, const tp_class_options *options);
    tp_loss_options options;
    tp_class_options class_options;
} loss;

static void loss_forward(tp_module *m, int n_in, tp_var *const *in, int n_out, tp_var **out)
{
    const loss *self = tp_module_self(m);
    tp_class_options o = self->class_options;
    if (n_in != 2 || n_out != 1) {
        tp_fail(TP_ERROR_ARGUMENT, "forward: a loss is 1 result of 2 values, not %d of %d", n_out,
                n_in);
        return;
    }
    o.weight = m->n_held ? tp__module_held(m, 0) : NULL;
    out[0] = self->plain ? self->plain(in[0], in[1], &self->options)
                         : self->of_classes(in[0], in[1], &o);
}

static tp_module *loss_new(const char *name, const loss *as)
{
    const tp_module_class is = {
        .size = sizeof is, .name = name, .self = sizeof(loss), .forward_n = loss_forward};
    tp_module *m = tp_module_new(&is);
    if (!m)
        return NULL;
    *(loss *)tp_module_self(m) = *as;
    tp_var *weight = as->class_options.weight;
    return tp__layer_done(m, !weight || !tp_is_poison(tp_module_add_buffer(m, "weight", weight)));
}

static tp_module *plain_loss(const char *call, const char *name,
                             tp_var *(*f)(tp_var *x, tp_var *target,
                                          const tp_loss_options *options),
                             const tp_loss_options *options)
{
    loss as = {.plain = f, .options = TP_OPTIONS(tp_loss_options)};
    return tp__take_options(call, &as.options, sizeof as.options, options) ? loss_new(name, &as)
                                                                           : NULL;
}

static tp_module *class_loss(const char *call, const char *name,
                             tp_var *(*f)(tp_var *x, tp_var *target,
                                          const tp_class_options *options),
                             const tp_class_options *options)
{
    loss as = {.of_classes = f, .class_options = TP_OPTIONS(tp_class_options)};
    return tp__take_options(call, &as.class_options, sizeof as.class_options, options)
               ? loss_new(name, &as)
               : NULL;
}

tp_module *(tp_mse_loss_new)(const tp_loss_options *options)
{
    return plain_loss("mse_loss_new", "MSELoss", tp_mse_loss, options);
}

tp_module *(tp_l1_loss_new)(const tp_loss_options *options)
{
    return plain_loss("l1_loss_new", "L1Loss", tp_l1_loss, options);
}

tp_module *(tp_bce_with_logits_loss_new)(const tp_loss_options *options)
{
    return plain_loss("bce_with_logits_loss_new", "BCEWithLogitsLoss",
                      tp_binary_cross_entropy_with_logits, options);
}

tp_module *(tp_cross_entropy_loss_new)(const tp_class_options *options)
{
    return class_loss("cross_entropy_loss_new", "CrossEntropyLoss", tp_cross_entropy, options);
}

tp_module *(tp_nll_loss_new)(const tp_class_options *options)
{
    return class_loss("nll_loss_new", "NLLLoss", tp_nll_loss, options);
}

tp_var *tp_loss(tp_module *m, tp_var *x, tp_var *target)
{
    tp_var *result;
    tp_forward_n(m, 2, (tp_var *[]){x, target}, 1, &result);
    return result;
}
