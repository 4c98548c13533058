/* SPDX-License-Identifier: MIT
 *
 * Cases of test_integers, which stand in several files: test_integers.c says what they are.
 */
#ifndef TP_TEST_INTEGERS_H
#define TP_TEST_INTEGERS_H

#include "harness.h"

typedef struct integers_case {
    const char *name;
    int n;
    tp_var *(*call)(const int64_t *k);
    struct integers_case *next;
} integers_case;

extern integers_case *integers_first;

#define INTEGERS_NAMED(id, function, n_, ...)                                                      \
    static tp_var *id(const int64_t *k)                                                            \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    __attribute__((constructor)) static void TP__CAT(register_, id)(void)                          \
    {                                                                                              \
        static integers_case c = {#function, n_, id, NULL};                                        \
        c.next = integers_first;                                                                   \
        integers_first = &c;                                                                       \
    }
#define INTEGERS(function, n, ...)                                                                 \
    INTEGERS_NAMED(TP__CAT(TP__CAT(integers_, __LINE__), function), function, n, __VA_ARGS__)

static inline tp_var *x23(void)
{
    return tp_variable(tp_ones(TP_F64, TP_SHAPE(2, 3)));
}

static inline tp_var *x_of(int ndim)
{
    const int64_t shape[] = {1, 4, 4, 4, 4};
    return tp_variable(tp_ones(TP_F64, ndim, shape));
}

/* An integer that other ones tell where to end, as int: what does not fit becomes the nearest. */
static inline int to_int(int64_t k)
{
    return k > INT32_MAX ? INT32_MAX : k < INT32_MIN ? INT32_MIN : (int)k;
}

static inline tp_var *none(void)
{
    return tp_num(0);
}

/* A call that gives no value. */
#define DONE(call) ((call), none())

#endif
