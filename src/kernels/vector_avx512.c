/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX-512. Compiled with -mavx512f and its like, and empty without.
 */
#include "base/features.h"

#include "kernels/kernels.h"

#if defined(__AVX512F__)

#define VECTOR(name) name##_avx512
#define VECTOR_BYTES 64
#define VECTOR_FLOAT1(name) _ZGVeN16v_##name##f
#define VECTOR_FLOAT2(name) _ZGVeN16vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVeN8v_##name
#define VECTOR_DOUBLE2(name) _ZGVeN8vv_##name
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#include "kernels/rows_body.h"

#else

const tp__override tp__kernels_avx512[] = {{NULL, 0, TP_F32, NULL}};
const tp__override tp__sequence_kernels_avx512[] = {{NULL, 0, TP_F32, NULL}};
const tp__override tp__row_kernels_avx512[] = {{NULL, 0, TP_F32, NULL}};

#endif
