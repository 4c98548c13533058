/* SPDX-License-Identifier: MIT */
#include "products.h"

#include "base/settings.h"

enum { PEAK_STEPS = 20000 };

/* Independent sums, enough to hide the time that a multiplication and an addition take. multiply
 * does sum += x x in a way that the compiler cannot take out of the loop. */
#define PEAK(name, Type, bytes, sums, multiply, target_)                                           \
    typedef Type name##_vector __attribute__((vector_size(bytes)));                                \
    __attribute__((target_)) static double name(void)                                              \
    {                                                                                              \
        name##_vector sum[sums] = {{0}}, x = {0};                                                  \
        double start = products_now();                                                             \
        for (int i = 0; i < PEAK_STEPS; i++)                                                       \
            _Pragma("GCC unroll 24") for (int j = 0; j < (sums); j++) multiply(sum[j], x);         \
        double flops = 2.0 * (double)PEAK_STEPS * (sums) * ((bytes) / sizeof(Type));               \
        return flops / (products_now() - start);                                                   \
    }

#if TP__HAS_AVX
#define PEAK_WIDE_f32(sum, x) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(x))
#define PEAK_WIDE_f64(sum, x) __asm__ volatile("vfmadd231pd %1, %1, %0" : "+v"(sum) : "v"(x))
#define PEAK_AVX_f32(sum, x) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+x"(sum) : "x"(x))
#define PEAK_AVX_f64(sum, x) __asm__ volatile("vfmadd231pd %1, %1, %0" : "+x"(sum) : "x"(x))
PEAK(peak_avx512_f32, float, 64, 24, PEAK_WIDE_f32, target("avx512f"))
PEAK(peak_avx512_f64, double, 64, 24, PEAK_WIDE_f64, target("avx512f"))
PEAK(peak_avx2_f32, float, 32, 12, PEAK_AVX_f32, target("avx2,fma"))
PEAK(peak_avx2_f64, double, 32, 12, PEAK_AVX_f64, target("avx2,fma"))
#define PEAK_PLAIN_TARGET target("sse2")
#define PEAK_PLAIN "x"
#elif defined(__aarch64__)
#define PEAK_PLAIN_TARGET unused
#define PEAK_PLAIN "w"
#else
#define PEAK_PLAIN_TARGET unused
#define PEAK_PLAIN "m"
#endif

#define PEAK_PLAIN_STEP(sum, x)                                                                    \
    do {                                                                                           \
        (sum) += (x) * (x);                                                                        \
        __asm__ volatile("" : "+" PEAK_PLAIN(sum), "+" PEAK_PLAIN(x));                             \
    } while (0)
PEAK(peak_plain_f32, float, 16, 12, PEAK_PLAIN_STEP, PEAK_PLAIN_TARGET)
PEAK(peak_plain_f64, double, 16, 12, PEAK_PLAIN_STEP, PEAK_PLAIN_TARGET)

double products_peak(products_type type)
{
    const bool single = type != PRODUCTS_F64;
#if TP__HAS_AVX
    if (tp__level == TP__AVX512)
        return single ? peak_avx512_f32() : peak_avx512_f64();
    if (tp__level == TP__AVX2)
        return single ? peak_avx2_f32() : peak_avx2_f64();
#endif
    return single ? peak_plain_f32() : peak_plain_f64();
}
