/* SPDX-License-Identifier: MIT
 *
 * Kernels for AVX2.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/settings.h"

#if TP__HAS_AVX

#include "kernels/begin_avx2.h"

#define VECTOR(name) name##_avx2
#define VECTOR_BYTES 32
#define VECTOR_FLOAT1(name) _ZGVdN8v_##name##f
#define VECTOR_FLOAT2(name) _ZGVdN8vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVdN4v_##name
#define VECTOR_DOUBLE2(name) _ZGVdN4vv_##name
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#include "kernels/softmax_norm_body.h"

#include "kernels/end_level.h"

#endif
