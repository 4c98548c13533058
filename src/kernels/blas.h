/* SPDX-License-Identifier: MIT
 *
 * OpenBLAS, held to one thread; with TP_WITH_BLAS only.
 */
#ifndef TP_BLAS_H
#define TP_BLAS_H

#include "kernels/gemm.h"

/* Products of float32 or float64. */
const tp__gemm_backend *tp__blas_backend(tp_dtype dtype);

/* The rest of the program may have given OpenBLAS threads since the last call of it. */
void tp__blas_one_thread(void);

#endif
