/* SPDX-License-Identifier: MIT
 *
 * Squared distances: near points against mpmath, many points against their formula, and where
 * nothing may be read.
 */
#include "elements.h"

enum { NEAR_A = 2, NEAR_B = 3, NEAR_D = 5 };

static const double near_a[] = {0x1.89491186679ccp+4, 0x1.82dbf36794a6bp+5, 0x1.d84f48d214840p+5,
                                0x1.61f5d17035e9fp+6, 0x1.7fd674ca72429p+5, 0x1.894965995bf8cp+4,
                                0x1.82dbcad8c8a57p+5, 0x1.d84f4593cafe2p+5, 0x1.61f5c426b5904p+6,
                                0x1.7fd679611a5b7p+5};
static const double near_b[] = {0x1.8949118637bb1p+4, 0x1.82dbf367938f2p+5, 0x1.d84f48d203697p+5,
                                0x1.61f5d1701f1a7p+6, 0x1.7fd674ca84a23p+5, 0x1.894911862d9aep+4,
                                0x1.82dbf367b4fe8p+5, 0x1.d84f48d216e60p+5, 0x1.61f5d17026aafp+6,
                                0x1.7fd674ca6807dp+5, 0x1.6572d42bc3cffp+4, 0x1.6af1c2a38a871p+5,
                                0x1.ea231b201f09fp+5, 0x1.5afcb7d778ccdp+6, 0x1.722e49f02ac71p+5};
static const double near_g[] = {0x1.edffcc953ac8ap-1, 0x1.7d5876154f5d0p-1, -0x1.af80c5afb48b8p-2,
                                0x1.d88daf9975348p-1, 0x1.4151938125520p-4, 0x1.6c3262a02fda8p-2};

/* By mpmath, with 400 bits: the distances, and the gradients of their sum weighted by near_g. */
static const double near_y[] = {2.7831502370296699162e-18, 2.4795847732632997225e-18,
                                24.872032588515382953,     1.5096875169094220787e-8,
                                1.509711557263330816e-8,   24.871810008232488553};
static const double near_ga[] = {
    -1.8876610199762345242, -2.5193630845270146102, 1.878073450219481262,  -1.4691849269206306964,
    -1.4387195365923558594, 1.5934397059624427705,  2.1261807768997512376, -1.5851467812442972668,
    1.2398826779853553835,  1.2143306201003913383};
static const double near_gb[] = {
    -0.00014800647373074198837, 0.00014279568802962863111,   0.000011417156561679386374,
    0.000093557471397873550391, -0.000016153169690023570284, -0.000012581023707195869575,
    0.000012138525134942835448, 9.7067879173326224211e-7,    7.9509120179414388003e-6,
    -1.373605611831821058e-6,   0.29438190151122969154,      0.39302737341409880117,
    -0.2929390568105374078,     0.2292007405518594979,       0.22440644326726637647};

static double error_of(tp_var *v, const double *expected)
{
    double most = 0;
    for (int64_t i = 0; i < tp_size(v); i++)
        most = fmax(most, fabs(at(v, i) / expected[i] - 1));
    return most;
}

TEST(near_points_keep_their_digits)
{
    tp_var *a = tp_variable(tp_array(TP_F64, TP_SHAPE(NEAR_A, NEAR_D), near_a));
    tp_var *b = tp_variable(tp_array(TP_F64, TP_SHAPE(NEAR_B, NEAR_D), near_b));
    tp_var *g = tp_array(TP_F64, TP_SHAPE(NEAR_A, NEAR_B), near_g), *xs[] = {a, b}, *gx[2];
    tp_var *y = tp_cdist_squared(a, b);
    CHECK(error_of(y, near_y) < 1e-15);
    for (int record = 0; record < 2; record++) {
        tp_gradients(y, xs, 2, gx, .gradient = g, .create_graph = record);
        CHECK(error_of(gx[0], near_ga) < 1e-14);
        CHECK(error_of(gx[1], near_gb) < 1e-14);
    }
    /* Forwards, along a itself. */
    CHECK_CLOSE(tp_item(tp_sum(tp_jvp(y, a, tp_detach(a)))),
                tp_item(tp_sum(tp_mul(tp_gradient(y, a), a))), 1e-12);
}

/* The formula, which makes an array of (m, n, d). */
static tp_var *by_formula(tp_var *a, tp_var *b)
{
    return tp_sum(tp_square(tp_sub(tp_unsqueeze(a, -2), tp_unsqueeze(b, -3))), .axes = -1);
}

static bool alike(tp_var *a, tp_var *b, double tolerance)
{
    tp_var *most = tp_max(tp_abs(b)), *off = tp_max(tp_abs(tp_sub(a, b)));
    return tp_size(a) == tp_size(b) && tp_item(off) <= tolerance * (1 + tp_item(most));
}

/* Value, gradient and second derivative of many points, so that there are several strips. */
static void check_many(tp_var *a, tp_var *b, double tolerance)
{
    tp_var *xs[] = {tp_variable(a), tp_variable(b)}, *gx[2][2], *hx[2][2];
    for (int way = 0; way < 2; way++) {
        tp_var *y = way ? by_formula(xs[0], xs[1]) : tp_cdist_squared(xs[0], xs[1]);
        tp_var *loss = tp_sum(tp_exp(tp_mul(-0.1, y))), *along = NULL;
        tp_gradients(loss, xs, 2, gx[way], .create_graph = true);
        for (int i = 0; i < 2; i++) {
            tp_var *part = tp_sum(tp_mul(gx[way][i], tp_sin(xs[i])));
            along = along ? tp_add(along, part) : part;
        }
        tp_gradients(along, xs, 2, hx[way]);
    }
    CHECK(alike(tp_cdist_squared(a, b), by_formula(a, b), tolerance));
    for (int i = 0; i < 2; i++) {
        CHECK(alike(gx[0][i], gx[1][i], tolerance));
        CHECK(alike(hx[0][i], hx[1][i], 20 * tolerance));
    }
}

TEST(many_points_by_the_formula)
{
    static const int64_t sizes[][3] = {{1, 1, 1}, {70, 130, 3}, {33, 64, 70}, {200, 5, 8}};
    for
        EACH(s, sizes)
        {
            TP_SCOPE();
            int64_t m = sizes[s][0], n = sizes[s][1], d = sizes[s][2];
            tp_manual_seed(3);
            tp_var *a = tp_mul(1.0 / (double)d, tp_randn(TP_F64, TP_SHAPE(m, d)));
            tp_var *b = tp_mul(1.0 / (double)d, tp_randn(TP_F64, TP_SHAPE(n, d)));
            check_many(a, b, 1e-13);
            check_many(tp_to(a, TP_F32), b, 1e-13);
            check_many(tp_to(a, TP_F32), tp_to(b, TP_F32), 2e-5);
            check_many(tp_transpose(tp_clone(tp_transpose(a, 0, 1)), 0, 1), tp_flip(b, TP_SHAPE(0)),
                       1e-13);
        }
    TP_SCOPE();
    check_many(tp_randn(TP_F64, TP_SHAPE(3, 1, 4, 2)), tp_randn(TP_F64, TP_SHAPE(2, 70, 2)), 1e-13);
}

TEST(nothing_to_compare)
{
    tp_var *none = tp_zeros(TP_F64, TP_SHAPE(0, 3)), *some = tp_ones(TP_F64, TP_SHAPE(2, 3));
    CHECK_SHAPE(tp_cdist_squared(none, some), 0, 2);
    CHECK_ELEMENTS(
        tp_cdist_squared(tp_zeros(TP_F32, TP_SHAPE(2, 0)), tp_zeros(TP_F32, TP_SHAPE(1, 0))), 0, 0);
    tp_var *x = tp_variable(some);
    CHECK_ELEMENTS(tp_gradient(tp_sum(tp_cdist_squared(x, none)), x), 0, 0, 0, 0, 0, 0);
    CHECK_ELEMENTS(tp_gradient(tp_sum(tp_cdist_squared(x, x)), x), 0, 0, 0, 0, 0, 0);
    /* Where a gradient is 0, an infinite distance moves nothing. */
    tp_var *far = tp_array(TP_F64, TP_SHAPE(2, 1), ((double[]){1, HUGE_VAL}));
    tp_var *y = tp_variable(tp_array(TP_F64, TP_SHAPE(1, 1), ((double[]){3})));
    tp_var *least = tp_min(tp_cdist_squared(y, far), .axes = 1);
    CHECK_ELEMENTS(tp_gradient(least, y), 4);
    CHECK_ELEMENTS(tp_gradient(tp_gradient(least, y, .create_graph = true), y), 2);
    tp_cdist_squared(some, tp_zeros(TP_F64, TP_SHAPE(2, 2)));
    CHECK_ERROR(TP_ERROR_SHAPE, "cdist_squared: shapes (2, 3) and (2, 2)");
    tp_cdist_squared(some, tp_zeros(TP_F64, TP_SHAPE(3)));
    CHECK_ERROR(TP_ERROR_SHAPE, "expected (…, m, d) and (…, n, d)");
}

TEST(distances_have_the_same_bits_for_any_number_of_threads)
{
    tp_var *a = tp_variable(tp_randn(TP_F64, TP_SHAPE(300, 9)));
    tp_var *b = tp_variable(tp_randn(TP_F64, TP_SHAPE(700, 9)));
    tp_var *xs[] = {a, b}, *gx[2], *first[3] = {NULL};
    int before = tp_num_threads();
    for (int threads = 1; threads <= 4; threads += 3) {
        tp_set_num_threads(threads);
        tp_var *y = tp_cdist_squared(a, b);
        tp_gradients(tp_sum(tp_sqrt(y)), xs, 2, gx);
        tp_var *all[] = {tp_detach(y), gx[0], gx[1]};
        for (int i = 0; i < 3; i++)
            if (first[i])
                CHECK(!memcmp(tp_data(first[i]), tp_data(all[i]),
                              (size_t)tp_size(all[i]) * sizeof(double)));
            else
                first[i] = all[i];
    }
    tp_set_num_threads(before);
}
