/* SPDX-License-Identifier: MIT */
#include "base/features.h"

#if defined(TP_WITH_BLAS)

#include <cblas.h>

#include "kernels/blas.h"

void tp__blas_one_thread(void)
{
    if (openblas_get_num_threads() != 1)
        openblas_set_num_threads(1);
}

#else

extern int tp__blas_is_not_there;

#endif
