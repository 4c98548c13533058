/* SPDX-License-Identifier: MIT
 *
 * Elementwise kernels over elements that lie one after the other, written once and compiled for
 * each instruction set (vector_baseline.c, vector_avx2.c, vector_avx512.c), which define
 *     VECTOR(name)    name with the instruction set's suffix
 *     VECTOR_BYTES    of a register
 *     VECTOR_WORDS(x), VECTOR_HALVES(x), VECTOR_WIDE_F16(x) if there are instructions that make
 *                     words of half words, the opposite, and float32 of float16
 *     VECTOR_FLOAT1(f), VECTOR_DOUBLE1(f) the vector form of libm's f of one argument, in float32
 *                     and float64; VECTOR_FLOAT2, VECTOR_DOUBLE2 of two
 * These name glibc's libmvec by its ABI (x86 vector function ABI; accuracy 4 ulp) and are
 * absent without TP_WITH_MVEC.
 *
 * An element's bits do not depend on its place: arithmetic is IEEE's, and a vector function gets
 * the elements that are left over in a register padded with ones.
 */
#include <math.h>
#include <string.h>

#include "kernels/gemm.h"
#include "kernels/vector.h"

#if defined(__clang__)
#define VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define VECTOR_LOOP _Pragma("GCC ivdep")
#else
#define VECTOR_LOOP
#endif

#define VECTOR_KERNEL(name)                                                                        \
    static void VECTOR(name)(int64_t n, char *const *at, const int64_t *step, const tp__attr *attr)

#define VECTOR_UNARY(name, Type, expression)                                                       \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        Type *to = (Type *)(void *)at[0];                                                          \
        const Type *from = (const Type *)(const void *)at[1];                                      \
        VECTOR_LOOP                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type x = from[i];                                                                \
            to[i] = (Type)(expression);                                                            \
        }                                                                                          \
    }

#define VECTOR_BINARY(name, Out, Type, expression)                                                 \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        Out *to = (Out *)(void *)at[0];                                                            \
        const Type *from_a = (const Type *)(const void *)at[1];                                    \
        const Type *from_b = (const Type *)(const void *)at[2];                                    \
        VECTOR_LOOP                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = from_a[i], b = from_b[i];                                               \
            to[i] = (Out)(expression);                                                             \
        }                                                                                          \
    }

typedef float VECTOR(floats) __attribute__((vector_size(VECTOR_BYTES)));
typedef double VECTOR(doubles) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint64_t VECTOR(integers) __attribute__((vector_size(VECTOR_BYTES)));

#define VECTOR_OF_float VECTOR(floats)
#define VECTOR_OF_double VECTOR(doubles)
#define VECTOR_OF_uint64_t VECTOR(integers)

/* Here an operand with a step of 0 is one element. The few that are left over at the end are not
 * worth a vector, of which the empty statement keeps the compiler. */
#define VECTOR_ARITHMETIC(name, Type, expression)                                                  \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)attr;                                                                                \
        enum { lanes = VECTOR_BYTES / sizeof(Type) };                                              \
        VECTOR_OF_##Type one[2];                                                                   \
        const Type *from[2] = {(const Type *)(const void *)at[1],                                  \
                               (const Type *)(const void *)at[2]};                                 \
        const int64_t on_a = step[1] != 0, on_b = step[2] != 0;                                    \
        for (int k = 0; k < 2; k++)                                                                \
            if (!step[1 + k]) {                                                                    \
                one[k] = *from[k] - (VECTOR_OF_##Type){0};                                         \
                from[k] = (const Type *)&one[k];                                                   \
            }                                                                                      \
        Type *to = (Type *)(void *)at[0];                                                          \
        const Type *from_a = from[0], *from_b = from[1];                                           \
        for (; n >= lanes; n -= lanes, to += lanes) {                                              \
            VECTOR_OF_##Type a, b;                                                                 \
            memcpy(&a, from_a, sizeof a);                                                          \
            memcpy(&b, from_b, sizeof b);                                                          \
            a = expression;                                                                        \
            memcpy(to, &a, sizeof a);                                                              \
            from_a += on_a * lanes;                                                                \
            from_b += on_b * lanes;                                                                \
        }                                                                                          \
        for (; n > 0; n--, to++, from_a += on_a, from_b += on_b) {                                 \
            const Type a = *from_a, b = *from_b;                                                   \
            *to = expression;                                                                      \
            __asm__ volatile("");                                                                  \
        }                                                                                          \
    }

#define VECTOR_BOTH_ARITHMETIC(name, expression)                                                   \
    VECTOR_ARITHMETIC(name##_f32, float, expression)                                               \
    VECTOR_ARITHMETIC(name##_f64, double, expression)

#define VECTOR_BOTH_UNARY(name, in_float, in_double)                                               \
    VECTOR_UNARY(name##_f32, float, in_float)                                                      \
    VECTOR_UNARY(name##_f64, double, in_double)

#define VECTOR_BOTH_BINARY(name, expression)                                                       \
    VECTOR_BINARY(name##_f32, float, float, expression)                                            \
    VECTOR_BINARY(name##_f64, double, double, expression)

#define VECTOR_COMPARISON(name, expression)                                                        \
    VECTOR_BINARY(name##_f32, uint8_t, float, expression)                                          \
    VECTOR_BINARY(name##_f64, uint8_t, double, expression)                                         \
    VECTOR_BINARY(name##_i64, uint8_t, int64_t, expression)

#define VECTOR_WHERE(name, Type)                                                                   \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        Type *to = (Type *)(void *)at[0];                                                          \
        const uint8_t *condition = (const uint8_t *)at[1];                                         \
        const Type *from_a = (const Type *)(const void *)at[2];                                    \
        const Type *from_b = (const Type *)(const void *)at[3];                                    \
        VECTOR_LOOP                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const Type a = from_a[i], b = from_b[i];                                               \
            to[i] = condition[i] ? a : b;                                                          \
        }                                                                                          \
    }

VECTOR_BOTH_ARITHMETIC(add, a + b)
VECTOR_BOTH_ARITHMETIC(sub, a - b)
VECTOR_BOTH_ARITHMETIC(mul, a *b)
VECTOR_BOTH_ARITHMETIC(div, a / b)
VECTOR_BOTH_BINARY(maximum, b != b ? b : b > a ? b : a)
VECTOR_BOTH_BINARY(minimum, b != b ? b : b < a ? b : a)
VECTOR_BOTH_BINARY(square_slope, 2 * b * a)
VECTOR_BOTH_BINARY(reciprocal_slope, -(a *b *b))
VECTOR_BOTH_BINARY(relu_slope, b <= 0 ? 0 : a)
VECTOR_BOTH_BINARY(zero, a == 0 ? 0 : b)
VECTOR_BOTH_UNARY(neg, -x, -x)
VECTOR_BOTH_UNARY(square, x *x, x *x)
VECTOR_BOTH_UNARY(sqrt, sqrtf(x), sqrt(x))
VECTOR_BOTH_UNARY(abs, fabsf(x), fabs(x))
VECTOR_BOTH_UNARY(reciprocal, 1 / x, 1 / x)
VECTOR_BOTH_UNARY(floor, floorf(x), floor(x))
VECTOR_BOTH_UNARY(ceil, ceilf(x), ceil(x))
VECTOR_BOTH_UNARY(round, rintf(x), rint(x))
VECTOR_BOTH_UNARY(trunc, truncf(x), trunc(x))
VECTOR_BOTH_UNARY(relu, x < 0 ? 0 : x, x < 0 ? 0 : x)
#define VECTOR_SIGN (x > 0 ? 1 : x < 0 ? -1 : x != x ? x : 0)
VECTOR_BOTH_UNARY(sign, VECTOR_SIGN, VECTOR_SIGN)
VECTOR_COMPARISON(eq, a == b)
VECTOR_COMPARISON(ne, a != b)
VECTOR_BINARY(eq_u8, uint8_t, uint8_t, a == b)
VECTOR_BINARY(ne_u8, uint8_t, uint8_t, a != b)
VECTOR_COMPARISON(lt, a < b)
VECTOR_COMPARISON(le, a <= b)
VECTOR_COMPARISON(gt, a > b)
VECTOR_COMPARISON(ge, a >= b)
VECTOR_WHERE(where_f32, float)
VECTOR_WHERE(where_f64, double)
VECTOR_WHERE(where_i64, int64_t)
VECTOR_ARITHMETIC(add_i64, uint64_t, a + b)
VECTOR_ARITHMETIC(sub_i64, uint64_t, a - b)
VECTOR_ARITHMETIC(mul_i64, uint64_t, a *b)
VECTOR_BINARY(maximum_i64, int64_t, int64_t, a < b ? b : a)
VECTOR_BINARY(minimum_i64, int64_t, int64_t, a > b ? b : a)

/* 0 is added as a product of matrices does: the sign of zero is the same. */
#define VECTOR_OUTER(name, Type)                                                                   \
    static void VECTOR(name)(const tp__gemm *job)                                                  \
    {                                                                                              \
        const Type *a = (const Type *)(const void *)job->a;                                        \
        const Type *b = (const Type *)(const void *)job->b;                                        \
        Type *c = (Type *)(void *)job->c;                                                          \
        for (int64_t i = 0; i < job->m; i++, a += job->a_row, c += job->c_row) {                   \
            const Type factor = *a;                                                                \
            VECTOR_LOOP                                                                            \
            for (int64_t j = 0; j < job->n; j++)                                                   \
                c[j] = factor * b[j] + (job->add ? c[j] : 0);                                      \
        }                                                                                          \
    }

VECTOR_OUTER(outer_f32, float)
VECTOR_OUTER(outer_f64, double)

#define VECTOR_CAST_BY(name, To, From, expression)                                                 \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        To *to = (To *)(void *)at[0];                                                              \
        const From *from = (const From *)(const void *)at[1];                                      \
        VECTOR_LOOP                                                                                \
        for (int64_t i = 0; i < n; i++) {                                                          \
            const From x = from[i];                                                                \
            to[i] = expression;                                                                    \
        }                                                                                          \
    }
#define VECTOR_CAST(name, To, From) VECTOR_CAST_BY(name, To, From, (To)x)

VECTOR_CAST(f64_of_f32, double, float)
VECTOR_CAST(f32_of_f64, float, double)
VECTOR_CAST(f64_of_i64, double, int64_t)
VECTOR_CAST(f64_of_u8, double, uint8_t)
VECTOR_CAST(f32_of_u8, float, uint8_t)
VECTOR_CAST(i64_of_u8, int64_t, uint8_t)
VECTOR_CAST(i64_of_i32, int64_t, int32_t)
VECTOR_CAST_BY(f32_of_i64, float, int64_t, (float)(double)x)
VECTOR_CAST_BY(bool_of_f32, uint8_t, float, x != 0)
VECTOR_CAST_BY(bool_of_f64, uint8_t, double, x != 0)
VECTOR_CAST_BY(bool_of_i64, uint8_t, int64_t, x != 0)

/* As base/dtype.c says: out of range and NaN the smallest integer. */
#define VECTOR_WHOLE ((double)x >= -0x1p63 && (double)x < 0x1p63 ? (int64_t)x : INT64_MIN)
VECTOR_CAST_BY(i64_of_f32, int64_t, float, VECTOR_WHOLE)
VECTOR_CAST_BY(i64_of_f64, int64_t, double, VECTOR_WHOLE)

VECTOR_BINARY(and_u8, uint8_t, uint8_t, (a != 0) & (b != 0))
VECTOR_BINARY(or_u8, uint8_t, uint8_t, (a | b) != 0)
VECTOR_UNARY(not_u8, uint8_t, x == 0)

#include "kernels/half_body.h"

#if defined(TP_WITH_MVEC)

#define VECTOR_ONES(Type, v)                                                                       \
    for (size_t k = 0; k < VECTOR_BYTES / sizeof(Type); k++)                                       \
        v[k] = 1;

#define VECTOR_FUNCTION1(name, Type, Vector, function)                                             \
    Vector function(Vector);                                                                       \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        const int64_t lanes = VECTOR_BYTES / sizeof(Type);                                         \
        Type *to = (Type *)(void *)at[0];                                                          \
        const Type *from = (const Type *)(const void *)at[1];                                      \
        Vector x;                                                                                  \
        int64_t i = 0;                                                                             \
        for (; i + lanes <= n; i += lanes) {                                                       \
            memcpy(&x, from + i, sizeof x);                                                        \
            x = function(x);                                                                       \
            memcpy(to + i, &x, sizeof x);                                                          \
        }                                                                                          \
        if (i == n)                                                                                \
            return;                                                                                \
        size_t rest = (size_t)(n - i) * sizeof(Type);                                              \
        VECTOR_ONES(Type, x)                                                                       \
        memcpy(&x, from + i, rest);                                                                \
        x = function(x);                                                                           \
        memcpy(to + i, &x, rest);                                                                  \
    }

#define VECTOR_FUNCTION2(name, Type, Vector, function)                                             \
    Vector function(Vector, Vector);                                                               \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        (void)step, (void)attr;                                                                    \
        const int64_t lanes = VECTOR_BYTES / sizeof(Type);                                         \
        Type *to = (Type *)(void *)at[0];                                                          \
        const Type *from_a = (const Type *)(const void *)at[1];                                    \
        const Type *from_b = (const Type *)(const void *)at[2];                                    \
        for (int64_t i = 0; i < n; i += lanes) {                                                   \
            size_t part = (size_t)(n - i < lanes ? n - i : lanes) * sizeof(Type);                  \
            Vector a, b;                                                                           \
            VECTOR_ONES(Type, a)                                                                   \
            VECTOR_ONES(Type, b)                                                                   \
            memcpy(&a, from_a + i, part);                                                          \
            memcpy(&b, from_b + i, part);                                                          \
            a = function(a, b);                                                                    \
            memcpy(to + i, &a, part);                                                              \
        }                                                                                          \
    }

#define VECTOR_MATH(name)                                                                          \
    VECTOR_FUNCTION1(name##_f32, float, VECTOR_OF_float, VECTOR_FLOAT1(name))                      \
    VECTOR_FUNCTION1(name##_f64, double, VECTOR_OF_double, VECTOR_DOUBLE1(name))

#if defined(VECTOR_SCALE_float)
#include "kernels/exp_body.h"
#define VECTOR_EXP_float VECTOR(exp_of_float)
#else
#define VECTOR_EXP_float VECTOR_FLOAT1(exp)
#endif

VECTOR_FUNCTION1(exp_f32, float, VECTOR_OF_float, VECTOR_EXP_float)
VECTOR_FUNCTION1(exp_f64, double, VECTOR_OF_double, VECTOR_DOUBLE1(exp))
VECTOR_MATH(log)
VECTOR_MATH(sin)
VECTOR_MATH(cos)
VECTOR_MATH(tan)
VECTOR_MATH(expm1)
VECTOR_MATH(exp2)
VECTOR_MATH(log1p)
VECTOR_MATH(log2)
VECTOR_MATH(log10)
VECTOR_MATH(asin)
VECTOR_MATH(acos)
VECTOR_MATH(atan)
VECTOR_MATH(sinh)
VECTOR_MATH(cosh)
VECTOR_MATH(asinh)
VECTOR_MATH(acosh)
VECTOR_MATH(atanh)
VECTOR_MATH(erf)
VECTOR_MATH(erfc)
VECTOR_FUNCTION2(hypot_f32, float, VECTOR_OF_float, VECTOR_FLOAT2(hypot))
VECTOR_FUNCTION2(hypot_f64, double, VECTOR_OF_double, VECTOR_DOUBLE2(hypot))
VECTOR_FUNCTION2(atan2_f32, float, VECTOR_OF_float, VECTOR_FLOAT2(atan2))
VECTOR_FUNCTION2(atan2_f64, double, VECTOR_OF_double, VECTOR_DOUBLE2(atan2))
VECTOR_FUNCTION2(pow_f32, float, VECTOR_OF_float, VECTOR_FLOAT2(pow))
VECTOR_FUNCTION2(pow_f64, double, VECTOR_OF_double, VECTOR_DOUBLE2(pow))

enum { VECTOR(piece) = 256 };

/* e / (e + 2) with e = e^2x − 1, within 4 ulp, in half the time of libmvec's own. x is held to 30,
 * where tanh is 1 and e far from overflow. */
#define VECTOR_TANH(name, Type, exponential)                                                       \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        Type e[VECTOR(piece)];                                                                     \
        const Type *from = (const Type *)(const void *)at[1];                                      \
        Type *to = (Type *)(void *)at[0];                                                          \
        for (int64_t start = 0; start < n; start += VECTOR(piece)) {                               \
            int64_t some = n - start < VECTOR(piece) ? n - start : VECTOR(piece);                  \
            for (int64_t i = 0; i < some; i++)                                                     \
                e[i] = 2 * (from[start + i] > 30 ? 30 : from[start + i]);                          \
            exponential(some, (char *const[]){(char *)e, (char *)e}, step, attr);                  \
            VECTOR_LOOP                                                                            \
            for (int64_t i = 0; i < some; i++)                                                     \
                to[start + i] = e[i] / (e[i] + 2);                                                 \
        }                                                                                          \
    }

#if defined(VECTOR_SCALE_float)
VECTOR_FUNCTION1(tanh_f32, float, VECTOR_OF_float, VECTOR(tanh_of_float))
#else
VECTOR_TANH(tanh_f32, float, VECTOR(expm1_f32))
#endif
VECTOR_TANH(tanh_f64, double, VECTOR(expm1_f64))

/* 1 / (1 + e^−x), from e^−|x|, which does not overflow. */
#define VECTOR_SIGMOID(name, Type, magnitude, exponential)                                         \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        Type e[VECTOR(piece)];                                                                     \
        const Type *from = (const Type *)(const void *)at[1];                                      \
        Type *to = (Type *)(void *)at[0];                                                          \
        for (int64_t start = 0; start < n; start += VECTOR(piece)) {                               \
            int64_t some = n - start < VECTOR(piece) ? n - start : VECTOR(piece);                  \
            for (int64_t i = 0; i < some; i++)                                                     \
                e[i] = -magnitude(from[start + i]);                                                \
            exponential(some, (char *const[]){(char *)e, (char *)e}, step, attr);                  \
            VECTOR_LOOP                                                                            \
            for (int64_t i = 0; i < some; i++)                                                     \
                to[start + i] = (from[start + i] < 0 ? e[i] : 1) / (1 + e[i]);                     \
        }                                                                                          \
    }

VECTOR_SIGMOID(sigmoid_f32, float, fabsf, VECTOR(exp_f32))
VECTOR_SIGMOID(sigmoid_f64, double, fabs, VECTOR(exp_f64))

/* gy times a slope, or the slope alone, of y and x: `plain` of y, but where y is `near` 1 `inside`
 * of y times e^−times|x|, which is computed for pieces that need it. */
#define VECTOR_SLOPE(name, Type, first, gy, magnitude, exponential, times, near, inside, plain)    \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        Type e[VECTOR(piece)];                                                                     \
        const Type *from_y = (const Type *)(const void *)at[first];                                \
        const Type *from_x = (const Type *)(const void *)at[(first) + 1];                          \
        const Type *from_g = (const Type *)(const void *)at[1];                                    \
        Type *to = (Type *)(void *)at[0];                                                          \
        (void)from_g;                                                                              \
        for (int64_t start = 0; start < n; start += VECTOR(piece)) {                               \
            int64_t some = n - start < VECTOR(piece) ? n - start : VECTOR(piece);                  \
            int any = 0;                                                                           \
            for (int64_t i = start; i < start + some; i++) {                                       \
                const Type y = from_y[i];                                                          \
                any |= (near);                                                                     \
            }                                                                                      \
            if (!any) {                                                                            \
                VECTOR_LOOP                                                                        \
                for (int64_t i = start; i < start + some; i++) {                                   \
                    const Type y = from_y[i];                                                      \
                    to[i] = gy(plain);                                                             \
                }                                                                                  \
                continue;                                                                          \
            }                                                                                      \
            for (int64_t i = 0; i < some; i++)                                                     \
                e[i] = -(times)*magnitude(from_x[start + i]);                                      \
            exponential(some, (char *const[]){(char *)e, (char *)e}, step, attr);                  \
            VECTOR_LOOP                                                                            \
            for (int64_t i = start; i < start + some; i++) {                                       \
                const Type y = from_y[i];                                                          \
                to[i] = gy((near) ? e[i - start] * (inside) : (plain));                            \
            }                                                                                      \
        }                                                                                          \
    }

#define VECTOR_TIMES_GY(slope) from_g[i] * (slope)
#define VECTOR_ALONE(slope) (slope)
#define VECTOR_TANH_SLOPE(Type, magnitude, exponential, suffix)                                    \
    VECTOR_SLOPE(tanh_slope_##suffix, Type, 2, VECTOR_TIMES_GY, magnitude, exponential, 2,         \
                 y *y > (Type)0.75, (1 + magnitude(y)) * (1 + magnitude(y)), 1 - y * y)            \
    VECTOR_SLOPE(tanh_derivative_##suffix, Type, 1, VECTOR_ALONE, magnitude, exponential, 2,       \
                 y *y > (Type)0.75, (1 + magnitude(y)) * (1 + magnitude(y)), 1 - y * y)
#define VECTOR_SIGMOID_SLOPE(Type, magnitude, exponential, suffix)                                 \
    VECTOR_SLOPE(sigmoid_slope_##suffix, Type, 2, VECTOR_TIMES_GY, magnitude, exponential, 1,      \
                 y > (Type)0.75, y * y, y * (1 - y))                                               \
    VECTOR_SLOPE(sigmoid_derivative_##suffix, Type, 1, VECTOR_ALONE, magnitude, exponential, 1,    \
                 y > (Type)0.75, y * y, y * (1 - y))

VECTOR_TANH_SLOPE(float, fabsf, VECTOR(exp_f32), f32)
VECTOR_TANH_SLOPE(double, fabs, VECTOR(exp_f64), f64)
VECTOR_SIGMOID_SLOPE(float, fabsf, VECTOR(exp_f32), f32)
VECTOR_SIGMOID_SLOPE(double, fabs, VECTOR(exp_f64), f64)

/* Of float32: gelu_body.h. */
VECTOR_KERNEL(gelu_f32);
VECTOR_KERNEL(gelu_slope_f32);

/* Φ(x) for some elements and, if it is wanted, e^(−x²/2). */
static void VECTOR(normal_f64)(int64_t n, const double *x, double *below, double *e)
{
    for (int64_t i = 0; i < n; i++)
        below[i] = -0.7071067811865476 * x[i];
    VECTOR(erfc_f64)(n, (char *const[]){(char *)below, (char *)below}, NULL, NULL);
    for (int64_t i = 0; i < n; i++)
        below[i] *= 0.5;
    if (!e)
        return;
    for (int64_t i = 0; i < n; i++)
        e[i] = -0.5 * (x[i] * x[i]);
    VECTOR(exp_f64)(n, (char *const[]){(char *)e, (char *)e}, NULL, NULL);
}

/* x Φ(x), and gy (Φ(x) + x φ(x)). */
VECTOR_KERNEL(gelu_f64)
{
    double below[VECTOR(piece)], *to = (double *)(void *)at[0];
    const double *x = (const double *)(const void *)at[1];
    (void)step, (void)attr;
    for (; n > 0; n -= VECTOR(piece), x += VECTOR(piece), to += VECTOR(piece)) {
        const int64_t some = n < VECTOR(piece) ? n : VECTOR(piece);
        VECTOR(normal_f64)(some, x, below, NULL);
        VECTOR_LOOP
        for (int64_t i = 0; i < some; i++)
            to[i] = x[i] * below[i];
    }
}

VECTOR_KERNEL(gelu_slope_f64)
{
    double below[VECTOR(piece)], e[VECTOR(piece)], *to = (double *)(void *)at[0];
    const double *gy = (const double *)(const void *)at[1];
    const double *x = (const double *)(const void *)at[2];
    (void)step, (void)attr;
    for (; n > 0; n -= VECTOR(piece)) {
        const int64_t some = n < VECTOR(piece) ? n : VECTOR(piece);
        VECTOR(normal_f64)(some, x, below, e);
        VECTOR_LOOP
        for (int64_t i = 0; i < some; i++)
            to[i] = gy[i] * (below[i] + x[i] * (0.3989422804014327 * e[i]));
        gy += VECTOR(piece), x += VECTOR(piece), to += VECTOR(piece);
    }
}

#define VECTOR_POWER(name, Type, power)                                                            \
    VECTOR_KERNEL(name)                                                                            \
    {                                                                                              \
        Type c[VECTOR(piece)];                                                                     \
        const Type *from = (const Type *)(const void *)at[1];                                      \
        Type *to = (Type *)(void *)at[0];                                                          \
        double exponent = attr->number;                                                            \
        bool simple = exponent == 1 || exponent == 2 || exponent == 3 || exponent == -1;           \
        for (int64_t i = 0; i < VECTOR(piece) && !simple; i++)                                     \
            c[i] = (Type)exponent;                                                                 \
        for (int64_t i = 0; i < n && !simple; i += VECTOR(piece))                                  \
            power(n - i < VECTOR(piece) ? n - i : VECTOR(piece),                                   \
                  (char *const[]){(char *)(to + i), (char *)(from + i), (char *)c}, step, attr);   \
        for (int64_t i = 0; i < n && simple; i++) {                                                \
            const Type x = from[i];                                                                \
            to[i] = exponent == 2 ? x * x : exponent == 3 ? x * x * x : exponent == 1 ? x : 1 / x; \
        }                                                                                          \
    }

VECTOR_POWER(power_f32, float, VECTOR(pow_f32))
VECTOR_POWER(power_f64, double, VECTOR(pow_f64))

#endif

static void VECTOR(copy_past)(char *to, const char *from, size_t bytes)
{
#if defined(VECTOR_PAST)
    size_t done = -(uintptr_t)to % 32;
    done = done < bytes ? done : bytes;
    if (done)
        memcpy(to, from, done);
    for (VECTOR(integers) v; done + sizeof v <= bytes; done += sizeof v) {
        memcpy(&v, from + done, sizeof v);
        VECTOR_PAST(to + done, v);
    }
    if (done < bytes)
        memcpy(to + done, from + done, bytes - done);
#else
    memcpy(to, from, bytes);
#endif
}

#define VECTOR_ROW(NAME, name) [TP__FAST_##NAME] = {VECTOR(name##_f32), VECTOR(name##_f64)},

#define VECTOR_ROW_WIDE(NAME, name)                                                                \
    [TP__FAST_##NAME] = {VECTOR(name##_f32), VECTOR(name##_f64), VECTOR(name##_i64)},

#define VECTOR_ROW_ALL(NAME, name)                                                                 \
    [TP__FAST_##NAME] = {[TP_F32] = VECTOR(name##_f32),                                            \
                         [TP_F64] = VECTOR(name##_f64),                                            \
                         [TP_I64] = VECTOR(name##_i64),                                            \
                         [TP_U8] = VECTOR(name##_u8)},

tp__vector_table VECTOR(tp__vector) = {
    TP__VECTOR_WIDE(VECTOR_ROW_WIDE) TP__VECTOR_FLOATING(VECTOR_ROW) TP__VECTOR_ALL(VECTOR_ROW_ALL)
#if defined(TP_WITH_MVEC)
        TP__VECTOR_FUNCTIONS(VECTOR_ROW)
#endif
            [TP__FAST_FROM_F32] = {NULL, VECTOR(f64_of_f32), VECTOR(i64_of_f32)},
    [TP__FAST_FROM_F64] = {VECTOR(f32_of_f64), NULL, VECTOR(i64_of_f64)},
    [TP__FAST_FROM_I64] = {VECTOR(f32_of_i64), VECTOR(f64_of_i64)},
    [TP__FAST_FROM_U8] = {VECTOR(f32_of_u8), VECTOR(f64_of_u8), VECTOR(i64_of_u8)},
    [TP__FAST_FROM_I32] = {[TP_I64] = VECTOR(i64_of_i32)},
    [TP__FAST_TO_BOOL] = {VECTOR(bool_of_f32), VECTOR(bool_of_f64), VECTOR(bool_of_i64)},
    [TP__FAST_AND] = {[TP_U8] = VECTOR(and_u8)},
    [TP__FAST_OR] = {[TP_U8] = VECTOR(or_u8)},
    [TP__FAST_NOT] = {[TP_U8] = VECTOR(not_u8)},
};

tp__half_table VECTOR(tp__half) = {VECTOR(f32_of_f16), VECTOR(f32_of_bf16), VECTOR(f16_of_f32),
                                   VECTOR(bf16_of_f32)};

tp__outer_table VECTOR(tp__outer) = {VECTOR(outer_f32), VECTOR(outer_f64)};

const tp__copy VECTOR(tp__copy_past) = {VECTOR(copy_past)};
