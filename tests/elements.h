/* SPDX-License-Identifier: MIT
 *
 * Looking at arrays in tests: elements of any type as doubles, in row-major order.
 */
#ifndef TP_TEST_ELEMENTS_H
#define TP_TEST_ELEMENTS_H

#include <math.h>

#include "base/dtype.h"
#include "harness.h"

static const tp_dtype element_types[] = {TP_F32, TP_F64, TP_I64, TP_U8};
#define EACH(i, array) (size_t i = 0; i < sizeof array / sizeof *array; i++)

static inline double element(tp_dtype dtype, const void *data, int64_t i)
{
    return tp__read_element(dtype, (const char *)data + (size_t)i * tp__dtype_size(dtype));
}

static inline double at(tp_var *v, int64_t i)
{
    const void *data = tp_data(v);
    return data ? element(tp_dtype_of(v), data, i) : (double)NAN;
}

static inline void check_elements(const char *file, int line, tp_var *v, int64_t n,
                                  const double *expected)
{
    const void *data = tp_data(v);
    test_check(tp_size(v) == n, file, line, "%d elements, expected %d", (int)tp_size(v), (int)n);
    for (int64_t i = 0; data && i < n && i < tp_size(v); i++) {
        double value = element(tp_dtype_of(v), data, i);
        test_check(test_close(value, expected[i], 0), file, line,
                   "element %d is %.17g, expected %.17g", (int)i, value, expected[i]);
    }
}

#define CHECK_ELEMENTS(v, ...)                                                                     \
    check_elements(__FILE__, __LINE__, v, sizeof((const double[]){__VA_ARGS__}) / sizeof(double),  \
                   (const double[]){__VA_ARGS__})

static inline void check_shape(const char *file, int line, tp_var *v, int ndim,
                               const int64_t *shape)
{
    bool same = tp_ndim(v) == ndim && !memcmp(tp_shape(v), shape, (size_t)ndim * sizeof *shape);
    test_check(same, file, line, "the shape differs");
}

#define CHECK_SHAPE(v, ...) check_shape(__FILE__, __LINE__, v, TP_SHAPE(__VA_ARGS__))

/* 1, 2, 3 … */
static inline tp_var *counting(tp_dtype dtype, int ndim, const int64_t *shape)
{
    int64_t n = 1;
    for (int i = 0; i < ndim; i++)
        n *= shape[i];
    return tp_reshape(tp_arange(dtype, 1, (double)n + 1, 1), ndim, shape);
}

#endif
