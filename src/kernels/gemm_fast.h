/* SPDX-License-Identifier: MIT
 *
 * Products of float32 and float64 in tiles of registers (gemm_tile.h), for operands of any strides.
 */
#ifndef TP_GEMM_FAST_H
#define TP_GEMM_FAST_H

#include "kernels/gemm.h"

/* NULL where there is the reference only. */
const tp__gemm_backend *tp__gemm_fast(tp_dtype dtype);

#endif
