/* SPDX-License-Identifier: MIT
 *
 * What stands between this and end_level.h is compiled for every machine.
 */
#if defined(__clang__)
#pragma clang attribute push
#else
#pragma GCC push_options
#include "kernels/optimize.h"
#endif
