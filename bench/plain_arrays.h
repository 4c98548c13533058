/* SPDX-License-Identifier: MIT
 *
 * The tasks on small arrays by hand: compiled for this processor, as kernels of libraries are.
 */
#ifndef BENCH_PLAIN_ARRAYS_H
#define BENCH_PLAIN_ARRAYS_H

void bench_plain_elements(int n, double at, double *out);
void bench_plain_network(int n, double at, double *out);

#endif
