/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#include "kernels/kernels.h"

const tp__override tp__kernels_blas[] = {{NULL, 0, TP_F32, NULL}};
