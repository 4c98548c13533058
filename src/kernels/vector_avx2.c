/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX2. Compiled with -mavx2, and empty without.
 */
#include "base/features.h"

#include "kernels/kernels.h"

#if defined(__AVX2__)

#define VECTOR(name) name##_avx2
#define VECTOR_BYTES 32
#define VECTOR_FLOAT1(name) _ZGVdN8v_##name##f
#define VECTOR_FLOAT2(name) _ZGVdN8vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVdN4v_##name
#define VECTOR_DOUBLE2(name) _ZGVdN4vv_##name
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#include "kernels/rows_body.h"

#else

const tp__override tp__kernels_avx2[] = {{NULL, 0, TP_F32, NULL}};
const tp__override tp__sequence_kernels_avx2[] = {{NULL, 0, TP_F32, NULL}};
const tp__override tp__row_kernels_avx2[] = {{NULL, 0, TP_F32, NULL}};

#endif
