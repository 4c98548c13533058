/* SPDX-License-Identifier: MIT
 *
 * glibc's vector functions, called by their names of the x86-64 vector ABI for the widest registers
 * that the processor has: what a function of an element costs at least.
 */
#include "tensors_vector.h"

#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__)

#include <dlfcn.h>
#include <stdio.h>

enum { VECTOR_BLOCK = 1024 };

typedef void vector_work(void *function, const void *x, void *y);

/* A block, for one register width and element type. */
#define VECTOR_LOOP(name, element, lanes, isa)                                                     \
    typedef element name##_v __attribute__((vector_size(lanes * sizeof(element))));                \
    typedef name##_v name##_f(name##_v);                                                           \
    __attribute__((target(isa))) static void name(void *function, const void *from, void *to)      \
    {                                                                                              \
        name##_f *f;                                                                               \
        *(void **)&f = function;                                                                   \
        const name##_v *x = from;                                                                  \
        name##_v *y = to;                                                                          \
        for (int i = 0; i < VECTOR_BLOCK / lanes; i++)                                             \
            y[i] = f(x[i]);                                                                        \
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

static void *vector_find(tensors_type type, int function, const char *prefix)
{
    static const char *const names[TENSORS_FUNCTIONS] = {"sin", "cos", "exp", "tanh", "erf"};
    static void *library, *found[2][TENSORS_FUNCTIONS];
    char name[32];
    if (!library && !(library = dlopen("libmvec.so.1", RTLD_NOW)))
        return NULL;
    snprintf(name, sizeof name, "%s%s%s", prefix, names[function], type == TENSORS_F32 ? "f" : "");
    if (!found[type][function])
        found[type][function] = dlsym(library, name);
    return found[type][function];
}

bool tensors_call(tensors_type type, const int64_t calls[TENSORS_FUNCTIONS])
{
    static _Alignas(64) double x[VECTOR_BLOCK], y[VECTOR_BLOCK];
    static _Alignas(64) float narrow[VECTOR_BLOCK];
    const void *from = type == TENSORS_F32 ? (void *)narrow : x;
    const vector_variant variant = vector_choose(type);
    for (int i = 0; i < VECTOR_BLOCK && x[0] >= 0; i++)
        x[VECTOR_BLOCK - 1 - i] = 2 - 4.0 * (i + 1) / (double)VECTOR_BLOCK;
    for (int i = 0; i < VECTOR_BLOCK && narrow[0] >= 0; i++)
        narrow[VECTOR_BLOCK - 1 - i] = (float)(2 - 4.0 * (i + 1) / (double)VECTOR_BLOCK);
    for (int f = 0; f < TENSORS_FUNCTIONS; f++) {
        void *function = calls[f] ? vector_find(type, f, variant.prefix) : NULL;
        if (calls[f] && !function)
            return false;
        for (int64_t n = calls[f]; n > 0; n -= VECTOR_BLOCK)
            variant.work(function, from, y);
    }
    return true;
}

#else

bool tensors_call(tensors_type type, const int64_t calls[TENSORS_FUNCTIONS])
{
    (void)type, (void)calls;
    return false;
}

#endif
