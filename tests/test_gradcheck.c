/* SPDX-License-Identifier: MIT
 *
 * gradcheck: right gradients pass, also where they vanish in a fit's minimum and in any units;
 * wrong ones never do; what differences cannot tell, noise and kinks, is said to be undecided.
 */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "elements.h"

#include "base/numbers.h"

/* What gradcheck says of a case: 1 agrees, 0 differs, −1 cannot tell. Its report goes to text. */
static char text[4000];

#define VERDICT(f, ctx, x, n, ...)                                                                 \
    (tell_begin(), tell_end(tp_gradcheck(f, ctx, x, n, .undecided = &open_, __VA_ARGS__)))

static bool open_;
static int saved_stderr;
static FILE *report;

static void tell_begin(void)
{
    fflush(stderr);
    report = tmpfile();
    saved_stderr = dup(2);
    if (report)
        dup2(fileno(report), 2);
}

static int tell_end(bool agrees)
{
    fflush(stderr);
    dup2(saved_stderr, 2);
    close(saved_stderr);
    text[0] = 0;
    if (report) {
        rewind(report);
        text[fread(text, 1, sizeof text - 1, report)] = 0;
        fclose(report);
    }
    CHECK(agrees == (text[0] == 0) || tp_error());
    CHECK(!(agrees && open_));
    return agrees ? 1 : open_ ? -1 : 0;
}

/* --- A layer whose gradient can be spoilt: y = x, gx = gy · factor, of some elements --- */

typedef struct spoilt {
    double factor;
    int64_t element; /* below 0: all */
} spoilt;

static void spoilt_forward(void *ctx, tp_var *const *in, tp_var **out)
{
    (void)ctx;
    out[0] = tp_mul(in[0], 1);
}

static void spoilt_backward(void *ctx, tp_var *const *in, tp_var *const *out, tp_var *const *gout,
                            tp_var **gin)
{
    const spoilt *s = ctx;
    (void)in, (void)out;
    double factors[64];
    int64_t n = tp_size(gout[0]);
    for (int64_t i = 0; i < n && i < 64; i++)
        factors[i] = s->element < 0 || s->element == i ? s->factor : 1;
    tp_var *factor = tp_array(TP_F64, tp_ndim(gout[0]), tp_shape(gout[0]), factors);
    gin[0] = tp_mul(gout[0], factor);
}

static tp_var *spoil(spoilt *s, tp_var *x)
{
    static const tp_function layer = {.size = sizeof layer,
                                      .name = "spoilt",
                                      .n_in = 1,
                                      .n_out = 1,
                                      .forward = spoilt_forward,
                                      .backward = spoilt_backward};
    tp_var *y;
    tp_apply(&layer, s, &x, &y);
    return y;
}

/* --- A fit of a differential equation ---
 *
 * x'' = −k x − c x', x(0) = a, by Runge and Kutta's fourth order, against the closed form for
 * k = 30, c = 1.5, a = 2, which Runge-Kutta misses by 1e-5, times `unit`. Squares are summed. */

enum { FIT_STEPS = 40 };

typedef struct fit {
    spoilt spoilt;
    double unit;
    bool residuals;
} fit;

static tp_var *fit_force(tp_var *p, tp_var *x, tp_var *v)
{
    return tp_neg(tp_add(tp_mul(tp_select(p, 0, 0), x), tp_mul(tp_select(p, 0, 1), v)));
}

static void fit_step(tp_var *p, double h, tp_var **x, tp_var **v)
{
    tp_var *k1 = *v, *l1 = fit_force(p, *x, *v);
    tp_var *k2 = tp_add(*v, tp_mul(h / 2, l1)),
           *l2 = fit_force(p, tp_add(*x, tp_mul(h / 2, k1)), k2);
    tp_var *k3 = tp_add(*v, tp_mul(h / 2, l2)),
           *l3 = fit_force(p, tp_add(*x, tp_mul(h / 2, k2)), k3);
    tp_var *k4 = tp_add(*v, tp_mul(h, l3)), *l4 = fit_force(p, tp_add(*x, tp_mul(h, k3)), k4);
    *x = tp_add(*x, tp_mul(h / 6, tp_add(tp_add(k1, k4), tp_mul(2, tp_add(k2, k3)))));
    *v = tp_add(*v, tp_mul(h / 6, tp_add(tp_add(l1, l4), tp_mul(2, tp_add(l2, l3)))));
}

static tp_var *fit_residuals(const fit *f, tp_var *p)
{
    const double h = 0.05, k = 30, c = 1.5, a = 2, w = sqrt(k - c * c / 4);
    tp_var *x = tp_mul(tp_select(p, 0, 2), f->unit), *v = tp_mul(x, 0), *r[FIT_STEPS];
    for (int i = 0; i < FIT_STEPS; i++) {
        double t = h * (i + 1);
        double y = f->unit * a * exp(-c * t / 2) * (cos(w * t) + c / (2 * w) * sin(w * t));
        fit_step(p, h, &x, &v);
        r[i] = tp_sub(x, y);
    }
    return tp_stack(r, FIT_STEPS, 0);
}

static tp_var *fit_loss(void *ctx, tp_var *const *x)
{
    fit *f = ctx;
    tp_var *p = f->spoilt.factor != 1 ? spoil(&f->spoilt, x[0]) : x[0];
    tp_var *r = fit_residuals(f, p);
    return f->residuals ? r : tp_sum(tp_square(r));
}

static tp_var *fit_objective(void *ctx, tp_var *p)
{
    return fit_residuals(ctx, p);
}

static const double fit_units[] = {1e-6, 1, 1e3};
static const double fit_aside[] = {0, 1e-9, 1e-6, 1e-3, 0.1};

/* The fit's minimum, moved aside. */
static tp_var *fit_point(fit *f, double aside)
{
    static const double start[] = {28, 1, 1.9}, where[] = {1, -0.5, 0.3};
    tp_minimize_result fitted;
    tp_least_squares(fit_objective, f, tp_array(TP_F64, TP_SHAPE(3), start), &fitted);
    tp_var *move = tp_mul(aside, tp_array(TP_F64, TP_SHAPE(3), where));
    return tp_mul(fitted.x, tp_add(1, move));
}

TEST(fits_of_differential_equations_pass_in_their_minimum)
{
    for (size_t u = 0; u < sizeof fit_units / sizeof *fit_units; u++)
        for (size_t a = 0; a < sizeof fit_aside / sizeof *fit_aside; a++) {
            TP_SCOPE();
            fit f = {.spoilt = {1, -1}, .unit = fit_units[u]};
            tp_var *x = fit_point(&f, fit_aside[a]);
            int verdict = VERDICT(fit_loss, &f, &x, 1, .orders = u == 1 && a != 0 ? 2 : 1);
            test_check(verdict == 1, __FILE__, __LINE__, "unit %g, %g aside: %d\n%s", f.unit,
                       fit_aside[a], verdict, text);
        }
}

static void fit_is_caught(fit *f, tp_var *x, double aside)
{
    int verdict = VERDICT(fit_loss, f, &x, 1, .directions = 1);
    test_check(verdict == 0 || (verdict < 0 && aside < 1e-6), __FILE__, __LINE__,
               "unit %g, %g aside, factor %g, element %d: %d", f->unit, aside, f->spoilt.factor,
               (int)f->spoilt.element, verdict);
}

TEST(wrong_gradients_of_fits_never_pass)
{
    static const double factors[] = {1.001, 2, -1, 0};
    for (size_t u = 0; u < sizeof fit_units / sizeof *fit_units; u++)
        for (size_t a = 1; a < sizeof fit_aside / sizeof *fit_aside; a++) {
            TP_SCOPE();
            fit f = {.spoilt = {1, -1}, .unit = fit_units[u]};
            tp_var *x = fit_point(&f, fit_aside[a]);
            for (int i = 0; i < 4; i++) {
                f.spoilt = (spoilt){factors[(i + (int)a) % 4], i - 1};
                fit_is_caught(&f, x, fit_aside[a]);
            }
        }
}

/* --- Any units --- */

typedef struct wave {
    spoilt spoilt;
    double unit; /* x's; */
    double size; /* the value's */
    double offset;
    int calls;
} wave;

/* Σ size · sin((i + 1) + x[i] / unit) + offset: smooth at x's unit. */
static tp_var *wave_sum(void *ctx, tp_var *const *x)
{
    wave *w = ctx;
    w->calls++;
    tp_var *y = w->spoilt.factor != 1 ? spoil(&w->spoilt, x[0]) : x[0];
    y = tp_div(y, w->unit);
    tp_var *i = tp_arange(TP_F64, 1, (double)tp_size(y) + 1, 1);
    return tp_add(tp_mul(w->size, tp_sum(tp_sin(tp_add(i, y)))), w->offset);
}

static tp_var *wave_point(const wave *w, int n)
{
    return tp_mul(w->unit, tp_add(0.5, tp_rand(TP_F64, TP_SHAPE(n))));
}

TEST(units_make_no_difference)
{
    tp_manual_seed(1);
    for (int n = 1; n <= 40; n = n < 5 ? n + 1 : n * 2)
        for (double unit = 1e-8; unit <= 1e8; unit *= 1e4)
            for (double size = 1e-12; size <= 1e6; size *= 1e6) {
                TP_SCOPE();
                wave w = {.spoilt = {1, -1}, .unit = unit, .size = size};
                tp_var *x = wave_point(&w, n);
                int right = VERDICT(wave_sum, &w, &x, 1, .seed = 0);
                test_check(right == 1, __FILE__, __LINE__, "%d, %g, %g: %d\n%s", n, unit, size,
                           right, text);
                w.spoilt = (spoilt){1.001, n / 2};
                int wrong = VERDICT(wave_sum, &w, &x, 1, .seed = 0);
                test_check(wrong == 0, __FILE__, __LINE__, "%d, %g, %g: %d\n%s", n, unit, size,
                           wrong, text);
                w.spoilt = (spoilt){-1, -1};
                CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .directions = 1), 0);
            }
}

static tp_var *saturated(void *ctx, tp_var *const *x)
{
    spoilt *s = ctx;
    return tp_tanh(tp_mul(20, s->factor != 1 ? spoil(s, x[0]) : x[0]));
}

/* Derivatives of 1e-23 beside others are right as far as they matter. */
TEST(derivatives_lost_in_rounding_beside_others_pass)
{
    spoilt s = {1, -1};
    tp_var *x = tp_array(TP_F64, TP_SHAPE(4), ((double[]){-1.5, 0.1, -0.7, 1.4}));
    CHECK_INT(VERDICT(saturated, &s, &x, 1, .seed = 0), 1);
    s = (spoilt){1.001, 1};
    CHECK_INT(VERDICT(saturated, &s, &x, 1, .seed = 0), 0);
    CHECK(strstr(text, "at element [1] of array 0, which is off most, "));
}

/* Each array, and each element, has a scale of its own. */
static tp_var *mixed(void *ctx, tp_var *const *x)
{
    double wrong = *(const double *)ctx;
    tp_var *units = tp_array(TP_F64, TP_SHAPE(3), ((double[]){1e8, 1, 1e-8}));
    tp_var *a = tp_sum(tp_sin(tp_div(x[0], units))), *b = tp_exp(tp_mul(x[1], 1e-5));
    tp_var *held = tp_detach(x[1]);
    return tp_add(a, tp_mul(b, tp_add(1, tp_mul(wrong, tp_sub(x[1], held)))));
}

TEST(scales_may_be_mixed)
{
    double wrong = 0;
    tp_var *x[] = {tp_array(TP_F64, TP_SHAPE(3), ((double[]){1e8, 0.5, 2e-8})), tp_num(1e5)};
    CHECK_INT(VERDICT(mixed, &wrong, x, 2, .orders = 2), 1);
    wrong = 1e-8;
    CHECK_INT(VERDICT(mixed, &wrong, x, 2, .orders = 1), 0);
    CHECK(strstr(text, "at element [] of array 1, which is off most, is "));
    x[0] = tp_zeros(TP_F64, TP_SHAPE(3)), wrong = 0;
    CHECK_INT(VERDICT(mixed, &wrong, x, 2, .orders = 1), 1);
}

/* A large constant takes digits: the tolerance is not met, and that is said. */
TEST(rounding_is_told_from_a_wrong_gradient)
{
    wave w = {.spoilt = {1, -1}, .unit = 1, .size = 1, .offset = 1e13};
    tp_var *x = wave_point(&w, 3);
    CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .seed = 0), -1);
    CHECK(strstr(text, "(cannot tell: these disagree)"));
    CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .tolerance = 0.9), 1);
    w.spoilt.factor = 2;
    CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .seed = 0), 0);
    w.offset = 1e17;
    CHECK(VERDICT(wave_sum, &w, &x, 1, .seed = 0) != 1);
}

TEST(it_takes_few_evaluations)
{
    wave w = {.spoilt = {1, -1}, .unit = 1, .size = 1};
    tp_var *x = wave_point(&w, 3);
    CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .seed = 0), 1);
    CHECK_INT(w.calls, 3 * (1 + 16) + 3 * 16);
    w = (wave){.spoilt = {2, -1}, .unit = 1, .size = 1};
    CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .seed = 0), 0);
    CHECK(w.calls <= 6 * (1 + 15 * 16));
    w = (wave){.spoilt = {1, -1}, .unit = 1, .size = 1};
    x = wave_point(&w, 65);
    CHECK_INT(VERDICT(wave_sum, &w, &x, 1, .seed = 0), 1);
    CHECK_INT(w.calls, 3 * (1 + 16));
}

/* --- float32 --- */

static tp_var *single(void *ctx, tp_var *const *x)
{
    spoilt *s = ctx;
    tp_var *y = s->factor != 1 ? tp_to(spoil(s, tp_to(x[0], TP_F64)), TP_F32) : x[0];
    return tp_exp(tp_sin(tp_to(y, TP_F32)));
}

TEST(float32)
{
    spoilt s = {1, -1};
    double numbers[] = {0.3, -1.2, 2, 1e-3};
    tp_var *wide = tp_array(TP_F64, TP_SHAPE(4), numbers), *x = tp_to(wide, TP_F32);
    CHECK_INT(VERDICT(single, &s, &x, 1, .seed = 0), 1);
    CHECK(VERDICT(single, &s, &x, 1, .tolerance = 1e-8) == -1);
    CHECK_INT(VERDICT(single, &s, &wide, 1, .tolerance = 1e-3), 1);
    CHECK(VERDICT(single, &s, &wide, 1, .seed = 0) != 0);
    s = (spoilt){1.01, 1};
    CHECK_INT(VERDICT(single, &s, &x, 1, .seed = 0), 0);
    CHECK_INT(VERDICT(single, &s, &wide, 1, .seed = 0), 0);
    tp_var *half = tp_zeros(TP_F16, TP_SHAPE(2));
    CHECK(!tp_gradcheck(single, &s, &half, 1));
    CHECK_ERROR(TP_ERROR_DTYPE, "gradcheck: array 0 is float16, expected float64 or float32");
}

/* --- Kinks --- */

static tp_var *bent(void *ctx, tp_var *const *x)
{
    switch (*(const char *)ctx) {
    case 'r': /* a kink */
        return tp_relu(x[0]);
    case 'a':
        return tp_abs(x[0]);
    case 's': /* smooth, at a scale of 1e-3 */
        return tp_log(tp_add(1, tp_exp(tp_mul(1000, x[0]))));
    case 'j': /* a jump */
        return tp_floor(x[0]);
    case 'w': /* the slope on neither side */
        return tp_add(tp_relu(x[0]), tp_mul(-0.5, tp_sub(x[0], tp_detach(x[0]))));
    case '3':
        return tp_mul(tp_square(x[0]), tp_abs(x[0]));
    default: /* an end */
        return tp_sqrt(x[0]);
    }
}

TEST(kinks_are_undecided)
{
    tp_var *zero = tp_zeros(TP_F64, TP_SHAPE(2)), *near = tp_full(TP_F64, TP_SHAPE(2), 1e-6);
    tp_var *beside = tp_array(TP_F64, TP_SHAPE(2), ((double[]){1, 1e-6}));
    CHECK_INT(VERDICT(bent, "r", &zero, 1, .seed = 0), -1);
    CHECK(strstr(text, "of array 0 is 0 by backward, "));
    CHECK(strstr(text, "(cannot tell: 0 to the left, "));
    CHECK_INT(VERDICT(bent, "a", &zero, 1, .seed = 0), -1);
    CHECK_INT(VERDICT(bent, "s", &zero, 1, .seed = 0), 1);
    CHECK_INT(VERDICT(bent, "j", &zero, 1, .seed = 0), -1);
    CHECK_INT(VERDICT(bent, "j", &near, 1, .seed = 0), 1);
    CHECK(VERDICT(bent, "q", &zero, 1, .seed = 0) == -1);
    CHECK(strstr(text, "(cannot tell: not finite nearby)"));
    CHECK_INT(VERDICT(bent, "w", &zero, 1, .seed = 0), 0);
    CHECK_INT(VERDICT(bent, "3", &zero, 1, .seed = 0), 1);
    for (const char *c = "ras3"; *c; c++) {
        CHECK_INT(VERDICT(bent, (void *)c, &near, 1, .seed = 0), 1);
        CHECK(*c == 's' || VERDICT(bent, (void *)c, &beside, 1, .seed = 0) == 1);
    }
    CHECK_INT(VERDICT(bent, "w", &near, 1, .seed = 0), 0);
    CHECK_INT(VERDICT(bent, "w", &beside, 1, .seed = 0), 0);
}

/* --- Noise --- */

typedef struct noise {
    spoilt spoilt;
    double size;
} noise;

static tp_var *noisy(void *ctx, tp_var *const *x)
{
    noise *n = ctx;
    tp_var *y = n->spoilt.factor != 1 ? spoil(&n->spoilt, x[0]) : x[0];
    return tp_add(tp_sin(y), tp_mul(n->size, tp_rand(TP_F64, TP_SHAPE(5))));
}

TEST(noise_is_told_from_a_wrong_gradient)
{
    int open = 0, agree = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        TP_SCOPE();
        tp_manual_seed(seed);
        tp_var *x = tp_rand(TP_F64, TP_SHAPE(5));
        noise n = {.spoilt = {1, -1}, .size = 1e-3};
        int verdict = VERDICT(noisy, &n, &x, 1, .seed = seed);
        CHECK(verdict != 0);
        open += verdict == -1;
        n.size = 1e-12;
        agree += VERDICT(noisy, &n, &x, 1, .seed = seed) == 1;
        n = (noise){.spoilt = {2, 1}, .size = 1e-6};
        CHECK_INT(VERDICT(noisy, &n, &x, 1, .seed = seed), 0);
    }
    CHECK_INT(open, 20);
    CHECK_INT(agree, 20);
}

/* --- Orders --- */

static tp_var *smooth(void *ctx, tp_var *const *x)
{
    (void)ctx;
    return tp_mul(tp_tanh(tp_matmul(x[0], x[1])), tp_exp(tp_sum(x[1])));
}

/* x², whose gradient is 2 x, but has no gradient. */
static tp_var *lost(void *ctx, tp_var *const *x)
{
    (void)ctx;
    tp_var *held = tp_detach(x[0]);
    tp_var *line = tp_mul(tp_mul(2, held), tp_sub(x[0], held));
    return tp_add(tp_add(tp_square(held), line), tp_mul(0, tp_square(x[0])));
}

TEST(higher_orders)
{
    tp_manual_seed(9);
    tp_var *x[] = {tp_randn(TP_F64, TP_SHAPE(2, 3)), tp_randn(TP_F64, TP_SHAPE(3, 2))};
    CHECK_INT(VERDICT(smooth, NULL, x, 2, .orders = 3), 1);
    CHECK_INT(VERDICT(lost, NULL, x, 1, .orders = 1), 1);
    CHECK_INT(VERDICT(lost, NULL, x, 1, .orders = 2), 0);
    CHECK(strstr(text, "derivative of order 2 along direction 0 is 0 by backward, "));
    CHECK(!strstr(text, "order 1"));
}

/* Half of its derivative for the last element of the second array is taken for a constant. */
static tp_var *halved(void *ctx, tp_var *const *x)
{
    (void)ctx;
    tp_var *last = tp_select(tp_select(x[1], 0, -1), 0, -1);
    return tp_add(tp_sum(tp_sin(x[0])), tp_mul(last, tp_detach(last)));
}

TEST(what_is_wrong_is_found)
{
    tp_manual_seed(9);
    for (int64_t rows = 2; rows <= 60; rows += 58) {
        tp_var *x[] = {tp_randn(TP_F64, TP_SHAPE(rows, 3)), tp_randn(TP_F64, TP_SHAPE(rows, 2))};
        CHECK_INT(VERDICT(halved, NULL, x, 2, .directions = 1), 0);
        double sweep = 0, difference = 0;
        CHECK(strstr(text, "derivative of order 1 along direction 0 is "));
        char where[80];
        snprintf(where, sizeof where, "at element [%d, 1] of array 1, which is off most, is ",
                 (int)rows - 1);
        const char *numbers = strstr(text, where);
        void *before = tp__locale_enter();
        CHECK(numbers &&
              sscanf(numbers + strlen(where), "%lf by backward, %lf", &sweep, &difference) == 2);
        tp__locale_leave(before);
        CHECK_CLOSE(difference, 2 * sweep, 1e-8);
    }
}

static tp_var *fails(void *ctx, tp_var *const *x)
{
    (void)ctx;
    return tp_reshape(x[0], TP_SHAPE(7));
}

TEST(odd_arrays_and_errors)
{
    tp_var *empty[] = {tp_zeros(TP_F64, TP_SHAPE(0, 3)), tp_randn(TP_F64, TP_SHAPE(3, 2))};
    CHECK_INT(VERDICT(smooth, NULL, empty, 2, .seed = 0), 1);
    tp_var *x = tp_ones(TP_F64, TP_SHAPE(2));
    CHECK(!tp_gradcheck(fails, NULL, &x, 1));
    CHECK_ERROR(TP_ERROR_SHAPE, "reshape");
    tp_var *integers = tp_zeros(TP_I64, TP_SHAPE(2));
    CHECK(!tp_gradcheck(smooth, NULL, &integers, 1));
    CHECK_ERROR(TP_ERROR_DTYPE, "gradcheck: array 0 is int64, expected float64 or float32");
}
