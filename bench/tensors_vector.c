/* SPDX-License-Identifier: MIT
 *
 * glibc's vector functions, called by their names of the x86-64 vector ABI for the widest registers
 * that the processor has: what sine, cosine, exponential and tanh of an element cost at least.
 */
#include "tensors_vector.h"

#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__)

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

enum { VECTOR_SIN, VECTOR_COS, VECTOR_EXP, VECTOR_TANH, VECTOR_FUNCTIONS };

typedef void vector_work(void *const *function, const void *x, void *y, int64_t n);

/* A loop for one register width and element type. What is left at the end is less than a register
 * and does not count. */
#define VECTOR_LOOP(name, element, lanes, isa)                                                     \
    typedef element name##_v __attribute__((vector_size(lanes * sizeof(element)), aligned(4)));    \
    typedef name##_v name##_f(name##_v);                                                           \
    __attribute__((target(isa))) static void name(void *const *function, const void *from,         \
                                                  void *to, int64_t n)                             \
    {                                                                                              \
        name##_f *f[VECTOR_FUNCTIONS];                                                             \
        memcpy(f, function, sizeof f);                                                             \
        const element *x = from;                                                                   \
        element *y = to;                                                                           \
        for (int64_t i = 0; i + lanes <= n; i += lanes) {                                          \
            name##_v v = *(const name##_v *)(x + i);                                               \
            *(name##_v *)(y + i) =                                                                 \
                f[VECTOR_SIN](v) + f[VECTOR_COS](v) + f[VECTOR_EXP](v) + f[VECTOR_TANH](v);        \
        }                                                                                          \
    }

VECTOR_LOOP(vector_f32_512, float, 16, "avx512f")
VECTOR_LOOP(vector_f64_512, double, 8, "avx512f")
VECTOR_LOOP(vector_f32_256, float, 8, "avx2,fma")
VECTOR_LOOP(vector_f64_256, double, 4, "avx2,fma")
VECTOR_LOOP(vector_f32_128, float, 4, "sse2")
VECTOR_LOOP(vector_f64_128, double, 2, "sse2")

typedef struct vector_variant {
    const char *prefix; /* of the names: the register width and the number of elements in it */
    vector_work *work;
} vector_variant;

static vector_variant vector_choose(tensors_type type)
{
    static const vector_variant f32[] = {{"_ZGVeN16v_", vector_f32_512},
                                         {"_ZGVdN8v_", vector_f32_256},
                                         {"_ZGVbN4v_", vector_f32_128}};
    static const vector_variant f64[] = {{"_ZGVeN8v_", vector_f64_512},
                                         {"_ZGVdN4v_", vector_f64_256},
                                         {"_ZGVbN2v_", vector_f64_128}};
    __builtin_cpu_init();
    int width = 2;
    if (__builtin_cpu_supports("avx512f"))
        width = 0;
    else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        width = 1;
    return type == TENSORS_F32 ? f32[width] : f64[width];
}

bool tensors_vector_functions(tensors_type type, const void *x, void *y, int64_t n)
{
    static const char *const names[] = {"sin", "cos", "exp", "tanh"};
    static void *library, *function[2][VECTOR_FUNCTIONS];
    vector_variant variant = vector_choose(type);
    if (!library && !(library = dlopen("libmvec.so.1", RTLD_NOW)))
        return false;
    for (int i = 0; i < VECTOR_FUNCTIONS && !function[type][VECTOR_FUNCTIONS - 1]; i++) {
        char name[32];
        snprintf(name, sizeof name, "%s%s%s", variant.prefix, names[i],
                 type == TENSORS_F32 ? "f" : "");
        if (!(function[type][i] = dlsym(library, name)))
            return false;
    }
    variant.work(function[type], x, y, n);
    return true;
}

#else

bool tensors_vector_functions(tensors_type type, const void *x, void *y, int64_t n)
{
    (void)type, (void)x, (void)y, (void)n;
    return false;
}

#endif
