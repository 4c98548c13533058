/* SPDX-License-Identifier: MIT
 *
 * Modules against torch.nn's: names, order and shapes of states, and results, with the values of
 * reference/make_modules.py.
 */
#include "elements.h"

#include <math.h>
#include <stdlib.h>

enum { CASE_VALUES = 60 };

typedef struct module_case {
    const char *name, *state;
    int n;
    double values[CASE_VALUES];
} module_case;

#include "reference/module_cases.h"

static tp_module *conv(void)
{
    return tp_sequential_new(TP_MODULES(
        tp_conv2d_new(2, 4, 3, .stride.one = 2, .padding.one = 1, .groups = 2, .dtype = TP_F64),
        tp_relu_new(), tp_conv_transpose2d_new(4, 2, 3, .bias = false, .dtype = TP_F64)));
}

static tp_module *norms(void)
{
    return tp_sequential_new(TP_MODULES(
        tp_conv1d_new(4, 4, 1, .dtype = TP_F64), tp_batch_norm_new(4, .dtype = TP_F64),
        tp_group_norm_new(2, 4, .dtype = TP_F64), tp_layer_norm_new(TP_SHAPE(6), .dtype = TP_F64)));
}

static tp_module *module_of(const char *name)
{
    if (!strcmp(name, "linear"))
        return tp_linear_new(3, 2, .dtype = TP_F64);
    if (!strcmp(name, "embedding"))
        return tp_embedding_new(5, 3, .dtype = TP_F64);
    if (!strcmp(name, "conv"))
        return conv();
    if (!strcmp(name, "pool"))
        return tp_sequential_new(TP_MODULES(tp_max_pool2d_new(2, .stride.one = 1),
                                            tp_avg_pool2d_new(2), tp_flatten_new()));
    if (!strcmp(name, "norms"))
        return norms();
    if (!strcmp(name, "residual"))
        return tp_residual_new(
            tp_sequential_new(TP_MODULES(tp_linear_new(3, 3, .dtype = TP_F64), tp_gelu_new())),
            NULL);
    if (!strcmp(name, "rnn"))
        return tp_rnn_new(3, 2, .dtype = TP_F64);
    if (!strcmp(name, "rnn_relu"))
        return tp_rnn_new(3, 2, .relu = true, .bias = false, .dtype = TP_F64);
    if (!strcmp(name, "lstm"))
        return tp_lstm_new(3, 2, .layers = 2, .bidirectional = true, .dtype = TP_F64);
    if (!strcmp(name, "gru"))
        return tp_gru_new(3, 2, .batch_first = true, .dtype = TP_F64);
    if (!strcmp(name, "attention"))
        return tp_multihead_attention_new(8, 2, .dtype = TP_F64);
    if (!strcmp(name, "encoder"))
        return tp_transformer_encoder_layer_new(8, 2, 12, .dtype = TP_F64);
    return tp_transformer_encoder_layer_new(8, 2, 12, .norm_first = true, .gelu = true,
                                            .batch_first = true, .dtype = TP_F64);
}

static tp_var *cosines(int ndim, const int64_t *shape)
{
    tp_var *v = tp_zeros(TP_F64, ndim, shape);
    double *x = tp_data_(v);
    for (int64_t j = 0; j < tp_size(v); j++)
        x[j] = cos(0.3 * (double)j);
    return v;
}

static tp_var *input_of(const char *name)
{
    if (!strcmp(name, "embedding"))
        return tp_array(TP_I64, TP_SHAPE(2, 2), ((int64_t[]){4, 0, 1, 1}));
    if (!strcmp(name, "linear"))
        return cosines(TP_SHAPE(4, 3));
    if (!strcmp(name, "conv"))
        return cosines(TP_SHAPE(1, 2, 5, 5));
    if (!strcmp(name, "pool"))
        return cosines(TP_SHAPE(2, 1, 5, 5));
    if (!strcmp(name, "norms"))
        return cosines(TP_SHAPE(2, 4, 6));
    if (!strcmp(name, "residual"))
        return cosines(TP_SHAPE(2, 3));
    if (!strcmp(name, "gru"))
        return cosines(TP_SHAPE(2, 4, 3));
    if (!strcmp(name, "encoder_first"))
        return cosines(TP_SHAPE(2, 3, 8));
    return strstr("attention encoder", name) ? cosines(TP_SHAPE(3, 2, 8))
                                             : cosines(TP_SHAPE(4, 2, 3));
}

/* Fills the state's values and appends names and shapes to text. */
static void fill(tp_state_dict *d, char *text)
{
    for (int64_t k = 0; k < tp_state_dict_len(d); k++) {
        const char *name = tp_state_dict_name(d, k);
        tp_var *v = tp_state_dict_at(d, k);
        double *x = tp_dtype_of(v) == TP_F64 ? tp_data_(v) : NULL;
        bool positive = strstr(name, "var") != NULL;
        for (int64_t j = 0; x && j < tp_size(v); j++)
            x[j] = 0.3 * sin(0.7 * (double)j + (double)k) + (positive ? 0.6 : 0.1);
        text += sprintf(text, "%s%s[", k ? " " : "", name);
        for (int i = 0; i < tp_ndim(v); i++)
            text += sprintf(text, "%s%d", i ? "," : "", (int)tp_shape(v)[i]);
        text += sprintf(text, "]");
    }
}

TEST(modules_are_those_of_torch)
{
    for
        EACH(i, module_cases)
        {
            TP_SCOPE();
            const module_case *c = module_cases + i;
            char state[1024] = "";
            tp_module *m = module_of(c->name);
            tp_state_dict *d = tp_module_state_dict(m);
            fill(d, state);
            CHECK_TEXT(state, c->state);
            tp_module_train(m, false);
            tp_var *y = tp_forward(m, input_of(c->name));
            CHECK_INT(tp_size(y), c->n);
            for (int j = 0; j < c->n && j < tp_size(y); j++)
                CHECK_CLOSE(at(y, j), c->values[j], 1e-13);
            tp_state_dict_free(d);
            tp_module_free(m);
        }
}

TEST(states_of_recurrent_layers_come_and_go)
{
    tp_module *m = tp_lstm_new(3, 2, .dtype = TP_F64);
    tp_var *x = cosines(TP_SHAPE(4, 2, 3)), *whole = tp_forward(m, x), *first[3], *second[3];
    tp_forward_n(m, 1, (tp_var *[]){tp_narrow(x, 0, 0, 2)}, 3, first);
    tp_forward_n(m, 3, (tp_var *[]){tp_narrow(x, 0, 2, 2), first[1], first[2]}, 1, second);
    for (int j = 0; j < 8; j++)
        CHECK_CLOSE(at(second[0], j), at(whole, 8 + j), 1e-15);
    tp_var *lengths = tp_array(TP_I64, TP_SHAPE(2), ((int64_t[]){4, 2}));
    tp_forward_n(m, 4, (tp_var *[]){x, NULL, NULL, lengths}, 2, first);
    CHECK_BITS(at(first[0], 14), 0);
    CHECK_BITS(at(first[1], 2), at(first[0], 6));
    tp_module_free(m);
}

TEST(causal_attention_sees_what_came_before)
{
    tp_module *m =
        tp_multihead_attention_new(8, 2, .batch_first = true, .causal = true, .dtype = TP_F64);
    tp_var *x = cosines(TP_SHAPE(1, 4, 8)), *whole = tp_forward(m, x);
    tp_var *part = tp_forward(m, tp_narrow(x, 1, 0, 2));
    for (int j = 0; j < 16; j++)
        CHECK_CLOSE(at(part, j), at(whole, j), 1e-15);
    tp_var *y, *some = tp_narrow(x, 1, 0, 2);
    tp_forward_n(m, 3, (tp_var *[]){some, some, x}, 1, &y);
    CHECK(tp_is_poison(y));
    CHECK_ERROR(TP_ERROR_SHAPE, ", in MultiheadAttention");
    tp_module_free(m);
}
