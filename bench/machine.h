/* SPDX-License-Identifier: MIT
 *
 * What one core of this machine does at most: multiplications and additions in registers, and bytes
 * that loops move. Limits in the tables are made of these, measured in the run whose times stand
 * beside them, and never of another library.
 */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Does so many floating-point operations in registers, a fused multiplication and addition being
 * two, with the widest instructions of the processor; or with those of registers of at most so many
 * bytes: 64, 32 or 16. */
void bench_multiply(bool single, double flops);
void bench_multiply_in(int bytes, bool single, double flops);

/* Moves so many bytes, a multiple of 256, in the quickest of some ways, which the first pass over
 * about as many finds out. BENCH_READ leaves `to` alone, BENCH_FILL `from`. */
typedef enum bench_pass_kind { BENCH_READ, BENCH_COPY, BENCH_FILL, BENCH_PASSES } bench_pass_kind;

void bench_pass(bench_pass_kind kind, void *to, const void *from, size_t bytes);

/* Memory for passes: pages as large as the library asks for, filled with 1e-3F. NULL: there is
 * none. For free(). */
void *bench_memory(size_t bytes);

/* GFLOP/s in registers, bytes a nanosecond that passes over 64 MiB read, and read and write. */
typedef struct bench_machine {
    double float32, float64, read, copied;
} bench_machine;

bench_machine bench_measure_machine(void);

/* The host, its processor and system, in one line, before it one for each variable by which
 * somebody has pinned OpenBLAS, and after it one of what bench_measure_machine measures now. */
void bench_print_machine(void);
void bench_print_rates(FILE *to);

#endif
