/* SPDX-License-Identifier: MIT
 *
 * Fast loops over elements that lie one after the other. A record says which one takes its loop's
 * place; without vector mathematics functions have none.
 */
#ifndef TP_VECTOR_H
#define TP_VECTOR_H

#include "kernels/level.h"
#include "kernels/loop.h"
#include "tinypytorch/base.h"

/* clang-format off */
/* for int64 too */
#define TP__VECTOR_WIDE(X)                                                                         \
    X(ADD, add) X(SUB, sub) X(MUL, mul) X(MAXIMUM, maximum) X(MINIMUM, minimum)                    \
    X(LT, lt) X(LE, le) X(GT, gt) X(GE, ge) X(WHERE, where)

#define TP__VECTOR_FLOATING(X)                                                                     \
    X(DIV, div) X(SQUARE_SLOPE, square_slope) X(RECIPROCAL_SLOPE, reciprocal_slope)                \
    X(RELU_SLOPE, relu_slope) X(NEG, neg) X(SQUARE, square) X(SQRT, sqrt) X(ABS, abs)              \
    X(RECIPROCAL, reciprocal) X(FLOOR, floor) X(CEIL, ceil) X(ROUND, round) X(TRUNC, trunc)        \
    X(RELU, relu) X(SIGN, sign) X(ZERO, zero)

/* for bytes as well */
#define TP__VECTOR_ALL(X)                                                                          \
    X(EQ, eq) X(NE, ne)

#define TP__VECTOR_FUNCTIONS(X)                                                                    \
    X(EXP, exp) X(LOG, log) X(SIN, sin) X(COS, cos) X(TAN, tan) X(TANH, tanh) X(POW, pow)          \
    X(POWER, power) X(SIGMOID, sigmoid) X(TANH_SLOPE, tanh_slope)                                  \
    X(TANH_DERIVATIVE, tanh_derivative) X(SIGMOID_SLOPE, sigmoid_slope)                            \
    X(SIGMOID_DERIVATIVE, sigmoid_derivative) X(EXP2, exp2) X(EXPM1, expm1) X(LOG1P, log1p)        \
    X(LOG2, log2) X(LOG10, log10) X(ASIN, asin) X(ACOS, acos) X(ATAN, atan) X(SINH, sinh)          \
    X(COSH, cosh) X(ASINH, asinh) X(ACOSH, acosh) X(ATANH, atanh) X(ERF, erf) X(ERFC, erfc)        \
    X(ATAN2, atan2) X(HYPOT, hypot) X(GELU, gelu) X(GELU_SLOPE, gelu_slope)
/* clang-format on */

typedef enum tp__fast {
    TP__FAST_NONE,
#define TP__FAST_NAME(NAME, name) TP__FAST_##NAME,
    TP__VECTOR_WIDE(TP__FAST_NAME) TP__VECTOR_FLOATING(TP__FAST_NAME) TP__VECTOR_ALL(TP__FAST_NAME)
        TP__VECTOR_FUNCTIONS(TP__FAST_NAME)
#undef TP__FAST_NAME
    /* conversions; the type is the one that they make, or, to bool, that they take */
    TP__FAST_FROM_F32,
    TP__FAST_FROM_F64,
    TP__FAST_FROM_I64,
    TP__FAST_FROM_U8,
    TP__FAST_FROM_I32,
    TP__FAST_TO_BOOL,
    /* of bytes */
    TP__FAST_AND,
    TP__FAST_OR,
    TP__FAST_NOT,
    TP__FASTS
} tp__fast;

typedef tp__loop *const tp__vector_table[TP__FASTS][4];
TP__AT_LEVELS(tp__vector_table, tp__vector);
extern tp__vector_table *const tp__vector_levels[TP__LEVELS];

/* The loop of this process's level for a working type (base/dtype.h), or NULL. */
TP_INLINE tp__loop *tp__fast_loop(tp__fast fast, tp_dtype dtype)
{
    return (*tp__vector_levels[tp__level])[fast][dtype];
}

/* True if this kernel takes a step of 0 for an operand that is one element, as records' loops do;
 * others take no notice of steps. */
TP_INLINE bool tp__fast_repeats(tp__fast fast)
{
    return (fast >= TP__FAST_ADD && fast <= TP__FAST_MUL) || fast == TP__FAST_DIV;
}

/* Copies what no cache will keep past them: the places are not read first, and what is in the
 * caches stays. Other threads may read after tp__copied_past in this one. */
typedef struct tp__copy {
    void (*run)(char *to, const char *from, size_t bytes);
} tp__copy;
TP__AT_LEVELS(const tp__copy, tp__copy_past);

void tp__copy_past(char *to, const char *from, size_t bytes);

TP_INLINE void tp__copied_past(void)
{
#if TP__HAS_AVX
    __builtin_ia32_sfence();
#endif
}

/* Lines of n elements, one after the other, as another type; steps are bytes from line to line. */
typedef void tp__lines(int64_t lines, int64_t n, const char *from, int64_t from_step, char *to,
                       int64_t to_step);

/* float32 of float16 and bfloat16, and the opposite. */
typedef tp__lines *const tp__half_table[4];
TP__AT_LEVELS(tp__half_table, tp__half);

/* NULL at the reference level, and where neither type is float32 or the other is no half type. */
tp__lines *tp__half_lines(tp_dtype from, tp_dtype to);

#endif
