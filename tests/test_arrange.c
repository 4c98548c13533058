/* SPDX-License-Identifier: MIT
 *
 * Orders, copies and masks: closed forms, empty parts, arguments that do not fit.
 */
#include "elements.h"

TEST(flipped_views_are_operands_like_others)
{
    tp_var *x = tp_variable(counting(TP_F64, TP_SHAPE(2, 3))), *y = tp_flip(x, TP_SHAPE(-1));
    CHECK_ELEMENTS(y, 3, 2, 1, 6, 5, 4);
    CHECK_ELEMENTS(tp_flip(y, TP_SHAPE()), 4, 5, 6, 1, 2, 3);
    CHECK_ELEMENTS(tp_sum(y, .axes = TP_AXES(0)), 9, 7, 5);
    CHECK_ELEMENTS(tp_matmul(y, tp_transpose(tp_flip(x, TP_SHAPE(0)), 0, 1)), 28, 10, 73, 28);
    CHECK_ELEMENTS(tp_gradient(tp_square(tp_select(y, 1, 0)), x), 0, 0, 6, 0, 0, 12);
    CHECK_ELEMENTS(tp_exp(tp_mul(0, y)), 1, 1, 1, 1, 1, 1);
    CHECK_SHAPE(tp_flip(tp_zeros(TP_F32, TP_SHAPE(0, 2)), TP_SHAPE(0)), 0, 2);
}

/* Copies of axes in every order, of every size of element, also where only every second place is
 * taken: the element at (i, j, k) of counting(2n, m, l), from 1 on, has a closed form. */
TEST(copies_of_axes_in_every_order)
{
    static const int64_t sizes[][3] = {{3, 20, 37}, {16, 16, 32}, {2, 5, 3}, {1, 50, 64}};
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                    {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const tp_dtype types[] = {TP_F32, TP_F64, TP_I64, TP_I32, TP_U8, TP_BF16};
    for
        EACH(s, sizes)
    for
        EACH(o, orders)
    for
        EACH(d, types)
        {
            TP_SCOPE();
            const int64_t n = sizes[s][0], m = sizes[s][1], l = sizes[s][2];
            tp_var *x = tp_remainder(counting(TP_I64, TP_SHAPE(2 * n, m, l)), 251);
            x = tp_slice(tp_to(x, types[d]), 0, 1, 2 * n, 2);
            int64_t order[3] = {orders[o][0], orders[o][1], orders[o][2]}, shape[3], place[3];
            tp_var *y = tp_clone(tp_permute(x, 3, order));
            for (int k = 0; k < 3; k++)
                shape[k] = sizes[s][order[k]];
            CHECK(!memcmp(tp_shape(y), shape, sizeof shape));
            for (int64_t i = 0; i < n * m * l; i++) {
                place[order[0]] = i / shape[2] / shape[1];
                place[order[1]] = i / shape[2] % shape[1];
                place[order[2]] = i % shape[2];
                int64_t number = ((2 * place[0] + 1) * m + place[1]) * l + place[2] + 1;
                CHECK_BITS(at(y, i), (double)(number % 251));
            }
        }
}

TEST(copies_and_rolls)
{
    tp_var *x = counting(TP_I32, TP_SHAPE(3));
    CHECK_ELEMENTS(tp_roll(x, 1, 0), 3, 1, 2);
    CHECK_ELEMENTS(tp_roll(x, -7, 0), 2, 3, 1);
    CHECK_ELEMENTS(tp_repeat(x, TP_SHAPE(2, 2)), 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3);
    CHECK_SHAPE(tp_repeat(x, TP_SHAPE(0, 2)), 0, 6);
    CHECK_ELEMENTS(tp_stack(((tp_var *[]){x, x}), 2, -1), 1, 1, 2, 2, 3, 3);
    CHECK_ELEMENTS(tp_pad(x, 0, 0, 2, -1), 1, 2, 3, -1, -1);
    CHECK_INT(tp_dtype_of(tp_pad(x, 0, 1, 0, 0)), TP_I32);
    tp_stack(((tp_var *[]){x, counting(TP_I32, TP_SHAPE(2))}), 2, 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "stack: shapes (3,) and (2,) (operand 1) differ");
    tp_repeat(counting(TP_F64, TP_SHAPE(2, 2)), TP_SHAPE(2));
    CHECK_ERROR(TP_ERROR_SHAPE, "repeat: x has shape (2, 2), expected at most 1 axes for 1 counts");
    CHECK_ELEMENTS(tp_pad(x, 0, -1, 1, 9), 2, 3, 9);
    CHECK_ELEMENTS(tp_pad(x, 0, 0, -2, 9), 1);
    CHECK_SHAPE(tp_pad(x, 0, -2, -1, 9), 0);
    tp_pad(x, 0, -2, -2, 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "pad: -2 before and -2 after cut more off than axis 0");
    CHECK_ELEMENTS(tp_narrow(x, 0, -2, 2), 2, 3);
    tp_narrow(x, 0, -2, 3);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "narrow: 3 elements from -2");
    tp_repeat(x, TP_SHAPE(INT64_MAX));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "repeat: axis 0 9223372036854775807 times");
}

/* 1,000 copies in bfloat16 stand at 256 when each is added by itself; 3 · 10⁶ copies of 0.1 are
 * 300,000 to 8 digits when they are added in pairs. */
TEST(gradients_of_copies_are_one_sum)
{
    tp_var *x = tp_variable(tp_ones(TP_BF16, TP_SHAPE(1)));
    CHECK_BITS(tp_item(tp_gradient(tp_repeat(x, TP_SHAPE(1000)), x)), 1000);
    CHECK_BITS(tp_item(tp_gradient(tp_repeat_interleave(x, 1000, 0), x)), 1000);
    tp_var *one = tp_variable(tp_ones(TP_F32, TP_SHAPE(1)));
    tp_var *many = tp_repeat(one, TP_SHAPE(3000000));
    tp_var *g = tp_gradient(many, one, .gradient = tp_full(TP_F32, TP_SHAPE(3000000), 0.1));
    CHECK_CLOSE(tp_item(g) / 3e5, (double)0.1f / 0.1, 1e-7);
}

TEST(parts_of_an_axis)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(5)), *part[3];
    CHECK_INT(tp_split(x, 2, 0, part, 3), 3);
    CHECK_ELEMENTS(part[0], 1, 2);
    CHECK_ELEMENTS(part[2], 5);
    CHECK_INT(tp_split(x, 3, 0, NULL, 0), 2);
    CHECK_INT(tp_split(x, 0, 0, part, 3), 0);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "split: parts of 0");
    CHECK_ELEMENTS(tp_narrow(x, -1, 3, 2), 4, 5);
    tp_narrow(x, 0, 3, 3);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "narrow: 3 elements from 3 of axis 0 of size 5");
}

TEST(triangles_and_classes)
{
    tp_var *x = counting(TP_F64, TP_SHAPE(2, 3));
    CHECK_ELEMENTS(tp_triu(x, 0), 1, 2, 3, 0, 5, 6);
    CHECK_ELEMENTS(tp_tril(x, 0), 1, 0, 0, 4, 5, 0);
    CHECK_ELEMENTS(tp_triu(x, 5), 0, 0, 0, 0, 0, 0);
    tp_triu(tp_zeros(TP_F64, TP_SHAPE(2)), 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "triu: x has shape (2,), expected 2 axes or more");
    tp_var *classes = tp_array(TP_I64, TP_SHAPE(3), ((int64_t[]){2, 0, 3}));
    CHECK_ELEMENTS(tp_one_hot(classes, 3), 0, 0, 1, 1, 0, 0, 0, 0, 0);
    tp_one_hot(x, 3);
    CHECK_ERROR(TP_ERROR_DTYPE, "one_hot: the index is float64");
}

/* PyTorch: torch.tril(x, 2**62) is x, torch.triu(x, 2**62) zeros; the other way round below. */
/* The elements of counting(n, n) up to diagonal k stand in its vector in rising order, and are what
 * tp_tril keeps; sizes as torch.distributions.utils has them. */
TEST(triangles_as_vectors)
{
    static const int64_t sizes[] = {1, 2, 3, 7, 200};
    for
        EACH(s, sizes)
    for (int64_t n = sizes[s], k = -n; k < n && k <= 7; k++) {
        TP_SCOPE();
        tp_var *x = counting(TP_F32, TP_SHAPE(3, n, n)), *vector = tp_tril_matrix_to_vec(x, k);
        int64_t below = n + k, above = n - k - 1;
        int64_t m = k < 0 ? below * (below + 1) / 2 : n * n - above * (above + 1) / 2;
        CHECK_SHAPE(vector, 3, m);
        tp_var *back = tp_vec_to_tril_matrix(vector, k), *kept = tp_tril(x, k);
        CHECK_SHAPE(back, 3, n, n);
        CHECK(tp_item(tp_all(tp_eq(back, kept))) == 1);
        CHECK_INT((int64_t)tp_item(tp_count_nonzero(vector)), 3 * m);
        bool rising = true;
        for (int64_t i = 1; i < m; i++)
            rising = rising && at(vector, i - 1) < at(vector, i);
        CHECK(rising);
    }
    tp_var *six = counting(TP_I32, TP_SHAPE(6));
    CHECK_ELEMENTS(tp_vec_to_tril_matrix(six, 0), 1, 0, 0, 2, 3, 0, 4, 5, 6);
    CHECK_SHAPE(tp_vec_to_tril_matrix(tp_zeros(TP_F64, TP_SHAPE(2, 0)), -3), 2, 3, 3);
    CHECK_SHAPE(tp_vec_to_tril_matrix(tp_zeros(TP_F64, TP_SHAPE(0)), 0), 0, 0);
    CHECK_SHAPE(tp_vec_to_tril_matrix(tp_zeros(TP_F64, TP_SHAPE(1)), 1), 1, 1);
    tp_vec_to_tril_matrix(counting(TP_F64, TP_SHAPE(4)), 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "vec_to_tril_matrix: x has shape (4,)");
    tp_vec_to_tril_matrix(six, INT64_MIN);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "no matrix has a diagonal");
    tp_tril_matrix_to_vec(tp_zeros(TP_F64, TP_SHAPE(2, 3)), 0);
    CHECK_ERROR(TP_ERROR_SHAPE, "square matrices");
    tp_tril_matrix_to_vec(tp_zeros(TP_F64, TP_SHAPE(3, 3)), 3);
    CHECK_ERROR(TP_ERROR_SHAPE, "a diagonal 3");
}

TEST(diagonals_beyond_the_matrix)
{
    const int64_t far[] = {INT64_MAX, INT64_C(1) << 62, 3};
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(2, 3));
    for (int i = 0; i < 3; i++) {
        CHECK_BITS(tp_item(tp_sum(tp_tril(x, far[i]))), 6);
        CHECK_BITS(tp_item(tp_sum(tp_triu(x, far[i]))), 0);
        CHECK_BITS(tp_item(tp_sum(tp_tril(x, -far[i]))), 0);
        CHECK_BITS(tp_item(tp_sum(tp_triu(x, -far[i]))), 6);
        CHECK_INT(tp_size(tp_diagonal(x, far[i])), 0);
    }
    CHECK_BITS(tp_item(tp_sum(tp_triu(x, INT64_MIN))), 6);
    tp_diag_embed(x, INT64_MIN);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "diag_embed: 3 elements on diagonal -9223372036854775808");
}

TEST(parts_larger_than_the_axis)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(2, 3)), *part = NULL;
    CHECK_INT(tp_split(x, INT64_MAX, 1, &part, 1), 1);
    CHECK_INT(tp_size(part), 6);
    CHECK_INT(tp_split(x, 2, 1, &part, 1), 2);
    CHECK_INT(tp_size(part), 4);
}
