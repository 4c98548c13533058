/* SPDX-License-Identifier: MIT
 *
 * What docs/operations.md says where records do not: how many operands a function takes that tests
 * call with fewer; rules that use helpers of their file; functions over other operations without a
 * record of their own. tests/table_list.c holds the headers to it.
 */
#ifndef TP_OPERATIONS_WORDS_H
#define TP_OPERATIONS_WORDS_H

#include <stddef.h>
#include <string.h>

typedef struct operation_words {
    const char *name, *words;
} operation_words;

static const operation_words operation_operands[] = {
    {"index_select", "2"},
    {"embedding", "2"},
    {"stack", "any number"},
    {"masked_fill", "3"},
    {"take", "2"},
    {"masked_select", "2"},
    {"index_add", "3"},
    {"scaled_dot_product_attention", "3, mask"},
    {"multi_head_attention", "3, mask"},
    {"lstm_cell", "5, 2 biases"},
    {"gru_cell", "4, 2 biases"},
    {"rnn_tanh_cell", "4, 2 biases"},
    {"lstm", "5, 2 biases"},
    {"gru", "4, 2 biases"},
    {"linear", "2, bias"},
    {"conv_bias", "2, bias"},
    {"layer_norm", "1, weight, bias"},
    {"rms_norm", "1, weight"},
    {"group_norm", "1, weight, bias"},
    {"batch_norm", "1, mean, variance, weight, bias"},
    {"clamp", "1, 2 bounds"},
    {"nll_loss", "2, weight"},
    {"cross_entropy", "2, weight"},
    {"cosine_embedding_loss", "3"},
    {"hinge_embedding_loss", "2"},
    {"ctc_loss", "4"},
    {"rnn_tanh", "4, 2 biases"},
    {"rnn_relu", "4, 2 biases"},
    {"recurrent", "1, h, c, any number of weights"},
    {"instance_norm", "1, weight, bias"},
    {"batch_norm_", "1, 2 buffers, weight, bias"},
    {"bilinear", "3, bias"},
    {"embedding_bag", "2, offsets, weights"},
    {"embedding_padded", "2"},
    {"margin_ranking_loss", "3"},
    {"soft_margin_loss", "2"},
    {"poisson_nll_loss", "2"},
    {"multi_margin_loss", "2, weight"},
    {"multilabel_soft_margin_loss", "2, weight"},
    {"multilabel_margin_loss", "2"},
    {NULL, NULL},
};

static const operation_words operation_rules[] = {
    {"tanh", "gy (1 − y²)"},
    {"sigmoid", "gy y (1 − y)"},
    {"gelu", "gy (Φ(x) + x φ(x))"},
    {"atan", "gy / (1 + x²)"},
    {"atan2", "a: gy b / (a² + b²); b: −gy a / (a² + b²); 0 at the origin"},
    {"hypot", "a: gy a / y; b: gy b / y; 0 at the origin"},
    {"logaddexp", "a: gy σ(a − b); b: gy σ(b − a); half each at equal infinities"},
    {"xlogy", "a: gy ln b; b: gy a / b; 0 where a = 0 and b ≤ 0"},
    {"sign", "0"},
    {"floor", "0"},
    {"ceil", "0"},
    {"round", "0"},
    {"trunc", "0"},
    {"remainder", "a: gy; b: −gy (a − y) / b"},
    {"fmod", "a: gy; b: −gy (a − y) / b"},
    {"softsign", "gy / (1 + |x|)²"},
    {"maximum", "a: gy where a > b; b: gy where b > a; half each where they are equal"},
    {"minimum", "a: gy where a < b; b: gy where b < a; half each where they are equal"},
    {NULL, NULL},
};

static const operation_words operation_others[] = {
    {"pow_number", "xᶜ: the record pow with a constant exponent"},
    {"pow_integer", "xⁿ: the same"},
    {"digamma", "polygamma of order 0"},
    {"count_nonzero", "how many elements are not 0"},
    {"any", "1 if an element is not 0"},
    {"all", "1 if no element is 0"},
    {"squeeze", "x without an axis of size 1, by reshape"},
    {"unsqueeze", "x with another axis of size 1, by reshape"},
    {"expand", "broadcast_to in which −1 leaves a size"},
    {"select", "x[index] along an axis, by slice"},
    {"split", "parts of an axis, by slice"},
    {"nonzero", "the indices of elements that are not 0; a constant"},
    {"one_hot", "1 at a class, else 0; a constant"},
    {"matrix_rank", "how many singular values are not small; a constant"},
    {"conv1d", "conv, or conv_bias"},
    {"conv2d", "conv, or conv_bias"},
    {"conv3d", "conv, or conv_bias"},
    {"conv_transpose1d", "conv_transpose, and a bias added"},
    {"conv_transpose2d", "conv_transpose, and a bias added"},
    {"conv_transpose3d", "conv_transpose, and a bias added"},
    {"max_pool1d", "max_pool"},
    {"max_pool2d", "max_pool"},
    {"max_pool3d", "max_pool"},
    {"avg_pool1d", "avg_pool"},
    {"avg_pool2d", "avg_pool"},
    {"avg_pool3d", "avg_pool"},
    {"adaptive_avg_pool1d", "avg_pool of windows by the result's size"},
    {"adaptive_avg_pool2d", "avg_pool of windows by the result's size"},
    {"adaptive_max_pool1d", "max_pool of windows by the result's size"},
    {"adaptive_max_pool2d", "max_pool of windows by the result's size"},
    {"sinusoidal_positions", "sines and cosines of positions; a constant"},
    {"rand", "uniform in [0, 1); a constant"},
    {"randn", "standard normal; a constant"},
    {"rand_like", "rand of x's shape and type"},
    {"randn_like", "randn of x's shape and type"},
    {"chunk", "parts of an axis, by slice"},
    {"unbind", "x[i] along an axis, by select"},
    {"dropout1d", "dropout of whole channels"},
    {"dropout2d", "dropout of whole channels"},
    {"dropout3d", "dropout of whole channels"},
    {"alpha_dropout", "a scaled and shifted x, or the floor of selu with probability p"},
    {"feature_alpha_dropout", "alpha_dropout of whole channels"},
    {"randint", "integers of a range; a constant"},
    {"randperm", "0 … n − 1 in random order; a constant"},
    {"normal", "mean + std z, with z constant"},
    {"uniform", "low + (high − low) u, with u constant"},
    {"exponential", "−ln(1 − u) / rate, with u constant"},
    {"bernoulli", "1 with probability p; a constant"},
    {"gamma", "draws of the gamma distribution; a constant"},
    {"multinomial", "classes by weight; a constant"},
    {"dropout", "x / (1 − p), or 0 with probability p"},
    {NULL, NULL},
};

/* The words for name in a list; NULL if there are none. */
static inline const char *operation_words_for(const operation_words *list, const char *name)
{
    for (; list->name; list++)
        if (!strcmp(list->name, name))
            return list->words;
    return NULL;
}

#endif
