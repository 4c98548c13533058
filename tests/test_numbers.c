/* SPDX-License-Identifier: MIT
 *
 * Every floating number that a public function or an option takes: what lies outside of its domain
 * is an error that names the call, and the argument by a word; NaN always does. A row of NUMBERS is
 * a function, the word, the domain, a usual value, and a call with d. A test reads the headers and
 * asks for a row of every such argument and option, so new ones take part.
 */
#define _POSIX_C_SOURCE 200809L
#include "harness.h"

#include <float.h>
#include <math.h>

#include "prototypes.h"

typedef struct numbers_case {
    const char *name, *word;
    double from, to, usual;
    void (*call)(double d);
    struct numbers_case *next;
} numbers_case;

static numbers_case *numbers_first;

#define NUMBERS_NAMED(id, function, word_, from_, to_, usual_, ...)                                \
    static void id(double d)                                                                       \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }                                                                                              \
    __attribute__((constructor)) static void TP__CAT(register_, id)(void)                          \
    {                                                                                              \
        static numbers_case c = {#function, word_, from_, to_, usual_, id, NULL};                  \
        c.next = numbers_first;                                                                    \
        numbers_first = &c;                                                                        \
    }
#define NUMBERS(function, word, from, to, usual, ...)                                              \
    NUMBERS_NAMED(TP__CAT(numbers_, __LINE__), function, word, from, to, usual, __VA_ARGS__)

#define INFINITE ((double)INFINITY)
#define POSITIVE DBL_TRUE_MIN

static tp_var *x23(void)
{
    return tp_full(TP_F64, TP_SHAPE(2, 3), 0.5);
}

static tp_var *of(double d)
{
    return tp_array(TP_F64, TP_SHAPE(3), ((double[]){0.5, d, 0.25}));
}

static tp_var *classes(void)
{
    return tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){0, 1}));
}

static tp_var *train_loss(void *arg, tp_module *net, tp_var *const *batch, tp_var **prediction)
{
    (void)arg, (void)prediction;
    return tp_mean(tp_square(tp_forward(net, batch[0])));
}

static void train(const tp_train_options *options)
{
    tp_module *net = tp_linear_new(3, 1, .dtype = TP_F64);
    tp_var *x = x23(), *params[2];
    tp_parameters(net, 2, params);
    tp_optimizer *o = tp_sgd_new(params, 2, 0.1);
    tp_dataset *d = tp_tensor_dataset_new(1, &x);
    tp_loader *l = tp_loader_new(d, 2);
    (tp_train)(net, train_loss, o, l, options);
    tp_loader_free(l), tp_dataset_free(d), tp_optimizer_free(o), tp_module_free(net);
}

static tp_var *square_of(void *ctx, tp_var *x)
{
    (void)ctx;
    return tp_sum(tp_square(x));
}

static tp_var *square_of_first(void *ctx, tp_var *const *x)
{
    return square_of(ctx, x[0]);
}

static void with_events(double d)
{
    tp_event_writer *w = tp_event_writer_new("numbers_events", 0);
    tp_event_scalar(w, "tag", 0, d);
    tp_event_writer_free(w);
}

static tp_var *param(void)
{
    tp_var *x = tp_variable(x23());
    tp_backward(tp_sum(x));
    return x;
}

#define SGD(...)                                                                                   \
    do {                                                                                           \
        tp_var *x = param(), *v = tp_zeros(TP_F64, TP_SHAPE(2, 3));                                \
        tp_sgd_step(&x, &v, 1, __VA_ARGS__);                                                       \
    } while (0)
#define ADAM(...)                                                                                  \
    do {                                                                                           \
        tp_var *x = param();                                                                       \
        tp_var *m = tp_zeros(TP_F64, TP_SHAPE(2, 3)), *v = tp_zeros(TP_F64, TP_SHAPE(2, 3));       \
        tp_adam_step(&x, &m, &v, 1, 1, __VA_ARGS__);                                               \
    } while (0)
#define OPTIMIZER(...)                                                                             \
    do {                                                                                           \
        tp_var *x = param(), *y = param();                                                         \
        (void)y;                                                                                   \
        tp_optimizer *o = __VA_ARGS__;                                                             \
        tp_optimizer_free(o);                                                                      \
    } while (0)
#define ON_OPTIMIZER(make, ...)                                                                    \
    do {                                                                                           \
        tp_var *x = param(), *y = param();                                                         \
        (void)y;                                                                                   \
        tp_optimizer *o = make(&x, 1, 0.5);                                                        \
        __VA_ARGS__;                                                                               \
        tp_optimizer_free(o);                                                                      \
    } while (0)
#define GROUP(make, ...) ON_OPTIMIZER(make, tp_optimizer_add_group(o, &y, 1, 0.5, __VA_ARGS__))
#define SCHEDULE(...) ON_OPTIMIZER(tp_adam_new, tp_schedule_free(__VA_ARGS__))
#define PLOT(call)                                                                                 \
    do {                                                                                           \
        tp_plot *plot = tp_plot_new(.grid = true);                                                 \
        tp_var *line = tp_arange(TP_F64, 0, 3, 1);                                                 \
        (void)line;                                                                                \
        call;                                                                                      \
        tp_plot_free(plot);                                                                        \
    } while (0)
#define MINIMIZE(...) tp_minimize(square_of, NULL, x23(), &(tp_minimize_result){0}, __VA_ARGS__)
#define LEAST(...) tp_least_squares(square_of, NULL, x23(), &(tp_minimize_result){0}, __VA_ARGS__)
#define ROOT(...)                                                                                  \
    tp_find_root(square_of, NULL, tp_ones(TP_F64, TP_SHAPE(1)), &(tp_minimize_result){0},          \
                 __VA_ARGS__)
#define CHECK_GRADIENT(...) tp_gradcheck(square_of_first, NULL, (tp_var *[]){x23()}, 1, __VA_ARGS__)

/* clang-format off */
NUMBERS(tp_arange, "arange", -DBL_MAX, DBL_MAX, 0, tp_arange(TP_F64, d, d + 1, 1))
NUMBERS(tp_arange, "arange", -DBL_MAX, DBL_MAX, 2, tp_arange(TP_F64, 0, d > 9 ? 9 : d, 1); tp_arange(TP_F64, 0, d < 9 ? 1 : d, d))
NUMBERS(tp_linspace, "linspace", -DBL_MAX, DBL_MAX, 2, tp_linspace(TP_F64, d, 1, 3))
NUMBERS(tp_linspace, "linspace", -DBL_MAX, DBL_MAX, 2, tp_linspace(TP_F64, 1, d, 3))
NUMBERS(tp_full, "full", INT64_MIN, 0x1p62, 2, tp_full(TP_I64, TP_SHAPE(2), d))
NUMBERS(tp_full_like, "full_like", INT64_MIN, 0x1p62, 2, tp_full_like(tp_zeros(TP_I64, TP_SHAPE(2)), d))
NUMBERS(tp_threshold, "threshold", -INFINITE, INFINITE, 2, tp_threshold(x23(), d, 0))
NUMBERS(tp_threshold, "value", -INFINITE, INFINITE, 2, tp_threshold(x23(), 0, d))
NUMBERS(tp_hardshrink, "lambda", 0, INFINITE, 2, tp_hardshrink(x23(), d))
NUMBERS(tp_softshrink, "lambda", 0, DBL_MAX, 2, tp_softshrink(x23(), d))
NUMBERS(tp_rrelu, "lower", -DBL_MAX, DBL_MAX, 0.5, tp_rrelu(x23(), d, d <= DBL_MAX ? DBL_MAX : d, true))
NUMBERS(tp_rrelu, "upper", 0.25, DBL_MAX, 0.5, tp_rrelu(x23(), 0.25, d, false))
NUMBERS(tp_normalize, "p", POSITIVE, INFINITE, 2, tp_normalize(x23(), d, 1))
NUMBERS(tp_dropout1d, "p", 0, 1, 0.5, tp_dropout1d(x23(), d, true))
NUMBERS(tp_dropout2d, "p", 0, 1, 0.5, tp_dropout2d(tp_unsqueeze(x23(), 0), d, true))
NUMBERS(tp_dropout3d, "p", 0, 1, 0.5, tp_dropout3d(tp_reshape(x23(), TP_SHAPE(1, 2, 3, 1)), d, true))
NUMBERS(tp_alpha_dropout, "p", 0, 1, 0.5, tp_alpha_dropout(x23(), d, true))
NUMBERS(tp_feature_alpha_dropout, "p", 0, 1, 0.5, tp_feature_alpha_dropout(x23(), d, true))
NUMBERS(tp_instance_norm, "eps", 0, DBL_MAX, 0.5, tp_instance_norm(tp_unsqueeze(x23(), 0), NULL, NULL, .eps = d))
NUMBERS(tp_local_response_norm, "alpha", -DBL_MAX, DBL_MAX, 0.5, tp_local_response_norm(tp_unsqueeze(x23(), 0), 2, .alpha = d))
NUMBERS(tp_local_response_norm, "beta", -DBL_MAX, DBL_MAX, 0.5, tp_local_response_norm(tp_unsqueeze(x23(), 0), 2, .beta = d))
NUMBERS(tp_local_response_norm, "k", -DBL_MAX, DBL_MAX, 0.5, tp_local_response_norm(tp_unsqueeze(x23(), 0), 2, .k = d))
NUMBERS(tp_pairwise_distance, "p", POSITIVE, INFINITE, 2, tp_pairwise_distance(x23(), x23(), d))
NUMBERS(tp_margin_ranking_loss, "margin", -DBL_MAX, DBL_MAX, 0.5, tp_margin_ranking_loss(x23(), x23(), 1, d))
NUMBERS(tp_poisson_nll_loss, "eps", 0, DBL_MAX, 0.5, tp_poisson_nll_loss(x23(), x23(), .eps = d))
NUMBERS(tp_gaussian_nll_loss, "eps", POSITIVE, DBL_MAX, 0.5, tp_gaussian_nll_loss(x23(), x23(), 1, .eps = d))
NUMBERS(tp_gaussian_nll_loss, "variance", 0, INFINITE, 0.5, tp_gaussian_nll_loss(x23(), x23(), of(d)))
NUMBERS(tp_triplet_margin_loss, "margin", -DBL_MAX, DBL_MAX, 0.5, tp_triplet_margin_loss(x23(), x23(), x23(), .margin = d))
NUMBERS(tp_triplet_margin_loss, "p", POSITIVE, INFINITE, 2, tp_triplet_margin_loss(x23(), x23(), x23(), .p = d))
NUMBERS(tp_multi_margin_loss, "margin", -DBL_MAX, DBL_MAX, 0.5, tp_multi_margin_loss(x23(), classes(), .margin = d))
NUMBERS(tp_batch_norm_, "eps", 0, DBL_MAX, 0.5, tp_batch_norm_(x23(), NULL, NULL, NULL, NULL, .eps = d))
NUMBERS(tp_batch_norm_, "momentum", 0, 1, 0.5, tp_batch_norm_(x23(), NULL, NULL, NULL, NULL, .momentum = d))
NUMBERS(tp_recurrent, "dropout", 0, 1, 0.5, tp_recurrent(TP_RNN_TANH, tp_unsqueeze(x23(), 1), NULL, NULL, ((tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3)), tp_eye(TP_F64, 2)}), 2, .dropout = d))
NUMBERS(tp_pad, "pad", INT64_MIN, 0x1p62, 2, tp_pad(tp_zeros(TP_I64, TP_SHAPE(2)), 0, 1, 1, d))
NUMBERS(tp_addmm, "beta", -DBL_MAX, DBL_MAX, 2, tp_addmm(tp_num(1), x23(), tp_eye(TP_F64, 3), d, 1))
NUMBERS(tp_addmm, "alpha", -DBL_MAX, DBL_MAX, 2, tp_addmm(tp_num(1), x23(), tp_eye(TP_F64, 3), 1, d))
NUMBERS(tp_elu, "alpha", -DBL_MAX, DBL_MAX, 2, tp_elu(x23(), d))
NUMBERS(tp_celu, "alpha", -DBL_MAX, DBL_MAX, 2, tp_celu(x23(), d))
NUMBERS(tp_leaky_relu, "slope", -DBL_MAX, DBL_MAX, 2, tp_leaky_relu(x23(), d))
NUMBERS(tp_norm, "p", -INFINITE, INFINITE, 2, tp_norm(x23(), d))
NUMBERS(tp_huber_loss, "delta", POSITIVE, INFINITE, 2, tp_huber_loss(x23(), x23(), d))
NUMBERS(tp_smooth_l1_loss, "beta", POSITIVE, DBL_MAX, 2, tp_smooth_l1_loss(x23(), x23(), d))
NUMBERS(tp_cosine_embedding_loss, "margin", -DBL_MAX, DBL_MAX, 0.5, tp_cosine_embedding_loss(x23(), x23(), tp_ones(TP_F64, TP_SHAPE(2)), d))
NUMBERS(tp_hinge_embedding_loss, "margin", -DBL_MAX, DBL_MAX, 0.5, tp_hinge_embedding_loss(x23(), x23(), d))
NUMBERS(tp_cross_entropy, "label_smoothing", 0, 1, 0.5, tp_cross_entropy(x23(), classes(), .label_smoothing = d))
NUMBERS(tp_layer_norm, "eps", 0, DBL_MAX, 0.5, tp_layer_norm(x23(), 1, NULL, NULL, .eps = d))
NUMBERS(tp_rms_norm, "eps", 0, DBL_MAX, 0.5, tp_rms_norm(x23(), 1, NULL, .eps = d))
NUMBERS(tp_batch_norm, "eps", 0, DBL_MAX, 0.5, tp_batch_norm(x23(), NULL, NULL, NULL, NULL, .eps = d))
NUMBERS(tp_group_norm, "eps", 0, DBL_MAX, 0.5, tp_group_norm(x23(), 1, NULL, NULL, .eps = d))
NUMBERS(tp_dropout, "p", 0, 1, 0.5, tp_dropout(x23(), d, true))
NUMBERS(tp_scaled_dot_product_attention, "scale", -DBL_MAX, DBL_MAX, -0.5, tp_scaled_dot_product_attention(x23(), x23(), x23(), .scale = d))
NUMBERS(tp_scaled_dot_product_attention, "dropout", 0, 1, 0.5, tp_scaled_dot_product_attention(x23(), x23(), x23(), .dropout = d))
NUMBERS(tp_rotary, "base", POSITIVE, DBL_MAX, 100, tp_rotary(tp_eye(TP_F64, 2), .base = d))
NUMBERS(tp_interpolate, "scale", 0.5, 1e8, 2, tp_interpolate(tp_ones(TP_F64, TP_SHAPE(1, 1, 3)), .scale = d < 1e6 ? d : d * 1e3))
NUMBERS(tp_avg_pool1d, "divisor", -DBL_MAX, DBL_MAX, 2, tp_avg_pool1d(tp_ones(TP_F64, TP_SHAPE(1, 1, 3)), TP_SHAPE(2), .divisor = d))
NUMBERS(tp_sgd_step, "lr", 0, DBL_MAX, 0.5, SGD(.lr = d))
NUMBERS(tp_sgd_step, "momentum", 0, DBL_MAX, 0.5, SGD(.momentum = d))
NUMBERS(tp_sgd_step, "dampening", -DBL_MAX, DBL_MAX, 0.5, SGD(.momentum = 0.5, .dampening = d))
NUMBERS(tp_sgd_step, "weight_decay", 0, DBL_MAX, 0.5, SGD(.weight_decay = d))
NUMBERS(tp_adam_step, "lr", 0, DBL_MAX, 0.5, ADAM(.lr = d))
NUMBERS(tp_adam_step, "beta1", 0, 1 - DBL_EPSILON, 0.5, ADAM(.beta1 = d))
NUMBERS(tp_adam_step, "beta2", 0, 1 - DBL_EPSILON, 0.5, ADAM(.beta2 = d))
NUMBERS(tp_adam_step, "eps", 0, DBL_MAX, 0.5, ADAM(.eps = d))
NUMBERS(tp_adam_step, "weight_decay", 0, DBL_MAX, 0.5, ADAM(.weight_decay = d))
NUMBERS(tp_sgd_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_sgd_new(&x, 1, d)))
NUMBERS(tp_sgd_new, "momentum", 0, DBL_MAX, 0.5, OPTIMIZER(tp_sgd_new(&x, 1, 0.5, .momentum = d)))
NUMBERS(tp_sgd_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_sgd_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_sgd_new, "dampening", -DBL_MAX, DBL_MAX, 0.5, OPTIMIZER(tp_sgd_new(&x, 1, 0.5, .momentum = 0.5, .dampening = d)))
NUMBERS(tp_adagrad_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adagrad_new(&x, 1, d)))
NUMBERS(tp_adagrad_new, "lr_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adagrad_new(&x, 1, 0.5, .lr_decay = d)))
NUMBERS(tp_adagrad_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adagrad_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_adagrad_new, "initial_accumulator_value", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adagrad_new(&x, 1, 0.5, .initial_accumulator_value = d)))
NUMBERS(tp_adagrad_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adagrad_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_adadelta_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adadelta_new(&x, 1, d)))
NUMBERS(tp_adadelta_new, "rho", 0, 1, 0.5, OPTIMIZER(tp_adadelta_new(&x, 1, 0.5, .rho = d)))
NUMBERS(tp_adadelta_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adadelta_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_adadelta_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adadelta_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_rmsprop_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_rmsprop_new(&x, 1, d)))
NUMBERS(tp_rmsprop_new, "alpha", 0, DBL_MAX, 0.5, OPTIMIZER(tp_rmsprop_new(&x, 1, 0.5, .alpha = d)))
NUMBERS(tp_rmsprop_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_rmsprop_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_rmsprop_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_rmsprop_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_rmsprop_new, "momentum", 0, DBL_MAX, 0.5, OPTIMIZER(tp_rmsprop_new(&x, 1, 0.5, .momentum = d)))
NUMBERS(tp_adam_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adam_new(&x, 1, d)))
NUMBERS(tp_adam_new, "beta1", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_adam_new(&x, 1, 0.5, .beta1 = d)))
NUMBERS(tp_adam_new, "beta2", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_adam_new(&x, 1, 0.5, .beta2 = d)))
NUMBERS(tp_adam_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adam_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_adam_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adam_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_adamw_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adamw_new(&x, 1, d)))
NUMBERS(tp_adamw_new, "beta1", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_adamw_new(&x, 1, 0.5, .beta1 = d)))
NUMBERS(tp_adamw_new, "beta2", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_adamw_new(&x, 1, 0.5, .beta2 = d)))
NUMBERS(tp_adamw_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adamw_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_adamw_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adamw_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_adamax_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adamax_new(&x, 1, d)))
NUMBERS(tp_adamax_new, "beta1", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_adamax_new(&x, 1, 0.5, .beta1 = d)))
NUMBERS(tp_adamax_new, "beta2", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_adamax_new(&x, 1, 0.5, .beta2 = d)))
NUMBERS(tp_adamax_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adamax_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_adamax_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_adamax_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_nadam_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_nadam_new(&x, 1, d)))
NUMBERS(tp_nadam_new, "beta1", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_nadam_new(&x, 1, 0.5, .beta1 = d)))
NUMBERS(tp_nadam_new, "beta2", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_nadam_new(&x, 1, 0.5, .beta2 = d)))
NUMBERS(tp_nadam_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_nadam_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_nadam_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_nadam_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_nadam_new, "momentum_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_nadam_new(&x, 1, 0.5, .momentum_decay = d)))
NUMBERS(tp_radam_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_radam_new(&x, 1, d)))
NUMBERS(tp_radam_new, "beta1", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_radam_new(&x, 1, 0.5, .beta1 = d)))
NUMBERS(tp_radam_new, "beta2", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_radam_new(&x, 1, 0.5, .beta2 = d)))
NUMBERS(tp_radam_new, "eps", 0, DBL_MAX, 0.5, OPTIMIZER(tp_radam_new(&x, 1, 0.5, .eps = d)))
NUMBERS(tp_radam_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_radam_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_lion_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_lion_new(&x, 1, d)))
NUMBERS(tp_lion_new, "beta1", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_lion_new(&x, 1, 0.5, .beta1 = d)))
NUMBERS(tp_lion_new, "beta2", 0, 1 - DBL_EPSILON, 0.5, OPTIMIZER(tp_lion_new(&x, 1, 0.5, .beta2 = d)))
NUMBERS(tp_lion_new, "weight_decay", 0, DBL_MAX, 0.5, OPTIMIZER(tp_lion_new(&x, 1, 0.5, .weight_decay = d)))
NUMBERS(tp_optimizer_add_group, "lr", 0, DBL_MAX, 0.5, ON_OPTIMIZER(tp_sgd_new, tp_optimizer_add_group(o, &y, 1, d)))
NUMBERS(tp_optimizer_add_group, "weight_decay", 0, DBL_MAX, 0.5, GROUP(tp_sgd_new, .weight_decay = d))
NUMBERS(tp_optimizer_add_group, "momentum", 0, DBL_MAX, 0.5, GROUP(tp_sgd_new, .momentum = d))
NUMBERS(tp_optimizer_add_group, "dampening", -DBL_MAX, DBL_MAX, 0.5, GROUP(tp_sgd_new, .momentum = 0.5, .dampening = d))
NUMBERS(tp_optimizer_add_group, "beta1", 0, 1 - DBL_EPSILON, 0.5, GROUP(tp_adam_new, .beta1 = d))
NUMBERS(tp_optimizer_add_group, "beta2", 0, 1 - DBL_EPSILON, 0.5, GROUP(tp_adam_new, .beta2 = d))
NUMBERS(tp_optimizer_add_group, "eps", 0, DBL_MAX, 0.5, GROUP(tp_adam_new, .eps = d))
NUMBERS(tp_optimizer_add_group, "alpha", 0, DBL_MAX, 0.5, GROUP(tp_rmsprop_new, .alpha = d))
NUMBERS(tp_optimizer_add_group, "rho", 0, 1, 0.5, GROUP(tp_adadelta_new, .rho = d))
NUMBERS(tp_optimizer_add_group, "lr_decay", 0, DBL_MAX, 0.5, GROUP(tp_adagrad_new, .lr_decay = d))
NUMBERS(tp_optimizer_add_group, "initial_accumulator_value", 0, DBL_MAX, 0.5, GROUP(tp_adagrad_new, .initial_accumulator_value = d))
NUMBERS(tp_optimizer_add_group, "momentum_decay", 0, DBL_MAX, 0.5, GROUP(tp_nadam_new, .momentum_decay = d))
NUMBERS(tp_step_lr_new, "gamma", 0, DBL_MAX, 0.5, SCHEDULE(tp_step_lr_new(o, 2, .gamma = d)))
NUMBERS(tp_multi_step_lr_new, "gamma", 0, DBL_MAX, 0.5, SCHEDULE(tp_multi_step_lr_new(o, NULL, 0, .gamma = d)))
NUMBERS(tp_exponential_lr_new, "gamma", 0, DBL_MAX, 0.5, SCHEDULE(tp_exponential_lr_new(o, d)))
NUMBERS(tp_constant_lr_new, "factor", POSITIVE, 1, 0.5, SCHEDULE(tp_constant_lr_new(o, .factor = d)))
NUMBERS(tp_linear_lr_new, "start_factor", POSITIVE, 1, 0.5, SCHEDULE(tp_linear_lr_new(o, .start_factor = d)))
NUMBERS(tp_linear_lr_new, "end_factor", 0, 1, 0.5, SCHEDULE(tp_linear_lr_new(o, .end_factor = d)))
NUMBERS(tp_polynomial_lr_new, "power", 0, DBL_MAX, 0.5, SCHEDULE(tp_polynomial_lr_new(o, .power = d)))
NUMBERS(tp_cosine_annealing_lr_new, "eta_min", 0, DBL_MAX, 0.5, SCHEDULE(tp_cosine_annealing_lr_new(o, 3, .eta_min = d)))
NUMBERS(tp_cosine_annealing_warm_restarts_new, "eta_min", 0, DBL_MAX, 0.5, SCHEDULE(tp_cosine_annealing_warm_restarts_new(o, 3, .eta_min = d)))
NUMBERS(tp_one_cycle_lr_new, "max_lr", 0, DBL_MAX, 0.5, SCHEDULE(tp_one_cycle_lr_new(o, d, 9)))
NUMBERS(tp_one_cycle_lr_new, "pct_start", 0, 1, 0.5, SCHEDULE(tp_one_cycle_lr_new(o, 0.5, 9, .pct_start = d)))
NUMBERS(tp_one_cycle_lr_new, "base_momentum", 0, 1 - DBL_EPSILON, 0.5, SCHEDULE(tp_one_cycle_lr_new(o, 0.5, 9, .base_momentum = d)))
NUMBERS(tp_one_cycle_lr_new, "max_momentum", 0, 1 - DBL_EPSILON, 0.5, SCHEDULE(tp_one_cycle_lr_new(o, 0.5, 9, .max_momentum = d)))
NUMBERS(tp_one_cycle_lr_new, "div_factor", POSITIVE, DBL_MAX, 0.5, SCHEDULE(tp_one_cycle_lr_new(o, 0.5, 9, .div_factor = d)))
NUMBERS(tp_one_cycle_lr_new, "final_div_factor", POSITIVE, DBL_MAX, 0.5, SCHEDULE(tp_one_cycle_lr_new(o, 0.5, 9, .final_div_factor = d)))
NUMBERS(tp_reduce_lr_on_plateau_new, "factor", 0, 1 - DBL_EPSILON, 0.5, SCHEDULE(tp_reduce_lr_on_plateau_new(o, .factor = d)))
NUMBERS(tp_reduce_lr_on_plateau_new, "threshold", 0, DBL_MAX, 0.5, SCHEDULE(tp_reduce_lr_on_plateau_new(o, .threshold = d)))
NUMBERS(tp_reduce_lr_on_plateau_new, "min_lr", 0, DBL_MAX, 0.5, SCHEDULE(tp_reduce_lr_on_plateau_new(o, .min_lr = d)))
NUMBERS(tp_reduce_lr_on_plateau_new, "eps", 0, DBL_MAX, 0.5, SCHEDULE(tp_reduce_lr_on_plateau_new(o, .eps = d)))
NUMBERS(tp_schedule_step_metric, NULL, 0, 0, 1, ON_OPTIMIZER(tp_sgd_new, tp_schedule *s = tp_reduce_lr_on_plateau_new(o); tp_schedule_step_metric(s, d); tp_schedule_free(s)))
NUMBERS(tp_clip_grad_norm_, "max_norm", 0, DBL_MAX, 1, ON_OPTIMIZER(tp_sgd_new, tp_clip_grad_norm_(&x, 1, d)))
NUMBERS(tp_clip_grad_value_, "clip_value", 0, DBL_MAX, 1, ON_OPTIMIZER(tp_sgd_new, tp_clip_grad_value_(&x, 1, d)))
NUMBERS(tp_grad_scaler_new, "init_scale", POSITIVE, DBL_MAX, 2, tp_grad_scaler_free(tp_grad_scaler_new(.init_scale = d)))
NUMBERS(tp_grad_scaler_new, "growth_factor", 1 + DBL_EPSILON, DBL_MAX, 2, tp_grad_scaler_free(tp_grad_scaler_new(.growth_factor = d)))
NUMBERS(tp_grad_scaler_new, "backoff_factor", POSITIVE, 1 - DBL_EPSILON, 0.5, tp_grad_scaler_free(tp_grad_scaler_new(.backoff_factor = d)))
NUMBERS(tp_ema_new, "decay", 0, 1, 0.5, tp_var *x = param(); tp_ema_free(tp_ema_new(&x, 1, d)))
NUMBERS(tp_lbfgs_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_lbfgs_new(&x, 1, d)))
NUMBERS(tp_lbfgs_new, "tolerance_grad", 0, DBL_MAX, 0.5, OPTIMIZER(tp_lbfgs_new(&x, 1, 0.5, .tolerance_grad = d)))
NUMBERS(tp_lbfgs_new, "tolerance_change", 0, DBL_MAX, 0.5, OPTIMIZER(tp_lbfgs_new(&x, 1, 0.5, .tolerance_change = d)))
NUMBERS(tp_gauss_newton_new, "lr", 0, DBL_MAX, 0.5, OPTIMIZER(tp_gauss_newton_new(&x, 1, d)))
NUMBERS(tp_gauss_newton_new, "damping", 0, DBL_MAX, 0.5, OPTIMIZER(tp_gauss_newton_new(&x, 1, 0.5, .damping = d)))
NUMBERS(tp_gauss_newton_new, "cg_tolerance", 0, DBL_MAX, 0.5, OPTIMIZER(tp_gauss_newton_new(&x, 1, 0.5, .cg_tolerance = d)))
NUMBERS(tp_optimizer_set_lr, "lr", 0, DBL_MAX, 0.5, ON_OPTIMIZER(tp_sgd_new, tp_optimizer_set_lr(o, 0, d)))
NUMBERS(tp_optimizer_set_option, "eps", 0, DBL_MAX, 0.5, ON_OPTIMIZER(tp_adam_new, tp_optimizer_set_option(o, 0, "eps", d)))
NUMBERS(tp_gradcheck, "step", POSITIVE, DBL_MAX, 0.01, CHECK_GRADIENT(.step = d))
NUMBERS(tp_gradcheck, "tolerance", 0, DBL_MAX, 0.01, CHECK_GRADIENT(.tolerance = d))
NUMBERS(tp_minimize, "tolerance", 0, DBL_MAX, 0.01, MINIMIZE(.tolerance = d))
NUMBERS(tp_minimize, "step_tolerance", 0, DBL_MAX, 0.01, MINIMIZE(.step_tolerance = d))
NUMBERS(tp_minimize, "value_tolerance", 0, DBL_MAX, 0.01, MINIMIZE(.value_tolerance = d))
NUMBERS(tp_minimize, "rate", 0, DBL_MAX, 0.01, MINIMIZE(.rate = d))
NUMBERS(tp_least_squares, "tolerance", 0, DBL_MAX, 0.01, LEAST(.tolerance = d))
NUMBERS(tp_least_squares, "step_tolerance", 0, DBL_MAX, 0.01, LEAST(.step_tolerance = d))
NUMBERS(tp_least_squares, "value_tolerance", 0, DBL_MAX, 0.01, LEAST(.value_tolerance = d))
NUMBERS(tp_least_squares, "residual", 0, DBL_MAX, 0.01, LEAST(.residual = d))
NUMBERS(tp_find_root, "tolerance", 0, DBL_MAX, 0.01, ROOT(.tolerance = d))
NUMBERS(tp_find_root, "residual", 0, DBL_MAX, 0.01, ROOT(.residual = d))
NUMBERS(tp_plot_line, "line_width", 0, 1e4, 2, PLOT(tp_plot_line(plot, line, line, .line_width = d)))
NUMBERS(tp_plot_line, "marker_size", 0, 1e4, 2, PLOT(tp_plot_line(plot, line, line, .marker_size = d)))
NUMBERS(tp_plot_line, "opacity", 0, 1, 0.5, PLOT(tp_plot_line(plot, line, line, .opacity = d)))
NUMBERS(tp_plot_contour, "line_width", 0, 1e4, 2, PLOT(tp_plot_contour(plot, line, line, tp_eye(TP_F64, 3), .line_width = d)))
NUMBERS(tp_plot_histogram, "low", -1e300, 1.5, 0.5, PLOT(tp_plot_histogram(plot, line, .low = d)))
NUMBERS(tp_plot_histogram, "high", 0.5, 1e300, 1.5, PLOT(tp_plot_histogram(plot, line, .high = d)))
NUMBERS(tp_plot_training, "smooth", 1, INFINITE, 2, PLOT(tp_plot_training(plot, line, .smooth = d)))
NUMBERS(tp_plot_training, "first", -DBL_MAX, DBL_MAX, 2, PLOT(tp_plot_training(plot, line, .first = d)))
NUMBERS(tp_plot_training, "every", POSITIVE, DBL_MAX, 2, PLOT(tp_plot_training(plot, line, .every = d)))
NUMBERS(tp_plot_images, "low", -INFINITE, INFINITE, 0, PLOT(tp_plot_images(plot, x23(), .low = d)))
NUMBERS(tp_plot_images, "high", -INFINITE, INFINITE, 2, PLOT(tp_plot_images(plot, x23(), .high = d)))

/* Elements of arrays that are parameters. */
NUMBERS(tp_train, "clip_norm", 0, INFINITE, 0.5, train(&(tp_train_options){.size = sizeof(tp_train_options), .epochs = 1, .silent = true, .clip_norm = d}))
NUMBERS(tp_train, "min_delta", 0, INFINITE, 0.5, train(&(tp_train_options){.size = sizeof(tp_train_options), .epochs = 1, .silent = true, .min_delta = d}))
NUMBERS(tp_binary_cross_entropy, "x", 0, 1, 0.5, tp_binary_cross_entropy(of(d), of(0.5)))
NUMBERS(tp_bernoulli, "p", 0, 1, 0.5, tp_bernoulli(of(d)))
NUMBERS(tp_bernoulli, "p", 0, 1, 0.5, tp_bernoulli(tp_to(of(d), TP_F32)))
NUMBERS(tp_normal, "std", 0, INFINITE, 0.5, tp_normal(0, of(d)))
NUMBERS(tp_exponential, "rate", POSITIVE, INFINITE, 0.5, tp_exponential(of(d)))
NUMBERS(tp_uniform, "low", -DBL_MAX, DBL_MAX, 0.5, tp_uniform(of(d), 1))
NUMBERS(tp_uniform, "high", -DBL_MAX, DBL_MAX, 0.5, tp_uniform(0, of(d)))
NUMBERS(tp_multinomial, "weight", 0, DBL_MAX, 0.5, tp_multinomial(of(d), 2, true))
NUMBERS(tp_multinomial, "weight", 0, DBL_MAX, 0.5, tp_multinomial(of(d), 2, false))
NUMBERS(tp_gamma, "shape", POSITIVE, DBL_MAX, 0.5, tp_gamma(of(d)))

/* Networks. */
NUMBERS(tp_dropout_new, "p", 0, 1, 0.5, tp_module_free(tp_dropout_new(d)))
NUMBERS(tp_leaky_relu_new, "slope", -DBL_MAX, DBL_MAX, 0.5, tp_module_free(tp_leaky_relu_new(d)))
NUMBERS(tp_elu_new, "alpha", -DBL_MAX, DBL_MAX, 0.5, tp_module_free(tp_elu_new(d)))
NUMBERS(tp_layer_norm_new, "eps", 0, DBL_MAX, 0.5, tp_module_free(tp_layer_norm_new(TP_SHAPE(3), .eps = d)))
NUMBERS(tp_batch_norm_new, "momentum", 0, 1, 0.5, tp_module_free(tp_batch_norm_new(3, .momentum = d)))
NUMBERS(tp_lstm_new, "dropout", 0, 1, 0.5, tp_module_free(tp_lstm_new(2, 2, .dropout = d)))
NUMBERS(tp_multihead_attention_new, "dropout", 0, 1, 0.5, tp_module_free(tp_multihead_attention_new(2, 2, .dropout = d)))
NUMBERS(tp_transformer_encoder_layer_new, "dropout", 0, 1, 0.5, tp_module_free(tp_transformer_encoder_layer_new(2, 2, 4, .dropout = d)))
NUMBERS(tp_transformer_encoder_layer_new, "eps", 0, DBL_MAX, 0.5, tp_module_free(tp_transformer_encoder_layer_new(2, 2, 4, .eps = d)))
NUMBERS(tp_uniform_, "low", -DBL_MAX, DBL_MAX, 0.5, tp_uniform_(x23(), d, 1))
NUMBERS(tp_uniform_, "high", -DBL_MAX, DBL_MAX, 0.5, tp_uniform_(x23(), 0, d))
NUMBERS(tp_normal_, "mean", -DBL_MAX, DBL_MAX, 0.5, tp_normal_(x23(), d, 1))
NUMBERS(tp_normal_, "std", 0, DBL_MAX, 0.5, tp_normal_(x23(), 0, d))
NUMBERS(tp_trunc_normal_, "mean", -DBL_MAX, DBL_MAX, 0.5, tp_trunc_normal_(x23(), d, 1, -2, 2))
NUMBERS(tp_trunc_normal_, "std", POSITIVE, DBL_MAX, 0.5, tp_trunc_normal_(x23(), 0, d, -2, 2))
NUMBERS(tp_trunc_normal_, "low", -INFINITE, INFINITE, 0.5, tp_trunc_normal_(x23(), 0, 1, d, 2))
NUMBERS(tp_trunc_normal_, "high", -INFINITE, INFINITE, 0.5, tp_trunc_normal_(x23(), 0, 1, -2, d))
NUMBERS(tp_fill_, NULL, 0, 0, 1, tp_fill_(x23(), d))
NUMBERS(tp_xavier_uniform_, "gain", -DBL_MAX, DBL_MAX, 0.5, tp_xavier_uniform_(x23(), d))
NUMBERS(tp_xavier_normal_, "gain", -DBL_MAX, DBL_MAX, 0.5, tp_xavier_normal_(x23(), d))
NUMBERS(tp_kaiming_uniform_, "gain", -DBL_MAX, DBL_MAX, 0.5, tp_kaiming_uniform_(x23(), d, false))
NUMBERS(tp_kaiming_normal_, "gain", -DBL_MAX, DBL_MAX, 0.5, tp_kaiming_normal_(x23(), d, false))
NUMBERS(tp_leaky_relu_gain, NULL, 0, 0, 1, tp_leaky_relu_gain(d))
NUMBERS(tp_orthogonal_, "gain", -DBL_MAX, DBL_MAX, 0.5, tp_orthogonal_(x23(), d))
NUMBERS(tp_sparse_, "sparsity", 0, 1, 0.5, tp_sparse_(x23(), d, 1))
NUMBERS(tp_sparse_, "std", 0, DBL_MAX, 0.5, tp_sparse_(x23(), 0.5, d))

/* Any number is one. */
NUMBERS(tp_event_scalar, NULL, 0, 0, 1, with_events(d))
NUMBERS(tp_num, NULL, 0, 0, 1, tp_num(d))
NUMBERS(tp_scalar, NULL, 0, 0, 1, tp_scalar(d))
NUMBERS(tp_pow_number, NULL, 0, 0, 1, tp_pow_number(x23(), d))
/* clang-format on */

static void run_case(const numbers_case *c, double d, bool good)
{
    TP_SCOPE();
    c->call(d);
    const char *message = tp_error();
    bool names = message && strstr(message, c->name + 3) == message && strstr(message, c->word);
    test_check(good ? !message : tp_status() == TP_ERROR_ARGUMENT && names, __FILE__, __LINE__,
               "%s, %s = %g: %s; expected %s", c->name, c->word ? c->word : "", d,
               message ? message : "no error",
               good ? "none" : "an error that names call and argument");
    tp_clear_error();
}

TEST(numbers_outside_of_their_domain_are_errors)
{
    const double all[] = {(double)NAN, INFINITE, -INFINITE, -1,    -1e308,
                          -1e-3,       0,        1.000001,  1e308, 2};
    for (const numbers_case *c = numbers_first; c; c = c->next) {
        for (size_t i = 0; c->word && i < sizeof all / sizeof *all; i++)
            if (!(all[i] >= c->from && all[i] <= c->to))
                run_case(c, all[i], false);
        run_case(c, c->usual, true);
    }
}

TEST(classes_without_weight_are_never_drawn)
{
    tp_manual_seed(1);
    for (int i = 0; i < 200; i++) {
        TP_SCOPE();
        tp_var *w = tp_array(TP_F64, TP_SHAPE(4), ((double[]){0, 1.5e308, 1.5e308, 0}));
        int64_t k = ((const int64_t *)tp_data(tp_multinomial(w, 1, i % 2)))[0];
        CHECK(k == 1 || k == 2);
    }
    tp_multinomial(tp_zeros(TP_F64, TP_SHAPE(2, 3)), 1, true);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "multinomial: the largest weight of a row is 0");
}

static bool is_covered(const char *name, const char *word)
{
    for (const numbers_case *c = numbers_first; c; c = c->next)
        if (!strcmp(c->name, name) && (!word || (c->word && !strcmp(c->word, word))))
            return true;
    return false;
}

TEST(every_function_that_takes_numbers_is_among_them)
{
    char *headers = prototypes_read(TEST_HEADERS), *at = headers, name[64], parameters[600];
    int n = 0;
    while (headers && prototypes_next(&at, name, parameters))
        if (prototypes_takes(parameters, "double")) {
            n++;
            test_check(is_covered(name, NULL), __FILE__, __LINE__, "add NUMBERS(%s, …)", name);
        }
    CHECK(n > 15);
    free(headers);
}

/* The functions that take a struct of options: one of them has a row for each number in it. */
static bool is_option_covered(char *headers, const char *options, const char *field)
{
    char name[64], parameters[600];
    for (char *at = headers; prototypes_next(&at, name, parameters);)
        if (prototypes_has_word(parameters, options) && is_covered(name, field))
            return true;
    return false;
}

TEST(every_option_that_is_a_number_is_among_them)
{
    char *headers = prototypes_read(TEST_HEADERS), *at = headers;
    int n = 0;
    while (at && (at = strstr(at, "typedef struct tp_"))) {
        char options[64], field[64];
        const char *end = strchr(at, '}');
        bool is_options = sscanf(at, "typedef struct %63[a-z0-9_]", options) == 1 &&
                          strstr(options, "_options") && end;
        for (const char *f = at; is_options && (f = strstr(f, "double ")) && f < end; f++)
            for (const char *part = f + 6; *part != ';' && part[0]; part += strcspn(part, ",;")) {
                part += *part == ',';
                if (sscanf(part, " %63[a-z0-9_]", field) != 1)
                    break;
                n++;
                test_check(is_option_covered(headers, options, field), __FILE__, __LINE__,
                           "add NUMBERS(…, \"%s\", …) for %s", field, options);
            }
        at++;
    }
    CHECK(n > 20);
    free(headers);
}
