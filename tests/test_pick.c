/* SPDX-License-Identifier: MIT
 *
 * Picking over gather: NumPy's pad, nonzero, diagonal; empty choices; what does not fit.
 */
#include "elements.h"

TEST(padding_modes_are_numpys)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(3));
    CHECK_ELEMENTS(tp_pad_by(x, 0, 2, 2, TP_PAD_REFLECT), 3, 2, 1, 2, 3, 2, 1);
    CHECK_ELEMENTS(tp_pad_by(x, 0, 2, 1, TP_PAD_REPLICATE), 1, 1, 1, 2, 3, 3);
    CHECK_ELEMENTS(tp_pad_by(x, 0, 2, 3, TP_PAD_CIRCULAR), 2, 3, 1, 2, 3, 1, 2, 3);
    tp_pad_by(x, 0, 3, 0, TP_PAD_REFLECT);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "pad_by: 3 before and 0 after axis 0 of size 3");
    tp_var *v = tp_variable(x);
    CHECK_ELEMENTS(tp_gradient(tp_pad_by(v, 0, 2, 2, TP_PAD_REFLECT), v), 2, 3, 2);
}

TEST(chosen_elements)
{
    tp_var *x = tp_array(TP_I64, TP_SHAPE(2, 3), ((int64_t[]){0, 4, 0, 7, 0, 9}));
    CHECK_ELEMENTS(tp_nonzero(x), 0, 1, 1, 0, 1, 2);
    CHECK_SHAPE(tp_nonzero(tp_zeros(TP_F64, TP_SHAPE(2, 2))), 0, 2);
    CHECK_SHAPE(tp_nonzero(tp_scalar(1)), 1, 0);
    CHECK_ELEMENTS(tp_masked_select(x, tp_array(TP_U8, TP_SHAPE(3), ((uint8_t[]){0, 1, 1}))), 4, 0,
                   0, 9);
    tp_var *v = tp_variable(counting(TP_F64, TP_SHAPE(3)));
    tp_var *none = tp_masked_select(v, tp_zeros(TP_U8, TP_SHAPE(3)));
    CHECK_SHAPE(none, 0);
    CHECK_ELEMENTS(tp_gradient(none, v), 0, 0, 0);
    tp_masked_select(x, tp_zeros(TP_U8, TP_SHAPE(2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "masked_select: shapes (2, 3) and (2,) do not broadcast");
    tp_take(v, tp_array(TP_I64, TP_SHAPE(1), ((int64_t[]){3})));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "index 3 is out of range");
    CHECK_ELEMENTS(tp_take(x, tp_array(TP_I32, TP_SHAPE(2), ((int32_t[]){-1, -6}))), 9, 0);
    tp_take(v, tp_array(TP_I64, TP_SHAPE(1), ((int64_t[]){-4})));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "index -4 is out of range");
}

TEST(diagonals)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(2, 3));
    CHECK_ELEMENTS(tp_diagonal(x, 0), 1, 5);
    CHECK_ELEMENTS(tp_diagonal(x, 2), 3);
    CHECK_ELEMENTS(tp_diagonal(x, -1), 4);
    CHECK_SHAPE(tp_diagonal(x, 3), 0);
    CHECK_ELEMENTS(tp_diag_embed(counting(TP_F64, TP_SHAPE(2)), 1), 0, 1, 0, 0, 0, 2, 0, 0, 0);
    CHECK_ELEMENTS(tp_diagonal(tp_diag_embed(x, 0), 0), 1, 2, 3, 4, 5, 6);
    tp_diagonal(counting(TP_F64, TP_SHAPE(2)), 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "diagonal: x has shape (2,), expected 2 axes");
    CHECK_ELEMENTS(tp_repeat_interleave(counting(TP_I32, TP_SHAPE(2)), 3, 0), 1, 1, 1, 2, 2, 2);
    CHECK_SHAPE(tp_repeat_interleave(x, 0, 1), 2, 0);
}
