/* SPDX-License-Identifier: MIT
 *
 * What stands between this and end_level.h is compiled for processors with AVX2, FMA and F16C.
 */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,f16c"))), apply_to = function)
#else
#pragma GCC push_options
#include "kernels/optimize.h"
#pragma GCC target("avx2,fma,f16c")
#endif
