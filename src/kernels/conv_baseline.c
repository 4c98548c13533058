/* SPDX-License-Identifier: MIT
 *
 * Convolutions for every machine: SSE2 on x86-64.
 */
#include "base/features.h"

#include <string.h>

#include "kernels/begin_baseline.h"

#define CONV(name) name##_baseline
#define CONV_BYTES 16
#define CONV_ROWS 4
#define CONV_HOLD(a) ((void)(a))
#define CONV_FMA_float(a, b, c) ((a) * (b) + (c))
#define CONV_FMA_double(a, b, c) ((a) * (b) + (c))
#include "kernels/conv_body.h"

#include "kernels/end_level.h"
