/* SPDX-License-Identifier: MIT
 *
 * Results are new values but for those of functions that say they are views: an edit of an operand
 * in place reaches these and no others, whatever the operands are.
 */
#define _POSIX_C_SOURCE 200809L
#include "table_check.h"

/* What shape.h calls a view. */
static bool is_view(const tp__op *op)
{
    static const char *const views[] = {"reshape", "transpose", "permute", "broadcast_to",
                                        "slice",   "narrow",    "flatten", "flip"};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++)
        if (!strcmp(op->name, views[i]))
            return true;
    return false;
}

/* True if y, which has elements, changes when v is edited. */
static bool reaches(tp_var *v, tp_var *y)
{
    TP_SCOPE();
    tp_var *before = tp_clone(tp_detach(y));
    tp_add_(v, 1);
    return tp_item(tp_any(tp_ne(y, before))) != 0;
}

CASE_TEST(edits_reach_views_only)
{
    for (int i = 0; i < c->n; i++) {
        TP_SCOPE();
        tp_var *x[TABLE_OPERANDS];
        for (int k = 0; k < c->n; k++)
            x[k] = table_constant(c, k, TP_F64);
        tp_var *y = table_call(c, x);
        CASE_CHECK(c, reaches(x[i], y) == is_view(c->op), "an edit of operand %d %s", i,
                   is_view(c->op) ? "does not reach the view" : "reaches the result");
        table_no_error(c, "edits");
    }
}

/* Σ w · y's gradient for x; poison, and no error, if it is refused. */
static tp_var *gradient_after(tp_var *y, tp_var *x, bool record)
{
    tp_var *g = tp_gradient(table_weighted(&y, 1, 0), x, .create_graph = record);
    if (tp_is_poison(g))
        tp_clear_error();
    return g;
}

/* y's derivative along x; the same of a refusal. */
static tp_var *derivative_after(tp_var *y, tp_var *x)
{
    tp_var *d = tp_jvp(y, x, table_weights(x, 1));
    if (tp_is_poison(d))
        tp_clear_error();
    return d;
}

/* What a sweep does not need may be edited: it gives what it gave before, recorded too, and so does
 * a derivative forwards. */
CASE_TEST(sweeps_take_edits_of_what_they_do_not_need)
{
    for (int i = 0; i < c->n; i++)
        for (int k = 0; k < c->n; k++) {
            TP_SCOPE();
            tp_var *x[TABLE_OPERANDS];
            table_variables(c, TP_F64, x);
            tp_var *y = table_call(c, x);
            if (is_view(c->op) || tp_size(y) == 0)
                continue;
            tp_var *before = gradient_after(y, x[k], false), *forwards = derivative_after(y, x[k]);
            tp_copy_(x[i], 0.375);
            tp_var *after = gradient_after(y, x[k], false);
            if (tp_is_poison(before) || tp_is_poison(after))
                continue;
            table_equal(c, "after an edit", after, before, 0);
            tp_var *recorded = gradient_after(y, x[k], true);
            if (CASE_CHECK(c, !tp_is_poison(recorded),
                           "an edit of operand %d stops recorded sweeps to operand %d only", i, k))
                table_equal(c, "recorded after an edit", recorded, before, 1e-12);
            tp_var *again = derivative_after(y, x[k]);
            if (!tp_is_poison(forwards) &&
                CASE_CHECK(c, !tp_is_poison(again),
                           "an edit of operand %d stops derivatives along operand %d only", i, k))
                table_equal(c, "forwards after an edit", again, forwards, 1e-12);
        }
}

/* Calls that leave their operand, (1, 2, 2) or as given, as it is. */
#define TRIVIAL(name, ...)                                                                         \
    static tp_var *trivial_##name(tp_var *x)                                                       \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }

TRIVIAL(roll, tp_roll(x, 4, -1))
TRIVIAL(repeat, tp_repeat(x, TP_SHAPE(1, 1, 1)))
TRIVIAL(repeat_interleave, tp_repeat_interleave(x, 1, 1))
TRIVIAL(prod, tp_prod(x, .axes = TP_AXES(0)))
TRIVIAL(sum, tp_sum(x, .axes = TP_AXES(0)))
TRIVIAL(max, tp_max(x, .axes = TP_AXES(0), .keepdims = true))
TRIVIAL(matrix_power, tp_matrix_power(x, 1))
TRIVIAL(sum_to, tp_sum_to(x, TP_SHAPE(1, 2, 2)))
TRIVIAL(einsum_same, tp_einsum("ijk->ijk", &x, 1))
TRIVIAL(einsum_turned, tp_einsum("ijk->ikj", &x, 1))
TRIVIAL(einsum_diagonal, tp_einsum("ijj->ij", &x, 1))
TRIVIAL(tensordot, tp_tensordot(x, tp_ones(TP_F64, TP_SHAPE()), 0, NULL, NULL))
TRIVIAL(cumprod, tp_cumprod(x, 0))
TRIVIAL(cumsum, tp_cumsum(x, 0))
TRIVIAL(pixel_shuffle, tp_pixel_shuffle(x, 1))
TRIVIAL(pixel_unshuffle, tp_pixel_unshuffle(x, 1))
TRIVIAL(dropout, tp_dropout(x, 0, true))
TRIVIAL(pad, tp_pad(x, 0, 0, 0, 0))
TRIVIAL(pad_by, tp_pad_by(x, 0, 0, 0, TP_PAD_REPLICATE))
TRIVIAL(clamp, tp_clamp(x, -100, NULL))
TRIVIAL(where, tp_where(1, x, 0))
TRIVIAL(concatenate, tp_concatenate(&x, 1, 0))
TRIVIAL(stack, tp_stack(&x, 1, 0))
TRIVIAL(sort, tp_sort(x, 0, false, NULL))
TRIVIAL(median, tp_median(x, 0))
TRIVIAL(take, tp_take(x, tp_reshape(tp_arange(TP_I64, 0, 4, 1), TP_SHAPE(1, 2, 2))))
TRIVIAL(diagonal, tp_diagonal(x, 0))
TRIVIAL(triu, tp_triu(x, -5))
TRIVIAL(clone, tp_clone(x))
TRIVIAL(interpolate, tp_interpolate(tp_reshape(x, TP_SHAPE(1, 1, 2, 2)), .scale = 1))
TRIVIAL(max_pool2d, tp_max_pool2d(tp_reshape(x, TP_SHAPE(1, 1, 2, 2)), TP_SHAPE(1)))
TRIVIAL(vander, tp_vander(x, 2))
TRIVIAL(pow, tp_pow(x, 1))
TRIVIAL(norm, tp_norm(x, 1, .axes = TP_AXES(0)))
TRIVIAL(frac, tp_trunc(x))
TRIVIAL(hinge, tp_hinge_embedding_loss(x, tp_num(1), 1, .reduction = TP_NO_REDUCTION))
TRIVIAL(addmm, tp_addmm(tp_select(x, 0, 0), tp_zeros(TP_F64, TP_SHAPE(2, 1)),
                        tp_zeros(TP_F64, TP_SHAPE(1, 2)), 1, 1))

#define ENTRY(name)                                                                                \
    {                                                                                              \
#name, trivial_##name                                                                      \
    }

TEST(edits_reach_no_result_that_is_its_operand)
{
    static const struct {
        const char *name;
        tp_var *(*call)(tp_var *x);
    } calls[] = {ENTRY(roll),
                 ENTRY(repeat),
                 ENTRY(repeat_interleave),
                 ENTRY(prod),
                 ENTRY(sum),
                 ENTRY(max),
                 ENTRY(matrix_power),
                 ENTRY(sum_to),
                 ENTRY(einsum_same),
                 ENTRY(einsum_turned),
                 ENTRY(einsum_diagonal),
                 ENTRY(tensordot),
                 ENTRY(cumprod),
                 ENTRY(cumsum),
                 ENTRY(pixel_shuffle),
                 ENTRY(pixel_unshuffle),
                 ENTRY(dropout),
                 ENTRY(pad),
                 ENTRY(pad_by),
                 ENTRY(clamp),
                 ENTRY(where),
                 ENTRY(concatenate),
                 ENTRY(stack),
                 ENTRY(sort),
                 ENTRY(median),
                 ENTRY(take),
                 ENTRY(diagonal),
                 ENTRY(triu),
                 ENTRY(clone),
                 ENTRY(interpolate),
                 ENTRY(max_pool2d),
                 ENTRY(vander),
                 ENTRY(pow),
                 ENTRY(norm),
                 ENTRY(frac),
                 ENTRY(hinge),
                 ENTRY(addmm)};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        TP_SCOPE();
        tp_var *x = tp_reshape(tp_arange(TP_F64, 1, 5, 1), TP_SHAPE(1, 2, 2));
        tp_var *y = calls[i].call(x);
        bool good = !tp_is_poison(y) && y != x && !reaches(x, y);
        test_check(good, __FILE__, __LINE__, "%s shares elements with its operand%s%s",
                   calls[i].name, tp_error() ? " or failed: " : "", tp_error() ? tp_error() : "");
        tp_clear_error();
    }
}

/* The gradient still passes through where nothing was done. */
TEST(copies_have_gradients)
{
    tp_var *x = tp_variable(tp_ones(TP_F64, TP_SHAPE(1, 2, 2)));
    tp_var *y = tp_add(tp_roll(x, 0, 1), tp_mul(2, tp_matrix_power(x, 1)));
    y = tp_add(y, tp_mul(4, tp_einsum("ijk->ijk", &x, 1)));
    CHECK_BITS(tp_item(tp_sum(tp_gradient(y, x))), 28);
}
