/* SPDX-License-Identifier: MIT
 *
 * Attention in tiles against its formula over sizes that cut tiles anywhere; masks; threads;
 * memory.
 */
#include <math.h>

#include "elements.h"

static tp_var *formula(tp_var *q, tp_var *k, tp_var *v, tp_var *mask)
{
    tp_var *scores = tp_matmul(q, tp_transpose(k, -1, -2));
    scores = tp_div(scores, sqrt((double)tp_shape(q)[tp_ndim(q) - 1]));
    scores = mask ? tp_add(scores, mask) : scores;
    tp_var *top = tp_max(tp_detach(scores), .axes = TP_AXES(-1), .keepdims = true);
    tp_var *weights = tp_exp(tp_sub(scores, top));
    tp_var *sums = tp_sum(weights, .axes = TP_AXES(-1), .keepdims = true);
    return tp_matmul(tp_div(weights, sums), v);
}

static void check_close(tp_var *a, tp_var *b, double tolerance)
{
    CHECK_CLOSE(tp_item(tp_max(tp_abs(tp_sub(a, b)))), 0, tolerance);
}

static void compare(tp_dtype dtype, int64_t rows, int64_t keys, int64_t width, bool causal,
                    double tolerance)
{
    TP_SCOPE();
    tp_var *q = tp_variable(tp_randn(dtype, TP_SHAPE(2, rows, width)));
    tp_var *k = tp_variable(tp_randn(dtype, TP_SHAPE(2, keys, width)));
    tp_var *v = tp_variable(tp_randn(dtype, TP_SHAPE(2, keys, width + 1)));
    tp_var *x[] = {q, k, v}, *ours[3], *theirs[3], *mask = NULL;
    if (causal) {
        tp_var *row = tp_reshape(tp_arange(dtype, 0, (double)rows, 1), TP_SHAPE(rows, 1));
        mask = tp_where(tp_gt(tp_arange(dtype, 0, (double)keys, 1), row),
                        tp_full(dtype, TP_SHAPE(), -HUGE_VAL), tp_zeros(dtype, TP_SHAPE()));
    }
    tp_var *y = tp_scaled_dot_product_attention(q, k, v, .causal = causal);
    tp_var *z = formula(q, k, v, mask);
    check_close(y, z, tolerance);
    tp_gradients(tp_sum(tp_square(y)), x, 3, ours);
    tp_gradients(tp_sum(tp_square(z)), x, 3, theirs);
    for (int i = 0; i < 3; i++)
        check_close(ours[i], theirs[i], 20 * tolerance);
}

TEST(tiles_give_what_the_formula_gives)
{
    static const int64_t sizes[][3] = {
        {1, 1, 1}, {3, 5, 4}, {64, 64, 32}, {65, 130, 17}, {200, 7, 8}};
    tp_manual_seed(1);
    for
        EACH(i, sizes)
        {
            if (test_short() && sizes[i][0] * sizes[i][1] > 4096)
                continue;
            for (int causal = 0; causal < 2; causal++) {
                compare(TP_F64, sizes[i][0], sizes[i][1], sizes[i][2], causal, 1e-13);
                compare(TP_F32, sizes[i][0], sizes[i][1], sizes[i][2], causal, 1e-5);
            }
        }
}

TEST(a_query_that_sees_nothing_gives_zero)
{
    tp_var *q = tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3)));
    tp_var *mask = tp_array(TP_F64, TP_SHAPE(2, 2), ((double[]){-HUGE_VAL, -HUGE_VAL, 0, 0}));
    tp_var *v = counting(TP_F64, TP_SHAPE(2, 1));
    tp_var *y = tp_scaled_dot_product_attention(q, q, v, .mask = mask);
    CHECK_ELEMENTS(y, 0, 1.5);
    tp_var *g = tp_gradient(y, q);
    CHECK_CLOSE(tp_item(tp_sum(tp_to(tp_isfinite(g), TP_F64))), 6, 0);
}

TEST(threads_do_not_change_bits)
{
    int before = tp_num_threads();
    tp_var *first[2] = {NULL, NULL};
    for (int threads = 1; threads <= 4; threads *= 2) {
        tp_set_num_threads(threads);
        tp_manual_seed(3);
        tp_var *q = tp_variable(tp_randn(TP_F32, TP_SHAPE(6, 70, 16)));
        tp_var *y = tp_scaled_dot_product_attention(q, q, q, .causal = true);
        tp_var *now[] = {y, tp_gradient(tp_sum(tp_square(y)), q)};
        for (int i = 0; i < 2; i++) {
            first[i] = first[i] ? first[i] : now[i];
            CHECK(!memcmp(tp_data(first[i]), tp_data(now[i]), (size_t)tp_size(y) * sizeof(float)));
        }
    }
    tp_set_num_threads(before);
}

TEST(shapes_that_do_not_fit_are_named)
{
    tp_var *q = tp_ones(TP_F64, TP_SHAPE(2, 3)), *k = tp_ones(TP_F64, TP_SHAPE(2, 4));
    CHECK(tp_is_poison(tp_scaled_dot_product_attention(q, k, q)));
    CHECK_ERROR(TP_ERROR_SHAPE, "scaled_dot_product_attention");
    tp_var *w = tp_ones(TP_F64, TP_SHAPE(8, 3)), *h = tp_ones(TP_F64, TP_SHAPE(2, 2)), *c;
    tp_lstm_cell(q, h, h, w, w, NULL, NULL, &c);
    CHECK_ERROR(TP_ERROR_SHAPE, "lstm_cell: x (2, 3), h (2, 2), w_ih (8, 3) and w_hh (8, 3)");
    CHECK(tp_is_poison(c));
}

/* A turn keeps lengths, and products depend on the distance of positions. */
TEST(rotary_positions_turn)
{
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(1, 8)), *y = tp_mul(2, x);
    CHECK_CLOSE(tp_item(tp_sum(tp_square(tp_rotary(x, .offset = 7)))), 8, 1e-14);
    double near = tp_item(tp_sum(tp_mul(tp_rotary(x, .offset = 3), tp_rotary(y, .offset = 5))));
    double far = tp_item(tp_sum(tp_mul(tp_rotary(x, .offset = 40), tp_rotary(y, .offset = 42))));
    CHECK_CLOSE(near, far, 1e-13);
}
