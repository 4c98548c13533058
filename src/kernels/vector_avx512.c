/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX-512.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/settings.h"

#if TP__HAS_AVX

#include "kernels/begin_avx512.h"

#define VECTOR(name) name##_avx512
#define VECTOR_BYTES 64
#define VECTOR_FLOAT1(name) _ZGVeN16v_##name##f
#define VECTOR_FLOAT2(name) _ZGVeN16vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVeN8v_##name
#define VECTOR_DOUBLE2(name) _ZGVeN8vv_##name
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#include "kernels/softmax_norm_body.h"

#include "kernels/end_level.h"

#endif
