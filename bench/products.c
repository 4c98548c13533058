/* SPDX-License-Identifier: MIT
 *
 * products [--markdown] [--rounds N] [--threads] [TEXT]: products of matrices, GFLOP/s on one
 * thread, beside what the processor's multipliers do at the library's level of instructions
 * (TP_CPU), the peak, and beside OpenBLAS, oneDNN and libxsmm where the build found them. In each
 * round every contestant, the peak too, gives one sample, in this thread's time; figures are
 * medians. With TEXT, only rows whose name contains it. Peers choose their kernels by the
 * environment too: run it with env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE.
 *
 * Operands lie in the caches. Letters say how a and b lie: N by rows, T by columns.
 */
#if !defined(_POSIX_C_SOURCE) && !defined(__APPLE__)
#define _POSIX_C_SOURCE 200809L
#endif

#include "products.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/dtype.h"
#include "base/settings.h"
#include "harness.h"
#include "kernels/gemm.h"
#include "machine.h"
#include "tinypytorch.h"

enum { PRODUCTS_ROUNDS = 15, PRODUCTS_MOST = 101 };

typedef struct products_row {
    const char *layout;
    int64_t m, n, k;
} products_row;

static const products_row products_rows[] = {
    {"NN", 4, 4, 4},          {"NN", 8, 8, 8},          {"NN", 16, 16, 16},
    {"NT", 16, 16, 16},       {"TN", 16, 16, 16},       {"TT", 16, 16, 16},
    {"NN", 32, 32, 32},       {"NT", 32, 32, 32},       {"TN", 32, 32, 32},
    {"TT", 32, 32, 32},       {"NN", 64, 64, 64},       {"NT", 64, 64, 64},
    {"TN", 64, 64, 64},       {"TT", 64, 64, 64},       {"NN", 128, 128, 128},
    {"NT", 128, 128, 128},    {"TN", 128, 128, 128},    {"TT", 128, 128, 128},
    {"NN", 256, 256, 256},    {"NT", 256, 256, 256},    {"TN", 256, 256, 256},
    {"TT", 256, 256, 256},    {"NN", 512, 512, 512},    {"NT", 512, 512, 512},
    {"TN", 512, 512, 512},    {"TT", 512, 512, 512},    {"NN", 1024, 1024, 1024},
    {"NT", 1024, 1024, 1024}, {"TN", 1024, 1024, 1024}, {"TT", 1024, 1024, 1024},
    {"NN", 128, 256, 784},    {"NT", 128, 256, 784},    {"TN", 784, 256, 128},
    {"NN", 512, 128, 128},    {"NN", 64, 64, 32},       {"NN", 1024, 32, 32},
    {"NT", 1024, 32, 32},     {"TN", 32, 32, 1024},     {"NN", 17, 19, 23},
    {"NN", 50, 50, 50},       {"NN", 100, 100, 100},    {"NN", 300, 10, 300},
    {"NN", 1024, 3, 32},      {"TN", 1024, 3, 32},      {"NN", 1, 1024, 1024},
    {"NT", 1, 1024, 1024},    {"NN", 1024, 1, 1024},    {"TN", 1024, 1, 1024},
    {"NN", 1, 256, 256},      {"NT", 1, 256, 256},      {"NN", 1, 64, 64},
    {"NT", 1, 64, 64},
};

/* Of half types; and where two threads can pay. */
static const products_row products_half_rows[] = {
    {"NN", 16, 16, 16},       {"NT", 16, 16, 16},       {"NN", 32, 32, 32},
    {"NT", 32, 32, 32},       {"TN", 32, 32, 32},       {"NN", 64, 64, 64},
    {"NT", 64, 64, 64},       {"TN", 64, 64, 64},       {"NN", 128, 128, 128},
    {"NT", 128, 128, 128},    {"TN", 128, 128, 128},    {"TT", 128, 128, 128},
    {"NN", 256, 256, 256},    {"NT", 256, 256, 256},    {"TN", 256, 256, 256},
    {"NN", 1024, 1024, 1024}, {"NT", 1024, 1024, 1024}, {"TN", 1024, 1024, 1024},
    {"NT", 128, 256, 784},    {"NN", 1024, 32, 32},     {"NN", 1024, 3, 32},
    {"NN", 1, 1024, 1024},    {"NT", 1, 1024, 1024},    {"NN", 1, 256, 256},
    {"NT", 1, 256, 256},      {"TN", 1024, 1, 1024},
};
static const products_row products_thread_rows[] = {
    {"NN", 128, 128, 128},    {"NN", 256, 256, 256},    {"NT", 256, 256, 256},
    {"TN", 256, 256, 256},    {"TT", 256, 256, 256},    {"NN", 512, 512, 512},
    {"NN", 1024, 1024, 1024}, {"NT", 1024, 1024, 1024}, {"TN", 1024, 1024, 1024},
    {"NT", 128, 256, 784},    {"TN", 784, 256, 128},    {"NN", 512, 128, 128},
    {"NN", 64, 512, 128},     {"NN", 1024, 64, 256},    {"NN", 32, 1024, 256},
    {"NN", 4096, 8, 256},     {"NN", 8, 4096, 256},     {"NN", 1, 1024, 1024},
    {"NT", 1, 4096, 1024},
};

typedef struct products_state {
    products_job job;
    tp__gemm_batch batch, wide; /* wide: the same in float32, of a half type */
    void *wide_memory[3];
    const tp__gemm_backend *backend;
    const char *text;
    bool markdown, threads;
    int rounds;
} products_state;

typedef struct products_entry {
    const char *name;
    void (*run)(products_state *state, int64_t times);
} products_entry;

static void products_ours(products_state *state, int64_t times)
{
    for (int64_t i = 0; i < times; i++)
        tp__gemm_run(state->backend, &state->batch);
}

static void products_float(products_state *state, int64_t times)
{
    state->job.refused = state->job.type <= PRODUCTS_F64;
    for (int64_t i = 0; i < times && !state->job.refused; i++)
        tp__gemm_run(state->backend, &state->wide);
}

#define PRODUCTS_PEER(name)                                                                        \
    static void products_##name(products_state *state, int64_t times)                              \
    {                                                                                              \
        products_run_##name(&state->job, times);                                                   \
    }

#ifdef BENCH_WITH_BLAS
PRODUCTS_PEER(blas)
#endif
#ifdef BENCH_WITH_ONEDNN
PRODUCTS_PEER(onednn)
#endif
#ifdef BENCH_WITH_XSMM
PRODUCTS_PEER(xsmm)
#endif

static const products_entry products_entries[] = {
    {"ours", products_ours},     {"float32", products_float},
#ifdef BENCH_WITH_BLAS
    {"OpenBLAS", products_blas},
#endif
#ifdef BENCH_WITH_ONEDNN
    {"oneDNN", products_onednn},
#endif
#ifdef BENCH_WITH_XSMM
    {"libxsmm", products_xsmm},
#endif
};

enum { PRODUCTS_ENTRIES = sizeof products_entries / sizeof *products_entries };

/* --- Operands --- */

static size_t products_item(products_type type)
{
    return type == PRODUCTS_F64 ? 8 : type == PRODUCTS_F32 ? 4 : 2;
}

static void *products_random(int64_t size, products_type type)
{
    static const tp_dtype dtypes[] = {TP_F32, TP_F64, TP_BF16, TP_F16};
    char *memory = tp__alloc_aligned((size_t)size * products_item(type));
    for (int64_t i = 0; memory && i < size; i++)
        tp__write_element(dtypes[type], memory + (size_t)i * products_item(type),
                          (double)((i * INT64_C(7919)) % 1000) / 1000 - 0.5);
    return memory;
}

static void products_open(products_state *state, const products_row *row, products_type type)
{
    static const uint8_t half[] = {0, 0, TP_BF16, TP_F16};
    int64_t m = row->m, n = row->n, k = row->k, sizes[] = {m * k, k * n, m * n};
    bool ta = row->layout[0] == 'T', tb = row->layout[1] == 'T';
    state->job =
        (products_job){.type = type, .m = m, .n = n, .k = k, .a_turned = ta, .b_turned = tb};
    state->job.a = products_random(m * k, type);
    state->job.b = products_random(k * n, type);
    state->job.c = products_random(m * n, type);
    state->backend = tp__gemm_best(type == PRODUCTS_F64 ? TP_F64 : TP_F32);
    state->batch = (tp__gemm_batch){.first = {.m = m,
                                              .n = n,
                                              .k = k,
                                              .a = state->job.a,
                                              .b = state->job.b,
                                              .c = state->job.c,
                                              .a_row = ta ? 1 : k,
                                              .a_column = ta ? m : 1,
                                              .b_row = tb ? 1 : n,
                                              .b_column = tb ? k : 1,
                                              .c_row = n,
                                              .a_type = half[type],
                                              .b_type = half[type],
                                              .c_type = half[type]},
                                    .count = 1};
    state->wide = state->batch;
    for (int i = 0; i < 3; i++)
        state->wide_memory[i] = half[type] ? products_random(sizes[i], PRODUCTS_F32) : NULL;
    tp__gemm *wide = &state->wide.first;
    wide->a = state->wide_memory[0];
    wide->b = state->wide_memory[1];
    wide->c = state->wide_memory[2];
    wide->a_type = wide->b_type = wide->c_type = 0;
}

static void products_close(const products_state *state)
{
    tp__free(state->job.a);
    tp__free(state->job.b);
    tp__free(state->job.c);
    for (int i = 0; i < 3; i++)
        tp__free(state->wide_memory[i]);
}

/* --- Measuring --- */

double products_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

static double products_sample(const products_entry *entry, products_state *state, int64_t times)
{
    double start = products_now();
    entry->run(state, times);
    return (products_now() - start) / (double)times;
}

/* So many calls take about half a millisecond; 0: the contestant does not do this. */
static int64_t products_times(const products_entry *entry, products_state *state)
{
    entry->run(state, 1);
    if (state->job.refused)
        return 0;
    double once = products_sample(entry, state, 3);
    return once > 5e5 ? 1 : (int64_t)(5e5 / (once + 1)) + 1;
}

/* Entry PRODUCTS_ENTRIES is the peak. */
typedef struct products_result {
    int samples[PRODUCTS_ENTRIES + 1];
    double gflops[PRODUCTS_ENTRIES + 1][PRODUCTS_MOST];
} products_result;

static void products_note(products_result *result, int entry, double gflops)
{
    result->gflops[entry][result->samples[entry]++] = gflops;
}

static int products_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* 0: there are no samples. */
static double products_median(products_result *result, int entry)
{
    int n = result->samples[entry];
    qsort(result->gflops[entry], (size_t)n, sizeof(double), products_compare);
    return n ? result->gflops[entry][n / 2] : 0;
}

/* GFLOP/s of multiplications and additions in registers, at the library's level of instructions: of
 * float64, or of float32, in which products of half types are summed. */
static double products_peak(products_type type)
{
    const double flops = 1.5e7;
    const int bytes = tp__level == TP__AVX512 ? 64 : tp__level == TP__AVX2 ? 32 : 16;
    double start = products_now();
    bench_multiply_in(bytes, type != PRODUCTS_F64, flops);
    return flops / (products_now() - start);
}

static void products_measure(products_state *state, products_result *result)
{
    double flops = 2 * (double)state->job.m * (double)state->job.n * (double)state->job.k;
    int64_t times[PRODUCTS_ENTRIES];
    for (int e = 0; e < PRODUCTS_ENTRIES; e++) {
        state->job.refused = false;
        times[e] = products_times(&products_entries[e], state);
    }
    for (int round = 0; round < state->rounds; round++) {
        products_note(result, PRODUCTS_ENTRIES, products_peak(state->job.type));
        for (int i = 0; i < PRODUCTS_ENTRIES; i++) {
            int e = (i + round) % PRODUCTS_ENTRIES;
            if (times[e])
                products_note(result, e,
                              flops / products_sample(&products_entries[e], state, times[e]));
        }
    }
}

/* --- Report --- */

static void products_head(const products_state *state)
{
    const char *bar = state->markdown ? " | " : "  ";
    printf("%s%-24s%s%8s%s%8s%s%6s", state->markdown ? "| " : "", "product", bar, "ours", bar,
           "peak", bar, "share");
    for (int e = 1; e < PRODUCTS_ENTRIES; e++)
        printf("%s%8s", bar, products_entries[e].name);
    printf(state->markdown ? " |\n|---|---|---|---|" : "\n");
    for (int e = 1; state->markdown && e < PRODUCTS_ENTRIES; e++)
        printf("---|");
    printf(state->markdown ? "\n" : "");
}

static void products_print(const products_state *state, const char *name, products_result *result)
{
    const char *bar = state->markdown ? " | " : "  ";
    double ours = products_median(result, 0), peak = products_median(result, PRODUCTS_ENTRIES);
    printf("%s%-24s%s%8.1f%s%8.1f%s%4.0f %%", state->markdown ? "| " : "", name, bar, ours, bar,
           peak, bar, 100 * ours / peak);
    for (int e = 1; e < PRODUCTS_ENTRIES; e++)
        if (result->samples[e] > 0)
            printf("%s%8.1f", bar, products_median(result, e));
        else
            printf("%s%8s", bar, "");
    printf(state->markdown ? " |\n" : "\n");
    fflush(stdout);
}

/* --- Two threads --- */

static double products_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return 1e9 * (double)now.tv_sec + (double)now.tv_nsec;
}

/* In places 0 and 1 of the result: so many threads, less one. */
static void products_measure_threads(products_state *state, products_result *result)
{
    double flops = 2 * (double)state->job.m * (double)state->job.n * (double)state->job.k;
    int64_t times = products_times(&products_entries[0], state) * 2;
    for (int i = 0; i < 2 * state->rounds; i++) {
        tp_set_num_threads(1 + i % 2);
        products_ours(state, 1);
        double start = products_clock();
        products_ours(state, times);
        products_note(result, i % 2, flops * (double)times / (products_clock() - start));
    }
    tp_set_num_threads(1);
}

static void products_print_threads(const products_state *state, const char *name,
                                   products_result *result)
{
    const char *bar = state->markdown ? " | " : "  ", *end = state->markdown ? " |" : "";
    double one = products_median(result, 0), two = products_median(result, 1);
    printf("%s%-24s%s%8.1f%s%8.1f%s%8.2f%s\n", state->markdown ? "| " : "", name, bar, one, bar,
           two, bar, two / one, end);
    fflush(stdout);
}

/* --- Tables --- */

static void products_all(products_state *state, const products_row *rows, size_t n,
                         products_type type)
{
    static const char *const names[] = {"f32", "f64", "bf16", "f16"};
    for (const products_row *row = rows; row < rows + n; row++) {
        char name[64];
        snprintf(name, sizeof name, "%s %d×%d×%d %s", names[type], (int)row->m, (int)row->n,
                 (int)row->k, row->layout);
        if (state->text && !strstr(name, state->text))
            continue;
        products_open(state, row, type);
        products_result result = {0};
        if (state->threads) {
            products_measure_threads(state, &result);
            products_print_threads(state, name, &result);
        } else {
            products_measure(state, &result);
            products_print(state, name, &result);
        }
        products_close(state);
    }
}

#define PRODUCTS_ROWS(rows) rows, sizeof(rows) / sizeof *(rows)

static void products_tables(products_state *state)
{
    if (state->threads) {
        if (state->markdown)
            printf("| product | one thread | two | times |\n|---|---|---|---|\n");
        else
            printf("%-24s  %8s  %8s  %8s\n", "product", "one", "two", "times");
        products_all(state, PRODUCTS_ROWS(products_thread_rows), PRODUCTS_F32);
        products_all(state, PRODUCTS_ROWS(products_thread_rows), PRODUCTS_F64);
        products_all(state, PRODUCTS_ROWS(products_thread_rows), PRODUCTS_BF16);
        return;
    }
    products_head(state);
    products_all(state, PRODUCTS_ROWS(products_rows), PRODUCTS_F32);
    products_all(state, PRODUCTS_ROWS(products_rows), PRODUCTS_F64);
    products_all(state, PRODUCTS_ROWS(products_half_rows), PRODUCTS_BF16);
    products_all(state, PRODUCTS_ROWS(products_half_rows), PRODUCTS_F16);
}

static int products_rounds(const char *text)
{
    int rounds = atoi(text);
    return rounds < 1 ? 1 : rounds > PRODUCTS_MOST ? PRODUCTS_MOST : rounds;
}

int main(int count, char **words)
{
    bench_one_thread(words);
    products_state state = {.rounds = PRODUCTS_ROUNDS};
    for (int i = 1; i < count; i++)
        if (!strcmp(words[i], "--markdown"))
            state.markdown = true;
        else if (!strcmp(words[i], "--threads"))
            state.threads = true;
        else if (!strcmp(words[i], "--rounds") && i + 1 < count)
            state.rounds = products_rounds(words[++i]);
        else
            state.text = words[i];
    tp_set_num_threads(1);
    TP_SCOPE();
    if (!state.markdown)
        bench_print_machine();
    bench_print_rates(stdout);
    if (state.markdown)
        putchar('\n');
    products_tables(&state);
    return 0;
}
