/* SPDX-License-Identifier: MIT */
#if !defined(_DEFAULT_SOURCE)
#define _DEFAULT_SOURCE /* madvise */
#endif
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "machine.h"

#include "harness.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define MACHINE_X86 1
#include <emmintrin.h>
#endif

/* --- Multiplications --- */

/* Independent sums, enough to hide the time that a multiplication and an addition take. The
 * compiler cannot take `multiply` out of the loop. */
#define MACHINE_MULTIPLY(name, Type, bytes, sums, multiply, target_)                               \
    typedef Type name##_vector __attribute__((vector_size(bytes)));                                \
    __attribute__((target_)) static void name(double flops)                                        \
    {                                                                                              \
        name##_vector sum[sums] = {{0}}, x = {0};                                                  \
        const double step = 2.0 * (sums) * (double)((bytes) / sizeof(Type));                       \
        for (int64_t i = (int64_t)(flops / step); i >= 0; i--)                                     \
            _Pragma("GCC unroll 24") for (int j = 0; j < (sums); j++) multiply(sum[j], x);         \
    }

#if defined(MACHINE_X86)
#define MACHINE_FMA_f32(sum, x) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(sum) : "v"(x))
#define MACHINE_FMA_f64(sum, x) __asm__ volatile("vfmadd231pd %1, %1, %0" : "+v"(sum) : "v"(x))
#define MACHINE_AVX_f32(sum, x) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+x"(sum) : "x"(x))
#define MACHINE_AVX_f64(sum, x) __asm__ volatile("vfmadd231pd %1, %1, %0" : "+x"(sum) : "x"(x))
MACHINE_MULTIPLY(machine_avx512_f32, float, 64, 24, MACHINE_FMA_f32, target("avx512f"))
MACHINE_MULTIPLY(machine_avx512_f64, double, 64, 24, MACHINE_FMA_f64, target("avx512f"))
MACHINE_MULTIPLY(machine_avx2_f32, float, 32, 12, MACHINE_AVX_f32, target("avx2,fma"))
MACHINE_MULTIPLY(machine_avx2_f64, double, 32, 12, MACHINE_AVX_f64, target("avx2,fma"))
#define MACHINE_REGISTER "x"
#elif defined(__aarch64__)
#define MACHINE_REGISTER "w"
#else
#define MACHINE_REGISTER "m"
#endif

#define MACHINE_PLAIN(sum, x)                                                                      \
    do {                                                                                           \
        (sum) += (x) * (x);                                                                        \
        __asm__ volatile("" : "+" MACHINE_REGISTER(sum), "+" MACHINE_REGISTER(x));                 \
    } while (0)
#if defined(__aarch64__)
#define MACHINE_STEP_f32(sum, x) __asm__ volatile("fmla %0.4s, %1.4s, %1.4s" : "+w"(sum) : "w"(x))
#define MACHINE_STEP_f64(sum, x) __asm__ volatile("fmla %0.2d, %1.2d, %1.2d" : "+w"(sum) : "w"(x))
#else
#define MACHINE_STEP_f32 MACHINE_PLAIN
#define MACHINE_STEP_f64 MACHINE_PLAIN
#endif
MACHINE_MULTIPLY(machine_plain_f32, float, 16, 12, MACHINE_STEP_f32, unused)
MACHINE_MULTIPLY(machine_plain_f64, double, 16, 12, MACHINE_STEP_f64, unused)

void bench_multiply_in(int bytes, bool single, double flops)
{
    (void)bytes;
#if defined(MACHINE_X86)
    if (bytes >= 64 && __builtin_cpu_supports("avx512f")) {
        (single ? machine_avx512_f32 : machine_avx512_f64)(flops);
        return;
    }
    if (bytes >= 32 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        (single ? machine_avx2_f32 : machine_avx2_f64)(flops);
        return;
    }
#endif
    (single ? machine_plain_f32 : machine_plain_f64)(flops);
}

void bench_multiply(bool single, double flops)
{
    bench_multiply_in(64, single, flops);
}

/* --- Passes over memory --- */

typedef uint64_t machine_vector __attribute__((vector_size(64), aligned(8), may_alias));
typedef void machine_way(char *to, const char *from, size_t bytes);

#if defined(MACHINE_X86) && defined(__GLIBC__)
#define MACHINE_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MACHINE_CLONES
#endif

static volatile uint64_t machine_sink;

#define MACHINE_AT(p) (*(machine_vector *)(void *)(p))
#define MACHINE_FROM(p) (*(const machine_vector *)(const void *)(p))

#define MACHINE_READ(name, prefetch)                                                               \
    MACHINE_CLONES static void name(char *to, const char *from, size_t bytes)                      \
    {                                                                                              \
        (void)to;                                                                                  \
        machine_vector any[4] = {{0}};                                                             \
        for (size_t i = 0; i < bytes; i += sizeof any) {                                           \
            for (size_t k = 0; k < 4; k++) {                                                       \
                prefetch(from + i + k * sizeof *any);                                              \
                any[k] |= MACHINE_FROM(from + i + k * sizeof *any);                                \
            }                                                                                      \
        }                                                                                          \
        any[0] |= any[1] | any[2] | any[3];                                                        \
        machine_sink = any[0][0] | any[0][1] | any[0][2] | any[0][3] | any[0][4] | any[0][5] |     \
                       any[0][6] | any[0][7];                                                      \
    }
#define MACHINE_NEAR(p) (void)(p)
#define MACHINE_AHEAD(p) __builtin_prefetch((p) + 2048)
MACHINE_READ(machine_read, MACHINE_NEAR)
MACHINE_READ(machine_read_ahead, MACHINE_AHEAD)

/* Streams keep more of the memory's units busy than one does. */
MACHINE_CLONES static void machine_read_streams(char *to, const char *from, size_t bytes)
{
    (void)to;
    machine_vector any[4] = {{0}};
    const size_t part = bytes / 4;
    for (size_t i = 0; i < part; i += sizeof *any)
        for (size_t k = 0; k < 4; k++)
            any[k] |= MACHINE_FROM(from + k * part + i);
    any[0] |= any[1] | any[2] | any[3];
    machine_sink = any[0][0] | any[0][1] | any[0][2] | any[0][3] | any[0][4] | any[0][5] |
                   any[0][6] | any[0][7];
}

MACHINE_CLONES static void machine_copy(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(machine_vector))
        MACHINE_AT(to + i) = MACHINE_FROM(from + i);
}

MACHINE_CLONES static void machine_copy_ahead(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(machine_vector)) {
        MACHINE_AHEAD(from + i);
        MACHINE_AT(to + i) = MACHINE_FROM(from + i);
    }
}

static void machine_copy_libc(char *to, const char *from, size_t bytes)
{
    memcpy(to, from, bytes);
}

MACHINE_CLONES static void machine_fill(char *to, const char *from, size_t bytes)
{
    (void)from;
    for (size_t i = 0; i < bytes; i += sizeof(machine_vector))
        MACHINE_AT(to + i) = (machine_vector){0};
}

static void machine_fill_libc(char *to, const char *from, size_t bytes)
{
    (void)from;
    memset(to, 0, bytes);
}

#if defined(MACHINE_X86)
/* Past the caches. */
static void machine_copy_past(char *to, const char *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += sizeof(__m128i))
        _mm_stream_si128((__m128i *)(void *)(to + i),
                         _mm_loadu_si128((const __m128i *)(const void *)(from + i)));
    _mm_sfence();
}

static void machine_fill_past(char *to, const char *from, size_t bytes)
{
    (void)from;
    for (size_t i = 0; i < bytes; i += sizeof(__m128i))
        _mm_stream_si128((__m128i *)(void *)(to + i), _mm_setzero_si128());
    _mm_sfence();
}
#else
#define machine_copy_past NULL
#define machine_fill_past NULL
#endif

enum { MACHINE_WAYS = 4, MACHINE_TRIES = 7 };

static machine_way *const machine_ways[BENCH_PASSES][MACHINE_WAYS] = {
    [BENCH_READ] = {machine_read, machine_read_ahead, machine_read_streams},
    [BENCH_COPY] = {machine_copy, machine_copy_ahead, machine_copy_libc, machine_copy_past},
    [BENCH_FILL] = {machine_fill, machine_fill_libc, machine_fill_past}};

static machine_way *machine_quickest(bench_pass_kind kind, char *to, const char *from, size_t bytes)
{
    machine_way *best = machine_ways[kind][0];
    double least = 0;
    for (int w = 0; w < MACHINE_WAYS && machine_ways[kind][w]; w++)
        for (int i = 0; i < MACHINE_TRIES; i++) {
            double start = bench_now();
            machine_ways[kind][w](to, from, bytes);
            double ns = bench_now() - start;
            if (i > 0 && (least <= 0 || ns < least))
                least = ns, best = machine_ways[kind][w];
        }
    return best;
}

void bench_pass(bench_pass_kind kind, void *to, const void *from, size_t bytes)
{
    static machine_way *chosen[BENCH_PASSES][64];
    int size = 0;
    while (bytes >> size > 1)
        size++;
    machine_way **way = &chosen[kind][size];
    if (!*way)
        *way = machine_quickest(kind, to, from, bytes);
    (*way)(to, from, bytes);
}

void *bench_memory(size_t bytes)
{
    enum { PAGE = 2 << 20 };
    bytes = (bytes / PAGE + 1) * PAGE;
    float *memory = aligned_alloc(PAGE, bytes);
#if defined(MADV_HUGEPAGE)
    if (memory)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
#endif
    for (size_t i = 0; memory && i < bytes / sizeof *memory; i++)
        memory[i] = 1e-3F;
    return memory;
}

/* --- Rates --- */

static double machine_flops(bool single)
{
    const double flops = 2e7;
    double best = 0;
    for (int i = 0; i < 40; i++) {
        double start = bench_now();
        bench_multiply(single, flops);
        double rate = flops / (bench_now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

/* Bytes a nanosecond over arrays larger than any cache. */
static double machine_bytes(bench_pass_kind kind)
{
    enum { BYTES = 64 << 20 };
    char *from = bench_memory(BYTES), *to = kind == BENCH_READ ? NULL : bench_memory(BYTES);
    double best = 0;
    for (int i = 0; from && (to || kind == BENCH_READ) && i < 9; i++) {
        double start = bench_now();
        bench_pass(kind, to, from, BYTES);
        double rate = (kind == BENCH_COPY ? 2.0 : 1.0) * (double)BYTES / (bench_now() - start);
        best = i > 0 && rate > best ? rate : best;
    }
    free(from), free(to);
    return best;
}

bench_machine bench_measure_machine(void)
{
    return (bench_machine){.float32 = machine_flops(true),
                           .float64 = machine_flops(false),
                           .read = machine_bytes(BENCH_READ),
                           .copied = machine_bytes(BENCH_COPY)};
}

void bench_print_rates(FILE *to)
{
    bench_machine machine = bench_measure_machine();
    fprintf(to,
            "one core: %.0f GFLOP/s float32, %.0f float64 (multiplications and additions in "
            "registers), memory %.1f GB/s read, %.1f GB/s read and written\n",
            machine.float32, machine.float64, machine.read, machine.copied);
    fflush(to);
}

void bench_print_machine(void)
{
    static const char *const pins[] = {"OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE"};
    for (int i = 0; i < 2; i++)
        if (getenv(pins[i]))
            printf("pinned: %s=%s, so OpenBLAS does not choose its kernels itself\n", pins[i],
                   getenv(pins[i]));
    char line[256] = "", *model = NULL;
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && !model && fgets(line, sizeof line, info))
        if (!strncmp(line, "model name", 10) && (model = strchr(line, ':')))
            model += 2;
    if (info)
        fclose(info);
    if (model)
        model[strcspn(model, "\n")] = 0;

    struct utsname host;
    if (uname(&host) < 0)
        return;
    printf("machine: %s, %s, %s %s %s\n", host.nodename, model ? model : "unknown processor",
           host.sysname, host.release, host.machine);
}
