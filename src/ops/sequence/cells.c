/* SPDX-License-Identifier: MIT
 *
 * Steps of recurrent layers, over products and activations. A cell's gates lie side by side in one
 * product, as PyTorch's weights have them.
 */
#include "base/features.h"

#include "array/array.h"
#include "base/call.h"
#include "graph/half.h"
#include "ops/families.h"
#include "tinypytorch.h"

typedef struct recurrent_weights {
    tp_var *w_ih, *w_hh, *b_ih, *b_hh;
} recurrent_weights;

/* True if x (N, I), h (N, H) and the weights of so many gates fit; otherwise an error. */
static bool recurrent_check(const char *call, const tp_var *x, const tp_var *h,
                            const recurrent_weights *w, int64_t gates)
{
    const tp_var *in[] = {x, h, w->w_ih, w->w_hh};
    for (int i = 0; i < 4; i++) {
        if (!tp__check_operand(call, in[i]) || !in[i])
            return false;
        if (in[i]->ndim != 2) {
            static const char *const names[] = {"x", "h", "w_ih", "w_hh"};
            tp__refuse_shape(call, names[i], in[i], "2 axes");
            return false;
        }
    }
    if ((w->b_ih && !tp__check_operand(call, w->b_ih)) ||
        (w->b_hh && !tp__check_operand(call, w->b_hh)))
        return false;
    int64_t width = gates * tp__shape(h)[1];
    if (tp__same_shape(w->w_ih, 2, (int64_t[]){width, tp__shape(x)[1]}) &&
        tp__same_shape(w->w_hh, 2, (int64_t[]){width, tp__shape(h)[1]}) &&
        tp__shape(x)[0] == tp__shape(h)[0])
        return true;
    char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT], c[TP__SHAPE_TEXT], d[TP__SHAPE_TEXT];
    tp_fail(TP_ERROR_SHAPE,
            "%s: x %s, h %s, w_ih %s and w_hh %s do not fit: expected (N, I), (N, H), "
            "(%lld H, I) and (%lld H, H)",
            call, tp__shape_text(a, 2, tp__shape(x)), tp__shape_text(b, 2, tp__shape(h)),
            tp__shape_text(c, 2, tp__shape(w->w_ih)), tp__shape_text(d, 2, tp__shape(w->w_hh)),
            (long long)gates, (long long)gates);
    return false;
}

/* A state that is NULL is one of zeros, (rows of x, H). Operands that do not fit are found later.
 */
static tp_var *recurrent_start(tp_var *state, const tp_var *x, const tp_var *w_hh)
{
    if (state || !tp__has_axes(x, 2) || !tp__has_axes(w_hh, 2))
        return state;
    return tp_zeros((tp_dtype)x->dtype, TP_SHAPE(tp__shape(x)[0], tp__shape(w_hh)[1]));
}

static tp_var *recurrent_gate(tp_var *gates, int64_t number, int64_t width)
{
    return tp_slice(gates, 1, number * width, (number + 1) * width, 1);
}

tp_var *tp_lstm_cell(tp_var *x, tp_var *h, tp_var *c, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                     tp_var *b_hh, tp_var **c_n)
{
    TP__CALL("lstm_cell");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, c, b_ih, b_hh);
    tp_dtype narrow;
    if (tp__widen((tp_var **[]){&x, &h, &c, &w_ih, &w_hh, &b_ih, &b_hh}, 7, &narrow)) {
        tp_var *y = tp_lstm_cell(x, h, c, w_ih, w_hh, b_ih, b_hh, c_n);
        if (c_n)
            *c_n = tp__narrow(*c_n, narrow);
        return tp__narrow(y, narrow);
    }
    const recurrent_weights w = {w_ih, w_hh, b_ih, b_hh};
    h = recurrent_start(h, x, w_hh);
    c = recurrent_start(c, x, w_hh);
    if (c_n)
        *c_n = tp__poison();
    if (!tp__check_operand("lstm_cell", c) || !recurrent_check("lstm_cell", x, h, &w, 4))
        return tp__poison();
    if (!tp__same_shape(c, 2, tp__shape(h))) {
        char a[TP__SHAPE_TEXT], b[TP__SHAPE_TEXT];
        return tp_fail(TP_ERROR_SHAPE, "lstm_cell: c has shape %s, expected h's, %s",
                       tp__shape_text(a, c->ndim, tp__shape(c)),
                       tp__shape_text(b, 2, tp__shape(h)));
    }
    int64_t n = tp__shape(h)[1];
    tp_var *s = tp_add(tp_linear(x, w_ih, b_ih), tp_linear(h, w_hh, b_hh));
    if (tp_is_poison(s))
        return s;
    tp_var *i = tp_sigmoid(recurrent_gate(s, 0, n)), *f = tp_sigmoid(recurrent_gate(s, 1, n));
    tp_var *g = tp_tanh(recurrent_gate(s, 2, n)), *o = tp_sigmoid(recurrent_gate(s, 3, n));
    tp_var *next = tp_add(tp_mul(f, c), tp_mul(i, g));
    if (c_n)
        *c_n = next;
    return tp_mul(o, tp_tanh(next));
}

tp_var *tp_gru_cell(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih, tp_var *b_hh)
{
    TP__CALL("gru_cell");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, b_ih, b_hh);
    TP__IN_FLOAT32(tp_gru_cell(x, h, w_ih, w_hh, b_ih, b_hh), &x, &h, &w_ih, &w_hh, &b_ih, &b_hh);
    const recurrent_weights w = {w_ih, w_hh, b_ih, b_hh};
    h = recurrent_start(h, x, w_hh);
    if (!recurrent_check("gru_cell", x, h, &w, 3))
        return tp__poison();
    int64_t n = tp__shape(h)[1];
    tp_var *a = tp_linear(x, w_ih, b_ih), *b = tp_linear(h, w_hh, b_hh);
    if (tp_is_poison(a) || tp_is_poison(b))
        return tp__poison();
    tp_var *r = tp_sigmoid(tp_add(recurrent_gate(a, 0, n), recurrent_gate(b, 0, n)));
    tp_var *z = tp_add(recurrent_gate(a, 1, n), recurrent_gate(b, 1, n));
    tp_var *candidate =
        tp_tanh(tp_add(recurrent_gate(a, 2, n), tp_mul(r, recurrent_gate(b, 2, n))));
    /* 1 − σ(z) = σ(−z), which keeps its digits */
    return tp_add(tp_mul(tp_sigmoid(z), h), tp_mul(tp_sigmoid(tp_neg(z)), candidate));
}

tp_var *tp_rnn_tanh_cell(tp_var *x, tp_var *h, tp_var *w_ih, tp_var *w_hh, tp_var *b_ih,
                         tp_var *b_hh)
{
    TP__CALL("rnn_tanh_cell");
    TP__OPERANDS(x, w_ih, w_hh);
    TP__OPTIONAL(h, b_ih, b_hh);
    TP__IN_FLOAT32(tp_rnn_tanh_cell(x, h, w_ih, w_hh, b_ih, b_hh), &x, &h, &w_ih, &w_hh, &b_ih,
                   &b_hh);
    const recurrent_weights w = {w_ih, w_hh, b_ih, b_hh};
    h = recurrent_start(h, x, w_hh);
    if (!recurrent_check("rnn_tanh_cell", x, h, &w, 1))
        return tp__poison();
    return tp_tanh(tp_add(tp_linear(x, w_ih, b_ih), tp_linear(h, w_hh, b_hh)));
}

/* --- Records, for tests and the list of operations: to them NULL is an error --- */

static tp_var *lstm_cell_sample(tp_var *const *x)
{
    tp_var *c, *h = tp_lstm_cell(x[0], tp_add(x[1], 0), tp_add(x[2], 0), x[3], x[4],
                                 tp_add(x[5], 0), NULL, &c);
    return tp_is_poison(h) ? h : tp_concatenate((tp_var *[]){h, c}, 2, 0);
}

static tp_var *gru_cell_sample(tp_var *const *x)
{
    return tp_gru_cell(x[0], tp_add(x[1], 0), x[2], x[3], tp_add(x[4], 0), tp_add(x[5], 0));
}

static tp_var *rnn_tanh_cell_sample(tp_var *const *x)
{
    return tp_rnn_tanh_cell(x[0], tp_add(x[1], 0), x[2], x[3], tp_add(x[4], 0), tp_add(x[5], 0));
}

static const tp__op lstm_cell_op = {
    .label = "LstmCell",
    .name = "lstm_cell",
    .n_in = 6,
    .flags = TP__COMPOSITE,
    .formula =
        "c' = σ(f) c + σ(i) tanh(g), h' = σ(o) tanh(c'); i f g o = x w_ihᵀ + b_ih + h w_hhᵀ + b_hh",
    .rule = "from its formula",
    .samples = (const tp__sample[]){{"3,4; 3,2; 3,2; 8,4; 8,2; 8", lstm_cell_sample,
                                     "torch.cat(torch._VF.lstm_cell(x0, (x1, x2), x3, x4, x5, "
                                     "torch.zeros_like(x5)))"},
                                    {0}},
};

static const tp__op gru_cell_op = {
    .label = "GruCell",
    .name = "gru_cell",
    .n_in = 6,
    .flags = TP__COMPOSITE,
    .formula = "h' = (1 − z) n + z h; r, z, n of x w_ihᵀ + b_ih and h w_hhᵀ + b_hh",
    .rule = "from its formula",
    .samples = (const tp__sample[]){{"3,4; 3,2; 6,4; 6,2; 6; 6", gru_cell_sample,
                                     "torch._VF.gru_cell(x0, x1, x2, x3, x4, x5)"},
                                    {0}},
};

static const tp__op rnn_tanh_cell_op = {
    .label = "RnnTanhCell",
    .name = "rnn_tanh_cell",
    .n_in = 6,
    .flags = TP__COMPOSITE,
    .formula = "tanh(x w_ihᵀ + b_ih + h w_hhᵀ + b_hh)",
    .rule = "from its formula",
    .samples = (const tp__sample[]){{"3,4; 3,2; 2,4; 2,2; 2; 2", rnn_tanh_cell_sample,
                                     "torch._VF.rnn_tanh_cell(x0, x1, x2, x3, x4, x5)"},
                                    {0}},
};

static const tp__op *const recurrent_ops[] = {&lstm_cell_op, &gru_cell_op, &rnn_tanh_cell_op, NULL};

const tp__family tp__family_cells = {"cells", "steps of recurrent layers", recurrent_ops};
