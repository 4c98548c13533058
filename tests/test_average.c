/* SPDX-License-Identifier: MIT
 *
 * Averages of parameters by their closed forms, and scaled losses by the rules of
 * torch.cuda.amp.GradScaler.
 */
#include "elements.h"

static void set_gradient(tp_var *p, double g)
{
    tp_cleargrad(p);
    tp_backward(p, .gradient = tp_to(tp_scalar(g), tp_dtype_of(p)));
}

/* --- Averages --- */

TEST(an_exponential_average)
{
    tp_var *p = tp_variable(0.0);
    tp_ema *e = tp_ema_new(&p, 1, 0.75);
    double expected = 0;
    for (int k = 1; k <= 20; k++) {
        tp_copy_(p, k * k);
        tp_ema_update(e);
        expected = k == 1 ? 1 : 0.75 * expected + 0.25 * k * k;
        CHECK_CLOSE(tp_item(tp_ema_at(e, 0)), expected, 1e-14);
    }
    tp_ema_swap(e);
    CHECK_CLOSE(tp_item(p), expected, 1e-14);
    tp_ema_update(e);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ema_update: the parameters are swapped");
    tp_ema_swap(e);
    CHECK_BITS(tp_item(p), 400);
    tp_ema_copy_to(e);
    CHECK_CLOSE(tp_item(p), expected, 1e-14);
    tp_ema_free(e), tp_ema_free(NULL);
}

TEST(equal_weights_give_the_mean_and_halves_average_in_float32)
{
    tp_var *p[2] = {tp_variable(tp_zeros(TP_F64, TP_SHAPE(2))),
                    tp_variable(tp_to(tp_zeros(TP_F32, TP_SHAPE(2)), TP_BF16))};
    tp_ema *e = tp_swa_new(p, 2);
    for (int k = 1; k <= 16; k++) {
        tp_copy_(p[0], k), tp_copy_(p[1], k);
        tp_ema_update(e);
    }
    CHECK_CLOSE(at(tp_ema_at(e, 0), 1), 8.5, 1e-14);
    CHECK_INT(tp_dtype_of(tp_ema_at(e, 1)), TP_F32);
    CHECK_CLOSE(at(tp_ema_at(e, 1), 1), 8.5, 1e-6);
    tp_ema_swap(e), tp_ema_swap(e);
    CHECK_BITS(at(p[1], 0), 16);

    tp_state_dict *d = tp_ema_state(e);
    tp_ema *next = tp_swa_new(p, 2), *small = tp_swa_new(p, 1);
    tp_ema_load_state(next, d);
    tp_ema_update(next), tp_ema_update(e);
    CHECK_BITS(at(tp_ema_at(next, 0), 0), at(tp_ema_at(e, 0), 0));
    CHECK_BITS(at(tp_ema_at(next, 1), 0), at(tp_ema_at(e, 1), 0));
    tp_ema_load_state(small, d);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ema_load_state: the state has more than 1 averages");
    CHECK(!tp_ema_at(e, 2));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ema_at: average 2 of 2");
    tp_ema_update(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "ema_update: the average is NULL");
    tp_state_dict_free(d);
    tp_ema_free(e), tp_ema_free(next), tp_ema_free(small);
}

/* --- Scaled losses --- */

/* Overflows halve the scale and leave steps out; three steps without one double it. */
TEST(the_scale_falls_and_rises)
{
    const struct {
        double gradient, scale;
        bool steps;
    } rows[] = {{1, 8, true},  {(double)INFINITY, 8, false},
                {1, 4, true},  {(double)NAN, 4, false},
                {1, 2, true},  {1, 2, true},
                {1, 2, true},  {1, 4, true},
                {-2, 4, true}, {1, 4, true},
                {1, 8, true}};
    tp_var *p = tp_variable(10.0);
    tp_optimizer *o = tp_sgd_new(&p, 1, 0.5);
    tp_grad_scaler *s = tp_grad_scaler_new(.init_scale = 8, .growth_interval = 3);
    for
        EACH(i, rows)
        {
            double before = tp_item(p);
            CHECK_BITS(tp_grad_scaler_get_scale(s), rows[i].scale);
            set_gradient(p, rows[i].gradient * rows[i].scale);
            if (i % 2)
                tp_grad_scaler_unscale_(s, o);
            CHECK(tp_grad_scaler_step(s, o) == rows[i].steps);
            CHECK_BITS(tp_item(p), rows[i].steps ? before - 0.5 * rows[i].gradient : before);
            tp_grad_scaler_update(s);
        }
    set_gradient(p, 1);
    tp_grad_scaler_unscale_(s, o), tp_grad_scaler_unscale_(s, o);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "grad_scaler_unscale_: the gradients are divided already");
    CHECK_CLOSE(tp_item(tp_grad(p)), 1.0 / 8, 0);
    tp_state_dict *d = tp_grad_scaler_state(s);
    tp_grad_scaler *next = tp_grad_scaler_new();
    tp_grad_scaler_load_state(next, d);
    for (int i = 0; i < 4; i++)
        tp_grad_scaler_update(s), tp_grad_scaler_update(next);
    CHECK_BITS(tp_grad_scaler_get_scale(next), tp_grad_scaler_get_scale(s));
    tp_state_dict_set(d, "backoff_factor", tp_scalar(2));
    tp_grad_scaler_load_state(next, d);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "grad_scaler_load_state: backoff_factor is 2");
    CHECK(isnan(tp_grad_scaler_get_scale(NULL)));
    CHECK_ERROR(TP_ERROR_ARGUMENT, "grad_scaler_get_scale: the scaler is NULL");
    tp_state_dict_free(d);
    tp_grad_scaler_free(s), tp_grad_scaler_free(next), tp_optimizer_free(o);
}

/* 2⁻²⁶ is nothing in float16; scaled it is a gradient, which a master takes in. */
TEST(a_scaled_loss_keeps_what_float16_would_lose)
{
    tp_var *p = tp_variable(tp_to(tp_ones(TP_F32, TP_SHAPE()), TP_F16));
    tp_optimizer *o = tp_sgd_new(&p, 1, 1 << 15);
    tp_grad_scaler *s = tp_grad_scaler_new();
    for (int i = 0; i < 4; i++) {
        tp_optimizer_zero_grad(o);
        tp_backward(tp_grad_scaler_scale(s, tp_mul(0x1p-26, tp_to(p, TP_F32))));
        CHECK(tp_grad_scaler_step(s, o));
    }
    CHECK_BITS(tp_item(p), 1 - 0x1p-9);
    tp_grad_scaler_free(s), tp_optimizer_free(o);
}
