/* SPDX-License-Identifier: MIT
 *
 * Kernels for every machine: SSE2 on x86-64, whatever the compiler vectorises with elsewhere.
 */
#include "base/features.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/begin_baseline.h"

#define VECTOR(name) name##_baseline
#define VECTOR_BYTES 16
#define VECTOR_FLOAT1(name) _ZGVbN4v_##name##f
#define VECTOR_FLOAT2(name) _ZGVbN4vv_##name##f
#define VECTOR_DOUBLE1(name) _ZGVbN2v_##name
#define VECTOR_DOUBLE2(name) _ZGVbN2vv_##name
#include "kernels/vector_body.h"

#include "kernels/sequence_body.h"

#define VECTOR_FMA_float(a, b, c) ((a) * (b) + (c))
#include "kernels/gelu_body.h"

#include "kernels/softmax_norm_body.h"

#include "kernels/distance_body.h"

#include "kernels/end_level.h"
