/* SPDX-License-Identifier: MIT
 *
 * The random stream, computed again here from its description in random.h, and its moments. The
 * known answers of Philox4x32-10 were made with the Random123 library.
 */
#include "elements.h"

#include <math.h>
#include <pthread.h>

#include "base/random.h"

/* --- Philox, written from the paper --- */

static void philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c[4], k[2] = {key[0], key[1]};
    memcpy(c, counter, sizeof c);
    for (int round = 0; round < 10; round++) {
        uint64_t left = UINT64_C(0xD2511F53) * c[0], right = UINT64_C(0xCD9E8D57) * c[2];
        uint32_t next[4] = {(uint32_t)(right >> 32) ^ c[1] ^ k[0], (uint32_t)right,
                            (uint32_t)(left >> 32) ^ c[3] ^ k[1], (uint32_t)left};
        memcpy(c, next, sizeof c);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
    memcpy(out, c, sizeof c);
}

static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    {{1}, {0}, {0xf8e4cca4, 0x5cb200db, 0xb1a574eb, 0x097eff67}},
    {{0, 1}, {0}, {0x6ad0c5ec, 0xea236249, 0x73a459f5, 0x074944b3}},
    {{0}, {1}, {0xe3e80670, 0xe50a0ebc, 0x95f222c0, 0xb615aa27}},
    {{0}, {0, 1}, {0xfdde3e0b, 0xfa7e58b6, 0x3380ec46, 0xd8d55c4f}},
    {{0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x4d18d7d2, 0x430ac65a, 0xbd2fa22a, 0x0afae10d}},
    {{0x243f6a88, 0x85a308d3},
     {0xa4093822, 0x299f31d0},
     {0xe69c9c31, 0xb5a3d762, 0xe733bfc1, 0x341a787c}},
};

TEST(philox_gives_the_known_answers)
{
    for
        EACH(i, known)
        {
            uint32_t out[4];
            philox(known[i].counter, known[i].key, out);
            CHECK(!memcmp(out, known[i].out, sizeof out));
            if (known[i].counter[2] || known[i].counter[3])
                continue;
            tp__philox((uint64_t)known[i].counter[1] << 32 | known[i].counter[0],
                       (uint64_t)known[i].key[1] << 32 | known[i].key[0], out);
            CHECK(!memcmp(out, known[i].out, sizeof out));
        }
}

/* --- The stream of random.h --- */

static void block(uint64_t seed, uint64_t c, uint32_t words[4])
{
    philox((const uint32_t[]){(uint32_t)c, (uint32_t)(c >> 32), 0, 0},
           (const uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)}, words);
}

static double uniform_f64(uint64_t seed, uint64_t first, int64_t i)
{
    uint32_t w[4];
    block(seed, first + (uint64_t)i / 2, w);
    const uint32_t *pair = w + 2 * (i % 2);
    return (double)(((uint64_t)pair[0] << 32 | pair[1]) >> 11) * 0x1p-53;
}

static double uniform_f32(uint64_t seed, uint64_t first, int64_t i)
{
    uint32_t w[4];
    block(seed, first + (uint64_t)i / 4, w);
    return (double)(w[i % 4] >> 8) * 0x1p-24;
}

static double normal(uint64_t seed, uint64_t first, int64_t i)
{
    double u = uniform_f64(seed, first, i - i % 2), v = uniform_f64(seed, first, i - i % 2 + 1);
    double angle = 2 * 3.14159265358979323846 * v;
    return sqrt(-2 * log(1 - u)) * (i % 2 ? sin(angle) : cos(angle));
}

static const uint64_t seeds[] = {0, 1, 42, UINT64_C(0x123456789ABCDEF0), UINT64_MAX};
static const int64_t lengths[] = {1, 2, 3, 4, 5, 8, 101};

TEST(uniforms_follow_the_documented_stream)
{
    for
        EACH(s, seeds)
        for
            EACH(n, lengths)
            {
                tp_manual_seed(seeds[s]);
                tp_var *x = tp_rand(TP_F64, TP_SHAPE(lengths[n]));
                tp_var *y = tp_rand(TP_F32, TP_SHAPE(lengths[n], 1));
                uint64_t used = (uint64_t)(lengths[n] + 1) / 2;
                for (int64_t i = 0; i < lengths[n]; i++) {
                    CHECK_BITS(at(x, i), uniform_f64(seeds[s], 0, i));
                    CHECK_BITS(at(y, i), uniform_f32(seeds[s], used, i));
                }
            }
}

TEST(normals_follow_the_documented_stream)
{
    for
        EACH(s, seeds)
        for
            EACH(n, lengths)
            {
                tp_manual_seed(seeds[s]);
                tp_var *x = tp_randn(TP_F64, TP_SHAPE(lengths[n])),
                       *y = tp_randn(TP_F32, TP_SHAPE(4));
                for (int64_t i = 0; i < lengths[n]; i++)
                    CHECK_CLOSE(at(x, i), normal(seeds[s], 0, i), 1e-14);
                for (int64_t i = 0; i < 4; i++)
                    CHECK_CLOSE(at(y, i), normal(seeds[s], (uint64_t)(lengths[n] + 1) / 2, i),
                                1e-7);
            }
}

TEST(each_call_starts_at_a_fresh_block)
{
    tp_manual_seed(7);
    tp_rand(TP_F64, TP_SHAPE());
    tp_rand(TP_F32, TP_SHAPE(5));
    tp_randn(TP_F64, TP_SHAPE(3));
    tp_rand(TP_F64, TP_SHAPE(0));
    CHECK_BITS(tp_item(tp_rand(TP_F64, TP_SHAPE(1))), uniform_f64(7, 5, 0));
    tp_rand(TP_I64, TP_SHAPE(4));
    tp_clear_error();
    tp_rand(TP_F64, TP_SHAPE(-4));
    tp_clear_error();
    CHECK_BITS(tp_item(tp_rand(TP_F64, TP_SHAPE(1))), uniform_f64(7, 6, 0));
}

TEST(shape_does_not_change_the_stream)
{
    tp_manual_seed(3);
    tp_var *flat = tp_rand(TP_F64, TP_SHAPE(24));
    tp_manual_seed(3);
    tp_var *deep = tp_rand(TP_F64, TP_SHAPE(2, 3, 4));
    CHECK(!memcmp(tp_data(flat), tp_data(deep), 24 * sizeof(double)));
    CHECK_SHAPE(deep, 2, 3, 4);
    CHECK(!tp_requires_grad(deep));
}

/* --- Moments, within about five standard errors of a million draws --- */

static double moment(tp_var *x, double k)
{
    return tp_item(tp_mean(tp_pow(x, k)));
}

TEST(moments_of_uniforms)
{
    const tp_dtype types[] = {TP_F32, TP_F64};
    for
        EACH(t, types)
        {
            int64_t n = test_short() ? 20000 : 1000000;
            double slack = 5 * sqrt(1.0 / (double)n);
            tp_var *x = tp_to(tp_rand(types[t], TP_SHAPE(n)), TP_F64);
            CHECK(tp_item(tp_min(x)) >= 0 && tp_item(tp_max(x)) < 1);
            for (int k = 1; k <= 4; k++)
                CHECK_CLOSE(moment(x, k), 1.0 / (k + 1), slack * 0.3);
            tp_var *lagged = tp_mul(tp_sub(tp_slice(x, 0, 1, n, 1), 0.5),
                                    tp_sub(tp_slice(x, 0, 0, n - 1, 1), 0.5));
            CHECK_CLOSE(tp_item(tp_mean(lagged)), 0, slack / 12);
        }
}

TEST(moments_of_normals)
{
    const double expected[] = {0, 0, 1, 0, 3, 0, 15}, spread[] = {0, 1, 1.5, 4, 10, 31, 102};
    const tp_dtype types[] = {TP_F32, TP_F64};
    for
        EACH(t, types)
        {
            int64_t n = test_short() ? 20000 : 1000000;
            tp_var *x = tp_to(tp_randn(types[t], TP_SHAPE(n)), TP_F64);
            for (int k = 1; k <= 6; k++)
                CHECK(fabs(moment(x, k) - expected[k]) <= 5 * spread[k] * sqrt(1.0 / (double)n));
            CHECK_CLOSE(tp_item(tp_mean(tp_lt(x, 1))), 0.8413447460685429,
                        5 * sqrt(0.14 / (double)n));
        }
}

/* --- Types, seeds, threads --- */

TEST(only_floating_types)
{
    CHECK(tp_is_poison(tp_rand(TP_I64, TP_SHAPE(2))));
    CHECK_ERROR(TP_ERROR_DTYPE, "rand: expected a floating type");
    CHECK(tp_is_poison(tp_randn(TP_U8, TP_SHAPE(2))));
    CHECK_ERROR(TP_ERROR_DTYPE, "randn");
    CHECK(tp_is_poison(tp_rand((tp_dtype)9, TP_SHAPE(2))));
    CHECK_ERROR(TP_ERROR_DTYPE, "rand");
    CHECK(tp_is_poison(tp_randn(TP_F64, 9, NULL)));
    CHECK_ERROR(TP_ERROR_SHAPE, "randn");
}

TEST(seeds_differ)
{
    double first[sizeof seeds / sizeof *seeds];
    for
        EACH(s, seeds)
        {
            tp_manual_seed(seeds[s]);
            first[s] = tp_item(tp_rand(TP_F64, TP_SHAPE()));
            for (size_t before = 0; before < s; before++)
                CHECK(first[before] != first[s]);
            tp_manual_seed(seeds[s]);
            CHECK_BITS(tp_item(tp_rand(TP_F64, TP_SHAPE())), first[s]);
        }
}

static void *draw_one(void *out)
{
    *(double *)out = tp_item(tp_rand(TP_F64, TP_SHAPE()));
    return NULL;
}

TEST(a_thread_starts_as_after_seed_zero)
{
    double drawn = -1;
    pthread_t thread;
    tp_manual_seed(99);
    double ours = tp_item(tp_rand(TP_F64, TP_SHAPE()));
    pthread_create(&thread, NULL, draw_one, &drawn);
    pthread_join(thread, NULL);
    CHECK_BITS(drawn, uniform_f64(0, 0, 0));
    CHECK_BITS(ours, uniform_f64(99, 0, 0));
    CHECK_BITS(tp_item(tp_rand(TP_F64, TP_SHAPE())), uniform_f64(99, 1, 0));
}

TEST(a_stream_goes_on_from_a_state)
{
    uint64_t state[2], again[2];
    tp_manual_seed(5);
    tp_rand(TP_F64, TP_SHAPE(7));
    tp_random_state(state);
    CHECK(state[0] == 5 && state[1] == 4); /* two float64 a block */
    tp_var *a = tp_rand(TP_F64, TP_SHAPE(3));
    tp_manual_seed(6);
    tp_set_random_state(state);
    tp_var *b = tp_rand(TP_F64, TP_SHAPE(3));
    CHECK(!memcmp(tp_data(a), tp_data(b), 3 * sizeof(double)));
    tp_random_state(again);
    CHECK(again[0] == 5 && again[1] == 6);
    tp_random_state(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "random_state: the place is NULL");
    tp_set_random_state(NULL);
    CHECK_ERROR(TP_ERROR_ARGUMENT, "set_random_state: the state is NULL");
}
