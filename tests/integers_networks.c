/* SPDX-License-Identifier: MIT
 *
 * Integers that functions of networks, optimisers, data, files and training take: part of
 * test_integers.
 */
#define _POSIX_C_SOURCE 200809L
#include "integers.h"

#include <stdlib.h>

/* --- Networks --- */

static tp_var *with_forward(tp_module *m, tp_var *x)
{
    tp_var *y = tp_forward(m, tp_to(x, TP_F32));
    tp_module_free(m);
    return y;
}

static tp_var *with_values(int n_in, int n_out)
{
    tp_module *m = tp_mse_loss_new();
    tp_var *in[2] = {x23(), x23()}, *out[2] = {NULL, NULL};
    tp_forward_n(m, n_in > 2 ? 2 : n_in, in, n_out > 2 ? 2 : n_out, out);
    return DONE(tp_module_free(m));
}

static tp_var *with_part(int64_t i)
{
    tp_module *m = tp_sequential_new(TP_MODULES(tp_identity_new()));
    tp_module_at(m, i < INT32_MIN ? -1 : i > INT32_MAX ? 7 : (int)i);
    return DONE(tp_module_free(m));
}

static tp_var *with_parameters(int n)
{
    tp_var *out[4];
    tp_module *m = tp_linear_new(2, 2);
    tp_parameters(m, n, out);
    return DONE(tp_module_free(m));
}

static tp_var *with_summary(int n_in)
{
    tp_module *m = tp_linear_new(3, 2, .dtype = TP_F64);
    tp_var *in[2] = {x23(), x23()};
    free(tp_module_summary(m, n_in, in));
    return DONE(tp_module_free(m));
}

/* --- Optimisers --- */

/* clang-format off */
static tp_var *with_optimizer(tp_optimizer *o)
{
    return DONE(tp_optimizer_free(o));
}

static tp_var *with_group(int group, int n, double lr)
{
    tp_var *x = x23(), *y = x23();
    tp_optimizer *o = tp_sgd_new(&x, 1, lr);
    tp_optimizer_add_group(o, &y, n > 1 ? 1 : n, lr);
    tp_optimizer_set_lr(o, group, tp_optimizer_lr(o, group));
    tp_optimizer_set_option(o, group, "momentum", tp_optimizer_option(o, group, "momentum"));
    return with_optimizer(o);
}

static tp_var *with_schedule(tp_schedule *(*make)(tp_optimizer *o, const int64_t *k),
                             const int64_t *k)
{
    tp_var *x = x23();
    tp_optimizer *o = tp_sgd_new(&x, 1, 0.1, .momentum = 0.5);
    tp_schedule *s = make(o, k);
    for (int i = 0; s && i < 4 && !tp_error(); i++)
        tp_schedule_step_metric(s, 1);
    return DONE((tp_schedule_free(s), tp_optimizer_free(o)));
}

#define SCHEDULE(name, ...)                                                                        \
    static tp_schedule *schedule_##name(tp_optimizer *o, const int64_t *k)                         \
    {                                                                                              \
        return (void)o, (void)k, __VA_ARGS__;                                                      \
    }
SCHEDULE(step, tp_step_lr_new(o, k[0]))
SCHEDULE(multi, tp_multi_step_lr_new(o, ((const int64_t[]){k[0], k[1]}), k[2] > 2 ? 2 : to_int(k[2])))
SCHEDULE(cosine, tp_cosine_annealing_lr_new(o, k[0]))
SCHEDULE(restarts, tp_cosine_annealing_warm_restarts_new(o, k[0], .T_mult = k[1]))
SCHEDULE(cycle, tp_one_cycle_lr_new(o, 0.5, k[0]))
SCHEDULE(chained, tp_chained_scheduler_new((tp_schedule *const[]){NULL}, k[0] > 1 ? 1 : to_int(k[0])))
SCHEDULE(sequential, tp_sequential_lr_new((tp_schedule *const[]){NULL}, k[0] > 1 ? 1 : to_int(k[0]), NULL))

static tp_var *const *param(void)
{
    static tp_var *x;
    return x = x23(), &x;
}

static tp_var *with_ema(int i)
{
    tp_ema *e = tp_swa_new(param(), 1);
    tp_ema_at(e, i);
    return DONE(tp_ema_free(e));
}

/* --- Data, files, training --- */

static tp_var *with_dataset(int64_t index, int64_t batch_size, int64_t samples, int64_t rank)
{
    tp_var *v[1];
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_loader *l = tp_loader_new(d, batch_size, .samples = samples, .rank = to_int(rank),
                                 .world_size = to_int(rank) < INT32_MAX ? to_int(rank) + 1 : 1,
                                 .weights = samples ? tp_ones(TP_F64, TP_SHAPE(2)) : NULL);
    if (l && tp_loader_len(l) < 9)
        tp_loader_next(l, v);
    tp_dataset_get(d, index, v);
    tp_loader_free(l);
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_table(int64_t row, int64_t column)
{
    FILE *file = fopen("integers.csv", "wb");
    if (file) {
        fputs("a,b\n1,x\n", file);
        fclose(file);
    }
    tp_table *t = tp_load_csv("integers.csv");
    tp_table_name(t, to_int(column));
    tp_table_text(t, row, to_int(column));
    tp_table_is_numbers(t, to_int(column));
    tp_table_numbers(t, to_int(column));
    tp_table_classes(t, to_int(column), NULL);
    tp_dataset_free(tp_table_dataset_new(t, to_int(column)));
    tp_table_free(t);
    return tp_num(0);
}

static tp_var *with_tokens(int64_t token, int64_t length, int64_t stride)
{
    tp_tokenizer *k = tp_char_tokenizer_new("abc", token > 3 || token < 0 ? 3 : (size_t)token);
    tp_tokenizer_token(k, token, NULL);
    tp_tokenizer_find(k, "a", 1);
    tp_var *tokens = tp_tokenizer_encode(k, "a", 1);
    free(tp_tokenizer_decode(k, tp_full(TP_I64, TP_SHAPE(1), (double)token), NULL));
    tp_dataset_free(tp_token_dataset_new(tokens, length, stride));
    tp_tokenizer_free(k);
    return tp_num(0);
}

static tp_var *with_seek(int64_t epoch, int64_t batch)
{
    tp_var *v[1];
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_loader *l = tp_loader_new(d, 1, .shuffle = true, .seed = (uint64_t)batch);
    tp_loader_seek(l, epoch, batch);
    for (int i = 0; i < 4; i++)
        tp_loader_next(l, v);
    tp_loader_free(l);
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_subset(int64_t n, int64_t index)
{
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_dataset_free(tp_subset_new(d, n > 1 ? 1 : n, &index));
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_split(int64_t n, int64_t length)
{
    const int64_t lengths[] = {length, 2};
    tp_dataset *d = tp_tensor_dataset_new(1, (tp_var *[]){tp_ones(TP_F64, TP_SHAPE(2, 3))});
    tp_dataset *part[2] = {NULL, NULL};
    tp_random_split(d, n > 2 ? 2 : to_int(n), lengths, (uint64_t)length, part);
    tp_dataset_free(part[0]);
    tp_dataset_free(part[1]);
    tp_dataset_free(d);
    return tp_num(0);
}

static tp_var *with_metric(tp_metric *m)
{
    if (m)
        tp_metric_update(m, tp_zeros(TP_F32, TP_SHAPE(2, 2)), tp_zeros(TP_I64, TP_SHAPE(2)));
    return DONE(tp_metric_free(m));
}

static tp_var *with_events(int64_t first, int64_t step)
{
    tp_event_writer *w = tp_event_writer_new("integers_events", first);
    if (w) {
        tp_event_scalar(w, "a", step, 1);
        tp_event_histogram(w, "b", step, x23());
    }
    return DONE(tp_event_writer_free(w));
}

static tp_var *with_dict(int64_t i)
{
    tp_state_dict *d = tp_state_dict_new();
    tp_state_dict_set(d, "x", x23());
    tp_var *v = tp_state_dict_at(d, i);
    if (v)
        CHECK_TEXT(tp_state_dict_name(d, i), "x");
    else
        CHECK(!tp_state_dict_name(d, i));
    tp_state_dict_free(d);
    return none();
}

INTEGERS(tp_dataset_get, 1, with_dataset(k[0], 1, 0, 0))
INTEGERS(tp_top_k_accuracy_new, 1, with_metric(tp_top_k_accuracy_new(k[0])))
INTEGERS(tp_confusion_matrix_new, 1, with_metric(tp_confusion_matrix_new(k[0])))
INTEGERS(tp_precision_new, 1, with_metric(tp_precision_new(k[0], TP_MACRO)))
INTEGERS(tp_recall_new, 1, with_metric(tp_recall_new(k[0], TP_WEIGHTED)))
INTEGERS(tp_f1_new, 1, with_metric(tp_f1_new(k[0], TP_MICRO)))
INTEGERS(tp_event_writer_new, 1, with_events(k[0], 0))
INTEGERS(tp_event_scalar, 1, with_events(0, k[0]))
INTEGERS(tp_event_histogram, 1, with_events(1, k[0]))
INTEGERS(tp_loader_new, 3, with_dataset(0, k[0], k[1], k[2]))
INTEGERS(tp_loader_seek, 2, with_seek(k[0], k[1]))
INTEGERS(tp_tensor_dataset_new, 1, DONE(tp_dataset_free(tp_tensor_dataset_new(k[0] > 0 ? 1 : to_int(k[0]), (tp_var *[]){x23()}))))
INTEGERS(tp_subset_new, 2, with_subset(k[0], k[1]))
INTEGERS(tp_random_split, 2, with_split(k[0], k[1]))
INTEGERS(tp_concat_dataset_new, 1, DONE(tp_dataset_free(tp_concat_dataset_new(k[0] > 0 ? 1 : to_int(k[0]), (tp_dataset *[]){NULL}))))
INTEGERS(tp_sgd_new, 1, with_optimizer(tp_sgd_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adagrad_new, 1, with_optimizer(tp_adagrad_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adadelta_new, 1, with_optimizer(tp_adadelta_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_rmsprop_new, 1, with_optimizer(tp_rmsprop_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adam_new, 1, with_optimizer(tp_adam_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adamw_new, 1, with_optimizer(tp_adamw_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_adamax_new, 1, with_optimizer(tp_adamax_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_nadam_new, 1, with_optimizer(tp_nadam_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_radam_new, 1, with_optimizer(tp_radam_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_lion_new, 1, with_optimizer(tp_lion_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_step_lr_new, 1, with_schedule(schedule_step, k))
INTEGERS(tp_multi_step_lr_new, 3, with_schedule(schedule_multi, k))
INTEGERS(tp_cosine_annealing_lr_new, 1, with_schedule(schedule_cosine, k))
INTEGERS(tp_cosine_annealing_warm_restarts_new, 2, with_schedule(schedule_restarts, k))
INTEGERS(tp_one_cycle_lr_new, 1, with_schedule(schedule_cycle, k))
INTEGERS(tp_chained_scheduler_new, 1, with_schedule(schedule_chained, k))
INTEGERS(tp_sequential_lr_new, 1, with_schedule(schedule_sequential, k))
INTEGERS(tp_clip_grad_norm_, 1, DONE(tp_clip_grad_norm_(param(), k[0] > 1 ? 1 : to_int(k[0]), 1)))
INTEGERS(tp_clip_grad_value_, 1, DONE(tp_clip_grad_value_(param(), k[0] > 1 ? 1 : to_int(k[0]), 1)))
INTEGERS(tp_ema_new, 1, DONE(tp_ema_free(tp_ema_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.5))))
INTEGERS(tp_swa_new, 1, DONE(tp_ema_free(tp_swa_new(param(), k[0] > 1 ? 1 : to_int(k[0])))))
INTEGERS(tp_ema_at, 1, with_ema(to_int(k[0])))
INTEGERS(tp_lbfgs_new, 1, with_optimizer(tp_lbfgs_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_gauss_newton_new, 1, with_optimizer(tp_gauss_newton_new(param(), k[0] > 1 ? 1 : to_int(k[0]), 0.1)))
INTEGERS(tp_optimizer_add_group, 1, with_group(0, to_int(k[0]), 0.1))
INTEGERS(tp_optimizer_lr, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_optimizer_set_lr, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_optimizer_option, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_optimizer_set_option, 1, with_group(to_int(k[0]), 1, 0.1))
INTEGERS(tp_load_csv, 1, DONE(tp_table_free(tp_load_csv("/dev/null", .skip = k[0]))))
INTEGERS(tp_table_name, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_text, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_is_numbers, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_numbers, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_classes, 2, with_table(k[0], k[1]))
INTEGERS(tp_table_dataset_new, 2, with_table(k[0], k[1]))
INTEGERS(tp_char_tokenizer_new, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_bpe_tokenizer_train, 1, DONE(tp_tokenizer_free(tp_bpe_tokenizer_train("aaaa", 4, k[0]))))
INTEGERS(tp_tokenizer_token, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_tokenizer_find, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_tokenizer_encode, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_tokenizer_decode, 1, with_tokens(k[0], 0, 1))
INTEGERS(tp_token_dataset_new, 2, with_tokens(0, k[0], k[1]))
INTEGERS(tp_token_file_dataset_new, 2, DONE(tp_dataset_free(tp_token_file_dataset_new("/dev/null", false, k[0], k[1]))))
INTEGERS(tp_state_dict_name, 1, with_dict(k[0]))
INTEGERS(tp_state_dict_at, 1, with_dict(k[0]))

INTEGERS(tp_linear_new, 3, DONE(tp_module_free(tp_linear_new(k[0], k[1], .dtype = (tp_dtype)k[2]))))
INTEGERS(tp_unflatten_new, 2, DONE(tp_module_free(tp_unflatten_new(TP_SHAPE(k[0], k[1])))))
INTEGERS(tp_embedding_new, 2, DONE(tp_module_free(tp_embedding_new(k[0], k[1]))))
INTEGERS(tp_conv1d_new, 3, DONE(tp_module_free(tp_conv1d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv2d_new, 3, DONE(tp_module_free(tp_conv2d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv2d_new, 3, with_forward(tp_conv2d_new(1, 2, 3, .stride.one = k[0], .padding.one = k[1], .dilation.one = k[2]), x_of(4)))
INTEGERS(tp_conv2d_new, 1, DONE(tp_module_free(tp_conv2d_new(2, 2, 3, .groups = k[0]))))
INTEGERS(tp_conv3d_new, 3, DONE(tp_module_free(tp_conv3d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv_transpose1d_new, 3, DONE(tp_module_free(tp_conv_transpose1d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv_transpose2d_new, 3, DONE(tp_module_free(tp_conv_transpose2d_new(k[0], k[1], k[2]))))
INTEGERS(tp_conv_transpose3d_new, 3, DONE(tp_module_free(tp_conv_transpose3d_new(k[0], k[1], k[2]))))
INTEGERS(tp_max_pool1d_new, 1, with_forward(tp_max_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_max_pool2d_new, 2, with_forward(tp_max_pool2d_new(k[0], .stride.one = k[1]), x_of(4)))
INTEGERS(tp_max_pool3d_new, 1, with_forward(tp_max_pool3d_new(k[0]), x_of(5)))
INTEGERS(tp_avg_pool1d_new, 1, with_forward(tp_avg_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_avg_pool2d_new, 2, with_forward(tp_avg_pool2d_new(k[0], .padding.one = k[1]), x_of(4)))
INTEGERS(tp_avg_pool3d_new, 1, with_forward(tp_avg_pool3d_new(k[0]), x_of(5)))
INTEGERS(tp_adaptive_avg_pool1d_new, 1, with_forward(tp_adaptive_avg_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_adaptive_avg_pool2d_new, 1, with_forward(tp_adaptive_avg_pool2d_new(k[0]), x_of(4)))
INTEGERS(tp_adaptive_max_pool1d_new, 1, with_forward(tp_adaptive_max_pool1d_new(k[0]), x_of(3)))
INTEGERS(tp_adaptive_max_pool2d_new, 1, with_forward(tp_adaptive_max_pool2d_new(k[0]), x_of(4)))
INTEGERS(tp_layer_norm_new, 2, with_forward(tp_layer_norm_new(TP_SHAPE(k[0], k[1])), x_of(4)))
INTEGERS(tp_rms_norm_new, 1, with_forward(tp_rms_norm_new(TP_SHAPE(k[0])), x_of(4)))
INTEGERS(tp_batch_norm_new, 2, with_forward(tp_batch_norm_new(k[0], .dtype = (tp_dtype)k[1]), x_of(4)))
INTEGERS(tp_group_norm_new, 2, with_forward(tp_group_norm_new(k[0], k[1]), x_of(4)))
INTEGERS(tp_instance_norm_new, 1, with_forward(tp_instance_norm_new(k[0]), x_of(4)))
INTEGERS(tp_rnn_new, 3, DONE(tp_module_free(tp_rnn_new(k[0], k[1], .layers = k[2] > 9 ? 2 : to_int(k[2])))))
INTEGERS(tp_lstm_new, 2, DONE(tp_module_free(tp_lstm_new(k[0], k[1]))))
INTEGERS(tp_gru_new, 2, DONE(tp_module_free(tp_gru_new(k[0], k[1]))))
INTEGERS(tp_multihead_attention_new, 2, DONE(tp_module_free(tp_multihead_attention_new(k[0], k[1]))))
INTEGERS(tp_transformer_encoder_layer_new, 3, DONE(tp_module_free(tp_transformer_encoder_layer_new(k[0], k[1], k[2]))))
INTEGERS(tp_softmax_new, 1, with_forward(tp_softmax_new(to_int(k[0])), x_of(3)))
INTEGERS(tp_log_softmax_new, 1, with_forward(tp_log_softmax_new(to_int(k[0])), x_of(3)))
INTEGERS(tp_forward_n, 2, with_values(to_int(k[0]), to_int(k[1])))
INTEGERS(tp_module_at, 1, with_part(k[0]))
INTEGERS(tp_parameters, 1, with_parameters(k[0] > 4 ? 4 : to_int(k[0])))
INTEGERS(tp_module_summary, 1, with_summary(k[0] > 2 ? 2 : to_int(k[0])))
INTEGERS(tp_sequential_new, 1, DONE(tp_module_free(tp_sequential_new(k[0] > 0 ? 0 : to_int(k[0]), NULL))))
/* clang-format on */
