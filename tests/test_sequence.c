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

/* Scores of any sign: the negative scale is the scale of −k, 0 the mean of the values. */
static void compare_scale(tp_dtype dtype, int64_t keys, double scale, double tolerance)
{
    TP_SCOPE();
    tp_var *q = tp_variable(tp_randn(dtype, TP_SHAPE(3, 4))), *y, *z;
    tp_var *k = tp_variable(tp_randn(dtype, TP_SHAPE(keys, 4)));
    tp_var *v = tp_variable(tp_randn(dtype, TP_SHAPE(keys, 2)));
    tp_var *mask = tp_variable(tp_randn(dtype, TP_SHAPE(3, keys)));
    tp_var *x[] = {q, k, v, mask}, *ours[4], *theirs[4];
    for (int masked = 0; masked < 2; masked++) {
        y = tp_scaled_dot_product_attention(q, k, v, .scale = scale, .mask = masked ? mask : NULL);
        z = formula(q, tp_mul(2 * scale, k), v, masked ? mask : NULL);
        check_close(y, z, tolerance);
        tp_gradients(tp_sum(tp_square(y)), x, 3 + masked, ours);
        tp_gradients(tp_sum(tp_square(z)), x, 3 + masked, theirs);
        for (int i = 0; i < 3 + masked; i++)
            check_close(ours[i], theirs[i], tolerance);
    }
}

TEST(any_scale_gives_what_the_formula_gives)
{
    tp_manual_seed(7);
    for (int64_t keys = 1; keys < 36; keys++)
        for (int i = 0; i < 3; i++) {
            compare_scale(TP_F64, keys, (double[]){-0.5, 0, 3}[i], 1e-12);
            compare_scale(TP_F32, keys, (double[]){-0.5, 0, 3}[i], 2e-4);
        }
}

/* One of n keys has the score 40, the others 0: its weight is p = 1 − r, r = (n − 1) / (e⁴⁰ + n −
 * 1), and so is y; the derivative for its score is p r, the next one p r (r − p). */
static void check_weight_near_1(tp_dtype dtype, int64_t n, double tolerance)
{
    TP_SCOPE();
    const double r = (double)(n - 1) / (exp(40) + (double)(n - 1)), p = 1 - r;
    tp_var *own = tp_unsqueeze(tp_to(tp_eq(tp_arange(TP_I64, 0, (double)n, 1), n / 2), dtype), 1);
    tp_var *q = tp_variable(tp_full(dtype, TP_SHAPE(1, 1), 40)), *k = tp_variable(own);
    tp_var *mask = tp_variable(tp_zeros(dtype, TP_SHAPE(1, n))), *series[2];
    tp_var *x[] = {q, k, mask}, *g[3], *recorded[3];
    for (int masked = 0; masked < 2; masked++) {
        tp_var *y = tp_scaled_dot_product_attention(q, k, own, .mask = masked ? mask : NULL);
        tp_gradients(y, x, 2 + masked, g);
        tp_gradients(y, x, 2 + masked, recorded, .create_graph = true);
        tp_taylor(y, q, tp_ones(dtype, TP_SHAPE(1, 1)), 2, series);
        tp_var *second[] = {tp_gradient(recorded[0], q), series[1]};
        tp_var *first[] = {g[0], recorded[0], series[0]};
        for (int i = 0; i < 3; i++)
            CHECK_CLOSE(tp_item(first[i]) / (p * r), 1, tolerance);
        for (int i = 0; i < 2; i++)
            CHECK_CLOSE(tp_item(second[i]) / (p * r * (r - p)), 1, tolerance);
        for (int i = 0; i < 2; i++) {
            tp_var *gk = i ? recorded[1] : g[1], *gm = i ? recorded[2] : g[2];
            CHECK_CLOSE(tp_item(tp_select(gk, 0, n / 2)) / (40 * p * r), 1, tolerance);
            CHECK_CLOSE(tp_item(tp_select(gk, 0, 0)) / (-40 * p * r / (double)(n - 1)), 1,
                        tolerance);
            if (masked)
                CHECK_CLOSE(tp_item(tp_select(gm, 1, n / 2)) / (p * r), 1, tolerance);
        }
    }
}

TEST(a_weight_near_1_has_derivatives)
{
    static const int64_t keys[] = {2, 3, 17, 600};
    for
        EACH(i, keys)
        {
            check_weight_near_1(TP_F64, keys[i], 1e-12);
            check_weight_near_1(TP_F32, keys[i], 2e-5);
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

/* y and the gradients for q, k, v of Σ w y over the first `rows` queries, by each mode. */
static void check_rows(tp_var *const *x, tp_var *y, int rows, tp_var *const *expected, tp_var *z)
{
    tp_var *ours[3], *recorded[3];
    tp_var *some = tp_slice(y, -2, 0, rows, 1);
    check_close(some, z, 1e-14);
    tp_gradients(tp_sum(tp_square(some)), (tp_var **)x, 3, ours);
    tp_gradients(tp_sum(tp_square(some)), (tp_var **)x, 3, recorded, .create_graph = true);
    tp_var *pushed = tp_jvp(some, x[0], tp_ones(TP_F64, tp_ndim(x[0]), tp_shape(x[0])));
    CHECK(tp_item(tp_all(tp_isfinite(pushed))) == 1);
    for (int i = 0; i < 3; i++) {
        tp_var *part = i ? tp_slice(ours[i], -2, 0, 2, 1) : ours[0];
        check_close(part, expected[i], 1e-13);
        check_close(recorded[i], ours[i], 1e-13);
    }
}

TEST(what_is_not_seen_may_be_nan)
{
    static const double bad[] = {(double)NAN, HUGE_VAL, -HUGE_VAL};
    tp_manual_seed(8);
    tp_var *q = tp_randn(TP_F64, TP_SHAPE(1, 3, 2)), *kv = tp_randn(TP_F64, TP_SHAPE(2, 1, 2, 2));
    for
        EACH(i, bad)
    for (int part = 0; part < 3; part++) {
        TP_SCOPE();
        tp_var *last = tp_full(TP_F64, TP_SHAPE(1, 1, 2), bad[i]);
        tp_var *fine = tp_ones(TP_F64, TP_SHAPE(1, 1, 2)), *x[3], *few[3], *g[3];
        for (int k = 0; k < 3; k++) {
            tp_var *both[] = {k ? tp_select(kv, 0, k - 1) : q,
                              part != k - 1 && part < 2 ? fine : last};
            few[k] = tp_variable(both[0]);
            x[k] = tp_variable(k ? tp_concatenate(both, 2, 1) : q);
        }
        tp_var *hidden = tp_array(TP_BOOL, TP_SHAPE(3), ((uint8_t[]){1, 1, 0}));
        tp_var *z = tp_scaled_dot_product_attention(few[0], few[1], few[2]);
        tp_gradients(tp_sum(tp_square(z)), few, 3, g);
        check_rows(x, tp_scaled_dot_product_attention(x[0], x[1], x[2], .mask = hidden), 3, g, z);
        z = tp_scaled_dot_product_attention(few[0], few[1], few[2], .causal = true);
        tp_var *first = tp_slice(z, 1, 0, 2, 1);
        tp_gradients(tp_sum(tp_square(first)), few, 3, g);
        tp_var *y = tp_scaled_dot_product_attention(x[0], x[1], x[2], .causal = true);
        check_rows(x, y, 2, g, first);
        if (i == 0)
            CHECK(isnan(at(y, 4)) && isnan(at(y, 5)));
    }
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

static bool all_equal(tp_var *a, tp_var *b)
{
    return tp_item(tp_all(tp_eq(a, b))) == 1;
}

TEST(a_state_that_is_null_is_zeros)
{
    tp_manual_seed(3);
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(2, 3)), *zeros = tp_zeros(TP_F64, TP_SHAPE(2, 4)), *c, *d;
    tp_var *w = tp_randn(TP_F64, TP_SHAPE(16, 3)), *u = tp_randn(TP_F64, TP_SHAPE(16, 4));
    tp_var *a = tp_lstm_cell(x, zeros, zeros, w, u, NULL, NULL, &c);
    tp_var *b = tp_lstm_cell(x, NULL, NULL, w, u, NULL, NULL, &d);
    CHECK(all_equal(a, b) && all_equal(c, d));
    w = tp_slice(w, 0, 0, 12, 1), u = tp_slice(u, 0, 0, 12, 1);
    CHECK(
        all_equal(tp_gru_cell(x, zeros, w, u, NULL, NULL), tp_gru_cell(x, NULL, w, u, NULL, NULL)));
    w = tp_slice(w, 0, 0, 4, 1), u = tp_slice(u, 0, 0, 4, 1);
    CHECK(all_equal(tp_rnn_tanh_cell(x, zeros, w, u, NULL, NULL),
                    tp_rnn_tanh_cell(x, NULL, w, u, NULL, NULL)));
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

/* --- Recurrent layers --- */

static bool layer_bits(tp_var *a, tp_var *b)
{
    size_t bytes = (size_t)tp_size(a) * (tp_dtype_of(a) == TP_F32 ? 4 : 8);
    return tp_size(a) == tp_size(b) && !memcmp(tp_data(a), tp_data(b), bytes);
}

/* Steps of cells give the layer's results, and the same bits come from any number of threads. */
static void check_layer(tp_dtype dtype, bool lstm, int64_t rows, int64_t size)
{
    TP_SCOPE();
    int64_t steps = 5, inputs = 7, width = (lstm ? 4 : 3) * size;
    tp_var *x = tp_variable(tp_randn(dtype, TP_SHAPE(steps, rows, inputs)));
    tp_var *h = tp_variable(tp_randn(dtype, TP_SHAPE(rows, size)));
    tp_var *c = tp_variable(tp_randn(dtype, TP_SHAPE(rows, size)));
    tp_var *w = tp_variable(tp_mul(0.3, tp_randn(dtype, TP_SHAPE(width, inputs))));
    tp_var *u = tp_variable(tp_mul(0.3, tp_randn(dtype, TP_SHAPE(width, size))));
    tp_var *a = tp_variable(tp_randn(dtype, TP_SHAPE(width)));
    tp_var *b = tp_variable(tp_randn(dtype, TP_SHAPE(width)));
    tp_var *in[] = {x, h, w, u, a, b, c}, *first[7], *again[7], *cells[7];
    int n = lstm ? 7 : 6;
    tp_var *gy = tp_randn(dtype, TP_SHAPE(steps, rows, size)), *y[5], *last = c, *state = h;
    for (int threads = 1; threads <= 4; threads += 3) {
        tp_set_num_threads(threads);
        tp_var *all = lstm ? tp_lstm(x, h, c, w, u, a, b, NULL) : tp_gru(x, h, w, u, a, b);
        tp_gradients(all, in, n, threads == 1 ? first : again, .gradient = gy);
        y[threads] = all;
    }
    tp_set_num_threads(2);
    CHECK(layer_bits(y[1], y[4]));
    for (int i = 0; i < n; i++)
        CHECK(layer_bits(first[i], again[i]));
    tp_var *lines[5];
    for (int64_t t = 0; t < steps; t++) {
        tp_var *now = tp_select(x, 0, t);
        state = lstm ? tp_lstm_cell(now, state, last, w, u, a, b, &last)
                     : tp_gru_cell(now, state, w, u, a, b);
        lines[t] = state;
    }
    tp_var *stepped = tp_stack(lines, 5, 0);
    double tolerance = dtype == TP_F32 ? 1e-4 : 1e-12;
    tp_gradients(stepped, in, n, cells, .gradient = gy);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(stepped, y[1])))) < tolerance);
    for (int i = 0; i < n; i++)
        CHECK(tp_item(tp_max(tp_abs(tp_sub(cells[i], first[i])))) <
              tolerance * (1 + tp_item(tp_max(tp_abs(first[i])))));
}

/* Gates next to 0 and 1, whose slopes cells take from operations: relative to each of them. */
static void check_saturated(tp_dtype dtype, bool lstm)
{
    TP_SCOPE();
    static const double sums[] = {0.3, -0.3, 2, -2, 9, -9, 17, -17, 30, -30};
    int64_t size = 10, width = (lstm ? 4 : 3) * size;
    tp_var *x = tp_zeros(dtype, TP_SHAPE(1, 1, 1)), *bias[4];
    tp_var *h = tp_full(dtype, TP_SHAPE(1, size), 0.25),
           *c = tp_full(dtype, TP_SHAPE(1, size), 0.5);
    for (int k = 0; k < 4; k++)
        bias[k] = tp_roll(tp_to(tp_array(TP_F64, TP_SHAPE(size), sums), dtype), 3 * k, 0);
    tp_var *b = tp_variable(tp_concatenate(bias, lstm ? 4 : 3, 0));
    tp_var *w = tp_zeros(dtype, TP_SHAPE(width, 1)), *u = tp_zeros(dtype, TP_SHAPE(width, size));
    tp_var *other = tp_full(dtype, TP_SHAPE(width), 0.125);
    tp_var *layer = lstm ? tp_lstm(x, h, c, w, u, b, NULL, NULL) : tp_gru(x, h, w, u, b, other);
    tp_var *last, *now = tp_select(x, 0, 0);
    tp_var *cell =
        lstm ? tp_lstm_cell(now, h, c, w, u, b, NULL, &last) : tp_gru_cell(now, h, w, u, b, other);
    tp_var *a = tp_gradient(layer, b), *e = tp_gradient(cell, b);
    tp_var *recorded = tp_gradient(layer, b, .create_graph = true);
    double tolerance = dtype == TP_F32 ? 1e-4 : 1e-12;
    for (int64_t i = 0; i < width; i++) {
        CHECK(at(e, i) != 0);
        CHECK_CLOSE(at(a, i) / at(e, i), 1, tolerance);
        CHECK_CLOSE(at(recorded, i) / at(e, i), 1, tolerance);
    }
}

TEST(saturated_gates_have_gradients)
{
    for (int lstm = 0; lstm < 2; lstm++) {
        check_saturated(TP_F64, lstm);
        check_saturated(TP_F32, lstm);
    }
    tp_var *bad = tp_full(TP_F32, TP_SHAPE(4), (double)NAN),
           *one = tp_zeros(TP_F32, TP_SHAPE(1, 1));
    tp_var *x = tp_zeros(TP_F32, TP_SHAPE(1, 1, 1)), *w = tp_zeros(TP_F32, TP_SHAPE(4, 1));
    CHECK(isnan(at(tp_lstm(x, one, one, w, w, bad, NULL, NULL), 0)));
}

TEST(layers_are_their_cells)
{
    for (int type = 0; type < 2; type++)
        for (int lstm = 0; lstm < 2; lstm++) {
            tp_dtype dtype = type ? TP_F64 : TP_F32;
            check_layer(dtype, lstm, 1, 1);
            check_layer(dtype, lstm, 3, 17);
            check_layer(dtype, lstm, 70, 33);
        }
}

TEST(a_layer_goes_on_from_its_last_state)
{
    tp_var *x = tp_randn(TP_F64, TP_SHAPE(6, 2, 3)), *w = tp_randn(TP_F64, TP_SHAPE(16, 3));
    tp_var *u = tp_randn(TP_F64, TP_SHAPE(16, 4)), *c_n, *end;
    tp_var *whole = tp_lstm(x, NULL, NULL, w, u, NULL, NULL, &end);
    tp_var *first = tp_lstm(tp_narrow(x, 0, 0, 4), NULL, NULL, w, u, NULL, NULL, &c_n);
    tp_var *rest =
        tp_lstm(tp_narrow(x, 0, 4, 2), tp_select(first, 0, 3), c_n, w, u, NULL, NULL, &c_n);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(rest, tp_narrow(whole, 0, 4, 2))))) < 1e-14);
    CHECK(tp_item(tp_max(tp_abs(tp_sub(c_n, end)))) < 1e-14);
    tp_lstm(tp_narrow(x, 0, 0, 0), NULL, NULL, w, u, NULL, NULL, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "lstm: x (0, 2, 3)");
    tp_gru(x, NULL, w, u, NULL, NULL);
    CHECK_ERROR(TP_ERROR_SHAPE, "gru: w_hh has shape (16, 4), expected (G H, H), (12, 4)");
}
